//! Signing in and staying signed in (dossier 1.4, 2.2, 2.8).

use std::time::{Duration, Instant};

use super::Session;
use super::errors::{Diagnostics, Ended};
use super::events::{Event, Output};
use super::limits::{
    EXPIRES_DEFAULT, KEEP_ALIVE_MAX, KEEP_ALIVE_MIN, REFRESH_BEFORE, REGISTER_PAUSE,
    REGISTER_TIMEOUT, REGISTER_TRIES_MAX, RENEW_AFTER, SIGN_OUT_TIMEOUT,
};
use super::link::Link;
use super::transactions::Purpose;
use crate::Now;
use crate::auth::{AuthError, Authorized, ClientHandshake};
use crate::sip::{Address, Message, Method, instance_uuid};

/// Methods we name in `Contact`, as known clients do.
const METHODS: &str =
    "INVITE, MESSAGE, INFO, SUBSCRIBE, OPTIONS, BYE, CANCEL, NOTIFY, ACK, REFER, BENOTIFY";
/// An arbitrary constant (dossier 1.4).
const OPAQUE: &str = "d3470f2e1d";
const SUPPORTED: &str = "gruu-10, adhoclist, msrtc-event-categories, com.microsoft.msrtc.presence";

pub(super) struct Registration {
    call_id: String,
    tag: String,
    cseq: u32,
    state: State,
    tries: u32,
    renew_at: Option<Instant>,
}

enum State {
    /// `proved`: our proof is on its way; a second one could lock the account.
    SigningIn {
        handshake: Box<ClientHandshake>,
        proved: bool,
    },
    Registered {
        refresh_at: Instant,
    },
    Refreshing,
    Pausing {
        until: Instant,
    },
    SigningOut {
        until: Instant,
    },
}

impl Registration {
    pub(super) fn new(link: &mut Link, now: Now) -> Self {
        Self {
            call_id: link.token::<16>(),
            tag: link.token::<4>(),
            cseq: 0,
            state: State::Pausing { until: now.instant },
            tries: 0,
            renew_at: None,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Registered { refresh_at } => {
                Some(self.renew_at.map_or(refresh_at, |renew_at| renew_at.min(refresh_at)))
            }
            State::Pausing { until } | State::SigningOut { until } => Some(until),
            State::SigningIn { .. } | State::Refreshing => None,
        }
    }

    /// Until the server believes us, its refusals come without a signature.
    pub(super) fn is_signing_in(&self) -> bool {
        matches!(self.state, State::SigningIn { .. })
    }

    pub(super) fn is_signing_out(&self) -> bool {
        matches!(self.state, State::SigningOut { .. })
    }
}

impl Session {
    /// Starts a handshake: at the start, and when the association has become old.
    pub(super) fn sign_in(&mut self, now: Now) {
        self.link.suspend();
        let handshake =
            ClientHandshake::new(self.config.credentials.clone(), &self.config.workstation);
        let handshake = Box::new(handshake);
        self.registration.state = State::SigningIn { handshake, proved: false };
        self.registration.renew_at = None;
        let mut request = self.register_request();
        self.link.complete(&mut request);
        self.link.send_as_is(&request, now);
        self.remember(request, Purpose::Register, REGISTER_TIMEOUT, now);
    }

    pub(super) fn registration_due(&mut self, now: Now) {
        if self.registration.deadline().is_none_or(|at| at > now.instant) {
            return;
        }
        match self.registration.state {
            State::Registered { .. } => {
                if self.registration.renew_at.is_some_and(|at| at <= now.instant) {
                    return self.sign_in(now);
                }
                self.registration.state = State::Refreshing;
                let request = self.register_request();
                self.open_transaction(request, Purpose::Register, REGISTER_TIMEOUT, now);
            }
            State::Pausing { .. } => self.sign_in(now),
            State::SigningOut { .. } => self.end(Ended::SignedOut),
            State::SigningIn { .. } | State::Refreshing => {}
        }
    }

