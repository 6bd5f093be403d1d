//! Cuts a byte stream into messages.

use bytes::{Buf, BytesMut};

use super::message::{MalformedHead, Message};

/// Longest head taken, start line to empty line.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Longest body taken: a page of history at its largest (dossier section 10, no. 15).
pub const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What a client sends over an idle connection: CR LF CR LF (dossier 1.5).
pub const KEEP_ALIVE: &[u8; 4] = b"\r\n\r\n";

/// Cuts a stream into messages, wherever the stream was cut before.
///
/// Every octet is looked at a bounded number of times, so octet-wise input costs linear time.
/// After [`Framer::push`], call [`Framer::next`] until it gives `None`.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: BytesMut,
    /// Octets of the buffer already searched for the end of the head.
    searched: usize,
    /// The message whose body is still arriving, and that body's length.
    pending: Option<(Message, usize)>,
    /// Line-end octets since the last message.
    line_ends: usize,
    broken: Option<FrameError>,
}

/// What stood in the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole message.
    Message(Message),
    /// CR LF CR LF between messages.
    KeepAlive,
}

/// The stream can no longer be cut: drop the connection. Every later call repeats the error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A head that cannot be read.
    #[error("malformed SIP head: {0}")]
    Malformed(#[from] MalformedHead),
    /// No end of the head within [`HEAD_BYTES_MAX`].
    #[error("SIP head longer than {HEAD_BYTES_MAX} octets")]
    HeadTooLong,
    /// `Content-Length` is above [`BODY_BYTES_MAX`].
    #[error("SIP body longer than {BODY_BYTES_MAX} octets")]
    BodyTooLong,
    /// `Content-Length` is no number, or there are two that differ, or it is missing although
    /// `Content-Type` announces a body (dossier 1.3).
    #[error("SIP Content-Length missing or unreadable")]
    ContentLength,
}

impl Framer {
    /// An empty framer, at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes octets as the stream delivered them. Call [`Framer::next`] afterwards: what is
    /// pushed without being taken out is not bounded here.
    ///
    /// # Errors
    /// The error that broke the stream earlier.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Returns the next message or keep-alive, `None` when more octets are needed.
    ///
    /// # Errors
    /// [`FrameError`] when the stream cannot be cut any further.
    #[expect(clippy::should_implement_trait, reason = "a Result<Option> is no iterator's item")]
    pub fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let result = self.advance();
        self.broken = result.as_ref().err().copied();
        result
    }

    fn advance(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.pending.is_none() {
            if self.skip_line_ends() {
                return Ok(Some(Frame::KeepAlive));
            }
            self.read_head()?;
        }
        Ok(self.read_body().map(Frame::Message))
    }

    /// Drops line ends before a start line; tells whether they add up to a keep-alive.
    fn skip_line_ends(&mut self) -> bool {
        while let Some(b'\r' | b'\n') = self.buffer.first() {
            self.buffer.advance(1);
            self.line_ends += 1;
            if self.line_ends == KEEP_ALIVE.len() {
                self.line_ends = 0;
                return true;
            }
        }
        false
    }

    fn read_head(&mut self) -> Result<(), FrameError> {
        let from = self.searched.saturating_sub(KEEP_ALIVE.len() - 1);
        let unseen = self.buffer.get(from..).unwrap_or_default();
        let Some(at) = unseen.windows(4).position(|window| window == KEEP_ALIVE) else {
            self.searched = self.buffer.len();
            let too_long = self.buffer.len() >= HEAD_BYTES_MAX;
            return if too_long { Err(FrameError::HeadTooLong) } else { Ok(()) };
        };
        let length = from + at + KEEP_ALIVE.len();
        if length > HEAD_BYTES_MAX {
            return Err(FrameError::HeadTooLong);
        }
        let message = Message::parse_head(&self.buffer.split_to(length))?;
        let body = body_length(&message)?;
        self.pending = Some((message, body));
        self.searched = 0;
        self.line_ends = 0;
        Ok(())
    }

    fn read_body(&mut self) -> Option<Message> {
        // Memory grows with what arrives, never with what a length announces.
        let buffered = self.buffer.len();
        let (mut message, length) = self.pending.take_if(|(_, length)| buffered >= *length)?;
        message.body = self.buffer.split_to(length).freeze();
        Some(message)
    }
}

