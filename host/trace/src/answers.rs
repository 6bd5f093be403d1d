//! The answers of Exchange in a transcript, read once more as far as their redacted form allows.

use std::{collections::HashMap, fmt::Debug, time::Duration};

use ews::{
    ResponseCode,
    classify::Effect,
    client::{HttpReply, decode},
    operation::{Incoming, Operation, Request},
    soap::{Fault, namespace},
};
use xml::{Element, Limits};

use crate::{
    redact,
    transcript::{Direction, Entry, Side},
};

/// What is made of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The line of the file that it stands at.
    pub line: usize,
    /// What it says: operation, status, codes, class of error.
    pub told: String,
    /// Whether it cannot be read as it should be.
    pub is_odd: bool,
}

/// Reads the answers of Exchange among the entries, each with the request before it on the same
/// connection.
#[must_use]
pub fn read(entries: &[Entry]) -> Vec<Reading> {
    let mut asked: HashMap<u32, &Entry> = HashMap::new();
    let mut readings = Vec::new();
    for entry in entries.iter().filter(|entry| entry.side == Side::Exchange) {
        match entry.direction {
            Direction::Out => {
                asked.insert(entry.connection, entry);
            }
            Direction::In => {
                let (told, is_odd) = match answer(asked.get(&entry.connection).copied(), entry) {
                    Ok(told) => (told, false),
                    Err(told) => (told, true),
                };
                readings.push(Reading { line: entry.line, told, is_odd });
            }
            Direction::Mark => {}
        }
    }
    readings
}

