//! How the host is doing, for whoever waits for it or shows it.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{Notify, watch};

use crate::{clock, follow::Follow, watch::metrics::Meters};

/// Refused rooms remembered.
const REFUSED_MAX: usize = 2000;

/// The chat side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ChatState {
    /// On the way.
    #[default]
    Connecting,
    /// Signed in; rooms are being joined.
    SignedIn,
    /// In the rooms.
    Live,
    /// Not connected, and why.
    Offline(String),
}

/// The host at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The chat side.
    pub chat: ChatState,
    /// Rooms that have been joined and caught up.
    pub rooms_live: usize,
    /// Rooms whose member list is known.
    pub rooms_with_members: usize,
    /// Rooms that were asked for and refused, and why.
    pub refused: BTreeMap<String, String>,
    /// What stands in the way of mail, if something does.
    pub mail: Option<String>,
}

/// The host's state, shared by all its parts.
#[derive(Clone, Debug)]
pub struct State {
    snapshot: Arc<watch::Sender<Snapshot>>,
    members: Arc<Notify>,
    meters: Arc<Meters>,
    follow: Arc<Follow>,
}

impl Default for State {
    fn default() -> Self {
        let snapshot = Arc::new(watch::Sender::new(Snapshot::default()));
        Self { snapshot, members: Arc::default(), meters: Arc::default(), follow: Arc::default() }
    }
}

impl State {
    /// What follows the state.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Snapshot> {
        self.snapshot.subscribe()
    }

    /// The state now.
    #[must_use]
    pub fn now(&self) -> Snapshot {
        self.snapshot.borrow().clone()
    }

    /// What is counted.
    #[must_use]
    pub fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    /// What is told of each message.
    #[must_use]
    pub fn follow(&self) -> &Arc<Follow> {
        &self.follow
    }

    /// Notes how the chat side is doing. Offline, no room is live.
    pub fn chat(&self, state: ChatState) {
        if self.snapshot.borrow().chat != state {
            self.meters.chat_changed(clock::unix_ms());
        }
        self.change(|snapshot| {
            if matches!(state, ChatState::Offline(_) | ChatState::Connecting) {
                snapshot.rooms_live = 0;
            }
            snapshot.chat = state;
        });
    }

    /// Notes how many rooms are live, and for how many the members are known.
    pub fn rooms(&self, live: usize, with_members: usize) {
        self.change(|snapshot| {
            snapshot.rooms_live = live;
            snapshot.rooms_with_members = with_members;
        });
    }

    /// Notes a room that was refused.
    pub fn refused(&self, room: &str, why: &str) {
        self.change(|snapshot| {
            if snapshot.refused.len() < REFUSED_MAX {
                snapshot.refused.insert(room.to_owned(), why.to_owned());
            }
        });
    }

    /// Notes what stands in the way of mail; `None` when it is gone.
    pub fn mail(&self, trouble: Option<String>) {
        self.change(|snapshot| snapshot.mail = trouble);
    }

    /// Rings for the directory: a member list has changed.
    pub fn members_changed(&self) {
        self.members.notify_one();
    }

    /// Waits for [`State::members_changed`].
    pub async fn members_changing(&self) {
        self.members.notified().await;
    }

    fn change(&self, change: impl FnOnce(&mut Snapshot)) {
        self.snapshot.send_if_modified(|snapshot| {
            let before = snapshot.clone();
            change(snapshot);
            *snapshot != before
        });
    }
}
