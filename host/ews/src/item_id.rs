//! `t:ItemId`: what names an item, until it moves.

use xml::{Element, Writer};

/// Names an item and, with a change key, one version of it. Both are opaque.
///
/// An item that moves to another folder gets a new id; every write gives a new change key
/// (ews.md 9.4).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ItemId {
    /// The item.
    pub id: String,
    /// The version; needed by writing operations such as `SendItem`.
    pub change_key: Option<String>,
}

impl ItemId {
    /// An id without a change key.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), change_key: None }
    }

    /// An id of one version.
    #[must_use]
    pub fn with_change_key(id: impl Into<String>, change_key: impl Into<String>) -> Self {
        Self { id: id.into(), change_key: Some(change_key.into()) }
    }

    /// Writes it as the element `name`, which is `t:ItemId` but for a few other uses.
    pub fn write(&self, writer: &mut Writer, name: &str) {
        let mut attributes = vec![("Id", self.id.as_str())];
        attributes.extend(self.change_key.as_deref().map(|key| ("ChangeKey", key)));
        writer.empty(name, &attributes);
    }

    /// Reads it from its element; nothing without an `Id`.
    #[must_use]
    pub fn read(element: &Element) -> Option<Self> {
        let change_key = element.attribute("ChangeKey").map(|key| key.trim().to_owned());
        Some(Self {
            id: element.attribute("Id")?.trim().to_owned(),
            change_key: change_key.filter(|key| !key.is_empty()),
        })
    }
}

/// Writes `m:ItemIds`.
pub(crate) fn write_ids(writer: &mut Writer, ids: &[ItemId]) {
    writer.element("m:ItemIds", &[], |writer| {
        for id in ids {
            id.write(writer, "t:ItemId");
        }
    });
}

/// Reads the `ItemIds` of an operation.
pub(crate) fn read_ids(operation: &Element) -> Vec<ItemId> {
    let ids = operation.child("ItemIds").into_iter();
    ids.flat_map(|ids| ids.children_named("ItemId")).filter_map(ItemId::read).collect()
}
