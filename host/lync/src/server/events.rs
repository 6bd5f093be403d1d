//! What an observer of the pool gets to see.

use std::time::Duration;

use crate::{content::Content, xccos::RoomUri};

/// Something that happened in the pool, for a page that shows it.
#[derive(Clone, Debug, PartialEq)]
pub enum PoolEvent {
    /// An endpoint registered.
    SignedIn {
        /// `sip:…`.
        address: String,
        /// Its user's display name.
        name: String,
    },
    /// An endpoint signed out, was cut off or let its registration run out.
    SignedOut {
        /// `sip:…`.
        address: String,
    },
    /// Somebody entered a room.
    Joined {
        /// The room.
        room: RoomUri,
        /// `sip:…`.
        address: String,
    },
    /// Somebody left a room, whatever the reason.
    Parted {
        /// The room.
        room: RoomUri,
        /// `sip:…`.
        address: String,
    },
    /// A post was taken and sent to everybody in the room.
    Posted {
        /// The room.
        room: RoomUri,
        /// Its number within the room.
        id: u64,
        /// `sip:…`.
        author: String,
        /// The author's display name.
        name: String,
        /// What was said, in parts.
        content: Content,
        /// When the pool took it, since 1970.
        sent: Duration,
    },
    /// An endpoint answered a post with 200: it has it.
    Answered {
        /// The room.
        room: RoomUri,
        /// The post's number.
        id: u64,
        /// `sip:…`.
        by: String,
        /// Time from sending to the answer.
        after: Duration,
    },
}
