//! The outbox: how a mail comes to its end, sent exactly once as far as that can be known.
//!
//! A mail is first laid down as a draft that carries its key, then the draft is sent. Each request
//! is committed as begun before it goes out ([`Standing::begin`]) and as answered after
//! ([`Standing::advance`]). Where the answer is unknown, nothing is repeated before somebody has
//! looked what the server has.
//!
//! ```text
//! planned -> drafting -> drafted -> sending -> sent
//!    ^          |           ^          |
//!    +- delayed +           +- delayed +    any -> failed;  sending -> unconfirmed
//! ```
//!
//! Source: ews.md 2.3, 2.6, 3.5, in no protocol's terms.

/// Waits between tries when the server names none, in milliseconds; the last one repeats.
pub const BACK_OFF_MS: [i64; 6] = [5_000, 15_000, 60_000, 300_000, 900_000, 1_800_000];

/// Longest wait that a server can ask for, in milliseconds.
pub const BACK_OFF_MAX_MS: i64 = 30 * 60_000;

/// How long a mail is tried for, in milliseconds; a try after this is its last.
pub const LIFETIME_MS: i64 = 48 * 3_600_000;

/// Most requests for one mail, looks not counted; far more than its lifetime has room for.
pub const ATTEMPTS_MAX: u32 = 300;

/// How long after a request began it may still take effect, in milliseconds. Before that, only a
/// positive find counts.
pub const PATIENCE_MS: i64 = 120_000;

/// Waits before each look for a mail of unknown outcome, in milliseconds.
pub const LOOKS_MS: [i64; 5] = [5_000, 15_000, 30_000, 60_000, 120_000];

/// Wait between looks at a mail that the server has queued, in milliseconds.
pub const QUEUED_LOOK_MS: i64 = 30_000;

/// How long a server may have a mail queued before it is no longer watched, in milliseconds.
pub const QUEUED_MAX_MS: i64 = 30 * 60_000;

/// Longest error kept with a mail, in UTF-16 units.
pub const ERROR_UNITS_MAX: usize = 500;

/// A draft on the mail server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The server's name for it. Opaque.
    pub id: String,
    /// The server's name for its present contents; may be empty. Opaque.
    pub version: String,
}

/// The state of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing was asked of the server, or nothing came of it.
    Planned,
    /// A draft was asked for.
    Drafting,
    /// There is a draft.
    Drafted(Draft),
    /// The draft was asked to be sent.
    Sending(Draft),
    /// The server has sent it. An end.
    Sent,
    /// It was not sent and will not be. An end: the dead letter.
    Failed,
    /// It left the drafts, and nobody saw where to. An end: it counts as sent, for sending it
    /// again might send it twice.
    Unconfirmed,
    /// There was nothing left to say before it was sent, or an administrator discarded it. An end.
    Withdrawn,
}

impl State {
    /// The word under which it is stored and counted.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Drafting => "drafting",
            Self::Drafted(_) => "drafted",
            Self::Sending(_) => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Unconfirmed => "unconfirmed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Reads [`as_str`](Self::as_str) back. `draft` is needed for the states that have one.
    pub fn from_word(word: &str, draft: Option<Draft>) -> Option<Self> {
        Some(match (word, draft) {
            ("planned", _) => Self::Planned,
            ("drafting", _) => Self::Drafting,
            ("drafted", Some(draft)) => Self::Drafted(draft),
            ("sending", Some(draft)) => Self::Sending(draft),
            ("sent", _) => Self::Sent,
            ("failed", _) => Self::Failed,
            ("unconfirmed", _) => Self::Unconfirmed,
            ("withdrawn", _) => Self::Withdrawn,
            _ => return None,
        })
    }

    /// The draft, in the states that have one.
    pub fn draft(&self) -> Option<&Draft> {
        match self {
            Self::Drafted(draft) | Self::Sending(draft) => Some(draft),
            _ => None,
        }
    }

    /// Whether nothing follows.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Sent | Self::Failed | Self::Unconfirmed | Self::Withdrawn)
    }
}

/// Where a mail stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: State,
    /// How many requests have begun, looks not counted.
    pub attempts: u32,
    /// How many of them came to nothing since the last progress: the step of the back-off.
    pub tries: u32,
    /// What the server last refused the mail with, since the last progress.
    pub refused: Option<Refused>,
    /// Set while the outcome of the last request is unknown: how many looks found nothing.
    pub looks: Option<u32>,
    /// When something is to be done, in milliseconds since 1970. `None` while a request is out,
    /// and at an end.
    pub due_ms: Option<i64>,
    /// When the last request began.
    pub asked_ms: Option<i64>,
    /// When the mail was planned: its lifetime counts from here.
    pub planned_ms: i64,
    /// When it came to its end.
    pub ended_ms: Option<i64>,
    /// What last went wrong, for the administrator.
    pub error: Option<String>,
    /// The name under which the server sent it (its Message-ID), where it told.
    pub sent_as: Option<String>,
}

