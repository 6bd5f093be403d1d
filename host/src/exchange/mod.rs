//! The Exchange account: operations go in, results come out, over a few connections of which each
//! is signed in on its own.

mod lane;
mod patience;
mod pause;

use std::{
    sync::{
        Arc, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use ews::{
    classify::Class,
    client::{self, HttpReply, Options, RequestBytes, SERVER_VERSIONS, lower_version},
    code::ResponseCode,
    delivery,
    expand_dl::ExpandDl,
    folder_id::distinguished,
    mailbox::{Mailbox, MailboxType},
    operation::Operation,
    resolve_names::{Resolution, ResolveNames},
};
use tokio::sync::{Mutex, Semaphore};
use tracing::{debug, info, warn};

pub use self::lane::TransportError;
use self::{lane::Lane, pause::Pause};
use crate::{clock, config, state::State, tls, trace::Recorder, watch::metrics::Meters};

/// Groups inside groups that are opened.
const GROUP_DEPTH_MAX: usize = 10;
/// So many requests in a row without an answer are told to the administrator.
const UNANSWERED_TOLD: u32 = 3;
/// People of one group, with all groups inside it (ews.md 4.2).
const GROUP_MEMBERS_MAX: usize = 5000;

/// Why an operation did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The request or its answer was lost on the way.
    #[error("{server}: {operation}: {cause}")]
    Transport {
        /// Where.
        server: String,
        /// What was asked.
        operation: &'static str,
        /// How.
        cause: TransportError,
    },
    /// Exchange refused, or answered something else.
    #[error("{server}: {cause}")]
    Exchange {
        /// Where.
        server: String,
        /// What Exchange says.
        cause: ews::error::Error,
    },
    /// The request as a whole had this error, so each of its items has it.
    #[error(transparent)]
    Shared(Arc<CallError>),
}

impl CallError {
    /// What can be done about it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Transport { cause, .. } => cause.class(),
            Self::Exchange { cause, .. } => cause.class(),
            Self::Shared(error) => error.class(),
        }
    }

    /// What the item itself was refused with (see [`ews::error::Error::item_code`]).
    #[must_use]
    pub fn item_code(&self) -> Option<&ResponseCode> {
        match self {
            Self::Exchange { cause, .. } => cause.item_code(),
            Self::Transport { .. } | Self::Shared(_) => None,
        }
    }

    /// What can be done about it after `refusals` (see [`ews::error::Error::class_after`]).
    #[must_use]
    pub fn class_after(&self, refusals: u32) -> Class {
        match self {
            Self::Exchange { cause, .. } => cause.class_after(refusals),
            Self::Transport { .. } | Self::Shared(_) => self.class(),
        }
    }

    /// What it is counted as: Exchange's code, or a word of ours where it gave none.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Transport { cause, .. } => cause.word().to_owned(),
            Self::Exchange { cause, .. } => match (cause, cause.code()) {
                (_, Some(code)) => code.to_string(),
                (ews::error::Error::Http { status, .. }, _) => format!("Http{status}"),
                _ => "Unreadable".to_owned(),
            },
            Self::Shared(error) => error.word(),
        }
    }

    /// Whether it is certain that nothing was done.
    #[must_use]
    pub fn known_not_done(&self) -> bool {
        match self {
            Self::Transport { cause, .. } => cause.known_not_done(),
            Self::Exchange { cause, .. } => cause.known_not_done(),
            Self::Shared(error) => error.known_not_done(),
        }
    }

    /// Whether a lower version may do (ews.md 7).
    fn refuses_version(&self) -> bool {
        matches!(self, Self::Exchange { cause, .. } if cause.refuses_version())
    }

    /// Whether the item is to be read again for its change key.
    #[must_use]
    pub fn wants_change_key(&self) -> bool {
        match self {
            Self::Transport { .. } => false,
            Self::Exchange { cause, .. } => cause.wants_change_key(),
            Self::Shared(error) => error.wants_change_key(),
        }
    }

    /// How long Exchange asks us to wait.
    #[must_use]
    pub fn back_off(&self) -> Option<Duration> {
        match self {
            Self::Transport { .. } => None,
            Self::Exchange { cause, .. } => cause.back_off(),
            Self::Shared(error) => error.back_off(),
        }
    }
}

