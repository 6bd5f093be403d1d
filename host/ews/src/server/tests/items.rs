//! Reading and changing single items.

use super::*;
use crate::{
    delete_item::{DeleteItem, DeleteType},
    get_item::GetItem,
    item::MimeContent,
    property::{ExtendedFieldUri, PropertyPath, PropertyType},
    shape::{BaseShape, ItemShape},
};

fn get(world: &mut World, who: &str, id: &ItemId, shape: ItemShape) -> Message {
    let request = GetItem { shape, item_ids: vec![id.clone()] };
    world.ask(who, &request).unwrap().remove(0).unwrap().remove(0)
}

/// What another mail program sees of a file that came with one of our mails, in both forms.
#[test]
fn a_foreign_client_sees_the_file_of_a_mail() {
    for form in [delivery::MailForm::Mime, delivery::MailForm::Typed] {
        let mut world = World::new();
        let message = delivery::message(&with_file(), &key("k1"), form).unwrap();
        let id = world.create(&delivery::draft(vec![message])).remove(0);
        world.send(&id).unwrap();
        let found = crate::find_item::FindItem::all(FolderId::distinguished("inbox"));
        let found = world.ask(ANA, &found).unwrap().remove(0).unwrap();
        let id = found.items[0].item_id.clone().unwrap();
        let item = get(&mut world, ANA, &id, ItemShape::with_base(BaseShape::AllProperties));
        assert_eq!(item.has_attachments, Some(true), "{form:?}");
        assert_eq!(item.attachments[0].name.as_deref(), Some("messages.txt"));
        assert_eq!(item.attachments[0].content_type.as_deref(), Some("text/plain"));
    }
}

#[test]
fn an_item_shows_all_that_is_asked_for() {
    let mut world = World::new();
    let id = world.draft("k1", &[ANA]);
    world.send(&id).unwrap();
    let found = crate::find_item::FindItem::all(FolderId::distinguished("inbox"));
    let found = world.ask(ANA, &found).unwrap().remove(0).unwrap();
    let id = found.items[0].item_id.clone().unwrap();
    let tag = |tag| {
        let uri = ExtendedFieldUri::tag(tag, PropertyType::Integer).unwrap();
        PropertyPath::Extended(uri)
    };
    let mut shape = ItemShape::with_base(BaseShape::AllProperties)
        .and(tag(0x0e07))
        .and(tag(0x0e23))
        .and(PropertyPath::Extended(delivery::key_property()))
        .and(PropertyPath::field("item:TextBody"))
        .and(PropertyPath::field("item:InternetMessageHeaders"))
        .and(PropertyPath::field("calendar:Start"));
    shape.include_mime_content = Some(true);
    let item = get(&mut world, ANA, &id, shape);
    assert_eq!(item.extended(&delivery::key_property()), Some("k1"));
    let numbers: Vec<_> = item.extended_properties.iter().filter_map(|one| one.value()).collect();
    assert_eq!(numbers, ["0", "1", "k1"]);
    assert_eq!(item.text_body.unwrap().content.trim(), "hello");
    assert_eq!(item.to_recipients[0].smtp_address(), Some(ANA));
    assert!(item.internet_message_headers.iter().any(|(name, _)| name == "Message-ID"));
    let Some(MimeContent::Bytes(mime)) = item.mime_content else { unreachable!() };
    assert_eq!(crate::mime::read(&mime).unwrap().message_id, item.internet_message_id);
}

#[test]
fn update_gives_a_new_change_key() {
    let mut world = World::new();
    let id = world.draft("k1", &[ANA]);
    let update = |id: &ItemId, how: &str| {
        format!(
            r#"<m:UpdateItem MessageDisposition="SaveOnly" ConflictResolution="{how}"><m:ItemChanges><t:ItemChange>{}<t:Updates><t:SetItemField><t:FieldURI FieldURI="item:Subject"/><t:Message><t:Subject>new</t:Subject></t:Message></t:SetItemField><t:SetItemField><t:FieldURI FieldURI="message:IsRead"/><t:Message><t:IsRead>false</t:IsRead></t:Message></t:SetItemField><t:DeleteItemField><t:FieldURI FieldURI="item:Body"/></t:DeleteItemField></t:Updates></t:ItemChange></m:ItemChanges></m:UpdateItem>"#,
            item_id(id)
        )
    };
    let answer = world.raw(BOT, &update(&id, "AutoResolve")).remove(0);
    let new = ItemId::read(answer.at(&["Items", "Message", "ItemId"]).unwrap()).unwrap();
    assert_eq!(new.id, id.id);
    assert_ne!(new.change_key, id.change_key);
    assert_eq!(answer.at(&["ConflictResults", "Count"]).unwrap().text(), "0");
    let item = world.exchange.drafts(BOT).next().unwrap();
    assert_eq!((item.subject(), item.is_read(), item.html()), ("new", false, None));
    let stale = world.raw(BOT, &update(&id, "NeverOverwrite")).remove(0);
    assert_eq!(response_code(&stale), "ErrorIrresolvableConflict");
    let forced = world.raw(BOT, &update(&id, "AlwaysOverwrite")).remove(0);
    assert_eq!(response_code(&forced), "NoError");
}

