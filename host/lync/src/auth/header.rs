//! Values of `WWW-Authenticate`, `Authorization`, `Authentication-Info` and their Proxy- kin: a
//! scheme and its parameters.

use std::fmt;

/// Most parameters that are read of one value; real ones have nine at most.
pub const PARAMETERS_MAX: usize = 32;

/// `NTLM qop="auth", realm="…", version=4`: parameters are found by name, in any letter case;
/// their values keep theirs.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthHeader {
    scheme: String,
    parameters: Vec<Parameter>,
}

#[derive(Clone, PartialEq, Eq)]
struct Parameter {
    name: String,
    value: String,
    quoted: bool,
}

impl AuthHeader {
    /// Starts a header value; add parameters in the order they shall have.
    #[must_use]
    pub fn new(scheme: &str) -> Self {
        Self { scheme: scheme.to_owned(), parameters: Vec::new() }
    }

    /// Reads the first scheme of a value with its parameters. Parameters without a value are
    /// passed over, and so is everything after [`PARAMETERS_MAX`] of them.
    ///
    /// Returns `None` if the value does not start with a scheme.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        Self::parse_all(value).into_iter().next()
    }

    /// Reads all schemes of a value: SIP wants one a line, HTTP servers put several on one.
    #[must_use]
    pub fn parse_all(value: &str) -> Vec<Self> {
        let mut headers: Vec<Self> = Vec::new();
        for item in items(value).take(PARAMETERS_MAX) {
            let (scheme, parameter) = split_scheme(item, headers.is_empty());
            if let Some(scheme) = scheme {
                headers.push(Self::new(scheme));
            }
            if let (Some(header), Some(parameter)) =
                (headers.last_mut(), Parameter::parse(parameter))
            {
                header.parameters.push(parameter);
            }
        }
        headers
    }

    /// Returns the scheme as written.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// Returns whether the scheme is this one, in any letter case.
    #[must_use]
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// Returns the first value of that name, without quotes. An empty one is not a missing one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|other| other.name.eq_ignore_ascii_case(name));
        found.map(|parameter| parameter.value.as_str())
    }

    /// Appends a parameter in quotes.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        self.push(name, value, true)
    }

    /// Appends a parameter without quotes, as `version` is written.
    #[must_use]
    pub fn with_bare(self, name: &str, value: &str) -> Self {
        self.push(name, value, false)
    }

    fn push(mut self, name: &str, value: &str, quoted: bool) -> Self {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.parameters.push(Parameter { name, value, quoted });
        self
    }
}

impl Parameter {
    fn parse(text: &str) -> Option<Self> {
        let (name, value) = text.split_once('=')?;
        let (name, value) = (trim(name), trim(value));
        let inner = value.strip_prefix('"').map(|rest| rest.strip_suffix('"').unwrap_or(rest));
        let value = inner.map_or_else(|| value.to_owned(), unescape);
        Some(Self { name: name.to_owned(), value, quoted: inner.is_some() })
    }
}

/// Splits at commas outside quotes.
fn items(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    let outside = move |character| {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ',' => return !quoted,
            _ => {}
        }
        false
    };
    value.split(outside).map(trim).filter(|item| !item.is_empty())
}

/// Trims what separates words in a header, and only that: `str::trim` takes more (a vertical tab
/// among others), and what one place takes for a blank all must.
fn trim(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_ascii_whitespace())
}

/// `NTLM realm="…"` starts a scheme, and so does a lone word; `realm="…"` does not.
fn split_scheme(item: &str, first: bool) -> (Option<&str>, &str) {
    match item.split_once(|character: char| character.is_ascii_whitespace() || character == '=') {
        None => (Some(item), ""),
        Some((word, rest)) if item.as_bytes().get(word.len()) != Some(&b'=') => {
            // `realm = "…"`, which nobody should write, is a parameter all the same.
            if trim(rest).starts_with('=') && !first { (None, item) } else { (Some(word), rest) }
        }
        Some(_) => (None, item),
    }
}

