//! The people, rooms and groups that the embedded servers know: the demo's company, or a file's.

use std::path::Path;

use ntlm::Secret;
use serde::Deserialize;

use crate::config::{Language, Wish};

/// The company of the demo, as a file of the same form would say it.
pub const DEMO: &str = include_str!("company.toml");
/// Longest company file, in bytes.
const COMPANY_BYTES_MAX: u64 = 4 << 20;

/// What the embedded pool and the embedded Exchange know.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Company {
    /// The SIP and mail domain.
    pub domain: String,
    /// The Windows domain of all logins.
    pub netbios_domain: String,
    /// Where the servers listen, on the loopback.
    #[serde(default)]
    pub ports: Ports,
    /// The people; the first is the service account.
    pub users: Vec<User>,
    /// Distribution groups.
    #[serde(default)]
    pub groups: Vec<Group>,
    /// Chat rooms.
    #[serde(default)]
    pub rooms: Vec<Room>,
}

/// Ports on the loopback; 0 lets the system choose.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ports {
    /// SIP over TLS.
    pub sip_tls: u16,
    /// SIP over TCP.
    pub sip_tcp: u16,
    /// Exchange over HTTPS.
    pub ews: u16,
    /// The page with the inboxes.
    pub page: u16,
}

/// A person with an account, a SIP address and a mailbox.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The login; also the part before `@` of both addresses.
    pub login: String,
    /// The display name.
    pub name: String,
    /// The password.
    #[serde(deserialize_with = "secret")]
    pub password: Secret,
    /// Two letters.
    pub language: Option<Language>,
    /// What the person wants; for the demo's host.
    pub wish: Option<Wish>,
    /// Whether the person may use Persistent Chat.
    #[serde(default = "yes")]
    pub chat: bool,
    /// Bytes that the mailbox takes.
    pub quota_bytes: Option<u64>,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

const fn yes() -> bool {
    true
}

/// A distribution group.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its mail address.
    pub address: String,
    /// Its display name.
    pub name: String,
    /// Logins, and addresses of other groups.
    pub members: Vec<String>,
}

/// A chat room.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// The end of its address.
    pub guid: String,
    /// Its name.
    pub name: String,
    /// Its description.
    #[serde(default)]
    pub description: String,
    /// Its topic.
    #[serde(default)]
    pub topic: String,
    /// Who may see and join it.
    #[serde(default)]
    pub privacy: Privacy,
    /// Whether only presenters write.
    #[serde(default)]
    pub auditorium: bool,
    /// Logins, and addresses of groups.
    #[serde(default)]
    pub members: Vec<String>,
    /// Logins.
    #[serde(default)]
    pub managers: Vec<String>,
    /// Logins.
    #[serde(default)]
    pub presenters: Vec<String>,
}

/// Who may see and join a room.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Privacy {
    /// Everybody.
    Open,
    /// Seen by everybody, joined by members.
    #[default]
    Closed,
    /// Members only.
    Secret,
}

impl Company {
    /// The demo's company.
    ///
    /// # Errors
    /// Never, unless the file inside this program is wrong; a test sees to it.
    pub fn demo() -> anyhow::Result<Self> {
        Self::parse(DEMO, Path::new("company.toml"))
    }

    /// Reads a company file.
    ///
    /// # Errors
    /// With the file and the line.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let length =
            std::fs::metadata(path).map_err(|error| anyhow::anyhow!("{shown}: {error}"))?.len();
        anyhow::ensure!(
            length <= COMPANY_BYTES_MAX,
            "{shown}: {length} bytes, at most {COMPANY_BYTES_MAX} are read"
        );
        let text =
            std::fs::read_to_string(path).map_err(|error| anyhow::anyhow!("{shown}: {error}"))?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        let company: Self =
            toml::from_str(text).map_err(|error| anyhow::anyhow!("{shown}: {error}"))?;
        anyhow::ensure!(
            !company.users.is_empty(),
            "{shown}: users: at least the service account is needed"
        );
        for room in &company.rooms {
            for name in room.members.iter().chain(&room.managers).chain(&room.presenters) {
                company
                    .known(name)
                    .map_err(|what| anyhow::anyhow!("{shown}: room `{}`: {what}", room.name))?;
            }
        }
        for group in &company.groups {
            for name in &group.members {
                company
                    .known(name)
                    .map_err(|what| anyhow::anyhow!("{shown}: group `{}`: {what}", group.name))?;
            }
        }
        Ok(company)
    }

    fn known(&self, name: &str) -> Result<(), String> {
        let user = self.users.iter().any(|user| user.login == name);
        if user || self.groups.iter().any(|group| group.address == name) {
            return Ok(());
        }
        Err(format!("`{name}` is neither the login of a user nor the address of a group"))
    }

    /// A user's SIP address.
    #[must_use]
    pub fn sip(&self, login: &str) -> String {
        format!("sip:{login}@{}", self.domain)
    }

    /// A user's mail address.
    #[must_use]
    pub fn mailbox(&self, login: &str) -> String {
        format!("{login}@{}", self.domain)
    }

    /// A room's address.
    #[must_use]
    pub fn room_uri(&self, room: &Room) -> String {
        format!("ma-chan://{}/{}", self.domain, room.guid)
    }

    /// The user of this login.
    #[must_use]
    pub fn user(&self, login: &str) -> Option<&User> {
        self.users.iter().find(|user| user.login == login)
    }

    /// The group of this address.
    #[must_use]
    pub fn group(&self, address: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.address == address)
    }

    /// The people in a room: members, managers and presenters, groups opened up, each once.
    #[must_use]
    pub fn people(&self, room: &Room) -> Vec<&User> {
        let mut found: Vec<&User> = Vec::new();
        let mut waiting: Vec<&str> = room
            .members
            .iter()
            .chain(&room.managers)
            .chain(&room.presenters)
            .map(String::as_str)
            .rev()
            .collect();
        let mut opened: Vec<&str> = Vec::new();
        while let Some(name) = waiting.pop() {
            if let Some(user) = self.user(name) {
                if !found.iter().any(|known| known.login == user.login) {
                    found.push(user);
                }
            } else if let Some(group) = self.group(name)
                && !opened.contains(&name)
            {
                opened.push(name);
                waiting.extend(group.members.iter().map(String::as_str));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    #[test]
    fn the_demo_company_is_as_the_readme_says() {
        let company = Company::demo().unwrap();
        assert!(company.users.len() >= 24);
        assert!(company.rooms.iter().any(|room| room.auditorium));
        assert!(company.rooms.iter().any(|room| room.privacy == Privacy::Open));
        let ops = company.rooms.first().unwrap();
        let people: Vec<&str> =
            company.people(ops).iter().map(|user| user.login.as_str()).collect();
        assert!(people.contains(&"piotr.nowak"), "a group inside a group: {people:?}");
        assert_eq!(people.iter().filter(|login| **login == "anna.keller").count(), 1);
    }

    #[test]
    fn an_unknown_member_is_named() {
        let text = DEMO.replace("\"eva.lind\", \"all-ops", "\"nobody\", \"all-ops");
        let said = Company::parse(&text, Path::new("x.toml")).unwrap_err().to_string();
        assert!(
            said.contains("x.toml") && said.contains("Ops Desk") && said.contains("nobody"),
            "{said}"
        );
    }
}
