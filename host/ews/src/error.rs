//! Why a request, or one item of it, did not succeed; sorted by what the caller can do.

use std::time::Duration;

use crate::{
    classify::{Class, Effect, classify, is_about_change_key, is_about_version, limit},
    code::ResponseCode,
    soap::{Details, Fault, details::BACK_OFF_MAX},
};

/// The wait when a busy server does not say how long.
const BUSY_WAIT: Duration = Duration::from_secs(60);
/// The wait after too many requests at once.
const CONNECTIONS_WAIT: Duration = Duration::from_secs(5);
/// The wait after too many mails in too short a time.
const SUBMISSION_WAIT: Duration = Duration::from_secs(15 * 60);

/// Why it did not succeed.
///
/// The texts hold the operation, the code and what to do; nothing of what was sent, no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// One item was refused; others of the same request may have fared better.
    #[error("{operation} refused with {code}. {}", remedy(code, self.class()))]
    Refused {
        /// The operation.
        operation: &'static str,
        /// Why.
        code: ResponseCode,
        /// What the operation would have done.
        effect: Effect,
        /// More about it.
        details: Box<Details>,
        /// The server's own words; they may quote an address: DEBUG only.
        text: Option<String>,
    },
    /// The whole request was refused.
    #[error("{operation} refused as a whole with {}. {}", fault.code, remedy(&fault.code, self.class()))]
    Fault {
        /// The operation.
        operation: &'static str,
        /// What the operation would have done.
        effect: Effect,
        /// The fault.
        fault: Box<Fault>,
    },
    /// The answer is none of Exchange Web Services: it comes from a proxy, from IIS, or says that
    /// the request never got there.
    #[error("{operation} answered with HTTP status {status}: {what}. {}", class.remedy())]
    Http {
        /// The operation.
        operation: &'static str,
        /// The status.
        status: u16,
        /// What that means.
        what: &'static str,
        /// What can be done.
        class: Class,
        /// Whether it is certain that nothing was done.
        not_done: bool,
        /// How long to wait.
        back_off: Option<Duration>,
    },
    /// The answer cannot be read as one.
    #[error("{operation} answered in a way that cannot be read: {what}. {}", self.class().remedy())]
    Malformed {
        /// The operation.
        operation: &'static str,
        /// What the operation would have done.
        effect: Effect,
        /// What is wrong.
        what: String,
    },
    /// The answer does not speak of this item.
    #[error("{operation} did not answer for this item. {}", self.class().remedy())]
    Unanswered {
        /// The operation.
        operation: &'static str,
        /// What the operation would have done.
        effect: Effect,
    },
}

/// What to do, in a sentence for the operator: by the code where that says more than its class.
fn remedy(code: &ResponseCode, class: Class) -> &'static str {
    match code.as_str() {
        "ErrorQuotaExceeded" => {
            "The sending mailbox is full: make room in it or raise its quota; it is tried again slowly."
        }
        "ErrorInvalidRecipients" | "ErrorInvalidSmtpAddress" => {
            "The recipient's address is not valid: correct it; this mail is given up."
        }
        "ErrorNonPrimarySmtpAddress" => {
            "Give the primary address as `mailbox`; it is tried again slowly."
        }
        "ErrorSendAsDenied" => {
            "The account has no right to send from this mailbox: grant Send As; it is tried again slowly."
        }
        _ if is_about_version(code) => {
            "The server speaks none of our versions for this mailbox: Exchange 2013 or later is needed."
        }
        _ => class.remedy(),
    }
}

