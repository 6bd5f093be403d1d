//! Records what passes on both sides, on a thread of its own: whoever is recorded hands over a copy
//! and never waits. What cannot be taken is counted and told at the end.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    },
    thread::JoinHandle,
    time::Instant,
};

use anyhow::{Context as _, Result, anyhow};
use trace::{Direction, End, Head, Observer, Side};

use super::scribe::Scribe;
use crate::clock;

/// Pieces that wait for the writer.
const QUEUE_MAX: usize = 4096;
/// Octets that wait for the writer.
const QUEUE_BYTES_MAX: usize = 32 << 20;

/// Fields of HTTP.
pub(crate) type Headers = Vec<(String, String)>;

/// What is handed to the writer.
pub(super) struct Piece {
    pub(super) at_ms: u64,
    pub(super) connection: u32,
    pub(super) what: What,
}

pub(super) enum What {
    /// Octets of the chat side, cut anywhere; `after_loss`: what came before them is missing.
    Chat { direction: Direction, bytes: Vec<u8>, after_loss: bool },
    /// A request to Exchange.
    Request { path: String, headers: Headers, body: Vec<u8> },
    /// Its answer.
    Answer { status: u16, headers: Headers, body: Vec<u8> },
    /// In place of an answer.
    NoAnswer,
    /// Nothing follows.
    End,
}

impl What {
    fn bytes(&self) -> usize {
        match self {
            Self::Chat { bytes, .. } => bytes.len(),
            Self::Request { body, .. } | Self::Answer { body, .. } => body.len(),
            Self::NoAnswer | Self::End => 0,
        }
    }
}

/// Handed to the places where octets pass. Cheap to clone; the default one records nothing.
#[derive(Clone, Default)]
pub struct Recorder(Option<Arc<Shared>>);

struct Shared {
    begun: Instant,
    queue: SyncSender<Piece>,
    queued_bytes: AtomicUsize,
    lost: AtomicU64,
    connections: AtomicU32,
}

/// A recording that goes on.
pub struct Recording {
    shared: Arc<Shared>,
    writer: JoinHandle<io::Result<End>>,
    path: PathBuf,
}

impl Recorder {
    /// Begins a recording in a file of its own, which only its owner can read.
    ///
    /// # Errors
    /// If the file is there already, or cannot be made.
    pub fn begin(path: &Path, head: &Head) -> Result<(Self, Recording)> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                anyhow!(
                    "{}: there already: a transcript is never written over another file",
                    path.display()
                )
            }
            _ => anyhow!("{}: cannot be made: {error}", path.display()),
        })?;
        let (queue, pieces) = sync_channel(QUEUE_MAX);
        let shared = Arc::new(Shared {
            begun: clock::now().instant,
            queue,
            queued_bytes: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
            connections: AtomicU32::new(0),
        });
        let (first, observer) = (head.write(), Observer::new(head.quirks));
        let counted = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("trace".to_owned())
            .spawn(move || counted.write(file, &first, observer, &pieces))
            .context("the recorder's thread")?;
        let recording = Recording { shared: Arc::clone(&shared), writer, path: path.to_owned() };
        Ok((Self(Some(shared)), recording))
    }

    /// A new connection to the pool.
    pub(crate) fn chat(&self) -> ChatTap {
        let connection = self
            .0
            .as_ref()
            .map(|shared| shared.connections.fetch_add(1, Ordering::Relaxed).saturating_add(1));
        ChatTap { recorder: self.clone(), connection: connection.unwrap_or(0), lost: [false; 2] }
    }

    /// One of the connections to Exchange.
    pub(crate) fn lane(&self, number: u32) -> LaneTap {
        LaneTap { recorder: self.clone(), connection: number }
    }

    /// `false` if it could not be taken.
    fn put(&self, connection: u32, what: impl FnOnce() -> What) -> bool {
        let Some(shared) = &self.0 else { return true };
        let taken = shared.put(connection, what());
        if !taken {
            shared.lost.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }
}

