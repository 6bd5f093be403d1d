//! `ResponseCode`: what Exchange says went wrong.

use std::{borrow::Cow, fmt};

/// A response code as the wire spells it. Unknown ones are kept: a newer server has newer codes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResponseCode(Cow<'static, str>);

impl ResponseCode {
    /// Takes a code as it came; surrounding white space is cut off.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Cow::Owned(text.trim().to_owned()))
    }

    /// The code as the wire spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResponseCode {
    /// A code comes from the peer: what is not a plain word is not printed.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_BYTES_MAX: usize = 100;
        let plain = self.0.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if plain && !self.0.is_empty() && self.0.len() <= SHOWN_BYTES_MAX {
            formatter.write_str(&self.0)
        } else {
            formatter.write_str("an unreadable code")
        }
    }
}

macro_rules! codes {
    ($($name:ident = $text:literal,)+) => {
        impl ResponseCode {
            $(
                #[doc = concat!("`", $text, "`")]
                pub const $name: Self = Self(Cow::Borrowed($text));
            )+
        }
    };
}

codes! {
    NO_ERROR = "NoError",
    ACCESS_DENIED = "ErrorAccessDenied",
    ACCOUNT_DISABLED = "ErrorAccountDisabled",
    BATCH_PROCESSING_STOPPED = "ErrorBatchProcessingStopped",
    CANNOT_DELETE_OBJECT = "ErrorCannotDeleteObject",
    CHANGE_KEY_REQUIRED = "ErrorChangeKeyRequired",
    CHANGE_KEY_REQUIRED_FOR_WRITE_OPERATIONS = "ErrorChangeKeyRequiredForWriteOperations",
    DUPLICATE_SOAP_HEADER = "ErrorDuplicateSOAPHeader",
    EXCEEDED_CONNECTION_COUNT = "ErrorExceededConnectionCount",
    FOLDER_NOT_FOUND = "ErrorFolderNotFound",
    IMPERSONATE_USER_DENIED = "ErrorImpersonateUserDenied",
    INTERNAL_SERVER_ERROR = "ErrorInternalServerError",
    INTERNAL_SERVER_TRANSIENT_ERROR = "ErrorInternalServerTransientError",
    INVALID_CHANGE_KEY = "ErrorInvalidChangeKey",
    INVALID_EXTENDED_PROPERTY = "ErrorInvalidExtendedProperty",
    INVALID_EXTENDED_PROPERTY_VALUE = "ErrorInvalidExtendedPropertyValue",
    INVALID_ID_MALFORMED = "ErrorInvalidIdMalformed",
    INVALID_PROPERTY_SET = "ErrorInvalidPropertySet",
    INVALID_RECIPIENTS = "ErrorInvalidRecipients",
    INVALID_REQUEST = "ErrorInvalidRequest",
    INVALID_RESTRICTION = "ErrorInvalidRestriction",
    INVALID_SEND_ITEM_SAVE_SETTINGS = "ErrorInvalidSendItemSaveSettings",
    INVALID_SERVER_VERSION = "ErrorInvalidServerVersion",
    INVALID_SYNC_STATE_DATA = "ErrorInvalidSyncStateData",
    ITEM_NOT_FOUND = "ErrorItemNotFound",
    MAIL_TIPS_DISABLED = "ErrorMailTipsDisabled",
    MESSAGE_DISPOSITION_REQUIRED = "ErrorMessageDispositionRequired",
    MESSAGE_SIZE_EXCEEDED = "ErrorMessageSizeExceeded",
    MIME_CONTENT_INVALID = "ErrorMimeContentInvalid",
    MIME_CONTENT_INVALID_BASE64_STRING = "ErrorMimeContentInvalidBase64String",
    MISSING_EMAIL_ADDRESS = "ErrorMissingEmailAddress",
    MISSING_RECIPIENTS = "ErrorMissingRecipients",
    NAME_RESOLUTION_MULTIPLE_RESULTS = "ErrorNameResolutionMultipleResults",
    NAME_RESOLUTION_NO_RESULTS = "ErrorNameResolutionNoResults",
    NO_PROPERTY_TAG_FOR_CUSTOM_PROPERTIES = "ErrorNoPropertyTagForCustomProperties",
    NON_EXISTENT_MAILBOX = "ErrorNonExistentMailbox",
    QUOTA_EXCEEDED = "ErrorQuotaExceeded",
    SCHEMA_VALIDATION = "ErrorSchemaValidation",
    SEND_AS_DENIED = "ErrorSendAsDenied",
    SERVER_BUSY = "ErrorServerBusy",
    STALE_OBJECT = "ErrorStaleObject",
    SUBMISSION_QUOTA_EXCEEDED = "ErrorSubmissionQuotaExceeded",
    TIMEOUT_EXPIRED = "ErrorTimeoutExpired",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_and_read_codes_are_the_same() {
        assert_eq!(ResponseCode::new(" ErrorServerBusy\n"), ResponseCode::SERVER_BUSY);
    }

    #[test]
    fn what_is_no_word_is_not_printed() {
        assert_eq!(ResponseCode::new("ErrorBrandNew1").to_string(), "ErrorBrandNew1");
        for text in ["", "a b", "ana@corp.example", &"x".repeat(101)] {
            assert_eq!(ResponseCode::new(text).to_string(), "an unreadable code");
        }
    }
}
