//! `chat-digest trace replay`: plays the pool's side of a transcript before a real session, and
//! reads the answers of Exchange once more.

use std::{fmt::Write as _, fs::File, io::Read as _, path::Path, process::ExitCode};

use anyhow::{Context as _, Result, anyhow};
use trace::{
    FILE_BYTES_MAX, Transcript,
    answers::{self, Reading},
    play::{self, Report, Step, Verdict},
};

use crate::clock;

/// Differences that are told one by one.
const DIFFERENCES_SHOWN: usize = 20;

/// Replays a transcript and prints what is made of each of its messages.
///
/// # Errors
/// If the file cannot be read, or is no transcript: then with its line.
pub fn replay(file: &Path) -> Result<ExitCode> {
    let transcript = read(file)?;
    let report = play::play(&transcript, clock::now());
    let readings = answers::read(&transcript.entries);
    print!("{}", text(file, &transcript, &report, &readings));
    let well = report.first_difference().is_none() && !readings.iter().any(|one| one.is_odd);
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(file: &Path) -> Result<Transcript> {
    // A little more than the recorder writes: what nobody knew stands behind its bound.
    let most = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX).saturating_mul(2);
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .with_context(|| file.display().to_string())?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let lines = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count();
        anyhow!("{}:{}: no text in UTF-8", file.display(), lines + 1)
    })?;
    Transcript::read(&text).map_err(|error| anyhow!("{}:{error}", file.display()))
}

/// One line for each message, then the summary.
fn text(file: &Path, transcript: &Transcript, report: &Report, readings: &[Reading]) -> String {
    let mut out = String::new();
    for step in &report.steps {
        let _ = writeln!(out, "{}", line(step));
    }
    for reading in readings {
        let mark = if reading.is_odd { "ODD" } else { "read" };
        let _ = writeln!(out, "{:>7}  {:4}  {}", reading.line, mark, reading.told);
    }
    let Transcript { head, end, forms, .. } = transcript;
    let _ = writeln!(out, "\n{}: {}, {}", file.display(), head.program, head.platform);
    let odd = readings.iter().filter(|reading| reading.is_odd).count();
    let _ = writeln!(
        out,
        "{} messages played, {} answers of Exchange read, {odd} of them odd",
        report.played(),
        readings.len()
    );
    if end.lost > 0 || end.full {
        let _ = writeln!(out, "{}", super::told(*end));
    }
    list(&mut out, "Forms that nobody knew when it was recorded", forms.unknown());
    list(&mut out, "Forms that nobody knows now", report.unknown.iter().map(String::as_str));
    let assumed: Vec<String> = forms.assumed().collect();
    list(&mut out, "Assumed forms", assumed.iter().map(String::as_str));
    match report.first_difference() {
        None => out.push_str("Nothing differs.\n"),
        Some(first) => {
            let _ = writeln!(
                out,
                "The first difference: {}:{}: {}",
                file.display(),
                first.line,
                difference(first)
            );
            let kinds = report.differences();
            let kinds: Vec<_> =
                kinds.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
            let _ = writeln!(out, "Differences: {}", kinds.join(", "));
        }
    }
    out
}

fn list<'l>(out: &mut String, title: &str, names: impl Iterator<Item = &'l str>) {
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        return;
    }
    let _ = writeln!(out, "{title}:");
    for name in names.iter().take(DIFFERENCES_SHOWN) {
        let _ = writeln!(out, "  {name}");
    }
    if names.len() > DIFFERENCES_SHOWN {
        let _ = writeln!(out, "  and {} more", names.len() - DIFFERENCES_SHOWN);
    }
}

fn line(step: &Step) -> String {
    let Step { line, direction, what, verdict } = step;
    let mark = match verdict {
        Verdict::Taken => "took",
        Verdict::Said => "said",
        Verdict::PassedOver => "-",
        Verdict::Differs(..) => "DIFF",
    };
    let told = match verdict {
        Verdict::Differs(_, told) => format!(": {told}"),
        _ => String::new(),
    };
    format!("{line:>7}  {mark:4}  {} {what}{told}", direction.sign())
}

fn difference(step: &Step) -> String {
    match &step.verdict {
        Verdict::Differs(_, told) => format!("{}: {told}", step.what),
        _ => step.what.clone(),
    }
}
