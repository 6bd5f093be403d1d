//! The HTML part, for Outlook's Word engine first: tables of 640 pixels, one for each room because
//! Word breaks long ones badly; styles inline; padding on cells only; borders rather than fills, and
//! no pure black or white, so that an inverted mail stays readable. Colour never says anything that
//! words do not say too.
//!
//! The result is what stands in `<body>`; the document around it is the host's.

use crate::escape::{self, push, push_text};
use crate::excerpt::{link_words, name, of_parts, one_line};
use crate::rows::{Form, Row};
use crate::summary::said;
use crate::time;
use crate::types::{Item, Kind, Link, Part};
use crate::view::{Highlight, Reference, Section, View, is_alert};

const TABLE: &str = r##"<table role="presentation" align="center" width="640" cellpadding="0" cellspacing="0" border="0" bgcolor="#fcfcfb" style="width:640px;max-width:100%;border-collapse:collapse;mso-table-lspace:0pt;mso-table-rspace:0pt;background-color:#fcfcfb"><tr><td style="border:1px solid #c9cfd6;padding:16px 20px;word-wrap:break-word;word-break:break-word">"##;
const TABLE_END: &str = "</td></tr></table>";
const ROWS: &str = r#"<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="width:100%;border-collapse:collapse;mso-table-lspace:0pt;mso-table-rspace:0pt">"#;
/// Without it, Word joins two tables into one.
const GAP: &str = r#"<div style="font-size:10px;line-height:10px">&#160;</div>"#;

const H1: &str = r#"<h1 style="margin:0;font:bold 22px/28px Segoe UI,Arial,sans-serif;mso-line-height-rule:exactly;color:#2a2c2e">"#;
const H2: &str = r#"<h2 style="margin:0 0 4px;font:bold 18px/24px Segoe UI,Arial,sans-serif;mso-line-height-rule:exactly;color:#2a2c2e">"#;
const SMALL: &str = r#"<p style="margin:4px 0 0;font:14px/20px Segoe UI,Arial,sans-serif;mso-line-height-rule:exactly;color:#5c6166">"#;
const LIST: &str = r#"<ul style="margin:4px 0 0;padding:0 0 0 20px;font:15px/24px Segoe UI,Arial,sans-serif;color:#2a2c2e">"#;
const SEPARATOR: &str = r#"<tr><td colspan="2" style="border-bottom:1px solid #c9cfd6;padding:12px 0 2px"><h3 style="margin:0;font:bold 14px/20px Segoe UI,Arial,sans-serif;color:#5c6166">"#;
const TIME_CELL: &str = r#"<td width="56" align="right" valign="top" style="font:14px/22px Segoe UI,Arial,sans-serif;color:#5c6166;padding:8px 0 0;white-space:nowrap">"#;
const MUTED: &str = r#"<span style="color:#5c6166">"#;
const LINK: &str = r#"" style="color:#1f6aa5">"#;
const TEXT_FONT: &str = "font:15px/22px Segoe UI,Arial,sans-serif;color:#2a2c2e";

mod summary;

/// Characters of a message that is shown by its first words.
const HEADLINE_CHARS: usize = 80;
const NAME_CHARS: usize = 80;
const TOPIC_CHARS: usize = 160;
const HIGHLIGHT_CHARS: usize = 400;
/// Most rooms that the contents and the footer name.
const ROOMS_LISTED_MAX: usize = 60;