/// A group whose members cannot all be had; others are not concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// More people than are taken.
    #[error(
        "the group has more than {GROUP_MEMBERS_MAX} people: mail it as one address, or give the room smaller groups"
    )]
    TooMany,
    /// Groups in groups in groups.
    #[error("groups are nested more than {GROUP_DEPTH_MAX} deep")]
    TooDeep,
    /// Exchange says that there are others.
    #[error("Exchange cut the list of the group's members short")]
    CutShort,
}

/// One account on one server.
pub struct Account {
    server: String,
    options: Options,
    /// For ResolveNames and the like, which run as the account itself.
    own: Options,
    lanes: Vec<Mutex<Lane>>,
    free: Semaphore,
    pause: std::sync::Mutex<Pause>,
    /// Held by a request while nobody knows whether the account may sign in: a wrong password is
    /// then tried once, not once for each lane.
    first: Mutex<()>,
    /// What the server was last asked in: it goes down and never up.
    version: std::sync::Mutex<&'static str>,
    /// Where answers are counted, and told where it is that none come.
    state: OnceLock<State>,
    /// Requests in a row that got no answer.
    unanswered: AtomicU32,
}

impl Account {
    /// Prepares the lanes; connects to nothing yet.
    ///
    /// # Errors
    /// If the password or the certificate authorities cannot be read.
    pub fn new(config: &config::Mail) -> Result<Arc<Self>> {
        Self::recorded(config, &Recorder::default())
    }

    /// The same, and what passes is recorded.
    ///
    /// # Errors
    /// As [`Account::new`].
    pub fn recorded(config: &config::Mail, recorder: &Recorder) -> Result<Arc<Self>> {
        let password =
            config.password.read().map_err(anyhow::Error::msg).context("mail.password")?;
        let authorities = match &config.ca_file {
            Some(path) => tls::read_authorities(path).context("mail.ca_file")?,
            None => Vec::new(),
        };
        let lanes = (0..config.lanes.0)
            .map(|lane| {
                let tap = recorder.lane(u32::from(lane) + 1);
                Lane::new(config, &password, &authorities, tap).map(Mutex::new)
            })
            .collect::<Result<Vec<_>>>()?;
        let mailbox = config.mailbox.as_str().to_owned();
        let own = Options { own_address: Some(mailbox.clone()), ..Options::default() };
        let options = if config.impersonate {
            Options { impersonate: Some(mailbox), ..Options::default() }
        } else {
            own.clone()
        };
        let url = reqwest::Url::parse(&config.url)?;
        let server = url.host_str().unwrap_or_default().to_owned();
        Ok(Arc::new(Self {
            server,
            options,
            own,
            free: Semaphore::new(lanes.len()),
            pause: Default::default(),
            first: Mutex::default(),
            version: std::sync::Mutex::new(SERVER_VERSIONS[0]),
            state: OnceLock::new(),
            unanswered: AtomicU32::new(0),
            lanes,
        }))
    }

    /// Counts answers from now on, and tells if there are none.
    pub fn tell(&self, state: &State) {
        let _ = self.state.set(state.clone());
    }

    fn meters(&self) -> Option<&Meters> {
        self.state.get().map(|state| &**state.meters())
    }

    /// An answer of any kind came.
    fn answered(&self) {
        if self.unanswered.swap(0, Ordering::AcqRel) >= UNANSWERED_TOLD
            && let Some(state) = self.state.get()
        {
            info!("mail: {} answers again", self.server);
            state.mail(|trouble| trouble.reach = None);
        }
    }

    /// None came. That happens; if it happens again and again, somebody should know.
    fn unanswered(&self, operation: &'static str, why: &dyn std::fmt::Display) {
        let count = self.unanswered.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        let Some(state) = self.state.get().filter(|_| count >= UNANSWERED_TOLD) else { return };
        let words = format!("{}: {operation}: {why}", self.server);
        if count == UNANSWERED_TOLD {
            warn!(
                "mail: {words}; {count} requests in a row got no answer of Exchange: mails wait, and go out when it answers again"
            );
        }
        state.mail(|trouble| trouble.reach = Some(words));
    }

