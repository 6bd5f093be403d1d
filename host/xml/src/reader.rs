//! Reading, within bounds.

use quick_xml::{
    escape::resolve_predefined_entity,
    events::{BytesRef, BytesStart, Event, attributes::Attribute},
    name::ResolveResult,
    reader::NsReader,
};

use crate::{
    characters::{is_allowed, is_name},
    element::{Element, Node},
};

/// How much a document may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the whole document.
    pub bytes_max: usize,
    /// Elements inside one another, the root counted.
    pub depth_max: usize,
    /// Elements and attributes together.
    pub elements_max: usize,
}

impl Default for Limits {
    /// 32 MiB, 64 deep, a million elements: what the largest EWS answer needs.
    fn default() -> Self {
        Self { bytes_max: 32 << 20, depth_max: 64, elements_max: 1_000_000 }
    }
}

/// Why a document was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The document is longer than [`Limits::bytes_max`].
    #[error("document of {bytes} bytes, at most {max} are taken")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// More depth or more elements than [`Limits`] allow.
    #[error("more nesting or more elements than allowed, at byte {at}")]
    TooComplex {
        /// Where the limit was reached.
        at: u64,
    },
    /// A document type declaration; no peer of ours has a use for one.
    #[error("document type declaration at byte {at} refused")]
    Doctype {
        /// Where it ends.
        at: u64,
    },
    /// A character or a reference that XML 1.0 does not allow.
    #[error("character not allowed in XML at byte {at}")]
    Character {
        /// Where the text that holds it ends.
        at: u64,
    },
    /// Not well-formed.
    #[error("not well-formed at byte {at}: {what}")]
    Malformed {
        /// Where the reader stopped.
        at: u64,
        /// What is wrong there.
        what: String,
    },
}

/// Reads a document into its root element.
///
/// # Errors
/// See [`Error`]; nothing of a refused document is returned.
pub fn parse(document: &[u8], limits: &Limits) -> Result<Element, Error> {
    Parser::new(limits, Forbidden::Refuse).run(document)
}

/// Like [`parse`], but a forbidden character becomes U+FFFD. For peers that put what their users
/// typed into character references (ews.md 0.5, dossier 5.2): rather a mark than a lost message.
///
/// # Errors
/// See [`Error`], [`Error::Character`] apart.
pub fn parse_lenient(document: &[u8], limits: &Limits) -> Result<Element, Error> {
    Parser::new(limits, Forbidden::Replace).run(document)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Forbidden {
    Refuse,
    Replace,
}

struct Parser<'l> {
    limits: &'l Limits,
    forbidden: Forbidden,
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
    at: u64,
}

impl<'l> Parser<'l> {
    fn new(limits: &'l Limits, forbidden: Forbidden) -> Self {
        Self { limits, forbidden, open: Vec::new(), root: None, elements: 0, at: 0 }
    }

