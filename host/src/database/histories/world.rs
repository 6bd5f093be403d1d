//! Everything of one history: two clocks, a pool, a mail server, a host that may be killed, and the
//! model of what must come of it.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use bridge::{
    gate::Gate,
    member::{Language, Member, Presence, Role, Wish},
    message::{Address, Person},
    preference::Choice,
};
use lync::{
    Now,
    members::{Principal, PrincipalKind, Roles},
    server::{Pool, PoolConfig, RoomMember, RoomSpec, User},
    xccos::RoomUri,
};
use openssl::ssl::SslConnector;

use super::{
    chance::Chance, exchange::Exchange, intake::Wire, model::Model, script::Setup, tally::Tally,
};
use crate::{
    chat::{Chat, drive::Driver, translate},
    clock,
    config::{self, Config},
    database::{Database, Said, Source, testing},
    preferences::Preferences,
    rooms::Rooms,
};

pub(super) const PEOPLE: usize = 4;
pub(super) const ROOMS: usize = 2;
pub(super) const SERVICE: &str = "sip:chat-digest@contoso.com";
pub(super) const AUTHOR: &str = "sip:author@contoso.com";

/// The host was killed: nothing of it is left but its database.
#[derive(Clone, Copy, Debug)]
pub(super) struct Killed;

pub(super) type Alive = Result<(), Killed>;

/// The one place where the histories open a database.
async fn open(directory: &tempfile::TempDir) -> Database {
    testing::open(directory.path()).await
}

/// In memory where there is such a place: a crash here is the end of a process, not of a machine.
fn directory() -> tempfile::TempDir {
    let memory = PathBuf::from("/dev/shm");
    let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("histories").tempdir_in(place).unwrap()
}

/// The steady clock, the servers' calendar, and the host's, which somebody may set.
pub(super) struct Clock {
    base: Instant,
    elapsed: Duration,
    server_ms: i64,
    skew_ms: i64,
}

impl Clock {
    fn new(begin: &str) -> Self {
        clock::hold(None);
        let begin: jiff::civil::DateTime = begin.parse().unwrap();
        let begin = begin.to_zoned(jiff::tz::TimeZone::UTC).unwrap();
        let server_ms = begin.timestamp().as_millisecond();
        let base = clock::now().instant;
        let clock = Self { base, elapsed: Duration::ZERO, server_ms, skew_ms: 0 };
        clock.show();
        clock
    }

    fn show(&self) {
        clock::hold(Some(self.host()));
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.elapsed
    }

    pub(super) fn instant(&self) -> Instant {
        self.base + self.elapsed
    }

    pub(super) fn host(&self) -> Now {
        let server = self.server();
        let unix_ms = i64::try_from(server.unix.as_millis()).unwrap() + self.skew_ms;
        Now { unix: Duration::from_millis(u64::try_from(unix_ms).unwrap()), ..server }
    }

    pub(super) fn server(&self) -> Now {
        let unix = Duration::from_millis(u64::try_from(self.server_ms).unwrap()) + self.elapsed;
        Now { instant: self.instant(), unix }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.elapsed += time;
        self.show();
    }

    pub(super) fn set(&mut self, by_ms: i64) {
        self.skew_ms += by_ms;
        self.show();
    }
}

pub(super) struct World {
    /// The chance of the present step.
    pub(super) chance: Chance,
    pub(super) setup: Setup,
    pub(super) clock: Clock,
    pub(super) pool: Pool,
    pub(super) exchange: Exchange,
    pub(super) model: Model,
    pub(super) tally: Tally,
    pub(super) wire: Wire,
    pub(super) host: Host,
    /// Effects until the host is killed.
    pub(super) fuse: Option<u32>,
    /// Whether it is told what happens.
    pub(super) is_told: bool,
    directory: tempfile::TempDir,
    config: Arc<Config>,
    words_said: u64,
    /// Mails that the model knows of.
    noted: usize,
}

/// What a host has in memory.
pub(super) struct Host {
    pub(super) database: Database,
    pub(super) rooms: Arc<Rooms>,
    pub(super) preferences: Arc<Preferences>,
    pub(super) chat: Arc<Chat>,
    pub(super) driver: Option<Driver>,
    pub(super) gate: Gate,
}

pub(super) fn uri(room: usize) -> RoomUri {
    RoomUri::parse(&uri_text(room)).unwrap()
}

