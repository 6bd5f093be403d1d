//! `ResolveNames`: from a name or a `sip:` address to a mailbox (ews.md 4.1).
//!
//! <https://learn.microsoft.com/exchange/client-developer/web-service-reference/resolvenames-operation>

use xml::{Element, Writer};

use crate::{
    folder_id::FolderId,
    mailbox::Mailbox,
    operation::Operation,
    soap::{Fault, response::Form},
    values::{self, boolean, boolean_text, number_attribute, wire_enum},
};

wire_enum! {
    /// Where names are looked up.
    pub enum SearchScope {
        /// The directory. Without the caller's own contacts, which could answer instead.
        ActiveDirectory = "ActiveDirectory",
        /// The directory, then contacts.
        ActiveDirectoryContacts = "ActiveDirectoryContacts",
        /// Contacts.
        Contacts = "Contacts",
        /// Contacts, then the directory.
        ContactsActiveDirectory = "ContactsActiveDirectory",
    }
}

/// The request: one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveNames {
    /// Whether `t:Contact` is wanted.
    pub full_contact_data: bool,
    /// Where to look.
    pub scope: SearchScope,
    /// Folders of contacts to look in.
    pub folders: Vec<FolderId>,
    /// The name, part of it, or an address with its prefix (`sip:`, `smtp:`).
    pub entry: String,
}

impl ResolveNames {
    /// Looks an entry up in the directory, contact data included.
    #[must_use]
    pub fn directory(entry: impl Into<String>) -> Self {
        let scope = SearchScope::ActiveDirectory;
        Self { full_contact_data: true, scope, folders: Vec::new(), entry: entry.into() }
    }
}

/// `t:Contact`, the parts of use here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// The name to show.
    pub display_name: Option<String>,
    /// The first name.
    pub given_name: Option<String>,
    /// Proxy addresses with their prefix, three at most on the wire. `SMTP:` in capitals is the
    /// primary one.
    pub email_addresses: Vec<String>,
    /// The family name.
    pub surname: Option<String>,
}

impl Contact {
    /// How many addresses the wire has room for.
    pub const ADDRESSES_MAX: usize = 3;

    fn write(&self, writer: &mut Writer) {
        writer.element("t:Contact", &[], |writer| {
            values::optional(writer, "t:DisplayName", self.display_name.as_deref());
            values::optional(writer, "t:GivenName", self.given_name.as_deref());
            if !self.email_addresses.is_empty() {
                writer.element("t:EmailAddresses", &[], |writer| {
                    let keys = ["EmailAddress1", "EmailAddress2", "EmailAddress3"];
                    for (key, address) in keys.into_iter().zip(&self.email_addresses) {
                        writer.element("t:Entry", &[("Key", key)], |writer| {
                            writer.text(address);
                        });
                    }
                });
            }
            values::optional(writer, "t:Surname", self.surname.as_deref());
        });
    }

    fn read(element: &Element) -> Self {
        let entries = element.child("EmailAddresses").into_iter();
        let entries = entries.flat_map(|entries| entries.children_named("Entry"));
        Self {
            display_name: values::text(element, "DisplayName"),
            given_name: values::text(element, "GivenName"),
            email_addresses: entries.map(|entry| entry.text().trim().to_owned()).collect(),
            surname: values::text(element, "Surname"),
        }
    }
}

/// `t:Resolution`: one candidate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// Who.
    pub mailbox: Mailbox,
    /// More about them.
    pub contact: Option<Contact>,
}

impl Resolution {
    /// Whether one of the candidate's addresses is `entry`, prefix included, case ignored. The
    /// server matches beginnings: `sip:ana@corp.example` finds `sip:ana@corp.example.org` too.
    #[must_use]
    pub fn is_exactly(&self, entry: &str) -> bool {
        let mut addresses = self.contact.iter().flat_map(|contact| &contact.email_addresses);
        addresses.any(|address| address.eq_ignore_ascii_case(entry))
    }

    /// The SMTP address: the mailbox's own, or with a routing type `EX` the primary one of the
    /// contact.
    #[must_use]
    pub fn smtp_address(&self) -> Option<&str> {
        let contact = self.contact.iter().flat_map(|contact| &contact.email_addresses);
        let mut primary = contact.filter_map(|address| address.strip_prefix("SMTP:"));
        self.mailbox.smtp_address().or_else(|| primary.next())
    }
}

/// `m:ResolutionSet`: all candidates, a hundred at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolutions {
    /// How many there are.
    pub total: Option<u32>,
    /// Whether all are listed.
    pub includes_last: bool,
    /// The candidates.
    pub resolutions: Vec<Resolution>,
}

impl Default for Resolutions {
    fn default() -> Self {
        Self { total: None, includes_last: true, resolutions: Vec::new() }
    }
}

impl Operation for ResolveNames {
    const FORM: Form = Form::of("ResolveNames");

    type Payload = Resolutions;

    fn write(&self, writer: &mut Writer) {
        let attributes = [
            ("ReturnFullContactData", boolean_text(self.full_contact_data)),
            ("SearchScope", self.scope.as_str()),
        ];
        writer.element("m:ResolveNames", &attributes, |writer| {
            if !self.folders.is_empty() {
                writer.element("m:ParentFolderIds", &[], |writer| {
                    for folder in &self.folders {
                        folder.write(writer);
                    }
                });
            }
            writer.leaf("m:UnresolvedEntry", &self.entry);
        });
    }

    fn read(element: &Element) -> Result<Self, Fault> {
        let scope = element.attribute("SearchScope").and_then(SearchScope::from_wire);
        let full = element.attribute("ReturnFullContactData").and_then(boolean);
        Ok(Self {
            full_contact_data: full.unwrap_or(false),
            scope: scope.unwrap_or(SearchScope::ActiveDirectoryContacts),
            folders: element.child("ParentFolderIds").map(FolderId::read_all).unwrap_or_default(),
            entry: element.child_text("UnresolvedEntry").unwrap_or_default(),
        })
    }

    fn write_payload(payload: &Resolutions, writer: &mut Writer) {
        let total = payload.total.map(|total| total.to_string());
        let mut attributes = Vec::new();
        attributes.extend(total.as_deref().map(|total| ("TotalItemsInView", total)));
        attributes.push(("IncludesLastItemInRange", boolean_text(payload.includes_last)));
        writer.element("m:ResolutionSet", &attributes, |writer| {
            for resolution in &payload.resolutions {
                writer.element("t:Resolution", &[], |writer| {
                    resolution.mailbox.write(writer, "t:Mailbox");
                    if let Some(contact) = &resolution.contact {
                        contact.write(writer);
                    }
                });
            }
        });
    }

    fn read_payload(message: &Element) -> Resolutions {
        let Some(set) = message.child("ResolutionSet") else {
            return Resolutions::default();
        };
        let includes_last = set.attribute("IncludesLastItemInRange").and_then(boolean);
        let resolution = |element: &Element| {
            let mailbox = element.child("Mailbox").map(Mailbox::read)?;
            Some(Resolution { mailbox, contact: element.child("Contact").map(Contact::read) })
        };
        Resolutions {
            total: number_attribute(set, "TotalItemsInView"),
            includes_last: includes_last.unwrap_or(true),
            resolutions: set.children_named("Resolution").filter_map(resolution).collect(),
        }
    }
}
