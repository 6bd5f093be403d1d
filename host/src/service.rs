//! The host as a service: signals, what the service manager is told, a configuration that is read
//! again, and an end within a bound.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Interval, MissedTickBehavior},
};
use tracing::{error, info, warn};

use crate::{
    clock, config, database,
    notify::Notify,
    reload::Changes,
    run::{Host, STOP_TIME},
    state::{ChatState, Snapshot},
    trace::{self, Recorder},
};

/// Longest time from the signal to the end. The unit gives a little more before it kills.
const STOP_MAX: Duration = STOP_TIME.saturating_add(Duration::from_secs(10));

/// Signals that are listened for from when this is made.
struct Signals {
    stop: StopSignals,
    hangup: Signal,
}

struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        let hangup = signal(SignalKind::hangup())?;
        Ok(Self { stop: StopSignals { terminate, interrupt }, hangup })
    }
}

impl StopSignals {
    /// Waits for SIGTERM or SIGINT.
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// What there is to do.
enum Event {
    Stop,
    Reload,
    Ended(String),
    Alive,
    State,
}

/// Runs the host until SIGTERM or SIGINT; one that the others took for dead begins anew. SIGHUP has
/// the configuration read again. A second SIGTERM or SIGINT ends the process at once. What passes on
/// the wire is recorded in `trace`.
///
/// # Errors
/// What an administrator has to put right first.
pub async fn run(path: &Path, trace: Option<&Path>) -> Result<ExitCode> {
    let Some(file) = trace else { return run_on(path, &Recorder::default()).await };
    let (recorder, recording) = trace::begin(file, &config::load(path)?)?;
    let ran = run_on(path, &recorder).await;
    match recording.finish().await {
        Ok(end) => info!("trace: {}", trace::told(end)),
        Err(error) => error!("trace: {error:#}"),
    }
    ran
}

async fn run_on(path: &Path, recorder: &Recorder) -> Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let notify = Notify::from_env().context("the service manager's NOTIFY_SOCKET")?;
    loop {
        let config = config::load(path)?;
        let started = tokio::select! {
            started = Host::start_recorded(config, recorder) => started,
            () = signals.stop.asked() => {
                notify.stopping();
                return Ok(ExitCode::SUCCESS);
            }
        };
        let mut host = match started {
            Err(error) if is_lease_lost(&error) => {
                warn!("{error:#}; it begins anew");
                continue;
            }
            started => started?,
        };
        notify.ready();
        info!("running");
        let ended = serve(&mut host, &mut signals, &notify, path).await;
        let lost = host.is_lost();
        if ended.is_none() || !lost {
            notify.stopping();
        }
        stop(host, &mut signals.stop).await;
        match ended {
            None => return Ok(ExitCode::SUCCESS),
            Some(_) if lost => warn!("the other hosts took this one for dead; it begins anew"),
            Some(why) => {
                error!("{why}");
                return Ok(ExitCode::FAILURE);
            }
        }
    }
}

/// Goes on until the host is to stop (`None`), or a stage of it has ended.
async fn serve(
    host: &mut Host,
    signals: &mut Signals,
    notify: &Notify,
    path: &Path,
) -> Option<String> {
    let mut watchdog = notify.watchdog().map(|time| {
        let mut interval = tokio::time::interval(time);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    });
    let mut state = host.state.watch();
    notify.status(&words(&state.borrow_and_update()));
    loop {
        let event = tokio::select! {
            () = signals.stop.asked() => Event::Stop,
            _ = signals.hangup.recv() => Event::Reload,
            why = host.ended() => Event::Ended(why),
            () = tick(&mut watchdog) => Event::Alive,
            Ok(()) = state.changed() => Event::State,
        };
        match event {
            Event::Stop => return None,
            Event::Ended(why) => return Some(why),
            Event::Reload => {
                notify.reloading(clock::monotonic_us());
                reload(host, path).await;
                notify.ready();
            }
            Event::Alive => notify.alive(),
            Event::State => notify.status(&words(&state.borrow_and_update())),
        }
    }
}

async fn tick(watchdog: &mut Option<Interval>) {
    match watchdog {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}

/// Reads the configuration again. One that is wrong changes nothing.
async fn reload(host: &Host, path: &Path) {
    let changes = match config::load(path) {
        Ok(read) => host.reload(&read).await,
        Err(error) => Err(error.into()),
    };
    match changes {
        Ok(changes) => tell(&changes),
        Err(error) => error!("reload: nothing is taken over: {error:#}"),
    }
}

fn tell(Changes { taken, restart }: &Changes) {
    let list = |keys: &std::collections::BTreeSet<String>| {
        keys.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    match (taken.is_empty(), restart.is_empty()) {
        (true, true) => {
            info!("reload: no key has changed; the files under [members] are read again")
        }
        (false, _) => info!("reload: taken over: {}", list(taken)),
        (true, false) => {}
    }
    if !restart.is_empty() {
        warn!("reload: restart needed: these hold only after one: {}", list(restart));
    }
}

/// Stops within [`STOP_MAX`], or at once where that is asked for a second time.
async fn stop(host: Host, signals: &mut StopSignals) {
    let why = tokio::select! {
        stopped = tokio::time::timeout(STOP_MAX, host.stop()) => match stopped {
            Ok(()) => return,
            Err(_) => format!("it has not stopped within {} s", STOP_MAX.as_secs()),
        },
        () = signals.asked() => "asked a second time to stop".to_owned(),
    };
    error!("service: {why}: it ends at once; the next start resumes what was begun");
    // Whatever still runs on a thread of its own would be waited for.
    std::process::exit(1);
}

/// How the host is doing, for `systemctl status`: without names, which the log has.
fn words(now: &Snapshot) -> String {
    let chat = match &now.chat {
        ChatState::Connecting => "connecting to the chat".to_owned(),
        ChatState::SignedIn => format!("signed in to the chat, in {} rooms so far", now.rooms_live),
        ChatState::Live => format!("in the chat, {} rooms", now.rooms_live),
        ChatState::Offline(_) => "not in the chat, tries again; the log says why".to_owned(),
    };
    let mail = if now.mail.first().is_some() { "; mail waits, the log says why" } else { "" };
    format!("{chat}{mail}")
}

fn is_lease_lost(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(database::Error::LeaseLost { .. }))
}
