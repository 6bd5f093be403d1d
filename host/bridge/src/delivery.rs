//! Deliveries: what becomes of one message for one person, and the mails that come of it.

use std::collections::HashMap;
use std::fmt;

use jiff::{Timestamp, tz::TimeZone};

use crate::digest::{Cover, ShareKey};
use crate::hash::Fields;
use crate::member::{Language, Member};
use crate::message::{Address, MessageId, Person};
use crate::plan::{Action, Decision, Plan};
use crate::preference::Form;
use crate::schedule::Schedule;

/// Why a message that was to be mailed at once waits for the digest.
pub const NOTE_FOLDED: &str = "folded into the digest: the day's number of mails is reached";

/// Names a mail to be: 32 lower-case hexadecimal digits. It travels on the mail, so that after an
/// unknown outcome the mail can be looked for. Lower case because not every store compares with
/// case (ews.md 2.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryKey(String);

impl DeliveryKey {
    /// Derived from who gets it and what it covers, in any order; not from the clock: the same
    /// mail planned twice is one mail. `epoch` is 0, and one more whenever an administrator has
    /// it sent afresh.
    pub fn derive<'a>(
        person: &Address,
        covers: impl IntoIterator<Item = &'a MessageId>,
        epoch: u32,
    ) -> Self {
        let mut covers: Vec<_> = covers.into_iter().map(MessageId::as_str).collect();
        covers.sort_unstable();
        let head = Fields::new("delivery").text(person.as_str()).number(epoch.into());
        Self(covers.into_iter().fold(head, Fields::text).finish())
    }

    /// The key under which a mail is sent afresh, after an administrator wants it in spite of what
    /// became of this one.
    #[must_use]
    pub fn again(&self) -> Self {
        Self(Fields::new("again").text(&self.0).finish())
    }

    /// Takes a key as it was stored or found on a mail.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The reader of a mail, as far as its text may depend on him.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Readers {
    /// The language to write in.
    pub language: Language,
    /// The time zone to tell times in; `None` for the configured one.
    pub time_zone: Option<String>,
    /// Whether every message of the mail names him.
    pub named: bool,
}

impl Readers {
    /// What a mail's text may depend on for `member`.
    pub fn of(member: &Member, named: bool) -> Self {
        Self { language: member.language, time_zone: member.time_zone.clone(), named }
    }
}

/// When mail for one person goes out.
#[derive(Clone, Debug)]
pub struct Timing {
    /// When his digest comes.
    pub schedule: Schedule,
    /// By which clocks.
    pub zone: TimeZone,
    /// Whether he has had as many mails today as he may: what would go at once is kept.
    pub capped: bool,
}

/// How mail is gathered; the same for everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gathering {
    /// How long a message that is mailed at once waits for others, in milliseconds; each that comes
    /// lets it wait so long again.
    pub window_ms: i64,
    /// How long the first of them waits at most, in milliseconds.
    pub ceiling_ms: i64,
    /// Over how long digests of one time are spread, in milliseconds: each person has a place of
    /// his own in it.
    pub spread_ms: i64,
}

/// What becomes of one message for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// For whom.
    pub person: Address,
    /// What was decided.
    pub action: Action,
    /// Why.
    pub reason: String,
    /// Whether the message names him.
    pub named: bool,
    /// What the host adds to the reason: that it was folded, or spread.
    pub note: Option<String>,
    /// Where it stands.
    pub fate: Fate,
}

/// Where a delivery stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stands in this mail; the mail's own state tells the rest.
    Mailed(DeliveryKey),
    /// It waits with others of its queue and goes out with them.
    Kept {
        /// Which queue: the schedule's words. All rooms of one schedule come in one mail.
        queue: Schedule,
        /// When it is due if nothing waits there yet, in milliseconds since 1970.
        due_ms: i64,
    },
    /// It is not mailed.
    Skipped,
    /// Something stands in the way; it goes out when that is gone.
    Held {
        /// What.
        why: String,
    },
}

