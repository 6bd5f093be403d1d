//! What `CreateItem` and `UpdateItem` write into an item.

use std::sync::Arc;

use crate::{
    attachment::FileAttachment,
    code::ResponseCode,
    date_time::DateTime,
    item::{Body, BodyType, Message, MimeContent},
    mailbox::Mailbox,
    property::{ExtendedProperty, PropertyPath},
    soap::Details,
};

use super::{
    answer::Refusal,
    item::{Address, Attachment, Content, StoredItem},
    mime,
    property::{PROPERTIES_MAX, Property, PropertyId},
    time,
};

/// Characters of a subject (ews.md 1.2).
const SUBJECT_CHARS_MAX: usize = 255;
/// Attachments of one item.
const ATTACHMENTS_MAX: usize = 250;
/// Recipients of one item, all fields together.
const RECIPIENTS_MAX: usize = 1_000;

const FLAGS: PropertyId = PropertyId::Tag(0x0e07);
const DELIVERED: PropertyId = PropertyId::Tag(0x0e06);
const SUBMITTED: PropertyId = PropertyId::Tag(0x0039);

/// Fills a new item.
///
/// # Errors
/// The codes of ews.md 1.2 to 1.7 for what Exchange would not take.
pub(crate) fn create(message: Message, item: &mut StoredItem) -> Result<(), Refusal> {
    check(&message)?;
    let (is_read, properties) = (message.is_read, message.extended_properties.clone());
    apply(message, item)?;
    for property in &properties {
        create_property(&Property::new(property)?, item);
        set_property(property, item)?;
    }
    if let Some(is_read) = is_read {
        item.is_read = is_read;
    }
    Ok(())
}

/// The flags and times that only creation honours (ews.md 1.8).
fn create_property(property: &Property, item: &mut StoredItem) {
    let Some(value) = property.values().first() else {
        return;
    };
    let at = || DateTime::parse(value).map(time::unix);
    match property.id {
        FLAGS => {
            let flags: i64 = value.trim().parse().unwrap_or_default();
            item.is_draft = flags & 8 != 0;
            item.is_read = flags & 1 != 0;
        }
        DELIVERED => item.received = at().unwrap_or(item.received),
        SUBMITTED => item.sent = at().or(item.sent),
        _ => {}
    }
}

/// Carries out one `SetItemField`: the field stands as the one child of the message.
///
/// # Errors
/// As [`create`].
pub(crate) fn set(message: Message, item: &mut StoredItem) -> Result<(), Refusal> {
    check(&message)?;
    let keeps_mime = message.is_read.is_some() || !message.extended_properties.is_empty();
    if message.internet_message_id.is_some() && !item.is_draft {
        return Err(Refusal::other(
            "ErrorInvalidPropertyUpdateSentMessage",
            "The property cannot be changed on a sent message.",
        ));
    }
    if let Some(is_read) = message.is_read {
        item.is_read = is_read;
    }
    for property in &message.extended_properties {
        set_property(property, item)?;
        if property_is(property, &FLAGS)
            && let Some(flags) = property.value().and_then(|value| value.trim().parse::<i64>().ok())
        {
            item.is_read = flags & 1 != 0;
        }
    }
    apply(message, item)?;
    if !keeps_mime {
        forget_mime(item);
    }
    Ok(())
}

/// Carries out one `AppendToItemField`: texts grow, lists get longer.
///
/// # Errors
/// As [`create`].
pub(crate) fn append(mut message: Message, item: &mut StoredItem) -> Result<(), Refusal> {
    check(&message)?;
    let content = item.content();
    if let Some(body) = &mut message.body {
        let before = match body.body_type {
            BodyType::Html => content.html.as_deref(),
            BodyType::Text => content.text.as_deref(),
        };
        body.content.insert_str(0, before.unwrap_or_default());
    }
    let before = |addresses: &[Address]| addresses.iter().map(mailbox).collect::<Vec<_>>();
    for (list, old) in [
        (&mut message.to_recipients, &content.to),
        (&mut message.cc_recipients, &content.cc),
        (&mut message.bcc_recipients, &item.bcc),
        (&mut message.reply_to, &content.reply_to),
    ] {
        if !list.is_empty() {
            list.splice(0..0, before(old));
        }
    }
    apply(message, item)?;
    forget_mime(item);
    Ok(())
}

