//! One signed-in endpoint of Persistent Chat: from the first REGISTER to live posts.
//!
//! [`Session`] performs no I/O and reads no clock. The caller connects, creates the session, and
//! then loops: bytes from the connection go into [`Session::receive`], the deadline's passing into
//! [`Session::handle_timeout`]; after every call, whichever it was, [`Session::poll`] is drained.

mod chat;
mod commands;
mod config;
mod dispatch;
mod errors;
mod events;
mod inbound;
mod limits;
mod link;
mod post;
mod presence;
mod provision;
mod register;
mod resume;
mod rooms;
mod transactions;
mod upkeep;

#[cfg(test)]
mod tests;

use std::time::Instant;

pub use self::config::SessionConfig;
pub use self::errors::{CommandError, Diagnostics, Ended, Loss, ProtocolError, Unavailable};
pub use self::events::{Event, Output, Page, PostToken, Provisioned, Receipt, RoomsQuery, Timer};
pub use self::post::Post;
pub use self::rooms::{KNOWN_MAX, RoomRequest};
pub use crate::sip::Transport;

use self::chat::Chat;
use self::commands::{Commands, Task};
use self::inbound::Infos;
use self::link::Link;
use self::provision::Provisioning;
use self::register::Registration;
use self::rooms::Rooms;
use self::transactions::Transactions;
use crate::sip::{Frame, FrameError, Framer};
use crate::xccos::assumed::{Request, Role};
use crate::xccos::{ChatMessage, Command, RoomInfo, RoomUri};
use crate::{Entropy, Now};

/// Rooms asked for by "my rooms".
const MY_ROOMS_MAX: u32 = 500;

/// One session: one connection, one registration, at most one chat dialog (dossier 3.11).
///
/// After every call, drain [`Session::poll`]. Once [`Output::Ended`] came out, nothing has any
/// effect any more: close the connection, and connect anew with a new session.
pub struct Session {
    config: SessionConfig,
    framer: Framer,
    link: Link,
    transactions: Transactions,
    registration: Registration,
    provisioning: Provisioning,
    chat: Chat,
    commands: Commands,
    rooms: Rooms,
    infos: Infos,
    /// Our `Contact`: the GRUU once the registrar gave one.
    contact: String,
}

impl Session {
    /// Starts on a fresh connection: the first REGISTER waits in [`Session::poll`].
    #[must_use]
    pub fn new(config: SessionConfig, entropy: impl Entropy + 'static, now: Now) -> Self {
        let mut link = Link::new(&config, Box::new(entropy), now);
        let first_envid = u32::from_be_bytes(link.random());
        let registration = Registration::new(&mut link, now);
        let address = config.address.as_str();
        let contact = format!(
            "<{address}:{};maddr={};transport={}>;proxy=replace",
            config.local.port(),
            config.local.ip(),
            config.transport.parameter()
        );
        let mut session = Self {
            framer: Framer::new(),
            link,
            transactions: Transactions::default(),
            registration,
            provisioning: Provisioning::Idle,
            chat: Chat::new(),
            commands: Commands::new(first_envid),
            rooms: Rooms::default(),
            infos: Infos::default(),
            contact,
            config,
        };
        session.sign_in(now);
        session
    }

    /// Takes bytes as the connection delivered them, cut anywhere.
    ///
    /// # Errors
    /// [`ProtocolError`] if the connection must be closed; [`Output::Ended`] tells the same.
    pub fn receive(&mut self, bytes: &[u8], now: Now) -> Result<(), ProtocolError> {
        if self.link.is_closed() {
            return Ok(());
        }
        self.link.note_heard(now);
        self.framer.push(bytes).map_err(|error| self.broken(error))?;
        while !self.link.is_closed()
            && let Some(frame) = self.framer.next().map_err(|error| self.broken(error))?
        {
            if let Frame::Message(message) = frame {
                self.on_message(&message, now)?;
            }
        }
        self.check_overrun();
        Ok(())
    }

