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

/// How far the chat side got with the connection that it has, or had last: what each step gave, in
/// words without addresses of people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The registrar took the account.
    pub signed_in: Option<String>,
    /// The provisioning document came; an error says that it lets us do nothing.
    pub provisioned: Option<Result<String, String>>,
    /// The chat service answers.
    pub service: Option<String>,
    /// Rooms were looked for: how many the server has shown.
    pub rooms_found: Option<usize>,
}

/// What stands in the way of mail, by who has noticed it: each of them takes back only its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailTrouble {
    /// Exchange cannot be reached.
    pub reach: Option<String>,
    /// Mails are refused for a reason that concerns all of them.
    pub sending: Option<String>,
    /// Members and their mailboxes cannot be read.
    pub members: Option<String>,
}

impl MailTrouble {
    /// What is to be told first, if there is something.
    #[must_use]
    pub fn first(&self) -> Option<&str> {
        self.reach.as_ref().or(self.sending.as_ref()).or(self.members.as_ref()).map(String::as_str)
    }
}

/// The host at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The chat side.
    pub chat: ChatState,
    /// Why the chat side was not connected last; it stays while that is tried again.
    pub away: Option<String>,
    /// How far it got.
    pub progress: Progress,
    /// Rooms that have been joined and caught up.
    pub rooms_live: usize,
    /// Rooms whose member list is known.
    pub rooms_with_members: usize,
    /// Rooms that were asked for and refused, and why.
    pub refused: BTreeMap<String, String>,
    /// What stands in the way of mail.
    pub mail: MailTrouble,
    /// That this machine's clock was set, for as long as it matters.
    pub clock: Option<String>,
    /// That there is little room on the disk.
    pub disk: Option<String>,
}

impl Snapshot {
    /// What stands in this host's way, a sentence each, for the administrator.
    #[must_use]
    pub fn trouble(&self) -> Vec<String> {
        let chat = self.away.as_ref().map(|why| format!("chat: {why}"));
        let mail = self.mail.first().map(|why| format!("mail: {why}"));
        let machine = [self.clock.clone(), self.disk.clone()];
        chat.into_iter().chain(mail).chain(machine.into_iter().flatten()).collect()
    }
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
            match &state {
                ChatState::Connecting => snapshot.progress = Progress::default(),
                ChatState::SignedIn | ChatState::Live => snapshot.away = None,
                ChatState::Offline(why) => snapshot.away = Some(why.clone()),
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

    /// Notes what stands in the way of mail, or that it is gone.
    pub fn mail(&self, note: impl FnOnce(&mut MailTrouble)) {
        self.change(|snapshot| note(&mut snapshot.mail));
    }

    /// Notes how far the chat side got.
    pub fn progress(&self, note: impl FnOnce(&mut Progress)) {
        self.change(|snapshot| note(&mut snapshot.progress));
    }

    /// Notes that the machine's clock was set; `None` when that no longer matters.
    pub fn clock(&self, what: Option<String>) {
        self.change(|snapshot| snapshot.clock = what);
    }

    /// Notes that there is little room on the disk; `None` when there is enough.
    pub fn disk(&self, what: Option<String>) {
        self.change(|snapshot| snapshot.disk = what);
    }

    /// Waits until something else stands in the way than this.
    pub async fn trouble_other_than(&self, trouble: &[String]) {
        let mut watch = self.watch();
        // The sender lives as long as `self`.
        let _ = watch.wait_for(|now| now.trouble() != trouble).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_it_is_away_is_told_until_it_is_back() {
        let state = State::default();
        state.chat(ChatState::Live);
        assert!(state.now().trouble().is_empty());
        for again in [ChatState::Offline("no pool".to_owned()), ChatState::Connecting] {
            state.chat(again);
            assert_eq!(state.now().trouble(), ["chat: no pool"]);
        }
        state.chat(ChatState::SignedIn);
        assert!(state.now().trouble().is_empty());
    }
}
