//! `SendItem`: sends drafts (ews.md 2.2).
//!
//! <https://learn.microsoft.com/exchange/client-developer/web-service-reference/senditem-operation>

use xml::{Element, Writer};

use crate::{
    classify::Effect,
    code::ResponseCode,
    folder_id::{self, FolderId, distinguished},
    item_id::{self, ItemId},
    operation::Operation,
    soap::{Fault, response::Form},
    values,
};

/// The request. Every id needs its current change key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendItem {
    /// The drafts.
    pub item_ids: Vec<ItemId>,
    /// Where the copies go; `None` keeps no copy. The wire tells both apart from a third case,
    /// "a copy in the default place", which is read as Sent Items.
    pub save_copy_in: Option<FolderId>,
}

impl SendItem {
    /// Sends drafts and keeps copies in Sent Items, where they can be looked up.
    #[must_use]
    pub fn new(item_ids: Vec<ItemId>) -> Self {
        let sent_items = FolderId::distinguished(distinguished::SENT_ITEMS);
        Self { item_ids, save_copy_in: Some(sent_items) }
    }
}

impl Operation for SendItem {
    const FORM: Form = Form::of("SendItem");

    type Payload = ();

    fn effect(&self) -> Effect {
        Effect::Send
    }

    fn inputs(&self) -> usize {
        self.item_ids.len()
    }

    fn write(&self, writer: &mut Writer) {
        let save = values::boolean_text(self.save_copy_in.is_some());
        writer.element("m:SendItem", &[("SaveItemToFolder", save)], |writer| {
            item_id::write_ids(writer, &self.item_ids);
            folder_id::write_target(writer, "m:SavedItemFolderId", self.save_copy_in.as_ref());
        });
    }

    fn read(element: &Element) -> Result<Self, Fault> {
        let save = element.attribute("SaveItemToFolder").and_then(values::boolean).unwrap_or(false);
        let folder = folder_id::read_target(element, "SavedItemFolderId");
        if !save && folder.is_some() {
            let text = "A folder for copies is given, and copies are not wanted.";
            return Err(Fault::new(ResponseCode::INVALID_SEND_ITEM_SAVE_SETTINGS, text));
        }
        let sent_items = || FolderId::distinguished(distinguished::SENT_ITEMS);
        Ok(Self {
            item_ids: item_id::read_ids(element),
            save_copy_in: save.then(|| folder.unwrap_or_else(sent_items)),
        })
    }

    fn write_payload((): &(), _: &mut Writer) {}

    fn read_payload(_: &Element) {}
}
