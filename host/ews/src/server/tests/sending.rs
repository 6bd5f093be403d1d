//! Mail from draft to Inbox, and what can happen in between.

use super::*;
use crate::{
    create_item::MessageDisposition,
    delivery::{MailForm, hits},
    find_item::FindItem,
    item::MimeContent,
    property::{ExtendedFieldUri, ExtendedProperty, PropertyName, PropertyType},
    send_item::SendItem,
};

fn find(world: &mut World, key_text: &str, folder: &str) -> Vec<delivery::Hit> {
    let request: FindItem = delivery::find(&key(key_text), folder, None);
    let found = world.ask(BOT, &request).unwrap().remove(0).unwrap();
    hits(&found, &key(key_text))
}

#[test]
fn a_draft_leaves_and_arrives_with_its_key() {
    let mut world = World::new();
    let id = world.draft("k1", &[ANA]);
    assert_eq!(find(&mut world, "k1", "drafts").len(), 1);
    world.send(&id).unwrap();
    assert_eq!(find(&mut world, "k1", "drafts").len(), 0);
    let sent = find(&mut world, "k1", "sentitems");
    assert!(sent.len() == 1 && sent[0].id.id != id.id);
    let arrived: Vec<_> = world.exchange.inbox(ANA).collect();
    assert_eq!(arrived.len(), 1);
    let property = arrived[0].extended_property(delivery::KEY_PROPERTY_SET, "DigestDeliveryKey");
    assert_eq!((property, arrived[0].from()), (Some("k1"), BOT));
    assert!(!arrived[0].is_draft() && !arrived[0].is_read());
    assert_eq!(sent[0].message_id.as_deref(), Some(arrived[0].message_id()));
    assert_eq!(world.exchange.deliveries_total(), 1);
    assert_eq!(world.exchange.poll_event().unwrap().mailbox, ANA);
    assert!(world.exchange.poll_event().is_none());
}

#[test]
fn the_second_send_finds_nothing() {
    let mut world = World::new();
    let id = world.draft("k1", &[ANA]);
    world.send(&id).unwrap();
    assert_eq!(code_of(world.send(&id)), "ErrorItemNotFound");
    assert_eq!(world.exchange.inbox(ANA).count(), 1);
}

#[test]
fn change_keys_are_needed_and_must_be_current() {
    let mut world = World::new();
    let id = world.draft("k1", &[ANA]);
    let bare = ItemId::new(id.id.clone());
    assert_eq!(code_of(world.send(&bare)), "ErrorChangeKeyRequiredForWriteOperations");
    world.exchange.faults.add(Some("SendItem"), 1, Fault::StaleChangeKey);
    assert_eq!(code_of(world.send(&id)), "ErrorStaleObject");
    let fresh = world.ask(BOT, &delivery::refresh(&id)).unwrap().remove(0).unwrap();
    let fresh = fresh[0].item_id.clone().unwrap();
    assert_ne!(fresh.change_key, id.change_key);
    world.send(&fresh).unwrap();
}

#[test]
fn mime_keeps_its_headers_and_hides_blind_copies() {
    let mut world = World::new();
    let mime = "From: Chat Digest <digest@corp.example>\r\nTo: ana@corp.example\r\nBcc: ben@corp.example\r\nSubject: x\r\nMessage-ID: <m1@corp.example>\r\nX-Digest-Room: ops\r\n\r\nhi\r\n";
    let mime_content = Some(MimeContent::Bytes(mime.into()));
    let message = Message { mime_content, ..Message::default() };
    let id = world.create(&delivery::draft(vec![message])).remove(0);
    world.send(&id).unwrap();
    for mailbox in [ANA, BEN] {
        let arrived: Vec<_> = world.exchange.inbox(mailbox).collect();
        assert_eq!(arrived[0].message_id(), "<m1@corp.example>");
        assert_eq!(arrived[0].header("x-digest-room"), Some("ops"));
        assert_eq!(arrived[0].header("Bcc"), None);
        assert!(arrived[0].header("Date").is_some());
        assert_eq!(arrived[0].text().trim(), "hi");
    }
    assert_eq!(world.exchange.sent(BOT).next().unwrap().bcc.len(), 1);
}

