//! What a check found: a line for each step as it is made, and all of them as one picture at the end.

use std::fmt;

use anstream::{print, println};
use anstyle::{AnsiColor, Style};

/// Whom steps are made towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Side {
    /// This machine: files and guests.
    Here,
    /// The mail server.
    Exchange,
    /// The Front End pool and its chat server.
    Chat,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Here => "Here",
            Self::Exchange => "Exchange",
            Self::Chat => "Chat",
        })
    }
}

/// How a step came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    /// As it should.
    Ok,
    /// Something has to be mended.
    Fail,
    /// It was not made.
    Skip,
}

impl Outcome {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fail => "FAIL",
            Self::Skip => "skip",
        }
    }

    /// Shown on terminals only, and never instead of the word.
    const fn style(self) -> Style {
        match self {
            Self::Ok => AnsiColor::Green.on_default(),
            Self::Fail => AnsiColor::Red.on_default().bold(),
            Self::Skip => Style::new().dimmed(),
        }
    }
}

/// A step that was made, or not.
#[derive(Debug, serde::Serialize)]
struct Step {
    side: Side,
    step: &'static str,
    outcome: Outcome,
    /// What came back, and what to do where that is not well.
    said: String,
    /// More about it, a line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<String>,
}

/// All steps so far.
pub(super) struct Report {
    json: bool,
    side: Side,
    steps: Vec<Step>,
}

impl Report {
    /// An empty one; with `json` each step is printed as one line of JSON.
    pub(super) fn new(json: bool) -> Self {
        Self { json, side: Side::Here, steps: Vec::new() }
    }

    /// The steps that follow are made towards this side.
    pub(super) fn towards(&mut self, side: Side, what: &str) {
        self.side = side;
        if !self.json {
            let gap = if self.steps.is_empty() { "" } else { "\n" };
            println!("{gap}{side}{}{what}", if what.is_empty() { "" } else { ": " });
        }
    }

    pub(super) fn good(&mut self, step: &'static str, said: impl Into<String>) {
        self.step(step, Outcome::Ok, said.into(), Vec::new());
    }

    pub(super) fn good_with(
        &mut self,
        step: &'static str,
        said: impl Into<String>,
        details: Vec<String>,
    ) {
        self.step(step, Outcome::Ok, said.into(), details);
    }

    pub(super) fn bad(&mut self, step: &'static str, said: impl Into<String>) {
        self.step(step, Outcome::Fail, said.into(), Vec::new());
    }

    pub(super) fn bad_with(
        &mut self,
        step: &'static str,
        said: impl Into<String>,
        details: Vec<String>,
    ) {
        self.step(step, Outcome::Fail, said.into(), details);
    }

    pub(super) fn skipped(&mut self, step: &'static str, why: impl Into<String>) {
        self.step(step, Outcome::Skip, why.into(), Vec::new());
    }

    /// Whether nothing has to be mended.
    pub(super) fn is_well(&self) -> bool {
        self.steps.iter().all(|step| step.outcome != Outcome::Fail)
    }

    fn step(&mut self, step: &'static str, outcome: Outcome, said: String, details: Vec<String>) {
        let step = Step { side: self.side, step, outcome, said, details };
        if self.json {
            // A step holds nothing that JSON cannot.
            println!("{}", serde_json::to_string(&step).unwrap_or_default());
        } else {
            let style = outcome.style();
            println!("  {style}{:<4}{style:#}  {:<13} {}", outcome.word(), step.step, step.said);
            for line in &step.details {
                println!("          {line}");
            }
        }
        self.steps.push(step);
    }

    /// Ends it: every step once, as one picture, and what to do now.
    pub(super) fn end(&self) {
        if self.json {
            return;
        }
        println!();
        for side in [Side::Here, Side::Exchange, Side::Chat] {
            print!("{side:<9}");
            for (name, outcome) in self.worst(side) {
                let style = outcome.style();
                print!("  {name} {style}{}{style:#}", outcome.word());
            }
            println!();
        }
        println!(
            "\n{}",
            if self.is_well() {
                "All is well; `chat-digest run` would work with this."
            } else {
                "Mend what is marked FAIL, from the top."
            }
        );
    }

    /// The steps of a side in order, each name once with the worst that came of it.
    fn worst(&self, side: Side) -> Vec<(&'static str, Outcome)> {
        let mut all: Vec<(&'static str, Outcome)> = Vec::new();
        for step in self.steps.iter().filter(|step| step.side == side) {
            match all.iter_mut().find(|(name, _)| *name == step.step) {
                Some((_, worst)) if step.outcome == Outcome::Fail => *worst = Outcome::Fail,
                Some(_) => {}
                None => all.push((step.step, step.outcome)),
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_shows_each_step_once_by_the_worst_of_it() {
        let mut report = Report::new(false);
        report.good("guest", "one");
        report.bad("guest", "another");
        report.good("guest", "a third");
        report.towards(Side::Chat, "");
        report.skipped("rooms", "not signed in");
        assert_eq!(report.worst(Side::Here), [("guest", Outcome::Fail)]);
        assert_eq!(report.worst(Side::Chat), [("rooms", Outcome::Skip)]);
        assert!(!report.is_well());
    }

    #[test]
    fn a_step_as_json() {
        let step = Step {
            side: Side::Exchange,
            step: "sign-in",
            outcome: Outcome::Fail,
            said: "no".to_owned(),
            details: Vec::new(),
        };
        let json = serde_json::to_string(&step).unwrap_or_default();
        let wanted = r#"{"side":"exchange","step":"sign-in","outcome":"fail","said":"no"}"#;
        assert_eq!(json, wanted);
    }
}
