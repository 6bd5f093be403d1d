//! Serves the page: a bounded number of connections, each with bounded time and bounded requests.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use maud::Markup;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tower_service::Service as _;
use tracing::{debug, warn};

use super::{Shared, actions::Order, exposition, health, page, words};
use crate::{chat::stop_asked, clock};

/// Connections at once; further ones wait.
const CONNECTIONS_MAX: usize = 32;
/// Time to send the head of a request, and how long a connection may last at most.
const HEAD_TIME: Duration = Duration::from_secs(10);
const CONNECTION_TIME: Duration = Duration::from_secs(300);
/// Bytes of a form.
const FORM_BYTES_MAX: usize = 4096;
/// How long whoever brings a wrong token waits for the answer: guessing takes its time.
const REFUSAL_TIME: Duration = Duration::from_secs(1);
/// Wait after a connection could not be taken: too many files are open, as a rule.
const RETRY: Duration = Duration::from_secs(1);

/// Nothing is loaded from elsewhere, nothing is framed, no script but ours runs.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];
/// What is answered without a token: it tells nothing that is worth one.
const OPEN: [&str; 5] = ["/healthz", "/icon.svg", "/page.css", "/readyz", "/sign-in"];

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
struct Peer(IpAddr);

type Fields = BTreeMap<String, String>;
type Watching = State<Arc<Shared>>;

/// Serves until `stop` turns true.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: watch::Receiver<bool>) {
    let router = router(shared);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // They end with this future, also where that is dropped.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accept = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accept => accepted,
            () = stop_asked(stop.clone()) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let router = router.clone();
                connections.spawn(async move {
                    let _place = place;
                    let served = connection(stream, peer, router);
                    let _ = tokio::time::timeout(CONNECTION_TIME, served).await;
                });
            }
            Err(error) => {
                warn!("watch: no connection can be taken: {error}");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer.ip()));
        let mut router = router.clone();
        async move {
            Ok::<_, Infallible>(router.call(request).await.unwrap_or_else(|never| match never {}))
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    if let Err(error) = builder.serve_connection(TokioIo::new(stream), service).await {
        debug!(%peer, "watch: the connection ended: {error}");
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(overview))
        .route("/live", get(live))
        .route("/do", get(confirm).post(act))
        .route("/sign-in", get(ask_token).post(sign_in))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/page.css", get(|| file("text/css; charset=utf-8", include_str!("page.css"))))
        .route("/icon.svg", get(|| file("image/svg+xml", include_str!("icon.svg"))))
        .route("/page.js", get(|| file("text/javascript; charset=utf-8", include_str!("page.js"))))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .with_state(shared)
}

/// Lets only those in who may, and says to browsers what the page may not do.
async fn guard(State(shared): Watching, request: Request, next: Next) -> Response {
    let (headers, path) = (request.headers(), request.uri().path());
    let mut response = if !shared.access.knows_host(headers) {
        let words = "This page is not known by that name: ask for it by its address, or put the name under `names` \
                     in [watch].\n";
        (StatusCode::MISDIRECTED_REQUEST, words).into_response()
    } else if OPEN.contains(&path) || shared.access.admits(headers, clock::unix_ms()) {
        next.run(request).await
    } else if path == "/" {
        Redirect::to("/sign-in").into_response()
    } else {
        if headers.contains_key(header::AUTHORIZATION) {
            refuse(&shared).await;
        }
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        let words = "The token is wanted, as `Authorization: Bearer …`, or at /sign-in.\n";
        (StatusCode::UNAUTHORIZED, challenge, words).into_response()
    };
    for (name, value) in HEADERS {
        let (name, value) = (HeaderName::from_static(name), HeaderValue::from_static(value));
        response.headers_mut().insert(name, value);
    }
    response
}

async fn overview(State(shared): Watching) -> Response {
    let report = shared.gatherer.report().await;
    html(StatusCode::OK, page::overview(&report, &page::Look::of(&shared.common.config)))
}

async fn live(State(shared): Watching) -> Response {
    let report = shared.gatherer.report().await;
    html(StatusCode::OK, page::live(&report, &page::Look::of(&shared.common.config)))
}

async fn confirm(State(shared): Watching, uri: Uri) -> Response {
    let fields = fields(uri.query().unwrap_or_default().as_bytes());
    let Some(order) = Order::read(&fields) else {
        return html(StatusCode::NOT_FOUND, page::told("There is no such action."));
    };
    let seal = shared.access.seal(order.action(), &order.what());
    html(StatusCode::OK, page::question(&order, &order.question(&shared), &seal))
}

async fn act(
    State(shared): Watching,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fields = fields(&body);
    let Some(order) = Order::read(&fields) else {
        return html(StatusCode::NOT_FOUND, page::told("There is no such action."));
    };
    if !shared.access.is_ours(&headers, &fields, order.action(), &order.what()) {
        shared.common.state.meters().page_refusals.inc();
        let words = "This form was not made here, or the host has been started again since. Nothing was done: go back \
                     to the page and ask again.";
        return html(StatusCode::FORBIDDEN, page::told(words));
    }
    let done = order.obey(&shared, peer.0.to_string()).await;
    shared.gatherer.forget().await;
    match done {
        Ok(words) => html(StatusCode::OK, page::told(&words)),
        Err(words) => html(StatusCode::CONFLICT, page::told(&words)),
    }
}

async fn ask_token() -> Response {
    html(StatusCode::OK, page::sign_in(false))
}

async fn sign_in(State(shared): Watching, headers: HeaderMap, body: Bytes) -> Response {
    let fields = fields(&body);
    let token = fields.get("token").map(String::as_str).unwrap_or_default();
    if !super::access::comes_from_here(&headers) || !shared.access.opens(token.trim()) {
        refuse(&shared).await;
        return html(StatusCode::FORBIDDEN, page::sign_in(true));
    }
    let secure = headers.get("x-forwarded-proto").is_some_and(|value| value == "https");
    let cookie = shared.access.cookie(secure, clock::unix_ms());
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

/// Counts a wrong token; anybody can bring as many as he likes, so no line of the log is his.
async fn refuse(shared: &Shared) {
    debug!("watch: a wrong token was brought");
    shared.common.state.meters().page_refusals.inc();
    tokio::time::sleep(REFUSAL_TIME).await;
}

async fn metrics(State(shared): Watching) -> Response {
    let report = shared.gatherer.report().await;
    let text = exposition::text(shared.common.state.meters(), &report);
    ([(header::CONTENT_TYPE, exposition::CONTENT_TYPE)], text).into_response()
}

async fn healthz(State(shared): Watching) -> Response {
    match health::dead(&shared).await {
        None => "alive\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// The reason is told to everybody who may ask: without addresses, whatever is configured.
async fn readyz(State(shared): Watching) -> Response {
    match health::unready(&shared.common.state.now()) {
        None => "ready\n".into_response(),
        Some(why) => {
            let why = words::sentence(&why, false);
            (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response()
        }
    }
}

async fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

fn html(status: StatusCode, page: Markup) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (status, kind, page.into_string()).into_response()
}

fn fields(form: &[u8]) -> Fields {
    url::form_urlencoded::parse(form).into_owned().collect()
}
