//! The host as a service: what its administrator and its service manager see of it, and the commands
//! of the guide.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod program;

use std::{path::Path, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use ews::{code::ResponseCode, server::Fault};
use host::config;
use lync::server::NewPost;
use serde_json::Value;
use tests::{Settings, World, books::MARK, browser::Browser, hostile, play};
use tokio::{net::UnixDatagram, process::Command};

use program::{Running, WAIT, output, program, run};

/// What every password of the tests' company holds.
const SECRET: &str = "Quittengelee";
const TOKEN: &str = "Holunderbeerensaft-0123456789";
const GUIDE: &str = include_str!("../../host/packaging/GUIDE.md");

/// The program's output, each line of which is JSON.
async fn lines(arguments: &[&str]) -> Vec<Value> {
    let (output, said) = output(arguments).await;
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn find<'v>(lines: &'v [Value], key: &str, value: &str) -> &'v Value {
    lines.iter().find(|line| line[key] == value).unwrap_or_else(|| panic!("{value} in {lines:?}"))
}

#[test]
fn rooms_and_members_are_listed() {
    play(async |world| {
        let config = world.write_config(|_| {});
        let host = world.host().await;
        world.post("Ops", "anna").await;
        world.settled(&host).await;
        let config = config.to_str().unwrap();
        let rooms = lines(&["rooms", "--config", config, "--json"]).await;
        assert_eq!(rooms.len(), world.company().rooms.len());
        let ops = find(&rooms, "name", "Ops");
        assert_eq!(
            (&ops["messages"], &ops["gaps"], &ops["known"]),
            (&1.into(), &0.into(), &true.into())
        );
        assert!(ops["address"].as_str().unwrap().starts_with("ma-chan://"), "{ops}");
        assert!(ops["last_ms"].is_i64() && ops["host"].is_string(), "{ops}");
        let members = lines(&["members", "--config", config, "--room", "o*", "--json"]).await;
        assert!(members.iter().all(|member| member["room"] == "Ops"), "{members:?}");
        let emil = find(&members, "address", &world.company().sip("emil"));
        assert_eq!((&emil["wish"], &emil["role"]), (&"off".into(), &"member".into()));
        assert_eq!(emil["mailbox"], world.company().mailbox("emil"));
        let (none, said) = output(&["members", "--config", config, "--room", "Nowhere"]).await;
        assert!(!none.status.success() && said.contains("no room is called `Nowhere`"), "{said}");
        host.stop().await;
    });
}

/// Bob wants no more mail from the moment that his administrator says so.
#[test]
fn a_reload_takes_over_what_can_change() {
    play(async |world| {
        let host = world.host().await;
        world.post("Ops", "anna").await;
        world.settled(&host).await;
        let bob = world.company().sip("bob");
        let file = world.write_config(|settings| {
            settings.set_person(&bob, "wish", "off");
            settings.set("mail.lanes", 5);
        });
        let changes = host.reload(&config::load(&file).unwrap()).await.unwrap();
        let list =
            |keys: &std::collections::BTreeSet<String>| keys.iter().cloned().collect::<Vec<_>>();
        assert_eq!(list(&changes.taken), ["people.*.wish"]);
        assert_eq!(list(&changes.restart), ["mail.lanes"]);
        let number = world.post("Ops", "anna").await;
        world.books.forgive(number, &world.company().mailbox("bob"));
        world.settled(&host).await;
        host.stop().await;
    });
}

/// What is planted and must not be told: passwords, the page's token, texts and addresses, in the
/// spellings in which they might be.
fn planted() -> Vec<String> {
    let mut planted = Vec::new();
    for one in [SECRET, MARK, "@tiny.example", TOKEN] {
        let wide: Vec<u8> = one.encode_utf16().flat_map(u16::to_le_bytes).collect();
        planted.extend([one.to_owned(), one.replace('@', "%40"), one.replace('@', "&#64;")]);
        // Base64 has three ways to write what stands inside of something longer.
        for shift in 0..3 {
            for bytes in [one.as_bytes(), &wide] {
                let shifted: Vec<u8> =
                    std::iter::repeat_n(0, shift).chain(bytes.to_vec()).collect();
                let written = STANDARD_NO_PAD.encode(shifted);
                let end = written.len() - 2;
                planted.push(written[4..end].to_owned());
            }
        }
    }
    planted
}

