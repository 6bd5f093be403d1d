//! What the pool's owner does: actors without connections, memberships, removals, restarts.

use super::{ConnectionId, Pool, PoolError, PoolEvent, rooms::RoomMember};
use crate::{
    Now,
    members::{Principal, Roles},
    xccos::{Child, Left, Notice, RoomUri},
};

impl Pool {
    /// Lets somebody without a connection sit in a room: present, and seen coming.
    ///
    /// # Errors
    /// [`PoolError`] if there is no such room or user.
    pub fn enter_room(&mut self, room: &RoomUri, address: &str, now: Now) -> Result<(), PoolError> {
        let address = self.users.find(address).ok_or(PoolError::NoSuchUser)?.address.clone();
        let was_inside = self.is_inside(room, &address);
        let found = self.rooms.find_mut(room).ok_or(PoolError::NoSuchRoom)?;
        found.actors.insert(address.clone());
        if !was_inside {
            self.announce_entry(room, &address, now);
        }
        self.settle(now);
        Ok(())
    }

    /// Takes somebody out again whom [`Pool::enter_room`] let in.
    ///
    /// # Errors
    /// [`PoolError`] if there is no such room, or nobody of that address was let in.
    pub fn leave_room(&mut self, room: &RoomUri, address: &str, now: Now) -> Result<(), PoolError> {
        let found = self.rooms.find_mut(room).ok_or(PoolError::NoSuchRoom)?;
        let address = found.actors.iter().find(|actor| actor.eq_ignore_ascii_case(address));
        let address = address.cloned().ok_or(PoolError::NoSuchUser)?;
        found.actors.remove(&address);
        self.after_leaving(room, &address, now);
        self.settle(now);
        Ok(())
    }

    /// Gives a principal these roles in a room, and no others; none at all strikes it off the list.
    /// Who may no longer be inside is put out and told so (`ntc:part` with the own address).
    ///
    /// # Errors
    /// [`PoolError::NoSuchRoom`].
    pub fn set_member(
        &mut self,
        room: &RoomUri,
        principal: Principal,
        roles: Roles,
        now: Now,
    ) -> Result<(), PoolError> {
        let found = self.rooms.find_mut(room).ok_or(PoolError::NoSuchRoom)?;
        let members = &mut found.spec.members;
        members.retain(|entry| !entry.principal.address.eq_ignore_ascii_case(&principal.address));
        if roles != Roles::default() {
            members.push(RoomMember { principal, roles });
        }
        self.put_out(room, now);
        self.settle(now);
        Ok(())
    }

    /// Removes a post for good; its number stays a gap.
    ///
    /// # Errors
    /// [`PoolError`] if there is no such room or post.
    pub fn remove_message(&mut self, room: &RoomUri, id: u64) -> Result<(), PoolError> {
        let found = self.rooms.find_mut(room).ok_or(PoolError::NoSuchRoom)?;
        if found.history.remove(id) { Ok(()) } else { Err(PoolError::NoSuchPost) }
    }

    /// Puts other words behind a number; nobody is told.
    ///
    /// # Errors
    /// [`PoolError`] if there is no such room or post.
    pub fn replace_message(
        &mut self,
        room: &RoomUri,
        id: u64,
        text: &str,
    ) -> Result<(), PoolError> {
        let found = self.rooms.find_mut(room).ok_or(PoolError::NoSuchRoom)?;
        if found.history.replace(id, text) { Ok(()) } else { Err(PoolError::NoSuchPost) }
    }

    /// The chat service starts anew: dialogs are lost without a word, rooms and history stay.
    pub fn restart_chat(&mut self, now: Now) {
        self.delayed.clear();
        for dialog in std::mem::take(&mut self.dialogs).into_values() {
            for room in dialog.joined {
                self.event(PoolEvent::Parted { room, address: dialog.address.clone() });
            }
        }
        self.settle(now);
    }

    /// The whole pool starts anew: connections are cut, rooms and history stay.
    pub fn restart(&mut self, now: Now) {
        self.restart_chat(now);
        let all: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for id in all {
            self.close(id);
        }
    }

