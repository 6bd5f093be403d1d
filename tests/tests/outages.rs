//! What the service says and does while something that it needs is away: the pool, Exchange, the
//! names of both, room on the disk, a clock that is right. The page, `status` and the log tell it in
//! words; when it is back, nothing is lost or doubled and nobody has to lend a hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod program;

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use host::{clock, run::Host};
use tests::{Settings, Tap, browser::Browser, play};
use tokio::process::Command;

use program::{Running, output, port};

/// The calendar runs so many times faster here: an hour takes twelve seconds.
const TIMES: u32 = 300;
const HOUR_MS: i64 = 3_600_000;
const SECRET: &str = "Quittengelee";
/// Longest time for the page or `status` to say something.
const WAIT: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// One calendar for all tests of this file: one after the other sets it.
fn fast() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    clock::run_fast(clock::unix_ms(), TIMES);
    one
}

async fn an_hour() {
    let until_ms = clock::unix_ms() + HOUR_MS;
    tokio::time::sleep(clock::calendar(HOUR_MS)).await;
    assert!(clock::unix_ms() >= until_ms);
}

fn watched(settings: &mut Settings) {
    settings.set("watch.listen", "127.0.0.1:0");
}

/// Waits until what `look` gives says all of this; answers it.
async fn says(words: &[&str], look: impl AsyncFn() -> String) -> String {
    let mut last = String::new();
    let said = async {
        loop {
            last = look().await;
            if words.iter().all(|word| last.contains(word)) {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let said = tokio::time::timeout(WAIT, said).await.is_ok();
    assert!(said, "{words:?} are not all in:\n{last}");
    last
}

/// The same of the status page, which says nothing that is private.
async fn page(browser: &Browser, words: &[&str]) {
    let shown = says(words, async || browser.get("/").await.body).await;
    assert!(!shown.contains(SECRET), "{shown}");
}

/// The same of `chat-digest status`.
async fn status(config: &Path, words: &[&str]) {
    let config = config.to_str().unwrap();
    says(words, async || output(&["status", "--config", config]).await.1).await;
}

async fn well(host: &Host) {
    let browser = Browser::new(host.page.unwrap());
    page(&browser, &["Well: messages become mails."]).await;
}

#[test]
fn the_pool_is_away_for_an_hour() {
    let _fast = fast();
    play(async |world| {
        let tap = Tap::start(world.embedded.addresses.sip_tls).await;
        let host = world
            .host_with(|settings| {
                watched(settings);
                settings.set("chat.server", tap.address.to_string());
            })
            .await;
        world.post("Ops", "anna").await;
        world.settled(&host).await;

        tap.refuse();
        tap.cut();
        world.offline(&host).await;
        for _ in 0..3 {
            world.post("Ops", "anna").await;
        }
        let lines = world.log.count(&["next try in"]);
        an_hour().await;
        let browser = Browser::new(host.page.unwrap());
        page(
            &browser,
            &["Needs attention: not in the chat", "not connected", "the pool is tried again at"],
        )
        .await;
        let config = world.directory().join("chat-digest.toml");
        status(&config, &["not in the chat", "chat: ", &tap.address.to_string()]).await;
        let tries = world.log.count(&["next try in"]) - lines;
        assert!((8..=40).contains(&tries), "{tries} tries in an hour");

        tap.admit();
        world.settled(&host).await;
        well(&host).await;
        host.stop().await;
    });
}

#[test]
fn exchange_is_away_for_an_hour() {
    let _fast = fast();
    play(async |world| {
        let (tap, url) = world.exchange_tap().await;
        let host = world
            .host_with(|settings| {
                watched(settings);
                settings.set("mail.url", url);
            })
            .await;
        world.post("Ops", "anna").await;
        world.settled(&host).await;

        tap.refuse();
        tap.cut();
        for _ in 0..3 {
            world.post("Ops", "anna").await;
        }
        world.mail_trouble(&host).await;
        an_hour().await;
        let browser = Browser::new(host.page.unwrap());
        page(&browser, &["Needs attention: Exchange takes no mail", "cannot connect"]).await;
        let config = world.directory().join("chat-digest.toml");
        status(&config, &[": in the chat", "mail: 127.0.0.1: ", "on their way"]).await;
        let told = world.log.count(&["requests in a row got no answer of Exchange"]);
        assert_eq!(told, 1, "once for all of it");

        tap.admit();
        world.settled(&host).await;
        well(&host).await;
        host.stop().await;
    });
}

#[test]
fn the_clock_is_set() {
    let _fast = fast();
    play(async |world| {
        let host = world.host_with(watched).await;
        world.post("Ops", "anna").await;
        world.settled(&host).await;
        let browser = Browser::new(host.page.unwrap());
        let config = world.directory().join("chat-digest.toml");
        for (by_ms, words) in [
            (2 * HOUR_MS, "clock was set forward by 2 h"),
            (-2 * HOUR_MS, "clock was set back by 2 h"),
        ] {
            assert!(clock::set_by(by_ms));
            page(&browser, &["Needs attention: the clock was set", words]).await;
            status(&config, &[": in the chat", words]).await;
            assert!(world.log.says(&[words]));
            world.post("Ops", "anna").await;
            world.settled(&host).await;
        }
        host.stop().await;
    });
}

/// Runs the program where it sees other files than everybody else: what `prepare` mounts.
fn apart(prepare: &str, config: &Path) -> Running {
    let bin = env!("CARGO_BIN_EXE_chat-digest-tested");
    let line = format!("{prepare} && exec {bin} run --config {}", config.display());
    Running::start_as(program::apart(&line))
}

#[test]
fn names_cannot_be_resolved() {
    play(async |world| {
        let tap = Tap::start(world.embedded.addresses.sip_tls).await;
        let (mail_tap, url) = world.exchange_tap().await;
        let name = format!("lyncfe01.{}", world.company().domain);
        let hosts = world.directory().join("hosts");
        let known = format!("127.0.0.1 localhost {name}\n");
        std::fs::write(&hosts, &known).unwrap();
        let port = port();
        let config = world.write_config(|settings| {
            settings.set("watch.listen", format!("127.0.0.1:{port}"));
            settings.set("chat.server", format!("{name}:{}", tap.address.port()));
            settings.set("mail.url", url.replace("127.0.0.1", &name));
        });
        let mut running = apart(&format!("mount --bind {} /etc/hosts", hosts.display()), &config);
        running.says("chat: joined", world.company().rooms.len()).await;
        world.post("Ops", "anna").await;
        world.arrived().await;

        std::fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
        mail_tap.refuse();
        for tap in [&tap, &mail_tap] {
            tap.cut();
        }
        let told = format!("{name}:{}: the name cannot be resolved", tap.address.port());
        running.says(&told, 1).await;
        mail_tap.admit();
        world.post("Ops", "anna").await;
        let browser = Browser::new(([127, 0, 0, 1], port).into());
        page(&browser, &["Needs attention: not in the chat", "cannot be resolved"]).await;
        status(&config, &["not in the chat", "the name cannot be resolved"]).await;

        std::fs::write(&hosts, &known).unwrap();
        world.arrived().await;
        status(&config, &[": in the chat", "mails     0 on their way"]).await;
        let (ended, said) = running.terminate().await;
        assert!(ended, "{said}");
        world.assert_settled().await;
    });
}

#[test]
fn the_disk_is_full() {
    play(async |world| {
        let port = port();
        let config = world.write_config(|settings| {
            settings.set("watch.listen", format!("127.0.0.1:{port}"));
        });
        let store = world.store();
        std::fs::create_dir_all(&store).unwrap();
        let disk = format!("mount -t tmpfs -o size=300m,mode=700 tmpfs {}", store.display());
        let mut running = apart(&disk, &config);
        running.says("chat: joined", world.company().rooms.len()).await;
        world.post("Ops", "anna").await;
        world.arrived().await;

        // Its disk is not ours: the way there leads through its process.
        let inside = format!("/proc/{}/root{}/filler", running.id(), store.display());
        let fill = format!(
            "dd if=/dev/zero of={inside} bs=64k status=none; dd if=/dev/zero of={inside} bs=512 oflag=append conv=notrunc status=none"
        );
        let filled = Command::new("sh").args(["-c", &fill]).status().await.unwrap();
        assert!(!filled.success(), "there is room without end");
        running.says("disk: it is full", 1).await;
        for _ in 0..3 {
            world.post("Ops", "anna").await;
        }
        running.says("the disk is full: make room", 1).await;
        let browser = Browser::new(([127, 0, 0, 1], port).into());
        page(&browser, &["there is little room on the disk", "it is full", "make room"]).await;
        let (id, file) = (running.id().to_string(), config.to_str().unwrap());
        let bin = env!("CARGO_BIN_EXE_chat-digest-tested");
        says(&["disk: it is full", "make room"], async || {
            let arguments = ["-t", &id, "-m", bin, "status", "--config", file];
            let output = Command::new("nsenter").args(arguments).output().await.unwrap();
            format!("{output:?}")
        })
        .await;

        std::fs::remove_file(&inside).unwrap();
        world.arrived().await;
        running.says("disk: there is room again", 1).await;
        let (ended, said) = running.terminate().await;
        assert!(ended, "{said}");
        world.assert_balanced();
        world.assert_proven();
    });
}
