use std::collections::BTreeSet;

use ntlm::{Role, Security, Signature};

use super::{AuthError, AuthHeader, AuthVersion, NTLM, Stamp, signed_string};
use crate::Entropy;
use crate::sip::Message;

/// The NTLM sequence number of every message in both directions (dossier 2.4).
pub const SEQUENCE: u32 = 100;

/// How many signatures of the peer are remembered. Below the oldest of them nothing is accepted.
pub const REPLAYS_MAX: usize = 1024;

/// Longest `crand` or `srand` that is read, in bytes; everybody sends 8.
pub const RAND_BYTES_MAX: usize = 64;

/// What both sides agreed on besides the keys.
#[derive(Debug, Clone)]
pub struct AssociationParameters {
    /// Which side this is.
    pub role: Role,
    /// What signatures cover.
    pub version: AuthVersion,
    /// As the challenge has it, letter case kept.
    pub realm: String,
    /// As the challenge has it, letter case kept.
    pub target_name: String,
    /// The server's name for this association.
    pub opaque: String,
    /// The challenge was a 407: the client answers in `Proxy-Authorization`.
    pub proxy: bool,
}

/// What a message's signature says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Verified {
    /// The peer signed it.
    Signed,
    /// It carries no signature. Whether that is all right depends on what it is: 1xx, 401 and 407
    /// may come unsigned, nothing else may (dossier 2.7).
    Unsigned,
}

/// A security association (SA): signs what this end sends, verifies what the other end sent.
///
/// It lives as long as its connection, at most eight hours (dossier 2.8); the caller watches that.
#[derive(Debug)]
pub struct SecurityAssociation {
    parameters: AssociationParameters,
    security: Security,
    sent: u64,
    received: Replays,
}

impl SecurityAssociation {
    /// Starts with the keys of a handshake; the first message gets number 1.
    #[must_use]
    pub fn new(parameters: AssociationParameters, security: Security) -> Self {
        Self { parameters, security, sent: 0, received: Replays::default() }
    }

    /// Returns what both sides agreed on.
    #[must_use]
    pub fn parameters(&self) -> &AssociationParameters {
        &self.parameters
    }

    /// Signs a message, replacing an older signature. All other headers must be final.
    ///
    /// A client adds `Authorization`, a server `Authentication-Info` (dossier 2.6).
    pub fn sign(&mut self, message: &mut Message, entropy: &mut dyn Entropy) {
        let (rand, number, signature) = self.stamp(message, entropy);
        let AssociationParameters { realm, target_name, opaque, .. } = &self.parameters;
        let header = AuthHeader::new(NTLM);
        let header = match self.parameters.role {
            Role::Client => header
                .with("qop", "auth")
                .with("opaque", opaque)
                .with("realm", realm)
                .with("targetname", target_name)
                .with("crand", &rand)
                .with("cnum", &number)
                .with("response", &signature),
            Role::Server => header
                .with("rspauth", &signature)
                .with("srand", &rand)
                .with("snum", &number)
                .with("opaque", opaque)
                .with("qop", "auth")
                .with("targetname", target_name)
                .with("realm", realm),
        };
        message.headers.set(self.header_name(), header.to_string());
    }

    /// Takes the next number and signs: returns rand, number and signature as text.
    pub(super) fn stamp(
        &mut self,
        message: &Message,
        entropy: &mut dyn Entropy,
    ) -> (String, String, String) {
        self.sent = self.sent.saturating_add(1);
        let mut rand = [0; 4];
        entropy.fill(&mut rand);
        let rand = self.hex(&rand);
        let number = self.sent.to_string();
        let AssociationParameters { version, realm, target_name, .. } = &self.parameters;
        let stamp = Stamp { scheme: NTLM, rand: &rand, number: &number, realm, target_name };
        let string = signed_string(*version, &stamp, message);
        let signature = self.security.sign(SEQUENCE, string.as_bytes());
        let signature = self.hex(&signature);
        (rand, number, signature)
    }

