//! `GetItem`: reads items.
//!
//! <https://learn.microsoft.com/exchange/client-developer/web-service-reference/getitem-operation>

use xml::{Element, Writer};

use crate::{
    item::{self, Message},
    item_id::{self, ItemId},
    operation::Operation,
    shape::ItemShape,
    soap::{Fault, response::Form},
};

/// The most ids that our client puts into one request (ews.md 8.2).
pub const ITEMS_MAX: usize = 50;

/// The request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetItem {
    /// What is returned of each.
    pub shape: ItemShape,
    /// Which items.
    pub item_ids: Vec<ItemId>,
}

impl Operation for GetItem {
    const FORM: Form = Form { payload_on_error: true, ..Form::of("GetItem") };

    /// The item; none on errors.
    type Payload = Vec<Message>;

    fn inputs(&self) -> usize {
        self.item_ids.len()
    }

    fn write(&self, writer: &mut Writer) {
        writer.element("m:GetItem", &[], |writer| {
            self.shape.write(writer);
            item_id::write_ids(writer, &self.item_ids);
        });
    }

    fn read(element: &Element) -> Result<Self, Fault> {
        let shape = element.child("ItemShape");
        Ok(Self {
            shape: shape.map_or_else(ItemShape::id_only, ItemShape::read),
            item_ids: item_id::read_ids(element),
        })
    }

    fn write_payload(payload: &Vec<Message>, writer: &mut Writer) {
        item::write_items(writer, "m:Items", payload);
    }

    fn read_payload(message: &Element) -> Vec<Message> {
        item::read_items(message)
    }
}
