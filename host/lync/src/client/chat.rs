//! The dialog with the chat service: finding it, keeping it, losing it (dossier 3.1 to 3.7).

use std::time::{Duration, Instant};

use super::Session;
use super::commands::Task;
use super::errors::{Diagnostics, Loss, Unavailable};
use super::events::Event;
use super::limits::{
    CHAT_PAUSE_FIRST, CHAT_PAUSE_MAX, EARLY_BYE, LOSS_PAUSE_FIRST, REQUEST_TIMEOUT,
    SEARCH_LIMIT_DEFAULT, SEARCH_LIMIT_MAX,
};
use super::transactions::Purpose;
use super::upkeep::SessionTimer;
use crate::Now;
use crate::sip::{Dialog, Message, Method, session_description};
use crate::xccos::{Command, ServerInfo};

/// Diagnostics that waiting a little does not cure: no more endpoints, not provisioned.
const SLOW_DIAGNOSTICS: [u32; 3] = [20003, 20009, 20010];

pub(super) struct Chat {
    stage: Stage,
    /// Who is called first.
    pool: String,
    refused_pause: Duration,
    /// `None`: the next loss is followed by a new call at once.
    loss_pause: Option<Duration>,
    first_command_at: Option<Instant>,
    replied: bool,
    timer: Option<SessionTimer>,
    info: Option<ServerInfo>,
}

pub(super) enum Stage {
    Off,
    Waiting(Instant),
    Inviting {
        invite: Box<Message>,
        lookup: bool,
    },
    /// The dialog in which `requri` was asked.
    Looking(Box<Dialog>),
    Open(Box<Dialog>),
}

impl Chat {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Off,
            pool: String::new(),
            refused_pause: CHAT_PAUSE_FIRST,
            loss_pause: None,
            first_command_at: None,
            replied: false,
            timer: None,
            info: None,
        }
    }

    /// The dialog commands go through.
    pub(super) fn dialog(&self) -> Option<&Dialog> {
        match &self.stage {
            Stage::Looking(dialog) | Stage::Open(dialog) => Some(dialog),
            Stage::Off | Stage::Waiting(_) | Stage::Inviting { .. } => None,
        }
    }

    pub(super) fn dialog_mut(&mut self) -> Option<&mut Dialog> {
        match &mut self.stage {
            Stage::Looking(dialog) | Stage::Open(dialog) => Some(dialog),
            Stage::Off | Stage::Waiting(_) | Stage::Inviting { .. } => None,
        }
    }

    /// Whether the service has said what it is: rooms may be joined.
    pub(super) fn is_ready(&self) -> bool {
        self.info.is_some()
    }

    pub(super) fn info(&self) -> Option<&ServerInfo> {
        self.info.as_ref()
    }

    /// Most posts of one page of history.
    pub(super) fn search_limit(&self) -> u32 {
        let limit = self.info.as_ref().and_then(|info| info.search_limit);
        limit.filter(|limit| *limit > 0).unwrap_or(SEARCH_LIMIT_DEFAULT).min(SEARCH_LIMIT_MAX)
    }

    pub(super) fn note_command(&mut self, now: Now) {
        self.first_command_at.get_or_insert(now.instant);
    }

    pub(super) fn note_reply(&mut self) {
        self.replied = true;
    }

    pub(super) fn call_deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Waiting(until) => Some(until),
            _ => None,
        }
    }

    pub(super) fn update_deadline(&self) -> Option<Instant> {
        self.timer.as_ref().and_then(SessionTimer::deadline)
    }

    pub(super) fn timer_mut(&mut self) -> Option<&mut SessionTimer> {
        self.timer.as_mut()
    }

    /// Whether the first command was sent a moment ago and nothing was replied yet.
    pub(super) fn is_early(&self, now: Now) -> bool {
        let early = self.first_command_at.is_some_and(|at| now.instant < at + EARLY_BYE);
        early && !self.replied
    }

    /// How long to wait before the next call; each time longer, until the service was ready again.
    pub(super) fn pause_after(&mut self, loss: Loss) -> Duration {
        // A dialog the server merely forgot is made again at once, the first time.
        let first = if loss == Loss::Bye { LOSS_PAUSE_FIRST } else { Duration::ZERO };
        let pause = self.loss_pause.unwrap_or(first);
        let next = self.loss_pause.map_or(LOSS_PAUSE_FIRST, |p| (p * 2).min(CHAT_PAUSE_MAX));
        self.loss_pause = Some(next);
        pause
    }

    pub(super) fn set_dialog(&mut self, stage: Stage) {
        self.stage = stage;
        self.first_command_at = None;
        self.replied = false;
        self.timer = None;
        self.info = None;
    }
}

impl Session {
    pub(super) fn start_chat(&mut self, pool: String, now: Now) {
        self.chat.pool = pool;
        self.call(now);
    }

    fn call(&mut self, now: Now) {
        let pool = self.chat.pool.clone();
        self.invite(&pool, true, now);
    }

