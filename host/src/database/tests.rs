//! On files, because what is on disk counts.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use bridge::{
    delivery::{Gathering, Timing, settle},
    member::Member,
    member::{Language, Presence, Role, Wish},
    message::{Address, Kind, Message, Part, Person, PostKey, RoomId},
    outbox::{Draft, Outcome, State, Task},
    plan::{Action, Group, Offer, Plan},
    preference::Choice,
    room::{Privacy, Room, RoomKind},
    schedule::Schedule,
};
use lync::{members::Seen, xccos::Rights};

mod audit;
mod collected;
mod file;
mod shared;

use super::{testing, *};
use crate::preferences::Preferences;

const HOUR_MS: i64 = 3_600_000;

fn room() -> Room {
    Room {
        id: RoomId::new("ma-chan://c/1"),
        name: "Ops".into(),
        description: String::new(),
        topic: String::new(),
        kind: RoomKind::Normal,
        privacy: Privacy::Closed,
    }
}

fn admin() -> Actor {
    Actor::CommandLine("admin (uid 0)".to_owned())
}

fn person(name: &str) -> Person {
    Person { address: Address::new(format!("sip:{name}@c")), name: name.to_owned() }
}

fn member(name: &str, mailbox: bool) -> Member {
    Member {
        person: person(name),
        mailbox: mailbox.then(|| format!("{name}@c")),
        role: Role::Member,
        presence: Presence::Unknown,
        wish: Wish::None,
        language: Language::UNKNOWN,
        time_zone: None,
    }
}

fn message(number: u64) -> Message {
    Message {
        room: room().id,
        post: PostKey::new(number.to_string()),
        author: person("author"),
        sent_ms: i64::try_from(number).unwrap(),
        received_ms: i64::try_from(number).unwrap() + 5,
        kind: Kind::Story { title: "t".into() },
        parts: vec![Part::Text(format!("<{number}> ]]> \u{1f600}")), Part::LineBreak],
        late: false,
    }
}

/// A plan that does `action` for all of `members`.
fn settled(
    message: &Message,
    members: &[Member],
    action: Action,
    now_ms: i64,
) -> bridge::delivery::Settled {
    let offer = Offer::new(message, members.to_vec(), &Address::new("sip:service@c"), 7);
    let all = offer.offered().map(|one| one.id).collect();
    let groups = vec![Group { action, reason: "because".into(), members: all }];
    let hourly = Timing {
        schedule: Schedule::parse("every 1h").unwrap(),
        zone: jiff::tz::TimeZone::UTC,
        capped: false,
    };
    let plan = Plan::check(&offer, groups).unwrap();
    settle(&message.id(), plan, &Gathering::default(), |_| hourly.clone(), now_ms)
}

/// What the example says, changed.
fn preferences(change: impl Fn(&mut crate::config::Config)) -> Arc<Preferences> {
    let example = crate::config::EXAMPLE;
    let mut config = crate::config::parse(example, Path::new("example.toml")).unwrap();
    config.digest = crate::config::Digest { mails_a_day: 0, ..Default::default() };
    config.defaults.time_zone = crate::config::Zone::utc();
    config.people.clear();
    change(&mut config);
    Arc::new(Preferences::new(&config))
}

fn hourly() -> Arc<Preferences> {
    preferences(|_| {})
}

/// Commits a message and a plan that does `action` for all of `members`.
async fn plan(database: &Database, number: u64, members: &[Member], action: Action, now_ms: i64) {
    database.commit_message(message(number), Some(number)).await.unwrap();
    commit(database, settled(&message(number), members, action, now_ms)).await;
}

async fn commit(database: &Database, settled: bridge::delivery::Settled) {
    assert!(database.commit_plan(settled, 10, Queueing::default()).await.unwrap());
}

/// Opens the database of a host that died, if there was one.
async fn open(directory: &tempfile::TempDir) -> Database {
    testing::open(directory.path()).await
}

