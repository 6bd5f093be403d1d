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
use sqlx::{AnyConnection, Row};

use super::{
    Counts, Database, DueMail, Error, Item,
    chat::ROWS_MAX,
    engine::Engine,
    receipts,
    rows::{self, MailRow, RoomRow, from_row},
    statement::Statement,
};
use crate::clock;

/// Requests of unknown outcome taken up in one transaction after a restart.
const RESUMED_MAX: i64 = 1000;

/// When a look after a restart is due: before whatever else is overdue (ews.md 2.3).
const LOOK_FIRST_MS: i64 = 0;

/// A mail, and where it stands now that its next request has begun.
type Claimed = (MailRow, Standing);

fn begins_an_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A message that was received. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ReceivedRow {
    /// Its id.
    pub id: String,
    /// The room's name, or its address.
    pub room: String,
    /// When it was received.
    pub received_ms: i64,
    /// When it was decided who gets it; `None` if that is still to come.
    pub planned_ms: Option<i64>,
}

from_row!(ReceivedRow { id, room, received_ms, planned_ms });

/// What became of a message for a person. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
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

from_row!(Why {
    message,
    person,
    action,
    reason,
    note,
    state,
    changed_ms,
    held,
    queue,
    due_ms,
    key,
    mail,
    ended_ms,
    error
});

impl Database {
    /// Takes mails that are due, at most `limit`, and commits that their next request has begun.
    ///
    /// # Errors
    /// [`Error`]: none is claimed. [`Error::LeaseLost`] if others took this host for dead.
    pub async fn claim_due(&self, now_ms: i64, limit: u32) -> Result<Vec<DueMail>, Error> {
        let data = (self.host.clone(), self.identity.clone(), now_ms, limit);
        let claimed = self.writer.run(data, |connection, (host, installation, now_ms, limit)| {
            Box::pin(async move {
                if !is_alive(connection, host).await? {
                    return Ok(None);
                }
                claim(connection, host, installation, *now_ms, *limit).await.map(Some)
            })
        });
        let claimed = claimed.await?;
        let claimed: Vec<Claimed> =
            claimed.ok_or_else(|| Error::LeaseLost { place: self.place.clone() })?;
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
        self.record(claimed.into_iter().filter_map(back).collect()).await.map(|_| ())
    }

    /// After a restart, and where it is not known what was recorded: requests that this host or one
    /// that is no more has sent have an unknown outcome, and are looked for at once. Answers how
    /// many there are.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn resume_unfinished(&self) -> Result<usize, Error> {
        Ok(self.take_up(None).await? + self.take_up(Some(Arc::clone(&self.host))).await?)
    }

    /// Commits where mails stand now, and answers the keys of those for which that holds: a mail
    /// that was taken up by another host meanwhile is that one's.
    ///
    /// # Errors
    /// [`Error`]: nothing of it is kept.
    pub async fn record(
        &self,
        standings: Vec<(DeliveryKey, Standing)>,
    ) -> Result<HashSet<DeliveryKey>, Error> {
        if standings.is_empty() {
            return Ok(HashSet::new());
        }
        let data = (self.host.clone(), standings);
        let recorded = self.writer.run(data, |connection, (host, standings)| {
            Box::pin(async move {
                let (ours, standings) = ours(connection, host, standings).await?;
                update(connection, &standings, Some(host)).await?;
                Ok(ours)
            })
        });
        recorded.await
    }

    /// Those of `keys` whose mail has come to its end.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn ended(&self, keys: Vec<String>) -> Result<HashSet<String>, Error> {
        if keys.is_empty() {
            return Ok(HashSet::new());
        }
        let select = Statement::with_list(
            "SELECT id FROM mails WHERE ended_ms IS NOT NULL AND id IN (",
            keys.iter().map(String::as_str),
        );
        let mut reader = self.reader().await?;
        let found: Vec<(String,)> =
            select.fetch_as(&mut reader).await.map_err(|error| self.failed(&error))?;
        Ok(found.into_iter().map(|(id,)| id).collect())
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
        if !begins_an_id(message) {
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

    /// The messages whose ids begin so, for those of which nothing else is recorded: id, room, when
    /// received and when planned.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn received(&self, message: &str, limit: u32) -> Result<Vec<ReceivedRow>, Error> {
        if !begins_an_id(message) {
            return Ok(Vec::new());
        }
        sqlx::query_as(
            "SELECT m.id, COALESCE(r.name, m.room) AS room, m.received_ms, m.planned_ms FROM messages m \
             LEFT JOIN rooms r ON r.id = m.room WHERE m.id >= $1 AND m.id < $2 ORDER BY m.id LIMIT $3",
        )
        .bind(message)
        .bind(format!("{message}g"))
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
        let mut select = Statement::new(format!(
            "SELECT d.mail, d.message, d.reason, d.named, d.form, {} FROM deliveries d JOIN messages m ON m.id = d.message \
             JOIN members p ON p.room = m.room AND p.person = d.person WHERE m.removed_ms IS NULL AND d.mail IN (",
            rows::MESSAGE
        ));
        select.list(claimed.iter().map(|(row, _)| row.id.as_str()));
        let mut reader = self.readers.acquire().await?;
        let found = select.fetch(&mut reader).await?;
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
        let mut receipts = receipts::of_mails(&mut reader, &mails, &self.identity).await?;
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
        guest: row.guest,
        continues_ms,
    })
}

