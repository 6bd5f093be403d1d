//! Rooms: who may see, enter, read and write (dossier 4.4, 4.7, 4.9).

use std::collections::{BTreeMap, BTreeSet};

use super::{history::History, users::User};
use crate::{
    members::{Principal, PrincipalKind, Roles},
    xccos::{Privacy, Rights, RoomUri, assumed::Cause},
};

/// Who may write in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoomKind {
    /// Everybody inside.
    #[default]
    Normal,
    /// Presenters only.
    Auditorium,
}

/// A room as its manager set it up.
#[derive(Clone, Debug)]
pub struct RoomSpec {
    /// Its address.
    pub uri: RoomUri,
    /// Unique in the pool.
    pub name: String,
    /// One line about it.
    pub description: String,
    /// Its subject of the day.
    pub topic: String,
    /// Who may write.
    pub kind: RoomKind,
    /// Who may see and enter.
    pub privacy: Privacy,
    /// Whether posts are kept; without it there is neither history nor a post id on the wire.
    pub logged: bool,
    /// Out of use: nobody may enter.
    pub disabled: bool,
    /// Members, managers and presenters.
    pub members: Vec<RoomMember>,
}

impl RoomSpec {
    /// An ordinary room: closed, logged, in use, still without members.
    #[must_use]
    pub fn new(uri: RoomUri, name: &str) -> Self {
        Self {
            uri,
            name: name.to_owned(),
            description: String::new(),
            topic: String::new(),
            kind: RoomKind::Normal,
            privacy: Privacy::Closed,
            logged: true,
            disabled: false,
            members: Vec::new(),
        }
    }
}

/// A principal and what it is in a room.
#[derive(Clone, Debug)]
pub struct RoomMember {
    /// A user, or a group, folder or domain of users.
    pub principal: Principal,
    /// Its roles.
    pub roles: Roles,
}

/// One room with all that happened in it.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) spec: RoomSpec,
    pub(super) history: History,
    /// People who are in the room without a connection: the pool's own actors.
    pub(super) actors: BTreeSet<String>,
}

impl Room {
    pub(super) fn new(spec: RoomSpec, posts_max: usize) -> Self {
        Self { spec, history: History::new(posts_max), actors: BTreeSet::new() }
    }

    /// All roles that the user has here, own and by groups.
    pub(super) fn roles(&self, user: &User) -> Roles {
        let entries = self.spec.members.iter().filter(|entry| covers(&entry.principal, user));
        entries.fold(Roles::default(), |roles, entry| roles.union(entry.roles))
    }

    pub(super) fn shows_to(&self, user: &User) -> bool {
        let roles = self.roles(user);
        !self.spec.disabled
            && (self.spec.privacy != Privacy::Secret || roles.member || roles.manager)
    }

    pub(super) fn may_enter(&self, user: &User) -> Result<(), Cause> {
        let member = self.roles(user).member;
        match self.spec.privacy {
            Privacy::Secret if !member => Err(Cause::NoSuchRoom),
            Privacy::Closed if !member => Err(Cause::Permission),
            _ if self.spec.disabled => Err(Cause::RoomDisabled),
            _ => Ok(()),
        }
    }

    /// The mask that the wire gives to this user here (dossier 4.4).
    pub(super) fn rights(&self, user: &User) -> Rights {
        let roles = self.roles(user);
        let rights = if roles.manager { Rights::MANAGER } else { Rights::MEMBER };
        if roles.presenter { rights | Rights::PRESENT } else { rights }
    }

    /// Whether someone who is inside may write.
    pub(super) fn may_write(&self, user: &User) -> Result<(), Cause> {
        match self.spec.kind {
            RoomKind::Auditorium if !self.roles(user).presenter => Err(Cause::Permission),
            _ => Ok(()),
        }
    }
}

fn covers(principal: &Principal, user: &User) -> bool {
    match principal.kind {
        PrincipalKind::User => principal.address.eq_ignore_ascii_case(&user.address),
        PrincipalKind::Group | PrincipalKind::Folder => {
            user.groups.iter().any(|group| group.eq_ignore_ascii_case(&principal.address))
        }
        PrincipalKind::Domain => user.address.rsplit('@').next().is_some_and(|domain| {
            domain.eq_ignore_ascii_case(principal.address.trim_start_matches("sip:"))
        }),
    }
}

/// The rooms of a pool by URI.
#[derive(Debug)]
pub(super) struct Rooms {
    by_uri: BTreeMap<RoomUri, Room>,
}