#[tokio::test]
async fn a_gap_is_told_once_and_told_on_where_it_grows() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    database.save_room(&room(), "ma-chan://C/1").await.unwrap();
    let id = room().id;
    for to in [7, 7, 6, 9, 9] {
        database.note_gap(&id, 5, Some(to)).await.unwrap();
    }
    database.note_gap(&id, 5, None).await.unwrap();
    database.note_gap(&id, 5, Some(20)).await.unwrap();
    let told = async || {
        let told = database.next_unplanned(std::slice::from_ref(&id), 10).await.unwrap();
        let told = told.into_iter().map(|one| (one.post.as_str().to_owned(), one.kind));
        let mut told: Vec<_> = told.collect();
        told.sort_by(|(a, _), (b, _)| a.cmp(b));
        told
    };
    let gap = |post: &str, missing| (post.to_owned(), Kind::Gap { missing });
    assert_eq!(told().await, [gap("gap 10", None), gap("gap 5", Some(3)), gap("gap 8", Some(2))]);
    let places = database.gaps(10).await.unwrap();
    let mut places: Vec<_> = places.into_iter().map(|one| (one.from_id, one.to_id)).collect();
    places.sort_unstable();
    assert_eq!(places, [(Some(5), Some(7)), (Some(8), Some(9)), (Some(10), None)]);
}

#[tokio::test]
async fn every_gap_between_posts_without_numbers_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    database.save_room(&room(), "ma-chan://C/1").await.unwrap();
    for number in [1, 2] {
        database.commit_message(message(number), None).await.unwrap();
        database.note_gap(&room().id, 0, None).await.unwrap();
        database.note_gap(&room().id, 0, None).await.unwrap();
    }
    let places = database.gaps(10).await.unwrap();
    assert_eq!(
        places.iter().map(|one| (one.from_id, one.to_id)).collect::<Vec<_>>(),
        [(None, None); 2]
    );
    assert_eq!(database.next_unplanned(&[room().id], 10).await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_message_is_kept_once_and_survives_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    database.save_room(&room(), "ma-chan://C/1").await.unwrap();
    assert_eq!(database.commit_message(message(17), Some(17)).await.unwrap(), Received::New);
    assert_eq!(database.commit_message(message(17), Some(17)).await.unwrap(), Received::Duplicate);
    assert_eq!(database.commit_message(message(16), Some(16)).await.unwrap(), Received::New);
    let identity = database.identity().to_owned();
    // Dropped, not closed: as after a crash.
    drop(database);
    let database = open(&directory).await;
    assert_eq!(database.identity(), identity);
    assert_eq!(database.cursor(&room().id).await.unwrap(), Some(17));
    assert_eq!(
        database.next_unplanned(&[room().id], 10).await.unwrap(),
        [message(16), message(17)]
    );
    assert_eq!(database.rooms().await.unwrap(), [(room(), "ma-chan://C/1".to_owned(), None)]);
}

#[tokio::test]
async fn a_thousand_at_once_are_all_kept() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    let commit = |number| {
        let database = database.clone();
        tokio::spawn(async move { database.commit_message(message(number), Some(number)).await })
    };
    // Each twice, in one go.
    let all: Vec<_> = (1..=1000).chain(1..=1000).map(commit).collect();
    let mut new = 0;
    for one in all {
        new += usize::from(one.await.unwrap().unwrap() == Received::New);
    }
    assert_eq!(new, 1000);
    assert_eq!(database.counts().await.unwrap().messages, 1000);
}

