//! A guest, and what it may look up in any call.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tracing::debug;

use crate::{
    config::{self, Within},
    guest::{Answer, Directory, Guest, Limits, LogLine, Surroundings},
    latest::Latest,
    translate::Attributes,
};

/// A guest with its settings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct InService {
    guest: Guest,
    settings: Arc<BTreeMap<String, String>>,
    attributes: Arc<Latest<Attributes>>,
    spent: Arc<Spent>,
}

/// What the answers of a guest have cost since it came into service.
#[derive(Debug, Default)]
pub struct Spent {
    fuel: AtomicU64,
    us: AtomicU64,
}

impl Spent {
    /// Fuel, about one unit an instruction.
    #[must_use]
    pub fn fuel(&self) -> u64 {
        self.fuel.load(Ordering::Relaxed)
    }

    /// Time.
    #[must_use]
    pub fn time(&self) -> Duration {
        Duration::from_micros(self.us.load(Ordering::Relaxed))
    }
}

impl InService {
    /// A guest that may look up these settings and attributes.
    #[must_use]
    pub fn new(
        guest: Guest,
        settings: Arc<BTreeMap<String, String>>,
        attributes: Arc<Latest<Attributes>>,
    ) -> Self {
        Self { guest, settings, attributes, spent: Arc::default() }
    }

    /// The guest.
    #[must_use]
    pub fn guest(&self) -> &Guest {
        &self.guest
    }

    /// What its answers have cost.
    #[must_use]
    pub fn spent(&self) -> &Spent {
        &self.spent
    }

    /// What the administrator has configured about people.
    #[must_use]
    pub fn attributes(&self) -> Arc<Attributes> {
        self.attributes.now()
    }

    /// What a call with these people may look up.
    #[must_use]
    pub fn surroundings(&self, people: Arc<dyn Directory>) -> Surroundings {
        Surroundings { directory: people, settings: Arc::clone(&self.settings) }
    }

    /// Takes the value out of an answer, and logs what the guest said. It may be chat text: DEBUG.
    #[must_use]
    pub fn heard<T>(&self, answer: Answer<T>) -> T {
        for LogLine { level, message } in &answer.log {
            debug!(guest = self.guest.name(), ?level, "guest: {}", message.escape_debug());
        }
        debug!(
            guest = self.guest.name(),
            fuel = answer.fuel_used,
            us = answer.elapsed.as_micros(),
            "guest: answered"
        );
        self.spent.fuel.fetch_add(answer.fuel_used, Ordering::Relaxed);
        let us = u64::try_from(answer.elapsed.as_micros()).unwrap_or(u64::MAX);
        self.spent.us.fetch_add(us, Ordering::Relaxed);
        answer.value
    }
}

/// The bounds of calls, as configured.
pub(crate) fn limits(config: &config::Guest) -> Limits {
    let mut limits = Limits::default();
    if let Some(fuel) = config.fuel {
        limits.fuel = fuel;
    }
    if let Some(Within(ms)) = config.time_ms {
        limits.deadline = Duration::from_millis(u64::from(ms));
    }
    if let Some(Within(calls)) = config.calls {
        limits.calls_max = calls;
    }
    let set = |limit: &mut usize, value: Option<u32>, unit: usize| {
        if let Some(value) = value.and_then(|value| usize::try_from(value).ok()) {
            *limit = value.saturating_mul(unit);
        }
    };
    set(&mut limits.memory_bytes_max, config.memory_mib.map(|one| one.0), 1 << 20);
    set(&mut limits.stack_bytes_max, config.stack_kib.map(|one| one.0), 1 << 10);
    set(&mut limits.answer_bytes_max, config.answer_kib.map(|one| one.0), 1 << 10);
    set(&mut limits.table_entries_max, config.table_entries.map(|one| one.0), 1);
    limits
}
