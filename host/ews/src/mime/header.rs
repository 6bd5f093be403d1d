//! Header fields: encoded words (RFC 2047), phrases, folding (RFC 5322, section 2.2.3).

use base64::{Engine, engine::general_purpose::STANDARD};

/// Where lines are folded, if they can be.
const LINE_BYTES_MAX: usize = 76;
/// The longest word that goes without encoding; lines must not pass 998.
const WORD_BYTES_MAX: usize = 900;
/// Bytes in one encoded word, so that it fits beside a short field name.
const ENCODED_BYTES_MAX: usize = 36;

/// Writes a field whose value is text to read.
pub(super) fn unstructured(out: &mut String, name: &str, value: &str) {
    if goes_plain(value) && value.trim() == value {
        field(out, name, value);
    } else {
        field(out, name, &encoded_words(value));
    }
}

/// Writes a field whose value is in its final form, folded where it has blanks.
pub(super) fn field(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push(':');
    let mut column = name.len() + 1;
    let mut begun = false;
    for word in value.split(' ') {
        if begun && !word.is_empty() && column + 1 + word.len() > LINE_BYTES_MAX {
            out.push_str("\r\n");
            column = 0;
        }
        begun |= !word.is_empty();
        out.push(' ');
        out.push_str(word);
        column += 1 + word.len();
    }
    out.push_str("\r\n");
}

/// A display name and an address.
pub(super) fn mailbox(name: Option<&str>, address: &str) -> String {
    match name.map(str::trim).filter(|name| !name.is_empty()) {
        None => address.to_owned(),
        Some(name) if goes_plain(name) => {
            let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{escaped}\" <{address}>")
        }
        // Encoded words are not decoded inside quotes (RFC 2047, section 5).
        Some(name) => format!("{} <{address}>", encoded_words(name)),
    }
}

fn goes_plain(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    plain && !text.contains("=?") && text.split(' ').all(|word| word.len() <= WORD_BYTES_MAX)
}

/// `text` as encoded words with blanks between, which readers drop.
fn encoded_words(text: &str) -> String {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut at = rest.len().min(ENCODED_BYTES_MAX);
        while !rest.is_char_boundary(at) {
            at -= 1;
        }
        let (word, tail) = rest.split_at(at);
        words.push(format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
        rest = tail;
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use mail_parser::MessageParser;

    use super::*;

    fn subject(value: &str) -> String {
        let mut out = String::new();
        unstructured(&mut out, "Subject", value);
        out
    }

    #[test]
    fn known_answers() {
        assert_eq!(subject("[build] main is red"), "Subject: [build] main is red\r\n");
        assert_eq!(subject("é"), "Subject: =?utf-8?B?w6k=?=\r\n");
        assert_eq!(subject("=?utf-8?Q?x?="), "Subject: =?utf-8?B?PT91dGYtOD9RP3g/PQ==?=\r\n");
        assert_eq!(mailbox(Some("Ana \"A\" O\\x"), "a@x.y"), r#""Ana \"A\" O\\x" <a@x.y>"#);
        assert_eq!(mailbox(Some("Ana Ř"), "a@x.y"), "=?utf-8?B?QW5hIMWY?= <a@x.y>");
        assert_eq!(mailbox(Some(" "), "a@x.y"), "a@x.y");
    }

    #[test]
    fn subjects_come_back_as_they_were() {
        let long = "word ".repeat(50);
        for value in [
            "plain",
            "double  blanks   inside, and more than fits into seventy-six columns of a line   x",
            long.trim(),
            long.as_str(),
            &"Ж😀".repeat(60),
            &"x".repeat(2000),
            "ends in blank ",
            "=?utf-8?B?not?= encoded",
        ] {
            let field = subject(value);
            assert!(field.split("\r\n").all(|line| line.len() <= 998), "{field}");
            let message = format!("{field}\r\n");
            let parsed = MessageParser::new().parse(message.as_bytes()).unwrap();
            assert_eq!(parsed.subject().unwrap(), value);
        }
    }
}
