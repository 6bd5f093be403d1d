//! What an administrator watches: the status page and the metrics.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::SecretSource;

/// The status page and the metrics.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "Table")]
pub struct Watch {
    /// Where the page is served; left out, nowhere.
    pub listen: Option<SocketAddr>,
    /// What opens it. Needed where others than this machine can reach it.
    pub token: Option<SecretSource>,
    /// Names by which browsers reach it, beside its address and `localhost`.
    pub names: Vec<String>,
    /// Whether people's addresses are shown.
    pub show_addresses: bool,
    /// Where a collector of OpenTelemetry takes traces by OTLP over HTTP (protobuf); left out, none are
    /// made. They hold ids of messages and rooms, no text and no person's address.
    pub traces: Option<String>,
}

/// The same as it is written.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Table {
    /// Where the page is served; left out, nowhere.
    listen: Option<SocketAddr>,
    /// What opens it. Needed where others than this machine can reach it.
    token: Option<SecretSource>,
    /// Names by which browsers reach it, beside its address and `localhost`.
    names: Vec<String>,
    /// Whether people's addresses are shown.
    show_addresses: bool,
    /// Where a collector of OpenTelemetry takes traces by OTLP over HTTP (protobuf); left out, none are
    /// made. They hold ids of messages and rooms, no text and no person's address.
    traces: Option<String>,
}

impl TryFrom<Table> for Watch {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let Table { listen, token, names, show_addresses, traces } = table;
        if let Some(listen) = listen
            && !listen.ip().is_loopback()
            && token.is_none()
        {
            return Err(format!(
                "`listen = \"{listen}\"` can be reached from other machines: give a `token` too, e.g. \
                 {{ file = \"/etc/chat-digest/watch.token\" }}, or listen on 127.0.0.1"
            ));
        }
        if let Some(name) = names.iter().find(|name| !is_name(name)) {
            return Err(format!(
                "`{name}` under `names` is no name of a server: `digest.contoso.com` is wanted"
            ));
        }
        if let Some(url) = traces.as_deref().filter(|url| !is_collector(url)) {
            // It is not shown: there may be a password in it.
            let long = url.chars().count();
            return Err(format!(
                "`traces` ({long} characters) is no address of a collector: `http://127.0.0.1:4318/v1/traces` is wanted, without \
                 a name or a password in it"
            ));
        }
        let names = names.iter().map(|name| name.to_lowercase()).collect();
        Ok(Self { listen, token, names, show_addresses, traces })
    }
}

fn is_collector(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

fn is_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
    !text.is_empty() && text.len() <= 253 && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    fn watch(text: &str) -> Result<Watch, String> {
        toml::from_str::<Watch>(text).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_listens_beyond_this_machine_without_a_token() {
        assert!(watch("").unwrap().listen.is_none());
        assert!(watch("listen = \"127.0.0.1:9436\"").is_ok());
        assert!(watch("listen = \"[::1]:9436\"").is_ok());
        let token = "token = { env = \"CHAT_DIGEST_TOKEN\" }";
        for open in
            ["listen = \"0.0.0.0:9436\"", "listen = \"[::]:9436\"", "listen = \"10.1.2.3:80\""]
        {
            let said = watch(open).unwrap_err();
            assert!(said.contains("give a `token` too"), "{said}");
            assert!(watch(&format!("{open}\n{token}")).is_ok());
        }
    }

    #[test]
    fn a_collector_has_an_address_without_a_password() {
        let traces = |url: &str| watch(&format!("traces = \"{url}\""));
        let url = "http://127.0.0.1:4318/v1/traces";
        assert_eq!(traces(url).unwrap().traces.as_deref(), Some(url));
        for bad in ["", "collector:4318", "ftp://a/", "http://u:hunter2@a/v1/traces"] {
            let said = traces(bad).unwrap_err();
            assert!(said.contains("no address of a collector"), "{said}");
            assert!(!said.contains("`http://u:hunter2"), "{said}");
        }
    }

    #[test]
    fn names_are_names() {
        let names = watch("names = [\"Digest.Contoso.com\"]").unwrap().names;
        assert_eq!(names, ["digest.contoso.com"]);
        for bad in ["", "a b", "https://a", "a:80", "*"] {
            let said = watch(&format!("names = [\"{bad}\"]")).unwrap_err();
            assert!(said.contains("no name of a server"), "{said}");
        }
    }
}
