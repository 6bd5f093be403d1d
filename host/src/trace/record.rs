//! `chat-digest trace record`: signs in as `check` does and records what passes.

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Result;
use jiff::SignedDuration;
use lync::Quirks;
use trace::{End, FILE_BYTES_MAX, Head};

use super::{Recorder, Recording};
use crate::{
    check,
    common::Common,
    config::Config,
    database::Database,
    exchange::Account,
    state::{ChatState, State},
};

/// The longest time that is recorded by `trace record`.
const TIME_MAX: Duration = Duration::from_secs(7 * 86_400);

/// Reads how long to record.
///
/// # Errors
/// What is allowed.
pub fn span(text: &str) -> Result<Duration, String> {
    let time = text.parse::<SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    time.filter(|time| !time.is_zero() && *time <= TIME_MAX)
        .ok_or_else(|| format!("`{text}` is no length such as 60s or 10m, at most 7 days"))
}

/// Begins a recording of a host with this configuration.
///
/// # Errors
/// If the file is there already, or cannot be made.
pub fn begin(path: &Path, config: &Config) -> Result<(Recorder, Recording)> {
    let assumed = config.chat.assumed;
    let head = Head {
        program: concat!("chat-digest ", env!("CARGO_PKG_VERSION")).to_owned(),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        quirks: Quirks {
            members_command: assumed.members_command,
            associations_command: assumed.associations_command,
            history_queries: assumed.history_queries,
        },
        history_first: config.chat.first_history,
        chat_server: config.chat.chat_server.is_some(),
    };
    Recorder::begin(path, &head)
}

/// Signs in to both sides, lists rooms and members, joins, and stays for `time` or until `stop`;
/// all of it is recorded. Sends no mail; its database is thrown away, and its endpoint is its own.
///
/// # Errors
/// What keeps it from being recorded at all.
pub async fn record(
    config: Config,
    output: &Path,
    time: Duration,
    stop: impl Future<Output = Result<()>>,
) -> Result<ExitCode> {
    let scratch = tempfile::Builder::new().prefix("chat-digest-trace-").tempdir()?;
    let database = Database::open(scratch.path()).await?;
    let config = Arc::new(config);
    let (recorder, recording) = begin(output, &config)?;
    let attended = attend(&config, &database, &recorder, time, stop).await;
    database.close().await;
    let end = recording.finish().await?;
    println!("{}", attended?);
    println!("{}: {}", output.display(), told(end));
    println!("Addresses, names and texts are replaced in it. Look at it before you send it.");
    Ok(ExitCode::SUCCESS)
}

async fn attend(
    config: &Arc<Config>,
    database: &Database,
    recorder: &Recorder,
    time: Duration,
    stop: impl Future<Output = Result<()>>,
) -> Result<String> {
    let account = Account::recorded(&config.mail, recorder)?;
    let own = format!("smtp:{}", config.mail.mailbox.as_str());
    let common =
        Common { recorder: recorder.clone(), ..Common::new(Arc::clone(config), database.clone()) };
    let state = common.state.clone();
    let look = async {
        let mail = async {
            account.resolve(&own).await?;
            account.can_reach_drafts().await
        };
        let (mail, ()) = tokio::join!(tokio::time::timeout(time, mail), tokio::time::sleep(time));
        match mail {
            Ok(answered) => answered.err().map(|error| error.to_string()),
            Err(_) => Some("no answer in time".to_owned()),
        }
    };
    let looked = check::attend(common, Some(Arc::clone(&account)), async {
        tokio::select! {
            mail = look => mail,
            _ = stop => None,
        }
    });
    let mail = looked.await?;
    Ok(words(&state, mail))
}

/// How it stood at the end.
fn words(state: &State, mail: Option<String>) -> String {
    let now = state.now();
    let chat = match now.chat {
        ChatState::Connecting => "the pool did not answer in time".to_owned(),
        ChatState::SignedIn => "signed in, in no room".to_owned(),
        ChatState::Live => format!("in {} rooms", now.rooms_live),
        ChatState::Offline(why) => why,
    };
    format!(
        "Chat: {chat}\nExchange: {}",
        mail.or(now.mail.first().map(str::to_owned))
            .unwrap_or_else(|| "nothing went wrong".to_owned())
    )
}

/// A recording in a sentence.
pub(crate) fn told(end: End) -> String {
    let mut words = format!("{} messages", end.entries);
    if end.lost > 0 {
        words.push_str(&format!(", {} pieces lost: the disk did not keep up", end.lost));
    }
    if end.full {
        words.push_str(&format!(", and no more: it has reached {FILE_BYTES_MAX} octets"));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        assert_eq!(span("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(span("1h 5m"), Ok(Duration::from_secs(3900)));
        for text in ["", "60", "0s", "-5s", "8d", "1 month"] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
