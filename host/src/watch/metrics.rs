//! What is counted while the host runs. Every name and label is documented where it is registered;
//! labels hold no address and no text, and their values are bounded.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use bridge::outbox::State;
use lync::client::Timer;
use prometheus_client::{
    metrics::{
        counter::Counter,
        family::Family,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// One label: its name and its value.
pub(super) type Label = [(&'static str, String); 1];
/// Two labels.
type Labels = [(&'static str, String); 2];
type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

/// Codes of Exchange that are counted apart; a server that invents codes fills no memory.
const CODES_MAX: usize = 100;
/// What others are counted as.
const OTHER: &str = "other";

/// What is counted. Shared by all parts of a host.
pub struct Meters {
    /// Messages received and kept, repeats not counted.
    pub messages_received: Counter,
    /// Connections to the pool that were begun after the first one.
    pub chat_reconnects: Counter,
    /// Requests to the status page with a wrong token or a form that was not made there.
    pub page_refusals: Counter,
    plans: Family<Label, Counter>,
    mails: Family<Labels, Counter>,
    lookups: Counter,
    answers: Family<Labels, Counter>,
    received_to_planned: Histogram,
    planned_to_accepted: Histograms<Label>,
    received_to_accepted: Histograms<Label>,
    exchange: Histograms<Label>,
    codes: Mutex<BTreeSet<String>>,
    /// Times in milliseconds since 1970; 0 for never.
    chat_since_ms: AtomicI64,
    chat_retry_ms: AtomicI64,
    mail_waits_ms: AtomicI64,
    /// Bytes; negative while it is not known.
    disk_left: AtomicI64,
    /// What the session with the pool does next by itself.
    chat_timer: Mutex<Option<(Instant, Timer)>>,
}

/// From 5 ms to three hours, for what may wait for a retry.
fn long() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 3.0, 14))
}

/// From 5 ms to two minutes, the longest that a request may take.
fn short() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 2.0, 15))
}

impl Default for Meters {
    fn default() -> Self {
        let meters = Self {
            messages_received: Counter::default(),
            chat_reconnects: Counter::default(),
            page_refusals: Counter::default(),
            plans: Family::default(),
            mails: Family::default(),
            lookups: Counter::default(),
            answers: Family::default(),
            received_to_planned: long(),
            planned_to_accepted: Family::new_with_constructor(long),
            received_to_accepted: Family::new_with_constructor(long),
            exchange: Family::new_with_constructor(short),
            codes: Mutex::default(),
            chat_since_ms: AtomicI64::new(0),
            chat_retry_ms: AtomicI64::new(0),
            mail_waits_ms: AtomicI64::new(0),
            disk_left: AtomicI64::new(-1),
            chat_timer: Mutex::default(),
        };
        meters.begin();
        meters
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meters").finish_non_exhaustive()
    }
}

impl Meters {
    /// What can be counted is there from the start, as 0: the first of it is an increase too.
    fn begin(&self) {
        for by in ["guest", "built-in"] {
            drop(self.plans.get_or_create(&[("by", by.to_owned())]));
        }
        for kind in ["instant", "digest"] {
            for outcome in [State::Sent, State::Failed, State::Unconfirmed] {
                drop(self.mails.get_or_create(&mail_labels(&outcome, kind)));
            }
            drop(self.planned_to_accepted.get_or_create(&[("kind", kind.to_owned())]));
            drop(self.received_to_accepted.get_or_create(&[("kind", kind.to_owned())]));
        }
        for operation in ["CreateItem", "SendItem"] {
            let labels = [("operation", operation.to_owned()), ("code", "NoError".to_owned())];
            drop(self.answers.get_or_create(&labels));
            drop(self.exchange.get_or_create(&[("operation", operation.to_owned())]));
        }
    }

