//! The sandbox with the shipped guest and with guests that misbehave.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::types::{
    Action, Edition, Importance, Item, Kind, Level, Link, Member, Message, Moment, Part, Presence,
    Privacy, Readers, Role, Room, RoomKind, Wish,
};
use super::{
    CallError, Directory, Guest, Limits, LoadError, PREBUILT, PlanInput, Sandbox, Surroundings,
    Trap,
};

const TRAP: &[u8] = include_bytes!("../../../tests/guests/prebuilt/trap.wasm");
const SPIN: &[u8] = include_bytes!("../../../tests/guests/prebuilt/spin.wasm");

struct Nobody;

impl Directory for Nobody {
    fn name(&self, _: u32) -> Option<String> {
        None
    }

    fn attribute(&self, _: u32, _: &str) -> Option<String> {
        None
    }
}

fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| Sandbox::new(&Limits::default()).unwrap())
}

fn shipped() -> &'static Guest {
    static GUEST: OnceLock<Guest> = OnceLock::new();
    GUEST.get_or_init(|| sandbox().load(PREBUILT, "shipped", None).unwrap())
}

fn with_settings(settings: &[(&str, &str)]) -> Surroundings {
    let settings = settings.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Surroundings { directory: Arc::new(Nobody), settings: Arc::new(settings.collect()) }
}

fn surroundings() -> Surroundings {
    Surroundings { directory: Arc::new(Nobody), settings: Arc::new(BTreeMap::new()) }
}

fn room() -> Room {
    Room {
        id: 1,
        name: "Operations".into(),
        description: String::new(),
        topic: "What runs, and what does not".into(),
        kind: RoomKind::Normal,
        privacy: Privacy::Closed,
    }
}

fn message(text: &str) -> Message {
    Message {
        room: 1,
        author: "Anna Larsen".into(),
        author_person: None,
        sent: Moment {
            unix_ms: 1_741_076_040_000,
            year: 2025,
            month: 3,
            day: 4,
            weekday: 2,
            hour: 9,
            minute: 14,
            second: 0,
            offset_minutes: 60,
        },
        kind: Kind::Message,
        parts: vec![
            Part::Text(text.into()),
            Part::Hyperlink(Link { address: "https://a.example".into(), words: "plan".into() }),
        ],
        late: false,
    }
}

fn input(members: u32) -> PlanInput {
    let member = |id| Member {
        id,
        role: Role::Member,
        presence: Presence::Absent,
        named: id == 3,
        wish: if id % 4 == 1 { Wish::Digest } else { Wish::None },
        language: if id % 2 == 0 { 0x6465 } else { 0x656e },
        offset_minutes: 60,
    };
    PlanInput { room: room(), message: message("x"), members: (0..members).map(member).collect() }
}

fn edition(messages: usize) -> Edition {
    let item = |n| Item {
        message: message(&format!("Message {n} has <b>markup</b> ")),
        reason: "you are a member of the room".into(),
        named: false,
    };
    Edition {
        readers: Readers { language: 0x656e, time_zone: "Europe/Berlin".into() },
        rooms: vec![room()],
        items: (0..messages).map(item).collect(),
        digest: messages > 1,
        summaries: Vec::new(),
    }
}

/// The shipped guest with other names in it, of the same length.
fn renamed(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let (mut bytes, mut at) = (PREBUILT.to_vec(), 0);
    while let Some(found) =
        bytes.get(at..).and_then(|rest| rest.windows(from.len()).position(|w| w == from.as_bytes()))
    {
        at += found;
        bytes.get_mut(at..at + to.len()).unwrap().copy_from_slice(to.as_bytes());
    }
    assert!(at > 0, "{from} does not occur");
    bytes
}

/// What is declared on a line of its own in the contract, and has no words above it.
fn undocumented(wit: &str) -> Vec<&str> {
    let lines: Vec<_> = wit.lines().map(str::trim).collect();
    let declares = |line: &str| {
        line.starts_with(|c: char| c.is_ascii_lowercase())
            && !["use ", "import "].iter().any(|word| line.starts_with(word))
    };
    let documented = lines.array_windows();
    documented
        .filter(|[above, line]| declares(line) && !above.starts_with("///"))
        .map(|[_, line]| *line)
        .collect()
}

#[test]
fn every_item_of_the_contract_is_documented() {
    assert_eq!(undocumented("/// A\nenum a {\nb,\n}"), ["b,"]);
    let wit = include_str!("../../../wit/0.3.0/chat-digest.wit");
    assert_eq!(undocumented(wit), [""; 0]);
    // One item a line: none can hide behind another.
    let inline = |line: &&str| line.contains('{') && line.contains('}') && !line.contains("use ");
    assert_eq!(wit.lines().find(inline), None);
}

