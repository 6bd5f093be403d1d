//! What the page and the metrics are made of: snapshots of what is in memory, and what the database
//! says, asked at most so often that it costs little of its time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use lync::client::Timer;
use tokio::sync::Mutex;

use crate::{
    clock,
    common::Common,
    database::{
        AuditRow, Database, DigestDue, Error, GapStatus, GuestState, HostRow, LastMail, Load,
        Oldest, RoomStatus, Unsent,
    },
    exchange::Account,
    guests::Guests,
    state::{ChatState, Snapshot},
};

/// What the database said is believed for so long at least, and for so many times as long as it
/// took to say it.
const FRESH_MIN: Duration = Duration::from_secs(1);
const FRESH_TIMES: u32 = 20;
/// How far back a room's last message is looked for.
const LAST_POST_MS: i64 = 7 * 24 * 3_600_000;
/// How long the database may take.
const ASK_TIME: Duration = Duration::from_secs(10);
/// Minutes of which deliveries are counted.
pub(super) const MINUTES: i64 = 60;
/// Lines of each table.
pub(super) const LISTED_MAX: u32 = 50;

/// The host at one moment.
pub(super) struct Report {
    pub(super) now_ms: i64,
    pub(super) here: Snapshot,
    /// Since when the chat side is as it is.
    pub(super) chat_since_ms: i64,
    /// What the session with the pool does next by itself, and how soon.
    pub(super) chat_timer: Option<(Duration, Timer)>,
    /// When the pool is tried again.
    pub(super) chat_waits_ms: Option<i64>,
    /// Until when nothing is asked of Exchange.
    pub(super) mail_waits_ms: Option<i64>,
    /// How long the account does not sign in to Exchange for.
    pub(super) rest: Option<Duration>,
    pub(super) exchange: String,
    /// The rooms that this host is in.
    pub(super) joined: BTreeSet<String>,
    /// The rooms whose members are known here, and how many rooms are known.
    pub(super) with_members: BTreeSet<String>,
    pub(super) rooms: usize,
    pub(super) guests: Vec<GuestHere>,
    /// What the database says, or why it says nothing.
    pub(super) stored: Result<Arc<Stored>, String>,
}

/// A guest on this host.
pub(super) struct GuestHere {
    pub(super) name: String,
    pub(super) digest: String,
    pub(super) is_candidate: bool,
    pub(super) is_loaded: bool,
    pub(super) calls: u64,
    pub(super) failures: u64,
    pub(super) fuel: u64,
    pub(super) time: Duration,
    /// Why it is not asked any more.
    pub(super) out: Option<String>,
}

/// What the database says.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) load: Load,
    pub(super) oldest: Oldest,
    pub(super) hosts: Vec<HostRow>,
    pub(super) rooms: Vec<RoomStatus>,
    pub(super) gaps: Vec<GapStatus>,
    pub(super) paused: BTreeMap<String, i64>,
    pub(super) last_posts: BTreeMap<String, i64>,
    pub(super) guest_states: Vec<GuestState>,
    pub(super) dead: Vec<Unsent>,
    pub(super) last: Vec<LastMail>,
    pub(super) minutes: Vec<(i64, i64)>,
    pub(super) digests: Vec<DigestDue>,
    pub(super) audit: Vec<AuditRow>,
}

/// Makes reports.
pub(super) struct Gatherer {
    common: Common,
    guests: Arc<Guests>,
    account: Arc<Account>,
    asked: Mutex<Option<Asked>>,
}

/// What the database said when it was asked last.
struct Asked {
    until: Instant,
    stored: Result<Arc<Stored>, String>,
}

impl Gatherer {
    pub(super) fn new(common: Common, guests: Arc<Guests>, account: Arc<Account>) -> Self {
        Self { common, guests, account, asked: Mutex::default() }
    }

