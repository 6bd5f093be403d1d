//! The sections of the page: a heading and a table each. Every table says what it is about, can be
//! scrolled sideways by keyboard where it is wide, and has an end.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::{
    gather::{MINUTES, Report, Stored},
    page::{Look, len},
    words,
};
use crate::database::{GuestState, LastMail, Load, RoomStatus};

/// Rooms shown.
const ROOMS_SHOWN: usize = 200;
/// Characters of a reason, and of a component's digest.
const REASON_SHOWN: usize = 160;
const DIGEST_SHOWN: usize = 12;
/// The bars' picture: units a minute, and its height.
const BAR: i64 = 10;
const HEIGHT: i64 = 60;

fn table(id: &str, title: &str, head: &[&str], rows: &[Markup], none: &str) -> Markup {
    let caption = format!("{id}-table");
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (title) }
            @if rows.is_empty() { p { (none) } } @else {
                div.wide role="region" tabindex="0" aria-labelledby=(caption) {
                    table {
                        caption.heard id=(caption) { (title) " (" (rows.len()) ")" }
                        thead { tr { @for name in head { th scope="col" { (name) } } } }
                        tbody { @for row in rows { tr { (row) } } }
                    }
                }
            }
        }
    }
}

/// A link to the question before an action. Whoever only hears it is told what it is about.
fn action(word: &str, action: &str, what: &str, about: &str) -> Markup {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let query = query.append_pair("action", action).append_pair("what", what).finish();
    html! { a href={ "/do?" (query) } { (word) span.heard { " " (about) } } }
}

pub(super) fn queue(load: &Load) -> Markup {
    let Load { messages, unplanned, kept, held, waiting, failed, unconfirmed } = load;
    html! {
        (words::count(messages.unsigned_abs(), "message", "messages")) " received, " (unplanned) " wait for a plan, "
        (kept) " wait for a digest, " (held) " are held because no mailbox is known; "
        (words::count(waiting.unsigned_abs(), "mail", "mails")) " under way, " (failed) " given up, "
        (unconfirmed) " not seen to arrive"
    }
}

pub(super) fn hosts(stored: &Stored, look: &Look) -> Markup {
    let alive: Vec<_> = stored.hosts.iter().filter(|host| host.left_ms > 0).collect();
    html! {
        @if alive.is_empty() { "none is alive" }
        ul { @for host in &alive {
            li {
                (host.name) ": " @if host.is_in_chat() { "in the chat" } @else { "not in the chat" } ", "
                (words::count(host.duties.unsigned_abs(), "duty", "duties"))
                ", lease for " (words::span(host.left_ms))
                @if alive.len() > 1 && let Some(trouble) = &host.trouble {
                    ul { @for line in trouble.lines() { li { (look.sentence(line)) } } }
                }
            }
        } }
    }
}

pub(super) fn dead_letters(stored: &Stored, now_ms: i64, look: &Look) -> Markup {
    let row = |mail: &crate::database::Unsent| {
        html! {
            th scope="row" { code { (mail.key) } }
            td { (if mail.state == "failed" { "given up" } else { "not seen to arrive" }) }
            td { span.ago { (look.address(&mail.mailbox)) } }
            td { (mail.messages) }
            td { (look.time(mail.planned_ms, now_ms)) }
            td.long { (look.sentence(mail.error.as_deref().unwrap_or("unknown"))) }
            td { (action("Retry", "retry", &mail.key, &mail.key)) " " (action("Discard", "discard", &mail.key, &mail.key)) }
        }
    };
    let rows: Vec<_> = stored.dead.iter().map(row).collect();
    let head = ["Mail", "State", "To", "Messages", "Planned", "Why", "Actions"];
    table("dead", "Dead letters", &head, &rows, "None: no mail was given up.")
}

/// How many mails went out in each of the last minutes.
pub(super) fn deliveries(stored: &Stored, now_ms: i64, _: &Look) -> Markup {
    let last = now_ms / 60_000;
    let first = last - MINUTES + 1;
    let at =
        |minute: i64| stored.minutes.iter().find(|(one, _)| *one == minute).map_or(0, |(_, n)| *n);
    let counts: Vec<i64> = (first..=last).map(at).collect();
    let (most, sum) = (counts.iter().max().copied().unwrap_or(0), counts.iter().sum::<i64>());
    let words = format!(
        "{} in the last hour, at most {most} in one minute, {} in this one",
        words::count(sum.unsigned_abs(), "mail", "mails"),
        at(last)
    );
    html! {
        section aria-labelledby="deliveries" {
            h2 #deliveries { "Deliveries per minute" }
            p { (words) "." }
            svg.bars role="img" aria-label=(words) viewBox={ "0 0 " (BAR * MINUTES) " " (HEIGHT) } preserveAspectRatio="none" {
                path d=(bars(&counts, most)) {}
            }
        }
    }
}

