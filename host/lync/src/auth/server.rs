use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ntlm::{
    Challenge, ChallengeParameters, ChannelBindingPolicy, FileTime, NtHash, Role, ServerNames,
};

use super::{
    AssociationParameters, AuthError, AuthHeader, AuthVersion, NTLM, SecurityAssociation, Verified,
};
use crate::sip::Message;
use crate::{Entropy, Now};

/// How a server presents itself.
#[derive(Debug, Clone)]
pub struct ServerParameters {
    /// Usually [`REALM`](super::REALM).
    pub realm: String,
    /// The Front End's host name.
    pub target_name: String,
    /// Newest version that is offered; Lync offers 4.
    pub version: AuthVersion,
    /// Names for the NTLM challenge.
    pub names: ServerNames,
}

/// The server's side of the handshake on one connection (dossier 2.10).
///
/// Knows at most one challenge at a time, good for one answer: a second endpoint that starts on
/// the same connection makes the first one start over.
#[derive(Debug)]
pub struct ServerHandshake {
    parameters: ServerParameters,
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    opaque: String,
    challenge: Vec<u8>,
}

/// What to answer.
#[derive(Debug)]
#[must_use]
pub enum ServerStep {
    /// Answer 401 with this value of `WWW-Authenticate`, unsigned.
    Challenge(String),
    /// Answer 401 with this value of `WWW-Authenticate`, unsigned: the client has to start over.
    Refused(AuthError, String),
    /// The client is who it says: sign the 200, and everything after it, with the association.
    Accepted(Box<Accepted>),
}

/// A client that proved its password. Whether the account owns the SIP address is for the caller
/// to check.
#[derive(Debug)]
pub struct Accepted {
    /// Account name as the client wrote it.
    pub user: String,
    /// Domain as the client wrote it; may be empty.
    pub domain: String,
    /// Our end of the association; it has verified the message that brought the proof.
    pub association: SecurityAssociation,
}

impl ServerHandshake {
    /// Waits for a client.
    #[must_use]
    pub fn new(parameters: ServerParameters) -> Self {
        Self { parameters, pending: None }
    }

    /// Returns the first challenge, for any request from somebody unknown: a value of
    /// `WWW-Authenticate`.
    #[must_use]
    pub fn offer(&self) -> String {
        let ServerParameters { realm, target_name, version, .. } = &self.parameters;
        AuthHeader::new(NTLM)
            .with("realm", realm)
            .with("targetname", target_name)
            .with_bare("version", version.as_str())
            .to_string()
    }

    /// Takes a REGISTER from somebody unknown. `lookup` gets user and domain as the client wrote
    /// them.
    pub fn receive(
        &mut self,
        request: &Message,
        lookup: impl FnOnce(&str, &str) -> Option<NtHash>,
        entropy: &mut dyn Entropy,
        now: Now,
    ) -> ServerStep {
        let header = self.find(request);
        let token = header.as_ref().and_then(|header| Some((header, header.get("gssapi-data")?)));
        let step = match token {
            None => return ServerStep::Challenge(self.offer()),
            Some((_, "")) => self.issue(entropy, now).map(ServerStep::Challenge),
            Some((header, token)) => self
                .check(request, header, token, lookup)
                .map(|accepted| ServerStep::Accepted(Box::new(accepted))),
        };
        step.unwrap_or_else(|error| ServerStep::Refused(error, self.offer()))
    }

    /// Makes a challenge, which replaces an older one.
    fn issue(&mut self, entropy: &mut dyn Entropy, now: Now) -> Result<String, AuthError> {
        let (mut opaque, mut server_challenge) = ([0; 4], [0; 8]);
        entropy.fill(&mut opaque);
        entropy.fill(&mut server_challenge);
        let opaque = format!("{:08X}", u32::from_be_bytes(opaque));
        let time = FileTime::from_unix(now.unix);
        let ServerParameters { realm, target_name, version, names } = &self.parameters;
        let challenge =
            Challenge::build(&ChallengeParameters::datagram(names, server_challenge, time))?;
        let value = AuthHeader::new(NTLM)
            .with("opaque", &opaque)
            .with("gssapi-data", &BASE64_STANDARD.encode(&challenge))
            .with("targetname", target_name)
            .with("realm", realm)
            .with_bare("version", version.as_str());
        self.pending = Some(Pending { opaque, challenge });
        Ok(value.to_string())
    }

    fn check(
        &mut self,
        request: &Message,
        header: &AuthHeader,
        token: &str,
        lookup: impl FnOnce(&str, &str) -> Option<NtHash>,
    ) -> Result<Accepted, AuthError> {
        let known = |pending: &Pending| header.get("opaque") == Some(pending.opaque.as_str());
        let Some(Pending { opaque, challenge }) = self.pending.take().filter(known) else {
            return Err(AuthError::UnknownAssociation);
        };
        let answer =
            BASE64_STANDARD.decode(token).map_err(|_| AuthError::Malformed("token not base64"))?;
        let policy = ChannelBindingPolicy::None;
        let ntlm::Accepted { user, domain, security, .. } =
            ntlm::accept(&[], &challenge, &answer, lookup, None, policy)?;

        let version = AuthVersion::parse(header.get("version")).min(self.parameters.version);
        let ServerParameters { realm, target_name, .. } = self.parameters.clone();
        let mut association = SecurityAssociation::new(
            AssociationParameters {
                role: Role::Server,
                version,
                realm,
                target_name,
                opaque,
                proxy: false,
            },
            security,
        );
        // From version 4 on the proof itself comes signed.
        if association.verify(request)? == Verified::Unsigned && version == AuthVersion::V4 {
            return Err(AuthError::SignatureInvalid);
        }
        Ok(Accepted { user, domain, association })
    }

    /// A client may answer in either header, whichever we asked with (dossier 2.2).
    fn find(&self, request: &Message) -> Option<AuthHeader> {
        let names = ["Authorization", "Proxy-Authorization"];
        let values = names.into_iter().flat_map(|name| request.headers.all(name));
        values.filter_map(AuthHeader::parse).find(|header| header.is(NTLM))
    }
}
