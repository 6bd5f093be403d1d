//! What the tests with foreign clients share: the binary as a user runs it, the programs of
//! `tests/peers`, and their output line by line, everything within a time.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each test uses its part, and stops at the first surprise"
)]

pub(crate) mod relay;
pub(crate) mod sipe;

use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use serde_json::Value;

/// Longest wait for a line, an end, or an answer: a loaded machine is slow, a hanging peer is not
/// waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// `chat-digest` as the other tests run it. A second build, with the features of `cargo build` alone, would take
/// minutes in the middle of the tests; the package's tests run what that gives.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_chat-digest-tested");

/// A program with its output line by line. Dropped, it gets SIGTERM and its time to end.
pub(crate) struct Program {
    name: String,
    process: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut process = started.unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let (sender, lines) = channel();
        let output = BufReader::new(process.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { name, process, lines, seen: Vec::new() }
    }

    /// Reads on until some line, old or new, is this one.
    pub(crate) fn until(&mut self, line: &str) {
        self.until_any(&format!("the line {line:?}"), |seen| seen == line);
    }

    /// Reads on until a line, old or new, fits, and returns it.
    pub(crate) fn until_any(&mut self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        if let Some(line) = self.seen.iter().find(|line| fits(line)) {
            return line.clone();
        }
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if fits(&line) {
                        return line;
                    }
                }
                Err(why) => {
                    panic!("{}: {}, no {what} in {:#?}", self.name, missing(why), self.seen)
                }
            }
        }
    }

    /// Ends it with SIGTERM, or lets it end by itself, and returns all its lines.
    pub(crate) fn finish(mut self, terminate: bool) -> Vec<String> {
        if terminate {
            self.terminate();
        }
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(why) => panic!("{}: {}: {:#?}", self.name, missing(why), self.seen),
            }
        }
        self.process.wait().unwrap();
        std::mem::take(&mut self.seen)
    }

    fn terminate(&mut self) {
        let id = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().unwrap();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(Some(_))) {
            return;
        }
        self.terminate();
        // Its output ends when it does.
        while self.lines.recv_timeout(PATIENCE).is_ok() {}
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn missing(why: RecvTimeoutError) -> &'static str {
    match why {
        RecvTimeoutError::Timeout => "nothing for too long",
        RecvTimeoutError::Disconnected => "it ended",
    }
}

/// `chat-digest` running, and what it said on its first line.
pub(crate) struct Served {
    program: Program,
    addresses: Value,
}

/// A person of the demo's company.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) sip: String,
    pub(crate) login: String,
    pub(crate) password: String,
    pub(crate) mailbox: String,
}

impl Served {
    /// Only the servers.
    pub(crate) fn embedded() -> Self {
        Self::start(&["embedded", "--json"])
    }

    /// The servers and the host, which joins the rooms; nobody posts.
    pub(crate) fn demo() -> Self {
        Self::start(&["demo", "--posts", "0", "--json"])
    }

    fn start(arguments: &[&str]) -> Self {
        let mut program = Program::start(Command::new(BINARY).args(arguments));
        let first = program.until_any("first line", |_| true);
        Self { program, addresses: serde_json::from_str(&first).unwrap() }
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.addresses[key].as_str().unwrap_or_else(|| panic!("{key} in {}", self.addresses))
    }

    /// The person with this login, without the domain.
    pub(crate) fn user(&self, login: &str) -> User {
        let all = self.addresses["users"].as_array().unwrap();
        let text = |user: &Value, key: &str| user[key].as_str().unwrap().to_owned();
        let made = |user| User {
            sip: text(user, "sip"),
            login: text(user, "login"),
            password: text(user, "password"),
            mailbox: text(user, "mailbox"),
        };
        let ours = |user: &User| user.login.ends_with(&format!("\\{login}"));
        all.iter().map(made).find(ours).unwrap_or_else(|| panic!("no user {login}"))
    }

    /// The URI of a room, and its people's logins without the domain.
    pub(crate) fn room(&self, name: &str) -> (String, Vec<String>) {
        let all = self.addresses["rooms"].as_array().unwrap();
        let room = all.iter().find(|room| room["name"] == name).unwrap();
        let login = |sip: &Value| {
            let rest = sip.as_str().unwrap().strip_prefix("sip:").unwrap();
            rest.split_once('@').unwrap().0.to_owned()
        };
        let members = room["members"].as_array().unwrap().iter().map(login).collect();
        (room["uri"].as_str().unwrap().to_owned(), members)
    }
}

/// Where cargo puts what it builds: this test is in `debug/deps` of it.
pub(crate) fn target_directory() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned()
}

/// A program of `tests/peers`.
pub(crate) fn peer(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}

/// Starts a Python program of `tests/peers` as a person at the Exchange.
pub(crate) fn exchangelib(
    served: &Served,
    program: &str,
    user: &User,
    arguments: &[&str],
) -> Running {
    let mut command = Command::new("python3");
    command.arg(peer(program)).args([served.text("ews"), &user.login, &user.password]);
    command.arg(&user.mailbox).args(arguments).args(["--ca", served.text("ca_file")]);
    Running::start(&mut command)
}

/// A program that is only asked for its result.
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// Its standard output as JSON, an object a line; it must succeed.
    pub(crate) fn objects(self) -> Vec<Value> {
        let output = self.output();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The last line of its complaint; it must fail.
    pub(crate) fn complaint(self) -> String {
        let output = self.output();
        assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned()
    }

    fn output(mut self) -> Output {
        let (sender, done) = channel();
        let (mut out, mut err) = (self.0.stdout.take().unwrap(), self.0.stderr.take().unwrap());
        thread::spawn(move || {
            let mut text = Vec::new();
            let _ = err.read_to_end(&mut text);
            let _ = sender.send(text);
        });
        let (sender, printed) = channel();
        thread::spawn(move || {
            let mut text = Vec::new();
            let _ = out.read_to_end(&mut text);
            let _ = sender.send(text);
        });
        let (Ok(stdout), Ok(stderr)) =
            (printed.recv_timeout(PATIENCE), done.recv_timeout(PATIENCE))
        else {
            let _ = self.0.kill();
            panic!("a peer did not end within {} s", PATIENCE.as_secs());
        };
        Output { status: self.0.wait().unwrap(), stdout, stderr }
    }
}
