//! What the planner writes: plans, deliveries, what waits, and the outbox, all at once.

use std::collections::BTreeMap;

use bridge::{
    delivery::{Delivery, Fate, NewMail, Settled},
    message::MessageId,
};
use sqlx::AnyConnection;

use super::{
    Database, Error,
    chat::{ROWS_MAX, release_held},
    statement::Statement,
};

/// How what waits is counted, and when it waits no longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queueing {
    /// How long the first of what is mailed at once waits for more, in milliseconds.
    pub ceiling_ms: i64,
    /// Messages with which a digest is due at once; 0 for never.
    pub messages_max: u32,
    /// Bytes of text with which it is; 0 for never.
    pub bytes_max: u64,
}

/// One message that waits in a queue.
pub(super) struct Enqueued {
    pub(super) person: String,
    pub(super) queue: String,
    pub(super) due_ms: i64,
    pub(super) bytes: i64,
}

impl Database {
    /// Commits a plan, its deliveries and its mails at once. A message that has a plan keeps it:
    /// `false` then. `bytes` is how much text the message has.
    ///
    /// # Errors
    /// [`Error`]: nothing of it is kept.
    pub async fn commit_plan(
        &self,
        settled: Settled,
        bytes: usize,
        queueing: Queueing,
    ) -> Result<bool, Error> {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let data = (settled, bytes, queueing);
        let committed = self.writer.run(data, |connection, (settled, bytes, queueing)| {
            Box::pin(async move { commit_plan(connection, settled, *bytes, *queueing).await })
        });
        committed.await
    }

    /// The people who have had as many mails as they may, and the day on which they had.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn capped(&self, mails_a_day: u32, since: i64) -> Result<Vec<(String, i64)>, Error> {
        sqlx::query_as("SELECT person, day FROM tallies WHERE mails >= $1 AND day >= $2")
            .bind(i64::from(mails_a_day))
            .bind(since)
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.failed(&error))
    }
}

async fn commit_plan(
    connection: &mut AnyConnection,
    settled: &Settled,
    bytes: i64,
    queueing: Queueing,
) -> Result<bool, sqlx::Error> {
    let planned = sqlx::query(
        "UPDATE messages SET planned_ms = $2, fallback = $3 WHERE id = $1 AND planned_ms IS NULL",
    )
    .bind(settled.message.as_str())
    .bind(settled.settled_ms)
    .bind(&settled.fallback)
    .execute(&mut *connection)
    .await?;
    if planned.rows_affected() == 0 {
        return Ok(false);
    }
    for chunk in settled.deliveries.chunks(ROWS_MAX) {
        insert_deliveries(&settled.message, chunk, settled.settled_ms).execute(connection).await?;
    }
    enqueue(connection, waiting(settled, bytes), queueing, settled.settled_ms).await?;
    insert_mails(connection, &settled.mails, settled.settled_ms).await?;
    if settled.deliveries.iter().any(|delivery| matches!(delivery.fate, Fate::Held { .. })) {
        // A mailbox may have been found since the plan was made.
        let room: String = sqlx::query_scalar("SELECT room FROM messages WHERE id = $1")
            .bind(settled.message.as_str())
            .fetch_one(&mut *connection)
            .await?;
        release_held(connection, &room, settled.settled_ms).await?;
    }
    Ok(true)
}

fn waiting(settled: &Settled, bytes: i64) -> Vec<Enqueued> {
    let deliveries = settled.deliveries.iter();
    let kept = deliveries.filter_map(|delivery| match &delivery.fate {
        Fate::Kept { queue, due_ms } => Some(Enqueued {
            person: delivery.person.as_str().to_owned(),
            queue: queue.as_str().to_owned(),
            due_ms: *due_ms,
            bytes,
        }),
        _ => None,
    });
    kept.collect()
}