    /// Signs out: REGISTER with `Expires: 0`, whose answer is not waited for long.
    pub(super) fn unregister(&mut self, now: Now) {
        if !matches!(self.registration.state, State::Registered { .. } | State::Refreshing) {
            return self.end(Ended::SignedOut);
        }
        let until = now.instant + SIGN_OUT_TIMEOUT;
        self.registration.state = State::SigningOut { until };
        let mut request = self.register_request();
        request.headers.push("Expires", "0");
        self.open_transaction(request, Purpose::SignOut, SIGN_OUT_TIMEOUT, now);
    }

    fn register_request(&mut self) -> Message {
        self.registration.cseq = self.registration.cseq.saturating_add(1);
        let config = &self.config;
        let contact = format!(
            "<sip:{};transport={};ms-opaque={OPAQUE}>;methods=\"{METHODS}\";proxy=replace;\
             +sip.instance=\"<urn:uuid:{}>\"",
            config.local,
            config.transport.parameter(),
            instance_uuid(&config.endpoint_id)
        );
        let mut request = Message::request(Method::REGISTER, &format!("sip:{}", config.domain()));
        for (name, value) in [
            ("From", self.own_from(&self.registration.tag)),
            ("To", format!("<{}>", config.address)),
            ("Max-Forwards", "70".to_owned()),
            ("CSeq", format!("{} REGISTER", self.registration.cseq)),
            ("User-Agent", config.user_agent.clone()),
            ("Call-ID", self.registration.call_id.clone()),
            ("Contact", contact),
            ("Supported", SUPPORTED.to_owned()),
            ("Event", "registration".to_owned()),
            ("Allow-Events", "presence".to_owned()),
            ("ms-keep-alive", "UAC;hop-hop=yes".to_owned()),
        ] {
            request.headers.push(name, value);
        }
        request
    }

    /// REGISTERs of a handshake are not held back and bring their own authorization.
    fn answer_challenge(&mut self, now: Now) {
        let mut request = self.register_request();
        self.link.complete(&mut request);
        let State::SigningIn { handshake, proved } = &mut self.registration.state else {
            return;
        };
        match handshake.authorize(&mut request, self.link.entropy(), now) {
            Ok(Authorized::Asked) => {}
            Ok(Authorized::Proved(association)) => {
                *proved = true;
                self.link.secure(*association);
            }
            Err(error) => return self.end(Ended::Handshake(error.to_string())),
        }
        self.link.send_as_is(&request, now);
        self.remember(request, Purpose::Register, REGISTER_TIMEOUT, now);
    }

    pub(super) fn on_register_response(&mut self, status: u16, response: &Message, now: Now) {
        let diagnostics = Diagnostics::of(response);
        match status {
            200..=299 => self.on_registered(response, now),
            401 | 407 => self.on_challenge(response, now),
            300..=399 => self.on_redirect(status, response),
            404 => self.end(Ended::UnknownAddress(diagnostics)),
            504 => self.pause_registration(diagnostics, now),
            408 | 500..=599 => self.end(Ended::Unavailable { status, diagnostics }),
            _ => self.end(Ended::Refused { status, diagnostics }),
        }
    }

    fn on_challenge(&mut self, response: &Message, now: Now) {
        if !self.registration.is_signing_in() {
            // A refresh was refused: the server has forgotten us. Once more from the start, with
            // this challenge as the first one.
            self.link.suspend();
            let handshake =
                ClientHandshake::new(self.config.credentials.clone(), &self.config.workstation);
            let handshake = Box::new(handshake);
            self.registration.state = State::SigningIn { handshake, proved: false };
        }
        let State::SigningIn { handshake, .. } = &mut self.registration.state else {
            return;
        };
        match handshake.challenge(response) {
            Ok(()) => self.answer_challenge(now),
            Err(AuthError::PasswordRefused) => self.end(Ended::WrongPassword),
            Err(AuthError::NtlmNotOffered { .. }) => self.end(Ended::NoNtlm),
            Err(error) => self.end(Ended::Handshake(error.to_string())),
        }
    }

