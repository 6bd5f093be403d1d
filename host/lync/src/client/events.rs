//! What comes out of a session.

use std::time::Duration;

use bytes::Bytes;

use super::errors::{CommandError, Ended, Loss, Unavailable};
use super::inbound::InfoId;
use super::post::Post;
use crate::xccos::assumed::Member;
use crate::xccos::{Participant, Rights, RoomInfo, ServerInfo};

/// One thing for the caller to do. Take them in order.
#[derive(Debug)]
pub enum Output {
    /// Write these octets.
    Send(Bytes),
    /// Something happened.
    Event(Event),
    /// The user lives on another pool: close, and connect there. [`Output::Ended`] follows.
    Redirect {
        /// The host to connect to.
        host: String,
        /// The port to connect to.
        port: u16,
    },
    /// The session is over: close the connection. Nothing follows.
    Ended(Ended),
}

/// The last posts of a room as its history holds them now.
#[derive(Clone, Debug)]
pub struct Page {
    /// The posts.
    pub posts: Vec<Post>,
    /// Whether every post of the page could be read: only then is one that is not there gone.
    pub readable: bool,
}

/// What happened. Addresses and texts in it belong in no log above DEBUG.
#[derive(Debug)]
pub enum Event {
    /// The registrar took us, or took us again after the association was renewed.
    SignedIn {
        /// The `Server` header, such as `RTC/5.0`.
        server: Option<String>,
        /// How long the registration lasts.
        expires: Duration,
    },
    /// The provisioning document came, or did not (then all is empty).
    Provisioned(Provisioned),
    /// The chat service answers; the rooms asked for are joined next.
    ChatReady(Box<ServerInfo>),
    /// The chat service is not to be had now. The session tries again by itself.
    ChatUnavailable {
        /// Why.
        reason: Unavailable,
        /// When it tries again.
        retry_in: Duration,
    },
    /// The dialog with the chat service is gone. The session makes a new one and joins the rooms
    /// again by itself; commands under way fail, posts are read from history.
    DialogLost(Loss),
    /// The answer to [`super::Session::search_rooms`] or [`super::Session::my_rooms`].
    Rooms {
        /// What was asked.
        query: RoomsQuery,
        /// The rooms.
        result: Result<Vec<RoomInfo>, CommandError>,
    },
    /// We are in a room. Its history follows.
    Joined {
        /// The room.
        room: Box<RoomInfo>,
        /// Who is present; empty in a large room.
        participants: Vec<Participant>,
        /// What we may do there, if the server told.
        rights: Option<Rights>,
    },
    /// We are not in a room that was asked for.
    JoinRefused {
        /// The room as it was asked for.
        uri: String,
        /// Why.
        reason: CommandError,
        /// When it is tried again; `None` for never.
        retry_in: Option<Duration>,
    },
    /// Somebody posted, we ourselves included. Commit it, then call [`super::Session::confirm`].
    Posted(Post, Receipt),
    /// The room was joined for the first time ever, and nothing up to this id is handed over. Keep
    /// it as the room's `last_id`: the next session goes on from there.
    Begun {
        /// The room.
        room: String,
        /// The newest post's id; 0 if nothing was ever said.
        last_id: u64,
    },
    /// All posts up to now were handed over; what follows is live.
    CaughtUp {
        /// The room.
        room: String,
    },
    /// These posts were missed and cannot be had any more.
    Gap {
        /// The room.
        room: String,
        /// The first id missed.
        from: u64,
        /// The last id missed; `None` if that is not known.
        to: Option<u64>,
    },
    /// The answer to [`super::Session::review`].
    Reviewed {
        /// The room.
        room: String,
        /// What its history holds now.
        result: Result<Page, CommandError>,
    },
    /// Somebody entered a room.
    Entered {
        /// The room.
        room: String,
        /// Who.
        address: String,
        /// The display name, if the server told it.
        name: Option<String>,
        /// What the person may do there.
        rights: Rights,
    },
    /// Somebody left a room.
    Left {
        /// The room.
        room: String,
        /// Who.
        address: String,
    },
    /// We are no longer in a room: asked for, or put out.
    Parted {
        /// The room.
        room: String,
        /// When we try to get back, if we were put out.
        retry_in: Option<Duration>,
    },
    /// The answer to [`super::Session::members`].
    Members {
        /// The room.
        room: String,
        /// Who is entitled to it.
        result: Result<Vec<Member>, CommandError>,
    },
    /// What became of a post of ours. A refusal may still follow a success.
    PostResult {
        /// Which post.
        token: PostToken,
        /// `Ok`: the server took it. Its echo comes as [`Event::Posted`].
        result: Result<(), CommandError>,
    },
    /// A room's properties may have changed: look it up again.
    RoomChanged {
        /// The room.
        room: String,
    },
    /// Wire forms nobody knows: names only, no text and no addresses. Worth a log line, once.
    Oddities(Vec<String>),
}

/// Proof that a post was handed over. Give it back when the post is safe.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the server waits until the post is confirmed"]
pub struct Receipt(pub(super) Option<InfoId>);

/// Names a post of ours in [`Event::PostResult`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostToken(pub(super) u64);

/// Which rooms were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomsQuery {
    /// Rooms with these words in their name.
    Search(String),
    /// Rooms the user belongs to; all visible rooms where the server cannot tell.
    Mine,
}

/// The chat part of the provisioning document (MS-SIPREGE 2.2.2.5.11).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioned {
    /// `EnablePersistentChat`, if it stood there: `true` only if it was exactly that.
    pub enabled: Option<bool>,
    /// The pool to use.
    pub default_pool: Option<String>,
    /// All pools.
    pub pools: Vec<String>,
    /// Where rooms are managed, from inside.
    pub manager_internal: Option<String>,
    /// Where rooms are managed, from outside.
    pub manager_external: Option<String>,
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// A request was not answered.
    Answer,
    /// A command was not replied to, or is sent again.
    Command,
    /// The registration is refreshed or tried again.
    Registration,
    /// The provisioning document is late.
    Provisioning,
    /// The chat service is called again.
    Chat,
    /// The chat dialog is kept alive.
    Update,
    /// The next rooms are joined.
    Join,
    /// A quiet room is checked.
    Recheck,
    /// The connection is kept alive.
    KeepAlive,
}
