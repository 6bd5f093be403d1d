//! The configuration file: TOML to checked types. An unknown key or a bad value is an error that
//! shows the line and says what is allowed; nothing is guessed. The comments of the types below are
//! the reference for administrators and the schema for editors (`crate::manual`).

mod digest;
mod guest;
mod mistake;
mod people;
mod read;
mod secret;
mod source;
mod value;
mod watch;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

pub use digest::{Choices, Digest, RoomDigest, Seconds, Shape, When};
pub use guest::{Failures, Guest, GuestName, OnFailure, Privacy, RoomGuest, RoomKind};
pub use people::{Defaults, Language, Person, Wish};
pub use read::{ConfigError, EXAMPLE, load, parse};
use schemars::JsonSchema;
pub use secret::{SecretSource, credentials};
use serde::{Deserialize, Serialize};
pub use value::{HostPort, MailboxPattern, Pattern, SipAddress, SmtpAddress, Within, Zone};
pub use watch::Watch;

/// All that `chat-digest run --config FILE` needs to know.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Files with more keys, beside this one; each is read as if it stood here. `*` in the last part
    /// of a name stands for any text. They include no others, and a key stands in one file only.
    #[serde(default)]
    pub include: Vec<String>,
    /// The chat side.
    pub chat: Chat,
    /// The mail side.
    pub mail: Mail,
    /// Which rooms are watched; none given means all that the account is a member of.
    #[serde(default)]
    pub rooms: Vec<RoomChoice>,
    /// Where member lists come from.
    #[serde(default)]
    pub members: Members,
    /// What is known about people, by SIP address.
    #[serde(default)]
    pub people: BTreeMap<SipAddress, Person>,
    /// Mail addresses of directory groups that are members of rooms, by principal (`ma-grp:…`).
    #[serde(default)]
    pub groups: BTreeMap<String, SmtpAddress>,
    /// What holds for people of whom nothing is said.
    #[serde(default)]
    pub defaults: Defaults,
    /// The guest of all rooms that no other is for.
    #[serde(default)]
    pub guest: Guest,
    /// Guests for some rooms.
    #[serde(default)]
    pub guests: Vec<RoomGuest>,
    /// When collected messages are mailed.
    #[serde(default)]
    pub digest: Digest,
    /// What people may choose for themselves.
    #[serde(default)]
    pub choices: Choices,
    /// The database.
    pub store: Store,
    /// The status page and the metrics.
    #[serde(default)]
    pub watch: Watch,
}

/// How to reach and sign in to the Front End pool.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chat {
    /// The service account's SIP address.
    pub address: SipAddress,
    /// Its Windows account: `DOMAIN\user` or `user@domain`.
    pub login: String,
    /// Where its password is.
    pub password: SecretSource,
    /// Front End `host:port`; left out, it is found by DNS (`_sipinternaltls._tcp` of the domain and
    /// so on).
    pub server: Option<HostPort>,
    /// `tls`, or `tcp` for a pool that has no certificate.
    #[serde(default)]
    pub transport: Transport,
    /// PEM file of the certificate authorities to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// Allows TLS 1.0 and its ciphers: for a pool on Windows Server 2008 R2.
    #[serde(default)]
    pub legacy_tls: bool,
    /// The chat server's address, if provisioning does not name it.
    pub chat_server: Option<SipAddress>,
    /// What the pool's client filter sees.
    #[serde(default = "user_agent")]
    pub user_agent: String,
    /// Messages to read from a room's history when it is joined for the first time ever.
    #[serde(default)]
    pub first_history: u32,
    /// Wire forms that no source proves and this pool is known to take.
    #[serde(default)]
    pub assumed: Assumed,
}

fn user_agent() -> String {
    concat!("chat-digest/", env!("CARGO_PKG_VERSION")).to_owned()
}

/// Switches for assumed wire forms; all off for a real server.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Assumed {
    /// `cmd:x-getmembers` lists a room's members.
    pub members_command: bool,
    /// `cmd:getassociations` lists the account's rooms.
    pub associations_command: bool,
    /// `cmd:bcbydate` and `cmd:bcbymsg` read history.
    pub history_queries: bool,
}

/// How SIP travels.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TLS, as every pool offers it.
    #[default]
    Tls,
    /// Plain TCP.
    Tcp,
}

/// How to reach and use Exchange.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// `https://HOST/EWS/Exchange.asmx`.
    pub url: String,
    /// The account: `DOMAIN\user` or `user@domain`.
    pub login: String,
    /// Where its password is.
    pub password: SecretSource,
    /// How it signs in.
    #[serde(default)]
    pub sign_in: SignIn,
    /// The mailbox that sends: the account's own, or one to impersonate.
    pub mailbox: SmtpAddress,
    /// Whether `mailbox` is another's, used by impersonation.
    #[serde(default)]
    pub impersonate: bool,
    /// Who is told by mail when something waits for an administrator, as a guest that was taken out
    /// of service. Left out: nobody, the log and `status` tell it.
    pub administrator: Option<SmtpAddress>,
    /// The name shown as the sender.
    #[serde(default = "sender_name")]
    pub sender_name: String,
    /// PEM file of the certificate authorities to trust in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// How a mail is handed over.
    #[serde(default)]
    pub format: Format,
    /// Connections used at once, 1 to 10.
    #[serde(default)]
    pub lanes: Lanes,
}