/// Carries out one `DeleteItemField`.
pub(crate) fn delete(path: &PropertyPath, item: &mut StoredItem) {
    let uri = match path {
        PropertyPath::Extended(uri) => {
            let id = PropertyId::from(uri);
            return Arc::make_mut(&mut item.properties).retain(|property| property.id != id);
        }
        PropertyPath::Field(uri) => uri.as_str(),
        PropertyPath::Indexed { .. } => return,
    };
    match uri {
        "message:BccRecipients" => item.bcc.clear(),
        "message:IsRead" => item.is_read = false,
        _ => delete_content(uri, item.content_mut()),
    }
    forget_mime(item);
}

fn delete_content(uri: &str, content: &mut Content) {
    match uri {
        "item:Subject" => content.subject.clear(),
        "item:Body" => {
            content.html = None;
            content.text = None;
        }
        "item:Categories" => content.categories.clear(),
        "item:InReplyTo" => content.in_reply_to = None,
        "item:Culture" => content.culture = None,
        "item:Importance" => "Normal".clone_into(&mut content.importance),
        "item:Sensitivity" => "Normal".clone_into(&mut content.sensitivity),
        "message:ToRecipients" => content.to.clear(),
        "message:CcRecipients" => content.cc.clear(),
        "message:ReplyTo" => content.reply_to.clear(),
        "message:References" => content.references = None,
        "message:From" => content.from = None,
        "message:Sender" => content.sender = None,
        _ => {}
    }
}

fn check(message: &Message) -> Result<(), Refusal> {
    if let Some(uri) = set_by_server(message) {
        return Err(read_only(uri));
    }
    if message.extended_properties.len() > PROPERTIES_MAX {
        return Err(too_many_properties());
    }
    Ok(())
}

/// A field that only the server sets and the message has (ews.md 1.2).
fn set_by_server(message: &Message) -> Option<&'static str> {
    let fields = [
        (message.item_id.is_some(), "item:ItemId"),
        (message.parent_folder_id.is_some(), "item:ParentFolderId"),
        (message.date_time_received.is_some(), "item:DateTimeReceived"),
        (message.size_bytes.is_some(), "item:Size"),
        (message.is_submitted.is_some(), "item:IsSubmitted"),
        (message.is_draft.is_some(), "item:IsDraft"),
        (message.is_from_me.is_some(), "item:IsFromMe"),
        (message.is_resend.is_some(), "item:IsResend"),
        (message.is_unmodified.is_some(), "item:IsUnmodified"),
        (!message.internet_message_headers.is_empty(), "item:InternetMessageHeaders"),
        (message.date_time_sent.is_some(), "item:DateTimeSent"),
        (message.date_time_created.is_some(), "item:DateTimeCreated"),
        (message.display_cc.is_some(), "item:DisplayCc"),
        (message.display_to.is_some(), "item:DisplayTo"),
        (message.has_attachments.is_some(), "item:HasAttachments"),
        (message.last_modified_name.is_some(), "item:LastModifiedName"),
        (message.last_modified_time.is_some(), "item:LastModifiedTime"),
        (message.conversation_id.is_some(), "item:ConversationId"),
        (message.unique_body.is_some(), "item:UniqueBody"),
        (message.text_body.is_some(), "item:TextBody"),
        (message.preview.is_some(), "item:Preview"),
        (message.conversation_index.is_some(), "message:ConversationIndex"),
        (message.conversation_topic.is_some(), "message:ConversationTopic"),
        (message.received_by.is_some(), "message:ReceivedBy"),
        (message.received_representing.is_some(), "message:ReceivedRepresenting"),
    ];
    fields.into_iter().find(|(is_set, _)| *is_set).map(|(_, uri)| uri)
}

fn read_only(uri: &str) -> Refusal {
    let properties = vec![PropertyPath::field(uri)];
    let details = Details { properties, ..Details::default() };
    let text = "Set action is invalid for property.";
    Refusal::new(ResponseCode::INVALID_PROPERTY_SET, text).with(details)
}

fn too_many_properties() -> Refusal {
    let text = "The item has too many extended properties.";
    Refusal::new(ResponseCode::INVALID_EXTENDED_PROPERTY, text)
}

