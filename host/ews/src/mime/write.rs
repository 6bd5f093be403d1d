//! Writing a mail.

use super::{
    encoding::{base64_lines, quoted_printable},
    header,
};
use crate::{date_time::DateTime, item::Importance, mailbox::Mailbox};

/// The longest mail; base64 adds a third, and a request is kept below 4 MiB (ews.md 8.3).
pub const MAIL_BYTES_MAX: usize = 3 << 20;
/// The most ids in `References`: the first and the newest (ews.md 1.9).
pub const REFERENCES_MAX: usize = 20;
/// The most recipients (ews.md 4.4).
pub const RECIPIENTS_MAX: usize = 500;
/// The most header fields of the caller's.
pub const HEADERS_MAX: usize = 50;
/// The longest value of a header field, bytes before encoding.
pub const HEADER_BYTES_MAX: usize = 8 * 1024;

/// The most attachments.
pub const ATTACHED_MAX: usize = 10;

/// Separates the two bodies. Neither quoted-printable text nor base64 can hold `=_`, so it can be
/// the same for all.
const BOUNDARY: &str = "=_alternative";
/// Separates the bodies and the attachments.
const MIXED: &str = "=_mixed";

/// Fields that are written from what they mean, never from [`OutgoingMail::headers`].
const OWN_FIELDS: &[&str] = &[
    "from",
    "sender",
    "to",
    "cc",
    "bcc",
    "subject",
    "date",
    "message-id",
    "in-reply-to",
    "references",
    "importance",
    "mime-version",
    "return-path",
    "received",
];

/// A file that goes along with a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The file's name: letters, digits, `.`, `-` and `_` of ASCII.
    pub name: String,
    /// What it is, e.g. `text/plain; charset=utf-8`.
    pub media_type: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// A mail to be sent: one HTML body and the same as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingMail {
    /// In whose name.
    pub from: Mailbox,
    /// To whom.
    pub to: Vec<Mailbox>,
    /// What it is about.
    pub subject: String,
    /// The body as HTML.
    pub html: String,
    /// The body as plain text.
    pub text: String,
    /// `<local@domain>`.
    pub message_id: String,
    /// The mail that it answers.
    pub in_reply_to: Option<String>,
    /// The mails before it, oldest first.
    pub references: Vec<String>,
    /// Further fields, such as `Auto-Submitted`, `X-Auto-Response-Suppress`, `List-Id`.
    pub headers: Vec<(String, String)>,
    /// How urgent it is.
    pub importance: Importance,
    /// Files, at most [`ATTACHED_MAX`].
    pub attachments: Vec<Attachment>,
    /// Seconds since 1970.
    pub date_unix_s: i64,
}

