//! What a room's summary holds: counts and excerpts only, each with the author and the time of the
//! message that it is of. Nothing is concluded from words but whether they ask something.

use crate::excerpt::{name, of_parts, one_line};
use crate::question;
use crate::time;
use crate::types::{Item, Kind, Message, Moment};
use crate::view::{Reference, Section, View, is_alert};

/// People who are named as those who wrote most.
const AUTHORS_SHOWN: usize = 3;
const HOURS_SHOWN: usize = 2;
/// Characters of an excerpt.
pub(crate) const EXCERPT_CHARS: usize = 160;
/// An hour with fewer messages is not busy.
const BUSY_MIN: usize = 3;

/// A part of a summary.
pub(crate) struct Chapter<'a> {
    pub(crate) title: Option<&'static str>,
    pub(crate) lines: Vec<Line<'a>>,
    /// Lines that are left out.
    pub(crate) hidden: usize,
}

/// A line of a summary.
pub(crate) enum Line<'a> {
    /// Numbers, and names of people with numbers.
    Counts(String),
    /// Words of a message.
    Excerpt(&'a Item, String),
    /// A link or a file.
    Reference(Reference<'a>),
    /// A time with its count, and the first words of its first message.
    Stretch(String, &'a Item),
    /// Missed messages.
    Gap(&'a Moment, Option<u32>),
}

/// The parts of a room's summary, in order; what names the readers and the alerts stand above all
/// rooms, and are counted here.
pub(crate) fn chapters<'a>(view: &View<'a>, section: &Section<'a>) -> Vec<Chapter<'a>> {
    let words = view.words;
    let lines = view.detail.lines;
    let questions = question::open(&section.items).into_iter();
    let questions = questions.map(|item| Line::Excerpt(item, question::quoted(item))).collect();
    let (references, hidden) = view.references_of(section.messages());
    let references = references.into_iter().map(Line::Reference).collect();
    let mut all = vec![
        Chapter { title: None, lines: counts(view, section), hidden: 0 },
        chapter(words.missed, gaps(section), lines.max(1)),
        chapter(words.questions, questions, lines),
        Chapter { title: Some(words.links_and_files), lines: references, hidden },
        chapter(words.busiest, busiest(view, section), lines.min(HOURS_SHOWN)),
    ];
    all.retain(|chapter| !chapter.lines.is_empty());
    all
}

fn chapter<'a>(title: &'static str, mut lines: Vec<Line<'a>>, lines_max: usize) -> Chapter<'a> {
    let hidden = lines.len().saturating_sub(lines_max);
    lines.truncate(lines_max);
    Chapter { title: Some(title), lines, hidden }
}

/// `24 messages from 5 people, 1 names you, 1 alert`, and who wrote most.
fn counts<'a>(view: &View<'a>, section: &Section<'a>) -> Vec<Line<'a>> {
    let words = view.words;
    let authors = authors(section);
    let named = section.named();
    let alerts = section.messages().filter(|item| is_alert(item)).count();
    let mut line = (words.messages_from)(section.count(), authors.len());
    if named > 0 {
        line = format!("{line}, {}", (words.name_you)(named));
    }
    if alerts > 0 {
        line = format!("{line}, {}", (words.count_alerts)(alerts));
    }
    let mut lines = vec![Line::Counts(line)];
    if authors.len() > 1 {
        let most = authors.iter().take(AUTHORS_SHOWN);
        let most: Vec<_> = most
            .map(|(message, count)| format!("{} ({count})", name(&message.author, 40)))
            .collect();
        lines.push(Line::Counts(format!("{}: {}", words.most_from, most.join(", "))));
    }
    lines
}

/// The authors with a message of theirs and how many they wrote: who wrote most first, then who
/// wrote first.
fn authors<'a>(section: &Section<'a>) -> Vec<(&'a Message, usize)> {
    let mut authors: Vec<(&Message, usize)> = Vec::new();
    let mut places = std::collections::BTreeMap::new();
    for item in section.messages() {
        let place = *places.entry(author(&item.message)).or_insert(authors.len());
        match authors.get_mut(place) {
            Some((_, count)) => *count += 1,
            None => authors.push((&item.message, 1)),
        }
    }
    authors.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    authors
}

/// The first words of a message, or a story's title.
pub(crate) fn said(item: &Item, chars_max: usize) -> String {
    match &item.message.kind {
        Kind::Story(title) if !title.trim().is_empty() => one_line(title, chars_max),
        _ => of_parts(&item.message.parts, chars_max),
    }
}

pub(crate) fn author(message: &Message) -> (Option<u32>, &str) {
    (message.author_person, &message.author)
}

fn gaps<'a>(section: &Section<'a>) -> Vec<Line<'a>> {
    let gap = |item: &'a Item| match &item.message.kind {
        Kind::Gap(gap) => Some(Line::Gap(&item.message.sent, gap.missing)),
        _ => None,
    };
    section.items.iter().copied().filter_map(gap).collect()
}