/// Counts what has come to wait. What is mailed at once lets the whole queue wait for more, up to
/// the ceiling; a digest keeps its time, unless it has become too large to wait for it.
pub(super) async fn enqueue(
    connection: &mut AnyConnection,
    waiting: Vec<Enqueued>,
    queueing: Queueing,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let Queueing { ceiling_ms, messages_max, bytes_max } = queueing;
    let (messages_max, bytes_max) =
        (i64::from(messages_max), i64::try_from(bytes_max).unwrap_or(i64::MAX));
    // One statement must not touch a row twice: PostgreSQL refuses that.
    let mut rows: BTreeMap<(String, String), (i64, i64, i64)> = BTreeMap::new();
    for one in waiting {
        let row = rows.entry((one.person, one.queue)).or_insert((one.due_ms, 0, 0));
        *row = (row.0.min(one.due_ms), row.1 + 1, row.2.saturating_add(one.bytes));
    }
    let rows: Vec<_> = rows.into_iter().collect();
    for chunk in rows.chunks(ROWS_MAX) {
        let mut insert = Statement::new(
            "INSERT INTO queues (person, queue, opened_ms, due_ms, messages, bytes) ",
        );
        insert.rows(chunk, |row, ((person, queue), (due_ms, messages, bytes))| {
            let full = (messages_max > 0 && *messages >= messages_max)
                || (bytes_max > 0 && *bytes >= bytes_max);
            let due_ms = if full && queue != "instant" { now_ms } else { *due_ms };
            row.bind(person).bind(queue).bind(now_ms).bind(due_ms).bind(*messages).bind(*bytes);
        });
        insert
            .push(
                " ON CONFLICT (person, queue) DO UPDATE SET messages = queues.messages + excluded.messages, \
                 bytes = queues.bytes + excluded.bytes, due_ms = CASE WHEN queues.due_ms <= ",
            )
            .bind(now_ms)
            .push(" THEN queues.due_ms WHEN queues.queue = 'instant' THEN CASE WHEN excluded.due_ms < queues.opened_ms + ")
            .bind(ceiling_ms)
            .push(" THEN excluded.due_ms ELSE queues.opened_ms + ")
            .bind(ceiling_ms)
            .push(" END WHEN ")
            .bind(messages_max)
            .push(" > 0 AND queues.messages + excluded.messages >= ")
            .bind(messages_max)
            .push(" THEN ")
            .bind(now_ms)
            .push(" WHEN ")
            .bind(bytes_max)
            .push(" > 0 AND queues.bytes + excluded.bytes >= ")
            .bind(bytes_max)
            .push(" THEN ")
            .bind(now_ms)
            .push(" WHEN excluded.due_ms < queues.due_ms THEN excluded.due_ms ELSE queues.due_ms END");
        insert.execute(connection).await?;
    }
    Ok(())
}

fn insert_deliveries(message: &MessageId, deliveries: &[Delivery], now_ms: i64) -> Statement {
    let mut insert = Statement::new(
        "INSERT INTO deliveries (message, person, action, reason, named, state, held, queue, mail, note, changed_ms) ",
    );
    insert.rows(deliveries, |row, delivery| {
        let (state, held, queue, mail) = match &delivery.fate {
            Fate::Mailed(key) => ("mailed", None, None, Some(key.as_str())),
            Fate::Kept { queue, .. } => ("kept", None, Some(queue.as_str()), None),
            Fate::Skipped => ("skipped", None, None, None),
            Fate::Held { why } => ("held", Some(why.as_str()), None, None),
        };
        row.bind(message.as_str())
            .bind(delivery.person.as_str())
            .bind(&*delivery.action.word())
            .bind(&delivery.reason)
            .bind(i64::from(delivery.named))
            .bind(state)
            .bind(held)
            .bind(queue)
            .bind(mail)
            .bind(&delivery.note)
            .bind(now_ms);
    });
    insert.push(" ON CONFLICT DO NOTHING");
    insert
}

/// Puts mails into the outbox, and counts them for their day.
pub(super) async fn insert_mails(
    connection: &mut AnyConnection,
    mails: &[NewMail],
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    for chunk in mails.chunks(ROWS_MAX) {
        let mut insert = Statement::new(
            "INSERT INTO mails (id, person, name, mailbox, share, language, time_zone, named, digest, state, attempts, tries, due_ms, planned_ms) ",
        );
        insert.rows(chunk, |row, mail| {
            row.bind(mail.key.as_str())
                .bind(mail.person.address.as_str())
                .bind(&mail.person.name)
                .bind(&mail.mailbox)
                .bind(mail.share.as_str())
                .bind(i64::from(mail.readers.language.code()))
                .bind(&mail.readers.time_zone)
                .bind(i64::from(mail.readers.named))
                .bind(i64::from(mail.digest))
                .bind("planned")
                .bind(0_i64)
                .bind(0_i64)
                .bind(mail.due_ms)
                .bind(now_ms);
        });
        insert.push(" ON CONFLICT DO NOTHING");
        insert.execute(connection).await?;
    }
    tally(connection, mails).await
}

async fn tally(connection: &mut AnyConnection, mails: &[NewMail]) -> Result<(), sqlx::Error> {
    let mut days: BTreeMap<(&str, i64), i64> = BTreeMap::new();
    for mail in mails {
        *days.entry((mail.person.address.as_str(), mail.day)).or_default() += 1;
    }
    let days: Vec<_> = days.into_iter().collect();
    for chunk in days.chunks(ROWS_MAX) {
        let mut insert = Statement::new("INSERT INTO tallies (person, day, mails) ");
        insert.rows(chunk, |row, ((person, day), mails)| {
            row.bind(*person).bind(*day).bind(*mails);
        });
        insert.push(
            " ON CONFLICT (person, day) DO UPDATE SET mails = tallies.mails + excluded.mails",
        );
        insert.execute(connection).await?;
    }
    Ok(())
}
