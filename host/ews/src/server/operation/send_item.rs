//! `SendItem`: a draft leaves (ews.md 2.2).

use crate::{code::ResponseCode, item_id::ItemId, send_item::SendItem};

use super::super::{
    answer::{Answers, Refusal},
    call::{Call, FolderPlace},
};

pub(in super::super) fn send_item(call: &mut Call<'_>, request: &SendItem) -> String {
    let mut answers = Answers::new();
    for id in &request.item_ids {
        answers.push(|| {
            call.begin_item()?;
            let save =
                request.save_copy_in.as_ref().map(|folder| call.folder(folder)).transpose()?;
            send(call, id, save)
        });
    }
    answers.finish::<SendItem>()
}

fn send(call: &mut Call<'_>, id: &ItemId, save: Option<FolderPlace>) -> Result<(), Refusal> {
    let missing = ResponseCode::CHANGE_KEY_REQUIRED_FOR_WRITE_OPERATIONS;
    let (mailbox, key) = call.current_item(id, missing)?;
    let item = call.stored((mailbox, key))?;
    if !item.is_draft || item.is_submitted {
        let text = "The item cannot be sent: it is no draft, or on its way already.";
        return Err(Refusal::other("ErrorInvalidItemForOperationSendItem", text));
    }
    let full = |(mailbox, _): FolderPlace| call.open(mailbox).is_none_or(|store| store.is_full());
    if save.is_some_and(full) {
        return Err(Refusal::quota_exceeded());
    }
    let item = item.clone();
    // Refused mail stays where it is, with its ids.
    call.exchange.authorise(call.mailbox, &mut item.clone())?;
    let now_unix = call.now_unix;
    if let Some(store) = call.open_mut(mailbox) {
        store.remove(key, now_unix);
    }
    call.send(item, save)
}
