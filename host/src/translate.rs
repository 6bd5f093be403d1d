//! Between the rules' terms and the contract's. People cross as ids of one call; no address does.

use std::{collections::HashMap, sync::Arc};

use bridge::{
    mail::{Composition, Importance},
    member::{Presence, Role, Wish},
    message::{Address, Kind, Message, Part, RoomId},
    plan::{Action, Group, Offer},
    preference::Form,
    room::{Privacy, Room, RoomKind},
};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    chat::translate::name_of_address,
    config,
    database::{DueMail, Item},
    guest::{Directory, PlanInput, types},
};

/// The zone to tell times in: the reader's, else the configured one.
#[must_use]
pub fn zone(name: Option<&str>, default: &config::Zone) -> TimeZone {
    name.and_then(|name| TimeZone::get(name).ok()).unwrap_or_else(|| default.zone().clone())
}

/// A time as a reader's clock shows it, e.g. `2026-11-23 09:14`.
#[must_use]
pub fn clock_time(unix_ms: i64, zone: &TimeZone) -> String {
    let time = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
}

fn moment(unix_ms: i64, zone: &TimeZone) -> types::Moment {
    let time = Timestamp::from_millisecond(unix_ms)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_zoned(zone.clone());
    let small = |number: i8| u8::try_from(number).unwrap_or(0);
    types::Moment {
        unix_ms,
        year: time.year(),
        month: small(time.month()),
        day: small(time.day()),
        weekday: small(time.weekday().to_monday_one_offset()),
        hour: small(time.hour()),
        minute: small(time.minute()),
        second: small(time.second()),
        offset_minutes: offset_minutes(unix_ms, zone),
    }
}

/// A name as the guest may see it: some directories hold an address where the name belongs.
fn name_only(name: &str) -> String {
    let is_address = name.contains('@') && !name.trim().contains(char::is_whitespace);
    if is_address { name_of_address(name.trim()) } else { name.to_owned() }
}

/// The people of one call to `plan`, for looking names and attributes up.
pub struct Names {
    offer: Arc<Offer>,
    attributes: Arc<Attributes>,
}

/// What the administrator has configured about people, by address.
pub type Attributes = HashMap<Address, Vec<(String, String)>>;

/// Takes the attributes out of the configuration.
#[must_use]
pub fn attributes(config: &config::Config) -> Attributes {
    let people = config.people.iter().filter(|(_, person)| !person.attributes.is_empty());
    people
        .map(|(address, person)| {
            let own = person.attributes.iter().map(|(key, value)| (key.clone(), value.clone()));
            (Address::new(address.as_str()), own.collect())
        })
        .collect()
}

fn attribute(attributes: &Attributes, person: &Address, key: &str) -> Option<String> {
    let own = attributes.get(person)?;
    own.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
}

impl Names {
    /// The people of an offer.
    #[must_use]
    pub fn new(offer: Arc<Offer>, attributes: Arc<Attributes>) -> Self {
        Self { offer, attributes }
    }
}

impl Directory for Names {
    fn name(&self, person: u32) -> Option<String> {
        self.offer.person(person).map(|candidate| name_only(&candidate.member.person.name))
    }

    fn attribute(&self, person: u32, key: &str) -> Option<String> {
        let candidate = self.offer.person(person)?;
        attribute(&self.attributes, &candidate.member.person.address, key)
    }
}

/// The people of one call to `compose`: authors, and whom the messages name.
pub struct People {
    ids: HashMap<Address, u32>,
    known: Vec<(Address, String)>,
    base: u32,
    attributes: Arc<Attributes>,
}

impl People {
    /// The people of a mail's messages. `base` is where their ids begin.
    #[must_use]
    pub fn of(mail: &DueMail, base: u32, attributes: Arc<Attributes>) -> Self {
        let mut people = Self { ids: HashMap::new(), known: Vec::new(), base, attributes };
        for item in &mail.items {
            people.add(&item.message.author.address, &item.message.author.name);
        }
        for item in &mail.items {
            for part in &item.message.parts {
                if let Part::Mention { address: Some(address), words } = part {
                    people.add(address, words.trim_start_matches('@'));
                }
            }
        }
        people
    }

    fn add(&mut self, address: &Address, name: &str) {
        if !self.ids.contains_key(address) {
            let place = u32::try_from(self.known.len()).unwrap_or(u32::MAX);
            self.ids.insert(address.clone(), self.base.wrapping_add(place));
            self.known.push((address.clone(), name.to_owned()));
        }
    }

    fn person(&self, id: u32) -> Option<&(Address, String)> {
        self.known.get(usize::try_from(id.wrapping_sub(self.base)).ok()?)
    }
}

impl Directory for People {
    fn name(&self, person: u32) -> Option<String> {
        self.person(person).map(|(_, name)| name_only(name))
    }

    fn attribute(&self, person: u32, key: &str) -> Option<String> {
        attribute(&self.attributes, &self.person(person)?.0, key)
    }
}

