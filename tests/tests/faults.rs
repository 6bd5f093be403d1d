//! What goes wrong from outside, one thing each: what the administrator reads about it, and that
//! afterwards every post is with everybody who is owed it, once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use std::{process::Stdio, sync::Arc, time::Duration};

use ews::{
    classify::Class, client, code::ResponseCode, delivery, item::Message,
    property::ExtendedProperty, server::Fault,
};
use host::{clock, config, exchange::Account};
use tests::{Tap, World, books::MARK, play, play_in, world::COMPANY};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
};

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
        let (tap, url) = world.exchange_tap().await;
        let host = world
            .start_host(|settings| {
                settings.set("mail.url", url);
                settings.set("mail.password", "wrong-Quittengelee");
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

/// All connections are opened at once: still only one of them tries the wrong password.
#[test]
fn ews_wrong_password_on_all_lanes() {
    play(async |world| {
        let (tap, url) = world.exchange_tap().await;
        for sign_in in ["ntlm", "basic"] {
            let before = tap.connections();
            let account = account(world, |settings| {
                settings.set("mail.url", url.as_str());
                settings.set("mail.sign_in", sign_in);
                settings.set("mail.password", "wrong-Quittengelee");
                settings.set("mail.lanes", 4);
            });
            let (a, b, c, d) = tokio::join!(
                account.can_reach_drafts(),
                account.can_reach_drafts(),
                account.can_reach_drafts(),
                account.can_reach_drafts(),
            );
            for refused in [a, b, c, d] {
                let error = refused.unwrap_err();
                assert_eq!(error.class(), Class::Authentication, "{error}");
            }
            assert_eq!(tap.connections() - before, 1, "{sign_in}: the password was tried again");
        }
    });
}

/// An account that worked a moment ago is not given up for one refusal: servers under load do that.
#[test]
fn ews_refused_under_load() {
    play(async |world| {
        let host = world.host_with(|settings| settings.set("mail.sign_in", "basic")).await;
        world.post("Build", "anna").await;
        world.settled(&host).await;
        world.exchange_fault("CreateItem", 1, Fault::Http { status: 401, headers: Vec::new() });
        world.post("Build", "anna").await;
        world.log.wait(&["HTTP status 401", "no further requests for 2"]).await;
        host.stop().await;
        world.let_time_pass(Duration::from_secs(30)).await;
        let host = world.host().await;
        world.settled(&host).await;
    });
}

/// What stands in front of Exchange is busy before anybody signs in: that says nothing about the
/// password.
#[test]
fn busy_before_sign_in() {
    play(async |world| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 64 << 10];
                while let Ok(count @ 1..) = stream.read(&mut request).await {
                    let head = String::from_utf8_lossy(&request[..count]).to_lowercase();
                    let begins = head.contains("authorization: ntlm");
                    let status = if begins { "503 Busy\r\nRetry-After: 7" } else { "401 No" };
                    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            }
        });
        let account = account(world, |settings| {
            settings.set("mail.url", format!("http://127.0.0.1:{port}/EWS/Exchange.asmx"));
        });
        let error = account.can_reach_drafts().await.unwrap_err();
        assert_eq!(error.class(), Class::Busy, "{error}");
        assert_eq!(error.back_off(), Some(Duration::from_secs(7)));
        assert_says(&error.to_string(), &["127.0.0.1", "FindItem", "503", "tried again later"]);
    });
}

/// The service's account, without a host around it.
fn account(world: &World, change: impl FnOnce(&mut tests::Settings)) -> Arc<Account> {
    Account::new(&config::load(&world.write_config(change)).unwrap().mail).unwrap()
}

