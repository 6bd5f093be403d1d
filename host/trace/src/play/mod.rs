//! Replay: the pool's side of a transcript before a real session, in virtual time.
//!
//! What the session says is compared with what was recorded by method, command and status; ids are
//! random and are not. Each recorded request of ours is paired with the session's, and the recorded
//! answers are written anew for it: Via, From, To, Call-ID, CSeq, envelope numbers. Credentials
//! were left out, so the player stands in as the server with a password of its own, and signs what
//! the pool signed.

mod line;
mod player;
mod prompt;
mod rewrite;
mod server;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use lync::Now;

use crate::transcript::{Direction, Side, Transcript};
use player::Player;

/// What became of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The session took it.
    Taken,
    /// The session said the same.
    Said,
    /// Nothing to compare: something was lost here.
    PassedOver,
    /// It is otherwise.
    Differs(Difference, String),
}

/// Where something is otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// The entry is no message of SIP.
    Unreadable,
    /// The session did not say what was recorded.
    NotSaid,
    /// The session said what was not recorded.
    NotRecorded,
    /// It answers what the session did not ask.
    NotAsked,
    /// The session had come to its end, or came to it here.
    Ended,
    /// The session's own signature does not hold.
    Signature,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "no message of SIP",
            Self::NotSaid => "not said by the session",
            Self::NotRecorded => "said by the session only",
            Self::NotAsked => "an answer to nothing",
            Self::Ended => "the session's end",
            Self::Signature => "signatures",
        })
    }
}

/// One entry and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line of the file that the entry begins at.
    pub line: usize,
    /// Who sent it.
    pub direction: Direction,
    /// What it is, in few words.
    pub what: String,
    /// What became of it.
    pub verdict: Verdict,
}

/// What a replay found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Each entry of the chat side, in order.
    pub steps: Vec<Step>,
    /// Names that the session reported as unknown.
    pub unknown: BTreeSet<String>,
}

impl Report {
    /// Messages played.
    #[must_use]
    pub fn played(&self) -> usize {
        let played = |step: &&Step| {
            step.direction != Direction::Mark
                && !matches!(step.verdict, Verdict::Differs(Difference::NotRecorded, _))
        };
        self.steps.iter().filter(played).count()
    }

    /// The first entry that is otherwise.
    #[must_use]
    pub fn first_difference(&self) -> Option<&Step> {
        self.steps.iter().find(|step| matches!(step.verdict, Verdict::Differs(..)))
    }

    /// How many differences there are of each kind.
    #[must_use]
    pub fn differences(&self) -> BTreeMap<Difference, usize> {
        let mut counts = BTreeMap::new();
        for step in &self.steps {
            if let Verdict::Differs(kind, _) = &step.verdict {
                *counts.entry(*kind).or_default() += 1;
            }
        }
        counts
    }
}

/// Plays the chat side of a transcript. `now` is where its time begins.
#[must_use]
pub fn play(transcript: &Transcript, now: Now) -> Report {
    let mut report = Report::default();
    let mut player: Option<Player> = None;
    for entry in transcript.entries.iter().filter(|entry| entry.side == Side::Chat) {
        if player.as_ref().is_none_or(|player| player.connection() != entry.connection) {
            finish(player.take(), &mut report);
        }
        let player = player.get_or_insert_with(|| Player::new(&transcript.head, entry, now));
        player.take(entry, &mut report);
    }
    // What a recording that broke off does not hold may have been said all the same.
    if transcript.end.full {
        report.unknown.extend(player.map(Player::unknown).unwrap_or_default());
    } else {
        finish(player, &mut report);
    }
    report
}

