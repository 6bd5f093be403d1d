//! Lets go of messages, and of the record of what became of them, when they are old enough.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tracing::{error, info};

use crate::{
    chat::stop_asked,
    clock,
    database::{Database, Error},
    leases::Leases,
};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
const DAY_MS: i64 = 24 * 3_600_000;
/// Days that the audit log is kept at least, however soon messages are let go.
const AUDIT_DAYS_MIN: u32 = 400;

/// The retention stage.
pub struct Retention {
    keep_days: u32,
    database: Database,
    leases: Arc<Leases>,
}

impl Retention {
    /// Prepares the stage; 0 days keep everything for ever.
    #[must_use]
    pub fn new(keep_days: u32, database: Database, leases: Arc<Leases>) -> Self {
        Self { keep_days, database, leases }
    }

    /// Looks for what is old until `stop` turns true.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        loop {
            // One host does it for all.
            if self.leases.serves()
                && let Err(error) = self.round().await
            {
                error!("retention: {error}");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop_asked(stop.clone()) => return,
            }
        }
    }

    async fn round(&self) -> Result<(), Error> {
        self.database.forget_tallies(clock::unix_ms()).await?;
        let audit_days = self.keep_days.max(AUDIT_DAYS_MIN);
        self.database.forget_audit(clock::unix_ms() - i64::from(audit_days) * DAY_MS).await?;
        if self.keep_days > 0 {
            let before_ms = clock::unix_ms() - i64::from(self.keep_days) * DAY_MS;
            let count = self.database.let_go(before_ms).await?;
            if count > 0 {
                info!("retention: {count} messages are let go");
            }
        }
        Ok(())
    }
}
