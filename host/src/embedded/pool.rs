//! Drives the server end of `lync` over real sockets.

use std::{collections::HashMap, net::SocketAddr, pin::Pin, sync::Arc};

use anyhow::Result;
use bytes::Bytes;
use lync::{
    server::{ConnectionId, NewPost, Pool, PoolEvent, PoolOutput, Transport},
    xccos::RoomUri,
};
use openssl::ssl::{Ssl, SslAcceptor};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{broadcast, mpsc, oneshot},
};
use tokio_openssl::SslStream;
use tracing::debug;

use crate::clock;

/// Orders waiting for the pool.
const ORDERS_MAX: usize = 1024;
/// Messages waiting for one client's socket; a client that reads slower is cut off.
const UNSENT_MAX: usize = 4096;
/// Bytes taken from a socket at once.
const READ_BYTES: usize = 16 << 10;
/// Events kept for a listener that is behind.
const EVENTS_MAX: usize = 4096;

/// What the task that owns the pool is asked to do.
enum Order {
    Connected {
        id: ConnectionId,
        peer: SocketAddr,
        local: SocketAddr,
        transport: Transport,
        out: mpsc::Sender<Bytes>,
    },
    Received(ConnectionId, Vec<u8>),
    Gone(ConnectionId),
    Post {
        room: RoomUri,
        author: String,
        post: NewPost,
        done: oneshot::Sender<Result<u64, String>>,
    },
    Change(Box<dyn FnOnce(&mut Pool) + Send>),
}

/// A running pool.
#[derive(Clone)]
pub struct PoolHandle {
    orders: mpsc::Sender<Order>,
    events: broadcast::Sender<Arc<PoolEvent>>,
}

impl PoolHandle {
    /// Starts the task that owns `pool`.
    #[must_use]
    pub fn start(pool: Pool) -> Self {
        let (orders, inbox) = mpsc::channel(ORDERS_MAX);
        let (events, _) = broadcast::channel(EVENTS_MAX);
        tokio::spawn(own(pool, inbox, events.clone()));
        Self { orders, events }
    }

    /// Posts as a person without a connection. Answers with the message's number in its room.
    ///
    /// # Errors
    /// With the pool's reason, e.g. that the author may not write there.
    pub async fn post(&self, room: &str, author: &str, post: NewPost) -> Result<u64> {
        let (done, answer) = oneshot::channel();
        let room =
            RoomUri::parse(room).ok_or_else(|| anyhow::anyhow!("`{room}` is no room address"))?;
        let author = author.to_owned();
        self.order(Order::Post { room, author, post, done }).await?;
        answer.await?.map_err(anyhow::Error::msg)
    }

    /// Changes the pool: faults, members, removed messages.
    ///
    /// # Errors
    /// If the pool has ended.
    pub async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Pool) -> T + Send + 'static,
    ) -> Result<T> {
        let (done, answer) = oneshot::channel();
        let change = Box::new(move |pool: &mut Pool| {
            let _ = done.send(change(pool));
        });
        self.order(Order::Change(change)).await?;
        Ok(answer.await?)
    }

    /// What happens in the pool from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Arc<PoolEvent>> {
        self.events.subscribe()
    }

    async fn order(&self, order: Order) -> Result<()> {
        self.orders.send(order).await.map_err(|_| anyhow::anyhow!("the embedded pool has ended"))
    }

    /// Accepts clients, over TLS if there is an acceptor.
    pub async fn listen(self, listener: TcpListener, tls: Option<SslAcceptor>) {
        loop {
            let Ok((stream, peer)) = listener.accept().await else { continue };
            let (pool, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move {
                if let Err(error) = pool.serve(stream, peer, tls).await {
                    debug!(%peer, "connection to the embedded pool ended: {error:#}");
                }
            });
        }
    }

    async fn serve(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        tls: Option<SslAcceptor>,
    ) -> Result<()> {
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        match tls {
            None => self.talk(stream, peer, local, Transport::Tcp).await,
            Some(acceptor) => {
                let mut stream = SslStream::new(Ssl::new(acceptor.context())?, stream)?;
                Pin::new(&mut stream).accept().await?;
                self.talk(stream, peer, local, Transport::Tls).await
            }
        }
    }

    async fn talk<S: AsyncRead + AsyncWrite>(
        &self,
        stream: S,
        peer: SocketAddr,
        local: SocketAddr,
        transport: Transport,
    ) -> Result<()> {
        let id = ConnectionId(u64::from_le_bytes(clock::random()));
        let (out, mut unsent) = mpsc::channel::<Bytes>(UNSENT_MAX);
        self.order(Order::Connected { id, peer, local, transport, out }).await?;
        let (mut reader, mut writer) = tokio::io::split(stream);
        let reading = async {
            let mut buffer = vec![0; READ_BYTES];
            loop {
                let count = reader.read(&mut buffer).await?;
                let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                    return Ok::<(), anyhow::Error>(());
                };
                self.order(Order::Received(id, bytes.to_vec())).await?;
            }
        };
        let writing = async {
            while let Some(bytes) = unsent.recv().await {
                writer.write_all(&bytes).await?;
                writer.flush().await?;
            }
            writer.shutdown().await?;
            Ok::<(), anyhow::Error>(())
        };
        let result = tokio::select! { result = reading => result, result = writing => result };
        self.order(Order::Gone(id)).await?;
        result
    }
}

async fn own(
    mut pool: Pool,
    mut inbox: mpsc::Receiver<Order>,
    events: broadcast::Sender<Arc<PoolEvent>>,
) {
    let mut sockets: HashMap<ConnectionId, mpsc::Sender<Bytes>> = HashMap::new();
    loop {
        let deadline = pool.deadline();
        let timer = async {
            match deadline {
                Some((at, _)) => tokio::time::sleep_until(clock::timer(at)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            order = inbox.recv() => match order {
                Some(order) => obey(&mut pool, &mut sockets, order),
                None => return,
            },
            () = timer => pool.handle_timeout(clock::now()),
        }
        drain(&mut pool, &mut sockets, &events);
    }
}

fn obey(pool: &mut Pool, sockets: &mut HashMap<ConnectionId, mpsc::Sender<Bytes>>, order: Order) {
    let now = clock::now();
    match order {
        Order::Connected { id, peer, local, transport, out } => {
            sockets.insert(id, out);
            pool.connect(id, peer, local, transport);
        }
        Order::Received(id, bytes) => {
            if let Err(error) = pool.receive(id, &bytes, now) {
                debug!("the embedded pool drops a client: {error}");
                sockets.remove(&id);
                pool.disconnect(id, now);
            }
        }
        Order::Gone(id) => {
            sockets.remove(&id);
            pool.disconnect(id, now);
        }
        Order::Post { room, author, post, done } => {
            let result = pool.post(&room, &author, post, now).map_err(|error| error.to_string());
            let _ = done.send(result);
        }
        Order::Change(change) => change(pool),
    }
}

fn drain(
    pool: &mut Pool,
    sockets: &mut HashMap<ConnectionId, mpsc::Sender<Bytes>>,
    events: &broadcast::Sender<Arc<PoolEvent>>,
) {
    while let Some((id, output)) = pool.poll() {
        let sent = match output {
            PoolOutput::Send(bytes) => {
                sockets.get(&id).is_some_and(|socket| socket.try_send(bytes).is_ok())
            }
            PoolOutput::Close => false,
        };
        if !sent && sockets.remove(&id).is_some() {
            pool.disconnect(id, clock::now());
        }
    }
    while let Some(event) = pool.poll_event() {
        let _ = events.send(Arc::new(event));
    }
}
