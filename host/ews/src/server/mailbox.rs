//! One mailbox: folders, items, counts, and the index that finds an item by a property's value.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use crate::code::ResponseCode;

use super::{
    answer::Refusal,
    folder::{Folder, INBOX},
    item::StoredItem,
    property::{Property, PropertyId},
};

/// Folders in one mailbox.
pub(crate) const FOLDERS_MAX: usize = 1_000;
/// Properties by which one mailbox is indexed; further ones are searched item by item.
const INDEXES_MAX: usize = 4;

/// How much a mailbox may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of all its items.
    pub bytes: u64,
    /// Number of its items.
    pub items: usize,
    /// Whether new mail pushes out the oldest of a full Inbox instead of being refused. For long
    /// demonstrations only; Exchange never does this.
    pub drop_oldest: bool,
}

impl Default for Quota {
    /// 2 GiB (as Exchange's default database limit) and 100 000 items; new mail is refused.
    fn default() -> Self {
        Self { bytes: 2 << 30, items: 100_000, drop_oldest: false }
    }
}

/// Where the property index finds items: value in lower case to keys.
type Index = HashMap<String, BTreeSet<u64>>;

/// A mailbox.
#[derive(Debug)]
pub(crate) struct Mailbox {
    /// Its number in the directory.
    pub(crate) number: u32,
    pub(crate) quota: Quota,
    folders: Vec<Option<Folder>>,
    items: HashMap<u64, StoredItem>,
    key_next: u64,
    change: u64,
    size_bytes: u64,
    /// The newest write that removed a folder.
    folder_removed: u64,
    indexes: HashMap<PropertyId, Index>,
}

impl Mailbox {
    pub(crate) fn new(number: u32, quota: Quota) -> Self {
        Self {
            number,
            quota,
            folders: Folder::all(),
            items: HashMap::new(),
            key_next: 1,
            change: 1,
            size_bytes: 0,
            folder_removed: 0,
            indexes: HashMap::new(),
        }
    }

    pub(crate) fn folder(&self, number: u32) -> Option<&Folder> {
        self.folders.get(usize::try_from(number).ok()?)?.as_ref()
    }

    pub(crate) fn folder_mut(&mut self, number: u32) -> Option<&mut Folder> {
        self.folders.get_mut(usize::try_from(number).ok()?)?.as_mut()
    }

    /// All folders that exist, by number.
    pub(crate) fn folders(&self) -> impl Iterator<Item = &Folder> {
        self.folders.iter().flatten()
    }

    pub(crate) fn item(&self, key: u64) -> Option<&StoredItem> {
        self.items.get(&key)
    }

    /// The items of a folder, oldest UID first.
    pub(crate) fn items_in(&self, folder: u32) -> impl DoubleEndedIterator<Item = &StoredItem> {
        let keys = self.folder(folder).map(|folder| folder.items.values());
        keys.into_iter().flatten().filter_map(|key| self.items.get(key))
    }

    /// The newest write.
    pub(crate) fn change(&self) -> u64 {
        self.change
    }

