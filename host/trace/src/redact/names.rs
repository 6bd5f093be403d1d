//! Names that stand for others: the same for the same value throughout a transcript, so that who
//! and what can still be told apart. The way back is written nowhere.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Values of one kind that have names of their own; what comes later is called alike.
pub const NAMES_MAX: usize = 50_000;
/// Bytes of a value that are compared.
const VALUE_BYTES_MAX: usize = 1024;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// What stands before an `@`.
    Person,
    /// A DNS name.
    Domain,
    /// An IP address.
    Ip,
    /// What a room is told by in its address.
    Room,
    /// What people call a person or a room.
    Name,
    /// A Call-ID.
    Call,
    /// A tag in From or To.
    Tag,
    /// A branch of Via.
    Branch,
    /// Any other identifier.
    Id,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Domain => "domain",
            Self::Ip => "ip",
            Self::Room => "room",
            Self::Name => "name",
            Self::Call => "call",
            Self::Tag => "tag",
            Self::Branch => "branch",
            Self::Id => "id",
        }
    }
}

/// The names given so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    given: HashMap<Kind, HashMap<String, usize>>,
}

impl Names {
    /// The number of a value; letter case does not count. `None` if there are too many.
    fn number(&mut self, kind: Kind, value: &str) -> Option<usize> {
        let mut value: String = value.trim().to_lowercase();
        if value.len() > VALUE_BYTES_MAX {
            value = value.chars().take(VALUE_BYTES_MAX / 4).collect();
        }
        let given = self.given.entry(kind).or_default();
        if let Some(number) = given.get(&value) {
            return Some(*number);
        }
        let number = given.len() + 1;
        (number <= NAMES_MAX).then(|| *given.entry(value).or_insert(number))
    }

    /// The name that stands for a value; nothing for nothing.
    pub(super) fn of(&mut self, kind: Kind, value: &str) -> String {
        if value.trim().is_empty() {
            return String::new();
        }
        match self.number(kind, value) {
            Some(number) => format!("{}{number}", kind.word()),
            None => format!("{}-other", kind.word()),
        }
    }

    /// A host: `domain1.example`, or an address of those that are kept for documents.
    pub(super) fn host(&mut self, host: &str) -> String {
        let bare = host.trim_matches(['[', ']']);
        match bare.parse::<IpAddr>() {
            Ok(address) => self.ip(address, bare.len() < host.len()),
            Err(_) if host.trim().is_empty() => String::new(),
            Err(_) => format!("{}.example", self.of(Kind::Domain, host)),
        }
    }

    /// RFC 2544 and RFC 3849: 198.18.0.0/15, 2001:db8::/32.
    fn ip(&mut self, address: IpAddr, brackets: bool) -> String {
        let number = self.number(Kind::Ip, &address.to_string()).unwrap_or(0);
        let number = u16::try_from(number).unwrap_or(0);
        let [high, low] = number.to_be_bytes();
        match address {
            IpAddr::V4(_) => Ipv4Addr::new(198, 18, high, low).to_string(),
            IpAddr::V6(_) => {
                let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number);
                if brackets { format!("[{address}]") } else { address.to_string() }
            }
        }
    }

    /// `person1@domain1.example`.
    pub(super) fn mailbox(&mut self, user: &str, host: &str) -> String {
        format!("{}@{}", self.of(Kind::Person, user), self.host(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_for_the_same() {
        let mut names = Names::default();
        assert_eq!(names.mailbox("Anna", "contoso.com"), "person1@domain1.example");
        assert_eq!(names.mailbox("bob", "CONTOSO.COM"), "person2@domain1.example");
        assert_eq!(names.mailbox("anna", "fe.contoso.com"), "person1@domain2.example");
        assert_eq!(names.of(Kind::Room, " "), "");
    }

    #[test]
    fn addresses_stay_addresses() {
        let mut names = Names::default();
        assert_eq!(names.host("10.0.8.20"), "198.18.0.1");
        assert_eq!(names.host("[fd00::1]"), "[2001:db8::2]");
        assert_eq!(names.host("fd00::1"), "2001:db8::2");
        assert_eq!(names.host("10.0.8.20"), "198.18.0.1");
    }

    #[test]
    fn too_many_are_called_alike() {
        let mut names = Names::default();
        (0..NAMES_MAX).for_each(|n| drop(names.of(Kind::Id, &n.to_string())));
        assert_eq!(names.of(Kind::Id, "new"), "id-other");
        assert_eq!(names.of(Kind::Id, "0"), "id1");
    }
}
