//! The server's side of signing in: one state for each connection.

use base64::{Engine, engine::general_purpose::STANDARD};
use ntlm::{
    ChallengeParameters, ChannelBindingPolicy, FileTime, Negotiate, NtHash, Secret, ServerNames,
};

use super::{
    challenge::{HEADER_BYTES_MAX, Scheme},
    ntlm_binding,
};

/// The most refusals on one connection; then it is closed.
pub const REQUESTS_REFUSED_MAX: u32 = 20;

/// What the server offers and asks for.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Whether Basic is offered; only over TLS or on the loopback interface.
    pub basic: bool,
    /// Whether NTLM is offered.
    pub ntlm: bool,
    /// The realm for Basic: plain ASCII without quotes.
    pub realm: String,
    /// What NTLM asks of the client about TLS.
    pub channel_binding: ChannelBindingPolicy,
    /// How the server names itself in NTLM challenges.
    pub names: ServerNames,
}

/// An account, as the server looks it up.
#[derive(Clone, Debug)]
pub struct Account {
    /// Under which name the rest of the server knows it.
    pub identity: String,
    /// Its password.
    pub password: Secret,
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It comes from this account ([`Account::identity`]): answer it.
    Accept(String),
    /// Answer it with 401 and these `WWW-Authenticate` fields; keep the connection unless `close`.
    Challenge {
        /// The values, one field each.
        fields: Vec<String>,
        /// Whether the connection has to be closed.
        close: bool,
    },
}

/// The state of one connection. NTLM signs the connection in; Basic signs in a request.
#[derive(Debug, Default)]
pub struct ConnectionAuth {
    state: State,
    refused: u32,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    /// A challenge is out. It serves for one answer.
    Challenged { negotiate: Vec<u8>, challenge: Vec<u8> },
    /// NTLM succeeded: requests need no `Authorization` any more.
    SignedIn(String),
}

impl ConnectionAuth {
    /// A connection at its beginning.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decides about a request with this `Authorization`.
    ///
    /// `lookup` finds an account by user and domain as the client wrote them (the domain is empty
    /// for `user@domain`). `certificate_hash` is that of `tls-server-end-point`, `None` without TLS.
    /// `server_challenge` are bytes that nobody can foretell, new for each request.
    pub fn decide(
        &mut self,
        authorization: Option<&str>,
        policy: &Policy,
        lookup: impl Fn(&str, &str) -> Option<Account>,
        certificate_hash: Option<&[u8]>,
        server_challenge: [u8; 8],
        now: FileTime,
    ) -> Decision {
        let Some(value) = authorization.filter(|value| value.len() <= HEADER_BYTES_MAX) else {
            return match &self.state {
                State::SignedIn(identity) => Decision::Accept(identity.clone()),
                _ => self.offer(policy),
            };
        };
        let (scheme, token) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
        let token = STANDARD.decode(token.trim()).ok();
        match (Scheme::from_wire(scheme), token) {
            (Some(Scheme::Basic), Some(pair)) if policy.basic => {
                self.state = State::Idle;
                match check_basic(&pair, lookup) {
                    Some(identity) => {
                        self.refused = 0;
                        Decision::Accept(identity)
                    }
                    None => self.refuse(policy),
                }
            }
            (Some(Scheme::Ntlm), Some(message)) if policy.ntlm => {
                let binding = certificate_hash.map(ntlm_binding);
                self.ntlm(&message, policy, lookup, binding, server_challenge, now)
            }
            _ => self.refuse(policy),
        }
    }

    fn ntlm(
        &mut self,
        message: &[u8],
        policy: &Policy,
        lookup: impl Fn(&str, &str) -> Option<Account>,
        binding: Option<[u8; 16]>,
        server_challenge: [u8; 8],
        now: FileTime,
    ) -> Decision {
        // Whatever comes, the state before it has served: no challenge is answered twice.
        let state = std::mem::take(&mut self.state);
        if let Ok(offered) = Negotiate::parse(message) {
            return self.challenge(message, &offered, policy, server_challenge, now);
        }
        let State::Challenged { negotiate, challenge } = state else {
            return self.refuse(policy);
        };
        let mut identity = None;
        let find = |user: &str, domain: &str| {
            let account = lookup(user, domain)?;
            let hash = NtHash::of(&account.password);
            identity = Some(account.identity);
            Some(hash)
        };
        let accepted =
            ntlm::accept(&negotiate, &challenge, message, find, binding, policy.channel_binding);
        match (accepted, identity) {
            (Ok(_), Some(identity)) => {
                self.refused = 0;
                self.state = State::SignedIn(identity.clone());
                Decision::Accept(identity)
            }
            _ => self.refuse(policy),
        }
    }

