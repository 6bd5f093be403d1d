//! The host as a whole: its stages, which meet in the database, and its end.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

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
    database::{Database, Place},
    directory::Directory,
    exchange::Account,
    follow::Exporter,
    guests::{self, Guests, Maker, Shadows},
    latest::Latest,
    leases::{Keeper, Leases},
    letters::Letters,
    machine::Machine,
    mail::{Mailer, compose::Composer},
    notices::Notices,
    planner::Planner,
    preferences::Preferences,
    reload::{self, Changes},
    retention::Retention,
    settings,
    state::State,
    trace::Recorder,
    watch::{Parts, Watch},
};

/// Time for all stages to finish what they do when the host stops.
pub const STOP_TIME: Duration = Duration::from_secs(30);

/// A running host.
pub struct Host {
    /// How it is doing.
    pub state: State,
    /// Where its stages meet.
    pub database: Database,
    /// The guests in service.
    pub guests: Arc<Guests>,
    /// Where the status page is served, if it is.
    pub page: Option<SocketAddr>,
    current: Arc<Latest<Config>>,
    preferences: Arc<Preferences>,
    maker: Arc<Maker>,
    leases: Arc<Leases>,
    stop: watch::Sender<bool>,
    stages: JoinSet<&'static str>,
}

impl Host {
    /// Starts all stages. What is not reachable now is tried until it is.
    ///
    /// # Errors
    /// What an administrator has to put right first: the database, the guest, a secret, a file.
    pub async fn start(config: Config) -> Result<Self> {
        Self::start_recorded(config, &Recorder::default()).await
    }

    /// The same, and what passes on the wire is recorded.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub async fn start_recorded(config: Config, recorder: &Recorder) -> Result<Self> {
        let config = Arc::new(config);
        // First: compiling may take longer than a lease, and the database believes us to live from
        // when it is opened.
        let preferences = Arc::new(Preferences::new(&config));
        let (maker, guests) = load_guests(&config, Arc::clone(&preferences)).await?;
        let database = Database::open(Place::of(&config.store)?).await?;
        let account = Account::recorded(&config.mail, recorder)?;
        let common = Common {
            preferences,
            recorder: recorder.clone(),
            ..Common::new(Arc::clone(&config), database.clone())
        };
        let Common { current, rooms, leases, preferences, state, .. } = common.clone();
        account.tell(&state);
        let mut seen = database.seen().await?;
        for (room, uri, members) in database.rooms().await? {
            let seen = seen.remove(&room.id).unwrap_or_default();
            rooms.begin_lists(&uri, seen, config.chat.assumed.members_command);
            rooms.remembered(room, &uri, members);
        }
        preferences.refresh(&database).await?;
        settings::begin(&config, &database).await?;
        leases.begin().await?;
        let (to_plan, to_mail) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let mut guest_keeper = guests::Keeper::new(
            Arc::clone(&config),
            Arc::clone(&maker),
            Arc::clone(&guests),
            database.clone(),
            Arc::clone(&leases),
            Notices::new(Arc::clone(&config), database.clone(), Arc::clone(&to_mail)),
        );
        let shadows = Arc::new(Shadows::new(Arc::clone(&guests)));
        // Before any message is planned by a guest that another has replaced.
        guest_keeper.round().await?;
        let parts = Parts {
            guests: Arc::clone(&guests),
            account: Arc::clone(&account),
            to_plan: Arc::clone(&to_plan),
            to_mail: Arc::clone(&to_mail),
        };
        let watch = Watch::new(common.clone(), parts).await?;
        let page = watch.as_ref().map(Watch::address).transpose()?;
        let (orders, inbox) = Chat::orders();
        let chat = Chat::new(common.clone(), Arc::clone(&to_plan))?;
        let keeper = Keeper {
            leases: Arc::clone(&leases),
            rooms,
            preferences: Arc::clone(&preferences),
            state: state.clone(),
            orders: orders.clone(),
            asks_members: config.chat.assumed.members_command,
            to_plan: Arc::clone(&to_plan),
            to_mail: Arc::clone(&to_mail),
        };
        let directory = Directory::new(common.clone(), Arc::clone(&account), Arc::clone(&to_plan));
        let answers =
            Arc::new(Answers::new(common.clone(), Arc::clone(&account), Arc::clone(&to_mail)));
        let letters = Letters::new(common.clone(), Arc::clone(&account), Arc::clone(&answers));
        let retention =
            Retention::new(config.store.keep_days, database.clone(), Arc::clone(&leases));
        let planner = Planner::new(
            common.clone(),
            Arc::clone(&guests),
            Arc::clone(&shadows),
            answers,
            to_plan,
            Arc::clone(&to_mail),
        );
        let composer =
            Composer::new(Arc::clone(&common.current), Arc::clone(&guests), Arc::clone(&shadows));
        let mailer = Mailer::new(common, account, composer, to_mail, orders.clone());

