//! From rows to what the rules speak of.

use bridge::{
    delivery::{DeliveryKey, Readers},
    digest::ShareKey,
    member::{Language, Member, Presence, Role, Wish},
    message::{Address, Message, Person, PostKey, RoomId},
    outbox::{Draft, Refused, Standing, State},
    room::{Privacy, Room, RoomKind},
};
use sqlx::{Row, any::AnyRow};

/// Reads a struct from the columns that are called like its fields. What sqlx derives does the same, but its
/// macros compile all of sqlx, SQLite included, a second time.
macro_rules! from_row {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl<'r> sqlx::FromRow<'r, sqlx::any::AnyRow> for $name {
            fn from_row(row: &'r sqlx::any::AnyRow) -> Result<Self, sqlx::Error> {
                Ok(Self { $($field: sqlx::Row::try_get(row, stringify!($field))?),* })
            }
        }
    };
}
pub(super) use from_row;

/// Columns of `messages`, in the order of [`message`].
pub(super) const MESSAGE: &str =
    "m.room, m.post, m.author, m.author_name, m.sent_ms, m.received_ms, m.kind, m.parts, m.late";

pub(super) fn message(row: &AnyRow) -> Result<Message, sqlx::Error> {
    let json = |column: &str, what: &'static str| {
        row.try_get::<String, _>(column).map(|text| (text, what))
    };
    let (kind, _) = json("kind", "kind")?;
    let (parts, _) = json("parts", "parts")?;
    let decode = |error: serde_json::Error| sqlx::Error::Decode(Box::new(error));
    Ok(Message {
        room: RoomId::new(row.try_get::<String, _>("room")?),
        post: PostKey::new(row.try_get::<String, _>("post")?),
        author: Person {
            address: Address::new(row.try_get::<String, _>("author")?),
            name: row.try_get("author_name")?,
        },
        sent_ms: row.try_get("sent_ms")?,
        received_ms: row.try_get("received_ms")?,
        kind: serde_json::from_str(&kind).map_err(decode)?,
        parts: serde_json::from_str(&parts).map_err(decode)?,
        late: row.try_get::<i64, _>("late")? != 0,
    })
}

/// A row of `rooms`.
pub(super) struct RoomRow {
    id: String,
    pub(super) uri: String,
    name: String,
    description: String,
    topic: String,
    kind: String,
    privacy: String,
}

from_row!(RoomRow { id, uri, name, description, topic, kind, privacy });

impl RoomRow {
    pub(super) fn room(self) -> Room {
        Room {
            id: RoomId::new(self.id),
            name: self.name,
            description: self.description,
            topic: self.topic,
            kind: RoomKind::from_word(&self.kind).unwrap_or_default(),
            privacy: Privacy::from_word(&self.privacy).unwrap_or_default(),
        }
    }
}

/// A row of `members`.
pub(super) struct MemberRow {
    pub(super) room: String,
    person: String,
    name: String,
    mailbox: Option<String>,
    role: String,
    wish: String,
    language: i64,
    time_zone: Option<String>,
}

from_row!(MemberRow { room, person, name, mailbox, role, wish, language, time_zone });

impl MemberRow {
    pub(super) fn member(self) -> Member {
        Member {
            person: Person { address: Address::new(&self.person), name: self.name },
            mailbox: self.mailbox,
            role: Role::from_word(&self.role).unwrap_or_default(),
            presence: Presence::Unknown,
            wish: Wish::from_word(&self.wish).unwrap_or_default(),
            language: language(self.language),
            time_zone: self.time_zone,
        }
    }
}

pub(super) fn language(code: i64) -> Language {
    Language::from_code(u16::try_from(code).unwrap_or_default())
}

/// A row of `mails`.
#[derive(Clone)]
pub(super) struct MailRow {
    pub(super) id: String,
    pub(super) person: String,
    pub(super) name: String,
    pub(super) mailbox: String,
    share: String,
    language: i64,
    time_zone: Option<String>,
    named: i64,
    pub(super) digest: i64,
    state: String,
    draft_id: Option<String>,
    draft_version: Option<String>,
    attempts: i64,
    tries: i64,
    refused_code: Option<String>,
    refused_times: Option<i64>,
    looks: Option<i64>,
    due_ms: Option<i64>,
    asked_ms: Option<i64>,
    planned_ms: i64,
    ended_ms: Option<i64>,
    error: Option<String>,
    sent_as: Option<String>,
    pub(super) body: Option<String>,
    pub(super) guest: Option<String>,
}

from_row!(MailRow {
    id,
    person,
    name,
    mailbox,
    share,
    language,
    time_zone,
    named,
    digest,
    state,
    draft_id,
    draft_version,
    attempts,
    tries,
    refused_code,
    refused_times,
    looks,
    due_ms,
    asked_ms,
    planned_ms,
    ended_ms,
    error,
    sent_as,
    body,
    guest
});

impl MailRow {
    pub(super) fn key(&self) -> DeliveryKey {
        DeliveryKey::from_text(self.id.clone())
    }

    pub(super) fn share(&self) -> ShareKey {
        ShareKey::from_text(self.share.clone())
    }

    pub(super) fn readers(&self) -> Readers {
        Readers {
            language: language(self.language),
            time_zone: self.time_zone.clone(),
            named: self.named != 0,
        }
    }

    pub(super) fn standing(&self) -> Result<Standing, sqlx::Error> {
        let draft = self
            .draft_id
            .clone()
            .map(|id| Draft { id, version: self.draft_version.clone().unwrap_or_default() });
        let state = State::from_word(&self.state, draft)
            .ok_or_else(|| sqlx::Error::Decode(format!("a mail that is {}", self.state).into()))?;
        let count = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Standing {
            state,
            attempts: count(self.attempts),
            tries: count(self.tries),
            refused: self
                .refused_code
                .clone()
                .map(|code| Refused { code, times: self.refused_times.map_or(0, count) }),
            looks: self.looks.map(count),
            due_ms: self.due_ms,
            asked_ms: self.asked_ms,
            planned_ms: self.planned_ms,
            ended_ms: self.ended_ms,
            error: self.error.clone(),
            sent_as: self.sent_as.clone(),
        })
    }
}
