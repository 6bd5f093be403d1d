//! Times of day on the wire (dossier 6.1): UTC, ISO 8601, 100 ns.

use std::time::Duration;

const DAY_S: u64 = 86_400;
const TICK_NS: u32 = 100;
const YEAR_MAX: u64 = 9999;

/// Reads `YYYY-MM-DDTHH:MM:SS[.digits][Z|±hh:mm]` as the time since 1970 in UTC.
///
/// Without a zone it is UTC. Digits after the seventh are dropped, a leap second counts as the
/// first second of the next minute. `None` for anything else and for times before 1970.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (date, time) = text.split_once(['T', 't'])?;
    let mut date = date.split('-');
    let (year, month, day) =
        (digits(date.next()?, 4)?, digits(date.next()?, 2)?, digits(date.next()?, 2)?);
    if date.next().is_some() || !(1970..=YEAR_MAX).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    if day == 0 || day > days_of_month(year, month) {
        return None;
    }
    let (clock, zone_s) = split_zone(time)?;
    let (clock, fraction) = clock.split_once('.').map_or((clock, None), |(c, f)| (c, Some(f)));
    let whole_s = days_before(year, month, day) * DAY_S + seconds(clock)?;
    let whole_s = whole_s.checked_add_signed(zone_s)?;
    Some(Duration::new(whole_s, fraction.map_or(Some(0), nanoseconds)?))
}

/// Writes `YYYY-MM-DDTHH:MM:SS.fffffffZ`, as a server stamps what it distributes.
#[must_use]
pub fn ticks(since_epoch: Duration) -> String {
    format!("{}.{:07}Z", whole(since_epoch), since_epoch.subsec_nanos() / TICK_NS)
}

/// Writes `YYYY-MM-DDTHH:MM:SSZ`, as a client stamps what it posts.
#[must_use]
pub fn seconds_only(since_epoch: Duration) -> String {
    format!("{}Z", whole(since_epoch))
}

fn whole(since_epoch: Duration) -> String {
    let (days, rest) = (since_epoch.as_secs() / DAY_S, since_epoch.as_secs() % DAY_S);
    let (year, month, day) = civil(days);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

/// The clock and what to add to it for UTC, in seconds.
fn split_zone(time: &str) -> Option<(&str, i64)> {
    if let Some(clock) = time.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = time.find(['+', '-']) else {
        return Some((time, 0));
    };
    let (clock, zone) = time.split_at_checked(at)?;
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    if hours > 14 || minutes > 59 {
        return None;
    }
    let ahead_s = i64::try_from(hours * 3600 + minutes * 60).ok()?;
    Some((clock, if zone.starts_with('-') { ahead_s } else { -ahead_s }))
}

fn seconds(clock: &str) -> Option<u64> {
    let mut parts = clock.split(':');
    let (h, m, s) =
        (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let valid = parts.next().is_none() && h < 24 && m < 60 && s <= 60;
    valid.then_some(h * 3600 + m * 60 + s)
}

fn nanoseconds(fraction: &str) -> Option<u32> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded: String = fraction.chars().chain("0000000".chars()).take(7).collect();
    padded.parse::<u32>().ok().map(|tick| tick * TICK_NS)
}

fn digits(text: &str, count: usize) -> Option<u64> {
    let exact = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    exact.then(|| text.parse().ok())?
}

fn days_of_month(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, counted in years that begin in March so that the leap day comes last.
fn days_before(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

/// The reverse of [`days_before`].
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    /// Test vectors, section 8.
    #[test]
    fn known_times() {
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(Duration::ZERO));
        assert_eq!(parse("1970-01-01T00:00:01"), Some(Duration::from_secs(1)));
        assert_eq!(parse("1970-01-18T00:00:00Z"), Some(Duration::from_secs(1_468_800)));
        assert_eq!(parse("1971-01-01T00:00:00"), Some(Duration::from_secs(31_536_000)));
        let fine = Duration::new(1_284_474_377, 620_635_600);
        assert_eq!(parse("2010-09-14T14:26:17.6206356Z"), Some(fine));
        assert_eq!(ticks(fine), "2010-09-14T14:26:17.6206356Z");
        assert_eq!(seconds_only(fine), "2010-09-14T14:26:17Z");
    }

    /// The same section's sample of a compliance file, whose times are .NET ticks since year 1.
    #[test]
    fn a_time_in_ticks_of_dotnet() {
        const UNIX_EPOCH_TICKS: u64 = 621_355_968_000_000_000;
        let since_1970 = 633_482_073_409_535_482 - UNIX_EPOCH_TICKS;
        let time = Duration::from_nanos(since_1970 * u64::from(TICK_NS));
        assert_eq!(ticks(time), "2008-06-04T20:15:40.9535482Z");
        assert_eq!(parse("2008-06-04T20:15:40.9535482"), Some(time));
    }

    #[test]
    fn zones_and_fractions() {
        let noon = parse("2014-03-03T12:00:00Z");
        assert_eq!(parse("2014-03-03T13:30:00+01:30"), noon);
        assert_eq!(parse("2014-03-03T04:00:00-08:00"), noon);
        assert_eq!(parse("2014-03-03T12:00:00.5"), noon.map(|t| t + Duration::from_millis(500)));
        let tick = Duration::from_nanos(100);
        assert_eq!(parse("2014-03-03T12:00:00.00000019Z"), noon.map(|t| t + tick));
        assert_eq!(parse("1970-01-01T00:00:00+01:00"), None);
    }

    #[test]
    fn every_day_until_2200_comes_back() {
        for day in 0..84_000 {
            let time = Duration::from_secs(day * DAY_S + 86_399);
            assert_eq!(parse(&seconds_only(time)), Some(time));
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "T",
            "2014-02-29T00:00:00Z",
            "2014-13-01T00:00:00Z",
            "2014-00-01T00:00:00Z",
            "2014-01-00T00:00:00Z",
            "2014-01-01T24:00:00Z",
            "2014-01-01T00:60:00Z",
            "2014-01-01",
            "2014-01-01T00:00:00.Z",
            "2014-01-01T00:00:00+1:00",
            "1969-12-31T23:59:59Z",
            "2014-01-01T00:00:00.1x",
            "+014-01-01T00:00:00Z",
            "2014-01-01T00:00:00é",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        let whole = "2010-09-14T14:26:17.6206356+02:00";
        for cut in 0..whole.len() {
            let _ = parse(whole.get(..cut).unwrap());
        }
    }
}
