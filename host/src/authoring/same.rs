//! The examples in several languages do the same.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{checks, load, report::Severity, samples, trial::Trial};
use crate::guest::{Limits, Sandbox, types};

/// Messages of a sample that `plan` is asked about.
const PLANNED_MAX: usize = 3;

fn components() -> Vec<PathBuf> {
    let folder = std::env::var("GUEST_EXAMPLES").unwrap();
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|end| end == "wasm")).collect();
    files.sort();
    files
}

fn answers(sandbox: &Sandbox, file: &Path) -> Vec<(String, types::Mail, Vec<Vec<types::Group>>)> {
    let trial = Trial::new(load(sandbox, file).unwrap(), BTreeMap::new());
    let all = samples::all();
    let report = checks::run(&trial, &all);
    assert_eq!(report.count(Severity::Error), 0, "{}: {}", file.display(), report.words());
    let answer = |sample: &samples::Sample| {
        let plan = |message| trial.plan(&trial.question(sample, message).unwrap()).unwrap().value;
        let plans = sample.messages.iter().take(PLANNED_MAX).map(plan).collect();
        (sample.name.to_owned(), trial.compose(sample).unwrap().value, plans)
    };
    all.iter().map(answer).collect()
}

/// `guest/examples/build.sh` builds them, and then runs this.
#[test]
#[ignore = "needs what guest/examples/build.sh builds"]
fn headlines_of_all_languages_say_the_same() {
    let sandbox = Sandbox::new(&Limits::default()).unwrap();
    let components = components();
    let [first, others @ ..] = components.as_slice() else { return };
    let expected = answers(&sandbox, first);
    for other in others {
        let found = answers(&sandbox, other);
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(expected, found, "{} and {}", first.display(), other.display());
        }
    }
    println!("{} components say the same", components.len());
}
