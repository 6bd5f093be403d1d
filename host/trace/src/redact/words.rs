//! What both protocols say by themselves: the words that may be shown.

use super::values::is_number;

/// Folders that EWS names by a word.
pub(super) const FOLDERS: [&str; 10] = [
    "drafts",
    "sentitems",
    "inbox",
    "outbox",
    "deleteditems",
    "root",
    "msgfolderroot",
    "junkemail",
    "contacts",
    "archive",
];

/// Words of methods, events, options, media types, products, properties and enumerations; lines that
/// begin with `#` tell what the next ones are.
const WORDS: &str = include_str!("words.txt");

/// Parameters of SIP by name.
const PARAMETERS: [&str; 27] = [
    "tag",
    "epid",
    "branch",
    "received",
    "rport",
    "maddr",
    "transport",
    "lr",
    "gruu",
    "opaque",
    "ms-opaque",
    "ms-received-port",
    "ms-received-cid",
    "+sip.instance",
    "methods",
    "proxy",
    "expires",
    "q",
    "refresher",
    "source",
    "reason",
    "timeout",
    "ms-fe",
    "user",
    "event",
    "ttl",
    "ms-role-rs-to",
];

/// The name of a parameter, if it is one that is known.
pub(super) fn parameter(name: &str) -> Option<&'static str> {
    PARAMETERS.into_iter().find(|known| known.eq_ignore_ascii_case(name.trim()))
}

pub(super) fn is_boolean(word: &str) -> bool {
    ["true", "false"].iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn is_word(word: &str) -> bool {
    let lines = WORDS.lines().filter(|line| !line.starts_with('#'));
    let mut known = lines.flat_map(str::split_ascii_whitespace);
    is_number(word) || known.any(|known| known.eq_ignore_ascii_case(word))
}

/// The value with all words masked that are none of the protocols'.
pub(super) fn kept(value: &str) -> String {
    map_words(value, is_word)
}

/// The same where versions may stand, as in `RTC/5.0`.
pub(super) fn kept_versions(value: &str) -> String {
    map_words(value, |word| is_word(word) || is_version(word))
}

fn is_version(word: &str) -> bool {
    const VERSION_BYTES_MAX: usize = 24;
    // Four small numbers are an address of IP.
    let is_address = word.parse::<std::net::Ipv4Addr>().is_ok();
    word.len() <= VERSION_BYTES_MAX && word.split('.').all(is_number) && !is_address
}

/// Bytes of the longest value that is looked at by words.
const VALUE_BYTES_MAX: usize = 4096;

fn map_words(value: &str, is_kept: impl Fn(&str) -> bool) -> String {
    if value.len() > VALUE_BYTES_MAX {
        return super::values::mask(value);
    }
    let is_part = |c: char| c.is_alphanumeric() || "-_.+".contains(c);
    let mut told = String::new();
    let mut rest = value;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_part(c) != is_part(first)).unwrap_or(rest.len());
        let (piece, next) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = next;
        if !is_part(first) {
            let between = |c: char| if " ,;=/\"():*".contains(c) { c } else { 'x' };
            told.extend(piece.chars().map(between));
        } else if is_kept(piece) {
            told.push_str(piece);
        } else {
            told.push_str(&super::values::mask(piece));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_protocols_stay() {
        for text in [
            "INVITE, BYE, ACK",
            "application/vnd-microsoft-roaming-provisioning-v2+xml",
            "UAS; tcp=no; hop-hop=yes; end-end=no; timeout=300",
            "1200;refresher=uac",
            "register-action=\"added\"",
            "text/plain; charset=utf-8",
        ] {
            assert_eq!(kept(text), text);
        }
        assert_eq!(kept_versions("RTC/5.0"), "RTC/5.0");
        assert_eq!(
            kept_versions("UCCAPI/15.0.4420.1017 RoomBot/0.1"),
            "UCCAPI/15.0.4420.1017 RoomBot/0.1"
        );
    }

    #[test]
    fn others_do_not() {
        assert_eq!(kept("text/anna; charset=Keller7"), "text/xxxx; charset=xxxxxx0");
        assert_eq!(kept("RTC/5.0"), "RTC/0.0");
        assert_eq!(kept("presence<anna@x>"), "presencexxxxxxxx");
        assert_eq!(kept_versions("RTC/10.0.8.20"), "RTC/00.0.0.00");
        assert_eq!(parameter(" TAG"), Some("tag"));
        assert_eq!(parameter("anna"), None);
    }
}
