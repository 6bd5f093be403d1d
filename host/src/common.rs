//! What several stages work with.

use std::sync::Arc;

use crate::{
    config::Config, database::Database, latest::Latest, leases::Leases, preferences::Preferences,
    rooms::Rooms, state::State, trace::Recorder,
};

/// What several stages work with. Cheap to clone.
#[derive(Clone)]
pub struct Common {
    /// The configuration that the host began with: what holds until it ends.
    pub config: Arc<Config>,
    /// The configuration that holds now: what can change while the host runs is read here.
    pub current: Arc<Latest<Config>>,
    /// Where the stages meet.
    pub database: Database,
    /// What is known about rooms.
    pub rooms: Arc<Rooms>,
    /// What this host does alone.
    pub leases: Arc<Leases>,
    /// What everybody wants.
    pub preferences: Arc<Preferences>,
    /// How the host is doing.
    pub state: State,
    /// Where what passes on the wire is recorded, if it is.
    pub recorder: Recorder,
}

impl Common {
    /// What stages begin with: nothing is known of any room, nothing is ours, nobody has chosen.
    #[must_use]
    pub fn new(config: Arc<Config>, database: Database) -> Self {
        Self {
            leases: Arc::new(Leases::new(database.clone(), config.store.lease.0)),
            preferences: Arc::new(Preferences::new(&config)),
            rooms: Arc::default(),
            state: State::default(),
            recorder: Recorder::default(),
            current: Arc::new(Latest::new(Arc::clone(&config))),
            config,
            database,
        }
    }
}
