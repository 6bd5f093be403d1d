//! The log: to the journal of systemd with its fields where standard error goes there, as
//! `journalctl CHAT_DIGEST_MESSAGE_ID=…` finds them; lines on standard error anywhere else.

use std::{fmt, io::IsTerminal as _};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer as _,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// How the names of our fields begin in the journal.
const FIELDS: &str = "CHAT_DIGEST";

/// Begins to log what the filter lets through.
pub fn begin(filter: EnvFilter) {
    let to_journal = is_journal(std::env::var("JOURNAL_STREAM").ok().as_deref());
    let journal = to_journal.then(tracing_journald::layer).and_then(Result::ok);
    let layer = match journal {
        Some(journal) => {
            let journal = journal.with_field_prefix(Some(FIELDS.to_owned()));
            journal.with_syslog_identifier("chat-digest".to_owned()).boxed()
        }
        // A journal that takes no fields takes lines that begin with their priority (sd-daemon(3)).
        None => {
            let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let format = tracing_subscriber::fmt::format().with_target(false);
            tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_ansi(colours)
                .event_format(Prioritized { inner: format, to_journal })
                .boxed()
        }
    };
    tracing_subscriber::registry().with(filter).with(layer).init();
}

/// From now on a panic tells where it was, and not what it says of the data in its hands: that may be
/// a message's text or a secret.
pub fn discreet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        // Whoever read our output has read enough, as `head` does: that is no fault.
        if panic.payload_as_str().is_some_and(|words| words.starts_with("failed printing to std")) {
            std::process::exit(1);
        }
        let trace = std::backtrace::Backtrace::capture();
        eprintln!("{}", broken(panic.location(), &trace));
    }));
}

fn broken(at: Option<&std::panic::Location<'_>>, trace: &std::backtrace::Backtrace) -> String {
    let at = at.map_or_else(|| "a place that is not known".to_owned(), ToString::to_string);
    let trace = match trace.status() {
        std::backtrace::BacktraceStatus::Captured => format!("\n{trace}"),
        _ => "; RUST_BACKTRACE=1 tells the way there".to_owned(),
    };
    format!("chat-digest: a fault of the program at {at}: please report it{trace}")
}

/// Puts the priority in front of what `F` writes, if it goes to the journal.
#[derive(Debug)]
struct Prioritized<F> {
    inner: F,
    to_journal: bool,
}

/// Whether standard error is the stream that the variable names by its device and inode.
fn is_journal(stream: Option<&str>) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let Some(stream) = stream else { return false };
    std::fs::metadata("/dev/stderr")
        .is_ok_and(|here| format!("{}:{}", here.dev(), here.ino()) == stream)
}

const fn priority(level: Level) -> char {
    match level {
        Level::ERROR => '3',
        Level::WARN => '4',
        Level::INFO => '6',
        _ => '7',
    }
}

impl<S, N, F> FormatEvent<S, N> for Prioritized<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.to_journal {
            write!(writer, "<{}>", priority(*event.metadata().level()))?;
        }
        self.inner.format_event(context, writer, event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_tells_where_it_was() {
        let here = std::panic::Location::caller();
        let said = broken(Some(here), &std::backtrace::Backtrace::disabled());
        assert!(said.contains("journal.rs:") && said.contains("please report it"), "{said}");
    }

    #[test]
    fn another_stream_is_not_the_journal() {
        assert!(!is_journal(None) && !is_journal(Some("0:0")) && !is_journal(Some("x")));
        assert_eq!(
            [Level::ERROR, Level::WARN, Level::INFO, Level::TRACE].map(priority),
            ['3', '4', '6', '7']
        );
    }
}