#[tokio::test]
async fn a_plan_comes_with_its_outbox_and_only_once() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    database.save_room(&room(), "u").await.unwrap();
    database.commit_message(message(1), Some(1)).await.unwrap();
    let members = [member("anna", true), member("bea", true)];
    let settled = settled(&message(1), &members, Action::MailNow, 1000);
    database.save_members(&room().id, &members, 0).await.unwrap();
    commit(&database, settled.clone()).await;
    assert!(!database.commit_plan(settled, 10, Queueing::default()).await.unwrap());
    assert!(database.next_unplanned(&[room().id], 10).await.unwrap().is_empty());

    assert!(database.claim_due(999, 10).await.unwrap().is_empty());
    let first = database.claim_due(1000, 1).await.unwrap();
    let second = database.claim_due(1000, 10).await.unwrap();
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first[0].key, second[0].key);
    assert_eq!(first[0].share, second[0].share);
    assert_eq!(*first[0].items[0].message, message(1));
    assert_eq!(first[0].rooms, [room()]);
    assert_eq!(first[0].standing.state, State::Drafting);
    assert!(database.claim_due(2000, 10).await.unwrap().is_empty());

    let why = database.why(&message(1).id(), &Address::new("sip:anna@c")).await.unwrap().unwrap();
    assert_eq!(
        (why.action.as_str(), why.reason.as_str(), why.mail.as_deref()),
        ("mail-now", "because", Some("drafting"))
    );
}

#[tokio::test]
async fn a_room_that_waits_does_not_hold_up_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    for number in 1..=100 {
        database.commit_message(message(number), None).await.unwrap();
    }
    let other = Message { room: RoomId::new("ma-chan://c/2"), ..message(200) };
    database.commit_message(other.clone(), None).await.unwrap();
    assert!(database.next_unplanned(&[], 10).await.unwrap().is_empty());
    assert_eq!(
        database.next_unplanned(std::slice::from_ref(&other.room), 10).await.unwrap(),
        [other]
    );
}

#[tokio::test]
async fn outcomes_are_kept_and_a_crash_is_resumed_by_looking() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    database.save_room(&room(), "u").await.unwrap();
    database.commit_message(message(1), Some(1)).await.unwrap();
    let members = [member("anna", true), member("bea", true)];
    database.save_members(&room().id, &members, 0).await.unwrap();
    commit(&database, settled(&message(1), &members, Action::MailNow, 0)).await;
    let claimed = database.claim_due(0, 10).await.unwrap();
    let draft = Draft { id: "AAMk".into(), version: "CQ".into() };
    let sending = claimed[0]
        .standing
        .clone()
        .advance(Outcome::Drafted(draft.clone()), 0, 1)
        .unwrap()
        .begin(1)
        .unwrap();
    database.record(vec![(claimed[0].key.clone(), sending)]).await.unwrap();
    drop(database);

    let database = open(&directory).await;
    assert_eq!(database.resume_unfinished().await.unwrap(), 2);
    let mut found = database.claim_due(2, 10).await.unwrap();
    found.sort_by_key(|mail| mail.key != claimed[0].key);
    assert_eq!(found[0].standing.task(), Some(Task::FindSent(draft)));
    assert_eq!(found[1].standing.task(), Some(Task::FindDraft));
    let sent =
        found[0].standing.clone().advance(Outcome::Delivered { sent_as: None }, 0, 3).unwrap();
    database.record(vec![(found[0].key.clone(), sent)]).await.unwrap();
    let counts = database.counts().await.unwrap();
    assert_eq!((counts.sent, counts.waiting), (1, 1));
}

#[tokio::test]
async fn what_is_kept_becomes_one_digest_when_due() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    database.save_room(&room(), "u").await.unwrap();
    let members = [member("anna", true), member("gone", true)];
    database.save_members(&room().id, &members, 0).await.unwrap();
    for number in 1..=3 {
        plan(&database, number, &members, Action::Keep, 10).await;
    }
    assert_eq!(database.next_due(10).await.unwrap(), Some(HOUR_MS));
    assert_eq!(database.gather_due_digests(&hourly(), HOUR_MS - 1).await.unwrap(), 0);
    // One of the two has left meanwhile.
    database.save_members(&room().id, &members[..1], 20).await.unwrap();
    assert_eq!(database.gather_due_digests(&hourly(), HOUR_MS).await.unwrap(), 1);
    assert_eq!(database.gather_due_digests(&hourly(), HOUR_MS).await.unwrap(), 0);
    let mails = database.claim_due(HOUR_MS, 10).await.unwrap();
    assert_eq!(mails.len(), 1);
    assert!(mails[0].digest);
    let posts: Vec<_> =
        mails[0].items.iter().map(|item| item.message.post.as_str().to_owned()).collect();
    assert_eq!(posts, ["1", "2", "3"]);
    let why = database.why(&message(1).id(), &Address::new("sip:gone@c")).await.unwrap().unwrap();
    assert_eq!(why.state, "skipped");
}