    /// Checks the peer's signature on a message.
    ///
    /// # Errors
    /// [`AuthError::UnknownAssociation`] if the signature is not meant for us: discard the
    /// message. [`AuthError::SignatureInvalid`], [`AuthError::Replayed`] or
    /// [`AuthError::Malformed`]: close the connection.
    pub fn verify(&mut self, message: &Message) -> Result<Verified, AuthError> {
        let Some(signed) = self.find(message)? else { return Ok(Verified::Unsigned) };
        let [rand, number, signature] = self.names().map(|name| signed.get(name));
        let (Some(rand), Some(number), Some(signature)) = (rand, number, signature) else {
            return Ok(Verified::Unsigned);
        };
        if rand.len() > RAND_BYTES_MAX {
            return Err(AuthError::Malformed("random value too long"));
        }
        let count = number.parse().map_err(|_| AuthError::Malformed("message number"))?;
        let AssociationParameters { version, realm, target_name, .. } = &self.parameters;
        let stamp = Stamp {
            scheme: NTLM,
            rand,
            number,
            realm: signed.get("realm").unwrap_or(realm),
            target_name: signed.get("targetname").unwrap_or(target_name),
        };
        let string = signed_string(*version, &stamp, message);
        let signature = parse_hex(signature).ok_or(AuthError::SignatureInvalid)?;
        if !self.security.verify(SEQUENCE, string.as_bytes(), &signature) {
            return Err(AuthError::SignatureInvalid);
        }
        self.received.insert(count, rand)?;
        Ok(Verified::Signed)
    }

    /// Finds the header that is meant for us; `None` if there is no NTLM header at all.
    fn find(&self, message: &Message) -> Result<Option<AuthHeader>, AuthError> {
        let names = match self.parameters.role {
            Role::Client => ["Authentication-Info", "Proxy-Authentication-Info"],
            Role::Server => ["Authorization", "Proxy-Authorization"],
        };
        let values = names.into_iter().flat_map(|name| message.headers.all(name));
        let mut headers = values.filter_map(AuthHeader::parse).filter(|header| header.is(NTLM));
        let mut others = false;
        let ours = headers.find(|header| {
            let ours = self.is_ours(header);
            others |= !ours;
            ours
        });
        if ours.is_none() && others {
            return Err(AuthError::UnknownAssociation);
        }
        Ok(ours)
    }

    fn is_ours(&self, header: &AuthHeader) -> bool {
        let AssociationParameters { role, realm, target_name, opaque, .. } = &self.parameters;
        let same = |name, ours: &String| {
            header.get(name).is_none_or(|theirs| theirs.eq_ignore_ascii_case(ours))
        };
        let opaque = *role == Role::Client || same("opaque", opaque);
        same("realm", realm) && same("targetname", target_name) && opaque
    }

    /// What the peer calls rand, number and signature.
    fn names(&self) -> [&'static str; 3] {
        match self.parameters.role {
            Role::Client => ["srand", "snum", "rspauth"],
            Role::Server => ["crand", "cnum", "response"],
        }
    }

    pub(super) fn header_name(&self) -> &'static str {
        match self.parameters.role {
            Role::Client if self.parameters.proxy => "Proxy-Authorization",
            Role::Client => "Authorization",
            Role::Server => "Authentication-Info",
        }
    }

    /// Clients write small letters and servers capitals, as the real ones do.
    fn hex(&self, bytes: &[u8]) -> String {
        match self.parameters.role {
            Role::Client => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
            Role::Server => bytes.iter().map(|byte| format!("{byte:02X}")).collect(),
        }
    }
}

fn parse_hex(text: &str) -> Option<Signature> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    let mut signature = Signature::default();
    if !odd.is_empty() || pairs.len() != signature.len() {
        return None;
    }
    for (byte, [high, low]) in signature.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok());
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(signature)
}

/// The signatures seen, by number and rand. What falls out at the low end stays refused, so that
/// forgetting never opens a door; numbers rise, if with gaps.
#[derive(Debug, Default)]
struct Replays {
    seen: BTreeSet<(u64, String)>,
    forgotten: Option<u64>,
}

impl Replays {
    fn insert(&mut self, number: u64, rand: &str) -> Result<(), AuthError> {
        let old = self.forgotten.is_some_and(|forgotten| number <= forgotten);
        if old || !self.seen.insert((number, rand.to_owned())) {
            return Err(AuthError::Replayed);
        }
        if self.seen.len() > REPLAYS_MAX {
            self.forgotten = self.seen.pop_first().map(|(number, _)| number);
        }
        Ok(())
    }
}