fn load_error(bytes: &[u8]) -> LoadError {
    sandbox().load(bytes, "other", None).unwrap_err()
}

#[test]
fn the_shipped_guest_plans() {
    let answer = shipped().plan(&input(100), &surroundings()).unwrap();
    let reached: usize = answer.value.iter().map(|group| group.members.len()).sum();
    assert_eq!(reached, 100);
    let group = answer.value.iter().find(|group| group.members == [3]).unwrap();
    assert_eq!((group.action, &*group.reason), (Action::MailNow, "the message names you"));
    assert!(answer.fuel_used > 1_000);
    assert_eq!(answer.log.first().unwrap().level, Level::Debug);
}

#[test]
fn the_shipped_guest_composes_one_message_and_many() {
    let mail = shipped().compose(&edition(1), &surroundings()).unwrap().value;
    assert!(mail.subject.starts_with("[Operations] Anna Larsen: \"Message 0 has"));
    assert!(mail.html.contains("&lt;b&gt;markup&lt;/b&gt;"));
    assert_eq!(mail.importance, Importance::Normal);
    let mail = shipped().compose(&edition(300), &surroundings()).unwrap().value;
    assert!(mail.subject.starts_with("[Operations] 300 new"));
    assert!(mail.html.len() <= 90_000);
    let listing = mail.listing.unwrap();
    assert!(listing.contains("Message 0 has <b>markup") && listing.contains("Message 299 has"));
    let summary = Edition { summaries: vec![1], ..edition(20) };
    let mail = shipped().compose(&summary, &surroundings()).unwrap().value;
    assert!(mail.html.contains("20 messages from 1 person") && mail.listing.is_some());
}

#[test]
fn the_same_call_gives_the_same_answer_for_the_same_fuel() {
    let plans = [(); 3].map(|()| shipped().plan(&input(50), &surroundings()).unwrap());
    let mails = [(); 3].map(|()| shipped().compose(&edition(5), &surroundings()).unwrap());
    for [a, b] in plans.array_windows() {
        assert_eq!((&a.value, a.fuel_used, &a.log), (&b.value, b.fuel_used, &b.log));
    }
    for [a, b] in mails.array_windows() {
        assert_eq!((&a.value, a.fuel_used), (&b.value, b.fuel_used));
    }
}

#[test]
fn settings_reach_the_guest_and_its_refusal_reaches_us() {
    let digest = with_settings(&[("default", "digest")]);
    let answer = shipped().plan(&input(1), &digest).unwrap();
    assert_eq!(answer.value.first().unwrap().action, Action::Keep);
    let error = shipped().plan(&input(1), &with_settings(&[("default", "daily")])).unwrap_err();
    assert!(matches!(&error, CallError::Refused { .. }) && error.is_repeatable());
    let said = error.to_string();
    assert!(said.starts_with("guest `shipped` (") && said.contains("setting `default`"), "{said}");
}

#[test]
fn a_trap_is_an_error_with_the_last_words() {
    let guest = sandbox().load(TRAP, "trap", None).unwrap();
    let error = guest.plan(&input(1), &surroundings()).unwrap_err();
    assert!(matches!(error, CallError::Trapped { trap: Trap::Unreachable, .. }), "{error}");
    assert!(error.to_string().ends_with("its last words: about to trap"), "{error}");
    let error = guest.compose(&edition(1), &surroundings()).unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }), "{error}");
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let limits = Limits { fuel: 10_000_000, ..Limits::default() };
    let guest = Sandbox::new(&limits).unwrap().load(SPIN, "spin", None).unwrap();
    let error = guest.plan(&input(1), &surroundings()).unwrap_err();
    let CallError::Trapped { trap, .. } = &error else { panic!("{error}") };
    assert_eq!(*trap, Trap::OutOfFuel { fuel: 10_000_000 });
    assert!(error.is_repeatable());
}

#[test]
fn the_deadline_stops_what_fuel_does_not() {
    let deadline = Duration::from_millis(20);
    let limits = Limits { fuel: u64::MAX, deadline, ..Limits::default() };
    let guest = Sandbox::new(&limits).unwrap().load(SPIN, "spin", None).unwrap();
    let error = guest.plan(&input(1), &surroundings()).unwrap_err();
    let CallError::Trapped { trap, .. } = &error else { panic!("{error}") };
    assert_eq!(*trap, Trap::Deadline { deadline });
    assert!(!error.is_repeatable());
}

#[test]
fn memory_has_an_end() {
    let guest = sandbox().load(SPIN, "spin", None).unwrap();
    let error = guest.compose(&edition(1), &surroundings()).unwrap_err();
    let CallError::Trapped { trap, .. } = &error else { panic!("{error}") };
    assert_eq!(*trap, Trap::Memory { bytes_max: 64 << 20 });
}

