//! Guests in service: what follows from failures, and how one takes another's place.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use std::{
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use bridge::{
    message::RoomId,
    plan::Action,
    room::{Privacy, Room, RoomKind},
};

use super::*;
use crate::{
    config::{Config, Failures, OnFailure, parse},
    database::{Actor, Database, GuestKey, GuestState, testing},
    guest::PREBUILT,
    leases::Leases,
    notices::Notices,
    translate,
};

const TRAP: &[u8] = include_bytes!("../../../tests/guests/prebuilt/trap.wasm");

fn config(change: impl Fn(&mut Config)) -> Arc<Config> {
    let mut config = parse(crate::config::EXAMPLE, Path::new("example.toml")).unwrap();
    config.guests.clear();
    change(&mut config);
    Arc::new(config)
}

/// Compiled code is shared by the tests: compiling takes most of their time.
fn cache() -> &'static Path {
    static CACHE: OnceLock<tempfile::TempDir> = OnceLock::new();
    CACHE.get_or_init(|| tempfile::tempdir().unwrap()).path()
}

fn maker(config: &Config) -> Maker {
    Maker::new(config, cache()).unwrap()
}

/// The shipped guest with another digest: a custom section more at its end.
fn another(name: u8) -> Vec<u8> {
    [PREBUILT, &[0, 3, 1, b'x', name]].concat()
}

fn serving(on_failure: OnFailure, failures: u32) -> Serving {
    let maker = maker(&config(|_| {}));
    let guest = maker.make(&"x".into(), &another(1), "x.wasm").unwrap();
    Serving::new("x".into(), guest.guest().clone(), on_failure, Failures(failures))
}

fn room(name: &str) -> Room {
    Room {
        id: RoomId::new(format!("ma-chan://c/{name}")),
        name: name.to_owned(),
        description: String::new(),
        topic: String::new(),
        kind: RoomKind::Normal,
        privacy: Privacy::Closed,
    }
}

fn failing<T>(_: &InService) -> Result<T, AskError> {
    Err(AskError::Failed("it broke".to_owned()))
}

#[test]
fn the_built_in_guest_answers_for_one_that_fails() {
    let built_in = maker(&config(|_| {})).built_in().unwrap();
    let serving = serving(OnFailure::BuiltIn, 3);
    let only_built_in = |guest: &InService| match guest.guest().name() {
        "built-in" => Ok(7),
        _ => failing(guest),
    };
    for _ in 0..2 {
        assert_eq!(serving.ask(&built_in, only_built_in), Asked::Instead(7, "it broke".into()));
    }
    assert_eq!(serving.ask(&built_in, failing::<i32>), Asked::Failed("it broke; it broke".into()));
    assert_eq!(serving.counts(), (3, 3));
    // The third in a row: it is not asked any more.
    let Asked::Instead(7, why) = serving.ask(&built_in, |guest| {
        assert_eq!(guest.guest().name(), "built-in");
        Ok(7)
    }) else {
        panic!("nothing took its place");
    };
    assert_eq!(
        why,
        "the guest `x` is out of service after 3 failures in a row; the last: it broke"
    );
    assert_eq!(serving.counts(), (3, 3));
}

#[test]
fn a_good_answer_ends_a_row_of_failures_and_a_full_gate_counts_for_nothing() {
    let built_in = maker(&config(|_| {})).built_in().unwrap();
    let serving = serving(OnFailure::BuiltIn, 2);
    for _ in 0..5 {
        serving.ask(&built_in, failing::<()>);
        assert_eq!(serving.ask(&built_in, |_| Err::<(), _>(AskError::Busy)), Asked::Busy);
        assert_eq!(serving.ask(&built_in, |_| Ok(1)), Asked::Answer(1));
    }
    assert_eq!(serving.out_of_service(), None);
    assert_eq!(serving.counts(), (10, 5));
}

