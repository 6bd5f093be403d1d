//! What a server said that nobody knows, and how it took what was merely assumed (dossier 4): the
//! first contact with a real pool shall settle both.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write as _,
};

use lync::{
    Quirks,
    sip::{Message, Method},
    xccos::{self, Child, Envelope},
};

use crate::{redact, transcript::Direction};

/// The commands whose form no source proves.
pub const ASSUMED: [&str; 4] = ["getassociations", "x-getmembers", "bcbydate", "bcbymsg"];

/// Names that are kept.
const NAMES_MAX: usize = 1000;
/// Bytes of one.
const NAME_BYTES_MAX: usize = 128;
/// Bytes of one word of it.
const WORD_BYTES_MAX: usize = 64;
/// Different answers to one command that are kept.
const ANSWERS_MAX: usize = 100;
/// Commands that wait for an answer.
const WAITING_MAX: usize = 1000;

/// What came for an answer: the code of the reply, or that of SIP if there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Reply(u16),
    Sip(u16),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Asked {
    times: u64,
    answers: BTreeMap<Answer, u64>,
}

/// Names only: no values, no texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forms {
    unknown: BTreeSet<String>,
    assumed: BTreeMap<&'static str, Asked>,
}

impl Forms {
    /// Bytes of the longest part of a file that [`Forms::write`] makes.
    pub const BYTES_MAX: usize = (NAMES_MAX + ASSUMED.len() * ANSWERS_MAX) * (NAME_BYTES_MAX + 4);
    pub(crate) const UNKNOWN: &'static str = "= unknown forms";
    pub(crate) const ASSUMED: &'static str = "= assumed forms";

    /// The names of what nobody knew.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.unknown.iter().map(String::as_str)
    }

    /// What was assumed and asked, one line each.
    pub fn assumed(&self) -> impl Iterator<Item = String> {
        self.assumed.iter().map(|(name, asked)| {
            let mut line = format!("{name}: asked {}, ", asked.times);
            if asked.answers.is_empty() {
                line.push_str("not answered");
            }
            for (place, (answer, times)) in asked.answers.iter().enumerate() {
                line.push_str(if place == 0 { "answered: " } else { ", " });
                let _ = match answer {
                    Answer::Reply(code) => write!(line, "{code} ({times})"),
                    Answer::Sip(code) => write!(line, "SIP {code} ({times})"),
                };
            }
            line
        })
    }

    /// The part of the file.
    #[must_use]
    pub fn write(&self) -> String {
        let mut text = format!("{}\n", Self::UNKNOWN);
        self.unknown.iter().for_each(|name| text.extend(["  ", name, "\n"]));
        text.extend([Self::ASSUMED, "\n"]);
        self.assumed().for_each(|line| text.extend(["  ", &line, "\n"]));
        text
    }

    /// Takes a name; `false` if it is none, or there already.
    pub(crate) fn note(&mut self, name: &str) -> bool {
        name.split(' ').all(is_told)
            && name.len() <= NAME_BYTES_MAX
            && self.unknown.len() < NAMES_MAX
            && self.unknown.insert(name.to_owned())
    }

    /// The same for what need not be a name: the rest is left out.
    fn note_words(&mut self, name: &str) {
        let name = match name.split_once(':') {
            // What a notice is called comes from the server as it is.
            Some(("ntc", rest)) if !is_word(rest) => UNNAMED,
            _ => name,
        };
        let mut words: Vec<_> = Vec::new();
        let mut left = NAME_BYTES_MAX;
        for word in name.split(' ') {
            let word = if is_told(word) { word } else { "?" };
            let Some(rest) = left.checked_sub(word.len() + 1) else { break };
            left = rest;
            words.push(word);
        }
        self.note(&words.join(" "));
    }

    fn asked(&mut self, name: &'static str) {
        let asked = self.assumed.entry(name).or_default();
        asked.times = asked.times.saturating_add(1);
    }

    fn answered(&mut self, name: &'static str, answer: Answer) {
        let answers = &mut self.assumed.entry(name).or_default().answers;
        if answers.len() < ANSWERS_MAX || answers.contains_key(&answer) {
            let times = answers.entry(answer).or_default();
            *times = times.saturating_add(1);
        }
    }

    /// Takes a line of [`Forms::assumed`]; `false` if it is none, or out of order.
    pub(crate) fn read_assumed(&mut self, line: &str) -> bool {
        let Some((name, asked)) = assumed_line(line) else { return false };
        let last = self.assumed.last_key_value().is_none_or(|(last, _)| *last < name);
        self.assumed.insert(name, asked);
        last && self.assumed().last().as_deref() == Some(line)
    }
}

