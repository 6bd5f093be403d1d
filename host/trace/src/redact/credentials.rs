//! Credentials: schemes and the names of parameters stay; of values their length, and of NTLM's
//! tokens what kind they are.

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Schemes by name.
const SCHEMES: [&str; 8] =
    ["NTLM", "Negotiate", "Kerberos", "TLS-DSK", "Basic", "Digest", "Bearer", "MS-Conn"];
/// Parameters by name.
const PARAMETERS: [&str; 24] = [
    "realm",
    "targetname",
    "version",
    "opaque",
    "gssapi-data",
    "qop",
    "crand",
    "cnum",
    "response",
    "rspauth",
    "srand",
    "snum",
    "sts-uri",
    "nonce",
    "nc",
    "cnonce",
    "uri",
    "username",
    "algorithm",
    "stale",
    "domain",
    "charset",
    "authorization_uri",
    "client_id",
];
/// Parts of one value that are told.
const PARTS_MAX: usize = 32;
/// Cookies of Exchange and what is said of cookies, by name.
const COOKIES: [&str; 14] = [
    "exchangecookie",
    "X-BackEndCookie",
    "X-BackEndCookie2",
    "ClientId",
    "cadata",
    "cadataTTL",
    "cadataKey",
    "path",
    "domain",
    "expires",
    "max-age",
    "samesite",
    "secure",
    "HttpOnly",
];

/// A value of `Authorization` and its kin.
pub(super) fn credentials(value: &str) -> String {
    let mut told = Vec::new();
    for (place, item) in split_quoted(value, ',').take(PARTS_MAX).enumerate() {
        let (first, rest) = item.split_once(char::is_whitespace).unwrap_or((item, ""));
        match SCHEMES.iter().find(|scheme| scheme.eq_ignore_ascii_case(first)) {
            Some(scheme) if rest.trim().is_empty() => told.push((*scheme).to_owned()),
            Some(scheme) => told.push(format!("{scheme} {}", part(rest.trim()))),
            None if place == 0 && !is_parameter(item) => told.push(octets(item)),
            None => told.push(part(item)),
        }
    }
    told.join(", ")
}

fn is_parameter(item: &str) -> bool {
    parameter(item).is_some()
}

/// `name=value`. What could be a token in Base64, which ends so too, is none.
fn parameter(item: &str) -> Option<(&'static str, &str)> {
    let (name, value) = item.split_once('=')?;
    let known = PARAMETERS.iter().find(|known| known.eq_ignore_ascii_case(name.trim()));
    Some((known?, value.trim()))
}

fn part(item: &str) -> String {
    match parameter(item) {
        Some((name, value)) => {
            let value = value.strip_prefix('"').unwrap_or(value);
            let value = value.strip_suffix('"').unwrap_or(value);
            format!("{name}=\"{}\"", token(value))
        }
        None => token(item),
    }
}

fn octets(value: &str) -> String {
    format!("({} octets)", value.len())
}

/// MS-NLMP 2.2.1: where the flags stand.
fn token(value: &str) -> String {
    let decoded = BASE64_STANDARD.decode(value.trim()).unwrap_or_default();
    let word = |at: usize| {
        let bytes = decoded.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    let told = decoded.starts_with(b"NTLMSSP\0").then(|| match word(8)? {
        1 => Some(("NEGOTIATE", word(12)?)),
        2 => Some(("CHALLENGE", word(20)?)),
        3 => Some(("AUTHENTICATE", word(60)?)),
        _ => None,
    });
    match told.flatten() {
        Some((kind, flags)) => format!("(NTLM {kind}, flags {flags:#010X})"),
        None => octets(value),
    }
}

/// A value of `Set-Cookie` or `Cookie`. What is called like no cookie of Exchange could hold
/// anything in its name as well.
pub(super) fn cookies(value: &str) -> String {
    let told = value.split(';').take(PARTS_MAX).map(|item| {
        let (name, value) = item.trim().split_once('=').unwrap_or((item.trim(), ""));
        match COOKIES.iter().find(|known| known.eq_ignore_ascii_case(name)) {
            Some(known) if value.is_empty() => (*known).to_owned(),
            Some(known) => format!("{known}={}", octets(value)),
            None => octets(item.trim()),
        }
    });
    told.collect::<Vec<_>>().join("; ")
}

/// Splits outside quotes.
fn split_quoted(value: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let items = value.split(move |character| {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            other => return other == separator && !quoted,
        }
        false
    });
    items.map(str::trim).filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_of_a_front_end() {
        let value =
            r#"NTLM realm="SIP Communications Service", targetname="fe01.contoso.com", version=4"#;
        let told = r#"NTLM realm="(26 octets)", targetname="(16 octets)", version="(1 octets)""#;
        assert_eq!(credentials(value), told);
        assert_eq!(credentials("Negotiate, NTLM"), "Negotiate, NTLM");
    }

    #[test]
    fn tokens_of_ntlm_are_told_by_kind_and_flags() {
        let mut token = b"NTLMSSP\0".to_vec();
        token.extend(2_u32.to_le_bytes());
        token.extend([0; 8]);
        token.extend(0xE298_82F3_u32.to_le_bytes());
        token.extend(*b"ana's secret");
        let told = "(NTLM CHALLENGE, flags 0xE29882F3)";
        let encoded = BASE64_STANDARD.encode(&token);
        assert_eq!(credentials(&format!("NTLM {encoded}")), format!("NTLM {told}"));
        let value = format!(r#"NTLM opaque="AB", gssapi-data="{encoded}""#);
        let expected = format!(r#"NTLM opaque="(2 octets)", gssapi-data="{told}""#);
        assert_eq!(credentials(&value), expected);
    }

    #[test]
    fn nothing_else_comes_through() {
        for (value, told) in [
            ("Basic YW5hOnNlY3JldA==", "Basic (16 octets)"),
            ("YW5hOnNlY3JldA==", "(16 octets)"),
            ("Secret hunter2", "(14 octets)"),
            ("NTLM hunter2=x, hunter3", "NTLM (9 octets), (7 octets)"),
            (r#"NTLM realm="a,\"hunter2"#, r#"NTLM realm="(11 octets)""#),
        ] {
            assert_eq!(credentials(value), told, "{value}");
        }
        assert_eq!(
            cookies("ExchangeCookie=hunter2; path=/ana; HttpOnly; ana"),
            "exchangecookie=(7 octets); path=(4 octets); HttpOnly; (3 octets)"
        );
        assert_eq!(cookies("hunter2=1"), "(9 octets)");
    }
}
