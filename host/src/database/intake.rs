//! What is taken in: messages, each once, and the places of those that were missed.

use std::collections::{BTreeMap, HashSet};

use bridge::message::{Address, Kind, Message, MessageId, Person, PostKey, RoomId};
use sqlx::AnyConnection;

use super::{Database, Error, Received, chat::ROWS_MAX, statement::Statement};
use crate::clock;

impl Database {
    /// [`Database::commit_messages`] with one message.
    ///
    /// # Errors
    /// [`Error`]: the message is not kept, and must not be confirmed.
    pub async fn commit_message(
        &self,
        message: Message,
        number: Option<u64>,
    ) -> Result<Received, Error> {
        let received = self.commit_messages(vec![(message, number)]).await?;
        Ok(received.first().copied().unwrap_or(Received::Duplicate))
    }

    /// Commits messages in their order, each once for its room and post, and moves the rooms'
    /// cursors to their numbers. When this returns all are on disk.
    ///
    /// # Errors
    /// [`Error`]: none of the messages is kept, and none must be confirmed.
    pub async fn commit_messages(
        &self,
        messages: Vec<(Message, Option<u64>)>,
    ) -> Result<Vec<Received>, Error> {
        let encode = |error: serde_json::Error| Error::row(&self.place, &error.to_string());
        let mut rows = Vec::with_capacity(messages.len());
        for (message, number) in messages {
            let kind = serde_json::to_string(&message.kind).map_err(encode)?;
            let parts = serde_json::to_string(&message.parts).map_err(encode)?;
            let number = number.and_then(|number| i64::try_from(number).ok());
            rows.push(NewMessage { message, kind, parts, number });
        }
        let received = self.writer.run(rows, |connection, rows| {
            Box::pin(async move { insert_messages(connection, rows).await })
        });
        received.await
    }

    /// Notes posts that were missed for good, and puts a message in their place that tells so: it
    /// goes the way of every other, to every member once. What was noted before, by a session that
    /// ended before it could keep the post behind the gap, is not noted again. `from` is 0 where
    /// posts have no numbers.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn note_gap(&self, room: &RoomId, from: u64, to: Option<u64>) -> Result<(), Error> {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let data = (room.clone(), signed(from), to.map(signed), clock::unix_ms());
        let noted = self.writer.run(data, |connection, (room, from, to, now_ms)| {
            Box::pin(async move {
                let untold = match *from {
                    0 => unnumbered(connection, room).await?.map(|place| (place, None)),
                    from => beyond_noted(connection, room, from, *to).await?,
                };
                let Some((from, to)) = untold else { return Ok(()) };
                insert_gap(connection, room, from, to, *now_ms).await
            })
        });
        noted.await
    }
}

/// Gaps that one goes on from at most; they lie end to end only where history was cut again and
/// again before anything behind them was kept.
const GAPS_IN_A_ROW_MAX: usize = 1000;

/// What of a gap was not noted before.
async fn beyond_noted(
    connection: &mut AnyConnection,
    room: &RoomId,
    mut from: i64,
    to: Option<i64>,
) -> Result<Option<(i64, Option<i64>)>, sqlx::Error> {
    for _ in 0..GAPS_IN_A_ROW_MAX {
        let noted: Option<(Option<i64>,)> =
            sqlx::query_as("SELECT to_id FROM gaps WHERE room = $1 AND from_id = $2")
                .bind(room.as_str())
                .bind(from)
                .fetch_optional(&mut *connection)
                .await?;
        match noted {
            None => break,
            // Its end was not known: it stands for all up to the next post.
            Some((None,)) => return Ok(None),
            Some((Some(end),)) if to.is_some_and(|to| to <= end) => return Ok(None),
            Some((Some(end),)) => from = end.saturating_add(1),
        }
    }
    Ok(Some((from, to)))
}

/// The place of a gap between posts without numbers, if it was not noted before: the time of the
/// last post before it, negative.
async fn unnumbered(
    connection: &mut AnyConnection,
    room: &RoomId,
) -> Result<Option<i64>, sqlx::Error> {
    let sql = "SELECT COALESCE(MAX(received_ms), 0) FROM messages WHERE room = $1 AND post NOT LIKE 'gap %'";
    let (last_ms,): (i64,) =
        sqlx::query_as(sql).bind(room.as_str()).fetch_one(&mut *connection).await?;
    let sql = "SELECT COUNT(*) FROM gaps WHERE room = $1 AND from_id = $2";
    let count = sqlx::query_as(sql).bind(room.as_str()).bind(-last_ms);
    let (count,): (i64,) = count.fetch_one(&mut *connection).await?;
    Ok((count == 0).then_some(-last_ms))
}

