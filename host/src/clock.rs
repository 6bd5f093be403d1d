//! The one place that asks what time it is, and the one that asks for unpredictable bytes.

use std::{
    sync::{
        LazyLock, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use lync::{Entropy, Now};

/// A calendar that runs faster than the steady clock, for the demo and for tests.
struct Fast {
    since: Instant,
    unix: Duration,
    times: u32,
    /// By how many milliseconds it was set since.
    step_ms: AtomicI64,
}

static FAST: OnceLock<Fast> = OnceLock::new();

#[cfg(test)]
thread_local! {
    /// What the clocks of this thread show in a test that has a time of its own.
    static HELD: std::cell::Cell<Option<Now>> = const { std::cell::Cell::new(None) };
}

/// From now on both clocks show this on the calling thread, until the next call.
#[cfg(test)]
pub(crate) fn hold(now: Option<Now>) {
    HELD.set(now);
}

/// Reads both clocks.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that asks the time")]
pub fn now() -> Now {
    #[cfg(test)]
    if let Some(held) = HELD.get() {
        return held;
    }
    let instant = Instant::now();
    let unix = match FAST.get() {
        None => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO),
        Some(fast) => {
            let runs = fast.unix + instant.saturating_duration_since(fast.since) * fast.times;
            let step_ms = fast.step_ms.load(Ordering::Acquire);
            let step = Duration::from_millis(step_ms.unsigned_abs());
            if step_ms < 0 { runs.saturating_sub(step) } else { runs + step }
        }
    };
    Now { instant, unix }
}

/// From now on the calendar shows `unix_ms` and runs so many times faster, in the whole process and
/// for good; `false` if it does already. The steady clock stays as it is.
pub fn run_fast(unix_ms: i64, times: u32) -> bool {
    let unix = Duration::from_millis(u64::try_from(unix_ms).unwrap_or(0));
    let step_ms = AtomicI64::new(0);
    let fast = Fast { since: now().instant, unix, times: times.max(1), step_ms };
    FAST.set(fast).is_ok()
}

/// Sets a calendar that runs fast forward or back, as an administrator sets a clock; `false` if it
/// does not run fast.
pub fn set_by(ms: i64) -> bool {
    FAST.get().map(|fast| fast.step_ms.fetch_add(ms, Ordering::AcqRel)).is_some()
}

/// By how many milliseconds the calendar is ahead of the steady clock. That changes only when one
/// of them is set, or stands still.
#[must_use]
pub fn ahead_ms() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the time")]
    static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let times = FAST.get().map_or(1, |fast| fast.times);
    let Now { instant, unix } = now();
    let origin = *ORIGIN;
    // Cut to milliseconds only at the end: a fast calendar would make much of what is cut off.
    let nanos = |time: Duration| i128::try_from(time.as_nanos()).unwrap_or(0);
    let since = nanos(instant.saturating_duration_since(origin));
    let before = nanos(origin.saturating_duration_since(instant));
    let ahead = nanos(unix) - (since - before) * i128::from(times);
    i64::try_from(ahead / 1_000_000).unwrap_or(0)
}

/// Microseconds by the clock that a service manager compares times by (`CLOCK_MONOTONIC`).
#[must_use]
pub fn monotonic_us() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1_000_000) + u64::try_from(time.tv_nsec / 1000).unwrap_or(0)
}

/// A length of time in milliseconds.
#[must_use]
pub fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// How long to wait for so many milliseconds of the calendar.
#[must_use]
pub fn calendar(ms: i64) -> Duration {
    let wait = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    FAST.get().map_or(wait, |fast| wait / fast.times)
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
