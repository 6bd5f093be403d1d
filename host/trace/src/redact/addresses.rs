//! Addresses: their shape stays, what stands in them is replaced.

use lync::sip::{Address, split_list};

use super::{
    names::{Kind, Names},
    values::{LIST_MAX, is_number, mask},
    words,
};

impl Names {
    /// `host`, `host:port`, `[address]:port`.
    pub(super) fn host_and_port(&mut self, text: &str) -> String {
        let text = text.trim();
        match text.rsplit_once(':') {
            Some((host, port))
                if is_number(port) && (!host.contains(':') || host.ends_with(']')) =>
            {
                format!("{}:{port}", self.host(host))
            }
            _ => self.host(text),
        }
    }

    /// A URI in the shape that it had.
    pub(super) fn uri(&mut self, uri: &str) -> String {
        let (scheme, rest) = uri.trim().split_once(':').unwrap_or(("", uri.trim()));
        match scheme.to_ascii_lowercase().as_str() {
            scheme @ ("sip" | "sips") => format!("{scheme}:{}", self.sip_uri(rest)),
            scheme @ ("ma-chan" | "ma-cat" | "ma-filelink") => {
                let (domain, room) =
                    rest.trim_start_matches('/').split_once('/').unwrap_or((rest, ""));
                format!("{scheme}://{}/{}", self.host(domain), self.of(Kind::Room, room))
            }
            "ma-grp" => format!("ma-grp:{}", self.mailbox_or_name(rest)),
            "tel" => format!("tel:{}", mask(rest)),
            scheme @ ("http" | "https") => {
                let rest = rest.trim_start_matches('/');
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                format!("{scheme}://{}/{}", self.host_and_port(host), self.of(Kind::Id, path))
            }
            "urn" => {
                let uuid = rest.get(..5).filter(|uuid| uuid.eq_ignore_ascii_case("uuid:"));
                let id = uuid.and_then(|uuid| rest.get(uuid.len()..)).unwrap_or(rest);
                format!(
                    "urn:{}{}",
                    if uuid.is_some() { "uuid:" } else { "" },
                    self.of(Kind::Id, id)
                )
            }
            _ => mask(uri),
        }
    }

    fn sip_uri(&mut self, rest: &str) -> String {
        let rest = rest.split('?').next().unwrap_or_default();
        // Parameters may stand before the host, in the user's part, and then are no parameters.
        let (place, parameters) = match rest.split_once('@') {
            Some((user, rest)) => {
                let (host, parameters) = rest.split_once(';').unwrap_or((rest, ""));
                let user = user.split(':').next().unwrap_or_default();
                (
                    format!("{}@{}", self.of(Kind::Person, user), self.host_and_port(host)),
                    parameters,
                )
            }
            None => {
                let (host, parameters) = rest.split_once(';').unwrap_or((rest, ""));
                (self.host_and_port(host), parameters)
            }
        };
        let parameters = parameters.split(';').filter(|text| !text.trim().is_empty());
        let parameters = parameters.take(LIST_MAX).map(|text| match text.split_once('=') {
            Some((name, value)) => self.parameter(name, Some(value)),
            None => self.parameter(text, None),
        });
        let parameters: String = parameters.collect();
        place + &parameters
    }

    /// `;name=value`.
    fn parameter(&mut self, name: &str, value: Option<&str>) -> String {
        let Some(name) = words::parameter(name) else {
            return format!(";{}", mask(name.trim()));
        };
        let Some(value) = value else { return format!(";{name}") };
        let value = match name {
            "tag" => self.of(Kind::Tag, value),
            "branch" => self.branch(value),
            "received" | "maddr" | "source" => self.host_and_port(value),
            "opaque" => self.opaque(value),
            "+sip.instance" => {
                let uri = self.uri(value.trim_matches(['<', '>']));
                format!("<{uri}>")
            }
            "gruu" => self.uri(value),
            "epid" | "ms-opaque" | "ms-received-cid" => self.of(Kind::Id, value),
            "reason" => mask(value),
            _ if is_number(value) => value.to_owned(),
            _ => words::kept(value),
        };
        let bare =
            value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
        if bare { format!(";{name}={value}") } else { format!(";{name}=\"{value}\"") }
    }