    /// A message that was received at `received_ms` got its plan; `fallback` if the guest did not
    /// give it.
    pub fn planned(&self, fallback: bool, received_ms: i64, now_ms: i64) {
        let by = if fallback { "built-in" } else { "guest" };
        self.plans.get_or_create(&[("by", by.to_owned())]).inc();
        self.received_to_planned.observe(seconds(received_ms, now_ms));
    }

    /// A mail came to its end: it was planned at `planned_ms`, with messages that were received
    /// then.
    pub fn mail_ended(
        &self,
        state: &State,
        digest: bool,
        planned_ms: i64,
        received_ms: impl Iterator<Item = i64>,
        now_ms: i64,
    ) {
        let kind = if digest { "digest" } else { "instant" };
        if !matches!(state, State::Sent | State::Failed | State::Unconfirmed) {
            return;
        }
        self.mails.get_or_create(&mail_labels(state, kind)).inc();
        if *state != State::Sent {
            return;
        }
        let label = [("kind", kind.to_owned())];
        self.planned_to_accepted.get_or_create(&label).observe(seconds(planned_ms, now_ms));
        for received_ms in received_ms {
            self.received_to_accepted.get_or_create(&label).observe(seconds(received_ms, now_ms));
        }
    }

    /// A mail of unknown outcome was looked for.
    pub fn looked_up(&self) {
        self.lookups.inc();
    }

    /// Exchange answered for one item of an operation.
    pub fn exchange_answer(&self, operation: &'static str, code: &str) {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let code = match codes.contains(code) {
            true => code,
            false if codes.len() < CODES_MAX => {
                codes.insert(code.to_owned());
                code
            }
            false => OTHER,
        };
        let labels = [("operation", operation.to_owned()), ("code", code.to_owned())];
        self.answers.get_or_create(&labels).inc();
    }

    /// A request to Exchange took so long.
    pub fn exchange_took(&self, operation: &'static str, took: Duration) {
        let label = [("operation", operation.to_owned())];
        self.exchange.get_or_create(&label).observe(took.as_secs_f64());
    }

    /// The chat side is as it is since `now_ms`.
    pub fn chat_changed(&self, now_ms: i64) {
        self.chat_since_ms.store(now_ms, Ordering::Relaxed);
    }

    /// What the session with the pool does next by itself, and when.
    pub fn chat_waits_for(&self, deadline: Option<(Instant, Timer)>) {
        *self.chat_timer.lock().unwrap_or_else(PoisonError::into_inner) = deadline;
    }

    /// The same, for whoever shows it.
    #[must_use]
    pub fn chat_timer(&self) -> Option<(Instant, Timer)> {
        *self.chat_timer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next connection to the pool is tried then.
    pub fn chat_waits_until(&self, at_ms: i64) {
        self.chat_retry_ms.store(at_ms, Ordering::Relaxed);
    }

    /// Nothing is asked of Exchange until then.
    pub fn mail_waits_until(&self, at_ms: i64) {
        self.mail_waits_ms.store(at_ms, Ordering::Relaxed);
    }

    /// So many bytes are left where the host keeps its things, if that is known.
    pub fn disk_left(&self, bytes: Option<u64>) {
        let bytes = bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX));
        self.disk_left.store(bytes, Ordering::Relaxed);
    }

    /// The same, for whoever shows it.
    #[must_use]
    pub fn disk_free(&self) -> Option<i64> {
        Some(self.disk_left.load(Ordering::Relaxed)).filter(|bytes| *bytes >= 0)
    }

    /// Since when the chat side is as it is, in milliseconds since 1970.
    #[must_use]
    pub fn chat_since_ms(&self) -> i64 {
        self.chat_since_ms.load(Ordering::Relaxed)
    }

    /// When the pool and when Exchange is tried again, where that is still to come.
    #[must_use]
    pub fn waits(&self, now_ms: i64) -> (Option<i64>, Option<i64>) {
        let coming = |at: &AtomicI64| Some(at.load(Ordering::Relaxed)).filter(|at| *at > now_ms);
        (coming(&self.chat_retry_ms), coming(&self.mail_waits_ms))
    }

    /// Names all of it.
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "messages_received",
            "Messages received and kept, each once",
            self.messages_received.clone(),
        );
        registry.register(
            "plans",
            "Messages that got a plan, by who gave it: guest, or built-in in its place",
            self.plans.clone(),
        );
        registry.register(
            "mails",
            "Mails that came to their end, by outcome (sent, failed, unconfirmed) and kind (instant, digest)",
            self.mails.clone(),
        );
        registry.register(
            "mail_lookups",
            "Times that a mail was looked for because no answer told its outcome",
            self.lookups.clone(),
        );
        registry.register(
            "exchange_answers",
            "Answers of Exchange by operation and response code; what is no answer by its own word",
            self.answers.clone(),
        );
        registry.register(
            "exchange_request_seconds",
            "How long Exchange took to answer, by operation",
            self.exchange.clone(),
        );
        registry.register(
            "chat_reconnects",
            "Connections to the pool begun after the first one",
            self.chat_reconnects.clone(),
        );
        registry.register(
            "page_refusals",
            "Requests to the status page with a wrong token or a foreign form",
            self.page_refusals.clone(),
        );
        registry.register(
            "received_to_planned_seconds",
            "From a post received to its plan",
            self.received_to_planned.clone(),
        );
        registry.register(
            "planned_to_accepted_seconds",
            "From a mail planned to Exchange having accepted it, by kind",
            self.planned_to_accepted.clone(),
        );
        registry.register(
            "received_to_accepted_seconds",
            "From a post received to its mail accepted by Exchange, by kind; a digest waits for its time",
            self.received_to_accepted.clone(),
        );
    }
}

