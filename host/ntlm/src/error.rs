/// Why a handshake ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The peer's message breaks its format.
    #[error("NTLM message malformed at byte {at}: expected {expected}")]
    Malformed {
        /// Offset into the message, or into its target information, in bytes.
        at: usize,
        /// What should have stood there.
        expected: &'static str,
    },
    /// The peer lacks something we insist on, such as NTLMv2 or extended session security.
    #[error("NTLM peer does not support {0}")]
    Unsupported(&'static str),
    /// Our own input does not fit into a message: names of more than 32,767 UTF-16 units, or
    /// target information beyond 64 KiB.
    #[error("NTLM {0} too long")]
    TooLong(&'static str),
    /// The client gave neither a name nor a proof.
    #[error("anonymous NTLM refused")]
    Anonymous,
    /// The server knows no such user. Tell the peer no more than for a wrong password.
    #[error("unknown user")]
    UnknownUser,
    /// The NT proof does not match the password.
    #[error("wrong password")]
    WrongPassword,
    /// The message integrity code is announced and wrong: some message was altered on its way.
    #[error("NTLM message integrity check failed")]
    Altered,
    /// The client authenticated to another TLS channel, or to none where one is required.
    #[error("NTLM channel binding does not match")]
    ChannelBinding,
}
