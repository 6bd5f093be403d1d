//! Which chat service is ours: the provisioning document (dossier 1.7).

use std::time::Instant;

use super::Session;
use super::errors::Ended;
use super::events::{Event, Provisioned};
use super::limits::{PROVISIONING_TIMEOUT, REQUEST_TIMEOUT};
use super::transactions::Purpose;
use crate::Now;
use crate::sip::{Message, Method};

const EVENT: &str = "vnd-microsoft-provisioning-v2";
const CONTENT: &str = "application/vnd-microsoft-roaming-provisioning-v2+xml";
const QUESTION: &str = concat!(
    r#"<provisioningGroupList xmlns="http://schemas.microsoft.com/2006/09/sip/provisioninggrouplist">"#,
    r#"<provisioningGroup name="ServerConfiguration"/>"#,
    r#"<provisioningGroup name="persistentChatConfiguration"/></provisioningGroupList>"#
);
/// Who serves chat where nothing says otherwise: OCS 2007 R2 and Lync 2010.
const DEFAULT_USER: &str = "ocschat";
const POOLS_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provisioning {
    Idle,
    Waiting(Instant),
    /// `known`: there was a document, or nobody to ask for one.
    Done {
        known: bool,
    },
}

impl Provisioning {
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::Waiting(until) => Some(until),
            Self::Idle | Self::Done { .. } => None,
        }
    }
}

impl Session {
    /// Asks for the document; `registered` tells what the server knows.
    pub(super) fn provision(&mut self, registered: &Message, now: Now) {
        if self.provisioning != Provisioning::Idle {
            return;
        }
        if registered.headers.lists("Allow-Events", EVENT) {
            return self.subscribe(now);
        }
        self.provisioned(Some(Provisioned::default()), now);
    }

    /// Whether the address called was a guess although somebody might have told it.
    pub(super) fn should_ask_again(&self) -> bool {
        let unknown = matches!(self.provisioning, Provisioning::Done { known: false });
        unknown && self.config.chat_uri.is_none()
    }

    pub(super) fn subscribe(&mut self, now: Now) {
        self.provisioning = Provisioning::Waiting(now.instant + PROVISIONING_TIMEOUT);
        let call_id = self.link.token::<16>();
        let tag = self.link.token::<4>();
        let address = self.config.address.clone();
        let mut request = Message::request(Method::SUBSCRIBE, &address);
        for (name, value) in [
            ("From", self.own_from(&tag).as_str()),
            ("To", &format!("<{address}>")),
            ("Max-Forwards", "70"),
            ("CSeq", "1 SUBSCRIBE"),
            ("User-Agent", self.link.user_agent()),
            ("Call-ID", &call_id),
            ("Event", EVENT),
            ("Accept", CONTENT),
            ("Supported", "com.microsoft.autoextend"),
            ("Supported", "ms-benotify"),
            ("Proxy-Require", "ms-benotify"),
            ("Supported", "ms-piggyback-first-notify"),
            ("Expires", "0"),
            ("Contact", &self.contact),
            ("Content-Type", CONTENT),
        ] {
            request.headers.push(name, value);
        }
        request.body = QUESTION.into();
        self.open_transaction(request, Purpose::Subscribe, REQUEST_TIMEOUT, now);
    }

    /// The document may come with the answer or in a notification after it.
    pub(super) fn on_subscribe_response(&mut self, status: u16, response: &Message, now: Now) {
        if !(200..300).contains(&status) {
            return self.provisioned(None, now);
        }
        if let Some(document) = read(&response.body) {
            self.provisioned(Some(document), now);
        }
    }

    /// Whether a NOTIFY or BENOTIFY was the document.
    pub(super) fn on_provisioning_notification(&mut self, request: &Message, now: Now) {
        let event = request.headers.first("Event").unwrap_or_default();
        let ours = event.split(';').next().is_some_and(|e| e.trim().eq_ignore_ascii_case(EVENT));
        if ours && let Some(document) = read(&request.body) {
            self.provisioned(Some(document), now);
        }
    }

