//! The crash test, a short one. The long one is a command: `cargo run -p tests --bin crash`.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use tests::{
    crash::{self, Options},
    engine,
};

/// Three hosts share a database; each is killed, or frozen for longer than its lease.
#[test]
#[ignore = "needs a server: tests/postgres.sh"]
fn crash_short_of_three_hosts() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = Options {
        program: env!("CARGO_BIN_EXE_chat-digest-tested").into(),
        kills: 8,
        seed: 6,
        hosts: 3,
        database: Some(runtime.block_on(engine::new_database())),
        freezes: true,
        patient: false,
    };
    let report = crash::run(options).unwrap();
    println!("{}", report.to_json());
    assert!(report.is_whole(), "lost, doubled or unproven: see above");
    assert_eq!(report.given_up, 0);
}

/// Killed again and again in the middle of everything, the host loses and doubles nothing.
#[test]
fn crash_short() {
    let options = Options {
        program: env!("CARGO_BIN_EXE_chat-digest-tested").into(),
        kills: 8,
        seed: 5,
        hosts: 1,
        database: None,
        freezes: false,
        patient: false,
    };
    let report = crash::run(options).unwrap();
    println!("{}", report.to_json());
    assert!(report.is_whole(), "lost, doubled or unproven: see above");
    assert_eq!((report.drafts, report.given_up), (0, 0));
}
