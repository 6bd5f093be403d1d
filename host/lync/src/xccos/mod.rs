//! XCCOS, the language of chat rooms inside SIP INFO bodies, for both ends (dossier section 4).
//!
//! [`decode`] reads an [`Envelope`] of any number of children, [`encode`] writes one. What a
//! source has shown is in the files here; what was recalled or invented for want of a source is in
//! [`assumed`] and behind [`Quirks`]. Names are compared without regard to case. What nobody knows
//! is kept and its name reported in [`Envelope::oddities`]: the first contact with a real server
//! shall settle the open questions.

pub mod assumed;
mod blocks;
mod chat;
mod command;
mod data;
mod notice;
mod reading;
mod reply;
mod rights;
mod room;
mod room_uri;
pub mod timestamp;

use std::borrow::Cow;

use xml::{Element, Limits, Writer};

use self::reading::{Reading, attribute, is, owned, write_element};
pub use self::{
    blocks::{
        BY_NAME, HistoryQuery, RoomKey, RoomQuery, SERVER_INFO_ALL, ServerInfo, User, Values,
    },
    chat::ChatMessage,
    command::Command,
    data::{Block, Data, PARTICIPANTS_MAX, Participant},
    notice::{Entered, Left, Notice},
    reading::ODDITIES_MAX,
    reply::{CODE_MISSING, CODE_OK, CommandId, Reply, TEXT_OK},
    rights::Rights,
    room::{Association, Privacy, RoomInfo},
    room_uri::{RoomUri, SCHEME, URI_BYTES_MAX},
};
use crate::quirks::Quirks;

/// The namespace of all elements.
pub const NAMESPACE: &str = "urn:parlano:xml:ns:xccos";
/// The `ver` of the envelope.
pub const VERSION: &str = "1";
/// Bytes of the longest body taken.
pub const BODY_BYTES_MAX: usize = 16 << 20;
/// Elements inside one another.
pub const DEPTH_MAX: usize = 32;
/// Elements and attributes of one body.
pub const ELEMENTS_MAX: usize = 500_000;

const LIMITS: Limits =
    Limits { bytes_max: BODY_BYTES_MAX, depth_max: DEPTH_MAX, elements_max: ELEMENTS_MAX };
/// A server adds these to the root.
const SERVER_NAMESPACES: [(&str, &str); 2] = [
    ("xmlns:xsd", "http://www.w3.org/2001/XMLSchema"),
    ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
];

/// Why a body is no envelope. The body itself is worth keeping for a look.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XccosError {
    /// It is no XML, or more than [`BODY_BYTES_MAX`], [`DEPTH_MAX`], [`ELEMENTS_MAX`] allow.
    #[error(transparent)]
    Xml(#[from] xml::Error),
    /// It is XML of another kind.
    #[error("the root is not xccos")]
    Root,
}

/// What is wrong with one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// This attribute or child is not there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// This attribute has no sense.
    #[error("{0} cannot be read")]
    Unreadable(&'static str),
}

/// One body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// [`VERSION`].
    pub version: String,
    /// The sender's number; a server's has 64 bits. Replies refer to it.
    pub envid: String,
    /// For writing: a server's root names two more namespaces. Not known of what was read.
    pub from_server: bool,
    /// In document order. Several are legal both ways.
    pub children: Vec<Child>,
    /// Names of attributes, elements and notices nobody knows, at most [`ODDITIES_MAX`]. They
    /// hold no values and no text.
    pub oddities: Vec<String>,
    /// Whether characters that XML forbids stood in it: they are U+FFFD now.
    pub repaired: bool,
}

/// What stands in an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Child {
    /// `cmd`.
    Command {
        /// Its number in the envelope, which the reply repeats.
        seqid: String,
        /// The command.
        command: Command,
    },
    /// `rpl`.
    Reply(Reply),
    /// `ntc`.
    Notice(Notice),
    /// `grpchat`.
    Chat(ChatMessage),
    /// One of these that cannot be used; its neighbours can. A server answers a bad command.
    Invalid {
        /// Its number in the envelope.
        seqid: String,
        /// Its label, such as `cmd:join` or `grpchat`.
        id: String,
        /// What is wrong.
        reason: Reason,
        /// As it came.
        element: Element,
    },
    /// Something else, as it came.
    Unknown(Element),
}

impl Envelope {
    /// A client's envelope with one command.
    #[must_use]
    pub fn command(envid: impl ToString, command: Command) -> Self {
        Self::client(envid, vec![Child::Command { seqid: "1".to_owned(), command }])
    }

    /// A client's envelope with one post.
    #[must_use]
    pub fn post(envid: impl ToString, message: ChatMessage) -> Self {
        Self::client(envid, vec![Child::Chat(message)])
    }

    /// A server's envelope with one reply.
    #[must_use]
    pub fn reply(envid: impl ToString, reply: Reply) -> Self {
        Self::server(envid, vec![Child::Reply(reply)])
    }

    /// A client's envelope.
    #[must_use]
    pub fn client(envid: impl ToString, children: Vec<Child>) -> Self {
        Self {
            version: VERSION.to_owned(),
            envid: envid.to_string(),
            from_server: false,
            children,
            oddities: Vec::new(),
            repaired: false,
        }
    }

