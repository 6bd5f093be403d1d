//! What HTML costs to parse, without parsing it.

use std::collections::HashMap;

/// Elements that hold nothing.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
    "wbr", "param",
];
/// Bytes of a tag that has a few attributes.
const TAG_BYTES: usize = 64;

/// About how many steps a parser takes for the tags of `html`, rather too many than too few.
///
/// At each tag a parser looks through the elements that are open, and opens some again, so much
/// nesting takes quadratic time; so do the attributes of one tag, which it compares in pairs. An end
/// tag counts for the latest element of its name alone, as a parser may leave those inside it open.
/// Where a tag ends is not always told by its quotes: what may be a tag within one counts as opened,
/// and nothing within one counts as closed.
pub(crate) fn effort(html: &str) -> usize {
    let mut open: HashMap<String, usize> = HashMap::new();
    let (mut depth, mut effort) = (0_usize, 0_usize);
    let mut rest = html;
    while let Some((_, piece)) = rest.split_once('<') {
        rest = piece;
        // Anything else is text (HTML standard, 13.2.5.6).
        if !piece.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            continue;
        }
        let (tag, after) = piece.split_at_checked(tag_bytes(piece)).unwrap_or((piece, ""));
        rest = after;
        let (long, inner) = (tag.len() / TAG_BYTES, inner_tags(tag));
        effort = effort.saturating_add(depth + long.saturating_mul(long));
        effort = effort.saturating_add(inner.saturating_mul(depth + inner / 2));
        depth += inner;
        let (ends, tag) = tag.strip_prefix('/').map_or((false, tag), |rest| (true, rest));
        let name = tag.split(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).next();
        let name = name.unwrap_or_default().to_ascii_lowercase();
        if ends {
            if let Some(count) = open.get_mut(&name).filter(|count| **count > 0) {
                *count -= 1;
                depth -= 1;
            }
        } else if !VOID.contains(&name.as_str()) {
            *open.entry(name).or_default() += 1;
            depth += 1;
        }
    }
    effort
}

/// What may be start tags within a tag.
fn inner_tags(tag: &str) -> usize {
    tag.split('<').skip(1).filter(|inner| !inner.starts_with('/')).count()
}

/// The length of a tag that `piece` starts with; `>` within quotes does not end it.
fn tag_bytes(piece: &str) -> usize {
    let mut quote = None;
    let end = piece.find(|c: char| match (quote, c) {
        (None, '"' | '\'') => {
            quote = Some(c);
            false
        }
        (Some(open), _) if open == c => {
            quote = None;
            false
        }
        (None, '>') => true,
        _ => false,
    });
    end.unwrap_or(piece.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_one_another_is_cheap() {
        assert_eq!(effort("no tags, 1 < 2, <3"), 0);
        let rows = "<tr><td>a<br>b</td></tr>".repeat(10_000);
        assert_eq!(effort(&format!("<table>{rows}</table>")), 110_001);
        let links = "<a href=\"https://example.org/?a=1>2\">x</a>".repeat(10_000);
        assert_eq!(effort(&links), 10_000);
    }

    #[test]
    fn what_is_nested_is_dear() {
        for nested in [
            "<div>",
            "<LI><ul>",
            "<b class=x>",
            "<b><div></b>",
            "<div><i></span>",
            "<div></p></b>",
            "<div><!--</div>-->",
            "<div><p title=\"></div>\"></p>",
            "<p \"><div>",
        ] {
            let twice = effort(&nested.repeat(2_000)) / effort(&nested.repeat(1_000));
            assert!(twice >= 3, "{nested}: {twice}");
        }
        let tag = |attributes| format!("<p {}>", "a=\">\" ".repeat(attributes));
        assert!(effort(&tag(20_000)) > 3 * effort(&tag(10_000)));
    }
}
