//! Signing in over HTTP: fields are read or refused, and nobody gets in without the password.
#![cfg_attr(fuzzing, no_main)]

use ews::auth::{Account, ConnectionAuth, Decision, NtlmHandshake, Policy, Scheme, challenges};
use ntlm::{ChannelBindingPolicy, Credentials, FileTime, ServerNames};

// One field a line, for the client as `WWW-Authenticate`, for the server as `Authorization`.
fuzz::target!(|data| {
    let text = String::from_utf8_lossy(data);
    client(&text);
    server(&text);
});

fn client(text: &str) {
    let who =
        Credentials { user: "ana".into(), domain: "CORP".into(), password: "Frühling".into() };
    let offers = challenges(text.lines());
    let mut handshake = NtlmHandshake::new();
    let answer = handshake.answer(text.lines(), &who, "PC", Some(&[7; 32]), [3; 24], FileTime(1));
    if answer.is_ok() {
        assert!(offers.iter().any(|offer| offer.scheme == Scheme::Ntlm));
    }
}

fn server(text: &str) {
    let policy = Policy {
        basic: true,
        ntlm: true,
        realm: "corp.example".into(),
        channel_binding: ChannelBindingPolicy::Allow,
        names: ServerNames::default(),
    };
    let lookup = |user: &str, _: &str| {
        let known = user.eq_ignore_ascii_case("ana");
        known.then(|| Account { identity: "ana".into(), password: "nobody:knows it".into() })
    };
    let mut connection = ConnectionAuth::new();
    for line in text.lines() {
        let decision =
            connection.decide(Some(line), &policy, lookup, Some(&[7; 32]), [9; 8], FileTime(1));
        if let Decision::Accept(identity) = decision {
            panic!("{identity} got in with {line}");
        }
    }
    let silent = connection.decide(None, &policy, lookup, None, [9; 8], FileTime(1));
    assert!(matches!(silent, Decision::Challenge { .. }));
}
