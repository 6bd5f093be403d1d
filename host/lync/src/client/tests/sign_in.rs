//! Registration, its refusals, its upkeep; provisioning.

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_wrong_password_is_tried_once() {
    let mut pair = Pair::new(config());
    assert!(!pair.authenticate("other"));
    assert!(!pair.authenticate("other"));
    assert!(!pair.authenticate("other"));
    assert_eq!(pair.ended(), &Ended::WrongPassword);
    assert!(pair.ended().needs_operator());
    pair.pass(60 * MINUTE);
    assert!(pair.inbox.is_empty(), "nothing more is sent");
    assert_eq!(pair.session.deadline(), None);
}

#[test]
fn a_redirect_names_the_host() {
    let mut pair = Pair::new(config());
    let request = pair.expect(Method::REGISTER);
    let mut response = Message::answer(&request, 301);
    response.headers.push("Contact", "<sip:fe2.contoso.com:5062;transport=tls>");
    pair.session.receive(&response.encode(), pair.clock.now()).unwrap();
    let outputs: Vec<_> = std::iter::from_fn(|| pair.session.poll()).collect();
    let [Output::Redirect { host, port }, Output::Ended(Ended::Redirected)] = &outputs[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!((host.as_str(), *port), ("fe2.contoso.com", 5062));
}

#[test]
fn refusals_are_told_apart() {
    let diagnostics = [("ms-diagnostics", "4004;reason=\"Not authorized\";source=\"fe\"")];
    for (status, operator) in [(403, true), (404, true), (503, false)] {
        let mut pair = Pair::new(config());
        let request = pair.expect(Method::REGISTER);
        pair.reply_with(&request, status, &diagnostics, "");
        assert_eq!(pair.ended().needs_operator(), operator, "{status}");
        assert!(pair.ended().to_string().contains("4004: Not authorized"), "{status}");
    }
}

#[test]
fn a_tired_server_is_asked_six_times() {
    let mut pair = Pair::new(config());
    for attempt in 1..=6 {
        assert!(pair.last.is_none(), "attempt {attempt}");
        let request = pair.expect(Method::REGISTER);
        pair.reply(&request, 504);
        pair.pass(MINUTE);
    }
    assert!(matches!(pair.ended(), Ended::Unavailable { status: 504, .. }));
    assert!(pair.inbox.is_empty());
}

#[test]
fn a_silent_server_is_given_up() {
    let mut pair = Pair::new(config());
    pair.pass(6 * MINUTE);
    assert_eq!(pair.ended(), &Ended::NoAnswer);
    assert_eq!(pair.inbox.len(), 6);
}

#[test]
fn a_proof_is_not_repeated_to_a_silent_server() {
    let mut pair = Pair::new(config());
    assert!(!pair.authenticate(PASSWORD));
    assert!(!pair.authenticate(PASSWORD));
    pair.pass(MINUTE);
    assert_eq!(pair.ended(), &Ended::NoAnswer);
    assert_eq!(pair.inbox.len(), 1);
}

#[test]
fn a_server_that_wants_no_proof_is_not_believed() {
    let mut pair = Pair::new(config());
    let request = pair.expect(Method::REGISTER);
    pair.reply(&request, 200);
    assert!(matches!(pair.ended(), Ended::Handshake(_)));
}

#[test]
fn an_unsigned_success_is_ignored() {
    let mut pair = Pair::new(config());
    assert!(!pair.authenticate(PASSWORD));
    assert!(!pair.authenticate(PASSWORD));
    let request = pair.expect(Method::REGISTER);
    pair.reply(&request, 200);
    assert!(pair.told().is_empty() && pair.last.is_none());
    // A refusal needs no signature: without keys the server has none.
    pair.reply(&request, 403);
    assert!(matches!(pair.ended(), Ended::Refused { status: 403, .. }));
}

#[test]
fn the_registration_is_refreshed_and_signed() {
    let mut pair = Pair::ready(config());
    pair.pass(Duration::from_secs(600));
    let update = pair.expect(Method::UPDATE);
    pair.reply(&update, 200);
    let mut refreshed = false;
    for _ in 0..12 {
        pair.pass(Duration::from_secs(600));
        while let Some(message) = pair.inbox.front().cloned() {
            match message.method() {
                Some(Method::REGISTER) => {
                    let request = pair.expect(Method::REGISTER);
                    assert!(request.headers.first("Authorization").is_some());
                    pair.registered(&request);
                    refreshed = true;
                }
                _ => {
                    let request = pair.expect(Method::UPDATE);
                    pair.reply(&request, 200);
                }
            }
        }
    }
    assert!(refreshed && pair.last.is_none());
    assert!(pair.told().is_empty());
}

#[test]
fn a_refused_refresh_starts_a_new_handshake_and_holds_back_the_rest() {
    let mut pair = Pair::ready(config());
    pair.session.registration_due(Now {
        instant: pair.clock.now().instant + Duration::from_secs(7170),
        ..pair.clock.now()
    });
    pair.drain();
    let refresh = pair.expect(Method::REGISTER);
    let offer = handshake().offer();
    pair.reply_with(&refresh, 401, &[("WWW-Authenticate", &offer)], "");
    pair.session.search_rooms("", pair.clock.now());
    pair.drain();
    // Only the handshake goes out; what is signed with the old keys still comes in.
    assert_eq!(pair.inbox.len(), 1);
    pair.info("<ntc id=\"ntc:new\" seqid=\"1\"><data/></ntc>");
    assert_eq!(pair.told(), ["odd: ntc:new"]);
    assert!(!pair.authenticate(PASSWORD));
    assert!(pair.authenticate(PASSWORD));
    let envid = pair.command("chansrch");
    pair.expect_status(200);
    pair.rpl("chansrch", envid, 200, "");
    assert_eq!(pair.told(), ["signed in RTC/5.0 7200s", "rooms "]);
}

#[test]
fn a_challenge_in_mid_session_is_answered_once() {
    let mut pair = Pair::ready(config());
    pair.session.search_rooms("", pair.clock.now());
    pair.drain();
    let (request, envid) = pair.command_unanswered("chansrch");
    pair.reply(&request, 401);
    let again = pair.expect(Method::INFO);
    assert_eq!(again.cseq(), request.cseq());
    assert_ne!(again.headers.first("Authorization"), request.headers.first("Authorization"));
    pair.reply(&again, 200);
    pair.rpl("chansrch", envid, 200, "");
    assert_eq!(pair.told(), ["rooms "]);
}

#[test]
fn two_challenges_mean_that_the_keys_are_lost() {
    let mut pair = Pair::ready(config());
    pair.session.search_rooms("", pair.clock.now());
    pair.drain();
    for _ in 0..2 {
        let (request, _) = pair.command_unanswered("chansrch");
        pair.reply(&request, 401);
    }
    pair.sign_in(PASSWORD);
    let envid = pair.command("chansrch");
    pair.rpl("chansrch", envid, 200, "");
    assert_eq!(pair.told(), ["signed in RTC/5.0 7200s", "rooms "]);
}

#[test]
fn a_missed_document_is_asked_for_again_before_the_next_call() {
    let mut pair = Pair::new(config());
    pair.sign_in(PASSWORD);
    let request = pair.expect(Method::SUBSCRIBE);
    pair.reply(&request, 503);
    let invite = pair.expect(Method::INVITE);
    assert_eq!(invite.uri(), Some("sip:ocschat@contoso.com"));
    pair.reply(&invite, 404);
    pair.pass(Duration::from_secs(6));
    pair.subscribe("true");
    assert_eq!(pair.expect(Method::INVITE).uri(), Some(POOL));
}

#[test]
fn keep_alives_fill_the_silence() {
    let mut pair = Pair::ready(config());
    pair.pass(Duration::from_secs(299));
    assert_eq!(pair.keep_alives, 0);
    pair.pass(Duration::from_secs(1));
    assert_eq!(pair.keep_alives, 1);
}

#[test]
fn a_user_without_chat_is_told_so() {
    for word in ["false", "True"] {
        let mut pair = Pair::new(config());
        pair.sign_in(PASSWORD);
        pair.subscribe(word);
        assert_eq!(pair.ended(), &Ended::NotProvisioned);
    }
}

#[test]
fn the_document_may_come_in_a_notification() {
    for (method, answered) in [(Method::BENOTIFY, false), (Method::NOTIFY, true)] {
        let mut pair = Pair::new(config());
        pair.sign_in(PASSWORD);
        let request = pair.expect(Method::SUBSCRIBE);
        pair.reply(&request, 200);
        assert!(pair.inbox.is_empty());
        let mut notify = Message::request(method.clone(), "sip:10.0.8.20");
        for (name, value) in [
            ("Via", "SIP/2.0/TLS fe"),
            ("From", "<sip:roombot@contoso.com>;tag=x"),
            ("To", "<sip:roombot@contoso.com>;tag=y"),
            ("Call-ID", request.call_id()),
            ("Event", "vnd-microsoft-provisioning-v2"),
            ("Content-Type", "application/vnd-microsoft-roaming-provisioning-v2+xml"),
        ] {
            notify.headers.push(name, value);
        }
        notify.headers.push("CSeq", format!("1 {method}"));
        notify.body = Pair::document("true").into();
        pair.deliver(notify);
        if answered {
            pair.expect_status(200);
        }
        assert_eq!(pair.expect(Method::INVITE).uri(), Some(POOL));
    }
}

#[test]
fn without_a_document_the_default_is_called() {
    let mut pair = Pair::new(config());
    pair.sign_in(PASSWORD);
    let request = pair.expect(Method::SUBSCRIBE);
    pair.reply(&request, 488);
    assert_eq!(pair.expect(Method::INVITE).uri(), Some("sip:ocschat@contoso.com"));
    let configured = SessionConfig { chat_uri: Some("sip:chat@contoso.com".into()), ..config() };
    let mut pair = Pair::new(configured);
    pair.sign_in(PASSWORD);
    pair.expect(Method::SUBSCRIBE);
    pair.pass(Duration::from_secs(32));
    assert_eq!(pair.expect(Method::INVITE).uri(), Some("sip:chat@contoso.com"));
}

#[test]
fn the_server_can_end_the_registration() {
    let mut pair = Pair::ready(config());
    let mut notify = Message::request(Method::BENOTIFY, "sip:10.0.8.20");
    notify.headers.push("CSeq", "1 BENOTIFY");
    notify.headers.push("Event", "registration-notify");
    notify.headers.push("Content-Type", "text/registration-event");
    notify.body = "deregistered;event=rejected".into();
    // Unsigned, anybody could say it.
    pair.deliver_as_is(&notify);
    assert!(pair.last.is_none());
    pair.deliver(notify);
    let expected = Ended::Deregistered { event: "rejected".into(), diagnostics: None };
    assert_eq!(pair.ended(), &expected);
}

#[test]
fn signing_out_says_bye_and_expires() {
    let mut pair = Pair::ready(config());
    pair.session.sign_out(pair.clock.now());
    pair.drain();
    pair.expect(Method::BYE);
    let register = pair.expect(Method::REGISTER);
    assert_eq!(register.expires_header(), Some("0"));
    pair.reply(&register, 200);
    assert_eq!(pair.ended(), &Ended::SignedOut);

    let mut pair = Pair::ready(config());
    pair.session.sign_out(pair.clock.now());
    pair.pass(Duration::from_secs(5));
    assert_eq!(pair.ended(), &Ended::SignedOut);
}

#[test]
fn nothing_follows_the_last_word() {
    fn is_send<T: Send>(_: &T) {}
    let mut pair = Pair::new(config());
    is_send(&pair.session);
    pair.session.sign_out(pair.clock.now());
    pair.drain();
    assert_eq!(pair.ended(), &Ended::SignedOut);
    let now = pair.clock.now();
    pair.session.search_rooms("", now);
    pair.session.join(vec![RoomRequest { uri: "x".into(), last_id: None, known: Vec::new() }], now);
    pair.session.post("x", "y", now);
    pair.session.handle_timeout(now);
    assert!(pair.session.poll().is_none());
}

#[test]
fn a_broken_stream_ends_the_session() {
    let mut pair = Pair::new(config());
    let result = pair.session.receive(b"HTTP/1.1 400 Bad\r\n\r\n", pair.clock.now());
    assert!(matches!(result, Err(ProtocolError::Frame(_))));
    pair.drain();
    assert!(matches!(pair.ended(), Ended::StreamBroken(_)));
}
