//! What cleaning took out of a guest's HTML, in words for the guest's author.
//!
//! Both sides are read with the cleaner's own tokenizer, and what stands in the first and not in the
//! second was removed: so the report follows from what happened, and changes nothing of it. A guest
//! that forgets to escape makes elements and attributes of a message's words; hence only names that
//! HTML and CSS know are told, and all others are "unknown".

use std::{cell::RefCell, collections::BTreeMap, fmt};

use html5ever::{
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, states::RawKind,
    },
};

use super::names;

/// Most kinds of removals in one report.
pub const KINDS_MAX: usize = 32;

/// A kind of what was removed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Removal {
    /// An element, by its name; its content stays, but for that of scripts and style sheets.
    Element(Name),
    /// An attribute of an element.
    Attribute(Name, Name),
    /// An address with this scheme, or a relative one, in an element's `href`.
    Address(Name, Name),
    /// A property in an element's `style`.
    Style(Name, Name),
    /// An element's whole `style`, as it could hide something that loads or runs.
    StyleWhole(Name),
    /// A comment.
    Comment,
    /// A document type.
    DocumentType,
}

/// A name that is safe to tell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Name {
    /// Of a standard.
    Known(String),
    /// Made up, or words that were not escaped.
    Unknown,
    /// No name at all: a relative address.
    Missing,
}

impl fmt::Display for Removal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(Name::Known(name)) if is_image(name) => write!(f, "image <{name}>"),
            Self::Element(Name::Known(name)) => write!(f, "element <{name}>"),
            Self::Element(_) => f.write_str("unknown element"),
            Self::Attribute(of, Name::Known(name)) => write!(f, "attribute {name} of {of}"),
            Self::Attribute(of, _) => write!(f, "unknown attribute of {of}"),
            Self::Address(of, Name::Known(scheme)) => {
                write!(f, "address {scheme}:\u{2026} of {of}")
            }
            Self::Address(of, Name::Missing) => write!(f, "relative address of {of}"),
            Self::Address(of, Name::Unknown) => write!(f, "address of another scheme of {of}"),
            Self::Style(of, Name::Known(name)) => write!(f, "style {name} of {of}"),
            Self::Style(of, _) => write!(f, "unknown style of {of}"),
            Self::StyleWhole(of) => {
                write!(f, "style of {of} with url(), expression(), script:, a comment or an escape")
            }
            Self::Comment => f.write_str("comment"),
            Self::DocumentType => f.write_str("document type"),
        }
    }
}

/// As the element it is of.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(name) => write!(f, "<{name}>"),
            Self::Unknown | Self::Missing => f.write_str("an unknown element"),
        }
    }
}

fn is_image(element: &str) -> bool {
    matches!(element, "img" | "image" | "picture" | "svg" | "source")
}

/// What was removed, each kind once with how often, at most [`KINDS_MAX`] kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Elements first, then attributes, addresses, styles and the rest, each by name.
    pub kinds: Vec<(Removal, usize)>,
    /// How many kinds more there were.
    pub kinds_more: usize,
}

impl Removed {
    /// Whether everything was kept.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.kinds.is_empty()
    }
}

impl fmt::Display for Removed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (kind, times)) in self.kinds.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            match times {
                1 => write!(f, "{comma}{kind}")?,
                _ => write!(f, "{comma}{kind} ({times} times)")?,
            }
        }
        if self.kinds_more > 0 {
            write!(f, " and {} kinds more", self.kinds_more)?;
        }
        Ok(())
    }
}

/// Tells what stands in `given` and not in `cleaned`. `is_element` knows the elements that may stay,
/// `is_passive` the styles that are looked into rather than dropped.
pub(super) fn removed(
    given: &str,
    cleaned: &str,
    is_element: fn(&str) -> bool,
    is_passive: fn(&str) -> bool,
) -> Removed {
    if given == cleaned {
        return Removed::default();
    }
    let count = |html| Inventory::of(html, is_element, is_passive);
    let (before, after) = (count(given), count(cleaned));
    let gone = before.into_iter().filter_map(|(kind, times)| {
        let less = times.saturating_sub(after.get(&kind).copied().unwrap_or(0));
        (less > 0).then_some((kind, less))
    });
    let mut kinds: Vec<_> = gone.collect();
    let kinds_more = kinds.len().saturating_sub(KINDS_MAX);
    kinds.truncate(KINDS_MAX);
    Removed { kinds, kinds_more }
}

type Counts = BTreeMap<Removal, usize>;

/// Counts all that could be removed. Bounded by the names that are told.
struct Inventory {
    counts: RefCell<Counts>,
    is_element: fn(&str) -> bool,
    is_passive: fn(&str) -> bool,
}

impl Inventory {
    fn of(html: &str, is_element: fn(&str) -> bool, is_passive: fn(&str) -> bool) -> Counts {
        let counts = RefCell::default();
        let tokenizer = Tokenizer::new(Self { counts, is_element, is_passive }, Default::default());
        let input = BufferQueue::default();
        input.push_back(StrTendril::from_slice(html));
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        tokenizer.sink.counts.into_inner()
    }

    fn count(&self, kind: Removal) {
        *self.counts.borrow_mut().entry(kind).or_default() += 1;
    }

    fn element(&self, tag: &Tag) {
        let of = known(&tag.name);
        self.count(Removal::Element(of.clone()));
        // What goes as a whole is told as a whole.
        if !(self.is_element)(&tag.name) {
            return;
        }
        for attribute in &tag.attrs {
            let value = &*attribute.value;
            match &*attribute.name.local {
                "style" if (self.is_passive)(value) => self.styles(&of, value),
                "style" => self.count(Removal::StyleWhole(of.clone())),
                "href" => self.count(Removal::Address(of.clone(), scheme(value))),
                _ => self.count(Removal::Attribute(of.clone(), known(&attribute.name.local))),
            }
        }
    }

