//! Counts only, for confidential rooms: the mails hold no word of a message and no author's name, so
//! that nothing confidential leaves the chat.
//!
//! The guests in `headline-python` and `headline-js` do the same, to the last byte. No import is
//! called.

mod mail;
mod told;

use chat_digest_guest::bindings::{Guest, export};
use chat_digest_guest::types::{Action, Edition, Group, Mail, Member, Message, Room, Wish};

struct Headline;

impl Guest for Headline {
    fn plan(_room: Room, _message: Message, members: Vec<Member>) -> Result<Vec<Group>, String> {
        Ok(plan(&members))
    }

    fn compose(edition: Edition) -> Result<Mail, String> {
        mail::compose(&edition)
    }
}

fn plan(members: &[Member]) -> Vec<Group> {
    let (off, on): (Vec<_>, Vec<_>) = members.iter().partition(|one| one.wish == Wish::Off);
    let group = |action, reason: &str, members: Vec<&Member>| Group {
        action,
        reason: reason.to_owned(),
        members: members.iter().map(|member| member.id).collect(),
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

    fn member(id: u32, wish: Wish) -> Member {
        let (role, presence) = (Role::Member, Presence::Absent);
        Member { id, role, presence, named: true, wish, language: 0, offset_minutes: 0 }
    }

    #[test]
    fn everything_is_kept_but_for_who_wants_no_mail() {
        let members = [member(9, Wish::Instant), member(2, Wish::Off), member(5, Wish::None)];
        let planned: Vec<_> = plan(&members)
            .into_iter()
            .map(|group| (group.action, group.reason, group.members))
            .collect();
        let kept = (Action::Keep, "confidential: counts only".to_owned(), vec![9, 5]);
        assert_eq!(planned, [kept, (Action::Skip, "asked for no mail".to_owned(), vec![2])]);
        assert_eq!(plan(&[]), []);
        assert_eq!(plan(&[member(1, Wish::Off)]).len(), 1);
    }
}