/// Why a mail cannot be written. What the fields hold is not told: it may be chat text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MimeError {
    /// A line end or another control character, which could add a field.
    #[error("the mail's {0} holds a control character")]
    Control(&'static str),
    /// No address that a header field can hold.
    #[error("the mail's {0} is no usable address")]
    Address(&'static str),
    /// No `<local@domain>`.
    #[error("the mail's {0} is no message id")]
    MessageId(&'static str),
    /// A field name that is none, or that is not for the caller to set.
    #[error("the mail has a header field of a name that is not allowed")]
    Header,
    /// A file name or a media type that is none.
    #[error("the mail has an attachment of a name or type that is not allowed")]
    Attachment,
    /// More than a limit allows.
    #[error("the mail's {0} is too large")]
    TooLarge(&'static str),
}

impl OutgoingMail {
    /// Checks everything that goes into header fields.
    ///
    /// # Errors
    /// See [`MimeError`].
    pub fn check(&self) -> Result<(), MimeError> {
        check_mailbox(&self.from, "sender")?;
        within(self.to.len(), RECIPIENTS_MAX, "list of recipients")?;
        self.to.iter().try_for_each(|mailbox| check_mailbox(mailbox, "recipient"))?;
        check_text(&self.subject, "subject")?;
        check_id(&self.message_id, "Message-ID")?;
        self.in_reply_to.iter().try_for_each(|id| check_id(id, "In-Reply-To"))?;
        self.references.iter().try_for_each(|id| check_id(id, "References"))?;
        within(self.headers.len(), HEADERS_MAX, "list of header fields")?;
        self.headers.iter().try_for_each(|(name, value)| check_header(name, value))?;
        within(self.attachments.len(), ATTACHED_MAX, "list of attachments")?;
        self.attachments.iter().try_for_each(check_attachment)?;
        within(self.html.len() + self.text.len(), MAIL_BYTES_MAX, "body")?;
        within(self.content_bytes(), MAIL_BYTES_MAX, "whole")
    }

    /// What the bodies and the attachments take at least: the latter travel as base64.
    #[must_use]
    pub fn content_bytes(&self) -> usize {
        let base64 = |file: &Attachment| file.bytes.len().div_ceil(3).saturating_mul(4);
        let files = self.attachments.iter().map(base64).fold(0, usize::saturating_add);
        (self.html.len() + self.text.len()).saturating_add(files)
    }

    /// Writes the mail.
    ///
    /// # Errors
    /// As [`Self::check`]; also [`MimeError::TooLarge`] if it comes out longer than
    /// [`MAIL_BYTES_MAX`].
    pub fn write(&self) -> Result<Vec<u8>, MimeError> {
        self.check()?;
        let mut out = String::with_capacity(self.content_bytes() / 8 * 9 + 2048);
        self.write_header(&mut out);
        header::field(&mut out, "MIME-Version", "1.0");
        if self.attachments.is_empty() {
            self.write_bodies(&mut out);
        } else {
            multipart(&mut out, "mixed", MIXED);
            delimiter(&mut out, MIXED);
            self.write_bodies(&mut out);
            self.attachments.iter().for_each(|file| write_attachment(&mut out, file));
            end(&mut out, MIXED);
        }
        within(out.len(), MAIL_BYTES_MAX, "whole")?;
        Ok(out.into_bytes())
    }

    /// The ids for `References`, no more than [`REFERENCES_MAX`]: the first keeps the thread.
    #[must_use]
    pub fn kept_references(&self) -> Vec<&str> {
        let surplus = self.references.len().saturating_sub(REFERENCES_MAX);
        let newest = self.references.iter().skip(1 + surplus);
        self.references.iter().take(1).chain(newest).map(String::as_str).collect()
    }

    fn write_header(&self, out: &mut String) {
        header::field(out, "From", &mailbox(&self.from));
        let to: Vec<String> = self.to.iter().map(mailbox).collect();
        if !to.is_empty() {
            header::field(out, "To", &to.join(", "));
        }
        header::unstructured(out, "Subject", &self.subject);
        header::field(out, "Date", &DateTime::from_unix_s(self.date_unix_s).to_rfc5322());
        header::field(out, "Message-ID", &self.message_id);
        if let Some(id) = &self.in_reply_to {
            header::field(out, "In-Reply-To", id);
        }
        if !self.references.is_empty() {
            header::field(out, "References", &self.kept_references().join(" "));
        }
        if self.importance != Importance::Normal {
            header::field(out, "Importance", self.importance.as_str());
        }
        for (name, value) in &self.headers {
            header::unstructured(out, name, value);
        }
    }

    fn write_bodies(&self, out: &mut String) {
        multipart(out, "alternative", BOUNDARY);
        write_body(out, "text/plain", &self.text);
        write_body(out, "text/html", &self.html);
        end(out, BOUNDARY);
    }
}

/// The last header field of something that has parts, and the blank line after it.
fn multipart(out: &mut String, subtype: &str, boundary: &str) {
    let media_type = format!("multipart/{subtype}; boundary=\"{boundary}\"");
    header::field(out, "Content-Type", &media_type);
    out.push_str("\r\n");
}

fn delimiter(out: &mut String, boundary: &str) {
    out.push_str("--");
    out.push_str(boundary);
    out.push_str("\r\n");
}

fn end(out: &mut String, boundary: &str) {
    out.push_str("--");
    out.push_str(boundary);
    out.push_str("--\r\n");
}

fn write_body(out: &mut String, media_type: &str, body: &str) {
    delimiter(out, BOUNDARY);
    header::field(out, "Content-Type", &format!("{media_type}; charset=utf-8"));
    header::field(out, "Content-Transfer-Encoding", "quoted-printable");
    out.push_str("\r\n");
    quoted_printable(body, out);
    // This line end belongs to the boundary (RFC 2046, section 5.1.1).
    out.push_str("\r\n");
}

fn write_attachment(out: &mut String, file: &Attachment) {
    delimiter(out, MIXED);
    header::field(out, "Content-Type", &format!("{}; name=\"{}\"", file.media_type, file.name));
    header::field(out, "Content-Transfer-Encoding", "base64");
    header::field(out, "Content-Disposition", &format!("attachment; filename=\"{}\"", file.name));
    out.push_str("\r\n");
    base64_lines(&file.bytes, out);
}

fn mailbox(mailbox: &Mailbox) -> String {
    header::mailbox(mailbox.name.as_deref(), mailbox.smtp_address().unwrap_or_default())
}

fn within(size: usize, max: usize, what: &'static str) -> Result<(), MimeError> {
    if size <= max { Ok(()) } else { Err(MimeError::TooLarge(what)) }
}

fn check_text(text: &str, what: &'static str) -> Result<(), MimeError> {
    // U+0085, U+2028 and U+2029 are line ends to some readers.
    let control = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if text.contains(control) {
        return Err(MimeError::Control(what));
    }
    within(text.len(), HEADER_BYTES_MAX, what)
}

fn check_mailbox(mailbox: &Mailbox, what: &'static str) -> Result<(), MimeError> {
    mailbox.name.iter().try_for_each(|name| check_text(name, what))?;
    let address = mailbox.smtp_address().ok_or(MimeError::Address(what))?;
    if is_address(address) { Ok(()) } else { Err(MimeError::Address(what)) }
}

fn check_id(id: &str, what: &'static str) -> Result<(), MimeError> {
    let inner = id.strip_prefix('<').and_then(|id| id.strip_suffix('>'));
    if inner.is_some_and(is_address) { Ok(()) } else { Err(MimeError::MessageId(what)) }
}

/// `local@domain` without quotes, comments or blanks: what a header field holds as it is.
fn is_address(text: &str) -> bool {
    const ADDRESS_BYTES_MAX: usize = 320;
    let allowed = |byte: u8| byte.is_ascii_graphic() && !br#"<>()[]\,;:""#.contains(&byte);
    text.len() <= ADDRESS_BYTES_MAX
        && text.bytes().all(allowed)
        && text.rsplit_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && !local.contains('@') && !domain.is_empty()
        })
}

fn check_attachment(file: &Attachment) -> Result<(), MimeError> {
    const NAME_BYTES_MAX: usize = 100;
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let named = (1..=NAME_BYTES_MAX).contains(&file.name.len())
        && !file.name.starts_with('.')
        && file.name.bytes().all(letter);
    let (kind, parameters) = file.media_type.split_once(';').unwrap_or((&file.media_type, ""));
    let token =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| letter(byte) || byte == b'+');
    let typed = file.media_type.len() <= NAME_BYTES_MAX
        && kind.split_once('/').is_some_and(|(kind, subtype)| token(kind) && token(subtype))
        && parameters.bytes().all(|byte| letter(byte) || b" =;".contains(&byte));
    if named && typed { Ok(()) } else { Err(MimeError::Attachment) }
}

