use crate::crypto::md5;

/// Hashes a TLS channel into the 16 bytes that an authentication carries to be bound to it.
///
/// `application_data` is `tls-server-end-point:` followed by the hash of the server's
/// certificate. The hash is over a `gss_channel_bindings_struct` without addresses.
///
/// Source: MS-NLMP 2.2.2.1 (MsvAvChannelBindings), RFC 5929 section 4, ews.md 5.4.
pub fn channel_binding(application_data: &[u8]) -> [u8; 16] {
    // Longer than any hash by far; the length field is the only place it could overflow.
    let length = u32::try_from(application_data.len()).unwrap_or(u32::MAX);
    md5(&[&[0; 16], &length.to_le_bytes(), application_data])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data::hex;

    #[test]
    fn all_zero_certificate_hash() {
        let mut application_data = b"tls-server-end-point:".to_vec();
        application_data.extend([0; 32]);
        assert_eq!(
            channel_binding(&application_data).to_vec(),
            hex("c9ec5cb29e8f57f7ee6429cde733efeb")
        );
    }
}
