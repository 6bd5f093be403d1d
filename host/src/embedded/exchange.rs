//! Drives the server end of `ews` over real sockets: HTTPS, with Basic and with NTLM, which holds
//! for a connection.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::Result;
use bytes::Bytes;
use ews::{
    auth::{Account, ConnectionAuth, Decision, Policy},
    server::{Delivered, Exchange, Identity, REQUEST_BYTES_MAX, Reply, Wire},
};
use http_body_util::{BodyExt, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Frame, Incoming, SizeHint},
    header,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use ntlm::{ChannelBindingPolicy, FileTime, ServerNames};
use openssl::ssl::{Ssl, SslAcceptor};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{broadcast, watch},
};
use tokio_openssl::SslStream;
use tracing::debug;

use crate::clock;

/// Deliveries kept for a listener that is behind.
const DELIVERIES_MAX: usize = 8192;
/// Longest delay that a fault may ask for.
const DELAY_MAX: Duration = Duration::from_secs(300);
/// The path of the service, in any letter case.
const PATH: &str = "/ews/exchange.asmx";

/// A running Exchange.
#[derive(Clone)]
pub struct ExchangeHandle {
    exchange: Arc<Mutex<Exchange>>,
    deliveries: broadcast::Sender<Arc<Delivered>>,
    changes: watch::Sender<()>,
    end_point_hash: Option<Arc<[u8]>>,
    policy: Arc<Policy>,
}

impl ExchangeHandle {
    /// Takes an Exchange over; `end_point_hash` is that of the certificate it will show.
    #[must_use]
    pub fn start(exchange: Exchange, names: ServerNames, end_point_hash: Option<Vec<u8>>) -> Self {
        let (deliveries, _) = broadcast::channel(DELIVERIES_MAX);
        let policy = Policy {
            basic: true,
            ntlm: true,
            realm: names.dns_computer.clone(),
            // As Exchange does by default: none is taken, a wrong one is refused.
            channel_binding: ChannelBindingPolicy::Allow,
            names,
        };
        let handle = Self {
            exchange: Arc::new(Mutex::new(exchange)),
            deliveries,
            changes: watch::Sender::new(()),
            policy: Arc::new(policy),
            end_point_hash: end_point_hash.map(Into::into),
        };
        tokio::spawn(handle.clone().release());
        handle
    }

    /// Looks at it, or changes it: faults, quotas.
    pub fn with<T>(&self, work: impl FnOnce(&mut Exchange) -> T) -> T {
        work(&mut self.lock())
    }

    /// Mails that arrive from now on.
    #[must_use]
    pub fn deliveries(&self) -> broadcast::Receiver<Arc<Delivered>> {
        self.deliveries.subscribe()
    }

    /// Marked as changed with every request that was done, and whatever else it does by itself.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Accepts clients.
    pub async fn listen(self, listener: TcpListener, tls: SslAcceptor) {
        loop {
            let Ok((stream, peer)) = listener.accept().await else { continue };
            let (exchange, tls) = (self.clone(), tls.clone());
            tokio::spawn(async move {
                if let Err(error) = exchange.serve(stream, &tls).await {
                    debug!(%peer, "connection to the embedded Exchange ended: {error:#}");
                }
            });
        }
    }

