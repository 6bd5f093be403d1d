//! An item as an answer shows it: what the shape asks for, in the codec's form.

use std::{collections::HashSet, time::Duration};

use crate::{
    attachment::{AttachmentId, FileAttachment},
    date_time::DateTime,
    folder_id::FolderId,
    item::{Body, Importance, Message, MimeContent, Sensitivity},
    item_id::ItemId,
    mailbox::Mailbox,
    property::{ExtendedProperty, PropertyPath},
    shape::{BaseShape, ItemShape, WantedBody},
};

use super::{
    edit::mailbox,
    field,
    id::{Id, encode_change},
    item::{Address, Attachment, StoredItem},
    mime, time,
};

/// Characters of `item:Preview`.
const PREVIEW_CHARS_MAX: usize = 255;

/// What `BaseShape` `Default` shows of a message.
const DEFAULT_FIELDS: [&str; 16] = [
    "item:Subject",
    "item:Sensitivity",
    "item:Body",
    "item:Attachments",
    "item:Size",
    "item:DateTimeSent",
    "item:DateTimeCreated",
    "item:HasAttachments",
    "item:IsSubmitted",
    "item:IsDraft",
    "message:ToRecipients",
    "message:CcRecipients",
    "message:IsReadReceiptRequested",
    "message:IsDeliveryReceiptRequested",
    "message:From",
    "message:IsRead",
];

/// What `FindItem` never shows (ews.md 9.4).
const NEVER_FOUND: [&str; 11] = [
    "item:MimeContent",
    "item:Body",
    "item:UniqueBody",
    "item:TextBody",
    "item:NormalizedBody",
    "item:Attachments",
    "item:InternetMessageHeaders",
    "message:ToRecipients",
    "message:CcRecipients",
    "message:BccRecipients",
    "message:ReplyTo",
];

/// What all properties are not, as nobody asked by name.
const ONLY_BY_NAME: [&str; 5] = [
    "item:MimeContent",
    "item:UniqueBody",
    "item:TextBody",
    "item:Preview",
    "item:InternetMessageHeaders",
];

/// A shape made ready: unknown and inapplicable fields stay without effect.
pub(crate) struct Wanted<'s> {
    shape: &'s ItemShape,
    fields: HashSet<&'s str>,
    in_find: bool,
}

/// Whose item it is and how its ids are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) mailbox: u32,
    pub(crate) instance: u64,
}

