//! The way of a message from the room to the inboxes: what arrives and how it looks, who is never
//! written to, and that crashes and lost connections neither lose nor double anything.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use std::time::Duration;

use ews::server::Fault;
use host::{chat::translate::room_id, clock, database::Database};
use lync::server::{Faults, NewPost};
use tests::{
    Dice, Tap, World,
    books::{MARK, token},
    play, play_in,
    world::COMPANY,
};

/// Longer than a request can take to have its effect.
const MINUTES: Duration = Duration::from_secs(150);

/// 16 KB of everything that could break a mail: markup, signs of other planes, writing from right
/// to left, control characters, the end of a CDATA section.
fn wild() -> String {
    let hostile = concat!(
        "<script>alert(1)</script> <img src=x onerror=alert(2)> ]]> <![CDATA[ &amp; &#x3c; \"'` ",
        "</td></table></body> <a href=\"javascript:alert(3)\">x</a> <style>*{display:none}</style> ",
        "😀👩\u{200d}👩\u{200d}👧 𝔘𝔫𝔦 שלום עולם مرحبا \u{202e}gnp.exe\u{202c} ",
        "bell:\u{7} esc:\u{1b}[31m null-ish:\u{1}\u{1f} . .. {{7*7}} %n %s =3D =\r\n",
        "onclick=alert(4) <iframe src=\"https://evil.example/\"></iframe>\n.\n--boundary--\n",
    );
    let mut text = String::new();
    while text.len() + hostile.len() < 16 << 10 {
        text.push_str(hostile);
    }
    text
}

/// What a reader sees: no control characters but line ends, any white space as one blank.
fn visible(text: &str) -> String {
    let seen: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn wild_text_arrives_intact_and_escaped() {
    play(async |world| {
        let host = world.host().await;
        let text = wild();
        let (number, _) = world.say("Build", "anna", NewPost::text(&text)).await;
        world.settled(&host).await;
        for login in ["bob", "cleo"] {
            let mail = &world.inbox(login)[0];
            let said = mail.item.text();
            let squeezed: String = visible(&said).replace(' ', "");
            let wanted: String = visible(&format!("{} {text}", token(number))).replace(' ', "");
            assert!(squeezed.contains(&wanted), "{login} reads:\n{said}");
            assert!(said.chars().all(|c| !c.is_control() || "\r\n\t".contains(c)), "{said:?}");
            let html = mail.item.html().unwrap().to_lowercase();
            assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{html}");
            for tag in html.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
                let name = tag.split_whitespace().next().unwrap_or_default();
                let active = ["script", "img", "iframe", "style", "form", "object", "svg", "link"];
                assert!(!active.contains(&name), "<{tag}>");
                assert!(!tag.contains(" on") && !tag.contains("javascript:"), "<{tag}>");
            }
        }
    });
}

/// Nobody gets what he wrote himself, the service gets nothing, who wants no mail gets none, and
/// what the service itself says in a room is mailed to nobody.
#[test]
fn no_loops() {
    play(async |world| {
        let host = world.host().await;
        world.post("Ops", "bob").await;
        world.post("Ops", "emil").await;
        world.post("Ops", "chat-digest").await;
        world.post("News", "anna").await;
        world.settled(&host).await;
        let counts = world.counts(&host, "all planned", |counts| counts.messages == 4).await;
        assert_eq!(counts.unplanned, 0);
        for nobody in ["chat-digest", "emil"] {
            assert!(world.inbox(nobody).is_empty(), "{nobody} got mail");
        }
        let mail = &world.inbox("anna")[0];
        assert_eq!(mail.item.header("Auto-Submitted"), Some("auto-generated"));
        assert_eq!(mail.item.header("X-Auto-Response-Suppress"), Some("All"));
    });
}

/// Where no list of a room can be had, whoever was ever known as its member stays one: what is said
/// while he is away is for him.
#[test]
fn without_a_list_nobody_is_forgotten_after_a_restart() {
    play(async |world| {
        let host = world.host().await;
        world.post("Ops", "anna").await;
        world.settled(&host).await;
        host.stop().await;
        for author in ["cleo", "dora"] {
            let host = world
                .start_host(|settings| settings.set("chat.assumed.members_command", false))
                .await;
            for _ in 0..2 {
                world.post("Ops", author).await;
                world.settled(&host).await;
                let seen = async || {
                    let database = Database::look(world.place()).await.unwrap();
                    let room = room_id(&world.company().room_uri(world.room("Ops")));
                    let seen = database.seen_in(&room).await.unwrap();
                    database.close().await;
                    let address = world.company().sip(author);
                    seen.iter().any(|one| one.address.eq_ignore_ascii_case(&address))
                };
                world.until_in(&host, "the author is noted as seen", seen).await;
            }
            host.stop().await;
        }
    });
}

