//! What a mailbox holds: an item's own state, and the content that its copies share.

use std::{sync::Arc, time::Duration};

use super::property::{Property, PropertyId};

/// Bytes that an item without content is counted with.
const ITEM_BYTES: usize = 256;

/// A person or group on a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Display name, empty if none was given.
    pub name: String,
    /// SMTP address as given.
    pub smtp: String,
}

/// A file of an item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// Unique in its item; part of the attachment's id.
    pub(crate) number: u32,
    /// File name.
    pub name: String,
    /// MIME type.
    pub content_type: String,
    /// `Content-ID` without angle brackets.
    pub content_id: Option<String>,
    /// Whether the HTML shows it.
    pub is_inline: bool,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What a message says: the same for the draft, the copy in Sent Items and each recipient's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// `IPM.Note` and the like.
    pub item_class: String,
    /// Subject.
    pub subject: String,
    /// The HTML body, if there is one.
    pub html: Option<String>,
    /// The plain text body, if one was given.
    pub text: Option<String>,
    /// The author.
    pub from: Option<Address>,
    /// Who submitted it, if not the author.
    pub sender: Option<Address>,
    /// To.
    pub to: Vec<Address>,
    /// Cc.
    pub cc: Vec<Address>,
    /// Reply-To.
    pub reply_to: Vec<Address>,
    /// With angle brackets.
    pub message_id: String,
    /// With angle brackets.
    pub in_reply_to: Option<String>,
    /// Separated by blanks, with angle brackets.
    pub references: Option<String>,
    /// The headers of the MIME message it came as, in order; none if it came as fields.
    pub headers: Vec<(String, String)>,
    /// `Low`, `Normal` or `High`.
    pub importance: String,
    /// `Normal`, `Personal`, `Private` or `Confidential`.
    pub sensitivity: String,
    /// Categories.
    pub categories: Vec<String>,
    /// Language tag.
    pub culture: Option<String>,
    /// Whether the sender wants to know that it was read.
    pub is_read_receipt_requested: bool,
    /// Whether the sender wants to know that it arrived.
    pub is_delivery_receipt_requested: bool,
    /// Whether the sender wants an answer.
    pub is_response_requested: bool,
    /// Files.
    pub attachments: Vec<Arc<Attachment>>,
    /// The message as it came, its Bcc header taken out; `None` once a field was changed.
    pub(crate) mime: Option<Vec<u8>>,
}

impl Content {
    /// An empty note.
    pub(crate) fn note() -> Self {
        Self {
            item_class: "IPM.Note".to_owned(),
            importance: "Normal".to_owned(),
            sensitivity: "Normal".to_owned(),
            ..Self::default()
        }
    }

    fn size_bytes(&self) -> usize {
        let body = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let attachments: usize = self.attachments.iter().map(|file| file.bytes.len()).sum();
        // The stored MIME form says once more what the fields say; Exchange counts that once too.
        let fields = body(&self.html) + body(&self.text) + attachments;
        let people = (self.to.len() + self.cc.len()) * 64;
        ITEM_BYTES
            + self.subject.len()
            + people
            + fields.max(self.mime.as_ref().map_or(0, Vec::len))
    }
}

/// One item in one folder of one mailbox.
#[derive(Clone, Debug)]
pub struct StoredItem {
    /// Unique in the mailbox, never used again; a moved item gets a new one.
    pub(crate) key: u64,
    /// The mailbox's write that made it what it is; shown as `ChangeKey`.
    pub(crate) change: u64,
    /// The write that made it.
    pub(crate) created_change: u64,
    /// The folder's number.
    pub(crate) folder: u32,
    /// Rises within the folder, never used again: DavMail's IMAP UID.
    pub(crate) uid: u32,
    pub(crate) content: Arc<Content>,
    /// Blind copies: the sender's copies only.
    pub(crate) bcc: Vec<Address>,
    pub(crate) properties: Arc<Vec<Property>>,
    pub(crate) is_read: bool,
    pub(crate) is_draft: bool,
    pub(crate) is_submitted: bool,
    pub(crate) created: Duration,
    pub(crate) received: Duration,
    pub(crate) sent: Option<Duration>,
    pub(crate) modified: Duration,
    pub(crate) size_bytes: usize,
}

