//! The crash test: the real program is killed at random moments, again and again, while people post
//! and both servers fail in every way that they can. In the end each post must lie exactly once with
//! everybody who is owed it.
//!
//! A seed fixes the posts, the faults and the strikes, each in its order. It does not fix how they
//! fall together: real processes and sockets run as fast as they happen to run.

mod inquest;
mod process;
mod trouble;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Result, anyhow, ensure};
use bridge::message::MessageId;
use host::{
    clock,
    database::Database,
    embedded::company::{Company, Room},
};
use lync::server::{NewPost, PoolEvent};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{broadcast::Receiver, watch},
};

pub use self::inquest::Report;
use self::{
    inquest::Arrivals,
    process::{Host, Tail},
    trouble::Tally,
};
use crate::{Dice, Log, World};

const COMPANY: &str = include_str!("crash/company.toml");
/// First starts that are cut short, and the longest time until then, in milliseconds.
const EARLY_KILLS: usize = 4;
const EARLY_MS: usize = 1_200;
/// Longest time from the start until the host is in all rooms and has mailed.
const START_TIME: Duration = Duration::from_secs(120);
/// Longest time without a look at what nobody tells of: whether a host has ended, what it committed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Longest time between two posts, in milliseconds.
const PACE_MS: usize = 500;
/// Posts wait while so many are owed to somebody.
const OPEN_MAX: usize = 800;
/// The pool does something wrong after one post of so many.
const BEND_EVERY: usize = 12;
/// Longest time between a start and the kill, in milliseconds, where it is aimed at nothing.
const LIFE_MS: usize = 2_000;
/// Longest wait for what a kill is aimed at.
const AIM_TIME: Duration = Duration::from_secs(6);
/// Most of them that happen before it.
const EVENTS_MAX: usize = 15;
/// Longest time between what a kill is aimed at and the kill, in milliseconds.
const AFTER_MS: usize = 25;
/// Longest time that a host is dead, in milliseconds.
const DEAD_MS: usize = 1_200;
/// Strikes between two lines of progress.
const PROGRESS_EVERY: usize = 10;
/// Time that is let pass at the end for the mails whose outcome nobody knows: shorter than a server
/// may have a mail queued.
const PASSED: Duration = Duration::from_secs(20 * 60);
/// Seconds of a lease where several hosts share the work, and the longest freeze beyond it.
const LEASE_S: i64 = 5;
const FREEZE_MORE_MS: usize = 4_000;

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Options {
    /// The real program.
    pub program: PathBuf,
    /// How many times a host is struck.
    pub kills: usize,
    /// What fixes the posts, the faults and the strikes.
    pub seed: u64,
    /// Hosts that share the work; more than one need `database`.
    pub hosts: usize,
    /// `store.database`; left out, a file.
    pub database: Option<String>,
    /// Whether some strikes freeze a host for longer than its lease in place of killing it.
    pub freezes: bool,
    /// Whether mails of unknown outcome wait in the end as long as they do anywhere, in place of
    /// minutes being let pass.
    pub patient: bool,
}

/// What was done, and what was said meanwhile.
struct Attack {
    kills: usize,
    freezes: usize,
    faults: Tally,
    messages: BTreeMap<usize, MessageId>,
}

/// One run.
struct Run {
    options: Options,
    world: World,
    hosts: Vec<Host>,
    tail: Tail,
    arrivals: Arrivals,
}

/// Runs the test on a runtime of its own. What went wrong is printed, with the last lines of the
/// hosts, and the directory of the run is kept.
///
/// # Errors
/// What keeps the test from coming to a result: a host that ends by itself, mails that never come
/// to rest.
pub fn run(options: Options) -> Result<Report> {
    ensure!(options.hosts == 1 || options.database.is_some(), "several hosts need --database");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        let mut run = Run::prepare(options).await?;
        let mut terminate = signal(SignalKind::terminate())?;
        let result = tokio::select! {
            result = run.play() => result,
            // The hosts end with us, also those that are frozen.
            _ = tokio::signal::ctrl_c() => Err(anyhow!("interrupted")),
            _ = terminate.recv() => Err(anyhow!("asked to end")),
        };
        let whole = result.as_ref().is_ok_and(Report::is_whole);
        if !whole {
            run.explain(&result);
        }
        result
    });
    runtime.shutdown_background();
    report
}

