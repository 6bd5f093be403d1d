//! Keeping the chat dialog alive, and losing it (dossier 3.5, 3.6).

use std::time::{Duration, Instant};

use super::Session;
use super::chat::Stage;
use super::errors::{Loss, Unavailable};
use super::events::Event;
use super::limits::{
    REQUEST_TIMEOUT, SESSION_EXPIRES_DEFAULT, SESSION_EXPIRES_MIN, UPDATE_AGAIN_BEFORE,
};
use super::transactions::Purpose;
use crate::Now;
use crate::sip::{Message, Method};

/// When the dialog must be refreshed, and what the server said about it.
pub(super) struct SessionTimer {
    expires: Duration,
    named: bool,
    since: Instant,
    update_at: Option<Instant>,
    last_chance: bool,
}

impl SessionTimer {
    pub(super) fn new(response: &Message, before: Option<&Self>, now: Now) -> Self {
        let value = response.headers.first("Session-Expires");
        let seconds = value.and_then(|v| v.split(';').next()?.trim().parse::<u32>().ok());
        let read = seconds.map(|s| Duration::from_secs(s.into()).max(SESSION_EXPIRES_MIN));
        let expires = read.or(before.map(|timer| timer.expires));
        let expires = expires.unwrap_or(SESSION_EXPIRES_DEFAULT);
        let update_at = Some(now.instant + expires / 2);
        let named = read.is_some() || before.is_some_and(|timer| timer.named);
        Self { expires, named, since: now.instant, update_at, last_chance: false }
    }
}

impl SessionTimer {
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.update_at
    }
}

impl Session {
    /// Everything that lived in the dialog is dropped; what was read of each room stays known.
    pub(super) fn lose_dialog(&mut self, loss: Loss, bye: bool, now: Now) {
        if self.chat.dialog().is_none() {
            return;
        }
        if bye {
            self.hang_up(now);
        }
        let until = now.instant + self.chat.pause_after(loss);
        self.chat.set_dialog(Stage::Waiting(until));
        self.leave_all();
        self.link.event(Event::DialogLost(loss));
        self.drop_commands(now);
        self.chat_due(now);
    }

    /// The server said BYE.
    pub(super) fn on_bye(&mut self, now: Now) {
        if self.chat.is_early(now) {
            self.leave_all();
            self.chat_unavailable(Unavailable::NotProvisioned, now);
            return self.drop_commands(now);
        }
        self.lose_dialog(Loss::Bye, false, now);
    }

    pub(super) fn update_due(&mut self, now: Now) {
        if self.chat.update_deadline().is_some_and(|at| at <= now.instant) {
            self.update(now);
        }
    }

    /// A command got no reply: is anybody there?
    pub(super) fn check_dialog(&mut self, now: Now) {
        if self.chat.update_deadline().is_some() {
            self.update(now);
        }
    }

    fn update(&mut self, now: Now) {
        if let Some(timer) = self.chat.timer_mut() {
            // Set again by the answer, or by its absence.
            timer.update_at = None;
        }
        if let Some(dialog) = self.chat.dialog_mut() {
            let update = dialog.request(&Method::UPDATE);
            self.open_transaction(update, Purpose::Update, REQUEST_TIMEOUT, now);
        }
    }

    /// `response` is `None` if there was none in time.
    pub(super) fn on_update_response(
        &mut self,
        call_id: &str,
        response: Option<&Message>,
        now: Now,
    ) {
        let current = self.chat.dialog().is_some_and(|dialog| dialog.call_id() == call_id);
        let (Some(timer), true) = (self.chat.timer_mut(), current) else {
            return;
        };
        let Some(response) = response else {
            return self.lose_dialog(Loss::Silent, true, now);
        };
        match response.status() {
            Some(200..=299) => *timer = SessionTimer::new(response, Some(timer), now),
            // It does not know UPDATE, and does not ask for it: it is there, that is enough.
            Some(405 | 501) if !timer.named => {
                *timer = SessionTimer::new(response, Some(timer), now);
            }
            Some(481) => self.lose_dialog(Loss::Unknown, true, now),
            _ if timer.last_chance => self.lose_dialog(Loss::Unknown, true, now),
            _ => {
                let again = timer.since + timer.expires.saturating_sub(UPDATE_AGAIN_BEFORE);
                timer.last_chance = true;
                timer.update_at = Some(again.max(now.instant));
            }
        }
    }
}
