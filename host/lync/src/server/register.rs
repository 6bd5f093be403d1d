//! REGISTER: where endpoints are reached, and for how long (dossier 1.4).

use std::time::{Duration, Instant};

use super::{
    ConnectionId, Pool, PoolEvent,
    connection::{Diagnosed, Signing},
    faults::take,
    handshake::is_refresh,
    requests::check_endpoint,
    users::key,
};
use crate::{
    Now,
    sip::{Message, gruu},
};

/// The event packages that may be subscribed to, without blanks (dossier appendix A, 3).
const ALLOW_EVENTS: &str = super::provision::EVENT;

/// Endpoints that one user may have registered; a further one is refused.
const ENDPOINTS_PER_USER_MAX: usize = 16;

/// One endpoint of one user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Endpoint {
    address: String,
    epid: String,
}

impl Endpoint {
    pub(super) fn new(address: &str, epid: &str) -> Self {
        Self { address: key(address), epid: epid.to_owned() }
    }
}

/// Where an endpoint is reached, and for how long.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) connection: ConnectionId,
    /// The user's address as the user list writes it.
    pub(super) address: String,
    pub(super) until: Instant,
    contact: String,
    instance: Option<String>,
    gruu: String,
}

impl Pool {
    /// REGISTER, whatever stage it belongs to.
    pub(super) fn register(&mut self, id: ConnectionId, request: &Message, now: Now) {
        if let Some((host, port)) = self.faults.redirect_to.clone()
            && take(&mut self.faults.redirects)
        {
            return self.redirect(id, request, &host, port);
        }
        if take(&mut self.faults.register_503) {
            return self.answer(id, request, 503);
        }
        if self.users.find(&request.to().uri).is_none() {
            return self.answer(id, request, 404);
        }
        if is_refresh(request) && self.verify(id, request, now) {
            if !self.is_own(id, request) {
                return self.refuse(id, request, Diagnosed::NOT_OWNER);
            }
            return self.admit(id, request, now);
        }
        self.handshake(id, request, now);
    }

    /// Registers, refreshes or signs out an endpoint whose user is known by now.
    pub(super) fn admit(&mut self, id: ConnectionId, request: &Message, now: Now) {
        if let Err(refusal) = check_endpoint(request) {
            return self.refuse(id, request, refusal);
        }
        let from = request.from();
        let epid = from.epid().unwrap_or_default();
        let endpoint = Endpoint::new(&from.uri, epid);
        let wanted_s = request.expires_header().and_then(|value| value.trim().parse().ok());
        let expires_s = wanted_s.unwrap_or(u32::MAX).min(self.config.register_expires_s);
        if expires_s == 0 {
            return self.sign_out(id, request, &endpoint, now);
        }
        if self.has_too_many(&endpoint) {
            return self.answer(id, request, 403);
        }
        let contact = request.contact();
        let registration = Registration {
            connection: id,
            address: from.uri.clone(),
            until: now.instant + Duration::from_secs(expires_s.into()),
            contact: contact.as_ref().map(|contact| contact.uri.clone()).unwrap_or_default(),
            instance: contact.and_then(|contact| contact.instance_uuid()),
            gruu: gruu(&from.uri, epid),
        };
        self.place(endpoint, registration);
        self.confirm(id, request, expires_s, now);
    }

    fn has_too_many(&self, endpoint: &Endpoint) -> bool {
        let others = self.registrations.keys();
        let others = others.filter(|o| o.address == endpoint.address && *o != endpoint);
        others.count() >= ENDPOINTS_PER_USER_MAX
    }

    /// Reaches the endpoint here from now on. Whatever connection it had before is dead.
    fn place(&mut self, endpoint: Endpoint, registration: Registration) {
        let (connection, address) = (registration.connection, registration.address.clone());
        match self.registrations.insert(endpoint, registration) {
            Some(before) if before.connection != connection => self.close(before.connection),
            Some(_) => {}
            None => {
                let name = self.users.name_of(&address).to_owned();
                self.event(PoolEvent::SignedIn { address, name });
            }
        }
    }

    fn confirm(&mut self, id: ConnectionId, request: &Message, expires_s: u32, now: Now) {
        let mut response = self.response(id, request, 200);
        let headers = &mut response.headers;
        headers.push("Expires", expires_s.to_string());
        for contact in self.contacts(&request.from().uri, id, now) {
            headers.push("Contact", contact);
        }
        headers.push("presence-state", "register-action=\"added\"");
        headers.push("Allow-Events", ALLOW_EVENTS);
        // One token per line: SIPE compares whole values (dossier 1.3).
        headers.push("Supported", "adhoclist");
        headers.push("Supported", "msrtc-event-categories");
        let keep_alive_s = self.config.keep_alive_s;
        let keep_alive = format!("UAS; tcp=no; hop-hop=yes; end-end=no; timeout={keep_alive_s}");
        headers.push("ms-keep-alive", keep_alive);
        headers.push("Server", "RTC/5.0");
        self.send(id, response, Signing::Signed);
    }

