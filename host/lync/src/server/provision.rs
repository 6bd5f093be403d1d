//! In-band provisioning: where the chat service is (dossier 1.7).

use xml::{Limits, Writer};

use super::Pool;
use crate::sip::Message;

/// The event package.
pub(super) const EVENT: &str = "vnd-microsoft-provisioning-v2";
const CONTENT_TYPE: &str = "application/vnd-microsoft-roaming-provisioning-v2+xml";
const NAMESPACE: &str = "http://schemas.microsoft.com/2006/09/sip/provisiongrouplist-notification";
const GROUP: &str = "persistentChatConfiguration";

impl Pool {
    /// Puts the document into the answer ("piggyback"), as MS-SIPREGE 4.2.2 shows it.
    pub(super) fn add_provisioning(&self, request: &Message, response: &mut Message) {
        for (name, value) in [
            ("subscription-state", "terminated;expires=0"),
            ("ms-piggyback-cseq", "1"),
            ("Supported", "ms-benotify, ms-piggyback-first-notify"),
            ("Content-Type", CONTENT_TYPE),
        ] {
            response.headers.push(name, value);
        }
        let user = self.users.find(&request.from().uri);
        let enabled = user.is_some_and(|user| user.chat_enabled);
        response.body = self.document(asks_for_chat(&request.body), enabled).into();
    }

    fn document(&self, with_chat: bool, enabled: bool) -> String {
        let pool_uri = self.config.pool_uri.as_str();
        let properties = [
            ("EnablePersistentChat", if enabled { "true" } else { "false" }),
            ("DefaultPersistentChatPoolUri", pool_uri),
            ("PersistentChatPoolUris", pool_uri),
        ];
        let mut writer = Writer::new();
        writer.element("provisionGroupList", &[("xmlns", NAMESPACE)], |list| {
            if with_chat {
                list.element("provisionGroup", &[("name", GROUP)], |group| {
                    group.element("propertyEntryList", &[], |entries| {
                        for (name, value) in properties {
                            entries.element("property", &[("name", name)], |property| {
                                property.text(value);
                            });
                        }
                    });
                });
            }
        });
        writer.finish()
    }
}

/// Whether the request names our group; a body that cannot be read asks for everything.
fn asks_for_chat(body: &[u8]) -> bool {
    let Ok(list) = xml::parse(body, &Limits::default()) else { return true };
    let mut groups = list.children_named("provisioningGroup");
    groups.any(|group| group.attribute("name") == Some(GROUP))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use super::*;
    use crate::{
        server::{User, testing::*},
        sip::Method,
    };

    fn provisioned(world: &mut World, body: &'static str) -> Message {
        let mut phone = Phone::new(world, 1, ALICE);
        phone.sign_in(world, "secret");
        let mut request = phone.request(Method::SUBSCRIBE, ALICE);
        request.headers.push("Event", EVENT);
        request.headers.push("Expires", "0");
        request.body = body.into();
        phone.ask(world, request)
    }

    fn property(document: &[u8], name: &str) -> Option<String> {
        let root = xml::parse(document, &Limits::default()).unwrap();
        let entries = root.at(&["provisionGroup", "propertyEntryList"])?;
        let mut properties = entries.children_named("property");
        properties.find(|one| one.attribute("name") == Some(name)).map(xml::Element::text)
    }

    #[test]
    fn the_document_rides_on_the_answer() {
        let mut world = World::new();
        let answer = provisioned(&mut world, "");
        assert_eq!(answer.headers.first("ms-piggyback-cseq"), Some("1"));
        assert_eq!(answer.expires_header(), Some("0"));
        let value = |name| property(&answer.body, name);
        assert_eq!(value("EnablePersistentChat").as_deref(), Some("true"));
        assert_eq!(value("DefaultPersistentChatPoolUri").as_deref(), Some(CHAT));
    }

    #[test]
    fn who_may_not_chat_is_told() {
        let mut world = World::new();
        let alice = User { chat_enabled: false, ..user("alice", "Alice") };
        world.pool.users = super::super::Users::new([alice]);
        let answer = provisioned(&mut world, "");
        assert_eq!(property(&answer.body, "EnablePersistentChat").as_deref(), Some("false"));
    }

    #[test]
    fn only_what_was_asked_for_is_told() {
        let other =
            "<provisioningGroupList><provisioningGroup name=\"ucPolicy\"/></provisioningGroupList>";
        let answer = provisioned(&mut World::new(), other);
        assert_eq!(property(&answer.body, "EnablePersistentChat"), None);
    }
}