/// NTLM signs in a connection: all requests of a lane go over one, one after the other.
#[test]
fn ews_one_connection_a_lane() {
    play(async |world| {
        let (tap, url) = world.exchange_tap().await;
        for sign_in in ["ntlm", "basic"] {
            let before = tap.connections();
            let account = account(world, |settings| {
                settings.set("mail.url", url.as_str());
                settings.set("mail.sign_in", sign_in);
                settings.set("mail.lanes", 1);
            });
            for _ in 0..500 {
                account.can_reach_drafts().await.unwrap();
            }
            assert_eq!(tap.connections() - before, 1, "{sign_in}");
        }
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
                assert_says(
                    &error,
                    &["127.0.0.1", "SendItem", "ErrorInvalidRecipients", "correct it"],
                );
                refused.push(login);
            }
        }
        let [login] = refused[..] else { panic!("{refused:?}") };
        assert!(world.log.says(&["given up", "127.0.0.1", "ErrorInvalidRecipients"]));
        world.books.forgive(number, &world.company().mailbox(login));
        world.until("its draft is deleted", async || drafts(world) == 0).await;
        world.post("Ops", "anna").await;
        world.settled(&host).await;
    });
}

/// What lies in the service's Drafts.
fn drafts(world: &World) -> usize {
    let service = world.company().mailbox("chat-digest");
    world.exchange(|exchange| exchange.drafts(&service).count())
}

/// A request for several mails is refused as a whole, for its size or for one of them: each goes
/// alone, and none is given up.
#[test]
fn refused_batch() {
    let too_big = || ResponseCode::new("ErrorRequestStreamTooBig");
    for operation in ["CreateItem", "SendItem"] {
        play(async |world| {
            let host = world.host().await;
            for fault in [
                Fault::Soap(too_big()),
                Fault::Soap(ResponseCode::SCHEMA_VALIDATION),
                Fault::Http { status: 413, headers: Vec::new() },
            ] {
                world.exchange_fault(operation, 1, fault);
                world.post("Build", "anna").await;
                world.settled(&host).await;
            }
            let counts = host.database.counts().await.unwrap();
            assert_eq!((counts.failed, counts.unconfirmed), (0, 0), "{operation}");
        });
    }
}

/// A server that does not know the version asked for is asked in a lower one, at once.
#[test]
fn older_server() {
    play(async |world| {
        let host = world.host().await;
        let code = || ResponseCode::INVALID_SERVER_VERSION;
        world.exchange_fault("CreateItem", 2, Fault::Soap(code()));
        world.post("Ops", "anna").await;
        world.log.wait(&["127.0.0.1", "asked in Exchange2013 now"]).await;
        world.log.wait(&["127.0.0.1", "asked in Exchange2010_SP2 now"]).await;
        world.settled(&host).await;
        world.exchange_fault("CreateItem", 1000, Fault::Soap(code()));
        world.post("Ops", "anna").await;
        let why = world.mail_trouble(&host).await;
        assert_says(&why, &["127.0.0.1", "CreateItem", "Exchange 2013 or later is needed"]);
        host.stop().await;
        world.exchange(|exchange| exchange.faults.clear());
        world.let_time_pass(QUARTER).await;
        let host = world.host().await;
        world.settled(&host).await;
    });
}

