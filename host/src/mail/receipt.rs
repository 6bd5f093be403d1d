//! Receipts on mails: header lines for programs, and a quiet line at the end for people.

use std::fmt::Write as _;

use bridge::{
    mail::escape,
    member::Language,
    receipt::{Receipt, ReceiptError},
};
use jiff::{Timestamp, tz::TimeZone};

/// The receipt, as [`Receipt::to_line`] writes it.
pub const RECEIPT_HEADER: &str = "X-Chat-Digest-Receipt";
/// The messages that a mail covers; several lines if there are many.
pub const COVERS_HEADER: &str = "X-Chat-Digest-Covers";
/// Messages named in one line.
const COVERS_IN_LINE: usize = 400;
/// Rooms named in the quiet line.
const ROOMS_SHOWN: usize = 5;
/// Digits of the hash that the quiet line shows.
const HASH_SHOWN: usize = 12;

/// The header fields of a receipt.
#[must_use]
pub fn headers(receipt: &Receipt) -> Vec<(String, String)> {
    let covers = receipt.covers.chunks(COVERS_IN_LINE);
    let covers = covers.map(|some| (COVERS_HEADER.to_owned(), some.join(" ")));
    std::iter::once((RECEIPT_HEADER.to_owned(), receipt.to_line())).chain(covers).collect()
}

/// Reads a receipt from a mail's header fields; `None` if the mail has none.
#[must_use]
pub fn read(headers: &[(String, String)]) -> Option<Result<Receipt, ReceiptError>> {
    let named = |wanted: &'static str| {
        headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted))
    };
    let (_, line) = named(RECEIPT_HEADER).next()?;
    let covers = named(COVERS_HEADER).flat_map(|(_, ids)| ids.split_whitespace());
    Some(Receipt::read(line, covers.map(str::to_owned).collect()))
}

/// What the quiet line tells beside the receipt itself.
#[derive(Clone, Debug, Default)]
pub struct Coverage<'a> {
    /// The rooms, and how many messages of each.
    pub rooms: Vec<(&'a str, usize)>,
    /// When the first message was sent, in milliseconds since 1970.
    pub first_ms: i64,
    /// When the last one was.
    pub last_ms: i64,
    /// When the mail that this one continues was made; `None` for the first.
    pub continues_ms: Option<i64>,
}

/// The quiet line, as HTML and as text.
#[must_use]
pub fn quiet_line(
    receipt: &Receipt,
    coverage: &Coverage<'_>,
    language: Language,
    zone: &TimeZone,
) -> (String, String) {
    let text = sentence(receipt, coverage, language, zone);
    let html = format!(
        "<table role=\"presentation\" width=\"640\" align=\"center\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" style=\"width:640px;max-width:100%;border-collapse:collapse;\"><tr>\
<td style=\"padding:4px 16px 16px 16px;font-family:'Segoe UI',Arial,sans-serif;font-size:12px;line-height:17px;color:#6b6f76;\">{}</td></tr></table>",
        escape(&text)
    );
    (html, format!("{}\n", wrapped(&text)))
}

fn sentence(
    receipt: &Receipt,
    coverage: &Coverage<'_>,
    language: Language,
    zone: &TimeZone,
) -> String {
    let german = language == Language::from_tag("de");
    let [mail, first_one, continues, of, messages, message, more] = if german {
        ["Sendung", "die erste", "setzt fort:", "vom", "Nachrichten", "Nachricht", "weitere"]
    } else {
        ["Receipt", "the first one", "continues", "of", "messages", "message", "more"]
    };
    let time = |unix_ms| {
        let at = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string()
    };
    let mut text = format!("{mail} {}, ", receipt.number);
    let _ = match coverage.continues_ms {
        Some(made_ms) => {
            write!(text, "{continues} {} {of} {}", receipt.number.saturating_sub(1), time(made_ms))
        }
        None => write!(text, "{first_one}"),
    };
    let mut rooms: Vec<String> = Vec::new();
    for (name, count) in coverage.rooms.iter().take(ROOMS_SHOWN) {
        rooms.push(format!("{name} {count}"));
    }
    let hidden = coverage.rooms.len().saturating_sub(ROOMS_SHOWN);
    if hidden > 0 {
        rooms.push(format!("{hidden} {more}"));
    }
    let count = receipt.covers.len();
    let word = if count == 1 { message } else { messages };
    let (first, last) = (time(coverage.first_ms), time(coverage.last_ms));
    let period = if first == last { first } else { format!("{first} \u{2013} {last}") };
    let hash: String = receipt.hash.chars().take(HASH_SHOWN).collect();
    let _ = write!(text, ". {count} {word}, {period} ({}). {hash}", rooms.join(", "));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lines of at most 72 characters, broken at spaces.
fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= 72 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    fn receipt(covers: usize) -> Receipt {
        let covers = (0..covers).map(|n| format!("{n:016x}")).collect();
        let first = Receipt::next("c", None, Vec::new(), Vec::new());
        Receipt::next("c", Some(&first.link()), Vec::new(), covers)
    }

    #[test]
    fn headers_read_back_however_many_messages() {
        for count in [0, 1, 400, 401, 5_000] {
            let receipt = receipt(count);
            let headers = headers(&receipt);
            assert_eq!(headers.len(), 1 + count.div_ceil(COVERS_IN_LINE));
            assert!(headers.iter().all(|(_, value)| value.len() < ews::mime::HEADER_BYTES_MAX));
            assert_eq!(read(&headers), Some(Ok(receipt)));
        }
        assert_eq!(read(&[("Subject".to_owned(), "x".to_owned())]), None);
    }

    #[test]
    fn the_quiet_line_says_what_the_mail_covers() {
        let coverage = Coverage {
            rooms: vec![("Ops <Desk>", 2), ("Build", 1)],
            first_ms: 0,
            last_ms: 3_600_000,
            continues_ms: Some(-60_000),
        };
        let (html, text) = quiet_line(&receipt(3), &coverage, Language::UNKNOWN, &TimeZone::UTC);
        let start = "Receipt 2, continues 1 of 1969-12-31 23:59. 3 messages, 1970-01-01 00:00 –";
        assert!(text.replace('\n', " ").starts_with(start), "{text}");
        assert!(text.contains("(Ops <Desk> 2, Build 1)") && html.contains("Ops &lt;Desk&gt; 2"));
        assert!(text.lines().all(|line| line.chars().count() <= 72));
        let (_, text) =
            quiet_line(&receipt(1), &Coverage::default(), Language::from_tag("de"), &TimeZone::UTC);
        assert!(text.starts_with("Sendung 2, die erste. 1 Nachricht, "), "{text}");
    }
}
