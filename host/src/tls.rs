//! TLS through OpenSSL, which still reaches the servers of Lync's day (rustls does not: they have no
//! `ECDHE_RSA_*_GCM`), and the certificates of the embedded servers.

use std::{net::IpAddr, path::Path};

use anyhow::{Context, Result, bail};
use openssl::{
    asn1::Asn1Time,
    bn::{BigNum, MsbOption},
    ec::{EcGroup, EcKey},
    hash::MessageDigest,
    nid::Nid,
    pkey::{PKey, Private},
    ssl::{SslAcceptor, SslConnector, SslMethod, SslVerifyMode, SslVersion},
    x509::{
        X509, X509Builder, X509NameBuilder,
        extension::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage,
            SubjectAlternativeName, SubjectKeyIdentifier,
        },
    },
};

/// Largest file of certificate authorities read, in bytes.
const CA_BYTES_MAX: u64 = 4 << 20;
/// Days that a certificate of the embedded servers is good for.
const EMBEDDED_DAYS: u32 = 30;
/// Seconds before it was made from which it is good: clocks differ.
const EMBEDDED_BEFORE_S: i64 = 7 * 24 * 3600;

/// Reads a PEM file of certificate authorities.
///
/// # Errors
/// With the file's name, if it cannot be read or holds no certificate.
pub fn read_authorities(path: &Path) -> Result<Vec<X509>> {
    let shown = path.display();
    let length = std::fs::metadata(path).with_context(|| format!("{shown}"))?.len();
    if length > CA_BYTES_MAX {
        bail!("{shown}: {length} bytes, at most {CA_BYTES_MAX} are read");
    }
    let pem = std::fs::read(path).with_context(|| format!("{shown}"))?;
    let found = X509::stack_from_pem(&pem)
        .with_context(|| format!("{shown}: not a PEM file of certificates"))?;
    if found.is_empty() {
        bail!(
            "{shown}: holds no certificate; a PEM file with `-----BEGIN CERTIFICATE-----` is wanted"
        );
    }
    Ok(found)
}

/// What connects to a pool: trusts the authorities of `ca_file`, or this machine's if none is given.
///
/// # Errors
/// If the file cannot be read or OpenSSL refuses a setting.
pub fn connector(ca_file: Option<&Path>, legacy: bool) -> Result<SslConnector> {
    let mut builder = SslConnector::builder(SslMethod::tls_client())?;
    if let Some(path) = ca_file {
        let mut store = openssl::x509::store::X509StoreBuilder::new()?;
        for authority in read_authorities(path)? {
            store.add_cert(authority)?;
        }
        builder.set_cert_store(store.build());
    } else {
        for directory in ["/etc/ssl/certs", "/etc/pki/tls/certs"] {
            // A vendored OpenSSL does not know where the distribution keeps its authorities.
            if Path::new(directory).is_dir() {
                let mut lookup = openssl::x509::store::X509StoreBuilder::new()?;
                lookup.set_default_paths()?;
                let lookup = lookup_directory(lookup, directory)?;
                builder.set_cert_store(lookup);
                break;
            }
        }
    }
    builder.set_verify(SslVerifyMode::PEER);
    if legacy {
        builder.set_min_proto_version(Some(SslVersion::TLS1))?;
        builder.set_cipher_list("DEFAULT@SECLEVEL=0")?;
    } else {
        builder.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    }
    Ok(builder.build())
}

fn lookup_directory(
    mut store: openssl::x509::store::X509StoreBuilder,
    directory: &str,
) -> Result<openssl::x509::store::X509Store> {
    let lookup = store.add_lookup(openssl::x509::store::X509Lookup::hash_dir())?;
    lookup.add_dir(directory, openssl::ssl::SslFiletype::PEM)?;
    Ok(store.build())
}

/// The hash of a server's certificate that binds a sign-in to its TLS connection (RFC 5929,
/// `tls-server-end-point`): by the hash of its signature algorithm, SHA-256 for MD5 and SHA-1.
/// `None` where that is undefined (Ed25519): then no binding is sent.
#[must_use]
pub fn end_point_hash(certificate_der: &[u8]) -> Option<Vec<u8>> {
    let certificate = X509::from_der(certificate_der).ok()?;
    let algorithm = certificate.signature_algorithm().object().nid();
    let digest = match algorithm.signature_algorithms()?.digest {
        Nid::MD5 | Nid::SHA1 => MessageDigest::sha256(),
        Nid::UNDEF => return None,
        other => MessageDigest::from_nid(other)?,
    };
    Some(certificate.digest(digest).ok()?.to_vec())
}

/// The certificate authority of the embedded servers, made anew at every start, and the one
/// certificate that both servers show.
pub struct Embedded {
    authority: X509,
    certificate: X509,
    key: PKey<Private>,
}

