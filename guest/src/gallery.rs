//! Mails as they come in life, to be checked as a whole and to be looked at:
//! `MAILS=/tmp/mails cargo test -- --ignored mails_to_look_at`.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use crate::compose::compose;
use crate::samples::{gap, item, message, moment, room};
use crate::types::{Edition, Item, Kind, Link, Mail, Mention, Message, Part, Readers, Room};

fn text(words: &str) -> Part {
    Part::Text(words.into())
}

fn link(address: &str, words: &str) -> Link {
    Link { address: address.into(), words: words.into() }
}

fn said(room: u32, at: usize, author: &str, parts: Vec<Part>) -> Item {
    let at = u32::try_from(at).unwrap();
    let sent = moment(4, u8::try_from(9 + at / 60).unwrap(), u8::try_from(at % 60).unwrap());
    item(Message { room, author: author.into(), sent, parts, ..message("") })
}

/// Three rooms, sixty messages, and something of everything that people write.
pub(crate) fn busy_morning() -> Edition {
    let authors = ["Anna Keller", "Marc Ober", "Hana Satō", "נועה לוי", "Tom Baker"];
    let mut items = Vec::new();
    for at in 0..24 {
        // Everybody says two things in a row.
        let author = authors.get(at / 2 % authors.len()).unwrap();
        let words = format!("Step {at}: the old partitions move, nothing else is touched so far.");
        items.push(said(1, at * 4, author, vec![text(&words)]));
    }
    let special = [
        (
            3,
            vec![text("@"), mention("Bo Reader"), text(" can you look at db-7? Writes will stop.")],
        ),
        (
            6,
            vec![
                text("Graph: "),
                Part::Hyperlink(link(
                    "https://grafana.contoso.example/d/db7/overview?orgId=1&from=now-6h&to=now&var-host=db-7&refresh=30s",
                    "https://grafana.contoso.example/d/db7/overview?orgId=1&from=now-6h&to=now&var-host=db-7&refresh=30s",
                )),
            ],
        ),
        (
            8,
            vec![
                text("report: "),
                Part::FileLink(link(
                    "ma-filelink://contoso.example/5b1d/31/partitions.xlsx",
                    "partitions.xlsx",
                )),
                text(" 👍🏽 🎉 "),
                Part::Emoticon(":-)".into()),
            ],
        ),
        (
            12,
            vec![text(
                "if (queue.len() > QUEUE_LENGTH_MAX && std::env::var_os(\"CHAT_DIGEST_FORCE\").is_none()) { return Err(Error::Full { waiting: queue.len(), since: started.elapsed() }); }\n\tretry(again);\n\u{1b}[31mred ]]> & <b>bold</b>",
            )],
        ),
        (
            15,
            vec![text(
                "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
            )],
        ),
        (17, vec![text("בוקר טוב לכולם! db-7 חזר לעבודה (97%), תודה Marc.")]),
        (
            19,
            vec![
                text("See "),
                Part::RoomLink(link("ma-chan://contoso.example/22", "Build")),
                text(" for the rest."),
            ],
        ),
    ];
    for (at, parts) in special {
        let item: &mut Item = items.get_mut(at).unwrap();
        item.named = at == 3;
        item.message.parts = parts;
    }
    items.get_mut(10).unwrap().message.kind = Kind::Alert;
    items.get_mut(10).unwrap().message.parts =
        vec![text("db-7 is at 97 %. Writes will stop within the hour.")];
    for at in 0..22 {
        let author = authors.get(at / 3 % authors.len()).unwrap();
        items.push(said(2, 5 + at * 5, author, vec![text(&format!("main is red at run {at}"))]));
    }
    for at in 0..14 {
        let author = authors.get(at % authors.len()).unwrap();
        items.push(said(
            3,
            20 + at * 3,
            author,
            vec![text("Kommt jemand mit zum Mittagessen? 12:15 unten. 🥗")],
        ));
    }
    let story = items.get_mut(50).unwrap();
    story.message.kind = Kind::Story("Where we stand before the last quarter".into());
    story.message.parts = vec![
        text(&"The three things we set out to do in spring are done. ".repeat(12)),
        Part::LineBreak,
        Part::LineBreak,
        text("What is left is harder."),
    ];
    let topic = |name: &str, id, topic: &str| Room { topic: topic.into(), ..room(id, name) };
    Edition {
        readers: Readers { language: 0x656e, time_zone: "Europe/Berlin".into() },
        rooms: vec![
            topic("Ops Desk", 1, "What runs, and what does not"),
            topic("Build & Release", 2, ""),
            topic("קפה", 3, "שיחות חופשיות"),
        ],
        items,
        digest: true,
        summaries: Vec::new(),
    }
}

fn mention(words: &str) -> Part {
    Part::Mention(Mention { words: words.into(), person: None })
}

/// One message, mailed at once.
pub(crate) fn one_message() -> Edition {
    let all = busy_morning();
    let one = |at: usize| all.items.get(at).cloned().unwrap();
    Edition {
        items: vec![one(12)],
        rooms: vec![all.rooms.first().cloned().unwrap()],
        digest: false,
        ..all
    }
}

