//! What an administrator wants to know of rooms at a glance.

use super::{Database, Error, rows::from_row, statement::Statement};

/// A room as the database knows it. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct RoomStatus {
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// The host that is in it, by name; `None` if none is.
    pub host: Option<String>,
    /// The last post's number, where the server numbers them.
    pub last_id: Option<i64>,
    /// People in it with a mailbox.
    pub people: i64,
    /// Messages that wait for a plan.
    pub unplanned: i64,
    /// Messages for people that wait for a digest.
    pub kept: i64,
    /// Messages for people whose mailbox is not known.
    pub held: i64,
    /// Times that posts were missed for good.
    pub gaps: i64,
}

from_row!(RoomStatus { id, name, host, last_id, people, unplanned, kept, held, gaps });

/// What is kept of a room's posts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomPosts {
    /// The room's id.
    pub room: String,
    /// How many there are.
    pub messages: i64,
    /// When the last one was written, in milliseconds since 1970.
    pub last_ms: i64,
}

from_row!(RoomPosts { room, messages, last_ms });

/// Posts that were missed and that history no longer had.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct GapStatus {
    /// The room's name.
    pub room: String,
    /// The first that is missing, by number; `None` where posts have none.
    pub from_id: Option<i64>,
    /// The last; `None` if that is not known.
    pub to_id: Option<i64>,
    /// When it was noticed, in milliseconds since 1970.
    pub noted_ms: i64,
}

from_row!(GapStatus { room, from_id, to_id, noted_ms });

impl Database {
    /// All rooms, by name.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn room_states(&self) -> Result<Vec<RoomStatus>, Error> {
        // Each part by the small index of what waits: a room's messages are many, and what is
        // grouped by the room alone is read in the order of all of them.
        self.all(
            "SELECT r.id, r.name, (SELECT h.name FROM leases l JOIN hosts h ON h.id = l.host WHERE l.duty = r.id) AS host, \
             (SELECT c.last_id FROM cursors c WHERE c.room = r.id) AS last_id, \
             (SELECT COUNT(*) FROM members p WHERE p.room = r.id AND p.mailbox IS NOT NULL) AS people, \
             COALESCE(u.unplanned, 0) AS unplanned, COALESCE(k.kept, 0) AS kept, COALESCE(w.held, 0) AS held, \
             (SELECT COUNT(*) FROM gaps g WHERE g.room = r.id) AS gaps FROM rooms r LEFT JOIN \
             (SELECT m.room || '' AS room, COUNT(*) AS unplanned FROM messages m WHERE m.planned_ms IS NULL \
             GROUP BY m.room || '') AS u ON u.room = r.id LEFT JOIN \
             (SELECT m.room, COUNT(*) AS kept FROM deliveries d JOIN messages m ON m.id = d.message \
             WHERE d.state = 'kept' GROUP BY m.room) AS k ON k.room = r.id LEFT JOIN \
             (SELECT m.room, COUNT(*) AS held FROM deliveries d JOIN messages m ON m.id = d.message \
             WHERE d.state = 'held' GROUP BY m.room) AS w ON w.room = r.id ORDER BY r.name, r.id",
        )
        .await
    }

    /// What is kept of each room's posts; reads all of them.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn room_posts(&self) -> Result<Vec<RoomPosts>, Error> {
        self.all("SELECT room, COUNT(*) AS messages, MAX(sent_ms) AS last_ms FROM messages GROUP BY room").await
    }

    /// Posts that were missed for good, the latest first, at most `limit`.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn gaps(&self, limit: u32) -> Result<Vec<GapStatus>, Error> {
        let sql = "SELECT COALESCE(r.name, g.room) AS room, CASE WHEN g.from_id > 0 THEN g.from_id END AS from_id, g.to_id, g.noted_ms FROM gaps g \
                   LEFT JOIN rooms r ON r.id = g.room ORDER BY g.noted_ms DESC LIMIT ";
        let mut select = Statement::new(sql);
        select.bind(i64::from(limit));
        let mut reader = self.reader().await?;
        select.fetch_as(&mut reader).await.map_err(|error| self.failed(&error))
    }

    async fn all<T>(&self, sql: &str) -> Result<Vec<T>, Error>
    where
        T: for<'r> sqlx::FromRow<'r, sqlx::any::AnyRow>,
    {
        let mut reader = self.reader().await?;
        Statement::new(sql).fetch_as(&mut reader).await.map_err(|error| self.failed(&error))
    }
}
