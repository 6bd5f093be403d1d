//! The contract's types, as `wit/0.3.0/chat-digest.wit` documents them.

use wasmtime::component::{ComponentType, Lower};

pub use super::bindings::chat_digest::guest::log::Level;
pub use super::bindings::chat_digest::guest::types::{
    Action, Cohort, Daytime, Edition, Gap, Group, Importance, Item, Kind, Language, Link, Mail,
    Mention, Message, Moment, Part, PersonId, Presence, Privacy, Readers, Role, Room, RoomId,
    RoomKind, Wish,
};

/// One member of a room: what cohorts are made of, and a record of `wit/0.2.0/chat-digest.wit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct Member {
    /// Who it is, for `group.members` and for `directory`.
    pub id: PersonId,
    /// What he may do in the room.
    pub role: Role,
    /// Whether he saw the message there.
    pub presence: Presence,
    /// Whether the message names this member.
    pub named: bool,
    /// What he has asked for.
    pub wish: Wish,
    /// The language that he reads.
    pub language: Language,
    /// How many minutes his clock was east of Greenwich when the message was said.
    #[component(name = "offset-minutes")]
    pub offset_minutes: i16,
}

/// Turns two ASCII letters of ISO 639-1 into a [`Language`]; anything else is 0, which is unknown.
///
/// `de` and `de-AT` are both 0x6465.
#[must_use]
pub fn language(tag: &str) -> Language {
    match tag.split(['-', '_']).next().map(str::as_bytes) {
        Some([a, b]) if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
            u16::from_be_bytes([a.to_ascii_lowercase(), b.to_ascii_lowercase()])
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::language;

    #[test]
    fn languages_are_two_letters() {
        assert_eq!(language("de"), 0x6465);
        assert_eq!(language("EN-gb"), 0x656e);
        assert_eq!([language(""), language("deu"), language("d1"), language("ä")], [0; 4]);
    }
}
