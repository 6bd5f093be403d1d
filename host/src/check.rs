//! `chat-digest check`: goes the whole way step by step, and says of each step what was tried, what
//! came back, and what to do.

mod letter;
mod report;
mod way;

use std::{collections::BTreeSet, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Result;
use bridge::member::Member;
use tokio::sync::{Notify, watch};

use crate::{
    chat::{Chat, connect::candidates},
    common::Common,
    config::{Config, HostPort, RoomChoice, SmtpAddress, Transport},
    database::{Database, Place},
    directory::Directory,
    exchange::Account,
    guests::Maker,
    machine::disk,
    rooms::Known,
    state::{ChatState, Snapshot, State},
    tls,
};
use report::{Report, Side};
use way::{DNS, TLS, Way};

/// Time for signing in and joining, and for the member lists after that.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time for the member lists if nobody tells them: who is seen in the rooms is known at once.
const NO_LISTS_PATIENCE: Duration = Duration::from_secs(5);
/// Members shown of one room.
const MEMBERS_SHOWN: usize = 20;

/// The steps beside those of the [`way`].
const CONFIGURATION: &str = "configuration";
const GUEST: &str = "guest";
const DATABASE: &str = "database";
const DISK: &str = "disk";
const SIGN_IN: &str = "sign-in";
const MAILBOX: &str = "mailbox";
const RIGHTS: &str = "rights";
const TEST_MAIL: &str = "test mail";
const PROVISIONING: &str = "provisioning";
const CHAT_SERVER: &str = "chat server";
const ROOMS: &str = "rooms";
const MEMBERS: &str = "members";

/// What is asked for beside the check itself.
#[derive(Debug, Default)]
pub struct Options {
    /// One line of JSON for each step.
    pub json: bool,
    /// Whom a test mail is sent to; nobody gets one otherwise.
    pub send_to: Option<SmtpAddress>,
}

/// Connects, signs in, lists rooms and members; sends nothing that was not asked for, joins rooms
/// only to look, and writes into a database of its own that is thrown away.
///
/// # Errors
/// What keeps the check from being made at all.
pub async fn check(config: Config, options: Options) -> Result<ExitCode> {
    let mut report = Report::new(options.json);
    let scratch = tempfile::Builder::new().prefix("chat-digest-check-").tempdir()?;
    report.towards(Side::Here, "");
    report.good(CONFIGURATION, "every key is known and every value allowed");
    guest(&mut report, &config, scratch.path());
    room_on_disk(&mut report, &config);
    if let Some(place) = config.store.database.is_some().then(|| Place::of(&config.store)) {
        shared_database(&mut report, place).await;
    }
    let database = Database::open(scratch.path()).await?;
    let config = Arc::new(config);
    report.towards(Side::Exchange, &config.mail.url);
    way_to_exchange(&mut report, &config).await;
    let account = exchange(&mut report, &config, options.send_to.as_ref()).await;
    let pool = config.chat.server.as_ref().map_or_else(
        || format!("the pool of {}", config.chat.address.domain()),
        HostPort::to_string,
    );
    report.towards(Side::Chat, &pool);
    way_to_pool(&mut report, &config).await;
    chat(&mut report, &config, &database, account).await;
    database.close().await;
    report.end();
    Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn room_on_disk(report: &mut Report, config: &Config) {
    let directory = &config.store.directory;
    // It is made at the first start: what it will be in is on the same disk.
    let Some(free) = directory.ancestors().find_map(disk::free) else {
        return report.skipped(DISK, "the system does not say how much room there is");
    };
    match disk::trouble(directory, free) {
        Some(words) => report.bad(DISK, words.trim_start_matches("disk: ")),
        None => {
            report.good(DISK, format!("{} MiB are free for {}", free >> 20, directory.display()))
        }
    }
}

async fn shared_database(report: &mut Report, place: Result<Place>) {
    let place = match place {
        Ok(place) => place,
        Err(error) => return report.bad(DATABASE, format!("{error:#}")),
    };
    match Database::reach(place.clone()).await {
        Ok(()) => report.good(DATABASE, format!("{place} can be reached, and lets us in")),
        Err(error) => report.bad(DATABASE, error.to_string()),
    }
}

fn guest(report: &mut Report, config: &Config, scratch: &std::path::Path) {
    let maker = match Maker::new(config, scratch) {
        Ok(maker) => maker,
        Err(error) => return report.bad(GUEST, format!("{error:#}")),
    };
    for name in maker.names() {
        match maker.proven(name) {
            Ok(serving) => {
                let guest = serving.guest().guest();
                let said = format!(
                    "`{name}` is `{}`, interface {}, sha256 {}",
                    guest.name(),
                    guest.interface_version(),
                    guest.digest()
                );
                report.good(GUEST, said);
            }
            Err(error) => report.bad(GUEST, format!("{error:#}")),
        }
    }
}

async fn way_to_exchange(report: &mut Report, config: &Config) {
    let Ok(url) = url::Url::parse(&config.mail.url) else { return };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return };
    let server = HostPort { host: host.trim_matches(['[', ']']).to_owned(), port };
    let tls = match tls::connector(config.mail.ca_file.as_deref(), false) {
        Ok(tls) => tls,
        Err(error) => return report.bad(TLS, format!("mail.ca_file: {error:#}")),
    };
    let tls = (url.scheme() == "https").then_some(&tls);
    Way { section: "mail", key: "url", server: &server, tls }.go(report).await;
}

async fn way_to_pool(report: &mut Report, config: &Config) {
    let servers = match candidates(&config.chat).await {
        Ok(servers) => servers,
        Err(error) => return report.bad(DNS, error.to_string()),
    };
    if config.chat.server.is_none() {
        let shown: Vec<String> = servers.iter().map(ToString::to_string).collect();
        report.good(DNS, format!("the pool is {}", shown.join(", ")));
    }
    let tls = match tls::connector(config.chat.ca_file.as_deref(), config.chat.legacy_tls) {
        Ok(tls) => tls,
        Err(error) => return report.bad(TLS, format!("chat.ca_file: {error:#}")),
    };
    let Some(server) = servers.first() else { return };
    let tls = (config.chat.transport == Transport::Tls).then_some(&tls);
    Way { section: "chat", key: "server", server, tls }.go(report).await;
}

async fn exchange(
    report: &mut Report,
    config: &Config,
    send_to: Option<&SmtpAddress>,
) -> Option<Arc<Account>> {
    let (account, own) = match Account::new(&config.mail) {
        Ok(account) => (account, config.mail.mailbox.as_str()),
        Err(error) => {
            report.bad(SIGN_IN, format!("{error:#}"));
            skip(report, &[MAILBOX, RIGHTS, TEST_MAIL]);
            return None;
        }
    };
    let server = account.server().to_owned();
    match account.resolve(&format!("smtp:{own}")).await {
        Ok(found) => {
            report.good(SIGN_IN, format!("{server} took `{}`", config.mail.login));
            let is_own = |address: &str| address.eq_ignore_ascii_case(own);
            if found.iter().any(|one| one.smtp_address().is_some_and(is_own)) {
                report.good(MAILBOX, format!("{own} is known there"));
            } else {
                report.bad(
                    MAILBOX,
                    format!("{own} is not known there: check `mailbox` under [mail]"),
                );
            }
        }
        Err(error) => {
            report.bad(SIGN_IN, error.to_string());
            skip(report, &[MAILBOX, RIGHTS, TEST_MAIL]);
            return None;
        }
    }
    match account.can_reach_drafts().await {
        Ok(()) => report.good(RIGHTS, "the mailbox's drafts can be read"),
        Err(error) => {
            let said = format!(
                "the mailbox's drafts cannot be read: {error}: give `login` full access to it, or set `impersonate` under \
                 [mail] if the account may impersonate"
            );
            report.bad(RIGHTS, said);
        }
    }
    match send_to {
        None => report.skipped(TEST_MAIL, "not asked for: --send-to ADDRESS sends one"),
        Some(to) => match letter::send(&config.mail, &account, to.as_str()).await {
            Ok(said) => {
                report.good(TEST_MAIL, format!("{said}; has it arrived at {}?", to.as_str()))
            }
            Err(error) => report.bad(TEST_MAIL, format!("{error:#}")),
        },
    }
    Some(account)
}

fn skip(report: &mut Report, steps: &[&'static str]) {
    for step in steps {
        report.skipped(step, "not tried: an earlier step failed");
    }
}

async fn chat(
    report: &mut Report,
    config: &Arc<Config>,
    database: &Database,
    account: Option<Arc<Account>>,
) {
    let common = Common::new(Arc::clone(config), database.clone());
    let (rooms, state) = (Arc::clone(&common.rooms), common.state.clone());
    let lists = account.is_some();
    let told = config.members.export.is_some() || config.chat.assumed.members_command;
    let patience = if told { PATIENCE } else { NO_LISTS_PATIENCE };
    let look = async {
        let now = settled(&state, lists.then_some(patience)).await;
        (now, rooms.all())
    };
    match attend(common, account, look).await {
        Ok((now, rooms)) => describe(report, config, &now, &rooms, lists),
        Err(error) => {
            report.bad(SIGN_IN, format!("{error:#}"));
            skip(report, &[PROVISIONING, CHAT_SERVER, ROOMS, MEMBERS]);
        }
    }
}

/// Signs in, joins and lists members for as long as `look` goes on; then signs out.
///
/// # Errors
/// If the password or the certificate authorities cannot be read.
pub(crate) async fn attend<T>(
    common: Common,
    account: Option<Arc<Account>>,
    look: impl Future<Output = T>,
) -> Result<T> {
    let ring = Arc::new(Notify::new());
    let chat = Chat::new(common.clone(), Arc::clone(&ring))?;
    let (stop, stopped) = watch::channel(false);
    let (orders, inbox) = Chat::orders();
    let signed_in = tokio::spawn(chat.run(inbox, stopped.clone()));
    let lists = account.map(|account| {
        let directory = Directory::new(common, account, ring);
        tokio::spawn(directory.run(orders, stopped))
    });
    let seen = look.await;
    let _ = stop.send(true);
    signed_in.await?;
    if let Some(lists) = lists {
        lists.await?;
    }
    Ok(seen)
}

/// Waits until the rooms are joined and then so long for their members, or until something is wrong.
async fn settled(state: &State, lists: Option<Duration>) -> Snapshot {
    let mut watch = state.watch();
    let joined = watch.wait_for(|now| match now.chat {
        ChatState::Offline(_) => true,
        ChatState::Live => now.rooms_live > 0,
        _ => !now.refused.is_empty() && now.rooms_live == 0,
    });
    let _ = tokio::time::timeout(PATIENCE, joined).await;
    if let Some(patience) = lists {
        let known = watch.wait_for(|now| {
            now.chat != ChatState::Live || now.rooms_with_members >= now.rooms_live
        });
        let _ = tokio::time::timeout(patience, known).await;
    }
    state.now()
}

fn describe(report: &mut Report, config: &Config, now: &Snapshot, rooms: &[Known], exchange: bool) {
    if !signed_in(report, now) {
        return;
    }
    let joined: Vec<&Known> = rooms.iter().filter(|known| known.joined).collect();
    for (room, why) in &now.refused {
        report.bad(ROOMS, format!("{room}: {why}"));
    }
    if joined.is_empty() {
        let chosen = if config
            .rooms
            .iter()
            .any(|choice| matches!(choice, RoomChoice::Uri(_) | RoomChoice::Name(_)))
        {
            "[[rooms]] chooses"
        } else {
            "the account is a member of"
        };
        let said = format!(
            "{chosen} none that can be joined: make the service account a member of a room"
        );
        report.bad(ROOMS, said);
        return report.skipped(MEMBERS, "not tried: no room is joined");
    }
    let found =
        now.progress.rooms_found.map_or_else(String::new, |found| format!(" of {found} found"));
    report.good(ROOMS, format!("{}{found} joined", joined.len()));
    if !exchange {
        return report.skipped(MEMBERS, "not tried: it is Exchange that knows their mailboxes");
    }
    if let Some(why) = now.mail.first() {
        report.bad(MEMBERS, why);
    }
    let mut homeless = BTreeSet::new();
    for known in joined {
        room(report, known, &mut homeless);
    }
    for (name, address) in homeless {
        report.bad(MEMBERS, format!(
            "{name} has no mailbox that Exchange knows: give it as `mailbox` under [people.\"{address}\"]"
        ));
    }
}

/// The steps up to the chat service; answers whether all were made.
fn signed_in(report: &mut Report, now: &Snapshot) -> bool {
    let progress = &now.progress;
    let failed = match &now.chat {
        ChatState::Offline(why) => Some(why.clone()),
        ChatState::Connecting => Some(format!("no answer in {} s", PATIENCE.as_secs())),
        ChatState::SignedIn | ChatState::Live => None,
    };
    let mut failed = failed.as_deref();
    // Whatever failed is told at the first step that did not come to its end.
    let mut step = |name: &'static str, done: Option<&Result<String, String>>| match done {
        Some(Ok(said)) => report.good(name, said.as_str()),
        Some(Err(said)) => report.bad(name, said.as_str()),
        None => match failed.take() {
            Some(why) => report.bad(name, why),
            None => report.skipped(name, "not reached"),
        },
    };
    step(SIGN_IN, progress.signed_in.clone().map(Ok).as_ref());
    step(PROVISIONING, progress.provisioned.as_ref());
    step(CHAT_SERVER, progress.service.clone().map(Ok).as_ref());
    if let Some(why) = failed.take() {
        // All steps were made, and the connection was lost afterwards.
        report.bad(CHAT_SERVER, why);
    }
    let made =
        progress.service.is_some() && matches!(now.chat, ChatState::SignedIn | ChatState::Live);
    if !made {
        skip(report, &[ROOMS, MEMBERS]);
    }
    made
}

fn room(report: &mut Report, known: &Known, homeless: &mut BTreeSet<(String, String)>) {
    let (name, uri) = (&known.room.name, &known.uri);
    let Some(members) = known.members() else {
        let said = format!(
            "`{name}` ({uri}): nobody is known to belong to it: give an export under [members]"
        );
        return report.bad(MEMBERS, said);
    };
    let without = members.iter().filter(|member| member.mailbox.is_none());
    homeless.extend(
        without
            .clone()
            .map(|member| (member.person.name.clone(), member.person.address.as_str().to_owned())),
    );
    let said =
        format!("`{name}` ({uri}): {} would be offered mail", members.len() - without.count());
    let mut shown: Vec<String> = members.iter().take(MEMBERS_SHOWN).map(line).collect();
    if members.len() > MEMBERS_SHOWN {
        shown.push(format!("and {} more", members.len() - MEMBERS_SHOWN));
    }
    report.good_with(MEMBERS, said, shown);
}

fn line(member: &Member) -> String {
    let mailbox = member.mailbox.as_deref().unwrap_or("no mailbox");
    format!("{} ({}) -> {mailbox}", member.person.name, member.person.address)
}
