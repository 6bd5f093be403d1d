//! Joining, reading, posting, leaving.

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const ROOM: &str = "ma-chan://contoso.com/5b1d";
const OTHER: &str = "ma-chan://contoso.com/8a2c";

fn request(uri: &str, last_id: Option<u64>) -> RoomRequest {
    RoomRequest { uri: uri.into(), last_id, known: Vec::new() }
}

fn chanib(uri: &str) -> String {
    format!(
        "<chanib name=\"Ops\" uri=\"{uri}\"><aib key=\"3984\" value=\"0,1\"/></chanib>\
         <uib id=\"0\" uri=\"sip:roombot@contoso.com\"/><uib id=\"1\" uri=\"sip:anna@contoso.com\"/>"
    )
}

fn entry(element: &str, id: u64, text: &str) -> String {
    format!(
        "<{element} id=\"grpchat\" seqid=\"1\" chanUri=\"{ROOM}\" author=\"sip:anna@contoso.com\" \
         chatId=\"{id}\" ts=\"2014-03-03T09:17:45.2500000Z\"><chat>{text}</chat></{element}>"
    )
}

fn history(pair: &mut Pair, ids: impl IntoIterator<Item = u64>) {
    let envid = pair.command("bccontext");
    let entries: String = ids.into_iter().map(|id| entry("msg", id, "old")).collect();
    let data = format!("<chanib uri=\"{ROOM}\">{entries}</chanib>");
    pair.rpl("bccontext", envid, 200, &data);
}

/// In the room, history read up to 42.
fn joined() -> Pair {
    let mut pair = Pair::ready(config());
    pair.session.join(vec![request(ROOM, Some(42))], pair.clock.now());
    pair.drain();
    let envid = pair.command("bjoin");
    pair.rpl("bjoin", envid, 200, &chanib(ROOM));
    history(&mut pair, 41..=42);
    assert_eq!(pair.told(), ["joined Ops 2", "caught up"]);
    pair
}

fn confirm_all(pair: &mut Pair) {
    for event in std::mem::take(&mut pair.events) {
        if let Event::Posted(_, receipt) = event {
            pair.session.confirm(receipt, pair.clock.now());
        }
    }
    pair.drain();
}

/// What an administrator removed or replaced shows; nothing is handed over anew.
#[test]
fn history_is_read_once_more() {
    let mut pair = joined();
    pair.session.review(ROOM, 3, pair.clock.now());
    pair.drain();
    let envid = pair.command("bccontext");
    let entries = entry("msg", 40, "old") + &entry("msg", 41, "old") + &entry("msg", 42, "other");
    pair.rpl("bccontext", envid, 200, &format!("<chanib uri=\"{ROOM}\">{entries}</chanib>"));
    assert_eq!(pair.told(), ["reviewed old,old,other"]);
    pair.session.review(ROOM, 3, pair.clock.now());
    pair.drain();
    let envid = pair.command("bccontext");
    pair.rpl("bccontext", envid, 200, "");
    assert_eq!(pair.told(), ["reviewed "]);
    pair.session.review("nonsense", 3, pair.clock.now());
    pair.drain();
    assert!(pair.told()[0].starts_with("not reviewed: "));
}

#[test]
fn a_live_post_is_answered_when_it_is_safe() {
    let mut pair = joined();
    pair.info(&entry("grpchat", 43, "hello"));
    assert!(pair.inbox.is_empty());
    confirm_all(&mut pair);
    pair.expect_status(200);
    // The same again is answered at once: it was handed over already.
    pair.info(&entry("grpchat", 43, "hello"));
    pair.expect_status(200);
    assert!(pair.told().is_empty());
}

#[test]
fn an_info_with_two_posts_waits_for_both() {
    let mut pair = joined();
    pair.info(&(entry("grpchat", 43, "a") + &entry("grpchat", 44, "b")));
    let events = std::mem::take(&mut pair.events);
    let mut receipts = events.into_iter().filter_map(|event| match event {
        Event::Posted(_, receipt) => Some(receipt),
        _ => None,
    });
    let (first, second) = (receipts.next().unwrap(), receipts.next().unwrap());
    pair.session.confirm(second, pair.clock.now());
    pair.drain();
    assert!(pair.inbox.is_empty());
    pair.session.confirm(first, pair.clock.now());
    pair.drain();
    pair.expect_status(200);
}

