//! One request on its way: who asks, and what ids and folders mean to them.

use std::time::Duration;

use crate::{
    code::ResponseCode,
    folder_id::FolderId,
    item_id::ItemId,
    mailbox::Mailbox as Address,
    soap::{ConnectingSid, Details, Fault},
};

use super::{
    Exchange,
    answer::Refusal,
    directory::Entry,
    folder,
    id::{Id, decode_change},
    item::StoredItem,
    mailbox::Mailbox,
    mime,
    render::Place,
};

/// Bytes of items in one answer; what does not fit is not read (`ErrorInsufficientResources`).
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// What the request may do besides succeed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// Refuses the item at this place, or each.
    pub(crate) refuse: Option<(ResponseCode, Option<usize>)>,
    pub(crate) stale: bool,
    pub(crate) park: Option<Duration>,
    pub(crate) rewrite_message_id: bool,
    pub(crate) lose: bool,
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Call<'x> {
    pub(crate) exchange: &'x mut Exchange,
    /// The mailbox in whose name all happens: the account's own or the impersonated one.
    pub(crate) mailbox: u32,
    pub(crate) now_unix: Duration,
    pub(crate) trouble: Trouble,
    /// Items of the request begun so far.
    items: usize,
    /// Bytes that the answer may still hold.
    bytes_left: usize,
}

/// A folder of a mailbox.
pub(crate) type FolderPlace = (u32, u32);

impl<'x> Call<'x> {
    /// A call by the account with mailbox `account`.
    ///
    /// # Errors
    /// What impersonation is refused with (ews.md 5.6).
    pub(crate) fn new(
        exchange: &'x mut Exchange,
        account: u32,
        impersonate: Option<&ConnectingSid>,
        now_unix: Duration,
    ) -> Result<Self, Fault> {
        let mailbox = match impersonate {
            None => account,
            Some(who) => impersonated(exchange, account, who)?,
        };
        Ok(Self {
            exchange,
            mailbox,
            now_unix,
            trouble: Trouble::default(),
            items: 0,
            bytes_left: ANSWER_BYTES_MAX,
        })
    }

    /// Begins the next item.
    ///
    /// # Errors
    /// What a test wants it refused with.
    pub(crate) fn begin_item(&mut self) -> Result<(), Refusal> {
        let at = self.items;
        self.items += 1;
        match &self.trouble.refuse {
            Some((code, place)) if place.is_none_or(|place| place == at) => {
                Err(Refusal::new(code.clone(), "Refused on demand."))
            }
            _ => Ok(()),
        }
    }

    /// Counts an item that goes into the answer.
    ///
    /// # Errors
    /// `ErrorInsufficientResources` when the answer would grow beyond its bound.
    pub(crate) fn take_bytes(&mut self, bytes: usize) -> Result<(), Refusal> {
        let left = self.bytes_left.checked_sub(bytes).ok_or_else(|| {
            Refusal::other("ErrorInsufficientResources", "The answer would be too large.")
        })?;
        self.bytes_left = left;
        Ok(())
    }

    /// How ids of this mailbox are written.
    pub(crate) fn place(&self, mailbox: u32) -> Place {
        Place { mailbox, instance: self.exchange.config.instance }
    }

    /// The mailbox with this number, if the caller may open it.
    pub(crate) fn open(&self, mailbox: u32) -> Option<&Mailbox> {
        self.may_open(mailbox).then(|| self.exchange.mailbox(mailbox)).flatten()
    }

    /// The same, to be changed.
    pub(crate) fn open_mut(&mut self, mailbox: u32) -> Option<&mut Mailbox> {
        if self.may_open(mailbox) { self.exchange.mailbox_mut(mailbox) } else { None }
    }

    fn may_open(&self, mailbox: u32) -> bool {
        let directory = &self.exchange.directory;
        let rights = directory.user(self.mailbox).map(|user| &user.may_open);
        let opens = |address: &String| directory.mailbox(address) == Some(mailbox);
        mailbox == self.mailbox || rights.is_some_and(|rights| rights.iter().any(opens))
    }