/// Refusals of one mail with the same code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The server's code.
    pub code: String,
    /// How many refusals in a row had it: some codes pass, and where they do not, it is the mail that is
    /// wrong.
    pub times: u32,
}

/// What to do next about a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Compose it and lay it down as a draft.
    Draft,
    /// Send this draft.
    Send(Draft),
    /// Nobody knows whether there is a draft: look by the key among the drafts.
    FindDraft,
    /// Nobody knows whether it was sent: look by the key in the sent mail, then among the drafts,
    /// then in what is queued. The draft as it was last known.
    FindSent(Draft),
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// There is a draft now.
    Drafted(Draft),
    /// It is sent.
    Delivered {
        /// The name under which the server sent it, if it told.
        sent_as: Option<String>,
    },
    /// Known not done; it may be tried again.
    Delayed {
        /// Not before this time, in milliseconds since 1970, if the server named one.
        until_ms: Option<i64>,
        /// What was wrong.
        reason: String,
    },
    /// Refused for good.
    Failed {
        /// Why.
        reason: String,
    },
    /// The request may or may not have taken effect, or may yet.
    Unknown {
        /// When the request began, in milliseconds since 1970.
        since_ms: i64,
        /// What was wrong.
        reason: String,
    },
    /// What a look found.
    Seen(Sighting),
}

/// What a look for a mail found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// It is in the sent mail.
    Sent {
        /// The name under which the server sent it.
        sent_as: Option<String>,
    },
    /// It is a draft that nobody has sent.
    Draft(Draft),
    /// The server has accepted it and not sent it yet.
    Queued,
    /// It is in none of the places.
    Nowhere,
}

/// An outcome for a mail of which nothing was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an outcome came for a mail that is {state}, of which nothing was asked")]
pub struct Unasked {
    /// The word of its state.
    pub state: &'static str,
}

impl Standing {
    /// A mail just planned, to be sent from `due_ms` on.
    pub fn planned(due_ms: i64, now_ms: i64) -> Self {
        Self {
            state: State::Planned,
            attempts: 0,
            tries: 0,
            refused: None,
            looks: None,
            due_ms: Some(due_ms),
            asked_ms: None,
            planned_ms: now_ms,
            ended_ms: None,
            error: None,
            sent_as: None,
        }
    }

    /// What there is to do, now or when it is due; `None` at an end.
    pub fn task(&self) -> Option<Task> {
        match (&self.state, self.looks) {
            (State::Planned, _) | (State::Drafting, None) => Some(Task::Draft),
            (State::Drafting, Some(_)) => Some(Task::FindDraft),
            (State::Drafted(draft), _) | (State::Sending(draft), None) => {
                Some(Task::Send(draft.clone()))
            }
            (State::Sending(draft), Some(_)) => Some(Task::FindSent(draft.clone())),
            (State::Sent | State::Failed | State::Unconfirmed | State::Withdrawn, _) => None,
        }
    }

    /// Marks the next request as begun, if one is due. Commit this before the request goes out.
    pub fn begin(mut self, now_ms: i64) -> Option<Self> {
        self.due_ms.take_if(|due_ms| *due_ms <= now_ms)?;
        self.state = match self.state {
            State::Planned => State::Drafting,
            State::Drafted(draft) => State::Sending(draft),
            look => return Some(Self { state: look, ..self }),
        };
        self.attempts = self.attempts.saturating_add(1);
        self.asked_ms = Some(now_ms);
        Some(self)
    }

    /// Ends a mail that is not to be sent after all, whatever its state.
    #[must_use]
    pub fn withdraw(self, reason: &str, now_ms: i64) -> Self {
        self.end(State::Withdrawn, Some(reason.to_owned()), now_ms)
    }

    /// Whether a request is out, by what was committed.
    pub fn is_asked(&self) -> bool {
        self.due_ms.is_none() && matches!(self.state, State::Drafting | State::Sending(_))
    }

    /// After a restart: a request that was out has an unknown outcome, and is looked for at once.
    pub fn resume(mut self, now_ms: i64) -> Self {
        if self.is_asked() {
            self.looks = Some(self.looks.unwrap_or(0));
            self.due_ms = Some(now_ms);
        }
        self
    }

    /// Notes that the server refused the mail with `code`. Answers how many refusals in a row had it, this
    /// one included.
    pub fn refuse(&mut self, code: &str) -> u32 {
        let before = self.refused.as_ref().filter(|refused| refused.code == code);
        let times = before.map_or(0, |refused| refused.times).saturating_add(1);
        self.refused = Some(Refused { code: code.to_owned(), times });
        times
    }

