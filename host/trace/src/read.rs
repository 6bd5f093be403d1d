//! Reading a transcript, strictly: what the writer does not write is refused.

use lync::Quirks;

use crate::{
    forms::Forms,
    transcript::{Direction, End, Entry, FILE_BYTES_MAX, FORMAT, Head, SWITCHES, Side, Transcript},
};

/// Why a file is no transcript.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}: {what}")]
pub struct ReadError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub what: String,
}

impl Transcript {
    /// Reads a whole transcript.
    ///
    /// # Errors
    /// [`ReadError`] at the first line that is not as the recorder writes it.
    pub fn read(text: &str) -> Result<Self, ReadError> {
        if text.len() > FILE_BYTES_MAX + Forms::BYTES_MAX {
            let what =
                format!("a file of {} octets, at most {FILE_BYTES_MAX} are taken", text.len());
            return Err(ReadError { line: 1, what });
        }
        Lines { lines: text.split('\n'), next: None, number: 0 }.transcript()
    }
}

struct Lines<'t> {
    lines: std::str::Split<'t, char>,
    /// Read already, and not taken.
    next: Option<&'t str>,
    number: usize,
}

impl<'t> Lines<'t> {
    fn transcript(mut self) -> Result<Transcript, ReadError> {
        if self.take()? != FORMAT {
            return Err(self.wrong(&format!(
                "`{FORMAT}` is wanted here: it is no transcript, or one of another version"
            )));
        }
        let head = self.head()?;
        let mut entries = Vec::new();
        while self.peek()?.starts_with(['>', '<', '!']) {
            entries.push(self.entry()?);
        }
        let forms = self.forms()?;
        let end = self.end(entries.len())?;
        Ok(Transcript { head, entries, forms, end })
    }

    fn peek(&mut self) -> Result<&'t str, ReadError> {
        if let Some(line) = self.next {
            return Ok(line);
        }
        self.number += 1;
        let Some(line) = self.lines.next() else {
            return Err(self.wrong("the transcript is cut short"));
        };
        if line.chars().any(char::is_control) {
            return Err(self.wrong("a character that no transcript holds"));
        }
        self.next = Some(line);
        Ok(line)
    }

    fn take(&mut self) -> Result<&'t str, ReadError> {
        let line = self.peek()?;
        self.next = None;
        Ok(line)
    }

    fn wrong(&self, what: &str) -> ReadError {
        ReadError { line: self.number.max(1), what: what.to_owned() }
    }

    fn empty(&mut self) -> Result<(), ReadError> {
        if self.take()?.is_empty() {
            Ok(())
        } else {
            Err(self.wrong("an empty line is wanted here"))
        }
    }

    fn field(&mut self, name: &str) -> Result<&'t str, ReadError> {
        let value = self.take()?.strip_prefix(name).and_then(|rest| rest.strip_prefix(": "));
        value
            .filter(|value| is_tidy(value))
            .ok_or_else(|| self.wrong(&format!("`{name}: …` is wanted here")))
    }

    fn head(&mut self) -> Result<Head, ReadError> {
        let program = self.field("program")?.to_owned();
        let platform = self.field("platform")?.to_owned();
        let quirks = self.switches()?;
        let history_first = self.field("first-history")?;
        let history_first =
            number(history_first).ok_or_else(|| self.wrong("a number is wanted here"))?;
        let chat_server = match self.field("chat-server")? {
            "configured" => true,
            "provisioned" => false,
            _ => return Err(self.wrong("`configured` or `provisioned` is wanted here")),
        };
        self.empty()?;
        Ok(Head { program, platform, quirks, history_first, chat_server })
    }

    fn switches(&mut self) -> Result<Quirks, ReadError> {
        let list = self.field("switches")?;
        let mut left = list.split(' ').peekable();
        let mut on = SWITCHES.map(|name| left.next_if(|word| *word == name).is_some()).into_iter();
        let mut next = || on.next().unwrap_or(false);
        let quirks = Quirks {
            members_command: next(),
            associations_command: next(),
            history_queries: next(),
        };
        let none = quirks == Quirks::default() && left.next_if(|word| *word == "none").is_some();
        if left.next().is_some() || (quirks == Quirks::default() && !none) {
            return Err(self.wrong("a switch that there is not"));
        }
        Ok(quirks)
    }

    fn entry(&mut self) -> Result<Entry, ReadError> {
        let first = self.take()?;
        let line = self.number;
        let entry = first_line(first)
            .ok_or_else(|| self.wrong("no first line of an entry: sign, time, side, connection"))?;
        let (direction, at_ms, side, connection) = entry;
        let mut message = Vec::new();
        while let Some(rest) = self.peek()?.strip_prefix('|') {
            let text = match rest.strip_prefix(' ') {
                Some(text) if is_tidy(text) => text,
                None if rest.is_empty() => "",
                _ => return Err(self.wrong("no line of a message: `|`, a blank, text")),
            };
            message.push(text);
            self.next = None;
        }
        if message.is_empty() {
            return Err(self.wrong("an entry without a message"));
        }
        self.empty()?;
        Ok(Entry { direction, at_ms, side, connection, message: message.join("\n"), line })
    }

    fn forms(&mut self) -> Result<Forms, ReadError> {
        let mut forms = Forms::default();
        if self.take()? != Forms::UNKNOWN {
            return Err(self.wrong(&format!("an entry or `{}` is wanted here", Forms::UNKNOWN)));
        }
        while let Some(name) = self.peek()?.strip_prefix("  ") {
            if !forms.note(name) {
                return Err(self.wrong("no name of a form, or one that stood there already"));
            }
            self.next = None;
        }
        if self.take()? != Forms::ASSUMED {
            return Err(self.wrong(&format!("`{}` is wanted here", Forms::ASSUMED)));
        }
        while let Some(line) = self.peek()?.strip_prefix("  ") {
            if !forms.read_assumed(line) {
                return Err(self.wrong("no line of an assumed form, or out of order"));
            }
            self.next = None;
        }
        Ok(forms)
    }

    fn end(&mut self, entries: usize) -> Result<End, ReadError> {
        if self.take()? != "= end" {
            return Err(self.wrong("`= end` is wanted here"));
        }
        let line = self.take()?;
        let end =
            end(line).ok_or_else(|| self.wrong("no last line: entries, lost, whole or full"))?;
        if end.entries != u64::try_from(entries).unwrap_or(u64::MAX) {
            return Err(self.wrong(&format!("{entries} entries stand here, and not so many")));
        }
        self.empty()?;
        match self.lines.next() {
            None => Ok(end),
            Some(_) => {
                self.number += 1;
                Err(self.wrong("something stands behind the end"))
            }
        }
    }
}

