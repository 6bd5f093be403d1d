//! Deliveries: what becomes of one message for one person, and the mails that come of it.

use crate::digest::{Cover, ShareKey};
use crate::hash::Fields;
use crate::member::{Language, Member};
use crate::message::{Address, MessageId, Person};
use crate::plan::{Action, Decision, Plan};
use crate::schedule::Schedule;

use std::fmt;

/// Names a mail to be: 32 lower-case hexadecimal digits. It travels on the mail, so that after an
/// unknown outcome the mail can be looked for. Lower case because not every store compares with
/// case (ews.md 2.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryKey(String);

impl DeliveryKey {
    /// Derived from who gets it and what it covers, in any order; not from the clock: the same
    /// mail planned twice is one mail. `epoch` is 0, and one more whenever an administrator has
    /// it sent afresh.
    pub fn derive<'a>(
        person: &Address,
        covers: impl IntoIterator<Item = &'a MessageId>,
        epoch: u32,
    ) -> Self {
        let mut covers: Vec<_> = covers.into_iter().map(MessageId::as_str).collect();
        covers.sort_unstable();
        let head = Fields::new("delivery").text(person.as_str()).number(epoch.into());
        Self(covers.into_iter().fold(head, Fields::text).finish())
    }

    /// Takes a key as it was stored or found on a mail.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeliveryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The reader of a mail, as far as its text may depend on him.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Readers {
    /// The language to write in.
    pub language: Language,
    /// The time zone to tell times in; `None` for the configured one.
    pub time_zone: Option<String>,
    /// Whether every message of the mail names him.
    pub named: bool,
}

impl Readers {
    /// What a mail's text may depend on for `member`.
    pub fn of(member: &Member, named: bool) -> Self {
        Self { language: member.language, time_zone: member.time_zone.clone(), named }
    }
}

/// What becomes of one message for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// For whom.
    pub person: Address,
    /// What was decided.
    pub action: Action,
    /// Why.
    pub reason: String,
    /// Whether the message names him.
    pub named: bool,
    /// Where it stands.
    pub fate: Fate,
}

/// Where a delivery stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stands in this mail; the mail's own state tells the rest.
    Mailed(DeliveryKey),
    /// It waits for a digest.
    Kept {
        /// When that is due, in milliseconds since 1970.
        due_ms: i64,
    },
    /// It is not mailed.
    Skipped,
    /// Something stands in the way; it goes out when that is gone.
    Held {
        /// What.
        why: String,
    },
}

/// A mail to be queued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// Names it for good.
    pub key: DeliveryKey,
    /// Who gets it.
    pub person: Person,
    /// Where.
    pub mailbox: String,
    /// Equal for mails whose text is the same.
    pub share: ShareKey,
    /// What its text may depend on.
    pub readers: Readers,
    /// Whether its messages were collected.
    pub digest: bool,
    /// How many messages it covers.
    pub covers: usize,
    /// When it may go, in milliseconds since 1970.
    pub due_ms: i64,
}

/// A plan with all that follows from it, to be committed at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// About which message.
    pub message: MessageId,
    /// Why the host decided in the guest's place.
    pub fallback: Option<String>,
    /// One for each member offered.
    pub deliveries: Vec<Delivery>,
    /// Those that go now.
    pub mails: Vec<NewMail>,
    /// When it was settled, in milliseconds since 1970.
    pub settled_ms: i64,
}

/// Says what follows from `plan`: who is mailed now, what is kept until `schedule`'s next time.
pub fn settle(message: &MessageId, plan: Plan, schedule: &Schedule, now_ms: i64) -> Settled {
    let mut settled = Settled {
        message: message.clone(),
        fallback: plan.fallback,
        deliveries: Vec::with_capacity(plan.decisions.len()),
        mails: Vec::new(),
        settled_ms: now_ms,
    };
    for decision in plan.decisions {
        let fate = settled.fate(&decision, schedule);
        settled.deliveries.push(Delivery {
            person: decision.member.person.address,
            action: decision.action,
            reason: decision.reason.to_string(),
            named: decision.named,
            fate,
        });
    }
    settled
}

