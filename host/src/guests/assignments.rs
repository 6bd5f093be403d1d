//! Which guest is for which rooms.

use std::sync::Arc;

use bridge::room::Room;

use crate::{
    config::{Config, Pattern},
    database::GuestRow,
};

/// Which guest is for which rooms: by patterns of their names or addresses, of which the last that
/// fits counts.
#[derive(Clone, Debug, Default)]
pub struct Assignments(Vec<(Pattern, Arc<str>)>);

impl Assignments {
    /// What the configuration says.
    #[must_use]
    pub fn configured(config: &Config) -> Self {
        Self::new(config, &[])
    }

    /// What the configuration says, and after it what was loaded while hosts ran. A loaded guest
    /// that names rooms is for these alone.
    #[must_use]
    pub fn new(config: &Config, loaded: &[GuestRow]) -> Self {
        let in_service = || loaded.iter().filter(|row| !row.key.shadow);
        let moved =
            |name: &str| in_service().any(|row| row.key.name == name && row.rooms.is_some());
        let configured = config.guests.iter().filter(|guest| !moved(guest.name.as_str()));
        let mut rules: Vec<(Pattern, Arc<str>)> = Vec::new();
        for guest in configured {
            let name: Arc<str> = guest.name.as_str().into();
            rules.extend(guest.rooms.iter().map(|room| (room.clone(), Arc::clone(&name))));
        }
        for row in in_service() {
            let name: Arc<str> = row.key.name.as_str().into();
            let rooms = row.rooms.iter().flatten().cloned();
            // `guest load` has checked them; one that is none fits nothing.
            let rooms = rooms.filter_map(|room| Pattern::try_from(room).ok());
            rules.extend(rooms.map(|room| (room, Arc::clone(&name))));
        }
        Self(rules)
    }

    /// The guest of a room; `None` for the one of all rooms that no other is for.
    #[must_use]
    pub fn of(&self, room: &Room) -> Option<&Arc<str>> {
        let fits = |(pattern, _): &&(Pattern, _)| {
            pattern.fits(&room.name) || pattern.fits(room.id.as_str())
        };
        self.0.iter().rfind(fits).map(|(_, name)| name)
    }
}
