//! What an administrator sees of a host that works, of one whose pool is down, whose Exchange refuses
//! and whose guest fails; what he can do about it; and that neither page nor metrics tell what is
//! nobody's business.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use std::time::Duration;

use ews::{
    code::ResponseCode,
    server::{Fault, Faults},
};
use host::run::Host;
use tests::{
    Settings, World,
    books::MARK,
    browser::{Answer, Browser, encoded},
    hostile, play,
};
use tokio::process::Command;

/// What every password of the tests' company holds, and what every address of it ends in.
const SECRET: &str = "Quittengelee";
const ADDRESS: &str = "@tiny.example";
const TOKEN: &str = "Quittengelee-0123456789abcdef";

const DASHBOARD: &str = include_str!("../../host/packaging/grafana.json");
const ALERTS: &str = include_str!("../../host/packaging/alerts.yml");

/// The status page on a port of its own.
fn watched(settings: &mut Settings) {
    settings.set("watch.listen", "127.0.0.1:0");
}

fn browser(host: &Host) -> Browser {
    Browser::new(host.page.expect("the page is served"))
}

/// Gets all that is shown; none of it holds what is private.
async fn all(browser: &Browser) -> [Answer; 3] {
    let page = browser.get("/").await;
    let metrics = browser.get("/metrics").await;
    let ready = browser.get("/readyz").await;
    for shown in [&page, &metrics, &ready] {
        for private in [MARK, SECRET, ADDRESS, "sip:anna"] {
            assert!(!shown.body.contains(private), "{private} is shown in:\n{}", shown.body);
        }
    }
    [page, metrics, ready]
}

