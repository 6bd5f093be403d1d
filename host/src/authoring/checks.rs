//! What is to hold for every guest, tried with all samples.

use bridge::{
    mail::Composition,
    member::Wish,
    message::{Kind, Message, Part},
    plan::{Action, Plan, REASON_QUOTES, REASON_UNNAMED},
};

use super::{
    markup,
    report::{Check, Report},
    samples::Sample,
    trial::Trial,
};
use crate::{
    guest::{
        Answer,
        types::{self, Level},
    },
    mail::document,
    translate,
};

/// What traces of hostile messages begin with, as element, attribute or script.
pub(super) const TRACE: &str = "zq";

/// Largest HTML that all mail clients show in full, in bytes.
pub(super) const HTML_BYTES_BUDGET: usize = 90_000;

/// Widest line of plain text, in characters, but for links.
const LINE_CHARS_MAX: usize = 72;

/// Messages of a sample that `plan` is asked about.
const PLANNED_MAX: usize = 12;

/// Characters of a message by which its words are looked for.
const NEEDLE_CHARS: std::ops::RangeInclusive<usize> = 5..=24;

macro_rules! checks {
    ($($place:literal $name:ident $kind:ident $holds:literal, $advice:literal;)*) => {
        $(static $name: Check = Check {
            place: $place,
            holds: $holds,
            is_error: matches!(stringify!($kind).as_bytes(), b"error"),
            advice: $advice,
        };)*
    };
}

checks! {
    1 PLANS error "plan answers",
        "what it logged and the message are above; try the same input in a test of your own";
    2 PLAN_ACCEPTED error "the host accepts what plan answers",
        "answer with ids of this call's members only, each once, and a short reason on one line";
    3 ALL_PLANNED warning "plan names every member",
        "who stands in no group is skipped; put him in a group with the action skip and a reason";
    4 OFF_RESPECTED warning "who asked for no mail gets none",
        "skip members whose wish is off, or say in the reason why not";
    5 PLAN_REPEATS error "plan answers the same when it is asked again",
        "take time and chance from nowhere but the arguments, and keep nothing between calls";
    6 COMPOSES error "compose answers",
        "what it logged and the message are above; try the same input in a test of your own";
    7 MAIL_ACCEPTED error "the host accepts what compose answers",
        "keep subject and preview on one line without control characters, and no part empty or beyond 1 MiB";
    8 MAIL_REPEATS error "compose answers the same when it is asked again",
        "take time and chance from nowhere but the arguments, and keep nothing between calls";
    9 NO_STATE error "an answer does not depend on the calls before it",
        "keep nothing between calls: every call runs in a fresh instance";
    10 ESCAPED error "no word of a message becomes markup",
        "escape & < > \" and ' in everything that comes from a message, names and titles too";
    11 LINKS error "links lead to harmless addresses only",
        "make a link of addresses that begin with http:, https:, mailto: or tel: and show the rest as text";
    12 CLEAN warning "the host removes nothing from the HTML",
        "wit/README.md lists what is kept; leave the rest out";
    13 WORDS warning "every message can be read in the mail or its listing",
        "give all messages in full as listing if the HTML does not show them, unless that is what you want";
    14 GAPS error "gaps are told",
        "say in HTML and text that messages were missed, with the number if there is one";
    15 SECRECY error "no word of a secret room stands in subject or preview",
        "show only names and counts outside the mail if room.privacy is secret";
    16 INBOX_PLAIN warning "subject and preview hold no characters that turn or hide text",
        "leave out U+202A to U+202E, U+2066 to U+2069, U+200B to U+200F and U+FEFF";
    17 PREVIEW warning "subject and preview fit",
        "a subject has at most 255 characters, a preview 40 to 90 are good for and 200 at most";
    18 LINES warning "lines of text have at most 72 characters",
        "break lines between words, and words that are longer, but not links";
    19 BUDGET warning "the HTML has at most 90 KB",
        "show fewer messages in full, give all of them as listing, and say so";
    20 QUIET error "no word of a message is logged above debug",
        "log at debug what a message says, and counts or ids only at info and above";
    21 CHEAP warning "a call uses at most half of its fuel",
        "do less for long input: cut what is not shown before working on it";
    22 REASONS_OWN warning "no reason quotes the message",
        "say in words of your own why: administrators see reasons, and a quotation is not kept";
}