impl StoredItem {
    /// An unsaved draft; the mailbox gives it its numbers.
    pub(crate) fn draft(now_unix: Duration) -> Self {
        Self {
            key: 0,
            change: 0,
            created_change: 0,
            folder: 0,
            uid: 0,
            content: Arc::new(Content::note()),
            bcc: Vec::new(),
            properties: Arc::default(),
            is_read: true,
            is_draft: true,
            is_submitted: false,
            created: now_unix,
            received: now_unix,
            sent: None,
            modified: now_unix,
            size_bytes: ITEM_BYTES,
        }
    }

    /// The content, to be changed; other copies keep theirs.
    pub(crate) fn content_mut(&mut self) -> &mut Content {
        Arc::make_mut(&mut self.content)
    }

    /// Counts the item anew after a change.
    pub(crate) fn measure(&mut self) {
        let properties: usize =
            self.properties.iter().flat_map(Property::values).map(String::len).sum();
        self.size_bytes = self.content.size_bytes() + properties + self.bcc.len() * 64;
    }

    /// What the item weighs in its mailbox's quota.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// What the message says.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.content.subject
    }

    /// The author's address, empty if none is known.
    #[must_use]
    pub fn from(&self) -> &str {
        self.content.from.as_ref().map_or("", |from| &from.smtp)
    }

    /// The addresses in To.
    pub fn to(&self) -> impl Iterator<Item = &str> {
        self.content.to.iter().map(|address| address.smtp.as_str())
    }

    /// The HTML body.
    #[must_use]
    pub fn html(&self) -> Option<&str> {
        self.content.html.as_deref()
    }

    /// The plain text: as given, or made from the HTML.
    #[must_use]
    pub fn text(&self) -> String {
        match (&self.content.text, &self.content.html) {
            (Some(text), _) => text.clone(),
            (None, Some(html)) => mail_parser::decoders::html::html_to_text(html),
            (None, None) => String::new(),
        }
    }

    /// When it arrived, since 1970.
    #[must_use]
    pub fn received(&self) -> Duration {
        self.received
    }

    /// When it was submitted, since 1970.
    #[must_use]
    pub fn sent(&self) -> Option<Duration> {
        self.sent
    }

    /// `Message-ID` with angle brackets.
    #[must_use]
    pub fn message_id(&self) -> &str {
        &self.content.message_id
    }

    /// A header of the MIME message it came as.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.content.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether it is a draft still.
    #[must_use]
    pub fn is_draft(&self) -> bool {
        self.is_draft
    }

    /// Whether it was read.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.is_read
    }

    /// The first value of the extended property `name` in the set with GUID `set`: this is how a
    /// test reads the delivery key.
    #[must_use]
    pub fn extended_property(&self, set: &str, name: &str) -> Option<&str> {
        let id = PropertyId::named(set.to_ascii_lowercase(), name);
        self.property(&id)?.values().first().map(String::as_str)
    }

    pub(crate) fn property(&self, id: &PropertyId) -> Option<&Property> {
        self.properties.iter().find(|property| property.id == *id)
    }

    /// `PR_MESSAGE_FLAGS` (MS-OXCMSG 2.2.1.6).
    pub(crate) fn flags(&self) -> u32 {
        u32::from(self.is_read)
            | u32::from(self.is_submitted) << 2
            | u32::from(self.is_draft) << 3
            | u32::from(!self.content.attachments.is_empty()) << 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_item_is_a_read_draft() {
        let item = StoredItem::draft(Duration::from_secs(5));
        assert_eq!(item.flags(), 9);
        assert!(item.is_draft());
    }

    #[test]
    fn copies_share_until_one_changes() {
        let item = StoredItem::draft(Duration::ZERO);
        let mut copy = item.clone();
        assert!(Arc::ptr_eq(&item.content, &copy.content));
        copy.content_mut().subject = "other".to_owned();
        assert_eq!((item.subject(), copy.subject()), ("", "other"));
    }

    #[test]
    fn text_is_made_from_html() {
        let mut item = StoredItem::draft(Duration::ZERO);
        item.content_mut().html = Some("<p>a &amp; b</p>".to_owned());
        assert_eq!(item.text().trim(), "a & b");
    }
}
