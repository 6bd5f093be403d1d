//! What is known about rooms at this moment: who they are, who is in them, who belongs to them.
//! Written by `chat`, read by `planner`; the lists themselves are made by `directory`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use bridge::{
    member::{Member, Presence},
    message::{Address, RoomId},
    room::{Privacy, Room},
};
use lync::{
    members::{MemberDirectory, Membership, Seen},
    xccos::RoomUri,
};

/// Rooms watched at once. A client is planned for 16 to 24 (dossier 7); ours may watch many more.
pub const ROOMS_MAX: usize = 2000;
/// People remembered as present in one room.
const PRESENT_MAX: usize = 5000;

/// One room.
#[derive(Clone, Debug)]
pub struct Known {
    /// What it is called and what it is for.
    pub room: Room,
    /// Its address as the server writes it.
    pub uri: String,
    /// Whether we are in it now.
    pub joined: bool,
    /// Who is in it; `None` in a large room, whose server does not say.
    present: Option<BTreeSet<Address>>,
    /// The people with their mailboxes; `None` until the directory has made the list.
    members: Option<Arc<Vec<Member>>>,
}

/// All rooms watched.
#[derive(Debug, Default)]
pub struct Rooms {
    known: RwLock<BTreeMap<RoomId, Known>>,
    /// What the sources say about members, merged.
    lists: Mutex<MemberDirectory>,
}

impl Rooms {
    /// Notes a room that was joined, and who is in it.
    pub fn joined(&self, room: Room, uri: &str, present: Option<BTreeSet<Address>>) {
        let mut rooms = self.write();
        if rooms.len() >= ROOMS_MAX && !rooms.contains_key(&room.id) {
            return;
        }
        let known = rooms.entry(room.id.clone()).or_insert_with(|| Known {
            room: room.clone(),
            uri: uri.to_owned(),
            joined: false,
            present: None,
            members: None,
        });
        known.room = room;
        known.joined = true;
        known.present = present;
    }

    /// Notes what a room is called and is for by now.
    pub fn changed(&self, room: Room) {
        let id = room.id.clone();
        self.change(&id, |known| known.room = room);
    }

    /// Notes a room from the database, before it is joined.
    pub fn remembered(&self, room: Room, uri: &str, members: Option<Vec<Member>>) {
        self.joined(room.clone(), uri, None);
        self.change(&room.id, |known| {
            known.joined = false;
            known.members = members.map(Arc::new);
        });
    }

    /// Notes that a room was left.
    pub fn parted(&self, room: &RoomId) {
        self.change(room, |known| {
            known.joined = false;
            known.present = None;
        });
    }

    /// Notes that no room is joined any more.
    pub fn lost(&self) {
        for known in self.write().values_mut() {
            known.joined = false;
            known.present = None;
        }
    }

    /// Notes that someone came in.
    pub fn entered(&self, room: &RoomId, who: Address) {
        self.change(room, |known| {
            if let Some(present) = &mut known.present
                && present.len() < PRESENT_MAX
            {
                present.insert(who);
            }
        });
    }

    /// Notes that someone went out.
    pub fn left(&self, room: &RoomId, who: &Address) {
        self.change(room, |known| {
            if let Some(present) = &mut known.present {
                present.remove(who);
            }
        });
    }

    /// Begins a room's lists with who was seen there before. `ask` says that the chat server is
    /// going to be asked for its list: until it has answered, what is known is not all.
    pub fn begin_lists(&self, uri: &str, seen: Vec<Seen>, ask: bool) {
        if let Some(uri) = RoomUri::parse(uri) {
            self.lists(|lists| lists.begin(&uri, seen, ask));
        }
    }

    /// Works on what the sources say about members.
    pub fn lists<T>(&self, work: impl FnOnce(&mut MemberDirectory) -> T) -> T {
        work(&mut self.lists.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What the sources say about a room's members, merged.
    #[must_use]
    pub fn memberships(&self, uri: &str) -> Vec<Membership> {
        RoomUri::parse(uri).map(|uri| self.lists(|lists| lists.members(&uri))).unwrap_or_default()
    }

    /// The users of a room as address and name, for mentions and for authors without a name.
    #[must_use]
    pub fn names(&self, room: &RoomId) -> Vec<(String, String)> {
        let rooms = self.read();
        let Some(known) = rooms.get(room) else { return Vec::new() };
        let name = |one: Membership| (one.principal.address, one.principal.name);
        let listed = || self.memberships(&known.uri).into_iter().map(name);
        let Some(members) = &known.members else { return listed().collect() };
        let name = |member: &Member| {
            (member.person.address.as_str().to_owned(), member.person.name.clone())
        };
        let members = members.iter().map(name);
        // Those who get an open room are not all who write in it.
        let others = (known.room.privacy == Privacy::Open).then(listed).into_iter().flatten();
        members.chain(others.filter(|(_, name)| !name.is_empty())).collect()
    }

    /// Puts the people and mailboxes of a room in place.
    pub fn resolved(&self, room: &RoomId, members: Vec<Member>) {
        self.change(room, |known| known.members = Some(Arc::new(members)));
    }

    /// The room and its people as they are now, presence included; `None` for an unknown room, and
    /// no members while the directory has not made the list.
    #[must_use]
    pub fn snapshot(&self, room: &RoomId) -> Option<(Room, Option<Vec<Member>>)> {
        let rooms = self.read();
        let known = rooms.get(room)?;
        let members = known.members.as_ref().map(|members| {
            members.iter().map(|member| with_presence(member, known.present.as_ref())).collect()
        });
        Some((known.room.clone(), members))
    }

    /// The rooms whose members are known: their messages can be planned.
    #[must_use]
    pub fn ready(&self) -> Vec<RoomId> {
        let rooms = self.read();
        let ready = rooms.values().filter(|known| known.members.is_some());
        ready.map(|known| known.room.id.clone()).collect()
    }

    /// What the room of this address is called, if it is one of those watched.
    #[must_use]
    pub fn name_of(&self, uri: &str) -> Option<String> {
        self.read().get(&RoomId::new(uri.to_lowercase())).map(|known| known.room.name.clone())
    }

    /// Whether we are in a room now.
    #[must_use]
    pub fn is_joined(&self, room: &RoomId) -> bool {
        self.read().get(room).is_some_and(|known| known.joined)
    }

    /// All rooms.
    #[must_use]
    pub fn all(&self) -> Vec<Known> {
        self.read().values().cloned().collect()
    }

    fn change(&self, room: &RoomId, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.write().get_mut(room) {
            change(known);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<RoomId, Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<RoomId, Known>> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The people of the room, if the directory has made the list.
    #[must_use]
    pub fn members(&self) -> Option<&[Member]> {
        self.members.as_ref().map(|members| members.as_slice())
    }
}

fn with_presence(member: &Member, present: Option<&BTreeSet<Address>>) -> Member {
    let presence = match present {
        None => Presence::Unknown,
        Some(present) if present.contains(&member.person.address) => Presence::Joined,
        Some(_) => Presence::Absent,
    };
    Member { presence, ..member.clone() }
}
