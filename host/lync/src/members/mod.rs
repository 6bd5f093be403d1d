//! Who belongs to a room, from all that is known (dossier 4.15).
//!
//! Three sources meet in a [`MemberDirectory`]: the member list of the chat server (assumed form),
//! a list exported by an administrator, and everybody seen in the room or writing there. The
//! product shows no client the full truth, so every [`Membership`] says where it comes from.
//! Groups stay groups: nothing here expands them.
//!
//! Who was seen has to be kept by the caller: after a restart it is all that is known of a room
//! without a list. A list ends it: who was seen before it was made and does not stand in it has
//! left, unless it has groups, of which he may be.

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

/// How much later than was kept somebody has to be seen for it to be kept anew.
pub const KEEP_STEP: Duration = Duration::from_secs(24 * 3600);

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
    /// When the export was made, since 1970.
    export_made: Duration,
}

#[derive(Clone, Debug, Default)]
struct Room {
    name: Option<String>,
    wire: Option<Wire>,
    /// The server was asked for its list and has not answered yet.
    awaited: bool,
    observed: HashMap<String, Observed>,
}

/// The chat server's list.
#[derive(Clone, Debug)]
struct Wire {
    members: Vec<(Principal, Roles)>,
    /// When it came, since 1970.
    at: Duration,
}

#[derive(Clone, Debug)]
struct Observed {
    seen: Seen,
    /// [`Seen::last`] as the caller has kept it.
    kept: Option<Duration>,
}

