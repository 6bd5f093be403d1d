//! Switches that bend one thing each, for tests of the other side (dossier appendix A, end).

use std::time::Duration;

/// What the pool shall do wrong, and how often.
///
/// A count says for how many of the next occasions; it falls by one each time. A `bool` or an
/// `Option` holds until it is taken back. The default bends nothing.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Signed messages that carry a wrong signature.
    pub wrong_signatures: u32,
    /// Signed messages that carry none.
    pub missing_signatures: u32,
    /// Well-signed requests other than REGISTER, ACK and CANCEL that are answered 401.
    pub challenges: u32,
    /// REGISTERs answered 301 towards [`Faults::redirect_to`].
    pub redirects: u32,
    /// Host and port of the 301.
    pub redirect_to: Option<(String, u16)>,
    /// REGISTERs answered 503.
    pub register_503: u32,
    /// INFOs answered 503 and not processed.
    pub info_503: u32,
    /// INFOs answered 481; the dialog is lost, and nobody says so.
    pub info_481: u32,
    /// UPDATEs answered 481; the dialog is lost, and nobody says so.
    pub update_481: u32,
    /// INFOs that get no answer and no processing.
    pub info_unanswered: u32,
    /// Dialogs lost by [`Faults::info_481`] or [`Faults::update_481`] that go on being fed with
    /// posts until the client answers one with 487 or 481 (dossier 3.7).
    pub stale_dialogs: u32,
    /// Commands answered by a BYE, as to a user who is not provisioned (dossier 3.2).
    pub bye_after_command: u32,
    /// Connections that fall silent for good at the next bytes they deliver: nothing is read, sent
    /// or closed any more.
    pub silences: u32,
    /// Posts that are sent twice on each dialog, with the same id.
    pub duplicates: u32,
    /// Replies, other than to `requri`, that wait for the next one and share its envelope.
    pub merged_replies: u32,
    /// `requri` commands answered without a URI.
    pub requri_failures: u32,
    /// Rooms refused although the user may join; in a `bjoin` they come as `fib`.
    pub join_failures: u32,
    /// All rooms count as large: no user list, no join or part notices.
    pub large_rooms: bool,
    /// Posts before which one id is left out, as if a post had been removed.
    pub id_gaps: u32,
    /// Most posts that a history reply holds, whatever was asked.
    pub history_cap: Option<usize>,
    /// History replies that put the newest post first.
    pub reversed_histories: u32,
    /// Commands that wait for [`Faults::slow_by`] before they are carried out.
    pub slow_replies: u32,
    /// How long slow things take.
    pub slow_by: Duration,
    /// Joins that take effect at once while the reply waits for [`Faults::slow_by`]: live posts
    /// overtake it.
    pub early_posts: u32,
    /// Posts go out without `chatId`, live and from history.
    pub omit_chat_ids: bool,
    /// Refused posts that are answered 200 and then `rpl:grpchat` instead of a SIP code.
    pub refusals_by_reply: u32,
    /// Header names in capitals.
    pub capital_headers: bool,
    /// Header values folded over two lines where they have a blank after a comma.
    pub folded_headers: bool,
    /// Cuts everything sent into pieces of at most so many bytes.
    pub split_bytes: Option<usize>,
}

