//! Posts: taken from clients or from the caller, numbered, kept and handed on (dossier 4.12, 4.13).

use super::{Pool, PoolEvent, chat::DialogId, faults::take, history::StoredPost};
use crate::{
    Now,
    content::{self, Kind, Part},
    xccos::{ChatMessage, Child, RoomUri, assumed::Cause},
};

/// What somebody says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPost {
    /// The plain text; lines end LF.
    pub text: String,
    /// The same in RTF.
    pub rtf: Option<String>,
    /// Of high importance.
    pub alert: bool,
    /// Makes it a story with this title.
    pub story_title: Option<String>,
}

impl NewPost {
    /// An ordinary post.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }
}

/// Why the pool does not do what its owner asks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// There is no such room.
    #[error("no such room")]
    NoSuchRoom,
    /// There is no user of that address.
    #[error("no such user")]
    NoSuchUser,
    /// The room keeps no post of that number.
    #[error("no such post")]
    NoSuchPost,
    /// The text is longer than the pool's limit.
    #[error("text of {bytes} bytes, at most {max} are taken")]
    TooLong {
        /// Bytes of the text.
        bytes: usize,
        /// The limit in bytes.
        max: u32,
    },
}

impl Pool {
    /// Posts in somebody's name, who needs neither a connection nor a role. Returns the post's
    /// number in the room.
    ///
    /// # Errors
    /// [`PoolError`] if there is no such room or author, or the text is too long.
    pub fn post(
        &mut self,
        room: &RoomUri,
        author: &str,
        post: NewPost,
        now: Now,
    ) -> Result<u64, PoolError> {
        let author = self.users.find(author).ok_or(PoolError::NoSuchUser)?.address.clone();
        self.rooms.find(room).ok_or(PoolError::NoSuchRoom)?;
        let chat = match post.story_title {
            Some(title) => content::write(&Kind::Story { title }, &[Part::Text(post.text)]),
            None => post.text,
        };
        self.check_length(&chat).map_err(|max| PoolError::TooLong { bytes: chat.len(), max })?;
        let id = self.publish(room, author, chat, post.rtf, post.alert, now);
        self.settle(now);
        id.ok_or(PoolError::NoSuchRoom)
    }

    /// Whether a client's post is taken.
    pub(super) fn check_post(
        &self,
        dialog_id: DialogId,
        message: &ChatMessage,
    ) -> Result<(), Cause> {
        let user = self.user_of(dialog_id)?;
        let room = self.rooms.find(&message.room).ok_or(Cause::NoSuchRoom)?;
        let dialog = self.dialogs.get(&dialog_id).ok_or(Cause::Server)?;
        if !dialog.joined.contains(&message.room) {
            return Err(Cause::NotJoined);
        }
        if !message.author.eq_ignore_ascii_case(&user.address) {
            return Err(Cause::Permission);
        }
        room.may_enter(user)?;
        room.may_write(user)?;
        // Without a time of the client's the server takes no post (dossier 4.13).
        message.sent().ok_or(Cause::InvalidArgument)?;
        self.check_length(&message.chat).map_err(|_| Cause::LimitExceeded)
    }

    /// Takes a post that was checked; the sender gets it back like everybody else.
    pub(super) fn take_post(&mut self, dialog_id: DialogId, message: ChatMessage, now: Now) {
        let Ok(user) = self.user_of(dialog_id) else { return };
        let author = user.address.clone();
        let alert = message.is_alert();
        self.publish(&message.room, author, message.chat, message.rtf, alert, now);
    }

    fn check_length(&self, chat: &str) -> Result<(), u32> {
        let max = match content::read(chat, None, false, &self.people).kind {
            Kind::Story { .. } => self.config.story_bytes_max,
            Kind::Message | Kind::Alert => self.config.message_bytes_max,
        };
        let fits = u32::try_from(chat.len()).is_ok_and(|bytes| bytes <= max);
        if fits { Ok(()) } else { Err(max) }
    }