/// Writes the typed fields. Extended properties and the read flag are the caller's.
fn apply(mut message: Message, item: &mut StoredItem) -> Result<(), Refusal> {
    match message.mime_content.take() {
        Some(MimeContent::Invalid) => {
            let text = "The MIME content is not valid base64.";
            return Err(Refusal::new(ResponseCode::MIME_CONTENT_INVALID_BASE64_STRING, text));
        }
        Some(MimeContent::Bytes(bytes)) => {
            let (content, bcc) = mime::read(&bytes)?;
            item.content = Arc::new(content);
            item.bcc = bcc;
        }
        None => {}
    }
    let recipients = [&message.to_recipients, &message.cc_recipients, &message.bcc_recipients];
    if recipients.iter().map(|list| list.len()).sum::<usize>() > RECIPIENTS_MAX {
        return Err(invalid_recipients());
    }
    if !message.bcc_recipients.is_empty() {
        item.bcc = addresses(&message.bcc_recipients)?;
    }
    apply_content(message, item.content_mut())
}

fn apply_content(message: Message, content: &mut Content) -> Result<(), Refusal> {
    put(&mut content.item_class, message.item_class);
    if let Some(subject) = message.subject {
        content.subject = subject.chars().take(SUBJECT_CHARS_MAX).collect();
    }
    put(&mut content.sensitivity, message.sensitivity.map(|it| it.as_str().to_owned()));
    put(&mut content.importance, message.importance.map(|it| it.as_str().to_owned()));
    if let Some(body) = message.body {
        set_body(body, content);
    }
    for file in message.attachments {
        attach(file, content)?;
    }
    put_list(&mut content.categories, message.categories);
    put_list(&mut content.to, addresses(&message.to_recipients)?);
    put_list(&mut content.cc, addresses(&message.cc_recipients)?);
    put_list(&mut content.reply_to, addresses(&message.reply_to)?);
    if let Some(from) = &message.from {
        content.from = Some(address(from)?);
    }
    if let Some(sender) = &message.sender {
        content.sender = Some(address(sender)?);
    }
    put(&mut content.message_id, message.internet_message_id);
    content.in_reply_to = message.in_reply_to.or(content.in_reply_to.take());
    content.references = message.references.or(content.references.take());
    content.culture = message.culture.or(content.culture.take());
    put(&mut content.is_read_receipt_requested, message.is_read_receipt_requested);
    put(&mut content.is_delivery_receipt_requested, message.is_delivery_receipt_requested);
    put(&mut content.is_response_requested, message.is_response_requested);
    Ok(())
}

fn put<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn put_list<T>(place: &mut Vec<T>, value: Vec<T>) {
    if !value.is_empty() {
        *place = value;
    }
}

fn set_body(body: Body, content: &mut Content) {
    (content.html, content.text) = match body.body_type {
        BodyType::Html => (Some(body.content), None),
        BodyType::Text => (None, Some(body.content)),
    };
}

/// Adds a file and returns its number.
///
/// # Errors
/// `ErrorAttachmentSizeLimitExceeded` beyond [`ATTACHMENTS_MAX`] files.
pub(crate) fn attach(file: FileAttachment, content: &mut Content) -> Result<u32, Refusal> {
    if content.attachments.len() >= ATTACHMENTS_MAX {
        let text = "The item has too many attachments.";
        return Err(Refusal::other("ErrorAttachmentSizeLimitExceeded", text));
    }
    let number = content.attachments.last().map_or(1, |last| last.number.saturating_add(1));
    content.attachments.push(Arc::new(Attachment {
        number,
        name: file.name.unwrap_or_default(),
        content_type: file.content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
        content_id: file.content_id,
        is_inline: file.is_inline.unwrap_or(false),
        bytes: file.content.unwrap_or_default(),
    }));
    Ok(number)
}

/// The stored message no longer says what the fields say.
pub(crate) fn forget_mime(item: &mut StoredItem) {
    if item.content.mime.is_some() {
        let content = item.content_mut();
        content.mime = None;
        content.headers.clear();
    }
}

fn set_property(property: &ExtendedProperty, item: &mut StoredItem) -> Result<(), Refusal> {
    let property = Property::new(property)?;
    let properties = Arc::make_mut(&mut item.properties);
    properties.retain(|old| old.id != property.id);
    if properties.len() >= PROPERTIES_MAX {
        return Err(too_many_properties());
    }
    properties.push(property);
    Ok(())
}

fn property_is(property: &ExtendedProperty, id: &PropertyId) -> bool {
    PropertyId::from(&property.uri) == *id
}