/// Writes the HTML of a mail.
pub(crate) fn render(view: &View<'_>) -> String {
    let mut page = Page { view, out: String::with_capacity(8 * 1024) };
    let code = view.words.code;
    page.raw(&format!(r#"<div lang="{code}" dir="ltr">"#));
    page.header();
    page.highlights(view.words.for_you, &view.for_you());
    page.highlights(view.words.alerts, &view.alerts());
    page.contents();
    let (sections, hidden) = view.shown();
    for (at, section) in sections.iter().enumerate() {
        page.section(at, section);
    }
    page.hidden_rooms(hidden);
    page.references();
    page.footer();
    page.raw("</div>");
    page.out
}

struct Page<'v, 'a> {
    view: &'v View<'a>,
    out: String,
}

impl<'a> Page<'_, 'a> {
    /// Appends markup of our own.
    fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    /// Appends text, escaped.
    fn text(&mut self, text: &str) {
        push(&mut self.out, text);
    }

    fn name(&mut self, words: &str) {
        self.text(&name(words, NAME_CHARS));
    }

    fn header(&mut self) {
        let view = self.view;
        self.raw(TABLE);
        self.raw(H1);
        match view.only_section() {
            Some(section) => self.name(&section.room.name),
            None => self.text(view.words.digest),
        }
        self.raw("</h1>");
        if let Some(section) = view.only_section() {
            self.topic(section);
        }
        self.raw(SMALL);
        self.text(&view.period());
        if let Some(line) = view.all_counts() {
            self.raw("<br>");
            self.text(&line);
        }
        self.raw("</p>");
        for note in view.notes() {
            self.raw(SMALL);
            self.text(&note);
            self.raw("</p>");
        }
        self.raw(TABLE_END);
    }

    fn topic(&mut self, section: &Section<'_>) {
        if !section.room.topic.trim().is_empty() {
            self.raw(SMALL);
            self.text(&one_line(&section.room.topic, TOPIC_CHARS));
            self.raw("</p>");
        }
    }

    fn highlights(&mut self, title: &str, (highlights, hidden): &(Vec<Highlight<'a>>, usize)) {
        if highlights.is_empty() {
            return;
        }
        self.raw(GAP);
        self.raw(TABLE);
        self.raw(H2);
        self.text(title);
        self.raw("</h2>");
        self.raw(ROWS);
        for highlight in highlights {
            self.highlight(highlight);
        }
        self.raw("</table>");
        self.list_end_note(*hidden);
        self.raw(TABLE_END);
    }

    fn highlight(&mut self, highlight: &Highlight<'a>) {
        let item = highlight.item;
        let room = self.view.only_section().is_none().then_some(&highlight.room.name);
        self.author_row(item, &self.view.when(&item.message.sent), room);
        self.text_cell(item);
        self.context(self.view.words.before, highlight.before);
        self.raw(r#"<div dir="auto">"#);
        self.text(&of_parts(&item.message.parts, HIGHLIGHT_CHARS));
        self.raw("</div>");
        self.context(self.view.words.after, highlight.after);
        self.raw("</td></tr>");
    }

    /// What was said around a message.
    fn context(&mut self, words: &str, item: Option<&Item>) {
        let Some(item) = item else { return };
        self.raw(r#"<div style="color:#5c6166">"#);
        self.text(words);
        self.raw(": ");
        self.headline(item, &self.view.when(&item.message.sent));
        self.raw("</div>");
    }

    fn contents(&mut self) {
        if self.view.only_section().is_some() {
            return;
        }
        self.raw(GAP);
        self.raw(TABLE);
        self.raw(H2);
        self.text(self.view.words.contents);
        self.raw("</h2>");
        self.raw(LIST);
        let (sections, _) = self.view.shown();
        for (at, section) in sections.iter().enumerate().take(ROOMS_LISTED_MAX) {
            self.raw(&format!(r##"<li><a href="#room-{at}{LINK}"##));
            self.name(&section.room.name);
            self.raw("</a>: ");
            self.text(&self.view.counts(section.count(), section.named()));
            self.raw("</li>");
        }
        self.raw("</ul>");
        self.list_end_note(self.view.sections.len() - sections.len().min(ROOMS_LISTED_MAX));
        self.raw(TABLE_END);
    }

    fn section(&mut self, at: usize, section: &Section<'a>) {
        self.raw(GAP);
        self.raw(TABLE);
        if let Some(heading) = self.view.heading(section) {
            self.raw(H2);
            self.raw(&format!(r#"<a name="room-{at}" id="room-{at}"></a>"#));
            self.text(&heading);
            self.raw("</h2>");
        }
        if self.view.only_section().is_none() {
            self.topic(section);
        }
        if section.summary {
            self.summary(section);
        } else {
            self.rows(section);
        }
        self.raw(TABLE_END);
    }

    fn rows(&mut self, section: &Section<'a>) {
        let (rows, hidden) = self.view.rows(section);
        if hidden > 0 {
            self.raw(SMALL);
            self.text(&(self.view.words.hidden)(hidden));
            self.raw("</p>");
        }
        self.raw(ROWS);
        for row in rows {
            self.row(&row);
        }
        self.raw("</table>");
    }

    fn row(&mut self, row: &Row<'a>) {
        match row {
            Row::Day(moment) => self.separator(&time::day(moment, self.view.words)),
            Row::Hour(moment) => self.separator(&format!("{:02}:00", moment.hour)),
            Row::Block(block) => self.block(block),
            Row::Headlines(items) => self.headlines(items),
            Row::Gap(missing) => self.gap(*missing),
        }
    }

    fn separator(&mut self, words: &str) {
        self.raw(SEPARATOR);
        self.text(words);
        self.raw("</h3></td></tr>");
    }

    fn gap(&mut self, missing: Option<u32>) {
        self.raw(&format!(
            r#"<tr><td colspan="2" style="{TEXT_FONT};border:1px dashed #9aa9b8;padding:6px 12px">"#
        ));
        self.text(&(self.view.words.gap)(missing));
        self.raw("</td></tr>");
    }

    fn block(&mut self, block: &[(&'a Item, Form)]) {
        let Some((first, _)) = block.first() else { return };
        let mut minute = time::clock(&first.message.sent);
        self.author_row(first, &minute, None);
        self.text_cell(first);
        for (item, form) in block {
            let now = time::clock(&item.message.sent);
            self.raw(r#"<div dir="auto">"#);
            if now != minute {
                self.raw(MUTED);
                self.text(&now);
                self.raw("</span> ");
                minute = now;
            }
            self.message(item, *form);
            self.raw("</div>");
        }
        self.raw("</td></tr>");
    }

    /// Author, marks and time, all before the words, for who has a mail read out.
    fn author_row(&mut self, item: &Item, sent: &str, room: Option<&String>) {
        let font = TEXT_FONT;
        let border = border(item);
        self.raw(&format!(
            r#"<tr><td style="{font};border-left:3px solid {border};padding:8px 0 0 12px">"#
        ));
        self.raw(r#"<b dir="auto">"#);
        self.name(&item.message.author);
        self.raw("</b>");
        for mark in marks(self.view, item) {
            self.raw(" · <b>");
            self.text(mark);
            self.raw("</b>");
        }
        if item.message.late {
            self.raw(" · ");
            self.text(self.view.words.from_history);
        }
        if let Some(room) = room {
            self.raw(" · ");
            self.name(room);
        }
        self.raw("</td>");
        self.raw(TIME_CELL);
        self.text(sent);
        self.raw("</td></tr>");
    }

    fn text_cell(&mut self, item: &Item) {
        let font = TEXT_FONT;
        let border = border(item);
        self.raw(&format!(
            r#"<tr><td colspan="2" style="{font};border-left:3px solid {border};padding:0 0 4px 12px;word-wrap:break-word;word-break:break-word">"#
        ));
    }

    fn headlines(&mut self, items: &[&'a Item]) {
        self.raw(&format!(
            r#"<tr><td colspan="2" style="{TEXT_FONT};padding:4px 0;word-wrap:break-word">"#
        ));
        for (at, item) in items.iter().enumerate() {
            self.raw(if at > 0 { "<br>" } else { "" });
            self.headline(item, &time::clock(&item.message.sent));
        }
        self.raw("</td></tr>");
    }

    fn headline(&mut self, item: &Item, sent: &str) {
        self.text(sent);
        self.raw(" <b>");
        self.text(&name(&item.message.author, 40));
        self.raw("</b>: ");
        self.text(&said(item, HEADLINE_CHARS));
    }

    fn message(&mut self, item: &Item, form: Form) {
        if let Kind::Story(title) = &item.message.kind {
            self.raw("<b>");
            self.text(&one_line(title, 255));
            self.raw("</b><br>");
        }
        let mut left = match form {
            Form::Whole => usize::MAX,
            Form::Cut(chars) => chars,
        };
        for part in &item.message.parts {
            self.part(part, &mut left);
            if left == 0 {
                self.raw("<br>");
                self.raw(MUTED);
                self.text(self.view.words.shortened);
                self.raw("</span>");
                return;
            }
        }
    }

    fn part(&mut self, part: &Part, left: &mut usize) {
        match part {
            Part::Text(text) | Part::Emoticon(text) => push_text(&mut self.out, take(text, left)),
            Part::LineBreak => {
                self.raw("<br>");
                *left = left.saturating_sub(1);
            }
            Part::Hyperlink(link) | Part::RoomLink(link) => self.link(link, left),
            Part::FileLink(link) => {
                self.text(self.view.words.file);
                self.raw(": ");
                self.link(link, left);
            }
            Part::Mention(mention) => {
                self.raw("<b>");
                push_text(&mut self.out, take(&mention.words, left));
                self.raw("</b>");
            }
        }
    }

    fn link(&mut self, link: &Link, left: &mut usize) {
        let shown = link_words(link);
        let shown_left = &mut left.clone();
        *left = left.saturating_sub(shown.chars().count() + link.address.chars().count());
        let left = shown_left;
        match escape::link(&link.address) {
            Some(address) if escape::misleads(shown, address) => {
                push_text(&mut self.out, take(shown, left));
                self.raw(" (");
                self.anchor(address, take(address, left));
                self.raw(")");
            }
            Some(address) => self.anchor(address, take(shown, left)),
            None => {
                push_text(&mut self.out, take(shown, left));
                if shown != link.address && !link.address.is_empty() {
                    self.raw(" (");
                    push_text(&mut self.out, take(&link.address, left));
                    self.raw(")");
                }
            }
        }
    }

    fn anchor(&mut self, address: &str, words: &str) {
        self.raw(r#"<a href=""#);
        self.text(address);
        self.raw(LINK);
        push_text(&mut self.out, words);
        self.raw("</a>");
    }

    fn hidden_rooms(&mut self, hidden: usize) {
        if hidden > 0 {
            self.raw(GAP);
            self.raw(TABLE);
            self.list_end_note(hidden);
            self.raw(TABLE_END);
        }
    }

    fn references(&mut self) {
        let (references, hidden) = self.view.references();
        if references.is_empty() {
            return;
        }
        self.raw(GAP);
        self.raw(TABLE);
        self.raw(H2);
        self.text(self.view.words.links_and_files);
        self.raw("</h2>");
        self.raw(LIST);
        for reference in &references {
            self.reference(reference);
        }
        self.raw("</ul>");
        self.list_end_note(hidden);
        self.raw(TABLE_END);
    }

    fn reference(&mut self, reference: &Reference<'a>) {
        self.raw("<li>");
        if reference.file {
            self.text(self.view.words.file);
            self.raw(": ");
        }
        self.link(reference.link, &mut 300);
        self.raw(" ");
        self.raw(MUTED);
        self.text(&name(&reference.item.message.author, 40));
        self.raw(", ");
        self.text(&self.view.when(&reference.item.message.sent));
        self.raw("</span></li>");
    }

    fn list_end_note(&mut self, hidden: usize) {
        if hidden > 0 {
            self.raw(SMALL);
            self.text(&(self.view.words.more)(hidden));
            self.raw("</p>");
        }
    }

    fn footer(&mut self) {
        let view = self.view;
        self.raw(GAP);
        self.raw(TABLE);
        for (title, words) in
            [(view.words.why, view.reasons()), (view.words.covers, coverage(view))]
        {
            self.raw(SMALL);
            self.text(title);
            self.raw(": ");
            self.text(&words);
            self.raw("</p>");
        }
        self.raw(TABLE_END);
    }
}

/// `Operations (12 messages), Build (3 messages); Tue 4 Mar 2025, 09:00–10:00 (Europe/Berlin)`.
pub(crate) fn coverage(view: &View<'_>) -> String {
    let listed = view.detail.rooms.min(ROOMS_LISTED_MAX);
    let mut rooms: Vec<_> = view
        .sections
        .iter()
        .take(listed)
        .map(|s| {
            let count = (view.words.messages)(s.count());
            format!("{} ({count})", name(&s.room.name, NAME_CHARS))
        })
        .collect();
    let hidden = view.sections.len() - rooms.len();
    if hidden > 0 {
        rooms.push((view.words.more)(hidden));
    }
    format!("{}; {}", rooms.join(", "), view.period())
}

/// What is to be said of a message in words.
pub(crate) fn marks(view: &View<'_>, item: &Item) -> Vec<&'static str> {
    let words = view.words;
    let kind = match item.message.kind {
        Kind::Alert => Some(words.alert),
        Kind::Story(_) => Some(words.story),
        Kind::Message | Kind::Gap(_) => None,
    };
    kind.into_iter().chain(item.named.then_some(words.names_you)).collect()
}

fn border(item: &Item) -> &'static str {
    match (is_alert(item), item.named) {
        (true, _) => "#c2524a",
        (false, true) => "#b07d2b",
        (false, false) => "#9aa9b8",
    }
}

/// Takes the first characters of `text`, as many as are `left`.
pub(crate) fn take<'t>(text: &'t str, left: &mut usize) -> &'t str {
    if *left >= text.len() {
        *left -= text.chars().count().min(*left);
        return text;
    }
    match text.char_indices().nth(*left) {
        Some((end, _)) => {
            *left = 0;
            text.get(..end).unwrap_or(text)
        }
        None => {
            *left = left.saturating_sub(text.chars().count());
            text
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]
    use crate::compose::compose;
    use crate::samples::{edition, item, message, room};
    use crate::types::{Edition, Item, Kind, Link, Mention, Message, Part};

    const TAGS: [&str; 14] =
        ["a", "b", "br", "div", "h1", "h2", "h3", "li", "p", "span", "table", "td", "tr", "ul"];

    fn html(edition: &Edition) -> String {
        compose(edition).unwrap().mail.html
    }

    fn parts(parts: Vec<Part>) -> Message {
        Message { parts, ..message("") }
    }

    /// Every `<` starts a tag of ours, with attributes of ours, and what is opened is closed.
    fn assert_well_formed(html: &str) {
        let mut open = Vec::new();
        let mut pieces = html.split('<');
        assert_eq!(pieces.next(), Some(""));
        for piece in pieces {
            let (tag, text) = piece.split_once('>').unwrap();
            assert!(!text.contains(['>', '"', '\'']), "{piece}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{piece}");
                continue;
            }
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            assert!(TAGS.contains(&name), "{piece}");
            assert_eq!(attributes.matches('"').count() % 2, 0, "{piece}");
            let names = attributes.split('"').step_by(2).map(|n| n.trim().trim_end_matches('='));
            assert!(
                names.clone().all(|n| n.bytes().all(|b| b.is_ascii_lowercase())),
                "{piece}: {:?}",
                names.collect::<Vec<_>>()
            );
            if name != "br" {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    const HOSTILE: &str = "]]> <script>alert('x')</script> \"><img src=x onerror=1> --> {{x}} %s \
        \u{0}\u{1b}[31m \u{202e}evil\u{2067} &lt; <!--[if mso]> \u{fffe} ' style=\"";

    #[test]
    fn hostile_text_cannot_break_out() {
        let link = |address: &str| Link { address: address.into(), words: HOSTILE.into() };
        let message = Message {
            author: HOSTILE.into(),
            kind: Kind::Story(HOSTILE.into()),
            parts: vec![
                Part::Text(HOSTILE.into()),
                Part::Emoticon(HOSTILE.into()),
                Part::Mention(Mention { words: HOSTILE.into(), person: None }),
                Part::Hyperlink(link("javascript:alert(1)")),
                Part::Hyperlink(link("https://x.example/\"onclick=\"x")),
                Part::Hyperlink(link(HOSTILE)),
                Part::RoomLink(link("ma-chan://x.example/<b>")),
                Part::FileLink(link("file:///etc/passwd")),
            ],
            ..message("")
        };
        let hostile = Item { reason: HOSTILE.into(), named: true, message };
        let mut two = hostile.clone();
        two.message.room = 2;
        let mut digest = edition(vec![hostile.clone(); 4]);
        digest.items.push(two);
        digest.summaries = vec![1];
        digest.rooms = vec![room(1, HOSTILE), room(2, HOSTILE)];
        digest.readers.time_zone = HOSTILE.into();
        digest.rooms.iter_mut().for_each(|room| room.topic = HOSTILE.into());
        for edition in [edition(vec![hostile]), digest] {
            let html = html(&edition);
            assert_well_formed(&html);
            assert!(!html.contains("href=\"javascript") && !html.contains("href=\"file"));
            assert!(!html.contains(|c: char| c.is_control()), "control character");
            assert!(html.contains("]]&gt; &lt;script&gt;"));
        }
    }

    #[test]
    fn links_say_where_they_go() {
        let link = |address: &str, words: &str| {
            Part::Hyperlink(Link { address: address.into(), words: words.into() })
        };
        let html = html(&edition(vec![item(parts(vec![
            link("https://a.example/1", "the plan"),
            link("https://evil.example", "https://bank.example"),
            link("javascript:x", "press here"),
        ]))]));
        assert!(
            html.contains("<a href=\"https://a.example/1\" style=\"color:#1f6aa5\">the plan</a>")
        );
        assert!(html.contains("https://bank.example (<a href=\"https://evil.example\""));
        assert!(html.contains("press here (javascript:x)"));
        assert_well_formed(&html);
    }

    #[test]
    fn marks_are_words_and_not_only_colours() {
        let alert = Message { kind: Kind::Alert, late: true, ..message("x") };
        let html = html(&edition(vec![Item { named: true, ..item(alert) }]));
        for words in ["<b>Alert</b>", "<b>names you</b>", "read later from the room"] {
            assert!(html.contains(words), "{words}");
        }
    }

    #[test]
    fn a_digest_has_contents_highlights_and_a_table_for_each_room() {
        let mut digest = edition((0..6).map(|n| item(message(&format!("m{n}")))).collect());
        digest.rooms.push(room(2, "Build"));
        for item in digest.items.iter_mut().skip(3) {
            item.message.room = 2;
        }
        if let Some(item) = digest.items.get_mut(4) {
            item.named = true;
            let link = Link { address: "https://a.example".into(), words: "log".into() };
            item.message.parts.push(Part::FileLink(link));
        }
        let html = html(&digest);
        assert_well_formed(&html);
        for words in
            ["For you", "Just before", "Rooms in this mail", "href=\"#room-1\"", "Links and files"]
        {
            assert!(html.contains(words), "{words}");
        }
        // Header, for you, contents, two rooms, links, footer.
        assert_eq!(html.matches("width=\"640\"").count(), 7);
        assert_eq!(html.matches("<h1").count(), 1);
        assert_eq!(html.matches("role=\"presentation\"").count(), html.matches("<table").count());
        assert!(html.contains("Operations (3 messages), Build (3 messages); Tue 4 Mar 2025"));
    }

    /// Without the mark, `שלום: 12` reads `12 :שלום`.
    #[test]
    fn right_to_left_names_leave_our_words_alone() {
        let mut digest = edition(vec![item(message("a")), item(message("b"))]);
        digest.rooms = vec![room(1, "קפה"), room(2, "Build")];
        digest.items.iter_mut().skip(1).for_each(|item| item.message.room = 2);
        let mail = compose(&digest).unwrap().mail;
        assert!(mail.html.contains("קפה\u{200e}</a>: 1 message"), "{}", mail.html);
        assert!(mail.text.contains("* קפה\u{200e}: 1 message"), "{}", mail.text);
        assert!(mail.preview.starts_with("קפה\u{200e} (1), Build (1)"), "{}", mail.preview);
    }

    #[test]
    fn right_to_left_text_orders_itself() {
        let html = html(&edition(vec![item(message("שלום 👋🏽"))]));
        assert!(html.contains("<div dir=\"auto\">שלום 👋🏽</div>"), "{html}");
    }
}
