//! Redaction by allow-list: what is not known to be harmless is replaced.
//!
//! The structure stays: methods, statuses, names of headers, elements and attributes, the words
//! that the protocols themselves use, sizes, counters, times. Of people, hosts, rooms and
//! identifiers there are stand-ins, the same throughout one transcript; of texts the shape is told
//! up to [`MASK_CHARACTERS_MAX`] characters, of credentials their length.

mod addresses;
mod body;
mod credentials;
mod names;
mod values;
mod words;
mod xml;

use lync::sip::{Message, StartLine, reason_phrase};

pub(crate) use self::body::{BROKEN, TOO_LONG};
pub use self::{body::BODY_BYTES_MAX, names::NAMES_MAX, values::MASK_CHARACTERS_MAX};
use self::{
    names::{Kind, Names},
    values::{Place, is_number, mask},
};

/// Bytes of the longest name of a header that is kept.
const HEADER_NAME_BYTES_MAX: usize = 64;

/// How the value of a header is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Via,
    Addresses,
    Call,
    Words,
    Versions,
    Date,
    Diagnostics,
    Credentials,
    Cookies,
    Of(Place),
}

/// What is known of a header, by its name.
fn field(name: &str) -> Option<Field> {
    Some(match name.to_ascii_lowercase().as_str() {
        "via" => Field::Via,
        "from"
        | "to"
        | "contact"
        | "route"
        | "record-route"
        | "p-asserted-identity"
        | "p-preferred-identity"
        | "referred-by"
        | "refer-to" => Field::Addresses,
        "call-id" => Field::Call,
        "cseq"
        | "max-forwards"
        | "content-length"
        | "content-type"
        | "supported"
        | "require"
        | "proxy-require"
        | "unsupported"
        | "allow"
        | "allow-events"
        | "event"
        | "accept"
        | "accept-encoding"
        | "content-encoding"
        | "transfer-encoding"
        | "expires"
        | "min-expires"
        | "session-expires"
        | "min-se"
        | "retry-after"
        | "ms-piggyback-cseq"
        | "ms-keep-alive"
        | "subscription-state"
        | "presence-state"
        | "connection"
        | "cache-control"
        | "vary"
        | "x-backendhttpstatus"
        | "ms-user-logon-data" => Field::Words,
        "server" | "user-agent" | "x-powered-by" | "x-aspnet-version" | "x-owa-version" => {
            Field::Versions
        }
        "date" => Field::Date,
        "ms-diagnostics" | "ms-diagnostics-public" => Field::Diagnostics,
        "authorization"
        | "www-authenticate"
        | "proxy-authorization"
        | "proxy-authenticate"
        | "authentication-info"
        | "proxy-authentication-info" => Field::Credentials,
        "cookie" | "set-cookie" => Field::Cookies,
        "x-anchormailbox" => Field::Of(Place::Mailbox),
        "host"
        | "x-feserver"
        | "x-beserver"
        | "x-calculatedbetarget"
        | "x-diaginfo"
        | "x-targetbeserver"
        | "x-calculatedfetarget" => Field::Of(Place::Host),
        "location" => Field::Of(Place::Uris),
        "x-caserrorcode" => Field::Of(Place::Constant),
        "request-id" | "x-requestid" | "client-request-id" | "ms-correlation-id" => {
            Field::Of(Place::Id)
        }
        "subject" => Field::Of(Place::Text),
        _ => return None,
    })
}

/// Whether a header of this name is known.
pub(crate) fn is_known(name: &str) -> bool {
    field(name).is_some()
}

/// Makes messages fit to be shown. One for a whole transcript: its stand-ins hold for all of it.
#[derive(Debug, Default)]
pub struct Redactor {
    names: Names,
}

impl Redactor {
    /// Knows nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A message of SIP: head, an empty line, body.
    pub fn sip(&mut self, message: &Message) -> String {
        let mut head = match &message.start {
            StartLine::Request { method, uri } => {
                format!("{} {} SIP/2.0", words::kept(method.as_str()), self.names.uri(uri))
            }
            StartLine::Response { status, reason } => {
                let usual = reason.eq_ignore_ascii_case(reason_phrase(*status));
                let reason = if usual { reason.clone() } else { words::kept(reason) };
                format!("SIP/2.0 {status} {reason}").trim_end().to_owned()
            }
        };
        for (name, value) in message.headers.iter() {
            self.header(&mut head, name, value);
        }
        let kind = message.headers.first("Content-Type").unwrap_or_default();
        let is_sdp = kind.trim().eq_ignore_ascii_case("application/sdp");
        self.whole(head, &message.body, is_sdp)
    }

