//! `chat-digest guest load|unload|list`: guests put in service beside hosts that may be running.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use super::{Difference, Maker, PlanDifference};
use crate::{
    config::{Config, GuestName, Pattern},
    database::{Actor, Database, GuestKey, GuestState, Place},
    records::time,
};

/// How often it is looked what the hosts made of a guest, and how often at most.
const LOOK: Duration = Duration::from_millis(200);
const LOOKS_MAX: u32 = 300;
/// Differences listed.
const LISTED_MAX: u32 = 200;
/// Characters of a digest that are shown.
const DIGEST_SHOWN: usize = 12;

/// What `guest load` was told.
#[derive(Clone, Debug)]
pub struct Load {
    /// The component.
    pub file: PathBuf,
    /// Under which name.
    pub name: GuestName,
    /// For which rooms, by patterns of names or addresses; none for those of the configuration.
    pub rooms: Vec<String>,
    /// Whether it only runs beside the one in service.
    pub shadow: bool,
}

/// Compiles a guest, tries it, hands it to the hosts, and tells what they made of it. Exit code 0
/// only if every running host has taken it.
///
/// # Errors
/// If it is no guest, does not answer as one should, or the database cannot be written.
pub async fn load(config: &Config, what: Load) -> Result<ExitCode> {
    let Load { file, name, rooms, shadow } = what;
    for room in &rooms {
        Pattern::try_from(room.clone()).map_err(|why| anyhow::anyhow!("--room {room}: {why}"))?;
    }
    let scratch = tempfile::tempdir().context("a scratch directory")?;
    let maker = Maker::new(config, scratch.path())?;
    check_known(&maker, &name, &rooms, shadow)?;
    let bytes = maker.read(&file)?;
    let label: Arc<str> = name.as_str().into();
    let shown = file.display().to_string();
    let (serving, bytes) = tokio::task::spawn_blocking(move || {
        let made = maker.make(&label, &bytes, &shown);
        made.map(|made| (made, bytes))
    })
    .await?
    .with_context(|| file.display().to_string())?;
    let digest = serving.digest().to_owned();
    println!(
        "{}: interface {}, sha256 {digest}; it compiles, and answers the sample messages",
        file.display(),
        serving.guest().guest().interface_version()
    );
    let database = Database::beside(Place::of(&config.store)?).await?;
    let key = GuestKey { name: name.as_str().to_owned(), shadow };
    let rooms = (!rooms.is_empty()).then_some(rooms.as_slice());
    database.load_guest(key.clone(), &digest, bytes, rooms, Actor::command_line()).await?;
    let well = wait(&database, &key, &digest).await?;
    database.close().await;
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A guest that would be asked about no room is a slip.
fn check_known(maker: &Maker, name: &GuestName, rooms: &[String], shadow: bool) -> Result<()> {
    let is_configured = maker.names().any(|known| **known == *name.as_str());
    if is_configured || !rooms.is_empty() || shadow {
        return Ok(());
    }
    bail!(
        "the configuration has no guest `{name}`: say for which rooms it is with --room \"NAME\" (`*` stands for any \
         text), or leave --name out to replace the guest of all rooms that no other is for"
    )
}

/// Tells what each host made of it; `false` if one refused it, or said nothing in time.
async fn wait(database: &Database, key: &GuestKey, digest: &str) -> Result<bool> {
    let ours = |state: &GuestState| {
        state.name == key.name && (state.shadow != 0) == key.shadow && state.digest == digest
    };
    for _ in 0..LOOKS_MAX {
        let alive: Vec<String> = alive(database).await?;
        let states: Vec<_> = database.guest_states().await?.into_iter().filter(ours).collect();
        if alive.is_empty() {
            println!("no host runs: the next one to start takes it into service");
            return Ok(true);
        }
        if alive.iter().all(|host| states.iter().any(|state| state.host == *host)) {
            for state in &states {
                println!("{}: {}{}", state.host, state.stands(), because(state.why.as_deref()));
            }
            return Ok(states.iter().all(|state| state.state == GuestState::IN_SERVICE));
        }
        tokio::time::sleep(LOOK).await;
    }
    println!(
        "not every host has answered yet: `chat-digest guest list` shows what they make of it"
    );
    Ok(false)
}

async fn alive(database: &Database) -> Result<Vec<String>> {
    let hosts = database.hosts().await?.into_iter();
    Ok(hosts.filter(|host| host.left_ms > 0).map(|host| host.name).collect())
}

fn because(why: Option<&str>) -> String {
    why.map_or_else(String::new, |why| format!(": {why}"))
}

/// Takes a guest that was loaded back out of service: what the configuration says holds again.
///
/// # Errors
/// If none was loaded under this name, or the database cannot be written.
pub async fn unload(config: &Config, name: &GuestName, shadow: bool) -> Result<ExitCode> {
    let database = Database::beside(Place::of(&config.store)?).await?;
    let key = GuestKey { name: name.as_str().to_owned(), shadow };
    let was_there = database.unload_guest(key, Actor::command_line()).await?;
    database.close().await;
    if !was_there {
        bail!("no guest `{name}` was loaded; `chat-digest guest list` shows those that were");
    }
    println!("`{name}` is unloaded: what the configuration says holds again");
    Ok(ExitCode::SUCCESS)
}

/// Puts the candidate beside a guest in its place. Exit code 0 only if every running host has taken
/// it.
///
/// # Errors
/// If there is no candidate under this name, or the database cannot be written.
pub async fn promote(config: &Config, name: &GuestName) -> Result<ExitCode> {
    let database = Database::beside(Place::of(&config.store)?).await?;
    let candidate = GuestKey { name: name.as_str().to_owned(), shadow: true };
    let rows = database.guests().await?;
    let digest = rows.into_iter().find(|row| row.key == candidate).map(|row| row.digest);
    let promoted = database.promote_guest(name.as_str(), Actor::command_line()).await?;
    let (Some(digest), true) = (digest, promoted) else {
        database.close().await;
        bail!(
            "no candidate runs beside `{name}`: chat-digest guest load FILE --shadow --name {name} starts one"
        );
    };
    let well = wait(&database, &GuestKey { shadow: false, ..candidate }, &digest).await?;
    database.close().await;
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Lists the guests that were loaded, and what the hosts make of all of theirs.
///
/// # Errors
/// If the database cannot be read.
pub async fn list(config: &Config, json: bool) -> Result<ExitCode> {
    let database = Database::look(Place::of(&config.store)?).await?;
    let (rows, states) = (database.guests().await?, database.guest_states().await?);
    database.close().await;
    if json {
        println!("{}", serde_json::json!({ "loaded": rows, "hosts": states }));
        return Ok(ExitCode::SUCCESS);
    }
    for row in &rows {
        let rooms = match &row.rooms {
            Some(rooms) => rooms.join(", "),
            None => "as configured".to_owned(),
        };
        println!(
            "loaded  {}{}  {}  {}  rooms: {rooms}",
            row.key.name,
            beside(row.key.shadow),
            shown(&row.digest),
            time(row.loaded_ms, config.defaults.time_zone.zone()),
        );
    }
    for state in &states {
        println!(
            "{}  {}{}  {}  {}, {} calls, {} failures{}",
            state.host,
            state.name,
            beside(state.shadow != 0),
            shown(&state.digest),
            state.stands(),
            state.calls,
            state.failures,
            because(state.why.as_deref())
        );
    }
    if rows.is_empty() && states.is_empty() {
        println!("no guest was loaded, and no host runs");
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells what a candidate would have done otherwise than the guest whose place it wants.
///
/// # Errors
/// If there is no such candidate, or the database cannot be read.
pub async fn shadow(config: &Config, name: &GuestName, json: bool) -> Result<ExitCode> {
    let database = Database::look(Place::of(&config.store)?).await?;
    let rows = database.guests().await?;
    let candidate = rows.iter().find(|row| row.key.shadow && row.key.name == name.as_str());
    let Some(candidate) = candidate else {
        bail!(
            "no candidate runs beside `{name}`: chat-digest guest load FILE --shadow --name {name} starts one"
        );
    };
    let found = database.differences(name.as_str(), &candidate.digest, LISTED_MAX).await?;
    let states = database.guest_states().await?;
    database.close().await;
    if json {
        println!("{}", serde_json::json!({ "candidate": candidate, "differences": found }));
        return Ok(ExitCode::SUCCESS);
    }
    let asked: i64 = states
        .iter()
        .filter(|state| state.shadow != 0 && state.digest == candidate.digest)
        .map(|state| state.calls)
        .sum();
    println!(
        "`{name}` (beside)  {}  asked {asked} times, {} differences",
        shown(&candidate.digest),
        found.len()
    );
    for one in &found {
        let at = time(one.told_ms, config.defaults.time_zone.zone());
        let what =
            serde_json::from_str(&one.difference).map_or_else(|_| one.difference.clone(), words);
        println!("{at}  {}  {what}", shown(&one.message));
    }
    Ok(ExitCode::SUCCESS)
}

fn words(difference: Difference) -> String {
    match difference {
        Difference::Failed(why) => format!("no usable answer: {why}"),
        Difference::Text(text) => {
            let subject = text.subject.map_or_else(String::new, |(before, after)| {
                format!("; the subject \"{before}\" becomes \"{after}\"")
            });
            format!(
                "the mail reads otherwise: {} bytes of HTML become {}{subject}",
                text.html_bytes.0, text.html_bytes.1
            )
        }
        Difference::Plan { room, difference } => {
            let PlanDifference { gain, lose, sooner, later, reasons, people } = difference;
            let people: String =
                people.iter().map(|(person, change)| format!("\n    {person}: {change}")).collect();
            format!(
                "{room}: {gain} gain it, {lose} lose it, {sooner} get it sooner, {later} later, {reasons} for another reason{people}"
            )
        }
    }
}

fn beside(shadow: bool) -> &'static str {
    if shadow { " (beside)" } else { "" }
}

fn shown(digest: &str) -> &str {
    digest.get(..DIGEST_SHOWN).unwrap_or(digest)
}

/// A name for a guest that is loaded for rooms, and was given none: its file's.
///
/// # Errors
/// If the file's name makes none.
pub fn name_of(file: &Path) -> Result<GuestName> {
    let stem =
        file.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    GuestName::try_from(name)
        .map_err(|why| anyhow::anyhow!("{}: {why}: say --name", file.display()))
}
