//! The dossier's transcript (section 8), replayed: with its random numbers handed in, the session
//! sends its very messages, signatures included. Only the order of headers is free.

use std::collections::VecDeque;
use std::time::Duration;

use super::*;
use crate::sip::Address;

const TRANSCRIPT: &str = include_str!("transcript.txt");

#[derive(Clone)]
struct Entry {
    label: &'static str,
    ours: bool,
    text: &'static str,
}

fn entries() -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let starts: Vec<_> = TRANSCRIPT
        .match_indices('\n')
        .map(|(at, _)| at + 1)
        .chain([0])
        .filter(|at| TRANSCRIPT[*at..].starts_with(">>> ") || TRANSCRIPT[*at..].starts_with("<<< "))
        .collect();
    let mut starts = starts;
    starts.sort_unstable();
    for (i, at) in starts.iter().enumerate() {
        let end = starts.get(i + 1).copied().unwrap_or(TRANSCRIPT.len());
        let (title, text) = TRANSCRIPT[*at..end].split_once('\n').unwrap();
        entries.push(Entry {
            label: &title[4..],
            ours: title.starts_with('>'),
            text: text.trim_end(),
        });
    }
    entries
}

/// Whole messages; of SDP bodies the last line ends too.
fn parse(text: &str) -> Message {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut message =
        Message::parse_head(format!("{}\r\n\r\n", head.replace('\n', "\r\n")).as_bytes()).unwrap();
    let sdp = message.headers.first("Content-Type") == Some("application/sdp");
    let body = if sdp { format!("{}\r\n", body.replace('\n', "\r\n")) } else { body.to_owned() };
    let length: usize = message.headers.first("Content-Length").unwrap().parse().unwrap();
    assert_eq!(length, body.len());
    message.body = body.into();
    message
}

fn is_short(text: &str) -> bool {
    text.starts_with("SIP/2.0 200 OK   [")
}

/// `… snum=6 srand=BD67EF10 rspauth=0100…]`
fn noted<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("{name}=")).unwrap();
    rest.split([' ', ']']).next().unwrap()
}

fn expand(text: &str, request: &Message) -> Message {
    let mut response = Message::answer(request, 200);
    let info = format!(
        "NTLM rspauth=\"{}\", srand=\"{}\", snum=\"{}\", opaque=\"7A3C51E2\", qop=\"auth\", \
         targetname=\"lyncfe01.contoso.com\", realm=\"SIP Communications Service\"",
        noted(text, "rspauth"),
        noted(text, "srand"),
        noted(text, "snum")
    );
    response.headers.push("Authentication-Info", info);
    response
}

fn crand(message: &Message) -> Option<String> {
    let value = message.headers.first("Authorization")?;
    let (_, rest) = value.split_once("crand=\"")?;
    Some(rest.split('"').next().unwrap().to_owned())
}

