//! When mail goes out: words such as `weekdays at 08:00`, made into times.
//!
//! | Words | Meaning |
//! |---|---|
//! | `instant` | at once |
//! | `every 15m`, `every 2h`, `hourly` | at whole multiples by the clock, counted from midnight |
//! | `daily at 08:00`, `weekdays at 08:00 and 16:30`, `weekends at 10:00`, `mon, thu at 9:00` | at these times |
//! | `cron 0 8 * * 1-5` | five fields: minute, hour, day of the month, month, day of the week |
//!
//! All in a time zone that is handed in. Where its clock jumps ahead, what falls into the gap comes
//! at the gap's end, once; where it goes back, a time of day comes the first time only, and what
//! repeats (`every 30m`) comes in each of the two hours.

mod words;

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use croner::Cron;
use jiff::{Timestamp, Zoned, tz::TimeZone};

use self::words::{Days, listed, period, times_of_day};

/// Most times of day in one schedule.
pub const TIMES_MAX: usize = 24;

/// Longest text that is read as a schedule, in bytes.
pub const TEXT_BYTES_MAX: usize = 200;

/// The longest jump of a zone's clock that is bridged.
const HOURS_LEFT_OUT_MAX: i64 = 48;

/// The wait when a schedule has no next time, which none that was accepted should come to.
const NEVER_MS: i64 = 7 * 24 * 3_600_000;

/// Says when what is kept goes out. Two that say the same in other words are equal. Cheap to clone:
/// every member of a room has one.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// In the words that [`Schedule::parse`] takes, always the same for the same times: they alone
    /// are compared.
    text: Arc<str>,
    rule: Arc<Rule>,
}

#[derive(Debug, PartialEq, Eq)]
enum Rule {
    Instant,
    /// Below a minute: no clock shows it, so no zone counts.
    Every {
        every_ms: i64,
    },
    /// The first of these.
    Times(Vec<Cron>),
}

/// Words that are no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Nothing that is known.
    #[error(
        "`{0}` is no schedule: say `instant`, `every 2h`, `daily at 08:00`, `weekdays at 08:00 and 16:00`, `mon, thu at 09:00`, or `cron 0 8 * * 1-5`"
    )]
    Words(String),
    /// An interval that does not fit the clock.
    #[error(
        "every {0} does not come out even: seconds and minutes must divide 60, hours must divide 24"
    )]
    Interval(String),
    /// No time of day.
    #[error("`{0}` is no time of day: write it as 08:00, from 00:00 to 23:59")]
    Time(String),
    /// More than [`TIMES_MAX`] times.
    #[error("{0} times a day: at most {TIMES_MAX} are allowed")]
    Times(usize),
    /// A cron expression that cannot be read.
    #[error("`{text}` is no cron expression of five fields: {why}")]
    Cron {
        /// The expression.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// A cron expression that no date fits.
    #[error("`{0}` never comes: no date fits it")]
    Never(String),
}

impl Schedule {
    fn new(text: &str, rule: Rule) -> Self {
        Self { text: text.into(), rule: Arc::new(rule) }
    }

    /// At once.
    #[must_use]
    pub fn instant() -> Self {
        Self::new("instant", Rule::Instant)
    }

    /// At whole multiples of `every`: see [`Schedule::parse`].
    ///
    /// # Errors
    /// [`ScheduleError::Interval`].
    pub fn every(every: Duration) -> Result<Self, ScheduleError> {
        let seconds = every.as_secs();
        let whole = every.subsec_nanos() == 0 && seconds > 0;
        let refused = || ScheduleError::Interval(format!("{every:?}"));
        match seconds {
            _ if !whole => Err(refused()),
            1..60 if 60 % seconds == 0 => {
                let every_ms = i64::try_from(seconds * 1000).map_err(|_| refused())?;
                Ok(Self::new(&format!("every {seconds}s"), Rule::Every { every_ms }))
            }
            60..3600 if seconds.is_multiple_of(60) && 3600 % seconds == 0 => {
                let minutes = seconds / 60;
                Self::times(format!("every {minutes}m"), [format!("*/{minutes} * * * *")])
            }
            3600..=86_400 if seconds.is_multiple_of(3600) && 86_400 % seconds == 0 => {
                let hours = seconds / 3600;
                let hour = if hours == 24 { "0".to_owned() } else { format!("*/{hours}") };
                Self::times(format!("every {hours}h"), [format!("0 {hour} * * *")])
            }
            _ => Err(refused()),
        }
    }