    fn challenge(
        &mut self,
        negotiate: &[u8],
        offered: &Negotiate,
        policy: &Policy,
        server_challenge: [u8; 8],
        now: FileTime,
    ) -> Decision {
        let parameters =
            ChallengeParameters::connection(offered, &policy.names, server_challenge, now);
        let Ok(challenge) = ntlm::Challenge::build(&parameters) else {
            return self.refuse(policy);
        };
        let field = format!("NTLM {}", STANDARD.encode(&challenge));
        self.state = State::Challenged { negotiate: negotiate.to_vec(), challenge };
        Decision::Challenge { fields: vec![field], close: false }
    }

    fn refuse(&mut self, policy: &Policy) -> Decision {
        self.state = State::Idle;
        self.refused = self.refused.saturating_add(1);
        self.offer(policy)
    }

    fn offer(&self, policy: &Policy) -> Decision {
        let ntlm = policy.ntlm.then(|| Scheme::Ntlm.as_str().to_owned());
        let realm: String = policy
            .realm
            .chars()
            .filter(|c| (c.is_ascii_graphic() || *c == ' ') && !"\"\\".contains(*c))
            .collect();
        let basic = policy.basic.then(|| format!("Basic realm=\"{realm}\", charset=\"UTF-8\""));
        Decision::Challenge {
            fields: ntlm.into_iter().chain(basic).collect(),
            close: self.refused >= REQUESTS_REFUSED_MAX,
        }
    }
}

/// Checks `user:password`; the time it takes does not tell how much of the password was right.
fn check_basic(pair: &[u8], lookup: impl Fn(&str, &str) -> Option<Account>) -> Option<String> {
    let pair = std::str::from_utf8(pair).ok()?;
    let (user, password) = pair.split_once(':')?;
    let (domain, user) = user.split_once('\\').unwrap_or(("", user));
    let account = lookup(user, domain);
    let expected = account.as_ref().map_or("", |account| account.password.expose());
    let right = same(expected.as_bytes(), password.as_bytes());
    account.filter(|_| right).map(|account| account.identity)
}

