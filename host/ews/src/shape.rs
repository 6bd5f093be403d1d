//! How much of an item is returned, how many, and in which order.

use xml::{Element, Writer};

use crate::{
    property::PropertyPath,
    values::{self, number_attribute, wire_enum},
};

wire_enum! {
    /// The set of properties returned before those asked for by name.
    pub enum BaseShape {
        /// The id alone.
        IdOnly = "IdOnly",
        /// What a list of messages shows.
        Default = "Default",
        /// All that the server thinks useful.
        AllProperties = "AllProperties",
        /// For searching people; not served here.
        PcxPeopleSearch = "PcxPeopleSearch",
    }
}

wire_enum! {
    /// Which body is wanted.
    pub enum WantedBody {
        /// HTML if there is one.
        Best = "Best",
        /// HTML, made from the text if need be.
        Html = "HTML",
        /// Text, made from HTML if need be.
        Text = "Text",
    }
}

/// `m:ItemShape`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemShape {
    /// The set to begin with.
    pub base: BaseShape,
    /// Whether the message is wanted as MIME too; refused by `FindItem`.
    pub include_mime_content: Option<bool>,
    /// Which body.
    pub body_type: Option<WantedBody>,
    /// Properties besides.
    pub additional: Vec<PropertyPath>,
}

impl ItemShape {
    /// The id and nothing else.
    #[must_use]
    pub fn id_only() -> Self {
        Self::with_base(BaseShape::IdOnly)
    }

    /// A set and nothing else.
    #[must_use]
    pub fn with_base(base: BaseShape) -> Self {
        Self { base, include_mime_content: None, body_type: None, additional: Vec::new() }
    }

    /// Adds a property.
    #[must_use]
    pub fn and(mut self, path: PropertyPath) -> Self {
        self.additional.push(path);
        self
    }

    /// Writes `m:ItemShape`.
    pub fn write(&self, writer: &mut Writer) {
        writer.element("m:ItemShape", &[], |writer| {
            writer.leaf("t:BaseShape", self.base.as_str());
            values::optional_flag(writer, "t:IncludeMimeContent", self.include_mime_content);
            values::optional_value(writer, "t:BodyType", self.body_type);
            if !self.additional.is_empty() {
                writer.element("t:AdditionalProperties", &[], |writer| {
                    for path in &self.additional {
                        path.write(writer);
                    }
                });
            }
        });
    }

    /// Reads the shape of an operation; what is not there is the least.
    #[must_use]
    pub fn read(element: &Element) -> Self {
        let base = values::text(element, "BaseShape");
        let body = values::text(element, "BodyType");
        let additional = element.child("AdditionalProperties").into_iter();
        Self {
            base: base.and_then(|text| BaseShape::from_wire(&text)).unwrap_or(BaseShape::IdOnly),
            include_mime_content: values::flag(element, "IncludeMimeContent"),
            body_type: body.and_then(|text| WantedBody::from_wire(&text)),
            additional: additional
                .flat_map(Element::children)
                .filter_map(PropertyPath::read)
                .collect(),
        }
    }
}

wire_enum! {
    /// Rising or falling.
    pub enum Direction {
        /// Smallest first.
        Ascending = "Ascending",
        /// Greatest first.
        Descending = "Descending",
    }
}

/// One `t:FieldOrder` of `m:SortOrder`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldOrder {
    /// By which property.
    pub path: PropertyPath,
    /// Which way.
    pub direction: Direction,
}

/// Writes `m:SortOrder`; nothing if it is empty.
pub(crate) fn write_sort_order(writer: &mut Writer, order: &[FieldOrder]) {
    if !order.is_empty() {
        writer.element("m:SortOrder", &[], |writer| {
            for field in order {
                let attributes = [("Order", field.direction.as_str())];
                writer.element("t:FieldOrder", &attributes, |writer| field.path.write(writer));
            }
        });
    }
}

/// Reads the `SortOrder` of an operation.
pub(crate) fn read_sort_order(operation: &Element) -> Vec<FieldOrder> {
    let order = operation.child("SortOrder").into_iter();
    let fields = order.flat_map(|order| order.children_named("FieldOrder"));
    let read = |field: &Element| {
        Some(FieldOrder {
            path: field.children().find_map(PropertyPath::read)?,
            direction: field.attribute("Order").and_then(Direction::from_wire)?,
        })
    };
    fields.filter_map(read).collect()
}

wire_enum! {
    /// From where a page is counted.
    pub enum BasePoint {
        /// From the first.
        Beginning = "Beginning",
        /// From the last.
        End = "End",
    }
}

/// `m:IndexedPageItemView`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many at most; the server's limit holds besides.
    pub entries_max: Option<u32>,
    /// How many are passed over.
    pub offset: u32,
    /// From where.
    pub base_point: BasePoint,
}

impl Page {
    /// The first `entries_max`.
    #[must_use]
    pub fn first(entries_max: u32) -> Self {
        Self { entries_max: Some(entries_max), offset: 0, base_point: BasePoint::Beginning }
    }

    /// Writes it as the element `name` (`m:IndexedPageItemView`, `m:IndexedPageFolderView`).
    pub fn write(&self, writer: &mut Writer, name: &str) {
        let entries_max = self.entries_max.map(|max| max.to_string());
        let offset = self.offset.to_string();
        let mut attributes = Vec::new();
        attributes.extend(entries_max.as_deref().map(|max| ("MaxEntriesReturned", max)));
        attributes.push(("Offset", &offset));
        attributes.push(("BasePoint", self.base_point.as_str()));
        writer.empty(name, &attributes);
    }

    /// Reads it from its element.
    #[must_use]
    pub fn read(element: &Element) -> Self {
        let base_point = element.attribute("BasePoint").and_then(BasePoint::from_wire);
        Self {
            entries_max: number_attribute(element, "MaxEntriesReturned"),
            offset: number_attribute(element, "Offset").unwrap_or(0),
            base_point: base_point.unwrap_or(BasePoint::Beginning),
        }
    }
}
