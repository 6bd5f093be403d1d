//! Digests over the real protocols: what people say to the service is done and answered, what is
//! removed in the chat is not mailed, and the mails prove by themselves that nothing is missing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use host::database::Database;
use lync::{server::NewPost, xccos::RoomUri};
use tests::{World, books::token, play, play_in, world::COMPANY};

/// Says something in a room that is not for the books: no member is owed it.
async fn tell(world: &World, room: &str, author: &str, text: &str) {
    let uri = world.company().room_uri(world.room(room));
    let author = world.company().sip(author);
    world.embedded.pool.post(&uri, &author, NewPost::text(text)).await.unwrap();
}

/// The texts of the service's answers to somebody, oldest first.
fn answers(world: &World, login: &str) -> Vec<String> {
    let inbox = world.inbox(login);
    let answers = inbox.iter().filter(|mail| mail.item.subject() == "Your chat digest");
    answers.map(|mail| mail.item.text()).collect()
}

async fn answered(world: &World, login: &str, count: usize) -> String {
    world.until("an answer", async || answers(world, login).len() >= count).await;
    answers(world, login)[count - 1].clone()
}

#[test]
fn somebody_chooses_in_a_room_and_is_answered_by_mail() {
    play(async |world| {
        let host = world.host().await;
        tell(world, "Ops", "bob", "@Chat Digest digest weekdays at 08:00").await;
        let answer = answered(world, "bob", 1).await;
        assert!(answer.starts_with("Done. This is what you get:"), "{answer}");
        assert!(answer.contains("Ops: a digest, weekdays at 08:00 ("), "{answer}");
        assert!(answer.contains("Build: what the administrator has set"), "{answer}");
        // In this room he waits for it, in the other he does not; the others are not concerned.
        let kept = world.post("Ops", "anna").await;
        let at_once = world.post("Build", "anna").await;
        world.books.forgive(kept, &world.company().mailbox("bob"));
        world.until("all the others have it", async || world.found() == world.books.owed()).await;
        let counts = host.database.counts().await.unwrap();
        assert_eq!((counts.kept, counts.unplanned), (1, 0));
        assert!(at_once > kept);
        // Nobody else reads what he has said.
        assert!(answers(world, "anna").is_empty() && answers(world, "dora").is_empty());
        tell(world, "Ops", "bob", "digest status").await;
        assert!(answered(world, "bob", 2).await.starts_with("This is what you get:"));
        tell(world, "Ops", "bob", "@chat-digest digest whenever").await;
        let told = answered(world, "bob", 3).await;
        assert!(told.starts_with("I do not understand \u{201c}whenever\u{201d}"), "{told}");
        host.stop().await;
    });
}

/// A choice outlives the host, and what an administrator does not allow is said.
#[test]
fn somebody_chooses_by_mail() {
    play(async |world| {
        world.write_to_us("bob", "digest off");
        world.write_to_us("anna", "Digest of the meeting");
        world.write_to_us("dora", "digest every 1m");
        let limit = |settings: &mut tests::Settings| settings.set("choices.shortest", 3600);
        let host = world.host_with(limit).await;
        let answer = answered(world, "bob", 1).await;
        assert!(answer.contains("Ops: nothing") && answer.contains("Build: nothing"), "{answer}");
        let refused = answered(world, "dora", 1).await;
        assert!(refused.contains("not more often than every 1 hours"), "{refused}");
        let service = world.company().mailbox("chat-digest");
        world
            .until("the commands are moved away, and only they", async || {
                let left = |exchange: &mut ews::server::Exchange| {
                    exchange
                        .inbox(&service)
                        .map(|mail| mail.subject().to_owned())
                        .collect::<Vec<_>>()
                };
                world.exchange(left) == vec!["Digest of the meeting".to_owned()]
            })
            .await;
        host.stop().await;
        let host = world.host_with(limit).await;
        let number = world.post("Ops", "anna").await;
        world.books.forgive(number, &world.company().mailbox("bob"));
        world.settled(&host).await;
        assert_eq!(answers(world, "bob").len(), 1, "answered once");
        assert!(answers(world, "anna").is_empty());
        host.stop().await;
    });
}

