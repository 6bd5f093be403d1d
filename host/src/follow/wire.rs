//! Spans on their way to a collector: OTLP over HTTP with protobuf bodies, in batches.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use prost::Message as _;
use reqwest::{Client, header};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tracing::{info, warn};

use super::{
    Follow,
    spans::{Span, attribute},
};
use crate::chat::stop_asked;

/// Spans of one request.
const BATCH_MAX: usize = 512;
/// How long spans are gathered.
const GATHER: Duration = Duration::from_secs(1);
/// Time for one request.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// Tries for one batch, and the wait between them.
const TRIES_MAX: u32 = 3;
const TRY_WAIT: Duration = Duration::from_secs(2);
/// Time for what is left when the host stops.
const END_TIME: Duration = Duration::from_secs(5);

/// The stage that sends spans to a collector. It delays nobody: what it cannot send is dropped.
pub struct Exporter {
    client: Client,
    url: String,
    follow: Arc<Follow>,
    spans: mpsc::Receiver<Span>,
    /// Whether the last batch was lost, so that it is told once.
    lost: bool,
}

impl Exporter {
    /// Has spans be made from now on, for the collector at this address.
    ///
    /// # Errors
    /// If the HTTP client cannot be made, or spans go elsewhere already.
    pub fn new(url: &str, follow: Arc<Follow>) -> Result<Self> {
        let client = Client::builder().timeout(REQUEST_TIME).build();
        let client = client.context("watch.traces: the HTTP client cannot be made")?;
        let spans = follow.begin().context("watch.traces: spans go elsewhere already")?;
        Ok(Self { client, url: url.to_owned(), follow, spans, lost: false })
    }

    /// Sends until `stop` turns true, and then what is left.
    pub async fn run(mut self, stop: watch::Receiver<bool>) {
        loop {
            let mut batch = Vec::new();
            tokio::select! {
                count = self.spans.recv_many(&mut batch, BATCH_MAX) => if count == 0 { return },
                () = stop_asked(stop.clone()) => break,
            }
            tokio::select! {
                () = gather(&mut self.spans, &mut batch) => {}
                () = stop_asked(stop.clone()) => {}
            }
            self.send(&batch).await;
        }
        self.spans.close();
        let rest = async {
            let mut batch = Vec::new();
            while self.spans.recv_many(&mut batch, BATCH_MAX).await > 0 {
                self.send(&batch).await;
                batch.clear();
            }
        };
        let _ = timeout(END_TIME, rest).await;
    }

    async fn send(&mut self, batch: &[Span]) {
        let body = Bytes::from(request(batch).encode_to_vec());
        for tried in 1..=TRIES_MAX {
            let why = match self.post(body.clone()).await {
                Ok(()) => {
                    if std::mem::take(&mut self.lost) {
                        info!("traces: the collector takes spans again");
                    }
                    return;
                }
                Err(error) => error,
            };
            if tried < TRIES_MAX {
                sleep(TRY_WAIT).await;
            } else if !std::mem::replace(&mut self.lost, true) {
                let dropped = u64::try_from(batch.len()).unwrap_or(0) + self.follow.dropped();
                warn!(
                    dropped,
                    "traces: the collector takes no spans ({why:#}): check `traces` under [watch]; messages and mails are \
                     not concerned"
                );
            }
        }
    }

    async fn post(&self, body: Bytes) -> Result<()> {
        let request = self.client.post(&self.url);
        let request = request.header(header::CONTENT_TYPE, "application/x-protobuf").body(body);
        let status = request.send().await.map_err(reqwest::Error::without_url)?.status();
        ensure!(status.is_success(), "it answers {status}");
        Ok(())
    }
}

/// Takes what comes within a moment, up to a full batch.
async fn gather(spans: &mut mpsc::Receiver<Span>, batch: &mut Vec<Span>) {
    let full = async {
        while batch.len() < BATCH_MAX {
            if spans.recv_many(batch, BATCH_MAX - batch.len()).await == 0 {
                return;
            }
        }
    };
    let _ = timeout(GATHER, full).await;
}

fn request(batch: &[Span]) -> ExportTraceServiceRequest {
    let version = env!("CARGO_PKG_VERSION");
    let resource = Resource {
        attributes: vec![
            attribute("service.name", "chat-digest"),
            attribute("service.version", version),
        ],
        ..Resource::default()
    };
    let spans = batch.iter().map(Into::into).collect();
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans =
        vec![ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "tests stop at the first surprise"
    )]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::{Router, body::Bytes, http::StatusCode, routing::post};
    use bridge::message::{MessageId, PostKey, RoomId};
    use tokio::net::TcpListener;

    use super::*;

    /// A collector that refuses the first request.
    async fn collector() -> (String, mpsc::Receiver<ExportTraceServiceRequest>) {
        let (sender, taken) = mpsc::channel(16);
        let asked = Arc::new(AtomicUsize::new(0));
        let take = move |body: Bytes| async move {
            if asked.fetch_add(1, Ordering::AcqRel) == 0 {
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            sender.send(ExportTraceServiceRequest::decode(body).unwrap()).await.unwrap();
            StatusCode::OK
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let router = Router::new().route("/v1/traces", post(take));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, taken)
    }

    #[tokio::test]
    async fn spans_reach_a_collector_even_if_it_was_busy() {
        let (url, mut taken) = collector().await;
        let follow = Arc::new(Follow::default());
        let exporter = Exporter::new(&url, Arc::clone(&follow)).unwrap();
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(exporter.run(stopped));
        let room = RoomId::new("ma-chan://c/1");
        let id = MessageId::derive(&room, &PostKey::new("17"));
        follow.received(&id, &room, 1000, 1002);
        follow.planned(&id, Some("it trapped"), 1000, 1004);
        let request = taken.recv().await.unwrap();
        let spans = &request.resource_spans[0].scope_spans[0].spans;
        let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["receive", "plan"]);
        assert_eq!(spans[1].parent_span_id, spans[0].span_id);
        let resource = request.resource_spans[0].resource.as_ref().unwrap();
        assert_eq!(resource.attributes[0].key, "service.name");
        // What is told before the end is sent.
        follow.received(&id, &room, 2000, 2001);
        stop.send(true).unwrap();
        running.await.unwrap();
        assert!(taken.try_recv().is_ok());
    }
}
