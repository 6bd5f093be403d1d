//! `demo` and `embedded`: the servers of a small company on the loopback, and for the demo the real
//! host between them, over the same sockets that it uses anywhere.

pub mod conversation;
mod ledger;
mod play;

use std::{io::Write, path::Path, process::ExitCode, time::Duration};

use anyhow::{Context, Result};

use self::{ledger::Ledger, play::Play};
use crate::{
    clock, config,
    embedded::{
        Embedded,
        company::{Company, Privacy},
    },
    run::Host,
    state::ChatState,
};

/// Time for the host to sign in and join.
const START_TIME: Duration = Duration::from_secs(60);
/// Lost posts that are named.
const LOST_SHOWN: usize = 20;
/// How long an interactive demo waits between two posts.
const PACE: Duration = Duration::from_millis(2200);
/// The same where the calendar runs fast, and how much faster it runs: ten minutes a second.
const PACE_FAST: Duration = Duration::from_millis(700);
const TIMES_FASTER: u32 = 600;
/// When a day of the demo begins, in minutes after midnight: not long before the first digest.
const DAY_BEGINS_MIN: i64 = 6 * 60 + 30;
/// What is otherwise where the calendar runs fast: everything is collected, one room summed up.
const SCHEDULE_FAST: &str = "daily at 08:00 and 16:00";
const CONFIG_FAST: &str = "\n[[digest.rooms]]\nroom = \"Build\"\nform = \"summary\"\n\n[guest.settings]\ndefault = \"digest\"\n";

/// What the demo is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Posts to play; `None` plays on until it is stopped.
    pub posts: Option<u32>,
    /// Whether to end when all is delivered, with a summary.
    pub exit: bool,
    /// Whether to print the addresses as JSON first.
    pub json: bool,
    /// Whether the calendar runs fast, so that a morning's digest comes within seconds.
    pub schedule: bool,
}

/// Runs only the servers until `stop`.
///
/// # Errors
/// If the company file is wrong or a port is taken.
pub async fn embedded(
    file: Option<&Path>,
    json: bool,
    stop: impl Future<Output = Result<()>>,
) -> Result<ExitCode> {
    let company = file.map_or_else(Company::demo, Company::load)?;
    let embedded = Embedded::start(company).await?;
    if json {
        print_json(&embedded)?;
    } else {
        print!("{}", introduction(&embedded, "Ctrl-C stops the servers."));
    }
    stop.await?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the servers and the host, and plays the conversation.
///
/// # Errors
/// If something cannot be started.
pub async fn demo(options: Options, stop: impl Future<Output = Result<()>>) -> Result<ExitCode> {
    if options.schedule {
        clock::run_fast(this_morning(), TIMES_FASTER);
    }
    let embedded = Embedded::start(Company::demo()?).await?;
    // Short when counting: a digest of more than 250 messages shows only the first words of some.
    let (schedule, more) = match (options.schedule, options.exit) {
        (true, _) => (SCHEDULE_FAST, CONFIG_FAST),
        (false, true) => ("every 1s", ""),
        (false, false) => ("every 30s", ""),
    };
    let file = write_config_with(&embedded, schedule, more)?;
    let begun = clock::now().instant;
    let ledger = Ledger::watch(&embedded);
    let host = Host::start(config::load(&file)?).await?;
    let play = Play::new(&embedded, &ledger, options.exit);
    let code = tokio::select! {
        result = stop => result.map(|()| ExitCode::SUCCESS),
        result = async {
            joined(&host, embedded.company.rooms.len()).await?;
            let joined_s = begun.elapsed().as_secs_f64();
            // Only now: whoever reads this may post at once.
            introduce(&embedded, options, schedule, &file)?;
            perform(&play, &ledger, &host, options, joined_s).await
        } => result,
    };
    host.stop().await;
    code
}

fn introduce(embedded: &Embedded, options: Options, schedule: &str, file: &Path) -> Result<()> {
    if options.json {
        return print_json(embedded);
    }
    if !options.exit {
        let host = format!("The host runs with {}", file.display());
        let fast = if options.schedule { " Ten minutes pass in a second." } else { "" };
        let last = format!(
            "{host}\nCollected messages are mailed {schedule}.{fast} Ctrl-C ends the demo."
        );
        print!("{}", introduction(embedded, &last));
    }
    Ok(())
}

async fn perform(
    play: &Play<'_>,
    ledger: &Ledger,
    host: &Host,
    options: Options,
    joined_s: f64,
) -> Result<ExitCode> {
    if options.exit {
        let begun = clock::now().instant;
        play.fast(options.posts.unwrap_or(0)).await?;
        ledger.settled(host).await?;
        let mut summary = ledger.summary(begun.elapsed());
        summary.start_to_joined_s = joined_s;
        println!("{}", serde_json::to_string(&summary)?);
        for (post, mailbox) in ledger.open(LOST_SHOWN) {
            eprintln!("lost: post {post} for {mailbox}");
        }
        let whole = summary.lost == 0 && summary.doubled == 0;
        return Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let pace = if options.schedule { PACE_FAST } else { PACE };
    play.slowly(options.posts, pace, !options.json, options.schedule).await?;
    std::future::pending().await
}

/// When a day of the demo begins, in milliseconds since 1970.
fn this_morning() -> i64 {
    let zone = jiff::tz::TimeZone::system();
    let now = jiff::Timestamp::from_millisecond(clock::unix_ms()).unwrap_or_default();
    let midnight = now.to_zoned(zone).start_of_day();
    let midnight_ms = midnight.map_or(0, |at| at.timestamp().as_millisecond());
    midnight_ms + DAY_BEGINS_MIN * 60_000
}

/// Waits until the host is in all rooms and knows their members.
async fn joined(host: &Host, rooms: usize) -> Result<()> {
    let mut state = host.state.watch();
    let ready = state.wait_for(|now| {
        now.chat == ChatState::Live && now.rooms_live >= rooms && now.rooms_with_members >= rooms
    });
    let waited = tokio::time::timeout(START_TIME, ready).await.map(|_| ());
    waited.map_err(|_| {
        anyhow::anyhow!(
            "the host did not join the rooms within {} s: {:?}",
            START_TIME.as_secs(),
            host.state.now()
        )
    })
}

fn print_json(embedded: &Embedded) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(&embedded.addresses)?)?;
    out.flush()?;
    Ok(())
}

