//! What a guest plans: refused as a whole, or a decision for each who was offered and nobody else.
#![cfg_attr(fuzzing, no_main)]

use std::collections::HashMap;

use bridge::member::{Language, Member, Presence, Role, Wish};
use bridge::message::{Address, Kind, Message, Person, PostKey, RoomId};
use bridge::plan::{Action, Group, Offer, Plan, REASON_CHARACTERS_MAX, REASON_UNNAMED};

const MEMBERS: u8 = 8;
const SERVICE: u8 = 0;
const AUTHOR: u8 = 1;
const HOMELESS: u8 = 2;

// A group a line: what to do, whom (letters from `a` are members, others no ids at all), `:`, why.
fuzz::target!(|data| {
    let text = String::from_utf8_lossy(data);
    let offer = offer(data.len() as u64);
    let groups: Vec<Group> = text.split('\n').map(|line| group(line, &offer)).collect();
    match Plan::check(&offer, groups.clone()) {
        Ok(plan) => follows(&plan, &groups, &offer),
        Err(error) => {
            assert!(!is_good(&groups, &offer), "{error}");
            let fallback = Plan::fallback(&offer, &text);
            assert_eq!(fallback.decisions.len(), offer.offered().count());
            assert!(fallback.fallback.is_some_and(|why| is_reason(&why)));
        }
    }
});

fn address(member: u8) -> Address {
    Address::new(format!("sip:{member}@contoso.com"))
}

fn offer(salt: u64) -> Offer {
    let person = |member| Person { address: address(member), name: member.to_string() };
    let member = |number: u8| Member {
        person: person(number),
        mailbox: (number != HOMELESS).then(|| "ana@contoso.com".to_owned()),
        role: Role::Member,
        presence: Presence::Unknown,
        wish: Wish::None,
        language: Language::UNKNOWN,
        time_zone: None,
    };
    let message = Message {
        room: RoomId::new("ma-chan://contoso.com/1"),
        post: PostKey::new("1"),
        author: person(AUTHOR),
        sent_ms: 0,
        received_ms: 0,
        kind: Kind::Message,
        parts: Vec::new(),
        late: false,
    };
    // One of them twice.
    let members = (0..MEMBERS).chain([HOMELESS]).map(member).collect();
    Offer::new(&message, members, &address(SERVICE), salt)
}

fn group(line: &str, offer: &Offer) -> Group {
    let (head, reason) = line.split_once(':').unwrap_or((line, ""));
    let mut head = head.bytes();
    let action = match head.next() {
        Some(b'n') => Action::MailNow,
        Some(b'k') => Action::Keep,
        Some(b'u') => Action::KeepUntil { hour: 8, minute: 30 },
        Some(b'v') => Action::KeepUntil { hour: 24, minute: 0 },
        _ => Action::Skip,
    };
    let id = |byte: u8| {
        let member = byte.wrapping_sub(b'a');
        offer.id_of(&address(member)).unwrap_or_else(|| u32::from(byte).wrapping_mul(0x0100_0001))
    };
    Group { action, reason: reason.to_owned(), members: head.map(id).collect() }
}

/// The rules once more, in other words.
fn is_good(groups: &[Group], offer: &Offer) -> bool {
    let offered: Vec<u32> = offer.offered().map(|candidate| candidate.id).collect();
    let mut named: Vec<u32> = groups.iter().flat_map(|group| group.members.clone()).collect();
    let count = named.len();
    let known = named.iter().all(|id| offered.contains(id));
    named.sort_unstable();
    named.dedup();
    let never = Action::KeepUntil { hour: 24, minute: 0 };
    let sound = |group: &Group| group.action != never && is_reason(&group.reason);
    known && named.len() == count && groups.iter().all(sound)
}

fn is_reason(reason: &str) -> bool {
    let breaks = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
    !reason.trim().is_empty()
        && reason.chars().count() <= REASON_CHARACTERS_MAX
        && !reason.contains(breaks)
}

fn follows(plan: &Plan, groups: &[Group], offer: &Offer) {
    assert!(is_good(groups, offer) && plan.fallback.is_none());
    let of_group = |group: &Group| (group.action, group.reason.clone());
    let said: HashMap<u32, (Action, String)> = groups
        .iter()
        .flat_map(|group| group.members.iter().map(|id| (*id, of_group(group))))
        .collect();
    let mut decisions = plan.decisions.iter();
    for number in (0..MEMBERS).filter(|number| ![SERVICE, AUTHOR].contains(number)) {
        let decision = decisions.next().unwrap_or_else(|| panic!("nothing for {number}"));
        assert_eq!(decision.member.person.address, address(number));
        let unnamed = (Action::Skip, REASON_UNNAMED.to_owned());
        let id = offer.id_of(&address(number)).unwrap_or_else(|| panic!("no id for {number}"));
        let (action, reason) = said.get(&id).unwrap_or(&unnamed);
        assert_eq!((decision.action, &*decision.reason), (*action, reason.as_str()));
        assert_eq!(decision.held.is_some(), number == HOMELESS && *action != Action::Skip);
    }
    assert!(decisions.next().is_none());
}
