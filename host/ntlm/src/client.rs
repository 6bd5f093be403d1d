use zeroize::Zeroizing;

use crate::crypto::{hmac_md5, rc4_key};
use crate::messages::{AuthenticateFields, MIC_AT};
use crate::response::upper_case;
use crate::wire::utf16;
use crate::{
    AvId, Challenge, Error, FileTime, NtHash, Role, Secret, Security, TargetInfo, Version, flags,
};

/// Bit of [`AvId::FLAGS`] that announces an integrity code.
pub(crate) const MIC_PRESENT: u32 = 0x2;

/// Without these a handshake would not be NTLMv2, or not be worth it.
const NEEDED: u32 =
    flags::UNICODE | flags::NTLM | flags::EXTENDED_SESSION_SECURITY | flags::TARGET_INFO;

/// What a client insists on if it offers it: a server that drops these would be left unsigned.
const INSISTED: u32 = flags::DATAGRAM | flags::SIGN | flags::SEAL | flags::KEY_EXCHANGE;

/// Who signs in.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Account name, or `user@domain` with an empty domain.
    pub user: String,
    /// NetBIOS name of the account's domain; may be empty.
    pub domain: String,
    /// The account's password.
    pub password: Secret,
}

/// What stands in the field for the LM response, which nobody checks any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LmResponse {
    /// LMv2, as SIP clients send it even to servers that tell the time.
    V2,
    /// 24 zero bytes, as MS-NLMP 3.1.5.1.2 asks for since Windows 7.
    Zero,
}

/// All that an answer to a challenge is made of.
#[derive(Debug, Clone)]
pub struct AuthenticateParameters<'a> {
    /// Who signs in.
    pub credentials: &'a Credentials,
    /// Name of this machine; sent in upper case.
    pub workstation: &'a str,
    /// What we offer, see [`flags`]; the challenge narrows it down.
    pub flags: u32,
    /// Eight bytes that nobody can foretell.
    pub client_challenge: [u8; 8],
    /// Sixteen bytes that nobody can foretell; used if [`flags::KEY_EXCHANGE`] is agreed.
    pub session_key: [u8; 16],
    /// Our time, for a server that does not tell its own.
    pub time: FileTime,
    /// The NEGOTIATE message of this connection; empty in datagram mode.
    pub negotiate: &'a [u8],
    /// Makes room for an integrity code, and fills it in if the challenge tells the time. SIP
    /// servers never saw a NEGOTIATE, and their working clients send none.
    pub mic: bool,
    /// Name of the service, such as `HTTP/mail.contoso.com`.
    pub service_name: Option<&'a str>,
    /// What [`channel_binding`](crate::channel_binding) gave for the TLS connection. A wrong one
    /// is refused even where none is required, so leave it out rather than guess.
    pub channel_binding: Option<[u8; 16]>,
    /// What stands in the field for the LM response.
    pub lm_response: LmResponse,
    /// Which Windows we claim to be.
    pub version: Version,
}

impl<'a> AuthenticateParameters<'a> {
    /// An answer as SIP clients give it (dossier 2.3). `entropy` makes challenge and key.
    pub fn datagram(
        credentials: &'a Credentials,
        workstation: &'a str,
        entropy: [u8; 24],
        time: FileTime,
    ) -> Self {
        let [a, b, c, d, e, f, g, h, session_key @ ..] = entropy;
        Self {
            credentials,
            workstation,
            flags: flags::SIP_CLIENT,
            client_challenge: [a, b, c, d, e, f, g, h],
            session_key,
            time,
            negotiate: &[],
            mic: false,
            service_name: None,
            channel_binding: None,
            lm_response: LmResponse::V2,
            version: Version::CLIENT,
        }
    }

    /// An answer as HTTP clients give it (ews.md 5.3), to what began with `negotiate`, built from
    /// [`flags::HTTP_CLIENT`]. `entropy` makes challenge and key.
    pub fn http(
        credentials: &'a Credentials,
        workstation: &'a str,
        negotiate: &'a [u8],
        entropy: [u8; 24],
        time: FileTime,
    ) -> Self {
        Self {
            flags: flags::HTTP_CLIENT,
            negotiate,
            mic: true,
            lm_response: LmResponse::Zero,
            ..Self::datagram(credentials, workstation, entropy, time)
        }
    }
}

