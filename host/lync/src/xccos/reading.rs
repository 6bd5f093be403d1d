//! Looking into elements whose names may come in any case, and noting what nobody knows.

use xml::{Element, Node, Writer};

use crate::quirks::Quirks;

/// Distinct unknown names reported of one envelope; more are dropped.
pub const ODDITIES_MAX: usize = 64;
/// Bytes of one reported name.
const ODDITY_BYTES_MAX: usize = 96;

/// What accompanies the reading of one envelope.
pub(super) struct Reading<'q> {
    pub(super) quirks: &'q Quirks,
    pub(super) oddities: Vec<String>,
}

impl<'q> Reading<'q> {
    pub(super) fn new(quirks: &'q Quirks) -> Self {
        Self { quirks, oddities: Vec::new() }
    }

    /// Notes every attribute and child of `element` that is in neither list; returns the
    /// attributes so that they are kept.
    pub(super) fn unknown(
        &mut self,
        element: &Element,
        attributes: &[&str],
        children: &[&str],
    ) -> Vec<(String, String)> {
        let mut kept = Vec::new();
        for (name, value) in &element.attributes {
            if !listed(attributes, name) {
                self.note(&format!("{}/@{name}", element.name));
                kept.push((name.clone(), value.clone()));
            }
        }
        for child in element.children().filter(|child| !listed(children, &child.name)) {
            self.note(&format!("{}/{}", element.name, child.name));
        }
        kept
    }

    /// Notes a name or a shape; never a value, these notes go to a log.
    pub(super) fn note(&mut self, what: &str) {
        let what: String = what
            .char_indices()
            .take_while(|(at, _)| *at < ODDITY_BYTES_MAX)
            .map(|(_, character)| character)
            .collect();
        if self.oddities.len() < ODDITIES_MAX && !self.oddities.contains(&what) {
            self.oddities.push(what);
        }
    }

    /// An attribute that should be a number; anything else is noted and left out.
    pub(super) fn number<T: std::str::FromStr>(
        &mut self,
        element: &Element,
        name: &str,
    ) -> Option<T> {
        let text = attribute(element, name)?;
        let number = text.trim().parse().ok();
        if number.is_none() {
            self.note(&format!("{}/@{name} is no number", element.name));
        }
        number
    }

    /// An attribute that should be `true` or `false`; anything else is noted and left out.
    pub(super) fn boolean(&mut self, element: &Element, name: &str) -> Option<bool> {
        let text = attribute(element, name)?;
        let boolean = boolean(text);
        if boolean.is_none() {
            self.note(&format!("{}/@{name} is neither true nor false", element.name));
        }
        boolean
    }
}

fn listed(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Reads `true`, `false`, `1`, `0` in any case.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.trim() {
        "1" => Some(true),
        "0" => Some(false),
        text if text.eq_ignore_ascii_case("true") => Some(true),
        text if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// `true` or `false`.
pub(super) const fn boolean_text(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// The value of the first attribute with this name.
pub(super) fn attribute<'e>(element: &'e Element, name: &str) -> Option<&'e str> {
    let mut attributes = element.attributes.iter();
    attributes.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Like [`attribute`], owned.
pub(super) fn owned(element: &Element, name: &str) -> Option<String> {
    attribute(element, name).map(str::to_owned)
}

/// Whether the element has this name.
pub(super) fn is(element: &Element, name: &str) -> bool {
    element.name.eq_ignore_ascii_case(name)
}

/// The first child with this name.
pub(super) fn child<'e>(element: &'e Element, name: &str) -> Option<&'e Element> {
    element.children().find(|child| is(child, name))
}

/// The attributes that are there, in order.
pub(super) fn present<'a>(pairs: &[(&'a str, Option<&'a str>)]) -> Vec<(&'a str, &'a str)> {
    pairs.iter().filter_map(|(name, value)| value.map(|value| (*name, value))).collect()
}

/// Writes an element as it was read. Namespaces were resolved on reading and are not repeated.
pub(super) fn write_element(writer: &mut Writer, element: &Element) {
    let pairs = element.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    writer.element(&element.name, &pairs.collect::<Vec<_>>(), |inside| {
        for node in &element.nodes {
            match node {
                Node::Element(child) => write_element(inside, child),
                Node::Text(text) => {
                    inside.text(text);
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_bounded_and_distinct() {
        let quirks = Quirks::default();
        let mut reading = Reading::new(&quirks);
        for number in 0..1000 {
            reading.note(&format!("x{number}"));
            reading.note("twice");
        }
        assert_eq!(reading.oddities.len(), ODDITIES_MAX);
        let mut reading = Reading::new(&quirks);
        reading.note(&"é".repeat(500));
        assert!(reading.oddities.iter().all(|note| note.len() <= ODDITY_BYTES_MAX + 4));
    }

    #[test]
    fn booleans_in_any_case() {
        assert_eq!(boolean(" True "), Some(true));
        assert_eq!(boolean("FALSE"), Some(false));
        assert_eq!(boolean("yes"), None);
    }
}
