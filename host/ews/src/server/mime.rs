//! Between RFC 5322 and the store: what `MimeContent` says, and a rendering of what it did not.

use std::{borrow::Cow, sync::Arc};

use mail_builder::{
    MessageBuilder,
    headers::{
        HeaderType, address::Address as Person, content_type::ContentType, raw::Raw, text::Text,
    },
    mime::MimePart,
};

use crate::{
    attachment::FileAttachment,
    code::ResponseCode,
    mailbox::Mailbox,
    mime::{self, IncomingMail},
};

use super::{
    answer::Refusal,
    item::{Address, Attachment, Content, StoredItem},
    property::{INTERNET_HEADERS, PropertyId},
    time,
};

/// Reads a message: its content, and the blind copies apart.
///
/// # Errors
/// `ErrorMimeContentInvalid` if there is no header field in it.
pub(crate) fn read(bytes: &[u8]) -> Result<(Content, Vec<Address>), Refusal> {
    let mail = mime::read(bytes).ok_or_else(|| {
        Refusal::new(ResponseCode::MIME_CONTENT_INVALID, "The MIME content is invalid.")
    })?;
    let bcc = addresses(&mail.bcc);
    let mut content = content(mail);
    // Only the sender's own copies know of blind copies, so they are kept beside the message.
    content.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("Bcc"));
    // Even if no address was found in it: what stands there is nobody's business.
    content.mime = Some(without(bytes, "Bcc"));
    Ok((content, bcc))
}

fn content(mail: IncomingMail) -> Content {
    let keywords = mail.header("Keywords").unwrap_or_default().split(',').map(str::trim);
    let categories = keywords.filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let sensitivity = match mail.header("Sensitivity").map(str::to_ascii_lowercase).as_deref() {
        Some("personal") => "Personal",
        Some("private") => "Private",
        Some("company-confidential") => "Confidential",
        _ => "Normal",
    };
    let importance = mail.importance.map_or("Normal", |importance| importance.as_str());
    Content {
        subject: mail.subject.unwrap_or_default(),
        html: mail.html,
        text: mail.text,
        from: mail.from.as_ref().map(address),
        sender: mail.sender.as_ref().map(address),
        to: addresses(&mail.to),
        cc: addresses(&mail.cc),
        reply_to: addresses(&mail.reply_to),
        message_id: mail.message_id.unwrap_or_default(),
        in_reply_to: mail.in_reply_to,
        references: Some(mail.references.join(" ")).filter(|ids| !ids.is_empty()),
        importance: importance.to_owned(),
        sensitivity: sensitivity.to_owned(),
        categories,
        attachments: mail.attachments.into_iter().zip(1..).map(file).collect(),
        headers: mail.headers,
        ..Content::note()
    }
}

fn addresses(list: &[Mailbox]) -> Vec<Address> {
    list.iter().map(address).collect()
}

fn address(mailbox: &Mailbox) -> Address {
    let smtp = mailbox.smtp_address().unwrap_or_default().trim().to_owned();
    Address { name: mailbox.name.clone().unwrap_or_default(), smtp }
}

fn file((file, number): (FileAttachment, u32)) -> Arc<Attachment> {
    Arc::new(Attachment {
        number,
        name: file.name.unwrap_or_else(|| "attachment".to_owned()),
        content_type: file.content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
        content_id: file.content_id,
        is_inline: file.is_inline.unwrap_or(false),
        bytes: file.content.unwrap_or_default(),
    })
}

/// The message without the header fields of this name, their continuation lines included.
fn without(message: &[u8], name: &str) -> Vec<u8> {
    let mut kept = Vec::with_capacity(message.len());
    let mut rest = message;
    let mut is_dropped = false;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        if line == b"\n" || line == b"\r\n" {
            break;
        }
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            let field = line.split(|byte| *byte == b':').next().unwrap_or_default();
            is_dropped = field.trim_ascii().eq_ignore_ascii_case(name.as_bytes());
        }
        if !is_dropped {
            kept.extend_from_slice(line);
        }
        rest = after;
    }
    kept.extend_from_slice(rest);
    kept
}

/// The item as a message: the one that came, or a rendering of its fields. The owner of blind
/// copies sees them.
pub(crate) fn write(item: &StoredItem) -> Vec<u8> {
    let body = match &item.content().mime {
        Some(mime) => Cow::Borrowed(mime.as_slice()),
        None => Cow::Owned(render(item)),
    };
    if item.bcc.is_empty() {
        return body.into_owned();
    }
    let bcc: Vec<&str> = item.bcc.iter().map(|address| address.smtp.as_str()).collect();
    let mut message = format!("Bcc: {}\r\n", bcc.join(",\r\n ")).into_bytes();
    message.extend_from_slice(&body);
    message
}

