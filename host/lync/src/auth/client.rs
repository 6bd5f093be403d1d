use std::mem;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ntlm::{AuthenticateParameters, Credentials, FileTime, Role};

use super::{AssociationParameters, AuthError, AuthHeader, AuthVersion, NTLM, SecurityAssociation};
use crate::sip::Message;
use crate::{Entropy, Now};

/// The client's handshake inside REGISTER (dossier 2.2).
///
/// Send REGISTER without authorization; hand each 401 or 407 to [`ClientHandshake::challenge`],
/// then let [`ClientHandshake::authorize`] complete the next REGISTER. After the second one there
/// is a [`SecurityAssociation`], which must verify the 200. One handshake is one attempt.
#[derive(Debug)]
pub struct ClientHandshake {
    credentials: Credentials,
    workstation: String,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Start,
    Offered(Offer),
    Challenged {
        offer: Offer,
        opaque: String,
        challenge: Vec<u8>,
    },
    Answered,
    /// Something went wrong on the way: this attempt is over.
    Failed,
}

/// What the server said when it first asked.
#[derive(Debug, Clone)]
struct Offer {
    version: AuthVersion,
    realm: String,
    target_name: String,
    proxy: bool,
}

/// How far a REGISTER takes the handshake.
#[derive(Debug)]
#[must_use]
pub enum Authorized {
    /// It asks the server for its challenge: another 401 will follow.
    Asked,
    /// It brings the proof: the answer shows whether the server believes it. Every message from
    /// here on is signed with this, and the answer must be too.
    Proved(Box<SecurityAssociation>),
}

impl ClientHandshake {
    /// Starts an attempt. The workstation is sent in capitals.
    #[must_use]
    pub fn new(credentials: Credentials, workstation: &str) -> Self {
        Self { credentials, workstation: workstation.to_owned(), step: Step::Start }
    }

    /// Takes the 401 or 407 that answered the last REGISTER.
    ///
    /// # Errors
    /// [`AuthError::NtlmNotOffered`] and [`AuthError::Malformed`] if we cannot answer,
    /// [`AuthError::PasswordRefused`] if we did already.
    pub fn challenge(&mut self, response: &Message) -> Result<(), AuthError> {
        let proxy = response.status() == Some(407);
        self.step = match mem::replace(&mut self.step, Step::Failed) {
            Step::Start => Step::Offered(Offer::read(&find(response, proxy)?, proxy)?),
            Step::Offered(offer) => challenged(offer, response, proxy)?,
            Step::Challenged { .. } => return Err(AuthError::OutOfTurn("challenge repeated")),
            Step::Answered => return Err(AuthError::PasswordRefused),
            Step::Failed => return Err(AuthError::OutOfTurn("handshake failed before")),
        };
        Ok(())
    }

    /// Completes the next REGISTER: adds the authorization. All other headers must be final.
    ///
    /// # Errors
    /// [`AuthError::Ntlm`] if the server's challenge is unusable, [`AuthError::OutOfTurn`] if
    /// there is none.
    pub fn authorize(
        &mut self,
        request: &mut Message,
        entropy: &mut dyn Entropy,
        now: Now,
    ) -> Result<Authorized, AuthError> {
        match mem::replace(&mut self.step, Step::Failed) {
            Step::Offered(offer) => {
                request.headers.set(offer.header_name(), offer.ask().to_string());
                self.step = Step::Offered(offer);
                Ok(Authorized::Asked)
            }
            Step::Challenged { offer, opaque, challenge } => {
                let proved = self.prove(request, offer, opaque, &challenge, entropy, now)?;
                self.step = Step::Answered;
                Ok(proved)
            }
            Step::Start | Step::Answered | Step::Failed => {
                Err(AuthError::OutOfTurn("no challenge to answer"))
            }
        }
    }

    fn prove(
        &self,
        request: &mut Message,
        offer: Offer,
        opaque: String,
        challenge: &[u8],
        entropy: &mut dyn Entropy,
        now: Now,
    ) -> Result<Authorized, AuthError> {
        let mut random = [0; 24];
        entropy.fill(&mut random);
        let time = FileTime::from_unix(now.unix);
        let parameters =
            AuthenticateParameters::datagram(&self.credentials, &self.workstation, random, time);
        let answer = ntlm::authenticate(challenge, &parameters)?;

        let header = AuthHeader::new(NTLM)
            .with("qop", "auth")
            .with("opaque", &opaque)
            .with("realm", &offer.realm)
            .with("targetname", &offer.target_name)
            .with("gssapi-data", &BASE64_STANDARD.encode(&answer.message));
        let mut header = offer.with_version(header);
        let mut association = SecurityAssociation::new(offer.agreed(opaque), answer.security);
        if association.parameters().version == AuthVersion::V4 {
            let (rand, number, signature) = association.stamp(request, entropy);
            header = header.with("crand", &rand).with("cnum", &number).with("response", &signature);
        }
        request.headers.set(association.header_name(), header.to_string());
        Ok(Authorized::Proved(Box::new(association)))
    }
}

impl Offer {
    fn read(header: &AuthHeader, proxy: bool) -> Result<Self, AuthError> {
        let parameter = |name, error| header.get(name).ok_or(AuthError::Malformed(error));
        Ok(Self {
            version: AuthVersion::parse(header.get("version")),
            realm: parameter("realm", "no realm")?.to_owned(),
            target_name: parameter("targetname", "no targetname")?.to_owned(),
            proxy,
        })
    }

    /// There is no NEGOTIATE message in datagram mode: an empty token asks for the challenge.
    fn ask(&self) -> AuthHeader {
        let header = AuthHeader::new(NTLM)
            .with("qop", "auth")
            .with("realm", &self.realm)
            .with("targetname", &self.target_name)
            .with("gssapi-data", "");
        self.with_version(header)
    }

    fn with_version(&self, header: AuthHeader) -> AuthHeader {
        match self.version {
            AuthVersion::V2 => header,
            version => header.with_bare("version", version.as_str()),
        }
    }

    fn header_name(&self) -> &'static str {
        if self.proxy { "Proxy-Authorization" } else { "Authorization" }
    }

    fn agreed(self, opaque: String) -> AssociationParameters {
        let Self { version, realm, target_name, proxy } = self;
        AssociationParameters { role: Role::Client, version, realm, target_name, opaque, proxy }
    }
}

/// A challenge may come from the other name in a round-robin: its own values count from here on.
fn challenged(offer: Offer, response: &Message, proxy: bool) -> Result<Step, AuthError> {
    let header = find(response, proxy)?;
    let token = header.get("gssapi-data").filter(|token| !token.is_empty());
    let token = token.ok_or(AuthError::Malformed("no challenge"))?;
    let challenge =
        BASE64_STANDARD.decode(token).map_err(|_| AuthError::Malformed("challenge not base64"))?;
    let opaque = header.get("opaque").unwrap_or("").to_owned();
    let offer = Offer {
        realm: header.get("realm").unwrap_or(&offer.realm).to_owned(),
        target_name: header.get("targetname").unwrap_or(&offer.target_name).to_owned(),
        ..offer
    };
    Ok(Step::Challenged { offer, opaque, challenge })
}

fn find(response: &Message, proxy: bool) -> Result<AuthHeader, AuthError> {
    let name = if proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" };
    let headers: Vec<_> = response.headers.all(name).flat_map(AuthHeader::parse_all).collect();
    headers.iter().find(|header| header.is(NTLM)).cloned().ok_or_else(|| {
        let schemes: Vec<_> = headers.iter().map(AuthHeader::scheme).collect();
        AuthError::NtlmNotOffered { offered: schemes.join(", ") }
    })
}