/// Tries a guest with every sample. Blocks.
#[must_use]
pub(super) fn run(trial: &Trial, samples: &[Sample]) -> Report {
    let mut report = Report::default();
    for sample in samples {
        plans(trial, sample, &mut report);
        mail(trial, sample, &mut report);
    }
    state(trial, samples, &mut report);
    report
}

/// Checks the mail of one sample alone, and returns it as the host would take it.
pub(super) fn mail(trial: &Trial, sample: &Sample, report: &mut Report) -> Option<Composition> {
    let answer = match trial.compose(sample) {
        Ok(answer) => answer,
        Err(error) => {
            report.note(&COMPOSES, sample.name, Err(error.to_string()));
            return None;
        }
    };
    report.note(&COMPOSES, sample.name, Ok(()));
    let again = trial.compose(sample).map(|again| again.value).ok();
    let same = again.as_ref() == Some(&answer.value);
    report.note(&MAIL_REPEATS, sample.name, holds(same, "the second mail differs"));
    costs(trial, sample, &answer, report);
    let given = answer.value.clone();
    inbox(sample, &given, report);
    match translate::composition(answer.value).check() {
        Ok(composition) => {
            report.note(&MAIL_ACCEPTED, sample.name, Ok(()));
            html(sample, &composition, report);
            words(sample, &composition, report);
            Some(composition)
        }
        Err(error) => {
            report.note(&MAIL_ACCEPTED, sample.name, Err(error.to_string()));
            None
        }
    }
}

fn plans(trial: &Trial, sample: &Sample, report: &mut Report) {
    for message in sample.messages.iter().take(PLANNED_MAX) {
        let Some(question) = trial.question(sample, message) else { continue };
        let answer = match trial.plan(&question) {
            Ok(answer) => answer,
            Err(error) => {
                report.note(&PLANS, sample.name, Err(error.to_string()));
                continue;
            }
        };
        report.note(&PLANS, sample.name, Ok(()));
        let again = trial.plan(&question).map(|again| again.value).ok();
        let same = again.as_ref() == Some(&answer.value);
        report.note(&PLAN_REPEATS, sample.name, holds(same, "the second plan differs"));
        costs(trial, sample, &answer, report);
        match Plan::check(&question.offer, translate::groups(answer.value)) {
            Ok(plan) => {
                report.note(&PLAN_ACCEPTED, sample.name, Ok(()));
                decisions(sample, &plan, report);
            }
            Err(error) => report.note(&PLAN_ACCEPTED, sample.name, Err(error.to_string())),
        }
    }
}

fn decisions(sample: &Sample, plan: &Plan, report: &mut Report) {
    let count = |test: &dyn Fn(&bridge::plan::Decision) -> bool| {
        plan.decisions.iter().filter(|decision| test(decision)).count()
    };
    let unnamed = count(&|decision| &*decision.reason == REASON_UNNAMED);
    let what = format!("{unnamed} of {} members stand in no group", plan.decisions.len());
    report.note(&ALL_PLANNED, sample.name, holds(unnamed == 0, &what));
    let mailed = count(&|d| d.member.wish == Wish::Off && d.action != Action::Skip);
    let what = format!("{mailed} members who asked for no mail get one");
    report.note(&OFF_RESPECTED, sample.name, holds(mailed == 0, &what));
    let quoted = count(&|decision| &*decision.reason == REASON_QUOTES);
    let what = format!("{quoted} of {} reasons do", plan.decisions.len());
    report.note(&REASONS_OWN, sample.name, holds(quoted == 0, &what));
}

/// What a call used up and logged.
fn costs<T>(trial: &Trial, sample: &Sample, answer: &Answer<T>, report: &mut Report) {
    let fuel = trial.guest().limits().fuel;
    let what = format!("{} of {fuel}", answer.fuel_used);
    report.note(&CHEAP, sample.name, holds(answer.fuel_used <= fuel / 2, &what));
    let needles: Vec<_> = sample.messages.iter().filter_map(needle).collect();
    let told = answer.log.iter().find(|line| {
        matches!(line.level, Level::Info | Level::Warn | Level::Error)
            && needles.iter().any(|needle| line.message.contains(needle))
    });
    let what = told.map_or_else(String::new, |line| line.message.clone());
    report.note(&QUIET, sample.name, holds(told.is_none(), &what));
}

