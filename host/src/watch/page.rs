//! The pages: the overview, a question before an action, and what came of it. Written here, without
//! a framework; a small script fetches the changing part again and again, and all works without it.

use jiff::tz::TimeZone;
use lync::client::Timer;
use maud::{DOCTYPE, Markup, html};

use super::{
    actions::Order,
    gather::Report,
    sections,
    words::{self, ago},
};
use crate::{config::Config, records::time, state::ChatState};

/// How things are shown.
pub(super) struct Look {
    /// Whether people's addresses are.
    pub(super) addresses: bool,
    pub(super) zone: TimeZone,
}

impl Look {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            addresses: config.watch.show_addresses,
            zone: config.defaults.time_zone.zone().clone(),
        }
    }

    /// An address, as it may be shown.
    pub(super) fn address(&self, address: &str) -> String {
        words::address(address, self.addresses)
    }

    /// A sentence, as it may be shown.
    pub(super) fn sentence(&self, text: &str) -> String {
        words::sentence(text, self.addresses)
    }

    /// A time, and how far it is from now.
    pub(super) fn time(&self, at_ms: i64, now_ms: i64) -> Markup {
        html! { time { (time(at_ms, &self.zone)) } " " span.ago { "(" (ago(at_ms, now_ms)) ")" } }
    }
}

/// The whole page.
pub(super) fn overview(report: &Report, look: &Look) -> Markup {
    shell(
        "chat-digest: how it is doing",
        true,
        html! {
            p.refresh {
                a href="/" { "Refresh" }
                " "
                button #pause type="button" hidden aria-pressed="false" { "Stop updating" }
            }
            div #live { (live(report, look)) }
        },
    )
}

/// The part that changes.
pub(super) fn live(report: &Report, look: &Look) -> Markup {
    html! {
        p.now { "As of " time { (time(report.now_ms, &look.zone)) } ", " (look.zone.iana_name().unwrap_or("UTC")) "." }
        (status(report, look))
        @match &report.stored {
            Ok(stored) => {
                (sections::dead_letters(stored, report.now_ms, look))
                (sections::deliveries(stored, report.now_ms, look))
                (sections::rooms(stored, report, look))
                (sections::guests(stored, report, look))
                (sections::digests(stored, report.now_ms, look))
                (sections::last_mails(stored, report.now_ms, look))
                (sections::gaps(stored, report.now_ms, look))
                (sections::audit(stored, report.now_ms, look))
            }
            Err(_) => {
                p { "What only the database knows (rooms, queue, mails) is shown again when it answers." }
            }
        }
    }
}

fn status(report: &Report, look: &Look) -> Markup {
    let now = report.now_ms;
    let lacking = attention(report);
    let is_well = lacking.is_empty();
    let pool = match &report.here.chat {
        ChatState::Connecting => (
            "wait",
            match &report.here.away {
                None => "connecting".to_owned(),
                Some(why) => format!("connecting again: {}", look.sentence(why)),
            },
        ),
        ChatState::SignedIn => ("wait", "signed in; rooms are being joined".to_owned()),
        ChatState::Live => {
            let rooms = words::count(len(report.joined.len()), "room", "rooms");
            ("well", format!("connected, in {rooms}"))
        }
        ChatState::Offline(why) => ("bad", format!("not connected: {}", look.sentence(why))),
    };
    let exchange = match report.here.mail.first() {
        None => ("well", format!("{}: nothing stands in the way of mail", report.exchange)),
        Some(why) => ("bad", look.sentence(why)),
    };
    let database = match &report.stored {
        Ok(_) => ("well", "answers".to_owned()),
        Err(why) => ("bad", look.sentence(why)),
    };
    html! {
        section aria-labelledby="status" {
            h2 #status { "Status" }
            p.verdict.well[is_well].bad[!is_well] role="status" {
                @if is_well { "Well: messages become mails." } @else { "Needs attention: " (lacking.join(", ")) "." }
            }
            dl {
                dt { "Pool" }
                dd {
                    (light(&pool))
                    @if report.chat_since_ms > 0 { ", since " (look.time(report.chat_since_ms, now)) }
                    @if let Some((left, timer)) = report.chat_timer { "; " (left.as_secs()) " s " (awaited(timer)) }
                }
                dt { "Exchange" }
                dd { (light(&exchange)) }
                dt { "Database" }
                dd { (light(&database)) }
                @for (name, what) in [("Clock", &report.here.clock), ("Disk", &report.here.disk)] {
                    @if let Some(what) = what {
                        dt { (name) }
                        dd { (light(&("bad", look.sentence(unprefixed(what))))) }
                    }
                }
                dt { "Back-off" }
                dd { (back_off(report, look)) }
                @if let Ok(stored) = &report.stored {
                    dt { "Queue" }
                    dd { (sections::queue(&stored.load)) }
                    dt { "Hosts" }
                    dd { (sections::hosts(stored, look)) }
                }
                @if !report.here.refused.is_empty() {
                    dt { "Refused rooms" }
                    dd { ul { @for (room, why) in report.here.refused.iter().take(REFUSED_SHOWN) {
                        li { (look.sentence(room)) ": " (look.sentence(why)) }
                    } } }
                }
            }
        }
    }
}

