//! `FindItem`: searches a folder (ews.md 2.5).
//!
//! <https://learn.microsoft.com/exchange/client-developer/web-service-reference/finditem-operation>

use xml::{Element, Writer};

use crate::{
    code::ResponseCode,
    folder_id::FolderId,
    item::{self, Message},
    operation::Operation,
    restriction::Restriction,
    shape::{self, FieldOrder, ItemShape, Page},
    soap::{Fault, response::Form},
    values::{boolean, boolean_text, number_attribute, wire_enum},
};

wire_enum! {
    /// Which items of the folder. There is no deep search for items.
    pub enum Traversal {
        /// Those in the folder.
        Shallow = "Shallow",
        /// Those in the folder's dumpster.
        SoftDeleted = "SoftDeleted",
        /// The hidden ones.
        Associated = "Associated",
    }
}

/// The request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindItem {
    /// Which items.
    pub traversal: Traversal,
    /// What is returned of each; bodies, recipients and attachments never are.
    pub shape: ItemShape,
    /// Which part of the result; the kinds of views other than by index are read as none.
    pub page: Option<Page>,
    /// What is looked for.
    pub restriction: Option<Restriction>,
    /// In which order.
    pub sort_order: Vec<FieldOrder>,
    /// Where; one response message for each.
    pub folders: Vec<FolderId>,
    /// A search in words (`QueryString`), which our server does not know.
    pub query: Option<String>,
}

impl FindItem {
    /// Everything in a folder, ids alone.
    #[must_use]
    pub fn all(folder: FolderId) -> Self {
        Self {
            traversal: Traversal::Shallow,
            shape: ItemShape::id_only(),
            page: None,
            restriction: None,
            sort_order: Vec::new(),
            folders: vec![folder],
            query: None,
        }
    }
}

/// `m:RootFolder`: a page of what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundItems {
    /// The offset of the next page.
    pub next_offset: Option<u32>,
    /// How many there are in all.
    pub total: Option<u32>,
    /// Whether this is the last page. Absent on the wire counts as yes.
    pub includes_last: bool,
    /// The items.
    pub items: Vec<Message>,
}

impl Default for FoundItems {
    fn default() -> Self {
        Self { next_offset: None, total: None, includes_last: true, items: Vec::new() }
    }
}

impl Operation for FindItem {
    const FORM: Form = Form::of("FindItem");

    type Payload = FoundItems;

    fn inputs(&self) -> usize {
        self.folders.len()
    }

    fn write(&self, writer: &mut Writer) {
        let attributes = [("Traversal", self.traversal.as_str())];
        writer.element("m:FindItem", &attributes, |writer| {
            self.shape.write(writer);
            if let Some(page) = &self.page {
                page.write(writer, "m:IndexedPageItemView");
            }
            if let Some(restriction) = &self.restriction {
                writer.element("m:Restriction", &[], |writer| restriction.write(writer));
            }
            shape::write_sort_order(writer, &self.sort_order);
            writer.element("m:ParentFolderIds", &[], |writer| {
                for folder in &self.folders {
                    folder.write(writer);
                }
            });
            if let Some(query) = &self.query {
                writer.leaf("m:QueryString", query);
            }
        });
    }

    fn read(element: &Element) -> Result<Self, Fault> {
        let invalid =
            || Fault::new(ResponseCode::INVALID_RESTRICTION, "The restriction is incomplete.");
        let restriction = element.child("Restriction").map(Restriction::read_inside);
        let restriction = restriction.map(|read| read.ok_or_else(invalid)).transpose()?;
        let traversal = element.attribute("Traversal").and_then(Traversal::from_wire);
        let shape = element.child("ItemShape");
        Ok(Self {
            traversal: traversal.unwrap_or(Traversal::Shallow),
            shape: shape.map_or_else(ItemShape::id_only, ItemShape::read),
            page: element.child("IndexedPageItemView").map(Page::read),
            restriction,
            sort_order: shape::read_sort_order(element),
            folders: element.child("ParentFolderIds").map(FolderId::read_all).unwrap_or_default(),
            query: element.child_text("QueryString"),
        })
    }

    fn write_payload(payload: &FoundItems, writer: &mut Writer) {
        let next = payload.next_offset.map(|offset| offset.to_string());
        let total = payload.total.map(|total| total.to_string());
        let mut attributes = Vec::new();
        attributes.extend(next.as_deref().map(|next| ("IndexedPagingOffset", next)));
        attributes.extend(total.as_deref().map(|total| ("TotalItemsInView", total)));
        attributes.push(("IncludesLastItemInRange", boolean_text(payload.includes_last)));
        writer.element("m:RootFolder", &attributes, |writer| {
            item::write_items(writer, "t:Items", &payload.items);
        });
    }

    fn read_payload(message: &Element) -> FoundItems {
        let Some(folder) = message.child("RootFolder") else {
            return FoundItems::default();
        };
        let includes_last = folder.attribute("IncludesLastItemInRange").and_then(boolean);
        FoundItems {
            next_offset: number_attribute(folder, "IndexedPagingOffset"),
            total: number_attribute(folder, "TotalItemsInView"),
            includes_last: includes_last.unwrap_or(true),
            items: item::read_items(folder),
        }
    }
}
