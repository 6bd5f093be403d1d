//! `s:Fault`: a refusal of the whole request (ews.md 3.4).

use xml::{Element, Writer};

use super::{Details, namespace};
use crate::code::ResponseCode;

/// A refusal of the whole request. The server answers it with HTTP 500.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fault {code}")]
pub struct Fault {
    /// Why.
    pub code: ResponseCode,
    /// The same in words, for a log at DEBUG: it may quote the request.
    pub message: String,
    /// `t:MessageXml`.
    pub details: Details,
}

impl Fault {
    /// A fault without details.
    #[must_use]
    pub fn new(code: ResponseCode, message: &str) -> Self {
        Self { code, message: message.to_owned(), details: Details::default() }
    }

    /// Adds details.
    #[must_use]
    pub fn with(mut self, details: Details) -> Self {
        self.details = details;
        self
    }

    /// Writes the whole answer: as Exchange does it, without any header.
    #[must_use]
    pub fn envelope(&self) -> String {
        let mut writer = Writer::with_declaration();
        let namespaces = [("xmlns:s", namespace::SOAP), ("xmlns:t", namespace::TYPES)];
        writer.element("s:Envelope", &namespaces, |writer| {
            writer.element("s:Body", &[], |writer| {
                writer.element("s:Fault", &[], |writer| self.write(writer));
            });
        });
        writer.finish()
    }

    fn write(&self, writer: &mut Writer) {
        writer.element("faultcode", &[("xmlns:a", namespace::TYPES)], |writer| {
            writer.text("a:").text(self.code.as_str());
        });
        writer.element("faultstring", &[("xml:lang", "en-US")], |writer| {
            writer.text(&self.message);
        });
        writer.element("detail", &[], |writer| {
            let errors = [("xmlns:e", namespace::ERRORS)];
            writer.element("e:ResponseCode", &errors, |writer| {
                writer.text(self.code.as_str());
            });
            writer.element("e:Message", &errors, |writer| {
                writer.text(&self.message);
            });
            self.details.write(writer, "t:MessageXml");
        });
    }

    /// Finds a fault in an envelope, whatever the HTTP status was: some servers send faults with
    /// 200 and without `detail`.
    #[must_use]
    pub fn read(envelope: &Element) -> Option<Self> {
        let body = envelope.children().find(|child| child.is(namespace::SOAP, "Body"))?;
        let fault = body.children().find(|child| child.is(namespace::SOAP, "Fault"))?;
        let detail = fault.child("detail");
        let code = detail.and_then(|detail| detail.child_text("ResponseCode"));
        let code = code.filter(|code| !code.is_empty()).or_else(|| {
            let code = fault.child_text("faultcode")?;
            Some(code.rsplit(':').next().unwrap_or_default().to_owned())
        });
        Some(Self {
            code: ResponseCode::new(&code.unwrap_or_default()),
            message: fault.child_text("faultstring").unwrap_or_default(),
            details: detail.map(Details::read_inside).unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use std::time::Duration;

    use super::*;
    use crate::test::{parse, validate};

    #[test]
    fn exchange_s_own_fault() {
        let envelope = parse(
            r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>
            <faultcode xmlns:a="http://schemas.microsoft.com/exchange/services/2006/types">a:ErrorServerBusy</faultcode>
            <faultstring xml:lang="en-US">The server cannot service this request right now. Try again later.</faultstring>
            <detail>
              <e:ResponseCode xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">ErrorServerBusy</e:ResponseCode>
              <e:Message xmlns:e="http://schemas.microsoft.com/exchange/services/2006/errors">Later.</e:Message>
              <t:MessageXml xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">
                <t:Value Name="BackOffMilliseconds">178510</t:Value>
              </t:MessageXml>
            </detail></s:Fault></s:Body></s:Envelope>"#,
        );
        let fault = Fault::read(&envelope).unwrap();
        assert_eq!(fault.code, ResponseCode::SERVER_BUSY);
        assert_eq!(fault.details.back_off(), Some(Duration::from_millis(178_510)));
    }

    #[test]
    fn a_bare_fault() {
        let envelope = parse(
            r#"<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault>
            <faultcode>ErrorImpersonateUserDenied</faultcode><faultstring/></e:Fault></e:Body></e:Envelope>"#,
        );
        assert_eq!(Fault::read(&envelope).unwrap().code, ResponseCode::IMPERSONATE_USER_DENIED);
    }

    #[test]
    fn what_is_written_is_read_and_valid() {
        let fault = Fault::new(ResponseCode::SERVER_BUSY, "Try <again> later.")
            .with(Details::value("BackOffMilliseconds", 5000));
        let document = fault.envelope();
        validate(&document);
        assert_eq!(Fault::read(&parse(&document)), Some(fault));
    }
}
