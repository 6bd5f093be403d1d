//! Failures on demand (ews.md 9.5): each test says what goes wrong, and how often.

use std::{collections::VecDeque, time::Duration};

use crate::{
    code::ResponseCode,
    soap::{Details, Fault as SoapFault},
};

/// Failures that may wait at once.
pub const FAULTS_MAX: usize = 10_000;

/// What goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An HTTP status in place of an answer; nothing is executed.
    Http {
        /// The status: 302, 401, 403, 429, 456, 500, 503, …
        status: u16,
        /// Header fields, such as `Retry-After`, `Location` or `X-CasErrorCode`.
        headers: Vec<(String, String)>,
    },
    /// A SOAP fault `ErrorServerBusy`; nothing is executed.
    ServerBusy {
        /// `BackOffMilliseconds`; left out if `None`.
        back_off_ms: Option<u32>,
    },
    /// Another SOAP fault; nothing is executed.
    Soap(ResponseCode),
    /// Items are refused with this code and not executed.
    Item {
        /// The code.
        code: ResponseCode,
        /// Which item of the request, from 0; `None` for each.
        at: Option<usize>,
    },
    /// The item's change key changes just before the operation looks at it.
    StaleChangeKey,
    /// The connection is closed, nothing is executed.
    DropBefore,
    /// All is executed, then the connection is closed without an answer.
    DropAfter,
    /// All is executed, the answer's body stops after so many bytes and the connection is closed.
    Truncate {
        /// Bytes that still go out.
        bytes: usize,
    },
    /// All is executed, the answer comes late.
    Delay(Duration),
    /// Mail sent by this request waits in the Outbox, `IsSubmitted`, for so long.
    Park(Duration),
    /// Mail sent by this request gets another Message-ID.
    RewriteMessageId,
    /// What is sent by this request leaves Drafts but neither arrives nor leaves a copy.
    Lose,
}

/// Failures in order of their coming.
#[derive(Debug, Default)]
pub struct Faults {
    waiting: VecDeque<Rule>,
}

#[derive(Debug)]
struct Rule {
    /// The operation it waits for; `None` for any.
    operation: Option<String>,
    /// Requests that pass before.
    skip: u32,
    /// Requests that it still meets.
    count: u32,
    fault: Fault,
}

impl Faults {
    /// Lets the next `count` requests of `operation` (any if `None`) meet `fault`. What was added
    /// first is met first; one request meets one fault.
    pub fn add(&mut self, operation: Option<&str>, count: u32, fault: Fault) {
        self.add_later(operation, 0, count, fault);
    }

    /// The same after `skip` requests of that operation have passed. Beyond [`FAULTS_MAX`] the
    /// oldest failure is forgotten.
    pub fn add_later(&mut self, operation: Option<&str>, skip: u32, count: u32, fault: Fault) {
        if self.waiting.len() >= FAULTS_MAX {
            self.waiting.pop_front();
        }
        let operation = operation.map(str::to_owned);
        self.waiting.push_back(Rule { operation, skip, count, fault });
    }

    /// Forgets all failures that are still to come.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Whether no failure waits any more.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What is still to come.
    pub fn waiting(&self) -> impl ExactSizeIterator<Item = &Fault> {
        self.waiting.iter().map(|rule| &rule.fault)
    }

    /// The failure that this request meets.
    pub(crate) fn take(&mut self, operation: &str) -> Option<Fault> {
        let mut met = None;
        for rule in &mut self.waiting {
            if rule.operation.as_deref().is_some_and(|wanted| wanted != operation) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if rule.count > 0 {
                rule.count -= 1;
                met = Some(rule.fault.clone());
                break;
            }
        }
        self.waiting.retain(|rule| rule.count > 0);
        met
    }
}

/// The SOAP fault that a busy server sends.
pub(crate) fn busy(back_off_ms: Option<u32>) -> SoapFault {
    let text = "The server cannot service this request right now. Try again later.";
    let details = back_off_ms.map(|wait| Details::value("BackOffMilliseconds", wait));
    SoapFault::new(ResponseCode::SERVER_BUSY, text).with(details.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_met_in_order_and_then_gone() {
        let mut faults = Faults::default();
        faults.add(Some("SendItem"), 2, Fault::DropAfter);
        faults.add_later(None, 1, 1, Fault::DropBefore);
        assert_eq!(faults.take("CreateItem"), None);
        assert_eq!(faults.take("SendItem"), Some(Fault::DropAfter));
        assert_eq!(faults.waiting().collect::<Vec<_>>(), [&Fault::DropAfter, &Fault::DropBefore]);
        assert_eq!(faults.take("CreateItem"), Some(Fault::DropBefore));
        assert_eq!(faults.take("SendItem"), Some(Fault::DropAfter));
        assert!(faults.is_empty());
        assert_eq!(faults.take("SendItem"), None);
    }

    #[test]
    fn back_off_is_optional() {
        assert_eq!(busy(Some(5)).details.back_off(), Some(Duration::from_millis(5)));
        assert_eq!(busy(None).details.back_off(), None);
    }
}
