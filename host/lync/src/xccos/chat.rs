//! Chat messages, live `grpchat` and history `msg` (dossier 4.12, 4.13, 4.11).

use std::time::Duration;

use xml::{Element, Writer};

use super::{
    Reason, RoomUri,
    reading::{Reading, attribute, boolean_text, child, owned, present},
    timestamp,
};

/// Where the message id may stand, best first; never `id`, `seqid`, `envid`, which number other
/// things. Which of these a real server uses is not known (dossier 4.12).
const ID_ATTRIBUTES: [&str; 3] = ["chatId", "msgId", "messageId"];

const KNOWN_ATTRIBUTES: [&str; 10] =
    ["id", "seqid", "chanUri", "author", "authdisp", "alert", "chatId", "msgId", "messageId", "ts"];

/// One post of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// The room.
    pub room: RoomUri,
    /// The poster's SIP address, `sip:…`.
    pub author: String,
    /// The poster's display name (recalled form).
    pub author_name: Option<String>,
    /// Whether it is marked urgent (recalled form); a client that posts none leaves it out.
    pub alert: Option<bool>,
    /// The number within the room; `None` if the server gives none.
    pub id: Option<u64>,
    /// The time as it came; see [`ChatMessage::sent`].
    pub ts: Option<String>,
    /// The plain text, lines separated by LF; CR LF on the wire.
    pub chat: String,
    /// The RTF version (recalled form).
    pub rtf: Option<String>,
    /// Attributes nobody knows: the first contact with a real server reads them from here.
    pub extra: Vec<(String, String)>,
}

impl ChatMessage {
    /// What a client posts: dossier 4.13, byte for byte. The server refuses a post without `ts`.
    #[must_use]
    pub fn outgoing(room: RoomUri, author: &str, chat: &str, now_unix: Duration) -> Self {
        Self {
            room,
            author: author.to_owned(),
            author_name: None,
            alert: None,
            id: None,
            ts: Some(timestamp::seconds_only(now_unix)),
            chat: chat.to_owned(),
            rtf: None,
            extra: Vec::new(),
        }
    }

    /// Whether the post is an alert.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        self.alert == Some(true)
    }

    /// When the server took the post, since 1970 in UTC, in steps of 100 ns. `None` if it did
    /// not say or not in a form of dossier 6.1.
    #[must_use]
    pub fn sent(&self) -> Option<Duration> {
        self.ts.as_deref().and_then(timestamp::parse)
    }

    pub(super) fn decode(element: &Element, reading: &mut Reading<'_>) -> Result<Self, Reason> {
        let room = attribute(element, "chanUri").ok_or(Reason::Missing("chanUri"))?;
        let room = RoomUri::parse(room).ok_or(Reason::Unreadable("chanUri"))?;
        let author = attribute(element, "author").map(str::trim).unwrap_or_default();
        if author.is_empty() {
            return Err(Reason::Missing("author"));
        }
        let text = |name| child(element, name).map(Element::text);
        let message = Self {
            room,
            author: author.to_owned(),
            author_name: owned(element, "authdisp").filter(|name| !name.trim().is_empty()),
            alert: reading.boolean(element, "alert"),
            id: ID_ATTRIBUTES.iter().find_map(|name| attribute(element, name)?.trim().parse().ok()),
            ts: owned(element, "ts"),
            chat: text("chat").unwrap_or_default(),
            rtf: text("rtf").filter(|rtf| !rtf.trim().is_empty()),
            extra: reading.unknown(element, &KNOWN_ATTRIBUTES, &["chat", "rtf"]),
        };
        if message.ts.is_some() && message.sent().is_none() {
            reading.note("grpchat/@ts is no time");
        }
        Ok(message)
    }

    /// Writes the message as `name`, which is `grpchat` or `msg`.
    pub(super) fn encode(&self, writer: &mut Writer, name: &str, seqid: &str) {
        let id = self.id.map(|id| id.to_string());
        let mut attributes = present(&[
            ("id", Some("grpchat")),
            ("seqid", Some(seqid)),
            ("chanUri", Some(self.room.as_str())),
            ("author", Some(&self.author)),
            ("authdisp", self.author_name.as_deref()),
            ("alert", self.alert.map(boolean_text)),
            ("chatId", id.as_deref()),
            ("ts", self.ts.as_deref()),
        ]);
        attributes.extend(self.extra.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        writer.element(name, &attributes, |inside| {
            inside.element("chat", &[], |chat| write_lines(chat, &self.chat));
            if let Some(rtf) = &self.rtf {
                inside.leaf("rtf", rtf);
            }
        });
    }
}

