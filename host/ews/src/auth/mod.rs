//! Signing in over HTTP (ews.md 5), both ends, without sockets: whoever has them moves the header
//! fields.
//!
//! Basic goes with every request. NTLM is a matter of the connection: three legs on one HTTP/1.1
//! connection, after which that connection, and no other, belongs to the user.
//!
//! # Channel binding
//! NTLM can be tied to the TLS connection. Both ends need the bytes of `tls-server-end-point`
//! (RFC 5929): the hash of the server's leaf certificate in DER. The hash is the one that the
//! certificate's own signature uses (for RSA-PSS the one in its parameters), but SHA-256 where that
//! is MD5 or SHA-1. Where the signature names no hash (Ed25519), no binding is sent: a missing one
//! is borne by most servers, a wrong one by none. The TLS version does not matter. Whoever has the
//! certificate computes the hash; [`ntlm_binding`] does the rest.

mod challenge;
mod client;
mod server;

pub use challenge::{Challenge, HEADER_BYTES_MAX, Scheme, challenges};
pub use client::{AuthError, NtlmHandshake, basic};
pub use server::{Account, ConnectionAuth, Decision, Policy, REQUESTS_REFUSED_MAX};

/// Makes NTLM's channel binding out of the certificate's hash.
#[must_use]
pub fn ntlm_binding(certificate_hash: &[u8]) -> [u8; 16] {
    let mut application_data = b"tls-server-end-point:".to_vec();
    application_data.extend_from_slice(certificate_hash);
    ntlm::channel_binding(&application_data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binding_of_32_zero_bytes() {
        let expected = 0xc9ec_5cb2_9e8f_57f7_ee64_29cd_e733_efeb_u128.to_be_bytes();
        assert_eq!(ntlm_binding(&[0; 32]), expected);
    }
}
