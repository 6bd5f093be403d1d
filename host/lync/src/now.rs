//! What the outside world hands in: time and unpredictable bytes.

use std::time::{Duration, Instant};

/// Both clocks, read at once by the caller.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The steady clock: all timers run on it.
    pub instant: Instant,
    /// Time since 1970-01-01T00:00:00Z: for what other machines read.
    pub unix: Duration,
}

/// A source of unpredictable bytes: the operating system's in the host, a fixed one in tests.
pub trait Entropy: Send {
    /// Overwrites all of `bytes`.
    fn fill(&mut self, bytes: &mut [u8]);
}

impl<F: FnMut(&mut [u8]) + Send> Entropy for F {
    fn fill(&mut self, bytes: &mut [u8]) {
        self(bytes);
    }
}
