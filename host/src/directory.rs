//! Who belongs to a room, as people with mailboxes: merges the member lists of all sources, opens
//! groups up, finds mailboxes through Exchange, and adds what the administrator knows. The
//! unresolvable is reported, never guessed.

use std::{
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use anyhow::Result;
use bridge::{
    member::{Language, Member, Presence, Role, Wish},
    message::{Address, Person, RoomId},
    room::Room,
};
use ews::{mailbox::MailboxType, resolve_names::Resolution};
use lync::{
    members::{Export, Membership, Principal, PrincipalKind, Roles, Sources},
    xccos::RoomUri,
};
use tokio::sync::{Notify, mpsc, watch};
use tracing::{info, warn};

use crate::{
    chat::{Order, stop_asked, translate::name_of_address},
    clock,
    common::Common,
    config::{self, Config},
    database::Database,
    exchange::{Account, GroupError},
    latest::Latest,
    leases::Leases,
    preferences::Preferences,
    rooms::Rooms,
    state::State,
};

/// How long a mailbox that was found is believed (ews.md 4.1).
const FOUND_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long it is believed that there is none.
const MISSING_FOR: Duration = Duration::from_secs(3600);
/// Wait before Exchange is asked again after it failed.
const RETRY: Duration = Duration::from_secs(15);
/// Most answers remembered; the memory is emptied when it is full.
const REMEMBERED_MAX: usize = 100_000;

/// What Exchange knows of an entry.
#[derive(Clone, Debug)]
struct Found {
    mailbox: Option<String>,
    name: Option<String>,
    /// The SIP address among the entry's proxies.
    sip: Option<String>,
    until: Instant,
}

/// The directory stage.
pub struct Directory {
    config: Arc<Config>,
    current: Arc<Latest<Config>>,
    database: Database,
    rooms: Arc<Rooms>,
    leases: Arc<Leases>,
    account: Arc<Account>,
    preferences: Arc<Preferences>,
    state: State,
    /// Rung when a room's people are known: messages may wait for that.
    resolved: Arc<Notify>,
    remembered: HashMap<String, Found>,
    export_path: Option<PathBuf>,
    export_read: Option<SystemTime>,
    /// The administrator's list of mailboxes, by SIP address.
    mailboxes: HashMap<String, String>,
    mailboxes_path: Option<PathBuf>,
    mailboxes_read: Option<SystemTime>,
}

/// The people of a room, as made from its lists.
#[derive(Debug, Default)]
struct People {
    members: Vec<Member>,
    /// Mailboxes taken, in lower case: somebody in a list and in a group is one person.
    mailboxes: BTreeSet<String>,
    /// What could not be resolved, for the report.
    unresolved: usize,
    unopened: usize,
}

impl People {
    /// Without a list of the room nobody knows who has left it: whoever was a member stays one.
    fn keep_those_of(&mut self, before: &[Member]) {
        let there = |member: &&Member| {
            let address = &member.person.address;
            let mailbox = member.mailbox.as_ref().map(|mailbox| mailbox.to_lowercase());
            // They stand in order: a room may have thousands.
            self.members.binary_search_by(|one| one.person.address.cmp(address)).is_ok()
                || mailbox.is_some_and(|mailbox| self.mailboxes.contains(&mailbox))
        };
        let gone: Vec<Member> = before.iter().filter(|one| !there(one)).cloned().collect();
        self.members.extend(gone);
        self.members.sort_by(|a, b| a.person.address.cmp(&b.person.address));
    }
}

impl Directory {
    /// Prepares the stage.
    #[must_use]
    pub fn new(common: Common, account: Arc<Account>, resolved: Arc<Notify>) -> Self {
        let Common { config, current, database, rooms, leases, preferences, state, .. } = common;
        let remembered = HashMap::new();
        Self {
            config,
            current,
            database,
            rooms,
            leases,
            account,
            preferences,
            state,
            resolved,
            remembered,
            export_path: None,
            export_read: None,
            mailboxes: HashMap::new(),
            mailboxes_path: None,
            mailboxes_read: None,
        }
    }

    /// Keeps the lists up to date until `stop` turns true. `orders` asks the chat side for its
    /// lists from time to time.
    pub async fn run(mut self, orders: mpsc::Sender<Order>, stop: watch::Receiver<bool>) {
        loop {
            let wait = match self.refresh().await {
                Ok(()) => {
                    self.state.mail(|trouble| trouble.members = None);
                    self.current.now().members.refresh.0
                }
                Err(error) => {
                    warn!("directory: {error:#}; trying again in {} s", RETRY.as_secs());
                    self.state.mail(|trouble| trouble.members = Some(format!("{error:#}")));
                    RETRY
                }
            };
            tokio::select! {
                () = self.state.members_changing() => {}
                () = tokio::time::sleep(wait) => { let _ = orders.try_send(Order::RefreshMembers); }
                () = stop_asked(stop.clone()) => return,
            }
        }
    }

    /// Makes the lists of all rooms anew.
    ///
    /// # Errors
    /// If Exchange or the database fails; rooms done before that stay done.
    pub async fn refresh(&mut self) -> Result<()> {
        self.read_export();
        self.read_mailboxes();
        for known in self.rooms.all() {
            let uri = RoomUri::parse(&known.uri);
            let Some(uri) = uri.filter(|_| !self.leases.is_others(&known.room.id)) else {
                continue;
            };
            self.keep_seen(&known.room.id, &uri).await?;
            // Of half a list somebody would be missed: what was known before stays.
            if self.rooms.lists(|lists| lists.is_awaited(&uri)) {
                continue;
            }
            let open = Preferences::is_open(&known.room);
            let memberships = if open {
                self.subscriptions(&known.room)
            } else {
                self.rooms.memberships(&known.uri)
            };
            if memberships.is_empty() && !open {
                continue;
            }
            let mut people = self.people(&memberships).await?;
            if !open && !self.rooms.lists(|lists| lists.is_listed(&uri)) {
                people.keep_those_of(known.members().unwrap_or_default());
            }
            if people.unresolved + people.unopened > 0 {
                warn!(
                    room = %known.room.name,
                    "directory: {} members have no mailbox that Exchange knows, {} lists cannot be opened: give them under [people] and [groups], see `chat-digest check`",
                    people.unresolved, people.unopened
                );
            }
            self.keep(&known.room.id, &known.room.name, people.members, known.members()).await?;
        }
        Ok(())
    }

    /// Writes down who was seen in a room.
    async fn keep_seen(&self, room: &RoomId, uri: &RoomUri) -> Result<()> {
        let seen = self.rooms.lists(|lists| lists.unkept(uri));
        if !seen.is_empty() {
            self.database.save_seen(room, seen.clone()).await?;
            self.rooms.lists(|lists| lists.kept(uri, &seen));
        }
        Ok(())
    }

    /// An open room has no members; who subscribed takes their place.
    fn subscriptions(&self, room: &Room) -> Vec<Membership> {
        let subscribers = self.preferences.subscribers(room);
        let membership = |person: &Address| Membership {
            principal: Principal {
                address: person.as_str().to_owned(),
                name: String::new(),
                kind: PrincipalKind::User,
            },
            roles: Roles { member: true, ..Roles::default() },
            sources: Sources::default(),
            last_seen: None,
        };
        subscribers.iter().map(membership).collect()
    }

    async fn keep(
        &self,
        room: &RoomId,
        name: &str,
        members: Vec<Member>,
        before: Option<&[Member]>,
    ) -> Result<()> {
        if before == Some(members.as_slice()) {
            return Ok(());
        }
        info!(room = name, "directory: {} members", members.len());
        self.database.save_members(room, &members, clock::unix_ms()).await?;
        self.rooms.resolved(room, members);
        self.resolved.notify_one();
        let all = self.rooms.all();
        let joined = all.iter().filter(|known| known.joined).count();
        self.state.rooms(joined, all.iter().filter(|known| known.members().is_some()).count());
        Ok(())
    }

    async fn people(&mut self, memberships: &[Membership]) -> Result<People> {
        let mut people = People::default();
        let own = self.config.chat.address.as_str().to_owned();
        let users = memberships.iter().filter(|one| one.principal.kind == PrincipalKind::User);
        for one in users.filter(|one| !one.principal.address.eq_ignore_ascii_case(&own)) {
            self.add_user(&mut people, one).await?;
        }
        for one in memberships.iter().filter(|one| one.principal.kind != PrincipalKind::User) {
            self.add_group(&mut people, one).await?;
        }
        people.members.sort_by(|a, b| a.person.address.cmp(&b.person.address));
        Ok(people)
    }

    async fn add_user(&mut self, people: &mut People, one: &Membership) -> Result<()> {
        let address = one.principal.address.to_lowercase();
        let current = self.current.now();
        let configured = configured(&current, &address).and_then(|person| person.mailbox.clone());
        let configured = configured.map(|mailbox| mailbox.as_str().to_owned());
        let configured = configured.or_else(|| self.mailboxes.get(&address).cloned());
        let found = self.find(&address).await?;
        let mailbox = match configured.or(found.mailbox) {
            None => self.by_pattern(&address).await?,
            known => known,
        };
        let name = match one.principal.name.trim() {
            "" => found.name.unwrap_or_else(|| name_of_address(&address)),
            name => name.to_owned(),
        };
        people.unresolved += usize::from(mailbox.is_none());
        self.add(people, &address, name, mailbox, one.roles);
        Ok(())
    }

    /// The mailbox that the administrator's pattern names, if Exchange knows it.
    async fn by_pattern(&mut self, address: &str) -> Result<Option<String>> {
        let current = self.current.now();
        let pattern = current.members.mailbox_pattern.as_ref();
        let Some(mailbox) = pattern.and_then(|pattern| pattern.mailbox(address)) else {
            return Ok(None);
        };
        Ok(self.find(&format!("smtp:{}", mailbox.to_lowercase())).await?.mailbox)
    }

    /// Opens a group up. A folder or a domain has no list that Exchange could give.
    async fn add_group(&mut self, people: &mut People, one: &Membership) -> Result<()> {
        let Some(group) = self.group_mailbox(one).await? else {
            people.unopened += 1;
            return Ok(());
        };
        let members = match self.account.expand(&group).await {
            Ok(members) => members,
            Err(error) => {
                let of_group = error.downcast::<GroupError>()?;
                warn!("directory: a group of a room is left out: {of_group}");
                people.unopened += 1;
                return Ok(());
            }
        };
        for mailbox in members {
            let Some(smtp) = mailbox.smtp_address().map(str::to_owned) else { continue };
            let found = self.find(&format!("smtp:{}", smtp.to_lowercase())).await?;
            let address = found.sip.unwrap_or_else(|| format!("smtp:{}", smtp.to_lowercase()));
            let name = mailbox.name.or(found.name).unwrap_or_else(|| name_of_address(&smtp));
            self.add(people, &address, name, Some(smtp), one.roles);
        }
        Ok(())
    }

    async fn group_mailbox(&self, one: &Membership) -> Result<Option<String>> {
        let current = self.current.now();
        let configured =
            current.groups.iter().find(|(key, _)| key.eq_ignore_ascii_case(&one.principal.address));
        if let Some((_, mailbox)) = configured {
            return Ok(Some(mailbox.as_str().to_owned()));
        }
        if one.principal.kind != PrincipalKind::Group || one.principal.name.is_empty() {
            return Ok(None);
        }
        // By its name, if that is exact and only one group has it.
        let found = self.account.resolve(&one.principal.name).await?;
        let fits = |found: &&Resolution| {
            let name = found.mailbox.name.as_deref().unwrap_or_default();
            found.mailbox.mailbox_type == Some(MailboxType::PublicDl)
                && name.eq_ignore_ascii_case(&one.principal.name)
        };
        let mut fitting = found.iter().filter(fits);
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(only.smtp_address().map(str::to_owned)),
            _ => Ok(None),
        }
    }

    fn add(
        &self,
        people: &mut People,
        address: &str,
        name: String,
        mailbox: Option<String>,
        roles: Roles,
    ) {
        if address.eq_ignore_ascii_case(self.config.chat.address.as_str()) {
            return;
        }
        if let Some(mailbox) = &mailbox {
            let own = mailbox.eq_ignore_ascii_case(self.config.mail.mailbox.as_str());
            if own || !people.mailboxes.insert(mailbox.to_lowercase()) {
                return;
            }
        }
        let current = self.current.now();
        let configured = configured(&current, address);
        let defaults = &current.defaults;
        let language = configured.and_then(|person| person.language).unwrap_or(defaults.language);
        people.members.push(Member {
            person: Person { address: Address::new(address), name },
            mailbox,
            role: role(roles),
            presence: Presence::Unknown,
            wish: configured.and_then(|person| person.wish).map_or(Wish::None, wish),
            language: Language::from_code(u16::from_be_bytes(language.0)),
            time_zone: configured
                .and_then(|person| person.time_zone.as_ref())
                .map(|zone| zone.name().to_owned()),
        });
    }

    /// Asks Exchange for an entry with a scheme, such as `sip:anna@contoso.com`.
    async fn find(&mut self, entry: &str) -> Result<Found> {
        let now = clock::now().instant;
        if let Some(found) = self.remembered.get(entry).filter(|found| found.until > now) {
            return Ok(found.clone());
        }
        let answers = self.account.resolve(entry).await?;
        let exact = answers.iter().find(|answer| answer.is_exactly(entry));
        let found = Found {
            mailbox: exact.and_then(Resolution::smtp_address).map(str::to_owned),
            name: exact.and_then(|answer| answer.mailbox.name.clone()),
            sip: exact.and_then(sip_address),
            until: now + if exact.is_some() { FOUND_FOR } else { MISSING_FOR },
        };
        if self.remembered.len() >= REMEMBERED_MAX {
            self.remembered.clear();
        }
        self.remembered.insert(entry.to_owned(), found.clone());
        Ok(found)
    }

    fn read_mailboxes(&mut self) {
        let path = self.current.now().members.mailboxes.clone();
        if self.mailboxes_path != path {
            self.mailboxes_path.clone_from(&path);
            self.mailboxes_read = None;
            self.mailboxes.clear();
        }
        let Some(path) = path else { return };
        let read = read_if_changed(&path, self.mailboxes_read).and_then(|read| {
            let list = |(bytes, changed): (Vec<u8>, SystemTime)| {
                Ok((read_mailbox_list(&String::from_utf8_lossy(&bytes))?, changed))
            };
            read.map(list).transpose()
        });
        match read {
            Ok(None) => {}
            Ok(Some((mailboxes, changed))) => {
                self.mailboxes = mailboxes;
                self.mailboxes_read = Some(changed);
            }
            Err(error) => warn!(
                "directory: members.mailboxes: {}: {error:#}; the list read before stays",
                path.display()
            ),
        }
    }

    fn read_export(&mut self) {
        let Some(path) = self.current.now().members.export.clone() else { return };
        if self.export_path.as_ref() != Some(&path) {
            self.export_path = Some(path.clone());
            self.export_read = None;
        }
        let read = read_if_changed(&path, self.export_read).and_then(|read| {
            read.map(|(bytes, changed)| Ok((Export::read(&bytes)?, changed))).transpose()
        });
        match read {
            Ok(None) => {}
            Ok(Some((export, changed))) => {
                self.export_read = Some(changed);
                let made = changed.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                self.rooms.lists(|lists| lists.take_export(export, made));
            }
            Err(error) => warn!(
                "directory: members.export: {}: {error}; the lists read before stay",
                path.display()
            ),
        }
    }
}

