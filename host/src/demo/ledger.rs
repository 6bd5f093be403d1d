//! Keeps the books of a demo: who ought to get which post, by the company's own lists, and what was
//! found in the inboxes. The host is not asked about either.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Result;
use ews::server::Delivered;
use lync::server::PoolEvent;
use serde::Serialize;
use tokio::sync::{broadcast::error::RecvError, watch};

use crate::{
    clock,
    config::Wish,
    embedded::{
        Embedded,
        company::{Company, Room},
    },
    progress::{Progress, Unit},
    run::Host,
};

/// Longest wait for everything to be delivered after the last sign of life.
const QUIET_MAX: Duration = Duration::from_secs(60);

/// What came of a demo: the one line of `demo --exit`.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Summary {
    /// Posts played.
    pub(super) posts: usize,
    /// Mails found in inboxes.
    pub(super) mails: usize,
    /// People who got mail.
    pub(super) recipients: usize,
    /// Posts that someone ought to have and has not.
    pub(super) lost: usize,
    /// Posts that someone has more than once, or ought not to have.
    pub(super) doubled: usize,
    /// From the first post to the last mail.
    pub(super) seconds: f64,
    /// Posts received to mail in the inbox, in milliseconds: half of them were faster.
    pub(super) latency_p50_ms: f64,
    /// And 99 of 100.
    pub(super) latency_p99_ms: f64,
    /// From starting the host to being in all rooms with their members known.
    pub(super) start_to_joined_s: f64,
}

#[derive(Default)]
struct Books {
    /// How often each post was found in each inbox where it ought to be.
    owed: HashMap<(usize, String), u32>,
    /// Posts found where they ought not to be.
    strays: usize,
    posted_at: HashMap<usize, std::time::Instant>,
    /// For mails of one post, from posting to the inbox.
    latencies_us: Vec<u64>,
    recipients: HashMap<String, usize>,
    mails: usize,
    last_sign: Option<std::time::Instant>,
}

/// The books.
#[derive(Clone)]
pub(super) struct Ledger {
    books: Arc<Mutex<Books>>,
    taken: watch::Sender<usize>,
}

/// The number that a counted post begins with.
pub(super) fn number(index: usize) -> String {
    format!("#{index:06}")
}

