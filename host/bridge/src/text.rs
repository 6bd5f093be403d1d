//! Small rules on text that several modules share.

use std::borrow::Cow;

/// Whether `text` stays on one line and holds nothing that moves a cursor or ends a header.
pub(crate) fn is_one_line(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'))
}

/// `text` on one line: what would break it becomes a space, runs of white space one.
#[must_use]
pub fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// At most `units_max` UTF-16 units of `text`, never half a character; `…` stands for the rest.
///
/// UTF-16 units because that is what mail servers of this world count; no text has more characters
/// than units.
#[must_use]
pub fn clip(text: &str, units_max: usize) -> Cow<'_, str> {
    if text.encode_utf16().count() <= units_max {
        return Cow::Borrowed(text);
    }
    let mut units = 1; // the ellipsis
    let kept = text.chars().take_while(|c| {
        units += c.len_utf16();
        units <= units_max
    });
    let kept: String = kept.collect();
    Cow::Owned(format!("{}…", kept.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_what_a_header_can_hold() {
        assert!(is_one_line("Straße – “ok” 🎉 \u{202e}rtl"));
        for bad in ["a\nb", "a\rb", "a\tb", "\0", "\u{7f}", "\u{85}", "\u{2028}"] {
            assert!(!is_one_line(bad), "{bad:?}");
        }
        assert_eq!(one_line("  a\r\n\tb\0c  "), "a b c");
    }

    #[test]
    fn clip_counts_utf16_and_keeps_characters_whole() {
        assert_eq!(clip("abcde", 5), "abcde");
        assert_eq!(clip("abcdef", 5), "abcd…");
        assert_eq!(clip("🎉🎉🎉", 6), "🎉🎉🎉");
        assert_eq!(clip("🎉🎉🎉🎉", 6), "🎉🎉…");
    }
}
