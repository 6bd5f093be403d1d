//! A pool on a virtual clock, and phones that speak to it with the client's own pieces.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests stop at the first surprise; one instant is asked for, as a beginning"
)]

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use ntlm::{Credentials, Secret};

use super::*;
use crate::{
    auth::{Authorized, ClientHandshake, SecurityAssociation, Verified},
    members::{Principal, Roles},
    sip::{Dialog, Framer, Method, instance_uuid},
    xccos::{self, Child, Command, Envelope, RoomUri, assumed::PrincipalKind},
};

pub(super) const ALICE: &str = "sip:alice@contoso.com";
pub(super) const BOB: &str = "sip:bob@contoso.com";
pub(super) const CHAT: &str = "sip:GC-1-PersistentChatService-2@contoso.com";

pub(super) fn ops() -> RoomUri {
    RoomUri::parse("ma-chan://contoso.com/5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c11").unwrap()
}

pub(super) fn closed() -> RoomUri {
    RoomUri::parse("ma-chan://contoso.com/8a2c9d34-71b6-4b0c-8f12-2f6f0d9c7e55").unwrap()
}

pub(super) fn user(name: &str, display: &str) -> User {
    User {
        address: format!("sip:{name}@contoso.com"),
        login: name.to_owned(),
        domain: "CONTOSO".into(),
        password: Secret::new("secret"),
        name: display.to_owned(),
        chat_enabled: true,
        groups: Vec::new(),
    }
}

pub(super) fn member(address: &str) -> RoomMember {
    let principal =
        Principal { address: address.to_owned(), name: String::new(), kind: PrincipalKind::User };
    RoomMember { principal, roles: Roles { member: true, ..Roles::default() } }
}

/// Bytes that differ every time; some can be foretold by their length.
#[derive(Clone, Default)]
pub(super) struct Script {
    forced: Arc<Mutex<VecDeque<Vec<u8>>>>,
    count: Arc<Mutex<u64>>,
}

impl Script {
    /// The next draw of as many bytes gives these.
    pub(super) fn force(&self, bytes: &[u8]) {
        self.forced.lock().unwrap().push_back(bytes.to_vec());
    }
}

impl Entropy for Script {
    fn fill(&mut self, bytes: &mut [u8]) {
        let mut forced = self.forced.lock().unwrap();
        let place = forced.iter().position(|piece| piece.len() == bytes.len());
        if let Some(piece) = place.and_then(|place| forced.remove(place)) {
            return bytes.copy_from_slice(&piece);
        }
        let mut count = self.count.lock().unwrap();
        *count += 1;
        for (byte, from) in bytes.iter_mut().rev().zip(count.to_le_bytes()) {
            *byte = from;
        }
    }
}

/// A pool with Alice, Bob, and a room each may and may not enter.
pub(super) struct World {
    pub(super) pool: Pool,
    pub(super) now: Now,
    pub(super) script: Script,
    inboxes: BTreeMap<ConnectionId, Framer>,
    closed: Vec<ConnectionId>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(PoolConfig::new("contoso.com"))
    }

    pub(super) fn with(config: PoolConfig) -> Self {
        let mut room = RoomSpec::new(ops(), "Ops Desk");
        room.members = vec![member(ALICE), member(BOB)];
        let users =
            [user("alice", "Alice"), user("bob", "Bob"), user("anna.keller", "Anna Keller")];
        let script = Script::default();
        let rooms = [room, RoomSpec::new(closed(), "Closed Shop")];
        Self {
            pool: Pool::new(config, users, rooms, script.clone()),
            now: Now { instant: Instant::now(), unix: Duration::from_secs(1_393_838_102) },
            script,
            inboxes: BTreeMap::new(),
            closed: Vec::new(),
        }
    }

    pub(super) fn connect(&mut self, number: u64) -> ConnectionId {
        let id = ConnectionId(number);
        let peer = "10.0.8.20:49822".parse().unwrap();
        let local = "10.0.1.11:5061".parse().unwrap();
        self.pool.connect(id, peer, local, Transport::Tls);
        self.inboxes.insert(id, Framer::new());
        id
    }

    /// Hands bytes in and gives back what the pool sends on that connection.
    pub(super) fn exchange(&mut self, id: ConnectionId, bytes: &[u8]) -> Vec<Message> {
        self.pool.receive(id, bytes, self.now).unwrap();
        self.collect(id)
    }

    /// What the pool has sent on the connection since.
    pub(super) fn collect(&mut self, id: ConnectionId) -> Vec<Message> {
        while let Some((to, output)) = self.pool.poll() {
            match output {
                PoolOutput::Send(bytes) => self.inboxes.get_mut(&to).unwrap().push(&bytes).unwrap(),
                PoolOutput::Close => self.closed.push(to),
            }
        }
        let inbox = self.inboxes.get_mut(&id).unwrap();
        let frames = std::iter::from_fn(|| inbox.next().unwrap());
        frames.map(|frame| if let Frame::Message(m) = frame { m } else { panic!() }).collect()
    }

    pub(super) fn is_closed(&mut self, id: ConnectionId) -> bool {
        self.collect(id);
        self.closed.contains(&id)
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.unix += time;
        self.pool.handle_timeout(self.now);
    }

    pub(super) fn post(&mut self, text: &str) -> u64 {
        let now = self.now;
        self.pool.post(&ops(), "sip:anna.keller@contoso.com", NewPost::text(text), now).unwrap()
    }

    pub(super) fn events(&mut self) -> Vec<PoolEvent> {
        std::iter::from_fn(|| self.pool.poll_event()).collect()
    }
}

