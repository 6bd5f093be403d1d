//! Guests that were put in service while hosts run, what the hosts made of them, and what candidates
//! would have done otherwise.

use std::collections::BTreeMap;

use bridge::message::{Message, MessageId};
use sqlx::AnyConnection;

use super::{
    Database, Error,
    audit::{Act, Actor, note},
    choices::count_up,
    rows::{self, from_row},
    statement::Statement,
};
use crate::clock;

/// Differences kept for one candidate; the oldest go first.
const DIFFERENCES_MAX: i64 = 10_000;

/// Which guest: its name, and whether it is a candidate that runs beside the one in service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct GuestKey {
    /// What it is called.
    pub name: String,
    /// Whether it is a candidate.
    pub shadow: bool,
}

/// A guest that was loaded.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct GuestRow {
    /// Which.
    pub key: GuestKey,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// Patterns of the rooms that it is for; `None` for those of the configuration.
    pub rooms: Option<Vec<String>>,
    /// When it was loaded, in milliseconds since 1970.
    pub loaded_ms: i64,
}

/// What a host made of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestReport {
    /// Which.
    pub key: GuestKey,
    /// Which component it is about.
    pub digest: String,
    /// `in service`, `out of service` or `refused`.
    pub state: String,
    /// Why it is not in service.
    pub why: Option<String>,
    /// Calls since it came into service.
    pub calls: u64,
    /// Of them, those without a usable answer.
    pub failures: u64,
}

/// The same, as the database has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct GuestState {
    /// The host's name.
    pub host: String,
    /// The guest's name.
    pub name: String,
    /// 1 for a candidate.
    pub shadow: i64,
    /// SHA-256 of the component, in hex.
    pub digest: String,
    /// `in service`, `out of service` or `refused`.
    pub state: String,
    /// Why it is not in service.
    pub why: Option<String>,
    /// Calls since it came into service.
    pub calls: i64,
    /// Of them, those without a usable answer.
    pub failures: i64,
    /// When the host said so, in milliseconds since 1970.
    pub told_ms: i64,
}

impl GuestState {
    /// The `state` of a guest that is asked.
    pub const IN_SERVICE: &str = "in service";

    /// The `state` in words for the administrator: a candidate sends nothing, so it is not in service.
    #[must_use]
    pub fn stands(&self) -> &str {
        match &*self.state {
            Self::IN_SERVICE if self.shadow != 0 => "runs beside the one in service",
            state => state,
        }
    }
}

from_row!(GuestState { host, name, shadow, digest, state, why, calls, failures, told_ms });

/// What a candidate would have done with a message otherwise.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DifferenceRow {
    /// The message.
    pub message: String,
    /// What would be otherwise, as JSON.
    pub difference: String,
    /// When it was noted, in milliseconds since 1970.
    pub told_ms: i64,
}

from_row!(DifferenceRow { message, difference, told_ms });

type Row = (String, i64, String, Option<String>, i64);

impl Database {
    /// Puts a guest in service, or beside the one in service: every host takes it up.
    ///
    /// # Errors
    /// [`Error`]: it is not loaded.
    pub async fn load_guest(
        &self,
        key: GuestKey,
        digest: &str,
        component: Vec<u8>,
        rooms: Option<&[String]>,
        by: Actor,
    ) -> Result<(), Error> {
        let encode = |error: serde_json::Error| Error::row(&self.place, &error.to_string());
        let rooms = rooms.map(serde_json::to_string).transpose().map_err(encode)?;
        let data = (key, digest.to_owned(), component, rooms, by, clock::unix_ms());
        let loaded = self.writer.run(data, |connection, data| {
            let (key, digest, component, rooms, by, now_ms) = data;
            Box::pin(async move {
                forget(connection, key).await?;
                sqlx::query(
                    "INSERT INTO guests (name, shadow, digest, component, rooms, loaded_ms) VALUES ($1, $2, $3, $4, $5, $6)",
                )
                .bind(&key.name)
                .bind(i64::from(key.shadow))
                .bind(&*digest)
                .bind(&*component)
                .bind(&*rooms)
                .bind(*now_ms)
                .execute(&mut *connection)
                .await?;
                let detail = format!("{}sha256 {digest}", beside(key));
                note(connection, by, Act::LoadGuest, &key.name, Some(&detail), *now_ms).await?;
                count_up(connection, "guests").await
            })
        });
        loaded.await
    }