    /// The `Contact` values of all endpoints of a user.
    fn contacts(&self, address: &str, id: ConnectionId, now: Now) -> Vec<String> {
        let own = self.registrations.values();
        let own = own.filter(|there| there.address.eq_ignore_ascii_case(address));
        own.filter(|there| !there.contact.is_empty())
            .map(|there| {
                let left_s = there.until.saturating_duration_since(now.instant).as_secs();
                let (uri, gruu) = (&there.contact, &there.gruu);
                let instance = there
                    .instance
                    .as_ref()
                    .map(|uuid| format!(";+sip.instance=\"<urn:uuid:{uuid}>\";gruu=\"{gruu}\""));
                let instance = instance.unwrap_or_default();
                format!("<{uri};ms-received-cid={:X}>;expires={left_s}{instance}", id.0)
            })
            .collect()
    }

    fn sign_out(&mut self, id: ConnectionId, request: &Message, endpoint: &Endpoint, now: Now) {
        let mut response = self.response(id, request, 200);
        response.headers.push("Expires", "0");
        self.send(id, response, Signing::Signed);
        self.unregister(endpoint, now);
    }

    /// Ends a registration and all that leans on it: association and dialogs.
    pub(super) fn unregister(&mut self, endpoint: &Endpoint, now: Now) {
        let Some(before) = self.registrations.remove(endpoint) else { return };
        if let Some(connection) = self.connections.get_mut(&before.connection) {
            connection.association = None;
        }
        self.event(PoolEvent::SignedOut { address: before.address });
        let own = self.dialogs.iter().filter(|(_, dialog)| dialog.endpoint == *endpoint);
        let own: Vec<_> = own.map(|(dialog_id, _)| *dialog_id).collect();
        for dialog_id in own {
            self.end_dialog(dialog_id, now);
        }
    }

    /// Forgets a connection and the registrations on it. Dialogs stay (dossier 3.7).
    pub(super) fn forget(&mut self, id: ConnectionId) {
        self.connections.remove(&id);
        let gone = self.registrations.extract_if(.., |_, there| there.connection == id);
        let gone: Vec<String> = gone.map(|(_, there)| there.address).collect();
        for address in gone {
            self.event(PoolEvent::SignedOut { address });
        }
    }

    fn redirect(&mut self, id: ConnectionId, request: &Message, host: &str, port: u16) {
        let mut response = self.response(id, request, 301);
        let transport = match self.connections.get(&id) {
            Some(connection) => connection.transport.parameter(),
            None => "tls",
        };
        response.headers.push("Contact", format!("<sip:{host}:{port};transport={transport}>"));
        self.send(id, response, Signing::Signed);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;
    use crate::{server::testing::*, sip::Method};

    fn diagnosed(answer: &Message) -> (Option<u16>, &str) {
        let value = answer.headers.first("ms-diagnostics").unwrap_or_default();
        (answer.status(), value.split(';').next().unwrap_or_default())
    }

    #[test]
    fn a_wrong_password_is_refused_and_said_so() {
        let mut world = World::new();
        let mut phone = Phone::new(&mut world, 1, ALICE);
        let answer = phone.sign_in(&mut world, "wrong");
        assert_eq!(diagnosed(&answer), (Some(401), "1000"));
        let reason = answer.headers.first("ms-diagnostics").unwrap();
        assert!(reason.contains("reason=\"Final handshake failed\""));
        assert!(world.pool.registrations.is_empty());
        // Nothing is signed with: neither is the next request taken.
        assert_eq!(phone.invite(&mut world, CHAT).status(), Some(401));
    }

    #[test]
    fn strangers_get_404_and_others_addresses_403() {
        let mut world = World::new();
        let mut phone = Phone::new(&mut world, 1, "sip:nobody@contoso.com");
        assert_eq!(phone.sign_in(&mut world, "secret").status(), Some(404));
        let mut phone = Phone::new(&mut world, 2, ALICE);
        let answer = phone.sign_in_as(&mut world, "bob", "secret");
        assert_eq!(diagnosed(&answer), (Some(403), "4004"));
    }

    #[test]
    fn the_instance_must_follow_from_the_epid() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let mut request = phone.register();
        let contact = "<sip:a>;+sip.instance=\"<urn:uuid:4b1682a8-f968-5701-83fc-7c6741dc6697>\"";
        request.headers.set("Contact", contact);
        assert_eq!(phone.ask(&mut world, request).status(), Some(400));
        let mut request = phone.register();
        request.headers.set("From", format!("<{ALICE}>;tag=1"));
        assert_eq!(diagnosed(&phone.ask(&mut world, request)), (Some(400), "4011"));
        let mut request = phone.register();
        request.headers.set("From", format!("<{ALICE}>;tag=1;epid={}", "0".repeat(17)));
        assert_eq!(diagnosed(&phone.ask(&mut world, request)), (Some(400), "4012"));
    }