fn inbox(sample: &Sample, mail: &types::Mail, report: &mut Report) {
    let line = format!("{}\n{}", mail.subject, mail.preview);
    let hidden = line.chars().find(|c| {
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
            && *c != '\u{200d}'
    });
    let what = hidden.map_or_else(String::new, |c| format!("U+{:04X}", u32::from(c)));
    report.note(&INBOX_PLAIN, sample.name, holds(hidden.is_none(), &what));
    let lengths = [mail.subject.encode_utf16().count(), mail.preview.encode_utf16().count()];
    let fits = lengths[0] <= bridge::mail::SUBJECT_UNITS_MAX
        && (1..=bridge::mail::PREVIEW_UNITS_MAX).contains(&lengths[1]);
    let what = format!("the subject has {} characters, the preview {}", lengths[0], lengths[1]);
    report.note(&PREVIEW, sample.name, holds(fits, &what));
    let is_secret = |message: &&Message| {
        sample.room_of(message).is_some_and(|r| r.privacy == bridge::room::Privacy::Secret)
    };
    let mut secrets = sample.messages.iter().filter(is_secret).filter_map(needle);
    let told = secrets.find(|needle| line.contains(needle));
    let what = told.as_ref().map_or_else(String::new, |word| format!("\"{word}\""));
    report.note(&SECRECY, sample.name, holds(told.is_none(), &what));
}

fn html(sample: &Sample, mail: &Composition, report: &mut Report) {
    let bytes = mail.html.len();
    let what = format!("it has {bytes} bytes");
    report.note(&BUDGET, sample.name, holds(bytes <= HTML_BYTES_BUDGET, &what));
    let (_, removed) = document::clean_and_tell(&mail.html);
    report.note(&CLEAN, sample.name, holds(removed.is_nothing(), &removed.to_string()));
    let tags = markup::tags(&mail.html);
    let trace = tags.iter().find_map(|tag| {
        let attribute = tag.attributes.iter().find(|(name, _)| name.starts_with(TRACE));
        let broken = tag.name.starts_with(TRACE) || matches!(&*tag.name, "script" | "style");
        (broken || attribute.is_some()).then(|| match attribute {
            Some((attribute, _)) => format!("attribute {attribute} of <{}>", tag.name),
            None => format!("element <{}>", tag.name),
        })
    });
    let what = trace.clone().unwrap_or_default();
    report.note(&ESCAPED, sample.name, holds(trace.is_none(), &what));
    let mut links = tags.iter().flat_map(|tag| &tag.attributes);
    let active = links.find(|(name, value)| name == "href" && is_active(value));
    let what = active.map_or_else(String::new, |(_, value)| format!("href=\"{value}\""));
    report.note(&LINKS, sample.name, holds(active.is_none(), &what));
}

/// Whether a browser might run what a link leads to.
fn is_active(address: &str) -> bool {
    let address: String =
        address.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect();
    let address = address.to_ascii_lowercase();
    ["javascript:", "data:", "vbscript:", "file:"].iter().any(|bad| address.starts_with(bad))
}

/// What a reader of the mail can know.
fn words(sample: &Sample, mail: &Composition, report: &mut Report) {
    let wide = mail.text.lines().enumerate().find(|(_, line)| {
        let is_link = line.contains("://") || line.contains("mailto:");
        line.chars().count() > LINE_CHARS_MAX && !is_link
    });
    let what = wide.map_or_else(String::new, |(number, line)| {
        format!("line {} has {} characters", number + 1, line.chars().count())
    });
    report.note(&LINES, sample.name, holds(wide.is_none(), &what));
    let everywhere = [&mail.html, &mail.text, mail.listing.as_ref().unwrap_or(&mail.text)];
    if !sample.hostile {
        let shown = |needle: &String| everywhere.iter().any(|place| place.contains(needle));
        let missing: Vec<_> =
            sample.messages.iter().filter_map(needle).filter(|n| !shown(n)).collect();
        let what = format!(
            "{} of {} messages are not in it, as the one with \"{}\"",
            missing.len(),
            sample.messages.len(),
            missing.first().map_or("", String::as_str)
        );
        report.note(&WORDS, sample.name, holds(missing.is_empty(), &what));
    }
    for message in &sample.messages {
        if let Kind::Gap { missing } = message.kind {
            let told = [&mail.html, &mail.text].into_iter().all(|place| tells(place, missing));
            let what = "neither \"missed\" nor the number stands in both HTML and text";
            report.note(&GAPS, sample.name, holds(told, what));
        }
    }
}

