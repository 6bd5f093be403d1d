//! What goes wrong from outside, one thing each: what the administrator reads about it, and that
//! afterwards every post is with everybody who is owed it, once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use std::time::Duration;

use ews::{code::ResponseCode, server::Fault};
use tests::{Tap, World, books::MARK, play, play_in, world::COMPANY};

/// Longer than anything that the host waits for by itself when somebody must act.
const QUARTER: Duration = Duration::from_secs(20 * 60);

fn assert_says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "`{word}` is missing in: {text}");
    }
}

/// A host has been in the rooms and knows where they stood; then it was stopped.
async fn joined_before(world: &World) {
    let host = world.host().await;
    world.post("Ops", "anna").await;
    world.post("Build", "anna").await;
    world.post("News", "anna").await;
    world.settled(&host).await;
    host.stop().await;
}

/// A wrong password is tried once, so that the account is not locked.
#[test]
fn sip_wrong_password() {
    play(async |world| {
        joined_before(world).await;
        let tap = Tap::start(world.embedded.addresses.sip_tcp).await;
        let server = tap.address.to_string();
        let host = world
            .start_host(|settings| {
                settings.set("chat.server", server.as_str());
                settings.set("chat.transport", "tcp");
                settings.set("chat.password", "wrong-Quittengelee");
            })
            .await;
        let why = world.offline(&host).await;
        assert_says(&why, &[&server, "user name or password is wrong", "`login` and `password`"]);
        world.log.wait(&["chat:", &server, "next try in"]).await;
        assert!(
            ["24", "25", "26", "27", "28", "29", "30", "31", "32", "33", "34", "35"]
                .iter()
                .any(|tens| world.log.says(&[&format!("next try in {tens}")])),
            "it does not wait about five minutes"
        );
        for _ in 0..3 {
            world.post("Ops", "bob").await;
        }
        // REGISTER without credentials, for the challenge, with the answer: one answer only.
        assert_eq!(tap.connections(), 1);
        assert_eq!(tap.heard("REGISTER sip:"), 3);
        host.stop().await;
        let host = world.host().await;
        world.settled(&host).await;
        host.stop().await;
    });
}

#[test]
fn sip_untrusted_certificate() {
    play(async |world| {
        joined_before(world).await;
        let host = world.start_host(|settings| settings.remove("chat.ca_file")).await;
        let server = world.embedded.addresses.sip_tls.to_string();
        let why = world.offline(&host).await;
        assert_says(&why, &[&server, "certificate is not trusted", "`ca_file` under [chat]"]);
        world.post("Ops", "bob").await;
        host.stop().await;
        let host = world.host().await;
        world.settled(&host).await;
    });
}

#[test]
fn ews_untrusted_certificate() {
    play(async |world| {
        joined_before(world).await;
        let host = world.start_host(|settings| settings.remove("mail.ca_file")).await;
        world.live(&host).await;
        world.post("Ops", "bob").await;
        let why = world.mail_trouble(&host).await;
        assert_says(&why, &["127.0.0.1", "certificate is not trusted", "`ca_file` under [mail]"]);
        world
            .counts(&host, "mails wait", |counts| counts.unplanned == 0 && counts.waiting > 0)
            .await;
        host.stop().await;
        world.let_time_pass(QUARTER).await;
        let host = world.host().await;
        world.settled(&host).await;
    });
}

/// A wrong password of the mailbox is tried once, by whatever stage, so that the account is not
/// locked; the mails wait.
#[test]
fn ews_wrong_password() {
    play(async |world| {
        joined_before(world).await;
        let ews = world.embedded.addresses.ews.clone();
        let port = ews.split(':').nth(2).and_then(|rest| rest.split('/').next()).unwrap();
        let tap = Tap::start(format!("127.0.0.1:{port}").parse().unwrap()).await;
        let host = world
            .start_host(|settings| {
                settings.set("mail.url", ews.replace(port, &tap.address.port().to_string()));
                settings.set("mail.password", "wrong-Quittengelee");
                settings.set("mail.lanes", 1);
            })
            .await;
        world.live(&host).await;
        world.post("Build", "anna").await;
        let why = world.mail_trouble(&host).await;
        assert_says(&why, &["127.0.0.1", "refused", "`login` and `password` under [mail]"]);
        world.counts(&host, "mails wait", |counts| counts.waiting == 2).await;
        world
            .until("the directory has looked again", async || {
                world.log.count(&["directory:", "refused"]) >= 2
            })
            .await;
        assert_eq!(tap.connections(), 1, "the password was tried again");
        host.stop().await;
        world.let_time_pass(QUARTER).await;
        let host = world.host().await;
        world.settled(&host).await;
    });
}

