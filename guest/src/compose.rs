//! One renderer for one message and for many: [`View`] decides what is shown and in which order,
//! [`crate::html`] and [`crate::text`] only write it down.

use crate::types::{Edition, Importance, Mail};
use crate::view::{View, is_alert};
use crate::{html, inbox, text};

/// Largest HTML; at about 102 KB, some clients cut a mail, and with it what stands at its end.
pub(crate) const HTML_BYTES_MAX: usize = 90_000;

/// Largest HTML of a mail with one message only. A post of 16 KB can take that much if it is all
/// links; cut by a client, it would still be there, but not cut by us.
const LONE_HTML_BYTES_MAX: usize = 400_000;

/// Most messages of a mail that are shown in full.
const WHOLE_MESSAGES_MAX: usize = 250;

/// How much of the messages is shown. The next one is tried when a mail is too large.
#[derive(Debug)]
pub(crate) struct Detail {
    /// Whether every message is shown in full.
    pub(crate) whole: bool,
    /// Messages shown of each room; those that matter first, then the newest.
    pub(crate) per_room: usize,
    /// Characters shown of a message that matters when not every one is shown in full.
    pub(crate) relevant_chars: usize,
    pub(crate) rooms: usize,
    pub(crate) highlights: usize,
    pub(crate) links: usize,
    /// Lines of each part of a summary.
    pub(crate) lines: usize,
}

/// From everything to what surely fits: 15 rooms with a headline each stay below 60 KB even if all
/// of it is characters that need escaping.
pub(crate) const DETAILS: [Detail; 5] = [
    Detail {
        whole: true,
        per_room: usize::MAX,
        relevant_chars: usize::MAX,
        rooms: usize::MAX,
        highlights: 20,
        links: 40,
        lines: 5,
    },
    Detail {
        whole: false,
        per_room: 250,
        relevant_chars: 2_000,
        rooms: 200,
        highlights: 10,
        links: 20,
        lines: 5,
    },
    Detail {
        whole: false,
        per_room: 60,
        relevant_chars: 500,
        rooms: 100,
        highlights: 10,
        links: 10,
        lines: 5,
    },
    Detail {
        whole: false,
        per_room: 15,
        relevant_chars: 200,
        rooms: 50,
        highlights: 5,
        links: 5,
        lines: 2,
    },
    Detail {
        whole: false,
        per_room: 1,
        relevant_chars: 100,
        rooms: 15,
        highlights: 3,
        links: 0,
        lines: 0,
    },
];

/// A mail, and what the administrator may want to know about it.
#[derive(Debug)]
pub(crate) struct Composed {
    pub(crate) mail: Mail,
    pub(crate) note: Option<String>,
}

/// Turns an edition into a mail.
///
/// # Errors
/// An edition that breaks the contract: no item, or an item of a room that is not listed.
pub(crate) fn compose(edition: &Edition) -> Result<Composed, String> {
    let mut view = View::new(edition)?;
    let mut html = html::render(&view);
    for detail in DETAILS.iter().skip(1) {
        if html.len() <= html_bytes_max(&view)
            && (view.count_in_full() <= WHOLE_MESSAGES_MAX || view.shortens())
        {
            break;
        }
        view.detail = detail;
        html = html::render(&view);
    }
    let note = view.shortens().then(|| {
        format!("shortened a mail of {} messages to {} bytes of HTML", view.count(), html.len())
    });
    let alert = view.items().any(is_alert);
    let mail = Mail {
        subject: inbox::subject(&view),
        preview: inbox::preview(&view),
        html,
        text: text::render(&view),
        listing: view.abridges().then(|| text::listing(&view)),
        importance: if alert { Importance::High } else { Importance::Normal },
    };
    Ok(Composed { mail, note })
}

