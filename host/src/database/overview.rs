//! What the status page and the metrics ask of the database. All of it is bounded, and none of it
//! reads a message's text.

use super::{
    Database, Error,
    outbox::Unsent,
    rows::{MailRow, from_row},
};

/// A mail that has come to its end. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastMail {
    /// Names it.
    pub id: String,
    /// For whom.
    pub person: String,
    /// 1 if its messages were collected.
    pub digest: i64,
    /// `sent`, `failed`, `unconfirmed` or `withdrawn`.
    pub state: String,
    /// When it was planned.
    pub planned_ms: i64,
    /// When it came to its end.
    pub ended_ms: i64,
    /// What went wrong with it last.
    pub error: Option<String>,
    /// Messages in it.
    pub messages: i64,
    /// Why the reader gets the first of them, by the alphabet; a mail that the host wrote has none.
    pub reason: Option<String>,
    /// How many reasons there are.
    pub reasons: i64,
}

from_row!(LastMail {
    id,
    person,
    digest,
    state,
    planned_ms,
    ended_ms,
    error,
    messages,
    reason,
    reasons
});

/// What waits for one time of one schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestDue {
    /// The schedule, in its words.
    pub queue: String,
    /// When it is due, in milliseconds since 1970.
    pub due_ms: i64,
    /// People who get it.
    pub people: i64,
    /// Messages for them.
    pub messages: i64,
}

from_row!(DigestDue { queue, due_ms, people, messages });

/// How much there is of what may need attention: what [`Database::counts`] tells, but for the mails
/// that have come to a good end, which are too many to be counted again and again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Messages received.
    pub messages: i64,
    /// Of them, those that wait for a plan.
    pub unplanned: i64,
    /// Messages for people that wait for a digest.
    pub kept: i64,
    /// Messages for people whose mailbox is not known.
    pub held: i64,
    /// Mails on their way.
    pub waiting: i64,
    /// Mails given up.
    pub failed: i64,
    /// Mails that left and were not seen to arrive.
    pub unconfirmed: i64,
}

from_row!(Load { messages, unplanned, kept, held, waiting, failed, unconfirmed });

/// Since when the oldest of what should not wait does, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oldest {
    /// When the oldest message without a plan was received.
    pub unplanned_ms: Option<i64>,
    /// When the mail was due that is due for the longest time.
    pub due_ms: Option<i64>,
}

from_row!(Oldest { unplanned_ms, due_ms });

impl Database {
    /// How much there is of what may need attention.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn load_now(&self) -> Result<Load, Error> {
        // Each condition is one of an index, in its words.
        sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM messages) AS messages, \
             (SELECT COUNT(*) FROM messages WHERE planned_ms IS NULL) AS unplanned, \
             (SELECT COUNT(*) FROM deliveries WHERE state = 'kept') AS kept, \
             (SELECT COUNT(*) FROM deliveries WHERE state = 'held') AS held, \
             (SELECT COUNT(*) FROM mails WHERE due_ms IS NOT NULL) + \
             (SELECT COUNT(*) FROM mails WHERE due_ms IS NULL AND ended_ms IS NULL) AS waiting, \
             (SELECT COUNT(*) FROM mails WHERE state IN ('failed', 'unconfirmed') AND state = 'failed') AS failed, \
             (SELECT COUNT(*) FROM mails WHERE state IN ('failed', 'unconfirmed') AND state = 'unconfirmed') AS unconfirmed",
        )
        .fetch_one(&self.readers)
        .await
        .map_err(|error| self.failed(&error))
    }

    /// Mails that were given up or not seen to arrive, the latest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn dead_letters(&self, limit: u32) -> Result<Vec<Unsent>, Error> {
        let rows: Vec<MailRow> = sqlx::query_as(
            "SELECT * FROM mails WHERE state IN ('failed', 'unconfirmed') ORDER BY planned_ms DESC, id LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(&error))?;
        let mut dead = Vec::with_capacity(rows.len());
        for row in rows {
            dead.push(self.unsent_of(row).await.map_err(|error| self.failed(&error))?);
        }
        Ok(dead)
    }

    /// The mails that came to their end last, the latest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn last_mails(&self, limit: u32) -> Result<Vec<LastMail>, Error> {
        sqlx::query_as(
            "SELECT m.id, m.person, m.digest, m.state, m.planned_ms, m.ended_ms, m.error, \
             (SELECT COUNT(*) FROM deliveries d WHERE d.mail = m.id) AS messages, \
             (SELECT MIN(d.reason) FROM deliveries d WHERE d.mail = m.id) AS reason, \
             (SELECT COUNT(DISTINCT d.reason) FROM deliveries d WHERE d.mail = m.id) AS reasons \
             FROM mails m WHERE m.ended_ms IS NOT NULL ORDER BY m.ended_ms DESC LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(&error))
    }

    /// Mails sent in each minute since `since_ms` in which there were any: minutes since 1970, and
    /// how many.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn sent_by_minute(&self, since_ms: i64) -> Result<Vec<(i64, i64)>, Error> {
        sqlx::query_as(
            "SELECT ended_ms / 60000 AS minute, COUNT(*) AS mails FROM mails WHERE ended_ms >= $1 AND state = 'sent' \
             GROUP BY ended_ms / 60000 ORDER BY 1",
        )
        .bind(since_ms)
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(&error))
    }

    /// The digests that are due next, at most `limit`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn digests_due(&self, limit: u32) -> Result<Vec<DigestDue>, Error> {
        sqlx::query_as(
            "SELECT queue, due_ms, COUNT(*) AS people, CAST(SUM(messages) AS BIGINT) AS messages FROM queues \
             GROUP BY queue, due_ms ORDER BY due_ms, queue LIMIT $1",
        )
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(&error))
    }

    /// When each room's last message was received, of those received since `since_ms`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn last_received(&self, since_ms: i64) -> Result<Vec<(String, i64)>, Error> {
        sqlx::query_as(
            // Grouped by the room alone, all messages would be read in the order of their rooms.
            "SELECT room || '' AS room, MAX(received_ms) AS received_ms FROM messages WHERE received_ms >= $1 \
             GROUP BY room || ''",
        )
        .bind(since_ms)
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(&error))
    }

    /// Since when the oldest of what should not wait does.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn oldest(&self) -> Result<Oldest, Error> {
        sqlx::query_as(
            "SELECT (SELECT MIN(m.received_ms) FROM messages m WHERE m.planned_ms IS NULL AND NOT EXISTS \
             (SELECT 1 FROM paused p WHERE p.room = m.room)) AS unplanned_ms, \
             (SELECT MIN(due_ms) FROM mails WHERE due_ms IS NOT NULL) AS due_ms",
        )
        .fetch_one(&self.readers)
        .await
        .map_err(|error| self.failed(&error))
    }

    /// Has the writer commit a transaction that holds nothing: whether it still works.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn turn(&self) -> Result<(), Error> {
        self.writer.run((), |_, ()| Box::pin(async { Ok(()) })).await
    }
}
