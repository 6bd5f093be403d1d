//! Delivering a mail exactly once: the draft with its key, and finding it again (ews.md 2).
//!
//! The steps belong to the caller, who commits before each: [`draft`], then `SendItem`; after an
//! unknown outcome [`find`] by key and [`hits`]. Keys are lower-case ASCII, since some servers
//! ignore case when they compare.

use crate::{
    attachment::FileAttachment,
    create_item::CreateItem,
    date_time::DateTime,
    delete_item::{DeleteItem, DeleteType},
    error::Error,
    find_item::{FindItem, FoundItems},
    folder_id::{FolderId, distinguished},
    get_item::GetItem,
    item::{Body, Importance, Message, MimeContent},
    item_id::ItemId,
    mime::{Attachment, MimeError, OutgoingMail},
    property::{
        ExtendedFieldUri, ExtendedProperty, PropertyKey, PropertyName, PropertyPath, PropertySet,
        PropertyType,
    },
    restriction::{Comparison, Restriction},
    send_item::SendItem,
    shape::{Direction, FieldOrder, ItemShape, Page},
};

/// The set that our property belongs to. Fixed for ever: each new name uses up a mailbox's small
/// store of named properties.
pub const KEY_PROPERTY_SET: &str = "9c1f6a2e-5d0b-4b6e-8a57-3f0a4f2f6b11";
/// The property that holds the key.
pub const KEY_PROPERTY_NAME: &str = "DigestDeliveryKey";
/// The longest key.
pub const KEY_BYTES_MAX: usize = 64;
/// The longest subject, in characters; longer ones are cut (ews.md 1.2).
pub const SUBJECT_CHARACTERS_MAX: usize = 255;
/// How many items a search for a key returns at once.
pub const FOUND_MAX: u32 = 10;

/// What names a delivery in the mailbox: lower-case ASCII letters, digits and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeliveryKey(String);

/// The text is no delivery key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a delivery key has 1 to 64 characters out of a-z, 0-9 and -")]
pub struct InvalidKey;

impl DeliveryKey {
    /// Takes a key.
    ///
    /// # Errors
    /// [`InvalidKey`] unless it is 1 to [`KEY_BYTES_MAX`] lower-case letters, digits and `-`.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidKey> {
        let text = text.into();
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let right = (1..=KEY_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed);
        if right { Ok(Self(text)) } else { Err(InvalidKey) }
    }

    /// The key as it stands in the property.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The property that holds a delivery's key.
#[must_use]
pub fn key_property() -> ExtendedFieldUri {
    let set = PropertySet::Guid(KEY_PROPERTY_SET.to_owned());
    let name = PropertyName::Name(KEY_PROPERTY_NAME.to_owned());
    ExtendedFieldUri { key: PropertyKey::Named(set, name), property_type: PropertyType::String }
}

/// How a mail is handed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MailForm {
    /// As a whole in MIME: header fields, Message-ID and the plain body are ours.
    #[default]
    Mime,
    /// Field by field: the server makes the plain body out of the HTML.
    Typed,
}

/// Makes the item for a mail: what [`CreateItem`] stores.
///
/// # Errors
/// See [`MimeError`]; the typed form is checked likewise.
pub fn message(
    mail: &OutgoingMail,
    key: &DeliveryKey,
    form: MailForm,
) -> Result<Message, MimeError> {
    let mut message = match form {
        MailForm::Mime => {
            let bytes = if mail.subject.chars().count() > SUBJECT_CHARACTERS_MAX {
                OutgoingMail { subject: subject(mail), ..mail.clone() }.write()?
            } else {
                mail.write()?
            };
            let mime_content = Some(MimeContent::Bytes(bytes));
            Message { mime_content, ..Message::default() }
        }
        MailForm::Typed => typed(mail)?,
    };
    message.item_class = Some("IPM.Note".to_owned());
    message.extended_properties.push(ExtendedProperty::new(key_property(), key.as_str()));
    Ok(message)
}

