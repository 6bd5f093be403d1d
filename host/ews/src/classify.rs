//! What a response code means for the caller (ews.md 3.1).

use std::fmt;

use crate::{code::ResponseCode, soap::Details};

/// What an operation does on the server: it decides what a lost answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing that doing it twice would change: searching, reading.
    Repeatable,
    /// An item goes away; twice is as good as once.
    Delete,
    /// A draft is stored; looked up by its key before it is stored again.
    Draft,
    /// An item is put straight into a mailbox; looked up by its key before it is put there again.
    Deposit,
    /// Mail leaves; never blindly repeated.
    Send,
}

impl Effect {
    /// Whether a lost answer has to be cleared up before the same is tried again.
    #[must_use]
    pub fn leaves_a_trace(self) -> bool {
        matches!(self, Self::Draft | Self::Deposit | Self::Send)
    }
}

/// What the caller can do about an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Nothing to be done: it is done, or need not be.
    Ok,
    /// This message can never work as it is.
    Message,
    /// A recipient is the problem.
    Recipient,
    /// Something is set up wrongly: stop the account's queue, tell somebody, try slowly.
    Configuration,
    /// Signing in failed (ews.md 5.9).
    Authentication,
    /// Throttled: the whole account waits.
    Busy,
    /// Try again with back-off.
    Transient,
    /// Put right what the code names and repeat at once.
    Now,
    /// Nobody knows whether it was done: look before repeating (ews.md 2.4).
    Unknown,
    /// Not touched, because an earlier item stopped the batch: repeat.
    NotProcessed,
    /// Our own mistake: tell somebody, do not repeat.
    Ours,
}

impl Class {
    /// What to do, in a sentence for the operator.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Ok => "Nothing needs to be done.",
            Self::Message => "This message cannot be delivered as it is; it is given up.",
            Self::Recipient => "Check the recipient's address and mailbox.",
            Self::Configuration => {
                "Check the account, its rights and the address of the server; it is tried again slowly."
            }
            Self::Authentication => {
                "Check the user name, the password and how the server signs in."
            }
            Self::Busy => "The server asks for patience; it is tried again later.",
            Self::Transient => "The server has trouble; it is tried again.",
            Self::Now => "It is put right and tried again at once.",
            Self::Unknown => "Whether it was done is looked up before it is tried again.",
            Self::NotProcessed => "An earlier item stopped the batch; it is tried again.",
            Self::Ours => "This is a mistake of this program: please report it with the log.",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Ok => "ok",
            Self::Message => "message",
            Self::Recipient => "recipient",
            Self::Configuration => "configuration",
            Self::Authentication => "authentication",
            Self::Busy => "busy",
            Self::Transient => "transient",
            Self::Now => "now",
            Self::Unknown => "unknown outcome",
            Self::NotProcessed => "not processed",
            Self::Ours => "ours",
        })
    }
}

/// How often a class holds before it becomes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How often the request is repeated until then.
    pub repeats_max: u8,
    /// The class after that.
    pub then: Class,
}

/// Tells what `code` means after an operation of this effect. `details` may hold the code behind
/// `ErrorInternalServerError`.
#[must_use]
pub fn classify(code: &ResponseCode, effect: Effect, details: &Details) -> Class {
    if *code == ResponseCode::INTERNAL_SERVER_ERROR {
        let inner = details.inner_code().filter(|inner| inner != code);
        return match inner.filter(is_known) {
            Some(inner) => classify(&inner, effect, &Details::default()),
            None => unless_traced(effect, Class::Transient),
        };
    }
    match rule(code.as_str()) {
        Some(Rule::Is(class)) => class,
        Some(Rule::Look) => unless_traced(effect, Class::Transient),
        Some(Rule::Missing) => match effect {
            Effect::Delete => Class::Ok,
            _ => Class::Unknown,
        },
        Some(Rule::Quota) => match effect {
            Effect::Deposit => Class::Recipient,
            _ => Class::Configuration,
        },
        Some(Rule::Id) => match effect {
            Effect::Send | Effect::Delete => Class::Unknown,
            _ => Class::Ours,
        },
        None if effect == Effect::Send => Class::Unknown,
        None => Class::Transient,
    }
}

/// Tells how often a request that is refused with `code` is repeated, one time after the other (ews.md
/// 3.1). `None`: as long as the message lives.
#[must_use]
pub fn limit(code: &ResponseCode) -> Option<Limit> {
    let (repeats_max, then) = match code.as_str() {
        "ErrorItemSave"
        | "ErrorItemSavePropertyError"
        | "ErrorPropertyUpdate"
        | "ErrorItemCorrupt"
        | "ErrorCorruptData" => (2, Class::Message),
        "ErrorInvalidAuthorizationContext" | "ErrorInvalidClientSecurityContext" => {
            (1, Class::Configuration)
        }
        _ if !is_known(code) => (4, Class::Message),
        _ => return None,
    };
    Some(Limit { repeats_max, then })
}

fn unless_traced(effect: Effect, class: Class) -> Class {
    if effect.leaves_a_trace() { Class::Unknown } else { class }
}

