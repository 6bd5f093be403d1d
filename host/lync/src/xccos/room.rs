//! Rooms: `chanib` with all that hangs on it (dossier 4.3, 4.7, 4.9).

use xml::{Element, Writer};

use super::{
    ChatMessage, Reason, Rights, RoomUri,
    blocks::User,
    reading::{Reading, attribute, boolean, boolean_text, is, owned, present, write_element},
};

const INFO_COUNT: &str = "urn:parlano:ma:info:ucnt";
/// The wire's spelling; the right one is read too.
const INFO_VISIBILITY: &str = "urn:parlano:ma:info:visibilty";
const INFO_VISIBILITY_RIGHT: &str = "urn:parlano:ma:info:visibility";
const PROP_FILE_POST: &str = "urn:parlano:ma:prop:filepost";
const PROP_INVITE: &str = "urn:parlano:ma:prop:invite";
const PROP_LOGGED: &str = "urn:parlano:ma:prop:logged";

const KNOWN_ATTRIBUTES: [&str; 8] =
    ["name", "description", "topic", "uri", "parent", "behavior", "filestoreuri", "disabled"];
const KNOWN_CHILDREN: [&str; 6] = ["aib", "info", "prop", "msg", "uib", "audit"];

/// Who can find and join a room. `Closed` and `Open` are recalled words, `Secret` is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// `private`: only members find it.
    Secret,
    /// `SCOPE`: found by all in scope, joined by members.
    Closed,
    /// `OPEN`: joined by all in scope.
    Open,
}

impl Privacy {
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Secret => "PRIVATE",
            Self::Closed => "SCOPE",
            Self::Open => "OPEN",
        }
    }
}

/// Rights and who has them: in a room `value` lists [`User::id`]s, at a user it names a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Association {
    /// A decimal mask, see [`Association::rights`], or a word in the assumed member list.
    pub key: String,
    /// The chat system's name, at a user only.
    pub domain: Option<String>,
    /// Ids separated by commas, or a room's guid.
    pub value: String,
}

impl Association {
    /// The mask, if the key is one.
    #[must_use]
    pub fn rights(&self) -> Option<Rights> {
        Rights::parse(&self.key)
    }

    /// The users' ids, if this stands in a room.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.value.split(',').map(str::trim).filter(|id| !id.is_empty())
    }

    /// The room, if this stands at a user.
    #[must_use]
    pub fn room(&self) -> Option<RoomUri> {
        RoomUri::new(self.domain.as_deref()?.trim(), self.value.trim())
    }

    pub(super) fn decode(element: &Element, reading: &mut Reading<'_>) -> Self {
        reading.unknown(element, &["key", "value", "domain"], &[]);
        Self {
            key: owned(element, "key").unwrap_or_default(),
            domain: owned(element, "domain"),
            value: owned(element, "value").unwrap_or_default(),
        }
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        let attributes = present(&[
            ("key", Some(&self.key)),
            ("domain", self.domain.as_deref()),
            ("value", Some(&self.value)),
        ]);
        writer.empty("aib", &attributes);
    }
}

/// A room as the server describes it. A selector in a command holds only `uri`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomInfo {
    /// Its address.
    pub uri: RoomUri,
    /// Its name, unique in a pool.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Its topic; this is not a story.
    pub topic: Option<String>,
    /// Its category, `ma-cat://…` (recalled form).
    pub parent: Option<String>,
    /// `NORMAL` or `AUDITORIUM` (recalled form), see [`RoomInfo::auditorium`].
    pub behavior: Option<String>,
    /// Where its files are (recalled form).
    pub file_store: Option<String>,
    /// Whether it is closed down (recalled form).
    pub disabled: Option<bool>,
    /// Rights and who present has them. Empty in a large room.
    pub associations: Vec<Association>,
    /// How many are present.
    pub participants_count: Option<u32>,
    /// Its visibility in the wire's word, see [`RoomInfo::privacy`].
    pub visibility: Option<String>,
    /// Whether files may be posted.
    pub file_post: Option<bool>,
    /// Whether members are invited.
    pub invite: Option<bool>,
    /// Whether it keeps history.
    pub logged: Option<bool>,
    /// History, in the server's order, which is nowhere promised.
    pub messages: Vec<ChatMessage>,
    /// History entries left out because they have no room or author, or another `id`.
    pub skipped: usize,
    /// Users named below the room, as in `ntc:part`.
    pub users: Vec<User>,
    /// Attributes nobody knows.
    pub extra: Vec<(String, String)>,
    /// Children nobody knows, as they came; `audit` too.
    pub other: Vec<Element>,
}

