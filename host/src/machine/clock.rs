//! Notices that this machine's clock was set: schedules follow the calendar, sign-ins by NTLM carry
//! the time, and whoever misses the digest of this morning should know that the morning was moved.

use std::time::{Duration, Instant};

use crate::{clock, watch::words::span};

/// A clock that is kept right by small steps is nobody's business.
const STEP_MIN_MS: i64 = 5000;
/// How long it is told that the clock was set, by the steady clock.
const TOLD_FOR: Duration = Duration::from_secs(3600);

/// Compares the calendar with the steady clock.
#[derive(Debug)]
pub(super) struct Clock {
    /// How far the calendar was ahead of the steady clock.
    ahead_ms: i64,
    told: Option<(Instant, String)>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { ahead_ms: clock::ahead_ms(), told: None }
    }

    /// What is to be said of it now, if something is.
    pub(super) fn look(&mut self) -> Option<String> {
        let ahead_ms = clock::ahead_ms();
        let step_ms = ahead_ms.saturating_sub(self.ahead_ms);
        let now = clock::now().instant;
        if step_ms.saturating_abs() >= STEP_MIN_MS {
            self.told = Some((now, words(step_ms)));
        }
        self.ahead_ms = ahead_ms;
        self.told.take_if(|(told, _)| now.saturating_duration_since(*told) >= TOLD_FOR);
        self.told.as_ref().map(|(_, words)| words.clone())
    }
}

fn words(step_ms: i64) -> String {
    // To the second: the two clocks are not read at one moment.
    let by = span(step_ms.saturating_abs().saturating_add(500) / 1000 * 1000);
    if step_ms > 0 {
        format!(
            "clock: this machine's clock was set forward by {by}, or the machine was asleep: digests that have come due go \
             out now; if the new time is wrong, servers may refuse to let us in"
        )
    } else {
        format!(
            "clock: this machine's clock was set back by {by}: digests wait for the new time, and nothing is sent twice; \
             if the new time is wrong, servers may refuse to let us in"
        )
    }
}

#[cfg(test)]
mod tests {
    use lync::Now;

    use super::*;

    #[test]
    fn a_clock_that_was_set_is_told_for_an_hour() {
        let begun = clock::now().instant;
        let show = |steady_s: u64, calendar_s: u64| {
            let instant = begun + Duration::from_secs(steady_s);
            clock::hold(Some(Now { instant, unix: Duration::from_secs(calendar_s) }));
        };
        show(0, 1_000_000);
        let mut compared = Clock::new();
        let mut look = |steady_s, calendar_s| {
            show(steady_s, calendar_s);
            compared.look()
        };
        assert_eq!(look(5, 1_000_009), None, "small steps are nobody's business");
        let forward = look(10, 1_007_214).unwrap_or_default();
        assert!(forward.contains("set forward by 2 h"), "{forward}");
        assert_eq!(look(15, 1_007_219), Some(forward), "it is still told");
        assert!(words(7_199_800).contains("by 2 h"), "{}", words(7_199_800));
        let back = look(20, 1_000_024).unwrap_or_default();
        assert!(back.contains("set back by 2 h"), "{back}");
        assert_eq!(look(3619, 1_003_623), Some(back));
        assert_eq!(look(3620, 1_003_624), None);
        clock::hold(None);
    }
}
