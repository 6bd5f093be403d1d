//! What waited and is due becomes mails, by what is true now: who has left a room, what was removed,
//! what somebody has chosen since.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use bridge::{
    delivery::{DeliveryKey, NOTE_FOLDED, day, spread},
    digest::{Gathered, Kept, Reader, gather},
    member::Wish,
    message::{Address, MessageId, Person, PostKey, RoomId},
    plan::{Action, HELD_NO_MAILBOX},
    room::Room,
    schedule::Schedule,
};
use jiff::tz::TimeZone;
use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{
    Database, Error,
    chat::ROWS_MAX,
    engine::Engine,
    plans::{Enqueued, Queueing, enqueue, insert_mails},
    rows::{self, RoomRow},
    statement::Statement,
};
use crate::preferences::{InRoom, Preference, Preferences};

/// Messages for people gathered in one transaction; the rest follows in the next.
const GATHERED_MAX: i64 = 20_000;
/// Queues gathered in one transaction.
const QUEUES_MAX: i64 = 2_000;
/// Messages for people changed by one statement.
const CHANGED_MAX: usize = 500;

/// Notes on what was kept and is not mailed after all.
pub(super) const NOTE_LEFT: &str = "had left the room before it was sent";
pub(super) const NOTE_REMOVED: &str = "was removed from the room before it was sent";
pub(super) const NOTE_OFF: &str = "had asked for no mail before it was sent";

/// A message that waited for a person.
struct Waited {
    kept: Kept,
    /// The schedule that it waits on in place of the person's, as the guest named a time of day.
    own: Option<String>,
    bytes: i64,
    removed: bool,
    member: Option<(String, Option<String>, i64, Option<String>)>,
}