/// A mail to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// Names it for good.
    pub key: DeliveryKey,
    /// Who gets it.
    pub person: Person,
    /// Where.
    pub mailbox: String,
    /// Equal for mails whose text is the same.
    pub share: ShareKey,
    /// What its text may depend on.
    pub readers: Readers,
    /// Whether its messages were collected.
    pub digest: bool,
    /// How many messages it covers.
    pub covers: usize,
    /// When it may go, in milliseconds since 1970.
    pub due_ms: i64,
    /// The day it counts for, see [`day`].
    pub day: i64,
}

/// A plan with all that follows from it, to be committed at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// About which message.
    pub message: MessageId,
    /// Why the host decided in the guest's place.
    pub fallback: Option<String>,
    /// One for each member offered.
    pub deliveries: Vec<Delivery>,
    /// Those that go now.
    pub mails: Vec<NewMail>,
    /// When it was settled, in milliseconds since 1970.
    pub settled_ms: i64,
}

/// The day of a moment by a zone's calendar, as in 20270304.
#[must_use]
pub fn day(zone: &TimeZone, unix_ms: i64) -> i64 {
    let time = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    let date = time.to_zoned(zone.clone()).date();
    i64::from(date.year()) * 10_000 + i64::from(date.month()) * 100 + i64::from(date.day())
}

/// A person's place in the spread of digests that are due at one time, in milliseconds.
#[must_use]
pub fn spread(person: &Address, spread_ms: i64) -> i64 {
    let name = Fields::new("spread").text(person.as_str()).finish();
    let place = name.get(..15).and_then(|digits| i64::from_str_radix(digits, 16).ok());
    place.unwrap_or(0).checked_rem(spread_ms).unwrap_or(0)
}

/// Says what follows from `plan`: who is mailed now, and for whom it is kept until when. `timing`
/// tells of each member when he is mailed.
pub fn settle(
    message: &MessageId,
    plan: Plan,
    gathering: &Gathering,
    timing: impl Fn(&Member) -> Timing,
    now_ms: i64,
) -> Settled {
    let mut settling = Settling {
        gathering,
        next: HashMap::new(),
        daily: HashMap::new(),
        settled: Settled { fallback: plan.fallback, ..Settled::nobody(message, now_ms) },
    };
    for decision in plan.decisions {
        let timing = timing(&decision.member);
        let (fate, note) = settling.fate(&decision, &timing);
        settling.settled.deliveries.push(Delivery {
            person: decision.member.person.address,
            action: decision.action,
            reason: decision.reason.to_string(),
            named: decision.named,
            note,
            fate,
        });
    }
    settling.settled
}

struct Settling<'g> {
    gathering: &'g Gathering,
    /// Times worked out already: a room's members share few schedules and zones.
    next: HashMap<(Schedule, String), i64>,
    /// The schedules of times of day that actions name.
    daily: HashMap<Action, Option<Schedule>>,
    settled: Settled,
}

