//! What is left between the links: line ends, emoticons, mentions.

use std::ops::Range;

use super::{
    Part,
    people::{MENTIONS_MAX, People, is_word},
};

/// The emoticons of dossier 5.3, longer ones before those they begin with.
const EMOTICONS: [&str; 11] =
    [":)", ":(", "8-)", ":-D", ":-O", ":-/", ":'(", ":-P", ";)", ">:O", ":-*"];

/// Turns free stretches of one text into parts.
pub(super) struct Words<'t, 'p> {
    text: &'t str,
    people: &'p People,
    mentions_left: usize,
    pub(super) parts: Vec<Part>,
}

impl<'t, 'p> Words<'t, 'p> {
    pub(super) fn new(text: &'t str, people: &'p People) -> Self {
        Self { text, people, mentions_left: MENTIONS_MAX, parts: Vec::new() }
    }

    /// Reads `range`. What stands around it decides where words end.
    pub(super) fn read(&mut self, range: Range<usize>) {
        let mut done = range.start;
        let mut at = range.start;
        while let Some(character) =
            self.text.get(at..range.end).and_then(|rest| rest.chars().next())
        {
            let step = character.len_utf8();
            match self.at(character, at, range.end) {
                Some((part, length)) => {
                    self.plain(done..at);
                    self.parts.push(part);
                    at += length;
                    done = at;
                }
                None => at += step,
            }
        }
        self.plain(done..range.end);
    }

    fn plain(&mut self, range: Range<usize>) {
        if let Some(text) = self.text.get(range).filter(|text| !text.is_empty()) {
            match self.parts.last_mut() {
                Some(Part::Text(before)) => before.push_str(text),
                _ => self.parts.push(Part::Text(text.to_owned())),
            }
        }
    }

    fn at(&mut self, character: char, at: usize, end: usize) -> Option<(Part, usize)> {
        match character {
            '\n' => Some((Part::LineBreak, 1)),
            '@' => self.mention(at, end),
            ':' | ';' | '8' | '>' => self.emoticon(at, end),
            _ => None,
        }
    }

    fn before(&self, at: usize) -> Option<char> {
        self.text.get(..at).and_then(|before| before.chars().next_back())
    }

    fn mention(&mut self, at: usize, end: usize) -> Option<(Part, usize)> {
        let glued = |c: char| is_word(c) || matches!(c, '.' | '-' | '@' | '/' | '+');
        if self.mentions_left == 0 || self.before(at).is_some_and(glued) {
            return None;
        }
        self.mentions_left -= 1;
        let (address, length) = self.people.find(self.text.get(at + 1..end)?)?;
        let text = self.text.get(at..=at + length)?.to_owned();
        Some((Part::Mention { address: address.to_owned(), text }, length + 1))
    }

    fn emoticon(&self, at: usize, end: usize) -> Option<(Part, usize)> {
        let rest = self.text.get(at..end)?;
        let emoticon = EMOTICONS.iter().find(|emoticon| rest.starts_with(**emoticon))?;
        let neighbour = matches!(self.parts.last(), Some(Part::Emoticon(before))
            if self.text.get(..at).is_some_and(|text| text.ends_with(before.as_str())));
        let starts = neighbour || self.before(at).is_none_or(char::is_whitespace);
        let after = self.text.get(at + emoticon.len()..).and_then(|after| after.chars().next());
        let ends = !after.is_some_and(|c| is_word(c) || matches!(c, '/' | '\\'));
        let part = Part::Emoticon((*emoticon).to_owned());
        (starts && ends).then_some((part, emoticon.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let people = People::new([("sip:anna.keller@contoso.com", "Anna Keller")]);
        let mut words = Words::new(text, &people);
        words.read(0..text.len());
        let shown = words.parts.into_iter().map(|part| match part {
            Part::Emoticon(text) => format!("E {text}"),
            Part::Mention { text, .. } => format!("M {text}"),
            Part::LineBreak => "BR".to_owned(),
            Part::Text(text) => text,
            other => format!("{other:?}"),
        });
        shown.collect()
    }

    #[test]
    fn emoticons_stand_alone() {
        for emoticon in EMOTICONS {
            assert_eq!(shown(emoticon), [format!("E {emoticon}")]);
            assert_eq!(shown(&format!("a{emoticon}")), [format!("a{emoticon}")]);
        }
        assert_eq!(shown("hi :):( ."), ["hi ", "E :)", "E :(", " ."]);
        assert_eq!(shown("18-) x:) :)x"), ["18-) x:) :)x"]);
        assert_eq!(shown("ok ;)."), ["ok ", "E ;)", "."]);
    }

    #[test]
    fn mentions_begin_and_end_with_words() {
        assert_eq!(shown("@Anna: look"), ["M @Anna", ": look"]);
        assert_eq!(shown("hi @anna keller's"), ["hi ", "M @anna keller", "'s"]);
        assert_eq!(shown("(@anna.keller@contoso.com)"), ["(", "M @anna.keller@contoso.com", ")"]);
        for text in ["x@anna", "a.@anna", "@annabel", "@", "@@anna", "@ anna"] {
            assert_eq!(shown(text), [text]);
        }
    }

    #[test]
    fn lines_are_parts() {
        assert_eq!(shown("a\n\nb\n"), ["a", "BR", "BR", "b", "BR"]);
        assert_eq!(shown(""), Vec::<String>::new());
    }
}
