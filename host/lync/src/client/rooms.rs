//! The rooms of a session: joining, leaving, who comes and goes, what is posted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

use super::Session;
use super::commands::{Task, refused};
use super::errors::CommandError;
use super::events::{Event, Receipt};
use super::limits::{
    JOIN_BATCH_MAX, JOIN_PACE, PRESENT_MAX, QUIET_DENSE, QUIET_SPARSE, REJOIN_NEXT, ROOMS_MAX,
};
use super::post::Post;
use super::resume::{Arrival, Resume, SEEN_MAX, Step};
use crate::Now;
use crate::xccos::assumed::Cause;
use crate::xccos::{Command, Data, Reply, RoomInfo, RoomUri};

/// A room to be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRequest {
    /// Its address, `ma-chan://…`.
    pub uri: String,
    /// The highest id handed over and kept; `None` if the room was never read.
    pub last_id: Option<u64>,
    /// The [`Post::key`]s of the last posts kept, oldest first, if they had no id: the room is read
    /// on from there. At most [`KNOWN_MAX`] are used.
    pub known: Vec<String>,
}

/// Most keys of [`RoomRequest::known`] that are used: the last ones.
pub const KNOWN_MAX: usize = SEEN_MAX;

#[derive(Default)]
pub(super) struct Rooms {
    all: BTreeMap<RoomUri, Room>,
    to_join: VecDeque<RoomUri>,
    next_batch_at: Option<Instant>,
}

pub(super) struct Room {
    pub(super) place: Place,
    pub(super) resume: Resume,
    /// Lower case addresses of those present, ourselves included.
    pub(super) present: BTreeSet<String>,
    /// When something last told that the room is up to date.
    checked_at: Instant,
    /// The caller knows that we are not in.
    told_refused: bool,
    /// We are leaving it.
    parting: bool,
    /// Where to go on from, if it was asked for again while we were leaving it.
    again: Option<RoomRequest>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Waiting for its turn, or for a dialog.
    Wanted,
    Joining,
    In,
    /// Put out or refused.
    Out {
        retry_at: Option<Instant>,
    },
}

impl Room {
    fn recheck_at(&self) -> Option<Instant> {
        let quiet = if self.resume.is_sparse() { QUIET_SPARSE } else { QUIET_DENSE };
        (self.place == Place::In).then(|| self.checked_at + quiet)
    }

    fn retry_at(&self) -> Option<Instant> {
        match self.place {
            Place::Out { retry_at } => retry_at,
            _ => None,
        }
    }
}

impl Rooms {
    /// Whether posts of the room are ours to take: already while it is being joined.
    pub(super) fn is_entered(&self, room: &RoomUri) -> bool {
        self.all.get(room).is_some_and(|room| matches!(room.place, Place::Joining | Place::In))
    }

    pub(super) fn join_deadline(&self) -> Option<Instant> {
        let retry = self.all.values().filter_map(Room::retry_at).min();
        self.next_batch_at.filter(|_| !self.to_join.is_empty()).into_iter().chain(retry).min()
    }

    pub(super) fn recheck_deadline(&self) -> Option<Instant> {
        self.all.values().filter_map(Room::recheck_at).min()
    }

    pub(super) fn uris(&self) -> Vec<RoomUri> {
        self.all.keys().cloned().collect()
    }

    /// The room, if we are in it.
    pub(super) fn joined(&mut self, room: &RoomUri) -> Option<&mut Room> {
        self.all.get_mut(room).filter(|room| room.place == Place::In)
    }
}

impl Session {
    /// Asks to be in these rooms and stay there. Each is answered by [`Event::Joined`] or
    /// [`Event::JoinRefused`], now or when the chat service is there; after a loss of the dialog
    /// the session joins again by itself.
    pub fn join(&mut self, rooms: Vec<RoomRequest>, now: Now) {
        for request in rooms {
            let parting = RoomUri::parse(&request.uri)
                .and_then(|uri| self.rooms.all.get_mut(&uri))
                .filter(|room| room.parting);
            if let Some(room) = parting {
                room.again = Some(request);
                continue;
            }
            let reason = match RoomUri::parse(&request.uri) {
                None => CommandError::NotARoom,
                Some(uri)
                    if self.rooms.all.contains_key(&uri) || self.admit(&uri, &request, now) =>
                {
                    self.want(&uri);
                    continue;
                }
                Some(_) => CommandError::Busy,
            };
            let refusal = Event::JoinRefused { uri: request.uri, reason, retry_in: None };
            self.link.event(refusal);
        }
        self.join_due(now);
    }

