//! One connection: bytes, timers and orders in; bytes and events out.

use std::{
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use anyhow::Result;
use bridge::message::{Message, RoomId};
use bytes::Bytes;
use lync::client::{Ended, Output, Receipt, Session};
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{mpsc, watch},
    time::timeout,
};
use tracing::{debug, warn};

use super::{Chat, Close, Order, choose::Chooser, connect::Stream, review::Review, stop_asked};
use crate::{
    clock,
    config::HostPort,
    database::{Error, Received},
    trace::ChatTap,
};

/// Bytes taken from the socket at once.
const READ_BYTES: usize = 64 << 10;
/// Posts of one commit at most; reading waits when as many have come meanwhile. Every post touches
/// pages of its own in two indexes, and the more there are in a commit, the more of them share one: of
/// 4,096 a post takes three fifths of the work that it takes of 512.
const COMMIT_POSTS_MAX: usize = 4096;
/// Bytes taken from the socket for one commit at most: they bound the memory of its posts.
const COMMIT_BYTES_MAX: usize = 16 << 20;
/// Time for the socket to take what is written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Posts on their way into the database; gives their receipts back, or why they cannot be kept.
type Commit = Pin<Box<dyn Future<Output = Result<Vec<Receipt>>> + Send>>;

/// One connection's worth of state. Whoever has the bytes drives it: [`Driver::drive`] over a
/// socket, the histories in memory.
pub(crate) struct Driver {
    pub(super) chat: Arc<Chat>,
    pub(crate) session: Session,
    pub(super) chooser: Chooser,
    /// The rooms that the session was asked to be in: ids and addresses.
    pub(super) asked: BTreeMap<RoomId, String>,
    /// Posts to commit next, in order: message, number, receipt.
    pub(super) fresh: Vec<(Message, Option<u64>, Receipt)>,
    /// Bytes taken from the socket since the last commit was begun.
    taken_bytes: usize,
    commit: Option<Commit>,
    /// Whether we got as far as being signed in.
    pub(super) worked: bool,
    /// Whether the chat service answers.
    pub(super) ready: bool,
    /// Why the place of a room or a gap in it could not be kept. No later post may be, then.
    pub(super) failed: Option<Error>,
    unsent: VecDeque<Bytes>,
    redirect: Option<HostPort>,
    pub(crate) ended: Option<Ended>,
    pub(super) review: Option<Review>,
}

impl Driver {
    pub(crate) fn new(chat: Arc<Chat>, session: Session) -> Self {
        Self {
            chooser: Chooser::new(&chat.config.rooms),
            chat,
            session,
            asked: BTreeMap::new(),
            fresh: Vec::new(),
            taken_bytes: 0,
            commit: None,
            worked: false,
            ready: false,
            failed: None,
            unsent: VecDeque::new(),
            redirect: None,
            ended: None,
            review: None,
        }
    }

    /// Runs the connection to its end.
    pub(super) async fn drive(
        mut self,
        stream: Box<dyn Stream>,
        orders: &mut mpsc::Receiver<Order>,
        stop: watch::Receiver<bool>,
    ) -> Close {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut buffer = vec![0; READ_BYTES];
        let mut stopping = false;
        let mut tap = self.chat.recorder.chat();
        loop {
            self.drain().await;
            if let Some(error) = self.failed.take() {
                return self.broken(format!("how far a room was read cannot be kept: {error:#}"));
            }
            if let Err(what) = self.flush(&mut writer, &mut tap).await {
                return self.broken(what);
            }
            if let Some(close) = self.close(stopping) {
                let _ = timeout(WRITE_TIMEOUT, writer.shutdown()).await;
                return close;
            }
            self.begin_commit();
            let deadline = self.session.deadline();
            self.chat.state.meters().chat_waits_for(deadline);
            let deadline = deadline.map(|(at, _)| clock::timer(at));
            let is_room =
                self.fresh.len() < COMMIT_POSTS_MAX && self.taken_bytes < COMMIT_BYTES_MAX;
            tokio::select! {
                read = reader.read(&mut buffer), if is_room => match read {
                    Ok(count) => match buffer.get(..count).filter(|bytes| !bytes.is_empty()) {
                        // What is wrong with it comes out as the session's end.
                        Some(bytes) => {
                            tap.received(bytes);
                            self.taken_bytes += bytes.len();
                            let _ = self.session.receive(bytes, clock::now());
                        }
                        None => return self.broken("the pool closed the connection"),
                    },
                    Err(error) => return self.broken(format!("reading from the pool: {error}")),
                },
                committed = finished(&mut self.commit) => {
                    if let Err(error) = self.confirm(committed) {
                        return self.broken(format!("a message cannot be kept: {error:#}"));
                    }
                },
                () = sleep_until(deadline) => self.session.handle_timeout(clock::now()),
                Some(order) = orders.recv() => self.obey(order).await,
                () = stop_asked(stop.clone()), if !stopping => {
                    stopping = true;
                    self.session.sign_out(clock::now());
                }
            }
        }
    }

