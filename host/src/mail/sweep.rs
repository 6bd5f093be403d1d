//! Removes drafts that nothing will ever come of: requests whose answer was lost may take effect
//! when their mail has long been sent by another draft (ews.md 2.3).

use std::{sync::Arc, time::Duration};

use ews::{
    delivery::{self, Hit},
    folder_id::distinguished,
};
use tracing::{info, warn};

use super::Shared;
use crate::{clock, exchange::CallError};

/// Time between sweeps; the first is at the start.
const EVERY: Duration = Duration::from_secs(24 * 3600);
/// Time until the next try after one that failed.
const AGAIN: Duration = Duration::from_secs(3600);
/// Drafts younger than this may belong to a request that is still out, in milliseconds.
const OLD_MS: i64 = 3_600_000;
/// Drafts of one page.
const PAGE: u32 = 100;
/// Pages of one sweep; what lies beyond is for the next.
const PAGES_MAX: u32 = 100;

impl Shared {
    /// Sweeps at once and then every day. Runs until it is aborted.
    pub(super) async fn sweep_daily(self: Arc<Self>) {
        loop {
            let wait = match self.sweep().await {
                // One host does it for all; who that is may change.
                Ok(()) if !self.leases.serves() => AGAIN,
                Ok(()) => EVERY,
                Err(error) => {
                    warn!("mail: superfluous drafts are looked for again in an hour: {error:#}");
                    AGAIN
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    async fn sweep(&self) -> anyhow::Result<()> {
        if !self.leases.serves() {
            return Ok(());
        }
        let mut offset = 0;
        for _ in 0..PAGES_MAX {
            let request = delivery::sweep(distinguished::DRAFTS, PAGE, offset);
            let found = self.account.call(&request).await?.into_iter().next();
            let found = found.transpose()?.unwrap_or_default();
            let hits = delivery::all_hits(&found);
            let seen = u32::try_from(hits.len())?;
            let deleted = self.sweep_page(hits).await?;
            // What was deleted is no longer counted by offsets.
            offset += seen.saturating_sub(deleted);
            if found.includes_last || seen == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Deletes those drafts of a page whose mail has come to its end. A draft that the database
    /// does not know stays: it may be another host's.
    async fn sweep_page(&self, mut hits: Vec<Hit>) -> anyhow::Result<u32> {
        let old_ms = clock::unix_ms() - OLD_MS;
        let is_old = |hit: &Hit| hit.created.is_some_and(|time| time.unix_s() * 1000 < old_ms);
        hits.retain(|hit| !hit.is_submitted && is_old(hit));
        let keys: Vec<String> = hits.iter().map(|hit| hit.key.clone()).collect();
        let ended = self.database.ended(keys).await?;
        let ids: Vec<_> =
            hits.into_iter().filter(|hit| ended.contains(&hit.key)).map(|hit| hit.id).collect();
        if ids.is_empty() {
            return Ok(0);
        }
        info!("mail: {} superfluous drafts are deleted", ids.len());
        let results = self.account.call(&delivery::discard(ids)).await?;
        let done: Result<Vec<()>, CallError> = results.into_iter().collect();
        Ok(u32::try_from(done?.len())?)
    }
}
