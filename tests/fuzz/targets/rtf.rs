//! RTF: links lie inside the text, in order, never overlapping.
#![cfg_attr(fuzzing, no_main)]

use lync::content::rtf::read;

fuzz::target!(|data| {
    let Ok(document) = read(&String::from_utf8_lossy(data)) else { return };
    let mut from = 0;
    for link in &document.links {
        assert!(from <= link.range.start, "{:?} before {from}", link.range);
        assert!(document.text.get(link.range.clone()).is_some_and(|words| !words.is_empty()));
        from = link.range.end;
    }
    // Text grows with what is read, not faster.
    assert!(document.text.len() <= data.len() * 3);
});
