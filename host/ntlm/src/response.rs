//! The NTLMv2 response (MS-NLMP 3.3.2): what proves the password.

use zeroize::Zeroizing;

use crate::crypto::{hmac_md5, md4};
use crate::wire::{malformed, utf16};
use crate::{Error, FileTime, Secret, TargetInfo};

/// NT proof, and the fixed part of what it proves.
const PROOF_BYTES: usize = 16;
const FIXED_BYTES: usize = 28;
/// The length of an NTLMv1 response.
const V1_BYTES: usize = 24;

/// MD4 of a password: as good as the password itself, and kept as carefully.
#[derive(Clone)]
pub struct NtHash(Zeroizing<[u8; 16]>);

impl NtHash {
    /// Hashes a password (NTOWFv1).
    pub fn of(password: &Secret) -> Self {
        Self(Zeroizing::new(md4(&Zeroizing::new(utf16(password.expose())))))
    }

    /// Takes a hash as a directory stores it.
    pub fn from_bytes(hash: [u8; 16]) -> Self {
        Self(Zeroizing::new(hash))
    }

    /// Binds the hash to a user name, which any case spells, and a domain, which only one does.
    pub(crate) fn response_key(&self, user: &str, domain: &str) -> ResponseKey {
        let key = hmac_md5(&*self.0, &[&utf16(&upper_case(user)), &utf16(domain)]);
        ResponseKey(Zeroizing::new(key))
    }
}

impl From<&Secret> for NtHash {
    fn from(password: &Secret) -> Self {
        Self::of(password)
    }
}

impl std::fmt::Debug for NtHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Upper case as Windows has it: one UTF-16 unit for one, so `ß` stays as it is.
pub(crate) fn upper_case(text: &str) -> String {
    text.chars().map(upper_case_character).collect()
}

fn upper_case_character(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) if character.len_utf16() == 1 && one.len_utf16() == 1 => one,
        _ => character,
    }
}

/// NTOWFv2.
pub(crate) struct ResponseKey(Zeroizing<[u8; 16]>);

impl ResponseKey {
    /// Returns the whole response: the proof, then what it proves.
    pub(crate) fn respond(
        &self,
        server_challenge: &[u8; 8],
        client_challenge: &[u8; 8],
        time: FileTime,
        target_info: &TargetInfo,
    ) -> Result<Vec<u8>, Error> {
        let mut proved = vec![1, 1, 0, 0, 0, 0, 0, 0];
        proved.extend(time.0.to_le_bytes());
        proved.extend(client_challenge);
        proved.extend([0; 4]);
        proved.extend(target_info.bytes()?);
        proved.extend([0; 4]);
        let mut response = self.proof(server_challenge, &proved).to_vec();
        response.append(&mut proved);
        Ok(response)
    }

    /// NTProofStr.
    pub(crate) fn proof(&self, server_challenge: &[u8; 8], proved: &[u8]) -> [u8; 16] {
        hmac_md5(&*self.0, &[server_challenge, proved])
    }

    pub(crate) fn lm_response(
        &self,
        server_challenge: &[u8; 8],
        client_challenge: &[u8; 8],
    ) -> [u8; 24] {
        let hash = hmac_md5(&*self.0, &[server_challenge, client_challenge]);
        let mut response = [0; 24];
        for (to, from) in response.iter_mut().zip(hash.iter().chain(client_challenge)) {
            *to = *from;
        }
        response
    }

    /// SessionBaseKey, which for NTLMv2 is the key exchange key too.
    pub(crate) fn session_base_key(&self, proof: &[u8; 16]) -> Zeroizing<[u8; 16]> {
        Zeroizing::new(hmac_md5(&*self.0, &[proof]))
    }
}

/// A response taken apart.
pub(crate) struct NtResponse<'a> {
    pub(crate) proof: &'a [u8; 16],
    pub(crate) proved: &'a [u8],
    pub(crate) target_info: TargetInfo,
}

