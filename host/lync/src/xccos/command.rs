//! What a client asks (dossier 4.5 to 4.16).

use super::{
    Reason, RoomUri, assumed,
    blocks::{BY_NAME, HistoryQuery, RoomKey, RoomQuery, SERVER_INFO_ALL, ServerInfo, Values},
    data::{Block, Data},
    room::RoomInfo,
};

/// A command. Those with a variant of their own leave exactly as established clients send them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `requri`: which address serves us?
    RequestUri,
    /// `getserverinfo`: the server's limits.
    ServerInfo {
        /// The chat system's name, the SIP domain in practice.
        domain: String,
    },
    /// `chansrch`: rooms by name; empty criteria give all that the user may see.
    ChannelSearch {
        /// Words of the name.
        criteria: String,
        /// Probably: descriptions are searched too.
        extended: bool,
    },
    /// `join`: one room.
    Join {
        /// The room.
        room: RoomUri,
    },
    /// `bjoin`: several rooms at once.
    BatchJoin {
        /// The rooms.
        rooms: Vec<RoomUri>,
    },
    /// `part`: leave. The room counts as left whatever the reply says.
    Part {
        /// The room.
        room: RoomUri,
    },
    /// `bccontext`: the last posts of a room.
    BackContext {
        /// The room.
        room: RoomUri,
        /// How many; the server may give fewer.
        last: u32,
    },
    /// `getinv`: invitations after one already known.
    Invitations {
        /// The chat system's name.
        domain: String,
        /// The last known invitation.
        after: u64,
    },
    /// `nodespermcreatechild`: in which categories may we create rooms?
    CreatableCategories,
    /// `getpref`: settings, if the server has them newer than `version`.
    Preference {
        /// Their label, such as `kedzie.GroupChannels`.
        label: String,
        /// The version already known.
        version: u64,
    },
    /// `getfutok`: permission to upload a file; answered by `rpl:getftok`.
    UploadToken {
        /// The room.
        room: RoomUri,
        /// The file's name.
        file: String,
    },
    /// `getfdtok`: permission to download a file; answered by `rpl:getftok`.
    DownloadToken {
        /// The room.
        room: RoomUri,
        /// The file's name.
        file: String,
    },
    /// A command whose form no source proves; see [`assumed`].
    Assumed(assumed::Request),
    /// Any other.
    Other {
        /// The name without `cmd:`.
        name: String,
        /// What it carries.
        data: Data,
    },
}

impl Command {
    /// The name without `cmd:`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::RequestUri => "requri",
            Self::ServerInfo { .. } => "getserverinfo",
            Self::ChannelSearch { .. } => "chansrch",
            Self::Join { .. } => "join",
            Self::BatchJoin { .. } => "bjoin",
            Self::Part { .. } => "part",
            Self::BackContext { .. } => "bccontext",
            Self::Invitations { .. } => "getinv",
            Self::CreatableCategories => "nodespermcreatechild",
            Self::Preference { .. } => "getpref",
            Self::UploadToken { .. } => "getfutok",
            Self::DownloadToken { .. } => "getfdtok",
            Self::Assumed(request) => request.name(),
            Self::Other { name, .. } => name,
        }
    }

    /// The name of its reply without `rpl:`; the file tokens share one.
    #[must_use]
    pub fn reply_name(&self) -> &str {
        match self.name() {
            "getfutok" | "getfdtok" => "getftok",
            name => name,
        }
    }

    pub(super) fn data(&self) -> Data {
        match self {
            Self::RequestUri | Self::CreatableCategories => Data::empty(),
            Self::ServerInfo { domain } => one(server(domain)),
            Self::ChannelSearch { criteria, extended } => one(query(criteria, *extended)),
            Self::Join { room } => channels(std::slice::from_ref(room)),
            Self::BatchJoin { rooms } => channels(rooms),
            Self::Part { room } => one(select(room)),
            Self::BackContext { room, last } => {
                let query = HistoryQuery { last: Some(*last), other: Vec::new() };
                vec![select(room), Block::HistoryQuery(query)].into()
            }
            Self::Invitations { domain, after } => {
                let after = after.to_string();
                let pairs = [("inviteId", after.as_str()), ("domain", domain)];
                one(Block::Invitation(Values::new(&pairs)))
            }
            Self::Preference { label, version } => {
                let version = version.to_string();
                let pairs =
                    [("label", label.as_str()), ("seqid", &version), ("createdefault", "true")];
                one(Block::Preference(Values::new(&pairs)))
            }
            Self::UploadToken { room, file } | Self::DownloadToken { room, file } => {
                let pairs = [("channelUri", room.as_str()), ("fileUrl", file)];
                one(Block::Transfer(Values::new(&pairs)))
            }
            Self::Assumed(request) => request.data(),
            Self::Other { data, .. } => data.clone(),
        }
    }

    /// Reads the command `name`, any case, without `cmd:`.
    pub(super) fn decode(name: &str, data: Data, quirks: &crate::Quirks) -> Result<Self, Reason> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "requri" => Self::RequestUri,
            "getserverinfo" | "getservinfo" => Self::ServerInfo { domain: server_domain(&data) },
            "chansrch" => search(&data)?,
            "join" => Self::Join { room: first_channel(&data)? },
            "bjoin" => Self::BatchJoin { rooms: data.channels().cloned().collect() },
            "part" => Self::Part { room: selected(&data)? },
            "bccontext" => Self::BackContext { room: selected(&data)?, last: last(&data)? },
            "getinv" => invitations(&data)?,
            "nodespermcreatechild" => Self::CreatableCategories,
            "getpref" => preference(&data)?,
            "getfutok" => transfer(&data, |room, file| Self::UploadToken { room, file })?,
            "getfdtok" => transfer(&data, |room, file| Self::DownloadToken { room, file })?,
            name => match assumed::Request::decode(name, &data, quirks)? {
                Some(request) => Self::Assumed(request),
                None => Self::Other { name: name.to_owned(), data },
            },
        })
    }
}

