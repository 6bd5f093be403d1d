//! Hosts that share a database: who lives, who does what alone, and what becomes of the work of one
//! that was silent for too long.
//!
//! A host is a row with an expiry, by the database's clock; what it does alone are rows that name it.
//! Every host renews its own row and looks for those of others that have run out. Of such a one the
//! row goes first, so that it can begin nothing more, then its rooms; the mails that it had asked
//! for are looked up by whoever claims them (ews.md 2.3). Should it still live, its answers no
//! longer count: [`Database::record`] keeps only those to mails that are its own, and a draft can be
//! sent but once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use bridge::lease::{self, Moves};
use sqlx::AnyConnection;

use super::{
    Database, Error, chat::ROWS_MAX, engine::Engine, mails, rows::from_row, statement::Statement,
};
use crate::machine;

/// What is done once for all rooms: reading mail to the service, letting go what is old.
pub const SERVICE: &str = "service";
/// How long a host is believed to live that has just signed in and not said anything yet.
const ENTERED_FOR: Duration = Duration::from_secs(30);
/// Hosts that share a database.
const HOSTS_MAX: i64 = 64;
/// Characters kept of what stands in a host's way.
const TROUBLE_CHARACTERS_MAX: usize = 2000;

/// What a host does alone, and what others do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Ours.
    pub mine: BTreeSet<String>,
    /// What other hosts do.
    pub others: BTreeSet<String>,
    /// Hosts that were silent for too long and have been put out, by name.
    pub expired: Vec<String>,
    /// Mails that those had asked for.
    pub orphans: usize,
}

/// A host as the database knows it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct HostRow {
    /// Names it until it ends.
    pub id: String,
    /// Tells its endpoint from those of the others.
    pub slot: i64,
    /// Machine and process.
    pub name: String,
    /// Whether it is in the chat: 1 or 0.
    pub watching: i64,
    /// Milliseconds until its lease runs out.
    pub left_ms: i64,
    /// What it does alone.
    pub duties: i64,
    /// What stands in its way, a line each.
    pub trouble: Option<String>,
}

impl HostRow {
    /// Whether it is in the chat at this moment: its rooms stay its own until its lease runs out, and
    /// `watching` with them.
    #[must_use]
    pub fn is_in_chat(&self) -> bool {
        let away = self.trouble.as_ref().is_some_and(|trouble| trouble.starts_with("chat: "));
        self.watching == 1 && !away
    }
}

from_row!(HostRow { id, slot, name, watching, left_ms, duties, trouble });

impl Database {
    /// Tells this host's endpoint from those of the others: 1 for the first, and so on.
    #[must_use]
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// Signs this host in. Who has the file for himself knows that all others are dead.
    pub(super) async fn enter(&self, alone: bool) -> Result<u32, Error> {
        let slot = self.writer.run((self.host.clone(), alone), |connection, (host, alone)| {
            Box::pin(async move { enter(connection, host, *alone).await })
        });
        slot.await?
            .ok_or_else(|| Error::TooManyHosts { place: self.place.clone(), most: HOSTS_MAX })
    }

    /// Signs this host out: others need not wait until its lease runs out.
    pub(super) async fn leave(&self) -> Result<(), Error> {
        let left = self.writer.run(self.host.clone(), |connection, host| {
            Box::pin(async move {
                for sql in ["DELETE FROM leases WHERE host = $1", "DELETE FROM hosts WHERE id = $1"]
                {
                    sqlx::query(sql).bind(&**host).execute(&mut *connection).await?;
                }
                Ok(())
            })
        });
        left.await
    }

    /// Says that this host lives for another `lease` and what stands in its way, puts out those that were silent for too long,
    /// and takes and gives what it does alone, so that each host that is in the chat (`watching`)
    /// has an equal share of what it wants to do.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] if this host itself was put out.
    pub async fn hold(
        &self,
        wanted: BTreeSet<String>,
        watching: bool,
        trouble: &[String],
        lease: Duration,
    ) -> Result<Held, Error> {
        let lease_ms = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
        let trouble: String = trouble.join("\n").chars().take(TROUBLE_CHARACTERS_MAX).collect();
        let data = (self.host.clone(), wanted, Standing { watching, trouble, lease_ms });
        let held = self.writer.run(data, |connection, (host, wanted, standing)| {
            Box::pin(async move {
                if !renew(connection, host, standing).await? {
                    return Ok(None);
                }
                let expired = put_out(connection, host).await?;
                let held = balance(connection, host, wanted).await?;
                Ok(Some(Held { expired, ..held }))
            })
        });
        let held = held.await?;
        let mut held = held.ok_or_else(|| Error::LeaseLost { place: self.place.clone() })?;
        held.orphans = self.take_up(None).await?;
        Ok(held)
    }

    /// Has the mails looked for that `host` has asked for, or with `None` those of hosts that are no
    /// more. Answers how many.
    pub(super) async fn take_up(&self, host: Option<Arc<str>>) -> Result<usize, Error> {
        let mut all = 0;
        loop {
            let some = self.writer.run(host.clone(), |connection, host| {
                Box::pin(async move { mails::resume(connection, host.as_deref()).await })
            });
            match some.await? {
                0 => return Ok(all),
                some => all += some,
            }
        }
    }

