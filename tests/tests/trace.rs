//! Transcripts: nothing private stands in one of a real conversation, it plays again without a
//! difference, and what is wrong with one is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod program;

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Output,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use lync::server::{NewPost, PoolEvent};
use tests::{World, play_in};

use program::{Running, WAIT, output, program};

/// No word of it is one of the protocols'.
const COMPANY: &str = r#"
domain = "quendel.example"
netbios_domain = "QUENDELWERK"

[[users]]
login = "robotnik-svc"
name = "Robotnik Zustelldienst"
password = "pw-Quittengelee&Söhne"
[[users]]
login = "wilhelmina"
name = "Wilhelmina Döblin & Co"
password = "pw-wil-Quittengelee"
[[users]]
login = "ottokar"
name = "Ottokar Pfifferling"
password = "pw-ott-Quittengelee"

[[groups]]
address = "mannschaft@quendel.example"
name = "Mannschaft Nord"
members = ["wilhelmina", "ottokar"]

[[rooms]]
guid = "a1b2c3d4-1111-4111-8111-f0e1d2c3b4a5"
name = "Möwenzimmer <Süd>"
description = "Ankerplatz für Schichtleiter"
topic = "Sturmwarnung Kattegat"
members = ["robotnik-svc", "wilhelmina", "ottokar"]
[[rooms]]
guid = "b2c3d4e5-2222-4222-8222-0f1e2d3c4b5a"
name = "Kombüse"
members = ["robotnik-svc", "mannschaft@quendel.example"]
"#;

const SERVICE: &str = "robotnik-svc";
const TEXTS: [&str; 3] = [
    "Zwetschgendatschi um vier in der Pantry",
    "Kontonummer 4711082099887766 & <PIN> \"93817046529\"",
    "https://geheim.quendel.example/akten?id=Rosinenbomber",
];

/// Everything that must not stand in a transcript, each too long to stand there by chance, say in the
/// fraction of a time.
const PRIVATE: &[&str] = &[
    "robotnik",
    "wilhelmina",
    "ottokar",
    "Zustelldienst",
    "Döblin",
    "Pfifferling",
    "Quittengelee",
    "Söhne",
    "quendel",
    "QUENDELWERK",
    "mannschaft",
    "a1b2c3d4",
    "f0e1d2c3b4a5",
    "b2c3d4e5",
    "Möwenzimmer",
    "Süd",
    "Ankerplatz",
    "Schichtleiter",
    "Sturmwarnung",
    "Kattegat",
    "Kombüse",
    "Zwetschgendatschi",
    "Pantry",
    "4711082099887766",
    "93817046529",
    "geheim",
    "Rosinenbomber",
    "127.0.0.1",
    "localhost",
];

