//! Links in plain text: anchors, addresses, and those only the RTF knows.

use std::{borrow::Cow, ops::Range};

use linkify::{LinkFinder, LinkKind};

use super::{Part, people::is_word, rtf};
use crate::xccos::RoomUri;

/// Bytes of the longest address.
pub const URL_BYTES_MAX: usize = 4096;
/// The scheme of files.
pub const FILE_SCHEME: &str = "ma-filelink:";
/// What a link may lead to. Others, scripts above all, stay text.
const SCHEMES: [&str; 16] = [
    "http",
    "https",
    "ftp",
    "ftps",
    "mailto",
    "sip",
    "sips",
    "tel",
    "callto",
    "file",
    "news",
    "onenote",
    "im",
    "skype",
    "ma-chan",
    "ma-filelink",
];

type Found = Vec<(Range<usize>, Part)>;

/// The part for a link to `url` that shows `text`; `None` if it leads to nothing we follow.
pub(super) fn link(url: &str, text: &str) -> Option<Part> {
    let url = url.trim();
    if url.len() > URL_BYTES_MAX || url.contains(char::is_control) {
        return None;
    }
    let text = if text.trim().is_empty() { url } else { text };
    let text = text.replace('\n', " ");
    if let Some(uri) = RoomUri::parse(url) {
        return Some(Part::RoomLink { uri: uri.as_str().to_owned(), text });
    }
    let scheme = url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        Some("ma-chan") => None,
        Some("ma-filelink") => {
            let name = if text == url { file_name(url) } else { text };
            Some(Part::FileLink { name, url: url.to_owned() })
        }
        Some(scheme) if SCHEMES.contains(&scheme) => {
            Some(Part::Hyperlink { url: url.to_owned(), text })
        }
        _ if starts_with(url, "www.") => {
            Some(Part::Hyperlink { url: format!("http://{url}"), text })
        }
        _ => None,
    }
}

/// The last part of the path, or all of the link.
fn file_name(url: &str) -> String {
    let name = url.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.strip_prefix(FILE_SCHEME).unwrap_or(name);
    if name.is_empty() { url.to_owned() } else { name.to_owned() }
}

/// `<a href="URL"…>TEXT</a>`, in any case, quotes of either kind; all other `<` are text.
pub(super) fn anchors(text: &str) -> Found {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = find_ignoring_case(text, "<a", from) {
        from = start + 2;
        let Some((url, end_of_tag)) = opening(text, from) else { continue };
        // The visible words end at the next tag of this kind; only an end tag makes a link.
        let Some(end) = next_anchor_tag(text, end_of_tag) else { break };
        from = end;
        let visible = text.get(end_of_tag..end).unwrap_or_default();
        let Some(after) = text.get(end..).filter(|rest| starts_with(rest, "</a>")) else {
            continue;
        };
        let part = link(&unescaped(&url), &unescaped(visible));
        from = text.len() - after.len() + 4;
        found.extend(part.map(|part| (start..from, part)));
    }
    found
}

/// The target and the end of a start tag whose `<a` ended at `from`.
fn opening(text: &str, from: usize) -> Option<(String, usize)> {
    let rest = text.get(from..)?;
    let inside = rest.split(['<', '>']).next()?;
    let end = from + inside.len() + 1;
    let closed = rest.get(inside.len()..)?.starts_with('>');
    if !closed || !inside.starts_with(char::is_whitespace) || inside.len() > 2 * URL_BYTES_MAX {
        return None;
    }
    let at = find_ignoring_case(inside, "href", 0)?;
    let value = inside.get(at + 4..)?.trim_start().strip_prefix('=')?.trim_start();
    let url = match value.chars().next()? {
        quote @ ('"' | '\'') => value.get(1..)?.split(quote).next()?,
        _ => value.split(char::is_whitespace).next()?,
    };
    Some((url.to_owned(), end))
}

/// Where the next `<a ` or `</a>` begins.
fn next_anchor_tag(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let tag = |at: &usize| {
        let rest = rest.get(*at..).unwrap_or_default();
        starts_with(rest, "</a>") || starts_with(rest, "<a ")
    };
    rest.match_indices('<').map(|(at, _)| at).find(tag).map(|at| at + from)
}

/// Bare addresses: `http://…`, `www.…`, `ma-chan://…`, `ma-filelink:…`.
pub(super) fn addresses(text: &str) -> Found {
    let files = files(text);
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]).url_must_have_scheme(false);
    let mut found = Vec::new();
    let mut from = 0;
    let end = (text.len()..text.len(), None);
    for (range, file) in files.into_iter().map(|(range, part)| (range, Some(part))).chain([end]) {
        let stretch = text.get(from..range.start).unwrap_or_default();
        for url in finder.links(stretch) {
            let part = link(url.as_str(), url.as_str());
            found.extend(part.map(|part| (from + url.start()..from + url.end(), part)));
        }
        from = range.end;
        found.extend(file.map(|part| (range, part)));
    }
    found
}

/// A file link needs no `//`, so that no finder knows it; it ends at white space.
fn files(text: &str) -> Found {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = find_ignoring_case(text, FILE_SCHEME, from) {
        from = start + FILE_SCHEME.len();
        let before = text.get(..start).and_then(|before| before.chars().next_back());
        if before.is_some_and(is_word) {
            continue;
        }
        let rest = text.get(start..).unwrap_or_default();
        let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"');
        let url = rest.split(ends).next().unwrap_or_default();
        let url = url.trim_end_matches(['.', ',', ';', '!', '?', ')']);
        if url.len() > FILE_SCHEME.len() {
            from = start + url.len();
            found.extend(link(url, url).map(|part| (start..from, part)));
        }
    }
    found
}