/// Uses up one occasion of a counted fault.
pub(super) fn take(count: &mut u32) -> bool {
    let there = *count > 0;
    *count = count.saturating_sub(1);
    there
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::unwrap_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "tests stop at the first surprise"
    )]

    use super::*;
    use crate::{
        auth::{AuthError, Verified},
        server::{PoolEvent, testing::*},
        sip::Method,
        xccos::{Child, Command, RoomUri, assumed::Role},
    };

    fn join() -> Command {
        Command::Join { room: ops() }
    }

    fn history() -> Command {
        Command::BackContext { room: ops(), last: 25 }
    }

    fn ids(children: &[Child]) -> Vec<Option<u64>> {
        let [Child::Reply(reply)] = children else { panic!("{children:?}") };
        reply.data.rooms().flat_map(|room| &room.messages).map(|post| post.id).collect()
    }

    #[test]
    fn counts_run_out() {
        let mut faults = Faults { info_503: 2, ..Faults::default() };
        let taken: Vec<bool> = (0..3).map(|_| take(&mut faults.info_503)).collect();
        assert_eq!(taken, [true, true, false]);
        assert_eq!(faults.info_503, 0);
    }

    #[test]
    fn signatures_are_wrong_or_missing_and_then_right() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        phone.strict = false;
        world.pool.faults.wrong_signatures = 1;
        world.pool.faults.missing_signatures = 1;
        let expected =
            [Ok(Verified::Unsigned), Err(AuthError::SignatureInvalid), Ok(Verified::Signed)];
        for expected in expected {
            let options = phone.request(Method::OPTIONS, "sip:contoso.com");
            let answer = phone.ask(&mut world, options);
            assert_eq!(phone.security.as_mut().unwrap().verify(&answer), expected);
        }
    }

    #[test]
    fn a_challenge_in_mid_session_leaves_the_association() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        world.pool.faults.challenges = 1;
        let update = phone.within(&Method::UPDATE, "");
        assert_eq!(phone.ask(&mut world, update.clone()).status(), Some(401));
        assert_eq!(phone.ask(&mut world, update).status(), Some(200));
    }

    #[test]
    fn register_is_redirected_or_unavailable() {
        let mut world = World::new();
        world.pool.faults.redirects = 1;
        world.pool.faults.redirect_to = Some(("lyncfe02.contoso.com".into(), 5061));
        world.pool.faults.register_503 = 1;
        let mut phone = Phone::new(&mut world, 1, ALICE);
        let moved = phone.sign_in(&mut world, "secret");
        assert_eq!(moved.status(), Some(301));
        let contact = moved.headers.first("Contact");
        assert_eq!(contact, Some("<sip:lyncfe02.contoso.com:5061;transport=tls>"));
        assert_eq!(phone.sign_in(&mut world, "secret").status(), Some(503));
        assert_eq!(phone.sign_in(&mut world, "secret").status(), Some(200));
    }

    #[test]
    fn info_is_refused_lost_or_ignored() {
        let mut world = World::new();
        let mut phone = Phone::inside(&mut world, 1, ALICE);
        world.pool.faults.info_503 = 1;
        assert_eq!(phone.post(&mut world, "busy").0, Some(503));
        world.pool.faults.info_unanswered = 1;
        let info = phone.within(&Method::INFO, "<xccos/>");
        assert!(phone.send(&mut world, info).is_empty());
        world.pool.faults.info_481 = 1;
        assert_eq!(phone.post(&mut world, "lost").0, Some(481));
        assert_eq!(phone.post(&mut world, "still lost").0, Some(481));
        world.post("nobody hears this");
        assert!(phone.hear(&mut world).is_empty());
    }

    #[test]
    fn a_stale_dialog_is_fed_until_487() {
        let mut world = World::new();
        let mut phone = Phone::inside(&mut world, 1, ALICE);
        world.pool.faults.update_481 = 1;
        world.pool.faults.stale_dialogs = 1;
        let update = phone.within(&Method::UPDATE, "");
        assert_eq!(phone.ask(&mut world, update).status(), Some(481));
        phone.invite(&mut world, CHAT);
        phone.command(&mut world, join());
        world.post("twice");
        let told = world.collect(phone.id);
        assert_eq!(told.len(), 2);
        assert_ne!(told[0].call_id(), told[1].call_id());
        for (message, status) in told.iter().zip([487, 200]) {
            phone.check(message);
            phone.respond(&mut world, message, status);
        }
        world.post("once");
        assert_eq!(texts(&phone.hear(&mut world)), ["once"]);
    }

    #[test]
    fn the_first_command_gets_a_bye() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        world.pool.faults.bye_after_command = 1;
        let info = phone.within(&Method::INFO, "<xccos ver='1' envid='1'/>");
        let answers = phone.send(&mut world, info);
        let methods: Vec<_> = answers.iter().filter_map(|answer| answer.method()).collect();
        assert_eq!((answers[0].status(), &methods[1..]), (Some(200), &[Method::BYE][..]));
    }

    #[test]
    fn a_silent_connection_says_nothing_any_more() {
        let mut world = World::new();
        let mut phone = Phone::inside(&mut world, 1, ALICE);
        world.pool.faults.silences = 1;
        let update = phone.within(&Method::UPDATE, "");
        assert!(phone.send(&mut world, update).is_empty());
        world.post("into the void");
        assert!(phone.hear(&mut world).is_empty());
        assert!(!world.is_closed(phone.id));
    }

    #[test]
    fn posts_come_twice_with_a_gap_without_id() {
        let mut world = World::new();
        let mut phone = Phone::inside(&mut world, 1, ALICE);
        world.pool.faults.duplicates = 1;
        assert_eq!(world.post("one"), 1);
        world.pool.faults.id_gaps = 1;
        assert_eq!(world.post("three"), 3);
        assert_eq!(texts(&phone.hear(&mut world)), ["one", "one", "three"]);
        world.pool.faults.omit_chat_ids = true;
        world.post("four");
        let told = phone.hear(&mut world);
        assert!(matches!(&told[..], [Child::Chat(post)] if post.id.is_none()));
        assert_eq!(ids(&phone.command(&mut world, history())), [None; 3]);
    }

    #[test]
    fn replies_are_merged() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        world.pool.faults.merged_replies = 1;
        assert_eq!(phone.command(&mut world, Command::RequestUri).len(), 1);
        assert_eq!(phone.command(&mut world, history()), []);
        let told = phone.command(&mut world, join());
        let [Child::Reply(first), Child::Reply(second)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((first.name.as_str(), second.name.as_str()), ("bccontext", "join"));
    }

    #[test]
    fn requri_names_nothing() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        world.pool.faults.requri_failures = 1;
        for expected in [None, Some(CHAT)] {
            let told = phone.command(&mut world, Command::RequestUri);
            let [Child::Reply(reply)] = &told[..] else { panic!("{told:?}") };
            assert_eq!(reply.service_uri(), expected);
        }
    }

    #[test]
    fn a_join_fails_in_a_batch_that_succeeds() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        world.pool.faults.join_failures = 1;
        let told = phone.command(&mut world, Command::BatchJoin { rooms: vec![ops()] });
        let [Child::Reply(reply)] = &told[..] else { panic!("{told:?}") };
        assert!(reply.is_success() && reply.data.rooms().next().is_none());
        assert_eq!(reply.data.failures().collect::<Vec<_>>(), [&ops()]);
    }

    #[test]
    fn large_rooms_hide_their_people() {
        let mut world = World::new();
        world.pool.faults.large_rooms = true;
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let told = phone.command(&mut world, join());
        let [Child::Reply(reply)] = &told[..] else { panic!("{told:?}") };
        let room = reply.data.room(&ops()).unwrap();
        assert_eq!((room.associations.len(), room.participants_count), (0, Some(1)));
        Phone::inside(&mut world, 2, BOB);
        assert!(phone.hear(&mut world).is_empty());
    }

    #[test]
    fn history_is_capped_and_reversed() {
        let mut world = World::new();
        for _ in 0..4 {
            world.post("x");
        }
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        world.pool.faults.history_cap = Some(2);
        assert_eq!(ids(&phone.command(&mut world, history())), [Some(3), Some(4)]);
        world.pool.faults.reversed_histories = 1;
        assert_eq!(ids(&phone.command(&mut world, history())), [Some(4), Some(3)]);
    }

    #[test]
    fn slow_replies_come_when_they_are_due() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        world.pool.faults.slow_replies = 1;
        world.pool.faults.slow_by = Duration::from_secs(5);
        assert!(phone.command(&mut world, join()).is_empty());
        world.post("before the join");
        world.pass(Duration::from_secs(4));
        assert!(phone.hear(&mut world).is_empty());
        world.pass(Duration::from_secs(1));
        assert!(matches!(&phone.hear(&mut world)[..], [Child::Reply(_)]));
    }

    #[test]
    fn early_posts_overtake_the_reply_to_the_join() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        world.pool.faults.early_posts = 1;
        world.pool.faults.slow_by = Duration::from_secs(5);
        assert!(phone.command(&mut world, join()).is_empty());
        world.post("early");
        assert_eq!(texts(&phone.hear(&mut world)), ["early"]);
        world.pass(Duration::from_secs(5));
        assert!(matches!(&phone.hear(&mut world)[..], [Child::Reply(_)]));
    }

    #[test]
    fn a_post_is_refused_by_a_reply() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        world.pool.faults.refusals_by_reply = 1;
        let (status, told) = phone.post(&mut world, "not joined");
        assert_eq!(status, Some(200));
        assert!(matches!(&told[..], [Child::Reply(r)] if r.name == "grpchat" && r.code == 412));
        assert_eq!(phone.post(&mut world, "not joined").0, Some(403));
    }

    #[test]
    fn odd_heads_are_read_all_the_same() {
        let mut world = World::new();
        world.pool.faults.capital_headers = true;
        world.pool.faults.folded_headers = true;
        world.pool.faults.split_bytes = Some(7);
        let mut phone = Phone::inside(&mut world, 1, ALICE);
        world.post("in pieces");
        let mut pieces = Vec::new();
        while let Some((_, crate::server::PoolOutput::Send(piece))) = world.pool.poll() {
            pieces.push(piece);
        }
        assert!(pieces.iter().all(|piece| piece.len() <= 7));
        let text = String::from_utf8(pieces.concat()).unwrap();
        assert!(text.contains("\r\nCALL-ID: "));
        assert!(text.contains(",\r\n srand="));
        assert!(phone.hear(&mut world).is_empty());
    }

    #[test]
    fn the_default_bends_nothing() {
        let mut world = World::new();
        let mut phone = Phone::inside(&mut world, 1, ALICE);
        let mine = Command::Assumed(crate::xccos::assumed::Request::Associations {
            domain: "contoso.com".into(),
            role: Role::Member,
            results_max: 9,
        });
        let told = phone.command(&mut world, mine);
        let [Child::Reply(reply)] = &told[..] else { panic!("{told:?}") };
        let rooms: Vec<&RoomUri> = reply.data.rooms().map(|room| &room.uri).collect();
        assert_eq!(rooms, [&ops()]);
        assert!(world.events().iter().any(|event| matches!(event, PoolEvent::Joined { .. })));
    }
}