/// A mailbox is found while a plan is being made.
#[tokio::test]
async fn a_plan_that_is_behind_holds_nobody_back() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    database.save_room(&room(), "u").await.unwrap();
    database.commit_message(message(1), Some(1)).await.unwrap();
    let settled = settled(&message(1), &[member("anna", false)], Action::MailNow, 5);
    database.save_members(&room().id, &[member("anna", true)], 4).await.unwrap();
    commit(&database, settled).await;
    assert_eq!(database.counts().await.unwrap().held, 0);
    assert_eq!(database.next_due(0).await.unwrap(), Some(5));
}

#[tokio::test]
async fn who_has_no_mailbox_is_held_until_there_is_one() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    database.save_room(&room(), "u").await.unwrap();
    let homeless = [member("anna", false)];
    database.save_members(&room().id, &homeless, 0).await.unwrap();
    plan(&database, 1, &homeless, Action::MailNow, 0).await;
    assert_eq!(database.counts().await.unwrap().held, 1);
    assert_eq!(database.gather_due_digests(&hourly(), HOUR_MS).await.unwrap(), 0);
    database.save_members(&room().id, &[member("anna", true)], 50).await.unwrap();
    assert_eq!(database.gather_due_digests(&hourly(), 50).await.unwrap(), 1);
    assert_eq!(database.claim_due(50, 10).await.unwrap()[0].mailbox, "anna@c");
}

/// Rather a mail that waits, and an error, than one that silently says less.
#[tokio::test]
async fn a_mail_whose_messages_are_gone_waits() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    database.save_room(&room(), "u").await.unwrap();
    database.commit_message(message(1), Some(1)).await.unwrap();
    database.save_members(&room().id, &[member("anna", true)], 0).await.unwrap();
    commit(&database, settled(&message(1), &[member("anna", true)], Action::MailNow, 0)).await;
    database
        .writer
        .run((), |connection, ()| {
            Box::pin(async move {
                sqlx::query("DELETE FROM messages").execute(connection).await.map(|_| ())
            })
        })
        .await
        .unwrap();
    assert!(database.claim_due(0, 10).await.is_err());
    assert_eq!(database.counts().await.unwrap().waiting, 1);
    assert!(database.next_due(0).await.unwrap().is_some());
}

fn anna() -> [Member; 1] {
    [member("anna", true)]
}

async fn with_anna(directory: &tempfile::TempDir) -> Database {
    let database = open(directory).await;
    database.save_room(&room(), "u").await.unwrap();
    database.save_members(&room().id, &anna(), 0).await.unwrap();
    database
}

/// The mails that are due, each as the posts it shows.
async fn due(database: &Database, now_ms: i64) -> Vec<Vec<String>> {
    let posts = |mail: &DueMail| {
        mail.items.iter().map(|item| item.message.post.as_str().to_owned()).collect()
    };
    database.claim_due(now_ms, 100).await.unwrap().iter().map(posts).collect()
}

async fn gather_all(database: &Database, preferences: &Arc<Preferences>, now_ms: i64) {
    while database.gather_due_digests(preferences, now_ms).await.unwrap() > 0 {}
}

