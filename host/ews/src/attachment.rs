//! `t:FileAttachment` (ews.md 1.7).

use xml::{Element, Writer};

use crate::{base64_text, date_time::DateTime, values};

/// `t:AttachmentId`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentId {
    /// The attachment.
    pub id: String,
    /// The item that holds it.
    pub root_item_id: Option<String>,
    /// That item's version, new since the attachment was written.
    pub root_item_change_key: Option<String>,
}

impl AttachmentId {
    /// Writes `t:AttachmentId`.
    pub fn write(&self, writer: &mut Writer) {
        let mut attributes = vec![("Id", self.id.as_str())];
        attributes.extend(self.root_item_id.as_deref().map(|id| ("RootItemId", id)));
        attributes
            .extend(self.root_item_change_key.as_deref().map(|key| ("RootItemChangeKey", key)));
        writer.empty("t:AttachmentId", &attributes);
    }

    /// Reads it from its element; nothing without an `Id`.
    #[must_use]
    pub fn read(element: &Element) -> Option<Self> {
        Some(Self {
            id: element.attribute("Id")?.trim().to_owned(),
            root_item_id: element.attribute("RootItemId").map(str::to_owned),
            root_item_change_key: element.attribute("RootItemChangeKey").map(str::to_owned),
        })
    }
}

/// A file that comes with a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileAttachment {
    /// Given by the server; never in a request that creates.
    pub id: Option<AttachmentId>,
    /// The file's name.
    pub name: Option<String>,
    /// Its media type.
    pub content_type: Option<String>,
    /// What `cid:` links name, without `cid:` and angle brackets.
    pub content_id: Option<String>,
    /// Its address, for `Content-Location`.
    pub content_location: Option<String>,
    /// Bytes, told by the server.
    pub size_bytes: Option<u32>,
    /// Told by the server.
    pub last_modified_time: Option<DateTime>,
    /// Whether the body shows it.
    pub is_inline: Option<bool>,
    /// Whether it is the contact's picture.
    pub is_contact_photo: Option<bool>,
    /// The file.
    pub content: Option<Vec<u8>>,
}

impl FileAttachment {
    /// Writes `t:FileAttachment`, in the order of the schema.
    pub fn write(&self, writer: &mut Writer) {
        writer.element("t:FileAttachment", &[], |writer| {
            if let Some(id) = &self.id {
                id.write(writer);
            }
            values::optional(writer, "t:Name", self.name.as_deref());
            values::optional(writer, "t:ContentType", self.content_type.as_deref());
            values::optional(writer, "t:ContentId", self.content_id.as_deref());
            values::optional(writer, "t:ContentLocation", self.content_location.as_deref());
            values::optional_value(writer, "t:Size", self.size_bytes);
            values::optional_value(writer, "t:LastModifiedTime", self.last_modified_time);
            values::optional_flag(writer, "t:IsInline", self.is_inline);
            values::optional_flag(writer, "t:IsContactPhoto", self.is_contact_photo);
            if let Some(content) = &self.content {
                writer.element("t:Content", &[], |writer| base64_text::write(writer, content));
            }
        });
    }

    /// Reads it from its element. A `Content` that is no base64 is left out; a request with one
    /// is refused before.
    #[must_use]
    pub fn read(element: &Element) -> Self {
        let modified = values::text(element, "LastModifiedTime");
        Self {
            id: element.child("AttachmentId").and_then(AttachmentId::read),
            name: values::text(element, "Name"),
            content_type: values::text(element, "ContentType"),
            content_id: values::text(element, "ContentId"),
            content_location: values::text(element, "ContentLocation"),
            size_bytes: values::number(element, "Size"),
            last_modified_time: modified.and_then(|text| DateTime::parse(&text)),
            is_inline: values::flag(element, "IsInline"),
            is_contact_photo: values::flag(element, "IsContactPhoto"),
            content: element.child("Content").and_then(|text| base64_text::read(&text.text())),
        }
    }
}
