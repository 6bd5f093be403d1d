//! The crash test as a command: `cargo run -p tests --bin crash -- --kills 100`.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use host::clock;
use tests::crash::{self, Options};

/// Kills the real program at random moments, again and again, while people post and the embedded
/// servers fail in every way they can; then reads all mailboxes. Exit code 0 only if each post is
/// exactly once with everybody who is owed it, and the mails prove it.
#[derive(Parser)]
#[command(
    after_help = "A seed fixes the posts, the faults and the strikes, each in its order. It \
    does not fix how they fall together: processes and sockets run as fast as they happen to run."
)]
struct Arguments {
    /// How many times a host is killed (or frozen).
    #[arg(long, value_name = "N", default_value_t = 100)]
    kills: usize,
    /// Fixes posts, faults and strikes; left out, another one each time.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Hosts that share the work.
    #[arg(long, value_name = "N", default_value_t = 1)]
    hosts: usize,
    /// PostgreSQL for all hosts, empty; left out, one host has a file.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// Half of the strikes freeze a host for longer than its lease.
    #[arg(long)]
    freezes: bool,
    /// In the end, waits as long as mails of unknown outcome wait anywhere, in place of letting
    /// minutes pass in the database.
    #[arg(long)]
    patient: bool,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("crash test: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<ExitCode> {
    build_program()?;
    let options = Options {
        program: crash::program()?,
        kills: arguments.kills,
        seed: arguments.seed.unwrap_or_else(any_seed),
        hosts: arguments.hosts.max(1),
        patient: arguments.patient,
        database: arguments.database,
        freezes: arguments.freezes,
    };
    println!("seed {}", options.seed);
    let report = crash::run(options)?;
    println!("{}", report.to_json());
    Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `cargo run` has built this command alone; the program that it kills is to be as new.
fn build_program() -> Result<()> {
    let Some(cargo) = std::env::var_os("CARGO") else { return Ok(()) };
    let mut build = Command::new(cargo);
    build.args(["build", "--quiet", "--package", "tests", "--bin", "chat-digest-tested"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let status = build.status().context("cargo build")?;
    ensure!(status.success(), "the program that is to be killed cannot be built");
    Ok(())
}

fn any_seed() -> u64 {
    clock::unix_ms().unsigned_abs() % 1_000_000
}
