//! Drives `lync::client::Session` over sockets: connects, signs in, joins the rooms that the
//! configuration chooses, and commits every post before the server is answered.

mod choose;
pub mod connect;
pub(crate) mod drive;
mod events;
pub mod review;
pub mod translate;

use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use lync::{
    Quirks,
    client::{Ended, Session, SessionConfig},
    sip::endpoint_id,
};
use ntlm::Secret;
use openssl::ssl::SslConnector;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tracing::{error, info, warn};

use self::{connect::Connection, drive::Driver, review::Reread};
use crate::{
    clock::{self, OsEntropy},
    common::Common,
    config::{self, Config, HostPort, Transport},
    database::Database,
    leases::Leases,
    rooms::Rooms,
    state::{ChatState, State},
    tls,
    trace::Recorder,
};

/// Waits between connections, in seconds; the last one repeats. ±20 % (dossier section 7).
const RECONNECT_S: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 300];
/// A connection that lasted this long was a good one: the waits begin anew. Two hosts with one
/// endpoint, say, sign each other out as soon as they are in.
const STEADY: Duration = Duration::from_secs(60);
/// Redirects followed in a row.
const REDIRECTS_MAX: usize = 5;
/// Orders waiting for the session.
const ORDERS_MAX: usize = 256;

/// What the session is asked to do from outside.
#[derive(Debug)]
pub enum Order {
    /// Ask who belongs to each room.
    RefreshMembers,
    /// Be in the rooms that are this host's, and in no others.
    Rooms,
    /// Read the history of these rooms again; the sender is used when all have been read.
    Review(Vec<Reread>, oneshot::Sender<()>),
}

/// What the chat side works with.
pub struct Chat {
    config: Arc<Config>,
    password: Secret,
    database: Database,
    rooms: Arc<Rooms>,
    leases: Arc<Leases>,
    state: State,
    /// Rung when a message was committed.
    committed: Arc<Notify>,
    tls: SslConnector,
    recorder: Recorder,
}

/// How a connection came to its end.
enum Close {
    /// The session says so; `worked` if it had signed in before.
    Ended { why: Ended, worked: bool },
    /// The user lives on another pool.
    Redirected(HostPort),
    /// The connection, or the database behind it, broke.
    Broken { what: String, worked: bool },
    /// We were asked to stop.
    Stopped,
}

impl Chat {
    /// Prepares the chat side.
    ///
    /// # Errors
    /// If the password or the file of certificate authorities cannot be read.
    pub fn new(common: Common, committed: Arc<Notify>) -> Result<Self> {
        let Common { config, database, rooms, leases, state, recorder, .. } = common;
        let password =
            config.chat.password.read().map_err(anyhow::Error::msg).context("chat.password")?;
        let tls = tls::connector(config.chat.ca_file.as_deref(), config.chat.legacy_tls)
            .context("chat.ca_file")?;
        if config.chat.legacy_tls {
            warn!("chat.legacy_tls is on: TLS 1.0 and weak ciphers are taken from the pool");
        }
        Ok(Self { config, password, database, rooms, leases, state, committed, tls, recorder })
    }

    /// The chat side of a host without sockets.
    #[cfg(test)]
    pub(crate) fn in_memory(
        config: Arc<Config>,
        database: Database,
        rooms: Arc<Rooms>,
        tls: SslConnector,
    ) -> Arc<Self> {
        let Common { leases, state, recorder, .. } =
            Common::new(Arc::clone(&config), database.clone());
        let (password, committed) = ("secret".into(), Arc::default());
        Arc::new(Self {
            config,
            password,
            database,
            rooms,
            leases,
            state,
            committed,
            tls,
            recorder,
        })
    }

    /// A way to send [`Order`]s, and its other end for [`Chat::run`].
    #[must_use]
    pub fn orders() -> (mpsc::Sender<Order>, mpsc::Receiver<Order>) {
        mpsc::channel(ORDERS_MAX)
    }

