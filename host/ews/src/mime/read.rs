//! Reading a mail, as the server does it.

use mail_parser::{Address, HeaderValue, Message, MessageParser, MimeHeaders, PartType};

use crate::{attachment::FileAttachment, date_time::DateTime, item::Importance, mailbox::Mailbox};

/// The most attachments that are looked at.
pub const ATTACHMENTS_MAX: usize = 100;
/// The most recipients of each kind that are looked at.
const RECIPIENTS_MAX: usize = 1000;
/// The most header fields that are looked at.
const HEADERS_MAX: usize = 1000;
/// The most ids that are looked at.
const IDS_MAX: usize = 200;

/// What a mail says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IncomingMail {
    /// In whose name.
    pub from: Option<Mailbox>,
    /// Who sent it in fact.
    pub sender: Option<Mailbox>,
    /// To whom.
    pub to: Vec<Mailbox>,
    /// To whom a copy.
    pub cc: Vec<Mailbox>,
    /// To whom a copy that the others do not see.
    pub bcc: Vec<Mailbox>,
    /// Where answers go.
    pub reply_to: Vec<Mailbox>,
    /// What it is about, decoded.
    pub subject: Option<String>,
    /// `<local@domain>`.
    pub message_id: Option<String>,
    /// The mail that it answers.
    pub in_reply_to: Option<String>,
    /// The mails before it, oldest first, with their angle brackets.
    pub references: Vec<String>,
    /// When it was written.
    pub date: Option<DateTime>,
    /// How urgent it is; `None` if it does not say.
    pub importance: Option<Importance>,
    /// The HTML body.
    pub html: Option<String>,
    /// The plain body.
    pub text: Option<String>,
    /// Files.
    pub attachments: Vec<FileAttachment>,
    /// All header fields in order, as they stand there but unfolded.
    pub headers: Vec<(String, String)>,
}

impl IncomingMail {
    /// The value of the first header field of this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Reads a mail; nothing if it has not even a header field.
#[must_use]
pub fn read(bytes: &[u8]) -> Option<IncomingMail> {
    let message = MessageParser::default().parse(bytes)?;
    if message.parts.is_empty() || message.headers().is_empty() {
        return None;
    }
    let importance = message.header_raw("Importance").map(str::trim).unwrap_or_default();
    let known = Importance::ALL.iter().copied();
    let mut known = known.filter(|known| known.as_str().eq_ignore_ascii_case(importance));
    Some(IncomingMail {
        from: first(message.from()),
        sender: first(message.sender()),
        to: all(message.to()),
        cc: all(message.cc()),
        bcc: all(message.bcc()),
        reply_to: all(message.reply_to()),
        subject: message.subject().map(str::to_owned),
        message_id: message.message_id().map(in_brackets),
        in_reply_to: ids(message.in_reply_to()).into_iter().next(),
        references: ids(message.references()),
        date: message.date().map(|date| DateTime::from_unix_s(date.to_timestamp())),
        importance: known.next(),
        html: body(&message, true),
        text: body(&message, false),
        attachments: attachments(&message),
        headers: headers(&message),
    })
}

fn first(address: Option<&Address<'_>>) -> Option<Mailbox> {
    all(address).into_iter().next()
}

fn all(address: Option<&Address<'_>>) -> Vec<Mailbox> {
    let addresses: Box<dyn Iterator<Item = &mail_parser::Addr<'_>>> = match address {
        None => return Vec::new(),
        Some(Address::List(list)) => Box::new(list.iter()),
        Some(Address::Group(groups)) => {
            Box::new(groups.iter().flat_map(|group| group.addresses.iter()))
        }
    };
    let mailbox = |address: &mail_parser::Addr<'_>| Mailbox {
        name: address.name.as_deref().map(str::to_owned),
        ..Mailbox::smtp(address.address.as_deref().unwrap_or_default())
    };
    let mailboxes = addresses.map(mailbox).filter(|mailbox| mailbox.smtp_address().is_some());
    mailboxes.take(RECIPIENTS_MAX).collect()
}

fn in_brackets(id: &str) -> String {
    format!("<{id}>")
}

fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    match value {
        HeaderValue::Text(id) => vec![in_brackets(id)],
        HeaderValue::TextList(ids) => ids.iter().take(IDS_MAX).map(|id| in_brackets(id)).collect(),
        _ => Vec::new(),
    }
}

/// The body of this kind, not one that is made from the other kind.
fn body(message: &Message<'_>, html: bool) -> Option<String> {
    let part = if html { message.html_part(0) } else { message.text_part(0) };
    match &part?.body {
        PartType::Html(text) if html => Some(text.as_ref().to_owned()),
        PartType::Text(text) if !html => Some(text.as_ref().to_owned()),
        _ => None,
    }
}

