//! Receipts: given to a mail when it is first laid down as a draft, for good. What the mail covers is
//! looked at once more then; what is no longer to be said is taken out before.

use std::collections::{BTreeMap, HashMap};

use bridge::{
    digest::{Kept, sort},
    message::{Address, MessageId, PostKey, RoomId},
    receipt::{Link, Receipt, WITHDRAWN_MAX, chain_of, cover},
};
use sqlx::{AnyConnection, Row, any::AnyRow};

use super::{
    chat::ROWS_MAX,
    digests::{NOTE_LEFT, NOTE_REMOVED, change},
    statement::Statement,
};

/// Columns of a receipt in one statement: bound by SQLite's 32,766 parameters.
const RECEIPTS_MAX: usize = ROWS_MAX;

/// A receipt and when it was given.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) receipt: Receipt,
    /// When the one before it was given.
    pub(super) continues_ms: Option<i64>,
}

/// Gives receipts to mails that are about to be drafted and have none. Answers the mails that have
/// nothing left to say.
pub(super) async fn give(
    connection: &mut AnyConnection,
    mails: &[String],
    installation: &str,
    now_ms: i64,
) -> Result<Vec<String>, sqlx::Error> {
    if mails.is_empty() {
        return Ok(Vec::new());
    }
    let mut said = still_said(connection, mails, now_ms).await?;
    let have = numbers(connection, mails).await?;
    let mut nothing = Vec::new();
    let mut wanted: Vec<(&String, String, Vec<Kept>)> = Vec::new();
    for mail in mails {
        match said.remove(mail) {
            None => nothing.push(mail.clone()),
            Some((person, kept)) if !kept.is_empty() && !have.contains_key(mail) => {
                wanted.push((mail, person, kept));
            }
            Some(_) => {}
        }
    }
    let people: Vec<&str> = wanted.iter().map(|(_, person, _)| person.as_str()).collect();
    let mut last = last_links(connection, &people).await?;
    let mut withdrawn = unnamed(connection, &people).await?;
    let mut rows = Vec::with_capacity(wanted.len());
    for (mail, person, mut kept) in wanted {
        sort(&mut kept);
        let chain = chain_of(installation, &Address::new(&person));
        let covers = kept.iter().map(|kept| cover(&kept.message)).collect();
        let named = withdrawn.remove(&person).unwrap_or_default();
        let receipt = Receipt::next(&chain, last.get(&person), named, covers);
        last.insert(person.clone(), receipt.link());
        rows.push((mail.clone(), person, receipt));
    }
    insert(connection, &rows, now_ms).await?;
    for mail in &nothing {
        withdraw(connection, mail).await?;
    }
    Ok(nothing)
}