    fn invite(&mut self, uri: &str, lookup: bool, now: Now) {
        let call_id = self.link.token::<16>();
        let tag = self.link.token::<4>();
        let mut invite = Message::request(Method::INVITE, uri);
        for (name, value) in [
            ("From", self.own_from(&tag).as_str()),
            ("To", &format!("<{uri}>")),
            ("Max-Forwards", "70"),
            ("CSeq", "1 INVITE"),
            ("User-Agent", self.link.user_agent()),
            ("Call-ID", &call_id),
            ("Supported", "ms-sender"),
            ("Contact", &self.contact),
            ("Content-Type", "application/sdp"),
        ] {
            invite.headers.push(name, value);
        }
        invite.body = self.description().into();
        self.chat.set_dialog(Stage::Inviting { invite: Box::new(invite.clone()), lookup });
        self.open_transaction(invite, Purpose::Invite, REQUEST_TIMEOUT, now);
    }

    pub(super) fn description(&self) -> String {
        session_description(self.config.local.ip(), self.config.server_port)
    }

    /// `response` is `None` if there was none in time.
    pub(super) fn on_invite_response(
        &mut self,
        call_id: &str,
        response: Option<&Message>,
        now: Now,
    ) {
        let Stage::Inviting { invite, lookup } = &self.chat.stage else {
            return;
        };
        if invite.call_id() != call_id {
            return;
        }
        let Some(response) = response.filter(|r| r.status().is_some_and(|s| s < 300)) else {
            let status = response.and_then(Message::status).unwrap_or(0);
            let diagnostics = response.and_then(Diagnostics::of);
            return self.chat_unavailable(Unavailable::Refused { status, diagnostics }, now);
        };
        let (lookup, dialog) = (*lookup, Dialog::uac(invite, response));
        let Ok(mut dialog) = dialog else {
            return self.chat_unavailable(Unavailable::NoDialog, now);
        };
        let mut ack = dialog.request(&Method::ACK);
        self.link.complete(&mut ack);
        self.link.send(ack, now);
        let timer = SessionTimer::new(response, None, now);
        if lookup {
            self.chat.set_dialog(Stage::Looking(Box::new(dialog)));
            self.chat.timer = Some(timer);
            self.command(Task::RequestUri, Command::RequestUri, now);
        } else {
            self.chat.set_dialog(Stage::Open(Box::new(dialog)));
            self.chat.timer = Some(timer);
            self.open_chat(now);
        }
    }

    /// The answer to `requri`. Without an address the dialog at hand serves (variant B).
    pub(super) fn on_chat_uri(&mut self, uri: Option<&str>, now: Now) {
        if !matches!(self.chat.stage, Stage::Looking(_)) {
            return;
        }
        if let Some(uri) = uri.filter(|uri| !uri.is_empty()) {
            let uri = uri.to_owned();
            self.hang_up(now);
            return self.invite(&uri, false, now);
        }
        if let Stage::Looking(dialog) = std::mem::replace(&mut self.chat.stage, Stage::Off) {
            self.chat.stage = Stage::Open(dialog);
            self.open_chat(now);
        }
    }

    fn open_chat(&mut self, now: Now) {
        let domain = self.config.domain().to_owned();
        self.command(Task::ServerInfo, Command::ServerInfo { domain }, now);
    }

    /// `None`: the service would not tell; it may serve all the same.
    pub(super) fn on_server_info(&mut self, info: Option<ServerInfo>, now: Now) {
        if !matches!(self.chat.stage, Stage::Open(_)) || self.chat.is_ready() {
            return;
        }
        let info = info.unwrap_or_default();
        self.chat.info = Some(info.clone());
        self.chat.refused_pause = CHAT_PAUSE_FIRST;
        self.chat.loss_pause = None;
        self.link.event(Event::ChatReady(Box::new(info)));
        self.join_all(now);
    }

    /// Sends BYE in the current dialog; its answer does not matter.
    pub(super) fn hang_up(&mut self, now: Now) {
        if let Some(dialog) = self.chat.dialog_mut() {
            let bye = dialog.request(&Method::BYE);
            self.open_transaction(bye, Purpose::Bye, REQUEST_TIMEOUT, now);
        }
        self.chat.set_dialog(Stage::Off);
    }

    pub(super) fn chat_unavailable(&mut self, reason: Unavailable, now: Now) {
        let slow = match &reason {
            Unavailable::NotProvisioned => true,
            Unavailable::Refused { status: 403, .. } => true,
            Unavailable::Refused { diagnostics: Some(told), .. } => {
                SLOW_DIAGNOSTICS.contains(&told.id)
            }
            Unavailable::Refused { .. } | Unavailable::NoDialog => false,
        };
        let pause = if slow { CHAT_PAUSE_MAX } else { self.chat.refused_pause };
        self.chat.refused_pause = (self.chat.refused_pause * 2).min(CHAT_PAUSE_MAX);
        let retry_in = self.jitter(pause);
        self.chat.set_dialog(Stage::Waiting(now.instant + retry_in));
        self.link.event(Event::ChatUnavailable { reason, retry_in });
    }

    /// The pause, longer or shorter by at most a fifth: not all clients shall call at once.
    fn jitter(&mut self, pause: Duration) -> Duration {
        let [byte] = self.link.random::<1>();
        pause * (800 + u32::from(byte) * 400 / 255) / 1000
    }

    pub(super) fn chat_due(&mut self, now: Now) {
        if self.chat.call_deadline().is_some_and(|at| at <= now.instant)
            && !self.registration.is_signing_out()
        {
            if self.should_ask_again() {
                self.chat.stage = Stage::Off;
                return self.subscribe(now);
            }
            self.call(now);
        }
    }
}
