//! What each person wants of each room, by the configuration and by their own word.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError, RwLock},
};

use bridge::{
    delivery::{Gathering, Timing},
    member::{Member, Presence, Wish},
    message::{Address, RoomId},
    plan::{Action, Plan},
    preference::{Choice, Form, Limits},
    room::{Privacy, Room},
    schedule::Schedule,
};
use jiff::tz::TimeZone;

use crate::{
    config::{Config, Pattern},
    database::Database,
};

/// Why the host skips somebody whom the guest would mail.
const REASON_THERE: &str = "was in the room when it came";
/// Why it mails somebody whom the guest would skip.
const REASON_MUST: &str = "the administrator has decided that you get this room";

/// What a person said: in which room, `None` for all rooms.
pub type OwnKey = (Address, Option<RoomId>);

/// The preferences of everybody.
#[derive(Debug)]
pub struct Preferences {
    base: Choice,
    rooms: Vec<RoomRule>,
    people: HashMap<Address, Choice>,
    limits: Limits,
    gathering: Gathering,
    only_when_away: bool,
    /// Messages and bytes with which a digest goes out at once; 0 for never.
    full: (u32, u64),
    mails_a_day: u32,
    zone: TimeZone,
    own: RwLock<HashMap<OwnKey, Own>>,
    /// What the database said of the choices when they were read.
    read: Mutex<Option<String>>,
}

/// What a person said.
#[derive(Debug)]
struct Own {
    said: Choice,
    /// Without what the limits forbid.
    allowed: Choice,
}

#[derive(Debug)]
struct RoomRule {
    room: Pattern,
    choice: Choice,
    only_when_away: Option<bool>,
    must: BTreeSet<Address>,
    subscribers: BTreeSet<Address>,
}

/// What holds for one person in one room.
#[derive(Clone, Debug)]
pub struct Preference {
    /// How soon.
    pub wish: Wish,
    /// When what is collected comes.
    pub schedule: Schedule,
    /// How it reads.
    pub form: Form,
    /// By which clocks.
    pub zone: TimeZone,
    /// The zone's name, if the person or the administrator named one.
    pub zone_name: Option<String>,
    /// Whether the administrator has decided that the person gets the room.
    pub must: bool,
}

