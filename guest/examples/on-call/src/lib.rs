//! For who is on call: alerts come at once and marked as urgent, all the rest waits for the morning.
//!
//! The setting `morning` says when that is, `08:00` without it, by each reader's own clock. Who has
//! asked for no mail gets none, alerts or not. The mails are written as the shipped guest does.

use chat_digest_guest::bindings::{Guest, chat_digest::guest::settings, export};
use chat_digest_guest::types::{
    Action, Cohort, Daytime, Edition, Group, Importance, Kind, Mail, Message, Room, Wish,
};
use chat_digest_guest::{composed, report_panics};

struct OnCall;

impl Guest for OnCall {
    fn plan(_room: Room, message: Message, cohorts: Vec<Cohort>) -> Result<Vec<Group>, String> {
        report_panics();
        Ok(plan(morning(settings::get("morning"))?, &message, &cohorts))
    }

    fn compose(edition: Edition) -> Result<Mail, String> {
        report_panics();
        compose(&edition)
    }
}

/// Reads `8:00` or `08:00`.
///
/// # Errors
/// Anything else: the administrator sees it as the reason of the fallback.
fn morning(setting: Option<String>) -> Result<Daytime, String> {
    let Some(setting) = setting else { return Ok(Daytime { hour: 8, minute: 0 }) };
    let number = |digits: &str| {
        let plain = (1..=2).contains(&digits.len()) && digits.bytes().all(|d| d.is_ascii_digit());
        plain.then(|| digits.parse::<u8>().ok()).flatten()
    };
    let read = setting.trim().split_once(':');
    match read.map(|(hour, minute)| (number(hour), number(minute))) {
        Some((Some(hour @ 0..24), Some(minute @ 0..60))) => Ok(Daytime { hour, minute }),
        _ => Err("setting `morning` must be a time of day such as \"08:00\"".to_owned()),
    }
}

fn plan(morning: Daytime, message: &Message, cohorts: &[Cohort]) -> Vec<Group> {
    let (action, reason) = match message.kind {
        Kind::Alert => (Action::MailNow, "an alert".to_owned()),
        _ => {
            let Daytime { hour, minute } = morning;
            (Action::KeepUntil(morning), format!("kept until {hour:02}:{minute:02}, as no alert"))
        }
    };
    let (off, on): (Vec<_>, Vec<_>) = cohorts.iter().partition(|one| one.wish == Wish::Off);
    let group = |action, reason: &str, cohorts: Vec<&Cohort>| Group {
        action,
        reason: reason.to_owned(),
        members: cohorts.iter().flat_map(|cohort| cohort.members.iter().copied()).collect(),
    };
    let groups = [group(action, &reason, on), group(Action::Skip, "asked for no mail", off)];
    groups.into_iter().filter(|group| !group.members.is_empty()).collect()
}

fn compose(edition: &Edition) -> Result<Mail, String> {
    let (mut mail, _) = composed(edition)?;
    let alert = edition.items.iter().any(|item| matches!(item.message.kind, Kind::Alert));
    mail.importance = if alert { Importance::High } else { Importance::Low };
    Ok(mail)
}

#[allow(unsafe_code, reason = "the exported symbols; generated")]
mod exported {
    use super::{OnCall, export};
    export!(OnCall with_types_in chat_digest_guest::bindings);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use chat_digest_guest::types::{
        Item, Moment, Part, Presence, Privacy, Readers, Role, RoomKind,
    };

    use super::*;

    const EIGHT: Daytime = Daytime { hour: 8, minute: 0 };

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
        let (author, parts) = ("Anna".to_owned(), vec![Part::Text("main is red".to_owned())]);
        Message { room: 1, author, author_person: None, sent, kind, parts, late: false }
    }

    fn cohort(members: &[u32], wish: Wish) -> Cohort {
        let (role, presence, members) = (Role::Member, Presence::Absent, members.to_vec());
        Cohort { role, presence, named: false, wish, language: 0, offset_minutes: 60, members }
    }

    fn mail(kind: Kind) -> Mail {
        let room = Room {
            id: 1,
            name: "Operations".to_owned(),
            description: String::new(),
            topic: String::new(),
            kind: RoomKind::Normal,
            privacy: Privacy::Closed,
        };
        let item = Item { message: message(kind), reason: "an alert".to_owned(), named: false };
        let edition = Edition {
            readers: Readers { language: 0, time_zone: "UTC".to_owned() },
            rooms: vec![room],
            items: vec![item],
            digest: false,
            summaries: vec![],
        };
        compose(&edition).unwrap()
    }

    #[test]
    fn alerts_come_at_once_and_the_rest_in_the_morning() {
        let cohorts =
            [cohort(&[1, 4], Wish::None), cohort(&[2], Wish::Off), cohort(&[3], Wish::Digest)];
        let planned = |kind| {
            let groups = plan(EIGHT, &message(kind), &cohorts);
            groups.into_iter().map(|one| (one.action, one.members)).collect::<Vec<_>>()
        };
        let skipped = (Action::Skip, vec![2]);
        assert_eq!(planned(Kind::Alert), [(Action::MailNow, vec![1, 4, 3]), skipped.clone()]);
        let kept = (Action::KeepUntil(EIGHT), vec![1, 4, 3]);
        assert_eq!(planned(Kind::Message), [kept.clone(), skipped.clone()]);
        assert_eq!(planned(Kind::Story("Shift".to_owned())), [kept, skipped]);
        assert_eq!(plan(EIGHT, &message(Kind::Alert), &[]), []);
    }

    #[test]
    fn the_morning_is_a_setting() {
        let read = |setting: &str| morning(Some(setting.to_owned()));
        assert_eq!(morning(None), Ok(EIGHT));
        assert_eq!(read("8:00"), Ok(EIGHT));
        assert_eq!(read(" 06:30 "), Ok(Daytime { hour: 6, minute: 30 }));
        for wrong in ["", "8", "24:00", "08:60", "08:00:00", "+8:00", "eight", "256:00"] {
            assert!(read(wrong).unwrap_err().contains("`morning`"), "{wrong}");
        }
        let groups = plan(
            Daytime { hour: 6, minute: 5 },
            &message(Kind::Message),
            &[cohort(&[1], Wish::None)],
        );
        assert_eq!(groups.first().unwrap().reason, "kept until 06:05, as no alert");
    }

    #[test]
    fn alerts_are_urgent_and_nothing_else_is() {
        assert_eq!(mail(Kind::Alert).importance, Importance::High);
        assert_eq!(mail(Kind::Message).importance, Importance::Low);
        assert!(mail(Kind::Alert).text.contains("main is red"));
    }
}
