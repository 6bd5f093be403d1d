//! The one place that asks what time it is, and the one that asks for unpredictable bytes.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lync::{Entropy, Now};

/// Reads both clocks.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that asks the time")]
pub fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Now { instant: Instant::now(), unix }
}

/// Milliseconds since 1970-01-01T00:00:00Z.
#[must_use]
pub fn unix_ms() -> i64 {
    i64::try_from(now().unix.as_millis()).unwrap_or(i64::MAX)
}

/// A time of the steady clock as tokio's timers take it.
#[must_use]
pub fn timer(at: Instant) -> tokio::time::Instant {
    tokio::time::Instant::from_std(at)
}

/// The operating system's source of unpredictable bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&mut self, bytes: &mut [u8]) {
        rand::fill(bytes);
    }
}

/// Unpredictable bytes for a challenge, a key or a salt.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes[..]);
    bytes
}