    fn styles(&self, of: &Name, style: &str) {
        for declaration in style.split(';') {
            if let Some((property, _)) = declaration.split_once(':') {
                self.count(Removal::Style(of.clone(), self::property(property)));
            }
        }
    }
}

impl TokenSink for Inventory {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => {
                self.element(&tag);
                return content(&tag.name);
            }
            Token::CommentToken(_) => self.count(Removal::Comment),
            Token::DoctypeToken(_) => self.count(Removal::DocumentType),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// How the content of an element is read; see the HTML standard, 13.2.6.4.7.
fn content(element: &str) -> TokenSinkResult<()> {
    match element {
        "script" => TokenSinkResult::RawData(RawKind::ScriptData),
        "title" | "textarea" => TokenSinkResult::RawData(RawKind::Rcdata),
        "style" | "xmp" | "iframe" | "noembed" | "noframes" | "noscript" => {
            TokenSinkResult::RawData(RawKind::Rawtext)
        }
        "plaintext" => TokenSinkResult::Plaintext,
        _ => TokenSinkResult::Continue,
    }
}

fn known(name: &str) -> Name {
    if names::is_known(name) { Name::Known(name.to_owned()) } else { Name::Unknown }
}

fn property(written: &str) -> Name {
    let name = written.trim().to_ascii_lowercase();
    if names::is_property(&name) { Name::Known(name) } else { Name::Unknown }
}

/// What an address begins with, as a browser reads it: tabs, line ends and leading blanks are no
/// part of it.
fn scheme(address: &str) -> Name {
    let read = address.chars().filter(|c| !c.is_whitespace() && !c.is_control());
    let mut is_scheme = false;
    let scheme: String = read
        .take_while(|c| {
            is_scheme = *c == ':';
            c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')
        })
        .map(|c| c.to_ascii_lowercase())
        .collect();
    match is_scheme {
        true if names::is_scheme(&scheme) => Name::Known(scheme),
        true => Name::Unknown,
        false => Name::Missing,
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::clean_and_tell;
    use super::*;

    fn told(html: &str) -> String {
        clean_and_tell(html).1.to_string()
    }

    #[test]
    fn every_kind_of_removal_is_told() {
        for (html, expected) in [
            ("<script>alert('<b onclick=x>')</script>x", "element <script>"),
            ("<style>p { color: red }</style>x", "element <style>"),
            ("<form action=x><input name=y></form>", "element <form>, element <input>"),
            ("<iframe src='https://x.example/'><p id=a></iframe>", "element <iframe>"),
            ("<img src='https://x.example/p.gif' width=1>", "image <img>"),
            ("<svg><path d='M0'/></svg>", "element <path>, image <svg>"),
            ("<p onclick='x'>a</p><p onclick='y'>b</p>", "attribute onclick of <p> (2 times)"),
            ("<a href='javascript:x'>a</a>", "address javascript:\u{2026} of <a>"),
            ("<a href=' java\nscript:x'>a</a>", "address javascript:\u{2026} of <a>"),
            ("<a href='data:text/html,x'>a</a>", "address data:\u{2026} of <a>"),
            ("<a href='/x'>a</a><a href='//x.example'>b</a>", "relative address of <a> (2 times)"),
            ("<a href='steam:x'>a</a>", "address of another scheme of <a>"),
            ("<div style='position:fixed;color:red'>a</div>", "style position of <div>"),
            ("<div style='Display : none'>a</div>", "style display of <div>"),
            (
                "<p style='color:red;width:expression(x)'>a</p>",
                "style of <p> with url(), expression(), script:, a comment or an escape",
            ),
            ("a<!-- b -->c", "comment"),
            ("<!DOCTYPE html><p>a</p>", "document type"),
            ("<html><body><p>a</p></body></html>", "element <body>, element <html>"),
            ("<td>a</td>", "element <td>"),
        ] {
            assert_eq!(told(html), expected, "{html}");
        }
    }

    #[test]
    fn what_is_kept_is_not_told() {
        for html in [
            "",
            "plain",
            "<p>a</p>",
            "<p>unclosed",
            "<P ALIGN=center>a<BR>b</P>",
            "<table><tr><td style=\"color: red ; padding:1px\">a</td></tr></table>",
            "<a href=\"https://a.example/?a=1&b=2\" name=x>a</a><a href='#x'>b</a>",
            "<b><i>crossed</b></i>",
            "5 < 6 &amp; <p title='<script>'>a</p>",
        ] {
            assert_eq!(clean_and_tell(html).1, Removed::default(), "{html}");
        }
    }

    /// A message said `<secret plans=tomorrow>` and the guest did not escape it.
    #[test]
    fn no_words_of_a_message_are_told() {
        assert_eq!(told("<secret plans=tomorrow>"), "unknown element");
        assert_eq!(told("<p plans=tomorrow>a"), "unknown attribute of <p>");
        assert_eq!(told("<p style='plans:tomorrow'>a"), "unknown style of <p>");
        assert_eq!(told("<a href='plans:tomorrow'>a"), "address of another scheme of <a>");
    }

    #[test]
    fn a_report_has_an_end() {
        let of = ["p", "b", "i", "s", "q", "div", "span", "small", "em", "strong", "sub", "sup"];
        let html: String = of
            .iter()
            .map(|name| format!("<{name} onclick=x style='top:0;left:0;right:0'>a</{name}>"))
            .collect();
        let report = clean_and_tell(&html).1;
        assert_eq!((report.kinds.len(), report.kinds_more), (KINDS_MAX, 4 * 12 - KINDS_MAX));
        assert!(report.to_string().ends_with(" and 16 kinds more"), "{report}");
    }
}
