//! From what a guest composed to a document that is safe to open: an allow-list of HTML inside a
//! fixed document, whose head and preview line are ours.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use ammonia::{Builder, UrlRelative};
use bridge::mail::escape;

use super::removed::{self, Removed};

/// Elements that a mail may hold. No script, no form, no image, no frame, no style sheet.
const TAGS: [&str; 44] = [
    "a",
    "abbr",
    "b",
    "bdi",
    "bdo",
    "blockquote",
    "br",
    "caption",
    "cite",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "hr",
    "i",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "tr",
    "ul",
];

/// Attributes that any element may have.
const ATTRIBUTES: [&str; 10] =
    ["align", "aria-label", "class", "dir", "id", "lang", "role", "style", "title", "valign"];

/// What inline styles may say. Nothing that loads, positions or hides.
pub(super) const STYLES: [&str; 58] = [
    "background-color",
    "border",
    "border-bottom",
    "border-bottom-color",
    "border-bottom-style",
    "border-bottom-width",
    "border-collapse",
    "border-color",
    "border-left",
    "border-left-color",
    "border-left-style",
    "border-left-width",
    "border-right",
    "border-right-color",
    "border-right-style",
    "border-right-width",
    "border-spacing",
    "border-style",
    "border-top",
    "border-top-color",
    "border-top-style",
    "border-top-width",
    "border-width",
    "color",
    "direction",
    "font",
    "font-family",
    "font-size",
    "font-style",
    "font-variant",
    "font-weight",
    "height",
    "letter-spacing",
    "line-height",
    "list-style-type",
    "margin",
    "margin-bottom",
    "margin-left",
    "margin-right",
    "margin-top",
    "max-width",
    "mso-line-height-rule",
    "mso-table-lspace",
    "mso-table-rspace",
    "overflow-wrap",
    "padding",
    "padding-bottom",
    "padding-left",
    "padding-right",
    "padding-top",
    "text-align",
    "text-decoration",
    "unicode-bidi",
    "vertical-align",
    "white-space",
    "width",
    "word-break",
    "word-wrap",
];

/// Where links may lead.
const SCHEMES: [&str; 6] = ["http", "https", "mailto", "ma-chan", "ma-filelink", "tel"];

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = Builder::empty();
    let cells = ["abbr", "bgcolor", "colspan", "height", "nowrap", "rowspan", "scope", "width"];
    let tables = ["bgcolor", "border", "cellpadding", "cellspacing", "width"];
    cleaner
        .tags(HashSet::from(TAGS))
        .clean_content_tags(HashSet::from(["script", "style", "title"]))
        .generic_attributes(HashSet::from(ATTRIBUTES))
        .tag_attributes(HashMap::from([
            // Word finds places in a mail by `name` only.
            ("a", HashSet::from(["href", "name"])),
            ("table", HashSet::from(tables)),
            ("td", HashSet::from(cells)),
            ("th", HashSet::from(cells)),
            ("col", HashSet::from(["span", "width"])),
            ("ol", HashSet::from(["start", "type"])),
        ]))
        .filter_style_properties(HashSet::from(STYLES))
        .url_schemes(HashSet::from(SCHEMES))
        .url_relative(UrlRelative::Custom(Box::new(within)))
        .attribute_filter(|_, attribute, value| {
            (attribute != "style" || is_passive(value)).then_some(value.into())
        })
        .link_rel(Some("noopener noreferrer"));
    cleaner
});

/// Whether a style says what it means. Old browsers run an `expression()`, and escapes and comments
/// would hide one.
fn is_passive(style: &str) -> bool {
    let style = style.to_ascii_lowercase();
    !["expression", "url(", "script:", "\\", "/*"].iter().any(|bad| style.contains(bad))
}

/// Relative links lead to places within the mail only.
fn within(url: &str) -> Option<std::borrow::Cow<'_, str>> {
    url.starts_with('#').then_some(std::borrow::Cow::Borrowed(url))
}

/// Removes from a guest's HTML all that is active, external or unknown.
#[must_use]
pub fn clean(html: &str) -> String {
    CLEANER.clean(html).to_string()
}

/// Does the same, and tells what was removed.
#[must_use]
pub fn clean_and_tell(html: &str) -> (String, Removed) {
    let cleaned = clean(html);
    let removed = removed::removed(html, &cleaned, |name| TAGS.contains(&name), is_passive);
    (cleaned, removed)
}

