//! What a call of the shipped guest costs, its fresh instance included, beside the same logic
//! natively; what an instance takes of memory; and what loading and changing guests cost. The two of
//! one size run one after the other, so that their ratio holds whatever the machine does besides.
//!
//! `cargo bench -p host --bench guest`; `GUEST_WASM=FILE` measures another guest in its place.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark stops at the first surprise")]

use std::{collections::BTreeMap, hint::black_box, path::Path, sync::Arc};

use chat_digest_guest::types as native;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use host::{
    config,
    guest::{Directory, Guest, Limits, PREBUILT, PlanInput, Sandbox, Surroundings, types},
    guests::{Guests, Maker},
    preferences::Preferences,
};

/// Members of the rooms.
const MEMBERS: [u32; 3] = [10, 500, 5_000];
/// Bytes of the message that becomes a mail of about 10 KB.
const MESSAGE_BYTES: usize = 3_000;

struct Nobody;

impl Directory for Nobody {
    fn name(&self, _: u32) -> Option<String> {
        None
    }

    fn attribute(&self, _: u32, _: &str) -> Option<String> {
        None
    }
}

/// The contract's types are there twice, as the host and as a guest sees them.
macro_rules! samples {
    ($name:ident, $types:ident) => {
        mod $name {
            use super::$types::{
                Edition, Item, Kind, Message, Moment, Part, Privacy, Readers, Room, RoomKind,
            };

            pub(super) fn room() -> Room {
                Room {
                    id: 1,
                    name: "Operations".into(),
                    description: String::new(),
                    topic: "What runs, and what does not".into(),
                    kind: RoomKind::Normal,
                    privacy: Privacy::Closed,
                }
            }

            pub(super) fn message() -> Message {
                let sent = Moment {
                    unix_ms: 1_741_076_040_000,
                    year: 2025,
                    month: 3,
                    day: 4,
                    weekday: 2,
                    hour: 9,
                    minute: 14,
                    second: 0,
                    offset_minutes: 60,
                };
                let words = "main is <red> & so on. ".repeat(super::MESSAGE_BYTES / 23);
                Message {
                    room: 1,
                    author: "Anna Larsen".into(),
                    author_person: None,
                    sent,
                    kind: Kind::Message,
                    parts: vec![Part::Text(words)],
                    late: false,
                }
            }

            pub(super) fn edition() -> Edition {
                let reason = "you are a member of the room".into();
                Edition {
                    readers: Readers { language: 0x656e, time_zone: "Europe/Berlin".into() },
                    rooms: vec![room()],
                    items: vec![Item { message: message(), reason, named: false }],
                    digest: false,
                    summaries: Vec::new(),
                }
            }
        }
    };
}

samples!(sandboxed, types);
samples!(natively, native);

/// Of the members, every second one reads German, every fourth has asked for a digest, and one is named.
fn members(count: u32) -> Vec<types::Member> {
    use types::{Member, Presence, Role, Wish};
    let member = |id| Member {
        id,
        role: Role::Member,
        presence: Presence::Absent,
        named: id == 3,
        wish: if id % 4 == 1 { Wish::Digest } else { Wish::None },
        language: if id % 2 == 0 { 0x6465 } else { 0x656e },
        offset_minutes: 60,
    };
    (0..count).map(member).collect()
}

/// The same, put together as the sandbox does.
fn cohorts(count: u32) -> Vec<native::Cohort> {
    use native::{Cohort, Presence, Role, Wish};
    let cohort = |wish, language, named, is_in: fn(&u32) -> bool| Cohort {
        role: Role::Member,
        presence: Presence::Absent,
        named,
        wish,
        language,
        offset_minutes: 60,
        members: (0..count).filter(is_in).collect(),
    };
    vec![
        cohort(Wish::None, 0x6465, false, |id| id % 2 == 0),
        cohort(Wish::Digest, 0x656e, false, |id| id % 4 == 1),
        cohort(Wish::None, 0x656e, true, |id| *id == 3),
        cohort(Wish::None, 0x656e, false, |id| id % 4 == 3 && *id != 3),
    ]
}

