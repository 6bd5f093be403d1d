//! Dialogs with the chat service: made by INVITE, kept by UPDATE, ended by BYE (dossier section 3).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{
    ConnectionId, Pool,
    connection::{Diagnosed, Signing},
    faults::take,
    register::Endpoint,
};
use crate::{
    Now,
    sip::{Dialog, Message, Method, session_description},
    xccos::{Child, RoomUri},
};

/// Dialogs that one endpoint may have open; the oldest goes when a further one comes.
const DIALOGS_PER_ENDPOINT_MAX: usize = 8;
/// What the chat service understands.
const ALLOW: &str = "INVITE, BYE, ACK, CANCEL, INFO, UPDATE, OPTIONS";

/// Numbers the dialogs of a pool in the order of their making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DialogId(pub(super) u64);

/// A dialog, seen from the chat service.
#[derive(Debug)]
pub(super) struct ChatDialog {
    pub(super) dialog: Dialog,
    /// Whose it is; messages go to wherever this endpoint is registered now.
    pub(super) endpoint: Endpoint,
    /// The user's SIP address.
    pub(super) address: String,
    /// Rooms joined in this dialog; joining is a property of the dialog (dossier 3.6).
    pub(super) joined: BTreeSet<RoomUri>,
    /// Requests of ours without an answer, by CSeq.
    pub(super) unanswered: BTreeMap<u32, Unanswered>,
    /// When an idle client has forgotten us (session timer).
    pub(super) idle_until: Option<Instant>,
    /// Answered 481 although it is still fed with posts (fault).
    pub(super) stale: bool,
    /// Replies held back to share an envelope with the next one (fault).
    pub(super) held: Vec<Child>,
}

/// A request of ours that waits for its answer.
#[derive(Clone, Debug)]
pub(super) struct Unanswered {
    pub(super) sent: Instant,
    /// The post it carried.
    pub(super) post: Option<(RoomUri, u64)>,
}

impl Pool {
    /// INVITE: a new dialog, or the refresh of one.
    pub(super) fn invite(&mut self, id: ConnectionId, request: &Message, now: Now) {
        if request.to().tag().is_some() {
            return self.within_dialog(id, request, now);
        }
        if !request.uri().is_some_and(|uri| self.config.is_chat_uri(uri)) {
            return self.refuse(id, request, Diagnosed::NO_DESTINATION);
        }
        let trying = self.response(id, request, 100);
        self.send(id, trying, Signing::Plain);
        let response = self.accepted(id, request);
        let Some(endpoint) = self.endpoint(id, request) else {
            return self.refuse(id, request, Diagnosed::NO_EPID);
        };
        let Ok(dialog) = Dialog::uas(request, &response) else {
            return self.answer(id, request, 400);
        };
        self.make_room(&endpoint);
        self.dialogs_made += 1;
        let dialog = ChatDialog {
            dialog,
            endpoint,
            address: request.from().uri,
            joined: BTreeSet::new(),
            unanswered: BTreeMap::new(),
            idle_until: self.idle_until(now),
            stale: false,
            held: Vec::new(),
        };
        self.dialogs.insert(DialogId(self.dialogs_made), dialog);
        self.send(id, response, Signing::Signed);
    }

    /// A request that names a dialog: INFO, UPDATE, BYE, re-INVITE, OPTIONS.
    pub(super) fn within_dialog(&mut self, id: ConnectionId, request: &Message, now: Now) {
        let found = self.find_dialog(id, request);
        let dialog = found.and_then(|dialog_id| self.dialogs.get_mut(&dialog_id));
        let (Some(dialog_id), Some(dialog)) = (found, dialog) else {
            return self.answer(id, request, 481);
        };
        if dialog.stale {
            return self.answer(id, request, 481);
        }
        if dialog.dialog.receive(request).is_err() {
            return self.answer(id, request, 500);
        }
        let method = request.method();
        match method.as_ref().map(Method::as_str) {
            Some("INFO") => self.info(id, dialog_id, request, now),
            Some("UPDATE") => self.update(id, dialog_id, request, now),
            Some("INVITE") => {
                self.refresh(dialog_id, now);
                let response = self.accepted(id, request);
                self.send(id, response, Signing::Signed);
            }
            Some("BYE") => {
                self.answer(id, request, 200);
                self.end_dialog(dialog_id, now);
            }
            _ => self.options(id, request),
        }
    }