impl Preferences {
    /// What the configuration says; nobody has said anything yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let digest = &config.digest;
        let addresses = |list: &[crate::config::SipAddress]| {
            list.iter().map(|address| Address::new(address.as_str())).collect()
        };
        let rule = |rule: &crate::config::RoomDigest| RoomRule {
            room: rule.room.clone(),
            choice: Choice {
                wish: rule.wish.map(crate::config::Wish::wish),
                schedule: rule.schedule.as_ref().map(|when| when.0.clone()),
                form: rule.form.map(crate::config::Shape::form),
                time_zone: rule.time_zone.as_ref().map(|zone| zone.name().to_owned()),
            },
            only_when_away: rule.only_when_away,
            must: addresses(&rule.must),
            subscribers: addresses(&rule.subscribers),
        };
        let person = |person: &crate::config::Person| Choice {
            wish: person.wish.map(crate::config::Wish::wish),
            schedule: person.schedule.as_ref().map(|when| when.0.clone()),
            form: person.form.map(crate::config::Shape::form),
            time_zone: person.time_zone.as_ref().map(|zone| zone.name().to_owned()),
        };
        let people = config.people.iter();
        let people = people.map(|(address, said)| (Address::new(address.as_str()), person(said)));
        Self {
            base: Choice {
                schedule: Some(digest.schedule.0.clone()),
                form: Some(digest.form.form()),
                ..Choice::default()
            },
            rooms: digest.rooms.iter().map(rule).collect(),
            people: people.filter(|(_, choice)| !choice.is_empty()).collect(),
            limits: config.choices.limits(),
            gathering: Gathering {
                window_ms: digest.gather.millis(),
                ceiling_ms: digest.gather_max.millis().max(digest.gather.millis()),
                spread_ms: digest.spread.millis(),
            },
            only_when_away: digest.only_when_away,
            full: (digest.messages, digest.bytes),
            mails_a_day: digest.mails_a_day,
            zone: config.defaults.time_zone.zone().clone(),
            own: RwLock::default(),
            read: Mutex::default(),
        }
    }

    /// How mail is gathered.
    #[must_use]
    pub const fn gathering(&self) -> &Gathering {
        &self.gathering
    }

    /// Messages and bytes with which a digest goes out at once; 0 for never.
    #[must_use]
    pub const fn full(&self) -> (u32, u64) {
        self.full
    }

    /// Mails a person gets a day; 0 for as many as there are.
    #[must_use]
    pub const fn mails_a_day(&self) -> u32 {
        self.mails_a_day
    }

    /// What people may choose.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes over what people have said, in place of what was known.
    pub fn take(&self, said: impl IntoIterator<Item = (OwnKey, Choice)>) {
        let own = said.into_iter().map(|(key, said)| (key, self.limited(said))).collect();
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = own;
    }

    /// Reads what people have said again if it has changed, on whatever host; answers whether it had.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn refresh(&self, database: &Database) -> Result<bool, crate::database::Error> {
        let made = database.choices_made().await?;
        if self.read().as_ref() == Some(&made) {
            return Ok(false);
        }
        self.take(database.choices().await?);
        *self.read() = Some(made);
        Ok(true)
    }

    fn read(&self) -> MutexGuard<'_, Option<String>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a person says; an empty choice takes back what was said.
    pub fn said(&self, key: OwnKey, choice: Choice) {
        let said = (!choice.is_empty()).then(|| self.limited(choice));
        let mut own = self.own.write().unwrap_or_else(PoisonError::into_inner);
        match said {
            Some(said) => own.insert(key, said),
            None => own.remove(&key),
        };
    }

    /// What a person has said about a room, or about all rooms.
    #[must_use]
    pub fn own(&self, person: &Address, room: Option<&RoomId>) -> Choice {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
        own.get(&(person.clone(), room.cloned())).map(|own| own.said.clone()).unwrap_or_default()
    }

    fn limited(&self, said: Choice) -> Own {
        Own { allowed: self.limits.allow(&said), said }
    }

    /// What holds for a person in a room.
    #[must_use]
    pub fn of(&self, person: &Address, room: &Room) -> Preference {
        self.would_be(person, room, &[])
    }

    /// What would hold if the person's own word were changed like this.
    #[must_use]
    pub fn would_be(
        &self,
        person: &Address,
        room: &Room,
        changes: &[(OwnKey, Choice)],
    ) -> Preference {
        let mut choice = self.base.clone();
        let mut must = false;
        for rule in self.rules(room) {
            choice = rule.choice.over(&choice);
            must |= rule.must.contains(person);
        }
        if let Some(said) = self.people.get(person) {
            choice = said.over(&choice);
        }
        for room in [None, Some(&room.id)] {
            choice = self.allowed_after(person, room, changes).over(&choice);
        }
        self.preference(choice, must)
    }

    /// Whether the person would subscribe to an open room if his word were changed like this.
    #[must_use]
    pub fn would_subscribe(
        &self,
        person: &Address,
        room: &Room,
        changes: &[(OwnKey, Choice)],
    ) -> bool {
        let own = match changed(person, Some(&room.id), changes) {
            Some(choice) => choice.clone(),
            None => self.own(person, Some(&room.id)),
        };
        if self.rules(room).any(|rule| rule.must.contains(person)) {
            return true;
        }
        if own.is_empty() {
            return self.rules(room).any(|rule| rule.subscribers.contains(person));
        }
        own.wish != Some(Wish::Off)
    }

    fn allowed_after(
        &self,
        person: &Address,
        room: Option<&RoomId>,
        changes: &[(OwnKey, Choice)],
    ) -> Choice {
        if let Some(choice) = changed(person, room, changes) {
            return self.limits.allow(choice);
        }
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
        let own = own.get(&(person.clone(), room.cloned()));
        own.map(|own| own.allowed.clone()).unwrap_or_default()
    }

    fn preference(&self, choice: Choice, must: bool) -> Preference {
        let zone = choice.time_zone.as_deref().and_then(|name| TimeZone::get(name).ok());
        let wish = choice.wish.filter(|wish| !(must && *wish == Wish::Off));
        Preference {
            wish: wish.unwrap_or_default(),
            schedule: choice.schedule.unwrap_or_else(Schedule::instant),
            form: choice.form.unwrap_or_default(),
            zone_name: choice.time_zone.filter(|_| zone.is_some()),
            zone: zone.unwrap_or_else(|| self.zone.clone()),
            must,
        }
    }

    fn rules<'r>(&'r self, room: &'r Room) -> impl Iterator<Item = &'r RoomRule> {
        let fits =
            |rule: &&RoomRule| rule.room.fits(&room.name) || rule.room.fits(room.id.as_str());
        self.rooms.iter().filter(fits)
    }

    /// When a person is mailed about a room.
    #[must_use]
    pub fn timing(&self, person: &Address, room: &Room, capped: bool) -> Timing {
        let Preference { schedule, zone, .. } = self.of(person, room);
        Timing { schedule, zone, capped }
    }

    /// The members as they are offered to a guest: with what they want of this room.
    #[must_use]
    pub fn dress(&self, room: &Room, members: Vec<Member>) -> Vec<Member> {
        let dress = |member: Member| {
            let Preference { wish, zone_name, .. } = self.of(&member.person.address, room);
            Member { wish, time_zone: zone_name.or(member.time_zone), ..member }
        };
        members.into_iter().map(dress).collect()
    }

    /// Who gets an open room, which has no members: whoever subscribed.
    #[must_use]
    pub fn subscribers(&self, room: &Room) -> BTreeSet<Address> {
        let listed = |list: fn(&RoomRule) -> &BTreeSet<Address>| {
            self.rules(room).flat_map(list).cloned().collect::<BTreeSet<_>>()
        };
        let mut all = listed(|rule| &rule.subscribers);
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
        for ((person, place), own) in own.iter() {
            if place.as_ref() == Some(&room.id) {
                match own.said.wish {
                    Some(Wish::Off) => all.remove(person),
                    _ => all.insert(person.clone()),
                };
            }
        }
        all.extend(listed(|rule| &rule.must));
        all
    }

    /// Whether a room has no member list of its own.
    #[must_use]
    pub fn is_open(room: &Room) -> bool {
        room.privacy == Privacy::Open
    }

    /// Applies to a plan what the administrator has decided.
    pub fn overrule(&self, plan: &mut Plan, room: &Room) {
        let away = self.rules(room).filter_map(|rule| rule.only_when_away).last();
        let away = away.unwrap_or(self.only_when_away);
        for decision in &mut plan.decisions {
            let must =
                || self.rules(room).any(|rule| rule.must.contains(&decision.member.person.address));
            if decision.action == Action::Skip {
                if must() {
                    decision.action = Action::Keep;
                    decision.reason = REASON_MUST.into();
                    let homeless = decision.member.mailbox.is_none();
                    decision.held = homeless.then_some(bridge::plan::HELD_NO_MAILBOX);
                }
            } else if away && decision.member.presence == Presence::Joined && !must() {
                decision.action = Action::Skip;
                decision.reason = REASON_THERE.into();
                decision.held = None;
            }
        }
    }
}

