//! Takes what is due from the outbox, has it composed, and sends it: first as a draft that carries
//! the delivery's key, then by sending the draft. Each request is committed as begun before it goes
//! out, and as answered after; what nobody knows is looked up before anything is repeated.

pub mod compose;
pub mod document;
mod look;
mod names;
pub(crate) mod outcome;
pub mod receipt;
pub mod removed;
mod sweep;
mod told;

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bridge::{
    delivery::DeliveryKey,
    gate::Gate,
    message::RoomId,
    outbox::{Draft, Outcome, Standing, Task},
};
use ews::{
    delivery::{self, MailForm},
    item_id::ItemId,
    operation::Operation,
};
use futures_util::future::join_all;
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinSet,
};
use tracing::{debug, error, info, warn};

use self::compose::Composer;
use crate::{
    chat::{Order, review::Reread, stop_asked},
    clock,
    common::Common,
    config::{Config, Format},
    database::{Database, DueMail, RoomDue},
    exchange::{Account, CallError},
    leases::Leases,
    preferences::Preferences,
    rooms::Rooms,
    state::State,
};

/// Mails in one request (ews.md 8.2).
const BATCH_MAX: usize = 10;
/// Bytes of mail in one request (ews.md 8.2).
const BATCH_BYTES_MAX: usize = 2 << 20;
/// Mails claimed at once, for each connection.
const CLAIM_A_LANE: u32 = 10;
/// Longest time without a look at the outbox.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// What waited for less than this is not compared with the room's history once more.
const FRESH: Duration = Duration::from_secs(2);
/// Rooms read again at once, and how many posts more than those that wait.
const REREAD_MAX: u32 = 200;
const REREAD_MORE: u32 = 10;
/// Time for that; then the digests go as they are.
const REREAD_TIME: Duration = Duration::from_secs(10);
/// How soon a room is not read again.
const REREAD_AGAIN_MS: i64 = 5_000;
/// How long other hosts may take to do so for their rooms, in milliseconds, and how often it is looked
/// whether they have.
const OTHERS_TIME_MS: i64 = 15_000;
const LOOK_AT_OTHERS: Duration = Duration::from_millis(500);
/// How long a mail waits whose guest failed and has nothing in its place, in milliseconds.
const HELD_MS: i64 = 60_000;
/// Wait after the database failed.
const RETRY: Duration = Duration::from_secs(5);

/// The mail stage.
pub struct Mailer {
    shared: Arc<Shared>,
    /// Rung when there is something in the outbox.
    ring: Arc<Notify>,
    chat: mpsc::Sender<Order>,
    rooms: Arc<Rooms>,
    /// When each room's history was read again.
    reread_ms: HashMap<RoomId, i64>,
    /// Whether other hosts still read the history of rooms of theirs again.
    waits_for_others: bool,
}

struct Shared {
    config: Arc<Config>,
    database: Database,
    account: Arc<Account>,
    composer: Composer,
    state: State,
    preferences: Arc<Preferences>,
    gate: Mutex<Gate>,
    /// Rung when a connection has become free.
    free: Arc<Notify>,
    /// Whether something stands otherwise than the database says.
    unrecorded: AtomicBool,
    leases: Arc<Leases>,
}

/// A mail on its way, and where it stands.
pub(crate) struct Parcel {
    mail: Arc<DueMail>,
    standing: Standing,
}

impl Mailer {
    /// Prepares the stage.
    #[must_use]
    pub fn new(
        common: Common,
        account: Arc<Account>,
        composer: Composer,
        ring: Arc<Notify>,
        chat: mpsc::Sender<Order>,
    ) -> Self {
        let Common { config, database, rooms, leases, preferences, state, .. } = common;
        let gate = Mutex::new(Gate::new(u32::from(config.mail.lanes.0), clock::unix_ms()));
        let free = Arc::new(Notify::new());
        let unrecorded = AtomicBool::new(false);
        let shared = Shared {
            config,
            database,
            account,
            composer,
            state,
            preferences,
            gate,
            free,
            unrecorded,
            leases,
        };
        let reread_ms = HashMap::new();
        Self { shared: Arc::new(shared), ring, chat, rooms, reread_ms, waits_for_others: false }
    }