/// What follows for it.
enum Verdict {
    Mail,
    Skip(&'static str),
    Hold,
    Move(Schedule, Option<&'static str>),
}

/// All that one transaction does.
#[derive(Default)]
struct Outcome {
    mails: Vec<Gathered>,
    /// Which guest writes a mail, where it is not that of most rooms.
    guests: Vec<(DeliveryKey, Arc<str>)>,
    /// (person, note) to messages.
    skipped: BTreeMap<(String, &'static str), Vec<MessageId>>,
    held: BTreeMap<String, Vec<MessageId>>,
    /// (person, schedule, note) to messages.
    moved: BTreeMap<(String, Schedule, Option<&'static str>), Vec<MessageId>>,
    enqueued: Vec<Enqueued>,
    /// Queues that wait until a later time.
    postponed: Vec<(String, String, i64)>,
}

impl Database {
    /// Turns what is due into mails, by what is true at `now_ms`. Answers how many were made; call
    /// it again until that is 0.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn gather_due_digests(
        &self,
        preferences: &Arc<Preferences>,
        now_ms: i64,
    ) -> Result<usize, Error> {
        let due: Option<i64> =
            sqlx::query_scalar("SELECT due_ms FROM queues WHERE due_ms <= $1 LIMIT 1")
                .bind(now_ms)
                .fetch_optional(&self.readers)
                .await
                .map_err(|error| self.failed(&error))?;
        if due.is_none() {
            return Ok(0);
        }
        let data = (Arc::clone(preferences), now_ms);
        let gathered = self.writer.run(data, |connection, (preferences, now_ms)| {
            Box::pin(async move { gather_due(connection, preferences, *now_ms).await })
        });
        gathered.await
    }
}

async fn gather_due(
    connection: &mut AnyConnection,
    preferences: &Preferences,
    now_ms: i64,
) -> Result<usize, sqlx::Error> {
    let due = due_queues(connection, now_ms).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let mut queues: BTreeMap<(String, String), Vec<Waited>> = BTreeMap::new();
    let found = waiting(connection, &due, now_ms).await?;
    for row in &found {
        let key = (row.try_get("person")?, row.try_get("queue")?);
        if due.contains(&key) {
            queues.entry(key).or_default().push(waited(row)?);
        }
    }
    // The bound may have cut the last queue in two: it waits for the next pass.
    if i64::try_from(found.len()).is_ok_and(|rows| rows >= GATHERED_MAX) && queues.len() > 1 {
        queues.pop_last();
    }
    let rooms = rooms(connection, &queues).await?;
    let capped = capped(connection, preferences, &queues).await?;
    let here: HashMap<&RoomId, InRoom<'_>> =
        rooms.iter().map(|(id, room)| (id, preferences.in_room(room))).collect();
    let mut outcome = Outcome::default();
    let handled: Vec<(String, String)> = due.into_iter().collect();
    for ((person, queue), waited) in queues {
        outcome.take(preferences, &here, &capped, (person, queue), waited, now_ms);
    }
    outcome.commit(connection, preferences, &handled, now_ms).await
}

/// Queues that are due; they are ours until the transaction ends.
async fn due_queues(
    connection: &mut AnyConnection,
    now_ms: i64,
) -> Result<BTreeSet<(String, String)>, sqlx::Error> {
    let mut select = Statement::new("SELECT person, queue FROM queues WHERE due_ms <= ");
    select.bind(now_ms).push(" ORDER BY person, queue LIMIT ").bind(QUEUES_MAX);
    select.push(Engine::of(connection).skip_locked());
    Ok(select.fetch_as(connection).await?.into_iter().collect())
}

/// What waits in queues that are due, for the people of these.
async fn waiting(
    connection: &mut AnyConnection,
    due: &BTreeSet<(String, String)>,
    now_ms: i64,
) -> Result<Vec<AnyRow>, sqlx::Error> {
    let mut select = Statement::new(
        "SELECT d.message, d.person, d.queue, d.action, d.reason, d.named, m.room, m.post, m.sent_ms, m.removed_ms, \
         LENGTH(m.parts) AS bytes, p.name, p.mailbox, p.language, p.time_zone, p.person AS member \
         FROM queues q JOIN deliveries d ON d.person = q.person AND d.queue = q.queue AND d.state = 'kept' \
         JOIN messages m ON m.id = d.message LEFT JOIN members p ON p.person = d.person AND p.room = m.room \
         WHERE q.due_ms <= ",
    );
    let people: BTreeSet<&str> = due.iter().map(|(person, _)| person.as_str()).collect();
    select.bind(now_ms).push(" AND q.person IN (").list(people);
    select.push(" ORDER BY d.person, d.queue LIMIT ").bind(GATHERED_MAX);
    select.fetch(connection).await
}

fn waited(row: &AnyRow) -> Result<Waited, sqlx::Error> {
    let member: Option<String> = row.try_get("member")?;
    let member = match member {
        None => None,
        Some(_) => Some((
            row.try_get("name")?,
            row.try_get("mailbox")?,
            row.try_get("language")?,
            row.try_get("time_zone")?,
        )),
    };
    Ok(Waited {
        kept: Kept {
            message: MessageId::from_text(row.try_get::<String, _>("message")?),
            room: RoomId::new(row.try_get::<String, _>("room")?),
            sent_ms: row.try_get("sent_ms")?,
            post: PostKey::new(row.try_get::<String, _>("post")?),
            reason: row.try_get("reason")?,
            named: row.try_get::<i64, _>("named")? != 0,
            form: Default::default(),
        },
        own: Action::from_word(row.try_get("action")?).and_then(Action::queue),
        bytes: row.try_get("bytes")?,
        removed: row.try_get::<Option<i64>, _>("removed_ms")?.is_some(),
        member,
    })
}

async fn rooms(
    connection: &mut AnyConnection,
    queues: &BTreeMap<(String, String), Vec<Waited>>,
) -> Result<HashMap<RoomId, Room>, sqlx::Error> {
    let all: HashSet<&RoomId> = queues.values().flatten().map(|waited| &waited.kept.room).collect();
    let all: Vec<_> = all.into_iter().collect();
    let mut rooms = HashMap::with_capacity(all.len());
    for chunk in all.chunks(ROWS_MAX) {
        let ids = chunk.iter().map(|room| room.as_str());
        let select = Statement::with_list("SELECT * FROM rooms WHERE id IN (", ids);
        let found: Vec<RoomRow> = select.fetch_as(connection).await?;
        rooms.extend(found.into_iter().map(RoomRow::room).map(|room| (room.id.clone(), room)));
    }
    Ok(rooms)
}

/// Who has had as many mails as he may, and on which day.
async fn capped(
    connection: &mut AnyConnection,
    preferences: &Preferences,
    queues: &BTreeMap<(String, String), Vec<Waited>>,
) -> Result<HashSet<(String, i64)>, sqlx::Error> {
    let mut capped = HashSet::new();
    if preferences.mails_a_day() == 0 {
        return Ok(capped);
    }
    let people: Vec<&str> = queues.keys().map(|(person, _)| person.as_str()).collect();
    for chunk in people.chunks(ROWS_MAX) {
        let mut select = Statement::new("SELECT person, day FROM tallies WHERE mails >= ");
        select.bind(i64::from(preferences.mails_a_day())).push(" AND person IN (");
        select.list(chunk.iter().copied());
        let found: Vec<(String, i64)> = select.fetch_as(connection).await?;
        capped.extend(found);
    }
    Ok(capped)
}

impl Outcome {
    fn take(
        &mut self,
        preferences: &Preferences,
        here: &HashMap<&RoomId, InRoom<'_>>,
        capped: &HashSet<(String, i64)>,
        (person, queue): (String, String),
        waited: Vec<Waited>,
        now_ms: i64,
    ) {
        let address = Address::new(&person);
        let is_capped = |zone: &TimeZone| capped.contains(&(person.clone(), day(zone, now_ms)));
        let prefers = |here: &InRoom<'_>| {
            let preference = here.of(&address);
            let capped = is_capped(&preference.zone);
            (preference, capped)
        };
        let mut known: HashMap<RoomId, Option<(Preference, bool)>> = HashMap::new();
        // What one guest may say of its rooms, another must not: each writes a mail of its own.
        let mut kept: BTreeMap<Option<Arc<str>>, Vec<Kept>> = BTreeMap::new();
        let (mut reader, mut zone) = (None, TimeZone::UTC);
        for mut one in waited {
            let room = &one.kept.room;
            if !known.contains_key(room) {
                known.insert(room.clone(), here.get(room).map(prefers));
            }
            let preference = known.get(room).and_then(Option::as_ref);
            let verdict = match preference {
                None => Verdict::Skip(NOTE_LEFT),
                Some((preference, capped)) => verdict(&one, preference, &queue, *capped),
            };
            match (verdict, preference.map(|(preference, _)| preference)) {
                (Verdict::Mail, Some(preference)) => {
                    one.kept.form = preference.form;
                    reader.get_or_insert_with(|| as_reader(&address, &mut one, preference));
                    zone = preference.zone.clone();
                    let guest = here.get(&one.kept.room).and_then(|here| here.guest().cloned());
                    kept.entry(guest).or_default().push(one.kept);
                }
                (Verdict::Skip(note), _) => {
                    let messages = self.skipped.entry((person.clone(), note)).or_default();
                    messages.push(one.kept.message);
                }
                (Verdict::Hold, _) | (Verdict::Mail, None) => {
                    self.held.entry(person.clone()).or_default().push(one.kept.message);
                }
                (Verdict::Move(schedule, note), preference) => {
                    self.requeue(preferences, preference, (&person, &schedule, note), one, now_ms);
                }
            }
        }
        let Some(reader) = reader else { return };
        if is_capped(&zone)
            && let Ok(schedule) = Schedule::parse(&queue)
            && !schedule.is_instant()
        {
            let due_ms = tomorrow(&schedule, &zone, now_ms);
            return self.postponed.push((person, queue, due_ms));
        }
        for (guest, kept) in kept {
            let digest = queue != "instant" || kept.len() > 1;
            let mails = gather(&reader, kept, digest, &zone, now_ms);
            if let Some(guest) = guest {
                let keys = mails.iter().map(|gathered| gathered.mail.key.clone());
                self.guests.extend(keys.map(|key| (key, Arc::clone(&guest))));
            }
            self.mails.extend(mails);
        }
    }

    fn requeue(
        &mut self,
        preferences: &Preferences,
        preference: Option<&Preference>,
        (person, schedule, note): (&str, &Schedule, Option<&'static str>),
        one: Waited,
        now_ms: i64,
    ) {
        let zone = preference.map_or(TimeZone::UTC, |preference| preference.zone.clone());
        let late_ms = spread(&Address::new(person), preferences.gathering().spread_ms);
        self.enqueued.push(Enqueued {
            person: person.to_owned(),
            queue: schedule.as_str().to_owned(),
            due_ms: schedule.next(&zone, now_ms).saturating_add(late_ms),
            bytes: one.bytes,
        });
        let key = (person.to_owned(), schedule.clone(), note);
        self.moved.entry(key).or_default().push(one.kept.message);
    }

    async fn commit(
        self,
        connection: &mut AnyConnection,
        preferences: &Preferences,
        handled: &[(String, String)],
        now_ms: i64,
    ) -> Result<usize, sqlx::Error> {
        let mails: Vec<_> = self.mails.iter().map(|gathered| gathered.mail.clone()).collect();
        insert_mails(connection, &mails, now_ms).await?;
        name_guests(connection, &self.guests).await?;
        mark_mailed(connection, &self.mails, now_ms).await?;
        for ((person, note), messages) in &self.skipped {
            let set = [("state", Some("skipped")), ("note", Some(note)), ("queue", None)];
            change(connection, person, messages, &set, now_ms).await?;
        }
        for (person, messages) in &self.held {
            let set = [("state", Some("held")), ("held", Some(HELD_NO_MAILBOX)), ("queue", None)];
            change(connection, person, messages, &set, now_ms).await?;
        }
        for ((person, schedule, note), messages) in &self.moved {
            let mut set = vec![("queue", Some(schedule.as_str()))];
            set.extend(note.map(|note| ("note", Some(note))));
            change(connection, person, messages, &set, now_ms).await?;
        }
        for (person, queue, due_ms) in &self.postponed {
            sqlx::query("UPDATE queues SET due_ms = $3 WHERE person = $1 AND queue = $2")
                .bind(person)
                .bind(queue)
                .bind(due_ms)
                .execute(&mut *connection)
                .await?;
        }
        forget_empty(connection, handled).await?;
        let (full, gathering) = (preferences.full(), preferences.gathering());
        let queueing =
            Queueing { ceiling_ms: gathering.ceiling_ms, messages_max: full.0, bytes_max: full.1 };
        enqueue(connection, self.enqueued, queueing, now_ms).await?;
        Ok(mails.len() + usize::from(mails.is_empty() && !handled.is_empty()))
    }
}

fn verdict(one: &Waited, preference: &Preference, queue: &str, capped: bool) -> Verdict {
    let Some((_, mailbox, ..)) = &one.member else { return Verdict::Skip(NOTE_LEFT) };
    if one.removed {
        return Verdict::Skip(NOTE_REMOVED);
    }
    if preference.wish == Wish::Off {
        return Verdict::Skip(NOTE_OFF);
    }
    if mailbox.is_none() {
        return Verdict::Hold;
    }
    if one.own.as_deref() == Some(queue) {
        return Verdict::Mail;
    }
    let schedule = &preference.schedule;
    match queue {
        "instant" if capped && !schedule.is_instant() => {
            Verdict::Move(schedule.clone(), Some(NOTE_FOLDED))
        }
        "instant" => Verdict::Mail,
        _ if schedule.is_instant() || schedule.as_str() == queue => Verdict::Mail,
        _ => Verdict::Move(schedule.clone(), None),
    }
}

fn as_reader(address: &Address, one: &mut Waited, preference: &Preference) -> Reader {
    let (name, mailbox, language, time_zone) =
        one.member.take().unwrap_or_else(|| (String::new(), None, 0, None));
    Reader {
        person: Person { address: address.clone(), name },
        mailbox: mailbox.unwrap_or_default(),
        language: rows::language(language),
        time_zone: preference.zone_name.clone().or(time_zone),
    }
}

/// The first time of a schedule on a later day.
fn tomorrow(schedule: &Schedule, zone: &TimeZone, now_ms: i64) -> i64 {
    let today = day(zone, now_ms);
    let mut at_ms = schedule.next(zone, now_ms);
    while day(zone, at_ms) == today {
        at_ms = schedule.next(zone, at_ms);
    }
    at_ms
}

/// Messages that a person no longer waits for leave his queues empty: those end.
async fn forget_empty(
    connection: &mut AnyConnection,
    handled: &[(String, String)],
) -> Result<(), sqlx::Error> {
    for chunk in handled.chunks(ROWS_MAX) {
        // SQLite finds rows that a list names by the key only where a `SELECT` makes the list.
        let mut delete = Statement::new(
            "DELETE FROM queues WHERE NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.person = queues.person \
             AND d.queue = queues.queue AND d.state = 'kept') AND (person, queue) IN (SELECT column1, column2 FROM (",
        );
        delete.rows(chunk, |row, (person, queue)| {
            row.bind(person).bind(queue);
        });
        delete.push(") AS v)");
        delete.execute(connection).await?;
    }
    Ok(())
}

/// Notes which guest writes which mail.
async fn name_guests(
    connection: &mut AnyConnection,
    guests: &[(DeliveryKey, Arc<str>)],
) -> Result<(), sqlx::Error> {
    for chunk in guests.chunks(ROWS_MAX) {
        let mut update = Statement::new("UPDATE mails SET guest = v.column2 FROM (");
        update.rows(chunk, |row, (key, guest)| {
            row.bind(key.as_str()).bind(&**guest);
        });
        update.push(") AS v WHERE mails.id = v.column1");
        update.execute(connection).await?;
    }
    Ok(())
}

/// Notes which mail each message is in, in few statements: at 08:00 there are many mails.
async fn mark_mailed(
    connection: &mut AnyConnection,
    mails: &[Gathered],
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    let rows = mails.iter().flat_map(|gathered| {
        let mail = &gathered.mail;
        let covers = gathered.covers.iter().zip(&gathered.forms);
        covers.map(move |(message, form)| (message, mail, form))
    });
    let rows: Vec<_> = rows.collect();
    for chunk in rows.chunks(ROWS_MAX) {
        let mut update = Statement::new("UPDATE deliveries SET changed_ms = ");
        update
            .bind(now_ms)
            .push(", state = 'mailed', queue = NULL, mail = v.column3, form = v.column4 FROM (");
        update.rows(chunk, |row, (message, mail, form)| {
            row.bind(message.as_str())
                .bind(mail.person.address.as_str())
                .bind(mail.key.as_str())
                .bind(form.as_str());
        });
        update
            .push(") AS v WHERE deliveries.message = v.column1 AND deliveries.person = v.column2");
        update.execute(connection).await?;
    }
    Ok(())
}

/// Changes columns of what a person is to get of some messages.
pub(super) async fn change(
    connection: &mut AnyConnection,
    person: &str,
    messages: &[MessageId],
    set: &[(&'static str, Option<&str>)],
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    for chunk in messages.chunks(CHANGED_MAX) {
        let mut update = Statement::new("UPDATE deliveries SET changed_ms = ");
        update.bind(now_ms);
        for (column, value) in set {
            update.push(", ").push(column).push(" = ").bind(*value);
        }
        update.push(" WHERE person = ").bind(person).push(" AND message IN (");
        update.list(chunk.iter().map(MessageId::as_str));
        update.execute(connection).await?;
    }
    Ok(())
}