    fn admit(&mut self, uri: &RoomUri, request: &RoomRequest, now: Now) -> bool {
        if self.rooms.all.len() >= ROOMS_MAX {
            return false;
        }
        let limit = self.chat.search_limit();
        let known = request.known.iter().cloned();
        let room = Room {
            place: Place::Wanted,
            resume: Resume::new(request.last_id, known, self.config.history_first, limit),
            present: BTreeSet::new(),
            checked_at: now.instant,
            told_refused: false,
            parting: false,
            again: None,
        };
        self.rooms.all.insert(uri.clone(), room);
        true
    }

    /// Joining twice in one dialog is forbidden: only a room we are not in is queued.
    fn want(&mut self, uri: &RoomUri) {
        let Some(room) = self.rooms.all.get_mut(uri) else {
            return;
        };
        if matches!(room.place, Place::Wanted | Place::Out { .. })
            && !self.rooms.to_join.contains(uri)
        {
            room.place = Place::Wanted;
            self.rooms.to_join.push_back(uri.clone());
        }
    }

    /// A new dialog: nobody is in any room yet.
    pub(super) fn join_all(&mut self, now: Now) {
        let limit = self.chat.search_limit();
        self.rooms.to_join = self.rooms.all.keys().cloned().collect();
        for room in self.rooms.all.values_mut() {
            room.place = Place::Wanted;
            room.resume.set_limit(limit);
        }
        self.rooms.next_batch_at = Some(now.instant);
        self.join_due(now);
    }

    /// The dialog is gone.
    pub(super) fn leave_all(&mut self) {
        // The INFOs of posts held back go with all others.
        self.infos.clear();
        self.rooms.to_join.clear();
        self.rooms.next_batch_at = None;
        for room in self.rooms.all.values_mut() {
            room.place = Place::Wanted;
            let _ = room.resume.leave();
            room.present.clear();
        }
    }

    pub(super) fn join_due(&mut self, now: Now) {
        if !self.chat.is_ready() {
            return;
        }
        let due =
            self.rooms.all.iter().filter(|(_, r)| r.retry_at().is_some_and(|at| at <= now.instant));
        let due: Vec<_> = due.map(|(uri, _)| uri.clone()).collect();
        for uri in due {
            self.want(&uri);
        }
        if self.rooms.to_join.is_empty()
            || self.rooms.next_batch_at.is_some_and(|at| at > now.instant)
        {
            return;
        }
        self.rooms.next_batch_at = Some(now.instant + JOIN_PACE);
        let count = self.rooms.to_join.len().min(JOIN_BATCH_MAX);
        let batch: Vec<_> = self.rooms.to_join.drain(..count).collect();
        for uri in &batch {
            if let Some(room) = self.rooms.all.get_mut(uri) {
                room.place = Place::Joining;
            }
        }
        let command = Command::BatchJoin { rooms: batch.clone() };
        self.command(Task::Join(batch), command, now);
    }

    /// A batch can succeed in part: joined is what the reply describes (dossier 4.9).
    pub(super) fn on_joined(&mut self, rooms: Vec<RoomUri>, reply: &Reply, now: Now) {
        for uri in rooms {
            match reply.data.room(&uri) {
                Some(info) => self.enter(&uri, info.clone(), &reply.data, now),
                None => {
                    let failed = reply.data.failures().any(|failed| *failed == uri);
                    let reason = match reply.is_success() {
                        true if !failed => CommandError::Unmentioned,
                        _ => refused(reply),
                    };
                    self.join_refused(&uri, reason, now);
                }
            }
        }
    }

    fn enter(&mut self, uri: &RoomUri, info: RoomInfo, data: &Data, now: Now) {
        let Some(room) = self.rooms.all.get_mut(uri).filter(|r| r.place == Place::Joining) else {
            return;
        };
        let participants = data.participants(&info);
        let present = participants.iter().map(|one| one.address.to_ascii_lowercase());
        room.present = present.take(PRESENT_MAX).collect();
        room.place = Place::In;
        room.told_refused = false;
        room.checked_at = now.instant;
        let address = &self.config.address;
        let own = participants.iter().find(|one| one.address.eq_ignore_ascii_case(address));
        let rights = own.map(|one| one.rights);
        let steps = room.resume.join(info.logged != Some(false));
        self.link.event(Event::Joined { room: Box::new(info), participants, rights });
        self.follow(uri, steps, now);
    }

