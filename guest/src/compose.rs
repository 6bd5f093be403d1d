//! One renderer for one message and for many: [`View`] decides what is shown and in which order,
//! [`crate::html`] and [`crate::text`] only write it down.

use crate::escape;
use crate::excerpt::one_line;
use crate::inbox;
use crate::time;
use crate::types::{Edition, Importance, Item, Kind, Link, Mail, Moment, Part, Room};
use crate::words::{Language, Words, words};
use crate::{html, text};

/// Largest HTML; at about 102 KB, some clients cut a mail, and with it what stands at its end.
pub(crate) const HTML_BYTES_MAX: usize = 90_000;

/// Largest HTML of a mail with one message only. A post of 16 KB can take that much if it is all
/// links; cut by a client, it would still be there, but not cut by us.
const LONE_HTML_BYTES_MAX: usize = 400_000;

/// Most messages of a mail that are shown in full.
const WHOLE_MESSAGES_MAX: usize = 250;

/// A story longer than this is folded to its beginning when it stands among other messages.
const STORY_CHARS_MAX: usize = 2_000;
const STORY_CHARS_SHOWN: usize = 600;

/// Most reasons that the footer lists.
const REASONS_MAX: usize = 6;
const REASON_CHARS_MAX: usize = 200;

/// Longest name of a room or a time zone.
const NAME_CHARS_MAX: usize = 80;

/// How much of the messages is shown. The next one is tried when a mail is too large.
#[derive(Debug)]
pub(crate) struct Detail {
    /// Whether every message is shown in full.
    whole: bool,
    /// Messages shown of each room; those that matter first, then the newest.
    per_room: usize,
    /// Characters shown of a message that matters when not every one is shown in full.
    relevant_chars: usize,
    pub(crate) rooms: usize,
    highlights: usize,
    links: usize,
}

/// From everything to what surely fits: 15 rooms with a headline each stay below 60 KB even if all
/// of it is characters that need escaping.
const DETAILS: [Detail; 5] = [
    Detail {
        whole: true,
        per_room: usize::MAX,
        relevant_chars: usize::MAX,
        rooms: usize::MAX,
        highlights: 20,
        links: 40,
    },
    Detail {
        whole: false,
        per_room: 250,
        relevant_chars: 2_000,
        rooms: 200,
        highlights: 10,
        links: 20,
    },
    Detail {
        whole: false,
        per_room: 60,
        relevant_chars: 500,
        rooms: 100,
        highlights: 10,
        links: 10,
    },
    Detail { whole: false, per_room: 15, relevant_chars: 200, rooms: 50, highlights: 5, links: 5 },
    Detail { whole: false, per_room: 1, relevant_chars: 100, rooms: 15, highlights: 3, links: 0 },
];

/// A mail, and what the administrator may want to know about it.
#[derive(Debug)]
pub(crate) struct Composed {
    pub(crate) mail: Mail,
    pub(crate) note: Option<String>,
}

/// Turns an edition into a mail.
///
/// # Errors
/// An edition that breaks the contract: no item, or an item of a room that is not listed.
pub(crate) fn compose(edition: &Edition) -> Result<Composed, String> {
    let mut view = View::new(edition)?;
    let mut html = html::render(&view);
    for detail in DETAILS.iter().skip(1) {
        if html.len() <= view.html_bytes_max()
            && (view.count() <= WHOLE_MESSAGES_MAX || view.shortens())
        {
            break;
        }
        view.detail = detail;
        html = html::render(&view);
    }
    let note = view.shortens().then(|| {
        format!("shortened a mail of {} messages to {} bytes of HTML", view.count(), html.len())
    });
    let alert = view.items().any(is_alert);
    let mail = Mail {
        subject: inbox::subject(&view),
        preview: inbox::preview(&view),
        html,
        text: text::render(&view),
        importance: if alert { Importance::High } else { Importance::Normal },
    };
    Ok(Composed { mail, note })
}

pub(crate) fn is_alert(item: &Item) -> bool {
    matches!(item.message.kind, Kind::Alert)
}

/// All messages of one room.
pub(crate) struct Section<'a> {
    pub(crate) room: &'a Room,
    pub(crate) items: Vec<&'a Item>,
}

