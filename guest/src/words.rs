//! All words that a reader sees, in English and German.

use crate::plan::Rule;

/// A language that this guest writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
}

impl Language {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 2] = [Self::English, Self::German];

    /// The language for a code of the contract (`de` is 0x6465); English for what is not spoken.
    pub(crate) fn of(code: u16) -> Self {
        if code == 0x6465 { Self::German } else { Self::English }
    }
}

/// The words of one language.
pub(crate) struct Words {
    /// For the `lang` attribute.
    pub(crate) code: &'static str,
    pub(crate) weekdays: [&'static str; 7],
    pub(crate) months: [&'static str; 12],
    /// A day without its year.
    pub(crate) day: fn(&str, u8, &str) -> String,
    pub(crate) messages: fn(usize) -> String,
    pub(crate) rooms: fn(usize) -> String,
    /// `12 new`.
    pub(crate) new: fn(usize) -> String,
    /// `2 name you`.
    pub(crate) name_you: fn(usize) -> String,
    /// `1 alert`.
    pub(crate) count_alerts: fn(usize) -> String,
    /// `24 messages from 5 people`.
    pub(crate) messages_from: fn(usize, usize) -> String,
    pub(crate) quoted: fn(&str) -> String,
    pub(crate) digest: &'static str,
    pub(crate) new_message: &'static str,
    pub(crate) alert: &'static str,
    pub(crate) story: &'static str,
    pub(crate) names_you: &'static str,
    pub(crate) from_history: &'static str,
    pub(crate) for_you: &'static str,
    pub(crate) alerts: &'static str,
    pub(crate) contents: &'static str,
    pub(crate) all_messages: &'static str,
    pub(crate) links_and_files: &'static str,
    pub(crate) file: &'static str,
    pub(crate) before: &'static str,
    pub(crate) after: &'static str,
    pub(crate) summary: &'static str,
    /// Who wrote most; names follow.
    pub(crate) most_from: &'static str,
    pub(crate) questions: &'static str,
    pub(crate) busiest: &'static str,
    /// The first message of an hour; its author follows.
    pub(crate) first: &'static str,
    pub(crate) missed: &'static str,
    /// Messages that were missed, and how many, in a place.
    pub(crate) gap: fn(Option<u32>) -> String,
    /// The same for several places.
    pub(crate) gaps: fn(usize, Option<u64>) -> String,
    pub(crate) why: &'static str,
    pub(crate) covers: &'static str,
    pub(crate) shortened: &'static str,
    pub(crate) headlines: &'static str,
    pub(crate) summarised: &'static str,
    pub(crate) listing: &'static str,
    /// Messages that the listing leaves out.
    pub(crate) listing_ends: fn(usize) -> String,
    /// Messages of a room that are not shown.
    pub(crate) hidden: fn(usize) -> String,
    /// Things of a list that are not shown.
    pub(crate) more: fn(usize) -> String,
    pub(crate) reason: fn(Rule) -> &'static str,
}

/// Returns the words of a language.
pub(crate) fn words(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

static ENGLISH: Words = Words {
    code: "en",
    weekdays: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
    months: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    day: |weekday, day, month| format!("{weekday} {day} {month}"),
    messages: |n| counted(n, "message", "messages"),
    rooms: |n| counted(n, "room", "rooms"),
    new: |n| format!("{n} new"),
    name_you: |n| counted(n, "names you", "name you"),
    count_alerts: |n| counted(n, "alert", "alerts"),
    messages_from: |n, people| {
        let people = counted(people, "person", "people");
        format!("{} from {people}", counted(n, "message", "messages"))
    },
    quoted: |text| format!("\"{text}\""),
    digest: "Chat digest",
    new_message: "new message",
    alert: "Alert",
    story: "Story",
    names_you: "names you",
    from_history: "read later from the room's history",
    for_you: "For you",
    alerts: "Alerts",
    contents: "Rooms in this mail",
    all_messages: "All messages",
    links_and_files: "Links and files",
    file: "File",
    before: "Just before",
    after: "Just after",
    summary: "Summary",
    most_from: "Most from",
    questions: "Questions without an answer so far",
    busiest: "Busiest hours",
    first: "first",
    missed: "Missed",
    gap: |missing| match missing {
        Some(1) => "1 message was missed; the room's history no longer has it.".to_owned(),
        Some(n) => format!("{n} messages were missed; the room's history no longer has them."),
        None => {
            "Messages were missed, how many is not known; the room's history no longer has them."
                .to_owned()
        }
    },
    gaps: |places, total| match total {
        Some(n) => format!(
            "In {places} places messages were missed, {n} in all; the history no longer has them."
        ),
        None => format!("In {places} places messages were missed; the history no longer has them."),
    },
    why: "Why you get this",
    covers: "This mail covers",
    shortened: "Shortened here; the attached list has all of it.",
    headlines: "So many messages that most are shown by their first words; the attached list has every one in full.",
    summarised: "Summarised; the attached list has every message in full.",
    listing: "Every message in full",
    listing_ends: |n| {
        let more = counted(n, "message more is", "messages more are");
        format!("The list ends here, as it would grow too long: {more} in the rooms.")
    },
    hidden: |n| counted(n, "message more, not shown here", "messages more, not shown here"),
    more: |n| format!("and {n} more"),
    reason: |rule| match rule {
        Rule::Named => "the message names you",
        Rule::Alert => "the message is an alert",
        Rule::WishInstant => "you asked for every message at once",
        Rule::WishNamed => "the message names you, and you asked for such messages at once",
        Rule::DefaultInstant => "you are a member of the room, and its messages are mailed at once",
        Rule::WishDigest => "you asked for a digest",
        Rule::WishMentions => "you asked for a digest of what does not name you",
        Rule::DefaultDigest => "you are a member of the room, and its messages are collected",
        Rule::Joined => "you were in the room when the message came",
        Rule::WishOff => "you asked for no mail",
    },
};

static GERMAN: Words = Words {
    code: "de",
    weekdays: ["Mo.", "Di.", "Mi.", "Do.", "Fr.", "Sa.", "So."],
    months: [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    day: |weekday, day, month| format!("{weekday}, {day}. {month}"),
    messages: |n| counted(n, "Nachricht", "Nachrichten"),
    rooms: |n| counted(n, "Raum", "Räume"),
    new: |n| format!("{n} neue"),
    name_you: |n| counted(n, "nennt Sie", "nennen Sie"),
    count_alerts: |n| counted(n, "wichtige", "wichtige"),
    messages_from: |n, people| {
        let people = counted(people, "Person", "Personen");
        format!("{} von {people}", counted(n, "Nachricht", "Nachrichten"))
    },
    quoted: |text| format!("„{text}“"),
    digest: "Chat-Überblick",
    new_message: "neue Nachricht",
    alert: "Wichtig",
    story: "Beitrag",
    names_you: "nennt Sie",
    from_history: "später aus dem Verlauf des Raums gelesen",
    for_you: "Für Sie",
    alerts: "Wichtige Nachrichten",
    contents: "Räume in dieser Mail",
    all_messages: "Alle Nachrichten",
    links_and_files: "Links und Dateien",
    file: "Datei",
    before: "Kurz davor",
    after: "Kurz danach",
    summary: "Zusammenfassung",
    most_from: "Am meisten von",
    questions: "Fragen, bisher ohne Antwort",
    busiest: "Wann am meisten los war",
    first: "zuerst",
    missed: "Verpasst",
    gap: |missing| {
        match missing {
        Some(1) => "1 Nachricht fehlt; der Verlauf des Raums enthält sie nicht mehr.".to_owned(),
        Some(n) => format!("{n} Nachrichten fehlen; der Verlauf des Raums enthält sie nicht mehr."),
        None => "Nachrichten fehlen, wie viele ist nicht bekannt; der Verlauf des Raums enthält sie nicht mehr."
            .to_owned(),
    }
    },
    gaps: |places, total| match total {
        Some(n) => format!(
            "An {places} Stellen fehlen Nachrichten, zusammen {n}; der Verlauf enthält sie nicht mehr."
        ),
        None => {
            format!("An {places} Stellen fehlen Nachrichten; der Verlauf enthält sie nicht mehr.")
        }
    },
    why: "Warum Sie das bekommen",
    covers: "Diese Mail umfasst",
    shortened: "Hier gekürzt; vollständig steht es in der angehängten Liste.",
    headlines: "So viele Nachrichten, dass die meisten nur mit ihrem Anfang erscheinen; vollständig stehen alle in der angehängten Liste.",
    summarised: "Zusammengefasst; die angehängte Liste enthält jede Nachricht vollständig.",
    listing: "Alle Nachrichten vollständig",
    listing_ends: |n| {
        let more = counted(n, "weitere Nachricht steht", "weitere Nachrichten stehen");
        format!("Die Liste endet hier, da sie zu lang würde: {more} in den Räumen.")
    },
    hidden: |n| {
        counted(
            n,
            "weitere Nachricht, hier nicht gezeigt",
            "weitere Nachrichten, hier nicht gezeigt",
        )
    },
    more: |n| format!("und {n} weitere"),
    reason: |rule| match rule {
        Rule::Named => "die Nachricht nennt Sie",
        Rule::Alert => "die Nachricht ist als wichtig markiert",
        Rule::WishInstant => "Sie möchten jede Nachricht sofort",
        Rule::WishNamed => "die Nachricht nennt Sie, und solche möchten Sie sofort",
        Rule::DefaultInstant => "Sie sind Mitglied des Raums, dessen Nachrichten sofort kommen",
        Rule::WishDigest => "Sie möchten die Nachrichten gesammelt",
        Rule::WishMentions => "Sie möchten gesammelt, was Sie nicht nennt",
        Rule::DefaultDigest => "Sie sind Mitglied des Raums, dessen Nachrichten gesammelt kommen",
        Rule::Joined => "Sie waren im Raum, als die Nachricht kam",
        Rule::WishOff => "Sie möchten keine Mail",
    },
};
