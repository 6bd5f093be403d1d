//! What all operations have in common, and the one type that holds any of them.

use xml::{Element, Writer};

use crate::{
    classify::Effect,
    code::ResponseCode,
    create_item, delete_item, expand_dl, find_item, get_item, get_mail_tips,
    get_service_configuration, resolve_names, send_item,
    soap::{
        Fault, RequestHeader, ResponseMessage, ServerVersion, namespace, response::Form, schema,
    },
};

/// An operation as both ends see it. The implementing type is its request.
pub trait Operation: Sized {
    /// Name and form of the answer.
    const FORM: Form;

    /// What a response message of it carries.
    type Payload: Clone + std::fmt::Debug + Default + PartialEq;

    /// What happens on the server, so what a lost answer means.
    fn effect(&self) -> Effect {
        Effect::Repeatable
    }

    /// How many response messages are due.
    fn inputs(&self) -> usize {
        1
    }

    /// Writes the operation's element.
    fn write(&self, writer: &mut Writer);

    /// Reads the operation's element, which the schema's rules allow.
    ///
    /// # Errors
    /// The fault to answer with.
    fn read(element: &Element) -> Result<Self, Fault>;

    /// Writes what stands in a response message after the code.
    fn write_payload(payload: &Self::Payload, writer: &mut Writer);

    /// Reads what stands in a response message; what is missing or unknown is left out.
    fn read_payload(message: &Element) -> Self::Payload;

    /// Writes the whole answer.
    fn encode_response(
        messages: &[ResponseMessage<Self::Payload>],
        version: &ServerVersion,
    ) -> String {
        version.envelope(|writer| Self::FORM.write(writer, messages, Self::write_payload))
    }
}

/// A request as the server reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Stores or sends mail.
    CreateItem(create_item::CreateItem),
    /// Sends drafts.
    SendItem(send_item::SendItem),
    /// Searches a folder.
    FindItem(find_item::FindItem),
    /// Reads items.
    GetItem(get_item::GetItem),
    /// Deletes items.
    DeleteItem(delete_item::DeleteItem),
    /// Looks somebody up.
    ResolveNames(resolve_names::ResolveNames),
    /// Lists the members of a group.
    ExpandDl(expand_dl::ExpandDl),
    /// Asks what a recipient will do with mail.
    GetMailTips(get_mail_tips::GetMailTips),
    /// Asks for limits.
    GetServiceConfiguration(get_service_configuration::GetServiceConfiguration),
    /// An operation without a codec here; not checked against the schema.
    Other {
        /// Its name, without `Type` or namespace.
        name: String,
        /// Its element.
        element: Element,
    },
}

/// A request with its headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incoming {
    /// The headers.
    pub header: RequestHeader,
    /// The operation.
    pub request: Request,
}

impl Incoming {
    /// Reads a request and checks it against the schema's rules: order, presence, enumerations.
    ///
    /// # Errors
    /// The fault to answer with (HTTP 500).
    pub fn decode(document: &[u8]) -> Result<Self, Fault> {
        let (header, element) = RequestHeader::read(document)?;
        Ok(Self { header, request: Request::read(element)? })
    }
}

impl Request {
    /// Reads a request and leaves its headers aside.
    ///
    /// # Errors
    /// As [`Incoming::decode`].
    pub fn decode(document: &[u8]) -> Result<Self, Fault> {
        Incoming::decode(document).map(|incoming| incoming.request)
    }

    fn read(element: Element) -> Result<Self, Fault> {
        if element.namespace != namespace::MESSAGES {
            let text = "The operation is in no namespace of Exchange Web Services.";
            return Err(Fault::new(ResponseCode::INVALID_REQUEST, text));
        }
        schema::check(&element)?;
        match element.name.as_str() {
            "CreateItem" => Operation::read(&element).map(Self::CreateItem),
            "SendItem" => Operation::read(&element).map(Self::SendItem),
            "FindItem" => Operation::read(&element).map(Self::FindItem),
            "GetItem" => Operation::read(&element).map(Self::GetItem),
            "DeleteItem" => Operation::read(&element).map(Self::DeleteItem),
            "ResolveNames" => Operation::read(&element).map(Self::ResolveNames),
            "ExpandDL" => Operation::read(&element).map(Self::ExpandDl),
            "GetMailTips" => Operation::read(&element).map(Self::GetMailTips),
            "GetServiceConfiguration" => {
                Operation::read(&element).map(Self::GetServiceConfiguration)
            }
            _ => Ok(Self::Other { name: element.name.clone(), element }),
        }
    }

    /// The operation's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::CreateItem(_) => "CreateItem",
            Self::SendItem(_) => "SendItem",
            Self::FindItem(_) => "FindItem",
            Self::GetItem(_) => "GetItem",
            Self::DeleteItem(_) => "DeleteItem",
            Self::ResolveNames(_) => "ResolveNames",
            Self::ExpandDl(_) => "ExpandDL",
            Self::GetMailTips(_) => "GetMailTips",
            Self::GetServiceConfiguration(_) => "GetServiceConfiguration",
            Self::Other { name, .. } => name,
        }
    }
}