impl Section<'_> {
    pub(crate) fn named(&self) -> usize {
        self.items.iter().filter(|item| item.named).count()
    }
}

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
}

/// A message that stands at the top of a digest too.
pub(crate) struct Highlight<'a> {
    pub(crate) room: &'a Room,
    pub(crate) item: &'a Item,
    /// What was said just before.
    pub(crate) before: Option<&'a Item>,
}

/// A link or a file of some message.
pub(crate) struct Reference<'a> {
    pub(crate) item: &'a Item,
    pub(crate) link: &'a Link,
    pub(crate) file: bool,
}

/// What a mail shows.
pub(crate) struct View<'a> {
    pub(crate) words: &'static Words,
    pub(crate) zone: &'a str,
    pub(crate) sections: Vec<Section<'a>>,
    pub(crate) digest: bool,
    pub(crate) detail: &'static Detail,
    first: Moment,
    last: Moment,
}

impl<'a> View<'a> {
    pub(crate) fn new(edition: &'a Edition) -> Result<Self, String> {
        let moments = || edition.items.iter().map(|item| &item.message.sent);
        let first = *moments().min_by_key(|m| m.unix_ms).ok_or("the edition has no item")?;
        let last = *moments().max_by_key(|m| m.unix_ms).ok_or("the edition has no item")?;
        let [detail, ..] = &DETAILS;
        Ok(Self {
            words: words(Language::of(edition.readers.language)),
            zone: &edition.readers.time_zone,
            sections: sections(edition)?,
            digest: edition.digest,
            detail,
            first,
            last,
        })
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = &'a Item> {
        self.sections.iter().flat_map(|section| section.items.iter().copied())
    }

    pub(crate) fn count(&self) -> usize {
        self.sections.iter().map(|section| section.items.len()).sum()
    }

    pub(crate) fn named(&self) -> usize {
        self.sections.iter().map(Section::named).sum()
    }

    fn html_bytes_max(&self) -> usize {
        if self.count() == 1 && !self.shortens() { LONE_HTML_BYTES_MAX } else { HTML_BYTES_MAX }
    }

    /// Whether not everything is shown in full for want of space.
    pub(crate) fn shortens(&self) -> bool {
        !self.detail.whole
    }