/// Drafts of mails that came to their end are deleted once they are old; others stay.
#[test]
fn late_drafts() {
    play(async |world| {
        let host = world.host().await;
        world.post("Ops", "anna").await;
        world.settled(&host).await;
        host.stop().await;
        let service = world.company().mailbox("chat-digest");
        let message_id = world
            .exchange(|exchange| exchange.sent(&service).next().unwrap().message_id().to_owned());
        let ended = message_id.trim_start_matches('<').split('@').next().unwrap().to_owned();
        let now = clock::now().unix;
        let hours = Duration::from_secs(2 * 3600);
        for (key, stored) in [(ended.as_str(), now - hours), (&ended, now), ("k", now - hours)] {
            let key = delivery::DeliveryKey::new(key).unwrap();
            let property = ExtendedProperty::new(delivery::key_property(), key.as_str());
            let item = Message { extended_properties: vec![property], ..Message::default() };
            let request = client::encode(&delivery::draft(vec![item]), &Default::default());
            world.exchange(|exchange| {
                let identity = exchange.identity(&service).unwrap();
                assert_eq!(exchange.handle(&identity, &request.body, stored).status, 200);
            });
        }
        assert_eq!(drafts(world), 3);
        let host = world.host().await;
        world.until("the late one is gone", async || drafts(world) == 2).await;
        world.post("Ops", "anna").await;
        world.settled(&host).await;
        assert_eq!(drafts(world), 2);
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
        assert_says(&why, &["127.0.0.1", "CreateItem", "ErrorQuotaExceeded", "make room in it"]);
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

/// A guest that traps: the built-in one plans and writes in its place, and the host says so.
#[test]
fn guest_that_traps() {
    play(async |world| {
        let host = world.host_with(|settings| settings.set("guest.file", guest("trap"))).await;
        world.post("Ops", "anna").await;
        world.post("News", "anna").await;
        world.settled(&host).await;
        assert!(world.log.says(&["planner:", "trap.wasm", "the built-in guest plans"]));
        assert!(world.log.says(&["mail:", "trap.wasm", "the built-in guest writes the mail"]));
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
        assert!(world.log.says(&["planner:", "spin.wasm", "the built-in guest plans"]));
        assert!(world.log.says(&["mail:", "spin.wasm", "the built-in guest writes the mail"]));
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
        assert_eq!(host.state.now().mail.first(), None);
    });
}

/// Throttling in front of Exchange, without SOAP: the wait is taken from the header.
#[test]
fn throttled_without_soap() {
    play(async |world| {
        let host = world.host().await;
        for status in [429, 503] {
            let headers = vec![("Retry-After".to_owned(), "2".to_owned())];
            world.exchange_fault("CreateItem", 1, Fault::Http { status, headers });
            world.post("Build", "anna").await;
            let said = format!("HTTP status {status}");
            world.log.wait(&["127.0.0.1", "CreateItem", &said, "no further requests"]).await;
            world.settled(&host).await;
        }
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
            assert_eq!(drafts(world), 0, "{operation}: a draft is left over");
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

/// A group that cannot be opened up is left out; the rooms behind it get their members.
#[test]
fn groups_nested_without_end() {
    let mut company = COMPANY.replace("[\"bob\", \"cleo\"]", "[\"deep0@tiny.example\"]");
    for depth in 0..12 {
        let below =
            if depth < 11 { format!("deep{}@tiny.example", depth + 1) } else { "bob".into() };
        company += &format!(
            "\n[[groups]]\naddress = \"deep{depth}@tiny.example\"\nname = \"Deep {depth}\"\nmembers = [\"{below}\"]\n"
        );
    }
    play_in(&company, async |world| {
        let host = world.host().await;
        assert!(world.log.says(&["left out", "nested more than 10 deep"]));
        world.post("Ops", "anna").await;
        world.post("News", "anna").await;
        world.settled(&host).await;
    });
}

/// While Exchange sends, the database cannot be written. What it answered is found out afterwards,
/// without a restart.
#[test]
fn answers_that_cannot_be_kept() {
    play(async |world| {
        let host = world.host().await;
        let service = world.company().mailbox("chat-digest");
        world.exchange_fault("SendItem", 1, Fault::Delay(Duration::from_secs(1)));
        world.post("Ops", "anna").await;
        let sent = async || world.exchange(|exchange| exchange.sent(&service).next().is_some());
        world.until("something is sent", sent).await;
        let mut holder = Command::new("python3")
            .args(["-c", HOLD])
            .arg(world.store().join("chat-digest.sqlite"))
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        world.log.wait(&["what Exchange answered cannot be kept"]).await;
        drop(holder.stdin.take());
        assert!(holder.wait().await.unwrap().success());
        world.settled(&host).await;
    });
}

/// Holds the writer's lock until its input ends.
const HOLD: &str = "
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None)
base.execute('BEGIN IMMEDIATE')
sys.stdin.read()
base.execute('ROLLBACK')
";
