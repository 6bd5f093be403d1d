//! Guests put in service while the host runs.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use host::{config, guest::PREBUILT, guests::Maker};
use tests::{World, play};
use tokio::process::Command;

/// Longest time for a command.
const WAIT: Duration = Duration::from_secs(120);
const SWAPS: usize = 1000;

/// The shipped guest with another digest.
fn another(name: u8) -> Vec<u8> {
    [PREBUILT, &[0, 3, 1, b'x', name]].concat()
}

/// What a command printed, and whether it ended well.
async fn said(arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-digest-tested"));
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).env_remove("CHAT_DIGEST_LOG");
    let output = tokio::time::timeout(WAIT, command.output()).await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].map(|all| String::from_utf8_lossy(&all).into_owned());
    (output.status.success(), text.concat())
}

fn write(world: &World, name: &str, bytes: &[u8]) -> PathBuf {
    let file = world.directory().join(name);
    std::fs::write(&file, bytes).unwrap();
    file
}

/// Guests take each other's place a thousand times while messages come: each is with everybody who is
/// owed it, once, and by one of the two.
#[test]
fn a_thousand_swaps_under_traffic_lose_and_double_nothing() {
    play(async |world| {
        let file = world.write_config(|_| {});
        let config = config::load(&file).unwrap();
        let scratch = world.directory().join("compiled");
        let host = world.host().await;
        let maker = Maker::new(&config, &scratch).unwrap();
        let make = |number| maker.make(&"default".into(), &another(number), "x.wasm").unwrap();
        let guests = [Arc::new(make(1)), Arc::new(make(2))];
        let swap = |number: usize| host.guests.swap(Arc::clone(&guests[number % 2]));
        for number in 0..SWAPS {
            swap(number);
            if number % 10 == 0 {
                world.post(["Ops", "Build", "News"][number / 10 % 3], "anna").await;
            }
            tokio::task::yield_now().await;
        }
        world.settled(&host).await;
        world.assert_proven();
        let calls: u64 = guests.iter().map(|guest| guest.counts().0).sum();
        let failures: u64 = guests.iter().map(|guest| guest.counts().1).sum();
        assert_eq!(failures, 0);
        assert!(calls >= 100, "{calls} calls");
        host.stop().await;
    });
}

#[test]
fn a_guest_is_loaded_listed_compared_and_unloaded_beside_a_running_host() {
    play(async |world| {
        let config = world.write_config(|_| {});
        let config = config.to_str().unwrap();
        let host = world.host().await;
        world.post("Ops", "anna").await;
        let file = write(world, "next.wasm", &another(1));
        let file = file.to_str().unwrap();

        let (well, text) =
            said(&["guest", "load", file, "--config", config, "--room", "Ops"]).await;
        assert!(well, "{text}");
        assert!(text.contains("it compiles, and answers the sample messages"), "{text}");
        assert!(text.contains(": in service"), "{text}");
        world.post("Ops", "anna").await;
        world.post("Build", "anna").await;
        let (well, text) = said(&["guest", "list", "--config", config]).await;
        assert!(well && text.contains("loaded  next") && text.contains("rooms: Ops"), "{text}");

        let trap: &[u8] = include_bytes!("../guests/prebuilt/trap.wasm");
        let trap = write(world, "trap.wasm", trap);
        let trap = trap.to_str().unwrap();
        let (well, text) =
            said(&["guest", "load", trap, "--config", config, "--name", "next", "--room", "Ops"])
                .await;
        assert!(!well && text.contains("it failed a sample message"), "{text}");
        let (well, text) =
            said(&["guest", "load", file, "--config", config, "--name", "nobody"]).await;
        assert!(!well && text.contains("no guest `nobody`") && text.contains("--room"), "{text}");

        let (well, text) = said(&["guest", "load", file, "--config", config, "--shadow"]).await;
        assert!(well && text.contains(": runs beside the one in service"), "{text}");
        let (_, text) = said(&["status", "--config", config]).await;
        assert!(
            text.contains(": runs beside the one in service, ") && text.contains(": in service, "),
            "{text}"
        );
        world.post("Build", "anna").await;
        world.settled(&host).await;
        let (well, text) = said(&["guest", "shadow", "--config", config]).await;
        assert!(well && text.contains("0 differences"), "{text}");

        let (well, text) = said(&["guest", "promote", "--config", config]).await;
        assert!(well && text.contains(": in service"), "{text}");
        let (well, text) = said(&["guest", "promote", "--config", config]).await;
        assert!(!well && text.contains("no candidate runs beside `default`"), "{text}");
        let (well, text) = said(&["guest", "list", "--config", config]).await;
        assert!(well && text.contains("loaded  default  "), "{text}");

        let (well, text) =
            said(&["replay", "--config", config, "--guest", file, "--from", "1d", "--json"]).await;
        assert!(well, "{text}");
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["messages"], 2, "{text}");
        assert_eq!(
            (&report["messages_that_differ"], &report["gain"]),
            (&0.into(), &0.into()),
            "{text}"
        );
        assert_eq!(report["before"]["mails"], report["after"]["mails"], "{text}");
        assert_eq!(report["before"]["bytes"], report["after"]["bytes"], "{text}");
        assert!(report["before"]["mails"].as_u64().unwrap() > 0, "{text}");

        let (well, text) = said(&["guest", "unload", "next", "--config", config]).await;
        assert!(well, "{text}");
        let (well, text) = said(&["guest", "unload", "next", "--config", config]).await;
        assert!(!well && text.contains("no guest `next` was loaded"), "{text}");
        world.post("Ops", "anna").await;
        world.settled(&host).await;
        world.assert_proven();
        host.stop().await;
    });
}