    /// A server's envelope. One child each suits all known clients.
    #[must_use]
    pub fn server(envid: impl ToString, children: Vec<Child>) -> Self {
        Self { from_server: true, ..Self::client(envid, children) }
    }
}

/// Reads the body of an INFO.
///
/// A child that makes no sense becomes [`Child::Invalid`]; the others stay usable. Characters
/// that XML forbids become U+FFFD. A byte order mark of UTF-16 is honoured, all else is UTF-8.
///
/// # Errors
/// [`XccosError`] if it is no XML within the limits or not an envelope.
pub fn decode(body: &[u8], quirks: &Quirks) -> Result<Envelope, XccosError> {
    let body = utf8(body);
    let (root, repaired) = match xml::parse(&body, &LIMITS) {
        Err(xml::Error::Character { .. }) => (xml::parse_lenient(&body, &LIMITS)?, true),
        parsed => (parsed?, false),
    };
    let ours = root.namespace.is_empty() || root.namespace.eq_ignore_ascii_case(NAMESPACE);
    if !is(&root, "xccos") || !ours {
        return Err(XccosError::Root);
    }
    let mut reading = Reading::new(quirks);
    reading.unknown(&root, &["ver", "envid"], &["cmd", "rpl", "ntc", "grpchat"]);
    let children = root.children().map(|child| Child::decode(child, &mut reading)).collect();
    Ok(Envelope {
        version: owned(&root, "ver").unwrap_or_default(),
        envid: attribute(&root, "envid").unwrap_or_default().trim().to_owned(),
        from_server: false,
        children,
        oddities: reading.oddities,
        repaired,
    })
}

/// Writes the body of an INFO.
#[must_use]
pub fn encode(envelope: &Envelope) -> String {
    let mut attributes = Vec::new();
    if envelope.from_server {
        attributes.extend(SERVER_NAMESPACES);
    }
    attributes.extend([
        ("ver", envelope.version.as_str()),
        ("envid", envelope.envid.as_str()),
        ("xmlns", NAMESPACE),
    ]);
    let mut writer = Writer::new();
    writer.element("xccos", &attributes, |inside| {
        for (place, child) in envelope.children.iter().enumerate() {
            child.encode(inside, &(place + 1).to_string());
        }
    });
    writer.finish()
}

/// UTF-16 longer than the limit is passed on, to be refused by its length.
fn utf8(body: &[u8]) -> Cow<'_, [u8]> {
    match encoding_rs::Encoding::for_bom(body) {
        Some((encoding, _)) if encoding != encoding_rs::UTF_8 && body.len() <= BODY_BYTES_MAX => {
            Cow::Owned(encoding.decode(body).0.into_owned().into_bytes())
        }
        _ => Cow::Borrowed(body),
    }
}

impl Child {
    fn decode(element: &Element, reading: &mut Reading<'_>) -> Self {
        let id = attribute(element, "id").unwrap_or_default().trim();
        let seqid = attribute(element, "seqid").unwrap_or("1").trim().to_owned();
        let kind = element.name.to_ascii_lowercase();
        let read = match kind.as_str() {
            "rpl" => Ok(Self::Reply(Reply::decode(label(id, "rpl:"), element, reading))),
            "ntc" => Ok(Self::Notice(Notice::decode(label(id, "ntc:"), element, reading))),
            "grpchat" => ChatMessage::decode(element, reading).map(Self::Chat),
            "cmd" => Self::decode_command(label(id, "cmd:"), &seqid, element, reading),
            _ => return Self::Unknown(element.clone()),
        };
        read.unwrap_or_else(|reason| {
            let id = if id.is_empty() { kind } else { id.to_owned() };
            Self::Invalid { seqid, id, reason, element: element.clone() }
        })
    }

    fn decode_command(
        name: &str,
        seqid: &str,
        element: &Element,
        reading: &mut Reading<'_>,
    ) -> Result<Self, Reason> {
        if name.is_empty() {
            return Err(Reason::Missing("id"));
        }
        reading.unknown(element, &["id", "seqid"], &["data"]);
        let data = Data::decode(reading::child(element, "data"), reading);
        let command = Command::decode(name, data, reading.quirks)?;
        Ok(Self::Command { seqid: seqid.to_owned(), command })
    }

    fn encode(&self, writer: &mut Writer, place: &str) {
        match self {
            Self::Command { seqid, command } => {
                let id = format!("cmd:{}", command.name());
                writer.element("cmd", &[("id", id.as_str()), ("seqid", seqid)], |inside| {
                    command.data().encode(inside);
                });
            }
            Self::Reply(reply) => reply.encode(writer, place),
            Self::Notice(notice) => notice.encode(writer, place),
            Self::Chat(message) => message.encode(writer, "grpchat", place),
            Self::Invalid { element, .. } | Self::Unknown(element) => {
                write_element(writer, element);
            }
        }
    }
}

/// The label without its prefix, if it has one.
fn label<'i>(id: &'i str, prefix: &str) -> &'i str {
    match id.split_at_checked(prefix.len()) {
        Some((head, rest)) if head.eq_ignore_ascii_case(prefix) => rest,
        _ => id,
    }
}

#[cfg(test)]
mod tests;
