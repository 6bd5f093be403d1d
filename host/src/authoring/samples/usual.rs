//! What is said on a good day.

use super::*;

/// Messages of the sample that is larger than a mail should be.
const BUSY: u32 = 300;

/// Members of the large room.
const CROWD: u32 = 5_000;

pub(super) fn samples() -> Vec<Sample> {
    let busy = talk(BUSY);
    let summary = Sample { name: "summary", form: Form::Summary, ..talk(40) };
    vec![
        one(),
        digest(),
        german(),
        scripts(),
        secret(),
        auditorium(),
        missed(),
        crowd(CROWD),
        summary,
        busy,
    ]
}

fn one() -> Sample {
    let mention = Part::Mention { words: "@Member 0".to_owned(), address: Some(address(0)) };
    let parts = vec![
        mention,
        text(" the rollback of ticket 4711 is done, see "),
        link("https://wiki.contoso.example/4711?view=full&lang=en", "the report"),
        text(". Nothing is lost."),
    ];
    let message = said("ops", 0, "Anna Keller", parts);
    Sample::of("one message", vec![room("ops", "Operations")], vec![message])
}

/// Every kind of message and of part.
fn digest() -> Sample {
    let file = Part::FileLink {
        address: "ma-filelink://contoso.example/plan.xlsx".to_owned(),
        words: "plan.xlsx".to_owned(),
    };
    let other = Part::RoomLink {
        address: "ma-chan://contoso.example/build".to_owned(),
        words: "Build".to_owned(),
    };
    let alert = Message {
        kind: Kind::Alert,
        ..said("ops", 3, "Marc Ober", vec![text("Database db01 does not answer since 09:15.")])
    };
    let story = Message {
        kind: Kind::Story { title: "How we found the leak".to_owned() },
        ..said("build", 8, "Tom Baker", story_parts())
    };
    let late = Message {
        late: true,
        ..said("build", 21, "Sam O'Neill", vec![text("Sent while nobody listened.")])
    };
    let messages = vec![
        said("ops", 0, "Anna Keller", vec![text("Good morning. Night shift handed over.")]),
        alert,
        said("ops", 4, "Sam O'Neill", vec![text("On it "), Part::Emoticon(":-)".to_owned())]),
        gap("ops", 9, Some(12)),
        said("ops", 30, "Marc Ober", vec![text("The numbers: "), file]),
        said("build", 1, "Tom Baker", vec![text("Main is red, see "), other]),
        story,
        late,
    ];
    let topic = "What runs, and what does not".to_owned();
    let ops = Room { topic, ..room("ops", "Operations") };
    Sample::of("digest of two rooms", vec![ops, room("build", "Build & Release")], messages)
}

fn story_parts() -> Vec<Part> {
    let paragraph = "The pool kept a connection for every request that was cancelled while its \
                     answer was on the way, and let go of none of them until the process ended. ";
    vec![
        text(&paragraph.repeat(3)),
        Part::LineBreak,
        Part::LineBreak,
        text(&paragraph.repeat(2)),
        text("\r\n- first the counters\r\n- then the dump\r\n"),
    ]
}

fn german() -> Sample {
    let messages = vec![
        said("cafe", 0, "Jörg Müller", vec![text("Kommt jemand mit zum Mittagessen? 🥗")]),
        said(
            "cafe",
            2,
            "Julia Weber",
            vec![text("Gern, „Zur alten Straßenbahn“ um Viertel nach zwölf?")],
        ),
        said(
            "cafe",
            4,
            "Jörg Müller",
            vec![text(
                "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft lädt ein.",
            )],
        ),
    ];
    let german = Language::from_tag("de");
    Sample { language: german, ..Sample::of("German", vec![room("cafe", "Café")], messages) }
}

/// Scripts without spaces, from right to left, and beyond the basic plane.
fn scripts() -> Sample {
    let messages = vec![
        said(
            "world",
            0,
            "山田太郎",
            vec![
                text("リリースは金曜日に延期されました。詳細は後で共有します。"),
                text("release2311"),
            ],
        ),
        said("world", 1, "ליאת כהן", vec![text("הפריסה הושלמה בהצלחה version3311")]),
        said("world", 2, "عمر حداد", vec![text("تم نقل الاجتماع إلى الساعة ١٠ room4411")]),
        said("world", 3, "Zoë 👩‍👩‍👧‍👦", vec![text("👍🏽 naïve café 𝒜𝓁𝓁 good5511")]),
    ];
    let japanese = Language::from_tag("ja");
    Sample {
        language: japanese,
        ..Sample::of("many scripts", vec![room("world", "世界 🌍")], messages)
    }
}

fn secret() -> Sample {
    let messages = vec![
        said("board", 0, "Anna Keller", vec![text("The merger with Fabrikam is signed.")]),
        said("board", 5, "Marc Ober", vec![text("Announcement stays embargoed until Thursday.")]),
    ];
    let board = Room { privacy: Privacy::Secret, ..room("board", "Board") };
    Sample::of("secret room", vec![board], messages)
}

fn auditorium() -> Sample {
    let message =
        said("hall", 0, "Eva Lang", vec![text("The quarterly figures are out: revenue rose.")]);
    let hall = Room {
        kind: RoomKind::Auditorium,
        privacy: Privacy::Open,
        description: "Announcements of the management".to_owned(),
        ..room("hall", "All Hands")
    };
    Sample::of("auditorium", vec![hall], vec![message])
}

fn missed() -> Sample {
    Sample::of("gap alone", vec![room("ops", "Operations")], vec![gap("ops", 0, None)])
}
