//! Names derived from contents, so that a repeat gets the name it had before.

use sha2::{Digest, Sha256};

/// Digits of every derived name: 128 bits, so that chance gives no two things one name.
const DIGITS: usize = 32;

/// A SHA-256 over fields that cannot run into each other: each goes in behind its length.
pub(crate) struct Fields(Sha256);

impl Fields {
    /// Starts with what the name is for: the same fields under two purposes give two names.
    pub(crate) fn new(purpose: &str) -> Self {
        Self(Sha256::new()).text(purpose)
    }

    pub(crate) fn text(mut self, field: &str) -> Self {
        self.0.update((field.len() as u64).to_be_bytes());
        self.0.update(field.as_bytes());
        self
    }

    pub(crate) fn number(mut self, field: u64) -> Self {
        self.0.update(field.to_be_bytes());
        self
    }

    /// The first [`DIGITS`] lower-case hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        let hash = self.0.finalize();
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
        hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).take(DIGITS).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `sha256` of eight zero bytes, from coreutils: the empty purpose is its length alone.
    #[test]
    fn known_answer() {
        assert_eq!(Fields::new("").finish(), "af5570f5a1810b7af78caf4bc70a660f");
    }

    #[test]
    fn fields_do_not_run_together() {
        let name = |a, b| Fields::new("t").text(a).text(b).finish();
        assert_ne!(name("ab", "c"), name("a", "bc"));
    }
}