    /// Stays connected until `stop` turns true.
    pub async fn run(self, mut orders: mpsc::Receiver<Order>, mut stop: watch::Receiver<bool>) {
        let chat = Arc::new(self);
        let mut servers = VecDeque::new();
        let mut redirects = 0;
        let mut failures = 0;
        loop {
            let began = clock::now().instant;
            let close = chat.attempt(&mut servers, &mut orders, stop.clone()).await;
            let steady = clock::now().instant.duration_since(began) >= STEADY;
            chat.rooms.lost();
            let (worked, patient) = match &close {
                Close::Stopped => return,
                Close::Redirected(server) if redirects < REDIRECTS_MAX => {
                    redirects += 1;
                    info!(%server, "the pool sends us to another one");
                    servers.push_front(server.clone());
                    continue;
                }
                Close::Redirected(_) => (false, true),
                Close::Ended { why, worked } => (*worked, why.needs_operator()),
                Close::Broken { worked, .. } => (*worked, false),
            };
            redirects = 0;
            failures = if worked && steady { 0 } else { failures + 1 };
            let wait = if patient { reconnect_wait(usize::MAX) } else { reconnect_wait(failures) };
            chat.report(&close, wait);
            if servers.is_empty() || worked || patient {
                servers.clear();
                tokio::select! {
                    () = tokio::time::sleep(clock::calendar(clock::millis(wait))) => {}
                    () = stop_asked(stop.clone()) => return,
                }
            }
            if *stop.borrow_and_update() {
                return;
            }
        }
    }

    /// One connection, from finding a server to its end. Asked to stop, it signs out.
    async fn attempt(
        self: &Arc<Self>,
        servers: &mut VecDeque<HostPort>,
        orders: &mut mpsc::Receiver<Order>,
        stop: watch::Receiver<bool>,
    ) -> Close {
        if self.state.meters().chat_since_ms() != 0 {
            self.state.meters().chat_reconnects.inc();
        }
        self.state.chat(ChatState::Connecting);
        let connected = tokio::select! {
            connected = self.connect(servers) => connected,
            () = stop_asked(stop.clone()) => return Close::Stopped,
        };
        match connected {
            Ok(Connection { stream, local, server }) => {
                let config = self.session_config(local, server.port);
                let session = Session::new(config, OsEntropy, clock::now());
                Driver::new(Arc::clone(self), session).drive(stream, orders, stop).await
            }
            Err(what) => Close::Broken { what, worked: false },
        }
    }

    async fn connect(&self, servers: &mut VecDeque<HostPort>) -> Result<Connection, String> {
        let text = |error: connect::ConnectError| error.to_string();
        if servers.is_empty() {
            servers.extend(connect::candidates(&self.config.chat).await.map_err(text)?);
        }
        let server = servers.pop_front().ok_or("no server to try")?;
        connect::connect(&server, self.config.chat.transport, &self.tls).await.map_err(text)
    }

    fn report(&self, close: &Close, wait: Duration) {
        let text = match close {
            Close::Ended { why, .. } => remedy(why, &self.config),
            Close::Broken { what, .. } => what.clone(),
            Close::Redirected(server) => format!("the pools send us in a circle, last to {server}"),
            Close::Stopped => return,
        };
        error!("chat: {text}; next try in {} s", wait.as_secs());
        self.state.meters().chat_waits_until(clock::unix_ms().saturating_add(clock::millis(wait)));
        self.state.chat(ChatState::Offline(text));
    }

    /// The same for the life of this database, and another for every other and for every host that
    /// shares it.
    fn endpoint_id(&self) -> String {
        let name = match self.database.slot() {
            0 | 1 => "chat-digest".to_owned(),
            slot => format!("chat-digest {slot}"),
        };
        endpoint_id(self.config.chat.address.as_str(), self.database.identity(), &name)
    }

    pub(crate) fn session_config(&self, local: SocketAddr, server_port: u16) -> SessionConfig {
        let chat = &self.config.chat;
        let assumed = chat.assumed;
        SessionConfig {
            address: chat.address.as_str().to_owned(),
            credentials: config::credentials(&chat.login, &self.password),
            workstation: "CHAT-DIGEST".to_owned(),
            local,
            transport: match chat.transport {
                Transport::Tls => lync::client::Transport::Tls,
                Transport::Tcp => lync::client::Transport::Tcp,
            },
            server_port,
            user_agent: chat.user_agent.clone(),
            endpoint_id: self.endpoint_id(),
            chat_uri: chat.chat_server.as_ref().map(|uri| uri.as_str().to_owned()),
            quirks: Quirks {
                members_command: assumed.members_command,
                associations_command: assumed.associations_command,
                history_queries: assumed.history_queries,
            },
            history_first: chat.first_history,
        }
    }
}

/// Resolves when the host is to stop; never if whoever could ask is gone.
pub(crate) async fn stop_asked(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending().await
    }
}

/// The wait before connection number `failures` in a row, spread by 20 % either way.
fn reconnect_wait(failures: usize) -> Duration {
    let step = RECONNECT_S.get(failures).or(RECONNECT_S.last()).copied().unwrap_or(300);
    let permille = 800 + u64::from(u16::from_le_bytes(clock::random())) % 401;
    Duration::from_millis(step * permille)
}