    pub(super) fn join_refused(&mut self, uri: &RoomUri, reason: CommandError, now: Now) {
        let Some(room) = self.rooms.all.get_mut(uri).filter(|r| r.place == Place::Joining) else {
            return;
        };
        let gone = matches!(&reason, CommandError::Refused { text, .. }
            if Cause::hint(text) == Some(Cause::NoSuchRoom));
        let retry_in = (!gone).then_some(REJOIN_NEXT);
        room.place = Place::Out { retry_at: retry_in.map(|pause| now.instant + pause) };
        let held = room.resume.leave();
        if !std::mem::replace(&mut room.told_refused, true) {
            let uri = uri.as_str().to_owned();
            self.link.event(Event::JoinRefused { uri, reason, retry_in });
        }
        self.settle_infos(held, now);
    }

    /// Leaves a room; answered by [`Event::Parted`].
    pub fn part(&mut self, uri: &str, now: Now) {
        let Some(uri) = RoomUri::parse(uri) else {
            return;
        };
        if self.rooms.is_entered(&uri) {
            if let Some(room) = self.rooms.all.get_mut(&uri) {
                room.again = None;
                if std::mem::replace(&mut room.parting, true) {
                    return;
                }
            }
            let command = Command::Part { room: uri.clone() };
            self.command(Task::Part(uri), command, now);
        } else {
            self.on_parted(&uri, now);
        }
    }

    /// The room counts as left whatever the reply was.
    pub(super) fn on_parted(&mut self, uri: &RoomUri, now: Now) {
        self.rooms.to_join.retain(|other| other != uri);
        if let Some(mut room) = self.rooms.all.remove(uri) {
            self.link.event(Event::Parted { room: uri.key().to_owned(), retry_in: None });
            self.settle_infos(room.resume.leave(), now);
            if let Some(request) = room.again {
                self.join(vec![request], now);
            }
        }
    }

    pub(super) fn on_live_post(&mut self, uri: &RoomUri, arrival: Arrival, now: Now) {
        match self.rooms.all.get_mut(uri) {
            Some(room) if matches!(room.place, Place::Joining | Place::In) => {
                room.checked_at = now.instant;
                let steps = room.resume.live(arrival);
                self.follow(uri, steps, now);
            }
            // Left a moment ago: nobody will confirm it.
            _ => {
                if let Some(info) = arrival.info {
                    self.settle_info(info, now);
                }
            }
        }
    }

    pub(super) fn on_history(&mut self, uri: &RoomUri, data: &Data, now: Now) {
        let Some(room) = self.rooms.joined(uri) else {
            return;
        };
        room.checked_at = now.instant;
        // An empty page may come without its room.
        let (messages, skipped) =
            data.room(uri).map(|info| (info.messages.clone(), info.skipped)).unwrap_or_default();
        let ours = messages.into_iter().filter(|message| message.room == *uri);
        let posts = ours.map(|message| Post::new(message, true, now.unix)).collect();
        let steps = room.resume.page(posts, skipped);
        self.follow(uri, steps, now);
    }

    pub(super) fn on_history_failed(&mut self, uri: &RoomUri, now: Now) {
        if let Some(room) = self.rooms.joined(uri) {
            room.checked_at = now.instant;
            let steps = room.resume.page_failed();
            self.follow(uri, steps, now);
        }
    }

    pub(super) fn recheck_due(&mut self, now: Now) {
        let due = self
            .rooms
            .all
            .iter_mut()
            .filter(|(_, r)| r.recheck_at().is_some_and(|at| at <= now.instant));
        let mut asked = Vec::new();
        for (uri, room) in due {
            room.checked_at = now.instant;
            asked.push((uri.clone(), room.resume.recheck()));
        }
        for (uri, steps) in asked {
            self.follow(&uri, steps, now);
        }
    }

    fn follow(&mut self, uri: &RoomUri, steps: Vec<Step>, now: Now) {
        let room = uri.key().to_owned();
        for step in steps {
            match step {
                Step::Ask(last) => {
                    let command = Command::BackContext { room: uri.clone(), last };
                    self.command(Task::History(uri.clone()), command, now);
                }
                Step::Begin(last_id) => {
                    self.link.event(Event::Begun { room: room.clone(), last_id });
                }
                Step::Hand(arrival) => {
                    let receipt = Receipt(arrival.info);
                    self.link.event(Event::Posted(arrival.post, receipt));
                }
                Step::Skip(info) => self.settle_info(info, now),
                Step::Gap { from, to } => {
                    self.link.event(Event::Gap { room: room.clone(), from, to });
                }
                Step::CaughtUp => self.link.event(Event::CaughtUp { room: room.clone() }),
            }
        }
    }
}