/// The ways in which a text could stand there.
fn spellings(text: &str) -> Vec<String> {
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let percent =
        |text: &str| -> String {
            let kept = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
            text.bytes()
                .map(|byte| {
                    if kept(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
                })
                .collect()
        };
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let references = |of: fn(u32) -> String| {
        let one = |c: char| if c.is_ascii() { c.to_string() } else { of(c.into()) };
        text.chars().map(one).collect::<String>()
    };
    let mut all = vec![
        text.to_owned(),
        percent(text),
        hex(text.as_bytes()),
        hex(&utf16(text)),
        references(|code| format!("&#{code};")),
        references(|code| format!("&#x{code:x};")),
        text.replace('&', "&amp;").replace('<', "&lt;"),
        text.chars().map(|c| format!("{c}\0")).collect(),
    ];
    for bytes in [text.as_bytes().to_vec(), utf16(text), utf16(&text.to_uppercase())] {
        for before in 0..3 {
            // What depends on the octets around it is left out.
            let encoded = BASE64_STANDARD.encode([vec![0; before], bytes.clone()].concat());
            let begin = if before == 0 { 0 } else { before + 1 };
            let end = encoded.trim_end_matches('=').len().saturating_sub(1);
            if end > begin + 6 {
                all.push(encoded[begin..end].to_owned());
            }
        }
    }
    all
}

fn assert_nothing_private(transcript: &str) {
    let small = transcript.to_lowercase();
    for private in PRIVATE {
        for spelling in spellings(private) {
            let found = small.find(&spelling.to_lowercase());
            let around = found.map(|at| {
                let line = small[..at].lines().count();
                (line, transcript.lines().nth(line.saturating_sub(1)))
            });
            assert_eq!(around, None, "`{private}` as `{spelling}`");
        }
    }
}

async fn post(world: &World, room: usize, text: &str) -> u64 {
    let company = world.company();
    let uri = company.room_uri(&company.rooms[room]);
    let author = company.sip("wilhelmina");
    world.embedded.pool.post(&uri, &author, NewPost::text(text)).await.unwrap()
}

/// Posts, and waits until the service has taken it.
async fn post_and_wait(world: &World, room: usize, text: &str) {
    let mut events = world.embedded.pool.events();
    let number = post(world, room, text).await;
    let service = world.company().sip(SERVICE);
    let answered = async {
        loop {
            if let PoolEvent::Answered { id, by, .. } = &*events.recv().await.unwrap()
                && *id == number
                && *by == service
            {
                return;
            }
        }
    };
    tokio::time::timeout(WAIT, answered).await.expect("the post is not taken");
}

async fn replay(file: &Path) -> (Output, String) {
    output(&["trace", "replay", file.to_str().unwrap()]).await
}

/// Records a host that signs in, joins, reads what was said, hears more, and signs out.
async fn record(world: &World) -> PathBuf {
    let config = world.write_config(|_| {});
    let file = world.directory().join("pool.trace");
    for text in TEXTS {
        post(world, 0, text).await;
    }
    let (config, shown) = (config.to_str().unwrap(), file.to_str().unwrap());
    let mut command =
        program(&["trace", "record", "--config", config, "--output", shown, "--for", "1h"]);
    command.env("CHAT_DIGEST_LOG", "info,host::chat=debug");
    let mut running = Running::start_as(command);
    running.says("chat: caught up", world.company().rooms.len()).await;
    running.says("directory: ", world.company().rooms.len()).await;
    for text in TEXTS {
        post_and_wait(world, 0, text).await;
        post_and_wait(world, 1, text).await;
    }
    running.signal("-INT").await;
    let (status, said) = running.ended().await;
    assert!(status.success(), "{said}");
    file
}

#[test]
fn what_is_recorded_holds_nothing_private_and_plays_again() {
    play_in(COMPANY, async |world| {
        let file = record(world).await;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let transcript = std::fs::read_to_string(&file).unwrap();
        assert_nothing_private(&transcript);
        for words in [
            "cmd:getassociations",
            "rpl:bjoin",
            "cmd:x-getmembers",
            "<grpchat ",
            "(NTLM CHALLENGE, flags ",
            "<ResolveNames",
            "<ResponseCode>NoError<",
            "getassociations: asked 2, answered: 200 (2)",
            " lost, whole\n",
        ] {
            assert!(transcript.contains(words), "`{words}` is missing");
        }
        let (output, said) = replay(&file).await;
        assert!(output.status.success() && said.contains("Nothing differs."), "{said}");

        let config = world.write_config(|_| {});
        let (config, shown) = (config.to_str().unwrap(), file.to_str().unwrap());
        let again = ["trace", "record", "--config", config, "--output", shown];
        let (output, said) = program::output(&again).await;
        assert!(!output.status.success() && said.contains("there already"), "{said}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), transcript);

        changed_ones_are_told(&file, &transcript).await;
    });
}

async fn changed_ones_are_told(file: &Path, transcript: &str) {
    let changed = file.with_extension("changed");
    let write = |from: &str, to: &str| {
        let text = transcript.replacen(from, to, 1);
        assert_ne!(text, transcript, "{from}");
        std::fs::write(&changed, text).unwrap();
    };
    let line_of =
        |words: &str| transcript.lines().position(|line| line.contains(words)).unwrap() + 1;

    // An element that nobody knows is reported, and makes no difference.
    write("<data><chanib ", "<data><mystery deep=\"1\"/><chanib ");
    let (output, said) = replay(&changed).await;
    assert!(output.status.success() && said.contains("  data/mystery\n"), "{said}");

    // The session says another command than was recorded.
    write("<cmd id=\"cmd:getserverinfo\"", "<cmd id=\"cmd:getinv\"");
    let (output, said) = replay(&changed).await;
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("DIFF  > INFO cmd:getinv") && said.contains("The first difference: "),
        "{said}"
    );

    // An answer of Exchange that cannot be read as one.
    write("<ResolveNamesResponseMessage", "<Elsewhere");
    let (output, said) = replay(&changed).await;
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("ODD"), "{said}");

    // Damage is told by file and line.
    write("\n|\n| <xccos ", "\n|\n<xccos ");
    let (output, said) = replay(&changed).await;
    let place = format!("{}:{}: ", changed.display(), line_of("| <xccos "));
    assert!(!output.status.success() && said.contains(&place), "{place}: {said}");
    std::fs::write(&changed, &transcript[..transcript.len() / 2]).unwrap();
    let (output, said) = replay(&changed).await;
    assert!(!output.status.success() && said.contains("changed:"), "{said}");
}