/// Found by fuzzing: what is no address, or stands in the last line, stayed in the message.
#[test]
fn blind_copies_that_are_no_addresses_are_hidden_too() {
    let bare: &[u8] = b"From: digest@corp.example\r\nTo: ana@corp.example\r\nBcc: ben \xff";
    for mail in [bare.to_vec(), [bare, b"\r\n\r\nhi\r\n"].concat()] {
        let mut world = World::new();
        let mime_content = Some(MimeContent::Bytes(mail));
        let message = Message { mime_content, ..Message::default() };
        let id = world.create(&delivery::draft(vec![message])).remove(0);
        world.send(&id).unwrap();
        let arrived = mime::write(world.exchange.inbox(ANA).next().unwrap());
        let arrived = String::from_utf8_lossy(&arrived);
        assert!(!arrived.contains("Bcc"), "{arrived}");
    }
}

#[test]
fn groups_are_followed_and_the_unknown_reported() {
    let mut world = World::new();
    let id = world.draft("k1", &[OPS, ANA]);
    world.send(&id).unwrap();
    assert_eq!(world.exchange.inbox(ANA).count(), 1);
    assert_eq!(world.exchange.inbox(BEN).count(), 1);
    let report = world.exchange.inbox(BOT).next().unwrap();
    assert_eq!(report.content().item_class, "REPORT.IPM.Note.NDR");
    assert!(report.text().contains("gone@corp.example"));
    assert!(report.extended_property(delivery::KEY_PROPERTY_SET, "DigestDeliveryKey").is_none());
}

#[test]
fn a_full_recipient_is_reported_a_full_sender_refused() {
    let full = Quota { items: 1, ..Quota::default() };
    let mut world = World::with(|users| {
        users[1].quota = full;
        users[0].quota = Quota { items: 4, ..full };
    });
    let first = world.draft("k1", &[ANA]);
    world.send(&first).unwrap();
    let second = world.draft("k2", &[ANA]);
    world.send(&second).unwrap();
    assert_eq!(world.exchange.inbox(ANA).count(), 1);
    assert!(world.exchange.inbox(BOT).next().unwrap().text().contains("5.2.2"));
    let third = world.draft("k3", &[BEN]);
    assert_eq!(code_of(world.send(&third)), "ErrorQuotaExceeded");
    let items = vec![typed("k4", &[BEN]), typed("k5", &[BEN])];
    let refused = world.ask(BOT, &delivery::draft(items)).unwrap();
    let codes: Vec<_> = refused.into_iter().map(code_of).collect();
    assert_eq!(codes, ["ErrorQuotaExceeded", "ErrorBatchProcessingStopped"]);
}

#[test]
fn sending_at_once_with_and_without_a_copy() {
    let mut world = World::new();
    for (disposition, copies) in
        [(MessageDisposition::SendOnly, 0), (MessageDisposition::SendAndSaveCopy, 1)]
    {
        let items = vec![typed("k1", &[ANA])];
        let request = CreateItem { disposition, folder: None, items };
        let answer = world.ask(BOT, &request).unwrap().remove(0).unwrap();
        assert_eq!((answer.len(), world.exchange.sent(BOT).count()), (0, copies));
    }
    assert_eq!(world.exchange.inbox(ANA).count(), 2);
}

#[test]
fn recipients_are_checked_before_sending() {
    let mut world = World::new();
    for to in [&[][..], &["no address"]] {
        let id = world.draft("k1", to);
        assert_eq!(code_of(world.send(&id)), "ErrorInvalidRecipients");
    }
    assert_eq!(world.exchange.drafts(BOT).count(), 2);
}