    /// Follows the outcome of the request that was out. `jitter` is any random number: it spreads
    /// the next try over ±20 %.
    ///
    /// # Errors
    /// [`Unasked`] if none was out: a second outcome for one request changes nothing.
    pub fn advance(self, outcome: Outcome, jitter: u64, now_ms: i64) -> Result<Self, Unasked> {
        if !self.is_asked() {
            return Err(Unasked { state: self.state.as_str() });
        }
        Ok(match (outcome, self.looks) {
            (Outcome::Delivered { sent_as }, _) => self.sent(sent_as, now_ms),
            (Outcome::Drafted(draft), looks) => self.drafted(draft, looks, jitter, now_ms),
            (Outcome::Failed { reason }, _) => self.refused(reason, now_ms),
            (Outcome::Delayed { until_ms, reason }, None) => {
                self.not_done(until_ms, reason, jitter, now_ms)
            }
            (Outcome::Unknown { since_ms, reason }, None) => {
                self.doubtful(since_ms, reason, now_ms)
            }
            (Outcome::Delayed { until_ms, reason }, Some(_)) => {
                self.not_seen(until_ms, reason, jitter, now_ms)
            }
            (Outcome::Unknown { reason, .. }, Some(_)) => {
                self.not_seen(None, reason, jitter, now_ms)
            }
            (Outcome::Seen(sighting), looks) => {
                self.seen(sighting, looks.unwrap_or(0), jitter, now_ms)
            }
        })
    }

    fn drafted(self, draft: Draft, looks: Option<u32>, jitter: u64, now_ms: i64) -> Self {
        match (&self.state, looks) {
            (State::Drafting, _) => self.progress(draft, now_ms),
            // Asked to send and told of a draft: it was not sent, and goes by another version.
            (_, None) => {
                let reason = "the draft has changed".to_owned();
                Self { state: State::Sending(draft), ..self }.not_done(None, reason, jitter, now_ms)
            }
            (_, Some(looks)) => self.seen(Sighting::Draft(draft), looks, jitter, now_ms),
        }
    }

    fn progress(self, draft: Draft, now_ms: i64) -> Self {
        let due_ms = Some(now_ms);
        Self { state: State::Drafted(draft), tries: 0, refused: None, looks: None, due_ms, ..self }
    }

    fn sent(self, sent_as: Option<String>, now_ms: i64) -> Self {
        Self { sent_as, error: None, ..self.end(State::Sent, None, now_ms) }
    }

    /// A refusal of the request itself is final. A refused look says nothing of the mail: what
    /// may have been sent is not called failed.
    fn refused(self, reason: String, now_ms: i64) -> Self {
        let end = match (&self.state, self.looks) {
            (State::Sending(_), Some(_)) => State::Unconfirmed,
            _ => State::Failed,
        };
        self.end(end, Some(reason), now_ms)
    }

    /// Goes back to before the request, to try again; or gives up.
    fn not_done(mut self, until_ms: Option<i64>, reason: String, jitter: u64, now_ms: i64) -> Self {
        if self.is_spent(now_ms) {
            let reason = format!("given up after {} tries: {reason}", self.attempts);
            return self.end(State::Failed, Some(reason), now_ms);
        }
        self.state = match self.state {
            State::Sending(draft) => State::Drafted(draft),
            _ => State::Planned,
        };
        self.looks = None;
        self.wait(until_ms, reason, jitter, now_ms)
    }

    fn doubtful(mut self, since_ms: i64, reason: String, now_ms: i64) -> Self {
        self.asked_ms = Some(since_ms.min(now_ms));
        self.looks = Some(0);
        self.error = Some(clip(reason));
        self.due_ms = Some(now_ms.saturating_add(gap(0)));
        self
    }

    /// A look came to nothing: it is repeated, for a lifetime from the request on. A mail that is
    /// older than that when it is asked for may be sent as well as any other.
    fn not_seen(mut self, until_ms: Option<i64>, reason: String, jitter: u64, now_ms: i64) -> Self {
        // A clock put back must not make the request appear to begin in the future for ever.
        self.asked_ms = Some(self.asked_ms.unwrap_or(now_ms).min(now_ms));
        if self.asked_for(now_ms) < LIFETIME_MS {
            return self.wait(until_ms, reason, jitter, now_ms);
        }
        let end = match self.state {
            State::Sending(_) => State::Unconfirmed,
            _ => State::Failed,
        };
        self.end(end, Some(format!("given up looking for it: {reason}")), now_ms)
    }

