//! From what the chat protocol says to what the rules speak of. Nothing past it knows SIP.

use bridge::{
    message::{Address, Kind, Message, Part, Person, PostKey, RoomId},
    room::{Privacy, Room, RoomKind},
};
use lync::{
    client::Post,
    content::{self, People},
    xccos::{self, Rights, RoomInfo},
};

/// The room's key: its address in lower case.
#[must_use]
pub fn room_id(uri: &str) -> RoomId {
    RoomId::new(uri.to_lowercase())
}

/// A room as the server describes it.
#[must_use]
pub fn room(info: &RoomInfo, own: Option<Rights>) -> Room {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    Room {
        id: room_id(info.uri.key()),
        name: info.name.clone().unwrap_or_else(|| info.uri.key().to_owned()),
        description: text(&info.description),
        topic: text(&info.topic),
        kind: if info.auditorium(own) { RoomKind::Auditorium } else { RoomKind::Normal },
        privacy: match info.privacy() {
            Some(xccos::Privacy::Open) => Privacy::Open,
            Some(xccos::Privacy::Closed) => Privacy::Closed,
            Some(xccos::Privacy::Secret) => Privacy::Secret,
            None => Privacy::Unknown,
        },
    }
}

/// A room already known, with what a list of rooms says about it now. Lists tell less than joining:
/// what they leave out stays as it was.
#[must_use]
pub fn changed(known: &Room, info: &RoomInfo) -> Room {
    let text =
        |told: &Option<String>, before: &str| told.clone().unwrap_or_else(|| before.to_owned());
    let told = room(info, None);
    Room {
        id: known.id.clone(),
        name: text(&info.name, &known.name),
        description: text(&info.description, &known.description),
        topic: text(&info.topic, &known.topic),
        kind: if info.behavior.is_some() { told.kind } else { known.kind },
        privacy: if info.privacy().is_some() { told.privacy } else { known.privacy },
    }
}

/// A post; `people` are those of its room, for mentions and for the author's name; `room_name`
/// tells what a room is called that the post links to.
#[must_use]
pub fn message(
    post: &Post,
    people: &[(String, String)],
    room_name: &dyn Fn(&str) -> Option<String>,
    received_ms: i64,
) -> Message {
    let names = people.iter().map(|(address, name)| (address.as_str(), name.as_str()));
    let read = content::read(&post.chat, post.rtf.as_deref(), post.alert, &People::new(names));
    Message {
        room: room_id(&post.room),
        post: PostKey::new(post_key(post)),
        author: Person { address: Address::new(&post.author), name: author_name(post, people) },
        sent_ms: i64::try_from(post.sent.as_millis()).unwrap_or(received_ms),
        received_ms,
        kind: match read.kind {
            content::Kind::Message => Kind::Message,
            content::Kind::Alert => Kind::Alert,
            content::Kind::Story { title } => Kind::Story { title },
        },
        parts: read.parts.into_iter().map(|one| part(one, room_name)).collect(),
        late: post.from_history,
    }
}

/// What names the post within its room: the server's number, or else its fingerprint.
fn post_key(post: &Post) -> String {
    post.id.map_or_else(|| post.key.clone(), |id| id.to_string())
}

/// The display name that came with the post, else the directory's, else one made of the address:
/// `anna.keller` becomes `Anna Keller`.
fn author_name(post: &Post, people: &[(String, String)]) -> String {
    if let Some(name) = post.author_name.as_deref().filter(|name| !name.trim().is_empty()) {
        return name.to_owned();
    }
    let listed = people.iter().find(|(address, _)| address.eq_ignore_ascii_case(&post.author));
    listed.map_or_else(|| name_of_address(&post.author), |(_, name)| name.clone())
}

/// A name for someone of whom only the address is known; never the address itself.
#[must_use]
pub fn name_of_address(address: &str) -> String {
    let user =
        address.strip_prefix("sip:").unwrap_or(address).split('@').next().unwrap_or_default();
    let words = user.split(['.', '_', '-']).filter(|word| !word.is_empty()).map(|word| {
        let mut letters = word.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        first + letters.as_str()
    });
    words.collect::<Vec<_>>().join(" ")
}

fn part(part: content::Part, room_name: &dyn Fn(&str) -> Option<String>) -> Part {
    match part {
        content::Part::Text(words) => Part::Text(words),
        content::Part::LineBreak => Part::LineBreak,
        content::Part::Hyperlink { url, text } => Part::Hyperlink { address: url, words: text },
        content::Part::RoomLink { uri, text } => {
            // A bare address says nothing to its reader; the room's name does.
            let words = if text == uri { room_name(&uri).unwrap_or(text) } else { text };
            Part::RoomLink { address: uri, words }
        }
        content::Part::FileLink { name, url } => Part::FileLink { address: url, words: name },
        content::Part::Emoticon(sign) => Part::Emoticon(sign),
        content::Part::Mention { address, text } => {
            Part::Mention { words: text, address: Some(Address::new(address)) }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use lync::xccos::RoomUri;

    use super::*;

    #[test]
    fn a_list_changes_what_it_tells_and_nothing_else() {
        let uri = RoomUri::parse("ma-chan://c.example/1").unwrap();
        let mut info = RoomInfo::new(uri);
        info.name = Some("Ops".to_owned());
        info.topic = Some("rain".to_owned());
        info.behavior = Some("AUDITORIUM".to_owned());
        info.visibility = Some("SCOPE".to_owned());
        let known = room(&info, None);
        info.name = Some("Ops Desk".to_owned());
        (info.topic, info.behavior, info.visibility) = (None, None, None);
        let now = changed(&known, &info);
        assert_eq!(now, Room { name: "Ops Desk".to_owned(), ..known });
    }

    #[test]
    fn names_are_made_of_addresses() {
        assert_eq!(name_of_address("sip:anna.keller@contoso.com"), "Anna Keller");
        assert_eq!(name_of_address("sip:bob@contoso.com"), "Bob");
    }
}
