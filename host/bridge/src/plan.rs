//! Plans: what a guest decided about a message's readers, checked before anything follows from it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::member::{Member, Wish};
use crate::message::{Address, Message};
use crate::schedule::Schedule;
use crate::text;

/// Longest reason, in characters.
pub const REASON_CHARACTERS_MAX: usize = 200;

/// Most groups in one answer. A guest with a reason for everybody needs one a member.
pub const GROUPS_MAX: usize = 10_000;

/// What is recorded in place of a reason that quotes the message: reasons are shown to
/// administrators, who need not read what is said in rooms.
pub const REASON_QUOTES: &str = "the guest's reason quotes the message, and is not kept";
/// So many words in a row that stand in the message too are a quotation; all of a shorter message is.
const QUOTED_WORDS: usize = 5;
/// Fewer characters in a row are nobody's secret: `yes`, `ok thanks`.
const QUOTED_CHARACTERS: usize = 10;

/// The reason recorded for a member whom the guest put in no group.
pub const REASON_UNNAMED: &str = "the guest named no action";

/// Why a member without a mailbox gets nothing yet.
pub const HELD_NO_MAILBOX: &str = "no mailbox is known for this person";

/// What happens with a message for a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// It is mailed as soon as possible.
    MailNow,
    /// It is kept for the next digest.
    Keep,
    /// It is kept until the next such time of day by the member's own clock, whatever his schedule.
    KeepUntil {
        /// 0 to 23.
        hour: u8,
        /// 0 to 59.
        minute: u8,
    },
    /// It is not mailed.
    Skip,
}

/// What [`Action::KeepUntil`] is stored as, before its time of day.
const KEEP_UNTIL: &str = "keep-until ";

impl Action {
    /// The word under which it is stored: `mail-now`, `keep`, `keep-until 08:00` or `skip`.
    pub fn word(self) -> Cow<'static, str> {
        match self {
            Self::MailNow => "mail-now".into(),
            Self::Keep => "keep".into(),
            Self::KeepUntil { hour, minute } => format!("{KEEP_UNTIL}{hour:02}:{minute:02}").into(),
            Self::Skip => "skip".into(),
        }
    }

    /// Reads [`word`](Self::word) back; `None` for any other word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "mail-now" => Some(Self::MailNow),
            "keep" => Some(Self::Keep),
            "skip" => Some(Self::Skip),
            _ => {
                let (hour, minute) = word.strip_prefix(KEEP_UNTIL)?.split_once(':')?;
                let (hour, minute) = (hour.parse().ok()?, minute.parse().ok()?);
                let read = Self::KeepUntil { hour, minute };
                (read.is_possible() && read.word() == word).then_some(read)
            }
        }
    }

    /// The schedule on which it waits, if it has one of its own in place of the member's.
    pub fn schedule(self) -> Option<Schedule> {
        match self {
            Self::KeepUntil { hour, minute } => Schedule::daily(hour, minute).ok(),
            Self::MailNow | Self::Keep | Self::Skip => None,
        }
    }

    /// The words of that schedule, which name the queue.
    pub fn queue(self) -> Option<String> {
        match self {
            Self::KeepUntil { hour, minute } => Some(Schedule::daily_words(hour, minute)),
            Self::MailNow | Self::Keep | Self::Skip => None,
        }
    }

    /// Whether it names a time of day that there is, or none.
    fn is_possible(self) -> bool {
        !matches!(self, Self::KeepUntil { hour: 24.., .. } | Self::KeepUntil { minute: 60.., .. })
    }
}

/// Members who are treated alike, as a guest answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// What happens for them.
    pub action: Action,
    /// Why, on one line of at most [`REASON_CHARACTERS_MAX`] characters.
    pub reason: String,
    /// Who, by ids of this call's [`Offer`].
    pub members: Vec<u32>,
}

