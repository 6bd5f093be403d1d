//! Requests other than REGISTER: who may send them, and who takes them.

use super::{
    ConnectionId, Pool,
    connection::{Diagnosed, Signing},
    faults::take,
    register::Endpoint,
};
use crate::{
    Now,
    sip::{Message, Method},
};

/// Longest endpoint id taken (MS-SIPRE).
const EPID_BYTES_MAX: usize = 16;

impl Pool {
    /// Takes a request: none but REGISTER goes on without a valid signature (MS-SIPAE 3.3.5).
    pub(super) fn take_request(&mut self, id: ConnectionId, request: &Message, now: Now) {
        let Some(method) = request.method() else { return };
        if method == Method::REGISTER {
            return self.register(id, request, now);
        }
        let answerable = ![Method::ACK, Method::CANCEL, Method::BENOTIFY].contains(&method);
        let verified = self.verify(id, request, now);
        if !verified || (answerable && take(&mut self.faults.challenges)) {
            if answerable {
                self.offer(id, request, now);
            }
            return;
        }
        if !self.is_own(id, request) {
            if answerable {
                self.refuse(id, request, Diagnosed::NOT_OWNER);
            }
            return;
        }
        self.dispatch(id, &method, request, now);
    }

    fn dispatch(&mut self, id: ConnectionId, method: &Method, request: &Message, now: Now) {
        let in_dialog = request.to().tag().is_some();
        match method.as_str() {
            "ACK" | "BENOTIFY" => {}
            "INVITE" => self.invite(id, request, now),
            "SUBSCRIBE" => self.subscribe(id, request),
            "OPTIONS" if !in_dialog => self.options(id, request),
            "INFO" | "UPDATE" | "BYE" | "OPTIONS" => self.within_dialog(id, request, now),
            "CANCEL" | "SERVICE" | "PUBLISH" | "NOTIFY" => self.answer(id, request, 200),
            "MESSAGE" | "REFER" => self.answer(id, request, 405),
            _ => self.answer(id, request, 501),
        }
    }

    /// SUBSCRIBE: the provisioning document, or a polite nothing.
    fn subscribe(&mut self, id: ConnectionId, request: &Message) {
        let event = request.headers.first("Event").unwrap_or_default().to_owned();
        let mut response = self.response(id, request, 200);
        let headers = &mut response.headers;
        headers.push("Event", event.as_str());
        headers.push("Expires", request.expires_header().unwrap_or("0"));
        if event.eq_ignore_ascii_case(super::provision::EVENT) {
            self.add_provisioning(request, &mut response);
        }
        self.send(id, response, Signing::Signed);
    }

    /// Whether the request comes from whom its connection's association belongs to.
    /// A REGISTER has to be about the same address too.
    pub(super) fn is_own(&self, id: ConnectionId, request: &Message) -> bool {
        let association = self.connections.get(&id).and_then(|c| c.association.as_ref());
        association.is_some_and(|association| {
            let own = |uri: &str| association.address.eq_ignore_ascii_case(uri);
            let registers = request.method() == Some(Method::REGISTER);
            own(&request.from().uri) && (!registers || own(&request.to().uri))
        })
    }

    /// The endpoint that a request comes from.
    pub(super) fn endpoint(&self, id: ConnectionId, request: &Message) -> Option<Endpoint> {
        let address = &self.connections.get(&id)?.association.as_ref()?.address;
        Some(Endpoint::new(address, request.from().epid()?))
    }
}

/// Whether the endpoint id is one, and the instance UUID follows from it (MS-SIPAE 3.3.5.2).
pub(super) fn check_endpoint(request: &Message) -> Result<(), Diagnosed> {
    let from = request.from();
    let epid = from.epid().filter(|epid| !epid.is_empty()).ok_or(Diagnosed::NO_EPID)?;
    if epid.len() > EPID_BYTES_MAX {
        return Err(Diagnosed::LONG_EPID);
    }
    let instance = request.contact().and_then(|contact| contact.instance_uuid());
    match instance {
        Some(instance) if instance != crate::sip::instance_uuid(epid) => {
            Err(Diagnosed::WRONG_INSTANCE)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, reason = "tests stop at the first surprise")]

    use super::*;
    use crate::server::testing::*;

    #[test]
    fn nothing_goes_without_a_signature() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        for (method, expected) in [
            (Method::INVITE, Some(401)),
            (Method::SUBSCRIBE, Some(401)),
            (Method::ACK, None),
            (Method::CANCEL, None),
        ] {
            let request = phone.request(method.clone(), CHAT);
            let answers = world.exchange(phone.id, &request.encode());
            let status = answers.first().and_then(Message::status);
            assert_eq!(status, expected, "{method}");
        }
    }

    #[test]
    fn a_changed_message_is_refused() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let mut request = phone.request(Method::OPTIONS, CHAT);
        let Some(security) = &mut phone.security else { panic!() };
        security.sign(&mut request, &mut world.script);
        request.headers.set("To", "<sip:other@contoso.com>");
        let answers = world.exchange(phone.id, &request.encode());
        assert_eq!(answers.first().and_then(Message::status), Some(401));
    }

    #[test]
    fn nobody_speaks_for_somebody_else() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let mut request = phone.request(Method::OPTIONS, CHAT);
        request.headers.set("From", format!("<{BOB}>;tag=1;epid=1"));
        assert_eq!(phone.ask(&mut world, request).status(), Some(403));
    }

    #[test]
    fn every_method_has_its_answer() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        for (method, status) in [
            (Method::OPTIONS, 200),
            (Method::SUBSCRIBE, 200),
            (Method::SERVICE, 200),
            (Method::NOTIFY, 200),
            (Method::CANCEL, 200),
            (Method::MESSAGE, 405),
            (Method::REFER, 405),
            (Method::NEGOTIATE, 501),
            (Method::INFO, 481),
            (Method::BYE, 481),
            (Method::UPDATE, 481),
        ] {
            let request = phone.request(method.clone(), CHAT);
            assert_eq!(phone.ask(&mut world, request).status(), Some(status), "{method}");
        }
        let ack = phone.request(Method::ACK, CHAT);
        assert_eq!(phone.send(&mut world, ack), []);
    }
}