fn unescape(text: &str) -> String {
    let mut characters = text.chars();
    let mut plain = String::with_capacity(text.len());
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => characters.next().unwrap_or('\\'),
            other => other,
        });
    }
    plain
}

impl fmt::Display for AuthHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.scheme)?;
        for (index, Parameter { name, value, quoted }) in self.parameters.iter().enumerate() {
            f.write_str(if index == 0 { " " } else { ", " })?;
            if *quoted {
                write!(f, "{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))?;
            } else {
                write!(f, "{name}={value}")?;
            }
        }
        Ok(())
    }
}

/// The values hold proofs and tokens: only names are shown.
impl fmt::Debug for AuthHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.parameters.iter().map(|parameter| &parameter.name).collect();
        write!(f, "{} {names:?}", self.scheme)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at surprises")]
    use super::*;

    #[test]
    fn challenge_of_a_front_end() {
        let text =
            r#"NTLM realm="SIP Communications Service", targetname="fe01.Contoso.com", version=4"#;
        let header = AuthHeader::parse(text).unwrap();
        assert!(header.is("ntlm"));
        assert_eq!(header.get("Realm"), Some("SIP Communications Service"));
        assert_eq!(header.get("targetname"), Some("fe01.Contoso.com"));
        assert_eq!(header.get("version"), Some("4"));
        assert_eq!(header.get("opaque"), None);
        assert_eq!(header.to_string(), text);
    }

    #[test]
    fn order_blanks_and_quotes_do_not_matter() {
        let header = AuthHeader::parse(r#" NTLM  version=4,gssapi-data="",a = "x,\"y\"" ,b=c=="#);
        let header = header.unwrap();
        assert_eq!(header.get("gssapi-data"), Some(""));
        assert_eq!(header.get("a"), Some(r#"x,"y""#));
        assert_eq!(header.get("b"), Some("c=="));
        assert_eq!(header.to_string(), r#"NTLM version=4, gssapi-data="", a="x,\"y\"", b=c=="#);
    }

    #[test]
    fn several_schemes_on_one_line() {
        let headers =
            AuthHeader::parse_all(r#"Negotiate, NTLM, Kerberos realm="a", targetname="b""#);
        let schemes: Vec<_> = headers.iter().map(AuthHeader::scheme).collect();
        assert_eq!(schemes, ["Negotiate", "NTLM", "Kerberos"]);
        assert_eq!(headers[2].get("targetname"), Some("b"));
        assert_eq!(headers[1].get("realm"), None);
    }

    #[test]
    fn nonsense_gives_little_and_never_panics() {
        assert_eq!(AuthHeader::parse(""), None);
        assert_eq!(AuthHeader::parse(" , ,"), None);
        assert_eq!(AuthHeader::parse("realm=x"), None);
        for text in ["NTLM realm=\"", "NTLM \"", "NTLM =", "NTLM a=\"\\", "ö=ä, ß"] {
            let _ = AuthHeader::parse_all(text);
        }
        let long = format!("NTLM {}", "a=b,".repeat(10_000));
        assert_eq!(AuthHeader::parse(&long).unwrap().parameters.len(), PARAMETERS_MAX);
    }

    /// Found by fuzzing: the tab was part of the scheme when read, and none when read again.
    #[test]
    fn a_vertical_tab_is_no_blank() {
        let header = AuthHeader::parse("Neg\u{b} a b").unwrap();
        assert_eq!(header.scheme(), "Neg\u{b}");
        assert_eq!(AuthHeader::parse(&header.to_string()).as_ref(), Some(&header));
    }

    #[test]
    fn debug_shows_no_values() {
        let header = AuthHeader::new("NTLM").with("gssapi-data", "secret");
        assert_eq!(format!("{header:?}"), r#"NTLM ["gssapi-data"]"#);
    }
}