    /// Commits what has come meanwhile, if something has: all of it or nothing, and one batch after the other: of two
    /// posts the later one is never kept without the earlier, or nobody would ask for that again.
    pub(crate) fn begin_commit(&mut self) -> bool {
        if self.commit.is_some() {
            return false;
        }
        self.taken_bytes = 0;
        if self.fresh.is_empty() {
            return false;
        }
        let mut messages = Vec::with_capacity(self.fresh.len());
        let mut receipts = Vec::with_capacity(self.fresh.len());
        for (message, number, receipt) in self.fresh.drain(..) {
            messages.push((message, number));
            receipts.push(receipt);
        }
        let database = self.chat.database.clone();
        let committed = Arc::clone(&self.chat.committed);
        let meters = Arc::clone(self.chat.state.meters());
        let follow = Arc::clone(self.chat.state.follow());
        let followed = if follow.is_wanted() {
            let about = |(message, _): &(Message, _)| {
                (message.id(), message.room.clone(), message.received_ms)
            };
            messages.iter().map(about).collect()
        } else {
            Vec::new()
        };
        self.commit = Some(Box::pin(async move {
            let received = database.commit_messages(messages).await?;
            let kept_ms = clock::unix_ms();
            for ((id, room, received_ms), outcome) in followed.iter().zip(&received) {
                match outcome {
                    Received::New => follow.received(id, room, *received_ms, kept_ms),
                    known => debug!(message_id = %id, ?known, "chat: received again"),
                }
            }
            let new = received.iter().filter(|one| **one == Received::New).count();
            meters.messages_received.inc_by(u64::try_from(new).unwrap_or(0));
            committed.notify_one();
            Ok(receipts)
        }));
        true
    }

    /// Confirms what was committed. What was not stays unconfirmed: the pool keeps it, and history
    /// has it when we are back.
    pub(crate) fn confirm(&mut self, committed: Result<Vec<Receipt>>) -> Result<()> {
        self.commit = None;
        for receipt in committed? {
            self.session.confirm(receipt, clock::now());
        }
        Ok(())
    }

    /// Waits for the commit that was begun.
    #[cfg(test)]
    pub(crate) async fn committed(&mut self) -> Result<Vec<Receipt>> {
        finished(&mut self.commit).await
    }

    async fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            self.take(output).await;
        }
    }

    /// Does what the session says.
    pub(crate) async fn take(&mut self, output: Output) {
        match output {
            Output::Send(bytes) => self.unsent.push_back(bytes),
            Output::Event(event) => self.on_event(event).await,
            Output::Redirect { host, port } => self.redirect = Some(HostPort { host, port }),
            Output::Ended(why) => self.ended = Some(why),
        }
    }

    /// What is to be written, all at once: the pool sees an answer and the next request together.
    pub(crate) fn unsent(&mut self) -> Vec<u8> {
        self.unsent.drain(..).flatten().collect()
    }

    async fn flush(
        &mut self,
        writer: &mut (impl AsyncWrite + Unpin),
        tap: &mut ChatTap,
    ) -> Result<(), String> {
        let ready = self.unsent();
        if ready.is_empty() {
            return Ok(());
        }
        tap.sent(&ready);
        let write = async {
            writer.write_all(&ready).await?;
            writer.flush().await
        };
        match timeout(WRITE_TIMEOUT, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("writing to the pool: {error}")),
            Err(_) => Err("the pool takes nothing for 30 s".to_owned()),
        }
    }

    fn close(&mut self, stopping: bool) -> Option<Close> {
        let why = self.ended.take()?;
        Some(match (self.redirect.take(), stopping) {
            (_, true) => Close::Stopped,
            (Some(server), _) => Close::Redirected(server),
            (None, _) => Close::Ended { why, worked: self.worked },
        })
    }

    fn broken(&self, what: impl Into<String>) -> Close {
        Close::Broken { what: what.into(), worked: self.worked }
    }

    pub(crate) async fn obey(&mut self, order: Order) {
        match order {
            Order::Review(rooms, done) => self.review(rooms, done),
            Order::Rooms if self.ready => self.be_in_our_rooms().await,
            Order::Rooms => {}
            Order::RefreshMembers => {
                // There may be new rooms for us: how a real pool tells so is not known.
                if self.ready {
                    self.ask().await;
                }
                if self.chat.config.chat.assumed.members_command {
                    for known in self.chat.rooms.all().iter().filter(|known| known.joined) {
                        self.session.members(&known.uri, clock::now());
                    }
                }
            }
        }
    }

    /// Writes a line about a room that could not be had.
    pub(super) fn refuse(&self, room: &str, why: &str) {
        warn!(room, "{why}");
        self.chat.state.refused(room, why);
    }
}

/// Resolves when the commit is through; never if there is none.
async fn finished(commit: &mut Option<Commit>) -> Result<Vec<Receipt>> {
    match commit {
        Some(commit) => commit.await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
