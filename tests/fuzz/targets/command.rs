//! What people say to the service: a message like any other, or a command that holds to what the
//! administrator allows; and who it is addressed to never changes what it means.
#![cfg_attr(fuzzing, no_main)]

use std::time::Duration;

use bridge::command::{COMMAND_BYTES_MAX, Command, CommandError};
use bridge::preference::Limits;

const NAMES: [&str; 2] = ["Chat Digest", "chat-digest"];

fuzz::target!(|data| {
    let text = String::from_utf8_lossy(data);
    let among_others = Command::parse(&text, &NAMES, false);
    let addressed = Command::parse(&text, &NAMES, true);
    if among_others.is_some() {
        assert_eq!(among_others, addressed);
    }
    // Called by its name in front, it means the same. An `@` calls somebody already.
    let called = text.trim_start().starts_with('@');
    if !called && Command::parse(&text, &[], true).is_some() {
        let named = format!("@{}: {}", NAMES[0], text.trim_start());
        assert_eq!(Command::parse(&named, &NAMES, false), addressed, "{text:?}");
    }
    match addressed {
        Some(Ok(command)) => limited(command),
        // No longer than a line of a message.
        Some(Err(error)) => assert!(error.to_string().len() <= 3 * COMMAND_BYTES_MAX, "{error}"),
        None => {}
    }
});

fn limited(command: Command) {
    let limits = Limits { shortest: Duration::from_secs(7200), ..Limits::default() };
    match command.within(&limits) {
        Ok(Command::Set(choice, _)) => {
            assert!(choice.wish.is_none_or(|wish| limits.allows(wish)));
            assert!(choice.schedule.is_none_or(|schedule| limits.is_long(&schedule)));
        }
        Ok(_) | Err(CommandError::NotAllowed(_) | CommandError::TooOften(_)) => {}
        Err(error) => panic!("not about limits: {error}"),
    }
}
