//! Where the stages meet: SQLite, with every commit on disk before anybody is told of it.
//!
//! All writes go through one writer, which puts what waits into one transaction and answers all
//! after its commit (`synchronous=FULL`). Reads have connections of their own. The SQL is one text
//! for SQLite and PostgreSQL.

mod chat;
mod choices;
mod digests;
mod error;
mod mails;
mod outbox;
mod plans;
mod receipts;
mod rows;
mod writer;

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bridge::{
    delivery::{DeliveryKey, Readers},
    digest::ShareKey,
    mail::Composition,
    message::{Message, Person},
    outbox::Standing,
    preference::Form,
    receipt::Receipt,
    room::Room,
};
use sqlx::{
    ConnectOptions, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::watch;

use self::writer::Writer;
pub use self::{
    choices::{Said, Source, answer_key},
    error::Error,
    mails::Why,
    outbox::Unsent,
    plans::Queueing,
};

/// Connections for reading.
const READERS: u32 = 4;
/// How long a statement waits for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How often, and how far apart, a lock that is held is tried: five seconds in all.
const LOCK_TRIES: u32 = 100;
const LOCK_WAIT: Duration = Duration::from_millis(50);
/// The file's name.
const FILE: &str = "chat-digest.sqlite";
/// The file that says that a host has the database open.
const LOCK: &str = "chat-digest.lock";

static MIGRATIONS: Migrator = sqlx::migrate!("src/database/migrations");

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    readers: SqlitePool,
    writer: Writer,
    identity: Arc<str>,
    path: Arc<Path>,
    /// Held as long as the database is open.
    lock: Arc<Mutex<Option<File>>>,
}

/// Whether a message was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It was not.
    New,
    /// It was; nothing has changed.
    Duplicate,
}

/// A mail with all that is needed to compose and send it.
#[derive(Clone, Debug)]
pub struct DueMail {
    /// Names it for good.
    pub key: DeliveryKey,
    /// Who gets it.
    pub person: Person,
    /// Where.
    pub mailbox: String,
    /// Equal for mails whose text is the same.
    pub share: ShareKey,
    /// What its text may depend on.
    pub readers: Readers,
    /// Whether its messages were collected.
    pub digest: bool,
    /// Where it stands; the request that follows is committed as begun.
    pub standing: Standing,
    /// The rooms of its messages.
    pub rooms: Vec<Room>,
    /// Its messages, in the order in which it shows them.
    pub items: Vec<Item>,
    /// Its text, if the host wrote it: then it has no messages.
    pub written: Option<Composition>,
    /// What it covers and continues; a mail that the host wrote has none.
    pub receipt: Option<Receipt>,
    /// When the mail that it continues got its receipt, in milliseconds since 1970.
    pub continues_ms: Option<i64>,
}

/// A message of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The message.
    pub message: Arc<Message>,
    /// Why this reader gets it.
    pub reason: String,
    /// Whether it names this reader.
    pub named: bool,
    /// How its room is shown.
    pub form: Form,
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Messages received.
    pub messages: u64,
    /// Of them, those that wait for a plan.
    pub unplanned: u64,
    /// Messages for people that wait for a digest.
    pub kept: u64,
    /// Messages for people whose mailbox is not known.
    pub held: u64,
    /// Mails on their way.
    pub waiting: u64,
    /// Mails sent.
    pub sent: u64,
    /// Mails given up.
    pub failed: u64,
    /// Mails that left and were not seen to arrive.
    pub unconfirmed: u64,
    /// Mails that had nothing left to say, or were discarded.
    pub withdrawn: u64,
}

impl Database {
    /// Opens the database in `directory`, making both if they are missing, and brings its tables
    /// up to date.
    ///
    /// # Errors
    /// [`Error`], with the file and what to do.
    pub async fn open(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(FILE);
        make_directory(directory).map_err(|error| Error::file(&path, &error))?;
        let lock = lock(directory).await?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        let failed = |error: sqlx::Error| Error::new(&path, &error);
        let mut connection = options.connect().await.map_err(failed)?;
        MIGRATIONS
            .run(&mut connection)
            .await
            .map_err(|error| Error::Tables { path: path.clone(), what: error.to_string() })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_with(options.clone())
            .await
            .map_err(failed)?;
        let identity = identity(&mut connection).await.map_err(failed)?;
        let path: Arc<Path> = path.into();
        let writer = Writer::start(connection, options, Arc::clone(&path));
        Ok(Self {
            readers,
            writer,
            identity: identity.into(),
            path,
            lock: Arc::new(Mutex::new(Some(lock))),
        })
    }

    /// Opens the database of a host that may be running, to read only: every write is refused.
    ///
    /// # Errors
    /// [`Error`], with the file and what to do.
    pub async fn look(directory: &Path) -> Result<Self, Error> {
        let path: Arc<Path> = directory.join(FILE).into();
        let failed = |error: sqlx::Error| Error::new(&path, &error);
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("query_only", "1")
            .disable_statement_logging();
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options)
            .await
            .map_err(failed)?;
        let identity: String = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'identity'")
            .fetch_one(&readers)
            .await
            .map_err(failed)?;
        let writer = Writer::closed(Arc::clone(&path));
        Ok(Self { readers, writer, identity: identity.into(), path, lock: Arc::default() })
    }

    /// Opens the database of a host that may be running, to change single things beside it. The
    /// tables must be those of this version.
    ///
    /// # Errors
    /// [`Error`], with the file and what to do.
    pub async fn beside(directory: &Path) -> Result<Self, Error> {
        let looked = Self::look(directory).await?;
        let failed = |error: sqlx::Error| Error::new(&looked.path, &error);
        let options = SqliteConnectOptions::new()
            .filename(&looked.path)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        let connection = options.connect().await.map_err(failed)?;
        let writer = Writer::start(connection, options, Arc::clone(&looked.path));
        Ok(Self { writer, ..looked })
    }

    /// Names this database: 32 hexadecimal digits made when it was.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Changes with every commit made here, not with another process's.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<()> {
        self.writer.commits()
    }

    /// Waits until what was asked is on disk, and closes.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn failed(&self, error: &sqlx::Error) -> Error {
        Error::new(&self.path, error)
    }
}

/// For the service alone: chat texts stand in there.
fn make_directory(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// One host for one database: a second one would take the first one's open requests for lost. One
/// that is just stopping is waited for.
async fn lock(directory: &Path) -> Result<File, Error> {
    let path = directory.join(LOCK);
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|error| Error::file(&path, &error))?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_WAIT).await,
            Err(TryLockError::Error(error)) => return Err(Error::file(&path, &error)),
        }
    }
    Err(Error::InUse { path })
}

async fn identity(connection: &mut sqlx::SqliteConnection) -> Result<String, sqlx::Error> {
    let fresh: String =
        crate::clock::random::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    sqlx::query("INSERT INTO meta (key, value) VALUES ('identity', $1) ON CONFLICT DO NOTHING")
        .bind(fresh)
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar("SELECT value FROM meta WHERE key = 'identity'").fetch_one(connection).await
}

/// The database's file in a directory.
#[must_use]
pub fn file_in(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;
