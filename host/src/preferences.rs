//! What each person wants of each room, by the configuration and by their own word.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
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
    guests::Assignments,
    latest::Latest,
};

/// Why the host skips somebody whom the guest would mail.
const REASON_THERE: &str = "was in the room when it came";
/// Why it skips somebody who wants nothing.
const REASON_OFF: &str = "asked for no mail";
/// Why it mails somebody whom the guest would skip.
const REASON_MUST: &str = "the administrator has decided that you get this room";

/// What a person said: in which room, `None` for all rooms.
pub type OwnKey = (Address, Option<RoomId>);

/// The preferences of everybody.
#[derive(Debug)]
pub struct Preferences {
    configured: Latest<Configured>,
    own: RwLock<HashMap<Address, OwnWords>>,
    /// What the database said of the choices when they were read.
    read: Mutex<Option<String>>,
    guests: RwLock<Arc<Assignments>>,
}

/// What the configuration says.
#[derive(Debug)]
struct Configured {
    base: Choice,
    rooms: Vec<Arc<RoomRule>>,
    people: HashMap<Address, Choice>,
    limits: Limits,
    gathering: Gathering,
    only_when_away: bool,
    /// Messages and bytes with which a digest goes out at once; 0 for never.
    full: (u32, u64),
    mails_a_day: u32,
    zone: TimeZone,
}

/// All that a person said.
#[derive(Debug, Default)]
struct OwnWords {
    /// About all rooms.
    everywhere: Option<Own>,
    rooms: HashMap<RoomId, Own>,
}

/// What a person said at one place.
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

impl Configured {
    fn new(config: &Config) -> Self {
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
            rooms: digest.rooms.iter().map(rule).map(Arc::new).collect(),
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
        }
    }

    fn rules<'r>(&'r self, room: &'r Room) -> impl Iterator<Item = &'r Arc<RoomRule>> {
        let fits =
            |rule: &&Arc<RoomRule>| rule.room.fits(&room.name) || rule.room.fits(room.id.as_str());
        self.rooms.iter().filter(fits)
    }
}

