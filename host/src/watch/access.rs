//! Who may see the page, and whether a request comes from it: the token, the session that a browser
//! gets for it, the seal on every form, and the name by which the page was asked for.

use std::{collections::BTreeMap, net::IpAddr};

use axum::http::{HeaderMap, header};
use hmac::{Hmac, KeyInit as _, Mac as _};
use ntlm::Secret;
use sha2::Sha256;

use crate::{clock, guest::hex};

/// How long a browser need not be told the token again, in milliseconds.
const SESSION_MS: i64 = 12 * 3_600_000;
/// The cookie's name.
const COOKIE: &str = "chat_digest_session";
const TOKEN: &str = "token";
const SESSION: &str = "session";
const FORM: &str = "form";

/// What decides that.
pub(super) struct Access {
    /// Made anew with every start: sessions and forms of the last one are void.
    key: [u8; 64],
    /// Marks the token that opens the page; without one it is open.
    token: Option<Vec<u8>>,
    names: Vec<String>,
}

impl Access {
    pub(super) fn new(token: Option<&Secret>, names: Vec<String>) -> Self {
        let mut access = Self { key: clock::random(), token: None, names };
        access.token = token.map(|token| access.mark(TOKEN, &[token.expose()]));
        access
    }

    /// Whether a page of another site can not have asked under this name: a name that leads here
    /// by its owner's will (DNS rebinding) is none of ours, an address is.
    pub(super) fn knows_host(&self, headers: &HeaderMap) -> bool {
        let Some(host) = text(headers, header::HOST.as_str()) else { return false };
        let name = without_port(host).to_ascii_lowercase();
        let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        is_address || name == "localhost" || self.names.contains(&name)
    }

    /// Whether the request carries the token or a session, or none is wanted.
    pub(super) fn admits(&self, headers: &HeaderMap, now_ms: i64) -> bool {
        if self.token.is_none() {
            return true;
        }
        let bearer = text(headers, header::AUTHORIZATION.as_str())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        bearer.is_some_and(|(_, token)| self.opens(token.trim()))
            || session(headers).is_some_and(|session| self.is_session(session, now_ms))
    }

    /// Whether this is the token.
    pub(super) fn opens(&self, token: &str) -> bool {
        let Some(mark) = &self.token else { return false };
        self.is_marked(TOKEN, &[token], mark)
    }

    /// The cookie for whoever knows the token. `secure` where the browser speaks TLS with a proxy.
    pub(super) fn cookie(&self, secure: bool, now_ms: i64) -> String {
        let until = now_ms.saturating_add(SESSION_MS).to_string();
        let seal = hex(&self.mark(SESSION, &[&until]));
        let secure = if secure { "; Secure" } else { "" };
        let seconds = SESSION_MS / 1000;
        format!(
            "{COOKIE}={until}.{seal}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{secure}"
        )
    }

    fn is_session(&self, session: &str, now_ms: i64) -> bool {
        let Some((until, seal)) = session.split_once('.') else { return false };
        let lasts = until.parse::<i64>().is_ok_and(|until| now_ms < until);
        lasts && unhex(seal).is_some_and(|seal| self.is_marked(SESSION, &[until], &seal))
    }

    /// The seal on a form that asks for this action: other sites cannot read it, nor make one.
    pub(super) fn seal(&self, action: &str, what: &str) -> String {
        hex(&self.mark(FORM, &[action, what]))
    }

    /// Whether a form was made here for this action, and sent by a page of ours.
    pub(super) fn is_ours(
        &self,
        headers: &HeaderMap,
        fields: &BTreeMap<String, String>,
        action: &str,
        what: &str,
    ) -> bool {
        let seal = fields.get("seal").and_then(|seal| unhex(seal));
        comes_from_here(headers)
            && seal.is_some_and(|seal| self.is_marked(FORM, &[action, what], &seal))
    }

    fn keyed(&self, purpose: &str, fields: &[&str]) -> Hmac<Sha256> {
        let mut hmac = Hmac::<Sha256>::new((&self.key).into());
        // Each behind its length: they cannot run into each other.
        for field in [purpose].iter().chain(fields) {
            hmac.update(&u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            hmac.update(field.as_bytes());
        }
        hmac
    }

    fn mark(&self, purpose: &str, fields: &[&str]) -> Vec<u8> {
        self.keyed(purpose, fields).finalize().into_bytes().to_vec()
    }

    /// Takes as long whatever is wrong with it.
    fn is_marked(&self, purpose: &str, fields: &[&str], mark: &[u8]) -> bool {
        self.keyed(purpose, fields).verify_slice(mark).is_ok()
    }
}

/// What browsers say of where a form was sent from; other programs say nothing.
pub(super) fn comes_from_here(headers: &HeaderMap) -> bool {
    let site = text(headers, "sec-fetch-site");
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return false;
    }
    let host = text(headers, header::HOST.as_str());
    match text(headers, header::ORIGIN.as_str()) {
        None => true,
        Some(origin) => origin.split_once("://").map(|(_, origin)| origin) == host,
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    }
}

