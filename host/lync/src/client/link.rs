//! The way out: completes, signs and queues what the session sends; checks what it receives.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::config::SessionConfig;
use super::events::{Event, Output};
use super::limits::{HELD_MAX, KEEP_ALIVE_DEFAULT};
use crate::auth::{AuthError, SecurityAssociation, Verified};
use crate::sip::{KEEP_ALIVE, Message};
use crate::{Entropy, Now};

const BRANCH_BYTES: usize = 8;
const BRANCH_PREFIX: &str = "z9hG4bK";

pub(super) struct Link {
    entropy: Box<dyn Entropy>,
    association: Option<SecurityAssociation>,
    /// Verifies what the server sent before it knew of the new one.
    former: Option<SecurityAssociation>,
    /// What we would have sent while the association is made anew (dossier 2.8).
    held: Option<VecDeque<Message>>,
    output: VecDeque<Output>,
    via: String,
    user_agent: String,
    last_sent: Instant,
    last_heard: Instant,
    keep_alive: Duration,
    overrun: bool,
    closed: bool,
}

impl Link {
    pub(super) fn new(config: &SessionConfig, entropy: Box<dyn Entropy>, now: Now) -> Self {
        Self {
            entropy,
            association: None,
            former: None,
            held: None,
            output: VecDeque::new(),
            via: format!("SIP/2.0/{} {}", config.transport.via(), config.local),
            user_agent: config.user_agent.clone(),
            last_sent: now.instant,
            last_heard: now.instant,
            keep_alive: KEEP_ALIVE_DEFAULT,
            overrun: false,
            closed: false,
        }
    }

    pub(super) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// Unpredictable hex digits, two for each of the `N` bytes.
    pub(super) fn token<const N: usize>(&mut self) -> String {
        self.random::<N>().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(super) fn entropy(&mut self) -> &mut dyn Entropy {
        &mut *self.entropy
    }

    /// Gives a new request its `Via` and `User-Agent`.
    pub(super) fn complete(&mut self, request: &mut Message) {
        let branch = self.token::<BRANCH_BYTES>().to_uppercase();
        let via = format!("{};branch={BRANCH_PREFIX}{branch}", self.via);
        request.headers.push_front("Via", via);
        if request.headers.first("User-Agent").is_none() {
            request.headers.push("User-Agent", self.user_agent.as_str());
        }
    }

    pub(super) fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// Signs and sends, or keeps the message until there is something to sign with.
    pub(super) fn send(&mut self, message: Message, now: Now) {
        if let Some(held) = &mut self.held {
            self.overrun |= held.len() >= HELD_MAX;
            if !self.overrun {
                held.push_back(message);
            }
            return;
        }
        self.sign_and_send(message, now);
    }

    fn sign_and_send(&mut self, mut message: Message, now: Now) {
        // A message that goes again loses its old signature.
        message.headers.remove("Authorization");
        message.headers.remove("Proxy-Authorization");
        if let Some(association) = &mut self.association {
            association.sign(&mut message, &mut *self.entropy);
        }
        self.send_as_is(&message, now);
    }

    /// Sends what the handshake has made ready.
    pub(super) fn send_as_is(&mut self, message: &Message, now: Now) {
        self.last_sent = now.instant;
        self.put(Output::Send(message.encode()));
    }

    pub(super) fn event(&mut self, event: Event) {
        self.put(Output::Event(event));
    }

    pub(super) fn put(&mut self, output: Output) {
        if !self.closed {
            self.closed = matches!(output, Output::Ended(_));
            self.output.push_back(output);
        }
    }

    /// Whether the last word was said: nothing follows it.
    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn poll(&mut self) -> Option<Output> {
        self.output.pop_front()
    }

    /// More was held back than allowed: the session cannot go on.
    pub(super) fn overrun(&self) -> bool {
        self.overrun
    }

    /// A new handshake starts: what is ours to send waits for its end.
    pub(super) fn suspend(&mut self) {
        if self.association.is_some() {
            self.former = self.association.take();
            self.held.get_or_insert_default();
        }
    }

    /// The handshake has made keys; the server's next answer must verify under them.
    pub(super) fn secure(&mut self, association: SecurityAssociation) {
        self.association = Some(association);
    }

    /// The server took the new keys.
    pub(super) fn resume(&mut self, now: Now) {
        self.former = None;
        for message in self.held.take().unwrap_or_default() {
            self.sign_and_send(message, now);
        }
    }

    /// Whether there are keys; before, nothing can be verified.
    pub(super) fn is_secured(&self) -> bool {
        self.association.is_some() || self.former.is_some()
    }

    pub(super) fn verify(&mut self, message: &Message) -> Result<Verified, AuthError> {
        let mut result = Err(AuthError::UnknownAssociation);
        for association in [&mut self.association, &mut self.former].into_iter().flatten() {
            // The keys differ, the names do not: only the signature tells them apart.
            result = association.verify(message);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    pub(super) fn note_heard(&mut self, now: Now) {
        self.last_heard = now.instant;
    }

    /// Whether anything came over the connection after this.
    pub(super) fn heard_since(&self, at: Instant) -> bool {
        self.last_heard > at
    }

    pub(super) fn set_keep_alive(&mut self, every: Duration) {
        self.keep_alive = every;
    }

    pub(super) fn keep_alive_at(&self) -> Instant {
        self.last_sent + self.keep_alive
    }

    /// Sends CR LF CR LF if nothing was sent for long (dossier 1.5).
    pub(super) fn keep_alive(&mut self, now: Now) {
        if now.instant >= self.keep_alive_at() {
            self.last_sent = now.instant;
            self.put(Output::Send(KEEP_ALIVE.as_slice().into()));
        }
    }
}