/// Why the session ended, with the server, the operation and what to do about it.
#[must_use]
pub fn remedy(why: &Ended, config: &Config) -> String {
    let server = config.chat.server.as_ref().map_or_else(
        || format!("the pool of {}", config.chat.address.domain()),
        HostPort::to_string,
    );
    let advice = match why {
        Ended::WrongPassword => {
            "check `login` and `password` under [chat]; we do not try again soon, so that the account is not locked"
        }
        Ended::NoNtlm => {
            "allow NTLM on the pool (Set-CsProxyConfiguration -UseNtlmForClientToProxyAuth $true)"
        }
        Ended::Refused { .. } => {
            "check that the account may sign in, and that the client version filter lets our `user_agent` pass"
        }
        Ended::UnknownAddress(_) => {
            "check `address` under [chat]: is the account enabled for Lync?"
        }
        Ended::NotProvisioned => {
            "grant the account a Persistent Chat policy (Grant-CsPersistentChatPolicy)"
        }
        Ended::SignatureInvalid => {
            "if it comes again, something between us and the pool changes messages"
        }
        Ended::Deregistered { .. } => {
            "is the account signed in elsewhere with our endpoint, or disabled?"
        }
        Ended::Handshake(_) => {
            "is the clock of this machine right, and the pool's NTLM level at least NTLMv2?"
        }
        _ => return format!("{server}: {why}"),
    };
    format!("{server}: {why}: {advice}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use std::path::Path;

    use lync::{
        members::{Principal, PrincipalKind, Roles},
        server::{Pool, PoolConfig, PoolEvent, RoomMember, RoomSpec, User},
        xccos::RoomUri,
    };
    use tokio::{net::TcpListener, time::timeout};

    use super::*;
    use crate::embedded::PoolHandle;

    const ADDRESS: &str = "sip:chat-digest@contoso.com";

    fn pool() -> Pool {
        let user = User {
            address: ADDRESS.to_owned(),
            login: "chat-digest".to_owned(),
            domain: "CONTOSO".to_owned(),
            password: "secret".into(),
            name: "Chat digest".to_owned(),
            chat_enabled: true,
            groups: Vec::new(),
        };
        let uri = "ma-chan://contoso.com/5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c11";
        let mut room = RoomSpec::new(RoomUri::parse(uri).unwrap(), "Ops Desk");
        let kind = PrincipalKind::User;
        room.members.push(RoomMember {
            principal: Principal { address: ADDRESS.to_owned(), name: String::new(), kind },
            roles: Roles { member: true, ..Roles::default() },
        });
        Pool::new(PoolConfig::new("contoso.com"), [user], [room], OsEntropy)
    }

    fn config(server: SocketAddr) -> Config {
        let text = config::EXAMPLE
            .replace("lyncfe01.contoso.com:5061", &server.to_string())
            .replace("transport = \"tls\"", "transport = \"tcp\"")
            .replace("{ file = \"/etc/chat-digest/chat.password\" }", "\"secret\"")
            .replace("ca_file =", "# ca_file =");
        config::parse(&text, Path::new("c.toml")).unwrap()
    }

    /// A pool that is merely cut off goes on feeding the dialog until its timer runs out. Often:
    /// which of two branches that are ready is taken is a matter of chance.
    #[tokio::test]
    async fn who_is_asked_to_stop_signs_out() {
        for _ in 0..8 {
            assert!(stopped_politely().await, "no BYE");
        }
    }

    async fn stopped_politely() -> bool {
        let handle = PoolHandle::start(pool());
        let mut events = handle.events();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = config(listener.local_addr().unwrap());
        tokio::spawn(handle.clone().listen(listener, None));
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(directory.path()).await.unwrap();
        let common = Common::new(Arc::new(config), database);
        let chat = Chat::new(common, Arc::new(Notify::new())).unwrap();
        let (stop, stopped) = watch::channel(false);
        let (_orders, inbox) = Chat::orders();
        let running = tokio::spawn(chat.run(inbox, stopped));

        let joined = |event: &PoolEvent| matches!(event, PoolEvent::Joined { .. });
        while !joined(&events.recv().await.unwrap()) {}
        stop.send(true).unwrap();
        running.await.unwrap();
        let parted = |event: &PoolEvent| matches!(event, PoolEvent::Parted { .. });
        let waited = timeout(Duration::from_secs(5), async {
            while !parted(&events.recv().await.unwrap()) {}
        });
        waited.await.is_ok()
    }
}
