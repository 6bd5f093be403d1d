//! Rooms and conversations that a guest is tried with: what happens on a good day, and what
//! somebody writes who means harm.

use std::sync::Arc;

use bridge::{
    delivery::{DeliveryKey, Readers},
    digest::ShareKey,
    member::{Language, Member, Presence, Role, Wish},
    message::{Address, Kind, Message, Part, Person, PostKey, RoomId},
    outbox::Standing,
    preference::Form,
    room::{Privacy, Room, RoomKind},
};

use crate::database::{DueMail, Item};

mod hostile;
mod usual;

/// When the first message of every sample was said: 2026-11-23T08:14:00Z, a Monday.
const MORNING_MS: i64 = 1_795_421_640_000;

/// The zone that the readers of every sample live in.
pub const ZONE: &str = "Europe/Berlin";

/// A conversation, and who is to read of it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What findings call it.
    pub name: &'static str,
    /// The rooms.
    pub rooms: Vec<Room>,
    /// What was said, in the order of the rooms, in each oldest first.
    pub messages: Vec<Message>,
    /// The members of every room.
    pub members: Vec<Member>,
    /// What the readers of the mail read.
    pub language: Language,
    /// How the readers want the rooms shown.
    pub form: Form,
    /// Whether it was written to do harm: what it says need not be shown as it is.
    pub hostile: bool,
}

impl Sample {
    fn of(name: &'static str, rooms: Vec<Room>, messages: Vec<Message>) -> Self {
        let language = Language::from_tag("en");
        let (form, hostile) = (Form::Complete, false);
        Self { name, rooms, messages, members: members(12), language, form, hostile }
    }

    /// What the mail stage would have the guest compose.
    #[must_use]
    pub fn due(&self) -> DueMail {
        let item = |message: &Message| Item {
            message: Arc::new(message.clone()),
            reason: "you are a member of the room".to_owned(),
            named: message.names(&address(0)),
            form: self.form,
        };
        DueMail {
            key: DeliveryKey::from_text(self.name),
            person: person(0),
            mailbox: "reader@contoso.example".to_owned(),
            share: ShareKey::from_text(self.name),
            readers: Readers {
                language: self.language,
                time_zone: Some(ZONE.to_owned()),
                named: false,
            },
            digest: self.messages.len() > 1,
            standing: Standing::planned(MORNING_MS, MORNING_MS),
            rooms: self.rooms.clone(),
            items: self.messages.iter().map(item).collect(),
            written: None,
            receipt: None,
            guest: None,
            continues_ms: None,
        }
    }

    /// The room that a message was said in.
    #[must_use]
    pub fn room_of(&self, message: &Message) -> Option<&Room> {
        self.rooms.iter().find(|room| room.id == message.room)
    }
}

/// All samples, in the order in which they are tried and shown.
#[must_use]
pub fn all() -> Vec<Sample> {
    let mut all = usual::samples();
    all.extend(hostile::samples());
    all
}

/// A room of so many members in which one message was said, for measuring `plan`.
#[must_use]
pub fn crowd(count: u32) -> Sample {
    let message = said("big", 0, "Anna Keller", vec![text("The building closes at six today.")]);
    let room = Room { kind: RoomKind::Normal, ..room("big", "Everybody") };
    let mut sample = Sample::of("big room", vec![room], vec![message]);
    sample.members = members(count);
    for member in &mut sample.members {
        member.presence = Presence::Unknown;
    }
    sample
}

/// A mail of so many messages, for measuring `compose`.
#[must_use]
pub fn talk(count: u32) -> Sample {
    let line = |n: u32| {
        let words = format!("Build {n} is through, all 2,143 tests passed in 8 minutes.");
        let author = if n.is_multiple_of(3) { "Anna Keller" } else { "Tom Baker" };
        said("build", i64::from(n), author, vec![text(&words)])
    };
    Sample::of("busy day", vec![room("build", "Build")], (0..count).map(line).collect())
}

fn address(n: u32) -> Address {
    Address::new(format!("sip:member{n}@contoso.example"))
}

fn person(n: u32) -> Person {
    Person { address: address(n), name: format!("Member {n}") }
}

/// Members of every kind: each wish, each language, each role occurs in the first twelve.
fn members(count: u32) -> Vec<Member> {
    const WISHES: [Wish; 5] = [Wish::None, Wish::Instant, Wish::Digest, Wish::Mentions, Wish::Off];
    const LANGUAGES: [&str; 4] = ["en", "de", "", "pt-BR"];
    let pick = |n: u32, of: usize| usize::try_from(n).unwrap_or(0) % of;
    let member = |n: u32| Member {
        person: person(n),
        mailbox: Some(format!("member{n}@contoso.example")),
        role: match n % 7 {
            5 => Role::Presenter,
            6 => Role::Manager,
            _ => Role::Member,
        },
        presence: if n.is_multiple_of(3) { Presence::Joined } else { Presence::Absent },
        wish: WISHES.get(pick(n, 5)).copied().unwrap_or_default(),
        language: Language::from_tag(LANGUAGES.get(pick(n, 4)).copied().unwrap_or_default()),
        time_zone: None,
    };
    (0..count).map(member).collect()
}

fn room(key: &str, name: &str) -> Room {
    Room {
        id: RoomId::new(key),
        name: name.to_owned(),
        description: String::new(),
        topic: String::new(),
        kind: RoomKind::Normal,
        privacy: Privacy::Closed,
    }
}

/// A message, so many minutes after the first.
fn said(room: &str, minute: i64, author: &str, parts: Vec<Part>) -> Message {
    let sent_ms = MORNING_MS + minute * 60_000;
    let sip: String = author.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    Message {
        room: RoomId::new(room),
        post: PostKey::new(format!("{room}-{minute}")),
        author: Person {
            address: Address::new(format!("sip:{sip}@contoso.example")),
            name: author.to_owned(),
        },
        sent_ms,
        received_ms: sent_ms,
        kind: Kind::Message,
        parts,
        late: false,
    }
}

/// The place of missed messages.
fn gap(room: &str, minute: i64, missing: Option<u32>) -> Message {
    Message { kind: Kind::Gap { missing }, ..said(room, minute, "", Vec::new()) }
}

fn text(words: &str) -> Part {
    Part::Text(words.to_owned())
}

fn link(address: &str, words: &str) -> Part {
    Part::Hyperlink { address: address.to_owned(), words: words.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_names_of_their_own_and_keep_the_contract() {
        let all = all();
        let mut names: Vec<_> = all.iter().map(|sample| sample.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all.len());
        for sample in &all {
            assert!(!sample.messages.is_empty(), "{}", sample.name);
            let place = |message: &Message| sample.rooms.iter().position(|r| r.id == message.room);
            let order: Vec<_> = sample.messages.iter().map(|m| (place(m), m.sent_ms)).collect();
            assert!(order.is_sorted() && order.iter().all(|o| o.0.is_some()), "{}", sample.name);
        }
    }

    #[test]
    fn members_are_of_every_kind() {
        let members = members(12);
        for wish in [Wish::None, Wish::Instant, Wish::Digest, Wish::Mentions, Wish::Off] {
            assert!(members.iter().any(|member| member.wish == wish));
        }
        assert!(members.iter().any(|member| member.role == Role::Manager));
    }
}
