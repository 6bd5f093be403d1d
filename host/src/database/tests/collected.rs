//! What is collected, when it is mailed, and what its receipts say.

use super::*;

#[tokio::test]
async fn what_is_mailed_at_once_waits_for_more_but_not_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let database = with_anna(&directory).await;
    let preferences = preferences(|config| {
        config.digest.gather = crate::config::Seconds(120);
    });
    let queueing = Queueing { ceiling_ms: 600_000, ..Queueing::default() };
    let timing = |_: &Member| Timing {
        schedule: Schedule::parse("every 1h").unwrap(),
        zone: jiff::tz::TimeZone::UTC,
        capped: false,
    };
    let mut due_at = Vec::new();
    for (number, now_ms) in [(1, 0), (2, 100_000), (3, 200_000), (4, 550_000), (5, 590_000)] {
        database.commit_message(message(number), None).await.unwrap();
        let message = message(number);
        let offer = Offer::new(&message, anna().to_vec(), &Address::new("sip:s@c"), 7);
        let plan = Plan::fallback(&offer, "x");
        let settled = settle(&message.id(), plan, &preferences.gathering(), timing, now_ms);
        database.commit_plan(settled, 1, queueing).await.unwrap();
        due_at.push(database.next_due(0).await.unwrap().unwrap());
    }
    // Two minutes from each, ten from the first.
    assert_eq!(due_at, [120_000, 220_000, 320_000, 320_000, 320_000]);
    gather_all(&database, &preferences, 320_000).await;
    assert_eq!(due(&database, 320_000).await, [["1", "2", "3", "4", "5"]]);
}

/// His schedule comes every hour: what was kept until eight waits for eight all the same.
#[tokio::test]
async fn what_is_kept_until_a_time_of_day_comes_then() {
    const HOUR_MS: i64 = 3_600_000;
    let directory = tempfile::tempdir().unwrap();
    let database = with_anna(&directory).await;
    let until = Action::KeepUntil { hour: 8, minute: 0 };
    for (number, action) in [(1, until), (2, Action::Keep), (3, until)] {
        plan(&database, number, &anna(), action, 0).await;
    }
    gather_all(&database, &hourly(), HOUR_MS).await;
    assert_eq!(due(&database, HOUR_MS).await, [["2"]]);
    gather_all(&database, &hourly(), 8 * HOUR_MS - 1).await;
    assert_eq!(due(&database, 8 * HOUR_MS - 1).await, [[""; 0]; 0]);
    gather_all(&database, &hourly(), 8 * HOUR_MS).await;
    assert_eq!(due(&database, 8 * HOUR_MS).await, [["1", "3"]]);
}

#[tokio::test]
async fn a_large_digest_does_not_wait() {
    let directory = tempfile::tempdir().unwrap();
    let database = with_anna(&directory).await;
    for (number, queueing) in [
        (1, Queueing { messages_max: 3, ..Queueing::default() }),
        (2, Queueing { messages_max: 3, ..Queueing::default() }),
        (3, Queueing { messages_max: 3, ..Queueing::default() }),
    ] {
        assert_eq!(database.gather_due_digests(&hourly(), 50).await.unwrap(), 0);
        database.commit_message(message(number), None).await.unwrap();
        let plan = settled(&message(number), &anna(), Action::Keep, 50);
        database.commit_plan(plan, 10, queueing).await.unwrap();
    }
    gather_all(&database, &hourly(), 50).await;
    assert_eq!(due(&database, 50).await, [["1", "2", "3"]]);
    database.commit_message(message(4), None).await.unwrap();
    let plan = settled(&message(4), &anna(), Action::Keep, 60);
    let queueing = Queueing { bytes_max: 1000, ..Queueing::default() };
    database.commit_plan(plan, 1000, queueing).await.unwrap();
    gather_all(&database, &hourly(), 60).await;
    assert_eq!(due(&database, 60).await, [["4"]]);
}