fn uri_text(room: usize) -> String {
    format!("ma-chan://contoso.com/5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c1{room}")
}

pub(super) fn room_id(room: usize) -> bridge::message::RoomId {
    translate::room_id(&uri_text(room))
}

pub(super) fn room_of(id: &bridge::message::RoomId) -> usize {
    (0..ROOMS).find(|room| room_id(*room) == *id).unwrap()
}

pub(super) fn address(person: usize) -> Address {
    Address::new(format!("sip:p{person}@contoso.com"))
}

pub(super) fn person_of(of: &Address) -> usize {
    (0..PEOPLE).find(|person| address(*person) == *of).unwrap()
}

pub(super) fn member(person: usize, has_mailbox: bool) -> Member {
    Member {
        person: Person { address: address(person), name: format!("P{person}") },
        mailbox: has_mailbox.then(|| format!("p{person}@contoso.com")),
        role: Role::Member,
        presence: Presence::Unknown,
        wish: Wish::None,
        language: Language::UNKNOWN,
        time_zone: None,
    }
}

fn config(setup: &Setup) -> Config {
    static EXAMPLE: OnceLock<Config> = OnceLock::new();
    let example = || config::parse(config::EXAMPLE, std::path::Path::new("c.toml")).unwrap();
    let mut config = EXAMPLE.get_or_init(example).clone();
    config.rooms = (0..ROOMS).map(|room| config::RoomChoice::Uri(uri_text(room))).collect();
    config.people.clear();
    config.chat.first_history = setup.first_history;
    config.defaults.time_zone = setup.zone.to_owned().try_into().unwrap();
    config.digest = config::Digest {
        schedule: setup.schedule.to_owned().try_into().unwrap(),
        mails_a_day: setup.mails_a_day,
        gather: config::Seconds(setup.gather_s),
        gather_max: config::Seconds(setup.gather_s * 5),
        spread: config::Seconds(setup.spread_s),
        messages: setup.messages,
        ..config::Digest::default()
    };
    config
}

fn pool() -> Pool {
    let user = |address: &str, login: &str| User {
        address: address.to_owned(),
        login: login.to_owned(),
        domain: "CONTOSO".to_owned(),
        password: "secret".into(),
        name: login.to_owned(),
        chat_enabled: true,
        groups: Vec::new(),
    };
    let rooms = (0..ROOMS).map(|room| RoomSpec {
        members: vec![RoomMember { principal: service(), roles: roles(true) }],
        ..RoomSpec::new(uri(room), &format!("Room {room}"))
    });
    let users = [user(SERVICE, "chat-digest"), user(AUTHOR, "author")];
    let config = PoolConfig {
        // Fewer timers to run through where hours go by.
        keep_alive_s: 3600,
        session_expires_s: Some(3600),
        ..PoolConfig::new("contoso.com")
    };
    Pool::new(config, users, rooms, entropy(1))
}

pub(super) fn service() -> Principal {
    let (address, name) = (SERVICE.to_owned(), String::new());
    Principal { address, name, kind: PrincipalKind::User }
}

pub(super) fn roles(member: bool) -> Roles {
    Roles { member, ..Roles::default() }
}

pub(super) fn entropy(seed: u64) -> impl FnMut(&mut [u8]) + Send {
    let mut chance = Chance(seed);
    move |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(8) {
            let number = chance.next().to_be_bytes();
            chunk.iter_mut().zip(number).for_each(|(to, from)| *to = from);
        }
    }
}

fn tls() -> SslConnector {
    static TLS: OnceLock<SslConnector> = OnceLock::new();
    let method = openssl::ssl::SslMethod::tls_client();
    TLS.get_or_init(|| SslConnector::builder(method).unwrap().build()).clone()
}

impl Host {
    /// As `run` does it: what the database knows comes first.
    async fn start(config: &Arc<Config>, directory: &tempfile::TempDir) -> Self {
        let database = open(directory).await;
        let preferences = Arc::new(Preferences::new(config));
        preferences.take(database.choices().await.unwrap());
        let rooms = Arc::new(Rooms::default());
        for (room, uri, members) in database.rooms().await.unwrap() {
            rooms.remembered(room, &uri, members);
        }
        database.resume_unfinished().await.unwrap();
        let chat = Chat::in_memory(Arc::clone(config), database.clone(), Arc::clone(&rooms), tls());
        let gate = Gate::new(1, clock::unix_ms());
        Self { database, rooms, preferences, chat, driver: None, gate }
    }