/// The hours with the most messages, if there is more than one hour to choose from.
fn busiest<'a>(view: &View<'a>, section: &Section<'a>) -> Vec<Line<'a>> {
    let mut hours: Vec<(&'a Item, usize)> = Vec::new();
    for item in section.messages() {
        match hours.last_mut() {
            Some((first, count)) if same_hour(first, item) => *count += 1,
            _ => hours.push((item, 1)),
        }
    }
    if hours.len() < 2 {
        return Vec::new();
    }
    hours.retain(|(_, count)| *count >= BUSY_MIN);
    hours.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    hours.truncate(HOURS_SHOWN);
    hours.into_iter().map(|(first, count)| stretch(view, first, count)).collect()
}

fn stretch<'a>(view: &View<'a>, first: &'a Item, count: usize) -> Line<'a> {
    let sent = &first.message.sent;
    let hour = view.with_day(sent, time::hour(sent));
    Line::Stretch(format!("{hour}: {}", (view.words.messages)(count)), first)
}

fn same_hour(a: &Item, b: &Item) -> bool {
    let (a, b) = (&a.message.sent, &b.message.sent);
    time::same_day(a, b) && (a.hour, a.offset_minutes) == (b.hour, b.offset_minutes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::compose::compose;
    use crate::samples::{edition, gap, item, message, moment, naming, said_by};
    use crate::types::{Edition, Link, Mail, Part};

    fn summary(items: Vec<Item>) -> Mail {
        let edition = Edition { summaries: vec![1], ..edition(items) };
        compose(&edition).unwrap().mail
    }

    fn busy() -> Vec<Item> {
        let mut items: Vec<_> = (0..8).map(|n| said_by("Anna", n, &format!("step {n}"))).collect();
        items.push(said_by("Ben", 20, "is db-7 back?"));
        items.push(naming("Dan", said_by("Cleo", 21, "lunch at noon")));
        items.extend((60..64).map(|n| said_by("Ben", n, &format!("run {n}"))));
        let link = Link { address: "https://a.example/log".into(), words: "the log".into() };
        items.push(item(Message {
            parts: vec![Part::Hyperlink(link)],
            sent: moment(4, 11, 5),
            ..message("")
        }));
        items
    }

    #[test]
    fn a_summary_counts_and_quotes() {
        let mut items = busy();
        items.first_mut().unwrap().named = true;
        let missed = gap(Some(12));
        items.insert(10, missed);
        items.get_mut(10).unwrap().message.sent = moment(4, 9, 30);
        let text = summary(items).text;
        let (_, from) = text.split_once("Summary\n-------\n").unwrap();
        let (summary, _) = from.split_once("\n------").unwrap();
        assert_eq!(
            summary,
            "\n* 15 messages from 4 people, 1 names you\n\
             * Most from: Anna (8), Ben (5), Cleo (1)\n\n\
             Missed:\n\
             * 09:30: 12 messages were missed; the room's history no longer has them.\n\n\
             Links and files:\n\
             * the log (Anna Larsen, 11:05)\n  <https://a.example/log>\n\n\
             Busiest hours:\n\
             * 09:00–10:00: 10 messages; first: Anna, 09:00: step 0\n\
             * 10:00–11:00: 4 messages; first: Ben, 10:00: run 60\n"
        );
    }

    #[test]
    fn questions_are_quoted_with_author_and_time() {
        let mail = summary(busy());
        let text = "Questions without an answer so far:\n* Ben, 09:20: is db-7 back?\n";
        assert!(mail.text.contains(text), "{}", mail.text);
        let html = "<li><b>Ben</b><span style=\"color:#5c6166\">, 09:20</span>: is db-7 back?</li>";
        assert!(mail.html.contains(html), "{}", mail.html);
        let many = (0..9).map(|n| said_by(&format!("A{n}"), n, "why?")).collect();
        assert!(summary(many).text.contains("* A4, 09:04: why?\nand 4 more\n"));
    }

    #[test]
    fn few_messages_are_shown_in_full() {
        let few = |count| busy().into_iter().take(count).collect();
        let mail = summary(few(3));
        assert!(mail.listing.is_none() && mail.text.contains("  step 2\n"));
        let mail = summary(few(4));
        assert!(mail.listing.is_some() && !mail.text.contains("  step 2\n"));
    }

    #[test]
    fn a_summary_speaks_german_and_says_the_day() {
        let mut items = busy();
        items.last_mut().unwrap().message.sent = moment(5, 8, 0);
        let mut edition = Edition { summaries: vec![1], ..edition(items) };
        edition.readers.language = 0x6465;
        let text = compose(&edition).unwrap().mail.text;
        for words in [
            "Zusammenfassung\n",
            "* 15 Nachrichten von 4 Personen\n",
            "Fragen, bisher ohne Antwort:\n* Ben, Di., 4. März, 09:20: is db-7 back?\n",
            "die angehängte Liste enthält jede Nachricht",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}
