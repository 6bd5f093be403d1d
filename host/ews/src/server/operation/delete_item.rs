//! `DeleteItem`. There is no dumpster: what is soft-deleted is gone.

use crate::delete_item::{DeleteItem, DeleteType};

use super::super::{
    answer::{Answers, Refusal},
    call::Call,
    folder::DELETED,
};

pub(in super::super) fn delete_item(call: &mut Call<'_>, request: &DeleteItem) -> String {
    let mut answers = Answers::new();
    for id in &request.item_ids {
        answers.push(|| {
            call.begin_item()?;
            delete(call, &id.id, request.delete_type)
        });
    }
    answers.finish::<DeleteItem>()
}

fn delete(call: &mut Call<'_>, id: &str, delete_type: DeleteType) -> Result<(), Refusal> {
    let (mailbox, key) = call.item(id)?;
    let now_unix = call.now_unix;
    let store = call.open_mut(mailbox).ok_or_else(Refusal::item_not_found)?;
    match delete_type {
        DeleteType::HardDelete | DeleteType::SoftDelete => {
            store.remove(key, now_unix);
        }
        DeleteType::MoveToDeletedItems => {
            store.relocate(key, DELETED, now_unix)?;
        }
    }
    Ok(())
}
