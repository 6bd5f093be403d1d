//! Every message of a mail in full, for the file that goes along with it.

use super::Page;
use crate::excerpt::name;
use crate::rows::{Form, continues};
use crate::time;
use crate::types::{Item, Kind};
use crate::view::View;

/// Largest listing.
const LISTING_BYTES_MAX: usize = 900 << 10;
/// Kept free for the words that end a listing, and for headings.
const END_BYTES: usize = 4 << 10;

/// Writes all messages in order, room by room; what does not fit is counted at the end.
pub(crate) fn listing(view: &View<'_>) -> String {
    let mut page = Page { view, out: String::with_capacity(64 * 1024) };
    page.heading(view.words.listing, '=');
    page.wrapped("", &view.period());
    let mut left = view.items().count();
    for section in &view.sections {
        let start = page.out.len();
        page.blank();
        page.blank();
        page.heading(&name(&section.room.name, 80), '-');
        page.topic(section);
        let mut previous = None;
        for item in section.items.iter().copied() {
            let before = if previous.is_some() { page.out.len() } else { start };
            page.listed(item, previous);
            if page.out.len() > LISTING_BYTES_MAX - END_BYTES {
                page.out.truncate(before);
                page.listing_end(left);
                return page.out;
            }
            left -= 1;
            previous = Some(item);
        }
    }
    page.out
}

impl Page<'_, '_> {
    fn listed(&mut self, item: &Item, previous: Option<&Item>) {
        let sent = &item.message.sent;
        if previous.is_none_or(|p| !time::same_day(&p.message.sent, sent)) {
            self.blank();
            let day = time::day(sent, self.view.words);
            self.line(&format!("--- {day} ---"));
        }
        if let Kind::Gap(gap) = &item.message.kind {
            return self.gap(gap.missing);
        }
        let clock = time::clock(sent);
        match previous.filter(|p| continues(p, item)) {
            None => self.author_line(item, &clock, None),
            Some(p) if time::clock(&p.message.sent) != clock => self.line(&clock),
            Some(_) => {}
        }
        self.message(item, Form::Whole);
    }

    fn listing_end(&mut self, left: usize) {
        self.blank();
        self.blank();
        self.wrapped("", &(self.view.words.listing_ends)(left));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::samples::{edition, gap, item, message, moment, room};
    use crate::types::{Edition, Message};

    fn list(edition: &Edition) -> String {
        listing(&View::new(edition).unwrap())
    }

    #[test]
    fn messages_stand_in_order_room_by_room() {
        let at = |day, minute, text: &str| {
            item(Message { sent: moment(day, 9, minute), ..message(text) })
        };
        let mut build = at(5, 3, "c");
        build.message.room = 2;
        let mut edition = edition(vec![
            at(4, 0, "a"),
            at(4, 0, "a2"),
            at(4, 2, "b"),
            gap(Some(2)),
            at(5, 1, "next"),
            build,
        ]);
        edition.rooms.push(room(2, "Build"));
        assert_eq!(
            list(&edition),
            "Every message in full\n=====================\n\
             Tue 4 Mar 2025, 09:00 – Wed 5 Mar 2025, 09:03 (Europe/Berlin)\n\n\n\
             Operations\n----------\n\n--- Tue 4 Mar 2025 ---\n\n\
             Anna Larsen, 09:00\n  a\n  a2\n09:02\n  b\n\n\
             [2 messages were missed; the room's history no longer has them.]\n\n\
             --- Wed 5 Mar 2025 ---\n\nAnna Larsen, 09:01\n  next\n\n\n\
             Build\n-----\n\n--- Wed 5 Mar 2025 ---\n\nAnna Larsen, 09:03\n  c\n"
        );
    }

    #[test]
    fn a_list_that_grows_too_long_says_so() {
        let items = (0..100).map(|n| item(message(&format!("{n}: {}", "word ".repeat(3_200)))));
        let list = list(&edition(items.collect()));
        assert!(list.len() <= LISTING_BYTES_MAX && list.len() > LISTING_BYTES_MAX / 2);
        let shown = (0..100).filter(|n| list.contains(&format!("\n  {n}: word"))).count();
        let end = format!("{} messages more are in the rooms. ", 100 - shown);
        let list = list.replace('\n', " ");
        assert!(list.ends_with(&end), "{shown}");
    }
}