/// An open room has no members: who says so gets it, and no longer when he says that.
#[test]
fn an_open_room_goes_to_who_subscribes() {
    let room = "\n[[rooms]]\nguid = \"44444444-4444-4444-8444-444444444444\"\nname = \"Square\"\nprivacy = \"open\"\nmembers = [\"chat-digest\"]\n";
    play_in(&format!("{COMPANY}{room}"), async |world| {
        let host = world.host().await;
        tell(world, "Square", "bob", "digest on").await;
        let answer = answered(world, "bob", 1).await;
        assert!(answer.contains("Square: a digest"), "{answer}");
        let subscribed = async || {
            let rooms = host.database.rooms().await.unwrap();
            rooms.iter().any(|(room, _, members)| {
                room.name == "Square" && members.as_ref().is_some_and(|all| all.len() == 1)
            })
        };
        world.until_in(&host, "bob is the only one on the list", subscribed).await;
        tell(world, "Square", "anna", &token(90_001)).await;
        let bobs = world.company().mailbox("bob");
        let found = || world.found().get(&(90_001, bobs.clone())).copied();
        world.until("it is mailed", async || found() == Some(1)).await;
        assert_eq!(world.found().len(), 1, "and to nobody else");
        tell(world, "Square", "bob", "digest off").await;
        answered(world, "bob", 2).await;
        let unsubscribed = async || {
            let rooms = host.database.rooms().await.unwrap();
            rooms.iter().any(|(room, _, members)| room.name == "Square" && members.is_none())
        };
        world.until_in(&host, "nobody is on the list", unsubscribed).await;
        tell(world, "Square", "anna", &token(90_002)).await;
        world
            .counts(&host, "it is planned", |counts| counts.unplanned == 0 && counts.kept == 0)
            .await;
        assert_eq!(world.found().len(), 1);
        host.stop().await;
    });
}

/// What an administrator removes or replaces in the chat before the digest goes is not mailed.
#[test]
fn what_is_removed_in_the_chat_is_not_mailed() {
    play(async |world| {
        let collected = |settings: &mut tests::Settings| {
            settings.set("guest.settings.default", "digest");
            settings.set("digest.schedule", "every 10s");
        };
        let host = world.host_with(collected).await;
        // Just after a digest, so that these wait for the next one long enough to be looked at.
        world.post("Ops", "anna").await;
        world.settled(&host).await;
        let mut numbers = Vec::new();
        for _ in 0..3 {
            numbers.push(world.say("Ops", "anna", NewPost::text("")).await.0);
        }
        world.counts(&host, "they wait", |counts| counts.unplanned == 0 && counts.kept > 0).await;
        let uri = RoomUri::parse(&world.company().room_uri(world.room("Ops"))).unwrap();
        let words = token(90_003);
        world
            .pool(move |pool| {
                pool.remove_message(&uri, 3).unwrap();
                pool.replace_message(&uri, 4, &words).unwrap();
            })
            .await;
        for login in ["bob", "cleo", "dora"] {
            let mailbox = world.company().mailbox(login);
            world.books.forgive(numbers[1], &mailbox);
            world.books.forgive(numbers[2], &mailbox);
            let find = || world.found().get(&(90_003, mailbox.clone())).copied();
            world.until("the new words have come", async || find() == Some(1)).await;
        }
        let found = world.found();
        let gone = |number: usize| found.keys().all(|(found, _)| *found != number);
        assert!(gone(numbers[1]) && gone(numbers[2]), "{found:?}");
        world.assert_proven();
        host.stop().await;
    });
}

/// From the mails alone: as one would with an export of a mailbox.
#[test]
fn the_mails_prove_that_none_is_missing() {
    play(async |world| {
        let host = world.host().await;
        for number in 0..12 {
            world.post(["Ops", "Build", "News"][number % 3], "anna").await;
        }
        world.settled(&host).await;
        world.assert_proven();
        host.stop().await;
        let onlooker = Database::look(world.place()).await.unwrap();
        assert_eq!(onlooker.unsent(10).await.unwrap(), []);
    });
}

/// What was missed and cannot be had any more is told to everybody, once, and not hidden.
#[test]
fn a_gap_is_told() {
    play(async |world| {
        let host = world.host().await;
        world.post("Ops", "anna").await;
        world.settled(&host).await;
        host.stop().await;
        for _ in 0..200 {
            tell(world, "Ops", "anna", "some of it nobody sees").await;
        }
        // Of what was said meanwhile, the history gives the last thirty.
        world.pool_faults(|faults| faults.history_cap = Some(30)).await;
        let host = world.host().await;
        let words = "170 messages were missed; the room's history no longer has them.";
        let told = |login: &str| {
            let inbox = world.inbox(login);
            inbox.iter().filter(|mail| mail.item.text().replace('\n', " ").contains(words)).count()
        };
        world.until("bob and dora are told", async || told("bob") == 1 && told("dora") == 1).await;
        world.counts(&host, "all is sent", |counts| counts.kept == 0 && counts.waiting == 0).await;
        assert_eq!((told("bob"), told("dora"), told("emil")), (1, 1, 0));
        world.assert_proven();
        host.stop().await;
    });
}
