//! Our NTLM against foreign ones: pyspnego, and Samba's `ntlm_auth`, each as client and as server.
//!
//! The peers run as programs (`tests/peers/ntlm_*.py`) that take one command a line.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ntlm::{
    Accepted, Authenticate, AuthenticateParameters, Authenticated, Challenge, ChallengeParameters,
    ChannelBindingPolicy, Credentials, FileTime, Negotiate, NtHash, Role, Secret, Security,
    ServerNames, flags,
};

const PYSPNEGO: &str = "ntlm_pyspnego.py";
const SAMBA: &str = "ntlm_samba.py";
const USER: &str = "alice";
const DOMAIN: &str = "CORP";
const PASSWORD: &str = "Pässw0rd-Ж";
/// `ntlm_auth` takes its password in the code page of the machine.
const ASCII_PASSWORD: &str = "SecREt01";
const TIME: FileTime = FileTime(134_000_000_000_000_000);

/// A foreign end of a handshake.
struct Peer {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start(program: &str, role: &str, password: &str, binding: Option<&[u8]>) -> Self {
        let path = format!("{}/peers/{program}", env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new("python3")
            .args([path.as_str(), role, USER, DOMAIN, password])
            .args(binding.map(|binding| BASE64_STANDARD.encode(binding)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, commands, answers }
    }

    fn ask(&mut self, command: &str, data: &[&[u8]]) -> String {
        let data = data.iter().map(|data| match data {
            [] => "-".to_owned(),
            data => BASE64_STANDARD.encode(data),
        });
        let words: Vec<_> = [command.to_owned()].into_iter().chain(data).collect();
        writeln!(self.commands, "{}", words.join(" ")).unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }

    /// Asks for data; panics if there is none.
    fn get(&mut self, command: &str, data: &[&[u8]]) -> Vec<u8> {
        let answer = self.ask(command, data);
        let Some((_, data)) = answer.split_once(' ').filter(|(word, _)| *word != "refused") else {
            panic!("{command}: {answer}")
        };
        BASE64_STANDARD.decode(data).unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

fn names() -> ServerNames {
    ServerNames {
        netbios_domain: DOMAIN.into(),
        netbios_computer: "CHAT".into(),
        dns_domain: "corp.example".into(),
        dns_computer: "chat.corp.example".into(),
    }
}

/// A foreign client signs in with `theirs` at our server, which knows `ours`.
fn accept(
    peer: &mut Peer,
    ours: &str,
    binding: Option<[u8; 16]>,
) -> (Result<Accepted, ntlm::Error>, Authenticate) {
    let negotiate = peer.get("step", &[&[]]);
    let offered = Negotiate::parse(&negotiate).unwrap();
    let parameters = ChallengeParameters::connection(&offered, &names(), *b"8 bytes!", TIME);
    let challenge = Challenge::build(&parameters).unwrap();
    let answer = peer.get("step", &[&challenge]);
    let lookup = |user: &str, domain: &str| {
        let known = (user, domain) == (USER, DOMAIN);
        known.then(|| NtHash::of(&Secret::from(ours)))
    };
    let policy = match binding {
        Some(_) => ChannelBindingPolicy::Require,
        None => ChannelBindingPolicy::Allow,
    };
    let accepted = ntlm::accept(&negotiate, &challenge, &answer, lookup, binding, policy);
    (accepted, Authenticate::parse(&answer).unwrap())
}

/// Our client signs in at a foreign server: returns its end and the server's last word.
fn sign_in(peer: &mut Peer, password: &str, binding: Option<[u8; 16]>) -> (Authenticated, String) {
    let credentials =
        Credentials { user: USER.into(), domain: DOMAIN.into(), password: password.into() };
    let negotiate = ntlm::negotiate(flags::CONNECTION_CLIENT);
    let challenge = peer.get("step", &[&negotiate]);
    let parameters = AuthenticateParameters {
        flags: flags::CONNECTION_CLIENT,
        service_name: Some("HTTP/chat.example"),
        channel_binding: binding,
        ..AuthenticateParameters::http(&credentials, "pc", &negotiate, [0x5c; 24], TIME)
    };
    let answer = ntlm::authenticate(&challenge, &parameters).unwrap();
    let last = peer.ask("step", &[&answer.message]);
    (answer, last)
}

/// Messages both ways, in order: the key stream runs on, so the second shows more than the first.
fn exchange_signatures(peer: &mut Peer, security: &mut Security) {
    for sequence in 0..3 {
        let signature = peer.get("sign", &[b"from the peer"]).try_into().unwrap();
        assert!(security.verify(sequence, b"from the peer", &signature), "message {sequence}");
        let signature = security.sign(sequence, b"from us");
        assert_eq!(peer.ask("verify", &[b"from us", &signature]), "ok", "message {sequence}");
    }
}

fn end_point() -> Vec<u8> {
    [b"tls-server-end-point:".as_slice(), &[0x42; 32]].concat()
}

#[test]
#[ignore = "needs pyspnego"]
fn pyspnego_signs_in_here() {
    let mut peer = Peer::start(PYSPNEGO, "client", PASSWORD, None);
    let (accepted, answer) = accept(&mut peer, PASSWORD, None);
    assert_eq!((answer.user.as_str(), answer.domain.as_str()), (USER, DOMAIN));
    exchange_signatures(&mut peer, &mut accepted.unwrap().security);
}

#[test]
#[ignore = "needs pyspnego"]
fn pyspnego_with_a_wrong_password_stays_out() {
    let mut peer = Peer::start(PYSPNEGO, "client", "wrong", None);
    let (accepted, _) = accept(&mut peer, PASSWORD, None);
    assert_eq!(accepted.err(), Some(ntlm::Error::WrongPassword));
}

#[test]
#[ignore = "needs pyspnego"]
fn pyspnego_binds_its_channel() {
    let ours = ntlm::channel_binding(&end_point());
    let mut peer = Peer::start(PYSPNEGO, "client", PASSWORD, Some(&end_point()));
    let (accepted, _) = accept(&mut peer, PASSWORD, Some(ours));
    exchange_signatures(&mut peer, &mut accepted.unwrap().security);

    for theirs in [None, Some(b"tls-server-end-point:another".as_slice())] {
        let mut peer = Peer::start(PYSPNEGO, "client", PASSWORD, theirs);
        let (accepted, _) = accept(&mut peer, PASSWORD, Some(ours));
        assert_eq!(accepted.err(), Some(ntlm::Error::ChannelBinding), "{theirs:?}");
    }
}

#[test]
#[ignore = "needs pyspnego"]
fn we_sign_in_at_pyspnego() {
    let mut peer = Peer::start(PYSPNEGO, "server", PASSWORD, None);
    let (mut us, last) = sign_in(&mut peer, PASSWORD, None);
    assert_eq!(last, "done");
    exchange_signatures(&mut peer, &mut us.security);
}

#[test]
#[ignore = "needs pyspnego"]
fn pyspnego_refuses_our_wrong_password() {
    let mut peer = Peer::start(PYSPNEGO, "server", PASSWORD, None);
    let (_, last) = sign_in(&mut peer, "wrong", None);
    assert!(last.starts_with("refused"), "{last}");
}

#[test]
#[ignore = "needs pyspnego"]
fn pyspnego_checks_our_channel_binding() {
    let ours = ntlm::channel_binding(&end_point());
    for (binding, welcome) in [(ours, true), ([7; 16], false)] {
        let mut peer = Peer::start(PYSPNEGO, "server", PASSWORD, Some(&end_point()));
        let (_, last) = sign_in(&mut peer, PASSWORD, Some(binding));
        assert_eq!(last == "done", welcome, "{last}");
    }
}

#[test]
#[ignore = "needs Samba's ntlm_auth"]
fn samba_signs_in_here() {
    let mut peer = Peer::start(SAMBA, "client", ASCII_PASSWORD, None);
    let (accepted, answer) = accept(&mut peer, ASCII_PASSWORD, None);
    assert_same_key(&mut peer, answer.flags, &mut accepted.unwrap().security, Role::Client);
}

#[test]
#[ignore = "needs Samba's ntlm_auth"]
fn samba_with_a_wrong_password_stays_out() {
    let mut peer = Peer::start(SAMBA, "client", "wrong", None);
    let (accepted, _) = accept(&mut peer, ASCII_PASSWORD, None);
    assert_eq!(accepted.err(), Some(ntlm::Error::WrongPassword));
}

#[test]
#[ignore = "needs Samba's ntlm_auth"]
fn we_sign_in_at_samba() {
    let mut peer = Peer::start(SAMBA, "server", ASCII_PASSWORD, None);
    let (mut us, last) = sign_in(&mut peer, ASCII_PASSWORD, None);
    assert_eq!(last, "done");
    let flags = us.security.flags();
    assert_same_key(&mut peer, flags, &mut us.security, Role::Server);
}

#[test]
#[ignore = "needs Samba's ntlm_auth"]
fn samba_refuses_our_wrong_password() {
    let mut peer = Peer::start(SAMBA, "server", ASCII_PASSWORD, None);
    let (_, last) = sign_in(&mut peer, "wrong", None);
    assert!(last.starts_with("refused NA"), "{last}");
}

/// Samba signs nothing here, but the key it tells must make the signatures that we expect.
fn assert_same_key(peer: &mut Peer, flags: u32, ours: &mut Security, theirs: Role) {
    let key = peer.get("key", &[]).try_into().unwrap();
    let mut theirs = Security::new(flags, &key, theirs);
    let signature = theirs.sign(0, b"message");
    assert!(ours.verify(0, b"message", &signature));
    let signature = ours.sign(0, b"answer");
    assert!(theirs.verify(0, b"answer", &signature));
}