fn answer(asked: Option<&Entry>, entry: &Entry) -> Result<String, String> {
    let (head, body) = entry.parts();
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let status = first.strip_prefix("HTTP/1.1 ").and_then(|status| status.parse::<u16>().ok());
    let status = status.ok_or("no status line of HTTP")?;
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap_or((line.trim_end_matches(':'), "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let asked = asked.ok_or(format!("{status} without a request"))?.parts().1;
    if asked.is_empty() {
        // The first half of a handshake asks for nothing.
        let offered = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("WWW-Authenticate"));
        return match (status, offered) {
            (401, false) => Err("401 without a challenge".to_owned()),
            _ => Ok(format!("sign-in: {status}")),
        };
    }
    if body.ends_with(redact::TOO_LONG) {
        return Ok(format!("{status}, {body}"));
    }
    if body.ends_with(redact::BROKEN) && matches!(status, 200 | 500) {
        return Err(format!("{status}, {body}"));
    }
    let reply =
        HttpReply { status, headers: &headers, body: body.as_bytes(), took: Duration::ZERO };
    match Incoming::decode(asked.as_bytes()).map(|incoming| incoming.request) {
        Ok(Request::CreateItem(operation)) => whole(&operation, &reply),
        Ok(Request::SendItem(operation)) => whole(&operation, &reply),
        Ok(Request::FindItem(operation)) => whole(&operation, &reply),
        Ok(Request::GetItem(operation)) => whole(&operation, &reply),
        Ok(Request::DeleteItem(operation)) => whole(&operation, &reply),
        Ok(Request::ResolveNames(operation)) => whole(&operation, &reply),
        Ok(Request::ExpandDl(operation)) => whole(&operation, &reply),
        Ok(Request::GetMailTips(operation)) => whole(&operation, &reply),
        Ok(Request::GetServiceConfiguration(operation)) => whole(&operation, &reply),
        // Redacted, it need not keep to the schema.
        Ok(Request::Other { .. }) | Err(_) => codes(asked, status, body),
    }
}

/// As the host reads it.
fn whole<O: Operation>(operation: &O, reply: &HttpReply<'_>) -> Result<String, String>
where
    O::Payload: Debug,
{
    let name = O::FORM.operation;
    match decode(operation, reply, 0) {
        Ok(read) => {
            let results = read.results.iter().map(|result| match result {
                Ok(_) => "well".to_owned(),
                Err(error) => error_words(error),
            });
            let results: Vec<_> = results.collect();
            let unanswered = |error: &ews::Error| matches!(error, ews::Error::Unanswered { .. });
            let told = format!("{name}: {}: {}", reply.status, results.join(", "));
            let is_odd = read.results.iter().any(|one| one.as_ref().is_err_and(unanswered));
            if is_odd { Err(told) } else { Ok(told) }
        }
        Err(error) => {
            let told = format!("{name}: {}: {}", reply.status, error_words(&error));
            let is_odd = matches!(error, ews::Error::Malformed { .. });
            if is_odd { Err(told) } else { Ok(told) }
        }
    }
}

fn error_words(error: &ews::Error) -> String {
    let class = error.class();
    match (error, error.code()) {
        (ews::Error::Malformed { what, .. }, _) => format!("unreadable ({what}), class {class:?}"),
        (ews::Error::Unanswered { .. }, _) => format!("not answered, class {class:?}"),
        (ews::Error::Http { what, .. }, _) => format!("{what}, class {class:?}"),
        (_, Some(code)) => format!("{code}, class {class:?}"),
        (_, None) => format!("class {class:?}"),
    }
}

/// The envelope and its response codes.
fn codes(asked: &str, status: u16, body: &str) -> Result<String, String> {
    let parse = |text: &str| xml::parse_lenient(text.as_bytes(), &Limits::default()).ok();
    let name = parse(asked).and_then(|root| {
        let operation = body_of(&root)?.children().next()?;
        Some(operation.name.clone())
    });
    let name = name.unwrap_or_else(|| "a request that cannot be read".to_owned());
    let Some(root) = parse(body).filter(|root| root.is(namespace::SOAP, "Envelope")) else {
        // Only these two statuses come with an envelope.
        let told = format!("{name}: {status}, no envelope");
        return if matches!(status, 200 | 500) { Err(told) } else { Ok(told) };
    };
    if let Some(fault) = Fault::read(&root) {
        let class = ews::classify::classify(&fault.code, Effect::Repeatable, &fault.details);
        return Ok(format!("{name}: {status}: fault {}, class {class:?}", fault.code));
    }
    let mut found = Vec::new();
    body_of(&root).into_iter().for_each(|body| collect(body, &mut found));
    if found.is_empty() {
        return Err(format!("{name}: {status}, no response code"));
    }
    Ok(format!("{name}: {status}: {}", found.join(", ")))
}

fn body_of(root: &Element) -> Option<&Element> {
    root.children().find(|child| child.is(namespace::SOAP, "Body"))
}

/// Response codes that are told of one answer.
const CODES_MAX: usize = 16;

fn collect(element: &Element, found: &mut Vec<String>) {
    for child in element.children() {
        if found.len() >= CODES_MAX {
            return;
        }
        if child.name == "ResponseCode" {
            let code = ResponseCode::new(&child.text());
            let word =
                if code == ResponseCode::NO_ERROR { "well".to_owned() } else { code.to_string() };
            found.push(word);
        } else {
            collect(child, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::Redactor;
    use ews::{
        client::{Options, encode},
        resolve_names::ResolveNames,
    };

    fn entry(direction: Direction, message: String) -> Entry {
        Entry { direction, at_ms: 0, side: Side::Exchange, connection: 1, message, line: 7 }
    }

    fn told(status: u16, body: &str) -> (String, bool) {
        let mut redactor = Redactor::new();
        let request =
            encode(&ResolveNames::directory("smtp:anna@contoso.com"), &Options::default());
        let asked = redactor.http_request("/EWS/Exchange.asmx", &[], &request.body);
        let answer = redactor.http_answer(status, &[], body.as_bytes());
        let entries = [entry(Direction::Out, asked), entry(Direction::In, answer)];
        let mut readings = read(&entries).into_iter();
        readings.next().map(|one| (one.told, one.is_odd)).unwrap_or_default()
    }

    const RESPONSE: &str = r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><s:Body><m:ResolveNamesResponse><m:ResponseMessages><m:ResolveNamesResponseMessage ResponseClass="Error"><m:MessageText>Nobody</m:MessageText><m:ResponseCode>CODE</m:ResponseCode></m:ResolveNamesResponseMessage></m:ResponseMessages></m:ResolveNamesResponse></s:Body></s:Envelope>"#;

    #[test]
    fn classes_of_error() {
        let nobody = RESPONSE.replace("CODE", "ErrorNameResolutionNoResults");
        assert_eq!(
            told(200, &nobody),
            ("ResolveNames: 200: ErrorNameResolutionNoResults, class Recipient".to_owned(), false)
        );
        let (words, is_odd) = told(200, &RESPONSE.replace("ResolveNamesResponseMessage", "Other"));
        assert_eq!(
            (words.as_str(), is_odd),
            ("ResolveNames: 200: not answered, class Transient", true)
        );
        assert_eq!(
            told(503, "<html>Busy</html>"),
            ("ResolveNames: 503: not available, class Busy".to_owned(), false)
        );
    }

    #[test]
    fn what_cannot_be_read_is_odd() {
        assert!(told(200, "<s:Envelope").1);
        assert!(
            read(&[entry(Direction::In, "HTTP/1.1 200".to_owned())]).iter().all(|one| one.is_odd)
        );
        assert!(read(&[entry(Direction::In, "nothing".to_owned())]).iter().all(|one| one.is_odd));
    }
}