    /// What folder a request means.
    ///
    /// # Errors
    /// `ErrorFolderNotFound`, also without permission; `ErrorNonExistentMailbox`,
    /// `ErrorNonPrimarySmtpAddress`, `ErrorInvalidIdMalformed`.
    pub(crate) fn folder(&self, id: &FolderId) -> Result<FolderPlace, Refusal> {
        let (mailbox, number) = match id {
            FolderId::Id { id, .. } => match Id::decode(id, self.exchange.config.instance) {
                Ok(Id::Folder { mailbox, number }) => (mailbox, number),
                Ok(_) => return Err(Refusal::malformed_id()),
                Err(error) => return Err(Refusal::id(error, Refusal::folder_not_found())),
            },
            FolderId::Distinguished { name, mailbox } => {
                let of = mailbox.as_ref().map(|of| self.named_mailbox(of)).transpose()?;
                let number = folder::distinguished(name).ok_or_else(Refusal::folder_not_found)?;
                (of.unwrap_or(self.mailbox), number)
            }
        };
        let exists = self.open(mailbox).and_then(|mailbox| mailbox.folder(number));
        exists.map(|_| (mailbox, number)).ok_or_else(Refusal::folder_not_found)
    }

    /// The folder of a target that may be left out.
    ///
    /// # Errors
    /// As [`Call::folder`].
    pub(crate) fn folder_or(
        &self,
        id: Option<&FolderId>,
        default: u32,
    ) -> Result<FolderPlace, Refusal> {
        id.map_or(Ok((self.mailbox, default)), |id| self.folder(id))
    }

    fn named_mailbox(&self, address: &Address) -> Result<u32, Refusal> {
        let Some(address) = address.smtp_address() else {
            return Ok(self.mailbox);
        };
        let number = self.exchange.directory.mailbox(address);
        let number = number.ok_or_else(Refusal::non_existent_mailbox)?;
        primary_only(self.exchange, number, address)?;
        Ok(number)
    }

    /// Mailbox and key of the item that an id names.
    ///
    /// # Errors
    /// `ErrorItemNotFound`, also without permission; `ErrorInvalidIdMalformed`.
    pub(crate) fn item(&self, id: &str) -> Result<(u32, u64), Refusal> {
        let (mailbox, key) = match Id::decode(id, self.exchange.config.instance) {
            Ok(Id::Item { mailbox, key }) => (mailbox, key),
            Ok(_) => return Err(Refusal::malformed_id()),
            Err(error) => return Err(Refusal::id(error, Refusal::item_not_found())),
        };
        let exists = self.open(mailbox).and_then(|mailbox| mailbox.item(key));
        exists.map(|_| (mailbox, key)).ok_or_else(Refusal::item_not_found)
    }

    /// An item by its place.
    ///
    /// # Errors
    /// `ErrorItemNotFound`.
    pub(crate) fn stored(&self, (mailbox, key): (u32, u64)) -> Result<&StoredItem, Refusal> {
        let item = self.open(mailbox).and_then(|mailbox| mailbox.item(key));
        item.ok_or_else(Refusal::item_not_found)
    }

    /// The item that an id names, its change key checked: it must be there and be the newest.
    ///
    /// # Errors
    /// `missing` without a change key, `ErrorStaleObject` with an old one,
    /// `ErrorInvalidChangeKey`, and as [`Call::item`].
    pub(crate) fn current_item(
        &mut self,
        id: &ItemId,
        missing: ResponseCode,
    ) -> Result<(u32, u64), Refusal> {
        let place = self.item(&id.id)?;
        let Some(told) = &id.change_key else {
            return Err(Refusal::new(missing, "A change key is required for this operation."));
        };
        if std::mem::take(&mut self.trouble.stale) {
            let now_unix = self.now_unix;
            let mailbox = self.open_mut(place.0).ok_or_else(Refusal::item_not_found)?;
            mailbox.update(place.1, now_unix, |_| Ok(()))?;
        }
        let told = decode_change(told).ok_or_else(|| {
            Refusal::new(ResponseCode::INVALID_CHANGE_KEY, "The change key is invalid.")
        })?;
        if self.stored(place)?.change != told {
            let text = "The send or update operation could not be performed because the change \
                        key passed in the request does not match the current change key for the \
                        item.";
            return Err(Refusal::new(ResponseCode::STALE_OBJECT, text));
        }
        Ok(place)
    }
}