fn session(headers: &HeaderMap) -> Option<&str> {
    let cookies = text(headers, header::COOKIE.as_str())?.split(';');
    let ours = cookies.filter_map(|cookie| cookie.trim().split_once('='));
    ours.filter(|(name, _)| *name == COOKIE).map(|(_, value)| value).next()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn access(token: Option<&str>) -> Access {
        let token = token.map(Secret::from);
        Access::new(token.as_ref(), vec!["digest.contoso.com".to_owned()])
    }

    #[test]
    fn only_names_of_ours_are_answered() {
        let access = access(None);
        for ours in
            ["127.0.0.1:9436", "[::1]:9436", "10.0.0.1", "LocalHost:1", "digest.contoso.com"]
        {
            assert!(access.knows_host(&headers(&[("host", ours)])), "{ours}");
        }
        for foreign in ["evil.example:9436", "localhost.evil.example", "", "127.0.0.1.evil.example"]
        {
            assert!(!access.knows_host(&headers(&[("host", foreign)])), "{foreign}");
        }
        assert!(!access.knows_host(&HeaderMap::new()));
    }

    #[test]
    fn the_token_opens_it_and_so_does_its_session_for_a_while() {
        let access = access(Some("0123456789abcdef"));
        let bearer = |token: &str| headers(&[("authorization", &format!("Bearer {token}"))]);
        assert!(access.admits(&bearer("0123456789abcdef"), 0));
        for wrong in ["", "0123456789abcdeF", "0123456789abcdef0", "Basic"] {
            assert!(!access.admits(&bearer(wrong), 0), "{wrong}");
        }
        assert!(!access.admits(&headers(&[("authorization", "Basic 0123456789abcdef")]), 0));
        let cookie = access.cookie(false, 0);
        assert!(cookie.contains("; HttpOnly; SameSite=Strict;"), "{cookie}");
        let value = cookie.split(';').next().unwrap();
        let with = |cookie: &str| headers(&[("cookie", &format!("a=b; {cookie}"))]);
        assert!(access.admits(&with(value), 11 * HOUR_MS));
        assert!(!access.admits(&with(value), 12 * HOUR_MS), "it is over");
        assert!(!access.admits(&with(&value.replace("=4", "=9")), HOUR_MS), "it was made longer");
        let after_a_restart = Access::new(Some(&Secret::from("0123456789abcdef")), Vec::new());
        assert!(!after_a_restart.admits(&with(value), 0));
    }

    #[test]
    fn without_a_token_it_is_open_and_no_token_opens_it() {
        let access = access(None);
        assert!(access.admits(&HeaderMap::new(), 0));
        assert!(!access.opens(""));
    }

    #[test]
    fn a_form_counts_for_what_it_was_made_for_and_from_here_only() {
        let access = access(None);
        let fields = |seal: String| BTreeMap::from([("seal".to_owned(), seal)]);
        let (good, none) = (fields(access.seal("retry", "1")), HeaderMap::new());
        assert!(access.is_ours(&none, &good, "retry", "1"));
        assert!(!access.is_ours(&none, &good, "discard", "1"));
        assert!(!access.is_ours(&none, &good, "retry", "2"));
        assert!(!access.is_ours(&none, &BTreeMap::new(), "retry", "1"));
        for bad in ["", "00", "zz", "é"] {
            assert!(!access.is_ours(&none, &fields(bad.to_owned()), "retry", "1"), "{bad}");
        }
        let from =
            |pairs: &[(&'static str, &str)]| access.is_ours(&headers(pairs), &good, "retry", "1");
        assert!(from(&[("host", "localhost:1"), ("origin", "http://localhost:1")]));
        assert!(!from(&[("host", "localhost:1"), ("origin", "http://evil.example")]));
        assert!(!from(&[("host", "localhost:1"), ("origin", "null")]));
        assert!(!from(&[("sec-fetch-site", "cross-site")]));
        assert!(from(&[("sec-fetch-site", "same-origin")]));
    }
}
