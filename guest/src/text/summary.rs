//! Summaries of rooms.

use super::{POINT, Page};
use crate::excerpt::name;
use crate::summary::{Chapter, EXCERPT_CHARS, Line, said};
use crate::time;
use crate::types::Item;
use crate::view::Section;

impl<'a> Page<'_, 'a> {
    pub(super) fn summary(&mut self, section: &Section<'a>) {
        for chapter in self.view.summary(section) {
            self.chapter(&chapter);
        }
    }

    fn chapter(&mut self, chapter: &Chapter<'a>) {
        self.blank();
        if let Some(title) = chapter.title {
            self.wrapped("", &format!("{title}:"));
        }
        for line in &chapter.lines {
            self.summary_line(line);
        }
        self.more(chapter.hidden);
    }

    fn summary_line(&mut self, line: &Line<'a>) {
        let words = match line {
            Line::Reference(reference) => return self.reference(reference),
            Line::Counts(counts) => counts.clone(),
            Line::Excerpt(item, said) => excerpt(item, &self.view.when(&item.message.sent), said),
            Line::Stretch(counts, first) => {
                let said = said(first, EXCERPT_CHARS);
                let excerpt = excerpt(first, &time::clock(&first.message.sent), &said);
                format!("{counts}; {}: {excerpt}", self.view.words.first)
            }
            Line::Gap(sent, missing) => {
                format!("{}: {}", self.view.when(sent), (self.view.words.gap)(*missing))
            }
        };
        self.hanging(POINT, &words);
    }
}

/// Whose words they are and when they were said, before the words.
fn excerpt(item: &Item, sent: &str, said: &str) -> String {
    format!("{}, {sent}: {said}", name(&item.message.author, 40))
}
