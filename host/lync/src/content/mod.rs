//! What a post says, as parts: words, line ends, links, files, emoticons, mentions (dossier 5).
//!
//! [`read`] takes the plain text, which every post has, and from the RTF only what plain text
//! lacks: the targets of hyperlinks whose words stand in the text, and the words themselves if
//! the text is empty. [`write()`] makes the plain text of parts. Nothing here fails: what has no
//! better meaning is text.

mod links;
mod marks;
mod people;
pub mod rtf;
mod story;
mod words;

use std::borrow::Cow;

use self::{
    links::FromRtf,
    marks::{Marks, Piece},
    words::Words,
};
pub use self::{
    links::{FILE_SCHEME, URL_BYTES_MAX},
    marks::LINKS_MAX,
    people::{MENTIONS_MAX, NAME_CHARS_MAX, PEOPLE_MAX, People},
    story::TITLE_CHARS_MAX,
};

/// Bytes of the longest text in which links of the RTF are looked for.
pub const RTF_OVERLAY_BYTES_MAX: usize = 256 << 10;

/// A piece of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Words; no line ends, no control characters but the tab.
    Text(String),
    /// The end of a line.
    LineBreak,
    /// A link to the web, a mail address or a telephone; the scheme is one of a fixed list.
    Hyperlink {
        /// Where it leads.
        url: String,
        /// What is seen.
        text: String,
    },
    /// A link to a room.
    RoomLink {
        /// `ma-chan://…`
        uri: String,
        /// What is seen.
        text: String,
    },
    /// A file posted in a room. It is fetched with a token, not by this address (dossier 4.16).
    FileLink {
        /// The file's name.
        name: String,
        /// `ma-filelink:…`
        url: String,
    },
    /// An emoticon, as its characters.
    Emoticon(String),
    /// Somebody is spoken to.
    Mention {
        /// `sip:…`
        address: String,
        /// What is seen, with the `@`.
        text: String,
    },
}

/// What kind of post it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An ordinary one.
    Message,
    /// One marked urgent.
    Alert,
    /// A long one with a title; the title is empty if the shape was not understood.
    Story {
        /// The title.
        title: String,
    },
}

/// What a post says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// What kind of post it is.
    pub kind: Kind,
    /// Whether it is marked urgent; a story can be that too.
    pub alert: bool,
    /// Its pieces in order. Words of neighbouring pieces of text are joined.
    pub parts: Vec<Part>,
}

/// Reads a post. `people` are those who can be mentioned, usually those of the room.
#[must_use]
pub fn read(chat: &str, rtf: Option<&str>, alert: bool, people: &People) -> Content {
    let text = normalised(chat);
    let document = rtf.and_then(|rtf| rtf::read(rtf).ok());
    let (title, body) = match story::split(&text) {
        Some((title, body)) => (Some(title), body),
        None => (None, &*text),
    };
    let parts = match document {
        Some(document) if text.trim().is_empty() => from_rtf(&document, people),
        document => parts(body, document.as_ref(), people),
    };
    let kind = match title {
        Some(title) => Kind::Story { title: title.to_owned() },
        None if alert => Kind::Alert,
        None => Kind::Message,
    };
    Content { kind, alert, parts }
}

/// Writes the plain text of a post: lines end with LF, links other than bare ones are anchors.
#[must_use]
pub fn write(kind: &Kind, parts: &[Part]) -> String {
    let mut body = String::new();
    for part in parts {
        match part {
            Part::Text(text) | Part::Emoticon(text) | Part::Mention { text, .. } => {
                body.push_str(text);
            }
            Part::LineBreak => body.push('\n'),
            Part::Hyperlink { url, text } => link(&mut body, url, text),
            Part::RoomLink { uri, text } => link(&mut body, uri, text),
            Part::FileLink { name, url } => link(&mut body, url, name),
        }
    }
    match kind {
        Kind::Story { title } => story::join(title, &body),
        Kind::Message | Kind::Alert => body,
    }
}

fn link(out: &mut String, url: &str, text: &str) {
    if url == text {
        out.push_str(url);
        return;
    }
    let escape = |text: &str| {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    };
    out.push_str(&format!("<a href=\"{}\">{}</a>", escape(url), escape(text)));
}

fn parts(text: &str, document: Option<&rtf::Document>, people: &People) -> Vec<Part> {
    let mut marks = Marks::new(text);
    marks.refine(links::anchors);
    if let Some(document) = document
        && text.len() <= RTF_OVERLAY_BYTES_MAX
    {
        let mut from_rtf = FromRtf::new(document);
        marks.refine(|free| from_rtf.find(free));
    }
    marks.refine(links::addresses);
    assemble(marks, people)
}

/// The words of the RTF alone, for a post without plain text.
fn from_rtf(document: &rtf::Document, people: &People) -> Vec<Part> {
    let text = &*document.text;
    let mut marks = Marks::new(text);
    let found = document.links.iter().filter_map(|link| {
        Some((link.range.clone(), links::link(&link.url, text.get(link.range.clone())?)?))
    });
    let mut found = Some(found.collect());
    marks.refine(|_| found.take().unwrap_or_default());
    marks.refine(links::addresses);
    assemble(marks, people)
}

