//! Who belongs to a room, from all that is known (dossier 4.15).
//!
//! Three sources meet in a [`MemberDirectory`]: the member list of the chat server (assumed form),
//! a list exported by an administrator, and everybody seen in the room or writing there. The
//! product shows no client the full truth, so every [`Membership`] says where it comes from.
//! Groups stay groups: nothing here expands them.

mod export;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

pub use self::export::{ENTRIES_MAX, EXPORT_BYTES_MAX, Export, ExportError, ExportRoom, ROOMS_MAX};
pub use crate::xccos::assumed::PrincipalKind;
use crate::{
    content::People,
    xccos::{Rights, RoomUri, assumed},
};

/// People remembered as seen in one room; later ones are not remembered.
pub const OBSERVED_MAX: usize = 100_000;

/// Rooms of one directory; nothing is remembered of more.
pub const DIRECTORY_ROOMS_MAX: usize = 10_000;

/// A user, group, folder or domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// `sip:…`, `ma-grp:…`, or a distinguished name.
    pub address: String,
    /// The display name; empty if none is known.
    pub name: String,
    /// What it is.
    pub kind: PrincipalKind,
}

/// What somebody is in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// May join.
    pub member: bool,
    /// Manages the room.
    pub manager: bool,
    /// Posts in an auditorium.
    pub presenter: bool,
}

impl Roles {
    /// The roles of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self {
            member: self.member || other.member,
            manager: self.manager || other.manager,
            presenter: self.presenter || other.presenter,
        }
    }

    /// The role of a list's key in lower case.
    fn named(list: &str) -> Self {
        Self {
            member: list == "members",
            manager: list == "managers",
            presenter: list == "presenters",
        }
    }

    /// Who is in a room is entitled to it; the rest is in the rights.
    fn seen(rights: Option<Rights>) -> Self {
        Self {
            member: true,
            manager: rights.is_some_and(Rights::is_manager),
            presenter: rights.is_some_and(Rights::is_presenter),
        }
    }
}

/// Where a membership is known from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The chat server's list.
    pub wire: bool,
    /// The administrator's list.
    pub export: bool,
    /// Seen in the room or writing there.
    pub observed: bool,
}

/// One line of a room's member list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Who.
    pub principal: Principal,
    /// What, all sources united.
    pub roles: Roles,
    /// Known from where.
    pub sources: Sources,
    /// When last seen in the room or writing there, since 1970.
    pub last_seen: Option<Duration>,
}

/// Everything known about the members of all rooms.
#[derive(Clone, Debug, Default)]
pub struct MemberDirectory {
    rooms: HashMap<RoomUri, Room>,
    export: Export,
}

#[derive(Clone, Debug, Default)]
struct Room {
    name: Option<String>,
    wire: Option<Vec<(Principal, Roles)>>,
    observed: HashMap<String, Seen>,
}

#[derive(Clone, Debug)]
struct Seen {
    address: String,
    name: Option<String>,
    rights: Option<Rights>,
    last: Duration,
}

impl MemberDirectory {
    /// Nothing known yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells the name of a room, by which exported lists without addresses find it.
    pub fn name_room(&mut self, room: &RoomUri, name: &str) {
        if let Some(room) = self.room(room) {
            room.name = Some(name.trim().to_owned());
        }
    }

    /// Takes the chat server's list of a room in place of the one before.
    pub fn take_wire(&mut self, room: &RoomUri, members: Vec<assumed::Member>) {
        let members = members.into_iter().map(|member| {
            let assumed::Member { address, name, kind, member, manager, presenter } = member;
            let principal = Principal { address, name: name.unwrap_or_default(), kind };
            (principal, Roles { member, manager, presenter })
        });
        if let Some(room) = self.room(room) {
            room.wire = Some(members.collect());
        }
    }

    /// Takes an administrator's list in place of the one before, for all rooms.
    pub fn take_export(&mut self, export: Export) {
        self.export = export;
    }

