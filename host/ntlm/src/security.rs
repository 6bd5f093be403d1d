use rc4::{Rc4, StreamCipher};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::crypto::{crc32, hmac_md5, md5, rc4};
use crate::flags;

/// A message signature: version 1, checksum, sequence number (MS-NLMP 2.2.2.9).
pub type Signature = [u8; 16];

/// Which side of a handshake this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It sent the proof.
    Client,
    /// It checked the proof.
    Server,
}

/// The session keys of both directions; signs and seals what we send, checks what we receive.
///
/// On a connection the key stream runs on: every message must be handed in exactly once and in
/// order, and after one failure nothing verifies any more. In datagram mode each message has a
/// key stream of its own, so messages may be lost or come twice, and the sequence number may stay
/// the same (SIP: always 100).
pub struct Security {
    flags: u32,
    send: Direction,
    receive: Direction,
}

impl Security {
    /// Derives the keys from the exported session key (MS-NLMP 3.4.5).
    pub fn new(flags: u32, exported_session_key: &[u8; 16], role: Role) -> Self {
        let client = Direction::new(flags, exported_session_key, Role::Client);
        let server = Direction::new(flags, exported_session_key, Role::Server);
        match role {
            Role::Client => Self { flags, send: client, receive: server },
            Role::Server => Self { flags, send: server, receive: client },
        }
    }

    /// What both sides agreed on, see [`flags`].
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// Signs a message to the peer (MS-NLMP 3.4.4.2).
    pub fn sign(&mut self, sequence: u32, message: &[u8]) -> Signature {
        self.send.begin(self.flags, sequence);
        self.send.signature(self.flags, sequence, message)
    }

    /// Checks the signature of a message from the peer, in constant time.
    #[must_use]
    pub fn verify(&mut self, sequence: u32, message: &[u8], signature: &Signature) -> bool {
        self.receive.begin(self.flags, sequence);
        let expected = self.receive.signature(self.flags, sequence, message);
        expected.ct_eq(signature).into()
    }

    /// Encrypts a message to the peer in place and signs it (MS-NLMP 3.4.3).
    pub fn seal(&mut self, sequence: u32, message: &mut [u8]) -> Signature {
        self.send.begin(self.flags, sequence);
        let plain = Zeroizing::new(message.to_vec());
        self.send.stream.apply_keystream(message);
        self.send.signature(self.flags, sequence, &plain)
    }