/// The random numbers of the transcript, in the order in which a session needs them.
fn script() -> VecDeque<u8> {
    let mut hex = format!("{:08x}", 1_877_240_112_u32);
    let mut calls = Vec::new();
    for entry in entries().iter().filter(|entry| entry.ours) {
        if is_short(entry.text) {
            hex += noted(entry.text, "crand");
            continue;
        }
        let message = parse(entry.text);
        let call_id = message.call_id().to_owned();
        if message.is_request() {
            if !calls.contains(&call_id) {
                hex += &(call_id.clone() + message.from().tag().unwrap());
            }
            hex += message.branch().unwrap().strip_prefix("z9hG4bK").unwrap();
        }
        calls.push(call_id);
        if entry.label.starts_with("R5") {
            hex += "1122334455667788c0ffee0123456789abcdef9876543210";
        }
        hex += &crand(&message).unwrap_or_default();
        if entry.label.starts_with("K4") {
            break;
        }
    }
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// The script, then anything.
fn entropy() -> impl FnMut(&mut [u8]) + Send {
    let mut script = script();
    let mut more = counting();
    move |bytes: &mut [u8]| {
        if script.is_empty() {
            more(bytes);
        } else {
            bytes.fill_with(|| script.pop_front().expect("a number is cut in the middle"));
        }
    }
}

fn sorted(message: &Message) -> Vec<(String, String)> {
    let mut headers: Vec<_> = message
        .headers
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .filter(|(name, _)| name != "content-length")
        .collect();
    headers.sort();
    headers
}

fn assert_same(sent: &Message, entry: &Entry) {
    if is_short(entry.text) {
        assert_eq!(sent.status(), Some(200), "{}", entry.label);
        let authorization = sent.headers.first("Authorization").unwrap();
        for name in ["response", "crand", "cnum"] {
            let expected = format!("{name}=\"{}\"", noted(entry.text, name));
            assert!(authorization.contains(&expected), "{}: {authorization}", entry.label);
        }
        return;
    }
    let expected = parse(entry.text);
    assert_eq!(sent.start, expected.start, "{}", entry.label);
    assert_eq!(sorted(sent), sorted(&expected), "{}", entry.label);
    assert_eq!(
        String::from_utf8_lossy(&sent.body),
        String::from_utf8_lossy(&expected.body),
        "{}",
        entry.label
    );
}

/// Runs until just before `label`; every message of the session is compared.
struct Replay {
    session: Session,
    clock: Clock,
    events: Vec<Event>,
    sent: VecDeque<Message>,
    framer: Framer,
    last_request: Option<Message>,
    keep_alives: usize,
}

impl Replay {
    fn new() -> Self {
        let clock = Clock::new();
        let mut session = Session::new(config(), entropy(), clock.now());
        let rooms =
            ["5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c11", "8a2c9d34-71b6-4b0c-8f12-2f6f0d9c7e55"];
        let rooms = rooms.map(|room| format!("ma-chan://contoso.com/{room}"));
        let rooms = rooms.map(|uri| RoomRequest { uri, last_id: None, known: Vec::new() });
        session.join(rooms.into(), clock.now());
        Self {
            session,
            clock,
            events: Vec::new(),
            sent: VecDeque::new(),
            framer: Framer::new(),
            last_request: None,
            keep_alives: 0,
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Send(bytes) => self.framer.push(&bytes).unwrap(),
                Output::Event(event) => self.events.push(event),
                other => panic!("{other:?}"),
            }
        }
        while let Some(frame) = self.framer.next().unwrap() {
            match frame {
                Frame::Message(message) => self.sent.push_back(message),
                Frame::KeepAlive => self.keep_alives += 1,
            }
        }
    }

    fn step(&mut self, entry: &Entry) {
        self.drain();
        if entry.ours {
            let sent = self.sent.pop_front().unwrap_or_else(|| panic!("nothing: {}", entry.label));
            assert_same(&sent, entry);
            if sent.is_request() {
                self.last_request = Some(sent);
            }
            return;
        }
        let message = if is_short(entry.text) {
            // The BYE of the lookup dialog is answered after the next INVITE went out.
            let request = self.last_request.as_ref().unwrap();
            expand(entry.text, request)
        } else {
            parse(entry.text)
        };
        self.session.receive(&message.encode(), self.clock.now()).unwrap();
    }

    fn until(&mut self, label: &str) {
        let mut entries = entries().into_iter().skip_while(|e| !e.label.starts_with(self.from()));
        let all: Vec<_> = entries.by_ref().take_while(|e| !e.label.starts_with(label)).collect();
        for entry in &all {
            self.step(entry);
        }
        self.drain();
    }

    /// The label this replay goes on with.
    fn from(&self) -> &'static str {
        match (self.events.len(), self.keep_alives) {
            (0, _) => "R1",
            (_, 0) => "C8 live message (answer)",
            _ => "K2",
        }
    }
}