    #[test]
    fn supported_and_events_are_as_sipe_wants_them() {
        let mut world = World::new();
        let mut phone = Phone::new(&mut world, 1, ALICE);
        let answer = phone.sign_in(&mut world, "secret");
        let supported: Vec<_> = answer.headers.all("Supported").collect();
        assert_eq!(supported, ["adhoclist", "msrtc-event-categories"]);
        let events = answer.headers.first("Allow-Events");
        assert_eq!(events, Some("vnd-microsoft-provisioning-v2"));
    }

    #[test]
    fn a_signed_refresh_needs_no_handshake_and_an_unsigned_one_does() {
        let mut world = World::new();
        world.pool.config.session_expires_s = None;
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        world.pass(Duration::from_secs(7000));
        let mut refresh = phone.register();
        refresh.headers.push("Expires", "40");
        let answer = phone.ask(&mut world, refresh);
        assert_eq!((answer.status(), answer.expires_header()), (Some(200), Some("40")));
        phone.security = None;
        assert_eq!(phone.sign_in(&mut world, "secret").status(), Some(200));
        let options = phone.within(&Method::OPTIONS, "");
        assert_eq!(phone.ask(&mut world, options).status(), Some(200), "dialogs stay");
    }

    #[test]
    fn registrations_run_out() {
        let mut world = World::new();
        world.pool.config.session_expires_s = None;
        let mut phone = Phone::inside(&mut world, 1, ALICE);
        world.events();
        world.pass(Duration::from_secs(7199));
        assert_eq!(world.events(), []);
        world.pass(Duration::from_secs(1));
        let address = ALICE.to_owned();
        let parted = PoolEvent::Parted { room: ops(), address: address.clone() };
        assert_eq!(world.events(), [PoolEvent::SignedOut { address }, parted]);
        assert_eq!(world.pool.deadline(), None);
        assert_eq!(phone.invite(&mut world, CHAT).status(), Some(401));
    }

    #[test]
    fn a_refresh_is_for_the_own_address_only() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        for name in ["From", "To"] {
            let mut refresh = phone.register();
            refresh.headers.set(name, format!("<{BOB}>;tag=1;epid=f29197849b19"));
            assert_eq!(diagnosed(&phone.ask(&mut world, refresh)), (Some(403), "4004"));
        }
    }

    #[test]
    fn associations_end_after_eight_hours() {
        let mut world = World::new();
        world.pool.config.register_expires_s = 90_000;
        world.pool.config.session_expires_s = None;
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        world.pass(Duration::from_secs(8 * 3600));
        let refresh = phone.register();
        assert_eq!(phone.ask(&mut world, refresh).status(), Some(401));
    }

    #[test]
    fn signing_out_ends_the_dialogs() {
        let mut world = World::new();
        let mut phone = Phone::inside(&mut world, 1, ALICE);
        world.events();
        let mut request = phone.register();
        request.headers.push("Expires", "0");
        let answer = phone.ask(&mut world, request);
        assert_eq!((answer.status(), answer.expires_header()), (Some(200), Some("0")));
        assert!(world.pool.dialogs.is_empty() && world.pool.registrations.is_empty());
        assert!(world.events().contains(&PoolEvent::SignedOut { address: ALICE.into() }));
    }

    #[test]
    fn a_new_connection_replaces_the_old_one_and_keeps_its_dialogs() {
        let mut world = World::new();
        let mut first = Phone::inside(&mut world, 1, ALICE);
        let mut second = Phone::new(&mut world, 2, ALICE);
        second.sign_in(&mut world, "secret");
        assert!(world.is_closed(first.id));
        world.post("to the dialog of the dead connection");
        assert!(first.hear(&mut world).is_empty());
        assert_eq!(texts(&second.hear(&mut world)), ["to the dialog of the dead connection"]);
    }

    #[test]
    fn endpoints_of_a_user_are_bounded() {
        let mut world = World::new();
        for number in 0..=ENDPOINTS_PER_USER_MAX {
            let mut phone = Phone::new(&mut world, u64::try_from(number).unwrap(), ALICE);
            phone.epid = format!("{number:012x}").leak();
            let expected = if number < ENDPOINTS_PER_USER_MAX { 200 } else { 403 };
            assert_eq!(phone.sign_in(&mut world, "secret").status(), Some(expected), "{number}");
        }
        assert_eq!(world.pool.registrations.len(), ENDPOINTS_PER_USER_MAX);
        let mut bob = Phone::new(&mut world, 1000, BOB);
        assert_eq!(bob.sign_in(&mut world, "secret").status(), Some(200));
    }

    #[test]
    fn every_endpoint_of_a_user_is_named() {
        let mut world = World::new();
        Phone::ready(&mut world, 1, ALICE);
        let mut second = Phone::new(&mut world, 2, ALICE);
        second.epid = "c8ca638a15";
        let answer = second.sign_in(&mut world, "secret");
        let gruus: Vec<_> =
            answer.contacts().map(|one| one.parameter("gruu").unwrap().to_owned()).collect();
        assert!(gruus.contains(&gruu(ALICE, "c8ca638a15")) && gruus.len() == 2);
    }
}