    /// All hosts.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn hosts(&self) -> Result<Vec<HostRow>, Error> {
        let now_ms = self.place.engine().now_ms();
        let sql = format!(
            "SELECT h.id, h.slot, h.name, h.watching, h.until_ms - {now_ms} AS left_ms, \
             (SELECT COUNT(*) FROM leases l WHERE l.host = h.id) AS duties, h.trouble FROM hosts h ORDER BY h.slot"
        );
        let mut reader = self.reader().await?;
        let rows = Statement::new(sql).fetch_as(&mut reader).await;
        rows.map_err(|error| self.failed(&error))
    }
}

/// Answers the slot; `None` if all are taken.
async fn enter(
    connection: &mut AnyConnection,
    host: &str,
    alone: bool,
) -> Result<Option<u32>, sqlx::Error> {
    if alone {
        for sql in ["DELETE FROM hosts", "DELETE FROM leases"] {
            sqlx::query(sql).execute(&mut *connection).await?;
        }
    }
    // The lowest that is free: a host that starts again signs in as the endpoint that it was.
    let taken: Vec<i64> = sqlx::query_scalar("SELECT slot FROM hosts ORDER BY slot")
        .fetch_all(&mut *connection)
        .await?;
    let Some(slot) = (1..=HOSTS_MAX).find(|slot| !taken.contains(slot)) else { return Ok(None) };
    let now_ms = Engine::of(connection).now_ms();
    let lease_ms = i64::try_from(ENTERED_FOR.as_millis()).unwrap_or(i64::MAX);
    let mut insert =
        Statement::new("INSERT INTO hosts (id, slot, name, watching, until_ms) VALUES (");
    insert.bind(host).push(", ").bind(slot).push(", ").bind(name()).push(", 0, ");
    insert.push(now_ms).push(" + ").bind(lease_ms).push(")");
    insert.execute(connection).await?;
    Ok(u32::try_from(slot).ok())
}

/// Machine and process, for the administrator.
fn name() -> String {
    format!("{}:{}", machine::name(), std::process::id())
}

/// How a host that lives is doing.
struct Standing {
    watching: bool,
    trouble: String,
    lease_ms: i64,
}

/// Answers whether this host is still there.
async fn renew(
    connection: &mut AnyConnection,
    host: &str,
    Standing { watching, trouble, lease_ms }: &Standing,
) -> Result<bool, sqlx::Error> {
    let now_ms = Engine::of(connection).now_ms();
    let trouble = Some(trouble.as_str()).filter(|trouble| !trouble.is_empty());
    let mut update = Statement::new(format!("UPDATE hosts SET until_ms = {now_ms} + "));
    update.bind(*lease_ms).push(", watching = ").bind(i64::from(*watching));
    update.push(", trouble = ").bind(trouble).push(" WHERE id = ").bind(host);
    Ok(update.execute(connection).await? > 0)
}

/// Puts out hosts whose lease has run out; answers their names.
async fn put_out(connection: &mut AnyConnection, host: &str) -> Result<Vec<String>, sqlx::Error> {
    let engine = Engine::of(connection);
    let mut select = Statement::new(format!(
        "SELECT id, name FROM hosts WHERE until_ms < {} AND id <> ",
        engine.now_ms()
    ));
    select.bind(host).push(" ORDER BY id").push(engine.skip_locked());
    let expired: Vec<(String, String)> = select.fetch_as(connection).await?;
    for (id, _) in &expired {
        sqlx::query("DELETE FROM hosts WHERE id = $1").bind(id).execute(&mut *connection).await?;
    }
    sqlx::query(
        "DELETE FROM leases WHERE NOT EXISTS (SELECT 1 FROM hosts h WHERE h.id = leases.host)",
    )
    .execute(connection)
    .await?;
    Ok(expired.into_iter().map(|(_, name)| name).collect())
}

async fn balance(
    connection: &mut AnyConnection,
    host: &str,
    wanted: &BTreeSet<String>,
) -> Result<Held, sqlx::Error> {
    let before = leases(connection).await?;
    let watching: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM hosts WHERE watching = 1 OR id = $1")
            .bind(host)
            .fetch_one(&mut *connection)
            .await?;
    let Moves { take, give } =
        lease::balance(host, wanted, &before, usize::try_from(watching).unwrap_or(1));
    for chunk in give.chunks(ROWS_MAX) {
        let mut delete = Statement::new("DELETE FROM leases WHERE host = ");
        delete.bind(host).push(" AND duty IN (").list(chunk.iter().map(String::as_str));
        delete.execute(connection).await?;
    }
    for chunk in take.chunks(ROWS_MAX) {
        let mut insert = Statement::new("INSERT INTO leases (duty, host) ");
        insert.rows(chunk, |row, duty| {
            row.bind(duty).bind(host);
        });
        insert.push(" ON CONFLICT DO NOTHING");
        insert.execute(connection).await?;
    }
    let mut held = Held::default();
    for (duty, whose) in leases(connection).await? {
        let set = if whose == host { &mut held.mine } else { &mut held.others };
        set.insert(duty);
    }
    Ok(held)
}

async fn leases(connection: &mut AnyConnection) -> Result<BTreeMap<String, String>, sqlx::Error> {
    let found: Vec<(String, String)> =
        sqlx::query_as("SELECT duty, host FROM leases").fetch_all(connection).await?;
    Ok(found.into_iter().collect())
}
