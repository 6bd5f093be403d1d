//! `GetItem`.

use crate::get_item::GetItem;

use super::super::{answer::Answers, call::Call, render::Wanted};

pub(in super::super) fn get_item(call: &mut Call<'_>, request: &GetItem) -> String {
    let wanted = Wanted::new(&request.shape);
    let mut answers = Answers::new();
    for id in &request.item_ids {
        answers.push(|| {
            call.begin_item()?;
            let place = call.item(&id.id)?;
            call.take_bytes(call.stored(place)?.size_bytes())?;
            let item = call.stored(place)?;
            Ok(vec![wanted.message(item, call.place(place.0))])
        });
    }
    answers.finish::<GetItem>()
}
