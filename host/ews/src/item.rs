//! `t:Message` and its parts, in the one order that the schema allows (ews.md 1.2).

use xml::{Element, Writer};

use crate::{
    attachment::FileAttachment,
    base64_text,
    date_time::DateTime,
    folder_id::FolderId,
    item_id::ItemId,
    mailbox::{self, Mailbox},
    property::{ExtendedFieldUri, ExtendedProperty},
    values::{self, wire_enum},
};

wire_enum! {
    /// How urgent a message is.
    pub enum Importance {
        /// Less than usual.
        Low = "Low",
        /// As usual.
        Normal = "Normal",
        /// More than usual.
        High = "High",
    }
}

wire_enum! {
    /// How private a message is.
    pub enum Sensitivity {
        /// Not.
        Normal = "Normal",
        /// Personal.
        Personal = "Personal",
        /// Private.
        Private = "Private",
        /// Confidential.
        Confidential = "Confidential",
    }
}

wire_enum! {
    /// In what a body is written.
    pub enum BodyType {
        /// HTML.
        Html = "HTML",
        /// Plain text.
        Text = "Text",
    }
}

/// `t:Body`, also `t:UniqueBody` and `t:TextBody`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// In what it is written.
    pub body_type: BodyType,
    /// The body itself; HTML too goes as escaped text.
    pub content: String,
}

impl Body {
    /// An HTML body.
    #[must_use]
    pub fn html(content: impl Into<String>) -> Self {
        Self { body_type: BodyType::Html, content: content.into() }
    }

    /// A plain body.
    #[must_use]
    pub fn text(content: impl Into<String>) -> Self {
        Self { body_type: BodyType::Text, content: content.into() }
    }

    fn write(&self, writer: &mut Writer, name: &str) {
        writer.element(name, &[("BodyType", self.body_type.as_str())], |writer| {
            writer.text(&self.content);
        });
    }

    fn read(element: &Element) -> Self {
        let body_type = element.attribute("BodyType").and_then(BodyType::from_wire);
        Self { body_type: body_type.unwrap_or(BodyType::Text), content: element.text() }
    }
}

/// `t:MimeContent`: a whole message in the form of RFC 5322.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MimeContent {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// What came is not base64: `ErrorMimeContentInvalidBase64String` for this item. Only read,
    /// never written.
    Invalid,
}

