//! What was posted in one room.

use std::{collections::VecDeque, time::Duration};

/// One post as the room keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredPost {
    /// Consecutive within the room, from 1 (dossier 6.1).
    pub(super) id: u64,
    /// SIP address of the author.
    pub(super) author: String,
    pub(super) author_name: String,
    /// When the pool took it, since 1970.
    pub(super) sent: Duration,
    pub(super) alert: bool,
    pub(super) chat: String,
    pub(super) rtf: Option<String>,
}

/// The posts of a room in the order of their ids, bounded; ids go on whatever is forgotten.
#[derive(Debug)]
pub(super) struct History {
    posts: VecDeque<StoredPost>,
    posts_max: usize,
    last_id: u64,
}

impl History {
    pub(super) fn new(posts_max: usize) -> Self {
        Self { posts: VecDeque::new(), posts_max, last_id: 0 }
    }

    /// Takes the next id; `skip` burns one first, as a removed post would (fault).
    pub(super) fn next_id(&mut self, skip: bool) -> u64 {
        self.last_id += if skip { 2 } else { 1 };
        self.last_id
    }

    /// Keeps `post`; drops the oldest beyond the bound.
    pub(super) fn append(&mut self, post: StoredPost) {
        self.posts.push_back(post);
        while self.posts.len() > self.posts_max {
            self.posts.pop_front();
        }
    }

    /// The last `count` posts, oldest first.
    pub(super) fn last(&self, count: usize) -> impl Iterator<Item = &StoredPost> {
        self.posts.iter().skip(self.posts.len().saturating_sub(count))
    }

    /// All posts, oldest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &StoredPost> {
        self.posts.iter()
    }

    /// Removes a post as an administrator does; its id stays a gap.
    pub(super) fn remove(&mut self, id: u64) -> bool {
        let before = self.posts.len();
        self.posts.retain(|post| post.id != id);
        self.posts.len() != before
    }

    /// Puts other words behind an id, as an administrator does.
    pub(super) fn replace(&mut self, id: u64, chat: &str) -> bool {
        let found = self.posts.iter_mut().find(|post| post.id == id);
        found.map(|post| (post.chat, post.rtf) = (chat.to_owned(), None)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(id: u64) -> StoredPost {
        StoredPost {
            id,
            author: "sip:anna.keller@contoso.com".into(),
            author_name: "Anna Keller".into(),
            sent: Duration::from_secs(1_393_837_091),
            alert: false,
            chat: format!("post {id}"),
            rtf: Some("{\\rtf1}".into()),
        }
    }

    fn filled(posts_max: usize, count: u64) -> History {
        let mut history = History::new(posts_max);
        for _ in 0..count {
            let id = history.next_id(false);
            history.append(post(id));
        }
        history
    }

    fn ids<'p>(posts: impl Iterator<Item = &'p StoredPost>) -> Vec<u64> {
        posts.map(|post| post.id).collect()
    }

    #[test]
    fn oldest_posts_go_first_and_ids_go_on() {
        let mut history = filled(3, 5);
        assert_eq!(ids(history.all()), [3, 4, 5]);
        assert_eq!(history.next_id(false), 6);
        assert_eq!(history.next_id(true), 8);
    }

    #[test]
    fn last_is_oldest_first_and_never_more_than_there_is() {
        let history = filled(10, 4);
        assert_eq!(ids(history.last(2)), [3, 4]);
        assert_eq!(ids(history.last(99)), [1, 2, 3, 4]);
        assert_eq!(ids(history.last(0)), [0; 0]);
    }

    #[test]
    fn removal_leaves_a_gap_and_replacement_new_words() {
        let mut history = filled(10, 3);
        assert!(history.remove(2));
        assert!(!history.remove(2));
        assert!(history.replace(3, "other"));
        assert!(!history.replace(9, "other"));
        assert_eq!(ids(history.all()), [1, 3]);
        let last = history.last(1).next().map(|post| (post.chat.as_str(), post.rtf.clone()));
        assert_eq!(last, Some(("other", None)));
    }
}