fn one(block: Block) -> Data {
    vec![block].into()
}

fn server(domain: &str) -> Block {
    Block::Server(Box::new(ServerInfo {
        domain: Some(domain.to_owned()),
        info_type: Some(SERVER_INFO_ALL.to_owned()),
        ..ServerInfo::default()
    }))
}

fn query(criteria: &str, extended: bool) -> Block {
    let (kind, criteria) = (BY_NAME.to_owned(), criteria.to_owned());
    Block::RoomQuery(RoomQuery { kind, criteria, extended })
}

fn channels(rooms: &[RoomUri]) -> Data {
    let keys = rooms.iter().enumerate();
    let keys = keys.map(|(key, room)| RoomKey { key: key.to_string(), room: room.clone() });
    keys.map(Block::Channel).collect::<Vec<_>>().into()
}

pub(super) fn select(room: &RoomUri) -> Block {
    Block::Room(Box::new(RoomInfo::new(room.clone())))
}

pub(super) fn selected(data: &Data) -> Result<RoomUri, Reason> {
    data.rooms().next().map(|room| room.uri.clone()).ok_or(Reason::Missing("chanib"))
}

fn first_channel(data: &Data) -> Result<RoomUri, Reason> {
    data.channels().next().cloned().ok_or(Reason::Missing("chanid"))
}

fn server_domain(data: &Data) -> String {
    data.server().and_then(|server| server.domain.clone()).unwrap_or_default()
}

fn search(data: &Data) -> Result<Command, Reason> {
    let query = data.blocks.iter().find_map(|block| match block {
        Block::RoomQuery(query) => Some(query),
        _ => None,
    });
    let query = query.ok_or(Reason::Missing("qib"))?;
    if !query.kind.trim().eq_ignore_ascii_case(BY_NAME) {
        return Ok(Command::Other { name: "chansrch".to_owned(), data: data.clone() });
    }
    Ok(Command::ChannelSearch { criteria: query.criteria.clone(), extended: query.extended })
}

pub(super) fn history_query(data: &Data) -> Result<&HistoryQuery, Reason> {
    let query = data.blocks.iter().find_map(|block| match block {
        Block::HistoryQuery(query) => Some(query),
        _ => None,
    });
    query.ok_or(Reason::Missing("bcq"))
}

fn last(data: &Data) -> Result<u32, Reason> {
    history_query(data)?.last.ok_or(Reason::Missing("last"))
}

fn invitations(data: &Data) -> Result<Command, Reason> {
    let values = data.blocks.iter().find_map(|block| match block {
        Block::Invitation(values) => Some(values),
        _ => None,
    });
    let values = values.ok_or(Reason::Missing("inv"))?;
    let after = values.value("inviteId").and_then(|id| id.trim().parse().ok());
    Ok(Command::Invitations {
        domain: values.value("domain").unwrap_or_default().to_owned(),
        after: after.unwrap_or_default(),
    })
}

fn preference(data: &Data) -> Result<Command, Reason> {
    let values = data.blocks.iter().find_map(|block| match block {
        Block::Preference(values) => Some(values),
        _ => None,
    });
    let values = values.ok_or(Reason::Missing("pref"))?;
    let version = values.value("seqid").and_then(|version| version.trim().parse().ok());
    Ok(Command::Preference {
        label: values.value("label").ok_or(Reason::Missing("label"))?.to_owned(),
        version: version.unwrap_or_default(),
    })
}

fn transfer(data: &Data, make: impl Fn(RoomUri, String) -> Command) -> Result<Command, Reason> {
    let values = data.blocks.iter().find_map(|block| match block {
        Block::Transfer(values) => Some(values),
        _ => None,
    });
    let values = values.ok_or(Reason::Missing("ftdb"))?;
    let room = values.value("channelUri").ok_or(Reason::Missing("channelUri"))?;
    let room = RoomUri::parse(room).ok_or(Reason::Unreadable("channelUri"))?;
    Ok(make(room, values.value("fileUrl").unwrap_or_default().to_owned()))
}
