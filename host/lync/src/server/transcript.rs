//! The dossier's worked transcript (section 8): its client's bytes go in as they stand, every
//! signature of theirs must verify, and the answers must be equal in all but the server's choices.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use ntlm::{Role, Security, flags};

use super::{testing::*, *};
use crate::{
    sip::{Address, Method, StartLine},
    xccos::{self, Child, Envelope, Reply},
};

/// The client's messages, made from the dossier; shortened ones are written out.
const TRANSCRIPT: &str = include_str!("transcript.txt");
const BOT: &str = "sip:roombot@contoso.com";
const ANNA: &str = "sip:anna.keller@contoso.com";
const MARC: &str = "sip:marc.ober@contoso.com";
/// What the client chose (vectors, section 7).
const SESSION_KEY: [u8; 16] = [
    0xc0, 0xff, 0xee, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x98, 0x76, 0x54, 0x32, 0x10,
];
/// The flags of the client's AUTHENTICATE message.
const CLIENT_FLAGS: u32 = 0x6298_8255;

struct Play {
    world: World,
    id: ConnectionId,
    security: Security,
    snum: u32,
}

impl Play {
    fn new() -> Self {
        let mut bot = user("roombot", "Room Bot");
        bot.password = "Sommer!2013".into();
        let users = [bot, user("anna.keller", "Anna Keller"), user("marc.ober", "Marc Ober")];
        let mut room = RoomSpec::new(ops(), "Ops Desk");
        room.description = "Operations, first line".into();
        room.members = vec![member(BOT), member(ANNA), member(MARC)];
        room.members[2].roles.manager = true;
        let mut world = World::new();
        let config = PoolConfig::new("contoso.com");
        world.pool = Pool::new(config, users, [room], world.script.clone());
        for actor in [ANNA, MARC] {
            world.pool.enter_room(&ops(), actor, world.now).unwrap();
        }
        let security = Security::new(CLIENT_FLAGS, &SESSION_KEY, Role::Client);
        Self { id: world.connect(1), world, security, snum: 0 }
    }

    /// Plays one message of the client.
    fn play(&mut self, label: &str) -> Vec<Message> {
        let prefix = format!(">>> {label} ");
        let at = TRANSCRIPT.find(&prefix).unwrap_or_else(|| panic!("{label}"));
        let text = TRANSCRIPT[at..].split("\n>>> ").next().unwrap();
        let (_, text) = text.split_once('\n').unwrap();
        let (head, body) = text.trim_end().split_once("\n\n").unwrap_or((text.trim_end(), ""));
        let body = body.replace('\n', "\r\n");
        let end = if body.starts_with("v=0") { "\r\n" } else { "" };
        let bytes = format!("{}\r\n\r\n{body}{end}", head.replace('\n', "\r\n"));
        let answers = self.world.exchange(self.id, bytes.as_bytes());
        answers.iter().for_each(|answer| self.check(answer));
        answers
    }

    /// Plays a message that has one answer, with this status.
    fn ask(&mut self, label: &str, status: u16) -> Message {
        let answers = self.play(label);
        assert_eq!(answers.len(), 1, "{label}: {answers:?}");
        assert_eq!(answers[0].status(), Some(status), "{label}");
        answers[0].clone()
    }

    /// Plays a command: 200, then one INFO with the reply.
    fn command(&mut self, label: &str) -> Reply {
        let answers = self.play(label);
        let [ok, info] = &answers[..] else { panic!("{label}: {answers:?}") };
        assert_eq!((ok.status(), info.method()), (Some(200), Some(Method::INFO)), "{label}");
        let [Child::Reply(reply)] = &envelope(info).children[..] else { panic!("{label}") };
        assert!(reply.is_success(), "{label}");
        reply.clone()
    }

