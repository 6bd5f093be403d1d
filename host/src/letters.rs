//! Mail to the service: looks into its inbox for subjects such as `digest daily at 08:00`, does what
//! they say, answers, and moves them to the deleted items. All other mail is left alone.

use std::{collections::HashSet, sync::Arc, time::Duration};

use bridge::message::{Address, Person};
use ews::{
    delete_item::{DeleteItem, DeleteType},
    find_item::FindItem,
    folder_id::{FolderId, distinguished},
    item::Message,
    property::PropertyPath,
    restriction::{ContainmentComparison, ContainmentMode, Restriction},
    shape::{Direction, FieldOrder, ItemShape, Page},
};
use tokio::sync::watch;
use tracing::{debug, warn};

use crate::{
    answers::{AnswerError, Answers},
    chat::{stop_asked, translate::name_of_address},
    common::Common,
    config::Config,
    database::Database,
    exchange::{Account, CallError},
    latest::Latest,
    leases::Leases,
};

/// How often the inbox is looked into.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Wait while no room is known.
const ROOMS_WAIT: Duration = Duration::from_secs(1);
/// Mails looked at in one go.
const PAGE: u32 = 50;
/// Mails remembered that are none of ours; the memory is emptied when it is full.
const PASSED_MAX: usize = 10_000;

/// The stage that reads mail.
pub struct Letters {
    config: Arc<Config>,
    current: Arc<Latest<Config>>,
    database: Database,
    account: Arc<Account>,
    answers: Arc<Answers>,
    leases: Arc<Leases>,
    passed: HashSet<String>,
}

impl Letters {
    /// Prepares the stage.
    #[must_use]
    pub fn new(common: Common, account: Arc<Account>, answers: Arc<Answers>) -> Self {
        let Common { config, current, database, leases, .. } = common;
        Self { config, current, database, account, answers, leases, passed: HashSet::new() }
    }

    /// Reads mail until `stop` turns true.
    pub async fn run(mut self, stop: watch::Receiver<bool>) {
        loop {
            let mut wait = LOOK_EVERY;
            if !self.current.now().choices.by_mail || !self.leases.serves() {
                // Nobody is to, for now, or another host does.
            } else if !self.answers.knows_rooms() {
                // Nobody could be told what he gets.
                wait = ROOMS_WAIT;
            } else if let Err(error) = self.round().await {
                warn!("letters: {error}; trying again in {} s", LOOK_EVERY.as_secs());
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop_asked(stop.clone()) => return,
            }
        }
    }

    async fn round(&mut self) -> Result<(), AnswerError> {
        let mut found = self.account.call(&search()).await?.into_iter();
        let Some(found) = found.next() else { return Ok(()) };
        for item in found?.items {
            let Some(id) = item.item_id.clone() else { continue };
            if self.passed.contains(&id.id) {
                continue;
            }
            if self.database.is_answered(&id.id).await? || self.answer(&item, &id.id).await? {
                let item_ids = vec![id];
                let delete = DeleteItem { delete_type: DeleteType::MoveToDeletedItems, item_ids };
                self.account.call(&delete).await?;
                continue;
            }
            if self.passed.len() >= PASSED_MAX {
                self.passed.clear();
            }
            self.passed.insert(id.id);
        }
        Ok(())
    }

    /// Answers a mail; `false` if it is none of ours.
    async fn answer(&self, item: &Message, id: &str) -> Result<bool, AnswerError> {
        let subject = item.subject.as_deref().unwrap_or_default();
        let Some(command) = self.answers.command(subject, false) else { return Ok(false) };
        if item.item_class.as_deref().is_some_and(|class| class != "IPM.Note") {
            return Ok(false);
        }
        let from = item.from.as_ref().or(item.sender.as_ref());
        let Some(address) = from.and_then(|mailbox| mailbox.smtp_address()) else {
            return Ok(false);
        };
        if address.eq_ignore_ascii_case(self.config.mail.mailbox.as_str()) {
            return Ok(false);
        }
        let Some((person, mailbox)) = self.person(address).await? else {
            debug!("letters: a mail from somebody whom Exchange does not know is left alone");
            return Ok(false);
        };
        self.answers.answer_letter(&person, mailbox, command, id.to_owned()).await?;
        Ok(true)
    }

    /// Who has this mail address, if Exchange knows.
    async fn person(&self, address: &str) -> Result<Option<(Person, String)>, CallError> {
        let entry = format!("smtp:{}", address.to_lowercase());
        let found = self.account.resolve(&entry).await?;
        let Some(exact) = found.into_iter().find(|one| one.is_exactly(&entry)) else {
            return Ok(None);
        };
        let Some(mailbox) = exact.smtp_address().map(str::to_owned) else { return Ok(None) };
        let entries = exact.contact.iter().flat_map(|contact| &contact.email_addresses);
        let sip = entries.map(|entry| entry.to_lowercase()).find(|entry| entry.starts_with("sip:"));
        let name = exact.mailbox.name.clone().unwrap_or_else(|| name_of_address(address));
        let person = Person { address: Address::new(sip.unwrap_or(entry)), name };
        Ok(Some((person, mailbox)))
    }
}

fn search() -> FindItem {
    let shape = ["item:Subject", "item:ItemClass", "message:From", "message:Sender"]
        .into_iter()
        .fold(ItemShape::id_only(), |shape, field| shape.and(PropertyPath::field(field)));
    let received = PropertyPath::field("item:DateTimeReceived");
    FindItem {
        shape,
        page: Some(Page::first(PAGE)),
        restriction: Some(Restriction::Contains {
            path: PropertyPath::field("item:Subject"),
            constant: "digest".to_owned(),
            mode: Some(ContainmentMode::Prefixed),
            comparison: Some(ContainmentComparison::IgnoreCase),
        }),
        sort_order: vec![FieldOrder { path: received, direction: Direction::Ascending }],
        ..FindItem::all(FolderId::distinguished(distinguished::INBOX))
    }
}