/// While the server has not told a room's members yet, what was known of them before holds.
#[test]
fn of_half_a_list_nothing_is_planned() {
    play(async |world| {
        let host = world.host().await;
        world.settled(&host).await;
        host.stop().await;
        for _ in 0..3 {
            // Said while nobody listens: their authors are seen before any list has come.
            for room in ["Ops", "Build", "News"] {
                world.post(room, "anna").await;
            }
            world
                .pool_faults(|faults| {
                    faults.slow_replies = 40;
                    faults.slow_by = Duration::from_millis(200);
                })
                .await;
            let host = world.host().await;
            world.settled(&host).await;
            host.stop().await;
        }
    });
}

#[test]
fn by_tcp_and_basic() {
    play(async |world| {
        let server = world.embedded.addresses.sip_tcp.to_string();
        let host = world
            .host_with(|settings| {
                settings.set("chat.server", server);
                settings.set("chat.transport", "tcp");
                settings.remove("chat.ca_file");
                settings.set("mail.sign_in", "basic");
            })
            .await;
        world.post("Ops", "anna").await;
        world.settled(&host).await;
        host.stop().await;
    });
}

#[test]
fn typed_fields_in_place_of_mime() {
    play(async |world| {
        let host = world.host_with(|settings| settings.set("mail.format", "typed")).await;
        world.post("Ops", "anna").await;
        world.settled(&host).await;
        assert!(world.inbox("bob")[0].item.html().unwrap().contains(MARK));
    });
}

/// The host dies after the commit and before its answer: the post comes again, the mail does not.
#[test]
fn crash_between_commit_and_answer() {
    play(async |world| {
        let tap = Tap::start(world.embedded.addresses.sip_tcp).await;
        let through = |settings: &mut tests::Settings| {
            settings.set("chat.server", tap.address.to_string());
            settings.set("chat.transport", "tcp");
        };
        let host = world.host_with(through).await;
        world.post("Ops", "anna").await;
        world.settled(&host).await;
        tap.hold(true);
        world.post("Ops", "anna").await;
        world.post("Ops", "bob").await;
        world.settled(&host).await;
        world.crash(host).await;
        tap.cut();
        tap.hold(false);
        world.post("Ops", "anna").await;
        let host = world.host_with(through).await;
        world.settled(&host).await;
        let counts = host.database.counts().await.unwrap();
        assert_eq!(counts.messages, 4);
    });
}

/// The host dies while Exchange works on what it was asked for.
#[test]
fn crash_during_a_request() {
    for operation in ["CreateItem", "SendItem"] {
        play(async |world| {
            let host = world.host().await;
            let service = world.company().mailbox("chat-digest");
            world.exchange_fault(operation, 1, Fault::Delay(Duration::from_secs(60)));
            world.post("Build", "anna").await;
            world
                .until("Exchange has done it", async || {
                    world.exchange(|exchange| match operation {
                        "CreateItem" => exchange.drafts(&service).count() == 2,
                        _ => exchange.sent(&service).count() == 2,
                    })
                })
                .await;
            world.crash(host).await;
            let host = world.host().await;
            world.settled(&host).await;
            assert!(world.log.says(&["on their way when the host stopped"]), "{operation}");
            let drafts = world.exchange(|exchange| exchange.drafts(&service).count());
            assert_eq!(drafts, 0, "{operation}: a draft is left over");
        });
    }
}

/// The host dies when Exchange has not yet seen the request, nor ever will.
#[test]
fn crash_before_a_request() {
    play(async |world| {
        let host = world.host().await;
        world.exchange_fault("SendItem", 1, Fault::DropBefore);
        world.post("Build", "anna").await;
        world
            .until("the request was made", async || {
                world.exchange(|exchange| exchange.faults.is_empty())
            })
            .await;
        world.crash(host).await;
        let host = world.host().await;
        world.log.wait(&["looked for it", "still a draft"]).await;
        assert!(world.found().is_empty());
        host.stop().await;
        world.let_time_pass(MINUTES).await;
        let host = world.host().await;
        world.settled(&host).await;
    });
}