#[test]
fn from_needs_a_right() {
    let mut world = World::with(|users| {
        users[0].send_as = vec!["room@corp.example".to_owned()];
        users[0].send_on_behalf = vec![BEN.to_owned()];
    });
    let mut from = |address: &str| {
        let from = Some(Person::smtp(address));
        let items = vec![Message { from, ..typed("k1", &[ANA]) }];
        let disposition = MessageDisposition::SendAndSaveCopy;
        world.ask(BOT, &CreateItem { disposition, folder: None, items }).unwrap().remove(0)
    };
    from("room@corp.example").unwrap();
    from(BEN).unwrap();
    assert_eq!(code_of(from(ANA)), "ErrorSendAsDenied");
    let mut arrived = world.exchange.inbox(ANA);
    let first = arrived.next().unwrap().content();
    assert_eq!(first.sender, None);
    let second = arrived.next().unwrap().content();
    assert_eq!(second.sender.as_ref().unwrap().smtp, BOT);
    assert!(arrived.next().is_none());
    assert_eq!(world.exchange.drafts(BOT).count(), 1, "the refused mail stays in Drafts");
}

#[test]
fn a_copy_is_kept_only_if_wanted() {
    let mut world = World::new();
    let id = world.draft("k1", &[ANA]);
    let request = SendItem { item_ids: vec![id], save_copy_in: None };
    world.ask(BOT, &request).unwrap().remove(0).unwrap();
    assert_eq!((world.exchange.sent(BOT).count(), world.exchange.inbox(ANA).count()), (0, 1));
}

#[test]
fn a_deposit_looks_received() {
    let mut world = World::with(|users| users[0].may_impersonate = true);
    let tag = |tag, kind, value: &str| {
        ExtendedProperty::new(ExtendedFieldUri::tag(tag, kind).unwrap(), value)
    };
    let mut message = Message { is_read: Some(false), ..typed("k1", &[ANA]) };
    message.from = Some(Person::smtp(BOT));
    message.extended_properties.extend([
        tag(0x0e07, PropertyType::Integer, "0"),
        tag(0x0e06, PropertyType::SystemTime, "2026-11-22T06:00:00Z"),
    ]);
    let request = CreateItem::save(FolderId::distinguished("inbox"), vec![message]);
    world.ask_as(BOT, Some(ANA), &request).unwrap().remove(0).unwrap();
    let item = world.exchange.inbox(ANA).next().unwrap();
    assert!(!item.is_draft() && !item.is_read());
    assert_eq!(item.received(), world.now_unix - Duration::from_secs(3600));
}

#[test]
fn the_clients_mails_are_taken_in_both_forms() {
    let mut world = World::new();
    let mail = with_file();
    for (form, at) in [(MailForm::Mime, 0), (MailForm::Typed, 1)] {
        let message = delivery::message(&mail, &key("k1"), form).unwrap();
        let id = world.create(&delivery::draft(vec![message])).remove(0);
        world.send(&id).unwrap();
        let item = world.exchange.inbox(ANA).nth(at).unwrap();
        assert_eq!((item.subject(), item.message_id()), ("Übersicht", "<d1@corp.example>"));
        assert!(item.html().unwrap().contains("<p>ä</p>"));
        let files: Vec<_> = item.content().attachments.iter().collect();
        assert_eq!(files.len(), 1);
        assert_eq!(
            (&*files[0].name, &files[0].bytes),
            ("messages.txt", &mail.attachments[0].bytes)
        );
        let headers = mime::headers(item);
        assert!(
            headers.iter().any(|(name, value)| {
                name.eq_ignore_ascii_case("X-Digest-Room") && value == "ops"
            })
        );
    }
}

#[test]
fn a_property_of_headers_is_found_by_name() {
    let mut world = World::new();
    let name = PropertyName::Name("X-Room".to_owned());
    let uri = ExtendedFieldUri::distinguished("InternetHeaders", name, PropertyType::String);
    let mut message = typed("k1", &[ANA]);
    message.extended_properties.push(ExtendedProperty::new(uri.unwrap(), "ops"));
    let id = world.create(&delivery::draft(vec![message])).remove(0);
    world.send(&id).unwrap();
    let item = world.exchange.inbox(ANA).next().unwrap();
    let mime = String::from_utf8(mime::write(item)).unwrap();
    assert!(mime.to_ascii_lowercase().contains("x-room: ops\r\n"), "{mime}");
}
