//! Values for the tests of all modules.

use crate::types::{
    Cohort, Edition, Gap, Item, Kind, Mention, Message, Moment, Part, Presence, Privacy, Readers,
    Role, Room, RoomKind, Wish,
};

/// A member by himself.
pub(crate) fn cohort(id: u32) -> Cohort {
    Cohort {
        role: Role::Member,
        presence: Presence::Absent,
        named: false,
        wish: Wish::None,
        language: 0,
        offset_minutes: 60,
        members: vec![id],
    }
}

/// A moment in March 2025 in Berlin.
pub(crate) fn moment(day: u8, hour: u8, minute: u8) -> Moment {
    Moment {
        unix_ms: 1_740_783_600_000
            + i64::from(day - 1) * 86_400_000
            + i64::from(hour) * 3_600_000
            + i64::from(minute) * 60_000,
        year: 2025,
        month: 3,
        day,
        weekday: (day + 4) % 7 + 1,
        hour,
        minute,
        second: 0,
        offset_minutes: 60,
    }
}

pub(crate) fn room(id: u32, name: &str) -> Room {
    Room {
        id,
        name: name.into(),
        description: String::new(),
        topic: String::new(),
        kind: RoomKind::Normal,
        privacy: Privacy::Closed,
    }
}

pub(crate) fn message(text: &str) -> Message {
    Message {
        room: 1,
        author: "Anna Larsen".into(),
        author_person: None,
        sent: moment(4, 9, 14),
        kind: Kind::Message,
        parts: vec![Part::Text(text.into())],
        late: false,
    }
}

pub(crate) fn item(message: Message) -> Item {
    Item { message, reason: "you are a member of the room".into(), named: false }
}

/// A message of this author, so many minutes after nine.
pub(crate) fn said_by(author: &str, minute: u8, text: &str) -> Item {
    let sent = moment(4, 9 + minute / 60, minute % 60);
    item(Message { author: author.into(), sent, ..message(text) })
}

/// The same item with a mention of this name before its words.
pub(crate) fn naming(name: &str, mut item: Item) -> Item {
    let mention = Mention { words: name.into(), person: None };
    item.message.parts.insert(0, Part::Mention(mention));
    item
}

/// The place of missed messages.
pub(crate) fn gap(missing: Option<u32>) -> Item {
    let kind = Kind::Gap(Gap { missing });
    item(Message { author: "Nobody".into(), kind, parts: Vec::new(), ..message("") })
}

/// A mail of one room with these messages.
pub(crate) fn edition(items: Vec<Item>) -> Edition {
    Edition {
        readers: Readers { language: 0x656e, time_zone: "Europe/Berlin".into() },
        rooms: vec![room(1, "Operations")],
        digest: items.len() > 1,
        summaries: Vec::new(),
        items,
    }
}

/// Numbers below a bound, the same in every run.
pub(crate) fn random() -> impl FnMut(usize) -> usize {
    let mut seed = 1_u64;
    move |below| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap_or_default() % below
    }
}
