//! Long posts with a title (dossier 5.4). The exact separators are not known.

const TAG: &str = "[STORY]";
const END: &str = "[/STORY]";
const TITLE: &str = "[TITLE]";
const TITLE_END: &str = "[/TITLE]";
/// Characters of the longest title; more is no title.
pub const TITLE_CHARS_MAX: usize = 500;

/// The title and the body of a story, `None` if the text is none.
///
/// The title is what stands between `[TITLE]` and `[/TITLE]`, or between `[STORY]` and
/// `[/STORY]` if a body follows, or else the first line. A shape that fits nothing gives an empty
/// title and all of the text as body.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let rest = strip(text.trim_start(), TAG)?;
    if let Some(titled) = strip(rest.trim_start(), TITLE)
        && let Some((title, body)) = cut(titled, TITLE_END)
    {
        return Some(checked(title, without_end(body), rest));
    }
    if let Some((title, body)) = cut(rest, END)
        && !body.trim().is_empty()
    {
        return Some(checked(title, body, rest));
    }
    let rest = without_end(rest);
    let (title, body) = rest.trim_start().split_once('\n').unwrap_or(("", rest));
    Some(checked(title, body, rest))
}

/// Writes a story so that [`split`] and old clients understand it.
pub(super) fn join(title: &str, body: &str) -> String {
    format!("{TAG}{}\n{body}", title.replace('\n', " "))
}

fn checked<'t>(title: &'t str, body: &'t str, all: &'t str) -> (&'t str, &'t str) {
    let title = title.trim();
    if title.contains('\n') || title.chars().nth(TITLE_CHARS_MAX).is_some() {
        return ("", all.trim());
    }
    (title, body.trim_start_matches('\n').trim_end())
}

fn without_end(text: &str) -> &str {
    cut(text, END).filter(|(_, after)| after.trim().is_empty()).map_or(text, |(before, _)| before)
}

fn strip<'t>(text: &'t str, tag: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(tag.len())?;
    head.eq_ignore_ascii_case(tag).then_some(rest)
}

fn cut<'t>(text: &'t str, tag: &str) -> Option<(&'t str, &'t str)> {
    let at = text
        .match_indices('[')
        .map(|(at, _)| at)
        .find(|at| text.get(*at..).is_some_and(|rest| strip(rest, tag).is_some()))?;
    Some((text.get(..at)?, text.get(at + tag.len()..)?))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    #[test]
    fn shapes_of_the_dossier() {
        assert_eq!(split("plain [STORY]"), None);
        assert_eq!(split("[STORY]Title\nBody\nmore"), Some(("Title", "Body\nmore")));
        assert_eq!(split("[story]Title[/story]Body"), Some(("Title", "Body")));
        assert_eq!(split("[STORY]Title\nBody[/STORY]"), Some(("Title", "Body")));
        assert_eq!(split("[STORY][TITLE]T[/TITLE]Body[/STORY]"), Some(("T", "Body")));
        assert_eq!(split("[STORY]\nTitle\nBody"), Some(("Title", "Body")));
        assert_eq!(split("[STORY]only one line"), Some(("", "only one line")));
        assert_eq!(split("[STORY]"), Some(("", "")));
        let long = "x".repeat(TITLE_CHARS_MAX + 1);
        assert_eq!(split(&format!("[STORY]{long}\nb")), Some(("", format!("{long}\nb").as_str())));
        assert_eq!(split(&join("A\nB", "c")), Some(("A B", "c")));
    }

    #[test]
    fn every_cut_is_survived() {
        let whole = "[STORY][TITLE]Ü[/TITLE]é[/STORY]";
        for cut in (0..whole.len()).filter(|cut| whole.is_char_boundary(*cut)) {
            let _ = split(whole.get(..cut).unwrap());
        }
    }
}
