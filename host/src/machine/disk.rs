//! Whether there is room where the host keeps its things.

use std::path::Path;

/// With less room than this, in bytes, somebody should see to it: an hour of a busy company.
const LOW: u64 = 256 << 20;
/// With less than this nothing can be counted on to be kept.
const FULL: u64 = 4 << 20;

/// Bytes that the service may still write where `directory` is; `None` if the system does not say.
#[must_use]
pub fn free(directory: &Path) -> Option<u64> {
    let told = rustix::fs::statvfs(directory).ok()?;
    Some(told.f_bavail.saturating_mul(told.f_frsize))
}

/// What is to be said of that much room, if something is.
#[must_use]
pub fn trouble(directory: &Path, free: u64) -> Option<String> {
    let place = directory.display();
    let left = free >> 20;
    match free {
        0..FULL => Some(format!(
            "disk: it is full where {place} is: make room; messages are not taken until then, and read from the rooms' \
             history later"
        )),
        FULL..LOW => {
            Some(format!("disk: {left} MiB are left where {place} is: make room before it is full"))
        }
        LOW.. => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_room_is_told_and_none_otherwise() {
        let said = |free| trouble(Path::new("/var/lib/chat-digest"), free).unwrap_or_default();
        assert!(said(0).contains("it is full where /var/lib/chat-digest is"), "{}", said(0));
        assert!(said(100 << 20).contains("100 MiB are left"), "{}", said(100 << 20));
        assert_eq!(said(LOW), "");
    }

    #[test]
    fn the_system_says_how_much_room_there_is() {
        assert!(free(&std::env::temp_dir()).is_some());
        assert_eq!(free(Path::new("/nowhere")), None);
    }
}
