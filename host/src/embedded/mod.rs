//! The embedded pool and the embedded Exchange: the server ends of `lync` and `ews` over real
//! sockets, for the demo, for authors of guests, and for clients that others wrote.

pub mod company;
mod exchange;
mod pool;
mod setup;

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use tempfile::TempDir;
use tokio::net::TcpListener;

use self::company::Company;
pub use self::{exchange::ExchangeHandle, pool::PoolHandle};
use crate::{
    page::{self, Board, Inbox},
    tls,
};

/// Both servers, running until this is dropped or the process ends.
pub struct Embedded {
    /// The people, rooms and groups.
    pub company: Company,
    /// The pool.
    pub pool: PoolHandle,
    /// Exchange.
    pub exchange: ExchangeHandle,
    /// What the page shows.
    pub board: Board,
    /// Where they are.
    pub addresses: Addresses,
    directory: TempDir,
}

/// Where the embedded servers are and who may use them: the first line of `--json`.
#[derive(Clone, Debug, Serialize)]
pub struct Addresses {
    /// `host:port` of SIP over TLS.
    pub sip_tls: SocketAddr,
    /// `host:port` of SIP over TCP.
    pub sip_tcp: SocketAddr,
    /// The URL of Exchange.
    pub ews: String,
    /// The certificate authority of both, as a PEM file.
    pub ca_file: PathBuf,
    /// The page with the inboxes.
    pub page: String,
    /// The people.
    pub users: Vec<UserLine>,
    /// The rooms.
    pub rooms: Vec<RoomLine>,
}

/// A person of [`Addresses`].
#[derive(Clone, Debug, Serialize)]
pub struct UserLine {
    /// SIP address.
    pub sip: String,
    /// `DOMAIN\user`.
    pub login: String,
    /// The password: these accounts exist on the loopback only.
    pub password: String,
    /// Mail address.
    pub mailbox: String,
    /// Display name.
    pub name: String,
}

/// A room of [`Addresses`].
#[derive(Clone, Debug, Serialize)]
pub struct RoomLine {
    /// `ma-chan://…`
    pub uri: String,
    /// Its name.
    pub name: String,
    /// SIP addresses of its people, groups opened up.
    pub members: Vec<String>,
}

impl Embedded {
    /// Starts both servers on the loopback.
    ///
    /// # Errors
    /// If a port is taken or a file cannot be written.
    pub async fn start(company: Company) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("chat-digest-").tempdir()?;
        let server_name = format!("lyncfe01.{}", company.domain);
        let loopback = std::net::Ipv4Addr::LOCALHOST;
        let certificate =
            tls::Embedded::generate(&["localhost", &server_name], &[loopback.into()])?;
        let ca_file = directory.path().join("ca.pem");
        std::fs::write(&ca_file, certificate.authority_pem()?)?;

        let board = Board::new(inboxes(&company));
        let pool = PoolHandle::start(setup::pool(&company)?);
        let exchange = ExchangeHandle::start(
            setup::exchange(&company),
            setup::names(&company),
            certificate.end_point_hash(),
        );
        setup::watch(&company, &pool, &exchange, &board);

        let ports = company.ports;
        let (sip_tls, listener) = listen(ports.sip_tls, "ports.sip_tls").await?;
        tokio::spawn(pool.clone().listen(listener, Some(certificate.acceptor()?)));
        let (sip_tcp, listener) = listen(ports.sip_tcp, "ports.sip_tcp").await?;
        tokio::spawn(pool.clone().listen(listener, None));
        let (ews, listener) = listen(ports.ews, "ports.ews").await?;
        tokio::spawn(exchange.clone().listen(listener, certificate.acceptor()?));
        let (page, listener) = listen(ports.page, "ports.page").await?;
        tokio::spawn(page::serve(listener, board.clone()));

        let addresses = Addresses {
            sip_tls,
            sip_tcp,
            ews: format!("https://127.0.0.1:{}/EWS/Exchange.asmx", ews.port()),
            ca_file,
            page: format!("http://127.0.0.1:{}/", page.port()),
            users: users(&company),
            rooms: rooms(&company),
        };
        Ok(Self { company, pool, exchange, board, addresses, directory })
    }

    /// A directory that lives as long as the servers.
    #[must_use]
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }
}

async fn listen(port: u16, key: &'static str) -> Result<(SocketAddr, TcpListener)> {
    let address = SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("{key}: cannot listen on {address}; 0 lets the system choose a free port")
    })?;
    Ok((listener.local_addr()?, listener))
}

fn inboxes(company: &Company) -> Vec<Inbox> {
    let inbox = |user: &company::User| Inbox {
        mailbox: company.mailbox(&user.login),
        name: user.name.clone(),
    };
    company.users.iter().map(inbox).collect()
}

fn users(company: &Company) -> Vec<UserLine> {
    let line = |user: &company::User| UserLine {
        sip: company.sip(&user.login),
        login: format!("{}\\{}", company.netbios_domain, user.login),
        password: user.password.expose().to_owned(),
        mailbox: company.mailbox(&user.login),
        name: user.name.clone(),
    };
    company.users.iter().map(line).collect()
}

fn rooms(company: &Company) -> Vec<RoomLine> {
    let line = |room: &company::Room| RoomLine {
        uri: company.room_uri(room),
        name: room.name.clone(),
        members: company.people(room).iter().map(|user| company.sip(&user.login)).collect(),
    };
    company.rooms.iter().map(line).collect()
}