#[test]
fn every_message_up_to_the_first_post() {
    let mut replay = Replay::new();
    replay.until("C8 live message (answer)");
    let events = std::mem::take(&mut replay.events);
    let told: Vec<_> = events.iter().map(word).collect();
    assert_eq!(
        told,
        [
            "signed in RTC/5.0 7200s",
            "provisioned",
            "chat ready 999",
            "joined Ops Desk 3",
            "refused ma-chan://contoso.com/8a2c9d34-71b6-4b0c-8f12-2f6f0d9c7e55",
            "post 40 Night shift handed over.",
            "post 41 Disk on db-7 > 90 %, ticket 4711 & watching.",
            "caught up",
            "post! 42 db-7 is back under 60 %.",
        ]
    );
    // The answer to the live post waits for the commit.
    assert_eq!(replay.sent.len(), 0);
    for event in events {
        if let Event::Posted(_, receipt) = event {
            replay.session.confirm(receipt, replay.clock.now());
        }
    }
    replay.drain();
    let answer = entries().into_iter().find(|e| e.label.starts_with("C8 live message (answer)"));
    assert_same(&replay.sent.pop_front().unwrap(), &answer.unwrap());

    // The transcript's client does not ask for the refused room again.
    replay
        .session
        .part("ma-chan://contoso.com/8a2c9d34-71b6-4b0c-8f12-2f6f0d9c7e55", replay.clock.now());

    // K1: silence, then four octets; K2: UPDATE, here at half the time.
    let began = replay.clock.now().instant;
    while replay.sent.is_empty() {
        let (at, _) = replay.session.deadline().unwrap();
        replay.clock.at(at);
        replay.session.handle_timeout(replay.clock.now());
        replay.drain();
    }
    assert_eq!(replay.clock.now().instant - began, Duration::from_secs(600));
    assert_eq!(replay.keep_alives, 1);
    replay.events.push(Event::Oddities(Vec::new()));
    replay.until("K3 UPDATE refused, the server has lost the dialog");
    // The transcript's client does not look after quiet rooms either.
    replay.session.leave_all();
    replay.clock.pass(Duration::from_secs(600));
    replay.session.handle_timeout(replay.clock.now());
    let rest = entries();
    let rest: Vec<_> =
        rest.into_iter().skip_while(|e| !e.label.starts_with("K3")).take(3).collect();
    for entry in &rest {
        replay.step(entry);
    }

    // The session calls again by itself; what still comes in the old dialog gets 487.
    let stray = entries().into_iter().find(|e| e.label.starts_with("Z1")).unwrap();
    replay.drain();
    let told: Vec<_> = replay.events.iter().map(word).collect();
    assert!(told.contains(&"lost Unknown".to_owned()), "{told:?}");
    let invite = replay.sent.pop_back().unwrap();
    assert_eq!(invite.method(), Some(Method::INVITE));
    replay.session.receive(&parse(stray.text).encode(), replay.clock.now()).unwrap();
    replay.drain();
    assert_eq!(replay.sent.pop_front().and_then(|m| m.status()), Some(487));
}

#[test]
fn a_changed_message_ends_the_session() {
    let mut replay = Replay::new();
    replay.until("P2");
    let entry = entries().into_iter().find(|e| e.label.starts_with("P2")).unwrap();
    let mut forged = parse(entry.text);
    let to = Address::parse(forged.headers.first("To").unwrap()).uri;
    forged.headers.set("To", format!("<{to}>;tag=other"));
    let result = replay.session.receive(&forged.encode(), replay.clock.now());
    assert_eq!(result, Err(ProtocolError::Signature));
    let last = std::iter::from_fn(|| replay.session.poll()).last();
    assert!(matches!(last, Some(Output::Ended(Ended::SignatureInvalid))));
    assert!(replay.session.receive(b"SIP", replay.clock.now()).is_ok());
    assert_eq!(replay.session.deadline(), None);
}