    /// Takes a guest that was loaded back out; `false` if there was none.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn unload_guest(&self, key: GuestKey, by: Actor) -> Result<bool, Error> {
        let data = (key, by, clock::unix_ms());
        let unloaded = self.writer.run(data, |connection, (key, by, now_ms)| {
            Box::pin(async move {
                let was_there = forget(connection, key).await?;
                if was_there {
                    let detail = key.shadow.then_some("beside");
                    note(connection, by, Act::UnloadGuest, &key.name, detail, *now_ms).await?;
                    count_up(connection, "guests").await?;
                }
                Ok(was_there)
            })
        });
        unloaded.await
    }

    /// Puts the candidate beside a guest in its place, for the rooms that it was loaded for, or else
    /// for those of the guest that was loaded there before; `false` if there is none.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn promote_guest(&self, name: &str, by: Actor) -> Result<bool, Error> {
        let data = (name.to_owned(), by, clock::unix_ms());
        let promoted = self.writer.run(data, |connection, (name, by, now_ms)| {
            Box::pin(async move {
                let digest: Option<String> =
                    sqlx::query_scalar("SELECT digest FROM guests WHERE name = $1 AND shadow = 1")
                        .bind(&*name)
                        .fetch_optional(&mut *connection)
                        .await?;
                let Some(digest) = digest else { return Ok(false) };
                let rooms: Option<Option<String>> =
                    sqlx::query_scalar("SELECT rooms FROM guests WHERE name = $1 AND shadow = 0")
                        .bind(&*name)
                        .fetch_optional(&mut *connection)
                        .await?;
                forget(connection, &GuestKey { name: name.clone(), shadow: false }).await?;
                sqlx::query(
                    "UPDATE guests SET shadow = 0, rooms = COALESCE(rooms, $2), loaded_ms = $3 \
                     WHERE name = $1 AND shadow = 1",
                )
                .bind(&*name)
                .bind(rooms.flatten())
                .bind(*now_ms)
                .execute(&mut *connection)
                .await?;
                let detail = format!("the candidate beside it, sha256 {digest}");
                note(connection, by, Act::LoadGuest, name, Some(&detail), *now_ms).await?;
                count_up(connection, "guests").await?;
                Ok(true)
            })
        });
        promoted.await
    }

    /// Changes whenever a guest is loaded or unloaded, on whatever host.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn guests_loaded(&self) -> Result<String, Error> {
        self.counted("guests").await
    }

    /// All guests that were loaded, the latest last.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn guests(&self) -> Result<Vec<GuestRow>, Error> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT name, shadow, digest, rooms, loaded_ms FROM guests ORDER BY loaded_ms, name, shadow",
        )
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(&error))?;
        let row = |(name, shadow, digest, rooms, loaded_ms): Row| {
            let rooms = rooms.map(|text| serde_json::from_str(&text)).transpose();
            let rooms = rooms.map_err(|error| Error::row(&self.place, &error.to_string()))?;
            Ok(GuestRow { key: GuestKey { name, shadow: shadow != 0 }, digest, rooms, loaded_ms })
        };
        rows.into_iter().map(row).collect()
    }

    /// The component of a guest that was loaded.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn component(&self, key: &GuestKey) -> Result<Option<Vec<u8>>, Error> {
        sqlx::query_scalar("SELECT component FROM guests WHERE name = $1 AND shadow = $2")
            .bind(&key.name)
            .bind(i64::from(key.shadow))
            .fetch_optional(&self.readers)
            .await
            .map_err(|error| self.failed(&error))
    }

    /// Notes what this host made of its guests, in place of what it said before.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn report_guests(&self, reports: Vec<GuestReport>) -> Result<(), Error> {
        let data = (self.host.clone(), reports, clock::unix_ms());
        let noted = self.writer.run(data, |connection, (host, reports, now_ms)| {
            Box::pin(async move {
                // Those of hosts that are no more go as well.
                sqlx::query(
                    "DELETE FROM guest_reports WHERE host = $1 OR host NOT IN (SELECT id FROM hosts)",
                )
                .bind(&**host)
                .execute(&mut *connection)
                .await?;
                if reports.is_empty() {
                    return Ok(());
                }
                insert_reports(host, reports, *now_ms).execute(connection).await.map(|_| ())
            })
        });
        noted.await
    }

    /// What the hosts made of their guests.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn guest_states(&self) -> Result<Vec<GuestState>, Error> {
        sqlx::query_as(
            "SELECT h.name AS host, r.name, r.shadow, r.digest, r.state, r.why, r.calls, r.failures, r.told_ms \
             FROM guest_reports r JOIN hosts h ON h.id = r.host ORDER BY r.name, r.shadow, h.name",
        )
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(&error))
    }

    /// Messages received in this time, oldest first, at most `limit`: those after `after`, which is
    /// when the last one of the page before was received, and its id.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn messages_between(
        &self,
        from_ms: i64,
        to_ms: i64,
        after: Option<&(i64, MessageId)>,
        limit: u32,
    ) -> Result<Vec<Message>, Error> {
        let (last_ms, last) =
            after.map_or((i64::MIN, ""), |(last_ms, last)| (*last_ms, last.as_str()));
        let mut select = Statement::new(format!(
            "SELECT {} FROM messages m WHERE m.removed_ms IS NULL AND m.received_ms >= ",
            rows::MESSAGE
        ));
        select.bind(from_ms.max(last_ms)).push(" AND m.received_ms <= ").bind(to_ms);
        select.push(" AND (m.received_ms > ").bind(last_ms).push(" OR m.id > ").bind(last);
        select.push(") ORDER BY m.received_ms, m.id LIMIT ").bind(i64::from(limit));
        let mut reader = self.reader().await?;
        let found = select.fetch(&mut reader).await.map_err(|error| self.failed(&error))?;
        let messages: Result<_, _> = found.iter().map(rows::message).collect();
        messages.map_err(|error| self.failed(&error))
    }

    /// Notes what a candidate would have done otherwise with a message; `difference` is JSON.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn note_difference(
        &self,
        name: &str,
        digest: &str,
        message: &str,
        difference: String,
    ) -> Result<(), Error> {
        let data =
            (name.to_owned(), digest.to_owned(), message.to_owned(), difference, clock::unix_ms());
        let noted = self.writer.run(data, |connection, (name, digest, message, text, now_ms)| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO shadows (name, digest, message, difference, told_ms) VALUES ($1, $2, $3, $4, $5) \
                     ON CONFLICT DO NOTHING",
                )
                .bind(&*name)
                .bind(&*digest)
                .bind(&*message)
                .bind(&*text)
                .bind(*now_ms)
                .execute(&mut *connection)
                .await?;
                bound_differences(connection, name).await
            })
        });
        noted.await
    }

    /// What a candidate would have done otherwise, the latest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn differences(
        &self,
        name: &str,
        digest: &str,
        limit: u32,
    ) -> Result<Vec<DifferenceRow>, Error> {
        sqlx::query_as(
            "SELECT message, difference, told_ms FROM shadows WHERE name = $1 AND digest = $2 \
             ORDER BY told_ms DESC, message LIMIT $3",
        )
        .bind(name)
        .bind(digest)
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(&error))
    }
}

