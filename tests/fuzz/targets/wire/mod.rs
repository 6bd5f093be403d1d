//! A session and a pool that speak to each other, and somebody between them who changes what one
//! of them hears. Signatures cover neither bodies nor most headers, so both ends are met in all
//! their states.
//!
//! The input is a list of steps, NUL between them. A step is done to the next message of the
//! changed direction: `b` and a new body (`ENVID` in it stands for the command last asked), `h` and
//! a header line, `d` drops it, `2` doubles it, `r` puts raw bytes before it, `m` a message. These
//! wait for no message: `c` and commands of the client's owner, `t` and seconds that pass.

use std::time::{Duration, Instant};

use bytes::Bytes;
use lync::client::{Event, Output, RoomRequest, Session, SessionConfig};
use lync::members::{Principal, PrincipalKind, Roles};
use lync::server::{
    ConnectionId, NewPost, Pool, PoolConfig, PoolOutput, RoomMember, RoomSpec, User,
};
use lync::sip::{Frame, Framer, Message};
use lync::xccos::RoomUri;
use lync::{Now, Quirks};
use ntlm::Credentials;

const ROOM: &str = "ma-chan://contoso.com/5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c11";
const BOT: &str = "sip:roombot@contoso.com";
const ANNA: &str = "sip:anna.keller@contoso.com";
const CONNECTION: ConnectionId = ConnectionId(1);
/// More at one moment, and the two would never be silent.
const EXCHANGES_MAX: u32 = 20_000;
/// More timers at one moment, and the caller would never sleep.
const TIMERS_MAX: u32 = 100;
/// Commands of one step that are looked at.
const COMMANDS_MAX: usize = 32;
/// Steps of one input that are looked at.
const STEPS_MAX: usize = 200;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Session,
    Pool,
}

struct World<'i> {
    target: Target,
    steps: std::iter::Peekable<std::vec::IntoIter<&'i [u8]>>,
    session: Session,
    pool: Pool,
    /// Cuts the changed direction into messages.
    framer: Framer,
    now: Now,
    envid: String,
    ended: bool,
    exchanges: u32,
}

/// Plays the input, then two minutes in which nobody interferes.
pub fn play(target: Target, input: &[u8]) {
    let steps: Vec<&[u8]> = input.split(|byte| *byte == 0).take(STEPS_MAX).collect();
    let mut world = World::new(target, steps.into_iter());
    world.run();
    while let Some(step) = world.steps.next() {
        world.without_message(step);
    }
    world.pass(120);
}

impl<'i> World<'i> {
    fn new(target: Target, steps: std::vec::IntoIter<&'i [u8]>) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the start of the clock is any instant")]
        let instant = Instant::now();
        let now = Now { instant, unix: Duration::from_secs(1_393_838_102) };
        let (peer, local) = (([10, 0, 8, 20], 49822).into(), ([10, 0, 1, 11], 5061).into());
        let mut pool = pool();
        pool.connect(CONNECTION, peer, local, lync::server::Transport::Tls);
        let mut session = Session::new(config(), numbers(2), now);
        session.join(vec![RoomRequest { uri: ROOM.into(), last_id: None, known: Vec::new() }], now);
        let (steps, framer) = (steps.peekable(), Framer::new());
        let (envid, ended, exchanges) = (String::new(), false, 0);
        Self { target, steps, session, pool, framer, now, envid, ended, exchanges }
    }

    /// Hands everything over until both ends are silent.
    fn run(&mut self) {
        loop {
            let mut busy = false;
            while let Some(output) = self.session.poll() {
                busy = true;
                self.on_session(output);
            }
            while let Some((_, output)) = self.pool.poll() {
                busy = true;
                match output {
                    PoolOutput::Send(bytes) => self.carry(&bytes, Target::Session),
                    PoolOutput::Close => self.pool.disconnect(CONNECTION, self.now),
                }
            }
            while self.pool.poll_event().is_some() {}
            if !busy {
                return;
            }
            self.exchanges += 1;
            assert!(self.exchanges < EXCHANGES_MAX, "the two never fall silent");
        }
    }

    fn on_session(&mut self, output: Output) {
        assert!(!self.ended, "nothing follows the end");
        match output {
            Output::Send(bytes) => {
                self.note_envid(&bytes);
                self.carry(&bytes, Target::Pool);
            }
            Output::Event(Event::Posted(_, receipt)) => self.session.confirm(receipt, self.now),
            Output::Event(_) | Output::Redirect { .. } => {}
            Output::Ended(_) => {
                self.ended = true;
                self.pool.disconnect(CONNECTION, self.now);
            }
        }
    }

    fn note_envid(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if let Some((_, rest)) = text.split_once("envid=\"") {
            self.envid = rest.split('"').next().unwrap_or_default().to_owned();
        }
    }

    fn carry(&mut self, bytes: &[u8], to: Target) {
        if to != self.target {
            return self.deliver(bytes, to);
        }
        let _ = self.framer.push(bytes);
        while let Ok(Some(Frame::Message(message))) = self.framer.next() {
            self.change(message);
        }
    }

    fn deliver(&mut self, bytes: &[u8], to: Target) {
        match to {
            Target::Session => drop(self.session.receive(bytes, self.now)),
            Target::Pool => drop(self.pool.receive(CONNECTION, bytes, self.now)),
        }
    }