/// Whether the text is what the writer leaves of a line.
fn is_tidy(text: &str) -> bool {
    !text.is_empty() && text.trim_end() == text
}

/// Digits as they are printed: no sign, no leading zero.
fn number<N: std::str::FromStr + ToString>(text: &str) -> Option<N> {
    text.parse().ok().filter(|number: &N| number.to_string() == text)
}

fn first_line(line: &str) -> Option<(Direction, u64, Side, u32)> {
    let mut words = line.split(' ');
    let directions = [Direction::Out, Direction::In, Direction::Mark];
    let sign = words.next()?;
    let direction = directions.into_iter().find(|one| sign.chars().eq([one.sign()]))?;
    let at_ms = number(words.next()?)?;
    let word = words.next()?;
    let side = [Side::Chat, Side::Exchange].into_iter().find(|side| side.word() == word)?;
    let connection = number(words.next()?)?;
    words.next().is_none().then_some((direction, at_ms, side, connection))
}

fn end(line: &str) -> Option<End> {
    let (entries, rest) = line.split_once(" entries, ")?;
    let (lost, full) = rest.split_once(" lost, ")?;
    let full = match full {
        "full" => true,
        "whole" => false,
        _ => return None,
    };
    Some(End { entries: number(entries)?, lost: number(lost)?, full })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    const TEXT: &str = "chat-digest transcript 1\n\
        program: chat-digest 0.1.0\n\
        platform: linux x86_64\n\
        switches: members_command history_queries\n\
        first-history: 25\n\
        chat-server: provisioned\n\
        \n\
        > 0 chat 1\n\
        | BYE sip:person1@domain1.example SIP/2.0\n\
        | CSeq: 1 BYE\n\
        |\n\
        | body\n\
        \n\
        ! 17 exchange 2\n\
        | octets were lost here\n\
        \n\
        = unknown forms\n\
        \u{20} chanib/@new\n\
        = assumed forms\n\
        \u{20} x-getmembers: asked 2, answered: 501 (2)\n\
        = end\n\
        2 entries, 3 lost, whole\n";

    #[test]
    fn what_is_read_is_written_again() {
        let read = Transcript::read(TEXT).unwrap();
        assert_eq!(read.write(), TEXT);
        let [first, mark] = read.entries.as_slice() else { unreachable!("{read:?}") };
        assert_eq!((first.line, first.connection, first.parts().1), (8, 1, "body"));
        assert_eq!((mark.direction, mark.at_ms), (Direction::Mark, 17));
        assert!(read.head.quirks.members_command && !read.head.quirks.associations_command);
        assert!(read.forms.unknown().any(|name| name == "chanib/@new"));
        assert_eq!(read.end, End { entries: 2, lost: 3, full: false });
    }

    #[test]
    fn what_the_recorder_does_not_write_is_refused_by_its_line() {
        for (from, to, line) in [
            ("transcript 1", "transcript 2", 1),
            ("program: ", "program ", 2),
            ("members_command history", "history_queries members_command history", 4),
            ("first-history: 25", "first-history: 025", 5),
            ("provisioned", "guessed", 6),
            ("> 0 chat 1", "> 0 chat", 8),
            ("> 0 chat 1", "> -1 chat 1", 8),
            ("> 0 chat 1", "> 0 phone 1", 8),
            ("| CSeq", "|CSeq", 10),
            ("| body", "body", 12),
            ("| body", "| bo\tdy", 12),
            ("! 17", "? 17", 14),
            ("chanib/@new", "chanib=@new", 18),
            ("x-getmembers", "getmembers", 20),
            ("2 entries", "1 entries", 22),
            ("whole\n", "whole\nmore\n", 23),
            ("whole\n", "whole", 23),
            ("= end\n", "", 21),
        ] {
            let damaged = TEXT.replacen(from, to, 1);
            assert_ne!(damaged, TEXT, "{from}");
            let error = Transcript::read(&damaged).unwrap_err();
            assert_eq!(error.line, line, "{from} -> {to}: {error}");
        }
    }

    #[test]
    fn cut_anywhere_it_is_refused() {
        for at in 0..TEXT.len() {
            assert!(Transcript::read(TEXT.get(..at).unwrap()).is_err(), "cut at {at}");
        }
    }
}