/// What `plan` is asked about a message.
#[must_use]
pub fn plan_input(message: &Message, place: &Room, offer: &Offer, zone: &TimeZone) -> PlanInput {
    let id_of = |address: &Address| offer.id_of(address);
    let mut offsets = Offsets { unix_ms: message.sent_ms, default: zone, known: HashMap::new() };
    PlanInput {
        room: room(place, 0),
        message: message_for(message, 0, &id_of, zone),
        members: offer
            .offered()
            .map(|candidate| types::Member {
                id: candidate.id,
                role: match candidate.member.role {
                    Role::Member => types::Role::Member,
                    Role::Presenter => types::Role::Presenter,
                    Role::Manager => types::Role::Manager,
                },
                presence: match candidate.member.presence {
                    Presence::Unknown => types::Presence::Unknown,
                    Presence::Joined => types::Presence::Joined,
                    Presence::Absent => types::Presence::Absent,
                },
                named: candidate.named,
                wish: match candidate.member.wish {
                    Wish::None => types::Wish::None,
                    Wish::Instant => types::Wish::Instant,
                    Wish::Digest => types::Wish::Digest,
                    Wish::Mentions => types::Wish::Mentions,
                    Wish::Off => types::Wish::Off,
                },
                language: candidate.member.language.code(),
                offset_minutes: offsets.of(candidate.member.time_zone.as_deref()),
            })
            .collect(),
    }
}

/// How far clocks were from Greenwich at a moment: a room's members share few zones.
struct Offsets<'a> {
    unix_ms: i64,
    default: &'a TimeZone,
    known: HashMap<&'a str, i16>,
}

impl<'a> Offsets<'a> {
    /// Of a zone by its name; of the configured one where none is known.
    fn of(&mut self, name: Option<&'a str>) -> i16 {
        let (unix_ms, default) = (self.unix_ms, self.default);
        *self.known.entry(name.unwrap_or_default()).or_insert_with(|| {
            let zone = name.and_then(|name| TimeZone::get(name).ok());
            offset_minutes(unix_ms, zone.as_ref().unwrap_or(default))
        })
    }
}

fn offset_minutes(unix_ms: i64, zone: &TimeZone) -> i16 {
    let time = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    i16::try_from(zone.to_offset(time).seconds() / 60).unwrap_or(0)
}

/// What `compose` is asked to write.
#[must_use]
pub fn edition(mail: &DueMail, people: &People, zone: &TimeZone) -> types::Edition {
    let place_of = |message: &Message| {
        let place = mail.rooms.iter().position(|room| room.id == message.room);
        place.and_then(|place| u32::try_from(place).ok()).unwrap_or(0)
    };
    let id_of = |address: &Address| people.ids.get(address).copied();
    types::Edition {
        readers: types::Readers {
            language: mail.readers.language.code(),
            time_zone: zone.iana_name().unwrap_or("UTC").to_owned(),
        },
        rooms: mail.rooms.iter().zip(0..).map(|(place, id)| room(place, id)).collect(),
        items: mail
            .items
            .iter()
            .map(|item| types::Item {
                message: message_for(&item.message, place_of(&item.message), &id_of, zone),
                reason: item.reason.clone(),
                named: item.named,
            })
            .collect(),
        digest: mail.digest,
        summaries: mail
            .rooms
            .iter()
            .zip(0..)
            .filter_map(|(room, id)| is_summary(&mail.items, &room.id).then_some(id))
            .collect(),
    }
}

/// Whether a room is to be summarised. If its messages disagree, all of them are shown: that hides
/// nothing.
fn is_summary(items: &[Item], room: &RoomId) -> bool {
    let mut forms = items.iter().filter(|item| item.message.room == *room).map(|item| item.form);
    forms.next() == Some(Form::Summary) && forms.all(|form| form == Form::Summary)
}

fn room(room: &Room, id: u32) -> types::Room {
    types::Room {
        id,
        name: room.name.clone(),
        description: room.description.clone(),
        topic: room.topic.clone(),
        kind: match room.kind {
            RoomKind::Normal => types::RoomKind::Normal,
            RoomKind::Auditorium => types::RoomKind::Auditorium,
        },
        privacy: match room.privacy {
            Privacy::Unknown => types::Privacy::Unknown,
            Privacy::Open => types::Privacy::Open,
            Privacy::Closed => types::Privacy::Closed,
            Privacy::Secret => types::Privacy::Secret,
        },
    }
}

fn message_for(
    message: &Message,
    room: u32,
    id_of: &dyn Fn(&Address) -> Option<u32>,
    zone: &TimeZone,
) -> types::Message {
    types::Message {
        room,
        author: name_only(&message.author.name),
        author_person: id_of(&message.author.address),
        sent: moment(message.sent_ms, zone),
        kind: match &message.kind {
            Kind::Message => types::Kind::Message,
            Kind::Alert => types::Kind::Alert,
            Kind::Story { title } => types::Kind::Story(title.clone()),
            Kind::Gap { missing } => types::Kind::Gap(types::Gap { missing: *missing }),
        },
        parts: message.parts.iter().map(|one| part(one, id_of)).collect(),
        late: message.late,
    }
}

