//! Mails only what names somebody, and writes as the shipped guest does.
//!
//! Who has asked for a digest finds it there, who has asked for no mail gets none, and nobody gets
//! anything that does not name him. `plan` below is all that there is to it.

use chat_digest_guest::bindings::{Guest, export};
use chat_digest_guest::types::{Action, Edition, Group, Kind, Mail, Member, Message, Room, Wish};
use chat_digest_guest::{composed, report_panics};

struct MentionsOnly;

impl Guest for MentionsOnly {
    fn plan(_room: Room, message: Message, members: Vec<Member>) -> Result<Vec<Group>, String> {
        report_panics();
        Ok(plan(&message, &members))
    }

    fn compose(edition: Edition) -> Result<Mail, String> {
        report_panics();
        composed(&edition).map(|(mail, _)| mail)
    }
}

/// What is done and why, in the order of the groups.
const CASES: [(Action, &str); 5] = [
    (Action::MailNow, "the message names you"),
    (Action::Keep, "the message names you, and you have asked for a digest"),
    (Action::Keep, "messages of this room were missed"),
    (Action::Skip, "the message does not name you"),
    (Action::Skip, "asked for no mail"),
];

fn plan(message: &Message, members: &[Member]) -> Vec<Group> {
    let mut groups = CASES.map(|(action, reason)| Group {
        action,
        reason: reason.to_owned(),
        members: Vec::new(),
    });
    for member in members {
        if let Some(group) = groups.get_mut(case(message, member)) {
            group.members.push(member.id);
        }
    }
    groups.into_iter().filter(|group| !group.members.is_empty()).collect()
}

/// Which of [`CASES`] a member is.
fn case(message: &Message, member: &Member) -> usize {
    match member.wish {
        Wish::Off => 4,
        // What was missed may have named anybody.
        _ if matches!(message.kind, Kind::Gap(_)) => 2,
        Wish::Digest if member.named => 1,
        _ if member.named => 0,
        _ => 3,
    }
}

#[allow(unsafe_code, reason = "the exported symbols; generated")]
mod exported {
    use super::{MentionsOnly, export};
    export!(MentionsOnly with_types_in chat_digest_guest::bindings);
}

#[cfg(test)]
mod tests {
    use chat_digest_guest::types::{Gap, Moment, Presence, Role};

    use super::*;

    fn message(kind: Kind) -> Message {
        let sent = Moment {
            unix_ms: 1_741_076_040_000,
            year: 2025,
            month: 3,
            day: 4,
            weekday: 2,
            hour: 9,
            minute: 14,
            second: 0,
            offset_minutes: 60,
        };
        let author = "Anna".to_owned();
        Message { room: 1, author, author_person: None, sent, kind, parts: vec![], late: false }
    }

    fn member(id: u32, named: bool, wish: Wish) -> Member {
        let (role, presence) = (Role::Member, Presence::Absent);
        Member { id, role, presence, named, wish, language: 0, offset_minutes: 60 }
    }

    fn planned(kind: Kind, members: &[Member]) -> Vec<(Action, Vec<u32>)> {
        let groups = plan(&message(kind), members);
        groups.into_iter().map(|group| (group.action, group.members)).collect()
    }

    #[test]
    fn only_mentions_are_mailed() {
        let members = [
            member(1, true, Wish::None),
            member(2, false, Wish::Instant),
            member(3, true, Wish::Digest),
            member(4, true, Wish::Off),
            member(5, true, Wish::Mentions),
        ];
        let expected = [
            (Action::MailNow, vec![1, 5]),
            (Action::Keep, vec![3]),
            (Action::Skip, vec![2]),
            (Action::Skip, vec![4]),
        ];
        assert_eq!(planned(Kind::Message, &members), expected);
        assert_eq!(planned(Kind::Alert, &members), expected);
    }

    #[test]
    fn everybody_hears_of_what_was_missed() {
        let members = [member(1, false, Wish::None), member(2, false, Wish::Off)];
        let gap = Kind::Gap(Gap { missing: None });
        assert_eq!(planned(gap, &members), [(Action::Keep, vec![1]), (Action::Skip, vec![2])]);
        assert_eq!(planned(Kind::Message, &[]), []);
    }
}
