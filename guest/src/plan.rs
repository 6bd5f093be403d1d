//! What happens with a message, cohort by cohort.

use crate::types::{Action, Cohort, Group, Kind, Message, Presence, Wish};
use crate::words::{Language, words};

/// What the administrator has set for this guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    /// `default = "digest"`: who has no wish gets a digest, rather than every message at once.
    digest_by_default: bool,
    /// `skip-when-joined = "true"`: who has no wish and was in the room gets nothing.
    skip_when_joined: bool,
}

impl Policy {
    /// Reads the settings; a missing one has its default.
    ///
    /// # Errors
    /// A value that is not allowed: the administrator sees it as the reason of the fallback.
    pub(crate) fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let digest_by_default = choice("default", get("default"), ["instant", "digest"])?;
        let skip = get("skip-when-joined");
        let skip_when_joined = choice("skip-when-joined", skip, ["false", "true"])?;
        Ok(Self { digest_by_default, skip_when_joined })
    }
}

/// Whether the second of two allowed values is set; the first is the default.
fn choice(key: &str, value: Option<String>, [no, yes]: [&str; 2]) -> Result<bool, String> {
    match value {
        None => Ok(false),
        Some(value) if value == no => Ok(false),
        Some(value) if value == yes => Ok(true),
        Some(_) => Err(format!("setting `{key}` must be \"{no}\" or \"{yes}\"")),
    }
}

/// Why something is done. The order is that of the groups in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// No wish, and the message names the member.
    Named,
    /// No wish, and the message is an alert.
    Alert,
    /// Wishes every message at once.
    WishInstant,
    /// Wishes at once what names him, and this does.
    WishNamed,
    /// No wish; the default is to mail at once.
    DefaultInstant,
    /// Wishes a digest.
    WishDigest,
    /// Wishes at once what names him, and this does not.
    WishMentions,
    /// No wish; the default is a digest.
    DefaultDigest,
    /// No wish, and saw the message in the room.
    Joined,
    /// Wishes no mail.
    WishOff,
}

impl Rule {
    fn action(self) -> Action {
        match self {
            Self::Named
            | Self::Alert
            | Self::WishInstant
            | Self::WishNamed
            | Self::DefaultInstant => Action::MailNow,
            Self::WishDigest | Self::WishMentions | Self::DefaultDigest => Action::Keep,
            Self::Joined | Self::WishOff => Action::Skip,
        }
    }
}