/// Compares without leaving early; the lengths may show.
fn same(expected: &[u8], given: &[u8]) -> bool {
    let differing =
        expected.iter().zip(given).fold(0_u8, |sum, (a, b)| std::hint::black_box(sum | (a ^ b)));
    expected.len() == given.len() && differing == 0
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at a surprise")]
    use ntlm::Credentials;

    use super::*;
    use crate::auth::{AuthError, NtlmHandshake, basic};

    const HASH: [u8; 32] = [7; 32];

    fn policy(channel_binding: ChannelBindingPolicy) -> Policy {
        let names = ServerNames {
            netbios_domain: "CORP".to_owned(),
            netbios_computer: "EX01".to_owned(),
            dns_domain: "corp.example".to_owned(),
            dns_computer: "ex01.corp.example".to_owned(),
        };
        Policy { basic: true, ntlm: true, realm: "\"ex\"".to_owned(), channel_binding, names }
    }

    fn lookup(user: &str, _domain: &str) -> Option<Account> {
        let known = user.eq_ignore_ascii_case("ana");
        known.then(|| Account { identity: "ana@corp.example".to_owned(), password: "Pä55".into() })
    }

    fn credentials(user: &str, password: &str) -> Credentials {
        Credentials { user: user.to_owned(), domain: "CORP".to_owned(), password: password.into() }
    }

    struct Server {
        auth: ConnectionAuth,
        policy: Policy,
        hash: Option<[u8; 32]>,
    }

    impl Server {
        fn new(policy: Policy, hash: Option<[u8; 32]>) -> Self {
            Self { auth: ConnectionAuth::new(), policy, hash }
        }

        fn ask(&mut self, authorization: Option<&str>) -> Decision {
            let hash = self.hash.as_ref().map(<[u8; 32]>::as_slice);
            let now = FileTime(133_000_000_000_000_000);
            self.auth.decide(authorization, &self.policy, lookup, hash, [9; 8], now)
        }

        /// Goes through the handshake; gives the last decision and the last leg.
        fn sign_in(&mut self, who: &Credentials, hash: Option<[u8; 32]>) -> (Decision, String) {
            let mut client = NtlmHandshake::new();
            let Decision::Challenge { fields, close: false } = self.ask(Some(&client.begin()))
            else {
                unreachable!("NEGOTIATE is answered by a challenge");
            };
            let fields = fields.iter().map(String::as_str);
            let hash = hash.as_ref().map(<[u8; 32]>::as_slice);
            let answer = client.answer(fields, who, "PC", hash, [3; 24], FileTime(1)).unwrap();
            (self.ask(Some(&answer)), answer)
        }
    }

    fn accepted() -> Decision {
        Decision::Accept("ana@corp.example".to_owned())
    }

    #[test]
    fn ntlm_signs_the_connection_in() {
        let mut server = Server::new(policy(ChannelBindingPolicy::Allow), Some(HASH));
        let (decision, leg) = server.sign_in(&credentials("ana", "Pä55"), Some(HASH));
        assert_eq!(decision, accepted());
        assert_eq!(server.ask(None), accepted());
        assert_ne!(server.ask(Some(&leg)), accepted(), "an answer serves once");
        assert_ne!(server.ask(None), accepted(), "and what came after it signed the user out");
        let mut other = Server::new(policy(ChannelBindingPolicy::Allow), Some(HASH));
        assert_ne!(other.ask(Some(&leg)), accepted(), "it serves on its own connection only");
        assert_ne!(other.ask(None), accepted());
    }

    #[test]
    fn wrong_passwords_and_strangers_are_refused() {
        for (user, password) in [("ana", "Pä56"), ("ana", ""), ("eve", "Pä55"), ("eve", "")] {
            let mut server = Server::new(policy(ChannelBindingPolicy::None), None);
            let who = credentials(user, password);
            let (decision, _) = server.sign_in(&who, None);
            assert!(matches!(decision, Decision::Challenge { close: false, .. }), "{user}");
            let basic = basic(&who).unwrap();
            assert!(matches!(server.ask(Some(&basic)), Decision::Challenge { .. }), "{user}");
            assert!(matches!(server.ask(None), Decision::Challenge { .. }));
        }
    }

    #[test]
    fn the_binding_is_checked_by_policy() {
        use ChannelBindingPolicy::{Allow, None as Nothing, Require};
        let wrong = Some([8; 32]);
        for (channel_binding, sent, right) in [
            (Require, Some(HASH), true),
            (Require, None, false),
            (Require, wrong, false),
            (Allow, Some(HASH), true),
            (Allow, None, true),
            (Allow, wrong, false),
            (Nothing, None, true),
            (Nothing, wrong, true),
        ] {
            let mut server = Server::new(policy(channel_binding), Some(HASH));
            let (decision, _) = server.sign_in(&credentials("ana", "Pä55"), sent);
            assert_eq!(decision == accepted(), right, "{channel_binding:?} {sent:?}");
        }
    }

    #[test]
    fn basic_goes_with_every_request() {
        let mut server = Server::new(policy(ChannelBindingPolicy::Allow), None);
        let expected = vec!["NTLM".to_owned(), "Basic realm=\"ex\", charset=\"UTF-8\"".to_owned()];
        let offered = Decision::Challenge { fields: expected, close: false };
        assert_eq!(server.ask(None), offered);
        let header = basic(&credentials("ana", "Pä55")).unwrap();
        assert_eq!(server.ask(Some(&header)), accepted());
        assert_eq!(server.ask(None), offered);
        server.policy.basic = false;
        assert_ne!(server.ask(Some(&header)), accepted());
    }

    #[test]
    fn a_challenge_serves_for_one_answer() {
        let mut server = Server::new(policy(ChannelBindingPolicy::None), None);
        let (_, wrong) = server.sign_in(&credentials("ana", "wrong"), None);
        assert_ne!(server.ask(Some(&wrong)), accepted());
        let mut client = NtlmHandshake::new();
        let Decision::Challenge { fields, .. } = server.ask(None) else { unreachable!() };
        let fields = fields.iter().map(String::as_str);
        let who = credentials("ana", "Pä55");
        let refused = client.answer(fields, &who, "PC", None, [3; 24], FileTime(1));
        assert_eq!(refused, Err(AuthError::Refused));
    }

    #[test]
    fn nonsense_is_refused_and_ends_the_connection() {
        let mut server = Server::new(policy(ChannelBindingPolicy::None), None);
        let nonsense =
            ["", "NTLM", "NTLM ***", "NTLM AAAA", "Basic", "Basic AAAA", "Bearer x", "é"];
        let decisions: Vec<Decision> =
            nonsense.iter().cycle().take(30).map(|value| server.ask(Some(value))).collect();
        assert!(matches!(decisions[0], Decision::Challenge { close: false, .. }));
        assert!(matches!(decisions[29], Decision::Challenge { close: true, .. }));
    }
}
