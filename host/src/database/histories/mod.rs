//! Random histories on virtual time against a small model of who must get what: a pool and a mail
//! server that misbehave, people who come, go and choose, clocks that jump, and a host that is killed
//! between any two effects and begins anew.
//!
//! What is real: `lync`'s session and pool, the driver that leads what the session says to the
//! database, the database, all of `bridge`, and what Exchange's errors mean. What is a model: the mail
//! server ([`exchange`]) and the guest ([`stages`]).
//!
//! `HISTORIES=1000000 cargo test --release -p host --lib histories -- --nocapture` plays a million
//! and tells after every thousand how it goes. `HISTORY=<seed> cargo test -p host --lib histories`
//! replays one. A history that fails is played again with fewer steps, for the least that still do.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod chance;
mod exchange;
mod intake;
mod model;
mod script;
mod stages;
mod steps;
mod tally;
mod world;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use self::{
    script::{Setup, Step, script},
    tally::Tally,
    world::World,
};

/// Histories of an ordinary run.
const HISTORIES: u64 = 2000;
/// How often it is told how far a long run has come.
const TOLD_EVERY: u64 = 1000;

/// Plays one history; `is_told` prints what happens.
fn play(seed: u64, setup: &Setup, steps: &[Step], is_told: bool) -> Result<Tally, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let history = AssertUnwindSafe(|| {
        runtime.block_on(async {
            let mut world = World::new(seed, setup.clone()).await;
            world.is_told = is_told;
            world.begin().await;
            for step in steps {
                world.step(step).await;
            }
            world.settle().await;
            world.farewell().await;
            world.check().await;
            world.tally.histories = 1;
            world.tally
        })
    });
    catch_unwind(history).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default()
    })
}

/// The steps that it takes for a history to fail: pieces are left out, then single steps, as long as
/// it still does.
fn shrink(seed: u64, setup: &Setup, mut steps: Vec<Step>, mut why: String) -> (Vec<Step>, String) {
    let mut size = steps.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        while from < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(from..(from + size).min(steps.len()));
            match play(seed, setup, &fewer, false) {
                Err(reason) => (steps, why) = (fewer, reason),
                Ok(_) => from += size,
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    (steps, why)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// A history that failed, shrunk; plays until there is one, or no seed is left.
struct Run {
    next: AtomicU64,
    end: u64,
    tally: Mutex<Tally>,
    failed: Mutex<Option<String>>,
    begun: Instant,
}

impl Run {
    fn work(&self) {
        while self.failed.lock().unwrap().is_none() {
            let seed = self.next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.end {
                return;
            }
            let (setup, steps) = script(seed);
            match play(seed, &setup, &steps, false) {
                Ok(tally) => self.count(tally),
                Err(why) => {
                    let (steps, why) = shrink(seed, &setup, steps, why);
                    let _ = play(seed, &setup, &steps, true);
                    let text = format!(
                        "history {seed} fails: {why}\nHISTORY={seed} replays it; it takes {setup:?} and {} steps: {steps:?}",
                        steps.len()
                    );
                    *self.failed.lock().unwrap() = Some(text);
                }
            }
        }
    }

    fn count(&self, tally: Tally) {
        let mut sum = self.tally.lock().unwrap();
        sum.add(tally);
        if sum.histories.is_multiple_of(TOLD_EVERY) {
            println!("{:.0} s: {sum}", self.begun.elapsed().as_secs_f64());
        }
    }
}

#[test]
fn histories_lose_and_double_nothing() {
    let (next, end) = match number("HISTORY") {
        Some(seed) => (seed, seed + 1),
        None => {
            let from = number("FROM").unwrap_or(0);
            (from, from + number("HISTORIES").unwrap_or(HISTORIES))
        }
    };
    let run = Run {
        next: AtomicU64::new(next),
        end,
        tally: Mutex::default(),
        failed: Mutex::default(),
        begun: crate::clock::now().instant,
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| run.work());
        }
    });
    println!("{}", run.tally.lock().unwrap());
    if let Some(text) = run.failed.lock().unwrap().take() {
        panic!("{text}");
    }
}
