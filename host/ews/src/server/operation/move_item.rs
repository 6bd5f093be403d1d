//! `MoveItem` and `CopyItem`, within a mailbox or from one to another.

use xml::Element;

use crate::{
    folder_id,
    item::{self, Message},
    soap::{Fault, response::Form},
};

use super::{
    super::{
        answer::{Answers, Refusal},
        call::{Call, FolderPlace},
    },
    inputs, item_id, required,
};

pub(super) fn move_item(call: &mut Call<'_>, element: &Element) -> Result<String, Fault> {
    transfer(call, element, "MoveItem", true)
}

pub(super) fn copy_item(call: &mut Call<'_>, element: &Element) -> Result<String, Fault> {
    transfer(call, element, "CopyItem", false)
}

fn transfer(
    call: &mut Call<'_>,
    element: &Element,
    operation: &'static str,
    takes: bool,
) -> Result<String, Fault> {
    required(element, "ToFolderId")?;
    let target = folder_id::read_target(element, "ToFolderId");
    let mut answers = Answers::new();
    for id in inputs(element, "ItemIds")? {
        answers.push(|| {
            call.begin_item()?;
            let target = target.as_ref().ok_or_else(Refusal::folder_not_found)?;
            let target = call.folder(target)?;
            one(call, id, target, takes).map(|message| vec![message])
        });
    }
    let form = Form { payload_on_error: true, ..Form::of(operation) };
    Ok(answers.finish_with(form, |items: &Vec<Message>, writer| {
        item::write_items(writer, "m:Items", items);
    }))
}

fn one(
    call: &mut Call<'_>,
    id: &Element,
    (mailbox, folder): FolderPlace,
    takes: bool,
) -> Result<Message, Refusal> {
    let (from, key) = call.item(&item_id(id)?.id)?;
    let item = call.stored((from, key))?.clone();
    let (now_unix, ids) = (call.now_unix, call.place(mailbox));
    let stays_inside = takes && from == mailbox;
    let store = call.open_mut(mailbox).ok_or_else(Refusal::folder_not_found)?;
    if !stays_inside && !store.has_room(item.size_bytes()) {
        return Err(Refusal::quota_exceeded());
    }
    if stays_inside {
        let item = store.relocate(key, folder, now_unix)?;
        return Ok(Message { item_id: Some(ids.item_id(item)), ..Message::default() });
    }
    let message_id = ids.item_id(store.insert(item, folder, now_unix)?);
    if takes && let Some(store) = call.open_mut(from) {
        store.remove(key, now_unix);
    }
    Ok(Message { item_id: Some(message_id), ..Message::default() })
}