    /// Decrypts a message from the peer in place. Do not read it if the answer is `false`.
    #[must_use]
    pub fn open(&mut self, sequence: u32, message: &mut [u8], signature: &Signature) -> bool {
        self.receive.begin(self.flags, sequence);
        self.receive.stream.apply_keystream(message);
        let expected = self.receive.signature(self.flags, sequence, message);
        expected.ct_eq(signature).into()
    }
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Security {{ flags: {:#010x}, keys: *** }}", self.flags)
    }
}

/// What one side's messages are signed and sealed with.
struct Direction {
    keys: Keys,
    stream: Rc4,
}

impl Direction {
    fn new(flags: u32, exported_session_key: &[u8; 16], sender: Role) -> Self {
        let keys = Keys::derive(flags, exported_session_key, sender);
        Self { stream: rc4(&keys.seal), keys }
    }

    /// In datagram mode every message gets a fresh key stream (MS-NLMP 3.4.3).
    fn begin(&mut self, flags: u32, sequence: u32) {
        if flags & flags::DATAGRAM != 0 {
            let key = Zeroizing::new(md5(&[&*self.keys.seal, &sequence.to_le_bytes()]));
            self.stream = rc4(&key);
        }
    }

    fn signature(&mut self, flags: u32, sequence: u32, message: &[u8]) -> Signature {
        let [a, b, c, d, e, f, g, h, ..] =
            hmac_md5(&*self.keys.sign, &[&sequence.to_le_bytes(), message]);
        let mut checksum = [a, b, c, d, e, f, g, h];
        if flags & flags::KEY_EXCHANGE != 0 {
            self.stream.apply_keystream(&mut checksum);
        }
        assemble(&checksum, sequence)
    }
}

fn assemble(checksum: &[u8; 8], sequence: u32) -> Signature {
    let mut signature = [0; 16];
    let parts = [1, 0, 0, 0].into_iter().chain(*checksum).chain(sequence.to_le_bytes());
    for (to, from) in signature.iter_mut().zip(parts) {
        *to = from;
    }
    signature
}

struct Keys {
    sign: Zeroizing<[u8; 16]>,
    seal: Zeroizing<[u8; 16]>,
}

impl Keys {
    fn derive(flags: u32, key: &[u8; 16], sender: Role) -> Self {
        let (sign, seal): (&[u8], &[u8]) = match sender {
            Role::Client => (
                b"session key to client-to-server signing key magic constant\0",
                b"session key to client-to-server sealing key magic constant\0",
            ),
            Role::Server => (
                b"session key to server-to-client signing key magic constant\0",
                b"session key to server-to-client sealing key magic constant\0",
            ),
        };
        let seal = md5(&[weakened(flags, key), seal]);
        Self { sign: Zeroizing::new(md5(&[key, sign])), seal: Zeroizing::new(seal) }
    }
}

/// The part of the key that the agreed strength leaves for sealing (MS-NLMP 3.4.5.3).
fn weakened(flags: u32, key: &[u8; 16]) -> &[u8] {
    let strength_bytes = match flags {
        flags if flags & flags::KEY_128 != 0 => 16,
        flags if flags & flags::KEY_56 != 0 => 7,
        _ => 5,
    };
    key.get(..strength_bytes).unwrap_or(key)
}

/// Signs as before extended session security: a CRC under RC4 (MS-NLMP 3.4.4.1).
///
/// `stream` is RC4 under the session key. The pad is not signed, nor does anybody check it. Only
/// servers before 2007 R2 need this, so no handshake of ours agrees to it.
pub fn legacy_signature(
    stream: &mut impl StreamCipher,
    pad: [u8; 4],
    sequence: u32,
    message: &[u8],
) -> Signature {
    let [a, b, c, d] = crc32(message).to_le_bytes();
    let mut block = [0, 0, 0, 0, a, b, c, d, 0, 0, 0, 0];
    stream.apply_keystream(&mut block);
    let [_, _, _, _, a, b, c, d, last @ ..] = block;
    let [p, q, r, s] = pad;
    assemble(&[p, q, r, s, a, b, c, d], u32::from_le_bytes(last) ^ sequence)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at surprises")]
    use rc4::KeyInit;

    use super::*;
    use crate::test_data::{EXAMPLES, PLAINTEXT, hex};

    const NLMP: u32 = 0xe28a_8233;

    #[test]
    fn published_keys() {
        for example in &EXAMPLES {
            let key = hex(example.exported_session_key).try_into().unwrap();
            let security = Security::new(flags::SIP_CLIENT, &key, Role::Client);
            assert_eq!(security.send.keys.sign.to_vec(), hex(example.client_sign_key));
            assert_eq!(security.send.keys.seal.to_vec(), hex(example.client_seal_key));
            assert_eq!(security.receive.keys.sign.to_vec(), hex(example.server_sign_key));
            assert_eq!(security.receive.keys.seal.to_vec(), hex(example.server_seal_key));
        }
    }

    #[test]
    fn published_sealing_continues_the_stream() {
        let mut client = Security::new(NLMP, &[0x55; 16], Role::Client);
        let mut message = hex(PLAINTEXT);
        let signature = client.seal(0, &mut message);
        assert_eq!(message, hex("54e50165bf1936dc996020c1811b0f06fb5f"));
        assert_eq!(signature.to_vec(), hex("010000007fb38ec5c55d497600000000"));

        let mut server = Security::new(NLMP, &[0x55; 16], Role::Server);
        assert!(server.open(0, &mut message, &signature));
        assert_eq!(message, hex(PLAINTEXT));
    }

    #[test]
    fn published_signature_without_key_exchange() {
        let mut client = Security::new(NLMP & !flags::KEY_EXCHANGE, &[0x55; 16], Role::Client);
        let signature = client.sign(0, &hex(PLAINTEXT));
        assert_eq!(signature.to_vec(), hex("0100000070352851f256430900000000"));
    }

    #[test]
    fn davenport_signature() {
        let key = hex("0102030405060708090a0b0c0d0e0f00").try_into().unwrap();
        let mut client = Security::new(flags::EXTENDED_SESSION_SECURITY, &key, Role::Client);
        assert_eq!(client.send.keys.sign.to_vec(), hex("f7f97a82ec390f9c903dac4f6aceb132"));
        assert_eq!(client.sign(0, b"jCIFS").to_vec(), hex("010000000a003602317a759a00000000"));
    }

    #[test]
    fn published_56_bit_keys_of_ntlmv1() {
        let key = hex("eb93429a8bd952f8b89c55b87f475edc").try_into().unwrap();
        let mut client = Security::new(0x820a_8233, &key, Role::Client);
        assert_eq!(client.send.keys.sign.to_vec(), hex("60e799be5c72fc92922ae8ebe961fb8d"));
        assert_eq!(client.send.keys.seal.to_vec(), hex("04dd7f014d8504d265a25cc86a3a7c06"));
        let mut message = hex(PLAINTEXT);
        let signature = client.seal(0, &mut message);
        assert_eq!(message, hex("a02372f6530273f3aa1eb90190ce5200c99d"));
        assert_eq!(signature.to_vec(), hex("01000000ff2aeb52f681793a00000000"));
    }

    #[test]
    fn legacy_signatures() {
        let mut stream = Rc4::new_from_slice(&hex("0102030405e538b0")).unwrap();
        let signature = legacy_signature(&mut stream, 0x0009_0178_u32.to_le_bytes(), 0, b"jCIFS");
        assert_eq!(signature.to_vec(), hex("0100000078010900397420fe0e5a0f89"));

        // The published plain NTLMv1 example seals first and keeps the encrypted pad.
        let mut stream = Rc4::new_from_slice(&[0x55; 16]).unwrap();
        let mut message = hex(PLAINTEXT);
        stream.apply_keystream(&mut message);
        assert_eq!(message, hex("56fe04d861f9319af0d7238a2e3b4d457fb8"));
        let pad = [0x45, 0xc8, 0x44, 0xe5];
        let signature = legacy_signature(&mut stream, pad, 0, &hex(PLAINTEXT));
        assert_eq!(signature.to_vec(), hex("0100000045c844e509dcd1df2e459d36"));
    }

    #[test]
    fn legacy_signature_of_ocs_2007() {
        let string = b"<NTLM><0878F41B><1><SIP Communications Service><ocs1.ocs.provo.novell.com>\
            <8592g5DCBa1694i5887m0D0Bt2247b3F38xAE9Fx><3><REGISTER><sip:gabriel@ocs.provo.novell.com>\
            <2947328781><B816D65C2300A32CFA6D371F2AF537FD><900><200>";
        assert_eq!(crc32(string), 0x1b7a_17c4);
        let mut stream = Rc4::new_from_slice(&hex("5f029153bc025058969548615e7099ba")).unwrap();
        let signature = legacy_signature(&mut stream, [0; 4], 100, string);
        assert_eq!(signature.to_vec(), hex("0100000000000000bf2e52667ddf6ded"));
    }

    #[test]
    fn real_ocs_signatures() {
        let key: [u8; 16] = hex("6742fbe37bb1946b49d86a525bd29a9b").try_into().unwrap();
        let mut client = Security::new(flags::SIP_CLIENT, &key, Role::Client);
        let mut server = Security::new(flags::SIP_CLIENT, &key, Role::Server);
        let request = b"<NTLM><13317733><1><SIP Communications Service><cosmo-ocs-r2.cosmo.local>\
            <4037df9284354df39065195bd57a4b14><3><REGISTER><sip:user@cosmo.local><3e49177a52>\
            <sip:user@cosmo.local><><><><>";
        let response = b"<NTLM><9616454F><1><SIP Communications Service><cosmo-ocs-r2.cosmo.local>\
            <4037df9284354df39065195bd57a4b14><3><REGISTER><sip:user@cosmo.local><3e49177a52>\
            <sip:user@cosmo.local><5E61CCD925D17E043D9A74835A88F664><><><7200><200>";
        // Datagrams have no order: twice gives the same.
        for _ in 0..2 {
            let signature = client.sign(100, request);
            assert_eq!(signature.to_vec(), hex("0100000029618e9651b65a7764000000"));
            assert!(server.verify(100, request, &signature));
            let signature = server.sign(100, response);
            assert_eq!(signature.to_vec(), hex("01000000e615438a917661be64000000"));
            assert!(client.verify(100, response, &signature));
        }
    }

    /// The dossier's L2, step by step.
    #[test]
    fn intermediate_values_of_one_signature() {
        let key = hex("c0ffee0123456789abcdef9876543210").try_into().unwrap();
        let mut client = Security::new(flags::SIP_CLIENT, &key, Role::Client);
        let sequence = 100_u32.to_le_bytes();
        let per_message = |keys: &Keys| md5(&[&*keys.seal, &sequence]).to_vec();
        assert_eq!(per_message(&client.send.keys), hex("b38f52d6b1a7a52641ab41052fabf5af"));
        assert_eq!(per_message(&client.receive.keys), hex("2c6376a4a05a72ec427381e015499166"));
        let string = b"<NTLM><ffe5f472><5><SIP Communications Service><lyncfe01.contoso.com>\
            <11d2a7c08f3b4e5d96a7b8c9d0e1f203><2><INFO><sip:roombot@contoso.com><3c5e9a01>\
            <sip:GC-1-PersistentChatService-2@contoso.com><7F00A1B2C3><><><>";
        let checksum = hmac_md5(&*client.send.keys.sign, &[&sequence, string]);
        assert_eq!(checksum.to_vec(), hex("6fe88df58f917a3b8cf9b5157314a4fe"));
        assert_eq!(client.sign(100, string).to_vec(), hex("010000002e904dc3acbcdd8464000000"));
    }

    #[test]
    fn altered_messages_and_own_echoes_fail() {
        for flags in [NLMP, flags::SIP_CLIENT] {
            let mut client = Security::new(flags, &[9; 16], Role::Client);
            let fresh = || Security::new(flags, &[9; 16], Role::Server);
            let signature = client.sign(7, b"message");
            assert!(fresh().verify(7, b"message", &signature));
            assert!(!fresh().verify(7, b"massage", &signature));
            assert!(!fresh().verify(8, b"message", &signature));
            assert!(!client.verify(7, b"message", &signature), "an echo is not from the peer");
            for byte in 0..16 {
                let mut altered = signature;
                if let Some(byte) = altered.get_mut(byte) {
                    *byte ^= 1;
                }
                assert!(!fresh().verify(7, b"message", &altered), "byte {byte}");
            }
        }
    }
}
