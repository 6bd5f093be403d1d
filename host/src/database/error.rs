//! What can go wrong with the database, for the administrator.

use super::{Place, engine::Engine};

/// Why the database refuses. Messages are not taken while it does: the chat server keeps them.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No room.
    #[error("{place}: the disk is full: make room; messages are not taken until then")]
    Full {
        /// The database.
        place: Place,
    },
    /// Another process has it.
    #[error("{place}: locked by another process: is chat-digest running twice, or a backup?")]
    Locked {
        /// The database.
        place: Place,
    },
    /// Another host has the directory.
    #[error(
        "{lock}: held by another chat-digest: stop it first, or give this one a `directory` of its own under [store]"
    )]
    InUse {
        /// The lock file.
        lock: String,
    },
    /// The file is damaged.
    #[error(
        "{place}: damaged ({what}): stop the service, keep what is there, and put back a backup; without one, start with an empty one"
    )]
    Corrupt {
        /// The database.
        place: Place,
        /// What the engine says.
        what: String,
    },
    /// The tables are not those of this version.
    #[error(
        "{place}: its tables cannot be brought up to date ({what}): was it written by a newer version?"
    )]
    Tables {
        /// The database.
        place: Place,
        /// Why not.
        what: String,
    },
    /// The server cannot be reached.
    #[error(
        "{place}: cannot be reached ({what}): does PostgreSQL run there, and is `database` under [store] right?"
    )]
    Unreachable {
        /// The database.
        place: Place,
        /// What the system says.
        what: String,
    },
    /// The server does not let us in.
    #[error(
        "{place}: lets us not in ({what}): check user, password and name in `database` under [store], and the server's pg_hba.conf"
    )]
    SignIn {
        /// The database.
        place: Place,
        /// What the server says.
        what: String,
    },
    /// Other hosts get in the way again and again.
    #[error("{place}: other hosts change the same again and again; it is tried later")]
    Contended {
        /// The database.
        place: Place,
    },
    /// As many hosts as there may be.
    #[error(
        "{place}: {most} hosts share it already, more may not: stop one, or wait until the lease of a dead one has run out"
    )]
    TooManyHosts {
        /// The database.
        place: Place,
        /// How many there may be.
        most: i64,
    },
    /// Other hosts took this one for dead.
    #[error("{place}: this host was silent for longer than its lease, and others do its work now")]
    LeaseLost {
        /// The database.
        place: Place,
    },
    /// Anything else.
    #[error("{place}: {what}")]
    Other {
        /// The database.
        place: Place,
        /// What the engine or the system says.
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
    pub(super) fn new(place: &Place, error: &sqlx::Error) -> Self {
        let (place, what) = (place.clone(), error.to_string());
        match (error, place.engine()) {
            (sqlx::Error::Database(inner), Engine::Sqlite) => {
                let code = inner.code().and_then(|code| code.parse::<i64>().ok());
                match code.map(|code| code & 0xff) {
                    Some(FULL) => Self::Full { place },
                    Some(BUSY | LOCKED) => Self::Locked { place },
                    Some(CORRUPT | NOT_A_DATABASE) => Self::Corrupt { place, what },
                    _ => Self::Other { place, what },
                }
            }
            // PostgreSQL's codes, by their class or whole.
            (sqlx::Error::Database(inner), Engine::Postgres) => {
                match inner.code().as_deref().unwrap_or_default() {
                    "53100" => Self::Full { place },
                    "55P03" => Self::Locked { place },
                    "3D000" => Self::SignIn { place, what },
                    code if code.starts_with("28") => Self::SignIn { place, what },
                    code if code.starts_with("XX0") => Self::Corrupt { place, what },
                    code if code.starts_with("57P") || code.starts_with("08") => {
                        Self::Unreachable { place, what }
                    }
                    _ => Self::Other { place, what },
                }
            }
            (
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::Protocol(_),
                Engine::Postgres,
            ) => Self::Unreachable { place, what },
            _ => Self::Other { place, what },
        }
    }

    pub(super) fn file(place: &Place, error: &std::io::Error) -> Self {
        Self::Other { place: place.clone(), what: error.to_string() }
    }

    /// What stands in a row is not what was put there.
    pub(super) fn row(place: &Place, what: &str) -> Self {
        Self::Corrupt { place: place.clone(), what: format!("unreadable {what}") }
    }

    pub(super) fn closed(place: &Place) -> Self {
        Self::Other { place: place.clone(), what: "the database is closed".to_owned() }
    }
}
