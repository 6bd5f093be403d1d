//! Makes text from a chat harmless in HTML and in plain text, without losing any of it.
//!
//! Nearly all of it is harmless already: that is found out first, and costs no copy.

use std::borrow::Cow;

pub(crate) mod plain;

/// Longest address that becomes a link; longer ones are shown as text.
const LINK_BYTES_MAX: usize = 2_048;

/// Schemes that may stand in `href`. The host lets no other pass either.
const SCHEMES: [&str; 6] = ["http", "https", "mailto", "ma-chan", "ma-filelink", "tel"];

/// Splits at every kind of line end that Unicode knows.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let here = rest?;
        let end = line_end(here);
        let (line, after) = end.map_or((here, None), |at| {
            let (line, end) = here.split_at(at);
            let mut chars = end.chars();
            if chars.next() == Some('\r') && chars.as_str().starts_with('\n') {
                chars.next();
            }
            (line, Some(chars.as_str()))
        });
        rest = after;
        Some(line)
    })
}

/// Where the first line end is.
fn line_end(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        at += plain::printable(text.as_bytes().get(at..)?);
        let c = text.get(at..)?.chars().next()?;
        if is_line_end(c) {
            return Some(at);
        }
        at += c.len_utf8();
    }
}

fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// One line as it is to be seen: control characters become their pictures, a tab becomes spaces,
/// and directional overrides end where the line ends.
pub(crate) fn visible(line: &str) -> Cow<'_, str> {
    let printable = plain::printable(line.as_bytes());
    if line.get(printable..).is_none_or(|rest| rest.chars().all(is_visible)) {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len());
    let mut open = Vec::new();
    for c in line.chars() {
        match c {
            '\t' => out.push_str("    "),
            '\0'..='\u{1f}' => out.push(picture(c)),
            '\u{7f}' => out.push('\u{2421}'),
            '\u{80}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            '\u{202a}' | '\u{202b}' | '\u{202d}' | '\u{202e}' => {
                open.push('\u{202c}');
                out.push(c);
            }
            '\u{2066}'..='\u{2068}' => {
                open.push('\u{2069}');
                out.push(c);
            }
            // An end without a start would reach into our own text.
            '\u{202c}' | '\u{2069}' => {
                if open.last() == Some(&c) {
                    open.pop();
                    out.push(c);
                }
            }
            c => out.push(c),
        }
    }
    out.extend(open.into_iter().rev());
    Cow::Owned(out)
}

/// Whether a character stands for itself, in [`visible`].
fn is_visible(c: char) -> bool {
    !matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}'
        | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The picture of a C0 control character: U+2400 for NUL and so on.
fn picture(control: char) -> char {
    char::from_u32(0x2400 + u32::from(control)).unwrap_or('\u{fffd}')
}

/// Whether a character orders text without being seen: unwanted in names and subjects.
pub(crate) fn is_directional(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character is of a script that is written from right to left.
pub(crate) fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// Appends `text` to HTML, in an element or in a quoted attribute.
pub(crate) fn push(out: &mut String, text: &str) {
    out.reserve(text.len());
    let mut rest = text;
    loop {
        // Such a byte is a character of its own wherever it stands.
        let (words, after) = rest.split_at(plain::unmarked(rest.as_bytes()));
        push_words(out, words);
        let mut after = after.chars();
        // Each by itself: how long it is, is known then.
        match after.next() {
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('"') => out.push_str("&#34;"),
            Some('\'') => out.push_str("&#39;"),
            _ => return,
        }
        rest = after.as_str();
    }
}

/// Appends text. In a sandbox, copying a length that is not known in advance is a call into the host,
/// dear for a word or two.
pub(crate) fn push_words(out: &mut String, words: &str) {
    const SHORT_MAX: usize = 32;
    if words.len() > SHORT_MAX {
        return out.push_str(words);
    }
    let mut rest = words;
    while let Some((eight, after)) = rest.split_at_checked(8) {
        out.push_str(eight);
        rest = after;
    }
    for c in rest.chars() {
        out.push(c);
    }
}

/// Appends text of a chat to HTML: line ends become `<br>`, and runs of spaces stay.
pub(crate) fn push_text(out: &mut String, text: &str) {
    for (at, line) in lines(text).enumerate() {
        if at > 0 {
            out.push_str("<br>");
        }
        push(out, &keep_spaces(&visible(line)));
    }
}

/// Makes every other space of a run unbreakable, so that HTML does not fold the run.
fn keep_spaces(line: &str) -> Cow<'_, str> {
    if !line.starts_with(' ') && !plain::has_spaces(line.as_bytes()) {
        return Cow::Borrowed(line);
    }
    let mut after_space = true;
    line.chars()
        .map(|c| {
            after_space = c == ' ' && !after_space;
            if c == ' ' && !after_space { '\u{a0}' } else { c }
        })
        .collect::<String>()
        .into()
}