    fn on_redirect(&mut self, status: u16, response: &Message) {
        let target = response.contact().and_then(|contact| host_and_port(&contact.uri));
        let Some((host, port)) = target else {
            let diagnostics = Diagnostics::of(response);
            return self.end(Ended::Unavailable { status, diagnostics });
        };
        self.link.put(Output::Redirect { host, port });
        self.end(Ended::Redirected);
    }

    fn pause_registration(&mut self, diagnostics: Option<Diagnostics>, now: Now) {
        self.registration.tries += 1;
        if self.registration.tries >= REGISTER_TRIES_MAX {
            return self.end(Ended::Unavailable { status: 504, diagnostics });
        }
        self.registration.state = State::Pausing { until: now.instant + REGISTER_PAUSE };
    }

    pub(super) fn on_register_timeout(&mut self, now: Now) {
        self.registration.tries += 1;
        let again = matches!(self.registration.state, State::SigningIn { proved: false, .. });
        if !again || self.registration.tries >= REGISTER_TRIES_MAX {
            return self.end(Ended::NoAnswer);
        }
        self.sign_in(now);
    }

    fn on_registered(&mut self, response: &Message, now: Now) {
        let ours = self.own_contact(response);
        let expires = expires(response, ours.as_ref());
        let signed_in = match self.registration.state {
            State::SigningIn { proved: true, .. } => true,
            State::SigningIn { proved: false, .. } => {
                let text = "the server asks for no authentication";
                return self.end(Ended::Handshake(text.to_owned()));
            }
            State::SigningOut { .. } => return,
            State::Registered { .. } | State::Refreshing | State::Pausing { .. } => false,
        };
        let refresh_in = expires.checked_sub(REFRESH_BEFORE).filter(|left| !left.is_zero());
        let refresh_at = now.instant + refresh_in.unwrap_or(expires / 2);
        self.registration.state = State::Registered { refresh_at };
        self.registration.tries = 0;
        if let Some(gruu) = ours.as_ref().and_then(|contact| contact.parameter("gruu")) {
            self.contact = format!("<{gruu}>");
        }
        if let Some(every) = keep_alive(response) {
            self.link.set_keep_alive(every);
        }
        if signed_in {
            self.registration.renew_at = Some(now.instant + RENEW_AFTER);
            let server = response.headers.first("Server").map(str::to_owned);
            self.link.event(Event::SignedIn { server, expires });
            self.link.resume(now);
            self.provision(response, now);
        }
    }

    /// The `Contact` with our instance: the registrar lists every endpoint of the user.
    fn own_contact(&self, response: &Message) -> Option<Address> {
        let ours = instance_uuid(&self.config.endpoint_id);
        response.contacts().find(|contact| contact.instance_uuid().as_ref() == Some(&ours))
    }
}

fn expires(response: &Message, ours: Option<&Address>) -> Duration {
    let header = response.expires_header();
    let value = header.or_else(|| ours.and_then(|contact| contact.parameter("expires")));
    let seconds = value.and_then(|value| value.trim().parse().ok()).filter(|s: &u32| *s > 0);
    seconds.map_or(EXPIRES_DEFAULT, |s| Duration::from_secs(s.into()))
}

/// `UAS; tcp=no; hop-hop=yes; end-end=no; timeout=300` (MS-CONMGMT 2.2.1).
fn keep_alive(response: &Message) -> Option<Duration> {
    let value = Address::parse(response.headers.first("ms-keep-alive")?);
    let seconds: u32 = value.parameter("timeout")?.parse().ok()?;
    Some(Duration::from_secs(seconds.into()).clamp(KEEP_ALIVE_MIN, KEEP_ALIVE_MAX))
}

