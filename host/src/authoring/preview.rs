//! `guest preview`: the mails that a guest would write, in a browser, and anew whenever its file
//! changes. On the loopback only.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use axum::{
    Json, Router,
    extract::{Path as UrlPath, State},
    http::{StatusCode, header},
    response::{
        Html, IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::{net::TcpListener, sync::watch};

use super::{
    checks, load,
    report::{Report, Severity},
    samples::{self, Sample},
    trial::Trial,
};
use crate::{
    guest::{Limits, Sandbox},
    mail::document,
};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// What a page made of a guest's mail may do: nothing but look.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// A mail as its reader would see it, and what is to be said about it.
#[derive(Debug, Serialize)]
struct Shown {
    sample: &'static str,
    hostile: bool,
    subject: String,
    preview: String,
    importance: &'static str,
    html_bytes: usize,
    html_bytes_budget: usize,
    text: String,
    listing: Option<String>,
    findings: Vec<(Severity, String)>,
    #[serde(skip)]
    document: String,
}

/// All mails of one version of a guest, or why there are none.
#[derive(Debug, Default, Serialize)]
struct Gallery {
    /// How many versions there were before.
    version: u64,
    guest: String,
    error: Option<String>,
    mails: Vec<Shown>,
}

#[derive(Clone)]
struct Shelf {
    gallery: Arc<Mutex<Arc<Gallery>>>,
    version: Arc<watch::Sender<u64>>,
}

impl Shelf {
    fn new() -> Self {
        Self { gallery: Arc::default(), version: Arc::new(watch::Sender::new(0)) }
    }

    fn put(&self, mut gallery: Gallery) {
        gallery.version = *self.version.borrow() + 1;
        let version = gallery.version;
        *self.gallery.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(gallery);
        self.version.send_replace(version);
    }

    fn gallery(&self) -> Arc<Gallery> {
        Arc::clone(&self.gallery.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Serves the mails of a component until `stop`.
///
/// # Errors
/// If the port is taken. A component that does not load is shown, and looked at again.
pub(super) async fn preview(
    file: PathBuf,
    port: u16,
    settings: BTreeMap<String, String>,
    stop: impl Future<Output = Result<()>>,
) -> Result<ExitCode> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("port {port} cannot be had: give another, or none"))?;
    println!("Mails of {}:  http://{}/", file.display(), listener.local_addr()?);
    let shelf = Shelf::new();
    tokio::select! {
        served = axum::serve(listener, router(shelf.clone())) => served?,
        () = keep_up(&file, &settings, &shelf) => {}
        stopped = stop => stopped?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Composes all mails whenever the file is another.
async fn keep_up(file: &Path, settings: &BTreeMap<String, String>, shelf: &Shelf) {
    let mut shown = None;
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        look.tick().await;
        let found = mark(file);
        if shown.as_ref() == Some(&found) {
            continue;
        }
        let (file, settings) = (file.to_owned(), settings.clone());
        let work = tokio::task::spawn_blocking(move || gallery(&file, settings));
        let Ok(gallery) = work.await else { return };
        shelf.put(gallery);
        shown = Some(found);
    }
}

/// What changes when a file does.
fn mark(file: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(file).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn gallery(file: &Path, settings: BTreeMap<String, String>) -> Gallery {
    let guest = Sandbox::new(&Limits::default()).and_then(|sandbox| load(&sandbox, file));
    match guest {
        Ok(guest) => {
            let name = guest.id().to_string();
            let trial = Trial::new(guest, settings);
            let mails = samples::all().iter().map(|sample| show(&trial, sample)).collect();
            Gallery { guest: name, mails, ..Gallery::default() }
        }
        Err(error) => Gallery {
            guest: file.display().to_string(),
            error: Some(format!("{error:#}")),
            ..Gallery::default()
        },
    }
}

fn show(trial: &Trial, sample: &Sample) -> Shown {
    let mut report = Report::default();
    let mail = checks::mail(trial, sample, &mut report);
    let findings = report.findings();
    let mail =
        mail.unwrap_or_else(|| bridge::mail::letter("(no mail)", "The host writes a plain mail."));
    let cleaned = document::clean(&mail.html);
    let language = sample.language.to_string();
    Shown {
        sample: sample.name,
        hostile: sample.hostile,
        importance: match mail.importance {
            bridge::mail::Importance::Low => "low",
            bridge::mail::Importance::Normal => "normal",
            bridge::mail::Importance::High => "high",
        },
        html_bytes: mail.html.len(),
        html_bytes_budget: checks::HTML_BYTES_BUDGET,
        document: document::wrap(&mail.subject, &mail.preview, &language, &cleaned, ""),
        subject: mail.subject,
        preview: mail.preview,
        text: mail.text,
        listing: mail.listing,
        findings,
    }
}

fn router(shelf: Shelf) -> Router {
    Router::new()
        .route("/", get(|| async { Html(include_str!("preview.html")) }))
        .route("/mails", get(mails))
        .route("/mail/{place}/{look}", get(mail))
        .route("/events", get(events))
        .with_state(shelf)
}

async fn mails(State(shelf): State<Shelf>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(serde_json::json!(*shelf.gallery())))
}

async fn mail(
    State(shelf): State<Shelf>,
    UrlPath((place, look)): UrlPath<(usize, String)>,
) -> Result<impl IntoResponse, StatusCode> {
    let gallery = shelf.gallery();
    let mail = gallery.mails.get(place).ok_or(StatusCode::NOT_FOUND)?;
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    Ok((headers, Html(in_look(&mail.document, look == "dark"))))
}

/// The document as a client in light or in dark shows it: one that leaves colours alone but for
/// those that nobody set.
fn in_look(document: &str, dark: bool) -> String {
    let look = match dark {
        true => ":root{color-scheme:only dark;background:#1f1f1f;color:#f3f3f3}",
        false => ":root{color-scheme:only light;background:#fff;color:#111}",
    };
    document.replacen("</head>", &format!("<style>{look}</style></head>"), 1)
}

/// Says which version is shown, now and whenever that changes.
async fn events(State(shelf): State<Shelf>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut version = shelf.version.subscribe();
    version.mark_changed();
    let events = stream::unfold(version, |mut version| async move {
        version.changed().await.ok()?;
        let event = Event::default().data(version.borrow_and_update().to_string());
        Some((Ok(event), version))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;
    use crate::guest::PREBUILT;

    #[test]
    fn a_guest_that_does_not_load_is_told_and_one_that_does_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("guest.wasm");
        assert!(mark(&file).is_none());
        std::fs::write(&file, "no wasm").unwrap();
        let before = mark(&file);
        let gallery = gallery(&file, BTreeMap::new());
        assert!(gallery.error.unwrap().contains("is no WebAssembly"));
        std::fs::write(&file, PREBUILT).unwrap();
        assert_ne!(mark(&file), before);
        let gallery = super::gallery(&file, BTreeMap::new());
        assert_eq!(gallery.mails.len(), samples::all().len());
        assert!(gallery.error.is_none());
        let first = gallery.mails.first().unwrap();
        assert!(first.document.contains("rollback") && first.html_bytes > 100);
    }

    #[test]
    fn both_looks_are_the_same_document() {
        let document = document::wrap("s", "p", "en", "<p>x</p>", "");
        assert!(in_look(&document, true).contains("only dark"));
        assert!(in_look(&document, false).contains("<p>x</p>"));
    }

    #[tokio::test]
    async fn a_new_version_is_told() {
        let shelf = Shelf::new();
        let mut version = shelf.version.subscribe();
        shelf.put(Gallery::default());
        version.changed().await.unwrap();
        assert_eq!((*version.borrow(), shelf.gallery().version), (1, 1));
    }
}
