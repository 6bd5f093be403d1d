//! `CreateAttachment`, `GetAttachment`, `DeleteAttachment`: files only. Each write gives the item
//! a new change key (ews.md 1.7).

use xml::Element;

use crate::{
    attachment::{AttachmentId, FileAttachment},
    code::ResponseCode,
    soap::{Fault, response::Form},
};

use super::{
    super::{
        answer::{Answers, Refusal, piece},
        call::Call,
        edit,
        id::Id,
        transport,
    },
    inputs, item_id, required,
};

/// An attachment's item and its number there.
type AttachmentPlace = (u32, u64, u32);

pub(super) fn create_attachment(call: &mut Call<'_>, element: &Element) -> Result<String, Fault> {
    let parent = required(element, "ParentItemId")?;
    let mut answers = Answers::new();
    for file in inputs(element, "Attachments")? {
        answers.push(|| {
            call.begin_item()?;
            create(call, parent, file).map(|file| vec![file])
        });
    }
    Ok(finish(answers, "CreateAttachment"))
}

fn create(
    call: &mut Call<'_>,
    parent: &Element,
    file: &Element,
) -> Result<FileAttachment, Refusal> {
    let (mailbox, key) = call.item(&item_id(parent)?.id)?;
    if file.name != "FileAttachment" {
        let text = "Only files can be attached here.";
        return Err(Refusal::other("ErrorInvalidAttachmentType", text));
    }
    let file = FileAttachment::read(file);
    let (now_unix, ids) = (call.now_unix, call.place(mailbox));
    let bytes_max = call.exchange.config.message_bytes_max;
    let mut number = 0;
    let store = call.open_mut(mailbox).ok_or_else(Refusal::item_not_found)?;
    if !store.has_room(file.content.as_ref().map_or(0, Vec::len)) {
        return Err(Refusal::quota_exceeded());
    }
    let item = store.update(key, now_unix, |item| {
        number = edit::attach(file, item.content_mut())?;
        edit::forget_mime(item);
        item.measure();
        if item.size_bytes() > bytes_max { Err(transport::too_large()) } else { Ok(()) }
    })?;
    let id = Some(ids.attachment_id(item, number));
    Ok(FileAttachment { id, ..FileAttachment::default() })
}

pub(super) fn get_attachment(call: &mut Call<'_>, element: &Element) -> Result<String, Fault> {
    let mut answers = Answers::new();
    for id in inputs(element, "AttachmentIds")? {
        answers.push(|| {
            call.begin_item()?;
            get(call, id).map(|file| vec![file])
        });
    }
    Ok(finish(answers, "GetAttachment"))
}

fn get(call: &mut Call<'_>, id: &Element) -> Result<FileAttachment, Refusal> {
    let (mailbox, key, number) = place(call, id)?;
    let item = call.stored((mailbox, key)).map_err(|_| not_found())?;
    let mut files = item.content().attachments.iter();
    let file = files.find(|file| file.number == number).ok_or_else(not_found)?;
    let shown = call.place(mailbox).attachment(item, file);
    let shown = FileAttachment { content: Some(file.bytes.clone()), ..shown };
    call.take_bytes(shown.content.as_ref().map_or(0, Vec::len))?;
    Ok(shown)
}

pub(super) fn delete_attachment(call: &mut Call<'_>, element: &Element) -> Result<String, Fault> {
    let mut answers = Answers::new();
    for id in inputs(element, "AttachmentIds")? {
        answers.push(|| {
            call.begin_item()?;
            delete(call, id)
        });
    }
    Ok(answers.finish_raw("DeleteAttachment"))
}

fn delete(call: &mut Call<'_>, id: &Element) -> Result<String, Refusal> {
    let (mailbox, key, number) = place(call, id)?;
    let (now_unix, ids) = (call.now_unix, call.place(mailbox));
    let store = call.open_mut(mailbox).ok_or_else(not_found)?;
    let item = store.update(key, now_unix, |item| {
        let files = &mut item.content_mut().attachments;
        let before = files.len();
        files.retain(|file| file.number != number);
        if files.len() == before {
            return Err(not_found());
        }
        edit::forget_mime(item);
        Ok(())
    })?;
    let root = ids.item_id(item);
    let change_key = root.change_key.unwrap_or_default();
    Ok(piece(|writer| {
        let attributes = [("RootItemId", root.id.as_str()), ("RootItemChangeKey", &change_key)];
        writer.empty("m:RootItemId", &attributes);
    }))
}

fn place(call: &Call<'_>, id: &Element) -> Result<AttachmentPlace, Refusal> {
    let id = AttachmentId::read(id).ok_or_else(not_found)?;
    match Id::decode(&id.id, call.exchange.config.instance) {
        Ok(Id::Attachment { mailbox, key, number }) => Ok((mailbox, key, number)),
        _ => Err(not_found()),
    }
}

fn not_found() -> Refusal {
    let text = "The attachment could not be found.";
    Refusal::new(ResponseCode::new("ErrorInvalidAttachmentId"), text)
}

fn finish(answers: Answers<Vec<FileAttachment>>, operation: &'static str) -> String {
    let form = Form { payload_on_error: true, ..Form::of(operation) };
    answers.finish_with(form, |files, writer| {
        writer.element("m:Attachments", &[], |list| {
            for file in files {
                file.write(list);
            }
        });
    })
}
