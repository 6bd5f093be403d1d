//! The host as a whole: its stages, which meet in the database, and its end.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Result;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};
use tracing::{info, warn};

use crate::{
    answers::Answers,
    chat::Chat,
    common::Common,
    config::Config,
    database::Database,
    directory::Directory,
    exchange::Account,
    in_service::InService,
    letters::Letters,
    mail::{Mailer, compose::Composer},
    planner::Planner,
    preferences::Preferences,
    retention::Retention,
    rooms::Rooms,
    state::State,
};

/// Time for all stages to finish what they do when the host stops.
const STOP_TIME: Duration = Duration::from_secs(30);

/// A running host.
pub struct Host {
    /// How it is doing.
    pub state: State,
    /// Where its stages meet.
    pub database: Database,
    stop: watch::Sender<bool>,
    stages: JoinSet<&'static str>,
}

impl Host {
    /// Starts all stages. What is not reachable now is tried until it is.
    ///
    /// # Errors
    /// What an administrator has to put right first: the database, the guest, a secret, a file.
    pub async fn start(config: Config) -> Result<Self> {
        let config = Arc::new(config);
        let state = State::default();
        let database = Database::open(&config.store.directory).await?;
        let guest = load_guest(&config).await?;
        let account = Account::new(&config.mail)?;
        let rooms = Arc::new(Rooms::default());
        for (room, uri, members) in database.rooms().await? {
            rooms.remembered(room, &uri, members);
        }
        let preferences = Arc::new(Preferences::new(&config));
        preferences.take(database.choices().await?);
        let (to_plan, to_mail) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (orders, inbox) = Chat::orders();
        let chat = Chat::new(
            Arc::clone(&config),
            database.clone(),
            Arc::clone(&rooms),
            state.clone(),
            Arc::clone(&to_plan),
        )?;
        let directory = Directory::new(
            Arc::clone(&config),
            database.clone(),
            Arc::clone(&rooms),
            Arc::clone(&account),
            Arc::clone(&preferences),
            state.clone(),
            Arc::clone(&to_plan),
        );
        let common = Common {
            config: Arc::clone(&config),
            database: database.clone(),
            rooms,
            preferences,
            state: state.clone(),
        };
        let answers =
            Arc::new(Answers::new(common.clone(), Arc::clone(&account), Arc::clone(&to_mail)));
        let letters = Letters::new(
            Arc::clone(&config),
            database.clone(),
            Arc::clone(&account),
            Arc::clone(&answers),
        );
        let retention = Retention::new(config.store.keep_days, database.clone());
        let planner =
            Planner::new(common.clone(), guest.clone(), answers, to_plan, Arc::clone(&to_mail));
        let composer = Composer::new(Arc::clone(&config), guest);
        let mailer = Mailer::new(common, account, composer, to_mail, orders.clone());

        let (stop, stopped) = watch::channel(false);
        let mut stages = JoinSet::new();
        let end = stopped.clone();
        stages.spawn(async move {
            chat.run(inbox, end).await;
            "chat"
        });
        let end = stopped.clone();
        stages.spawn(async move {
            directory.run(orders, end).await;
            "directory"
        });
        let end = stopped.clone();
        stages.spawn(async move {
            planner.run(end).await;
            "planner"
        });
        let end = stopped.clone();
        stages.spawn(async move {
            letters.run(end).await;
            "letters"
        });
        let end = stopped.clone();
        stages.spawn(async move {
            retention.run(end).await;
            "retention"
        });
        stages.spawn(async move {
            mailer.run(stopped).await;
            "mail"
        });
        Ok(Self { state, database, stop, stages })
    }

    /// Stops: signs out, finishes what is on its way, and closes the database.
    pub async fn stop(mut self) {
        info!("stopping");
        let _ = self.stop.send(true);
        let finish = async {
            while let Some(stage) = self.stages.join_next().await {
                if let Ok(stage) = stage {
                    info!("{stage} has stopped");
                }
            }
        };
        if tokio::time::timeout(STOP_TIME, finish).await.is_err() {
            warn!(
                "not everything finished within {} s; the next start resumes it",
                STOP_TIME.as_secs()
            );
        }
        self.database.close().await;
    }

    /// Waits for a stage to end by itself, which none should.
    pub async fn ended(&mut self) -> String {
        match self.stages.join_next().await {
            Some(Ok(stage)) => format!("the stage `{stage}` has ended"),
            Some(Err(error)) => format!("a stage has failed: {error}"),
            None => "no stage runs".to_owned(),
        }
    }
}

/// Compiling takes a while when the cache is empty; it must not hold up the runtime.
async fn load_guest(config: &Arc<Config>) -> Result<InService> {
    let config = Arc::clone(config);
    let loaded = tokio::task::spawn_blocking(move || {
        let cache = guest_cache(&config.store.directory);
        InService::load(&config, &cache)
    });
    let guest = loaded.await??;
    info!(guest = guest.guest().name(), digest = guest.guest().digest(), "guest: in service");
    Ok(guest)
}

fn guest_cache(directory: &Path) -> std::path::PathBuf {
    directory.join("compiled-guests")
}