    /// How everything is now.
    pub(super) async fn report(&self) -> Report {
        let stored = self.stored().await;
        let (state, now_ms) = (&self.common.state, clock::unix_ms());
        let (chat_waits_ms, mail_waits_ms) = state.meters().waits(now_ms);
        let (here, now) = (state.now(), clock::now().instant);
        // Of a session that is over nothing is awaited.
        let lives = matches!(here.chat, ChatState::SignedIn | ChatState::Live);
        let timer = state.meters().chat_timer().filter(|_| lives);
        let chat_timer = timer.map(|(at, timer)| (at.saturating_duration_since(now), timer));
        let rooms = self.common.rooms.all();
        let ids = |wanted: fn(&crate::rooms::Known) -> bool| {
            let wanted = rooms.iter().filter(|known| wanted(known));
            wanted.map(|known| known.room.id.as_str().to_owned()).collect()
        };
        Report {
            now_ms,
            here,
            chat_timer,
            chat_since_ms: state.meters().chat_since_ms(),
            chat_waits_ms,
            mail_waits_ms,
            rest: self.account.rest(),
            exchange: self.account.server().to_owned(),
            joined: ids(|known| known.joined),
            with_members: ids(|known| known.members().is_some()),
            rooms: rooms.len(),
            guests: self.guests(),
            stored,
        }
    }

    /// What was asked before no longer holds.
    pub(super) async fn forget(&self) {
        if let Some(asked) = self.asked.lock().await.as_mut() {
            asked.until = clock::now().instant;
        }
    }

    fn guests(&self) -> Vec<GuestHere> {
        let table = self.guests.table();
        let sides = [(&table.serving, false), (&table.shadows, true)];
        let all = sides.into_iter().flat_map(|(side, is_candidate)| {
            side.values().map(move |serving| {
                let (calls, failures) = serving.counts();
                let spent = serving.guest().spent();
                GuestHere {
                    name: serving.name().to_owned(),
                    digest: serving.digest().to_owned(),
                    is_candidate,
                    is_loaded: serving.is_loaded(),
                    calls,
                    failures,
                    fuel: spent.fuel(),
                    time: spent.time(),
                    out: serving.out_of_service(),
                }
            })
        });
        all.collect()
    }

    /// One asks, the others wait for its answer.
    async fn stored(&self) -> Result<Arc<Stored>, String> {
        let mut asked = self.asked.lock().await;
        let began = clock::now().instant;
        if let Some(asked) = asked.as_ref()
            && began < asked.until
        {
            return asked.stored.clone();
        }
        let before = asked.take().and_then(|asked| asked.stored.ok());
        let answer = ask(&self.common.database, before.as_deref());
        let stored = match tokio::time::timeout(ASK_TIME, answer).await {
            Ok(Ok(stored)) => Ok(Arc::new(stored)),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("it does not answer within {} s", ASK_TIME.as_secs())),
        };
        let now = clock::now().instant;
        let fresh = (now.duration_since(began) * FRESH_TIMES).max(FRESH_MIN);
        *asked = Some(Asked { until: now + fresh, stored: stored.clone() });
        stored
    }
}

async fn ask(database: &Database, before: Option<&Stored>) -> Result<Stored, Error> {
    let minute_ms = 60_000;
    let since_ms = (clock::unix_ms() / minute_ms - MINUTES + 1) * minute_ms;
    let before = before.map(|before| &before.last_posts);
    Ok(Stored {
        load: database.load_now().await?,
        oldest: database.oldest().await?,
        hosts: database.hosts().await?,
        rooms: database.room_states().await?,
        gaps: database.gaps(LISTED_MAX).await?,
        paused: database.paused().await?.into_iter().collect(),
        last_posts: last_posts(database, before).await?,
        guest_states: database.guest_states().await?,
        dead: database.dead_letters(LISTED_MAX).await?,
        last: database.last_mails(LISTED_MAX).await?,
        minutes: database.sent_by_minute(since_ms).await?,
        digests: database.digests_due(LISTED_MAX).await?,
        audit: database.audit(LISTED_MAX).await?,
    })
}

/// When each room's last message came: only what came since it was asked last is looked at.
async fn last_posts(
    database: &Database,
    before: Option<&BTreeMap<String, i64>>,
) -> Result<BTreeMap<String, i64>, Error> {
    let mut all = before.cloned().unwrap_or_default();
    let since_ms = all.values().max().copied().unwrap_or_else(|| clock::unix_ms() - LAST_POST_MS);
    all.extend(database.last_received(since_ms).await?);
    Ok(all)
}
