//! Guests that were built against the contract's version 0.1.0. They are asked in its terms: what
//! came later is left out, and their answers are said in today's terms.
//!
//! Every string is copied once more than for a guest of today.

use wasmtime::Store;

use super::call::PlanInput;
use super::imports::{State, imports_as_today};
use super::types as now;

use then::chat_digest::guest::types as old;
use then::chat_digest::guest::{directory, log, settings};

pub(super) use then::{Guest, GuestPre};

/// What `bindgen!` makes of the contract of then.
mod then {
    #![allow(missing_docs, unreachable_pub, unused_qualifications, reason = "generated")]
    #![allow(
        clippy::allow_attributes_without_reason,
        clippy::semicolon_if_nothing_returned,
        reason = "generated"
    )]
    wasmtime::component::bindgen!({
        path: "../wit/0.1.0",
        world: "guest",
        imports: { default: trappable },
    });
}

/// Asks for a plan.
pub(super) fn plan(
    guest: &Guest,
    store: &mut Store<State>,
    input: &PlanInput,
) -> wasmtime::Result<Result<Vec<now::Group>, String>> {
    let members: Vec<_> = input.members.iter().map(member).collect();
    let answer = guest.call_plan(store, &room(&input.room), &message(&input.message), &members)?;
    Ok(answer.map(|groups| groups.into_iter().map(group).collect()))
}

/// Asks for a mail.
pub(super) fn compose(
    guest: &Guest,
    store: &mut Store<State>,
    given: &now::Edition,
) -> wasmtime::Result<Result<now::Mail, String>> {
    Ok(guest.call_compose(store, &edition(given))?.map(mail))
}

/// Enumerations of the same cases.
macro_rules! same_cases {
    ($($name:ident($from:ty) -> $to:ty { $($case:ident)+ })+) => {
        $(fn $name(one: $from) -> $to {
            match one {
                $(<$from>::$case => <$to>::$case,)+
            }
        })+
    };
}

same_cases! {
    role(now::Role) -> old::Role { Member Presenter Manager }
    presence(now::Presence) -> old::Presence { Unknown Joined Absent }
    wish(now::Wish) -> old::Wish { None Instant Digest Mentions Off }
    room_kind(now::RoomKind) -> old::RoomKind { Normal Auditorium }
    privacy(now::Privacy) -> old::Privacy { Unknown Open Closed Secret }
    action(old::Action) -> now::Action { MailNow Keep Skip }
    importance(old::Importance) -> now::Importance { Low Normal High }
}

fn member(one: &now::Member) -> old::Member {
    let now::Member { id, role: plays, presence: is, named, wish: wants, language, .. } = *one;
    old::Member {
        id,
        role: role(plays),
        presence: presence(is),
        named,
        wish: wish(wants),
        language,
    }
}

fn room(one: &now::Room) -> old::Room {
    old::Room {
        id: one.id,
        name: one.name.clone(),
        description: one.description.clone(),
        topic: one.topic.clone(),
        kind: room_kind(one.kind),
        privacy: privacy(one.privacy),
    }
}

fn moment(one: now::Moment) -> old::Moment {
    let now::Moment { unix_ms, year, month, day, weekday, hour, minute, second, offset_minutes } =
        one;
    old::Moment { unix_ms, year, month, day, weekday, hour, minute, second, offset_minutes }
}

fn link(one: &now::Link) -> old::Link {
    old::Link { address: one.address.clone(), words: one.words.clone() }
}

fn part(one: &now::Part) -> old::Part {
    match one {
        now::Part::Text(words) => old::Part::Text(words.clone()),
        now::Part::LineBreak => old::Part::LineBreak,
        now::Part::Hyperlink(to) => old::Part::Hyperlink(link(to)),
        now::Part::RoomLink(to) => old::Part::RoomLink(link(to)),
        now::Part::FileLink(to) => old::Part::FileLink(link(to)),
        now::Part::Emoticon(sign) => old::Part::Emoticon(sign.clone()),
        now::Part::Mention(now::Mention { words, person }) => {
            old::Part::Mention(old::Mention { words: words.clone(), person: *person })
        }
    }
}

fn kind(one: &now::Kind) -> old::Kind {
    match one {
        now::Kind::Message => old::Kind::Message,
        now::Kind::Alert => old::Kind::Alert,
        now::Kind::Story(title) => old::Kind::Story(title.clone()),
        now::Kind::Gap(now::Gap { missing }) => old::Kind::Gap(old::Gap { missing: *missing }),
    }
}

fn message(one: &now::Message) -> old::Message {
    old::Message {
        room: one.room,
        author: one.author.clone(),
        author_person: one.author_person,
        sent: moment(one.sent),
        kind: kind(&one.kind),
        parts: one.parts.iter().map(part).collect(),
        late: one.late,
    }
}

fn edition(one: &now::Edition) -> old::Edition {
    let now::Readers { language, time_zone } = &one.readers;
    let item = |item: &now::Item| old::Item {
        message: message(&item.message),
        reason: item.reason.clone(),
        named: item.named,
    };
    old::Edition {
        readers: old::Readers { language: *language, time_zone: time_zone.clone() },
        rooms: one.rooms.iter().map(room).collect(),
        items: one.items.iter().map(item).collect(),
        digest: one.digest,
        summaries: one.summaries.clone(),
    }
}

fn group(one: old::Group) -> now::Group {
    now::Group { action: action(one.action), reason: one.reason, members: one.members }
}

fn mail(one: old::Mail) -> now::Mail {
    let old::Mail { subject, preview, html, text, listing, importance: loud } = one;
    now::Mail { subject, preview, html, text, listing, importance: importance(loud) }
}

impl old::Host for State {}

imports_as_today!();