/// The people of one call to a guest, under ids that mean nothing in any other call.
///
/// The service account is not among them. The author is, for his name to be looked up, but is not
/// offered: nobody is mailed his own words.
#[derive(Clone, Debug)]
pub struct Offer {
    people: Vec<Candidate>,
    author: Address,
    /// What the message says.
    said: String,
    /// Place of an id (counted from `base`) to place in `people`.
    slots: Vec<u32>,
    base: u32,
    by_address: HashMap<Address, u32>,
}

/// One person of an offer.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// His id for the length of this call.
    pub id: u32,
    /// Whether the message names him.
    pub named: bool,
    /// Who he is.
    pub member: Member,
}

impl Offer {
    /// Offers `members` of the message's room, each address once (the first entry counts).
    ///
    /// `salt` numbers them: other salts give other ids in another order. Derive it from the
    /// message and a secret of this installation and a repeated call sees the same ids; no guest
    /// can predict them.
    pub fn new(message: &Message, members: Vec<Member>, service: &Address, salt: u64) -> Self {
        let mut random = Scramble(salt);
        let mut offer = Self {
            people: Vec::with_capacity(members.len()),
            author: message.author.address.clone(),
            said: message.plain_text(),
            slots: Vec::new(),
            base: random.next_u32(),
            by_address: HashMap::with_capacity(members.len()),
        };
        for member in members {
            let address = &member.person.address;
            if address != service && !offer.by_address.contains_key(address) {
                offer.by_address.insert(address.clone(), offer.next_place());
                let named = message.names(address);
                offer.people.push(Candidate { id: 0, named, member });
            }
        }
        offer.number(&mut random);
        offer
    }

    fn next_place(&self) -> u32 {
        u32::try_from(self.people.len()).unwrap_or(u32::MAX)
    }

    /// Deals the ids out: consecutive from a random base, in a random order (Fisher-Yates).
    fn number(&mut self, random: &mut Scramble) {
        self.slots = (0..self.next_place()).collect();
        for left in (1..self.slots.len()).rev() {
            self.slots.swap(left, random.below(left + 1));
        }
        for (slot, place) in (0_u32..).zip(&self.slots) {
            if let Some(candidate) = self.people.get_mut(index(*place)) {
                candidate.id = self.base.wrapping_add(slot);
            }
        }
    }

    /// Those whom the guest decides about: everybody but the author.
    pub fn offered(&self) -> impl Iterator<Item = &Candidate> {
        self.people.iter().filter(|candidate| self.is_offered(candidate))
    }

    /// Whom `id` names in this call; the author too.
    pub fn person(&self, id: u32) -> Option<&Candidate> {
        self.people.get(self.place(id)?)
    }

    /// The id of `address` in this call, if it is among the members; the author's too.
    pub fn id_of(&self, address: &Address) -> Option<u32> {
        let place = self.by_address.get(address)?;
        self.people.get(index(*place)).map(|candidate| candidate.id)
    }

    fn place(&self, id: u32) -> Option<usize> {
        self.slots.get(index(id.wrapping_sub(self.base))).map(|place| index(*place))
    }

    fn is_offered(&self, candidate: &Candidate) -> bool {
        candidate.member.person.address != self.author
    }
}

/// What follows for each member from a guest's answer, or from there being none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// One for each member offered, in the order of the offer.
    pub decisions: Vec<Decision>,
    /// Why the host decided in the guest's place; `None` when the guest did.
    pub fallback: Option<String>,
}

/// What happens with the message for one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Who.
    pub member: Member,
    /// Whether the message names him.
    pub named: bool,
    /// What was decided.
    pub action: Action,
    /// Why it was decided.
    pub reason: Arc<str>,
    /// What stands in the way of mailing it, if something does; it waits until that is gone.
    pub held: Option<&'static str>,
}