/// Waits until the page says all of `words`; answers it.
async fn page(browser: &Browser, words: &[&str]) -> String {
    let mut last = String::new();
    for _ in 0..120 {
        let [page, ..] = all(browser).await;
        last = page.body;
        if words.iter().all(|word| last.contains(word)) {
            return last;
        }
        // What the page shows is up to a second old by itself, and nothing tells when it is not.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("the page does not say {words:?}:\n{last}");
}

/// Follows a link of the page to its question, and says yes.
async fn order(browser: &Browser, action: &str, what: &str) -> Answer {
    let link = format!("/do?action={action}&what={}", encoded(what));
    let question = browser.get(&link).await;
    assert_eq!(question.status, 200, "{}", question.body);
    let seal = question.body.split("name=\"seal\" value=\"").nth(1).unwrap();
    let seal = seal.split('"').next().unwrap();
    browser.post("/do", &[("action", action), ("what", what), ("seal", seal)]).await
}

fn value(metrics: &Answer, name: &str) -> f64 {
    let line = metrics.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in:\n{}", metrics.body)).parse().unwrap()
}

#[test]
fn under_load() {
    play(async |world| {
        let host = world.host_with(watched).await;
        for _ in 0..20 {
            world.post("Ops", "anna").await;
            world.post("Build", "bob").await;
        }
        world.settled(&host).await;
        let browser = browser(&host);
        page(
            &browser,
            &["Well: messages become mails", "40 messages received", "in the last hour"],
        )
        .await;
        let [page, metrics, ready] = all(&browser).await;
        for shown in
            [">Ops<", ">Build<", ">News<", "joined", ">default<", "in service", "None: no mail"]
        {
            assert!(page.body.contains(shown), "{shown} is not in:\n{}", page.body);
        }
        let policy = &page.headers["content-security-policy"];
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!((ready.status, browser.get("/healthz").await.status), (200, 200));
        assert!(metrics.headers["content-type"].starts_with("application/openmetrics-text"));
        assert_eq!(value(&metrics, "chat_digest_messages_received_total"), 40.0);
        assert_eq!(value(&metrics, "chat_digest_plans_total{by=\"guest\"}"), 40.0);
        assert_eq!(value(&metrics, "chat_digest_chat_state{state=\"live\"}"), 1.0);
        let received = "chat_digest_received_to_accepted_seconds_count{kind=\"instant\"}";
        let sent = "chat_digest_mails_total{outcome=\"sent\",kind=\"instant\"}";
        assert!(value(&metrics, received) >= value(&metrics, sent));
        assert!(value(&metrics, sent) >= 40.0);
        let answers = "chat_digest_exchange_answers_total{operation=\"SendItem\",code=\"NoError\"}";
        assert!(value(&metrics, answers) >= 40.0);
        assert!(value(&metrics, "chat_digest_guest_calls_total{guest=\"default\"}") >= 40.0);
        assert!(value(&metrics, "chat_digest_guest_fuel_total{guest=\"default\"}") > 0.0);
        host.stop().await;
    });
}

/// Each metric that the dashboard and the alert rules ask for is told by a host.
#[test]
fn the_dashboard_and_the_rules_ask_for_what_there_is() {
    play(async |world| {
        let host = world.host_with(watched).await;
        let [_, metrics, _] = all(&browser(&host)).await;
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        let mut asked = 0;
        for file in [DASHBOARD, ALERTS] {
            for piece in file.split("chat_digest_").skip(1) {
                let end = piece.find(|c| !is_name(c)).unwrap_or(piece.len());
                let name = format!("chat_digest_{}", &piece[..end]);
                // Where words speak of a histogram as a whole.
                let told = |line: &str| {
                    let rest = line.strip_prefix(&name).unwrap_or_default();
                    rest.starts_with(['{', ' ', '_'])
                };
                assert!(metrics.body.lines().any(told), "{name} is not in:\n{}", metrics.body);
                asked += 1;
            }
        }
        assert!(asked > 50, "{asked}");
        for label in ["by", "kind", "state", "for", "operation", "code", "side", "guest", "version"]
        {
            assert!(metrics.body.contains(&format!("{label}=\"")), "no label {label}");
        }
    });
}

#[test]
fn with_the_pool_down() {
    play(async |world| {
        let host = world
            .start_host(|settings| {
                watched(settings);
                settings.set("chat.server", "127.0.0.1:9");
            })
            .await;
        world.offline(&host).await;
        let browser = browser(&host);
        let words = [
            "Needs attention: not in the chat",
            "not connected",
            "127.0.0.1:9",
            "the pool is tried again at",
        ];
        page(&browser, &words).await;
        let [_, metrics, ready] = all(&browser).await;
        assert_eq!(ready.status, 503);
        assert!(
            ready.body.contains("chat: ") && ready.body.contains("127.0.0.1:9"),
            "{}",
            ready.body
        );
        assert_eq!(value(&metrics, "chat_digest_ready"), 0.0);
        assert_eq!(browser.get("/healthz").await.status, 200, "it is alive all the same");
        host.stop().await;
    });
}

#[test]
fn with_exchange_refusing() {
    play(async |world| {
        let host = world.host_with(watched).await;
        let code = ResponseCode::QUOTA_EXCEEDED;
        world.exchange_fault("CreateItem", 1000, Fault::Item { code, at: None });
        world.post("Ops", "anna").await;
        world.mail_trouble(&host).await;
        let browser = browser(&host);
        let words = ["ErrorQuotaExceeded", "sending mailbox is full", "Exchange is asked again at"];
        page(&browser, &words).await;
        let [_, metrics, ready] = all(&browser).await;
        assert_eq!(ready.status, 503);
        assert!(ready.body.contains("mail: "), "{}", ready.body);
        let refused = "chat_digest_exchange_answers_total{operation=\"CreateItem\",code=\"ErrorQuotaExceeded\"}";
        assert!(value(&metrics, refused) >= 1.0);
        assert!(value(&metrics, "chat_digest_backoff_seconds{side=\"mail\"}") > 0.0);
        host.stop().await;
    });
}

#[test]
fn with_a_failing_guest() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trap.wasm");
    std::fs::write(&file, hostile::one("trap-at-start").bytes).unwrap();
    play(async |world| {
        let host = world
            .host_with(|settings| {
                watched(settings);
                settings.set("guest.file", file.to_str().unwrap());
                settings.set("guest.failures", 2);
            })
            .await;
        for _ in 0..3 {
            world.post("Build", "anna").await;
        }
        world.settled(&host).await;
        let browser = browser(&host);
        page(
            &browser,
            &[
                "Needs attention: the guest",
                "out of service after 2 failures",
                "3 messages received",
            ],
        )
        .await;
        let [_, metrics, _] = all(&browser).await;
        assert_eq!(value(&metrics, "chat_digest_guest_in_service{guest=\"default\"}"), 0.0);
        assert_eq!(value(&metrics, "chat_digest_plans_total{by=\"built-in\"}"), 3.0);
        host.stop().await;
    });
}

