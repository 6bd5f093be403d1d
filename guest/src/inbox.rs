//! What an inbox shows of a mail: its subject and the line beside it.

use crate::excerpt::{cut_units, name, of_parts, one_line};
use crate::time;
use crate::types::{Item, Kind, Privacy, Room};
use crate::view::{View, is_alert, is_gap};

/// The contract's bound, in UTF-16 units: never more than as many characters.
const SUBJECT_UNITS_MAX: usize = 255;
const ROOM_CHARS_MAX: usize = 60;
const AUTHOR_CHARS_MAX: usize = 40;
const EXCERPT_CHARS_MAX: usize = 100;
const PREVIEW_CHARS_MIN: usize = 40;
const PREVIEW_CHARS_MAX: usize = 90;

/// `[Room] Anna: "Deploy moved to Friday"`, `[Room] 12 new — Anna: "…"`, or
/// `Chat digest: 3 rooms, 47 messages, 2 name you`.
pub(crate) fn subject(view: &View<'_>) -> String {
    let words = view.words;
    let subject = match view.only_section() {
        Some(section) => {
            let room = name(&section.room.name, ROOM_CHARS_MAX);
            let told = telling(view).map(|(room, item)| quote(view, room, item));
            let told = told.unwrap_or_default();
            match view.count() {
                0 | 1 => format!("[{room}] {told}"),
                n => format!("[{room}] {} — {told}", (words.new)(n)),
            }
        }
        None => format!(
            "{}: {}, {}",
            words.digest,
            (words.rooms)(view.sections.len()),
            view.counts(view.count(), view.named())
        ),
    };
    cut_units(&subject, SUBJECT_UNITS_MAX)
}

/// The line beside the subject: what the subject leaves out, in 40 to 90 characters.
pub(crate) fn preview(view: &View<'_>) -> String {
    let mut preview = String::new();
    let mut add = |piece: String| {
        if preview.chars().count() < PREVIEW_CHARS_MIN {
            preview.push_str(if preview.is_empty() { "" } else { " · " });
            preview.push_str(&piece);
        }
    };
    if view.only_section().is_none() {
        let rooms = view.sections.iter().take(5);
        let counts = rooms.map(|s| format!("{} ({})", name(&s.room.name, 30), s.count()));
        add(counts.collect::<Vec<_>>().join(", "));
    }
    for section in &view.sections {
        let open = section.items.iter().filter(|_| section.room.privacy != Privacy::Secret);
        for item in open.take(5) {
            add(if view.lone() && !is_gap(item) {
                of_parts(&item.message.parts, PREVIEW_CHARS_MAX)
            } else {
                quote(view, section.room, item)
            });
        }
    }
    add((view.words.messages)(view.count()));
    add(view.period());
    add(view.reasons());
    one_line(&preview, PREVIEW_CHARS_MAX)
}

/// The message that says most: an alert, else one that names the readers, else the newest.
fn telling<'a>(view: &View<'a>) -> Option<(&'a Room, &'a Item)> {
    let rank = |item: &Item| (!is_gap(item), is_alert(item), item.named);
    let all = view.sections.iter().flat_map(|s| s.items.iter().map(|item| (s.room, *item)));
    all.max_by_key(|(_, item)| rank(item))
}

/// `Alert — Anna: "Deploy moved to Friday"`. Of a secret room no word is shown outside the mail.
fn quote(view: &View<'_>, room: &Room, item: &Item) -> String {
    let words = view.words;
    if let Kind::Gap(gap) = &item.message.kind {
        return (words.gap)(gap.missing);
    }
    let author = name(&item.message.author, AUTHOR_CHARS_MAX);
    let said = match &item.message.kind {
        _ if room.privacy == Privacy::Secret => {
            format!("{}, {}", words.new_message, time::clock(&item.message.sent))
        }
        Kind::Story(title) if !title.trim().is_empty() => {
            (words.quoted)(&one_line(title, EXCERPT_CHARS_MAX))
        }
        _ => (words.quoted)(&of_parts(&item.message.parts, EXCERPT_CHARS_MAX)),
    };
    let mark = if is_alert(item) { format!("{} — ", words.alert) } else { String::new() };
    format!("{mark}{author}: {said}")
}

#[cfg(test)]
mod tests {
    use crate::compose::compose;
    use crate::samples::{edition, item, message, room};
    use crate::types::{Edition, Item, Kind, Message, Privacy, Room};

    fn inbox(edition: &Edition) -> (String, String) {
        let mail = compose(edition).map(|c| c.mail);
        mail.map(|m| (m.subject, m.preview)).unwrap_or_default()
    }

    #[test]
    fn one_message_is_told_in_the_subject() {
        let one = edition(vec![item(message("Deploy moved to Friday"))]);
        let (subject, preview) = inbox(&one);
        assert_eq!(subject, "[Operations] Anna Larsen: \"Deploy moved to Friday\"");
        assert_eq!(
            preview,
            "Deploy moved to Friday · 1 message · Tue 4 Mar 2025, 09:14 (Europe/Berlin)"
        );
    }

    #[test]
    fn many_messages_tell_the_one_that_says_most() {
        let alert = Message { kind: Kind::Alert, ..message("Main is red") };
        let items = vec![item(alert), item(message("a")), item(message("b"))];
        let (subject, preview) = inbox(&edition(items));
        assert_eq!(subject, "[Operations] 3 new — Alert — Anna Larsen: \"Main is red\"");
        assert!(preview.starts_with("Alert — Anna Larsen: \"Main is red\""), "{preview}");
        let named = Item { named: true, ..item(message("for you")) };
        let (subject, _) = inbox(&edition(vec![named, item(message("last"))]));
        assert!(subject.ends_with("\"for you\""), "{subject}");
    }

    #[test]
    fn several_rooms_are_counted() {
        let mut digest = edition((0..7).map(|_| item(message("x"))).collect());
        digest.rooms.push(room(2, "Build"));
        for item in digest.items.iter_mut().skip(4) {
            item.message.room = 2;
            item.named = true;
        }
        assert_eq!(inbox(&digest).0, "Chat digest: 2 rooms, 7 messages, 3 name you");
        digest.readers.language = 0x6465;
        let (subject, preview) = inbox(&digest);
        assert_eq!(subject, "Chat-Überblick: 2 Räume, 7 Nachrichten, 3 nennen Sie");
        assert!(preview.starts_with("Operations (4), Build (3) · Anna Larsen: „x“"), "{preview}");
    }

    #[test]
    fn a_secret_room_tells_nothing() {
        let mut secret = edition(vec![item(message("the merger"))]);
        secret.rooms = vec![Room { privacy: Privacy::Secret, ..room(1, "Board") }];
        let (subject, preview) = inbox(&secret);
        assert_eq!(subject, "[Board] Anna Larsen: new message, 09:14");
        assert!(!preview.contains("merger"));
    }

    #[test]
    fn hostile_names_stay_in_their_line_and_bounds() {
        let mut hostile = edition(vec![item(Message {
            author: "A\r\nBcc: x\u{202e}".repeat(50),
            ..message(&"😀\u{0}\n".repeat(5_000))
        })]);
        hostile.rooms = vec![room(1, &"R\r\n".repeat(300))];
        let (subject, preview) = inbox(&hostile);
        assert!(subject.encode_utf16().count() <= 255);
        assert!((40..=90).contains(&preview.chars().count()), "{preview}");
        for line in [subject, preview] {
            assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
        }
    }
}