    /// Whether another item of `bytes` still goes in.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.items.len() < self.quota.items
            && self.size_bytes.saturating_add(bytes) <= self.quota.bytes
    }

    /// Whether the limit is reached, so that its owner may not send either.
    pub(crate) fn is_full(&self) -> bool {
        !self.has_room(0)
    }

    /// Whether mail of `bytes` can be delivered, after dropping the oldest if that is allowed.
    pub(crate) fn make_room(&mut self, bytes: usize, now_unix: Duration) -> bool {
        let fits = u64::try_from(bytes).is_ok_and(|bytes| bytes <= self.quota.bytes);
        // Nothing is dropped for what would not fit into an empty mailbox either.
        while !self.has_room(bytes) && fits {
            let oldest = self.folder(INBOX).and_then(|inbox| inbox.items.values().next().copied());
            match oldest {
                Some(key) if self.quota.drop_oldest => drop(self.remove(key, now_unix)),
                _ => return false,
            }
        }
        fits
    }

    /// Stores an item in `folder` under a new key and UID. The caller has asked for room.
    ///
    /// # Errors
    /// `ErrorFolderNotFound`; then nothing is stored.
    pub(crate) fn insert(
        &mut self,
        mut item: StoredItem,
        folder: u32,
        now_unix: Duration,
    ) -> Result<&StoredItem, Refusal> {
        let (key, change) = (self.key_next, self.change + 1);
        let into = self.folder_mut(folder).ok_or_else(Refusal::folder_not_found)?;
        item.key = key;
        item.change = change;
        item.created_change = change;
        item.folder = folder;
        item.uid = into.uid_next;
        item.modified = now_unix;
        item.measure();
        into.uid_next = into.uid_next.saturating_add(1);
        into.items.insert(item.uid, key);
        into.unread += usize::from(!item.is_read);
        into.change = change;
        into.modified = now_unix;
        self.key_next += 1;
        self.change = change;
        self.size_bytes += u64::try_from(item.size_bytes()).unwrap_or(u64::MAX);
        index(&mut self.indexes, &item);
        Ok(self.items.entry(key).or_insert(item))
    }

    /// Takes an item out for good.
    pub(crate) fn remove(&mut self, key: u64, now_unix: Duration) -> Option<StoredItem> {
        let item = self.items.remove(&key)?;
        self.change += 1;
        let change = self.change;
        self.size_bytes =
            self.size_bytes.saturating_sub(u64::try_from(item.size_bytes()).unwrap_or(u64::MAX));
        unindex(&mut self.indexes, &item);
        if let Some(folder) = self.folder_mut(item.folder) {
            folder.items.remove(&item.uid);
            folder.unread = folder.unread.saturating_sub(usize::from(!item.is_read));
            folder.remember_removal(change, key);
            folder.change = change;
            folder.modified = now_unix;
        }
        Some(item)
    }

    /// Moves an item: it gets a new key, the old id finds nothing from now on.
    ///
    /// # Errors
    /// `ErrorItemNotFound`, `ErrorFolderNotFound`; then nothing changes.
    pub(crate) fn relocate(
        &mut self,
        key: u64,
        folder: u32,
        now_unix: Duration,
    ) -> Result<&StoredItem, Refusal> {
        self.folder(folder).ok_or_else(Refusal::folder_not_found)?;
        let item = self.remove(key, now_unix).ok_or_else(Refusal::item_not_found)?;
        self.insert(item, folder, now_unix)
    }

    /// Changes an item in place and gives it a new change key.
    ///
    /// # Errors
    /// `ErrorItemNotFound`, or what `edit` refuses; then nothing changes.
    pub(crate) fn update(
        &mut self,
        key: u64,
        now_unix: Duration,
        edit: impl FnOnce(&mut StoredItem) -> Result<(), Refusal>,
    ) -> Result<&StoredItem, Refusal> {
        let before = self.items.get(&key).ok_or_else(Refusal::item_not_found)?;
        let mut item = before.clone();
        edit(&mut item)?;
        item.measure();
        unindex(&mut self.indexes, before);
        index(&mut self.indexes, &item);
        let (old, new) = (before.size_bytes(), item.size_bytes());
        let (was_read, is_read, folder) = (before.is_read, item.is_read, item.folder);
        self.size_bytes = self
            .size_bytes
            .saturating_sub(u64::try_from(old).unwrap_or(u64::MAX))
            .saturating_add(u64::try_from(new).unwrap_or(u64::MAX));
        self.change += 1;
        let change = self.change;
        if let Some(folder) = self.folder_mut(folder) {
            folder.unread += usize::from(!is_read);
            folder.unread = folder.unread.saturating_sub(usize::from(!was_read));
            folder.change = change;
            folder.modified = now_unix;
        }
        item.change = change;
        item.modified = now_unix;
        Ok(self.items.entry(key).insert_entry(item).into_mut())
    }

    /// Keys of items, in whatever folder, whose property `id` equals `value` without case.
    /// The first question about a property makes its index. `None`: search item by item.
    pub(crate) fn find(&mut self, id: &PropertyId, value: &str) -> Option<Vec<u64>> {
        if !self.indexes.contains_key(id) {
            if self.indexes.len() >= INDEXES_MAX {
                return None;
            }
            self.build_index(id);
        }
        let keys = self.indexes.get(id)?.get(&value.to_lowercase());
        Some(keys.into_iter().flatten().copied().collect())
    }

    fn build_index(&mut self, id: &PropertyId) {
        self.indexes.insert(id.clone(), Index::new());
        let mut indexes = std::mem::take(&mut self.indexes);
        for item in self.items.values() {
            index(&mut indexes, item);
        }
        self.indexes = indexes;
    }

    /// Makes a folder below `parent`.
    ///
    /// # Errors
    /// `ErrorFolderExists`, `ErrorFolderNotFound`, `ErrorQuotaExceeded` at [`FOLDERS_MAX`].
    pub(crate) fn create_folder(
        &mut self,
        parent: u32,
        name: &str,
        class: &str,
        now_unix: Duration,
    ) -> Result<&Folder, Refusal> {
        self.folder(parent).ok_or_else(Refusal::folder_not_found)?;
        self.check_name(parent, name)?;
        if self.folders.len() >= FOLDERS_MAX {
            return Err(Refusal::new(
                ResponseCode::QUOTA_EXCEEDED,
                "The mailbox has too many folders.",
            ));
        }
        self.change += 1;
        let number = u32::try_from(self.folders.len()).map_err(|_| Refusal::folder_not_found())?;
        let mut folder = Folder::new(number, parent, name, class, self.change);
        folder.modified = now_unix;
        self.folders.push(Some(folder));
        self.folder(number).ok_or_else(Refusal::folder_not_found)
    }

    /// Whether `name` is free below `parent`.
    ///
    /// # Errors
    /// `ErrorFolderExists`.
    pub(crate) fn check_name(&self, parent: u32, name: &str) -> Result<(), Refusal> {
        let mut siblings = self.folders().filter(|folder| folder.parent == parent);
        if siblings.any(|folder| folder.name.to_lowercase() == name.to_lowercase()) {
            let text = "A folder with the specified name already exists.";
            return Err(Refusal::other("ErrorFolderExists", text));
        }
        Ok(())
    }

    /// Changes a folder in place and gives it a new change key.
    pub(crate) fn update_folder(&mut self, number: u32, edit: impl FnOnce(&mut Folder)) {
        self.change += 1;
        let change = self.change;
        if let Some(folder) = self.folder_mut(number) {
            edit(folder);
            folder.change = change;
        }
    }

    /// Removes a folder with all below it. Its number is not used again.
    pub(crate) fn remove_folder(&mut self, number: u32, now_unix: Duration) {
        for folder in self.below(number) {
            self.empty_folder(folder, now_unix);
            if let Ok(at) = usize::try_from(folder)
                && let Some(place) = self.folders.get_mut(at)
            {
                *place = None;
            }
        }
        self.change += 1;
        self.folder_removed = self.change;
    }

    /// The newest write that removed a folder; 0 if none did.
    pub(crate) fn folder_removed(&self) -> u64 {
        self.folder_removed
    }

    /// Removes the items of a folder, not its folders.
    pub(crate) fn empty_folder(&mut self, number: u32, now_unix: Duration) {
        let keys: Vec<u64> = self.items_in(number).map(|item| item.key).collect();
        for key in keys {
            self.remove(key, now_unix);
        }
    }

    /// The folder and all below it, parents first.
    pub(crate) fn below(&self, number: u32) -> Vec<u32> {
        let mut found = vec![number];
        let mut at = 0;
        // A folder is its own parent only at the root, which must not be found twice.
        while let Some(parent) = found.get(at).copied() {
            let children = self.folders().filter(|f| f.parent == parent && f.number != parent);
            found.extend(children.map(|folder| folder.number));
            at += 1;
        }
        found
    }
}

