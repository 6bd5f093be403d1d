//! Both ends of this crate, joined in memory on one virtual clock: what the client says is what
//! the pool understands, and nothing that is posted gets lost, whatever breaks.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use std::time::{Duration, Instant};

use lync::client::{
    Ended, Event, Output, Receipt, RoomRequest, Session, SessionConfig, Transport, Unavailable,
};
use lync::members::{Principal, PrincipalKind, Roles};
use lync::server::{
    ConnectionId, Faults, NewPost, Pool, PoolConfig, PoolEvent, PoolOutput, RoomMember, RoomSpec,
    User,
};
use lync::xccos::RoomUri;
use lync::{Now, Quirks};
use ntlm::Credentials;

const BOT: &str = "sip:roombot@contoso.com";
const ANNA: &str = "sip:anna.keller@contoso.com";
const ROOM: &str = "ma-chan://contoso.com/5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c11";
const CLOSED: &str = "ma-chan://contoso.com/8a2c9d34-71b6-4b0c-8f12-2f6f0d9c7e55";
const SECOND: Duration = Duration::from_secs(1);

fn room() -> RoomUri {
    RoomUri::parse(ROOM).unwrap()
}

fn user(login: &str, name: &str, chat_enabled: bool) -> User {
    User {
        address: format!("sip:{login}@contoso.com"),
        login: login.into(),
        domain: "CONTOSO".into(),
        password: "Sommer!2013".into(),
        name: name.into(),
        chat_enabled,
        groups: Vec::new(),
    }
}

fn member(address: &str) -> RoomMember {
    let (address, name) = (address.to_owned(), String::new());
    RoomMember {
        principal: Principal { address, name, kind: PrincipalKind::User },
        roles: Roles { member: true, ..Roles::default() },
    }
}

fn pool(chat_enabled: bool) -> Pool {
    pool_of(PoolConfig::new("contoso.com"), chat_enabled)
}

fn pool_of(config: PoolConfig, chat_enabled: bool) -> Pool {
    let users =
        [user("roombot", "Room Bot", chat_enabled), user("anna.keller", "Anna Keller", true)];
    let open =
        RoomSpec { members: vec![member(BOT), member(ANNA)], ..RoomSpec::new(room(), "Ops Desk") };
    let closed = RoomSpec {
        members: vec![member(ANNA)],
        ..RoomSpec::new(RoomUri::parse(CLOSED).unwrap(), "Board")
    };
    Pool::new(config, users, [open, closed], numbers(1))
}