    fn put_out(&mut self, uri: &RoomUri, now: Now) {
        for dialog_id in self.dialogs_in(uri) {
            if self.may_enter(dialog_id, uri).is_ok() {
                continue;
            }
            let Some(dialog) = self.dialogs.get_mut(&dialog_id) else { continue };
            dialog.joined.remove(uri);
            let address = dialog.address.clone();
            let left = Left { room: uri.clone(), address: address.clone() };
            let notice = Child::Notice(Notice::Part(vec![left]));
            self.tell(dialog_id, vec![notice], None, now);
            self.after_leaving(uri, &address, now);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

    use super::*;
    use crate::{
        server::testing::*,
        xccos::{Command, Reply, assumed::PrincipalKind},
    };

    const ANNA: &str = "sip:anna.keller@contoso.com";

    fn principal(address: &str) -> Principal {
        Principal { address: address.into(), name: String::new(), kind: PrincipalKind::User }
    }

    fn ask(world: &mut World, phone: &mut Phone, command: Command) -> Reply {
        let told = phone.command(world, command);
        let [Child::Reply(reply)] = &told[..] else { panic!("{told:?}") };
        reply.clone()
    }

    #[test]
    fn actors_come_and_go() {
        let mut world = World::new();
        let mut phone = Phone::inside(&mut world, 1, ALICE);
        for _ in 0..2 {
            world.pool.enter_room(&ops(), ANNA, world.now).unwrap();
        }
        assert!(matches!(&phone.hear(&mut world)[..], [Child::Notice(Notice::Join(_))]));
        world.pool.leave_room(&ops(), ANNA, world.now).unwrap();
        assert!(matches!(&phone.hear(&mut world)[..], [Child::Notice(Notice::Part(_))]));
        let again = world.pool.leave_room(&ops(), ANNA, world.now);
        assert_eq!(again, Err(PoolError::NoSuchUser));
    }

    #[test]
    fn who_loses_membership_is_put_out_and_told() {
        let mut world = World::new();
        let mut alice = Phone::inside(&mut world, 1, ALICE);
        let mut bob = Phone::inside(&mut world, 2, BOB);
        alice.hear(&mut world);
        let none = Roles::default();
        world.pool.set_member(&ops(), principal("sip:Bob@contoso.com"), none, world.now).unwrap();
        let left = Left { room: ops(), address: BOB.into() };
        let notice = [Child::Notice(Notice::Part(vec![left]))];
        assert_eq!(bob.hear(&mut world), notice);
        assert_eq!(alice.hear(&mut world), notice);
        assert_eq!(ask(&mut world, &mut bob, Command::Join { room: ops() }).code, 403);
        let roles = Roles { member: true, ..none };
        world.pool.set_member(&ops(), principal(BOB), roles, world.now).unwrap();
        assert_eq!(ask(&mut world, &mut bob, Command::Join { room: ops() }).code, 200);
    }

    #[test]
    fn removed_and_replaced_posts() {
        let mut world = World::new();
        for text in ["one", "two", "three"] {
            world.post(text);
        }
        world.pool.remove_message(&ops(), 2).unwrap();
        world.pool.replace_message(&ops(), 3, "other").unwrap();
        assert_eq!(world.pool.remove_message(&ops(), 2), Err(PoolError::NoSuchPost));
        let mut phone = Phone::ready(&mut world, 1, ALICE);
        let reply = ask(&mut world, &mut phone, Command::BackContext { room: ops(), last: 9 });
        let posts = &reply.data.room(&ops()).unwrap().messages;
        let posts: Vec<_> = posts.iter().map(|post| (post.id, post.chat.as_str())).collect();
        assert_eq!(posts, [(Some(1), "one"), (Some(3), "other")]);
    }

    #[test]
    fn restarts_lose_dialogs_or_everything_but_history() {
        let mut world = World::new();
        let mut phone = Phone::inside(&mut world, 1, ALICE);
        world.post("before");
        phone.hear(&mut world);
        world.pool.restart_chat(world.now);
        assert_eq!(phone.post(&mut world, "lost").0, Some(481));
        world.pool.restart(world.now);
        assert!(world.is_closed(phone.id));
        let mut phone = Phone::ready(&mut world, 2, ALICE);
        let reply = ask(&mut world, &mut phone, Command::BackContext { room: ops(), last: 9 });
        assert_eq!(reply.data.room(&ops()).unwrap().messages.len(), 1);
    }
}
