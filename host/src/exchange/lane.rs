//! One connection to Exchange, signed in on its own: NTLM holds for a connection, so requests of a
//! lane go one after another over the one that its client keeps (measured: shared clients lose
//! handshakes).

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use ews::{
    auth::{AuthError, NtlmHandshake, basic},
    classify::Class,
    client::{CONTENT_TYPE, REPLY_BYTES_MAX, RequestBytes},
};
use hyper_util::client::legacy::connect::HttpInfo;
use ntlm::{Credentials, FileTime, Secret};
use openssl::x509::X509;
use reqwest::{Client, Response, StatusCode, header};

use super::patience::Patience;
use crate::{
    clock,
    config::{self, SignIn},
    tls,
    trace::{Headers, LaneTap},
};

/// Time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for one request: Exchange itself stops a batch after about a minute.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// Handshakes for one request; the connection may be swapped under us.
const HANDSHAKES_MAX: usize = 3;
/// How this machine names itself in NTLM.
const WORKSTATION: &str = "CHAT-DIGEST";

/// A complete answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) took: Duration,
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The server was not reached: nothing was done.
    #[error("cannot connect ({0}): check `url` under [mail], DNS and the firewall")]
    NotConnected(String),
    /// The certificate is not trusted: nothing was done.
    #[error(
        "its certificate is not trusted ({0}): give the certificate of the authority that issued it as `ca_file` under [mail]"
    )]
    Untrusted(String),
    /// Signing in failed: nothing was done.
    #[error("sign-in refused: {0}")]
    Refused(String),
    /// Signing in was refused before, and is not tried again yet: nothing was done.
    #[error(
        "sign-in refused; to keep the account from being locked it is not tried again for {0} min: check `login` and `password` under [mail] and restart"
    )]
    Paused(u64),
    /// The connection broke while the request or its answer was on the way.
    #[error("the connection was lost before the answer ({0})")]
    Lost(String),
}

impl TransportError {
    pub(super) fn closed() -> Self {
        Self::NotConnected("the account is closed".to_owned())
    }

    /// What it is counted as.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::NotConnected(_) => "NotConnected",
            Self::Untrusted(_) => "CertificateUntrusted",
            Self::Refused(_) => "SignInRefused",
            Self::Paused(_) => "SignInPaused",
            Self::Lost(_) => "AnswerLost",
        }
    }

    pub(super) const fn class(&self) -> Class {
        match self {
            Self::NotConnected(_) => Class::Transient,
            Self::Untrusted(_) => Class::Configuration,
            Self::Refused(_) | Self::Paused(_) => Class::Authentication,
            Self::Lost(_) => Class::Unknown,
        }
    }

    pub(super) const fn known_not_done(&self) -> bool {
        !matches!(self, Self::Lost(_))
    }
}

/// One connection and what signs it in.
pub(super) struct Lane {
    client: Client,
    url: String,
    sign_in: SignIn,
    credentials: Credentials,
    patience: Patience,
    /// Whether the connection that the client keeps was signed in when last used.
    signed_in: bool,
    tap: LaneTap,
}