/// `t:Message`. What is `None` or empty is not written; the schema's read-only elements are here
/// too, for the server's answers (a request that sets one is refused by Exchange).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The whole message as MIME; not to be mixed with body and recipients.
    pub mime_content: Option<MimeContent>,
    /// Read-only.
    pub item_id: Option<ItemId>,
    /// Read-only.
    pub parent_folder_id: Option<FolderId>,
    /// `IPM.Note` for mail.
    pub item_class: Option<String>,
    /// At most 255 characters.
    pub subject: Option<String>,
    /// How private it is.
    pub sensitivity: Option<Sensitivity>,
    /// The one body.
    pub body: Option<Body>,
    /// Files. Items inside items are left out on reading.
    pub attachments: Vec<FileAttachment>,
    /// Read-only.
    pub date_time_received: Option<DateTime>,
    /// Bytes. Read-only.
    pub size_bytes: Option<u32>,
    /// Names of categories.
    pub categories: Vec<String>,
    /// How urgent it is.
    pub importance: Option<Importance>,
    /// One Message-ID with its angle brackets.
    pub in_reply_to: Option<String>,
    /// Waits for transport. Read-only.
    pub is_submitted: Option<bool>,
    /// Not sent yet. Read-only.
    pub is_draft: Option<bool>,
    /// Sent by the mailbox's owner. Read-only.
    pub is_from_me: Option<bool>,
    /// Sent again. Read-only.
    pub is_resend: Option<bool>,
    /// Never changed since it came. Read-only.
    pub is_unmodified: Option<bool>,
    /// The header fields of the mail. Read-only.
    pub internet_message_headers: Vec<(String, String)>,
    /// Read-only.
    pub date_time_sent: Option<DateTime>,
    /// Read-only.
    pub date_time_created: Option<DateTime>,
    /// Whether the client reminds.
    pub reminder_is_set: Option<bool>,
    /// Names of the Cc recipients. Read-only.
    pub display_cc: Option<String>,
    /// Names of the To recipients. Read-only.
    pub display_to: Option<String>,
    /// Read-only.
    pub has_attachments: Option<bool>,
    /// Properties outside the schema.
    pub extended_properties: Vec<ExtendedProperty>,
    /// A language tag such as `de-DE`.
    pub culture: Option<String>,
    /// Who changed it last. Read-only.
    pub last_modified_name: Option<String>,
    /// Read-only.
    pub last_modified_time: Option<DateTime>,
    /// Hidden, belonging to the folder. Read-only.
    pub is_associated: Option<bool>,
    /// Read-only.
    pub conversation_id: Option<ItemId>,
    /// The part of the body that is new in its thread. Read-only.
    pub unique_body: Option<Body>,
    /// The beginning of the text. Read-only.
    pub preview: Option<String>,
    /// The body as text. Read-only.
    pub text_body: Option<Body>,
    /// Who sent it in fact.
    pub sender: Option<Mailbox>,
    /// Recipients.
    pub to_recipients: Vec<Mailbox>,
    /// Recipients of a copy.
    pub cc_recipients: Vec<Mailbox>,
    /// Recipients that the others do not see.
    pub bcc_recipients: Vec<Mailbox>,
    /// Whether a read receipt is asked for.
    pub is_read_receipt_requested: Option<bool>,
    /// Whether a delivery receipt is asked for.
    pub is_delivery_receipt_requested: Option<bool>,
    /// Base64. Read-only.
    pub conversation_index: Option<String>,
    /// Read-only.
    pub conversation_topic: Option<String>,
    /// In whose name it is sent (ews.md 1.3).
    pub from: Option<Mailbox>,
    /// The Message-ID with its angle brackets.
    pub internet_message_id: Option<String>,
    /// Whether it was read.
    pub is_read: Option<bool>,
    /// Whether an answer is asked for.
    pub is_response_requested: Option<bool>,
    /// Message-IDs, oldest first, blanks between.
    pub references: Option<String>,
    /// Where answers go.
    pub reply_to: Vec<Mailbox>,
    /// Read-only.
    pub received_by: Option<Mailbox>,
    /// Read-only.
    pub received_representing: Option<Mailbox>,
}

impl Message {
    /// The value of an extended property that holds one.
    #[must_use]
    pub fn extended(&self, uri: &ExtendedFieldUri) -> Option<&str> {
        self.extended_properties.iter().find(|property| property.uri == *uri)?.value()
    }