/// Header fields of the item, as they stand in its message.
pub(crate) fn headers(item: &StoredItem) -> Vec<(String, String)> {
    if !item.content().headers.is_empty() {
        return item.content().headers.clone();
    }
    read(&render(item)).map(|(content, _)| content.headers).unwrap_or_default()
}

/// Puts the fields in front that transport demands and the sender left out.
pub(crate) fn complete(content: &mut Content, sent: std::time::Duration) {
    let from = content.from.as_ref().map(|from| format!("<{}>", from.smtp));
    let sender = content.sender.as_ref().map(|sender| format!("<{}>", sender.smtp));
    let message_id = Some(content.message_id.clone());
    let needed = [
        ("Message-ID", message_id),
        ("Date", Some(time::header(sent))),
        ("From", from),
        ("Sender", sender),
    ];
    let Some(mime) = &mut content.mime else {
        return;
    };
    let has = |headers: &[(String, String)], name: &str| {
        headers.iter().any(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    for (name, value) in needed {
        if let Some(value) = value
            && !has(&content.headers, name)
        {
            let line = format!("{name}: {value}\r\n").into_bytes();
            mime.splice(0..0, line);
            content.headers.insert(0, (name.to_owned(), value));
        }
    }
}

/// Gives the message another Message-ID, in the fields and in the stored form.
pub(crate) fn set_message_id(content: &mut Content, message_id: String) {
    let name = "Message-ID";
    if let Some(mime) = content.mime.take() {
        content.mime = Some(without(&mime, name));
        // The field is missing now, and transport will put it in front.
        content.headers.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
    }
    content.message_id = message_id;
}

fn render(item: &StoredItem) -> Vec<u8> {
    let content = item.content();
    let bare = |id: &str| id.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
    let sent = item.sent.unwrap_or(item.created);
    let mut builder = MessageBuilder::new()
        .message_id(bare(&content.message_id))
        .header("Date", Raw::new(time::header(sent)))
        .subject(content.subject.as_str());
    if let Some(from) = &content.from {
        builder = builder.from(person(from));
    }
    if let Some(sender) = &content.sender {
        builder = builder.sender(person(sender));
    }
    for (name, list) in [("To", &content.to), ("Cc", &content.cc), ("Reply-To", &content.reply_to)]
    {
        if !list.is_empty() {
            let list = Person::new_list(list.iter().map(person).collect());
            builder = builder.header(name, HeaderType::Address(list));
        }
    }
    if let Some(id) = &content.in_reply_to {
        builder = builder.in_reply_to(bare(id));
    }
    if let Some(ids) = &content.references {
        builder = builder.references(ids.split_whitespace().map(bare).collect::<Vec<_>>());
    }
    builder = with_flags(builder, item);
    // Without a writer that fails, writing does not.
    builder.body(body(content)).write_to_vec().unwrap_or_default()
}

fn with_flags<'x>(mut builder: MessageBuilder<'x>, item: &'x StoredItem) -> MessageBuilder<'x> {
    let content = item.content();
    if content.importance != "Normal" {
        builder = builder.header("Importance", Text::new(content.importance.as_str()));
    }
    if !content.categories.is_empty() {
        builder = builder.header("Keywords", Text::new(content.categories.join(", ")));
    }
    for property in item.properties.iter() {
        if let PropertyId::Named(set, name) = &property.id
            && set == INTERNET_HEADERS
            && is_field_name(name)
            && let Some(value) = property.values().first()
        {
            builder = builder.header(name.as_str(), Text::new(value.as_str()));
        }
    }
    builder
}

fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

fn person(address: &Address) -> Person<'_> {
    let name = Some(address.name.as_str()).filter(|name| !name.is_empty());
    Person::new_address(name, address.smtp.as_str())
}

fn body(content: &Content) -> MimePart<'_> {
    let plain = |text: Cow<'_, str>| MimePart::new("text/plain", text.into_owned());
    let text = match (&content.text, &content.html) {
        (Some(text), _) => plain(text.into()),
        (None, Some(html)) => plain(mail_parser::decoders::html::html_to_text(html).into()),
        (None, None) => plain("".into()),
    };
    let inner = match &content.html {
        Some(html) => {
            let html = MimePart::new("text/html", html.as_str());
            MimePart::new(multipart("alternative", content), vec![text, html])
        }
        None => text,
    };
    if content.attachments.is_empty() {
        return inner;
    }
    let mut parts = vec![inner];
    parts.extend(content.attachments.iter().map(|file| attachment(file)));
    MimePart::new(multipart("mixed", content), parts)
}

fn attachment(file: &Attachment) -> MimePart<'_> {
    let part = MimePart::new(file.content_type.as_str(), file.bytes.as_slice());
    match &file.content_id {
        Some(id) if file.is_inline => part.inline().cid(id.as_str()),
        Some(id) => part.attachment(file.name.as_str()).cid(id.as_str()),
        None => part.attachment(file.name.as_str()),
    }
}

