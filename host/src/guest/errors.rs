//! What can be wrong with a guest, in sentences for the administrator.

use std::fmt;
use std::time::Duration;

use bridge::text;

use super::imports::LogLine;
use super::types::Level;
use super::{INTERFACE_VERSION, INTERFACE_VERSION_OLDEST};

/// A guest's own words in an error, in UTF-16 units.
const WORDS_UNITS_MAX: usize = 200;

/// Which guest an error speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestId {
    /// Its name in the configuration.
    pub name: String,
    /// SHA-256 of the component, in hex.
    pub digest: String,
}

impl fmt::Display for GuestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = self.digest.get(..12).unwrap_or(&self.digest);
        write!(f, "guest `{}` ({short})", self.name)
    }
}

/// What a guest was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Be ready to be asked: run its start functions.
    Start,
    /// Decide what happens with a message.
    Plan,
    /// Compose a mail.
    Compose,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Plan => "plan",
            Self::Compose => "compose",
        })
    }
}

/// Why a component cannot be a guest. The one in use stays in use.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not WebAssembly at all.
    #[error("{0} is no WebAssembly: give the file that guest/build.sh or cargo component wrote")]
    NotWasm(GuestId),
    /// WebAssembly, but a core module.
    #[error(
        "{0} is a core module, not a component: turn it into one with `wasm-tools component new`, \
         or build it with cargo component or for wasm32-wasip2"
    )]
    CoreModule(GuestId),
    /// Larger than [`super::Limits::component_bytes_max`].
    #[error(
        "{guest} has {bytes} bytes, but at most {bytes_max} are allowed: build it for release and stripped, or raise the limit"
    )]
    TooLarge {
        /// Which guest.
        guest: GuestId,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// Cut off, damaged, or of a WebAssembly feature that is off.
    #[error("{guest} is cut off or damaged: copy it again, or build it again ({detail})")]
    Malformed {
        /// Which guest.
        guest: GuestId,
        /// What the parser says.
        detail: String,
    },
    /// Asks from its first moment for more than a call may have.
    #[error(
        "{guest} declares that it needs more than a call may have: build it to need less, or raise \
         the limit ({detail})"
    )]
    Demanding {
        /// Which guest.
        guest: GuestId,
        /// What it needs, and the limit.
        detail: String,
    },
    /// Built against a version of the contract that came after this host.
    #[error(
        "{guest} wants interface {found}; this host speaks {INTERFACE_VERSION_OLDEST} to \
         {INTERFACE_VERSION}: take a newer chat-digest, or build the guest against \
         wit/{INTERFACE_VERSION}"
    )]
    Future {
        /// Which guest.
        guest: GuestId,
        /// The version that it wants.
        found: String,
    },
    /// Built against a version of the contract that never was published.
    #[error(
        "{guest} wants interface {found:?}, which is no published version; this host speaks \
         {INTERFACE_VERSION_OLDEST} to {INTERFACE_VERSION}: build the guest against \
         wit/{INTERFACE_VERSION}"
    )]
    Version {
        /// Which guest.
        guest: GuestId,
        /// The version that it wants.
        found: String,
    },
    /// Built against two versions of the contract at once.
    #[error(
        "{guest} imports `{import}` beside interfaces of another version: build all of it against \
         wit/{INTERFACE_VERSION}"
    )]
    Mixed {
        /// Which guest.
        guest: GuestId,
        /// The first import of the other version.
        import: String,
    },
    /// Lacks a function of the contract.
    #[error("{guest} does not export `{export}`: build it for the world chat-digest:guest/guest")]
    MissingExport {
        /// Which guest.
        guest: GuestId,
        /// What it lacks.
        export: &'static str,
    },
    /// Wants something that a guest does not get.
    #[error(
        "{guest} imports `{import}`, which guests are not offered: build it without, they have \
         directory, settings and log"
    )]
    Import {
        /// Which guest.
        guest: GuestId,
        /// What it wants.
        import: String,
    },
    /// Has the contract's names with other types.
    #[error(
        "{guest} does not fit the contract {version}, though it names it: build it again with \
         wit/{version} ({detail})"
    )]
    Mismatch {
        /// Which guest.
        guest: GuestId,
        /// The version that it names.
        version: String,
        /// The first difference.
        detail: String,
    },
}

