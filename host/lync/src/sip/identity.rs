//! Who an endpoint is: epid, the instance UUID derived from it, and the registrar's GRUU.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha1::{Digest, Sha1};

/// `fcacfb03-8a73-46ef-91b1-e5ebeeaba4fe` with the first three fields little-endian.
const NAMESPACE: [u8; 16] = [
    0x03, 0xfb, 0xac, 0xfc, 0x73, 0x8a, 0xef, 0x46, 0x91, 0xb1, 0xe5, 0xeb, 0xee, 0xab, 0xa4, 0xfe,
];

/// Derives an endpoint id that is stable for one user on one machine: 12 hex digits.
///
/// Source: dossier 1.3, SIPE's rule.
#[must_use]
pub fn endpoint_id(address: &str, host_name: &str, ip: &str) -> String {
    let digest = Sha1::digest(format!("{address}:{host_name}:{ip}"));
    digest.iter().skip(14).map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the UUID for `+sip.instance` that belongs to `epid`, in small letters.
///
/// A server refuses a REGISTER whose UUID does not follow from its epid (MS-SIPAE 3.3.5.2).
///
/// Source: MS-SIPRE; dossier 1.3.
#[must_use]
pub fn instance_uuid(epid: &str) -> String {
    guid(instance_bytes(epid))
}

/// Prints 16 bytes as a GUID: the first three fields are little-endian.
fn guid(bytes: [u8; 16]) -> String {
    let [a0, a1, a2, a3, b0, b1, c0, c1, rest @ ..] = bytes;
    let [d0, d1, node @ ..] = rest;
    let node: String = node.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "{:08x}-{:04x}-{:04x}-{d0:02x}{d1:02x}-{node}",
        u32::from_le_bytes([a0, a1, a2, a3]),
        u16::from_le_bytes([b0, b1]),
        u16::from_le_bytes([c0, c1]),
    )
}

/// Returns the GRUU a registrar gives to the endpoint `epid` of `address` (`sip:…`).
///
/// For the pool's end: a client takes whatever text the registrar chose.
///
/// Source: dossier 1.4, computed from two captures.
#[must_use]
pub fn gruu(address: &str, epid: &str) -> String {
    let mut bytes = instance_bytes(epid).to_vec();
    bytes.extend([0, 0]);
    format!("{address};opaque=user:epid:{};gruu", URL_SAFE_NO_PAD.encode(bytes))
}

/// The UUID in GUID byte order: its first three fields little-endian.
fn instance_bytes(epid: &str) -> [u8; 16] {
    let mut hash = Sha1::new();
    hash.update(NAMESPACE);
    hash.update(epid.as_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    let [_, _, _, _, _, _, _, time_high, clock, ..] = &mut bytes;
    *time_high = (*time_high & 0x0f) | 0x50;
    *clock = (*clock & 0x3f) | 0x80;
    bytes
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;

    #[test]
    fn uuids_of_the_vectors() {
        assert_eq!(instance_uuid("01010101"), "4b1682a8-f968-5701-83fc-7c6741dc6697");
        assert_eq!(instance_uuid("c8ca638a15"), "34d859db-6585-5f91-a3b4-de853c15347d");
        assert_eq!(instance_uuid("f29197849b19"), "6df541c4-4a42-5127-8fbc-b5eae956b632");
    }

    #[test]
    fn endpoint_id_of_the_vectors() {
        let epid = endpoint_id("sip:roombot@contoso.com", "roombot01", "10.0.8.20");
        assert_eq!(epid, "f29197849b19");
    }

    #[test]
    fn gruu_of_the_vectors() {
        assert_eq!(
            gruu("sip:roombot@contoso.com", "f29197849b19"),
            "sip:roombot@contoso.com;opaque=user:epid:xEH1bUJKJ1GPvLXq6Va2MgAA;gruu"
        );
        assert!(gruu("sip:u@c", "c8ca638a15").contains(":21nYNIVlkV-jtN6FPBU0fQAA;"));
    }

    #[test]
    fn opaques_of_real_registrars_hold_the_uuid() {
        let uuid = |opaque: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(opaque).unwrap();
            assert!(bytes.ends_with(&[0, 0]));
            guid(*bytes.first_chunk().unwrap())
        };
        assert_eq!(uuid("21nYNIVlkV-jtN6FPBU0fQAA"), "34d859db-6585-5f91-a3b4-de853c15347d");
        assert_eq!(uuid("-gLwenLTVVqy-Ak8TJn1ZAAA"), "7af002fa-d372-5a55-b2f8-093c4c99f564");
    }
}