/// A whole run, with all that goes wrong in it: what is said at INFO and above, on the page, in the
/// metrics, by `status`, to the service manager and in the process list holds nothing private.
#[test]
fn nothing_private_is_told_over_a_whole_run() {
    play(async |world| {
        let folder = tempfile::tempdir().unwrap();
        let (socket, guest) = (folder.path().join("notify"), folder.path().join("guest.wasm"));
        std::fs::write(&guest, hostile::one("trap-at-start").bytes).unwrap();
        let manager = UnixDatagram::bind(&socket).unwrap();
        let port = program::port();
        let configure = |settings: &mut Settings| {
            settings.set("watch.listen", format!("127.0.0.1:{port}"));
            settings.set("watch.token", TOKEN);
            settings.set("guest.file", guest.to_str().unwrap());
            settings.set("guest.failures", 2);
        };
        let config = world.write_config(configure);
        let mut command = program(&["run", "--config", config.to_str().unwrap()]);
        command.env("NOTIFY_SOCKET", &socket);
        let mut running = Running::start_as(command);
        running.says("chat: joined", world.company().rooms.len()).await;
        let mut told = String::new();

        // Refused recipients, answers lost, a pool that restarts, a guest that traps, a busy server.
        let code = ResponseCode::QUOTA_EXCEEDED;
        world.exchange_fault("SendItem", 1, Fault::DropAfter);
        world.exchange_fault("CreateItem", 2, Fault::Item { code, at: None });
        for _ in 0..3 {
            world.post("Ops", "anna").await;
            world.post("Build", "anna").await;
        }
        running.says("out of service", 1).await;
        world.pool(|pool| pool.restart(host::clock::now())).await;
        running.says("chat: joined", 2 * world.company().rooms.len()).await;
        world.write_config(|settings| {
            configure(settings);
            settings.set_person(&world.company().sip("bob"), "wish", "off");
        });
        running.signal("-HUP").await;
        running.says("reload: taken over", 1).await;
        let browser = Browser::new(([127, 0, 0, 1], port).into());
        for token in ["wrong", TOKEN] {
            let browser = browser.with("authorization", format!("Bearer {token}"));
            for path in ["/", "/live", "/metrics", "/healthz", "/readyz"] {
                told += &browser.get(path).await.body;
            }
        }
        let (_, said) = output(&["status", "--config", config.to_str().unwrap()]).await;
        told += &said;
        let process = format!("/proc/{}", running.id());
        for file in ["cmdline", "comm", "environ", "status"] {
            told += &String::from_utf8_lossy(&std::fs::read(format!("{process}/{file}")).unwrap());
        }
        let (ended, said) = running.terminate().await;
        assert!(ended, "{said}");
        told += &said;
        let mut datagram = [0; 4096];
        while let Ok(count) = manager.try_recv(&mut datagram) {
            told += &String::from_utf8_lossy(&datagram[..count]);
        }
        assert!(told.contains("chat-digest") && told.contains("STATUS="), "{told}");
        for private in planted() {
            assert!(!told.contains(&private), "`{private}` is told in:\n{told}");
        }
    });
}

#[test]
fn a_reload_is_asked_for_by_a_signal() {
    play(async |world| {
        let config = world.write_config(|_| {});
        let mut running = run(world, &config).await;
        world.write_config(|settings| settings.set("digest.mails_a_day", 7));
        running.signal("-HUP").await;
        running.says("reload: taken over: digest.mails_a_day", 1).await;
        world.write_config(|settings| {
            settings.set("digest.mails_a_day", 7);
            settings.set("store.keep_days", 3);
        });
        running.signal("-HUP").await;
        running.says("reload: restart needed: these hold only after one: store.keep_days", 1).await;
        world.write_config(|settings| settings.set("digest.mails_aday", 7));
        running.signal("-HUP").await;
        running.says("reload: nothing is taken over", 1).await;
        running.says("did you mean `mails_a_day`?", 1).await;
        let (well, said) = running.terminate().await;
        assert!(well, "{said}");
        // At the next start what held only after a restart is told; a third says nothing new.
        world.write_config(|settings| {
            settings.set("digest.mails_a_day", 7);
            settings.set("store.keep_days", 3);
        });
        for _ in 0..2 {
            let (well, said) = run(world, &config).await.terminate().await;
            assert!(well, "{said}");
        }
        let rows = lines(&["audit", "--config", config.to_str().unwrap(), "--json"]).await;
        let told: Vec<_> = rows
            .iter()
            .filter(|row| row["action"] == "configure")
            .map(|row| (row["way"].as_str().unwrap(), row["detail"].as_str().unwrap()))
            .collect();
        assert_eq!(told, [("start", "store.keep_days"), ("reload", "digest.mails_a_day")]);
    });
}

