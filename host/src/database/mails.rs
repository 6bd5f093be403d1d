//! What the mail stage reads and writes: the outbox.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bridge::{
    delivery::DeliveryKey,
    digest::{Kept, sort},
    message::{Address, Message, MessageId, Person, PostKey, RoomId},
    outbox::{Outcome, Standing, Task},
    preference::Form,
    room::Room,
};
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::{
    Counts, Database, DueMail, Error, Item,
    chat::ROWS_MAX,
    receipts,
    rows::{self, MailRow, RoomRow},
};
use crate::clock;

/// Requests of unknown outcome taken up in one transaction after a restart.
const RESUMED_MAX: i64 = 1000;

/// When a look after a restart is due: before whatever else is overdue (ews.md 2.3).
const LOOK_FIRST_MS: i64 = 0;

/// A mail, and where it stands now that its next request has begun.
type Claimed = (MailRow, Standing);

/// What became of a message for a person. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, sqlx::FromRow)]
pub struct Why {
    /// The message.
    pub message: String,
    /// The person.
    pub person: String,
    /// What was decided: `mail-now`, `keep` or `skip`.
    pub action: String,
    /// Why, by the guest or by what the administrator has set.
    pub reason: String,
    /// What the host adds: that it was folded or spread, or why it was left out after all.
    pub note: Option<String>,
    /// Where it stands: `mailed`, `kept`, `skipped` or `held`.
    pub state: String,
    /// When it came to stand there.
    pub changed_ms: Option<i64>,
    /// What stands in the way, if something does.
    pub held: Option<String>,
    /// The schedule that it waits for.
    pub queue: Option<String>,
    /// When that is due.
    pub due_ms: Option<i64>,
    /// The mail that it stands in.
    pub key: Option<String>,
    /// The state of that mail.
    pub mail: Option<String>,
    /// When that mail came to its end.
    pub ended_ms: Option<i64>,
    /// What last went wrong with it.
    pub error: Option<String>,
}

impl Database {
    /// Takes mails that are due, at most `limit`, and commits that their next request has begun.
    ///
    /// # Errors
    /// [`Error`]: none is claimed.
    pub async fn claim_due(&self, now_ms: i64, limit: u32) -> Result<Vec<DueMail>, Error> {
        let installation = self.identity.clone();
        let claimed: Vec<Claimed> = self
            .writer
            .run(move |connection| {
                Box::pin(async move { claim(connection, &installation, now_ms, limit).await })
            })
            .await?;
        match self.load(claimed.clone()).await {
            Ok(mails) => Ok(mails),
            Err(error) => {
                self.give_back(claimed, &error, now_ms).await?;
                Err(self.failed(&error))
            }
        }
    }

    /// Mails that were claimed and cannot be read were not asked for after all: they wait.
    async fn give_back(
        &self,
        claimed: Vec<Claimed>,
        why: &sqlx::Error,
        now_ms: i64,
    ) -> Result<(), Error> {
        let back = |(row, standing): Claimed| {
            let outcome = Outcome::Delayed {
                until_ms: None,
                reason: format!("its messages cannot be read: {why}"),
            };
            let jitter = u64::from_le_bytes(clock::random());
            standing.advance(outcome, jitter, now_ms).ok().map(|standing| (row.key(), standing))
        };
        self.record(claimed.into_iter().filter_map(back).collect()).await
    }

