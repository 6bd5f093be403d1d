//! The one writer of this host: what waits is done in one transaction, and everybody is answered
//! after its commit. With a disk that takes 2 ms to be sure, that is thirteen times the messages a
//! second.

use std::pin::Pin;

use sqlx::{AnyConnection, Connection, any::AnyConnectOptions};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Error, Place, engine::Engine};

/// Jobs waiting; whoever brings more waits too.
const JOBS_MAX: usize = 1024;
/// Jobs in one transaction.
const BATCH_MAX: usize = 256;
/// How often a job is done that another host's gets in the way of.
const TRIES_MAX: u32 = 8;

/// The work of a job on its way.
pub(super) type Doing<'c, T> = Pin<Box<dyn Future<Output = Result<T, sqlx::Error>> + Send + 'c>>;

/// A job: it may be done again where a server could not finish it.
trait Job: Send {
    fn run<'c>(&'c mut self, connection: &'c mut AnyConnection) -> Doing<'c, ()>;
    fn answer(self: Box<Self>, outcome: Result<(), Error>);
}

struct Task<D, T, F> {
    data: D,
    work: F,
    done: Option<T>,
    answer: oneshot::Sender<Result<T, Error>>,
    place: Place,
}

impl<D, T, F> Job for Task<D, T, F>
where
    D: Send + Sync,
    T: Send,
    F: for<'c> Fn(&'c mut AnyConnection, &'c D) -> Doing<'c, T> + Send + Sync,
{
    fn run<'c>(&'c mut self, connection: &'c mut AnyConnection) -> Doing<'c, ()> {
        let Self { data, work, done, .. } = self;
        Box::pin(async move {
            *done = Some(work(connection, data).await?);
            Ok(())
        })
    }

    fn answer(self: Box<Self>, outcome: Result<(), Error>) {
        let done = self.done.ok_or_else(|| Error::closed(&self.place));
        let _ = self.answer.send(outcome.and(done));
    }
}

/// A way to the writer. Cheap to clone.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    commits: watch::Sender<()>,
    place: Place,
}

impl Writer {
    /// `options` are those that the connection was made with, for another one when it breaks.
    pub(super) fn start(
        connection: AnyConnection,
        options: AnyConnectOptions,
        place: Place,
    ) -> Self {
        let (jobs, waiting) = mpsc::channel(JOBS_MAX);
        let commits = watch::Sender::new(());
        let thread = Thread {
            engine: Engine::of(&connection),
            connection,
            options,
            commits: commits.clone(),
            place: place.clone(),
        };
        tokio::spawn(thread.write(waiting));
        Self { jobs, commits, place }
    }

    /// A writer that refuses everything.
    pub(super) fn closed(place: Place) -> Self {
        let (jobs, _) = mpsc::channel(1);
        Self { jobs, commits: watch::Sender::new(()), place }
    }

    /// Changes with every commit.
    pub(super) fn commits(&self) -> watch::Receiver<()> {
        self.commits.subscribe()
    }

    /// Does `work` with `data` in a transaction; returns after its commit.
    pub(super) async fn run<D, T, F>(&self, data: D, work: F) -> Result<T, Error>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
        F: for<'c> Fn(&'c mut AnyConnection, &'c D) -> Doing<'c, T> + Send + Sync + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let closed = || Error::closed(&self.place);
        let task = Task { data, work, done: None, answer, place: self.place.clone() };
        self.jobs.send(Box::new(task)).await.map_err(|_| closed())?;
        answered.await.map_err(|_| closed())?
    }

    /// Waits until everything before is done.
    pub(super) async fn close(&self) {
        let _ = self.run((), |_, ()| Box::pin(async { Ok(()) })).await;
    }
}

struct Thread {
    engine: Engine,
    connection: AnyConnection,
    options: AnyConnectOptions,
    commits: watch::Sender<()>,
    place: Place,
}

impl Thread {
    async fn write(mut self, mut waiting: mpsc::Receiver<Box<dyn Job>>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
            for mut job in self.transact(std::mem::take(&mut batch)).await {
                // Another host got in its way; alone it holds fewer locks.
                for tried in 1..=TRIES_MAX {
                    match self.transact(vec![job]).await.pop() {
                        None => break,
                        Some(again) if tried < TRIES_MAX => job = again,
                        Some(again) => {
                            again.answer(Err(Error::Contended { place: self.place.clone() }));
                            break;
                        }
                    }
                }
            }
        }
        let _ = self.connection.close().await;
    }

    /// Does a batch in one transaction and answers those who brought it, but for the jobs that
    /// another host got in the way of: they come back. A job that fails takes back what it did, and
    /// only that.
    async fn transact(&mut self, mut batch: Vec<Box<dyn Job>>) -> Vec<Box<dyn Job>> {
        let mut results = Vec::with_capacity(batch.len());
        let outcome = self.attempt(&mut batch, &mut results).await;
        match &outcome {
            Ok(()) => self.commits.send_replace(()),
            Err(_) => self.reconnect().await,
        }
        let mut again = Vec::new();
        // Whoever was not reached has the error of who broke it.
        let mut results = results.into_iter();
        for job in batch {
            let error = match (results.next(), &outcome) {
                (Some(Err(error)), _) => Some(error),
                (_, Err(error)) if is_contended(self.engine, error) => {
                    again.push(job);
                    continue;
                }
                (_, Err(error)) => {
                    job.answer(Err(Error::new(&self.place, error)));
                    continue;
                }
                (Some(Ok(())), Ok(())) => None,
                (None, Ok(())) => {
                    job.answer(Err(Error::closed(&self.place)));
                    continue;
                }
            };
            match error {
                None => job.answer(Ok(())),
                Some(error) if is_contended(self.engine, &error) => again.push(job),
                Some(error) => job.answer(Err(Error::new(&self.place, &error))),
            }
        }
        again
    }

    async fn attempt(
        &mut self,
        batch: &mut [Box<dyn Job>],
        results: &mut Vec<Result<(), sqlx::Error>>,
    ) -> Result<(), sqlx::Error> {
        let alone = batch.len() == 1;
        let mut transaction = self.connection.begin_with(self.engine.begin()).await?;
        for job in batch {
            if !alone {
                sqlx::query("SAVEPOINT job").execute(&mut *transaction).await?;
            }
            let done = job.run(&mut transaction).await;
            let failed = done.is_err();
            results.push(done);
            if alone && failed {
                return transaction.rollback().await;
            }
            if !alone {
                let end = if failed { "ROLLBACK TO job" } else { "RELEASE job" };
                sqlx::query(end).execute(&mut *transaction).await?;
            }
        }
        transaction.commit().await
    }

    /// A full disk ends a transaction behind our back, a server goes away: the connection is of no
    /// use any more. Where there is no other, the next job finds out.
    async fn reconnect(&mut self) {
        if let Ok(fresh) = self.engine.connect(&self.options).await {
            self.connection = fresh;
        }
    }
}

/// PostgreSQL's codes for what another transaction got in the way of: it was taken back whole.
const SERIALIZATION_FAILURE: &str = "40001";
const DEADLOCK_DETECTED: &str = "40P01";
const UNIQUE_VIOLATION: &str = "23505";

fn is_contended(engine: Engine, error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    engine == Engine::Postgres
        && error.code().is_some_and(|code| {
            [SERIALIZATION_FAILURE, DEADLOCK_DETECTED, UNIQUE_VIOLATION].contains(&code.as_ref())
        })
}
