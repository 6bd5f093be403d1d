//! Tries a guest with samples before any message depends on it.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use bridge::{
    delivery::{DeliveryKey, Readers},
    digest::ShareKey,
    member::{Language, Member, Presence, Role, Wish},
    message::{Address, Kind, Message, Part, Person, PostKey, RoomId},
    outbox::Standing,
    plan::{Offer, Plan},
    preference::Form,
    room::{Privacy, Room, RoomKind},
};
use jiff::tz::TimeZone;

use crate::{
    database::{DueMail, Item},
    in_service::InService,
    translate::{self, Names, People},
};

/// When the samples were said: 2026-03-02 09:14 UTC.
const SAID_MS: i64 = 1_772_442_840_000;

/// Has a guest plan a message and compose two mails, and checks what it answers.
///
/// # Errors
/// What it did not do as a guest should.
pub(super) fn probe(guest: &InService) -> Result<()> {
    let messages = [
        message(1, Kind::Message, "Is the pump in hall 2 running again? <b>See</b> & tell"),
        message(2, Kind::Alert, "Pressure is falling"),
        message(3, Kind::Story { title: "Shift report".into() }, "All quiet.\u{202e} Nearly."),
        message(4, Kind::Gap { missing: Some(3) }, ""),
    ];
    for message in messages.iter().filter(|one| !matches!(one.kind, Kind::Gap { .. })) {
        plan(guest, message).context("it failed a sample message, so it is not put in service")?;
    }
    for count in [1, messages.len()] {
        compose(guest, messages.get(..count).unwrap_or(&messages))
            .context("it failed a sample mail, so it is not put in service")?;
    }
    Ok(())
}

/// A message to one person of each wish.
pub(super) fn offer(message: &Message) -> Arc<Offer> {
    let wishes = [Wish::None, Wish::Instant, Wish::Digest, Wish::Mentions, Wish::Off];
    let members = wishes.into_iter().enumerate().map(|(number, wish)| Member {
        person: person(&format!("person{number}")),
        mailbox: Some(format!("person{number}@probe.example")),
        role: Role::Member,
        presence: Presence::Absent,
        wish,
        language: Language::UNKNOWN,
        time_zone: None,
    });
    let service = Address::new("sip:service@probe.example");
    Arc::new(Offer::new(message, members.collect(), &service, 1))
}

fn plan(guest: &InService, message: &Message) -> Result<()> {
    let offer = offer(message);
    let input = translate::plan_input(message, &room(), &offer, &TimeZone::UTC);
    let people = Arc::new(Names::new(Arc::clone(&offer), guest.attributes()));
    let answer = guest.guest().plan(&input, &guest.surroundings(people))?;
    Plan::check(&offer, translate::groups(guest.heard(answer)))?;
    Ok(())
}

fn compose(guest: &InService, messages: &[Message]) -> Result<()> {
    let item = |message: &Message| Item {
        message: Arc::new(message.clone()),
        reason: "you are a member of the room".to_owned(),
        named: false,
        form: Form::Complete,
    };
    let mail = DueMail {
        key: DeliveryKey::from_text("probe"),
        person: person("person0"),
        mailbox: "person0@probe.example".to_owned(),
        share: ShareKey::from_text("probe"),
        readers: Readers::default(),
        digest: messages.len() > 1,
        standing: Standing::planned(0, 0),
        rooms: vec![room()],
        items: messages.iter().map(item).collect(),
        written: None,
        receipt: None,
        guest: None,
        continues_ms: None,
    };
    let people = Arc::new(People::of(&mail, 1, guest.attributes()));
    let edition = translate::edition(&mail, &people, &TimeZone::UTC);
    let answer = guest.guest().compose(&edition, &guest.surroundings(people))?;
    translate::composition(guest.heard(answer)).check().map_err(|error| anyhow!("{error}"))?;
    Ok(())
}

fn room() -> Room {
    Room {
        id: RoomId::new("ma-chan://probe.example/1"),
        name: "Probe".into(),
        description: String::new(),
        topic: String::new(),
        kind: RoomKind::Normal,
        privacy: Privacy::Closed,
    }
}

fn person(name: &str) -> Person {
    Person { address: Address::new(format!("sip:{name}@probe.example")), name: name.to_owned() }
}

pub(super) fn message(number: i64, kind: Kind, words: &str) -> Message {
    let said_ms = SAID_MS + number * 60_000;
    Message {
        room: room().id,
        post: PostKey::new(number.to_string()),
        author: person("author"),
        sent_ms: said_ms,
        received_ms: said_ms,
        kind,
        parts: vec![Part::Text(words.to_owned())],
        late: false,
    }
}
