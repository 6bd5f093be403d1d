//! The shipped guest of chat-digest. The contract is `wit/chat-digest.wit`; this file only joins it
//! to the logic, all of which runs and is tested without a sandbox too.
//!
//! [`plan`] decides, [`compose`] writes: [`html`] and [`text`] render the same [`view::View`].

mod compose;
mod escape;
mod excerpt;
mod html;
mod inbox;
mod plan;
mod question;
mod rows;
mod summary;
mod text;
mod time;
mod view;
mod words;

#[cfg(test)]
mod gallery;
#[cfg(test)]
mod samples;

mod bindings {
    #![allow(missing_docs, unreachable_pub, unused_qualifications, reason = "generated")]
    #![allow(
        clippy::allow_attributes_without_reason,
        clippy::too_many_arguments,
        reason = "generated"
    )]
    wit_bindgen::generate!({ path: "../wit", world: "guest" });
}

use bindings::chat_digest::guest::log::{self, Level};
use bindings::chat_digest::guest::{settings, types};
use types::{Edition, Group, Mail, Member, Message, Room};

struct Shipped;

impl bindings::Guest for Shipped {
    fn plan(_room: Room, message: Message, members: Vec<Member>) -> Result<Vec<Group>, String> {
        report_panics();
        let policy = plan::Policy::read(settings::get)?;
        let groups = plan::plan(&policy, &message, &members);
        log::write(Level::Debug, &plan::summary(&groups));
        Ok(groups)
    }

    fn compose(edition: Edition) -> Result<Mail, String> {
        report_panics();
        let composed = compose::compose(&edition)?;
        if let Some(note) = composed.note {
            log::write(Level::Info, &note);
        }
        Ok(composed.mail)
    }
}

/// Makes a panic say where it happened before it becomes a bare trap. Its words are not logged: they
/// may quote the message that caused it.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".into(), ToString::to_string);
        log::write(Level::Error, &format!("the guest panicked at {place}"));
    }));
}

#[allow(unsafe_code, reason = "the exported symbols; generated")]
mod export {
    use super::{Shipped, bindings};
    bindings::export!(Shipped with_types_in bindings);
}
