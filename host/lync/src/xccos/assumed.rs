//! Every wire form that no source proves (dossier, grade ASSUMED), behind [`Quirks`].
//!
//! A real server may know none of this. The forms are made here only if a switch is on, and with
//! the switch off the same names are read as commands unknown. The exception are the codes of
//! [`Cause`]: a failure needs some code, and readers decide by "200 or not".

use std::time::Duration;

use xml::{Element, Node};

use super::{
    Reason, RoomUri,
    blocks::{HistoryQuery, User, Values},
    command::{history_query, select, selected},
    data::{Block, Data},
    reading::{attribute, boolean_text, is},
    room::{Association, RoomInfo},
    timestamp,
};
use crate::quirks::Quirks;

/// Whose rooms `getassociations` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Rooms the user is a member of.
    Member,
    /// Rooms the user manages.
    Manager,
}

/// A command of assumed form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// `getassociations`: the user's rooms (dossier 4.8).
    Associations {
        /// The chat system's name.
        domain: String,
        /// Which rooms.
        role: Role,
        /// Most rooms wanted.
        results_max: u32,
    },
    /// `x-getmembers`: who is entitled to a room (dossier 4.15).
    Members {
        /// The room.
        room: RoomUri,
    },
    /// `bcbydate`: history between two times (dossier 4.11).
    HistoryByDate {
        /// The room.
        room: RoomUri,
        /// Most posts wanted.
        limit: u32,
        /// The earliest, since 1970.
        from: Duration,
        /// The latest, since 1970.
        to: Duration,
    },
    /// `bcbymsg`: history from a message id on, by text if there is one (dossier 4.11).
    HistoryById {
        /// The room.
        room: RoomUri,
        /// Most posts wanted.
        limit: u32,
        /// The first message id.
        from: u64,
        /// Words that must occur; empty for all posts.
        text: String,
    },
}

impl Request {
    /// `getassociations`, if the other side is taken to know it.
    #[must_use]
    pub fn associations(
        domain: &str,
        role: Role,
        results_max: u32,
        quirks: &Quirks,
    ) -> Option<Self> {
        let domain = domain.to_owned();
        quirks.associations_command.then_some(Self::Associations { domain, role, results_max })
    }

    /// `x-getmembers`, if the other side is taken to know it.
    #[must_use]
    pub fn members(room: RoomUri, quirks: &Quirks) -> Option<Self> {
        quirks.members_command.then_some(Self::Members { room })
    }

    /// `bcbydate`, if the other side is taken to know it.
    #[must_use]
    pub fn history_by_date(
        room: RoomUri,
        limit: u32,
        (from, to): (Duration, Duration),
        quirks: &Quirks,
    ) -> Option<Self> {
        quirks.history_queries.then_some(Self::HistoryByDate { room, limit, from, to })
    }

    /// `bcbymsg`, if the other side is taken to know it.
    #[must_use]
    pub fn history_by_id(room: RoomUri, limit: u32, from: u64, quirks: &Quirks) -> Option<Self> {
        let text = String::new();
        quirks.history_queries.then_some(Self::HistoryById { room, limit, from, text })
    }

    /// The name without `cmd:`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Associations { .. } => "getassociations",
            Self::Members { .. } => "x-getmembers",
            Self::HistoryByDate { .. } => "bcbydate",
            Self::HistoryById { .. } => "bcbymsg",
        }
    }

    pub(super) fn data(&self) -> Data {
        match self {
            Self::Associations { domain, role, results_max } => {
                let kind = if *role == Role::Member { "MEMBER" } else { "MANAGER" };
                let most = results_max.to_string();
                let pairs = [("domain", domain.as_str()), ("type", kind), ("maxResults", &most)];
                vec![Block::Unknown(element("association", &pairs, ""))].into()
            }
            Self::Members { room } => vec![select(room)].into(),
            Self::HistoryByDate { room, limit, from, to } => {
                let (from, to) = (timestamp::ticks(*from), timestamp::ticks(*to));
                let conditions = vec![
                    element("limit", &[("cnt", &limit.to_string())], ""),
                    element("date", &[("from", &from), ("to", &to)], ""),
                    element("searchbkwds", &[], boolean_text(false)),
                    element("sortbkwds", &[], boolean_text(false)),
                ];
                history(room, conditions)
            }
            Self::HistoryById { room, limit, from, text } => {
                let conditions = vec![
                    element("limit", &[("cnt", &limit.to_string())], ""),
                    element("msgid", &[("from", &from.to_string())], ""),
                    element("matchcase", &[], boolean_text(false)),
                    element("text", &[], text),
                ];
                history(room, conditions)
            }
        }
    }

    /// `None` if the name is not one of ours or its switch is off.
    pub(super) fn decode(name: &str, data: &Data, quirks: &Quirks) -> Result<Option<Self>, Reason> {
        Ok(match name {
            "getassociations" if quirks.associations_command => Some(associations(data)?),
            "x-getmembers" if quirks.members_command => {
                Some(Self::Members { room: selected(data)? })
            }
            "bcbydate" if quirks.history_queries => Some(by_date(data)?),
            "bcbymsg" if quirks.history_queries => Some(by_id(data)?),
            _ => None,
        })
    }
}

