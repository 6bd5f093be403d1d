//! Messages: what was said in a room, in no protocol's terms.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hash::Fields;

/// Makes a newtype of text whose content is opaque here.
macro_rules! opaque_text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

opaque_text! {
    /// Names a room for good. Opaque: the chat's side chooses it, e.g. the room's address.
    RoomId
}

opaque_text! {
    /// Names a post within its room: the server's number, or a fingerprint where there is none.
    PostKey
}

opaque_text! {
    /// Names a message: 32 lower-case hexadecimal digits, derived from its room and post, so that
    /// the same post has the same id however often it is received.
    MessageId
}

opaque_text! {
    /// Names a person: an address in lower case, otherwise opaque, e.g. `sip:anna@contoso.example`.
    Address
}

impl RoomId {
    /// Takes a key that the chat's side keeps stable for the room's life.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }
}

impl PostKey {
    /// Takes a key that is unique in its room.
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }
}

impl MessageId {
    /// The id of the post `post` in `room`.
    pub fn derive(room: &RoomId, post: &PostKey) -> Self {
        Self(Fields::new("message").text(room.as_str()).text(post.as_str()).finish())
    }

    /// Takes an id as it was stored or typed; one that was never derived names no message.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl Address {
    /// Takes an address as somebody wrote it: case and surrounding white space do not count.
    pub fn new(address: impl AsRef<str>) -> Self {
        Self(address.as_ref().trim().to_lowercase())
    }
}

/// Somebody, and what to call him.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Who it is.
    pub address: Address,
    /// The name to show; the address where nothing better is known.
    pub name: String,
}

/// What sort of message it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An ordinary message.
    #[default]
    Message,
    /// Marked as high priority by its author.
    Alert,
    /// A long message with a title.
    Story {
        /// Plain text, one line.
        title: String,
    },
    /// No message, but the place of messages that were missed and that the room's history no
    /// longer has. It has no parts.
    Gap {
        /// How many were missed, if that is known.
        missing: Option<u32>,
    },
}

/// A piece of a message. All text is plain: whoever shows it escapes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Words, without line breaks.
    Text(String),
    /// A new line.
    LineBreak,
    /// A link. The words may equal the address.
    Hyperlink {
        /// Where it leads, as written; nobody has checked it.
        address: String,
        /// What to show.
        words: String,
    },
    /// A link to another room.
    RoomLink {
        /// The other room's address.
        address: String,
        /// What to show.
        words: String,
    },
    /// A file that was put into the room.
    FileLink {
        /// Where it lies, as the chat says; perhaps reachable from nowhere else.
        address: String,
        /// The file's name.
        words: String,
    },
    /// A sign such as `:-)`, as it was typed.
    Emoticon(String),
    /// A place that names somebody.
    Mention {
        /// As it was written.
        words: String,
        /// Who it is, if that is known.
        address: Option<Address>,
    },
}

impl Part {
    /// What stands there in plain text.
    pub fn words(&self) -> &str {
        match self {
            Self::Text(words) | Self::Emoticon(words) => words,
            Self::LineBreak => "\n",
            Self::Hyperlink { words, .. }
            | Self::RoomLink { words, .. }
            | Self::FileLink { words, .. }
            | Self::Mention { words, .. } => words,
        }
    }
}

/// One message as it was posted in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it was said.
    pub room: RoomId,
    /// Which post it is, there.
    pub post: PostKey,
    /// Who said it.
    pub author: Person,
    /// When it was said by the chat server's clock, in milliseconds since 1970.
    pub sent_ms: i64,
    /// When it reached us by our own clock, in milliseconds since 1970.
    pub received_ms: i64,
    /// What sort it is.
    pub kind: Kind,
    /// What it says, in order; empty for an empty message.
    pub parts: Vec<Part>,
    /// Whether it was read from the room's history after an interruption, rather than live.
    pub late: bool,
}

impl Message {
    /// The message's id, the same for every receipt of this post.
    pub fn id(&self) -> MessageId {
        MessageId::derive(&self.room, &self.post)
    }

    /// Whether a mention in it means `person`.
    pub fn names(&self, person: &Address) -> bool {
        self.parts.iter().any(
            |part| matches!(part, Part::Mention { address: Some(named), .. } if named == person),
        )
    }

    /// All that it says, as plain text.
    pub fn plain_text(&self) -> String {
        self.parts.iter().map(Part::words).collect()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;

    #[test]
    fn a_repeat_has_the_same_id() {
        let id = |room, post| MessageId::derive(&RoomId::new(room), &PostKey::new(post));
        assert_eq!(id("build", "17"), id("build", "17"));
        assert_ne!(id("build", "17"), id("build", "18"));
        assert_ne!(id("build1", "7"), id("build", "17"));
        // printf with the lengths as 8 bytes each, then sha256sum.
        assert_eq!(id("build", "17").as_str(), "e7b5dad5ca62fd297544944054cb0bfe");
    }

    #[test]
    fn addresses_compare_without_case() {
        assert_eq!(
            Address::new(" sip:Anna@Contoso.example "),
            Address::new("sip:anna@contoso.example")
        );
    }

    #[test]
    fn parts_are_stored_as_json() {
        let parts = vec![
            Part::Text("see ]]> <b>".into()),
            Part::LineBreak,
            Part::Hyperlink { address: "https://a.example/".into(), words: "a".into() },
            Part::Mention { words: "Anna".into(), address: Some(Address::new("sip:ANNA@a")) },
        ];
        let json = serde_json::to_string(&parts).unwrap();
        assert_eq!(
            json,
            r#"[{"text":"see ]]> <b>"},"line-break",{"hyperlink":{"address":"https://a.example/","words":"a"}},{"mention":{"words":"Anna","address":"sip:anna@a"}}]"#
        );
        assert_eq!(serde_json::from_str::<Vec<Part>>(&json).unwrap(), parts);
        assert_eq!(
            serde_json::to_string(&Kind::Story { title: "t".into() }).unwrap(),
            r#"{"story":{"title":"t"}}"#
        );
        for (missing, json) in [(Some(3), "3"), (None, "null")] {
            let (kind, json) =
                (Kind::Gap { missing }, format!(r#"{{"gap":{{"missing":{json}}}}}"#));
            assert_eq!(serde_json::to_string(&kind).unwrap(), json);
            assert_eq!(serde_json::from_str::<Kind>(&json).unwrap(), kind);
        }
    }
}
