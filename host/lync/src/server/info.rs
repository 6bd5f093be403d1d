//! INFO from a client: commands and posts (dossier 3.3).

use super::{ConnectionId, Pool, chat::DialogId, faults::take};
use crate::{
    Now,
    sip::Message,
    xccos::{self, Child, CommandId, Envelope, Reply, assumed::Cause},
};

impl Pool {
    /// Answers the INFO at once, then does what it asks. Only posts are looked at before: that one
    /// was refused is said by the SIP status (dossier 4.13).
    pub(super) fn info(
        &mut self,
        id: ConnectionId,
        dialog_id: DialogId,
        request: &Message,
        now: Now,
    ) {
        if take(&mut self.faults.info_unanswered) {
            return;
        }
        if take(&mut self.faults.info_503) {
            return self.answer(id, request, 503);
        }
        if take(&mut self.faults.info_481) {
            self.lose_dialog(dialog_id, now);
            return self.answer(id, request, 481);
        }
        let Ok(envelope) = xccos::decode(&request.body, &self.config.quirks) else {
            return self.answer(id, request, 400);
        };
        if !self.is_welcome(dialog_id) || take(&mut self.faults.bye_after_command) {
            self.answer(id, request, 200);
            return self.hang_up(dialog_id, now);
        }
        match self.check_posts(dialog_id, &envelope) {
            Ok(()) => {
                self.answer(id, request, 200);
                self.carry_out(dialog_id, envelope, now);
            }
            Err(cause) if take(&mut self.faults.refusals_by_reply) => {
                self.answer(id, request, 200);
                let command = CommandId { envid: envelope.envid, seqid: "1".to_owned() };
                self.reply(dialog_id, Reply::failure("grpchat", command, cause), now);
            }
            Err(cause) => self.answer(id, request, refusal_status(cause)),
        }
    }

    /// Whether the user of the dialog may use Persistent Chat at all (dossier 3.2).
    fn is_welcome(&self, dialog_id: DialogId) -> bool {
        let dialog = self.dialogs.get(&dialog_id);
        let user = dialog.and_then(|dialog| self.users.find(&dialog.address));
        user.is_some_and(|user| user.chat_enabled)
    }