/// The client's answer, and what it will sign with.
#[derive(Debug)]
pub struct Authenticated {
    /// The AUTHENTICATE message.
    pub message: Vec<u8>,
    /// Our end of the session.
    pub security: Security,
}

/// Answers a challenge: the client's whole handshake.
///
/// # Errors
/// [`Error::Malformed`] or [`Error::Unsupported`] if the challenge is unusable,
/// [`Error::TooLong`] if our own names do not fit.
///
/// Source: MS-NLMP 3.1.5.1.2, 3.1.5.2.1; dossier 2.3.
pub fn authenticate(
    challenge: &[u8],
    parameters: &AuthenticateParameters<'_>,
) -> Result<Authenticated, Error> {
    let server = Challenge::parse(challenge)?;
    let flags = agree(parameters.flags, server.flags)?;
    let time = server.target_info.timestamp();
    let mic = parameters.mic && time.is_some();
    let target_info = target_info(server.target_info, parameters, mic);

    let Credentials { user, domain, password } = parameters.credentials;
    let key = NtHash::of(password).response_key(user, domain);
    let nt_response = key.respond(
        &server.server_challenge,
        &parameters.client_challenge,
        time.unwrap_or(parameters.time),
        &target_info,
    )?;
    let lm_response = match parameters.lm_response {
        LmResponse::V2 => key.lm_response(&server.server_challenge, &parameters.client_challenge),
        LmResponse::Zero => [0; 24],
    };
    let proof = nt_response.first_chunk().ok_or(Error::TooLong("response"))?;
    let base_key = key.session_base_key(proof);
    let (session_key, encrypted_key) = exchange(flags, &base_key, parameters.session_key);

    let mut message = AuthenticateFields {
        flags,
        user,
        domain,
        workstation: &upper_case(parameters.workstation),
        lm_response: &lm_response,
        nt_response: &nt_response,
        session_key: &encrypted_key,
        version: parameters.version,
        mic: parameters.mic,
    }
    .build()?;
    if mic {
        let code = hmac_md5(&*session_key, &[parameters.negotiate, challenge, &message]);
        overwrite(&mut message, MIC_AT, &code);
    }
    Ok(Authenticated { message, security: Security::new(flags, &session_key, Role::Client) })
}

fn agree(ours: u32, theirs: u32) -> Result<u32, Error> {
    let missing = (NEEDED | ours & INSISTED) & !theirs;
    if missing != 0 {
        return Err(Error::Unsupported(name(missing)));
    }
    Ok(ours & (theirs | flags::REQUEST_TARGET | flags::VERSION))
}

fn name(missing: u32) -> &'static str {
    match missing {
        flags if flags & flags::NTLM != 0 => "NTLM",
        flags if flags & flags::UNICODE != 0 => "Unicode",
        flags if flags & flags::EXTENDED_SESSION_SECURITY != 0 => "extended session security",
        flags if flags & flags::TARGET_INFO != 0 => "NTLMv2",
        flags if flags & flags::DATAGRAM != 0 => "connection-less mode",
        flags if flags & flags::KEY_EXCHANGE != 0 => "key exchange",
        _ => "signing and sealing",
    }
}

/// The server's attributes with ours added; what only a client may say is never echoed.
fn target_info(server: TargetInfo, ours: &AuthenticateParameters<'_>, mic: bool) -> TargetInfo {
    let mut info = server.without(AvId::TARGET_NAME).without(AvId::CHANNEL_BINDINGS);
    if mic {
        let flags = info.flags() | MIC_PRESENT;
        info = info.with(AvId::FLAGS, flags.to_le_bytes().to_vec());
    }
    if let Some(name) = ours.service_name {
        info = info.with(AvId::TARGET_NAME, utf16(name));
    }
    if let Some(binding) = ours.channel_binding {
        info = info.with(AvId::CHANNEL_BINDINGS, binding.to_vec());
    }
    info
}

