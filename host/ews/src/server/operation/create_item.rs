//! `CreateItem`: a draft, a deposit in some folder, or mail that leaves at once.

use crate::{
    code::ResponseCode,
    create_item::{CreateItem, MessageDisposition},
    folder_id::FolderId,
    item::Message,
};

use super::super::{
    answer::{Answers, Refusal},
    call::{Call, FolderPlace},
    edit,
    folder::{DRAFTS, SENT},
    item::StoredItem,
    transport,
};

pub(in super::super) fn create_item(call: &mut Call<'_>, request: CreateItem) -> String {
    let CreateItem { disposition, folder, items } = request;
    let mut answers = Answers::new();
    for message in items {
        answers.push(|| {
            call.begin_item()?;
            create(call, disposition, folder.as_ref(), message)
        });
    }
    answers.finish::<CreateItem>()
}

fn create(
    call: &mut Call<'_>,
    disposition: MessageDisposition,
    folder: Option<&FolderId>,
    message: Message,
) -> Result<Vec<Message>, Refusal> {
    let mut item = StoredItem::draft(call.now_unix);
    edit::create(message, &mut item)?;
    if item.content().message_id.is_empty() {
        item.content_mut().message_id = call.exchange.new_message_id();
    }
    item.measure();
    if item.size_bytes() > call.exchange.config.message_bytes_max {
        return Err(transport::too_large());
    }
    match disposition {
        MessageDisposition::SaveOnly => {
            let place = call.folder_or(folder, DRAFTS)?;
            save(call, item, place).map(|message| vec![message])
        }
        MessageDisposition::SendOnly => send(call, item, None).map(|()| Vec::new()),
        MessageDisposition::SendAndSaveCopy => {
            let place = call.folder_or(folder, SENT)?;
            let draft = item.clone();
            let sent = send(call, item, Some(place));
            if sent.as_ref().is_err_and(|refusal| refusal.code == ResponseCode::SEND_AS_DENIED) {
                // Exchange leaves the message in Drafts when it may not be sent so (ews.md 1.3).
                save(call, draft, (call.mailbox, DRAFTS))?;
            }
            sent.map(|()| Vec::new())
        }
    }
}

fn save(call: &mut Call<'_>, item: StoredItem, place: FolderPlace) -> Result<Message, Refusal> {
    let (now_unix, ids) = (call.now_unix, call.place(place.0));
    let store = call.open_mut(place.0).ok_or_else(Refusal::folder_not_found)?;
    if !store.has_room(item.size_bytes()) {
        return Err(Refusal::quota_exceeded());
    }
    let item = store.insert(item, place.1, now_unix)?;
    Ok(Message { item_id: Some(ids.item_id(item)), ..Message::default() })
}

fn send(call: &mut Call<'_>, item: StoredItem, save: Option<FolderPlace>) -> Result<(), Refusal> {
    if let Some((mailbox, _)) = save
        && !call.open(mailbox).is_some_and(|store| store.has_room(item.size_bytes()))
    {
        return Err(Refusal::quota_exceeded());
    }
    call.send(item, save)
}
