//! Days and clock times as a reader writes them.

use crate::types::Moment;
use crate::words::Words;

/// `09:14`.
pub(crate) fn clock(moment: &Moment) -> String {
    format!("{:02}:{:02}", moment.hour, moment.minute)
}

/// `Tue 4 Mar 2025`.
pub(crate) fn day(moment: &Moment, words: &Words) -> String {
    format!("{} {}", short_day(moment, words), moment.year)
}

/// `Tue 4 Mar`.
pub(crate) fn short_day(moment: &Moment, words: &Words) -> String {
    let weekday = name(&words.weekdays, moment.weekday);
    (words.day)(weekday, moment.day, name(&words.months, moment.month))
}

/// `09:00–10:00`: the hour that a moment falls into.
pub(crate) fn hour(moment: &Moment) -> String {
    format!("{:02}:00–{:02}:00", moment.hour, (moment.hour + 1).min(24))
}

/// `Tue 4 Mar 2025, 09:00–17:00 (Europe/Berlin)`.
pub(crate) fn period(first: &Moment, last: &Moment, zone: &str, words: &Words) -> String {
    let start = format!("{}, {}", day(first, words), clock(first));
    let zone = if zone.is_empty() { offset(last) } else { zone.to_owned() };
    match (same_day(first, last), clock(first) == clock(last)) {
        (true, true) => format!("{start} ({zone})"),
        (true, false) => format!("{start}–{} ({zone})", clock(last)),
        (false, _) => format!("{start} – {}, {} ({zone})", day(last, words), clock(last)),
    }
}

/// Whether two moments stand on the same page of a calendar.
pub(crate) fn same_day(a: &Moment, b: &Moment) -> bool {
    (a.year, a.month, a.day) == (b.year, b.month, b.day)
}

/// The name at `number`, counted from 1.
fn name<'a>(names: &[&'a str], number: u8) -> &'a str {
    usize::from(number).checked_sub(1).and_then(|at| names.get(at)).copied().unwrap_or("?")
}

fn offset(moment: &Moment) -> String {
    let sign = if moment.offset_minutes < 0 { '-' } else { '+' };
    let minutes = moment.offset_minutes.unsigned_abs();
    format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::moment;
    use crate::words::{Language, words};

    #[test]
    fn periods_are_as_short_as_they_can_be() {
        let (en, de) = (words(Language::English), words(Language::German));
        let (nine, five) = (moment(4, 9, 0), moment(4, 17, 5));
        let zone = "Europe/Berlin";
        assert_eq!(period(&nine, &nine, zone, en), "Tue 4 Mar 2025, 09:00 (Europe/Berlin)");
        assert_eq!(period(&nine, &five, zone, en), "Tue 4 Mar 2025, 09:00–17:05 (Europe/Berlin)");
        assert_eq!(
            period(&nine, &moment(5, 8, 0), "", de),
            "Di., 4. März 2025, 09:00 – Mi., 5. März 2025, 08:00 (UTC+01:00)"
        );
    }

    #[test]
    fn an_impossible_date_is_shown_rather_than_a_crash() {
        let odd = Moment { month: 0, weekday: 200, ..moment(4, 9, 0) };
        assert_eq!(day(&odd, words(Language::English)), "? 4 ? 2025");
    }
}
