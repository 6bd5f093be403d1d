//! Commands of a client: which one is which, joining and leaving (dossier 4.5, 4.6, 4.9, 4.10).

use super::{Pool, PoolEvent, chat::DialogId, faults::take};
use crate::{
    Now,
    xccos::{
        Association, Block, Command, CommandId, Data, Entered, Left, Notice, Reply, Rights,
        RoomInfo, RoomKey, RoomUri, SERVER_INFO_ALL, ServerInfo, User,
        assumed::{self, Cause},
        timestamp,
    },
};

/// Rooms taken from one `bjoin`.
const JOIN_ROOMS_MAX: usize = 999;
/// The `key` of a `fib`.
const FAILED: &str = "OPERATION_FAILED";
const ROOT_GUID: &str = "2f0f6c1d-9d37-4f0e-8a55-0b6a4f6f7f10";
const DATABASE_GUID: &str = "3ea3a5a8-ef36-46cf-898f-7a5133931d63";

impl Pool {
    /// Carries out a command and replies to it.
    pub(super) fn command(
        &mut self,
        dialog_id: DialogId,
        id: CommandId,
        command: Command,
        now: Now,
    ) {
        let result = match &command {
            Command::RequestUri => Ok(self.service_uri()),
            Command::ServerInfo { .. } => Ok(self.server_info(now)),
            Command::ChannelSearch { criteria, extended } => {
                self.search(dialog_id, criteria, *extended)
            }
            Command::Join { room } => {
                let rooms = [room.clone()];
                return self.join(dialog_id, id, &command, &rooms, now);
            }
            Command::BatchJoin { rooms } => {
                return self.join(dialog_id, id, &command, rooms, now);
            }
            Command::Part { room } => return self.part(dialog_id, id, &command, room, now),
            Command::BackContext { room, last } => self.last_posts(dialog_id, room, *last),
            Command::Invitations { .. } => Ok(Data::empty()),
            Command::Assumed(request) => self.assumed(dialog_id, request),
            _ => Err(Cause::NotSupported),
        };
        let reply = match result {
            Ok(data) => Reply::success(&command, id, data),
            Err(cause) => Reply::failure(command.reply_name(), id, cause),
        };
        self.reply(dialog_id, reply, now);
    }

    fn assumed(&mut self, dialog: DialogId, request: &assumed::Request) -> Result<Data, Cause> {
        match request {
            assumed::Request::Associations { role, results_max, .. } => {
                self.associations(dialog, *role, *results_max)
            }
            assumed::Request::Members { room } => self.members(dialog, room),
            assumed::Request::HistoryByDate { room, limit, from, to } => {
                self.posts_between(dialog, room, *limit, *from, *to)
            }
            assumed::Request::HistoryById { room, limit, from, text } => {
                self.posts_from(dialog, room, *limit, *from, text)
            }
        }
    }

    fn service_uri(&mut self) -> Data {
        if take(&mut self.faults.requri_failures) {
            return Data::empty();
        }
        vec![Block::User(User::new(&self.config.chat_uri))].into()
    }

    fn server_info(&self, now: Now) -> Data {
        let config = &self.config;
        vec![Block::Server(Box::new(ServerInfo {
            info_type: Some(SERVER_INFO_ALL.to_owned()),
            server_time: Some(timestamp::ticks(now.unix)),
            search_limit: Some(config.search_limit),
            message_bytes_max: Some(config.message_bytes_max),
            story_bytes_max: Some(config.story_bytes_max),
            root_uri: Some(format!("ma-cat://{}/{ROOT_GUID}", config.domain)),
            database_version: Some(DATABASE_GUID.to_owned()),
            ..ServerInfo::default()
        }))]
        .into()
    }

    /// Joins what may be joined. The reply comes first: a client drops what it gets for a room
    /// before it (dossier 4.9).
    fn join(
        &mut self,
        dialog_id: DialogId,
        id: CommandId,
        command: &Command,
        rooms: &[RoomUri],
        now: Now,
    ) {
        let mut entered = Vec::new();
        let mut failed = Vec::new();
        for room in rooms.iter().take(JOIN_ROOMS_MAX) {
            match self.enter(dialog_id, room) {
                Ok(was_inside) => entered.push((room.clone(), was_inside)),
                Err(cause) => failed.push((room.clone(), cause)),
            }
        }
        let data = self.joined_data(&entered, &failed);
        let reply = match (command, failed.first()) {
            (Command::Join { .. }, Some((_, cause))) => {
                Reply::new(command.reply_name(), id, cause.code(), cause.text(), data)
            }
            _ => Reply::success(command, id, data),
        };
        self.join_reply(dialog_id, reply, now);
        let Some(dialog) = self.dialogs.get(&dialog_id) else { return };
        let address = dialog.address.clone();
        for (room, _) in entered.iter().filter(|(_, was_inside)| !was_inside) {
            self.announce_entry(room, &address, now);
        }
    }

