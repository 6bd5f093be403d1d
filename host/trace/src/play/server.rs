//! The pool's end of the handshake and of the signatures, with a password made up for it.

use lync::{
    Now,
    auth::{
        AuthVersion, NTLM, REALM, SecurityAssociation, ServerHandshake, ServerParameters,
        ServerStep, Verified,
    },
    sip::{Message, Method},
};
use ntlm::{Credentials, NtHash, ServerNames};

/// Headers that carry a server's signature.
const SIGNED: [&str; 2] = ["Authentication-Info", "Proxy-Authentication-Info"];
/// Headers that carry a challenge.
const CHALLENGES: [&str; 2] = ["WWW-Authenticate", "Proxy-Authenticate"];
const PASSWORD: &str = "made up for the replay";

/// Numbers that differ from each other: nothing is secret in a replay.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers(u64);

impl lync::Entropy for Numbers {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            for (to, from) in chunk.iter_mut().zip(self.0.to_be_bytes()) {
                *to = from;
            }
        }
    }
}

pub(super) struct Server {
    handshake: ServerHandshake,
    association: Option<SecurityAssociation>,
    /// Verifies what the session signed before it was taken anew.
    former: Option<SecurityAssociation>,
    numbers: Numbers,
}

/// The account of a replay.
pub(super) fn credentials() -> Credentials {
    Credentials {
        user: "replay".to_owned(),
        domain: "REPLAY".to_owned(),
        password: PASSWORD.into(),
    }
}

impl Server {
    pub(super) fn new() -> Self {
        let parameters = ServerParameters {
            realm: REALM.to_owned(),
            target_name: "replay.example".to_owned(),
            version: AuthVersion::V4,
            names: ServerNames {
                netbios_domain: "REPLAY".to_owned(),
                netbios_computer: "REPLAY".to_owned(),
                dns_domain: "replay.example".to_owned(),
                dns_computer: "replay.example".to_owned(),
            },
        };
        Self {
            handshake: ServerHandshake::new(parameters),
            association: None,
            former: None,
            numbers: Numbers(1),
        }
    }

    /// Whether the session's signature holds, where there has to be one.
    pub(super) fn verify(&mut self, message: &Message) -> bool {
        if self.association.is_none() || message.method() == Some(Method::REGISTER) {
            return true;
        }
        let both = [&mut self.association, &mut self.former];
        both.into_iter().flatten().any(|one| one.verify(message) == Ok(Verified::Signed))
    }

    /// Puts a challenge of our own, or our signature, in the place of what was left out.
    pub(super) fn answer(&mut self, request: Option<&Message>, message: &mut Message, now: Now) {
        if let Some(register) = request.filter(|one| one.method() == Some(Method::REGISTER)) {
            self.answer_register(register, message, now);
        }
        let is_signed = SIGNED.iter().any(|name| message.headers.first(name).is_some());
        SIGNED.iter().for_each(|name| message.headers.remove(name));
        if let Some(association) = self.association.as_mut().filter(|_| is_signed) {
            association.sign(message, &mut self.numbers);
        }
    }

    fn answer_register(&mut self, register: &Message, message: &mut Message, now: Now) {
        let status = message.status().unwrap_or(0);
        let proves = register
            .headers
            .all("Authorization")
            .chain(register.headers.all("Proxy-Authorization"));
        let proves = proves.into_iter().any(|value| value.contains("gssapi-data"));
        let challenged = matches!(status, 401 | 407);
        if status < 200 || !(proves || challenged) {
            return;
        }
        let lookup = |_: &str, _: &str| Some(NtHash::of(&PASSWORD.into()));
        let offer = match self.handshake.receive(register, lookup, &mut self.numbers, now) {
            ServerStep::Challenge(offer) | ServerStep::Refused(_, offer) => offer,
            // Refused all the same when it was recorded.
            ServerStep::Accepted(_) if challenged => self.handshake.offer(),
            ServerStep::Accepted(accepted) => {
                self.former = self.association.replace(accepted.association);
                return;
            }
        };
        for name in CHALLENGES {
            let values: Vec<String> = message.headers.all(name).map(str::to_owned).collect();
            message.headers.remove(name);
            for value in values {
                let is_ntlm =
                    value.split(' ').next().is_some_and(|scheme| scheme.eq_ignore_ascii_case(NTLM));
                message.headers.push(name, if is_ntlm { offer.clone() } else { value });
            }
        }
    }
}
