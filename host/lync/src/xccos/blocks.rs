//! The smaller information blocks (dossier 4.3, 4.5, 4.6, 4.16).

use std::time::Duration;

use xml::{Element, Writer};

use super::{
    Reason, RoomUri,
    reading::{Reading, attribute, boolean_text, child, is, owned, present, write_element},
    room::Association,
    timestamp,
};

/// The value of `infoType` that asks for everything.
pub const SERVER_INFO_ALL: &str = "123";
/// The `qtype` of a search by name, the only one known.
pub const BY_NAME: &str = "BYNAME";

/// `uib`: a user, a group, or the address of a chat service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// `sip:…`, or `ma-grp:…` for a group.
    pub uri: Option<String>,
    /// Number within this reply; rooms refer to it.
    pub id: Option<String>,
    /// The account's name (recalled form).
    pub account: Option<String>,
    /// The display name (recalled form).
    pub name: Option<String>,
    /// What it is, `5` for a user (recalled form).
    pub kind: Option<String>,
    /// Rights by room, in join notices.
    pub associations: Vec<Association>,
    /// Attributes nobody knows, and `guid`, `email`, `company`.
    pub extra: Vec<(String, String)>,
}

impl User {
    /// A user of whom only the address is given.
    #[must_use]
    pub fn new(uri: &str) -> Self {
        Self { uri: Some(uri.to_owned()), ..Self::default() }
    }

    pub(super) fn decode(element: &Element, reading: &mut Reading<'_>) -> Self {
        const KNOWN: [&str; 5] = ["uri", "id", "uname", "disname", "type"];
        const KEPT: [&str; 8] =
            ["uri", "id", "uname", "disname", "type", "guid", "email", "company"];
        reading.unknown(element, &KEPT, &["aib"]);
        let further = |name: &str| !KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name));
        let kept = element.attributes.iter().filter(|(name, _)| further(name));
        let associations = element.children().filter(|child| is(child, "aib"));
        Self {
            uri: owned(element, "uri").filter(|uri| !uri.trim().is_empty()),
            id: owned(element, "id").map(|id| id.trim().to_owned()),
            account: owned(element, "uname"),
            name: owned(element, "disname").filter(|name| !name.trim().is_empty()),
            kind: owned(element, "type"),
            extra: kept.cloned().collect(),
            associations: associations.map(|aib| Association::decode(aib, reading)).collect(),
        }
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        let mut attributes = present(&[
            ("id", self.id.as_deref()),
            ("uri", self.uri.as_deref()),
            ("uname", self.account.as_deref()),
            ("disname", self.name.as_deref()),
            ("type", self.kind.as_deref()),
        ]);
        attributes.extend(self.extra.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        writer.element("uib", &attributes, |inside| {
            for association in &self.associations {
                association.encode(inside);
            }
        });
    }
}

/// `sib` in a reply: the chat system and its limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerInfo {
    /// The chat system's name; in the command only.
    pub domain: Option<String>,
    /// What was asked for, see [`SERVER_INFO_ALL`].
    pub info_type: Option<String>,
    /// The server's clock as it came, see [`ServerInfo::time`].
    pub server_time: Option<String>,
    /// Most results of one query.
    pub search_limit: Option<u32>,
    /// Bytes of the longest ordinary post.
    pub message_bytes_max: Option<u32>,
    /// Bytes of the longest story.
    pub story_bytes_max: Option<u32>,
    /// The topmost category, `ma-cat://…`.
    pub root_uri: Option<String>,
    /// Changes when the database was replaced: message ids then mean something else.
    pub database_version: Option<String>,
    /// The pool's name (name of the attribute not seen).
    pub display_name: Option<String>,
    /// Where rooms are managed (name of the attribute not seen).
    pub room_management_url: Option<String>,
    /// Attributes nobody knows.
    pub extra: Vec<(String, String)>,
}

impl ServerInfo {
    /// The server's clock, since 1970 in UTC.
    #[must_use]
    pub fn time(&self) -> Option<Duration> {
        self.server_time.as_deref().and_then(timestamp::parse)
    }

