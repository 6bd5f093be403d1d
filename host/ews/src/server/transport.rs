//! Mail on its way: who may send it, where it arrives, and what comes back when it does not.

use std::{sync::Arc, time::Duration};

use crate::code::ResponseCode;

use super::{
    Delivered, EVENTS_MAX, Exchange,
    answer::Refusal,
    call::FolderPlace,
    edit,
    folder::{INBOX, OUTBOX},
    item::{Address, Content, StoredItem},
    mime,
};

/// `ItemClass` of a non-delivery report.
pub(crate) const NDR_CLASS: &str = "REPORT.IPM.Note.NDR";

/// Mail that waits in an Outbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parked {
    due: Duration,
    mailbox: u32,
    key: u64,
    save: Option<FolderPlace>,
}

/// Someone who does not get the mail, and why.
#[derive(Debug)]
struct Undelivered {
    address: String,
    reason: &'static str,
}

impl Exchange {
    /// Whether `mailbox` may send the item and to whom it goes; fills in the author.
    ///
    /// # Errors
    /// `ErrorInvalidRecipients`, `ErrorSendAsDenied`, `ErrorMessageSizeExceeded`.
    pub(crate) fn authorise(&self, mailbox: u32, item: &mut StoredItem) -> Result<(), Refusal> {
        let content = item.content();
        let mut recipients = content.to.iter().chain(&content.cc).chain(&item.bcc).peekable();
        if recipients.peek().is_none() || !recipients.all(|address| is_smtp(&address.smtp)) {
            return Err(edit::invalid_recipients());
        }
        item.measure();
        if item.size_bytes() > self.config.message_bytes_max {
            return Err(too_large());
        }
        let (from, sender) = self.author(mailbox, item.content().from.as_ref())?;
        let content = item.content_mut();
        content.from = Some(from);
        content.sender = sender;
        Ok(())
    }

    /// From and Sender (ews.md 1.3).
    fn author(
        &self,
        mailbox: u32,
        from: Option<&Address>,
    ) -> Result<(Address, Option<Address>), Refusal> {
        let user = self.directory.user(mailbox).ok_or_else(Refusal::non_existent_mailbox)?;
        let own = Address { name: user.name.clone(), smtp: user.mailbox.clone() };
        let Some(from) = from else {
            return Ok((own, None));
        };
        let is_same = |right: &String| right.eq_ignore_ascii_case(&from.smtp);
        if self.directory.mailbox(&from.smtp) == Some(mailbox) {
            let name = if from.name.is_empty() { own.name } else { from.name.clone() };
            Ok((Address { name, smtp: from.smtp.clone() }, None))
        } else if user.send_as.iter().any(is_same) {
            Ok((from.clone(), None))
        } else if user.send_on_behalf.iter().any(is_same) {
            Ok((from.clone(), Some(own)))
        } else {
            let text = "The user account which was used to submit this request does not have \
                        the right to send mail on behalf of the specified sending account.";
            Err(Refusal::new(ResponseCode::SEND_AS_DENIED, text))
        }
    }

    /// Lets an authorised item go: to everyone it is for, and as a copy into `save`.
    pub(crate) fn submit(
        &mut self,
        mailbox: u32,
        mut item: StoredItem,
        save: Option<FolderPlace>,
        now_unix: Duration,
    ) {
        item.is_draft = false;
        item.is_submitted = false;
        item.is_read = true;
        item.sent = Some(now_unix);
        item.received = now_unix;
        mime::complete(item.content_mut(), now_unix);
        item.measure();
        if let Some((of, folder)) = save
            && let Some(of) = self.mailbox_mut(of)
        {
            // The draft was counted there before; a copy is not refused for want of room.
            let _ = of.insert(item.clone(), folder, now_unix);
        }
        let undelivered = self.distribute(&item, now_unix);
        if !undelivered.is_empty() {
            self.report(mailbox, item.content(), &undelivered, now_unix);
        }
    }

    /// Puts the item into the Outbox until `due`.
    ///
    /// # Errors
    /// `ErrorFolderNotFound`.
    pub(crate) fn park(
        &mut self,
        mailbox: u32,
        mut item: StoredItem,
        save: Option<FolderPlace>,
        due: Duration,
        now_unix: Duration,
    ) -> Result<(), Refusal> {
        item.is_submitted = true;
        let store = self.mailbox_mut(mailbox).ok_or_else(Refusal::folder_not_found)?;
        let key = store.insert(item, OUTBOX, now_unix)?.key;
        self.parked.push(Parked { due, mailbox, key, save });
        Ok(())
    }

