//! Persistent Chat of Lync Server 2013 and Skype for Business 2015: SIP, its NTLM signatures, and
//! XCCOS, as a client and as a server.
//!
//! Nothing here performs I/O, reads a clock or makes up a number: bytes, commands, [`Now`] and
//! [`Entropy`] go in; bytes, events and the next deadline come out. [`client::Session`] is one
//! signed-in endpoint, [`server::Pool`] a whole pool.

pub mod auth;
pub mod client;
pub mod content;
pub mod members;
mod now;
mod quirks;
pub mod server;
pub mod sip;
pub mod xccos;

pub use now::{Entropy, Now};
pub use quirks::Quirks;