    /// Does what is due. Call it when [`Session::deadline`] has come; earlier does no harm.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.link.is_closed() {
            return;
        }
        for transaction in self.transactions.expire(now.instant) {
            self.on_transaction_timeout(transaction, now);
        }
        self.registration_due(now);
        self.provisioning_due(now);
        self.commands_due(now);
        self.chat_due(now);
        self.update_due(now);
        self.join_due(now);
        self.recheck_due(now);
        self.link.keep_alive(now);
        self.check_overrun();
    }

    /// Returns when to call [`Session::handle_timeout`], and what for.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        if self.link.is_closed() {
            return None;
        }
        let join = self.rooms.join_deadline().filter(|_| self.chat.is_ready());
        [
            (self.transactions.deadline(), Timer::Answer),
            (self.registration.deadline(), Timer::Registration),
            (self.provisioning.deadline(), Timer::Provisioning),
            (self.commands.deadline(), Timer::Command),
            (self.chat.call_deadline(), Timer::Chat),
            (self.chat.update_deadline(), Timer::Update),
            (join, Timer::Join),
            (self.rooms.recheck_deadline(), Timer::Recheck),
            (Some(self.link.keep_alive_at()), Timer::KeepAlive),
        ]
        .into_iter()
        .filter_map(|(at, timer)| Some((at?, timer)))
        .min_by_key(|(at, _)| *at)
    }

    /// Returns what the caller is to do next; `None` when there is nothing left.
    pub fn poll(&mut self) -> Option<Output> {
        self.link.poll()
    }

    /// Looks for rooms with these words in their name; empty for all visible ones. Answered by
    /// [`Event::Rooms`].
    pub fn search_rooms(&mut self, criteria: &str, now: Now) {
        let criteria = criteria.to_owned();
        let task = Task::Rooms(RoomsQuery::Search(criteria.clone()));
        self.command(task, Command::ChannelSearch { criteria, extended: false }, now);
    }

    /// Looks for the rooms the user belongs to. Answered by [`Event::Rooms`]; where the server is
    /// not taken to know the question, with all visible rooms.
    pub fn my_rooms(&mut self, now: Now) {
        if !self.config.quirks.associations_command {
            return self.search_mine(now);
        }
        self.command(Task::MemberOf, self.associations(Role::Member), now);
    }

    fn ask_managed(&mut self, member_of: Vec<RoomInfo>, now: Now) {
        self.command(Task::ManagerOf(member_of), self.associations(Role::Manager), now);
    }

    fn associations(&self, role: Role) -> Command {
        let domain = self.config.domain().to_owned();
        Command::Assumed(Request::Associations { domain, role, results_max: MY_ROOMS_MAX })
    }

    fn search_mine(&mut self, now: Now) {
        let command = Command::ChannelSearch { criteria: String::new(), extended: false };
        self.command(Task::Rooms(RoomsQuery::Mine), command, now);
    }

    /// Asks who is entitled to a room. Answered by [`Event::Members`].
    pub fn members(&mut self, uri: &str, now: Now) {
        let refuse = |error| Event::Members { room: uri.to_owned(), result: Err(error) };
        let Some(room) = RoomUri::parse(uri) else {
            return self.link.event(refuse(CommandError::NotARoom));
        };
        if !self.config.quirks.members_command {
            return self.link.event(refuse(CommandError::NotSupported));
        }
        let command = Command::Assumed(Request::Members { room: room.clone() });
        self.command(Task::Members(room), command, now);
    }

    /// Reads the last `last` posts of a room once more, at most as many as the server gives: what an
    /// administrator removed is no longer among them, what he replaced has other words (dossier
    /// 6.1). Answered by [`Event::Reviewed`]; nothing is handed over anew.
    pub fn review(&mut self, uri: &str, last: u32, now: Now) {
        let refuse = |error| Event::Reviewed { room: uri.to_owned(), result: Err(error) };
        let Some(room) = RoomUri::parse(uri) else {
            return self.link.event(refuse(CommandError::NotARoom));
        };
        let last = last.clamp(1, self.chat.search_limit().max(1));
        let command = Command::BackContext { room: room.clone(), last };
        self.command(Task::Review(room), command, now);
    }

    /// Posts plain text in a room; lines end LF. Answered by [`Event::PostResult`].
    pub fn post(&mut self, uri: &str, text: &str, now: Now) -> PostToken {
        let token = self.commands.token();
        let bytes_max = self.chat.info().and_then(|info| info.message_bytes_max);
        let too_long = bytes_max.filter(|most| u32::try_from(text.len()).is_ok_and(|n| n > *most));
        let error = match (RoomUri::parse(uri), too_long) {
            (Some(room), None) => {
                let message = ChatMessage::outgoing(room, &self.config.address, text, now.unix);
                self.submit_post(token, message, now);
                return token;
            }
            (None, _) => CommandError::NotARoom,
            (Some(_), Some(bytes_max)) => CommandError::TooLong { bytes_max },
        };
        self.link.event(Event::PostResult { token, result: Err(error) });
        token
    }

    /// The post is safe. If it was the last one of a live INFO, the server gets its 200 now.
    pub fn confirm(&mut self, receipt: Receipt, now: Now) {
        if let Some(info) = receipt.0 {
            self.settle_info(info, now);
        }
    }

    /// Leaves the chat and signs out. [`Output::Ended`] follows, within seconds at most.
    pub fn sign_out(&mut self, now: Now) {
        if self.link.is_closed() || self.registration.is_signing_out() {
            return;
        }
        self.hang_up(now);
        self.drop_commands(now);
        self.leave_all();
        self.unregister(now);
    }

    fn own_from(&self, tag: &str) -> String {
        format!("<{}>;tag={tag};epid={}", self.config.address, self.config.endpoint_id)
    }

    fn broken(&mut self, error: FrameError) -> FrameError {
        self.end(Ended::StreamBroken(error));
        error
    }

    fn check_overrun(&mut self) {
        if self.link.overrun() {
            self.end(Ended::Overrun);
        }
    }

    /// The last word, said once.
    fn end(&mut self, why: Ended) {
        self.link.put(Output::Ended(why));
    }
}
