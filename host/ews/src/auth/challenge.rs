//! `WWW-Authenticate`: what a server offers (RFC 9110, section 11.6.1).

/// The longest header field that is looked at; an NTLM challenge has some hundred bytes.
pub const HEADER_BYTES_MAX: usize = 64 * 1024;
/// The most challenges that are looked at.
const CHALLENGES_MAX: usize = 20;

/// A way to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// User and password, with every request.
    Basic,
    /// NTLM, on the connection.
    Ntlm,
    /// Kerberos or NTLM inside SPNEGO.
    Negotiate,
    /// A token.
    Bearer,
}

impl Scheme {
    /// Its name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::Ntlm => "NTLM",
            Self::Negotiate => "Negotiate",
            Self::Bearer => "Bearer",
        }
    }

    /// Reads a name, whatever its case.
    #[must_use]
    pub fn from_wire(name: &str) -> Option<Self> {
        let all = [Self::Basic, Self::Ntlm, Self::Negotiate, Self::Bearer];
        all.into_iter().find(|scheme| scheme.as_str().eq_ignore_ascii_case(name))
    }
}

/// One offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The way to sign in; unknown ones are left out.
    pub scheme: Scheme,
    /// The token68 after the scheme, if there is one: NTLM's challenge.
    pub token: Option<String>,
    /// Parameters such as `realm`, names in lower case.
    pub parameters: Vec<(String, String)>,
}

/// Reads the offers of all `WWW-Authenticate` fields, each with one or more of them.
#[must_use]
pub fn challenges<'v>(values: impl IntoIterator<Item = &'v str>) -> Vec<Challenge> {
    let mut found = Vec::new();
    for value in values {
        if value.len() <= HEADER_BYTES_MAX {
            read(value, &mut found);
        }
    }
    found
}

/// Whether the last scheme that was read is one we know: what follows belongs to it.
fn read(value: &str, found: &mut Vec<Challenge>) {
    let mut known = false;
    for piece in split_at_commas(value) {
        let (first, rest) = piece.split_once(' ').unwrap_or((piece, ""));
        let rest = rest.trim();
        if let Some((name, text)) = parameter(piece) {
            if let Some(challenge) = found.last_mut().filter(|_| known) {
                challenge.parameters.push((name, text));
            }
            continue;
        }
        if found.len() >= CHALLENGES_MAX {
            return;
        }
        let scheme = Scheme::from_wire(first);
        known = scheme.is_some();
        let Some(scheme) = scheme else { continue };
        let mut challenge = Challenge { scheme, token: None, parameters: Vec::new() };
        match parameter(rest) {
            Some(parameter) => challenge.parameters.push(parameter),
            None if !rest.is_empty() => challenge.token = Some(rest.to_owned()),
            None => {}
        }
        found.push(challenge);
    }
}

/// Splits at commas outside quotes.
fn split_at_commas(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let outside = move |character: char| {
        let was_escaped = std::mem::take(&mut escaped);
        match character {
            _ if was_escaped => {}
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        character == ',' && !quoted
    };
    value.split(outside).map(str::trim).filter(|piece| !piece.is_empty())
}

/// Reads `name=text` or `name="text"`. Base64 ends in `=` too, but has nothing after it.
fn parameter(piece: &str) -> Option<(String, String)> {
    let (name, text) = piece.split_once('=')?;
    let (name, text) = (name.trim(), text.trim());
    let is_name = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !is_name || text.is_empty() || text.bytes().all(|byte| byte == b'=') {
        return None;
    }
    let inner = text.strip_prefix('"').map(|text| text.strip_suffix('"').unwrap_or(text));
    let text = inner.map_or_else(|| text.to_owned(), unescape);
    Some((name.to_ascii_lowercase(), text))
}

fn unescape(text: &str) -> String {
    let mut characters = text.chars();
    let mut out = String::new();
    while let Some(character) = characters.next() {
        out.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schemes(values: &[&str]) -> Vec<Scheme> {
        challenges(values.iter().copied()).into_iter().map(|challenge| challenge.scheme).collect()
    }

    #[test]
    fn several_fields_or_one_with_commas() {
        use Scheme::{Basic, Bearer, Negotiate, Ntlm};
        assert_eq!(schemes(&["Negotiate", "NTLM"]), [Negotiate, Ntlm]);
        assert_eq!(
            schemes(&["negotiate, ntlm,basic realm=\"a, NTLM b\""]),
            [Negotiate, Ntlm, Basic]
        );
        let bearer = r#"Bearer client_id="0-1", trusted_issuers="a@b,c@d", authorization_uri=https://x/y, Digest realm="x", nonce=y, NTLM"#;
        assert_eq!(schemes(&[bearer]), [Bearer, Ntlm]);
        assert_eq!(schemes(&["", ",", "Digest realm=x", "=", "\""]), []);
    }

    #[test]
    fn tokens_and_parameters() {
        let all =
            challenges(["NTLM TlRMTVNTUAACAAAA==", r#"Basic realm="say \"hi\"", charset="UTF-8""#]);
        let [ntlm, basic] = all.as_slice() else { unreachable!("two were sent: {all:?}") };
        assert_eq!(ntlm.token.as_deref(), Some("TlRMTVNTUAACAAAA=="));
        let expected = [("realm", "say \"hi\""), ("charset", "UTF-8")];
        let parameters: Vec<(&str, &str)> =
            basic.parameters.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(parameters, expected);
    }

    #[test]
    fn bounds_hold() {
        assert_eq!(schemes(&[&"NTLM,".repeat(1000)]).len(), CHALLENGES_MAX);
        assert!(schemes(&[&"NTLM ".repeat(HEADER_BYTES_MAX)]).is_empty());
    }
}
