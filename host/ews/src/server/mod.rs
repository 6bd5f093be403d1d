//! The embedded Exchange: mailboxes for the demonstration, for tests, and for foreign clients that
//! check what was delivered. No I/O: a driver moves the bytes, tells who asks, and obeys
//! [`Reply::wire`] and [`Reply::delay`].
//!
//! A request goes through [`Exchange::handle`]: decode and check against the schema, meet a
//! [`Fault`] if a test wants one, find out in whose name it acts (`call.rs`), carry it out
//! (`operation/`), encode. Mail leaves by `transport.rs`, which delivers locally only.
//!
//! It copies Exchange's behaviour as ews.md 9.4 lists it. Nothing is stored on disk.

mod answer;
mod call;
mod directory;
mod edit;
mod faults;
mod field;
mod folder;
mod id;
mod item;
mod mailbox;
mod mime;
mod operation;
mod property;
mod render;
mod restriction;
mod time;
mod transport;

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

use crate::{
    auth::Account,
    code::ResponseCode,
    operation::{Incoming, Request},
    soap::{self, ServerVersion},
};

use call::{Call, Trouble};
use folder::{DRAFTS, INBOX, SENT};
use mailbox::Mailbox;
use transport::Parked;

pub use directory::{Directory, ExchangeUser, Group};
pub use faults::{FAULTS_MAX, Fault, Faults};
pub use item::{Address, Attachment, Content, StoredItem};
pub use mailbox::Quota;

pub use crate::soap::envelope::REQUEST_BYTES_MAX;

/// Deliveries that wait for [`Exchange::poll_event`]; the oldest is forgotten beyond.
pub const EVENTS_MAX: usize = 10_000;

/// How the server behaves; who is there stands in the [`Directory`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeConfig {
    /// Domain of the Message-IDs it makes and of its postmaster.
    pub host_name: String,
    /// Different in each run of the store: ids of another run are then unknown
    /// (`ErrorItemNotFound`) instead of meaning another item.
    pub instance: u64,
    /// Bytes of one message (`ErrorMessageSizeExceeded`).
    pub message_bytes_max: usize,
    /// Items on one page of `FindItem` without a restriction.
    pub page_items_max: usize,
    /// Items on one page of `FindItem` with a restriction (ews.md 8.1).
    pub search_items_max: usize,
    /// What `ServerVersionInfo` tells.
    pub version: ServerVersion,
}

impl Default for ExchangeConfig {
    /// Exchange Server's own limits.
    fn default() -> Self {
        Self {
            host_name: "exchange.invalid".to_owned(),
            instance: 1,
            message_bytes_max: 25 << 20,
            page_items_max: 1_000,
            search_items_max: 250,
            version: ServerVersion::default(),
        }
    }
}

/// The account that a connection or a request has proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    mailbox: u32,
}

/// What to answer, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Header fields besides `Content-Length`, which tells the whole body's length always.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How much of it goes out.
    pub wire: Wire,
    /// How long to wait before the first byte.
    pub delay: Duration,
}

/// How much of an answer goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// All; the connection stays.
    Whole,
    /// So many bytes of the body; then the connection is closed.
    Cut(usize),
    /// Nothing; the connection is closed.
    Drop,
}

impl Reply {
    fn new(status: u16, body: Vec<u8>) -> Self {
        let content_type = ("Content-Type".to_owned(), "text/xml; charset=utf-8".to_owned());
        let headers = vec![content_type];
        Self { status, headers, body, wire: Wire::Whole, delay: Duration::ZERO }
    }

    fn empty(status: u16) -> Self {
        Self { headers: Vec::new(), ..Self::new(status, Vec::new()) }
    }
}

impl From<soap::Fault> for Reply {
    fn from(fault: soap::Fault) -> Self {
        Self::new(500, fault.envelope().into_bytes())
    }
}

/// Mail arrived in an Inbox.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// Primary address of the mailbox.
    pub mailbox: String,
    /// The item as it arrived; its content is shared, not copied.
    pub item: StoredItem,
}

