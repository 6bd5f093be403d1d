//! The command line.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{CommandFactory as _, Parser, Subcommand};
use host::{
    authoring, check, config, demo,
    guests::{
        command,
        replay::{Replay, moment, replay},
    },
    journal, manual, records, roster, service, status, trace, verify,
    watch::audit,
};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// What ends the help of the program: the one place that tells exit codes and the environment.
const AFTER_HELP: &str = "\
Try it without any server: chat-digest demo

Exit codes:
  0  well: the command did what it is for; `run` was asked to stop, and did
  1  something is wrong: the last line on standard error says what, and what to do.
     Also: `check` found something, `demo --exit` lost or doubled a mail, `why` found nothing,
     `verify` misses a mail, `guest test` found a fault, `trace replay` found a difference,
     `run` was asked twice to stop
  2  the command line is wrong; nothing was done

Environment:
  CHAT_DIGEST_LOG        what is logged on standard error: info, debug, host::chat=trace, ...
  NO_COLOR               no colours in the log
  CREDENTIALS_DIRECTORY  where { credential = \"NAME\" } in the configuration is looked for (systemd sets it)
  NOTIFY_SOCKET, WATCHDOG_USEC  systemd's, for `run`

Signals for `run`:
  SIGTERM, SIGINT  stops, within 40 s; a second one ends it at once, and the next start resumes
  SIGHUP           reads the configuration and the files of members again; the log says what holds now";

/// Puts the messages of Microsoft Persistent Chat rooms into their members' Outlook inboxes.
#[derive(Parser)]
#[command(name = "chat-digest", version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the host until SIGTERM or Ctrl-C.
    #[command(
        after_help = "Examples: chat-digest run --config /etc/chat-digest/chat-digest.toml\n          \
                      chat-digest run --config FILE --trace FILE    for a bug report, see `trace`\n\
                      SIGHUP has it read the configuration again."
    )]
    Run {
        /// The configuration file; `chat-digest config` prints one with every key.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Records a redacted transcript of both protocols there, as `trace record` does.
        #[arg(long, value_name = "FILE")]
        trace: Option<PathBuf>,
    },
    /// Says what would be done: connects, signs in, lists rooms and members. Sends nothing.
    #[command(
        after_help = "Examples: chat-digest check --config /etc/chat-digest/chat-digest.toml\n          \
                      chat-digest check --config FILE --send-to you@contoso.com   sends one mail, to you\n          \
                      chat-digest check --config FILE --json | jq 'select(.outcome == \"fail\")'\n\
                      Exit code 1 if anything is marked FAIL."
    )]
    Check {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Sends one test mail to this address, the way that the mails of rooms go.
        #[arg(long, value_name = "ADDRESS", value_parser = address)]
        send_to: Option<config::SmtpAddress>,
        /// Prints one line of JSON for each step.
        #[arg(long)]
        json: bool,
    },
    /// Shows a conversation turn into mails: the real host between two servers on this machine.
    #[command(
        after_help = "Examples: chat-digest demo                        slowly, in a browser, until Ctrl-C\n          \
                      chat-digest demo --posts 1000 --exit    as fast as it goes, with a count at the end\n          \
                      chat-digest demo --schedule             digests of 08:00 within seconds"
    )]
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
        /// Lets ten minutes pass in a second, so that the digests of 08:00 come within seconds.
        #[arg(long, conflicts_with = "exit")]
        schedule: bool,
    },
    /// Runs only the two servers, for authors of guests and for other clients.
    #[command(
        after_help = "Examples: chat-digest embedded --json                  the demo's company; the first line says where\n          \
                      chat-digest embedded --config company.toml   people, rooms and ports of your own"
    )]
    Embedded {
        /// People, rooms, groups and ports; left out, the demo's company.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Prints where everything is as one line of JSON first.
        #[arg(long)]
        json: bool,
    },
    /// Shows hosts, rooms, gaps and mails, by what the database says.
    #[command(after_help = "Examples: chat-digest status --config FILE\n          \
                      chat-digest status --config FILE --json | jq .counts")]
    Status {
        /// The configuration file of the hosts, which may be running.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Lists the rooms that the hosts have been in: members, last post, gaps, and who is in them now.
    #[command(after_help = "Examples: chat-digest rooms --config FILE\n          \
                      chat-digest rooms --config FILE --json | jq 'select(.gaps > 0)'")]
    Rooms {
        /// The configuration file of the hosts, which may be running.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Prints one line of JSON for each room.
        #[arg(long)]
        json: bool,
    },
    /// Lists the members of rooms: who, mailbox, role, and what holds for them there.
    #[command(
        after_help = "Examples: chat-digest members --config FILE --room \"Ops*\"\n          \
                      chat-digest members --config FILE --json | jq 'select(.mailbox == null)'"
    )]
    Members {
        /// The configuration file of the hosts, which may be running.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// A room by name (`*` stands for any text) or address; left out, all rooms.
        #[arg(long, value_name = "NAME")]
        room: Option<String>,
        /// Prints one line of JSON for each member.
        #[arg(long)]
        json: bool,
    },
    /// For authors and administrators of guests: writes, tries, shows, and puts them in service.
    Guest {
        #[command(subcommand)]
        action: GuestAction,
    },
    /// Runs stored messages through another guest, and reports what would change. Sends nothing.
    #[command(
        after_help = "Example: chat-digest replay --config FILE --guest new.wasm --from 7d --render /tmp/mails"
    )]
    Replay {
        /// The configuration file of the hosts, which may be running.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The other guest's component.
        #[arg(long, value_name = "FILE")]
        guest: PathBuf,
        /// From when: a time such as 2026-11-28T08:00Z, or how long ago, such as 7d or 12h.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        from: i64,
        /// Until when; left out, until now.
        #[arg(long, value_name = "TIME", value_parser = moment)]
        to: Option<i64>,
        /// In whose place it is put; left out, that of all rooms that no other guest is for.
        #[arg(long, value_name = "NAME", default_value_t)]
        name: config::GuestName,
        /// Rooms by name or address; left out, all of the guest in whose place it is put.
        #[arg(long, value_name = "NAME")]
        room: Vec<String>,
        /// A folder for the first mails of both sides, as HTML and text.
        #[arg(long, value_name = "FOLDER")]
        render: Option<PathBuf>,
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Lists mails that were given up or wait, and says why; retries or discards them.
    #[command(after_help = "Examples: chat-digest outbox --config FILE\n          \
                      chat-digest outbox --config FILE retry 426e3c5120059e8b6da32638ac76ae31")]
    Outbox {
        /// The configuration file of the host, which may be running.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Prints one line of JSON for each mail.
        #[arg(long)]
        json: bool,
        #[command(subcommand)]
        action: Option<OutboxAction>,
    },
    /// Says what became of a message, for one person or for all.
    #[command(
        after_help = "Example: chat-digest why --config FILE --message 3f9c0d7a --person sip:anna@contoso.com\n\
                      The ids of the messages in a mail stand in its header X-Chat-Digest-Covers."
    )]
    Why {
        /// The configuration file of the host, which may be running.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The message's id, or how it begins.
        #[arg(long, value_name = "ID")]
        message: String,
        /// A SIP address; left out, everybody.
        #[arg(long, value_name = "ADDRESS")]
        person: Option<String>,
        /// Prints one line of JSON for each person.
        #[arg(long)]
        json: bool,
    },
    /// Lists what administrators have done and what people have chosen: what, who, when.
    Audit {
        /// The configuration file of the host, which may be running.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Prints one line of JSON for each.
        #[arg(long)]
        json: bool,
    },
    /// Proves from a person's mails alone that none is missing and no message stands twice.
    #[command(after_help = "Examples: chat-digest verify inbox.mbox\n          \
                      chat-digest verify Maildir/ --from 12    older mails were deleted on purpose")]
    Verify {
        /// A mail (.eml), an mbox file, or a folder of either.
        #[arg(value_name = "MAILBOX-EXPORT")]
        export: PathBuf,
        /// The number that the mails begin with, if older ones were deleted on purpose.
        #[arg(long, value_name = "N", default_value_t = 1)]
        from: u64,
    },
    /// Records what passes on both sides, fit to be sent with a bug report; plays it again.
    Trace {
        #[command(subcommand)]
        action: TraceAction,
    },
    /// Prints a commented configuration with every key, or what holds by a file.
    #[command(after_help = "Examples: chat-digest config > chat-digest.toml\n          \
                      chat-digest config --effective --config chat-digest.toml   with defaults, secrets as ***\n          \
                      chat-digest config --schema > chat-digest.schema.json      for editors")]
    Config {
        /// Prints what holds by a file and all that it includes; secrets are shown as `***`.
        #[arg(long, requires = "config", group = "what")]
        effective: bool,
        /// Prints a JSON schema of the file.
        #[arg(long, group = "what")]
        schema: bool,
        /// Prints the reference of all keys, in Markdown.
        #[arg(long, group = "what")]
        reference: bool,
        /// The configuration file.
        #[arg(long, value_name = "FILE", requires = "effective")]
        config: Option<PathBuf>,
    },
    /// Prints the completions of a shell.
    #[command(
        after_help = "Example: chat-digest completions bash > /etc/bash_completion.d/chat-digest"
    )]
    Completions {
        /// The shell.
        shell: manual::Shell,
    },
    /// Prints the man page, or writes one for each command too.
    #[command(after_help = "Examples: chat-digest man | man -l -\n          \
                      chat-digest man --folder /usr/local/share/man/man1")]
    Man {
        /// A folder for the pages of the program and of all its commands.
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
enum GuestAction {
    #[command(flatten)]
    Author(authoring::Action),
    /// Puts a component in service between two messages: tried first, refused if it is no good.
    #[command(
        after_help = "Examples: chat-digest guest load on-call.wasm --config FILE --room \"On-call*\"\n          \
                      chat-digest guest load new.wasm --config FILE            replaces the guest of all other rooms\n          \
                      chat-digest guest load new.wasm --config FILE --shadow   runs it beside that, and sends nothing"
    )]
    Load {
        /// The component.
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The configuration file of the hosts, which may be running.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The rooms that it is for, by name (`*` stands for any text) or address; more than once for more.
        #[arg(long, value_name = "NAME")]
        room: Vec<String>,
        /// What it is called; left out, the file's name with --room, else the guest of all other rooms.
        #[arg(long, value_name = "NAME")]
        name: Option<config::GuestName>,
        /// Runs it beside the guest of that name, and notes what it would do otherwise.
        #[arg(long)]
        shadow: bool,
    },
    /// Takes a loaded guest out again: what the configuration says holds.
    #[command(after_help = "Example: chat-digest guest unload on-call --config FILE")]
    Unload {
        /// What it is called.
        #[arg(value_name = "NAME")]
        name: config::GuestName,
        /// The configuration file of the hosts, which may be running.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Takes out the candidate that runs beside it.
        #[arg(long)]
        shadow: bool,
    },
    /// Puts the candidate that runs beside a guest in its place.
    #[command(after_help = "Example: chat-digest guest promote on-call --config FILE")]
    Promote {
        /// What the guest is called.
        #[arg(value_name = "NAME", default_value_t)]
        name: config::GuestName,
        /// The configuration file of the hosts, which may be running.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Shows what a candidate beside a guest would have done otherwise.
    #[command(after_help = "Example: chat-digest guest shadow on-call --config FILE")]
    Shadow {
        /// What the guest is called.
        #[arg(value_name = "NAME", default_value_t)]
        name: config::GuestName,
        /// The configuration file of the hosts, which may be running.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Lists the guests that were loaded, and what each host makes of its guests.
    #[command(after_help = "Example: chat-digest guest list --config FILE --json")]
    List {
        /// The configuration file of the hosts, which may be running.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum TraceAction {
    /// Signs in as `check` does, and records what passes. Sends no mail.
    ///
    /// Addresses, names, hosts and ids are replaced by others, the letters of texts by `x`, and of
    /// passwords and tokens only the length is told. Look at the file before you send it.
    #[command(
        after_help = "Examples: chat-digest trace record --config FILE --output pool.trace\n          \
                      chat-digest trace record --config FILE --output pool.trace --for 10m"
    )]
    Record {
        /// The configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The transcript; a file that is there already is left alone.
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
        /// How long, such as 60s or 10m; Ctrl-C ends it earlier.
        #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = trace::span)]
        time: std::time::Duration,
    },
    /// Plays the pool's side of a transcript before a real session, without any server.
    #[command(after_help = "Example: chat-digest trace replay pool.trace\n\
                      Exit code 1 if the session says anything but what was recorded, or an answer cannot be read.")]
    Replay {
        /// The transcript.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Subcommand)]
enum OutboxAction {
    /// Sends a mail afresh that was given up.
    Retry {
        /// The mail's key, as `outbox` lists it.
        key: String,
    },
    /// Lets a mail go that was given up; the next one to that person tells of it.
    Discard {
        /// The mail's key, as `outbox` lists it.
        key: String,
    },
}

fn address(text: &str) -> Result<config::SmtpAddress, String> {
    config::SmtpAddress::try_from(text.to_owned())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let quiet = matches!(
        arguments.command,
        Command::Demo { .. }
            | Command::Embedded { .. }
            | Command::Status { .. }
            | Command::Rooms { .. }
            | Command::Members { .. }
            | Command::Config { .. }
            | Command::Guest { .. }
            | Command::Replay { .. }
            | Command::Outbox { .. }
            | Command::Why { .. }
            | Command::Audit { .. }
            | Command::Verify { .. }
            | Command::Trace { .. }
    );
    let default = match arguments.command {
        // It says itself, and in better order, what goes wrong.
        Command::Check { .. } => "off",
        _ if quiet => "warn",
        _ => "info",
    };
    let filter =
        EnvFilter::try_from_env("CHAT_DIGEST_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    journal::begin(filter);
    journal::discreet_panics();
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
    match command {
        Command::Run { config, trace } => service::run(&config, trace.as_deref()).await,
        Command::Check { config, send_to, json } => {
            check::check(config::load(&config)?, check::Options { json, send_to }).await
        }
        Command::Demo { posts, exit, json, schedule } => {
            demo::demo(demo::Options { posts, exit, json, schedule }, stop_signal()?).await
        }
        Command::Embedded { config, json } => {
            demo::embedded(config.as_deref(), json, stop_signal()?).await
        }
        Command::Status { config, json } => status::status(&config::load(&config)?, json).await,
        Command::Rooms { config, json } => roster::rooms(&config::load(&config)?, json).await,
        Command::Members { config, room, json } => {
            roster::members(&config::load(&config)?, room.as_deref(), json).await
        }
        Command::Guest { action } => guest(action).await,
        Command::Replay { config, guest, from, to, name, room, render, json } => {
            let what =
                Replay { file: guest, name, from_ms: from, to_ms: to, rooms: room, render, json };
            replay(&config::load(&config)?, what).await
        }
        Command::Outbox { config, json, action } => {
            let config = config::load(&config)?;
            match action {
                None => records::outbox(&config, json).await,
                Some(OutboxAction::Retry { key }) => records::retry(&config, &key).await,
                Some(OutboxAction::Discard { key }) => records::discard(&config, &key).await,
            }
        }
        Command::Why { config, message, person, json } => {
            records::why(&config::load(&config)?, &message, person.as_deref(), json).await
        }
        Command::Audit { config, json } => audit::audit(&config::load(&config)?, json).await,
        Command::Verify { export, from } => {
            let well = verify::Report::read(&export)?.print(from);
            Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Trace { action: TraceAction::Record { config, output, time } } => {
            trace::record(config::load(&config)?, &output, time, stop_signal()?).await
        }
        Command::Trace { action: TraceAction::Replay { file } } => trace::replay(&file),
        Command::Config { effective, schema, reference, config } => {
            print_config(effective.then_some(config).flatten(), schema, reference)
        }
        Command::Completions { shell } => {
            manual::completions(Arguments::command(), shell, &mut std::io::stdout())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Man { folder } => {
            match folder {
                Some(folder) => manual::man_pages(Arguments::command(), &folder)?,
                None => manual::man_page(Arguments::command(), &mut std::io::stdout())?,
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn guest(action: GuestAction) -> Result<ExitCode> {
    match action {
        GuestAction::Author(action) => authoring::obey(action, stop_signal()?).await,
        GuestAction::Load { file, config, room, name, shadow } => {
            let name = match name {
                Some(name) => name,
                None if room.is_empty() => config::GuestName::default(),
                None => command::name_of(&file)?,
            };
            let load = command::Load { file, name, rooms: room, shadow };
            command::load(&config::load(&config)?, load).await
        }
        GuestAction::Unload { name, config, shadow } => {
            command::unload(&config::load(&config)?, &name, shadow).await
        }
        GuestAction::Promote { name, config } => {
            command::promote(&config::load(&config)?, &name).await
        }
        GuestAction::Shadow { name, config, json } => {
            command::shadow(&config::load(&config)?, &name, json).await
        }
        GuestAction::List { config, json } => command::list(&config::load(&config)?, json).await,
    }
}

fn print_config(effective: Option<PathBuf>, schema: bool, reference: bool) -> Result<ExitCode> {
    match effective {
        Some(file) => print!("{}", manual::effective(&config::load(&file)?)?),
        None if schema => println!("{}", serde_json::to_string_pretty(&manual::schema())?),
        None if reference => print!("{}", manual::reference()),
        None => print!("{}", config::EXAMPLE),
    }
    Ok(ExitCode::SUCCESS)
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