/// What a pool says to a wrong password; it is asked no second time.
#[test]
fn a_refused_sign_in_plays_again() {
    play_in(COMPANY, async |world| {
        let wrong = "wrong-Quittengelee";
        let config = world.write_config(|settings| settings.set("chat.password", wrong));
        let file = world.directory().join("refused.trace");
        let (config, shown) = (config.to_str().unwrap(), file.to_str().unwrap());
        let record = ["trace", "record", "--config", config, "--output", shown, "--for", "1h"];
        let mut running = Running::start(&record);
        running.says("user name or password is wrong", 1).await;
        running.signal("-INT").await;
        let (status, said) = running.ended().await;
        assert!(status.success(), "{said}");
        let transcript = std::fs::read_to_string(&file).unwrap();
        assert_nothing_private(&transcript);
        assert_eq!(transcript.matches("| SIP/2.0 401 Unauthorized\n").count(), 3);
        let (output, said) = replay(&file).await;
        assert!(output.status.success() && said.contains("Nothing differs."), "{said}");
    });
}

/// The service itself, with the mails that it makes of posts.
#[test]
fn a_running_service_records_itself() {
    play_in(COMPANY, async |world| {
        let config = world.write_config(|_| {});
        let file = world.directory().join("service.trace");
        let (config, shown) = (config.to_str().unwrap(), file.to_str().unwrap());
        let mut running = Running::start(&["run", "--config", config, "--trace", shown]);
        running.says("chat: joined", world.company().rooms.len()).await;
        running.says("directory: ", world.company().rooms.len()).await;
        for text in TEXTS {
            post_and_wait(world, 0, text).await;
        }
        let arrived = async || !world.inbox("ottokar").is_empty();
        world.until("a mail has arrived", arrived).await;
        let (well, said) = running.terminate().await;
        assert!(well && said.contains("trace: "), "{said}");
        let transcript = std::fs::read_to_string(&file).unwrap();
        assert_nothing_private(&transcript);
        assert!(transcript.contains("<CreateItem ") && transcript.contains("<grpchat "));
        let (output, said) = replay(&file).await;
        assert!(output.status.success(), "{said}");

        // It goes on where it was: what was said meanwhile comes from the history.
        post(world, 0, TEXTS[0]).await;
        let file = world.directory().join("second.trace");
        let again = ["run", "--config", config, "--trace", file.to_str().unwrap()];
        let mut running = Running::start(&again);
        running.says("chat: joined", world.company().rooms.len()).await;
        post_and_wait(world, 1, TEXTS[1]).await;
        let (well, said) = running.terminate().await;
        assert!(well, "{said}");
        let transcript = std::fs::read_to_string(&file).unwrap();
        assert_nothing_private(&transcript);
        assert!(transcript.contains("<last cnt=\"50\"/>"));
        let (output, said) = replay(&file).await;
        assert!(output.status.success(), "{said}");
    });
}