impl<'s> Wanted<'s> {
    /// For `GetItem` and the like.
    pub(crate) fn new(shape: &'s ItemShape) -> Self {
        let field = |path: &'s PropertyPath| match path {
            PropertyPath::Field(uri) => Some(uri.as_str()),
            _ => None,
        };
        let mut fields: HashSet<_> = shape.additional.iter().filter_map(field).collect();
        if shape.base == BaseShape::Default {
            fields.extend(DEFAULT_FIELDS);
        }
        Self { shape, fields, in_find: false }
    }

    /// For `FindItem`.
    pub(crate) fn in_find(shape: &'s ItemShape) -> Self {
        Self { in_find: true, ..Self::new(shape) }
    }

    fn has(&self, uri: &str) -> bool {
        if self.in_find && NEVER_FOUND.contains(&uri) {
            return false;
        }
        let all = self.shape.base == BaseShape::AllProperties && !ONLY_BY_NAME.contains(&uri);
        all || self.fields.contains(uri)
    }

    fn then<T>(&self, uri: &str, value: impl FnOnce() -> T) -> Option<T> {
        self.has(uri).then(value)
    }

    fn list(&self, uri: &str, addresses: &[Address]) -> Vec<Mailbox> {
        let shown = if self.has(uri) { addresses } else { &[] };
        shown.iter().map(mailbox).collect()
    }

    /// The item as asked for; its id is always there.
    pub(crate) fn message(&self, item: &StoredItem, place: Place) -> Message {
        let content = item.content();
        let people = self.people(item);
        Message {
            mime_content: self.mime(item),
            item_id: Some(place.item_id(item)),
            parent_folder_id: self.then("item:ParentFolderId", || place.folder_id(item)),
            item_class: self.then("item:ItemClass", || content.item_class.clone()),
            subject: self.then("item:Subject", || content.subject.clone()),
            sensitivity: self
                .then("item:Sensitivity", || Sensitivity::from_wire(&content.sensitivity))
                .flatten(),
            body: self.then("item:Body", || self.body(item)),
            attachments: self
                .then("item:Attachments", || place.attachments(item))
                .unwrap_or_default(),
            date_time_received: self.time("item:DateTimeReceived", Some(item.received)),
            size_bytes: self.then("item:Size", || size(item.size_bytes())),
            categories: self
                .then("item:Categories", || content.categories.clone())
                .unwrap_or_default(),
            importance: self
                .then("item:Importance", || Importance::from_wire(&content.importance))
                .flatten(),
            in_reply_to: self.then("item:InReplyTo", || content.in_reply_to.clone()).flatten(),
            is_submitted: self.then("item:IsSubmitted", || item.is_submitted),
            is_draft: self.then("item:IsDraft", || item.is_draft),
            is_from_me: self.then("item:IsFromMe", || false),
            is_resend: self.then("item:IsResend", || false),
            is_unmodified: self
                .then("item:IsUnmodified", || !item.is_draft && item.change == item.created_change),
            internet_message_headers: self
                .then("item:InternetMessageHeaders", || mime::headers(item))
                .unwrap_or_default(),
            date_time_sent: self.time("item:DateTimeSent", item.sent.or(Some(item.created))),
            date_time_created: self.time("item:DateTimeCreated", Some(item.created)),
            reminder_is_set: self.then("item:ReminderIsSet", || false),
            display_cc: self.then("item:DisplayCc", || field::display(&content.cc)),
            display_to: self.then("item:DisplayTo", || field::display(&content.to)),
            has_attachments: self.then("item:HasAttachments", || !content.attachments.is_empty()),
            extended_properties: self.extended(item),
            culture: self.then("item:Culture", || content.culture.clone()).flatten(),
            last_modified_time: self.time("item:LastModifiedTime", Some(item.modified)),
            is_associated: self.then("item:IsAssociated", || false),
            unique_body: self.then("item:UniqueBody", || self.body(item)),
            preview: self.then("item:Preview", || preview(item)),
            text_body: self.then("item:TextBody", || Body::text(item.text())),
            ..people
        }
    }

    /// The elements that a message has beyond an item.
    fn people(&self, item: &StoredItem) -> Message {
        let content = item.content();
        let sender = content.sender.as_ref().or(content.from.as_ref());
        let person =
            |uri, person: Option<&Address>| self.then(uri, || person.map(mailbox)).flatten();
        Message {
            sender: person("message:Sender", sender),
            to_recipients: self.list("message:ToRecipients", &content.to),
            cc_recipients: self.list("message:CcRecipients", &content.cc),
            bcc_recipients: self.list("message:BccRecipients", &item.bcc),
            is_read_receipt_requested: self
                .then("message:IsReadReceiptRequested", || content.is_read_receipt_requested),
            is_delivery_receipt_requested: self.then("message:IsDeliveryReceiptRequested", || {
                content.is_delivery_receipt_requested
            }),
            conversation_topic: self.then("message:ConversationTopic", || content.subject.clone()),
            from: person("message:From", content.from.as_ref()),
            internet_message_id: self
                .then("message:InternetMessageId", || content.message_id.clone()),
            is_read: self.then("message:IsRead", || item.is_read),
            is_response_requested: self
                .then("message:IsResponseRequested", || content.is_response_requested),
            references: self.then("message:References", || content.references.clone()).flatten(),
            reply_to: self.list("message:ReplyTo", &content.reply_to),
            ..Message::default()
        }
    }

    fn time(&self, uri: &str, at: Option<Duration>) -> Option<DateTime> {
        at.filter(|_| self.has(uri)).map(time::date)
    }

    fn mime(&self, item: &StoredItem) -> Option<MimeContent> {
        let asked = self.shape.include_mime_content == Some(true) || self.has("item:MimeContent");
        (asked && !self.in_find).then(|| MimeContent::Bytes(mime::write(item)))
    }

    fn body(&self, item: &StoredItem) -> Body {
        let html = item.html().filter(|_| self.shape.body_type != Some(WantedBody::Text));
        match html {
            Some(html) => Body::html(html),
            None if self.shape.body_type == Some(WantedBody::Html) => {
                Body::html(html_of(&item.text()))
            }
            None => Body::text(item.text()),
        }
    }

    fn extended(&self, item: &StoredItem) -> Vec<ExtendedProperty> {
        let paths = self.shape.additional.iter();
        let property = |path: &PropertyPath| match path {
            PropertyPath::Extended(uri) => {
                let value = field::value(path, item)?;
                let value = field::property_value(value, uri.property_type());
                Some(ExtendedProperty { uri: uri.clone(), value })
            }
            _ => None,
        };
        paths.filter_map(property).collect()
    }
}

