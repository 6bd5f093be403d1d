//! The servers, the host between them, and how a test waits for what happens: for events, within
//! times that only bound failure.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
    time::Duration,
};

use bridge::{
    message::{Address, MessageId, PostKey},
    outbox::{BACK_OFF_MAX_MS, Standing, State as MailState},
};
use ews::{
    create_item::{CreateItem, MessageDisposition},
    folder_id::{FolderId, distinguished},
    server::{Delivered, Exchange, Fault},
};
use host::{
    chat::translate::room_id,
    clock, config,
    database::{Counts, Database, HostRow, Place, Server},
    demo,
    embedded::{
        Embedded,
        company::{Company, Room},
    },
    mail::receipt,
    run::Host,
    state::{ChatState, Snapshot},
};
use lync::server::{Faults, NewPost, Pool};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::{
    Log, Settings, Tap,
    books::{self, Books, MARK, token},
    engine,
};

/// The company of most tests.
pub const COMPANY: &str = include_str!("company.toml");
/// Longest time for anything to happen.
pub const WAIT: Duration = Duration::from_secs(90);
/// Longest time for a test.
const TEST_TIME: Duration = Duration::from_secs(300);
/// What every password of the tests' companies holds.
const SECRET: &str = "Quittengelee";
/// Mails that time can pass for at once.
const LATER_MAX: u32 = 100_000;
/// Lines shown of the log of a failed test.
const SHOWN_MAX: usize = 120;

/// The servers of a small company, and where a host keeps what it knows.
pub struct World {
    /// The servers.
    pub embedded: Embedded,
    /// What the host says.
    pub log: Log,
    /// What is owed to whom.
    pub books: Books,
    directory: TempDir,
    /// The address of a database on a server, in place of a file.
    server: OnceLock<String>,
}

/// Runs a scenario in the world of [`COMPANY`].
pub fn play(scenario: impl AsyncFnOnce(&World)) {
    play_in(COMPANY, scenario);
}

/// Runs a scenario in a company's world, on a runtime of its own whose log is kept; then checks
/// that nothing private was logged. The log of a failed test is printed.
pub fn play_in(company: &str, scenario: impl AsyncFnOnce(&World)) {
    let log = Log::default();
    let dispatch = log.dispatch();
    let _kept = tracing::dispatcher::set_default(&dispatch);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&dispatch)))
        .build()
        .unwrap();
    let played = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let world = World::start(company, log.clone()).await;
            let played = tokio::time::timeout(TEST_TIME, scenario(&world)).await;
            assert!(played.is_ok(), "the test takes more than {} s", TEST_TIME.as_secs());
        });
        assert_discreet(&log);
    }));
    runtime.shutdown_background();
    if let Err(panic) = played {
        let lines = log.all();
        for line in lines.iter().skip(lines.len().saturating_sub(SHOWN_MAX)) {
            println!("{:5} {}", line.level, line.text);
        }
        resume_unwind(panic);
    }
}

/// Chat texts, addresses and secrets are never shown at INFO or louder.
fn assert_discreet(log: &Log) {
    for line in log.shown() {
        for private in [MARK, SECRET, "@tiny.example", "gssapi-data=\"T"] {
            assert!(!line.text.contains(private), "shown at {}: {}", line.level, line.text);
        }
    }
}

