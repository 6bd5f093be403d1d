//! What 08:00 costs on one core: messages that wait for everybody become mails in the outbox.

use std::{path::Path, time::Instant};

use host::database::Database;
use tokio::runtime::Runtime;

use super::{
    process::{self, Conditions, child, figure, medians},
    town::{self, DUE_MS, Town},
};

/// Rooms, with forty people for each, of whom every other is in a second room; and messages in each:
/// a tenth, all of it, and the tenth with ten times the backlog.
const TOWNS: [(usize, usize); 3] = [(200, 5), (2_000, 5), (200, 50)];
const PEOPLE_A_ROOM: usize = 40;

pub(crate) fn measure() {
    let mut took = Vec::new();
    for (rooms, messages_a_room) in TOWNS {
        let town = Town {
            people: PEOPLE_A_ROOM * rooms,
            rooms,
            members_a_room: PEOPLE_A_ROOM * 3 / 2,
            messages_a_room,
        };
        let filled = process::directory();
        let path = filled.path().to_str().unwrap().to_owned();
        child("fill", &[vec![path], town.words()].concat(), &Conditions::default());
        let one_core = Conditions { one_core: true, ..Conditions::default() };
        let measured = medians(process::runs(3), || {
            let copy = process::copied(&filled);
            child("morning", &[copy.path().to_str().unwrap().to_owned()], &one_core)
        });
        let of = |name: &str| figure(&measured, name);
        println!(
            "morning: {} people in {rooms} rooms with {messages_a_room} messages each, {:.0} deliveries due: {:.0} mails queued in {:.1} s on one core, \
             {:.1} s of it at work ({:.1} s until the rooms to read again are known), {:.0} passes, longest {:.2} s, at most {:.1} MiB",
            town.people,
            of("kept"),
            of("mails"),
            of("queued_s"),
            of("processor_s"),
            of("rooms_s"),
            of("passes"),
            of("longest_s"),
            of("peak_mib"),
        );
        took.push(of("processor_s"));
    }
    if let [tenth, whole, _] = took.as_slice() {
        println!("morning: ten times the people are {:.1} times the work", whole / tenth);
    }
}

pub(crate) fn run(arguments: &[String]) {
    let directory = Path::new(arguments.first().unwrap());
    let preferences = town::preferences();
    Runtime::new().unwrap().block_on(async {
        let database = Database::open(directory).await.unwrap();
        preferences.take(database.choices().await.unwrap());
        let kept = database.counts().await.unwrap().kept;
        let (begun, before_s) = (Instant::now(), process::processor_s());
        database.rooms_due(DUE_MS, DUE_MS, 200).await.unwrap();
        let rooms_s = begun.elapsed().as_secs_f64();
        let (mut passes, mut longest_s) = (0, 0_f64);
        loop {
            let pass = Instant::now();
            if database.gather_due_digests(&preferences, DUE_MS).await.unwrap() == 0 {
                break;
            }
            passes += 1;
            longest_s = longest_s.max(pass.elapsed().as_secs_f64());
        }
        let queued_s = begun.elapsed().as_secs_f64();
        let processor_s = process::processor_s() - before_s;
        let counts = database.counts().await.unwrap();
        assert_eq!(counts.kept, 0);
        process::tell(&[
            ("kept", kept as f64),
            ("mails", counts.waiting as f64),
            ("queued_s", queued_s),
            ("processor_s", processor_s),
            ("rooms_s", rooms_s),
            ("passes", f64::from(passes)),
            ("longest_s", longest_s),
            ("peak_mib", process::memory_mib("VmHWM:")),
        ]);
        database.close().await;
    });
}
