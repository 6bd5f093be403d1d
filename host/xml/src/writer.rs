//! Writing, in the order in which the caller goes.

use quick_xml::escape::escape;

use crate::characters::without_forbidden;

/// Writes elements one after the other; what is opened is closed by [`Writer::element`].
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
}

impl Writer {
    /// An empty document.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A document that begins with the XML declaration.
    #[must_use]
    pub fn with_declaration() -> Self {
        Self { out: r#"<?xml version="1.0" encoding="utf-8"?>"#.to_owned() }
    }

    /// Writes `<name …>`, what `inside` writes, and `</name>`; `<name …/>` if that is nothing.
    pub fn element(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        inside: impl FnOnce(&mut Self),
    ) -> &mut Self {
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.attribute(key, value);
        }
        self.out.push('>');
        let start = self.out.len();
        inside(self);
        if self.out.len() == start {
            self.out.pop();
            self.out.push_str("/>");
        } else {
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
        self
    }

    /// Writes an element without content.
    pub fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) -> &mut Self {
        self.element(name, attributes, |_| {})
    }

    /// Writes an element that holds only text.
    pub fn leaf(&mut self, name: &str, text: &str) -> &mut Self {
        self.element(name, &[], |inside| {
            inside.text(text);
        })
    }

    /// Writes character data, escaped; what XML cannot carry is left out.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.out.push_str(&escape(without_forbidden(text).as_ref()));
        self
    }

    /// Writes a piece that is XML already. The caller answers for it.
    pub fn raw(&mut self, xml: &str) -> &mut Self {
        self.out.push_str(xml);
        self
    }

    /// The document.
    #[must_use]
    pub fn finish(self) -> String {
        self.out
    }

    fn attribute(&mut self, key: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(key);
        self.out.push_str("=\"");
        // Raw line ends and tabs in an attribute are read back as blanks; references are not.
        for piece in escape(without_forbidden(value).as_ref()).split_inclusive(['\t', '\n', '\r']) {
            let kept = piece.trim_end_matches(['\t', '\n', '\r']);
            self.out.push_str(kept);
            match piece.as_bytes().get(kept.len()) {
                Some(b'\t') => self.out.push_str("&#9;"),
                Some(b'\n') => self.out.push_str("&#10;"),
                Some(_) => self.out.push_str("&#13;"),
                None => {}
            }
        }
        self.out.push('"');
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::{Limits, parse};

    #[test]
    fn what_is_written_is_read_back() {
        let mut writer = Writer::with_declaration();
        writer.element("a", &[("xmlns", "urn:x"), ("k", "\"<&>\t\r\n'")], |a| {
            a.leaf("b", "1 < 2 & ]]> \u{1}end").empty("c", &[]);
        });
        let text = writer.finish();
        let root = parse(text.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(root.attribute("k"), Some("\"<&>\t\r\n'"));
        assert_eq!(root.child_text("b").unwrap(), "1 < 2 & ]]> end");
        assert!(text.ends_with("<c/></a>"));
    }
}
