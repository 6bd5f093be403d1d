//! The client's side of signing in.

use base64::{Engine, engine::general_purpose::STANDARD};
use ntlm::{AuthenticateParameters, Credentials, FileTime};

use super::{Scheme, challenge::challenges, ntlm_binding};

/// Why signing in cannot go on. None of it is worth a try with another scheme: a weaker one than
/// configured is never used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The server does not offer what is configured.
    #[error("the server does not offer {}", .0.as_str())]
    NotOffered(Scheme),
    /// The server refused the answer: wrong user or password, a locked account, or a channel
    /// binding that does not match. Each try counts towards the account's lock.
    #[error("the server refused the sign-in")]
    Refused,
    /// The user name holds what Basic cannot carry.
    #[error("a user name for Basic holds no colon and no control character")]
    UserName,
    /// The challenge cannot be read or cannot be answered.
    #[error("the server's challenge cannot be answered: {0}")]
    Challenge(#[from] ntlm::Error),
    /// The challenge is no base64.
    #[error("the server's challenge is no base64")]
    Token,
}

/// The value of `Authorization` for Basic; only over TLS, or to this very machine in tests. The
/// user is `user@domain`, or `DOMAIN\user` if a domain is given.
///
/// # Errors
/// [`AuthError::UserName`] for a name with a colon or a control character.
pub fn basic(credentials: &Credentials) -> Result<String, AuthError> {
    let Credentials { user, domain, password } = credentials;
    let user = if domain.is_empty() { user.clone() } else { format!("{domain}\\{user}") };
    if user.contains(|c: char| c == ':' || c.is_control())
        || password.expose().contains(char::is_control)
    {
        return Err(AuthError::UserName);
    }
    let pair = format!("{user}:{}", password.expose());
    Ok(format!("Basic {}", STANDARD.encode(pair)))
}

/// The NTLM handshake of one connection:
///
/// 1. Send the request without a body and with [`Self::begin`] in `Authorization`.
/// 2. Read the 401 and its body to the end; hand its `WWW-Authenticate` fields to [`Self::answer`].
/// 3. Send the whole request on the same connection with the result. From then on the connection is
///    signed in: no `Authorization` any more.
///
/// A 401 after step 3 is a refusal: [`AuthError::Refused`] if it is handed in.
#[derive(Debug)]
pub struct NtlmHandshake {
    negotiate: Vec<u8>,
    answered: bool,
}

impl Default for NtlmHandshake {
    fn default() -> Self {
        Self::new()
    }
}

impl NtlmHandshake {
    /// A handshake at its beginning; one for each connection.
    #[must_use]
    pub fn new() -> Self {
        Self { negotiate: ntlm::negotiate(ntlm::flags::HTTP_CLIENT), answered: false }
    }

    /// The value of `Authorization` for the first leg.
    #[must_use]
    pub fn begin(&self) -> String {
        format!("NTLM {}", STANDARD.encode(&self.negotiate))
    }

    /// The value of `Authorization` for the third leg.
    ///
    /// `fields` are the values of `WWW-Authenticate`; `certificate_hash` is that of
    /// `tls-server-end-point`, see the module, and `None` rather than a guess; `entropy` are bytes
    /// that nobody can foretell, new for each handshake.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub fn answer<'v>(
        &mut self,
        fields: impl IntoIterator<Item = &'v str>,
        credentials: &Credentials,
        workstation: &str,
        certificate_hash: Option<&[u8]>,
        entropy: [u8; 24],
        now: FileTime,
    ) -> Result<String, AuthError> {
        if std::mem::replace(&mut self.answered, true) {
            return Err(AuthError::Refused);
        }
        let offers = challenges(fields);
        let ntlm: Vec<_> =
            offers.into_iter().filter(|offer| offer.scheme == Scheme::Ntlm).collect();
        if ntlm.is_empty() {
            return Err(AuthError::NotOffered(Scheme::Ntlm));
        }
        // Offered again without a challenge: the server does not want what we began with.
        let token = ntlm.into_iter().find_map(|offer| offer.token).ok_or(AuthError::Refused)?;
        let challenge = STANDARD.decode(token).map_err(|_| AuthError::Token)?;
        let parameters = AuthenticateParameters {
            channel_binding: certificate_hash.map(ntlm_binding),
            ..AuthenticateParameters::http(credentials, workstation, &self.negotiate, entropy, now)
        };
        let answer = ntlm::authenticate(&challenge, &parameters)?;
        Ok(format!("NTLM {}", STANDARD.encode(answer.message)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(user: &str, domain: &str) -> Credentials {
        let password = "Pässw0rd:".into();
        Credentials { user: user.to_owned(), domain: domain.to_owned(), password }
    }

    #[test]
    fn basic_is_utf_8() {
        let header = basic(&credentials("ana", "CORP"));
        assert_eq!(header.as_deref(), Ok("Basic Q09SUFxhbmE6UMOkc3N3MHJkOg=="));
        assert_eq!(basic(&credentials("a:b", "")), Err(AuthError::UserName));
        assert_eq!(basic(&credentials("a\n", "")), Err(AuthError::UserName));
    }

    #[test]
    fn a_handshake_answers_once() {
        let answer = |fields: &[&str]| {
            let who = credentials("ana", "");
            let mut handshake = NtlmHandshake::new();
            let fields = fields.iter().copied();
            let first = handshake.answer(fields, &who, "PC", None, [1; 24], FileTime(1));
            let again = handshake.answer(["NTLM AAAA"], &who, "PC", None, [1; 24], FileTime(1));
            assert_eq!(again, Err(AuthError::Refused));
            first
        };
        assert_eq!(answer(&["Basic realm=x"]), Err(AuthError::NotOffered(Scheme::Ntlm)));
        assert_eq!(answer(&["NTLM"]), Err(AuthError::Refused));
        assert_eq!(answer(&["NTLM ***"]), Err(AuthError::Token));
        assert!(matches!(answer(&["NTLM AAAA"]), Err(AuthError::Challenge(_))));
    }
}
