//! What several stages work with.

use std::sync::Arc;

use crate::{
    config::Config, database::Database, preferences::Preferences, rooms::Rooms, state::State,
};

/// What several stages work with. Cheap to clone.
#[derive(Clone)]
pub struct Common {
    /// The configuration.
    pub config: Arc<Config>,
    /// Where the stages meet.
    pub database: Database,
    /// What is known about rooms.
    pub rooms: Arc<Rooms>,
    /// What everybody wants.
    pub preferences: Arc<Preferences>,
    /// How the host is doing.
    pub state: State,
}
