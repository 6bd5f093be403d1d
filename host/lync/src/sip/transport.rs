//! What carries SIP here: one reliable connection, with TLS or without.

/// What carries a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// TLS, the rule.
    Tls,
    /// Plain TCP, for tests and trusted networks.
    Tcp,
}

impl Transport {
    /// As `Via` writes it.
    #[must_use]
    pub const fn via(self) -> &'static str {
        match self {
            Self::Tls => "TLS",
            Self::Tcp => "TCP",
        }
    }

    /// As a URI's `transport` parameter has it.
    #[must_use]
    pub const fn parameter(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Tcp => "tcp",
        }
    }
}