/// One endpoint.
pub(super) struct Phone {
    pub(super) id: ConnectionId,
    pub(super) epid: &'static str,
    pub(super) address: String,
    pub(super) security: Option<SecurityAssociation>,
    pub(super) dialog: Option<Dialog>,
    /// Whether unsigned and wrongly signed messages are a surprise.
    pub(super) strict: bool,
    requests: u32,
    invites: u32,
    script: Script,
}

impl Phone {
    pub(super) fn new(world: &mut World, number: u64, address: &str) -> Self {
        Self {
            id: world.connect(number),
            epid: "f29197849b19",
            address: address.to_owned(),
            security: None,
            dialog: None,
            strict: true,
            requests: 0,
            invites: 0,
            script: world.script.clone(),
        }
    }

    /// Signed in, in a dialog with the chat service.
    pub(super) fn ready(world: &mut World, number: u64, address: &str) -> Self {
        let mut phone = Self::new(world, number, address);
        assert_eq!(phone.sign_in(world, "secret").status(), Some(200));
        assert_eq!(phone.invite(world, CHAT).status(), Some(200));
        phone
    }

    /// [`Phone::ready`], and inside the room.
    pub(super) fn inside(world: &mut World, number: u64, address: &str) -> Self {
        let mut phone = Self::ready(world, number, address);
        let children = phone.command(world, Command::Join { room: ops() });
        assert!(matches!(&children[..], [Child::Reply(reply)] if reply.is_success()));
        phone
    }

    pub(super) fn request(&mut self, method: Method, uri: &str) -> Message {
        self.requests += 1;
        let mut request = Message::request(method.clone(), uri);
        let (number, address, epid) = (self.requests, &self.address, self.epid);
        for (name, value) in [
            ("Via", "SIP/2.0/TLS 10.0.8.20:49822".to_owned()),
            ("From", format!("<{address}>;tag=t{number};epid={epid}")),
            ("To", format!("<{address}>")),
            ("CSeq", format!("{number} {method}")),
            ("Call-ID", format!("call-{}", self.id.0)),
            (
                "Contact",
                format!(
                    "<sip:10.0.8.20:49822>;+sip.instance=\"<urn:uuid:{}>\"",
                    instance_uuid(epid)
                ),
            ),
        ] {
            request.headers.push(name, value);
        }
        request
    }

    pub(super) fn register(&mut self) -> Message {
        self.request(Method::REGISTER, "sip:contoso.com")
    }

    /// The whole handshake; the last answer.
    pub(super) fn sign_in(&mut self, world: &mut World, password: &str) -> Message {
        let user = self.address.trim_start_matches("sip:").split('@').next().unwrap().to_owned();
        self.sign_in_as(world, &user, password)
    }

    pub(super) fn sign_in_as(&mut self, world: &mut World, user: &str, password: &str) -> Message {
        let credentials = Credentials {
            user: user.to_owned(),
            domain: "CONTOSO".into(),
            password: Secret::new(password),
        };
        let mut handshake = ClientHandshake::new(credentials, "phone");
        let mut request = self.register();
        for _ in 0..3 {
            let answers = world.exchange(self.id, &request.encode());
            let [answer] = &answers[..] else { panic!("{answers:?}") };
            if answer.status() != Some(401) || self.security.is_some() {
                self.check(answer);
                return answer.clone();
            }
            handshake.challenge(answer).unwrap();
            request = self.register();
            let step = handshake.authorize(&mut request, &mut self.script, world.now).unwrap();
            if let Authorized::Proved(security) = step {
                self.security = Some(*security);
            }
        }
        panic!("no end of the handshake")
    }