fn config(password: &str) -> SessionConfig {
    SessionConfig {
        address: BOT.into(),
        credentials: Credentials {
            user: "roombot".into(),
            domain: "CONTOSO".into(),
            password: password.into(),
        },
        workstation: "roombot01".into(),
        local: ([10, 0, 8, 20], 49822).into(),
        transport: Transport::Tls,
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
        for chunk in bytes.chunks_mut(8) {
            next = next
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let mixed = (next ^ (next >> 29)).to_be_bytes();
            chunk.iter_mut().zip(mixed).for_each(|(to, from)| *to = from);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the start of the clock is any instant")]
fn now() -> Now {
    Now { instant: Instant::now(), unix: Duration::from_secs(1_393_838_102) }
}

/// One client, one pool, one clock.
struct Pair {
    pool: Pool,
    session: Session,
    now: Now,
    connection: u64,
    history_first: u32,
    /// Octets handed over at once.
    chunk: usize,
    /// Confirms every post as it comes.
    commits: bool,
    /// Posts as they came: `id text`.
    posts: Vec<String>,
    /// Keys of posts without an id, as a database would keep them.
    known: Vec<String>,
    receipts: Vec<Receipt>,
    told: Vec<String>,
    ended: Option<Ended>,
}

impl Pair {
    fn with(pool: Pool, password: &str, chunk: usize) -> Self {
        let now = now();
        let session = Session::new(config(password), numbers(2), now);
        let mut pair = Self {
            pool,
            session,
            now,
            connection: 0,
            history_first: 50,
            chunk,
            commits: true,
            posts: Vec::new(),
            known: Vec::new(),
            receipts: Vec::new(),
            told: Vec::new(),
            ended: None,
        };
        pair.connect();
        pair
    }

    /// Signed in, with the room wanted from `last_id` on.
    fn live(faults: Faults) -> Self {
        let mut pool = pool(true);
        pool.faults = faults;
        let mut pair = Self::with(pool, "Sommer!2013", 1000);
        pair.join(None);
        pair.pass(2 * SECOND);
        pair
    }

    fn connect(&mut self) {
        self.connection += 1;
        let (peer, local) = (([10, 0, 8, 20], 49822).into(), ([10, 0, 1, 11], 5061).into());
        let id = ConnectionId(self.connection);
        self.pool.connect(id, peer, local, Transport::Tls);
        self.run();
    }

    /// The cable is cut; a new session begins with what was kept.
    fn reconnect(&mut self, last_id: Option<u64>) {
        self.pool.disconnect(ConnectionId(self.connection), self.now);
        let config = SessionConfig { history_first: self.history_first, ..config("Sommer!2013") };
        self.session = Session::new(config, numbers(3 + self.connection), self.now);
        self.ended = None;
        self.receipts.clear();
        self.connect();
        self.join(last_id);
        self.pass(2 * SECOND);
    }

    fn join(&mut self, last_id: Option<u64>) {
        let request = RoomRequest { uri: ROOM.into(), last_id, known: self.known.clone() };
        self.session.join(vec![request], self.now);
        self.run();
    }

    fn post(&mut self, text: &str) {
        self.pool.post(&room(), ANNA, NewPost::text(text), self.now).unwrap();
        self.run();
    }

    /// Hands everything over until both ends are silent.
    fn run(&mut self) {
        loop {
            let mut busy = false;
            while let Some(output) = self.session.poll() {
                busy = true;
                self.take(output);
            }
            while let Some((id, output)) = self.pool.poll() {
                busy = true;
                if let PoolOutput::Send(bytes) = output
                    && id == ConnectionId(self.connection)
                {
                    for bytes in bytes.chunks(self.chunk) {
                        let _ = self.session.receive(bytes, self.now);
                    }
                }
            }
            if !busy {
                return;
            }
        }
    }

    fn take(&mut self, output: Output) {
        match output {
            Output::Send(bytes) => {
                for bytes in bytes.chunks(self.chunk) {
                    self.pool.receive(ConnectionId(self.connection), bytes, self.now).unwrap();
                }
            }
            Output::Event(Event::Posted(post, receipt)) => {
                self.posts.push(format!("{} {}", post.id.unwrap_or(0), post.chat));
                self.known.extend(post.id.is_none().then_some(post.key));
                if self.commits {
                    self.session.confirm(receipt, self.now);
                } else {
                    self.receipts.push(receipt);
                }
            }
            Output::Event(event) => self.told.push(name(&event)),
            Output::Redirect { host, port } => self.told.push(format!("redirect {host}:{port}")),
            Output::Ended(why) => self.ended = Some(why),
        }
    }

    /// Lets time go by at both ends.
    fn pass(&mut self, time: Duration) {
        let until = self.now.instant + time;
        loop {
            let ours = self.session.deadline().map(|(at, _)| at);
            let theirs = self.pool.deadline().map(|(at, _)| at);
            let next = ours.into_iter().chain(theirs).min().filter(|at| *at <= until);
            let at = next.unwrap_or(until).max(self.now.instant);
            self.now.unix += at - self.now.instant;
            self.now.instant = at;
            if next.is_none() {
                return;
            }
            self.session.handle_timeout(self.now);
            self.pool.handle_timeout(self.now);
            self.run();
        }
    }

    fn told(&self, what: &str) -> bool {
        self.told.iter().any(|told| told.starts_with(what))
    }

    fn answered(&mut self) -> Vec<u64> {
        let events = std::iter::from_fn(|| self.pool.poll_event());
        events
            .filter_map(|event| match event {
                PoolEvent::Answered { id, .. } => Some(id),
                _ => None,
            })
            .collect()
    }
}

fn name(event: &Event) -> String {
    match event {
        Event::Joined { room, .. } => format!("joined {}", room.name.as_deref().unwrap_or("?")),
        Event::Rooms { result: Err(error), .. } => format!("no rooms: {error}"),
        Event::Rooms { result: Ok(rooms), .. } => {
            let rooms = rooms.iter();
            format!("rooms {}", rooms.filter_map(|r| r.name.clone()).collect::<Vec<_>>().join(","))
        }
        Event::Members { result, .. } => {
            let members = result.as_ref().unwrap().iter();
            format!("members {}", members.map(|m| m.address.clone()).collect::<Vec<_>>().join(","))
        }
        Event::Gap { from, to, .. } => format!("gap {from}-{to:?}"),
        Event::ChatUnavailable { reason: Unavailable::NotProvisioned, .. } => {
            "not provisioned".into()
        }
        Event::Oddities(names) => format!("odd {}", names.join(", ")),
        Event::PostResult { result, .. } => format!("post {result:?}"),
        Event::Entered { address, .. } => format!("entered {address}"),
        Event::Left { address, .. } => format!("left {address}"),
        Event::DialogLost(loss) => format!("lost {loss:?}"),
        other => format!("{other:?}").split([' ', '(']).next().unwrap().to_owned(),
    }
}

/// The whole way, one octet at a time: sign in, look, join, history, live, commit, answer.
#[test]
fn from_sign_in_to_the_answer_of_a_live_post() {
    let mut pool = pool(true);
    let start = now();
    for text in ["one", "two"] {
        pool.post(&room(), ANNA, NewPost::text(text), start).unwrap();
    }
    let mut pair = Pair::with(pool, "Sommer!2013", 1);
    pair.commits = false;
    pair.session.my_rooms(pair.now);
    pair.run();
    pair.session.search_rooms("", pair.now);
    pair.session.members(ROOM, pair.now);
    pair.join(None);
    pair.pass(2 * SECOND);
    assert_eq!(pair.posts, ["1 one", "2 two"]);
    for expected in ["SignedIn", "Provisioned", "ChatReady", "joined Ops Desk", "CaughtUp"] {
        assert!(pair.told(expected), "{expected}: {:?}", pair.told);
    }
    let members = format!("members {BOT},{ANNA}");
    assert!(pair.told(&members) || pair.told(&format!("members {ANNA},{BOT}")), "{:?}", pair.told);
    assert!(!pair.told("odd"), "{:?}", pair.told);

    pair.receipts.clear();
    pair.answered();
    pair.post("three <&> ä \u{1f600}\nsecond line");
    assert_eq!(pair.posts[2], "3 three <&> ä \u{1f600}\nsecond line");
    pair.pass(SECOND);
    assert_eq!(pair.answered(), [0; 0], "no answer before the commit");
    let receipt = pair.receipts.pop().unwrap();
    pair.session.confirm(receipt, pair.now);
    pair.run();
    assert_eq!(pair.answered(), [3]);

    pair.session.sign_out(pair.now);
    pair.run();
    assert_eq!(pair.ended, Some(Ended::SignedOut));
}

#[test]
fn own_posts_come_back_as_an_echo() {
    let mut pair = Pair::live(Faults::default());
    pair.session.post(ROOM, "hello from the bot", pair.now);
    pair.run();
    assert!(pair.told("post Ok"), "{:?}", pair.told);
    assert_eq!(pair.posts, ["1 hello from the bot"]);
}

/// 16 KB of everything that hurts, posted, echoed, live and from history. Only what XML has no way
/// to say is left out.
#[test]
fn hard_text_arrives_intact() {
    let piece = "<a href=\"x\">&amp; ]]> <![CDATA[ \u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{202e}\u{200f}\
                 \u{1f468}\u{200d}\u{1f469}\u{1f3fd} e\u{301} '\t\u{7f}\u{85}\u{2028}{\\rtf1} &#0; \\";
    let lines = format!("{piece}\n").repeat(16 * 1024 / piece.len() + 1);
    let clean = lines.trim_end();
    let dirty = clean.replace('\n', "\u{0}\u{1b}\u{ffff}\r\n");
    assert!(clean.len() >= 16 * 1024);
    let config = PoolConfig { message_bytes_max: 64 << 10, ..PoolConfig::new("contoso.com") };
    let mut pair = Pair::with(pool_of(config, true), "Sommer!2013", 999);
    pair.join(None);
    pair.pass(2 * SECOND);
    pair.session.post(ROOM, &dirty, pair.now);
    pair.run();
    pair.post(&dirty);
    pair.reconnect(None);
    assert!(!pair.told("odd"), "{:?}", pair.told);
    assert_eq!(pair.posts.len(), 4, "{:?}", pair.told);
    for (post, id) in pair.posts.iter().zip([1, 2, 1, 2]) {
        assert!(*post == format!("{id} {clean}"), "{post:.200?}");
    }
}

/// Whatever breaks once or for long: all posts arrive once, in order.
#[test]
fn no_post_is_lost_or_doubled() {
    let once = Faults::default;
    let bends: Vec<(&str, Faults)> = vec![
        ("none", once()),
        ("challenges", Faults { challenges: 2, ..once() }),
        ("info 503", Faults { info_503: 3, ..once() }),
        ("info 481", Faults { info_481: 1, ..once() }),
        ("info 481, stale", Faults { info_481: 1, stale_dialogs: 1, ..once() }),
        ("update 481", Faults { update_481: 1, stale_dialogs: 1, ..once() }),
        ("unanswered", Faults { info_unanswered: 1, ..once() }),
        ("duplicates", Faults { duplicates: 100, ..once() }),
        ("merged", Faults { merged_replies: 1, ..once() }),
        ("requri", Faults { requri_failures: 10, ..once() }),
        ("join failure", Faults { join_failures: 1, ..once() }),
        ("large rooms", Faults { large_rooms: true, ..once() }),
        ("reversed", Faults { reversed_histories: 100, ..once() }),
        ("slow", Faults { slow_replies: 3, slow_by: 20 * SECOND, ..once() }),
        ("early posts", Faults { early_posts: 1, slow_by: 5 * SECOND, ..once() }),
        ("capitals", Faults { capital_headers: true, folded_headers: true, ..once() }),
        ("split", Faults { split_bytes: Some(7), ..once() }),
    ];
    for (what, faults) in bends {
        let mut pair = Pair::live(faults.clone());
        for n in 1..=30 {
            if n % 10 == 0 {
                // Once more in the middle of things.
                pair.pool.faults = faults.clone();
                pair.session.search_rooms("", pair.now);
            }
            pair.post(&format!("m{n}"));
            pair.pass(47 * SECOND);
        }
        pair.pass(3600 * SECOND);
        let expected: Vec<_> = (1..=30).map(|n| format!("{n} m{n}")).collect();
        assert_eq!(pair.posts, expected, "{what}: {:?} {:?}", pair.told, pair.ended);
        assert!(!pair.told("gap"), "{what}: {:?}", pair.told);
    }
}

/// A post that came unsigned is not believed, but it is not lost either.
#[test]
fn an_unsigned_post_is_read_from_history() {
    let mut pair = Pair::live(Faults::default());
    pair.post("m1");
    pair.pool.faults.missing_signatures = 1;
    pair.post("m2");
    assert_eq!(pair.posts, ["1 m1"]);
    pair.pass(3600 * SECOND);
    pair.post("m3");
    pair.pass(5 * SECOND);
    assert_eq!(pair.posts, ["1 m1", "2 m2", "3 m3"], "{:?}", pair.told);
}

#[test]
fn deleted_posts_are_holes_not_gaps() {
    let mut pair = Pair::live(Faults::default());
    for n in 0..5 {
        pair.post(&format!("m{n}"));
    }
    pair.pool.faults.id_gaps = 2;
    for n in 5..9 {
        pair.post(&format!("m{n}"));
    }
    let texts: Vec<_> = pair.posts.iter().filter_map(|post| post.split(' ').nth(1)).collect();
    assert_eq!(texts, ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"]);
    assert!(!pair.told("gap"), "{:?}", pair.told);
}

#[test]
fn without_ids_posts_are_told_apart_by_what_they_are() {
    let mut pair = Pair::live(Faults { omit_chat_ids: true, ..Faults::default() });
    for n in 0..3 {
        pair.post(&format!("m{n}"));
        pair.pass(SECOND);
    }
    pair.pool.faults.info_481 = 1;
    pair.session.search_rooms("", pair.now);
    pair.run();
    pair.pass(5 * SECOND);
    pair.post("m3");
    assert_eq!(pair.posts, ["0 m0", "0 m1", "0 m2", "0 m3"]);
}

/// The same over a cut cable, whether or not history is wanted at the first start.
#[test]
fn without_ids_a_new_session_goes_on_from_the_posts_kept() {
    for history_first in [0, 50] {
        let mut pair = Pair::live(Faults { omit_chat_ids: true, ..Faults::default() });
        pair.history_first = history_first;
        for n in 0..3 {
            pair.post(&format!("m{n}"));
            pair.pass(SECOND);
        }
        pair.pool.disconnect(ConnectionId(pair.connection), pair.now);
        for n in 3..100 {
            pair.post(&format!("m{n}"));
            pair.pass(SECOND);
        }
        pair.reconnect(None);
        let expected: Vec<_> = (0..100).map(|n| format!("0 m{n}")).collect();
        assert_eq!(pair.posts, expected, "{:?}", pair.told);
        assert!(!pair.told("gap"), "{:?}", pair.told);
    }
}

/// The cable is cut for a while: the new session reads what was posted meanwhile.
#[test]
fn a_new_session_resumes_where_the_last_commit_was() {
    let mut pair = Pair::live(Faults::default());
    pair.post("m1");
    pair.commits = false;
    pair.post("m2");
    // The crash comes before the commit of m2.
    assert_eq!(pair.posts, ["1 m1", "2 m2"]);
    pair.pool.disconnect(ConnectionId(pair.connection), pair.now);
    for n in 3..=120 {
        pair.post(&format!("m{n}"));
    }
    pair.posts.clear();
    pair.commits = true;
    pair.reconnect(Some(1));
    let expected: Vec<_> = (2..=120).map(|n| format!("{n} m{n}")).collect();
    assert_eq!(pair.posts, expected);
    pair.post("m121");
    assert_eq!(pair.posts.last().map(String::as_str), Some("121 m121"));
    assert!(!pair.told("gap"), "{:?}", pair.told);
}

#[test]
fn what_the_server_does_not_give_is_a_gap() {
    let mut pair = Pair::live(Faults { history_cap: Some(30), ..Faults::default() });
    pair.post("m1");
    pair.pool.disconnect(ConnectionId(pair.connection), pair.now);
    for n in 2..=200 {
        pair.post(&format!("m{n}"));
    }
    pair.posts.clear();
    pair.reconnect(Some(1));
    assert!(pair.told("gap 2-Some(170)"), "{:?}", pair.told);
    assert_eq!(pair.posts.len(), 30);
}

#[test]
fn a_day_goes_by() {
    let mut pair = Pair::live(Faults::default());
    for n in 1..=24 {
        pair.post(&format!("m{n}"));
        pair.pass(3600 * SECOND);
    }
    assert_eq!(pair.posts.len(), 24);
    // Refreshes, renewals after eight hours, UPDATEs: nobody noticed.
    assert_eq!(pair.ended, None);
    assert!(!pair.told("lost"), "{:?}", pair.told);
    assert_eq!(pair.told.iter().filter(|told| *told == "SignedIn").count(), 4);
}

#[test]
fn a_wrong_password_is_tried_once() {
    let mut pair = Pair::with(pool(true), "wrong", 1000);
    pair.pass(3600 * SECOND);
    assert_eq!(pair.ended, Some(Ended::WrongPassword));
}

#[test]
fn a_user_without_chat_is_told_so() {
    let mut pair = Pair::with(pool(false), "Sommer!2013", 1000);
    pair.pass(SECOND);
    assert_eq!(pair.ended, Some(Ended::NotProvisioned));
    let mut pair = Pair::live(Faults { bye_after_command: 1, ..Faults::default() });
    assert!(pair.told("not provisioned"), "{:?}", pair.told);
    pair.pass(400 * SECOND);
    assert!(pair.told("joined"), "{:?}", pair.told);
}

#[test]
fn a_redirect_is_told() {
    let redirect_to = Some(("fe2.contoso.com".to_owned(), 5061));
    let pair = Pair::live(Faults { redirects: 1, redirect_to, ..Faults::default() });
    assert!(pair.told("redirect fe2.contoso.com:5061"), "{:?}", pair.told);
    assert_eq!(pair.ended, Some(Ended::Redirected));
}

#[test]
fn a_wrong_signature_ends_the_session() {
    let mut pair = Pair::live(Faults::default());
    pair.pool.faults.wrong_signatures = 1;
    pair.post("forged");
    assert_eq!(pair.ended, Some(Ended::SignatureInvalid));
    assert!(pair.posts.is_empty());
}

#[test]
fn a_silent_server_is_noticed() {
    let mut pair = Pair::live(Faults::default());
    pair.pool.faults.silences = 1;
    // UPDATE after ten minutes, then an INVITE, 32 s each: a new connection will do better.
    pair.pass(700 * SECOND);
    assert!(pair.told("lost Silent"), "{:?}", pair.told);
    assert_eq!(pair.ended, Some(Ended::NoAnswer));
}

#[test]
fn a_closed_room_is_refused() {
    let mut pair = Pair::live(Faults::default());
    let request = RoomRequest { uri: CLOSED.into(), last_id: None, known: Vec::new() };
    pair.session.join(vec![request], pair.now);
    pair.run();
    assert!(pair.told("JoinRefused"), "{:?}", pair.told);
    assert!(pair.told("joined Ops Desk"));
}
