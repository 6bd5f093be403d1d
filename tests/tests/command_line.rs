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

/// Whoever has read enough closes the pipe.
#[test]
fn who_reads_no_further_is_told_nothing() {
    play(async |_| {
        let mut config = program(&["config", "--reference"]);
        let mut config = config.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(config.stdout.take());
        let output = tokio::time::timeout(WAIT, config.wait_with_output()).await.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    });
}

/// A host that could not start is not shown as one that runs, though its lease has not run out.
#[test]
fn who_did_not_start_does_not_run() {
    play(async |world| {
        let config = world.write_config(|settings| {
            let mut file = toml::Table::new();
            file.insert("file".to_owned(), "/nowhere/password".into());
            settings.set("mail.password", file);
        });
        let config = config.to_str().unwrap();
        let (run, said) = output(&["run", "--config", config]).await;
        assert!(!run.status.success() && said.contains("/nowhere/password"), "{said}");
        let (status, said) = output(&["status", "--config", config]).await;
        assert!(status.status.success() && said.contains("none runs"), "{said}");
    });
}

#[test]
fn check_finds_all_well_and_sends_nothing() {
    play(async |world| {
        let config = world.write_config(|_| {});
        let (output, said) = output(&["check", "--config", config.to_str().unwrap()]).await;
        assert!(output.status.success(), "{said}");
        for words in [
            "All is well",
            "`Ops` (ma-chan://",
            "5 would be offered mail",
            "Cleo Díaz",
            "drafts can be read",
            "not asked for: --send-to",
            "Exchange   DNS ok  connection ok  TLS ok  sign-in ok  mailbox ok  rights ok  test mail skip",
            "Chat       DNS ok  connection ok  TLS ok  sign-in ok  provisioning ok  chat server ok  rooms ok  members ok",
        ] {
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

#[test]
fn check_sends_a_test_mail_to_whom_it_is_told() {
    play(async |world| {
        let config = world.write_config(|_| {});
        let anna = world.company().mailbox("anna");
        let arguments =
            ["check", "--config", config.to_str().unwrap(), "--json", "--send-to", &anna];
        let (well, said) = output(&arguments).await;
        assert!(well.status.success(), "{said}");
        let lines = String::from_utf8(well.stdout).unwrap();
        let steps: Vec<serde_json::Value> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mail = steps.iter().find(|step| step["step"] == "test mail").unwrap();
        assert_eq!((&mail["side"], &mail["outcome"]), (&"exchange".into(), &"ok".into()));
        assert!(mail["said"].as_str().unwrap().contains("among the sent mails"), "{mail}");
        let inbox = world.inbox("anna");
        let subjects: Vec<_> =
            inbox.iter().map(|mail| mail.item.content().subject.clone()).collect();
        assert_eq!(subjects, ["Test mail of chat-digest"]);

        let arguments = ["check", "--config", config.to_str().unwrap(), "--send-to", "anna"];
        let (refused, said) = output(&arguments).await;
        assert_eq!(refused.status.code(), Some(2), "{said}");
    });
}

/// What is not reached because of an earlier fault is told apart from what is at fault.
#[test]
fn check_names_the_step_that_fails() {
    play(async |world| {
        let config = world.write_config(|settings| {
            settings.set("mail.password", "wrong");
            settings.set("chat.password", "wrong");
        });
        let (_, said) = output(&["check", "--config", config.to_str().unwrap()]).await;
        for words in [
            "sign-in FAIL  mailbox skip  rights skip  test mail skip",
            "sign-in FAIL  provisioning skip  chat server skip  rooms skip  members skip",
            "Mend what is marked FAIL",
        ] {
            assert!(said.contains(words), "`{words}` is missing in:\n{said}");
        }
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
            &[
                "FAIL",
                "127.0.0.1: ResolveNames: sign-in refused",
                "`login` and `password` under [mail]",
            ],
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