    /// RFC 3261 8.1.1.7: the cookie tells that the rest is unique.
    fn branch(&mut self, value: &str) -> String {
        match value.strip_prefix("z9hG4bK") {
            Some(rest) => format!("z9hG4bK-{}", self.of(Kind::Branch, rest)),
            None => self.of(Kind::Branch, value),
        }
    }

    /// `user:epid:…`, `srvr:PersistentChat:…`.
    fn opaque(&mut self, value: &str) -> String {
        let (front, last) = value.rsplit_once(':').unwrap_or(("", value));
        let front = words::kept(front);
        let last = self.of(Kind::Id, last);
        if front.is_empty() { last } else { format!("{front}:{last}") }
    }

    /// A header of addresses: `"Name" <uri>;tag=…`, in a list.
    pub(super) fn addresses(&mut self, value: &str) -> String {
        let items = split_list(value).take(LIST_MAX);
        items.map(|item| self.address(item)).collect::<Vec<_>>().join(", ")
    }

    fn address(&mut self, item: &str) -> String {
        if item == "*" {
            return item.to_owned();
        }
        let Address { name, uri, parameters } = Address::parse(item);
        let name = self.of(Kind::Name, &name);
        let name = if name.is_empty() { name } else { format!("\"{name}\" ") };
        let uri = self.uri(&uri);
        let uri = if item.contains('<') { format!("{name}<{uri}>") } else { uri };
        uri + &self.parameters(&parameters)
    }

    fn parameters(&mut self, parameters: &[(String, Option<String>)]) -> String {
        let parameters = parameters.iter().take(LIST_MAX);
        parameters.map(|(name, value)| self.parameter(name, value.as_deref())).collect()
    }

    /// `SIP/2.0/TLS host:port;branch=…`, in a list.
    pub(super) fn vias(&mut self, value: &str) -> String {
        let items = split_list(value).take(LIST_MAX).map(|item| {
            let (protocol, rest) = item.split_once(' ').unwrap_or((item, ""));
            let Address { uri, parameters, .. } = Address::parse(rest);
            let host = self.host_and_port(&uri);
            format!("{} {host}{}", words::kept(protocol), self.parameters(&parameters))
        });
        items.collect::<Vec<_>>().join(", ")
    }

    /// `1000;reason="…";source="…"`.
    pub(super) fn diagnostics(&mut self, value: &str) -> String {
        let Address { uri, parameters, .. } = Address::parse(value);
        let code = if is_number(&uri) { uri } else { mask(&uri) };
        code + &self.parameters(&parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_theirs_too() {
        let mut names = Names::default();
        let from = r#""Anna Keller" <sip:Anna@Contoso.com:5061;transport=tls;ms-opaque=d34>;tag=3e49;epid=c8ca"#;
        let told = r#""name1" <sip:person1@domain1.example:5061;transport=tls;ms-opaque=id1>;tag=tag1;epid=id2"#;
        assert_eq!(names.addresses(from), told);
        let contact = r#"<sip:anna@contoso.com;opaque=user:epid:xEH1;gruu>;+sip.instance="<urn:uuid:6DF541C4>";secret=1"#;
        let told = r#"<sip:person1@domain1.example;opaque=user:epid:id3;gruu>;+sip.instance="<urn:uuid:id4>";xxxxxx"#;
        assert_eq!(names.addresses(contact), told);
        assert_eq!(
            names.vias("SIP/2.0/TLS 10.0.8.20:49822;branch=z9hG4bKF54C;received=10.0.8.20"),
            "SIP/2.0/TLS 198.18.0.1:49822;branch=z9hG4bK-branch1;received=198.18.0.1"
        );
        assert_eq!(
            names.diagnostics(r#"1000;reason="Go, Anna";source="fe.c""#),
            r#"1000;reason="xx, xxxx";source=domain2.example"#
        );
    }
}