/// An answer that is not accepted. The texts name no person: they go to logs and to the guest's
/// author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// More than [`GROUPS_MAX`] groups.
    #[error("the guest answered with {0} groups; at most {GROUPS_MAX} are allowed")]
    TooManyGroups(usize),
    /// An id that this call did not offer.
    #[error("group {group} of the guest's answer names {id}, which is no member offered")]
    UnknownMember {
        /// Which group, counted from 0.
        group: usize,
        /// The id in it.
        id: u32,
    },
    /// A member who stood in a group already.
    #[error("group {group} of the guest's answer names {id}, who was named before")]
    NamedTwice {
        /// Which group, counted from 0.
        group: usize,
        /// The id in it.
        id: u32,
    },
    /// A time of day that there is not.
    #[error(
        "group {group} of the guest's answer is kept until {hour}:{minute:02}, which is no time of \
         day: give an hour from 0 to 23 and a minute from 0 to 59"
    )]
    NoTimeOfDay {
        /// Which group, counted from 0.
        group: usize,
        /// The hour in it.
        hour: u8,
        /// The minute in it.
        minute: u8,
    },
    /// No reason where one is due.
    #[error("group {group} of the guest's answer has an empty reason")]
    ReasonEmpty {
        /// Which group, counted from 0.
        group: usize,
    },
    /// More than [`REASON_CHARACTERS_MAX`] characters.
    #[error(
        "group {group} of the guest's answer has a reason of {characters} characters; \
         at most {REASON_CHARACTERS_MAX} are allowed"
    )]
    ReasonTooLong {
        /// Which group, counted from 0.
        group: usize,
        /// How long its reason is.
        characters: usize,
    },
    /// A line break or another control character.
    #[error(
        "group {group} of the guest's answer has a reason with a line break or control character"
    )]
    ReasonNotOneLine {
        /// Which group, counted from 0.
        group: usize,
    },
}

impl Plan {
    /// Accepts a guest's answer, or refuses it as a whole.
    ///
    /// Whoever stands in no group is skipped for [`REASON_UNNAMED`]. Whoever has no mailbox is
    /// held, unless he was skipped.
    ///
    /// # Errors
    /// [`PlanError`] names the first thing wrong; use [`fallback`](Self::fallback) then.
    pub fn check(offer: &Offer, groups: Vec<Group>) -> Result<Self, PlanError> {
        if groups.len() > GROUPS_MAX {
            return Err(PlanError::TooManyGroups(groups.len()));
        }
        let mut verdicts: Vec<Option<(Action, Arc<str>)>> = vec![None; offer.people.len()];
        for (number, group) in groups.into_iter().enumerate() {
            check_action(number, group.action)?;
            check_reason(number, &group.reason)?;
            let reason: Arc<str> = match quotes(&group.reason, &offer.said) {
                true => REASON_QUOTES.into(),
                false => group.reason.into(),
            };
            for id in group.members {
                let unknown = PlanError::UnknownMember { group: number, id };
                offer.person(id).filter(|c| offer.is_offered(c)).ok_or(unknown.clone())?;
                let verdict = offer.place(id).and_then(|place| verdicts.get_mut(place));
                let verdict = verdict.ok_or(unknown)?;
                if verdict.is_some() {
                    return Err(PlanError::NamedTwice { group: number, id });
                }
                *verdict = Some((group.action, Arc::clone(&reason)));
            }
        }
        let unnamed: Arc<str> = REASON_UNNAMED.into();
        let verdicts =
            verdicts.into_iter().map(|v| v.unwrap_or((Action::Skip, Arc::clone(&unnamed))));
        Ok(Self { decisions: decide(offer, verdicts), fallback: None })
    }

