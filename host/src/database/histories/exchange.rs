//! A model of the mail server: what it stores and sends, and what it answers, which is not the same.

use std::{sync::Arc, time::Duration};

use bridge::{
    message::{Address, Message, MessageId},
    outbox::{Draft, Outcome, Sighting, Standing, Task},
    receipt::{self, Receipt},
};
use ews::{
    classify::Effect,
    code::ResponseCode,
    error::Error,
    soap::{Details, Fault},
};

use super::{
    chance::Chance,
    world::{World, person_of},
};
use crate::{
    database::DueMail,
    exchange::{CallError, TransportError},
    mail::outcome::{self, Verdict},
};

/// How late a request that nobody waits for any more may take effect: the server's own limit is
/// about a minute (ews.md 2.3).
const LATE_MAX_S: i64 = 60;
/// How long the server may have a mail queued, less than the host watches it for.
const QUEUED_MAX_S: i64 = 15 * 60;
/// How long a copy may be missing from the sent mail.
const COPY_MAX_S: i64 = 60;

/// What a mail says, as the mail server has it.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) person: Address,
    pub(super) says: Vec<MessageId>,
    pub(super) receipt: Receipt,
}

struct Stored {
    id: String,
    key: String,
    letter: Letter,
}

enum Late {
    Draft(Stored),
    Send { id: String },
}

#[derive(Default)]
pub(super) struct Exchange {
    drafts: Vec<Stored>,
    /// Accepted, and sent by the time.
    queued: Vec<(Duration, String, Letter)>,
    /// Sent; the copy is there from this time on.
    sent: Vec<(Duration, String, Letter)>,
    late: Vec<(Duration, Late)>,
    made: u64,
    /// One in so many requests goes wrong; 0 for none.
    pub(super) mood: usize,
}

/// What goes wrong with a request.
enum Trouble {
    None,
    /// Not done, and said so.
    Refused(CallError),
    /// The answer is lost, and what became of the request.
    Lost(Done),
}

#[derive(PartialEq, Eq)]
enum Done {
    Not,
    Now,
    Later,
}

fn lost() -> CallError {
    transport(TransportError::Lost("reset".into()))
}

fn transport(cause: TransportError) -> CallError {
    CallError::Transport { server: "mail".into(), operation: "CreateItem", cause }
}

fn refused(code: ResponseCode, effect: Effect) -> CallError {
    let (operation, details, text) = ("CreateItem", Box::default(), None);
    let cause = Error::Refused { operation, code, effect, details, text };
    CallError::Exchange { server: "mail".into(), cause }
}

fn busy(wait_ms: i64, effect: Effect) -> CallError {
    let details = Details::value("BackOffMilliseconds", wait_ms);
    let fault = Box::new(Fault::new(ResponseCode::SERVER_BUSY, "busy").with(details));
    let cause = Error::Fault { operation: "CreateItem", effect, fault };
    CallError::Exchange { server: "mail".into(), cause }
}

impl Exchange {
    /// What the passing of time brings about.
    pub(super) fn catch_up(&mut self, now: Duration) {
        let (due, late): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.late).into_iter().partition(|(at, _)| *at <= now);
        self.late = late;
        for (at, effect) in due {
            match effect {
                Late::Draft(stored) => self.drafts.push(stored),
                Late::Send { id } => drop(self.send(&id, at)),
            }
        }
    }

    /// Whether something asked for long ago may still be done.
    pub(super) fn is_late(&self) -> bool {
        !self.late.is_empty()
    }

    /// Nothing that was asked for is done from now on but what is done already.
    pub(super) fn hurry(&mut self) {
        self.catch_up(Duration::MAX);
    }

    fn send(&mut self, id: &str, copy_at: Duration) -> Result<(), ()> {
        let place = self.drafts.iter().position(|stored| stored.id == id).ok_or(())?;
        let Stored { key, letter, .. } = self.drafts.remove(place);
        self.sent.push((copy_at, key, letter));
        Ok(())
    }

    /// A draft that was refused for good is deleted.
    pub(super) fn discard(&mut self, draft: &Draft) {
        self.drafts.retain(|stored| stored.id != draft.id);
    }

    /// Whether there is a draft of this key, or will be one.
    fn has_draft(&self, key: &str) -> bool {
        let late = self.late.iter().filter_map(|(_, late)| match late {
            Late::Draft(stored) => Some(stored),
            Late::Send { .. } => None,
        });
        self.drafts.iter().chain(late).any(|stored| stored.key == key)
    }

    /// Whether a mail of this key is sent, or on its way.
    pub(super) fn has_sent(&self, key: &str) -> bool {
        self.sent.iter().any(|(_, sent, _)| sent == key)
    }

    /// All that was sent.
    pub(super) fn mails(&self) -> impl Iterator<Item = &Letter> {
        self.sent.iter().map(|(_, _, letter)| letter)
    }

    /// Looks for a mail as the host does it (ews.md 2.6).
    fn look(&mut self, key: &str, maybe_sent: bool, now: Duration) -> Sighting {
        let copy = self.sent.iter().any(|(at, sent, _)| sent == key && *at <= now);
        if maybe_sent && copy {
            return Sighting::Sent { sent_as: None };
        }
        let mut found = self.drafts.iter().filter(|stored| stored.key == key);
        if let Some(id) = found.next().map(|stored| stored.id.clone()) {
            // Of several the oldest stays.
            self.drafts.retain(|stored| stored.key != key || stored.id == id);
            return Sighting::Draft(draft(&id));
        }
        let queued = self.queued.iter().any(|(at, queued, _)| queued == key && *at > now);
        if maybe_sent && queued { Sighting::Queued } else { Sighting::Nowhere }
    }
}

