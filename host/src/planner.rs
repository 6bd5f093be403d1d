//! Takes each message without a plan to the guest, checks the answer, and commits the plan together
//! with the outbox. A guest that fails costs no message: the host's own plan takes its place.

use std::{sync::Arc, time::Duration};

use bridge::{
    delivery::{Settled, settle},
    member::Member,
    message::{Address, Message},
    plan::{Offer, Plan},
    room::Room,
    schedule::Schedule,
};
use tokio::sync::{Notify, watch};
use tracing::{debug, error, warn};

use crate::{
    chat::stop_asked,
    clock,
    config::Config,
    database::Database,
    guest::CallError,
    in_service::InService,
    rooms::Rooms,
    translate::{self, Names},
};

/// Messages taken from the database at once.
const BATCH_MAX: u32 = 64;
/// How long to wait when nothing rings: messages may wait for a member list.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Wait after the database failed.
const RETRY: Duration = Duration::from_secs(5);

/// The planner stage.
pub struct Planner {
    config: Arc<Config>,
    database: Database,
    rooms: Arc<Rooms>,
    guest: InService,
    schedule: Schedule,
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
        config: Arc<Config>,
        database: Database,
        rooms: Arc<Rooms>,
        guest: InService,
        schedule: Schedule,
        ring: Arc<Notify>,
        planned: Arc<Notify>,
    ) -> Self {
        let service = Address::new(config.chat.address.as_str());
        let salt = u64::from_le_bytes(clock::random());
        Self { config, database, rooms, guest, schedule, service, salt, ring, planned }
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
        for message in self.database.next_unplanned(&self.rooms.ready(), BATCH_MAX).await? {
            let Some(settled) = self.plan(message).await else { continue };
            let mails = !settled.mails.is_empty();
            self.database.commit_plan(settled).await?;
            planned += 1;
            if mails {
                self.planned.notify_one();
            }
        }
        Ok(planned)
    }

    /// The plan for a message; `None` while its room's members are not known.
    async fn plan(&self, message: Message) -> Option<Settled> {
        let now_ms = clock::unix_ms();
        let id = message.id();
        if message.author.address == self.service {
            debug!(%id, "planner: our own message is mailed to nobody");
            let nobody = Offer::new(&message, Vec::new(), &self.service, 0);
            return Some(settle(
                &id,
                Plan::fallback(&nobody, "the service's own message"),
                &self.schedule,
                now_ms,
            ));
        }
        let (room, members) = self.rooms.snapshot(&message.room)?;
        let members = members?;
        let plan = self.ask(message, room, members).await?;
        Some(settle(&id, plan, &self.schedule, now_ms))
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

fn first_bytes(id: &str) -> u64 {
    id.bytes().take(16).fold(0, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
}
