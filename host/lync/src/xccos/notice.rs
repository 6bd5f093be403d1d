//! What a server tells unasked (dossier 4.14).

use xml::{Element, Writer};

use super::{
    RoomUri,
    blocks::User,
    data::{Block, Data},
    reading::{Reading, child},
    rights::Rights,
    room::{Association, RoomInfo},
};

/// Somebody entered a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The room.
    pub room: RoomUri,
    /// Who, `sip:…`.
    pub address: String,
    /// The display name, if the server gave one.
    pub name: Option<String>,
    /// What the person may do there.
    pub rights: Rights,
}

/// Somebody left a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The room.
    pub room: RoomUri,
    /// Who, `sip:…`.
    pub address: String,
}

/// A notice. Rooms one is not in and names one does not know are to be ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// `ntc:join`.
    Join(Vec<Entered>),
    /// `ntc:bjoin`.
    BatchJoin(Vec<Entered>),
    /// `ntc:part`.
    Part(Vec<Left>),
    /// `ntc:quit`: these users' sessions ended, they left all rooms (recalled form).
    Quit(Vec<String>),
    /// Any other: a room or a right changed, an invitation. See [`Notice::rooms`].
    Other {
        /// The name without `ntc:`, in lower case.
        name: String,
        /// What it carries.
        data: Data,
    },
}

impl Notice {
    /// The name without `ntc:`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Join(_) => "join",
            Self::BatchJoin(_) => "bjoin",
            Self::Part(_) => "part",
            Self::Quit(_) => "quit",
            Self::Other { name, .. } => name,
        }
    }

    /// The rooms it names; if it is unknown, their descriptions may be out of date.
    #[must_use]
    pub fn rooms(&self) -> Vec<RoomUri> {
        match self {
            Self::Join(entered) | Self::BatchJoin(entered) => {
                entered.iter().map(|entered| entered.room.clone()).collect()
            }
            Self::Part(left) => left.iter().map(|left| left.room.clone()).collect(),
            Self::Quit(_) => Vec::new(),
            Self::Other { data, .. } => {
                let at_users = data.users().flat_map(|user| &user.associations);
                let rooms = data.rooms().map(|room| room.uri.clone());
                rooms.chain(at_users.filter_map(Association::room)).collect()
            }
        }
    }

    pub(super) fn decode(name: &str, element: &Element, reading: &mut Reading<'_>) -> Self {
        reading.unknown(element, &["id", "seqid"], &["data"]);
        let data = Data::decode(child(element, "data"), reading);
        match name.to_ascii_lowercase().as_str() {
            "join" => Self::Join(entered(&data, reading)),
            "bjoin" => Self::BatchJoin(entered(&data, reading)),
            "part" => Self::Part(left(&data)),
            "quit" => Self::Quit(data.users().filter_map(|user| user.uri.clone()).collect()),
            name => {
                reading.note(&format!("ntc:{name}"));
                Self::Other { name: name.to_owned(), data }
            }
        }
    }

    pub(super) fn encode(&self, writer: &mut Writer, seqid: &str) {
        let id = format!("ntc:{}", self.name());
        writer.element("ntc", &[("id", id.as_str()), ("seqid", seqid)], |inside| {
            self.data().encode(inside);
        });
    }

    fn data(&self) -> Data {
        match self {
            Self::Join(entered) | Self::BatchJoin(entered) => entered_data(entered),
            Self::Part(left) => left_data(left),
            Self::Quit(users) => {
                users.iter().map(|user| Block::User(User::new(user))).collect::<Vec<_>>().into()
            }
            Self::Other { data, .. } => data.clone(),
        }
    }
}

fn entered(data: &Data, reading: &mut Reading<'_>) -> Vec<Entered> {
    let mut entered = Vec::new();
    for user in data.users() {
        for association in &user.associations {
            let (Some(room), Some(address)) = (association.room(), user.uri.clone()) else {
                reading.note("uib without user or room left out");
                continue;
            };
            let rights = association.rights().unwrap_or_default();
            entered.push(Entered { room, address, name: user.name.clone(), rights });
        }
    }
    entered
}

fn left(data: &Data) -> Vec<Left> {
    let pairs = data.rooms().flat_map(|room| room.users.iter().map(move |user| (room, user)));
    pairs
        .filter_map(|(room, user)| {
            Some(Left { room: room.uri.clone(), address: user.uri.clone()? })
        })
        .collect()
}

/// Neighbours of one user share a `uib`.
fn entered_data(entered: &[Entered]) -> Data {
    let mut users: Vec<User> = Vec::new();
    for one in entered {
        let association = Association {
            key: one.rights.to_string(),
            domain: Some(one.room.domain().to_owned()),
            value: one.room.guid().to_owned(),
        };
        match users.last_mut().filter(|user| user.uri.as_deref() == Some(&one.address)) {
            Some(user) => user.associations.push(association),
            None => users.push(User {
                name: one.name.clone(),
                associations: vec![association],
                ..User::new(&one.address)
            }),
        }
    }
    users.into_iter().map(Block::User).collect::<Vec<_>>().into()
}

/// Neighbours of one room share a `chanib`.
fn left_data(left: &[Left]) -> Data {
    let mut rooms: Vec<RoomInfo> = Vec::new();
    for one in left {
        let user = User::new(&one.address);
        match rooms.last_mut().filter(|room| room.uri == one.room) {
            Some(room) => room.users.push(user),
            None => rooms.push(RoomInfo { users: vec![user], ..RoomInfo::new(one.room.clone()) }),
        }
    }
    rooms.into_iter().map(|room| Block::Room(Box::new(room))).collect::<Vec<_>>().into()
}
