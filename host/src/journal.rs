//! The log as the journal of systemd takes it: each line begins with its priority, as `sd-daemon(3)`
//! describes it. Anywhere else lines stay as they are.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// Puts the priority in front of what `F` writes, if it goes to the journal.
#[derive(Debug)]
pub struct Prioritized<F> {
    inner: F,
    to_journal: bool,
}

impl<F> Prioritized<F> {
    /// For standard error.
    #[must_use]
    pub fn new(inner: F) -> Self {
        Self { inner, to_journal: is_journal(std::env::var("JOURNAL_STREAM").ok().as_deref()) }
    }
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
    fn another_stream_is_not_the_journal() {
        assert!(!is_journal(None) && !is_journal(Some("0:0")) && !is_journal(Some("x")));
        assert_eq!(
            [Level::ERROR, Level::WARN, Level::INFO, Level::TRACE].map(priority),
            ['3', '4', '6', '7']
        );
    }
}
