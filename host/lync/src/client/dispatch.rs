//! Where messages go: signatures first (dossier 2.7), then answers to their requests.

use std::time::Duration;

use super::Session;
use super::errors::{Ended, ProtocolError};
use super::limits::REQUEST_TIMEOUT;
use super::transactions::{Purpose, Transaction};
use crate::Now;
use crate::auth::{AuthError, Verified};
use crate::sip::Message;

enum Admission {
    Taken,
    Ignored,
    Forged,
}

impl Session {
    pub(super) fn on_message(&mut self, message: &Message, now: Now) -> Result<(), ProtocolError> {
        match self.verify(message) {
            Admission::Taken => {}
            Admission::Ignored => return Ok(()),
            Admission::Forged => {
                self.end(Ended::SignatureInvalid);
                return Err(ProtocolError::Signature);
            }
        }
        match message.status() {
            Some(status) => self.on_response(status, message, now),
            None => self.on_request(message, now),
        }
        Ok(())
    }

    /// Dossier 2.7: what must be signed, and what may come without.
    fn verify(&mut self, message: &Message) -> Admission {
        let ours = message.status().and_then(|status| {
            let transaction = self.transactions.find(message)?;
            Some((status, matches!(transaction.purpose, Purpose::Register)))
        });
        if !self.link.is_secured() {
            let to_register = ours.is_some_and(|(_, register)| register);
            return if to_register { Admission::Taken } else { Admission::Ignored };
        }
        match self.link.verify(message) {
            Ok(Verified::Signed) => Admission::Taken,
            Ok(Verified::Unsigned) => match ours {
                Some((100..=199 | 401 | 407, _)) => Admission::Taken,
                Some((300.., true)) if self.registration.is_signing_in() => Admission::Taken,
                _ => Admission::Ignored,
            },
            Err(AuthError::UnknownAssociation | AuthError::Replayed) => Admission::Ignored,
            Err(_) => Admission::Forged,
        }
    }

    fn on_response(&mut self, status: u16, response: &Message, now: Now) {
        if status < 200 {
            return;
        }
        let Some(transaction) = self.transactions.close(response) else {
            return;
        };
        if matches!(status, 401 | 407) && transaction.purpose != Purpose::Register {
            return self.send_again(transaction, status, response, now);
        }
        self.on_final(transaction.purpose, status, response, now);
    }

    fn on_final(&mut self, purpose: Purpose, status: u16, response: &Message, now: Now) {
        match purpose {
            Purpose::Register => self.on_register_response(status, response, now),
            Purpose::SignOut => self.end(Ended::SignedOut),
            Purpose::Subscribe => self.on_subscribe_response(status, response, now),
            Purpose::Invite => self.on_invite_response(response.call_id(), Some(response), now),
            Purpose::Update => self.on_update_response(response.call_id(), Some(response), now),
            Purpose::Command(envid) => self.on_info_response(envid, status, now),
            Purpose::Bye => {}
        }
    }

    /// Challenged in mid-session: signed again (dossier 2.8), then once more with new keys.
    fn send_again(&mut self, transaction: Transaction, status: u16, response: &Message, now: Now) {
        let Transaction { purpose, request, challenged, .. } = transaction;
        let signing = self.registration.is_signing_in() || self.registration.is_signing_out();
        match challenged {
            0 => {}
            // Our keys are worth nothing any more.
            1 if !signing => self.sign_in(now),
            1 => {}
            _ => return self.on_final(purpose, status, response, now),
        }
        self.link.send(request.clone(), now);
        let (sent, deadline) = (now.instant, now.instant + REQUEST_TIMEOUT);
        let challenged = challenged + 1;
        self.transactions.open(Transaction { purpose, request, sent, deadline, challenged });
    }

    pub(super) fn on_transaction_timeout(&mut self, transaction: Transaction, now: Now) {
        let call_id = transaction.request.call_id();
        match transaction.purpose {
            Purpose::Register => self.on_register_timeout(now),
            Purpose::SignOut => self.end(Ended::SignedOut),
            Purpose::Subscribe => self.provisioned(None, now),
            // Not even a 100 from the Front End, nor anything else: this connection is dead.
            Purpose::Invite if !self.link.heard_since(transaction.sent) => {
                self.end(Ended::NoAnswer);
            }
            Purpose::Invite => self.on_invite_response(call_id, None, now),
            Purpose::Update => self.on_update_response(call_id, None, now),
            Purpose::Command(envid) => self.on_info_timeout(envid, now),
            Purpose::Bye => {}
        }
    }

    /// Completes, sends and remembers a request.
    pub(super) fn open_transaction(
        &mut self,
        mut request: Message,
        purpose: Purpose,
        patience: Duration,
        now: Now,
    ) {
        self.link.complete(&mut request);
        self.link.send(request.clone(), now);
        self.remember(request, purpose, patience, now);
    }

    pub(super) fn remember(
        &mut self,
        request: Message,
        purpose: Purpose,
        patience: Duration,
        now: Now,
    ) {
        let (sent, deadline) = (now.instant, now.instant + patience);
        self.transactions.open(Transaction { purpose, request, sent, deadline, challenged: 0 });
    }
}