    /// OPTIONS: what the chat service understands.
    pub(super) fn options(&mut self, id: ConnectionId, request: &Message) {
        let mut response = self.response(id, request, 200);
        response.headers.push("Allow", ALLOW);
        self.send(id, response, Signing::Signed);
    }

    /// The dialog of the connection's endpoint that a message belongs to. `Via` is no help: not
    /// every client writes a branch (dossier 1.3).
    pub(super) fn find_dialog(&self, id: ConnectionId, message: &Message) -> Option<DialogId> {
        let address = &self.connections.get(&id)?.association.as_ref()?.address;
        let mut dialogs = self.dialogs.iter();
        let found = dialogs.find(|(_, dialog)| {
            dialog.dialog.matches(message) && dialog.address.eq_ignore_ascii_case(address)
        });
        found.map(|(dialog_id, _)| *dialog_id)
    }

    /// Ends a dialog with a BYE.
    pub(super) fn hang_up(&mut self, dialog_id: DialogId, now: Now) {
        let Some(dialog) = self.dialogs.get_mut(&dialog_id) else { return };
        let bye = dialog.dialog.request(&Method::BYE);
        let route = self.registrations.get(&dialog.endpoint).map(|there| there.connection);
        if let Some(connection) = route {
            self.send_request(connection, bye);
        }
        self.end_dialog(dialog_id, now);
    }

    /// Forgets a dialog; its user leaves the rooms joined in it.
    pub(super) fn end_dialog(&mut self, dialog_id: DialogId, now: Now) {
        let Some(dialog) = self.dialogs.remove(&dialog_id) else { return };
        for room in &dialog.joined {
            self.after_leaving(room, &dialog.address, now);
        }
    }

    /// What a 481 of the pool leaves behind: nothing, or a dialog that goes on being fed (fault).
    pub(super) fn lose_dialog(&mut self, dialog_id: DialogId, now: Now) {
        if !take(&mut self.faults.stale_dialogs) {
            return self.end_dialog(dialog_id, now);
        }
        if let Some(dialog) = self.dialogs.get_mut(&dialog_id) {
            dialog.stale = true;
        }
    }

    /// Ends the dialogs found broken meanwhile.
    pub(super) fn settle(&mut self, now: Now) {
        while let Some(dialog_id) = self.broken.pop() {
            self.end_dialog(dialog_id, now);
        }
    }

    fn update(&mut self, id: ConnectionId, dialog_id: DialogId, request: &Message, now: Now) {
        if take(&mut self.faults.update_481) {
            self.lose_dialog(dialog_id, now);
            return self.answer(id, request, 481);
        }
        self.refresh(dialog_id, now);
        let mut response = self.response(id, request, 200);
        self.add_session_expires(&mut response);
        self.send(id, response, Signing::Signed);
    }

    fn refresh(&mut self, dialog_id: DialogId, now: Now) {
        let idle_until = self.idle_until(now);
        if let Some(dialog) = self.dialogs.get_mut(&dialog_id) {
            dialog.idle_until = idle_until;
        }
    }

    fn idle_until(&self, now: Now) -> Option<Instant> {
        let idle = Duration::from_secs(u64::from(self.config.session_expires_s?));
        now.instant.checked_add(idle)
    }

    fn add_session_expires(&self, response: &mut Message) {
        if let Some(seconds) = self.config.session_expires_s {
            response.headers.push("Session-Expires", format!("{seconds};refresher=uac"));
        }
    }

    /// The 200 to an INVITE.
    fn accepted(&mut self, id: ConnectionId, request: &Message) -> Message {
        let mut response = self.response(id, request, 200);
        let server_name = self.config.server_name.as_str();
        let headers = &mut response.headers;
        if let Some(connection) = self.connections.get(&id) {
            let (port, transport) = (connection.local.port(), connection.transport.parameter());
            let route =
                format!("<sip:{server_name}:{port};transport={transport};opaque=state:T:F;lr>");
            headers.push("Record-Route", route);
            response.body = session_description(connection.local.ip(), port).into();
        }
        headers.push("Contact", format!("<{}>", self.config.chat_contact()));
        headers.push("Allow", ALLOW);
        headers.push("Content-Type", "application/sdp");
        self.add_session_expires(&mut response);
        response
    }

