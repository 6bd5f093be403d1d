//! What a host was configured with, so that the audit log can tell what has changed since.

use super::{
    Database, Error,
    audit::{Act, Actor, note},
};

/// How the names of these rows in `meta` begin.
const KEY: &str = "configuration of ";

impl Database {
    /// What the host of this place was configured with when it said so last: its text, without
    /// secrets.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn configured(&self, place: &str) -> Result<Option<String>, Error> {
        sqlx::query_scalar("SELECT value FROM meta WHERE key = $1")
            .bind(format!("{KEY}{place}"))
            .fetch_optional(&self.readers)
            .await
            .map_err(|error| self.failed(&error))
    }

    /// Keeps what the host of this place is configured with now. With `changes`, which names keys and
    /// no values, the audit log tells of it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn configure(
        &self,
        place: &str,
        text: String,
        changes: Option<(String, Actor)>,
        now_ms: i64,
    ) -> Result<(), Error> {
        let data = (place.to_owned(), text, changes, now_ms);
        let kept = self.writer.run(data, |connection, (place, text, changes, now_ms)| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                )
                .bind(format!("{KEY}{place}"))
                .bind(&*text)
                .execute(&mut *connection)
                .await?;
                if let Some((changes, by)) = changes {
                    note(connection, by, Act::Configure, place, Some(changes), *now_ms).await?;
                }
                Ok(())
            })
        });
        kept.await
    }
}
