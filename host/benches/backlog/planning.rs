//! One message's plan: what the rules take for its members, and what the disk takes for the plan.

use std::{path::Path, time::Instant};

use bridge::plan::Action;
use host::database::{Database, Queueing};
use tokio::runtime::Runtime;

use super::{
    process::{self, Conditions, child, figure, median},
    town,
};

const MEMBERS: [usize; 3] = [10, 500, 5_000];
/// Messages planned in one run.
const MESSAGES: usize = 40;

pub(crate) fn measure() {
    for members in MEMBERS {
        for action in ["keep", "mail"] {
            let directory = process::directory();
            let path = directory.path().to_str().unwrap().to_owned();
            let arguments = [path, members.to_string(), action.to_owned()];
            let measured = child("planning", &arguments, &Conditions::default());
            let of = |name: &str| figure(&measured, name);
            println!(
                "planning: {action} for {members} members: rules {:.2} ms, commit {:.2} ms",
                of("rules_ms"),
                of("commit_ms")
            );
        }
    }
}

pub(crate) fn run(arguments: &[String]) {
    let [directory, members, action] = arguments else { return };
    let members: usize = members.parse().unwrap();
    let action = if action == "mail" { Action::MailNow } else { Action::Keep };
    let preferences = town::preferences();
    let room = town::room(1);
    let all: Vec<_> = (0..members).map(town::member).collect();
    Runtime::new().unwrap().block_on(async {
        let database = Database::open(Path::new(directory)).await.unwrap();
        database.save_room(&room, room.id.as_str()).await.unwrap();
        database.save_members(&room.id, &all, town::SAID_MS).await.unwrap();
        let (mut rules_ms, mut commit_ms) = (Vec::new(), Vec::new());
        for post in 0..MESSAGES {
            let message = town::message(1, post);
            database.commit_message(message.clone(), None).await.unwrap();
            let members = all.clone();
            let begun = Instant::now();
            let settled = town::settled(&message, &room, members, &preferences, action);
            rules_ms.push(begun.elapsed().as_secs_f64() * 1000.0);
            let begun = Instant::now();
            assert!(database.commit_plan(settled, 80, Queueing::default()).await.unwrap());
            commit_ms.push(begun.elapsed().as_secs_f64() * 1000.0);
        }
        process::tell(&[("rules_ms", median(rules_ms)), ("commit_ms", median(commit_ms))]);
        database.close().await;
    });
}