    /// Does the next steps to a message and delivers what becomes of it.
    fn change(&mut self, mut message: Message) {
        let mut copies = 1;
        while let Some(step) = self.steps.next() {
            let rest = step.get(1..).unwrap_or_default();
            match step.first() {
                None => break,
                Some(b'b') => message.body = self.filled(rest),
                Some(b'h') => {
                    let line = String::from_utf8_lossy(rest);
                    let (name, value) = line.split_once(':').unwrap_or((&line, ""));
                    message.headers.set(name, value.trim());
                }
                Some(b'd') => copies = 0,
                Some(b'2') => copies += 1,
                _ => self.without_message(step),
            }
        }
        let bytes = message.encode();
        for _ in 0..copies {
            self.deliver(&bytes, self.target);
        }
    }

    fn without_message(&mut self, step: &[u8]) {
        let rest = step.get(1..).unwrap_or_default();
        match step.first() {
            Some(b'r') => self.deliver(rest, self.target),
            Some(b'm') => self.deliver(&self.filled(rest), self.target),
            Some(b'c') => {
                rest.iter().take(COMMANDS_MAX).for_each(|command| self.command(*command));
            }
            Some(b't') => {
                let seconds = String::from_utf8_lossy(rest).parse().unwrap_or(1_u16);
                self.pass(u64::from(seconds));
            }
            _ => {}
        }
    }

    fn filled(&self, text: &[u8]) -> Bytes {
        match std::str::from_utf8(text) {
            Ok(text) => text.replace("ENVID", &self.envid).into(),
            Err(_) => Bytes::copy_from_slice(text),
        }
    }

    fn command(&mut self, command: u8) {
        let now = self.now;
        match command {
            b's' => self.session.search_rooms("ops", now),
            b'y' => self.session.my_rooms(now),
            b'm' => self.session.members(ROOM, now),
            b'p' => drop(self.session.post(ROOM, "main is red", now)),
            b'l' => self.session.part(ROOM, now),
            b'j' => {
                let request = RoomRequest { uri: ROOM.into(), last_id: Some(1), known: Vec::new() };
                self.session.join(vec![request], now);
            }
            b'o' => self.session.sign_out(now),
            _ => {
                let room = RoomUri::parse(ROOM).expect("a room");
                let _ = self.pool.post(&room, ANNA, NewPost::text("main is green"), now);
            }
        }
    }

    /// Lets time go by; each timer must lead to a later one.
    fn pass(&mut self, seconds: u64) {
        let until = self.now.instant + Duration::from_secs(seconds);
        let mut timers = 0;
        self.run();
        loop {
            let ours = self.session.deadline().map(|(at, _)| at);
            let theirs = self.pool.deadline().map(|(at, _)| at);
            let next = ours.into_iter().chain(theirs).min().filter(|at| *at <= until);
            let at = next.unwrap_or(until).max(self.now.instant);
            timers = if at > self.now.instant { 0 } else { timers + 1 };
            assert!(timers < TIMERS_MAX, "a timer that never ends");
            self.now.unix += at - self.now.instant;
            self.now.instant = at;
            if next.is_none() {
                return;
            }
            self.exchanges = 0;
            self.session.handle_timeout(self.now);
            self.pool.handle_timeout(self.now);
            self.run();
        }
    }
}

fn pool() -> Pool {
    let user = |login: &str, name: &str| User {
        address: format!("sip:{login}@contoso.com"),
        login: login.into(),
        domain: "CONTOSO".into(),
        password: "Sommer!2013".into(),
        name: name.into(),
        chat_enabled: true,
        groups: Vec::new(),
    };
    let member = |address: &str| RoomMember {
        principal: Principal {
            address: address.to_owned(),
            name: String::new(),
            kind: PrincipalKind::User,
        },
        roles: Roles { member: true, ..Roles::default() },
    };
    let uri = RoomUri::parse(ROOM).expect("a room");
    let room =
        RoomSpec { members: vec![member(BOT), member(ANNA)], ..RoomSpec::new(uri, "Ops Desk") };
    let users = [user("roombot", "Room Bot"), user("anna.keller", "Anna Keller")];
    Pool::new(PoolConfig::new("contoso.com"), users, [room], numbers(1))
}

fn config() -> SessionConfig {
    SessionConfig {
        address: BOT.into(),
        credentials: Credentials {
            user: "roombot".into(),
            domain: "CONTOSO".into(),
            password: "Sommer!2013".into(),
        },
        workstation: "roombot01".into(),
        local: ([10, 0, 8, 20], 49822).into(),
        transport: lync::client::Transport::Tls,
        server_port: 5061,
        user_agent: "chat-digest".into(),
        endpoint_id: "f29197849b19".into(),
        chat_uri: None,
        quirks: Quirks::embedded(),
        history_first: 50,
    }
}

/// Numbers that never repeat.
fn numbers(seed: u64) -> impl FnMut(&mut [u8]) + Send {
    let mut next = seed;
    move |bytes: &mut [u8]| {
        for byte in bytes {
            next = next.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = next.to_be_bytes()[0];
        }
    }
}