fn check_header(name: &str, value: &str) -> Result<(), MimeError> {
    const NAME_BYTES_MAX: usize = 60;
    let lower = name.to_ascii_lowercase();
    let named = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    if !named || OWN_FIELDS.contains(&lower.as_str()) || lower.starts_with("content-") {
        return Err(MimeError::Header);
    }
    check_text(value, "header field")
}

#[cfg(test)]
pub(super) mod tests {
    #![expect(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests stop at the first surprise"
    )]
    use super::*;

    pub(crate) fn mail() -> OutgoingMail {
        OutgoingMail {
            from: Mailbox::named("Chat digest", "chat-digest@corp.example"),
            to: vec![Mailbox::named("Ana Ř", "ana@corp.example")],
            subject: "[build] main is red".to_owned(),
            html: "<p>main ist röt</p>\n".to_owned(),
            text: "main ist röt\n".to_owned(),
            message_id: "<room-7.20261122@digest.corp.example>".to_owned(),
            in_reply_to: Some("<room-7.20261121@digest.corp.example>".to_owned()),
            references: vec!["<room-7.20261121@digest.corp.example>".to_owned()],
            headers: vec![
                ("Auto-Submitted".to_owned(), "auto-generated".to_owned()),
                ("X-Auto-Response-Suppress".to_owned(), "All".to_owned()),
                ("List-Id".to_owned(), "<build.rooms.corp.example>".to_owned()),
            ],
            importance: Importance::High,
            attachments: Vec::new(),
            date_unix_s: 1_795_330_800,
        }
    }

    #[test]
    fn a_whole_mail() {
        let expected = "From: \"Chat digest\" <chat-digest@corp.example>\r\n\
            To: =?utf-8?B?QW5hIMWY?= <ana@corp.example>\r\n\
            Subject: [build] main is red\r\n\
            Date: Sun, 22 Nov 2026 07:00:00 +0000\r\n\
            Message-ID: <room-7.20261122@digest.corp.example>\r\n\
            In-Reply-To: <room-7.20261121@digest.corp.example>\r\n\
            References: <room-7.20261121@digest.corp.example>\r\n\
            Importance: High\r\n\
            Auto-Submitted: auto-generated\r\n\
            X-Auto-Response-Suppress: All\r\n\
            List-Id: <build.rooms.corp.example>\r\n\
            MIME-Version: 1.0\r\n\
            Content-Type: multipart/alternative; boundary=\"=_alternative\"\r\n\
            \r\n\
            --=_alternative\r\n\
            Content-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\
            \r\n\
            main ist r=C3=B6t\r\n\
            \r\n\
            --=_alternative\r\n\
            Content-Type: text/html; charset=utf-8\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\
            \r\n\
            <p>main ist r=C3=B6t</p>\r\n\
            \r\n\
            --=_alternative--\r\n";
        assert_eq!(String::from_utf8(mail().write().unwrap()).unwrap(), expected);
    }

    pub(crate) fn listing(bytes: &[u8]) -> Attachment {
        Attachment {
            name: "messages.txt".to_owned(),
            media_type: "text/plain; charset=utf-8".to_owned(),
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn a_file_goes_along() {
        let plain = String::from_utf8(mail().write().unwrap()).unwrap();
        let (header, bodies) = plain.split_once("Content-Type: multipart/alternative").unwrap();
        let expected = format!(
            "{header}Content-Type: multipart/mixed; boundary=\"=_mixed\"\r\n\
            \r\n\
            --=_mixed\r\n\
            Content-Type: multipart/alternative{bodies}\
            --=_mixed\r\n\
            Content-Type: text/plain; charset=utf-8; name=\"messages.txt\"\r\n\
            Content-Transfer-Encoding: base64\r\n\
            Content-Disposition: attachment; filename=\"messages.txt\"\r\n\
            \r\n\
            {}\r\n\
            eHh4\r\n\
            --=_mixed--\r\n",
            "eHh4".repeat(19)
        );
        let with = OutgoingMail { attachments: vec![listing(&[b'x'; 60])], ..mail() };
        assert_eq!(String::from_utf8(with.write().unwrap()).unwrap(), expected);
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let file = "\u{feff}röt\r\n--=_mixed--\r\n".repeat(100);
        let with = OutgoingMail { attachments: vec![listing(file.as_bytes())], ..mail() };
        let read = crate::mime::read(&with.write().unwrap()).unwrap();
        assert_eq!(read.text.as_deref().map(str::trim_end), Some("main ist röt"));
        assert_eq!(read.html.as_deref().map(str::trim_end), Some("<p>main ist röt</p>"));
        let [attached] = read.attachments.as_slice() else { unreachable!("one attachment") };
        assert_eq!(attached.name.as_deref(), Some("messages.txt"));
        assert_eq!(attached.content_type.as_deref(), Some("text/plain"));
        assert_eq!(attached.is_inline, Some(false));
        let content = String::from_utf8(attached.content.clone().unwrap()).unwrap();
        assert_eq!(content.trim_start_matches('\u{feff}'), file.trim_start_matches('\u{feff}'));
    }

    #[test]
    fn odd_and_too_many_files_are_refused() {
        let with = |attachments| OutgoingMail { attachments, ..mail() }.write().unwrap_err();
        for name in ["", ".txt", "a b", "a\"b", "a/b", "a\r\nb", "ä.txt", &"x".repeat(101)] {
            let file = Attachment { name: name.to_owned(), ..listing(b"x") };
            assert_eq!(with(vec![file]), MimeError::Attachment, "{name}");
        }
        for media_type in ["", "text", "text/", "a/b\r\nBcc: x", "a/b; c=\"d\"", "a/b/c"] {
            let file = Attachment { media_type: media_type.to_owned(), ..listing(b"x") };
            assert_eq!(with(vec![file]), MimeError::Attachment, "{media_type}");
        }
        let many = vec![listing(b"x"); ATTACHED_MAX + 1];
        assert_eq!(with(many), MimeError::TooLarge("list of attachments"));
        let large = vec![listing(&vec![0; MAIL_BYTES_MAX / 4 * 3])];
        assert_eq!(with(large), MimeError::TooLarge("whole"));
    }

    #[test]
    fn nothing_adds_a_header_field() {
        for bad in ["a\r\nBcc: eve@x.y", "a\nb", "a\rb", "a\0b", "a\u{85}b", "a\u{2028}b"] {
            let with = |change: fn(&mut OutgoingMail, String)| {
                let mut mail = mail();
                change(&mut mail, bad.to_owned());
                mail.write().unwrap_err()
            };
            assert_eq!(with(|mail, bad| mail.subject = bad), MimeError::Control("subject"));
            assert_eq!(with(|mail, bad| mail.from.name = Some(bad)), MimeError::Control("sender"));
            with(|mail, bad| mail.to[0].name = Some(bad));
            with(|mail, bad| mail.to[0].address = Some(format!("{bad}@x.y")));
            with(|mail, bad| mail.from.address = Some(format!("x@{bad}")));
            with(|mail, bad| mail.message_id = format!("<{bad}@x.y>"));
            with(|mail, bad| mail.in_reply_to = Some(format!("<{bad}@x.y>")));
            with(|mail, bad| mail.references.push(format!("<{bad}@x.y>")));
            with(|mail, bad| mail.headers.push(("X-Room".to_owned(), bad)));
            with(|mail, bad| mail.headers.push((bad, "x".to_owned())));
        }
    }

    #[test]
    fn bad_fields_are_refused() {
        for name in ["", "To", "bcc", "Content-Type", "CONTENT-ID", "X Y", "X:Y", "X-é"] {
            let mut mail = mail();
            mail.headers.push((name.to_owned(), "x".to_owned()));
            assert_eq!(mail.write(), Err(MimeError::Header), "{name}");
        }
        for address in
            ["", "ana", "@x.y", "ana@", "a b@x.y", "a@b@c", "<a@x.y>", "a,b@x.y", "ä@x.y"]
        {
            let mut mail = mail();
            mail.to = vec![Mailbox::smtp(address)];
            assert_eq!(mail.write(), Err(MimeError::Address("recipient")), "{address}");
        }
        let mut large = mail();
        large.html = "x".repeat(MAIL_BYTES_MAX);
        assert_eq!(large.write(), Err(MimeError::TooLarge("body")));
        large.html = "é".repeat(MAIL_BYTES_MAX / 4);
        assert_eq!(large.write(), Err(MimeError::TooLarge("whole")));
    }

    #[test]
    fn a_body_cannot_end_its_part() {
        let mut mail = mail();
        mail.text = "--=_alternative--\r\nMore: header".to_owned();
        let bytes = String::from_utf8(mail.write().unwrap()).unwrap();
        assert_eq!(bytes.matches("--=_alternative--").count(), 1);
        assert!(bytes.contains("--=3D_alternative--"));
    }

    #[test]
    fn references_keep_the_first_and_the_newest() {
        let mut mail = mail();
        mail.references = (0..30).map(|number| format!("<{number}@x.y>")).collect();
        let kept = mail.kept_references();
        assert_eq!(kept.len(), REFERENCES_MAX);
        assert_eq!(kept.first(), Some(&"<0@x.y>"));
        assert_eq!(kept.get(1), Some(&"<11@x.y>"));
        assert_eq!(kept.last(), Some(&"<29@x.y>"));
        mail.references.truncate(2);
        assert_eq!(mail.kept_references(), ["<0@x.y>", "<1@x.y>"]);
    }
}