impl Shared {
    fn put(&self, connection: u32, what: What) -> bool {
        let bytes = what.bytes();
        // Two at once may both find room: that is as much more as both have.
        if self.queued_bytes.load(Ordering::Relaxed).saturating_add(bytes) > QUEUE_BYTES_MAX {
            return false;
        }
        self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let taken = self.queue.try_send(Piece { at_ms: self.at_ms(), connection, what }).is_ok();
        if !taken {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        taken
    }

    fn at_ms(&self) -> u64 {
        let time = clock::now().instant.saturating_duration_since(self.begun);
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    }

    /// The writer's thread.
    fn write(
        &self,
        file: File,
        head: &str,
        observer: Observer,
        pieces: &Receiver<Piece>,
    ) -> io::Result<End> {
        let mut file = BufWriter::new(file);
        file.write_all(head.as_bytes())?;
        let mut scribe = Scribe::new(head.len(), observer);
        loop {
            let piece = match pieces.try_recv() {
                Ok(piece) => piece,
                // Whoever looks at the file while nothing happens sees all of it.
                Err(TryRecvError::Empty) => {
                    file.flush()?;
                    match pieces.recv() {
                        Ok(piece) => piece,
                        Err(_) => break,
                    }
                }
                Err(TryRecvError::Disconnected) => break,
            };
            self.queued_bytes.fetch_sub(piece.what.bytes(), Ordering::Relaxed);
            if matches!(piece.what, What::End) {
                break;
            }
            for entry in scribe.take(piece) {
                file.write_all(entry.as_bytes())?;
            }
        }
        let (last, end) = scribe.end(self.lost.load(Ordering::Relaxed));
        file.write_all(last.as_bytes())?;
        file.flush()?;
        file.get_ref().sync_all()?;
        Ok(end)
    }
}

impl Recording {
    /// Ends it, and tells how it went.
    ///
    /// # Errors
    /// If the file could not be written.
    pub async fn finish(self) -> Result<End> {
        let Self { shared, writer, path } = self;
        let end = tokio::task::spawn_blocking(move || {
            // A writer that has failed takes nothing any more.
            let _ = shared.queue.send(Piece { at_ms: 0, connection: 0, what: What::End });
            writer.join()
        });
        let end = end.await?.map_err(|_| anyhow!("the recorder has failed"))?;
        end.with_context(|| format!("{}: cannot be written", path.display()))
    }
}

/// Where octets of one connection to the pool pass.
pub(crate) struct ChatTap {
    recorder: Recorder,
    connection: u32,
    /// Of what was sent, and of what was received.
    lost: [bool; 2],
}

impl ChatTap {
    /// We send this.
    pub(crate) fn sent(&mut self, bytes: &[u8]) {
        self.put(Direction::Out, bytes);
    }

    /// The pool sent this.
    pub(crate) fn received(&mut self, bytes: &[u8]) {
        self.put(Direction::In, bytes);
    }

    fn put(&mut self, direction: Direction, bytes: &[u8]) {
        let [out, received] = &mut self.lost;
        let lost = if direction == Direction::Out { out } else { received };
        let after_loss = *lost;
        let piece = || What::Chat { direction, bytes: bytes.to_vec(), after_loss };
        *lost = !self.recorder.put(self.connection, piece);
    }
}

/// Where requests of one connection to Exchange pass.
pub(crate) struct LaneTap {
    recorder: Recorder,
    connection: u32,
}

impl LaneTap {
    pub(crate) fn request(&self, path: &str, headers: impl FnOnce() -> Headers, body: &[u8]) {
        let piece =
            || What::Request { path: path.to_owned(), headers: headers(), body: body.to_vec() };
        self.recorder.put(self.connection, piece);
    }

    pub(crate) fn answer(&self, status: u16, headers: impl FnOnce() -> Headers, body: &[u8]) {
        let piece = || What::Answer { status, headers: headers(), body: body.to_vec() };
        self.recorder.put(self.connection, piece);
    }

    pub(crate) fn no_answer(&self) {
        self.recorder.put(self.connection, || What::NoAnswer);
    }
}

/// Whose connection a piece is of.
pub(super) fn side(what: &What) -> Side {
    match what {
        What::Chat { .. } => Side::Chat,
        _ => Side::Exchange,
    }
}
