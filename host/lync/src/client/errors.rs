//! What goes wrong, sorted by what the caller can do about it.

use crate::sip::{Address, FrameError, Message};

/// Why a command had no success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The chat service is not connected at the moment.
    #[error("the chat service is not connected")]
    NotConnected,
    /// The dialog was lost before the answer.
    #[error("the chat dialog was lost before the answer")]
    DialogLost,
    /// No answer came, twice.
    #[error("no answer within the time allowed")]
    Timeout,
    /// The INFO was refused.
    #[error("refused with SIP status {status}")]
    Status {
        /// The SIP status.
        status: u16,
    },
    /// The reply says no. The code is the server's; only 200 has a known meaning.
    #[error("refused with code {code}")]
    Refused {
        /// The code.
        code: u16,
        /// The server's words, fit to be shown.
        text: String,
    },
    /// The reply does not speak of what was asked for.
    #[error("the reply does not mention what was asked for")]
    Unmentioned,
    /// The room's address is none.
    #[error("not a room address")]
    NotARoom,
    /// The server is not taken to know this command, see [`crate::Quirks`].
    #[error("the server has no such command")]
    NotSupported,
    /// The text is longer than the server allows, in UTF-8.
    #[error("text longer than {bytes_max} bytes")]
    TooLong {
        /// The server's limit.
        bytes_max: u32,
    },
    /// Too much is waiting already.
    #[error("too many commands are waiting")]
    Busy,
}

/// Why the chat service is not to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// The INVITE was refused; 0 stands for no answer.
    Refused {
        /// The SIP status.
        status: u16,
        /// What the server says about it.
        diagnostics: Option<Diagnostics>,
    },
    /// The first command was answered with BYE: the user has no right to chat (dossier 3.2).
    NotProvisioned,
    /// The 200 to our INVITE makes no dialog.
    NoDialog,
}

/// How a dialog was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The server does not know it any more (481).
    Unknown,
    /// The server said BYE.
    Bye,
    /// The server does not answer in it.
    Silent,
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// We signed out.
    #[error("signed out")]
    SignedOut,
    /// Name or password is wrong. Another attempt brings the account closer to its lock.
    #[error("user name or password is wrong")]
    WrongPassword,
    /// The server offers no NTLM.
    #[error("the server offers no NTLM")]
    NoNtlm,
    /// The handshake made no sense.
    #[error("the sign-in handshake failed: {0}")]
    Handshake(String),
    /// The registrar refuses this user; somebody must act.
    #[error("sign-in refused with {status}{}", told(.diagnostics))]
    Refused {
        /// The SIP status.
        status: u16,
        /// What the server says about it.
        diagnostics: Option<Diagnostics>,
    },
    /// The SIP address is unknown or not enabled (404).
    #[error("the SIP address is unknown to the server{}", told(.0))]
    UnknownAddress(Option<Diagnostics>),
    /// The registrar cannot serve us now.
    #[error("the server is unavailable ({status}{})", told(.diagnostics))]
    Unavailable {
        /// The SIP status.
        status: u16,
        /// What the server says about it.
        diagnostics: Option<Diagnostics>,
    },
    /// The registrar does not answer.
    #[error("the server does not answer")]
    NoAnswer,
    /// A signature is wrong: somebody interferes, or the server lost our keys.
    #[error("a message with an invalid signature")]
    SignatureInvalid,
    /// The octets are no SIP.
    #[error("the stream is broken: {0}")]
    StreamBroken(FrameError),
    /// The user is not allowed to chat (`EnablePersistentChat`).
    #[error("Persistent Chat is not enabled for the user")]
    NotProvisioned,
    /// The server ended our registration.
    #[error("signed out by the server: {event}{}", told(.diagnostics))]
    Deregistered {
        /// `unregistered`, `rejected` or `deactivated` (moved to another pool).
        event: String,
        /// What the server says about it.
        diagnostics: Option<Diagnostics>,
    },
    /// See [`super::Output::Redirect`].
    #[error("redirected to another pool")]
    Redirected,
    /// The caller does not confirm what it is handed.
    #[error("too many posts wait for confirmation")]
    Overrun,
}

impl Ended {
    /// Whether trying again soon is pointless: somebody must change something first.
    #[must_use]
    pub const fn needs_operator(&self) -> bool {
        matches!(
            self,
            Self::WrongPassword
                | Self::NoNtlm
                | Self::Refused { .. }
                | Self::UnknownAddress(_)
                | Self::NotProvisioned
        )
    }
}

fn told(diagnostics: &Option<Diagnostics>) -> String {
    diagnostics
        .as_ref()
        .map(|d| format!(", diagnostics {}: {}", d.id, d.reason))
        .unwrap_or_default()
}

/// `ms-diagnostics` (MS-OCER).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    /// The number; ranges tell the component.
    pub id: u32,
    /// The reason in words.
    pub reason: String,
    /// The machine that says so.
    pub source: String,
}

impl Diagnostics {
    /// Reads `ms-diagnostics`, else `ms-diagnostics-public`, else `Warning` (as id 0).
    #[must_use]
    pub fn of(message: &Message) -> Option<Self> {
        let header = message.headers.first("ms-diagnostics");
        let header = header.or_else(|| message.headers.first("ms-diagnostics-public"));
        let Some(value) = header else {
            let warning = message.headers.first("Warning")?;
            return Some(Self { reason: warning.to_owned(), ..Self::default() });
        };
        let parts = Address::parse(value);
        let parameter = |name| parts.parameter(name).unwrap_or_default().to_owned();
        Some(Self {
            id: parts.uri.parse().unwrap_or_default(),
            reason: parameter("reason"),
            source: parameter("source"),
        })
    }
}

/// The caller broke off or must break off the connection. [`super::Output::Ended`] says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The octets are no SIP.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A signature is wrong.
    #[error("a message with an invalid signature")]
    Signature,
}

#[cfg(test)]
mod tests {
    use super::{Diagnostics, Ended};
    use crate::sip::{Message, Method};

    #[test]
    fn diagnostics_are_read() {
        let mut message = Message::request(Method::BYE, "sip:a");
        assert_eq!(Diagnostics::of(&message), None);
        message.headers.push("Warning", "399 x \"y\"");
        message.headers.push(
            "ms-diagnostics",
            r#"4005;reason="Destination URI; not enabled";source="fe.contoso.com""#,
        );
        let read = Diagnostics::of(&message).unwrap_or_default();
        assert_eq!((read.id, read.source.as_str()), (4005, "fe.contoso.com"));
        assert_eq!(read.reason, "Destination URI; not enabled");
        let ended = Ended::Refused { status: 403, diagnostics: Some(read) };
        let text = "sign-in refused with 403, diagnostics 4005: Destination URI; not enabled";
        assert_eq!(ended.to_string(), text);
    }
}
