//! What the planner writes: plans, deliveries, and the outbox, all at once; and digests when due.

use std::collections::BTreeMap;

use bridge::{
    delivery::{Delivery, Fate, NewMail, Settled},
    digest::{Gathered, Kept, Reader, gather},
    message::{Address, MessageId, Person, PostKey, RoomId},
};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::{Database, Error, chat::ROWS_MAX, rows};

/// Kept deliveries gathered in one transaction; the rest follows in the next.
const GATHERED_MAX: i64 = 5000;

impl Database {
    /// Commits a plan, its deliveries and its mails at once. A message that has a plan keeps it:
    /// `false` then.
    ///
    /// # Errors
    /// [`Error`]: nothing of it is kept.
    pub async fn commit_plan(&self, settled: Settled) -> Result<bool, Error> {
        self.writer
            .run(move |connection| {
                Box::pin(async move {
                    let planned = sqlx::query("UPDATE messages SET planned_ms = $2, fallback = $3 WHERE id = $1 AND planned_ms IS NULL")
                        .bind(settled.message.as_str())
                        .bind(settled.settled_ms)
                        .bind(&settled.fallback)
                        .execute(&mut *connection)
                        .await?;
                    if planned.rows_affected() == 0 {
                        return Ok(false);
                    }
                    for chunk in settled.deliveries.chunks(ROWS_MAX) {
                        insert_deliveries(&settled.message, chunk).build().execute(&mut *connection).await?;
                    }
                    insert_mails(connection, &settled.mails, settled.settled_ms).await?;
                    Ok(true)
                })
            })
            .await
    }

    /// Turns what was kept and is due into mails, at once for each transaction. Answers how many
    /// mails were made.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn gather_due_digests(&self, now_ms: i64) -> Result<usize, Error> {
        let due: Option<i64> = sqlx::query_scalar(
            "SELECT due_ms FROM deliveries WHERE state = 'kept' AND due_ms <= $1 LIMIT 1",
        )
        .bind(now_ms)
        .fetch_optional(&self.readers)
        .await
        .map_err(|error| self.failed(&error))?;
        if due.is_none() {
            return Ok(0);
        }
        self.writer.run(move |connection| Box::pin(gather_due(connection, now_ms))).await
    }
}

async fn gather_due(connection: &mut SqliteConnection, now_ms: i64) -> Result<usize, sqlx::Error> {
    let found = sqlx::query(
        "SELECT d.message, d.person, d.reason, d.named, m.room, m.post, m.sent_ms, \
         p.name, p.mailbox, p.language, p.time_zone \
         FROM deliveries d JOIN messages m ON m.id = d.message \
         JOIN members p ON p.person = d.person AND p.room = m.room \
         WHERE d.state = 'kept' AND d.due_ms <= $1 AND p.mailbox IS NOT NULL ORDER BY d.person LIMIT $2",
    )
    .bind(now_ms)
    .bind(GATHERED_MAX)
    .fetch_all(&mut *connection)
    .await?;
    let mut readers: BTreeMap<String, (Reader, Vec<Kept>)> = BTreeMap::new();
    for row in &found {
        let person: String = row.try_get("person")?;
        let reader = Reader {
            person: Person { address: Address::new(&person), name: row.try_get("name")? },
            mailbox: row.try_get("mailbox")?,
            language: rows::language(row.try_get("language")?),
            time_zone: row.try_get("time_zone")?,
        };
        let kept = Kept {
            message: MessageId::from_text(row.try_get::<String, _>("message")?),
            room: RoomId::new(row.try_get::<String, _>("room")?),
            sent_ms: row.try_get("sent_ms")?,
            post: PostKey::new(row.try_get::<String, _>("post")?),
            reason: row.try_get("reason")?,
            named: row.try_get::<i64, _>("named")? != 0,
        };
        readers.entry(person).or_insert_with(|| (reader, Vec::new())).1.push(kept);
    }
    // The bound may have cut the last reader's digest in two: he waits for the next pass.
    if i64::try_from(found.len()).is_ok_and(|rows| rows >= GATHERED_MAX) && readers.len() > 1 {
        readers.pop_last();
    }
    let mut made = 0;
    for (reader, kept) in readers.into_values() {
        for gathered in gather(&reader, kept, now_ms) {
            made += 1;
            commit_digest(connection, &gathered, now_ms).await?;
        }
    }
    // Whoever has left the room, or lost the mailbox, has nothing to wait for.
    sqlx::query(
        "UPDATE deliveries SET state = 'skipped', held = 'no longer a member of the room' \
         WHERE state = 'kept' AND due_ms <= $1 AND NOT EXISTS (SELECT 1 FROM members p JOIN messages m ON m.room = p.room \
         WHERE m.id = deliveries.message AND p.person = deliveries.person)",
    )
    .bind(now_ms)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE deliveries SET state = 'held', held = 'no mailbox is known for this person', due_ms = NULL \
         WHERE state = 'kept' AND due_ms <= $1 AND EXISTS (SELECT 1 FROM members p JOIN messages m ON m.room = p.room \
         WHERE m.id = deliveries.message AND p.person = deliveries.person AND p.mailbox IS NULL)",
    )
    .bind(now_ms)
    .execute(connection)
    .await?;
    Ok(made)
}