/// The journal gets fields as fields: a message's id finds what was done with it.
#[test]
fn the_journal_gets_fields() {
    play(async |world| {
        let config = world.write_config(|_| {});
        let folder = tempfile::tempdir().unwrap();
        let journal = UnixDatagram::bind(folder.path().join("socket")).unwrap();
        let bin = env!("CARGO_BIN_EXE_chat-digest-tested");
        let (folder, config) = (folder.path().display(), config.display());
        // The journal's address is the system's: the program sees ours in its place.
        let line = format!(
            "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal && mount --bind {folder} /run/systemd/journal \
             && export JOURNAL_STREAM=$(stat -L -c %d:%i /dev/stderr) && exec {bin} run --config {config}"
        );
        let mut command = program::apart(&line);
        command.env("CHAT_DIGEST_LOG", "debug");
        let running = Running::start_as(command);
        let mut entry = vec![0; 64 << 10];
        let mut hear = async |words: &[&str]| {
            let heard = async {
                loop {
                    let count = journal.recv(&mut entry).await.unwrap();
                    let entry = String::from_utf8_lossy(&entry[..count]).into_owned();
                    if words.iter().all(|word| entry.contains(word)) {
                        return entry;
                    }
                }
            };
            tokio::time::timeout(WAIT, heard)
                .await
                .unwrap_or_else(|_| panic!("never told: {words:?}"))
        };
        hear(&["chat: joined"]).await;
        let (_, id) = world.say("Ops", "anna", NewPost::text("")).await;
        for words in ["chat: received and kept", "planner: planned", "sent"] {
            let fields = [words, id.as_str(), "CHAT_DIGEST_MESSAGE_ID", "SYSLOG_IDENTIFIER"];
            hear(&fields).await;
        }
        running.signal("-TERM").await;
        // A journal that nobody reads holds up who writes to it.
        let read_on = async {
            loop {
                hear(&[]).await;
            }
        };
        tokio::select! {
            () = read_on => {}
            (status, said) = running.ended() => assert!(status.success(), "{said}"),
        }
    });
}

/// Waits until the service manager has been told this.
async fn told(manager: &UnixDatagram, what: &str) {
    let mut buffer = [0; 4096];
    let told = async {
        loop {
            let length = manager.recv(&mut buffer).await.unwrap();
            let said = String::from_utf8_lossy(&buffer[..length]).into_owned();
            assert!(!said.contains('@'), "{said}");
            if said.starts_with(what) {
                return;
            }
        }
    };
    assert!(tokio::time::timeout(WAIT, told).await.is_ok(), "never told: {what}");
}

#[test]
fn a_service_manager_is_told() {
    play(async |world| {
        let config = world.write_config(|_| {});
        let socket = world.directory().join("notify");
        let manager = UnixDatagram::bind(&socket).unwrap();
        let mut command = program(&["run", "--config", config.to_str().unwrap()]);
        command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "200000");
        let running = Running::start_as(command);
        for what in ["READY=1", "WATCHDOG=1", "STATUS=in the chat", "WATCHDOG=1"] {
            told(&manager, what).await;
        }
        running.signal("-HUP").await;
        told(&manager, "RELOADING=1\nMONOTONIC_USEC=").await;
        told(&manager, "READY=1").await;
        running.signal("-TERM").await;
        told(&manager, "STOPPING=1").await;
        let (status, said) = running.ended().await;
        assert!(status.success(), "{said}");
    });
}

#[test]
fn a_second_signal_ends_it_at_once() {
    play(async |world| {
        let config = world.write_config(|_| {});
        let mut running = run(world, &config).await;
        running.says("directory: ", 3).await;
        world.exchange_fault("CreateItem", 9, Fault::Delay(Duration::from_secs(60)));
        world.post("Build", "anna").await;
        let service = world.company().mailbox("chat-digest");
        let begun = async || world.exchange(|exchange| exchange.drafts(&service).next().is_some());
        world.until("a request is on its way", begun).await;
        running.signal("-TERM").await;
        running.says("stopping", 1).await;
        running.signal("-TERM").await;
        let (status, said) = running.ended().await;
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("asked a second time to stop: it ends at once"), "{said}");
    });
}