#[test]
fn unknown_room() {
    play(async |world| {
        let nowhere = "ma-chan://tiny.example/99999999-9999-4999-8999-999999999999";
        let host = world
            .host_with(|settings| {
                let rooms: toml::Value = toml::from_str::<toml::Table>(&format!(
                    "x = [{{uri='{nowhere}'}}, {{member=true}}]"
                ))
                .unwrap()
                .remove("x")
                .unwrap();
                settings.set("rooms", rooms);
            })
            .await;
        let refused = |now: &host::state::Snapshot| !now.refused.is_empty();
        let state = world.state(&host, "refused somewhere", refused).await;
        let (room, why) = state.refused.first_key_value().unwrap();
        assert_eq!(room, nowhere);
        assert_says(why, &["cannot be joined", "is the address right", "a member of the room"]);
        world.post("Ops", "anna").await;
        world.settled(&host).await;
    });
}

/// One of several recipients is refused: only that delivery fails.
#[test]
fn refused_recipient() {
    play(async |world| {
        let host = world.host().await;
        let code = ResponseCode::INVALID_RECIPIENTS;
        world.exchange_fault("SendItem", 1, Fault::Item { code, at: Some(1) });
        let (number, message) = world.say("Ops", "anna", Default::default()).await;
        let counts = world
            .counts(&host, "one refused, the others sent", |counts| {
                counts.failed == 1 && counts.sent == 2 && counts.waiting == 0
            })
            .await;
        assert_eq!((counts.unconfirmed, counts.held), (0, 0));
        let found = world.found();
        let mut refused = Vec::new();
        for login in ["bob", "cleo", "dora"] {
            let (state, error) = world.mail(&host, &message, login).await;
            if found.contains_key(&(number, world.company().mailbox(login))) {
                assert_eq!(state, "sent", "{error}");
            } else {
                assert_eq!(state, "failed");
                assert_says(&error, &["127.0.0.1", "SendItem", "ErrorInvalidRecipients"]);
                refused.push(login);
            }
        }
        let [login] = refused[..] else { panic!("{refused:?}") };
        assert!(world.log.says(&["given up", "127.0.0.1", "ErrorInvalidRecipients"]));
        world.books.forgive(number, &world.company().mailbox(login));
        world.post("Ops", "anna").await;
        world.settled(&host).await;
    });
}

/// The service's own mailbox is full: its mail waits, nothing is given up.
#[test]
fn full_mailbox_of_the_sender() {
    play(async |world| {
        joined_before(world).await;
        let host = world.host().await;
        let code = ResponseCode::QUOTA_EXCEEDED;
        world.exchange_fault("CreateItem", 1000, Fault::Item { code, at: None });
        world.post("Ops", "anna").await;
        let why = world.mail_trouble(&host).await;
        assert_says(&why, &["127.0.0.1", "CreateItem", "ErrorQuotaExceeded"]);
        world.log.wait(&["ErrorQuotaExceeded", "no further requests for 900 s"]).await;
        world.post("Ops", "bob").await;
        world
            .counts(&host, "all wait", |counts| {
                counts.unplanned + counts.kept == 0 && counts.waiting >= 5 && counts.failed == 0
            })
            .await;
        host.stop().await;
        world.exchange(|exchange| exchange.faults.clear());
        world.let_time_pass(QUARTER).await;
        let host = world.host().await;
        world.settled(&host).await;
    });
}

