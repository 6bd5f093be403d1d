//! `SyncFolderItems` and `SyncFolderHierarchy`. The state that a client keeps is the write up to
//! which it has seen everything.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use xml::{Element, Writer};

use crate::{code::ResponseCode, folder_id, item_id::ItemId, shape::ItemShape, soap::Fault};

use super::{
    super::{
        answer::{Answers, Refusal, piece},
        call::Call,
        folder::{Folder, TOP},
        id::Id,
        item::StoredItem,
        render::{Place, Wanted},
    },
    find_folder::{FolderShape, view},
    required,
};

/// Changes in one answer.
const CHANGES_MAX: usize = 512;
/// Begins every state of ours.
const STATE: &[u8] = b"CDS1";

/// One change of a folder's items, at some write.
enum Change<'m> {
    Create(&'m StoredItem),
    Update(&'m StoredItem),
    Delete(u64),
}

pub(super) fn sync_folder_items(call: &mut Call<'_>, element: &Element) -> Result<String, Fault> {
    let shape = ItemShape::read(required(element, "ItemShape")?);
    required(element, "SyncFolderId")?;
    let mut answers = Answers::new();
    answers.push(|| {
        call.begin_item()?;
        items(call, element, &shape)
    });
    Ok(answers.finish_raw("SyncFolderItems"))
}

fn items(call: &Call<'_>, element: &Element, shape: &ItemShape) -> Result<String, Refusal> {
    let id = folder_id::read_target(element, "SyncFolderId");
    let (mailbox, number) = call.folder(&id.ok_or_else(Refusal::malformed_id)?)?;
    let asked = element.child_text("MaxChangesReturned").and_then(|text| text.parse().ok());
    let count = asked.filter(|max| (1..=CHANGES_MAX).contains(max));
    let count = count.ok_or_else(Refusal::invalid_request)?;
    let store = call.open(mailbox).ok_or_else(Refusal::folder_not_found)?;
    let folder = store.folder(number).ok_or_else(Refusal::folder_not_found)?;
    let seen = decode_state(element, number)?;
    let mut changes = changes(store.items_in(number), folder, seen)?;
    let is_last = changes.len() <= count;
    changes.truncate(count);
    let seen = match changes.last() {
        Some((change, _)) if !is_last => *change,
        _ => store.change(),
    };
    let (wanted, place) = (Wanted::in_find(shape), call.place(mailbox));
    Ok(piece(|writer| {
        writer.leaf("m:SyncState", &encode_state(number, seen));
        writer.leaf("m:IncludesLastItemInRange", if is_last { "true" } else { "false" });
        writer.element("m:Changes", &[], |writer| {
            for (_, change) in &changes {
                change.write(&wanted, place, writer);
            }
        });
    }))
}

/// What happened after write `seen`, in the order in which it did.
fn changes<'m>(
    items: impl Iterator<Item = &'m StoredItem>,
    folder: &Folder,
    seen: u64,
) -> Result<Vec<(u64, Change<'m>)>, Refusal> {
    if seen > 0 && folder.forgotten > seen {
        return Err(invalid_state());
    }
    let changed = items.filter(|item| item.change > seen).map(|item| {
        let is_new = item.created_change > seen;
        (item.change, if is_new { Change::Create(item) } else { Change::Update(item) })
    });
    // Whoever begins has nothing that could be gone.
    let gone = folder.removals.iter().filter(|(change, _)| seen > 0 && *change > seen);
    let gone = gone.map(|(change, key)| (*change, Change::Delete(*key)));
    let mut changes: Vec<_> = changed.chain(gone).collect();
    changes.sort_by_key(|(change, _)| *change);
    Ok(changes)
}

impl Change<'_> {
    fn write(&self, wanted: &Wanted<'_>, place: Place, writer: &mut Writer) {
        match self {
            Self::Create(item) => {
                writer.element("t:Create", &[], |w| wanted.message(item, place).write(w));
            }
            Self::Update(item) => {
                writer.element("t:Update", &[], |w| wanted.message(item, place).write(w));
            }
            Self::Delete(key) => {
                let id = Id::Item { mailbox: place.mailbox, key: *key }.encode(place.instance);
                writer.element("t:Delete", &[], |w| ItemId::new(id).write(w, "t:ItemId"));
            }
        }
    }
}

pub(super) fn sync_folder_hierarchy(
    call: &mut Call<'_>,
    element: &Element,
) -> Result<String, Fault> {
    let shape = FolderShape::read(required(element, "FolderShape")?);
    let mut answers = Answers::new();
    answers.push(|| {
        call.begin_item()?;
        folders(call, element, &shape)
    });
    Ok(answers.finish_raw("SyncFolderHierarchy"))
}

/// Removed folders are not remembered one by one: after a removal a client begins anew.
fn folders(call: &Call<'_>, element: &Element, shape: &FolderShape) -> Result<String, Refusal> {
    let id = folder_id::read_target(element, "SyncFolderId");
    let (mailbox, top) = call.folder_or(id.as_ref(), TOP)?;
    let seen = decode_state(element, top)?;
    let store = call.open(mailbox).ok_or_else(Refusal::folder_not_found)?;
    if seen > 0 && store.folder_removed() > seen {
        return Err(invalid_state());
    }
    let below = store.below(top).into_iter().filter(|number| *number != top);
    let changed: Vec<_> = below
        .filter_map(|number| view(call, mailbox, number).ok())
        .filter(|view| seen == 0 || view.folder.change > seen)
        .collect();
    Ok(piece(|writer| {
        writer.leaf("m:SyncState", &encode_state(top, store.change()));
        writer.leaf("m:IncludesLastFolderInRange", "true");
        writer.element("m:Changes", &[], |writer| {
            for view in changed {
                let is_new = seen == 0 || view.folder.created_change > seen;
                let name = if is_new { "t:Create" } else { "t:Update" };
                writer.element(name, &[], |writer| shape.write(view, writer));
            }
        });
    }))
}

fn encode_state(folder: u32, seen: u64) -> String {
    let mut bytes = STATE.to_vec();
    bytes.extend_from_slice(&folder.to_be_bytes());
    bytes.extend_from_slice(&seen.to_be_bytes());
    STANDARD.encode(bytes)
}

/// The write up to which the client has seen the folder; 0 for a client that begins.
fn decode_state(element: &Element, folder: u32) -> Result<u64, Refusal> {
    let text = element.child_text("SyncState").unwrap_or_default();
    if text.is_empty() {
        return Ok(0);
    }
    let bytes = STANDARD.decode(text).map_err(|_| invalid_state())?;
    let rest = bytes.strip_prefix(STATE).ok_or_else(invalid_state)?;
    let (of, seen) = rest.split_first_chunk::<4>().ok_or_else(invalid_state)?;
    let seen: [u8; 8] = seen.try_into().map_err(|_| invalid_state())?;
    if u32::from_be_bytes(*of) != folder {
        return Err(invalid_state());
    }
    Ok(u64::from_be_bytes(seen))
}

fn invalid_state() -> Refusal {
    let text = "The synchronization state data is corrupt or otherwise invalid.";
    Refusal::new(ResponseCode::INVALID_SYNC_STATE_DATA, text)
}