/// Puts cleaned HTML into a whole document: with the settings Outlook's Word engine wants, with
/// colours that bear dark mode, and with the preview line that an inbox shows (features.md 5). `end`
/// is put behind what was cleaned, as it is.
#[must_use]
pub fn wrap(subject: &str, preview: &str, language: &str, cleaned: &str, end: &str) -> String {
    let (subject, preview) = (escape(subject), escape(preview));
    let language = if language.is_empty() { "en" } else { language };
    format!(
        "<!DOCTYPE html>\n<html lang=\"{language}\" xmlns:o=\"urn:schemas-microsoft-com:office:office\">\n<head>\n\
<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"supported-color-schemes\" content=\"light dark\">\n\
<title>{subject}</title>\n\
<!--[if mso]><xml><o:OfficeDocumentSettings><o:AllowPNG/><o:PixelsPerInch>96</o:PixelsPerInch></o:OfficeDocumentSettings></xml><![endif]-->\n\
</head>\n<body style=\"margin:0;padding:0;\">\n\
<div style=\"display:none;mso-hide:all;max-height:0;overflow:hidden;font-size:1px;line-height:1px;\">{preview}</div>\n\
{cleaned}\n{end}</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mail_needs_stays() {
        let html = "<table role=\"presentation\" width=\"640\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\" align=\"center\" style=\"border-collapse:collapse;mso-table-lspace:0pt\"><tbody><tr><td style=\"padding:8px 16px;word-wrap:break-word;color:#24272b;\" dir=\"auto\"><h2><a name=\"room-1\" id=\"room-1\"></a>Ops</h2><a href=\"https://a.example/?x=1&amp;y=2\">a</a><a href=\"ma-chan://c/1\">b</a><ul><li>x</li></ul></td></tr></tbody></table>";
        let cleaned = clean(html);
        for kept in [
            "role=\"presentation\"",
            "width=\"640\"",
            "cellpadding=\"0\"",
            "border-collapse:collapse",
            "padding:8px 16px",
            "dir=\"auto\"",
            "https://a.example/?x=1&amp;y=2",
            "ma-chan://c/1",
            "<li>x</li>",
            "mso-table-lspace",
            "name=\"room-1\"",
            "word-wrap:break-word",
        ] {
            assert!(cleaned.contains(kept), "{kept} is gone: {cleaned}");
        }
    }

    #[test]
    fn what_is_active_or_external_goes() {
        for bad in [
            "<script>alert(1)</script>",
            "<img src=\"https://x.example/pixel.gif\">",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<a href=\"data:text/html,x\">x</a>",
            "<a href=\"//x.example/\">x</a>",
            "<p onclick=\"alert(1)\">x</p>",
            "<p style=\"background-image:url(https://x.example/p)\">x</p>",
            "<p style=\"position:fixed;display:none\">x</p>",
            "<p style=\"width:expression(alert(1))\">x</p>",
            "<p style=\"width:exp/**/ression(alert(1))\">x</p>",
            "<p style=\"width:\\65xpression(alert(1))\">x</p>",
            "<p style=\"border-color:url(https://x.example/p)\">x</p>",
            "<form action=\"https://x.example/\"><input name=p></form>",
            "<iframe src=\"https://x.example/\"></iframe>",
            "<style>@import 'https://x.example/'</style>",
            "<svg><script>alert(1)</script></svg>",
            "<meta http-equiv=\"refresh\" content=\"0;url=https://x.example/\">",
            "<link rel=\"stylesheet\" href=\"https://x.example/\">",
            "<base href=\"https://x.example/\">",
            "<object data=\"https://x.example/\"></object>",
        ] {
            let cleaned = clean(bad);
            for trace in [
                "x.example",
                "alert(1)",
                "javascript",
                "onclick",
                "<form",
                "<input",
                "position",
                "display",
                "data:",
            ] {
                assert!(!cleaned.contains(trace), "{trace} is left of {bad}: {cleaned}");
            }
        }
    }

    #[test]
    fn subject_and_preview_cannot_break_out() {
        let document = wrap("</title><script>", "</div><script>", "de", "", "");
        assert!(!document.contains("<script>"), "{document}");
        assert!(document.contains("lang=\"de\""));
    }
}
