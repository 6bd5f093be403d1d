//! Receipts: each mail says what it covers and which mail it continues, so that a person's mails
//! alone prove that none is missing and none stands twice.
//!
//! The receipts of a person make a chain. Each has a number, one more than the one before, and a
//! hash over its contents and the hash before it. A mail that had a receipt and was withdrawn for
//! good is named by a later one, so that its absence is no gap.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::hash::Fields;
use crate::message::{Address, MessageId};

/// Digits of a message's id that stand in a receipt: 64 bits, enough within one person's mails.
pub const COVER_DIGITS: usize = 16;

/// Most withdrawn mails that one receipt names.
pub const WITHDRAWN_MAX: usize = 100;

/// A receipt that others point to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its number in the chain, from 1.
    pub number: u64,
    /// Its hash.
    pub hash: String,
}

/// What one mail covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Names the chain: this person's mails from this installation.
    pub chain: String,
    /// Its number in the chain, from 1.
    pub number: u64,
    /// The hash before it; empty for the first.
    pub previous: String,
    /// Earlier mails that were withdrawn and that no receipt before this one names.
    pub withdrawn: Vec<Link>,
    /// The messages, in the mail's order, by the first [`COVER_DIGITS`] digits of their ids.
    pub covers: Vec<String>,
    /// The hash over all of this.
    pub hash: String,
}

/// Names the chain of a person's mails from one installation, without telling who it is.
#[must_use]
pub fn chain_of(installation: &str, person: &Address) -> String {
    Fields::new("chain").text(installation).text(person.as_str()).finish()
}

/// A message's id as it stands in a receipt.
#[must_use]
pub fn cover(message: &MessageId) -> String {
    message.as_str().chars().take(COVER_DIGITS).collect()
}

impl Receipt {
    /// The receipt that follows `last` in a chain, withdrawn or not; `None` for the first one.
    #[must_use]
    pub fn next(
        chain: &str,
        last: Option<&Link>,
        withdrawn: Vec<Link>,
        covers: Vec<String>,
    ) -> Self {
        let mut receipt = Self {
            chain: chain.to_owned(),
            number: last.map_or(1, |link| link.number.saturating_add(1)),
            previous: last.map(|link| link.hash.clone()).unwrap_or_default(),
            withdrawn,
            covers,
            hash: String::new(),
        };
        receipt.hash = receipt.hashed();
        receipt
    }

    /// The hash of what it says.
    #[must_use]
    pub fn hashed(&self) -> String {
        let head = Fields::new("receipt").text(&self.chain).number(self.number);
        let head = head.text(&self.previous).number(self.withdrawn.len() as u64);
        let links = self.withdrawn.iter();
        let head = links.fold(head, |fields, link| fields.number(link.number).text(&link.hash));
        self.covers.iter().fold(head, |fields, cover| fields.text(cover)).finish()
    }

    /// What others point to it by.
    #[must_use]
    pub fn link(&self) -> Link {
        Link { number: self.number, hash: self.hash.clone() }
    }

    /// The receipt as one header line: `v=1; chain=…; number=18; previous=…; count=12; hash=…`, and
    /// `withdrawn=16:…,17:…` if there are any. What it covers stands in lines of its own.
    #[must_use]
    pub fn to_line(&self) -> String {
        let previous = if self.previous.is_empty() { "none" } else { &self.previous };
        let mut line = format!(
            "v=1; chain={}; number={}; previous={previous}; count={}; hash={}",
            self.chain,
            self.number,
            self.covers.len(),
            self.hash
        );
        if !self.withdrawn.is_empty() {
            let links = self.withdrawn.iter().map(|link| format!("{}:{}", link.number, link.hash));
            line.push_str("; withdrawn=");
            line.push_str(&links.collect::<Vec<_>>().join(","));
        }
        line
    }

    /// Reads a receipt from its header line and what it covers.
    ///
    /// # Errors
    /// [`ReceiptError`]: it was not written by this program, or was changed since.
    pub fn read(line: &str, covers: Vec<String>) -> Result<Self, ReceiptError> {
        let field = |name: &'static str| {
            let mut fields = line.split(';').filter_map(|field| field.trim().split_once('='));
            fields.find(|(key, _)| *key == name).map(|(_, value)| value.trim())
        };
        let needed = |name: &'static str| field(name).ok_or(ReceiptError::Missing(name));
        if needed("v")? != "1" {
            return Err(ReceiptError::Version);
        }
        let number = |name| needed(name)?.parse::<u64>().map_err(|_| ReceiptError::Missing(name));
        let count = number("count")?;
        let receipt = Self {
            chain: needed("chain")?.to_owned(),
            number: number("number")?,
            previous: Some(needed("previous")?).filter(|p| *p != "none").unwrap_or("").to_owned(),
            withdrawn: field("withdrawn").map_or_else(|| Ok(Vec::new()), links)?,
            covers,
            hash: needed("hash")?.to_owned(),
        };
        if usize::try_from(count) != Ok(receipt.covers.len()) {
            return Err(ReceiptError::Count { said: count, found: receipt.covers.len() });
        }
        if receipt.hashed() != receipt.hash {
            return Err(ReceiptError::Changed);
        }
        Ok(receipt)
    }
}