impl Settled {
    fn fate(&mut self, decision: &Decision, schedule: &Schedule) -> Fate {
        if let Some(why) = decision.held {
            return Fate::Held { why: why.to_owned() };
        }
        match (decision.action, &decision.member.mailbox) {
            (Action::Skip, _) => Fate::Skipped,
            (Action::Keep, _) => Fate::Kept { due_ms: schedule.next(self.settled_ms) },
            (Action::MailNow, Some(mailbox)) => {
                let mail = self.mail(decision, mailbox);
                let key = mail.key.clone();
                self.mails.push(mail);
                Fate::Mailed(key)
            }
            (Action::MailNow, None) => Fate::Held { why: crate::plan::HELD_NO_MAILBOX.to_owned() },
        }
    }

    fn mail(&self, decision: &Decision, mailbox: &str) -> NewMail {
        let readers = Readers::of(&decision.member, decision.named);
        let cover =
            Cover { message: &self.message, reason: &decision.reason, named: decision.named };
        NewMail {
            key: DeliveryKey::derive(&decision.member.person.address, [&self.message], 0),
            person: decision.member.person.clone(),
            mailbox: mailbox.to_owned(),
            share: ShareKey::derive([cover], &readers, false),
            readers,
            digest: false,
            covers: 1,
            due_ms: self.settled_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests stop at the first surprise"
    )]

    use std::time::Duration;

    use super::*;
    use crate::plan::Offer;
    use crate::plan::tests::{member, message, person};

    #[test]
    fn each_action_has_its_fate() {
        let members = vec![
            member("anna"),
            member("bea"),
            member("cyd"),
            Member { mailbox: None, ..member("dee") },
        ];
        let message = message("bob", 1);
        let offer = Offer::new(&message, members, &person("bot").address, 5);
        let mut plan = Plan::fallback(&offer, "test");
        plan.decisions[1].action = Action::Keep;
        plan.decisions[2].action = Action::Skip;
        let hourly = Schedule::every(Duration::from_secs(3600)).unwrap();
        let settled = settle(&message.id(), plan, &hourly, 5_000_000);
        assert_eq!(settled.mails.len(), 1);
        let key = settled.mails[0].key.clone();
        let fates: Vec<_> = settled.deliveries.into_iter().map(|d| d.fate).collect();
        assert_eq!(fates[0], Fate::Mailed(key));
        assert_eq!(fates[1], Fate::Kept { due_ms: 7_200_000 });
        assert_eq!(fates[2], Fate::Skipped);
        assert!(matches!(fates[3], Fate::Held { .. }));
    }

    #[test]
    fn equal_texts_share_and_others_do_not() {
        let message = message("bob", 1);
        let mut members = vec![member("anna"), member("bea"), member("cyd")];
        members[2].language = Language::from_tag("de");
        let offer = Offer::new(&message, members, &person("bot").address, 5);
        let hourly = Schedule::every(Duration::from_secs(3600)).unwrap();
        let mails = settle(&message.id(), Plan::fallback(&offer, "x"), &hourly, 0).mails;
        assert_eq!(mails[0].share, mails[1].share);
        assert_ne!(mails[0].share, mails[2].share);
        assert_ne!(mails[0].key, mails[1].key);
    }

    #[test]
    fn keys_depend_on_who_what_and_epoch_alone() {
        let (a, b) = (message("bob", 1).id(), message("bob", 2).id());
        let key = |covers: &[&MessageId], epoch| {
            DeliveryKey::derive(&person("anna").address, covers.iter().copied(), epoch)
        };
        assert_eq!(key(&[&a, &b], 0), key(&[&b, &a], 0));
        assert_ne!(key(&[&a, &b], 0), key(&[&a], 0));
        assert_ne!(key(&[&a], 0), key(&[&a], 1));
        assert!(key(&[&a], 0).as_str().chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')));
    }
}
