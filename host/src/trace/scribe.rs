//! Makes entries of what passes: cuts the octets into messages, redacts them, and keeps to the
//! bound of the file.

use std::collections::HashMap;

use lync::sip::{Frame, Framer};
use trace::{Direction, End, Entry, FILE_BYTES_MAX, Observer, Redactor};
use tracing::warn;

use super::recorder::{Piece, What, side};

/// Connections whose octets are cut at the same time.
const STREAMS_MAX: usize = 16;

/// One direction of a connection to the pool.
#[derive(Default)]
struct Stream {
    framer: Framer,
    /// What came cannot be cut any more.
    is_dead: bool,
}

pub(super) struct Scribe {
    redactor: Redactor,
    observer: Observer,
    streams: HashMap<(u32, char), Stream>,
    bytes: usize,
    end: End,
}

impl Scribe {
    /// After so many octets of the file's head.
    pub(super) fn new(head_bytes: usize, observer: Observer) -> Self {
        Self {
            redactor: Redactor::new(),
            observer,
            streams: HashMap::new(),
            bytes: head_bytes,
            end: End::default(),
        }
    }

    /// The entries that a piece completes, as they stand in the file.
    pub(super) fn take(&mut self, piece: Piece) -> Vec<String> {
        let Piece { at_ms, connection, what } = piece;
        let side = side(&what);
        let messages = match what {
            What::Chat { direction, bytes, after_loss } => {
                self.chat(connection, direction, &bytes, after_loss)
            }
            What::Request { path, headers, body } => {
                vec![(Direction::Out, self.redactor.http_request(&path, &headers, &body))]
            }
            What::Answer { status, headers, body } => {
                vec![(Direction::In, self.redactor.http_answer(status, &headers, &body))]
            }
            What::NoAnswer => vec![(Direction::Mark, "no answer came".to_owned())],
            What::End => Vec::new(),
        };
        let entry =
            |(direction, message)| Entry { direction, at_ms, side, connection, message, line: 0 };
        messages.into_iter().map(entry).filter_map(|entry| self.fit(&entry)).collect()
    }

    fn fit(&mut self, entry: &Entry) -> Option<String> {
        let text = entry.write();
        if self.end.full || self.bytes + text.len() > FILE_BYTES_MAX {
            if !self.end.full {
                warn!(
                    "trace: the transcript has reached {FILE_BYTES_MAX} octets: no more is recorded"
                );
            }
            self.end.full = true;
            return None;
        }
        self.bytes += text.len();
        self.end.entries += 1;
        Some(text)
    }

    fn chat(
        &mut self,
        connection: u32,
        direction: Direction,
        bytes: &[u8],
        after_loss: bool,
    ) -> Vec<(Direction, String)> {
        // A later connection takes the place of the earlier ones.
        if self.streams.len() >= STREAMS_MAX {
            self.streams.retain(|(other, _), _| *other == connection);
        }
        let stream = self.streams.entry((connection, direction.sign())).or_default();
        let mut messages = Vec::new();
        if after_loss {
            stream.framer = Framer::new();
            messages.push((Direction::Mark, "octets were lost here".to_owned()));
        }
        if stream.is_dead || stream.framer.push(bytes).is_err() {
            return messages;
        }
        loop {
            match stream.framer.next() {
                Ok(None) => return messages,
                Ok(Some(Frame::KeepAlive)) => {}
                Ok(Some(Frame::Message(message))) => {
                    self.observer.observe(direction, connection, &message);
                    messages.push((direction, self.redactor.sip(&message)));
                }
                Err(error) => {
                    stream.is_dead = true;
                    messages.push((Direction::Mark, format!("what follows is not told: {error}")));
                    return messages;
                }
            }
        }
    }

    /// What stands at the end of the file.
    pub(super) fn end(self, lost: u64) -> (String, End) {
        let end = End { lost, ..self.end };
        (self.observer.forms().write() + &end.write(), end)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use lync::Quirks;

    use super::*;

    fn chat(bytes: &[u8], after_loss: bool) -> Piece {
        let what = What::Chat { direction: Direction::In, bytes: bytes.to_vec(), after_loss };
        Piece { at_ms: 5, connection: 1, what }
    }

    const BYE: &[u8] = b"BYE sip:a@b SIP/2.0\r\nCSeq: 1 BYE\r\n\r\n";

    #[test]
    fn octets_are_cut_into_messages() {
        let mut scribe = Scribe::new(0, Observer::new(Quirks::default()));
        let (first, rest) = BYE.split_at(9);
        assert!(scribe.take(chat(first, false)).is_empty());
        let told = "< 5 chat 1\n| BYE sip:person1@domain1.example SIP/2.0\n| CSeq: 1 BYE\n\n";
        assert_eq!(scribe.take(chat(rest, false)), [told]);
    }

    #[test]
    fn a_loss_is_told_and_what_cannot_be_followed_too() {
        let mut scribe = Scribe::new(0, Observer::new(Quirks::default()));
        assert!(scribe.take(chat(BYE.get(..9).unwrap(), false)).is_empty());
        let told = scribe.take(chat(BYE, true));
        assert!(told.first().unwrap().contains("octets were lost here") && told.len() == 2);
        let told = scribe.take(chat(b"e nothing\r\n\r\n", true));
        assert!(told.last().unwrap().contains("what follows is not told"), "{told:?}");
        assert!(scribe.take(chat(BYE, false)).is_empty());
    }

    #[test]
    fn the_file_is_bounded() {
        let mut scribe = Scribe::new(FILE_BYTES_MAX - 70, Observer::new(Quirks::default()));
        assert_eq!(scribe.take(chat(BYE, false)).len(), 1);
        assert!(scribe.take(chat(BYE, false)).is_empty());
        let (last, end) = scribe.end(3);
        assert_eq!(end, End { entries: 1, lost: 3, full: true });
        assert!(last.ends_with("1 entries, 3 lost, full\n"));
    }
}