fn subject(mail: &OutgoingMail) -> String {
    mail.subject.chars().take(SUBJECT_CHARACTERS_MAX).collect()
}

fn typed(mail: &OutgoingMail) -> Result<Message, MimeError> {
    mail.check()?;
    let references = mail.kept_references().join(" ");
    let headers = mail.headers.iter().map(|(name, value)| header_property(name, value));
    Ok(Message {
        subject: Some(subject(mail)),
        body: Some(Body::html(mail.html.clone())),
        attachments: mail.attachments.iter().map(file).collect(),
        importance: Some(mail.importance).filter(|importance| *importance != Importance::Normal),
        in_reply_to: mail.in_reply_to.clone(),
        extended_properties: headers.collect::<Result<_, _>>()?,
        to_recipients: mail.to.clone(),
        from: Some(mail.from.clone()),
        internet_message_id: Some(mail.message_id.clone()),
        references: Some(references).filter(|references| !references.is_empty()),
        ..Message::default()
    })
}

/// A file within the item: allowed since Exchange 2013 (ews.md 1.7).
fn file(attachment: &Attachment) -> FileAttachment {
    let media_type = attachment.media_type.split(';').next().map(|name| name.trim().to_owned());
    FileAttachment {
        name: Some(attachment.name.clone()),
        content_type: media_type,
        is_inline: Some(false),
        content: Some(attachment.bytes.clone()),
        ..FileAttachment::default()
    }
}

/// A header field of ours as an extended property. A mailbox forgets the value of the first mail
/// with a new field name (ews.md 1.9).
fn header_property(name: &str, value: &str) -> Result<ExtendedProperty, MimeError> {
    let name = PropertyName::Name(name.to_owned());
    let uri = ExtendedFieldUri::distinguished("InternetHeaders", name, PropertyType::String);
    uri.map(|uri| ExtendedProperty::new(uri, value)).map_err(|_| MimeError::Header)
}

/// Stores drafts; at most [`crate::create_item::ITEMS_MAX`] of them.
#[must_use]
pub fn draft(items: Vec<Message>) -> CreateItem {
    CreateItem::save(FolderId::distinguished(distinguished::DRAFTS), items)
}

/// Reads what storing one draft gave: its id and change key.
///
/// # Errors
/// [`Error::Unanswered`] if the server said nothing of an id: look for the key.
pub fn drafted(request: &CreateItem, items: Vec<Message>) -> Result<ItemId, Error> {
    use crate::operation::Operation;
    let id = items.into_iter().find_map(|item| item.item_id);
    let (operation, effect) = (CreateItem::FORM.operation, request.effect());
    id.ok_or(Error::Unanswered { operation, effect })
}

/// Sends drafts and keeps copies in Sent Items.
#[must_use]
pub fn send(drafts: Vec<ItemId>) -> SendItem {
    SendItem::new(drafts)
}

/// Asks for the current change key of a draft.
#[must_use]
pub fn refresh(draft: &ItemId) -> GetItem {
    let id = ItemId::new(draft.id.clone());
    GetItem { shape: ItemShape::id_only(), item_ids: vec![id] }
}

/// Deletes drafts for good, those that are superfluous or can never be sent.
#[must_use]
pub fn discard(drafts: Vec<ItemId>) -> DeleteItem {
    DeleteItem { delete_type: DeleteType::HardDelete, item_ids: drafts }
}

/// Searches a folder for a key. `created_after` makes it cheaper; servers that refuse restrictions
/// of two parts get it without.
#[must_use]
pub fn find(key: &DeliveryKey, folder: &str, created_after: Option<DateTime>) -> FindItem {
    let path = PropertyPath::Extended(key_property());
    let is_key = Restriction::compare(Comparison::EqualTo, path, key.as_str());
    let restriction = match created_after {
        None => is_key,
        Some(time) => {
            let created = PropertyPath::field("item:DateTimeCreated");
            let after = Restriction::compare(Comparison::GreaterThan, created, time.to_string());
            Restriction::And(vec![after, is_key])
        }
    };
    FindItem { restriction: Some(restriction), ..search(folder, FOUND_MAX, 0) }
}

