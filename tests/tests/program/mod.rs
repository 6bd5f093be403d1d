//! The program as it is run: its output, or what it says while it runs.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "tests stop at the first surprise, and not each of them needs all of this"
)]

use std::{
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::{ExitStatus, Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use tests::World;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::watch,
};

/// Longest time for a program to say or do something.
pub const WAIT: Duration = Duration::from_secs(120);

pub fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chat-digest-tested"));
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).env_remove("CHAT_DIGEST_LOG");
    command
}

pub async fn output(arguments: &[&str]) -> (Output, String) {
    let output = tokio::time::timeout(WAIT, program(arguments).output()).await.unwrap().unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output, said)
}

/// A shell line that is run where it may mount what only it sees.
pub fn apart(line: &str) -> Command {
    let mut unshare = Command::new("unshare");
    // Whoever is not root is root in a world of his own.
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let own = if is_root { "-m" } else { "-rm" };
    unshare.args([own, "--propagation", "private", "sh", "-c", line]);
    unshare.stdin(Stdio::null()).kill_on_drop(true).env_remove("CHAT_DIGEST_LOG");
    unshare
}

/// A port that was free a moment ago.
pub fn port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running program and what it says.
pub struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
    lines: watch::Receiver<usize>,
}

impl Running {
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_as(program(arguments))
    }

    /// The same with more said about how.
    pub fn start_as(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let said = Arc::<Mutex<String>>::default();
        let (count, lines) = watch::channel(0);
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let heard = Arc::clone(&said);
        tokio::spawn(async move {
            while let Ok(Some(line)) = stderr.next_line().await {
                heard.lock().unwrap().push_str(&format!("{line}\n"));
                count.send_modify(|count| *count += 1);
            }
        });
        Self { child, said, lines }
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it has said `words` so often.
    pub async fn says(&mut self, words: &str, times: usize) {
        let said = Arc::clone(&self.said);
        let enough = |_: &usize| said.lock().unwrap().matches(words).count() >= times;
        let waited = tokio::time::timeout(WAIT, self.lines.wait_for(enough)).await.is_ok();
        assert!(waited, "not {times} times `{words}`:\n{}", self.said());
    }

    /// Sends it a signal.
    pub async fn signal(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().await.unwrap().success());
    }

    /// Waits for its end.
    pub async fn ended(mut self) -> (ExitStatus, String) {
        let status = tokio::time::timeout(WAIT, self.child.wait()).await.unwrap().unwrap();
        (status, self.said())
    }

    /// Asks it to stop, and waits for its end.
    pub async fn terminate(self) -> (bool, String) {
        self.signal("-TERM").await;
        let (status, said) = self.ended().await;
        (status.success(), said)
    }
}

pub async fn run(world: &World, config: &Path) -> Running {
    let mut running = Running::start(&["run", "--config", config.to_str().unwrap()]);
    running.says("chat: joined", world.company().rooms.len()).await;
    running
}
