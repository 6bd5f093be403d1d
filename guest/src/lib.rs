//! The shipped guest of chat-digest. The contract is `wit/0.3.0/chat-digest.wit`; this file only joins it
//! to the logic, all of which runs and is tested without a sandbox too.
//!
//! [`plan`] decides, [`compose`] writes: [`html`] and [`text`] render the same [`view::View`].
//!
//! Other guests in Rust may use it as a library, without its feature `component`: they take
//! [`bindings`], decide by themselves, and have [`composed`] write. `examples` shows how.

#[cfg(any(test, all(feature = "component", target_arch = "wasm32")))]
mod arena;
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

/// What `wit-bindgen` makes of the contract. A guest implements [`bindings::Guest`] and exports it with
/// `bindings::export!(Mine with_types_in chat_digest_guest::bindings)`.
pub mod bindings {
    #![allow(missing_docs, unreachable_pub, unused_qualifications, reason = "generated")]
    #![allow(
        clippy::allow_attributes_without_reason,
        clippy::too_many_arguments,
        reason = "generated"
    )]
    wit_bindgen::generate!({
        path: "../wit/0.3.0",
        world: "guest",
        additional_derives: [PartialEq],
        pub_export_macro: true,
        default_bindings_module: "chat_digest_guest::bindings",
    });
}

use bindings::chat_digest::guest::log::{self, Level};
#[cfg(feature = "component")]
use bindings::chat_digest::guest::settings;
pub use bindings::chat_digest::guest::types;
use types::{Cohort, Edition, Group, Mail, Message};

/// Decides as the shipped guest does, with the administrator's settings looked up by `get`.
///
/// # Errors
/// A setting that is not allowed, in words for the administrator.
pub fn planned(
    get: impl Fn(&str) -> Option<String>,
    message: &Message,
    cohorts: &[Cohort],
) -> Result<Vec<Group>, String> {
    let policy = plan::Policy::read(get)?;
    Ok(plan::plan(&policy, message, cohorts))
}

/// Writes as the shipped guest does. With the mail comes what the administrator may want to know of
/// it, if anything.
///
/// # Errors
/// An edition that breaks the contract: no item, or an item of a room that is not listed.
pub fn composed(edition: &Edition) -> Result<(Mail, Option<String>), String> {
    compose::compose(edition).map(|composed| (composed.mail, composed.note))
}

#[cfg(all(feature = "component", target_arch = "wasm32"))]
#[global_allocator]
static MEMORY: arena::Arena = arena::Arena::new();

#[cfg(feature = "component")]
struct Shipped;

#[cfg(feature = "component")]
impl bindings::Guest for Shipped {
    fn plan(
        _room: types::Room,
        message: Message,
        cohorts: Vec<Cohort>,
    ) -> Result<Vec<Group>, String> {
        report_panics();
        let groups = planned(settings::get, &message, &cohorts)?;
        log::write(Level::Debug, &plan::summary(&groups));
        Ok(groups)
    }

    fn compose(edition: Edition) -> Result<Mail, String> {
        report_panics();
        let (mail, note) = composed(&edition)?;
        if let Some(note) = note {
            log::write(Level::Info, &note);
        }
        Ok(mail)
    }
}

/// Makes a panic say where it happened before it becomes a bare trap. Its words are not logged: they
/// may quote the message that caused it. Call it first in every call.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".into(), ToString::to_string);
        log::write(Level::Error, &format!("the guest panicked at {place}"));
    }));
}

#[cfg(feature = "component")]
#[allow(unsafe_code, unreachable_pub, reason = "the exported symbols; generated")]
mod export {
    use super::{Shipped, bindings};
    bindings::export!(Shipped with_types_in bindings);
}
