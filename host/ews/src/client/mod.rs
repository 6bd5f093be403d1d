//! The client's side of an exchange: bytes to send out of an operation, results out of an answer.
//! Pure functions; whoever has the socket moves the bytes.

mod http;

pub use http::{HttpReply, REPLY_BYTES_MAX};

use xml::{Element, Limits};

use crate::{
    classify::{Class, Effect},
    error::Error,
    operation::Operation,
    soap::{
        ConnectingSid, Fault, RequestHeader, ResponseClass, ResponseMessage, ServerVersion,
        response::{find_messages, find_response},
    },
};

/// What to ask for, and after a refusal of the version the next lower one (ews.md 7).
pub const SERVER_VERSIONS: [&str; 3] = ["Exchange2013_SP1", "Exchange2013", "Exchange2010_SP2"];

/// The version to try after `version` was refused; `None` if there is no lower one.
#[must_use]
pub fn lower_version(version: &str) -> Option<&'static str> {
    let at = SERVER_VERSIONS.iter().position(|known| *known == version)?;
    SERVER_VERSIONS.get(at + 1).copied()
}

/// The media type of requests and answers.
pub const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// In whose name and in which version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// One of [`SERVER_VERSIONS`].
    pub version: &'static str,
    /// The primary SMTP address of the member to act as. Needs `ApplicationImpersonation`.
    pub impersonate: Option<String>,
    /// The mailbox to anchor requests to when nobody is impersonated: the account's own.
    pub own_address: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { version: SERVER_VERSIONS[0], impersonate: None, own_address: None }
    }
}

/// A request ready to be sent: `POST` of `body` as [`CONTENT_TYPE`], without a `SOAPAction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestBytes {
    /// The operation's name, for logs.
    pub operation: &'static str,
    /// The body.
    pub body: Vec<u8>,
    /// The value of `X-AnchorMailbox`: without it the front end may choose the wrong server.
    pub anchor_mailbox: Option<String>,
}

/// Writes a request.
#[must_use]
pub fn encode<O: Operation>(operation: &O, options: &Options) -> RequestBytes {
    let impersonate = options.impersonate.clone();
    let header = RequestHeader {
        version: Some(options.version.to_owned()),
        impersonate: impersonate.clone().map(ConnectingSid::PrimarySmtpAddress),
    };
    RequestBytes {
        operation: O::FORM.operation,
        body: header.envelope(|writer| operation.write(writer)).into_bytes(),
        anchor_mailbox: impersonate.or_else(|| options.own_address.clone()),
    }
}

/// What came back for a request: one result for each of its inputs, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply<P> {
    /// The operation that was answered.
    pub operation: &'static str,
    /// What it did.
    pub effect: Effect,
    /// The server, if it told.
    pub server: Option<ServerVersion>,
    /// As many results as the request had inputs. An input that the answer does not speak of is
    /// [`Error::Unanswered`].
    pub results: Vec<Result<P, Error>>,
}

impl<P> Reply<P> {
    /// The only result, for operations with one input.
    ///
    /// # Errors
    /// That of the result.
    pub fn single(self) -> Result<P, Error> {
        let (operation, effect) = (self.operation, self.effect);
        let unanswered = || Error::Unanswered { operation, effect };
        self.results.into_iter().next().unwrap_or_else(|| Err(unanswered()))
    }
}

/// Reads the answer to `operation`. `now_unix_s` is the time of day, for `Retry-After`.
///
/// # Errors
/// What concerns the request as a whole; single items fail inside the reply.
pub fn decode<O: Operation>(
    operation: &O,
    reply: &HttpReply<'_>,
    now_unix_s: i64,
) -> Result<Reply<O::Payload>, Error> {
    let (name, effect) = (O::FORM.operation, operation.effect());
    let envelope = http::envelope(reply, name, effect, now_unix_s)?;
    if let Some(fault) = Fault::read(&envelope) {
        return Err(Error::Fault { operation: name, effect, fault: Box::new(fault) });
    }
    let Some(response) = find_response(&envelope, name) else {
        let what = "the answer of another operation, or none".to_owned();
        return Err(Error::Malformed { operation: name, effect, what });
    };
    let messages = find_messages(response);
    let server = ServerVersion::read(&envelope);
    let is_refused = |class: &str| class != ResponseClass::Success.as_str();
    if messages.is_empty() && response.attribute("ResponseClass").is_some_and(is_refused) {
        // Refused as a whole, but for a feature that is switched off: then there is nothing to say.
        let payload = result(response, operation)?;
        let results = vec![Ok(payload); operation.inputs()];
        return Ok(Reply { operation: name, effect, server, results });
    }
    let unanswered = || Err(Error::Unanswered { operation: name, effect });
    let results = messages.into_iter().map(|message| result(message, operation));
    let mut results: Vec<_> = results.take(operation.inputs()).collect();
    results.resize_with(operation.inputs(), unanswered);
    Ok(Reply { operation: name, effect, server, results })
}

fn result<O: Operation>(message: &Element, operation: &O) -> Result<O::Payload, Error> {
    let message = ResponseMessage::read(message, O::read_payload);
    let error = Error::Refused {
        operation: O::FORM.operation,
        code: message.code,
        effect: operation.effect(),
        details: Box::new(message.details),
        text: message.text,
    };
    match (message.class, error.class()) {
        (ResponseClass::Success, _) | (_, Class::Ok) => Ok(message.payload),
        (ResponseClass::Warning, class) if class != Class::NotProcessed => Ok(message.payload),
        _ => Err(error),
    }
}

/// Reads a document of the server, marking forbidden characters instead of giving up on it.
fn parse(body: &[u8]) -> Result<Element, xml::Error> {
    let limits = Limits { bytes_max: REPLY_BYTES_MAX, ..Limits::default() };
    xml::parse_lenient(body, &limits)
}

#[cfg(test)]
mod tests;
