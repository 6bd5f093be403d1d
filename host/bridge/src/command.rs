//! What people say to the service to choose for themselves: `digest weekdays at 08:00`,
//! `digest off`, `digest status`. In a room it counts for the room, by mail for all rooms, unless
//! the words say otherwise.

use crate::member::Wish;
use crate::preference::{Choice, Form, Limits};
use crate::schedule::Schedule;
use crate::text;

/// Longest text that is read as a command, in bytes.
pub const COMMAND_BYTES_MAX: usize = 400;

/// The word that every command begins with.
const WORD: &str = "digest";

/// What people can say, for answers.
pub const HELP: &str = "\
digest status                        what you get, and why
digest instant                       every message at once
digest mentions                      at once what names you, the rest in the digest
digest daily at 08:00                everything in a digest at 08:00 of your time
digest weekdays at 08:00 and 16:00   the same on working days, twice
digest every 2h                      a digest every two hours
digest summary                       digests as counts and highlights
digest complete                      digests with every message
digest zone Europe/Berlin            your time zone
digest off                           no mail
digest default                       what the administrator has set
Said in a room, it counts for that room; by mail, for all rooms. Add \"everywhere\", or
\"in NAME\" with the name of a room, to say otherwise.";

/// For which rooms a command counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Where it was said: this room, or all if it came by mail.
    Here,
    /// All rooms.
    Everywhere,
    /// The room of this name.
    Room(String),
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Asks what is set.
    Status,
    /// Asks what can be said.
    Help,
    /// Sets what the choice says, and leaves the rest.
    Set(Choice, Scope),
    /// Takes back what was chosen.
    Forget(Scope),
}

/// Words that are meant for the service and that it does not understand or may not follow. The
/// texts are answers to who said them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// None of the words known.
    #[error("I do not understand \u{201c}{words}\u{201d}: {why}")]
    Unknown {
        /// What was said.
        words: String,
        /// What is wrong with it.
        why: String,
    },
    /// Too long to be a command.
    #[error("That is too long for a command: at most {COMMAND_BYTES_MAX} bytes")]
    TooLong,
    /// The administrator does not leave it to people.
    #[error("The administrator does not allow \u{201c}{0}\u{201d} here")]
    NotAllowed(&'static str),
    /// Digests would come too often.
    #[error("The administrator allows digests not more often than every {0}")]
    TooOften(String),
}

impl Command {
    /// Reads a text that may be a command; `None` if it is not meant for the service. `names` are
    /// what the service is called: a text may address it first, as in `@Chat Digest digest off`.
    ///
    /// Words among others, `addressed` to nobody, must be understood to count as a command:
    /// “Digest of the meeting” in a room is a message like any other.
    #[must_use]
    pub fn parse(
        text: &str,
        names: &[&str],
        addressed: bool,
    ) -> Option<Result<Self, CommandError>> {
        let line = text.trim_start().lines().next().unwrap_or_default();
        let (line, called) = strip_names(line.trim(), names);
        let rest = strip_word(line, WORD)?;
        let read = if line.len() > COMMAND_BYTES_MAX {
            Err(CommandError::TooLong)
        } else {
            let (rest, scope) = split_scope(rest);
            Self::read(rest, scope)
        };
        let understood = !matches!(read, Ok(Self::Help) | Err(_));
        (understood || addressed || called).then_some(read)
    }

    fn read(words: &str, scope: Scope) -> Result<Self, CommandError> {
        let lower = words.to_ascii_lowercase();
        let wish =
            |wish| Self::Set(Choice { wish: Some(wish), ..Choice::default() }, scope.clone());
        match lower.as_str() {
            "" | "help" | "?" => Ok(Self::Help),
            "status" | "info" => Ok(Self::Status),
            "off" | "stop" | "none" | "unsubscribe" => Ok(wish(Wish::Off)),
            "instant" | "instantly" => Ok(wish(Wish::Instant)),
            "mentions" => Ok(wish(Wish::Mentions)),
            "default" | "reset" => Ok(Self::Forget(scope)),
            "on" | "subscribe" => Ok(wish(Wish::Digest)),
            _ => Self::longer(words, &lower, scope),
        }
    }