    /// A request of HTTP.
    pub fn http_request(
        &mut self,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> String {
        const PATH: &str = "/EWS/Exchange.asmx";
        let path = if path.eq_ignore_ascii_case(PATH) {
            PATH.to_owned()
        } else {
            format!("/{}", self.names.of(Kind::Id, path))
        };
        self.http(format!("POST {path} HTTP/1.1"), headers, body)
    }

    /// An answer of HTTP.
    pub fn http_answer(
        &mut self,
        status: u16,
        headers: &[(String, String)],
        body: &[u8],
    ) -> String {
        self.http(format!("HTTP/1.1 {status}"), headers, body)
    }

    fn http(&mut self, mut head: String, headers: &[(String, String)], body: &[u8]) -> String {
        for (name, value) in headers {
            self.header(&mut head, name, value);
        }
        self.whole(head, body, false)
    }

    fn header(&mut self, head: &mut String, name: &str, value: &str) {
        let value = match field(name) {
            Some(Field::Via) => self.names.vias(value),
            Some(Field::Addresses) => self.names.addresses(value),
            Some(Field::Call) => self.names.of(Kind::Call, value),
            Some(Field::Words) => words::kept(value),
            Some(Field::Versions) => words::kept_versions(value),
            Some(Field::Date) => date(value),
            Some(Field::Diagnostics) => self.names.diagnostics(value),
            Some(Field::Credentials) => credentials::credentials(value),
            Some(Field::Cookies) => credentials::cookies(value),
            Some(Field::Of(place)) => self.names.value(place, value),
            None if is_delicate(name) => format!("({} octets)", value.len()),
            None => self.names.value(Place::Unknown, value),
        };
        let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_token = name.len() <= HEADER_NAME_BYTES_MAX && name.bytes().all(usual);
        let name = if is_token { name.to_owned() } else { self.names.of(Kind::Name, name) };
        let value = value.replace('\n', " ");
        head.extend(["\n", &name, ": ", value.trim_end()]);
    }
}

/// Whether a header nobody knows could hold what opens doors.
fn is_delicate(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["auth", "token", "cookie", "secret", "key", "pass", "cred", "sign"]
        .iter()
        .any(|part| name.contains(part))
}

/// `Mon, 03 Mar 2014 09:15:02 GMT`.
fn date(value: &str) -> String {
    const NAMES: [&str; 20] = [
        "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "Jan", "Feb", "Mar", "Apr", "May", "Jun",
        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "GMT",
    ];
    let words = value.split(' ').all(|word| {
        let word = word.trim_end_matches(',');
        NAMES.contains(&word) || is_number(word) || word.split(':').all(is_number)
    });
    if words && value.len() <= 40 { value.to_owned() } else { mask(value) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::transcript::MESSAGE_BYTES_MAX;

    fn message(text: &str, body: &str) -> Message {
        let mut message = Message::parse_head(text.replace('\n', "\r\n").as_bytes()).unwrap();
        message.body = body.to_owned().into();
        message
    }

    #[test]
    fn a_request() {
        let text = "INVITE sip:GC-1@contoso.com SIP/2.0\n\
            Via: SIP/2.0/TLS 10.0.8.20:49822;branch=z9hG4bKB95F\n\
            From: <sip:bot@contoso.com>;tag=3c5e;epid=f291\n\
            CSeq: 1 INVITE\n\
            Call-ID: 11d2\n\
            X-Mood: Anna is happy\n\
            X-Auth: hunter2\n\
            Content-Type: application/sdp\n\
            Authorization: NTLM qop=\"auth\", response=\"0100\"\n\n";
        let body = "v=0\r\no=- 0 0 IN IP4 10.0.8.20\r\ns=session\r\nm=message 5061 sip sip:p@contoso.com\r\na=accept-types:text/plain\r\nx=anna\r\n";
        let told = "INVITE sip:person1@domain1.example SIP/2.0\n\
            Via: SIP/2.0/TLS 198.18.0.1:49822;branch=z9hG4bK-branch1\n\
            From: <sip:person2@domain1.example>;tag=tag1;epid=id1\n\
            CSeq: 1 INVITE\n\
            Call-ID: call1\n\
            X-Mood: xxxx xx xxxxx\n\
            X-Auth: (7 octets)\n\
            Content-Type: application/sdp\n\
            Authorization: NTLM qop=\"(4 octets)\", response=\"(4 octets)\"\n\n\
            v=0\no=- 0 0 IN IP4 198.18.0.1\ns=session\nm=message 5061 sip sip:person3@domain1.example\n\
            a=accept-types:text/plain\nxxxxxx";
        assert_eq!(Redactor::new().sip(&message(text, body)), told);
    }

    #[test]
    fn answers_and_their_phrases() {
        let told = |line: &str| {
            Redactor::new()
                .sip(&message(&format!("{line}\nDate: Mon, 03 Mar 2014 09:15:02 GMT\n\n"), ""))
        };
        assert_eq!(
            told("SIP/2.0 481 Call Leg/Transaction Does Not Exist"),
            "SIP/2.0 481 Call Leg/Transaction Does Not Exist\nDate: Mon, 03 Mar 2014 09:15:02 GMT"
        );
        assert_eq!(
            told("SIP/2.0 403 Forbidden to Anna").lines().next(),
            Some("SIP/2.0 403 Forbidden xx xxxx")
        );
    }

    #[test]
    fn bodies_that_are_neither() {
        let told = |body: &str| {
            let told = Redactor::new()
                .sip(&message("BENOTIFY sip:a@b SIP/2.0\nEvent: registration-notify\n\n", body));
            told.split_once("\n\n").unwrap().1.to_owned()
        };
        assert_eq!(told("deregistered;event=rejected"), "deregistered;event=rejected");
        assert_eq!(told("Anna\r\n\r\nwas 8"), "xxxx\n\nxxx 0");
        assert_eq!(
            told(&format!("<a>{}</a>", "&lt;x".repeat(MESSAGE_BYTES_MAX))),
            "<a>".to_owned() + &"x".repeat(200) + "(and 2096952 more)</a>"
        );
        assert_eq!(told("<!DOCTYPE html><html>Anna"), "(25 octets of HTML)");
        assert_eq!(told("<xccos>Anna"), "(11 octets of broken XML)");
        let mut binary = message("INFO sip:a SIP/2.0\n\n", "");
        binary.body = vec![0xff, 0xfe, 0x00].into();
        assert!(Redactor::new().sip(&binary).ends_with("\n\n(3 octets that are no text)"));
    }

    #[test]
    fn a_long_message_keeps_its_head() {
        let body = format!("<a>{}</a>", "<b c=\"anna keller\"/>".repeat(MESSAGE_BYTES_MAX / 10));
        let told = Redactor::new().sip(&message("INFO sip:a@b SIP/2.0\n\n", &body));
        assert!(told.starts_with("INFO sip:person1@domain1.example SIP/2.0\n\n("), "{told:.100}");
        assert!(told.ends_with("too long to be told)"));
    }

    #[test]
    fn http() {
        let headers = [("X-AnchorMailbox".to_owned(), "anna@contoso.com".to_owned())];
        let mut redactor = Redactor::new();
        assert_eq!(
            redactor.http_request("/ews/exchange.asmx", &headers, b""),
            "POST /EWS/Exchange.asmx HTTP/1.1\nX-AnchorMailbox: person1@domain1.example"
        );
        let headers = [
            ("Set-Cookie".to_owned(), "ClientId=hunter2".to_owned()),
            ("Server".to_owned(), "Microsoft-IIS/10.0".to_owned()),
        ];
        assert_eq!(
            redactor.http_answer(503, &headers, b"Anna"),
            "HTTP/1.1 503\nSet-Cookie: ClientId=(7 octets)\nServer: Microsoft-IIS/10.0\n\nxxxx"
        );
    }
}
