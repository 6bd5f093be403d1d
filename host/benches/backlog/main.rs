//! What a large backlog costs: starting beside it, taking posts in, planning them, and the morning
//! on which all of it is due. Everything is on a real disk, with every commit sure.
//!
//! `cargo bench -p host --bench backlog` runs all; `-- start`, `-- intake`, `-- planning` and
//! `-- morning` run one. `BACKLOG_RUNS` sets how often each is repeated; what is told is the median.
//! Each run is a process of its own: its memory is its own too, and one of them has a slow disk.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures time and stops at the first surprise"
)]

mod intake;
mod morning;
mod planning;
mod process;
mod start;
mod town;

fn main() {
    if let Some((part, arguments)) = process::asked() {
        return match part.as_str() {
            "start" => start::run(&arguments),
            "intake" => intake::run(&arguments),
            "morning" => morning::run(&arguments),
            "fill" => town::run(&arguments),
            _ => planning::run(&arguments),
        };
    }
    let named: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let parts: [(&str, fn()); 4] = [
        ("start", start::measure),
        ("intake", intake::measure),
        ("planning", planning::measure),
        ("morning", morning::measure),
    ];
    for (name, measure) in parts {
        if named.is_empty() || named.iter().any(|wanted| wanted == name) {
            measure();
        }
    }
}
