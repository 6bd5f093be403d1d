//! Secrets: where they stand, and how they are read.

use std::{ffi::OsString, fmt, io::ErrorKind, path::PathBuf};

use ntlm::{Credentials, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Longest secret read from a file, in bytes.
const SECRET_BYTES_MAX: u64 = 4096;

/// The secret as text, or where it stands: `{ file = "…" }`, `{ env = "NAME" }`, or `{ credential =
/// "NAME" }` for a credential of systemd. The output of this program shows none.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "a password is text, or one of { file = \"…\" }, { env = \"…\" }, { credential = \"…\" }"
)]
#[schemars(title = "secret")]
pub enum SecretSource {
    /// In the configuration itself.
    Inline(InlineSecret),
    /// Elsewhere.
    Elsewhere(SecretPlace),
}

/// A secret in the configuration file.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(from = "String", into = "String")]
pub struct InlineSecret(Secret);

impl From<String> for InlineSecret {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

/// A place that holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum SecretPlace {
    /// A file; a line end at its end is cut off.
    File(PathBuf),
    /// An environment variable.
    Env(String),
    /// A credential of systemd, from `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

impl From<InlineSecret> for String {
    /// Never the secret itself.
    fn from(InlineSecret(secret): InlineSecret) -> Self {
        secret.to_string()
    }
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
    /// Whether it is the same place, or the same text.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Inline(one), Self::Inline(other)) => one.0.expose() == other.0.expose(),
            (Self::Elsewhere(one), Self::Elsewhere(other)) => one == other,
            _ => false,
        }
    }

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
                credential(std::env::var_os("CREDENTIALS_DIRECTORY"), name)
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

/// A credential of systemd, which puts those of a unit into a directory for it alone.
fn credential(directory: Option<OsString>, name: &str) -> Result<Secret, String> {
    if name.is_empty() || name.contains('/') {
        return Err(format!("credential `{name}`: a name without `/` is wanted, as in the unit"));
    }
    let directory = directory.ok_or_else(|| {
        format!("credential `{name}`: $CREDENTIALS_DIRECTORY is not set; is there LoadCredential= in the unit?")
    })?;
    read_file(&PathBuf::from(directory).join(name))
}

fn read_file(path: &std::path::Path) -> Result<Secret, String> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        let advice = match error.kind() {
            ErrorKind::PermissionDenied => {
                ": let the user that the service runs as read it, and nobody else: `chgrp chat-digest` and `chmod 640`"
            }
            ErrorKind::NotFound => ": write the password into it, or name another file",
            _ => "",
        };
        format!("{shown}: {error}{advice}")
    };
    let length = std::fs::metadata(path).map_err(failed)?.len();
    if length > SECRET_BYTES_MAX {
        return Err(format!("{shown}: {length} bytes, a password has at most {SECRET_BYTES_MAX}"));
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    #[test]
    fn credentials_of_systemd_are_read() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("chat.password"), "hunter2\n").unwrap();
        let directory = || Some(folder.path().as_os_str().to_owned());
        assert_eq!(credential(directory(), "chat.password").unwrap().expose(), "hunter2");
        let said = credential(directory(), "mail.password").unwrap_err();
        assert!(said.contains("mail.password"), "{said}");
        assert!(credential(directory(), "../chat.password").is_err());
        assert!(credential(None, "x").unwrap_err().contains("LoadCredential="));
    }

    #[test]
    fn secrets_are_compared_and_never_written() {
        let inline = |text: &str| SecretSource::Inline(InlineSecret::from(text.to_owned()));
        assert!(inline("a").is_same(&inline("a")) && !inline("a").is_same(&inline("b")));
        let env = SecretSource::Elsewhere(SecretPlace::Env("A".to_owned()));
        assert!(env.is_same(&env.clone()) && !env.is_same(&inline("A")));
        assert_eq!(serde_json::to_string(&inline("hunter2")).unwrap(), "\"***\"");
        assert_eq!(serde_json::to_string(&env).unwrap(), "{\"env\":\"A\"}");
    }
}
