//! `chat-digest status`: hosts, rooms, gaps and mails at a glance, beside hosts that may be running.

use std::process::ExitCode;

use anyhow::Result;
use jiff::tz::TimeZone;

use crate::{
    config::Config,
    database::{self, Counts, Database, GapStatus, GuestState, HostRow, Place, RoomStatus},
    machine::disk,
    records::time,
    watch::words::span,
};

/// Gaps listed.
const GAPS_MAX: u32 = 1000;

/// All of it, as `--json` prints it.
#[derive(Debug, serde::Serialize)]
struct Status {
    database: String,
    /// What stands in the way by what can be seen from here.
    trouble: Vec<String>,
    hosts: Vec<HostRow>,
    counts: Counts,
    guests: Vec<GuestState>,
    rooms: Vec<RoomStatus>,
    gaps: Vec<GapStatus>,
}

/// Prints how the service is doing, by what its database says.
///
/// # Errors
/// If the database cannot be read.
pub async fn status(config: &Config, json: bool) -> Result<ExitCode> {
    let place = Place::of(&config.store)?;
    let database = Database::look(place.clone()).await?;
    let mut hosts = database.hosts().await?;
    if matches!(place, Place::Directory(_)) && !database::is_held(&place) {
        // It ended without a word, and its lease has not run out yet.
        hosts.clear();
    }
    let status = Status {
        database: place.to_string(),
        trouble: trouble(config, &place, &hosts),
        hosts,
        counts: database.counts().await?,
        guests: database.guest_states().await?,
        rooms: database.room_states().await?,
        gaps: database.gaps(GAPS_MAX).await?,
    };
    if json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        status.print(config.defaults.time_zone.zone());
    }
    Ok(ExitCode::SUCCESS)
}

/// What a host that cannot write here cannot tell.
fn trouble(config: &Config, place: &Place, hosts: &[HostRow]) -> Vec<String> {
    let directory = &config.store.directory;
    let room = disk::free(directory).and_then(|free| disk::trouble(directory, free));
    let silent = hosts.iter().map(|host| host.left_ms).max().filter(|left| *left <= 0);
    let silent = silent.filter(|_| database::is_held(place)).map(|left_ms| {
        format!(
            "a host runs and has not been able to write here for {}: its log says why",
            span(left_ms.saturating_neg())
        )
    });
    room.into_iter().chain(silent).collect()
}

impl Status {
    fn print(&self, zone: &TimeZone) {
        println!("database  {}", self.database);
        for line in &self.trouble {
            println!("          {line}");
        }
        let alive: Vec<_> = self.hosts.iter().filter(|host| host.left_ms > 0).collect();
        if alive.is_empty() {
            println!("hosts     none runs, or none that can write here");
        }
        for host in alive {
            let chat = if host.is_in_chat() { "in the chat" } else { "not in the chat" };
            println!(
                "host      {}, endpoint {}: {chat}, {} duties, lease for {} s",
                host.name,
                host.slot,
                host.duties,
                host.left_ms / 1000
            );
            for line in host.trouble.iter().flat_map(|trouble| trouble.lines()) {
                println!("          {line}");
            }
        }
        let counts = &self.counts;
        println!(
            "messages  {} received, {} wait for a plan, {} wait for a digest, {} are held: no mailbox",
            counts.messages, counts.unplanned, counts.kept, counts.held
        );
        println!(
            "mails     {} on their way, {} sent, {} given up, {} unconfirmed, {} withdrawn",
            counts.waiting, counts.sent, counts.failed, counts.unconfirmed, counts.withdrawn
        );
        if counts.failed + counts.unconfirmed > 0 {
            println!("          chat-digest outbox --config FILE says why");
        }
        for guest in &self.guests {
            let beside = if guest.shadow != 0 { " (beside)" } else { "" };
            let why = guest.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
            println!(
                "guest     {}{beside} on {}: {}, {} calls, {} failures{why}",
                guest.name,
                guest.host,
                guest.stands(),
                guest.calls,
                guest.failures
            );
        }
        println!();
        self.print_rooms();
        for gap in &self.gaps {
            let posts = match (gap.from_id, gap.to_id) {
                (None, _) => "posts".to_owned(),
                (Some(from), None) => format!("posts {from} on"),
                (Some(from), Some(to)) => format!("posts {from} to {to}"),
            };
            println!(
                "gap       {}: {posts} were missed, and the history no longer had them; noticed {}",
                gap.room,
                time(gap.noted_ms, zone)
            );
        }
    }

    fn print_rooms(&self) {
        let width =
            self.rooms.iter().map(|room| room.name.chars().count()).max().unwrap_or(0).max(4);
        println!(
            "{:<width$}  {:<24} {:>6} {:>9} {:>9} {:>7} {:>5} {:>5}",
            "room", "host", "people", "last post", "unplanned", "waiting", "held", "gaps"
        );
        for room in &self.rooms {
            println!(
                "{:<width$}  {:<24} {:>6} {:>9} {:>9} {:>7} {:>5} {:>5}",
                room.name,
                room.host.as_deref().unwrap_or("none"),
                room.people,
                room.last_id.map_or_else(|| "-".to_owned(), |id| id.to_string()),
                room.unplanned,
                room.kept,
                room.held,
                room.gaps
            );
        }
    }
}
