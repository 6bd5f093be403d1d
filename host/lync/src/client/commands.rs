//! XCCOS commands and posts on their way (dossier 3.3, 4.1): a window of them is sent, the rest
//! waits, all are answered or given up.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use super::Session;
use super::errors::{CommandError, Loss};
use super::events::{Event, Page, PostToken, RoomsQuery};
use super::limits::{
    COMMAND_BUSY_TRIES_MAX, COMMAND_PAUSE, COMMAND_TIMEOUT, COMMAND_TRIES_MAX,
    COMMANDS_IN_FLIGHT_MAX, COMMANDS_WAITING_MAX, POSTS_REMEMBERED_MAX, REQUEST_TIMEOUT,
};
use super::post::Post;
use super::transactions::Purpose;
use crate::Now;
use crate::sip::Method;
use crate::xccos::{self, ChatMessage, Command, Data, Envelope, Reply, RoomInfo, RoomUri};

/// What a command was for.
#[derive(Clone, Debug)]
pub(super) enum Task {
    RequestUri,
    ServerInfo,
    Rooms(RoomsQuery),
    /// The first half of "my rooms": member of. Its rooms are added to the second half's.
    MemberOf,
    ManagerOf(Vec<RoomInfo>),
    Join(Vec<RoomUri>),
    Part(RoomUri),
    History(RoomUri),
    Review(RoomUri),
    Members(RoomUri),
    Post(PostToken),
}

pub(super) struct Commands {
    next_envid: u32,
    next_token: u64,
    waiting: VecDeque<Outgoing>,
    pending: BTreeMap<u32, Pending>,
    /// Posts the server took: a late reply may still refuse them.
    posted: VecDeque<(u32, PostToken)>,
}

struct Outgoing {
    task: Task,
    body: Body,
}

enum Body {
    Command(Box<Command>),
    Post(Box<ChatMessage>),
}

struct Pending {
    task: Task,
    body: String,
    tries: u32,
    at: Instant,
    /// Sent again at `at`; otherwise given up then.
    pausing: bool,
}

impl Commands {
    pub(super) fn new(first_envid: u32) -> Self {
        Self {
            next_envid: first_envid,
            next_token: 1,
            waiting: VecDeque::new(),
            pending: BTreeMap::new(),
            posted: VecDeque::new(),
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.pending.values().map(|one| one.at).min()
    }

    pub(super) fn token(&mut self) -> PostToken {
        let token = PostToken(self.next_token);
        self.next_token = self.next_token.wrapping_add(1);
        token
    }
}

impl Session {
    pub(super) fn command(&mut self, task: Task, command: Command, now: Now) {
        self.submit(Outgoing { task, body: Body::Command(Box::new(command)) }, now);
    }

    pub(super) fn submit_post(&mut self, token: PostToken, message: ChatMessage, now: Now) {
        let task = Task::Post(token);
        self.submit(Outgoing { task, body: Body::Post(Box::new(message)) }, now);
    }

    fn submit(&mut self, outgoing: Outgoing, now: Now) {
        if self.chat.dialog().is_none() {
            return self.command_failed(outgoing.task, CommandError::NotConnected, now);
        }
        if self.commands.waiting.len() >= COMMANDS_WAITING_MAX {
            return self.command_failed(outgoing.task, CommandError::Busy, now);
        }
        self.commands.waiting.push_back(outgoing);
        self.pump_commands(now);
    }

    /// Sends what the window allows.
    fn pump_commands(&mut self, now: Now) {
        while self.commands.pending.len() < COMMANDS_IN_FLIGHT_MAX
            && let Some(Outgoing { task, body }) = self.commands.waiting.pop_front()
        {
            let envid = self.commands.next_envid;
            self.commands.next_envid = envid.wrapping_add(1);
            let envelope = match body {
                Body::Command(command) => Envelope::command(envid, *command),
                Body::Post(message) => Envelope::post(envid, *message),
            };
            let body = xccos::encode(&envelope);
            let pending = Pending { task, body, tries: 0, at: now.instant, pausing: false };
            self.commands.pending.insert(envid, pending);
            self.transmit(envid, now);
        }
    }