/// Returns the address if it may become a link: a known scheme, and nothing that a mail client
/// could read differently than we do.
pub(crate) fn link(address: &str) -> Option<&str> {
    let address = address.trim();
    let (scheme, rest) = address.split_once(':')?;
    let known = SCHEMES.iter().any(|s| s.eq_ignore_ascii_case(scheme));
    let odd = |c: char| c.is_control() || c.is_whitespace() || is_directional(c) || c == '\\';
    let fits = !rest.is_empty() && address.len() <= LINK_BYTES_MAX;
    (known && fits && !address.contains(odd)).then_some(address)
}

/// Whether words look like an address other than the one they lead to.
pub(crate) fn misleads(words: &str, address: &str) -> bool {
    let words = words.trim();
    let looks_like_address = words.contains("://") || words.starts_with("www.");
    let bare = |s: &str| s.trim_end_matches('/').to_ascii_lowercase();
    let (words, address) = (bare(words), bare(address));
    looks_like_address && words != address && !address.ends_with(&format!("://{words}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    fn html(text: &str) -> String {
        let mut out = String::new();
        push_text(&mut out, text);
        out
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(
            html("<script>alert(\"1\")</script> ]]> & 'x'"),
            "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; ]]&gt; &amp; &#39;x&#39;"
        );
    }

    #[test]
    fn marks_stand_anywhere() {
        let mut random = crate::samples::random();
        let pieces = [
            "a",
            "&",
            "<",
            ">",
            "\"",
            "'",
            "words ",
            "ä",
            "a line of more than thirty-two bytes",
            "👋",
        ];
        for _ in 0..20_000 {
            let text: String =
                (0..random(12)).map(|_| *pieces.get(random(pieces.len())).unwrap()).collect();
            let mut out = String::new();
            push(&mut out, &text);
            let expected = text
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&#34;")
                .replace('\'', "&#39;");
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn control_characters_are_seen() {
        assert_eq!(visible("a\u{0}b\u{1b}c\u{7f}d\u{9b}e\tf"), "a␀b␛c␡d\u{fffd}e    f");
    }

    /// The first character keeps the second from being taken as it is.
    #[test]
    fn what_is_taken_as_it_is_would_not_be_changed() {
        for c in '\0'..=char::MAX {
            let seen = visible(&format!("\u{1}{c}")).into_owned();
            assert_eq!(seen == format!("\u{2401}{c}"), is_visible(c), "{c:?}");
        }
    }

    #[test]
    fn every_line_end_breaks_once() {
        let all = "a\r\nb\rc\nd\u{b}e\u{c}f\u{85}g\u{2028}h\u{2029}i\n";
        let split: Vec<_> = lines(all).collect();
        assert_eq!(split, ["a", "b", "c", "d", "e", "f", "g", "h", "i", ""]);
        assert_eq!(html("a\r\n\r\nb"), "a<br><br>b");
    }

    #[test]
    fn overrides_end_with_their_line() {
        assert_eq!(visible("a\u{202e}b\u{2067}c"), "a\u{202e}b\u{2067}c\u{2069}\u{202c}");
        assert_eq!(visible("a\u{202c}b\u{2069}"), "ab");
        assert_eq!(visible("\u{202b}x\u{202c}y"), "\u{202b}x\u{202c}y");
    }

    #[test]
    fn runs_of_spaces_stay() {
        assert_eq!(html("  a   b"), "\u{a0} a \u{a0} b");
        assert_eq!(html("a b"), "a b");
    }

    #[test]
    fn only_known_schemes_become_links() {
        for good in [
            "https://example.com/?a=1&b=2",
            "HTTP://example.com",
            "mailto:a@example.com",
            "ma-chan://contoso.com/1",
            "ma-filelink:x",
            "tel:+49",
        ] {
            assert_eq!(link(good), Some(good));
        }
        for bad in [
            "javascript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "//example.com",
            "https:",
            "https://a b",
            "https:\\\\a",
            "",
            "https://\u{202e}moc",
        ] {
            assert_eq!(link(bad), None, "{bad}");
        }
        assert_eq!(link(&format!("https://{}", "a".repeat(LINK_BYTES_MAX))), None);
    }

    #[test]
    fn words_that_name_another_address_mislead() {
        assert!(misleads("https://bank.example", "https://evil.example"));
        assert!(misleads("www.bank.example", "https://evil.example"));
        assert!(!misleads("https://bank.example", "https://bank.example/"));
        assert!(!misleads("www.bank.example", "https://www.bank.example"));
        assert!(!misleads("the bank", "https://evil.example"));
    }
}