impl Run {
    async fn prepare(options: Options) -> Result<Self> {
        let world = World::start(COMPANY, Log::default()).await;
        if let Some(url) = &options.database {
            world.share_at(url.clone());
        }
        let tail = Tail::default();
        let arrivals = Arrivals::follow(&world);
        let hosts = (1..=options.hosts)
            .map(|number| {
                let config = write_config(&world, number, &options)?;
                let name = format!("host {number}:");
                Ok(Host::new(name, &options.program, config, tail.clone()))
            })
            .collect::<Result<_>>()?;
        Ok(Self { options, world, hosts, tail, arrivals })
    }

    async fn play(&mut self) -> Result<Report> {
        let begun = clock::now().instant;
        let mut messages = self.begin().await?;
        let attack = self.attack().await?;
        let seconds_struck = begun.elapsed().as_secs_f64();
        self.finish().await?;
        messages.extend(attack.messages);
        Ok(Report {
            kills: attack.kills,
            freezes: attack.freezes,
            faults: attack.faults,
            seconds_struck,
            seconds: begun.elapsed().as_secs_f64(),
            ..self.inquire(&messages).await?
        })
    }

    /// People post, the servers fail and hosts are struck, all at once, until the last strike.
    async fn attack(&mut self) -> Result<Attack> {
        let Self { options, world, hosts, tail, arrivals } = self;
        let dice = |number| Dice::stream(options.seed, number);
        let (stopper, stop) = watch::channel(false);
        let grave = !options.patient;
        let troubles = trouble::of_exchange(world, dice(1), grave, stop.clone());
        let load = load(world, arrivals, dice(2), stop);
        let scene = Scene { options, world, tail, arrivals };
        let strikes = async {
            let strikes = scene.strike_all(hosts, dice(3)).await;
            stopper.send_replace(true);
            strikes
        };
        let (strikes, faults, (messages, bends)) = tokio::join!(strikes, troubles, load);
        let (kills, freezes) = strikes?;
        Ok(Attack { kills, freezes, faults: faults.into_iter().chain(bends).collect(), messages })
    }

    /// Starts all hosts, after some starts that are cut short: while the database is made and the
    /// guest compiled. Waits until every room is joined and has been mailed about: what is said from
    /// then on counts, whether a host runs or not.
    async fn begin(&mut self) -> Result<BTreeMap<usize, MessageId>> {
        let mut dice = Dice::stream(self.options.seed, 4);
        for _ in 0..EARLY_KILLS {
            self.start_all()?;
            tokio::time::sleep(dice.time(EARLY_MS)).await;
            self.kill_all().await?;
        }
        let (joined, listed) = (self.tail.count("chat: joined"), self.tail.count(" members"));
        self.start_all()?;
        let rooms = self.world.company().rooms.len();
        let mut lines = self.tail.changes();
        let begun = clock::now().instant;
        while self.tail.count("chat: joined") < joined + rooms
            || self.tail.count(" members") < listed + rooms
        {
            let _ = tokio::time::timeout(LOOK_AGAIN, lines.changed()).await;
            for host in &mut self.hosts {
                host.check()?;
            }
            ensure!(begun.elapsed() < START_TIME, "after {START_TIME:?} not all rooms are joined");
        }
        let mut messages = BTreeMap::new();
        for room in &self.world.company().rooms {
            // Whoever speaks in a room is taken for one of its people.
            let author = authors(room, self.world.company()).swap_remove(0);
            messages.extend([self.world.say(&room.name, author, NewPost::text("first")).await]);
        }
        ensure!(
            self.arrivals.all(&self.world, START_TIME).await,
            "{START_TIME:?} after the first posts their mails are not there"
        );
        Ok(messages)
    }

