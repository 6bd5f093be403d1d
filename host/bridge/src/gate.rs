//! The gate of an account: when the mail server asks for patience, everybody waits.

/// Longest time a server can close the gate for, in milliseconds (ews.md 3.2).
pub const CLOSED_MAX_MS: i64 = 30 * 60_000;

/// How long a server must be content before one more request may run beside the others.
pub const QUIET_MS: i64 = 10 * 60_000;

/// Says whether requests may go to an account's server, and how many at once (ews.md 3.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    width: u32,
    width_max: u32,
    closed_until_ms: i64,
    /// The last busy answer, or the last widening.
    quiet_since_ms: i64,
}

impl Gate {
    /// An open gate for `width_max` requests at once, at least one.
    pub fn new(width_max: u32, now_ms: i64) -> Self {
        let width = width_max.max(1);
        Self { width, width_max: width, closed_until_ms: i64::MIN, quiet_since_ms: now_ms }
    }

    /// The server was busy: closes the gate until `until_ms`, at most [`CLOSED_MAX_MS`] from now,
    /// and halves the width. Of several answers that came together, the latest time counts, and
    /// only the first halves: they speak of one and the same crowd.
    pub fn busy(&mut self, until_ms: i64, now_ms: i64) {
        if self.is_open(now_ms) {
            self.width = (self.width / 2).max(1);
        }
        let until_ms = until_ms.min(now_ms.saturating_add(CLOSED_MAX_MS));
        self.closed_until_ms = self.closed_until_ms.max(until_ms);
        self.quiet_since_ms = now_ms;
    }

    /// Whether a request may go.
    pub fn is_open(&self, now_ms: i64) -> bool {
        self.opens_ms(now_ms).is_none()
    }

    /// When the gate opens; `None` if it is open. A clock put back cannot keep it shut for longer
    /// than [`CLOSED_MAX_MS`].
    pub fn opens_ms(&self, now_ms: i64) -> Option<i64> {
        let opens_ms = self.closed_until_ms.min(now_ms.saturating_add(CLOSED_MAX_MS));
        (opens_ms > now_ms).then_some(opens_ms)
    }

    /// How many requests may run at once, 0 while closed; grows by one each [`QUIET_MS`].
    pub fn width(&mut self, now_ms: i64) -> u32 {
        if !self.is_open(now_ms) {
            return 0;
        }
        while self.width < self.width_max && now_ms.saturating_sub(self.quiet_since_ms) >= QUIET_MS
        {
            self.width += 1;
            self.quiet_since_ms = self.quiet_since_ms.saturating_add(QUIET_MS);
        }
        self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_closes_and_halves_and_quiet_widens() {
        let mut gate = Gate::new(8, 0);
        assert_eq!((gate.width(0), gate.opens_ms(0)), (8, None));
        gate.busy(5_000, 0);
        gate.busy(4_000, 1);
        assert_eq!((gate.width(1), gate.opens_ms(1)), (0, Some(5_000)));
        assert_eq!(gate.width(5_000), 4);
        assert_eq!(gate.width(1 + QUIET_MS), 5);
        assert_eq!(gate.width(1 + 9 * QUIET_MS), 8);
    }

    #[test]
    fn no_server_and_no_clock_shuts_it_for_long() {
        let mut gate = Gate::new(0, 0);
        gate.busy(i64::MAX, 0);
        assert_eq!(gate.opens_ms(0), Some(CLOSED_MAX_MS));
        assert_eq!(gate.width(CLOSED_MAX_MS), 1);
        assert_eq!(gate.opens_ms(-1_000_000_000), Some(-1_000_000_000 + CLOSED_MAX_MS));
    }
}