/// Gives up one mail of a message; answers its key.
async fn dead_letter(world: &World, host: &Host) -> String {
    let code = ResponseCode::INVALID_RECIPIENTS;
    world.exchange_fault("SendItem", 1, Fault::Item { code, at: Some(0) });
    world.post("Build", "anna").await;
    world.counts(host, "a mail is given up", |counts| counts.failed == 1).await;
    host.database.dead_letters(10).await.unwrap().remove(0).key
}

#[test]
fn dead_letters_are_retried_and_discarded_and_written_down() {
    play(async |world| {
        let host = world.host_with(watched).await;
        let browser = browser(&host);
        let first = dead_letter(world, &host).await;
        page(&browser, &[&first, "1 dead letter", "ErrorInvalidRecipients", "given up"]).await;
        let done = order(&browser, "retry", &first).await;
        assert_eq!(done.status, 200, "{}", done.body);
        world.settled(&host).await;
        let again = order(&browser, "retry", &first).await;
        assert_eq!(again.status, 409, "{}", again.body);
        let second = dead_letter(world, &host).await;
        let done = order(&browser, "discard", &second).await;
        assert_eq!(done.status, 200, "{}", done.body);
        let counts = host.database.counts().await.unwrap();
        assert_eq!((counts.failed, counts.withdrawn), (0, 1));
        let rows = host.database.audit(10).await.unwrap();
        let said: Vec<_> = rows
            .iter()
            .map(|row| (row.action.as_str(), row.what.as_str(), row.who.as_str()))
            .collect();
        assert_eq!(
            said,
            [("discard", second.as_str(), "127.0.0.1"), ("retry", first.as_str(), "127.0.0.1")]
        );
        page(&browser, &["the page, from 127.0.0.1"]).await;
        host.stop().await;
    });
}

/// What is done by the command line stands in the log as well, which `chat-digest audit` lists.
#[test]
fn the_command_line_is_written_down_and_lists_it() {
    play(async |world| {
        let host = world.host_with(watched).await;
        let key = dead_letter(world, &host).await;
        let file = world.directory().join("chat-digest.toml");
        let file = file.to_str().unwrap();
        let program = async |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_chat-digest-tested"));
            command.args(arguments).env("USER", "someone");
            let output = command.env_remove("SUDO_USER").output().await.unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        program(&["outbox", "--config", file, "discard", &key]).await;
        let said = program(&["audit", "--config", file]).await;
        let line = said.lines().next().unwrap();
        for word in ["discard", &key, "(command-line, someone (uid "] {
            assert!(line.contains(word), "{word} is not in {line}");
        }
        let json = program(&["audit", "--config", file, "--json"]).await;
        assert!(json.starts_with("{\"done_ms\":") && json.contains("\"way\":\"command-line\""));
        host.stop().await;
    });
}

