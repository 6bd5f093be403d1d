//! Which messages ask something that nobody has answered.

use crate::escape::lines;
use crate::excerpt::one_line;
use crate::rows::chars_exceed;
use crate::summary::{EXCERPT_CHARS, author, said};
use crate::types::{Item, Message, Part};
use crate::view::is_gap;

/// Messages after a question that may answer it.
const ANSWER_WITHIN: usize = 10;
/// What may follow the sign that ends a sentence.
const CLOSING: [char; 11] = ['…', ')', ']', '*', '_', '"', '\'', '“', '”', '»', '«'];

/// The questions of a room that nobody has answered, oldest first.
///
/// This goes by form alone. A message asks if a sentence of it ends with a question mark (`?`, or
/// that of Chinese or of Arabic); lines that quote others and addresses do not count. It is taken as
/// answered if, among the [`ANSWER_WITHIN`] messages after it,
///
/// - somebody else's message mentions the asker, or
/// - the first message of somebody else mentions nobody and asks nothing: it speaks to what was
///   said last.
///
/// If messages were missed there, the answer may be among them: then it is not listed either.
pub(crate) fn open<'a>(items: &[&'a Item]) -> Vec<&'a Item> {
    let places = items.iter().copied().enumerate();
    let open = places.filter(|(place, item)| {
        let after = items.get(place + 1..).unwrap_or_default();
        asks(&item.message) && !is_answered(&item.message, after)
    });
    open.map(|(_, item)| item).collect()
}

fn is_answered(question: &Message, after: &[&Item]) -> bool {
    let near = after.get(..ANSWER_WITHIN).unwrap_or(after);
    if near.iter().any(|item| is_gap(item)) {
        return true;
    }
    let mut others =
        near.iter().map(|item| &item.message).filter(|m| author(m) != author(question)).peekable();
    let follows = others.peek().is_some_and(|first| !mentions_anybody(first) && !asks(first));
    follows || others.any(|message| mentions(message, question))
}

fn mentions_anybody(message: &Message) -> bool {
    message.parts.iter().any(|part| matches!(part, Part::Mention(_)))
}

/// Whether a message mentions the author of another, by id or, where there is none, by name.
fn mentions(message: &Message, asker: &Message) -> bool {
    message.parts.iter().any(|part| match part {
        Part::Mention(mention) => match (mention.person, asker.author_person) {
            (Some(person), Some(asker)) => person == asker,
            _ => {
                let words = mention.words.trim().trim_start_matches('@');
                words.to_lowercase() == asker.author.trim().to_lowercase()
            }
        },
        _ => false,
    })
}

fn asks(message: &Message) -> bool {
    asking_sentence(message).is_some()
}

/// A question as it is quoted: the message if it is short, else the sentence that asks.
pub(crate) fn quoted(item: &Item) -> String {
    let message = &item.message;
    match asking_sentence(message).filter(|_| chars_exceed(&message.parts, EXCERPT_CHARS)) {
        Some(sentence) => one_line(&format!("… {sentence}"), EXCERPT_CHARS),
        None => said(item, EXCERPT_CHARS),
    }
}

/// The first sentence of a message that asks. Addresses and signs are left out of it.
fn asking_sentence(message: &Message) -> Option<String> {
    let mut text = String::new();
    for part in &message.parts {
        match part {
            Part::Text(words) => text.push_str(words),
            Part::Mention(mention) => text.push_str(&mention.words),
            Part::LineBreak => text.push('\n'),
            _ => text.push('…'),
        }
    }
    lines(&text).filter(|line| !line.trim_start().starts_with('>')).find_map(sentence_of)
}

/// The first sentence of a line that asks.
fn sentence_of(line: &str) -> Option<String> {
    let mut sentence = Vec::new();
    for word in line.split_whitespace() {
        sentence.push(word);
        let end = word.trim_end_matches(CLOSING);
        if word.contains("://") {
            continue;
        }
        // Where words stand without spaces, the wide sign ends a sentence anywhere.
        if word.contains(['？', '؟']) || end.trim_end_matches(['.', '!']).ends_with('?') {
            return Some(sentence.join(" "));
        }
        if end.ends_with(['.', '!']) {
            sentence.clear();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{gap, item, message, naming, said_by};
    use crate::types::Link;

    /// The minutes of the questions that are listed.
    fn listed(items: &[Item]) -> Vec<u8> {
        let items: Vec<_> = items.iter().collect();
        open(&items).iter().map(|item| item.message.sent.minute).collect()
    }

    #[test]
    fn a_sentence_that_asks_ends_with_its_sign() {
        for words in [
            "Why?",
            "why ?",
            "Is it \"done\"? Yes.",
            "(really?)",
            "what?!",
            "*now?*",
            "まだですか？はい",
            "متى؟",
            "a\nb?\nc",
        ] {
            assert!(asks(&message(words)), "{words}");
        }
        for words in ["Why", "x?y", "https://a.example/?", "a ? b : c?d", "> who?\nme", "?x", ""] {
            let expected = words == "a ? b : c?d";
            assert_eq!(asks(&message(words)), expected, "{words}");
        }
        let link = Link { address: "https://a.example".into(), words: "why?".into() };
        let parts = vec![Part::Text("see ".into()), Part::Hyperlink(link)];
        assert!(!asks(&Message { parts, ..message("") }));
    }

    #[test]
    fn of_a_long_message_the_question_is_quoted() {
        let link = Link { address: "https://a.example".into(), words: "log".into() };
        let parts = vec![
            Part::Text(format!("{}So be it. Can somebody read ", "Nobody knows. ".repeat(20))),
            Part::Hyperlink(link),
            Part::Text(" today? I can not.".into()),
        ];
        let long = item(Message { parts: parts.clone(), ..message("") });
        assert_eq!(quoted(&long), "… Can somebody read … today?");
        let short = Message { parts: parts.into_iter().skip(1).collect(), ..message("") };
        assert_eq!(quoted(&item(short)), "log today? I can not.");
    }

    #[test]
    fn what_is_answered_is_not_listed() {
        let ask = || said_by("Anna", 0, "who has the key?");
        let answer = || said_by("Ben", 1, "me");
        assert_eq!(listed(&[ask()]), [0]);
        assert_eq!(listed(&[ask(), answer()]), []);
        // The asker goes on; that answers nothing.
        assert_eq!(listed(&[ask(), said_by("Anna", 1, "or the code")]), [0]);
        assert_eq!(listed(&[ask(), said_by("Anna", 1, "or the code"), answer()]), []);
        // Somebody speaks to somebody else, or asks something else.
        assert_eq!(listed(&[ask(), naming("Cleo", answer())]), [0]);
        assert_eq!(listed(&[ask(), said_by("Ben", 1, "lunch?")]), [0, 1]);
        let later = naming("@anna", said_by("Cleo", 2, "here"));
        assert_eq!(listed(&[ask(), naming("Dan", answer()), later.clone()]), []);
        let mut late = vec![ask(), naming("Dan", answer())];
        late.extend((2..11).map(|minute| said_by("Ben", minute, "x")));
        late.push(later);
        assert_eq!(listed(&late), [0]);
    }

    #[test]
    fn a_gap_may_hold_the_answer() {
        let ask = said_by("Anna", 0, "who has the key?");
        assert_eq!(listed(&[ask, gap(Some(3))]), []);
    }
}