    /// The server's name, for messages.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Runs an operation on the sending mailbox. One result for each input.
    ///
    /// # Errors
    /// What concerns the request as a whole; single items fail inside the results.
    pub async fn call<O: Operation>(
        &self,
        operation: &O,
    ) -> Result<Vec<Result<O::Payload, CallError>>, CallError> {
        self.run(operation, &self.options).await
    }

    async fn run<O: Operation>(
        &self,
        operation: &O,
        options: &Options,
    ) -> Result<Vec<Result<O::Payload, CallError>>, CallError> {
        loop {
            let version = *self.version();
            let options = Options { version, ..options.clone() };
            let results = self.run_once(operation, &options).await;
            // Nothing was done of a request that was refused for its version.
            let refused = match &results {
                Err(error) => error.refuses_version(),
                Ok(results) => {
                    let refused = |one: &Result<_, CallError>| {
                        one.as_ref().is_err_and(CallError::refuses_version)
                    };
                    !results.is_empty() && results.iter().all(refused)
                }
            };
            if !refused || !self.lower(version) {
                return results;
            }
        }
    }

    /// Takes the next lower version after `refused`; `false` if there is none.
    fn lower(&self, refused: &'static str) -> bool {
        let Some(lower) = lower_version(refused) else { return false };
        let mut version = self.version();
        // Another request may have been refused and gone down before.
        if *version == refused {
            info!("mail: {} does not take {refused}; it is asked in {lower} now", self.server);
            *version = lower;
        }
        true
    }

    async fn run_once<O: Operation>(
        &self,
        operation: &O,
        options: &Options,
    ) -> Result<Vec<Result<O::Payload, CallError>>, CallError> {
        let request = client::encode(operation, options);
        let name = request.operation;
        let results = self.ask(operation, request).await;
        self.count(name, &results);
        results
    }

    async fn ask<O: Operation>(
        &self,
        operation: &O,
        request: RequestBytes,
    ) -> Result<Vec<Result<O::Payload, CallError>>, CallError> {
        let name = request.operation;
        let answer = self.send(request).await;
        match &answer {
            // What stands in front of Exchange says that there is none.
            Ok(answer) if !matches!(answer.status, 200 | 401 | 500) => {
                self.unanswered(name, &format!("HTTP status {}", answer.status));
            }
            Ok(_) | Err(TransportError::Paused(_)) => {}
            Err(why) => self.unanswered(name, why),
        }
        let answer = answer.map_err(|cause| CallError::Transport {
            server: self.server.clone(),
            operation: name,
            cause,
        })?;
        if let Some(meters) = self.meters() {
            meters.exchange_took(name, answer.took);
        }
        let now_unix_s = clock::unix_ms() / 1000;
        let reply = HttpReply {
            status: answer.status,
            headers: &answer.headers,
            body: &answer.body,
            took: answer.took,
        };
        let failed = |cause| CallError::Exchange { server: self.server.clone(), cause };
        let reply = client::decode(operation, &reply, now_unix_s).map_err(failed)?;
        Ok(reply.results.into_iter().map(|result| result.map_err(failed)).collect())
    }

    fn count<T>(
        &self,
        operation: &'static str,
        results: &Result<Vec<Result<T, CallError>>, CallError>,
    ) {
        let Some(meters) = self.meters() else { return };
        match results {
            Err(error) => meters.exchange_answer(operation, &error.word()),
            Ok(results) => results.iter().for_each(|result| match result {
                Ok(_) => meters.exchange_answer(operation, "NoError"),
                Err(error) => meters.exchange_answer(operation, &error.word()),
            }),
        }
    }

    /// How long the account does not sign in for, after it was refused.
    #[must_use]
    pub fn rest(&self) -> Option<Duration> {
        self.pause().left(clock::now().instant)
    }

