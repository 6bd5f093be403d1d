//! The way to a server, step by step: its name, the connection, and the certificates that it shows.

use std::{net::SocketAddr, pin::Pin, time::Duration};

use openssl::{
    asn1::Asn1Time,
    nid::Nid,
    ssl::{SslConnector, SslVerifyMode},
    x509::{X509NameRef, X509Ref, X509VerifyResult},
};
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_openssl::SslStream;

use super::Report;
use crate::config::HostPort;

/// Time for each step of one address.
const STEP_TIME: Duration = Duration::from_secs(10);
/// Addresses of one name that are tried and shown.
const ADDRESSES_MAX: usize = 8;
/// Certificates of one chain that are shown.
const CERTIFICATES_MAX: usize = 8;
/// The steps of a way.
pub(super) const DNS: &str = "DNS";
pub(super) const CONNECTION: &str = "connection";
pub(super) const TLS: &str = "TLS";
/// A certificate that is good for fewer days is pointed out.
const DAYS_LEFT: i32 = 30;

/// Where a way leads to.
pub(super) struct Way<'w> {
    /// The section of the configuration.
    pub(super) section: &'static str,
    /// The key there that names the server.
    pub(super) key: &'static str,
    /// The server.
    pub(super) server: &'w HostPort,
    /// How TLS is spoken; `None` for plain TCP.
    pub(super) tls: Option<&'w SslConnector>,
}

impl Way<'_> {
    /// Goes it as far as it leads, and says of each step what came of it; answers whether it leads
    /// to the server.
    pub(super) async fn go(&self, report: &mut Report) -> bool {
        let Some(addresses) = self.name(report).await else { return false };
        let Some(stream) = self.connection(report, &addresses).await else { return false };
        match self.tls {
            Some(tls) => self.certificates(report, tls, stream).await,
            None => true,
        }
    }

    async fn name(&self, report: &mut Report) -> Option<Vec<SocketAddr>> {
        let Self { section, key, server, .. } = self;
        let asked = timeout(STEP_TIME, lookup_host((server.host.as_str(), server.port))).await;
        let why = match asked {
            Ok(Ok(found)) => {
                let found: Vec<SocketAddr> = found.take(ADDRESSES_MAX).collect();
                if !found.is_empty() {
                    let shown: Vec<String> = found.iter().map(|at| at.ip().to_string()).collect();
                    report.good(DNS, format!("{} is {}", server.host, shown.join(", ")));
                    return Some(found);
                }
                "it has no address".to_owned()
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        report.bad(DNS, format!(
            "the name {} cannot be resolved ({why}): check `{key}` under [{section}] and this machine's DNS",
            server.host
        ));
        None
    }

    async fn connection(&self, report: &mut Report, addresses: &[SocketAddr]) -> Option<TcpStream> {
        let Self { section, key, server, .. } = self;
        let mut why = Vec::new();
        for address in addresses {
            match timeout(STEP_TIME, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    report.good(CONNECTION, format!("{address} takes connections"));
                    return Some(stream);
                }
                Ok(Err(error)) => why.push(format!("{address}: {error}")),
                Err(_) => why.push(format!("{address}: no answer in {} s", STEP_TIME.as_secs())),
            }
        }
        report.bad(CONNECTION, format!(
            "{server} takes no connections ({}): does the service run there, is the port right in `{key}` under [{section}], and open in the firewall?",
            why.join("; ")
        ));
        None
    }

    /// Shows the certificates, trusted or not: whoever has to put that right needs to see them.
    async fn certificates(
        &self,
        report: &mut Report,
        tls: &SslConnector,
        stream: TcpStream,
    ) -> bool {
        let Self { section, key, server, .. } = self;
        let started = tls.configure().and_then(|mut options| {
            // It goes on whatever comes of it: nothing is said on this connection.
            options.set_verify(SslVerifyMode::NONE);
            SslStream::new(options.into_ssl(&server.host)?, stream)
        });
        let mut stream = match started {
            Ok(stream) => stream,
            Err(error) => {
                report.bad(TLS, format!("TLS cannot be begun: {error}"));
                return false;
            }
        };
        let why = match timeout(STEP_TIME, Pin::new(&mut stream).connect()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("no answer in time".to_owned()),
        };
        if let Some(why) = why {
            report.bad(TLS, format!(
                "{server} speaks no TLS that is taken here ({why}): is this port TLS at all, and does the server know TLS 1.2?"
            ));
            return false;
        }
        let ssl = stream.ssl();
        let verified = ssl.verify_result();
        let version = ssl.version_str();
        let chain = ssl.peer_cert_chain().into_iter().flatten().take(CERTIFICATES_MAX);
        let chain = chain.map(described).collect();
        let trusted = verified == X509VerifyResult::OK;
        if trusted {
            let said = format!("{version}, with a certificate that is trusted");
            report.good_with(TLS, said, chain);
        } else {
            let said = format!(
                "the certificate is not trusted ({}): give the certificate of the authority that issued it as `ca_file` under [{section}], and name the server in `{key}` as the certificate does",
                verified.error_string()
            );
            report.bad_with(TLS, said, chain);
        }
        trusted
    }
}

/// A certificate in a line: whose, by whom, and how long it is good.
fn described(certificate: &X509Ref) -> String {
    let names: Vec<String> = certificate
        .subject_alt_names()
        .into_iter()
        .flatten()
        .filter_map(|name| name.dnsname().map(str::to_owned))
        .take(ADDRESSES_MAX)
        .collect();
    let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    let left = Asn1Time::days_from_now(0).and_then(|now| now.diff(certificate.not_after()));
    let until = match left {
        Ok(left) if left.days < 0 => format!("no longer good since {}", certificate.not_after()),
        Ok(left) if left.days < DAYS_LEFT => format!("good for {} days only", left.days),
        _ => format!("good until {}", certificate.not_after()),
    };
    format!(
        "{}{names}, issued by {}, {until}",
        common_name(certificate.subject_name()),
        common_name(certificate.issuer_name())
    )
}

fn common_name(name: &X509NameRef) -> String {
    let mut entries = name.entries_by_nid(Nid::COMMONNAME).chain(name.entries());
    let shown = entries.next().and_then(|entry| entry.data().to_string().ok());
    let shown = shown.unwrap_or_else(|| "no name".to_owned());
    // What a server puts there is shown on a terminal.
    shown.chars().filter(|c| !c.is_control()).collect()
}