/// Returns the session key, and how the server gets to know it.
fn exchange(flags: u32, base_key: &[u8; 16], ours: [u8; 16]) -> (Zeroizing<[u8; 16]>, Vec<u8>) {
    if flags & flags::KEY_EXCHANGE == 0 {
        return (Zeroizing::new(*base_key), Vec::new());
    }
    (Zeroizing::new(ours), rc4_key(base_key, ours).to_vec())
}

pub(crate) fn overwrite(message: &mut [u8], at: usize, bytes: &[u8; 16]) {
    for (to, from) in message.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at surprises")]
    use super::*;
    use crate::ChallengeParameters;
    use crate::test_data::{self, EXAMPLES, hex};

    #[test]
    fn published_answers_byte_for_byte() {
        for example in &EXAMPLES {
            let credentials = example.credentials();
            let parameters = AuthenticateParameters {
                flags: example.offered_flags,
                version: Version(hex(example.version).try_into().unwrap()),
                ..AuthenticateParameters::datagram(
                    &credentials,
                    example.workstation,
                    example.entropy(),
                    example.time,
                )
            };
            let answer = authenticate(&hex(example.challenge), &parameters).unwrap();
            assert_eq!(answer.message, hex(example.authenticate), "{}", example.user);
        }
    }

    #[test]
    fn office_communicator_flags() {
        assert_eq!(agree(flags::SIP_CLIENT, flags::SIP_SERVER), Ok(0x6298_8255));
    }

    #[test]
    fn a_server_that_drops_protection_is_refused() {
        for dropped in [
            flags::UNICODE,
            flags::NTLM,
            flags::EXTENDED_SESSION_SECURITY,
            flags::TARGET_INFO,
            flags::DATAGRAM,
            flags::SIGN,
            flags::KEY_EXCHANGE,
        ] {
            let answer = agree(flags::SIP_CLIENT, flags::SIP_SERVER & !dropped);
            assert!(matches!(answer, Err(Error::Unsupported(_))), "{dropped:#x}");
        }
    }

    #[test]
    fn every_cut_of_a_challenge_is_refused() {
        let credentials = EXAMPLES[2].credentials();
        let parameters = AuthenticateParameters::datagram(&credentials, "PC", [0; 24], FileTime(0));
        for example in &EXAMPLES {
            let challenge = hex(example.challenge);
            for end in 0..challenge.len() {
                assert!(authenticate(&challenge[..end], &parameters).is_err(), "cut at {end}");
            }
        }
    }

    #[test]
    fn http_answer_has_the_long_header_and_our_attributes() {
        let credentials = EXAMPLES[2].credentials();
        let negotiate = crate::negotiate(flags::HTTP_CLIENT);
        let parameters = AuthenticateParameters {
            service_name: Some("HTTP/mail.contoso.com"),
            channel_binding: Some([7; 16]),
            ..AuthenticateParameters::http(&credentials, "pc", &negotiate, [1; 24], FileTime(0))
        };
        let challenge = Challenge::build(&ChallengeParameters {
            flags: flags::CONNECTION_SERVER,
            // A server that says what only clients may say.
            target_info: TargetInfo::parse(&hex(test_data::OWN_TARGET_INFO))
                .unwrap()
                .with(AvId::CHANNEL_BINDINGS, vec![9; 16])
                .with(AvId::FLAGS, vec![1, 0, 0, 0]),
            ..ChallengeParameters::datagram(&Default::default(), [3; 8], FileTime(0))
        })
        .unwrap();
        let message = authenticate(&challenge, &parameters).unwrap().message;
        let parsed = crate::Authenticate::parse(&message).unwrap();
        assert_eq!(parsed.workstation, "PC");
        assert!(parsed.mic.is_some_and(|mic| mic != [0; 16]));
        let info = TargetInfo::parse(&parsed.nt_response[44..]).unwrap();
        assert_eq!(info.flags(), 3);
        assert_eq!(info.get(AvId::CHANNEL_BINDINGS), Some([7; 16].as_slice()));
        assert_eq!(info.get(AvId::TARGET_NAME), Some(utf16("HTTP/mail.contoso.com").as_slice()));
        assert_eq!(message[12..14], [24, 0], "LM response of 24 bytes");
        let lm_at = usize::from(message[16]) + 256 * usize::from(message[17]);
        assert_eq!(message[lm_at..lm_at + 24], [0; 24]);
    }
}
