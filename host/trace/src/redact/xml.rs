//! XML: elements and attributes keep their names, values go by the place they stand in.

use xml::{Element, Limits, Node, Writer};

use super::{
    body::BODY_BYTES_MAX,
    names::{Kind, Names},
    values::Place,
};

/// Bytes of the longest name that is kept.
const NAME_BYTES_MAX: usize = 64;
/// What is read of a body.
const LIMITS: Limits = Limits { bytes_max: BODY_BYTES_MAX, depth_max: 64, elements_max: 500_000 };
/// Namespaces that are known.
const NAMESPACES: [&str; 11] = [
    lync::xccos::NAMESPACE,
    "http://schemas.microsoft.com/2006/09/sip/provisioninggrouplist",
    "http://schemas.microsoft.com/2006/09/sip/provisiongrouplist-notification",
    ews::soap::namespace::SOAP,
    ews::soap::namespace::MESSAGES,
    ews::soap::namespace::TYPES,
    ews::soap::namespace::ERRORS,
    ews::soap::namespace::XSI,
    "http://www.w3.org/2001/XMLSchema",
    "http://www.w3.org/2003/05/soap-envelope",
    "http://schemas.microsoft.com/exchange/2010/Autodiscover",
];

/// The document as it may be shown; `None` if it is none.
pub(super) fn document(names: &mut Names, body: &[u8]) -> Option<String> {
    let root = xml::parse_lenient(body, &LIMITS).ok()?;
    let mut writer = Writer::new();
    write(names, &mut writer, &root, "");
    Some(writer.finish())
}

fn write(names: &mut Names, writer: &mut Writer, element: &Element, above: &str) {
    let kind = element.name.to_ascii_lowercase();
    let mut attributes: Vec<(String, String)> = Vec::new();
    if element.namespace != above {
        attributes.push(("xmlns".to_owned(), namespace(names, &element.namespace)));
    }
    for (name, value) in &element.attributes {
        let place = attribute_place(&kind, &name.to_ascii_lowercase());
        let name = name_of(names, name);
        // Two of different namespaces may be called alike.
        if !attributes.iter().any(|(other, _)| *other == name) {
            attributes.push((name, names.value(place, value)));
        }
    }
    let attributes: Vec<_> =
        attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let place = text_place(&kind, element);
    let name = name_of(names, &element.name);
    writer.element(&name, &attributes, |inside| {
        for node in &element.nodes {
            match node {
                Node::Element(child) => write(names, inside, child, &element.namespace),
                Node::Text(text) => {
                    inside.text(&names.value(place, text));
                }
            }
        }
    });
}

fn namespace(names: &mut Names, namespace: &str) -> String {
    let known = NAMESPACES.iter().find(|known| known.eq_ignore_ascii_case(namespace));
    match known {
        Some(known) => (*known).to_owned(),
        None if namespace.is_empty() => String::new(),
        None => format!("urn:{}", names.of(Kind::Id, namespace)),
    }
}

/// The name, if it could be one that a protocol has.
fn name_of(names: &mut Names, name: &str) -> String {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.len() <= NAME_BYTES_MAX
        && name.bytes().all(usual)
        && !name.eq_ignore_ascii_case("xmlns")
    {
        return name.to_owned();
    }
    names.of(Kind::Name, name)
}

/// What may stand in an attribute; both in small letters.
fn attribute_place(element: &str, attribute: &str) -> Place {
    match (element, attribute) {
        ("itemid" | "folderid" | "parentfolderid" | "referenceitemid" | "attachmentid", _) => {
            Place::Id
        }
        ("aib" | "chanid" | "fib", "value") => Place::Rooms,
        ("property" | "provisiongroup" | "provisioninggroup" | "value", "name") => Place::Words,
        ("date", "from" | "to") => Place::Time,
        ("constant", "value") => Place::Text,
        ("entry", "key") => Place::Words,
        ("inv", "inviteid") | ("msgid", "from") => Place::Number,
        (
            _,
            "name" | "criteria" | "authdisp" | "disname" | "uname" | "displayname" | "fileurl"
            | "company",
        ) => Place::Name,
        (
            _,
            "uri" | "chanuri" | "channeluri" | "rooturi" | "parent" | "filestoreuri" | "author"
            | "roommanagementurl" | "serveruri" | "createdby" | "updatedby",
        ) => Place::Uris,
        (_, "description" | "topic" | "content") => Place::Text,
        (_, "domain") => Place::Host,
        (_, "id") => Place::Label,
        (_, "email") => Place::Mailbox,
        (_, "guid" | "token" | "dbversion" | "changekey" | "propertyname") => Place::Id,
        (_, "servertime" | "ts" | "createdon" | "updatedon") => Place::Time,
        (_, "fielduri") => Place::Field,
        (
            _,
            "ver"
            | "envid"
            | "seqid"
            | "code"
            | "cnt"
            | "infotype"
            | "searchlimit"
            | "total"
            | "messagesizelimit"
            | "storysizelimit"
            | "maxresults"
            | "chatid"
            | "msgid"
            | "messageid"
            | "majorversion"
            | "minorversion"
            | "majorbuildnumber"
            | "minorbuildnumber"
            | "totalitemsinview"
            | "indexedpagingoffset"
            | "offset"
            | "maxentriesreturned",
        ) => Place::Number,
        (
            _,
            "alert"
            | "disabled"
            | "extended"
            | "createdefault"
            | "exceeded"
            | "behavior"
            | "key"
            | "type"
            | "qtype"
            | "label"
            | "responseclass"
            | "version"
            | "traversal"
            | "basepoint"
            | "bodytype"
            | "order"
            | "messagedisposition"
            | "containmentmode"
            | "containmentcomparison"
            | "distinguishedpropertysetid"
            | "propertytype"
            | "deletetype"
            | "conflictresolution"
            | "searchscope"
            | "includeslastiteminrange"
            | "returnfullcontactdata"
            | "nil",
        ) => Place::Words,
        _ => Place::Unknown,
    }
}

