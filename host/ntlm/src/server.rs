use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::client::{MIC_PRESENT, overwrite};
use crate::crypto::{hmac_md5, rc4_key};
use crate::messages::MIC_AT;
use crate::response::NtResponse;
use crate::{Authenticate, AvId, Challenge, Error, NtHash, Role, Security, TargetInfo, flags};

/// What a server asks of the client about the TLS connection (ews.md 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelBindingPolicy {
    /// Nothing is checked.
    None,
    /// A client may leave the binding out or send zeros; a wrong one is refused.
    Allow,
    /// Only the right binding will do.
    Require,
}

/// A client that proved its password.
#[derive(Debug)]
pub struct Accepted {
    /// Account name as the client wrote it.
    pub user: String,
    /// Domain as the client wrote it; may be empty.
    pub domain: String,
    /// Name of the client's machine, as it claims.
    pub workstation: String,
    /// Our end of the session.
    pub security: Security,
}

/// Checks a client's answer to our challenge.
///
/// The NT proof is always compared. Besides that the integrity code is checked if the client
/// announced it (which the proof covers, so nobody can take that back on the way), and the channel
/// binding by `policy`; without an expected binding, `Require` refuses everybody. `negotiate` is
/// empty in datagram mode. `lookup` gets user and domain as the client wrote them.
///
/// Not checked: the age of the client's time. A challenge must be used for one answer only.
///
/// # Errors
/// [`Error::Malformed`] and [`Error::Unsupported`] for unusable messages, else the reason for the
/// refusal. Tell the peer none of it.
///
/// Source: MS-NLMP 3.2.5.1.2, 3.2.5.2.2; dossier 2.10.
pub fn accept(
    negotiate: &[u8],
    challenge: &[u8],
    authenticate: &[u8],
    lookup: impl FnOnce(&str, &str) -> Option<NtHash>,
    expected_channel_binding: Option<[u8; 16]>,
    policy: ChannelBindingPolicy,
) -> Result<Accepted, Error> {
    let ours = Challenge::parse(challenge)?;
    let theirs = Authenticate::parse(authenticate)?;
    check_flags(ours.flags, theirs.flags)?;
    let response = NtResponse::parse(&theirs.nt_response)?;
    if theirs.user.is_empty() {
        return Err(Error::Anonymous);
    }

    let hash = lookup(&theirs.user, &theirs.domain);
    let known = hash.is_some();
    // Strangers take as long as friends do.
    let hash = hash.unwrap_or_else(|| NtHash::from_bytes([0; 16]));
    let key = hash.response_key(&theirs.user, &theirs.domain);
    let proof = key.proof(&ours.server_challenge, response.proved);
    if !bool::from(proof.ct_eq(response.proof)) || !known {
        return Err(if known { Error::WrongPassword } else { Error::UnknownUser });
    }

    let session_key = session_key(&theirs, &key.session_base_key(&proof))?;
    if response.target_info.flags() & MIC_PRESENT != 0 {
        check_mic(&session_key, negotiate, challenge, authenticate, theirs.mic)?;
    }
    check_channel_binding(&response.target_info, expected_channel_binding, policy)?;
    let security = Security::new(theirs.flags, &session_key, Role::Server);
    let Authenticate { user, domain, workstation, .. } = theirs;
    Ok(Accepted { user, domain, workstation, security })
}

fn check_flags(ours: u32, theirs: u32) -> Result<(), Error> {
    if theirs & flags::EXTENDED_SESSION_SECURITY == 0 {
        return Err(Error::Unsupported("extended session security"));
    }
    if (ours ^ theirs) & flags::DATAGRAM != 0 {
        return Err(Error::Unsupported("the mode of the challenge"));
    }
    Ok(())
}

fn session_key(theirs: &Authenticate, base_key: &[u8; 16]) -> Result<Zeroizing<[u8; 16]>, Error> {
    if theirs.flags & flags::KEY_EXCHANGE == 0 {
        return Ok(Zeroizing::new(*base_key));
    }
    let encrypted = theirs.session_key.as_slice().try_into();
    let encrypted = encrypted.map_err(|_| crate::wire::malformed(52, "session key of 16 bytes"))?;
    Ok(Zeroizing::new(rc4_key(base_key, encrypted)))
}

