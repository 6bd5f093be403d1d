//! Tells the administrator, and through him a guest's author, what was removed from its mails: of one
//! component each kind once, however many mails it composes.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use tracing::warn;

use super::removed::{Removal, Removed};
use crate::guest::GuestId;

/// Most pairs of component and kind that are remembered; beyond it nothing more is told.
const TOLD_MAX: usize = 1024;

/// What has been told.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<HashSet<(String, Removal)>>);

impl Told {
    /// Logs what was removed from a mail of `guest` and has not been told of it before.
    pub(super) fn tell(&self, guest: &GuestId, removed: &Removed) {
        if removed.is_nothing() {
            return;
        }
        let new = self.new_of(guest, removed);
        if !new.is_empty() {
            let more = Removed { kinds: new, kinds_more: 0 };
            warn!("mail: removed from what {guest} composed: {more}; see wit/README.md");
        }
    }

    /// What is told now.
    fn new_of(&self, guest: &GuestId, removed: &Removed) -> Vec<(Removal, usize)> {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kinds = removed.kinds.iter();
        let new = kinds.filter(|(kind, _)| {
            told.len() < TOLD_MAX && told.insert((guest.digest.clone(), kind.clone()))
        });
        new.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::clean_and_tell;
    use super::*;

    fn guest(digest: &str) -> GuestId {
        GuestId { name: "mine".into(), digest: digest.into() }
    }

    fn told(told: &Told, digest: &str, html: &str) -> String {
        let removed = clean_and_tell(html).1;
        Removed { kinds: told.new_of(&guest(digest), &removed), kinds_more: 0 }.to_string()
    }

    #[test]
    fn each_kind_is_told_once_of_each_component() {
        let all = Told::default();
        assert_eq!(told(&all, "1", "<img><img>"), "image <img> (2 times)");
        assert_eq!(told(&all, "1", "<img><!-- x -->"), "comment");
        assert_eq!(told(&all, "1", "<img><!-- x -->"), "");
        assert_eq!(told(&all, "2", "<img>"), "image <img>");
    }

    #[test]
    fn what_is_remembered_has_an_end() {
        let all = Told::default();
        for digest in 0..2 * TOLD_MAX {
            told(&all, &digest.to_string(), "<img>");
        }
        assert_eq!(all.0.lock().unwrap_or_else(PoisonError::into_inner).len(), TOLD_MAX);
        assert_eq!(told(&all, "another", "<img>"), "");
    }
}