/// `sip:host:port;transport=tls`; without a port the one of TLS.
fn host_and_port(uri: &str) -> Option<(String, u16)> {
    const PORT_TLS: u16 = 5061;
    let (scheme, rest) = uri.split_once(':')?;
    if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
        return None;
    }
    let place = rest.split([';', '?']).next()?;
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
        _ => (place, PORT_TLS),
    };
    let host = host.trim_matches(['[', ']']);
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;

    /// Test vectors, section 3: what a real registrar answered, and what was asked.
    #[test]
    fn headers_of_a_real_registrar() {
        let head = "SIP/2.0 200 OK\r\n\
            From: <sip:user@cosmo.local>;tag=3e49177a52;epid=c8ca638a15\r\n\
            Via: SIP/2.0/TLS 192.168.172.6:12723;ms-received-port=12723;ms-received-cid=2600\r\n\
            Contact: <sip:192.168.172.6:12723;transport=tls;ms-opaque=fad3dfab32;ms-received-cid=2600>;expires=7200;+sip.instance=\"<urn:uuid:34d859db-6585-5f91-a3b4-de853c15347d>\";gruu=\"sip:user@cosmo.local;opaque=user:epid:21nYNIVlkV-jtN6FPBU0fQAA;gruu\"\r\n\
            presence-state: register-action=\"added\"\r\n\
            ms-keep-alive: UAS; tcp=no; hop-hop=yes; end-end=no; timeout=300\r\n\
            Allow-Events: vnd-microsoft-provisioning,vnd-microsoft-roaming-contacts,vnd-microsoft-roaming-ACL,presence,presence.wpending,vnd-microsoft-roaming-self,vnd-microsoft-provisioning-v2\r\n\
            Server: RTC/3.5\r\n\r\n";
        let answer = Message::parse_head(head.as_bytes()).unwrap();
        assert_eq!(
            (answer.from().tag(), answer.from().epid()),
            (Some("3e49177a52"), Some("c8ca638a15"))
        );
        assert_eq!(answer.branch(), None);
        let contact = answer.contact().unwrap();
        assert_eq!(contact.instance_uuid(), Some(instance_uuid("c8ca638a15")));
        assert_eq!(
            contact.parameter("gruu"),
            Some("sip:user@cosmo.local;opaque=user:epid:21nYNIVlkV-jtN6FPBU0fQAA;gruu")
        );
        assert_eq!(expires(&answer, Some(&contact)), Duration::from_secs(7200));
        assert_eq!(keep_alive(&answer), Some(Duration::from_secs(300)));
        assert!(answer.headers.lists("Allow-Events", "vnd-microsoft-provisioning-v2"));
        assert_eq!(answer.headers.first("presence-state"), Some("register-action=\"added\""));

        // The client's own, with the UUID in capitals and commas within quotes.
        let asked = "REGISTER sip:cosmo.local SIP/2.0\r\n\
            Contact: <sip:192.168.172.6:12723;transport=tls;ms-opaque=fad3dfab32>;methods=\"INVITE, MESSAGE, INFO, OPTIONS, BYE, CANCEL, NOTIFY, ACK, REFER, BENOTIFY\";proxy=replace;+sip.instance=\"<urn:uuid:34D859DB-6585-5F91-A3B4-DE853C15347D>\"\r\n\r\n";
        let asked = Message::parse_head(asked.as_bytes()).unwrap();
        let contacts: Vec<_> = asked.contacts().collect();
        assert_eq!(contacts.len(), 1);
        assert_eq!(contacts.first().and_then(Address::instance_uuid), contact.instance_uuid());
    }

    #[test]
    fn redirect_targets() {
        let read = |uri| host_and_port(uri).map(|(host, port)| format!("{host} {port}"));
        assert_eq!(
            read("sip:fe2.contoso.com:5062;transport=tls").as_deref(),
            Some("fe2.contoso.com 5062")
        );
        assert_eq!(read("sip:u@fe2.contoso.com").as_deref(), Some("fe2.contoso.com 5061"));
        assert_eq!(read("sip:[fd00::1]:5061").as_deref(), Some("fd00::1 5061"));
        assert_eq!(read("sip:[fd00::1]").as_deref(), Some("fd00::1 5061"));
        for broken in ["", "sip:", "http://x", "sip:host:x", "tel:+1"] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }
}