    /// Every day at one time: `daily at 08:00`.
    ///
    /// # Errors
    /// [`ScheduleError::Time`] if the clock does not show it.
    pub fn daily(hour: u8, minute: u8) -> Result<Self, ScheduleError> {
        if hour > 23 || minute > 59 {
            return Err(ScheduleError::Time(format!("{hour:02}:{minute:02}")));
        }
        Self::times(Self::daily_words(hour, minute), [format!("{minute} {hour} * * *")])
    }

    /// What [`daily`](Self::daily) is in words.
    pub(crate) fn daily_words(hour: u8, minute: u8) -> String {
        format!("daily at {hour:02}:{minute:02}")
    }

    /// Reads a schedule from words, in any letter case; the table above says which.
    ///
    /// # Errors
    /// [`ScheduleError`], with what is allowed.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let unknown = || ScheduleError::Words(clip(text));
        if text.len() > TEXT_BYTES_MAX {
            return Err(unknown());
        }
        let words = text.to_lowercase();
        let words = words.trim();
        let (first, rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
        match first {
            "instant" | "instantly" if rest.is_empty() => Ok(Self::instant()),
            "hourly" if rest.is_empty() => Self::every(Duration::from_secs(3600)),
            "every" => Self::every(period(rest).ok_or_else(unknown)?),
            "cron" => Self::cron(rest.trim()),
            _ => Self::days(words).unwrap_or_else(|| Err(unknown())),
        }
    }

    fn cron(text: &str) -> Result<Self, ScheduleError> {
        let fields = text.split_whitespace().collect::<Vec<_>>();
        if fields.len() != 5 {
            let why = format!("it has {} fields", fields.len());
            return Err(ScheduleError::Cron { text: text.to_owned(), why });
        }
        let text = fields.join(" ").to_uppercase();
        Self::times(format!("cron {text}"), [text])
    }

    /// `daily at 08:00`; `None` if the words do not begin with days.
    fn days(words: &str) -> Option<Result<Self, ScheduleError>> {
        let start = words.find(|c: char| c.is_ascii_digit())?;
        let (days, times) = words.split_at_checked(start)?;
        let days = days.trim_end().strip_suffix("at").unwrap_or(days);
        let days = Days::parse(days)?;
        Some(times_of_day(times).and_then(|times| {
            let shown: Vec<_> = times.iter().map(|(h, m)| format!("{h:02}:{m:02}")).collect();
            let text = format!("{days} at {}", listed(&shown));
            let crons = times.iter().map(|(h, m)| format!("{m} {h} * * {}", days.field()));
            Self::times(text, crons)
        }))
    }

    fn times(text: String, crons: impl IntoIterator<Item = String>) -> Result<Self, ScheduleError> {
        let read = |cron: String| {
            let read: Result<Cron, _> = cron.parse();
            read.map_err(|error| ScheduleError::Cron { text: cron, why: error.to_string() })
        };
        let crons = crons.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let start = Zoned::new(Timestamp::UNIX_EPOCH, TimeZone::UTC);
        if crons.iter().any(|cron| cron.find_next_occurrence(&start, false).is_err()) {
            return Err(ScheduleError::Never(text));
        }
        Ok(Self::new(&text, Rule::Times(crons)))
    }

    /// The schedule in words that [`Schedule::parse`] takes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is `instant`.
    #[must_use]
    pub fn is_instant(&self) -> bool {
        *self.rule == Rule::Instant
    }

    /// The first time after `now_ms`, never `now_ms` itself, by the clocks of `zone`; for
    /// `instant`, the next millisecond.
    #[must_use]
    pub fn next(&self, zone: &TimeZone, now_ms: i64) -> i64 {
        match &*self.rule {
            Rule::Instant => now_ms.saturating_add(1),
            Rule::Every { every_ms } => {
                now_ms.div_euclid(*every_ms).saturating_add(1).saturating_mul(*every_ms)
            }
            Rule::Times(crons) => {
                let first = crons.iter().filter_map(|cron| occurrence(cron, zone, now_ms)).min();
                first.unwrap_or(now_ms.saturating_add(NEVER_MS))
            }
        }
    }
}

