//! Runs in processes of their own, and what they tell.

use std::{collections::BTreeMap, path::PathBuf, process::Command};

use tempfile::TempDir;

/// Says what a child is to do: its part and its arguments.
const ASKED: &str = "BACKLOG_PART";
/// Starts a line of figures.
const FIGURES: &str = "figures:";

/// What one run measured, by name.
pub(crate) type Figures = BTreeMap<String, f64>;

/// How a child is started.
#[derive(Clone, Default)]
pub(crate) struct Conditions {
    /// On one core only.
    pub(crate) one_core: bool,
    /// A library that is loaded first.
    pub(crate) preload: Option<PathBuf>,
}

/// What this process was started for, if it is a child.
pub(crate) fn asked() -> Option<(String, Vec<String>)> {
    let asked = std::env::var(ASKED).ok()?;
    let mut words = asked.split('\n').map(str::to_owned);
    Some((words.next()?, words.collect()))
}

/// Tells the parent what was measured.
pub(crate) fn tell(figures: &[(&str, f64)]) {
    let words: Vec<_> = figures.iter().map(|(name, figure)| format!("{name}={figure}")).collect();
    println!("{FIGURES}{}", words.join(" "));
}

/// Runs a part in a child.
pub(crate) fn child(part: &str, arguments: &[String], conditions: &Conditions) -> Figures {
    let own = std::env::current_exe().unwrap();
    let mut command = if conditions.one_core {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(own);
        command
    } else {
        Command::new(own)
    };
    if let Some(library) = &conditions.preload {
        command.env("LD_PRELOAD", library);
    }
    let asked = [&[part.to_owned()], arguments].concat().join("\n");
    let output = command.env(ASKED, asked).output().unwrap();
    let (said, complaint) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{part} {arguments:?}: {complaint}");
    let figures = said.lines().find_map(|line| line.strip_prefix(FIGURES)).unwrap_or_default();
    let figure = |word: &str| {
        let (name, figure) = word.split_once('=').unwrap();
        (name.to_owned(), figure.parse().unwrap())
    };
    figures.split_whitespace().map(figure).collect()
}

/// How often each measurement is repeated.
pub(crate) fn runs(usual: usize) -> usize {
    std::env::var("BACKLOG_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(usual)
}

/// The median of every figure over `count` runs.
pub(crate) fn medians(count: usize, mut run: impl FnMut() -> Figures) -> Figures {
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for _ in 0..count.max(1) {
        for (name, figure) in run() {
            all.entry(name).or_default().push(figure);
        }
    }
    all.into_iter().map(|(name, figures)| (name, median(figures))).collect()
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    *figures.get(figures.len() / 2).unwrap()
}

pub(crate) fn figure(figures: &Figures, name: &str) -> f64 {
    *figures.get(name).unwrap()
}

/// A directory on the disk that the build is on: the one for temporary files may be in memory.
pub(crate) fn directory() -> TempDir {
    let base = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(&base).unwrap();
    tempfile::Builder::new().prefix("backlog").tempdir_in(base).unwrap()
}

/// A copy of a database that is closed.
pub(crate) fn copied(from: &TempDir) -> TempDir {
    let to = directory();
    for entry in std::fs::read_dir(from.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

/// Memory of this process in MiB: `VmRSS` now, `VmHWM` at its highest.
pub(crate) fn memory_mib(which: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap();
    let kib: f64 = line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
    kib / 1024.0
}

/// What this process has had of the processors so far, in seconds: what else runs on the machine does
/// not count.
pub(crate) fn processor_s() -> f64 {
    /// Linux counts so for programs, whatever its own clock.
    const TICKS_A_S: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // Behind the name, which may hold anything: utime and stime are fields 14 and 15.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields = fields.split_whitespace().skip(11).take(2);
    fields.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / TICKS_A_S
}