async fn insert_gap(
    connection: &mut AnyConnection,
    room: &RoomId,
    from: i64,
    to: Option<i64>,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let sql = "INSERT INTO gaps (room, from_id, to_id, noted_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let insert = sqlx::query(sql).bind(room.as_str()).bind(from).bind(to).bind(now_ms);
    insert.execute(&mut *connection).await?;
    let message = gap(room, from, to, now_ms);
    let kind =
        serde_json::to_string(&message.kind).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let row = NewMessage { message, kind, parts: "[]".to_owned(), number: None };
    insert_messages(connection, std::slice::from_ref(&row)).await.map(|_| ())
}

/// What is told in place of posts that were missed. Nobody wrote it.
fn gap(room: &RoomId, from: i64, to: Option<i64>, now_ms: i64) -> Message {
    let count = to.and_then(|to| to.checked_sub(from)).and_then(|more| u32::try_from(more).ok());
    Message {
        room: room.clone(),
        post: PostKey::new(format!("gap {from}")),
        author: Person { address: Address::new(""), name: String::new() },
        sent_ms: now_ms,
        received_ms: now_ms,
        kind: Kind::Gap { missing: count.and_then(|more| more.checked_add(1)) },
        parts: Vec::new(),
        late: true,
    }
}

/// A message with what must be encoded of it.
struct NewMessage {
    message: Message,
    kind: String,
    parts: String,
    number: Option<i64>,
}

/// Puts messages in, each once, and moves the cursors of their rooms, in few statements: one for each
/// message takes several times as long.
async fn insert_messages(
    connection: &mut AnyConnection,
    messages: &[NewMessage],
) -> Result<Vec<Received>, sqlx::Error> {
    let mut received = Vec::with_capacity(messages.len());
    for chunk in messages.chunks(ROWS_MAX) {
        let ids: Vec<_> = chunk.iter().map(|one| one.message.id()).collect();
        let added: Vec<(String,)> = insert_chunk(chunk, &ids).fetch_as(connection).await?;
        let mut added: HashSet<String> = added.into_iter().map(|(id,)| id).collect();
        // Of one that stands in the list twice the first is new.
        received.extend(ids.iter().map(|id| match added.remove(id.as_str()) {
            true => Received::New,
            false => Received::Duplicate,
        }));
    }
    move_cursors(connection, messages).await?;
    Ok(received)
}

fn insert_chunk(messages: &[NewMessage], ids: &[MessageId]) -> Statement {
    let mut insert = Statement::new(
        "INSERT INTO messages (id, room, post, author, author_name, sent_ms, received_ms, kind, parts, late) ",
    );
    insert.rows(messages.iter().zip(ids), |row, (NewMessage { message, kind, parts, .. }, id)| {
        row.bind(id.as_str())
            .bind(message.room.as_str())
            .bind(message.post.as_str())
            .bind(message.author.address.as_str())
            .bind(&message.author.name)
            .bind(message.sent_ms)
            .bind(message.received_ms)
            .bind(kind)
            .bind(parts)
            .bind(i64::from(message.late));
    });
    insert.push(" ON CONFLICT DO NOTHING RETURNING id");
    insert
}

async fn move_cursors(
    connection: &mut AnyConnection,
    messages: &[NewMessage],
) -> Result<(), sqlx::Error> {
    // One statement must not touch a row twice: PostgreSQL refuses that.
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    for NewMessage { message, number, .. } in messages {
        if let Some(number) = *number {
            let last = last.entry(message.room.as_str()).or_insert(number);
            *last = number.max(*last);
        }
    }
    let last: Vec<_> = last.into_iter().collect();
    for chunk in last.chunks(ROWS_MAX) {
        let mut insert = Statement::new("INSERT INTO cursors (room, last_id) ");
        insert.rows(chunk, |row, (room, number)| {
            row.bind(*room).bind(*number);
        });
        insert.push(
            " ON CONFLICT (room) DO UPDATE SET last_id = excluded.last_id WHERE cursors.last_id < excluded.last_id",
        );
        insert.execute(connection).await?;
    }
    Ok(())
}
