//! The two engines: SQLite in a directory of this machine, and PostgreSQL, which several hosts may
//! share. What differs between them stands here; every other statement is one text for both.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Once,
    time::Duration,
};

use ntlm::Secret;
use sqlx::{
    AnyConnection, AnyPool, ConnectOptions, Executor,
    any::{AnyConnectOptions, AnyPoolOptions},
    sqlite::SqliteConnectOptions,
};
use url::Url;

use super::Error;
use crate::config::Store;

/// Connections for reading.
const READERS: u32 = 4;
/// How long a statement waits for a lock that somebody else holds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one statement may take on a server.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a server lets a host hold locks that says nothing: one that is frozen keeps others from
/// nothing for longer.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// How long a server may take to answer a new connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// SQLite's memory for a writer's pages: what one transaction changes fits, or its pages are written
/// several times.
const WRITER_CACHE_KIB: u32 = 32 << 10;
/// Pages of SQLite's log that are moved to the file at once, 4 KiB each: those that many
/// transactions change are moved once.
const CHECKPOINT_PAGES: u32 = 8 << 10;
/// The file's name.
const FILE: &str = "chat-digest.sqlite";

/// Where the database is.
#[derive(Clone)]
pub enum Place {
    /// SQLite, in a file of this directory. One host has it for itself.
    Directory(PathBuf),
    /// A server that speaks PostgreSQL's protocol. Hosts share it.
    Server(Server),
}

/// A server's address, which may hold a password.
#[derive(Clone)]
pub struct Server {
    url: Secret,
    shown: String,
}

impl Server {
    /// Takes `postgres://user:password@host:port/database`.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it; the password does not stand in it.
    pub fn new(url: Secret) -> Result<Self, String> {
        let example = "an address such as `postgres://chat-digest@db01.contoso.com/chat_digest`";
        let mut parsed =
            Url::parse(url.expose()).map_err(|error| format!("{error}: {example} is wanted"))?;
        if !matches!(parsed.scheme(), "postgres" | "postgresql") {
            return Err(format!("`{}` is no PostgreSQL: {example} is wanted", parsed.scheme()));
        }
        // Neither fails for an address that has a host; of one that has none nothing is shown.
        let hidden = parsed.set_password(None).is_ok();
        parsed.set_query(None);
        let shown = if hidden { parsed.to_string() } else { "postgres:".to_owned() };
        Ok(Self { url, shown })
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(directory) => write!(f, "{}", directory.join(FILE).display()),
            Self::Server(server) => f.write_str(&server.shown),
        }
    }
}

impl From<&Path> for Place {
    fn from(directory: &Path) -> Self {
        Self::Directory(directory.to_owned())
    }
}

impl Place {
    /// What the configuration says.
    ///
    /// # Errors
    /// If the address of a server cannot be read, or is none.
    pub fn of(store: &Store) -> anyhow::Result<Self> {
        let Some(source) = &store.database else { return Ok(store.directory.as_path().into()) };
        let server = source.read().and_then(Server::new);
        let server = server.map_err(|what| anyhow::anyhow!("store.database: {what}"))?;
        Ok(Self::Server(server))
    }

    pub(super) fn engine(&self) -> Engine {
        match self {
            Self::Directory(_) => Engine::Sqlite,
            Self::Server(_) => Engine::Postgres,
        }
    }