    fn longer(words: &str, lower: &str, scope: Scope) -> Result<Self, CommandError> {
        let zone = strip_word(lower, "zone").or_else(|| strip_word(lower, "time zone"));
        if let Some(zone) = zone.filter(|zone| !zone.is_empty()) {
            // As it was written: names of zones have capitals.
            let zone = words.get(words.len() - zone.len()..).unwrap_or(zone);
            let choice = Choice { time_zone: Some(zone.to_owned()), ..Choice::default() };
            return Ok(Self::Set(choice, scope));
        }
        let mut choice = Choice::default();
        let mut rest = lower;
        for form in [Form::Summary, Form::Complete] {
            let ends = rest.strip_suffix(form.as_str()).map(str::trim_end);
            if let Some(before) = ends.or_else(|| strip_word(rest, form.as_str())) {
                choice.form = Some(form);
                rest = before.trim_end_matches(',').trim();
            }
        }
        if let Some(before) = strip_word(rest, "mentions") {
            choice.wish = Some(Wish::Mentions);
            rest = before;
        }
        if !rest.is_empty() {
            let schedule = Schedule::parse(rest).map_err(|error| CommandError::Unknown {
                words: text::clip(words, 60).into_owned(),
                why: error.to_string(),
            })?;
            let wish = if schedule.is_instant() { Wish::Instant } else { Wish::Digest };
            choice.wish = choice.wish.or(Some(wish));
            choice.schedule = Some(schedule).filter(|schedule| !schedule.is_instant());
        }
        Ok(Self::Set(choice, scope))
    }

    /// Checks a command against what the administrator leaves to people.
    ///
    /// # Errors
    /// [`CommandError::NotAllowed`] and [`CommandError::TooOften`].
    pub fn within(self, limits: &Limits) -> Result<Self, CommandError> {
        if let Self::Set(choice, _) = &self {
            if let Some(wish) = choice.wish.filter(|wish| !limits.allows(*wish)) {
                return Err(CommandError::NotAllowed(wish.as_str()));
            }
            if choice.schedule.as_ref().is_some_and(|schedule| !limits.is_long(schedule)) {
                return Err(CommandError::TooOften(spell(limits.shortest.as_secs())));
            }
        }
        Ok(self)
    }
}

/// `90` as `90 seconds`, `7200` as `2 hours`.
fn spell(seconds: u64) -> String {
    match seconds {
        s if s > 0 && s.is_multiple_of(3600) => format!("{} hours", s / 3600),
        s if s > 0 && s.is_multiple_of(60) => format!("{} minutes", s / 60),
        s => format!("{s} seconds"),
    }
}

/// What follows `word` in `text`, if it begins with it as a whole word, in any letter case.
fn strip_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(word.len())?;
    let whole = rest.chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '-');
    let same = head.eq_ignore_ascii_case(word) && whole;
    same.then(|| rest.trim_start_matches([':', ',']).trim())
}

/// The line without the service's name in front, and whether that stood there.
fn strip_names<'t>(line: &'t str, names: &[&str]) -> (&'t str, bool) {
    let line = line.strip_prefix('@').unwrap_or(line);
    let called = names.iter().filter(|name| !name.is_empty()).find_map(|name| {
        let rest = strip_word(line, name)?;
        // The service may itself be called `digest`: then the word counts, not the name.
        strip_word(rest, WORD).map(|_| rest)
    });
    (called.unwrap_or(line), called.is_some())
}

