//! The people of the pool.

use std::collections::BTreeMap;

use ntlm::Secret;

/// Somebody with a SIP address and an account.
#[derive(Clone, Debug)]
pub struct User {
    /// `sip:anna.keller@contoso.com`.
    pub address: String,
    /// The account name of NTLM, without domain.
    pub login: String,
    /// The NTLM domain, `CONTOSO`.
    pub domain: String,
    /// The account's password.
    pub password: Secret,
    /// Display name.
    pub name: String,
    /// Whether the Persistent Chat policy allows this user in.
    pub chat_enabled: bool,
    /// Addresses of the groups and folders (`ma-grp:…` or DN) that this user belongs to.
    pub groups: Vec<String>,
}

/// Finds users by address and by account.
#[derive(Debug)]
pub(super) struct Users {
    by_address: BTreeMap<String, User>,
}

/// What an address is compared by: letter case does not count (dossier 4.2).
pub(super) fn key(address: &str) -> String {
    address.to_ascii_lowercase()
}

impl Users {
    pub(super) fn new(users: impl IntoIterator<Item = User>) -> Self {
        Self { by_address: users.into_iter().map(|user| (key(&user.address), user)).collect() }
    }

    pub(super) fn find(&self, address: &str) -> Option<&User> {
        self.by_address.get(&key(address))
    }

    /// The display name, or the address without its scheme for people nobody knows.
    pub(super) fn name_of<'a>(&'a self, address: &'a str) -> &'a str {
        match self.find(address) {
            Some(user) => &user.name,
            None => address.strip_prefix("sip:").unwrap_or(address),
        }
    }

    /// The user of an account as NTLM names it: `user` and `domain`, or `user@domain` and nothing
    /// (dossier 2.2, end).
    pub(super) fn by_account(&self, user: &str, domain: &str) -> Option<&User> {
        let (user, domain) = match user.split_once('@') {
            Some((user, _)) if domain.is_empty() => (user, ""),
            _ => (user, domain),
        };
        self.by_address.values().find(|candidate| {
            candidate.login.eq_ignore_ascii_case(user)
                && (domain.is_empty() || candidate.domain.eq_ignore_ascii_case(domain))
        })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &User> {
        self.by_address.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        Users::new([User {
            address: "sip:Anna.Keller@contoso.com".into(),
            login: "akeller".into(),
            domain: "CONTOSO".into(),
            password: Secret::new("x".to_owned()),
            name: "Anna Keller".into(),
            chat_enabled: true,
            groups: Vec::new(),
        }])
    }

    #[test]
    fn addresses_compare_without_case() {
        let users = users();
        assert!(users.find("SIP:anna.keller@CONTOSO.com").is_some());
        assert!(users.find("sip:anna@contoso.com").is_none());
        assert_eq!(users.name_of("sip:anna.keller@contoso.com"), "Anna Keller");
        assert_eq!(users.name_of("sip:x@y"), "x@y");
    }

    #[test]
    fn accounts_come_in_three_forms() {
        let users = users();
        for (user, domain) in
            [("AKeller", "contoso"), ("akeller", ""), ("akeller@corp.example", "")]
        {
            assert!(users.by_account(user, domain).is_some(), "{user} {domain}");
        }
        assert!(users.by_account("akeller", "FABRIKAM").is_none());
    }
}