    pub(super) fn provisioning_due(&mut self, now: Now) {
        if self.provisioning.deadline().is_some_and(|at| at <= now.instant) {
            self.provisioned(None, now);
        }
    }

    pub(super) fn provisioned(&mut self, document: Option<Provisioned>, now: Now) {
        if matches!(self.provisioning, Provisioning::Done { .. }) {
            return;
        }
        self.provisioning = Provisioning::Done { known: document.is_some() };
        let document = document.unwrap_or_default();
        let refused = document.enabled == Some(false);
        let pool = self.config.chat_uri.clone().or_else(|| document.default_pool.clone());
        self.link.event(Event::Provisioned(document));
        if refused {
            return self.end(Ended::NotProvisioned);
        }
        let default = || format!("sip:{DEFAULT_USER}@{}", self.config.domain());
        let pool = pool.unwrap_or_else(default);
        self.start_chat(pool, now);
    }
}

/// Reads a document; `None` if it is none. The question's root is spelt otherwise than the answer's.
fn read(body: &[u8]) -> Option<Provisioned> {
    let root = xml::parse(body, &xml::Limits::default()).ok()?;
    if root.name != "provisionGroupList" {
        return None;
    }
    let mut found = Provisioned::default();
    let groups = root.children_named("provisionGroup");
    for group in groups.filter(|g| g.attribute("name") == Some("persistentChatConfiguration")) {
        let lists = group.children_named("propertyEntryList");
        for property in lists.flat_map(|list| list.children_named("property")) {
            let value = property.text().trim().to_owned();
            match property.attribute("name").unwrap_or_default() {
                "EnablePersistentChat" => found.enabled = Some(value == "true"),
                "DefaultPersistentChatPoolUri" => found.default_pool = non_empty(value),
                "PersistentChatPoolUris" => found.pools = words(&value),
                "PersistentChatWebManagerUriInt" => found.manager_internal = non_empty(value),
                "PersistentChatWebManagerUriExt" => found.manager_external = non_empty(value),
                _ => {}
            }
        }
    }
    Some(found)
}

fn non_empty(value: String) -> Option<String> {
    (!value.is_empty()).then_some(value)
}

fn words(value: &str) -> Vec<String> {
    value.split_ascii_whitespace().take(POOLS_MAX).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::{QUESTION, read};

    fn document(enabled: &str) -> String {
        format!(
            r#"<provisionGroupList xmlns="x"><provisionGroup name="ServerConfiguration"/><provisionGroup name="persistentChatConfiguration"><propertyEntryList><property name="EnablePersistentChat">{enabled}</property><property name="DefaultPersistentChatPoolUri">sip:GC-1@contoso.com</property><property name="PersistentChatPoolUris">sip:GC-1@contoso.com sip:GC-2@contoso.com</property></propertyEntryList></provisionGroup></provisionGroupList>"#
        )
    }

    #[test]
    fn the_question_has_the_length_of_the_transcript() {
        assert_eq!(QUESTION.len(), 220);
    }

    #[test]
    fn properties_are_found() {
        let found = read(document("true").as_bytes()).unwrap();
        assert_eq!(found.enabled, Some(true));
        assert_eq!(found.default_pool.as_deref(), Some("sip:GC-1@contoso.com"));
        assert_eq!(found.pools.len(), 2);
    }

    #[test]
    fn only_the_exact_word_enables() {
        for word in ["false", "True", "", "1"] {
            assert_eq!(read(document(word).as_bytes()).unwrap().enabled, Some(false), "{word}");
        }
        let empty = read(b"<provisionGroupList/>").unwrap();
        assert_eq!((empty.enabled, empty.default_pool), (None, None));
        assert_eq!(read(QUESTION.as_bytes()), None);
        assert_eq!(read(b""), None);
    }
}
