//! Addresses in headers: `"Name" <uri>;tag=…;epid=…`, alone or in comma lists.

/// One address header value. Every part stands as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The display name, quotes removed; empty if there is none.
    pub name: String,
    /// The URI: what stands in the angle brackets, or everything before the first `;`.
    pub uri: String,
    /// Parameters behind the address, in order; values without their quotes.
    pub parameters: Vec<(String, Option<String>)>,
}

impl Address {
    /// Reads one address. Never fails: what is not there is empty.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        let (name, uri, rest) = match brackets(value) {
            Some(parts) => parts,
            None => match value.split_once(';') {
                Some((uri, rest)) => ("", uri, rest),
                None => ("", value, ""),
            },
        };
        Self {
            name: unquote(name.trim()),
            uri: uri.trim().to_owned(),
            parameters: split_outside(rest, ';').filter_map(parameter).collect(),
        }
    }

    /// Returns the value of a parameter; one without a value gives the empty text.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(found.1.as_deref().unwrap_or(""))
    }

    /// The `tag` parameter.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.parameter("tag")
    }

    /// The `epid` parameter: which endpoint of the user (MS-SIPRE).
    #[must_use]
    pub fn epid(&self) -> Option<&str> {
        self.parameter("epid")
    }

    /// The UUID in `+sip.instance="<urn:uuid:…>"`, in small letters.
    #[must_use]
    pub fn instance_uuid(&self) -> Option<String> {
        let value = self.parameter("+sip.instance")?.trim_matches(['<', '>']).to_ascii_lowercase();
        value.strip_prefix("urn:uuid:").map(str::to_owned)
    }
}

/// The URIs of a `P-Asserted-Identity`: at most one of each kind is taken (dossier 2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities {
    /// The `sip:` URI.
    pub sip: Option<String>,
    /// The `tel:` URI.
    pub tel: Option<String>,
}

impl Identities {
    /// Reads the header's value.
    #[must_use]
    pub fn parse(value: &str) -> Self {
        let mut found = Self::default();
        for item in split_list(value) {
            let tel = item.trim_start().get(..4).is_some_and(|s| s.eq_ignore_ascii_case("tel:"));
            // Bare: the number's own parameters belong to the URI, there is nothing else here.
            let uri = if tel { item.trim().to_owned() } else { Address::parse(item).uri };
            let scheme = uri.split(':').next().unwrap_or("").to_ascii_lowercase();
            match scheme.as_str() {
                "sip" | "sips" => found.sip = found.sip.or(Some(uri)),
                "tel" => found.tel = found.tel.or(Some(uri)),
                _ => {}
            }
        }
        found
    }
}

/// Splits a comma list; commas in quotes and in angle brackets do not count.
pub fn split_list(value: &str) -> impl Iterator<Item = &str> {
    split_outside(value, ',').map(str::trim).filter(|item| !item.is_empty())
}

/// `name <uri> rest`, brackets in the quoted name not counted.
fn brackets(value: &str) -> Option<(&str, &str, &str)> {
    let mut quotes = Quotes::default();
    let open = value.char_indices().find(|(_, c)| !quotes.inside(*c) && *c == '<')?.0;
    let (name, rest) = value.split_at(open);
    let (uri, rest) = rest.strip_prefix('<')?.split_once('>')?;
    Some((name, uri, rest))
}

fn parameter(text: &str) -> Option<(String, Option<String>)> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    Some(match text.split_once('=') {
        Some((name, value)) => (name.trim().to_owned(), Some(unquote(value.trim()))),
        None => (text.to_owned(), None),
    })
}

fn unquote(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        plain.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    plain
}

fn split_outside(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut quotes = Quotes::default();
    let mut depth = 0_u32;
    text.split(move |c| {
        if quotes.inside(c) {
            return false;
        }
        match c {
            '<' => depth = depth.saturating_add(1),
            '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && c == separator
    })
}

/// Tells for each character in turn whether it belongs to a quoted string.
#[derive(Default)]
struct Quotes {
    open: bool,
    escaped: bool,
}

impl Quotes {
    fn inside(&mut self, c: char) -> bool {
        let before = self.open;
        match c {
            _ if self.escaped => self.escaped = false,
            '\\' if self.open => self.escaped = true,
            '"' => self.open = !self.open,
            _ => {}
        }
        before || self.open
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::{Address, Identities, split_list};

    #[test]
    fn from_with_name_tag_and_epid() {
        let a = Address::parse(r#""Chat <1>"<sip:gc@contoso.com;x=1>;tag=AB12;epid=f2"#);
        assert_eq!((a.name.as_str(), a.uri.as_str()), ("Chat <1>", "sip:gc@contoso.com;x=1"));
        assert_eq!((a.tag(), a.epid()), (Some("AB12"), Some("f2")));
    }

    #[test]
    fn without_brackets_parameters_start_at_the_first_semicolon() {
        let a = Address::parse("sip:sender@company.com;tag=2420628112;epid=54392f1bbf01");
        assert_eq!((a.uri.as_str(), a.tag()), ("sip:sender@company.com", Some("2420628112")));
    }

    #[test]
    fn letter_case_is_kept() {
        assert_eq!(Address::parse("<SIP:User@C>;TAG=Ab").uri, "SIP:User@C");
        assert_eq!(Address::parse("<SIP:User@C>;TAG=Ab").tag(), Some("Ab"));
    }

    #[test]
    fn contact_of_a_registrar() {
        let value = r#"<sip:192.168.172.6:12723;transport=tls;ms-opaque=fad3dfab32>;expires=7200;+sip.instance="<urn:uuid:34D859DB-6585-5F91-A3B4-DE853C15347D>";gruu="sip:user@cosmo.local;opaque=user:epid:21nYNIVlkV-jtN6FPBU0fQAA;gruu""#;
        let a = Address::parse(value);
        assert_eq!(a.instance_uuid().unwrap(), "34d859db-6585-5f91-a3b4-de853c15347d");
        assert_eq!(a.parameter("expires"), Some("7200"));
        assert!(a.parameter("gruu").unwrap().ends_with(";gruu"));
    }

    #[test]
    fn lists_split_at_outer_commas_only() {
        let value = r#""Lunch, Lucas" <sip:a,b@c>, <tel:+42;ext=8>,,sip:x@y"#;
        let items: Vec<_> = split_list(value).collect();
        assert_eq!(items, [r#""Lunch, Lucas" <sip:a,b@c>"#, "<tel:+42;ext=8>", "sip:x@y"]);
    }

    #[test]
    fn asserted_identities_of_the_vectors() {
        let read = |value| {
            let found = Identities::parse(value);
            (found.sip.unwrap_or_default(), found.tel.unwrap_or_default())
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            read(r#""Cullen Jennings" <sip:fluffy@cisco.com>"#),
            pair("sip:fluffy@cisco.com", "")
        );
        assert_eq!(read("tel:+14085264000"), pair("", "tel:+14085264000"));
        assert_eq!(
            read(r#""Lunch, Lucas" <sip:llucas@cisco.com>,<tel:+420123456;ext=88463>"#),
            pair("sip:llucas@cisco.com", "tel:+420123456;ext=88463")
        );
    }

    #[test]
    fn broken_values_give_something() {
        for value in ["", "<", ">", "\"", "\"\\", "<sip:a", ";tag=", "a;;=;b"] {
            let _ = (Address::parse(value), Identities::parse(value));
        }
        assert_eq!(Address::parse("a;tag").tag(), Some(""));
    }
}