/// The server.
#[derive(Debug)]
pub struct Exchange {
    config: ExchangeConfig,
    directory: Directory,
    /// By the number of the user.
    mailboxes: Vec<Mailbox>,
    /// What goes wrong next.
    pub faults: Faults,
    events: VecDeque<Delivered>,
    deliveries_total: u64,
    parked: Vec<Parked>,
    message_ids: u64,
}

impl Exchange {
    /// A server with an empty mailbox for each user of the directory.
    #[must_use]
    pub fn new(config: ExchangeConfig, directory: Directory) -> Self {
        let users = directory.users().iter().zip(0..);
        let mailboxes = users.map(|(user, number)| Mailbox::new(number, user.quota)).collect();
        Self {
            config,
            directory,
            mailboxes,
            faults: Faults::default(),
            events: VecDeque::new(),
            deliveries_total: 0,
            parked: Vec::new(),
            message_ids: 0,
        }
    }

    /// Who is there.
    #[must_use]
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The account behind a login that has been verified, in any spelling that
    /// [`Directory::by_login`] takes.
    #[must_use]
    pub fn identity(&self, login: &str) -> Option<Identity> {
        self.directory.number_by_login(login).map(|mailbox| Identity { mailbox })
    }

    /// The account that a client names while it signs in, for [`ConnectionAuth::decide`]. Its
    /// identity is one that [`Exchange::identity`] takes. An empty domain fits every account.
    ///
    /// [`ConnectionAuth::decide`]: crate::auth::ConnectionAuth::decide
    #[must_use]
    pub fn account(&self, user: &str, domain: &str) -> Option<Account> {
        let login = if domain.is_empty() { user.to_owned() } else { format!("{domain}\\{user}") };
        let user = self.directory.by_login(&login)?;
        Some(Account { identity: user.mailbox.clone(), password: user.password.clone() })
    }

    /// Answers one request.
    pub fn handle(
        &mut self,
        identity: &Identity,
        request_body: &[u8],
        now_unix: Duration,
    ) -> Reply {
        self.handle_timeout(now_unix);
        if request_body.len() > REQUEST_BYTES_MAX {
            return Reply::empty(413);
        }
        let incoming = match Incoming::decode(request_body) {
            Ok(incoming) => incoming,
            Err(fault) => return fault.into(),
        };
        match self.faults.take(incoming.request.name()) {
            None => self.carry_out(identity, incoming, Trouble::default(), now_unix),
            Some(fault) => self.fail(identity, incoming, fault, now_unix),
        }
    }

    /// Lets parked mail go that has waited long enough. Call it at [`Exchange::deadline`];
    /// [`Exchange::handle`] calls it by itself.
    pub fn handle_timeout(&mut self, now_unix: Duration) {
        self.release(now_unix);
    }