/// The next time of a cron expression. A day that a zone's calendar leaves out altogether (Samoa,
/// 30 December 2011) is beyond it: it goes on from behind that day.
fn occurrence(cron: &Cron, zone: &TimeZone, now_ms: i64) -> Option<i64> {
    const HOUR_MS: i64 = 3_600_000;
    (0..=HOURS_LEFT_OUT_MAX).find_map(|hours| {
        let from_ms = now_ms.saturating_add(hours * HOUR_MS);
        let from = Timestamp::from_millisecond(from_ms).ok()?.to_zoned(zone.clone());
        let at = cron.find_next_occurrence(&from, false).ok()?;
        Some(at.timestamp().as_millisecond())
    })
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Schedule {}

impl PartialOrd for Schedule {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Schedule {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for Schedule {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn clip(words: &str) -> String {
    crate::text::clip(&crate::text::one_line(words), 60).into_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;

    fn at(text: &str, zone: &TimeZone) -> i64 {
        let civil: jiff::civil::DateTime = text.parse().unwrap();
        civil.to_zoned(zone.clone()).unwrap().timestamp().as_millisecond()
    }

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    /// The next `count` times after a moment of the zone's clocks, as they show them.
    fn times(schedule: &str, name: &str, after: &str, count: usize) -> String {
        let (schedule, zone) = (Schedule::parse(schedule).unwrap(), zone(name));
        let mut now_ms = at(after, &zone);
        let next = || {
            now_ms = schedule.next(&zone, now_ms);
            let at = Timestamp::from_millisecond(now_ms).unwrap().to_zoned(zone.clone());
            at.strftime("%d.%H:%M%:z").to_string()
        };
        std::iter::repeat_with(next).take(count).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_are_read_and_written_in_one_way() {
        for (words, text) in [
            ("Instant", "instant"),
            ("hourly", "every 1h"),
            ("every hour", "every 1h"),
            ("every 90 s", ""),
            ("every 30 minutes", "every 30m"),
            ("every 120m", "every 2h"),
            ("every day", "every 24h"),
            ("daily 8:00", "daily at 08:00"),
            ("every day at 08:00", ""),
            ("Weekdays at 16:30, 08:00", "weekdays at 08:00 and 16:30"),
            ("workdays 08:00", "weekdays at 08:00"),
            ("Mondays and thu at 9:05", "mon, thu at 09:05"),
            ("mon,tue,wed,thu,fri at 08:00", "weekdays at 08:00"),
            ("tuesdays 08:00 and 08:00", "tue at 08:00"),
            ("cron  0 8  * * mon-fri", "cron 0 8 * * MON-FRI"),
        ] {
            match Schedule::parse(words) {
                Ok(schedule) => {
                    assert_eq!(schedule.as_str(), text, "{words}");
                    assert_eq!(Schedule::parse(text).unwrap(), schedule, "{words}");
                }
                Err(error) => assert_eq!(text, "", "{words}: {error}"),
            }
        }
    }

    #[test]
    fn a_time_of_day_is_a_schedule_of_every_day() {
        for (hour, minute) in [(0, 0), (8, 0), (23, 59)] {
            let words = format!("daily at {hour:02}:{minute:02}");
            let daily = Schedule::daily(hour, minute).unwrap();
            assert_eq!(
                (daily.as_str(), &daily.rule),
                (&*words, &Schedule::parse(&words).unwrap().rule)
            );
        }
        assert_eq!(Schedule::daily(24, 0), Err(ScheduleError::Time("24:00".into())));
        assert_eq!(Schedule::daily(8, 60), Err(ScheduleError::Time("08:60".into())));
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_a_word_of_help() {
        for (words, told) in [
            ("", "is no schedule: say `instant`"),
            ("soon", "is no schedule"),
            ("daily", "is no schedule"),
            ("daily at noon", "is no schedule"),
            ("at 08:00", "is no schedule"),
            ("someday at 08:00", "is no schedule"),
            ("every 7h", "does not come out even"),
            ("every 0m", "does not come out even"),
            ("every 2d", "does not come out even"),
            ("every 99999999999999999999h", "is no schedule"),
            ("daily at 24:00", "is no time of day"),
            ("daily at 8:5", "is no time of day"),
            ("daily at +8:00", "is no schedule"),
            ("daily at 08:00 sharp", "is no time of day"),
            ("cron 0 8 * *", "it has 4 fields"),
            ("cron 0 0 8 * * 1", "it has 6 fields"),
            ("cron 61 8 * * *", "is no cron expression"),
            ("cron 0 9 31 2 *", "never comes"),
        ] {
            let error = Schedule::parse(words).unwrap_err().to_string();
            assert!(error.contains(told), "{words}: {error}");
        }
        assert!(Schedule::parse(&"x".repeat(TEXT_BYTES_MAX + 1)).is_err());
        let minutes = (0..25).map(|m| format!("08:{m:02}")).collect::<Vec<_>>().join(" ");
        assert_eq!(Schedule::parse(&format!("daily at {minutes}")), Err(ScheduleError::Times(25)));
    }

    #[test]
    fn times_of_day_follow_the_zone() {
        let berlin = "Europe/Berlin";
        assert_eq!(
            times("weekdays at 08:00", berlin, "2027-03-26T08:00", 2),
            "29.08:00+02:00 30.08:00+02:00"
        );
        assert_eq!(
            times("weekdays at 08:00 and 16:00", "America/New_York", "2027-03-12T07:00", 3),
            "12.08:00-05:00 12.16:00-05:00 15.08:00-04:00"
        );
        assert_eq!(
            times("cron 30 9 * * 5L", "Asia/Kolkata", "2027-01-01T00:00", 2),
            "29.09:30+05:30 26.09:30+05:30"
        );
    }

    #[test]
    fn a_gap_is_passed_once() {
        assert_eq!(
            times("daily at 02:30", "Europe/Berlin", "2027-03-27T12:00", 2),
            "28.03:00+02:00 29.02:30+02:00"
        );
        // Half an hour only: 02:00 to 02:30.
        assert_eq!(
            times("daily at 02:15", "Australia/Lord_Howe", "2027-10-02T12:00", 2),
            "03.02:30+11:00 04.02:15+11:00"
        );
        assert_eq!(
            times("every 30m", "Europe/Berlin", "2027-03-28T01:00", 3),
            "28.01:30+01:00 28.03:00+02:00 28.03:30+02:00"
        );
        // A day that was not there at all: 30 December 2011 in Samoa.
        assert_eq!(
            times("daily at 08:00", "Pacific/Apia", "2011-12-29T12:00", 2),
            "31.08:00+14:00 01.08:00+14:00"
        );
    }

    #[test]
    fn an_overlap_gives_a_time_of_day_once_and_an_interval_twice() {
        assert_eq!(
            times("daily at 02:30", "Europe/Berlin", "2027-10-30T12:00", 2),
            "31.02:30+02:00 01.02:30+01:00"
        );
        assert_eq!(
            times("every 30m", "Europe/Berlin", "2027-10-31T01:30", 5),
            "31.02:00+02:00 31.02:30+02:00 31.02:00+01:00 31.02:30+01:00 31.03:00+01:00"
        );
        assert_eq!(
            times("every 2h", "America/New_York", "2027-11-07T00:00", 2),
            "07.02:00-05:00 07.04:00-05:00"
        );
    }

    #[test]
    fn below_a_minute_by_the_second() {
        let often = Schedule::parse("every 30s").unwrap();
        assert_eq!(often.next(&TimeZone::UTC, 0), 30_000);
        assert_eq!(often.next(&TimeZone::UTC, 29_999), 30_000);
        assert_eq!(often.next(&TimeZone::UTC, 30_000), 60_000);
        assert_eq!(often.next(&TimeZone::UTC, -1), 0);
        assert_eq!(often.next(&TimeZone::UTC, i64::MAX), i64::MAX);
        assert_eq!(Schedule::instant().next(&TimeZone::UTC, 5), 6);
    }

    /// Whatever the zone and the moment: later, soon enough, and the same from anywhere before.
    #[test]
    fn next_is_later_and_does_not_skip() {
        let words =
            ["every 1h", "daily at 02:30", "weekdays at 00:00 and 23:59", "cron */20 * * * *"];
        for name in
            ["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Africa/Casablanca"]
        {
            let zone = zone(name);
            for schedule in words.map(|words| Schedule::parse(words).unwrap()) {
                let mut now_ms = at("2027-01-01T00:00", &zone);
                for step in 0..400 {
                    let next_ms = schedule.next(&zone, now_ms);
                    assert!(next_ms > now_ms && next_ms - now_ms <= 73 * 3_600_000);
                    let between_ms = now_ms + (next_ms - now_ms) * (step % 7) / 8;
                    assert_eq!(schedule.next(&zone, between_ms), next_ms, "{name} {schedule}");
                    now_ms = next_ms.max(now_ms + 20 * 3_600_000);
                }
            }
        }
    }
}
