//! The pool and the session, coupled in memory: the host's own driver does with what the session
//! says what it does over a socket.

use std::time::Duration;

use lync::{
    client::{Event, Output, Session},
    server::{ConnectionId, PoolOutput},
};

use super::world::{Alive, Killed, ROOMS, World, entropy, room_id, room_of};
use crate::{
    chat::{Order, drive::Driver, review::Reread, translate},
    database::RoomDue,
};

/// Time after which a waiting host would have signed in and joined.
const SIGN_IN: Duration = Duration::from_secs(3);
/// Beyond this the connection does not last: else there are thousands of timers to run through.
const LASTS: Duration = Duration::from_secs(1800);

/// The connection.
#[derive(Default)]
pub(super) struct Wire {
    connection: u64,
    /// Transfers until it breaks.
    pub(super) breaks: Option<u32>,
    /// The pool has not noticed yet that the last connection is gone.
    unnoticed: bool,
}

impl Wire {
    fn id(&self) -> ConnectionId {
        ConnectionId(self.connection)
    }

    pub(super) fn lose(&mut self) {
        self.breaks = None;
        self.unnoticed = true;
    }

    /// Whether the next transfer gets through.
    fn carries(&mut self) -> bool {
        match &mut self.breaks {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    fn is_broken(&self) -> bool {
        self.breaks == Some(0)
    }
}

impl World {
    /// Connects, signs in and joins, if that is not done.
    pub(super) async fn connect(&mut self) -> Alive {
        if self.host.driver.is_some() {
            return Ok(());
        }
        self.effect()?;
        self.notice();
        self.tally.connections += 1;
        self.wire.connection += 1;
        self.wire.breaks = None;
        let (peer, local) = (([10, 0, 8, 20], 49822).into(), ([10, 0, 1, 11], 5061).into());
        self.pool.connect(self.wire.id(), peer, local, lync::server::Transport::Tls);
        let config = self.host.chat.session_config(peer, 5061);
        let session = Session::new(config, entropy(self.chance.next()), self.clock.host());
        self.host.driver = Some(Driver::new(self.host.chat.clone(), session));
        self.model.session_begins();
        self.pump().await?;
        self.pass(SIGN_IN).await
    }

    /// The pool learns that a connection is gone.
    pub(super) fn notice(&mut self) {
        if std::mem::take(&mut self.wire.unnoticed) {
            self.pool.disconnect(self.wire.id(), self.clock.server());
        }
    }

    /// The connection breaks; what was on its way is lost.
    pub(super) fn disconnect(&mut self) {
        if self.host.driver.take().is_some() {
            self.tell(|| "the connection breaks".to_owned());
            self.tally.cuts += 1;
        }
        self.wire.lose();
        self.host.rooms.lost();
        if self.chance.one_in(2) {
            self.notice();
        }
    }

    /// Hands everything over until both ends are silent.
    pub(super) async fn pump(&mut self) -> Alive {
        while let Some(mut driver) = self.host.driver.take() {
            let busy = self.exchange_bytes(&mut driver).await?;
            let over = driver.ended.is_some() || self.wire.is_broken();
            self.host.driver = Some(driver);
            if over {
                self.disconnect();
            } else if !busy {
                break;
            }
        }
        // Nobody listens to what the pool says to others.
        while self.host.driver.is_none() && self.pool.poll().is_some() {}
        while self.pool.poll_event().is_some() {}
        Ok(())
    }

    async fn exchange_bytes(&mut self, driver: &mut Driver) -> Result<bool, Killed> {
        let mut busy = false;
        while let Some(output) = driver.session.poll() {
            busy = true;
            self.effect()?;
            if let Output::Event(event) = &output {
                self.tell(|| format!("{event:?}").chars().take(160).collect());
                self.hear(event).await;
            }
            driver.take(output).await;
        }
        let bytes = driver.unsent();
        if !bytes.is_empty() {
            self.effect()?;
            if self.wire.carries() {
                let _ = self.pool.receive(self.wire.id(), &bytes, self.clock.server());
            }
        }
        if driver.begin_commit() {
            busy = true;
            self.effect()?;
            let committed = driver.committed().await;
            assert!(committed.is_ok(), "a commit fails");
            self.model.committed();
            self.effect()?;
            driver.confirm(committed).unwrap();
        }
        while let Some((id, output)) = self.pool.poll() {
            if id != self.wire.id() {
                continue;
            }
            busy = true;
            match output {
                PoolOutput::Send(bytes) if self.wire.carries() => {
                    let _ = driver.session.receive(&bytes, self.clock.host());
                }
                PoolOutput::Send(_) => {}
                PoolOutput::Close => self.wire.breaks = Some(0),
            }
        }
        Ok(busy)
    }

    /// What the model has to know of it.
    async fn hear(&mut self, event: &Event) {
        match event {
            Event::Joined { room, .. } => {
                let room = room_of(&translate::room_id(room.uri.key()));
                let cursor = self.host.database.cursor(&room_id(room)).await.unwrap();
                self.model.joined(room, cursor);
            }
            Event::Begun { room, .. } => self.model.begins(room_of(&translate::room_id(room))),
            Event::Posted(post, _) => {
                self.model.handed(room_of(&translate::room_id(&post.room)), post.id);
            }
            Event::Gap { .. } => self.tally.gaps += 1,
            Event::Reviewed { room, result: Ok(page) } if page.readable => {
                let sent = page.posts.iter().map(|post| post.sent.as_millis()).min();
                let oldest_ms = sent.map(|sent| i64::try_from(sent).unwrap());
                self.model.reviewed(room_of(&translate::room_id(room)), oldest_ms);
            }
            _ => {}
        }
    }

    /// Lets time go by at both ends.
    pub(super) async fn pass(&mut self, time: Duration) -> Alive {
        if time > LASTS && self.host.driver.is_some() {
            self.disconnect();
        }
        let until = self.clock.instant() + time;
        loop {
            let ours = self.host.driver.as_ref().and_then(|driver| driver.session.deadline());
            let theirs = self.pool.deadline().map(|(at, _)| at);
            let next = ours.map(|(at, _)| at).into_iter().chain(theirs).min();
            let next = next.filter(|at| *at <= until);
            let at = next.unwrap_or(until).max(self.clock.instant());
            self.clock.pass(at - self.clock.instant());
            if next.is_none() {
                return Ok(());
            }
            if let Some(driver) = &mut self.host.driver {
                driver.session.handle_timeout(self.clock.host());
            }
            self.pool.handle_timeout(self.clock.server());
            self.pump().await?;
        }
    }

    /// Whether all rooms are joined and read.
    pub(super) fn is_caught_up(&self) -> bool {
        (0..ROOMS).all(|room| self.host.rooms.is_joined(&room_id(room)))
    }

    /// Before digests go out, the history of their rooms is read once more, as the mail stage does
    /// it.
    pub(super) async fn reread(&mut self, now_ms: i64) -> Alive {
        let due = self.host.database.rooms_due(now_ms, now_ms - 2000, 10).await.unwrap();
        let joined = |due: &RoomDue| self.host.rooms.is_joined(&due.room);
        let due: Vec<_> = due.into_iter().filter(joined).collect();
        if due.is_empty() || self.host.driver.is_none() {
            return Ok(());
        }
        let rooms: Vec<usize> = due.iter().map(|due| room_of(&due.room)).collect();
        let watched = self.model.review_begins(&self.host.database, &rooms).await;
        let rereads = due.into_iter().map(|due| Reread { uri: due.uri, last: due.back + 10 });
        let (done, mut read) = tokio::sync::oneshot::channel();
        if let Some(driver) = &mut self.host.driver {
            driver.obey(Order::Review(rereads.collect(), done)).await;
        }
        self.pump().await?;
        if read.try_recv().is_err() {
            self.pass(Duration::from_secs(10)).await?;
            if read.try_recv().is_err() {
                return Ok(());
            }
        }
        self.model.review_ends(watched);
        Ok(())
    }
}
