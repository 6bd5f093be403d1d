//! `chat-digest verify`: from a person's mails alone, whether they are complete and in order.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use bridge::receipt::{self, Fault, Receipt};

use crate::{
    mail::receipt as fields,
    progress::{Progress, Unit},
};

/// Largest mail that is read; what is larger is no digest.
const MAIL_BYTES_MAX: usize = 64 << 20;
/// Most files of an export.
const FILES_MAX: usize = 1_000_000;
/// Deepest folder of an export.
const DEPTH_MAX: usize = 16;

/// What an export holds.
#[derive(Debug, Default)]
pub struct Report {
    /// The chains, by name.
    pub chains: BTreeMap<String, Vec<Found>>,
    /// Mails whose receipt proves nothing, and why.
    pub unreadable: Vec<String>,
    /// Mails that are none of ours.
    pub others: usize,
}

/// A mail with a receipt.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its receipt.
    pub receipt: Receipt,
    /// Its subject.
    pub subject: String,
    /// Where in the export it lies.
    pub place: String,
}

impl Report {
    /// Reads an export: a mail (`.eml`), an mbox file, or a folder of either, Maildir too.
    ///
    /// # Errors
    /// What cannot be read, with its file.
    pub fn read(path: &Path) -> Result<Self> {
        let mut report = Self::default();
        let files = files(path)?;
        let length = |file: &PathBuf| file.metadata().map_or(0, |known| known.len());
        let mut progress =
            Progress::new("verify", Unit::Bytes, Some(files.iter().map(length).sum()));
        for file in &files {
            let read = report.read_file(file, &mut progress);
            read.with_context(|| file.display().to_string())?;
        }
        progress.end();
        Ok(report)
    }

    fn read_file(&mut self, path: &Path, progress: &mut Progress) -> Result<()> {
        let mut reader = BufReader::new(File::open(path)?);
        let mbox = reader.fill_buf()?.starts_with(b"From ");
        let place = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        if !mbox {
            let mut mail = Vec::new();
            reader.take(MAIL_BYTES_MAX as u64 + 1).read_to_end(&mut mail)?;
            progress.step(mail.len() as u64);
            self.take(&mail, &place);
            return Ok(());
        }
        let (mut mail, mut line, mut number) = (Vec::new(), Vec::new(), 0_usize);
        loop {
            line.clear();
            let count = reader.by_ref().take(MAIL_BYTES_MAX as u64).read_until(b'\n', &mut line)?;
            progress.step(count as u64);
            if count == 0 || line.starts_with(b"From ") {
                if number > 0 {
                    self.take(&mail, &format!("{place}, mail {number}"));
                }
                mail.clear();
                number += 1;
                if count == 0 {
                    return Ok(());
                }
            } else if mail.len() <= MAIL_BYTES_MAX {
                mail.extend_from_slice(&line);
            }
        }
    }

    fn take(&mut self, mail: &[u8], place: &str) {
        let read = (mail.len() <= MAIL_BYTES_MAX).then(|| ews::mime::read(mail)).flatten();
        let receipt = read.as_ref().and_then(|mail| fields::read(&mail.headers));
        match (read, receipt) {
            (Some(mail), Some(Ok(receipt))) => {
                let subject = mail.subject.unwrap_or_default();
                let found = Found { receipt, subject, place: place.to_owned() };
                self.chains.entry(found.receipt.chain.clone()).or_default().push(found);
            }
            (_, Some(Err(error))) => self.unreadable.push(format!("{place}: {error}")),
            _ => self.others += 1,
        }
    }

    /// What is wrong with each chain. `first` is the number that chains begin with.
    #[must_use]
    pub fn faults(&self, first: u64) -> BTreeMap<&str, Vec<Fault>> {
        let check = |found: &Vec<Found>| {
            let receipts: Vec<Receipt> = found.iter().map(|one| one.receipt.clone()).collect();
            receipt::check(&receipts, first)
        };
        self.chains.iter().map(|(chain, found)| (chain.as_str(), check(found))).collect()
    }