    /// Everything works again: a last start, until all is done; then a stop as anybody's.
    async fn finish(&mut self) -> Result<()> {
        self.world.pool_faults(|faults| *faults = lync::server::Faults::default()).await;
        self.kill_all().await?;
        if !self.options.patient {
            self.world.let_time_pass(PASSED).await;
            // After hundreds of faults some mail has been refused so often that it waits for longer.
            self.world.wake().await;
        }
        self.start_all()?;
        self.arrivals.all(&self.world, self.quiet_max()).await;
        self.come_to_rest().await?;
        for host in &mut self.hosts {
            let status = host.stop().await?;
            ensure!(status.success(), "asked to stop, a host ends with {status}");
        }
        Ok(())
    }

    fn start_all(&mut self) -> Result<()> {
        self.hosts.iter_mut().try_for_each(Host::start)
    }

    async fn kill_all(&mut self) -> Result<()> {
        for host in &mut self.hosts {
            host.kill().await?;
        }
        Ok(())
    }

    /// Longest time without a mail before those that are missing count as lost.
    fn quiet_max(&self) -> Duration {
        Duration::from_secs(if self.options.patient { 20 * 60 } else { 4 * 60 })
    }
}

fn write_config(world: &World, number: usize, options: &Options) -> Result<PathBuf> {
    let written = world.write_config(|settings| {
        settings.set("digest.schedule", "every 3s");
        settings.set_person(&world.company().sip("kurt"), "schedule", "every 10s");
        if options.database.is_some() {
            let directory = world.directory().join(format!("store-{number}"));
            settings.set("store.directory", directory.to_string_lossy().into_owned());
            settings.set("store.lease", LEASE_S);
        }
    });
    let file = world.directory().join(format!("host-{number}.toml"));
    std::fs::rename(written, &file)?;
    Ok(file)
}

/// Posts at a random pace until `stop` turns true. Answers what was posted, and what the pool did
/// wrong meanwhile.
async fn load(
    world: &World,
    arrivals: &Arrivals,
    mut dice: Dice,
    mut stop: watch::Receiver<bool>,
) -> (BTreeMap<usize, MessageId>, Tally) {
    let (mut messages, mut bends) = (BTreeMap::new(), Tally::new());
    loop {
        let pause = dice.time(PACE_MS);
        let pace = async {
            tokio::time::sleep(pause).await;
            arrivals.at_most(world, OPEN_MAX).await;
        };
        tokio::select! {
            () = pace => {}
            _ = stop.wait_for(|stop| *stop) => return (messages, bends),
        }
        let room = dice.pick(&world.company().rooms);
        let authors = authors(room, world.company());
        let author = dice.pick(&authors);
        messages.extend([world.say(&room.name, author, NewPost::text("words")).await]);
        if dice.roll(BEND_EVERY) == 0 {
            trouble::of_pool(world, &mut dice, &mut bends).await;
        }
    }
}

/// Who may write in a room, the service left out.
fn authors<'c>(room: &'c Room, company: &'c Company) -> Vec<&'c str> {
    if room.auditorium {
        return room.presenters.iter().map(String::as_str).collect();
    }
    company.people(room).into_iter().skip(1).map(|user| user.login.as_str()).collect()
}

/// Where hosts are struck.
struct Scene<'r> {
    options: &'r Options,
    world: &'r World,
    tail: &'r Tail,
    arrivals: &'r Arrivals,
}

