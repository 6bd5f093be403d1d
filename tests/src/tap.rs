//! A wire between the host and a server that can be cut, held and listened to.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Bytes towards the server that are remembered.
const HEARD_BYTES_MAX: usize = 4 << 20;
/// Bytes moved at once.
const CHUNK_BYTES: usize = 16 << 10;

/// The wire.
#[derive(Clone)]
pub struct Tap {
    /// Where to connect in place of the server.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    heard: Mutex<Vec<u8>>,
    connections: watch::Sender<usize>,
    held: watch::Sender<bool>,
    cuts: watch::Sender<usize>,
    refuses: watch::Sender<bool>,
}

impl Tap {
    /// Starts a wire to `server`.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            heard: Mutex::default(),
            connections: watch::Sender::new(0),
            held: watch::Sender::new(false),
            cuts: watch::Sender::new(0),
            refuses: watch::Sender::new(false),
        });
        let tap = Self { address, shared: Arc::clone(&shared) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                shared.connections.send_modify(|count| *count += 1);
                if *shared.refuses.borrow() {
                    continue;
                }
                tokio::spawn(Arc::clone(&shared).carry(client, server));
            }
        });
        tap
    }

    /// Connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.shared.connections.borrow()
    }

    /// How often `words` went to the server; of use without TLS only.
    #[must_use]
    pub fn heard(&self, words: &str) -> usize {
        let heard = self.shared.heard.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&heard).matches(words).count()
    }

    /// Holds back what the host says from now on, or lets it go.
    pub fn hold(&self, held: bool) {
        self.shared.held.send_replace(held);
    }

    /// From now on whoever connects is hung up on at once.
    pub fn refuse(&self) {
        self.shared.refuses.send_replace(true);
    }

    /// From now on whoever connects is connected.
    pub fn admit(&self) {
        self.shared.refuses.send_replace(false);
    }

    /// Cuts all connections there are; what was held back is lost.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|count| *count += 1);
    }
}

impl Shared {
    async fn carry(self: Arc<Self>, client: TcpStream, server: SocketAddr) {
        let Ok(server) = TcpStream::connect(server).await else { return };
        let (client_in, mut client_out) = client.into_split();
        let (mut server_in, server_out) = server.into_split();
        let mut cuts = self.cuts.subscribe();
        tokio::select! {
            () = self.to_server(client_in, server_out) => {}
            _ = tokio::io::copy(&mut server_in, &mut client_out) => {}
            _ = cuts.changed() => {}
        }
    }

    async fn to_server(
        &self,
        mut from: tokio::net::tcp::OwnedReadHalf,
        mut to: tokio::net::tcp::OwnedWriteHalf,
    ) {
        let mut held = self.held.subscribe();
        let mut buffer = vec![0; CHUNK_BYTES];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            let Some(bytes) = buffer.get(..count) else { return };
            if held.wait_for(|held| !held).await.is_err() {
                return;
            }
            self.note(bytes);
            if to.write_all(bytes).await.is_err() {
                return;
            }
        }
    }

    fn note(&self, bytes: &[u8]) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.len() + bytes.len() <= HEARD_BYTES_MAX {
            heard.extend_from_slice(bytes);
        }
    }
}