async fn commit_digest(
    connection: &mut SqliteConnection,
    gathered: &Gathered,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    insert_mails(connection, std::slice::from_ref(&gathered.mail), now_ms).await?;
    for chunk in gathered.covers.chunks(ROWS_MAX) {
        let mut update = QueryBuilder::<Sqlite>::new(
            "UPDATE deliveries SET state = 'mailed', due_ms = NULL, mail = ",
        );
        update.push_bind(gathered.mail.key.as_str().to_owned());
        update.push(" WHERE person = ").push_bind(gathered.mail.person.address.as_str().to_owned());
        update.push(" AND message IN (");
        let mut ids = update.separated(", ");
        for message in chunk {
            ids.push_bind(message.as_str().to_owned());
        }
        update.push(")");
        update.build().execute(&mut *connection).await?;
    }
    Ok(())
}

fn insert_deliveries(message: &MessageId, deliveries: &[Delivery]) -> QueryBuilder<Sqlite> {
    let mut insert = QueryBuilder::new(
        "INSERT INTO deliveries (message, person, action, reason, named, state, held, due_ms, mail) ",
    );
    insert.push_values(deliveries, |mut row, delivery| {
        let (state, held, due_ms, mail) = match &delivery.fate {
            Fate::Mailed(key) => ("mailed", None, None, Some(key.as_str().to_owned())),
            Fate::Kept { due_ms } => ("kept", None, Some(*due_ms), None),
            Fate::Skipped => ("skipped", None, None, None),
            Fate::Held { why } => ("held", Some(why.clone()), None, None),
        };
        row.push_bind(message.as_str().to_owned())
            .push_bind(delivery.person.as_str().to_owned())
            .push_bind(delivery.action.as_str())
            .push_bind(delivery.reason.clone())
            .push_bind(i64::from(delivery.named))
            .push_bind(state)
            .push_bind(held)
            .push_bind(due_ms)
            .push_bind(mail);
    });
    insert.push(" ON CONFLICT DO NOTHING");
    insert
}

async fn insert_mails(
    connection: &mut SqliteConnection,
    mails: &[NewMail],
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    for chunk in mails.chunks(ROWS_MAX) {
        let mut insert = QueryBuilder::<Sqlite>::new(
            "INSERT INTO mails (id, person, name, mailbox, share, language, time_zone, named, digest, state, attempts, tries, due_ms, planned_ms) ",
        );
        insert.push_values(chunk, |mut row, mail| {
            row.push_bind(mail.key.as_str().to_owned())
                .push_bind(mail.person.address.as_str().to_owned())
                .push_bind(mail.person.name.clone())
                .push_bind(mail.mailbox.clone())
                .push_bind(mail.share.as_str().to_owned())
                .push_bind(i64::from(mail.readers.language.code()))
                .push_bind(mail.readers.time_zone.clone())
                .push_bind(i64::from(mail.readers.named))
                .push_bind(i64::from(mail.digest))
                .push_bind("planned")
                .push_bind(0_i64)
                .push_bind(0_i64)
                .push_bind(mail.due_ms)
                .push_bind(now_ms);
        });
        insert.push(" ON CONFLICT DO NOTHING");
        insert.build().execute(&mut *connection).await?;
    }
    Ok(())
}