/// Takes `everywhere`, `here` or `in NAME` off the end.
fn split_scope(words: &str) -> (&str, Scope) {
    let words = words.trim().trim_end_matches(['.', '!']).trim_end();
    let lower = words.to_ascii_lowercase();
    for (ending, scope) in [("everywhere", Scope::Everywhere), ("here", Scope::Here)] {
        if let Some(before) = lower.strip_suffix(ending)
            && (before.is_empty() || before.ends_with(' '))
        {
            return (words.get(..before.len()).unwrap_or_default().trim_end(), scope);
        }
    }
    match lower.find(" in ") {
        Some(at) => {
            let name = words.get(at + 4..).unwrap_or_default().trim().trim_matches('"');
            (words.get(..at).unwrap_or_default().trim_end(), Scope::Room(name.to_owned()))
        }
        None => (words, Scope::Here),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

    use std::time::Duration;

    use super::*;

    fn parse(text: &str) -> Command {
        Command::parse(text, &["Chat Digest", "chat-digest"], true).unwrap().unwrap()
    }

    fn set(wish: Option<Wish>, schedule: Option<&str>, form: Option<Form>) -> Command {
        let schedule = schedule.map(|words| Schedule::parse(words).unwrap());
        Command::Set(Choice { wish, schedule, form, time_zone: None }, Scope::Here)
    }

    #[test]
    fn what_people_say() {
        assert_eq!(parse("digest status"), Command::Status);
        assert_eq!(parse("Digest"), Command::Help);
        assert_eq!(parse("DIGEST OFF"), set(Some(Wish::Off), None, None));
        assert_eq!(parse("digest: instant!"), set(Some(Wish::Instant), None, None));
        assert_eq!(parse("digest mentions"), set(Some(Wish::Mentions), None, None));
        assert_eq!(
            parse("digest mentions, weekdays 08:00"),
            set(Some(Wish::Mentions), Some("weekdays at 08:00"), None)
        );
        assert_eq!(
            parse("digest daily 8:00"),
            set(Some(Wish::Digest), Some("daily at 08:00"), None)
        );
        assert_eq!(
            parse("digest weekdays at 08:00, summary"),
            set(Some(Wish::Digest), Some("weekdays at 08:00"), Some(Form::Summary))
        );
        assert_eq!(parse("digest summary"), set(None, None, Some(Form::Summary)));
        assert_eq!(parse("digest complete"), set(None, None, Some(Form::Complete)));
        assert_eq!(parse("digest on"), set(Some(Wish::Digest), None, None));
        assert_eq!(parse("digest reset"), Command::Forget(Scope::Here));
        let zone = Choice { time_zone: Some("Europe/Berlin".into()), ..Choice::default() };
        assert_eq!(parse("digest zone Europe/Berlin"), Command::Set(zone.clone(), Scope::Here));
        assert_eq!(parse("digest time zone Europe/Berlin"), Command::Set(zone, Scope::Here));
        assert_eq!(parse("digest off\nthank you"), set(Some(Wish::Off), None, None));
    }

    #[test]
    fn for_which_rooms() {
        let scope = |text| match parse(text) {
            Command::Set(choice, scope) => (choice.wish, scope),
            Command::Forget(scope) => (None, scope),
            other => panic!("{other:?}"),
        };
        assert_eq!(scope("digest off everywhere"), (Some(Wish::Off), Scope::Everywhere));
        assert_eq!(scope("digest off here"), (Some(Wish::Off), Scope::Here));
        assert_eq!(
            scope("digest off in \"Ops Desk\""),
            (Some(Wish::Off), Scope::Room("Ops Desk".into()))
        );
        assert_eq!(scope("digest default in Café"), (None, Scope::Room("Café".into())));
        assert_eq!(
            scope("digest daily at 08:00 in Build"),
            (Some(Wish::Digest), Scope::Room("Build".into()))
        );
    }

    #[test]
    fn names_may_come_first() {
        for text in [
            "@Chat Digest digest off",
            "Chat Digest: digest off",
            "@chat-digest, digest off",
            "chat-digest digest off",
        ] {
            assert_eq!(parse(text), set(Some(Wish::Off), None, None), "{text}");
        }
    }

    #[test]
    fn what_is_not_for_us() {
        for text in
            ["", "hello", "digestive biscuits", "the digest is off", "@Anna digest", "digest-off"]
        {
            assert_eq!(Command::parse(text, &["Chat Digest"], true), None, "{text}");
        }
        for text in ["digest", "Digest of the meeting: we go on", "digest?"] {
            assert_eq!(Command::parse(text, &["Chat Digest"], false), None, "{text}");
        }
        let addressed = Command::parse("@Chat Digest digest of what?", &["Chat Digest"], false);
        assert!(addressed.unwrap().is_err());
        assert!(Command::parse("digest off", &[], false).unwrap().is_ok());
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let error = |text: &str| Command::parse(text, &[], true).unwrap().unwrap_err().to_string();
        let told = error("digest whenever you like");
        assert!(told.starts_with("I do not understand “whenever you like”: "), "{told}");
        assert!(told.contains("weekdays at 08:00"), "{told}");
        assert!(error("digest daily at 25:00").contains("is no time of day"));
        assert!(error(&format!("digest {}", "x".repeat(500))).contains("too long"));
    }

    #[test]
    fn the_administrator_has_a_say() {
        let limits = Limits {
            wishes: vec![Wish::Digest, Wish::Mentions],
            shortest: Duration::from_secs(7200),
        };
        let error = |text| parse(text).within(&limits).unwrap_err().to_string();
        assert_eq!(error("digest off"), "The administrator does not allow “off” here");
        assert!(error("digest every 1h").ends_with("not more often than every 2 hours"));
        assert!(parse("digest daily at 08:00").within(&limits).is_ok());
        assert!(parse("digest status").within(&limits).is_ok());
    }

    /// Cut anywhere and with anything in it: no panic.
    #[test]
    fn any_text_is_read() {
        for text in ["digest daily at 08:00, summary in Café Ünïcode everywhere", "digest zone É/ß"]
        {
            for (at, _) in text.char_indices() {
                let _ = Command::parse(&text[..at], &["Chat Digest"], true);
                let _ = Command::parse(&text[at..], &["", "ß"], false);
            }
        }
    }
}