/// Line ends go out as bare CR LF: a reader of XML makes LF of it, SIPE's users see lines.
fn write_lines(writer: &mut Writer, text: &str) {
    let text = text.replace("\r\n", "\n");
    for (number, line) in text.split(['\n', '\r']).enumerate() {
        if number > 0 {
            writer.raw("\r\n");
        }
        writer.text(line);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::quirks::Quirks;

    const HEAD: &str = r#"id="grpchat" seqid="7" chanUri="ma-chan://c/g" author="sip:a@c""#;

    fn read(xml: &str) -> (Result<ChatMessage, Reason>, Vec<String>) {
        let element = xml::parse(xml.as_bytes(), &xml::Limits::default()).unwrap();
        let quirks = Quirks::default();
        let mut reading = Reading::new(&quirks);
        (ChatMessage::decode(&element, &mut reading), reading.oddities)
    }

    #[test]
    fn the_id_is_found_under_every_recalled_name() {
        for name in ["chatId", "chatid", "msgId", "msgid", "messageId", "MessageID"] {
            let (message, odd) = read(&format!(r#"<grpchat {HEAD} {name}="42"><chat/></grpchat>"#));
            assert_eq!(message.unwrap().id, Some(42), "{name}");
            assert_eq!(odd, Vec::<String>::new());
        }
        let (message, _) = read(&format!(r#"<grpchat {HEAD} chatId="x" msgId="9"/>"#));
        assert_eq!(message.unwrap().id, Some(9));
        let (message, _) = read(&format!(r#"<grpchat {HEAD} envid="5"/>"#));
        assert_eq!(message.unwrap().id, None);
    }

    #[test]
    fn unknown_attributes_are_kept_and_reported() {
        let (message, odd) =
            read(&format!(r#"<grpchat {HEAD} ticket="1" ts="soon"><x/></grpchat>"#));
        let message = message.unwrap();
        assert_eq!(message.extra, [("ticket".to_owned(), "1".to_owned())]);
        assert_eq!((message.ts.as_deref(), message.sent()), (Some("soon"), None));
        assert_eq!(odd, ["grpchat/@ticket", "grpchat/x", "grpchat/@ts is no time"]);
    }

    #[test]
    fn without_room_or_author_it_is_unusable() {
        let reason = |xml| read(xml).0.unwrap_err();
        assert_eq!(reason(r#"<grpchat author="sip:a@c"/>"#), Reason::Missing("chanUri"));
        assert_eq!(reason(r#"<grpchat chanUri="ma-chan://c/g"/>"#), Reason::Missing("author"));
        assert_eq!(reason(r#"<grpchat chanUri="x" author="a"/>"#), Reason::Unreadable("chanUri"));
    }

    #[test]
    fn lines_go_out_with_cr_lf_and_come_back_with_lf() {
        let room = RoomUri::parse("ma-chan://c/g").unwrap();
        let message = ChatMessage::outgoing(room, "sip:a@c", "a\nb\r\nc\rd", Duration::ZERO);
        let mut writer = Writer::new();
        message.encode(&mut writer, "grpchat", "1");
        let xml = writer.finish();
        assert!(xml.contains("<chat>a\r\nb\r\nc\r\nd</chat>"), "{xml}");
        assert_eq!(read(&xml).0.unwrap().chat, "a\nb\nc\nd");
    }
}
