//! The mail: a table of rooms in HTML, the same as lines of text.

use chat_digest_guest::types::{Edition, Importance, Mail, Room};

use crate::told::{Told, count, name};

const TABLE: &str = "<table border=\"1\" cellpadding=\"6\" cellspacing=\"0\" style=\"border-collapse:collapse\"><tbody>\
<tr><th scope=\"col\" align=\"left\">Room</th><th scope=\"col\" align=\"left\">Messages</th>\
<th scope=\"col\" align=\"left\">People</th><th scope=\"col\" align=\"left\">First</th>\
<th scope=\"col\" align=\"left\">Last</th></tr>";
const END: &str = "Confidential: the messages themselves are in the chat only.";

/// What is told of one room.
struct Row {
    name: String,
    messages: String,
    people: String,
    first: String,
    last: String,
}

impl Row {
    /// Of a room with any item.
    fn of(room: &Room, edition: &Edition) -> Option<Self> {
        let mut items = edition.items.iter().filter(|item| item.message.room == room.id).peekable();
        items.peek()?;
        let told = Told::of(items);
        let missed = told.missed();
        let semicolon = if missed.is_empty() { "" } else { "; " };
        Some(Self {
            name: name(room),
            messages: format!("{}{semicolon}{missed}", told.count()),
            people: told.people().to_string(),
            first: told.first().unwrap_or_else(|| "-".to_owned()),
            last: told.last().unwrap_or_else(|| "-".to_owned()),
        })
    }

    fn html(&self) -> String {
        let Self { name, messages, people, first, last } = self;
        let name = escape(name);
        format!(
            "<tr><td dir=\"auto\">{name}</td><td>{messages}</td><td>{people}</td><td>{first}</td><td>{last}</td></tr>"
        )
    }

    fn text(&self) -> String {
        let Self { name, messages, people, first, last } = self;
        format!(
            "{name}\n  Messages: {messages}\n  People:   {people}\n  First:    {first}\n  Last:     {last}\n\n"
        )
    }
}

/// Composes it.
///
/// # Errors
/// If no item belongs to a room of the edition.
pub(crate) fn compose(edition: &Edition) -> Result<Mail, String> {
    let rows: Vec<Row> = edition.rooms.iter().filter_map(|room| Row::of(room, edition)).collect();
    let place = match rows.as_slice() {
        [] => return Err("nothing to tell".to_owned()),
        [only] => only.name.clone(),
        rows => format!("{} rooms", rows.len()),
    };
    let known = |id| edition.rooms.iter().any(|room| room.id == id);
    let told = Told::of(edition.items.iter().filter(|item| known(item.message.room)));
    let subject = format!("{} in {place}", count(told.count(), "new message", "new messages"));
    let html: String = rows.iter().map(Row::html).collect();
    let text: String = rows.iter().map(Row::text).collect();
    Ok(Mail {
        preview: preview(&told),
        html: format!("<p>{}.</p>{TABLE}{html}</tbody></table><p>{END}</p>", escape(&subject)),
        text: format!("{subject}.\n\n{text}{END}\n"),
        subject,
        listing: None,
        importance: Importance::Normal,
    })
}