#[test]
fn an_answer_and_a_log_have_an_end() {
    let limits = Limits { answer_bytes_max: 1_000, ..Limits::default() };
    let guest = Sandbox::new(&limits).unwrap().load(PREBUILT, "shipped", None).unwrap();
    let error = guest.compose(&edition(1), &surroundings()).unwrap_err();
    let CallError::Trapped { trap, .. } = &error else { panic!("{error}") };
    assert_eq!(*trap, Trap::Answer { bytes_max: 1_000 });
    let limits = Limits { log_lines_max: 0, ..Limits::default() };
    let guest = Sandbox::new(&limits).unwrap().load(PREBUILT, "shipped", None).unwrap();
    let error = guest.plan(&input(1), &surroundings()).unwrap_err();
    assert!(matches!(error, CallError::Trapped { trap: Trap::Log, .. }), "{error}");
}

#[test]
fn what_is_no_guest_is_refused_with_a_reason() {
    assert!(matches!(load_error(b"#!/bin/sh"), LoadError::NotWasm(_)));
    assert!(matches!(load_error(b"\0asm\x01\0\0\0"), LoadError::CoreModule(_)));
    let half = PREBUILT.get(..PREBUILT.len() / 2).unwrap();
    assert!(matches!(load_error(half), LoadError::Malformed { .. }));
    let error = load_error(b"\0asm\x0d\0\x01\0");
    assert!(matches!(error, LoadError::MissingExport { export: "plan", .. }), "{error}");
    let error = load_error(&renamed("guest/log@", "guest/lug@"));
    assert!(error.to_string().contains("imports `chat-digest:guest/lug@0.3.0#write`"), "{error}");
    let error = load_error(&renamed("@0.3.0", "@0.4.0"));
    let told = "wants interface 0.4.0; this host speaks 0.1.0 to 0.3.0: take a newer chat-digest, \
                or build the guest against wit/0.3.0";
    assert!(error.to_string().ends_with(told), "{error}");
    let error = load_error(&renamed("@0.3.0", "@0.0.3"));
    assert!(matches!(&error, LoadError::Version { found, .. } if found == "0.0.3"), "{error}");
    let error = load_error(&renamed("guest/log@0.3.0", "guest/log@0.1.0"));
    let told = "imports `chat-digest:guest/log@0.1.0` beside interfaces of another version";
    assert!(error.to_string().contains(told), "{error}");
    let error = load_error(&renamed("compose", "compost"));
    assert!(matches!(error, LoadError::MissingExport { export: "compose", .. }), "{error}");
    let limits = Limits { component_bytes_max: 10, ..Limits::default() };
    let error = Sandbox::new(&limits).unwrap().load(PREBUILT, "x", None).unwrap_err();
    assert!(matches!(error, LoadError::TooLarge { .. }), "{error}");
}

#[test]
fn later_versions_of_the_same_track_are_known() {
    let guest = sandbox().load(&renamed("@0.3.0", "@0.3.9"), "newer", None).unwrap();
    assert_eq!(guest.interface_version(), "0.3.9");
    assert!(guest.plan(&input(3), &surroundings()).is_ok());
}

/// As they were shipped when these were the newest versions.
const OF_OLD: [(&str, &[u8]); 2] = [
    ("0.1.0", include_bytes!("../../../tests/guests/prebuilt/shipped-0.1.0.wasm")),
    ("0.2.0", include_bytes!("../../../tests/guests/prebuilt/shipped-0.2.0.wasm")),
];

#[test]
fn guests_of_old_plan_and_compose() {
    for (version, bytes) in OF_OLD {
        let guest = sandbox().load(bytes, "of old", None).unwrap();
        assert_eq!(guest.interface_version(), version);
        let plan = |guest: &Guest| {
            let mut answer = guest.plan(&input(100), &surroundings()).unwrap();
            answer.value.iter_mut().for_each(|group| group.members.sort_unstable());
            (answer.value, answer.log)
        };
        assert_eq!(plan(&guest), plan(shipped()), "{version}");
        let edition = Edition { summaries: vec![1], ..edition(20) };
        let mail = |guest: &Guest| guest.compose(&edition, &surroundings()).unwrap().value;
        assert_eq!(mail(&guest), mail(shipped()), "{version}");
        let error = guest.plan(&input(1), &with_settings(&[("default", "daily")])).unwrap_err();
        assert!(error.to_string().contains("setting `default`"), "{error}");
    }
}

