//! What goes back for each item of a request: a payload or a refusal.

use std::borrow::Cow;

use xml::Writer;

use crate::{
    code::ResponseCode,
    operation::Operation,
    soap::{Details, Fault, ResponseClass, ResponseMessage, response::Form},
};

use super::id::IdError;

/// Why one item of a request was not served; becomes a response message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The `ResponseCode`.
    pub(crate) code: ResponseCode,
    /// `MessageText`; never holds what a user wrote.
    pub(crate) text: Cow<'static, str>,
    /// `MessageXml`.
    pub(crate) details: Details,
}

impl Refusal {
    /// A refusal with its sentence.
    pub(crate) fn new(code: ResponseCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, text: text.into(), details: Details::default() }
    }

    /// A refusal with a code that only the server names.
    pub(crate) fn other(code: &str, text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ResponseCode::new(code), text)
    }

    /// The same with details for `MessageXml`.
    pub(crate) fn with(self, details: Details) -> Self {
        Self { details, ..self }
    }

    pub(crate) fn item_not_found() -> Self {
        let text = "The specified object was not found in the store.";
        Self::new(ResponseCode::ITEM_NOT_FOUND, text)
    }

    pub(crate) fn folder_not_found() -> Self {
        let text = "The specified folder could not be found in the store.";
        Self::new(ResponseCode::FOLDER_NOT_FOUND, text)
    }

    pub(crate) fn malformed_id() -> Self {
        Self::new(ResponseCode::INVALID_ID_MALFORMED, "Id is malformed.")
    }

    pub(crate) fn non_existent_mailbox() -> Self {
        let text = "The SMTP address has no mailbox associated with it.";
        Self::new(ResponseCode::NON_EXISTENT_MAILBOX, text)
    }

    pub(crate) fn quota_exceeded() -> Self {
        Self::new(ResponseCode::QUOTA_EXCEEDED, "The mailbox is full.")
    }

    pub(crate) fn invalid_request() -> Self {
        Self::new(ResponseCode::INVALID_REQUEST, "The request is invalid.")
    }

    fn batch_stopped() -> Self {
        let text = "The batch was stopped before this item.";
        Self::new(ResponseCode::BATCH_PROCESSING_STOPPED, text)
    }

    /// The refusal that an id which is not ours deserves.
    pub(crate) fn id(error: IdError, missing: Self) -> Self {
        match error {
            IdError::Malformed => Self::malformed_id(),
            IdError::Foreign => missing,
        }
    }

    /// Whether Exchange leaves the rest of a batch alone after this (ews.md 8.2).
    fn stops_batch(&self) -> bool {
        matches!(
            self.code.as_str(),
            "ErrorAccessDenied"
                | "ErrorAccountDisabled"
                | "ErrorADUnavailable"
                | "ErrorADOperation"
                | "ErrorConnectionFailed"
                | "ErrorMailboxStoreUnavailable"
                | "ErrorMailboxMoveInProgress"
                | "ErrorPasswordChangeRequired"
                | "ErrorPasswordExpired"
                | "ErrorQuotaExceeded"
                | "ErrorInsufficientResources"
        )
    }
}

impl From<Refusal> for Fault {
    /// What concerns the whole request.
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code, &refusal.text).with(refusal.details)
    }
}

/// An operation's answer as it is built: one message an item, in order.
#[derive(Debug)]
pub(crate) struct Answers<P> {
    messages: Vec<ResponseMessage<P>>,
    is_stopped: bool,
}

impl<P: Clone + Default> Answers<P> {
    pub(crate) fn new() -> Self {
        Self { messages: Vec::new(), is_stopped: false }
    }

    /// Adds the outcome of `act`. After a refusal that stops a batch, `act` is not called any
    /// more.
    pub(crate) fn push(&mut self, act: impl FnOnce() -> Result<P, Refusal>) {
        let outcome = if self.is_stopped { Err(Refusal::batch_stopped()) } else { act() };
        match outcome {
            Ok(payload) => self.messages.push(ResponseMessage::success(payload)),
            Err(refusal) => {
                self.is_stopped |= refusal.stops_batch();
                self.messages.push(refused(refusal));
            }
        }
    }

    /// Adds an answer that has a payload in spite of a remark.
    pub(crate) fn push_warning(&mut self, remark: &Refusal, payload: P) {
        self.messages.push(ResponseMessage::warning(remark.code.clone(), &remark.text, payload));
    }

    /// The response element of an operation with a codec.
    pub(crate) fn finish<O: Operation<Payload = P>>(self) -> String {
        self.finish_with(O::FORM, O::write_payload)
    }

    /// The response element of an operation that only the server knows.
    pub(crate) fn finish_with(self, form: Form, payload: impl Fn(&P, &mut Writer)) -> String {
        piece(|writer| form.write(writer, &self.messages, payload))
    }
}

impl Answers<String> {
    /// The same where the payload is XML already and refusals have none.
    pub(crate) fn finish_raw(self, operation: &'static str) -> String {
        self.finish_with(Form::of(operation), |payload, writer| {
            writer.raw(payload);
        })
    }
}

fn refused<P: Default>(refusal: Refusal) -> ResponseMessage<P> {
    let class = match refusal.code.as_str() {
        "ErrorBatchProcessingStopped" => ResponseClass::Warning,
        _ => ResponseClass::Error,
    };
    ResponseMessage {
        class,
        code: refusal.code,
        text: Some(refusal.text.into_owned()),
        details: refusal.details,
        payload: P::default(),
    }
}

/// What `inside` writes, as a piece of XML.
pub(crate) fn piece(inside: impl FnOnce(&mut Writer)) -> String {
    let mut writer = Writer::new();
    inside(&mut writer);
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{create_item::CreateItem, item::Message};

    #[test]
    fn a_full_mailbox_stops_the_batch() {
        let mut answers = Answers::new();
        answers.push(|| Ok(vec![Message::default()]));
        answers.push(|| Err(Refusal::quota_exceeded()));
        answers.push(|| Ok(vec![Message { is_read: Some(true), ..Message::default() }]));
        let text = answers.finish::<CreateItem>();
        assert!(text.contains("<t:Message/>") && text.contains("<m:Items/>"));
        assert!(text.contains("<m:ResponseCode>ErrorQuotaExceeded</m:ResponseCode>"));
        assert!(text.contains(r#"ResponseClass="Warning""#) && !text.contains("IsRead"));
        assert!(text.contains("ErrorBatchProcessingStopped"));
    }
}