    async fn send(&self, request: RequestBytes) -> Result<lane::Answer, TransportError> {
        let _permit = self.free.acquire().await.map_err(|_| TransportError::closed())?;
        let first = self.first.lock().await;
        let _first = (!self.pause().is_proven()).then_some(first);
        if let Some(left) = self.rest() {
            return Err(TransportError::Paused(left.as_secs().div_ceil(60)));
        }
        let result = self.send_on_a_lane(request).await;
        let now = clock::now().instant;
        match &result {
            Err(TransportError::Refused(_)) => self.pause().refused(now),
            Ok(answer) if answer.status == 401 => self.pause().refused(now),
            // Other answers come from in front of Exchange, before anybody signs in.
            Ok(answer) if matches!(answer.status, 200 | 500) => {
                self.pause().worked(now);
                self.answered();
            }
            Ok(_) | Err(_) => {}
        }
        result
    }

    async fn send_on_a_lane(&self, request: RequestBytes) -> Result<lane::Answer, TransportError> {
        for lane in &self.lanes {
            if let Ok(mut lane) = lane.try_lock() {
                return lane.call(request).await;
            }
        }
        // As many permits as lanes: one is free, but its guard may still be going.
        let Some(lane) = self.lanes.first() else { return Err(TransportError::closed()) };
        lane.lock().await.call(request).await
    }

    fn version(&self) -> std::sync::MutexGuard<'_, &'static str> {
        self.version.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pause(&self) -> std::sync::MutexGuard<'_, Pause> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks an entry such as `sip:anna@contoso.com` up in the directory.
    ///
    /// # Errors
    /// [`CallError`]; that nobody is found is no error.
    pub async fn resolve(&self, entry: &str) -> Result<Vec<Resolution>, CallError> {
        let results = self.run(&ResolveNames::directory(entry), &self.own).await?;
        match results.into_iter().next() {
            Some(Ok(found)) => Ok(found.resolutions),
            Some(Err(error)) if error.class() == Class::Recipient => Ok(Vec::new()),
            Some(Err(error)) => Err(error),
            None => Ok(Vec::new()),
        }
    }

    /// Whether the sending mailbox's drafts can be reached: reads, writes nothing.
    ///
    /// # Errors
    /// [`CallError`], e.g. that the account has no right to it.
    pub async fn can_reach_drafts(&self) -> Result<(), CallError> {
        let look = delivery::sweep(distinguished::DRAFTS, 1, 0);
        match self.call(&look).await?.into_iter().next() {
            Some(Err(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// The people of a group, groups inside it opened up, each once; bounded and safe from circles.
    ///
    /// # Errors
    /// [`CallError`], or that the group has more people or more depth than allowed.
    pub async fn expand(&self, group: &str) -> Result<Vec<Mailbox>> {
        let mut people: Vec<Mailbox> = Vec::new();
        let mut seen = std::collections::HashSet::from([group.to_lowercase()]);
        let mut level = vec![group.to_owned()];
        for _ in 0..GROUP_DEPTH_MAX {
            let mut below = Vec::new();
            for group in level {
                for member in self.expand_one(&group).await? {
                    let Some(address) = member.smtp_address().map(str::to_owned) else { continue };
                    if !seen.insert(address.to_lowercase()) {
                        continue;
                    }
                    if seen.len() > GROUP_MEMBERS_MAX {
                        return Err(GroupError::TooMany.into());
                    }
                    match member.mailbox_type {
                        Some(MailboxType::PublicDl) => below.push(address),
                        _ => people.push(member),
                    }
                }
            }
            if below.is_empty() {
                return Ok(people);
            }
            level = below;
        }
        Err(GroupError::TooDeep.into())
    }

    async fn expand_one(&self, group: &str) -> Result<Vec<Mailbox>> {
        let request = ExpandDl { mailbox: Mailbox::smtp(group) };
        match self.run(&request, &self.own).await?.into_iter().next() {
            Some(Ok(found)) => {
                if !found.includes_last {
                    return Err(GroupError::CutShort.into());
                }
                Ok(found.members)
            }
            Some(Err(error)) if error.class() == Class::Recipient => {
                debug!("a group is empty or unknown");
                Ok(Vec::new())
            }
            Some(Err(error)) => Err(error.into()),
            None => Ok(Vec::new()),
        }
    }
}
