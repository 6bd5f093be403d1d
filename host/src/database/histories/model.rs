//! Who must receive what, told from outside: from what was posted, who belonged where and what was
//! chosen, never from what the host did with it.

use std::collections::{BTreeMap, BTreeSet};

use bridge::{
    member::{Member, Wish},
    message::{Kind, Message, MessageId, PostKey},
};

use super::world::{Host, PEOPLE, ROOMS, list, person_of, room_id, room_of};
use crate::database::Database;

/// Whether a message must reach a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// It must arrive, once.
    Must,
    /// What decides it changed while it was on its way: once or not at all.
    May,
}

/// A message as the model has it: a post, or what the host tells in place of posts.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) room: usize,
    /// A post's number; of a gap, the numbers that it stands for.
    numbers: (u64, u64),
    is_gap: bool,
    sent_ms: i64,
    received_ms: Option<i64>,
    committed: bool,
    planned: bool,
    /// Removed in the room, and the host has been told or has looked.
    removed: bool,
    removed_for_sure: bool,
    /// It left the room's history before the host had it.
    cut: bool,
}

#[derive(Default)]
struct Place {
    /// Those who belong to the room, and those whom the planner and the database take for that.
    truth: BTreeSet<usize>,
    known: BTreeSet<usize>,
    saved: BTreeSet<usize>,
    begun: bool,
    posted: u64,
    /// How far back a look at the history reached.
    reviewed_ms: Option<i64>,
    /// Numbers that the history holds.
    held: BTreeSet<u64>,
}

pub(super) struct Model {
    places: Vec<Place>,
    homeless: BTreeSet<usize>,
    off: BTreeSet<usize>,
    messages: BTreeMap<MessageId, Known>,
    due: BTreeMap<(MessageId, usize), Due>,
    /// Handed to the host and not committed yet.
    handing: Vec<MessageId>,
    /// What arrived, how often.
    pub(super) seen: BTreeMap<(MessageId, usize), usize>,
}

pub(super) fn post_id(room: usize, number: u64) -> MessageId {
    MessageId::derive(&room_id(room), &PostKey::new(number.to_string()))
}