fn mail_labels(outcome: &State, kind: &str) -> Labels {
    [("outcome", outcome.as_str().to_owned()), ("kind", kind.to_owned())]
}

/// Seconds of the calendar; a clock that was set back makes it 0.
#[expect(clippy::cast_precision_loss, reason = "milliseconds, for a histogram")]
fn seconds(from_ms: i64, to_ms: i64) -> f64 {
    to_ms.saturating_sub(from_ms).max(0) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    fn text(meters: &Meters) -> String {
        let mut registry = Registry::with_prefix("chat_digest");
        meters.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn what_is_counted_is_told_under_its_name() {
        let meters = Meters::default();
        meters.planned(false, 1000, 1500);
        meters.mail_ended(&State::Sent, false, 1500, [1000, 1200].into_iter(), 3000);
        meters.mail_ended(&State::Planned, false, 0, std::iter::empty(), 0);
        let text = text(&meters);
        for line in [
            "chat_digest_plans_total{by=\"guest\"} 1",
            "chat_digest_plans_total{by=\"built-in\"} 0",
            "chat_digest_mails_total{outcome=\"sent\",kind=\"instant\"} 1",
            "chat_digest_received_to_planned_seconds_sum 0.5",
            "chat_digest_received_to_accepted_seconds_count{kind=\"instant\"} 2",
            "chat_digest_received_to_accepted_seconds_sum{kind=\"instant\"} 3.8",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in:\n{text}");
        }
    }

    #[test]
    fn a_server_that_invents_codes_fills_no_memory() {
        let meters = Meters::default();
        for number in 0..2 * CODES_MAX {
            meters.exchange_answer("SendItem", &format!("Error{number}"));
        }
        let text = text(&meters);
        assert!(text.lines().filter(|line| line.contains("code=\"Error")).count() <= CODES_MAX);
        let other = "chat_digest_exchange_answers_total{operation=\"SendItem\",code=\"other\"} 100";
        assert!(text.lines().any(|line| line == other), "{text}");
    }

    #[test]
    fn a_clock_that_was_set_back_counts_as_no_time() {
        assert_eq!(seconds(2000, 1000).to_bits(), 0_f64.to_bits());
    }
}
