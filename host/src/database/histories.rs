//! Random histories on virtual time against a small model of who must get what: posts, joins, leaves,
//! removals, choices, a mail server that loses answers before and after their effect, and crashes
//! between any two steps.
//!
//! `HISTORIES=100000 cargo test -p host --lib histories` runs more than the usual number;
//! `HISTORY=<seed> cargo test ...` replays one. A history that fails is played again with fewer
//! steps, for the shortest that still does.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use bridge::{
    delivery::settle,
    member::{Language, Member, Presence, Role, Wish},
    message::{Address, Kind, MessageId, Part, PostKey, RoomId},
    outbox::{Draft, Outcome, Sighting, Task},
    plan::{Action, Group, Offer, Plan},
    preference::Choice,
    receipt::{self, Receipt},
    room::{Privacy, RoomKind},
    schedule::Schedule,
};

use super::*;
use crate::preferences::Preferences;

/// Histories of an ordinary run, and steps of each.
const HISTORIES: u64 = 40;
const STEPS: usize = 80;

const PEOPLE: usize = 4;
const ROOMS: usize = 2;
const MINUTE_MS: i64 = 60_000;
/// 2027-03-26T00:00:00Z: the clocks of Berlin jump ahead two days later.
const BEGIN_MS: i64 = 1_806_019_200_000;

/// A number from nothing but a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound as u64)).unwrap()
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// What a mail says, as the mail server has it.
#[derive(Clone, Debug)]
struct Letter {
    person: Address,
    says: Vec<MessageId>,
    receipt: Receipt,
}

/// The mail server: what was stored, and what was sent.
#[derive(Default)]
struct Server {
    drafts: BTreeMap<String, Letter>,
    sent: Vec<(String, Letter)>,
}

/// What the model knows of a message for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// It must arrive, once.
    Must,
    /// It may have gone before what forbids it: once or not at all.
    May,
}

struct World {
    chance: Chance,
    directory: tempfile::TempDir,
    database: Option<Database>,
    preferences: Arc<Preferences>,
    now_ms: i64,
    members: [BTreeSet<usize>; ROOMS],
    off: BTreeSet<usize>,
    posts: u64,
    removed: BTreeSet<MessageId>,
    due: BTreeMap<(MessageId, usize), (usize, Due)>,
    server: Server,
    /// Whether the server still misbehaves.
    troubled: bool,
}

fn room(number: usize) -> Room {
    Room {
        id: RoomId::new(format!("ma-chan://c/{number}")),
        name: format!("Room {number}"),
        description: String::new(),
        topic: String::new(),
        kind: RoomKind::Normal,
        privacy: Privacy::Closed,
    }
}

fn address(number: usize) -> Address {
    Address::new(format!("sip:p{number}@c"))
}

fn member(number: usize) -> Member {
    Member {
        person: Person { address: address(number), name: format!("P{number}") },
        mailbox: Some(format!("p{number}@c")),
        role: Role::Member,
        presence: Presence::Unknown,
        wish: Wish::None,
        language: Language::UNKNOWN,
        time_zone: None,
    }
}

fn preferences() -> Arc<Preferences> {
    let example = crate::config::EXAMPLE;
    let mut config = crate::config::parse(example, Path::new("example.toml")).unwrap();
    config.digest = crate::config::Digest { mails_a_day: 3, ..Default::default() };
    config.people.clear();
    Arc::new(Preferences::new(&config))
}

