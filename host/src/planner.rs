//! Takes each message without a plan to the guest, checks the answer, and commits the plan together
//! with the outbox. A guest that fails costs no message: the host's own plan takes its place.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bridge::{
    delivery::{Settled, day, settle},
    member::{Member, Wish},
    message::{Address, Kind, Message, MessageId, RoomId},
    plan::{Action, Group, Offer, Plan},
    room::Room,
};
use futures_util::{StreamExt as _, stream};
use tokio::sync::{Notify, watch};
use tracing::{debug, error, warn};

use crate::{
    answers::Answers,
    chat::stop_asked,
    clock,
    common::Common,
    config::Config,
    database::{Database, Queueing},
    guest::{CallError, PlanInput},
    guests::{AskError, Asked, Guests, Serving, Shadows},
    in_service::InService,
    latest::Latest,
    leases::Leases,
    preferences::Preferences,
    rooms::Rooms,
    state::State,
    translate::{self, Names},
};

/// Messages taken from the database at once.
const BATCH_MAX: u32 = 64;
/// Rooms whose guests are asked at once.
const ROOMS_AT_ONCE: usize = 8;
/// How long to wait when nothing rings: messages may wait for a member list.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Why everybody is told that messages were missed, and why somebody is not.
const REASON_GAP: &str = "messages of this room were missed";
const REASON_OFF: &str = "asked for no mail";
/// Wait after the database failed.
const RETRY: Duration = Duration::from_secs(5);
/// How long a room waits whose guest failed and has nothing in its place; twice as long each time.
const HOLD_FIRST: Duration = Duration::from_secs(30);
const HOLD_MAX: Duration = Duration::from_secs(3600);

/// The planner stage.
pub struct Planner {
    current: Arc<Latest<Config>>,
    database: Database,
    rooms: Arc<Rooms>,
    leases: Arc<Leases>,
    guests: Arc<Guests>,
    shadows: Arc<Shadows>,
    /// Rooms that wait for their guest to be put right.
    held: Mutex<BTreeMap<RoomId, Hold>>,
    preferences: Arc<Preferences>,
    answers: Arc<Answers>,
    service: Address,
    state: State,
    /// Makes the ids of a call unpredictable, and the same when a call is repeated.
    salt: u64,
    /// Rung when there may be messages to plan.
    ring: Arc<Notify>,
    /// Rung when there is something in the outbox.
    planned: Arc<Notify>,
}

/// A plan, and what it takes to settle it.
struct Drawn {
    id: MessageId,
    /// How much text the message has.
    bytes: usize,
    /// When it was received, in milliseconds since 1970.
    received_ms: i64,
    /// `None` for what is mailed to nobody.
    room: Option<Room>,
    plan: Plan,
    /// Whether the guest did not give it.
    failed: bool,
}

/// A room waits: its guest failed, and nothing is to take its place.
struct Hold {
    /// The guest's component.
    digest: String,
    until: Instant,
    pause: Duration,
}

impl Planner {
    /// Prepares the stage.
    #[must_use]
    pub fn new(
        common: Common,
        guests: Arc<Guests>,
        shadows: Arc<Shadows>,
        answers: Arc<Answers>,
        ring: Arc<Notify>,
        planned: Arc<Notify>,
    ) -> Self {
        let Common { config, current, database, rooms, leases, preferences, state, .. } = common;
        let service = Address::new(config.chat.address.as_str());
        let salt = u64::from_le_bytes(clock::random());
        Self {
            current,
            database,
            rooms,
            leases,
            guests,
            shadows,
            held: Mutex::default(),
            preferences,
            answers,
            service,
            state,
            salt,
            ring,
            planned,
        }
    }