    /// Prints what was found; answers whether all of it is well.
    #[must_use]
    pub fn print(&self, first: u64) -> bool {
        let faults = self.faults(first);
        for (chain, found) in &self.chains {
            let faults = faults.get(chain.as_str()).map(Vec::as_slice).unwrap_or_default();
            print_chain(chain, found, faults);
        }
        for line in &self.unreadable {
            println!("  FAIL  {line}");
        }
        if self.others > 0 {
            println!("{} mails have no receipt and were passed over", self.others);
        }
        if self.chains.is_empty() {
            println!("no mail here has a receipt");
        }
        let whole = faults.values().all(Vec::is_empty) && self.unreadable.is_empty();
        whole && !self.chains.is_empty()
    }
}

fn print_chain(chain: &str, found: &[Found], faults: &[Fault]) {
    let mut found: Vec<&Found> = found.iter().collect();
    found.sort_by_key(|one| one.receipt.number);
    let messages: usize = found.iter().map(|one| one.receipt.covers.len()).sum();
    let number = |one: Option<&&Found>| one.map_or(0, |one| one.receipt.number);
    println!(
        "chain {}: mails {} to {}, {messages} messages",
        chain.chars().take(8).collect::<String>(),
        number(found.first()),
        number(found.last()),
    );
    for one in &found {
        let (number, count) = (one.receipt.number, one.receipt.covers.len());
        println!("  {number:>6}  {count:>5} messages  {}  ({})", one.subject, one.place);
    }
    for fault in faults {
        println!("  FAIL  {fault}");
    }
    if faults.is_empty() {
        println!("  ok    complete and in order, each message once");
    }
}

/// All files of an export, in the order of their names.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![(path.to_owned(), 0_usize)]);
    while let Some((path, depth)) = folders.pop() {
        let metadata = std::fs::metadata(&path).with_context(|| path.display().to_string())?;
        if metadata.is_file() {
            files.push(path);
            ensure!(files.len() <= FILES_MAX, "more than {FILES_MAX} files");
        } else if metadata.is_dir() && depth < DEPTH_MAX {
            for entry in std::fs::read_dir(&path).with_context(|| path.display().to_string())? {
                folders.push((entry?.path(), depth + 1));
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests stop at the first surprise"
    )]
    use super::*;

    fn mails(count: usize) -> Vec<String> {
        let mut last = None;
        let mut mails = Vec::new();
        for number in 0..count {
            let covers = vec![format!("{number:016x}")];
            let receipt = Receipt::next("chain", last.as_ref(), Vec::new(), covers);
            let headers = fields::headers(&receipt);
            let lines = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
            let lines: String = lines.collect();
            mails.push(format!("Subject: digest {number}\r\n{lines}\r\nFrom here on text\r\n"));
            last = Some(receipt.link());
        }
        mails
    }

    #[test]
    fn a_folder_of_mails_is_proven_whole() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("cur")).unwrap();
        for (number, mail) in mails(3).iter().enumerate() {
            std::fs::write(directory.path().join(format!("cur/{number}.eml")), mail).unwrap();
        }
        std::fs::write(directory.path().join("other.eml"), "Subject: x\r\n\r\nx").unwrap();
        let report = Report::read(directory.path()).unwrap();
        assert_eq!((report.chains.len(), report.others), (1, 1));
        assert!(report.print(1));
        std::fs::remove_file(directory.path().join("cur/1.eml")).unwrap();
        let report = Report::read(directory.path()).unwrap();
        assert!(!report.print(1));
        assert_eq!(report.faults(1)["chain"], [Fault::Gap { from: 2, to: 2 }]);
    }

    #[test]
    fn an_mbox_is_read_mail_by_mail() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("inbox.mbox");
        let text: String = mails(4)
            .iter()
            .skip(1)
            .map(|mail| {
                format!("From x Mon Jan  1\r\n{}\r\n", mail.replace("From here", ">From here"))
            })
            .collect();
        std::fs::write(&path, &text).unwrap();
        let report = Report::read(&path).unwrap();
        assert_eq!(report.chains["chain"].len(), 3);
        assert!(report.print(2));
        assert!(!report.print(1), "the first one is missing");
        std::fs::write(&path, text.replace("count=1", "count=2")).unwrap();
        let report = Report::read(&path).unwrap();
        assert_eq!(report.unreadable.len(), 3);
        assert!(report.unreadable[0].contains("mail 1: its receipt speaks of 2 messages"));
        assert!(!report.print(2));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = Report::read(Path::new("/nonexistent/export")).unwrap_err();
        assert!(format!("{error:#}").contains("/nonexistent/export"));
    }
}
