//! Finding the Front End and connecting to it: DNS, TCP, TLS.

use std::{io, net::SocketAddr, pin::Pin, time::Duration};

use hickory_resolver::TokioResolver;
use openssl::ssl::SslConnector;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_openssl::SslStream;
use tracing::debug;

use crate::config::{Chat, HostPort, Transport};

/// Time for one address to answer, TCP and TLS each.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Servers tried before giving up, over all DNS answers.
const SERVERS_MAX: usize = 16;

/// A byte stream to a pool.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection to a Front End.
pub struct Connection {
    /// The bytes.
    pub stream: Box<dyn Stream>,
    /// Our end.
    pub local: SocketAddr,
    /// Who answered.
    pub server: HostPort,
}

/// Why no Front End could be reached. Each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// DNS names no server.
    #[error(
        "DNS names no Lync server for `{domain}` (asked for _sipinternaltls._tcp, _sip._tls, sipinternal, sipexternal, sip): set `server` under [chat]"
    )]
    NotFound {
        /// The domain asked about.
        domain: String,
    },
    /// A name cannot be resolved.
    #[error(
        "{server}: the name cannot be resolved ({source}): check `server` under [chat] and this machine's DNS"
    )]
    Resolve {
        /// The server.
        server: HostPort,
        /// What the system says.
        source: io::Error,
    },
    /// TCP fails.
    #[error(
        "{server}: cannot connect ({source}): is the Front End service running, and is the port open in the firewall?"
    )]
    Tcp {
        /// The server.
        server: HostPort,
        /// What the system says.
        source: io::Error,
    },
    /// The certificate is not trusted.
    #[error(
        "{server}: its certificate is not trusted ({reason}): give the certificate of the authority that issued it as `ca_file` under [chat], and connect by the name that stands in the certificate"
    )]
    Untrusted {
        /// The server.
        server: HostPort,
        /// What OpenSSL says.
        reason: String,
    },
    /// TLS fails otherwise.
    #[error(
        "{server}: TLS fails ({reason}): a pool on Windows Server 2008 R2 needs `legacy_tls = true` under [chat]; is this port TLS at all?"
    )]
    Tls {
        /// The server.
        server: HostPort,
        /// What OpenSSL says.
        reason: String,
    },
}

/// The Front Ends to try, in order: the configured one, or what DNS says (dossier 1.1; TLS only).
///
/// # Errors
/// [`ConnectError::NotFound`].
pub async fn candidates(config: &Chat) -> Result<Vec<HostPort>, ConnectError> {
    if let Some(server) = &config.server {
        return Ok(vec![server.clone()]);
    }
    let domain = config.address.domain();
    let mut found = Vec::new();
    if let Ok(resolver) = TokioResolver::builder_tokio().map(|builder| builder.build()) {
        for service in ["_sipinternaltls._tcp", "_sip._tls"] {
            found.extend(ask_srv(&resolver, &format!("{service}.{domain}.")).await);
        }
    }
    for (name, port) in [("sipinternal", 5061), ("sipexternal", 443), ("sip", 443), ("sip", 5061)] {
        let server = HostPort { host: format!("{name}.{domain}"), port };
        if lookup_host((server.host.as_str(), port))
            .await
            .is_ok_and(|mut found| found.next().is_some())
        {
            found.push(server);
        }
    }
    found.truncate(SERVERS_MAX);
    if found.is_empty() {
        return Err(ConnectError::NotFound { domain: domain.to_owned() });
    }
    Ok(found)
}

/// Lowest priority first, heavier weight first within one (RFC 2782, without its dice).
async fn ask_srv(resolver: &TokioResolver, name: &str) -> Vec<HostPort> {
    let Ok(answer) = resolver.srv_lookup(name).await else { return Vec::new() };
    let mut records: Vec<_> = answer
        .iter()
        .map(|srv| {
            let host = srv.target().to_utf8().trim_end_matches('.').to_owned();
            (srv.priority(), u16::MAX - srv.weight(), HostPort { host, port: srv.port() })
        })
        .filter(|(_, _, server)| !server.host.is_empty())
        .collect();
    records.sort_by_key(|(priority, weight, _)| (*priority, *weight));
    records.into_iter().map(|(_, _, server)| server).collect()
}

/// Connects to one Front End.
///
/// # Errors
/// [`ConnectError`], naming the server and what to do.
pub async fn connect(
    server: &HostPort,
    transport: Transport,
    tls: &SslConnector,
) -> Result<Connection, ConnectError> {
    let addresses: Vec<SocketAddr> = lookup_host((server.host.as_str(), server.port))
        .await
        .map_err(|source| ConnectError::Resolve { server: server.clone(), source })?
        .collect();
    let tcp = connect_tcp(server, &addresses).await?;
    let local =
        tcp.local_addr().map_err(|source| ConnectError::Tcp { server: server.clone(), source })?;
    let _ = tcp.set_nodelay(true);
    debug!(%server, %local, "connected");
    let stream: Box<dyn Stream> = match transport {
        Transport::Tcp => Box::new(tcp),
        Transport::Tls => Box::new(start_tls(server, tcp, tls).await?),
    };
    Ok(Connection { stream, local, server: server.clone() })
}

async fn connect_tcp(
    server: &HostPort,
    addresses: &[SocketAddr],
) -> Result<TcpStream, ConnectError> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses.iter().take(SERVERS_MAX) {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, "no answer within 10 s"),
        }
    }
    Err(ConnectError::Tcp { server: server.clone(), source: last })
}

async fn start_tls(
    server: &HostPort,
    tcp: TcpStream,
    tls: &SslConnector,
) -> Result<SslStream<TcpStream>, ConnectError> {
    let failed = |reason: String| ConnectError::Tls { server: server.clone(), reason };
    let ssl = tls
        .configure()
        .and_then(|configuration| configuration.into_ssl(&server.host))
        .map_err(|error| failed(error.to_string()))?;
    let mut stream = SslStream::new(ssl, tcp).map_err(|error| failed(error.to_string()))?;
    match timeout(CONNECT_TIMEOUT, Pin::new(&mut stream).connect()).await {
        Ok(Ok(())) => Ok(stream),
        Err(_) => Err(failed("no answer within 10 s".to_owned())),
        Ok(Err(error)) => {
            let verified = stream.ssl().verify_result();
            if verified == openssl::x509::X509VerifyResult::OK {
                Err(failed(error.to_string()))
            } else {
                let reason = verified.error_string().to_owned();
                Err(ConnectError::Untrusted { server: server.clone(), reason })
            }
        }
    }
}
