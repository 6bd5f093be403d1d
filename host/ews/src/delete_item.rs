//! `DeleteItem`.
//!
//! <https://learn.microsoft.com/exchange/client-developer/web-service-reference/deleteitem-operation>

use xml::{Element, Writer};

use crate::{
    classify::Effect,
    item_id::{self, ItemId},
    operation::Operation,
    soap::{Fault, response::Form},
    values::wire_enum,
};

wire_enum! {
    /// Where the item goes.
    pub enum DeleteType {
        /// Away for good.
        HardDelete = "HardDelete",
        /// Into the dumpster.
        SoftDelete = "SoftDelete",
        /// Into Deleted Items.
        MoveToDeletedItems = "MoveToDeletedItems",
    }
}

/// The request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteItem {
    /// Where the items go.
    pub delete_type: DeleteType,
    /// Which items.
    pub item_ids: Vec<ItemId>,
}

impl Operation for DeleteItem {
    const FORM: Form = Form::of("DeleteItem");

    type Payload = ();

    fn effect(&self) -> Effect {
        Effect::Delete
    }

    fn inputs(&self) -> usize {
        self.item_ids.len()
    }

    fn write(&self, writer: &mut Writer) {
        let attributes = [("DeleteType", self.delete_type.as_str())];
        writer.element("m:DeleteItem", &attributes, |writer| {
            item_id::write_ids(writer, &self.item_ids);
        });
    }

    fn read(element: &Element) -> Result<Self, Fault> {
        let delete_type = element.attribute("DeleteType").and_then(DeleteType::from_wire);
        Ok(Self {
            // The schema's rules have refused anything else; the mildest for what slips through.
            delete_type: delete_type.unwrap_or(DeleteType::MoveToDeletedItems),
            item_ids: item_id::read_ids(element),
        })
    }

    fn write_payload((): &(), _: &mut Writer) {}

    fn read_payload(_: &Element) {}
}