async fn why_anna(database: &Database, number: u64) -> Why {
    let anna = Address::new("sip:anna@c");
    database.why(&message(number).id(), &anna).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_somebody_says_is_kept_and_answered_once() {
    let directory = tempfile::tempdir().unwrap();
    let database = with_anna(&directory).await;
    database.commit_message(message(1), None).await.unwrap();
    let person = person("anna");
    let source = Source::Message(message(1).id());
    let choice = Choice { wish: Some(Wish::Mentions), ..Choice::default() };
    let key = (person.address.clone(), Some(room().id));
    let answer = bridge::delivery::NewMail {
        key: answer_key(&person.address, &source),
        share: ShareKey::from_text("x"),
        person,
        mailbox: "anna@c".into(),
        readers: Readers::default(),
        digest: false,
        covers: 0,
        due_ms: 5,
        day: 19700101,
    };
    let text = bridge::mail::letter("Yes", "Done.");
    let said = Said {
        choices: vec![(key.clone(), choice.clone())],
        answer: Some((answer, text.clone())),
        source,
    };
    assert!(database.commit_said(said.clone(), 5).await.unwrap());
    assert!(!database.commit_said(said, 6).await.unwrap());
    assert_eq!(database.choices().await.unwrap(), [(key, choice)]);
    assert!(database.next_unplanned(&[room().id], 10).await.unwrap().is_empty());
    let mails = database.claim_due(5, 10).await.unwrap();
    assert_eq!((mails.len(), mails[0].written.as_ref()), (1, Some(&text)));
    assert_eq!(mails[0].receipt, None);
}

/// A failing job takes nothing of its neighbours with it.
#[tokio::test]
async fn jobs_of_one_transaction_fail_alone() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    let bad = |database: Database| async move {
        database
            .writer
            .run((), |connection, ()| {
                Box::pin(async move {
                    sqlx::query("INSERT INTO meta (key, value) VALUES ('half', 'done')")
                        .execute(&mut *connection)
                        .await?;
                    sqlx::query("INSERT INTO nowhere VALUES (1)")
                        .execute(connection)
                        .await
                        .map(|_| ())
                })
            })
            .await
    };
    let work: Vec<_> = (1..=50)
        .map(|number| {
            let database = database.clone();
            tokio::spawn(async move {
                if number % 5 == 0 {
                    bad(database).await.is_err()
                } else {
                    database.commit_message(message(number), None).await.is_ok()
                }
            })
        })
        .collect();
    for one in work {
        assert!(one.await.unwrap());
    }
    assert_eq!(database.counts().await.unwrap().messages, 40);
    let half: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM meta WHERE key = 'half'")
        .fetch_one(&database.readers)
        .await
        .unwrap();
    assert_eq!(half, 0);
}

/// What was received is told also of whom nothing is recorded.
#[tokio::test]
async fn a_message_without_anything_recorded_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let database = with_anna(&directory).await;
    database.commit_message(message(17), Some(17)).await.unwrap();
    let id = message(17).id();
    let start: String = id.as_str().chars().take(6).collect();
    let found = database.received(&start, 5).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].id.as_str(), found[0].room.as_str()), (id.as_str(), "Ops"));
    assert_eq!(found[0].planned_ms, None);
    assert_eq!(database.received("%", 5).await.unwrap(), []);
    assert_eq!(database.received("", 5).await.unwrap(), []);
}

/// Who was seen in a room is still known after a restart; a name once told stays.
#[tokio::test]
async fn who_was_seen_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    let seen = |name: Option<&str>, rights, seconds| Seen {
        address: "sip:anna@c".to_owned(),
        name: name.map(str::to_owned),
        rights,
        last: Duration::from_secs(seconds),
    };
    let save = async |one: Seen| database.save_seen(&room().id, vec![one]).await.unwrap();
    save(seen(Some("Anna"), Some(Rights::MANAGER), 5)).await;
    save(seen(None, None, 9)).await;
    save(seen(None, None, 7)).await;
    let all = [seen(Some("Anna"), Some(Rights::MANAGER), 9)];
    assert_eq!(database.seen_in(&room().id).await.unwrap(), all);
    assert_eq!(database.seen().await.unwrap().remove(&room().id).unwrap(), all);
}