fn body_length(message: &Message) -> Result<usize, FrameError> {
    let mut lengths = message.headers.all("Content-Length");
    let Some(first) = lengths.next() else {
        let announced = message.headers.first("Content-Type").is_some();
        return if announced { Err(FrameError::ContentLength) } else { Ok(0) };
    };
    let digits = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || lengths.any(|other| other != first) {
        return Err(FrameError::ContentLength);
    }
    // More digits than a usize holds: too long as well.
    let length = first.parse().unwrap_or(usize::MAX);
    if length > BODY_BYTES_MAX { Err(FrameError::BodyTooLong) } else { Ok(length) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::{BODY_BYTES_MAX, Frame, FrameError, Framer, HEAD_BYTES_MAX};
    use crate::sip::MalformedHead;

    const INFO: &str = "INFO sip:a@b SIP/2.0\r\nCall-ID: 1\r\nl: 11\r\n\r\n<x>\r\n\r\n</x>";
    const OK: &str = "SIP/2.0 200 OK\r\nCALL-ID: 1\r\nCSEQ: 1\r\n  INFO\r\n\r\n";

    fn drain(framer: &mut Framer, bytes: &[u8]) -> Vec<Frame> {
        framer.push(bytes).unwrap();
        std::iter::from_fn(|| framer.next().unwrap()).collect()
    }

    fn frames(chunks: &[&[u8]]) -> Vec<Frame> {
        let mut framer = Framer::new();
        chunks.iter().flat_map(|chunk| drain(&mut framer, chunk)).collect()
    }

    #[test]
    fn cut_at_every_position_gives_the_same() {
        let stream = format!("\r\n\r\n{INFO}{OK}\r\n\r\n\r\n{INFO}");
        let whole = frames(&[stream.as_bytes()]);
        assert_eq!(whole.len(), 5);
        assert!(matches!(whole.first(), Some(Frame::KeepAlive)));
        for at in 0..=stream.len() {
            let (a, b) = stream.as_bytes().split_at(at);
            assert_eq!(frames(&[a, b]), whole, "cut at {at}");
        }
        let single: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(frames(&single), whole);
    }

    #[test]
    fn bodies_and_folds_arrive_whole() {
        let whole = frames(&[INFO.as_bytes(), OK.as_bytes()]);
        let [Frame::Message(info), Frame::Message(ok)] = whole.as_slice() else {
            unreachable!("{whole:?}")
        };
        assert_eq!(info.body, "<x>\r\n\r\n</x>");
        assert_eq!((ok.cseq(), ok.body.len()), (Some((1, "INFO")), 0));
    }

    #[test]
    fn octets_one_by_one_cost_linear_time() {
        // Quadratic work over this many octets would not end within the life of a test run.
        let body = "x".repeat(4 * 1024 * 1024);
        let text = format!("INFO sip:a SIP/2.0\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let mut framer = Framer::new();
        let mut count = 0;
        for byte in text.as_bytes().chunks(1) {
            count += drain(&mut framer, byte).len();
        }
        assert_eq!(count, 1);
    }

    fn error(text: &str) -> Option<FrameError> {
        let mut framer = Framer::new();
        framer.push(text.as_bytes()).unwrap();
        let error = framer.next().err();
        assert_eq!(framer.next().err(), error, "an error stays");
        error
    }

    #[test]
    fn bounds_hold() {
        let long = format!("INFO sip:a SIP/2.0\r\nX: {}", "x".repeat(HEAD_BYTES_MAX));
        assert_eq!(error(&long), Some(FrameError::HeadTooLong));
        assert_eq!(error(&format!("{long}\r\n\r\n")), Some(FrameError::HeadTooLong));
        let big = |n: &str| format!("INFO sip:a SIP/2.0\r\nContent-Length: {n}\r\n\r\n");
        let over = (BODY_BYTES_MAX + 1).to_string();
        assert_eq!(error(&big(&over)), Some(FrameError::BodyTooLong));
        assert_eq!(error(&big("99999999999999999999999")), Some(FrameError::BodyTooLong));
        assert_eq!(error(&big(&BODY_BYTES_MAX.to_string())), None);
    }

    #[test]
    fn content_length_must_be_clear() {
        let with = |headers: &str| error(&format!("INFO sip:a SIP/2.0\r\n{headers}\r\n\r\n"));
        assert_eq!(with("Content-Type: text/plain"), Some(FrameError::ContentLength));
        assert_eq!(with("Content-Length: -1"), Some(FrameError::ContentLength));
        assert_eq!(with("Content-Length:"), Some(FrameError::ContentLength));
        assert_eq!(with("Content-Length: 1\r\nl: 2"), Some(FrameError::ContentLength));
        assert_eq!(with("Content-Length: 0\r\nl: 0"), None);
    }

    #[test]
    fn what_is_not_sip_is_refused() {
        let malformed = FrameError::Malformed(MalformedHead::StartLine);
        assert_eq!(error("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), Some(malformed));
    }
}
