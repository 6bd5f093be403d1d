//! Counts only, for confidential rooms: the mails hold no word of a message and no author's name, so
//! that nothing confidential leaves the chat.
//!
//! The guests in `headline-python` and `headline-js` do the same, to the last byte. No import is
//! called.

mod mail;
mod told;

use chat_digest_guest::bindings::{Guest, export};
use chat_digest_guest::types::{Action, Cohort, Edition, Group, Mail, Message, Room, Wish};

struct Headline;

impl Guest for Headline {
    fn plan(_room: Room, _message: Message, cohorts: Vec<Cohort>) -> Result<Vec<Group>, String> {
        Ok(plan(&cohorts))
    }

    fn compose(edition: Edition) -> Result<Mail, String> {
        mail::compose(&edition)
    }
}

fn plan(cohorts: &[Cohort]) -> Vec<Group> {
    let (off, on): (Vec<_>, Vec<_>) = cohorts.iter().partition(|one| one.wish == Wish::Off);
    let group = |action, reason: &str, cohorts: Vec<&Cohort>| Group {
        action,
        reason: reason.to_owned(),
        members: cohorts.iter().flat_map(|cohort| cohort.members.iter().copied()).collect(),
    };
    let groups = [
        group(Action::Keep, "confidential: counts only", on),
        group(Action::Skip, "asked for no mail", off),
    ];
    groups.into_iter().filter(|group| !group.members.is_empty()).collect()
}

#[allow(unsafe_code, reason = "the exported symbols; generated")]
mod exported {
    use super::{Headline, export};
    export!(Headline with_types_in chat_digest_guest::bindings);
}

#[cfg(test)]
mod tests {
    use chat_digest_guest::types::{Presence, Role};

    use super::*;

    fn cohort(members: &[u32], wish: Wish) -> Cohort {
        let (role, presence, members) = (Role::Member, Presence::Absent, members.to_vec());
        Cohort { role, presence, named: true, wish, language: 0, offset_minutes: 0, members }
    }

    #[test]
    fn everything_is_kept_but_for_who_wants_no_mail() {
        let cohorts =
            [cohort(&[9], Wish::Instant), cohort(&[2], Wish::Off), cohort(&[5, 1], Wish::None)];
        let planned: Vec<_> = plan(&cohorts)
            .into_iter()
            .map(|group| (group.action, group.reason, group.members))
            .collect();
        let kept = (Action::Keep, "confidential: counts only".to_owned(), vec![9, 5, 1]);
        assert_eq!(planned, [kept, (Action::Skip, "asked for no mail".to_owned(), vec![2])]);
        assert_eq!(plan(&[]), []);
        assert_eq!(plan(&[cohort(&[1], Wish::Off)]).len(), 1);
    }
}