fn form(word: Option<String>) -> Form {
    word.as_deref().and_then(Form::from_word).unwrap_or_default()
}

/// Whether others believe this host to live. Until the transaction ends nobody puts it out.
async fn is_alive(connection: &mut AnyConnection, host: &str) -> Result<bool, sqlx::Error> {
    let mut select = Statement::new("SELECT id FROM hosts WHERE id = ");
    select.bind(host).push(Engine::of(connection).locked());
    Ok(!select.fetch(connection).await?.is_empty())
}

async fn claim(
    connection: &mut AnyConnection,
    host: &str,
    installation: &str,
    now_ms: i64,
    limit: u32,
) -> Result<Vec<Claimed>, sqlx::Error> {
    // Mails of one text together: the guest composes it once.
    let mut select = Statement::new("SELECT * FROM mails WHERE due_ms IS NOT NULL AND due_ms <= ");
    select.bind(now_ms).push(" ORDER BY due_ms, share LIMIT ").bind(i64::from(limit));
    select.push(Engine::of(connection).skip_locked());
    let due: Vec<MailRow> = select.fetch_as(connection).await?;
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
    update(connection, &standings, Some(host)).await?;
    Ok(claimed)
}

/// Those of `standings` whose mail is still this host's, locked so that none is taken up meanwhile.
async fn ours(
    connection: &mut AnyConnection,
    host: &str,
    standings: &[(DeliveryKey, Standing)],
) -> Result<(HashSet<DeliveryKey>, Vec<(DeliveryKey, Standing)>), sqlx::Error> {
    let mut keys = HashSet::with_capacity(standings.len());
    for chunk in standings.chunks(ROWS_MAX) {
        let mut select = Statement::new("SELECT id FROM mails WHERE host = ");
        select.bind(host).push(" AND id IN (").list(chunk.iter().map(|(key, _)| key.as_str()));
        // Always in one order: two hosts never wait for each other.
        select.push(" ORDER BY id").push(Engine::of(connection).locked());
        let found: Vec<(String,)> = select.fetch_as(connection).await?;
        keys.extend(found.into_iter().map(|(id,)| DeliveryKey::from_text(id)));
    }
    let ours = standings.iter().filter(|(key, _)| keys.contains(key)).cloned().collect();
    Ok((keys, ours))
}

/// Has mails looked for that a host has asked for, or with `None` those of hosts that are no more.
/// Answers how many of at most [`RESUMED_MAX`].
pub(super) async fn resume(
    connection: &mut AnyConnection,
    host: Option<&str>,
) -> Result<usize, sqlx::Error> {
    let mut select =
        Statement::new("SELECT * FROM mails WHERE due_ms IS NULL AND ended_ms IS NULL AND ");
    match host {
        Some(host) => select.push("host = ").bind(host),
        None => select
            .push("(host IS NULL OR NOT EXISTS (SELECT 1 FROM hosts h WHERE h.id = mails.host))"),
    };
    select.push(" ORDER BY asked_ms LIMIT ").bind(RESUMED_MAX);
    select.push(Engine::of(connection).skip_locked());
    let asked: Vec<MailRow> = select.fetch_as(connection).await?;
    let mut standings = Vec::with_capacity(asked.len());
    for row in &asked {
        standings.push((row.key(), row.standing()?.resume(LOOK_FIRST_MS)));
    }
    update(connection, &standings, None).await?;
    Ok(asked.len())
}

/// One statement for many mails: both engines name the columns of `VALUES` column1 and so on. `host`
/// is who asks for them now.
pub(super) async fn update(
    connection: &mut AnyConnection,
    standings: &[(DeliveryKey, Standing)],
    host: Option<&str>,
) -> Result<(), sqlx::Error> {
    for chunk in standings.chunks(ROWS_MAX) {
        let mut sql = Statement::new("UPDATE mails SET host = ");
        sql.bind(host).push(
            ", state = v.column2, draft_id = v.column3, draft_version = v.column4, attempts = v.column5, \
             tries = v.column6, looks = v.column7, due_ms = v.column8, asked_ms = v.column9, ended_ms = v.column10, \
             error = v.column11, sent_as = v.column12, refused_code = v.column13, refused_times = v.column14 FROM (",
        );
        sql.rows(chunk, |row, (key, standing)| {
            let draft = standing.state.draft();
            row.bind(key.as_str())
                .bind(standing.state.as_str())
                .bind(draft.map(|draft| draft.id.as_str()))
                .bind(draft.map(|draft| draft.version.as_str()))
                .bind(i64::from(standing.attempts))
                .bind(i64::from(standing.tries))
                .bind(standing.looks.map(i64::from))
                .bind(standing.due_ms)
                .bind(standing.asked_ms)
                .bind(standing.ended_ms)
                .bind(&standing.error)
                .bind(&standing.sent_as)
                .bind(standing.refused.as_ref().map(|refused| refused.code.as_str()))
                .bind(standing.refused.as_ref().map(|refused| i64::from(refused.times)));
        });
        sql.push(") AS v WHERE mails.id = v.column1");
        sql.execute(connection).await?;
    }
    Ok(())
}
