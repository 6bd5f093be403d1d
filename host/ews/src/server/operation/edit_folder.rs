//! `CreateFolder`, `UpdateFolder`, `DeleteFolder`, `EmptyFolder`. The folders that every mailbox
//! has cannot be deleted.

use xml::{Element, Writer};

use crate::{
    code::ResponseCode,
    folder_id::{self, FolderId},
    soap::Fault,
};

use super::{
    super::{
        answer::{Answers, Refusal, piece},
        call::{Call, FolderPlace},
        folder::DELETED,
    },
    find_folder::view,
    inputs, required,
};

/// Characters of a folder's name.
const NAME_CHARS_MAX: usize = 250;

pub(super) fn create_folder(call: &mut Call<'_>, element: &Element) -> Result<String, Fault> {
    required(element, "ParentFolderId")?;
    let parent = folder_id::read_target(element, "ParentFolderId");
    let mut answers = Answers::new();
    for folder in inputs(element, "Folders")? {
        answers.push(|| {
            call.begin_item()?;
            let parent = parent.as_ref().ok_or_else(Refusal::folder_not_found)?;
            let (mailbox, parent) = call.folder(parent)?;
            let name = name(folder)?;
            let class = folder.child_text("FolderClass").unwrap_or_else(|| "IPF.Note".to_owned());
            let now_unix = call.now_unix;
            let store = call.open_mut(mailbox).ok_or_else(Refusal::folder_not_found)?;
            let number = store.create_folder(parent, &name, &class, now_unix)?.number;
            folders(call, (mailbox, number))
        });
    }
    Ok(answers.finish_raw("CreateFolder"))
}

pub(super) fn update_folder(call: &mut Call<'_>, element: &Element) -> Result<String, Fault> {
    let mut answers = Answers::new();
    for change in inputs(element, "FolderChanges")? {
        answers.push(|| {
            call.begin_item()?;
            update(call, change)
        });
    }
    Ok(answers.finish_raw("UpdateFolder"))
}

/// Renames; other fields of a folder stay as they are.
fn update(call: &mut Call<'_>, change: &Element) -> Result<String, Refusal> {
    let id = change.children().find_map(FolderId::read).ok_or_else(Refusal::malformed_id)?;
    let (mailbox, number) = call.folder(&id)?;
    let updates = change.child("Updates").into_iter();
    let updates = updates.flat_map(|updates| updates.children_named("SetFolderField"));
    let changed = updates.filter_map(|update| update.children().nth(1));
    for folder in changed.filter(|folder| folder.child("DisplayName").is_some()) {
        let name = name(folder)?;
        let store = call.open_mut(mailbox).ok_or_else(Refusal::folder_not_found)?;
        let before = store.folder(number).ok_or_else(Refusal::folder_not_found)?;
        if before.name != name {
            store.check_name(before.parent, &name)?;
        }
        store.update_folder(number, |folder| folder.name = name);
    }
    folders(call, (mailbox, number))
}

pub(super) fn delete_folder(call: &mut Call<'_>, element: &Element) -> Result<String, Fault> {
    let keeps = element.attribute("DeleteType") == Some("MoveToDeletedItems");
    let mut answers = Answers::new();
    for id in inputs(element, "FolderIds")? {
        answers.push(|| {
            call.begin_item()?;
            delete(call, id, keeps)
        });
    }
    Ok(answers.finish_raw("DeleteFolder"))
}

fn delete(call: &mut Call<'_>, id: &Element, keeps: bool) -> Result<String, Refusal> {
    let id = FolderId::read(id).ok_or_else(Refusal::malformed_id)?;
    let (mailbox, number) = call.folder(&id)?;
    let now_unix = call.now_unix;
    let store = call.open_mut(mailbox).ok_or_else(Refusal::folder_not_found)?;
    let folder = store.folder(number).ok_or_else(Refusal::folder_not_found)?;
    if folder.distinguished().is_some() {
        let text = "Distinguished folders cannot be deleted.";
        return Err(Refusal::other("ErrorDeleteDistinguishedFolder", text));
    }
    if keeps && !store.below(DELETED).contains(&number) {
        store.check_name(DELETED, &folder.name)?;
        store.update_folder(number, |folder| folder.parent = DELETED);
    } else {
        store.remove_folder(number, now_unix);
    }
    Ok(String::new())
}

pub(super) fn empty_folder(call: &mut Call<'_>, element: &Element) -> Result<String, Fault> {
    let keeps = element.attribute("DeleteType") == Some("MoveToDeletedItems");
    let deep = element.attribute("DeleteSubFolders").is_some_and(|it| it == "true" || it == "1");
    let mut answers = Answers::new();
    for id in inputs(element, "FolderIds")? {
        answers.push(|| {
            call.begin_item()?;
            let id = FolderId::read(id).ok_or_else(Refusal::malformed_id)?;
            let place = call.folder(&id)?;
            empty(call, place, keeps, deep)
        });
    }
    Ok(answers.finish_raw("EmptyFolder"))
}

fn empty(
    call: &mut Call<'_>,
    (mailbox, number): FolderPlace,
    keeps: bool,
    deep: bool,
) -> Result<String, Refusal> {
    let now_unix = call.now_unix;
    let store = call.open_mut(mailbox).ok_or_else(Refusal::folder_not_found)?;
    if keeps && number != DELETED {
        let keys: Vec<u64> = store.items_in(number).map(|item| item.key).collect();
        for key in keys {
            store.relocate(key, DELETED, now_unix)?;
        }
    } else {
        store.empty_folder(number, now_unix);
    }
    let below = store.below(number).into_iter().filter(|below| deep && *below != number);
    for below in below.collect::<Vec<_>>() {
        let own = store.folder(below).is_some_and(|folder| folder.distinguished().is_none());
        if own {
            store.remove_folder(below, now_unix);
        }
    }
    Ok(String::new())
}

fn name(folder: &Element) -> Result<String, Refusal> {
    let name = folder.child_text("DisplayName").unwrap_or_default();
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        let text = "The folder's name is missing or too long.";
        return Err(Refusal::new(ResponseCode::INVALID_REQUEST, text));
    }
    Ok(name)
}

fn folders(call: &Call<'_>, (mailbox, number): FolderPlace) -> Result<String, Refusal> {
    let view = view(call, mailbox, number)?;
    let id = |writer: &mut Writer| view.write_id(writer, "t:FolderId");
    Ok(piece(|writer| {
        writer.element("m:Folders", &[], |folders| {
            folders.element(view.folder.element(), &[], id);
        });
    }))
}