    /// After a restart: requests that were out have an unknown outcome, and are looked for at once.
    /// Answers how many there are.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn resume_unfinished(&self) -> Result<usize, Error> {
        let mut resumed = 0;
        loop {
            let some = self.writer.run(|connection| Box::pin(resume(connection))).await?;
            if some == 0 {
                return Ok(resumed);
            }
            resumed += some;
        }
    }

    /// Commits where mails stand now.
    ///
    /// # Errors
    /// [`Error`]: nothing of it is kept.
    pub async fn record(&self, standings: Vec<(DeliveryKey, Standing)>) -> Result<(), Error> {
        if standings.is_empty() {
            return Ok(());
        }
        self.writer
            .run(move |connection| Box::pin(async move { update(connection, &standings).await }))
            .await
    }

    /// Those of `keys` whose mail has come to its end.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn ended(&self, keys: Vec<String>) -> Result<HashSet<String>, Error> {
        if keys.is_empty() {
            return Ok(HashSet::new());
        }
        let mut select = QueryBuilder::<Sqlite>::new(
            "SELECT id FROM mails WHERE ended_ms IS NOT NULL AND id IN (",
        );
        let mut list = select.separated(", ");
        for key in keys {
            list.push_bind(key);
        }
        select.push(")");
        let found: Result<Vec<String>, _> =
            select.build_query_scalar().fetch_all(&self.readers).await;
        Ok(found.map_err(|error| self.failed(&error))?.into_iter().collect())
    }

    /// When the next mail is due that is not due at `now_ms`, and whatever was kept.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn next_due(&self, now_ms: i64) -> Result<Option<i64>, Error> {
        sqlx::query_scalar(
            "SELECT MIN(due_ms) FROM (SELECT due_ms FROM mails WHERE due_ms > $1 \
             UNION ALL SELECT due_ms FROM queues WHERE due_ms > $1) AS due",
        )
        .bind(now_ms)
        .fetch_one(&self.readers)
        .await
        .map_err(|error| self.failed(&error))
    }

    /// How much there is of everything.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn counts(&self) -> Result<Counts, Error> {
        let failed = |error: sqlx::Error| self.failed(&error);
        let number = |count: i64| u64::try_from(count).unwrap_or(0);
        let row = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM messages) AS messages, \
             (SELECT COUNT(*) FROM messages WHERE planned_ms IS NULL) AS unplanned, \
             (SELECT COUNT(*) FROM deliveries WHERE state = 'kept') AS kept, \
             (SELECT COUNT(*) FROM deliveries WHERE state = 'held') AS held",
        )
        .fetch_one(&self.readers)
        .await
        .map_err(failed)?;
        let get = |column: &str| row.try_get::<i64, _>(column).map(number).map_err(failed);
        let mut counts = Counts {
            messages: get("messages")?,
            unplanned: get("unplanned")?,
            kept: get("kept")?,
            held: get("held")?,
            ..Counts::default()
        };
        let states: Vec<(String, i64)> =
            sqlx::query_as("SELECT state, COUNT(*) FROM mails GROUP BY state")
                .fetch_all(&self.readers)
                .await
                .map_err(failed)?;
        for (state, count) in states {
            let count = number(count);
            match state.as_str() {
                "sent" => counts.sent += count,
                "failed" => counts.failed += count,
                "unconfirmed" => counts.unconfirmed += count,
                "withdrawn" => counts.withdrawn += count,
                _ => counts.waiting += count,
            }
        }
        Ok(counts)
    }

    /// What became of a message for a person; `None` if nothing was decided.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn why(&self, message: &MessageId, person: &Address) -> Result<Option<Why>, Error> {
        let found = self.whys(message.as_str(), Some(person), 1).await?;
        Ok(found.into_iter().find(|why| why.message == message.as_str()))
    }

    /// What became of the messages whose id begins with `message`, for one person or for all, at
    /// most `limit` answers.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn whys(
        &self,
        message: &str,
        person: Option<&Address>,
        limit: u32,
    ) -> Result<Vec<Why>, Error> {
        let plain = message.bytes().all(|byte| byte.is_ascii_hexdigit());
        if message.is_empty() || !plain {
            return Ok(Vec::new());
        }
        sqlx::query_as(
            "SELECT d.message, d.person, d.action, d.reason, d.note, d.state, d.changed_ms, d.held, d.queue, q.due_ms, \
             d.mail AS key, m.state AS mail, m.ended_ms, m.error FROM deliveries d \
             LEFT JOIN mails m ON m.id = d.mail LEFT JOIN queues q ON q.person = d.person AND q.queue = d.queue \
             WHERE d.message >= $1 AND d.message < $2 AND ($3 = '' OR d.person = $3) ORDER BY d.message, d.person LIMIT $4",
        )
        .bind(message)
        .bind(format!("{message}g"))
        .bind(person.map_or("", Address::as_str))
        .bind(i64::from(limit))
        .fetch_all(&self.readers)
        .await
        .map_err(|error| self.failed(&error))
    }

    /// Puts the messages and rooms beside claimed mails.
    async fn load(&self, claimed: Vec<Claimed>) -> Result<Vec<DueMail>, sqlx::Error> {
        if claimed.is_empty() {
            return Ok(Vec::new());
        }
        let mut select = QueryBuilder::<Sqlite>::new(format!(
            "SELECT d.mail, d.message, d.reason, d.named, d.form, {} FROM deliveries d JOIN messages m ON m.id = d.message \
             JOIN members p ON p.room = m.room AND p.person = d.person WHERE m.removed_ms IS NULL AND d.mail IN (",
            rows::MESSAGE
        ));
        let mut keys = select.separated(", ");
        for (row, _) in &claimed {
            keys.push_bind(row.id.clone());
        }
        select.push(")");
        let found = select.build().fetch_all(&self.readers).await?;
        let mut messages: HashMap<String, Arc<Message>> = HashMap::new();
        let mut by_mail: HashMap<String, Vec<Kept>> = HashMap::new();
        for row in &found {
            let id: String = row.try_get("message")?;
            let message = match messages.get(&id) {
                Some(message) => Arc::clone(message),
                None => {
                    let message = Arc::new(rows::message(row)?);
                    messages.insert(id.clone(), Arc::clone(&message));
                    message
                }
            };
            by_mail.entry(row.try_get("mail")?).or_default().push(Kept {
                message: MessageId::from_text(id),
                room: message.room.clone(),
                sent_ms: message.sent_ms,
                post: PostKey::new(message.post.as_str()),
                reason: row.try_get("reason")?,
                named: row.try_get::<i64, _>("named")? != 0,
                form: form(row.try_get("form")?),
            });
        }
        let rooms = self.rooms_of(&messages).await?;
        let mails: Vec<String> = claimed.iter().map(|(row, _)| row.id.clone()).collect();
        let mut receipts = receipts::of_mails(&self.readers, &mails, &self.identity).await?;
        let due = |(row, standing): Claimed| {
            let given = receipts.remove(&row.id);
            due_mail(row, standing, &mut by_mail, &messages, &rooms, given)
        };
        claimed.into_iter().map(due).collect()
    }

    async fn rooms_of(
        &self,
        messages: &HashMap<String, Arc<Message>>,
    ) -> Result<HashMap<RoomId, Room>, sqlx::Error> {
        let mut rooms: HashMap<RoomId, Room> = HashMap::new();
        for message in messages.values() {
            if rooms.contains_key(&message.room) {
                continue;
            }
            let row: Option<RoomRow> = sqlx::query_as("SELECT * FROM rooms WHERE id = $1")
                .bind(message.room.as_str())
                .fetch_optional(&self.readers)
                .await?;
            if let Some(row) = row {
                rooms.insert(message.room.clone(), row.room());
            }
        }
        Ok(rooms)
    }
}

