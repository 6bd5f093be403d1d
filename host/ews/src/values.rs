//! The simple values of the schema: how they are read, leniently, and written.

use xml::{Element, Writer};

/// The trimmed text of the child `name`, or nothing if there is none.
pub(crate) fn text(element: &Element, name: &str) -> Option<String> {
    element.child_text(name)
}

/// The text of the child `name` as it stands, white space kept: for subjects and bodies.
pub(crate) fn exact(element: &Element, name: &str) -> Option<String> {
    element.child(name).map(Element::text)
}

/// Reads `xs:boolean`.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.trim() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

/// The child `name` as a boolean.
pub(crate) fn flag(element: &Element, name: &str) -> Option<bool> {
    element.child_text(name).and_then(|text| boolean(&text))
}

/// The child `name` as a number.
pub(crate) fn number<N: std::str::FromStr>(element: &Element, name: &str) -> Option<N> {
    element.child_text(name).and_then(|text| text.parse().ok())
}

/// The attribute `name` as a number.
pub(crate) fn number_attribute<N: std::str::FromStr>(element: &Element, name: &str) -> Option<N> {
    element.attribute(name).and_then(|text| text.trim().parse().ok())
}

/// `true` or `false`.
pub(crate) fn boolean_text(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

/// Writes `<name>text</name>` if there is a text.
pub(crate) fn optional(writer: &mut Writer, name: &str, text: Option<&str>) {
    if let Some(text) = text {
        writer.leaf(name, text);
    }
}

/// Writes `<name>true</name>` or `<name>false</name>` if there is a value.
pub(crate) fn optional_flag(writer: &mut Writer, name: &str, value: Option<bool>) {
    optional(writer, name, value.map(boolean_text));
}

/// Writes a number or a time if there is one.
pub(crate) fn optional_value(writer: &mut Writer, name: &str, value: Option<impl ToString>) {
    if let Some(value) = value {
        writer.leaf(name, &value.to_string());
    }
}

/// An enumeration whose values are its names on the wire.
macro_rules! wire_enum {
    ($(#[$meta:meta])* $visibility:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $visibility enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// Every value, in the order of the schema.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// How the wire spells it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Reads the wire's spelling; nothing for a value the schema does not know.
            #[must_use]
            pub fn from_wire(text: &str) -> Option<Self> {
                match text.trim() { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use wire_enum;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_have_four_spellings() {
        assert_eq!(boolean(" true "), Some(true));
        assert_eq!(boolean("1"), Some(true));
        assert_eq!(boolean("0"), Some(false));
        assert_eq!(boolean("True"), None);
    }
}
