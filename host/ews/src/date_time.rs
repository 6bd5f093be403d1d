//! Points in time: `xs:dateTime` of the schema and the date of HTTP headers, both to the second.

use std::fmt;

const DAY_S: i64 = 86_400;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A point in time, written `2026-11-22T07:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime {
    unix_s: i64,
}

impl DateTime {
    /// The first second that can be written, year 1601 (where FILETIME begins).
    pub const MIN: Self = Self { unix_s: -11_644_473_600 };
    /// The last second that can be written, at the end of the year 9999.
    pub const MAX: Self = Self { unix_s: 253_402_300_799 };

    /// Takes seconds since 1970; what lies outside [`Self::MIN`] and [`Self::MAX`] becomes these.
    #[must_use]
    pub fn from_unix_s(unix_s: i64) -> Self {
        Self { unix_s: unix_s.clamp(Self::MIN.unix_s, Self::MAX.unix_s) }
    }

    /// Seconds since 1970.
    #[must_use]
    pub fn unix_s(self) -> i64 {
        self.unix_s
    }

    /// Reads `YYYY-MM-DDThh:mm:ss[.f…][Z|±hh:mm]`; without a zone it is taken as UTC, fractions
    /// are cut off.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (date, time) = text.trim().split_once('T')?;
        let mut date = date.split('-');
        let year = digits(date.next()?, 4)?;
        let month = digits(date.next()?, 2)?;
        let day = digits(date.next()?, 2)?;
        if date.next().is_some() {
            return None;
        }
        let (clock, offset_s) = split_zone(time)?;
        let clock = clock.split_once('.').map_or(clock, |(whole, _)| whole);
        Self::from_parts(year, month, day, seconds_of_day(clock)?)
            .and_then(|local| Self::within(local.unix_s - offset_s))
    }

    /// Reads the date of HTTP: `Sun, 22 Nov 2026 07:00:00 GMT` (RFC 9110, section 5.6.7).
    #[must_use]
    pub fn parse_http(text: &str) -> Option<Self> {
        let (_, rest) = text.trim().split_once(", ")?;
        let mut parts = rest.split(' ');
        let day = digits(parts.next()?, 2)?;
        let name = parts.next()?;
        let month = MONTHS.iter().zip(1..).find(|(month, _)| **month == name)?.1;
        let year = digits(parts.next()?, 4)?;
        let clock = seconds_of_day(parts.next()?)?;
        if parts.next() != Some("GMT") || parts.next().is_some() {
            return None;
        }
        Self::from_parts(year, month, day, clock)
    }

    /// The date of mail: `Sun, 22 Nov 2026 07:00:00 +0000` (RFC 5322, section 3.3).
    #[must_use]
    pub fn to_rfc5322(self) -> String {
        const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        let days = self.unix_s.div_euclid(DAY_S);
        let (year, month, day) = civil_from_days(days);
        let pick = |names: &[&'static str], at: i64| {
            usize::try_from(at).ok().and_then(|at| names.get(at).copied()).unwrap_or_default()
        };
        let (weekday, month) = (pick(&WEEKDAYS, days.rem_euclid(7)), pick(&MONTHS, month - 1));
        let second = self.unix_s.rem_euclid(DAY_S);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        format!("{weekday}, {day} {month} {year:04} {hour:02}:{minute:02}:{second:02} +0000")
    }

    fn from_parts(year: i64, month: i64, day: i64, second: i64) -> Option<Self> {
        if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        Self::within(days_from_civil(year, month, day) * DAY_S + second)
    }

    fn within(unix_s: i64) -> Option<Self> {
        (Self::MIN.unix_s..=Self::MAX.unix_s).contains(&unix_s).then_some(Self { unix_s })
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.unix_s.div_euclid(DAY_S));
        let second = self.unix_s.rem_euclid(DAY_S);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

fn digits(text: &str, count: usize) -> Option<i64> {
    let right = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if right { text.parse().ok() } else { None }
}

/// Splits the zone off and gives its offset east of UTC in seconds.
fn split_zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else {
        return Some((time, 0));
    };
    let (clock, zone) = time.split_at_checked(at)?;
    let (sign, zone) = match zone.split_at_checked(1)? {
        ("-", zone) => (-1, zone),
        (_, zone) => (1, zone),
    };
    let (hours, minutes) = zone.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours <= 14 && minutes < 60).then_some((clock, sign * (hours * 3600 + minutes * 60)))
}

fn seconds_of_day(clock: &str) -> Option<i64> {
    let mut parts = clock.split(':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let second = digits(parts.next()?, 2)?;
    let right = parts.next().is_none() && hour < 24 && minute < 60 && second < 61;
    right.then_some(hour * 3600 + minute * 60 + second.min(59))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a date of the Gregorian calendar; years begin in March, so that the leap
/// day is a year's last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let since_march = (month + 9) % 12;
    let day_of_year = (153 * since_march + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let since_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * since_march + 2) / 5 + 1;
    let month = if since_march < 10 { since_march + 3 } else { since_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    #[test]
    fn known_times() {
        for (unix_s, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_330_800, "2026-11-22T07:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (DateTime::MIN.unix_s, "1601-01-01T00:00:00Z"),
            (DateTime::MAX.unix_s, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(DateTime::from_unix_s(unix_s).to_string(), text);
            assert_eq!(DateTime::parse(text).unwrap().unix_s(), unix_s);
        }
        assert_eq!(DateTime::from_unix_s(i64::MAX), DateTime::MAX);
    }

    #[test]
    fn every_day_of_four_centuries_comes_back() {
        for day in -40_000..106_100 {
            let time = DateTime::from_unix_s(day * DAY_S);
            assert_eq!(DateTime::parse(&time.to_string()), Some(time));
        }
    }

    #[test]
    fn zones_and_fractions() {
        let whole = DateTime::parse("2026-11-22T07:00:00Z");
        assert_eq!(DateTime::parse("2026-11-22T09:00:00.1234567+02:00"), whole);
        assert_eq!(DateTime::parse("2026-11-22T01:30:00-05:30"), whole);
        assert_eq!(DateTime::parse(" 2026-11-22T07:00:00 "), whole);
        assert_eq!(DateTime::parse_http("Sun, 22 Nov 2026 07:00:00 GMT"), whole);
    }

    #[test]
    fn dates_of_mail() {
        let date = |unix_s| DateTime::from_unix_s(unix_s).to_rfc5322();
        assert_eq!(date(1_795_330_800), "Sun, 22 Nov 2026 07:00:00 +0000");
        assert_eq!(date(0), "Thu, 1 Jan 1970 00:00:00 +0000");
        assert_eq!(date(-1), "Wed, 31 Dec 1969 23:59:59 +0000");
    }

    #[test]
    fn no_time_at_all() {
        for text in [
            "",
            "T",
            "2026-11-22",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T07:00Z",
            "2026-11-22T07:00:00+2",
            "1600-01-01T00:00:00Z",
            "20é6-11-22T07:00:00Z",
            "2026-11-22T07:00:00é",
            "-026-11-22T07:00:00Z",
        ] {
            assert_eq!(DateTime::parse(text), None, "{text}");
        }
        for text in ["", "Sun, 22 Nov 2026 07:00:00 CET", "Sun, 22 Mok 2026 07:00:00 GMT", "120"] {
            assert_eq!(DateTime::parse_http(text), None, "{text}");
        }
    }
}
