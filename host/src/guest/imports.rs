//! What a guest may ask its host for.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::bindings::chat_digest::guest::{directory, log, settings, types};
use super::engine::Limits;
use super::wasi::{self, Wasi};
use types::PersonId;

/// Tells names and attributes of the people of one call. The ids are those of the call's arguments.
pub trait Directory: Send + Sync {
    /// The name to show for a person, or `None` if the id is not of this call.
    fn name(&self, person: PersonId) -> Option<String>;

    /// A configured attribute of a person, such as `department`.
    fn attribute(&self, person: PersonId, key: &str) -> Option<String>;
}

/// What a call may look up.
#[derive(Clone)]
pub struct Surroundings {
    /// The people of this call.
    pub directory: Arc<dyn Directory>,
    /// `[guest.settings]` of the configuration.
    pub settings: Arc<BTreeMap<String, String>>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").finish_non_exhaustive()
    }
}

/// A line that a guest wrote to the log. Its text is the guest's: it may hold anything.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// How much it matters, in the guest's view.
    pub level: log::Level,
    /// What it says; control characters are still in it.
    pub message: String,
}

/// Answers the imports of an older version, `directory`, `settings` and `log`, as today's are.
macro_rules! imports_as_today {
    () => {
        impl directory::Host for State {
            fn name(&mut self, person: u32) -> wasmtime::Result<Option<String>> {
                super::bindings::chat_digest::guest::directory::Host::name(self, person)
            }

            fn attribute(&mut self, who: u32, key: String) -> wasmtime::Result<Option<String>> {
                super::bindings::chat_digest::guest::directory::Host::attribute(self, who, key)
            }
        }

        impl settings::Host for State {
            fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
                super::bindings::chat_digest::guest::settings::Host::get(self, key)
            }
        }

        impl log::Host for State {
            fn write(&mut self, how: log::Level, message: String) -> wasmtime::Result<()> {
                use super::types::Level;
                let how = match how {
                    log::Level::Trace => Level::Trace,
                    log::Level::Debug => Level::Debug,
                    log::Level::Info => Level::Info,
                    log::Level::Warn => Level::Warn,
                    log::Level::Error => Level::Error,
                };
                super::bindings::chat_digest::guest::log::Host::write(self, how, message)
            }
        }
    };
}
pub(super) use imports_as_today;

/// Ends a call that writes more than it may.
#[derive(Debug, thiserror::Error)]
#[error("more log lines than allowed")]
pub(super) struct LogFlood;

/// All that a store holds: one call's view of the world, and what it has used up.
pub(super) struct State {
    surroundings: Surroundings,
    pub(super) bounds: Bounds,
    pub(super) wasi: Wasi,
    log: Vec<LogLine>,
    log_bytes: usize,
    log_lines_max: usize,
    log_bytes_max: usize,
}

impl State {
    pub(super) fn new(surroundings: Surroundings, limits: &Limits) -> Self {
        Self {
            surroundings,
            bounds: Bounds {
                memory_bytes: 0,
                memory_bytes_max: limits.memory_bytes_max,
                table_entries_max: limits.table_entries_max,
                memory_denied: false,
                table_denied: false,
            },
            wasi: Wasi::new(),
            log: Vec::new(),
            log_bytes: 0,
            log_lines_max: limits.log_lines_max,
            log_bytes_max: limits.log_bytes_max,
        }
    }

    /// Adds a line to the call's log.
    pub(super) fn say(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.check_room(message.len())?;
        self.log_bytes = self.log_bytes.saturating_add(message.len());
        if self.log.len() >= self.log_lines_max {
            return Err(LogFlood.into());
        }
        self.log.push(LogLine { level, message });
        Ok(())
    }

    /// Ends a call that wants to log so many bytes more than it may.
    pub(super) fn check_room(&self, bytes: usize) -> wasmtime::Result<()> {
        let room = self.log_bytes.saturating_add(bytes) <= self.log_bytes_max;
        if room { Ok(()) } else { Err(LogFlood.into()) }
    }

    /// What the call logged. At its end.
    pub(super) fn take_log(&mut self) -> Vec<LogLine> {
        wasi::flush(self);
        std::mem::take(&mut self.log)
    }
}

impl types::Host for State {}

impl directory::Host for State {
    fn name(&mut self, person: PersonId) -> wasmtime::Result<Option<String>> {
        Ok(self.surroundings.directory.name(person))
    }

    fn attribute(&mut self, person: PersonId, key: String) -> wasmtime::Result<Option<String>> {
        Ok(self.surroundings.directory.attribute(person, &key))
    }
}

impl settings::Host for State {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        Ok(self.surroundings.settings.get(&key).cloned())
    }
}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.say(level, message)
    }
}

/// Counts the memory of all that an instance consists of.
#[derive(Debug)]
pub(super) struct Bounds {
    pub(super) memory_bytes: usize,
    memory_bytes_max: usize,
    table_entries_max: usize,
    /// Whether memory was refused: what looks like a panic then is want of memory.
    pub(super) memory_denied: bool,
    /// Whether table entries were refused, likewise.
    pub(super) table_denied: bool,
}

impl ResourceLimiter for Bounds {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        let granted = total <= self.memory_bytes_max;
        if granted {
            self.memory_bytes = total;
        }
        self.memory_denied |= !granted;
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = desired <= self.table_entries_max;
        self.table_denied |= !granted;
        Ok(granted)
    }
}