    /// The server's signature, by a string put together here and keys from the vectors.
    fn check(&mut self, message: &Message) {
        let signed = match message.status() {
            Some(status) => status > 100 && status != 401,
            None => true,
        };
        let info = message.headers.first("Authentication-Info");
        assert_eq!(info.is_some(), signed, "{message:?}");
        let Some(info) = info else { return };
        let value = |name: &str| {
            let (_, rest) = info.split_once(&format!("{name}=\"")).unwrap();
            rest.split('"').next().unwrap().to_owned()
        };
        self.snum += 1;
        assert_eq!(value("snum"), self.snum.to_string());
        assert_eq!(value("opaque"), "7A3C51E2");
        let string = signed_string(message, &value("srand"), &value("snum"));
        let hex = value("rspauth");
        let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        let signature = std::array::from_fn(byte);
        assert!(self.security.verify(100, string.as_bytes(), &signature), "{string}");
    }
}

fn signed_string(message: &Message, srand: &str, snum: &str) -> String {
    let field = |name: &str| message.headers.first(name).unwrap_or_default().to_owned();
    let (from, to) = (Address::parse(&field("From")), Address::parse(&field("To")));
    let (number, method) = message.cseq().unwrap();
    let mut fields = vec![
        "NTLM".to_owned(),
        srand.to_owned(),
        snum.to_owned(),
        "SIP Communications Service".to_owned(),
        "lyncfe01.contoso.com".to_owned(),
        field("Call-ID"),
        number.to_string(),
        method.to_owned(),
        from.uri.clone(),
        from.tag().unwrap_or_default().to_owned(),
        to.uri.clone(),
        to.tag().unwrap_or_default().to_owned(),
        String::new(),
        String::new(),
        field("Expires"),
    ];
    if let StartLine::Response { status, .. } = message.start {
        fields.push(status.to_string());
    }
    fields.iter().map(|field| format!("<{field}>")).collect()
}

fn envelope(info: &Message) -> Envelope {
    xccos::decode(&info.body, &crate::Quirks::default()).unwrap()
}

fn ids(reply: &Reply) -> Vec<u64> {
    reply.data.room(&ops()).unwrap().messages.iter().map(|post| post.id.unwrap()).collect()
}

fn sign_in(play: &mut Play) {
    assert_eq!(flags::SIP_SERVER & CLIENT_FLAGS & flags::DATAGRAM, flags::DATAGRAM);
    play.ask("R1", 401);
    play.world.script.force(&[0x7a, 0x3c, 0x51, 0xe2]);
    play.world.script.force(&[0x5a, 0x17, 0xc3, 0xd4, 0x0e, 0x9b, 0x2f, 0x61]);
    let challenge = play.ask("R3", 401);
    let value = challenge.headers.first("WWW-Authenticate").unwrap();
    assert!(value.contains("TlRMTVNTUAACAAAAAAAAADgAAADzgpjiWhfD1A6bL2EAAAAAAAAAAJYAlgA4AAAA"));
    assert_eq!(challenge.headers.first("Date"), Some("Mon, 03 Mar 2014 09:15:02 GMT"));
    let ok = play.ask("R5", 200);
    assert_eq!(
        ok.headers.first("Contact"),
        Some(
            "<sip:10.0.8.20:49822;transport=tls;ms-opaque=d3470f2e1d;ms-received-cid=1>;\
             expires=7200;+sip.instance=\"<urn:uuid:6df541c4-4a42-5127-8fbc-b5eae956b632>\";\
             gruu=\"sip:roombot@contoso.com;opaque=user:epid:xEH1bUJKJ1GPvLXq6Va2MgAA;gruu\""
        )
    );
    assert_eq!(ok.headers.first("Expires"), Some("7200"));
}

/// INVITE and ACK, with the tag that the transcript's server chose.
fn dial(play: &mut Play, invite: &str, ack: &str, tag: u8) {
    play.world.script.force(&[0x7f, 0x00, 0xa1, 0xb2, tag]);
    let answers = play.play(invite);
    let [trying, ok] = &answers[..] else { panic!("{answers:?}") };
    assert_eq!((trying.status(), ok.status()), (Some(100), Some(200)));
    let header = |name: &str| ok.headers.first(name).unwrap_or_default();
    assert_eq!(
        header("Record-Route"),
        "<sip:lyncfe01.contoso.com:5061;transport=tls;opaque=state:T:F;lr>"
    );
    assert_eq!(
        header("Contact"),
        "<sip:pchat01.contoso.com@contoso.com;gruu;opaque=srvr:PersistentChat:kX2mQwE3T0qk1sVfZb7dNAAA>"
    );
    assert_eq!(header("Session-Expires"), "1200;refresher=uac");
    assert!(ok.body.starts_with(b"v=0\r\n") && header("Content-Type") == "application/sdp");
    assert!(play.play(ack).is_empty());
}

