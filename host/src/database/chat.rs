//! What the chat side writes: rooms, members, and what becomes of messages in the chat.

use std::collections::HashMap;

use bridge::{
    member::Member,
    message::{Message, MessageId, RoomId},
    room::Room,
};
use sqlx::AnyConnection;

use super::{
    Database, Error,
    rows::{self, MemberRow, RoomRow},
    statement::Statement,
};

/// Rows put in by one statement: bound by SQLite's 32,766 parameters.
pub(super) const ROWS_MAX: usize = 1000;

/// A room of which something is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomDue {
    /// The room.
    pub room: RoomId,
    /// Its address.
    pub uri: String,
    /// How many posts back the oldest of what is due is.
    pub back: u32,
    /// Since when something is due, in milliseconds since 1970.
    pub due_ms: i64,
    /// When its history was last read again; 0 if never.
    pub reviewed_ms: i64,
}

impl Database {
    /// Notes a room, its name and what it is for.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn save_room(&self, room: &Room, uri: &str) -> Result<(), Error> {
        let saved = self.writer.run((room.clone(), uri.to_owned()), |connection, (room, uri)| {
            Box::pin(async move { save_room(connection, room, uri).await })
        });
        saved.await
    }

    /// All rooms ever joined, with their members as last known.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn rooms(&self) -> Result<Vec<(Room, String, Option<Vec<Member>>)>, Error> {
        let failed = |error: sqlx::Error| self.failed(&error);
        let rooms: Vec<RoomRow> = sqlx::query_as("SELECT * FROM rooms ORDER BY id")
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        let members: Vec<MemberRow> = sqlx::query_as("SELECT * FROM members ORDER BY room, person")
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        let mut lists: HashMap<String, Vec<Member>> = HashMap::with_capacity(rooms.len());
        for row in members {
            lists.entry(row.room.clone()).or_default().push(row.member());
        }
        let room = |row: RoomRow| {
            let uri = row.uri.clone();
            let room = row.room();
            let members = lists.remove(room.id.as_str());
            (room, uri, members)
        };
        Ok(rooms.into_iter().map(room).collect())
    }

    /// The members of a room as last known; `None` if nobody ever knew them.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn members(&self, room: &RoomId) -> Result<Option<Vec<Member>>, Error> {
        let members: Vec<MemberRow> =
            sqlx::query_as("SELECT * FROM members WHERE room = $1 ORDER BY person")
                .bind(room.as_str())
                .fetch_all(&self.readers)
                .await
                .map_err(|error| self.failed(&error))?;
        let members: Vec<Member> = members.into_iter().map(MemberRow::member).collect();
        Ok((!members.is_empty()).then_some(members))
    }

    /// The highest post number committed in a room.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn cursor(&self, room: &RoomId) -> Result<Option<u64>, Error> {
        let last: Option<i64> = sqlx::query_scalar("SELECT last_id FROM cursors WHERE room = $1")
            .bind(room.as_str())
            .fetch_optional(&self.readers)
            .await
            .map_err(|error| self.failed(&error))?;
        Ok(last.and_then(|last| u64::try_from(last).ok()))
    }

    /// Notes where a room stood when it was joined for the first time ever.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn begin_at(&self, room: &RoomId, last_id: u64) -> Result<(), Error> {
        let last_id = i64::try_from(last_id).unwrap_or(i64::MAX);
        let begun = self.writer.run((room.clone(), last_id), |connection, (room, last_id)| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO cursors (room, last_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                )
                .bind(room.as_str())
                .bind(*last_id)
                .execute(connection)
                .await
                .map(|_| ())
            })
        });
        begun.await
    }

    /// The posts of the last messages of a room as they were named, oldest first.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn last_posts(&self, room: &RoomId, most: usize) -> Result<Vec<String>, Error> {
        let mut posts: Vec<String> = sqlx::query_scalar(
            "SELECT post FROM messages WHERE room = $1 ORDER BY sent_ms DESC, received_ms DESC LIMIT $2",
        )
        .bind(room.as_str())
        .bind(i64::try_from(most).unwrap_or(i64::MAX))
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(&error))?;
        posts.reverse();
        Ok(posts)
    }

    /// Notes that an administrator removed messages in the chat: what was not mailed yet is not.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn remove_messages(&self, messages: &[MessageId], now_ms: i64) -> Result<(), Error> {
        let removed = self.writer.run((messages.to_vec(), now_ms), |connection, (ids, now_ms)| {
            Box::pin(async move {
                for chunk in ids.chunks(ROWS_MAX) {
                    let mut update = Statement::new("UPDATE messages SET removed_ms = ");
                    update.bind(*now_ms).push(" WHERE removed_ms IS NULL AND id IN (");
                    update.list(chunk.iter().map(MessageId::as_str));
                    update.execute(connection).await?;
                }
                Ok(())
            })
        });
        removed.await
    }

    /// The rooms of what is due in digests now and came before `before_ms`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn rooms_due(
        &self,
        now_ms: i64,
        before_ms: i64,
        limit: u32,
    ) -> Result<Vec<RoomDue>, Error> {
        let found: Vec<(String, String, i64, i64, Option<i64>)> = sqlx::query_as(
            "SELECT o.room, r.uri, (SELECT COUNT(*) FROM messages n WHERE n.room = o.room AND n.sent_ms >= o.first_ms) AS back, \
             o.due_ms, r.reviewed_ms \
             FROM (SELECT m.room, MIN(m.sent_ms) AS first_ms, MIN(q.due_ms) AS due_ms FROM queues q \
             JOIN deliveries d ON d.person = q.person AND d.queue = q.queue AND d.state = 'kept' \
             JOIN messages m ON m.id = d.message WHERE q.due_ms <= $1 AND q.queue <> 'instant' AND m.received_ms < $2 \
             GROUP BY m.room) AS o JOIN rooms r ON r.id = o.room LIMIT $3",
        )
        .bind(now_ms)
        .bind(before_ms)
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(&error))?;
        let due =
            |(room, uri, back, due_ms, reviewed_ms): (String, _, i64, _, Option<i64>)| RoomDue {
                room: RoomId::new(room),
                uri,
                back: u32::try_from(back).unwrap_or(u32::MAX),
                due_ms,
                reviewed_ms: reviewed_ms.unwrap_or(0),
            };
        Ok(found.into_iter().map(due).collect())
    }

    /// Notes for other hosts that the history of rooms has just been read again.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn note_reviewed(&self, rooms: &[RoomId], now_ms: i64) -> Result<(), Error> {
        if rooms.is_empty() {
            return Ok(());
        }
        let noted = self.writer.run((rooms.to_vec(), now_ms), |connection, (rooms, now_ms)| {
            Box::pin(async move {
                let mut update = Statement::new("UPDATE rooms SET reviewed_ms = ");
                update.bind(*now_ms).push(" WHERE id IN (").list(rooms.iter().map(RoomId::as_str));
                update.execute(connection).await.map(|_| ())
            })
        });
        noted.await
    }

    /// Compares what waits of a room with the posts that its history held when it was asked at
    /// `asked_ms`: what is no longer there was removed, what has other words was replaced. What
    /// is older than the oldest of them is left alone: a server may give fewer posts than it has,
    /// and of a room that keeps no history none at all. Answers how many were removed and replaced.
    ///
    /// # Errors
    /// [`Error`]: nothing was changed.
    pub async fn compare_history(
        &self,
        room: &RoomId,
        posts: Vec<Message>,
        asked_ms: i64,
        now_ms: i64,
    ) -> Result<(usize, usize), Error> {
        let encode = |error: serde_json::Error| Error::row(&self.place, &error.to_string());
        let mut there = HashMap::with_capacity(posts.len());
        for post in &posts {
            let kind = serde_json::to_string(&post.kind).map_err(encode)?;
            let parts = serde_json::to_string(&post.parts).map_err(encode)?;
            there.insert(post.post.as_str().to_owned(), (kind, parts));
        }
        let Some(oldest_ms) = posts.iter().map(|post| post.sent_ms).min() else {
            return Ok((0, 0));
        };
        let history = History { room: room.clone(), there, oldest_ms, asked_ms, now_ms };
        let compared = self.writer.run(history, |connection, history| {
            Box::pin(async move { history.compare(connection).await })
        });
        compared.await
    }

    /// Puts a room's members in place of those before. What was held back because somebody had no
    /// mailbox goes out now that there is one.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn save_members(
        &self,
        room: &RoomId,
        members: &[Member],
        now_ms: i64,
    ) -> Result<(), Error> {
        let data = (room.clone(), members.to_vec(), now_ms);
        let saved = self.writer.run(data, |connection, (room, members, now_ms)| {
            Box::pin(async move { save_members(connection, room, members, *now_ms).await })
        });
        saved.await
    }

    /// Messages of these rooms without a plan, oldest first: one room that has to wait does not
    /// hold up the others.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn next_unplanned(
        &self,
        rooms: &[RoomId],
        limit: u32,
    ) -> Result<Vec<Message>, Error> {
        if rooms.is_empty() {
            return Ok(Vec::new());
        }
        let mut select = Statement::new(format!(
            "SELECT {} FROM messages m WHERE m.planned_ms IS NULL AND m.room IN (",
            rows::MESSAGE
        ));
        select.list(rooms.iter().map(RoomId::as_str));
        // An administrator has these wait.
        select.push(" AND NOT EXISTS (SELECT 1 FROM paused p WHERE p.room = m.room)");
        select.push(" ORDER BY m.received_ms, m.sent_ms LIMIT ").bind(i64::from(limit));
        let mut reader = self.reader().await?;
        let found = select.fetch(&mut reader).await.map_err(|error| self.failed(&error))?;
        let messages: Result<_, _> = found.iter().map(rows::message).collect();
        messages.map_err(|error| self.failed(&error))
    }
}