impl Rooms {
    pub(super) fn new(specs: impl IntoIterator<Item = RoomSpec>, posts_max: usize) -> Self {
        let room = |spec: RoomSpec| (spec.uri.clone(), Room::new(spec, posts_max));
        Self { by_uri: specs.into_iter().map(room).collect() }
    }

    pub(super) fn find(&self, uri: &RoomUri) -> Option<&Room> {
        self.by_uri.get(uri)
    }

    pub(super) fn find_mut(&mut self, uri: &RoomUri) -> Option<&mut Room> {
        self.by_uri.get_mut(uri)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Room> {
        self.by_uri.values()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use ntlm::Secret;

    use super::*;

    const GROUP: &str = "ma-grp:7d0c@u.g";

    fn user(name: &str, groups: &[&str]) -> User {
        User {
            address: format!("sip:{name}@contoso.com"),
            login: name.to_owned(),
            domain: "CONTOSO".into(),
            password: Secret::new("x".to_owned()),
            name: name.to_owned(),
            chat_enabled: true,
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        }
    }

    fn entry(address: &str, kind: PrincipalKind, roles: Roles) -> RoomMember {
        let principal = Principal { address: address.to_owned(), name: String::new(), kind };
        RoomMember { principal, roles }
    }

    fn room(privacy: Privacy) -> Room {
        let uri = RoomUri::parse("ma-chan://contoso.com/5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c11");
        let mut spec = RoomSpec { privacy, ..RoomSpec::new(uri.unwrap(), "Ops Desk") };
        let (member, manager) = (
            Roles { member: true, ..Roles::default() },
            Roles { manager: true, ..Roles::default() },
        );
        let presenter = Roles { member: true, presenter: true, ..Roles::default() };
        spec.members = vec![
            entry("sip:Anna@contoso.com", PrincipalKind::User, member),
            entry("sip:marc@contoso.com", PrincipalKind::User, manager),
            entry("sip:eva@contoso.com", PrincipalKind::User, presenter),
            entry(GROUP, PrincipalKind::Group, member),
        ];
        Room::new(spec, 10)
    }

    #[test]
    fn only_members_enter_a_closed_room_and_all_see_it() {
        let room = room(Privacy::Closed);
        assert_eq!(room.may_enter(&user("anna", &[])), Ok(()));
        assert_eq!(room.may_enter(&user("otto", &[GROUP])), Ok(()));
        assert_eq!(room.may_enter(&user("otto", &[])), Err(Cause::Permission));
        assert!(room.shows_to(&user("otto", &[])));
        // A manager who is no member stays outside (dossier 4.9).
        assert_eq!(room.may_enter(&user("marc", &[])), Err(Cause::Permission));
    }

    #[test]
    fn secret_rooms_do_not_exist_for_others() {
        let room = room(Privacy::Secret);
        assert_eq!(room.may_enter(&user("otto", &[])), Err(Cause::NoSuchRoom));
        assert!(!room.shows_to(&user("otto", &[])));
        assert!(room.shows_to(&user("marc", &[])) && room.shows_to(&user("anna", &[])));
    }

    #[test]
    fn everybody_enters_an_open_room_that_is_in_use() {
        let mut room = room(Privacy::Open);
        assert_eq!(room.may_enter(&user("otto", &[])), Ok(()));
        room.spec.disabled = true;
        assert_eq!(room.may_enter(&user("otto", &[])), Err(Cause::RoomDisabled));
        assert!(!room.shows_to(&user("otto", &[])));
    }

    #[test]
    fn presenters_write_in_an_auditorium() {
        let mut room = room(Privacy::Open);
        assert_eq!(room.may_write(&user("anna", &[])), Ok(()));
        room.spec.kind = RoomKind::Auditorium;
        assert_eq!(room.may_write(&user("anna", &[])), Err(Cause::Permission));
        assert_eq!(room.may_write(&user("eva", &[])), Ok(()));
    }

    #[test]
    fn rights_are_the_masks_of_the_wire() {
        let room = room(Privacy::Open);
        let mask = |name: &str| room.rights(&user(name, &[])).0;
        assert_eq!(
            (mask("anna"), mask("otto"), mask("marc"), mask("eva")),
            (3984, 3984, 12276, 8080)
        );
    }

    #[test]
    fn a_domain_covers_its_users() {
        let all = Principal {
            address: "contoso.com".into(),
            name: String::new(),
            kind: PrincipalKind::Domain,
        };
        assert!(covers(&all, &user("otto", &[])));
        let other = Principal { address: "fabrikam.com".into(), ..all };
        assert!(!covers(&other, &user("otto", &[])));
    }
}
