//! A whole pool: a front end that registers and provisions, and a Persistent Chat server behind it.
//!
//! [`Pool`] is what the demo and the tests talk to, over sockets or without. It is strict where a
//! real server is known to be strict (signatures, `ts`, membership), and it can be bent on purpose
//! by [`Faults`].
//!
//! Source: dossier sections 1 to 6 and appendix A.

mod admin;
mod chat;
mod clock;
mod commands;
mod config;
mod connection;
mod delivery;
mod events;
mod faults;
mod handshake;
mod history;
mod info;
mod posts;
mod provision;
mod queries;
mod register;
mod requests;
mod rooms;
mod users;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod transcript;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    net::SocketAddr,
    time::Instant,
};

use bytes::Bytes;

use self::{
    chat::{ChatDialog, DialogId},
    clock::Delayed,
    connection::Connection,
    register::{Endpoint, Registration},
    rooms::Rooms,
    users::Users,
};
pub use self::{
    clock::PoolTimer,
    config::PoolConfig,
    events::PoolEvent,
    faults::Faults,
    posts::{NewPost, PoolError},
    rooms::{RoomKind, RoomMember, RoomSpec},
    users::User,
};
pub use crate::sip::Transport;
use crate::{
    Entropy, Now,
    content::People,
    sip::{Frame, FrameError, Message},
};

/// Connections held at once; a further one is closed as it comes.
pub const CONNECTIONS_MAX: usize = 20_000;
/// Events kept for [`Pool::poll_event`]; the oldest are forgotten beyond that.
pub const EVENTS_MAX: usize = 10_000;

/// Names one connection; the caller chooses, and never uses a number twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What the caller shall do for a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PoolOutput {
    /// Write these bytes, in order.
    Send(Bytes),
    /// Close the connection; nothing of it is known any more.
    Close,
}

/// A pool with its users, rooms, connections and dialogs. It performs no I/O and reads no clock:
/// bytes, commands and `now` go in. After every call, drain [`Pool::poll`].
pub struct Pool {
    /// What the pool shall do wrong.
    pub faults: Faults,
    config: PoolConfig,
    users: Users,
    /// Everybody's names, for mentions.
    people: People,
    rooms: Rooms,
    entropy: Box<dyn Entropy>,
    connections: BTreeMap<ConnectionId, Connection>,
    registrations: BTreeMap<Endpoint, Registration>,
    dialogs: BTreeMap<DialogId, ChatDialog>,
    dialogs_made: u64,
    envelopes_sent: u64,
    delayed: Vec<Delayed>,
    /// Dialogs found broken while something else went on; taken apart before the call returns.
    broken: Vec<DialogId>,
    output: VecDeque<(ConnectionId, PoolOutput)>,
    events: VecDeque<PoolEvent>,
}

impl Pool {
    /// A pool nobody is connected to.
    pub fn new(
        config: PoolConfig,
        users: impl IntoIterator<Item = User>,
        rooms: impl IntoIterator<Item = RoomSpec>,
        entropy: impl Entropy + 'static,
    ) -> Self {
        let users = Users::new(users);
        let names = users.iter().map(|user| (user.address.as_str(), user.name.as_str()));
        Self {
            faults: Faults::default(),
            people: People::new(names),
            users,
            rooms: Rooms::new(rooms, config.history_posts_max),
            config,
            entropy: Box::new(entropy),
            connections: BTreeMap::new(),
            registrations: BTreeMap::new(),
            dialogs: BTreeMap::new(),
            dialogs_made: 0,
            envelopes_sent: 0,
            delayed: Vec::new(),
            broken: Vec::new(),
            output: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes a new connection from `peer`, accepted at `local`.
    pub fn connect(
        &mut self,
        id: ConnectionId,
        peer: SocketAddr,
        local: SocketAddr,
        transport: Transport,
    ) {
        if self.connections.len() >= CONNECTIONS_MAX {
            self.output.push_back((id, PoolOutput::Close));
            return;
        }
        let handshake = handshake::server_handshake(&self.config);
        self.connections.insert(id, Connection::new(peer, local, transport, handshake));
    }

    /// Takes bytes as the connection delivered them, cut anywhere.
    ///
    /// # Errors
    /// [`FrameError`] if this is not SIP: the connection is forgotten and shall be closed.
    pub fn receive(&mut self, id: ConnectionId, bytes: &[u8], now: Now) -> Result<(), FrameError> {
        let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
        connection.silent |= faults::take(&mut self.faults.silences);
        if connection.silent {
            return Ok(());
        }
        let mut result = connection.framer.push(bytes);
        while result.is_ok() {
            match self.next_frame(id) {
                Ok(Some(Frame::Message(message))) => self.take_message(id, &message, now),
                Ok(Some(Frame::KeepAlive)) => {}
                Ok(None) => break,
                Err(error) => result = Err(error),
            }
        }
        if result.is_err() {
            self.close(id);
        }
        self.settle(now);
        result
    }

    /// Notes that a connection is gone. Its dialogs stay until their timers or the next message to
    /// them find that nobody is there, as on a real pool (dossier 3.7).
    pub fn disconnect(&mut self, id: ConnectionId, now: Now) {
        self.forget(id);
        self.settle(now);
    }

    /// Returns when to call [`Pool::handle_timeout`], and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, PoolTimer)> {
        self.next_timer()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        self.run_timers(now);
        self.settle(now);
    }

    /// Returns what to do next for a connection; `None` if nothing is left to do.
    pub fn poll(&mut self) -> Option<(ConnectionId, PoolOutput)> {
        self.output.pop_front()
    }

    /// Returns the oldest event not yet taken.
    pub fn poll_event(&mut self) -> Option<PoolEvent> {
        self.events.pop_front()
    }

    fn next_frame(&mut self, id: ConnectionId) -> Result<Option<Frame>, FrameError> {
        match self.connections.get_mut(&id) {
            Some(connection) if !connection.silent => connection.framer.next(),
            _ => Ok(None),
        }
    }

    fn take_message(&mut self, id: ConnectionId, message: &Message, now: Now) {
        if message.is_request() {
            self.take_request(id, message, now);
        } else if self.verify(id, message, now) {
            self.take_response(id, message, now);
        }
    }

    fn event(&mut self, event: PoolEvent) {
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("connections", &self.connections.len())
            .field("registrations", &self.registrations.len())
            .field("dialogs", &self.dialogs.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_can_move_to_another_thread() {
        fn is_send<T: Send>() {}
        is_send::<Pool>();
    }
}
