//! The tags of HTML, as far as findings need them: to see whether somebody's words became one.

/// An opening tag.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// Its name, in lower case.
    pub(super) name: String,
    /// Its attributes in order: names in lower case, and values as written.
    pub(super) attributes: Vec<(String, String)>,
}

/// The opening tags of a piece of HTML, in order.
#[must_use]
pub(super) fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some((_, from)) = rest.split_once('<') {
        rest = from;
        if from.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let (tag, behind) = tag(from);
            tags.push(tag);
            rest = behind;
        }
    }
    tags
}

/// Reads a tag from behind its `<`, and returns what stands behind it.
fn tag(from: &str) -> (Tag, &str) {
    let end = |c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/');
    let (name, mut rest) = cut(from, end);
    let mut tag = Tag { name: name.to_ascii_lowercase(), attributes: Vec::new() };
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if rest.is_empty() {
            return (tag, rest);
        }
        if let Some(behind) = rest.strip_prefix('>') {
            return (tag, behind);
        }
        // Its first character may be any.
        let begins = rest.chars().next().map_or(0, char::len_utf8);
        let ends = |c| end(c) || c == '=';
        let goes_on = rest.get(begins..).and_then(|more| more.find(ends));
        let (name, behind) = rest.split_at(goes_on.map_or(rest.len(), |more| begins + more));
        let (value, behind) = value(behind);
        tag.attributes.push((name.to_ascii_lowercase(), value.to_owned()));
        rest = behind;
    }
}

fn value(from: &str) -> (&str, &str) {
    let Some(from) = from.trim_start().strip_prefix('=') else { return ("", from) };
    let from = from.trim_start();
    for quote in ['"', '\''] {
        if let Some(from) = from.strip_prefix(quote) {
            return from.split_once(quote).unwrap_or((from, ""));
        }
    }
    cut(from, |c| c.is_ascii_whitespace() || c == '>')
}

fn cut(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_with_their_attributes() {
        let found = tags("a < b <P Class='x y' hidden data-a=1>t</p><br/><a href=\"q>\" =z>");
        let told: Vec<_> = found.iter().map(|tag| (&*tag.name, tag.attributes.len())).collect();
        assert_eq!(told, [("p", 3), ("br", 0), ("a", 2)]);
        let first = found.first().map(|tag| tag.attributes.clone()).unwrap_or_default();
        let pairs = [("class", "x y"), ("hidden", ""), ("data-a", "1")];
        assert_eq!(first, pairs.map(|(n, v)| (n.to_owned(), v.to_owned())));
    }

    #[test]
    fn broken_markup_ends_too() {
        for html in ["<", "<a", "<a b", "<a b=", "<a b='", "<a =", "<a ==>", "<a \u{e9}=\u{e9}"] {
            assert!(tags(html).len() <= 1, "{html}");
        }
    }
}