/// What may stand in an element of this name, in small letters.
fn text_place(kind: &str, element: &Element) -> Place {
    match kind {
        "resp" | "responsecode" | "faultcode" => Place::Constant,
        "info" | "prop" => Place::Words,
        "property" => Place::Uris,
        "chat" | "rtf" | "text" | "subject" | "body" | "mimecontent" | "messagetext"
        | "faultstring" => Place::Text,
        "descriptivelinkkey" | "size" | "linenumber" | "lineposition" => Place::Number,
        "value" if element.attribute("Name") == Some("BackOffMilliseconds") => Place::Number,
        "mailboxtype" | "routingtype" | "baseshape" | "bodytype" | "importance" | "itemclass"
        | "mailtipsrequested" | "includemimecontent" => Place::Words,
        "entry" | "emailaddress" | "unresolvedentry" | "primarysmtpaddress" | "smtpaddress"
        | "principalname" => Place::Mailbox,
        "name" | "displayname" => Place::Name,
        "internetmessageid" | "sid" => Place::Id,
        "datetimesent" | "datetimecreated" | "datetimereceived" | "lastmodifiedtime" => Place::Time,
        _ => Place::Unknown,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    fn told(body: &str) -> String {
        document(&mut Names::default(), body.as_bytes()).unwrap()
    }

    #[test]
    fn a_post() {
        let body = r#"<xccos ver="1" envid="7962" xmlns="urn:parlano:xml:ns:xccos"><grpchat id="grpchat" seqid="1" chanUri="ma-chan://contoso.com/5b1d" author="sip:anna@contoso.com" authdisp="Anna" alert="false" chatId="42" ts="2014-03-03T09:17:45.25Z" mood="Sad 7"><chat>db-7 is back.</chat><new deep="ma-chan://contoso.com/5B1D">Anna</new></grpchat></xccos>"#;
        let expected = r#"<xccos xmlns="urn:parlano:xml:ns:xccos" ver="1" envid="7962"><grpchat id="grpchat" seqid="1" chanUri="ma-chan://domain1.example/room1" author="sip:person1@domain1.example" authdisp="name1" alert="false" chatId="42" ts="2014-03-03T09:17:45.25Z" mood="xxx 0"><chat>xx-0 xx xxxx.</chat><new deep="ma-chan://domain1.example/room1">xxxx</new></grpchat></xccos>"#;
        assert_eq!(told(body), expected);
    }

    #[test]
    fn a_room_and_who_is_in_it() {
        let body = r#"<data><chanib name="Ops" description="First line" uri="ma-chan://c/5b1d" topic=""><aib key="3984" value="0,1"/><info id="urn:parlano:ma:info:visibilty">SCOPE</info></chanib><uib id="0" uri="sip:a@c"><aib key="4" domain="c" value="5B1D"/></uib></data>"#;
        let expected = r#"<data><chanib name="name1" description="xxxxx xxxx" uri="ma-chan://domain1.example/room1" topic=""><aib key="3984" value="0,1"/><info id="urn:parlano:ma:info:visibilty">SCOPE</info></chanib><uib id="0" uri="sip:person1@domain1.example"><aib key="4" domain="domain1.example" value="room1"/></uib></data>"#;
        assert_eq!(told(body), expected);
    }

    #[test]
    fn an_answer_of_exchange() {
        let body = r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Body><m:ResolveNamesResponseMessage ResponseClass="Error"><m:MessageText>Nobody is called Anna</m:MessageText><m:ResponseCode>ErrorNameResolutionNoResults</m:ResponseCode><m:EmailAddress>anna@contoso.com</m:EmailAddress></m:ResolveNamesResponseMessage></s:Body></s:Envelope>"#;
        let told = told(body);
        assert!(
            told.contains("<ResponseCode>ErrorNameResolutionNoResults</ResponseCode>"),
            "{told}"
        );
        assert!(told.contains("<EmailAddress>person1@domain1.example</EmailAddress>"), "{told}");
        assert!(told.contains("ResponseClass=\"Error\"") && !told.contains("Anna"), "{told}");
        let again = xml::parse(told.as_bytes(), &Limits::default()).unwrap();
        assert!(again.is(ews::soap::namespace::SOAP, "Envelope"));
        assert!(again.children().all(|body| body.is(ews::soap::namespace::SOAP, "Body")));
    }

    #[test]
    fn strange_names_are_replaced() {
        let long = "n".repeat(65);
        let body = format!(
            r#"<é xmlns="urn:anna" xmlns:p="urn:keller" a="1" p:a="2"><p:{long} ü="x"/></é>"#
        );
        assert_eq!(
            told(&body),
            r#"<name1 xmlns="urn:id1" a="0"><name3 xmlns="urn:id2" name2="x"/></name1>"#
        );
        assert_eq!(document(&mut Names::default(), b"no XML"), None);
    }
}
