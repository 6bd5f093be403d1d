//! Exchange Web Services as both ends speak it, without I/O, clock or randomness.
//!
//! - [`soap`]: envelopes, faults, response messages, and the schema's rules for requests.
//! - One file per operation: [`create_item`], [`send_item`], [`find_item`], [`get_item`],
//!   [`delete_item`], [`resolve_names`], [`expand_dl`], [`get_mail_tips`],
//!   [`get_service_configuration`]. Each holds its request and what comes back, in both
//!   directions; [`operation`] holds what they share.
//! - [`client`]: bytes out of an operation, results out of an answer. [`delivery`]: the operations
//!   that deliver a mail exactly once.
//! - [`error`] and [`classify`]: what went wrong, sorted by what the caller can do.
//! - [`mime`]: mail as RFC 5322 has it. [`auth`]: signing in over HTTP, both ends.
//! - [`autodiscover`]: from an address to the server's address.
//! - [`server`]: the embedded mailbox server.
//!
//! "ews.md" in the comments is the project's collection of what is known about the protocol.

pub mod attachment;
pub mod auth;
pub mod autodiscover;
mod base64_text;
pub mod classify;
pub mod client;
pub mod code;
pub mod create_item;
pub mod date_time;
pub mod delete_item;
pub mod delivery;
pub mod error;
pub mod expand_dl;
pub mod find_item;
pub mod folder_id;
pub mod get_item;
pub mod get_mail_tips;
pub mod get_service_configuration;
pub mod item;
pub mod item_id;
pub mod mailbox;
pub mod mime;
pub mod operation;
pub mod property;
pub mod resolve_names;
pub mod restriction;
pub mod send_item;
pub mod server;
pub mod shape;
pub mod soap;
#[cfg(test)]
mod test;
mod values;

pub use classify::{Class, Effect};
pub use code::ResponseCode;
pub use error::Error;
