//! Requests of the pool to its clients, and their answers.

use super::{
    ConnectionId, Pool, PoolEvent,
    chat::{DialogId, Unanswered},
    connection::Signing,
    faults::take,
};
use crate::{
    Now,
    sip::{Message, Method},
    xccos::{self, Child, Envelope, Notice, Reply, RoomUri},
};

/// Requests of ours without answer that a dialog may have; with more it counts as broken.
pub(super) const UNANSWERED_MAX: usize = 256;
/// Replies that [`super::Faults::merged_replies`] may hold back for one envelope.
const HELD_MAX: usize = 16;
/// Where a server's envelope numbers begin, as seen on the wire.
const ENVELOPE_FIRST: u64 = 7_962_449_779_256_945_056;

impl Pool {
    /// Sends the reply to a command.
    pub(super) fn reply(&mut self, dialog_id: DialogId, reply: Reply, now: Now) {
        // Nothing follows a requri in its dialog that could share its envelope.
        let hold = reply.name != "requri" && take(&mut self.faults.merged_replies);
        let Some(dialog) = self.dialogs.get_mut(&dialog_id) else { return };
        dialog.held.push(Child::Reply(reply));
        if hold && dialog.held.len() < HELD_MAX {
            return;
        }
        let children = std::mem::take(&mut dialog.held);
        self.tell(dialog_id, children, None, now);
    }

    /// Sends a notice to everybody in the room but one user.
    pub(super) fn notify_others(&mut self, room: &RoomUri, but: &str, notice: &Notice, now: Now) {
        if self.is_large(room) {
            return;
        }
        for dialog_id in self.dialogs_in(room) {
            let dialog = self.dialogs.get(&dialog_id);
            if dialog.is_some_and(|dialog| !dialog.address.eq_ignore_ascii_case(but)) {
                self.tell(dialog_id, vec![Child::Notice(notice.clone())], None, now);
            }
        }
    }

    /// Sends an INFO in a dialog. Kinds are not mixed in one envelope: SIPE would lose some.
    pub(super) fn tell(
        &mut self,
        dialog_id: DialogId,
        children: Vec<Child>,
        post: Option<(RoomUri, u64)>,
        now: Now,
    ) {
        let envid = ENVELOPE_FIRST.wrapping_add(self.envelopes_sent);
        let body = xccos::encode(&Envelope::server(envid, children));
        let Some(dialog) = self.dialogs.get_mut(&dialog_id) else { return };
        let route = self.registrations.get(&dialog.endpoint).map(|there| there.connection);
        let Some(connection) = route.filter(|_| dialog.unanswered.len() < UNANSWERED_MAX) else {
            self.broken.push(dialog_id);
            return;
        };
        self.envelopes_sent += 1;
        let mut request = dialog.dialog.request(&Method::INFO);
        request.headers.push("Content-Type", "text/plain");
        request.body = body.into();
        if let Some((cseq, _)) = request.cseq() {
            dialog.unanswered.insert(cseq, Unanswered { sent: now.instant, post });
        }
        self.send_request(connection, request);
    }

    /// Sends a request of ours over a connection.
    pub(super) fn send_request(&mut self, connection: ConnectionId, mut request: Message) {
        let via = self.own_via(connection);
        request.headers.push_front("Via", via);
        self.send(connection, request, Signing::Signed);
    }

    /// The dialogs that have joined a room.
    pub(super) fn dialogs_in(&self, room: &RoomUri) -> Vec<DialogId> {
        let inside = self.dialogs.iter().filter(|(_, dialog)| dialog.joined.contains(room));
        inside.map(|(dialog_id, _)| *dialog_id).collect()
    }

