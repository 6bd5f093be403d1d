//! Who there is: people with mailboxes, groups, and the ways to look them up.

use std::collections::{BTreeMap, HashMap, HashSet};

use ntlm::Secret;

use super::mailbox::Quota;

/// Groups inside one another that transport follows.
const GROUP_DEPTH_MAX: usize = 32;
/// People that one message reaches through groups.
pub(crate) const RECIPIENTS_MAX: usize = 100_000;

/// A person, or an account of a service, with a mailbox.
#[derive(Clone, Debug, Default)]
pub struct ExchangeUser {
    /// Primary SMTP address.
    pub mailbox: String,
    /// Display name.
    pub name: String,
    /// Account name without domain. The SMTP address always works as a login too.
    pub login: String,
    /// The account's NetBIOS domain; empty if it does not matter.
    pub domain: String,
    /// The account's password.
    pub password: Secret,
    /// Chat addresses, `sip:` in front or not.
    pub sip_addresses: Vec<String>,
    /// Further SMTP addresses.
    pub aliases: Vec<String>,
    /// How much the mailbox holds.
    pub quota: Quota,
    /// Whether the account may act as any mailbox (role ApplicationImpersonation).
    pub may_impersonate: bool,
    /// Mailboxes that the account may open (Full Access), by address.
    pub may_open: Vec<String>,
    /// Addresses that the account may write in From (Send As).
    pub send_as: Vec<String>,
    /// Addresses on whose behalf the account may send: it then shows as Sender.
    pub send_on_behalf: Vec<String>,
    /// What the mailbox answers while its owner is away; shows in mail tips only.
    pub out_of_office: Option<String>,
}

impl ExchangeUser {
    /// A user with one address, login the part before `@`, and no special rights.
    #[must_use]
    pub fn new(mailbox: &str, name: &str, password: Secret) -> Self {
        let login = mailbox.split('@').next().unwrap_or_default();
        Self {
            mailbox: mailbox.to_owned(),
            name: name.to_owned(),
            login: login.to_owned(),
            password,
            ..Self::default()
        }
    }
}

/// A distribution group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Primary SMTP address.
    pub smtp: String,
    /// Display name.
    pub name: String,
    /// Addresses of people, other groups, or anyone outside.
    pub members: Vec<String>,
}

/// What the directory has under an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entry {
    /// The number of a user, which is that of the mailbox.
    User(u32),
    /// The number of a group.
    Group(u32),
}

/// People and groups, indexed. Numbers are places in the lists given to [`Directory::new`].
#[derive(Debug, Default)]
pub struct Directory {
    users: Vec<ExchangeUser>,
    groups: Vec<Group>,
    /// Every SMTP address in lower case.
    addresses: HashMap<String, Entry>,
    /// Logins in lower case: `login`, `domain\login`, and the SMTP address.
    logins: HashMap<String, u32>,
    /// Proxy addresses with prefix, in lower case: `smtp:…`, `sip:…`.
    proxies: BTreeMap<String, Vec<Entry>>,
    /// Names, words of names, logins and primary SMTP addresses, in lower case.
    names: BTreeMap<String, Vec<Entry>>,
}

/// Where an address leads in the end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expansion {
    /// Mailboxes, each once.
    pub(crate) mailboxes: Vec<u32>,
    /// Addresses that nobody has.
    pub(crate) unknown: Vec<String>,
}

impl Directory {
    /// Indexes the lists; of two entries with the same address the first one has it.
    #[must_use]
    pub fn new(users: Vec<ExchangeUser>, groups: Vec<Group>) -> Self {
        let mut directory = Self::default();
        for (user, number) in users.iter().zip(0..) {
            directory.index_user(user, number);
        }
        for (group, number) in groups.iter().zip(0..) {
            directory.index_group(group, Entry::Group(number));
        }
        Self { users, groups, ..directory }
    }

