//! The `data` of commands, replies and notices: information blocks in document order.

use std::collections::HashMap;

use xml::{Element, Writer};

use super::{
    Rights, RoomUri, assumed,
    blocks::{HistoryQuery, RoomKey, RoomQuery, ServerInfo, User, Values},
    reading::{Reading, write_element},
    room::{Association, RoomInfo},
};

/// Participants taken from one room of one reply; a pool allows far fewer.
pub const PARTICIPANTS_MAX: usize = 100_000;

/// One information block (dossier 4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// `chanib`.
    Room(Box<RoomInfo>),
    /// `uib`.
    User(User),
    /// `chanid`.
    Channel(RoomKey),
    /// `fib`: the operation failed for this room.
    Failure(RoomKey),
    /// `sib`.
    Server(Box<ServerInfo>),
    /// `qib`.
    RoomQuery(RoomQuery),
    /// `bcq`.
    HistoryQuery(HistoryQuery),
    /// `inv`: `inviteId`, `domain`.
    Invitation(Values),
    /// `pref`: `label`, `seqid`, `createdefault`, `content` (base64).
    Preference(Values),
    /// `ftdb`: `channelUri`, `fileUrl`.
    Transfer(Values),
    /// `token`: `token`, `serveruri`.
    Token(Values),
    /// What is none of these or cannot be read, as it came.
    Unknown(Element),
}

/// Somebody who is in a room now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Participant {
    /// `sip:…`
    pub address: String,
    /// The display name, if the server gave one.
    pub name: Option<String>,
    /// What the person may do there.
    pub rights: Rights,
}

/// The blocks of a `data` element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Data {
    /// In document order.
    pub blocks: Vec<Block>,
}

impl Data {
    /// No blocks: `<data/>`.
    #[must_use]
    pub const fn empty() -> Self {
        Self { blocks: Vec::new() }
    }

    /// The rooms.
    pub fn rooms(&self) -> impl Iterator<Item = &RoomInfo> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Room(room) => Some(&**room),
            _ => None,
        })
    }

    /// This room.
    #[must_use]
    pub fn room(&self, uri: &RoomUri) -> Option<&RoomInfo> {
        self.rooms().find(|room| room.uri == *uri)
    }

    /// The users beside the rooms.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.blocks.iter().filter_map(|block| match block {
            Block::User(user) => Some(user),
            _ => None,
        })
    }

    /// The rooms selected by `chanid`.
    pub fn channels(&self) -> impl Iterator<Item = &RoomUri> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Channel(key) => Some(&key.room),
            _ => None,
        })
    }

    /// The rooms for which the operation failed.
    pub fn failures(&self) -> impl Iterator<Item = &RoomUri> {
        self.blocks.iter().filter_map(|block| match block {
            Block::Failure(key) => Some(&key.room),
            _ => None,
        })
    }

    /// The server's description of itself.
    #[must_use]
    pub fn server(&self) -> Option<&ServerInfo> {
        self.blocks.iter().find_map(|block| match block {
            Block::Server(server) => Some(&**server),
            _ => None,
        })
    }

    /// Who is in `room`, from its `aib`s and the `uib`s beside it. An id without `uib` is skipped,
    /// a user named twice has the rights of both; at most [`PARTICIPANTS_MAX`].
    #[must_use]
    pub fn participants(&self, room: &RoomInfo) -> Vec<Participant> {
        let users = self.users_by_id();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut participants: Vec<Participant> = Vec::new();
        for (rights, user) in pairs(&room.associations, &users) {
            let Some(address) = user.uri.as_deref() else { continue };
            let key = address.to_ascii_lowercase();
            let place = places.get(&key).and_then(|place| participants.get_mut(*place));
            if let Some(known) = place {
                known.rights = known.rights | rights;
            } else if participants.len() < PARTICIPANTS_MAX {
                places.insert(key, participants.len());
                let (address, name) = (address.to_owned(), user.name.clone());
                participants.push(Participant { address, name, rights });
            }
        }
        participants
    }

    pub(super) fn users_by_id(&self) -> HashMap<&str, &User> {
        self.users().filter_map(|user| Some((user.id.as_deref()?, user))).collect()
    }

    pub(super) fn decode(data: Option<&Element>, reading: &mut Reading<'_>) -> Self {
        let Some(data) = data else { return Self::empty() };
        Self { blocks: data.children().map(|child| Block::decode(child, reading)).collect() }
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        writer.element("data", &[], |inside| {
            for block in &self.blocks {
                block.encode(inside);
            }
        });
    }
}

