//! Which rooms are joined: by address, by name, or all that the account is a member of.

use std::collections::BTreeSet;

use lync::{client::RoomsQuery, xccos::RoomInfo};

use crate::{config::RoomChoice, rooms::ROOMS_MAX};

/// The choice of the configuration, and what of it was asked for already.
pub(super) struct Chooser {
    choices: Vec<RoomChoice>,
    asked: BTreeSet<String>,
    /// Patterns that fitted a room, by their place among the choices.
    fitted: BTreeSet<usize>,
}

/// Something to ask the server for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Join the room of this address.
    Join(String),
    /// Look for rooms by a piece of their name.
    Search(String),
    /// Look for the account's own rooms.
    Mine,
}

impl Chooser {
    pub(super) fn new(choices: &[RoomChoice]) -> Self {
        let choices =
            if choices.is_empty() { vec![RoomChoice::Member(true)] } else { choices.to_vec() };
        Self { choices, asked: BTreeSet::new(), fitted: BTreeSet::new() }
    }

    /// What to ask when the chat service is there.
    pub(super) fn begin(&mut self) -> Vec<Ask> {
        let mut asks = Vec::new();
        for choice in &self.choices {
            match choice {
                RoomChoice::Uri(uri) => {
                    if self.asked.insert(uri.to_lowercase()) {
                        asks.push(Ask::Join(uri.clone()));
                    }
                }
                RoomChoice::Name(pattern) => {
                    asks.push(Ask::Search(pattern.longest_piece().to_owned()))
                }
                RoomChoice::Member(true) => asks.push(Ask::Mine),
                RoomChoice::Member(false) => {}
            }
        }
        asks
    }

    /// The rooms of an answer that are wanted and were not asked for yet.
    pub(super) fn found(&mut self, query: &RoomsQuery, rooms: &[RoomInfo]) -> Vec<String> {
        let mut wanted = Vec::new();
        for room in rooms.iter().filter(|room| room.disabled != Some(true)) {
            let fits = match query {
                // It is asked too when a room has changed, whatever the choice is.
                RoomsQuery::Mine => self.wants_mine(),
                RoomsQuery::Search(_) => self.fits(room.name.as_deref().unwrap_or_default()),
            };
            let uri = room.uri.to_string();
            if fits && self.asked.len() < ROOMS_MAX && self.asked.insert(uri.to_lowercase()) {
                wanted.push(uri);
            }
        }
        wanted
    }

    /// Whether a name pattern among the choices was searched for by these words and fitted no room
    /// so far: worth a word to the administrator.
    pub(super) fn is_missed(&self, words: &str) -> bool {
        self.choices.iter().enumerate().any(|(place, choice)| {
            matches!(choice, RoomChoice::Name(pattern) if pattern.longest_piece() == words)
                && !self.fitted.contains(&place)
        })
    }

    /// Whether the room was named by the administrator, rather than found.
    pub(super) fn named(&self, uri: &str) -> bool {
        self.choices.iter().any(
            |choice| matches!(choice, RoomChoice::Uri(wanted) if wanted.eq_ignore_ascii_case(uri)),
        )
    }

    fn wants_mine(&self) -> bool {
        self.choices.iter().any(|choice| matches!(choice, RoomChoice::Member(true)))
    }

    fn fits(&mut self, name: &str) -> bool {
        let choices = self.choices.iter().enumerate();
        let fitting = choices.filter(
            |(_, choice)| matches!(choice, RoomChoice::Name(pattern) if pattern.fits(name)),
        );
        let fitting: Vec<usize> = fitting.map(|(place, _)| place).collect();
        self.fitted.extend(&fitting);
        !fitting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use lync::xccos::RoomUri;

    use super::*;
    use crate::config::Pattern;

    fn info(uri: &str, name: &str) -> RoomInfo {
        RoomInfo { name: Some(name.to_owned()), ..RoomInfo::new(RoomUri::parse(uri).unwrap()) }
    }

    #[test]
    fn nothing_chosen_means_all_of_ours() {
        assert_eq!(Chooser::new(&[]).begin(), [Ask::Mine]);
    }

    #[test]
    fn a_room_is_asked_for_once() {
        let uri = "ma-chan://c.example/1";
        let name = Pattern::try_from("Ops*".to_owned()).unwrap();
        let mut chooser = Chooser::new(&[RoomChoice::Uri(uri.to_owned()), RoomChoice::Name(name)]);
        assert_eq!(chooser.begin(), [Ask::Join(uri.to_owned()), Ask::Search("ops".to_owned())]);
        let rooms = [
            info(uri, "Ops Desk"),
            info("ma-chan://c.example/2", "ops 2"),
            info("ma-chan://c.example/3", "Devops"),
        ];
        let query = RoomsQuery::Search("ops".to_owned());
        assert!(chooser.is_missed("ops"));
        assert_eq!(chooser.found(&query, &rooms), ["ma-chan://c.example/2"]);
        assert!(chooser.found(&query, &rooms).is_empty());
        // Asked again after a loss of the dialog: nothing new, and nothing missing.
        assert!(!chooser.is_missed("ops") && !chooser.is_missed("other words"));
    }

    /// The account's rooms are looked up too when some room has changed.
    #[test]
    fn rooms_of_ours_are_joined_only_if_they_are_chosen() {
        let uri = "ma-chan://c.example/1";
        let rooms = [info(uri, "Ops"), info("ma-chan://c.example/2", "Board")];
        let mut chooser = Chooser::new(&[RoomChoice::Uri(uri.to_owned())]);
        chooser.begin();
        assert!(chooser.found(&RoomsQuery::Mine, &rooms).is_empty());
        let mut chooser = Chooser::new(&[RoomChoice::Member(false)]);
        assert!(chooser.found(&RoomsQuery::Mine, &rooms).is_empty());
        let mut chooser = Chooser::new(&[RoomChoice::Member(true)]);
        assert_eq!(chooser.found(&RoomsQuery::Mine, &rooms).len(), 2);
    }
}
