//! Transcripts: what is read is written again as it stood, and can be played whatever is in it.
#![cfg_attr(fuzzing, no_main)]
#![allow(clippy::disallowed_methods, reason = "any instant will do")]

use std::time::{Duration, Instant};

use lync::Now;
use trace::{Transcript, answers, play};

fuzz::target!(|data| {
    let text = String::from_utf8_lossy(data);
    let read = match Transcript::read(&text) {
        Ok(read) => read,
        Err(error) => {
            assert!((1..=text.split('\n').count() + 1).contains(&error.line), "{error}");
            return;
        }
    };
    assert_eq!(read.write(), text);
    // Nobody looks at the clock: where time begins does not matter.
    let now = Now { instant: Instant::now(), unix: Duration::from_secs(1_795_000_000) };
    let report = play::play(&read, now);
    assert_eq!(report.first_difference().is_some(), !report.differences().is_empty());
    let lines: Vec<usize> = read.entries.iter().map(|entry| entry.line).collect();
    assert!(report.steps.iter().all(|step| lines.contains(&step.line)));
    assert!(answers::read(&read.entries).iter().all(|reading| lines.contains(&reading.line)));
});
