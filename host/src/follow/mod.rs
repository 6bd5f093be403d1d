//! Follows each message from the socket to the mailbox: at every stage there is a line in the log at
//! DEBUG with the message's id, the same that `chat-digest why` takes, and if the configuration names
//! a collector, a span of OpenTelemetry in a trace of the message's own. Neither holds a text or an
//! address.

mod spans;
mod wire;

use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bridge::{
    delivery::DeliveryKey,
    message::{MessageId, RoomId},
    outbox::{Standing, State},
};
use tokio::sync::mpsc;
use tracing::{Level, debug, enabled};

use self::spans::{Span, Stage};
pub use self::wire::Exporter;

/// Spans that wait to be sent; what comes when there are more is counted and dropped.
const WAITING_MAX: usize = 8192;
/// Messages of one mail whose traces get its span.
const MESSAGES_MAX: usize = 250;

/// What all stages tell of what they do.
#[derive(Default)]
pub struct Follow {
    spans: OnceLock<mpsc::Sender<Span>>,
    dropped: AtomicU64,
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").finish_non_exhaustive()
    }
}

impl Follow {
    /// From now on spans are made; the other end of where they go. `None` if they are already.
    pub(crate) fn begin(&self) -> Option<mpsc::Receiver<Span>> {
        let (spans, taken) = mpsc::channel(WAITING_MAX);
        self.spans.set(spans).ok().map(|()| taken)
    }

    /// Whether anybody listens: what is told takes a moment to find out.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.spans.get().is_some() || enabled!(Level::DEBUG)
    }

    /// Spans that nobody will see, since this was asked last.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::AcqRel)
    }

    /// A message came off the socket, and is kept.
    pub fn received(&self, id: &MessageId, room: &RoomId, received_ms: i64, kept_ms: i64) {
        debug!(message_id = %id, room = room.as_str(), "chat: received and kept");
        self.tell(|| Span {
            trace: id.clone(),
            stage: Stage::Receive,
            from_ms: received_ms,
            to_ms: kept_ms,
            failed: None,
            attributes: vec![("chat_digest.room", room.as_str().to_owned())],
        });
    }

    /// It got its plan: so many mails for at once, or none while it waits for a digest.
    pub fn planned(&self, id: &MessageId, why: Option<&str>, received_ms: i64, planned_ms: i64) {
        let by = if why.is_some() { "built-in" } else { "guest" };
        debug!(message_id = %id, by, "planner: planned");
        self.tell(|| Span {
            trace: id.clone(),
            stage: Stage::Plan,
            from_ms: received_ms,
            to_ms: planned_ms,
            failed: why.is_some().then_some("the guest gave no usable plan"),
            attributes: vec![("chat_digest.planned_by", by.to_owned())],
        });
    }

    /// A mail with these messages stands elsewhere now.
    pub fn mail<'m>(
        &self,
        key: &DeliveryKey,
        digest: bool,
        standing: &Standing,
        messages: impl Iterator<Item = &'m MessageId> + Clone,
    ) {
        let state = standing.state.as_str();
        for id in messages.clone().take(MESSAGES_MAX) {
            debug!(message_id = %id, mail = %key, state, "mail: it stands");
        }
        let Some(ended_ms) = standing.ended_ms else { return };
        for id in messages.take(MESSAGES_MAX) {
            self.tell(|| Span {
                trace: id.clone(),
                stage: Stage::Deliver(key.clone()),
                from_ms: standing.planned_ms,
                to_ms: ended_ms,
                failed: (standing.state != State::Sent).then_some("the mail was not sent"),
                attributes: vec![
                    ("chat_digest.mail", key.as_str().to_owned()),
                    ("chat_digest.kind", if digest { "digest" } else { "instant" }.to_owned()),
                    ("chat_digest.outcome", state.to_owned()),
                    ("chat_digest.requests", standing.attempts.to_string()),
                ],
            });
        }
    }

    fn tell(&self, span: impl FnOnce() -> Span) {
        if let Some(spans) = self.spans.get()
            && spans.try_send(span()).is_err()
        {
            self.dropped.fetch_add(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use bridge::message::PostKey;

    use super::*;

    fn message(post: &str) -> MessageId {
        MessageId::derive(&RoomId::new("ma-chan://c/1"), &PostKey::new(post))
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let follow = Follow::default();
        let room = RoomId::new("ma-chan://c/1");
        follow.received(&message("1"), &room, 0, 1);
        let mut spans = follow.begin().unwrap();
        assert!(follow.begin().is_none());
        for _ in 0..WAITING_MAX + 3 {
            follow.received(&message("1"), &room, 0, 1);
        }
        assert_eq!((follow.dropped(), follow.dropped()), (3, 0));
        assert_eq!(spans.try_recv().unwrap().trace, message("1"));
    }
}