impl From<Vec<Block>> for Data {
    fn from(blocks: Vec<Block>) -> Self {
        Self { blocks }
    }
}

fn pairs<'a>(
    associations: &'a [Association],
    users: &'a HashMap<&str, &'a User>,
) -> impl Iterator<Item = (Rights, &'a User)> {
    associations.iter().flat_map(move |association| {
        let rights = association.rights().unwrap_or_default();
        association.ids().filter_map(move |id| users.get(id).map(|user| (rights, *user)))
    })
}

impl Block {
    fn decode(element: &Element, reading: &mut Reading<'_>) -> Self {
        let read = match element.name.to_ascii_lowercase().as_str() {
            "chanib" => RoomInfo::decode(element, reading).map(|room| Self::Room(Box::new(room))),
            "uib" => Ok(Self::User(User::decode(element, reading))),
            "chanid" => RoomKey::decode(element, reading).map(Self::Channel),
            "fib" => RoomKey::decode(element, reading).map(Self::Failure),
            "sib" => Ok(Self::Server(Box::new(ServerInfo::decode(element, reading)))),
            "qib" => Ok(Self::RoomQuery(RoomQuery::decode(element, reading))),
            "bcq" => Ok(Self::HistoryQuery(HistoryQuery::decode(element, reading))),
            name => return Self::decode_values(name, element, reading),
        };
        read.unwrap_or_else(|reason| {
            reading.note(&format!("{} left out: {reason}", element.name));
            Self::Unknown(element.clone())
        })
    }

    fn decode_values(name: &str, element: &Element, reading: &mut Reading<'_>) -> Self {
        let values = |known: &[&str], reading: &mut _| Values::decode(element, known, reading);
        match name {
            "inv" => Self::Invitation(values(&["inviteId", "domain"], reading)),
            "pref" => {
                Self::Preference(values(&["label", "seqid", "createdefault", "content"], reading))
            }
            "ftdb" => Self::Transfer(values(&["channelUri", "fileUrl"], reading)),
            "token" => Self::Token(values(&["token", "serveruri"], reading)),
            _ => {
                if !assumed::is_known_block(name, reading.quirks) {
                    reading.note(&format!("data/{}", element.name));
                }
                Self::Unknown(element.clone())
            }
        }
    }

    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::Room(room) => room.encode(writer),
            Self::User(user) => user.encode(writer),
            Self::Channel(key) => key.encode_channel(writer),
            Self::Failure(key) => key.encode_failure(writer),
            Self::Server(server) => server.encode(writer),
            Self::RoomQuery(query) => query.encode(writer),
            Self::HistoryQuery(query) => query.encode(writer),
            Self::Invitation(values) => values.encode(writer, "inv"),
            Self::Preference(values) => values.encode(writer, "pref"),
            Self::Transfer(values) => values.encode(writer, "ftdb"),
            Self::Token(values) => values.encode(writer, "token"),
            Self::Unknown(element) => write_element(writer, element),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests stop at the first surprise"
    )]
    use super::*;
    use crate::quirks::Quirks;

    fn read(xml: &str) -> (Data, Vec<String>) {
        let element = xml::parse(xml.as_bytes(), &xml::Limits::default()).unwrap();
        let quirks = Quirks::default();
        let mut reading = Reading::new(&quirks);
        (Data::decode(Some(&element), &mut reading), reading.oddities)
    }

    #[test]
    fn participants_are_joined_through_their_ids() {
        let (data, odd) = read(
            r#"<data><chanib uri="ma-chan://c/g"><aib key="3984" value="0, 1,7"/><aib key="12276" value="1"/></chanib><uib id="0" uri="sip:a@c"/><uib id="1" uri="sip:b@c" disname="B"/></data>"#,
        );
        let room = data.rooms().next().unwrap();
        let participants = data.participants(room);
        assert_eq!(participants.len(), 2);
        assert_eq!(participants[0].rights, Rights(3984));
        assert_eq!(participants[1].name.as_deref(), Some("B"));
        assert_eq!(participants[1].rights, Rights(3984 | 12276));
        assert!(odd.is_empty());
    }

    #[test]
    fn a_block_nobody_knows_is_kept() {
        let (data, odd) = read(r#"<data><new a="1">x</new><fib key="K" domain="c"/></data>"#);
        assert_eq!(odd, ["data/new", "fib left out: value is missing"]);
        let mut writer = Writer::new();
        data.encode(&mut writer);
        assert_eq!(writer.finish(), r#"<data><new a="1">x</new><fib key="K" domain="c"/></data>"#);
    }
}