    fn check_posts(&self, dialog_id: DialogId, envelope: &Envelope) -> Result<(), Cause> {
        for child in &envelope.children {
            match child {
                Child::Chat(message) => self.check_post(dialog_id, message)?,
                Child::Invalid { id, .. } if id.eq_ignore_ascii_case("grpchat") => {
                    return Err(Cause::InvalidArgument);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, dialog_id: DialogId, envelope: Envelope, now: Now) {
        let envid = envelope.envid;
        for child in envelope.children {
            match child {
                Child::Command { seqid, command } => {
                    let command_id = CommandId { envid: envid.clone(), seqid };
                    self.command_soon(dialog_id, command_id, command, now);
                }
                Child::Chat(message) => self.take_post(dialog_id, message, now),
                Child::Invalid { seqid, id, .. } => {
                    let name = id.split_once(':').map_or(id.as_str(), |(_, name)| name);
                    let command = CommandId { envid: envid.clone(), seqid };
                    let reply = Reply::failure(name, command, Cause::InvalidArgument);
                    self.reply(dialog_id, reply, now);
                }
                Child::Reply(_) | Child::Notice(_) | Child::Unknown(_) => {}
            }
        }
    }
}

/// The SIP status that refuses a post. Which one a real server takes is not known; clients look
/// only at whether it is 200.
fn refusal_status(cause: Cause) -> u16 {
    match cause {
        Cause::InvalidArgument => 400,
        Cause::Permission | Cause::NotJoined | Cause::RoomDisabled => 403,
        Cause::NoSuchRoom => 404,
        Cause::LimitExceeded => 413,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, clippy::indexing_slicing, reason = "tests stop at the first surprise")]

    use super::*;
    use crate::{
        server::{User, testing::*},
        sip::Method,
        xccos::Command,
    };

    fn answers(world: &mut World, phone: &mut Phone, inner: &str) -> Vec<Message> {
        let body = format!(
            "<xccos ver=\"1\" envid=\"5\" xmlns=\"urn:parlano:xml:ns:xccos\">{inner}</xccos>"
        );
        let info = phone.within(&Method::INFO, &body);
        phone.send(world, info)
    }

    fn status(world: &mut World, phone: &mut Phone, inner: &str) -> Option<u16> {
        let answers = answers(world, phone, inner);
        answers.first().and_then(Message::status)
    }

    fn post(author: &str, ts: &str, text: &str) -> String {
        let room = ops();
        format!(
            "<grpchat id=\"grpchat\" seqid=\"1\" chanUri=\"{room}\" author=\"{author}\"{ts}>\
             <chat>{text}</chat></grpchat>"
        )
    }

    #[test]
    fn a_body_that_is_no_envelope_is_refused() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let info = phone.within(&Method::INFO, "<xccos");
        assert_eq!(phone.ask(&mut world, info).status(), Some(400));
    }

    #[test]
    fn posts_need_a_time_an_own_author_and_a_joined_room() {
        const TS: &str = " ts=\"2014-03-03T09:40:00Z\"";
        let mut world = World::new();
        let mut outside = Phone::ready(&mut world, 1, ALICE);
        assert_eq!(status(&mut world, &mut outside, &post(ALICE, TS, "x")), Some(403));
        let mut phone = Phone::inside(&mut world, 2, BOB);
        assert_eq!(status(&mut world, &mut phone, &post(BOB, "", "x")), Some(400));
        assert_eq!(status(&mut world, &mut phone, &post(BOB, " ts=\"now\"", "x")), Some(400));
        assert_eq!(status(&mut world, &mut phone, &post(ALICE, TS, "x")), Some(403));
        assert_eq!(status(&mut world, &mut phone, "<grpchat id=\"grpchat\"/>"), Some(400));
        let long = "x".repeat(513);
        assert_eq!(status(&mut world, &mut phone, &post(BOB, TS, &long)), Some(413));
        assert_eq!(status(&mut world, &mut phone, &post(BOB, TS, &long[1..])), Some(200));
    }

    #[test]
    fn one_refused_post_refuses_its_envelope() {
        let mut world = World::new();
        let mut phone = Phone::inside(&mut world, 1, ALICE);
        let good = post(ALICE, " ts=\"2014-03-03T09:40:00Z\"", "good");
        let both = format!("{good}{}", post(ALICE, "", "bad"));
        assert_eq!(answers(&mut world, &mut phone, &both).len(), 1);
        assert_eq!(answers(&mut world, &mut phone, &format!("{good}{good}")).len(), 3);
    }

    #[test]
    fn the_unwelcome_get_a_bye() {
        let mut world = World::new();
        let alice = User { chat_enabled: false, ..user("alice", "Alice") };
        world.pool.users = super::super::Users::new([alice]);
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let answers = answers(&mut world, &mut phone, "");
        let methods: Vec<_> = answers.iter().filter_map(Message::method).collect();
        assert_eq!((answers[0].status(), &methods[1..]), (Some(200), &[Method::BYE][..]));
    }

    #[test]
    fn commands_are_answered_200_first_and_each_replied_to() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let two = "<cmd id=\"cmd:requri\" seqid=\"1\"><data/></cmd>\
                   <cmd id=\"CMD:join\" seqid=\"2\"><data/></cmd>";
        let answers = answers(&mut world, &mut phone, two);
        assert_eq!((answers.len(), answers[0].status()), (3, Some(200)));
        let reply = |message: &Message| {
            let envelope = xccos::decode(&message.body, &crate::Quirks::default());
            match envelope.map(|envelope| envelope.children) {
                Ok(children) => match children.into_iter().next() {
                    Some(Child::Reply(reply)) => (reply.command.seqid, reply.code),
                    other => panic!("{other:?}"),
                },
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(reply(&answers[1]), ("1".to_owned(), 200));
        assert_eq!(reply(&answers[2]), ("2".to_owned(), 400));
    }

    #[test]
    fn what_nobody_knows_is_not_supported() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let command = Command::Other { name: "x-dance".into(), data: xccos::Data::empty() };
        let told = phone.command(&mut world, command);
        let [Child::Reply(reply)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((reply.code, reply.text.as_str()), (501, "ERROR_MSG_NOT_SUPPORTED"));
    }
}