fn configured<'c>(config: &'c Config, address: &str) -> Option<&'c config::Person> {
    let mut people = config.people.iter();
    people.find(|(key, _)| key.as_str().eq_ignore_ascii_case(address)).map(|(_, person)| person)
}

/// Reads `sip:address mail@address` a line; blank lines and those that begin with `#` are passed over.
fn read_mailbox_list(text: &str) -> Result<HashMap<String, String>> {
    let mut mailboxes = HashMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut words = line.split([' ', '\t', ',', ';']).filter(|word| !word.is_empty());
        let (sip, mailbox, more) = (words.next(), words.next(), words.next());
        let read = || {
            let sip = config::SipAddress::try_from(sip.unwrap_or_default().to_owned())?;
            let mailbox = config::SmtpAddress::try_from(mailbox.unwrap_or_default().to_owned())?;
            match more {
                None => Ok((sip, mailbox)),
                Some(_) => Err("two addresses are wanted".to_owned()),
            }
        };
        let (sip, mailbox) =
            read().map_err(|what| anyhow::anyhow!("line {}: {what}", number + 1))?;
        mailboxes.insert(sip.as_str().to_owned(), mailbox.as_str().to_owned());
        anyhow::ensure!(mailboxes.len() <= REMEMBERED_MAX, "more than {REMEMBERED_MAX} lines");
    }
    Ok(mailboxes)
}