#[test]
fn moved_items_get_new_ids_and_copies_are_two() {
    let mut world = World::new();
    let id = world.deposit(ANA, "a");
    let transfer = |name: &str, id: &ItemId, to: &str| {
        format!(
            r#"<m:{name}><m:ToFolderId><t:DistinguishedFolderId Id="{to}"/></m:ToFolderId><m:ItemIds>{}</m:ItemIds></m:{name}>"#,
            item_id(id)
        )
    };
    let answer = world.raw(ANA, &transfer("MoveItem", &id, "junkemail")).remove(0);
    let moved = ItemId::read(answer.at(&["Items", "Message", "ItemId"]).unwrap()).unwrap();
    assert_ne!(moved.id, id.id);
    let gone = world.raw(ANA, &transfer("MoveItem", &id, "junkemail")).remove(0);
    assert_eq!(response_code(&gone), "ErrorItemNotFound");
    world.raw(ANA, &transfer("CopyItem", &moved, "inbox"));
    assert_eq!(world.exchange.inbox(ANA).count(), 1);
    get(&mut world, ANA, &moved, ItemShape::id_only());
}

#[test]
fn deleted_items_go_away_or_to_their_folder() {
    let mut world = World::new();
    for (delete_type, kept) in [(DeleteType::MoveToDeletedItems, 1), (DeleteType::HardDelete, 1)] {
        let id = world.deposit(ANA, "a");
        let request = DeleteItem { delete_type, item_ids: vec![id.clone()] };
        world.ask(ANA, &request).unwrap().remove(0).unwrap();
        let gone = delivery::refresh(&id);
        assert_eq!(code_of(world.ask(ANA, &gone).unwrap().remove(0)), "ErrorItemNotFound");
        let deleted = crate::find_item::FindItem::all(FolderId::distinguished("deleteditems"));
        let deleted = world.ask(ANA, &deleted).unwrap().remove(0).unwrap();
        assert_eq!(deleted.items.len(), kept);
    }
}

#[test]
fn attachments_come_and_go_and_change_the_item() {
    let mut world = World::new();
    let id = world.draft("k1", &[ANA]);
    let create = format!(
        r#"<m:CreateAttachment><m:ParentItemId Id="{}" ChangeKey="{}"/><m:Attachments><t:FileAttachment><t:Name>a.txt</t:Name><t:Content>aGk=</t:Content></t:FileAttachment></m:Attachments></m:CreateAttachment>"#,
        id.id,
        id.change_key.as_deref().unwrap()
    );
    let answer = world.raw(BOT, &create).remove(0);
    let attachment = answer.at(&["Attachments", "FileAttachment", "AttachmentId"]).unwrap();
    assert_ne!(attachment.attribute("RootItemChangeKey"), id.change_key.as_deref());
    assert_eq!(code_of(world.send(&id)), "ErrorStaleObject");
    let ids = format!(
        r#"<m:AttachmentIds><t:AttachmentId Id="{}"/></m:AttachmentIds>"#,
        attachment.attribute("Id").unwrap()
    );
    let read = format!("<m:GetAttachment>{ids}</m:GetAttachment>");
    let answer = world.raw(BOT, &read).remove(0);
    let content = answer.at(&["Attachments", "FileAttachment", "Content"]).unwrap();
    assert_eq!(content.text(), "aGk=");
    let delete = format!("<m:DeleteAttachment>{ids}</m:DeleteAttachment>");
    let answer = world.raw(BOT, &delete).remove(0);
    assert_eq!(answer.child("RootItemId").unwrap().attribute("RootItemId"), Some(id.id.as_str()));
    assert_eq!(response_code(&world.raw(BOT, &read).remove(0)), "ErrorInvalidAttachmentId");
}

#[test]
fn ids_of_another_run_are_unknown() {
    let mut world = World::new();
    let id = world.deposit(ANA, "a");
    let mut other = World::new();
    other.exchange.config.instance = 2;
    other.deposit(ANA, "b");
    let code = code_of(other.ask(ANA, &delivery::refresh(&id)).unwrap().remove(0));
    assert_eq!(code, "ErrorItemNotFound");
    let dummy = delivery::refresh(&ItemId::new("DUMMY"));
    assert_eq!(code_of(other.ask(ANA, &dummy).unwrap().remove(0)), "ErrorInvalidIdMalformed");
}
