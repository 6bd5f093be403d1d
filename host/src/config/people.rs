//! What is known about people, and what holds for those of whom nothing is said.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Shape, SmtpAddress, When, Zone};

/// What the administrator knows about a person.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Person {
    /// The mailbox, when Exchange cannot tell it from the SIP address.
    pub mailbox: Option<SmtpAddress>,
    /// What the person wants.
    pub wish: Option<Wish>,
    /// When the person's digest comes.
    pub schedule: Option<When>,
    /// How it reads.
    pub form: Option<Shape>,
    /// Two letters, e.g. `de`.
    pub language: Option<Language>,
    /// e.g. `Europe/Berlin`.
    pub time_zone: Option<Zone>,
    /// What the guest may look up, e.g. `department = "Sales"`.
    pub attributes: BTreeMap<String, String>,
}

/// What a person wants.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Wish {
    /// Every message at once.
    Instant,
    /// Everything, collected.
    Digest,
    /// At once what names the person, the rest collected.
    Mentions,
    /// No mail.
    Off,
}

impl Wish {
    /// The word that stands for it in the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::Digest => "digest",
            Self::Mentions => "mentions",
            Self::Off => "off",
        }
    }
}

/// A language in two small letters, e.g. `en`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(title = "language")]
pub struct Language(pub [u8; 2]);

impl From<Language> for String {
    fn from(language: Language) -> Self {
        Self::from_utf8_lossy(&language.0).into_owned()
    }
}

impl TryFrom<String> for Language {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_lowercase() && b.is_ascii_lowercase() => Ok(Self([*a, *b])),
            _ => Err(format!("`{text}` is no language: two small letters are wanted, e.g. `en`")),
        }
    }
}

/// What holds for people of whom nothing is said.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Defaults {
    /// The language of mails.
    pub language: Language,
    /// The time zone of the times in mails.
    pub time_zone: Zone,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { language: Language(*b"en"), time_zone: Zone::utc() }
    }
}
