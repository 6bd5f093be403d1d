//! What the machine itself may lack: a clock that goes on evenly, and room on its disk.

mod clock;
pub mod disk;

use std::{path::PathBuf, time::Duration};

use tokio::sync::watch;
use tracing::{info, warn};

use self::clock::Clock;
use crate::{chat::stop_asked, state::State};

/// What this machine is called.
#[must_use]
pub fn name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Some(name.trim()).filter(|name| !name.is_empty()).unwrap_or("host").to_owned()
}

/// How often both are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The stage that looks.
#[derive(Debug)]
pub struct Machine {
    state: State,
    clock: Clock,
    directory: PathBuf,
}

impl Machine {
    /// Begins with what the clocks show now, and looks at the disk that `directory` is on.
    #[must_use]
    pub fn new(state: State, directory: PathBuf) -> Self {
        Self { state, clock: Clock::new(), directory }
    }

    /// Looks until asked to stop.
    pub async fn run(mut self, stop: watch::Receiver<bool>) {
        loop {
            self.look();
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop_asked(stop.clone()) => return,
            }
        }
    }

    fn look(&mut self) {
        let before = self.state.now();
        let clock = self.clock.look();
        if before.clock != clock {
            match &clock {
                Some(words) => warn!("{words}"),
                None => info!("clock: it has not been set again"),
            }
            self.state.clock(clock);
        }
        let free = disk::free(&self.directory);
        self.state.meters().disk_left(free);
        let disk = free.and_then(|free| disk::trouble(&self.directory, free));
        if before.disk != disk {
            match &disk {
                Some(words) => warn!("{words}"),
                None => info!("disk: there is room again"),
            }
            self.state.disk(disk);
        }
    }
}
