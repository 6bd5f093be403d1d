//! What the page can be asked to do. Each is confirmed before, and written into the audit log with
//! what it does.

use std::collections::BTreeMap;

use bridge::{delivery::DeliveryKey, message::RoomId};
use tracing::info;

use super::Shared;
use crate::{
    clock,
    database::{Actor, Error, GuestKey},
};

/// One of them.
pub(super) enum Order {
    /// Send a mail afresh that was given up.
    Retry(DeliveryKey),
    /// Let a mail go that was given up.
    Discard(DeliveryKey),
    /// Have a room's messages wait.
    Pause(RoomId),
    /// Have them wait no longer.
    Resume(RoomId),
    /// Take a loaded guest, or the candidate beside it, out again.
    Unload(GuestKey),
    /// Put the candidate beside a guest in its place.
    Promote(String),
}

impl Order {
    /// Reads it from the fields of a link or a form.
    pub(super) fn read(fields: &BTreeMap<String, String>) -> Option<Self> {
        let what = fields.get("what")?.clone();
        let guest = |shadow| Self::Unload(GuestKey { name: what.clone(), shadow });
        Some(match fields.get("action")?.as_str() {
            "retry" => Self::Retry(DeliveryKey::from_text(what)),
            "discard" => Self::Discard(DeliveryKey::from_text(what)),
            "pause" => Self::Pause(RoomId::new(what)),
            "resume" => Self::Resume(RoomId::new(what)),
            "unload" => guest(false),
            "unload-candidate" => guest(true),
            "promote" => Self::Promote(what),
            _ => return None,
        })
    }

    /// The word for it.
    pub(super) const fn action(&self) -> &'static str {
        match self {
            Self::Retry(_) => "retry",
            Self::Discard(_) => "discard",
            Self::Pause(_) => "pause",
            Self::Resume(_) => "resume",
            Self::Unload(GuestKey { shadow: false, .. }) => "unload",
            Self::Unload(GuestKey { shadow: true, .. }) => "unload-candidate",
            Self::Promote(_) => "promote",
        }
    }

    /// What it is about, as a link or a form names it.
    pub(super) fn what(&self) -> String {
        match self {
            Self::Retry(key) | Self::Discard(key) => key.as_str().to_owned(),
            Self::Pause(room) | Self::Resume(room) => room.as_str().to_owned(),
            Self::Unload(key) => key.name.clone(),
            Self::Promote(name) => name.clone(),
        }
    }

    /// What it would do, for whoever is to confirm it.
    pub(super) fn question(&self, shared: &Shared) -> String {
        let name = |room: &RoomId| {
            shared
                .common
                .rooms
                .snapshot(room)
                .map_or_else(|| room.as_str().to_owned(), |(room, _)| room.name)
        };
        match self {
            Self::Retry(key) => format!("Send the mail {key} afresh?"),
            Self::Discard(key) => format!(
                "Let the mail {key} go? Nobody gets it any more; the reader's next mail tells that it is missing."
            ),
            Self::Pause(room) => format!(
                "Have the messages of \u{201c}{}\u{201d} wait? They are received and kept, and mailed to nobody until \
                 you let the room go on. What is already planned is still mailed.",
                name(room)
            ),
            Self::Resume(room) => format!(
                "Let \u{201c}{}\u{201d} go on? What has waited is mailed now, or with the next digests.",
                name(room)
            ),
            Self::Unload(GuestKey { name, shadow: false }) => format!(
                "Take the guest \u{201c}{name}\u{201d} out of service on all hosts? What the configuration says \
                 holds again."
            ),
            Self::Unload(GuestKey { name, shadow: true }) => {
                format!("Stop the candidate beside \u{201c}{name}\u{201d} on all hosts?")
            }
            Self::Promote(name) => format!(
                "Put the candidate beside \u{201c}{name}\u{201d} in its place on all hosts? What is planned from then \
                 on, it decides. chat-digest guest shadow {name} lists what it would have done otherwise."
            ),
        }
    }

    /// Does it; answers what was done, or why it was not.
    pub(super) async fn obey(self, shared: &Shared, peer: String) -> Result<String, String> {
        let action = self.action();
        let done = self.carry_out(shared, Actor::Page(peer)).await;
        let done = done.unwrap_or_else(|error| Err(error.to_string()));
        if done.is_ok() {
            info!(action, "watch: done by the status page");
        }
        shared.to_plan.notify_one();
        shared.to_mail.notify_one();
        done
    }

    async fn carry_out(self, shared: &Shared, by: Actor) -> Result<Result<String, String>, Error> {
        let (database, now_ms) = (&shared.common.database, clock::unix_ms());
        let said = |done: bool, yes: &str, no: &str| match done {
            true => Ok(yes.to_owned()),
            false => Err(no.to_owned()),
        };
        Ok(match self {
            Self::Retry(key) => match database.retry(&key, by, now_ms).await? {
                Some(fresh) => Ok(format!("The mail is sent afresh, as {fresh}.")),
                None => Err(NOT_DEAD.to_owned()),
            },
            Self::Discard(key) => {
                let done = database.discard(&key, by, now_ms).await?;
                said(done, "The mail is discarded.", NOT_DEAD)
            }
            Self::Pause(room) => {
                let done = database.pause_room(&room, by, now_ms).await?;
                said(
                    done,
                    "The room's messages wait.",
                    "They wait already, or there is no such room.",
                )
            }
            Self::Resume(room) => {
                let done = database.resume_room(&room, by, now_ms).await?;
                said(done, "The room goes on.", "Its messages did not wait.")
            }
            Self::Promote(name) => {
                let done = database.promote_guest(&name, by).await?;
                said(
                    done,
                    "It is put in service: within a second all hosts ask it. A host that cannot take it keeps the one \
                     before, and says why.",
                    "No candidate runs beside that guest.",
                )
            }
            Self::Unload(key) => {
                let done = database.unload_guest(key, by).await?;
                said(
                    done,
                    "It is unloaded: within a second all hosts do without it.",
                    "No guest was loaded under this name.",
                )
            }
        })
    }
}

const NOT_DEAD: &str =
    "No mail with this key has been given up: somebody else may have seen to it.";
