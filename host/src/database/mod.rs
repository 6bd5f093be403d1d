//! Where the stages meet: SQLite or PostgreSQL, with every commit on disk before anybody is told of
//! it.
//!
//! All writes of a host go through one writer, which puts what waits into one transaction and answers
//! all after its commit. Reads have connections of their own. The SQL is one text for both engines.

mod audit;
mod chat;
mod choices;
mod configured;
mod digests;
mod engine;
mod error;
mod guests;
mod hosts;
mod intake;
mod mails;
mod migrations;
mod outbox;
mod overview;
mod plans;
mod receipts;
mod rows;
mod seen;
mod statement;
mod status;
mod writer;

use std::{
    fs::{File, TryLockError},
    path::Path,
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
use sqlx::{AnyConnection, AnyPool, Connection as _, any::AnyConnectOptions};
use tokio::sync::watch;

pub use self::{
    audit::{Act, Actor, AuditRow},
    chat::RoomDue,
    choices::{Said, Source, answer_key},
    engine::{Place, Server, file_in},
    error::Error,
    guests::{DifferenceRow, GuestKey, GuestReport, GuestRow, GuestState},
    hosts::{Held, HostRow, SERVICE},
    mails::{ReceivedRow, Why},
    outbox::Unsent,
    overview::{DigestDue, LastMail, Load, Oldest},
    plans::Queueing,
    status::{GapStatus, RoomPosts, RoomStatus},
};
use self::{engine::Engine, writer::Writer};

/// How often, and how far apart, a lock that is held is tried: five seconds in all.
const LOCK_TRIES: u32 = 100;
const LOCK_WAIT: Duration = Duration::from_millis(50);
/// The file that says that a host has the database open.
const LOCK: &str = "chat-digest.lock";

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    readers: AnyPool,
    writer: Writer,
    identity: Arc<str>,
    place: Place,
    /// Names this host among those that share the database, until it ends.
    host: Arc<str>,
    slot: u32,
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
    /// The guest that writes it; `None` for the one of its room.
    pub guest: Option<String>,
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
    /// Opens the database, making it if it is missing, brings its tables up to date, and signs this
    /// host in to it.
    ///
    /// # Errors
    /// [`Error`], with the place and what to do.
    pub async fn open(place: impl Into<Place>) -> Result<Self, Error> {
        let place = place.into();
        let lock = match &place {
            Place::Server(_) => None,
            Place::Directory(directory) => {
                make_directory(directory).map_err(|error| Error::file(&place, &error))?;
                Some(lock(&place, directory).await?)
            }
        };
        let (mut connection, options) = connect(&place, true).await?;
        migrations::run(&mut connection, &place).await?;
        let failed = |error: sqlx::Error| Error::new(&place, &error);
        let identity = identity(&mut connection).await.map_err(failed)?;
        let readers = place.engine().readers(options.clone(), false).await.map_err(failed)?;
        let writer = Writer::start(connection, options, place.clone());
        let host: Arc<str> = random_name().into();
        let alone = lock.is_some();
        let lock = Arc::new(Mutex::new(lock));
        let identity = identity.into();
        let slot = 0;
        let mut database = Self { readers, writer, identity, place, host, slot, lock };
        database.slot = database.enter(alone).await?;
        Ok(database)
    }

    /// Opens the database of a host that may be running, to read only: every write is refused.
    ///
    /// # Errors
    /// [`Error`], with the place and what to do.
    pub async fn look(place: impl Into<Place>) -> Result<Self, Error> {
        let place = place.into();
        let failed = |error: sqlx::Error| Error::new(&place, &error);
        let options = place.options(false)?;
        let readers = place.engine().readers(options, true).await.map_err(failed)?;
        let identity: String = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'identity'")
            .fetch_one(&readers)
            .await
            .map_err(failed)?;
        let writer = Writer::closed(place.clone());
        let (identity, host) = (identity.into(), random_name().into());
        Ok(Self { readers, writer, identity, place, host, slot: 0, lock: Arc::default() })
    }

    /// Opens the database of a host that may be running, to change single things beside it. The
    /// tables must be those of this version.
    ///
    /// # Errors
    /// [`Error`], with the place and what to do.
    pub async fn beside(place: impl Into<Place>) -> Result<Self, Error> {
        let looked = Self::look(place).await?;
        let (connection, options) = connect(&looked.place, false).await?;
        let writer = Writer::start(connection, options, looked.place.clone());
        Ok(Self { writer, ..looked })
    }

    /// Connects, and changes nothing.
    ///
    /// # Errors
    /// [`Error`], with the place and what to do.
    pub async fn reach(place: Place) -> Result<(), Error> {
        let (connection, _) = connect(&place, false).await?;
        connection.close().await.map_err(|error| Error::new(&place, &error))
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

    /// Waits until what was asked is on disk, gives up what this host does alone, and closes.
    pub async fn close(&self) {
        let _ = self.leave().await;
        self.writer.close().await;
        self.readers.close().await;
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn failed(&self, error: &sqlx::Error) -> Error {
        Error::new(&self.place, error)
    }

    /// A connection for reading.
    async fn reader(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Any>, Error> {
        self.readers.acquire().await.map_err(|error| self.failed(&error))
    }
}

async fn connect(place: &Place, create: bool) -> Result<(AnyConnection, AnyConnectOptions), Error> {
    let options = place.options(create)?;
    let connection = place.engine().connect(&options).await;
    Ok((connection.map_err(|error| Error::new(place, &error))?, options))
}

/// For the service alone: chat texts stand in there.
fn make_directory(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// One host for one directory: a second one would take the first one's open requests for lost. One
/// that is just stopping is waited for.
async fn lock(place: &Place, directory: &Path) -> Result<File, Error> {
    let path = directory.join(LOCK);
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|error| Error::file(place, &error))?;
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(LOCK_WAIT).await,
            Err(TryLockError::Error(error)) => return Err(Error::file(place, &error)),
        }
    }
    Err(Error::InUse { lock: path.display().to_string() })
}

/// Whether a host of this machine has the directory of a file; nothing is known of a server's hosts.
#[must_use]
pub fn is_held(place: &Place) -> bool {
    let Place::Directory(directory) = place else { return false };
    let file = File::open(directory.join(LOCK));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn random_name() -> String {
    crate::clock::random::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn identity(connection: &mut AnyConnection) -> Result<String, sqlx::Error> {
    sqlx::query("INSERT INTO meta (key, value) VALUES ('identity', $1) ON CONFLICT DO NOTHING")
        .bind(random_name())
        .execute(&mut *connection)
        .await?;
    sqlx::query_scalar("SELECT value FROM meta WHERE key = 'identity'").fetch_one(connection).await
}

#[cfg(test)]
mod histories;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
