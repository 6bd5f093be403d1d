//! The crash test, a short one. The long one is a command: `cargo run -p tests --bin crash`.
#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use tests::crash::{self, Options};

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
