//! The page with everybody's inbox, for the demo and for authors of guests: what was said in the
//! rooms beside what arrived, as its reader sees it. On the loopback only.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{
        Html, IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use futures_util::{Stream, stream};
use serde::Serialize;
use tokio::{net::TcpListener, sync::broadcast};

/// Mails kept to be looked at; older ones are let go.
const MAILS_MAX: usize = 5000;
/// Posts kept to be looked at.
const POSTS_MAX: usize = 300;
/// News kept for a browser that is behind; one that is further behind loads the page's data anew.
const NEWS_MAX: usize = 1024;

/// Someone with a mailbox.
#[derive(Clone, Debug, Serialize)]
pub struct Inbox {
    /// The mail address.
    pub mailbox: String,
    /// The name.
    pub name: String,
}

/// Something said in a room.
#[derive(Clone, Debug, Serialize)]
pub struct Said {
    /// The room's name.
    pub room: String,
    /// The author's name.
    pub author: String,
    /// The title of a story.
    pub title: Option<String>,
    /// The text.
    pub text: String,
    /// Whether it was marked as urgent.
    pub alert: bool,
}

/// A mail that arrived.
#[derive(Clone, Debug, Serialize)]
pub struct Arrived {
    /// Counted from 1.
    pub id: u64,
    /// In whose inbox.
    pub mailbox: String,
    /// The subject.
    pub subject: String,
    /// What an inbox shows beside the subject.
    pub preview: String,
    /// `Low`, `Normal` or `High`.
    pub importance: String,
    /// When, in milliseconds since 1970.
    pub received_ms: i64,
    /// The rest, which the list does not show.
    #[serde(skip)]
    pub content: Arc<Content>,
}

/// What a reader sees of a mail.
#[derive(Clone, Debug, Serialize)]
pub struct Content {
    /// Sender, as shown.
    pub from: String,
    /// Recipients, as shown.
    pub to: String,
    /// The subject.
    pub subject: String,
    /// The HTML part.
    pub html: String,
    /// The text part.
    pub text: String,
}

#[derive(Default)]
struct Pinned {
    people: Vec<Inbox>,
    posts: VecDeque<Said>,
    mails: VecDeque<Arrived>,
    mails_ever: u64,
}

#[derive(Clone)]
enum News {
    Post(Said),
    Mail(Arrived),
}

/// What the page shows, filled by whoever runs the servers.
#[derive(Clone)]
pub struct Board {
    pinned: Arc<Mutex<Pinned>>,
    news: broadcast::Sender<News>,
}

impl Board {
    /// An empty board with these inboxes.
    #[must_use]
    pub fn new(people: Vec<Inbox>) -> Self {
        let pinned = Pinned { people, ..Pinned::default() };
        Self { pinned: Arc::new(Mutex::new(pinned)), news: broadcast::channel(NEWS_MAX).0 }
    }

    /// Shows what was said.
    pub fn said(&self, said: Said) {
        let mut pinned = self.lock();
        if pinned.posts.len() >= POSTS_MAX {
            pinned.posts.pop_front();
        }
        pinned.posts.push_back(said.clone());
        let _ = self.news.send(News::Post(said));
    }

    /// Shows a mail; its `id` is given here.
    pub fn arrived(&self, mut mail: Arrived) {
        let mut pinned = self.lock();
        pinned.mails_ever += 1;
        mail.id = pinned.mails_ever;
        if pinned.mails.len() >= MAILS_MAX {
            pinned.mails.pop_front();
        }
        pinned.mails.push_back(mail.clone());
        let _ = self.news.send(News::Mail(mail));
    }

    fn lock(&self) -> MutexGuard<'_, Pinned> {
        self.pinned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves the board until the listener fails.
///
/// # Errors
/// If the listener fails.
pub async fn serve(listener: TcpListener, board: Board) -> std::io::Result<()> {
    let router = Router::new()
        .route("/", get(|| async { Html(include_str!("page.html")) }))
        .route("/inboxes", get(inboxes))
        .route("/mail/{id}", get(mail))
        .route("/events", get(events))
        .with_state(board);
    axum::serve(listener, router).await
}

async fn inboxes(State(board): State<Board>) -> impl IntoResponse {
    #[derive(Serialize)]
    struct All<'a> {
        people: &'a [Inbox],
        posts: &'a VecDeque<Said>,
        mails: &'a VecDeque<Arrived>,
    }
    let pinned = board.lock();
    let all = All { people: &pinned.people, posts: &pinned.posts, mails: &pinned.mails };
    ([(header::CACHE_CONTROL, "no-store")], Json(serde_json::json!(all)))
}

async fn mail(State(board): State<Board>, Path(id): Path<u64>) -> impl IntoResponse {
    let pinned = board.lock();
    match pinned.mails.iter().find(|mail| mail.id == id) {
        Some(mail) => Ok(Json(Content::clone(&mail.content))),
        None => Err((StatusCode::NOT_FOUND, "this mail is no longer kept")),
    }
}

async fn events(State(board): State<Board>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let news = board.news.subscribe();
    let events = stream::unfold(news, |mut news| async move {
        let event = match news.recv().await {
            Ok(News::Post(said)) => Event::default().event("post").json_data(said),
            Ok(News::Mail(mail)) => Event::default().event("mail").json_data(mail),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                Ok(Event::default().event("again").data(""))
            }
            Err(broadcast::error::RecvError::Closed) => return None,
        };
        Some((Ok(event.unwrap_or_else(|_| Event::default().comment("unreadable"))), news))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