/// One thing that a pool can do wrong, and its name.
type Bend = (&'static str, fn(&mut Faults));

/// Lets each fault happen to a host in the rooms, and to one that comes back.
fn play_faults(faults: &[Bend]) {
    play(async |world| {
        let host = world.host().await;
        posts(world).await;
        world.settled(&host).await;
        for (name, bend) in faults {
            println!("{name}");
            world.pool_faults(*bend).await;
            posts(world).await;
            // What bends commands is met at the next connection.
            world.pool(|pool| pool.restart(clock::now())).await;
            posts(world).await;
            world.settled(&host).await;
            world.pool_faults(|faults| *faults = Faults::default()).await;
        }
    });
}

#[test]
fn pool_faults_of_dialogs() {
    play_faults(&[
        ("INFO answered 481", |faults| faults.info_481 = 1),
        ("UPDATE answered 481", |faults| faults.update_481 = 1),
        ("dead dialogs still fed", |faults| {
            faults.stale_dialogs = 1;
            faults.info_481 = 1;
        }),
        ("INFO answered 503", |faults| faults.info_503 = 1),
    ]);
}

#[test]
fn pool_faults_of_posts() {
    play_faults(&[
        ("posts sent twice", |faults| faults.duplicates = 3),
        ("gaps in the numbers", |faults| faults.id_gaps = 2),
        ("history newest first", |faults| faults.reversed_histories = 3),
        ("live posts overtake the join", |faults| {
            faults.early_posts = 2;
            faults.slow_by = Duration::from_millis(300);
        }),
    ]);
}

#[test]
fn pool_faults_of_answers() {
    play_faults(&[
        ("answers merged", |faults| faults.merged_replies = 1),
        ("slow answers", |faults| {
            faults.slow_replies = 3;
            faults.slow_by = Duration::from_millis(300);
        }),
        ("odd heads in pieces", |faults| {
            faults.capital_headers = true;
            faults.folded_headers = true;
            faults.split_bytes = Some(61);
        }),
        ("large rooms", |faults| faults.large_rooms = true),
    ]);
}

async fn posts(world: &World) {
    for (room, author) in [("Ops", "anna"), ("Build", "bob"), ("News", "anna"), ("Ops", "bob")] {
        world.post(room, author).await;
    }
}

/// The chat service, the pool and the wire break one after the other, posts going on all the while.
#[test]
fn lost_connections() {
    play(async |world| {
        let tap = Tap::start(world.embedded.addresses.sip_tls).await;
        let server = tap.address.to_string();
        let host = world.host_with(|settings| settings.set("chat.server", server)).await;
        posts(world).await;
        world.settled(&host).await;
        for _ in 0..2 {
            posts(world).await;
            tap.cut();
            posts(world).await;
            world.pool(|pool| pool.restart_chat(clock::now())).await;
            posts(world).await;
            world.pool(|pool| pool.restart(clock::now())).await;
            posts(world).await;
            world.settled(&host).await;
        }
        assert!(tap.connections() >= 3);
    });
}

/// Posts for a larger company in any order, while both servers fail at random and the host crashes.
#[test]
fn random_histories() {
    let more = "[[rooms]]\nguid = \"44444444-4444-4444-8444-444444444444\"\nname = \"Attic\"\n\
                privacy = \"secret\"\nmembers = [\"chat-digest\", \"crew@tiny.example\", \"emil\"]\n";
    for seed in [1, 2, 3] {
        play_in(&format!("{COMPANY}\n{more}"), async |world| {
            println!("seed {seed}");
            let mut dice = Dice::new(seed);
            let mut host = world.host().await;
            for room in ["Ops", "Build", "News", "Attic"] {
                world.post(room, "bob").await;
            }
            world.settled(&host).await;
            for _ in 0..200 {
                let room = &world.company().rooms[dice.roll(4)];
                let people = world.company().people(room);
                let author = &people[dice.roll(people.len())].login;
                world.post(&room.name, author).await;
                match dice.roll(40) {
                    0 => {
                        world.crash(host).await;
                        host = world.start_host(|_| {}).await;
                    }
                    1 => world.pool(|pool| pool.restart_chat(clock::now())).await,
                    2 => world.pool(|pool| pool.restart(clock::now())).await,
                    3 => world.pool_faults(|faults| faults.info_481 = 1).await,
                    4 => world.pool_faults(|faults| faults.duplicates += 3).await,
                    5 => world.pool_faults(|faults| faults.id_gaps += 1).await,
                    6 => world.pool_faults(|faults| faults.reversed_histories += 2).await,
                    7 => world.exchange_fault("SendItem", 1, Fault::DropAfter),
                    8 => world.exchange_fault("CreateItem", 1, Fault::DropAfter),
                    9 => world.exchange_fault("SendItem", 1, Fault::Truncate { bytes: 200 }),
                    10 => world.exchange_fault("CreateItem", 1, Fault::Truncate { bytes: 200 }),
                    11 => {
                        let back_off_ms = Some(200);
                        world.exchange_fault("SendItem", 1, Fault::ServerBusy { back_off_ms });
                    }
                    12 => world.exchange_fault("SendItem", 1, Fault::StaleChangeKey),
                    13 => world.exchange_fault("SendItem", 1, Fault::RewriteMessageId),
                    14 => {
                        let delay = Duration::from_millis(300);
                        world.exchange_fault("CreateItem", 1, Fault::Delay(delay));
                    }
                    _ => {}
                }
            }
            host.stop().await;
            world.pool_faults(|faults| *faults = Faults::default()).await;
            world.exchange(|exchange| exchange.faults.clear());
            world.let_time_pass(MINUTES).await;
            let host = world.host().await;
            world.settled(&host).await;
        });
    }
}

/// A room in which nothing was said while the host was there: what is said in it while the host is
/// away counts all the same, for the host had joined it.
#[test]
fn posts_missed_in_a_room_that_was_silent() {
    play(async |world| {
        let host = world.host().await;
        host.stop().await;
        posts(world).await;
        let host = world.host().await;
        world.settled(&host).await;
    });
}
