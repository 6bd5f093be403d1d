//! Which guests run, for which rooms, and within which bounds.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Pattern, Within};

/// Longest name of a guest, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// Failures in a row after which a guest is taken out of service, if nothing else is said.
const FAILURES: u32 = 10;

/// The guest of all rooms that no other is for, and the bounds of every guest's calls.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Guest {
    /// The component; left out, the built-in guest runs.
    pub file: Option<PathBuf>,
    /// What the guest can read through `settings`.
    pub settings: BTreeMap<String, String>,
    /// What takes the place of an answer that a guest does not give.
    pub on_failure: OnFailure,
    /// Failures in a row after which a guest is not asked any more.
    pub failures: Failures,
    /// Fuel of one call, about one unit an instruction.
    pub fuel: Option<u64>,
    /// Memory of one call, in MiB, 1 to 4,095.
    pub memory_mib: Option<Within<1, 4095>>,
    /// Time of one call, in milliseconds, 1 to 60,000.
    pub time_ms: Option<Within<1, 60_000>>,
    /// Stack of one call, in KiB, 64 to 16,384.
    pub stack_kib: Option<Within<64, 16_384>>,
    /// Entries of the tables of one call, 1 to 1,000,000.
    pub table_entries: Option<Within<1, 1_000_000>>,
    /// Bytes of one answer, in KiB, as the host stores it, 64 to 65,536.
    pub answer_kib: Option<Within<64, 65_536>>,
    /// Calls that run at the same time, 1 to 1,000.
    pub calls: Option<Within<1, 1000>>,
}

/// A guest for some rooms.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomGuest {
    /// What it is called in the log, by `chat-digest guest`, and on the status page.
    pub name: GuestName,
    /// The component; left out, the built-in guest runs, with these settings.
    pub file: Option<PathBuf>,
    /// The rooms that it is for, by name or address; of several guests for one room the last
    /// counts. None: those that `chat-digest guest load` names.
    #[serde(default)]
    pub rooms: Vec<Pattern>,
    /// Of these rooms, or where none are named of all rooms, those that such people may see.
    pub privacy: Option<Privacy>,
    /// Of these rooms, or where none are named of all rooms, those of this kind.
    pub kind: Option<RoomKind>,
    /// Of these rooms, or where none are named of all rooms, those whose description or topic fits.
    pub about: Option<Pattern>,
    /// What it can read through `settings`.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// What takes the place of an answer that it does not give; left out, as under `[guest]`.
    pub on_failure: Option<OnFailure>,
    /// Failures in a row after which it is not asked any more; left out, as under `[guest]`.
    pub failures: Option<Failures>,
}

/// Who may see a room.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Privacy {
    /// Everybody may enter.
    Open,
    /// Everybody may know of it, members enter.
    Closed,
    /// Members alone know of it.
    Secret,
}

/// What a room is for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoomKind {
    /// Members write.
    Normal,
    /// Presenters write, members read.
    Auditorium,
}

/// What takes the place of an answer that a guest does not give.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// The built-in guest's answer.
    #[default]
    BuiltIn,
    /// Nothing: the messages and mails wait until the guest answers, or another is put in its place.
    Hold,
}

/// Failures in a row; 0 for any number.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Failures(pub u32);

impl Default for Failures {
    fn default() -> Self {
        Self(FAILURES)
    }
}

/// What a guest is called: 1 to 64 lower-case letters, digits, `-` and `_`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(title = "name of a guest")]
pub struct GuestName(String);

impl GuestName {
    /// The guest of all rooms that no other is for.
    pub const DEFAULT: &'static str = "default";

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for GuestName {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl TryFrom<String> for GuestName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.chars().all(allowed) {
            return Err(format!(
                "a guest's name has 1 to {NAME_BYTES_MAX} lower-case letters, digits, `-` and `_`"
            ));
        }
        Ok(Self(text))
    }
}

impl From<GuestName> for String {
    fn from(name: GuestName) -> Self {
        name.0
    }
}

impl std::str::FromStr for GuestName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::try_from(text.to_owned())
    }
}

impl fmt::Display for GuestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Refuses two guests of one name, and one that is called as the guest of all other rooms; says which.
pub(super) fn check_names(guests: &[RoomGuest]) -> Result<(), (usize, String)> {
    for (place, guest) in guests.iter().enumerate() {
        let name = &guest.name;
        if name.as_str() == GuestName::DEFAULT {
            let what = format!("`{name}` is the guest under [guest]: take another name");
            return Err((place, what));
        }
        if guests.iter().take(place).any(|other| other.name == *name) {
            let what = format!("two guests are called `{name}`: give one of them another name");
            return Err((place, what));
        }
    }
    Ok(())
}