/// A notice whose name is none.
const UNNAMED: &str = "ntc:?";

fn is_told(word: &str) -> bool {
    word == "?" || word == UNNAMED || is_word(word)
}

fn is_word(word: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/@".contains(&byte);
    !word.is_empty() && word.len() <= WORD_BYTES_MAX && word.bytes().all(usual)
}

fn assumed_line(line: &str) -> Option<(&'static str, Asked)> {
    let (name, rest) = line.split_once(": asked ")?;
    let name = ASSUMED.into_iter().find(|known| *known == name)?;
    let (times, rest) = rest.split_once(", ")?;
    let mut asked = Asked { times: times.parse().ok()?, answers: BTreeMap::new() };
    if rest == "not answered" {
        return Some((name, asked));
    }
    for answer in rest.strip_prefix("answered: ")?.split(", ").take(ANSWERS_MAX) {
        let (code, times) = answer.strip_suffix(')')?.split_once(" (")?;
        let answer = match code.strip_prefix("SIP ") {
            Some(code) => Answer::Sip(code.parse().ok()?),
            None => Answer::Reply(code.parse().ok()?),
        };
        asked.answers.insert(answer, times.parse().ok()?);
    }
    Some((name, asked))
}

/// Watches the messages of the chat side.
#[derive(Debug)]
pub struct Observer {
    quirks: Quirks,
    forms: Forms,
    /// By connection and envelope.
    waiting: HashMap<(u32, String), &'static str>,
    /// The envelope of an INFO, by connection, Call-ID and number.
    infos: HashMap<(u32, String, u32), String>,
}

impl Observer {
    /// With the switches in force: what one of them makes known is known.
    #[must_use]
    pub fn new(quirks: Quirks) -> Self {
        Self { quirks, forms: Forms::default(), waiting: HashMap::new(), infos: HashMap::new() }
    }

    /// What was found so far.
    #[must_use]
    pub fn forms(&self) -> &Forms {
        &self.forms
    }

    /// Takes a message of the chat side.
    pub fn observe(&mut self, direction: Direction, connection: u32, message: &Message) {
        let info = message.is_request() && message.method() == Some(Method::INFO);
        match direction {
            Direction::Out if info => self.asked(connection, message),
            Direction::In => {
                for (name, _) in message.headers.iter().filter(|(name, _)| !redact::is_known(name))
                {
                    self.forms.note_words(&format!("header {name}"));
                }
                match message.status() {
                    None if info => self.told(connection, message),
                    Some(status) => self.settled(connection, message, status),
                    None => {}
                }
            }
            Direction::Out | Direction::Mark => {}
        }
    }

    fn asked(&mut self, connection: u32, message: &Message) {
        let Ok(Envelope { envid, children, .. }) =
            xccos::decode(&message.body, &Quirks::embedded())
        else {
            return;
        };
        for child in children {
            let Child::Command { command, .. } = child else { continue };
            let Some(name) = ASSUMED.into_iter().find(|name| *name == command.name()) else {
                continue;
            };
            self.forms.asked(name);
            if self.waiting.len() < WAITING_MAX && self.infos.len() < WAITING_MAX {
                self.waiting.insert((connection, envid.clone()), name);
                let number = message.cseq().map_or(0, |(number, _)| number);
                let info = (connection, message.call_id().to_owned(), number);
                self.infos.insert(info, envid.clone());
            }
        }
    }

