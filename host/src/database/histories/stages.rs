//! The planner and the mail stage, with a guest that decides as the shipped one does.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use bridge::{
    delivery::{Settled, day, settle},
    member::{Member, Wish},
    message::{Address, Kind, Message},
    outbox::{LIFETIME_MS, Outcome, State, Task},
    plan::{Action, Group, Offer, Plan},
};

use super::world::{Alive, SERVICE, World};
use crate::{
    database::{DueMail, Queueing},
    planner::gap_plan,
};

/// Mails claimed at once, and how often in one round.
const CLAIMED_MAX: u32 = 10;
const CLAIMS_MAX: usize = 4;

/// As a guest does it: at once, or collected for who wishes that, on his schedule or until eight.
fn guest_plan(message: &Message, members: Vec<Member>, service: &Address) -> Plan {
    let offer = Offer::new(message, members, service, 7);
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for one in offer.offered() {
        let action = match one.member.wish {
            Wish::Off => Action::Skip,
            Wish::Digest => Action::Keep,
            Wish::Mentions => Action::KeepUntil { hour: 8, minute: 0 },
            Wish::Instant | Wish::None => Action::MailNow,
        };
        let new = || Group { action, reason: "because".into(), members: Vec::new() };
        groups.entry(action.word().into_owned()).or_insert_with(new).members.push(one.id);
    }
    Plan::check(&offer, groups.into_values().collect()).unwrap()
}

impl World {
    /// The planner has a round.
    pub(super) async fn plan(&mut self) -> Alive {
        let ready = self.host.rooms.ready();
        for message in self.host.database.next_unplanned(&ready, 64).await.unwrap() {
            self.effect()?;
            self.model.planning(&message);
            let capped = self.capped().await;
            let Some(settled) = self.settled(&message, &capped) else { continue };
            if self.chance.one_in(12) {
                // The directory does not wait for the planner.
                self.directory().await?;
            }
            self.effect()?;
            let bytes = message.plain_text().len();
            let (messages_max, bytes_max) = self.host.preferences.full();
            let ceiling_ms = self.host.preferences.gathering().ceiling_ms;
            let queueing = Queueing { ceiling_ms, messages_max, bytes_max };
            self.host.database.commit_plan(settled, bytes, queueing).await.unwrap();
            self.model.planned(&message.id());
            self.effect()?;
        }
        Ok(())
    }

    async fn capped(&self) -> HashSet<(String, i64)> {
        let mails_a_day = self.setup.mails_a_day;
        if mails_a_day == 0 {
            return HashSet::new();
        }
        let since = day(&jiff::tz::TimeZone::UTC, self.unix_ms() - 24 * 3_600_000);
        self.host.database.capped(mails_a_day, since).await.unwrap().into_iter().collect()
    }

    fn settled(&self, message: &Message, capped: &HashSet<(String, i64)>) -> Option<Settled> {
        let preferences = &self.host.preferences;
        let (room, members) = self.host.rooms.snapshot(&message.room)?;
        let members = preferences.in_room(&room).dress(members?);
        let service = Address::new(SERVICE);
        let mut plan = match message.kind {
            Kind::Gap { .. } => gap_plan(message, members, &service),
            _ => guest_plan(message, members, &service),
        };
        preferences.in_room(&room).overrule(&mut plan);
        let now_ms = self.unix_ms();
        let timing = |member: &Member| {
            let person = &member.person.address;
            let mut timing = preferences.in_room(&room).timing(person, false);
            let today = day(&timing.zone, now_ms);
            timing.capped = capped.contains(&(person.as_str().to_owned(), today));
            timing
        };
        Some(settle(&message.id(), plan, &preferences.gathering(), timing, now_ms))
    }

    /// The mail stage has a round.
    pub(super) async fn mail(&mut self) -> Alive {
        let now_ms = self.unix_ms();
        if self.host.gate.width(now_ms) == 0 {
            return Ok(());
        }
        self.reread(now_ms).await?;
        loop {
            self.effect()?;
            let preferences = Arc::clone(&self.host.preferences);
            if self.host.database.gather_due_digests(&preferences, now_ms).await.unwrap() == 0 {
                break;
            }
        }
        for _ in 0..CLAIMS_MAX {
            self.effect()?;
            let claimed = self.host.database.claim_due(now_ms, CLAIMED_MAX).await.unwrap();
            if claimed.is_empty() {
                return Ok(());
            }
            for mail in claimed {
                self.work(mail).await?;
            }
        }
        Ok(())
    }

    /// Takes a claimed mail as far as it goes.
    async fn work(&mut self, mail: DueMail) -> Alive {
        let mut standing = mail.standing.clone();
        loop {
            let task = standing.task().unwrap();
            self.effect()?;
            let verdict = self.ask(&mail, &task, &mut standing).await;
            self.effect()?;
            if matches!(verdict.outcome, Outcome::Unknown { .. }) && self.chance.one_in(4) {
                // It took its time until the host gave up waiting.
                let waited = self.chance.within(1, 60).unsigned_abs();
                self.pass(Duration::from_secs(waited)).await?;
            }
            let now_ms = self.unix_ms();
            if let Some(until_ms) = verdict.gate_until_ms {
                self.host.gate.busy(until_ms, now_ms);
            }
            let drafted = matches!(verdict.outcome, Outcome::Drafted(_));
            let jitter = self.chance.next();
            standing = standing.advance(verdict.outcome, jitter, now_ms).unwrap();
            // One commit says both: there is a draft, and it is asked to be sent.
            let sends = drafted && task == Task::Draft;
            if sends && let Some(begun) = standing.clone().begin(now_ms) {
                standing = begun;
            }
            self.tell(|| format!("recorded: {:?}", standing.state));
            if standing.state == State::Unconfirmed && !self.exchange.has_sent(mail.key.as_str()) {
                let asked_ms = standing.asked_ms.unwrap();
                assert!(now_ms - asked_ms >= LIFETIME_MS, "a mail is taken for sent too soon");
            }
            self.host.database.record(vec![(mail.key.clone(), standing.clone())]).await.unwrap();
            if let (Task::Send(draft), State::Failed) = (&task, &standing.state) {
                self.effect()?;
                self.exchange.discard(draft);
            }
            if !(sends && standing.is_asked()) {
                return Ok(());
            }
        }
    }

    /// The administrator sends afresh what was given up; and what nobody saw arrive, after he has
    /// looked for it himself.
    pub(super) async fn retry(&mut self) -> Alive {
        let ended = |state: &str| matches!(state, "failed" | "unconfirmed");
        let mut dead = self.host.database.unsent(100).await.unwrap();
        dead.retain(|mail| ended(&mail.state));
        if !dead.is_empty() && self.exchange.is_late() {
            // Nobody is so quick.
            self.pass(Duration::from_secs(120)).await?;
        }
        self.exchange.catch_up(self.clock.elapsed());
        dead.retain(|mail| mail.state == "failed" || !self.exchange.has_sent(&mail.key));
        for dead in dead {
            self.effect()?;
            let key = bridge::delivery::DeliveryKey::from_text(dead.key);
            let now_ms = self.unix_ms();
            let by = crate::database::Actor::CommandLine("admin".into());
            assert!(self.host.database.retry(&key, by, now_ms).await.unwrap().is_some());
            self.tally.retries += 1;
            self.tell(|| format!("{key} is sent afresh"));
        }
        Ok(())
    }
}
