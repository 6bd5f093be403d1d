//! The dialog with the chat service: variants, losses, requests out of a clear sky.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Signed in and provisioned; the first INVITE waits.
fn called() -> Pair {
    let mut pair = Pair::new(config());
    pair.sign_in(PASSWORD);
    pair.subscribe("true");
    pair.told();
    pair
}

#[test]
fn without_an_address_the_first_dialog_serves() {
    for (code, data) in [(200, "<uib/>"), (200, ""), (500, "<uib uri=\"sip:x@contoso.com\"/>")] {
        let mut pair = called();
        pair.accept(POOL);
        let envid = pair.command("requri");
        pair.rpl("requri", envid, code, data);
        pair.open();
        assert_eq!(pair.told(), ["chat ready 999"], "{code} {data}");
    }
}

#[test]
fn without_a_reply_the_first_dialog_serves() {
    let mut pair = called();
    pair.accept(POOL);
    pair.command("requri");
    pair.pass(29 * SECOND);
    assert!(pair.inbox.is_empty());
    pair.pass(SECOND);
    // The dialog is looked at as well: its silence may have another cause.
    let methods: Vec<_> = pair.inbox.iter().filter_map(Message::method).collect();
    assert!(methods.contains(&Method::INFO), "{methods:?}");
}

#[test]
fn the_address_may_be_another() {
    let mut pair = called();
    pair.accept(POOL);
    let envid = pair.command("requri");
    pair.rpl("requri", envid, 200, "<uib uri=\"sip:channel7@contoso.com\"/>");
    pair.expect(Method::BYE);
    pair.accept("sip:channel7@contoso.com");
    pair.open();
    assert_eq!(pair.told(), ["chat ready 999"]);
}

#[test]
fn a_refused_call_is_repeated_with_growing_pauses() {
    let mut pair = called();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let invite = pair.expect(Method::INVITE);
        pair.reply(&invite, 503);
        let Some(Event::ChatUnavailable { retry_in, .. }) = pair.events.pop() else { panic!() };
        pauses.push(retry_in.as_secs_f64());
        pair.pass(retry_in);
    }
    assert!((4.0..=6.0).contains(&pauses[0]), "{pauses:?}");
    assert!((240.0..=360.0).contains(&pauses[7]), "{pauses:?}");
    // A Front End that is there and a chat server that is not: as good as a refusal.
    let invite = pair.expect(Method::INVITE);
    pair.pass(SECOND);
    pair.reply(&invite, 100);
    pair.pass(31 * SECOND);
    assert!(pair.told()[0].starts_with("unavailable 0, "));
    // Nothing at all: it is the connection.
    pair.pass(360 * SECOND);
    pair.expect(Method::INVITE);
    assert_eq!(pair.ended(), &Ended::NoAnswer);
}

#[test]
fn an_early_bye_means_not_provisioned() {
    let mut pair = called();
    pair.accept(POOL);
    let (info, _) = pair.command_unanswered("requri");
    pair.reply(&info, 200);
    let bye = pair.dialog.as_mut().unwrap().request(&Method::BYE);
    pair.deliver(bye);
    pair.expect_status(200);
    assert!(pair.told()[0].starts_with("unavailable NotProvisioned, retry in "));
    pair.pass(200 * SECOND);
    assert!(pair.inbox.is_empty());
}

#[test]
fn a_later_bye_is_answered_and_the_call_repeated() {
    let mut pair = Pair::ready(config());
    let bye = pair.dialog.as_mut().unwrap().request(&Method::BYE);
    pair.deliver(bye);
    pair.expect_status(200);
    assert_eq!(pair.told(), ["lost Bye"]);
    assert!(pair.inbox.is_empty(), "no BYE in a dialog the server has ended");
    pair.pass(SECOND);
    pair.lookup();
    pair.open();
    assert_eq!(pair.told(), ["chat ready 999"]);
}

#[test]
fn after_481_everything_starts_again() {
    let mut pair = Pair::ready(config());
    let old = pair.dialog.clone().unwrap();
    pair.session.search_rooms("x", pair.clock.now());
    pair.drain();
    let (info, _) = pair.command_unanswered("chansrch");
    pair.reply(&info, 481);
    assert_eq!(
        pair.told(),
        ["lost Unknown", "no rooms: the chat dialog was lost before the answer"]
    );
    pair.expect(Method::BYE);
    pair.lookup();
    pair.open();
    assert_eq!(pair.told(), ["chat ready 999"]);
    // The server still feeds the old dialog.
    let new = pair.dialog.replace(old);
    pair.info("<grpchat id=\"grpchat\" seqid=\"1\"/>");
    pair.expect_status(487);
    pair.dialog = new;
    pair.info("<ntc id=\"ntc:quit\" seqid=\"1\"><data/></ntc>");
    pair.expect_status(200);
}

#[test]
fn a_server_that_forgets_at_once_is_not_hammered() {
    let mut pair = called();
    for pause in [0, 1, 2, 4] {
        pair.pass(pause * SECOND);
        pair.accept(POOL);
        let (info, _) = pair.command_unanswered("requri");
        pair.reply(&info, 481);
        pair.expect(Method::BYE);
        assert_eq!(pair.told(), ["lost Unknown"]);
    }
}

#[test]
fn updates_keep_the_dialog() {
    let mut pair = Pair::ready(config());
    pair.pass(600 * SECOND);
    let update = pair.expect(Method::UPDATE);
    pair.reply_with(&update, 200, &[("Session-Expires", "40")], "");
    pair.pass(20 * SECOND);
    let update = pair.expect(Method::UPDATE);
    pair.reply(&update, 500);
    pair.pass(10 * SECOND);
    let update = pair.expect(Method::UPDATE);
    pair.reply(&update, 500);
    assert_eq!(pair.told(), ["lost Unknown"]);
    pair.expect(Method::BYE);
    pair.expect(Method::INVITE);
}

