//! NTLMv2 as a client and as a server, on connections (HTTP) and on datagrams (SIP).
//!
//! Nothing here reads a clock or makes up a number: challenges, session keys and times are handed
//! in. A client turns the server's challenge into an answer with [`authenticate`]; a server checks
//! that answer with [`accept`]. Both get a [`Security`], which signs and verifies what follows.
//!
//! Only NTLMv2 with extended session security is spoken. Older answers are refused, and no
//! password check is ever skipped: [`accept`] compares the NT proof whatever the flags say.
//!
//! Source: [MS-NLMP](https://learn.microsoft.com/openspecs/windows_protocols/ms-nlmp/).

mod binding;
mod client;
mod crypto;
mod error;
pub mod flags;
mod messages;
mod response;
mod secret;
mod security;
mod server;
mod target_info;
#[cfg(test)]
mod test_data;
mod time;
mod wire;

pub use binding::channel_binding;
pub use client::{AuthenticateParameters, Authenticated, Credentials, LmResponse, authenticate};
pub use error::Error;
pub use messages::{Authenticate, Challenge, ChallengeParameters, Negotiate, Version, negotiate};
pub use response::NtHash;
pub use secret::Secret;
pub use security::{Role, Security, Signature, legacy_signature};
pub use server::{Accepted, ChannelBindingPolicy, accept};
pub use target_info::{AvId, ServerNames, TargetInfo};
pub use time::FileTime;
pub use wire::MESSAGE_BYTES_MAX;