fn preview(told: &Told<'_>) -> String {
    let missed = told.missed();
    match (told.first(), told.last()) {
        (Some(first), Some(last)) => {
            let semicolon = if missed.is_empty() { "" } else { "; " };
            let people = count(told.people(), "person", "people");
            format!("By {people}, {first} to {last}{semicolon}{missed}")
        }
        _ if missed == "messages were missed" => format!("Some {missed}"),
        _ => missed,
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use chat_digest_guest::types::{
        Gap, Item, Kind, Message, Moment, Part, Privacy, Readers, RoomKind,
    };

    use super::*;

    fn room(id: u32, name: &str) -> Room {
        let (kind, privacy) = (RoomKind::Normal, Privacy::Secret);
        let (description, topic) = (String::new(), String::new());
        Room { id, name: name.to_owned(), description, topic, kind, privacy }
    }

    /// Said on 24 November 2026.
    fn said(room: u32, author: (&str, Option<u32>), hour: u8, minute: u8) -> Item {
        let sent = Moment {
            unix_ms: i64::from(hour) * 3_600_000 + i64::from(minute) * 60_000,
            year: 2026,
            month: 11,
            day: 24,
            weekday: 2,
            hour,
            minute,
            second: 0,
            offset_minutes: 0,
        };
        let message = Message {
            room,
            author: author.0.to_owned(),
            author_person: author.1,
            sent,
            kind: Kind::Message,
            parts: vec![Part::Text("secret plans".to_owned())],
            late: false,
        };
        Item { message, reason: "confidential: counts only".to_owned(), named: false }
    }

    fn gap(room: u32, missing: Option<u32>) -> Item {
        let mut item = said(room, ("", None), 0, 1);
        item.message.kind = Kind::Gap(Gap { missing });
        item
    }

    fn composed(rooms: Vec<Room>, items: Vec<Item>) -> Mail {
        let readers = Readers { language: 0, time_zone: "UTC".to_owned() };
        compose(&Edition { readers, rooms, items, digest: true, summaries: vec![] }).unwrap()
    }

    #[test]
    fn one_room_is_told_in_counts() {
        let items = vec![
            said(1, ("Anna", Some(7)), 9, 0),
            gap(1, None),
            said(1, ("Bob", None), 17, 30),
            said(1, ("Anna L.", Some(7)), 12, 5),
        ];
        let mail = composed(vec![room(1, "Board")], items);
        assert_eq!(mail.subject, "3 new messages in Board");
        let preview = "By 2 people, 2026-11-24 09:00 to 2026-11-24 17:30; messages were missed";
        assert_eq!(mail.preview, preview);
        assert_eq!(
            mail.text,
            "3 new messages in Board.\n\nBoard\n  Messages: 3; messages were missed\n  People:   2\n  \
             First:    2026-11-24 09:00\n  Last:     2026-11-24 17:30\n\n\
             Confidential: the messages themselves are in the chat only.\n"
        );
        assert_eq!((mail.importance, mail.listing), (Importance::Normal, None));
        assert!(!mail.html.contains("secret") && !mail.html.contains("Anna"));
    }

    #[test]
    fn html_is_one_line_and_escaped() {
        let mail = composed(vec![room(1, "<R&D> \"it's\"")], vec![said(1, ("A", None), 9, 0)]);
        assert_eq!(
            mail.html,
            "<p>1 new message in &lt;R&amp;D&gt; &quot;it&#39;s&quot;.</p><table border=\"1\" cellpadding=\"6\" \
             cellspacing=\"0\" style=\"border-collapse:collapse\"><tbody><tr><th scope=\"col\" align=\"left\">Room</th>\
             <th scope=\"col\" align=\"left\">Messages</th><th scope=\"col\" align=\"left\">People</th>\
             <th scope=\"col\" align=\"left\">First</th><th scope=\"col\" align=\"left\">Last</th></tr>\
             <tr><td dir=\"auto\">&lt;R&amp;D&gt; &quot;it&#39;s&quot;</td><td>1</td><td>1</td>\
             <td>2026-11-24 09:00</td><td>2026-11-24 09:00</td></tr></tbody></table>\
             <p>Confidential: the messages themselves are in the chat only.</p>"
        );
    }

    #[test]
    fn rooms_without_items_and_items_without_rooms_are_left_out() {
        let items = vec![
            said(1, ("A", None), 9, 0),
            said(3, ("A", None), 10, 0),
            said(9, ("B", None), 11, 0),
        ];
        let rooms = || vec![room(3, "C"), room(2, "B"), room(1, "A")];
        let mail = composed(rooms(), items);
        assert_eq!(mail.subject, "2 new messages in 2 rooms");
        assert_eq!(mail.preview, "By 1 person, 2026-11-24 09:00 to 2026-11-24 10:00");
        assert!(mail.text.find("\nC\n").unwrap() < mail.text.find("\nA\n").unwrap());
        let readers = Readers { language: 0, time_zone: "UTC".to_owned() };
        let items = vec![said(9, ("B", None), 11, 0)];
        let nothing = Edition { readers, rooms: rooms(), items, digest: true, summaries: vec![] };
        assert_eq!(compose(&nothing), Err("nothing to tell".to_owned()));
    }

    #[test]
    fn gaps_alone_are_told() {
        let of = |items| composed(vec![room(1, "Board")], items);
        let mail = of(vec![gap(1, Some(2)), gap(1, Some(u32::MAX))]);
        assert_eq!(mail.subject, "0 new messages in Board");
        assert_eq!(mail.preview, "4294967297 messages were missed");
        assert!(mail.text.contains("Messages: 0; 4294967297 messages were missed\n"));
        assert!(mail.text.contains("First:    -\n  Last:     -\n"));
        assert_eq!(of(vec![gap(1, Some(1))]).preview, "1 message was missed");
        assert_eq!(of(vec![gap(1, None)]).preview, "Some messages were missed");
    }
}
