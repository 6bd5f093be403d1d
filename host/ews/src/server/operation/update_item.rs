//! `UpdateItem`: flags, subject, body; also the draft that a client edits and then sends.

use xml::Element;

use crate::{
    code::ResponseCode,
    item::{self, Message},
    property::{ExtendedFieldUri, PropertyPath},
    soap::{Fault, response::Form},
};

use super::{
    super::{
        answer::{Answers, Refusal},
        call::Call,
        edit,
        folder::SENT,
        item::StoredItem,
    },
    inputs, item_id,
};

/// One thing to change.
#[derive(Debug)]
enum Change {
    Set(Box<Message>),
    Append(Box<Message>),
    Delete(PropertyPath),
}

pub(super) fn update_item(call: &mut Call<'_>, element: &Element) -> Result<String, Fault> {
    let mut answers = Answers::new();
    for change in inputs(element, "ItemChanges")? {
        answers.push(|| {
            call.begin_item()?;
            update(call, element, change)
        });
    }
    let form = Form { payload_on_error: true, ..Form::of("UpdateItem") };
    Ok(answers.finish_with(form, |items: &Vec<Message>, writer| {
        item::write_items(writer, "m:Items", items);
        writer.element("m:ConflictResults", &[], |results| {
            results.leaf("t:Count", "0");
        });
    }))
}

fn update(
    call: &mut Call<'_>,
    request: &Element,
    change: &Element,
) -> Result<Vec<Message>, Refusal> {
    let id = change.child("ItemId").ok_or_else(Refusal::malformed_id).and_then(item_id)?;
    let changes = decode(change)?;
    let overwrites = request.attribute("ConflictResolution") == Some("AlwaysOverwrite");
    let place = if overwrites {
        call.item(&id.id)?
    } else {
        call.current_item(&id, ResponseCode::CHANGE_KEY_REQUIRED).map_err(conflict)?
    };
    let now_unix = call.now_unix;
    let ids = call.place(place.0);
    let store = call.open_mut(place.0).ok_or_else(Refusal::item_not_found)?;
    let item = store.update(place.1, now_unix, |item| apply(changes, item))?;
    let message = Message { item_id: Some(ids.item_id(item)), ..Message::default() };
    match request.attribute("MessageDisposition") {
        Some("SendAndSaveCopy") => send(call, place, true).map(|()| Vec::new()),
        Some("SendOnly") => send(call, place, false).map(|()| Vec::new()),
        _ => Ok(vec![message]),
    }
}

fn send(call: &mut Call<'_>, (mailbox, key): (u32, u64), save: bool) -> Result<(), Refusal> {
    let item = call.stored((mailbox, key))?.clone();
    call.exchange.authorise(call.mailbox, &mut item.clone())?;
    let now_unix = call.now_unix;
    if let Some(store) = call.open_mut(mailbox) {
        store.remove(key, now_unix);
    }
    call.send(item, save.then_some((call.mailbox, SENT)))
}

/// An old change key is a conflict here, not a stale object.
fn conflict(refusal: Refusal) -> Refusal {
    if refusal.code == ResponseCode::STALE_OBJECT {
        let text = "The item was changed by someone else.";
        return Refusal::other("ErrorIrresolvableConflict", text);
    }
    refusal
}

fn decode(change: &Element) -> Result<Vec<Change>, Refusal> {
    let updates = change.child("Updates").into_iter().flat_map(Element::children);
    updates.map(decode_one).collect()
}

fn decode_one(update: &Element) -> Result<Change, Refusal> {
    let uri = update.children().next().ok_or_else(Refusal::invalid_request)?;
    if uri.name == "ExtendedFieldURI" {
        let text = "The extended property is not named validly.";
        ExtendedFieldUri::read(uri).map_err(|code| Refusal::new(code, text))?;
    }
    let message = || {
        let item = update.children().nth(1).ok_or_else(Refusal::invalid_request)?;
        Ok(Box::new(Message::read(item)))
    };
    match update.name.as_str() {
        "SetItemField" => message().map(Change::Set),
        "AppendToItemField" => message().map(Change::Append),
        "DeleteItemField" => {
            PropertyPath::read(uri).map(Change::Delete).ok_or_else(Refusal::invalid_request)
        }
        _ => Err(Refusal::invalid_request()),
    }
}

fn apply(changes: Vec<Change>, item: &mut StoredItem) -> Result<(), Refusal> {
    for change in changes {
        match change {
            Change::Set(message) => edit::set(*message, item)?,
            Change::Append(message) => edit::append(*message, item)?,
            Change::Delete(path) => edit::delete(&path, item),
        }
    }
    Ok(())
}
