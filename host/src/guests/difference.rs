//! What one guest would do otherwise than another.

use std::collections::HashMap;

use bridge::{
    mail::Composition,
    message::Address,
    plan::{Action, Plan},
};
use serde::{Deserialize, Serialize};

/// People named in one difference.
const PEOPLE_MAX: usize = 20;

/// What another plan for a message changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDifference {
    /// People who do not get it now, and would.
    pub gain: usize,
    /// People who get it now, and would not.
    pub lose: usize,
    /// People who get it with a digest now, and would at once.
    pub sooner: usize,
    /// People who get it at once now, and would with a digest.
    pub later: usize,
    /// People for whom only the reason is another.
    pub reasons: usize,
    /// Some of the people for whom something changes but the reason, and how.
    pub people: Vec<(String, String)>,
}

impl PlanDifference {
    /// What `after` changes for the people of `before`.
    #[must_use]
    pub fn between(before: &Plan, after: &Plan) -> Self {
        let decided = |plan: &Plan| -> HashMap<Address, (Action, String)> {
            let decisions = plan.decisions.iter();
            decisions
                .map(|one| {
                    (one.member.person.address.clone(), (one.action, one.reason.to_string()))
                })
                .collect()
        };
        let (before, after) = (decided(before), decided(after));
        let mut difference = Self::default();
        let mut people: Vec<_> = before.iter().collect();
        people.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        for (person, (was, reason)) in people {
            let Some((is, new_reason)) = after.get(person) else { continue };
            if was == is {
                difference.reasons += usize::from(reason != new_reason);
                continue;
            }
            let gets = |action: &Action| *action != Action::Skip;
            match (gets(was), gets(is), *is == Action::MailNow) {
                (false, _, _) => difference.gain += 1,
                (true, false, _) => difference.lose += 1,
                (true, true, true) => difference.sooner += 1,
                (true, true, false) => difference.later += 1,
            }
            if difference.people.len() < PEOPLE_MAX {
                let change = format!("{} -> {}: {new_reason}", was.word(), is.word());
                difference.people.push((person.as_str().to_owned(), change));
            }
        }
        difference
    }

    /// Whether nothing changes, the reasons included.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What another text of a mail changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextDifference {
    /// The subjects, if they differ: before and after.
    pub subject: Option<(String, String)>,
    /// Bytes of HTML before and after.
    pub html_bytes: (usize, usize),
    /// Bytes of text before and after.
    pub text_bytes: (usize, usize),
    /// Whether the words or their looks differ at all.
    pub differs: bool,
}

impl TextDifference {
    /// What `after` changes.
    #[must_use]
    pub fn between(before: &Composition, after: &Composition) -> Self {
        let subjects = (before.subject.clone(), after.subject.clone());
        Self {
            differs: before != after,
            subject: (subjects.0 != subjects.1).then_some(subjects),
            html_bytes: (before.html.len(), after.html.len()),
            text_bytes: (before.text.len(), after.text.len()),
        }
    }
}
