//! Guests with one fault each, and what the host answers: its own message for each fault, its own
//! plan or mail in the guest's place, and no delay for anybody else.
//!
//! `cargo test -p tests --test hostile_guests -- --nocapture answers` prints all of them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use std::{
    sync::{Arc, LazyLock, mpsc},
    thread,
    time::Duration,
};

use bridge::{
    mail::{Composition, Entry, plain},
    member::Member,
    message::{Address, Kind, Message, Part, Person, PostKey, RoomId},
    plan::{Action, Offer, Plan},
    room::{Privacy, Room, RoomKind},
};
use host::{
    guest::{
        CallError, Directory, Guest, Limits, PREBUILT, PlanInput, Sandbox, Surroundings, types,
    },
    mail::document::clean_and_tell,
    translate,
};
use jiff::tz::TimeZone;
use tests::{
    hostile::{self, Hostile},
    play,
};

/// A line for each: its name, its fault, and what the host answers. `plan` and `compose` stand before
/// what comes of a call, `load` before why there is none.
const ANSWERS: &str = include_str!("../guests/hostile/ANSWERS");

/// Stopped by fuel alone, which runs out at the same place on every machine.
static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
    let deadline = Duration::from_secs(60);
    let limits = Limits { fuel: 50_000_000, deadline, ..Limits::default() };
    Sandbox::new(&limits).unwrap()
});

struct Nobody;

impl Directory for Nobody {
    fn name(&self, _: u32) -> Option<String> {
        None
    }

    fn attribute(&self, _: u32, _: &str) -> Option<String> {
        None
    }
}

fn surroundings(settings: &[(&str, String)]) -> Surroundings {
    let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    Surroundings { directory: Arc::new(Nobody), settings: Arc::new(settings.collect()) }
}

fn person(name: &str) -> Person {
    Person { address: Address::new(format!("sip:{name}@tiny.example")), name: name.into() }
}

fn message() -> Message {
    Message {
        room: RoomId::new("ops"),
        post: PostKey::new("1"),
        author: person("bob"),
        sent_ms: 0,
        received_ms: 0,
        kind: Kind::Message,
        parts: vec![Part::Text("main is red".into())],
        late: false,
    }
}

fn room() -> Room {
    Room {
        id: RoomId::new("ops"),
        name: "Ops".into(),
        description: String::new(),
        topic: String::new(),
        kind: RoomKind::Normal,
        privacy: Privacy::Closed,
    }
}

/// Three members, under ids that `salt` decides.
fn offer(salt: u64) -> Offer {
    let member = |name: &&str| Member {
        person: person(name),
        mailbox: Some(format!("{name}@tiny.example")),
        role: Default::default(),
        presence: Default::default(),
        wish: Default::default(),
        language: Default::default(),
        time_zone: None,
    };
    let members = ["anna", "cyd", "dee"].iter().map(member).collect();
    Offer::new(&message(), members, &Address::new("sip:bot@tiny.example"), salt)
}

fn input(offer: &Offer) -> PlanInput {
    translate::plan_input(&message(), &room(), offer, &TimeZone::UTC)
}

fn edition() -> types::Edition {
    let input = input(&offer(1));
    types::Edition {
        readers: types::Readers { language: 0x656e, time_zone: "UTC".into() },
        rooms: vec![input.room],
        items: vec![types::Item { message: input.message, reason: "because".into(), named: false }],
        digest: false,
        summaries: Vec::new(),
    }
}

fn load(hostile: &Hostile) -> Result<Guest, String> {
    SANDBOX.load(&hostile.bytes, &hostile.name, None).map_err(|error| error.to_string())
}

fn good() -> Guest {
    SANDBOX.load(PREBUILT, "good", None).unwrap()
}

/// As the planner asks.
fn plan(guest: &Guest, offer: &Offer, settings: &[(&str, String)]) -> Result<Plan, String> {
    let answer = guest.plan(&input(offer), &surroundings(settings)).map_err(told)?;
    Plan::check(offer, translate::groups(answer.value)).map_err(|error| error.to_string())
}

/// As the mail stage asks.
fn compose(guest: &Guest) -> Result<Composition, String> {
    let answer = guest.compose(&edition(), &surroundings(&[])).map_err(told)?;
    translate::composition(answer.value).check().map_err(|error| error.to_string())
}

