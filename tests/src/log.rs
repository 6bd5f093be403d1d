//! What the host says, kept for assertions: what an administrator reads, and that no chat text,
//! address or secret stands in it.

use std::{
    fmt::{Debug, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;
use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, filter::filter_fn, layer::Context, layer::SubscriberExt};

/// Lines kept of one test.
const LINES_MAX: usize = 200_000;
/// Longest wait for a line.
const WAIT: Duration = Duration::from_secs(90);

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// How loud it is.
    pub level: Level,
    /// The message and the fields.
    pub text: String,
}

/// The lines of one test.
#[derive(Clone, Debug)]
pub struct Log {
    lines: Arc<Mutex<Vec<Line>>>,
    count: watch::Sender<usize>,
}

impl Default for Log {
    fn default() -> Self {
        Self { lines: Arc::default(), count: watch::Sender::new(0) }
    }
}

impl Log {
    /// What writes into this log.
    #[must_use]
    pub fn dispatch(&self) -> Dispatch {
        let wanted = |metadata: &Metadata<'_>| {
            let ours = ["host", "bridge", "lync", "ews", "ntlm"];
            let target = metadata.target().split("::").next().unwrap_or_default();
            *metadata.level() <= Level::INFO
                || *metadata.level() == Level::DEBUG && ours.contains(&target)
        };
        tracing_subscriber::registry().with(self.clone().with_filter(filter_fn(wanted))).into()
    }

    /// Whether a line holds all of `words`.
    #[must_use]
    pub fn says(&self, words: &[&str]) -> bool {
        self.count(words) > 0
    }

    /// How many lines hold all of `words`.
    #[must_use]
    pub fn count(&self, words: &[&str]) -> usize {
        self.lock().iter().filter(|line| words.iter().all(|word| line.text.contains(word))).count()
    }

    /// Waits for a line that holds all of `words`.
    pub async fn wait(&self, words: &[&str]) {
        let mut count = self.count.subscribe();
        let said = count.wait_for(|_| self.says(words));
        assert!(
            tokio::time::timeout(WAIT, said).await.is_ok(),
            "no line of the log holds {words:?}"
        );
    }

    /// Changes with every line.
    #[must_use]
    pub fn lines(&self) -> watch::Receiver<usize> {
        self.count.subscribe()
    }

    /// The lines of level INFO and louder.
    #[must_use]
    pub fn shown(&self) -> Vec<Line> {
        self.lock().iter().filter(|line| line.level <= Level::INFO).cloned().collect()
    }

    /// All lines.
    #[must_use]
    pub fn all(&self) -> Vec<Line> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let line = Line {
            level: *event.metadata().level(),
            text: format!("{}{}", text.message, text.fields),
        };
        let mut lines = self.lock();
        if lines.len() < LINES_MAX {
            lines.push(line);
        }
        let count = lines.len();
        drop(lines);
        self.count.send_replace(count);
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}