    async fn serve(self, stream: TcpStream, tls: &SslAcceptor) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut stream = SslStream::new(Ssl::new(tls.context())?, stream)?;
        Pin::new(&mut stream).accept().await?;
        let auth = Arc::new(Mutex::new(ConnectionAuth::new()));
        let service = service_fn(move |request| {
            let (exchange, auth) = (self.clone(), Arc::clone(&auth));
            async move { exchange.answer(request, &auth).await }
        });
        http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service)
            .await?;
        Ok(())
    }

    /// An error here closes the connection without an answer, as a fault may want it.
    async fn answer(
        &self,
        request: Request<Incoming>,
        auth: &Mutex<ConnectionAuth>,
    ) -> Result<Response<Body>, Dropped> {
        let (parts, body) = request.into_parts();
        let Ok(body) = Limited::new(body, REQUEST_BYTES_MAX).collect().await else {
            return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE));
        };
        if !parts.uri.path().eq_ignore_ascii_case(PATH) {
            return Ok(plain(StatusCode::NOT_FOUND));
        }
        let authorization =
            parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let identity = match self.who(authorization, auth) {
            Ok(identity) => identity,
            Err(refusal) => return Ok(challenge(&refusal)),
        };
        if parts.method != Method::POST {
            // DavMail asks so whether the address is right.
            return Ok(plain(StatusCode::OK));
        }
        let reply = {
            let mut exchange = self.lock();
            let reply = exchange.handle(&identity, &body.to_bytes(), clock::now().unix);
            self.tell(&mut exchange);
            reply
        };
        // A sleep of nothing takes up to a millisecond, the timer's step.
        if !reply.delay.is_zero() {
            tokio::time::sleep(reply.delay.min(DELAY_MAX)).await;
        }
        respond(reply)
    }

    fn who(
        &self,
        authorization: Option<&str>,
        auth: &Mutex<ConnectionAuth>,
    ) -> Result<Identity, Refusal> {
        let mut auth = auth.lock().unwrap_or_else(PoisonError::into_inner);
        let exchange = self.lock();
        let lookup = |user: &str, domain: &str| {
            let login =
                if domain.is_empty() { user.to_owned() } else { format!("{domain}\\{user}") };
            let password = exchange.directory().by_login(&login)?.password.clone();
            Some(Account { identity: login, password })
        };
        let now = FileTime::from_unix(clock::now().unix);
        let hash = self.end_point_hash.as_deref();
        match auth.decide(authorization, &self.policy, lookup, hash, clock::random(), now) {
            Decision::Accept(login) => {
                exchange.identity(&login).ok_or(Refusal { fields: Vec::new(), close: true })
            }
            Decision::Challenge { fields, close } => Err(Refusal { fields, close }),
        }
    }

    /// Lets parked mail go when its time has come.
    async fn release(self) {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let mut exchange = self.lock();
            let now = clock::now().unix;
            if exchange.deadline().is_some_and(|at| at <= now) {
                exchange.handle_timeout(now);
                self.tell(&mut exchange);
            }
        }
    }

    fn tell(&self, exchange: &mut Exchange) {
        while let Some(delivered) = exchange.poll_event() {
            let _ = self.deliveries.send(Arc::new(delivered));
        }
        self.changes.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("dropped on demand")]
struct Dropped;

/// An answer's bytes; a truncated one breaks off in the middle.
struct Body {
    bytes: Option<Bytes>,
    length: u64,
    broken: bool,
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Dropped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Dropped>>> {
        match self.bytes.take() {
            Some(bytes) if !bytes.is_empty() => {
                std::task::Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            _ if self.broken => std::task::Poll::Ready(Some(Err(Dropped))),
            _ => std::task::Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

fn body(bytes: Vec<u8>, cut: Option<usize>) -> Body {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut bytes = Bytes::from(bytes);
    if let Some(at) = cut {
        bytes.truncate(at);
    }
    Body { bytes: Some(bytes), length, broken: cut.is_some() }
}

fn respond(reply: Reply) -> Result<Response<Body>, Dropped> {
    let cut = match reply.wire {
        Wire::Drop => return Err(Dropped),
        Wire::Cut(at) => Some(at),
        Wire::Whole => None,
    };
    let mut response = Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    response.body(body(reply.body, cut)).map_err(|_| Dropped)
}

fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(body(Vec::new(), None));
    *response.status_mut() = status;
    response
}

/// How to sign in, and whether the connection has had its chances.
struct Refusal {
    fields: Vec<String>,
    close: bool,
}

fn challenge(refusal: &Refusal) -> Response<Body> {
    // As IIS does it: a client has to read the page before it goes on on this connection.
    let page = b"<html><body><h2>401 - Unauthorized</h2></body></html>";
    let mut response = Response::new(body(page.to_vec(), None));
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    if refusal.close {
        response
            .headers_mut()
            .insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    }
    for value in refusal.fields.iter().filter_map(|value| value.parse().ok()) {
        response.headers_mut().append(header::WWW_AUTHENTICATE, value);
    }
    response
}