    /// Takes the answer to a request of ours. 481 and 487 say that the client has no such dialog.
    pub(super) fn take_response(&mut self, id: ConnectionId, response: &Message, now: Now) {
        let (Some(status), Some((cseq, _))) = (response.status(), response.cseq()) else { return };
        let Some(dialog_id) = self.find_dialog(id, response).filter(|_| status >= 200) else {
            return;
        };
        let Some(dialog) = self.dialogs.get_mut(&dialog_id) else { return };
        let Some(answered) = dialog.unanswered.remove(&cseq) else { return };
        let by = dialog.address.clone();
        match (status, answered.post) {
            (200..300, Some((room, post))) => {
                let after = now.instant.saturating_duration_since(answered.sent);
                self.event(PoolEvent::Answered { room, id: post, by, after });
            }
            (408 | 481 | 487, _) => self.broken.push(dialog_id),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use std::time::Duration;

    use super::*;
    use crate::server::{PoolTimer, testing::*};

    #[test]
    fn an_answered_post_is_an_event() {
        let mut world = World::new();
        let mut phone = Phone::inside(&mut world, 1, ALICE);
        world.post("hello");
        let told = world.collect(phone.id);
        world.events();
        world.now.instant += Duration::from_millis(40);
        phone.check(told.first().unwrap());
        phone.respond(&mut world, told.first().unwrap(), 200);
        let (by, after) = (ALICE.to_owned(), Duration::from_millis(40));
        assert_eq!(world.events(), [PoolEvent::Answered { room: ops(), id: 1, by, after }]);
    }

    #[test]
    fn only_an_answer_of_200_counts() {
        let mut world = World::new();
        let mut phone = Phone::inside(&mut world, 1, ALICE);
        world.post("hello");
        let told = world.collect(phone.id);
        world.events();
        phone.respond(&mut world, told.first().unwrap(), 100);
        phone.respond(&mut world, told.first().unwrap(), 503);
        phone.respond(&mut world, told.first().unwrap(), 200);
        assert_eq!(world.events(), []);
    }

    #[test]
    fn unsigned_answers_do_not_count() {
        let mut world = World::new();
        let phone = Phone::inside(&mut world, 1, ALICE);
        world.post("hello");
        let told = world.collect(phone.id);
        world.events();
        let answer = Message::answer(told.first().unwrap(), 200);
        assert_eq!(world.exchange(phone.id, &answer.encode()), []);
        assert_eq!(world.events(), []);
    }

    #[test]
    fn answers_487_and_481_close_the_dialog() {
        for status in [487, 481] {
            let mut world = World::new();
            let mut phone = Phone::inside(&mut world, 1, ALICE);
            world.post("hello");
            let told = world.collect(phone.id);
            world.events();
            phone.respond(&mut world, told.first().unwrap(), status);
            let parted = PoolEvent::Parted { room: ops(), address: ALICE.into() };
            assert_eq!(world.events(), [parted]);
            world.post("nobody here");
            assert_eq!(world.collect(phone.id), []);
        }
    }

    #[test]
    fn no_answer_within_32_seconds_breaks_the_dialog() {
        let mut world = World::new();
        let phone = Phone::inside(&mut world, 1, ALICE);
        world.post("hello");
        world.collect(phone.id);
        let at = world.now.instant + Duration::from_secs(32);
        assert_eq!(world.pool.deadline(), Some((at, PoolTimer::Answer)));
        world.pass(Duration::from_secs(31));
        assert_eq!(world.collect(phone.id), []);
        world.pass(Duration::from_secs(1));
        let told = world.collect(phone.id);
        assert_eq!(told.first().and_then(Message::method), Some(Method::BYE));
        assert!(world.pool.dialogs.is_empty());
    }

    #[test]
    fn a_dialog_without_answers_is_bounded() {
        let mut world = World::new();
        let phone = Phone::inside(&mut world, 1, ALICE);
        for _ in 0..UNANSWERED_MAX {
            world.post("hello");
        }
        assert_eq!(world.collect(phone.id).len(), UNANSWERED_MAX);
        world.post("one too many");
        assert!(world.collect(phone.id).is_empty() && world.pool.dialogs.is_empty());
    }

    #[test]
    fn the_next_post_finds_out_that_a_client_is_gone() {
        let mut world = World::new();
        let phone = Phone::inside(&mut world, 1, ALICE);
        world.events();
        world.pool.disconnect(phone.id, world.now);
        assert_eq!(world.events(), [PoolEvent::SignedOut { address: ALICE.into() }]);
        world.post("to nobody");
        let parted = PoolEvent::Parted { room: ops(), address: ALICE.into() };
        assert!(world.events().contains(&parted));
    }
}
