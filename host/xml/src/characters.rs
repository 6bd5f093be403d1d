//! The characters of XML 1.0 (section 2.2, production `Char`).

use std::borrow::Cow;

/// Whether XML 1.0 can carry `character`, raw or as a reference.
#[must_use]
pub fn is_allowed(character: char) -> bool {
    matches!(character,
        '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// Leaves out of `text` what XML 1.0 cannot carry, chat text holds such characters now and then.
#[must_use]
pub fn without_forbidden(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_allowed) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().filter(|character| is_allowed(*character)).collect())
    }
}

/// Whether `name` can name an element or an attribute once its prefix is gone (Namespaces in XML
/// 1.0, production `NCName`; above ASCII every letter, digit and mark is taken).
pub(crate) fn is_name(name: &str) -> bool {
    let above = |character: char| !character.is_ascii() && is_allowed(character);
    let starts =
        |character: char| character.is_ascii_alphabetic() || character == '_' || above(character);
    let follows = |character: char| {
        starts(character) || character.is_ascii_digit() || "-.".contains(character)
    };
    name.chars().next().is_some_and(starts) && name.chars().all(follows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(is_name("a") && is_name("_x-1.é") && is_name("écu"));
        assert!(
            !is_name("") && !is_name("1a") && !is_name("a b") && !is_name("a:b") && !is_name("\t")
        );
    }

    #[test]
    fn control_characters_go_the_rest_stays() {
        assert_eq!(without_forbidden("a\u{1}b\u{b}\t\r\n\u{fffe}\u{1f600}"), "ab\t\r\n\u{1f600}");
        assert!(matches!(without_forbidden("plain"), Cow::Borrowed("plain")));
    }
}