async fn save_room(
    connection: &mut AnyConnection,
    room: &Room,
    uri: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO rooms (id, uri, name, description, topic, kind, privacy) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (id) DO UPDATE SET uri = excluded.uri, name = excluded.name, description = excluded.description, \
         topic = excluded.topic, kind = excluded.kind, privacy = excluded.privacy",
    )
    .bind(room.id.as_str())
    .bind(uri)
    .bind(&room.name)
    .bind(&room.description)
    .bind(&room.topic)
    .bind(room.kind.as_str())
    .bind(room.privacy.as_str())
    .execute(connection)
    .await
    .map(|_| ())
}

async fn save_members(
    connection: &mut AnyConnection,
    room: &RoomId,
    members: &[Member],
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM members WHERE room = $1")
        .bind(room.as_str())
        .execute(&mut *connection)
        .await?;
    for chunk in members.chunks(ROWS_MAX) {
        insert_members(room, chunk).execute(connection).await?;
    }
    release_held(connection, room.as_str(), now_ms).await
}

/// What was held back because somebody of a room had no mailbox waits no longer if he has one now.
pub(super) async fn release_held(
    connection: &mut AnyConnection,
    room: &str,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    for sql in [
        "INSERT INTO queues (person, queue, opened_ms, due_ms, messages, bytes) \
         SELECT person, 'instant', $2, $2, COUNT(*), 0 FROM deliveries WHERE state = 'held' AND person IN \
         (SELECT person FROM members WHERE room = $1 AND mailbox IS NOT NULL) GROUP BY person \
         ON CONFLICT (person, queue) DO UPDATE SET due_ms = excluded.due_ms",
        "UPDATE deliveries SET state = 'kept', held = NULL, queue = 'instant', changed_ms = $2 WHERE state = 'held' \
         AND person IN (SELECT person FROM members WHERE room = $1 AND mailbox IS NOT NULL)",
    ] {
        sqlx::query(sql).bind(room).bind(now_ms).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Most messages of one room that are compared with its history at once.
const COMPARED_MAX: i64 = 5000;

/// What a room's history held when it was asked, to compare with what waits of the room.
struct History {
    room: RoomId,
    /// Kind and parts by post.
    there: HashMap<String, (String, String)>,
    oldest_ms: i64,
    asked_ms: i64,
    now_ms: i64,
}

impl History {
    /// Answers how many were removed and replaced.
    async fn compare(&self, connection: &mut AnyConnection) -> Result<(usize, usize), sqlx::Error> {
        let (mut removed, mut replaced) = (0, 0);
        for (id, post, sent_ms, kind, parts) in self.waiting(connection).await? {
            match self.there.get(&post) {
                Some((new_kind, new_parts)) if (new_kind, new_parts) != (&kind, &parts) => {
                    replace(connection, &id, new_kind, new_parts).await?;
                    replaced += 1;
                }
                Some(_) => {}
                // Of the oldest moment of a page only some posts may stand in it.
                None if sent_ms <= self.oldest_ms => {}
                None => {
                    sqlx::query("UPDATE messages SET removed_ms = $2 WHERE id = $1")
                        .bind(&id)
                        .bind(self.now_ms)
                        .execute(&mut *connection)
                        .await?;
                    removed += 1;
                }
            }
        }
        Ok((removed, replaced))
    }

    /// What waits of the room. What we noted ourselves has no author.
    async fn waiting(&self, connection: &mut AnyConnection) -> Result<Vec<Waiting>, sqlx::Error> {
        sqlx::query_as(
            "SELECT m.id, m.post, m.sent_ms, m.kind, m.parts FROM messages m WHERE m.room = $1 AND m.sent_ms >= $2 \
             AND m.received_ms < $3 AND m.removed_ms IS NULL AND m.author <> '' AND EXISTS \
             (SELECT 1 FROM deliveries d WHERE d.message = m.id AND d.state = 'kept') LIMIT $4",
        )
        .bind(self.room.as_str())
        .bind(self.oldest_ms)
        .bind(self.asked_ms)
        .bind(COMPARED_MAX)
        .fetch_all(connection)
        .await
    }
}

/// Id, post, time, kind and parts.
type Waiting = (String, String, i64, String, String);

async fn replace(
    connection: &mut AnyConnection,
    id: &str,
    kind: &str,
    parts: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE messages SET kind = $2, parts = $3 WHERE id = $1")
        .bind(id)
        .bind(kind)
        .bind(parts)
        .execute(connection)
        .await
        .map(|_| ())
}

fn insert_members(room: &RoomId, members: &[Member]) -> Statement {
    let mut insert = Statement::new(
        "INSERT INTO members (room, person, name, mailbox, role, wish, language, time_zone) ",
    );
    insert.rows(members, |row, member| {
        row.bind(room.as_str())
            .bind(member.person.address.as_str())
            .bind(&member.person.name)
            .bind(&member.mailbox)
            .bind(member.role.as_str())
            .bind(member.wish.as_str())
            .bind(i64::from(member.language.code()))
            .bind(&member.time_zone);
    });
    insert.push(" ON CONFLICT DO NOTHING");
    insert
}
