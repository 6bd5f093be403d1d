//! The session against a Front End in small, message by message.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests stop at the first surprise"
)]

mod chat;
mod rooms;
mod sign_in;
mod transcript;

use std::collections::VecDeque;
use std::time::Duration;

use ntlm::{Credentials, NtHash, ServerNames};

use super::*;
use crate::Quirks;
use crate::auth::{
    AuthVersion, REALM, SecurityAssociation, ServerHandshake, ServerParameters, ServerStep,
    Verified,
};
use crate::sip::{Dialog, Message, Method, gruu, instance_uuid};

pub(super) const POOL: &str = "sip:GC-1-PersistentChatService-2@contoso.com";
const PASSWORD: &str = "Sommer!2013";

pub(super) fn config() -> SessionConfig {
    SessionConfig {
        address: "sip:roombot@contoso.com".into(),
        credentials: Credentials {
            user: "roombot".into(),
            domain: "CONTOSO".into(),
            password: PASSWORD.into(),
        },
        workstation: "roombot01".into(),
        local: ([10, 0, 8, 20], 49822).into(),
        transport: Transport::Tls,
        server_port: 5061,
        user_agent: "UCCAPI/15.0.4420.1017 RoomBot/0.1".into(),
        endpoint_id: "f29197849b19".into(),
        chat_uri: None,
        quirks: Quirks::default(),
        history_first: 25,
    }
}

/// Numbers that are all different.
pub(super) fn counting() -> impl FnMut(&mut [u8]) + Send {
    let mut next = 0_u64;
    move |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(8) {
            next = next.wrapping_add(0x9e37_79b9_7f4a_7c15);
            for (to, from) in chunk.iter_mut().zip(next.to_be_bytes()) {
                *to = from;
            }
        }
    }
}

/// The time of the transcript, moved by hand.
pub(super) struct Clock(Now);

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "the start of the clock is any instant")]
    pub(super) fn new() -> Self {
        Self(Now { instant: Instant::now(), unix: Duration::from_secs(1_393_838_102) })
    }

    pub(super) fn now(&self) -> Now {
        self.0
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.0.instant += time;
        self.0.unix += time;
    }

    pub(super) fn at(&mut self, instant: Instant) {
        self.pass(instant.saturating_duration_since(self.0.instant));
    }
}

/// An event in few words.
pub(super) fn word(event: &Event) -> String {
    match event {
        Event::SignedIn { server, expires } => {
            format!("signed in {} {}s", server.as_deref().unwrap_or("?"), expires.as_secs())
        }
        Event::Provisioned(_) => "provisioned".into(),
        Event::ChatReady(info) => format!("chat ready {}", info.search_limit.unwrap_or(0)),
        Event::ChatUnavailable { reason, retry_in } => {
            let reason = match reason {
                Unavailable::Refused { status, .. } => status.to_string(),
                other => format!("{other:?}"),
            };
            format!("unavailable {reason}, retry in {}s", retry_in.as_secs())
        }
        Event::DialogLost(loss) => format!("lost {loss:?}"),
        Event::Rooms { result, .. } => match result {
            Ok(rooms) => {
                let names: Vec<_> = rooms.iter().filter_map(|r| r.name.clone()).collect();
                format!("rooms {}", names.join(","))
            }
            Err(error) => format!("no rooms: {error}"),
        },
        Event::Joined { room, participants, .. } => {
            format!("joined {} {}", room.name.as_deref().unwrap_or("?"), participants.len())
        }
        Event::JoinRefused { uri, .. } => format!("refused {uri}"),
        Event::Posted(post, receipt) => format!(
            "post{} {} {}",
            if receipt.0.is_some() { "!" } else { "" },
            post.id.unwrap_or(0),
            post.chat
        ),
        Event::Begun { last_id, .. } => format!("begun {last_id}"),
        Event::CaughtUp { .. } => "caught up".into(),
        Event::Gap { from, to, .. } => format!("gap {from}-{}", to.unwrap_or(0)),
        Event::Reviewed { result, .. } => match result {
            Ok(page) => {
                let posts: Vec<_> = page.posts.iter().map(|post| post.chat.as_str()).collect();
                format!("reviewed {}", posts.join(","))
            }
            Err(error) => format!("not reviewed: {error}"),
        },
        Event::Entered { address, .. } => format!("{address} entered"),
        Event::Left { address, .. } => format!("{address} left"),
        Event::Parted { retry_in, .. } => {
            format!("parted, retry in {}s", retry_in.unwrap_or_default().as_secs())
        }
        Event::Members { result, .. } => match result {
            Ok(members) => format!("members {}", members.len()),
            Err(error) => format!("no members: {error}"),
        },
        Event::PostResult { result: Ok(()), .. } => "posted".into(),
        Event::PostResult { result: Err(error), .. } => format!("not posted: {error}"),
        Event::RoomChanged { room } => format!("{room} changed"),
        Event::Oddities(names) => format!("odd: {}", names.join(", ")),
    }
}

