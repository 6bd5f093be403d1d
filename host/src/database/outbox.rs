//! The outbox as an administrator sees it: what waits and why, what was given up, and what to do
//! about it; and the end of what is too old to keep.

use bridge::{
    delivery::{DeliveryKey, day},
    outbox::{Standing, State},
};
use jiff::tz::TimeZone;
use sqlx::AnyConnection;

use super::{
    Database, Error,
    audit::{Act, Actor, note},
    engine::Engine,
    mails::update,
    receipts,
    rows::MailRow,
    statement::Statement,
};

/// Messages let go in one transaction.
const LET_GO_MAX: i64 = 500;

/// A mail that was given up, or has not come to its end yet.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Unsent {
    /// Names it.
    pub key: String,
    /// `failed`, `unconfirmed`, or how far it has come.
    pub state: String,
    /// For whom.
    pub person: String,
    /// To which address.
    pub mailbox: String,
    /// Messages in it.
    pub messages: i64,
    /// Requests so far.
    pub attempts: u32,
    /// When it was planned, in milliseconds since 1970.
    pub planned_ms: i64,
    /// When something is done about it next.
    pub due_ms: Option<i64>,
    /// What last went wrong.
    pub error: Option<String>,
}

impl Database {
    /// Mails that were given up or have not been sent yet, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn unsent(&self, limit: u32) -> Result<Vec<Unsent>, Error> {
        let rows: Vec<MailRow> = sqlx::query_as(
            "SELECT * FROM mails WHERE state NOT IN ('sent', 'withdrawn') ORDER BY planned_ms, id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(&error))?;
        let mut unsent = Vec::with_capacity(rows.len());
        for row in rows {
            unsent.push(self.unsent_of(row).await.map_err(|error| self.failed(&error))?);
        }
        Ok(unsent)
    }

    pub(super) async fn unsent_of(&self, row: MailRow) -> Result<Unsent, sqlx::Error> {
        let messages = sqlx::query_scalar("SELECT COUNT(*) FROM deliveries WHERE mail = $1")
            .bind(&row.id)
            .fetch_one(&self.readers)
            .await?;
        let Standing { state, attempts, planned_ms, due_ms, error, .. } = row.standing()?;
        Ok(Unsent {
            key: row.id,
            state: state.as_str().to_owned(),
            person: row.person,
            mailbox: row.mailbox,
            messages,
            attempts,
            planned_ms,
            due_ms,
            error,
        })
    }

    /// Sends a mail afresh that was given up, under a new key. Answers that key; `None` if there is
    /// no such mail or it has not been given up.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn retry(
        &self,
        key: &DeliveryKey,
        by: Actor,
        now_ms: i64,
    ) -> Result<Option<DeliveryKey>, Error> {
        let sent = self.writer.run((key.clone(), by, now_ms), |connection, (key, by, now_ms)| {
            Box::pin(async move {
                let fresh = retry(connection, key, *now_ms).await?;
                if let Some(fresh) = &fresh {
                    let detail = format!("as {fresh}");
                    note(connection, by, Act::Retry, key.as_str(), Some(&detail), *now_ms).await?;
                }
                Ok(fresh)
            })
        });
        sent.await
    }

    /// Discards a mail that was given up; `false` if there is no such mail or it has not been.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn discard(&self, key: &DeliveryKey, by: Actor, now_ms: i64) -> Result<bool, Error> {
        let data = (key.clone(), by, now_ms);
        let discarded = self.writer.run(data, |connection, (key, by, now_ms)| {
            Box::pin(async move {
                let Some(standing) = given_up(connection, key).await? else { return Ok(false) };
                let standing = standing.withdraw("discarded by an administrator", *now_ms);
                update(connection, &[(key.clone(), standing)], None).await?;
                receipts::withdraw(connection, key.as_str()).await?;
                note(connection, by, Act::Discard, key.as_str(), None, *now_ms).await?;
                Ok(true)
            })
        });
        discarded.await
    }

    /// Lets go what has come to its end before `before_ms`: messages, what became of them, mails. Of
    /// each person the last receipt stays, for the next one to continue. Answers how many messages.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn let_go(&self, before_ms: i64) -> Result<u64, Error> {
        let mut gone = 0;
        loop {
            let some = self.writer.run(before_ms, |connection, before_ms| {
                Box::pin(async move { let_go(connection, *before_ms).await })
            });
            let some = some.await?;
            gone += some;
            if some == 0 {
                return Ok(gone);
            }
        }
    }

    /// Forgets how many mails people had on days that are over in every zone.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn forget_tallies(&self, now_ms: i64) -> Result<(), Error> {
        const TWO_DAYS_MS: i64 = 2 * 24 * 3_600_000;
        let before = day(&TimeZone::UTC, now_ms - TWO_DAYS_MS);
        let forgotten = self.writer.run(before, |connection, before| {
            Box::pin(async move {
                let delete = sqlx::query("DELETE FROM tallies WHERE day < $1").bind(*before);
                delete.execute(connection).await.map(|_| ())
            })
        });
        forgotten.await
    }
}