    fn transmit(&mut self, envid: u32, now: Now) {
        let (Some(pending), Some(dialog)) =
            (self.commands.pending.get_mut(&envid), self.chat.dialog_mut())
        else {
            return;
        };
        pending.tries += 1;
        pending.pausing = false;
        pending.at = now.instant + COMMAND_TIMEOUT;
        let mut request = dialog.request(&Method::INFO);
        request.headers.push("Content-Type", "text/plain");
        request.body = pending.body.clone().into();
        self.chat.note_command(now);
        self.open_transaction(request, Purpose::Command(envid), REQUEST_TIMEOUT, now);
    }

    /// The INFO was answered. For a post that is all; a command waits for its reply.
    pub(super) fn on_info_response(&mut self, envid: u32, status: u16, now: Now) {
        // Those of an earlier dialog are no longer pending.
        let Some(pending) = self.commands.pending.get_mut(&envid) else {
            return;
        };
        match status {
            481 => self.lose_dialog(Loss::Unknown, true, now),
            200..=299 => {
                if let Task::Post(token) = pending.task {
                    self.remember_post(envid, token);
                    self.finish(envid, now);
                    self.link.event(Event::PostResult { token, result: Ok(()) });
                }
            }
            // A post is the caller's to repeat: it may have come through.
            503 if pending.tries < COMMAND_BUSY_TRIES_MAX
                && !matches!(pending.task, Task::Post(_)) =>
            {
                pending.pausing = true;
                pending.at = now.instant + COMMAND_PAUSE;
            }
            _ => self.fail(envid, CommandError::Status { status }, now),
        }
    }

    /// The INFO was not answered at all.
    pub(super) fn on_info_timeout(&mut self, envid: u32, now: Now) {
        if self.commands.pending.contains_key(&envid) {
            self.fail(envid, CommandError::Timeout, now);
            self.check_dialog(now);
        }
    }

    pub(super) fn on_reply(&mut self, reply: &Reply, now: Now) {
        let Ok(envid) = reply.command.envid.parse::<u32>() else {
            return;
        };
        self.chat.note_reply();
        if let Some(task) = self.finish(envid, now) {
            return self.on_result(task, reply, now);
        }
        let posted = self.commands.posted.iter().find(|(id, _)| *id == envid);
        if let Some((_, token)) = posted.filter(|_| !reply.is_success()) {
            let result = Err(refused(reply));
            self.link.event(Event::PostResult { token: *token, result });
        }
    }

    /// Takes a command out of the window.
    fn finish(&mut self, envid: u32, now: Now) -> Option<Task> {
        let pending = self.commands.pending.remove(&envid)?;
        self.pump_commands(now);
        Some(pending.task)
    }

    fn fail(&mut self, envid: u32, error: CommandError, now: Now) {
        if let Some(task) = self.finish(envid, now) {
            self.command_failed(task, error, now);
        }
    }

    fn remember_post(&mut self, envid: u32, token: PostToken) {
        if self.commands.posted.len() >= POSTS_REMEMBERED_MAX {
            self.commands.posted.pop_front();
        }
        self.commands.posted.push_back((envid, token));
    }

    pub(super) fn commands_due(&mut self, now: Now) {
        let due = self.commands.pending.iter().filter(|(_, one)| one.at <= now.instant);
        let due: Vec<u32> = due.map(|(envid, _)| *envid).collect();
        for envid in due {
            let Some(pending) = self.commands.pending.get(&envid) else {
                continue;
            };
            // Of a repeated post the room would see two; asking for the address has a plan B.
            let once = matches!(pending.task, Task::Post(_) | Task::RequestUri);
            if pending.pausing || (pending.tries < COMMAND_TRIES_MAX && !once) {
                self.transmit(envid, now);
            } else {
                self.on_info_timeout(envid, now);
            }
        }
    }