#[tokio::test]
async fn past_the_days_number_mails_are_folded_and_come_tomorrow() {
    let directory = tempfile::tempdir().unwrap();
    let database = with_anna(&directory).await;
    let two = preferences(|config| config.digest.mails_a_day = 2);
    for number in 1..=2 {
        plan(&database, number, &anna(), Action::MailNow, 0).await;
    }
    assert_eq!(database.capped(2, 19700101).await.unwrap(), [("sip:anna@c".to_owned(), 19700101)]);
    database.forget_tallies(47 * HOUR_MS).await.unwrap();
    assert_eq!(database.capped(2, 0).await.unwrap().len(), 1, "its day goes on somewhere");
    assert_eq!(due(&database, 0).await.len(), 2);
    plan(&database, 3, &anna(), Action::Keep, 0).await;
    gather_all(&database, &two, HOUR_MS).await;
    assert!(due(&database, HOUR_MS).await.is_empty());
    assert_eq!(database.next_due(HOUR_MS).await.unwrap(), Some(24 * HOUR_MS));
    gather_all(&database, &two, 24 * HOUR_MS).await;
    assert_eq!(due(&database, 24 * HOUR_MS).await, [["3"]]);
    database.forget_tallies(72 * HOUR_MS).await.unwrap();
    assert_eq!(database.capped(1, 0).await.unwrap(), [("sip:anna@c".to_owned(), 19700102)]);
}

#[tokio::test]
async fn a_digest_obeys_what_is_true_when_it_is_sent() {
    let directory = tempfile::tempdir().unwrap();
    let database = with_anna(&directory).await;
    let preferences = hourly();
    for number in 1..=3 {
        plan(&database, number, &anna(), Action::Keep, 0).await;
    }
    database.remove_messages(&[message(2).id()], 5).await.unwrap();
    let said = |wish: Option<Wish>, schedule: Option<&str>| Choice {
        wish,
        schedule: schedule.map(|words| Schedule::parse(words).unwrap()),
        ..Choice::default()
    };
    let key = || (Address::new("sip:anna@c"), None);
    preferences.said(key(), said(None, Some("daily at 08:00")));
    gather_all(&database, &preferences, HOUR_MS).await;
    assert!(due(&database, HOUR_MS).await.is_empty());
    assert_eq!(why_anna(&database, 2).await.note.as_deref(), Some(digests::NOTE_REMOVED));
    let waits = why_anna(&database, 1).await;
    assert_eq!((waits.queue.as_deref(), waits.due_ms), (Some("daily at 08:00"), Some(8 * HOUR_MS)));
    preferences.said(key(), said(Some(Wish::Off), None));
    gather_all(&database, &preferences, 8 * HOUR_MS).await;
    assert!(due(&database, 8 * HOUR_MS).await.is_empty());
    let skipped = why_anna(&database, 3).await;
    assert_eq!(
        (skipped.state.as_str(), skipped.note.as_deref()),
        ("skipped", Some(digests::NOTE_OFF))
    );
    assert_eq!(database.next_due(0).await.unwrap(), None);
}