impl Ledger {
    /// Opens the books and follows both servers.
    pub(super) fn watch(embedded: &Embedded) -> Self {
        let ledger = Self { books: Arc::default(), taken: watch::Sender::new(0) };
        let mut mails = embedded.exchange.deliveries();
        let books = ledger.clone();
        tokio::spawn(async move {
            loop {
                match mails.recv().await {
                    Ok(mail) => books.found(&mail),
                    // What was missed counts as lost: better a false alarm than a false all-clear.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return,
                }
            }
        });
        let mut posts = embedded.pool.events();
        let service = embedded
            .company
            .users
            .first()
            .map(|user| embedded.company.sip(&user.login))
            .unwrap_or_default();
        let taken = ledger.taken.clone();
        tokio::spawn(async move {
            loop {
                match posts.recv().await {
                    Ok(event) => {
                        if matches!(&*event, PoolEvent::Answered { by, .. } if by.eq_ignore_ascii_case(&service))
                        {
                            taken.send_modify(|count| *count += 1);
                        }
                    }
                    Err(RecvError::Lagged(missed)) => {
                        taken.send_modify(|count| *count += usize::try_from(missed).unwrap_or(0))
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        });
        ledger
    }

    /// How many posts the host has taken.
    pub(super) fn taken(&self) -> watch::Receiver<usize> {
        self.taken.subscribe()
    }

    pub(super) fn delivered(&self) -> usize {
        self.lock().mails
    }

    /// Books a post: everybody in the room is owed it but its author, the service account, and who
    /// wants no mail.
    pub(super) fn posted(&self, index: usize, company: &Company, room: &Room, author: &str) {
        let mut books = self.lock();
        let service = company.users.first().map(|user| user.login.as_str());
        for user in company.people(room) {
            if user.login != author
                && Some(user.login.as_str()) != service
                && user.wish != Some(Wish::Off)
            {
                books.owed.insert((index, company.mailbox(&user.login)), 0);
            }
        }
        books.posted_at.insert(index, clock::now().instant);
        books.last_sign = Some(clock::now().instant);
    }

    fn found(&self, mail: &Delivered) {
        let now = clock::now().instant;
        let mut books = self.lock();
        books.mails += 1;
        books.last_sign = Some(now);
        *books.recipients.entry(mail.mailbox.clone()).or_default() += 1;
        let text = mail.item.content().text.clone().unwrap_or_default();
        let numbers = numbers(&text);
        if let [only] = numbers.as_slice()
            && let Some(at) = books.posted_at.get(only)
        {
            let took = now.saturating_duration_since(*at);
            books.latencies_us.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
        for index in numbers {
            match books.owed.get_mut(&(index, mail.mailbox.clone())) {
                Some(count) => *count += 1,
                None => books.strays += 1,
            }
        }
    }

    /// Waits until everybody has what is owed, or nothing happens any more.
    pub(super) async fn settled(&self, host: &Host) -> Result<()> {
        let owed = self.lock().owed.len();
        let unit = Unit::Things("messages to people");
        let mut progress = Progress::new("demo", unit, Some(owed as u64));
        loop {
            let (open, last_sign) = {
                let books = self.lock();
                (books.owed.values().filter(|count| **count == 0).count(), books.last_sign)
            };
            progress.reach(owed.saturating_sub(open) as u64);
            let counts = host.database.counts().await?;
            let idle = counts.unplanned == 0 && counts.kept == 0 && counts.waiting == 0;
            let quiet = last_sign.map(|at| clock::now().instant.saturating_duration_since(at));
            if open == 0 && idle || quiet.is_some_and(|quiet| quiet > QUIET_MAX) {
                progress.end();
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) fn summary(&self, took: Duration) -> Summary {
        let mut books = self.lock();
        books.latencies_us.sort_unstable();
        let latency = |permille: usize| {
            let place = books.latencies_us.len().saturating_sub(1) * permille / 1000;
            let us = books.latencies_us.get(place).copied().unwrap_or(0);
            Duration::from_micros(us).as_secs_f64() * 1000.0
        };
        let doubled: u32 = books.owed.values().map(|count| count.saturating_sub(1)).sum();
        Summary {
            posts: books.posted_at.len(),
            mails: books.mails,
            recipients: books.recipients.len(),
            lost: books.owed.values().filter(|count| **count == 0).count(),
            doubled: usize::try_from(doubled).unwrap_or(usize::MAX).saturating_add(books.strays),
            seconds: took.as_secs_f64(),
            latency_p50_ms: latency(500),
            latency_p99_ms: latency(990),
            start_to_joined_s: 0.0,
        }
    }

    /// Who still waits for which post, at most `limit` of them.
    pub(super) fn open(&self, limit: usize) -> Vec<(usize, String)> {
        let books = self.lock();
        let open = books.owed.iter().filter(|(_, count)| **count == 0);
        let mut open: Vec<_> = open.map(|(owed, _)| owed.clone()).collect();
        open.sort();
        open.truncate(limit);
        open
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The numbers of posts in a text, each once for each time that a post's text begins with it.
fn numbers(text: &str) -> Vec<usize> {
    let mut found: Vec<usize> = text
        .split('#')
        .skip(1)
        .filter_map(|rest| rest.get(..6))
        .filter_map(|digits| digits.parse().ok())
        .collect();
    // A subject line or a contents list may quote a post that stands below in full.
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_once() {
        assert_eq!(numbers("x #000017 a\n> #000003 b #00001 #000017"), [3, 17]);
    }
}
