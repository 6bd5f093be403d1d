//! From opening the database to being ready beside a backlog, and the memory it takes until the
//! backlog is in the outbox.

use std::{path::Path, time::Instant};

use host::{database::Database, rooms::Rooms};
use tokio::runtime::Runtime;

use super::{
    process::{self, Conditions, child, figure, medians},
    town::{self, DUE_MS, SAID_MS, Town},
};

/// Messages a room: 10,000 and 100,000 in all.
const MESSAGES_A_ROOM: [usize; 2] = [20, 200];

pub(crate) fn measure() {
    for messages_a_room in MESSAGES_A_ROOM {
        let town = Town { people: 5_000, rooms: 500, members_a_room: 10, messages_a_room };
        let filled = process::directory();
        let path = filled.path().to_str().unwrap().to_owned();
        child("fill", &[vec![path], town.words()].concat(), &Conditions::default());
        let measured = medians(process::runs(5), || {
            let copy = process::copied(&filled);
            child("start", &[copy.path().to_str().unwrap().to_owned()], &Conditions::default())
        });
        let of = |name: &str| figure(&measured, name);
        println!(
            "start: {} messages wait in 500 rooms for 5,000 people ({:.0} deliveries): ready in {:.0} ms; \
             memory {:.1} MiB before, {:.1} MiB ready; all due: {:.0} mails in {:.1} s, at most {:.1} MiB",
            500 * messages_a_room,
            of("kept"),
            of("ready_ms"),
            of("before_mib"),
            of("ready_mib"),
            of("mails"),
            of("gathered_s"),
            of("peak_mib"),
        );
    }
}

pub(crate) fn run(arguments: &[String]) {
    let directory = Path::new(arguments.first().unwrap());
    let runtime = Runtime::new().unwrap();
    let preferences = town::preferences();
    let before_mib = process::memory_mib("VmRSS:");
    let begun = Instant::now();
    runtime.block_on(async {
        let database = Database::open(directory).await.unwrap();
        let rooms = Rooms::default();
        for (room, uri, members) in database.rooms().await.unwrap() {
            rooms.remembered(room, &uri, members);
        }
        preferences.take(database.choices().await.unwrap());
        database.resume_unfinished().await.unwrap();
        assert!(database.next_unplanned(&rooms.ready(), 64).await.unwrap().is_empty());
        let counts = database.counts().await.unwrap();
        assert!(database.next_due(SAID_MS).await.unwrap().is_some());
        let ready_ms = begun.elapsed().as_secs_f64() * 1000.0;
        let ready_mib = process::memory_mib("VmRSS:");
        let begun = Instant::now();
        database.rooms_due(DUE_MS, DUE_MS, 200).await.unwrap();
        while database.gather_due_digests(&preferences, DUE_MS).await.unwrap() > 0 {}
        let gathered_s = begun.elapsed().as_secs_f64();
        let after = database.counts().await.unwrap();
        assert_eq!(after.kept, 0);
        process::tell(&[
            ("kept", counts.kept as f64),
            ("before_mib", before_mib),
            ("ready_ms", ready_ms),
            ("ready_mib", ready_mib),
            ("mails", after.waiting as f64),
            ("gathered_s", gathered_s),
            ("peak_mib", process::memory_mib("VmHWM:")),
        ]);
        database.close().await;
    });
}
