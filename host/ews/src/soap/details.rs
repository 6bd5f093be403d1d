//! `MessageXml`: the details of an error (ews.md 3.2).

use std::time::Duration;

use xml::{Element, Writer};

use crate::{code::ResponseCode, property::PropertyPath};

/// The longest wait that a peer can ask for.
pub const BACK_OFF_MAX: Duration = Duration::from_secs(30 * 60);

/// The wait when the peer asks for one that cannot be read.
pub const BACK_OFF_UNREADABLE: Duration = Duration::from_secs(60);

/// What stands in `m:MessageXml` (response messages) or `t:MessageXml` (faults).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// `t:Value` elements by name.
    pub values: Vec<(String, String)>,
    /// The properties at fault.
    pub properties: Vec<PropertyPath>,
    /// How the request breaks the schema (`t:Violation`).
    pub violation: Option<String>,
}

impl Details {
    /// Details that hold one value.
    #[must_use]
    pub fn value(name: &str, value: impl ToString) -> Self {
        Self { values: vec![(name.to_owned(), value.to_string())], ..Self::default() }
    }

    /// The value of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// How long the server asks us to wait, at most [`BACK_OFF_MAX`]. `None` means that it does
    /// not ask, not zero. What is no number counts as a minute.
    ///
    /// On the wire: `BackOffMilliseconds`.
    #[must_use]
    pub fn back_off(&self) -> Option<Duration> {
        let text = self.named("BackOffMilliseconds")?.trim();
        let asked = text.parse().map_or(BACK_OFF_UNREADABLE, Duration::from_millis);
        Some(asked.min(BACK_OFF_MAX))
    }

    /// The code behind `ErrorInternalServerError`.
    #[must_use]
    pub fn inner_code(&self) -> Option<ResponseCode> {
        self.named("InnerErrorResponseCode").map(ResponseCode::new)
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Writes the element `name`, nothing if there are no details.
    pub(crate) fn write(&self, writer: &mut Writer, name: &str) {
        if self.is_empty() {
            return;
        }
        writer.element(name, &[], |writer| {
            for path in &self.properties {
                path.write(writer);
            }
            if let Some(violation) = &self.violation {
                writer.leaf("t:Violation", violation);
            }
            for (name, value) in &self.values {
                writer.element("t:Value", &[("Name", name)], |writer| {
                    writer.text(value);
                });
            }
        });
    }

    /// Reads a `MessageXml` of either namespace among the children of `parent`.
    pub(crate) fn read_inside(parent: &Element) -> Self {
        let Some(element) = parent.child("MessageXml") else {
            return Self::default();
        };
        let value = |value: &Element| {
            Some((value.attribute("Name")?.to_owned(), value.text().trim().to_owned()))
        };
        Self {
            values: element.children_named("Value").filter_map(value).collect(),
            properties: element.children().filter_map(PropertyPath::read).collect(),
            violation: element.child_text("Violation"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test::parse_types;

    #[test]
    fn back_off_is_read_in_both_namespaces_and_capped() {
        for (text, seconds) in [
            (
                "<m:R><m:MessageXml><t:Value Name=\"BackOffMilliseconds\">5000</t:Value></m:MessageXml></m:R>",
                5,
            ),
            (
                "<m:R><t:MessageXml><t:Value Name=\"BackOffMilliseconds\"> 178510 </t:Value></t:MessageXml></m:R>",
                178,
            ),
            (
                "<m:R><t:MessageXml><t:Value Name=\"BackOffMilliseconds\">99999999999</t:Value></t:MessageXml></m:R>",
                1800,
            ),
            (
                "<m:R><t:MessageXml><t:Value Name=\"BackOffMilliseconds\">soon</t:Value></t:MessageXml></m:R>",
                60,
            ),
            (
                "<m:R><t:MessageXml><t:Value Name=\"BackOffMilliseconds\">-1</t:Value></t:MessageXml></m:R>",
                60,
            ),
        ] {
            let details = Details::read_inside(&parse_types(text));
            assert_eq!(details.back_off().map(|wait| wait.as_secs()), Some(seconds), "{text}");
        }
        assert_eq!(Details::default().back_off(), None);
    }

    #[test]
    fn what_is_written_is_read() {
        let details = Details {
            values: vec![("InnerErrorResponseCode".to_owned(), "ErrorQuotaExceeded".to_owned())],
            properties: vec![PropertyPath::field("item:Subject")],
            violation: Some("wrong <order>".to_owned()),
        };
        let mut writer = Writer::new();
        writer.element("m:R", &[], |writer| details.write(writer, "m:MessageXml"));
        let read = Details::read_inside(&parse_types(&writer.finish()));
        assert_eq!(read, details);
        assert_eq!(read.inner_code(), Some(ResponseCode::QUOTA_EXCEEDED));
    }
}
