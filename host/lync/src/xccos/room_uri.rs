//! Room addresses, `ma-chan://domain/guid` (dossier 4.2).

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
};

/// The scheme of room addresses, separator included.
pub const SCHEME: &str = "ma-chan://";

/// Bytes of the longest address taken; a guid and the longest DNS name need 302.
pub const URI_BYTES_MAX: usize = 512;

/// The address of a room. Compared without regard to case, printed as it came.
#[derive(Clone)]
pub struct RoomUri {
    text: String,
    key: String,
}

impl RoomUri {
    /// The address of room `guid` in the chat system `domain` (the SIP domain in practice).
    ///
    /// `None` if a part is empty or holds what cannot stand in an address.
    #[must_use]
    pub fn new(domain: &str, guid: &str) -> Option<Self> {
        Self::parse(&format!("{SCHEME}{domain}/{guid}"))
    }

    /// Reads `ma-chan://domain/guid`; white space around it is ignored.
    ///
    /// The guid's form is not checked: a server may name its rooms otherwise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let key = text.to_ascii_lowercase();
        let (domain, guid) = key.strip_prefix(SCHEME)?.split_once('/')?;
        let usable = |part: &str| {
            !part.is_empty()
                && !part.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/')
        };
        let fits = text.len() <= URI_BYTES_MAX && usable(domain) && usable(guid);
        fits.then(|| Self { text: text.to_owned(), key })
    }

    /// The address as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address in lower case: equal for equal rooms, fit for a database key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The part between `//` and `/`, which `chanid`, `sib` and `inv` want separately.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.parts().0
    }

    /// The room's guid as it came.
    #[must_use]
    pub fn guid(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        self.text.get(SCHEME.len()..).and_then(|rest| rest.split_once('/')).unwrap_or_default()
    }
}

impl PartialEq for RoomUri {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for RoomUri {}

impl Hash for RoomUri {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl PartialOrd for RoomUri {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for RoomUri {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl fmt::Display for RoomUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for RoomUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    const OPS: &str = "ma-chan://contoso.com/5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c11";

    #[test]
    fn parts_are_found_and_case_does_not_count() {
        let room = RoomUri::parse(OPS).unwrap();
        assert_eq!(room.domain(), "contoso.com");
        assert_eq!(room.guid(), "5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c11");
        let other = RoomUri::parse(" MA-CHAN://Contoso.com/5B1D6F0E-3C1E-4E55-9D4A-9F0F7D2F4C11 ");
        let other = other.unwrap();
        assert_eq!(room, other);
        assert_eq!(room.key(), other.key());
        assert!(other.as_str().starts_with("MA-CHAN://Contoso"));
        assert_eq!(RoomUri::new("contoso.com", room.guid()), Some(room));
    }

    #[test]
    fn what_is_no_room_is_refused() {
        for text in
            ["", "ma-chan://", "ma-chan://a", "ma-chan:///g", "ma-chan://a/", "ma-cat://a/b"]
        {
            assert_eq!(RoomUri::parse(text), None, "{text}");
        }
        assert_eq!(RoomUri::parse("ma-chan://a/b/c"), None);
        assert_eq!(RoomUri::parse("ma-chan://a/b c"), None);
        assert_eq!(RoomUri::new("ü", &"x".repeat(URI_BYTES_MAX)), None);
    }

    #[test]
    fn every_cut_is_survived() {
        for cut in 0..OPS.len() {
            let _ = RoomUri::parse(OPS.get(..cut).unwrap());
        }
    }
}