/// Lists the items of a folder that have any key, for the daily sweep: a page from `offset` on.
#[must_use]
pub fn sweep(folder: &str, entries_max: u32, offset: u32) -> FindItem {
    let any = Restriction::Exists(PropertyPath::Extended(key_property()));
    FindItem { restriction: Some(any), ..search(folder, entries_max, offset) }
}

fn search(folder: &str, entries_max: u32, offset: u32) -> FindItem {
    let created = PropertyPath::field("item:DateTimeCreated");
    let shape = ItemShape::id_only()
        .and(created.clone())
        .and(PropertyPath::field("item:IsSubmitted"))
        .and(PropertyPath::field("message:InternetMessageId"))
        .and(PropertyPath::Extended(key_property()));
    FindItem {
        shape,
        page: Some(Page { offset, ..Page::first(entries_max) }),
        sort_order: vec![FieldOrder { path: created, direction: Direction::Descending }],
        ..FindItem::all(FolderId::distinguished(folder))
    }
}

/// An item of ours that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The item.
    pub id: ItemId,
    /// Its key, as the server returned it.
    pub key: String,
    /// When it was stored.
    pub created: Option<DateTime>,
    /// Whether it waits for transport.
    pub is_submitted: bool,
    /// Its Message-ID; in Sent Items the one it left with.
    pub message_id: Option<String>,
}

/// All items with a key among those found.
#[must_use]
pub fn all_hits(found: &FoundItems) -> Vec<Hit> {
    let property = key_property();
    let hit = |item: &Message| {
        Some(Hit {
            id: item.item_id.clone()?,
            key: item.extended(&property)?.to_owned(),
            created: item.date_time_created,
            is_submitted: item.is_submitted.unwrap_or(false),
            message_id: item.internet_message_id.clone(),
        })
    };
    found.items.iter().filter_map(hit).collect()
}