    pub(super) fn decode(element: &Element, reading: &mut Reading<'_>) -> Self {
        const KNOWN: [&str; 10] = [
            "domain",
            "infoType",
            "serverTime",
            "searchLimit",
            "messageSizeLimit",
            "storySizeLimit",
            "rootUri",
            "dbVersion",
            "displayName",
            "roomManagementUrl",
        ];
        Self {
            domain: owned(element, "domain"),
            info_type: owned(element, "infoType"),
            server_time: owned(element, "serverTime"),
            search_limit: reading.number(element, "searchLimit"),
            message_bytes_max: reading.number(element, "messageSizeLimit"),
            story_bytes_max: reading.number(element, "storySizeLimit"),
            root_uri: owned(element, "rootUri"),
            database_version: owned(element, "dbVersion"),
            display_name: owned(element, "displayName"),
            room_management_url: owned(element, "roomManagementUrl"),
            extra: reading.unknown(element, &KNOWN, &[]),
        }
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        let number = |value: Option<u32>| value.map(|value| value.to_string());
        let (search, message, story) = (
            number(self.search_limit),
            number(self.message_bytes_max),
            number(self.story_bytes_max),
        );
        let mut attributes = present(&[
            ("domain", self.domain.as_deref()),
            ("infoType", self.info_type.as_deref()),
            ("serverTime", self.server_time.as_deref()),
            ("searchLimit", search.as_deref()),
            ("messageSizeLimit", message.as_deref()),
            ("storySizeLimit", story.as_deref()),
            ("rootUri", self.root_uri.as_deref()),
            ("dbVersion", self.database_version.as_deref()),
            ("displayName", self.display_name.as_deref()),
            ("roomManagementUrl", self.room_management_url.as_deref()),
        ]);
        attributes.extend(self.extra.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        writer.empty("sib", &attributes);
    }
}

/// `chanid` (a room to join) and `fib` (a room that failed): a room by its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomKey {
    /// Number within the command, or `OPERATION_FAILED`.
    pub key: String,
    /// The room.
    pub room: RoomUri,
}

impl RoomKey {
    pub(super) fn decode(element: &Element, reading: &mut Reading<'_>) -> Result<Self, Reason> {
        reading.unknown(element, &["key", "domain", "value"], &[]);
        let part = |name| attribute(element, name).map(str::trim).ok_or(Reason::Missing(name));
        let room = RoomUri::new(part("domain")?, part("value")?);
        Ok(Self {
            key: owned(element, "key").unwrap_or_default(),
            room: room.ok_or(Reason::Unreadable("value"))?,
        })
    }

    pub(super) fn encode_channel(&self, writer: &mut Writer) {
        let (domain, value) = (self.room.domain(), self.room.guid());
        writer.empty("chanid", &[("key", &self.key), ("domain", domain), ("value", value)]);
    }

    pub(super) fn encode_failure(&self, writer: &mut Writer) {
        let (domain, value) = (self.room.domain(), self.room.guid());
        writer.empty("fib", &[("key", &self.key), ("value", value), ("domain", domain)]);
    }
}

/// `qib`: which rooms are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomQuery {
    /// What `criteria` is compared with, see [`BY_NAME`].
    pub kind: String,
    /// Words of the name; empty for all rooms.
    pub criteria: String,
    /// Probably: descriptions are searched too.
    pub extended: bool,
}

impl RoomQuery {
    pub(super) fn decode(element: &Element, reading: &mut Reading<'_>) -> Self {
        reading.unknown(element, &["qtype", "criteria", "extended"], &[]);
        Self {
            kind: owned(element, "qtype").unwrap_or_else(|| BY_NAME.to_owned()),
            criteria: owned(element, "criteria").unwrap_or_default(),
            extended: reading.boolean(element, "extended").unwrap_or_default(),
        }
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        let extended = boolean_text(self.extended);
        let attributes =
            [("qtype", self.kind.as_str()), ("criteria", &self.criteria), ("extended", extended)];
        writer.empty("qib", &attributes);
    }
}

/// `bcq`: which part of the history is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The last so many posts.
    pub last: Option<u32>,
    /// Other conditions as they came; [`super::assumed`] reads them.
    pub other: Vec<Element>,
}

impl HistoryQuery {
    pub(super) fn decode(element: &Element, reading: &mut Reading<'_>) -> Self {
        reading.unknown(element, &[], super::assumed::known_conditions(reading.quirks));
        let last = child(element, "last");
        let other = element.children().filter(|child| !is(child, "last"));
        Self {
            last: last.and_then(|last| reading.number(last, "cnt")),
            other: other.cloned().collect(),
        }
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        writer.element("bcq", &[], |inside| {
            if let Some(last) = self.last {
                inside.empty("last", &[("cnt", &last.to_string())]);
            }
            for other in &self.other {
                write_element(inside, other);
            }
        });
    }
}

/// A block that is nothing but attributes: `inv`, `pref`, `ftdb`, `token`. Read by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(
    /// Names and values in order.
    pub Vec<(String, String)>,
);

impl Values {
    /// These pairs.
    #[must_use]
    pub fn new(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }

    /// The value of the first pair with this name, whatever its case.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut pairs = self.0.iter();
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(super) fn decode(element: &Element, known: &[&str], reading: &mut Reading<'_>) -> Self {
        reading.unknown(element, known, &[]);
        Self(element.attributes.clone())
    }

    pub(super) fn encode(&self, writer: &mut Writer, name: &str) {
        let pairs = self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        writer.empty(name, &pairs.collect::<Vec<_>>());
    }
}
