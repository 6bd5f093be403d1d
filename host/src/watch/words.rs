//! How things are called on the page, and what is not shown.

/// What is shown of an address.
const MASK: &str = "…@…";
/// What a guest says in its own words begins behind one of these and a colon: it may quote a message.
const OWN_WORDS: [&str; 3] = ["; its last words", " refused to plan", " refused to compose"];
/// What is shown in their place.
const NO_WORDS: &str = " (its own words: chat-digest guest list)";

/// A person's address; all but its first letter is masked unless `show`.
pub(super) fn address(address: &str, show: bool) -> String {
    if show {
        return address.to_owned();
    }
    let (scheme, rest) = match address.split_once(':') {
        Some((scheme, rest)) if !scheme.contains('@') => (format!("{scheme}:"), rest),
        _ => (String::new(), address),
    };
    let first: String = rest.chars().take(1).filter(|c| c.is_alphanumeric()).collect();
    format!("{scheme}{first}{MASK}")
}

/// A sentence with every address in it masked, unless `show`.
pub(super) fn sentence(text: &str, show: bool) -> String {
    if show {
        return text.to_owned();
    }
    let text = without_own_words(text);
    let mut masked = String::with_capacity(text.len());
    for piece in text.split_inclusive(is_between) {
        let word = piece.trim_end_matches(is_between);
        match word.split_once('@') {
            Some((user, domain)) if !user.is_empty() && !domain.is_empty() => {
                masked.push_str(&address(word, false));
                masked.push_str(piece.get(word.len()..).unwrap_or_default());
            }
            _ => masked.push_str(piece),
        }
    }
    masked
}

fn is_between(c: char) -> bool {
    c.is_whitespace() || "<>()[]{}\"'`\u{201c}\u{201d},;=/".contains(c)
}

fn without_own_words(text: &str) -> String {
    let begins = |words: &&str| text.split_once(&format!("{words}: ")).map(|(before, _)| before);
    let found = OWN_WORDS.iter().filter_map(|words| Some((begins(words)?, words)));
    match found.min_by_key(|(before, _)| before.len()) {
        Some((before, words)) => format!("{before}{words}{NO_WORDS}"),
        None => text.to_owned(),
    }
}

/// How long ago something was, or how soon it is.
pub(super) fn ago(at_ms: i64, now_ms: i64) -> String {
    match now_ms.saturating_sub(at_ms) {
        past @ 0.. => format!("{} ago", span(past)),
        coming => format!("in {}", span(coming.saturating_neg())),
    }
}

/// A length of time in its largest unit.
pub(crate) fn span(ms: i64) -> String {
    const UNITS: [(i64, &str); 4] =
        [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s")];
    for (unit, name) in UNITS {
        if ms >= 2 * unit || (ms >= unit && unit <= 60_000) {
            return format!("{} {name}", ms / unit);
        }
    }
    "0 s".to_owned()
}

/// A count with the right word for it.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::guest::{CallError, GuestId, LogLine, Operation, Trap};

    #[test]
    fn addresses_are_masked_wherever_they_stand() {
        assert_eq!(address("sip:anna.keller@contoso.com", false), "sip:a…@…");
        assert_eq!(address("anna@contoso.com", false), "a…@…");
        assert_eq!(address("sip:anna@contoso.com", true), "sip:anna@contoso.com");
        let said = "550 <anna@contoso.com>: no mailbox (sip:anna@contoso.com), is `bob@x.com`?";
        assert_eq!(sentence(said, false), "550 <a…@…>: no mailbox (sip:a…@…), is `b…@…`?");
        assert_eq!(sentence("anna@contoso.com: gone", false), "a…@… gone");
        assert_eq!(sentence("at 5 @ noon", false), "at 5 @ noon");
    }

    #[test]
    fn a_guests_own_words_are_left_out() {
        let guest = GuestId { name: "mine".into(), digest: "12ab".into() };
        let refused = CallError::Refused {
            guest: guest.clone(),
            operation: Operation::Plan,
            reason: "cannot read SECRET".into(),
            log: Vec::new(),
        };
        let log =
            vec![LogLine { level: crate::guest::types::Level::Error, message: "SECRET".into() }];
        let trap = Trap::Deadline { deadline: Duration::from_secs(1) };
        let trapped = CallError::Trapped { guest, operation: Operation::Compose, trap, log };
        for error in [refused, trapped] {
            let said = error.to_string();
            assert!(said.contains("SECRET"), "{said}");
            let shown = sentence(&said, false);
            assert!(!shown.contains("SECRET") && shown.contains("mine"), "{shown}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(ago(0, 1500), "1 s ago");
        assert_eq!(ago(0, 90_000), "1 min ago");
        assert_eq!(ago(0, 90 * 60_000), "90 min ago");
        assert_eq!(ago(0, 30 * 3_600_000), "30 h ago");
        assert_eq!(ago(0, 72 * 3_600_000), "3 d ago");
        assert_eq!(ago(5000, 0), "in 5 s");
        assert_eq!(span(0), "0 s");
    }
}
