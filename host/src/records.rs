//! `chat-digest outbox` and `chat-digest why`: what the database says about mails and messages,
//! beside a host that may be running.

use std::process::ExitCode;

use anyhow::{Result, bail};
use bridge::{delivery::DeliveryKey, message::Address};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    clock,
    config::Config,
    database::{Actor, Database, Place, ReceivedRow, Unsent, Why},
};

/// Mails listed, and people told of.
const LISTED_MAX: u32 = 1000;

/// Lists what was given up and what waits.
///
/// # Errors
/// If the database cannot be read.
pub async fn outbox(config: &Config, json: bool) -> Result<ExitCode> {
    let database = Database::look(Place::of(&config.store)?).await?;
    let unsent = database.unsent(LISTED_MAX).await?;
    for mail in &unsent {
        if json {
            println!("{}", serde_json::to_string(mail)?);
        } else {
            print_mail(mail, config.defaults.time_zone.zone());
        }
    }
    if !json {
        let given_up = unsent.iter().filter(|mail| mail.state == "failed").count();
        println!("{} mails, {given_up} given up", unsent.len());
    }
    Ok(ExitCode::SUCCESS)
}

fn print_mail(mail: &Unsent, zone: &TimeZone) {
    println!(
        "{}  {:<11}  {} messages to {} ({}), planned {}, {} requests",
        mail.key,
        mail.state,
        mail.messages,
        mail.mailbox,
        mail.person,
        time(mail.planned_ms, zone),
        mail.attempts
    );
    if let Some(due_ms) = mail.due_ms {
        println!("    next try {}", time(due_ms, zone));
    }
    if let Some(error) = &mail.error {
        println!("    {error}");
    }
    if mail.due_ms.is_none() && matches!(mail.state.as_str(), "failed" | "unconfirmed") {
        println!("    chat-digest outbox --config FILE retry {0}    or    discard {0}", mail.key);
    }
}

/// Sends a mail afresh that was given up.
///
/// # Errors
/// If there is no such mail, or it has not been given up.
pub async fn retry(config: &Config, key: &str) -> Result<ExitCode> {
    let database = Database::beside(Place::of(&config.store)?).await?;
    let (key_of, by) = (DeliveryKey::from_text(key), Actor::command_line());
    let fresh = database.retry(&key_of, by, clock::unix_ms()).await?;
    database.close().await;
    let Some(fresh) = fresh else { bail!("{}", none_such(key)) };
    println!("it is sent afresh as {fresh}; a running host does so within seconds");
    Ok(ExitCode::SUCCESS)
}

/// Lets a mail go that was given up.
///
/// # Errors
/// If there is no such mail, or it has not been given up.
pub async fn discard(config: &Config, key: &str) -> Result<ExitCode> {
    let database = Database::beside(Place::of(&config.store)?).await?;
    let (key_of, by) = (DeliveryKey::from_text(key), Actor::command_line());
    let gone = database.discard(&key_of, by, clock::unix_ms()).await?;
    database.close().await;
    if !gone {
        bail!("{}", none_such(key));
    }
    println!("discarded");
    Ok(ExitCode::SUCCESS)
}

fn none_such(key: &str) -> String {
    format!(
        "no mail `{key}` has been given up: `chat-digest outbox --config FILE` lists those that have"
    )
}

/// Says what became of a message.
///
/// # Errors
/// If the database cannot be read.
pub async fn why(
    config: &Config,
    message: &str,
    person: Option<&str>,
    json: bool,
) -> Result<ExitCode> {
    let database = Database::look(Place::of(&config.store)?).await?;
    let person = person.map(Address::new);
    let message = message.trim().to_lowercase();
    let found = database.whys(&message, person.as_ref(), LISTED_MAX).await?;
    for why in &found {
        if json {
            println!("{}", serde_json::to_string(why)?);
        } else {
            print_why(why, config.defaults.time_zone.zone());
        }
    }
    let received = match found.is_empty() {
        true => database.received(&message, LISTED_MAX).await?,
        false => Vec::new(),
    };
    for row in &received {
        eprintln!("{}", unexplained(row, config.defaults.time_zone.zone()));
    }
    if found.is_empty() && received.is_empty() {
        eprintln!(
            "nothing is recorded about `{message}`: is the id right, was it received, and is it not older than `keep_days` under [store]?"
        );
    }
    Ok(if found.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// What is told of a message of which nothing is recorded for the person.
fn unexplained(row: &ReceivedRow, zone: &TimeZone) -> String {
    let ReceivedRow { id, room, received_ms, planned_ms } = row;
    let received = time(*received_ms, zone);
    match planned_ms {
        None => format!(
            "{id} was received in {room:?} at {received}; who gets it is not decided yet: are the room's members known, and is its guest in service? See `chat-digest status`"
        ),
        Some(planned) => format!(
            "{id} was received in {room:?} at {received} and decided on at {}, when the room was not known to have this member: see `chat-digest check`",
            time(*planned, zone)
        ),
    }
}

fn print_why(why: &Why, zone: &TimeZone) {
    let at = |unix_ms: Option<i64>| unix_ms.map_or_else(String::new, |ms| time(ms, zone));
    let stands = match (why.state.as_str(), &why.mail) {
        ("mailed", Some(mail)) => format!("{mail} {}", at(why.ended_ms)),
        ("kept", _) => format!(
            "waits for \u{201c}{}\u{201d}, due {}",
            why.queue.as_deref().unwrap_or_default(),
            at(why.due_ms)
        ),
        (state, _) => state.to_owned(),
    };
    println!("{}  {}  {}", why.message, why.person, stands.trim_end());
    println!("    {}: {} ({})", why.action, why.reason, at(why.changed_ms));
    for more in [&why.note, &why.held, &why.error].into_iter().flatten() {
        println!("    {more}");
    }
    if let Some(key) = &why.key {
        println!("    in mail {key}");
    }
}

/// A time as an administrator reads it.
pub(crate) fn time(unix_ms: i64, zone: &TimeZone) -> String {
    let at = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