    /// The dialog is gone: nothing of this will be answered.
    pub(super) fn drop_commands(&mut self, now: Now) {
        let pending = std::mem::take(&mut self.commands.pending).into_values();
        let waiting = std::mem::take(&mut self.commands.waiting).into_iter();
        let tasks: Vec<_> =
            pending.map(|one| one.task).chain(waiting.map(|one| one.task)).collect();
        for task in tasks {
            match task {
                // The rooms are joined and read again with the next dialog anyway.
                Task::Join(_) | Task::History(_) | Task::RequestUri | Task::ServerInfo => {}
                task => self.command_failed(task, CommandError::DialogLost, now),
            }
        }
    }

    fn on_result(&mut self, task: Task, reply: &Reply, now: Now) {
        if !reply.is_success() && !matches!(task, Task::Join(_)) {
            return self.command_failed(task, refused(reply), now);
        }
        match task {
            Task::RequestUri => self.on_chat_uri(reply.service_uri(), now),
            Task::ServerInfo => self.on_server_info(reply.data.server().cloned(), now),
            Task::Rooms(query) => {
                let result = Ok(reply.data.rooms().cloned().collect());
                self.link.event(Event::Rooms { query, result });
            }
            Task::MemberOf => {
                self.ask_managed(reply.data.rooms().cloned().collect(), now);
            }
            Task::ManagerOf(mut rooms) => {
                let further =
                    reply.data.rooms().filter(|room| !rooms.iter().any(|r| r.uri == room.uri));
                let further: Vec<_> = further.cloned().collect();
                rooms.extend(further);
                self.link.event(Event::Rooms { query: RoomsQuery::Mine, result: Ok(rooms) });
            }
            Task::Join(rooms) => self.on_joined(rooms, reply, now),
            Task::Part(room) => self.on_parted(&room, now),
            Task::History(room) => self.on_history(&room, &reply.data, now),
            Task::Review(room) => {
                let result = Ok(reviewed(&room, &reply.data, now));
                self.link.event(Event::Reviewed { room: room.key().to_owned(), result });
            }
            Task::Members(room) => {
                let result = xccos::assumed::members(&reply.data, &room);
                let result = result.map_err(|_| CommandError::Unmentioned);
                self.link.event(Event::Members { room: room.key().to_owned(), result });
            }
            Task::Post(_) => {}
        }
    }

    pub(super) fn command_failed(&mut self, task: Task, error: CommandError, now: Now) {
        match task {
            Task::RequestUri => self.on_chat_uri(None, now),
            Task::ServerInfo => self.on_server_info(None, now),
            Task::Rooms(query) => self.link.event(Event::Rooms { query, result: Err(error) }),
            // The server may not know the command: dossier 4.8 falls back to the search.
            Task::MemberOf => self.search_mine(now),
            Task::ManagerOf(rooms) => {
                self.link.event(Event::Rooms { query: RoomsQuery::Mine, result: Ok(rooms) });
            }
            Task::Join(rooms) => {
                for room in rooms {
                    self.join_refused(&room, error.clone(), now);
                }
            }
            Task::Part(room) => self.on_parted(&room, now),
            Task::History(room) => self.on_history_failed(&room, now),
            Task::Review(room) => {
                let room = room.key().to_owned();
                self.link.event(Event::Reviewed { room, result: Err(error) });
            }
            Task::Members(room) => {
                let room = room.key().to_owned();
                self.link.event(Event::Members { room, result: Err(error) });
            }
            Task::Post(token) => {
                self.link.event(Event::PostResult { token, result: Err(error) });
            }
        }
    }
}

fn reviewed(room: &RoomUri, data: &Data, now: Now) -> Page {
    let (messages, skipped) =
        data.room(room).map(|info| (info.messages.clone(), info.skipped)).unwrap_or_default();
    let ours = messages.into_iter().filter(|message| message.room == *room);
    Page {
        posts: ours.map(|message| Post::new(message, true, now.unix)).collect(),
        // What could not be read is there all the same: then nothing can be said of what is not.
        readable: skipped == 0,
    }
}

pub(super) fn refused(reply: &Reply) -> CommandError {
    CommandError::Refused { code: reply.code, text: reply.text.clone() }
}
