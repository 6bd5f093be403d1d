//! What a guest composes: refused, or cut to its bounds and cleaned of all that is active or
//! external. And what the host writes without the guest is accepted as it is.
#![cfg_attr(fuzzing, no_main)]

use bridge::mail::{
    BODY_BYTES_MAX, Composition, Entry, Importance, PREVIEW_UNITS_MAX, SUBJECT_UNITS_MAX, plain,
};
use bridge::message::{Address, Kind, Message, Part, Person, PostKey, RoomId};

// By itself: the whole host would bring an engine for WebAssembly along.
#[path = "../../../host/src/mail/document.rs"]
mod document;
#[path = "../../../host/src/mail/names.rs"]
mod names;
#[path = "../../../host/src/mail/removed.rs"]
mod removed;

/// Elements without an end tag.
const VOID: [&str; 3] = ["br", "col", "hr"];
/// Elements that load, run, ask or hide something, or belong to the host's frame.
const FORBIDDEN: [&str; 25] = [
    "base",
    "body",
    "button",
    "embed",
    "form",
    "frame",
    "head",
    "html",
    "iframe",
    "img",
    "input",
    "link",
    "math",
    "meta",
    "noscript",
    "object",
    "plaintext",
    "script",
    "select",
    "style",
    "svg",
    "template",
    "textarea",
    "title",
    "xml",
];
const SCHEMES: [&str; 7] = ["#", "http:", "https:", "mailto:", "ma-chan:", "ma-filelink:", "tel:"];

// Subject, preview, text and HTML, NUL between them.
fuzz::target!(|data| {
    let text = String::from_utf8_lossy(data);
    let mut pieces = text.splitn(4, '\0');
    let mut piece = || pieces.next().unwrap_or_default().to_owned();
    let (subject, preview, text, html) = (piece(), piece(), piece(), piece());
    without_guest(&subject, &preview, &text, &html);
    let listing = Some(text.clone());
    let composed =
        Composition { subject, preview, html, text, listing, importance: Importance::Normal };
    if let Ok(checked) = composed.check() {
        accepted(&checked);
    }
});

fn accepted(mail: &Composition) {
    let units = |text: &str| text.encode_utf16().count();
    assert!(units(&mail.subject) <= SUBJECT_UNITS_MAX && units(&mail.preview) <= PREVIEW_UNITS_MAX);
    assert!(mail.html.len() <= BODY_BYTES_MAX && mail.text.len() <= BODY_BYTES_MAX);
    let (cleaned, told) = document::clean_and_tell(&mail.html);
    assert_eq!(cleaned, document::clean(&mail.html));
    assert!(told.kinds.len() <= removed::KINDS_MAX && !told.to_string().contains(['\r', '\n']));
    assert!(told.is_nothing() || cleaned != mail.html);
    harmless(&cleaned);
    // A reader's parser may see it otherwise than ours did; what ours makes of it is harmless too.
    harmless(&document::clean(&cleaned));
    let whole = document::wrap(&mail.subject, &mail.preview, "de", "", "");
    assert_eq!(whole.matches('<').count(), document::wrap("", "", "", "", "").matches('<').count());
}

/// Reads the tags of cleaned HTML: known ones, each ended where it began.
fn harmless(html: &str) {
    let mut open = Vec::new();
    let mut rest = html;
    while let Some((_, from)) = rest.split_once('<') {
        let (tag, after) = tag(from).unwrap_or_else(|| panic!("a tag without end: {html}"));
        rest = after;
        let name = tag.split([' ', '\n', '\t']).next().unwrap_or_default();
        if let Some(ended) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(ended), "{html}");
            continue;
        }
        assert!(!FORBIDDEN.contains(&name), "{name} in {html}");
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{name:?} in {html}");
        attributes(&tag[name.len()..], html);
        if !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} stay open in {html}");
}

/// Cuts a tag from what follows it; `>` within quotes does not end it.
fn tag(from: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let end = from.find(|c: char| {
        quoted ^= c == '"';
        c == '>' && !quoted
    })?;
    Some((&from[..end], &from[end + 1..]))
}

fn attributes(tag: &str, html: &str) {
    let mut pieces = tag.split('"');
    while let (Some(name), Some(value)) = (pieces.next(), pieces.next()) {
        let name = name.trim().trim_end_matches('=');
        let active = ["src", "srcset", "background", "action", "formaction", "poster", "data"];
        assert!(!name.starts_with("on") && !active.contains(&name), "{name} in {html}");
        // Whoever follows a link passes over these (WHATWG URL, 4.4).
        let address = value.replace(['\t', '\n', '\r'], "").to_ascii_lowercase();
        let address = address.trim_start_matches(|c| c <= ' ');
        let leads = SCHEMES.iter().any(|scheme| address.starts_with(scheme));
        assert!(name != "href" || leads, "{value:?} in {html}");
    }
}

fn without_guest(title: &str, name: &str, words: &str, address: &str) {
    let message = Message {
        room: RoomId::new("ma-chan://contoso.com/1"),
        post: PostKey::new("1"),
        author: Person { address: Address::new("sip:ana@contoso.com"), name: name.to_owned() },
        sent_ms: 0,
        received_ms: 0,
        kind: Kind::Story { title: title.to_owned() },
        parts: vec![
            Part::Text(words.to_owned()),
            Part::LineBreak,
            Part::Hyperlink { address: address.to_owned(), words: words.to_owned() },
        ],
        late: false,
    };
    let open = Entry { message: &message, room: name, sent: "10:04", reason: title, secret: false };
    let secret = Entry { secret: true, ..open };
    for entries in [&[open][..], &[open; 3], &[open, secret], &[secret]] {
        let mail = plain(entries, words);
        assert_eq!(mail.clone().check().as_ref(), Ok(&mail));
        harmless(&mail.html);
    }
}