fn html_bytes_max(view: &View<'_>) -> usize {
    if view.lone() && !view.shortens() { LONE_HTML_BYTES_MAX } else { HTML_BYTES_MAX }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;
    use crate::samples::{edition, gap, item, message, room};
    use crate::types::{Item, Kind, Link, Message, Part, Readers, Room};

    fn mail(edition: &Edition) -> Mail {
        compose(edition).unwrap().mail
    }

    #[test]
    fn alerts_are_important() {
        let alert = Message { kind: Kind::Alert, ..message("x") };
        assert_eq!(mail(&edition(vec![item(alert)])).importance, Importance::High);
        assert_eq!(mail(&edition(vec![item(message("x"))])).importance, Importance::Normal);
    }

    #[test]
    fn what_was_said_around_a_mention_stands_with_it() {
        let mut items: Vec<_> = ["a", "b", "c"].map(|text| item(message(text))).into();
        items.insert(1, gap(None));
        items.get_mut(2).unwrap().named = true;
        let mail = mail(&edition(items));
        let text = "Anna Larsen, 09:14 [names you]\n\
            > Just before: 09:14 Anna Larsen: a\n  b\n> Just after: 09:14 Anna Larsen: c\n";
        assert!(mail.text.contains(text), "{}", mail.text);
        assert!(mail.html.contains("Just before: 09:14 <b>Anna Larsen</b>: a</div>"));
        assert!(mail.html.contains("Just after: 09:14 <b>Anna Larsen</b>: c</div>"));
    }

    #[test]
    fn a_gap_is_told_by_itself() {
        let mail = mail(&edition(vec![gap(Some(3))]));
        let words = "3 messages were missed; the room's history no longer has them.";
        assert_eq!(mail.subject, format!("[Operations] {words}"));
        assert!(mail.html.contains(words.replace('\'', "&#39;").as_str()), "{}", mail.html);
        assert!(mail.text.contains(&format!("\n[{words}]\n")), "{}", mail.text);
        for said in [&mail.subject, &mail.preview, &mail.html, &mail.text] {
            assert!(!said.contains("Nobody"), "{said}");
        }
    }

    /// In every form and language, and however much is left out.
    #[test]
    fn a_gap_is_never_hidden() {
        let unknown = [
            (0x656e, "Messages were missed, how many is not known"),
            (0x6465, "Nachrichten fehlen, wie viele ist nicht bekannt"),
        ];
        for ((language, words), count) in
            unknown.into_iter().zip([5, 400]).chain(unknown.into_iter().zip([400, 5]))
        {
            for summaries in [vec![], vec![1]] {
                let mut items = vec![gap(None)];
                items.extend((0..count).map(|_| item(message(&"x ".repeat(500)))));
                let mut edition = Edition { summaries, ..edition(items) };
                edition.readers.language = language;
                let mail = mail(&edition);
                for (said, times) in [(&mail.html, 2), (&mail.text.replace('\n', " "), 2)] {
                    assert_eq!(said.matches(words).count(), times, "{said}");
                }
                assert!(mail.listing.is_none_or(|listing| listing.contains(words)));
            }
        }
        let mut two = edition(vec![gap(Some(3)), item(message("x")), gap(Some(4))]);
        assert!(mail(&two).text.contains("In 2 places messages were missed, 7 in all;"));
        two.readers.language = 0x6465;
        assert!(mail(&two).text.contains("An 2 Stellen fehlen Nachrichten, zusammen 7;"));
    }

    #[test]
    fn a_room_of_gaps_keeps_its_messages() {
        let mut items = vec![item(message("the only one"))];
        items.extend((0..1_000).map(|_| gap(Some(1))));
        let mail = mail(&edition(items));
        assert!(mail.html.len() <= HTML_BYTES_MAX, "{}", mail.html.len());
        assert!(mail.html.contains("the only one") && mail.html.contains("1000 in all"));
    }

    #[test]
    fn a_summary_need_not_shorten() {
        let items = (0..400).map(|n| item(message(&format!("message {n}")))).collect();
        let mail = mail(&Edition { summaries: vec![1], ..edition(items) });
        assert!(!mail.text.contains("by their first words"), "{}", mail.text);
        assert!(mail.text.contains("every message in full"), "{}", mail.text);
        let listing = mail.listing.unwrap();
        assert!(listing.contains("message 0\n") && listing.contains("message 399\n"));
    }

    #[test]
    fn a_folded_story_is_whole_in_the_list() {
        let kind = Kind::Story("Plan".into());
        let story = Message { kind, ..message(&format!("{}end of it", "word ".repeat(600))) };
        let mail = mail(&edition(vec![item(story), item(message("x"))]));
        assert!(!mail.text.contains("end of it") && mail.listing.unwrap().contains("end of it"));
    }

    #[test]
    fn too_many_messages_become_headlines_but_for_those_that_matter() {
        let items = (0..300).map(|n| Item {
            named: n == 7,
            ..item(Message {
                author: format!("Author {n}"),
                ..message(&format!("message {n} {}", "and so on ".repeat(20)))
            })
        });
        let mail = mail(&edition(items.collect()));
        assert!(mail.html.len() <= HTML_BYTES_MAX, "{}", mail.html.len());
        assert!(mail.html.contains("message 299 and"));
        assert!(mail.html.contains("message 7 and"));
        assert!(mail.html.contains("most are shown by their first words"));
        assert!(mail.text.contains("most are shown by their first words"));
    }

    #[test]
    fn sixteen_kilobytes_arrive_whole() {
        for text in ["&".repeat(16_384), "wörter ".repeat(2_300), "\n".repeat(16_384)] {
            let mail = mail(&edition(vec![item(message(&text))]));
            assert!(mail.html.len() <= HTML_BYTES_MAX, "{}", mail.html.len());
            assert!(!mail.html.contains("Shortened"));
        }
    }

    /// Its markup takes more than its words: whole all the same, as nothing else is in the mail.
    #[test]
    fn sixteen_kilobytes_of_links_arrive_whole() {
        let link = |address: &str| {
            Part::Hyperlink(Link { address: address.to_owned(), words: address.to_owned() })
        };
        let short = (0..2_000).map(|_| link("http://a"));
        let escaped = (0..8).map(|_| link(&format!("http://a/?{}", "&".repeat(2_000))));
        for parts in [short.collect::<Vec<_>>(), escaped.collect()] {
            let links = parts.len();
            let mail = mail(&edition(vec![item(Message { parts, ..message("") })]));
            assert_eq!(mail.html.matches("<a href=").count(), links);
            assert!(!mail.html.contains("Shortened") && !mail.text.contains("Shortened"));
        }
        let endless = mail(&edition(vec![item(message(&"&".repeat(1 << 20)))]));
        assert!(endless.html.len() <= HTML_BYTES_MAX && endless.html.contains("Shortened"));
    }

    #[test]
    fn every_edition_fits_whatever_it_holds() {
        let hostile = "&\"'<".repeat(4_096);
        let mut all = Vec::new();
        for n in 0..400 {
            let kind = if n % 2 == 0 { Kind::Alert } else { Kind::Story(hostile.clone()) };
            let to =
                || Link { address: format!("https://x.example/{hostile}"), words: hostile.clone() };
            let parts = vec![Part::Hyperlink(to()), Part::FileLink(to())];
            let author = hostile.clone();
            let message = Message { room: n, author, kind, parts, ..message("") };
            all.push(Item { message, reason: hostile.chars().take(200).collect(), named: true });
        }
        let rooms: Vec<_> =
            (0..400).map(|id| Room { topic: hostile.clone(), ..room(id, &hostile) }).collect();
        for id in 0..16 {
            for author in 0..5 {
                let question = format!("{author}{hostile}?");
                let kind = Kind::Message;
                let asks =
                    Message { room: id, author: question.clone(), kind, ..message(&question) };
                all.push(Item { reason: String::new(), named: false, message: asks });
                all.push(Item { message: Message { room: id, ..gap(None).message }, ..gap(None) });
            }
        }
        let readers = Readers { language: 0, time_zone: "UTC".into() };
        let mail = mail(&Edition {
            readers,
            rooms,
            items: all,
            digest: true,
            summaries: (0..8).collect(),
        });
        assert!(mail.html.len() <= HTML_BYTES_MAX, "{}", mail.html.len());
        assert!(mail.text.len() <= HTML_BYTES_MAX, "{}", mail.text.len());
        assert!(mail.listing.is_some());
    }

    #[test]
    fn a_broken_edition_is_refused() {
        assert!(compose(&edition(vec![])).is_err());
        let stray = Message { room: 9, ..message("x") };
        assert!(compose(&edition(vec![item(stray)])).is_err());
    }
}
