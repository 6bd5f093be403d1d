//! The sandbox: runs a guest, which decides who gets a message and composes the mail.
//!
//! A guest is a WebAssembly component of the world in `wit/`. Every call runs in a fresh instance
//! and is bounded by [`Limits`]: fuel first, because it stops the same call at the same place every
//! time, and a deadline behind it. The guest can ask for names, attributes and settings and can
//! write to the log; it has no clock, no randomness, no files and no network. What it answers is
//! untrusted: `bridge` checks a plan, and the mail stage cleans what was composed.

mod cache;
mod call;
mod cohorts;
mod engine;
mod errors;
mod imports;
mod load;
pub mod types;
mod v0_1;
mod v0_2;
mod versions;
mod wasi;

#[cfg(test)]
mod tests;

pub use call::{Answer, PlanInput};
pub use engine::{Limits, Sandbox};
pub use errors::{CallError, GuestId, LoadError, Operation, Trap};
pub use imports::{Directory, LogLine, Surroundings};
pub use load::Guest;
pub(crate) use load::hex;
pub use versions::INTERFACE_VERSION_OLDEST;

/// The newest version of the contract that this host speaks; [`INTERFACE_VERSION_OLDEST`] is the
/// oldest. A guest of a later version of the same track, such as 0.3.9, runs as long as it asks for
/// nothing that was added later.
pub const INTERFACE_VERSION: &str = "0.3.0";

/// The guest that ships with the host, built by `guest/build.sh`.
pub const PREBUILT: &[u8] = include_bytes!("../../../guest/prebuilt/chat-digest-guest.wasm");

/// What `bindgen!` makes of the contract's newest version.
pub(crate) mod bindings {
    #![allow(missing_docs, unreachable_pub, unused_qualifications, reason = "generated")]
    #![allow(
        clippy::allow_attributes_without_reason,
        clippy::semicolon_if_nothing_returned,
        reason = "generated"
    )]
    wasmtime::component::bindgen!({
        path: "../wit/0.3.0",
        world: "guest",
        imports: { default: trappable },
        additional_derives: [PartialEq],
    });
}
