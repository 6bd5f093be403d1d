//! Commands that only look: rooms, members, history (dossier 4.7, 4.8, 4.11, 4.15).

use std::{collections::BTreeMap, time::Duration};

use super::{
    Pool, PoolConfig, RoomKind,
    chat::DialogId,
    faults::take,
    history::StoredPost,
    rooms::Room,
    users::{User, key},
};
use crate::xccos::{
    Block, ChatMessage, Data, Rights, RoomInfo, RoomUri,
    assumed::{self, Cause, Member, PageTotals, Role},
    timestamp,
};

impl Pool {
    /// `chansrch`: rooms that the user may see and whose names hold all the words.
    pub(super) fn search(
        &self,
        dialog_id: DialogId,
        criteria: &str,
        extended: bool,
    ) -> Result<Data, Cause> {
        let user = self.user_of(dialog_id)?;
        let words: Vec<String> = criteria.split_whitespace().map(str::to_lowercase).collect();
        let fits = |room: &&Room| {
            let mut text = room.spec.name.to_lowercase();
            if extended {
                text.push(' ');
                text.push_str(&room.spec.description.to_lowercase());
            }
            room.shows_to(user) && words.iter().all(|word| text.contains(word))
        };
        Ok(self.listed(self.rooms.iter().filter(fits), self.config.search_limit))
    }

    /// `getassociations`: rooms in which the user has this role.
    pub(super) fn associations(
        &self,
        dialog_id: DialogId,
        role: Role,
        results_max: u32,
    ) -> Result<Data, Cause> {
        let user = self.user_of(dialog_id)?;
        let has_role = |room: &&Room| {
            let roles = room.roles(user);
            !room.spec.disabled && if role == Role::Member { roles.member } else { roles.manager }
        };
        let rooms = self.rooms.iter().filter(has_role);
        Ok(self.listed(rooms, results_max.min(self.config.search_limit)))
    }