fn short() -> Edition {
    let all = busy_morning();
    let rooms = vec![all.rooms.first().cloned().unwrap()];
    let items = vec![Item { named: true, ..all.items.get(10).cloned().unwrap() }];
    Edition { items, rooms, digest: false, ..all }
}

fn one_room() -> Edition {
    let all = busy_morning();
    let rooms = vec![all.rooms.first().cloned().unwrap()];
    let items = all.items.iter().filter(|i| i.message.room == 1).cloned().collect();
    Edition { items, rooms, readers: Readers { language: 0x6465, ..all.readers }, ..all }
}

/// The busy morning with messages missing in two rooms.
fn with_gaps() -> Edition {
    let mut all = busy_morning();
    for (at, missing) in [(30, None), (5, Some(12))] {
        let before = all.items.get(at).cloned().unwrap().message;
        let message = Message { room: before.room, sent: before.sent, ..gap(missing).message };
        all.items.insert(at + 1, item(message));
    }
    all
}

fn mail(edition: &Edition) -> Mail {
    compose(edition).unwrap().mail
}

#[test]
fn a_busy_morning_is_told_in_order() {
    let mail = mail(&busy_morning());
    assert_eq!(mail.subject, "Chat digest: 3 rooms, 60 messages, 1 names you");
    assert!((40..=90).contains(&mail.preview.chars().count()), "{}", mail.preview);
    let order = ["For you", "Alerts", "Rooms in this mail", "Links and files", "Why you get this"];
    let at = |whole: &str| order.map(|words| whole.find(words).unwrap());
    assert!(at(&mail.html).is_sorted() && at(&mail.text).is_sorted());
    // Header, for you, alerts, contents, three rooms, links, footer.
    assert_eq!(mail.html.matches("width=\"640\"").count(), 9);
    let long = |line: &&str| line.chars().count() > 72 && !line.contains("://");
    assert_eq!(mail.text.lines().find(long), None);
    // Who says two things in a row is named once.
    assert_eq!(mail.text.matches("Anna Keller, 09:00\n").count(), 1);
    assert!(mail.text.contains("so far.\n09:04\n"));
}

#[test]
fn two_rooms_are_summarised_and_the_third_is_told() {
    let mail = mail(&Edition { summaries: vec![1, 2], ..with_gaps() });
    assert!(mail.html.contains("24 messages from 5 people, 1 names you, 1 alert"));
    assert!(mail.html.contains("12 messages were missed") && mail.html.contains("In 2 places"));
    assert_eq!(mail.text.matches("Kommt jemand mit").count(), 13, "{}", mail.text);
    let listing = mail.listing.unwrap();
    assert!(listing.contains("Step 2: ") && listing.contains("main is red at run 7"));
}

/// Writes the mails to the folder `MAILS`.
#[test]
#[ignore = "writes files to look at"]
fn mails_to_look_at() {
    let folder = std::path::PathBuf::from(std::env::var_os("MAILS").unwrap());
    std::fs::create_dir_all(&folder).unwrap();
    let crowd = |n: usize| {
        (0..n)
            .map(|at| Item {
                named: at % 50 == 7,
                ..said(
                    1,
                    at / 3,
                    &format!("Author {}", at % 9),
                    vec![text(&format!("message {at} {}", "and so on ".repeat(20)))],
                )
            })
            .collect()
    };
    let all = busy_morning();
    let crowd =
        Edition { items: crowd(400), rooms: vec![all.rooms.first().cloned().unwrap()], ..all };
    let summaries = Edition { summaries: vec![1, 2], ..with_gaps() };
    let rooms = vec![busy_morning().rooms.first().cloned().unwrap()];
    let german = Readers { language: 0x6465, time_zone: "Europe/Berlin".into() };
    let mut items = with_gaps().items;
    items.retain(|item| item.message.room == 1);
    items.last_mut().unwrap().message.sent = moment(5, 8, 3);
    let summary = Edition { items, rooms, readers: german, summaries: vec![1], digest: true };
    for (name, edition) in [
        ("gaps", with_gaps()),
        ("summaries", summaries),
        ("summary", summary),
        ("digest", busy_morning()),
        ("one", one_message()),
        ("alert", short()),
        ("room", one_room()),
        ("crowd", crowd),
    ] {
        let mail = mail(&edition);
        std::fs::write(folder.join(format!("{name}.html")), &mail.html).unwrap();
        let whole = format!(
            "{}\n{}\n{} bytes of HTML, {} of text\n\n{}",
            mail.subject,
            mail.preview,
            mail.html.len(),
            mail.text.len(),
            mail.text
        );
        std::fs::write(folder.join(format!("{name}.txt")), whole).unwrap();
        if let Some(listing) = &mail.listing {
            std::fs::write(folder.join(format!("{name}-messages.txt")), listing).unwrap();
        }
    }
}