impl Settling<'_> {
    fn fate(&mut self, decision: &Decision, timing: &Timing) -> (Fate, Option<String>) {
        if let Some(why) = decision.held {
            return (Fate::Held { why: why.to_owned() }, None);
        }
        match (decision.action, &decision.member.mailbox) {
            (Action::Skip, _) => (Fate::Skipped, None),
            (Action::Keep, _) => self.kept(decision, timing),
            (Action::KeepUntil { .. }, _) => self.kept_until(decision, timing),
            (Action::MailNow, None) => {
                (Fate::Held { why: crate::plan::HELD_NO_MAILBOX.to_owned() }, None)
            }
            (Action::MailNow, _) if timing.capped => {
                (self.kept(decision, timing).0, Some(NOTE_FOLDED.to_owned()))
            }
            (Action::MailNow, _) if self.gathering.window_ms > 0 => (self.soon(), None),
            (Action::MailNow, Some(mailbox)) => {
                let mail = self.settled.mail(decision, mailbox, &timing.zone);
                let key = mail.key.clone();
                self.settled.mails.push(mail);
                (Fate::Mailed(key), None)
            }
        }
    }

    fn soon(&self) -> Fate {
        let due_ms = self.settled.settled_ms.saturating_add(self.gathering.window_ms);
        Fate::Kept { queue: Schedule::instant(), due_ms }
    }

    fn kept(&mut self, decision: &Decision, timing: &Timing) -> (Fate, Option<String>) {
        if timing.schedule.is_instant() {
            return (self.soon(), None);
        }
        self.kept_on(timing.schedule.clone(), decision, &timing.zone)
    }

    /// Kept until a time of day, in the queue of everybody's who has that as his schedule.
    fn kept_until(&mut self, decision: &Decision, timing: &Timing) -> (Fate, Option<String>) {
        let action = decision.action;
        match self.daily.entry(action).or_insert_with(|| action.schedule()).clone() {
            Some(daily) => self.kept_on(daily, decision, &timing.zone),
            // No plan that was checked has a time that there is not.
            None => self.kept(decision, timing),
        }
    }

    fn kept_on(
        &mut self,
        schedule: Schedule,
        decision: &Decision,
        zone: &TimeZone,
    ) -> (Fate, Option<String>) {
        let now_ms = self.settled.settled_ms;
        let name = zone.iana_name().unwrap_or_default().to_owned();
        let next_ms = *self
            .next
            .entry((schedule.clone(), name))
            .or_insert_with(|| schedule.next(zone, now_ms));
        let late_ms = spread(&decision.member.person.address, self.gathering.spread_ms);
        let note = (late_ms >= 1000).then(|| format!("spread by {} s", late_ms / 1000));
        let due_ms = next_ms.saturating_add(late_ms);
        (Fate::Kept { queue: schedule, due_ms }, note)
    }
}

impl Settled {
    /// Nobody gets anything.
    #[must_use]
    pub fn nobody(message: &MessageId, now_ms: i64) -> Self {
        Self {
            message: message.clone(),
            fallback: None,
            deliveries: Vec::new(),
            mails: Vec::new(),
            settled_ms: now_ms,
        }
    }

