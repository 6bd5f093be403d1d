//! SOAP 1.1 as Exchange speaks it: envelopes, faults, response messages, and the schema's rules.

pub mod details;
pub mod envelope;
pub mod fault;
pub mod response;
pub(crate) mod schema;
pub(crate) mod types;

pub use details::Details;
pub use envelope::{ConnectingSid, RequestHeader, ServerVersion};
pub use fault::Fault;
pub use response::{ResponseClass, ResponseMessage};

/// The namespaces (ews.md 0.1). Compared by name, never by prefix.
pub mod namespace {
    /// SOAP 1.1, prefix `s` here.
    pub const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
    /// Operations and their direct children, prefix `m` here.
    pub const MESSAGES: &str = "http://schemas.microsoft.com/exchange/services/2006/messages";
    /// Everything below, prefix `t` here.
    pub const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";
    /// Only inside a fault's `detail`, prefix `e` here.
    pub const ERRORS: &str = "http://schemas.microsoft.com/exchange/services/2006/errors";
    /// Schema instances, prefix `xsi` in answers: `ConvertId` needs it.
    pub const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
}