    /// The members of a room as the planner would see them.
    pub(super) fn known(&self, room: usize) -> Option<Vec<Member>> {
        self.rooms.snapshot(&room_id(room)).and_then(|(_, members)| members)
    }
}

impl World {
    pub(super) async fn new(seed: u64, setup: Setup) -> Self {
        let clock = Clock::new(setup.begin);
        let (directory, config) = (directory(), Arc::new(config(&setup)));
        let host = Host::start(&config, &directory).await;
        Self {
            chance: Chance(seed),
            pool: pool(),
            exchange: Exchange::default(),
            model: Model::new(),
            tally: Tally::default(),
            wire: Wire::default(),
            host,
            fuse: None,
            is_told: false,
            directory,
            config,
            words_said: 0,
            noted: 0,
            clock,
            setup,
        }
    }

    /// What has arrived by now: no change of mind takes it back.
    pub(super) fn note_arrivals(&mut self) {
        for letter in self.exchange.mails().skip(self.noted) {
            let person = person_of(&letter.person);
            letter.says.iter().for_each(|id| self.model.arrived(id, person));
            self.noted += 1;
        }
    }

    /// Between any two things that leave a trace, the host may be killed.
    pub(super) fn effect(&mut self) -> Alive {
        self.tally.effects += 1;
        match &mut self.fuse {
            None => Ok(()),
            Some(0) => Err(Killed),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    /// Tells what happens, in a history that is played to be read.
    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            let at = jiff::Timestamp::from_millisecond(clock::unix_ms()).unwrap();
            println!("{at} {}", what());
        }
    }

    pub(super) fn unix_ms(&self) -> i64 {
        clock::unix_ms()
    }

    /// All that was not committed is gone; another host begins where the first one stood.
    pub(super) async fn rise_again(&mut self) {
        self.tally.kills += 1;
        self.tally.kills_before_a_commit += u64::from(self.model.is_handing());
        self.tell(|| "the host is killed".to_owned());
        self.fuse = None;
        self.wire.lose();
        self.host.driver = None;
        // Nothing is under way in it: this only makes room for the next one.
        self.host.database.close().await;
        self.host = Host::start(&self.config, &self.directory).await;
        self.model.restarted(&self.host).await;
    }

    /// The directory has a round: who belongs to the rooms, as far as that is known.
    pub(super) async fn directory(&mut self) -> Alive {
        for room in 0..ROOMS {
            if self.host.rooms.snapshot(&room_id(room)).is_none() {
                continue;
            }
            let members = self.model.members(room);
            let before = self.host.known(room).unwrap_or_default();
            if !before.is_empty() && dressed(&before) == members {
                continue;
            }
            self.note_arrivals();
            self.model.directory_changes(room, &members);
            self.effect()?;
            let now_ms = self.unix_ms();
            self.host.database.save_members(&room_id(room), &members, now_ms).await.unwrap();
            self.model.saved(room, &members);
            self.effect()?;
            self.host.rooms.resolved(&room_id(room), members);
            self.model.resolved(room);
        }
        Ok(())
    }

    /// A person says what he wants from now on, by mail.
    pub(super) async fn say(&mut self, person: usize, choice: Choice) -> Alive {
        self.words_said += 1;
        self.note_arrivals();
        self.model.chooses(person);
        let key = (address(person), None);
        let said = Said {
            choices: vec![(key.clone(), choice.clone())],
            answer: None,
            source: Source::Letter(self.words_said.to_string()),
        };
        self.effect()?;
        let now_ms = self.unix_ms();
        assert!(self.host.database.commit_said(said, now_ms).await.unwrap());
        self.effect()?;
        let off = choice.wish == Some(Wish::Off);
        self.host.preferences.said(key, choice);
        self.model.chose(person, off);
        Ok(())
    }
}

/// Without what is not the directory's to say.
fn dressed(members: &[Member]) -> Vec<Member> {
    let plain = |one: &Member| Member { presence: Presence::Unknown, ..one.clone() };
    members.iter().map(plain).collect()
}

/// Those whose mailbox is known, and those whose is not.
pub(super) fn list(people: &BTreeSet<usize>, homeless: &BTreeSet<usize>) -> Vec<Member> {
    people.iter().map(|one| member(*one, !homeless.contains(one))).collect()
}
