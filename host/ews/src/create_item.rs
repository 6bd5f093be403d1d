//! `CreateItem`: stores mail, or sends it, or both (ews.md 1).
//!
//! <https://learn.microsoft.com/exchange/client-developer/web-service-reference/createitem-operation>

use xml::{Element, Writer};

use crate::{
    classify::Effect,
    code::ResponseCode,
    folder_id::{self, FolderId, distinguished},
    item::{self, Message},
    operation::Operation,
    soap::{Fault, response::Form},
    values::wire_enum,
};

/// The most items that our client puts into one request (ews.md 8.2).
pub const ITEMS_MAX: usize = 10;

wire_enum! {
    /// What is done with the new items.
    pub enum MessageDisposition {
        /// Stored. Ids come back.
        SaveOnly = "SaveOnly",
        /// Sent, no copy kept. No ids.
        SendOnly = "SendOnly",
        /// Sent, a copy kept. No ids.
        SendAndSaveCopy = "SendAndSaveCopy",
    }
}

/// The request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateItem {
    /// What is done with the items.
    pub disposition: MessageDisposition,
    /// Where they are stored. Servers differ in what they take without: always give it.
    pub folder: Option<FolderId>,
    /// The mails.
    pub items: Vec<Message>,
}

impl CreateItem {
    /// Stores mails in a folder.
    #[must_use]
    pub fn save(folder: FolderId, items: Vec<Message>) -> Self {
        Self { disposition: MessageDisposition::SaveOnly, folder: Some(folder), items }
    }
}

impl Operation for CreateItem {
    const FORM: Form = Form { payload_on_error: true, ..Form::of("CreateItem") };

    /// The new items: ids alone, and none when sent.
    type Payload = Vec<Message>;

    fn effect(&self) -> Effect {
        match (self.disposition, &self.folder) {
            (MessageDisposition::SaveOnly, Some(FolderId::Distinguished { name, .. }))
                if name != distinguished::DRAFTS =>
            {
                Effect::Deposit
            }
            (MessageDisposition::SaveOnly, _) => Effect::Draft,
            _ => Effect::Send,
        }
    }

    fn inputs(&self) -> usize {
        self.items.len()
    }

    fn write(&self, writer: &mut Writer) {
        let attributes = [("MessageDisposition", self.disposition.as_str())];
        writer.element("m:CreateItem", &attributes, |writer| {
            folder_id::write_target(writer, "m:SavedItemFolderId", self.folder.as_ref());
            item::write_items(writer, "m:Items", &self.items);
        });
    }

    fn read(element: &Element) -> Result<Self, Fault> {
        let disposition =
            element.attribute("MessageDisposition").and_then(MessageDisposition::from_wire);
        let disposition = disposition.ok_or_else(|| {
            let text = "Mail needs a MessageDisposition.";
            Fault::new(ResponseCode::MESSAGE_DISPOSITION_REQUIRED, text)
        })?;
        let items = element.child("Items").into_iter().flat_map(Element::children);
        if items.into_iter().any(|item| item.name != "Message" && item.name != "Item") {
            let text = "Only mail can be created here.";
            return Err(Fault::new(ResponseCode::INVALID_REQUEST, text));
        }
        Ok(Self {
            disposition,
            folder: folder_id::read_target(element, "SavedItemFolderId"),
            items: item::read_items(element),
        })
    }

    fn write_payload(payload: &Vec<Message>, writer: &mut Writer) {
        item::write_items(writer, "m:Items", payload);
    }

    fn read_payload(message: &Element) -> Vec<Message> {
        item::read_items(message)
    }
}
