//! Which guest is for which rooms.

use std::sync::Arc;

use bridge::room::{self, Room};

use crate::{
    config::{Config, Pattern, Privacy, RoomGuest, RoomKind},
    database::GuestRow,
};

/// Which guest is for which rooms: of all rules that fit, the last counts.
#[derive(Clone, Debug, Default)]
pub struct Assignments(Vec<Rule>);

/// The rooms of a guest: those that fit all that is said.
#[derive(Clone, Debug)]
struct Rule {
    guest: Arc<str>,
    /// By name or address.
    rooms: Option<Pattern>,
    privacy: Option<Privacy>,
    kind: Option<RoomKind>,
    /// Description or topic.
    about: Option<Pattern>,
}

impl Assignments {
    /// What the configuration says.
    #[must_use]
    pub fn configured(config: &Config) -> Self {
        Self::new(config, &[])
    }

    /// What the configuration says, and after it what was loaded while hosts ran. A loaded guest
    /// that names rooms is for these alone.
    #[must_use]
    pub fn new(config: &Config, loaded: &[GuestRow]) -> Self {
        let in_service = || loaded.iter().filter(|row| !row.key.shadow);
        let moved =
            |name: &str| in_service().any(|row| row.key.name == name && row.rooms.is_some());
        let configured = config.guests.iter().filter(|guest| !moved(guest.name.as_str()));
        let mut rules: Vec<Rule> = configured.flat_map(Rule::configured).collect();
        for row in in_service() {
            let guest: Arc<str> = row.key.name.as_str().into();
            let rooms = row.rooms.iter().flatten().cloned();
            // `guest load` has checked them; one that is none fits nothing.
            let rooms = rooms.filter_map(|room| Pattern::try_from(room).ok());
            rules.extend(rooms.map(|room| Rule::loaded(&guest, room)));
        }
        Self(rules)
    }

    /// The guest of a room; `None` for the one of all rooms that no other is for.
    #[must_use]
    pub fn of(&self, room: &Room) -> Option<&Arc<str>> {
        self.0.iter().rfind(|rule| rule.fits(room)).map(|rule| &rule.guest)
    }
}

impl Rule {
    fn configured(guest: &RoomGuest) -> Vec<Self> {
        let RoomGuest { name, rooms, privacy, kind, about, .. } = guest;
        let rule = |rooms: Option<Pattern>| Self {
            guest: name.as_str().into(),
            rooms,
            privacy: *privacy,
            kind: *kind,
            about: about.clone(),
        };
        let all = rooms.is_empty() && (privacy.is_some() || kind.is_some() || about.is_some());
        let named = rooms.iter().cloned().map(Some);
        named.chain(all.then_some(None)).map(rule).collect()
    }

    fn loaded(guest: &Arc<str>, room: Pattern) -> Self {
        let guest = Arc::clone(guest);
        Self { guest, rooms: Some(room), privacy: None, kind: None, about: None }
    }

    fn fits(&self, room: &Room) -> bool {
        let named = |pattern: &Pattern| pattern.fits(&room.name) || pattern.fits(room.id.as_str());
        let about =
            |pattern: &Pattern| pattern.fits(&room.description) || pattern.fits(&room.topic);
        self.rooms.as_ref().is_none_or(named)
            && self.about.as_ref().is_none_or(about)
            && self.privacy.is_none_or(|privacy| room.privacy == privacy.into())
            && self.kind.is_none_or(|kind| room.kind == kind.into())
    }
}

impl From<Privacy> for room::Privacy {
    fn from(privacy: Privacy) -> Self {
        match privacy {
            Privacy::Open => Self::Open,
            Privacy::Closed => Self::Closed,
            Privacy::Secret => Self::Secret,
        }
    }
}

impl From<RoomKind> for room::RoomKind {
    fn from(kind: RoomKind) -> Self {
        match kind {
            RoomKind::Normal => Self::Normal,
            RoomKind::Auditorium => Self::Auditorium,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use std::path::Path;

    use bridge::message::RoomId;

    use super::*;
    use crate::config;

    fn room(name: &str, privacy: room::Privacy, kind: room::RoomKind, topic: &str) -> Room {
        Room {
            id: RoomId::new(format!("ma-chan://c/{name}")),
            name: name.to_owned(),
            description: "All about it".to_owned(),
            topic: topic.to_owned(),
            kind,
            privacy,
        }
    }

    #[test]
    fn the_last_rule_that_fits_counts() {
        let guests = r#"
            [[guests]]
            name = "ops"
            rooms = ["Ops*", "ma-chan://c/Board"]
            [[guests]]
            name = "nobody"
            [[guests]]
            name = "secret"
            privacy = "secret"
            [[guests]]
            name = "news"
            rooms = ["Ops*", "News"]
            kind = "auditorium"
            about = "*night*"
        "#;
        let text = format!(
            "{}\n{guests}",
            config::EXAMPLE.replace("name = \"on-call\"", "name = \"first\"")
        );
        let config = config::parse(&text, Path::new("c.toml")).unwrap();
        let assignments = Assignments::configured(&config);
        let of = |room: &Room| assignments.of(room).map(|name| name.to_string());
        let closed = |name| room(name, room::Privacy::Closed, room::RoomKind::Normal, "");
        assert_eq!(of(&closed("Ops Desk")).as_deref(), Some("ops"));
        assert_eq!(of(&closed("Board")).as_deref(), Some("ops"));
        assert_eq!(of(&closed("Café")), None);
        let secret = |name| room(name, room::Privacy::Secret, room::RoomKind::Normal, "");
        assert_eq!(of(&secret("Ops Desk")).as_deref(), Some("secret"));
        assert_eq!(of(&secret("Café")).as_deref(), Some("secret"));
        let news = |topic| room("News", room::Privacy::Closed, room::RoomKind::Auditorium, topic);
        assert_eq!(of(&news("Last night")).as_deref(), Some("news"));
        assert_eq!(of(&news("Today")), None);
        assert_eq!(of(&closed("News")), None);
    }
}