#[test]
fn the_worked_transcript() {
    let mut play = Play::new();
    sign_in(&mut play);

    let provisioned = play.ask("P1", 200);
    assert_eq!(provisioned.headers.first("ms-piggyback-cseq"), Some("1"));
    assert_eq!(provisioned.body.len(), 478);

    dial(&mut play, "L1a", "L1d", 0xc3);
    assert_eq!(play.command("L2").service_uri(), Some(CHAT));
    assert!(play.play("L3").is_empty());
    play.ask("L4", 200);

    for number in 1..=41 {
        let (author, text) =
            if number == 40 { (ANNA, "Night shift handed over.") } else { (MARC, "x") };
        play.world.pool.post(&ops(), author, NewPost::text(text), play.world.now).unwrap();
        if number < 40 {
            play.world.pool.remove_message(&ops(), number).unwrap();
        }
    }
    dial(&mut play, "C1a", "C1d", 0xc4);
    let info = play.command("C2");
    assert_eq!(info.data.server().unwrap().search_limit, Some(999));
    assert!(play.play("C3").is_empty());
    joined(&play.command("C4"));
    assert!(play.play("C5").is_empty());
    assert_eq!(ids(&play.command("C6")), [40, 41]);
    assert!(play.play("C7").is_empty());
    live_and_recovery(&mut play);
}

fn joined(reply: &Reply) {
    let room = reply.data.room(&ops()).unwrap();
    assert_eq!(room.name.as_deref(), Some("Ops Desk"));
    let keys: Vec<&str> = room.associations.iter().map(|aib| aib.key.as_str()).collect();
    assert_eq!(keys, ["3984", "12276"]);
    let mut present: Vec<_> =
        reply.data.participants(room).into_iter().map(|one| one.address).collect();
    present.sort();
    assert_eq!(present, [ANNA, MARC, BOT]);
    assert_eq!(reply.data.failures().cloned().collect::<Vec<_>>(), [closed()]);
}

fn live(play: &mut Play, text: &str) -> Vec<Message> {
    play.world.pool.post(&ops(), ANNA, NewPost::text(text), play.world.now).unwrap();
    let messages = play.world.collect(play.id);
    messages.iter().for_each(|message| play.check(message));
    messages
}

fn live_and_recovery(play: &mut Play) {
    play.world.events();
    let messages = live(play, "db-7 is back under 60 %.");
    let [Child::Chat(post)] = &envelope(&messages[0]).children[..] else { panic!() };
    assert_eq!((post.id, post.author.as_str(), messages.len()), (Some(42), ANNA, 1));
    assert!(play.play("C8").is_empty());
    let answered = |event: &PoolEvent| matches!(event, PoolEvent::Answered { id: 42, .. });
    assert!(play.world.events().iter().any(answered));

    play.ask("K2", 200);
    play.world.pool.faults.update_481 = 1;
    play.world.pool.faults.stale_dialogs = 1;
    play.ask("K3", 481);
    play.ask("K4", 481);
    // The lost dialog is still fed, with CSeq 5: the client answers that at the very end.
    assert_eq!(live(play, "missed")[0].cseq(), Some((5, "INFO")));
    live(play, "missed too");

    dial(play, "O2a", "O2d", 0xc9);
    let reply = play.command("O3");
    assert!(reply.data.room(&ops()).is_some());
    assert!(play.play("O4").is_empty());
    assert_eq!(live(play, "for both dialogs").len(), 2);
    assert!(play.play("O5").is_empty());
    assert_eq!(ids(&play.command("O6")), [40, 41, 42, 43, 44, 45]);
    assert!(play.play("O7").is_empty());
    assert!(play.play("Z1").is_empty());
    assert_eq!(live(play, "487 has closed the old dialog").len(), 1);
}

/// What was taken once is not taken again.
#[test]
fn a_repeated_message_is_refused() {
    let mut play = Play::new();
    sign_in(&mut play);
    play.ask("P1", 200);
    play.ask("P1", 401);
}