    /// `create` makes an SQLite file that is missing.
    pub(super) fn options(&self, create: bool) -> Result<AnyConnectOptions, Error> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let options = match self {
            Self::Directory(directory) => {
                let file = SqliteConnectOptions::new().filename(directory.join(FILE));
                AnyConnectOptions::from_url(&file.create_if_missing(create).to_url_lossy())
            }
            Self::Server(server) => AnyConnectOptions::from_str(server.url.expose()),
        };
        Ok(options.map_err(|error| Error::new(self, &error))?.disable_statement_logging())
    }
}

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(super) fn of(connection: &AnyConnection) -> Self {
        match connection.backend_name() {
            "SQLite" => Self::Sqlite,
            _ => Self::Postgres,
        }
    }

    /// Begins a transaction that is going to write.
    pub(super) const fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }

    /// After a `SELECT`: its rows are ours until the transaction ends. Another host passes over them.
    pub(super) const fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// After a `SELECT`: its rows are ours until the transaction ends. Another host waits.
    pub(super) const fn locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR UPDATE",
        }
    }

    /// The engine's own clock, in milliseconds since 1970: hosts need not agree on the time.
    pub(super) const fn now_ms(self) -> &'static str {
        match self {
            Self::Sqlite => "CAST(strftime('%s', 'now') AS BIGINT) * 1000",
            Self::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        }
    }

    /// What every connection is told first. Commits are on disk when they are answered.
    fn settings(self, read_only: bool) -> Vec<String> {
        let ms = |time: Duration| time.as_millis();
        match self {
            Self::Sqlite => {
                let mut all = vec![
                    format!("PRAGMA busy_timeout = {}", ms(LOCK_TIMEOUT)),
                    "PRAGMA synchronous = FULL".to_owned(),
                ];
                all.push(match read_only {
                    true => "PRAGMA query_only = 1".to_owned(),
                    false => "PRAGMA journal_mode = WAL".to_owned(),
                });
                all
            }
            Self::Postgres => {
                let mut all = vec![
                    "SET client_min_messages = warning".to_owned(),
                    "SET synchronous_commit = on".to_owned(),
                    "SET default_transaction_isolation = 'read committed'".to_owned(),
                    format!("SET lock_timeout = {}", ms(LOCK_TIMEOUT)),
                    format!("SET statement_timeout = {}", ms(STATEMENT_TIMEOUT)),
                    format!("SET idle_in_transaction_session_timeout = {}", ms(SILENCE_MAX)),
                ];
                if read_only {
                    all.push("SET default_transaction_read_only = on".to_owned());
                }
                all
            }
        }
    }

    /// What a connection for writing is told besides.
    fn writer_settings(self) -> Vec<String> {
        match self {
            Self::Sqlite => vec![
                format!("PRAGMA cache_size = -{WRITER_CACHE_KIB}"),
                format!("PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}"),
            ],
            Self::Postgres => Vec::new(),
        }
    }

    pub(super) async fn set_up(
        self,
        connection: &mut AnyConnection,
        read_only: bool,
    ) -> Result<(), sqlx::Error> {
        for setting in self.settings(read_only) {
            connection.execute(sqlx::AssertSqlSafe(setting)).await?;
        }
        Ok(())
    }

    pub(super) async fn connect(
        self,
        options: &AnyConnectOptions,
    ) -> Result<AnyConnection, sqlx::Error> {
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await;
        let mut connection = connected.map_err(|_| sqlx::Error::PoolTimedOut)??;
        self.set_up(&mut connection, false).await?;
        for setting in self.writer_settings() {
            connection.execute(sqlx::AssertSqlSafe(setting)).await?;
        }
        Ok(connection)
    }

    pub(super) async fn readers(
        self,
        options: AnyConnectOptions,
        read_only: bool,
    ) -> Result<AnyPool, sqlx::Error> {
        AnyPoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(CONNECT_TIMEOUT)
            // A file does not go away; a server may have.
            .test_before_acquire(self == Self::Postgres)
            .after_connect(move |connection, _| Box::pin(self.set_up(connection, read_only)))
            .connect_with(options)
            .await
    }
}

/// The database's file in a directory.
#[must_use]
pub fn file_in(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    #[test]
    fn a_server_is_shown_without_its_password() {
        let url = "postgres://digest:Quittengelee@db01.contoso.com:5433/chat?password=Quittengelee";
        let place = Place::Server(Server::new(Secret::new(url)).unwrap());
        assert_eq!(format!("{place} {place:?}").matches("Quittengelee").count(), 0);
        assert_eq!(place.to_string(), "postgres://digest@db01.contoso.com:5433/chat");
    }

    #[test]
    fn what_is_no_server_is_refused_without_showing_it() {
        for bad in ["", "db01 Quittengelee", "mysql://u:Quittengelee@db01/chat"] {
            let what = Server::new(Secret::new(bad)).err().unwrap();
            assert!(what.contains("is wanted") && !what.contains("Quittengelee"), "{what}");
        }
    }
}