fn sender_name() -> String {
    "Chat digest".to_owned()
}

/// How the account signs in to Exchange.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SignIn {
    /// NTLM with channel binding, what Exchange offers by default.
    #[default]
    Ntlm,
    /// Basic, over TLS only.
    Basic,
}

/// How a mail is handed to Exchange.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// As MIME: our text part and our headers stay as written.
    #[default]
    Mime,
    /// As typed fields: Exchange makes the text part itself.
    Typed,
}

/// Connections to Exchange, 1 to 10 (its default limit for one account is 27).
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "u8", into = "u8")]
#[schemars(title = "number", extend("minimum" = 1, "maximum" = 10))]
pub struct Lanes(pub u8);

impl Default for Lanes {
    fn default() -> Self {
        Self(4)
    }
}

impl From<Lanes> for u8 {
    fn from(lanes: Lanes) -> Self {
        lanes.0
    }
}

impl TryFrom<u8> for Lanes {
    type Error = String;

    fn try_from(count: u8) -> Result<Self, String> {
        if (1..=10).contains(&count) {
            Ok(Self(count))
        } else {
            Err(format!("{count} connections: 1 to 10 are allowed"))
        }
    }
}

/// One way to choose rooms.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub enum RoomChoice {
    /// The room of this address, `ma-chan://domain/guid`.
    Uri(String),
    /// All rooms whose name fits: `*` stands for any text, letter case does not count.
    Name(Pattern),
    /// All rooms that the account is a member of.
    Member(bool),
}

/// Where member lists come from; what is switched on is merged.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Members {
    /// JSON file made from `Get-CsPersistentChatRoom`, read again when it changes.
    pub export: Option<PathBuf>,
    /// Text file with a SIP address and a mail address a line, read again when it changes; for
    /// whom Exchange cannot tell the mailbox.
    pub mailboxes: Option<PathBuf>,
    /// How a mailbox is called where nothing else tells, e.g. `{user}@corp.contoso.com`. Only one
    /// that Exchange knows is taken.
    pub mailbox_pattern: Option<MailboxPattern>,
    /// Seconds between two readings of all lists.
    pub refresh: Refresh,
}

/// Seconds between two readings of the member lists, at least 1.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "u32", into = "u32")]
#[schemars(title = "seconds", extend("minimum" = 1))]
pub struct Refresh(pub Duration);

impl Default for Refresh {
    fn default() -> Self {
        Self(Duration::from_secs(900))
    }
}

impl From<Refresh> for u32 {
    fn from(refresh: Refresh) -> Self {
        Self::try_from(refresh.0.as_secs()).unwrap_or(Self::MAX)
    }
}

impl TryFrom<u32> for Refresh {
    type Error = String;

    fn try_from(seconds: u32) -> Result<Self, String> {
        match seconds {
            0 => Err("0 seconds: at least 1 is needed".to_owned()),
            _ => Ok(Self(Duration::from_secs(u64::from(seconds)))),
        }
    }
}

/// Where the database and the compiled guests are.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// A directory for the service alone; made if it is missing.
    pub directory: PathBuf,
    /// `postgres://user:password@host/database`, shared by several hosts; left out, SQLite in
    /// `directory`, for this host alone.
    pub database: Option<SecretSource>,
    /// Seconds after which a host that says nothing is taken for dead by the others.
    #[serde(default)]
    pub lease: Lease,
    /// Days that messages, and the record of what became of them, are kept after the last mail
    /// about them has come to its end; 0 for ever.
    #[serde(default = "keep_days")]
    pub keep_days: u32,
}

/// Seconds of a lease, 3 to 3600.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "u32", into = "u32")]
#[schemars(title = "seconds", extend("minimum" = 3, "maximum" = 3600))]
pub struct Lease(pub Duration);

impl Default for Lease {
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

impl From<Lease> for u32 {
    fn from(lease: Lease) -> Self {
        Self::try_from(lease.0.as_secs()).unwrap_or(Self::MAX)
    }
}

impl TryFrom<u32> for Lease {
    type Error = String;

    fn try_from(seconds: u32) -> Result<Self, String> {
        match seconds {
            3..=3600 => Ok(Self(Duration::from_secs(u64::from(seconds)))),
            _ => Err(format!("{seconds} seconds: 3 to 3600 are allowed")),
        }
    }
}

const fn keep_days() -> u32 {
    30
}
