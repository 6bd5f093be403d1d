//! The four primitives, each over the concatenation of its parts.

use hmac::{Hmac, KeyInit, Mac};
use md4::Md4;
use md5::{Digest, Md5};
use rc4::{Rc4, StreamCipher};

pub(crate) fn md4(data: &[u8]) -> [u8; 16] {
    Md4::digest(data).into()
}

pub(crate) fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
pub(crate) fn hmac_md5(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let mut mac = Hmac::<Md5>::new_from_slice(key).expect("any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[expect(clippy::expect_used, reason = "RC4 takes keys of 1 to 256 bytes")]
pub(crate) fn rc4(key: &[u8; 16]) -> Rc4 {
    Rc4::new_from_slice(key).expect("16 bytes")
}

/// Encrypts or decrypts one session key.
pub(crate) fn rc4_key(key: &[u8; 16], mut data: [u8; 16]) -> [u8; 16] {
    rc4(key).apply_keystream(&mut data);
    data
}

/// CRC-32 as in Ethernet; the messages are short and the use is rare, so no table.
pub(crate) fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data::{PLAINTEXT, hex};

    #[test]
    fn published_hashes() {
        assert_eq!(md4(b"message digest").to_vec(), hex("d9130a8164549fe818874806e1c7014b"));
        assert_eq!(
            md5(&[b"message ", b"digest"]).to_vec(),
            hex("f96b697d7cb7938d525a2f31aaf161d0")
        );
        assert_eq!(
            hmac_md5(&[0x0b; 16], &[b"Hi", b" There"]).to_vec(),
            hex("9294727a3638bb1c13f48ef8158bfc9d")
        );
        assert_eq!(crc32(&hex(PLAINTEXT)), 0x93aa_847d);
    }

    /// MS-NLMP 4.2.2 and 4.2.3: what of NTLMv1 needs no DES, of which there is none here.
    #[test]
    fn published_keys_of_ntlmv1() {
        let base_key = md4(&hex("a4f49c406510bdcab6824ee7c30fd852"));
        assert_eq!(base_key.to_vec(), hex("d87262b0cde4b1cb7499becccdf10784"));
        let exchanged = rc4_key(&base_key, [0x55; 16]);
        assert_eq!(exchanged.to_vec(), hex("518822b1b3f350c8958682ecbb3e3cb7"));
        // With extended session security the key depends on both challenges.
        let challenges: [&[u8]; 2] = [&hex("0123456789abcdef"), &[0xaa; 8]];
        let exchange_key = hmac_md5(&base_key, &challenges);
        assert_eq!(exchange_key.to_vec(), hex("eb93429a8bd952f8b89c55b87f475edc"));
    }
}
