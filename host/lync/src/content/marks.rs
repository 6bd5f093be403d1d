//! A text and the ranges of it that are taken already.

use std::ops::Range;

use super::Part;

/// Links taken from one text; what follows stays text.
pub const LINKS_MAX: usize = 10_000;

/// Ranges of a text that are links, in order, never overlapping.
pub(super) struct Marks<'t> {
    pub(super) text: &'t str,
    marks: Vec<(Range<usize>, Part)>,
}

impl<'t> Marks<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, marks: Vec::new() }
    }

    /// Looks for more in what is still free. `find` gets a stretch of free text and returns ranges
    /// of it, in order.
    pub(super) fn refine(&mut self, mut find: impl FnMut(&'t str) -> Vec<(Range<usize>, Part)>) {
        let old = std::mem::take(&mut self.marks);
        let mut left = LINKS_MAX.saturating_sub(old.len());
        let mut from = 0;
        let mut marks = Vec::new();
        let mut free = |from: usize, to: usize, marks: &mut Vec<_>| {
            let found = find(self.text.get(from..to).unwrap_or_default());
            let found = found.into_iter().take(left);
            let before = marks.len();
            marks.extend(found.map(|(at, part)| (at.start + from..at.end + from, part)));
            left -= marks.len() - before;
        };
        for (range, part) in old {
            free(from, range.start, &mut marks);
            from = range.end;
            marks.push((range, part));
        }
        free(from, self.text.len(), &mut marks);
        self.marks = marks;
    }

    /// The whole text in order: free ranges and marks.
    pub(super) fn pieces(self) -> impl Iterator<Item = Piece> {
        let end = self.text.len();
        let mut from = 0;
        let last = std::iter::once((end..end, None));
        let marks = self.marks.into_iter().map(|(range, part)| (range, Some(part))).chain(last);
        marks.flat_map(move |(range, part)| {
            let free = Piece::Free(from..range.start);
            from = range.end;
            std::iter::once(free).chain(part.map(Piece::Mark))
        })
    }
}

/// See [`Marks::pieces`].
pub(super) enum Piece {
    Free(Range<usize>),
    Mark(Part),
}