fn finish(player: Option<Player>, report: &mut Report) {
    if let Some(mut player) = player {
        player.finish(report);
        report.unknown.extend(player.unknown());
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use std::time::{Duration, Instant};

    use super::*;

    const HEAD: &str = "chat-digest transcript 1\nprogram: chat-digest 0.1.0\nplatform: any\n\
        switches: none\nfirst-history: 25\nchat-server: provisioned\n\n";
    const TAIL: &str = "= unknown forms\n= assumed forms\n= end\n";

    fn register(number: u32) -> String {
        format!(
            "> {number} chat 1\n\
             | REGISTER sip:domain1.example SIP/2.0\n\
             | Via: SIP/2.0/TLS 198.18.0.1:49822;branch=z9hG4bK-branch{number}\n\
             | From: <sip:person1@domain1.example>;tag=tag1;epid=id1\n\
             | To: <sip:person1@domain1.example>\n\
             | CSeq: {number} REGISTER\n\
             | Call-ID: call1\n\n"
        )
    }

    fn answer(number: u32, line: &str, header: &str) -> String {
        format!(
            "< {number} chat 1\n\
             | SIP/2.0 {line}\n\
             | From: <sip:person1@domain1.example>;tag=tag1;epid=id1\n\
             | To: <sip:person1@domain1.example>;tag=tag2\n\
             | CSeq: {number} REGISTER\n\
             | Call-ID: call1\n\
             | {header}\n\n"
        )
    }

    const CHALLENGE: &str = "WWW-Authenticate: NTLM realm=\"(26 octets)\", version=\"(1 octets)\"";
    const SIGNED: &str = "Authentication-Info: NTLM rspauth=\"(32 octets)\"";

    /// A sign-in up to the answer to the proof, and what follows it.
    fn sign_in(line: &str, header: &str, next: &str) -> Vec<String> {
        let challenged = |number| register(number) + &answer(number, "401 Unauthorized", CHALLENGE);
        vec![challenged(1), challenged(2), register(3), answer(3, line, header), next.to_owned()]
    }

    #[expect(clippy::disallowed_methods, reason = "the beginning is any instant")]
    fn played(entries: &[String]) -> Report {
        let entries = entries.concat();
        let count = ["> ", "< ", "! "].map(|sign| entries.matches(&format!("\n\n{sign}")).count());
        let count = count.iter().sum::<usize>() + 1;
        let text = format!("{HEAD}{entries}{TAIL}{count} entries, 0 lost, whole\n");
        let now = Now { instant: Instant::now(), unix: Duration::from_secs(1_393_838_102) };
        play(&Transcript::read(&text).unwrap(), now)
    }

    fn first(report: &Report) -> String {
        report.first_difference().map(|step| format!("{step:?}")).unwrap_or_default()
    }

    const SUBSCRIBE: &str = "> 9 chat 1\n| SUBSCRIBE sip:person1@domain1.example SIP/2.0\n\
        | CSeq: 1 SUBSCRIBE\n| Call-ID: call2\n\n";
    const INVITE: &str = "> 9 chat 1\n| INVITE sip:person2@domain1.example SIP/2.0\n\
        | CSeq: 1 INVITE\n| Call-ID: call2\n\n";

    #[test]
    fn a_sign_in_plays_again() {
        let events = format!("{SIGNED}\n| Allow-Events: vnd-microsoft-provisioning-v2");
        let report = played(&sign_in("200 OK", &events, SUBSCRIBE));
        assert_eq!((first(&report), report.played()), (String::new(), 7));
        // Where nobody tells of provisioning, the pool is called at once.
        let report = played(&sign_in("200 OK", SIGNED, INVITE));
        assert_eq!(first(&report), "");
    }

    #[test]
    fn what_is_otherwise_is_found() {
        let report = played(&sign_in("200 OK", SIGNED, SUBSCRIBE));
        let kinds: Vec<_> = report.differences().into_keys().collect();
        assert_eq!(kinds, [Difference::NotSaid, Difference::NotRecorded], "{report:?}");
        assert!(
            first(&report).contains("the session says INVITE in its place"),
            "{}",
            first(&report)
        );
        // Unsigned it is not believed.
        let report = played(&sign_in("200 OK", "Expires: 7200", INVITE));
        assert_eq!(report.differences().into_keys().collect::<Vec<_>>(), [Difference::NotSaid]);
        let stray = answer(7, "200 OK", SIGNED);
        let report = played(&sign_in("200 OK", SIGNED, &format!("{INVITE}{stray}")));
        assert_eq!(report.differences().into_keys().collect::<Vec<_>>(), [Difference::NotAsked]);
        let report = played(&sign_in("200 OK", SIGNED, "> 9 chat 1\n| Anna\n\n"));
        assert!(report.differences().contains_key(&Difference::Unreadable), "{report:?}");
    }

    #[test]
    fn a_wrong_password_ends_it() {
        let report = played(&sign_in("401 Unauthorized", CHALLENGE, ""));
        assert_eq!(first(&report), "");
        let report = played(&sign_in("401 Unauthorized", CHALLENGE, INVITE));
        assert!(first(&report).contains("Ended"), "{}", first(&report));
    }

    #[test]
    fn a_loss_excuses_what_is_missing() {
        let lost = format!("! 8 chat 1\n| octets were lost here\n\n{SUBSCRIBE}");
        assert_eq!(first(&played(&sign_in("200 OK", SIGNED, &lost))), "");
    }
}
