//! Compositions: what a guest made of messages, checked, or made without it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::message::{Kind, Message, Part};
use crate::{markup, text};

/// Longest subject in UTF-16 units (ews.md 1.2); a longer one is cut.
pub const SUBJECT_UNITS_MAX: usize = 255;

/// Longest preview in UTF-16 units; a longer one is cut.
pub const PREVIEW_UNITS_MAX: usize = 200;

/// Largest HTML, largest plain text, and largest listing.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// Most of [`markup::effort`] that HTML may cost. The largest mail costs as much with a tag every
/// twenty bytes, twenty deep.
const EFFORT_MAX: usize = 1 << 20;

/// How loudly a mail asks to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Importance {
    /// May wait.
    Low,
    /// As any other.
    #[default]
    Normal,
    /// Marked as urgent.
    High,
}

/// A mail but for its recipient and its headers. The HTML is not yet cleaned of what is active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Composition {
    /// One line of at most [`SUBJECT_UNITS_MAX`].
    pub subject: String,
    /// The line that an inbox shows beside the subject, at most [`PREVIEW_UNITS_MAX`].
    pub preview: String,
    /// What stands inside `<body>`.
    pub html: String,
    /// The same in plain text.
    pub text: String,
    /// Every message in full, if the HTML does not show every one in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listing: Option<String>,
    /// How loudly it asks to be read.
    pub importance: Importance,
}

/// A composition that is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompositionError {
    /// Nothing in it.
    #[error("the guest composed a mail with an empty {0}")]
    Empty(&'static str),
    /// A line break or another control character: it could forge headers.
    #[error("the guest composed a mail with a line break or control character in the {0}")]
    NotOneLine(&'static str),
    /// More than [`BODY_BYTES_MAX`].
    #[error("the guest composed {0} of {1} bytes; at most {BODY_BYTES_MAX} are allowed")]
    TooLarge(&'static str, usize),
    /// Elements inside one another, or in one tag, such that cleaning it would take too long.
    #[error("the guest composed HTML that is nested too deep for its length")]
    TooNested,
}

impl Composition {
    /// Accepts what a guest composed: cuts the subject and the preview to their lengths, drops
    /// control characters from the bodies (they cannot be mailed), keeps all else.
    ///
    /// # Errors
    /// [`CompositionError`] says what is wrong; use [`plain`] then.
    pub fn check(self) -> Result<Self, CompositionError> {
        one_line("subject", &self.subject)?;
        one_line("preview", &self.preview)?;
        let listing = self.listing.as_ref().map(|listing| ("a listing", listing));
        let bodies = [("HTML", &self.html), ("plain text", &self.text)];
        for (name, body) in bodies.into_iter().chain(listing) {
            if body.len() > BODY_BYTES_MAX {
                return Err(CompositionError::TooLarge(name, body.len()));
            }
        }
        let fields = [("subject", &self.subject), ("HTML", &self.html), ("text", &self.text)];
        if let Some((name, _)) = fields.into_iter().find(|(_, field)| field.trim().is_empty()) {
            return Err(CompositionError::Empty(name));
        }
        if markup::effort(&self.html) > EFFORT_MAX {
            return Err(CompositionError::TooNested);
        }
        Ok(Self {
            subject: text::clip(self.subject.trim(), SUBJECT_UNITS_MAX).into_owned(),
            preview: text::clip(self.preview.trim(), PREVIEW_UNITS_MAX).into_owned(),
            html: printable(self.html),
            text: printable(self.text),
            listing: self.listing.map(printable).filter(|listing| !listing.trim().is_empty()),
            importance: self.importance,
        })
    }
}

fn one_line(name: &'static str, field: &str) -> Result<(), CompositionError> {
    if text::is_one_line(field) { Ok(()) } else { Err(CompositionError::NotOneLine(name)) }
}

/// Drops what XML 1.0 cannot carry, escaped or not.
fn printable(mut body: String) -> String {
    let lost = |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    if body.contains(lost) {
        body.retain(|c| !lost(c));
    }
    body
}

/// A mail of words alone, that the host writes by itself: an answer to somebody.
#[must_use]
pub fn letter(subject: &str, words: &str) -> Composition {
    let text = printable(format!("{}\n", words.trim_end()));
    Composition {
        subject: text::clip(&text::one_line(subject), SUBJECT_UNITS_MAX).into_owned(),
        preview: text::clip(&text::one_line(&text), PREVIEW_UNITS_MAX).into_owned(),
        html: format!(
            "<table role=\"presentation\" width=\"640\" align=\"center\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\">\
<tr><td style=\"padding:16px;font-family:'Segoe UI',Arial,sans-serif;font-size:14px;line-height:21px;color:#24272b;\">{}</td></tr></table>",
            escape(text.trim_end()).replace('\n', "<br>")
        ),
        text,
        listing: None,
        importance: Importance::Normal,
    }
}

/// A message for [`plain`].
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The message.
    pub message: &'a Message,
    /// What its room is called.
    pub room: &'a str,
    /// When it was said, as its reader's clock shows it.
    pub sent: &'a str,
    /// Why its reader gets it.
    pub reason: &'a str,
    /// Whether its room is secret: an inbox shows none of its words then.
    pub secret: bool,
}

/// Composes without the guest: everything said, nothing styled. `why` tells what was wrong with
/// the guest and stands at the end, for somebody to notice.
///
/// What does not fit into half of [`BODY_BYTES_MAX`] is left out, and the mail says how many
/// messages that were.
pub fn plain(entries: &[Entry<'_>], why: &str) -> Composition {
    let rooms = rooms(entries);
    let mut mail = Composition {
        subject: text::clip(&subject(entries, &rooms), SUBJECT_UNITS_MAX).into_owned(),
        preview: String::new(),
        html: String::new(),
        text: String::new(),
        listing: None,
        importance: Importance::Normal,
    };
    if entries.iter().any(|entry| entry.message.kind == Kind::Alert) {
        mail.importance = Importance::High;
    }
    if let Some(first) = entries.first().filter(|entry| !entry.secret) {
        let words = text::one_line(&words(first.message));
        mail.preview = text::clip(&words, PREVIEW_UNITS_MAX).into_owned();
    }
    let mut shown = 0;
    for entry in entries {
        let (text, html) = paragraphs(entry);
        // Half: the document around it and the note below need room as well.
        if mail.html.len() + html.len() > BODY_BYTES_MAX / 2 {
            break;
        }
        mail.text.push_str(&text);
        mail.html.push_str(&html);
        shown += 1;
    }
    note(&mut mail, entries.len() - shown, why);
    Composition { html: printable(mail.html), text: printable(mail.text), ..mail }
}

fn rooms<'a>(entries: &[Entry<'a>]) -> Vec<&'a str> {
    let mut rooms: Vec<_> = entries.iter().map(|entry| entry.room).collect();
    rooms.dedup();
    rooms
}