/// The candidate beside a guest takes its place when the page is told so, and that is written down.
#[test]
fn a_guest_is_swapped_from_the_page() {
    play(async |world| {
        let host = world.host_with(watched).await;
        let browser = browser(&host);
        let component = [host::guest::PREBUILT, &[0, 3, 1, b'x', 7]].concat();
        let file = world.directory().join("next.wasm");
        std::fs::write(&file, component).unwrap();
        let config = world.directory().join("chat-digest.toml");
        let mut load = Command::new(env!("CARGO_BIN_EXE_chat-digest-tested"));
        load.args(["guest", "load", file.to_str().unwrap(), "--shadow", "--config"]).arg(&config);
        assert!(load.output().await.unwrap().status.success());
        let in_service = async || {
            let states = host.database.guest_states().await.unwrap();
            let ours = states.into_iter().find(|one| one.shadow == 0 && one.state == "in service");
            ours.map(|one| one.digest)
        };
        let before = in_service().await;
        page(&browser, &["default (beside)", "Put in service", "sha256"]).await;
        let done = order(&browser, "promote", "default").await;
        assert_eq!(done.status, 200, "{}", done.body);
        let swapped = async || in_service().await.is_some_and(|now| Some(now) != before);
        world.until_in(&host, "the candidate is in service", swapped).await;
        world.post("Ops", "anna").await;
        world.settled(&host).await;
        page(&browser, &["load-guest", "the candidate beside it"]).await;
        assert_eq!(order(&browser, "promote", "default").await.status, 409);
        host.stop().await;
    });
}

#[test]
fn a_paused_room_waits_while_others_go_on() {
    play(async |world| {
        let host = world.host_with(watched).await;
        let browser = browser(&host);
        page(&browser, &["Ops"]).await;
        let rooms = host.database.room_states().await.unwrap();
        let room = rooms.iter().find(|room| room.name == "Build").unwrap().id.clone();
        assert_eq!(order(&browser, "pause", &room).await.status, 200);
        world.post("Build", "anna").await;
        world.post("News", "anna").await;
        world
            .counts(&host, "one is planned", |counts| (counts.messages, counts.unplanned) == (2, 1))
            .await;
        page(&browser, &["paused since"]).await;
        assert!(world.inbox("cleo").is_empty(), "a paused room is mailed");
        assert_eq!(order(&browser, "resume", &room).await.status, 200);
        world.settled(&host).await;
        assert_eq!(world.inbox("cleo").len(), 1);
        host.stop().await;
    });
}

/// A page of another site has no seal, names itself, and comes under a name of its own.
#[test]
fn other_sites_can_do_nothing() {
    play(async |world| {
        let host = world.host_with(watched).await;
        let browser = browser(&host);
        let key = dead_letter(world, &host).await;
        let fields = [("action", "discard"), ("what", key.as_str()), ("seal", "00")];
        assert_eq!(browser.post("/do", &fields).await.status, 403);
        assert_eq!(browser.post("/do", &fields[..2]).await.status, 403);
        assert_eq!(browser.with("Host", "evil.example").get("/").await.status, 421);
        assert_eq!(browser.with("Host", "evil.example").get("/metrics").await.status, 421);
        let foreign = browser.with("Origin", "http://evil.example");
        assert_eq!(order(&foreign, "discard", &key).await.status, 403);
        assert_eq!(browser.get("/do?action=destroy&what=all").await.status, 404);
        let long = "x".repeat(6000);
        assert_eq!(browser.post("/do", &[("action", &long)]).await.status, 413);
        assert_eq!(host.database.counts().await.unwrap().failed, 1, "nothing was done");
        assert_eq!(host.database.audit(10).await.unwrap(), []);
        host.stop().await;
    });
}

#[test]
fn the_token_opens_all_of_it() {
    play(async |world| {
        let host = world
            .host_with(|settings| {
                watched(settings);
                settings.set("watch.token", TOKEN);
            })
            .await;
        let browser = browser(&host);
        let answer = browser.get("/").await;
        assert_eq!((answer.status, answer.headers["location"].as_str()), (303, "/sign-in"));
        for path in ["/metrics", "/live", "/do?action=pause&what=x"] {
            assert_eq!(browser.get(path).await.status, 401, "{path}");
        }
        assert_eq!(browser.get("/healthz").await.status, 200);
        assert_eq!(browser.get("/readyz").await.status, 200);
        let bearer = browser.with("Authorization", format!("Bearer {TOKEN}"));
        assert_eq!(bearer.get("/metrics").await.status, 200);
        let wrong = browser.with("Authorization", format!("Bearer {TOKEN}0"));
        assert_eq!(wrong.get("/metrics").await.status, 401);
        assert_eq!(browser.post("/sign-in", &[("token", "guess")]).await.status, 403);
        let signed_in = browser.post("/sign-in", &[("token", TOKEN)]).await;
        assert_eq!(signed_in.status, 303);
        let cookie = signed_in.headers["set-cookie"].clone();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        let session = browser.with("Cookie", cookie.split(';').next().unwrap());
        all(&session).await;
        assert_eq!(session.get("/").await.status, 200);
        host.stop().await;
    });
}