fn part(part: &Part, id_of: &dyn Fn(&Address) -> Option<u32>) -> types::Part {
    let link = |address: &String, words: &String| types::Link {
        address: address.clone(),
        words: words.clone(),
    };
    match part {
        Part::Text(words) => types::Part::Text(words.clone()),
        Part::LineBreak => types::Part::LineBreak,
        Part::Hyperlink { address, words } => types::Part::Hyperlink(link(address, words)),
        Part::RoomLink { address, words } => types::Part::RoomLink(link(address, words)),
        Part::FileLink { address, words } => types::Part::FileLink(link(address, words)),
        Part::Emoticon(sign) => types::Part::Emoticon(sign.clone()),
        Part::Mention { words, address } => types::Part::Mention(types::Mention {
            words: words.clone(),
            person: address.as_ref().and_then(id_of),
        }),
    }
}

/// A guest's answer to `plan`.
#[must_use]
pub fn groups(groups: Vec<types::Group>) -> Vec<Group> {
    let group = |group: types::Group| Group {
        action: match group.action {
            types::Action::MailNow => Action::MailNow,
            types::Action::Keep => Action::Keep,
            types::Action::KeepUntil(types::Daytime { hour, minute }) => {
                Action::KeepUntil { hour, minute }
            }
            types::Action::Skip => Action::Skip,
        },
        reason: group.reason,
        members: group.members,
    };
    groups.into_iter().map(group).collect()
}

/// A guest's answer to `compose`.
#[must_use]
pub fn composition(mail: types::Mail) -> Composition {
    Composition {
        subject: mail.subject,
        preview: mail.preview,
        html: mail.html,
        text: mail.text,
        listing: mail.listing,
        importance: match mail.importance {
            types::Importance::Low => Importance::Low,
            types::Importance::Normal => Importance::Normal,
            types::Importance::High => Importance::High,
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use bridge::message::Person;

    use super::*;

    fn message(author: &str, kind: Kind) -> Message {
        Message {
            room: RoomId::new("ops"),
            post: bridge::message::PostKey::new("1"),
            author: Person { address: Address::new("sip:a@contoso.com"), name: author.into() },
            sent_ms: 0,
            received_ms: 0,
            kind,
            parts: Vec::new(),
            late: false,
        }
    }

    #[test]
    fn no_address_passes_for_a_name() {
        for name in ["anna.keller@contoso.com", " sip:anna.keller@contoso.com"] {
            let message = message(name, Kind::Message);
            assert_eq!(message_for(&message, 0, &|_| None, &TimeZone::UTC).author, "Anna Keller");
        }
        assert_eq!(name_only("Anna @ Work"), "Anna @ Work");
    }

    #[test]
    fn a_gap_keeps_its_number() {
        for missing in [None, Some(12)] {
            let gap = message("", Kind::Gap { missing });
            let told = message_for(&gap, 0, &|_| None, &TimeZone::UTC);
            assert_eq!(told.kind, types::Kind::Gap(types::Gap { missing }));
        }
    }

    #[test]
    fn a_room_is_a_summary_if_all_of_its_messages_say_so() {
        let item = |form| Item {
            message: Arc::new(message("Anna", Kind::Message)),
            reason: String::new(),
            named: false,
            form,
        };
        let (summary, complete) = (item(Form::Summary), item(Form::Complete));
        let ops = RoomId::new("ops");
        assert!(is_summary(&[summary.clone(), summary.clone()], &ops));
        assert!(!is_summary(&[summary.clone(), complete], &ops));
        assert!(!is_summary(&[summary], &RoomId::new("build")) && !is_summary(&[], &ops));
    }

    #[test]
    fn a_listing_reaches_the_composition() {
        let mail = types::Mail {
            subject: "s".into(),
            preview: String::new(),
            html: "h".into(),
            text: "t".into(),
            listing: Some("all".into()),
            importance: types::Importance::Normal,
        };
        assert_eq!(composition(mail).listing.as_deref(), Some("all"));
    }

    #[test]
    fn members_have_clocks_of_their_own() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        // The day before the clock jumps, and that day.
        for (unix_ms, known) in [(1_806_100_000_000, 60), (1_806_195_600_000, 120)] {
            let mut offsets = Offsets { unix_ms, default: &berlin, known: HashMap::new() };
            let zones = [None, Some("Asia/Kolkata"), Some("no zone"), Some("America/St_Johns")];
            let told = zones.map(|zone| offsets.of(zone));
            assert_eq!(told, [known, 330, known, -150]);
        }
    }

    #[test]
    fn moments_are_told_in_the_readers_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        // 2027-03-28T01:00:00Z: the clock jumps from 02:00 to 03:00.
        let told = moment(1_806_195_600_000, &berlin);
        assert_eq!(
            (told.year, told.month, told.day, told.hour, told.offset_minutes),
            (2027, 3, 28, 3, 120)
        );
        assert_eq!(told.weekday, 7);
        assert_eq!(clock_time(1_806_195_600_000 - 1, &berlin), "2027-03-28 01:59");
    }
}
