//! Reading the file, and saying where it is wrong.

use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use toml::{Deserializer, Spanned};

use super::{Config, Mail, SignIn, guest, source::Sources};

/// A commented configuration with every key.
pub const EXAMPLE: &str = include_str!("example.toml");

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        what: String,
    },
    /// Something in it is wrong; the text shows where.
    #[error("{}: {what}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, column, the line itself and what is allowed.
        what: String,
    },
}

/// Reads and checks a configuration file, with the files that it includes.
///
/// # Errors
/// [`ConfigError`], with the file and, where there is one, the line.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    check(&Sources::read(path)?)
}

/// Checks the text of a configuration file; `path` is for the messages. What it includes is not read.
///
/// # Errors
/// [`ConfigError::Line`].
pub fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
    check(&Sources::of(text, path))
}

fn check(sources: &Sources) -> Result<Config, ConfigError> {
    let keys = sources.merged()?;
    let config = Config::deserialize(Deserializer::from(keys.clone()));
    let config = config.map_err(|error| sources.error(error.span(), error.message()))?;
    let keys = keys.get_ref();
    check_mail(&config.mail).map_err(|what| {
        let at = keys.get("mail").and_then(|mail| mail.get_ref().get("url")).map(Spanned::span);
        sources.error(at, &format!("mail.url: {what}"))
    })?;
    guest::check_names(&config.guests).map_err(|(place, what)| {
        let guest = keys.get("guests").and_then(|guests| guests.get_ref().get(place));
        let at = guest.and_then(|guest| guest.get_ref().get("name")).map(Spanned::span);
        sources.error(at, &format!("guests.name: {what}"))
    })?;
    Ok(config)
}

/// Credentials travel only over TLS, or inside this machine.
fn check_mail(mail: &Mail) -> Result<(), String> {
    let url = url::Url::parse(&mail.url).map_err(|error| {
        format!(
            "this is no URL ({error}); it looks like `https://mail.contoso.com/EWS/Exchange.asmx`"
        )
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it names an account: that belongs in `login` and `password`".to_owned());
    }
    let loopback = match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
        None => return Err("the URL names no host".to_owned()),
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if loopback => Ok(()),
        "http" if mail.sign_in == SignIn::Basic => {
            Err("Basic over http would show the password to the network: use https".to_owned())
        }
        "http" => Err("http is allowed on the loopback only: use https".to_owned()),
        other => Err(format!("`{other}` is not http or https")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    fn error(change: impl Fn(&str) -> String) -> String {
        parse(&change(EXAMPLE), Path::new("c.toml")).unwrap_err().to_string()
    }

    #[test]
    fn the_example_is_right() {
        parse(EXAMPLE, Path::new("example.toml")).unwrap();
    }

    #[test]
    fn an_unknown_key_is_shown_with_its_line_and_what_is_allowed() {
        let said = error(|text| text.replace("[store]", "[store]\nfolder = \"x\""));
        assert!(said.contains("c.toml"), "{said}");
        assert!(said.contains("line "), "{said}");
        assert!(said.contains("folder"), "{said}");
        assert!(said.contains("directory"), "{said}");
        let said = error(|text| text.replace("[digest]", "[digest]\nshedule = 1"));
        assert!(
            said.contains("| ^^^^^^^\n") && said.contains("did you mean `schedule`?"),
            "{said}"
        );
        let said = error(|text| text.replace("[mail]", "[mial]"));
        assert!(said.contains("did you mean `mail`?"), "{said}");
        let said = error(|text| text.replace("wish = \"digest\"", "wish = \"digests\""));
        assert!(said.contains("did you mean `digest`?"), "{said}");
        let said = parse("", Path::new("c.toml")).unwrap_err().to_string();
        assert_eq!(said, "c.toml: `chat` is missing here; `chat-digest config` shows every key");
        let said = error(|text| text.replace("login = ", "# "));
        assert!(
            said.contains("line 6, column 1\n") && said.contains("`login` is missing"),
            "{said}"
        );
    }

    #[test]
    fn a_bad_value_is_shown_with_its_line_and_what_is_wanted() {
        let said = error(|text| text.replace("= \"every 1h\"", "= \"soon\""));
        assert!(
            said.contains("schedule = \"soon\"") && said.contains("say `instant`, `every 2h`"),
            "{said}"
        );
        let said = error(|text| text.replace("lanes = 4", "lanes = 40"));
        assert!(said.contains("lanes = 40") && said.contains("1 to 10"), "{said}");
        let said =
            error(|text| text.replace("time_zone = \"Europe/Berlin\"", "time_zone = \"Mars\""));
        assert!(said.contains("Mars") && said.contains("line "), "{said}");
    }

    #[test]
    fn guests_have_names_of_their_own() {
        let named = |name: &str| format!("\n[[guests]]\nname = \"{name}\"\n");
        let said = error(|text| text.to_owned() + &named("a-1") + &named("a-1"));
        assert!(said.contains("guests.name: two guests are called `a-1`"), "{said}");
        let said = error(|text| text.to_owned() + &named("default"));
        assert!(said.contains("take another name"), "{said}");
        let said = error(|text| text.to_owned() + &named("On Call"));
        assert!(said.contains("On Call") && said.contains("lower-case"), "{said}");
    }

    #[test]
    fn passwords_do_not_travel_in_the_open() {
        let said = error(|text| text.replace("https://", "http://"));
        assert!(said.contains("mail.url") && said.contains("use https"), "{said}");
        assert!(said.contains(": line ") && said.contains("| url = \"http://"), "{said}");
        let said = error(|text| text.replace("https://", "https://me:hunter2@"));
        assert!(said.contains("mail.url") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_password_is_never_shown() {
        let text = EXAMPLE.replace(
            "password = { file = \"/etc/chat-digest/chat.password\" }",
            "password = \"hunter2\"",
        );
        assert!(text.contains("hunter2"));
        let config = parse(&text, Path::new("c.toml")).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        let said =
            parse(&text.replace("[store]", "[stor]"), Path::new("c.toml")).unwrap_err().to_string();
        assert!(!said.contains("hunter2"), "{said}");
        for wrong in ["passwort = \"hunter2\"", "password = \"hunter2", "password = [\"hunter2\"]"]
        {
            let text = text.replace("password = \"hunter2\"", wrong);
            let said = parse(&text, Path::new("c.toml")).unwrap_err().to_string();
            let line = EXAMPLE.lines().position(|line| line.starts_with("password")).unwrap() + 1;
            let line = format!("c.toml: line {line} ");
            assert!(said.contains(&line) && !said.contains("hunter2"), "{said}");
        }
    }
}
