//! The configuration: refused with the place, or read into values that are what they promise; and
//! neither tells a password.
#![cfg_attr(fuzzing, no_main)]

use std::net::IpAddr;
use std::path::Path;

// By itself: the whole host would bring an engine for WebAssembly along.
#[allow(dead_code, unused_imports, reason = "only reading it is of interest here")]
#[path = "../../../host/src/config/mod.rs"]
mod config;

use config::{Config, Pattern};

fuzz::target!(|data| {
    let text = String::from_utf8_lossy(data);
    patterns(&text);
    let said = match config::parse(&text, Path::new("c.toml")) {
        Ok(config) => {
            checked(&config);
            format!("{config:?}")
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.starts_with("c.toml: "), "{said}");
            said
        }
    };
    for password in passwords(&text) {
        assert!(!said.contains(password), "{said}");
    }
});

fn checked(config: &Config) {
    let is_word = |text: &str| !text.is_empty() && !text.contains(['@', '\r', '\n', ' ', '<', '"']);
    let is_address = |text: &str| {
        text.split_once('@').is_some_and(|(user, domain)| is_word(user) && is_word(domain))
    };
    let sip = [&config.chat.address].into_iter().chain(&config.chat.chat_server);
    for address in sip.chain(config.people.keys()) {
        let address = address.as_str();
        assert!(address.strip_prefix("sip:").is_some_and(is_address), "{address}");
        assert_eq!(address, address.to_lowercase());
    }
    let mailboxes = config.people.values().filter_map(|person| person.mailbox.as_ref());
    for mailbox in mailboxes.chain([&config.mail.mailbox]).chain(config.groups.values()) {
        assert!(is_address(mailbox.as_str()), "{}", mailbox.as_str());
    }
    if let Some(server) = &config.chat.server {
        assert!(!server.host.is_empty() && server.port > 0);
        let again = config::HostPort::try_from(server.to_string());
        assert_eq!(again.as_ref(), Ok(server));
    }
    assert!(is_private(&config.mail.url), "{}", config.mail.url);
    assert!((1..=10).contains(&config.mail.lanes.0));
    let schedule = &config.digest.schedule.0;
    assert_eq!(bridge::schedule::Schedule::parse(schedule.as_str()).as_ref(), Ok(schedule));
    assert!(config.digest.gather.0 <= 86_400 && config.digest.spread.0 <= 86_400);
    assert!(!config.members.refresh.0.is_zero());
    let watch = &config.watch;
    assert!(watch.token.is_some() || watch.listen.is_none_or(|listen| listen.ip().is_loopback()));
}

/// Whether nobody can listen.
fn is_private(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = || host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    !host.is_empty() && (url.scheme() == "https" || (url.scheme() == "http" && loopback()))
}

/// Whatever stands for the stars, the name fits.
fn patterns(text: &str) {
    for line in text.lines() {
        let Ok(pattern) = Pattern::try_from(line.to_owned()) else { continue };
        for stars in ["", "Ops", line] {
            assert!(pattern.fits(&line.replace('*', stars)), "{line:?}, {stars:?}");
        }
        let name: String = line.chars().flat_map(char::to_lowercase).collect();
        assert!(name.contains(pattern.longest_piece()), "{line:?}");
    }
}

/// Passwords that stand in the text, once each and long enough not to be met by chance.
fn passwords(text: &str) -> impl Iterator<Item = &str> {
    let values = text.lines().filter_map(|line| line.trim().strip_prefix("password = \""));
    let values = values.filter_map(|rest| rest.strip_suffix('"'));
    values.filter(|value| value.len() >= 8 && text.matches(value).count() == 1)
}
