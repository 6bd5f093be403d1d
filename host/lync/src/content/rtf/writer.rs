//! Writing.

use std::fmt::Write as _;

use crate::content::Part;

const HEAD: &str =
    r"{\rtf1\ansi\ansicpg1252\deff0\uc1{\fonttbl{\f0\fnil\fcharset0 Segoe UI;}}\pard\f0\fs20 ";

/// Writes the parts as a document: text, line ends and hyperlinks; the rest by its visible words.
#[must_use]
pub fn write(parts: &[Part]) -> String {
    let mut out = HEAD.to_owned();
    for part in parts {
        match part {
            Part::Text(text) | Part::Emoticon(text) | Part::Mention { text, .. } => {
                escape(&mut out, text);
            }
            Part::LineBreak => out.push_str("\\line "),
            Part::Hyperlink { url, text } => link(&mut out, url, text),
            Part::RoomLink { uri, text } => link(&mut out, uri, text),
            Part::FileLink { name, url } => link(&mut out, url, name),
        }
    }
    out.push_str("\\par}");
    out
}

fn link(out: &mut String, url: &str, text: &str) {
    out.push_str("{\\field{\\*\\fldinst{HYPERLINK \"");
    escape(out, &url.replace('"', "%22"));
    out.push_str("\"}}{\\fldrslt{\\ul ");
    escape(out, text);
    out.push_str("}}}");
}

fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '\\' | '{' | '}' => out.extend(['\\', character]),
            '\n' => out.push_str("\\line "),
            '\t' => out.push_str("\\tab "),
            ' '..='~' => out.push(character),
            '\u{0}'..='\u{1f}' | '\u{7f}' => {}
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Signed, as the format wants it.
                    let _ = write!(out, "\\u{}?", unit.cast_signed());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::content::rtf;

    #[test]
    fn what_is_written_is_read_back() {
        let text = "a{b}\\c <&> Привет 😀 שלום \t5?";
        let parts = [
            Part::Text(text.to_owned()),
            Part::LineBreak,
            Part::Hyperlink { url: "https://e.org/{\"}".to_owned(), text: "é {x}".to_owned() },
            Part::Emoticon(":)".to_owned()),
        ];
        let written = write(&parts);
        assert!(written.is_ascii());
        let document = rtf::read(&written).unwrap();
        assert_eq!(document.text, format!("{text}\né {{x}}:)"));
        let link = document.links.first().unwrap();
        assert_eq!(document.text.get(link.range.clone()), Some("é {x}"));
        assert_eq!(link.url, "https://e.org/{%22}");
    }
}