fn bars(counts: &[i64], most: i64) -> String {
    let mut path = String::new();
    for (place, count) in (0_i64..).zip(counts) {
        let height = (HEIGHT * count).checked_div(most).unwrap_or(0);
        // Without any there is a line on the ground.
        let height = height.max(1);
        let _ = write!(path, "M{} {HEIGHT}v-{height}h{}v{height}z", place * BAR + 1, BAR - 2);
    }
    path
}

pub(super) fn rooms(stored: &Stored, report: &Report, look: &Look) -> Markup {
    let row = |room: &RoomStatus| {
        let paused = stored.paused.get(&room.id);
        let last = stored.last_posts.get(&room.id);
        html! {
            th scope="row" { (room.name) }
            td {
                @if let Some(since) = paused { "paused since " (look.time(*since, report.now_ms)) }
                @else if report.joined.contains(&room.id) { "joined" }
                @else if let Some(host) = &room.host { "joined by " (host) }
                @else { "not joined" }
            }
            td { @if let Some(at) = last { (look.time(*at, report.now_ms)) } @else { "none for a week" } }
            td { (room.unplanned) }
            td { (room.kept) }
            td { (room.held) }
            td { (room.gaps) }
            td { (room.people) @if !report.with_members.contains(&room.id) && room.host.is_some() { " (list not known yet)" } }
            td {
                @if paused.is_some() { (action("Resume", "resume", &room.id, &room.name)) }
                @else { (action("Pause", "pause", &room.id, &room.name)) }
            }
        }
    };
    let rows: Vec<_> = stored.rooms.iter().take(ROOMS_SHOWN).map(row).collect();
    let more = stored.rooms.len().saturating_sub(ROOMS_SHOWN);
    let head = [
        "Room",
        "State",
        "Last post",
        "Wait for a plan",
        "For a digest",
        "For a mailbox",
        "Gaps",
        "People with a mailbox",
        "Actions",
    ];
    html! {
        (table("rooms", "Rooms", &head, &rows, "None is known yet: the account is in no room, or never was connected."))
        @if more > 0 { p { "And " (words::count(len(more), "room", "rooms")) " more: chat-digest status lists all." } }
    }
}

pub(super) fn guests(stored: &Stored, report: &Report, look: &Look) -> Markup {
    let here = report.guests.iter().map(|guest| {
        let mean_ms = guest.time.as_millis().checked_div(u128::from(guest.calls.max(1))).unwrap_or(0);
        let candidate = if guest.is_candidate { "unload-candidate" } else { "unload" };
        html! {
            th scope="row" { (guest.name) @if guest.is_candidate { " (beside)" } }
            td { code { (guest.digest.get(..DIGEST_SHOWN).unwrap_or(&guest.digest)) } }
            td.long { @match &guest.out { None => "in service", Some(why) => span.bad { (look.sentence(why)) } } }
            td { (guest.calls) }
            td { (guest.failures) }
            td { (mean_ms) " ms" }
            td { (guest.fuel) }
            td {
                @if guest.is_candidate { (action("Put in service", "promote", &guest.name, &guest.name)) " " }
                @if guest.is_loaded { (action("Unload", candidate, &guest.name, &guest.name)) }
            }
        }
    });
    let rows: Vec<_> = here.collect();
    let head =
        ["Guest", "Component", "State", "Calls", "Failures", "Time a call", "Fuel", "Actions"];
    let others: Vec<_> =
        stored.guest_states.iter().filter(|state| state.state != GuestState::IN_SERVICE).collect();
    html! {
        (table("guests", "Guests on this host", &head, &rows, "None."))
        @if !others.is_empty() {
            ul { @for state in others { li { (told(state, look)) } } }
        }
    }
}

fn told(state: &GuestState, look: &Look) -> String {
    let GuestState { host, name, state, why, .. } = state;
    let why = why.as_ref().map_or_else(String::new, |why| format!(": {}", look.sentence(why)));
    format!("{host} says of \u{201c}{name}\u{201d}: {state}{why}")
}