    /// Enters one room; tells whether its user was inside already, in another dialog.
    fn enter(&mut self, dialog_id: DialogId, uri: &RoomUri) -> Result<bool, Cause> {
        self.may_enter(dialog_id, uri)?;
        if take(&mut self.faults.join_failures) {
            return Err(Cause::Server);
        }
        let uri = self.rooms.find(uri).ok_or(Cause::NoSuchRoom)?.spec.uri.clone();
        let address = self.user_of(dialog_id)?.address.clone();
        let was_inside = self.is_inside(&uri, &address);
        let dialog = self.dialogs.get_mut(&dialog_id).ok_or(Cause::Server)?;
        dialog.joined.insert(uri);
        Ok(was_inside)
    }

    fn joined_data(&self, entered: &[(RoomUri, bool)], failed: &[(RoomUri, Cause)]) -> Data {
        let mut people = People::default();
        let mut blocks = Vec::new();
        for (uri, _) in entered {
            if let Some(mut info) = self.describe(uri) {
                info.associations = self.present(uri, &mut people);
                blocks.push(Block::Room(Box::new(info)));
            }
        }
        blocks.extend(people.blocks());
        let key = |room: &RoomUri| RoomKey { key: FAILED.to_owned(), room: room.clone() };
        blocks.extend(failed.iter().map(|(room, _)| Block::Failure(key(room))));
        blocks.into()
    }

    /// Who is in the room, by rights; nobody in a large one.
    fn present(&self, uri: &RoomUri, people: &mut People) -> Vec<Association> {
        if self.is_large(uri) {
            return Vec::new();
        }
        let mut by_rights: Vec<(Rights, Vec<String>)> = Vec::new();
        for address in self.participants(uri) {
            let rights = self.rights(uri, &address);
            let id = people.id(&address);
            match by_rights.iter_mut().find(|(known, _)| *known == rights) {
                Some((_, ids)) => ids.push(id),
                None => by_rights.push((rights, vec![id])),
            }
        }
        let associations = by_rights.into_iter().map(|(rights, ids)| Association {
            key: rights.to_string(),
            domain: None,
            value: ids.join(","),
        });
        associations.collect()
    }

    /// Tells observers and the others in the room that somebody came.
    pub(super) fn announce_entry(&mut self, room: &RoomUri, address: &str, now: Now) {
        let (room, address) = (room.clone(), address.to_owned());
        self.event(PoolEvent::Joined { room: room.clone(), address: address.clone() });
        let entered = Entered {
            rights: self.rights(&room, &address),
            room: room.clone(),
            address: address.clone(),
            name: None,
        };
        self.notify_others(&room, &address, &Notice::Join(vec![entered]), now);
    }

    /// Tells observers and the others that somebody left, unless another endpoint of theirs stays.
    pub(super) fn after_leaving(&mut self, room: &RoomUri, address: &str, now: Now) {
        if self.is_inside(room, address) {
            return;
        }
        let (room, address) = (room.clone(), address.to_owned());
        self.event(PoolEvent::Parted { room: room.clone(), address: address.clone() });
        let left = Left { room: room.clone(), address: address.clone() };
        self.notify_others(&room, &address, &Notice::Part(vec![left]), now);
    }

    fn part(
        &mut self,
        dialog_id: DialogId,
        id: CommandId,
        command: &Command,
        room: &RoomUri,
        now: Now,
    ) {
        let Some(dialog) = self.dialogs.get_mut(&dialog_id) else { return };
        let address = dialog.address.clone();
        let was_inside = dialog.joined.remove(room);
        let reply = if was_inside {
            let data = vec![Block::Room(Box::new(RoomInfo::new(room.clone())))].into();
            Reply::success(command, id, data)
        } else {
            Reply::failure(command.reply_name(), id, Cause::NotJoined)
        };
        self.reply(dialog_id, reply, now);
        if was_inside {
            self.after_leaving(room, &address, now);
        }
    }
}

