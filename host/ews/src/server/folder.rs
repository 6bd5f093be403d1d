//! Folders of a mailbox and the names Exchange distinguishes.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// Removals that a folder remembers for clients that synchronise; older ones are forgotten, and a
/// client that asks from before starts anew (`ErrorInvalidSyncStateData`).
pub(crate) const REMOVALS_MAX: usize = 10_000;

/// Number of the folder above all.
pub(crate) const ROOT: u32 = 0;
/// Number of the folder that users see as the top.
pub(crate) const TOP: u32 = 1;
/// Number of the Inbox.
pub(crate) const INBOX: u32 = 2;
/// Number of Drafts.
pub(crate) const DRAFTS: u32 = 3;
/// Number of the Outbox.
pub(crate) const OUTBOX: u32 = 4;
/// Number of Sent Items.
pub(crate) const SENT: u32 = 5;
/// Number of Deleted Items.
pub(crate) const DELETED: u32 = 6;

/// A folder that every mailbox has: its place in this list is its number.
pub(crate) struct Distinguished {
    /// The `Id` of a `t:DistinguishedFolderId`.
    pub(crate) id: &'static str,
    name: &'static str,
    class: &'static str,
    parent: u32,
}

/// The folders of a new mailbox; a parent stands before its children.
pub(crate) const DISTINGUISHED: [Distinguished; 15] = [
    Distinguished { id: "root", name: "", class: "", parent: ROOT },
    note("msgfolderroot", "Top of Information Store", ROOT),
    note("inbox", "Inbox", TOP),
    note("drafts", "Drafts", TOP),
    note("outbox", "Outbox", TOP),
    note("sentitems", "Sent Items", TOP),
    note("deleteditems", "Deleted Items", TOP),
    note("junkemail", "Junk Email", TOP),
    note("conversationhistory", "Conversation History", TOP),
    Distinguished { id: "calendar", name: "Calendar", class: "IPF.Appointment", parent: TOP },
    Distinguished { id: "contacts", name: "Contacts", class: "IPF.Contact", parent: TOP },
    Distinguished { id: "tasks", name: "Tasks", class: "IPF.Task", parent: TOP },
    Distinguished { id: "notes", name: "Notes", class: "IPF.StickyNote", parent: TOP },
    Distinguished { id: "journal", name: "Journal", class: "IPF.Journal", parent: TOP },
    Distinguished { id: "searchfolders", name: "Finder", class: "", parent: ROOT },
];

const fn note(id: &'static str, name: &'static str, parent: u32) -> Distinguished {
    Distinguished { id, name, class: "IPF.Note", parent }
}

/// The number of a distinguished folder; `None` for names this store does not serve.
pub(crate) fn distinguished(id: &str) -> Option<u32> {
    let at = DISTINGUISHED.iter().position(|folder| folder.id == id)?;
    u32::try_from(at).ok()
}

/// A folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) number: u32,
    pub(crate) parent: u32,
    pub(crate) name: String,
    /// Container class, empty for none.
    pub(crate) class: String,
    /// Keys of its items by UID.
    pub(crate) items: BTreeMap<u32, u64>,
    pub(crate) unread: usize,
    /// The UID that the next item gets.
    pub(crate) uid_next: u32,
    pub(crate) change: u64,
    pub(crate) created_change: u64,
    pub(crate) modified: Duration,
    /// Items that left: the write at which they did, and their keys.
    pub(crate) removals: VecDeque<(u64, u64)>,
    /// The newest removal that was forgotten.
    pub(crate) forgotten: u64,
}

impl Folder {
    /// An empty folder made by write `change`.
    pub(crate) fn new(number: u32, parent: u32, name: &str, class: &str, change: u64) -> Self {
        Self {
            number,
            parent,
            name: name.to_owned(),
            class: class.to_owned(),
            items: BTreeMap::new(),
            unread: 0,
            uid_next: 1,
            change,
            created_change: change,
            modified: Duration::ZERO,
            removals: VecDeque::new(),
            forgotten: 0,
        }
    }

    /// The folders of a new mailbox.
    pub(crate) fn all() -> Vec<Option<Self>> {
        let numbers = 0..;
        let folders = DISTINGUISHED.iter().zip(numbers);
        let folder = |(folder, number): (&Distinguished, u32)| {
            Some(Self::new(number, folder.parent, folder.name, folder.class, 1))
        };
        folders.map(folder).collect()
    }

    /// The `Id` under which every mailbox has this folder.
    pub(crate) fn distinguished(&self) -> Option<&'static str> {
        let at = usize::try_from(self.number).ok()?;
        DISTINGUISHED.get(at).map(|folder| folder.id)
    }

    /// The element that stands for it: the schema has types for some classes.
    pub(crate) fn element(&self) -> &'static str {
        match self.class.as_str() {
            class if class.starts_with("IPF.Appointment") => "t:CalendarFolder",
            class if class.starts_with("IPF.Contact") => "t:ContactsFolder",
            class if class.starts_with("IPF.Task") => "t:TasksFolder",
            _ => "t:Folder",
        }
    }

    /// Remembers that `key` left at write `change`.
    pub(crate) fn remember_removal(&mut self, change: u64, key: u64) {
        if self.removals.len() >= REMOVALS_MAX
            && let Some((forgotten, _)) = self.removals.pop_front()
        {
            self.forgotten = forgotten;
        }
        self.removals.push_back((change, key));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    #[test]
    fn the_numbers_are_the_names_places() {
        for (id, number) in [
            ("root", ROOT),
            ("msgfolderroot", TOP),
            ("inbox", INBOX),
            ("drafts", DRAFTS),
            ("outbox", OUTBOX),
            ("sentitems", SENT),
            ("deleteditems", DELETED),
        ] {
            assert_eq!(distinguished(id), Some(number));
        }
        assert_eq!(distinguished("Inbox"), None);
        let folders = Folder::all();
        let inbox = folders.get(2).unwrap().as_ref().unwrap();
        assert_eq!((inbox.distinguished(), inbox.parent), (Some("inbox"), TOP));
    }

    #[test]
    fn old_removals_are_forgotten_and_that_is_known() {
        let mut folder = Folder::new(20, TOP, "x", "IPF.Note", 1);
        for change in 0..=u64::try_from(REMOVALS_MAX).unwrap() {
            folder.remember_removal(change + 10, change);
        }
        assert_eq!((folder.removals.len(), folder.forgotten), (REMOVALS_MAX, 10));
    }
}
