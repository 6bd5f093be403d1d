//! One connection of a transcript, and the session in the place of the one that was recorded.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use lync::{
    Now,
    client::{Event, Output, Receipt, Session, SessionConfig},
    sip::{Frame, Framer, Message, Transport},
};

use super::{
    Difference, Report, Step, Verdict,
    line::{self, Line},
    prompt::prompt,
    rewrite::Ids,
    server::{Numbers, Server, credentials},
};
use crate::transcript::{Direction, Entry, Head};

/// Times that the session may be late by: recorded times are cut to milliseconds, and a pause of a
/// second between two batches of rooms begins with what the host asked for.
const LATE_MAX: Duration = Duration::from_millis(1500);
/// The latest time of an entry that is kept to.
const TIME_MAX: Duration = Duration::from_secs(400 * 86_400);
/// Timers let run out between two entries.
const TIMERS_MAX: usize = 10_000;
/// Who signs in if the transcript does not say.
const ADDRESS: &str = "sip:person1@domain1.example";

pub(super) struct Player {
    connection: u32,
    begin: Now,
    now: Now,
    session: Session,
    /// Members are asked for as soon as a room is joined.
    asks_members: bool,
    server: Server,
    framer: Framer,
    /// What the session said and nothing recorded was found for yet.
    said: VecDeque<(Line, Message)>,
    ids: Ids,
    receipts: VecDeque<Receipt>,
    ended: Option<String>,
    is_forged: bool,
    /// Something was lost: what was said may have been recorded or not.
    is_patchy: bool,
    last_line: usize,
    unknown: BTreeSet<String>,
}

impl Player {
    /// A session that begins with the first entry of a connection.
    pub(super) fn new(head: &Head, first: &Entry, begin: Now) -> Self {
        let address = line::message(first).ok().map(|register| register.to().uri);
        let address = address.filter(|uri| uri.contains('@')).unwrap_or_else(|| ADDRESS.to_owned());
        let now = at(begin, first.at_ms);
        let config = SessionConfig {
            address,
            credentials: credentials(),
            workstation: "REPLAY".to_owned(),
            local: ([192, 0, 2, 1], 50_000).into(),
            transport: Transport::Tls,
            server_port: 5061,
            user_agent: "UCCAPI/15.0 replay".to_owned(),
            endpoint_id: "0123456789ab".to_owned(),
            chat_uri: None,
            quirks: head.quirks,
            history_first: head.history_first,
        };
        let config = SessionConfig {
            chat_uri: head.chat_server.then(|| format!("sip:replay@{}", domain(&config.address))),
            ..config
        };
        Self {
            connection: first.connection,
            begin,
            now,
            session: Session::new(config, Numbers::default(), now),
            asks_members: head.quirks.members_command,
            server: Server::new(),
            framer: Framer::new(),
            said: VecDeque::new(),
            ids: Ids::default(),
            receipts: VecDeque::new(),
            ended: None,
            is_forged: false,
            is_patchy: false,
            last_line: first.line,
            unknown: BTreeSet::new(),
        }
    }

    pub(super) fn connection(&self) -> u32 {
        self.connection
    }

    pub(super) fn unknown(self) -> BTreeSet<String> {
        self.unknown
    }

    /// Plays one entry.
    pub(super) fn take(&mut self, entry: &Entry, report: &mut Report) {
        self.last_line = entry.line;
        self.run_until(at(self.begin, entry.at_ms));
        let (what, verdict) = match (entry.direction, line::message(entry)) {
            (Direction::Mark, _) => {
                self.is_patchy = true;
                (entry.message.clone(), Verdict::PassedOver)
            }
            (_, Err(error)) => {
                (error, Verdict::Differs(Difference::Unreadable, "cannot be read".to_owned()))
            }
            (Direction::Out, Ok(message)) => (line::words(&message), self.expect(&message)),
            (Direction::In, Ok(message)) => (line::words(&message), self.deliver(&message)),
        };
        let verdict = match verdict {
            Verdict::Said | Verdict::Taken if std::mem::take(&mut self.is_forged) => {
                Verdict::Differs(
                    Difference::Signature,
                    "the session's signature does not hold".to_owned(),
                )
            }
            verdict => verdict,
        };
        report.steps.push(Step { line: entry.line, direction: entry.direction, what, verdict });
    }

    /// What the session said beyond the recording.
    pub(super) fn finish(&mut self, report: &mut Report) {
        if self.is_patchy {
            return;
        }
        for (_, message) in self.said.drain(..) {
            let what = "the session says it here, and it was not recorded".to_owned();
            report.steps.push(Step {
                line: self.last_line,
                direction: Direction::Out,
                what: line::words(&message),
                verdict: Verdict::Differs(Difference::NotRecorded, what),
            });
        }
    }