    fn run(mut self, document: &[u8]) -> Result<Element, Error> {
        if document.len() > self.limits.bytes_max {
            return Err(Error::TooLong { bytes: document.len(), max: self.limits.bytes_max });
        }
        let text =
            String::from_utf8_lossy(document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document));
        let mut reader = NsReader::from_str(&text);
        reader.config_mut().check_end_names = true;
        loop {
            let event = reader.read_event();
            self.at = reader.buffer_position();
            match event.map_err(|error| self.malformed(error))? {
                Event::Start(start) => self.start(&reader, &start)?,
                Event::Empty(start) => {
                    self.start(&reader, &start)?;
                    self.end()?;
                }
                Event::End(_) => self.end()?,
                Event::Text(text) => self.text(&text.xml10_content())?,
                Event::CData(data) => self.text(&data.xml10_content())?,
                Event::GeneralRef(reference) => self.reference(&reference)?,
                Event::DocType(_) => return Err(Error::Doctype { at: self.at }),
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => return self.finish(),
            }
        }
    }

    fn start(&mut self, reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<(), Error> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(self.malformed("a second root element"));
        }
        let (namespace, local) = reader.resolver().resolve_element(start.name());
        let mut element = Element {
            namespace: self.namespace(&namespace)?,
            name: self.name(local.as_ref())?,
            ..Element::default()
        };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| self.malformed(error))?;
            self.count()?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let attribute = match self.forbidden {
                Forbidden::Refuse => attribute,
                Forbidden::Replace => without_bad_references(attribute),
            };
            let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
            let value = value.map_err(|error| self.malformed(error))?;
            let value = self.checked(&value)?;
            let name = attribute.key.local_name();
            element.attributes.push((self.name(name.as_ref())?, value));
        }
        self.count()?;
        if self.open.len() >= self.limits.depth_max {
            return Err(Error::TooComplex { at: self.at });
        }
        self.open.push(element);
        Ok(())
    }

    fn namespace(&self, resolved: &ResolveResult<'_>) -> Result<String, Error> {
        match resolved {
            ResolveResult::Bound(name) => Ok(name.as_ref().to_owned()),
            ResolveResult::Unbound => Ok(String::new()),
            ResolveResult::Unknown(_) => Err(self.malformed("a prefix that is not declared")),
        }
    }

    fn name(&self, name: &str) -> Result<String, Error> {
        if is_name(name) {
            return Ok(name.to_owned());
        }
        Err(self.malformed("a name that is none"))
    }

    fn count(&mut self) -> Result<(), Error> {
        self.elements += 1;
        if self.elements > self.limits.elements_max {
            return Err(Error::TooComplex { at: self.at });
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        let Some(element) = self.open.pop() else {
            return Err(self.malformed("an end tag too many"));
        };
        match self.open.last_mut() {
            Some(parent) => parent.nodes.push(Node::Element(element)),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Error> {
        let name = reference.xml10_content();
        let resolved = if reference.is_char_ref() {
            match reference.resolve_char_ref() {
                Ok(Some(character)) => character.to_string(),
                _ if self.forbidden == Forbidden::Replace => "\u{fffd}".to_owned(),
                _ => return Err(Error::Character { at: self.at }),
            }
        } else {
            match resolve_predefined_entity(&name) {
                Some(text) => text.to_owned(),
                None => return Err(self.malformed("an entity that XML does not define")),
            }
        };
        self.text(&resolved)
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        let checked = self.checked(text)?;
        match self.open.last_mut() {
            Some(element) => match element.nodes.last_mut() {
                Some(Node::Text(before)) => before.push_str(&checked),
                _ => element.nodes.push(Node::Text(checked)),
            },
            None if checked.trim().is_empty() => {}
            None => return Err(self.malformed("text outside the root element")),
        }
        Ok(())
    }

    fn checked(&self, text: &str) -> Result<String, Error> {
        if text.chars().all(is_allowed) {
            return Ok(text.to_owned());
        }
        match self.forbidden {
            Forbidden::Refuse => Err(Error::Character { at: self.at }),
            Forbidden::Replace => Ok(text
                .chars()
                .map(|character| if is_allowed(character) { character } else { '\u{fffd}' })
                .collect()),
        }
    }

    fn finish(mut self) -> Result<Element, Error> {
        if !self.open.is_empty() {
            return Err(self.malformed("the document ends inside an element"));
        }
        self.root.take().ok_or_else(|| self.malformed("no root element"))
    }

    fn malformed(&self, what: impl ToString) -> Error {
        Error::Malformed { at: self.at, what: what.to_string() }
    }
}

/// The attribute with U+FFFD in place of references to what is no character at all, such as `&#0;`:
/// the rest of the value is still worth reading.
fn without_bad_references(attribute: Attribute<'_>) -> Attribute<'_> {
    let mut pieces = attribute.value.split("&#");
    let mut value = pieces.next().unwrap_or_default().to_owned();
    let mut is_changed = false;
    for piece in pieces {
        match piece.split_once(';') {
            Some((number, rest)) if !names_a_character(number) => {
                value.push('\u{fffd}');
                value.push_str(rest);
                is_changed = true;
            }
            _ => {
                value.push_str("&#");
                value.push_str(piece);
            }
        }
    }
    if is_changed { Attribute { value: value.into(), ..attribute } } else { attribute }
}

fn names_a_character(number: &str) -> bool {
    let number = match number.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    number.ok().filter(|number| *number != 0).and_then(char::from_u32).is_some()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    fn read(document: &str) -> Result<Element, Error> {
        parse(document.as_bytes(), &Limits::default())
    }

    #[test]
    fn references_and_cdata_join_into_one_text() {
        let root = read("<a>x&amp;y &#x20AC;<![CDATA[ <b> ]]>&gt;</a>").unwrap();
        assert_eq!(root.nodes, [Node::Text("x&y € <b> >".to_owned())]);
    }

    #[test]
    fn namespaces_are_compared_by_name() {
        let root =
            read(r#"<p:a xmlns:p="urn:x" xmlns="urn:y" k="1&lt;"><b p:z="2"/></p:a>"#).unwrap();
        assert!(root.is("urn:x", "a"));
        assert_eq!(root.attribute("k"), Some("1<"));
        assert!(root.child("b").unwrap().is("urn:y", "b"));
        assert_eq!(root.child("b").unwrap().attribute("z"), Some("2"));
    }

    #[test]
    fn hostile_documents_are_refused() {
        assert!(matches!(read("<!DOCTYPE a><a/>"), Err(Error::Doctype { .. })));
        assert!(matches!(read("<a>&bomb;</a>"), Err(Error::Malformed { .. })));
        assert!(matches!(read("<a/><b/>"), Err(Error::Malformed { .. })));
        assert!(matches!(read("<a>\u{1}</a>"), Err(Error::Character { .. })));
        assert!(matches!(read("<a>&#1;</a>"), Err(Error::Character { .. })));
        assert!(matches!(read("<a>"), Err(Error::Malformed { .. })));
        assert!(matches!(read("<\t\t/>"), Err(Error::Malformed { .. })));
        assert!(matches!(read("<p:a/>"), Err(Error::Malformed { .. })));
        assert!(matches!(read(&"<a>".repeat(65)), Err(Error::TooComplex { .. })));
        let limits = Limits { bytes_max: 3, ..Limits::default() };
        assert_eq!(parse(b"<a/>", &limits), Err(Error::TooLong { bytes: 4, max: 3 }));
    }

    #[test]
    fn forbidden_characters_become_a_mark_when_lenient() {
        let root = parse_lenient("<a>x\u{1}&#x1F;y</a>".as_bytes(), &Limits::default()).unwrap();
        assert_eq!(root.text(), "x\u{fffd}\u{fffd}y");
        let root =
            parse_lenient(br#"<a k="x&#x1F;y&amp;&#0;&#xD83D;z"/>"#, &Limits::default()).unwrap();
        assert_eq!(root.attribute("k"), Some("x\u{fffd}y&\u{fffd}\u{fffd}z"));
    }

    #[test]
    fn every_cut_is_an_error_and_no_panic() {
        let whole = r#"<?xml version="1.0"?><a xmlns="u"><b c="&lt;">t&amp;<![CDATA[x]]></b></a>"#;
        for cut in 0..whole.len() {
            assert!(read(whole.get(..cut).unwrap()).is_err(), "cut at {cut}");
        }
    }
}