fn told(error: CallError) -> String {
    error.to_string()
}

/// What comes of a guest, in words: of the first stage that does not take its answer, else of both.
fn answer(hostile: &Hostile) -> String {
    let guest = match load(hostile) {
        Ok(guest) => guest,
        Err(error) => return without_digests(&format!("load: {error}")),
    };
    let earlier = offer(2).offered().next().unwrap().id;
    let planned = plan(&guest, &offer(1), &[("hostile", in_letters(earlier))]);
    let composed = compose(&guest);
    let text = match (planned, composed) {
        (Err(error), _) => format!("plan: {}", error.replace(&earlier.to_string(), "(an id)")),
        (Ok(_), Err(error)) => format!("compose: {error}"),
        (Ok(plan), Ok(mail)) => {
            let removed = clean_and_tell(&mail.html).1;
            let reason = &plan.decisions[0].reason;
            match removed.is_nothing() {
                true => format!("plan: taken, for the reason \"{reason}\""),
                false => format!("compose: taken without {removed}"),
            }
        }
    };
    without_digests(&text)
}

/// Four bytes, each half as a letter from `a`, lowest first.
fn in_letters(id: u32) -> String {
    (0..8).map(|half| char::from(b'a' + u8::try_from(id >> (4 * half) & 15).unwrap())).collect()
}

/// Without ` (0123456789ab)`, which changes with every edit of a guest; nor the ids of a call.
fn without_digests(text: &str) -> String {
    let mut pieces = text.split(" (");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once(')') {
            Some((digest, rest))
                if digest.len() == 12 && digest.bytes().all(|b| b.is_ascii_hexdigit()) =>
            {
                plain.push_str(rest);
            }
            _ => plain.push_str(&format!(" ({piece}")),
        }
    }
    plain
}

/// Every file of the corpus, its fault, and the host's answer.
#[test]
fn answers() {
    let line = |hostile: &Hostile| {
        // Where exactly it is cut changes with every edit of the contract.
        let answer = answer(hostile);
        let answer = answer.split(" (failed to parse").next().unwrap_or_default();
        format!("{} | {} | {answer}", hostile.name, hostile.fault)
    };
    let lines: Vec<_> = hostile::all().values().map(line).collect();
    lines.iter().for_each(|line| println!("{line}"));
    let expected: Vec<_> = ANSWERS.lines().collect();
    assert_eq!(lines, expected, "tests/guests/hostile/ANSWERS says what is expected");
}

/// Nobody loses a message by any of them: the host plans and writes by itself, and says why.
#[test]
fn the_host_decides_in_the_place_of_each() {
    for hostile in hostile::all().values() {
        let Ok(guest) = load(hostile) else { continue };
        let offer = offer(1);
        if let Err(why) = plan(&guest, &offer, &[("hostile", in_letters(0))]) {
            let plan = Plan::fallback(&offer, &why);
            let mailed = plan.decisions.iter().filter(|d| d.action == Action::MailNow).count();
            assert_eq!(mailed, 3, "{}", hostile.name);
            assert!(plan.fallback.unwrap().starts_with("mailed to all, as the guest failed: "));
        }
        if let Err(why) = compose(&guest) {
            let message = message();
            let entry = Entry {
                message: &message,
                room: "Ops",
                sent: "2026-11-28 09:00",
                reason: "because",
                secret: false,
            };
            let mail = plain(&[entry], &why).check().unwrap();
            assert!(mail.text.contains("main is red"), "{}", hostile.name);
        }
    }
}

/// While one runs, a good guest is asked and answers as ever.
#[test]
fn a_good_guest_answers_beside_each() {
    let good = good();
    let (offer, nothing) = (offer(1), surroundings(&[]));
    let alone = good.plan(&input(&offer), &nothing).unwrap();
    for hostile in hostile::all().values() {
        let Ok(guest) = load(hostile) else { continue };
        thread::scope(|scope| {
            let bad = scope.spawn(|| (plan(&guest, &offer, &[]), compose(&guest)));
            let beside = good.plan(&input(&offer), &nothing).unwrap();
            assert_eq!(beside.value, alone.value, "{}", hostile.name);
            assert_eq!(beside.fuel_used, alone.fuel_used, "{}", hostile.name);
            drop(bad.join().unwrap());
        });
    }
}

