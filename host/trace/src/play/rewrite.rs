//! Which id of the recording is which of the session's, and messages written anew by that.

use std::collections::HashMap;

use lync::sip::{Address, Message, Method};

use super::line;

/// Ids of one connection.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// Recorded Call-ID, number and method: the session's request.
    requests: HashMap<(String, u32, String), Message>,
    /// Recorded Call-ID: the session's, and its tag there.
    calls: HashMap<String, (String, String)>,
    /// Recorded number of an envelope: the session's.
    envelopes: HashMap<String, String>,
    /// The same of the endpoint's UUID.
    instance: Option<(String, String)>,
}

fn key(message: &Message) -> Option<(String, u32, String)> {
    let (number, method) = message.cseq()?;
    Some((message.call_id().to_owned(), number, method.to_owned()))
}

impl Ids {
    /// The session's request is the recorded one.
    pub(super) fn pair(&mut self, recorded: &Message, said: &Message) {
        if !recorded.is_request() {
            return;
        }
        if let Some(key) = key(recorded) {
            self.requests.insert(key, said.clone());
        }
        let tag = said.from().tag().unwrap_or_default().to_owned();
        self.calls.insert(recorded.call_id().to_owned(), (said.call_id().to_owned(), tag));
        if let (Some(theirs), Some(ours)) = (line::envelope(recorded), line::envelope(said)) {
            self.envelopes.insert(theirs.envid, ours.envid);
        }
        if recorded.method() == Some(Method::REGISTER) {
            let uuid = |message: &Message| message.contacts().find_map(|one| one.instance_uuid());
            self.instance = uuid(recorded).zip(uuid(said));
        }
    }

    /// The session's request that a recorded answer is for.
    pub(super) fn request_of(&self, answer: &Message) -> Option<Message> {
        self.requests.get(&key(answer)?).cloned()
    }

    /// A recorded answer, as an answer to the session's request.
    pub(super) fn answer(&self, recorded: &Message, request: &Message) -> Message {
        let mut answer = recorded.clone();
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            answer.headers.remove(name);
            for value in request.headers.all(name) {
                answer.headers.push(name, value);
            }
        }
        let to = request.to();
        if let (None, Some(tag)) = (to.tag(), recorded.to().tag()) {
            let to = request.headers.first("To").unwrap_or_default();
            answer.headers.set("To", format!("{to};tag={tag}"));
        }
        self.put_instance(&mut answer);
        answer
    }

    /// A recorded request of the pool, as one in the session's dialog.
    pub(super) fn request(&self, recorded: &Message) -> Message {
        let mut request = recorded.clone();
        if let Some((call_id, tag)) = self.calls.get(recorded.call_id()) {
            request.headers.set("Call-ID", call_id.as_str());
            let to = recorded.headers.first("To").unwrap_or_default();
            if let Some(theirs) = Address::parse(to).tag() {
                let to = to.replace(&format!("tag={theirs}"), &format!("tag={tag}"));
                request.headers.set("To", to);
            }
        }
        self.put_instance(&mut request);
        if let Ok(body) = std::str::from_utf8(&recorded.body) {
            request.body = self.envelopes(body).into();
        }
        request
    }

    fn put_instance(&self, message: &mut Message) {
        let Some((theirs, ours)) = &self.instance else { return };
        let contacts: Vec<String> = message.headers.all("Contact").map(str::to_owned).collect();
        message.headers.remove("Contact");
        for contact in contacts {
            let contact =
                contact.replace(&format!("urn:uuid:{theirs}>"), &format!("urn:uuid:{ours}>"));
            message.headers.push("Contact", contact);
        }
    }

    /// Replies refer to the session's own envelopes.
    fn envelopes(&self, body: &str) -> String {
        const ELEMENT: &str = "<commandid";
        const ATTRIBUTE: &str = "envid=\"";
        // Both have the same length: only letters of ASCII change.
        let small = body.to_ascii_lowercase();
        let mut told = String::with_capacity(body.len());
        let mut at = 0;
        let find = |what: &str, from: usize| Some(from + small.get(from..)?.find(what)?);
        while let Some(element) = find(ELEMENT, at)
            && let Some(end) = find(">", element)
            && let Some(value) = find(ATTRIBUTE, element).map(|value| value + ATTRIBUTE.len())
            && let Some(quote) = find("\"", value)
        {
            // Without the attribute, what was found is another element's.
            let envid = (quote < end).then(|| body.get(value..quote)).flatten();
            let ours = envid.and_then(|envid| self.envelopes.get(envid));
            let stop = if envid.is_some() { quote } else { end };
            match (ours, body.get(at..value)) {
                (Some(ours), Some(before)) => told.extend([before, ours.as_str()]),
                _ => told.push_str(body.get(at..stop).unwrap_or_default()),
            }
            at = stop;
        }
        told + body.get(at..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_refer_to_the_session_s_envelopes() {
        let ids = Ids {
            envelopes: [("5".to_owned(), "77".to_owned()), ("6".to_owned(), "78".to_owned())]
                .into(),
            ..Ids::default()
        };
        let body = r#"<xccos envid="5"><rpl><commandid seqid="1" envid="5"/></rpl><rpl><CommandId ENVID="6"/></rpl><rpl><commandid seqid="1"/><x envid="6"/></rpl><commandid envid="9"/></xccos>"#;
        let told = r#"<xccos envid="5"><rpl><commandid seqid="1" envid="77"/></rpl><rpl><CommandId ENVID="78"/></rpl><rpl><commandid seqid="1"/><x envid="6"/></rpl><commandid envid="9"/></xccos>"#;
        assert_eq!(ids.envelopes(body), told);
        assert_eq!(ids.envelopes("<commandid"), "<commandid");
    }
}
