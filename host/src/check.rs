//! `chat-digest check`: goes the whole way but for sending, and says what it found.

mod way;

use std::{process::ExitCode, sync::Arc, time::Duration};

use anyhow::Result;
use bridge::member::Member;
use tokio::sync::{Notify, watch};

use crate::{
    chat::{Chat, connect::candidates},
    common::Common,
    config::{Config, HostPort, RoomChoice, Transport},
    database::{Database, Place},
    directory::Directory,
    exchange::Account,
    guests::Maker,
    rooms::Known,
    state::{ChatState, Snapshot, State},
    tls,
};
use way::Way;

/// Time for signing in and joining, and for the member lists after that.
const PATIENCE: Duration = Duration::from_secs(60);
/// Members shown of one room.
const MEMBERS_SHOWN: usize = 20;

/// What was found, line by line, and whether all of it is well.
struct Report {
    well: bool,
}

impl Report {
    fn good(&self, what: &str) {
        println!("  ok    {what}");
    }

    fn bad(&mut self, what: &str) {
        self.well = false;
        println!("  FAIL  {what}");
    }
}

/// Connects, signs in, lists rooms and members; sends nothing, joins rooms only to look, and writes
/// into a database of its own that is thrown away.
///
/// # Errors
/// What keeps the check from being made at all.
pub async fn check(config: Config) -> Result<ExitCode> {
    let mut report = Report { well: true };
    let scratch = tempfile::Builder::new().prefix("chat-digest-check-").tempdir()?;
    report.good("configuration: every key is known and every value allowed");
    guest(&mut report, &config, scratch.path());
    if let Some(place) = config.store.database.is_some().then(|| Place::of(&config.store)) {
        shared_database(&mut report, place).await;
    }
    let database = Database::open(scratch.path()).await?;
    let config = Arc::new(config);
    way_to_exchange(&mut report, &config).await;
    let account = exchange(&mut report, &config).await;
    way_to_pool(&mut report, &config).await;
    chat(&mut report, &config, &database, account).await?;
    database.close().await;
    println!(
        "{}",
        if report.well {
            "\nAll is well; `chat-digest run` would work with this."
        } else {
            "\nMend what is marked FAIL, from the top."
        }
    );
    Ok(if report.well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn shared_database(report: &mut Report, place: Result<Place>) {
    let place = match place {
        Ok(place) => place,
        Err(error) => return report.bad(&format!("{error:#}")),
    };
    match Database::reach(place.clone()).await {
        Ok(()) => report.good(&format!("database: {place} can be reached, and lets us in")),
        Err(error) => report.bad(&format!("database: {error}")),
    }
}

fn guest(report: &mut Report, config: &Config, scratch: &std::path::Path) {
    let maker = match Maker::new(config, scratch) {
        Ok(maker) => maker,
        Err(error) => return report.bad(&format!("guest: {error:#}")),
    };
    for name in maker.names() {
        match maker.proven(name) {
            Ok(serving) => {
                let guest = serving.guest().guest();
                report.good(&format!(
                    "guest `{name}`: `{}`, interface {}, sha256 {}",
                    guest.name(),
                    guest.interface_version(),
                    guest.digest()
                ));
            }
            Err(error) => report.bad(&format!("{error:#}")),
        }
    }
}

/// What is wrong with the files that a connection needs is told when it is made.
async fn way_to_exchange(report: &mut Report, config: &Config) {
    let Ok(url) = url::Url::parse(&config.mail.url) else { return };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return };
    let server = HostPort { host: host.trim_matches(['[', ']']).to_owned(), port };
    let Ok(tls) = tls::connector(config.mail.ca_file.as_deref(), false) else { return };
    let tls = (url.scheme() == "https").then_some(&tls);
    Way { side: "Exchange", section: "mail", key: "url", server: &server, tls }.go(report).await;
}

async fn way_to_pool(report: &mut Report, config: &Config) {
    let servers = match candidates(&config.chat).await {
        Ok(servers) => servers,
        Err(error) => return report.bad(&format!("chat: {error}")),
    };
    if config.chat.server.is_none() {
        let shown: Vec<String> = servers.iter().map(ToString::to_string).collect();
        report.good(&format!("chat: DNS names {}", shown.join(", ")));
    }
    let connector = tls::connector(config.chat.ca_file.as_deref(), config.chat.legacy_tls);
    let (Some(server), Ok(tls)) = (servers.first(), connector) else { return };
    let tls = (config.chat.transport == Transport::Tls).then_some(&tls);
    Way { side: "chat", section: "chat", key: "server", server, tls }.go(report).await;
}

async fn exchange(report: &mut Report, config: &Arc<Config>) -> Option<Arc<Account>> {
    let account = match Account::new(&config.mail) {
        Ok(account) => account,
        Err(error) => {
            report.bad(&format!("{error:#}"));
            return None;
        }
    };
    let own = config.mail.mailbox.as_str();
    match account.resolve(&format!("smtp:{own}")).await {
        Ok(found) if found.iter().any(|one| one.smtp_address().is_some_and(|address| address.eq_ignore_ascii_case(own))) => {
            report.good(&format!("Exchange: {} took the sign-in and knows the mailbox {own}", account.server()));
        }
        Ok(_) => report.bad(&format!("Exchange: {} took the sign-in but does not know the mailbox {own}: check `mailbox` under [mail]", account.server())),
        Err(error) => {
            report.bad(&format!("Exchange: {error}"));
            return None;
        }
    }
    match account.can_reach_drafts().await {
        Ok(()) => report.good("Exchange: the mailbox's drafts can be read"),
        Err(error) => {
            report.bad(&format!("Exchange: the mailbox's drafts cannot be read: {error}"))
        }
    }
    Some(account)
}

async fn chat(
    report: &mut Report,
    config: &Arc<Config>,
    database: &Database,
    account: Option<Arc<Account>>,
) -> Result<()> {
    let common = Common::new(Arc::clone(config), database.clone());
    let (rooms, state) = (Arc::clone(&common.rooms), common.state.clone());
    let ring = Arc::new(Notify::new());
    let chat = match Chat::new(common.clone(), Arc::clone(&ring)) {
        Ok(chat) => chat,
        Err(error) => {
            report.bad(&format!("{error:#}"));
            return Ok(());
        }
    };
    let (stop, stopped) = watch::channel(false);
    let (orders, inbox) = Chat::orders();
    let signed_in = tokio::spawn(chat.run(inbox, stopped.clone()));
    let lists = account.map(|account| {
        let directory = Directory::new(common, account, ring);
        tokio::spawn(directory.run(orders, stopped))
    });
    let now = settled(&state, lists.is_some()).await;
    describe(report, config, &now, &rooms.all());
    let _ = stop.send(true);
    signed_in.await?;
    if let Some(lists) = lists {
        lists.await?;
    }
    Ok(())
}

/// Waits until the rooms are joined and their members known, or something is wrong.
async fn settled(state: &State, lists: bool) -> Snapshot {
    let mut watch = state.watch();
    let done = watch.wait_for(|now| match now.chat {
        ChatState::Offline(_) => true,
        ChatState::Live => {
            !lists || (now.rooms_live > 0 && now.rooms_with_members >= now.rooms_live)
        }
        _ => !now.refused.is_empty() && now.rooms_live == 0,
    });
    let _ = tokio::time::timeout(PATIENCE, done).await;
    state.now()
}

fn describe(report: &mut Report, config: &Config, now: &Snapshot, rooms: &[Known]) {
    match &now.chat {
        ChatState::Offline(why) => report.bad(&format!("chat: {why}")),
        ChatState::Connecting => report.bad("chat: no answer in time"),
        ChatState::SignedIn | ChatState::Live => {
            report.good("chat: signed in, provisioned, and the chat service answers")
        }
    }
    for (room, why) in &now.refused {
        report.bad(&format!("room {room}: {why}"));
    }
    if let Some(why) = &now.mail {
        report.bad(&format!("members: {why}"));
    }
    let joined: Vec<&Known> = rooms.iter().filter(|known| known.joined).collect();
    if joined.is_empty() && matches!(now.chat, ChatState::SignedIn | ChatState::Live) {
        let chosen = if config
            .rooms
            .iter()
            .any(|choice| matches!(choice, RoomChoice::Uri(_) | RoomChoice::Name(_)))
        {
            "[[rooms]] chooses"
        } else {
            "the account is a member of"
        };
        report.bad(&format!(
            "rooms: {chosen} none that can be joined: make the service account a member of a room"
        ));
    }
    for known in joined {
        room(report, known);
    }
}

fn room(report: &mut Report, known: &Known) {
    let Some(members) = known.members() else {
        return report.bad(&format!(
            "room `{}` ({}): nobody is known to belong to it: give an export under [members]",
            known.room.name, known.uri
        ));
    };
    let homeless: Vec<&Member> = members.iter().filter(|member| member.mailbox.is_none()).collect();
    report.good(&format!(
        "room `{}` ({}): {} members would be offered mail",
        known.room.name,
        known.uri,
        members.len() - homeless.len()
    ));
    for member in members.iter().take(MEMBERS_SHOWN) {
        let mailbox = member.mailbox.as_deref().unwrap_or("no mailbox");
        println!("          {} ({}) -> {mailbox}", member.person.name, member.person.address);
    }
    if members.len() > MEMBERS_SHOWN {
        println!("          and {} more", members.len() - MEMBERS_SHOWN);
    }
    for member in homeless {
        report.bad(&format!(
            "{} has no mailbox that Exchange knows: give it as `mailbox` under [people.\"{}\"]",
            member.person.name, member.person.address
        ));
    }
}