/// One loops until its deadline; all that others are asked meanwhile is answered before that. By the
/// order of events: how long each takes is the machine's affair.
#[test]
fn nobody_waits_for_one_that_loops() {
    #[derive(Debug, PartialEq)]
    enum Event {
        Answered,
        Stopped,
    }
    const CALLS: usize = 20;
    let deadline = Duration::from_secs(20);
    let limits = Limits { fuel: u64::MAX, deadline, ..Limits::default() };
    let sandbox = Sandbox::new(&limits).unwrap();
    let loops = hostile::one("endless-loop");
    let loops = sandbox.load(&loops.bytes, &loops.name, None).unwrap();
    let good = sandbox.load(PREBUILT, "good", None).unwrap();
    let (events, seen) = mpsc::channel();
    thread::scope(|scope| {
        let (begun, begins) = mpsc::channel();
        let stopped = events.clone();
        scope.spawn(move || {
            begun.send(()).unwrap();
            let error = plan(&loops, &offer(1), &[]).unwrap_err();
            assert!(error.contains("took longer than 20s"), "{error}");
            stopped.send(Event::Stopped).unwrap();
        });
        begins.recv().unwrap();
        for _ in 0..CALLS {
            plan(&good, &offer(1), &[]).unwrap();
            events.send(Event::Answered).unwrap();
        }
    });
    drop(events);
    let seen: Vec<_> = seen.into_iter().collect();
    assert_eq!(seen.len(), CALLS + 1);
    assert_eq!(seen.last(), Some(&Event::Stopped));
}

/// It counts in its memory and in a global, and would show the count: every call is the first.
#[test]
fn nothing_passes_from_one_call_to_the_next() {
    let guest = load(&hostile::one("state")).unwrap();
    for salt in 0..50 {
        let plan = plan(&guest, &offer(salt), &[]).unwrap();
        assert!(plan.decisions.iter().all(|decision| &*decision.reason == "1"));
        compose(&guest).unwrap();
    }
    let guest = load(&hostile::one("trap-on-second-call")).unwrap();
    for _ in 0..3 {
        plan(&guest, &offer(1), &[]).unwrap();
    }
    // Nor from a call that was stopped midway.
    let stops = load(&hostile::one("memory-bomb")).unwrap();
    let first = plan(&stops, &offer(1), &[]).unwrap_err();
    assert_eq!(plan(&stops, &offer(1), &[]).unwrap_err(), first);
}

/// Ids of one call mean nothing in the next, of the same people.
#[test]
fn ids_of_an_earlier_call_are_refused() {
    let guest = load(&hostile::one("stale-id")).unwrap();
    let (earlier, later) = (offer(1), offer(2));
    for candidate in earlier.offered() {
        let stale = [("hostile", in_letters(candidate.id))];
        assert!(plan(&guest, &earlier, &stale).is_ok());
        let error = plan(&guest, &later, &stale).unwrap_err();
        let told = format!("names {}, which is no member offered", candidate.id);
        assert!(error.ends_with(&told), "{error}");
    }
}

/// In the whole pipeline: what is posted arrives, written by the host. Only of those that compose
/// nothing, as the books look for the words of the posts.
#[test]
fn posts_arrive_in_spite_of_them() {
    let folder = tempfile::tempdir().unwrap();
    for (name, said) in [
        ("trap-at-start", ["planner:", "the built-in guest plans"]),
        ("trap-on-compose", ["mail:", "the built-in guest writes the mail"]),
        ("subject-injection", ["mail:", "the built-in guest writes the mail"]),
        ("huge-answer", ["mail:", "the built-in guest writes the mail"]),
    ] {
        let file = folder.path().join(format!("{name}.wasm"));
        std::fs::write(&file, hostile::one(name).bytes).unwrap();
        play(async |world| {
            let file = file.to_str().unwrap();
            let host = world.host_with(|settings| settings.set("guest.file", file)).await;
            // Nobody there has asked for no mail: these guests would mail him.
            world.post("Build", "anna").await;
            world.settled(&host).await;
            assert!(world.log.says(&said), "{name}");
        });
    }
}
