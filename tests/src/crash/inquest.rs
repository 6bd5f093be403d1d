//! What arrives while the test runs, and in the end the independent reading of all mailboxes.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Result;
use bridge::message::MessageId;
use ews::{
    delivery::{KEY_PROPERTY_NAME, KEY_PROPERTY_SET},
    server::StoredItem,
};
use host::{database::Database, mail::receipt};
use serde_json::{Value, json};
use tokio::sync::{broadcast::error::RecvError, watch};

use super::Run;
use crate::{World, books};

/// Lost and doubled posts that are named.
const NAMED_MAX: usize = 20;
/// Lines of the hosts that are shown.
const SHOWN_MAX: usize = 80;

/// What has arrived so far: the deliveries that are owed, each once.
#[derive(Clone)]
pub(super) struct Arrivals {
    seen: Arc<Mutex<HashSet<(usize, String)>>>,
    count: watch::Sender<usize>,
}

impl Arrivals {
    /// Follows the mails that arrive in a world.
    pub(super) fn follow(world: &World) -> Self {
        let arrivals = Self { seen: Arc::default(), count: watch::Sender::new(0) };
        let follower = arrivals.clone();
        let exchange = world.embedded.exchange.clone();
        let company = world.company().clone();
        tokio::spawn(async move {
            let mut mails = exchange.deliveries();
            loop {
                match mails.recv().await {
                    Ok(mail) => {
                        let numbers = books::numbers(&mail.item.text());
                        follower.saw(numbers.into_iter().map(|one| (one, mail.mailbox.clone())));
                    }
                    Err(RecvError::Lagged(_)) => {
                        let found = exchange.with(|exchange| books::found(exchange, &company));
                        follower.saw(found.into_keys());
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        });
        arrivals
    }

    fn saw(&self, deliveries: impl Iterator<Item = (usize, String)>) {
        let mut seen = self.seen();
        seen.extend(deliveries);
        let count = seen.len();
        drop(seen);
        self.count.send_replace(count);
    }

    fn seen(&self) -> MutexGuard<'_, HashSet<(usize, String)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many deliveries have arrived.
    pub(super) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits until at most `open` deliveries are owed.
    pub(super) async fn at_most(&self, world: &World, open: usize) {
        let mut count = self.count.subscribe();
        let few = |count: &usize| world.books.owed_count().saturating_sub(*count) <= open;
        count.wait_for(few).await.unwrap();
    }

    /// Waits until all have arrived that are owed; `false` if for `quiet_max` none comes.
    pub(super) async fn all(&self, world: &World, quiet_max: Duration) -> bool {
        let mut count = self.count.subscribe();
        loop {
            let now = *count.borrow_and_update();
            if now >= world.books.owed_count() {
                return true;
            }
            if tokio::time::timeout(quiet_max, count.changed()).await.is_err() {
                return false;
            }
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What fixed posts, faults and strikes.
    pub seed: u64,
    /// Hosts that shared the work.
    pub hosts: usize,
    /// How many times a host was killed.
    pub kills: usize,
    /// How many times one was frozen.
    pub freezes: usize,
    /// How often the servers failed in each way.
    pub faults: BTreeMap<&'static str, usize>,
    /// Posts.
    pub posts: usize,
    /// Deliveries owed: a post to a person.
    pub deliveries: usize,
    /// Mails in all inboxes.
    pub mails: usize,
    /// Deliveries that are not there.
    pub lost: usize,
    /// Deliveries that are there once too often, or with somebody who is not owed them.
    pub doubled: usize,
    /// What the receipts in the inboxes do not prove.
    pub unproven: Vec<String>,
    /// Drafts left over of mails that were sent.
    pub drafts: usize,
    /// Mails that the host has given up or saw no trace of.
    pub given_up: usize,
    /// Until the last strike, the first start included.
    pub seconds_struck: f64,
    /// In all.
    pub seconds: f64,
    /// What was lost and doubled, in words.
    pub(super) named: Vec<String>,
}

impl Report {
    /// Whether each post is once with everybody who is owed it, and the mails prove it.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.unproven.is_empty()
    }

    /// The report as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let tenths = |seconds: f64| (seconds * 10.0).round() / 10.0;
        let strikes = u32::try_from((self.kills + self.freezes).max(1)).unwrap();
        json!({
            "seed": self.seed,
            "hosts": self.hosts,
            "kills": self.kills,
            "freezes": self.freezes,
            "faults": self.faults,
            "posts": self.posts,
            "deliveries": self.deliveries,
            "mails": self.mails,
            "lost": self.lost,
            "doubled": self.doubled,
            "unproven": self.unproven.len(),
            "drafts_left": self.drafts,
            "given_up": self.given_up,
            "seconds_per_strike": tenths(self.seconds_struck / f64::from(strikes)),
            "seconds": tenths(self.seconds),
        })
    }
}

impl Run {
    /// Reads all mailboxes and compares them with the books.
    pub(super) async fn inquire(&self, messages: &BTreeMap<usize, MessageId>) -> Result<Report> {
        let world = &self.world;
        let (found, owed) = (world.found(), world.books.owed());
        let mut report = Report {
            seed: self.options.seed,
            hosts: self.options.hosts,
            posts: world.books.posts(),
            deliveries: owed.len(),
            unproven: world.unproven(),
            drafts: drafts_of_sent(world),
            given_up: self.given_up().await?,
            ..Report::default()
        };
        for user in &world.company().users {
            report.mails += world.inbox(&user.login).len();
        }
        for delivery @ (number, mailbox) in owed.keys() {
            if !found.contains_key(delivery) {
                report.lost += 1;
                if report.lost <= NAMED_MAX {
                    report.named.push(self.why_lost(*number, mailbox, messages).await?);
                }
            }
        }
        for (delivery @ (number, mailbox), count) in &found {
            let surplus = count - owed.get(delivery).copied().unwrap_or(0).min(*count);
            if surplus > 0 {
                report.doubled += surplus;
                if report.named.len() < 2 * NAMED_MAX {
                    report.named.push(mails_about(world, *number, mailbox));
                }
            }
        }
        Ok(report)
    }

    /// What the host's own records say about a post that somebody has not got.
    async fn why_lost(
        &self,
        number: usize,
        mailbox: &str,
        messages: &BTreeMap<usize, MessageId>,
    ) -> Result<String> {
        let Some(message) = messages.get(&number) else {
            return Ok(format!("lost: post {number} for {mailbox}"));
        };
        let person = format!("sip:{mailbox}");
        let said = match self.hosts.first() {
            Some(host) => {
                let arguments = ["why", "--message", message.as_str(), "--person", &person];
                let answer = host.ask(&arguments).await?;
                let said = [answer.stdout, answer.stderr].concat();
                String::from_utf8_lossy(&said).trim_end().to_owned()
            }
            None => String::new(),
        };
        Ok(format!("lost: post {number} for {mailbox}: {said}"))
    }

    async fn given_up(&self) -> Result<usize> {
        let database = Database::look(self.world.place()).await?;
        let counts = database.counts().await;
        database.close().await;
        let counts = counts?;
        Ok(usize::try_from(counts.failed + counts.unconfirmed)?)
    }

    /// Says what went wrong, and where its traces are.
    pub(super) fn explain(&mut self, result: &Result<Report>) {
        let directory = self.world.keep();
        for line in self.tail.last(SHOWN_MAX) {
            eprintln!("{line}");
        }
        let _ = std::fs::write(directory.join("hosts.log"), self.tail.last(usize::MAX).join("\n"));
        eprintln!("seed {}; kept in {}", self.options.seed, directory.display());
        // An error is told by whoever asked for the run.
        if let Ok(report) = result {
            for line in report.named.iter().chain(&report.unproven) {
                eprintln!("{line}");
            }
        }
    }
}

/// The key that a mail carries.
fn key(item: &StoredItem) -> &str {
    item.extended_property(KEY_PROPERTY_SET, KEY_PROPERTY_NAME).unwrap_or("no key")
}

fn drafts_of_sent(world: &World) -> usize {
    let service = world.company().mailbox("chat-digest");
    world.exchange(|exchange| {
        let sent: BTreeSet<&str> = exchange.sent(&service).map(key).collect();
        exchange.drafts(&service).filter(|draft| sent.contains(key(draft))).count()
    })
}

/// The mails in which somebody has a post that he has too often.
fn mails_about(world: &World, number: usize, mailbox: &str) -> String {
    let mut said = format!("doubled: post {number} for {mailbox}:");
    world.exchange(|exchange| {
        for item in exchange.inbox(mailbox) {
            if books::numbers(&item.text()).contains(&number) {
                let receipt = item.header(receipt::RECEIPT_HEADER).unwrap_or("no receipt");
                said.push_str(&format!(
                    "\n    in mail {} received {} ms, {receipt}",
                    key(item),
                    item.received().as_millis()
                ));
            }
        }
    });
    said
}