fn links(text: &str) -> Result<Vec<Link>, ReceiptError> {
    let link = |text: &str| {
        let (number, hash) = text.split_once(':')?;
        Some(Link { number: number.trim().parse().ok()?, hash: hash.trim().to_owned() })
    };
    let links: Option<Vec<_>> = text.split(',').take(WITHDRAWN_MAX + 1).map(link).collect();
    links.ok_or(ReceiptError::Missing("withdrawn"))
}

/// A receipt that proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// A field is not there or cannot be read.
    #[error("its receipt has no readable `{0}`")]
    Missing(&'static str),
    /// Another version of this program wrote it.
    #[error("its receipt is of another version; take a newer program to read it")]
    Version,
    /// Some of the messages it speaks of are not listed.
    #[error("its receipt speaks of {said} messages and lists {found}")]
    Count {
        /// As it says.
        said: u64,
        /// As listed.
        found: usize,
    },
    /// The hash is another.
    #[error("its receipt was changed: the hash does not fit what it lists")]
    Changed,
}

/// Something wrong in a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// These numbers are not there.
    Gap {
        /// The first missing number.
        from: u64,
        /// The last missing number.
        to: u64,
    },
    /// Two mails with this number and other contents.
    Fork(u64),
    /// The same mail lies there twice.
    Doubled(u64),
    /// This receipt does not continue the one before it.
    Broken(u64),
    /// A message stands in two mails.
    Repeated {
        /// The later mail.
        number: u64,
        /// The message, as receipts name it.
        cover: String,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { from, to } if from == to => write!(f, "mail {from} is missing"),
            Self::Gap { from, to } => write!(f, "mails {from} to {to} are missing"),
            Self::Fork(number) => write!(f, "there are two different mails {number}"),
            Self::Doubled(number) => write!(f, "mail {number} lies there twice"),
            Self::Broken(number) => write!(f, "mail {number} does not continue the one before it"),
            Self::Repeated { number, cover } => {
                write!(f, "mail {number} covers message {cover}, which an earlier mail covered")
            }
        }
    }
}

/// Checks the receipts of one chain, in any order; answers what is wrong, in the chain's order.
///
/// `first` is the number that the chain is expected to begin with: 1, unless older mails were
/// deleted on purpose.
#[must_use]
pub fn check(receipts: &[Receipt], first: u64) -> Vec<Fault> {
    let mut sorted: Vec<&Receipt> = receipts.iter().collect();
    sorted.sort_by_key(|receipt| receipt.number);
    let withdrawn = sorted.iter().flat_map(|receipt| &receipt.withdrawn);
    let mut known: BTreeMap<u64, &str> =
        withdrawn.map(|link| (link.number, link.hash.as_str())).collect();
    let (mut faults, mut seen) = (Vec::new(), BTreeSet::new());
    let mut before: Option<&Receipt> = None;
    let mut expected = first;
    for receipt in sorted {
        let number = receipt.number;
        if let Some(before) = before.filter(|before| before.number == number) {
            let same = before == receipt;
            faults.push(if same { Fault::Doubled(number) } else { Fault::Fork(number) });
            continue;
        }
        faults.extend(gaps(&known, expected, number));
        let linked = number.checked_sub(1).and_then(|number| known.get(&number));
        let starts = number == 1 && receipt.previous.is_empty();
        if !starts && linked.is_some_and(|hash| *hash != receipt.previous) {
            faults.push(Fault::Broken(number));
        }
        let repeated = receipt.covers.iter().filter(|cover| !seen.insert(cover.as_str()));
        faults.extend(repeated.map(|cover| Fault::Repeated { number, cover: cover.clone() }));
        known.insert(number, &receipt.hash);
        expected = number.saturating_add(1);
        before = Some(receipt);
    }
    faults
}

