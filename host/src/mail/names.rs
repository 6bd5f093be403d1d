//! Names of HTML and CSS that a report on removals tells. What a guest forgot to escape makes names of
//! a message's words: those are not in these lists.

use html5ever::LocalName;

/// Schemes of addresses.
const SCHEMES: [&str; 14] = [
    "about",
    "blob",
    "cid",
    "data",
    "file",
    "ftp",
    "http",
    "https",
    "javascript",
    "ma-chan",
    "ma-filelink",
    "mailto",
    "tel",
    "vbscript",
];

/// Properties that authors use and mails must not.
const PROPERTIES: &str = "animation background background-image border-image border-radius bottom \
    box-shadow clip clip-path content cursor display filter flex float grid left list-style \
    list-style-image max-height min-height min-width mso-hide opacity outline overflow \
    pointer-events position right text-indent text-shadow text-transform top transform visibility \
    z-index";

/// Elements and attributes of at most seven letters; longer ones the parser knows by itself.
const SHORT: &str = "a abbr action address align allow alt applet area article aside async audio b \
    base bdi bdo bgcolor big blink body border br button canvas caption center charset circle cite \
    class code col color colspan content coords data dd defer del dfn dialog dir div dl dt em embed \
    face figure font footer for form frame g h1 h2 h3 h4 h5 h6 head header height hidden hr href html \
    i id iframe image img input ins is ismap kbd label lang li line link loading loop main map mark \
    marquee math media menu meta meter method muted name nav nonce object ol onblur onclick oncopy \
    oncut ondrag ondrop onend onerror onfocus oninput onkeyup onload onpaste onplay onreset \
    onwheel open option output p param path picture ping poster pre q rect rel role rowspan rp rt \
    ruby s samp sandbox scope script section select shape size sizes slot small source span src \
    srcdoc srcset start step strike strong style sub summary sup svg table target tbody td text tfoot \
    th thead time title tr track tt type u ul usemap use valign value var video wbr width wrap xmlns \
    xmp";

/// Whether it is an element or an attribute that HTML or SVG knows.
pub(super) fn is_known(name: &str) -> bool {
    // The parser's table holds what does not fit into eight bytes with its length.
    LocalName::try_static(name).is_some() || is_listed(SHORT, name)
}

/// Whether CSS knows the property, as far as authors use it in mails.
pub(super) fn is_property(name: &str) -> bool {
    super::document::STYLES.contains(&name) || is_listed(PROPERTIES, name)
}

/// Whether it is a scheme that addresses have.
pub(super) fn is_scheme(name: &str) -> bool {
    SCHEMES.contains(&name)
}

fn is_listed(list: &str, name: &str) -> bool {
    list.split(' ').any(|listed| listed == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_standards_are_known_and_words_are_not() {
        for name in
            ["script", "noscript", "onclick", "onmouseover", "background", "textarea", "img"]
        {
            assert!(is_known(name), "{name}");
        }
        for word in ["", "secret", "merger", "redundancy", "anna.keller@contoso.com"] {
            assert!(!is_known(word) && !is_property(word) && !is_scheme(word), "{word}");
        }
        assert!(is_property("position") && is_property("color") && is_scheme("javascript"));
    }
}