/// What the log says of a candidate, in front of the rest.
fn beside(key: &GuestKey) -> &'static str {
    if key.shadow { "beside, " } else { "" }
}

async fn forget(connection: &mut AnyConnection, key: &GuestKey) -> Result<bool, sqlx::Error> {
    let gone = sqlx::query("DELETE FROM guests WHERE name = $1 AND shadow = $2")
        .bind(&key.name)
        .bind(i64::from(key.shadow))
        .execute(connection)
        .await?;
    Ok(gone.rows_affected() > 0)
}

fn insert_reports(host: &str, reports: &[GuestReport], now_ms: i64) -> Statement {
    // One statement must not touch a row twice.
    let reports: BTreeMap<&GuestKey, &GuestReport> =
        reports.iter().map(|report| (&report.key, report)).collect();
    let mut insert = Statement::new(
        "INSERT INTO guest_reports (host, name, shadow, digest, state, why, calls, failures, told_ms) ",
    );
    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    insert.rows(reports.into_values(), |row, report| {
        row.bind(host)
            .bind(&report.key.name)
            .bind(i64::from(report.key.shadow))
            .bind(&report.digest)
            .bind(&report.state)
            .bind(&report.why)
            .bind(count(report.calls))
            .bind(count(report.failures))
            .bind(now_ms);
    });
    insert
}

async fn bound_differences(connection: &mut AnyConnection, name: &str) -> Result<(), sqlx::Error> {
    let oldest: Option<i64> = sqlx::query_scalar(
        "SELECT told_ms FROM shadows WHERE name = $1 ORDER BY told_ms DESC LIMIT 1 OFFSET $2",
    )
    .bind(name)
    .bind(DIFFERENCES_MAX)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(oldest) = oldest else { return Ok(()) };
    sqlx::query("DELETE FROM shadows WHERE name = $1 AND told_ms <= $2")
        .bind(name)
        .bind(oldest)
        .execute(connection)
        .await?;
    Ok(())
}