impl Scene<'_> {
    /// Strikes one host after the other, and prints how it goes. Answers how many were killed and
    /// how many frozen.
    async fn strike_all(&self, hosts: &mut [Host], mut dice: Dice) -> Result<(usize, usize)> {
        let (mut kills, mut freezes) = (0, 0);
        for number in 1..=self.options.kills {
            self.aim(&mut dice).await;
            let host = dice.roll(hosts.len());
            let host = hosts.get_mut(host).unwrap();
            if self.options.freezes && dice.roll(2) == 0 {
                freeze(host, &mut dice).await?;
                freezes += 1;
            } else {
                kill(host, &mut dice).await?;
                kills += 1;
            }
            if number % PROGRESS_EVERY == 0 {
                println!(
                    "{number} of {}: {} posts, {} of {} deliveries there",
                    self.options.kills,
                    self.world.books.posts(),
                    self.arrivals.count(),
                    self.world.books.owed_count(),
                );
            }
        }
        Ok((kills, freezes))
    }

    /// Waits for the moment of a strike: any, or shortly after something has happened so many times.
    async fn aim(&self, dice: &mut Dice) {
        let (what, times, after) = (dice.roll(7), 1 + dice.roll(EVENTS_MAX), dice.time(AFTER_MS));
        let any = dice.time(LIFE_MS);
        let servers = &self.world.embedded;
        let (mut mails, mut requests) = (servers.exchange.deliveries(), servers.exchange.changes());
        let (mut events, mut lines) = (servers.pool.events(), self.tail.changes());
        let event = async {
            if what < 2 {
                return tokio::time::sleep(any).await;
            }
            for _ in 0..times {
                // Whoever is behind has missed one, which will do as well.
                match what {
                    2 => drop(mails.recv().await),
                    3 => drop(requests.changed().await),
                    // Often before it is in the rooms.
                    4 => drop(lines.changed().await),
                    5 => {
                        until(&mut events, |event| matches!(event, PoolEvent::Posted { .. })).await
                    }
                    _ => {
                        until(&mut events, |event| matches!(event, PoolEvent::Answered { .. }))
                            .await;
                    }
                }
            }
            tokio::time::sleep(after).await;
        };
        let _ = tokio::time::timeout(AIM_TIME, event).await;
    }
}

/// Kills a host, and starts it again at once or after a while.
async fn kill(host: &mut Host, dice: &mut Dice) -> Result<()> {
    host.kill().await?;
    if dice.roll(3) == 0 {
        tokio::time::sleep(dice.time(DEAD_MS)).await;
    }
    host.start()
}

/// Freezes a host for longer than its lease.
async fn freeze(host: &mut Host, dice: &mut Dice) -> Result<()> {
    host.signal("STOP").await?;
    let lease = Duration::from_secs(LEASE_S.unsigned_abs());
    tokio::time::sleep(lease + dice.time(FREEZE_MORE_MS)).await;
    host.signal("CONT").await
}

async fn until(events: &mut Receiver<Arc<PoolEvent>>, is_it: impl Fn(&PoolEvent) -> bool) {
    while events.recv().await.is_ok_and(|event| !is_it(&event)) {}
}

/// The program beside the one that runs.
///
/// # Errors
/// If it is not there.
pub fn program() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let program = own.parent().unwrap_or(Path::new(".")).join("chat-digest-tested");
    ensure!(program.exists(), "{}: not there: `cargo build -p tests` first", program.display());
    Ok(program)
}

impl Run {
    /// Waits until the hosts have nothing left to do.
    async fn come_to_rest(&self) -> Result<()> {
        let begun = clock::now().instant;
        let mut changes = self.world.embedded.exchange.changes();
        loop {
            let left = self.left_to_do().await?;
            let Some(left) = left else { return Ok(()) };
            ensure!(begun.elapsed() < self.quiet_max(), "something is left to do: {left}");
            // The commit comes after what Exchange shows.
            tokio::select! {
                changed = changes.changed() => changed?,
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    async fn left_to_do(&self) -> Result<Option<String>> {
        let database = Database::look(self.world.place()).await?;
        let counts = database.counts().await;
        database.close().await;
        let counts = counts?;
        let idle = counts.unplanned == 0 && counts.kept == 0 && counts.waiting == 0;
        Ok((!idle).then(|| format!("{counts:?}")))
    }
}
