//! Schedules in words: refused, or read into times that come one after another, in every zone; and
//! what one says of itself reads the same.
#![cfg_attr(fuzzing, no_main)]

use bridge::schedule::Schedule;
use jiff::tz::{self, TimeZone};

/// Whole hours apart, half of one, and a day left out of the calendar.
const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"];
/// Around what happens to their clocks: 2026 in Berlin and on Lord Howe, 2011 in Samoa.
const TIMES_MS: [i64; 4] =
    [1_774_745_999_999, 1_792_889_999_999, 1_775_314_800_000, 1_325_150_000_000];

fuzz::target!(|data| {
    for line in String::from_utf8_lossy(data).lines() {
        let Ok(schedule) = Schedule::parse(line) else { continue };
        assert_eq!(Schedule::parse(schedule.as_str()).as_ref(), Ok(&schedule), "{line:?}");
        for zone in ZONES {
            let zone: TimeZone = tz::db().get(zone).unwrap_or(TimeZone::UTC);
            for now_ms in TIMES_MS {
                follows(&schedule, &zone, now_ms);
            }
        }
    }
});

fn follows(schedule: &Schedule, zone: &TimeZone, now_ms: i64) {
    let first = schedule.next(zone, now_ms);
    assert!(first > now_ms, "{schedule} after {now_ms}: {first}");
    // Nothing between the two, wherever one begins to look.
    for from_ms in [first - 1, now_ms.midpoint(first).min(first - 1)] {
        assert_eq!(schedule.next(zone, from_ms), first, "{schedule} after {from_ms}");
    }
    assert!(schedule.next(zone, first) > first, "{schedule} after {first}");
}
