//! The command line.

use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};
use host::{check, config, demo, run::Host};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info};
use tracing_subscriber::EnvFilter;

/// Puts the messages of Microsoft Persistent Chat rooms into their members' Outlook inboxes.
#[derive(Parser)]
#[command(version, about, after_help = "Try it without any server: chat-digest demo")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the host until SIGTERM or Ctrl-C.
    #[command(after_help = "Example: chat-digest run --config /etc/chat-digest/chat-digest.toml")]
    Run {
        /// The configuration file; `chat-digest config` prints one with every key.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Says what would be done: connects, signs in, lists rooms and members. Sends nothing.
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Shows a conversation turn into mails: the real host between two servers on this machine.
    Demo {
        /// Posts to play; left out, the whole conversation, slowly, again and again.
        #[arg(long, value_name = "N")]
        posts: Option<u32>,
        /// Ends when everything is delivered, with a summary as JSON; exit code 0 only if nothing
        /// was lost or doubled.
        #[arg(long, requires = "posts")]
        exit: bool,
        /// Prints where everything is as one line of JSON first.
        #[arg(long)]
        json: bool,
    },
    /// Runs only the two servers, for authors of guests and for other clients.
    Embedded {
        /// People, rooms, groups and ports; left out, the demo's company.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Prints where everything is as one line of JSON first.
        #[arg(long)]
        json: bool,
    },
    /// Prints a commented configuration with every key.
    Config,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let quiet = matches!(
        arguments.command,
        Command::Demo { .. } | Command::Embedded { .. } | Command::Check { .. }
    );
    let filter = EnvFilter::try_from_env("CHAT_DIGEST_LOG")
        .unwrap_or_else(|_| EnvFilter::new(if quiet { "warn" } else { "info" }));
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .init();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(obey(arguments.command)) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("chat-digest: {error:#}");
    ExitCode::FAILURE
}

async fn obey(command: Command) -> Result<ExitCode> {
    let stop = stop_signal()?;
    match command {
        Command::Run { config } => {
            let mut host = Host::start(config::load(&config)?).await?;
            info!("running");
            let ended = tokio::select! {
                result = stop => result.map(|()| None)?,
                why = host.ended() => Some(why),
            };
            host.stop().await;
            Ok(match ended {
                None => ExitCode::SUCCESS,
                Some(why) => {
                    error!("{why}");
                    ExitCode::FAILURE
                }
            })
        }
        Command::Check { config } => check::check(config::load(&config)?).await,
        Command::Demo { posts, exit, json } => {
            demo::demo(demo::Options { posts, exit, json }, stop).await
        }
        Command::Embedded { config, json } => demo::embedded(config.as_deref(), json, stop).await,
        Command::Config => {
            print!("{}", config::EXAMPLE);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Listens for SIGTERM and SIGINT from now on; what comes back resolves at the first of them.
fn stop_signal() -> Result<impl Future<Output = Result<()>>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}
