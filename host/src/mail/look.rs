//! Looking for a mail of unknown outcome by its key (ews.md 2.5, 2.6).

use bridge::outbox::{Draft, Outcome, Sighting};
use ews::{
    delivery::{self, Hit},
    folder_id::distinguished,
};
use tracing::{info, warn};

use super::{Parcel, Shared, compose, outcome};
use crate::{clock, exchange::CallError};

impl Shared {
    /// Looks where a mail is, and commits what follows from it. With a draft, it may have been sent.
    pub(super) async fn look(&self, parcel: Parcel, draft: Option<Draft>) {
        let asked_ms = clock::unix_ms();
        self.state.meters().looked_up();
        let outcome = match self.sight(&parcel, draft.is_some()).await {
            Ok(sighting) => {
                info!(key = %parcel.mail.key, "mail: looked for it: {}", name(&sighting));
                Outcome::Seen(sighting)
            }
            Err(error) => match self.judge(&error, 0, asked_ms).outcome {
                // A look that is refused tells nothing about the mail: it is repeated.
                Outcome::Failed { reason } => Outcome::Delayed { until_ms: None, reason },
                outcome => outcome,
            },
        };
        self.finish(vec![(parcel, outcome)]).await;
    }

    async fn sight(&self, parcel: &Parcel, maybe_sent: bool) -> Result<Sighting, CallError> {
        if maybe_sent
            && let Some(hit) =
                self.find(parcel, distinguished::SENT_ITEMS).await?.into_iter().next()
        {
            return Ok(Sighting::Sent { sent_as: hit.message_id });
        }
        let drafts = self.find(parcel, distinguished::DRAFTS).await?;
        if let Some(sighting) = self.choose(drafts).await {
            return Ok(sighting);
        }
        if maybe_sent && !self.find(parcel, distinguished::OUTBOX).await?.is_empty() {
            return Ok(Sighting::Queued);
        }
        Ok(Sighting::Nowhere)
    }

    /// Of several drafts with one key the oldest stays, the others are deleted.
    async fn choose(&self, drafts: Vec<Hit>) -> Option<Sighting> {
        let mut drafts = drafts.into_iter();
        let oldest = drafts.next()?;
        let others: Vec<_> = drafts.map(|hit| hit.id).collect();
        if !others.is_empty() {
            warn!("mail: {} superfluous drafts of one mail are deleted", others.len());
            self.discard(others).await;
        }
        if oldest.is_submitted {
            return Some(Sighting::Queued);
        }
        Some(Sighting::Draft(outcome::draft(&oldest.id)))
    }

    async fn find(&self, parcel: &Parcel, folder: &str) -> Result<Vec<Hit>, CallError> {
        let Ok(key) = compose::delivery_key(&parcel.mail.key) else { return Ok(Vec::new()) };
        let mut results = self.account.call(&delivery::find(&key, folder, None)).await?.into_iter();
        match results.next() {
            Some(found) => Ok(delivery::hits(&found?, &key)),
            None => Ok(Vec::new()),
        }
    }
}

fn name(sighting: &Sighting) -> &'static str {
    match sighting {
        Sighting::Sent { .. } => "it was sent",
        Sighting::Draft(_) => "it is still a draft",
        Sighting::Queued => "the server has queued it",
        Sighting::Nowhere => "it is nowhere to be seen",
    }
}
