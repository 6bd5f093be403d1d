//! One SIP message.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use ezk_sip_types::msg::{Line, PullParser};

use super::address::{Address, Identities};
use super::headers::Headers;
use super::method::Method;
use super::status::reason_phrase;

const VERSION: &str = "SIP/2.0";

/// A request or a response.
///
/// Its `Debug` shows neither headers nor body: both hold what people wrote and who they are.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// What kind of message this is.
    pub start: StartLine,
    /// The header fields, in order, values as written.
    pub headers: Headers,
    /// The body, undecoded.
    pub body: Bytes,
}

/// The first line of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartLine {
    /// `INFO sip:… SIP/2.0`
    Request {
        /// What is asked for.
        method: Method,
        /// The request URI, of any scheme, as written.
        uri: String,
    },
    /// `SIP/2.0 200 OK`
    Response {
        /// The status code.
        status: u16,
        /// The reason phrase, for people.
        reason: String,
    },
}

/// The head of a message could not be read: the stream cannot be trusted any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedHead {
    /// The first line is neither a request line nor a status line.
    #[error("the start line is no request line and no status line")]
    StartLine,
    /// A later line is no `name: value`.
    #[error("a header line has no name and colon")]
    Header,
    /// Line ends are broken: a lone CR, or an empty line of another style before the end.
    #[error("the lines of the head do not end alike")]
    LineEnds,
}

impl Message {
    /// A request without headers and body.
    #[must_use]
    pub fn request(method: Method, uri: &str) -> Self {
        let uri = uri.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
        Self::with(StartLine::Request { method, uri })
    }

    /// The response to `request`: `Via` (all), `From`, `To`, `Call-ID`, `CSeq` and `Record-Route`
    /// are copied, unchanged (RFC 3261 8.2.6.2). The caller adds its tag to `To`.
    #[must_use]
    pub fn response_to(request: &Self, status: u16, reason: &str) -> Self {
        let reason = reason.replace(['\r', '\n'], " ");
        let mut response = Self::with(StartLine::Response { status, reason });
        for name in ["Via", "From", "To", "CSeq", "Call-ID", "Record-Route"] {
            for value in request.headers.all(name) {
                response.headers.push(name, value);
            }
        }
        response
    }

    /// [`Message::response_to`] with the usual phrase of the status.
    #[must_use]
    pub fn answer(request: &Self, status: u16) -> Self {
        Self::response_to(request, status, reason_phrase(status))
    }

    fn with(start: StartLine) -> Self {
        Self { start, headers: Headers::new(), body: Bytes::new() }
    }

    /// Reads a head: start line and headers up to and including the empty line. The body is empty.
    ///
    /// # Errors
    /// [`MalformedHead`] if it is none.
    pub fn parse_head(head: &[u8]) -> Result<Self, MalformedHead> {
        // A display name in another encoding must not cost the connection.
        let text = Bytes::from(String::from_utf8_lossy(head).into_owned());
        let mut lines = PullParser::new(&text, 0);
        let start = next_line(&mut lines)?.ok_or(MalformedHead::StartLine)?;
        let mut message = Self::with(StartLine::parse(start).ok_or(MalformedHead::StartLine)?);
        while let Some(line) = next_line(&mut lines)? {
            let (_, line) = Line::parse(&text, line).map_err(|_| MalformedHead::Header)?;
            let name = line.name.as_print_str();
            if name.is_empty() {
                return Err(MalformedHead::Header);
            }
            message.headers.push(name, unfold(&line.value));
        }
        if lines.head_end() == text.len() { Ok(message) } else { Err(MalformedHead::LineEnds) }
    }

    /// Whether this is a request.
    #[must_use]
    pub fn is_request(&self) -> bool {
        matches!(self.start, StartLine::Request { .. })
    }

    /// The method of a request, or the one a response's `CSeq` names.
    #[must_use]
    pub fn method(&self) -> Option<Method> {
        match &self.start {
            StartLine::Request { method, .. } => Some(method.clone()),
            StartLine::Response { .. } => self.cseq().and_then(|(_, name)| Method::new(name)),
        }
    }

