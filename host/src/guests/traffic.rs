//! Stored traffic run through a guest once more, on virtual time: what it would have mailed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bridge::{
    delivery::{DeliveryKey, Fate, Readers, Timing, settle},
    digest::{Cover, Kept, ShareKey, sort},
    mail::Composition,
    member::{Language, Member},
    message::{Message, MessageId, Person},
    outbox::Standing,
    plan::Plan,
    room::Room,
    schedule::Schedule,
};

use super::AskError;
use crate::{
    database::{DueMail, Item},
    in_service::InService,
    mail::compose,
    preferences::Preferences,
    translate,
};

/// Different texts composed for one side; of what is left only the mails are counted.
pub(super) const TEXTS_MAX: usize = 2_000;

/// One reader's mail: to whom, when, and what it holds.
#[derive(Clone, Debug)]
pub(super) struct Mail {
    pub(super) person: Person,
    mailbox: String,
    language: Language,
    time_zone: Option<String>,
    pub(super) due_ms: i64,
    digest: bool,
    pub(super) items: Vec<(Arc<Message>, String, bool)>,
}

/// What names a mail before its time: whose, in which queue, due when.
type Slot = (String, String, i64);

/// The mails that follow from plans.
#[derive(Default)]
pub(super) struct Mails {
    slots: BTreeMap<Slot, Mail>,
    at_once: usize,
}

impl Mails {
    /// Notes what follows from a plan that the administrator's word was applied to, as the planner
    /// stage does.
    pub(super) fn add(
        &mut self,
        message: &Arc<Message>,
        room: &Room,
        plan: Plan,
        preferences: &Preferences,
    ) {
        let here = preferences.in_room(room);
        let members: HashMap<_, Member> = plan
            .decisions
            .iter()
            .map(|one| (one.member.person.address.clone(), one.member.clone()))
            .collect();
        let timing = |member: &Member| -> Timing { here.timing(&member.person.address, false) };
        let settled =
            settle(&message.id(), plan, &preferences.gathering(), timing, message.received_ms);
        for delivery in settled.deliveries {
            let Some(member) = members.get(&delivery.person) else { continue };
            let Some(mailbox) = member.mailbox.clone() else { continue };
            let (queue, due_ms) = match delivery.fate {
                Fate::Mailed(_) => {
                    self.at_once += 1;
                    (format!("at once {}", self.at_once), message.received_ms)
                }
                Fate::Kept { queue, due_ms } => (queue.as_str().to_owned(), due_ms),
                Fate::Skipped | Fate::Held { .. } => continue,
            };
            let digest = queue != Schedule::instant().as_str() && !queue.starts_with("at once");
            let slot = (delivery.person.as_str().to_owned(), queue, due_ms);
            let mail = self.slots.entry(slot).or_insert_with(|| Mail {
                person: member.person.clone(),
                mailbox,
                language: member.language,
                time_zone: member.time_zone.clone(),
                due_ms,
                digest,
                items: Vec::new(),
            });
            mail.items.push((Arc::clone(message), delivery.reason, delivery.named));
        }
    }

    /// All of them, by person and time.
    pub(super) fn all(&self) -> impl Iterator<Item = &Mail> {
        self.slots.values()
    }
}

impl Mail {
    /// Names its text, equal for mails that say the same.
    pub(super) fn share(&self) -> ShareKey {
        let ids: Vec<MessageId> = self.items.iter().map(|(message, ..)| message.id()).collect();
        let covers = self.items.iter().zip(&ids).map(|((_, reason, named), message)| Cover {
            message,
            reason,
            named: *named,
            form: Default::default(),
        });
        ShareKey::derive(covers, &self.readers(), self.digest)
    }

    fn readers(&self) -> Readers {
        Readers {
            language: self.language,
            time_zone: self.time_zone.clone(),
            named: self.items.iter().all(|(.., named)| *named),
        }
    }

    /// Its text, by whomever `ask` asks.
    pub(super) fn compose<T>(
        &self,
        ask: impl FnOnce(&dyn Fn(&InService) -> Result<Composition, AskError>) -> T,
        rooms: &HashMap<bridge::message::RoomId, Room>,
        zone: &crate::config::Zone,
    ) -> T {
        let zone = translate::zone(self.time_zone.as_deref(), zone);
        let mail = self.due(rooms);
        ask(&|guest| compose::ask(guest, &mail, &zone))
    }

    fn due(&self, rooms: &HashMap<bridge::message::RoomId, Room>) -> DueMail {
        let mut kept: Vec<Kept> = Vec::new();
        let mut by_id = HashMap::new();
        for (message, reason, named) in &self.items {
            kept.push(Kept {
                message: message.id(),
                room: message.room.clone(),
                sent_ms: message.sent_ms,
                post: message.post.clone(),
                reason: reason.clone(),
                named: *named,
                form: Default::default(),
            });
            by_id.insert(message.id(), Arc::clone(message));
        }
        sort(&mut kept);
        let mut shown: Vec<Room> = Vec::new();
        for one in &kept {
            if let Some(room) = rooms.get(&one.room)
                && !shown.iter().any(|known| known.id == room.id)
            {
                shown.push(room.clone());
            }
        }
        let item = |one: Kept| {
            let message = by_id.get(&one.message).map(Arc::clone)?;
            Some(Item { message, reason: one.reason, named: one.named, form: one.form })
        };
        DueMail {
            key: DeliveryKey::from_text("replay"),
            person: self.person.clone(),
            mailbox: self.mailbox.clone(),
            share: self.share(),
            readers: self.readers(),
            digest: self.digest || self.items.len() > 1,
            standing: Standing::planned(0, self.due_ms),
            rooms: shown,
            items: kept.into_iter().filter_map(item).collect(),
            written: None,
            receipt: None,
            guest: None,
            continues_ms: None,
        }
    }
}