/// The items with exactly this key, the oldest first. The server's comparison is only a filter:
/// some match `k2` for `K2`.
#[must_use]
pub fn hits(found: &FoundItems, key: &DeliveryKey) -> Vec<Hit> {
    let mut hits = all_hits(found);
    hits.retain(|hit| hit.key == key.as_str());
    hits.sort_by_key(|hit| hit.created);
    hits
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::{client, mime, operation::Operation, operation::Request, test::validate};

    fn key() -> DeliveryKey {
        DeliveryKey::new("k1-3f9c0d7a").unwrap()
    }

    fn mail() -> OutgoingMail {
        OutgoingMail {
            from: crate::mailbox::Mailbox::smtp("chat-digest@corp.example"),
            to: vec![crate::mailbox::Mailbox::smtp("ana@corp.example")],
            subject: "é".repeat(300),
            html: "<p>a & b</p>".to_owned(),
            text: "a & b".to_owned(),
            message_id: "<1@digest.corp.example>".to_owned(),
            in_reply_to: None,
            references: Vec::new(),
            headers: vec![("Auto-Submitted".to_owned(), "auto-generated".to_owned())],
            importance: Importance::Low,
            attachments: vec![Attachment {
                name: "messages.txt".to_owned(),
                media_type: "text/plain; charset=utf-8".to_owned(),
                bytes: b"all of it".to_vec(),
            }],
            date_unix_s: 1_795_330_800,
        }
    }

    /// Sends an operation through both ends and the schema.
    fn through<O: Operation>(operation: &O) -> Request {
        let bytes = client::encode(operation, &client::Options::default()).body;
        validate(std::str::from_utf8(&bytes).unwrap());
        Request::decode(&bytes).unwrap()
    }

    #[test]
    fn the_property_is_the_one_of_old() {
        let mut writer = xml::Writer::new();
        key_property().write(&mut writer);
        let written = writer.finish();
        let element = crate::test::parse_types(&written);
        assert_eq!(ExtendedFieldUri::read(&element), Ok(key_property()));
        assert_eq!(
            written,
            "<t:ExtendedFieldURI PropertySetId=\"9c1f6a2e-5d0b-4b6e-8a57-3f0a4f2f6b11\" \
             PropertyName=\"DigestDeliveryKey\" PropertyType=\"String\"/>"
        );
    }

    #[test]
    fn keys_are_lower_case_and_short() {
        for bad in ["", "K1", "k 1", "k_1", "ké", &"k".repeat(65)] {
            assert_eq!(DeliveryKey::new(bad), Err(InvalidKey));
        }
    }

    #[test]
    fn both_forms_reach_the_server() {
        let mime = draft(vec![message(&mail(), &key(), MailForm::Mime).unwrap()]);
        assert_eq!(through(&mime), Request::CreateItem(mime.clone()));
        let Some(MimeContent::Bytes(bytes)) = &mime.items.first().unwrap().mime_content else {
            unreachable!("the MIME form holds MIME");
        };
        let read = mime::read(bytes).unwrap();
        assert_eq!(read.subject.clone().unwrap(), "é".repeat(SUBJECT_CHARACTERS_MAX));
        assert_eq!(read.header("Auto-Submitted"), Some("auto-generated"));

        let typed = draft(vec![message(&mail(), &key(), MailForm::Typed).unwrap()]);
        assert_eq!(through(&typed), Request::CreateItem(typed.clone()));
        let item = typed.items.first().unwrap();
        assert_eq!(item.extended(&key_property()), Some("k1-3f9c0d7a"));
        assert_eq!(item.subject.as_ref().unwrap().chars().count(), SUBJECT_CHARACTERS_MAX);
        let file = item.attachments.first().unwrap();
        assert_eq!(file.content_type.as_deref(), Some("text/plain"));
        assert_eq!(file.content.as_deref(), Some(&b"all of it"[..]));
        assert_eq!(read.attachments.first().unwrap().content, file.content);
    }

    #[test]
    fn the_typed_form_is_checked_too() {
        let mut bad = mail();
        bad.headers.push(("X-A".to_owned(), "a\r\nb".to_owned()));
        let refused = message(&bad, &key(), MailForm::Typed);
        assert_eq!(refused, Err(MimeError::Control("header field")));
    }

    #[test]
    fn searches_reach_the_server() {
        let time = DateTime::from_unix_s(1_795_330_800);
        for search in [
            find(&key(), distinguished::DRAFTS, Some(time)),
            find(&key(), distinguished::SENT_ITEMS, None),
            sweep(distinguished::DRAFTS, 100, 200),
        ] {
            assert_eq!(through(&search), Request::FindItem(search.clone()));
        }
        let id = ItemId::with_change_key("AAMk=", "CQAA=");
        through(&send(vec![id.clone()]));
        through(&refresh(&id));
        through(&discard(vec![id]));
    }

    #[test]
    fn hits_are_exact_and_the_oldest_comes_first() {
        let item = |id: &str, key: &str, created: i64| Message {
            item_id: Some(ItemId::new(id)),
            date_time_created: Some(DateTime::from_unix_s(created)),
            extended_properties: vec![ExtendedProperty::new(key_property(), key)],
            ..Message::default()
        };
        let items = vec![
            item("new", "k1-3f9c0d7a", 20),
            item("other", "K1-3F9C0D7A", 1),
            item("old", "k1-3f9c0d7a", 10),
            Message { item_id: Some(ItemId::new("none")), ..Message::default() },
        ];
        let found = FoundItems { items, ..FoundItems::default() };
        let ids: Vec<String> = hits(&found, &key()).into_iter().map(|hit| hit.id.id).collect();
        assert_eq!(ids, ["old", "new"]);
        assert_eq!(all_hits(&found).len(), 3);
    }

    #[test]
    fn a_draft_without_an_id_is_looked_up() {
        let request = draft(vec![Message::default()]);
        let error = drafted(&request, vec![]).unwrap_err();
        assert!(error.unknown_outcome());
    }
}