impl World {
    /// Starts the servers of a company.
    pub async fn start(company: &str, log: Log) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("company.toml");
        std::fs::write(&file, company).unwrap();
        let embedded = Embedded::start(Company::load(&file).unwrap()).await.unwrap();
        let world =
            Self { embedded, log, books: Books::default(), directory, server: OnceLock::new() };
        if engine::is_postgres() {
            world.share().await;
        }
        world
    }

    /// Where the host's database is: in [`World::store`], or on a server.
    #[must_use]
    pub fn place(&self) -> Place {
        match self.server.get() {
            Some(url) => Place::Server(Server::new(url.as_str().into()).unwrap()),
            None => self.store().as_path().into(),
        }
    }

    /// From now on hosts share the database at `url`, which is empty.
    pub fn share_at(&self, url: String) {
        let _ = self.server.set(url);
    }

    /// From now on hosts share a database on a server.
    pub async fn share(&self) {
        self.share_at(engine::new_database().await);
    }

    /// The company.
    #[must_use]
    pub fn company(&self) -> &Company {
        &self.embedded.company
    }

    /// A directory for the test.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Leaves the directory where it is when the world ends; answers where.
    pub fn keep(&mut self) -> PathBuf {
        self.directory.disable_cleanup(true);
        self.directory.path().to_owned()
    }

    /// Where the host's database is.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    /// A wire to the embedded Exchange, and the address at its near end.
    pub async fn exchange_tap(&self) -> (Tap, String) {
        let ews = self.embedded.addresses.ews.clone();
        let port = ews.split(':').nth(2).and_then(|rest| rest.split('/').next()).unwrap();
        let tap = Tap::start(format!("127.0.0.1:{port}").parse().unwrap()).await;
        let url = ews.replace(port, &tap.address.port().to_string());
        (tap, url)
    }

    /// Writes a configuration like anybody's, with changes.
    pub fn write_config(&self, change: impl FnOnce(&mut Settings)) -> PathBuf {
        let mut settings = Settings::new(
            &std::fs::read_to_string(demo::write_config(&self.embedded, "every 1s").unwrap())
                .unwrap(),
        );
        settings.set("store.directory", self.store().to_string_lossy().into_owned());
        if let Some(server) = self.server.get() {
            settings.set("store.database", server.as_str());
            settings.set("store.lease", 3);
        }
        change(&mut settings);
        let file = self.directory.path().join("chat-digest.toml");
        std::fs::write(&file, settings.text()).unwrap();
        file
    }

    /// Starts a host with changes to its configuration; it may be on its way still.
    pub async fn start_host(&self, change: impl FnOnce(&mut Settings)) -> Host {
        let file = self.write_config(change);
        Host::start(config::load(&file).unwrap()).await.unwrap()
    }

    /// Starts a host and waits until it is in all rooms and knows their members.
    pub async fn host(&self) -> Host {
        self.host_with(|_| {}).await
    }

    /// The same with changes to its configuration.
    pub async fn host_with(&self, change: impl FnOnce(&mut Settings)) -> Host {
        let host = self.start_host(change).await;
        self.live(&host).await;
        host
    }

    /// An end without a goodbye: all tasks of the host stop where they are. Afterwards another may
    /// take its place.
    pub async fn crash(&self, host: Host) {
        drop(host);
        if self.server.get().is_some() {
            // Its lease runs out.
            return;
        }
        let lock = std::fs::File::open(self.store().join("chat-digest.lock")).unwrap();
        let freed = tokio::task::spawn_blocking(move || lock.lock());
        tokio::time::timeout(WAIT, freed).await.expect("a dead host's lock").unwrap().unwrap();
    }

    /// Waits until a host is in all rooms and knows their members.
    pub async fn live(&self, host: &Host) {
        let rooms = self.company().rooms.len();
        let live = |now: &Snapshot| {
            now.chat == ChatState::Live
                && now.rooms_live >= rooms
                && now.rooms_with_members >= rooms
        };
        self.state(host, "in all rooms", live).await;
    }

    /// Waits until the chat side is offline; answers what it says.
    pub async fn offline(&self, host: &Host) -> String {
        let offline = |now: &Snapshot| matches!(now.chat, ChatState::Offline(_));
        match self.state(host, "offline", offline).await.chat {
            ChatState::Offline(why) => why,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until something stands in the way of mail; answers what.
    pub async fn mail_trouble(&self, host: &Host) -> String {
        let trouble = |now: &Snapshot| now.mail.first().is_some();
        let now = self.state(host, "trouble with mail", trouble).await;
        now.mail.first().unwrap_or_default().to_owned()
    }

    /// Waits for a state of the host.
    pub async fn state(
        &self,
        host: &Host,
        what: &str,
        is_so: impl Fn(&Snapshot) -> bool,
    ) -> Snapshot {
        let mut state = host.state.watch();
        match tokio::time::timeout(WAIT, state.wait_for(is_so)).await {
            Ok(Ok(now)) => now.clone(),
            _ => panic!("the host is not {what}: {:?}", host.state.now()),
        }
    }

    /// The room of this name.
    #[must_use]
    pub fn room(&self, name: &str) -> &Room {
        self.company().rooms.iter().find(|room| room.name == name).unwrap()
    }

    /// Posts as `author` (a login) in a room, and books who is owed it. Answers the post's number
    /// in the books.
    pub async fn post(&self, room: &str, author: &str) -> usize {
        self.say(room, author, NewPost::text("")).await.0
    }

    /// Posts `post` with the words in front that it is found by. Answers its number in the books
    /// and the message's id.
    pub async fn say(&self, room: &str, author: &str, post: NewPost) -> (usize, MessageId) {
        let number = self.books.number();
        let room = self.room(room);
        self.books.owe(number, self.company(), room, author);
        let text = format!("{} {}", token(number), post.text);
        let uri = self.company().room_uri(room);
        let author = self.company().sip(author);
        let post = NewPost { text, ..post };
        let id = self.embedded.pool.post(&uri, &author, post).await.unwrap();
        (number, MessageId::derive(&room_id(&uri), &PostKey::new(id.to_string())))
    }

    /// Bends the pool.
    pub async fn pool_faults(&self, bend: impl FnOnce(&mut Faults) + Send + 'static) {
        self.pool(|pool| bend(&mut pool.faults)).await;
    }

    /// Works on the pool.
    pub async fn pool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Pool) -> T + Send + 'static,
    ) -> T {
        self.embedded.pool.change(work).await.unwrap()
    }

    /// Lets the next `count` requests of an operation fail.
    pub fn exchange_fault(&self, operation: &str, count: u32, fault: Fault) {
        self.embedded.exchange.with(|exchange| exchange.faults.add(Some(operation), count, fault));
    }

    /// Looks into Exchange.
    pub fn exchange<T>(&self, look: impl FnOnce(&mut Exchange) -> T) -> T {
        self.embedded.exchange.with(look)
    }

    /// Mails in somebody's inbox.
    #[must_use]
    pub fn inbox(&self, login: &str) -> Vec<Arc<Delivered>> {
        let mailbox = self.company().mailbox(login);
        self.exchange(|exchange| {
            let mail = |item: &ews::server::StoredItem| {
                Arc::new(Delivered { mailbox: mailbox.clone(), item: item.clone() })
            };
            exchange.inbox(&mailbox).map(mail).collect()
        })
    }

    /// What lies in all inboxes.
    #[must_use]
    pub fn found(&self) -> books::Counts {
        self.exchange(|exchange| books::found(exchange, self.company()))
    }

    /// Waits until `is_so`; looks again when Exchange has done something and when a host has said
    /// something.
    pub async fn until(&self, what: &str, is_so: impl AsyncFnMut() -> bool) {
        assert!(self.comes(None, is_so).await, "within {} s not so: {what}", WAIT.as_secs());
    }

    /// Waits until `is_so` of what a host has written down; looks again at every commit as well.
    pub async fn until_in(&self, host: &Host, what: &str, is_so: impl AsyncFnMut() -> bool) {
        assert!(self.comes(Some(host), is_so).await, "within {} s not so: {what}", WAIT.as_secs());
    }

    /// Whether `is_so` comes true in time.
    async fn comes(&self, host: Option<&Host>, mut is_so: impl AsyncFnMut() -> bool) -> bool {
        let mut exchange = self.embedded.exchange.changes();
        let mut log = self.log.lines();
        let (_silent, nothing) = watch::channel(());
        let mut commits = host.map_or(nothing, |host| host.database.commits());
        let waiting = async {
            while !is_so().await {
                let change = tokio::select! {
                    change = exchange.changed() => change,
                    change = log.changed() => change,
                    change = commits.changed() => change,
                };
                change.unwrap();
            }
        };
        tokio::time::timeout(WAIT, waiting).await.is_ok()
    }

    /// Waits until the database counts as wanted.
    pub async fn counts(&self, host: &Host, what: &str, is_so: impl Fn(&Counts) -> bool) -> Counts {
        let mut counts = Counts::default();
        self.until_in(host, what, async || {
            counts = host.database.counts().await.unwrap();
            is_so(&counts)
        })
        .await;
        counts
    }

    /// Waits until all that is owed has arrived and the host has nothing left to do; then compares
    /// the books: every post once with everybody who is owed it, and with nobody else.
    pub async fn settled(&self, host: &Host) {
        let mut counts = Counts::default();
        let settled = self.comes(Some(host), async || {
            counts = host.database.counts().await.unwrap();
            is_idle(&counts) && self.has_arrived()
        });
        let settled = settled.await;
        self.assert_balanced();
        assert!(settled, "within {} s not all is done: {counts:?}", WAIT.as_secs());
    }

    /// Waits until all that is owed has arrived, whatever process the host is.
    pub async fn arrived(&self) {
        self.until("all that is owed has arrived", async || self.has_arrived()).await;
    }

    /// Compares the books after the host's end, which has left nothing to do.
    pub async fn assert_settled(&self) {
        let database = Database::look(self.place()).await.unwrap();
        let counts = database.counts().await.unwrap();
        assert!(is_idle(&counts), "something is left to do: {counts:?}");
        self.assert_balanced();
    }

    fn has_arrived(&self) -> bool {
        let found = self.found();
        self.books.owed().keys().all(|one| found.contains_key(one))
    }

    /// Compares the books: every post once with everybody who is owed it, and with nobody else.
    pub fn assert_balanced(&self) {
        let (found, owed) = (self.found(), self.books.owed());
        assert_eq!(found, owed, "(post, mailbox): found on the left, owed on the right");
    }

    /// Checks by their receipts that the mails in all inboxes are complete, each message once.
    pub fn assert_proven(&self) {
        assert_eq!(self.unproven(), Vec::<String>::new());
    }

    /// What the receipts in all inboxes do not prove, in words.
    #[must_use]
    pub fn unproven(&self) -> Vec<String> {
        let mut unproven = Vec::new();
        for user in &self.company().users {
            let mut receipts = Vec::new();
            for mail in self.inbox(&user.login) {
                let header =
                    |name| mail.item.header(name).map(|value| (name.to_owned(), value.to_owned()));
                let headers: Vec<_> = [receipt::RECEIPT_HEADER, receipt::COVERS_HEADER]
                    .into_iter()
                    .filter_map(header)
                    .collect();
                match receipt::read(&headers) {
                    Some(Ok(receipt)) => receipts.push(receipt),
                    Some(Err(error)) => unproven.push(format!("{}: {error}", user.login)),
                    None => {}
                }
            }
            let faults = bridge::receipt::check(&receipts, 1);
            unproven.extend(faults.iter().map(|fault| format!("{}: {fault}", user.login)));
        }
        unproven
    }

    /// Sends a mail of somebody's to the service.
    pub fn write_to_us(&self, login: &str, subject: &str) {
        let service = self.company().mailbox(&self.company().users.first().unwrap().login);
        let item = ews::item::Message {
            subject: Some(subject.to_owned()),
            body: Some(ews::item::Body::text("Thank you!")),
            to_recipients: vec![ews::mailbox::Mailbox::smtp(service)],
            ..Default::default()
        };
        let request = CreateItem {
            disposition: MessageDisposition::SendAndSaveCopy,
            folder: Some(FolderId::distinguished(distinguished::SENT_ITEMS)),
            items: vec![item],
        };
        let bytes = ews::client::encode(&request, &ews::client::Options::default());
        self.exchange(|exchange| {
            let identity = exchange.identity(login).unwrap();
            exchange.handle(&identity, &bytes.body, clock::now().unix);
        });
    }

    /// The state of the mail in which a message goes to somebody, and what is wrong with it.
    pub async fn mail(&self, host: &Host, message: &MessageId, login: &str) -> (String, String) {
        let person = Address::new(self.company().sip(login));
        let why = host.database.why(message, &person).await.unwrap().unwrap();
        (why.mail.unwrap_or(why.state), why.error.unwrap_or_default())
    }

    /// Lets time pass while no host runs, for the mails that wait: what would be due by then is due
    /// now, and what was asked was asked that much longer ago.
    pub async fn let_time_pass(&self, time: Duration) {
        let time_ms = i64::try_from(time.as_millis()).unwrap();
        self.bring_forward(time_ms, time_ms).await;
    }

    /// Has all mails that wait be due now, whatever they wait for, while no host runs. What was asked
    /// was asked when it was.
    pub async fn wake(&self) {
        self.bring_forward(2 * BACK_OFF_MAX_MS, 0).await;
    }

    /// Has what is due within `due_ms` be due now, and what was asked be asked `asked_ms` earlier.
    async fn bring_forward(&self, due_ms: i64, asked_ms: i64) {
        let database = Database::open(self.place()).await.unwrap();
        self.alone(&database).await;
        let now_ms = clock::unix_ms();
        database.resume_unfinished().await.unwrap();
        let claimed = database.claim_due(now_ms + due_ms, LATER_MAX).await.unwrap();
        let standings = claimed
            .into_iter()
            .map(|mail| (mail.key, earlier(mail.standing, now_ms, asked_ms)))
            .collect();
        database.record(standings).await.unwrap();
        database.close().await;
    }

    /// Waits until the leases of all other hosts, which are dead, have run out.
    async fn alone(&self, database: &Database) {
        let lease = Duration::from_secs(30);
        let alone = async {
            // Nothing tells of the end of a lease but the time.
            let left = |hosts: Vec<HostRow>| {
                let others =
                    hosts.into_iter().filter(|host| host.slot != i64::from(database.slot()));
                others.map(|host| host.left_ms.max(0) + 1).max()
            };
            while let Some(left_ms) = left(database.hosts().await.unwrap()) {
                tokio::time::sleep(Duration::from_millis(left_ms.unsigned_abs())).await;
                database.hold(BTreeSet::new(), false, &[], lease).await.unwrap();
            }
        };
        assert!(tokio::time::timeout(WAIT, alone).await.is_ok(), "other hosts still live");
    }
}

/// Whether nothing is left to do.
fn is_idle(counts: &Counts) -> bool {
    counts.unplanned == 0 && counts.kept == 0 && counts.waiting == 0
}

/// Takes a claim back, and puts the request before it back by `time_ms`.
fn earlier(claimed: Standing, now_ms: i64, time_ms: i64) -> Standing {
    let asked_ms = claimed.asked_ms.map(|asked_ms| asked_ms - time_ms);
    let state = match (claimed.state, claimed.looks) {
        (MailState::Drafting, None) => MailState::Planned,
        (MailState::Sending(draft), None) => MailState::Drafted(draft),
        (state, _) => state,
    };
    Standing { state, asked_ms, due_ms: Some(now_ms), ..claimed }
}