/// Somebody who was in a room or wrote there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// `sip:…`.
    pub address: String,
    /// The display name, if it was told.
    pub name: Option<String>,
    /// What he may do in the room, if it was told.
    pub rights: Option<Rights>,
    /// When last, since 1970.
    pub last: Duration,
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

    /// Begins a room: who was seen there before, as it was kept, takes the place of all that the
    /// server told. `ask` says that the server is going to be asked for its list.
    pub fn begin(&mut self, room: &RoomUri, seen: Vec<Seen>, ask: bool) {
        let Some(room) = self.room(room) else { return };
        (room.wire, room.awaited) = (None, ask);
        let observed = seen.into_iter().take(OBSERVED_MAX).map(|seen| {
            let kept = Some(seen.last);
            (seen.address.to_lowercase(), Observed { seen, kept })
        });
        room.observed = observed.collect();
    }

    /// Whether the server is still to tell the room's members: what is known is not all.
    #[must_use]
    pub fn is_awaited(&self, room: &RoomUri) -> bool {
        self.rooms.get(room).is_some_and(|room| room.awaited)
    }

    /// The server has no list of this room for us.
    pub fn no_wire(&mut self, room: &RoomUri) {
        if let Some(room) = self.room(room) {
            room.awaited = false;
        }
    }

    /// Takes the chat server's list of a room, which came at `now_unix`, in place of the one before.
    pub fn take_wire(&mut self, room: &RoomUri, members: Vec<assumed::Member>, now_unix: Duration) {
        let members = members.into_iter().map(|member| {
            let assumed::Member { address, name, kind, member, manager, presenter } = member;
            let principal = Principal { address, name: name.unwrap_or_default(), kind };
            (principal, Roles { member, manager, presenter })
        });
        if let Some(room) = self.room(room) {
            room.wire = Some(Wire { members: members.collect(), at: now_unix });
            room.awaited = false;
        }
    }

    /// Takes an administrator's list, made at `made_unix`, in place of the one before, for all rooms.
    pub fn take_export(&mut self, export: Export, made_unix: Duration) {
        (self.export, self.export_made) = (export, made_unix);
    }

    /// Somebody is in the room (then with rights) or wrote there. Rights and names once known
    /// stay until others come. Answers whether it is somebody new.
    pub fn observe(
        &mut self,
        room: &RoomUri,
        address: &str,
        name: Option<&str>,
        rights: Option<Rights>,
        now_unix: Duration,
    ) -> bool {
        let Some(room) = self.room(room) else { return false };
        let key = address.to_lowercase();
        let is_new = !room.observed.contains_key(&key);
        if is_new && room.observed.len() >= OBSERVED_MAX {
            return false;
        }
        let observed = room.observed.entry(key).or_insert_with(|| Observed {
            seen: Seen { address: address.to_owned(), name: None, rights: None, last: now_unix },
            kept: None,
        });
        let seen = &mut observed.seen;
        let before = (seen.name.clone(), seen.rights);
        seen.last = seen.last.max(now_unix);
        seen.rights = rights.or(seen.rights);
        if let Some(name) = name.map(str::trim).filter(|name| !name.is_empty()) {
            seen.name = Some(name.to_owned());
        }
        if before != (seen.name.clone(), seen.rights) {
            observed.kept = None;
        }
        is_new
    }

    /// Who was seen in a room and is to be kept: those of whom something new is known, and those
    /// last seen [`KEEP_STEP`] after what was kept.
    #[must_use]
    pub fn unkept(&self, room: &RoomUri) -> Vec<Seen> {
        let observed = self.rooms.get(room).into_iter().flat_map(|room| room.observed.values());
        let unkept = observed.filter(|one| {
            one.kept.is_none_or(|kept| one.seen.last.saturating_sub(kept) >= KEEP_STEP)
        });
        unkept.map(|one| one.seen.clone()).collect()
    }

    /// Notes that this was kept.
    pub fn kept(&mut self, room: &RoomUri, seen: &[Seen]) {
        let Some(room) = self.room(room) else { return };
        for kept in seen {
            if let Some(one) = room.observed.get_mut(&kept.address.to_lowercase())
                && (&one.seen.name, one.seen.rights) == (&kept.name, kept.rights)
            {
                one.kept = Some(kept.last);
            }
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
    /// seen. Who was only seen, and that before a list was made in which he does not stand, is no
    /// member any more.
    #[must_use]
    pub fn members(&self, room: &RoomUri) -> Vec<Membership> {
        let mut merged = Merged::default();
        let known = self.rooms.get(room);
        let mut listed_at = Duration::ZERO;
        if let Some(wire) = known.and_then(|known| known.wire.as_ref()) {
            listed_at = wire.at;
            for (principal, roles) in &wire.members {
                merged.add(principal, *roles).sources.wire = true;
            }
        }
        for exported in self.exported(room) {
            listed_at = listed_at.max(self.export_made);
            for (principal, roles) in &exported.entries {
                merged.add(principal, *roles).sources.export = true;
            }
        }
        let mut listed = merged.0.values();
        if listed.any(|one| one.principal.kind != PrincipalKind::User) {
            listed_at = Duration::ZERO;
        }
        for Observed { seen, .. } in known.into_iter().flat_map(|known| known.observed.values()) {
            if seen.last < listed_at && !merged.0.contains_key(&seen.address.to_lowercase()) {
                continue;
            }
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

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn addresses(directory: &MemberDirectory) -> Vec<String> {
        let members = directory.members(&room()).into_iter();
        members.map(|member| member.principal.address).collect()
    }

    #[test]
    fn three_sources_make_one_line() {
        let mut directory = MemberDirectory::new();
        assert!(!directory.is_listed(&room()));
        directory.take_wire(
            &room(),
            vec![wire("sip:Anna@contoso.com", PrincipalKind::User, true)],
            at(5),
        );
        directory.name_room(&room(), "Ops Desk");
        let file = r#"{"Name": "OPS desk", "Members": ["sip:anna@contoso.com", "CN=All,DC=c"],
            "Presenters": [{"Uri": "sip:ANNA@contoso.com", "DisplayName": "Anna"}]}"#;
        directory.take_export(Export::read(file.as_bytes()).unwrap(), at(5));
        directory.observe(&room(), "sip:anna@contoso.com", Some("A."), Some(Rights::MEMBER), at(5));
        assert!(directory.is_listed(&room()));
        assert_eq!(directory.members(&room()).len(), 2);

        let anna = find(&directory, "sip:Anna@contoso.com");
        assert_eq!(anna.roles, Roles { member: true, manager: true, presenter: true });
        assert_eq!(anna.sources, Sources { wire: true, export: true, observed: true });
        assert_eq!((anna.principal.name.as_str(), anna.last_seen), ("Anna", Some(at(5))));

        let group = find(&directory, "CN=All,DC=c");
        assert_eq!((group.principal.kind, group.last_seen), (PrincipalKind::Group, None));
        assert_eq!(group.sources, Sources { export: true, ..Sources::default() });
    }

    #[test]
    fn a_new_list_replaces_the_old_one() {
        let mut directory = MemberDirectory::new();
        directory.take_wire(&room(), vec![wire("sip:a@c", PrincipalKind::User, false)], at(1));
        directory.take_wire(
            &room(),
            vec![wire("ma-grp:7@u.g", PrincipalKind::Group, false)],
            at(2),
        );
        assert_eq!(directory.members(&room()).len(), 1);
        assert_eq!(find(&directory, "ma-grp:7@u.g").principal.kind, PrincipalKind::Group);
        directory.forget(&room());
        assert_eq!(directory.members(&room()), []);
    }

    #[test]
    fn sightings_keep_the_latest_time_and_what_was_known() {
        let mut directory = MemberDirectory::new();
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
    fn who_was_seen_before_a_list_and_does_not_stand_in_it_has_left() {
        let mut directory = MemberDirectory::new();
        directory.observe(&room(), "sip:left@c", None, None, at(4));
        directory.observe(&room(), "sip:new@c", None, None, at(6));
        directory.take_wire(&room(), vec![wire("sip:a@c", PrincipalKind::User, false)], at(5));
        assert_eq!(addresses(&directory), ["sip:a@c", "sip:new@c"]);
        // Of a group nobody knows here who is in it.
        let group = vec![wire("ma-grp:7@u.g", PrincipalKind::Group, false)];
        directory.take_wire(&room(), group, at(7));
        assert_eq!(addresses(&directory), ["ma-grp:7@u.g", "sip:left@c", "sip:new@c"]);
        directory.begin(&room(), Vec::new(), false);
        directory.observe(&room(), "sip:left@c", None, None, at(4));
        let file = format!(r#"{{"Uri": "{}", "Members": "b@c"}}"#, room());
        directory.take_export(Export::read(file.as_bytes()).unwrap(), at(5));
        assert_eq!(addresses(&directory), ["sip:b@c"]);
    }

    #[test]
    fn who_was_seen_is_kept_and_comes_back() {
        let mut directory = MemberDirectory::new();
        assert!(directory.observe(&room(), "sip:A@c", Some("Anna"), None, at(4)));
        assert!(!directory.observe(&room(), "sip:a@c", None, None, at(5)));
        let seen = directory.unkept(&room());
        let anna = Seen {
            address: "sip:A@c".to_owned(),
            name: Some("Anna".to_owned()),
            rights: None,
            last: at(5),
        };
        assert_eq!(seen, [anna]);
        directory.kept(&room(), &seen);
        assert_eq!(directory.unkept(&room()), []);
        directory.observe(&room(), "sip:a@c", Some("Anna"), None, at(4) + KEEP_STEP);
        assert_eq!(directory.unkept(&room()), []);
        directory.observe(&room(), "sip:a@c", Some("Anna"), None, at(5) + KEEP_STEP);
        assert_eq!(directory.unkept(&room()).len(), 1);
        directory.observe(&room(), "sip:a@c", None, Some(Rights::MANAGER), at(6));
        assert_eq!(directory.unkept(&room()).len(), 1);

        let mut after = MemberDirectory::new();
        after.begin(&room(), seen, true);
        assert!(after.is_awaited(&room()));
        assert_eq!((addresses(&after).len(), after.unkept(&room()).len()), (1, 0));
        after.no_wire(&room());
        assert!(!after.is_awaited(&room()));
        after.begin(&room(), Vec::new(), true);
        after.take_wire(&room(), Vec::new(), at(9));
        assert!(!after.is_awaited(&room()) && addresses(&after).is_empty());
    }

    #[test]
    fn a_file_with_addresses_does_not_go_by_names() {
        let mut directory = MemberDirectory::new();
        directory.name_room(&room(), "Ops Desk");
        let other = r#"{"Name": "Ops Desk", "Uri": "ma-chan://contoso.com/9", "Members": "a@c"}"#;
        directory.take_export(Export::read(other.as_bytes()).unwrap(), at(1));
        assert!(!directory.is_listed(&room()));
    }
}