#[test]
fn wasi_is_there_and_denies_all() {
    let wasi = "wasi:guest-digest/settings@0.2.0";
    let bytes = renamed("chat-digest:guest/settings@0.3.0", wasi);
    let guest = sandbox().load(&bytes, "wasi", None).unwrap();
    assert!(guest.compose(&edition(1), &surroundings()).is_ok());
    let error = guest.plan(&input(1), &surroundings()).unwrap_err();
    let CallError::Trapped { trap: Trap::Denied { import }, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(*import, format!("{wasi}#get"));
}

#[test]
fn a_call_that_finds_no_place_is_busy() {
    let limits = Limits { calls_max: 1, wait: Duration::ZERO, ..Limits::default() };
    let sandbox = Sandbox::new(&limits).unwrap();
    let guest = sandbox.load(PREBUILT, "shipped", None).unwrap();
    let pass = sandbox.gate.enter(Duration::ZERO);
    let error = guest.plan(&input(1), &surroundings()).unwrap_err();
    assert!(matches!(error, CallError::Busy { .. }) && !error.is_repeatable(), "{error}");
    drop(pass);
    assert!(guest.plan(&input(1), &surroundings()).is_ok());
}

#[cfg(unix)]
mod cached {
    use std::fs::{Permissions, metadata, read, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::super::cache::Cache;
    use super::*;

    fn kept() -> (tempfile::TempDir, Cache, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("guests");
        let guest = sandbox().load(PREBUILT, "shipped", Some(&cache)).unwrap();
        let file = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
        let cache = Cache::new(&cache, &sandbox().engine, guest.digest());
        (folder, cache, file)
    }

    #[test]
    fn what_was_compiled_is_kept_for_us_alone_and_used_again() {
        let (folder, cache, file) = kept();
        let mode = |path: &std::path::Path| metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        assert!(cache.read(&sandbox().engine).is_some());
        let guest = sandbox().load(PREBUILT, "shipped", file.parent()).unwrap();
        assert!(guest.plan(&input(1), &surroundings()).is_ok());
        drop(folder);
    }

    #[test]
    fn what_others_could_have_written_is_not_used() {
        let (_folder, cache, file) = kept();
        set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
        assert!(cache.read(&sandbox().engine).is_none());
        set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        assert!(cache.read(&sandbox().engine).is_some());
        set_permissions(file.parent().unwrap(), Permissions::from_mode(0o777)).unwrap();
        assert!(cache.read(&sandbox().engine).is_none());
    }

    #[test]
    fn what_a_disk_garbled_is_not_used() {
        let (_folder, cache, file) = kept();
        let mut bytes = read(&file).unwrap();
        let middle = bytes.len() / 2;
        *bytes.get_mut(middle).unwrap() ^= 1;
        write(&file, bytes).unwrap();
        assert!(cache.read(&sandbox().engine).is_none());
        write(&file, b"").unwrap();
        assert!(cache.read(&sandbox().engine).is_none());
        // It is compiled and kept again.
        assert!(sandbox().load(PREBUILT, "shipped", file.parent()).is_ok());
        assert!(cache.read(&sandbox().engine).is_some());
    }
}

/// `guest/prove-builds.sh` builds the shipped guest in other ways, and then runs this.
#[test]
#[ignore = "needs what guest/prove-builds.sh builds"]
fn other_builds_run() {
    let folder = std::env::var("GUEST_BUILDS").unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let bytes = std::fs::read(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy();
        let guest = sandbox().load(&bytes, &name, None).unwrap();
        let (input, edition) = (input(50), edition(5));
        let plan = |guest: &Guest| guest.plan(&input, &surroundings()).unwrap().value;
        let mail = |guest: &Guest| guest.compose(&edition, &surroundings()).unwrap().value;
        assert_eq!(plan(&guest), plan(shipped()), "{name}");
        assert_eq!(mail(&guest), mail(shipped()), "{name}");
    }
}

/// `cargo test --release -p host -- --ignored --nocapture guest_figures`
#[test]
#[ignore = "a measurement"]
#[expect(clippy::print_stdout, reason = "a measurement")]
fn guest_figures() {
    let figure = |what: &str, call: &dyn Fn() -> (Duration, u64)| {
        let mut calls: Vec<_> = (0..300).map(|_| call()).collect();
        calls.sort_unstable();
        let at = |n: usize| calls.get(n).unwrap();
        println!(
            "{what}: best {:?}, p50 {:?}, p99 {:?}, fuel {}",
            at(0).0,
            at(150).0,
            at(297).0,
            at(0).1
        );
    };
    for members in [10, 500, 5_000] {
        let input = input(members);
        figure(&format!("plan, {members} members"), &|| {
            let answer = shipped().plan(&input, &surroundings()).unwrap();
            (answer.elapsed, answer.fuel_used)
        });
    }
    for messages in [1, 20, 100, 300] {
        let edition = edition(messages);
        figure(&format!("compose, {messages} messages"), &|| {
            let answer = shipped().compose(&edition, &surroundings()).unwrap();
            (answer.elapsed, answer.fuel_used)
        });
    }
}