fn is_known(code: &ResponseCode) -> bool {
    *code == ResponseCode::INTERNAL_SERVER_ERROR || rule(code.as_str()).is_some()
}

enum Rule {
    Is(Class),
    /// Trouble on the way: transient, or unknown if it leaves a trace.
    Look,
    /// The item is not there.
    Missing,
    /// The mailbox is full: whose it is depends.
    Quota,
    /// The id is not understood: our mistake if it is fresh, worth a look if it was stored.
    Id,
}

fn rule(code: &str) -> Option<Rule> {
    let class = match code {
        "NoError" | "ErrorNameResolutionMultipleResults" | "ErrorMailTipsDisabled" => Class::Ok,
        "ErrorItemNotFound" => return Some(Rule::Missing),
        "ErrorQuotaExceeded" => return Some(Rule::Quota),
        "ErrorInvalidChangeKey" | "ErrorCannotUseFolderIdForItemId" => return Some(Rule::Id),
        "ErrorBatchProcessingStopped" => Class::NotProcessed,
        _ if is_configuration(code) => Class::Configuration,
        _ if is_recipient(code) => Class::Recipient,
        _ if is_message(code) => Class::Message,
        _ if is_ours(code) => Class::Ours,
        _ if is_now(code) => Class::Now,
        _ if is_busy(code) => Class::Busy,
        _ if is_trouble(code) => return Some(Rule::Look),
        "ErrorItemSave"
        | "ErrorItemSavePropertyError"
        | "ErrorPropertyUpdate"
        | "ErrorItemCorrupt"
        | "ErrorCorruptData"
        | "ErrorInvalidAuthorizationContext"
        | "ErrorInvalidClientSecurityContext" => Class::Transient,
        _ if code.starts_with("ErrorInvalidId") => return Some(Rule::Id),
        _ => return None,
    };
    Some(Rule::Is(class))
}

fn is_configuration(code: &str) -> bool {
    matches!(
        code,
        "ErrorAccessDenied"
            | "ErrorCreateItemAccessDenied"
            | "ErrorFolderNotFound"
            | "ErrorSavedItemFolderNotFound"
            | "ErrorToFolderNotFound"
            | "ErrorSendAsDenied"
            | "ErrorImpersonateUserDenied"
            | "ErrorImpersonationDenied"
            | "ErrorImpersonationFailed"
            | "ErrorMissingEmailAddress"
            | "ErrorAccountDisabled"
            | "ErrorPasswordExpired"
            | "ErrorPasswordChangeRequired"
            | "ErrorCallerIsInvalidADAccount"
            | "ErrorInvalidLicense"
            | "ErrorOrganizationAccessBlocked"
            | "ErrorNameResolutionNoMailbox"
    )
}

fn is_recipient(code: &str) -> bool {
    matches!(
        code,
        "ErrorNonExistentMailbox"
            | "ErrorCannotFindUser"
            | "ErrorMailRecipientNotFound"
            | "ErrorInvalidSmtpAddress"
            | "ErrorInvalidRoutingType"
            | "ErrorMissingInformationEmailAddress"
            | "ErrorNameResolutionNoResults"
            | "ErrorInvalidNameForNameResolution"
            | "ErrorADSessionFilter"
            | "ErrorInvalidItemForOperationExpandDL"
    )
}

fn is_message(code: &str) -> bool {
    matches!(
        code,
        "ErrorInvalidRecipients"
            | "ErrorMissingRecipients"
            | "ErrorMessageSizeExceeded"
            | "ErrorDataSizeLimitExceeded"
            | "ErrorAttachmentSizeLimitExceeded"
            | "ErrorRequestStreamTooBig"
            | "ErrorMimeContentInvalid"
            | "ErrorMimeContentInvalidBase64String"
            | "ErrorMimeContentConversionFailed"
            | "ErrorContentConversionFailed"
            | "ErrorVirusDetected"
            | "ErrorVirusMessageDeleted"
    )
}

fn is_ours(code: &str) -> bool {
    matches!(
        code,
        "ErrorInvalidExchangeImpersonationHeaderData"
            | "ErrorMoreThanOneAccessModeSpecified"
            | "ErrorSchemaValidation"
            | "ErrorInvalidRequest"
            | "ErrorMessageDispositionRequired"
            | "ErrorMissingArgument"
            | "ErrorInvalidPropertySet"
            | "ErrorInvalidPropertyRequest"
            | "ErrorInvalidExtendedProperty"
            | "ErrorInvalidExtendedPropertyValue"
            | "ErrorNoPropertyTagForCustomProperties"
            | "ErrorInvalidPropertyForOperation"
            | "ErrorInvalidPropertyUpdateSentMessage"
            | "ErrorInvalidSendItemSaveSettings"
            | "ErrorInvalidItemForOperationSendItem"
            | "ErrorUnsupportedPathForQuery"
            | "ErrorInvalidRestriction"
            | "ErrorRestrictionTooComplex"
            | "ErrorDuplicateSOAPHeader"
    )
}

fn is_now(code: &str) -> bool {
    let code = ResponseCode::new(code);
    code.as_str() == "ErrorNonPrimarySmtpAddress"
        || is_about_version(&code)
        || is_about_change_key(&code)
}

