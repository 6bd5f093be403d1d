//! The list that an administrator makes on the chat server (dossier 4.15):
//!
//! ```text
//! Get-CsPersistentChatRoom | ConvertTo-Json -Depth 5 | Out-File rooms.json
//! ```
//!
//! gives an array of rooms (or a single one), of which this is read:
//!
//! ```json
//! [
//!   {
//!     "Identity": "pchat01.contoso.com\\Ops Desk",
//!     "Name": "Ops Desk",
//!     "Uri": "ma-chan://contoso.com/5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c11",
//!     "Members": ["sip:anna.keller@contoso.com", "CN=All Ops,OU=Groups,DC=contoso,DC=com"],
//!     "Managers": [{"Uri": "sip:marc.ober@contoso.com", "DisplayName": "Marc Ober"}],
//!     "Presenters": "sip:anna.keller@contoso.com;sip:marc.ober@contoso.com"
//!   }
//! ]
//! ```
//!
//! `Uri` may be missing: the room is then known by its name. All other keys are passed over. The
//! exact shape differs between versions of the shell, so lists are taken as arrays of texts or
//! objects, as one text, as `null`, and as `{"value": […], "Count": n}`. UTF-8 and, with its
//! mark, UTF-16.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

use super::{Principal, PrincipalKind, Roles};
use crate::xccos::RoomUri;

/// Bytes of the longest file.
pub const EXPORT_BYTES_MAX: usize = 64 << 20;
/// Rooms of one file.
pub const ROOMS_MAX: usize = 10_000;
/// Entries of one list.
pub const ENTRIES_MAX: usize = 100_000;

/// What is wrong with a file, and where. It names keys, never addresses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// More than [`EXPORT_BYTES_MAX`] bytes.
    #[error("the file has {bytes} bytes, at most {EXPORT_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not what is described above.
    #[error("line {line}, column {column}: {what}")]
    At {
        /// The line, from 1.
        line: usize,
        /// The column, from 1, in bytes; just behind what is wrong.
        column: usize,
        /// What is wrong, with the key.
        what: String,
    },
}

/// A file that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Export {
    /// Its rooms in order.
    pub rooms: Vec<ExportRoom>,
}

/// One room of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportRoom {
    /// Its address, if the file has it.
    pub uri: Option<RoomUri>,
    /// Its name.
    pub name: Option<String>,
    /// Who has which role; somebody with several stands here several times.
    pub entries: Vec<(Principal, Roles)>,
}