    fn told(&mut self, connection: u32, message: &Message) {
        let envelope = match xccos::decode(&message.body, &self.quirks) {
            Ok(envelope) => envelope,
            Err(xccos::XccosError::Root) => {
                return self.forms.note_words("INFO body of another root");
            }
            Err(_) => return self.forms.note_words("INFO body that is no XML"),
        };
        envelope.oddities.iter().for_each(|name| self.forms.note_words(name));
        for child in envelope.children {
            match child {
                Child::Reply(reply) => {
                    if let Some(name) = self.waiting.remove(&(connection, reply.command.envid)) {
                        self.forms.answered(name, Answer::Reply(reply.code));
                    }
                }
                Child::Command { command, .. } => {
                    self.forms.note_words(&format!("server sent cmd:{}", command.name()));
                }
                Child::Invalid { reason, element, .. } => {
                    self.forms.note_words(&format!("{} left out: {reason}", element.name));
                }
                Child::Notice(_) | Child::Chat(_) | Child::Unknown(_) => {}
            }
        }
    }

    /// An INFO that SIP refuses has no reply.
    fn settled(&mut self, connection: u32, message: &Message, status: u16) {
        let Some((number, _)) = message.cseq() else { return };
        let info = (connection, message.call_id().to_owned(), number);
        if status < 200 {
            return;
        }
        let Some(envid) = self.infos.remove(&info) else { return };
        if status >= 300
            && let Some(name) = self.waiting.remove(&(connection, envid))
        {
            self.forms.answered(name, Answer::Sip(status));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(body: &str) -> Message {
        let mut message = Message::request(Method::INFO, "sip:a@b");
        message.headers.push("CSeq", "7 INFO");
        message.headers.push("Call-ID", "c");
        message.body = format!("<xccos ver=\"1\" envid=\"5\">{body}</xccos>").into();
        message
    }

    const ASK: &str =
        r#"<cmd id="cmd:x-getmembers" seqid="1"><data><chanib uri="ma-chan://c/g"/></data></cmd>"#;

    #[test]
    fn the_fate_of_an_assumed_command() {
        let mut observer = Observer::new(Quirks::embedded());
        let reply = r#"<rpl id="rpl:x" seqid="1"><commandid seqid="1" envid="5"/><resp code="501">no</resp><data/></rpl>"#;
        observer.observe(Direction::Out, 1, &info(ASK));
        observer.observe(Direction::In, 2, &info(reply));
        assert_eq!(
            observer.forms().assumed().next().as_deref(),
            Some("x-getmembers: asked 1, not answered")
        );
        observer.observe(Direction::In, 1, &info(reply));
        observer.observe(Direction::Out, 1, &info(ASK));
        let mut refusal = Message::answer(&info(""), 503);
        refusal.body.clear();
        observer.observe(Direction::In, 1, &refusal);
        let lines: Vec<_> = observer.forms().assumed().collect();
        assert_eq!(lines, ["x-getmembers: asked 2, answered: 501 (1), SIP 503 (1)"]);
    }

    #[test]
    fn only_names_are_noted() {
        let mut observer = Observer::new(Quirks::default());
        let mut message = info(
            r#"<ntc id="ntc:Anna Keller" seqid="1"><data><secret word="Anna"/><élan/></data></ntc><ntc id="ntc:quiz" seqid="1"/>"#,
        );
        message.headers.push("X-New", "Anna");
        observer.observe(Direction::In, 1, &message);
        let names: Vec<_> = observer.forms().unknown().collect();
        assert_eq!(names, ["?", "data/secret", "header X-New", "ntc:?", "ntc:quiz"]);
    }
}
