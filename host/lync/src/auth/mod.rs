//! Who is on the other end: the NTLM handshake inside REGISTER, and the signature that every later
//! message carries in both directions (MS-SIPAE; dossier 2).
//!
//! A client runs [`ClientHandshake`], a server [`ServerHandshake`]; each ends in a
//! [`SecurityAssociation`], which signs what goes out and verifies what comes in. The signature
//! covers a [`signed_string`] of chosen header fields, never the body.

mod association;
mod client;
mod error;
mod header;
mod server;
mod signature;
#[cfg(test)]
mod transcript;

pub use association::{
    AssociationParameters, RAND_BYTES_MAX, REPLAYS_MAX, SEQUENCE, SecurityAssociation, Verified,
};
pub use client::{Authorized, ClientHandshake};
pub use error::AuthError;
pub use header::{AuthHeader, PARAMETERS_MAX};
pub use server::{Accepted, ServerHandshake, ServerParameters, ServerStep};
pub use signature::{AuthVersion, Stamp, signed_string};

/// The only scheme spoken so far; Kerberos and TLS-DSK would stand beside it.
pub const NTLM: &str = "NTLM";

/// The realm of every Front End.
pub const REALM: &str = "SIP Communications Service";