impl Preferences {
    /// What the configuration says; nobody has said anything yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            configured: Latest::new(Configured::new(config)),
            own: RwLock::default(),
            read: Mutex::default(),
            guests: RwLock::new(Arc::new(Assignments::configured(config))),
        }
    }

    /// Takes over what another configuration says. What people have said stays, within its limits;
    /// so do the guests.
    pub fn reconfigure(&self, config: &Config) {
        self.configured.put(Configured::new(config));
        let limits = self.limits();
        for words in self.words_mut().values_mut() {
            for own in words.everywhere.iter_mut().chain(words.rooms.values_mut()) {
                own.allowed = limits.allow(&own.said);
            }
        }
    }

    /// How mail is gathered.
    #[must_use]
    pub fn gathering(&self) -> Gathering {
        self.configured.now().gathering
    }

    /// Messages and bytes with which a digest goes out at once; 0 for never.
    #[must_use]
    pub fn full(&self) -> (u32, u64) {
        self.configured.now().full
    }

    /// Mails a person gets a day; 0 for as many as there are.
    #[must_use]
    pub fn mails_a_day(&self) -> u32 {
        self.configured.now().mails_a_day
    }

    /// What people may choose.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.configured.now().limits.clone()
    }

    /// Takes over what people have said, in place of what was known.
    pub fn take(&self, said: impl IntoIterator<Item = (OwnKey, Choice)>) {
        let mut own: HashMap<Address, OwnWords> = HashMap::new();
        for ((person, room), said) in said {
            own.entry(person).or_default().put(room, Some(self.limited(said)));
        }
        *self.words_mut() = own;
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
    pub fn said(&self, (person, room): OwnKey, choice: Choice) {
        let said = (!choice.is_empty()).then(|| self.limited(choice));
        let mut own = self.words_mut();
        let words = own.entry(person.clone()).or_default();
        words.put(room, said);
        if words.is_empty() {
            own.remove(&person);
        }
    }

    /// What a person has said about a room, or about all rooms.
    #[must_use]
    pub fn own(&self, person: &Address, room: Option<&RoomId>) -> Choice {
        let own = self.words();
        let own = own.get(person).and_then(|words| words.at(room));
        own.map(|own| own.said.clone()).unwrap_or_default()
    }

    fn words(&self) -> RwLockReadGuard<'_, HashMap<Address, OwnWords>> {
        self.own.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn words_mut(&self) -> RwLockWriteGuard<'_, HashMap<Address, OwnWords>> {
        self.own.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn limited(&self, said: Choice) -> Own {
        Own { allowed: self.configured.now().limits.allow(&said), said }
    }

    /// Notes which guest is for which rooms.
    pub fn assign(&self, guests: Arc<Assignments>) {
        *self.guests.write().unwrap_or_else(PoisonError::into_inner) = guests;
    }

    /// The guest of a room; `None` for the one of all rooms that no other is for.
    #[must_use]
    pub fn guest(&self, room: &Room) -> Option<Arc<str>> {
        self.guests.read().unwrap_or_else(PoisonError::into_inner).of(room).cloned()
    }

    /// What holds for everybody in a room, to be asked about many people.
    #[must_use]
    pub fn in_room<'p>(&'p self, room: &'p Room) -> InRoom<'p> {
        let configured = self.configured.now();
        let rules: Vec<Arc<RoomRule>> = configured.rules(room).cloned().collect();
        let below = |below: Choice, rule: &Arc<RoomRule>| rule.choice.over(&below);
        let away = rules.iter().filter_map(|rule| rule.only_when_away).next_back();
        InRoom {
            preferences: self,
            room,
            below: rules.iter().fold(configured.base.clone(), below),
            only_when_away: away.unwrap_or(configured.only_when_away),
            guest: self.guest(room),
            configured,
            rules,
        }
    }

    /// What holds for a person in a room.
    #[must_use]
    pub fn of(&self, person: &Address, room: &Room) -> Preference {
        self.in_room(room).of(person)
    }

    /// What would hold if the person's own word were changed like this.
    #[must_use]
    pub fn would_be(
        &self,
        person: &Address,
        room: &Room,
        changes: &[(OwnKey, Choice)],
    ) -> Preference {
        let after = |room: Option<&RoomId>| match changed(person, room, changes) {
            Some(choice) => self.limits().allow(choice),
            None => {
                let own = self.words();
                let own = own.get(person).and_then(|words| words.at(room));
                own.map(|own| own.allowed.clone()).unwrap_or_default()
            }
        };
        let (everywhere, here) = (after(None), after(Some(&room.id)));
        self.in_room(room).with(person, [Some(&here), Some(&everywhere)])
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
        let configured = self.configured.now();
        if configured.rules(room).any(|rule| rule.must.contains(person)) {
            return true;
        }
        if own.is_empty() {
            return configured.rules(room).any(|rule| rule.subscribers.contains(person));
        }
        own.wish != Some(Wish::Off)
    }

    /// Who gets an open room, which has no members: whoever subscribed.
    #[must_use]
    pub fn subscribers(&self, room: &Room) -> BTreeSet<Address> {
        let configured = self.configured.now();
        let listed = |list: fn(&RoomRule) -> &BTreeSet<Address>| {
            let rules = configured.rules(room).map(AsRef::as_ref);
            rules.flat_map(list).cloned().collect::<BTreeSet<_>>()
        };
        let mut all = listed(|rule| &rule.subscribers);
        for (person, words) in self.words().iter() {
            match words.rooms.get(&room.id).map(|own| own.said.wish) {
                None => {}
                Some(Some(Wish::Off)) => {
                    all.remove(person);
                }
                Some(_) => {
                    all.insert(person.clone());
                }
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
}

/// The preferences of everybody, as they are in one room: what does not depend on the person is
/// worked out once.
#[derive(Debug)]
pub struct InRoom<'p> {
    preferences: &'p Preferences,
    room: &'p Room,
    configured: Arc<Configured>,
    rules: Vec<Arc<RoomRule>>,
    /// What holds for whoever says nothing.
    below: Choice,
    only_when_away: bool,
    guest: Option<Arc<str>>,
}

impl InRoom<'_> {
    /// The room's guest; `None` for the one of all rooms that no other is for.
    #[must_use]
    pub fn guest(&self) -> Option<&Arc<str>> {
        self.guest.as_ref()
    }

    /// What holds for a person.
    #[must_use]
    pub fn of(&self, person: &Address) -> Preference {
        let own = self.preferences.words();
        let words = own.get(person);
        let at = |room| words.and_then(|words| words.at(room)).map(|own| &own.allowed);
        self.with(person, [at(Some(&self.room.id)), at(None)])
    }

    /// What holds for a person whose own word is this, the upper layer first.
    fn with(&self, person: &Address, [here, everywhere]: [Option<&Choice>; 2]) -> Preference {
        let set = self.configured.people.get(person);
        let layers = [here, everywhere, set, Some(&self.below)];
        let layers = || layers.into_iter().flatten();
        let must = self.must(person);
        let wish = layers().find_map(|layer| layer.wish);
        let zone_name = layers().find_map(|layer| layer.time_zone.as_deref());
        let zone = zone_name.and_then(|name| TimeZone::get(name).ok());
        Preference {
            wish: wish.filter(|wish| !(must && *wish == Wish::Off)).unwrap_or_default(),
            schedule: layers()
                .find_map(|layer| layer.schedule.clone())
                .unwrap_or_else(Schedule::instant),
            form: layers().find_map(|layer| layer.form).unwrap_or_default(),
            zone_name: zone_name.filter(|_| zone.is_some()).map(str::to_owned),
            zone: zone.unwrap_or_else(|| self.configured.zone.clone()),
            must,
        }
    }

    fn must(&self, person: &Address) -> bool {
        self.rules.iter().any(|rule| rule.must.contains(person))
    }

    /// When a person is mailed.
    #[must_use]
    pub fn timing(&self, person: &Address, capped: bool) -> Timing {
        let Preference { schedule, zone, .. } = self.of(person);
        Timing { schedule, zone, capped }
    }

    /// The members as they are offered to a guest: with what they want of this room.
    #[must_use]
    pub fn dress(&self, members: Vec<Member>) -> Vec<Member> {
        let dress = |member: Member| {
            let Preference { wish, zone_name, .. } = self.of(&member.person.address);
            Member { wish, time_zone: zone_name.or(member.time_zone), ..member }
        };
        members.into_iter().map(dress).collect()
    }

    /// Applies to a plan what the administrator has decided.
    pub fn overrule(&self, plan: &mut Plan) {
        for decision in &mut plan.decisions {
            let must = || self.must(&decision.member.person.address);
            if decision.action == Action::Skip {
                if must() {
                    decision.action = Action::Keep;
                    decision.reason = REASON_MUST.into();
                    let homeless = decision.member.mailbox.is_none();
                    decision.held = homeless.then_some(bridge::plan::HELD_NO_MAILBOX);
                }
            } else if decision.member.wish == Wish::Off {
                // Whatever a guest makes of it, or the host in its place.
                decision.action = Action::Skip;
                decision.reason = REASON_OFF.into();
                decision.held = None;
            } else if self.only_when_away && decision.member.presence == Presence::Joined && !must()
            {
                decision.action = Action::Skip;
                decision.reason = REASON_THERE.into();
                decision.held = None;
            }
        }
    }
}

impl OwnWords {
    fn at(&self, room: Option<&RoomId>) -> Option<&Own> {
        match room {
            None => self.everywhere.as_ref(),
            Some(room) => self.rooms.get(room),
        }
    }

    fn put(&mut self, room: Option<RoomId>, own: Option<Own>) {
        match (room, own) {
            (None, own) => self.everywhere = own,
            (Some(room), Some(own)) => {
                self.rooms.insert(room, own);
            }
            (Some(room), None) => {
                self.rooms.remove(&room);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.everywhere.is_none() && self.rooms.is_empty()
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

    fn preferences(rules: &str) -> Preferences {
        let text = format!("{}\n{rules}", config::EXAMPLE);
        Preferences::new(&config::parse(&text, Path::new("c.toml")).unwrap())
    }

    fn room(name: &str) -> Room {
        Room {
            id: RoomId::new("ma-chan://c/1"),
            name: name.into(),
            description: String::new(),
            topic: String::new(),
            kind: RoomKind::Normal,
            privacy: Privacy::Open,
        }
    }

    /// Who must get an open room cannot leave it; who may, can.
    #[test]
    fn must_holds_in_open_rooms() {
        let rule = "[[digest.rooms]]\nroom = 'Square'\nmust = ['sip:anna@c.example']\nsubscribers = ['sip:bob@c.example']\n";
        let (preferences, room) = (preferences(rule), room("Square"));
        let [anna, bob] = ["anna", "bob"].map(|who| Address::new(format!("sip:{who}@c.example")));
        let off = Choice { wish: Some(Wish::Off), ..Choice::default() };
        for person in [&anna, &bob] {
            preferences.said((person.clone(), Some(room.id.clone())), off.clone());
        }
        assert_eq!(preferences.subscribers(&room), BTreeSet::from([anna.clone()]));
        assert!(preferences.would_subscribe(&anna, &room, &[]));
        assert!(!preferences.would_subscribe(&bob, &room, &[]));
    }

    /// The configuration, its rules for the room in their order, the person's entry there, his own
    /// word, his own word about the room: each speaks upon those before.
    #[test]
    fn layers_lie_upon_each_other() {
        let rules =
            "[[digest.rooms]]\nroom = 'Ops*'\nform = 'complete'\ntime_zone = 'Asia/Tokyo'\n";
        let (preferences, room) = (preferences(rules), room("Ops"));
        let [anna, bob] =
            ["anna.keller@contoso.com", "bob@c"].map(|who| Address::new(format!("sip:{who}")));
        let here = preferences.in_room(&room);
        let shown = |person: &Address| {
            let Preference { wish, schedule, form, zone_name, .. } = here.of(person);
            let zone = zone_name.unwrap_or_default();
            format!("{} {schedule} {} {zone}", wish.as_str(), form.as_str())
        };
        let set = "weekdays at 08:00 and 16:00";
        assert_eq!(shown(&bob), format!("digest {set} complete Asia/Tokyo"));
        assert_eq!(shown(&anna), "mentions weekdays at 08:00 complete Europe/Berlin");
        let off = Choice { wish: Some(Wish::Off), ..Choice::default() };
        let summary = Choice {
            form: Some(Form::Summary),
            schedule: Some(Schedule::parse("hourly").unwrap()),
            ..Choice::default()
        };
        for (place, said) in [(None, &off), (Some(&room.id), &summary)] {
            for person in [&anna, &bob] {
                let key = (person.clone(), place.cloned());
                let would_be = preferences.would_be(person, &room, &[(key.clone(), said.clone())]);
                preferences.said(key, said.clone());
                assert_eq!(would_be.form, here.of(person).form);
                assert_eq!(preferences.own(person, place), *said);
            }
        }
        assert_eq!(shown(&bob), "off every 1h summary Asia/Tokyo");
        assert!(here.of(&anna).must, "the example says so");
        assert_eq!(shown(&anna), "none every 1h summary Europe/Berlin");
        for place in [None, Some(room.id.clone())] {
            preferences.said((bob.clone(), place), Choice::default());
        }
        assert_eq!(shown(&bob), format!("digest {set} complete Asia/Tokyo"));
        assert!(!preferences.words().contains_key(&bob));
    }
}
