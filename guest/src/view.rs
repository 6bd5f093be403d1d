//! What a mail shows and in which order, for all ways to write it down.

use crate::compose::{DETAILS, Detail};
use crate::escape;
use crate::excerpt::one_line;
use crate::summary::{self, Chapter};
use crate::time;
use crate::types::{Edition, Item, Kind, Link, Moment, Part, Room};
use crate::words::{Language, Words, words};

/// Most reasons that the footer lists.
const REASONS_MAX: usize = 6;
const REASON_CHARS_MAX: usize = 200;

/// A room with no more messages is shown in full even if a summary is wanted.
const UNSUMMARISED_MAX: usize = 3;

/// Longest name of a room or a time zone.
const NAME_CHARS_MAX: usize = 80;

pub(crate) fn is_alert(item: &Item) -> bool {
    matches!(item.message.kind, Kind::Alert)
}

/// Whether an item is no message, but the place of missed ones.
pub(crate) fn is_gap(item: &Item) -> bool {
    matches!(item.message.kind, Kind::Gap(_))
}

/// All messages of one room.
pub(crate) struct Section<'a> {
    pub(crate) room: &'a Room,
    /// Messages and gaps.
    pub(crate) items: Vec<&'a Item>,
    /// Whether it is shown as a summary.
    pub(crate) summary: bool,
}

impl<'a> Section<'a> {
    /// The messages, without gaps.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &'a Item> {
        self.items.iter().copied().filter(|item| !is_gap(item))
    }

    pub(crate) fn count(&self) -> usize {
        self.messages().count()
    }

    pub(crate) fn named(&self) -> usize {
        self.messages().filter(|item| item.named).count()
    }
}

