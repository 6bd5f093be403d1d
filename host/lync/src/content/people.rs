//! Who is meant by `@Name`.

use std::collections::HashMap;

/// Mentions looked up in one message; further `@` stay text.
pub const MENTIONS_MAX: usize = 1000;
/// Characters of the longest name.
pub const NAME_CHARS_MAX: usize = 128;
/// People that can be mentioned in one room.
pub const PEOPLE_MAX: usize = 50_000;

/// Names and the addresses they stand for, made once for a room.
///
/// Somebody can be mentioned by the whole display name, by the address with or without its
/// domain, and by a single word of the name if nobody else has that word.
#[derive(Clone, Debug, Default)]
pub struct People {
    names: HashMap<String, Entry>,
    name_chars_max: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    /// `None` if several people are meant.
    address: Option<String>,
    /// A whole name outranks a word of somebody else's name.
    whole: bool,
}

impl People {
    /// Nobody.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// These people, as SIP address (`sip:…`) and display name (may be empty).
    #[must_use]
    pub fn new<'a>(people: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut index = Self::default();
        for (address, name) in people.into_iter().take(PEOPLE_MAX) {
            index.add_person(address, name);
        }
        index
    }

    fn add_person(&mut self, address: &str, name: &str) {
        let plain = match address.split_at_checked(4) {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sip:") => rest,
            _ => address,
        };
        self.add(plain, address, true);
        self.add(plain.split('@').next().unwrap_or_default(), address, true);
        self.add(name, address, true);
        if let Some((last, first)) = name.split_once(',') {
            self.add(&format!("{} {}", first.trim(), last.trim()), address, true);
        }
        for word in name.split(|c: char| !is_word(c) && c != '-') {
            if word.chars().nth(1).is_some() {
                self.add(word, address, false);
            }
        }
    }

    fn add(&mut self, name: &str, address: &str, whole: bool) {
        let key: String = name.trim().chars().flat_map(char::to_lowercase).collect();
        let chars = key.chars().count();
        if chars == 0 || chars > NAME_CHARS_MAX {
            return;
        }
        self.name_chars_max = self.name_chars_max.max(chars);
        let new = Entry { address: Some(address.to_owned()), whole };
        let entry = self.names.entry(key).or_insert_with(|| new.clone());
        let same =
            entry.address.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(address));
        if entry.whole == whole {
            if !same {
                entry.address = None;
            }
        } else if whole {
            *entry = new;
        }
    }

    /// The person whose name `text` begins with, and how many bytes of it are that name. The
    /// longest name wins; it must end where a word ends.
    pub(super) fn find(&self, text: &str) -> Option<(&str, usize)> {
        let mut key = String::new();
        let mut found = None;
        for (at, character) in text.char_indices().take(self.name_chars_max) {
            key.extend(character.to_lowercase());
            let end = at + character.len_utf8();
            let next = text.get(end..).and_then(|rest| rest.chars().next());
            let border = !is_word(character) || !next.is_some_and(is_word);
            if border && let Some(entry) = self.names.get(&key) {
                found = entry.address.as_deref().map(|address| (address, end)).or(found);
            }
        }
        found
    }
}

/// Letters, digits and `_`, of any script.
pub(super) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> People {
        People::new([
            ("sip:anna.keller@contoso.com", "Anna Keller"),
            ("sip:anna@contoso.com", "Berg, Anna"),
            ("sip:marc.ober@contoso.com", "Marc Ober"),
            ("sip:m2@contoso.com", "Marc Ober-Land"),
            ("sip:jürgen@contoso.com", "Jürgen Groß"),
        ])
    }

    fn found(text: &str) -> Option<(&'static str, usize)> {
        let people = people();
        let (address, bytes) = people.find(text)?;
        let known = [
            "sip:anna.keller@contoso.com",
            "sip:anna@contoso.com",
            "sip:marc.ober@contoso.com",
            "sip:m2@contoso.com",
            "sip:jürgen@contoso.com",
        ];
        Some((known.into_iter().find(|known| *known == address)?, bytes))
    }

    #[test]
    fn the_longest_name_wins() {
        assert_eq!(found("Anna Keller!"), Some(("sip:anna.keller@contoso.com", 11)));
        assert_eq!(found("anna.keller."), Some(("sip:anna.keller@contoso.com", 11)));
        assert_eq!(found("ANNA.KELLER@contoso.com"), Some(("sip:anna.keller@contoso.com", 23)));
        assert_eq!(found("Marc Ober is"), Some(("sip:marc.ober@contoso.com", 9)));
        assert_eq!(found("Marc Ober-Land"), Some(("sip:m2@contoso.com", 14)));
        assert_eq!(found("Anna Berg"), Some(("sip:anna@contoso.com", 9)));
    }

    #[test]
    fn words_count_only_if_they_name_one_person() {
        assert_eq!(found("Keller?"), Some(("sip:anna.keller@contoso.com", 6)));
        assert_eq!(found("groß"), Some(("sip:jürgen@contoso.com", 5)));
        // The account name `anna` outranks the first name that two people share.
        assert_eq!(found("Anna Schmidt"), Some(("sip:anna@contoso.com", 4)));
        assert_eq!(found("Marc"), None);
        assert_eq!(found("Kellerin"), None);
        assert_eq!(found("nobody"), None);
        assert_eq!(found(""), None);
    }
}