/// Blocks that are known although only an assumed command has them.
pub(super) fn is_known_block(name: &str, quirks: &Quirks) -> bool {
    quirks.associations_command && name == "association"
}

/// The children of `bcq` that are known.
pub(super) fn known_conditions(quirks: &Quirks) -> &'static [&'static str] {
    if quirks.history_queries {
        &["last", "limit", "date", "msgid", "searchbkwds", "sortbkwds", "matchcase", "text"]
    } else {
        &["last"]
    }
}

fn element(name: &str, pairs: &[(&str, &str)], text: &str) -> Element {
    let nodes = if text.is_empty() { Vec::new() } else { vec![Node::Text(text.to_owned())] };
    Element { name: name.to_owned(), attributes: Values::new(pairs).0, nodes, ..Element::default() }
}

fn history(room: &RoomUri, other: Vec<Element>) -> Data {
    vec![select(room), Block::HistoryQuery(HistoryQuery { last: None, other })].into()
}

fn associations(data: &Data) -> Result<Request, Reason> {
    let element = data.blocks.iter().find_map(|block| match block {
        Block::Unknown(element) if is(element, "association") => Some(element),
        _ => None,
    });
    let element = element.ok_or(Reason::Missing("association"))?;
    let kind = attribute(element, "type").unwrap_or_default().trim();
    let most = attribute(element, "maxResults").and_then(|most| most.trim().parse().ok());
    Ok(Request::Associations {
        domain: attribute(element, "domain").unwrap_or_default().to_owned(),
        role: if kind.eq_ignore_ascii_case("MANAGER") { Role::Manager } else { Role::Member },
        results_max: most.unwrap_or(u32::MAX),
    })
}

fn condition<'d>(data: &'d Data, name: &'static str) -> Result<&'d Element, Reason> {
    let query = history_query(data)?;
    query.other.iter().find(|element| is(element, name)).ok_or(Reason::Missing(name))
}

fn limit(data: &Data) -> Result<u32, Reason> {
    let count = attribute(condition(data, "limit")?, "cnt").ok_or(Reason::Missing("cnt"))?;
    count.trim().parse().map_err(|_| Reason::Unreadable("cnt"))
}

fn by_date(data: &Data) -> Result<Request, Reason> {
    let date = condition(data, "date")?;
    let time = |name| {
        let text = attribute(date, name).ok_or(Reason::Missing(name))?;
        timestamp::parse(text).ok_or(Reason::Unreadable(name))
    };
    let (from, to) = (time("from")?, time("to")?);
    Ok(Request::HistoryByDate { room: selected(data)?, limit: limit(data)?, from, to })
}

fn by_id(data: &Data) -> Result<Request, Reason> {
    let from = attribute(condition(data, "msgid")?, "from").ok_or(Reason::Missing("from"))?;
    let from = from.trim().parse().map_err(|_| Reason::Unreadable("from"))?;
    let text = condition(data, "text").map(Element::text).unwrap_or_default();
    Ok(Request::HistoryById { room: selected(data)?, limit: limit(data)?, from, text })
}

/// A page of history by date or id: what a room's reply says about the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageTotals {
    /// Posts that fit the question, whether on the page or not.
    pub total: Option<u64>,
    /// Whether the server's limit cut the page.
    pub exceeded: bool,
}

impl PageTotals {
    /// Reads `total` and `exceeded` of a `chanib`.
    #[must_use]
    pub fn of(room: &RoomInfo) -> Self {
        let values = Values(room.extra.clone());
        Self {
            total: values.value("total").and_then(|total| total.trim().parse().ok()),
            exceeded: values
                .value("exceeded")
                .is_some_and(|word| word.eq_ignore_ascii_case("true")),
        }
    }

    /// Puts them into a `chanib`.
    pub fn put(self, room: &mut RoomInfo) {
        if let Some(total) = self.total {
            room.extra.push(("total".to_owned(), total.to_string()));
        }
        room.extra.push(("exceeded".to_owned(), boolean_text(self.exceeded).to_owned()));
    }
}