    /// Numbers a post, keeps it, and hands it to everybody in the room.
    fn publish(
        &mut self,
        uri: &RoomUri,
        author: String,
        chat: String,
        rtf: Option<String>,
        alert: bool,
        now: Now,
    ) -> Option<u64> {
        let author_name = self.users.name_of(&author).to_owned();
        let skip = take(&mut self.faults.id_gaps);
        let room = self.rooms.find_mut(uri)?;
        let (uri, id) = (room.spec.uri.clone(), room.history.next_id(skip));
        let post = StoredPost { id, author, author_name, sent: now.unix, alert, chat, rtf };
        if room.spec.logged {
            room.history.append(post.clone());
        }
        let message = self.message(self.rooms.find(&uri)?, &post);
        self.announce(&uri, post);
        let times = if take(&mut self.faults.duplicates) { 2 } else { 1 };
        for dialog_id in self.dialogs_in(&uri) {
            for _ in 0..times {
                let child = Child::Chat(message.clone());
                self.tell(dialog_id, vec![child], Some((uri.clone(), id)), now);
            }
        }
        Some(id)
    }

    fn announce(&mut self, room: &RoomUri, post: StoredPost) {
        let rtf = post.rtf.as_deref();
        let content = content::read(&post.chat, rtf, post.alert, &self.people);
        self.event(PoolEvent::Posted {
            room: room.clone(),
            id: post.id,
            author: post.author,
            name: post.author_name,
            content,
            sent: post.sent,
        });
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

    use std::time::Duration;

    use super::*;
    use crate::{content::Content, server::testing::*};

    const ANNA: &str = "sip:anna.keller@contoso.com";

    #[test]
    fn everybody_in_the_room_gets_a_post_its_author_too() {
        let mut world = World::new();
        let mut alice = Phone::inside(&mut world, 1, ALICE);
        let mut bob = Phone::inside(&mut world, 2, BOB);
        alice.hear(&mut world);
        world.now.unix += Duration::from_millis(250);
        let (status, told) = alice.post(&mut world, "1 < 2\nüber");
        assert_eq!((status, texts(&told)), (Some(200), vec!["1 < 2\nüber"]));
        assert_eq!(bob.hear(&mut world), told);
        let [Child::Chat(post)] = &told[..] else { panic!() };
        // The pool's own time, not the one the author wrote.
        assert_eq!(post.ts.as_deref(), Some("2014-03-03T09:15:02.2500000Z"));
        assert_eq!((post.id, post.author_name.as_deref()), (Some(1), Some("Alice")));
        assert_eq!(world.post("second"), 2);
    }

    #[test]
    fn posts_are_seen_by_observers() {
        let mut world = World::new();
        let post = NewPost { alert: true, ..NewPost::text("@Bob look") };
        world.pool.post(&ops(), ANNA, post, world.now).unwrap();
        let events = world.events();
        let [PoolEvent::Posted { id: 1, author, name, content, .. }] = &events[..] else {
            panic!("{events:?}")
        };
        assert_eq!((author.as_str(), name.as_str()), (ANNA, "Anna Keller"));
        let Content { kind: Kind::Alert, parts, .. } = content else { panic!("{content:?}") };
        assert!(matches!(parts.first(), Some(Part::Mention { address, .. }) if address == BOB));
    }

    #[test]
    fn stories_may_be_longer_than_posts() {
        let mut world = World::new();
        let text = "x".repeat(600);
        let result = world.pool.post(&ops(), ANNA, NewPost::text(&text), world.now);
        assert_eq!(result, Err(PoolError::TooLong { bytes: 600, max: 512 }));
        let story = NewPost { story_title: Some("Report".into()), ..NewPost::text(&text) };
        assert_eq!(world.pool.post(&ops(), ANNA, story, world.now), Ok(1));
    }

    #[test]
    fn rooms_and_authors_must_exist() {
        let mut world = World::new();
        let nobody = world.pool.post(&ops(), "sip:x@y", NewPost::text("x"), world.now);
        assert_eq!(nobody, Err(PoolError::NoSuchUser));
        let nowhere = RoomUri::parse("ma-chan://contoso.com/0").unwrap();
        let nowhere = world.pool.post(&nowhere, ANNA, NewPost::text("x"), world.now);
        assert_eq!(nowhere, Err(PoolError::NoSuchRoom));
    }
}