/// What a person's word about a room would become.
fn changed<'c>(
    person: &Address,
    room: Option<&RoomId>,
    changes: &'c [(OwnKey, Choice)],
) -> Option<&'c Choice> {
    let is_it = |((who, place), _): &&(OwnKey, Choice)| who == person && place.as_ref() == room;
    changes.iter().find(is_it).map(|(_, choice)| choice)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use std::path::Path;

    use bridge::room::RoomKind;

    use super::*;
    use crate::config;

    /// Who must get an open room cannot leave it; who may, can.
    #[test]
    fn must_holds_in_open_rooms() {
        let rule = "[[digest.rooms]]\nroom = 'Square'\nmust = ['sip:anna@c.example']\nsubscribers = ['sip:bob@c.example']\n";
        let text = format!("{}\n{rule}", config::EXAMPLE);
        let config = config::parse(&text, Path::new("c.toml")).unwrap();
        let preferences = Preferences::new(&config);
        let room = Room {
            id: RoomId::new("ma-chan://c/1"),
            name: "Square".into(),
            description: String::new(),
            topic: String::new(),
            kind: RoomKind::Normal,
            privacy: Privacy::Open,
        };
        let [anna, bob] = ["anna", "bob"].map(|who| Address::new(format!("sip:{who}@c.example")));
        let off = Choice { wish: Some(Wish::Off), ..Choice::default() };
        for person in [&anna, &bob] {
            preferences.said((person.clone(), Some(room.id.clone())), off.clone());
        }
        assert_eq!(preferences.subscribers(&room), BTreeSet::from([anna.clone()]));
        assert!(preferences.would_subscribe(&anna, &room, &[]));
        assert!(!preferences.would_subscribe(&bob, &room, &[]));
    }
}