/// The version that was asked for is not to be had.
pub(crate) fn is_about_version(code: &ResponseCode) -> bool {
    matches!(
        code.as_str(),
        "ErrorInvalidServerVersion"
            | "ErrorInvalidSchemaVersionForMailboxVersion"
            | "ErrorIncorrectSchemaVersion"
            | "ErrorWrongServerVersion"
    )
}

/// The change key that was sent is missing or old.
pub(crate) fn is_about_change_key(code: &ResponseCode) -> bool {
    matches!(
        code.as_str(),
        "ErrorStaleObject"
            | "ErrorChangeKeyRequired"
            | "ErrorChangeKeyRequiredForWriteOperations"
            | "ErrorIrresolvableConflict"
    )
}

fn is_busy(code: &str) -> bool {
    matches!(
        code,
        "ErrorSubmissionQuotaExceeded"
            | "ErrorServerBusy"
            | "ErrorExceededConnectionCount"
            | "ErrorExceededFindCountLimit"
            | "ErrorTooManyObjectsOpened"
            | "ErrorInsufficientResources"
            | "ErrorNotEnoughMemory"
    )
}

fn is_trouble(code: &str) -> bool {
    matches!(
        code,
        "ErrorInternalServerTransientError"
            | "ErrorConnectionFailed"
            | "ErrorMailboxStoreUnavailable"
            | "ErrorMailboxMoveInProgress"
            | "ErrorMailboxFailover"
            | "ErrorADUnavailable"
            | "ErrorADOperation"
            | "ErrorNoRespondingCASInDestinationSite"
            | "ErrorCrossSiteRequest"
            | "ErrorProxyRequestProcessingFailed"
            | "ErrorDataSourceOperation"
            | "ErrorTimeoutExpired"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(code: &str, effect: Effect) -> Class {
        classify(&ResponseCode::new(code), effect, &Details::default())
    }

    #[test]
    fn codes_mean_what_the_table_says() {
        use Effect::{Delete, Deposit, Draft, Repeatable, Send};
        for (code, effect, expected) in [
            ("NoError", Send, Class::Ok),
            ("ErrorSendAsDenied", Send, Class::Configuration),
            ("ErrorServerBusy", Send, Class::Busy),
            ("ErrorNonExistentMailbox", Send, Class::Recipient),
            ("ErrorInvalidRecipients", Draft, Class::Message),
            ("ErrorSchemaValidation", Draft, Class::Ours),
            ("ErrorStaleObject", Send, Class::Now),
            ("ErrorBatchProcessingStopped", Send, Class::NotProcessed),
            ("ErrorItemNotFound", Send, Class::Unknown),
            ("ErrorItemNotFound", Delete, Class::Ok),
            ("ErrorQuotaExceeded", Deposit, Class::Recipient),
            ("ErrorQuotaExceeded", Send, Class::Configuration),
            ("ErrorTimeoutExpired", Send, Class::Unknown),
            ("ErrorTimeoutExpired", Draft, Class::Unknown),
            ("ErrorTimeoutExpired", Repeatable, Class::Transient),
            ("ErrorInternalServerError", Send, Class::Unknown),
            ("ErrorInternalServerError", Repeatable, Class::Transient),
            ("ErrorInvalidIdMalformed", Send, Class::Unknown),
            ("ErrorInvalidIdMalformed", Repeatable, Class::Ours),
            ("ErrorNeverHeardOf", Send, Class::Unknown),
            ("ErrorNeverHeardOf", Draft, Class::Transient),
            ("", Send, Class::Unknown),
        ] {
            assert_eq!(class(code, effect), expected, "{code} after {effect:?}");
        }
    }

    #[test]
    fn an_internal_error_is_judged_by_what_is_behind_it() {
        let code = ResponseCode::INTERNAL_SERVER_ERROR;
        let behind = |inner: &str| Details::value("InnerErrorResponseCode", inner);
        let quota = behind("ErrorQuotaExceeded");
        assert_eq!(classify(&code, Effect::Send, &quota), Class::Configuration);
        let itself = behind("ErrorInternalServerError");
        assert_eq!(classify(&code, Effect::Send, &itself), Class::Unknown);
        let unknown = behind("ErrorNeverHeardOf");
        assert_eq!(classify(&code, Effect::Draft, &unknown), Class::Unknown);
    }

    #[test]
    fn repeats_are_bounded_where_the_table_says() {
        let limit = |code: &str| {
            limit(&ResponseCode::new(code)).map(|limit| (limit.repeats_max, limit.then))
        };
        assert_eq!(limit("ErrorItemSave"), Some((2, Class::Message)));
        assert_eq!(limit("ErrorInvalidClientSecurityContext"), Some((1, Class::Configuration)));
        assert_eq!(limit("ErrorNeverHeardOf"), Some((4, Class::Message)));
        assert_eq!(limit("ErrorStaleObject"), None);
        assert_eq!(limit("ErrorServerBusy"), None);
        assert_eq!(limit("ErrorInternalServerError"), None);
    }
}
