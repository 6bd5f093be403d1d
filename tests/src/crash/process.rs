//! The real program as a process that is started, frozen and killed, and what it says.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    process::{ExitStatus, Output, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, ChildStderr, Command},
    sync::watch,
};

/// Lines kept of all hosts together.
const LINES_MAX: usize = 20_000;
/// Longest time for a host to end when asked to, or to answer a question.
const END_TIME: Duration = Duration::from_secs(60);

/// What all hosts said last.
#[derive(Clone, Default)]
pub(super) struct Tail {
    lines: Arc<Mutex<VecDeque<String>>>,
    changed: watch::Sender<()>,
}

impl Tail {
    /// How many of the lines kept hold `words`.
    pub(super) fn count(&self, words: &str) -> usize {
        self.lock().iter().filter(|line| line.contains(words)).count()
    }

    /// Changes with every line.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The last `count` lines.
    pub(super) fn last(&self, count: usize) -> Vec<String> {
        let lines = self.lock();
        lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect()
    }

    /// Writes a line.
    pub(super) fn say(&self, line: String) {
        let mut lines = self.lock();
        if lines.len() >= LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
        drop(lines);
        self.changed.send_replace(());
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A host that runs or is dead.
pub(super) struct Host {
    name: String,
    program: PathBuf,
    config: PathBuf,
    tail: Tail,
    child: Option<Child>,
}

impl Host {
    /// One that has yet to be started.
    pub(super) fn new(name: String, program: &Path, config: PathBuf, tail: Tail) -> Self {
        Self { name, program: program.to_owned(), config, tail, child: None }
    }

    pub(super) fn start(&mut self) -> Result<()> {
        let mut command = self.command(&["run"]);
        // When the shell that started all this ends, the system sends SIGHUP to the whole group if
        // one of it is frozen.
        command.process_group(0);
        let spawned = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.with_context(|| format!("{}", self.program.display()))?;
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(keep(stderr, self.name.clone(), self.tail.clone()));
        }
        self.child = Some(child);
        Ok(())
    }

    /// Makes sure that it runs.
    ///
    /// # Errors
    /// If it has ended by itself.
    pub(super) fn check(&mut self) -> Result<()> {
        match self.child.as_mut().map(Child::try_wait).transpose()?.flatten() {
            Some(status) => bail!("{} it has ended by itself: {status}", self.name),
            None => Ok(()),
        }
    }

    /// Kills it as a power cut does.
    ///
    /// # Errors
    /// If it has ended by itself before.
    pub(super) async fn kill(&mut self) -> Result<()> {
        self.check()?;
        let Some(mut child) = self.child.take() else { return Ok(()) };
        self.tail.say(format!("{} == killed", self.name));
        child.kill().await?;
        Ok(())
    }

    /// Sends a signal: `STOP`, `CONT` or `TERM`.
    pub(super) async fn signal(&self, signal: &str) -> Result<()> {
        let id = self.child.as_ref().and_then(Child::id).context("the host does not run")?;
        self.tail.say(format!("{} == SIG{signal}", self.name));
        let kill = Command::new("kill").args([&format!("-{signal}"), &id.to_string()]).status();
        ensure!(kill.await?.success(), "{} it cannot be sent SIG{signal}", self.name);
        Ok(())
    }

    /// Asks it to stop, and waits for its end.
    pub(super) async fn stop(&mut self) -> Result<ExitStatus> {
        self.signal("TERM").await?;
        let mut child = self.child.take().context("the host does not run")?;
        let ended = tokio::time::timeout(END_TIME, child.wait()).await;
        Ok(ended.with_context(|| format!("{} it does not stop", self.name))??)
    }

    /// What another command of the program says with the same configuration.
    pub(super) async fn ask(&self, arguments: &[&str]) -> Result<Output> {
        let answer = tokio::time::timeout(END_TIME, self.command(arguments).output()).await;
        Ok(answer.with_context(|| format!("`{}` does not end", arguments.join(" ")))??)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--config").arg(&self.config);
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

async fn keep(stderr: ChildStderr, name: String, tail: Tail) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tail.say(format!("{name} {line}"));
    }
}