    fn make_room(&mut self, endpoint: &Endpoint) {
        let own = || self.dialogs.iter().filter(|(_, dialog)| dialog.endpoint == *endpoint);
        if own().count() >= DIALOGS_PER_ENDPOINT_MAX {
            let oldest = own().next().map(|(dialog_id, _)| *dialog_id);
            self.broken.extend(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;
    use crate::server::{PoolTimer, testing::*};

    #[test]
    fn only_the_chat_service_takes_invitations() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        for uri in ["sip:ocschat@contoso.com", BOB] {
            let answer = phone.invite(&mut world, uri);
            assert_eq!(answer.status(), Some(404));
            assert!(answer.headers.first("ms-diagnostics").unwrap().starts_with("4005;"));
        }
        world.pool.config.pool_uri = "sip:ocschat@contoso.com".into();
        let answer = phone.invite(&mut world, "sip:OCSChat@contoso.com");
        assert_eq!(answer.status(), Some(200));
    }

    #[test]
    fn updates_keep_a_dialog_and_silence_ends_it() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        for _ in 0..3 {
            world.pass(Duration::from_secs(1199));
            let update = phone.within(&Method::UPDATE, "");
            let answer = phone.ask(&mut world, update);
            assert_eq!(answer.headers.first("Session-Expires"), Some("1200;refresher=uac"));
        }
        assert_eq!(world.pool.deadline().unwrap().1, PoolTimer::Session);
        world.pass(Duration::from_secs(1200));
        let told = world.collect(phone.id);
        assert_eq!(told.first().and_then(Message::method), Some(Method::BYE));
        phone.respond(&mut world, told.first().unwrap(), 200);
        let update = phone.within(&Method::UPDATE, "");
        assert_eq!(phone.ask(&mut world, update).status(), Some(481));
    }

    #[test]
    fn an_invite_within_the_dialog_refreshes_it() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let again = phone.within(&Method::INVITE, "");
        let answer = phone.ask(&mut world, again);
        assert_eq!((answer.status(), world.pool.dialogs.len()), (Some(200), 1));
        assert!(answer.body.starts_with(b"v=0"));
    }

    #[test]
    fn bye_ends_the_dialog_and_the_visit() {
        let mut world = World::new();
        let mut phone = Phone::inside(&mut world, 1, ALICE);
        let bye = phone.within(&Method::BYE, "");
        assert_eq!(phone.ask(&mut world, bye).status(), Some(200));
        assert!(world.pool.dialogs.is_empty() && world.pool.participants(&ops()).is_empty());
    }

    #[test]
    fn old_numbers_are_refused() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let update = phone.within(&Method::UPDATE, "");
        assert_eq!(phone.ask(&mut world, update.clone()).status(), Some(200));
        assert_eq!(phone.ask(&mut world, update).status(), Some(500));
    }

    #[test]
    fn dialogs_of_others_are_unknown() {
        let mut world = World::new();
        let mut alice = Phone::ready(&mut world, 1, ALICE);
        let mut bob = Phone::ready(&mut world, 2, BOB);
        bob.dialog = alice.dialog.clone();
        let mut info = bob.within(&Method::UPDATE, "");
        info.headers.set("From", format!("<{BOB}>;epid=f29197849b19"));
        assert_eq!(bob.ask(&mut world, info).status(), Some(481));
        let update = alice.within(&Method::UPDATE, "");
        assert_eq!(alice.ask(&mut world, update).status(), Some(200));
    }

    #[test]
    fn an_endpoint_has_a_bounded_number_of_dialogs() {
        let mut world = World::new();
        let mut phone = Phone::new(&mut world, 1, ALICE);
        phone.sign_in(&mut world, "secret");
        for _ in 0..DIALOGS_PER_ENDPOINT_MAX + 3 {
            assert_eq!(phone.invite(&mut world, CHAT).status(), Some(200));
        }
        assert_eq!(world.pool.dialogs.len(), DIALOGS_PER_ENDPOINT_MAX);
        let update = phone.within(&Method::UPDATE, "");
        assert_eq!(phone.ask(&mut world, update).status(), Some(200), "the newest stays");
    }
}