fn due_mail(
    row: MailRow,
    standing: Standing,
    by_mail: &mut HashMap<String, Vec<Kept>>,
    messages: &HashMap<String, Arc<Message>>,
    rooms: &HashMap<RoomId, Room>,
    given: Option<receipts::Given>,
) -> Result<DueMail, sqlx::Error> {
    let mut kept = by_mail.remove(&row.id).unwrap_or_default();
    sort(&mut kept);
    let mut shown: Vec<Room> = Vec::new();
    let mut items = Vec::with_capacity(kept.len());
    for one in kept {
        let message = messages.get(one.message.as_str()).ok_or(sqlx::Error::RowNotFound)?;
        if !shown.iter().any(|room| room.id == message.room)
            && let Some(room) = rooms.get(&message.room)
        {
            shown.push(room.clone());
        }
        items.push(Item {
            message: Arc::clone(message),
            reason: one.reason,
            named: one.named,
            form: one.form,
        });
    }
    let written = row.body.as_deref().map(serde_json::from_str).transpose();
    let written = written.map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
    // What is only to be sent or looked for needs no words.
    let wordless = !matches!(standing.task(), Some(Task::Draft));
    if items.is_empty() && written.is_none() && !wordless {
        return Err(sqlx::Error::RowNotFound);
    }
    let (receipt, continues_ms) =
        given.map_or((None, None), |given| (Some(given.receipt), given.continues_ms));
    Ok(DueMail {
        key: row.key(),
        share: row.share(),
        readers: row.readers(),
        person: Person { address: Address::new(&row.person), name: row.name },
        mailbox: row.mailbox,
        digest: row.digest != 0,
        standing,
        rooms: shown,
        items,
        written,
        receipt,
        continues_ms,
    })
}

