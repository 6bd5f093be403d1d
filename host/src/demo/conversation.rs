//! What the people of the demo say.

/// One line of the conversation.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The room's name.
    pub room: &'static str,
    /// The author's login.
    pub author: &'static str,
    /// What sort of post it is.
    pub sort: Sort,
    /// The text; for a story, what follows its title.
    pub text: &'static str,
}

/// What sort of post a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// An ordinary one.
    Plain,
    /// Marked as urgent.
    Alert,
    /// A long one with this title.
    Story(&'static str),
}

const fn plain(room: &'static str, author: &'static str, text: &'static str) -> Line {
    Line { room, author, sort: Sort::Plain, text }
}

const fn alert(room: &'static str, author: &'static str, text: &'static str) -> Line {
    Line { room, author, sort: Sort::Alert, text }
}

const fn story(
    room: &'static str,
    author: &'static str,
    title: &'static str,
    text: &'static str,
) -> Line {
    Line { room, author, sort: Sort::Story(title), text }
}

/// The line to play as number `index`; the conversation begins again when it is over.
#[must_use]
pub fn line(index: usize) -> Line {
    LINES.get(index % LINES.len().max(1)).copied().unwrap_or(plain("Café", "sam.oneill", "…"))
}

/// Lines before the conversation begins again.
#[must_use]
pub const fn length() -> usize {
    LINES.len()
}

const LINES: &[Line] = &[
    plain(
        "Ops Desk",
        "anna.keller",
        "Good morning. Night shift handed over, nothing open but ticket 4711.",
    ),
    plain(
        "Build",
        "tom.baker",
        "main is red since 06:40: integration test `retry_after_reset` fails on the second runner only.",
    ),
    plain("Café", "sam.oneill", "Cake on the third floor from ten. There are vegan ones :-)"),
    plain(
        "Ops Desk",
        "marc.ober",
        "Disk on db-7 > 90 %, watching it. <b>Do not</b> restart it before the backup is through.",
    ),
    plain(
        "Build",
        "hana.sato",
        "@Tom Baker I see it too. Same seed, other order of the two resets.\r\nLooking into https://ci.contoso.example/runs/88412?view=log&step=3",
    ),
    alert("Ops Desk", "tom.baker", "db-7 is at 97 %. Writes will stop within the hour."),
    plain(
        "Ops Desk",
        "anna.keller",
        "@Marc Ober can you take this? I have the carrier on the phone.",
    ),
    plain("Ops Desk", "marc.ober", "On it. Moving the old partitions to cold storage."),
    story(
        "Town Hall",
        "paul.gauthier",
        "Where we stand before the last quarter",
        "The three things we set out to do in spring are done. The warehouse in Lyon opened in May, two weeks early. The new contract with the carriers holds until 2029. And support answers within four hours again, nine times out of ten.\r\nWhat is left is harder: fewer returns. Claire will say next week how we go about it. Until then, ask in the Café; I read there every evening.",
    ),
    plain("Café", "julia.weber", "Kommt jemand mit zum Mittagessen? 12:15 unten. 🥗"),
    plain(
        "Build",
        "amara.okafor",
        "Release branch is cut. Only fixes from now on, please; two reviewers each.",
    ),
    plain(
        "Red Team",
        "li.wei",
        "Finding 12: the export job writes its token into the job log. Rotated, ticket is private.",
    ),
    plain(
        "Ops Desk",
        "sara.holm",
        "Cold storage confirms 1.2 TB. Report: <a href=\"ma-filelink://contoso.example/5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c11/31/partitions.xlsx\">partitions.xlsx</a>",
    ),
    plain("Ops Desk", "marc.ober", "db-7 is back under 60 %. Ticket 4711 can be closed."),
    plain(
        "Build",
        "tom.baker",
        "Found it: the connection was returned to the pool before its body was read. Fix is in review: https://review.contoso.example/c/5521",
    ),
    plain(
        "Café",
        "yusuf.demir",
        "Whoever took the blue umbrella: it rains, and I know where you sit ;)",
    ),
    plain("Build", "hana.sato", "Reviewed, one question about the timeout. Otherwise good."),
    plain(
        "Town Hall",
        "claire.martin",
        "A word to yesterday's question: yes, the office in Porto stays.",
    ),
    plain(
        "Café",
        "noa.levi",
        "מישהו יודע אם חדר הישיבות פנוי? (is the meeting room free at three?)",
    ),
    plain("Café", "kofi.mensah", "It is, until four."),
    plain(
        "Ops Desk",
        "anna.keller",
        "Carrier says the fibre at site B was cut by an excavator. Again. :-/",
    ),
    plain(
        "Ops Desk",
        "eva.lind",
        "Site B runs on the radio link, 40 ms more. I have told the shops.",
    ),
    plain("Build", "ravi.menon", "main is green. Thanks @Hana Sato and @Tom Baker!"),
    plain(
        "Red Team",
        "noa.levi",
        "Finding 13 is a duplicate of 9, closed. @Lena Vogt please look at 11 before Friday.",
    ),
    plain(
        "Ops Desk",
        "yusuf.demir",
        "Question: does anybody still use the old jump host? I would like to turn it off on Monday.",
    ),
    plain("Ops Desk", "li.wei", "Only the nightly copy for the auditors. I move it today."),
    alert(
        "Build",
        "amara.okafor",
        "Do not merge to the release branch: the signing key is being replaced. I say when it is done.",
    ),
    plain("Build", "jonas.beck", "Verstanden. Der Nachtlauf ist solange angehalten."),
    plain("Café", "mette.friis", "Found: one blue umbrella, with a note in Danish on it."),
    plain("Café", "yusuf.demir", ":-D"),
    plain("Build", "amara.okafor", "Key is replaced, branch is open again."),
    plain(
        "Ops Desk",
        "piotr.nowak",
        "Splicing at site B is done, light is back. Measuring until the end of the shift.",
    ),
    plain(
        "Ops Desk",
        "anna.keller",
        "Handing over to the late shift: radio link stays as a spare until tomorrow. Notes in ma-chan://contoso.example/8a2c9d34-71b6-4b0c-8f12-2f6f0d9c7e55",
    ),
    story(
        "Build",
        "ines.duarte",
        "Notes of today's release",
        "Two regressions found and fixed before the cut. One open: the importer is slow with more than 10,000 rows; it was slow before, too.\r\nThe list of changes is with the release. Roll-out begins with Lyon tomorrow at 06:00, the rest follows a day later unless Lyon calls.",
    ),
    plain("Town Hall", "paul.gauthier", "Thank you all for the long day. Doors close at eight."),
    plain("Café", "sam.oneill", "There is cake left."),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::embedded::company::Company;

    #[test]
    fn everybody_speaks_where_he_may() {
        let company = Company::demo().unwrap();
        for line in LINES {
            let room = company.rooms.iter().find(|room| room.name == line.room).unwrap();
            let people = company.people(room);
            assert!(people.iter().any(|user| user.login == line.author), "{line:?}");
            if room.auditorium {
                assert!(room.presenters.iter().any(|login| login == line.author), "{line:?}");
            }
        }
    }
}
