//! What a seed stands for: how things are set up, and what happens, in steps that do not depend on
//! each other's chance, so that any of them can be left out.

use super::chance::Chance;

/// How a history is set up.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    /// When it begins, by the clocks of UTC: a few days before the clocks change somewhere.
    pub(super) begin: &'static str,
    /// The zone of whom nothing is known.
    pub(super) zone: &'static str,
    pub(super) schedule: &'static str,
    pub(super) mails_a_day: u32,
    pub(super) gather_s: u32,
    pub(super) spread_s: u32,
    /// Messages with which a digest is due at once.
    pub(super) messages: u32,
    pub(super) first_history: u32,
    /// Posts before the host begins.
    pub(super) before: usize,
}

/// One step: what happens, and the chance that says how.
#[derive(Clone)]
pub(super) struct Step {
    pub(super) kind: Kind,
    pub(super) salt: u64,
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Somebody posts, once or a few times.
    Post,
    /// More posts than two pages of history hold.
    Burst,
    /// The planner and the mail stage have a round.
    Mail,
    /// Time goes by.
    Wait,
    /// Somebody joins or leaves a room, or his mailbox is found or lost.
    Members,
    /// The directory has a round.
    Directory,
    /// An administrator removes a message: in the chat, or by the host's own command.
    Remove,
    /// Somebody chooses another schedule, zone or wish.
    Choose,
    /// The host's clock is set.
    Clock,
    /// The connection breaks, now or after some more bytes.
    Cut,
    /// The chat service or the whole pool starts anew.
    Restart,
    /// An administrator clears a room's history.
    Truncate,
    /// The pool does something wrong a few times.
    Bend,
    /// The service account is put out of a room, or let in again.
    PutOut,
    /// The mail server's mood changes.
    Mood,
    /// The administrator retries or looks at what was given up.
    Retry,
    /// The host is killed after some more effects.
    Kill,
}

/// How often each kind comes, relative to the others.
const KINDS: [(Kind, usize); 17] = [
    (Kind::Post, 24),
    (Kind::Burst, 2),
    (Kind::Mail, 20),
    (Kind::Wait, 10),
    (Kind::Members, 5),
    (Kind::Directory, 4),
    (Kind::Remove, 4),
    (Kind::Choose, 6),
    (Kind::Clock, 3),
    (Kind::Cut, 6),
    (Kind::Restart, 2),
    (Kind::Truncate, 3),
    (Kind::Bend, 5),
    (Kind::PutOut, 2),
    (Kind::Mood, 6),
    (Kind::Retry, 2),
    (Kind::Kill, 10),
];

const BEGINNINGS: [&str; 7] = [
    // Berlin ahead on the 28th, New York on the 14th; back in autumn.
    "2027-03-27T18:00",
    "2027-03-13T22:00",
    "2027-10-30T20:00",
    "2027-11-06T23:00",
    // Lord Howe, by half an hour.
    "2027-04-03T09:00",
    "2027-10-02T10:00",
    "2027-12-31T06:00",
];

/// Samoa leaves out a day. Seldom: finding the next time takes long there.
const DAY_LEFT_OUT: &str = "2011-12-29T20:00";

pub(super) const ZONES: [&str; 6] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kolkata",
    "UTC",
];

pub(super) const SCHEDULES: [&str; 8] = [
    "every 1h",
    "daily at 08:00",
    "weekdays at 02:30",
    "every 15m",
    "daily at 02:15",
    "weekdays at 08:00 and 16:00",
    "cron 30 1 * * *",
    "daily at 00:00",
];

/// The history of a seed.
pub(super) fn script(seed: u64) -> (Setup, Vec<Step>) {
    let mut chance = Chance(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0x5EED);
    let setup = Setup {
        begin: if chance.one_in(50) { DAY_LEFT_OUT } else { chance.of(&BEGINNINGS) },
        zone: chance.of(&ZONES),
        schedule: chance.of(&SCHEDULES),
        mails_a_day: chance.of(&[0, 0, 1, 3]),
        gather_s: chance.of(&[0, 0, 120]),
        spread_s: chance.of(&[0, 0, 600]),
        messages: chance.of(&[0, 0, 3]),
        first_history: chance.of(&[0, 0, 30]),
        before: chance.of(&[0, 0, 3]),
    };
    let count = if chance.one_in(60) { 200 } else { 8 + chance.below(28) };
    let total = KINDS.iter().map(|(_, share)| share).sum();
    let steps = (0..count).map(|_| {
        let mut place = chance.below(total);
        let kind = KINDS.iter().find(|(_, share)| {
            let found = place < *share;
            place = place.saturating_sub(*share);
            found
        });
        Step { kind: kind.unwrap().0, salt: chance.next() }
    });
    let steps = steps.collect();
    (setup, steps)
}
