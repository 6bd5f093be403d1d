//! Summaries of rooms.

use super::{LIST, MUTED, Page};
use crate::excerpt::name;
use crate::summary::{Chapter, EXCERPT_CHARS, Line, said};
use crate::time;
use crate::types::Item;
use crate::view::Section;

const H3: &str =
    r#"<h3 style="margin:12px 0 0;font:bold 15px/22px Segoe UI,Arial,sans-serif;color:#2a2c2e">"#;

impl<'a> Page<'_, 'a> {
    pub(super) fn summary(&mut self, section: &Section<'a>) {
        for chapter in self.view.summary(section) {
            self.chapter(&chapter);
        }
    }

    fn chapter(&mut self, chapter: &Chapter<'a>) {
        if let Some(title) = chapter.title {
            self.raw(H3);
            self.text(title);
            self.raw("</h3>");
        }
        self.raw(LIST);
        for line in &chapter.lines {
            self.summary_line(line);
        }
        self.raw("</ul>");
        self.list_end_note(chapter.hidden);
    }

    fn summary_line(&mut self, line: &Line<'a>) {
        match line {
            Line::Reference(reference) => return self.reference(reference),
            Line::Counts(counts) => self.point(counts),
            Line::Excerpt(item, said) => {
                self.raw("<li>");
                self.excerpt(item, &self.view.when(&item.message.sent), said);
            }
            Line::Stretch(counts, first) => {
                self.point(counts);
                self.raw(&format!("; {}: ", self.view.words.first));
                self.excerpt(first, &time::clock(&first.message.sent), &said(first, EXCERPT_CHARS));
            }
            Line::Gap(sent, missing) => {
                let gap = (self.view.words.gap)(*missing);
                self.point(&format!("{}: {gap}", self.view.when(sent)));
            }
        }
        self.raw("</li>");
    }

    fn point(&mut self, words: &str) {
        self.raw("<li>");
        self.text(words);
    }

    /// Whose words they are and when they were said, before the words.
    fn excerpt(&mut self, item: &Item, sent: &str, said: &str) {
        self.raw("<b>");
        self.text(&name(&item.message.author, 40));
        self.raw("</b>");
        self.raw(MUTED);
        self.text(&format!(", {sent}"));
        self.raw("</span>: ");
        self.text(said);
    }
}