/// Why a call gave no answer. No message is lost by it: the host falls back to its own plan or mail.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The guest was stopped, or stopped itself.
    #[error("{guest} could not {operation}: {trap}{}", last_words(log))]
    Trapped {
        /// Which guest.
        guest: GuestId,
        /// What it was to do.
        operation: Operation,
        /// What stopped it.
        trap: Trap,
        /// What it logged before.
        log: Vec<LogLine>,
    },
    /// The guest answered with an error of its own.
    #[error(
        "{guest} refused to {operation}: {}: see what the guest's documentation says of it, and \
         check [guest.settings]",
        shown(reason)
    )]
    Refused {
        /// Which guest.
        guest: GuestId,
        /// What it was to do.
        operation: Operation,
        /// Its words, as it gave them.
        reason: String,
        /// What it logged before.
        log: Vec<LogLine>,
    },
    /// Too many calls run already. Nothing is wrong with the call: try again.
    #[error(
        "{guest} was not asked to {operation}: for {waited:?} as many calls ran as are allowed; \
         try again, or raise the number of calls"
    )]
    Busy {
        /// Which guest.
        guest: GuestId,
        /// What it was to do.
        operation: Operation,
        /// How long the call waited.
        waited: Duration,
    },
}

impl CallError {
    /// What the guest logged before its end.
    #[must_use]
    pub fn log(&self) -> &[LogLine] {
        match self {
            Self::Trapped { log, .. } | Self::Refused { log, .. } => log,
            Self::Busy { .. } => &[],
        }
    }

    /// Whether the same call would end the same way: all but want of time or of a place.
    #[must_use]
    pub fn is_repeatable(&self) -> bool {
        !matches!(self, Self::Busy { .. } | Self::Trapped { trap: Trap::Deadline { .. }, .. })
    }
}

/// What stopped a guest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trap {
    /// It ran longer than its fuel lasts.
    #[error("it used up its fuel of {fuel}; it may loop without end, or the limit is too low")]
    OutOfFuel {
        /// The limit.
        fuel: u64,
    },
    /// It had fuel left, but took too long.
    #[error(
        "it took longer than {deadline:?}; the machine may be overloaded, or the limit is too low"
    )]
    Deadline {
        /// The limit.
        deadline: Duration,
    },
    /// It asked for more memory than it may have.
    #[error("it needs more memory than {bytes_max} bytes; it may leak, or the limit is too low")]
    Memory {
        /// The limit.
        bytes_max: usize,
    },
    /// It asked for more table entries than it may have.
    #[error("it needs more table entries than {entries_max}; it may leak, or the limit is too low")]
    Table {
        /// The limit.
        entries_max: usize,
    },
    /// Its calls are nested too deeply.
    #[error("its stack is full; it may call itself without end")]
    Stack,
    /// It logged more than it may.
    #[error("it wrote more to the log than it may; let it log less")]
    Log,
    /// It handed over more than it may.
    #[error("it handed over more than {bytes_max} bytes at once; let it answer less")]
    Answer {
        /// The limit.
        bytes_max: usize,
    },
    /// It called a part of WASI, all of which is denied.
    #[error("it called {import}, which is denied: let it do without, or build it without WASI")]
    Denied {
        /// The function.
        import: String,
    },
    /// It gave up by itself: a panic, an abort.
    #[error("it panicked; report it to the guest's author")]
    Unreachable,
    /// A fault in its code.
    #[error("it failed with \"{0}\"; report it to the guest's author")]
    Other(String),
}

/// The last complaint of a guest: its panic, as a rule. What it logs at lower levels may be words of
/// a message and stays out of errors.
fn last_words(log: &[LogLine]) -> String {
    let complains = |line: &&LogLine| matches!(line.level, Level::Warn | Level::Error);
    let last = log.iter().rev().find(complains);
    last.map_or_else(String::new, |l| format!("; its last words: {}", shown(&l.message)))
}

fn shown(words: &str) -> String {
    text::clip(&text::one_line(words), WORDS_UNITS_MAX).into_owned()
}
