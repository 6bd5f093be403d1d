use std::time::Duration;

/// From 1601 to 1970, in units of 100 ns.
const UNIX_EPOCH_TICKS: u64 = 116_444_736_000_000_000;

/// A Windows time: units of 100 ns since 1601-01-01T00:00:00Z (MS-DTYP 2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileTime(pub u64);

impl FileTime {
    /// Converts the time since 1970-01-01T00:00:00Z; stops at the largest value there is.
    pub fn from_unix(since_1970: Duration) -> Self {
        let ticks = since_1970.as_nanos() / 100;
        Self(u64::try_from(ticks).unwrap_or(u64::MAX).saturating_add(UNIX_EPOCH_TICKS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transcript_time() {
        let time = FileTime::from_unix(Duration::from_secs(1_393_838_102));
        assert_eq!(time.0.to_le_bytes(), [0x00, 0x6f, 0xaf, 0x0e, 0xc1, 0x36, 0xcf, 0x01]);
        assert_eq!(FileTime::from_unix(Duration::MAX), FileTime(u64::MAX));
    }
}