fn draft(id: &str) -> Draft {
    Draft { id: id.to_owned(), version: "1".into() }
}

impl World {
    /// Makes a request, and answers what the host makes of the answer.
    pub(super) async fn ask(
        &mut self,
        mail: &DueMail,
        task: &Task,
        standing: &mut Standing,
    ) -> Verdict {
        let now = self.clock.elapsed();
        self.exchange.catch_up(now);
        self.tally.requests += 1;
        let asked_ms = self.unix_ms();
        let answer = match task {
            Task::Draft => {
                let stored = self.store(mail);
                self.lay_down(stored, now)
            }
            Task::Send(draft) => self.send(draft, now),
            Task::FindDraft | Task::FindSent(_) => {
                let sent = matches!(task, Task::FindSent(_));
                match self.trouble(Effect::Repeatable) {
                    Trouble::None => {
                        Ok(Outcome::Seen(self.exchange.look(mail.key.as_str(), sent, now)))
                    }
                    Trouble::Refused(error) => Err(error),
                    Trouble::Lost(_) => Err(lost()),
                }
            }
        };
        let person = mail.person.address.as_str();
        self.tell(|| {
            let said = answer.as_ref().map_err(CallError::to_string);
            let number = mail.receipt.as_ref().map(|receipt| receipt.number);
            format!("{person} {} (receipt {number:?}): {task:?}: {said:?}", mail.key)
        });
        let error = match answer {
            Ok(outcome) => {
                return Verdict { outcome, gate_until_ms: None, alarm: false, stale: false };
            }
            Err(error) => error,
        };
        let refusals = match task {
            Task::Draft | Task::Send(_) => outcome::refusals(&error, standing),
            Task::FindDraft | Task::FindSent(_) => 0,
        };
        let mut verdict = outcome::verdict(&error, refusals, asked_ms, self.unix_ms(), None);
        match (&verdict.outcome, task) {
            // As the mail stage has it: a look that is refused is repeated, a draft whose version is
            // stale is read again.
            (Outcome::Failed { reason }, Task::FindDraft | Task::FindSent(_)) => {
                verdict.outcome = Outcome::Delayed { until_ms: None, reason: reason.clone() };
            }
            (_, Task::Send(draft)) if verdict.stale => {
                verdict.outcome = Outcome::Drafted(draft.clone());
            }
            _ => {}
        }
        verdict
    }

    fn lay_down(&mut self, stored: Stored, now: Duration) -> Result<Outcome, CallError> {
        let drafted = Outcome::Drafted(draft(&stored.id));
        match self.trouble(Effect::Draft) {
            Trouble::None => self.exchange.drafts.push(stored),
            Trouble::Refused(error) => return Err(error),
            Trouble::Lost(done) => {
                match done {
                    Done::Not => {}
                    Done::Now => self.exchange.drafts.push(stored),
                    Done::Later => self.postpone(Late::Draft(stored), now),
                }
                return Err(lost());
            }
        }
        Ok(drafted)
    }

