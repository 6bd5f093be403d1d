//! The text part: for people who read mail as text, not a remnant of the HTML.
//!
//! What people wrote is indented by two spaces. Nothing that they write can therefore look like a
//! heading, an author's line or the end of the mail.

use crate::escape::{lines, link, visible};
use crate::excerpt::{link_words, name, of_parts, one_line};
use crate::html::{coverage, marks, take};
use crate::rows::{Form, Row};
use crate::summary::said;
use crate::time;
use crate::types::{Item, Kind, Part};
use crate::view::{Highlight, Reference, Section, View};

/// Longest line; links are longer if they must be.
pub(crate) const WIDTH: usize = 72;
const INDENT: &str = "  ";
/// Starts a line of a list.
const POINT: &str = "* ";
/// Starts a line that is quoted from elsewhere in the mail.
const QUOTE: &str = "> ";

mod listing;
mod summary;

pub(crate) use listing::listing;

/// Writes the text of a mail.
pub(crate) fn render(view: &View<'_>) -> String {
    let mut page = Page { view, out: String::with_capacity(4 * 1024) };
    page.header();
    page.highlights(view.words.for_you, &view.for_you());
    page.highlights(view.words.alerts, &view.alerts());
    page.contents();
    let (sections, hidden) = view.shown();
    for section in sections {
        page.section(section);
    }
    page.more(hidden);
    page.references();
    page.footer();
    page.out
}

struct Page<'v, 'a> {
    view: &'v View<'a>,
    out: String,
}

