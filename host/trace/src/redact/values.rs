//! Single values: each is let through if it is what its place allows, and replaced if it is not.

use super::{
    names::{Kind, Names},
    words,
};

/// Characters of a text that are told of, each as `x`, `0`, a blank or a stop.
pub const MASK_CHARACTERS_MAX: usize = 200;
/// Digits of the longest number.
const DIGITS_MAX: usize = 20;
/// Bytes of the longest constant.
const CONSTANT_BYTES_MAX: usize = 64;
/// Parts of a list that are told.
pub(super) const LIST_MAX: usize = 10_000;

/// What may stand in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Decimal digits.
    Number,
    /// A time as XML writes it.
    Time,
    /// Words of the protocol, with what stands between them.
    Words,
    /// A label such as `cmd:join`, or a number.
    Label,
    /// A constant such as `ERROR_NO_ROOM` or `ErrorServerBusy`.
    Constant,
    /// A property of the schema such as `item:Subject`.
    Field,
    /// A room, or numbers with commas between them.
    Rooms,
    /// The name of a person or a room.
    Name,
    /// A host or a domain.
    Host,
    /// A mail address.
    Mailbox,
    /// URIs with blanks between them.
    Uris,
    /// An identifier.
    Id,
    /// What somebody wrote.
    Text,
    /// Anything: nobody knows the place.
    Unknown,
}

impl Names {
    /// The value as it may be shown.
    pub(super) fn value(&mut self, place: Place, value: &str) -> String {
        if value.trim().is_empty() {
            return value
                .chars()
                .filter(|c| matches!(c, ' ' | '\n'))
                .take(MASK_CHARACTERS_MAX)
                .collect();
        }
        let kept = match place {
            Place::Number => is_number(value),
            Place::Time => is_time(value),
            Place::Words => return words::kept(value),
            Place::Label => is_label(value) || is_number(value),
            Place::Constant => is_constant(value),
            Place::Field => is_field(value),
            Place::Rooms => value.split(',').all(|part| is_number(part.trim())),
            _ => false,
        };
        if kept {
            return value.to_owned();
        }
        match place {
            Place::Rooms => self.of(Kind::Room, value),
            Place::Name => self.of(Kind::Name, value),
            Place::Host => self.host_and_port(value),
            Place::Mailbox => self.mailbox_or_name(value),
            Place::Uris => self.uris(value),
            Place::Id | Place::Label => self.of(Kind::Id, value),
            Place::Text => mask(value),
            _ => self.unknown(value),
        }
    }

    /// Where nothing is known of a place, what a value shows by itself.
    fn unknown(&mut self, value: &str) -> String {
        let trimmed = value.trim();
        if words::is_boolean(trimmed) {
            return trimmed.to_owned();
        }
        if is_guid(trimmed) {
            return self.of(Kind::Id, trimmed);
        }
        match trimmed.split_once(':') {
            Some((scheme, _)) if !trimmed.contains(char::is_whitespace) && is_scheme(scheme) => {
                self.uri(trimmed)
            }
            _ => mask(value),
        }
    }

    fn uris(&mut self, value: &str) -> String {
        let parts = value.split_whitespace().take(LIST_MAX);
        parts.map(|part| self.unknown(part)).collect::<Vec<_>>().join(" ")
    }

    pub(super) fn mailbox_or_name(&mut self, value: &str) -> String {
        let (scheme, rest) = match value.trim().split_once(':') {
            Some((scheme, rest))
                if ["smtp", "sip"].contains(&scheme.to_ascii_lowercase().as_str()) =>
            {
                (format!("{}:", scheme.to_ascii_lowercase()), rest)
            }
            _ => (String::new(), value.trim()),
        };
        let rest = match rest.split_once('@') {
            Some((user, host)) => self.mailbox(user, host),
            None => self.of(Kind::Name, rest),
        };
        scheme + &rest
    }
}

/// Letters become `x`, digits `0`; blanks, line ends and stops stay, all else is an `x` too.
pub(super) fn mask(text: &str) -> String {
    let mut characters = text.chars().filter(|c| *c != '\r');
    let mut masked: String = characters
        .by_ref()
        .take(MASK_CHARACTERS_MAX)
        .map(|character| match character {
            ' ' | '\n' | '.' | ',' | ';' | ':' | '!' | '?' | '-' | '(' | ')' => character,
            _ if character.is_numeric() => '0',
            _ if character.is_whitespace() => ' ',
            _ => 'x',
        })
        .collect();
    let more = characters.count();
    if more > 0 {
        masked.push_str(&format!("(and {more} more)"));
    }
    masked
}

pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() <= DIGITS_MAX && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `2014-03-03T09:15:04.1280000Z`, or a part of it.
fn is_time(text: &str) -> bool {
    const TIME_BYTES_MAX: usize = 40;
    let usual = |byte: u8| byte.is_ascii_digit() || b"-:.TZ+".contains(&byte);
    text.len() <= TIME_BYTES_MAX
        && text.bytes().all(usual)
        && text.as_bytes().get(4) == Some(&b'-')
        && text.starts_with(['1', '2'])
}

fn is_label(text: &str) -> bool {
    let is_name = |name: &str| {
        let usual = |byte: u8| byte.is_ascii_lowercase() || byte == b'-' || byte == b'_';
        !name.is_empty() && name.len() <= 32 && name.bytes().all(usual)
    };
    let known = ["cmd:", "rpl:", "ntc:", "urn:parlano:ma:info:", "urn:parlano:ma:prop:"];
    text == "grpchat"
        || words::FOLDERS.contains(&text)
        || known.iter().any(|prefix| text.strip_prefix(prefix).is_some_and(is_name))
}

/// `SUCCESS_OK`, `NoError`, `ErrorItemNotFound`, `a:ErrorServerBusy`.
fn is_constant(text: &str) -> bool {
    const PREFIXES: [&str; 8] = ["a", "s", "e", "m", "t", "soap", "env", "soapenv"];
    const FAULTS: [&str; 6] =
        ["NoError", "Client", "Server", "Sender", "Receiver", "VersionMismatch"];
    let text = match text.split_once(':') {
        Some((prefix, rest)) if PREFIXES.contains(&prefix) => rest,
        _ => text,
    };
    let upper = text.contains('_') && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let code = (FAULTS.contains(&text) || text.starts_with("Error"))
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.len() <= CONSTANT_BYTES_MAX && (upper || code)
}

fn is_field(text: &str) -> bool {
    const SETS: [&str; 8] =
        ["item", "message", "folder", "contacts", "calendar", "conversation", "task", "postitem"];
    text.split_once(':').is_some_and(|(set, name)| {
        SETS.contains(&set)
            && name.len() <= CONSTANT_BYTES_MAX
            && name.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}

fn is_guid(text: &str) -> bool {
    let text = text.trim_matches(['{', '}']);
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn is_scheme(scheme: &str) -> bool {
    let known = [
        "sip",
        "sips",
        "ma-chan",
        "ma-cat",
        "ma-grp",
        "ma-filelink",
        "tel",
        "http",
        "https",
        "urn",
    ];
    known.iter().any(|known| known.eq_ignore_ascii_case(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(place: Place, value: &str) -> String {
        Names::default().value(place, value)
    }

    #[test]
    fn what_a_place_allows_stays() {
        for (place, kept) in [
            (Place::Number, "7962449779256945056"),
            (Place::Time, "2014-03-03T09:15:04.1280000Z"),
            (Place::Label, "rpl:bjoin"),
            (Place::Label, "urn:parlano:ma:info:visibilty"),
            (Place::Label, "12"),
            (Place::Constant, "SUCCESS_OK"),
            (Place::Constant, "a:ErrorServerBusy"),
            (Place::Field, "item:Subject"),
            (Place::Rooms, "0, 1,5"),
            (Place::Unknown, "true"),
        ] {
            assert_eq!(value(place, kept), kept, "{place:?}");
        }
    }

    #[test]
    fn what_it_does_not_allow_is_replaced() {
        for (place, text, told) in [
            (Place::Number, "4 Ana", "0 xxx"),
            (Place::Time, "Anna at 8", "xxxx xx 0"),
            (Place::Label, "ntc:Anna", "id1"),
            (Place::Constant, "ANNA", "xxxx"),
            (Place::Field, "anna:Keller", "xxxx:xxxxxx"),
            (Place::Rooms, "5b1d6f0e", "room1"),
            (Place::Mailbox, "smtp:anna@contoso.com", "smtp:person1@domain1.example"),
            (Place::Mailbox, "Anna", "name1"),
            (Place::Host, "fe01.contoso.com:5061", "domain1.example:5061"),
            (
                Place::Uris,
                "sip:a@b true SIP:A@B",
                "sip:person1@domain1.example true sip:person1@domain1.example",
            ),
            (Place::Unknown, "5b1d6f0e-3c1e-4e55-9d4a-9f0f7d2f4c11", "id1"),
            (Place::Unknown, "mailto:anna", "xxxxxx:xxxx"),
        ] {
            assert_eq!(value(place, text), told, "{place:?}");
        }
    }

    #[test]
    fn texts_keep_their_shape_only() {
        assert_eq!(mask("Straße 7,\r\n<b>Ελλάδα</b> ½!"), "xxxxxx 0,\nxxxxxxxxxxxxx 0!");
        let long = mask(&"ab ".repeat(1000));
        assert!(long.ends_with("(and 2800 more)") && long.len() < 250, "{long}");
    }
}