/// Whether a text tells of a gap: by its number, or, as nobody knows all languages, by being there
/// in any words if there is none.
fn tells(text: &str, missing: Option<u32>) -> bool {
    missing.is_none_or(|missing| text.contains(&missing.to_string())) && !text.trim().is_empty()
}

/// A word by which a message is recognised wherever it is shown, escaped or broken over lines.
fn needle(message: &Message) -> Option<String> {
    let words = message.parts.iter().filter_map(|part| match part {
        Part::Text(words) => Some(words.split(|c: char| !c.is_ascii_alphanumeric())),
        _ => None,
    });
    let longest = words.flatten().max_by_key(|word| word.len())?;
    let needle: String = longest.chars().take(*NEEDLE_CHARS.end()).collect();
    (needle.len() >= *NEEDLE_CHARS.start()).then_some(needle)
}

/// Asks in another order, and wants the same answers for the same fuel.
fn state(trial: &Trial, samples: &[Sample], report: &mut Report) {
    let ask = |sample: &Sample| trial.compose(sample).map(|a| (a.value, a.fuel_used)).ok();
    let usual: Vec<_> = samples.iter().filter(|sample| !sample.hostile).take(4).collect();
    let forth: Vec<_> = usual.iter().map(|sample| ask(sample)).collect();
    let mut back: Vec<_> = usual.iter().rev().map(|sample| ask(sample)).collect();
    back.reverse();
    for ((sample, one), other) in usual.iter().zip(&forth).zip(&back) {
        let what = "the mail, or the fuel for it, differs after other calls";
        report.note(&NO_STATE, sample.name, holds(one == other, what));
    }
}

fn holds(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

    use std::collections::{BTreeMap, BTreeSet};

    use super::super::samples;
    use super::*;
    use crate::guest::{Limits, PREBUILT, Sandbox};

    #[test]
    fn the_shipped_guest_passes() {
        let sandbox = Sandbox::new(&Limits::default()).unwrap();
        let guest = sandbox.load(PREBUILT, "shipped", None).unwrap();
        let report = run(&Trial::new(guest, BTreeMap::new()), &samples::all());
        assert_eq!(report.count(super::super::report::Severity::Error), 0, "{}", report.words());
    }

    fn sample(name: &str) -> Sample {
        samples::all().into_iter().find(|sample| sample.name == name).unwrap()
    }

    fn composition(html: &str, text: &str) -> Composition {
        Composition { html: html.into(), text: text.into(), ..bridge::mail::letter("s", "w") }
    }

    fn findings(sample: &Sample, mail: &Composition) -> BTreeSet<String> {
        let mut report = Report::default();
        html(sample, mail, &mut report);
        words(sample, mail, &mut report);
        report.findings().into_iter().map(|(_, finding)| finding).collect()
    }

    fn finds(name: &str, html: &str, text: &str, what: &str) {
        let found = findings(&sample(name), &composition(html, text));
        assert!(found.iter().any(|finding| finding.contains(what)), "{what}: {found:?}");
    }

    #[test]
    fn each_fault_is_found() {
        finds("markup", "<p><zqelement>x</p>", "x", "element <zqelement>");
        finds("markup", "<p title='' zqattribute='1'>x</p>", "x", "attribute zqattribute");
        finds("links", "<a href=\" JavaScript:x\">y</a>", "x", "lead to harmless");
        finds("links", "<img src=x>", "x", "image <img>");
        finds("one message", "<p>x</p>", "x", "1 of 1 messages are not in it");
        finds("digest of two rooms", "<p>12</p>", "missed", "gaps are told");
        finds("one message", &"x".repeat(90_001), "x", "90 KB");
        finds("one message", "<p>x</p>", &"x ".repeat(40), "line 1 has 80 characters");
    }

    #[test]
    fn a_message_is_known_by_its_longest_word() {
        let sample = sample("German");
        let words: Vec<_> = sample.messages.iter().filter_map(needle).collect();
        assert_eq!(words, ["Mittagessen", "Viertel", "tenhauptbetriebswerkbauu"]);
    }
}
