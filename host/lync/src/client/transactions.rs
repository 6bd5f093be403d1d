//! Requests of ours that wait for their final answer.

use std::collections::HashMap;
use std::time::Instant;

use super::limits::TRANSACTIONS_MAX;
use crate::sip::Message;

/// What a request was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Register,
    SignOut,
    Subscribe,
    Invite,
    Bye,
    Update,
    /// The INFO with this envelope.
    Command(u32),
}

#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) purpose: Purpose,
    /// As sent, signature excluded: a 401 makes it go again.
    pub(super) request: Message,
    pub(super) sent: Instant,
    pub(super) deadline: Instant,
    /// How often it was answered 401.
    pub(super) challenged: u32,
}

/// Found again by Call-ID, CSeq number and method: some peers lose the branch (dossier 1.3).
#[derive(Debug, Default)]
pub(super) struct Transactions {
    open: HashMap<Key, Transaction>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    call_id: String,
    cseq: u32,
    method: String,
}

impl Key {
    fn of(message: &Message) -> Option<Self> {
        let (cseq, method) = message.cseq()?;
        Some(Self { call_id: message.call_id().to_owned(), cseq, method: method.to_owned() })
    }
}

impl Transactions {
    pub(super) fn open(&mut self, transaction: Transaction) {
        // Commands and registration bound themselves far below; this only backs them up.
        if self.open.len() >= TRANSACTIONS_MAX {
            let oldest = self.open.iter().min_by_key(|(_, one)| one.deadline);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                self.open.remove(&key);
            }
        }
        if let Some(key) = Key::of(&transaction.request) {
            self.open.insert(key, transaction);
        }
    }

    pub(super) fn find(&self, response: &Message) -> Option<&Transaction> {
        self.open.get(&Key::of(response)?)
    }

    pub(super) fn close(&mut self, response: &Message) -> Option<Transaction> {
        self.open.remove(&Key::of(response)?)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.open.values().map(|one| one.deadline).min()
    }

    pub(super) fn expire(&mut self, now: Instant) -> Vec<Transaction> {
        let expired = self.open.extract_if(|_, one| one.deadline <= now);
        let mut expired: Vec<_> = expired.map(|(_, one)| one).collect();
        expired.sort_by_key(|one| one.deadline);
        expired
    }
}
