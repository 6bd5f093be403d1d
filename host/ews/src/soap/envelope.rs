//! `s:Envelope` with the headers of EWS (ews.md 0.3).

use xml::{Element, Limits, Writer};

use super::{Fault, namespace};
use crate::{code::ResponseCode, values::number_attribute};

/// The values of `RequestServerVersion` that the schema knows.
const VERSIONS: &[&str] = &[
    "Exchange2007",
    "Exchange2007_SP1",
    "Exchange2009",
    "Exchange2010",
    "Exchange2010_SP1",
    "Exchange2010_SP2",
    "Exchange2012",
    "Exchange2013",
    "Exchange2013_SP1",
    "Exchange2015",
    "Exchange2016",
    "V2015_10_05",
    "V2016_01_06",
    "V2016_04_13",
    "V2016_07_13",
    "V2016_10_10",
    "V2017_01_07",
    "V2017_04_14",
    "V2017_07_11",
    "V2017_10_09",
    "V2018_01_08",
];

/// Who is acted as: the one child of `t:ConnectingSID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectingSid {
    /// A user principal name.
    PrincipalName(String),
    /// A security identifier.
    Sid(String),
    /// The primary address; what our client sends.
    PrimarySmtpAddress(String),
    /// Any address.
    SmtpAddress(String),
}

impl ConnectingSid {
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::PrincipalName(text) => ("t:PrincipalName", text),
            Self::Sid(text) => ("t:SID", text),
            Self::PrimarySmtpAddress(text) => ("t:PrimarySmtpAddress", text),
            Self::SmtpAddress(text) => ("t:SmtpAddress", text),
        }
    }

    /// The text, whatever it names the user by.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.parts().1
    }

    fn read(impersonation: &Element) -> Option<Self> {
        let mut children = impersonation.child("ConnectingSID")?.children();
        let child = children.next()?;
        let text = child.text().trim().to_owned();
        if children.next().is_some() || text.is_empty() {
            return None;
        }
        match child.name.as_str() {
            "PrincipalName" => Some(Self::PrincipalName(text)),
            "SID" => Some(Self::Sid(text)),
            "PrimarySmtpAddress" => Some(Self::PrimarySmtpAddress(text)),
            "SmtpAddress" => Some(Self::SmtpAddress(text)),
            _ => None,
        }
    }
}

/// The headers of a request that matter; others are borne.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHeader {
    /// `RequestServerVersion`.
    pub version: Option<String>,
    /// `ExchangeImpersonation`.
    pub impersonate: Option<ConnectingSid>,
}

impl RequestHeader {
    /// Writes a whole request around what `body` writes.
    #[must_use]
    pub fn envelope(&self, body: impl FnOnce(&mut Writer)) -> String {
        let mut writer = Writer::with_declaration();
        let namespaces = [
            ("xmlns:s", namespace::SOAP),
            ("xmlns:m", namespace::MESSAGES),
            ("xmlns:t", namespace::TYPES),
        ];
        writer.element("s:Envelope", &namespaces, |writer| {
            if *self != Self::default() {
                writer.element("s:Header", &[], |writer| self.write(writer));
            }
            writer.element("s:Body", &[], body);
        });
        writer.finish()
    }

    fn write(&self, writer: &mut Writer) {
        if let Some(version) = &self.version {
            writer.empty("t:RequestServerVersion", &[("Version", version)]);
        }
        if let Some(user) = &self.impersonate {
            let (name, text) = user.parts();
            writer.element("t:ExchangeImpersonation", &[], |writer| {
                writer.element("t:ConnectingSID", &[], |writer| {
                    writer.leaf(name, text);
                });
            });
        }
    }

    /// Reads a request into its headers and the operation's element.
    ///
    /// # Errors
    /// The fault to answer with: `ErrorInvalidRequest` for what is no envelope with one operation,
    /// `ErrorDuplicateSOAPHeader`, `ErrorInvalidServerVersion`,
    /// `ErrorInvalidExchangeImpersonationHeaderData`.
    pub fn read(document: &[u8]) -> Result<(Self, Element), Fault> {
        let root =
            xml::parse(document, &Limits { bytes_max: REQUEST_BYTES_MAX, ..Limits::default() });
        let mut root = root.map_err(|error| {
            Fault::new(
                ResponseCode::SCHEMA_VALIDATION,
                &format!("The request cannot be read: {error}."),
            )
        })?;
        let no_envelope =
            || Fault::new(ResponseCode::INVALID_REQUEST, "The request is no SOAP envelope.");
        if !root.is(namespace::SOAP, "Envelope") {
            return Err(no_envelope());
        }
        let header = match root.children().find(|child| child.is(namespace::SOAP, "Header")) {
            Some(header) => Self::read_header(header)?,
            None => Self::default(),
        };
        let body = take_child(&mut root, |child| child.is(namespace::SOAP, "Body"));
        let mut body = body.ok_or_else(no_envelope)?;
        let operation = take_child(&mut body, |_| true).ok_or_else(no_envelope)?;
        if body.children().next().is_some() {
            return Err(no_envelope());
        }
        Ok((header, operation))
    }

