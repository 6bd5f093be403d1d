//! Redaction: wherever a secret stands and whatever stands beside it, it does not come through; and
//! what comes out can be an entry of a transcript.
#![cfg_attr(fuzzing, no_main)]

use lync::{
    Quirks,
    sip::{Frame, Framer, Message, Method},
};
use trace::{Direction, Entry, Head, Observer, Redactor, Side, Transcript};

const SECRET: &str = "Zwetschgendatschi";
const HEADERS: [&str; 15] = [
    "Via",
    "From",
    "Contact",
    "Call-ID",
    "CSeq",
    "Supported",
    "Server",
    "Date",
    "ms-diagnostics",
    "Authorization",
    "Set-Cookie",
    "Subject",
    "X-Unheard",
    "Location",
    "X-CasErrorCode",
];
const ELEMENTS: [(&str, &str); 12] = [
    ("grpchat", "id"),
    ("chanib", "uri"),
    ("aib", "value"),
    ("uib", "disname"),
    ("resp", "code"),
    ("ItemId", "Id"),
    ("FieldURI", "FieldURI"),
    ("unheard", "of"),
    ("info", "id"),
    ("date", "from"),
    ("ResponseCode", "ResponseClass"),
    ("property", "name"),
];

fuzz::target!(|data| {
    whole(data);
    // Names stay, so no secret becomes one; nor does it become another text by a mark.
    let text = String::from_utf8_lossy(data).replace(['\r', '\n', '\0', '<', '>', '&'], " ");
    let half = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    let (before, after) = text.split_at(half);
    let value = format!("{before}{SECRET}{after}");
    let mut redactor = Redactor::new();
    let mut message = Message::request(Method::INFO, &format!("sip:{}", value.replace(' ', "")));
    HEADERS.iter().for_each(|name| message.headers.push(name, value.as_str()));
    let escaped = value.replace('"', "&quot;");
    let elements =
        ELEMENTS.map(|(name, key)| format!("<{name} {key}=\"{escaped}\">{value}</{name}>"));
    for body in [elements.concat(), format!("<a>{}</a>", elements.concat()), value.clone()] {
        message.body = body.into();
        discreet(&redactor.sip(&message));
    }
    let headers = HEADERS.map(|name| (name.to_owned(), value.clone()));
    discreet(&redactor.http_request(&value, &headers, value.as_bytes()));
    discreet(&redactor.http_answer(500, &headers, value.as_bytes()));
    let mut observer = Observer::new(Quirks::default());
    message.body = format!("<xccos>{}</xccos>", elements.concat()).into();
    observer.observe(Direction::In, 1, &message);
    discreet(&observer.forms().write());
});

/// Letters of it in a row, in any case.
fn discreet(told: &str) {
    let told = told.to_lowercase();
    for part in ["zwetsch", "schgend", "datschi"] {
        assert!(!told.contains(part), "{told}");
    }
}

/// The messages in the input as entries, which are read as they were written.
fn whole(data: &[u8]) {
    let (mut redactor, mut observer) = (Redactor::new(), Observer::new(Quirks::embedded()));
    let mut framer = Framer::new();
    let _ = framer.push(data);
    let mut entries = Vec::new();
    while let Ok(Some(frame)) = framer.next() {
        if let Frame::Message(message) = frame {
            observer.observe(Direction::In, 1, &message);
            entries.push(redactor.sip(&message));
        }
    }
    entries.push(redactor.http_answer(200, &[], data));
    let head = Head {
        program: "chat-digest".to_owned(),
        platform: "any".to_owned(),
        quirks: Quirks::default(),
        history_first: 25,
        chat_server: false,
    };
    let entry = |message| Entry {
        direction: Direction::In,
        at_ms: 0,
        side: Side::Chat,
        connection: 1,
        message,
        line: 0,
    };
    let entries: Vec<Entry> = entries.into_iter().map(entry).collect();
    let end = trace::End { entries: entries.len() as u64, lost: 0, full: false };
    let forms = observer.forms().clone();
    let written = Transcript { head, entries, forms, end }.write();
    match Transcript::read(&written) {
        Ok(read) => assert_eq!(read.write(), written),
        Err(error) => panic!("{error}: {written}"),
    }
}