#[test]
fn posts_before_the_history_are_buffered_in_order() {
    let mut pair = Pair::ready(config());
    pair.session.join(vec![request(ROOM, Some(42))], pair.clock.now());
    pair.drain();
    let envid = pair.command("bjoin");
    // Overtakes the reply of join.
    pair.info(&entry("grpchat", 45, "new"));
    assert!(pair.told().is_empty() && pair.inbox.is_empty());
    pair.rpl("bjoin", envid, 200, &chanib(ROOM));
    history(&mut pair, 40..=45);
    assert_eq!(
        pair.told(),
        ["joined Ops 2", "post 43 old", "post 44 old", "post! 45 new", "caught up"]
    );
}

#[test]
fn a_jump_in_the_ids_is_looked_up() {
    let mut pair = joined();
    pair.info(&entry("grpchat", 45, "jump"));
    history(&mut pair, 42..=45);
    assert_eq!(pair.told(), ["post 43 old", "post 44 old", "post! 45 jump"]);
}

#[test]
fn a_gap_beyond_the_servers_limit_is_told() {
    let mut pair = Pair::ready(config());
    pair.session.join(vec![request(ROOM, Some(10))], pair.clock.now());
    pair.drain();
    let envid = pair.command("bjoin");
    pair.rpl("bjoin", envid, 200, &chanib(ROOM));
    for _ in 0..2 {
        history(&mut pair, 971..=1000);
    }
    let told = pair.told();
    assert_eq!(told[..3], ["joined Ops 2", "gap 11-970", "post 971 old"]);
    assert_eq!(told.last().map(String::as_str), Some("caught up"));
}

#[test]
fn joins_go_in_batches_and_may_succeed_in_part() {
    let mut pair = Pair::ready(config());
    let rooms = (0..20).map(|n| request(&format!("ma-chan://contoso.com/{n}"), None));
    let rooms = rooms.chain([request("nonsense", None)]).collect();
    pair.session.join(rooms, pair.clock.now());
    pair.drain();
    assert_eq!(pair.told(), ["refused nonsense"]);
    let envid = pair.command("bjoin");
    assert!(pair.inbox.is_empty());
    pair.pass(SECOND);
    pair.command("bjoin");
    let data = chanib("ma-chan://contoso.com/3")
        + "<fib key=\"OPERATION_FAILED\" value=\"4\" domain=\"contoso.com\"/>";
    pair.rpl("bjoin", envid, 200, &data);
    let told = pair.told();
    assert_eq!(told.iter().filter(|word| word.starts_with("refused")).count(), 15);
    assert!(told.contains(&"joined Ops 2".to_owned()));
    history_of(&mut pair);
    pair.pass(300 * SECOND);
    // Refused rooms are tried again, slowly.
    assert!(pair.inbox.iter().any(|m| String::from_utf8_lossy(&m.body).contains("cmd:bjoin")));
}

fn history_of(pair: &mut Pair) {
    let envid = pair.command("bccontext");
    pair.rpl("bccontext", envid, 200, "");
}

#[test]
fn after_a_loss_rooms_are_joined_again_from_where_they_were() {
    let mut pair = joined();
    pair.info(&entry("grpchat", 43, "hello"));
    let events = std::mem::take(&mut pair.events);
    pair.session.search_rooms("", pair.clock.now());
    pair.drain();
    let (info, _) = pair.command_unanswered("chansrch");
    pair.reply(&info, 481);
    pair.expect(Method::BYE);
    // The receipt of a dead dialog answers nothing.
    pair.events = events;
    confirm_all(&mut pair);
    pair.told();
    pair.lookup();
    pair.open();
    let envid = pair.command("bjoin");
    pair.rpl("bjoin", envid, 200, &chanib(ROOM));
    history(&mut pair, 42..=44);
    assert_eq!(pair.told(), ["chat ready 999", "joined Ops 2", "post 44 old", "caught up"]);
}

#[test]
fn posts_of_rooms_we_are_not_in_are_answered_and_dropped() {
    let mut pair = Pair::ready(config());
    pair.info(&entry("grpchat", 43, "hello"));
    pair.expect_status(200);
    assert!(pair.told().is_empty());
}

#[test]
fn replies_notices_and_posts_may_share_an_envelope() {
    let mut pair = joined();
    pair.session.search_rooms("", pair.clock.now());
    pair.drain();
    let envid = pair.command("chansrch");
    let reply = format!(
        "<rpl id=\"rpl:chansrch\"><commandid seqid=\"1\" envid=\"{envid}\"/>\
         <resp code=\"200\"/><data/></rpl>"
    );
    pair.info(&(reply + &entry("grpchat", 43, "both")));
    assert_eq!(pair.told(), ["rooms ", "post! 43 both"]);
}