    /// The first property here that a request must not set: `ErrorInvalidPropertySet`.
    #[must_use]
    pub fn sets_read_only(&self) -> Option<&'static str> {
        let set = [
            ("item:ItemId", self.item_id.is_some()),
            ("item:ParentFolderId", self.parent_folder_id.is_some()),
            ("item:DateTimeReceived", self.date_time_received.is_some()),
            ("item:Size", self.size_bytes.is_some()),
            ("item:IsSubmitted", self.is_submitted.is_some()),
            ("item:IsDraft", self.is_draft.is_some()),
            ("item:IsFromMe", self.is_from_me.is_some()),
            ("item:IsResend", self.is_resend.is_some()),
            ("item:IsUnmodified", self.is_unmodified.is_some()),
            ("item:InternetMessageHeaders", !self.internet_message_headers.is_empty()),
            ("item:DateTimeSent", self.date_time_sent.is_some()),
            ("item:DateTimeCreated", self.date_time_created.is_some()),
            ("item:DisplayCc", self.display_cc.is_some()),
            ("item:DisplayTo", self.display_to.is_some()),
            ("item:HasAttachments", self.has_attachments.is_some()),
            ("item:LastModifiedName", self.last_modified_name.is_some()),
            ("item:LastModifiedTime", self.last_modified_time.is_some()),
            ("item:ConversationId", self.conversation_id.is_some()),
            ("item:UniqueBody", self.unique_body.is_some()),
            ("item:Preview", self.preview.is_some()),
            ("item:TextBody", self.text_body.is_some()),
            ("message:ConversationIndex", self.conversation_index.is_some()),
            ("message:ConversationTopic", self.conversation_topic.is_some()),
            ("message:ReceivedBy", self.received_by.is_some()),
            ("message:ReceivedRepresenting", self.received_representing.is_some()),
        ];
        set.into_iter().find(|(_, is_set)| *is_set).map(|(name, _)| name)
    }

    /// Writes `t:Message`.
    pub fn write(&self, writer: &mut Writer) {
        writer.element("t:Message", &[], |writer| {
            self.write_identity(writer);
            self.write_content(writer);
            self.write_state(writer);
            self.write_dates_and_display(writer);
            self.write_extended(writer);
            self.write_recipients(writer);
            self.write_threading(writer);
        });
    }

    fn write_identity(&self, writer: &mut Writer) {
        if let Some(MimeContent::Bytes(bytes)) = &self.mime_content {
            let attributes = [("CharacterSet", "UTF-8")];
            writer
                .element("t:MimeContent", &attributes, |writer| base64_text::write(writer, bytes));
        }
        if let Some(id) = &self.item_id {
            id.write(writer, "t:ItemId");
        }
        if let Some(FolderId::Id { id, change_key }) = &self.parent_folder_id {
            let id = ItemId { id: id.clone(), change_key: change_key.clone() };
            id.write(writer, "t:ParentFolderId");
        }
        values::optional(writer, "t:ItemClass", self.item_class.as_deref());
    }

    fn write_content(&self, writer: &mut Writer) {
        values::optional(writer, "t:Subject", self.subject.as_deref());
        values::optional_value(writer, "t:Sensitivity", self.sensitivity);
        if let Some(body) = &self.body {
            body.write(writer, "t:Body");
        }
        if !self.attachments.is_empty() {
            writer.element("t:Attachments", &[], |writer| {
                for attachment in &self.attachments {
                    attachment.write(writer);
                }
            });
        }
        values::optional_value(writer, "t:DateTimeReceived", self.date_time_received);
        values::optional_value(writer, "t:Size", self.size_bytes);
        if !self.categories.is_empty() {
            writer.element("t:Categories", &[], |writer| {
                for category in &self.categories {
                    writer.leaf("t:String", category);
                }
            });
        }
    }

    fn write_state(&self, writer: &mut Writer) {
        values::optional_value(writer, "t:Importance", self.importance);
        values::optional(writer, "t:InReplyTo", self.in_reply_to.as_deref());
        values::optional_flag(writer, "t:IsSubmitted", self.is_submitted);
        values::optional_flag(writer, "t:IsDraft", self.is_draft);
        values::optional_flag(writer, "t:IsFromMe", self.is_from_me);
        values::optional_flag(writer, "t:IsResend", self.is_resend);
        values::optional_flag(writer, "t:IsUnmodified", self.is_unmodified);
    }

    fn write_dates_and_display(&self, writer: &mut Writer) {
        if !self.internet_message_headers.is_empty() {
            writer.element("t:InternetMessageHeaders", &[], |writer| {
                for (name, value) in &self.internet_message_headers {
                    let attributes = [("HeaderName", name.as_str())];
                    writer.element("t:InternetMessageHeader", &attributes, |writer| {
                        writer.text(value);
                    });
                }
            });
        }
        values::optional_value(writer, "t:DateTimeSent", self.date_time_sent);
        values::optional_value(writer, "t:DateTimeCreated", self.date_time_created);
        values::optional_flag(writer, "t:ReminderIsSet", self.reminder_is_set);
        values::optional(writer, "t:DisplayCc", self.display_cc.as_deref());
        values::optional(writer, "t:DisplayTo", self.display_to.as_deref());
        values::optional_flag(writer, "t:HasAttachments", self.has_attachments);
    }

    fn write_extended(&self, writer: &mut Writer) {
        for property in &self.extended_properties {
            property.write(writer);
        }
        values::optional(writer, "t:Culture", self.culture.as_deref());
        values::optional(writer, "t:LastModifiedName", self.last_modified_name.as_deref());
        values::optional_value(writer, "t:LastModifiedTime", self.last_modified_time);
        values::optional_flag(writer, "t:IsAssociated", self.is_associated);
        if let Some(id) = &self.conversation_id {
            id.write(writer, "t:ConversationId");
        }
        if let Some(body) = &self.unique_body {
            body.write(writer, "t:UniqueBody");
        }
        values::optional(writer, "t:Preview", self.preview.as_deref());
        if let Some(body) = &self.text_body {
            body.write(writer, "t:TextBody");
        }
    }

    fn write_recipients(&self, writer: &mut Writer) {
        mailbox::write_single(writer, "t:Sender", self.sender.as_ref());
        mailbox::write_list(writer, "t:ToRecipients", &self.to_recipients);
        mailbox::write_list(writer, "t:CcRecipients", &self.cc_recipients);
        mailbox::write_list(writer, "t:BccRecipients", &self.bcc_recipients);
        let read_receipt = self.is_read_receipt_requested;
        values::optional_flag(writer, "t:IsReadReceiptRequested", read_receipt);
        let delivery_receipt = self.is_delivery_receipt_requested;
        values::optional_flag(writer, "t:IsDeliveryReceiptRequested", delivery_receipt);
    }

    fn write_threading(&self, writer: &mut Writer) {
        values::optional(writer, "t:ConversationIndex", self.conversation_index.as_deref());
        values::optional(writer, "t:ConversationTopic", self.conversation_topic.as_deref());
        mailbox::write_single(writer, "t:From", self.from.as_ref());
        values::optional(writer, "t:InternetMessageId", self.internet_message_id.as_deref());
        values::optional_flag(writer, "t:IsRead", self.is_read);
        values::optional_flag(writer, "t:IsResponseRequested", self.is_response_requested);
        values::optional(writer, "t:References", self.references.as_deref());
        mailbox::write_list(writer, "t:ReplyTo", &self.reply_to);
        mailbox::write_single(writer, "t:ReceivedBy", self.received_by.as_ref());
        let representing = self.received_representing.as_ref();
        mailbox::write_single(writer, "t:ReceivedRepresenting", representing);
    }

    /// Reads `t:Message`, or the part of it that another kind of item shares. What is unknown or
    /// cannot be read is left out; the order does not matter here.
    #[must_use]
    pub fn read(element: &Element) -> Self {
        let date = |name| values::text(element, name).and_then(|text| DateTime::parse(&text));
        let flag = |name| values::flag(element, name);
        let text = |name| values::text(element, name);
        let body = |name| element.child(name).map(Body::read);
        Self {
            mime_content: element.child("MimeContent").map(read_mime),
            item_id: element.child("ItemId").and_then(ItemId::read),
            parent_folder_id: element.child("ParentFolderId").and_then(FolderId::read),
            item_class: text("ItemClass"),
            subject: values::exact(element, "Subject"),
            sensitivity: text("Sensitivity").and_then(|text| Sensitivity::from_wire(&text)),
            body: body("Body"),
            attachments: read_attachments(element),
            date_time_received: date("DateTimeReceived"),
            size_bytes: values::number(element, "Size"),
            categories: read_categories(element),
            importance: text("Importance").and_then(|text| Importance::from_wire(&text)),
            in_reply_to: text("InReplyTo"),
            is_submitted: flag("IsSubmitted"),
            is_draft: flag("IsDraft"),
            is_from_me: flag("IsFromMe"),
            is_resend: flag("IsResend"),
            is_unmodified: flag("IsUnmodified"),
            internet_message_headers: read_headers(element),
            date_time_sent: date("DateTimeSent"),
            date_time_created: date("DateTimeCreated"),
            reminder_is_set: flag("ReminderIsSet"),
            display_cc: text("DisplayCc"),
            display_to: text("DisplayTo"),
            has_attachments: flag("HasAttachments"),
            extended_properties: read_extended(element),
            culture: text("Culture"),
            last_modified_name: text("LastModifiedName"),
            last_modified_time: date("LastModifiedTime"),
            is_associated: flag("IsAssociated"),
            conversation_id: element.child("ConversationId").and_then(ItemId::read),
            unique_body: body("UniqueBody"),
            preview: values::exact(element, "Preview"),
            text_body: body("TextBody"),
            sender: mailbox::read_single(element, "Sender"),
            to_recipients: mailbox::read_list(element, "ToRecipients"),
            cc_recipients: mailbox::read_list(element, "CcRecipients"),
            bcc_recipients: mailbox::read_list(element, "BccRecipients"),
            is_read_receipt_requested: flag("IsReadReceiptRequested"),
            is_delivery_receipt_requested: flag("IsDeliveryReceiptRequested"),
            conversation_index: text("ConversationIndex"),
            conversation_topic: text("ConversationTopic"),
            from: mailbox::read_single(element, "From"),
            internet_message_id: text("InternetMessageId"),
            is_read: flag("IsRead"),
            is_response_requested: flag("IsResponseRequested"),
            references: text("References"),
            reply_to: mailbox::read_list(element, "ReplyTo"),
            received_by: mailbox::read_single(element, "ReceivedBy"),
            received_representing: mailbox::read_single(element, "ReceivedRepresenting"),
        }
    }
}