    /// The host's own plan: everybody is mailed now, but for those who asked for no mail.
    ///
    /// `why` tells what was wrong with the guest; it is put on one line and cut to
    /// [`REASON_CHARACTERS_MAX`].
    pub fn fallback(offer: &Offer, why: &str) -> Self {
        let why = text::one_line(&format!("mailed to all, as the guest failed: {why}"));
        let why = text::clip(&why, REASON_CHARACTERS_MAX).into_owned();
        let (all, off): (Arc<str>, Arc<str>) = (why.as_str().into(), "asked for no mail".into());
        let verdicts = offer.people.iter().map(|candidate| match candidate.member.wish {
            Wish::Off => (Action::Skip, Arc::clone(&off)),
            _ => (Action::MailNow, Arc::clone(&all)),
        });
        Self { decisions: decide(offer, verdicts), fallback: Some(why) }
    }
}

fn check_action(group: usize, action: Action) -> Result<(), PlanError> {
    match action {
        Action::KeepUntil { hour, minute } if !action.is_possible() => {
            Err(PlanError::NoTimeOfDay { group, hour, minute })
        }
        _ => Ok(()),
    }
}

/// Whether a reason repeats words of the message, whatever case and spaces they have.
fn quotes(reason: &str, said: &str) -> bool {
    let normal = |text: &str| text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>();
    let count = said.split_whitespace().take(QUOTED_WORDS).count();
    if count == 0 || reason.split_whitespace().nth(count - 1).is_none() {
        return false;
    }
    let (reason, said) = (normal(reason), format!(" {} ", normal(said).join(" ")));
    reason.windows(count).any(|words| {
        let words = words.join(" ");
        words.chars().count() >= QUOTED_CHARACTERS && said.contains(&format!(" {words} "))
    })
}

fn check_reason(group: usize, reason: &str) -> Result<(), PlanError> {
    let characters = reason.chars().count();
    if characters > REASON_CHARACTERS_MAX {
        return Err(PlanError::ReasonTooLong { group, characters });
    }
    if !text::is_one_line(reason) {
        return Err(PlanError::ReasonNotOneLine { group });
    }
    if reason.trim().is_empty() {
        return Err(PlanError::ReasonEmpty { group });
    }
    Ok(())
}

