//! What a session is told at its start.

use std::net::SocketAddr;

use crate::{Quirks, sip::Transport};

/// Who signs in, from where, and how.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The SIP address, `sip:bot@contoso.com`.
    pub address: String,
    /// The account; its name is independent of the SIP address.
    pub credentials: ntlm::Credentials,
    /// The name of this machine, as NTLM tells it.
    pub workstation: String,
    /// This end of the connection.
    pub local: SocketAddr,
    /// What the connection is.
    pub transport: Transport,
    /// The port connected to; SDP repeats it.
    pub server_port: u16,
    /// `User-Agent`. A server can refuse agents it does not know (ms-diagnostics 17002).
    pub user_agent: String,
    /// The epid: the same for the whole life of the installation, and never used by two at once.
    /// See [`crate::sip::endpoint_id`].
    pub endpoint_id: String,
    /// The chat service's address if it is not to be taken from provisioning.
    pub chat_uri: Option<String>,
    /// Which unproven wire forms are used.
    pub quirks: Quirks,
    /// Posts of history read from a room that was never read before; 0 for none.
    pub history_first: u32,
}

impl SessionConfig {
    /// The part of the address behind `@`.
    pub(super) fn domain(&self) -> &str {
        self.address.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}