/// A boundary is made from the Message-ID: `=_` stands in no encoded part, and the store is to
/// give the same bytes twice.
fn multipart(kind: &'static str, content: &Content) -> ContentType<'static> {
    let hash = content.message_id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    ContentType::new(format!("multipart/{kind}"))
        .attribute("boundary", format!("=_{kind}_{hash:016x}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use std::time::Duration;

    use super::*;

    const MAIL: &str = "From: Digest <digest@corp.example>\r\nTo: Ana <ana@corp.example>,\r\n ben@corp.example\r\nBcc: cy@corp.example,\r\n dan@corp.example\r\nSubject: =?utf-8?q?=C3=9Cbersicht?=\r\nMessage-ID: <1@x>\r\nReferences: <a@x> <b@x>\r\nX-Digest-Room: ops\r\n room\r\nImportance: high\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>hello</p>\r\n--b--\r\n";

    #[test]
    fn a_message_is_read() {
        let (content, bcc) = read(MAIL.as_bytes()).unwrap();
        assert_eq!(content.subject, "Übersicht");
        assert_eq!(content.from.unwrap().name, "Digest");
        let to: Vec<_> = content.to.iter().map(|address| address.smtp.as_str()).collect();
        assert_eq!(to, ["ana@corp.example", "ben@corp.example"]);
        assert_eq!(bcc.len(), 2);
        assert_eq!(content.html.unwrap().trim(), "<p>hello</p>");
        assert_eq!(content.text.unwrap().trim(), "hello");
        assert_eq!(content.references.unwrap(), "<a@x> <b@x>");
        assert_eq!(content.importance, "High");
        let id = content.headers.iter().find(|(name, _)| name == "Message-ID").unwrap();
        assert_eq!(id.1, "<1@x>");
        let room = content.headers.iter().find(|(name, _)| name == "X-Digest-Room").unwrap();
        assert_eq!(room.1, "ops room");
        let mime = String::from_utf8(content.mime.unwrap()).unwrap();
        assert!(!mime.contains("cy@") && !mime.contains("dan@"));
        assert!(mime.contains("ben@corp.example\r\nSubject:"));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert!(read(b"").is_err());
    }

    #[test]
    fn fields_become_a_message_that_is_read_back() {
        let mut item = StoredItem::draft(Duration::from_secs(1_795_330_800));
        item.bcc = vec![Address { name: String::new(), smtp: "cy@corp.example".to_owned() }];
        let content = item.content_mut();
        content.subject = "Grüße".to_owned();
        content.message_id = "<2@x>".to_owned();
        content.from = Some(Address { name: "A".to_owned(), smtp: "a@x".to_owned() });
        content.to = vec![Address { name: String::new(), smtp: "b@x".to_owned() }];
        content.html = Some("<p>ä</p>".to_owned());
        content.attachments = vec![Arc::new(Attachment {
            number: 1,
            name: "a.txt".to_owned(),
            content_type: "application/octet-stream".to_owned(),
            bytes: vec![0, 255],
            ..Attachment::default()
        })];
        assert_eq!(write(&item), write(&item));
        let (read, bcc) = read(&write(&item)).unwrap();
        assert!(read.headers.contains(&("To".to_owned(), "<b@x>".to_owned())));
        assert_eq!((read.subject.as_str(), read.message_id.as_str()), ("Grüße", "<2@x>"));
        assert_eq!(read.html.unwrap().trim(), "<p>ä</p>");
        assert_eq!(read.attachments.first().unwrap().bytes, [0, 255]);
        assert_eq!(bcc, item.bcc);
        assert!(
            headers(&item).iter().any(|(name, value)| name == "Date" && value.contains("2026"))
        );
    }

    #[test]
    fn the_message_id_can_be_replaced() {
        let (mut content, _) = read(MAIL.as_bytes()).unwrap();
        set_message_id(&mut content, "<9@x>".to_owned());
        complete(&mut content, Duration::ZERO);
        let mime = String::from_utf8(content.mime.unwrap()).unwrap();
        assert!(mime.contains("Message-ID: <9@x>") && !mime.contains("<1@x>"));
    }

    #[test]
    fn transport_completes_the_header() {
        let (mut content, _) = read(b"Subject: x\r\n\r\nhi").unwrap();
        content.message_id = "<3@x>".to_owned();
        content.from = Some(Address { name: String::new(), smtp: "a@x".to_owned() });
        complete(&mut content, Duration::ZERO);
        let (again, _) = read(&content.mime.unwrap()).unwrap();
        assert_eq!(again.message_id, "<3@x>");
        assert_eq!(again.from.unwrap().smtp, "a@x");
        assert_eq!(again.text.unwrap(), "hi");
    }
}
