//! One connection: bytes to messages, messages to signed bytes.

use std::net::SocketAddr;

use bytes::Bytes;

use super::{
    ConnectionId, Pool, PoolOutput,
    faults::{Faults, take},
    handshake::Association,
};
use crate::{
    Now,
    auth::{ServerHandshake, Verified},
    sip::{Framer, Headers, Message, Transport},
};

/// Bytes of a dialog tag, in capital hex on the wire.
const TAG_BYTES: usize = 5;

/// A connection and who signed in on it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) transport: Transport,
    pub(super) framer: Framer,
    /// Signs and verifies once a handshake succeeded.
    pub(super) association: Option<Association>,
    /// Where a REGISTER without association goes.
    pub(super) handshake: ServerHandshake,
    /// Dead without a word (fault).
    pub(super) silent: bool,
}

impl Connection {
    pub(super) fn new(
        peer: SocketAddr,
        local: SocketAddr,
        transport: Transport,
        handshake: ServerHandshake,
    ) -> Self {
        Self {
            peer,
            local,
            transport,
            framer: Framer::new(),
            association: None,
            handshake,
            silent: false,
        }
    }
}

/// Whether a message gets a signature. 1xx and challenges never do (dossier 2.6, 2.7).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Signing {
    Signed,
    Plain,
}

impl Pool {
    /// Whether the message carries a valid signature that was never seen before.
    pub(super) fn verify(&mut self, id: ConnectionId, message: &Message, now: Now) -> bool {
        let connection = self.connections.get_mut(&id);
        let Some(association) = connection.and_then(|c| c.association.as_mut()) else {
            return false;
        };
        now.instant < association.until
            && association.security.verify(message) == Ok(Verified::Signed)
    }

    /// Sends a message over the connection, signed if there is an association.
    pub(super) fn send(&mut self, id: ConnectionId, mut message: Message, signing: Signing) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.silent {
            return;
        }
        if let (Signing::Signed, Some(association)) = (signing, &mut connection.association)
            && !take(&mut self.faults.missing_signatures)
        {
            association.security.sign(&mut message, &mut *self.entropy);
            if take(&mut self.faults.wrong_signatures) {
                spoil_signature(&mut message);
            }
        }
        let bytes = encode(&message, &self.faults);
        let piece_bytes = self.faults.split_bytes.unwrap_or(usize::MAX).max(1);
        let mut rest = bytes;
        while !rest.is_empty() {
            let piece = rest.split_to(piece_bytes.min(rest.len()));
            self.output.push_back((id, PoolOutput::Send(piece)));
        }
    }

    /// The response to `request`, its `Via` marked with where it came from. A final one that
    /// starts a dialog, or stands outside of any, gets a tag.
    pub(super) fn response(&mut self, id: ConnectionId, request: &Message, status: u16) -> Message {
        let mut response = Message::answer(request, status);
        if let (Some(connection), Some(via)) =
            (self.connections.get(&id), request.headers.first("Via"))
        {
            let (ip, port) = (connection.peer.ip(), connection.peer.port());
            let marked =
                format!("{via};received={ip};ms-received-port={port};ms-received-cid={:X}", id.0);
            replace_first_via(&mut response.headers, &marked);
        }
        if status > 100 && request.to().tag().is_none() {
            let to = request.headers.first("To").unwrap_or_default();
            let tagged = format!("{to};tag={}", self.hex(TAG_BYTES));
            response.headers.set("To", tagged);
        }
        response
    }

    /// Answers with a bare status.
    pub(super) fn answer(&mut self, id: ConnectionId, request: &Message, status: u16) {
        let response = self.response(id, request, status);
        self.send(id, response, Signing::Signed);
    }

    /// Answers with a status and the reason of it (MS-OCER).
    pub(super) fn refuse(&mut self, id: ConnectionId, request: &Message, refusal: Diagnosed) {
        let mut response = self.response(id, request, refusal.status);
        response.headers.push("ms-diagnostics", self.diagnostics(refusal.id, refusal.reason));
        self.send(id, response, Signing::Signed);
    }

    /// The value of `ms-diagnostics`.
    pub(super) fn diagnostics(&self, id: u32, reason: &str) -> String {
        format!("{id};reason=\"{reason}\";source=\"{}\"", self.config.server_name)
    }

    /// `count` unpredictable bytes in capital hex.
    pub(super) fn hex(&mut self, count: usize) -> String {
        let mut bytes = vec![0; count];
        self.entropy.fill(&mut bytes);
        bytes.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// A `Via` of ours for the next request on the connection.
    pub(super) fn own_via(&mut self, id: ConnectionId) -> String {
        let branch = self.hex(8);
        match self.connections.get(&id) {
            Some(connection) => {
                let (transport, local) = (connection.transport.via(), connection.local);
                format!("SIP/2.0/{transport} {local};branch=z9hG4bK{branch}")
            }
            None => String::new(),
        }
    }

    /// Has a connection closed and forgets it.
    pub(super) fn close(&mut self, id: ConnectionId) {
        self.forget(id);
        self.output.push_back((id, PoolOutput::Close));
    }
}

