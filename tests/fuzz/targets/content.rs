//! Posts: a text, and after a NUL its RTF. Parts hold no control characters, no text is lost, and
//! what is written of them, as RTF too, says the same.
#![cfg_attr(fuzzing, no_main)]

use lync::content::{Content, Kind, Part, People, read, rtf, write};

fuzz::target!(|data| {
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
    again(&content, rtf.is_none());
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

fn again(content: &Content, from_text: bool) {
    let words = |parts: &[Part]| parts.iter().map(seen).collect::<String>();
    let text = write(&content.kind, &content.parts);
    let second = read(&text, None, false, &People::none());
    // By chance, a story may hold its own marks, and what the RTF says in place of the text any.
    if from_text && content.kind == Kind::Message {
        assert_eq!(words(&second.parts), words(&content.parts), "{text:?}");
    }
    let text = rtf::write(&content.parts);
    if let Ok(document) = rtf::read(&text) {
        let shown = |part: &Part| match part {
            Part::FileLink { name, .. } => name.clone(),
            part => seen(part).to_owned(),
        };
        let shown: String = content.parts.iter().map(shown).collect();
        // Line ends that nothing follows are the document's.
        let ended = |text: &str| text.trim_end_matches('\n').to_owned();
        assert_eq!(ended(&document.text), ended(&shown), "{text:?}");
    }
}

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
