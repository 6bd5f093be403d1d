//! The string that a signature covers (MS-SIPAE 3.2.5.2; dossier 2.5).

use crate::sip::{Identities, Message};

/// Version of the authentication protocol: it decides what a signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuthVersion {
    /// Live Communications Server: no To URI, no asserted identity.
    V2,
    /// Signs what [`AuthVersion::V4`] signs.
    V3,
    /// Lync 2010 and later: the message that brings the proof is signed too.
    V4,
}

impl AuthVersion {
    /// Reads the `version` parameter; without one it is 2, and newer ones count as 4.
    #[must_use]
    pub fn parse(parameter: Option<&str>) -> Self {
        match parameter.map_or(Ok(2), str::parse::<u32>) {
            Ok(4..) => Self::V4,
            Ok(3) => Self::V3,
            _ => Self::V2,
        }
    }

    /// Returns the number as the parameter has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2 => "2",
            Self::V3 => "3",
            Self::V4 => "4",
        }
    }
}

/// The fields that come from the authentication header, letter case kept.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// The scheme, such as `NTLM`.
    pub scheme: &'a str,
    /// `crand` of a client or `srand` of a server.
    pub rand: &'a str,
    /// `cnum` of a client or `snum` of a server, decimal.
    pub number: &'a str,
    /// The realm, without quotes.
    pub realm: &'a str,
    /// The server's name, without quotes.
    pub target_name: &'a str,
}

/// Builds the string that is signed. Take it when all other headers are final; a field that is not
/// in the message is empty.
///
/// Source: MS-SIPAE 3.2.5.2, dossier 2.5.
#[must_use]
pub fn signed_string(version: AuthVersion, stamp: &Stamp<'_>, message: &Message) -> String {
    let (number, method) = cseq(message);
    let (from, to) = (message.from(), message.to());
    let (from_tag, to_tag) = (from.tag().unwrap_or(""), to.tag().unwrap_or(""));
    let Stamp { scheme, rand, number: stamp_number, realm, target_name } = *stamp;
    let call_id = message.call_id();
    let expires = message.expires_header().unwrap_or("");

    let head = [scheme, rand, stamp_number, realm, target_name, call_id, number, &method];
    let mut string = String::with_capacity(256);
    append(&mut string, &head);
    if version == AuthVersion::V2 {
        append(&mut string, &[&from.uri, from_tag, to_tag, expires]);
    } else {
        let Identities { sip, tel } = identities(message);
        append(&mut string, &[&from.uri, from_tag, &to.uri, to_tag]);
        append(&mut string, &[&sip.unwrap_or_default(), &tel.unwrap_or_default(), expires]);
    }
    // A request has no such field at all, not even an empty one.
    if let Some(status) = message.status() {
        append(&mut string, &[&status.to_string()]);
    }
    string
}

fn append(string: &mut String, fields: &[&str]) {
    for field in fields {
        string.push('<');
        string.push_str(field);
        string.push('>');
    }
}

/// The number as written, and the method: a request's own, else that of `CSeq`.
fn cseq(message: &Message) -> (&str, String) {
    let value = message.headers.first("CSeq").unwrap_or("");
    let number = value.split_ascii_whitespace().next().unwrap_or("");
    (number, message.method().map_or_else(String::new, |method| method.as_str().to_owned()))
}

/// Lines of one header are one list (RFC 3261 7.3.1).
fn identities(message: &Message) -> Identities {
    let values = |name| message.headers.all(name).collect::<Vec<_>>().join(",");
    let asserted = values("P-Asserted-Identity");
    let value = if asserted.is_empty() { values("P-Preferred-Identity") } else { asserted };
    Identities::parse(&value)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at surprises")]
    use super::*;

    const RINGING: &str = "SIP/2.0 180 Ringing\r\n\
        FROM: \"Sender\"<sip:sender@company.com>;tag=2420628112;epid=54392f1bbf01\r\n\
        TO: \"recipient\"<sip:recipient@company.com>;tag=7aee15546a;epid=3102EB8BD1\r\n\
        CSEQ: 1 INVITE\r\n\
        CALL-ID: 41CEg82ECa0AC8i3DD7mE673t9CF4b19DAxF780x\r\n\
        P-ASSERTED-IDENTITY: \"recipient\"<SIP:recipient@company.com>\r\n\
        CONTENT-LENGTH: 0\r\n\r\n";

    fn string(message: &str, version: AuthVersion) -> String {
        let stamp = Stamp {
            scheme: "NTLM",
            rand: "1B6D47A1",
            number: "11",
            realm: "SIP Communications Service",
            target_name: "LOC-COMPANYT-FE03.COMPANY.COM",
        };
        signed_string(version, &stamp, &Message::parse_head(message.as_bytes()).unwrap())
    }

    #[test]
    fn real_response_with_asserted_identity() {
        let expected = "<NTLM><1B6D47A1><11><SIP Communications Service>\
            <LOC-COMPANYT-FE03.COMPANY.COM><41CEg82ECa0AC8i3DD7mE673t9CF4b19DAxF780x><1><INVITE>\
            <sip:sender@company.com><2420628112><sip:recipient@company.com><7aee15546a>\
            <SIP:recipient@company.com><><><180>";
        assert_eq!(string(RINGING, AuthVersion::V4), expected);
        assert_eq!(string(RINGING, AuthVersion::V3), expected);
        let bare = RINGING
            .replace("\"Sender\"<sip:sender@company.com>", "sip:sender@company.com")
            .replace("\"recipient\"<sip:recipient@company.com>", "sip:recipient@company.com");
        assert_eq!(string(&bare, AuthVersion::V4), expected);
    }

    #[test]
    fn preferred_identity_stands_in_and_lines_are_one_list() {
        let preferred = RINGING.replace("P-ASSERTED-IDENTITY", "P-Preferred-Identity");
        assert_eq!(string(&preferred, AuthVersion::V4), string(RINGING, AuthVersion::V4));
        let lines = RINGING.replace("CONTENT", "P-Asserted-Identity: <tel:+1;ext=7>\r\nCONTENT");
        let expected = "<SIP:recipient@company.com><tel:+1;ext=7><><180>";
        assert!(string(&lines, AuthVersion::V4).ends_with(expected));
    }

    #[test]
    fn what_is_missing_is_empty() {
        let stripped = "OPTIONS sip:a SIP/2.0\r\n\r\n";
        let expected = "<><><OPTIONS><><><><><><><>";
        assert!(string(stripped, AuthVersion::V4).ends_with(expected));
        assert!(string(stripped, AuthVersion::V2).ends_with("<><><OPTIONS><><><><>"));
    }

    #[test]
    fn versions() {
        let parsed = [None, Some("2"), Some("3"), Some("4"), Some("5"), Some("x")];
        let parsed = parsed.map(|parameter| AuthVersion::parse(parameter).as_str());
        assert_eq!(parsed, ["2", "2", "3", "4", "4", "2"]);
    }
}
