//! A guest that traps: it plans by panicking, and refuses to compose.

wit_bindgen::generate!({ path: "../../../wit/0.3.0", world: "guest" });

use chat_digest::guest::log::{Level, write};

struct Trap;

impl Guest for Trap {
    fn plan(_: Room, _: Message, _: Vec<Cohort>) -> Result<Vec<Group>, String> {
        write(Level::Warn, "about to trap");
        std::process::abort();
    }

    fn compose(_: Edition) -> Result<Mail, String> {
        Err("this guest composes nothing".into())
    }
}

export!(Trap);