    fn send(&mut self, draft: &Draft, now: Duration) -> Result<Outcome, CallError> {
        let copy_at = match self.chance.below(4) {
            0 => now + Duration::from_secs(self.chance.within(0, COPY_MAX_S).unsigned_abs()),
            _ => now,
        };
        match self.trouble(Effect::Send) {
            Trouble::None => {}
            Trouble::Refused(error) => return Err(error),
            Trouble::Lost(done) => {
                match done {
                    Done::Not => {}
                    Done::Now if self.chance.one_in(3) => self.queue(draft, now),
                    Done::Now => drop(self.exchange.send(&draft.id, copy_at)),
                    Done::Later => self.postpone(Late::Send { id: draft.id.clone() }, now),
                }
                return Err(lost());
            }
        }
        let sent = self.exchange.send(&draft.id, copy_at);
        sent.map_err(|()| refused(ResponseCode::new("ErrorItemNotFound"), Effect::Send))?;
        Ok(Outcome::Delivered { sent_as: None })
    }

    fn postpone(&mut self, late: Late, now: Duration) {
        self.tally.late_effects += 1;
        let at = now + Duration::from_secs(self.chance.within(1, LATE_MAX_S).unsigned_abs());
        self.exchange.late.push((at, late));
    }

    /// The server accepts the mail and sends it by and by: it is out of the drafts, and on its way.
    fn queue(&mut self, draft: &Draft, now: Duration) {
        let at = now + Duration::from_secs(self.chance.within(1, QUEUED_MAX_S).unsigned_abs());
        if self.exchange.send(&draft.id, at).is_ok() {
            self.tally.queued += 1;
            let (_, key, letter) = self.exchange.sent.last().unwrap().clone();
            self.exchange.queued.push((at, key, letter));
        }
    }

    fn trouble(&mut self, effect: Effect) -> Trouble {
        let mood = self.exchange.mood;
        if mood == 0 || !self.chance.one_in(mood) {
            return Trouble::None;
        }
        let Self { chance, tally, .. } = self;
        let kind = chance.below(14);
        match kind {
            0..=2 => tally.throttled += 1,
            3 => tally.mailbox_full += 1,
            4..=6 => tally.refused += 1,
            _ => tally.answers_lost += 1,
        }
        Trouble::of(kind, effect, chance)
    }
}

impl Trouble {
    fn of(kind: usize, effect: Effect, chance: &mut Chance) -> Self {
        Self::Refused(match kind {
            0 | 1 => busy(chance.within(5_000, 300_000), effect),
            2 => refused(ResponseCode::SUBMISSION_QUOTA_EXCEEDED, effect),
            3 => refused(ResponseCode::new("ErrorQuotaExceeded"), effect),
            4 => refused(ResponseCode::new("ErrorNonExistentMailbox"), effect),
            5 => refused(ResponseCode::BATCH_PROCESSING_STOPPED, effect),
            6 if effect == Effect::Send => {
                refused(ResponseCode::new("ErrorIrresolvableConflict"), effect)
            }
            6 if effect == Effect::Draft => refused(ResponseCode::new("ErrorItemSave"), effect),
            6 | 7 => transport(TransportError::NotConnected("refused".into())),
            8 | 9 => return Self::Lost(Done::Not),
            10 | 11 => return Self::Lost(Done::Later),
            _ => return Self::Lost(Done::Now),
        })
    }
}

impl World {
    /// The mail as it is laid down: it must say nothing that is not to be said any more.
    fn store(&mut self, mail: &DueMail) -> Stored {
        let person = person_of(&mail.person.address);
        let messages: Vec<&Arc<Message>> = mail.items.iter().map(|item| &item.message).collect();
        assert!(!messages.is_empty(), "an empty mail");
        messages.iter().for_each(|message| self.model.written(message, person));
        let says: Vec<MessageId> = messages.iter().map(|message| message.id()).collect();
        let receipt = mail.receipt.clone().unwrap();
        let covered = says.iter().all(|id| receipt.covers.contains(&receipt::cover(id)));
        assert!(covered, "a mail says what its receipt does not cover");
        let key = mail.key.as_str();
        assert!(!self.exchange.has_draft(key), "a mail is laid down again that lies there");
        self.exchange.made += 1;
        let letter = Letter { person: mail.person.address.clone(), says, receipt };
        Stored { id: format!("draft {}", self.exchange.made), key: key.to_owned(), letter }
    }
}
