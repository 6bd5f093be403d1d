//! Posts as the caller gets them.

use std::time::Duration;

use sha1::{Digest, Sha1};

use crate::xccos::ChatMessage;

/// One post of a room, live or from history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// The room's address in lower case: equal for equal rooms.
    pub room: String,
    /// The number within the room; `None` if the server gives none.
    pub id: Option<u64>,
    /// The same for the same post, however often and from wherever it comes: room and id, or
    /// without an id room, author, time and text in short (dossier 6.2).
    pub key: String,
    /// Who wrote it, `sip:…`.
    pub author: String,
    /// The author's display name, if the server told it.
    pub author_name: Option<String>,
    /// When the server took it, since 1970 in UTC, in steps of 100 ns. Without a time of the
    /// server's: when it arrived.
    pub sent: Duration,
    /// Whether it is marked urgent.
    pub alert: bool,
    /// The plain text; lines end LF.
    pub chat: String,
    /// The RTF version, as it came.
    pub rtf: Option<String>,
    /// Whether it was read from history and not seen live.
    pub from_history: bool,
}

impl Post {
    /// `room` is the room whose history the message stands in, or its own.
    pub(super) fn new(message: ChatMessage, from_history: bool, now_unix: Duration) -> Self {
        let room = message.room.key().to_owned();
        let key = match message.id {
            Some(id) => format!("{room}#{id}"),
            None => fingerprint(&room, &message),
        };
        Self {
            key,
            id: message.id,
            sent: message.sent().unwrap_or(now_unix),
            alert: message.is_alert(),
            author: message.author,
            author_name: message.author_name,
            chat: message.chat,
            rtf: message.rtf,
            from_history,
            room,
        }
    }

    /// About how much memory the post takes.
    pub(super) fn bytes(&self) -> usize {
        let rtf = self.rtf.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.chat.len() + rtf + self.key.len() + self.author.len()
    }
}

fn fingerprint(room: &str, message: &ChatMessage) -> String {
    let mut hash = Sha1::new();
    let time = message.ts.as_deref().unwrap_or_default();
    for part in [message.author.to_ascii_lowercase().as_str(), time, &message.chat] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{room}#?{digest}")
}

#[cfg(test)]
pub(super) fn test_post(id: Option<u64>, text: &str) -> Post {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    let room = crate::xccos::RoomUri::parse("ma-chan://contoso.com/5b1d").unwrap();
    let mut message = ChatMessage::outgoing(room, "sip:a@contoso.com", text, Duration::ZERO);
    message.id = id;
    Post::new(message, false, Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::test_post;

    #[test]
    fn keys_tell_posts_apart() {
        assert_eq!(test_post(Some(7), "a").key, "ma-chan://contoso.com/5b1d#7");
        assert_eq!(test_post(Some(7), "a").key, test_post(Some(7), "edited").key);
        assert_eq!(test_post(None, "a").key, test_post(None, "a").key);
        assert_ne!(test_post(None, "a").key, test_post(None, "b").key);
    }
}