    /// When to call [`Exchange::handle_timeout`], since 1970; `None` while no mail is parked.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.next_release()
    }

    /// The next delivery into an Inbox that nobody has seen yet.
    pub fn poll_event(&mut self) -> Option<Delivered> {
        self.events.pop_front()
    }

    /// Mail delivered into Inboxes so far, reports of non-delivery not counted.
    #[must_use]
    pub fn deliveries_total(&self) -> u64 {
        self.deliveries_total
    }

    /// What lies in an Inbox, oldest first; nothing for an unknown address.
    pub fn inbox(&self, mailbox: &str) -> impl DoubleEndedIterator<Item = &StoredItem> {
        self.items(mailbox, INBOX)
    }

    /// What lies in Sent Items, oldest first.
    pub fn sent(&self, mailbox: &str) -> impl DoubleEndedIterator<Item = &StoredItem> {
        self.items(mailbox, SENT)
    }

    /// What lies in Drafts, oldest first.
    pub fn drafts(&self, mailbox: &str) -> impl DoubleEndedIterator<Item = &StoredItem> {
        self.items(mailbox, DRAFTS)
    }

    fn items(&self, address: &str, folder: u32) -> impl DoubleEndedIterator<Item = &StoredItem> {
        let mailbox = self.directory.mailbox(address).and_then(|number| self.mailbox(number));
        mailbox.into_iter().flat_map(move |mailbox| mailbox.items_in(folder))
    }

    fn mailbox(&self, number: u32) -> Option<&Mailbox> {
        self.mailboxes.get(usize::try_from(number).ok()?)
    }

    fn mailbox_mut(&mut self, number: u32) -> Option<&mut Mailbox> {
        self.mailboxes.get_mut(usize::try_from(number).ok()?)
    }

    fn new_message_id(&mut self) -> String {
        self.message_ids += 1;
        format!(
            "<{:016x}.{:08x}@{}>",
            self.config.instance, self.message_ids, self.config.host_name
        )
    }

    fn carry_out(
        &mut self,
        identity: &Identity,
        Incoming { header, request }: Incoming,
        trouble: Trouble,
        now_unix: Duration,
    ) -> Reply {
        let version = self.config.version.clone();
        let call = Call::new(self, identity.mailbox, header.impersonate.as_ref(), now_unix);
        let body = call.and_then(|mut call| {
            call.trouble = trouble;
            dispatch(&mut call, request)
        });
        match body {
            Ok(body) => {
                let envelope = version.envelope(|writer| {
                    writer.raw(&body);
                });
                Reply::new(200, envelope.into_bytes())
            }
            Err(fault) => fault.into(),
        }
    }

    fn fail(
        &mut self,
        identity: &Identity,
        incoming: Incoming,
        fault: Fault,
        now_unix: Duration,
    ) -> Reply {
        let mut run = |trouble| self.carry_out(identity, incoming.clone(), trouble, now_unix);
        let fine = Trouble::default;
        match fault {
            Fault::Http { status, headers } => Reply { headers, ..Reply::empty(status) },
            Fault::ServerBusy { back_off_ms } => faults::busy(back_off_ms).into(),
            Fault::Soap(code) => soap::Fault::new(code, "Refused on demand.").into(),
            Fault::Item { code, at } => run(Trouble { refuse: Some((code, at)), ..fine() }),
            Fault::StaleChangeKey => run(Trouble { stale: true, ..fine() }),
            Fault::DropBefore => Reply { wire: Wire::Drop, ..Reply::empty(500) },
            Fault::DropAfter => Reply { wire: Wire::Drop, ..run(fine()) },
            Fault::Truncate { bytes } => Reply { wire: Wire::Cut(bytes), ..run(fine()) },
            Fault::Delay(delay) => Reply { delay, ..run(fine()) },
            Fault::Park(park) => run(Trouble { park: Some(park), ..fine() }),
            Fault::RewriteMessageId => run(Trouble { rewrite_message_id: true, ..fine() }),
            Fault::Lose => run(Trouble { lose: true, ..fine() }),
        }
    }
}

fn dispatch(call: &mut Call<'_>, request: Request) -> Result<String, soap::Fault> {
    if operation::inputs_of(&request) > operation::INPUTS_MAX {
        let text = "The request has too many inputs.";
        return Err(soap::Fault::new(ResponseCode::INVALID_REQUEST, text));
    }
    Ok(match request {
        Request::CreateItem(request) => operation::create_item(call, request),
        Request::SendItem(request) => operation::send_item(call, &request),
        Request::FindItem(request) => operation::find_item(call, &request),
        Request::GetItem(request) => operation::get_item(call, &request),
        Request::DeleteItem(request) => operation::delete_item(call, &request),
        Request::ResolveNames(request) => operation::resolve_names(call, &request),
        Request::ExpandDl(request) => operation::expand_dl(call, &request),
        Request::GetMailTips(request) => operation::get_mail_tips(call, &request),
        Request::GetServiceConfiguration(request) => {
            operation::get_service_configuration(call, &request)
        }
        Request::Other { name, element } => return operation::other(call, &name, &element),
    })
}