impl RoomInfo {
    /// A room of which only the address is given.
    #[must_use]
    pub const fn new(uri: RoomUri) -> Self {
        Self {
            uri,
            name: None,
            description: None,
            topic: None,
            parent: None,
            behavior: None,
            file_store: None,
            disabled: None,
            associations: Vec::new(),
            participants_count: None,
            visibility: None,
            file_post: None,
            invite: None,
            logged: None,
            messages: Vec::new(),
            skipped: 0,
            users: Vec::new(),
            extra: Vec::new(),
            other: Vec::new(),
        }
    }

    /// Who can find and join it; `None` if the word is missing or unknown.
    #[must_use]
    pub fn privacy(&self) -> Option<Privacy> {
        let word = self.visibility.as_deref()?.trim().to_ascii_lowercase();
        match word.as_str() {
            "private" | "secret" => Some(Privacy::Secret),
            "scope" | "closed" => Some(Privacy::Closed),
            "open" => Some(Privacy::Open),
            _ => None,
        }
    }

    /// Whether only presenters post. Not established: the attribute if it is there; else it is
    /// inferred from `own` rights without the presenter's bit while somebody present has it.
    #[must_use]
    pub fn auditorium(&self, own: Option<Rights>) -> bool {
        if let Some(behavior) = &self.behavior {
            return behavior.trim().eq_ignore_ascii_case("auditorium");
        }
        let presenter = |rights: Rights| rights.is_presenter();
        own.is_some_and(|rights| rights.contains(Rights::CHAT) && !rights.is_presenter())
            && self.associations.iter().filter_map(Association::rights).any(presenter)
    }

    pub(super) fn decode(element: &Element, reading: &mut Reading<'_>) -> Result<Self, Reason> {
        let uri = attribute(element, "uri").ok_or(Reason::Missing("uri"))?;
        let mut room = Self::new(RoomUri::parse(uri).ok_or(Reason::Unreadable("uri"))?);
        room.name = owned(element, "name");
        room.description = owned(element, "description");
        room.topic = owned(element, "topic");
        room.parent = owned(element, "parent");
        room.behavior = owned(element, "behavior");
        room.file_store = owned(element, "filestoreuri");
        room.disabled = reading.boolean(element, "disabled");
        room.extra = reading.unknown(element, &KNOWN_ATTRIBUTES, &KNOWN_CHILDREN);
        for child in element.children() {
            room.decode_child(child, reading);
        }
        Ok(room)
    }

    fn decode_child(&mut self, child: &Element, reading: &mut Reading<'_>) {
        if is(child, "aib") {
            self.associations.push(Association::decode(child, reading));
        } else if is(child, "info") {
            self.decode_info(child, reading);
        } else if is(child, "prop") {
            self.decode_property(child, reading);
        } else if is(child, "msg") {
            self.decode_message(child, reading);
        } else if is(child, "uib") {
            self.users.push(User::decode(child, reading));
        } else {
            self.other.push(child.clone());
        }
    }

    fn decode_info(&mut self, child: &Element, reading: &mut Reading<'_>) {
        let id = attribute(child, "id").unwrap_or_default().trim();
        let text = child.text().trim().to_owned();
        if id.eq_ignore_ascii_case(INFO_COUNT) {
            self.participants_count = text.parse().ok();
        } else if id.eq_ignore_ascii_case(INFO_VISIBILITY)
            || id.eq_ignore_ascii_case(INFO_VISIBILITY_RIGHT)
        {
            self.visibility = Some(text);
        } else {
            reading.note(&format!("info {id}"));
            self.other.push(child.clone());
        }
    }

    fn decode_property(&mut self, child: &Element, reading: &mut Reading<'_>) {
        let id = attribute(child, "id").unwrap_or_default().trim();
        let known = [
            (PROP_FILE_POST, &mut self.file_post),
            (PROP_INVITE, &mut self.invite),
            (PROP_LOGGED, &mut self.logged),
        ];
        for (name, value) in known {
            if id.eq_ignore_ascii_case(name) {
                *value = boolean(&child.text());
                return;
            }
        }
        reading.note(&format!("prop {id}"));
        self.other.push(child.clone());
    }