    /// The section of a mail that is about one room only.
    pub(crate) fn only_section(&self) -> Option<&Section<'a>> {
        match self.sections.as_slice() {
            [section] => Some(section),
            _ => None,
        }
    }

    pub(crate) fn period(&self) -> String {
        let zone = one_line(self.zone, NAME_CHARS_MAX);
        time::period(&self.first, &self.last, &zone, self.words)
    }

    /// `12 messages, 2 name you`.
    pub(crate) fn counts(&self, count: usize, named: usize) -> String {
        let mut counts = (self.words.messages)(count);
        if named > 0 {
            counts = format!("{counts}, {}", (self.words.name_you)(named));
        }
        counts
    }

    /// The sections that are shown, and how many are not.
    pub(crate) fn shown(&self) -> (&[Section<'a>], usize) {
        let shown = self.sections.len().min(self.detail.rooms);
        let (sections, hidden) = self.sections.split_at(shown);
        (sections, hidden.len())
    }

    /// A section in the order in which it is read, and how many of its messages are not shown.
    pub(crate) fn rows(&self, section: &Section<'a>) -> (Vec<Row<'a>>, usize) {
        let chosen = self.choose(section);
        let hidden = section.items.len() - chosen.len();
        let days = !time::same_day(&self.first, &self.last);
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
        let mut relevant = self.detail.per_room.min(matter);
        let mut chosen: Vec<_> = section.items.iter().rev().copied().collect();
        chosen.retain(|item| {
            let left = if matters(item) { &mut relevant } else { &mut others };
            let take = *left > 0;
            *left = left.saturating_sub(1);
            take
        });
        chosen.reverse();
        chosen
    }

    fn append(&self, rows: &mut Vec<Row<'a>>, item: &'a Item, previous: Option<&Item>) {
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
        let among_others = self.count() > 1;
        let story = matches!(item.message.kind, Kind::Story(_)) && among_others;
        let long = |chars_max| chars_exceed(&item.message.parts, chars_max);
        if self.detail.whole {
            let fold = story && long(STORY_CHARS_MAX);
            return Some(if fold { Form::Cut(STORY_CHARS_SHOWN) } else { Form::Whole });
        }
        let chars_max = self.detail.relevant_chars;
        let form = if long(chars_max) { Form::Cut(chars_max) } else { Form::Whole };
        (matters(item) || !among_others).then_some(form)
    }

    /// The messages of a digest that name its readers, and how many of them are left out.
    pub(crate) fn for_you(&self) -> (Vec<Highlight<'a>>, usize) {
        self.highlights(|item| item.named)
    }

    /// The alerts of a digest that do not name its readers, and how many of them are left out.
    pub(crate) fn alerts(&self) -> (Vec<Highlight<'a>>, usize) {
        self.highlights(|item| is_alert(item) && !item.named)
    }

    /// What stands above a room's messages; nothing where the mail's title says it already.
    pub(crate) fn heading(&self, section: &Section<'_>) -> Option<String> {
        if self.only_section().is_none() {
            return Some(one_line(&section.room.name, NAME_CHARS_MAX));
        }
        let above = !self.for_you().0.is_empty() || !self.alerts().0.is_empty();
        above.then(|| self.words.all_messages.to_owned())
    }

    fn highlights(&self, wanted: fn(&Item) -> bool) -> (Vec<Highlight<'a>>, usize) {
        if !self.digest || self.count() == 1 {
            return (Vec::new(), 0);
        }
        let all = self.items().filter(|item| wanted(item)).count();
        let mut highlights = Vec::new();
        for section in &self.sections {
            let mut before = None;
            for item in section.items.iter().copied() {
                if wanted(item) && highlights.len() < self.detail.highlights {
                    highlights.push(Highlight { room: section.room, item, before });
                }
                before = Some(item);
            }
        }
        let hidden = all - highlights.len();
        (highlights, hidden)
    }

    /// The files and links of a digest, each once, and how many of them are left out.
    pub(crate) fn references(&self) -> (Vec<Reference<'a>>, usize) {
        if !self.digest || self.count() == 1 {
            return (Vec::new(), 0);
        }
        let mut seen = std::collections::BTreeSet::new();
        let mut all: Vec<_> = self
            .items()
            .flat_map(|item| item.message.parts.iter().map(move |part| (item, part)))
            .filter_map(|(item, part)| match part {
                Part::FileLink(link) => Some(Reference { item, link, file: true }),
                Part::Hyperlink(link) => Some(Reference { item, link, file: false }),
                _ => None,
            })
            .filter(|r| r.file || escape::link(&r.link.address).is_some())
            .filter(|r| seen.insert((r.file, r.link.address.as_str(), r.item.message.room)))
            .collect();
        let hidden = all.len().saturating_sub(self.detail.links);
        all.truncate(self.detail.links);
        (all, hidden)
    }

    /// Why the readers get this, each reason once.
    pub(crate) fn reasons(&self) -> String {
        let mut reasons: Vec<String> = Vec::new();
        for item in self.items() {
            let reason = one_line(&item.reason, REASON_CHARS_MAX);
            if reasons.len() < REASONS_MAX && !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        reasons.join("; ")
    }
}

/// Whether a message is shown even if others must go.
fn matters(item: &Item) -> bool {
    item.named || is_alert(item)
}

/// Whether a message reads on from the one before it.
fn continues(before: &Item, item: &Item) -> bool {
    let plain = |item: &Item| matches!(item.message.kind, Kind::Message) && !item.message.late;
    let (a, b) = (&before.message, &item.message);
    plain(before)
        && plain(item)
        && before.named == item.named
        && (&a.author, a.author_person) == (&b.author, b.author_person)
}

fn sections(edition: &Edition) -> Result<Vec<Section<'_>>, String> {
    let at: std::collections::BTreeMap<_, _> =
        edition.rooms.iter().enumerate().map(|(at, room)| (room.id, at)).collect();
    let mut sections: Vec<_> =
        edition.rooms.iter().map(|room| Section { room, items: Vec::new() }).collect();
    for item in &edition.items {
        let section = at.get(&item.message.room).and_then(|at| sections.get_mut(*at));
        section.ok_or("an item is of a room that is not listed")?.items.push(item);
    }
    sections.retain(|section| !section.items.is_empty());
    Ok(sections)
}