/// A message that stands at the top of a digest too.
pub(crate) struct Highlight<'a> {
    pub(crate) room: &'a Room,
    pub(crate) item: &'a Item,
    /// What was said just before.
    pub(crate) before: Option<&'a Item>,
    /// What was said just after.
    pub(crate) after: Option<&'a Item>,
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

    /// The messages, without gaps.
    pub(crate) fn count(&self) -> usize {
        self.sections.iter().map(Section::count).sum()
    }

    pub(crate) fn count_in_full(&self) -> usize {
        self.sections.iter().filter(|section| !section.summary).map(Section::count).sum()
    }

    /// Whether there is nothing but one message or gap.
    pub(crate) fn lone(&self) -> bool {
        self.items().nth(1).is_none()
    }

    /// Whether a room is shown as a summary.
    pub(crate) fn summarises(&self) -> bool {
        self.sections.iter().any(|section| section.summary)
    }

    /// Whether not every message is shown in full, for whatever reason.
    pub(crate) fn abridges(&self) -> bool {
        self.shortens() || self.summarises() || self.items().any(|item| self.folds(item))
    }

    /// What was missed in all of the mail.
    pub(crate) fn gap_note(&self) -> Option<String> {
        let gaps: Vec<_> = self.items().filter_map(missing_of).collect();
        match gaps.as_slice() {
            [] => None,
            [missing] => Some((self.words.gap)(*missing)),
            _ => {
                let total = gaps.iter().map(|missing| missing.map(u64::from)).sum();
                Some((self.words.gaps)(gaps.len(), total))
            }
        }
    }

    pub(crate) fn named(&self) -> usize {
        self.sections.iter().map(Section::named).sum()
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

    /// `3 rooms, 12 messages, 2 name you`; nothing if there are only gaps.
    pub(crate) fn all_counts(&self) -> Option<String> {
        let counts = self.counts(self.count(), self.named());
        let counts = match self.only_section() {
            Some(_) => counts,
            None => format!("{}, {counts}", (self.words.rooms)(self.sections.len())),
        };
        (self.count() > 0).then_some(counts)
    }

    /// What is to be known at the head of the mail beside its counts.
    pub(crate) fn notes(&self) -> Vec<String> {
        let words = self.words;
        let shortened = if self.lone() { words.shortened } else { words.headlines };
        let mut notes = Vec::new();
        notes.extend(self.gap_note());
        notes.extend(self.shortens().then(|| shortened.to_owned()));
        let summarised = self.summarises() && !self.shortens();
        notes.extend(summarised.then(|| words.summarised.to_owned()));
        notes
    }

    pub(crate) fn period(&self) -> String {
        let zone = one_line(self.zone, NAME_CHARS_MAX);
        time::period(&self.first, &self.last, &zone, self.words)
    }

    /// `09:14`, or `Tue 4 Mar, 09:14` in a mail of several days.
    pub(crate) fn when(&self, moment: &Moment) -> String {
        self.with_day(moment, time::clock(moment))
    }

    /// A time after its day, in a mail of several days.
    pub(crate) fn with_day(&self, moment: &Moment, clock: String) -> String {
        if !self.of_days() {
            return clock;
        }
        format!("{}, {clock}", time::short_day(moment, self.words))
    }

    /// Whether the messages are of more than one day.
    pub(crate) fn of_days(&self) -> bool {
        !time::same_day(&self.first, &self.last)
    }

    /// What the summary of a room holds, in order.
    pub(crate) fn summary(&self, section: &Section<'a>) -> Vec<Chapter<'a>> {
        summary::chapters(self, section)
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
        if section.summary {
            return Some(self.words.summary.to_owned());
        }
        let above = !self.for_you().0.is_empty() || !self.alerts().0.is_empty();
        above.then(|| self.words.all_messages.to_owned())
    }

    fn highlights(&self, wanted: fn(&Item) -> bool) -> (Vec<Highlight<'a>>, usize) {
        if !self.has_extras() {
            return (Vec::new(), 0);
        }
        let mut highlights: Vec<_> =
            self.sections.iter().flat_map(|section| highlights_of(section, wanted)).collect();
        let hidden = highlights.len().saturating_sub(self.detail.highlights);
        highlights.truncate(self.detail.highlights);
        (highlights, hidden)
    }

    /// Whether parts of the messages are shown apart from them too: not where they are at hand.
    fn has_extras(&self) -> bool {
        (self.digest || self.summarises()) && !self.lone()
    }

    /// The files and links of a digest but for those in summaries.
    pub(crate) fn references(&self) -> (Vec<Reference<'a>>, usize) {
        if !self.has_extras() {
            return (Vec::new(), 0);
        }
        let sections = self.sections.iter().filter(|section| !section.summary);
        self.references_of(sections.flat_map(|section| section.items.iter().copied()))
    }

    /// The files and links of messages, each once, and how many of them are left out.
    pub(crate) fn references_of(
        &self,
        items: impl Iterator<Item = &'a Item>,
    ) -> (Vec<Reference<'a>>, usize) {
        let mut seen = std::collections::BTreeSet::new();
        let mut all: Vec<_> = items
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

/// The messages of a room that stand at the top of a mail, with what was said around them.
fn highlights_of<'a>(section: &Section<'a>, wanted: fn(&Item) -> bool) -> Vec<Highlight<'a>> {
    let messages: Vec<_> = section.messages().collect();
    let room = section.room;
    let at = |place: Option<usize>| place.and_then(|place| messages.get(place)).copied();
    let all = messages.iter().copied().enumerate().filter(|(_, item)| wanted(item));
    all.map(|(place, item)| {
        let (before, after) = (at(place.checked_sub(1)), at(place.checked_add(1)));
        Highlight { room, item, before, after }
    })
    .collect()
}

/// How many messages a gap stands for; nothing of a message.
pub(crate) fn missing_of(item: &Item) -> Option<Option<u32>> {
    match &item.message.kind {
        Kind::Gap(gap) => Some(gap.missing),
        _ => None,
    }
}

fn sections(edition: &Edition) -> Result<Vec<Section<'_>>, String> {
    let at: std::collections::BTreeMap<_, _> =
        edition.rooms.iter().enumerate().map(|(at, room)| (room.id, at)).collect();
    let mut sections: Vec<_> = edition
        .rooms
        .iter()
        .map(|room| Section { room, items: Vec::new(), summary: false })
        .collect();
    for item in &edition.items {
        let section = at.get(&item.message.room).and_then(|at| sections.get_mut(*at));
        section.ok_or("an item is of a room that is not listed")?.items.push(item);
    }
    sections.retain(|section| !section.items.is_empty());
    for section in &mut sections {
        let wanted = edition.summaries.contains(&section.room.id);
        section.summary = wanted && section.count() > UNSUMMARISED_MAX;
    }
    Ok(sections)
}