    fn decode_message(&mut self, child: &Element, reading: &mut Reading<'_>) {
        let label = attribute(child, "id").unwrap_or("grpchat").trim();
        if !label.eq_ignore_ascii_case("grpchat") {
            reading.note(&format!("msg {label}"));
            self.skipped += 1;
            return;
        }
        match ChatMessage::decode(child, reading) {
            Ok(message) => self.messages.push(message),
            Err(reason) => {
                reading.note(&format!("msg left out: {reason}"));
                self.skipped += 1;
            }
        }
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        let mut attributes = present(&[
            ("name", self.name.as_deref()),
            ("description", self.description.as_deref()),
            ("uri", Some(self.uri.as_str())),
            ("topic", self.topic.as_deref()),
            ("parent", self.parent.as_deref()),
            ("behavior", self.behavior.as_deref()),
            ("filestoreuri", self.file_store.as_deref()),
            ("disabled", self.disabled.map(boolean_text)),
        ]);
        attributes.extend(self.extra.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        writer.element("chanib", &attributes, |inside| self.encode_children(inside));
    }

    fn encode_children(&self, writer: &mut Writer) {
        for association in &self.associations {
            association.encode(writer);
        }
        let count = self.participants_count.map(|count| count.to_string());
        let tagged = [
            ("info", INFO_COUNT, count.as_deref()),
            ("info", INFO_VISIBILITY, self.visibility.as_deref()),
            ("prop", PROP_FILE_POST, self.file_post.map(boolean_text)),
            ("prop", PROP_INVITE, self.invite.map(boolean_text)),
            ("prop", PROP_LOGGED, self.logged.map(boolean_text)),
        ];
        for (name, id, text) in tagged {
            if let Some(text) = text {
                writer.element(name, &[("id", id)], |inside| {
                    inside.text(text);
                });
            }
        }
        for message in &self.messages {
            message.encode(writer, "msg", "1");
        }
        for user in &self.users {
            user.encode(writer);
        }
        for other in &self.other {
            write_element(writer, other);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::quirks::Quirks;

    fn read(xml: &str) -> (Result<RoomInfo, Reason>, Vec<String>) {
        let element = xml::parse(xml.as_bytes(), &xml::Limits::default()).unwrap();
        let quirks = Quirks::default();
        let mut reading = Reading::new(&quirks);
        (RoomInfo::decode(&element, &mut reading), reading.oddities)
    }

    #[test]
    fn both_spellings_of_visibility_are_read() {
        for word in ["visibilty", "visibility"] {
            let (room, odd) = read(&format!(
                r#"<chanib uri="ma-chan://c/g"><info id="urn:parlano:ma:info:{word}">Private</info></chanib>"#
            ));
            assert_eq!(room.unwrap().privacy(), Some(Privacy::Secret));
            assert!(odd.is_empty());
        }
    }

    /// Test vectors, section 9: seen by SIPE.
    #[test]
    fn a_recorded_list_of_participants() {
        let (room, odd) = read(
            r#"<chanib uri="ma-chan://c/g"><aib key="3984" value="0,1,2,3,4,5,7,9,10,12,13,14,15,16,17"/><aib key="12276" value="6,8,11"/></chanib>"#,
        );
        let held: Vec<_> = room.unwrap().associations;
        let ids: Vec<Vec<&str>> = held.iter().map(|aib| aib.ids().collect()).collect();
        assert_eq!(ids.iter().map(Vec::len).collect::<Vec<_>>(), [15, 3]);
        assert_eq!(ids.last().unwrap(), &["6", "8", "11"]);
        let rights: Vec<_> = held.iter().filter_map(Association::rights).collect();
        assert_eq!(rights, [Rights::MEMBER, Rights::MANAGER]);
        assert!(odd.is_empty());
    }

    #[test]
    fn unknown_parts_are_kept_and_reported() {
        let xml = r#"<chanib uri="ma-chan://c/g" color="red"><info id="x">1</info><audit createdby="a"/><new/></chanib>"#;
        let (room, odd) = read(xml);
        let room = room.unwrap();
        assert_eq!(room.extra, [("color".to_owned(), "red".to_owned())]);
        assert_eq!(room.other.len(), 3);
        assert_eq!(odd, ["chanib/@color", "chanib/new", "info x"]);
        let mut writer = Writer::new();
        room.encode(&mut writer);
        assert_eq!(read(&writer.finish()).0.unwrap(), room);
    }

    #[test]
    fn bad_history_entries_do_not_cost_the_good_ones() {
        let xml = r#"<chanib uri="ma-chan://c/g"><msg id="grpchat" author="a" chanUri="ma-chan://c/g"/><msg id="grpchat"/><msg id="other"/></chanib>"#;
        let room = read(xml).0.unwrap();
        assert_eq!((room.messages.len(), room.skipped), (1, 2));
        assert_eq!(read("<chanib/>").0.unwrap_err(), Reason::Missing("uri"));
    }

    #[test]
    fn auditorium_by_attribute_or_by_inference() {
        let mut room = RoomInfo::new(RoomUri::parse("ma-chan://c/g").unwrap());
        assert!(!room.auditorium(Some(Rights::MEMBER)));
        room.associations.push(Association { key: "8080".to_owned(), ..Association::default() });
        assert!(room.auditorium(Some(Rights::MEMBER)));
        assert!(!room.auditorium(Some(Rights::MEMBER | Rights::PRESENT)));
        room.behavior = Some("NORMAL".to_owned());
        assert!(!room.auditorium(Some(Rights::MEMBER)));
    }
}
