//! Lets go of messages, and of the record of what became of them, when they are old enough.

use std::time::Duration;

use tokio::sync::watch;
use tracing::{error, info};

use crate::{chat::stop_asked, clock, database::Database};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
const DAY_MS: i64 = 24 * 3_600_000;

/// The retention stage.
pub struct Retention {
    keep_days: u32,
    database: Database,
}

impl Retention {
    /// Prepares the stage; 0 days keep everything for ever.
    #[must_use]
    pub fn new(keep_days: u32, database: Database) -> Self {
        Self { keep_days, database }
    }

    /// Looks for what is old until `stop` turns true.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.database.forget_tallies(clock::unix_ms()).await {
                error!("retention: {error}");
            }
            if self.keep_days > 0 {
                let before_ms = clock::unix_ms() - i64::from(self.keep_days) * DAY_MS;
                match self.database.let_go(before_ms).await {
                    Ok(0) => {}
                    Ok(count) => info!("retention: {count} messages are let go"),
                    Err(error) => error!("retention: {error}"),
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop_asked(stop.clone()) => return,
            }
        }
    }
}