    /// The status code of a response.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.start {
            StartLine::Response { status, .. } => Some(status),
            StartLine::Request { .. } => None,
        }
    }

    /// The request URI of a request.
    #[must_use]
    pub fn uri(&self) -> Option<&str> {
        match &self.start {
            StartLine::Request { uri, .. } => Some(uri),
            StartLine::Response { .. } => None,
        }
    }

    /// `Call-ID`; empty if it is missing.
    #[must_use]
    pub fn call_id(&self) -> &str {
        self.headers.first("Call-ID").unwrap_or("")
    }

    /// Number and method of `CSeq`.
    #[must_use]
    pub fn cseq(&self) -> Option<(u32, &str)> {
        let (number, method) = self.headers.first("CSeq")?.split_once([' ', '\t'])?;
        Some((number.parse().ok()?, method.trim()))
    }

    /// `From`; all parts empty if it is missing.
    #[must_use]
    pub fn from(&self) -> Address {
        Address::parse(self.headers.first("From").unwrap_or(""))
    }

    /// `To`; all parts empty if it is missing.
    #[must_use]
    pub fn to(&self) -> Address {
        Address::parse(self.headers.first("To").unwrap_or(""))
    }

    /// The first `Contact` of the first such header.
    #[must_use]
    pub fn contact(&self) -> Option<Address> {
        self.contacts().next()
    }

    /// Every `Contact`, whether listed on one line or on several.
    pub fn contacts(&self) -> impl Iterator<Item = Address> {
        self.headers.all("Contact").flat_map(super::split_list).map(Address::parse)
    }

    /// The value of `Expires` (seconds), as the signature takes it; not Contact's parameter.
    #[must_use]
    pub fn expires_header(&self) -> Option<&str> {
        self.headers.first("Expires")
    }

    /// `P-Asserted-Identity`, else `P-Preferred-Identity`; empty if there is neither.
    #[must_use]
    pub fn identities(&self) -> Identities {
        let value = self.headers.first("P-Asserted-Identity");
        let value = value.or_else(|| self.headers.first("P-Preferred-Identity"));
        value.map(Identities::parse).unwrap_or_default()
    }

    /// The `branch` of the topmost `Via`. Some clients send none (dossier 1.3).
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        let via = super::split_list(self.headers.first("Via")?).next()?;
        let mut parameters = via.split(';').skip(1).filter_map(|p| p.trim().split_once('='));
        parameters.find(|(name, _)| name.eq_ignore_ascii_case("branch")).map(|(_, value)| value)
    }

    /// Writes the message. `Content-Length` always tells the truth, whatever was set.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(1024 + self.body.len());
        match &self.start {
            StartLine::Request { method, uri } => put(&mut out, &[method.as_str(), " ", uri, " "]),
            StartLine::Response { .. } => {}
        }
        out.put_slice(VERSION.as_bytes());
        if let StartLine::Response { status, reason } = &self.start {
            put(&mut out, &[" ", &status.to_string(), " ", reason]);
        }
        let length = self.body.len().to_string();
        let mut said = false;
        for (name, value) in self.headers.iter() {
            let is_length = name.eq_ignore_ascii_case("Content-Length");
            if !(is_length && said) {
                put(&mut out, &["\r\n", name, ": ", if is_length { &length } else { value }]);
            }
            said |= is_length;
        }
        if !said {
            put(&mut out, &["\r\nContent-Length: ", &length]);
        }
        out.put_slice(b"\r\n\r\n");
        out.put_slice(&self.body);
        out.freeze()
    }
}

fn put(out: &mut BytesMut, parts: &[&str]) {
    for part in parts {
        out.put_slice(part.as_bytes());
    }
}

fn next_line<'a>(lines: &mut PullParser<'a>) -> Result<Option<&'a str>, MalformedHead> {
    let line = lines.next().transpose().map_err(|_| MalformedHead::LineEnds)?;
    line.map(|line| std::str::from_utf8(line).map_err(|_| MalformedHead::LineEnds)).transpose()
}

/// A folded line equals one with a blank in place of the fold (RFC 3261 7.3.1).
fn unfold(value: &str) -> String {
    let value = value.trim();
    if !value.contains(['\r', '\n']) {
        return value.to_owned();
    }
    let lines: Vec<_> = value.lines().map(str::trim).collect();
    lines.join(" ")
}

impl StartLine {
    fn parse(line: &str) -> Option<Self> {
        match line.strip_prefix(VERSION) {
            Some(rest) if rest.starts_with(' ') => Self::parse_response(rest.trim_start()),
            _ => Self::parse_request(line),
        }
    }

    fn parse_response(rest: &str) -> Option<Self> {
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let digits = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
        let status = status.parse().ok().filter(|status| digits && *status >= 100)?;
        Some(Self::Response { status, reason: reason.trim().to_owned() })
    }

