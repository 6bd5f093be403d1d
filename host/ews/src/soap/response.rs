//! Response messages: one per input item, each with its own outcome (ews.md 0.6).

use xml::{Element, Writer};

use super::{Details, namespace};
use crate::{code::ResponseCode, values::wire_enum};

wire_enum! {
    /// How an item fared.
    pub enum ResponseClass {
        /// Done.
        Success = "Success",
        /// Done with a remark, or not touched (`ErrorBatchProcessingStopped`).
        Warning = "Warning",
        /// Not done.
        Error = "Error",
    }
}

/// The outcome of one input item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseMessage<P> {
    /// How it fared.
    pub class: ResponseClass,
    /// Why.
    pub code: ResponseCode,
    /// The same in words. It may quote what was sent: not above DEBUG in a log.
    pub text: Option<String>,
    /// `m:MessageXml`.
    pub details: Details,
    /// What the operation returns; empty on errors.
    pub payload: P,
}

impl<P> ResponseMessage<P> {
    /// Done.
    #[must_use]
    pub fn success(payload: P) -> Self {
        Self {
            class: ResponseClass::Success,
            code: ResponseCode::NO_ERROR,
            text: None,
            details: Details::default(),
            payload,
        }
    }

    /// Done with a remark.
    #[must_use]
    pub fn warning(code: ResponseCode, text: &str, payload: P) -> Self {
        let text = Some(text.to_owned());
        Self { class: ResponseClass::Warning, code, text, details: Details::default(), payload }
    }

    /// Not done.
    #[must_use]
    pub fn error(code: ResponseCode, text: &str) -> Self
    where
        P: Default,
    {
        let text = Some(text.to_owned());
        let (class, details, payload) = (ResponseClass::Error, Details::default(), P::default());
        Self { class, code, text, details, payload }
    }

    /// Adds details.
    #[must_use]
    pub fn with(mut self, details: Details) -> Self {
        self.details = details;
        self
    }

    fn write(&self, writer: &mut Writer, form: &Form, payload: impl FnOnce(&P, &mut Writer)) {
        let name = form.message_name();
        writer.element(&name, &[("ResponseClass", self.class.as_str())], |writer| {
            if let Some(text) = &self.text {
                writer.leaf("m:MessageText", text);
            }
            writer.leaf("m:ResponseCode", self.code.as_str());
            writer.leaf("m:DescriptiveLinkKey", "0");
            self.details.write(writer, "m:MessageXml");
            if self.class != ResponseClass::Error || form.payload_on_error {
                payload(&self.payload, writer);
            }
        });
    }

    /// Reads one response message. An unknown class is judged by the code.
    pub(crate) fn read(message: &Element, payload: impl FnOnce(&Element) -> P) -> Self {
        let code = message.child_text("ResponseCode");
        let class = message.attribute("ResponseClass").and_then(ResponseClass::from_wire);
        let code = code.map_or_else(
            || match class {
                Some(ResponseClass::Success) => ResponseCode::NO_ERROR,
                _ => ResponseCode::new(""),
            },
            |code| ResponseCode::new(&code),
        );
        let class = class.unwrap_or(if code == ResponseCode::NO_ERROR {
            ResponseClass::Success
        } else {
            ResponseClass::Error
        });
        Self {
            class,
            code,
            text: message.child_text("MessageText"),
            details: Details::read_inside(message),
            payload: payload(message),
        }
    }
}

/// How the answers of an operation look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// The operation's name.
    pub operation: &'static str,
    /// `GetMailTips` and `GetServiceConfiguration`: the answer has a class and a code of its own,
    /// and calls its messages otherwise.
    pub message: Option<&'static str>,
    /// Whether the payload is written on errors too: the schema wants `m:Items` always.
    pub payload_on_error: bool,
}

impl Form {
    /// The usual form.
    #[must_use]
    pub const fn of(operation: &'static str) -> Self {
        Self { operation, message: None, payload_on_error: false }
    }

    fn message_name(&self) -> String {
        match self.message {
            Some(name) => format!("m:{name}"),
            None => format!("m:{}ResponseMessage", self.operation),
        }
    }

    /// Writes `m:…Response` with all messages.
    pub fn write<P>(
        &self,
        writer: &mut Writer,
        messages: &[ResponseMessage<P>],
        payload: impl Fn(&P, &mut Writer),
    ) {
        let name = format!("m:{}Response", self.operation);
        let class = ResponseClass::Success.as_str();
        let own = self.message.map(|_| ("ResponseClass", class));
        writer.element(&name, own.as_slice(), |writer| {
            if self.message.is_some() {
                writer.leaf("m:ResponseCode", ResponseCode::NO_ERROR.as_str());
            }
            writer.element("m:ResponseMessages", &[], |writer| {
                for message in messages {
                    message.write(writer, self, &payload);
                }
            });
        });
    }
}

/// Finds the response messages in an operation's answer: among the children of any child of it,
/// or among its own, those whose name ends as response messages do, whatever the wrapper is called
/// (ews.md 0.5).
pub(crate) fn find_messages(response: &Element) -> Vec<&Element> {
    let is_message = |element: &&Element| {
        element.name.ends_with("ResponseMessage") || element.name.ends_with("ResponseMessageType")
    };
    response.children().flat_map(Element::children).filter(is_message).collect()
}

/// The answer of the operation in an envelope.
pub(crate) fn find_response<'e>(envelope: &'e Element, operation: &str) -> Option<&'e Element> {
    let body = envelope.children().find(|child| child.is(namespace::SOAP, "Body"))?;
    let mut children = body.children();
    children.find(|child| child.name.strip_suffix("Response") == Some(operation))
}
