//! When a digest goes out.

use std::time::Duration;

/// Shortest interval between two digests.
pub const EVERY_MIN: Duration = Duration::from_secs(1);

/// Longest interval between two digests.
pub const EVERY_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// Says when what is kept goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule(Rule);

/// Kept private: richer rules (a time of day in the reader's zone, cron expressions) come beside
/// this one without touching who asks [`Schedule::next`].
#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Every { every_ms: i64 },
}

/// A schedule that cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The interval is below [`EVERY_MIN`] or above [`EVERY_MAX`].
    #[error("a digest can go out every {EVERY_MIN:?} to every 7 days, not every {0:?}")]
    Interval(Duration),
}

impl Schedule {
    /// At every whole multiple of `every`, counted from 1970-01-01T00:00Z: every hour is on the
    /// hour. Fractions of a millisecond are dropped.
    ///
    /// # Errors
    /// [`ScheduleError::Interval`] if `every` is out of bounds.
    pub fn every(every: Duration) -> Result<Self, ScheduleError> {
        let every_ms = i64::try_from(every.as_millis());
        match every_ms {
            Ok(every_ms) if (EVERY_MIN..=EVERY_MAX).contains(&every) => {
                Ok(Self(Rule::Every { every_ms }))
            }
            _ => Err(ScheduleError::Interval(every)),
        }
    }

    /// The first time after `now_ms`, never `now_ms` itself.
    pub fn next(&self, now_ms: i64) -> i64 {
        let Rule::Every { every_ms } = self.0;
        now_ms.div_euclid(every_ms).saturating_add(1).saturating_mul(every_ms)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;

    #[test]
    fn the_next_whole_hour() {
        let hourly = Schedule::every(Duration::from_secs(3600)).unwrap();
        assert_eq!(hourly.next(0), 3_600_000);
        assert_eq!(hourly.next(3_599_999), 3_600_000);
        assert_eq!(hourly.next(3_600_000), 7_200_000);
        assert_eq!(hourly.next(-1), 0);
        assert_eq!(hourly.next(i64::MAX), i64::MAX);
    }

    #[test]
    fn an_interval_has_bounds() {
        for every in [Duration::ZERO, Duration::from_millis(999), Duration::MAX] {
            assert_eq!(Schedule::every(every), Err(ScheduleError::Interval(every)));
        }
        assert!(Schedule::every(EVERY_MIN).is_ok() && Schedule::every(EVERY_MAX).is_ok());
    }
}