        let traces = config.watch.traces.as_deref();
        let exporter =
            traces.map(|url| Exporter::new(url, Arc::clone(state.follow()))).transpose()?;

        let (stop, stopped) = watch::channel(false);
        let mut stages = JoinSet::new();
        // Those without which the host is not alive.
        let mut alive = Vec::new();
        // Runs on while the others finish what they do.
        alive.push(stages.spawn(async move {
            keeper.run().await;
            "leases"
        }));
        let end = stopped.clone();
        alive.push(stages.spawn(async move {
            chat.run(inbox, end).await;
            "chat"
        }));
        let end = stopped.clone();
        alive.push(stages.spawn(async move {
            directory.run(orders, end).await;
            "directory"
        }));
        let end = stopped.clone();
        alive.push(stages.spawn(async move {
            guest_keeper.run(end).await;
            "guests"
        }));
        let (end, asking) = (stopped.clone(), database.clone());
        alive.push(stages.spawn(async move {
            shadows.run(asking, end).await;
            "candidates"
        }));
        let end = stopped.clone();
        alive.push(stages.spawn(async move {
            planner.run(end).await;
            "planner"
        }));
        let end = stopped.clone();
        alive.push(stages.spawn(async move {
            letters.run(end).await;
            "letters"
        }));
        let (machine, end) =
            (Machine::new(state.clone(), config.store.directory.clone()), stopped.clone());
        alive.push(stages.spawn(async move {
            machine.run(end).await;
            "machine"
        }));
        let end = stopped.clone();
        alive.push(stages.spawn(async move {
            retention.run(end).await;
            "retention"
        }));
        let end = stopped.clone();
        alive.push(stages.spawn(async move {
            mailer.run(end).await;
            "mail"
        }));
        if let Some(exporter) = exporter {
            let end = stopped.clone();
            stages.spawn(async move {
                exporter.run(end).await;
                "traces"
            });
        }
        if let Some(watch) = watch {
            stages.spawn(async move {
                watch.run(alive, stopped).await;
                "status page"
            });
        }
        Ok(Self {
            state,
            database,
            guests,
            page,
            current,
            preferences,
            maker,
            leases,
            stop,
            stages,
        })
    }

    /// Takes over what can change while the host runs, and has the member lists read again; answers
    /// what was taken over, and what holds only after a restart.
    ///
    /// # Errors
    /// If the configurations cannot be compared, which none should: nothing has changed then.
    pub async fn reload(&self, read: &Config) -> Result<Changes> {
        let holds = self.current.now();
        let changes = reload::changes(&holds, read)?;
        let config = Arc::new(reload::merged(&holds, read));
        if let Err(error) = settings::taken(&changes, &config, &self.database).await {
            warn!("reload: the audit log does not tell of it: {error:#}");
        }
        self.preferences.reconfigure(&config);
        self.maker.reconfigure(&config);
        self.current.put(config);
        self.state.members_changed();
        Ok(changes)
    }

    /// Stops: signs out, finishes what is on its way, and closes the database.
    pub async fn stop(mut self) {
        info!("stopping");
        let _ = self.stop.send(true);
        let finish = async {
            let keeper = usize::from(!self.leases.is_lost());
            while self.stages.len() > keeper
                && let Some(stage) = self.stages.join_next().await
            {
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
        self.stages.shutdown().await;
        self.database.close().await;
    }

    /// Whether other hosts took this one for dead, so that it has to begin anew.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.leases.is_lost()
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
async fn load_guests(
    config: &Arc<Config>,
    preferences: Arc<Preferences>,
) -> Result<(Arc<Maker>, Arc<Guests>)> {
    let maker = Maker::new(config, &guest_cache(&config.store.directory))?;
    let maker = Arc::new(maker);
    // What was loaded before is compiled here too, into the cache: a host that signs in to the
    // database must not be busy for longer than its lease. No database yet, nothing loaded.
    let mut loaded = Vec::new();
    if let Ok(database) = Database::look(Place::of(&config.store)?).await {
        for row in database.guests().await.unwrap_or_default() {
            loaded.extend(database.component(&row.key).await.ok().flatten());
        }
        database.close().await;
    }
    let with = Arc::clone(&maker);
    let made = tokio::task::spawn_blocking(move || {
        loaded.iter().for_each(|bytes| with.compile(bytes));
        Guests::configured(&with, preferences)
    });
    let guests = Arc::new(made.await??);
    for serving in guests.table().serving.values() {
        info!(guest = serving.name(), digest = serving.digest(), "guest: in service");
    }
    Ok((maker, guests))
}

fn guest_cache(directory: &Path) -> std::path::PathBuf {
    directory.join("compiled-guests")
}
