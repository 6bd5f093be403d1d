//! What goes wrong with the servers meanwhile, drawn by dice: all that ews.md 9.5 names, and what a
//! pool can do to a host without losing a post.

use std::{collections::BTreeMap, time::Duration};

use ews::{code::ResponseCode, server::Fault};
use host::clock;
use lync::server::Pool;
use tokio::sync::watch;

use crate::{Dice, World};

/// How often each kind of trouble was made.
pub(super) type Tally = BTreeMap<&'static str, usize>;

/// Most requests of an operation that pass between two faults.
const PASSED_MAX: usize = 4;
/// Faults that wait for their request at once.
const WAITING_MAX: usize = 3;
/// One fault of so many is one after which the account rests for minutes.
const GRAVE_EVERY: usize = 40;
/// Which operations meet faults; `None` is any, whoever asks.
const OPERATIONS: [Option<&str>; 8] = [
    Some("CreateItem"),
    Some("CreateItem"),
    Some("CreateItem"),
    Some("SendItem"),
    Some("SendItem"),
    Some("SendItem"),
    Some("FindItem"),
    None,
];

/// Lets one request after the other fail until `stop` turns true. Grave faults make the account
/// rest for a quarter of an hour, so they are for runs that let this time pass.
pub(super) async fn of_exchange(
    world: &World,
    mut dice: Dice,
    grave: bool,
    mut stop: watch::Receiver<bool>,
) -> Tally {
    let mut tally = Tally::new();
    let mut changes = world.embedded.exchange.changes();
    while !*stop.borrow_and_update() {
        world.exchange(|exchange| {
            while exchange.faults.waiting().len() < WAITING_MAX {
                let operation = *dice.pick(&OPERATIONS);
                let skip = u32::try_from(dice.roll(PASSED_MAX)).unwrap();
                let fault = draw(&mut dice, grave);
                *tally.entry(name(&fault)).or_default() += 1;
                exchange.faults.add_later(operation, skip, 1, fault);
            }
        });
        tokio::select! {
            changed = changes.changed() => changed.unwrap(),
            _ = stop.changed() => {}
        }
    }
    world.exchange(|exchange| {
        for unmet in exchange.faults.waiting() {
            tally.entry(name(unmet)).and_modify(|count| *count -= 1);
        }
        exchange.faults.clear();
    });
    tally.retain(|_, count| *count > 0);
    tally
}

fn draw(dice: &mut Dice, grave: bool) -> Fault {
    let item = |code, at| Fault::Item { code: ResponseCode::new(code), at: Some(at) };
    if grave && dice.roll(GRAVE_EVERY) == 0 {
        return match dice.roll(4) {
            0 => http(401, None),
            1 => http(403, None),
            2 => http(456, None),
            _ => http(302, Some(("Location", "https://elsewhere.example/"))),
        };
    }
    let milliseconds = u32::try_from(50 + dice.roll(300)).unwrap();
    match dice.roll(16) {
        0..=2 => Fault::DropAfter,
        3 => Fault::Truncate { bytes: dice.roll(800) },
        4 => Fault::DropBefore,
        5 => Fault::ServerBusy { back_off_ms: Some(milliseconds) },
        6 => http(503, Some(("Retry-After", "1"))),
        7 => http(429, Some(("Retry-After", "1"))),
        8 => http(500, None),
        9 => http(500, Some(("X-CasErrorCode", "BackEndFailure"))),
        10 | 11 => Fault::Delay(Duration::from_millis(milliseconds.into()) * 3),
        12 => item("ErrorMailboxStoreUnavailable", dice.roll(3)),
        13 => item("ErrorBatchProcessingStopped", dice.roll(3)),
        14 if dice.roll(2) == 0 => Fault::StaleChangeKey,
        14 => Fault::RewriteMessageId,
        _ => Fault::Park(Duration::from_millis(milliseconds.into()) * 8),
    }
}

fn http(status: u16, header: Option<(&str, &str)>) -> Fault {
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Fault::Http { status, headers: header.map(own).into_iter().collect() }
}

fn name(fault: &Fault) -> &'static str {
    match fault {
        Fault::Http { headers, .. } if headers.iter().any(|(name, _)| name == "X-CasErrorCode") => {
            "HTTP 500 with X-CasErrorCode"
        }
        Fault::Http { status: 302, .. } => "HTTP 302",
        Fault::Http { status: 401, .. } => "HTTP 401",
        Fault::Http { status: 403, .. } => "HTTP 403",
        Fault::Http { status: 429, .. } => "HTTP 429",
        Fault::Http { status: 456, .. } => "HTTP 456",
        Fault::Http { status: 503, .. } => "HTTP 503",
        Fault::Http { .. } => "HTTP 500",
        Fault::ServerBusy { .. } => "busy with back-off",
        Fault::Soap(_) => "refused as a whole",
        Fault::Item { .. } => "an item refused",
        Fault::StaleChangeKey => "change key stale",
        Fault::DropBefore => "connection reset before effect",
        Fault::DropAfter => "answer lost after effect",
        Fault::Truncate { .. } => "answer cut short",
        Fault::Delay(_) => "slow",
        Fault::Park(_) => "parked in the Outbox",
        Fault::RewriteMessageId => "Message-ID rewritten",
        Fault::Lose => "lost for good",
    }
}

/// What a pool does: a name and how.
type Bend = (&'static str, fn(&mut Pool));

const BENDS: [Bend; 13] = [
    ("pool restarted", |pool| pool.restart(clock::now())),
    ("chat service restarted", |pool| pool.restart_chat(clock::now())),
    ("INFO answered 481", |pool| pool.faults.info_481 = 1),
    ("INFO answered 503", |pool| pool.faults.info_503 = 1),
    ("UPDATE answered 481", |pool| pool.faults.update_481 = 1),
    ("dead dialog still fed", |pool| {
        pool.faults.stale_dialogs = 1;
        pool.faults.info_481 = 1;
    }),
    ("posts sent twice", |pool| pool.faults.duplicates = 3),
    ("gap in the numbers", |pool| pool.faults.id_gaps = 1),
    ("history newest first", |pool| pool.faults.reversed_histories = 2),
    ("live posts overtake the join", |pool| {
        pool.faults.early_posts = 2;
        pool.faults.slow_by = Duration::from_millis(300);
    }),
    ("slow commands", |pool| {
        pool.faults.slow_replies = 3;
        pool.faults.slow_by = Duration::from_millis(300);
    }),
    ("answers merged", |pool| pool.faults.merged_replies = 1),
    ("heads in pieces", |pool| {
        pool.faults.split_bytes = match pool.faults.split_bytes {
            None => Some(61),
            Some(_) => None,
        };
    }),
];

/// Lets the pool do one thing wrong.
pub(super) async fn of_pool(world: &World, dice: &mut Dice, tally: &mut Tally) {
    let (name, bend) = *dice.pick(&BENDS);
    world.pool(bend).await;
    *tally.entry(name).or_default() += 1;
}