impl Export {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ExportError`] with the place. Nothing of a bad file is taken.
    pub fn read(file: &[u8]) -> Result<Self, ExportError> {
        if file.len() > EXPORT_BYTES_MAX {
            return Err(ExportError::TooLong { bytes: file.len() });
        }
        // The shell writes UTF-16 with a mark, newer ones UTF-8 with or without.
        let (text, ..) = encoding_rs::UTF_8.decode(file);
        let read: Result<Rooms, _> = serde_json::from_str(&text);
        read.map(|rooms| Self { rooms: rooms.0 }).map_err(|error| ExportError::At {
            line: error.line(),
            column: error.column(),
            what: without_place(&error),
        })
    }
}

/// The message alone, its place is told apart from it.
fn without_place(error: &serde_json::Error) -> String {
    let whole = error.to_string();
    whole.rsplit_once(" at line ").map_or(whole.clone(), |(what, _)| what.to_owned())
}

struct Rooms(Vec<ExportRoom>);

impl<'de> Deserialize<'de> for Rooms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RoomsVisitor)
    }
}

struct RoomsVisitor;

impl<'de> Visitor<'de> for RoomsVisitor {
    type Value = Rooms;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a room or an array of rooms")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Rooms, A::Error> {
        Ok(Rooms(vec![RoomVisitor.visit_map(map)?]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Rooms, A::Error> {
        let mut rooms = Vec::new();
        while let Some(room) = seq.next_element::<ExportRoom>()? {
            if rooms.len() >= ROOMS_MAX {
                return Err(A::Error::custom(format_args!("more than {ROOMS_MAX} rooms")));
            }
            rooms.push(room);
        }
        Ok(Rooms(rooms))
    }

    // The text itself stays out of the message.
    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Rooms, E> {
        Err(E::custom("a text where a room or an array of rooms is expected"))
    }
}

impl<'de> Deserialize<'de> for ExportRoom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RoomVisitor)
    }
}

struct RoomVisitor;

impl<'de> Visitor<'de> for RoomVisitor {
    type Value = ExportRoom;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a room")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ExportRoom, A::Error> {
        let mut room = ExportRoom::default();
        let mut identity = None;
        while let Some(key) = map.next_key::<String>()? {
            let custom = |what: &str| A::Error::custom(format_args!("key {key:?}: {what}"));
            match key.to_ascii_lowercase().as_str() {
                "identity" => identity = text(&map.next_value()?),
                "name" => room.name = text(&map.next_value()?),
                "uri" | "roomuri" | "chatroomuri" => {
                    if let Some(uri) = text(&map.next_value()?) {
                        let uri = RoomUri::parse(&uri);
                        room.uri = Some(uri.ok_or_else(|| custom("not a ma-chan:// address"))?);
                    }
                }
                list @ ("members" | "managers" | "presenters") => {
                    let (roles, value) = (Roles::named(list), map.next_value()?);
                    let entries = list_of(&value).map_err(|what| custom(&what))?;
                    room.entries.extend(entries.into_iter().map(|principal| (principal, roles)));
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        named(room, identity.as_deref())
            .ok_or_else(|| A::Error::custom("a room without \"Identity\", \"Name\" and \"Uri\""))
    }

    fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<ExportRoom, E> {
        Err(E::custom("a text where a room is expected"))
    }
}

/// Takes from the identity what is not told otherwise: an address, or a name after the pool's.
fn named(mut room: ExportRoom, identity: Option<&str>) -> Option<ExportRoom> {
    let identity = identity.unwrap_or_default();
    room.uri = room.uri.or_else(|| RoomUri::parse(identity));
    if room.name.is_none() && room.uri.is_none() {
        let name = identity.split_once('\\').map_or(identity, |(_, name)| name).trim();
        room.name = (!name.is_empty()).then(|| name.to_owned());
    }
    (room.name.is_some() || room.uri.is_some()).then_some(room)
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn list_of(value: &Value) -> Result<Vec<Principal>, String> {
    let principals = match value {
        Value::Null => Vec::new(),
        Value::String(text) => many(text)?,
        Value::Array(entries) => {
            let mut principals = Vec::new();
            for (place, entry) in entries.iter().enumerate().take(ENTRIES_MAX + 1) {
                let read =
                    entry_of(entry).map_err(|what| format!("entry {}: {what}", place + 1))?;
                principals.extend(read);
            }
            principals
        }
        Value::Object(object) => match object.get("value") {
            Some(value @ Value::Array(_)) => return list_of(value),
            _ => entry_of(value)?,
        },
        _ => return Err("expected an array of addresses".to_owned()),
    };
    if principals.len() > ENTRIES_MAX {
        return Err(format!("more than {ENTRIES_MAX} entries"));
    }
    Ok(principals)
}

fn entry_of(entry: &Value) -> Result<Vec<Principal>, String> {
    match entry {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => many(text),
        Value::Object(object) => {
            let field = |names: &[&str]| {
                names.iter().find_map(|name| {
                    let mut fields = object.iter();
                    text(fields.find(|(key, _)| key.eq_ignore_ascii_case(name))?.1)
                })
            };
            let address = field(&["Uri", "SipAddress", "PrimarySipAddress", "Address"])
                .or_else(|| field(&["DistinguishedName", "ADPath", "ActiveDirectoryPath"]))
                .or_else(|| field(&["Identity", "Name"]));
            let address = address.ok_or("an object without \"Uri\" or \"DistinguishedName\"")?;
            let mut principal = principal(&address)?;
            if let Some(name) = field(&["DisplayName", "Name"]).filter(|name| *name != address) {
                principal.name = name;
            }
            let kind = field(&["Type"]).and_then(|kind| PrincipalKind::parse(&kind));
            principal.kind = kind.unwrap_or(principal.kind);
            Ok(vec![principal])
        }
        _ => Err("expected an address".to_owned()),
    }
}

/// One text with one address, or several separated by `;`, or, as the shell flattens an array
/// below its depth, SIP addresses separated by blanks.
fn many(text: &str) -> Result<Vec<Principal>, String> {
    let is_sip = |word: &str| word.get(..4).is_some_and(|s| s.eq_ignore_ascii_case("sip:"));
    let mut principals = Vec::new();
    for piece in text.split(';').map(str::trim).filter(|piece| !piece.is_empty()) {
        if piece.split_whitespace().all(is_sip) {
            for word in piece.split_whitespace() {
                principals.push(principal(word)?);
            }
        } else {
            principals.push(principal(piece)?);
        }
    }
    Ok(principals)
}

fn principal(text: &str) -> Result<Principal, String> {
    let text = text.trim();
    let text = text
        .split_once("://")
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("ldap"))
        .map_or(text, |(_, dn)| dn);
    let begins = |prefix: &str| {
        text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
    };
    let make = |address: String, name: String, kind| Ok(Principal { address, name, kind });
    let plain = || text.to_owned();
    if begins("sip:") {
        make(plain(), String::new(), PrincipalKind::User)
    } else if begins("ma-grp:") {
        make(plain(), String::new(), PrincipalKind::Group)
    } else if begins("CN=") {
        make(plain(), first_value(text), PrincipalKind::Group)
    } else if begins("OU=") {
        make(plain(), first_value(text), PrincipalKind::Folder)
    } else if begins("DC=") {
        make(plain(), first_value(text), PrincipalKind::Domain)
    } else if text.contains('@') && !text.contains(char::is_whitespace) {
        make(format!("sip:{text}"), String::new(), PrincipalKind::User)
    } else if text.starts_with("System.") || text.starts_with("Microsoft.") {
        Err("the name of a type instead of addresses, export with a greater -Depth".to_owned())
    } else {
        Err("neither a SIP address nor a distinguished name".to_owned())
    }
}

/// The value of a distinguished name's first component, `\,` and the like resolved.
fn first_value(name: &str) -> String {
    let value = name.split_once('=').map_or(name, |(_, value)| value);
    let mut out = String::new();
    let mut characters = value.chars();
    while let Some(character) = characters.next() {
        match character {
            ',' => break,
            '\\' => out.extend(characters.next()),
            character => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    const SAMPLE: &str = r#"[
  {
    "Identity": "pchat01.contoso.com\\Ops Desk",
    "Name": "Ops Desk",
    "Uri": "ma-chan://contoso.com/5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c11",
    "Members": ["sip:anna.keller@contoso.com", "CN=All Ops\\, Desk,OU=Groups,DC=contoso,DC=com"],
    "Managers": [{"Uri": "sip:marc.ober@contoso.com", "DisplayName": "Marc Ober"}],
    "Presenters": "sip:anna.keller@contoso.com;sip:marc.ober@contoso.com",
    "Disabled": false
  }
]"#;

    fn addresses(json: &str) -> Vec<(String, String, PrincipalKind)> {
        let json = format!("{{\"name\": \"x\", \"members\": {json}}}");
        let export = Export::read(json.as_bytes()).unwrap();
        let entries = export.rooms.into_iter().flat_map(|room| room.entries);
        entries.map(|(p, _)| (p.address, p.name, p.kind)).collect()
    }

    fn error(json: &str) -> String {
        Export::read(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_documented_sample() {
        let export = Export::read(SAMPLE.as_bytes()).unwrap();
        let [room] = export.rooms.as_slice() else { unreachable!() };
        assert_eq!(room.name.as_deref(), Some("Ops Desk"));
        assert!(room.uri.is_some());
        let names: Vec<_> = room.entries.iter().map(|(p, _)| p.name.as_str()).collect();
        assert_eq!(names, ["", "All Ops, Desk", "Marc Ober", "", ""]);
        assert_eq!(room.entries.iter().filter(|(_, roles)| roles.presenter).count(), 2);
    }

    #[test]
    fn the_shell_writes_utf_16() {
        let little = SAMPLE.encode_utf16().flat_map(u16::to_le_bytes);
        let file: Vec<u8> = [0xff, 0xfe].into_iter().chain(little).collect();
        assert_eq!(Export::read(&file), Export::read(SAMPLE.as_bytes()));
        let with_mark = format!("\u{feff}{SAMPLE}");
        assert_eq!(Export::read(with_mark.as_bytes()), Export::read(SAMPLE.as_bytes()));
    }

    #[test]
    fn lists_of_every_shape() {
        let anna = ("sip:a@c".to_owned(), String::new(), PrincipalKind::User);
        let bob = ("sip:b@c".to_owned(), String::new(), PrincipalKind::User);
        let both = [anna.clone(), bob];
        for json in [
            r#""sip:a@c;sip:b@c;""#,
            r#""sip:a@c sip:b@c""#,
            r#"["a@c", null, "sip:b@c"]"#,
            r#"{"value": ["sip:a@c", "sip:b@c"], "Count": 2}"#,
        ] {
            assert_eq!(addresses(json), both, "{json}");
        }
        assert_eq!(addresses(r#"{"sipaddress": "sip:a@c"}"#), [anna]);
        assert_eq!(addresses("null"), []);
        let kinds: Vec<_> = addresses(
            r#"["OU=Ops,DC=c", "LDAP://DC=c", "ma-grp:7@u.g", {"Name": "CN=G", "Type": "User"}]"#,
        )
        .into_iter()
        .map(|(.., kind)| kind)
        .collect();
        use PrincipalKind as Kind;
        assert_eq!(kinds, [Kind::Folder, Kind::Domain, Kind::Group, Kind::User]);
    }

    #[test]
    fn rooms_are_known_by_what_there_is() {
        let room = |json: &str| Export::read(json.as_bytes()).unwrap().rooms.remove(0);
        assert_eq!(room(r#"{"Identity": "pool\\Ops"}"#).name.as_deref(), Some("Ops"));
        assert!(room(r#"{"Identity": "ma-chan://c/g"}"#).uri.is_some());
    }

    #[test]
    fn errors_name_place_and_key_but_no_address() {
        assert_eq!(
            error("[{\"Name\": \"x\",\n\"Members\": 5}]"),
            "line 2, column 13: key \"Members\": expected an array of addresses"
        );
        assert!(error(r#"{"Name":"x","Managers":["sip:a@c","secret"]}"#).contains("entry 2"));
        let type_name = r#"{"Name":"x","Members":"System.Collections.Generic.List`1[X]"}"#;
        assert!(error(type_name).contains("-Depth"));
        assert!(error(r#"{"Uri":"secret"}"#).starts_with("line 1, column 16: key \"Uri\""));
        assert!(error("[{}]").contains("without"));
        assert!(error("[{]").starts_with("line 1, column 3: key must"));
        for json in [r#"["sip:secret"]"#, r#""sip:secret""#, r#"{"Uri":"sip:secret"}"#] {
            assert!(!error(json).contains("secret"), "{json}");
        }
    }

    #[test]
    fn every_cut_is_an_error_and_no_panic() {
        for cut in 0..SAMPLE.len() {
            assert!(Export::read(SAMPLE.get(..cut).unwrap().as_bytes()).is_err());
        }
    }
}