impl Error {
    /// What the caller can do.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Refused { code, effect, details, .. } => classify(code, *effect, details),
            Self::Fault { effect, fault, .. } => {
                // A fault of these codes says that nothing was begun, whatever was asked for.
                classify(&fault.code, *effect, &fault.details)
            }
            Self::Http { class, .. } => *class,
            Self::Malformed { effect, .. } | Self::Unanswered { effect, .. } => {
                if effect.leaves_a_trace() { Class::Unknown } else { Class::Transient }
            }
        }
    }

    /// What can be done about an item when `refusals` in a row, this one included, had this code: some
    /// codes pass, and where they do not, it is the item that is wrong, or the set-up (ews.md 3.1).
    #[must_use]
    pub fn class_after(&self, refusals: u32) -> Class {
        let class = self.class();
        let Self::Refused { code, effect, .. } = self else { return class };
        match (class, effect) {
            // A draft that is there all the same is found by its key, and deleted.
            (Class::Transient, _) | (Class::Unknown, Effect::Draft) => limit(code)
                .filter(|limit| refusals > u32::from(limit.repeats_max))
                .map_or(class, |limit| limit.then),
            // What may have left is not given up.
            _ => class,
        }
    }

    /// The code that one item of a request was refused with. What concerns a whole request tells of no
    /// item.
    #[must_use]
    pub fn item_code(&self) -> Option<&ResponseCode> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// The response code, if the answer had one.
    #[must_use]
    pub fn code(&self) -> Option<&ResponseCode> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Fault { fault, .. } => Some(&fault.code),
            _ => None,
        }
    }

    /// What the server says about the error besides.
    #[must_use]
    pub fn details(&self) -> Option<&Details> {
        match self {
            Self::Refused { details, .. } => Some(details),
            Self::Fault { fault, .. } => Some(&fault.details),
            _ => None,
        }
    }

    /// The operation's name.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        match self {
            Self::Refused { operation, .. }
            | Self::Fault { operation, .. }
            | Self::Http { operation, .. }
            | Self::Malformed { operation, .. }
            | Self::Unanswered { operation, .. } => operation,
        }
    }

    /// How long to wait before the account's next request, at most half an hour. A value for every
    /// busy answer: a default where the server gives none.
    #[must_use]
    pub fn back_off(&self) -> Option<Duration> {
        let asked = match self {
            Self::Http { back_off, .. } => *back_off,
            _ => self.details().and_then(Details::back_off),
        };
        let usual = || match self.code() {
            Some(code) if *code == ResponseCode::SUBMISSION_QUOTA_EXCEEDED => SUBMISSION_WAIT,
            Some(code) if *code == ResponseCode::EXCEEDED_CONNECTION_COUNT => CONNECTIONS_WAIT,
            _ => BUSY_WAIT,
        };
        let wait = asked.or_else(|| (self.class() == Class::Busy).then(usual));
        wait.map(|wait| wait.min(BACK_OFF_MAX))
    }

    /// Whether it is certain that nothing was done, so that the same may simply go again
    /// (ews.md 2.4).
    #[must_use]
    pub fn known_not_done(&self) -> bool {
        match self {
            Self::Refused { code, .. } => *code == ResponseCode::BATCH_PROCESSING_STOPPED,
            Self::Fault { fault, .. } => [
                ResponseCode::SCHEMA_VALIDATION,
                ResponseCode::INVALID_SERVER_VERSION,
                ResponseCode::SERVER_BUSY,
                ResponseCode::EXCEEDED_CONNECTION_COUNT,
            ]
            .contains(&fault.code),
            Self::Http { not_done, .. } => *not_done,
            Self::Malformed { .. } | Self::Unanswered { .. } => false,
        }
    }

    /// Whether the server does not know the version that was asked for, or does not have it for this
    /// mailbox: a lower one may do (ews.md 7).
    #[must_use]
    pub fn refuses_version(&self) -> bool {
        self.code().is_some_and(is_about_version)
    }

    /// Whether the item is to be read again for its change key, and nothing else is wrong.
    #[must_use]
    pub fn wants_change_key(&self) -> bool {
        self.class() == Class::Now && self.code().is_some_and(is_about_change_key)
    }

    /// Whether nobody knows if it was done: look before repeating.
    #[must_use]
    pub fn unknown_outcome(&self) -> bool {
        self.class() == Class::Unknown && !self.known_not_done()
    }
}
