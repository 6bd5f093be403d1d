//! When an account may sign in again after it was refused: every refusal brings it closer to its
//! lock in the directory (ews.md 5.9).

use std::time::{Duration, Instant};

/// Pauses after refusals in a row; the last one repeats.
const PAUSES: [Duration; 4] = [
    Duration::from_secs(15 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(120 * 60),
];
/// An account that worked so recently is rather the victim of a server under load.
const RECENT: Duration = Duration::from_secs(3600);
/// Then it is tried again so soon, and so often.
const SOON: Duration = Duration::from_secs(30);
const SOON_MAX: usize = 2;

/// What is known about the account's sign-ins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pause {
    worked: Option<Instant>,
    refusals: usize,
    until: Option<Instant>,
}

impl Pause {
    /// How long no request may go yet.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// Whether the last thing known is that the account may sign in.
    pub(super) fn is_proven(&self) -> bool {
        self.worked.is_some() && self.refusals == 0
    }

    /// The server took the account.
    pub(super) fn worked(&mut self, now: Instant) {
        *self = Self { worked: Some(now), ..Self::default() };
    }

    /// The server refused the account.
    pub(super) fn refused(&mut self, now: Instant) {
        let recent =
            self.worked.is_some_and(|worked| now.saturating_duration_since(worked) < RECENT);
        let pause = match self.refusals.checked_sub(if recent { SOON_MAX } else { 0 }) {
            None => SOON,
            Some(step) => PAUSES.get(step).or(PAUSES.last()).copied().unwrap_or(RECENT),
        };
        self.refusals = self.refusals.saturating_add(1);
        self.until = Some(now + pause);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "any instant will do")]
    use super::*;

    #[test]
    fn a_wrong_password_is_tried_four_times_in_the_first_two_hours() {
        let (mut pause, mut now) = (Pause::default(), Instant::now());
        let mut minutes = Vec::new();
        for _ in 0..5 {
            assert_eq!(pause.left(now), None);
            pause.refused(now);
            let left = pause.left(now).unwrap_or_default();
            minutes.push(left.as_secs() / 60);
            now += left;
        }
        assert_eq!(minutes, [15, 30, 60, 120, 120]);
        pause.worked(now);
        assert_eq!(pause.left(now), None);
    }

    #[test]
    fn a_server_under_load_is_asked_again_soon() {
        let (mut pause, now) = (Pause::default(), Instant::now());
        pause.worked(now);
        let mut seconds = Vec::new();
        for _ in 0..3 {
            pause.refused(now);
            seconds.push(pause.left(now).unwrap_or_default().as_secs());
        }
        assert_eq!(seconds, [30, 30, 900]);
    }
}