fn introduction(embedded: &Embedded, last: &str) -> String {
    let addresses = &embedded.addresses;
    let someone = addresses.users.get(1);
    let account =
        someone.map(|user| format!("{} / {}", user.login, user.password)).unwrap_or_default();
    format!(
        "Everybody's inbox:    {}\n\
         Pool (SIP over TLS):  {}    over TCP: {}\n\
         Exchange:             {}\n\
         Its certificate authority is {}; an account is {account}\n{last}\n\n",
        addresses.page,
        addresses.sip_tls,
        addresses.sip_tcp,
        addresses.ews,
        addresses.ca_file.display(),
    )
}

/// Writes the configuration with which anybody would run the host against these servers, with this
/// schedule of digests. Everybody has subscribed to the open rooms. Answers with the file.
///
/// # Errors
/// If the file cannot be written.
pub fn write_config(embedded: &Embedded, schedule: &str) -> Result<std::path::PathBuf> {
    write_config_with(embedded, schedule, "")
}

fn write_config_with(
    embedded: &Embedded,
    schedule: &str,
    more: &str,
) -> Result<std::path::PathBuf> {
    let (company, addresses) = (&embedded.company, &embedded.addresses);
    let service = addresses.users.first().context("the company has no service account")?;
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let ca_file = quoted(&addresses.ca_file.to_string_lossy());
    let rooms = company.rooms.iter().filter(|room| room.privacy == Privacy::Open);
    let open: String = rooms
        .map(|room| {
            let people = company.people(room);
            let all: Vec<_> = people.iter().map(|user| quoted(&company.sip(&user.login))).collect();
            let name = quoted(&room.name);
            format!("[[digest.rooms]]\nroom = {name}\nsubscribers = [{}]\n", all.join(", "))
        })
        .collect();
    let mut text = format!(
        "[chat]\naddress = {}\nlogin = {}\npassword = {}\nserver = {}\nca_file = {ca_file}\n\
         [chat.assumed]\nmembers_command = true\nassociations_command = true\n\n\
         [mail]\nurl = {}\nlogin = {}\npassword = {}\nmailbox = {}\nca_file = {ca_file}\n\n\
         [[rooms]]\nmember = true\n\n[defaults]\ntime_zone = {}\n\n\
         [digest]\nschedule = {}\nmails_a_day = 0\n{open}\n[store]\ndirectory = {}\n",
        quoted(&service.sip),
        quoted(&service.login),
        quoted(&service.password),
        quoted(&addresses.sip_tls.to_string()),
        quoted(&addresses.ews),
        quoted(&service.login),
        quoted(&service.password),
        quoted(&service.mailbox),
        quoted(jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC")),
        quoted(schedule),
        quoted(&embedded.directory().join("data").to_string_lossy()),
    );
    for user in &company.users {
        let mut lines = String::new();
        if let Some(wish) = user.wish {
            lines.push_str(&format!("wish = \"{}\"\n", wish.word()));
        }
        if let Some(config::Language(letters)) = user.language {
            lines.push_str(&format!("language = \"{}\"\n", String::from_utf8_lossy(&letters)));
        }
        if !lines.is_empty() {
            text.push_str(&format!("\n[people.{}]\n{lines}", quoted(&company.sip(&user.login))));
        }
    }
    text.push_str(more);
    let file = embedded.directory().join("chat-digest.toml");
    std::fs::write(&file, text)?;
    Ok(file)
}
