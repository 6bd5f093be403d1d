//! What a person wants: how soon, when, in which form. Said in layers, of which the upper one
//! counts: the host's defaults, the room's, the administrator's word for the person, the person's
//! own word for everything, and for the room.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::member::Wish;
use crate::schedule::Schedule;

/// How a digest reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Form {
    /// Every message.
    #[default]
    Complete,
    /// Counts, and what deserves a look.
    Summary,
}

impl Form {
    /// The word under which it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Summary => "summary",
        }
    }

    /// Reads [`as_str`](Self::as_str) back; `None` for any other word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Complete, Self::Summary].into_iter().find(|form| form.as_str() == word)
    }
}

/// What one layer says; what it does not say is left to the layers below.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// How soon.
    pub wish: Option<Wish>,
    /// When what is collected comes.
    pub schedule: Option<Schedule>,
    /// How it reads.
    pub form: Option<Form>,
    /// The zone of the schedule and of the times in mails, e.g. `Europe/Berlin`.
    pub time_zone: Option<String>,
}

impl Choice {
    /// This layer upon one below.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        Self {
            wish: self.wish.or(below.wish),
            schedule: self.schedule.clone().or_else(|| below.schedule.clone()),
            form: self.form.or(below.form),
            time_zone: self.time_zone.clone().or_else(|| below.time_zone.clone()),
        }
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What people may choose for themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Which wishes; the others stay what the administrator has set.
    pub wishes: Vec<Wish>,
    /// The shortest time between two digests.
    pub shortest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let wishes = vec![Wish::Instant, Wish::Digest, Wish::Mentions, Wish::Off];
        Self { wishes, shortest: Duration::ZERO }
    }
}

impl Limits {
    /// A person's own choice without what the limits forbid: they may have been tightened since.
    #[must_use]
    pub fn allow(&self, choice: &Choice) -> Choice {
        Choice {
            wish: choice.wish.filter(|wish| self.allows(*wish)),
            schedule: choice.schedule.clone().filter(|schedule| self.is_long(schedule)),
            ..choice.clone()
        }
    }

    /// Whether people may choose this.
    #[must_use]
    pub fn allows(&self, wish: Wish) -> bool {
        wish == Wish::None || self.wishes.contains(&wish)
    }

    /// Whether a schedule leaves enough time between two digests, by UTC and over the week that
    /// begins with the first. That may be ten thousand times: not for every message.
    #[must_use]
    pub fn is_long(&self, schedule: &Schedule) -> bool {
        const WEEK_MS: i64 = 7 * 24 * 3_600_000;
        let shortest_ms = i64::try_from(self.shortest.as_millis()).unwrap_or(i64::MAX);
        if shortest_ms == 0 || schedule.is_instant() {
            return true;
        }
        let next = |at_ms| schedule.next(&TimeZone::UTC, at_ms);
        let first_ms = next(0);
        let mut at_ms = first_ms;
        while at_ms < first_ms.saturating_add(WEEK_MS) {
            let next_ms = next(at_ms);
            if next_ms.saturating_sub(at_ms) < shortest_ms {
                return false;
            }
            at_ms = next_ms;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;

    fn schedule(words: &str) -> Schedule {
        Schedule::parse(words).unwrap()
    }

    #[test]
    fn the_upper_layer_counts_where_it_speaks() {
        let below = Choice {
            wish: Some(Wish::Digest),
            schedule: Some(schedule("daily at 08:00")),
            time_zone: Some("UTC".into()),
            ..Choice::default()
        };
        let above = Choice {
            schedule: Some(schedule("every 2h")),
            form: Some(Form::Summary),
            ..Choice::default()
        };
        let both = above.over(&below);
        assert_eq!(both.wish, Some(Wish::Digest));
        assert_eq!(both.schedule, Some(schedule("every 2h")));
        assert_eq!((both.form, both.time_zone.as_deref()), (Some(Form::Summary), Some("UTC")));
        assert_eq!(Choice::default().over(&below), below);
        assert!(Choice::default().is_empty() && !below.is_empty());
    }

    #[test]
    fn limits_take_away_what_they_forbid() {
        let limits = Limits { wishes: vec![Wish::Digest], shortest: Duration::from_secs(3600) };
        let choice = Choice {
            wish: Some(Wish::Off),
            schedule: Some(schedule("every 30m")),
            form: Some(Form::Summary),
            ..Choice::default()
        };
        let allowed = limits.allow(&choice);
        assert_eq!((allowed.wish, allowed.schedule, allowed.form), (None, None, choice.form));
        for (words, long) in [
            ("every 1h", true),
            ("daily at 08:00 and 08:30", false),
            ("cron 0,30 8 * * 1", false),
            ("cron 0 8 1 * *", true),
            ("instant", true),
            ("every 1s", false),
            // The first of them is in the second week of all time.
            ("cron 0,59 8,9 15 * *", false),
        ] {
            assert_eq!(limits.is_long(&schedule(words)), long, "{words}");
        }
        // As many times a week as there are minutes.
        let limits = Limits { shortest: Duration::from_secs(60), ..limits };
        for (words, long) in [("every 5m", true), ("every 1m", true), ("every 30s", false)] {
            assert_eq!(limits.is_long(&schedule(words)), long, "{words}");
        }
    }

    #[test]
    fn words_read_back() {
        for form in [Form::Complete, Form::Summary] {
            assert_eq!(Form::from_word(form.as_str()), Some(form));
        }
        assert_eq!(Form::from_word("Complete"), None);
    }
}
