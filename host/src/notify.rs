//! What a service manager is told over its socket, as systemd's `sd_notify(3)` describes it: that the
//! host is ready, reloads, stops, and lives. Without such a manager all of it does nothing.

use std::{io, os::unix::net::UnixDatagram, time::Duration};

/// Longest text of a state, in bytes.
const STATUS_BYTES_MAX: usize = 200;

/// The service manager, if there is one that wants to be told.
#[derive(Debug, Default)]
pub struct Notify {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Notify {
    /// Connects to the manager that the environment names.
    ///
    /// # Errors
    /// If there is one that cannot be reached: then the service would be taken for dead.
    pub fn from_env() -> io::Result<Self> {
        let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(Self::default()) };
        let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
        let for_us = number("WATCHDOG_PID").is_none_or(|id| id == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|us| for_us && *us > 0);
        let socket = UnixDatagram::unbound()?;
        connect(&socket, &path)?;
        // A manager that does not listen must not hold up the host.
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Some(socket), watchdog: watchdog.map(Duration::from_micros) })
    }

    /// How often to say [`Notify::alive`]: twice in the time after which the manager gives up.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog.map(|time| time / 2)
    }

    /// All stages run, or run with what was read again.
    pub fn ready(&self) {
        self.say("READY=1");
    }

    /// The configuration is being read again; [`Notify::ready`] ends it. `monotonic_us` is the time
    /// by the clock that counts from the machine's start, in microseconds.
    pub fn reloading(&self, monotonic_us: u64) {
        self.say(&format!("RELOADING=1\nMONOTONIC_USEC={monotonic_us}"));
    }

    /// The host stops.
    pub fn stopping(&self) {
        self.say("STOPPING=1");
    }

    /// The host lives.
    pub fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    /// How the host is doing, in one line for `systemctl status`.
    pub fn status(&self, words: &str) {
        let words: String = words.chars().filter(|c| !c.is_control()).collect();
        let end = words.floor_char_boundary(STATUS_BYTES_MAX);
        self.say(&format!("STATUS={}", words.get(..end).unwrap_or_default()));
    }

    fn say(&self, what: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(what.as_bytes())
        {
            tracing::debug!("service: the service manager cannot be told: {error}");
        }
    }
}

#[cfg(target_os = "linux")]
fn connect(socket: &UnixDatagram, path: &std::ffi::OsStr) -> io::Result<()> {
    use std::os::{linux::net::SocketAddrExt as _, unix::ffi::OsStrExt as _};
    match path.as_bytes().strip_prefix(b"@") {
        None => socket.connect(path),
        Some(name) => {
            socket.connect_addr(&std::os::unix::net::SocketAddr::from_abstract_name(name)?)
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn connect(socket: &UnixDatagram, path: &std::ffi::OsStr) -> io::Result<()> {
    socket.connect(path)
}