impl Embedded {
    /// Makes both for these names and addresses.
    ///
    /// # Errors
    /// If OpenSSL refuses.
    pub fn generate(names: &[&str], addresses: &[IpAddr]) -> Result<Self> {
        let authority_key = new_key()?;
        let authority = sign(&Subject::Authority, &authority_key, None)?;
        let key = new_key()?;
        let subject = Subject::Server { names, addresses };
        let certificate = sign(&subject, &key, Some((&authority, &authority_key)))?;
        Ok(Self { authority, certificate, key })
    }

    /// The authority's certificate, as a `ca_file` holds it.
    ///
    /// # Errors
    /// If OpenSSL refuses.
    pub fn authority_pem(&self) -> Result<Vec<u8>> {
        Ok(self.authority.to_pem()?)
    }

    /// What accepts connections.
    ///
    /// # Errors
    /// If OpenSSL refuses.
    pub fn acceptor(&self) -> Result<SslAcceptor> {
        let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
        builder.set_private_key(&self.key)?;
        builder.set_certificate(&self.certificate)?;
        Ok(builder.build())
    }

    /// See [`end_point_hash`].
    #[must_use]
    pub fn end_point_hash(&self) -> Option<Vec<u8>> {
        end_point_hash(&self.certificate.to_der().ok()?)
    }
}

fn new_key() -> Result<PKey<Private>> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    Ok(PKey::from_ec_key(EcKey::generate(&group)?)?)
}

enum Subject<'a> {
    Authority,
    Server { names: &'a [&'a str], addresses: &'a [IpAddr] },
}

fn sign(
    subject: &Subject<'_>,
    key: &PKey<Private>,
    issuer: Option<(&X509, &PKey<Private>)>,
) -> Result<X509> {
    let mut builder = X509Builder::new()?;
    builder.set_version(2)?;
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    builder.set_serial_number(&*serial.to_asn1_integer()?)?;
    builder.set_not_before(&*Asn1Time::from_unix(
        crate::clock::unix_ms() / 1000 - EMBEDDED_BEFORE_S,
    )?)?;
    builder.set_not_after(&*Asn1Time::days_from_now(EMBEDDED_DAYS)?)?;
    builder.set_pubkey(key)?;
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("O", "chat-digest embedded servers")?;
    match subject {
        Subject::Authority => name.append_entry_by_text("CN", "chat-digest embedded authority")?,
        Subject::Server { names, .. } => {
            name.append_entry_by_text("CN", names.first().unwrap_or(&"localhost"))?;
        }
    }
    let name = name.build();
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(issuer.map_or(&name, |(issuer, _)| issuer.subject_name()))?;
    extensions(&mut builder, subject, issuer.map(|(issuer, _)| issuer))?;
    builder.sign(issuer.map_or(key, |(_, key)| key), MessageDigest::sha256())?;
    Ok(builder.build())
}

fn extensions(
    builder: &mut X509Builder,
    subject: &Subject<'_>,
    issuer: Option<&X509>,
) -> Result<()> {
    let context = |builder: &X509Builder| {
        SubjectKeyIdentifier::new().build(&builder.x509v3_context(issuer.map(|i| &**i), None))
    };
    builder.append_extension(context(builder)?)?;
    match subject {
        Subject::Authority => {
            builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
            builder
                .append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        }
        Subject::Server { names, addresses } => {
            builder.append_extension(BasicConstraints::new().build()?)?;
            builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
            builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
            let mut alternatives = SubjectAlternativeName::new();
            for name in *names {
                alternatives.dns(name);
            }
            for address in *addresses {
                alternatives.ip(&address.to_string());
            }
            let built = alternatives.build(&builder.x509v3_context(issuer.map(|i| &**i), None))?;
            builder.append_extension(built)?;
            let built = AuthorityKeyIdentifier::new()
                .keyid(true)
                .build(&builder.x509v3_context(issuer.map(|i| &**i), None))?;
            builder.append_extension(built)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    #[test]
    fn the_embedded_certificate_is_signed_by_its_authority() {
        let made = Embedded::generate(&["localhost"], &["127.0.0.1".parse().unwrap()]).unwrap();
        assert!(made.certificate.verify(&made.authority.public_key().unwrap()).unwrap());
        assert_eq!(made.end_point_hash().unwrap().len(), 32);
        let names = made.certificate.subject_alt_names().unwrap();
        assert!(names.iter().any(|name| name.dnsname() == Some("localhost")));
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "nothing").unwrap();
        let said = format!("{:#}", read_authorities(file.path()).unwrap_err());
        assert!(
            said.contains(&*file.path().to_string_lossy()) && said.contains("certificate"),
            "{said}"
        );
    }
}