impl<'a> Page<'_, 'a> {
    fn line(&mut self, line: &str) {
        self.line_after("", line);
    }

    fn line_after(&mut self, prefix: &str, line: &str) {
        let line = line.trim_end();
        self.out.push_str(if line.is_empty() { prefix.trim_end() } else { prefix });
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn blank(&mut self) {
        self.out.push('\n');
    }

    /// Appends a paragraph, every line of it after `prefix`.
    fn wrapped(&mut self, prefix: &str, text: &str) {
        for line in wrap(text, WIDTH - prefix.chars().count()) {
            self.line_after(prefix, line);
        }
    }

    /// Appends a paragraph whose further lines are indented: what others wrote cannot start a line.
    fn hanging(&mut self, first: &str, text: &str) {
        for (at, line) in wrap(text, WIDTH - INDENT.len()).iter().enumerate() {
            self.line_after(if at > 0 { INDENT } else { first }, line);
        }
    }

    fn heading(&mut self, words: &str, rule: char) {
        self.wrapped("", words);
        let width = words.chars().count().min(WIDTH);
        self.line(&rule.to_string().repeat(width));
    }

    fn header(&mut self) {
        let view = self.view;
        let title = match view.only_section() {
            Some(section) => name(&section.room.name, 80),
            None => view.words.digest.to_owned(),
        };
        self.heading(&title, '=');
        if let Some(section) = view.only_section() {
            self.topic(section);
        }
        self.wrapped("", &view.period());
        if let Some(line) = view.all_counts() {
            self.wrapped("", &line);
        }
        for note in view.notes() {
            self.wrapped("", &note);
        }
    }

    fn topic(&mut self, section: &Section<'_>) {
        if !section.room.topic.trim().is_empty() {
            self.wrapped("", &one_line(&section.room.topic, 160));
        }
    }

    fn highlights(&mut self, title: &str, (highlights, hidden): &(Vec<Highlight<'a>>, usize)) {
        if highlights.is_empty() {
            return;
        }
        self.blank();
        self.heading(title, '-');
        for highlight in highlights {
            let room = &highlight.room.name;
            let sent = self.view.when(&highlight.item.message.sent);
            let room = self.view.only_section().is_none().then_some(room);
            self.author_line(highlight.item, &sent, room);
            self.context(self.view.words.before, highlight.before);
            self.wrapped(INDENT, &of_parts(&highlight.item.message.parts, 400));
            self.context(self.view.words.after, highlight.after);
        }
        self.more(*hidden);
    }

    /// What was said around a message.
    fn context(&mut self, words: &str, item: Option<&Item>) {
        if let Some(item) = item {
            let sent = self.view.when(&item.message.sent);
            self.wrapped(QUOTE, &format!("{words}: {}", headline(item, &sent)));
        }
    }

    fn contents(&mut self) {
        if self.view.only_section().is_some() {
            return;
        }
        self.blank();
        self.heading(self.view.words.contents, '-');
        let (sections, hidden) = self.view.shown();
        for section in sections {
            let counts = self.view.counts(section.count(), section.named());
            self.hanging(POINT, &format!("{}: {counts}", name(&section.room.name, 80)));
        }
        self.more(hidden);
    }

    fn section(&mut self, section: &Section<'a>) {
        if let Some(heading) = self.view.heading(section) {
            self.blank();
            self.heading(&heading, '-');
        }
        if self.view.only_section().is_none() {
            self.topic(section);
        }
        if section.summary {
            return self.summary(section);
        }
        let (rows, hidden) = self.view.rows(section);
        if hidden > 0 {
            self.wrapped("", &(self.view.words.hidden)(hidden));
        }
        for row in rows {
            self.row(&row);
        }
    }

    fn row(&mut self, row: &Row<'a>) {
        match row {
            Row::Day(moment) => {
                let day = time::day(moment, self.view.words);
                self.blank();
                self.line(&format!("--- {day} ---"));
            }
            Row::Hour(moment) => {
                self.blank();
                self.line(&format!("--- {:02}:00 ---", moment.hour));
            }
            Row::Block(block) => self.block(block),
            Row::Headlines(items) => {
                self.blank();
                for item in items {
                    self.hanging("", &headline(item, &time::clock(&item.message.sent)));
                }
            }
            Row::Gap(missing) => self.gap(*missing),
        }
    }

    fn gap(&mut self, missing: Option<u32>) {
        self.blank();
        self.wrapped("", &format!("[{}]", (self.view.words.gap)(missing)));
    }

    fn block(&mut self, block: &[(&'a Item, Form)]) {
        let Some((first, _)) = block.first() else { return };
        let mut minute = time::clock(&first.message.sent);
        self.author_line(first, &minute, None);
        for (item, form) in block {
            let now = time::clock(&item.message.sent);
            if now != minute {
                self.line(&now);
                minute = now;
            }
            self.message(item, *form);
        }
    }

    fn author_line(&mut self, item: &Item, sent: &str, room: Option<&String>) {
        let mut line = format!("{}, {sent}", name(&item.message.author, 80));
        if let Some(room) = room {
            line = format!("{line}, {}", name(room, 80));
        }
        for mark in marks(self.view, item) {
            line = format!("{line} [{mark}]");
        }
        if item.message.late {
            line = format!("{line} ({})", self.view.words.from_history);
        }
        self.blank();
        self.hanging("", &line);
    }

    fn message(&mut self, item: &Item, form: Form) {
        if let Kind::Story(title) = &item.message.kind {
            self.wrapped(INDENT, &one_line(title, 255));
            self.blank();
        }
        let mut left = match form {
            Form::Whole => usize::MAX,
            Form::Cut(chars) => chars,
        };
        let body = body(self.view, &item.message.parts, &mut left);
        for line in body.split('\n') {
            match line.strip_prefix(LINK_MARK) {
                Some(address) => self.line(&format!("{INDENT}<{address}>")),
                None => self.paragraph(line),
            }
        }
        if left == 0 {
            self.wrapped("", self.view.words.shortened);
        }
    }

    /// A line of a message. If it quotes another, so do all lines that it is wrapped into.
    fn paragraph(&mut self, line: &str) {
        match line.strip_prefix('>') {
            Some(quoted) => self.wrapped(&format!("{INDENT}{QUOTE}"), quoted.trim_start()),
            None => self.wrapped(INDENT, line),
        }
    }

    fn references(&mut self) {
        let (references, hidden) = self.view.references();
        if references.is_empty() {
            return;
        }
        self.blank();
        self.heading(self.view.words.links_and_files, '-');
        for reference in &references {
            self.reference(reference);
        }
        self.more(hidden);
    }

    fn reference(&mut self, reference: &Reference<'a>) {
        let (link, item) = (reference.link, reference.item);
        let author = name(&item.message.author, 40);
        let time = self.view.when(&item.message.sent);
        let words = link_words(link);
        // An address is whole or leads nowhere.
        let chars_max = if words == link.address { 2_048 } else { 200 };
        let said = one_line(words, chars_max);
        self.hanging(POINT, &format!("{said} ({author}, {time})"));
        let shown = crate::escape::link(&link.address).filter(|a| *a != words);
        if let Some(address) = shown {
            self.line(&format!("{INDENT}<{address}>"));
        }
    }

    fn more(&mut self, hidden: usize) {
        if hidden > 0 {
            self.wrapped("", &(self.view.words.more)(hidden));
        }
    }

    fn footer(&mut self) {
        let words = self.view.words;
        self.blank();
        self.line(&"-".repeat(WIDTH));
        self.wrapped("", &format!("{}: {}", words.why, self.view.reasons()));
        self.wrapped("", &format!("{}: {}", words.covers, coverage(self.view)));
    }
}

/// Starts a line that is an address, in [`body`] only: [`visible`] lets none through from outside.
const LINK_MARK: char = '\u{1}';

/// A message's parts as lines; an address stands on a line of its own after the one that has its
/// words.
fn body(view: &View<'_>, parts: &[Part], left: &mut usize) -> String {
    let mut out = String::new();
    let mut addresses: Vec<String> = Vec::new();
    for part in parts {
        match part {
            Part::Text(text) | Part::Emoticon(text) => {
                push_lines(&mut out, take(text, left), &mut addresses);
            }
            Part::Mention(mention) => {
                push_lines(&mut out, take(&mention.words, left), &mut addresses);
            }
            Part::LineBreak => {
                end_line(&mut out, &mut addresses);
                *left = left.saturating_sub(1);
            }
            Part::Hyperlink(to) | Part::RoomLink(to) | Part::FileLink(to) => {
                if matches!(part, Part::FileLink(_)) {
                    out.push_str(&format!("{}: ", view.words.file));
                }
                let words = link_words(to);
                out.push_str(&one_line(take(words, left), 2_048));
                *left = left.saturating_sub(to.address.chars().count());
                if words != to.address {
                    match link(&to.address) {
                        Some(address) => addresses.push(visible(address).into_owned()),
                        None => out.push_str(&format!(" ({})", one_line(&to.address, 2_048))),
                    }
                }
            }
        }
        if *left == 0 {
            break;
        }
    }
    end_line(&mut out, &mut addresses);
    out.truncate(out.trim_end_matches('\n').len());
    out
}

fn push_lines(out: &mut String, text: &str, addresses: &mut Vec<String>) {
    for (at, line) in lines(text).enumerate() {
        if at > 0 {
            end_line(out, addresses);
        }
        out.push_str(&visible(line));
    }
}

fn end_line(out: &mut String, addresses: &mut Vec<String>) {
    out.push('\n');
    for address in addresses.drain(..) {
        out.push(LINK_MARK);
        out.push_str(&address);
        out.push('\n');
    }
}

fn headline(item: &Item, sent: &str) -> String {
    let author = name(&item.message.author, 40);
    format!("{sent} {author}: {}", said(item, 80))
}

/// Breaks a line at spaces, and words that are longer than `width` anywhere. An address stays
/// whole: broken, it leads nowhere.
pub(crate) fn wrap(line: &str, width: usize) -> Vec<&str> {
    let ascii = line.is_ascii();
    let count = |text: &str| if ascii { text.len() } else { text.chars().count() };
    let piece = |from: usize, to: usize| line.get(from..to).unwrap_or_default();
    let mut lines = Vec::with_capacity(line.len() / width.max(1) + 1);
    // The line that grows: where it begins, and how many characters it has up to `at`.
    let (mut from, mut chars, mut at) = (0, 0, 0);
    loop {
        if ascii && chars == 0 {
            at = whole_lines(line, width, from, &mut lines);
            from = at;
            if line.len() - at <= width {
                at = line.len();
                break;
            }
        }
        let Some(word) = line.get(at..).and_then(first_word) else { break };
        let length = count(word.strip_suffix(' ').unwrap_or(word));
        if chars > 0 && chars + length > width {
            lines.push(piece(from, at));
            (from, chars) = (at, 0);
        }
        if length > width && link(word).is_none() {
            for (within, c) in word.char_indices() {
                let joined = || joins(c) || piece(from, at + within).ends_with(JOINER);
                if chars >= width && !joined() {
                    lines.push(piece(from, at + within));
                    (from, chars) = (at + within, 0);
                }
                chars += 1;
            }
        } else {
            chars += length + usize::from(word.ends_with(' '));
        }
        at += word.len();
    }
    lines.push(piece(from, at));
    lines
}

/// Breaks ASCII at spaces from `from` on, as long as there is one where it is wanted. Answers where the next
/// line begins: all that is left fits into it, or its first word does not.
fn whole_lines<'t>(line: &'t str, width: usize, mut from: usize, out: &mut Vec<&'t str>) -> usize {
    while let Some(rest) = line.get(from..).filter(|rest| rest.len() > width) {
        // The space that ends a line may stand beyond its width.
        let window = rest.as_bytes().get(..=width).unwrap_or_default();
        let end = window.iter().rposition(|byte| *byte == b' ').map(|space| space + 1);
        let Some(end) = end.filter(|end| *end < rest.len()) else { break };
        out.push(rest.get(..end).unwrap_or_default());
        from += end;
    }
    from
}

/// The first word of a line, with the space that ends it.
fn first_word(line: &str) -> Option<&str> {
    let end = line.bytes().position(|byte| byte == b' ').map_or(line.len(), |at| at + 1);
    line.get(..end).filter(|word| !word.is_empty())
}

/// Joins the characters on its sides into one sign.
const JOINER: char = '\u{200d}';

/// Whether a character belongs to the one before it.
fn joins(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | JOINER | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::compose::compose;
    use crate::samples::{edition, item, message};
    use crate::types::{Edition, Link, Message};

    fn text(edition: &Edition) -> String {
        compose(edition).unwrap().mail.text
    }

    #[test]
    fn one_message_reads_like_a_mail() {
        let link = Link { address: "https://a.example/1".into(), words: "the plan".into() };
        let parts = vec![
            Part::Text("Deploy moved to Friday, see ".into()),
            Part::Hyperlink(link),
            Part::Text(".\nBye".into()),
        ];
        assert_eq!(
            text(&edition(vec![item(Message { parts, ..message("") })])),
            "Operations\n==========\nTue 4 Mar 2025, 09:14 (Europe/Berlin)\n1 message\n\n\
             Anna Larsen, 09:14\n  Deploy moved to Friday, see the plan.\n  <https://a.example/1>\n  \
             Bye\n\n------------------------------------------------------------------------\n\
             Why you get this: you are a member of the room\n\
             This mail covers: Operations (1 message); Tue 4 Mar 2025, 09:14\n(Europe/Berlin)\n"
        );
    }

    #[test]
    fn lines_are_short_but_for_links() {
        let long = "word ".repeat(100) + &"x".repeat(500);
        let text = text(&edition(vec![item(message(&long)), item(message("> quoted text "))]));
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        assert!(text.contains("  > quoted text\n"));
        let address = format!("https://a.example/{}", "x".repeat(100));
        assert_eq!(
            wrap(&format!("see {address} now"), 72),
            ["see ", &format!("{address} "), "now"]
        );
    }

    #[test]
    fn nothing_written_in_a_room_stands_at_the_start_of_a_line() {
        let hostile = "-- \n> x\n\nBen, 09:15\r  \u{1}https://evil.example\n====";
        let text = text(&edition(vec![item(message(hostile))]));
        for words in ["Ben, 09:15", "-- ", "====\n\n", "<https://evil"] {
            assert!(!text.contains(&format!("\n{words}")), "{text}");
        }
        assert!(text.contains("\n    ␁https"), "{text}");
    }

    #[test]
    fn what_goes_on_is_indented() {
        let address = format!("https://a.example/{}", "x".repeat(60));
        let link = Part::Hyperlink(Link { address: address.clone(), words: address.clone() });
        let linked = Message { parts: vec![link], ..message("") };
        let digest = edition(vec![item(linked), item(message("b"))]);
        assert!(text(&digest).contains(&format!("\n* {address}\n  (Anna Larsen, 09:14)\n")));
        let forged = format!("{} Ben, 09:15", "x".repeat(50));
        let crowd = edition((0..300).map(|_| item(message(&forged))).collect());
        let text = text(&crowd);
        assert!(text.contains("\n  Ben, 09:15") && !text.contains("\nBen, 09:15"), "{text}");
    }

    /// What `wrap` does, a word at a time.
    fn wrapped_plainly(line: &str, width: usize) -> Vec<String> {
        let (mut lines, mut grown) = (Vec::new(), String::new());
        let fits = |grown: &str, word: &str| {
            grown.is_empty()
                || (grown.chars().count() + word.trim_end_matches(' ').chars().count()) <= width
        };
        for word in line.split_inclusive(' ') {
            if !fits(&grown, word) {
                lines.push(std::mem::take(&mut grown));
            }
            if word.trim_end_matches(' ').chars().count() <= width || link(word).is_some() {
                grown.push_str(word);
                continue;
            }
            for c in word.chars() {
                if grown.chars().count() >= width && !joins(c) && !grown.ends_with(JOINER) {
                    lines.push(std::mem::take(&mut grown));
                }
                grown.push(c);
            }
        }
        lines.push(grown);
        lines
    }

    #[test]
    fn lines_are_wrapped_as_word_by_word() {
        let mut random = crate::samples::random();
        let words = [
            "a",
            "of",
            "word",
            "longer",
            " ",
            "",
            "-----------------------------",
            "äöü",
            "👩\u{200d}💻",
            "https://a.example/0123456789",
            "x\u{301}",
        ];
        for round in 0..4_000 {
            let kinds = if round % 2 == 0 { 7 } else { words.len() };
            let mut line = String::new();
            for _ in 0..random(30) {
                line.push_str(words.get(random(kinds)).unwrap());
                line.push_str(if random(5) > 0 { " " } else { "" });
            }
            for width in [1, 5, 12, 24, 70] {
                assert_eq!(wrap(&line, width), wrapped_plainly(&line, width), "{line:?}, {width}");
            }
        }
    }

    #[test]
    fn graphemes_are_not_torn_apart() {
        assert_eq!(wrap("ab👋🏽c", 3), ["ab👋🏽", "c"]);
        assert_eq!(wrap("ab👩\u{200d}💻c", 4), ["ab👩\u{200d}💻", "c"]);
        assert_eq!(wrap("", 10), [""]);
    }
}
