//! What a message is for the comparison, and in words.

use lync::{
    Quirks,
    sip::{Message, Method},
    xccos::{self, Child, Command, Envelope},
};

use crate::transcript::Entry;

/// What two messages have in common that say the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Request {
        method: String,
        /// `cmd:join`, `grpchat`; empty for a request that carries none.
        commands: String,
        /// Everything of the body but its number: tells alike commands apart.
        body: String,
        /// REGISTER with `Expires: 0`.
        leaves: bool,
    },
    Response {
        status: u16,
        /// Number and method, and the branch: whose answer it is.
        of: (String, String),
    },
}

impl Line {
    pub(super) fn of(message: &Message) -> Self {
        if let Some(status) = message.status() {
            let cseq = message.headers.first("CSeq").unwrap_or_default().to_owned();
            let of = (cseq, message.branch().unwrap_or_default().to_owned());
            return Self::Response { status, of };
        }
        let method = message.method().map(|method| method.to_string()).unwrap_or_default();
        let leaves = method == Method::REGISTER.as_str()
            && message.expires_header().is_some_and(|value| value.trim() == "0");
        let (commands, body) = match envelope(message) {
            Some(envelope) => {
                (commands(&envelope), xccos::encode(&Envelope { envid: String::new(), ..envelope }))
            }
            None => Default::default(),
        };
        Self::Request { method, commands, body, leaves }
    }

    /// Whether both say the same, ids apart.
    pub(super) fn says(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Request { method, commands, leaves, .. },
                Self::Request { method: m, commands: c, leaves: l, .. },
            ) => (method, commands, leaves) == (m, c, l),
            (Self::Response { .. }, Self::Response { .. }) => self == other,
            _ => false,
        }
    }
}

/// The envelope in an INFO, read as a server of ours would.
pub(super) fn envelope(message: &Message) -> Option<Envelope> {
    let info = message.is_request() && message.method() == Some(Method::INFO);
    info.then(|| xccos::decode(&message.body, &Quirks::embedded()).ok()).flatten()
}

/// The commands in an envelope.
pub(super) fn commands_in(envelope: &Envelope) -> impl Iterator<Item = &Command> {
    envelope.children.iter().filter_map(|child| match child {
        Child::Command { command, .. } => Some(command),
        _ => None,
    })
}

fn commands(envelope: &Envelope) -> String {
    let words = envelope.children.iter().map(|child| match child {
        Child::Command { command, .. } => format!("cmd:{}", command.name()),
        Child::Reply(reply) => format!("rpl:{}", reply.name),
        Child::Notice(notice) => format!("ntc:{}", notice.name()),
        Child::Chat(_) => "grpchat".to_owned(),
        Child::Invalid { id, .. } => id.clone(),
        Child::Unknown(element) => element.name.clone(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A message in few words.
pub(super) fn words(message: &Message) -> String {
    if let Some(status) = message.status() {
        let of = message.headers.first("CSeq").unwrap_or_default();
        return format!("{status} to {of}");
    }
    match Line::of(message) {
        Line::Request { method, commands, .. } => {
            format!("{method} {commands}").trim_end().to_owned()
        }
        Line::Response { .. } => String::new(),
    }
}

/// The message that an entry holds.
pub(super) fn message(entry: &Entry) -> Result<Message, String> {
    let (head, body) = entry.parts();
    let head = head.replace('\n', "\r\n") + "\r\n\r\n";
    let mut message = Message::parse_head(head.as_bytes()).map_err(|error| error.to_string())?;
    message.body = body.to_owned().into();
    Ok(message)
}