fn read_mime(element: &Element) -> MimeContent {
    base64_text::read(&element.text()).map_or(MimeContent::Invalid, MimeContent::Bytes)
}

fn read_attachments(element: &Element) -> Vec<FileAttachment> {
    let list = element.child("Attachments").into_iter();
    list.flat_map(|list| list.children_named("FileAttachment")).map(FileAttachment::read).collect()
}

fn read_categories(element: &Element) -> Vec<String> {
    let list = element.child("Categories").into_iter();
    list.flat_map(|list| list.children_named("String")).map(Element::text).collect()
}

fn read_headers(element: &Element) -> Vec<(String, String)> {
    let list = element.child("InternetMessageHeaders").into_iter();
    let headers = list.flat_map(|list| list.children_named("InternetMessageHeader"));
    headers
        .filter_map(|header| Some((header.attribute("HeaderName")?.to_owned(), header.text())))
        .collect()
}

fn read_extended(element: &Element) -> Vec<ExtendedProperty> {
    let properties = element.children_named("ExtendedProperty");
    properties.filter_map(|property| ExtendedProperty::read(property).ok()).collect()
}

/// The elements that may stand in `m:Items` or `t:Items` and are read as [`Message`].
const READ_AS_MESSAGE: &[&str] = &[
    "Message",
    "Item",
    "SharingMessage",
    "CalendarItem",
    "Contact",
    "DistributionList",
    "MeetingMessage",
    "MeetingRequest",
    "MeetingResponse",
    "MeetingCancellation",
    "Task",
    "PostItem",
];

/// Writes the element `name` (`m:Items` or `t:Items`) with these messages.
pub(crate) fn write_items(writer: &mut Writer, name: &str, items: &[Message]) {
    writer.element(name, &[], |writer| {
        for item in items {
            item.write(writer);
        }
    });
}

/// Reads the items inside the child `Items`; other kinds than mail as far as they resemble it.
pub(crate) fn read_items(element: &Element) -> Vec<Message> {
    let items = element.child("Items").into_iter().flat_map(Element::children);
    items.filter(|item| READ_AS_MESSAGE.contains(&item.name.as_str())).map(Message::read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_only_properties_are_told() {
        let settable = Message { is_read: Some(true), ..Message::default() };
        assert_eq!(settable.sets_read_only(), None);
        let draft = Message { is_draft: Some(false), ..settable };
        assert_eq!(draft.sets_read_only(), Some("item:IsDraft"));
    }
}
