//! Reading the file, and saying where it is wrong.

use std::path::{Path, PathBuf};

use super::{Config, Mail, SignIn, guest};

/// Longest configuration file, in bytes.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

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
    /// A line is wrong; the text shows it.
    #[error("{}: {what}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Line, column, the line itself and what is allowed.
        what: String,
    },
    /// Keys that are each right do not fit together.
    #[error("{}: {key}: {what}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What is wrong and what to do.
        what: String,
    },
}

/// Reads and checks a configuration file.
///
/// # Errors
/// [`ConfigError`], with the file and, where there is one, the line.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let failed = |what: String| ConfigError::File { path: path.to_owned(), what };
    let length = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if length > CONFIG_BYTES_MAX {
        return Err(failed(format!("{length} bytes, at most {CONFIG_BYTES_MAX} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    parse(&text, path)
}

/// Checks the text of a configuration file; `path` is for the messages.
///
/// # Errors
/// [`ConfigError::Line`] or [`ConfigError::Key`].
pub fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
    let config: Config = toml::from_str(text)
        .map_err(|error| ConfigError::Line { path: path.to_owned(), what: shown(text, &error) })?;
    check_mail(&config.mail).map_err(|what| ConfigError::Key {
        path: path.to_owned(),
        key: "mail.url",
        what,
    })?;
    guest::check_names(&config.guests).map_err(|what| ConfigError::Key {
        path: path.to_owned(),
        key: "guests.name",
        what,
    })?;
    Ok(config)
}

/// The error with its line, but for a line with a password or a token: that ends in logs and in
/// tickets.
fn shown(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let number = before.matches('\n').count();
    let line = text.lines().nth(number).unwrap_or_default();
    let lower = line.to_lowercase();
    if lower.contains("pass") || lower.contains("tok") {
        format!("line {} (not shown, it is about a password): {}", number + 1, error.message())
    } else {
        error.to_string().trim_end().to_owned()
    }
}

/// Credentials travel only over TLS, or inside this machine.
fn check_mail(mail: &Mail) -> Result<(), String> {
    let url = url::Url::parse(&mail.url).map_err(|error| {
        format!(
            "`{}` is no URL ({error}); it looks like `https://mail.contoso.com/EWS/Exchange.asmx`",
            mail.url
        )
    })?;
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
        assert!(said.contains("mail.url") && said.contains("https"), "{said}");
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
            assert!(said.contains("c.toml: line 8 ") && !said.contains("hunter2"), "{said}");
        }
    }
}
