//! The program as an administrator runs it: started, checked, and asked to stop.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod program;

use std::process::Stdio;

use tests::{Settings, World, play};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use program::{WAIT, output, program, run};

fn assert_discreet(said: &str) {
    for private in ["Quittengelee", "Zwetschgendatschi", "@tiny.example"] {
        assert!(!said.contains(private), "{said}");
    }
}

#[test]
fn run_until_asked_to_stop() {
    play(async |world| {
        let config = world.write_config(|_| {});
        let mut running = run(world, &config).await;
        running.says("directory: ", 3).await;
        world.post("Ops", "anna").await;
        world.arrived().await;
        let (well, said) = running.terminate().await;
        assert!(well, "{said}");
        world.assert_settled().await;
        assert!(said.contains("mail has stopped"), "{said}");
        assert_discreet(&said);
    });
}

#[test]
fn check_finds_all_well_and_sends_nothing() {
    play(async |world| {
        let config = world.write_config(|_| {});
        let (output, said) = output(&["check", "--config", config.to_str().unwrap()]).await;
        assert!(output.status.success(), "{said}");
        for words in ["All is well", "room `Ops`", "5 members", "Cleo Díaz", "drafts can be read"]
        {
            assert!(said.contains(words), "`{words}` is missing in:\n{said}");
        }
        assert!(!said.contains("Quittengelee"), "{said}");
        let service = world.company().mailbox("chat-digest");
        let touched = world.exchange(|exchange| {
            exchange.drafts(&service).count() + exchange.sent(&service).count()
        });
        assert_eq!((touched, world.store().exists()), (0, false));
    });
}

async fn assert_check_says(world: &World, change: impl FnOnce(&mut Settings), words: &[&str]) {
    let config = world.write_config(change);
    let (output, said) = output(&["check", "--config", config.to_str().unwrap()]).await;
    assert!(!output.status.success(), "{said}");
    for words in words {
        assert!(said.contains(words), "`{words}` is missing in:\n{said}");
    }
    assert!(!said.contains("Quittengelee"), "{said}");
}

#[test]
fn check_says_what_is_wrong() {
    play(async |world| {
        let wrong = "wrong-Quittengelee";
        assert_check_says(
            world,
            |settings| settings.set("chat.password", wrong),
            &["FAIL", "user name or password is wrong", "`login` and `password` under [chat]"],
        )
        .await;
        assert_check_says(
            world,
            |settings| settings.set("mail.password", wrong),
            &["FAIL", "Exchange: 127.0.0.1", "`login` and `password` under [mail]"],
        )
        .await;
        assert_check_says(
            world,
            |settings| settings.remove("chat.ca_file"),
            &["FAIL", "certificate is not trusted", "`ca_file` under [chat]"],
        )
        .await;
        assert_check_says(
            world,
            |settings| settings.remove("mail.ca_file"),
            &["FAIL", "certificate is not trusted", "`ca_file` under [mail]"],
        )
        .await;
        assert_check_says(
            world,
            |settings| settings.set("chat.pasword", "x"),
            &["chat-digest.toml", "pasword", "line ", "did you mean `password`?"],
        )
        .await;
        assert_check_says(
            world,
            |settings| settings.set("guest.file", "/nowhere/guest.wasm"),
            &["FAIL", "guest.file", "/nowhere/guest.wasm"],
        )
        .await;
    });
}

#[test]
fn demo_loses_nothing() {
    play(async |_| {
        let (output, said) = output(&["demo", "--posts", "12", "--exit"]).await;
        assert!(output.status.success(), "{said}");
        let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&summary["posts"], &summary["lost"], &summary["doubled"]),
            (&12.into(), &0.into(), &0.into())
        );
    });
}

#[test]
fn embedded_says_where_it_is() {
    play(async |_| {
        let mut child = program(&["embedded", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = tokio::time::timeout(WAIT, lines.next_line()).await.unwrap().unwrap().unwrap();
        let addresses: serde_json::Value = serde_json::from_str(&line).unwrap();
        for key in ["sip_tls", "sip_tcp", "ews", "ca_file", "page"] {
            assert!(addresses[key].is_string(), "{key} in {line}");
        }
        for key in ["sip", "login", "password", "mailbox", "name"] {
            assert!(addresses["users"][0][key].is_string(), "users.{key}");
        }
        assert!(addresses["rooms"][0]["members"][0].as_str().unwrap().starts_with("sip:"));
        let id = child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
        assert!(tokio::time::timeout(WAIT, child.wait()).await.unwrap().unwrap().success());
    });
}
