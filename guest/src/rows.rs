//! What stands in a room's part of a mail that shows its messages, and how much of each.

use crate::time;
use crate::types::{Item, Kind, Moment, Part};
use crate::view::{Section, View, is_alert, is_gap, missing_of};

/// Gaps of a room that are always shown in their place; the head of a mail counts all of them.
const GAPS_SHOWN_MIN: usize = 3;

/// A story longer than this is folded to its beginning when it stands among other messages.
const STORY_CHARS_MAX: usize = 2_000;
const STORY_CHARS_SHOWN: usize = 600;

/// How a message is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Whole,
    /// The first so many characters.
    Cut(usize),
}

/// What stands in a room's part of the mail, in order.
pub(crate) enum Row<'a> {
    Day(&'a Moment),
    Hour(&'a Moment),
    /// Messages of one author, one after the other.
    Block(Vec<(&'a Item, Form)>),
    /// Messages shown by their first words.
    Headlines(Vec<&'a Item>),
    /// Messages that were missed, and how many.
    Gap(Option<u32>),
}

impl<'a> View<'a> {
    /// A section in the order in which it is read, and how many of its messages are not shown.
    pub(crate) fn rows(&self, section: &Section<'a>) -> (Vec<Row<'a>>, usize) {
        let chosen = self.choose(section);
        let shown = chosen.iter().filter(|item| !is_gap(item)).count();
        let hidden = section.count() - shown;
        let days = self.of_days();
        let mut rows = Vec::new();
        let mut previous: Option<&Item> = None;
        for item in chosen {
            let before = previous.map(|p| &p.message.sent);
            let sent = &item.message.sent;
            let new_day = before.is_none_or(|b| !time::same_day(b, sent));
            if days && new_day {
                rows.push(Row::Day(sent));
            } else if before.is_some_and(|b| new_day || b.hour != sent.hour) {
                rows.push(Row::Hour(sent));
            }
            self.append(&mut rows, item, previous);
            previous = Some(item);
        }
        (rows, hidden)
    }

    /// The messages to show: those that matter, then the newest, in their order.
    fn choose(&self, section: &Section<'a>) -> Vec<&'a Item> {
        let matter = section.items.iter().filter(|item| matters(item)).count();
        let mut others = self.detail.per_room.saturating_sub(matter);
        // Gaps take no place from messages.
        let mut gaps = self.detail.per_room.max(GAPS_SHOWN_MIN);
        let mut relevant = self.detail.per_room.min(matter);
        let mut chosen: Vec<_> = section.items.iter().rev().copied().collect();
        chosen.retain(|item| {
            let left = match (is_gap(item), matters(item)) {
                (true, _) => &mut gaps,
                (false, true) => &mut relevant,
                (false, false) => &mut others,
            };
            let take = *left > 0;
            *left = left.saturating_sub(1);
            take
        });
        chosen.reverse();
        chosen
    }

    fn append(&self, rows: &mut Vec<Row<'a>>, item: &'a Item, previous: Option<&Item>) {
        if let Some(missing) = missing_of(item) {
            return rows.push(Row::Gap(missing));
        }
        match (self.form(item), rows.last_mut()) {
            (None, Some(Row::Headlines(items))) => items.push(item),
            (None, _) => rows.push(Row::Headlines(vec![item])),
            (Some(form), Some(Row::Block(block)))
                if previous.is_some_and(|p| continues(p, item)) =>
            {
                block.push((item, form));
            }
            (Some(form), _) => rows.push(Row::Block(vec![(item, form)])),
        }
    }

    /// How a message is shown; `None` is by its first words.
    fn form(&self, item: &Item) -> Option<Form> {
        if self.detail.whole {
            return Some(if self.folds(item) { Form::Cut(STORY_CHARS_SHOWN) } else { Form::Whole });
        }
        let chars_max = self.detail.relevant_chars;
        let long = chars_exceed(&item.message.parts, chars_max);
        let form = if long { Form::Cut(chars_max) } else { Form::Whole };
        (matters(item) || self.lone()).then_some(form)
    }

    /// Whether a message is a story that is shown by its beginning.
    pub(crate) fn folds(&self, item: &Item) -> bool {
        let story = matches!(item.message.kind, Kind::Story(_)) && !self.lone();
        story && chars_exceed(&item.message.parts, STORY_CHARS_MAX)
    }
}

/// Whether a message is shown even if others must go.
fn matters(item: &Item) -> bool {
    item.named || is_alert(item)
}

/// Whether a message reads on from the one before it.
pub(crate) fn continues(before: &Item, item: &Item) -> bool {
    let plain = |item: &Item| matches!(item.message.kind, Kind::Message) && !item.message.late;
    let (a, b) = (&before.message, &item.message);
    plain(before)
        && plain(item)
        && before.named == item.named
        && (&a.author, a.author_person) == (&b.author, b.author_person)
}

/// Whether a message, addresses included, is longer than this.
pub(crate) fn chars_exceed(parts: &[Part], chars_max: usize) -> bool {
    let texts = parts.iter().flat_map(|part| match part {
        Part::Text(text) | Part::Emoticon(text) => [text.as_str(), ""],
        Part::LineBreak => ["\n", ""],
        Part::Hyperlink(link) | Part::RoomLink(link) | Part::FileLink(link) => {
            [link.words.as_str(), link.address.as_str()]
        }
        Part::Mention(mention) => [mention.words.as_str(), ""],
    });
    texts.flat_map(str::chars).nth(chars_max).is_some()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::samples::{edition, item, message, moment};
    use crate::types::Message;

    #[test]
    fn consecutive_messages_of_one_author_are_merged() {
        let ben = Message { author: "Ben".into(), ..message("c") };
        let alert = Message { kind: Kind::Alert, ..message("e") };
        let edition = edition(vec![
            item(message("a")),
            item(message("b")),
            item(ben),
            item(message("d")),
            item(alert),
        ]);
        let view = View::new(&edition).unwrap();
        let (rows, hidden) = view.rows(view.sections.first().unwrap());
        let sizes: Vec<_> = rows
            .iter()
            .map(|row| match row {
                Row::Block(block) => block.len(),
                _ => 0,
            })
            .collect();
        assert_eq!((sizes, hidden), (vec![2, 1, 1, 1], 0));
    }

    #[test]
    fn hours_and_days_are_separated() {
        let at = |day, hour| item(Message { sent: moment(day, hour, 5), ..message("x") });
        let edition = edition(vec![at(4, 9), at(4, 9), at(4, 10), at(5, 10)]);
        let view = View::new(&edition).unwrap();
        let (rows, _) = view.rows(view.sections.first().unwrap());
        let shape: String = rows
            .iter()
            .map(|row| match row {
                Row::Day(_) => 'D',
                Row::Hour(_) => 'H',
                Row::Block(_) => 'B',
                Row::Headlines(_) => 'L',
                Row::Gap(_) => 'G',
            })
            .collect();
        assert_eq!(shape, "DBHBDB");
    }
}