    fn index_user(&mut self, user: &ExchangeUser, number: u32) {
        let entry = Entry::User(number);
        for address in std::iter::once(&user.mailbox).chain(&user.aliases) {
            let address = address.to_lowercase();
            self.proxies.entry(format!("smtp:{address}")).or_default().push(entry);
            self.addresses.entry(address).or_insert(entry);
        }
        for address in &user.sip_addresses {
            self.proxies.entry(with_sip(address)).or_default().push(entry);
        }
        let login = user.login.to_lowercase();
        let domain = user.domain.to_lowercase();
        for login in [format!("{domain}\\{login}"), login.clone(), user.mailbox.to_lowercase()] {
            self.logins.entry(login).or_insert(number);
        }
        self.index_name(&user.name, entry);
        self.index_name(&login, entry);
        self.index_name(&user.mailbox, entry);
    }

    fn index_group(&mut self, group: &Group, entry: Entry) {
        let address = group.smtp.to_lowercase();
        self.proxies.entry(format!("smtp:{address}")).or_default().push(entry);
        self.addresses.entry(address).or_insert(entry);
        self.index_name(&group.name, entry);
        self.index_name(&group.smtp, entry);
    }

    fn index_name(&mut self, name: &str, entry: Entry) {
        let name = name.to_lowercase();
        let words = name.split_whitespace().map(str::to_owned);
        for key in std::iter::once(name.clone()).chain(words).filter(|key| !key.is_empty()) {
            let entries = self.names.entry(key).or_default();
            if !entries.contains(&entry) {
                entries.push(entry);
            }
        }
    }

    /// The people, by number.
    #[must_use]
    pub fn users(&self) -> &[ExchangeUser] {
        &self.users
    }

    /// The groups, by number.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Who logs in as `login`: an account name, `DOMAIN\account`, or an SMTP address, any case.
    #[must_use]
    pub fn by_login(&self, login: &str) -> Option<&ExchangeUser> {
        self.user(self.number_by_login(login)?)
    }

    pub(crate) fn number_by_login(&self, login: &str) -> Option<u32> {
        self.logins.get(&login.to_lowercase()).copied()
    }

