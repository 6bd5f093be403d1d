//! A guest, and what it may look up in any call.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tracing::debug;

use crate::{
    config,
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
}

impl InService {
    /// A guest that may look up these settings and attributes.
    #[must_use]
    pub const fn new(
        guest: Guest,
        settings: Arc<BTreeMap<String, String>>,
        attributes: Arc<Latest<Attributes>>,
    ) -> Self {
        Self { guest, settings, attributes }
    }

    /// The guest.
    #[must_use]
    pub fn guest(&self) -> &Guest {
        &self.guest
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
        answer.value
    }
}

/// The bounds of calls, as configured.
pub(crate) fn limits(config: &config::Guest) -> Limits {
    let mut limits = Limits::default();
    if let Some(fuel) = config.fuel {
        limits.fuel = fuel;
    }
    if let Some(mib) = config.memory_mib.and_then(|mib| usize::try_from(mib).ok()) {
        limits.memory_bytes_max = mib.saturating_mul(1 << 20);
    }
    if let Some(ms) = config.time_ms {
        limits.deadline = Duration::from_millis(u64::from(ms));
    }
    limits
}