/// Numbers the users of one reply.
#[derive(Default)]
struct People {
    addresses: Vec<String>,
}

impl People {
    fn id(&mut self, address: &str) -> String {
        let known = self.addresses.iter().position(|known| known == address);
        let place = known.unwrap_or_else(|| {
            self.addresses.push(address.to_owned());
            self.addresses.len() - 1
        });
        place.to_string()
    }

    fn blocks(self) -> impl Iterator<Item = Block> {
        let users = self.addresses.into_iter().enumerate();
        users.map(|(id, address)| {
            Block::User(User { id: Some(id.to_string()), ..User::new(&address) })
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::panic, clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;
    use crate::{server::testing::*, xccos::Child};

    fn reply(told: &[Child]) -> &Reply {
        let [Child::Reply(reply)] = told else { panic!("{told:?}") };
        reply
    }

    #[test]
    fn a_batch_joins_what_may_be_joined() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let told = phone.command(&mut world, Command::BatchJoin { rooms: vec![closed(), ops()] });
        let reply = reply(&told);
        assert!(reply.is_success());
        let joined: Vec<_> = reply.data.rooms().map(|room| &room.uri).collect();
        let failed: Vec<_> = reply.data.failures().collect();
        assert_eq!((joined, failed), (vec![&ops()], vec![&closed()]));
    }

    #[test]
    fn a_single_join_is_refused_with_its_cause() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let told = phone.command(&mut world, Command::Join { room: closed() });
        assert_eq!((reply(&told).code, reply(&told).text.as_str()), (403, "ERROR_PERMISSION"));
        let nowhere = RoomUri::parse("ma-chan://contoso.com/0").unwrap();
        let told = phone.command(&mut world, Command::Join { room: nowhere });
        assert_eq!(reply(&told).code, 404);
    }

    #[test]
    fn coming_and_going_is_told_to_the_others_only() {
        let mut world = World::new();
        let mut alice = Phone::inside(&mut world, 1, ALICE);
        let mut bob = Phone::inside(&mut world, 2, BOB);
        let told = alice.hear(&mut world);
        let [Child::Notice(Notice::Join(entered))] = &told[..] else { panic!("{told:?}") };
        let entered = entered.first().unwrap();
        assert_eq!((entered.address.as_str(), entered.rights), (BOB, Rights::MEMBER));
        let told = bob.command(&mut world, Command::Part { room: ops() });
        assert!(reply(&told).is_success());
        let told = alice.hear(&mut world);
        let left = Left { room: ops(), address: BOB.to_owned() };
        assert_eq!(told, [Child::Notice(Notice::Part(vec![left]))]);
        let told = bob.command(&mut world, Command::Part { room: ops() });
        assert_eq!(reply(&told).code, 412);
    }

    #[test]
    fn a_second_endpoint_of_somebody_present_makes_no_noise() {
        let mut world = World::new();
        let mut bob = Phone::inside(&mut world, 1, BOB);
        let mut first = Phone::inside(&mut world, 2, ALICE);
        bob.hear(&mut world);
        let mut second = Phone::new(&mut world, 3, ALICE);
        second.epid = "c8ca638a15";
        second.sign_in(&mut world, "secret");
        second.invite(&mut world, CHAT);
        second.command(&mut world, Command::Join { room: ops() });
        first.command(&mut world, Command::Part { room: ops() });
        assert_eq!(bob.hear(&mut world), []);
        second.command(&mut world, Command::Part { room: ops() });
        assert!(matches!(&bob.hear(&mut world)[..], [Child::Notice(Notice::Part(_))]));
    }

    #[test]
    fn the_server_describes_itself() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let command = Command::ServerInfo { domain: "contoso.com".into() };
        let told = phone.command(&mut world, command);
        let server = reply(&told).data.server().unwrap();
        assert_eq!(server.server_time.as_deref(), Some("2014-03-03T09:15:02.0000000Z"));
        assert_eq!((server.message_bytes_max, server.story_bytes_max), (Some(512), Some(4096)));
    }

    #[test]
    fn there_are_no_invitations() {
        let mut world = World::new();
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let command = Command::Invitations { domain: "contoso.com".into(), after: 1 };
        let told = phone.command(&mut world, command);
        assert!(reply(&told).is_success() && reply(&told).data.blocks.is_empty());
    }
}