/// What an administrator should look at, in few words.
fn attention(report: &Report) -> Vec<String> {
    let mut lacking = Vec::new();
    if report.here.chat != ChatState::Live {
        lacking.push("not in the chat".to_owned());
    }
    if report.here.mail.first().is_some() {
        lacking.push("Exchange takes no mail".to_owned());
    }
    if report.here.clock.is_some() {
        lacking.push("the clock was set".to_owned());
    }
    if report.here.disk.is_some() {
        lacking.push("there is little room on the disk".to_owned());
    }
    for guest in report.guests.iter().filter(|guest| guest.out.is_some()) {
        lacking.push(format!("the guest \u{201c}{}\u{201d} is out of service", guest.name));
    }
    let Ok(stored) = &report.stored else {
        lacking.push("the database does not answer".to_owned());
        return lacking;
    };
    let dead = stored.load.failed.saturating_add(stored.load.unconfirmed);
    if dead > 0 {
        lacking.push(words::count(dead.unsigned_abs(), "dead letter", "dead letters"));
    }
    let waits = |since_ms: Option<i64>| {
        since_ms.is_some_and(|since_ms| report.now_ms.saturating_sub(since_ms) > LATE_MS)
    };
    if waits(stored.oldest.unplanned_ms) {
        lacking.push("messages wait for a plan".to_owned());
    }
    if waits(stored.oldest.due_ms) {
        lacking.push("mails are overdue".to_owned());
    }
    lacking
}

/// A sentence of the log without the word that says what it is about.
fn unprefixed(sentence: &str) -> &str {
    sentence.split_once(": ").map_or(sentence, |(_, rest)| rest)
}

/// How long something may be late before it is said, in milliseconds.
const LATE_MS: i64 = 300_000;

/// What a session waits for.
const fn awaited(timer: Timer) -> &'static str {
    match timer {
        Timer::Answer => "for an answer at most",
        Timer::Command => "for a reply of the chat service at most",
        Timer::Registration => "until the registration is refreshed",
        Timer::Provisioning => "for the provisioning document at most",
        Timer::Chat => "until the chat service is called again",
        Timer::Update => "until the chat dialog is kept alive",
        Timer::Join => "until the next rooms are joined",
        Timer::Recheck => "until a quiet room is checked",
        Timer::KeepAlive => "until the connection is kept alive",
    }
}

/// Rooms that were asked for and refused, on the page.
const REFUSED_SHOWN: usize = 20;

/// Never by its colour alone.
fn light((kind, words): &(&str, String)) -> Markup {
    let sign = match *kind {
        "well" => "✓ ",
        "wait" => "… ",
        _ => "✗ ",
    };
    html! { span class=(kind) { span aria-hidden="true" { (sign) } (words) } }
}

fn back_off(report: &Report, look: &Look) -> Markup {
    let rest_ms = report.rest.and_then(|rest| i64::try_from(rest.as_millis()).ok());
    let signs_in_ms = rest_ms.map(|rest_ms| report.now_ms.saturating_add(rest_ms));
    let waits = [
        (report.chat_waits_ms, "the pool is tried again"),
        (report.mail_waits_ms, "Exchange is asked again"),
        (signs_in_ms, "the account signs in to Exchange again"),
    ];
    let waits: Vec<_> = waits.iter().filter_map(|(at, what)| Some(((*at)?, what))).collect();
    html! {
        @if waits.is_empty() { "none" }
        @for (place, (at_ms, what)) in waits.iter().enumerate() {
            @if place > 0 { "; " }
            (what) " at " (look.time(*at_ms, report.now_ms))
        }
    }
}

/// Asks before something is done.
pub(super) fn question(order: &Order, question: &str, seal: &str) -> Markup {
    shell(
        "chat-digest: are you sure?",
        false,
        html! {
            p.question { (question) }
            form method="post" action="/do" {
                input type="hidden" name="action" value=(order.action());
                input type="hidden" name="what" value=(order.what());
                input type="hidden" name="seal" value=(seal);
                button type="submit" { "Yes, do it" }
                " "
                a href="/" { "No, back to the page" }
            }
        },
    )
}

/// Tells something, and leads back.
pub(super) fn told(what: &str) -> Markup {
    shell(
        "chat-digest",
        false,
        html! {
            p role="status" { (what) }
            p { a href="/" { "Back to the page" } }
        },
    )
}

/// Asks for the token.
pub(super) fn sign_in(was_wrong: bool) -> Markup {
    shell(
        "chat-digest: sign in",
        false,
        html! {
            @if was_wrong { p.bad role="alert" { "This is not the token: it is what `token` under [watch] names." } }
            form method="post" action="/sign-in" {
                label for="token" { "Token" }
                " "
                input #token type="password" name="token" autocomplete="current-password" required autofocus;
                " "
                button type="submit" { "Sign in" }
            }
        },
    )
}

fn shell(title: &str, is_live: bool, content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="stylesheet" href="/page.css";
                link rel="icon" href="/icon.svg" type="image/svg+xml";
                @if is_live { script src="/page.js" defer {} }
            }
            body {
                header { h1 { (title) } }
                main { (content) }
                footer { p { "chat-digest " (env!("CARGO_PKG_VERSION")) } }
            }
        }
    }
}

pub(super) fn len(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