/// Sorts the members into groups: one for each rule and language that occurs.
pub(crate) fn plan(policy: &Policy, message: &Message, cohorts: &[Cohort]) -> Vec<Group> {
    let mut groups: Vec<((usize, usize), Group)> = Vec::with_capacity(cohorts.len());
    for cohort in cohorts {
        let rule = rule_for(policy, &message.kind, cohort);
        let language = Language::of(cohort.language);
        let key = (rule as usize, language as usize);
        match groups.binary_search_by_key(&key, |(known, _)| *known) {
            Ok(at) => {
                if let Some((_, group)) = groups.get_mut(at) {
                    group.members.extend_from_slice(&cohort.members);
                }
            }
            Err(at) => {
                let reason = (words(language).reason)(rule).to_owned();
                let members = cohort.members.clone();
                groups.insert(at, (key, Group { action: rule.action(), reason, members }));
            }
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn rule_for(policy: &Policy, kind: &Kind, cohort: &Cohort) -> Rule {
    // Nobody in the room saw what was missed.
    let seen = cohort.presence == Presence::Joined && !matches!(kind, Kind::Gap(_));
    match cohort.wish {
        Wish::Off => Rule::WishOff,
        Wish::Instant => Rule::WishInstant,
        Wish::Digest => Rule::WishDigest,
        Wish::Mentions if cohort.named => Rule::WishNamed,
        Wish::Mentions => Rule::WishMentions,
        Wish::None if cohort.named => Rule::Named,
        Wish::None if matches!(kind, Kind::Alert) => Rule::Alert,
        Wish::None if policy.skip_when_joined && seen => Rule::Joined,
        Wish::None if policy.digest_by_default => Rule::DefaultDigest,
        Wish::None => Rule::DefaultInstant,
    }
}

/// The decision in numbers, for the log.
#[cfg(feature = "component")]
pub(crate) fn summary(groups: &[Group]) -> String {
    let count = |action: Action| {
        groups.iter().filter(|g| g.action == action).map(|g| g.members.len()).sum::<usize>()
    };
    let (now, keep, skip) = (count(Action::MailNow), count(Action::Keep), count(Action::Skip));
    format!("planned: {now} mail-now, {keep} keep, {skip} skip")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::samples;

    const RULES: [Rule; 10] = [
        Rule::Named,
        Rule::Alert,
        Rule::WishInstant,
        Rule::WishNamed,
        Rule::DefaultInstant,
        Rule::WishDigest,
        Rule::WishMentions,
        Rule::DefaultDigest,
        Rule::Joined,
        Rule::WishOff,
    ];

    fn cohort(id: u32, wish: Wish, named: bool) -> Cohort {
        Cohort { named, wish, ..samples::cohort(id) }
    }

    fn decide(policy: &Policy, kind: Kind, cohort: &Cohort) -> (Action, String) {
        let message = Message { kind, ..samples::message("x") };
        let mut groups = plan(policy, &message, std::slice::from_ref(cohort));
        let group = groups.pop().unwrap();
        assert!(groups.is_empty());
        (group.action, group.reason)
    }

    #[test]
    fn wishes_are_followed() {
        let act =
            |wish, named| decide(&Policy::default(), Kind::Message, &cohort(1, wish, named)).0;
        assert_eq!(act(Wish::Off, true), Action::Skip);
        assert_eq!(act(Wish::Instant, false), Action::MailNow);
        assert_eq!(act(Wish::Mentions, true), Action::MailNow);
        assert_eq!(act(Wish::Mentions, false), Action::Keep);
        assert_eq!(act(Wish::Digest, true), Action::Keep);
        assert_eq!(act(Wish::None, false), Action::MailNow);
    }

    #[test]
    fn without_a_wish_the_settings_decide_but_for_names_and_alerts() {
        let policy = Policy { digest_by_default: true, skip_when_joined: true };
        let in_room = Cohort { presence: Presence::Joined, ..samples::cohort(1) };
        let act = |kind, cohort: &Cohort| decide(&policy, kind, cohort).0;
        assert_eq!(act(Kind::Message, &in_room), Action::Skip);
        assert_eq!(act(Kind::Message, &samples::cohort(1)), Action::Keep);
        assert_eq!(act(samples::gap(Some(3)).message.kind, &in_room), Action::Keep);
        assert_eq!(act(Kind::Alert, &in_room), Action::MailNow);
        assert_eq!(act(Kind::Message, &Cohort { named: true, ..in_room.clone() }), Action::MailNow);
        let wishes = Cohort { wish: Wish::Instant, ..in_room };
        assert_eq!(act(Kind::Message, &wishes), Action::MailNow);
    }

    #[test]
    fn everybody_stands_in_exactly_one_group() {
        let wishes = [Wish::None, Wish::Instant, Wish::Digest, Wish::Mentions, Wish::Off];
        let languages = [0x6465, 0, 0x656e];
        let all = (0..500).zip(wishes.iter().cycle()).zip(languages.iter().cycle());
        let cohorts: Vec<_> = all
            .map(|((id, wish), language)| Cohort {
                language: *language,
                members: vec![2 * id, 2 * id + 1],
                ..cohort(id, *wish, id.is_multiple_of(7))
            })
            .collect();
        let groups = plan(&Policy::default(), &samples::message("x"), &cohorts);
        let mut ids: Vec<_> = groups.iter().flat_map(|g| g.members.clone()).collect();
        ids.sort_unstable();
        assert_eq!(ids, (0..1_000).collect::<Vec<_>>());
        assert!(groups.len() <= 14);
    }

    #[test]
    fn reasons_are_short_lines_in_the_members_language() {
        for language in Language::ALL {
            for rule in RULES {
                let reason = (words(language).reason)(rule);
                assert!(reason.chars().count() <= 200 && !reason.contains('\n'));
            }
        }
        let german = Cohort { language: 0x6465, named: true, ..samples::cohort(1) };
        let (_, reason) = decide(&Policy::default(), Kind::Message, &german);
        assert_eq!(reason, "die Nachricht nennt Sie");
    }

    #[test]
    fn settings_are_read_and_checked() {
        let read = |key: &'static str, value: &'static str| {
            Policy::read(move |k| (k == key).then(|| value.to_owned()))
        };
        assert_eq!(Policy::read(|_| None), Ok(Policy::default()));
        assert!(read("default", "digest").unwrap().digest_by_default);
        assert!(read("skip-when-joined", "true").unwrap().skip_when_joined);
        assert_eq!(
            read("default", "daily"),
            Err("setting `default` must be \"instant\" or \"digest\"".into())
        );
    }
}