    fn listed<'r>(&self, rooms: impl Iterator<Item = &'r Room>, limit: u32) -> Data {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let infos = rooms.take(limit).filter_map(|room| self.describe(&room.spec.uri));
        infos.map(|info| Block::Room(Box::new(info))).collect::<Vec<_>>().into()
    }

    /// The room as lists and join replies show it, without people.
    pub(super) fn describe(&self, uri: &RoomUri) -> Option<RoomInfo> {
        let spec = &self.rooms.find(uri)?.spec;
        let auditorium = spec.kind == RoomKind::Auditorium;
        Some(RoomInfo {
            name: Some(spec.name.clone()),
            description: Some(spec.description.clone()),
            topic: Some(spec.topic.clone()),
            behavior: auditorium.then(|| "AUDITORIUM".to_owned()),
            participants_count: u32::try_from(self.participants(uri).len()).ok(),
            visibility: Some(spec.privacy.word().to_owned()),
            file_post: Some(false),
            invite: Some(false),
            logged: Some(spec.logged),
            ..RoomInfo::new(spec.uri.clone())
        })
    }

    /// `x-getmembers`: who is entitled to the room, for those who may enter or manage it.
    pub(super) fn members(&self, dialog_id: DialogId, uri: &RoomUri) -> Result<Data, Cause> {
        let user = self.user_of(dialog_id)?;
        let room = self.rooms.find(uri).ok_or(Cause::NoSuchRoom)?;
        if !room.roles(user).manager {
            room.may_enter(user)?;
        }
        let members = room.spec.members.iter().map(|entry| Member {
            address: entry.principal.address.clone(),
            name: Some(entry.principal.name.clone()).filter(|name| !name.is_empty()),
            kind: entry.principal.kind,
            member: entry.roles.member,
            manager: entry.roles.manager,
            presenter: entry.roles.presenter,
        });
        Ok(assumed::members_data(&room.spec.uri, &members.collect::<Vec<_>>()))
    }

    /// `bccontext`: the last posts, oldest first.
    pub(super) fn last_posts(
        &mut self,
        dialog_id: DialogId,
        uri: &RoomUri,
        last: u32,
    ) -> Result<Data, Cause> {
        let room = self.readable(dialog_id, uri)?;
        let posts: Vec<&StoredPost> = room.history.last(self.page_posts_max(last)).collect();
        let mut info = self.page(room, posts);
        if take(&mut self.faults.reversed_histories) {
            info.messages.reverse();
        }
        Ok(vec![Block::Room(Box::new(info))].into())
    }

    /// `bcbydate`: posts of a span of time.
    pub(super) fn posts_between(
        &self,
        dialog_id: DialogId,
        uri: &RoomUri,
        limit: u32,
        from: Duration,
        to: Duration,
    ) -> Result<Data, Cause> {
        self.posts_where(dialog_id, uri, limit, |post| (from..=to).contains(&post.sent))
    }

    /// `bcbymsg`: posts from an id on that hold these words.
    pub(super) fn posts_from(
        &self,
        dialog_id: DialogId,
        uri: &RoomUri,
        limit: u32,
        from: u64,
        text: &str,
    ) -> Result<Data, Cause> {
        let text = text.to_lowercase();
        let holds = |post: &StoredPost| post.chat.to_lowercase().contains(&text);
        self.posts_where(dialog_id, uri, limit, |post| post.id >= from && holds(post))
    }

    fn posts_where(
        &self,
        dialog_id: DialogId,
        uri: &RoomUri,
        limit: u32,
        fits: impl Fn(&StoredPost) -> bool,
    ) -> Result<Data, Cause> {
        let room = self.readable(dialog_id, uri)?;
        let all: Vec<&StoredPost> = room.history.all().filter(|post| fits(post)).collect();
        let total = all.len();
        let page: Vec<&StoredPost> = all.into_iter().take(self.page_posts_max(limit)).collect();
        let exceeded = page.len() < total;
        let mut info = self.page(room, page);
        PageTotals { total: u64::try_from(total).ok(), exceeded }.put(&mut info);
        Ok(vec![Block::Room(Box::new(info))].into())
    }

    fn page(&self, room: &Room, posts: Vec<&StoredPost>) -> RoomInfo {
        let messages = posts.into_iter().map(|post| self.message(room, post)).collect();
        RoomInfo { messages, ..RoomInfo::new(room.spec.uri.clone()) }
    }

    /// A post as the wire shows it. Rooms that keep no history number nothing.
    pub(super) fn message(&self, room: &Room, post: &StoredPost) -> ChatMessage {
        let numbered = room.spec.logged && !self.faults.omit_chat_ids;
        ChatMessage {
            room: room.spec.uri.clone(),
            author: post.author.clone(),
            author_name: Some(post.author_name.clone()),
            alert: Some(post.alert),
            id: numbered.then_some(post.id),
            ts: Some(timestamp::ticks(post.sent)),
            chat: post.chat.clone(),
            rtf: post.rtf.clone(),
            extra: Vec::new(),
        }
    }

    fn page_posts_max(&self, wanted: u32) -> usize {
        let limit = wanted.min(self.config.search_limit);
        let limit = usize::try_from(limit).unwrap_or(PoolConfig::HISTORY_POSTS_MAX);
        limit.min(self.faults.history_cap.unwrap_or(usize::MAX))
    }

    /// The room, if the dialog's user may read it.
    fn readable(&self, dialog_id: DialogId, uri: &RoomUri) -> Result<&Room, Cause> {
        self.may_enter(dialog_id, uri)?;
        self.rooms.find(uri).ok_or(Cause::NoSuchRoom)
    }

    pub(super) fn may_enter(&self, dialog_id: DialogId, uri: &RoomUri) -> Result<(), Cause> {
        let user = self.user_of(dialog_id)?;
        self.rooms.find(uri).ok_or(Cause::NoSuchRoom)?.may_enter(user)
    }

    pub(super) fn user_of(&self, dialog_id: DialogId) -> Result<&User, Cause> {
        let dialog = self.dialogs.get(&dialog_id).ok_or(Cause::Server)?;
        self.users.find(&dialog.address).ok_or(Cause::Permission)
    }

    /// Returns the addresses of everybody in the room, each once, in the order of the alphabet.
    #[must_use]
    pub fn participants(&self, uri: &RoomUri) -> Vec<String> {
        let inside = self.dialogs.values().filter(|dialog| dialog.joined.contains(uri));
        let mut found: BTreeMap<String, String> =
            inside.map(|dialog| (key(&dialog.address), dialog.address.clone())).collect();
        let actors = self.rooms.find(uri).into_iter().flat_map(|room| &room.actors);
        found.extend(actors.map(|address| (key(address), address.clone())));
        found.into_values().collect()
    }

    pub(super) fn is_inside(&self, uri: &RoomUri, address: &str) -> bool {
        self.participants(uri).iter().any(|inside| inside.eq_ignore_ascii_case(address))
    }

    /// Whether the room hides its participants (dossier 4.9).
    pub(super) fn is_large(&self, uri: &RoomUri) -> bool {
        self.faults.large_rooms
            || self.participants(uri).len() >= self.config.large_room_participants
    }

    pub(super) fn rights(&self, uri: &RoomUri, address: &str) -> Rights {
        match (self.rooms.find(uri), self.users.find(address)) {
            (Some(room), Some(user)) => room.rights(user),
            _ => Rights::MEMBER,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use std::time::Duration;

    use super::*;
    use crate::{
        Quirks,
        server::testing::*,
        xccos::{Child, Command, Privacy, Reply, assumed::Request},
    };

    fn ask(world: &mut World, phone: &mut Phone, command: Command) -> Reply {
        let told = phone.command(world, command);
        let [Child::Reply(reply)] = &told[..] else { panic!("{told:?}") };
        reply.clone()
    }

    fn search(world: &mut World, phone: &mut Phone, criteria: &str) -> Vec<String> {
        let command = Command::ChannelSearch { criteria: criteria.into(), extended: false };
        let reply = ask(world, phone, command);
        reply.data.rooms().filter_map(|room| room.name.clone()).collect()
    }

    fn ids(reply: &Reply) -> Vec<u64> {
        reply.data.rooms().flat_map(|room| &room.messages).filter_map(|post| post.id).collect()
    }

    #[test]
    fn secret_rooms_are_found_by_members_only() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        assert_eq!(search(&mut world, &mut phone, ""), ["Ops Desk", "Closed Shop"]);
        assert_eq!(search(&mut world, &mut phone, "desk OPS"), ["Ops Desk"]);
        for uri in [ops(), closed()] {
            world.pool.rooms.find_mut(&uri).unwrap().spec.privacy = Privacy::Secret;
        }
        assert_eq!(search(&mut world, &mut phone, ""), ["Ops Desk"]);
    }

    #[test]
    fn a_search_stops_at_the_limit() {
        let mut world = World::new();
        world.pool.config.search_limit = 1;
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        assert_eq!(search(&mut world, &mut phone, "").len(), 1);
    }

    #[test]
    fn the_last_posts_come_oldest_first() {
        let mut world = World::new();
        for text in ["one", "two", "three"] {
            world.post(text);
        }
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let reply = ask(&mut world, &mut phone, Command::BackContext { room: ops(), last: 2 });
        assert_eq!(ids(&reply), [2, 3]);
        let denied = ask(&mut world, &mut phone, Command::BackContext { room: closed(), last: 2 });
        assert_eq!(denied.code, 403);
    }

    #[test]
    fn rooms_without_a_log_remember_and_number_nothing() {
        let mut world = World::new();
        world.pool.rooms.find_mut(&ops()).unwrap().spec.logged = false;
        let mut phone = Phone::inside(&mut world, 1, ALICE);
        world.post("gone at once");
        let told = phone.hear(&mut world);
        assert!(matches!(&told[..], [Child::Chat(post)] if post.id.is_none()));
        let reply = ask(&mut world, &mut phone, Command::BackContext { room: ops(), last: 9 });
        assert!(reply.is_success() && ids(&reply).is_empty());
    }

    #[test]
    fn history_by_id_and_by_date() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let start = world.now.unix;
        for text in ["red", "green", "Red again", "blue"] {
            world.post(text);
            world.pass(Duration::from_secs(10));
        }
        let by_id = |limit, from, text: &str| {
            let text = text.to_owned();
            Command::Assumed(Request::HistoryById { room: ops(), limit, from, text })
        };
        let reply = ask(&mut world, &mut phone, by_id(2, 2, ""));
        assert_eq!(ids(&reply), [2, 3]);
        let totals = PageTotals::of(reply.data.room(&ops()).unwrap());
        assert_eq!(totals, PageTotals { total: Some(3), exceeded: true });
        assert_eq!(ids(&ask(&mut world, &mut phone, by_id(9, 1, "red"))), [1, 3]);
        let (from, to) = (start + Duration::from_secs(10), start + Duration::from_secs(20));
        let by_date = Request::HistoryByDate { room: ops(), limit: 9, from, to };
        assert_eq!(ids(&ask(&mut world, &mut phone, Command::Assumed(by_date))), [2, 3]);
    }

    #[test]
    fn members_are_listed_to_those_who_may_enter() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let list = |room| Command::Assumed(Request::Members { room });
        let reply = ask(&mut world, &mut phone, list(ops()));
        let members = assumed::members(&reply.data, &ops()).unwrap();
        let addresses: Vec<_> = members.iter().map(|member| member.address.as_str()).collect();
        assert_eq!(addresses, [ALICE, BOB]);
        assert_eq!(ask(&mut world, &mut phone, list(closed())).code, 403);
    }

    #[test]
    fn without_quirks_assumed_commands_are_unknown() {
        let mut world = World::new();
        world.pool.config.quirks = Quirks::default();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let list = Command::Assumed(Request::Members { room: ops() });
        assert_eq!(ask(&mut world, &mut phone, list).code, 501);
    }
}