fn form(word: Option<String>) -> Form {
    word.as_deref().and_then(Form::from_word).unwrap_or_default()
}

async fn claim(
    connection: &mut SqliteConnection,
    installation: &str,
    now_ms: i64,
    limit: u32,
) -> Result<Vec<Claimed>, sqlx::Error> {
    // Mails of one text together: the guest composes it once.
    let due: Vec<MailRow> = sqlx::query_as(
        "SELECT * FROM mails WHERE due_ms IS NOT NULL AND due_ms <= $1 ORDER BY due_ms, share LIMIT $2",
    )
    .bind(now_ms)
    .bind(i64::from(limit))
    .fetch_all(&mut *connection)
    .await?;
    let mut claimed = Vec::with_capacity(due.len());
    let mut standings = Vec::with_capacity(due.len());
    for row in due {
        if let Some(standing) = row.standing()?.begin(now_ms) {
            standings.push((row.key(), standing.clone()));
            claimed.push((row, standing));
        }
    }
    let drafts: Vec<String> = claimed
        .iter()
        .filter(|(row, standing)| row.body.is_none() && standing.task() == Some(Task::Draft))
        .map(|(row, _)| row.id.clone())
        .collect();
    let nothing = receipts::give(connection, &drafts, installation, now_ms).await?;
    for (key, standing) in &mut standings {
        if nothing.iter().any(|id| id == key.as_str()) {
            *standing = standing.clone().withdraw("nothing was left to say", now_ms);
        }
    }
    claimed.retain(|(row, _)| !nothing.contains(&row.id));
    update(connection, &standings).await?;
    Ok(claimed)
}

async fn resume(connection: &mut SqliteConnection) -> Result<usize, sqlx::Error> {
    let asked: Vec<MailRow> = sqlx::query_as(
        "SELECT * FROM mails WHERE due_ms IS NULL AND ended_ms IS NULL ORDER BY asked_ms LIMIT $1",
    )
    .bind(RESUMED_MAX)
    .fetch_all(&mut *connection)
    .await?;
    let mut standings = Vec::with_capacity(asked.len());
    for row in &asked {
        standings.push((row.key(), row.standing()?.resume(LOOK_FIRST_MS)));
    }
    update(connection, &standings).await?;
    Ok(asked.len())
}

/// One statement for many mails: both engines name the columns of `VALUES` column1 and so on.
pub(super) async fn update(
    connection: &mut SqliteConnection,
    standings: &[(DeliveryKey, Standing)],
) -> Result<(), sqlx::Error> {
    for chunk in standings.chunks(ROWS_MAX) {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "UPDATE mails SET state = v.column2, draft_id = v.column3, draft_version = v.column4, attempts = v.column5, \
             tries = v.column6, looks = v.column7, due_ms = v.column8, asked_ms = v.column9, ended_ms = v.column10, \
             error = v.column11, sent_as = v.column12 FROM (",
        );
        sql.push_values(chunk, |mut row, (key, standing)| {
            let draft = standing.state.draft();
            row.push_bind(key.as_str().to_owned())
                .push_bind(standing.state.as_str())
                .push_bind(draft.map(|draft| draft.id.clone()))
                .push_bind(draft.map(|draft| draft.version.clone()))
                .push_bind(i64::from(standing.attempts))
                .push_bind(i64::from(standing.tries))
                .push_bind(standing.looks.map(i64::from))
                .push_bind(standing.due_ms)
                .push_bind(standing.asked_ms)
                .push_bind(standing.ended_ms)
                .push_bind(standing.error.clone())
                .push_bind(standing.sent_as.clone());
        });
        sql.push(") AS v WHERE mails.id = v.column1");
        sql.build().execute(&mut *connection).await?;
    }
    Ok(())
}
