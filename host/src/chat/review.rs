//! Before a digest goes out, the history of its rooms is read once more: what an administrator has
//! removed or replaced in the chat meanwhile is not mailed as it was (dossier 6.1).

use std::collections::HashMap;

use lync::client::{CommandError, Page};
use tokio::sync::oneshot;
use tracing::{debug, error, info, warn};

use super::{drive::Driver, translate};
use crate::clock;

/// A room whose history is to be read again.
#[derive(Clone, Debug)]
pub struct Reread {
    /// Its address.
    pub uri: String,
    /// How many posts back.
    pub last: u32,
}

/// Rooms whose history is being read again.
#[derive(Debug)]
pub(super) struct Review {
    /// When each was asked about, in milliseconds since 1970.
    asked_ms: HashMap<String, i64>,
    /// Told when all have answered.
    done: Option<oneshot::Sender<()>>,
}

impl Driver {
    pub(super) fn review(&mut self, rooms: Vec<Reread>, done: oneshot::Sender<()>) {
        let mut asked_ms = HashMap::with_capacity(rooms.len());
        for room in &rooms {
            asked_ms.insert(room.uri.to_lowercase(), clock::unix_ms());
        }
        // One that is still going on is of no use to anybody any more.
        self.review = Some(Review { asked_ms, done: Some(done) });
        for room in rooms {
            self.session.review(&room.uri, room.last, clock::now());
        }
        self.end_review();
    }

    pub(super) async fn reviewed(&mut self, room: &str, result: Result<Page, CommandError>) {
        let Some(review) = &mut self.review else { return };
        let Some(asked_ms) = review.asked_ms.remove(&room.to_lowercase()) else { return };
        match result {
            Ok(page) if page.readable => self.compare(room, &page, asked_ms).await,
            Ok(_) => {
                debug!("chat: a page of history cannot be read whole; nothing follows from it")
            }
            Err(error) => warn!("chat: the history of a room cannot be read again: {error}"),
        }
        self.end_review();
    }

    async fn compare(&mut self, room: &str, page: &Page, asked_ms: i64) {
        let id = translate::room_id(room);
        let rooms = &self.chat.rooms;
        let names = rooms.names(&id);
        let room_name = |uri: &str| rooms.name_of(uri);
        let posts = page.posts.iter();
        let now_ms = clock::unix_ms();
        let posts = posts.map(|post| translate::message(post, &names, &room_name, now_ms));
        let database = &self.chat.database;
        match database.compare_history(&id, posts.collect(), asked_ms, now_ms).await {
            Ok((0, 0)) => {}
            Ok((removed, replaced)) => {
                info!(removed, replaced, "chat: messages that wait were changed in the room");
            }
            Err(error) => error!("chat: {error}"),
        }
    }

    fn end_review(&mut self) {
        if let Some(review) = &mut self.review
            && review.asked_ms.is_empty()
        {
            let _ = review.done.take().map(|done| done.send(()));
        }
    }
}