/// What a member of a room is (dossier 4.15). [`PrincipalKind::word`] is the wire's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrincipalKind {
    /// A person.
    User,
    /// A directory group; nobody expands it.
    Group,
    /// A directory folder (organisational unit).
    Folder,
    /// A whole domain.
    Domain,
}

impl PrincipalKind {
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::User => "USER",
            Self::Group => "GROUP",
            Self::Folder => "FOLDER",
            Self::Domain => "DOMAIN",
        }
    }

    /// Reads the word, or `5`, which is recalled to mean a user.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let word = word.trim().to_ascii_uppercase();
        let kinds = [Self::User, Self::Group, Self::Folder, Self::Domain];
        kinds.into_iter().find(|kind| kind.word() == word).or((word == "5").then_some(Self::User))
    }
}

/// One line of a room's member list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// `sip:…` or `ma-grp:…`.
    pub address: String,
    /// The display name.
    pub name: Option<String>,
    /// What it is.
    pub kind: PrincipalKind,
    /// Whether it may join.
    pub member: bool,
    /// Whether it manages the room.
    pub manager: bool,
    /// Whether it posts in an auditorium.
    pub presenter: bool,
}

/// The data of `rpl:x-getmembers`.
#[must_use]
pub fn members_data(room: &RoomUri, members: &[Member]) -> Data {
    let ids = |has: fn(&Member) -> bool| {
        let ids = members.iter().enumerate().filter(|(_, member)| has(member));
        ids.map(|(id, _)| id.to_string()).collect::<Vec<_>>().join(",")
    };
    let association = |key: &str, value| Association { key: key.to_owned(), domain: None, value };
    let associations = [
        association("MEMBER", ids(|member| member.member)),
        association("MANAGER", ids(|member| member.manager)),
        association("PRESENTER", ids(|member| member.presenter)),
    ];
    let room = RoomInfo { associations: associations.into(), ..RoomInfo::new(room.clone()) };
    let users = members.iter().enumerate().map(|(id, member)| {
        Block::User(User {
            id: Some(id.to_string()),
            name: member.name.clone(),
            kind: Some(member.kind.word().to_owned()),
            ..User::new(&member.address)
        })
    });
    std::iter::once(Block::Room(Box::new(room))).chain(users).collect::<Vec<_>>().into()
}

/// Reads the data of `rpl:x-getmembers`. Users without address or role are left out.
///
/// # Errors
/// [`Reason::Missing`] if the reply does not speak of `room`.
pub fn members(data: &Data, room: &RoomUri) -> Result<Vec<Member>, Reason> {
    let room = data.room(room).ok_or(Reason::Missing("chanib"))?;
    let holders = |key: &str| -> std::collections::HashSet<&str> {
        let of_role = room.associations.iter().filter(|aib| aib.key.eq_ignore_ascii_case(key));
        of_role.flat_map(Association::ids).collect()
    };
    let (member, manager, presenter) =
        (holders("MEMBER"), holders("MANAGER"), holders("PRESENTER"));
    let members = data.users().filter_map(|user| {
        let id = user.id.as_deref()?;
        let kind = user.kind.as_deref().and_then(PrincipalKind::parse);
        Some(Member {
            address: user.uri.clone()?,
            name: user.name.clone(),
            kind: kind.unwrap_or(PrincipalKind::User),
            member: member.contains(id),
            manager: manager.contains(id),
            presenter: presenter.contains(id),
        })
    });
    Ok(members.filter(|one| one.member || one.manager || one.presenter).collect())
}

/// Why a command failed: codes and words of our own (dossier 4.17). As a reader, take them for
/// a hint only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The command breaks the rules.
    InvalidArgument,
    /// The user is not entitled.
    Permission,
    /// The room does not exist.
    NoSuchRoom,
    /// Too many rooms or results.
    LimitExceeded,
    /// The room is closed down.
    RoomDisabled,
    /// The command needs a room that was joined.
    NotJoined,
    /// Something else on the server.
    Server,
    /// The command is unknown.
    NotSupported,
    /// The server lost its database.
    Database,
}

impl Cause {
    const ALL: [(Self, u16, &'static str); 9] = [
        (Self::InvalidArgument, 400, "ERROR_INVALID_ARGUMENT"),
        (Self::Permission, 403, "ERROR_PERMISSION"),
        (Self::NoSuchRoom, 404, "ERROR_NO_SUCH_NODE"),
        (Self::LimitExceeded, 409, "ERROR_LIMIT_EXCEEDED"),
        (Self::RoomDisabled, 410, "ERROR_NODE_DISABLED"),
        (Self::NotJoined, 412, "ERROR_USER_NOT_JOINED"),
        (Self::Server, 500, "ERROR_SERVER"),
        (Self::NotSupported, 501, "ERROR_MSG_NOT_SUPPORTED"),
        (Self::Database, 503, "ERROR_DATABASE_CONNECTION"),
    ];

    /// The code of a `resp`.
    #[must_use]
    pub fn code(self) -> u16 {
        Self::ALL.iter().find(|(cause, ..)| *cause == self).map_or(500, |(_, code, _)| *code)
    }

    /// The text of a `resp`.
    #[must_use]
    pub fn text(self) -> &'static str {
        Self::ALL.iter().find(|(cause, ..)| *cause == self).map_or("ERROR_SERVER", |(.., t)| *t)
    }

