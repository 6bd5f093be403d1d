//! The store counts time since 1970; the wire writes dates.

use std::time::Duration;

use crate::date_time::DateTime;

/// As the wire writes it.
pub(crate) fn date(unix: Duration) -> DateTime {
    DateTime::from_unix_s(i64::try_from(unix.as_secs()).unwrap_or(i64::MAX))
}

/// What a client wrote; before 1970 becomes 1970, and no mail is older.
pub(crate) fn unix(date: DateTime) -> Duration {
    Duration::from_secs(u64::try_from(date.unix_s()).unwrap_or(0))
}

/// As a header writes it (RFC 5322, 3.3).
pub(crate) fn header(unix: Duration) -> String {
    date(unix).to_rfc5322()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let at = Duration::from_secs(1_795_330_800);
        assert_eq!(date(at).to_string(), "2026-11-22T07:00:00Z");
        assert_eq!(unix(date(at)), at);
        assert_eq!(header(at), "Sun, 22 Nov 2026 07:00:00 +0000");
        assert_eq!(unix(DateTime::MIN), Duration::ZERO);
    }
}
