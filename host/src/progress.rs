//! How far long work has come, on standard error: a bar on a terminal, a plain line now and then
//! where there is none.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock;

/// How often a line is written where there is no terminal. Shorter work says nothing there.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things with this name.
    Things(&'static str),
    /// Bytes.
    Bytes,
}

/// How far it has come.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    unit: Unit,
    done: u64,
    total: Option<u64>,
    bar: ProgressBar,
    said: Instant,
}

impl Progress {
    /// Begins; `total` is how much there is, if that is known.
    #[must_use]
    pub fn new(what: &'static str, unit: Unit, total: Option<u64>) -> Self {
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(total, target).with_message(what);
        let counts = match unit {
            Unit::Things(_) => "{human_pos}/{human_len}",
            Unit::Bytes => "{bytes}/{total_bytes}",
        };
        let name = match unit {
            Unit::Things(name) => name,
            Unit::Bytes => "",
        };
        let template = match total {
            Some(_) => format!("{{msg}} {{bar:30}} {counts} {name} ({{eta}} left)"),
            None => format!("{{msg}} {{spinner}} {{human_pos}} {name}"),
        };
        // A template that is wrong is a slip that a test finds; the default one does meanwhile.
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { what, unit, done: 0, total, bar, said: clock::now().instant }
    }

    /// So much more is done.
    pub fn step(&mut self, count: u64) {
        self.done = self.done.saturating_add(count);
        self.bar.set_position(self.done);
        let now = clock::now().instant;
        if self.bar.is_hidden() && now.saturating_duration_since(self.said) >= LINE_EVERY {
            self.said = now;
            eprintln!("{}", self.line());
        }
    }

    /// So much is done in all.
    pub fn reach(&mut self, done: u64) {
        self.step(done.saturating_sub(self.done));
    }

    fn line(&self) -> String {
        let shown = |count: u64| match self.unit {
            Unit::Things(_) => count.to_string(),
            Unit::Bytes => HumanBytes(count).to_string(),
        };
        let of = self.total.map_or_else(String::new, |total| format!(" of {}", shown(total)));
        let name = match self.unit {
            Unit::Things(name) => format!(" {name}"),
            Unit::Bytes => String::new(),
        };
        format!("{}: {}{of}{name}", self.what, shown(self.done))
    }

    /// It is done: the bar goes.
    pub fn end(self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_far_it_is() {
        let mut progress = Progress::new("replay", Unit::Things("messages"), None);
        progress.step(1200);
        assert_eq!(progress.line(), "replay: 1200 messages");
        let mut progress = Progress::new("verify", Unit::Bytes, Some(4 << 20));
        progress.step(1 << 20);
        assert_eq!(progress.line(), "verify: 1.00 MiB of 4.00 MiB");
        progress.end();
    }
}