impl Call<'_> {
    /// Sends an item that is in no folder (any more), as the caller: at once, or parked or lost as
    /// a test wants.
    ///
    /// # Errors
    /// As [`Exchange::authorise`]; nothing has been sent then.
    pub(crate) fn send(
        &mut self,
        mut item: StoredItem,
        save: Option<FolderPlace>,
    ) -> Result<(), Refusal> {
        let (mailbox, now_unix) = (self.mailbox, self.now_unix);
        self.exchange.authorise(mailbox, &mut item)?;
        if self.trouble.rewrite_message_id {
            let message_id = self.exchange.new_message_id();
            mime::set_message_id(item.content_mut(), message_id);
        }
        match self.trouble.park {
            _ if self.trouble.lose => Ok(()),
            Some(park) => self.exchange.park(mailbox, item, save, now_unix + park, now_unix),
            None => {
                self.exchange.submit(mailbox, item, save, now_unix);
                Ok(())
            }
        }
    }
}

fn impersonated(exchange: &Exchange, account: u32, who: &ConnectingSid) -> Result<u32, Fault> {
    if !exchange.directory.user(account).is_some_and(|user| user.may_impersonate) {
        let text = "The account does not have permission to impersonate the requested user.";
        return Err(Fault::new(ResponseCode::IMPERSONATE_USER_DENIED, text));
    }
    let number = match who {
        ConnectingSid::Sid(_) => None,
        ConnectingSid::PrincipalName(name) => exchange.directory.number_by_login(name),
        ConnectingSid::PrimarySmtpAddress(address) | ConnectingSid::SmtpAddress(address) => {
            exchange.directory.mailbox(address)
        }
    };
    let number = number.ok_or_else(Refusal::non_existent_mailbox)?;
    if let ConnectingSid::PrimarySmtpAddress(address) = who {
        primary_only(exchange, number, address)?;
    }
    Ok(number)
}

fn primary_only(exchange: &Exchange, number: u32, address: &str) -> Result<(), Refusal> {
    let primary = exchange.directory.user(number).map(|user| user.mailbox.as_str());
    match primary {
        Some(primary) if !primary.eq_ignore_ascii_case(address.trim()) => {
            let text = "The primary SMTP address must be specified when referencing a mailbox.";
            let refusal = Refusal::other("ErrorNonPrimarySmtpAddress", text);
            Err(refusal.with(Details::value("Primary", primary)))
        }
        _ => Ok(()),
    }
}

/// An address with what the directory knows of it.
pub(crate) fn described(exchange: &Exchange, address: &str) -> Address {
    use crate::mailbox::MailboxType;
    let directory = &exchange.directory;
    let (name, smtp, kind) = match directory.by_address(address) {
        Some(Entry::User(number)) => match directory.user(number) {
            Some(user) => (user.name.as_str(), user.mailbox.as_str(), MailboxType::Mailbox),
            None => (address, address, MailboxType::Unknown),
        },
        Some(Entry::Group(number)) => match directory.group(number) {
            Some(group) => (group.name.as_str(), group.smtp.as_str(), MailboxType::PublicDl),
            None => (address, address, MailboxType::Unknown),
        },
        None => (address, address, MailboxType::OneOff),
    };
    let routing_type = Some("SMTP".to_owned());
    Address { routing_type, mailbox_type: Some(kind), ..Address::named(name, smtp) }
}
