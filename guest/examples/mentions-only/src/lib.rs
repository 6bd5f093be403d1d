//! Mails only what names somebody, and writes as the shipped guest does.
//!
//! Who has asked for a digest finds it there, who has asked for no mail gets none, and nobody gets
//! anything that does not name him. `plan` below is all that there is to it.

use chat_digest_guest::bindings::{Guest, export};
use chat_digest_guest::types::{Action, Cohort, Edition, Group, Kind, Mail, Message, Room, Wish};
use chat_digest_guest::{composed, report_panics};

struct MentionsOnly;

impl Guest for MentionsOnly {
    fn plan(_room: Room, message: Message, cohorts: Vec<Cohort>) -> Result<Vec<Group>, String> {
        report_panics();
        Ok(plan(&message, &cohorts))
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

fn plan(message: &Message, cohorts: &[Cohort]) -> Vec<Group> {
    let mut groups = CASES.map(|(action, reason)| Group {
        action,
        reason: reason.to_owned(),
        members: Vec::new(),
    });
    for cohort in cohorts {
        if let Some(group) = groups.get_mut(case(message, cohort)) {
            group.members.extend_from_slice(&cohort.members);
        }
    }
    groups.into_iter().filter(|group| !group.members.is_empty()).collect()
}

/// Which of [`CASES`] a cohort is.
fn case(message: &Message, cohort: &Cohort) -> usize {
    match cohort.wish {
        Wish::Off => 4,
        // What was missed may have named anybody.
        _ if matches!(message.kind, Kind::Gap(_)) => 2,
        Wish::Digest if cohort.named => 1,
        _ if cohort.named => 0,
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

    fn cohort(members: &[u32], named: bool, wish: Wish) -> Cohort {
        let (role, presence, members) = (Role::Member, Presence::Absent, members.to_vec());
        Cohort { role, presence, named, wish, language: 0, offset_minutes: 60, members }
    }

    fn planned(kind: Kind, cohorts: &[Cohort]) -> Vec<(Action, Vec<u32>)> {
        let groups = plan(&message(kind), cohorts);
        groups.into_iter().map(|group| (group.action, group.members)).collect()
    }

    #[test]
    fn only_mentions_are_mailed() {
        let cohorts = [
            cohort(&[1, 6], true, Wish::None),
            cohort(&[2], false, Wish::Instant),
            cohort(&[3], true, Wish::Digest),
            cohort(&[4], true, Wish::Off),
            cohort(&[5], true, Wish::Mentions),
        ];
        let expected = [
            (Action::MailNow, vec![1, 6, 5]),
            (Action::Keep, vec![3]),
            (Action::Skip, vec![2]),
            (Action::Skip, vec![4]),
        ];
        assert_eq!(planned(Kind::Message, &cohorts), expected);
        assert_eq!(planned(Kind::Alert, &cohorts), expected);
    }

    #[test]
    fn everybody_hears_of_what_was_missed() {
        let cohorts = [cohort(&[1], false, Wish::None), cohort(&[2], false, Wish::Off)];
        let gap = Kind::Gap(Gap { missing: None });
        assert_eq!(planned(gap, &cohorts), [(Action::Keep, vec![1]), (Action::Skip, vec![2])]);
        assert_eq!(planned(Kind::Message, &[]), []);
    }
}
