//! What an administrator watches: a page that shows how the host is doing and takes a few actions,
//! metrics for Prometheus, and whether the host is alive and ready.
//!
//! The page holds no lock that a session needs: it reads snapshots, and the database through readers
//! of its own, seldom enough not to matter. Message texts are never read; addresses are masked unless
//! the configuration says otherwise.

mod access;
mod actions;
pub mod audit;
mod exposition;
mod gather;
mod health;
pub mod metrics;
mod page;
mod sections;
mod server;
pub(crate) mod words;

use std::{net::SocketAddr, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
    task::AbortHandle,
};
use tracing::info;

use self::{access::Access, gather::Gatherer};
use crate::{common::Common, exchange::Account, guests::Guests};

/// Characters of a token at least: one that can be guessed is none.
const TOKEN_CHARACTERS_MIN: usize = 16;

/// The stage that serves the page, before it runs.
pub struct Watch {
    listener: TcpListener,
    shared: Arc<Shared>,
}

/// What every answer is made of.
struct Shared {
    common: Common,
    access: Access,
    gatherer: Gatherer,
    /// The other stages: all of them run on until the host stops.
    stages: Vec<AbortHandle>,
    /// Rung when there may be messages to plan, and mails to send.
    to_plan: Arc<Notify>,
    to_mail: Arc<Notify>,
}

/// What the stage works with beside what all stages do.
pub struct Parts {
    /// The guests in service.
    pub guests: Arc<Guests>,
    /// The account at Exchange.
    pub account: Arc<Account>,
    /// Rung when there may be messages to plan.
    pub to_plan: Arc<Notify>,
    /// Rung when there may be mails to send.
    pub to_mail: Arc<Notify>,
}

impl Watch {
    /// Takes the port; `None` if nothing is to be served.
    ///
    /// # Errors
    /// If the token cannot be read or is too short, or the port is taken.
    pub async fn new(common: Common, parts: Parts) -> Result<Option<Self>> {
        let Some(listen) = common.config.watch.listen else { return Ok(None) };
        let access = access(&common)?;
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("watch.listen: {listen}: is another program there?"))?;
        let Parts { guests, account, to_plan, to_mail } = parts;
        let gatherer = Gatherer::new(common.clone(), guests, account);
        let stages = Vec::new();
        let shared = Shared { common, access, gatherer, stages, to_plan, to_mail };
        Ok(Some(Self { listener, shared: Arc::new(shared) }))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Serves until `stop` turns true. `stages` are those that have to run for the host to be
    /// alive.
    pub async fn run(self, stages: Vec<AbortHandle>, stop: watch::Receiver<bool>) {
        let Self { listener, mut shared } = self;
        if let Some(shared) = Arc::get_mut(&mut shared) {
            shared.stages = stages;
        }
        if let Ok(address) = listener.local_addr() {
            info!("watch: the status page is at http://{address}/");
        }
        server::serve(listener, shared, stop).await;
    }
}

fn access(common: &Common) -> Result<Access> {
    let config = &common.config.watch;
    let token = config.token.as_ref().map(crate::config::SecretSource::read).transpose();
    let token = token.map_err(anyhow::Error::msg).context("watch.token")?;
    if let Some(token) = &token {
        ensure!(
            token.expose().chars().count() >= TOKEN_CHARACTERS_MIN,
            "watch.token: a token has at least {TOKEN_CHARACTERS_MIN} characters: `openssl rand -hex 32` makes one"
        );
    }
    Ok(Access::new(token.as_ref(), config.names.clone()))
}
