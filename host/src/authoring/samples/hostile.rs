//! What somebody writes who wants to reach further than his words. Traces to look for begin with
//! [`super::super::checks::TRACE`].

use super::*;

/// Bytes of a line that no program likes.
const LONG_BYTES: usize = 100_000;

/// Parts of a message that consists of little else.
const PARTS: usize = 2_000;

pub(super) fn samples() -> Vec<Sample> {
    let all = vec![
        markup(),
        headers(),
        controls(),
        long(),
        many_parts(),
        quoting(),
        links(),
        emoji(),
        empty(),
    ];
    all.into_iter().map(|sample| Sample { hostile: true, ..sample }).collect()
}

/// Everything that a guest may forget to escape, in every string that it is given.
fn markup() -> Sample {
    const TRICKS: [&str; 9] = [
        "<zqelement>bold</zqelement>",
        "\"><zqelement x=\"",
        "'><zqelement x='",
        "\" zqattribute=\"1",
        "' zqattribute='1",
        "</td></tr></table><zqelement>",
        "--><zqelement>",
        "<script>zqscript()</script><style>zqstyle{}</style>",
        "&lt;zqelement&gt; &amp;lt; &#60;zqelement&#62;",
    ];
    let trick = |(minute, trick): (i64, &&str)| {
        let parts = vec![
            text(&format!("Words {trick} around")),
            link(&format!("https://contoso.example/?q={trick}"), trick),
            Part::FileLink {
                address: "ma-filelink://x/".to_owned() + trick,
                words: (*trick).to_owned(),
            },
            Part::Mention { words: format!("@{trick}"), address: None },
            Part::Emoticon((*trick).to_owned()),
        ];
        let kind = Kind::Story { title: format!("Title {trick}") };
        Message { kind, ..said("markup", minute, &format!("Author {trick}"), parts) }
    };
    let messages = (0..).zip(&TRICKS).map(trick).collect();
    let room = Room {
        topic: "<zqelement>topic".to_owned(),
        description: "<zqelement>description".to_owned(),
        ..room("markup", "Room <zqelement> \"' zqattribute=1")
    };
    Sample::of("markup", vec![room], messages)
}

fn headers() -> Sample {
    const FORGED: &str = "Report\r\nBcc: all@contoso.example\r\nX-Forged: yes";
    let story = Message {
        kind: Kind::Story { title: FORGED.to_owned() },
        ..said("headers", 0, FORGED, vec![text(FORGED)])
    };
    let plain = said("headers", 1, "a\nb\u{2028}c\u{2029}d\u{85}e", vec![text(FORGED)]);
    Sample::of("forged headers", vec![room("headers", FORGED)], vec![story, plain])
}

fn controls() -> Sample {
    let bidi = "\u{202e}fdp.exe\u{202c} \u{2066}x\u{2069} \u{200f}y";
    let nul = "nul \0 bell \u{7} escape \u{1b}[31m delete \u{7f} last \u{fffe}\u{ffff}";
    let messages = vec![
        said("controls", 0, &format!("Eve {bidi}"), vec![text(bidi)]),
        said("controls", 1, "Eve \0\u{7}", vec![text(nul), link("https://x.example/\0\n", nul)]),
    ];
    let room = room("controls", &format!("Finance {bidi} \0"));
    Sample::of("control characters", vec![room], messages)
}

fn long() -> Sample {
    let name = "longname ".repeat(LONG_BYTES / 90);
    let messages = vec![
        said("long", 0, "Tom Baker", vec![text(&"x".repeat(LONG_BYTES))]),
        said("long", 1, &name, vec![text(&"word ".repeat(LONG_BYTES / 5))]),
        said("long", 2, "Tom Baker", vec![text(&"line\n".repeat(LONG_BYTES / 50))]),
    ];
    Sample::of("very long lines", vec![room("long", &name)], messages)
}

fn many_parts() -> Sample {
    let part = |n: usize| match n % 3 {
        0 => text("piece "),
        1 => Part::LineBreak,
        _ => Part::Emoticon(":-)".to_owned()),
    };
    let message = said("parts", 0, "Tom Baker", (0..PARTS).map(part).collect());
    Sample::of("many parts", vec![room("parts", "Parts")], vec![message])
}

fn quoting() -> Sample {
    let quoted = (0..200).map(|deep| format!("{} reply {deep}\n", "> ".repeat(deep)));
    let nested = "(".repeat(3_000) + "middle" + &")".repeat(3_000);
    let messages = vec![
        said("quotes", 0, "Tom Baker", vec![text(&quoted.collect::<String>())]),
        said("quotes", 1, "Tom Baker", vec![text(&nested)]),
    ];
    Sample::of("deep quoting", vec![room("quotes", "Quotes")], messages)
}

fn links() -> Sample {
    const ADDRESSES: [&str; 12] = [
        "javascript:zqscript()",
        "JaVaScRiPt:zqscript()",
        " javascript:zqscript()",
        "java\tscript:zqscript()",
        "data:text/html,<zqelement>",
        "vbscript:zqscript()",
        "file:///etc/passwd",
        "//contoso.example/",
        "https://good.example/path?a=1&b=2#zqplace",
        "https://good.example/\"><zqelement>",
        "not an address",
        "",
    ];
    let one = |(minute, address): (i64, &&str)| {
        let parts = vec![text("Look: "), link(address, &format!("link {minute}"))];
        said("links", minute, "Eve", parts)
    };
    let messages = (0..).zip(&ADDRESSES).map(one).collect();
    Sample::of("links", vec![room("links", "Links")], messages)
}

fn emoji() -> Sample {
    let family = "👩‍👩‍👧‍👦🏳️‍🌈🇦🇹".repeat(300);
    let heaped = format!("Z{}algo", "\u{334}\u{353}\u{33a}".repeat(300));
    let messages = vec![
        said("emoji", 0, "😀".repeat(100).as_str(), vec![text(&family)]),
        said("emoji", 1, "Zoë", vec![text(&heaped), Part::Emoticon("(heart)".to_owned())]),
    ];
    Sample::of("emoji", vec![room("emoji", &"🎉".repeat(200))], messages)
}

fn empty() -> Sample {
    let messages = vec![
        said("empty", 0, "", Vec::new()),
        said("empty", 1, " ", vec![text(""), link("", ""), Part::Emoticon(String::new())]),
        Message {
            kind: Kind::Story { title: String::new() },
            ..said("empty", 2, "\n", vec![Part::LineBreak, Part::LineBreak])
        },
    ];
    Sample::of("nothing said", vec![room("empty", "")], messages)
}
