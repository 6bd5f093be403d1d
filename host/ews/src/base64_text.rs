//! Base64 in elements: straight into the writer, and back.

use base64::{Engine, engine::general_purpose::STANDARD};
use xml::Writer;

/// Bytes encoded at once; a multiple of three, so that only the last piece is padded.
const PIECE_BYTES: usize = 3 * 1024;

/// Writes `bytes` as the content of the open element, without a copy of the whole.
pub(crate) fn write(writer: &mut Writer, bytes: &[u8]) {
    let mut piece = [0_u8; PIECE_BYTES / 3 * 4];
    for bytes in bytes.chunks(PIECE_BYTES) {
        let text = STANDARD.encode_slice(bytes, &mut piece).ok();
        let text = text.and_then(|length| piece.get(..length));
        if let Some(text) = text.and_then(|text| std::str::from_utf8(text).ok()) {
            writer.raw(text);
        }
    }
}

/// Reads base64 with white space anywhere; nothing if it is not base64.
pub(crate) fn read(text: &str) -> Option<Vec<u8>> {
    if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        let text: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        STANDARD.decode(text).ok()
    } else {
        STANDARD.decode(text).ok()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    #[test]
    fn pieces_join_to_what_one_encoding_gives() {
        for length in [0, 1, 2, 3, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 10_000] {
            let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let mut writer = Writer::new();
            write(&mut writer, &bytes);
            let text = writer.finish();
            assert_eq!(text, STANDARD.encode(&bytes));
            assert_eq!(read(&text).unwrap(), bytes);
        }
    }

    #[test]
    fn white_space_is_borne_anything_else_is_not() {
        assert_eq!(read(" aGV\r\n s bG8= ").unwrap(), b"hello");
        assert_eq!(read("aGVsbG8"), None);
        assert_eq!(read("a*Vs"), None);
    }
}