fn surroundings() -> Surroundings {
    Surroundings { directory: Arc::new(Nobody), settings: Arc::new(BTreeMap::new()) }
}

fn shipped() -> Guest {
    let other = std::env::var_os("GUEST_WASM").map(|path| std::fs::read(path).unwrap());
    let bytes = other.as_deref().unwrap_or(PREBUILT);
    Sandbox::new(&Limits::default()).unwrap().load(bytes, "shipped", None).unwrap()
}

fn plan(criterion: &mut Criterion) {
    let (guest, nothing) = (shipped(), surroundings());
    let mut group = criterion.benchmark_group("plan");
    for count in MEMBERS {
        let input = PlanInput {
            room: sandboxed::room(),
            message: sandboxed::message(),
            members: members(count),
        };
        let memory = guest.plan(&input, &nothing).unwrap().memory_bytes;
        println!("plan for {count} members: an instance takes {} KiB", memory >> 10);
        group.bench_function(BenchmarkId::new("guest", count), |bencher| {
            bencher.iter(|| guest.plan(&input, &nothing).unwrap());
        });
        let (message, cohorts) = (natively::message(), cohorts(count));
        group.bench_function(BenchmarkId::new("native", count), |bencher| {
            bencher.iter(|| {
                chat_digest_guest::planned(|_| None, black_box(&message), black_box(&cohorts))
            });
        });
    }
    group.finish();
}

fn compose(criterion: &mut Criterion) {
    let (guest, nothing) = (shipped(), surroundings());
    let mut group = criterion.benchmark_group("compose");
    let edition = sandboxed::edition();
    let answer = guest.compose(&edition, &nothing).unwrap();
    let bytes = answer.value.html.len();
    println!("compose of {bytes} bytes: an instance takes {} KiB", answer.memory_bytes >> 10);
    group.bench_function(BenchmarkId::new("guest", bytes), |bencher| {
        bencher.iter(|| guest.compose(&edition, &nothing).unwrap());
    });
    let edition = natively::edition();
    group.bench_function(BenchmarkId::new("native", bytes), |bencher| {
        bencher.iter(|| chat_digest_guest::composed(black_box(&edition)));
    });
    group.finish();
}

fn load(criterion: &mut Criterion) {
    let sandbox = Sandbox::new(&Limits::default()).unwrap();
    let mut group = criterion.benchmark_group("load");
    group.sample_size(10);
    group.bench_function("compiled", |bencher| {
        bencher.iter(|| sandbox.load(PREBUILT, "shipped", None).unwrap());
    });
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("guests");
    group.bench_function("cached", |bencher| {
        bencher.iter(|| sandbox.load(PREBUILT, "shipped", Some(&cache)).unwrap());
    });
    group.finish();
}

/// A guest takes another's place: the switch alone, and all of it for a guest that is in the cache,
/// with the samples that it is tried with.
fn swap(criterion: &mut Criterion) {
    let config = config::parse(config::EXAMPLE, Path::new("example.toml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let maker = Maker::new(&config, &folder.path().join("guests")).unwrap();
    let guests = Guests::configured(&maker, Arc::new(Preferences::new(&config))).unwrap();
    let name: Arc<str> = "default".into();
    // With a custom section more at its end it is another component.
    let another = [PREBUILT, &[0, 3, 1, b'x', 1]].concat();
    let make = || Arc::new(maker.make(&name, &another, "another").unwrap());
    let made = make();
    let mut group = criterion.benchmark_group("swap");
    group.bench_function("switch", |bencher| bencher.iter(|| guests.swap(Arc::clone(&made))));
    group.bench_function("cached", |bencher| bencher.iter(|| guests.swap(make())));
    group.finish();
}

criterion_group!(benches, plan, compose, load, swap);
criterion_main!(benches);
