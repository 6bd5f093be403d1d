//! Values that can be wrong in more ways than their TOML type shows.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A SIP address, `sip:user@domain`, in lower case.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(title = "SIP address")]
pub struct SipAddress(String);

impl SipAddress {
    /// The address, `sip:` included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.split_once('@').map_or("", |(_, domain)| domain)
    }
}

impl TryFrom<String> for SipAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let lower = text.to_lowercase();
        match lower.strip_prefix("sip:").and_then(|rest| rest.split_once('@')) {
            Some((user, domain)) if is_word(user) && is_word(domain) => Ok(Self(lower)),
            _ => Err(format!("`{text}` is no SIP address: `sip:user@domain` is wanted")),
        }
    }
}

impl From<SmtpAddress> for String {
    fn from(address: SmtpAddress) -> Self {
        address.0
    }
}

impl From<MailboxPattern> for String {
    fn from(pattern: MailboxPattern) -> Self {
        pattern.0
    }
}

impl From<HostPort> for String {
    fn from(server: HostPort) -> Self {
        server.to_string()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0.join("*")
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name().to_owned()
    }
}

impl From<SipAddress> for String {
    fn from(address: SipAddress) -> Self {
        address.0
    }
}

/// A mail address, `user@domain`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(title = "mail address")]
pub struct SmtpAddress(String);

impl SmtpAddress {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SmtpAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once('@') {
            Some((user, domain)) if is_word(user) && is_word(domain) => Ok(Self(text)),
            _ => Err(format!("`{text}` is no mail address: `user@domain` is wanted")),
        }
    }
}

/// A mail address made from a SIP address: `{user}` and `{domain}` stand for its parts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(title = "pattern of a mail address")]
pub struct MailboxPattern(String);

impl MailboxPattern {
    /// The mail address for a SIP address; `None` if there is none.
    #[must_use]
    pub fn mailbox(&self, sip: &str) -> Option<String> {
        let (user, domain) = sip.strip_prefix("sip:")?.split_once('@')?;
        let mailbox = self.0.replace("{user}", user).replace("{domain}", domain);
        SmtpAddress::try_from(mailbox).ok().map(|mailbox| mailbox.0)
    }
}

impl TryFrom<String> for MailboxPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let pattern = Self(text);
        match pattern.mailbox("sip:user@contoso.com") {
            Some(_) if pattern.0.contains("{user}") => Ok(pattern),
            _ => Err(format!(
                "`{}` is no pattern of a mailbox: `{{user}}@corp.contoso.com` is wanted",
                pattern.0
            )),
        }
    }
}

fn is_word(text: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || "<>\"@,;:\\".contains(c);
    !text.is_empty() && text.len() <= 255 && !text.contains(bad)
}

/// A number with bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Within<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> From<Within<MIN, MAX>> for u32 {
    fn from(Within(number): Within<MIN, MAX>) -> Self {
        number
    }
}

impl<const MIN: u32, const MAX: u32> JsonSchema for Within<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("number {MIN} to {MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "title": "number", "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

impl<const MIN: u32, const MAX: u32> TryFrom<u32> for Within<MIN, MAX> {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        match number {
            number if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(format!("{number} is out of bounds: {MIN} to {MAX} are possible")),
        }
    }
}

/// A server and its port, e.g. `pool.contoso.com:5061`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(title = "host:port")]
pub struct HostPort {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl TryFrom<String> for HostPort {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parsed = text.rsplit_once(':').and_then(|(host, port)| {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            (!host.is_empty()).then_some(())?;
            Some(Self { host: host.to_owned(), port: port.parse().ok().filter(|port| *port > 0)? })
        });
        parsed.ok_or_else(|| {
            format!("`{text}` is no server: `host:port` is wanted, e.g. `pool.contoso.com:5061`")
        })
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        match host.contains(':') {
            true => write!(f, "[{host}]:{port}"),
            false => write!(f, "{host}:{port}"),
        }
    }
}

/// A name, in which `*` stands for any text; letter case does not count.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(title = "name, `*` for any text")]
pub struct Pattern(Vec<String>);

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.is_empty() || text.len() > 256 {
            return Err("a name pattern has 1 to 256 characters".to_owned());
        }
        Ok(Self(lower(&text).split('*').map(str::to_owned).collect()))
    }
}

/// Each letter by itself: for `str::to_lowercase` a sigma in front of a star would end a word.
fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

impl Pattern {
    /// Whether `name` fits.
    #[must_use]
    pub fn fits(&self, name: &str) -> bool {
        let name = lower(name);
        let Some((first, pieces)) = self.0.split_first() else { return false };
        let Some((last, middle)) = pieces.split_last() else { return name == *first };
        let Some(mut rest) = name.strip_prefix(first.as_str()) else { return false };
        for piece in middle {
            match rest.split_once(piece.as_str()) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }

    /// A part of the name to search for on the server.
    #[must_use]
    pub fn longest_piece(&self) -> &str {
        self.0.iter().max_by_key(|piece| piece.len()).map_or("", String::as_str)
    }
}

/// A time zone of the tz database, e.g. `Europe/Berlin`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(title = "time zone")]
pub struct Zone(jiff::tz::TimeZone);

impl Zone {
    /// UTC.
    #[must_use]
    pub const fn utc() -> Self {
        Self(jiff::tz::TimeZone::UTC)
    }

    /// The zone itself.
    #[must_use]
    pub const fn zone(&self) -> &jiff::tz::TimeZone {
        &self.0
    }

    /// Its name, e.g. `Europe/Berlin`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        jiff::tz::TimeZone::get(&name).map(Self).map_err(|_| {
            format!("`{name}` is no time zone: a name such as `Europe/Berlin` is wanted")
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn patterns() {
        assert!(pattern("Ops*").fits("ops desk"));
        assert!(pattern("*desk").fits("Ops Desk"));
        assert!(pattern("a*b*c").fits("aXbYc"));
        assert!(!pattern("a*b*c").fits("acb"));
        assert!(!pattern("aa*aa").fits("aaa"));
        assert!(pattern("Ops Desk").fits("ops desk"));
        assert!(!pattern("Ops").fits("ops desk"));
        assert!(pattern("*").fits(""));
        assert!(pattern("ΟΜΑΣ*").fits("ΟΜΑΣΑ"));
    }

    #[test]
    fn mailbox_patterns() {
        let pattern = MailboxPattern::try_from("{user}@mail.{domain}".to_owned()).unwrap();
        assert_eq!(pattern.mailbox("sip:anna@c.com").as_deref(), Some("anna@mail.c.com"));
        assert_eq!(pattern.mailbox("smtp:anna@c.com"), None);
        assert_eq!(pattern.mailbox("sip:a,b@c.com"), None);
        for bad in ["", "{user}", "all@c.com", "{user}@c.com\r\nBcc: x"] {
            assert!(MailboxPattern::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses() {
        assert_eq!(
            SipAddress::try_from("sip:Anna@Contoso.com".to_owned()).unwrap().as_str(),
            "sip:anna@contoso.com"
        );
        for bad in ["anna@contoso.com", "sip:anna", "sip:@x", "sip:a b@x", "sip:a@b@c", "sip:a@b;x"]
        {
            assert!(SipAddress::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert!(SmtpAddress::try_from("a@b\r\nBcc: c@d".to_owned()).is_err());
    }

    #[test]
    fn servers() {
        let parsed = HostPort::try_from("[::1]:5061".to_owned()).unwrap();
        assert_eq!((parsed.host.as_str(), parsed.port), ("::1", 5061));
        for bad in ["pool", "pool:", "pool:0", "pool:65536", ":5061"] {
            assert!(HostPort::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