fn addresses(list: &[Mailbox]) -> Result<Vec<Address>, Refusal> {
    list.iter().map(address).collect()
}

fn address(mailbox: &Mailbox) -> Result<Address, Refusal> {
    if mailbox.routing_type.as_deref().is_some_and(|kind| !kind.eq_ignore_ascii_case("SMTP")) {
        let text = "The routing type is not valid for the recipient.";
        return Err(Refusal::other("ErrorInvalidRoutingType", text));
    }
    let Some(smtp) = mailbox.smtp_address().map(str::trim).filter(|smtp| !smtp.is_empty()) else {
        let text = "The required e-mail address is missing.";
        return Err(Refusal::other("ErrorMissingInformationEmailAddress", text));
    };
    Ok(Address { name: mailbox.name.clone().unwrap_or_default(), smtp: smtp.to_owned() })
}

/// An address as the wire has it.
pub(crate) fn mailbox(address: &Address) -> Mailbox {
    let name = if address.name.is_empty() { &address.smtp } else { &address.name };
    Mailbox {
        routing_type: Some("SMTP".to_owned()),
        ..Mailbox::named(name.as_str(), address.smtp.as_str())
    }
}

/// The refusal of a message without a recipient that can be read.
pub(crate) fn invalid_recipients() -> Refusal {
    Refusal::new(ResponseCode::INVALID_RECIPIENTS, "At least one recipient isn't valid.")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use std::time::Duration;

    use super::*;

    fn element(inside: &str) -> Message {
        Message::read(&crate::test::parse(&format!("<Message>{inside}</Message>")))
    }

    fn created(inside: &str) -> Result<StoredItem, Refusal> {
        let mut item = StoredItem::draft(Duration::from_secs(9));
        create(element(inside), &mut item).map(|()| item)
    }

    const DEPOSIT: &str = r#"<ExtendedProperty><ExtendedFieldURI PropertyTag="0x0E07" PropertyType="Integer"/><Value>0</Value></ExtendedProperty><ExtendedProperty><ExtendedFieldURI PropertyTag="0x0E06" PropertyType="SystemTime"/><Value>2026-11-22T07:00:00Z</Value></ExtendedProperty>"#;

    #[test]
    fn a_deposit_is_no_draft_and_has_its_times() {
        let item = created(DEPOSIT).unwrap();
        assert!(!item.is_draft && !item.is_read);
        assert_eq!(item.received, Duration::from_secs(1_795_330_800));
        let item = created(r#"<IsRead>false</IsRead>"#).unwrap();
        assert!(item.is_draft && !item.is_read);
    }

    #[test]
    fn the_unsent_bit_stays_after_creation() {
        let mut item = created("").unwrap();
        set(element(DEPOSIT), &mut item).unwrap();
        assert!(item.is_draft && !item.is_read);
    }

    #[test]
    fn what_only_the_server_sets_is_refused() {
        let refusal = created("<IsDraft>false</IsDraft>").unwrap_err();
        assert_eq!(refusal.code, ResponseCode::INVALID_PROPERTY_SET);
        let path = refusal.details.properties.first().cloned();
        assert_eq!(path, Some(PropertyPath::field("item:IsDraft")));
    }

    #[test]
    fn fields_are_set_appended_and_deleted() {
        let mut item = created(r#"<Subject>a</Subject><Body BodyType="Text">x</Body>"#).unwrap();
        set(element("<Subject>b</Subject>"), &mut item).unwrap();
        append(element(r#"<Body BodyType="Text">y</Body>"#), &mut item).unwrap();
        assert_eq!((item.subject(), item.text().as_str()), ("b", "xy"));
        delete(&PropertyPath::field("item:Subject"), &mut item);
        assert_eq!(item.subject(), "");
    }

    #[test]
    fn mime_and_addresses_are_checked() {
        let code = |inside: &str| created(inside).unwrap_err().code.as_str().to_owned();
        assert_eq!(code("<MimeContent>?</MimeContent>"), "ErrorMimeContentInvalidBase64String");
        let to = |inside: &str| format!("<ToRecipients><Mailbox>{inside}</Mailbox></ToRecipients>");
        assert_eq!(code(&to("<Name>x</Name>")), "ErrorMissingInformationEmailAddress");
        let fax = "<EmailAddress>1</EmailAddress><RoutingType>FAX</RoutingType>";
        assert_eq!(code(&to(fax)), "ErrorInvalidRoutingType");
    }
}
