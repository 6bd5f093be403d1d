//! The words of a schedule: days of the week, times of day, spans of time.

use std::{fmt, time::Duration};

use super::{ScheduleError, TIMES_MAX, clip};

const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Some days of the week, Monday first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Days([bool; 7]);

impl Days {
    const DAILY: Self = Self([true; 7]);
    const WEEKDAYS: Self = Self([true, true, true, true, true, false, false]);
    const WEEKENDS: Self = Self([false, false, false, false, false, true, true]);

    pub(super) fn parse(words: &str) -> Option<Self> {
        match words.trim() {
            "daily" | "every day" => return Some(Self::DAILY),
            "weekdays" | "workdays" => return Some(Self::WEEKDAYS),
            "weekends" => return Some(Self::WEEKENDS),
            _ => {}
        }
        let mut days = Self([false; 7]);
        for word in words.split([',', ' ']).filter(|word| !matches!(*word, "" | "and" | "on")) {
            let singular = word.strip_suffix('s').filter(|_| word.len() > 4).unwrap_or(word);
            let is_day =
                |day: &&str| *day == singular || (word.len() == 3 && day.starts_with(word));
            let place = DAYS.iter().position(is_day)?;
            *days.0.get_mut(place)? = true;
        }
        (days != Self([false; 7])).then_some(days)
    }

    /// The fifth field of a cron expression.
    pub(super) fn field(self) -> String {
        let chosen = self.0.iter().zip(1..).filter(|(chosen, _)| **chosen);
        let numbers: Vec<_> = chosen.map(|(_, number): (_, u8)| number.to_string()).collect();
        if numbers.len() == 7 { "*".to_owned() } else { numbers.join(",") }
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::DAILY => f.write_str("daily"),
            Self::WEEKDAYS => f.write_str("weekdays"),
            Self::WEEKENDS => f.write_str("weekends"),
            Self(chosen) => {
                let names = DAYS.iter().zip(chosen).filter(|(_, chosen)| *chosen);
                let names: Vec<_> =
                    names.filter_map(|(day, _)| day.get(..3)).map(str::to_owned).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}

/// `2h`, `30 min`, `15 minutes`.
pub(super) fn period(words: &str) -> Option<Duration> {
    let words = words.trim();
    let end = words.find(|c: char| !c.is_ascii_digit()).unwrap_or(words.len());
    let (number, unit) = words.split_at_checked(end)?;
    let number: u64 = if number.is_empty() { 1 } else { number.parse().ok()? };
    let unit_s = match unit.trim() {
        "s" | "sec" | "second" | "seconds" => 1,
        "m" | "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3600,
        "d" | "day" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.checked_mul(unit_s)?))
}

/// `08:00, 12:30 and 16:00`, in the order of the day, each once.
pub(super) fn times_of_day(words: &str) -> Result<Vec<(u8, u8)>, ScheduleError> {
    let words = words.split([',', ' ']).filter(|word| !matches!(*word, "" | "and"));
    let mut times = Vec::new();
    for word in words {
        let time = word.split_once(':').filter(|(_, minute)| minute.len() == 2);
        let time = time.and_then(|(hour, minute)| Some((number(hour)?, number(minute)?)));
        match time {
            Some((hour @ 0..24, minute @ 0..60)) => times.push((hour, minute)),
            _ => return Err(ScheduleError::Time(clip(word))),
        }
    }
    times.sort_unstable();
    times.dedup();
    if times.len() > TIMES_MAX { Err(ScheduleError::Times(times.len())) } else { Ok(times) }
}

/// Digits only: `parse` alone takes a sign.
fn number(digits: &str) -> Option<u8> {
    let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// `a, b and c`.
pub(super) fn listed(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