fn attachments(message: &Message<'_>) -> Vec<FileAttachment> {
    let parts = (0_u32..).map_while(|at| message.attachment(at)).take(ATTACHMENTS_MAX);
    let attachment = |part: &mail_parser::MessagePart<'_>| {
        let media_type = part.content_type().map(|kind| match kind.subtype() {
            Some(subtype) => format!("{}/{subtype}", kind.ctype()),
            None => kind.ctype().to_owned(),
        });
        let content_id = part.content_id().map(|id| id.trim_matches(['<', '>']).to_owned());
        FileAttachment {
            name: part.attachment_name().map(str::to_owned),
            content_type: media_type,
            is_inline: Some(content_id.is_some() && !is_attached(part)),
            content_id,
            content: Some(part.contents().to_vec()),
            ..FileAttachment::default()
        }
    };
    parts.map(attachment).collect()
}

fn is_attached(part: &mail_parser::MessagePart<'_>) -> bool {
    part.content_disposition().is_some_and(mail_parser::ContentType::is_attachment)
}

fn headers(message: &Message<'_>) -> Vec<(String, String)> {
    let raw = |from: u32, to: u32| {
        let range = usize::try_from(from).ok()?..usize::try_from(to).ok()?;
        std::str::from_utf8(message.raw_message.get(range)?).ok()
    };
    let headers = message.headers().iter().take(HEADERS_MAX);
    let header = |header: &mail_parser::Header<'_>| {
        let name = raw(header.offset_field(), header.offset_start())?;
        let value = raw(header.offset_start(), header.offset_end())?;
        let name = name.trim().trim_end_matches(':').to_owned();
        Some((name, value.replace(['\r', '\n'], "").trim().to_owned()))
    };
    headers.filter_map(header).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::mime::write::tests::mail;

    #[test]
    fn what_is_written_is_read() {
        let mail = mail();
        let read = read(&mail.write().unwrap()).unwrap();
        assert_eq!(read.from, Some(mail.from));
        assert_eq!(read.to, mail.to);
        assert_eq!(read.subject, Some(mail.subject));
        assert_eq!(read.message_id, Some(mail.message_id));
        assert_eq!(read.in_reply_to, mail.in_reply_to);
        assert_eq!(read.references, mail.references);
        assert_eq!(read.date.unwrap().unix_s(), mail.date_unix_s);
        assert_eq!(read.importance, Some(Importance::High));
        assert_eq!(read.html.unwrap().replace("\r\n", "\n"), mail.html);
        assert_eq!(read.text.unwrap().replace("\r\n", "\n"), mail.text);
        assert!(read.attachments.is_empty());
        assert!(mail.headers.iter().all(|header| read.headers.contains(header)));
    }

    #[test]
    fn a_plain_mail_and_one_with_files() {
        let plain = read(b"Subject: x\r\nFrom: a@b.c\r\n\r\nhello\r\n").unwrap();
        assert_eq!((plain.text.as_deref(), &plain.html), (Some("hello\r\n"), &None));
        assert_eq!(plain.header("SUBJECT"), Some("x"));
        let mixed = read(
            b"Subject: x\r\nBcc: Team: a@b.c, \"D\" <d@e.f>;\r\n\
              Content-Type: multipart/related; boundary=B\r\n\r\n\
              --B\r\nContent-Type: text/html\r\n\r\n<img src=\"cid:logo@digest\">\r\n\
              --B\r\nContent-Type: image/png; name=logo.png\r\nContent-ID: <logo@digest>\r\n\
              Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--B--\r\n",
        )
        .unwrap();
        let file = mixed.attachments.first().unwrap();
        assert_eq!(file.content_id.as_deref(), Some("logo@digest"));
        assert_eq!(file.content_type.as_deref(), Some("image/png"));
        assert_eq!(file.content.as_deref(), Some(&b"\x89PNG\r\n\x1a\n"[..]));
        assert_eq!(file.is_inline, Some(true));
        assert_eq!(mixed.bcc, [Mailbox::smtp("a@b.c"), Mailbox::named("D", "d@e.f")]);
    }

    #[test]
    fn broken_mail_is_no_panic() {
        assert_eq!(read(b""), None);
        assert_eq!(read(b"\r\n\r\nbody"), None);
        let whole = mail().write().unwrap();
        for cut in 0..whole.len() {
            let _ = read(whole.get(..cut).unwrap());
        }
        for at in 0..whole.len() {
            for byte in [0, b'"', b'(', b'\r', 0xff] {
                let mut changed = whole.clone();
                *changed.get_mut(at).unwrap() = byte;
                let _ = read(&changed);
            }
        }
        let mut nested = Vec::new();
        for _ in 0..500 {
            nested.extend_from_slice(b"Content-Type: message/rfc822\r\n\r\n");
        }
        let _ = read(&nested);
    }
}
