//! What can go wrong with the database, for the administrator.

use std::path::{Path, PathBuf};

/// Why the database refuses. Messages are not taken while it does: the chat server keeps them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No room.
    #[error("{}: the disk is full: make room; messages are not taken until then", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Another process has it.
    #[error("{}: locked by another process: is chat-digest running twice, or a backup?", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// Another host has the directory.
    #[error("{}: held by another chat-digest: stop it first, or give this one a `directory` of its own under [store]", path.display())]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("{}: damaged ({what}): stop the service, keep the file, and put back a backup; without one, start with an empty directory", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        what: String,
    },
    /// The tables are not those of this version.
    #[error("{}: its tables cannot be brought up to date ({what}): was it written by a newer version?", path.display())]
    Tables {
        /// The file.
        path: PathBuf,
        /// Why not.
        what: String,
    },
    /// Anything else.
    #[error("{}: {what}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What SQLite or the system says.
        what: String,
    },
}

/// SQLite's primary result codes.
const BUSY: i64 = 5;
const LOCKED: i64 = 6;
const CORRUPT: i64 = 11;
const FULL: i64 = 13;
const NOT_A_DATABASE: i64 = 26;

impl Error {
    pub(super) fn new(path: &Path, error: &sqlx::Error) -> Self {
        let path = path.to_owned();
        let what = error.to_string();
        let code = match error {
            sqlx::Error::Database(inner) => inner.code().and_then(|code| code.parse::<i64>().ok()),
            _ => None,
        };
        match code.map(|code| code & 0xff) {
            Some(FULL) => Self::Full { path },
            Some(BUSY | LOCKED) => Self::Locked { path },
            Some(CORRUPT | NOT_A_DATABASE) => Self::Corrupt { path, what },
            _ => Self::Other { path, what },
        }
    }

    pub(super) fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::Other { path: path.to_owned(), what: error.to_string() }
    }

    /// What stands in a row is not what was put there.
    pub(super) fn row(path: &Path, what: &str) -> Self {
        Self::Corrupt { path: path.to_owned(), what: format!("unreadable {what}") }
    }

    pub(super) fn closed(path: &Path) -> Self {
        Self::Other { path: path.to_owned(), what: "the database is closed".to_owned() }
    }
}