    fn mail(&self, decision: &Decision, mailbox: &str, zone: &TimeZone) -> NewMail {
        let readers = Readers::of(&decision.member, decision.named);
        let cover = Cover {
            message: &self.message,
            reason: &decision.reason,
            named: decision.named,
            form: Form::Complete,
        };
        NewMail {
            key: DeliveryKey::derive(&decision.member.person.address, [&self.message], 0),
            person: decision.member.person.clone(),
            mailbox: mailbox.to_owned(),
            share: ShareKey::derive([cover], &readers, false),
            readers,
            digest: false,
            covers: 1,
            due_ms: self.settled_ms,
            day: day(zone, self.settled_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "tests stop at the first surprise"
    )]

    use super::*;
    use crate::plan::Offer;
    use crate::plan::tests::{member, message, person};

    fn timing(words: &str) -> Timing {
        let schedule = Schedule::parse(words).unwrap();
        Timing { schedule, zone: TimeZone::UTC, capped: false }
    }

    fn offer(members: Vec<Member>) -> (MessageId, Offer) {
        let message = message("bob", 1);
        (message.id(), Offer::new(&message, members, &person("bot").address, 5))
    }

    #[test]
    fn each_action_has_its_fate() {
        let (message, offer) = offer(vec![
            member("anna"),
            member("bea"),
            member("cyd"),
            Member { mailbox: None, ..member("dee") },
        ]);
        let mut plan = Plan::fallback(&offer, "test");
        plan.decisions[1].action = Action::Keep;
        plan.decisions[2].action = Action::Skip;
        let hourly = timing("every 1h");
        let settled = settle(&message, plan, &Gathering::default(), |_| hourly.clone(), 5_000_000);
        assert_eq!(settled.mails.len(), 1);
        assert_eq!(settled.mails[0].day, 19700101);
        let key = settled.mails[0].key.clone();
        let fates: Vec<_> = settled.deliveries.into_iter().map(|d| d.fate).collect();
        assert_eq!(fates[0], Fate::Mailed(key));
        assert_eq!(fates[1], Fate::Kept { queue: hourly.schedule, due_ms: 7_200_000 });
        assert_eq!(fates[2], Fate::Skipped);
        assert!(matches!(fates[3], Fate::Held { .. }));
    }

    /// The same moment is another time of day for each: everybody has eight o'clock of his own.
    #[test]
    fn everybody_has_his_own_schedule_and_clock() {
        let (message, offer) = offer(vec![member("anna"), member("bea"), member("cyd")]);
        let mut plan = Plan::fallback(&offer, "test");
        plan.decisions.iter_mut().for_each(|decision| decision.action = Action::Keep);
        let daily = timing("daily at 08:00");
        let of = |member: &Member| match member.person.name.as_str() {
            "anna" => daily.clone(),
            "bea" => Timing { zone: TimeZone::get("Asia/Tokyo").unwrap(), ..daily.clone() },
            _ => timing("instant"),
        };
        let gathering = Gathering { window_ms: 120_000, ..Gathering::default() };
        let settled = settle(&message, plan, &gathering, of, 0);
        let due = |fate: &Fate| match fate {
            Fate::Kept { queue, due_ms } => (queue.to_string(), *due_ms),
            other => panic!("{other:?}"),
        };
        let fates: Vec<_> = settled.deliveries.iter().map(|d| due(&d.fate)).collect();
        let daily = || "daily at 08:00".to_owned();
        let hours = |hours: i64| hours * 3_600_000;
        assert_eq!(
            fates,
            [(daily(), hours(8)), (daily(), hours(23)), ("instant".to_owned(), 120_000)]
        );
    }

    /// Whoever gets everything at once, or has had all mails of a day, waits for it no less.
    #[test]
    fn a_time_of_day_stands_above_the_schedule() {
        let (message, offer) = offer(vec![member("anna"), member("bea"), member("cyd")]);
        let mut plan = Plan::fallback(&offer, "test");
        let until = Action::KeepUntil { hour: 8, minute: 0 };
        plan.decisions.iter_mut().for_each(|decision| decision.action = until);
        let of = |member: &Member| match member.person.name.as_str() {
            "anna" => Timing { capped: true, ..timing("instant") },
            "bea" => timing("every 1h"),
            _ => Timing { zone: TimeZone::get("Asia/Tokyo").unwrap(), ..timing("daily at 08:00") },
        };
        let gathering = Gathering { window_ms: 120_000, ..Gathering::default() };
        let settled = settle(&message, plan, &gathering, of, 0);
        assert_eq!(settled.mails, []);
        let hours = settled.deliveries.iter().map(|delivery| match &delivery.fate {
            Fate::Kept { queue, due_ms } if queue.as_str() == "daily at 08:00" => {
                due_ms / 3_600_000
            }
            other => panic!("{other:?}"),
        });
        assert_eq!(hours.collect::<Vec<_>>(), [8, 8, 23]);
    }

    /// Half past two does not come on the day the clocks go forward: the end of the jump does.
    #[test]
    fn a_time_of_day_follows_the_clocks() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let due = |now: &str| {
            let (message, offer) = offer(vec![member("anna")]);
            let mut plan = Plan::fallback(&offer, "test");
            plan.decisions[0].action = Action::KeepUntil { hour: 2, minute: 30 };
            let now_ms = now.parse::<Timestamp>().unwrap().as_millisecond();
            let of = |_: &Member| Timing { zone: berlin.clone(), ..timing("instant") };
            let settled = settle(&message, plan, &Gathering::default(), of, now_ms);
            let Fate::Kept { due_ms, .. } = settled.deliveries[0].fate else { panic!("{now}") };
            Timestamp::from_millisecond(due_ms).unwrap().to_string()
        };
        assert_eq!(due("2027-03-27T12:00:00Z"), "2027-03-28T01:00:00Z");
        assert_eq!(due("2027-03-28T01:00:00Z"), "2027-03-29T00:30:00Z");
        // They go back: the first half past two only.
        assert_eq!(due("2027-10-30T12:00:00Z"), "2027-10-31T00:30:00Z");
        assert_eq!(due("2027-10-31T00:30:00Z"), "2027-11-01T01:30:00Z");
    }