#[test]
fn people_come_and_go() {
    let mut pair = joined();
    let join = "<ntc id=\"ntc:join\" seqid=\"1\"><data><uib uri=\"sip:marc@contoso.com\">\
                <aib key=\"3984\" domain=\"contoso.com\" value=\"5b1d\"/></uib></data></ntc>";
    pair.info(join);
    pair.info(
        "<ntc id=\"ntc:quit\" seqid=\"1\"><data><uib uri=\"sip:marc@contoso.com\"/></data></ntc>",
    );
    let part = format!(
        "<ntc id=\"ntc:part\" seqid=\"1\"><data><chanib uri=\"{ROOM}\">\
         <uib uri=\"sip:anna@contoso.com\"/></chanib></data></ntc>"
    );
    pair.info(&part);
    assert_eq!(
        pair.told(),
        ["sip:marc@contoso.com entered", "sip:marc@contoso.com left", "sip:anna@contoso.com left"]
    );
}

#[test]
fn put_out_of_a_room_we_come_back_slowly() {
    let mut pair = joined();
    pair.info(&format!(
        "<ntc id=\"ntc:part\" seqid=\"1\"><data><chanib uri=\"{ROOM}\">\
         <uib uri=\"sip:RoomBot@contoso.com\"/></chanib></data></ntc>"
    ));
    pair.expect_status(200);
    assert_eq!(pair.told(), ["parted, retry in 30s"]);
    pair.pass(30 * SECOND);
    let envid = pair.command("bjoin");
    pair.rpl("bjoin", envid, 403, "");
    assert_eq!(pair.told(), [format!("refused {ROOM}")]);
    pair.pass(299 * SECOND);
    assert!(pair.inbox.is_empty());
    pair.pass(SECOND);
    let envid = pair.command("bjoin");
    pair.rpl("bjoin", envid, 200, &chanib(ROOM));
    assert_eq!(pair.told(), ["joined Ops 2"]);
}

/// Posts held back are dropped with the room, and the server does not wait for them in vain.
#[test]
fn held_posts_are_answered_when_we_are_out() {
    let mut pair = Pair::ready(config());
    let rooms = vec![request(ROOM, Some(42)), request(OTHER, None)];
    pair.session.join(rooms, pair.clock.now());
    pair.drain();
    let envid = pair.command("bjoin");
    pair.info(&entry("grpchat", 43, "refused"));
    assert!(pair.inbox.is_empty());
    pair.rpl("bjoin", envid, 403, "");
    pair.expect_status(200);
    pair.told();

    let mut pair = joined();
    pair.info(&entry("grpchat", 45, "a jump"));
    pair.command("bccontext");
    pair.info(&format!(
        "<ntc id=\"ntc:part\" seqid=\"1\"><data><chanib uri=\"{ROOM}\">\
         <uib uri=\"sip:roombot@contoso.com\"/></chanib></data></ntc>"
    ));
    let answers = [pair.expect_status(200), pair.expect_status(200)];
    assert_ne!(answers[0].cseq(), answers[1].cseq());
    assert_eq!(pair.told(), ["parted, retry in 30s"]);

    let mut pair = joined();
    pair.info(&entry("grpchat", 45, "a jump"));
    pair.command("bccontext");
    pair.session.part(ROOM, pair.clock.now());
    pair.drain();
    let envid = pair.command("part");
    let data = format!("<chanib uri=\"{ROOM}\"/>");
    pair.rpl("part", envid, 200, &data);
    pair.expect_status(200);
    assert!(pair.inbox.is_empty());
}

#[test]
fn own_posts_are_delivered_by_the_200() {
    let mut pair = joined();
    let now = pair.clock.now();
    let first = pair.session.post(ROOM, "one", now);
    let second = pair.session.post(ROOM, "two", now);
    assert_ne!(first, second);
    pair.session.post(ROOM, &"x".repeat(513), now);
    assert_eq!(pair.told(), ["not posted: text longer than 512 bytes"]);
    let info = pair.expect(Method::INFO);
    let body = String::from_utf8_lossy(&info.body).into_owned();
    assert!(body.contains("ts=\"2014-03-03T09:15:02Z\"><chat>one</chat>"), "{body}");
    pair.reply(&info, 200);
    let info = pair.expect(Method::INFO);
    pair.reply(&info, 440);
    assert_eq!(pair.told(), ["posted", "not posted: refused with SIP status 440"]);
    // A late reply overrides.
    let (_, rest) = body.split_once("envid=\"").unwrap();
    let envid = rest.split('"').next().unwrap().to_owned();
    pair.rpl("grpchat", envid, 403, "");
    assert_eq!(pair.told(), ["not posted: refused with code 403"]);
}