/// A refusal with its reason: SIP status, ms-diagnostics id and text (dossier 3.10).
#[derive(Clone, Copy, Debug)]
pub(super) struct Diagnosed {
    pub(super) status: u16,
    pub(super) id: u32,
    pub(super) reason: &'static str,
}

impl Diagnosed {
    pub(super) const NOT_OWNER: Self = Self {
        status: 403,
        id: 4004,
        reason: "Credentials presented are not authorized to act as the From URI",
    };
    pub(super) const NO_DESTINATION: Self =
        Self { status: 404, id: 4005, reason: "Destination URI not enabled for SIP or unknown" };
    pub(super) const NO_EPID: Self = Self { status: 400, id: 4011, reason: "Missing epid" };
    pub(super) const LONG_EPID: Self = Self { status: 400, id: 4012, reason: "epid too long" };
    pub(super) const WRONG_INSTANCE: Self =
        Self { status: 400, id: 4013, reason: "Instance does not derive from epid" };
}

fn replace_first_via(headers: &mut Headers, first: &str) {
    let others: Vec<String> = headers.all("Via").skip(1).map(str::to_owned).collect();
    headers.set("Via", first);
    for other in others {
        headers.push("Via", other);
    }
}

/// Changes one hex digit of `rspauth`: the form stays right, the value does not.
fn spoil_signature(message: &mut Message) {
    let Some(value) = message.headers.first("Authentication-Info").map(str::to_owned) else {
        return;
    };
    let Some((before, after)) = value.split_once("rspauth=\"") else { return };
    let spoil = |(at, digit)| match (at, digit) {
        (12, '0') => '1',
        (12, _) => '0',
        (_, digit) => digit,
    };
    let after: String = after.chars().enumerate().map(spoil).collect();
    message.headers.set("Authentication-Info", format!("{before}rspauth=\"{after}"));
}

fn encode(message: &Message, faults: &Faults) -> Bytes {
    if !faults.capital_headers && !faults.folded_headers {
        return message.encode();
    }
    let mut message = message.clone();
    if faults.capital_headers {
        let mut headers = Headers::new();
        for (name, value) in message.headers.iter() {
            headers.push(&name.to_ascii_uppercase(), value);
        }
        message.headers = headers;
    }
    if faults.folded_headers { fold(&message) } else { message.encode() }
}

/// Breaks the line behind each `, ` of the head; what is signed holds none.
fn fold(message: &Message) -> Bytes {
    let bytes = message.encode();
    let body_bytes = message.body.len();
    let (head, body) = bytes.split_at(bytes.len().saturating_sub(body_bytes));
    let head = String::from_utf8_lossy(head).replace(", ", ",\r\n ");
    [head.as_bytes(), body].concat().into()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use crate::{
        server::{CONNECTIONS_MAX, ConnectionId, PoolOutput, Transport, testing::*},
        sip::Method,
    };

    #[test]
    fn responses_say_where_the_request_came_from() {
        let mut world = World::new();
        let mut phone = Phone::new(&mut world, 0x3e00, ALICE);
        let answer = phone.sign_in(&mut world, "secret");
        let via = answer.headers.first("Via");
        let expected = "SIP/2.0/TLS 10.0.8.20:49822;received=10.0.8.20;ms-received-port=49822;ms-received-cid=3E00";
        assert_eq!(via, Some(expected));
        assert_eq!(answer.to().tag().map(str::len), Some(10));
    }

    #[test]
    fn requests_carry_a_fresh_via() {
        let mut world = World::new();
        let phone = Phone::inside(&mut world, 1, ALICE);
        world.post("one");
        world.post("two");
        let told = world.collect(phone.id);
        let vias: Vec<_> = told.iter().filter_map(|info| info.headers.first("Via")).collect();
        assert!(
            vias.iter().all(|via| via.starts_with("SIP/2.0/TLS 10.0.1.11:5061;branch=z9hG4bK"))
        );
        assert_ne!(vias.first(), vias.last());
        assert!(told.iter().all(|info| info.method() == Some(Method::INFO)));
    }

    #[test]
    fn what_is_no_sip_closes_the_connection() {
        let mut world = World::new();
        let id = world.connect(1);
        assert!(world.pool.receive(id, b"GET / HTTP/1.1\r\n\r\n", world.now).is_err());
        assert!(world.is_closed(id));
        assert_eq!(world.exchange(id, b"REGISTER sip:contoso.com SIP/2.0\r\n\r\n"), []);
    }

    #[test]
    fn keep_alives_are_not_answered() {
        let mut world = World::new();
        let id = world.connect(1);
        assert_eq!(world.exchange(id, b"\r\n\r\n"), []);
        assert!(!world.is_closed(id));
    }

    #[test]
    fn too_many_connections_are_closed_at_once() {
        let mut world = World::new();
        let address = "10.0.8.20:1".parse().unwrap();
        let ids = (0..).map(ConnectionId).take(CONNECTIONS_MAX + 1);
        ids.for_each(|id| world.pool.connect(id, address, address, Transport::Tcp));
        let last = ConnectionId(CONNECTIONS_MAX.try_into().unwrap());
        assert_eq!(world.pool.poll(), Some((last, PoolOutput::Close)));
        assert_eq!(world.pool.poll(), None);
    }
}