    pub(crate) fn user(&self, number: u32) -> Option<&ExchangeUser> {
        self.users.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn group(&self, number: u32) -> Option<&Group> {
        self.groups.get(usize::try_from(number).ok()?)
    }

    /// What has this SMTP address, any case, `SMTP:` in front or not.
    pub(crate) fn by_address(&self, address: &str) -> Option<Entry> {
        let address = address.trim().to_lowercase();
        let address = address.strip_prefix("smtp:").unwrap_or(&address);
        self.addresses.get(address).copied()
    }

    /// The mailbox with this SMTP address.
    pub(crate) fn mailbox(&self, address: &str) -> Option<u32> {
        match self.by_address(address) {
            Some(Entry::User(number)) => Some(number),
            _ => None,
        }
    }

    /// Ambiguous name resolution: everyone whose proxy address (with `sip:` or `smtp:` in front)
    /// or name, login or primary address starts so. Partial matches on purpose: Exchange does the
    /// same, and a client has to look closer (ews.md 4.1).
    pub(crate) fn resolve(&self, unresolved: &str) -> Vec<Entry> {
        let asked = unresolved.trim().to_lowercase();
        let among = if asked.starts_with("sip:") || asked.starts_with("smtp:") {
            &self.proxies
        } else {
            &self.names
        };
        let mut found: Vec<Entry> = among
            .range(asked.clone()..)
            .take_while(|(key, _)| key.starts_with(&asked))
            .flat_map(|(_, entries)| entries.iter().copied())
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Follows groups to mailboxes; a group that contains itself does no harm.
    pub(crate) fn expand<'a>(&'a self, addresses: impl Iterator<Item = &'a str>) -> Expansion {
        let mut expansion = Expansion::default();
        let mut seen = HashSet::new();
        for address in addresses {
            self.expand_into(address, 0, &mut seen, &mut expansion);
        }
        expansion
    }

    fn expand_into(
        &self,
        address: &str,
        depth: usize,
        seen: &mut HashSet<String>,
        expansion: &mut Expansion,
    ) {
        if depth > GROUP_DEPTH_MAX || seen.len() >= RECIPIENTS_MAX {
            return;
        }
        match self.by_address(address) {
            Some(Entry::User(number)) => {
                let primary = self.user(number).map_or(address, |user| &user.mailbox);
                if seen.insert(primary.to_lowercase()) {
                    expansion.mailboxes.push(number);
                }
            }
            Some(Entry::Group(number)) => {
                if seen.insert(address.trim().to_lowercase()) {
                    for member in self.group(number).into_iter().flat_map(|group| &group.members) {
                        self.expand_into(member, depth + 1, seen, expansion);
                    }
                }
            }
            None => {
                if seen.insert(address.trim().to_lowercase()) {
                    expansion.unknown.push(address.to_owned());
                }
            }
        }
    }

    /// The first three proxy addresses of a person as Exchange shows them: the primary one with
    /// capitals.
    pub(crate) fn proxies(user: &ExchangeUser) -> Vec<String> {
        let primary = format!("SMTP:{}", user.mailbox);
        let sip = user.sip_addresses.iter().map(|address| with_sip(address));
        let aliases = user.aliases.iter().map(|alias| format!("smtp:{alias}"));
        std::iter::once(primary).chain(sip).chain(aliases).take(3).collect()
    }
}

fn with_sip(address: &str) -> String {
    let address = address.to_lowercase();
    if address.starts_with("sip:") { address } else { format!("sip:{address}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    fn directory() -> Directory {
        let user = |mailbox: &str, name: &str, sip: &str| ExchangeUser {
            sip_addresses: vec![sip.to_owned()],
            aliases: vec![format!("x.{mailbox}")],
            domain: "CONTOSO".to_owned(),
            ..ExchangeUser::new(mailbox, name, Secret::from("pw"))
        };
        let users = vec![
            user("ana@corp.example", "Ana Lopez", "sip:ana@corp.example"),
            user("ben@corp.example", "Ben Ana", "ana@corp.example.org"),
        ];
        let group = |smtp: &str, members: &[&str]| Group {
            smtp: smtp.to_owned(),
            name: "Group".to_owned(),
            members: members.iter().map(|member| (*member).to_owned()).collect(),
        };
        let groups = vec![
            group("ops@corp.example", &["ANA@corp.example", "all@corp.example", "out@x.example"]),
            group("all@corp.example", &["ops@corp.example", "ben@corp.example"]),
        ];
        Directory::new(users, groups)
    }

    #[test]
    fn logins_in_all_spellings() {
        let directory = directory();
        for login in ["ana", "contoso\\ANA", "Ana@corp.example"] {
            assert_eq!(directory.by_login(login).unwrap().mailbox, "ana@corp.example", "{login}");
        }
        assert!(directory.by_login("other\\ana").is_none());
    }

    #[test]
    fn a_prefix_finds_partial_proxies() {
        let directory = directory();
        let both = vec![Entry::User(0), Entry::User(1)];
        assert_eq!(directory.resolve("sip:ana@corp.example"), both);
        assert_eq!(directory.resolve("SMTP:ana@corp.example"), vec![Entry::User(0)]);
        assert_eq!(directory.resolve("ana"), both);
        assert_eq!(directory.resolve("lop"), vec![Entry::User(0)]);
        assert_eq!(directory.resolve("gro"), vec![Entry::Group(0), Entry::Group(1)]);
        assert_eq!(directory.resolve("x.ana@corp.example"), Vec::new());
    }

    #[test]
    fn circular_groups_reach_everyone_once() {
        let expansion = directory().expand(["ops@corp.example", "x.ana@corp.example"].into_iter());
        assert_eq!(expansion.mailboxes, [0, 1]);
        assert_eq!(expansion.unknown, ["out@x.example"]);
    }

    #[test]
    fn three_proxies_show() {
        let directory = directory();
        let shown = Directory::proxies(directory.users().first().unwrap());
        assert_eq!(
            shown,
            ["SMTP:ana@corp.example", "sip:ana@corp.example", "smtp:x.ana@corp.example"]
        );
    }
}
