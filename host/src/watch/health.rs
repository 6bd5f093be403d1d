//! Whether the host is alive, and whether it does what it is there for.

use std::time::Duration;

use super::Shared;
use crate::state::{ChatState, Snapshot};

/// How long the database's writer may take to come round.
const TURN_TIME: Duration = Duration::from_secs(10);

/// Why the process should be started again, if it should: something in it stands still. That a
/// server is away is no such reason.
pub(super) async fn dead(shared: &Shared) -> Option<&'static str> {
    if shared.stages.iter().any(|stage| stage.is_finished()) {
        return Some("a stage has ended, or the host is stopping");
    }
    if shared.common.leases.is_lost() {
        return Some("the other hosts took this one for dead; it begins anew");
    }
    let turn = tokio::time::timeout(TURN_TIME, shared.common.database.turn()).await;
    turn.is_err().then_some("the database's writer stands still")
}

/// Why messages do not become mails at this moment, if they do not.
pub(super) fn unready(now: &Snapshot) -> Option<String> {
    let chat = match &now.chat {
        ChatState::Live => None,
        ChatState::Connecting => Some(match &now.away {
            None => "chat: not connected yet".to_owned(),
            Some(why) => format!("chat: {why}; trying again"),
        }),
        ChatState::SignedIn => Some("chat: signed in, and not in the rooms yet".to_owned()),
        ChatState::Offline(why) => Some(format!("chat: {why}")),
    };
    let mail = now.mail.first().map(|why| format!("mail: {why}"));
    let both: Vec<_> = chat.into_iter().chain(mail).collect();
    (!both.is_empty()).then(|| both.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::MailTrouble;

    #[test]
    fn ready_is_in_the_rooms_with_nothing_in_the_way_of_mail() {
        let live = Snapshot { chat: ChatState::Live, ..Snapshot::default() };
        assert_eq!(unready(&live), None);
        assert_eq!(unready(&Snapshot::default()).as_deref(), Some("chat: not connected yet"));
        let both = Snapshot {
            chat: ChatState::Offline("no pool".to_owned()),
            mail: MailTrouble { sending: Some("busy".to_owned()), ..MailTrouble::default() },
            ..live.clone()
        };
        assert_eq!(unready(&both).as_deref(), Some("chat: no pool\nmail: busy"));
        let (chat, away) = (ChatState::Connecting, Some("no pool".to_owned()));
        let again = Snapshot { chat, away, ..live };
        assert_eq!(unready(&again).as_deref(), Some("chat: no pool; trying again"));
    }
}
