//! Values that can be wrong in more ways than their TOML type shows.

use std::{fmt, path::PathBuf};

use ntlm::{Credentials, Secret};
use serde::{Deserialize, Serialize};

/// Longest secret read from a file, in bytes.
const SECRET_BYTES_MAX: u64 = 4096;

/// A SIP address, `sip:user@domain`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
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

impl From<SipAddress> for String {
    fn from(address: SipAddress) -> Self {
        address.0
    }
}

/// A mail address, `user@domain`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
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
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct Within<const MIN: u32, const MAX: u32>(pub u32);

impl<const MIN: u32, const MAX: u32> TryFrom<u32> for Within<MIN, MAX> {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        match number {
            number if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(format!("{number} is out of bounds: {MIN} to {MAX} are possible")),
        }
    }
}

/// `host:port`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
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
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A name with `*` for any text; letter case does not count.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
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

/// Where a secret stands. It never stands in the open in the output of this program.
#[derive(Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "a password is text, or one of { file = \"…\" }, { env = \"…\" }, { credential = \"…\" }"
)]
pub enum SecretSource {
    /// In the configuration itself.
    Inline(InlineSecret),
    /// Elsewhere.
    Elsewhere(SecretPlace),
}

/// A secret in the configuration file.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct InlineSecret(Secret);

impl From<String> for InlineSecret {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

/// A place that holds a secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum SecretPlace {
    /// A file; a line end at its end is cut off.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A credential of systemd, from `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(_) => f.write_str("***"),
            Self::Elsewhere(place) => place.fmt(f),
        }
    }
}

impl SecretSource {
    /// Reads the secret.
    ///
    /// # Errors
    /// A sentence that names the place and what is wrong with it.
    pub fn read(&self) -> Result<Secret, String> {
        match self {
            Self::Inline(InlineSecret(secret)) => Ok(secret.clone()),
            Self::Elsewhere(SecretPlace::File(path)) => read_file(path),
            Self::Elsewhere(SecretPlace::Env(name)) => std::env::var(name)
                .map(Secret::new)
                .map_err(|_| format!("the environment variable `{name}` is not set")),
            Self::Elsewhere(SecretPlace::Credential(name)) => {
                let directory = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| {
                    format!("credential `{name}`: $CREDENTIALS_DIRECTORY is not set; is there LoadCredential= in the unit?")
                })?;
                read_file(&PathBuf::from(directory).join(name))
            }
        }
    }
}

/// An account as NTLM takes it: `DOMAIN\\user`, or `user@domain` with no domain beside it.
#[must_use]
pub fn credentials(login: &str, password: &Secret) -> Credentials {
    let (domain, user) = login.split_once('\\').unwrap_or(("", login));
    Credentials { user: user.to_owned(), domain: domain.to_owned(), password: password.clone() }
}

fn read_file(path: &std::path::Path) -> Result<Secret, String> {
    let shown = path.display();
    let length = std::fs::metadata(path).map_err(|error| format!("{shown}: {error}"))?.len();
    if length > SECRET_BYTES_MAX {
        return Err(format!("{shown}: {length} bytes, a password has at most {SECRET_BYTES_MAX}"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// A time zone of the tz database.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
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
