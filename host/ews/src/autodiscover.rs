//! POX Autodiscover: from an address to the address of EWS (ews.md 6), both ends.
//!
//! Only the documents. Which hosts may be asked, and which of the addresses found may be trusted
//! with a password, the caller decides; https alone is handed out.

use xml::{Element, Limits, Writer};

const REQUEST: &str =
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006";
const RESPONSE: &str = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006";
const SETTINGS: &str =
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

/// The longest document that is read.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Addresses of EWS, https alone.
    Settings {
        /// For clients inside (`EXCH`).
        internal: Option<String>,
        /// For clients outside (`EXPR`).
        external: Option<String>,
    },
    /// Begin again with this address.
    RedirectAddress(String),
    /// Ask this URL, https alone.
    RedirectUrl(String),
    /// The server has no answer.
    Refused {
        /// Its code.
        code: Option<u32>,
        /// The same in words; DEBUG only.
        message: Option<String>,
    },
}

/// The document is none of POX Autodiscover, or holds an address that is not https.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AutodiscoverError {
    /// No XML.
    #[error("the answer of Autodiscover cannot be read: {0}")]
    Xml(#[from] xml::Error),
    /// Another document, or one without what its action promises.
    #[error("the answer of Autodiscover lacks its {0}")]
    Lacks(&'static str),
}

/// Writes the request for an address.
#[must_use]
pub fn encode_request(address: &str) -> String {
    let mut writer = Writer::with_declaration();
    writer.element("Autodiscover", &[("xmlns", REQUEST)], |writer| {
        writer.element("Request", &[], |writer| {
            writer.leaf("EMailAddress", address).leaf("AcceptableResponseSchema", SETTINGS);
        });
    });
    writer.finish()
}

/// Reads the address out of a request.
///
/// # Errors
/// See [`AutodiscoverError`].
pub fn decode_request(document: &[u8]) -> Result<String, AutodiscoverError> {
    let root = parse(document)?;
    let address = root.at(&["Request", "EMailAddress"]).map(|element| element.text());
    let address = address.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    address.filter(|_| root.is(REQUEST, "Autodiscover")).ok_or(AutodiscoverError::Lacks("address"))
}

/// Writes an answer.
#[must_use]
pub fn encode_answer(answer: &Answer) -> String {
    let mut writer = Writer::with_declaration();
    writer.element("Autodiscover", &[("xmlns", RESPONSE)], |writer| match answer {
        Answer::Refused { code, message } => {
            writer.element("Response", &[], |writer| {
                writer.element("Error", &[], |writer| {
                    writer.leaf("ErrorCode", &code.unwrap_or(500).to_string());
                    writer.leaf("Message", message.as_deref().unwrap_or_default());
                });
            });
        }
        _ => {
            writer.element("Response", &[("xmlns", SETTINGS)], |writer| {
                writer.element("Account", &[], |writer| write_account(writer, answer));
            });
        }
    });
    writer.finish()
}

fn write_account(writer: &mut Writer, answer: &Answer) {
    writer.leaf("AccountType", "email");
    match answer {
        Answer::Settings { internal, external } => {
            writer.leaf("Action", "settings");
            for (kind, url) in [("EXCH", internal), ("EXPR", external)] {
                let Some(url) = url else { continue };
                writer.element("Protocol", &[], |writer| {
                    writer.leaf("Type", kind).leaf("ASUrl", url).leaf("EwsUrl", url);
                });
            }
        }
        Answer::RedirectAddress(address) => {
            writer.leaf("Action", "redirectAddr").leaf("RedirectAddr", address);
        }
        Answer::RedirectUrl(url) => {
            writer.leaf("Action", "redirectUrl").leaf("RedirectUrl", url);
        }
        Answer::Refused { .. } => {}
    }
}

/// Reads an answer.
///
/// # Errors
/// See [`AutodiscoverError`].
pub fn decode_answer(document: &[u8]) -> Result<Answer, AutodiscoverError> {
    let root = parse(document)?;
    let response = root.child("Response").filter(|_| root.name == "Autodiscover");
    let response = response.ok_or(AutodiscoverError::Lacks("Response"))?;
    if let Some(error) = response.child("Error") {
        let code = error.child_text("ErrorCode").and_then(|code| code.parse().ok());
        return Ok(Answer::Refused { code, message: error.child_text("Message") });
    }
    let account = response.child("Account").ok_or(AutodiscoverError::Lacks("Account"))?;
    match account.child_text("Action").unwrap_or_default().to_ascii_lowercase().as_str() {
        "redirectaddr" => {
            let address = account.child_text("RedirectAddr").filter(|text| !text.is_empty());
            address.map(Answer::RedirectAddress).ok_or(AutodiscoverError::Lacks("RedirectAddr"))
        }
        "redirecturl" => {
            let url = https(account, "RedirectUrl");
            url.map(Answer::RedirectUrl).ok_or(AutodiscoverError::Lacks("RedirectUrl"))
        }
        "settings" => {
            let (internal, external) = (ews_url(account, "EXCH"), ews_url(account, "EXPR"));
            if internal.is_none() && external.is_none() {
                return Err(AutodiscoverError::Lacks("EwsUrl"));
            }
            Ok(Answer::Settings { internal, external })
        }
        _ => Err(AutodiscoverError::Lacks("Action")),
    }
}

fn ews_url(account: &Element, kind: &str) -> Option<String> {
    let mut protocols = account.children_named("Protocol");
    let protocol =
        protocols.find(|protocol| protocol.child_text("Type").as_deref() == Some(kind))?;
    https(protocol, "EwsUrl").or_else(|| https(protocol, "ASUrl"))
}

fn https(parent: &Element, name: &str) -> Option<String> {
    let url = parent.child_text(name)?;
    let start = url.get(..8).unwrap_or_default();
    start.eq_ignore_ascii_case("https://").then_some(url)
}

fn parse(document: &[u8]) -> Result<Element, xml::Error> {
    xml::parse(document, &Limits { bytes_max: DOCUMENT_BYTES_MAX, ..Limits::default() })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    #[test]
    fn both_ends_agree() {
        let request = encode_request("a&b@corp.example");
        assert_eq!(decode_request(request.as_bytes()).unwrap(), "a&b@corp.example");
        let url = || "https://mail.corp.example/EWS/Exchange.asmx".to_owned();
        for answer in [
            Answer::Settings { internal: Some(url()), external: None },
            Answer::Settings { internal: Some(url()), external: Some(url()) },
            Answer::RedirectAddress("b@corp.example".to_owned()),
            Answer::RedirectUrl(url()),
            Answer::Refused { code: Some(500), message: Some("no".to_owned()) },
        ] {
            let document = encode_answer(&answer);
            assert_eq!(decode_answer(document.as_bytes()), Ok(answer));
            for cut in 0..document.len() {
                assert!(decode_answer(document.get(..cut).unwrap().as_bytes()).is_err());
            }
        }
    }

    #[test]
    fn addresses_without_tls_are_not_handed_out() {
        let http = "http://mail.corp.example/EWS/Exchange.asmx".to_owned();
        let settings = Answer::Settings { internal: Some(http.clone()), external: None };
        let refused = |answer| decode_answer(encode_answer(&answer).as_bytes());
        assert_eq!(refused(settings), Err(AutodiscoverError::Lacks("EwsUrl")));
        let redirect = Answer::RedirectUrl(http);
        assert_eq!(refused(redirect), Err(AutodiscoverError::Lacks("RedirectUrl")));
    }

    #[test]
    fn other_documents_are_refused() {
        for document in ["", "<html/>", "<Autodiscover/>", "<!DOCTYPE a><Autodiscover/>"] {
            assert!(decode_answer(document.as_bytes()).is_err());
            assert!(decode_request(document.as_bytes()).is_err());
        }
    }
}