#[test]
fn a_silent_dialog_is_given_up() {
    let mut pair = Pair::ready(config());
    pair.pass(600 * SECOND);
    pair.expect(Method::UPDATE);
    pair.pass(32 * SECOND);
    assert_eq!(pair.told(), ["lost Silent"]);
}

#[test]
fn a_command_is_repeated_once_then_the_dialog_is_checked() {
    let mut pair = Pair::ready(config());
    pair.session.search_rooms("", pair.clock.now());
    pair.drain();
    let first = pair.command("chansrch");
    pair.pass(30 * SECOND);
    let second = pair.command("chansrch");
    assert_eq!(first, second);
    pair.pass(30 * SECOND);
    assert_eq!(pair.told(), ["no rooms: no answer within the time allowed"]);
    let update = pair.expect(Method::UPDATE);
    pair.reply(&update, 200);
    assert!(pair.told().is_empty());
}

#[test]
fn a_busy_server_is_asked_again() {
    let mut pair = Pair::ready(config());
    pair.session.search_rooms("", pair.clock.now());
    pair.drain();
    let (info, _) = pair.command_unanswered("chansrch");
    pair.reply(&info, 503);
    pair.pass(5 * SECOND);
    let envid = pair.command("chansrch");
    let room = "<chanib name=\"Ops\" uri=\"ma-chan://contoso.com/1\"/>";
    pair.rpl("chansrch", envid, 200, room);
    assert_eq!(pair.told(), ["rooms Ops"]);
}

#[test]
fn the_window_of_commands_is_bounded() {
    let mut pair = Pair::ready(config());
    for _ in 0..40 {
        pair.session.search_rooms("", pair.clock.now());
    }
    pair.drain();
    assert_eq!(pair.inbox.len(), 16);
    for _ in 0..40 {
        let envid = pair.command("chansrch");
        // Order of sending is order of asking; merged replies are possible but not needed.
        let rpl = format!(
            "<rpl id=\"rpl:chansrch\"><commandid seqid=\"1\" envid=\"{envid}\"/>\
             <resp code=\"200\"/><data/></rpl>"
        );
        pair.info(&rpl);
        let at = pair.inbox.iter().position(|m| !m.is_request()).unwrap();
        let answer = pair.inbox.remove(at).unwrap();
        assert_eq!(answer.status(), Some(200));
        let _ = pair.association.as_mut().unwrap().verify(&answer);
    }
    assert_eq!(pair.told().len(), 40);
}

fn request(method: Method) -> Message {
    let mut request = Message::request(method.clone(), "sip:10.0.8.20");
    for (name, value) in [
        ("Via", "SIP/2.0/TLS fe;branch=z9hG4bK7"),
        ("From", "<sip:somebody@contoso.com>;tag=x"),
        ("To", "<sip:roombot@contoso.com>"),
        ("Call-ID", "foreign"),
    ] {
        request.headers.push(name, value);
    }
    request.headers.push("CSeq", format!("1 {method}"));
    request
}

#[test]
fn requests_out_of_a_clear_sky() {
    let mut pair = Pair::ready(config());
    for (method, status) in [
        (Method::OPTIONS, 200),
        (Method::NOTIFY, 200),
        (Method::INFO, 487),
        (Method::BYE, 481),
        (Method::CANCEL, 200),
        (Method::UPDATE, 481),
        (Method::INVITE, 486),
        (Method::REFER, 405),
        (Method::MESSAGE, 405),
        (Method::SUBSCRIBE, 200),
        (Method::SERVICE, 501),
    ] {
        pair.deliver(request(method.clone()));
        let answer = pair.expect_status(status);
        assert!(answer.to().tag().is_some(), "{method}");
        assert_eq!(answer.headers.first("Via"), Some("SIP/2.0/TLS fe;branch=z9hG4bK7"));
    }
    for method in [Method::ACK, Method::BENOTIFY] {
        pair.deliver(request(method));
        assert!(pair.inbox.is_empty());
    }
    pair.deliver_as_is(&request(Method::OPTIONS));
    assert!(pair.inbox.is_empty(), "unsigned: ignored");
    assert!(pair.told().is_empty());
}

#[test]
fn requests_in_the_dialog() {
    let mut pair = Pair::ready(config());
    for method in [Method::UPDATE, Method::INVITE] {
        let request = pair.dialog.as_mut().unwrap().request(&method);
        pair.deliver(request);
        let answer = pair.expect_status(200);
        assert_eq!(answer.body.is_empty(), method == Method::UPDATE);
    }
    pair.info("no xml <");
    pair.expect_status(200);
    assert!(pair.told()[0].starts_with("odd: INFO body: "));
}

#[test]
fn chat_commands_without_chat_fail_at_once() {
    let mut pair = called();
    let now = pair.clock.now();
    pair.session.search_rooms("", now);
    pair.session.post("ma-chan://contoso.com/1", "hello", now);
    pair.session.post("nonsense", "hello", now);
    pair.session.members("ma-chan://contoso.com/1", now);
    let told = pair.told();
    assert_eq!(told[0], "no rooms: the chat service is not connected");
    assert_eq!(told[1], "not posted: the chat service is not connected");
    assert_eq!(told[2], "not posted: not a room address");
    assert_eq!(told[3], "no members: the server has no such command");
}
