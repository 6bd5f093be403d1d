//! The guests in service: which one is asked about a room, what takes the place of an answer that it
//! does not give, and how another one takes its place while the host runs.
//!
//! A guest is asked through [`Guests::ask`], which knows what follows from a failure. A call keeps
//! the guest that it began with to its end; the next one finds what was put in place meanwhile.

mod assignments;
pub mod command;
mod difference;
mod keeper;
mod maker;
mod probe;
pub mod replay;
mod serving;
mod shadow;
mod traffic;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use anyhow::Result;
use bridge::{plan::Plan, room::Room};

pub use self::{
    assignments::Assignments,
    difference::{PlanDifference, TextDifference},
    keeper::Keeper,
    maker::Maker,
    serving::{AskError, Asked, Serving},
    shadow::{Difference, Shadows},
};
use crate::{
    config::GuestName, database::DueMail, in_service::InService, preferences::Preferences,
};

/// What was put in service at one time.
#[derive(Debug)]
pub(crate) struct Table {
    /// By name; one of them is called [`GuestName::DEFAULT`].
    pub(crate) serving: BTreeMap<Arc<str>, Arc<Serving>>,
    /// Candidates that are asked beside those, by the name of the guest whose place they want.
    pub(crate) shadows: BTreeMap<Arc<str>, Arc<Serving>>,
}

/// The guests in service.
#[derive(Debug)]
pub struct Guests {
    table: RwLock<Arc<Table>>,
    /// The guest of all rooms that no other is for, as long as nothing is loaded under its name.
    default: Arc<Serving>,
    built_in: InService,
    preferences: Arc<Preferences>,
}

impl Guests {
    /// Puts the configured guests in service. Compiles them: call it where that may take a while.
    ///
    /// # Errors
    /// If a configured guest cannot be read or is none; the text names the file and says what to do.
    pub fn configured(maker: &Maker, preferences: Arc<Preferences>) -> Result<Self> {
        let mut serving = BTreeMap::new();
        for name in maker.names().filter(|name| ***name != *GuestName::DEFAULT) {
            serving.insert(Arc::clone(name), Arc::new(maker.configured(name)?));
        }
        let name = Arc::from(GuestName::DEFAULT);
        let default = Arc::new(maker.configured(&name)?);
        serving.insert(name, Arc::clone(&default));
        let table = Table { serving, shadows: BTreeMap::new() };
        let built_in = maker.built_in()?;
        Ok(Self { table: RwLock::new(Arc::new(table)), default, built_in, preferences })
    }

    /// The guest of a room, as it is now.
    #[must_use]
    pub fn of(&self, room: &Room) -> Arc<Serving> {
        self.named(self.preferences.guest(room).as_deref())
    }

    /// The guest that writes a mail, as it is now: the one that was responsible for its rooms when
    /// their messages were gathered.
    #[must_use]
    pub fn of_mail(&self, mail: &DueMail) -> Arc<Serving> {
        match (&mail.guest, mail.rooms.as_slice()) {
            (Some(name), _) => self.named(Some(name)),
            (None, [room]) => self.of(room),
            (None, _) => self.named(None),
        }
    }

    fn named(&self, name: Option<&str>) -> Arc<Serving> {
        let table = self.table();
        let found = name.and_then(|name| table.serving.get(name));
        // One that was unloaded meanwhile leaves its rooms to the guest of all others.
        found.or_else(|| table.serving.get(GuestName::DEFAULT)).unwrap_or(&self.default).clone()
    }

    /// The candidate beside a guest, if there is one.
    #[must_use]
    pub fn shadow_of(&self, serving: &Serving) -> Option<Arc<Serving>> {
        self.table().shadows.get(serving.name()).cloned()
    }

    /// Asks a guest; `call` is done once more with the built-in one where it fails and that is to
    /// take its place. Blocks as `call` does.
    pub fn ask<T>(
        &self,
        serving: &Serving,
        call: impl Fn(&InService) -> Result<T, AskError>,
    ) -> Asked<T> {
        serving.ask(&self.built_in, call)
    }

    /// Applies to a guest's plan for a room what the administrator and the members have decided.
    pub fn overrule(&self, room: &Room, plan: &mut Plan) {
        self.preferences.in_room(room).overrule(plan);
    }

    /// Puts a guest in the place of the one of its name; calls that have begun keep theirs.
    pub fn swap(&self, serving: Arc<Serving>) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let mut all = table.serving.clone();
        all.insert(Arc::from(serving.name()), serving);
        *table = Arc::new(Table { serving: all, shadows: table.shadows.clone() });
    }

    /// Puts loaded guests in service beside the configured ones.
    pub(crate) fn put_loaded(&self, loaded: Vec<Arc<Serving>>, assignments: Assignments) {
        let mut serving = self.table().serving.clone();
        serving.extend(loaded.into_iter().map(|one| (Arc::from(one.name()), one)));
        self.put(Table { serving, shadows: BTreeMap::new() }, assignments);
    }

    pub(crate) fn table(&self) -> Arc<Table> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts other guests in service, all at once.
    pub(crate) fn put(&self, table: Table, assignments: Assignments) {
        self.preferences.assign(Arc::new(assignments));
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }
}
