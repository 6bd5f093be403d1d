//! When collected messages are mailed, and what people may choose.

use std::time::Duration;

use bridge::{
    member::Wish,
    preference::{Form, Limits},
    schedule::Schedule,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Pattern, SipAddress, Wish as ConfigWish, Zone};

/// When collected messages are mailed.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Digest {
    /// `every 2h`, `weekdays at 08:00`, `cron 0 8 * * 1-5`, in each reader's zone.
    pub schedule: When,
    /// Every message, or counts and highlights.
    pub form: Shape,
    /// Seconds that a message mailed at once waits for others; each that comes lets it wait again.
    pub gather: Seconds,
    /// Seconds that the first of them waits at most.
    pub gather_max: Seconds,
    /// Seconds over which digests of one time are spread.
    pub spread: Seconds,
    /// Messages with which a digest goes out before its time; 0 for never.
    pub messages: u32,
    /// Bytes of text with which it does; 0 for never.
    pub bytes: u64,
    /// Mails a person gets a day at most; what comes beyond is folded into the next digest. 0 for
    /// as many as there are.
    pub mails_a_day: u32,
    /// Whether only those get a mail who were not in the room when the message came.
    pub only_when_away: bool,
    /// What is otherwise in some rooms.
    pub rooms: Vec<RoomDigest>,
}

impl Default for Digest {
    fn default() -> Self {
        Self {
            schedule: When::default(),
            form: Shape::Complete,
            gather: Seconds(0),
            gather_max: Seconds(600),
            spread: Seconds(0),
            messages: 0,
            bytes: 0,
            mails_a_day: 50,
            only_when_away: false,
            rooms: Vec::new(),
        }
    }
}

/// What is otherwise in the rooms whose name fits.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomDigest {
    /// The room's name, `*` for any text, or its address.
    pub room: Pattern,
    /// What people get here of whom nothing else is said.
    pub wish: Option<ConfigWish>,
    /// As under `[digest]`.
    pub schedule: Option<When>,
    /// As under `[digest]`.
    pub form: Option<Shape>,
    /// The zone of people whose own is not known.
    pub time_zone: Option<Zone>,
    /// As under `[digest]`.
    pub only_when_away: Option<bool>,
    /// Who gets this room whatever they choose: SIP addresses.
    #[serde(default)]
    pub must: Vec<SipAddress>,
    /// Who gets this room if it is open, and so has no members: SIP addresses.
    #[serde(default)]
    pub subscribers: Vec<SipAddress>,
}

/// A schedule in words, by each reader's own clock: `instant`, `every 15m`, `every 2h`, `hourly`,
/// `daily at 08:00`, `weekdays at 08:00 and 16:30`, `mon, thu at 09:00`, or `cron 0 8 * * 1-5` (minute,
/// hour, day of the month, month, day of the week).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(title = "schedule")]
pub struct When(pub Schedule);

impl Default for When {
    fn default() -> Self {
        let hourly = Schedule::every(Duration::from_secs(3600));
        Self(hourly.unwrap_or_else(|_| Schedule::instant()))
    }
}

impl From<When> for String {
    fn from(when: When) -> Self {
        when.0.as_str().to_owned()
    }
}

impl TryFrom<String> for When {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Schedule::parse(&text).map(Self).map_err(|error| error.to_string())
    }
}

/// How a digest reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Every message.
    Complete,
    /// Counts and highlights.
    Summary,
}

impl Shape {
    /// In the rules' terms.
    #[must_use]
    pub const fn form(self) -> Form {
        match self {
            Self::Complete => Form::Complete,
            Self::Summary => Form::Summary,
        }
    }
}

/// Seconds, at most a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(try_from = "u32", into = "u32")]
#[schemars(title = "seconds", extend("maximum" = 86_400))]
pub struct Seconds(pub u32);

impl Seconds {
    /// In milliseconds.
    #[must_use]
    pub fn millis(self) -> i64 {
        i64::from(self.0) * 1000
    }
}

impl From<Seconds> for u32 {
    fn from(seconds: Seconds) -> Self {
        seconds.0
    }
}

impl TryFrom<u32> for Seconds {
    type Error = String;

    fn try_from(seconds: u32) -> Result<Self, String> {
        match seconds {
            0..=86_400 => Ok(Self(seconds)),
            _ => Err(format!("{seconds} seconds: at most 86400, a day, are allowed")),
        }
    }
}

/// What people may choose for themselves, in a room or by mail.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Choices {
    /// Which of `instant`, `digest`, `mentions` and `off`.
    pub allow: Vec<ConfigWish>,
    /// The shortest time between two digests, in seconds.
    pub shortest: Seconds,
    /// Whether words in a room count.
    pub in_rooms: bool,
    /// Whether mails to the service's mailbox are read. They are moved to its deleted items.
    pub by_mail: bool,
}

impl Default for Choices {
    fn default() -> Self {
        let allow =
            vec![ConfigWish::Instant, ConfigWish::Digest, ConfigWish::Mentions, ConfigWish::Off];
        Self { allow, shortest: Seconds(0), in_rooms: true, by_mail: true }
    }
}

impl Choices {
    /// In the rules' terms.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            wishes: self.allow.iter().map(|wish| wish.wish()).collect(),
            shortest: Duration::from_secs(u64::from(self.shortest.0)),
        }
    }
}

impl ConfigWish {
    /// In the rules' terms.
    #[must_use]
    pub const fn wish(self) -> Wish {
        match self {
            Self::Instant => Wish::Instant,
            Self::Digest => Wish::Digest,
            Self::Mentions => Wish::Mentions,
            Self::Off => Wish::Off,
        }
    }
}
