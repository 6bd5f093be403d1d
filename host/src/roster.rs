//! `chat-digest rooms` and `chat-digest members`: what the hosts know of rooms and of the people in
//! them, out of the database, beside hosts that may be running.

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::{Result, bail};
use bridge::{
    member::{Member, Role},
    room::Room,
};

use crate::{
    config::{Config, Pattern},
    database::{Database, Place},
    preferences::{InRoom, Preferences},
    records::time,
};

/// A room, as `--json` prints it.
#[derive(Debug, serde::Serialize)]
struct RoomLine {
    name: String,
    address: String,
    /// The host that is in it, by name; `None` if none is.
    host: Option<String>,
    /// People in it, with a mailbox or without.
    members: usize,
    /// Whether its members are known.
    known: bool,
    /// The last post's number, where the server numbers them.
    last_post: Option<i64>,
    /// When the last post was written, in milliseconds since 1970.
    last_ms: Option<i64>,
    /// Messages that are kept.
    messages: i64,
    /// Times that posts were missed for good.
    gaps: i64,
}

/// A member of a room, as `--json` prints it.
#[derive(Debug, serde::Serialize)]
struct MemberLine<'m> {
    room: &'m str,
    name: &'m str,
    address: &'m str,
    mailbox: Option<&'m str>,
    role: &'static str,
    /// What holds for the person here: `none` leaves it to the guest.
    wish: &'static str,
    schedule: String,
    form: &'static str,
    time_zone: Option<String>,
    /// Whether the administrator has decided that the person gets the room.
    must: bool,
}

/// Lists the rooms.
///
/// # Errors
/// If the database cannot be read.
pub async fn rooms(config: &Config, json: bool) -> Result<ExitCode> {
    let database = Database::look(Place::of(&config.store)?).await?;
    let rooms = room_lines(&database).await?;
    if json {
        for room in &rooms {
            println!("{}", serde_json::to_string(room)?);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let width = rooms.iter().map(|room| room.name.chars().count()).max().unwrap_or(0).max(4);
    println!(
        "{:<width$}  {:<24} {:>7} {:>8} {:<19} {:>4}  address",
        "room", "host", "members", "messages", "last post", "gaps"
    );
    for room in &rooms {
        let last = room.last_ms.map(|ms| time(ms, config.defaults.time_zone.zone()));
        let members = if room.known { room.members.to_string() } else { "?".to_owned() };
        println!(
            "{:<width$}  {:<24} {members:>7} {:>8} {:<19} {:>4}  {}",
            room.name,
            room.host.as_deref().unwrap_or("none"),
            room.messages,
            last.as_deref().unwrap_or("-"),
            room.gaps,
            room.address
        );
    }
    if rooms.is_empty() {
        eprintln!("no host has been in a room yet: `chat-digest check` says which there would be");
    }
    Ok(ExitCode::SUCCESS)
}

async fn room_lines(database: &Database) -> Result<Vec<RoomLine>> {
    let states = database.room_states().await?;
    let mut known: BTreeMap<String, _> = BTreeMap::new();
    for (room, uri, members) in database.rooms().await? {
        known.insert(room.id.as_str().to_owned(), (uri, members));
    }
    let posts = database.room_posts().await?;
    let mut posts: BTreeMap<String, _> =
        posts.into_iter().map(|posts| (posts.room.clone(), posts)).collect();
    let mut line = |state: crate::database::RoomStatus| {
        let (address, members) = known.remove(&state.id).unwrap_or_default();
        let posts = posts.remove(&state.id);
        RoomLine {
            name: state.name,
            address,
            host: state.host,
            members: members.as_ref().map_or(0, Vec::len),
            known: members.is_some(),
            last_post: state.last_id,
            last_ms: posts.as_ref().map(|posts| posts.last_ms),
            messages: posts.as_ref().map_or(0, |posts| posts.messages),
            gaps: state.gaps,
        }
    };
    Ok(states.into_iter().map(&mut line).collect())
}

/// Lists the members of rooms, and what holds for each of them there.
///
/// # Errors
/// If the database cannot be read, or no room is called `room`.
pub async fn members(config: &Config, room: Option<&str>, json: bool) -> Result<ExitCode> {
    let wanted = room.map(|name| Pattern::try_from(name.to_owned()).map_err(anyhow::Error::msg));
    let wanted = wanted.transpose()?;
    let database = Database::look(Place::of(&config.store)?).await?;
    let preferences = Preferences::new(config);
    preferences.refresh(&database).await?;
    let fits = |room: &Room| {
        wanted.as_ref().is_none_or(|name| name.fits(&room.name) || name.fits(room.id.as_str()))
    };
    let mut rooms = database.rooms().await?;
    rooms.retain(|(room, ..)| fits(room));
    rooms.sort_by(|(one, ..), (other, ..)| one.name.cmp(&other.name));
    if let (Some(name), true) = (room, rooms.is_empty()) {
        bail!(
            "no room is called `{name}`: `chat-digest rooms --config FILE` lists those there are"
        );
    }
    for (room, _, members) in &rooms {
        let here = preferences.in_room(room);
        if !json {
            let known = members.as_ref().map(|members| format!("{} members", members.len()));
            println!("{}: {}", room.name, known.as_deref().unwrap_or("its members are not known"));
        }
        for member in members.iter().flatten() {
            let line = member_line(room, &here, member);
            match json {
                true => println!("{}", serde_json::to_string(&line)?),
                false => line.print(),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn member_line<'m>(room: &'m Room, here: &InRoom<'_>, member: &'m Member) -> MemberLine<'m> {
    let preference = here.of(&member.person.address);
    MemberLine {
        room: &room.name,
        name: &member.person.name,
        address: member.person.address.as_str(),
        mailbox: member.mailbox.as_deref(),
        role: match member.role {
            Role::Manager => "manager",
            Role::Presenter => "presenter",
            Role::Member => "member",
        },
        wish: preference.wish.as_str(),
        schedule: preference.schedule.to_string(),
        form: preference.form.as_str(),
        time_zone: preference.zone_name.or_else(|| member.time_zone.clone()),
        must: preference.must,
    }
}

impl MemberLine<'_> {
    fn print(&self) {
        let must = if self.must { ", must get it" } else { "" };
        println!(
            "  {} ({}) -> {}, {}, wish {}, {} {}{must}",
            self.name,
            self.address,
            self.mailbox.unwrap_or("no mailbox"),
            self.role,
            self.wish,
            self.form,
            self.schedule
        );
    }
}
