//! One guest in service, how it has done so far, and what follows when it fails.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

use tracing::{debug, error};

use crate::{
    config::{Failures, OnFailure},
    in_service::InService,
};

/// Why a guest gave no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskError {
    /// There was no place for the call: nothing is wrong with the guest.
    Busy,
    /// It failed, or its answer was refused.
    Failed(String),
}

/// What came of asking a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked<T> {
    /// Its answer.
    Answer(T),
    /// The built-in guest's answer, and why.
    Instead(T, String),
    /// There was no place for the call: ask again.
    Busy,
    /// Nothing takes its place: what it was asked about waits, and why.
    Held(String),
    /// Neither it nor the built-in guest gave an answer, and why.
    Failed(String),
}

/// A guest in service under a name.
#[derive(Debug)]
pub struct Serving {
    name: Arc<str>,
    guest: InService,
    /// Whether it was loaded while hosts ran, rather than configured.
    loaded: bool,
    on_failure: OnFailure,
    failures_max: u32,
    calls: AtomicU64,
    failures: AtomicU64,
    in_a_row: AtomicU32,
    /// Why it is not asked any more.
    out: Mutex<Option<String>>,
}

impl Serving {
    /// Puts a guest in service under a name.
    #[must_use]
    pub fn new(
        name: Arc<str>,
        guest: InService,
        on_failure: OnFailure,
        Failures(failures_max): Failures,
    ) -> Self {
        Self {
            name,
            guest,
            loaded: false,
            on_failure,
            failures_max,
            calls: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            in_a_row: AtomicU32::new(0),
            out: Mutex::new(None),
        }
    }

    /// The same, as one that was loaded while hosts ran.
    #[must_use]
    pub fn loaded(self) -> Self {
        Self { loaded: true, ..self }
    }

    /// Whether it was loaded while hosts ran, rather than configured.
    #[must_use]
    pub const fn is_loaded(&self) -> bool {
        self.loaded
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The guest with its settings.
    #[must_use]
    pub fn guest(&self) -> &InService {
        &self.guest
    }

    /// SHA-256 of its component, in hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        self.guest.guest().digest()
    }

    /// Calls since it came into service, and those of them without a usable answer.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.calls.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }

    /// Why it is not asked any more, if it is not.
    #[must_use]
    pub fn out_of_service(&self) -> Option<String> {
        self.out().clone()
    }

    fn out(&self) -> MutexGuard<'_, Option<String>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks this guest alone.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn ask_alone<T>(
        &self,
        call: impl Fn(&InService) -> Result<T, AskError>,
    ) -> Result<T, AskError> {
        if let Some(why) = self.out_of_service() {
            return Err(AskError::Failed(why));
        }
        let answer = call(&self.guest);
        match &answer {
            Ok(_) => {
                self.calls.fetch_add(1, Ordering::Relaxed);
                self.in_a_row.store(0, Ordering::Relaxed);
            }
            Err(AskError::Busy) => {}
            Err(AskError::Failed(why)) => self.note_failure(why),
        }
        answer
    }

    /// Asks it, and where it fails does what was configured for that.
    pub(super) fn ask<T>(
        &self,
        built_in: &InService,
        call: impl Fn(&InService) -> Result<T, AskError>,
    ) -> Asked<T> {
        let why = match self.ask_alone(&call) {
            Ok(answer) => return Asked::Answer(answer),
            Err(AskError::Busy) => return Asked::Busy,
            Err(AskError::Failed(why)) => why,
        };
        if self.on_failure == OnFailure::Hold {
            return Asked::Held(why);
        }
        if self.digest() == built_in.guest().digest() {
            return Asked::Failed(why);
        }
        match call(built_in) {
            Ok(answer) => Asked::Instead(answer, why),
            Err(AskError::Busy) => Asked::Busy,
            Err(AskError::Failed(also)) => Asked::Failed(format!("{why}; {also}")),
        }
    }

    fn note_failure(&self, why: &str) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.failures.fetch_add(1, Ordering::Relaxed);
        let in_a_row = self.in_a_row.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        debug!(guest = %self.name, "guest: {why}");
        if self.failures_max == 0 || in_a_row < self.failures_max {
            return;
        }
        let mut out = self.out();
        if out.is_none() {
            let after = match in_a_row {
                1 => format!("a failure: {why}"),
                _ => format!("{in_a_row} failures in a row; the last: {why}"),
            };
            let words = format!("the guest `{}` is out of service after {after}", self.name);
            error!(
                "{words}; put it right and load it again: chat-digest guest load FILE --name {}",
                self.name
            );
            *out = Some(words);
        }
    }
}
