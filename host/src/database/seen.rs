//! Who was seen in which room: kept for rooms of whose members no list can be had.

use std::{collections::HashMap, time::Duration};

use bridge::message::RoomId;
use lync::{members::Seen, xccos::Rights};
use sqlx::AnyConnection;

use super::{Database, Error, chat::ROWS_MAX, rows::from_row, statement::Statement};

struct SeenRow {
    room: String,
    person: String,
    name: Option<String>,
    rights: Option<i64>,
    seen_ms: i64,
}

from_row!(SeenRow { room, person, name, rights, seen_ms });

impl SeenRow {
    fn seen(self) -> Seen {
        Seen {
            address: self.person,
            name: self.name,
            rights: self.rights.map(|rights| Rights(rights.cast_unsigned())),
            last: Duration::from_millis(u64::try_from(self.seen_ms).unwrap_or(0)),
        }
    }
}

impl Database {
    /// Who was seen, by room.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn seen(&self) -> Result<HashMap<RoomId, Vec<Seen>>, Error> {
        let rows: Vec<SeenRow> = sqlx::query_as("SELECT * FROM seen")
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.failed(&error))?;
        let mut rooms: HashMap<RoomId, Vec<Seen>> = HashMap::new();
        for row in rows {
            rooms.entry(RoomId::new(row.room.clone())).or_default().push(row.seen());
        }
        Ok(rooms)
    }

    /// Who was seen in a room.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn seen_in(&self, room: &RoomId) -> Result<Vec<Seen>, Error> {
        let rows: Vec<SeenRow> = sqlx::query_as("SELECT * FROM seen WHERE room = $1")
            .bind(room.as_str())
            .fetch_all(&self.readers)
            .await
            .map_err(|error| self.failed(&error))?;
        Ok(rows.into_iter().map(SeenRow::seen).collect())
    }

    /// Notes who was seen in a room.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn save_seen(&self, room: &RoomId, seen: Vec<Seen>) -> Result<(), Error> {
        let saved = self.writer.run((room.clone(), seen), |connection, (room, seen)| {
            Box::pin(async move { save_seen(connection, room, seen).await })
        });
        saved.await
    }
}

async fn save_seen(
    connection: &mut AnyConnection,
    room: &RoomId,
    seen: &[Seen],
) -> Result<(), sqlx::Error> {
    for chunk in seen.chunks(ROWS_MAX) {
        let mut insert = Statement::new("INSERT INTO seen (room, person, name, rights, seen_ms) ");
        insert.rows(chunk, |row, seen| {
            row.bind(room.as_str())
                .bind(seen.address.to_lowercase())
                .bind(&seen.name)
                .bind(seen.rights.map(|rights| rights.0.cast_signed()))
                .bind(i64::try_from(seen.last.as_millis()).unwrap_or(i64::MAX));
        });
        insert.push(
            " ON CONFLICT (room, person) DO UPDATE SET name = COALESCE(excluded.name, seen.name), \
             rights = COALESCE(excluded.rights, seen.rights), \
             seen_ms = CASE WHEN excluded.seen_ms > seen.seen_ms THEN excluded.seen_ms ELSE seen.seen_ms END",
        );
        insert.execute(connection).await?;
    }
    Ok(())
}
