//! What an answer means by its HTTP status, before its body is looked at (ews.md 3.3).

use std::time::Duration;

use xml::Element;

use super::parse;
use crate::{
    classify::{Class, Effect},
    date_time::DateTime,
    error::Error,
    soap::{details::BACK_OFF_MAX, namespace},
};

/// The longest answer that is read.
pub const REPLY_BYTES_MAX: usize = 32 << 20;

/// A refusal that came later than this may have come after the work (ews.md 3.3, on 503).
const IMMEDIATE_MAX: Duration = Duration::from_secs(30);
/// The wait when a throttling answer does not say how long.
const THROTTLED_WAIT: Duration = Duration::from_secs(60);
/// The first wait after 503; the caller doubles it up to a quarter of an hour.
const UNAVAILABLE_WAIT: Duration = Duration::from_secs(30);

/// A complete HTTP answer.
#[derive(Clone, Copy, Debug)]
pub struct HttpReply<'r> {
    /// The status.
    pub status: u16,
    /// Header fields.
    pub headers: &'r [(String, String)],
    /// The body, complete and decompressed.
    pub body: &'r [u8],
    /// From the first byte of the request to the answer.
    pub took: Duration,
}

impl HttpReply<'_> {
    /// The first header field of this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// `Retry-After`, as seconds or as a date.
    fn retry_after(&self, now_unix_s: i64) -> Option<Duration> {
        let text = self.header("Retry-After")?;
        let seconds = match text.parse() {
            Ok(seconds) => seconds,
            Err(_) => {
                let at = DateTime::parse_http(text)?.unix_s();
                u64::try_from(at.saturating_sub(now_unix_s)).unwrap_or(0)
            }
        };
        Some(Duration::from_secs(seconds).min(BACK_OFF_MAX))
    }
}

/// Finds the envelope in an answer, or tells what the answer is instead.
pub(super) fn envelope(
    reply: &HttpReply<'_>,
    operation: &'static str,
    effect: Effect,
    now_unix_s: i64,
) -> Result<Element, Error> {
    let parsed = parse(reply.body);
    match parsed {
        Ok(root) if root.is(namespace::SOAP, "Envelope") && may_hold_envelope(reply.status) => {
            Ok(root)
        }
        Err(error) if reply.status == 200 && looks_like_soap(reply.body) => {
            Err(Error::Malformed { operation, effect, what: error.to_string() })
        }
        _ => {
            let verdict = judge(reply, effect, now_unix_s);
            Err(Error::Http {
                operation,
                status: reply.status,
                what: verdict.what,
                class: verdict.class,
                not_done: verdict.not_done,
                back_off: verdict.back_off,
            })
        }
    }
}

/// Faults come with 500, and from some servers with 200; other statuses speak for themselves.
fn may_hold_envelope(status: u16) -> bool {
    matches!(status, 200 | 500)
}

/// Tells an envelope that was cut short from a login page. In doubt it is an envelope, so that a
/// lost answer is never taken for a refusal.
fn looks_like_soap(body: &[u8]) -> bool {
    const LOOKED_AT_BYTES: usize = 1024;
    let start = body.get(..LOOKED_AT_BYTES).unwrap_or(body);
    let start = String::from_utf8_lossy(start).to_ascii_lowercase();
    let start = start.trim_start_matches('\u{feff}').trim_start();
    let page = start.contains("<html") || start.contains("<!doctype");
    start.is_empty() || (start.starts_with('<') && !page)
}

struct Verdict {
    what: &'static str,
    class: Class,
    not_done: bool,
    back_off: Option<Duration>,
}

impl Verdict {
    fn not_done(what: &'static str, class: Class) -> Self {
        Self { what, class, not_done: true, back_off: None }
    }

    /// Trouble on the way: the request may have been carried out.
    fn trouble(what: &'static str, effect: Effect) -> Self {
        let class = if effect.leaves_a_trace() { Class::Unknown } else { Class::Transient };
        Self { what, class, not_done: false, back_off: None }
    }
}

fn judge(reply: &HttpReply<'_>, effect: Effect, now_unix_s: i64) -> Verdict {
    use Class::{Authentication, Busy, Configuration, Message, Ours};
    if let Some(code) = reply.header("X-CasErrorCode") {
        return judge_front_end(code, effect);
    }
    match reply.status {
        200 => Verdict {
            not_done: false,
            ..Verdict::not_done("a page of a proxy or a login form, not EWS", Configuration)
        },
        300..=399 => judge_redirect(reply),
        400 => Verdict { not_done: false, ..Verdict::not_done("a bad request", Ours) },
        401 => Verdict::not_done("not signed in", Authentication),
        403 => Verdict::not_done(
            "EWS is not allowed for this application, user or tenant; Exchange Online switches EWS \
             off since October 2026",
            Configuration,
        ),
        404 | 405 => Verdict::not_done("there is no EWS at this address", Configuration),
        407 => Verdict::not_done("a proxy wants a sign-in", Configuration),
        413 => Verdict::not_done("the request is too large", Message),
        429 => {
            let wait = reply.retry_after(now_unix_s).unwrap_or(THROTTLED_WAIT);
            Verdict { back_off: Some(wait), ..Verdict::not_done("throttled", Busy) }
        }
        456 => Verdict::not_done("the account is locked; a person has to unlock it", Configuration),
        503 if reply.took <= IMMEDIATE_MAX => {
            let wait = reply.retry_after(now_unix_s).unwrap_or(UNAVAILABLE_WAIT);
            Verdict { back_off: Some(wait), ..Verdict::not_done("not available", Busy) }
        }
        503 => Verdict {
            back_off: reply.retry_after(now_unix_s),
            ..Verdict::trouble("not available, after a long time", effect)
        },
        408 | 502 | 504 => Verdict::trouble("a gateway gave up", effect),
        500..=599 => Verdict::trouble("the server failed", effect),
        _ => Verdict::trouble("a status that EWS does not use", effect),
    }
}

/// The front end could not find the mailbox, or could not reach it.
fn judge_front_end(code: &str, effect: Effect) -> Verdict {
    let missing = code.ends_with("NotFound") && (code.contains("User") || code.contains("Mailbox"));
    if missing {
        let what = "the front end does not find the mailbox";
        Verdict { not_done: false, ..Verdict::not_done(what, Class::Configuration) }
    } else {
        Verdict::trouble("the front end does not reach the mailbox", effect)
    }
}

fn judge_redirect(reply: &HttpReply<'_>) -> Verdict {
    let target = reply.header("Location").unwrap_or_default().to_ascii_lowercase();
    if target.contains("genericerrorpage.htm") {
        Verdict::not_done("the server shows its page for errors", Class::Transient)
    } else {
        let what =
            "a redirect, which is not followed: the address is wrong, or a proxy wants a sign-in";
        Verdict::not_done(what, Class::Configuration)
    }
}