#[test]
fn where_nothing_is_to_take_its_place_what_it_was_asked_about_waits() {
    let built_in = maker(&config(|_| {})).built_in().unwrap();
    let serving = serving(OnFailure::Hold, 0);
    for _ in 0..20 {
        assert_eq!(serving.ask(&built_in, failing::<()>), Asked::Held("it broke".into()));
    }
    assert_eq!(serving.ask(&built_in, |_| Ok(1)), Asked::Answer(1));
}

#[test]
fn a_guest_that_fails_the_samples_is_not_made() {
    let maker = maker(&config(|_| {}));
    let error = maker.make(&"x".into(), TRAP, "trap.wasm").unwrap_err();
    let said = format!("{error:#}");
    assert!(
        said.starts_with("it failed a sample message, so it is not put in service: "),
        "{said}"
    );
    assert!(said.contains("trap.wasm") && said.contains("about to trap"), "{said}");
}

struct World {
    _directory: tempfile::TempDir,
    files: tempfile::TempDir,
    database: Database,
    guests: Arc<Guests>,
    keeper: Keeper,
}

async fn world(config: impl Fn(&mut Config, &Path)) -> World {
    let (directory, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = self::config(|all| config(all, files.path()));
    let database = testing::open(directory.path()).await;
    let preferences = Arc::new(Preferences::new(&config));
    let maker = Arc::new(maker(&config));
    let guests = Arc::new(Guests::configured(&maker, preferences).unwrap());
    let leases = Arc::new(Leases::new(database.clone(), config.store.lease.0));
    leases.begin().await.unwrap();
    let notices = Notices::new(Arc::clone(&config), database.clone(), Arc::default());
    let keeper = Keeper::new(config, maker, Arc::clone(&guests), database.clone(), leases, notices);
    World { _directory: directory, files, database, guests, keeper }
}

fn admin() -> Actor {
    Actor::CommandLine("admin".to_owned())
}

fn key(name: &str, shadow: bool) -> GuestKey {
    GuestKey { name: name.to_owned(), shadow }
}

impl World {
    async fn load(&mut self, name: &str, shadow: bool, bytes: &[u8], rooms: Option<&[&str]>) {
        let rooms: Option<Vec<String>> =
            rooms.map(|rooms| rooms.iter().map(|room| (*room).to_owned()).collect());
        // Bad ones too: another program may have written them.
        let digest = digest(bytes);
        let (key, bytes) = (key(name, shadow), bytes.to_vec());
        let loaded = self.database.load_guest(key, &digest, bytes, rooms.as_deref(), admin());
        loaded.await.unwrap();
        self.keeper.round().await.unwrap();
    }

    async fn states(&self) -> Vec<(String, String)> {
        let states = self.database.guest_states().await.unwrap();
        states.into_iter().map(|GuestState { name, state, .. }| (name, state)).collect()
    }

    fn digest(&self, room_name: &str) -> String {
        self.guests.of(&room(room_name)).digest().to_owned()
    }
}

fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pair(name: &str, state: &str) -> (String, String) {
    (name.to_owned(), state.to_owned())
}

#[tokio::test]
async fn a_loaded_guest_takes_its_rooms_and_gives_them_back() {
    let mut world = world(|_, _| {}).await;
    world.keeper.round().await.unwrap();
    assert_eq!(world.states().await, [pair("default", "in service")]);
    world.load("a", false, &another(1), Some(&["Ops*"])).await;
    assert_eq!(world.digest("Ops 1"), digest(&another(1)));
    assert_eq!(world.digest("Sales"), digest(PREBUILT));
    // The latest that fits counts.
    world.load("b", false, &another(2), Some(&["Ops 1"])).await;
    assert_eq!(
        [world.digest("Ops 1"), world.digest("Ops 2")],
        [&another(2), &another(1)].map(|b| digest(b))
    );
    assert!(world.database.unload_guest(key("b", false), admin()).await.unwrap());
    world.keeper.round().await.unwrap();
    assert_eq!(world.digest("Ops 1"), digest(&another(1)));
    world.database.unload_guest(key("a", false), admin()).await.unwrap();
    world.keeper.round().await.unwrap();
    assert_eq!(world.digest("Ops 1"), digest(PREBUILT));
    assert!(!world.database.unload_guest(key("a", false), admin()).await.unwrap());
    assert_eq!(world.states().await, [pair("default", "in service")]);
}

#[tokio::test]
async fn a_bad_component_is_refused_and_the_one_in_service_stays() {
    let mut world = world(|_, _| {}).await;
    for good in [1, 2] {
        world.load("default", false, &another(good), None).await;
        assert_eq!(world.digest("Sales"), digest(&another(good)));
        for bad in [TRAP, b"no wasm at all", PREBUILT.get(..PREBUILT.len() / 2).unwrap()] {
            world.load("default", false, bad, None).await;
            assert_eq!(world.digest("Sales"), digest(&another(good)));
            assert_eq!(world.states().await, [pair("default", "refused")]);
        }
    }
    // Nor does it come into service with the next look, nor with the next guest.
    world.load("x", false, &another(3), Some(&["x"])).await;
    assert_eq!(world.digest("Sales"), digest(&another(2)));
    assert_eq!(world.states().await, [pair("default", "refused"), pair("x", "in service")]);
    // What is unloaded leaves its place to the configured one.
    world.database.unload_guest(key("default", false), admin()).await.unwrap();
    world.keeper.round().await.unwrap();
    assert_eq!(world.digest("Sales"), digest(PREBUILT));
}

/// The administrator is told by mail, once.
#[tokio::test]
async fn who_has_a_bad_guest_is_told_once() {
    let mut world = world(|config, _| {
        config.mail.administrator = Some("chat-admins@c.example".to_owned().try_into().unwrap());
    })
    .await;
    for _ in 0..2 {
        world.load("a", false, b"no component", Some(&["Ops*"])).await;
    }
    assert_eq!(world.database.counts().await.unwrap().waiting, 1);
    let mails = world.database.claim_due(i64::MAX, 10).await.unwrap();
    assert_eq!(mails[0].mailbox, "chat-admins@c.example");
    let written = mails[0].written.as_ref().unwrap();
    assert_eq!(written.subject, "chat-digest: the guest a is refused");
    assert!(written.text.contains("chat-digest guest load FILE --config FILE --name a"));
}

#[tokio::test]
async fn a_file_that_is_replaced_is_taken_up() {
    let mut world = world(|config, files| {
        let file = files.join("guest.wasm");
        std::fs::write(&file, another(1)).unwrap();
        config.guest.file = Some(file);
    })
    .await;
    let file = world.files.path().join("guest.wasm");
    world.keeper.round().await.unwrap();
    assert_eq!(world.digest("Sales"), digest(&another(1)));
    let replace = |bytes: &[u8]| {
        let new = file.with_extension("new");
        std::fs::write(&new, bytes).unwrap();
        std::fs::rename(&new, &file).unwrap();
    };
    replace(&[&another(2), &[0, 2, 1, b'y'][..]].concat());
    world.keeper.round().await.unwrap();
    let second = world.digest("Sales");
    assert_ne!(second, digest(&another(1)));
    replace(TRAP);
    world.keeper.round().await.unwrap();
    assert_eq!(world.digest("Sales"), second);
    assert_eq!(world.states().await, [pair("default", "refused")]);
    std::fs::remove_file(&file).unwrap();
    world.keeper.round().await.unwrap();
    assert_eq!(world.digest("Sales"), second);
}

#[tokio::test]
async fn counts_survive_what_happens_beside() {
    let mut world = world(|_, _| {}).await;
    world.load("a", false, &another(1), Some(&["Ops*"])).await;
    let before = world.guests.of(&room("Ops"));
    world.guests.ask(&before, |_| Ok(()));
    world.load("b", true, &another(2), None).await;
    assert!(Arc::ptr_eq(&before, &world.guests.of(&room("Ops"))));
    assert_eq!(before.counts(), (1, 0));
    assert!(world.guests.shadow_of(&before).is_none());
    world.load("a", true, &another(2), None).await;
    assert_eq!(world.guests.shadow_of(&before).unwrap().digest(), digest(&another(2)));
    // A candidate is asked for no room.
    assert_eq!(world.digest("Ops"), digest(&another(1)));
}

/// What members and administrator have decided holds for a candidate too: its plan counts as the
/// host would carry it out.
#[tokio::test]
async fn a_candidate_is_compared_by_what_would_be_done() {
    let mut world = world(|_, _| {}).await;
    world.load("default", true, &another(2), None).await;
    let shadows = Arc::new(Shadows::new(Arc::clone(&world.guests)));
    let message = probe::message(1, bridge::message::Kind::Message, "x");
    let offer = probe::offer(&message);
    // It would mail whoever wants no mail too.
    let careless: shadow::PlanBy = |_, _, offer| {
        let mut plan = Plan::fallback(offer, "x");
        plan.decisions.iter_mut().for_each(|one| one.action = Action::MailNow);
        Ok(plan)
    };
    let deaf: shadow::PlanBy = |_, _, offer| {
        let mut plan = Plan::fallback(offer, "x");
        plan.decisions.iter_mut().for_each(|one| one.action = Action::Skip);
        Ok(plan)
    };
    let room = room("Ops");
    let input = || translate::plan_input(&message, &room, &offer, &jiff::tz::TimeZone::UTC);
    let plan = Plan::fallback(&offer, "x");
    let serving = world.guests.of(&room);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    for by in [careless, deaf] {
        shadows.planned(&serving, (message.id(), &room), input, (&offer, &plan), by);
    }
    let running = tokio::spawn(Arc::clone(&shadows).run(world.database.clone(), stopped));
    let differences = loop {
        let differences =
            world.database.differences("default", &digest(&another(2)), 10).await.unwrap();
        if !differences.is_empty() {
            break differences;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(differences.len(), 1, "{differences:?}");
    assert!(format!("{differences:?}").contains("\\\"lose\\\":4"), "{differences:?}");
    stop.send(true).unwrap();
    running.await.unwrap();
}

/// Guests take each other's place a thousand times while they are asked: every call gets an answer,
/// and all of it is one guest's.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_thousand_swaps_lose_no_call() {
    let config = config(|_| {});
    let maker = maker(&config);
    let make = |number| Arc::new(maker.make(&"default".into(), &another(number), "x").unwrap());
    let (one, two) = (make(1), make(2));
    let guests = Arc::new(Guests::configured(&maker, Arc::new(Preferences::new(&config))).unwrap());
    let (over, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let askers: Vec<_> = (0..2)
        .map(|_| {
            let (guests, over, calls) =
                (Arc::clone(&guests), Arc::clone(&over), Arc::clone(&calls));
            std::thread::spawn(move || {
                while !over.load(Ordering::Acquire) {
                    let serving = guests.of(&room("Ops"));
                    let asked = guests.ask(&serving, |guest| {
                        probe::probe(guest)
                            .map_err(|error| AskError::Failed(format!("{error:#}")))?;
                        Ok(guest.guest().digest().to_owned())
                    });
                    assert_eq!(asked, Asked::Answer(serving.digest().to_owned()));
                    calls.fetch_add(1, Ordering::Release);
                }
            })
        })
        .collect();
    for number in 0..1000 {
        let serving = Arc::clone(if number % 2 == 0 { &one } else { &two });
        let serving = BTreeMap::from([(Arc::from("default"), serving)]);
        guests.put(Table { serving, shadows: BTreeMap::new() }, Assignments::configured(&config));
        if number % 10 == 0 {
            let before = calls.load(Ordering::Acquire);
            while calls.load(Ordering::Acquire) == before {
                tokio::task::yield_now().await;
            }
        }
    }
    over.store(true, Ordering::Release);
    askers.into_iter().for_each(|asker| asker.join().unwrap());
    assert!(calls.load(Ordering::Acquire) >= 100);
}
