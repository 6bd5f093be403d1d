//! What people have said for themselves, and the answers they get.

use bridge::{
    delivery::{DeliveryKey, NewMail},
    mail::Composition,
    member::Wish,
    message::{Address, MessageId, RoomId},
    preference::{Choice, Form},
    schedule::Schedule,
};
use sqlx::AnyConnection;

use super::{Database, Error, audit::note_choice, plans::insert_mails};
use crate::preferences::OwnKey;

/// What somebody said, and what follows from it.
#[derive(Clone, Debug)]
pub struct Said {
    /// What to keep of it: an empty choice takes back what was chosen before.
    pub choices: Vec<(OwnKey, Choice)>,
    /// The mail that answers it.
    pub answer: Option<(NewMail, Composition)>,
    /// Where it was said.
    pub source: Source,
}

/// Where something was said; each is answered once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// As a message in a room: it gets a plan that mails it to nobody.
    Message(MessageId),
    /// As a mail, by the server's name for it.
    Letter(String),
}

type Row = (String, String, Option<String>, Option<String>, Option<String>, Option<String>);

impl Database {
    /// All that people have said.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn choices(&self) -> Result<Vec<(OwnKey, Choice)>, Error> {
        let rows: Vec<Row> =
            sqlx::query_as("SELECT person, room, wish, schedule, form, time_zone FROM choices")
                .fetch_all(&self.readers)
                .await
                .map_err(|error| self.failed(&error))?;
        Ok(rows.into_iter().map(choice).collect())
    }

    /// Keeps what somebody said, and its answer, at once; `false` if it was answered before.
    ///
    /// # Errors
    /// [`Error`]: nothing of it is kept.
    pub async fn commit_said(&self, said: Said, now_ms: i64) -> Result<bool, Error> {
        let answer = said.answer.map(|(mail, text)| {
            let text = serde_json::to_string(&text);
            text.map(|text| (mail, text))
                .map_err(|error| Error::row(&self.place, &error.to_string()))
        });
        let data = (answer.transpose()?, said.choices, said.source, now_ms);
        let kept = self.writer.run(data, |connection, (answer, choices, source, now_ms)| {
            Box::pin(async move {
                if !is_first(connection, source, *now_ms).await? {
                    return Ok(false);
                }
                for (key, choice) in choices {
                    keep(connection, key, choice, *now_ms).await?;
                    note_choice(connection, key, choice, source, *now_ms).await?;
                }
                if !choices.is_empty() {
                    count_up(connection, "choices").await?;
                }
                if let Some((mail, text)) = answer {
                    insert_mails(connection, std::slice::from_ref(mail), *now_ms).await?;
                    sqlx::query("UPDATE mails SET body = $2 WHERE id = $1")
                        .bind(mail.key.as_str())
                        .bind(text)
                        .execute(connection)
                        .await?;
                }
                Ok(true)
            })
        });
        kept.await
    }

    /// Changes with every choice that anybody has kept, on whatever host.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn choices_made(&self) -> Result<String, Error> {
        self.counted("choices").await
    }

    /// What [`count_up`] has made of `name`.
    pub(super) async fn counted(&self, name: &str) -> Result<String, Error> {
        let counted: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE key = $1")
            .bind(name)
            .fetch_optional(&self.readers)
            .await
            .map_err(|error| self.failed(&error))?;
        Ok(counted.unwrap_or_default())
    }

    /// Which of these letters have been answered.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn is_answered(&self, letter: &str) -> Result<bool, Error> {
        let found: Option<i64> = sqlx::query_scalar("SELECT read_ms FROM letters WHERE id = $1")
            .bind(letter)
            .fetch_optional(&self.readers)
            .await
            .map_err(|error| self.failed(&error))?;
        Ok(found.is_some())
    }
}

async fn is_first(
    connection: &mut AnyConnection,
    source: &Source,
    now_ms: i64,
) -> Result<bool, sqlx::Error> {
    let done = match source {
        Source::Message(message) => {
            sqlx::query(
                "UPDATE messages SET planned_ms = $2, fallback = 'a word to the service' \
                 WHERE id = $1 AND planned_ms IS NULL",
            )
            .bind(message.as_str())
            .bind(now_ms)
            .execute(connection)
            .await?
        }
        Source::Letter(id) => {
            sqlx::query("INSERT INTO letters (id, read_ms) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(id)
                .bind(now_ms)
                .execute(connection)
                .await?
        }
    };
    Ok(done.rows_affected() > 0)
}

/// Tells all hosts that what `name` stands for has changed.
pub(super) async fn count_up(
    connection: &mut AnyConnection,
    name: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO meta (key, value) VALUES ($1, '1') ON CONFLICT (key) \
         DO UPDATE SET value = CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT)",
    )
    .bind(name)
    .execute(connection)
    .await
    .map(|_| ())
}

async fn keep(
    connection: &mut AnyConnection,
    (person, room): &OwnKey,
    choice: &Choice,
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let room = room.as_ref().map_or("", RoomId::as_str);
    if choice.is_empty() {
        return sqlx::query("DELETE FROM choices WHERE person = $1 AND room = $2")
            .bind(person.as_str())
            .bind(room)
            .execute(connection)
            .await
            .map(|_| ());
    }
    sqlx::query(
        "INSERT INTO choices (person, room, wish, schedule, form, time_zone, changed_ms) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (person, room) DO UPDATE SET wish = excluded.wish, schedule = excluded.schedule, form = excluded.form, \
         time_zone = excluded.time_zone, changed_ms = excluded.changed_ms",
    )
    .bind(person.as_str())
    .bind(room)
    .bind(choice.wish.map(Wish::as_str))
    .bind(choice.schedule.as_ref().map(Schedule::as_str))
    .bind(choice.form.map(Form::as_str))
    .bind(choice.time_zone.as_deref())
    .bind(now_ms)
    .execute(connection)
    .await
    .map(|_| ())
}

fn choice((person, room, wish, schedule, form, time_zone): Row) -> (OwnKey, Choice) {
    let room = Some(room).filter(|room| !room.is_empty()).map(RoomId::new);
    let choice = Choice {
        wish: wish.as_deref().and_then(Wish::from_word),
        schedule: schedule.and_then(|words| Schedule::parse(&words).ok()),
        form: form.as_deref().and_then(Form::from_word),
        time_zone,
    };
    ((Address::new(person), room), choice)
}

/// The key of an answer: the same for the same words, however often they are read.
#[must_use]
pub fn answer_key(person: &Address, source: &Source) -> DeliveryKey {
    let name = match source {
        Source::Message(message) => message.clone(),
        Source::Letter(id) => MessageId::from_text(format!("letter {id}")),
    };
    DeliveryKey::derive(person, [&name], 1)
}