    /// Signs and sends; what comes back.
    pub(super) fn send(&mut self, world: &mut World, mut message: Message) -> Vec<Message> {
        if let Some(security) = &mut self.security {
            security.sign(&mut message, &mut self.script);
        }
        let answers = world.exchange(self.id, &message.encode());
        answers.iter().for_each(|answer| self.check(answer));
        answers
    }

    /// Signs, sends and gives the only answer.
    pub(super) fn ask(&mut self, world: &mut World, message: Message) -> Message {
        let answers = self.send(world, message);
        let [answer] = &answers[..] else { panic!("{answers:?}") };
        answer.clone()
    }

    /// Checks a message of the pool's by the rules of dossier 2.7.
    pub(super) fn check(&mut self, message: &Message) {
        let Some(security) = self.security.as_mut().filter(|_| self.strict) else { return };
        let may_be_plain = message.status().is_some_and(|status| status < 200 || status == 401);
        let verified = security.verify(message).unwrap();
        assert!(verified == Verified::Signed || may_be_plain, "{message:?}");
    }

    pub(super) fn invite(&mut self, world: &mut World, uri: &str) -> Message {
        self.invites += 1;
        let mut invite = self.request(Method::INVITE, uri);
        invite.headers.set("To", format!("<{uri}>"));
        invite.headers.set("Call-ID", format!("chat-{}-{}", self.id.0, self.invites));
        let answers = self.send(world, invite.clone());
        let last = answers.last().unwrap().clone();
        if last.status() == Some(200) {
            assert_eq!(answers[0].status(), Some(100));
            let mut dialog = Dialog::uac(&invite, &last).unwrap();
            let ack = dialog.request(&Method::ACK);
            self.dialog = Some(dialog);
            assert!(self.send(world, ack).is_empty());
        }
        last
    }

    /// A request within the dialog.
    pub(super) fn within(&mut self, method: &Method, body: &str) -> Message {
        let mut request = self.dialog.as_mut().unwrap().request(method);
        if !body.is_empty() {
            request.headers.push("Content-Type", "text/plain");
            request.body = body.to_owned().into();
        }
        request
    }

    /// Sends a command; its INFO must be taken. What the pool tells, all of it answered.
    pub(super) fn command(&mut self, world: &mut World, command: Command) -> Vec<Child> {
        let body = xccos::encode(&Envelope::command(7, command));
        let info = self.within(&Method::INFO, &body);
        let answers = self.send(world, info);
        assert_eq!(answers[0].status(), Some(200));
        self.told(world, &answers[1..])
    }

    /// Posts; the status of the answer, and what the pool tells then.
    pub(super) fn post(&mut self, world: &mut World, text: &str) -> (Option<u16>, Vec<Child>) {
        let message =
            xccos::ChatMessage::outgoing(ops(), &self.address, text, Duration::from_secs(1));
        let body = xccos::encode(&Envelope::post(8, message));
        let info = self.within(&Method::INFO, &body);
        let answers = self.send(world, info);
        (answers[0].status(), self.told(world, &answers[1..]))
    }

    /// What the pool has told meanwhile, all of it answered 200.
    pub(super) fn hear(&mut self, world: &mut World) -> Vec<Child> {
        let messages = world.collect(self.id);
        messages.iter().for_each(|message| self.check(message));
        self.told(world, &messages)
    }

    fn told(&mut self, world: &mut World, messages: &[Message]) -> Vec<Child> {
        let mut children = Vec::new();
        for message in messages {
            self.respond(world, message, 200);
            if message.method() == Some(Method::INFO) {
                let quirks = crate::Quirks::embedded();
                children.extend(xccos::decode(&message.body, &quirks).unwrap().children);
            }
        }
        children
    }

    /// Answers a request of the pool's.
    pub(super) fn respond(&mut self, world: &mut World, request: &Message, status: u16) {
        assert!(request.is_request(), "{request:?}");
        assert!(self.send(world, Message::answer(request, status)).is_empty());
    }
}

/// The posts among what was told.
pub(super) fn texts(children: &[Child]) -> Vec<&str> {
    let posts = children.iter().filter_map(|child| match child {
        Child::Chat(message) => Some(message.chat.as_str()),
        _ => None,
    });
    posts.collect()
}