#[test]
fn my_rooms_and_members_by_assumed_commands() {
    let mut pair = Pair::ready(SessionConfig { quirks: Quirks::embedded(), ..config() });
    let now = pair.clock.now();
    pair.session.my_rooms(now);
    pair.drain();
    let envid = pair.command("getassociations");
    pair.rpl("getassociations", envid, 200, &format!("<chanib name=\"A\" uri=\"{ROOM}\"/>"));
    let envid = pair.command("getassociations");
    let both = format!("<chanib name=\"A\" uri=\"{ROOM}\"/><chanib name=\"B\" uri=\"{OTHER}\"/>");
    pair.rpl("getassociations", envid, 200, &both);
    assert_eq!(pair.told(), ["rooms A,B"]);
    // Refused: all visible rooms instead.
    pair.session.my_rooms(now);
    pair.drain();
    let envid = pair.command("getassociations");
    pair.rpl("getassociations", envid, 501, "");
    pair.command("chansrch");

    pair.session.members(ROOM, now);
    pair.drain();
    let envid = pair.command("x-getmembers");
    let data = format!(
        "<chanib uri=\"{ROOM}\"><aib key=\"MEMBER\" value=\"0\"/><aib key=\"MANAGER\" value=\"1\"/>\
         </chanib><uib id=\"0\" uri=\"sip:a@contoso.com\" type=\"USER\"/>\
         <uib id=\"1\" uri=\"ma-grp:1@u.g\" type=\"GROUP\"/>"
    );
    pair.rpl("x-getmembers", envid, 200, &data);
    assert_eq!(pair.told(), ["members 2"]);
}

#[test]
fn leaving_is_final_whatever_the_server_says() {
    let mut pair = joined();
    pair.session.part(ROOM, pair.clock.now());
    pair.drain();
    let envid = pair.command("part");
    pair.rpl("part", envid, 500, "");
    assert_eq!(pair.told(), ["parted, retry in 0s"]);
    pair.info(&entry("grpchat", 43, "late"));
    pair.expect_status(200);
    assert!(pair.told().is_empty());
}

/// A room that goes to another host and comes back before the server has let us go.
#[test]
fn who_wants_in_again_while_leaving_joins_when_he_has_left() {
    let mut pair = joined();
    pair.session.part(ROOM, pair.clock.now());
    pair.drain();
    let envid = pair.command("part");
    pair.session.join(vec![request(ROOM, Some(50))], pair.clock.now());
    pair.drain();
    assert!(pair.inbox.is_empty());
    pair.rpl("part", envid, 200, &format!("<chanib uri=\"{ROOM}\"/>"));
    assert_eq!(pair.told(), ["parted, retry in 0s"]);
    pair.pass(5 * SECOND);
    let envid = pair.command("bjoin");
    pair.rpl("bjoin", envid, 200, &chanib(ROOM));
    history(&mut pair, 48..=51);
    assert_eq!(pair.told(), ["joined Ops 2", "post 51 old", "caught up"]);
    // Asked for and given up again before it was left: then not.
    let mut pair = joined();
    for _ in 0..2 {
        pair.session.part(ROOM, pair.clock.now());
        pair.session.join(vec![request(ROOM, None)], pair.clock.now());
    }
    pair.session.part(ROOM, pair.clock.now());
    pair.drain();
    let envid = pair.command("part");
    pair.rpl("part", envid, 200, "");
    assert_eq!(pair.told(), ["parted, retry in 0s"]);
    pair.pass(5 * SECOND);
    assert!(pair.inbox.is_empty());
}

#[test]
fn unknown_forms_are_reported_by_name_only() {
    let mut pair = joined();
    pair.info("<ntc id=\"ntc:roomchange\" seqid=\"1\"><data><chanib uri=\"ma-chan://contoso.com/5B1D\"/></data></ntc>");
    pair.expect_status(200);
    assert_eq!(pair.told(), ["odd: ntc:roomchange", format!("{ROOM} changed").as_str()]);
    pair.info("<surprise secret=\"1\"/>");
    pair.expect_status(200);
    assert_eq!(pair.told(), ["odd: xccos/surprise"]);
}

#[test]
fn a_caller_that_never_confirms_is_stopped() {
    let mut pair = joined();
    for id in 43..43 + 1025 {
        pair.info(&entry("grpchat", id, "x"));
    }
    assert_eq!(pair.ended(), &Ended::Overrun);
}

#[test]
fn a_quiet_room_is_checked() {
    let mut pair = joined();
    while pair.inbox.is_empty() {
        pair.pass(60 * SECOND);
        if pair.inbox.front().is_some_and(|m| m.method() == Some(Method::UPDATE)) {
            let update = pair.expect(Method::UPDATE);
            pair.reply(&update, 200);
        }
    }
    history(&mut pair, 42..=42);
    assert!(pair.told().is_empty());
}
