//! Rooms, people and messages that wait, put into a database the way the host does it.

use std::{path::Path, sync::Arc};

use bridge::{
    delivery::{Settled, settle},
    member::{Language, Member, Presence, Role, Wish},
    message::{Address, Kind, Message, Part, Person, PostKey, RoomId},
    plan::{Action, Group, Offer, Plan},
    preference::Choice,
    room::{Privacy, Room, RoomKind},
    schedule::Schedule,
};
use futures_util::future::join_all;
use host::{
    config,
    database::{Database, Queueing, Said, Source},
    preferences::Preferences,
};
use tokio::runtime::Runtime;

/// When everything was said: Monday, 1 March 2027, 10:00 UTC.
pub(crate) const SAID_MS: i64 = 1_803_895_200_000;
/// When all of it is due, 08:00 in Berlin the next day, and an hour more.
pub(crate) const DUE_MS: i64 = SAID_MS + 22 * 3_600_000;
/// Messages planned at once while a town is filled.
const AT_ONCE: usize = 64;
/// One in so many people has said what he wants.
const OUTSPOKEN: usize = 10;

/// How large a town is.
#[derive(Clone, Copy)]
pub(crate) struct Town {
    pub(crate) people: usize,
    pub(crate) rooms: usize,
    pub(crate) members_a_room: usize,
    pub(crate) messages_a_room: usize,
}

impl Town {
    pub(crate) fn words(self) -> Vec<String> {
        [self.people, self.rooms, self.members_a_room, self.messages_a_room]
            .map(|number| number.to_string())
            .to_vec()
    }

    fn from_words(words: &[String]) -> Self {
        let mut numbers = words.iter().map(|word| word.parse().unwrap());
        let mut next = || numbers.next().unwrap();
        Self { people: next(), rooms: next(), members_a_room: next(), messages_a_room: next() }
    }

    /// Members of a room: each takes up where the one before ended.
    fn members(self, room: usize) -> Vec<Member> {
        let first = room * self.members_a_room;
        (first..first + self.members_a_room).map(|n| member(n % self.people)).collect()
    }
}

pub(crate) fn preferences() -> Arc<Preferences> {
    let text = config::EXAMPLE
        .replace("schedule = \"every 1h\"", "schedule = \"daily at 08:00\"")
        .replace("schedule = \"weekdays at 08:00 and 16:00\"", "schedule = \"daily at 08:00\"");
    Arc::new(Preferences::new(&config::parse(&text, Path::new("bench.toml")).unwrap()))
}

pub(crate) fn room(number: usize) -> Room {
    Room {
        id: RoomId::new(format!("ma-chan://bench.example/5b1d6f0e-3c1e-4e55-9d4a-{number:012}")),
        name: format!("Room {number}"),
        description: "Where the work of the department is talked about".into(),
        topic: String::new(),
        kind: RoomKind::Normal,
        privacy: Privacy::Closed,
    }
}

pub(crate) fn person(number: usize) -> Person {
    let address = Address::new(format!("sip:person.{number}@bench.example"));
    Person { address, name: format!("Person {number}") }
}

pub(crate) fn member(number: usize) -> Member {
    Member {
        person: person(number),
        mailbox: Some(format!("person.{number}@bench.example")),
        role: Role::Member,
        presence: Presence::Unknown,
        wish: Wish::None,
        language: Language::from_tag("en"),
        time_zone: None,
    }
}

pub(crate) fn message(room_number: usize, post: usize) -> Message {
    let at_ms = SAID_MS + i64::try_from(post).unwrap() * 1000;
    Message {
        room: room(room_number).id,
        post: PostKey::new(post.to_string()),
        author: person(post % 97),
        sent_ms: at_ms,
        received_ms: at_ms + 5,
        kind: Kind::Message,
        parts: vec![
            Part::Text("The quick brown fox jumps over the lazy dog, see ".into()),
            Part::Hyperlink {
                address: format!("https://wiki.bench.example/pages/{post}"),
                words: "the page".into(),
            },
        ],
        late: false,
    }
}

/// What a guest that keeps everything for everybody makes of a message.
pub(crate) fn settled(
    message: &Message,
    room: &Room,
    members: Vec<Member>,
    preferences: &Preferences,
    action: Action,
) -> Settled {
    let here = preferences.in_room(room);
    let members = here.dress(members);
    let offer = Offer::new(message, members, &Address::new("sip:service@bench.example"), 7);
    let all = offer.offered().map(|one| one.id).collect();
    let group = Group { action, reason: "what is said here is collected".into(), members: all };
    let mut plan = Plan::check(&offer, vec![group]).unwrap();
    here.overrule(&mut plan);
    let timing = |member: &Member| here.timing(&member.person.address, false);
    settle(&message.id(), plan, &preferences.gathering(), timing, message.received_ms)
}

/// Fills a database in a child, whose memory ends with it.
pub(crate) fn run(arguments: &[String]) {
    let (directory, town) = arguments.split_first().unwrap();
    let town = Town::from_words(town);
    Runtime::new().unwrap().block_on(fill(Path::new(directory), town));
}

async fn fill(directory: &Path, town: Town) {
    let database = Database::open(directory).await.unwrap();
    let preferences = preferences();
    let rooms: Vec<usize> = (0..town.rooms).collect();
    for some in rooms.chunks(AT_ONCE) {
        join_all(some.iter().map(|number| save_room(&database, town, *number))).await;
    }
    let outspoken: Vec<usize> = (0..town.people).step_by(OUTSPOKEN).collect();
    for some in outspoken.chunks(AT_ONCE) {
        join_all(some.iter().map(|number| say(&database, *number))).await;
    }
    preferences.take(database.choices().await.unwrap());
    let posts = (0..town.messages_a_room).flat_map(|post| rooms.iter().map(move |r| (*r, post)));
    let posts: Vec<(usize, usize)> = posts.collect();
    for some in posts.chunks(AT_ONCE) {
        let messages = some.iter().map(|(room, post)| (message(*room, *post), Some(*post as u64)));
        database.commit_messages(messages.collect()).await.unwrap();
        let plans = some.iter().map(|(number, post)| {
            let message = message(*number, *post);
            let members = town.members(*number);
            let settled = settled(&message, &room(*number), members, &preferences, Action::Keep);
            let bytes = message.plain_text().len();
            database.commit_plan(settled, bytes, Queueing::default())
        });
        for done in join_all(plans).await {
            assert!(done.unwrap());
        }
    }
    database.close().await;
}

async fn save_room(database: &Database, town: Town, number: usize) {
    let room = room(number);
    database.save_room(&room, room.id.as_str()).await.unwrap();
    database.save_members(&room.id, &town.members(number), SAID_MS).await.unwrap();
}

/// He wants what everybody has, but says so.
async fn say(database: &Database, number: usize) {
    let choice = Choice {
        wish: Some(Wish::Digest),
        schedule: Some(Schedule::parse("daily at 08:00").unwrap()),
        ..Choice::default()
    };
    let said = Said {
        choices: vec![((person(number).address, None), choice)],
        answer: None,
        source: Source::Letter(number.to_string()),
    };
    database.commit_said(said, SAID_MS).await.unwrap();
}
