//! What was found about a guest: checks that hold, and findings with what to do about them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bridge::text;
use serde::Serialize;

/// Samples that a finding names; further ones are counted.
const EXAMPLES_MAX: usize = 3;

/// UTF-16 units of what a finding quotes.
const DETAIL_UNITS_MAX: usize = 300;

/// How bad it is if a check does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// It reads worse than it could, or surprises somebody.
    Warning,
    /// The host would not use the answer, or should not.
    Error,
}

/// Something that is to hold for a guest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Check {
    /// Its place in the report.
    pub(super) place: u8,
    /// What is to hold, as a sentence.
    pub(super) holds: &'static str,
    /// Whether a guest that does not do it is still of use.
    pub(super) is_error: bool,
    /// What to do if it does not hold.
    pub(super) advice: &'static str,
}

/// What was found in one sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Example {
    sample: String,
    what: String,
}

#[derive(Debug, Default)]
struct Tally {
    held: usize,
    broken: usize,
    examples: Vec<Example>,
}

/// The outcome of all checks.
#[derive(Debug, Default)]
pub(super) struct Report {
    tallies: BTreeMap<&'static Check, Tally>,
}

/// A line of the report for programs.
#[derive(Serialize)]
struct Row<'a> {
    outcome: &'static str,
    check: &'a str,
    held: usize,
    broken: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    examples: Vec<&'a Example>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'a str>,
}

impl Report {
    /// Notes whether a check holds in a sample; if not, what is wrong.
    pub(super) fn note(
        &mut self,
        check: &'static Check,
        sample: &str,
        outcome: Result<(), String>,
    ) {
        let tally = self.tallies.entry(check).or_default();
        let Err(what) = outcome else {
            tally.held += 1;
            return;
        };
        tally.broken += 1;
        if tally.examples.len() < EXAMPLES_MAX {
            let what = text::clip(&text::one_line(&what), DETAIL_UNITS_MAX).into_owned();
            tally.examples.push(Example { sample: sample.to_owned(), what });
        }
    }

    /// How many checks do not hold, of this severity.
    #[must_use]
    pub(super) fn count(&self, severity: Severity) -> usize {
        let broken = |(check, tally): &(&&Check, &Tally)| {
            tally.broken > 0 && check.is_error == (severity == Severity::Error)
        };
        self.tallies.iter().filter(broken).count()
    }

    /// One line of JSON a check.
    #[must_use]
    pub(super) fn json(&self) -> String {
        let mut lines = String::new();
        for row in self.rows() {
            let _ = writeln!(lines, "{}", serde_json::json!(row));
        }
        lines
    }

    /// For people: what holds on a line each, what does not with examples and advice.
    #[must_use]
    pub(super) fn words(&self) -> String {
        let mut words = String::new();
        for row in self.rows() {
            let _ = writeln!(words, "{:8} {}{}", row.outcome, row.check, row.share());
            for example in &row.examples {
                let _ = writeln!(words, "           in \"{}\": {}", example.sample, example.what);
            }
            if let Some(advice) = row.advice {
                let _ = writeln!(words, "           -> {advice}");
            }
        }
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        let well = self.tallies.len() - errors - warnings;
        let _ = writeln!(
            words,
            "\n{well} ok, {}, {}",
            told(warnings, "warning"),
            told(errors, "error")
        );
        words
    }

    /// What does not hold, one line each: for who shows it beside a mail.
    #[must_use]
    pub(super) fn findings(&self) -> Vec<(Severity, String)> {
        let broken = self.tallies.iter().filter(|(_, tally)| tally.broken > 0);
        let line = |(check, tally): (&&Check, &Tally)| {
            let what = tally.examples.first().map_or("", |example| &example.what);
            let severity = if check.is_error { Severity::Error } else { Severity::Warning };
            (severity, format!("Not so: {}. {what}. {}", check.holds, check.advice))
        };
        broken.map(line).collect()
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.tallies.iter().map(|(check, tally)| Row {
            outcome: match (tally.broken, check.is_error) {
                (0, _) => "ok",
                (_, true) => "error",
                (_, false) => "warning",
            },
            check: check.holds,
            held: tally.held,
            broken: tally.broken,
            examples: tally.examples.iter().collect(),
            advice: (tally.broken > 0).then_some(check.advice),
        })
    }
}

impl Row<'_> {
    /// ` (3 of 20 times not)`, where it was tried more than once.
    fn share(&self) -> String {
        match (self.broken, self.held + self.broken) {
            (0, _) | (_, 1) => String::new(),
            (broken, all) => format!(": not so {broken} of {all} times"),
        }
    }
}

fn told(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    static GOOD: Check = Check { place: 1, holds: "it is good", is_error: true, advice: "do good" };
    static FAIR: Check =
        Check { place: 2, holds: "it is fair", is_error: false, advice: "be fair" };

    #[test]
    fn a_report_says_what_holds_and_what_to_do() {
        let mut report = Report::default();
        report.note(&GOOD, "a", Ok(()));
        for sample in ["a", "b", "c", "d"] {
            report.note(&FAIR, sample, Err("un\nfair".into()));
        }
        report.note(&FAIR, "e", Ok(()));
        let words = report.words();
        assert!(
            words.starts_with("ok       it is good\nwarning  it is fair: not so 4 of 5 times\n")
        );
        assert!(words.contains("in \"a\": un fair\n") && !words.contains("in \"d\""), "{words}");
        assert!(words.ends_with("           -> be fair\n\n1 ok, 1 warning, 0 errors\n"), "{words}");
        assert_eq!((report.count(Severity::Error), report.count(Severity::Warning)), (0, 1));
        assert_eq!(report.json().lines().count(), 2);
    }
}
