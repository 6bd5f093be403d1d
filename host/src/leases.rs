//! What this host does alone where several share a database: its rooms, and what is done once for all
//! of them. Says again and again that this host lives, and tells the chat side which rooms are ours.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use bridge::message::RoomId;
use tokio::sync::{Notify, mpsc};
use tracing::{error, info, warn};

use crate::{
    chat::{Order, translate::room_id},
    clock,
    database::{Database, Error, Held, SERVICE},
    preferences::Preferences,
    rooms::Rooms,
    state::{ChatState, State},
};

/// The lease is renewed so often in its time.
const RENEWALS: u32 = 3;
/// Time between two rounds at least, whatever happens.
const ROUND_MIN: Duration = Duration::from_secs(1);

/// What this host does alone.
pub struct Leases {
    database: Database,
    lease: Duration,
    held: Mutex<Inner>,
    lost: AtomicBool,
}

#[derive(Default)]
struct Inner {
    /// Rooms that the chat side wants to be in, with their addresses as the server writes them.
    wanted: BTreeMap<String, String>,
    held: Held,
    /// Rooms that were another host's: what is remembered of them may be old.
    foreign: BTreeSet<String>,
    /// What stands in this host's way, as the others and `status` are told.
    trouble: Vec<String>,
}

/// What the keeper of the leases works with.
pub struct Keeper {
    /// The leases.
    pub leases: Arc<Leases>,
    /// What is known about rooms.
    pub rooms: Arc<Rooms>,
    /// What everybody wants.
    pub preferences: Arc<Preferences>,
    /// How the host is doing.
    pub state: State,
    /// Asks the chat side for something.
    pub orders: mpsc::Sender<Order>,
    /// Whether the chat server is asked for the members of a room that is joined.
    pub asks_members: bool,
    /// Rung when there may be messages to plan.
    pub to_plan: Arc<Notify>,
    /// Rung when there may be mails to look for.
    pub to_mail: Arc<Notify>,
}

impl Leases {
    /// Prepares; nothing is ours yet.
    #[must_use]
    pub fn new(database: Database, lease: Duration) -> Self {
        Self { database, lease, held: Mutex::default(), lost: AtomicBool::new(false) }
    }

    /// Notes rooms that the chat side, which is signed in, wants to be in, and takes those that are
    /// free, up to this host's share.
    ///
    /// # Errors
    /// If the database fails: the keeper tries again.
    pub async fn want(&self, uris: &[String]) -> Result<(), Error> {
        let rooms = uris.iter().map(|uri| (room_id(uri).as_str().to_owned(), uri.clone()));
        self.lock().wanted.extend(rooms);
        self.hold(true).await.map(|_| ())
    }

    /// Takes what is done once for all rooms, if no other host does it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn begin(&self) -> Result<(), Error> {
        self.hold(false).await.map(|_| ())
    }

    /// The addresses of the rooms that this host is to be in.
    #[must_use]
    pub fn rooms(&self) -> Vec<String> {
        let inner = self.lock();
        let mine = inner.wanted.iter().filter(|(room, _)| inner.held.mine.contains(*room));
        mine.map(|(_, uri)| uri.clone()).collect()
    }

    /// Whether another host is responsible for a room.
    #[must_use]
    pub fn is_others(&self, room: &RoomId) -> bool {
        self.lock().held.others.contains(room.as_str())
    }

    /// Whether other hosts share the work at present.
    #[must_use]
    pub fn are_shared(&self) -> bool {
        !self.lock().held.others.is_empty()
    }

    /// Whether this host does what is done once for all rooms.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.lock().held.mine.contains(SERVICE)
    }

    /// Whether the others took this host for dead: it has to begin anew.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// One round; answers what has become ours that was another host's, and how many mails are to be
    /// looked for.
    async fn hold(&self, watching: bool) -> Result<(Vec<RoomId>, usize), Error> {
        let (mut wanted, trouble) = {
            let inner = self.lock();
            (inner.wanted.keys().cloned().collect::<BTreeSet<_>>(), inner.trouble.clone())
        };
        wanted.insert(SERVICE.to_owned());
        let held = self.database.hold(wanted, watching, &trouble, self.lease).await;
        let held = held.inspect_err(|error| {
            if matches!(error, Error::LeaseLost { .. }) {
                self.lost.store(true, Ordering::Release);
            }
        })?;
        for name in &held.expired {
            warn!(
                "leases: the host {name} was silent for longer than its lease; its rooms are free"
            );
        }
        if held.orphans > 0 {
            info!(
                "leases: {} mails were on their way when the host stopped that asked for them; looking for them",
                held.orphans
            );
        }
        let mut inner = self.lock();
        inner.foreign.extend(held.others.iter().cloned());
        let gained: Vec<RoomId> =
            inner.foreign.intersection(&held.mine).map(|room| RoomId::new(room.clone())).collect();
        inner.foreign.retain(|room| !held.mine.contains(room));
        let orphans = held.orphans;
        inner.held = held;
        Ok((gained, orphans))
    }

    /// Notes what the next round tells of this host.
    fn tell(&self, trouble: Vec<String>) {
        self.lock().trouble = trouble;
    }

    /// The chat side is away for good: others may have its rooms.
    fn let_go(&self) {
        self.lock().wanted.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper {
    /// Keeps the leases for as long as it runs; returns when they are lost.
    pub async fn run(self) {
        let mut last_watching = None;
        while !self.leases.is_lost() {
            if let Err(error) = self.round(&mut last_watching).await {
                error!("leases: {error}");
            }
            // What stands in the way is told at once, and so is that nothing does any more.
            let now = self.state.now().trouble();
            let most = self.leases.lease / RENEWALS;
            tokio::time::sleep(ROUND_MIN.min(most)).await;
            let changed = self.state.trouble_other_than(&now);
            let _ = tokio::time::timeout(most.saturating_sub(ROUND_MIN), changed).await;
        }
    }

    async fn round(&self, last_watching: &mut Option<Instant>) -> Result<(), Error> {
        let now = clock::now().instant;
        if matches!(self.state.now().chat, ChatState::SignedIn | ChatState::Live) {
            *last_watching = Some(now);
        }
        let watching = last_watching.is_some_and(|last| now < last + self.leases.lease);
        if !watching {
            self.leases.let_go();
        }
        self.leases.tell(self.state.now().trouble());
        let (gained, orphans) = self.leases.hold(watching).await?;
        for room in &gained {
            // What was known of it here is older than what the other host has kept.
            let seen = self.leases.database.seen_in(room).await?;
            self.rooms.begin_lists(room.as_str(), seen, self.asks_members);
            if let Some(members) = self.leases.database.members(room).await? {
                self.rooms.resolved(room, members);
            }
        }
        if self.preferences.refresh(&self.leases.database).await? {
            self.state.members_changed();
        }
        let _ = self.orders.try_send(Order::Rooms);
        if !gained.is_empty() {
            self.state.members_changed();
            self.to_plan.notify_one();
        }
        if orphans > 0 {
            self.to_mail.notify_one();
        }
        Ok(())
    }
}
