//! The guest in service, and what it may look up in any call.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use tracing::debug;

use crate::{
    config::{self, Config},
    guest::{Answer, Directory, Guest, Limits, LogLine, PREBUILT, Sandbox, Surroundings},
    translate::{self, Attributes},
};

/// A guest with its settings. Cheap to clone.
#[derive(Clone)]
pub struct InService {
    guest: Guest,
    settings: Arc<BTreeMap<String, String>>,
    attributes: Arc<Attributes>,
}

impl InService {
    /// Loads the configured guest, or the one that ships with the host. `cache` is a directory for
    /// compiled code.
    ///
    /// # Errors
    /// If the file cannot be read or is no guest; the text names the file and says what to do.
    pub fn load(config: &Config, cache: &Path) -> Result<Self> {
        let limits = limits(&config.guest);
        let sandbox = Sandbox::new(&limits).context("the sandbox for guests cannot be made")?;
        let guest = match &config.guest.file {
            None => sandbox.load(PREBUILT, "built-in", Some(cache))?,
            Some(path) => {
                let shown = path.display();
                let length =
                    std::fs::metadata(path).with_context(|| format!("guest.file: {shown}"))?.len();
                let bytes_max = u64::try_from(limits.component_bytes_max)?;
                anyhow::ensure!(
                    length <= bytes_max,
                    "guest.file: {shown}: {length} bytes, at most {bytes_max} are loaded"
                );
                let bytes = std::fs::read(path).with_context(|| format!("guest.file: {shown}"))?;
                let name = path
                    .file_name()
                    .map_or_else(|| shown.to_string(), |name| name.to_string_lossy().into_owned());
                sandbox
                    .load(&bytes, &name, Some(cache))
                    .with_context(|| format!("guest.file: {shown}"))?
            }
        };
        Ok(Self {
            guest,
            settings: Arc::new(config.guest.settings.clone()),
            attributes: Arc::new(translate::attributes(config)),
        })
    }

    /// The guest.
    #[must_use]
    pub fn guest(&self) -> &Guest {
        &self.guest
    }

    /// What the administrator has configured about people.
    #[must_use]
    pub fn attributes(&self) -> Arc<Attributes> {
        Arc::clone(&self.attributes)
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

fn limits(config: &config::Guest) -> Limits {
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