    #[test]
    fn past_the_days_number_of_mails_it_is_folded() {
        let (message, offer) = offer(vec![member("anna")]);
        let plan = Plan::fallback(&offer, "test");
        let capped = Timing { capped: true, ..timing("daily at 08:00") };
        let settled = settle(&message, plan, &Gathering::default(), |_| capped.clone(), 0);
        assert_eq!(settled.mails, []);
        let delivery = &settled.deliveries[0];
        assert_eq!(delivery.note.as_deref(), Some(NOTE_FOLDED));
        assert!(matches!(&delivery.fate, Fate::Kept { due_ms: 28_800_000, .. }));
    }

    #[test]
    fn a_rush_is_spread_and_says_so() {
        let names = (0..50).map(|n| format!("p{n}")).collect::<Vec<_>>();
        let (message, offer) = offer(names.iter().map(|name| member(name)).collect());
        let mut plan = Plan::fallback(&offer, "test");
        plan.decisions.iter_mut().for_each(|decision| decision.action = Action::Keep);
        let gathering = Gathering { spread_ms: 600_000, ..Gathering::default() };
        let daily = timing("daily at 08:00");
        let settled = settle(&message, plan, &gathering, |_| daily.clone(), 0);
        let mut late_s = Vec::new();
        for delivery in &settled.deliveries {
            let Fate::Kept { due_ms, .. } = delivery.fate else { panic!("{delivery:?}") };
            let late_ms = due_ms - 28_800_000;
            assert!((0..600_000).contains(&late_ms));
            let note = (late_ms >= 1000).then(|| format!("spread by {} s", late_ms / 1000));
            assert_eq!(delivery.note, note);
            late_s.push(late_ms / 60_000);
        }
        late_s.sort_unstable();
        late_s.dedup();
        assert!(late_s.len() >= 8, "{late_s:?}");
    }

    #[test]
    fn days_are_those_of_the_zone() {
        let moment = 1_799_010_000_000; // 2027-01-03T21:00:00Z
        assert_eq!(day(&TimeZone::UTC, moment), 20270103);
        assert_eq!(day(&TimeZone::get("Asia/Tokyo").unwrap(), moment), 20270104);
    }

    #[test]
    fn equal_texts_share_and_others_do_not() {
        let mut members = vec![member("anna"), member("bea"), member("cyd")];
        members[2].language = Language::from_tag("de");
        let (message, offer) = offer(members);
        let plan = Plan::fallback(&offer, "x");
        let hourly = timing("every 1h");
        let mails = settle(&message, plan, &Gathering::default(), |_| hourly.clone(), 0).mails;
        assert_eq!(mails[0].share, mails[1].share);
        assert_ne!(mails[0].share, mails[2].share);
        assert_ne!(mails[0].key, mails[1].key);
    }

    #[test]
    fn keys_depend_on_who_what_and_epoch_alone() {
        let (a, b) = (message("bob", 1).id(), message("bob", 2).id());
        let key = |covers: &[&MessageId], epoch| {
            DeliveryKey::derive(&person("anna").address, covers.iter().copied(), epoch)
        };
        assert_eq!(key(&[&a, &b], 0), key(&[&b, &a], 0));
        assert_ne!(key(&[&a, &b], 0), key(&[&a], 0));
        assert_ne!(key(&[&a], 0), key(&[&a], 1));
        assert!(key(&[&a], 0).as_str().chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')));
    }
}