impl World {
    async fn new(seed: u64) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = testing::open(directory.path()).await;
        let mut world = Self {
            chance: Chance(seed),
            directory,
            database: Some(database),
            preferences: preferences(),
            now_ms: BEGIN_MS,
            members: [(0..PEOPLE).collect(), (0..PEOPLE).collect()],
            off: BTreeSet::new(),
            posts: 0,
            removed: BTreeSet::new(),
            due: BTreeMap::new(),
            server: Server::default(),
            troubled: true,
        };
        for number in 0..ROOMS {
            world.database().save_room(&room(number), "u").await.unwrap();
            world.save_members(number).await;
        }
        world
    }

    fn database(&self) -> Database {
        self.database.clone().unwrap()
    }

    async fn save_members(&mut self, number: usize) {
        let all: Vec<Member> = self.members[number].iter().map(|one| member(*one)).collect();
        self.database().save_members(&room(number).id, &all, self.now_ms).await.unwrap();
    }

    async fn step(&mut self) {
        match self.chance.below(16) {
            0..=5 => self.post().await,
            6 => self.leave_or_join().await,
            7 => self.remove().await,
            8 => self.choose(),
            9 => self.now_ms += MINUTE_MS * i64::try_from(self.chance.below(26 * 60)).unwrap(),
            // A clock that is put back must do no harm.
            10 => self.now_ms -= MINUTE_MS,
            11 => self.crash().await,
            _ => {
                self.now_ms += 1000 * i64::try_from(self.chance.below(300)).unwrap();
                self.mail().await;
            }
        }
    }

    async fn post(&mut self) {
        self.posts += 1;
        let number = self.chance.below(ROOMS);
        let message = Message {
            room: room(number).id,
            post: PostKey::new(self.posts.to_string()),
            author: Person { address: Address::new("sip:author@c"), name: "Author".into() },
            sent_ms: self.now_ms,
            received_ms: self.now_ms,
            kind: Kind::Message,
            parts: vec![Part::Text(format!("post {}", self.posts))],
            late: false,
        };
        self.database().commit_message(message.clone(), Some(self.posts)).await.unwrap();
        if self.chance.one_in(20) {
            // Between the commit and the plan.
            self.crash().await;
        }
        self.plan(&message, number).await;
    }

    /// As the shipped guest does it: at once, or collected for who wishes that.
    async fn plan(&mut self, message: &Message, number: usize) {
        let place = room(number);
        let members = self.members[number].iter().map(|one| member(*one)).collect();
        let members = self.preferences.dress(&place, members);
        for one in &self.members[number] {
            if !self.off.contains(one) {
                self.due.insert((message.id(), *one), (number, Due::Must));
            }
        }
        let offer = Offer::new(message, members, &Address::new("sip:service@c"), 7);
        let mut groups: BTreeMap<&'static str, Group> = BTreeMap::new();
        for one in offer.offered() {
            let action = match one.member.wish {
                Wish::Off => Action::Skip,
                Wish::Digest | Wish::Mentions => Action::Keep,
                Wish::Instant | Wish::None => Action::MailNow,
            };
            let new = || Group { action, reason: "because".into(), members: Vec::new() };
            groups.entry(action.as_str()).or_insert_with(new).members.push(one.id);
        }
        let plan = Plan::check(&offer, groups.into_values().collect()).unwrap();
        let capped: BTreeSet<(String, i64)> =
            self.database().capped(3, 0).await.unwrap().into_iter().collect();
        let (preferences, now_ms) = (Arc::clone(&self.preferences), self.now_ms);
        let timing = |member: &Member| {
            let mut timing = preferences.timing(&member.person.address, &place, false);
            let today = bridge::delivery::day(&timing.zone, now_ms);
            timing.capped = capped.contains(&(member.person.address.as_str().to_owned(), today));
            timing
        };
        let settled = settle(&message.id(), plan, preferences.gathering(), timing, now_ms);
        self.database().commit_plan(settled, 10, Queueing::default()).await.unwrap();
    }

    async fn leave_or_join(&mut self) {
        let (number, one) = (self.chance.below(ROOMS), self.chance.below(PEOPLE));
        if self.members[number].remove(&one) {
            self.doubt(|(_, person), (place, _)| *person == one && *place == number);
        } else {
            self.members[number].insert(one);
        }
        self.save_members(number).await;
    }

    fn doubt(&mut self, whom: impl Fn(&(MessageId, usize), &(usize, Due)) -> bool) {
        for (key, value) in &mut self.due {
            if whom(key, value) {
                value.1 = Due::May;
            }
        }
    }

    async fn remove(&mut self) {
        let ids: Vec<MessageId> = self.due.keys().map(|(id, _)| id.clone()).collect();
        if ids.is_empty() {
            return;
        }
        let id = ids[self.chance.below(ids.len())].clone();
        self.database().remove_messages(std::slice::from_ref(&id), self.now_ms).await.unwrap();
        self.doubt(|(message, _), _| *message == id);
        self.removed.insert(id);
    }

    fn choose(&mut self) {
        let one = self.chance.below(PEOPLE);
        let words = ["every 1h", "daily at 08:00", "weekdays at 02:30", "every 15m"];
        let schedule = Schedule::parse(words[self.chance.below(words.len())]).unwrap();
        let wish = [Wish::Instant, Wish::Digest, Wish::Digest, Wish::Off][self.chance.below(4)];
        if wish == Wish::Off {
            self.off.insert(one);
            self.doubt(|(_, person), _| *person == one);
        } else {
            self.off.remove(&one);
        }
        let choice = Choice {
            wish: Some(wish),
            schedule: Some(schedule),
            time_zone: Some("Europe/Berlin".into()),
            ..Choice::default()
        };
        self.preferences.said((address(one), None), choice);
    }

    /// All that was not committed is gone; another host begins where the first one stood.
    async fn crash(&mut self) {
        self.database.take();
        let database = testing::open(self.directory.path()).await;
        database.resume_unfinished().await.unwrap();
        self.database = Some(database);
    }

    /// One round of the mail stage.
    async fn mail(&mut self) {
        let database = self.database();
        while database.gather_due_digests(&self.preferences, self.now_ms).await.unwrap() > 0 {}
        for mail in database.claim_due(self.now_ms, 20).await.unwrap() {
            let outcome = self.ask(&mail);
            if self.troubled && self.chance.one_in(12) {
                drop(database);
                return self.crash().await;
            }
            let jitter = self.chance.next();
            let standing = mail.standing.advance(outcome, jitter, self.now_ms).unwrap();
            database.record(vec![(mail.key, standing)]).await.unwrap();
        }
    }

    /// What the server does with a request, and what we hear of it.
    fn ask(&mut self, mail: &DueMail) -> Outcome {
        let key = mail.key.as_str();
        let lost = |since_ms| Outcome::Unknown { since_ms, reason: "no answer".into() };
        let trouble = if self.troubled { self.chance.below(8) } else { 7 };
        match (mail.standing.task().unwrap(), trouble) {
            (Task::Draft | Task::Send(_), 0) => {
                Outcome::Delayed { until_ms: None, reason: "busy".into() }
            }
            (Task::Draft | Task::Send(_), 1) => lost(self.now_ms),
            (Task::Draft, trouble) => {
                let letter = self.write(mail);
                self.server.drafts.insert(key.to_owned(), letter);
                if trouble == 2 { lost(self.now_ms) } else { Outcome::Drafted(draft(key)) }
            }
            (Task::Send(_), trouble) => match self.server.drafts.remove(key) {
                Some(letter) => {
                    self.server.sent.push((key.to_owned(), letter));
                    if trouble == 2 {
                        lost(self.now_ms)
                    } else {
                        Outcome::Delivered { sent_as: None }
                    }
                }
                None => lost(self.now_ms),
            },
            (Task::FindDraft, _) => Outcome::Seen(match self.server.drafts.contains_key(key) {
                true => Sighting::Draft(draft(key)),
                false => Sighting::Nowhere,
            }),
            (Task::FindSent(_), _) => {
                let sent = self.server.sent.iter().any(|(sent, _)| sent == key);
                Outcome::Seen(match self.server.drafts.contains_key(key) {
                    _ if sent => Sighting::Sent { sent_as: None },
                    true => Sighting::Draft(draft(key)),
                    false => Sighting::Nowhere,
                })
            }
        }
    }

    /// The mail as it is laid down: it must say nothing that is not to be said any more.
    fn write(&self, mail: &DueMail) -> Letter {
        let says: Vec<MessageId> = mail.items.iter().map(|item| item.message.id()).collect();
        assert!(!says.is_empty(), "an empty mail");
        for item in &mail.items {
            let id = item.message.id();
            assert!(!self.removed.contains(&id), "a removed message is mailed");
            let number = (0..ROOMS).find(|number| room(*number).id == item.message.room).unwrap();
            let inside =
                self.members[number].iter().any(|one| address(*one) == mail.person.address);
            assert!(inside, "somebody who has left the room is mailed");
        }
        let receipt = mail.receipt.clone().unwrap();
        assert!(says.iter().all(|id| receipt.covers.contains(&receipt::cover(id))));
        Letter { person: mail.person.address.clone(), says, receipt }
    }

    /// Everything settles once the server is well and time passes; what was given up meanwhile is
    /// sent afresh.
    async fn settle(&mut self) {
        self.troubled = false;
        for _ in 0..2_000 {
            for dead in self.database().unsent(1000).await.unwrap() {
                if dead.state == "failed" {
                    let key = DeliveryKey::from_text(dead.key);
                    assert!(self.database().retry(&key, self.now_ms).await.unwrap().is_some());
                }
            }
            self.mail().await;
            let counts = self.database().counts().await.unwrap();
            if counts.kept == 0 && counts.waiting == 0 && counts.failed == 0 {
                return;
            }
            let next = self.database().next_due(self.now_ms).await.unwrap();
            self.now_ms = next.unwrap_or(self.now_ms + MINUTE_MS).max(self.now_ms + 1);
        }
        panic!("it does not settle: {:?}", self.database().counts().await);
    }

    /// One more mail for everybody: it names what was withdrawn after the last one.
    async fn farewell(&mut self) {
        self.off.clear();
        for one in 0..PEOPLE {
            self.preferences.said((address(one), None), Choice::default());
        }
        for number in 0..ROOMS {
            self.members[number] = (0..PEOPLE).collect();
            self.save_members(number).await;
        }
        self.post().await;
    }

    async fn check(&self) {
        let mut seen: BTreeMap<(MessageId, usize), usize> = BTreeMap::new();
        for (_, letter) in &self.server.sent {
            let person = (0..PEOPLE).find(|one| address(*one) == letter.person).unwrap();
            for id in &letter.says {
                *seen.entry((id.clone(), person)).or_default() += 1;
            }
        }
        for (key, count) in &seen {
            assert_eq!(*count, 1, "{key:?} was mailed {count} times");
            assert!(self.due.contains_key(key), "{key:?} was mailed to nobody's wish");
        }
        for (key, (_, due)) in &self.due {
            let there = seen.contains_key(key);
            assert!(there || *due == Due::May, "{key:?} was lost: {:?}", self.why(key).await);
        }
        for person in 0..PEOPLE {
            let sent =
                self.server.sent.iter().filter(|(_, letter)| letter.person == address(person));
            let receipts: Vec<Receipt> = sent.map(|(_, letter)| letter.receipt.clone()).collect();
            let faults = receipt::check(&receipts, 1);
            assert_eq!(faults, [], "the mails of {person}");
        }
        let counts = self.database().counts().await.unwrap();
        assert_eq!((counts.unplanned, counts.held, counts.failed), (0, 0, 0));
    }

    async fn why(&self, (id, person): &(MessageId, usize)) -> Option<Why> {
        self.database().why(id, &address(*person)).await.unwrap()
    }
}