#[test]
fn a_short_token_and_a_taken_port_are_refused_at_the_start() {
    play(async |world| {
        let refused = async |change: fn(&mut Settings)| {
            let file = world.write_config(change);
            let error = Host::start(host::config::load(&file).unwrap()).await.err().unwrap();
            format!("{error:#}")
        };
        let said = refused(|settings| {
            watched(settings);
            settings.set("watch.token", "short");
        });
        let said = said.await;
        assert!(said.contains("watch.token") && said.contains("16 characters"), "{said}");
        let said = refused(|settings| {
            watched(settings);
            settings.set("watch.token.file", "/does/not/exist");
        });
        let said = said.await;
        assert!(said.contains("watch.token: /does/not/exist"), "{said}");
    });
}

/// In Chromium: light, dark and narrow, by axe's rules; with `CHAT_DIGEST_SCREENSHOTS` the pictures
/// stay in that folder. Wants chromium and node in the path, and puppeteer-core and axe-core in
/// `NODE_MODULES`.
#[test]
#[ignore = "wants chromium, node, puppeteer-core and axe-core"]
fn in_a_browser() {
    let pictures = tempfile::tempdir().unwrap();
    let keep = std::env::var_os("CHAT_DIGEST_SCREENSHOTS").map(std::path::PathBuf::from);
    let folder = keep.unwrap_or_else(|| pictures.path().to_owned());
    play(async |world| {
        let host = world.host_with(watched).await;
        for _ in 0..5 {
            world.post("Ops", "anna").await;
        }
        world.settled(&host).await;
        let key = dead_letter(world, &host).await;
        let page_of = browser(&host);
        page(&page_of, &[&key]).await;
        for (name, path) in
            [("well", "/".to_owned()), ("question", format!("/do?action=retry&what={key}"))]
        {
            look(&page_of, &path, &folder.join(name)).await;
        }
        let code = ResponseCode::QUOTA_EXCEEDED;
        world.exchange_fault("CreateItem", 1000, Fault::Item { code, at: None });
        world.post("Ops", "anna").await;
        world.mail_trouble(&host).await;
        page(&page_of, &["Exchange is asked again at"]).await;
        look(&page_of, "/", &folder.join("refused")).await;
        host.stop().await;

        world.exchange(|exchange| exchange.faults = Faults::default());
        let away = world
            .start_host(|settings| {
                watched(settings);
                settings.set("chat.server", "127.0.0.1:9");
            })
            .await;
        world.offline(&away).await;
        page(&browser(&away), &["not connected"]).await;
        look(&browser(&away), "/", &folder.join("pool-down")).await;
        away.stop().await;

        let file = world.directory().join("trap.wasm");
        std::fs::write(&file, hostile::one("trap-at-start").bytes).unwrap();
        let failing = world
            .host_with(|settings| {
                watched(settings);
                settings.set("guest.file", file.to_str().unwrap());
                settings.set("guest.failures", 1);
            })
            .await;
        world.post("Build", "anna").await;
        page(&browser(&failing), &["is out of service"]).await;
        look(&browser(&failing), "/", &folder.join("guest-failing")).await;
        failing.stop().await;
    });
}

async fn look(browser: &Browser, path: &str, folder: &std::path::Path) {
    std::fs::create_dir_all(folder).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/watch_page.mjs");
    let url = format!("http://{}{path}", browser.address);
    let looked = Command::new("node").arg(script).arg(url).arg(folder).output();
    let looked = looked.await.unwrap();
    let said = String::from_utf8_lossy(&looked.stdout).into_owned();
    assert!(looked.status.success(), "{said}{}", String::from_utf8_lossy(&looked.stderr));
}