    /// Somebody is in the room (then with rights) or wrote there. Rights and names once known
    /// stay until others come.
    pub fn observe(
        &mut self,
        room: &RoomUri,
        address: &str,
        name: Option<&str>,
        rights: Option<Rights>,
        now_unix: Duration,
    ) {
        let Some(room) = self.room(room) else { return };
        let key = address.to_lowercase();
        if room.observed.len() >= OBSERVED_MAX && !room.observed.contains_key(&key) {
            return;
        }
        let seen = room.observed.entry(key).or_insert_with(|| Seen {
            address: address.to_owned(),
            name: None,
            rights: None,
            last: now_unix,
        });
        seen.last = seen.last.max(now_unix);
        seen.rights = rights.or(seen.rights);
        if let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) {
            seen.name = Some(name.to_owned());
        }
    }

    /// Whether a list of entitled members is known, not only those seen.
    #[must_use]
    pub fn is_listed(&self, room: &RoomUri) -> bool {
        let known = self.rooms.get(room);
        known.is_some_and(|known| known.wire.is_some()) || self.exported(room).next().is_some()
    }

    /// All members known of a room, by address. Whoever is in several sources stands here once,
    /// with the roles of all; name and kind are those of the server, else of the file, else as
    /// seen.
    #[must_use]
    pub fn members(&self, room: &RoomUri) -> Vec<Membership> {
        let mut merged = Merged::default();
        let known = self.rooms.get(room);
        for (principal, roles) in known.and_then(|known| known.wire.as_ref()).into_iter().flatten()
        {
            merged.add(principal, *roles).sources.wire = true;
        }
        for (principal, roles) in self.exported(room).flat_map(|room| &room.entries) {
            merged.add(principal, *roles).sources.export = true;
        }
        for seen in known.into_iter().flat_map(|known| known.observed.values()) {
            let principal = Principal {
                address: seen.address.clone(),
                name: seen.name.clone().unwrap_or_default(),
                kind: PrincipalKind::User,
            };
            let membership = merged.add(&principal, Roles::seen(seen.rights));
            membership.sources.observed = true;
            membership.last_seen = Some(seen.last);
        }
        merged.0.into_values().collect()
    }

    /// The users of a room, for finding mentions.
    #[must_use]
    pub fn people(&self, room: &RoomUri) -> People {
        let members = self.members(room);
        let users = members.iter().map(|membership| &membership.principal);
        let users = users.filter(|principal| principal.kind == PrincipalKind::User);
        People::new(users.map(|user| (user.address.as_str(), user.name.as_str())))
    }

    /// Forgets a room.
    pub fn forget(&mut self, room: &RoomUri) {
        self.rooms.remove(room);
    }

    fn room(&mut self, room: &RoomUri) -> Option<&mut Room> {
        let full = self.rooms.len() >= DIRECTORY_ROOMS_MAX && !self.rooms.contains_key(room);
        (!full).then(|| self.rooms.entry(room.clone()).or_default())
    }

    /// The exported rooms with this address, or without any and with this name.
    fn exported<'d>(&'d self, room: &'d RoomUri) -> impl Iterator<Item = &'d ExportRoom> {
        let name = self.rooms.get(room).and_then(|known| known.name.as_deref());
        let name = name.map(str::to_lowercase);
        self.export.rooms.iter().filter(move |exported| match &exported.uri {
            Some(uri) => uri == room,
            None => name.is_some() && exported.name.as_deref().map(str::to_lowercase) == name,
        })
    }
}

/// Memberships by address in lower case.
#[derive(Default)]
struct Merged(BTreeMap<String, Membership>);

