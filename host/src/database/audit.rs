//! The audit log: what administrators have done and what people have chosen, each row committed with
//! what it tells of.
//!
//! Sends and skips are not in it. Of these there is one row for each message and person in
//! `deliveries`, with the reason, and one for each mail in `mails`, with its outcome; `chat-digest
//! why` shows both. Of what was configured the keys are told; the values stand in the files.

use bridge::{
    message::{Address, RoomId},
    preference::Choice,
};
use sqlx::AnyConnection;

use super::{Database, Error, choices::Source, random_name, rows::from_row};
use crate::preferences::OwnKey;

/// Who did something, and by which way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody at the status page, by the address that he came from.
    Page(String),
    /// A user of this machine.
    CommandLine(String),
    /// Somebody who said it in a room.
    Room(Address),
    /// Somebody who wrote to the service.
    Letter(Address),
    /// Whoever has changed the configuration's files before the host was started.
    Start,
    /// Whoever has changed them and had the host read them again.
    Reload,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A mail that was given up is sent afresh.
    Retry,
    /// A mail that was given up is let go.
    Discard,
    /// A room's messages wait.
    Pause,
    /// A room's messages wait no longer.
    Resume,
    /// A guest was put in service, or beside the one in service.
    LoadGuest,
    /// A guest was taken out again.
    UnloadGuest,
    /// Somebody chose what to get.
    Choose,
    /// Keys of the configuration were changed.
    Configure,
}

/// A row of the log. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AuditRow {
    /// When it was done.
    pub done_ms: i64,
    /// `page`, `command-line`, `room`, `letter`, `start` or `reload`.
    pub way: String,
    /// An address of the network, a user of the machine, or a person's address; nothing where only the
    /// files' owner knows.
    pub who: String,
    /// `retry`, `discard`, `pause`, `resume`, `load-guest`, `unload-guest`, `choose` or
    /// `configure`.
    pub action: String,
    /// A mail's key, a guest's name, a room's name (nothing for all rooms), or where a host runs.
    pub what: String,
    /// More about it.
    pub detail: Option<String>,
}

from_row!(AuditRow { done_ms, way, who, action, what, detail });

impl Actor {
    /// Whoever runs this program: the name that the environment gives, and the user id that the
    /// system knows.
    #[must_use]
    pub fn command_line() -> Self {
        let name = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|key| std::env::var(key).ok());
        let name =
            name.filter(|name| name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c)));
        let name = name.unwrap_or_else(|| "unknown".to_owned());
        Self::CommandLine(match user_id() {
            Some(id) => format!("{name} (uid {id})"),
            None => name,
        })
    }

    /// The word for the way.
    #[must_use]
    pub const fn way(&self) -> &'static str {
        match self {
            Self::Page(_) => "page",
            Self::CommandLine(_) => "command-line",
            Self::Room(_) => "room",
            Self::Letter(_) => "letter",
            Self::Start => "start",
            Self::Reload => "reload",
        }
    }

    /// Who it is.
    #[must_use]
    pub fn who(&self) -> &str {
        match self {
            Self::Page(who) | Self::CommandLine(who) => who,
            Self::Room(person) | Self::Letter(person) => person.as_str(),
            Self::Start | Self::Reload => "",
        }
    }
}

#[cfg(unix)]
fn user_id() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").ok().map(|this| this.uid())
}

#[cfg(not(unix))]
fn user_id() -> Option<u32> {
    None
}

impl Act {
    /// The word under which it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Discard => "discard",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::LoadGuest => "load-guest",
            Self::UnloadGuest => "unload-guest",
            Self::Choose => "choose",
            Self::Configure => "configure",
        }
    }
}

impl Database {
    /// The log, the latest first, at most `limit` rows.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn audit(&self, limit: u32) -> Result<Vec<AuditRow>, Error> {
        sqlx::query_as(
            "SELECT a.done_ms, a.way, a.who, a.action, COALESCE(r.name, a.what) AS what, a.detail FROM audit a \
             LEFT JOIN rooms r ON r.id = a.what ORDER BY a.done_ms DESC, a.id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(&error))
    }