/// A session and the server it talks to, with everything said so far.
pub(super) struct Pair {
    pub(super) session: Session,
    pub(super) clock: Clock,
    pub(super) events: Vec<Event>,
    pub(super) last: Option<Output>,
    /// What the session sent and nobody has looked at yet.
    pub(super) inbox: VecDeque<Message>,
    pub(super) keep_alives: usize,
    framer: Framer,
    handshake: ServerHandshake,
    association: Option<SecurityAssociation>,
    entropy: Box<dyn Entropy>,
    /// The chat service's end of the dialog.
    pub(super) dialog: Option<Dialog>,
    envid: u64,
}

impl Pair {
    pub(super) fn new(config: SessionConfig) -> Self {
        let clock = Clock::new();
        let session = Session::new(config, counting(), clock.now());
        let mut pair = Self {
            session,
            clock,
            events: Vec::new(),
            last: None,
            inbox: VecDeque::new(),
            keep_alives: 0,
            framer: Framer::new(),
            handshake: handshake(),
            association: None,
            entropy: Box::new(counting()),
            dialog: None,
            envid: 1,
        };
        pair.drain();
        pair
    }

    /// Signed in, provisioned, lookup done, chat ready.
    pub(super) fn ready(config: SessionConfig) -> Self {
        let mut pair = Self::new(config);
        pair.sign_in(PASSWORD);
        pair.subscribe("true");
        pair.lookup();
        pair.open();
        assert_eq!(pair.told().last().map(String::as_str), Some("chat ready 999"));
        pair
    }