fn subject(entries: &[Entry<'_>], rooms: &[&str]) -> String {
    let rooms = match rooms {
        [room] => format!("[{}]", text::one_line(room)),
        _ => format!("[{} rooms]", rooms.len()),
    };
    let words = match entries {
        [entry] if entry.secret && !is_gap(entry.message) => "new message".to_owned(),
        [entry] => match &entry.message.kind {
            Kind::Story { title } => text::one_line(title),
            _ => text::one_line(&words(entry.message)),
        },
        _ => format!("{} messages", entries.len()),
    };
    // A subject that quotes a long message is no use beyond its beginning.
    let words = text::clip(&words, 100);
    format!("{rooms} {words}").trim_end().to_owned()
}

fn paragraphs(entry: &Entry<'_>) -> (String, String) {
    let place = format!("{}, {}", text::one_line(entry.room), entry.sent);
    // Who would be named as the author of a gap has written nothing.
    let head = match is_gap(entry.message) {
        true => place,
        false => format!("{} in {place}", text::one_line(&entry.message.author.name)),
    };
    let title = match &entry.message.kind {
        Kind::Story { title } => Some(text::one_line(title)),
        _ => None,
    };
    let title_line = title.as_ref().map(|title| format!("{title}\n")).unwrap_or_default();
    let words = spelled(entry.message);
    let text = format!("{head}:\n{title_line}{words}\n({})\n\n", entry.reason);
    let title = title.map(|title| format!("<b>{}</b><br>", escape(&title))).unwrap_or_default();
    let html = format!(
        "<p><b>{}</b><br>{title}{}<br><i>{}</i></p>\n",
        escape(&head),
        escape(&words).replace('\n', "<br>"),
        escape(entry.reason)
    );
    (text, html)
}

fn is_gap(message: &Message) -> bool {
    matches!(message.kind, Kind::Gap { .. })
}

/// What is told of a message that is none.
fn told_gap(missing: Option<u32>) -> String {
    match missing {
        Some(1) => "1 message was missed; the room's history no longer has it.".to_owned(),
        Some(count) => {
            format!("{count} messages were missed; the room's history no longer has them.")
        }
        None => {
            "Messages were missed, how many is not known; the room's history no longer has them."
                .to_owned()
        }
    }
}

fn words(message: &Message) -> String {
    match message.kind {
        Kind::Gap { missing } => told_gap(missing),
        _ => message.plain_text(),
    }
}

/// Plain text with the addresses behind links: there is nothing to click on in it.
fn spelled(message: &Message) -> String {
    if let Kind::Gap { missing } = message.kind {
        return told_gap(missing);
    }
    let part = |part: &Part| match part {
        Part::Hyperlink { address, words }
        | Part::RoomLink { address, words }
        | Part::FileLink { address, words }
            if address != words && !address.is_empty() =>
        {
            format!("{words} <{address}>")
        }
        _ => part.words().to_owned(),
    };
    message.parts.iter().map(part).collect()
}

fn note(mail: &mut Composition, left_out: usize, why: &str) {
    let mut note = String::new();
    if left_out > 0 {
        let _ = write!(note, "{left_out} more messages did not fit: see the room. ");
    }
    let why = text::one_line(why);
    let _ = write!(note, "This mail is plain because the guest could not compose it: {why}");
    let note = text::clip(&note, 1_000);
    let _ = write!(mail.text, "-- \n{note}\n");
    let _ = write!(mail.html, "<p><small>{}</small></p>", escape(&note));
}

/// Escapes text for HTML, inside elements and inside attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;
    use crate::plan::tests::message;

    fn composed() -> Composition {
        Composition {
            subject: "[Build] main is red".into(),
            preview: "bob: main is red".into(),
            html: "<p>main is red</p>".into(),
            text: "main is red".into(),
            listing: None,
            importance: Importance::Normal,
        }
    }

    #[test]
    fn a_good_one_passes_unchanged() {
        assert_eq!(composed().check().unwrap(), composed());
    }

    #[test]
    fn a_subject_cannot_forge_headers() {
        for subject in ["a\r\nBcc: x@evil.example", "a\nb", "a\0b", "a\u{7f}", "a\u{2028}b"] {
            let mail = Composition { subject: subject.into(), ..composed() };
            assert_eq!(mail.check(), Err(CompositionError::NotOneLine("subject")));
        }
        let mail = Composition { preview: "a\nb".into(), ..composed() };
        assert_eq!(mail.check(), Err(CompositionError::NotOneLine("preview")));
    }

    #[test]
    fn lengths_are_cut_and_sizes_refused() {
        let mail = Composition {
            subject: "🎉".repeat(300),
            preview: "ü".repeat(300),
            text: "a\0b\u{1b}\n".into(),
            ..composed()
        };
        let mail = mail.check().unwrap();
        assert_eq!(mail.subject.encode_utf16().count(), 255);
        assert_eq!(mail.preview.chars().count(), 200);
        assert_eq!(mail.text, "ab\n");
        let html = "x".repeat(BODY_BYTES_MAX);
        assert!(Composition { html: html.clone(), ..composed() }.check().is_ok());
        assert_eq!(
            Composition { html: html + "x", ..composed() }.check(),
            Err(CompositionError::TooLarge("HTML", BODY_BYTES_MAX + 1))
        );
        let rows = "<tr><td><p>a message of some words</p></td></tr>".repeat(20_000);
        let html = format!("<div><table>{rows}</table></div>");
        assert!(Composition { html, ..composed() }.check().is_ok());
        let attributes = (0..50_000).map(|n| format!(" a{n}=\">\"")).collect::<String>();
        for html in [
            "<div>".repeat(10_000),
            "<div><p title=\"></div>\"></p>".repeat(10_000),
            format!("{}{}", "<p><b>".repeat(100), "<p>x</p>".repeat(50_000)),
            format!("<b{attributes}>"),
        ] {
            let refused = Composition { html, ..composed() }.check();
            assert_eq!(refused, Err(CompositionError::TooNested));
        }
    }

    #[test]
    fn a_listing_is_bounded_and_printable() {
        let with = |listing: &str| Composition { listing: Some(listing.into()), ..composed() };
        assert_eq!(with("a\u{1}b").check().unwrap().listing.as_deref(), Some("ab"));
        assert_eq!(with(" \n").check().unwrap().listing, None);
        let refused = with(&"x".repeat(BODY_BYTES_MAX + 1)).check();
        assert_eq!(refused, Err(CompositionError::TooLarge("a listing", BODY_BYTES_MAX + 1)));
        let old = r#"{"subject":"s","preview":"","html":"h","text":"t","importance":"normal"}"#;
        let old: Composition = serde_json::from_str(old).unwrap();
        assert_eq!(old.listing, None);
        assert!(!serde_json::to_string(&old).unwrap().contains("listing"));
    }

    #[test]
    fn a_gap_is_told_and_nobody_wrote_it() {
        for (missing, words) in [
            (Some(1), "1 message was missed; the room's history no longer has it."),
            (Some(12), "12 messages were missed; the room's history no longer has them."),
            (
                None,
                "Messages were missed, how many is not known; the room's history no longer has them.",
            ),
        ] {
            let mut message = message("bob", 1);
            message.kind = Kind::Gap { missing };
            message.parts.clear();
            let entry = Entry {
                message: &message,
                room: "Build",
                sent: "10:04",
                reason: "r",
                secret: true,
            };
            let mail = plain(&[entry], "x");
            assert_eq!(mail.subject, format!("[Build] {words}"));
            assert!(
                mail.text.starts_with(&format!("Build, 10:04:\n{words}\n(r)\n")),
                "{}",
                mail.text
            );
            assert!(mail.html.contains("<b>Build, 10:04</b>"), "{}", mail.html);
        }
    }

    #[test]
    fn nothing_is_not_a_mail() {
        let check = |mail: Composition| mail.check().unwrap_err().to_string();
        let subject = Composition { subject: " ".into(), ..composed() };
        assert_eq!(check(subject), "the guest composed a mail with an empty subject");
        let text = Composition { text: "\n".into(), ..composed() };
        assert_eq!(check(text), "the guest composed a mail with an empty text");
    }

    #[test]
    fn the_plain_one_escapes_all() {
        let mut message = message("bob", 1);
        message.author.name = "<b>Bob\r\n".into();
        message.kind = Kind::Alert;
        message.parts = vec![
            Part::Text("<script>alert('x')</script> ]]> \u{1} & done".into()),
            Part::LineBreak,
            Part::Hyperlink { address: "https://a.example/".into(), words: "here".into() },
        ];
        let entry = Entry {
            message: &message,
            room: "Build",
            sent: "10:04",
            reason: "a <reason>",
            secret: false,
        };
        let mail = plain(&[entry], "trap\nunreachable");
        assert_eq!(mail.clone().check().unwrap(), mail);
        assert_eq!(mail.importance, Importance::High);
        assert_eq!(
            mail.html,
            "<p><b>&lt;b&gt;Bob in Build, 10:04</b><br>\
             &lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; ]]&gt;  &amp; done<br>\
             here &lt;https://a.example/&gt;<br><i>a &lt;reason&gt;</i></p>\n\
             <p><small>This mail is plain because the guest could not compose it: \
             trap unreachable</small></p>"
        );
        assert_eq!(
            mail.text,
            "<b>Bob in Build, 10:04:\n<script>alert('x')</script> ]]>  & done\n\
             here <https://a.example/>\n(a <reason>)\n\n-- \n\
             This mail is plain because the guest could not compose it: trap unreachable\n"
        );
    }

    #[test]
    fn a_secret_room_tells_nothing_to_an_inbox() {
        let message = message("bob", 1);
        let entry = Entry { message: &message, room: "Board", sent: "", reason: "", secret: true };
        let mail = plain(&[entry], "x");
        assert_eq!((&*mail.subject, &*mail.preview), ("[Board] new message", ""));
        assert!(mail.text.contains("main is red"));
    }

    #[test]
    fn the_plain_one_is_always_acceptable() {
        let mut message = message("bob", 1);
        message.parts = vec![Part::Text("<\u{7}".repeat(10_000))];
        let entry = Entry { message: &message, room: "\n", sent: "", reason: "", secret: false };
        for count in [1, 2, 500] {
            let mail = plain(&vec![entry; count], "");
            assert_eq!(mail.clone().check().unwrap(), mail);
            assert_eq!(mail.text.contains("more messages did not fit"), count == 500);
        }
        message.parts.clear();
        let entry = Entry { message: &message, room: "", sent: "", reason: "", secret: false };
        assert!(plain(&[entry], "x").check().is_ok());
        assert!(plain(&[], "x").check().is_ok());
    }
}
