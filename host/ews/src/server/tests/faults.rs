//! Failures on demand, and requests that fail by themselves.

use super::*;
use crate::{code::ResponseCode, soap::Fault as SoapFault};

fn draft_request() -> Vec<u8> {
    client::encode(&delivery::draft(vec![typed("k1", &[ANA])]), &Options::default()).body
}

fn fault_code(reply: &Reply) -> String {
    let envelope = parse(std::str::from_utf8(&reply.body).unwrap());
    SoapFault::read(&envelope).unwrap().code.as_str().to_owned()
}

#[test]
fn nothing_is_executed_before_a_refusal() {
    let mut world = World::new();
    let retry_after = vec![("Retry-After".to_owned(), "7".to_owned())];
    for (fault, status, wire) in [
        (Fault::Http { status: 503, headers: retry_after }, 503, Wire::Whole),
        (Fault::ServerBusy { back_off_ms: Some(9) }, 500, Wire::Whole),
        (Fault::Soap(ResponseCode::new("ErrorMailboxMoveInProgress")), 500, Wire::Whole),
        (Fault::DropBefore, 500, Wire::Drop),
    ] {
        world.exchange.faults.add(Some("CreateItem"), 1, fault);
        let reply = world.reply(BOT, &draft_request());
        assert_eq!((reply.status, reply.wire), (status, wire));
    }
    assert_eq!(world.exchange.drafts(BOT).count(), 0);
    assert!(world.exchange.faults.is_empty());
}

#[test]
fn all_is_executed_before_the_answer_is_lost() {
    let mut world = World::new();
    let late = Duration::from_secs(3);
    for (fault, wire, delay) in [
        (Fault::DropAfter, Wire::Drop, Duration::ZERO),
        (Fault::Truncate { bytes: 99 }, Wire::Cut(99), Duration::ZERO),
        (Fault::Delay(late), Wire::Whole, late),
    ] {
        world.exchange.faults.add(None, 1, fault);
        let reply = world.reply(BOT, &draft_request());
        assert_eq!((reply.wire, reply.delay), (wire, delay));
    }
    assert_eq!(world.exchange.drafts(BOT).count(), 3);
}

#[test]
fn one_item_of_a_batch_is_refused() {
    let mut world = World::new();
    let code = ResponseCode::new("ErrorItemSave");
    world.exchange.faults.add(Some("CreateItem"), 1, Fault::Item { code, at: Some(1) });
    let items = (0..3).map(|_| typed("k1", &[ANA])).collect();
    let results = world.ask(BOT, &delivery::draft(items)).unwrap();
    let refused: Vec<_> = results.iter().map(Result::is_err).collect();
    assert_eq!(refused, [false, true, false]);
    assert_eq!(world.exchange.drafts(BOT).count(), 2);
}

#[test]
fn parked_mail_waits_in_the_outbox() {
    let mut world = World::new();
    let id = world.draft("k1", &[ANA]);
    world.exchange.faults.add(Some("SendItem"), 1, Fault::Park(Duration::from_secs(60)));
    world.send(&id).unwrap();
    let request = delivery::find(&key("k1"), "outbox", None);
    let found = world.ask(BOT, &request).unwrap().remove(0).unwrap();
    assert!(delivery::hits(&found, &key("k1"))[0].is_submitted);
    assert_eq!(world.exchange.deadline(), Some(world.now_unix + Duration::from_secs(60)));
    world.exchange.handle_timeout(world.now_unix + Duration::from_secs(59));
    assert_eq!(world.exchange.inbox(ANA).count(), 0);
    world.exchange.handle_timeout(world.now_unix + Duration::from_secs(60));
    assert_eq!(world.exchange.inbox(ANA).count(), 1);
    assert_eq!(world.exchange.sent(BOT).count(), 1);
    assert_eq!(world.exchange.deadline(), None);
}

#[test]
fn mail_can_get_another_id_or_lost() {
    let mut world = World::new();
    let id = world.draft("k1", &[ANA]);
    let before = world.exchange.drafts(BOT).next().unwrap().message_id().to_owned();
    world.exchange.faults.add(Some("SendItem"), 1, Fault::RewriteMessageId);
    world.send(&id).unwrap();
    let after = world.exchange.inbox(ANA).next().unwrap().message_id().to_owned();
    assert!(before != after && after.ends_with("@corp.example>"));
    let id = world.draft("k2", &[ANA]);
    world.exchange.faults.add(Some("SendItem"), 1, Fault::Lose);
    world.send(&id).unwrap();
    assert_eq!(world.exchange.drafts(BOT).count(), 0);
    assert_eq!(world.exchange.sent(BOT).count(), 1);
}

#[test]
fn what_is_no_request_of_ours_is_a_fault() {
    let mut world = World::new();
    for (body, code) in [
        (envelope("<m:GetServerTimeZones/>"), "ErrorInvalidRequest"),
        (envelope("<m:GetFolder/>"), "ErrorSchemaValidation"),
        (
            envelope(r#"<m:SendItem><m:ItemIds><t:ItemId Id="x"/></m:ItemIds></m:SendItem>"#),
            "ErrorSchemaValidation",
        ),
        ("<html/>".to_owned(), "ErrorInvalidRequest"),
        ("{}".to_owned(), "ErrorSchemaValidation"),
    ] {
        let reply = world.reply(BOT, body.as_bytes());
        assert_eq!((reply.status, fault_code(&reply).as_str()), (500, code), "{body}");
    }
    let long = vec![b' '; REQUEST_BYTES_MAX + 1];
    assert_eq!(world.reply(BOT, &long).status, 413);
}

#[test]
fn every_cut_of_a_request_is_refused_and_no_panic() {
    let mut world = World::new();
    let whole = draft_request();
    for cut in 0..whole.len() {
        assert_eq!(world.reply(BOT, &whole[..cut]).status, 500, "cut at {cut}");
    }
    assert_eq!(world.exchange.drafts(BOT).count(), 0);
}