/// The blocks of the guide that are marked to be run.
fn marked() -> Vec<&'static str> {
    let blocks = GUIDE.split("<!-- runs -->\n```sh\n").skip(1);
    blocks.flat_map(|rest| rest.split("```").next().unwrap().lines()).collect()
}

#[test]
fn the_guides_commands_run() {
    play(async |world| {
        let config = world.write_config(|_| {});
        let host = world.host().await;
        let bin = world.directory().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(
            env!("CARGO_BIN_EXE_chat-digest-tested"),
            bin.join("chat-digest"),
        )
        .unwrap();
        let commands = marked();
        assert!(commands.len() >= 7, "{commands:?}");
        for command in commands {
            let (well, said) = shell(command, &bin, &config).await;
            assert!(well && !said.contains("Quittengelee"), "{command}:\n{said}");
        }
        host.stop().await;
    });
}

/// Runs a line of the guide with the configuration of the test in place of the one that it names.
async fn shell(line: &str, bin: &Path, config: &Path) -> (bool, String) {
    let line = line.replace("/etc/chat-digest/chat-digest.toml", config.to_str().unwrap());
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("sh");
    command.args(["-ec", &line]).env("PATH", path).env_remove("CHAT_DIGEST_LOG").kill_on_drop(true);
    let output = tokio::time::timeout(WAIT, command.output()).await.unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Every message of the guide's table is one of the program's.
#[test]
fn the_guides_messages_are_the_programs() {
    let mut sources = String::new();
    for folder in ["src", "ews/src", "lync/src", "bridge/src"] {
        read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../host").join(folder), &mut sources);
    }
    let table = GUIDE.split("| The message |").nth(1).unwrap();
    let rows: Vec<&str> = table.lines().filter_map(|row| row.strip_prefix("| `")).collect();
    assert!(rows.len() > 30, "{}", rows.len());
    for row in rows {
        let message = row.split("` |").next().unwrap().trim_matches(['`', ' ']);
        for part in message.split('…').map(|part| part.trim_matches(['`', '(', ')', ' '])) {
            assert!(sources.contains(part), "no message of the program: {part}");
        }
    }
}

fn read_all(folder: &Path, sources: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, sources);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            sources.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// Whatever is generated is there, and names the commands.
#[test]
fn pages_and_completions_are_made() {
    play(async |world| {
        for shell in ["bash", "zsh", "fish"] {
            let (output, said) = output(&["completions", shell]).await;
            assert!(output.status.success() && said.contains("outbox"), "{shell}: {said}");
        }
        let folder = world.directory().join("man");
        std::fs::create_dir(&folder).unwrap();
        let (made, said) = output(&["man", "--folder", folder.to_str().unwrap()]).await;
        assert!(made.status.success(), "{said}");
        for page in ["chat-digest.1", "chat-digest-rooms.1", "chat-digest-guest-load.1"] {
            let text = std::fs::read_to_string(folder.join(page)).unwrap();
            assert!(text.contains(".SH NAME"), "{page}: {text}");
        }
        let (_, said) = output(&["--help"]).await;
        assert!(said.contains("Exit codes:") && said.contains("NO_COLOR"), "{said}");
        let (schema, said) = output(&["config", "--schema"]).await;
        assert!(schema.status.success(), "{said}");
        let schema: Value = serde_json::from_slice(&schema.stdout).unwrap();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(output(&["config", "--effective"]).await.0.status.code(), Some(2));
    });
}

/// `check` and the rest of them never show a password, wherever it stands.
#[test]
fn what_holds_is_shown_without_passwords() {
    play(async |world: &World| {
        let config = world.write_config(|_| {});
        let (output, said) =
            output(&["config", "--effective", "--config", config.to_str().unwrap()]).await;
        assert!(output.status.success() && said.contains("password = \"***\""), "{said}");
        assert!(!said.contains("Quittengelee"), "{said}");
        assert!(said.contains("keep_days = 30"), "{said}");
    });
}