fn index(indexes: &mut HashMap<PropertyId, Index>, item: &StoredItem) {
    for_indexed(indexes, item, |index, value, key| {
        index.entry(value).or_default().insert(key);
    });
}

fn unindex(indexes: &mut HashMap<PropertyId, Index>, item: &StoredItem) {
    for_indexed(indexes, item, |index, value, key| {
        if let Some(keys) = index.get_mut(&value) {
            keys.remove(&key);
            if keys.is_empty() {
                index.remove(&value);
            }
        }
    });
}

fn for_indexed(
    indexes: &mut HashMap<PropertyId, Index>,
    item: &StoredItem,
    act: impl Fn(&mut Index, String, u64),
) {
    if indexes.is_empty() {
        return;
    }
    let properties: &[Property] = &item.properties;
    for property in properties {
        if let (Some(index), Some(value)) =
            (indexes.get_mut(&property.id), property.values().first())
        {
            act(index, value.to_lowercase(), item.key);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use std::sync::Arc;

    use super::*;
    use crate::{
        property::PropertyValue,
        server::folder::{DELETED, DRAFTS, TOP},
    };

    const NOW: Duration = Duration::from_secs(1_000);

    fn keyed(value: &str) -> StoredItem {
        let id = PropertyId::named("s".to_owned(), "n");
        let property = Property { id, value: PropertyValue::One(value.to_owned()) };
        StoredItem { properties: Arc::new(vec![property]), ..StoredItem::draft(NOW) }
    }

    fn mailbox() -> Mailbox {
        Mailbox::new(0, Quota::default())
    }

    #[test]
    fn uids_rise_and_are_not_used_again() {
        let mut mailbox = mailbox();
        let first = mailbox.insert(keyed("a"), INBOX, NOW).unwrap().key;
        mailbox.remove(first, NOW).unwrap();
        let second = mailbox.insert(keyed("b"), INBOX, NOW).unwrap();
        assert_eq!((second.uid, second.key), (2, first + 1));
    }

    #[test]
    fn a_move_changes_key_and_change() {
        let mut mailbox = mailbox();
        let (key, change) = {
            let item = mailbox.insert(keyed("a"), DRAFTS, NOW).unwrap();
            (item.key, item.change)
        };
        let moved = mailbox.relocate(key, DELETED, NOW).unwrap();
        assert!(moved.key != key && moved.change > change);
        assert!(mailbox.item(key).is_none());
        assert_eq!(mailbox.items_in(DRAFTS).count(), 0);
        assert_eq!(mailbox.items_in(DELETED).count(), 1);
    }

    #[test]
    fn the_index_follows_every_write() {
        let mut mailbox = mailbox();
        let name = PropertyId::named("s".to_owned(), "n");
        let early = mailbox.insert(keyed("K1"), DRAFTS, NOW).unwrap().key;
        assert_eq!(mailbox.find(&name, "k1"), Some(vec![early]));
        let late = mailbox.insert(keyed("k1"), INBOX, NOW).unwrap().key;
        assert_eq!(mailbox.find(&name, "k1"), Some(vec![early, late]));
        mailbox
            .update(early, NOW, |item| {
                item.properties = keyed("k2").properties;
                Ok(())
            })
            .unwrap();
        let moved = mailbox.relocate(late, DELETED, NOW).unwrap().key;
        assert_eq!(mailbox.find(&name, "k1"), Some(vec![moved]));
        mailbox.remove(early, NOW).unwrap();
        assert_eq!(mailbox.find(&name, "k2"), Some(Vec::new()));
    }

    #[test]
    fn unread_and_bytes_are_counted() {
        let mut mailbox = mailbox();
        let unread = StoredItem { is_read: false, ..keyed("a") };
        let key = mailbox.insert(unread, INBOX, NOW).unwrap().key;
        assert_eq!(mailbox.folder(INBOX).unwrap().unread, 1);
        assert!(mailbox.size_bytes > 0);
        let read = |item: &mut StoredItem| {
            item.is_read = true;
            Ok(())
        };
        mailbox.update(key, NOW, read).unwrap();
        assert_eq!(mailbox.folder(INBOX).unwrap().unread, 0);
        mailbox.remove(key, NOW).unwrap();
        assert_eq!(mailbox.size_bytes, 0);
    }

    #[test]
    fn a_full_mailbox_drops_the_oldest_only_if_told() {
        let quota = Quota { items: 1, ..Quota::default() };
        let mut mailbox = Mailbox::new(0, quota);
        mailbox.insert(keyed("a"), INBOX, NOW).unwrap();
        assert!(!mailbox.make_room(1, NOW));
        mailbox.quota.drop_oldest = true;
        assert!(mailbox.make_room(1, NOW));
        assert_eq!(mailbox.items_in(INBOX).count(), 0);
    }

    #[test]
    fn a_folder_goes_with_all_below() {
        let mut mailbox = mailbox();
        let outer = mailbox.create_folder(TOP, "a", "IPF.Note", NOW).unwrap().number;
        let inner = mailbox.create_folder(outer, "b", "IPF.Note", NOW).unwrap().number;
        let key = mailbox.insert(keyed("k"), inner, NOW).unwrap().key;
        let again = mailbox.create_folder(TOP, "A", "IPF.Note", NOW).unwrap_err();
        assert_eq!(again.code.as_str(), "ErrorFolderExists");
        mailbox.remove_folder(outer, NOW);
        assert!(mailbox.folder(outer).is_none() && mailbox.folder(inner).is_none());
        assert!(mailbox.item(key).is_none());
    }
}
