//! Stands between the host and the embedded Exchange and keeps what both say.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use host::tls;

/// Longest body taken over.
const BODY_BYTES_MAX: u64 = 32 << 20;

/// A request and its answer, without what HTTP adds.
pub(crate) struct Exchanged {
    pub(crate) request: String,
    pub(crate) answer: String,
}

/// Listens with a certificate of its own; whoever uses it signs in with Basic, for NTLM is bound to
/// the certificate.
pub(crate) struct Relay {
    pub(crate) port: u16,
    pub(crate) authority_pem: Vec<u8>,
    pub(crate) exchanged: Receiver<Exchanged>,
}

impl Relay {
    pub(crate) fn start(server: SocketAddr, ca_file: PathBuf) -> Self {
        let certificate =
            tls::Embedded::generate(&["localhost"], &[Ipv4Addr::LOCALHOST.into()]).unwrap();
        let acceptor = Arc::new(certificate.acceptor().unwrap());
        let connector = Arc::new(tls::connector(Some(&ca_file), false).unwrap());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, exchanged) = channel();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (acceptor, connector) = (acceptor.clone(), connector.clone());
                let sender = sender.clone();
                thread::spawn(move || {
                    let Ok(client) = acceptor.accept(client) else { return };
                    let server = TcpStream::connect(server).unwrap();
                    let server = connector.connect("127.0.0.1", server).unwrap();
                    let _ = pass_on(BufReader::new(client), BufReader::new(server), &sender);
                });
            }
        });
        Self { port, authority_pem: certificate.authority_pem().unwrap(), exchanged }
    }
}

fn pass_on<C: Read + Write, S: Read + Write>(
    mut client: BufReader<C>,
    mut server: BufReader<S>,
    sender: &Sender<Exchanged>,
) -> std::io::Result<()> {
    while let Some((head, request)) = message(&mut client)? {
        server.get_mut().write_all(&[head, request.clone()].concat())?;
        let Some((head, answer)) = message(&mut server)? else { return Ok(()) };
        let text = |body: Vec<u8>| String::from_utf8(body).map_err(std::io::Error::other);
        let exchanged = Exchanged { request: text(request)?, answer: text(answer.clone())? };
        let _ = sender.send(exchanged);
        client.get_mut().write_all(&[head, answer].concat())?;
    }
    Ok(())
}

/// The next head and body; `None` where the connection ends.
fn message(from: &mut impl BufRead) -> std::io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let (mut head, mut length) = (Vec::new(), 0);
    loop {
        let start = head.len();
        if from.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&head[start..]).trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(bytes) = line.strip_prefix("content-length:") {
            length = bytes.trim().parse().map_err(std::io::Error::other)?;
        }
        assert!(!line.starts_with("transfer-encoding"), "a body without a length: {line}");
    }
    assert!(length <= BODY_BYTES_MAX, "a body of {length} bytes");
    let mut body = Vec::new();
    from.take(length).read_to_end(&mut body)?;
    Ok(Some((head, body)))
}
