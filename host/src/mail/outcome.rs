//! From what Exchange answers to what the outbox understands. Nothing past it knows EWS.

use std::time::Duration;

use bridge::outbox::{Draft, Outcome, Standing};
use ews::{classify::Class, item_id::ItemId};

use crate::{clock, exchange::CallError};

/// How long an account rests whose set-up or sign-in is wrong, in milliseconds (ews.md 3.1, 5.9).
const SET_UP_WAIT_MS: i64 = 15 * 60_000;

/// What an error means for the mail it concerns, and for the account.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// For the mail.
    pub(crate) outcome: Outcome,
    /// The whole account waits until then, in milliseconds since 1970.
    pub(crate) gate_until_ms: Option<i64>,
    /// Whether an administrator has to act.
    pub(crate) alarm: bool,
    /// Whether the draft's version is stale, so that it only needs to be read again.
    pub(crate) stale: bool,
}

/// Counts a refusal of a mail. Answers how many in a row had its code, this one included; 0 for what is
/// no refusal of this very mail.
pub(crate) fn refusals(error: &CallError, standing: &mut Standing) -> u32 {
    error.item_code().map_or(0, |code| standing.refuse(code.as_str()))
}

/// Translates an error. `refusals` is what [`refusals`] answered, 0 for a look; `asked_ms` is when the
/// request began, `rest` how long the account does not sign in for.
#[must_use]
pub(crate) fn verdict(
    error: &CallError,
    refusals: u32,
    asked_ms: i64,
    now_ms: i64,
    rest: Option<Duration>,
) -> Verdict {
    let reason = error.to_string();
    let back_off = error.back_off().map(|wait| now_ms.saturating_add(clock::millis(wait)));
    let plain = |outcome| Verdict { outcome, gate_until_ms: None, alarm: false, stale: false };
    let delayed = |until_ms| Outcome::Delayed { until_ms, reason: reason.clone() };
    match error.class_after(refusals) {
        Class::Busy => Verdict { gate_until_ms: back_off, ..plain(delayed(back_off)) },
        Class::Authentication if rest.is_some() => {
            let until = rest.map(|rest| now_ms.saturating_add(clock::millis(rest)));
            Verdict { gate_until_ms: until, alarm: true, ..plain(delayed(until)) }
        }
        Class::Configuration | Class::Authentication => {
            let until = Some(back_off.unwrap_or_else(|| now_ms.saturating_add(SET_UP_WAIT_MS)));
            Verdict { gate_until_ms: until, alarm: true, ..plain(delayed(until)) }
        }
        Class::Message | Class::Recipient | Class::Ours => plain(Outcome::Failed { reason }),
        // The account has tried the lower versions by itself.
        Class::Now if !error.wants_change_key() => {
            let until = Some(now_ms.saturating_add(SET_UP_WAIT_MS));
            Verdict { gate_until_ms: until, alarm: true, ..plain(delayed(until)) }
        }
        Class::Now => Verdict { stale: true, ..plain(delayed(None)) },
        Class::Transient | Class::NotProcessed => plain(delayed(back_off)),
        Class::Unknown | Class::Ok if error.known_not_done() => plain(delayed(back_off)),
        Class::Unknown | Class::Ok => plain(Outcome::Unknown { since_ms: asked_ms, reason }),
    }
}

/// Whether a request for several mails was refused for good as a whole, so that any of them may be
/// to blame, or only their number: each has to be asked for alone before one is given up.
#[must_use]
pub(super) fn tells_of_no_single<T>(results: &[Result<T, CallError>]) -> bool {
    let refuses = |result: &Result<T, CallError>| match result {
        Err(error @ CallError::Shared(_)) => {
            matches!(error.class(), Class::Message | Class::Recipient | Class::Ours)
        }
        _ => false,
    };
    results.len() > 1 && results.iter().all(refuses)
}

/// A draft as the outbox keeps it.
#[must_use]
pub(super) fn draft(id: &ItemId) -> Draft {
    Draft { id: id.id.clone(), version: id.change_key.clone().unwrap_or_default() }
}

/// A draft as Exchange names it.
#[must_use]
pub(super) fn item_id(draft: &Draft) -> ItemId {
    if draft.version.is_empty() {
        ItemId::new(draft.id.clone())
    } else {
        ItemId::with_change_key(draft.id.clone(), draft.version.clone())
    }
}

#[cfg(test)]
mod tests {
    use ews::{Effect, ResponseCode, error::Error};

    use super::*;

    fn refused(code: &str, effect: Effect) -> CallError {
        let cause = Error::Refused {
            operation: "CreateItem",
            code: ResponseCode::new(code),
            effect,
            details: Box::default(),
            text: None,
        };
        CallError::Exchange { server: "mail".to_owned(), cause }
    }

    fn is_given_up(error: &CallError, refusals: u32) -> bool {
        matches!(verdict(error, refusals, 0, 0, None).outcome, Outcome::Failed { .. })
    }

    #[test]
    fn a_mail_that_is_refused_again_and_again_is_given_up() {
        let error = refused("ErrorItemSave", Effect::Draft);
        assert!(!is_given_up(&error, 2) && is_given_up(&error, 3));
        let unheard = refused("ErrorNeverHeardOf", Effect::Draft);
        assert!(!is_given_up(&unheard, 4) && is_given_up(&unheard, 5));
        assert!(!is_given_up(&refused("ErrorServerBusy", Effect::Draft), 99), "that passes");
        let left = refused("ErrorNeverHeardOf", Effect::Send);
        assert!(!is_given_up(&left, 99), "it may have left");
        let whole = CallError::Shared(std::sync::Arc::new(unheard));
        assert!(!is_given_up(&whole, 99), "a whole request tells of no mail");
    }

    #[test]
    fn a_draft_with_a_stale_version_is_always_read_again() {
        let stale = refused("ErrorIrresolvableConflict", Effect::Send);
        assert!(
            [1, 2, 3, 99].into_iter().all(|refusals| verdict(&stale, refusals, 0, 0, None).stale)
        );
    }

    #[test]
    fn a_context_that_stays_invalid_is_a_matter_of_set_up() {
        let context = refused("ErrorInvalidClientSecurityContext", Effect::Repeatable);
        assert!(!verdict(&context, 1, 0, 0, None).alarm && verdict(&context, 2, 0, 0, None).alarm);
    }
}