impl Lane {
    pub(super) fn new(
        config: &config::Mail,
        password: &Secret,
        authorities: &[X509],
        tap: LaneTap,
    ) -> Result<Self> {
        let patience = Patience::default();
        let mut builder = Client::builder()
            .user_agent(concat!("chat-digest/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(300))
            .tcp_nodelay(true)
            .tls_info(true)
            .connector_layer(patience.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT);
        if !authorities.is_empty() {
            let authorities = authorities
                .iter()
                .map(|one| Ok(reqwest::Certificate::from_der(&one.to_der()?)?))
                .collect::<Result<Vec<_>>>()?;
            builder = builder.tls_certs_only(authorities);
        }
        let client = builder.build().context("mail: the HTTP client cannot be made")?;
        let credentials = config::credentials(&config.login, password);
        Ok(Self {
            client,
            url: config.url.clone(),
            sign_in: config.sign_in,
            credentials,
            patience,
            signed_in: false,
            tap,
        })
    }

    /// Sends a request and reads its answer whole.
    pub(super) async fn call(&mut self, request: RequestBytes) -> Result<Answer, TransportError> {
        let begun = clock::now().instant;
        let body = Bytes::from(request.body);
        let anchor = request.anchor_mailbox;
        let response = match self.sign_in {
            SignIn::Basic => {
                let basic = basic(&self.credentials).map_err(refused)?;
                self.post(body, anchor.as_deref(), Some(&basic)).await?
            }
            SignIn::Ntlm => self.with_ntlm(body, anchor.as_deref()).await?,
        };
        let mut answer = read(response).await?;
        self.tap.answer(answer.status, || answer.headers.clone(), &answer.body);
        answer.took = clock::now().instant.saturating_duration_since(begun);
        Ok(answer)
    }

    async fn with_ntlm(
        &mut self,
        body: Bytes,
        anchor: Option<&str>,
    ) -> Result<Response, TransportError> {
        if self.signed_in {
            let response = self.post(body.clone(), anchor, None).await?;
            if response.status() != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            self.signed_in = false;
            // Only a connection whose answer was read goes back to the pool.
            self.drain(response).await?;
        }
        for _ in 0..HANDSHAKES_MAX {
            if let Some(response) = self.handshake(body.clone(), anchor).await? {
                return Ok(response);
            }
        }
        Err(TransportError::NotConnected("connections end during the NTLM handshake".to_owned()))
    }

    /// Signs the connection in with this request; `None` if the request went out on another
    /// connection than its challenge came in on. A refusal on the same one is final: a second try
    /// would bring the account closer to its lock.
    async fn handshake(
        &mut self,
        body: Bytes,
        anchor: Option<&str>,
    ) -> Result<Option<Response>, TransportError> {
        let mut handshake = NtlmHandshake::new();
        let response = self.post(Bytes::new(), anchor, Some(&handshake.begin())).await?;
        match response.status() {
            StatusCode::UNAUTHORIZED => {}
            status if status.is_success() || status == StatusCode::INTERNAL_SERVER_ERROR => {
                // No sign-in is wanted, and an empty request is none: the real one will tell.
                self.drain(response).await?;
                return self.post(body, anchor, None).await.map(Some);
            }
            // Busy, elsewhere, forbidden: so it is for the request, which need not go out for that.
            _ => return Ok(Some(response)),
        }
        let info = response.extensions().get::<reqwest::tls::TlsInfo>();
        let binding = info.and_then(|info| info.peer_certificate()).and_then(tls::end_point_hash);
        let (challenges, challenged_on) = (challenges(&response), local_port(&response));
        self.drain(response).await?;
        let third = handshake.answer(
            challenges.iter().map(String::as_str),
            &self.credentials,
            WORKSTATION,
            binding.as_deref(),
            clock::random(),
            FileTime::from_unix(clock::now().unix),
        );
        let third = third.map_err(refused)?;
        let response = self.post(body, anchor, Some(&third)).await?;
        if response.status() == StatusCode::UNAUTHORIZED {
            let swapped = local_port(&response) != challenged_on;
            self.drain(response).await?;
            return if swapped { Ok(None) } else { Err(refused(AuthError::Refused)) };
        }
        self.signed_in = true;
        Ok(Some(response))
    }

    async fn post(
        &self,
        body: Bytes,
        anchor: Option<&str>,
        authorization: Option<&str>,
    ) -> Result<Response, TransportError> {
        let mut request = self
            .client
            .post(&self.url)
            .header(header::CONTENT_TYPE, CONTENT_TYPE)
            .header(header::ACCEPT, "text/xml")
            .body(body);
        if let Some(anchor) = anchor {
            request = request.header("X-AnchorMailbox", anchor);
        }
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let request = request.build().map_err(|error| lost(&error))?;
        let sent = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
        self.tap.request(request.url().path(), || fields(request.headers()), sent);
        let response = self.client.execute(request).await.map_err(|error| lost(&error));
        self.patience.answered();
        if response.is_err() {
            self.tap.no_answer();
        }
        response
    }

    /// Reads an answer whose body says nothing.
    async fn drain(&self, response: Response) -> Result<(), TransportError> {
        self.tap.answer(response.status().as_u16(), || fields(response.headers()), &[]);
        drain(response).await
    }
}

fn fields(headers: &header::HeaderMap) -> Headers {
    let field = |(name, value): (&header::HeaderName, &header::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    headers.iter().map(field).collect()
}

/// Names the connection that a response came on, as long as it lives.
fn local_port(response: &Response) -> Option<u16> {
    response.extensions().get::<HttpInfo>().map(|info| info.local_addr().port())
}

fn refused(error: AuthError) -> TransportError {
    let advice = match error {
        AuthError::NotOffered(_) => "set `sign_in` under [mail] to what the server offers",
        AuthError::UserName => "use `user@domain` as `login` under [mail]",
        _ => "check `login` and `password` under [mail]",
    };
    TransportError::Refused(format!("{error}: {advice}"))
}

fn challenges(response: &Response) -> Vec<String> {
    let values = response.headers().get_all(header::WWW_AUTHENTICATE).iter();
    values.filter_map(|value| value.to_str().ok().map(str::to_owned)).collect()
}

async fn drain(mut response: Response) -> Result<(), TransportError> {
    let mut bytes = 0;
    while let Some(chunk) = response.chunk().await.map_err(|error| lost(&error))? {
        bytes += chunk.len();
        if bytes > REPLY_BYTES_MAX {
            return Err(TransportError::Lost("an answer without end".to_owned()));
        }
    }
    Ok(())
}

async fn read(mut response: Response) -> Result<Answer, TransportError> {
    let status = response.status().as_u16();
    let headers = fields(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| lost(&error))? {
        if body.len() + chunk.len() > REPLY_BYTES_MAX {
            return Err(TransportError::Lost(format!(
                "an answer of more than {REPLY_BYTES_MAX} bytes"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, headers, body, took: Duration::ZERO })
}

fn lost(error: &reqwest::Error) -> TransportError {
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = inner.to_string();
        if text.contains("certificate verify failed") {
            return TransportError::Untrusted(text);
        }
        cause = inner.source();
    }
    if text.is_empty() {
        text = if error.is_timeout() {
            "no answer in time".to_owned()
        } else {
            "broken off".to_owned()
        };
    }
    if error.is_connect() { TransportError::NotConnected(text) } else { TransportError::Lost(text) }
}