fn check_mic(
    session_key: &[u8; 16],
    negotiate: &[u8],
    challenge: &[u8],
    authenticate: &[u8],
    mic: Option<[u8; 16]>,
) -> Result<(), Error> {
    let mic = mic.ok_or(Error::Altered)?;
    let mut unsigned = authenticate.to_vec();
    overwrite(&mut unsigned, MIC_AT, &[0; 16]);
    let expected = hmac_md5(session_key, &[negotiate, challenge, &unsigned]);
    if expected.ct_eq(&mic).into() { Ok(()) } else { Err(Error::Altered) }
}

fn check_channel_binding(
    theirs: &TargetInfo,
    expected: Option<[u8; 16]>,
    policy: ChannelBindingPolicy,
) -> Result<(), Error> {
    let sent = theirs.get(AvId::CHANNEL_BINDINGS).filter(|sent| **sent != [0; 16]);
    let right = match (sent, expected) {
        (Some(sent), Some(expected)) => sent.ct_eq(&expected).into(),
        (Some(_), None) => policy == ChannelBindingPolicy::None,
        (None, _) => policy != ChannelBindingPolicy::Require,
    };
    if right || policy == ChannelBindingPolicy::None {
        return Ok(());
    }
    Err(Error::ChannelBinding)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at surprises")]
    use super::*;
    use crate::test_data::{EXAMPLES, Example, hex};
    use crate::{
        AuthenticateParameters, ChallengeParameters, Credentials, FileTime, LmResponse, Negotiate,
        Secret, authenticate, negotiate,
    };

    const BINDING: [u8; 16] = [7; 16];

    fn accept_example(example: &Example, answer: &[u8], password: &str) -> Result<Accepted, Error> {
        let lookup = |user: &str, domain: &str| {
            (user == example.user && domain == example.domain).then(|| NtHash::of(&password.into()))
        };
        accept(&[], &hex(example.challenge), answer, lookup, None, ChannelBindingPolicy::None)
    }

    /// One handshake over HTTP, every message in the open.
    struct Handshake {
        negotiate: Vec<u8>,
        challenge: Vec<u8>,
        answer: Vec<u8>,
        client: Security,
    }

    fn handshake(change: impl FnOnce(&mut AuthenticateParameters<'_>)) -> Handshake {
        let negotiate = negotiate(flags::CONNECTION_CLIENT);
        let offered = Negotiate::parse(&negotiate).unwrap();
        let names = Default::default();
        let challenge = Challenge::build(&ChallengeParameters::connection(
            &offered,
            &names,
            [3; 8],
            FileTime(130_000_000_000_000_000),
        ));
        let challenge = challenge.unwrap();
        let credentials =
            Credentials { user: "jö".into(), domain: "CORP".into(), password: "pw-Ж".into() };
        let mut parameters = AuthenticateParameters {
            flags: flags::CONNECTION_CLIENT,
            ..AuthenticateParameters::http(&credentials, "pc", &negotiate, [5; 24], FileTime(0))
        };
        change(&mut parameters);
        let answer = authenticate(&challenge, &parameters).unwrap();
        let Authenticate { flags, .. } = Authenticate::parse(&answer.message).unwrap();
        assert_eq!(flags & flags::KEY_EXCHANGE, parameters.flags & flags::KEY_EXCHANGE);
        Handshake { negotiate, challenge, answer: answer.message, client: answer.security }
    }

    impl Handshake {
        fn accept_with(
            &self,
            password: &str,
            binding: Option<[u8; 16]>,
            policy: ChannelBindingPolicy,
        ) -> Result<Accepted, Error> {
            let lookup = |_: &str, _: &str| Some(NtHash::of(&Secret::from(password)));
            accept(&self.negotiate, &self.challenge, &self.answer, lookup, binding, policy)
        }

        fn accept(&self, password: &str) -> Result<Accepted, Error> {
            self.accept_with(password, None, ChannelBindingPolicy::None)
        }

        fn nt_response_at(&self) -> usize {
            usize::from(self.answer[24]) + 256 * usize::from(self.answer[25])
        }
    }

    #[test]
    fn published_answers_are_accepted() {
        for example in &EXAMPLES {
            let answer = hex(example.authenticate);
            let accepted = accept_example(example, &answer, example.password).unwrap();
            assert_eq!(accepted.user, example.user);
            assert_eq!(accepted.domain, example.domain);
            assert_eq!(accepted.workstation, example.workstation);
            let key = hex(example.exported_session_key).try_into().unwrap();
            let mut client = Security::new(accepted.security.flags(), &key, Role::Client);
            let mut server = accepted.security;
            assert!(server.verify(100, b"hello", &client.sign(100, b"hello")));
            assert!(client.verify(100, b"welcome", &server.sign(100, b"welcome")));
        }
    }

    #[test]
    fn wrong_passwords_are_never_accepted() {
        for example in &EXAMPLES {
            let answer = hex(example.authenticate);
            for wrong in ["", "wrong", &example.password.to_uppercase()] {
                let refused = accept_example(example, &answer, wrong).err();
                assert_eq!(refused, Some(Error::WrongPassword), "{wrong}");
            }
        }
        for mic in [true, false] {
            for lm_response in [LmResponse::V2, LmResponse::Zero] {
                let handshake = handshake(|ours| (ours.mic, ours.lm_response) = (mic, lm_response));
                assert_eq!(handshake.accept("wrong").err(), Some(Error::WrongPassword));
                assert_eq!(handshake.accept("").err(), Some(Error::WrongPassword));
                assert!(handshake.accept("pw-Ж").is_ok());
            }
        }
    }

    #[test]
    fn strangers_are_refused_even_with_the_stand_in_hash() {
        let example = &EXAMPLES[2];
        let lookup = |_: &str, _: &str| None;
        let refuse = |answer: &[u8]| {
            let policy = ChannelBindingPolicy::None;
            accept(&[], &hex(example.challenge), answer, lookup, None, policy).err()
        };
        assert_eq!(refuse(&hex(example.authenticate)), Some(Error::UnknownUser));

        let mut answer = hex(example.authenticate);
        let key = NtHash::from_bytes([0; 16]).response_key(example.user, example.domain);
        let at = 0x8e;
        let response = &answer[at..at + 0xc6];
        let challenge = hex(example.server_challenge).try_into().unwrap();
        let proof = key.proof(&challenge, &response[16..]);
        overwrite(&mut answer, at, &proof);
        assert_eq!(refuse(&answer), Some(Error::UnknownUser));
    }

    #[test]
    fn no_proof_old_proof_and_no_name_are_refused() {
        let example = &EXAMPLES[2];
        let resized = |field_at: usize, length: u8| {
            let mut answer = hex(example.authenticate);
            answer[field_at..field_at + 4].copy_from_slice(&[length, 0, length, 0]);
            accept_example(example, &answer, example.password).err()
        };
        assert_eq!(resized(20, 0), Some(Error::Anonymous));
        assert_eq!(resized(20, 24), Some(Error::Unsupported("NTLMv2")));
        assert!(matches!(resized(20, 40), Some(Error::Malformed { .. })));
        assert_eq!(resized(36, 0), Some(Error::Anonymous));
        assert!(matches!(resized(52, 0), Some(Error::Malformed { .. })), "session key missing");
    }

    #[test]
    fn altered_answers_fail_the_integrity_check() {
        let mut handshake = handshake(|_| ());
        assert!(handshake.accept("pw-Ж").is_ok());
        // The workstation is covered by the integrity code alone.
        let workstation_at = handshake.nt_response_at() - 24 - 4;
        for at in [MIC_AT, MIC_AT + 15, workstation_at] {
            handshake.answer[at] ^= 1;
            assert_eq!(handshake.accept("pw-Ж").err(), Some(Error::Altered), "byte {at}");
            handshake.answer[at] ^= 1;
        }
        handshake.negotiate[12] ^= 2;
        assert_eq!(handshake.accept("pw-Ж").err(), Some(Error::Altered));
        handshake.negotiate[12] ^= 2;
        assert!(handshake.accept("pw-Ж").is_ok());
    }

    /// Whatever the attacker does to the announcement, the proof covers it.
    #[test]
    fn integrity_code_cannot_be_taken_back() {
        let mut handshake = handshake(|_| ());
        let info_at = handshake.nt_response_at() + 44;
        let info = handshake.answer[info_at..].to_vec();
        let flags_at = info.windows(5).position(|bytes| bytes == [6, 0, 4, 0, 2]).unwrap();
        handshake.answer[info_at + flags_at + 4] = 0;
        assert_eq!(handshake.accept("pw-Ж").err(), Some(Error::WrongPassword));
    }

    #[test]
    fn altering_any_byte_or_cutting_anywhere_never_panics() {
        let mut handshake = handshake(|ours| ours.channel_binding = Some(BINDING));
        for at in 0..handshake.answer.len() {
            for bit in [0x01, 0x80, 0xff] {
                handshake.answer[at] ^= bit;
                assert!(handshake.accept("pw-Ж").is_err(), "byte {at} bit {bit:#x}");
                handshake.answer[at] ^= bit;
            }
        }
        while handshake.answer.pop().is_some() {
            assert!(handshake.accept("pw-Ж").is_err());
        }
        for example in &EXAMPLES {
            let answer = hex(example.authenticate);
            for end in 0..answer.len() {
                assert!(accept_example(example, &answer[..end], example.password).is_err());
            }
        }
    }

    #[test]
    fn huge_messages_are_refused_unread() {
        let mut answer = hex(EXAMPLES[2].authenticate);
        answer.resize(crate::MESSAGE_BYTES_MAX + 1, 0);
        let refused = accept_example(&EXAMPLES[2], &answer, EXAMPLES[2].password).err();
        assert!(matches!(refused, Some(Error::Malformed { .. })));
    }

    #[test]
    fn channel_binding_by_policy() {
        use ChannelBindingPolicy::{Allow, None as Ignore, Require};
        let sends = |binding| handshake(|ours| ours.channel_binding = binding);
        let refused = Some(Error::ChannelBinding);
        for (sent, expected, policy, outcome) in [
            (Some(BINDING), Some(BINDING), Require, None),
            (Some(BINDING), Some(BINDING), Allow, None),
            (None, Some(BINDING), Require, refused),
            (Some([0; 16]), Some(BINDING), Require, refused),
            (None, Some(BINDING), Allow, None),
            (Some([0; 16]), Some(BINDING), Allow, None),
            (Some([1; 16]), Some(BINDING), Allow, refused),
            (Some([1; 16]), Some(BINDING), Require, refused),
            (Some(BINDING), None, Require, refused),
            (Some(BINDING), None, Allow, refused),
            (None, None, Require, refused),
            (Some([1; 16]), Some(BINDING), Ignore, None),
        ] {
            let got = sends(sent).accept_with("pw-Ж", expected, policy).err();
            assert_eq!(got, outcome, "{sent:?} {expected:?} {policy:?}");
        }
    }

    #[test]
    fn both_ends_sign_and_seal_in_order() {
        for key_exchange in [flags::KEY_EXCHANGE, 0] {
            let mut handshake = handshake(|ours| {
                ours.flags = ours.flags & !flags::KEY_EXCHANGE | key_exchange;
            });
            let mut server = handshake.accept("pw-Ж").unwrap().security;
            for sequence in 0..3 {
                let signature = handshake.client.sign(sequence, b"up");
                assert!(server.verify(sequence, b"up", &signature));
                let mut sealed = *b"down";
                let signature = server.seal(sequence, &mut sealed);
                assert_ne!(&sealed, b"down");
                assert!(handshake.client.open(sequence, &mut sealed, &signature));
                assert_eq!(&sealed, b"down");
            }
        }
    }

    #[test]
    fn mode_must_be_that_of_the_challenge() {
        let example = &EXAMPLES[2];
        let mut answer = hex(example.authenticate);
        answer[60] ^= 0x40;
        let refused = accept_example(example, &answer, example.password).err();
        assert_eq!(refused, Some(Error::Unsupported("the mode of the challenge")));
    }
}