#[tokio::test]
async fn what_the_history_no_longer_holds_is_not_mailed() {
    let directory = tempfile::tempdir().unwrap();
    let database = with_anna(&directory).await;
    for number in 1..=5 {
        plan(&database, number, &anna(), Action::Keep, 0).await;
    }
    let due = database.rooms_due(HOUR_MS, 50, 10).await.unwrap();
    let there =
        RoomDue { room: room().id, uri: "u".to_owned(), back: 5, due_ms: HOUR_MS, reviewed_ms: 0 };
    assert_eq!(due, [there]);
    assert_eq!(database.rooms_due(HOUR_MS - 1, 50, 10).await.unwrap(), []);
    assert_eq!(database.rooms_due(HOUR_MS, 6, 10).await.unwrap(), [], "it has just come");
    let other = Message { parts: vec![Part::Text("other".into())], ..message(4) };
    // A page that begins with the second: of the first it says nothing. The fifth came after it
    // was asked for.
    let page = vec![message(2), other.clone()];
    // Nor does a room that keeps no history say anything.
    let none = database.compare_history(&room().id, Vec::new(), 10, 20).await.unwrap();
    assert_eq!(none, (0, 0));
    let compared = database.compare_history(&room().id, page.clone(), 10, 20).await.unwrap();
    assert_eq!(compared, (1, 1));
    let again = database.compare_history(&room().id, page, 10, 20).await.unwrap();
    assert_eq!(again, (0, 0));
    gather_all(&database, &hourly(), HOUR_MS).await;
    let mails = database.claim_due(HOUR_MS, 10).await.unwrap();
    let said: Vec<_> = mails[0].items.iter().map(|item| (*item.message).clone()).collect();
    assert_eq!(said, [message(1), message(2), other, message(5)]);
}

/// Also what was planned at once and could not be sent for hours.
#[tokio::test]
async fn who_has_left_meanwhile_gets_nothing_more() {
    let directory = tempfile::tempdir().unwrap();
    let database = with_anna(&directory).await;
    plan(&database, 1, &anna(), Action::MailNow, 0).await;
    database.save_members(&room().id, &[member("bea", true)], 10).await.unwrap();
    assert!(database.claim_due(20, 10).await.unwrap().is_empty());
    assert_eq!(database.counts().await.unwrap().waiting, 0);
    let why = why_anna(&database, 1).await;
    assert_eq!((why.state.as_str(), why.note.as_deref()), ("skipped", Some(digests::NOTE_LEFT)));
}

#[tokio::test]
async fn receipts_chain_and_name_what_was_withdrawn() {
    let directory = tempfile::tempdir().unwrap();
    let database = with_anna(&directory).await;
    for number in 1..=3 {
        plan(&database, number, &anna(), Action::MailNow, 0).await;
    }
    let mails = database.claim_due(0, 10).await.unwrap();
    let mut receipts: Vec<_> = mails.iter().map(|mail| mail.receipt.clone().unwrap()).collect();
    receipts.sort_by_key(|receipt| receipt.number);
    assert_eq!(bridge::receipt::check(&receipts, 1), []);
    assert!(receipts.iter().all(|receipt| receipt.hashed() == receipt.hash));
    // The second is refused for good, and discarded.
    let second = mails.iter().find(|mail| mail.receipt.as_ref() == Some(&receipts[1])).unwrap();
    let refused = Outcome::Failed { reason: "mailbox gone".into() };
    let failed = second.standing.clone().advance(refused, 0, 1).unwrap();
    database.record(vec![(second.key.clone(), failed)]).await.unwrap();
    let dead: Vec<_> = database.unsent(10).await.unwrap();
    let dead = dead.iter().find(|mail| mail.state == "failed").unwrap();
    assert_eq!((dead.key.as_str(), dead.messages), (second.key.as_str(), 1));
    assert_eq!(dead.error.as_deref(), Some("mailbox gone"));
    assert!(database.discard(&second.key, admin(), 2).await.unwrap());
    assert!(!database.discard(&second.key, admin(), 2).await.unwrap());
    plan(&database, 4, &anna(), Action::MailNow, 3).await;
    let fourth = database.claim_due(3, 10).await.unwrap().pop().unwrap().receipt.unwrap();
    assert_eq!(fourth.withdrawn, [receipts[1].link()]);
    let there = [receipts[0].clone(), receipts[2].clone(), fourth];
    assert_eq!(bridge::receipt::check(&there, 1), []);
}

