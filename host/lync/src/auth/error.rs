/// Why a handshake or a message is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// The server wants a scheme we do not speak; here are those it offers.
    #[error("the server offers no NTLM, but: {offered}")]
    NtlmNotOffered {
        /// Scheme names, separated by commas; empty if there was none.
        offered: String,
    },
    /// The server asked again after our proof. Do not repeat it: the account gets locked.
    #[error("the server refused the password")]
    PasswordRefused,
    /// The handshake is in another step.
    #[error("authentication out of turn: {0}")]
    OutOfTurn(&'static str),
    /// A header lacks something or holds nonsense.
    #[error("authentication header malformed: {0}")]
    Malformed(&'static str),
    /// The NTLM messages themselves are at fault, or on a server: so is the password.
    #[error(transparent)]
    Ntlm(#[from] ntlm::Error),
    /// The header belongs to no security association of ours: discard the message.
    #[error("message signed for another security association")]
    UnknownAssociation,
    /// The signature is wrong: close the connection.
    #[error("message signature invalid")]
    SignatureInvalid,
    /// The very same signature came before: close the connection.
    #[error("message signature repeated")]
    Replayed,
}
