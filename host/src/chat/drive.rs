//! One connection: bytes, timers and orders in; bytes and events out.

use std::{collections::VecDeque, pin::Pin, time::Duration};

use anyhow::Result;
use bytes::Bytes;
use futures_util::{StreamExt, stream::FuturesUnordered};
use lync::client::{Ended, Output, Receipt, Session};
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::{mpsc, watch},
    time::timeout,
};
use tracing::warn;

use super::{Chat, Close, Order, choose::Chooser, connect::Connection, stop_asked};
use crate::{
    clock::{self, OsEntropy},
    config::HostPort,
};

/// Bytes taken from the socket at once.
const READ_BYTES: usize = 64 << 10;
/// Posts on their way into the database; reading waits when there are more.
const COMMITS_MAX: usize = 512;
/// Time for the socket to take what is written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// A post on its way into the database; gives its receipt back, or why it cannot be kept.
type Commit = Pin<Box<dyn Future<Output = Result<Receipt>> + Send>>;

/// One connection's worth of state.
pub(super) struct Driver<'c> {
    pub(super) chat: &'c Chat,
    pub(super) session: Session,
    pub(super) chooser: Chooser,
    pub(super) commits: FuturesUnordered<Commit>,
    /// Whether we got as far as being signed in.
    pub(super) worked: bool,
    stream: Option<Box<dyn super::connect::Stream>>,
    unsent: VecDeque<Bytes>,
    redirect: Option<HostPort>,
    ended: Option<Ended>,
}

impl<'c> Driver<'c> {
    pub(super) fn new(chat: &'c Chat, connection: Connection) -> Self {
        let session = Session::new(chat.session_config(&connection), OsEntropy, clock::now());
        Self {
            chat,
            session,
            chooser: Chooser::new(&chat.config.rooms),
            commits: FuturesUnordered::new(),
            worked: false,
            stream: Some(connection.stream),
            unsent: VecDeque::new(),
            redirect: None,
            ended: None,
        }
    }

    /// Runs the connection to its end.
    pub(super) async fn drive(
        mut self,
        orders: &mut mpsc::Receiver<Order>,
        stop: watch::Receiver<bool>,
    ) -> Close {
        let Some(stream) = self.stream.take() else { return self.broken("no connection") };
        let (mut reader, mut writer) = tokio::io::split(stream);
        let mut buffer = vec![0; READ_BYTES];
        let mut stopping = false;
        loop {
            self.drain().await;
            if let Err(what) = self.flush(&mut writer).await {
                return self.broken(what);
            }
            if let Some(close) = self.close(stopping) {
                let _ = timeout(WRITE_TIMEOUT, writer.shutdown()).await;
                return close;
            }
            let deadline = self.session.deadline().map(|(at, _)| clock::timer(at));
            tokio::select! {
                read = reader.read(&mut buffer), if self.commits.len() < COMMITS_MAX => match read {
                    Ok(count) => match buffer.get(..count).filter(|bytes| !bytes.is_empty()) {
                        // What is wrong with it comes out as the session's end.
                        Some(bytes) => { let _ = self.session.receive(bytes, clock::now()); }
                        None => return self.broken("the pool closed the connection"),
                    },
                    Err(error) => return self.broken(format!("reading from the pool: {error}")),
                },
                Some(committed) = self.commits.next() => match committed {
                    Ok(receipt) => self.session.confirm(receipt, clock::now()),
                    // Not confirmed: the pool keeps it, and history has it when we are back.
                    Err(error) => return self.broken(format!("a message cannot be kept: {error:#}")),
                },
                () = sleep_until(deadline) => self.session.handle_timeout(clock::now()),
                Some(order) = orders.recv() => self.obey(order),
                () = stop_asked(stop.clone()), if !stopping => {
                    stopping = true;
                    self.session.sign_out(clock::now());
                }
            }
        }
    }

    async fn drain(&mut self) {
        while let Some(output) = self.session.poll() {
            match output {
                Output::Send(bytes) => self.unsent.push_back(bytes),
                Output::Event(event) => self.on_event(event).await,
                Output::Redirect { host, port } => self.redirect = Some(HostPort { host, port }),
                Output::Ended(why) => self.ended = Some(why),
            }
        }
    }

    async fn flush(&mut self, writer: &mut (impl AsyncWrite + Unpin)) -> Result<(), String> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        // One write for what is ready: the pool sees an answer and the next request together.
        let ready: Vec<u8> = self.unsent.drain(..).flatten().collect();
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

    fn obey(&mut self, order: Order) {
        match order {
            Order::RefreshMembers if !self.chat.config.chat.assumed.members_command => {}
            Order::RefreshMembers => {
                for known in self.chat.rooms.all().iter().filter(|known| known.joined) {
                    self.session.members(&known.uri, clock::now());
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

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