impl Place {
    /// Id and change key of an item.
    pub(crate) fn item_id(self, item: &StoredItem) -> ItemId {
        let id = Id::Item { mailbox: self.mailbox, key: item.key };
        ItemId::with_change_key(id.encode(self.instance), encode_change(item.change))
    }

    fn folder_id(self, item: &StoredItem) -> FolderId {
        FolderId::id(
            Id::Folder { mailbox: self.mailbox, number: item.folder }.encode(self.instance),
        )
    }

    /// The id of an attachment, with its item's.
    pub(crate) fn attachment_id(self, item: &StoredItem, number: u32) -> AttachmentId {
        let root = self.item_id(item);
        let id = Id::Attachment { mailbox: self.mailbox, key: item.key, number };
        AttachmentId {
            id: id.encode(self.instance),
            root_item_id: Some(root.id),
            root_item_change_key: root.change_key,
        }
    }

    fn attachments(self, item: &StoredItem) -> Vec<FileAttachment> {
        let files = item.content().attachments.iter();
        files.map(|file| self.attachment(item, file)).collect()
    }

    /// An attachment without its content.
    pub(crate) fn attachment(self, item: &StoredItem, file: &Attachment) -> FileAttachment {
        FileAttachment {
            id: Some(self.attachment_id(item, file.number)),
            name: Some(file.name.clone()),
            content_type: Some(file.content_type.clone()),
            content_id: file.content_id.clone(),
            size_bytes: Some(size(file.bytes.len())),
            last_modified_time: Some(time::date(item.modified)),
            is_inline: Some(file.is_inline),
            ..FileAttachment::default()
        }
    }
}

fn size(bytes: usize) -> u32 {
    // The schema's type is a signed 32-bit number.
    u32::try_from(bytes).unwrap_or(u32::MAX).min(i32::MAX.unsigned_abs())
}

fn preview(item: &StoredItem) -> String {
    item.text().chars().take(PREVIEW_CHARS_MAX).collect()
}

fn html_of(text: &str) -> String {
    let mut html = String::from("<html><body><pre>");
    for character in text.chars() {
        match character {
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '&' => html.push_str("&amp;"),
            other => html.push(other),
        }
    }
    html.push_str("</pre></body></html>");
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::BodyType as Kind;

    fn item() -> StoredItem {
        let mut item = StoredItem::draft(Duration::from_secs(5));
        let content = item.content_mut();
        content.subject = "s".to_owned();
        content.html = Some("<p>a</p>".to_owned());
        content.to = vec![Address { name: "B".to_owned(), smtp: "b@x".to_owned() }];
        item
    }

    const PLACE: Place = Place { mailbox: 0, instance: 1 };

    #[test]
    fn an_id_alone_is_an_id_alone() {
        let message = Wanted::new(&ItemShape::id_only()).message(&item(), PLACE);
        let id = message.item_id.clone();
        assert!(id.is_some());
        assert_eq!(message, Message { item_id: id, ..Message::default() });
    }

    #[test]
    fn find_shows_neither_body_nor_recipients() {
        let shape = ItemShape::with_base(BaseShape::AllProperties)
            .and(PropertyPath::field("item:Body"))
            .and(PropertyPath::field("calendar:Start"));
        let found = Wanted::in_find(&shape).message(&item(), PLACE);
        assert_eq!((found.body, found.to_recipients.len()), (None, 0));
        assert_eq!(found.subject.as_deref(), Some("s"));
        let got = Wanted::new(&shape).message(&item(), PLACE);
        assert!(got.body.is_some() && got.to_recipients.len() == 1);
    }

    #[test]
    fn the_body_comes_in_the_wanted_kind() {
        let body = |kind| {
            let mut shape = ItemShape::id_only().and(PropertyPath::field("item:Body"));
            shape.body_type = kind;
            Wanted::new(&shape).message(&item(), PLACE).body
        };
        assert_eq!(body(None), Some(Body::html("<p>a</p>")));
        assert_eq!(body(Some(WantedBody::Text)).map(|body| body.body_type), Some(Kind::Text));
        assert!(html_of("a<b").contains("a&lt;b"));
    }
}
