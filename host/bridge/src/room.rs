//! Rooms.

use crate::message::RoomId;

/// A chat room, as far as a mail can tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// The room's key, see [`RoomId`].
    pub id: RoomId,
    /// What people call it.
    pub name: String,
    /// What it is for, in its owner's words; may be empty.
    pub description: String,
    /// What it is about just now; may be empty.
    pub topic: String,
    /// Who may write.
    pub kind: RoomKind,
    /// Who may see it.
    pub privacy: Privacy,
}

/// What a room is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum RoomKind {
    /// Every member writes.
    #[default]
    Normal,
    /// Only presenters write.
    Auditorium,
}

/// Who may see a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Privacy {
    /// The server did not say.
    #[default]
    Unknown,
    /// Everybody may enter; there need be no list of members.
    Open,
    /// Everybody may know of it, members enter.
    Closed,
    /// Members alone know of it.
    Secret,
}

impl RoomKind {
    /// The word under which it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Auditorium => "auditorium",
        }
    }

    /// Reads [`as_str`](Self::as_str) back; `None` for any other word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Normal, Self::Auditorium].into_iter().find(|kind| kind.as_str() == word)
    }
}

impl Privacy {
    const ALL: [Self; 4] = [Self::Unknown, Self::Open, Self::Closed, Self::Secret];

    /// The word under which it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Secret => "secret",
        }
    }

    /// Reads [`as_str`](Self::as_str) back; `None` for any other word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|privacy| privacy.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for privacy in Privacy::ALL {
            assert_eq!(Privacy::from_word(privacy.as_str()), Some(privacy));
        }
        assert_eq!(RoomKind::from_word("auditorium"), Some(RoomKind::Auditorium));
        assert_eq!(RoomKind::from_word("Auditorium"), None);
    }
}
