//! Finds out that there is nothing to do, for eight bytes at once.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// How many bytes in front are printable ASCII.
pub(super) fn printable(bytes: &[u8]) -> usize {
    // Of the lowest bytes, only one below 0x20 borrows, and only one above 0x7e has or gets its highest bit.
    let odd = |word: u64| (word.wrapping_sub(0x20 * ONES) | word.wrapping_add(ONES) | word) & HIGH;
    prefix(bytes, odd, |byte| matches!(byte, b' '..=b'~'))
}

/// How many bytes in front are printable ASCII and no space.
pub(crate) fn graphic(bytes: &[u8]) -> usize {
    let odd = |word: u64| (word.wrapping_sub(0x21 * ONES) | word.wrapping_add(ONES) | word) & HIGH;
    prefix(bytes, odd, |byte| matches!(byte, b'!'..=b'~'))
}

/// How many bytes in front mean nothing to HTML: no `&`, `<`, `>`, and no quotation mark.
pub(super) fn unmarked(bytes: &[u8]) -> usize {
    let marks = |word: u64| {
        let quote = zeros(word ^ (0x22 * ONES));
        // 0x26 and 0x27, 0x3c and 0x3e differ in one bit.
        quote | zeros((word | ONES) ^ (0x27 * ONES)) | zeros((word | (2 * ONES)) ^ (0x3e * ONES))
    };
    prefix(bytes, marks, |byte| !matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\''))
}

/// Whether there are two spaces side by side. May say so of a space and an exclamation mark.
pub(super) fn has_spaces(bytes: &[u8]) -> bool {
    let (words, rest) = bytes.as_chunks();
    let mut after_space = 0;
    for word in words {
        let spaces = zeros(u64::from_le_bytes(*word) ^ (0x20 * ONES));
        if spaces & (spaces << 8 | after_space) != 0 {
            return true;
        }
        after_space = spaces >> 56;
    }
    after_space != 0 && rest.starts_with(b" ") || rest.windows(2).any(|pair| pair == b"  ")
}

/// The highest bit of each byte that is zero, and perhaps of a byte 0x01 after such a one: the lowest
/// one is right.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

/// How many bytes in front pass: `stops` marks the highest bit of the first byte in a word that does not,
/// and perhaps of some after it; `passes` tells of a single byte.
fn prefix(bytes: &[u8], stops: impl Fn(u64) -> u64, passes: impl Fn(u8) -> bool) -> usize {
    let first = |eight: &[u8; 8]| match stops(u64::from_le_bytes(*eight)) {
        0 => None,
        marks => Some(marks.trailing_zeros() as usize / 8),
    };
    let (words, rest) = bytes.as_chunks();
    for (at, word) in words.iter().enumerate() {
        if let Some(within) = first(word) {
            return at * 8 + within;
        }
    }
    bytes.len() - rest.len() + rest.iter().take_while(|byte| passes(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each byte at each place among others, against one byte at a time.
    #[test]
    fn eight_at_once_are_as_one_by_one() {
        for byte in 0..=255 {
            for place in 0..20 {
                for around in [b'a', b' ', b'!', b'~'] {
                    let mut bytes = [around; 20];
                    bytes.iter_mut().skip(place).take(1).for_each(|one| *one = byte);
                    let count = |passes: fn(&&u8) -> bool| bytes.iter().take_while(passes).count();
                    assert_eq!(printable(&bytes), count(|b| (0x20..0x7f).contains(*b)));
                    assert_eq!(graphic(&bytes), count(|b| (0x21..0x7f).contains(*b)));
                    assert_eq!(unmarked(&bytes), count(|b| !b"&<>\"'".contains(*b)));
                    let two = bytes.windows(2).any(|pair| pair == b"  ");
                    let alike = bytes.windows(2).any(|pair| pair == b" !");
                    assert!(has_spaces(&bytes) == two || alike, "{bytes:?}");
                    assert!(has_spaces(&bytes) || !two, "{bytes:?}");
                }
            }
        }
        assert_eq!([printable(b""), unmarked(b"")], [0, 0]);
    }
}