    fn read_header(header: &Element) -> Result<Self, Fault> {
        let mut seen: Vec<&str> = Vec::new();
        let mut read = Self::default();
        for child in header.children().filter(|child| child.namespace == namespace::TYPES) {
            if seen.contains(&child.name.as_str()) {
                let text = "The same SOAP header stands there twice.";
                return Err(Fault::new(ResponseCode::DUPLICATE_SOAP_HEADER, text));
            }
            seen.push(&child.name);
            match child.name.as_str() {
                "RequestServerVersion" => read.version = Some(read_version(child)?),
                "ExchangeImpersonation" => {
                    let code = ResponseCode::new("ErrorInvalidExchangeImpersonationHeaderData");
                    let user = ConnectingSid::read(child).ok_or_else(|| {
                        Fault::new(code, "ExchangeImpersonation names nobody, or more than one.")
                    });
                    read.impersonate = Some(user?);
                }
                _ => {}
            }
        }
        Ok(read)
    }
}

/// The longest request that is read (ews.md 9.6).
pub const REQUEST_BYTES_MAX: usize = 35 << 20;

fn read_version(element: &Element) -> Result<String, Fault> {
    let version = element.attribute("Version").unwrap_or_default().trim();
    if VERSIONS.contains(&version) {
        Ok(version.to_owned())
    } else {
        let text = "The specified server version is invalid.";
        Err(Fault::new(ResponseCode::INVALID_SERVER_VERSION, text))
    }
}

/// Takes the first child that is `wanted` out of its parent.
pub(crate) fn take_child(
    parent: &mut Element,
    wanted: impl Fn(&Element) -> bool,
) -> Option<Element> {
    let at = parent
        .nodes
        .iter()
        .position(|node| matches!(node, xml::Node::Element(child) if wanted(child)))?;
    match parent.nodes.remove(at) {
        xml::Node::Element(child) => Some(child),
        xml::Node::Text(_) => None,
    }
}

/// `t:ServerVersionInfo`, the header of answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVersion {
    /// 15 since Exchange 2013.
    pub major: u16,
    /// 0: 2013, 1: 2016, 2: 2019 and Subscription Edition, 20: Exchange Online.
    pub minor: u16,
    /// The build.
    pub major_build: u16,
    /// The build's revision.
    pub minor_build: u16,
    /// The schema's level. Never to be sent back as `RequestServerVersion`.
    pub version: Option<String>,
}

impl Default for ServerVersion {
    /// Exchange Server Subscription Edition, the first release.
    fn default() -> Self {
        Self {
            major: 15,
            minor: 2,
            major_build: 2562,
            minor_build: 17,
            version: Some("V2017_07_11".to_owned()),
        }
    }
}

