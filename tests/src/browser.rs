//! A browser that a test drives: requests as a program writes them, answers as they come.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Longest time for an answer.
const WAIT: Duration = Duration::from_secs(60);

/// Asks one server.
#[derive(Clone, Debug)]
pub struct Browser {
    /// Where it is.
    pub address: SocketAddr,
    /// Header fields of every request, in place of its own of the same name.
    pub headers: BTreeMap<String, String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header fields, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

impl Browser {
    /// A browser for the server at `address`.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, headers: BTreeMap::new() }
    }

    /// The same with another header field.
    #[must_use]
    pub fn with(&self, name: &str, value: impl Into<String>) -> Self {
        let mut with = self.clone();
        with.headers.insert(name.to_owned(), value.into());
        with
    }

    /// Gets a page.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "").await
    }

    /// Sends a form.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let fields: Vec<_> =
            fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        self.ask("POST", path, &fields.join("&")).await
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut headers = BTreeMap::from([
            ("Host".to_owned(), self.address.to_string()),
            ("Connection".to_owned(), "close".to_owned()),
            ("Content-Length".to_owned(), body.len().to_string()),
        ]);
        headers.extend(self.headers.clone());
        let fields: String =
            headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("{method} {path} HTTP/1.1\r\n{fields}\r\n{body}");
        let asked = async {
            let mut stream = TcpStream::connect(self.address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await.unwrap();
            answer
        };
        let answer = tokio::time::timeout(WAIT, asked).await.expect("an answer in time");
        read(&String::from_utf8(answer).unwrap())
    }
}

fn read(answer: &str) -> Answer {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let fields = lines.filter_map(|line| line.split_once(": "));
    let headers = fields.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: body.to_owned() }
}

/// A value as it stands in a form or behind a `?`.
#[must_use]
pub fn encoded(value: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(byte).collect()
}