impl Merged {
    /// Adds roles; the first source to know a name or a kind is kept.
    fn add(&mut self, principal: &Principal, roles: Roles) -> &mut Membership {
        let key = principal.address.to_lowercase();
        let membership = self.0.entry(key).or_insert_with(|| Membership {
            principal: principal.clone(),
            roles: Roles::default(),
            sources: Sources::default(),
            last_seen: None,
        });
        membership.roles = membership.roles.union(roles);
        if membership.principal.name.is_empty() {
            membership.principal.name.clone_from(&principal.name);
        }
        membership
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    fn room() -> RoomUri {
        RoomUri::parse("ma-chan://contoso.com/5b1d").unwrap()
    }

    fn wire(address: &str, kind: PrincipalKind, manager: bool) -> assumed::Member {
        assumed::Member {
            address: address.to_owned(),
            name: None,
            kind,
            member: !manager,
            manager,
            presenter: false,
        }
    }

    fn find(directory: &MemberDirectory, address: &str) -> Membership {
        let members = directory.members(&room());
        members.into_iter().find(|member| member.principal.address == address).unwrap()
    }

    #[test]
    fn three_sources_make_one_line() {
        let mut directory = MemberDirectory::new();
        assert!(!directory.is_listed(&room()));
        directory.take_wire(&room(), vec![wire("sip:Anna@contoso.com", PrincipalKind::User, true)]);
        directory.name_room(&room(), "Ops Desk");
        let file = r#"{"Name": "OPS desk", "Members": ["sip:anna@contoso.com", "CN=All,DC=c"],
            "Presenters": [{"Uri": "sip:ANNA@contoso.com", "DisplayName": "Anna"}]}"#;
        directory.take_export(Export::read(file.as_bytes()).unwrap());
        let at = Duration::from_secs(5);
        directory.observe(&room(), "sip:anna@contoso.com", Some("A."), Some(Rights::MEMBER), at);
        assert!(directory.is_listed(&room()));
        assert_eq!(directory.members(&room()).len(), 2);

        let anna = find(&directory, "sip:Anna@contoso.com");
        assert_eq!(anna.roles, Roles { member: true, manager: true, presenter: true });
        assert_eq!(anna.sources, Sources { wire: true, export: true, observed: true });
        assert_eq!((anna.principal.name.as_str(), anna.last_seen), ("Anna", Some(at)));

        let group = find(&directory, "CN=All,DC=c");
        assert_eq!((group.principal.kind, group.last_seen), (PrincipalKind::Group, None));
        assert_eq!(group.sources, Sources { export: true, ..Sources::default() });
    }

    #[test]
    fn a_new_list_replaces_the_old_one() {
        let mut directory = MemberDirectory::new();
        directory.take_wire(&room(), vec![wire("sip:a@c", PrincipalKind::User, false)]);
        directory.take_wire(&room(), vec![wire("ma-grp:7@u.g", PrincipalKind::Group, false)]);
        assert_eq!(directory.members(&room()).len(), 1);
        assert_eq!(find(&directory, "ma-grp:7@u.g").principal.kind, PrincipalKind::Group);
        directory.forget(&room());
        assert_eq!(directory.members(&room()), []);
    }

    #[test]
    fn sightings_keep_the_latest_time_and_what_was_known() {
        let mut directory = MemberDirectory::new();
        let at = Duration::from_secs;
        directory.observe(&room(), "sip:a@c", Some("Anna Keller"), Some(Rights::MANAGER), at(9));
        directory.observe(&room(), "SIP:A@C", None, None, at(3));
        let anna = find(&directory, "sip:a@c");
        assert_eq!(anna.last_seen, Some(at(9)));
        assert_eq!(anna.roles, Roles { member: true, manager: true, presenter: false });
        assert!(!directory.is_listed(&room()));
        let people = directory.people(&room());
        let content = crate::content::read("@anna keller", None, false, &people);
        assert!(matches!(content.parts.as_slice(), [crate::content::Part::Mention { .. }]));
    }

    #[test]
    fn a_file_with_addresses_does_not_go_by_names() {
        let mut directory = MemberDirectory::new();
        directory.name_room(&room(), "Ops Desk");
        let other = r#"{"Name": "Ops Desk", "Uri": "ma-chan://contoso.com/9", "Members": "a@c"}"#;
        directory.take_export(Export::read(other.as_bytes()).unwrap());
        assert!(!directory.is_listed(&room()));
    }
}
