//! Posts: a text, and after a NUL its RTF. Parts hold no control characters, and no text is lost.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lync::content::{Kind, Part, People, read};

fuzz_target!(|data: &[u8]| {
    let input = String::from_utf8_lossy(data);
    let (chat, rtf) = match input.split_once('\0') {
        Some((chat, rtf)) => (chat, Some(rtf)),
        None => (&*input, None),
    };
    let people = People::new([
        ("sip:anna.keller@contoso.com", "Anna Keller"),
        ("sip:ober@contoso.com", "Ober, Marc"),
    ]);
    let content = read(chat, rtf, false, &people);
    let seen: String = content.parts.iter().map(seen).collect();
    let allowed = |c: char| !c.is_control() || c == '\t' || c == '\n';
    assert!(seen.chars().all(allowed), "{seen:?}");
    // Anchors and the RTF's words replace what stands in the text; titles stand elsewhere.
    let plain = !chat.contains('<') && content.kind == Kind::Message;
    if plain && !(rtf.is_some() && normalised(chat).trim().is_empty()) {
        let words = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(words(&seen), words(&normalised(chat)));
    }
});

fn seen(part: &Part) -> &str {
    match part {
        Part::Text(text) | Part::Emoticon(text) | Part::Mention { text, .. } => {
            assert!(!text.contains('\n'), "{text:?}");
            text
        }
        Part::Hyperlink { text, .. } | Part::RoomLink { text, .. } => text,
        Part::FileLink { url, .. } => url,
        Part::LineBreak => "\n",
    }
}

fn normalised(text: &str) -> String {
    let line_end = |c: char| matches!(c, '\u{2028}' | '\u{2029}' | '\r' | '\t');
    text.chars()
        .filter_map(|c| {
            if line_end(c) { Some('\n') } else { Some(c).filter(|c| *c == '\n' || !c.is_control()) }
        })
        .collect()
}
