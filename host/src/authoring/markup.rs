//! The tags of HTML, as far as findings need them: to name what the host removed, and to see
//! whether somebody's words became one.

use std::collections::BTreeMap;

use crate::mail::document;

/// Kinds of removed things that are told; further ones are counted.
const REMOVED_MAX: usize = 12;

/// Characters of a name that are told.
const NAME_CHARS_MAX: usize = 40;

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

/// What the host takes out of a guest's HTML, in words for its author, and how often.
///
/// Compares what was given with what was left.
#[must_use]
pub(super) fn removed(html: &str) -> Vec<String> {
    let cleaned = document::clean(html);
    let (given, left) = (kinds(html), kinds(&cleaned));
    let gone = given.into_iter().filter_map(|(kind, count)| {
        let lost = count.saturating_sub(left.get(&kind).copied().unwrap_or(0));
        (lost > 0).then(|| if lost == 1 { kind } else { format!("{kind} ({lost} times)") })
    });
    let mut gone: Vec<String> = gone.collect();
    if gone.len() > REMOVED_MAX {
        let more = gone.len() - REMOVED_MAX;
        gone.truncate(REMOVED_MAX);
        gone.push(format!("{more} other kinds"));
    }
    gone
}

/// What occurs in HTML and may be taken out of it.
fn kinds(html: &str) -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    let mut count = |kind: String| *kinds.entry(kind).or_insert(0) += 1;
    for tag in tags(html) {
        let name = short(&tag.name);
        count(format!("element <{name}>"));
        for (attribute, value) in &tag.attributes {
            let attribute = short(attribute);
            count(format!("attribute {attribute} of <{name}>"));
            if attribute == "style" {
                for property in value.split(';').filter_map(|rule| rule.split_once(':')) {
                    count(format!("style {} of <{name}>", short(property.0.trim())));
                }
            }
        }
    }
    kinds
}

fn short(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect()
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

    #[test]
    fn what_was_removed_is_named_and_what_stays_is_not() {
        assert_eq!(removed("<p style=\"color:red\">x <b>y</b></p>"), [""; 0]);
        let html = "<p onclick=\"x()\" style=\"color:red;position:fixed\">a</p><script>x</script>\
                    <img src=\"https://x.example/1\"><img src=\"https://x.example/2\">\
                    <a href=\"javascript:x()\">y</a>";
        assert_eq!(
            removed(html),
            [
                "attribute href of <a>",
                "attribute onclick of <p>",
                "attribute src of <img> (2 times)",
                "element <img> (2 times)",
                "element <script>",
                "style position of <p>"
            ]
        );
    }
}
