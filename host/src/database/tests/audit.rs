//! What is written down of what administrators do and people choose, and rooms that wait.

use bridge::delivery::DeliveryKey;

use super::*;

#[tokio::test]
async fn a_paused_rooms_messages_wait_and_none_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let database = testing::open(directory.path()).await;
    let id = room().id;
    assert!(!database.pause_room(&id, admin(), 1).await.unwrap(), "there is no such room yet");
    database.save_room(&room(), "ma-chan://c/1").await.unwrap();
    assert!(database.pause_room(&id, admin(), 2).await.unwrap());
    assert!(!database.pause_room(&id, admin(), 3).await.unwrap());
    database.commit_message(message(1), None).await.unwrap();
    let rooms = [id.clone()];
    assert_eq!(database.next_unplanned(&rooms, 10).await.unwrap(), []);
    assert_eq!(database.paused().await.unwrap(), [(id.as_str().to_owned(), 2)]);
    assert_eq!(database.oldest().await.unwrap().unplanned_ms, None);
    assert!(database.resume_room(&id, admin(), 4).await.unwrap());
    assert!(!database.resume_room(&id, admin(), 5).await.unwrap());
    assert_eq!(database.next_unplanned(&rooms, 10).await.unwrap(), [message(1)]);
    assert_eq!(database.oldest().await.unwrap().unplanned_ms, Some(message(1).received_ms));
    let said: Vec<_> = database.audit(10).await.unwrap();
    let said: Vec<_> = said.iter().map(|row| (row.action.as_str(), row.what.as_str())).collect();
    assert_eq!(said, [("resume", "Ops"), ("pause", "Ops")], "the latest first, by the room's name");
}

#[tokio::test]
async fn guests_and_choices_are_written_down_with_who_and_when() {
    let directory = tempfile::tempdir().unwrap();
    let database = testing::open(directory.path()).await;
    let key = GuestKey { name: "on-call".into(), shadow: false };
    database.load_guest(key.clone(), "12ab", vec![1], None, admin()).await.unwrap();
    let page = Actor::Page("127.0.0.1".into());
    assert!(database.unload_guest(key.clone(), page.clone()).await.unwrap());
    assert!(!database.unload_guest(key, page).await.unwrap());
    let choice = Choice { wish: Some(Wish::Off), ..Choice::default() };
    let anna = person("anna").address;
    let said = Said {
        choices: vec![((anna.clone(), None), choice), ((anna, Some(room().id)), Choice::default())],
        answer: None,
        source: Source::Letter("1".into()),
    };
    assert!(database.commit_said(said, i64::MAX).await.unwrap());
    let rows = database.audit(2).await.unwrap();
    assert!(rows.iter().all(|row| row.way == "letter" && row.who == "sip:anna@c"), "{rows:?}");
    let details: Vec<_> = rows.iter().filter_map(|row| row.detail.as_deref()).collect();
    assert!(details.contains(&"off") && details.contains(&"as the administrator has set"));
    database.forget_audit(i64::MAX).await.unwrap();
    assert_eq!(database.audit(10).await.unwrap().len(), 2, "what was done before is let go");
}

#[tokio::test]
async fn what_cannot_be_done_is_not_written_down() {
    let directory = tempfile::tempdir().unwrap();
    let database = testing::open(directory.path()).await;
    let none = DeliveryKey::from_text("none");
    assert_eq!(database.retry(&none, admin(), 1).await.unwrap(), None);
    assert!(!database.discard(&none, admin(), 1).await.unwrap());
    assert_eq!(database.audit(10).await.unwrap(), []);
}