impl Model {
    pub(super) fn new() -> Self {
        let place = || Place { truth: (0..PEOPLE).collect(), ..Place::default() };
        Self {
            places: std::iter::repeat_with(place).take(ROOMS).collect(),
            homeless: BTreeSet::new(),
            off: BTreeSet::new(),
            messages: BTreeMap::new(),
            due: BTreeMap::new(),
            handing: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    // What happens in the rooms.

    pub(super) fn posted(&mut self, room: usize, number: u64, sent_ms: i64) {
        self.places[room].posted = number;
        self.places[room].held.insert(number);
        let numbers = (number, number);
        let known = Known { room, numbers, sent_ms, ..Known::default() };
        self.enter(post_id(room, number), known);
    }

    /// A message is there: for whom it is certain, and for whom it depends.
    fn enter(&mut self, id: MessageId, known: Known) {
        let place = &self.places[known.room];
        for person in (0..PEOPLE).filter(|person| !self.off.contains(person)) {
            let belongs = [&place.truth, &place.known, &place.saved];
            let count = belongs.iter().filter(|set| set.contains(&person)).count();
            let due = match count {
                0 => continue,
                3 if place.begun => Due::Must,
                _ => Due::May,
            };
            self.due.insert((id.clone(), person), due);
        }
        self.messages.insert(id, known);
    }

    /// What decides about a person's messages changes: of what has not arrived, nothing is certain.
    fn doubt(&mut self, person: usize, room: Option<usize>) {
        for (id, known) in &self.messages {
            let key = (id.clone(), person);
            if room.is_some_and(|room| room != known.room) || self.seen.contains_key(&key) {
                continue;
            }
            if !known.planned || self.due.contains_key(&key) {
                self.due.insert(key, Due::May);
            }
        }
    }

    pub(super) fn joins_or_leaves(&mut self, room: usize, person: usize) {
        let truth = &mut self.places[room].truth;
        if !truth.remove(&person) {
            truth.insert(person);
        }
        self.doubt(person, Some(room));
    }

    pub(super) fn loses_or_finds_mailbox(&mut self, person: usize) {
        if !self.homeless.remove(&person) {
            self.homeless.insert(person);
        }
    }

    /// Everybody belongs everywhere and has a mailbox.
    pub(super) fn gather_all(&mut self) {
        self.homeless.clear();
        for room in 0..ROOMS {
            for person in 0..PEOPLE {
                if !self.places[room].truth.contains(&person) {
                    self.joins_or_leaves(room, person);
                }
            }
        }
    }

    pub(super) fn find_mailboxes(&mut self) {
        self.homeless.clear();
    }

    /// Posts that are there to be removed.
    pub(super) fn held(&self, room: usize) -> Vec<u64> {
        self.places[room].held.iter().copied().collect()
    }

    pub(super) fn removed(&mut self, room: usize, number: u64) {
        self.places[room].held.remove(&number);
        let id = post_id(room, number);
        for person in 0..PEOPLE {
            if let Some(due) = self.due.get_mut(&(id.clone(), person)) {
                *due = Due::May;
            }
        }
        self.messages.get_mut(&id).unwrap().removed = true;
    }

    /// The host itself was told.
    pub(super) fn removed_for_sure(&mut self, id: &MessageId) {
        self.messages.get_mut(id).unwrap().removed_for_sure = true;
    }

    /// The oldest posts are no longer in the history; answers their numbers.
    pub(super) fn truncate(&mut self, room: usize, keep: usize) -> Vec<u64> {
        let held = &mut self.places[room].held;
        let gone: Vec<u64> = held.iter().copied().take(held.len().saturating_sub(keep)).collect();
        for number in &gone {
            held.remove(number);
            let known = self.messages.get_mut(&post_id(room, *number)).unwrap();
            known.cut = !known.committed;
        }
        gone
    }

    // What the host hears.

    pub(super) fn session_begins(&mut self) {
        self.handing.clear();
    }

    /// The host has a place to go on from if it had one before.
    pub(super) fn joined(&mut self, room: usize, cursor: Option<u64>) {
        self.places[room].begun |= cursor.is_some();
    }

    /// From here on the host has a place to go on from.
    pub(super) fn begins(&mut self, room: usize) {
        self.places[room].begun = true;
    }

    pub(super) fn handed(&mut self, room: usize, number: Option<u64>) {
        let number = number.unwrap();
        let id = post_id(room, number);
        let known = self.messages.get_mut(&id).unwrap();
        known.received_ms.get_or_insert(crate::clock::unix_ms());
        self.handing.push(id);
    }

    /// Whether a post has come to the host and is not kept yet.
    pub(super) fn is_handing(&self) -> bool {
        !self.handing.is_empty()
    }

    pub(super) fn committed(&mut self) {
        for id in self.handing.drain(..) {
            let known = self.messages.get_mut(&id).unwrap();
            known.committed = true;
            self.places[known.room].begun = true;
        }
    }

    // What the host knows of people.

    pub(super) fn members(&self, room: usize) -> Vec<Member> {
        list(&self.places[room].truth, &self.homeless)
    }

    pub(super) fn directory_changes(&mut self, room: usize, members: &[Member]) {
        let after: BTreeSet<usize> =
            members.iter().map(|one| person_of(&one.person.address)).collect();
        let place = &self.places[room];
        let changed = |person: &usize| {
            place.known.contains(person) != after.contains(person)
                || place.saved.contains(person) != after.contains(person)
        };
        let changed: Vec<usize> = (0..PEOPLE).filter(changed).collect();
        changed.into_iter().for_each(|person| self.doubt(person, Some(room)));
    }

    pub(super) fn saved(&mut self, room: usize, members: &[Member]) {
        self.places[room].saved =
            members.iter().map(|one| person_of(&one.person.address)).collect();
    }

    pub(super) fn resolved(&mut self, room: usize) {
        let place = &mut self.places[room];
        place.known = place.saved.clone();
    }

    pub(super) fn chooses(&mut self, person: usize) {
        self.doubt(person, None);
    }

    pub(super) fn chose(&mut self, person: usize, off: bool) {
        if off {
            self.off.insert(person);
        } else {
            self.off.remove(&person);
        }
    }

    /// The new host has what the database has.
    pub(super) async fn restarted(&mut self, host: &Host) {
        self.session_begins();
        for room in 0..ROOMS {
            self.resolved(room);
            let begun = host.database.cursor(&room_id(room)).await.unwrap().is_some();
            self.places[room].begun |= begun;
        }
        self.off.clear();
        for ((person, _), choice) in host.database.choices().await.unwrap() {
            self.chose(person_of(&person), choice.wish == Some(Wish::Off));
        }
    }

    // What the host decides and does.

    /// A message comes to be planned: if it tells of a gap, that is the first one hears of it.
    pub(super) fn planning(&mut self, message: &Message) {
        let Kind::Gap { missing } = message.kind else { return };
        if self.messages.contains_key(&message.id()) {
            return;
        }
        let from: u64 = message.post.as_str().trim_start_matches("gap ").parse().unwrap();
        let room = room_of(&message.room);
        let to = missing.map_or(self.places[room].posted, |missing| from + u64::from(missing) - 1);
        for number in from..=to.min(self.places[room].posted) {
            let told_wrongly = self.places[room].held.contains(&number);
            assert!(!told_wrongly, "a gap is told that spans {number}, which is there");
        }
        let known = Known { room, numbers: (from, to), is_gap: true, ..Known::default() };
        self.enter(message.id(), Known { committed: true, ..known });
    }

    pub(super) fn planned(&mut self, id: &MessageId) {
        self.messages.get_mut(id).unwrap().planned = true;
    }

    /// Messages that were removed in these rooms and wait in the host's database, in the reach of
    /// the look at the history that begins now.
    pub(super) async fn review_begins(
        &mut self,
        database: &Database,
        rooms: &[usize],
    ) -> Vec<MessageId> {
        let now_ms = crate::clock::unix_ms();
        let mut watched = Vec::new();
        for room in rooms {
            self.places[*room].reviewed_ms = None;
        }
        for (id, known) in &self.messages {
            let before = known.received_ms.is_some_and(|received_ms| received_ms < now_ms);
            if !known.removed || !known.committed || !before || !rooms.contains(&known.room) {
                continue;
            }
            let whys = database.whys(id.as_str(), None, 100).await.unwrap();
            if whys.iter().any(|why| why.state == "kept") {
                watched.push(id.clone());
            }
        }
        watched
    }

    pub(super) fn reviewed(&mut self, room: usize, oldest_ms: Option<i64>) {
        self.places[room].reviewed_ms = oldest_ms;
    }

    pub(super) fn review_ends(&mut self, watched: Vec<MessageId>) {
        for id in watched {
            let known = self.messages.get_mut(&id).unwrap();
            let reviewed_ms = self.places[known.room].reviewed_ms;
            known.removed_for_sure |= reviewed_ms.is_some_and(|oldest| oldest < known.sent_ms);
        }
    }

    /// The words of a mail are laid down: nothing that is not to be said any more.
    pub(super) fn written(&self, message: &Message, person: usize) {
        let known = &self.messages[&message.id()];
        assert!(!known.removed_for_sure, "a removed message is mailed: {}", name(known));
        let inside = self.places[known.room].saved.contains(&person);
        assert!(inside, "who has left the room is mailed: {}", name(known));
    }

    pub(super) fn arrived(&mut self, id: &MessageId, person: usize) {
        *self.seen.entry((id.clone(), person)).or_default() += 1;
    }

    // What must have come of it.

    pub(super) fn is_unplanned(&self, room: usize) -> bool {
        self.messages.values().any(|one| one.room == room && one.committed && !one.planned)
    }

    /// Answers a message that must have arrived and has not; stops at one that came without reason.
    pub(super) fn check(&self) -> Option<(MessageId, usize, String)> {
        for ((id, person), count) in &self.seen {
            let known = &self.messages[id];
            assert_eq!(*count, 1, "{} came {count} times to {person}", name(known));
            let wanted = self.due.contains_key(&(id.clone(), *person));
            assert!(wanted, "{} came to {person}, who was not to get it", name(known));
        }
        let missing = |(key, due): &(&(MessageId, usize), &Due)| {
            **due == Due::Must && !self.seen.contains_key(key) && !self.is_told(key)
        };
        let missing = self.due.iter().find(missing);
        missing.map(|((id, person), _)| (id.clone(), *person, name(&self.messages[id])))
    }

    /// Whether a person was told that this message was missed.
    fn is_told(&self, (id, person): &(MessageId, usize)) -> bool {
        let known = &self.messages[id];
        let spans = |gap: &Known| {
            gap.is_gap
                && gap.room == known.room
                && (gap.numbers.0..=gap.numbers.1).contains(&known.numbers.0)
        };
        let is_seen = |gap: &MessageId| self.seen.contains_key(&(gap.clone(), *person));
        let mut told = self.messages.iter().filter(|(_, one)| spans(one));
        known.cut && !known.committed && told.any(|(gap, _)| is_seen(gap))
    }
}

fn name(known: &Known) -> String {
    let what = if known.is_gap { "gap" } else { "post" };
    format!("{what} {:?} of room {}", known.numbers, known.room)
}