    fn parse_request(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (method, uri, version) = (words.next()?, words.next()?, words.next()?);
        let whole = version == VERSION && words.next().is_none();
        let method = Method::new(method).filter(|_| whole)?;
        Some(Self::Request { method, uri: uri.to_owned() })
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.start {
            StartLine::Request { method, .. } => write!(f, "{method} request")?,
            StartLine::Response { status, .. } => write!(f, "{status} response")?,
        }
        write!(f, ", {} octets", self.body.len())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::{MalformedHead, Message, StartLine};
    use crate::sip::Method;

    fn head(lines: &[&str]) -> Result<Message, MalformedHead> {
        Message::parse_head(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes())
    }

    #[test]
    fn a_request_of_the_transcript() {
        let uri = "sip:pchat01.contoso.com@contoso.com;gruu;opaque=srvr:PersistentChat:kX2mQwAA";
        let m = head(&[
            &format!("INFO {uri} SIP/2.0"),
            "Via: SIP/2.0/TLS 10.0.8.20:49822;branch=z9hG4bK80197030FB4A7A7A",
            "From: <sip:roombot@contoso.com>;tag=3c5e9a01;epid=f29197849b19",
            "CSeq: 2 INFO",
            "Call-ID: 11d2a7c08f3b4e5d96a7b8c9d0e1f203",
        ])
        .unwrap();
        assert_eq!(m.start, StartLine::Request { method: Method::INFO, uri: uri.to_owned() });
        assert_eq!(m.cseq(), Some((2, "INFO")));
        assert_eq!(m.branch(), Some("z9hG4bK80197030FB4A7A7A"));
        assert_eq!(m.from().epid(), Some("f29197849b19"));
    }

    #[test]
    fn capitals_compact_and_folded() {
        let m = head(&[
            "SIP/2.0 180 Ringing",
            "FROM : \"Sender\"<sip:s@c>;tag=1",
            "i: abc",
            "CSEQ: 1\tINVITE",
            "Supported: one,",
            "\t two",
        ])
        .unwrap();
        assert_eq!(m.status(), Some(180));
        assert_eq!(m.from().name, "Sender");
        assert_eq!((m.call_id(), m.cseq()), ("abc", Some((1, "INVITE"))));
        assert_eq!(m.headers.first("Supported"), Some("one, two"));
        assert_eq!(m.method(), Some(Method::INVITE));
    }

    #[test]
    fn uris_of_any_scheme_and_unknown_methods() {
        let m = head(&["NEGOTIATE urn:service:x SIP/2.0", "To: <tel:+49>"]).unwrap();
        assert_eq!((m.method(), m.uri()), (Some(Method::NEGOTIATE), Some("urn:service:x")));
    }

    #[test]
    fn broken_heads_are_refused() {
        for line in
            ["", "INFO", "INFO sip:a", "INFO sip:a HTTP/1.1", "SIP/2.0 2x0 OK", "SIP/2.0 20"]
        {
            assert_eq!(head(&[line, "To: x"]), Err(MalformedHead::StartLine), "{line}");
        }
        assert_eq!(head(&["INFO sip:a SIP/2.0", "no colon"]), Err(MalformedHead::Header));
        assert_eq!(head(&["INFO sip:a SIP/2.0", ": x"]), Err(MalformedHead::Header));
        let hidden = "INFO sip:a SIP/2.0\r\nTo: x\n\nFrom: y\r\n\r\n";
        assert_eq!(Message::parse_head(hidden.as_bytes()), Err(MalformedHead::LineEnds));
    }

    #[test]
    fn encode_and_read_again() {
        let mut m = Message::request(Method::INFO, "sip:a@b");
        m.headers.push("Content-Length", "77");
        m.headers.push("Subject", "ä");
        m.body = "hello".into();
        let text = "INFO sip:a@b SIP/2.0\r\nContent-Length: 5\r\nSubject: ä\r\n\r\nhello";
        assert_eq!(m.encode(), text.as_bytes());
        let again = Message::parse_head(text.strip_suffix("hello").unwrap().as_bytes()).unwrap();
        assert_eq!(again.headers.first("s"), Some("ä"));
    }

    #[test]
    fn a_response_copies_what_rfc_3261_says() {
        let mut request = head(&["INFO sip:a SIP/2.0", "Via: 1", "Via: 2", "Date: x"]).unwrap();
        request.headers.push("To", "<sip:a>");
        let text = Message::answer(&request, 200).encode();
        let expected =
            "SIP/2.0 200 OK\r\nVia: 1\r\nVia: 2\r\nTo: <sip:a>\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(text, expected.as_bytes());
    }

    #[test]
    fn debug_tells_nothing_private() {
        let mut m = Message::request(Method::INFO, "sip:secret@b");
        m.body = "secret".into();
        assert_eq!(format!("{m:?}"), "INFO request, 6 octets");
    }
}