/// Whether a message, addresses included, is longer than this.
fn chars_exceed(parts: &[Part], chars_max: usize) -> bool {
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
    use crate::samples::{edition, item, message, moment, room};
    use crate::types::{Message, Readers};

    fn mail(edition: &Edition) -> Mail {
        compose(edition).unwrap().mail
    }

    #[test]
    fn alerts_are_important() {
        let alert = Message { kind: Kind::Alert, ..message("x") };
        assert_eq!(mail(&edition(vec![item(alert)])).importance, Importance::High);
        assert_eq!(mail(&edition(vec![item(message("x"))])).importance, Importance::Normal);
    }

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
            })
            .collect();
        assert_eq!(shape, "DBHBDB");
    }

    #[test]
    fn too_many_messages_become_headlines_but_for_those_that_matter() {
        let items = (0..300).map(|n| Item {
            named: n == 7,
            ..item(Message {
                author: format!("Author {n}"),
                ..message(&format!("message {n} {}", "and so on ".repeat(20)))
            })
        });
        let mail = mail(&edition(items.collect()));
        assert!(mail.html.len() <= HTML_BYTES_MAX, "{}", mail.html.len());
        assert!(mail.html.contains("message 299 and"));
        assert!(mail.html.contains("message 7 and"));
        assert!(mail.html.contains("most are shown by their first words"));
        assert!(mail.text.contains("most are shown by their first words"));
    }

    #[test]
    fn sixteen_kilobytes_arrive_whole() {
        for text in ["&".repeat(16_384), "wörter ".repeat(2_300), "\n".repeat(16_384)] {
            let mail = mail(&edition(vec![item(message(&text))]));
            assert!(mail.html.len() <= HTML_BYTES_MAX, "{}", mail.html.len());
            assert!(!mail.html.contains("Shortened"));
        }
    }

    /// Its markup takes more than its words: whole all the same, as nothing else is in the mail.
    #[test]
    fn sixteen_kilobytes_of_links_arrive_whole() {
        let link = |address: &str| {
            Part::Hyperlink(Link { address: address.to_owned(), words: address.to_owned() })
        };
        let short = (0..2_000).map(|_| link("http://a"));
        let escaped = (0..8).map(|_| link(&format!("http://a/?{}", "&".repeat(2_000))));
        for parts in [short.collect::<Vec<_>>(), escaped.collect()] {
            let links = parts.len();
            let mail = mail(&edition(vec![item(Message { parts, ..message("") })]));
            assert_eq!(mail.html.matches("<a href=").count(), links);
            assert!(!mail.html.contains("Shortened") && !mail.text.contains("Shortened"));
        }
        let endless = mail(&edition(vec![item(message(&"&".repeat(1 << 20)))]));
        assert!(endless.html.len() <= HTML_BYTES_MAX && endless.html.contains("Shortened"));
    }

    #[test]
    fn every_edition_fits_whatever_it_holds() {
        let hostile = "&\"'<".repeat(4_096);
        let mut all = Vec::new();
        for n in 0..400 {
            let kind = if n % 2 == 0 { Kind::Alert } else { Kind::Story(hostile.clone()) };
            let to =
                || Link { address: format!("https://x.example/{hostile}"), words: hostile.clone() };
            let parts = vec![Part::Hyperlink(to()), Part::FileLink(to())];
            let author = hostile.clone();
            let message = Message { room: n, author, kind, parts, ..message("") };
            all.push(Item { message, reason: hostile.chars().take(200).collect(), named: true });
        }
        let rooms =
            (0..400).map(|id| Room { topic: hostile.clone(), ..room(id, &hostile) }).collect();
        let readers = Readers { language: 0, time_zone: "UTC".into() };
        let mail = mail(&Edition { readers, rooms, items: all, digest: true });
        assert!(mail.html.len() <= HTML_BYTES_MAX, "{}", mail.html.len());
        assert!(mail.text.len() <= HTML_BYTES_MAX, "{}", mail.text.len());
    }

    #[test]
    fn a_broken_edition_is_refused() {
        assert!(compose(&edition(vec![])).is_err());
        let stray = Message { room: 9, ..message("x") };
        assert!(compose(&edition(vec![item(stray)])).is_err());
    }
}