impl ServerVersion {
    /// The product's name (ews.md 7).
    #[must_use]
    pub fn product(&self) -> &'static str {
        match (self.major, self.minor, self.major_build) {
            (15, 0, _) => "Exchange 2013",
            (15, 1, _) => "Exchange 2016",
            (15, 2, build) if build >= 2562 => "Exchange Subscription Edition",
            (15, 2, _) => "Exchange 2019",
            (15, 20, _) => "Exchange Online",
            (14, ..) => "Exchange 2010",
            _ => "an unknown Exchange",
        }
    }

    /// Writes a whole answer around what `body` writes.
    #[must_use]
    pub fn envelope(&self, body: impl FnOnce(&mut Writer)) -> String {
        let mut writer = Writer::with_declaration();
        let namespaces = [
            ("xmlns:s", namespace::SOAP),
            ("xmlns:m", namespace::MESSAGES),
            ("xmlns:t", namespace::TYPES),
            ("xmlns:xsi", namespace::XSI),
        ];
        writer.element("s:Envelope", &namespaces, |writer| {
            writer.element("s:Header", &[], |writer| self.write(writer));
            writer.element("s:Body", &[], body);
        });
        writer.finish()
    }

    fn write(&self, writer: &mut Writer) {
        let numbers = [self.major, self.minor, self.major_build, self.minor_build];
        let [major, minor, major_build, minor_build] = numbers.map(|number| number.to_string());
        let mut attributes = vec![
            ("MajorVersion", major.as_str()),
            ("MinorVersion", minor.as_str()),
            ("MajorBuildNumber", major_build.as_str()),
            ("MinorBuildNumber", minor_build.as_str()),
        ];
        attributes.extend(self.version.as_deref().map(|version| ("Version", version)));
        writer.empty("t:ServerVersionInfo", &attributes);
    }

    /// Reads it from an envelope; its absence is no error.
    #[must_use]
    pub fn read(envelope: &Element) -> Option<Self> {
        let info = envelope.at(&["Header", "ServerVersionInfo"])?;
        Some(Self {
            major: number_attribute(info, "MajorVersion")?,
            minor: number_attribute(info, "MinorVersion")?,
            major_build: number_attribute(info, "MajorBuildNumber").unwrap_or(0),
            minor_build: number_attribute(info, "MinorBuildNumber").unwrap_or(0),
            version: info.attribute("Version").map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    fn code(document: &str) -> ResponseCode {
        RequestHeader::read(document.as_bytes()).unwrap_err().code
    }

    fn request(header: &str, body: &str) -> String {
        format!(
            "<s:Envelope xmlns:s='{}' xmlns:t='{}'>{header}<s:Body>{body}</s:Body></s:Envelope>",
            namespace::SOAP,
            namespace::TYPES
        )
    }

    #[test]
    fn headers_come_back() {
        for impersonate in [
            ConnectingSid::PrincipalName("ana@corp.example".to_owned()),
            ConnectingSid::Sid("S-1-5-21".to_owned()),
            ConnectingSid::PrimarySmtpAddress("a&b@corp.example".to_owned()),
            ConnectingSid::SmtpAddress("ana@corp.example".to_owned()),
        ] {
            let header = RequestHeader {
                version: Some("Exchange2013_SP1".to_owned()),
                impersonate: Some(impersonate),
            };
            let document = header.envelope(|writer| {
                writer.empty("m:GetFolder", &[]);
            });
            let (read, operation) = RequestHeader::read(document.as_bytes()).unwrap();
            assert_eq!(read, header);
            assert!(operation.is(namespace::MESSAGES, "GetFolder"));
        }
    }

    #[test]
    fn an_empty_header_and_none_are_borne() {
        for header in
            ["", "<s:Header/>", "<s:Header><t:MailboxCulture>de</t:MailboxCulture></s:Header>"]
        {
            let (read, _) = RequestHeader::read(request(header, "<x/>").as_bytes()).unwrap();
            assert_eq!(read, RequestHeader::default());
        }
    }

    #[test]
    fn bad_envelopes_get_their_fault() {
        let version = r#"<t:RequestServerVersion Version="Exchange2016"/>"#;
        let twice = format!("<s:Header>{version}{version}</s:Header>");
        assert_eq!(code(&request(&twice, "<x/>")), ResponseCode::DUPLICATE_SOAP_HEADER);
        let future = r#"<s:Header><t:RequestServerVersion Version="V2999_01_01"/></s:Header>"#;
        assert_eq!(code(&request(future, "<x/>")), ResponseCode::INVALID_SERVER_VERSION);
        let nobody = "<s:Header><t:ExchangeImpersonation/></s:Header>";
        let invalid = "ErrorInvalidExchangeImpersonationHeaderData";
        assert_eq!(code(&request(nobody, "<x/>")).as_str(), invalid);
        for document in ["<x/>".to_owned(), request("", ""), request("", "<x/><y/>")] {
            assert_eq!(code(&document), ResponseCode::INVALID_REQUEST);
        }
        for document in ["", "<", "<!DOCTYPE a><a/>"] {
            assert_eq!(code(document), ResponseCode::SCHEMA_VALIDATION);
        }
        let https =
            request("", "<x/>").replace("http://schemas.xmlsoap", "https://schemas.xmlsoap");
        assert_eq!(code(&https), ResponseCode::INVALID_REQUEST);
    }

    #[test]
    fn the_server_tells_its_version() {
        let version = ServerVersion::default();
        let document = version.envelope(|_| {});
        let root = xml::parse(document.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(ServerVersion::read(&root), Some(version.clone()));
        assert_eq!(version.product(), "Exchange Subscription Edition");
    }
}
