//! How a mistake in the configuration is shown: the place, the line with a pointer, what is wrong,
//! and what was probably meant. A line that is about a secret is not shown: that ends in logs and in
//! tickets.

use std::{fmt::Write as _, ops::Range};

/// Longest part of a line that is shown, in characters; the pointer stands within it.
const SHOWN_MAX: usize = 120;
/// Longest key that something is proposed for, and that is shown whole, in characters.
const KEY_CHARS_MAX: usize = 64;
/// How the reader of TOML begins to say that a key is missing.
const MISSING: &str = "missing field `";
/// Words in a key whose value is nobody's business.
const SECRET_WORDS: [&str; 4] = ["pass", "secret", "token", "database"];

/// The number of the line at a byte, from 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count() + 1
}

/// What is wrong, with its line where there is a place.
pub(super) fn shown(text: &str, span: Option<Range<usize>>, what: &str) -> String {
    // What is missing everywhere stands in no line.
    let nowhere = |span: &Range<usize>| what.starts_with(MISSING) && is_all(text, span);
    let span = span.filter(|span| !nowhere(span));
    let what = plain_words(what);
    let Some(span) = span else { return what };
    let begin = text.get(..span.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let line = text.get(begin..).unwrap_or_default().lines().next().unwrap_or_default();
    let column = text.get(begin..span.start).unwrap_or_default().chars().count();
    let number = line_of(text, span.start);
    if is_secret(text, begin) {
        return format!("line {number} (not shown, it is about a password): {what}");
    }
    let marked = text.get(span).unwrap_or_default().lines().next().unwrap_or_default();
    format!(
        "line {number}, column {}\n{}{what}",
        column + 1,
        pointed(number, line, column, marked.chars().count().max(1))
    )
}

/// The line, and below it what is meant.
fn pointed(number: usize, line: &str, column: usize, length: usize) -> String {
    let from = if column < SHOWN_MAX { 0 } else { column - SHOWN_MAX / 2 };
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let part: String = line.chars().skip(from).take(SHOWN_MAX).map(visible).collect();
    let column = column - from;
    let number = number.to_string();
    let margin = " ".repeat(number.len());
    let mut shown = String::new();
    let _ = writeln!(shown, "{margin} |");
    let _ = writeln!(shown, "{number} | {part}");
    let pointer = "^".repeat(length.min(SHOWN_MAX.saturating_sub(column)).max(1));
    let _ = writeln!(shown, "{margin} | {}{pointer}", " ".repeat(column));
    shown
}

fn is_all(text: &str, span: &Range<usize>) -> bool {
    span.start == 0 && span.end >= text.trim_end().len()
}

/// Whether the line that begins there, or the key that it goes on with, is about a secret.
fn is_secret(text: &str, begin: usize) -> bool {
    let here = text.get(begin..).unwrap_or_default().lines().next().unwrap_or_default();
    let before = text.get(..begin).unwrap_or_default().lines().rev();
    for line in std::iter::once(here).chain(before) {
        let lower = line.to_lowercase();
        let has_account = lower.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
        if has_account || SECRET_WORDS.iter().any(|word| lower.contains(word)) {
            return true;
        }
        let begins = lower.trim_start();
        if begins.is_empty() || begins.starts_with(['[', '#']) || begins.contains(" = ") {
            return false;
        }
    }
    false
}

/// What the reader of TOML says, in the words of this program, and what was probably meant.
fn plain_words(what: &str) -> String {
    if let Some(missing) = quoted(what, MISSING) {
        return format!("`{missing}` is missing here; `chat-digest config` shows every key");
    }
    let kinds = [("unknown field `", "key", "keys"), ("unknown variant `", "value", "values")];
    for (begin, one, many) in kinds {
        let Some((unknown, allowed)) =
            what.strip_prefix(begin).and_then(|rest| rest.rsplit_once("`, expected "))
        else {
            continue;
        };
        let allowed: Vec<&str> = allowed.split('`').skip(1).step_by(2).collect();
        let meant = nearest(unknown, &allowed)
            .map_or_else(String::new, |meant| format!(" did you mean `{meant}`?"));
        let unknown: String = unknown.chars().take(KEY_CHARS_MAX).collect();
        return format!(
            "`{unknown}` is no {one} known here:{meant} The {many} allowed here are `{}`",
            allowed.join("`, `")
        );
    }
    what.trim_end().to_owned()
}

fn quoted<'w>(what: &'w str, begin: &str) -> Option<&'w str> {
    what.strip_prefix(begin)?.strip_suffix('`')
}

/// The allowed word that is written most like this one, if any is like it at all.
fn nearest<'a>(unknown: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let length = unknown.chars().count();
    if length > KEY_CHARS_MAX {
        return None;
    }
    let unknown = unknown.to_lowercase().replace('-', "_");
    let distance = |word: &&str| strsim::osa_distance(&unknown, &word.replace('-', "_"));
    let (word, distance) =
        allowed.iter().map(|word| (*word, distance(word))).min_by_key(|(_, distance)| *distance)?;
    (distance <= 1 + length / 4).then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_proposed_if_it_is_like_it() {
        let allowed = ["schedule", "form", "gather", "gather_max", "spread"];
        for (unknown, meant) in [
            ("shedule", Some("schedule")),
            ("schedules", Some("schedule")),
            ("from", Some("form")),
            ("Gather-Max", Some("gather_max")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(unknown, &allowed), meant, "{unknown}");
        }
        assert_eq!(nearest(&"schedule".repeat(100), &allowed), None);
    }

    #[test]
    fn the_pointer_stands_below_what_is_meant() {
        let said = shown("a = 1\nßä = tru\n", Some(13..16), "what");
        assert_eq!(said, "line 2, column 6\n  |\n2 | ßä = tru\n  |      ^^^\nwhat");
        let long = format!("{} = 1", "k".repeat(5000));
        let said = shown(&long, Some(5003..5004), "what");
        assert!(said.lines().all(|line| line.chars().count() <= SHOWN_MAX + 6), "{said}");
        assert!(shown("", None, "unknown field `a`, expected `b`").starts_with("`a` is no key"));
        // Whatever is asked for, even in the middle of a letter.
        for at in 0..20 {
            let _ = shown("a = 1\nßä = tru\n", Some(at..at + 3), "what");
        }
    }

    #[test]
    fn a_line_that_is_about_a_secret_is_not_shown() {
        for text in [
            "password = \"hunter2",
            "database = [\"postgres://me:hunter2@db\"]",
            "passwort = \"\"\"\nhunter2",
            "url = \"https://me:hunter2@mail\"",
        ] {
            let said = shown(text, Some(text.len() - 3..text.len()), "what");
            assert!(!said.contains("hunter2") && said.contains("not shown"), "{said}");
        }
    }
}
