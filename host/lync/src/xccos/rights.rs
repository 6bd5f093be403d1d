//! What a participant may do in a room: the `aib` key (dossier 4.4).

use std::{fmt, ops::BitOr};

/// The mask of an `aib` key. All bits are kept, those without a known meaning too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rights(pub u64);

impl Rights {
    /// What an ordinary member has, as seen on the wire: 3984.
    pub const MEMBER: Self = Self(3984);
    /// What a manager has, as seen on the wire: 12276.
    pub const MANAGER: Self = Self(12276);

    /// Bit 2: manage the room.
    pub const MANAGE: Self = Self(1 << 2);
    /// Bit 7: join.
    pub const JOIN: Self = Self(1 << 7);
    /// Bit 8: post.
    pub const CHAT: Self = Self(1 << 8);
    /// Bit 10: read history without being joined.
    pub const READ_HISTORY: Self = Self(1 << 10);
    /// Bit 11: see the room.
    pub const VIEW: Self = Self(1 << 11);
    /// Bit 12: post in an auditorium, "presenter" or "voiced".
    pub const PRESENT: Self = Self(1 << 12);

    /// Reads the decimal mask; `None` if the key is something else.
    #[must_use]
    pub fn parse(key: &str) -> Option<Self> {
        key.trim().parse().ok().map(Self)
    }

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the holder manages the room.
    #[must_use]
    pub const fn is_manager(self) -> bool {
        self.contains(Self::MANAGE)
    }

    /// Whether the holder is a presenter.
    #[must_use]
    pub const fn is_presenter(self) -> bool {
        self.contains(Self::PRESENT)
    }

    /// Whether the holder may post; in an auditorium only presenters may.
    #[must_use]
    pub const fn may_chat(self, auditorium: bool) -> bool {
        self.contains(if auditorium { Self::PRESENT } else { Self::CHAT })
    }
}

impl BitOr for Rights {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The four masks of the test vectors, section 9.
    #[test]
    fn known_masks() {
        let roles = |key: &str| {
            let rights = Rights::parse(key).unwrap_or_default();
            (rights.is_manager(), rights.is_presenter(), rights.may_chat(false))
        };
        assert_eq!(roles("3984"), (false, false, true));
        assert_eq!(roles("12276"), (true, false, true));
        assert_eq!(roles("8080"), (false, true, true));
        assert_eq!(roles("16372"), (true, true, true));
        assert_eq!((Rights::MEMBER | Rights::PRESENT).to_string(), "8080");
        assert!(!Rights::MEMBER.may_chat(true));
        assert_eq!(Rights::parse("MEMBER"), None);
        assert_eq!(Rights::parse("-1"), None);
    }

    /// The same section: which bits these are.
    #[test]
    fn bits_of_the_known_masks() {
        let bits = |key: &str| -> Vec<u32> {
            let rights = Rights::parse(key).unwrap_or_default();
            (0..64).filter(|bit| rights.contains(Rights(1 << bit))).collect()
        };
        assert_eq!(bits("3984"), [4, 7, 8, 9, 10, 11]);
        assert_eq!(bits("12276"), [2, 4, 5, 6, 7, 8, 9, 10, 11, 13]);
        assert_eq!(bits("8080"), [4, 7, 8, 9, 10, 11, 12]);
        assert_eq!(bits("16372"), [2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    }
}