    /// Lets go what has waited long enough.
    pub(crate) fn release(&mut self, now_unix: Duration) {
        let is_due = |parked: &Parked| parked.due <= now_unix;
        if !self.parked.iter().any(is_due) {
            return;
        }
        let (due, waiting) = self.parked.iter().partition::<Vec<_>, _>(|parked| is_due(parked));
        self.parked = waiting;
        for parked in due {
            let item = self.mailbox_mut(parked.mailbox);
            if let Some(item) = item.and_then(|mailbox| mailbox.remove(parked.key, now_unix)) {
                self.submit(parked.mailbox, item, parked.save, now_unix);
            }
        }
    }

    /// When the next parked mail goes, since 1970.
    pub(crate) fn next_release(&self) -> Option<Duration> {
        self.parked.iter().map(|parked| parked.due).min()
    }

    fn distribute(&mut self, item: &StoredItem, now_unix: Duration) -> Vec<Undelivered> {
        let content = item.content();
        let recipients = content.to.iter().chain(&content.cc).chain(&item.bcc);
        let expansion = self.directory.expand(recipients.map(|address| address.smtp.as_str()));
        let unknown = expansion.unknown.into_iter();
        let mut undelivered: Vec<_> =
            unknown.map(|address| Undelivered { address, reason: UNKNOWN }).collect();
        for mailbox in expansion.mailboxes {
            if !self.deliver(mailbox, received(item, now_unix), now_unix) {
                let user = self.directory.user(mailbox);
                let address = user.map(|user| user.mailbox.clone()).unwrap_or_default();
                undelivered.push(Undelivered { address, reason: FULL });
            }
        }
        undelivered
    }

    /// Puts a copy into an Inbox; `false` if it is full.
    fn deliver(&mut self, mailbox: u32, copy: StoredItem, now_unix: Duration) -> bool {
        let Some(store) = self.mailbox_mut(mailbox) else {
            return false;
        };
        if !store.make_room(copy.size_bytes(), now_unix) {
            return false;
        }
        let Ok(item) = store.insert(copy, INBOX, now_unix).cloned() else {
            return false;
        };
        let address = self.directory.user(mailbox).map(|user| user.mailbox.clone());
        if self.events.len() >= EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.push_back(Delivered { mailbox: address.unwrap_or_default(), item });
        self.deliveries_total += 1;
        true
    }

    /// Tells the sender who did not get it. A report goes in whether the mailbox is full or not,
    /// and never causes another.
    fn report(
        &mut self,
        mailbox: u32,
        about: &Content,
        undelivered: &[Undelivered],
        now_unix: Duration,
    ) {
        let own = self.directory.user(mailbox);
        let own = own.map(|user| Address { name: user.name.clone(), smtp: user.mailbox.clone() });
        let mut text = "Delivery has failed to these recipients or groups:\r\n".to_owned();
        for Undelivered { address, reason } in undelivered {
            text.push_str(&format!("\r\n{address}\r\n{reason}\r\n"));
        }
        let postmaster = format!("postmaster@{}", self.config.host_name);
        let content = Content {
            item_class: NDR_CLASS.to_owned(),
            subject: format!("Undeliverable: {}", about.subject),
            text: Some(text),
            from: Some(Address { name: "Microsoft Outlook".to_owned(), smtp: postmaster }),
            to: own.into_iter().collect(),
            message_id: self.new_message_id(),
            in_reply_to: Some(about.message_id.clone()),
            references: Some(about.message_id.clone()),
            ..Content::note()
        };
        let item = StoredItem { content: Arc::new(content), ..StoredItem::draft(now_unix) };
        if let Some(store) = self.mailbox_mut(mailbox) {
            let report = StoredItem { sent: Some(now_unix), ..received(&item, now_unix) };
            let _ = store.insert(report, INBOX, now_unix);
        }
    }
}

const UNKNOWN: &str = "550 5.1.1 RESOLVER.ADR.RecipNotFound; not found";
const FULL: &str = "554 5.2.2 mailbox full";

/// The recipient's copy: content and extended properties travel, blind copies do not.
fn received(item: &StoredItem, now_unix: Duration) -> StoredItem {
    let mut copy = StoredItem {
        content: Arc::clone(&item.content),
        properties: Arc::clone(&item.properties),
        is_draft: false,
        is_read: false,
        sent: item.sent,
        ..StoredItem::draft(now_unix)
    };
    copy.measure();
    copy
}

/// The refusal of a message beyond the limit.
pub(crate) fn too_large() -> Refusal {
    let text = "The message exceeds the maximum supported size.";
    Refusal::new(ResponseCode::MESSAGE_SIZE_EXCEEDED, text)
}

fn is_smtp(address: &str) -> bool {
    let no_blank = !address.contains(char::is_whitespace);
    let parts = address.split_once('@');
    no_blank && parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_an_address() {
        assert!(is_smtp("a@b"));
        for wrong in ["a", "@b", "a@", "a b@c"] {
            assert!(!is_smtp(wrong), "{wrong}");
        }
    }
}