    /// Plans messages until `stop` turns true.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        loop {
            let wait = match self.round().await {
                // There may be more than one batch.
                Ok(planned) if planned > 0 => continue,
                Ok(_) => LOOK_AGAIN,
                Err(error) => {
                    error!("planner: {error}; trying again in {} s", RETRY.as_secs());
                    RETRY
                }
            };
            tokio::select! {
                () = self.ring.notified() => {}
                () = tokio::time::sleep(wait) => {}
                () = stop_asked(stop.clone()) => return,
            }
        }
    }

    /// Plans a batch; answers how many messages got a plan.
    async fn round(&self) -> Result<usize, crate::database::Error> {
        let mut planned = 0;
        self.preferences.refresh(&self.database).await?;
        let mut rooms = self.rooms.ready();
        rooms.retain(|room| !self.leases.is_others(room) && !self.is_held(room));
        let mut messages: VecDeque<_> =
            self.database.next_unplanned(&rooms, BATCH_MAX).await?.into();
        while !messages.is_empty() {
            // What somebody asks for holds for what is said after it.
            let before = messages.iter().position(|message| self.word_to_us(message).is_some());
            let before = before.unwrap_or(messages.len());
            planned += self.plan_all(messages.drain(..before).collect()).await?;
            if let Some(message) = messages.pop_front()
                && let Some(command) = self.word_to_us(&message)
            {
                match self.answers.answer_message(&message, command).await {
                    Ok(()) => planned += 1,
                    Err(error) => warn!("planner: {error}; what was said is answered later"),
                }
            }
        }
        Ok(planned)
    }

    /// Plans messages: their guests are asked about many rooms at once, for a guest that takes its
    /// time must not hold up other rooms; then one plan after the other is settled and committed, in
    /// the messages' order, as each counts for its readers' days.
    async fn plan_all(&self, messages: Vec<Message>) -> Result<usize, crate::database::Error> {
        let mut rooms: BTreeMap<RoomId, Vec<(usize, Message)>> = BTreeMap::new();
        for (place, message) in messages.into_iter().enumerate() {
            rooms.entry(message.room.clone()).or_default().push((place, message));
        }
        let asked = stream::iter(rooms.into_values()).map(|messages| self.ask_of_room(messages));
        let asked: Vec<Vec<(usize, Drawn)>> = asked.buffer_unordered(ROOMS_AT_ONCE).collect().await;
        let mut asked: Vec<_> = asked.into_iter().flatten().collect();
        asked.sort_by_key(|(place, _)| *place);
        let mut planned = 0;
        for (_, drawn) in asked {
            let (id, bytes, received_ms) = (drawn.id.clone(), drawn.bytes, drawn.received_ms);
            let settled = self.settle(drawn, &self.capped().await?);
            let (waits, fallback) = (settled.mails.is_empty(), settled.fallback.clone());
            if self.database.commit_plan(settled, bytes, self.queueing()).await? {
                let now_ms = clock::unix_ms();
                self.state.meters().planned(fallback.is_some(), received_ms, now_ms);
                self.state.follow().planned(&id, fallback.as_deref(), received_ms, now_ms);
            }
            planned += 1;
            if !waits || self.preferences.gathering().window_ms > 0 {
                self.planned.notify_one();
            }
        }
        Ok(planned)
    }

    /// Plans for messages of one room, up to the first whose guest fails: that takes its time, and
    /// the others wait no longer than for one.
    async fn ask_of_room(&self, messages: Vec<(usize, Message)>) -> Vec<(usize, Drawn)> {
        let mut all = Vec::with_capacity(messages.len());
        for (place, message) in messages {
            let Some(drawn) = self.draw(message).await else { break };
            let failed = drawn.failed;
            all.push((place, drawn));
            if failed {
                break;
            }
        }
        all
    }

    /// What somebody says to the service and not to the room.
    fn word_to_us(
        &self,
        message: &Message,
    ) -> Option<Result<bridge::command::Command, bridge::command::CommandError>> {
        let own = message.author.address == self.service;
        (!own).then(|| self.answers.in_room(message)).flatten()
    }

    fn queueing(&self) -> Queueing {
        let (messages_max, bytes_max) = self.preferences.full();
        let ceiling_ms = self.preferences.gathering().ceiling_ms;
        Queueing { ceiling_ms, messages_max, bytes_max }
    }

    /// Who has had as many mails as he may, and on which day.
    async fn capped(&self) -> Result<HashSet<(String, i64)>, crate::database::Error> {
        let mails_a_day = self.preferences.mails_a_day();
        if mails_a_day == 0 {
            return Ok(HashSet::new());
        }
        // Some zone's today is yesterday's date here.
        let since = day(&jiff::tz::TimeZone::UTC, clock::unix_ms() - 24 * 3_600_000);
        Ok(self.database.capped(mails_a_day, since).await?.into_iter().collect())
    }

    /// The plan for a message; `None` while its room's members are not known, or its guest has no
    /// answer yet.
    async fn draw(&self, message: Message) -> Option<Drawn> {
        let (id, bytes) = (message.id(), message.plain_text().len());
        let received_ms = message.received_ms;
        if message.author.address == self.service {
            debug!(%id, "planner: our own message is mailed to nobody");
            let nobody = Offer::new(&message, Vec::new(), &self.service, 0);
            let plan = Plan::fallback(&nobody, "the service's own message");
            return Some(Drawn { id, bytes, received_ms, room: None, plan, failed: false });
        }
        let (room, members) = self.rooms.snapshot(&message.room)?;
        let members = self.preferences.in_room(&room).dress(members?);
        let (plan, failed) = match message.kind {
            Kind::Gap { .. } => (gap_plan(&message, members, &self.service), false),
            _ => {
                let plan = self.ask(message, room.clone(), members).await?;
                let is_asked = self.guests.of(&room).out_of_service().is_none();
                let failed = plan.fallback.is_some() && is_asked;
                (plan, failed)
            }
        };
        Some(Drawn { id, bytes, received_ms, room: Some(room), plan, failed })
    }

    /// What follows from a plan.
    fn settle(&self, drawn: Drawn, capped: &HashSet<(String, i64)>) -> Settled {
        let Drawn { id, room, mut plan, .. } = drawn;
        let now_ms = clock::unix_ms();
        let Some(room) = room else {
            return Settled { fallback: plan.fallback, ..Settled::nobody(&id, now_ms) };
        };
        let here = self.preferences.in_room(&room);
        here.overrule(&mut plan);
        let timing = |member: &Member| {
            let person = &member.person.address;
            let mut timing = here.timing(person, false);
            let today = day(&timing.zone, now_ms);
            timing.capped = capped.contains(&(person.as_str().to_owned(), today));
            timing
        };
        settle(&id, plan, &self.preferences.gathering(), timing, now_ms)
    }

    /// Asks the room's guest; `None` if it is busy for now, or the room is to wait for it.
    async fn ask(&self, message: Message, room: Room, members: Vec<Member>) -> Option<Plan> {
        let salt = self.salt ^ first_bytes(message.id().as_str());
        let offer = Arc::new(Offer::new(&message, members, &self.service, salt));
        let (guests, serving) = (Arc::clone(&self.guests), self.guests.of(&room));
        let (asked, offered, id) = (Arc::clone(&serving), Arc::clone(&offer), room.id.clone());
        let zone = self.current.now().defaults.time_zone.zone().clone();
        let shadows = Arc::clone(&self.shadows);
        let call = tokio::task::spawn_blocking(move || {
            let input = translate::plan_input(&message, &room, &offered, &zone);
            let planned = guests.ask(&asked, |guest| plan_by(guest, &input, &offered));
            if let Asked::Answer(plan) | Asked::Instead(plan, _) = &planned {
                let of = (message.id(), &room);
                shadows.planned(&asked, of, || input.clone(), (&offered, plan), plan_by);
            }
            planned
        });
        let why = match call.await {
            Ok(Asked::Answer(plan)) => {
                self.held().remove(&id);
                return Some(plan);
            }
            Ok(Asked::Instead(plan, why)) => {
                warn!("planner: {why}; the built-in guest plans");
                let fallback = Some(format!("{why}; the built-in guest planned"));
                return Some(Plan { fallback, ..plan });
            }
            Ok(Asked::Busy) => return None,
            Ok(Asked::Held(why)) => {
                self.hold(id, &serving, &why);
                return None;
            }
            Ok(Asked::Failed(why)) => why,
            Err(error) => error.to_string(),
        };
        warn!("planner: {why}; the message is mailed to all members");
        Some(Plan::fallback(&offer, &why))
    }

    fn hold(&self, room: RoomId, serving: &Serving, why: &str) {
        let mut held = self.held();
        let before = held.get(&room).map(|hold| hold.pause * 2);
        let pause = before.unwrap_or(HOLD_FIRST).min(HOLD_MAX);
        let (digest, until) = (serving.digest().to_owned(), clock::now().instant + pause);
        error!(
            room = room.as_str(),
            "planner: {why}; the room's messages wait until its guest answers or another is loaded, and it is asked again in {} s",
            pause.as_secs()
        );
        held.insert(room, Hold { digest, until, pause });
    }

    /// Whether a room waits for its guest. Another guest in its place is asked at once.
    fn is_held(&self, room: &RoomId) -> bool {
        let held = self.held();
        let Some(hold) = held.get(room) else { return false };
        let Some((room, _)) = self.rooms.snapshot(room) else { return false };
        clock::now().instant < hold.until && self.guests.of(&room).digest() == hold.digest
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<RoomId, Hold>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a guest plan, and checks the plan.
pub(crate) fn plan_by(
    guest: &InService,
    input: &PlanInput,
    offer: &Arc<Offer>,
) -> Result<Plan, AskError> {
    let people = Arc::new(Names::new(Arc::clone(offer), guest.attributes()));
    let answer =
        guest.guest().plan(input, &guest.surroundings(people)).map_err(|error| match error {
            CallError::Busy { .. } => AskError::Busy,
            error => AskError::Failed(error.to_string()),
        })?;
    let groups = translate::groups(guest.heard(answer));
    Plan::check(offer, groups).map_err(|error| AskError::Failed(error.to_string()))
}

/// That messages were missed is no guest's to keep back: everybody is told with the next digest.
pub(crate) fn gap_plan(message: &Message, members: Vec<Member>, service: &Address) -> Plan {
    let offer = Offer::new(message, members, service, 0);
    let of = |off: bool| {
        let all = offer.offered().filter(|one| (one.member.wish == Wish::Off) == off);
        all.map(|one| one.id).collect()
    };
    let groups = vec![
        Group { action: Action::Keep, reason: REASON_GAP.to_owned(), members: of(false) },
        Group { action: Action::Skip, reason: REASON_OFF.to_owned(), members: of(true) },
    ];
    Plan::check(&offer, groups).unwrap_or_else(|error| Plan::fallback(&offer, &error.to_string()))
}

fn first_bytes(id: &str) -> u64 {
    id.bytes().take(16).fold(0, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
}
