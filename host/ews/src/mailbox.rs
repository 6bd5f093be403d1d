//! `t:Mailbox`: a person, a group or a contact by address.

use xml::{Element, Writer};

use crate::{item_id::ItemId, values, values::wire_enum};

wire_enum! {
    /// What an address stands for (`MailboxType`, ews.md 4.1).
    pub enum MailboxType {
        /// Cannot be told.
        Unknown = "Unknown",
        /// An address of no directory.
        OneOff = "OneOff",
        /// A person's mailbox.
        Mailbox = "Mailbox",
        /// A group of the directory; `ExpandDL` lists its members.
        PublicDl = "PublicDL",
        /// A group out of somebody's contacts.
        PrivateDl = "PrivateDL",
        /// A mail contact.
        Contact = "Contact",
        /// A public folder that takes mail.
        PublicFolder = "PublicFolder",
        /// A group with a mailbox of its own.
        GroupMailbox = "GroupMailbox",
        /// A contact made by the server.
        ImplicitContact = "ImplicitContact",
        /// A user.
        User = "User",
    }
}

/// Names one who sends or receives (`EmailAddressType`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// The name to show.
    pub name: Option<String>,
    /// The address, in the form that the routing type tells. Never written empty.
    pub address: Option<String>,
    /// `SMTP`, or `EX` for a distinguished name of the directory; absent means `SMTP`.
    pub routing_type: Option<String>,
    /// What it stands for.
    pub mailbox_type: Option<MailboxType>,
    /// The contact or private group, where there is no address.
    pub item_id: Option<ItemId>,
}

impl Mailbox {
    /// An SMTP address without anything else.
    #[must_use]
    pub fn smtp(address: impl Into<String>) -> Self {
        Self { address: Some(address.into()), ..Self::default() }
    }

    /// An SMTP address with a name to show.
    #[must_use]
    pub fn named(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..Self::smtp(address) }
    }

    /// The address if it is an SMTP address (a missing routing type counts as SMTP).
    #[must_use]
    pub fn smtp_address(&self) -> Option<&str> {
        let smtp =
            self.routing_type.as_deref().is_none_or(|kind| kind.eq_ignore_ascii_case("SMTP"));
        self.address.as_deref().filter(|address| smtp && !address.is_empty())
    }

    /// Writes it as the element `name`: `t:Mailbox`, or `m:Mailbox` for `ExpandDL`.
    pub fn write(&self, writer: &mut Writer, name: &str) {
        writer.element(name, &[], |writer| {
            values::optional(writer, "t:Name", self.name.as_deref());
            let address = self.address.as_deref().filter(|address| !address.trim().is_empty());
            values::optional(writer, "t:EmailAddress", address);
            let routing = self.routing_type.as_deref().filter(|kind| !kind.is_empty());
            values::optional(writer, "t:RoutingType", routing);
            let kind = self.mailbox_type.map(MailboxType::as_str);
            values::optional(writer, "t:MailboxType", kind);
            if let Some(id) = &self.item_id {
                id.write(writer, "t:ItemId");
            }
        });
    }

    /// Reads it from its element, whatever that is called; an unknown `MailboxType` is left out.
    #[must_use]
    pub fn read(element: &Element) -> Self {
        let mailbox_type = values::text(element, "MailboxType");
        Self {
            name: values::text(element, "Name"),
            address: values::text(element, "EmailAddress").filter(|address| !address.is_empty()),
            routing_type: values::text(element, "RoutingType").filter(|kind| !kind.is_empty()),
            mailbox_type: mailbox_type.and_then(|text| MailboxType::from_wire(&text)),
            item_id: element.child("ItemId").and_then(ItemId::read),
        }
    }
}

/// Writes a list of recipients as the element `name`; nothing if it is empty (ews.md 1.2).
pub(crate) fn write_list(writer: &mut Writer, name: &str, mailboxes: &[Mailbox]) {
    if !mailboxes.is_empty() {
        writer.element(name, &[], |writer| {
            for mailbox in mailboxes {
                mailbox.write(writer, "t:Mailbox");
            }
        });
    }
}

/// Reads the mailboxes inside the child `name`.
pub(crate) fn read_list(element: &Element, name: &str) -> Vec<Mailbox> {
    let list = element.child(name).into_iter();
    list.flat_map(|list| list.children_named("Mailbox")).map(Mailbox::read).collect()
}

/// Writes the one mailbox of `t:From` and the like.
pub(crate) fn write_single(writer: &mut Writer, name: &str, mailbox: Option<&Mailbox>) {
    if let Some(mailbox) = mailbox {
        writer.element(name, &[], |writer| mailbox.write(writer, "t:Mailbox"));
    }
}

/// Reads the one mailbox of `t:From` and the like.
pub(crate) fn read_single(element: &Element, name: &str) -> Option<Mailbox> {
    element.at(&[name, "Mailbox"]).map(Mailbox::read)
}
