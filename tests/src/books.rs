//! Who is owed which post, by the company's own lists, and what lies in the inboxes.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use ews::server::Exchange;
use host::{
    config::Wish,
    embedded::company::{Company, Room},
};

/// How often a post lies in a mailbox: (number of the post, mailbox).
pub type Counts = BTreeMap<(usize, String), usize>;

/// Every post's text begins with this word and ends with its number.
pub const MARK: &str = "Zwetschgendatschi";

/// What is owed.
#[derive(Debug, Default)]
pub struct Books {
    owed: Mutex<(usize, Counts)>,
}

/// The words that a post is found by.
#[must_use]
pub fn token(number: usize) -> String {
    format!("{MARK}-{number:05}.")
}

impl Books {
    /// Opens a page for a new post; answers its number.
    pub fn number(&self) -> usize {
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        owed.0 += 1;
        owed.0
    }

    /// Books a post of `author` (a login): everybody in the room is owed it but the author, the
    /// service account, and who wants no mail.
    pub fn owe(&self, number: usize, company: &Company, room: &Room, author: &str) {
        let service = company.users.first().map(|user| user.login.as_str());
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        for user in company.people(room) {
            let own = user.login == author || Some(user.login.as_str()) == service;
            if !own && Some(author) != service && user.wish != Some(Wish::Off) {
                owed.1.insert((number, company.mailbox(&user.login)), 1);
            }
        }
    }

    /// Strikes out what somebody will not get.
    pub fn forgive(&self, number: usize, mailbox: &str) {
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        owed.1.remove(&(number, mailbox.to_owned()));
    }

    /// How many posts there are.
    #[must_use]
    pub fn posts(&self) -> usize {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// How many deliveries are owed.
    #[must_use]
    pub fn owed_count(&self) -> usize {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner).1.len()
    }

    /// All that is owed.
    #[must_use]
    pub fn owed(&self) -> Counts {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

/// All that lies in the inboxes. A mail counts a post once, however often it speaks of it.
#[must_use]
pub fn found(exchange: &Exchange, company: &Company) -> Counts {
    let mut found = Counts::new();
    for user in &company.users {
        let mailbox = company.mailbox(&user.login);
        for item in exchange.inbox(&mailbox) {
            for number in numbers(&item.text()) {
                *found.entry((number, mailbox.clone())).or_default() += 1;
            }
        }
    }
    found
}

/// The numbers of the posts that a text holds, each once.
#[must_use]
pub fn numbers(text: &str) -> Vec<usize> {
    let digits = text.split(MARK).skip(1).filter_map(|rest| rest.get(1..6));
    let mut numbers: Vec<usize> = digits.filter_map(|digits| digits.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_counts_a_post_once() {
        let text = format!("{} x {} {}", token(7), token(3), token(7));
        assert_eq!(numbers(&text), [3, 7]);
    }
}
