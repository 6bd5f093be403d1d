//! What may be told of messages: how many, of how many people, from when to when.

use std::collections::BTreeSet;

use chat_digest_guest::types::{Gap, Item, Kind, Moment, Room};

/// Longest name of a room, in code points.
const NAME_CHARACTERS_MAX: usize = 40;

/// `1 message` or `12 messages`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A room's name on one line, without what cannot be seen, and not too long.
pub(crate) fn name(room: &Room) -> String {
    let words = room.name.split(is_blank).filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        return "a room".to_owned();
    }
    if name.chars().count() <= NAME_CHARACTERS_MAX {
        return name;
    }
    name.chars().take(NAME_CHARACTERS_MAX - 1).chain(['\u{2026}']).collect()
}

fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\0'..=' '
            | '\u{7f}'..='\u{a0}'
            | '\u{61c}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202f}'
            | '\u{205f}'..='\u{206f}'
            | '\u{3000}'
            | '\u{feff}'
    )
}

/// Items, counted.
pub(crate) struct Told<'a> {
    items: Vec<&'a Item>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Author<'a> {
    Person(u32),
    Name(&'a str),
}

impl<'a> Told<'a> {
    pub(crate) fn of(items: impl IntoIterator<Item = &'a Item>) -> Self {
        Self { items: items.into_iter().collect() }
    }

    fn messages(&self) -> impl DoubleEndedIterator<Item = &'a Item> {
        self.items.iter().copied().filter(|item| !matches!(item.message.kind, Kind::Gap(_)))
    }

    /// How many messages there are.
    pub(crate) fn count(&self) -> usize {
        self.messages().count()
    }

    /// How many people wrote them.
    pub(crate) fn people(&self) -> usize {
        let author = |item: &'a Item| {
            let person = item.message.author_person.map(Author::Person);
            person.unwrap_or(Author::Name(&item.message.author))
        };
        self.messages().map(author).collect::<BTreeSet<_>>().len()
    }

    /// When the first of them was said, if there is one.
    pub(crate) fn first(&self) -> Option<String> {
        self.messages().map(|item| item.message.sent).min_by_key(|sent| sent.unix_ms).map(time)
    }

    /// When the last of them was said.
    pub(crate) fn last(&self) -> Option<String> {
        self.messages().map(|item| item.message.sent).max_by_key(|sent| sent.unix_ms).map(time)
    }

    /// What is missing between them; empty if nothing is.
    pub(crate) fn missed(&self) -> String {
        let gaps = self.items.iter().filter_map(|item| match item.message.kind {
            Kind::Gap(Gap { missing }) => Some(missing.map(u64::from)),
            _ => None,
        });
        let gaps: Vec<Option<u64>> = gaps.collect();
        if gaps.is_empty() {
            return String::new();
        }
        match gaps.into_iter().sum::<Option<u64>>() {
            None => "messages were missed".to_owned(),
            Some(1) => "1 message was missed".to_owned(),
            Some(number) => format!("{number} messages were missed"),
        }
    }
}

fn time(at: Moment) -> String {
    let Moment { year, month, day, hour, minute, .. } = at;
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

#[cfg(test)]
mod tests {
    use chat_digest_guest::types::{Privacy, RoomKind};

    use super::*;

    fn named(name: &str) -> String {
        let (kind, privacy) = (RoomKind::Normal, Privacy::Secret);
        let (description, topic) = (String::new(), String::new());
        super::name(&Room { id: 1, name: name.to_owned(), description, topic, kind, privacy })
    }

    #[test]
    fn names_are_short_and_on_one_line() {
        for (name, expected) in [
            ("Board", "Board"),
            (" Board\r\n of\u{a0}\u{202e}it\u{feff}", "Board of it"),
            ("", "a room"),
            ("\u{200b} \t", "a room"),
            ("x\u{301}\u{2010}y", "x\u{301}\u{2010}y"),
        ] {
            assert_eq!(named(name), expected, "{name:?}");
        }
        let forty = "\u{e4}".repeat(40);
        assert_eq!(named(&forty), forty);
        assert_eq!(named(&"\u{e4}".repeat(41)), format!("{}\u{2026}", "\u{e4}".repeat(39)));
    }

    #[test]
    fn one_is_one_and_all_else_many() {
        let said = [0, 1, 2, 12_000].map(|number| count(number, "message", "messages"));
        assert_eq!(said, ["0 messages", "1 message", "2 messages", "12000 messages"]);
    }
}
