//! Requests of the server (dossier 1.3, last table).

use std::collections::BTreeMap;

use super::Session;
use super::errors::{Diagnostics, Ended};
use super::events::Event;
use super::limits::INFOS_OPEN_MAX;
use super::post::Post;
use super::resume::Arrival;
use crate::Now;
use crate::sip::{Message, Method};
use crate::xccos::{self, Child};

const ALLOW: &str = "INVITE, BYE, ACK, CANCEL, INFO, UPDATE, OPTIONS, NOTIFY, BENOTIFY";

/// Longest label of an element that is reported.
const LABEL_CHARACTERS_MAX: usize = 64;

/// An INFO that is answered when its posts are safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct InfoId(pub(super) u64);

/// The INFOs that wait.
#[derive(Default)]
pub(super) struct Infos {
    next: u64,
    open: BTreeMap<InfoId, OpenInfo>,
}

struct OpenInfo {
    /// Without its body.
    request: Message,
    /// Posts of it not confirmed yet.
    posts: usize,
}

impl Infos {
    fn open(&mut self, mut request: Message, posts: usize) -> InfoId {
        request.body.clear();
        self.next = self.next.wrapping_add(1);
        let id = InfoId(self.next);
        self.open.insert(id, OpenInfo { request, posts });
        id
    }

    /// Counts one post as safe; gives the request to answer if it was the last one.
    fn settle(&mut self, id: InfoId) -> Option<Message> {
        let info = self.open.get_mut(&id)?;
        info.posts = info.posts.saturating_sub(1);
        (info.posts == 0).then(|| self.open.remove(&id))?.map(|info| info.request)
    }

    /// An answer to a dead dialog would keep it alive (dossier 3.7).
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }
}

impl Session {
    pub(super) fn on_request(&mut self, request: &Message, now: Now) {
        let Some(method) = request.method() else {
            return;
        };
        let dialog = self.chat.dialog_mut().filter(|dialog| dialog.matches(request));
        let known = dialog.is_some();
        if let Some(dialog) = dialog {
            // Order is the stream's here; a number out of order is no reason to lose a post.
            let _ = dialog.receive(request);
        }
        match method {
            Method::INFO if known => self.on_info(request, now),
            // A dialog of an earlier life: 487 makes the server drop it, 200 would keep it.
            Method::INFO => self.answer(request, 487, now),
            Method::BYE => {
                self.answer(request, if known { 200 } else { 481 }, now);
                if known {
                    self.on_bye(now);
                }
            }
            Method::INVITE if known => self.answer_with_description(request, now),
            Method::UPDATE => self.answer(request, if known { 200 } else { 481 }, now),
            Method::OPTIONS => self.answer_with_description(request, now),
            Method::NOTIFY => {
                self.answer(request, 200, now);
                self.on_notification(request, now);
            }
            Method::BENOTIFY => self.on_notification(request, now),
            Method::ACK => {}
            Method::CANCEL | Method::SUBSCRIBE => self.answer(request, 200, now),
            Method::INVITE => self.answer(request, 486, now),
            Method::REFER | Method::MESSAGE => self.answer(request, 405, now),
            _ => self.answer(request, 501, now),
        }
    }

    fn on_notification(&mut self, request: &Message, now: Now) {
        let event = request.headers.first("Event").unwrap_or_default();
        if event.trim().to_ascii_lowercase().starts_with("registration-notify") {
            let body = String::from_utf8_lossy(&request.body).trim().to_owned();
            let (_, event) = body.split_once("event=").unwrap_or(("", &body));
            let event = event.split(';').next().unwrap_or_default().trim().to_owned();
            if body.to_ascii_lowercase().starts_with("deregistered") {
                let diagnostics = Diagnostics::of(request);
                self.end(Ended::Deregistered { event, diagnostics });
            }
            return;
        }
        self.on_provisioning_notification(request, now);
    }

    fn on_info(&mut self, request: &Message, now: Now) {
        let envelope = match xccos::decode(&request.body, &self.config.quirks) {
            Ok(envelope) => envelope,
            Err(error) => {
                // Unanswered, the server would take this endpoint for broken.
                self.answer(request, 200, now);
                return self.link.event(Event::Oddities(vec![format!("INFO body: {error}")]));
            }
        };
        let wanted: Vec<bool> = envelope.children.iter().map(|c| self.is_wanted(c)).collect();
        let posts = wanted.iter().filter(|wanted| **wanted).count();
        let info = (posts > 0).then(|| self.infos.open(request.clone(), posts));
        if self.infos.open.len() > INFOS_OPEN_MAX {
            return self.end(Ended::Overrun);
        }
        if info.is_none() {
            self.answer(request, 200, now);
        }
        if !envelope.oddities.is_empty() {
            self.link.event(Event::Oddities(envelope.oddities));
        }
        for (child, wanted) in envelope.children.into_iter().zip(wanted) {
            self.process(child, info.filter(|_| wanted), now);
        }
    }

    /// Whether the child is a post of a room we are in: its INFO waits for the confirmation.
    fn is_wanted(&self, child: &Child) -> bool {
        matches!(child, Child::Chat(message) if self.rooms.is_entered(&message.room))
    }

    fn process(&mut self, child: Child, info: Option<InfoId>, now: Now) {
        let oddity = match child {
            Child::Reply(reply) => return self.on_reply(&reply, now),
            Child::Notice(notice) => return self.on_notice(notice, now),
            Child::Chat(message) => {
                let room = message.room.clone();
                let post = Post::new(message, false, now.unix);
                return self.on_live_post(&room, Arrival { post, info }, now);
            }
            Child::Command { command, .. } => format!("server sent cmd:{}", command.name()),
            Child::Invalid { id, reason, .. } => {
                let id: String = id.chars().take(LABEL_CHARACTERS_MAX).collect();
                format!("{id} left out: {reason}")
            }
            // Its name stands among the envelope's oddities.
            Child::Unknown(_) => return,
        };
        self.link.event(Event::Oddities(vec![oddity]));
    }

    pub(super) fn settle_info(&mut self, info: InfoId, now: Now) {
        if let Some(request) = self.infos.settle(info) {
            self.answer(&request, 200, now);
        }
    }

    /// Posts that are not handed over are not confirmed by anybody either.
    pub(super) fn settle_infos(&mut self, infos: Vec<InfoId>, now: Now) {
        for info in infos {
            self.settle_info(info, now);
        }
    }

    fn answer(&mut self, request: &Message, status: u16, now: Now) {
        let mut response = Message::answer(request, status);
        self.complete_answer(&mut response);
        self.link.send(response, now);
    }

    fn answer_with_description(&mut self, request: &Message, now: Now) {
        let mut response = Message::answer(request, 200);
        self.complete_answer(&mut response);
        response.headers.push("Allow", ALLOW);
        response.headers.push("Content-Type", "application/sdp");
        response.body = self.description().into();
        self.link.send(response, now);
    }

    /// `To` needs a tag of ours if the request had none (RFC 3261 8.2.6.2).
    fn complete_answer(&mut self, response: &mut Message) {
        if response.to().tag().is_none() {
            let to = response.headers.first("To").unwrap_or_default();
            let to = format!("{to};tag={}", self.link.token::<4>());
            response.headers.set("To", to);
        }
        response.headers.push("Contact", self.contact.as_str());
        response.headers.push("User-Agent", self.link.user_agent());
    }
}