fn read_if_changed(
    path: &PathBuf,
    before: Option<SystemTime>,
) -> Result<Option<(Vec<u8>, SystemTime)>> {
    let metadata = std::fs::metadata(path)?;
    let changed = metadata.modified()?;
    if before == Some(changed) {
        return Ok(None);
    }
    let bytes_max = u64::try_from(lync::members::EXPORT_BYTES_MAX)?;
    anyhow::ensure!(
        metadata.len() <= bytes_max,
        "{} bytes, at most {bytes_max} are read",
        metadata.len()
    );
    Ok(Some((std::fs::read(path)?, changed)))
}

fn sip_address(found: &Resolution) -> Option<String> {
    let entries = found.contact.iter().flat_map(|contact| &contact.email_addresses);
    entries.map(|entry| entry.to_lowercase()).find(|entry| entry.starts_with("sip:"))
}

fn role(roles: Roles) -> Role {
    match roles {
        Roles { manager: true, .. } => Role::Manager,
        Roles { presenter: true, .. } => Role::Presenter,
        _ => Role::Member,
    }
}

fn wish(wish: config::Wish) -> Wish {
    match wish {
        config::Wish::Instant => Wish::Instant,
        config::Wish::Digest => Wish::Digest,
        config::Wish::Mentions => Wish::Mentions,
        config::Wish::Off => Wish::Off,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    #[test]
    fn whoever_was_a_member_stays_one_and_nobody_stands_twice() {
        let member = |name: &str, mailbox: &str| Member {
            person: Person {
                address: Address::new(format!("sip:{name}@c")),
                name: name.to_owned(),
            },
            mailbox: Some(mailbox.to_owned()),
            role: Role::Member,
            presence: Presence::Unknown,
            wish: Wish::None,
            language: Language::from_code(0),
            time_zone: None,
        };
        let now = ["b", "d", "f"].map(|name| member(name, &format!("{name}@m")));
        let mut people = People {
            mailboxes: now.iter().filter_map(|one| one.mailbox.clone()).collect(),
            members: now.to_vec(),
            ..People::default()
        };
        // One is known by another address by now, but has the same mailbox.
        let before =
            [member("a", "a@m"), member("d", "d@m"), member("old", "F@m"), member("g", "g@m")];
        people.keep_those_of(&before);
        let names: Vec<_> = people.members.iter().map(|one| one.person.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "d", "f", "g"]);
    }

    #[test]
    fn a_list_of_mailboxes_is_read_and_its_mistakes_are_named() {
        let text = "# ours\n\nsip:Anna@c.com anna@mail.c.com\nsip:bob@c.com,\tbob@mail.c.com\n";
        let list = read_mailbox_list(text).unwrap();
        assert_eq!(list.get("sip:anna@c.com").map(String::as_str), Some("anna@mail.c.com"));
        assert_eq!(list.len(), 2);
        for (bad, told) in [
            ("sip:a@c", "line 1: ``"),
            ("\nanna a@c.com", "line 2: `anna` is no SIP address"),
            ("sip:a@c.com a@c.com b@c.com", "line 1: two addresses are wanted"),
        ] {
            let error = read_mailbox_list(bad).unwrap_err().to_string();
            assert!(error.starts_with(told), "{error}");
        }
    }
}
