//! The first words of something, on one line.

use crate::escape::{is_directional, is_right_to_left, plain::graphic, push_words};
use crate::types::{Link, Part};

/// Left-to-right mark: unlike the other directional characters it moves nothing but itself.
const MARK: char = '\u{200e}';

/// Puts text on one line, without what is not seen, cut at a word to at most `chars_max`.
pub(crate) fn one_line(text: &str, chars_max: usize) -> String {
    let mut line = Line::new(chars_max);
    line.push(text);
    line.finish()
}

/// A name of a person or a room, on one line. A mark after right-to-left letters keeps them from
/// drawing what follows, a colon and a number say, to their own side.
pub(crate) fn name(text: &str, chars_max: usize) -> String {
    let mut name = one_line(text, chars_max);
    if name.contains(is_right_to_left) {
        name.push(MARK);
    }
    name
}

/// The words of a link, or its address if it has none.
pub(crate) fn link_words(link: &Link) -> &str {
    if link.words.trim().is_empty() { &link.address } else { &link.words }
}

/// The first words of a message.
pub(crate) fn of_parts(parts: &[Part], chars_max: usize) -> String {
    let mut line = Line::new(chars_max);
    for part in parts {
        match part {
            Part::Text(text) | Part::Emoticon(text) => line.push(text),
            Part::LineBreak => line.push(" "),
            Part::Hyperlink(link) | Part::RoomLink(link) | Part::FileLink(link) => {
                line.push(link_words(link));
            }
            Part::Mention(mention) => line.push(&mention.words),
        }
        if line.full {
            break;
        }
    }
    line.finish()
}

/// Cuts a line to at most `units_max` UTF-16 units, the unit in which Exchange counts.
pub(crate) fn cut_units(line: &str, units_max: usize) -> String {
    let mut units = 0;
    let fits = |c: &char| {
        units += c.len_utf16();
        units <= units_max
    };
    line.chars().take_while(fits).collect()
}

/// A line that grows to its limit and no further, however long the text is.
struct Line {
    text: String,
    chars: usize,
    chars_max: usize,
    space: bool,
    full: bool,
}

impl Line {
    fn new(chars_max: usize) -> Self {
        Self { text: String::new(), chars: 0, chars_max, space: false, full: false }
    }

    fn push(&mut self, text: &str) {
        let mut rest = text;
        while !self.full {
            let (word, after) = rest.split_at(graphic(rest.as_bytes()));
            self.push_word(word);
            let mut after = after.chars();
            match after.next() {
                None => return,
                Some(c) if c.is_whitespace() || c.is_control() => self.space = true,
                Some(c) if c == MARK || !is_directional(c) => self.push_char(c),
                Some(_) => {}
            }
            rest = after.as_str();
        }
    }

    /// A word of ASCII, all of which is seen.
    fn push_word(&mut self, word: &str) {
        let space = usize::from(self.space && !self.text.is_empty());
        if self.chars + space + word.len() > self.chars_max {
            for c in word.chars() {
                self.push_char(c);
                if self.full {
                    return;
                }
            }
            return;
        }
        if !word.is_empty() {
            self.text.extend((space > 0).then_some(' '));
            push_words(&mut self.text, word);
            self.chars += space + word.len();
            self.space = false;
        }
    }

    fn push_char(&mut self, c: char) {
        let space = self.space && !self.text.is_empty();
        let more = 1 + usize::from(space);
        if self.chars + more > self.chars_max {
            self.full = true;
            return;
        }
        if space {
            self.text.push(' ');
        }
        self.text.push(c);
        self.chars += more;
        self.space = false;
    }

    fn finish(mut self) -> String {
        if self.full {
            while self.chars >= self.chars_max && self.text.pop().is_some() {
                self.chars -= 1;
            }
            self.drop_broken_word();
            self.text.push('…');
        }
        self.text
    }

    /// Ends at a word, unless the last one is so long that little would be left.
    fn drop_broken_word(&mut self) {
        if let Some(at) = self.text.rfind(' ').filter(|at| *at * 3 >= self.text.len() * 2) {
            self.text.truncate(at);
        }
        let end = |c: char| c == ' ' || c == '\u{200d}' || c == ',';
        self.text.truncate(self.text.trim_end_matches(end).len());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    #[test]
    fn short_text_stays_and_spaces_fold() {
        assert_eq!(one_line("  a \r\n\t b\u{202e}c ", 10), "a bc");
        assert_eq!(one_line("abcde", 5), "abcde");
    }

    /// A word at once is the same as its characters, one by one.
    #[test]
    fn words_are_pushed_as_their_characters() {
        let mut random = crate::samples::random();
        let pieces = [
            "a",
            "of",
            "words",
            "  ",
            "\t",
            "ä",
            "\u{200e}",
            "\u{202e}",
            "\u{1}",
            "longer-than-eight",
            " ",
        ];
        for _ in 0..20_000 {
            let text: String =
                (0..random(12)).map(|_| *pieces.get(random(pieces.len())).unwrap()).collect();
            let chars_max = random(40);
            let (mut whole, mut single) = (Line::new(chars_max), Line::new(chars_max));
            whole.push(&text);
            for c in text.chars() {
                match c {
                    _ if single.full => break,
                    c if c.is_whitespace() || c.is_control() => single.space = true,
                    c if c == MARK || !is_directional(c) => single.push_char(c),
                    _ => {}
                }
            }
            assert_eq!(whole.finish(), single.finish(), "{text:?}, {chars_max}");
        }
    }

    #[test]
    fn long_text_is_cut_at_a_word() {
        assert_eq!(one_line("deploy moved to Friday", 20), "deploy moved to…");
        assert_eq!(one_line(&"x".repeat(16_384), 10), format!("{}…", "x".repeat(9)));
        assert_eq!(one_line("äöüäöü", 4), "äöü…");
    }

    #[test]
    fn a_link_without_words_is_its_address() {
        let link = Link { address: "https://a.example".into(), words: " ".into() };
        assert_eq!(of_parts(&[Part::FileLink(link)], 40), "https://a.example");
    }

    #[test]
    fn units_are_utf16() {
        assert_eq!(cut_units("a😀b", 3), "a😀");
        assert_eq!(cut_units("a😀b", 2), "a");
    }
}