    /// Lets go what was done before `before_ms`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn forget_audit(&self, before_ms: i64) -> Result<(), Error> {
        let forgotten = self.writer.run(before_ms, |connection, before_ms| {
            Box::pin(async move {
                let delete = sqlx::query("DELETE FROM audit WHERE done_ms < $1").bind(*before_ms);
                delete.execute(connection).await.map(|_| ())
            })
        });
        forgotten.await
    }

    /// Has a room's messages wait: they are received, and not planned. `false` if they do already,
    /// or there is no such room.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn pause_room(&self, room: &RoomId, by: Actor, now_ms: i64) -> Result<bool, Error> {
        let paused = self.writer.run((room.clone(), by, now_ms), |connection, (room, by, now_ms)| {
            Box::pin(async move {
                let insert = sqlx::query(
                    "INSERT INTO paused (room, since_ms) SELECT id, CAST($2 AS BIGINT) FROM rooms WHERE id = $1 \
                     ON CONFLICT DO NOTHING",
                );
                let done = insert.bind(room.as_str()).bind(*now_ms).execute(&mut *connection).await?;
                let is_new = done.rows_affected() > 0;
                if is_new {
                    note(connection, by, Act::Pause, room.as_str(), None, *now_ms).await?;
                }
                Ok(is_new)
            })
        });
        paused.await
    }

    /// Has a room's messages wait no longer; `false` if they did not.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn resume_room(&self, room: &RoomId, by: Actor, now_ms: i64) -> Result<bool, Error> {
        let resumed =
            self.writer.run((room.clone(), by, now_ms), |connection, (room, by, now_ms)| {
                Box::pin(async move {
                    let delete =
                        sqlx::query("DELETE FROM paused WHERE room = $1").bind(room.as_str());
                    let was_paused = delete.execute(&mut *connection).await?.rows_affected() > 0;
                    if was_paused {
                        note(connection, by, Act::Resume, room.as_str(), None, *now_ms).await?;
                    }
                    Ok(was_paused)
                })
            });
        resumed.await
    }

    /// The rooms whose messages wait, and since when.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn paused(&self) -> Result<Vec<(String, i64)>, Error> {
        sqlx::query_as("SELECT room, since_ms FROM paused")
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.failed(&error))
    }
}

/// Writes a row, in the transaction of what it tells of.
pub(super) async fn note(
    connection: &mut AnyConnection,
    by: &Actor,
    act: Act,
    what: &str,
    detail: Option<&str>,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO audit (id, done_ms, way, who, action, what, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(random_name())
    .bind(now_ms)
    .bind(by.way())
    .bind(by.who())
    .bind(act.as_str())
    .bind(what)
    .bind(detail)
    .execute(connection)
    .await
    .map(|_| ())
}

/// Writes a row about what somebody chose.
pub(super) async fn note_choice(
    connection: &mut AnyConnection,
    (person, room): &OwnKey,
    choice: &Choice,
    source: &Source,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let by = match source {
        Source::Message(_) => Actor::Room(person.clone()),
        Source::Letter(_) => Actor::Letter(person.clone()),
    };
    let room = room.as_ref().map_or("", RoomId::as_str);
    note(connection, &by, Act::Choose, room, Some(&spelled(choice)), now_ms).await
}

fn spelled(choice: &Choice) -> String {
    let words = [
        choice.wish.map(|wish| wish.as_str().to_owned()),
        choice.schedule.as_ref().map(|schedule| schedule.as_str().to_owned()),
        choice.form.map(|form| form.as_str().to_owned()),
        choice.time_zone.clone(),
    ];
    let words: Vec<_> = words.into_iter().flatten().collect();
    if words.is_empty() { "as the administrator has set".to_owned() } else { words.join(", ") }
}
