//! Members of a room.

use std::fmt;

use crate::message::Person;

/// A person as a member of one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who it is.
    pub person: Person,
    /// Where his mail goes; `None` while nobody knows.
    pub mailbox: Option<String>,
    /// What he may do in the room.
    pub role: Role,
    /// Whether he saw the message in the room.
    pub presence: Presence,
    /// What he has asked for.
    pub wish: Wish,
    /// The language to write to him in.
    pub language: Language,
    /// His time zone, e.g. `Europe/Berlin`; `None` for the configured one.
    pub time_zone: Option<String>,
}

/// What a member may do in the room; greater may more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads, and writes unless the room is an auditorium.
    #[default]
    Member,
    /// Writes in an auditorium.
    Presenter,
    /// Changes the room.
    Manager,
}

/// Whether a member saw the message in the room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Presence {
    /// Not known: the room is large, or the server does not say.
    #[default]
    Unknown,
    /// In the room when the message came.
    Joined,
    /// Not in the room.
    Absent,
}

/// What a member has asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Wish {
    /// Nothing: the guest decides.
    #[default]
    None,
    /// Every message at once.
    Instant,
    /// Everything, collected.
    Digest,
    /// At once what names him, the rest collected.
    Mentions,
    /// No mail.
    Off,
}

impl Role {
    const ALL: [Self; 3] = [Self::Member, Self::Presenter, Self::Manager];

    /// The word under which it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Presenter => "presenter",
            Self::Manager => "manager",
        }
    }

    /// Reads [`as_str`](Self::as_str) back; `None` for any other word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

impl Presence {
    const ALL: [Self; 3] = [Self::Unknown, Self::Joined, Self::Absent];

    /// The word under which it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Joined => "joined",
            Self::Absent => "absent",
        }
    }

    /// Reads [`as_str`](Self::as_str) back; `None` for any other word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|presence| presence.as_str() == word)
    }
}

impl Wish {
    const ALL: [Self; 5] = [Self::None, Self::Instant, Self::Digest, Self::Mentions, Self::Off];

    /// The word under which it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Instant => "instant",
            Self::Digest => "digest",
            Self::Mentions => "mentions",
            Self::Off => "off",
        }
    }

    /// Reads [`as_str`](Self::as_str) back; `None` for any other word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|wish| wish.as_str() == word)
    }
}

/// A language: two letters of ISO 639-1 in one number, the first in the higher byte, so that it
/// crosses to a guest without a string. `de` is 0x6465.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Language(u16);

impl Language {
    /// No language known.
    pub const UNKNOWN: Self = Self(0);

    /// Reads the leading two letters of a tag such as `de`, `DE` or `de-CH` (RFC 5646); anything
    /// else, a three-letter language too, is [`UNKNOWN`](Self::UNKNOWN).
    pub fn from_tag(tag: &str) -> Self {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        match primary.as_bytes() {
            [a, b] => Self::from_code(u16::from_be_bytes([*a | 0x20, *b | 0x20])),
            _ => Self::UNKNOWN,
        }
    }

    /// Reads [`code`](Self::code) back; a number that is not two small letters is unknown.
    pub fn from_code(code: u16) -> Self {
        let letters = code.to_be_bytes().iter().all(u8::is_ascii_lowercase);
        if letters { Self(code) } else { Self::UNKNOWN }
    }

    /// The number; 0 for unknown.
    pub fn code(self) -> u16 {
        self.0
    }
}

/// Writes the two letters, or nothing.
impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = self.0.to_be_bytes().map(char::from);
        if *self == Self::UNKNOWN { Ok(()) } else { f.write_str(&String::from_iter(letters)) }
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Language({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_two_letters() {
        for tag in ["de", "DE", "de-CH", "de_AT"] {
            assert_eq!(Language::from_tag(tag).code(), 0x6465, "{tag}");
        }
        for tag in ["", "d", "gsw", "1e", "é", "-de"] {
            assert_eq!(Language::from_tag(tag), Language::UNKNOWN, "{tag}");
        }
        assert_eq!(Language::from_code(0x6465).to_string(), "de");
        assert_eq!(Language::from_code(0x0001), Language::UNKNOWN);
        assert_eq!(Language::UNKNOWN.to_string(), "");
    }

    #[test]
    fn words_read_back() {
        assert!(Role::ALL.into_iter().all(|x| Role::from_word(x.as_str()) == Some(x)));
        assert!(Presence::ALL.into_iter().all(|x| Presence::from_word(x.as_str()) == Some(x)));
        assert!(Wish::ALL.into_iter().all(|x| Wish::from_word(x.as_str()) == Some(x)));
        assert_eq!(Wish::from_word(""), None);
    }
}