    /// Sends mail until `stop` turns true, then finishes what is on its way.
    pub async fn run(mut self, stop: watch::Receiver<bool>) {
        let mut working = JoinSet::new();
        self.resume().await;
        // Ends with this future, also where that is dropped.
        let mut sweeping = JoinSet::new();
        sweeping.spawn(Arc::clone(&self.shared).sweep_daily());
        loop {
            while working.try_join_next().is_some() {}
            if let Err(error) = self.start_due(&mut working).await {
                error!("mail: {error}; trying again in {} s", RETRY.as_secs());
                tokio::time::sleep(RETRY).await;
            }
            let wait = self.wait().await;
            tokio::select! {
                () = self.ring.notified() => {}
                () = self.shared.free.notified() => {}
                () = tokio::time::sleep(wait) => {}
                () = stop_asked(stop.clone()) => break,
            }
        }
        sweeping.shutdown().await;
        while working.join_next().await.is_some() {}
    }

    /// After a restart, requests that were out are looked for before anything else.
    async fn resume(&self) {
        loop {
            match self.shared.database.resume_unfinished().await {
                Ok(0) => return,
                Ok(count) => {
                    return info!(
                        "mail: {count} mails were on their way when the host stopped; looking for them"
                    );
                }
                Err(error) => error!("mail: {error}; trying again in {} s", RETRY.as_secs()),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Has the history of rooms read again whose messages are due now, so that nothing is mailed
    /// that an administrator removed meanwhile; each host does so for its own rooms. Whatever goes
    /// wrong holds up no digest for longer than [`OTHERS_TIME_MS`].
    async fn reread(&mut self, now_ms: i64) -> Result<(), crate::database::Error> {
        let before_ms = now_ms - i64::try_from(FRESH.as_millis()).unwrap_or(0);
        let due = self.shared.database.rooms_due(now_ms, before_ms, REREAD_MAX).await?;
        self.reread_ms.retain(|_, at_ms| now_ms - *at_ms < REREAD_AGAIN_MS);
        let (mut rooms, mut read_again) = (Vec::new(), Vec::new());
        self.waits_for_others = false;
        for RoomDue { room, uri, back, due_ms, reviewed_ms } in due {
            if self.rooms.is_joined(&room) {
                if !self.reread_ms.contains_key(&room) {
                    self.reread_ms.insert(room.clone(), now_ms);
                    rooms.push(Reread { uri, last: back.saturating_add(REREAD_MORE) });
                }
                read_again.push(room);
            } else if self.shared.leases.is_others(&room) {
                let waits = reviewed_ms < due_ms && now_ms < due_ms + OTHERS_TIME_MS;
                self.waits_for_others |= waits;
            }
        }
        let (done, read) = oneshot::channel();
        if !rooms.is_empty() && self.chat.try_send(Order::Review(rooms, done)).is_ok() {
            let _ = tokio::time::timeout(REREAD_TIME, read).await;
        }
        if self.shared.leases.are_shared() {
            self.shared.database.note_reviewed(&read_again, clock::unix_ms()).await?;
        }
        Ok(())
    }

    async fn start_due(&mut self, working: &mut JoinSet<()>) -> Result<(), crate::database::Error> {
        let now_ms = clock::unix_ms();
        if self.shared.unrecorded.load(Ordering::Acquire) {
            if !working.is_empty() {
                return Ok(());
            }
            // As after a restart: what the database says is on its way, while nothing is.
            self.shared.database.resume_unfinished().await?;
            self.shared.unrecorded.store(false, Ordering::Release);
        }
        self.reread(now_ms).await?;
        let preferences = &self.shared.preferences;
        preferences.refresh(&self.shared.database).await?;
        if !self.waits_for_others {
            while self.shared.database.gather_due_digests(preferences, now_ms).await? > 0 {}
        }
        let width = usize::try_from(self.shared.gate().width(now_ms)).unwrap_or(1);
        while working.len() < width {
            let claimed = self.shared.database.claim_due(now_ms, CLAIM_A_LANE).await;
            let claimed = claimed.inspect_err(|_| self.shared.lose_track())?;
            if claimed.is_empty() {
                break;
            }
            debug!("mail: {} mails are due", claimed.len());
            let shared = Arc::clone(&self.shared);
            working.spawn(async move {
                shared.work(claimed).await;
                shared.free.notify_one();
            });
        }
        Ok(())
    }

    /// Until something is due, or the gate opens.
    async fn wait(&self) -> Duration {
        let now_ms = clock::unix_ms();
        if let Some(opens_ms) = self.shared.gate().opens_ms(now_ms) {
            return clock::calendar(opens_ms - now_ms).min(LOOK_AGAIN);
        }
        if self.waits_for_others {
            return LOOK_AT_OTHERS;
        }
        let due_ms = self.shared.database.next_due(now_ms).await.ok().flatten().unwrap_or(i64::MAX);
        clock::calendar(due_ms.saturating_sub(now_ms)).clamp(Duration::from_millis(1), LOOK_AGAIN)
    }
}

impl Shared {
    fn lose_track(&self) {
        self.unrecorded.store(true, Ordering::Release);
    }

    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes claimed mails as far as they go.
    async fn work(&self, claimed: Vec<DueMail>) {
        let (mut drafts, mut sends, mut looks) = (Vec::new(), Vec::new(), Vec::new());
        for mail in claimed {
            let standing = mail.standing.clone();
            let parcel = Parcel { mail: Arc::new(mail), standing };
            match parcel.standing.task() {
                Some(Task::Draft) => drafts.push(parcel),
                Some(Task::Send(draft)) => sends.push((parcel, draft)),
                Some(Task::FindDraft) => looks.push((parcel, None)),
                Some(Task::FindSent(draft)) => looks.push((parcel, Some(draft))),
                None => {}
            }
        }
        if !drafts.is_empty() {
            self.lay_down(drafts).await;
        }
        if !sends.is_empty() {
            self.send(sends).await;
        }
        for (parcel, draft) in looks {
            self.look(parcel, draft).await;
        }
    }

    /// Composes mails and stores them as drafts; those that are stored are sent at once.
    async fn lay_down(&self, parcels: Vec<Parcel>) {
        let mut batch: Vec<(Parcel, ews::item::Message)> = Vec::new();
        let mut bytes = 0;
        // All at once: a guest that takes its time must not hold up the mails of others.
        let items = join_all(parcels.iter().map(|parcel| self.item(parcel))).await;
        for (parcel, item) in parcels.into_iter().zip(items) {
            match item {
                Ok((item, length)) => {
                    if !batch.is_empty()
                        && (batch.len() >= BATCH_MAX || bytes + length > BATCH_BYTES_MAX)
                    {
                        self.lay_down_batch(std::mem::take(&mut batch)).await;
                        bytes = 0;
                    }
                    bytes += length;
                    batch.push((parcel, item));
                }
                Err(outcome) => {
                    self.finish(vec![(parcel, outcome)]).await;
                }
            }
        }
        if !batch.is_empty() {
            self.lay_down_batch(batch).await;
        }
    }

    async fn item(&self, parcel: &Parcel) -> Result<(ews::item::Message, usize), Outcome> {
        let composed = self.composer.compose(&parcel.mail).await.map_err(|reason| {
            let until_ms = Some(clock::unix_ms() + HELD_MS);
            Outcome::Delayed { until_ms, reason }
        })?;
        let outgoing = self.composer.outgoing(&parcel.mail, &composed, clock::unix_ms());
        let form = match self.config.mail.format {
            Format::Mime => MailForm::Mime,
            Format::Typed => MailForm::Typed,
        };
        let failed = |reason| Outcome::Failed { reason };
        let key = compose::delivery_key(&parcel.mail.key).map_err(failed)?;
        let length = outgoing.content_bytes();
        delivery::message(&outgoing, &key, form)
            .map(|item| (item, length))
            .map_err(|error| failed(format!("the mail cannot be written: {error}")))
    }

    async fn lay_down_batch(&self, batch: Vec<(Parcel, ews::item::Message)>) {
        let asked_ms = clock::unix_ms();
        let (parcels, items): (Vec<Parcel>, Vec<_>) = batch.into_iter().unzip();
        let request = delivery::draft(items);
        let results = self.call(&request, parcels.len()).await;
        if outcome::tells_of_no_single(&results) {
            for one in parcels.into_iter().zip(request.items) {
                Box::pin(self.lay_down_batch(vec![one])).await;
            }
            return;
        }
        let mut stored = Vec::new();
        let mut failed = Vec::new();
        for (mut parcel, result) in parcels.into_iter().zip(results) {
            let drafted = result.and_then(|items| {
                delivery::drafted(&request, items).map_err(|cause| CallError::Exchange {
                    server: self.account.server().to_owned(),
                    cause,
                })
            });
            match drafted {
                Ok(id) => {
                    let draft = outcome::draft(&id);
                    if parcel.advance(Outcome::Drafted(draft.clone())) && parcel.begin() {
                        stored.push((parcel, draft));
                    } else {
                        failed.push(parcel);
                    }
                }
                Err(error) => {
                    let refusals = outcome::refusals(&error, &mut parcel.standing);
                    let verdict = self.judge(&error, refusals, asked_ms);
                    parcel.advance(verdict.outcome);
                    failed.push(parcel);
                }
            }
        }
        // One commit says both: there is a draft, and it is asked to be sent.
        let standings = stored.iter().map(|(parcel, _)| parcel).chain(&failed);
        let Some(recorded) = self.record(standings).await else { return };
        // A mail that another host has taken up meanwhile is for that one to send. So is this draft,
        // if it was found: only the sweep may delete it.
        stored.retain(|(parcel, _)| recorded.contains(&parcel.mail.key));
        if !stored.is_empty() {
            self.send(stored).await;
        }
    }

    async fn send(&self, parcels: Vec<(Parcel, Draft)>) {
        let mut parcels = parcels;
        while !parcels.is_empty() {
            let rest = parcels.split_off(parcels.len().min(BATCH_MAX));
            self.send_batch(std::mem::replace(&mut parcels, rest)).await;
        }
    }

    async fn send_batch(&self, batch: Vec<(Parcel, Draft)>) {
        let asked_ms = clock::unix_ms();
        let ids = batch.iter().map(|(_, draft)| outcome::item_id(draft)).collect();
        let results = self.call(&delivery::send(ids), batch.len()).await;
        if outcome::tells_of_no_single(&results) {
            for one in batch {
                Box::pin(self.send_batch(vec![one])).await;
            }
            return;
        }
        let mut useless = Vec::new();
        let mut outcomes = Vec::with_capacity(batch.len());
        for ((mut parcel, draft), result) in batch.into_iter().zip(results) {
            let outcome = match result {
                Ok(_) => Outcome::Delivered { sent_as: None },
                Err(error) => {
                    let refusals = outcome::refusals(&error, &mut parcel.standing);
                    let verdict = self.judge(&error, refusals, asked_ms);
                    if verdict.stale {
                        self.refreshed(&draft).await.unwrap_or(verdict.outcome)
                    } else {
                        verdict.outcome
                    }
                }
            };
            if matches!(outcome, Outcome::Failed { .. }) {
                useless.push((parcel.mail.key.clone(), outcome::item_id(&draft)));
            }
            outcomes.push((parcel, outcome));
        }
        let recorded = self.finish(outcomes).await.unwrap_or_default();
        useless.retain(|(key, _)| recorded.contains(key));
        self.discard(useless.into_iter().map(|(_, draft)| draft).collect()).await;
    }

    /// Deletes drafts that will never be sent. What stays because of an error is for the sweep.
    async fn discard(&self, drafts: Vec<ItemId>) {
        if drafts.is_empty() {
            return;
        }
        let results = match self.account.call(&delivery::discard(drafts)).await {
            Ok(results) => results,
            Err(error) => vec![Err(error)],
        };
        for error in results.into_iter().filter_map(Result::err) {
            warn!("mail: a superfluous draft stays: {error}");
        }
    }

    /// Reads a draft's version again; `None` if that fails too.
    async fn refreshed(&self, draft: &Draft) -> Option<Outcome> {
        let request = delivery::refresh(&outcome::item_id(draft));
        let items = self.account.call(&request).await.ok()?.into_iter().next()?.ok()?;
        let id = items.into_iter().find_map(|item| item.item_id)?;
        Some(Outcome::Drafted(outcome::draft(&id)))
    }

    /// One result for each of `count` inputs, whatever happened to the request.
    async fn call<O: Operation>(
        &self,
        request: &O,
        count: usize,
    ) -> Vec<Result<O::Payload, CallError>> {
        match self.account.call(request).await {
            Ok(results) => {
                self.state.mail(|trouble| trouble.sending = None);
                results
            }
            Err(error) => {
                let error = Arc::new(error);
                (0..count).map(|_| Err(CallError::Shared(Arc::clone(&error)))).collect()
            }
        }
    }

    /// What follows from an error, for the account and for the mail; `refusals` as for
    /// [`outcome::verdict`].
    fn judge(&self, error: &CallError, refusals: u32, asked_ms: i64) -> outcome::Verdict {
        let now_ms = clock::unix_ms();
        let rest = self.account.rest();
        let verdict = outcome::verdict(error, refusals, asked_ms, now_ms, rest);
        if let Some(until_ms) = verdict.gate_until_ms {
            let mut gate = self.gate();
            if gate.is_open(now_ms) {
                warn!("mail: {error}; no further requests for {} s", (until_ms - now_ms) / 1000);
            }
            gate.busy(until_ms, now_ms);
            self.state.meters().mail_waits_until(until_ms);
        }
        if verdict.alarm || verdict.gate_until_ms.is_some() {
            self.state.mail(|trouble| trouble.sending = Some(error.to_string()));
        }
        verdict
    }

    /// Advances mails by their outcomes and commits where they stand, as [`Shared::record`] does.
    async fn finish(&self, outcomes: Vec<(Parcel, Outcome)>) -> Option<HashSet<DeliveryKey>> {
        let mut parcels = Vec::with_capacity(outcomes.len());
        for (mut parcel, outcome) in outcomes {
            if let Outcome::Failed { reason } = &outcome {
                warn!(key = %parcel.mail.key, "mail: given up: {reason}");
            }
            parcel.advance(outcome);
            parcels.push(parcel);
        }
        self.record(parcels.iter()).await
    }

    fn count(&self, Parcel { mail, standing }: &Parcel) {
        let received_ms = mail.items.iter().map(|item| item.message.received_ms);
        let Standing { state, planned_ms, .. } = standing;
        let meters = self.state.meters();
        meters.mail_ended(state, mail.digest, *planned_ms, received_ms, clock::unix_ms());
        let follow = self.state.follow();
        if follow.is_wanted() {
            let ids: Vec<_> = mail.items.iter().map(|item| item.message.id()).collect();
            follow.mail(&mail.key, mail.digest, standing, ids.iter());
        }
    }

    /// Commits where mails stand; answers the keys of those that are still ours. What cannot be
    /// committed is looked for before anything else is sent.
    async fn record(&self, parcels: impl Iterator<Item = &Parcel>) -> Option<HashSet<DeliveryKey>> {
        let parcels: Vec<&Parcel> = parcels.collect();
        let standing = |one: &&Parcel| (one.mail.key.clone(), one.standing.clone());
        let standings: Vec<_> = parcels.iter().map(standing).collect();
        let asked = standings.len();
        match self.database.record(standings).await {
            Ok(recorded) => {
                if recorded.len() < asked {
                    let lost = asked - recorded.len();
                    warn!("mail: {lost} mails were taken up by another host meanwhile");
                }
                let ours = parcels.into_iter().filter(|one| recorded.contains(&one.mail.key));
                ours.for_each(|parcel| self.count(parcel));
                Some(recorded)
            }
            Err(error) => {
                error!("mail: what Exchange answered cannot be kept: {error}");
                self.lose_track();
                None
            }
        }
    }
}

impl Parcel {
    fn advance(&mut self, outcome: Outcome) -> bool {
        let jitter = u64::from_le_bytes(clock::random());
        match self.standing.clone().advance(outcome, jitter, clock::unix_ms()) {
            Ok(standing) => {
                self.standing = standing;
                true
            }
            Err(error) => {
                error!(key = %self.mail.key, "mail: {error}");
                false
            }
        }
    }

    fn begin(&mut self) -> bool {
        match self.standing.clone().begin(clock::unix_ms()) {
            Some(standing) => {
                self.standing = standing;
                true
            }
            None => false,
        }
    }
}