/// A recipient's mailbox is full: Exchange reports that to us by mail; the others get theirs, and
/// nothing goes round in circles.
#[test]
fn full_mailbox_of_a_recipient() {
    let company = COMPANY.replace(
        "password = \"pw-bob-Quittengelee\"",
        "password = \"pw-bob-Quittengelee\"\nquota_bytes = 100",
    );
    play_in(&company, async |world| {
        let host = world.host().await;
        let (number, message) = world.say("Ops", "anna", Default::default()).await;
        world.books.forgive(number, &world.company().mailbox("bob"));
        world.settled(&host).await;
        let reports = world.inbox("chat-digest");
        assert_eq!(reports.len(), 1);
        assert_says(reports[0].item.subject(), &["Undeliverable"]);
        // Exchange took the mail, so it counts as sent; the report is not read back.
        assert_eq!(world.mail(&host, &message, "bob").await.0, "sent");
    });
}

fn guest(name: &str) -> String {
    format!("{}/guests/prebuilt/{name}.wasm", env!("CARGO_MANIFEST_DIR"))
}

/// A guest that traps: the host plans and writes in its place, and says so.
#[test]
fn guest_that_traps() {
    play(async |world| {
        let host = world.host_with(|settings| settings.set("guest.file", guest("trap"))).await;
        world.post("Ops", "anna").await;
        world.post("News", "anna").await;
        world.settled(&host).await;
        assert!(world.log.says(&["planner:", "trap.wasm", "mailed to all members"]));
        assert!(world.log.says(&["mail:", "trap.wasm", "written plainly"]));
        let inbox = world.inbox("bob");
        assert_says(inbox[0].item.html().unwrap(), &[MARK]);
    });
}

/// A guest that spins and eats memory is stopped by its bounds.
#[test]
fn guest_that_spins() {
    play(async |world| {
        let host = world
            .host_with(|settings| {
                settings.set("guest.file", guest("spin"));
                settings.set("guest.fuel", 50_000_000);
            })
            .await;
        world.post("Ops", "anna").await;
        world.settled(&host).await;
        assert!(world.log.says(&["planner:", "spin.wasm", "mailed to all members"]));
        assert!(world.log.says(&["mail:", "spin.wasm", "written plainly"]));
    });
}

/// A busy server: everybody waits as long as it asks, then each mail goes once.
#[test]
fn busy_server() {
    play(async |world| {
        let host = world.host().await;
        world.exchange_fault("CreateItem", 1, Fault::ServerBusy { back_off_ms: Some(1500) });
        world.post("Ops", "anna").await;
        world.log.wait(&["mail:", "127.0.0.1", "ErrorServerBusy", "no further requests"]).await;
        world.post("Build", "anna").await;
        world.settled(&host).await;
        assert_eq!(host.state.now().mail, None);
    });
}

/// The answer to a request is lost after it was carried out: it is looked for, not repeated.
#[test]
fn lost_answers() {
    for (operation, fault) in [
        ("CreateItem", Fault::DropAfter),
        ("CreateItem", Fault::Truncate { bytes: 300 }),
        ("SendItem", Fault::DropAfter),
        ("SendItem", Fault::Truncate { bytes: 300 }),
    ] {
        play(async |world| {
            let host = world.host().await;
            world.exchange_fault(operation, 1, fault);
            world.post("Ops", "anna").await;
            world.settled(&host).await;
            assert!(world.log.says(&["mail: looked for it", "it"]));
            let service = world.company().mailbox("chat-digest");
            let drafts = world.exchange(|exchange| exchange.drafts(&service).count());
            assert_eq!(drafts, 0, "{operation}: a draft is left over");
        });
    }
}

/// The connection breaks before a request was carried out. Nobody can know that, so nothing is
/// repeated until the request can no longer take effect.
#[test]
fn lost_requests() {
    for operation in ["CreateItem", "SendItem"] {
        play(async |world| {
            let host = world.host().await;
            world.exchange_fault(operation, 1, Fault::DropBefore);
            world.post("Build", "anna").await;
            world.log.wait(&["mail: looked for it", "it is"]).await;
            let counts = host.database.counts().await.unwrap();
            assert_eq!((counts.sent, counts.waiting), (0, 2), "{operation}");
            assert!(world.found().is_empty(), "{operation}");
            host.stop().await;
            world.let_time_pass(Duration::from_secs(150)).await;
            let host = world.host().await;
            world.settled(&host).await;
        });
    }
}