fn draft(key: &str) -> Draft {
    Draft { id: format!("draft {key}"), version: "1".into() }
}

fn play(seed: u64, steps: usize) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let history = AssertUnwindSafe(|| {
        runtime.block_on(async {
            let mut world = World::new(seed).await;
            for _ in 0..steps {
                world.step().await;
            }
            world.settle().await;
            world.farewell().await;
            world.settle().await;
            world.check().await;
        });
    });
    catch_unwind(history).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default()
    })
}

/// The fewest steps with which a history still fails, by halving and then one by one.
fn shrink(seed: u64, steps: usize) -> (usize, String) {
    let mut shortest = (steps, play(seed, steps).unwrap_err());
    let mut less = steps / 2;
    while less > 0 {
        match play(seed, shortest.0 - less) {
            Err(why) => shortest = (shortest.0 - less, why),
            Ok(()) => less /= 2,
        }
        less = less.min(shortest.0.saturating_sub(1));
    }
    shortest
}

#[test]
fn histories_lose_and_double_nothing() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("HISTORY") {
        Some(seed) => seed..seed + 1,
        None => 0..number("HISTORIES").unwrap_or(HISTORIES),
    };
    for seed in seeds {
        if play(seed, STEPS).is_err() {
            let (steps, why) = shrink(seed, STEPS);
            panic!("history {seed} fails after {steps} steps: {why}");
        }
    }
}
