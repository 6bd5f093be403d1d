//! The whole way over real sockets, with every commit on disk: from a post in a room to the mail in
//! the last inbox, and mails a second to the embedded Exchange.
//!
//! `cargo bench -p host --bench pipeline`; only the last, on one core, beside exchangelib:
//! `taskset -c 0 cargo bench -p host --bench pipeline -- "mails to Exchange"`, with a `python3` in
//! the path that has exchangelib, such as that of `tests/all.sh` (`target/peers/bin`).
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures time and stops at the first surprise"
)]

use std::{
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ews::{delivery, item::Importance, mailbox::Mailbox, mime::OutgoingMail};
use host::{
    config,
    demo::write_config,
    embedded::{Embedded, company::Company},
    exchange::Account,
    run::Host,
    state::ChatState,
};
use lync::server::NewPost;
use tokio::runtime::Runtime;

/// People in the room, the service account and the author included.
const PEOPLE: [usize; 3] = [3, 12, 102];

fn company(people: usize) -> Company {
    let user = |n: usize| {
        format!("[[users]]\nlogin = \"p{n}\"\nname = \"Person {n}\"\npassword = \"x{n}\"\n")
    };
    let users: String = (0..people).map(user).collect();
    let members: Vec<String> = (0..people).map(|n| format!("\"p{n}\"")).collect();
    let text = format!(
        "domain = \"bench.example\"\nnetbios_domain = \"BENCH\"\n{users}[[rooms]]\nguid = \"5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c11\"\nname = \"Bench\"\nmembers = [{}]\n",
        members.join(", ")
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Company::load(file.path()).unwrap()
}

async fn start(people: usize) -> (Embedded, Host) {
    let embedded = Embedded::start(company(people)).await.unwrap();
    let file = write_config(&embedded, "every 1h").unwrap();
    let host = Host::start(config::load(&file).unwrap()).await.unwrap();
    let mut state = host.state.watch();
    state.wait_for(|now| now.chat == ChatState::Live && now.rooms_with_members > 0).await.unwrap();
    (embedded, host)
}

/// One post; returns when the last of its mails is in an inbox.
async fn post(embedded: &Embedded, recipients: usize) -> Duration {
    let mut mails = embedded.exchange.deliveries();
    let company = &embedded.company;
    let room = company.room_uri(company.rooms.first().unwrap());
    let begun = Instant::now();
    embedded
        .pool
        .post(
            &room,
            &company.sip("p1"),
            NewPost::text("The quick brown fox jumps over the lazy dog."),
        )
        .await
        .unwrap();
    for _ in 0..recipients {
        mails.recv().await.unwrap();
    }
    begun.elapsed()
}

fn post_to_mail(c: &mut Criterion) {
    let mut group = c.benchmark_group("post to last inbox");
    group.sample_size(50);
    for people in PEOPLE {
        let runtime = Runtime::new().unwrap();
        let (embedded, host) = runtime.block_on(start(people));
        let recipients = people - 2;
        group.bench_function(BenchmarkId::from_parameter(recipients), |b| {
            b.iter_custom(|count| {
                runtime.block_on(async {
                    let mut took = Duration::ZERO;
                    for _ in 0..count {
                        took += post(&embedded, recipients).await;
                    }
                    took
                })
            });
        });
        // Criterion tells means; what a reader waits for is a percentile.
        let mut took: Vec<Duration> =
            (0..500).map(|_| runtime.block_on(post(&embedded, recipients))).collect();
        took.sort_unstable();
        println!(
            "post to last of {recipients} inboxes: p50 {:?}, p99 {:?}",
            took.get(250).unwrap(),
            took.get(495).unwrap()
        );
        runtime.block_on(host.stop());
    }
    group.finish();
}

fn outgoing(number: u64) -> OutgoingMail {
    OutgoingMail {
        from: Mailbox::named("Chat digest", "p0@bench.example"),
        to: vec![Mailbox::named("Person 1", "p1@bench.example")],
        subject: format!("[Bench] Person 2: \"{number}\""),
        html: "<p>The quick brown fox jumps over the lazy dog.</p>\n".repeat(80),
        text: "The quick brown fox jumps over the lazy dog.\n".repeat(80),
        message_id: format!("<{number}@bench.example>"),
        in_reply_to: None,
        references: Vec::new(),
        headers: vec![("Auto-Submitted".to_owned(), "auto-generated".to_owned())],
        importance: Importance::Normal,
        attachments: Vec::new(),
        date_unix_s: 1_795_000_000,
    }
}

/// Ten drafts in one request, then ten sends in one.
async fn send_ten(account: &Account, number: u64) {
    let item = |n: u64| {
        let key = delivery::DeliveryKey::new(format!("bench-{number}-{n}")).unwrap();
        delivery::message(&outgoing(number + n), &key, delivery::MailForm::Mime).unwrap()
    };
    let request = delivery::draft((0..10).map(item).collect());
    let stored = account.call(&request).await.unwrap();
    let ids = stored
        .into_iter()
        .map(|items| delivery::drafted(&request, items.unwrap()).unwrap())
        .collect();
    for sent in account.call(&delivery::send(ids)).await.unwrap() {
        sent.unwrap();
    }
}

fn mails_a_second(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (embedded, account) = runtime.block_on(async {
        let embedded = Embedded::start(company(3)).await.unwrap();
        let file = write_config(&embedded, "every 1h").unwrap();
        let account = Account::new(&config::load(&file).unwrap().mail).unwrap();
        (embedded, account)
    });
    let mut group = c.benchmark_group("mails to Exchange");
    group.sample_size(20);
    for lanes in [1_u64, 4] {
        group.throughput(Throughput::Elements(10 * lanes));
        group.bench_function(BenchmarkId::new("10 in a request, connections", lanes), |b| {
            let mut number = 0;
            b.iter(|| {
                number += 1000;
                runtime.block_on(async {
                    let one = |lane: u64| {
                        let account = Arc::clone(&account);
                        tokio::spawn(async move { send_ten(&account, number + 100 * lane).await })
                    };
                    for lane in (0..lanes).map(one).collect::<Vec<_>>() {
                        lane.await.unwrap();
                    }
                });
            });
        });
    }
    group.finish();
    beside_exchangelib(&runtime, &embedded, &account);
}

/// The same mails to the same server, sent by us and by exchangelib, as drafts that are sent. Ours
/// go ten in a request, over one connection and over as many as the host takes.
fn beside_exchangelib(runtime: &Runtime, embedded: &Embedded, account: &Arc<Account>) {
    let one = ours(runtime, account, 1);
    let all = ours(runtime, account, 4);
    println!("ours: {one:.0} mails/s over one connection, {all:.0} over four");
    match exchangelib(embedded) {
        Ok(Theirs { single, bulk }) => println!(
            "exchangelib: {single:.0} mails/s one by one, {bulk:.0} ten by ten; \
             ours over four are {:.1} and {:.1} times as many",
            all / single,
            all / bulk
        ),
        Err(why) => println!("exchangelib is not measured: {why}"),
    }
}

/// Mails a second over so many connections.
fn ours(runtime: &Runtime, account: &Arc<Account>, lanes: u64) -> f64 {
    const TENS: u64 = 100;
    let begun = Instant::now();
    let one = |lane: u64| {
        let account = Arc::clone(account);
        async move {
            for ten in 0..TENS {
                send_ten(&account, 1_000_000 * (10 * lanes + lane + 1) + 10 * ten).await;
            }
        }
    };
    runtime.block_on(async {
        for lane in (0..lanes).map(|lane| tokio::spawn(one(lane))).collect::<Vec<_>>() {
            lane.await.unwrap();
        }
    });
    (10 * TENS * lanes) as f64 / begun.elapsed().as_secs_f64()
}

struct Theirs {
    single: f64,
    bulk: f64,
}

fn exchangelib(embedded: &Embedded) -> Result<Theirs, String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/peers/exchange-rate.py");
    let mail = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(mail.path(), outgoing(0).write().unwrap()).unwrap();
    let addresses = &embedded.addresses;
    let user = addresses.users.first().unwrap();
    let to = &addresses.users.get(1).unwrap().mailbox;
    let output = Command::new("python3")
        .args([script, &addresses.ews, &user.login, &user.password, &user.mailbox])
        .args(["--to", to, "--count", "100", "--auth", "ntlm", "--ca"])
        .arg(&addresses.ca_file)
        .arg("--mime")
        .arg(mail.path())
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(said.lines().last().unwrap_or("it failed").to_owned());
    }
    let measured: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rate = |key: &str| measured.get(key).and_then(serde_json::Value::as_f64).unwrap();
    Ok(Theirs { single: rate("single_mails_per_s"), bulk: rate("bulk_mails_per_s") })
}

criterion_group!(benches, post_to_mail, mails_a_second);
criterion_main!(benches);