impl<'a> NtResponse<'a> {
    pub(crate) fn parse(response: &'a [u8]) -> Result<Self, Error> {
        if response.is_empty() {
            return Err(Error::Anonymous);
        }
        if response.len() == V1_BYTES {
            return Err(Error::Unsupported("NTLMv2"));
        }
        let short = malformed(response.len(), "NTLMv2 response");
        let (proof, proved) = response.split_first_chunk::<PROOF_BYTES>().ok_or(short)?;
        let (fixed, list) = proved.split_first_chunk::<FIXED_BYTES>().ok_or(short)?;
        if !fixed.starts_with(&[1, 1]) {
            return Err(malformed(PROOF_BYTES, "response version 1"));
        }
        Ok(Self { proof, proved, target_info: TargetInfo::parse(list)? })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at surprises")]
    use super::*;
    use crate::test_data::{self, EXAMPLES, hex};

    #[test]
    fn published_responses() {
        for example in &EXAMPLES {
            let key =
                NtHash::of(&example.password.into()).response_key(example.user, example.domain);
            assert_eq!(key.0.to_vec(), hex(example.response_key), "{}", example.user);
            let challenge = hex(example.server_challenge).try_into().unwrap();
            let client = hex(example.client_challenge).try_into().unwrap();
            assert_eq!(key.lm_response(&challenge, &client).to_vec(), hex(example.lm_response));
            let info = TargetInfo::parse(&hex(example.target_info)).unwrap();
            let response = key.respond(&challenge, &client, example.time, &info).unwrap();
            assert_eq!(response[..16].to_vec(), hex(example.proof));
            let base_key = key.session_base_key(response.first_chunk().unwrap());
            assert_eq!(base_key.to_vec(), hex(example.session_base_key));
        }
    }

    #[test]
    fn whole_published_response() {
        let key = NtHash::of(&"Password".into()).response_key("User", "Domain");
        let info = TargetInfo::parse(&hex(test_data::NLMP_TARGET_INFO)).unwrap();
        let response = key
            .respond(&0xefcd_ab89_6745_2301_u64.to_le_bytes(), &[0xaa; 8], FileTime(0), &info)
            .unwrap();
        assert_eq!(
            response,
            hex("68cd0ab851e51c96aabc927bebef6a1c01010000000000000000000000000000aaaaaaaaaaaaaaaa\
                 0000000002000c0044006f006d00610069006e0001000c00530065007200760065007200000000000000\
                 0000")
        );
    }

    #[test]
    fn published_hashes_of_passwords() {
        assert_eq!(
            NtHash::of(&"Password".into()).0.to_vec(),
            hex("a4f49c406510bdcab6824ee7c30fd852")
        );
        assert_eq!(
            NtHash::of(&"Sommer!2013".into()).0.to_vec(),
            hex("fff31afdeb937134a19c35fb2889f12e")
        );
    }

    #[test]
    fn upper_case_keeps_length() {
        assert_eq!(upper_case("straße.müller-ж"), "STRAßE.MÜLLER-Ж");
        assert_eq!(upper_case("\u{10428}"), "\u{10428}", "beyond 16 bits Windows leaves it alone");
    }

    #[test]
    fn old_short_and_empty_responses_are_refused() {
        assert_eq!(NtResponse::parse(&[]).err(), Some(Error::Anonymous));
        // Published ones of NTLMv1, with extended session security and plain.
        for old in [
            "7537f803ae367128ca458204bde7caf81e97ed2683267232",
            "67c43011f30298a2ad35ece64f16331c44bdbed927841f94",
        ] {
            assert_eq!(NtResponse::parse(&hex(old)).err(), Some(Error::Unsupported("NTLMv2")));
        }
        for length in (1..44).filter(|length| *length != 24) {
            assert!(NtResponse::parse(&vec![1; length]).is_err(), "{length} bytes");
        }
    }
}