    pub(super) fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Send(bytes) => self.framer.push(&bytes).unwrap(),
                Output::Event(event) => self.events.push(event),
                other => self.last = Some(other),
            }
        }
        while let Some(frame) = self.framer.next().unwrap() {
            match frame {
                Frame::Message(message) => self.inbox.push_back(message),
                Frame::KeepAlive => self.keep_alives += 1,
            }
        }
    }

    /// Takes what was told since the last time.
    pub(super) fn told(&mut self) -> Vec<String> {
        self.drain();
        std::mem::take(&mut self.events).iter().map(word).collect()
    }

    pub(super) fn ended(&self) -> &Ended {
        match &self.last {
            Some(Output::Ended(ended)) => ended,
            other => panic!("not ended: {other:?}"),
        }
    }

    /// The session's next message, which must be this request; its signature is checked.
    pub(super) fn expect(&mut self, method: Method) -> Message {
        let message = self.next();
        assert!(message.is_request(), "{message:?}");
        assert_eq!(message.method(), Some(method));
        message
    }

    pub(super) fn expect_status(&mut self, status: u16) -> Message {
        let message = self.next();
        assert_eq!(message.status(), Some(status), "{message:?}");
        message
    }

    fn next(&mut self) -> Message {
        let message = self.inbox.pop_front().expect("the session said nothing");
        if let Some(association) = &mut self.association {
            assert_eq!(association.verify(&message), Ok(Verified::Signed), "{message:?}");
        }
        message
    }

    pub(super) fn deliver(&mut self, mut message: Message) {
        let provisional = message.status().is_some_and(|status| status < 200);
        if let Some(association) = self.association.as_mut().filter(|_| !provisional) {
            association.sign(&mut message, &mut *self.entropy);
        }
        self.deliver_as_is(&message);
    }

    pub(super) fn deliver_as_is(&mut self, message: &Message) {
        // Octet by octet: where the stream is cut must not matter.
        for byte in message.encode().chunks(1) {
            let _ = self.session.receive(byte, self.clock.now());
        }
        self.drain();
    }

    pub(super) fn reply(&mut self, request: &Message, status: u16) {
        self.reply_with(request, status, &[], "");
    }

    pub(super) fn reply_with(
        &mut self,
        request: &Message,
        status: u16,
        headers: &[(&str, &str)],
        body: &str,
    ) {
        let mut response = Message::answer(request, status);
        if response.to().tag().is_none() {
            let to = format!("{};tag=server", response.headers.first("To").unwrap());
            response.headers.set("To", to);
        }
        for (name, value) in headers {
            response.headers.push(name, *value);
        }
        response.body = body.to_owned().into();
        self.deliver(response);
    }

    /// Lets time go by, timers included.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.clock.now().instant + time;
        while let Some((at, _)) = self.session.deadline().filter(|(at, _)| *at <= until) {
            self.clock.at(at);
            self.session.handle_timeout(self.clock.now());
            self.drain();
        }
        self.clock.at(until);
    }

    /// Answers one REGISTER of a handshake; `true` when the client has proved itself.
    pub(super) fn authenticate(&mut self, password: &str) -> bool {
        self.association = None;
        let request = self.expect(Method::REGISTER);
        let lookup = |user: &str, _: &str| {
            (user == "roombot").then(|| NtHash::of(&password.to_owned().into()))
        };
        let now = self.clock.now();
        match self.handshake.receive(&request, lookup, &mut *self.entropy, now) {
            ServerStep::Challenge(value) | ServerStep::Refused(_, value) => {
                self.reply_with(&request, 401, &[("WWW-Authenticate", &value)], "");
                false
            }
            ServerStep::Accepted(accepted) => {
                self.association = Some(accepted.association);
                self.registered(&request);
                true
            }
        }
    }

    pub(super) fn registered(&mut self, request: &Message) {
        let contact = format!(
            "<sip:10.0.8.20:49822>;expires=7200;+sip.instance=\"<urn:uuid:{}>\";gruu=\"{}\"",
            instance_uuid("f29197849b19"),
            gruu("sip:roombot@contoso.com", "f29197849b19")
        );
        let other = "<sip:10.9.9.9:1>;+sip.instance=\"<urn:uuid:0-0>\";gruu=\"sip:other\"";
        let headers = [
            ("Contact", other),
            ("Contact", contact.as_str()),
            ("Expires", "7200"),
            ("ms-keep-alive", "UAS; tcp=no; hop-hop=yes; end-end=no; timeout=300"),
            ("Allow-Events", "presence,vnd-microsoft-provisioning-v2"),
            ("Server", "RTC/5.0"),
        ];
        self.reply_with(request, 200, &headers, "");
    }

    pub(super) fn sign_in(&mut self, password: &str) {
        assert!(!self.authenticate(password));
        assert!(!self.authenticate(password));
        assert!(self.authenticate(password), "{:?}", self.last);
    }

    pub(super) fn document(enabled: &str) -> String {
        format!(
            "<provisionGroupList xmlns=\"x\"><provisionGroup name=\"persistentChatConfiguration\">\
             <propertyEntryList><property name=\"EnablePersistentChat\">{enabled}</property>\
             <property name=\"DefaultPersistentChatPoolUri\">{POOL}</property>\
             </propertyEntryList></provisionGroup></provisionGroupList>"
        )
    }

    pub(super) fn subscribe(&mut self, enabled: &str) {
        let request = self.expect(Method::SUBSCRIBE);
        let kind = "application/vnd-microsoft-roaming-provisioning-v2+xml";
        let headers = [("ms-piggyback-cseq", "1"), ("Content-Type", kind)];
        self.reply_with(&request, 200, &headers, &Self::document(enabled));
    }

    /// Takes an INVITE and makes the dialog.
    pub(super) fn accept(&mut self, uri: &str) {
        let invite = self.expect(Method::INVITE);
        assert_eq!(invite.uri(), Some(uri));
        let headers = [
            (
                "Contact",
                "<sip:pchat01.contoso.com@contoso.com;gruu;opaque=srvr:PersistentChat:kX2m>",
            ),
            ("Record-Route", "<sip:lyncfe01.contoso.com:5061;transport=tls;opaque=state:T:F;lr>"),
            ("Session-Expires", "1200;refresher=uac"),
        ];
        self.deliver(Message::answer(&invite, 100));
        let tag = format!("{};tag=s{}", invite.headers.first("To").unwrap(), invite.call_id());
        let mut answer = Message::answer(&invite, 200);
        answer.headers.set("To", tag);
        for (name, value) in headers {
            answer.headers.push(name, value);
        }
        self.dialog = Some(Dialog::uas(&invite, &answer).unwrap());
        self.deliver(answer);
        let ack = self.expect(Method::ACK);
        assert_eq!(ack.cseq(), Some((1, "ACK")));
        assert_eq!(ack.call_id(), invite.call_id());
    }

    /// Variant A: the lookup dialog, which names the pool itself.
    pub(super) fn lookup(&mut self) {
        self.accept(POOL);
        let envid = self.command("requri");
        self.rpl("requri", envid, 200, &format!("<uib uri=\"{POOL}\"/>"));
        let bye = self.expect(Method::BYE);
        self.reply(&bye, 200);
        self.accept(POOL);
    }

    pub(super) fn open(&mut self) {
        let envid = self.command("getserverinfo");
        let sib = "<sib infoType=\"123\" searchLimit=\"999\" messageSizeLimit=\"512\"/>";
        self.rpl("getserverinfo", envid, 200, sib);
    }

    /// Takes a command, answers its INFO with 200, gives its `envid`.
    pub(super) fn command(&mut self, name: &str) -> String {
        let (request, envid) = self.command_unanswered(name);
        self.reply(&request, 200);
        envid
    }

    pub(super) fn command_unanswered(&mut self, name: &str) -> (Message, String) {
        let request = self.expect(Method::INFO);
        let body = String::from_utf8_lossy(&request.body).into_owned();
        assert!(body.contains(&format!("<cmd id=\"cmd:{name}\"")), "{name}: {body}");
        let (_, rest) = body.split_once("envid=\"").unwrap();
        (request, rest.split('"').next().unwrap().to_owned())
    }

    /// Sends an INFO with these children and takes no answer yet.
    pub(super) fn info(&mut self, children: &str) {
        let mut info = self.dialog.as_mut().unwrap().request(&Method::INFO);
        info.headers.push("Via", "SIP/2.0/TLS 10.0.1.11:5061;branch=z9hG4bK1");
        info.headers.push("Content-Type", "text/plain");
        self.envid += 1;
        info.body = format!(
            "<xccos ver=\"1\" envid=\"{}\" xmlns=\"urn:parlano:xml:ns:xccos\">{children}</xccos>",
            self.envid
        )
        .into();
        self.deliver(info);
    }

    pub(super) fn rpl(&mut self, name: &str, envid: String, code: u16, data: &str) {
        self.info(&format!(
            "<rpl id=\"rpl:{name}\" seqid=\"1\"><commandid seqid=\"1\" envid=\"{envid}\"/>\
             <resp code=\"{code}\">SUCCESS_OK</resp><data>{data}</data></rpl>"
        ));
        self.expect_status(200);
    }
}

pub(super) fn handshake() -> ServerHandshake {
    ServerHandshake::new(ServerParameters {
        realm: REALM.into(),
        target_name: "lyncfe01.contoso.com".into(),
        version: AuthVersion::V4,
        names: ServerNames {
            netbios_domain: "CONTOSO".into(),
            netbios_computer: "LYNCFE01".into(),
            dns_domain: "contoso.com".into(),
            dns_computer: "lyncfe01.contoso.com".into(),
        },
    })
}
