//! NTLM messages: read or refused, and nobody gets in without the password.
#![cfg_attr(fuzzing, no_main)]

use ntlm::{
    Authenticate, AuthenticateParameters, Challenge, ChannelBindingPolicy, Credentials, FileTime,
    Negotiate, NtHash, Secret, TargetInfo, accept, authenticate, flags, negotiate,
};

fuzz::target!(|data| {
    let _ = (Negotiate::parse(data), Authenticate::parse(data));
    if let Ok(info) = TargetInfo::parse(data)
        && let Ok(bytes) = info.bytes()
    {
        assert_eq!(TargetInfo::parse(&bytes), Ok(info));
    }
    if let Ok(challenge) = Challenge::parse(data) {
        answer(data, challenge.flags & flags::DATAGRAM != 0);
    }
    guess(data);
});

/// A fuzzed challenge gets a good answer, or none.
fn answer(challenge: &[u8], datagram: bool) {
    let password = Secret::from("Sommer!2013");
    let who = Credentials { user: "roombot".into(), domain: "CONTOSO".into(), password };
    let first = if datagram { Vec::new() } else { negotiate(flags::HTTP_CLIENT) };
    let parameters = match datagram {
        true => AuthenticateParameters::datagram(&who, "pc", [7; 24], FileTime(1)),
        false => AuthenticateParameters::http(&who, "pc", &first, [7; 24], FileTime(1)),
    };
    let Ok(answer) = authenticate(challenge, &parameters) else { return };
    let enter = |password: &str| {
        let lookup = |_: &str, _: &str| Some(NtHash::of(&password.into()));
        accept(&first, challenge, &answer.message, lookup, None, ChannelBindingPolicy::None)
    };
    if let Err(error) = enter("Sommer!2013") {
        panic!("our own answer is refused: {error}");
    }
    assert!(enter("sommer!2013").is_err(), "any password will do");
}

/// A fuzzed answer to a good challenge never gets in.
fn guess(message: &[u8]) {
    const CHALLENGE: &[u8] = include_bytes!("../seeds/ntlm/challenge");
    let lookup = |_: &str, _: &str| Some(NtHash::from_bytes(*b"nobody knows it!"));
    for policy in [ChannelBindingPolicy::None, ChannelBindingPolicy::Allow] {
        assert!(accept(&[], CHALLENGE, message, lookup, None, policy).is_err());
    }
}
