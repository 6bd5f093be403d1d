//! Bodies: XML, SDP, or text.

use super::{
    Redactor,
    values::{is_number, mask},
    words, xml,
};
use crate::transcript::MESSAGE_BYTES_MAX;

/// Bytes of the longest body that is looked into.
pub const BODY_BYTES_MAX: usize = 16 << 20;
/// Lines of a body in neither XML nor SDP that are told.
const LINES_MAX: usize = 200;
/// Bytes of the longest line of a notification.
const LINE_BYTES_MAX: usize = 200;

/// How a body that is told by its length ends.
pub(crate) const TOO_LONG: &str = ", too long to be told)";
/// The same of one that begins like XML.
pub(crate) const BROKEN: &str = " of broken XML)";
const HTML: &str = " of HTML)";

impl Redactor {
    /// Head and body, within the bound of a message.
    pub(super) fn whole(&mut self, head: String, body: &[u8], is_sdp: bool) -> String {
        if body.is_empty() {
            return cut(head);
        }
        let left_out = |what: &str| format!("({} octets{what}", body.len());
        let mut told = if body.len() > BODY_BYTES_MAX {
            left_out(TOO_LONG)
        } else {
            self.body(body, is_sdp).unwrap_or_else(|| left_out(" that are no text)"))
        };
        // What an empty line would be taken for within a head is none behind it.
        if head.len() + told.len() + 2 > MESSAGE_BYTES_MAX {
            told = left_out(TOO_LONG);
        }
        format!("{}\n\n{told}", cut(head))
    }

    fn body(&mut self, body: &[u8], is_sdp: bool) -> Option<String> {
        if let Some(document) = xml::document(&mut self.names, body) {
            return Some(document);
        }
        let text = std::str::from_utf8(body).ok()?;
        if text.trim_start().starts_with('<') {
            let kind = if is_html(text) { HTML } else { BROKEN };
            return Some(format!("({} octets{kind}", body.len()));
        }
        let lines: Vec<_> = text.lines().collect();
        let told = lines.iter().take(LINES_MAX);
        let told = told.map(|line| if is_sdp { self.sdp(line) } else { plain_line(line) });
        let mut told = told.collect::<Vec<_>>().join("\n");
        if lines.len() > LINES_MAX {
            told.push_str(&format!("\n(and {} lines more)", lines.len() - LINES_MAX));
        }
        Some(told)
    }

    /// A line of SDP.
    fn sdp(&mut self, line: &str) -> String {
        match line.split_once('=') {
            Some((kind @ ("v" | "s" | "t" | "o" | "c" | "m" | "a" | "b"), rest)) => {
                let words = rest.split(' ').map(|word| match word {
                    "-" | "session" | "null" | "sip" => word.to_owned(),
                    _ if is_number(word) => word.to_owned(),
                    _ if word.parse::<std::net::IpAddr>().is_ok() => self.names.host(word),
                    _ if word.starts_with("sip:") => self.names.uri(word),
                    _ => match word.strip_prefix("accept-types:") {
                        Some(rest) => format!("accept-types:{}", words::kept(rest)),
                        None => words::kept(word),
                    },
                });
                format!("{kind}={}", words.collect::<Vec<_>>().join(" "))
            }
            _ => mask(line),
        }
    }
}

/// A line of a notification such as `deregistered;event=rejected`, or of anything.
fn plain_line(line: &str) -> String {
    let is_known = line.len() <= LINE_BYTES_MAX
        && words::kept(line) == line
        && !line.bytes().any(|byte| byte.is_ascii_digit());
    if is_known { line.to_owned() } else { mask(line) }
}

fn is_html(text: &str) -> bool {
    const LOOKED_AT_CHARACTERS: usize = 512;
    let start: String = text.chars().take(LOOKED_AT_CHARACTERS).collect();
    let start = start.to_ascii_lowercase();
    start.contains("<html") || start.contains("<!doctype")
}

/// A head that is longer than any message may be is told by its beginning.
fn cut(mut head: String) -> String {
    if head.len() > MESSAGE_BYTES_MAX / 2 {
        let end = (0..=MESSAGE_BYTES_MAX / 2).rev().find(|at| head.is_char_boundary(*at));
        head.truncate(end.unwrap_or(0));
    }
    head
}