/// The numbers from `from` up to `to` that are neither there nor withdrawn.
fn gaps(known: &BTreeMap<u64, &str>, from: u64, to: u64) -> Vec<Fault> {
    let mut gaps = Vec::new();
    let mut from = from;
    let there = known.range(from..to.max(from)).map(|(number, _)| *number);
    for next in there.chain([to]) {
        if next > from {
            gaps.push(Fault::Gap { from, to: next - 1 });
        }
        from = next.saturating_add(1);
    }
    gaps
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "tests stop at surprises")]

    use super::*;

    fn covers(of: &[&str]) -> Vec<String> {
        of.iter().map(|cover| (*cover).to_owned()).collect()
    }

    fn chain(lengths: usize) -> Vec<Receipt> {
        let mut receipts: Vec<Receipt> = Vec::new();
        for number in 0..lengths {
            let last = receipts.last().map(Receipt::link);
            let covered = vec![format!("{number:016x}"), format!("{number:08x}ffffffff")];
            receipts.push(Receipt::next("c", last.as_ref(), Vec::new(), covered));
        }
        receipts
    }

    #[test]
    fn a_whole_chain_has_no_fault_in_any_order() {
        let mut receipts = chain(5);
        assert_eq!(receipts.iter().map(|r| r.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert_eq!(check(&receipts, 1), []);
        receipts.reverse();
        assert_eq!(check(&receipts, 1), []);
        assert_eq!(check(&[], 1), []);
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut receipts = chain(6);
        receipts.remove(3);
        receipts.remove(2);
        let gap = vec![Fault::Gap { from: 3, to: 4 }];
        assert_eq!(check(&receipts, 1), gap);
        assert_eq!(gap[0].to_string(), "mails 3 to 4 are missing");
        assert_eq!(check(&chain(4)[1..], 1), [Fault::Gap { from: 1, to: 1 }]);
        assert_eq!(check(&chain(4)[1..], 2), []);
    }

    #[test]
    fn doubles_forks_and_repeats_are_named() {
        let mut receipts = chain(3);
        receipts.push(receipts[1].clone());
        assert_eq!(check(&receipts, 1), [Fault::Doubled(2)]);
        let other = Receipt::next("c", Some(&receipts[0].link()), Vec::new(), covers(&["x"]));
        receipts[3] = other;
        assert_eq!(check(&receipts, 1), [Fault::Fork(2)]);
        let mut receipts = chain(2);
        let again = receipts[0].covers.clone();
        receipts.push(Receipt::next("c", Some(&receipts[1].link()), Vec::new(), again));
        let faults = check(&receipts, 1);
        assert_eq!(faults.len(), 2);
        assert!(faults[0].to_string().starts_with("mail 3 covers message 0000000000000000"));
    }

    #[test]
    fn another_past_does_not_pass() {
        let mut receipts = chain(3);
        let mut other = chain(2);
        other[1] = Receipt::next("c", Some(&other[0].link()), Vec::new(), covers(&["y"]));
        receipts[1] = other[1].clone();
        assert_eq!(check(&receipts, 1), [Fault::Broken(3)]);
    }

    #[test]
    fn what_was_withdrawn_is_no_gap() {
        let receipts = chain(4);
        let withdrawn = vec![receipts[1].link(), receipts[2].link()];
        let last = receipts[3].link();
        let next = Receipt::next("c", Some(&last), withdrawn, covers(&["z"]));
        assert_eq!(next.number, 5);
        let there = [receipts[0].clone(), receipts[3].clone(), next.clone()];
        assert_eq!(check(&there, 1), []);
        assert_eq!(check(&there[..2], 1), [Fault::Gap { from: 2, to: 3 }]);
        assert_eq!(Receipt::read(&next.to_line(), covers(&["z"])), Ok(next));
        let lying = Receipt::next("c", Some(&last), vec![receipts[2].link()], covers(&["z"]));
        let there = [receipts[0].clone(), receipts[3].clone(), lying];
        assert_eq!(check(&there, 1), [Fault::Gap { from: 2, to: 2 }]);
        let forged = Link { number: 3, hash: "f".into() };
        let forged = Receipt::next("c", Some(&last), vec![receipts[1].link(), forged], Vec::new());
        assert_eq!(
            check(&[receipts[0].clone(), receipts[3].clone(), forged], 1),
            [Fault::Broken(4)]
        );
    }

    #[test]
    fn lines_read_back_and_changes_show() {
        let receipt = chain(2)[1].clone();
        let line = receipt.to_line();
        assert_eq!(Receipt::read(&line, receipt.covers.clone()), Ok(receipt.clone()));
        assert!(line.len() < 200 && line.is_ascii(), "{line}");
        assert_eq!(
            Receipt::read(&line, covers(&["a"])),
            Err(ReceiptError::Count { said: 2, found: 1 })
        );
        assert_eq!(Receipt::read(&line, covers(&["a", "b"])), Err(ReceiptError::Changed));
        let other = line.replace("number=2", "number=3");
        assert_eq!(Receipt::read(&other, receipt.covers), Err(ReceiptError::Changed));
        assert_eq!(Receipt::read("", Vec::new()), Err(ReceiptError::Missing("v")));
        assert_eq!(Receipt::read("v=2", Vec::new()), Err(ReceiptError::Version));
        for cut in 0..line.len() {
            assert!(Receipt::read(&line[..cut], covers(&["a", "b"])).is_err());
        }
    }

    #[test]
    fn chains_tell_nothing_of_their_person() {
        let anna = Address::new("sip:anna@contoso.example");
        assert_ne!(chain_of("i", &anna), chain_of("j", &anna));
        assert_eq!(chain_of("i", &anna).len(), 32);
    }
}