async fn given_up(
    connection: &mut AnyConnection,
    key: &DeliveryKey,
) -> Result<Option<Standing>, sqlx::Error> {
    let mut select = Statement::new("SELECT * FROM mails WHERE id = ");
    select.bind(key.as_str()).push(Engine::of(connection).locked());
    let rows: Vec<MailRow> = select.fetch_as(connection).await?;
    let standing = rows.first().map(MailRow::standing).transpose()?;
    Ok(standing.filter(|standing| matches!(standing.state, State::Failed | State::Unconfirmed)))
}

async fn retry(
    connection: &mut AnyConnection,
    key: &DeliveryKey,
    now_ms: i64,
) -> Result<Option<DeliveryKey>, sqlx::Error> {
    if given_up(connection, key).await?.is_none() {
        return Ok(None);
    }
    let fresh = key.again();
    for sql in [
        "UPDATE mails SET id = $2 WHERE id = $1",
        "UPDATE deliveries SET mail = $2 WHERE mail = $1",
        "UPDATE receipts SET mail = $2 WHERE mail = $1",
    ] {
        sqlx::query(sql).bind(key.as_str()).bind(fresh.as_str()).execute(&mut *connection).await?;
    }
    sqlx::query("UPDATE mails SET planned_ms = $2 WHERE id = $1")
        .bind(fresh.as_str())
        .bind(now_ms)
        .execute(&mut *connection)
        .await?;
    update(connection, &[(fresh.clone(), Standing::planned(now_ms, now_ms))], None).await?;
    Ok(Some(fresh))
}

async fn let_go(connection: &mut AnyConnection, before_ms: i64) -> Result<u64, sqlx::Error> {
    sqlx::query(
        "UPDATE deliveries SET state = 'skipped', note = 'held for too long: ' || held, held = NULL \
         WHERE state = 'held' AND changed_ms < $1",
    )
    .bind(before_ms)
    .execute(&mut *connection)
    .await?;
    let old: Vec<String> = sqlx::query_scalar(
        "SELECT m.id FROM messages m WHERE m.received_ms < $1 AND m.planned_ms IS NOT NULL AND NOT EXISTS \
         (SELECT 1 FROM deliveries d LEFT JOIN mails x ON x.id = d.mail WHERE d.message = m.id AND \
         (d.state IN ('kept', 'held') OR (d.mail IS NOT NULL AND (x.ended_ms IS NULL OR x.ended_ms >= $1)))) LIMIT $2",
    )
    .bind(before_ms)
    .bind(LET_GO_MAX)
    .fetch_all(&mut *connection)
    .await?;
    for table in ["DELETE FROM deliveries WHERE message IN (", "DELETE FROM messages WHERE id IN ("]
    {
        if !old.is_empty() {
            let old = old.iter().map(String::as_str);
            Statement::with_list(table, old).execute(connection).await?;
        }
    }
    for sql in [
        "DELETE FROM mails WHERE ended_ms < $1 AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.mail = mails.id)",
        "DELETE FROM receipts WHERE made_ms < $1 AND NOT EXISTS (SELECT 1 FROM mails m WHERE m.id = receipts.mail) \
         AND EXISTS (SELECT 1 FROM receipts n WHERE n.person = receipts.person AND n.number > receipts.number) \
         AND (state = 'live' OR named_by IS NOT NULL)",
        "DELETE FROM letters WHERE read_ms < $1",
    ] {
        sqlx::query(sql).bind(before_ms).execute(&mut *connection).await?;
    }
    Ok(u64::try_from(old.len()).unwrap_or(0))
}
