//! The session description of a chat INVITE: a form to be filled in, nothing more.

use std::net::IpAddr;

/// Returns the SDP body that offers a message session from `address`; every line ends CR LF.
///
/// The port is meaningless to both sides; clients write the server's.
///
/// Source: dossier 3.2.
#[must_use]
pub fn session_description(address: IpAddr, port: u16) -> String {
    let kind = if address.is_ipv4() { "IP4" } else { "IP6" };
    format!(
        "v=0\r\no=- 0 0 IN {kind} {address}\r\ns=session\r\nc=IN {kind} {address}\r\nt=0 0\r\n\
         m=message {port} sip null\r\na=accept-types:text/plain\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::session_description;
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    #[test]
    fn as_in_the_transcript() {
        let body = session_description(IpAddr::V4(Ipv4Addr::new(10, 0, 8, 20)), 5061);
        assert_eq!(body.len(), 121);
        assert!(body.starts_with("v=0\r\no=- 0 0 IN IP4 10.0.8.20\r\n"));
    }

    #[test]
    fn version_six_is_said() {
        let body = session_description(IpAddr::V6(Ipv6Addr::LOCALHOST), 5061);
        assert!(body.contains("c=IN IP6 ::1\r\n"));
    }
}