pub(super) fn digests(stored: &Stored, now_ms: i64, look: &Look) -> Markup {
    let row = |due: &crate::database::DigestDue| {
        html! {
            th scope="row" { (due.queue) }
            td { (look.time(due.due_ms, now_ms)) }
            td { (due.people) }
            td { (due.messages) }
        }
    };
    let rows: Vec<_> = stored.digests.iter().map(row).collect();
    let head = ["Schedule", "Due", "People", "Messages"];
    table("digests", "Next digests", &head, &rows, "None: nothing waits for a digest.")
}

pub(super) fn last_mails(stored: &Stored, now_ms: i64, look: &Look) -> Markup {
    let row = |mail: &LastMail| {
        html! {
            th scope="row" { code { (mail.id) } }
            td { (look.time(mail.ended_ms, now_ms)) }
            td { (mail.state) }
            td { span.ago { (look.address(&mail.person)) } }
            td { (mail.messages) }
            td.long { (reason(mail, look)) }
        }
    };
    let rows: Vec<_> = stored.last.iter().map(row).collect();
    let head = ["Mail", "When", "Outcome", "For", "Messages", "Reason"];
    table("last", "Last mails", &head, &rows, "None has been sent yet.")
}

fn reason(mail: &LastMail, look: &Look) -> String {
    let reason = match &mail.reason {
        None => "an answer of the service".to_owned(),
        Some(reason) => look.sentence(reason),
    };
    let mut words: String = reason.chars().take(REASON_SHOWN).collect();
    if mail.reasons > 1 {
        let _ = write!(words, ", and {} more", mail.reasons - 1);
    }
    if let (Some(error), false) = (&mail.error, mail.state == "sent") {
        let _ = write!(words, " ({})", look.sentence(error));
    }
    words
}

pub(super) fn gaps(stored: &Stored, now_ms: i64, look: &Look) -> Markup {
    let row = |gap: &crate::database::GapStatus| {
        html! {
            th scope="row" { (gap.room) }
            td { @match (gap.from_id, gap.to_id) {
                (None, _) => "not known, posts have no numbers",
                (Some(from), None) => { (from) " on" }
                (Some(from), Some(to)) => { (from) " to " (to) }
            } }
            td { (look.time(gap.noted_ms, now_ms)) }
        }
    };
    let rows: Vec<_> = stored.gaps.iter().map(row).collect();
    table("gaps", "Missed posts", &["Room", "Posts", "Noticed"], &rows, "None was missed.")
}

pub(super) fn audit(stored: &Stored, now_ms: i64, look: &Look) -> Markup {
    let row = |row: &crate::database::AuditRow| {
        html! {
            th scope="row" { (row.action) }
            td { (look.time(row.done_ms, now_ms)) }
            td { (who(&row.way, &row.who, look)) }
            td { (look.sentence(&row.what)) }
            td.long { (look.sentence(row.detail.as_deref().unwrap_or_default())) }
        }
    };
    let rows: Vec<_> = stored.audit.iter().map(row).collect();
    let head = ["Action", "When", "By", "What", "More"];
    table("audit", "What was done", &head, &rows, "Nothing was done by hand yet.")
}

fn who(way: &str, who: &str, look: &Look) -> String {
    match way {
        "page" => format!("the page, from {who}"),
        "command-line" => format!("the command line, {who}"),
        "start" => "the configuration, at a start".to_owned(),
        "reload" => "the configuration, read again".to_owned(),
        "room" => format!("in a room, {}", look.address(who)),
        _ => format!("by mail, {}", look.address(who)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_cells_are_escaped() {
        let link = action("Pause", "pause", "ma-chan://c/1&x=\"<", "<b>").into_string();
        let wanted = "<a href=\"/do?action=pause&amp;what=ma-chan%3A%2F%2Fc%2F1%26x%3D%22%3C\">\
                      Pause<span class=\"heard\"> &lt;b&gt;</span></a>";
        assert_eq!(link, wanted);
    }

    #[test]
    fn bars_have_a_ground_and_an_end() {
        assert_eq!(bars(&[0, 0], 0), "M1 60v-1h8v1zM11 60v-1h8v1z");
        assert_eq!(bars(&[1, 2], 2), "M1 60v-30h8v30zM11 60v-60h8v60z");
    }
}