    /// A guess from the words of a failed `resp`; the code is not looked at.
    #[must_use]
    pub fn hint(text: &str) -> Option<Self> {
        let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_uppercase();
        let says = |word: &str| plain.contains(&word.replace("ERROR_", "").replace('_', ""));
        let in_order = Self::ALL.iter().filter(|(cause, ..)| *cause != Self::Server);
        in_order
            .map(|(cause, _, text)| (*cause, *text))
            .find(|(_, text)| says(text))
            .map(|(c, _)| c)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::xccos::{Child, Command, CommandId, Envelope, Reply, decode, encode};

    fn room() -> RoomUri {
        RoomUri::parse("ma-chan://contoso.com/5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c11").unwrap()
    }

    fn requests(quirks: &Quirks) -> Vec<Request> {
        let times = (Duration::from_secs(1_393_837_200), Duration::from_secs(1_393_840_800));
        [
            Request::associations("contoso.com", Role::Manager, 500, quirks),
            Request::members(room(), quirks),
            Request::history_by_date(room(), 100, times, quirks),
            Request::history_by_id(room(), 100, 42, quirks),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    #[test]
    fn off_means_neither_made_nor_understood() {
        assert!(requests(&Quirks::default()).is_empty());
        for request in requests(&Quirks::embedded()) {
            let name = request.name().to_owned();
            let text = encode(&Envelope::command("1", Command::Assumed(request)));
            let read = decode(text.as_bytes(), &Quirks::default()).unwrap();
            let Some(Child::Command { command: Command::Other { name: other, .. }, .. }) =
                read.children.first()
            else {
                unreachable!("{read:?}")
            };
            assert_eq!(*other, name);
        }
    }

    #[test]
    fn on_they_come_back_as_they_went() {
        let quirks = Quirks::embedded();
        assert_eq!(requests(&quirks).len(), 4);
        for request in requests(&quirks) {
            let envelope = Envelope::command("1", Command::Assumed(request));
            let read = decode(encode(&envelope).as_bytes(), &quirks).unwrap();
            assert_eq!(read.children, envelope.children);
            assert_eq!(read.oddities, Vec::<String>::new());
        }
    }

    #[test]
    fn member_lists_come_back_as_they_went() {
        let one = |address: &str, kind, manager: bool| Member {
            address: address.to_owned(),
            name: Some("N".to_owned()),
            kind,
            member: !manager,
            manager,
            presenter: false,
        };
        let members_in = [
            one("sip:a@c", PrincipalKind::User, true),
            one("ma-grp:7d0c@u.g", PrincipalKind::Group, false),
        ];
        let command = Command::Assumed(Request::Members { room: room() });
        let id = CommandId { envid: "7".to_owned(), seqid: "1".to_owned() };
        let reply = Reply::success(&command, id, members_data(&room(), &members_in));
        let text = encode(&Envelope::reply("8", reply));
        assert!(text.contains(r#"<aib key="PRESENTER" value=""/>"#), "{text}");
        let read = decode(text.as_bytes(), &Quirks::embedded()).unwrap();
        let Some(Child::Reply(reply)) = read.children.first() else { unreachable!() };
        assert_eq!(members(&reply.data, &room()).unwrap(), members_in);
        assert_eq!(read.oddities, Vec::<String>::new());
    }

    #[test]
    fn totals_come_back_as_they_went() {
        let mut info = RoomInfo::new(room());
        assert_eq!(PageTotals::of(&info), PageTotals::default());
        let totals = PageTotals { total: Some(120), exceeded: true };
        totals.put(&mut info);
        assert_eq!(PageTotals::of(&info), totals);
    }

    #[test]
    fn causes_are_guessed_from_words() {
        for (cause, _, text) in Cause::ALL {
            assert_eq!(Cause::hint(text), (cause != Cause::Server).then_some(cause));
        }
        assert_eq!(Cause::hint("NoSuchNode"), Some(Cause::NoSuchRoom));
        assert_eq!(Cause::hint("User not joined."), Some(Cause::NotJoined));
        assert_eq!(Cause::hint("SUCCESS_OK"), None);
    }
}
