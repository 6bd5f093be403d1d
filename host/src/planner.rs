//! Takes each message without a plan to the guest, checks the answer, and commits the plan together
//! with the outbox. A guest that fails costs no message: the host's own plan takes its place.

use std::{collections::HashSet, sync::Arc, time::Duration};

use bridge::{
    delivery::{Settled, day, settle},
    member::{Member, Wish},
    message::{Address, Kind, Message},
    plan::{Action, Group, Offer, Plan},
    room::Room,
};
use tokio::sync::{Notify, watch};
use tracing::{debug, error, warn};

use crate::{
    answers::Answers,
    chat::stop_asked,
    clock,
    common::Common,
    config::Config,
    database::{Database, Queueing},
    guest::CallError,
    in_service::InService,
    leases::Leases,
    preferences::Preferences,
    rooms::Rooms,
    translate::{self, Names},
};

/// Messages taken from the database at once.
const BATCH_MAX: u32 = 64;
/// How long to wait when nothing rings: messages may wait for a member list.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Why everybody is told that messages were missed, and why somebody is not.
const REASON_GAP: &str = "messages of this room were missed";
const REASON_OFF: &str = "asked for no mail";
/// Wait after the database failed.
const RETRY: Duration = Duration::from_secs(5);

/// The planner stage.
pub struct Planner {
    config: Arc<Config>,
    database: Database,
    rooms: Arc<Rooms>,
    leases: Arc<Leases>,
    guest: InService,
    preferences: Arc<Preferences>,
    answers: Arc<Answers>,
    service: Address,
    /// Makes the ids of a call unpredictable, and the same when a call is repeated.
    salt: u64,
    /// Rung when there may be messages to plan.
    ring: Arc<Notify>,
    /// Rung when there is something in the outbox.
    planned: Arc<Notify>,
}

impl Planner {
    /// Prepares the stage.
    #[must_use]
    pub fn new(
        common: Common,
        guest: InService,
        answers: Arc<Answers>,
        ring: Arc<Notify>,
        planned: Arc<Notify>,
    ) -> Self {
        let Common { config, database, rooms, leases, preferences, .. } = common;
        let service = Address::new(config.chat.address.as_str());
        let salt = u64::from_le_bytes(clock::random());
        Self {
            config,
            database,
            rooms,
            leases,
            guest,
            preferences,
            answers,
            service,
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
        rooms.retain(|room| !self.leases.is_others(room));
        for message in self.database.next_unplanned(&rooms, BATCH_MAX).await? {
            if let Some(command) = self.word_to_us(&message) {
                match self.answers.answer_message(&message, command).await {
                    Ok(()) => planned += 1,
                    Err(error) => warn!("planner: {error}; what was said is answered later"),
                }
                continue;
            }
            let bytes = message.plain_text().len();
            let capped = self.capped().await?;
            let Some(settled) = self.plan(message, &capped).await else { continue };
            let waits = settled.mails.is_empty();
            self.database.commit_plan(settled, bytes, self.queueing()).await?;
            planned += 1;
            if !waits || self.preferences.gathering().window_ms > 0 {
                self.planned.notify_one();
            }
        }
        Ok(planned)
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

    /// The plan for a message; `None` while its room's members are not known.
    async fn plan(&self, message: Message, capped: &HashSet<(String, i64)>) -> Option<Settled> {
        let now_ms = clock::unix_ms();
        let id = message.id();
        if message.author.address == self.service {
            debug!(%id, "planner: our own message is mailed to nobody");
            let nobody = Offer::new(&message, Vec::new(), &self.service, 0);
            let plan = Plan::fallback(&nobody, "the service's own message");
            return Some(Settled { fallback: plan.fallback, ..Settled::nobody(&id, now_ms) });
        }
        let (room, members) = self.rooms.snapshot(&message.room)?;
        let here = self.preferences.in_room(&room);
        let members = here.dress(members?);
        let mut plan = match message.kind {
            Kind::Gap { .. } => gap_plan(&message, members, &self.service),
            _ => self.ask(message, room.clone(), members).await?,
        };
        here.overrule(&mut plan);
        let timing = |member: &Member| {
            let person = &member.person.address;
            let mut timing = here.timing(person, false);
            let today = day(&timing.zone, now_ms);
            timing.capped = capped.contains(&(person.as_str().to_owned(), today));
            timing
        };
        Some(settle(&id, plan, self.preferences.gathering(), timing, now_ms))
    }

    /// Asks the guest; `None` if it is busy for now.
    async fn ask(&self, message: Message, room: Room, members: Vec<Member>) -> Option<Plan> {
        let salt = self.salt ^ first_bytes(message.id().as_str());
        let offer = Arc::new(Offer::new(&message, members, &self.service, salt));
        let (guest, offered) = (self.guest.clone(), Arc::clone(&offer));
        let zone = self.config.defaults.time_zone.zone().clone();
        let call = tokio::task::spawn_blocking(move || {
            let input = translate::plan_input(&message, &room, &offered, &zone);
            let people = Arc::new(Names::new(offered, guest.attributes()));
            let answer = guest.guest().plan(&input, &guest.surroundings(people))?;
            Ok::<_, CallError>(translate::groups(guest.heard(answer)))
        });
        let checked = match call.await {
            Ok(Ok(groups)) => Plan::check(&offer, groups).map_err(|error| error.to_string()),
            Ok(Err(CallError::Busy { .. })) => return None,
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        Some(checked.unwrap_or_else(|why| {
            warn!("planner: {why}; the message is mailed to all members");
            Plan::fallback(&offer, &why)
        }))
    }
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
