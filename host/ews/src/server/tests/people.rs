//! The directory as clients see it, and who may act for whom.

use super::*;
use crate::{
    expand_dl::ExpandDl,
    find_item::FindItem,
    get_mail_tips::{GetMailTips, MailTip},
    get_service_configuration::GetServiceConfiguration,
    mailbox::MailboxType,
    resolve_names::ResolveNames,
};

#[test]
fn a_sip_address_resolves_by_its_beginning() {
    let mut world =
        World::with(|users| users[2].sip_addresses = vec!["sip:ana@corp.example.org".to_owned()]);
    let mut resolve =
        |entry: &str| world.ask(BOT, &ResolveNames::directory(entry)).unwrap().remove(0);
    let both = resolve("sip:ana@corp.example").unwrap().resolutions;
    let exact: Vec<_> = both.iter().map(|one| one.is_exactly("sip:ana@corp.example")).collect();
    assert_eq!(exact, [true, false]);
    let one = resolve("Young").unwrap().resolutions;
    assert_eq!(one[0].smtp_address(), Some(BEN));
    assert_eq!(code_of(resolve("sip:zoe@corp.example")), "ErrorNameResolutionNoResults");
}

#[test]
fn a_group_shows_one_level() {
    let mut world = World::new();
    let group = ExpandDl { mailbox: Person::smtp(OPS) };
    let members = world.ask(BOT, &group).unwrap().remove(0).unwrap().members;
    let kinds: Vec<_> = members.iter().map(|member| member.mailbox_type.unwrap()).collect();
    assert_eq!(kinds, [MailboxType::Mailbox, MailboxType::PublicDl]);
    let person = ExpandDl { mailbox: Person::smtp(ANA) };
    let refused = world.ask(BOT, &person).unwrap().remove(0);
    assert_eq!(code_of(refused), "ErrorNameResolutionNoResults");
}

#[test]
fn mail_tips_tell_who_is_away_full_or_missing() {
    let mut world = World::with(|users| {
        users[1].out_of_office = Some("Back on Monday".to_owned());
        users[2].quota = Quota { items: 0, ..Quota::default() };
    });
    let recipients = [ANA, BEN, OPS, "gone@corp.example", "out@x.example"];
    let request = GetMailTips {
        sending_as: Person::smtp(BOT),
        recipients: recipients.map(Person::smtp).to_vec(),
        requested: vec![MailTip::All],
    };
    let answers = world.ask(BOT, &request).unwrap();
    let tips: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().unwrap()).collect();
    assert_eq!(tips[0].out_of_office.as_deref(), Some("Back on Monday"));
    assert_eq!(tips[1].mailbox_full, Some(true));
    assert_eq!((tips[2].total_member_count, tips[2].external_member_count), (Some(3), Some(1)));
    assert_eq!(tips[3].invalid_recipient, Some(true));
    assert_eq!(tips[4].invalid_recipient, Some(false));
    let request = GetServiceConfiguration::mail_tips(None);
    let limits = world.ask(BOT, &request).unwrap().remove(0).unwrap().unwrap();
    assert_eq!(limits.internal_domains, [("corp.example".to_owned(), false)]);
}

#[test]
fn impersonation_needs_the_right_and_a_mailbox() {
    let mut world = World::with(|users| {
        users[0].may_impersonate = true;
        users[1].aliases = vec!["a.lopez@corp.example".to_owned()];
    });
    let inbox = FindItem::all(FolderId::distinguished("inbox"));
    world.ask_as(BOT, Some(ANA), &inbox).unwrap().remove(0).unwrap();
    for (who, whom, code) in [
        (ANA, BEN, "ErrorImpersonateUserDenied"),
        (BOT, "zoe@corp.example", "ErrorNonExistentMailbox"),
        (BOT, "a.lopez@corp.example", "ErrorNonPrimarySmtpAddress"),
    ] {
        assert_eq!(code_of(world.ask_as(who, Some(whom), &inbox)), code);
    }
}

#[test]
fn impersonated_mail_is_the_members_own() {
    let mut world = World::with(|users| users[0].may_impersonate = true);
    let items = vec![typed("k1", &[BEN])];
    let disposition = crate::create_item::MessageDisposition::SendAndSaveCopy;
    let request = CreateItem { disposition, folder: None, items };
    world.ask_as(BOT, Some(ANA), &request).unwrap().remove(0).unwrap();
    assert_eq!(world.exchange.inbox(BEN).next().unwrap().from(), ANA);
    assert_eq!(world.exchange.sent(ANA).count(), 1);
    assert_eq!(world.exchange.sent(BOT).count(), 0);
}

#[test]
fn another_mailbox_opens_with_full_access_only() {
    let mut world = World::with(|users| users[0].may_open = vec![ANA.to_owned()]);
    let id = world.deposit(ANA, "secret");
    let of = |address: &str| {
        let mailbox = Some(Person::smtp(address));
        FindItem::all(FolderId::Distinguished { name: "inbox".to_owned(), mailbox })
    };
    let found = world.ask(BOT, &of(ANA)).unwrap().remove(0).unwrap();
    assert_eq!(found.items.len(), 1);
    assert_eq!(code_of(world.ask(BEN, &of(ANA)).unwrap().remove(0)), "ErrorFolderNotFound");
    let zoe = world.ask(BOT, &of("zoe@corp.example")).unwrap().remove(0);
    assert_eq!(code_of(zoe), "ErrorNonExistentMailbox");
    let read = delivery::refresh(&id);
    assert_eq!(code_of(world.ask(BEN, &read).unwrap().remove(0)), "ErrorItemNotFound");
    world.ask(BOT, &read).unwrap().remove(0).unwrap();
    // Full access lets nobody write in the owner's name.
    let draft = CreateItem::save(FolderId::distinguished("drafts"), vec![typed("k", &[BEN])]);
    let draft = world.ask(ANA, &draft).unwrap().remove(0).unwrap()[0].item_id.clone().unwrap();
    world.send(&draft).unwrap();
    assert_eq!(world.exchange.inbox(BEN).next().unwrap().from(), BOT);
}

#[test]
fn accounts_are_found_as_clients_spell_them() {
    let world = World::new();
    for (user, domain) in [("ana", ""), ("ANA", "corp"), (ANA, "")] {
        assert_eq!(world.exchange.account(user, domain).unwrap().identity, ANA);
    }
    assert!(world.exchange.account("ana", "other").is_none());
    assert!(world.exchange.identity(ANA).is_some());
}