fn decide(offer: &Offer, verdicts: impl Iterator<Item = (Action, Arc<str>)>) -> Vec<Decision> {
    let offered = offer.people.iter().zip(verdicts).filter(|(c, _)| offer.is_offered(c));
    let decision = |(candidate, (action, reason)): (&Candidate, (Action, Arc<str>))| {
        let member = candidate.member.clone();
        let homeless = member.mailbox.is_none() && action != Action::Skip;
        let held = homeless.then_some(HELD_NO_MAILBOX);
        Decision { member, named: candidate.named, action, reason, held }
    };
    offered.map(decision).collect()
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

/// Spreads a salt over as many numbers as needed (SplitMix64, Steele, Lea and Flood 2014).
struct Scramble(u64);

impl Scramble {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn next_u32(&mut self) -> u32 {
        u32::try_from(self.next() >> 32).unwrap_or_default()
    }

    /// A number below `bound`, which is not 0. The bias is below one in 2^32 for any room.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound as u64)).unwrap_or_default()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;
    use crate::message::{Kind, Part, Person, PostKey, RoomId};

    pub(crate) fn person(name: &str) -> Person {
        Person { address: Address::new(format!("sip:{name}@contoso.example")), name: name.into() }
    }

    pub(crate) fn member(name: &str) -> Member {
        Member {
            person: person(name),
            mailbox: Some(format!("{name}@contoso.example")),
            role: Default::default(),
            presence: Default::default(),
            wish: Default::default(),
            language: Default::default(),
            time_zone: None,
        }
    }

    pub(crate) fn message(author: &str, post: u32) -> Message {
        Message {
            room: RoomId::new("build"),
            post: PostKey::new(post.to_string()),
            author: person(author),
            sent_ms: 1_000 + i64::from(post),
            received_ms: 2_000 + i64::from(post),
            kind: Kind::Message,
            parts: vec![Part::Text("main is red".into())],
            late: false,
        }
    }

    fn offer(salt: u64) -> Offer {
        let mut message = message("bob", 17);
        let anna = person("anna").address;
        message.parts.push(Part::Mention { words: "Anna".into(), address: Some(anna) });
        let members = ["anna", "bob", "cyd", "bot", "anna", "dee"].map(member).to_vec();
        Offer::new(&message, members, &person("bot").address, salt)
    }

    fn id(offer: &Offer, name: &str) -> u32 {
        offer.id_of(&person(name).address).unwrap()
    }

    fn group(action: Action, members: &[u32]) -> Group {
        Group { action, reason: "because".into(), members: members.to_vec() }
    }

    #[test]
    fn author_and_service_are_never_offered() {
        let offer = offer(1);
        let names: Vec<_> = offer.offered().map(|c| c.member.person.name.as_str()).collect();
        assert_eq!(names, ["anna", "cyd", "dee"]);
        let named: Vec<_> = offer.offered().map(|c| c.named).collect();
        assert_eq!(named, [true, false, false]);
        assert_eq!(offer.id_of(&person("bot").address), None);
        let author = id(&offer, "bob");
        assert_eq!(offer.person(author).unwrap().member.person.name, "bob");
        assert_eq!(
            Plan::check(&offer, vec![group(Action::MailNow, &[author])]),
            Err(PlanError::UnknownMember { group: 0, id: author })
        );
    }

    #[test]
    fn ids_belong_to_one_call() {
        let (first, again, second) = (offer(1), offer(1), offer(2));
        for candidate in first.offered() {
            assert_eq!(id(&again, &candidate.member.person.name), candidate.id);
            assert!(second.person(candidate.id).is_none());
        }
        // Not the order of the members either: over some salts, anybody may come first.
        let lowest = |salt| {
            let offer = offer(salt);
            let ids = ["anna", "bob", "cyd", "dee"].map(|n| id(&offer, n).wrapping_sub(offer.base));
            ids.iter().position(|id| *id == 0).unwrap()
        };
        let seen: std::collections::BTreeSet<_> = (0..64).map(lowest).collect();
        assert_eq!(seen.len(), 4);
    }

    #[test]
    fn an_answer_becomes_a_decision_for_each() {
        let offer = offer(3);
        let (anna, cyd) = (id(&offer, "anna"), id(&offer, "cyd"));
        let groups = vec![group(Action::MailNow, &[anna]), group(Action::Keep, &[cyd])];
        let plan = Plan::check(&offer, groups).unwrap();
        let seen: Vec<_> =
            plan.decisions.iter().map(|d| (d.action, &*d.reason, d.named, d.held)).collect();
        assert_eq!(
            seen,
            [
                (Action::MailNow, "because", true, None),
                (Action::Keep, "because", false, None),
                (Action::Skip, REASON_UNNAMED, false, None),
            ]
        );
    }

    #[test]
    fn actions_read_back() {
        let until = |hour, minute| Action::KeepUntil { hour, minute };
        for (action, word) in [
            (Action::MailNow, "mail-now"),
            (Action::Keep, "keep"),
            (Action::Skip, "skip"),
            (until(8, 0), "keep-until 08:00"),
            (until(23, 59), "keep-until 23:59"),
        ] {
            assert_eq!(action.word(), word);
            assert_eq!(Action::from_word(word), Some(action));
        }
        for word in ["", "keep-until", "keep-until 8:00", "keep-until 24:00", "keep-until 08:60"] {
            assert_eq!(Action::from_word(word), None, "{word}");
        }
        assert_eq!(until(8, 0).schedule().unwrap().as_str(), "daily at 08:00");
        assert_eq!(until(8, 0).queue().as_deref(), Some("daily at 08:00"));
        assert_eq!(Action::Keep.schedule(), None);
    }

    #[test]
    fn bad_answers_are_refused_whole() {
        let offer = offer(4);
        let anna = id(&offer, "anna");
        let stranger = offer.base.wrapping_add(4);
        let reason = |reason: &str| Group { reason: reason.into(), ..group(Action::Skip, &[anna]) };
        let check = |groups| Plan::check(&offer, groups).unwrap_err();
        assert_eq!(
            check(vec![group(Action::Skip, &[]), group(Action::Keep, &[stranger])]),
            PlanError::UnknownMember { group: 1, id: stranger }
        );
        assert_eq!(
            check(vec![group(Action::Skip, &[anna, anna])]),
            PlanError::NamedTwice { group: 0, id: anna }
        );
        for (hour, minute) in [(24, 0), (8, 60), (255, 255)] {
            let until = Action::KeepUntil { hour, minute };
            assert_eq!(
                check(vec![group(until, &[anna])]),
                PlanError::NoTimeOfDay { group: 0, hour, minute }
            );
        }
        assert_eq!(check(vec![reason("")]), PlanError::ReasonEmpty { group: 0 });
        assert_eq!(check(vec![reason("a\nb")]), PlanError::ReasonNotOneLine { group: 0 });
        assert!(Plan::check(&offer, vec![reason(&"ü".repeat(200))]).is_ok());
        assert_eq!(
            check(vec![reason(&"ü".repeat(201))]),
            PlanError::ReasonTooLong { group: 0, characters: 201 }
        );
        let crowd = vec![group(Action::Skip, &[]); GROUPS_MAX + 1];
        assert_eq!(check(crowd), PlanError::TooManyGroups(GROUPS_MAX + 1));
    }

    #[test]
    fn who_has_no_mailbox_is_held_unless_skipped() {
        let members = ["anna", "cyd"].map(|n| Member { mailbox: None, ..member(n) }).to_vec();
        let offer = Offer::new(&message("bob", 1), members, &person("bot").address, 5);
        let anna = id(&offer, "anna");
        let plan = Plan::check(&offer, vec![group(Action::Keep, &[anna])]).unwrap();
        let held: Vec<_> = plan.decisions.iter().map(|d| (d.action, d.held)).collect();
        assert_eq!(held, [(Action::Keep, Some(HELD_NO_MAILBOX)), (Action::Skip, None)]);
    }

    #[test]
    fn the_fallback_mails_all_but_who_wants_none() {
        let members = vec![member("anna"), Member { wish: Wish::Off, ..member("cyd") }];
        let offer = Offer::new(&message("bob", 1), members, &person("bot").address, 5);
        let plan = Plan::fallback(&offer, &format!("trap:\n{}", "unreachable ".repeat(40)));
        let actions: Vec<_> = plan.decisions.iter().map(|d| d.action).collect();
        assert_eq!(actions, [Action::MailNow, Action::Skip]);
        let why = plan.fallback.unwrap();
        assert!(why.starts_with("mailed to all, as the guest failed: trap: unreachable"));
        assert!(check_reason(0, &why).is_ok());
    }

    #[test]
    fn an_empty_room_gives_an_empty_plan() {
        let offer = Offer::new(&message("bob", 1), Vec::new(), &person("bot").address, 5);
        assert_eq!(Plan::check(&offer, Vec::new()).unwrap().decisions, []);
        assert!(offer.person(0).is_none());
    }

    #[test]
    fn a_quotation_is_no_reason() {
        let said = "The vault opens with 4711 until\tFriday, keep it to yourselves";
        assert!(quotes("says: the VAULT opens with 4711", said));
        assert!(quotes("it says opens  with 4711 until friday, and more", said));
        assert!(!quotes("you follow the room", said), "too few words to be one");
        assert!(!quotes("it says vault and 4711, until a friday comes", said));
        assert!(quotes("because password: hunter2", "password: hunter2"), "all of a short message");
        assert!(!quotes("yes, you follow it", "yes"), "nobody's secret");
        assert!(!quotes("you follow the room", ""));
    }
}