/// What the mails still have to say, and to whom. What is no longer to be said is marked so, unless
/// the mail has a receipt already: then it stays on the receipt, and its text is left out.
async fn still_said(
    connection: &mut AnyConnection,
    mails: &[String],
    now_ms: i64,
) -> Result<HashMap<String, (String, Vec<Kept>)>, sqlx::Error> {
    let select = Statement::with_list(
        "SELECT d.mail, d.message, d.person, m.room, m.post, m.sent_ms, m.removed_ms, p.person AS member, r.number \
         FROM deliveries d LEFT JOIN messages m ON m.id = d.message \
         LEFT JOIN members p ON p.room = m.room AND p.person = d.person \
         LEFT JOIN receipts r ON r.mail = d.mail WHERE d.mail IN (",
        mails.iter().map(String::as_str),
    );
    let mut said: HashMap<String, (String, Vec<Kept>)> = HashMap::new();
    let mut unsaid: BTreeMap<(String, &'static str), Vec<MessageId>> = BTreeMap::new();
    for row in select.fetch(connection).await? {
        let (mail, person): (String, String) = (row.try_get("mail")?, row.try_get("person")?);
        let message = MessageId::from_text(row.try_get::<String, _>("message")?);
        let Some(room) = row.try_get::<Option<String>, _>("room")? else {
            // What it is to say is gone from the disk: that is no reason to say nothing.
            said.entry(mail).or_insert_with(|| (person, Vec::new()));
            continue;
        };
        let removed = row.try_get::<Option<i64>, _>("removed_ms")?.is_some();
        let left = row.try_get::<Option<String>, _>("member")?.is_none();
        if removed || left {
            if row.try_get::<Option<i64>, _>("number")?.is_none() {
                let note = if removed { NOTE_REMOVED } else { NOTE_LEFT };
                unsaid.entry((person, note)).or_default().push(message);
            }
            continue;
        }
        let kept = Kept {
            message,
            room: RoomId::new(room),
            sent_ms: row.try_get("sent_ms")?,
            post: PostKey::new(row.try_get::<String, _>("post")?),
            reason: String::new(),
            named: false,
            form: Default::default(),
        };
        said.entry(mail).or_insert_with(|| (person, Vec::new())).1.push(kept);
    }
    for ((person, note), messages) in unsaid {
        let set = [("state", Some("skipped")), ("note", Some(note)), ("mail", None)];
        change(connection, &person, &messages, &set, now_ms).await?;
    }
    Ok(said)
}

/// The numbers of the receipts that mails have.
async fn numbers(
    connection: &mut AnyConnection,
    mails: &[String],
) -> Result<HashMap<String, i64>, sqlx::Error> {
    let select = Statement::with_list(
        "SELECT mail, number FROM receipts WHERE mail IN (",
        mails.iter().map(String::as_str),
    );
    let found: Vec<(String, i64)> = select.fetch_as(connection).await?;
    Ok(found.into_iter().collect())
}

async fn last_links(
    connection: &mut AnyConnection,
    people: &[&str],
) -> Result<HashMap<String, Link>, sqlx::Error> {
    let mut last = HashMap::with_capacity(people.len());
    for chunk in people.chunks(ROWS_MAX) {
        let mut select = Statement::new(
            "SELECT r.person, r.number, r.hash FROM receipts r JOIN (SELECT person, MAX(number) AS number \
             FROM receipts WHERE person IN (",
        );
        select.list(chunk.iter().copied());
        select.push(" GROUP BY person) AS n ON n.person = r.person AND n.number = r.number");
        for row in select.fetch(connection).await? {
            last.insert(row.try_get("person")?, link(&row)?);
        }
    }
    Ok(last)
}

/// Receipts of withdrawn mails that no later receipt names yet.
async fn unnamed(
    connection: &mut AnyConnection,
    people: &[&str],
) -> Result<HashMap<String, Vec<Link>>, sqlx::Error> {
    let mut unnamed: HashMap<String, Vec<Link>> = HashMap::new();
    for chunk in people.chunks(ROWS_MAX) {
        let mut select = Statement::new(
            "SELECT person, number, hash FROM receipts WHERE state = 'withdrawn' AND named_by IS NULL AND person IN (",
        );
        select.list(chunk.iter().copied());
        select.push(" ORDER BY person, number");
        for row in select.fetch(connection).await? {
            let links = unnamed.entry(row.try_get("person")?).or_default();
            if links.len() < WITHDRAWN_MAX {
                links.push(link(&row)?);
            }
        }
    }
    Ok(unnamed)
}

fn link(row: &AnyRow) -> Result<Link, sqlx::Error> {
    Ok(Link { number: number(row.try_get("number")?), hash: row.try_get("hash")? })
}

fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

async fn insert(
    connection: &mut AnyConnection,
    rows: &[(String, String, Receipt)],
    now_ms: i64,
) -> Result<(), sqlx::Error> {
    for chunk in rows.chunks(RECEIPTS_MAX) {
        let mut insert = Statement::new(
            "INSERT INTO receipts (person, number, mail, previous, withdrawn, covers, hash, made_ms, state) ",
        );
        insert.rows(chunk, |row, (mail, person, receipt)| {
            let withdrawn = receipt.withdrawn.iter();
            let withdrawn: Vec<_> =
                withdrawn.map(|link| format!("{}:{}", link.number, link.hash)).collect();
            row.bind(person)
                .bind(stored(receipt.number))
                .bind(mail)
                .bind(&receipt.previous)
                .bind(withdrawn.join(","))
                .bind(receipt.covers.join(" "))
                .bind(&receipt.hash)
                .bind(now_ms)
                .bind("live");
        });
        insert.execute(connection).await?;
    }
    for (_, person, receipt) in rows {
        for link in &receipt.withdrawn {
            sqlx::query("UPDATE receipts SET named_by = $3 WHERE person = $1 AND number = $2")
                .bind(person)
                .bind(stored(link.number))
                .bind(stored(receipt.number))
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

/// A mail is not sent after all: its receipt, if it has one, and those that it was to name are for a
/// later receipt to name.
pub(super) async fn withdraw(
    connection: &mut AnyConnection,
    mail: &str,
) -> Result<(), sqlx::Error> {
    let found: Option<(String, i64)> =
        sqlx::query_as("SELECT person, number FROM receipts WHERE mail = $1")
            .bind(mail)
            .fetch_optional(&mut *connection)
            .await?;
    let Some((person, number)) = found else { return Ok(()) };
    sqlx::query("UPDATE receipts SET state = 'withdrawn' WHERE person = $1 AND number = $2")
        .bind(&person)
        .bind(number)
        .execute(&mut *connection)
        .await?;
    sqlx::query("UPDATE receipts SET named_by = NULL WHERE person = $1 AND named_by = $2")
        .bind(&person)
        .bind(number)
        .execute(connection)
        .await
        .map(|_| ())
}

/// The receipts of mails.
pub(super) async fn of_mails(
    connection: &mut AnyConnection,
    mails: &[String],
    installation: &str,
) -> Result<HashMap<String, Given>, sqlx::Error> {
    let select = Statement::with_list(
        "SELECT r.mail, r.person, r.number, r.previous, r.withdrawn, r.covers, r.hash, b.made_ms AS before_ms \
         FROM receipts r LEFT JOIN receipts b ON b.person = r.person AND b.number = r.number - 1 WHERE r.mail IN (",
        mails.iter().map(String::as_str),
    );
    let mut given = HashMap::with_capacity(mails.len());
    for row in select.fetch(connection).await? {
        let person = Address::new(row.try_get::<String, _>("person")?);
        let withdrawn: String = row.try_get("withdrawn")?;
        let links = withdrawn.split(',').filter_map(|link| link.split_once(':'));
        let links = links.filter_map(|(number, hash)| {
            Some(Link { number: number.parse().ok()?, hash: hash.to_owned() })
        });
        let covers: String = row.try_get("covers")?;
        let receipt = Receipt {
            chain: chain_of(installation, &person),
            number: number(row.try_get("number")?),
            previous: row.try_get("previous")?,
            withdrawn: links.collect(),
            covers: covers.split_whitespace().map(str::to_owned).collect(),
            hash: row.try_get("hash")?,
        };
        let continues_ms = row.try_get("before_ms")?;
        given.insert(row.try_get("mail")?, Given { receipt, continues_ms });
    }
    Ok(given)
}