fn assemble(marks: Marks<'_>, people: &People) -> Vec<Part> {
    let mut words = Words::new(marks.text, people);
    for piece in marks.pieces() {
        match piece {
            Piece::Free(range) => words.read(range),
            Piece::Mark(part) => words.parts.push(part),
        }
    }
    words.parts
}

/// Line ends become LF, other control characters but the tab go.
fn normalised(text: &str) -> Cow<'_, str> {
    let clean = |c: char| c == '\n' || c == '\t' || !(c.is_control() || is_line_end(c));
    if text.chars().all(clean) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' => out.push('\n'),
            character if is_line_end(character) => out.push('\n'),
            character if clean(character) => out.push(character),
            _ => {}
        }
    }
    Cow::Owned(out)
}

/// The line and paragraph separators of Unicode.
const fn is_line_end(character: char) -> bool {
    matches!(character, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    fn people() -> People {
        People::new([("sip:anna.keller@contoso.com", "Anna Keller")])
    }

    fn parts_of(chat: &str, rtf: Option<&str>) -> Vec<Part> {
        read(chat, rtf, false, &people()).parts
    }

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    fn web(url: &str, text: &str) -> Part {
        Part::Hyperlink { url: url.to_owned(), text: text.to_owned() }
    }

    /// The history entry of the recorded session with an anchor and two lines.
    #[test]
    fn a_recorded_post() {
        let chat = "See <a href=\"https://example.org/x\">https://example.org/x</a>\r\nsecond line";
        let expected = [
            text("See "),
            web("https://example.org/x", "https://example.org/x"),
            Part::LineBreak,
            text("second line"),
        ];
        assert_eq!(parts_of(chat, None), expected);
        let chat = "Ticket 4711 <open> & \"hot\" ü €";
        assert_eq!(parts_of(chat, None), [text(chat)]);
    }

    #[test]
    fn everything_at_once() {
        let parts = parts_of("@Anna see www.e.org/:) :) ma-chan://c.d/5b1d", None);
        let mention =
            Part::Mention { address: "sip:anna.keller@contoso.com".into(), text: "@Anna".into() };
        let room = "ma-chan://c.d/5b1d".to_owned();
        assert_eq!(parts.first(), Some(&mention));
        assert!(
            matches!(parts.get(2), Some(Part::Hyperlink { url, .. }) if url.starts_with("http://www.e.org/"))
        );
        assert!(parts.contains(&Part::Emoticon(":)".to_owned())));
        assert_eq!(parts.last(), Some(&Part::RoomLink { uri: room.clone(), text: room }));
    }

    #[test]
    fn kinds() {
        let kind = |chat, alert| read(chat, None, alert, &People::none()).kind;
        assert_eq!(kind("x", false), Kind::Message);
        assert_eq!(kind("x", true), Kind::Alert);
        let story = read("[STORY]Title\r\nBody", None, true, &People::none());
        assert_eq!(story.kind, Kind::Story { title: "Title".to_owned() });
        assert!(story.alert);
        assert_eq!(story.parts, [text("Body")]);
        assert_eq!(write(&story.kind, &story.parts), "[STORY]Title\nBody");
    }

    #[test]
    fn rtf_gives_what_plain_text_lacks() {
        let rtf = r#"{\rtf1 read {\field{\*\fldinst{HYPERLINK "https://e.org/x"}}{\fldrslt the manual}} now {\field{\*\fldinst{HYPERLINK "javascript:x"}}{\fldrslt here}}}"#;
        let expected = [text("read "), web("https://e.org/x", "the manual"), text(" now here")];
        assert_eq!(parts_of("read the manual now here", Some(rtf)), expected);
        assert_eq!(parts_of("", Some(rtf)), expected);
        assert_eq!(parts_of("other words", Some(rtf)), [text("other words")]);
        assert_eq!(parts_of("no rtf", Some("{broken")), [text("no rtf")]);
    }

    #[test]
    fn written_text_is_read_back() {
        let parts = [
            text("a "),
            web("https://e.org/?a&b", "<x> & \"y\""),
            Part::LineBreak,
            Part::FileLink { name: "r.txt".into(), url: "ma-filelink://c/g/1/r.txt".into() },
            text(" "),
            web("https://e.org", "https://e.org"),
        ];
        let plain = write(&Kind::Message, &parts);
        assert_eq!(parts_of(&plain, Some(&rtf::write(&parts))), parts);
    }

    /// 16 KB of everything that hurts: all but the control characters comes through.
    #[test]
    fn hard_text_comes_through() {
        let piece = "<b>&amp; ]]> \u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{202e}\u{1f600}\u{200d}\u{1f4bb} \"'\t{\\rtf1} e\u{301}\n";
        let clean = piece.repeat(16 * 1024 / piece.len() + 1);
        let dirty = clean.replace('\n', "\u{1}\u{0}\u{9f}\r\n");
        let content = read(&dirty, None, false, &people());
        assert_eq!(write(&content.kind, &content.parts), clean);
    }

    #[test]
    fn every_cut_is_survived() {
        let whole =
            "é@Anna\r\n<a href=\"ma-filelink://c/ü\">ü</a> https://é.org :) 8-) [STORY]\u{85}";
        for cut in (0..whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
            let _ = parts_of(whole.get(..cut).unwrap(), Some(whole.get(cut..).unwrap()));
            let _ = parts_of(&format!("[STORY]{}", whole.get(..cut).unwrap()), None);
        }
    }
}