    fn seen(mut self, sighting: Sighting, looks: u32, jitter: u64, now_ms: i64) -> Self {
        // A clock put back must not make the request appear to begin in the future for ever.
        self.asked_ms = Some(self.asked_ms.unwrap_or(now_ms).min(now_ms));
        match (sighting, &self.state) {
            (Sighting::Sent { sent_as }, _) => self.sent(sent_as, now_ms),
            (Sighting::Draft(draft), State::Drafting) => self.progress(draft, now_ms),
            (Sighting::Queued, _) => self.queued(now_ms),
            (Sighting::Draft(draft), _) => {
                let sending = Self { state: State::Sending(draft), ..self };
                sending.absent(looks, "the server did not send it", jitter, now_ms)
            }
            (Sighting::Nowhere, State::Drafting) => {
                self.absent(looks, "the server has no draft", jitter, now_ms)
            }
            (Sighting::Nowhere, _) => self.vanished(looks, now_ms),
        }
    }

    /// The request has taken no effect so far; after [`PATIENCE_MS`], it never will, and is made
    /// again.
    fn absent(mut self, looks: u32, what: &str, jitter: u64, now_ms: i64) -> Self {
        let patience_ms = PATIENCE_MS - self.asked_for(now_ms);
        if patience_ms > 0 {
            let looks = looks.saturating_add(1);
            self.looks = Some(looks);
            self.due_ms = Some(now_ms.saturating_add(gap(looks).min(patience_ms)));
            return self;
        }
        let mut again = self.not_done(None, what.to_owned(), jitter, now_ms);
        again.due_ms = again.due_ms.map(|_| now_ms);
        again
    }

    /// The draft is gone and the sent mail does not show it.
    fn vanished(mut self, looks: u32, now_ms: i64) -> Self {
        let looks = looks.saturating_add(1);
        let enough = usize::try_from(looks).is_ok_and(|looks| looks >= LOOKS_MS.len());
        if enough && self.asked_for(now_ms) >= PATIENCE_MS {
            let reason = "it left the drafts and was not seen in the sent mail".to_owned();
            return self.end(State::Unconfirmed, Some(reason), now_ms);
        }
        self.looks = Some(looks);
        self.due_ms = Some(now_ms.saturating_add(gap(looks)));
        self
    }

    fn queued(mut self, now_ms: i64) -> Self {
        if self.asked_for(now_ms) >= QUEUED_MAX_MS {
            let reason = "the server has accepted it and not sent it yet".to_owned();
            return self.end(State::Unconfirmed, Some(reason), now_ms);
        }
        self.due_ms = Some(now_ms.saturating_add(QUEUED_LOOK_MS));
        self
    }

    fn wait(mut self, until_ms: Option<i64>, reason: String, jitter: u64, now_ms: i64) -> Self {
        let named_ms = until_ms.unwrap_or(now_ms).min(now_ms.saturating_add(BACK_OFF_MAX_MS));
        let own_ms = now_ms.saturating_add(back_off_ms(self.tries, jitter));
        self.due_ms = Some(own_ms.max(named_ms));
        self.tries = self.tries.saturating_add(1);
        self.error = Some(clip(reason));
        self
    }

    fn end(self, state: State, reason: Option<String>, now_ms: i64) -> Self {
        let error = reason.map(clip).or(self.error);
        Self { state, error, looks: None, due_ms: None, ended_ms: Some(now_ms), ..self }
    }

    fn is_spent(&self, now_ms: i64) -> bool {
        self.attempts >= ATTEMPTS_MAX || now_ms.saturating_sub(self.planned_ms) >= LIFETIME_MS
    }

    /// How long ago the request began.
    fn asked_for(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.asked_ms.unwrap_or(now_ms))
    }
}

/// The wait after `tries` failures: a step of [`BACK_OFF_MS`], ±20 %.
pub fn back_off_ms(tries: u32, jitter: u64) -> i64 {
    let step = usize::try_from(tries).ok().and_then(|tries| BACK_OFF_MS.get(tries));
    let step = step.or(BACK_OFF_MS.last()).copied().unwrap_or(BACK_OFF_MAX_MS);
    let permille = 800 + i64::try_from(jitter % 401).unwrap_or(200);
    step.saturating_mul(permille) / 1_000
}

fn gap(looks: u32) -> i64 {
    let gap = usize::try_from(looks).ok().and_then(|looks| LOOKS_MS.get(looks));
    gap.or(LOOKS_MS.last()).copied().unwrap_or(PATIENCE_MS)
}

fn clip(reason: String) -> String {
    crate::text::clip(&crate::text::one_line(&reason), ERROR_UNITS_MAX).into_owned()
}

#[cfg(test)]
mod tests;