    /// Lets the session's timers run out up to a time.
    fn run_until(&mut self, until: Now) {
        for _ in 0..TIMERS_MAX {
            let due = self.session.deadline().filter(|(due, _)| *due <= until.instant);
            let Some((due, _)) = due else { break };
            self.move_to(due.saturating_duration_since(self.now.instant));
            self.session.handle_timeout(self.now);
            self.drain();
        }
        self.move_to(until.instant.saturating_duration_since(self.now.instant));
        self.drain();
    }

    fn move_to(&mut self, time: Duration) {
        self.now = Now { instant: self.now.instant + time, unix: self.now.unix + time };
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Send(bytes) => self.say(&bytes),
                Output::Event(event) => self.hear(event),
                Output::Redirect { .. } => {}
                Output::Ended(why) => self.ended = Some(why.to_string()),
            }
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        let _ = self.framer.push(bytes);
        while let Ok(Some(frame)) = self.framer.next() {
            if let Frame::Message(message) = frame {
                self.is_forged |= !self.server.verify(&message);
                self.said.push_back((Line::of(&message), message));
            }
        }
    }

    /// Does what the host does at once.
    fn hear(&mut self, event: Event) {
        match event {
            Event::Posted(_, receipt) => self.receipts.push_back(receipt),
            Event::Joined { room, .. } if self.asks_members => {
                self.session.members(room.uri.as_str(), self.now);
            }
            Event::Oddities(names) => self.unknown.extend(names),
            _ => {}
        }
    }

    /// The session has to say what was recorded.
    fn expect(&mut self, recorded: &Message) -> Verdict {
        let wanted = Line::of(recorded);
        let found = self.find(&wanted).or_else(|| {
            self.urge(recorded, &wanted);
            self.find(&wanted)
        });
        let found = found.or_else(|| {
            let late = Now { instant: self.now.instant + LATE_MAX, unix: self.now.unix + LATE_MAX };
            let due = self.session.deadline().filter(|(due, _)| *due <= late.instant)?;
            self.run_until(Now {
                instant: due.0,
                unix: self.now.unix + due.0.saturating_duration_since(self.now.instant),
            });
            self.find(&wanted)
        });
        match found {
            Some(said) => {
                self.ids.pair(recorded, &said);
                Verdict::Said
            }
            None if self.is_patchy => Verdict::PassedOver,
            None => match &self.ended {
                Some(why) => {
                    Verdict::Differs(Difference::Ended, format!("the session has ended: {why}"))
                }
                None => Verdict::Differs(Difference::NotSaid, self.instead()),
            },
        }
    }

    fn instead(&self) -> String {
        match self.said.front() {
            Some((_, message)) => format!("the session says {} in its place", line::words(message)),
            None => "the session says nothing".to_owned(),
        }
    }

    /// What the host asked of the session, or confirmed to it.
    fn urge(&mut self, recorded: &Message, wanted: &Line) {
        if recorded.is_request() {
            prompt(&mut self.session, recorded, self.now);
            return self.drain();
        }
        while !self.said.iter().any(|(line, _)| line.says(wanted))
            && let Some(receipt) = self.receipts.pop_front()
        {
            self.session.confirm(receipt, self.now);
            self.drain();
        }
    }

    /// Takes what says the same: word for word if it is there.
    fn find(&mut self, wanted: &Line) -> Option<Message> {
        let same = self.said.iter().position(|(line, _)| line == wanted);
        let place = same.or_else(|| self.said.iter().position(|(line, _)| line.says(wanted)))?;
        self.said.remove(place).map(|(_, message)| message)
    }

    /// The session has to take what was recorded.
    fn deliver(&mut self, recorded: &Message) -> Verdict {
        if let Some(why) = &self.ended {
            return Verdict::Differs(Difference::Ended, format!("the session has ended: {why}"));
        }
        let request = self.ids.request_of(recorded).filter(|_| !recorded.is_request());
        let mut message = match (&request, recorded.is_request()) {
            (Some(request), _) => self.ids.answer(recorded, request),
            (None, true) => self.ids.request(recorded),
            (None, false) if self.is_patchy => return Verdict::PassedOver,
            (None, false) => {
                let what = "what it answers was not recorded, or the session did not say it";
                return Verdict::Differs(Difference::NotAsked, what.to_owned());
            }
        };
        self.server.answer(request.as_ref(), &mut message, self.now);
        let taken = self.session.receive(&message.encode(), self.now);
        self.drain();
        match taken {
            Ok(()) => Verdict::Taken,
            Err(error) => Verdict::Differs(Difference::Ended, error.to_string()),
        }
    }
}

fn domain(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(_, domain)| domain)
}

fn at(begin: Now, at_ms: u64) -> Now {
    let time = Duration::from_millis(at_ms).min(TIME_MAX);
    Now { instant: begin.instant + time, unix: begin.unix + time }
}
