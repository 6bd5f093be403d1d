//! `guest inspect`: what a component is and what its calls cost.

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{
    compile,
    samples::{self, Sample},
    trial::Trial,
};
use crate::{
    clock,
    guest::{Answer, Guest, Limits, Sandbox},
};

/// Members of the rooms that `plan` is measured with.
const MEMBERS: [u32; 3] = [10, 500, 5_000];

/// Messages of the mails that `compose` is measured with.
const MESSAGES: [u32; 2] = [1, 60];

/// How often a call is measured; the median counts.
const TIMES: usize = 9;

#[derive(Serialize)]
struct Facts {
    file: String,
    sha256: String,
    bytes: u64,
    interface_version: String,
    imports: Vec<Import>,
    exports: Vec<String>,
    compile_ms: u64,
    calls: Vec<Call>,
}

#[derive(Serialize)]
struct Import {
    name: String,
    /// WASI is there and denies.
    denied: bool,
}

/// What a call costs.
#[derive(Serialize)]
struct Call {
    call: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fuel: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    microseconds: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Prints what there is to know about a component. Blocks.
///
/// # Errors
/// If it cannot be read, or is no guest.
pub(super) fn inspect(file: &Path, json: bool) -> Result<ExitCode> {
    let sandbox = Sandbox::new(&Limits::default())?;
    let start = clock::now().instant;
    let guest = compile(&sandbox, file, None)?;
    let compile = clock::now().instant.duration_since(start);
    let bytes = std::fs::metadata(file).context("the file is gone")?.len();
    let facts = facts(file, bytes, guest, compile);
    if json {
        println!("{}", serde_json::to_string(&facts)?);
    } else {
        print(&facts);
    }
    let failed = facts.calls.iter().any(|call| call.error.is_some());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn facts(file: &Path, bytes: u64, guest: Guest, compile: Duration) -> Facts {
    let import = |name: String| Import { denied: name.starts_with("wasi:"), name };
    Facts {
        file: file.display().to_string(),
        sha256: guest.digest().to_owned(),
        bytes,
        interface_version: guest.interface_version().to_owned(),
        imports: guest.imports().into_iter().map(import).collect(),
        exports: guest.exports(),
        compile_ms: u64::try_from(compile.as_millis()).unwrap_or(u64::MAX),
        calls: calls(&Trial::new(guest, Default::default())),
    }
}

fn calls(trial: &Trial) -> Vec<Call> {
    let plans = MEMBERS.map(|members| {
        let sample = samples::crowd(members);
        measure(&format!("plan, {members} members"), || plan(trial, &sample))
    });
    let mails = MESSAGES.map(|messages| {
        let sample = samples::talk(messages);
        measure(&format!("compose, {messages} messages"), || {
            trial.compose(&sample).map(cost).map_err(|error| error.to_string())
        })
    });
    plans.into_iter().chain(mails).collect()
}

/// What one call took: fuel, time, memory.
type Cost = (u64, Duration, usize);

fn cost<T>(answer: Answer<T>) -> Cost {
    (answer.fuel_used, answer.elapsed, answer.memory_bytes)
}

fn plan(trial: &Trial, sample: &Sample) -> Result<Cost, String> {
    let message = sample.messages.first().ok_or("the sample is empty")?;
    let question = trial.question(sample, message).ok_or("the sample has no room")?;
    trial.plan(&question).map(cost).map_err(|error| error.to_string())
}

fn measure(call: &str, ask: impl Fn() -> Result<Cost, String>) -> Call {
    let call = call.to_owned();
    let mut costs = Vec::new();
    for _ in 0..TIMES {
        match ask() {
            Ok(cost) => costs.push(cost),
            Err(error) => {
                let (fuel, microseconds, memory_bytes) = (None, None, None);
                return Call { call, fuel, microseconds, memory_bytes, error: Some(error) };
            }
        }
    }
    costs.sort_by_key(|cost| cost.1);
    let median = costs.get(TIMES / 2);
    Call {
        call,
        fuel: median.map(|cost| cost.0),
        microseconds: median.map(|cost| cost.1.as_micros()),
        memory_bytes: median.map(|cost| cost.2),
        error: None,
    }
}

fn print(facts: &Facts) {
    println!("{}", facts.file);
    println!("  sha-256    {}", facts.sha256);
    println!("  size       {} bytes", grouped(facts.bytes));
    println!("  interface  chat-digest:guest@{}", facts.interface_version);
    for (row, import) in facts.imports.iter().enumerate() {
        let heading = if row == 0 { "imports" } else { "" };
        let denied = if import.denied { "  (denied)" } else { "" };
        println!("  {heading:10} {}{denied}", import.name);
    }
    println!("  exports    {}", facts.exports.join(", "));
    println!("  compiled   in {} ms", grouped(facts.compile_ms));
    println!("\n  {:26} {:>14} {:>12} {:>10}", "call", "fuel", "time", "memory");
    for call in &facts.calls {
        if let Some(error) = &call.error {
            println!("  {:26} {error}", call.call);
            continue;
        }
        let time = call.microseconds.and_then(|us| u64::try_from(us).ok()).unwrap_or(u64::MAX);
        println!(
            "  {:26} {:>14} {:>9} us {:>6} KiB",
            call.call,
            grouped(call.fuel.unwrap_or_default()),
            grouped(time),
            call.memory_bytes.unwrap_or_default() / 1024,
        );
    }
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;
    use crate::guest::PREBUILT;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn the_shipped_guest_is_described() {
        let sandbox = Sandbox::new(&Limits::default()).unwrap();
        let guest = sandbox.load(PREBUILT, "shipped", None).unwrap();
        let facts = facts(Path::new("x.wasm"), 1, guest, Duration::ZERO);
        assert_eq!(facts.exports, ["plan", "compose"]);
        assert!(facts.imports.iter().all(|import| !import.denied));
        assert!(facts.imports.iter().any(|i| i.name == "chat-digest:guest/log@0.3.0"));
        assert!(facts.calls.iter().all(|call| call.fuel > Some(1_000) && call.error.is_none()));
    }
}
