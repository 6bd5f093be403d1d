//! Quoted-printable (RFC 2045, section 6.7), for bodies that are mostly text to read, and base64
//! (section 6.8) for files.

use base64::{Engine, engine::general_purpose::STANDARD};

/// The longest line, without its end.
const LINE_BYTES_MAX: usize = 76;

/// Writes `text` with CRLF as line ends whatever it came with, each line ended.
///
/// `=` never stands before anything but hexadecimal digits or a line end, so a boundary that
/// begins with `=_` cannot occur in what is written.
pub(super) fn quoted_printable(text: &str, out: &mut String) {
    for line in lines(text) {
        let bytes = line.as_bytes();
        let mut column = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let last = at + 1 == bytes.len();
            let plain = match byte {
                b'=' => false,
                b' ' | b'\t' => !last,
                _ => byte.is_ascii_graphic(),
            };
            let width = if plain { 1 } else { 3 };
            // The last column is kept for the `=` of a soft line break.
            if column + width > LINE_BYTES_MAX - usize::from(!last) {
                out.push_str("=\r\n");
                column = 0;
            }
            if plain {
                out.push(char::from(*byte));
            } else {
                push_escaped(*byte, out);
            }
            column += width;
        }
        out.push_str("\r\n");
    }
}

/// Writes bytes as base64, each line ended.
pub(super) fn base64_lines(bytes: &[u8], out: &mut String) {
    for line in bytes.chunks(LINE_BYTES_MAX / 4 * 3) {
        STANDARD.encode_string(line, out);
        out.push_str("\r\n");
    }
}

fn push_escaped(byte: u8, out: &mut String) {
    out.push('=');
    for nibble in [byte >> 4, byte & 15] {
        let digit = char::from_digit(u32::from(nibble), 16).unwrap_or('0');
        out.push(digit.to_ascii_uppercase());
    }
}

/// Splits at CRLF, at LF and at CR alone; a line end at the very end begins no further line.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text).filter(|text| !text.is_empty());
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(at) = text.find(['\r', '\n']) else {
            rest = None;
            return Some(text);
        };
        let (line, tail) = text.split_at(at);
        let tail = tail.strip_prefix("\r\n").or_else(|| tail.strip_prefix(['\r', '\n']));
        rest = tail.filter(|tail| !tail.is_empty());
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        let mut out = String::new();
        quoted_printable(text, &mut out);
        out
    }

    #[test]
    fn known_answers() {
        assert_eq!(encoded("a=b é\t"), "a=3Db =C3=A9=09\r\n");
        assert_eq!(encoded("x \ny\t z"), "x=20\r\ny\t z\r\n");
        assert_eq!(encoded("\0\u{1b}\u{7f}"), "=00=1B=7F\r\n");
        assert_eq!(encoded(""), "");
    }

    #[test]
    fn base64_has_lines_of_76() {
        let encoded = |bytes: &[u8]| {
            let mut out = String::new();
            base64_lines(bytes, &mut out);
            out
        };
        assert_eq!(encoded(b""), "");
        assert_eq!(encoded(b"hello"), "aGVsbG8=\r\n");
        let line = "AAAA".repeat(19);
        assert_eq!(encoded(&[0; 57]), format!("{line}\r\n"));
        assert_eq!(encoded(&[0; 58]), format!("{line}\r\nAA==\r\n"));
    }

    #[test]
    fn every_kind_of_line_end_becomes_crlf() {
        assert_eq!(encoded("a\r\nb\nc\rd\n\n\r\ne"), "a\r\nb\r\nc\r\nd\r\n\r\n\r\ne\r\n");
        assert_eq!(encoded("é\r\n\né\n"), "=C3=A9\r\n\r\n=C3=A9\r\n");
    }

    #[test]
    fn no_line_is_too_long() {
        for length in 70..160 {
            for text in ["x".repeat(length), "é".repeat(length), "= ".repeat(length)] {
                let out = encoded(&text);
                assert!(out.split("\r\n").all(|line| line.len() <= LINE_BYTES_MAX), "{length}");
                assert!(!out.replace("\r\n", "").contains(['\r', '\n']));
            }
        }
        assert_eq!(encoded(&"x".repeat(76)), format!("{}\r\n", "x".repeat(76)));
    }
}