/// Links whose words stand in the text although their address does not: in the order of the RTF,
/// each at the first free place after the one before.
pub(super) struct FromRtf {
    links: Vec<(String, String)>,
    next: usize,
}

impl FromRtf {
    pub(super) fn new(document: &rtf::Document) -> Self {
        let links = document.links.iter().filter_map(|link| {
            let words = document.text.get(link.range.clone())?.trim();
            (!words.is_empty()).then(|| (words.to_owned(), link.url.clone()))
        });
        Self { links: links.collect(), next: 0 }
    }

    pub(super) fn find(&mut self, text: &str) -> Found {
        let mut found = Vec::new();
        let mut from = 0;
        let mut place = self.next;
        while let Some((words, url)) = self.links.get(place) {
            place += 1;
            let Some(start) = find_words(text, words, from) else { continue };
            self.next = place;
            from = start + words.len();
            found.extend(link(url, words).map(|part| (start..from, part)));
        }
        found
    }
}

fn find_words(text: &str, words: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let free = |(at, _): &(usize, &str)| {
        let before = rest.get(..*at).and_then(|before| before.chars().next_back());
        let after = rest.get(at + words.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    };
    rest.match_indices(words).find(free).map(|(at, _)| at + from)
}

fn starts_with(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

fn find_ignoring_case(text: &str, pattern: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes().get(from..)?;
    let mut windows = bytes.windows(pattern.len());
    windows.position(|window| window.eq_ignore_ascii_case(pattern.as_bytes())).map(|at| at + from)
}

/// An anchor is HTML, though the text around it is none.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    Cow::Owned(text.replace("&#39;", "'").replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    fn web(url: &str, text: &str) -> Part {
        Part::Hyperlink { url: url.to_owned(), text: text.to_owned() }
    }

    fn parts(found: Found) -> Vec<Part> {
        found.into_iter().map(|(_, part)| part).collect()
    }

    #[test]
    fn anchors_are_read_leniently() {
        let text = r#"a < b <A class=x HREF='https://e.org/?a=1&amp;b' target="_blank">An &lt;x&gt;
page</A> <a href=www.e.org></a>"#;
        assert_eq!(
            parts(anchors(text)),
            [web("https://e.org/?a=1&b", "An <x> page"), web("http://www.e.org", "www.e.org")]
        );
        let file = r#"<a href="ma-filelink://contoso.com/g/7/report.txt">report.txt</a>"#;
        let url = "ma-filelink://contoso.com/g/7/report.txt".to_owned();
        let name = "report.txt".to_owned();
        assert_eq!(parts(anchors(file)), [Part::FileLink { name, url }]);
    }

    #[test]
    fn what_is_no_anchor_stays_text() {
        for text in [
            r#"<a href="javascript:alert(1)">x</a>"#,
            r#"<a href="data:text/html,x">x</a>"#,
            r#"<a href="https://e.org">never closed"#,
            r#"<a href="https://e.org" x</a>"#,
            "<a>x</a>",
            "<abbr href=\"http://e.org\">x</a>",
            "<a",
            "<a ",
            "<a href",
        ] {
            assert_eq!(parts(anchors(text)), [], "{text}");
        }
        let twice = r#"<a href="http://a.org">one <a href="http://b.org">two</a>"#;
        assert_eq!(parts(anchors(twice)), [web("http://b.org", "two")]);
    }

    #[test]
    fn bare_addresses() {
        let text = "see https://e.org/x_(y)?z=1. or WWW.e.org, not readme.md nor a@b.org; ma-chan://c.d/5b1d and ma-filelink:5b1d/r.txt!";
        let found = addresses(text);
        let shown: Vec<_> = found.iter().map(|(at, _)| text.get(at.clone()).unwrap()).collect();
        assert_eq!(
            shown,
            [
                "https://e.org/x_(y)?z=1",
                "WWW.e.org",
                "ma-chan://c.d/5b1d",
                "ma-filelink:5b1d/r.txt"
            ]
        );
        assert!(matches!(found.get(2), Some((_, Part::RoomLink { .. }))));
        assert!(matches!(found.get(3), Some((_, Part::FileLink { name, .. })) if name == "r.txt"));
    }

    #[test]
    fn links_of_the_rtf_find_their_words() {
        let text = "the pages: page, page and again";
        let link = |range, url: &str| rtf::Link { range, url: url.to_owned() };
        let document = rtf::Document {
            text: "page none page".to_owned(),
            links: vec![
                link(0..4, "http://a.org"),
                link(5..9, "http://b.org"),
                link(10..14, "http://c.org"),
            ],
        };
        let found = FromRtf::new(&document).find(text);
        let places: Vec<_> = found.iter().map(|(at, _)| at.start).collect();
        assert_eq!(places, [11, 17]);
        assert_eq!(parts(found), [web("http://a.org", "page"), web("http://c.org", "page")]);
    }

    #[test]
    fn every_cut_is_survived() {
        let whole = r#"é<a href="ma-filelink://c/ü">é</a> www.é.org ma-filelink:ü <A HREF='x'>"#;
        for cut in (0..whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
            let _ = anchors(whole.get(..cut).unwrap());
            let _ = addresses(whole.get(cut..).unwrap());
        }
    }

    /// A megabyte of beginnings is read once, not once for each of them.
    #[test]
    fn hostile_text_takes_linear_time() {
        for piece in [
            "<a href=\"",
            "<a href=\"http://x\">",
            "</a>",
            "http://",
            "www.",
            "ma-filelink:",
            "xma-filelink:x",
            "a://a",
            "<a ",
        ] {
            let text = piece.repeat((1 << 20) / piece.len());
            let _ = anchors(&text);
            let _ = addresses(&text);
        }
    }
}