#[tokio::test]
async fn a_dead_letter_is_sent_afresh_under_its_receipt() {
    let directory = tempfile::tempdir().unwrap();
    let database = with_anna(&directory).await;
    plan(&database, 1, &anna(), Action::MailNow, 0).await;
    let mail = database.claim_due(0, 10).await.unwrap().pop().unwrap();
    assert_eq!(database.retry(&mail.key, admin(), 1).await.unwrap(), None, "it is on its way");
    let refused = Outcome::Failed { reason: "x".into() };
    let failed = mail.standing.clone().advance(refused, 0, 1).unwrap();
    database.record(vec![(mail.key.clone(), failed)]).await.unwrap();
    let fresh = database.retry(&mail.key, admin(), 2).await.unwrap().unwrap();
    assert_ne!(fresh, mail.key);
    let again = database.claim_due(2, 10).await.unwrap().pop().unwrap();
    assert_eq!((again.key, again.items.len()), (fresh, 1));
    assert_eq!(again.receipt, mail.receipt);
}

#[tokio::test]
async fn what_is_old_is_let_go_and_the_chain_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let database = with_anna(&directory).await;
    plan(&database, 1, &anna(), Action::MailNow, 0).await;
    plan(&database, 2, &anna(), Action::Keep, 0).await;
    let mail = database.claim_due(0, 10).await.unwrap().pop().unwrap();
    assert_eq!(database.let_go(1_000_000).await.unwrap(), 0, "it is on its way");
    let sent = Outcome::Delivered { sent_as: None };
    let sent = mail.standing.clone().advance(sent, 0, 10);
    let sent = sent.map_err(|error| error.to_string());
    let draft = Outcome::Drafted(Draft { id: "a".into(), version: "b".into() });
    let sent =
        sent.or_else(|_| mail.standing.clone().advance(draft, 0, 10).map_err(|e| e.to_string()));
    database.record(vec![(mail.key.clone(), sent.unwrap())]).await.unwrap();
    assert_eq!(database.let_go(11).await.unwrap(), 1);
    assert_eq!(database.counts().await.unwrap().messages, 1, "the other one waits for its digest");
    plan(&database, 3, &anna(), Action::MailNow, 20).await;
    let next = database.claim_due(20, 10).await.unwrap().pop().unwrap().receipt.unwrap();
    assert_eq!((next.number, next.previous), (2, mail.receipt.unwrap().hash));
}

/// What one guest may say of its rooms, another must not.
#[tokio::test]
async fn a_mail_holds_one_guests_rooms_only() {
    let directory = tempfile::tempdir().unwrap();
    let database = with_anna(&directory).await;
    let secret = Room { id: RoomId::new("ma-chan://c/2"), name: "Secret".into(), ..room() };
    let third = Room { id: RoomId::new("ma-chan://c/3"), name: "Third".into(), ..room() };
    for (number, place) in (1..).zip([room(), secret, third]) {
        database.save_room(&place, place.id.as_str()).await.unwrap();
        database.save_members(&place.id, &anna(), 0).await.unwrap();
        let message = Message { room: place.id, ..message(number) };
        database.commit_message(message.clone(), None).await.unwrap();
        commit(&database, settled(&message, &anna(), Action::Keep, 0)).await;
    }
    let words = "[[guests]]\nname = \"counts\"\nrooms = [\"Secret\"]\n";
    let text = format!("{}\n{words}", crate::config::EXAMPLE);
    let with = crate::config::parse(&text, Path::new("c.toml")).unwrap();
    let preferences = preferences(|config| config.guests.clone_from(&with.guests));
    gather_all(&database, &preferences, HOUR_MS).await;
    let mails = database.claim_due(HOUR_MS, 10).await.unwrap();
    let mut told: Vec<_> = mails
        .iter()
        .map(|mail| {
            let rooms: Vec<&str> = mail.rooms.iter().map(|room| room.name.as_str()).collect();
            (mail.guest.as_deref(), rooms)
        })
        .collect();
    told.sort();
    assert_eq!(told, [(None, vec!["Ops", "Third"]), (Some("counts"), vec!["Secret"])]);
}
