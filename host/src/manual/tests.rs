#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::{collections::BTreeSet, path::Path};

use super::{
    keys::{Section, sections},
    *,
};
use crate::config::{EXAMPLE, parse};

fn all_sections() -> Vec<Section> {
    sections(&schema())
}

/// Keys and tables as the code knows them.
fn known() -> BTreeSet<String> {
    all_sections().iter().flat_map(|section| &section.keys).map(|key| key.path.clone()).collect()
}

/// The keys that the example names, those that are commented out included.
fn named() -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let mut table = String::new();
    for line in EXAMPLE.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = line.strip_prefix('[') {
            let list = if name.starts_with('[') { "[]" } else { "" };
            table = format!("{}{list}", name.trim_matches(['[', ']']));
            continue;
        }
        let Some((key, _)) = line.split_once(" = ") else { continue };
        let is_key = |c: char| c.is_ascii_lowercase() || c == '_';
        if key.starts_with('"') || key.chars().all(is_key) {
            named.insert(plain(&table, key));
        }
    }
    named
}

/// A key of the example by the name that the code has for it.
fn plain(table: &str, key: &str) -> String {
    match table {
        "" => key.to_owned(),
        "groups" | "guest.settings" => table.to_owned(),
        table if table.starts_with("people.") => format!("people.*.{key}"),
        table => format!("{table}.{key}"),
    }
}

#[test]
fn the_example_names_every_key_and_no_other() {
    let (known, named) = (known(), named());
    assert!(known.len() > 60, "{known:?}");
    let missing: Vec<_> = known.difference(&named).collect();
    let unknown: Vec<_> = named.difference(&known).collect();
    assert!(missing.is_empty(), "missing in config/example.toml: {missing:?}");
    assert!(unknown.is_empty(), "in config/example.toml, but no key: {unknown:?}");
}

#[test]
fn every_key_says_what_it_is_for() {
    for section in all_sections() {
        assert!(!section.meaning.is_empty(), "[{}]", section.path);
        for key in section.keys {
            assert!(!key.meaning.is_empty(), "{}", key.path);
            assert!(!key.meaning.contains("[`"), "{}: a link to the code", key.path);
        }
    }
}

/// `cargo run -- config --reference > host/packaging/CONFIGURATION.md` makes it anew.
#[test]
fn the_reference_is_that_of_the_code() {
    let kept = include_str!("../../packaging/CONFIGURATION.md");
    let made = reference();
    let differs = kept.lines().zip(made.lines()).find(|(kept, made)| kept != made);
    assert!(kept == made, "packaging/CONFIGURATION.md is old; first difference: {differs:#?}");
}

#[test]
fn the_reference_tells_kinds_defaults_and_needs() {
    let page = reference();
    for row in [
        "| `lanes` | number, 1 to 10 | `4` | restart | Connections used at once, 1 to 10. |",
        "| `login` | text | must be there | restart |",
        "| `schedule` | schedule | `\"every 1h\"` | taken |",
        "## `[[digest.rooms]]`",
        "## `[people.\"…\"]`",
        "`tcp`: Plain TCP.",
    ] {
        assert!(page.contains(row), "`{row}` is missing in:\n{page}");
    }
}

#[test]
fn what_holds_is_a_configuration_without_secrets() {
    let text = EXAMPLE.replace("{ file = \"/etc/chat-digest/chat.password\" }", "\"hunter2\"");
    let text = text.replace("[guest.settings]\n", "[guest.settings]\napi_token = \"hunter2\"\n");
    let config = parse(&text, Path::new("c.toml")).unwrap();
    let held = effective(&config).unwrap();
    assert!(!held.contains("hunter2") && held.matches("***").count() == 2, "{held}");
    assert!(held.contains("file = \"/etc/chat-digest/mail.password\""), "{held}");
    let again = parse(&held, Path::new("effective.toml")).unwrap();
    assert_eq!(effective(&again).unwrap(), held);
}

#[test]
fn the_schema_allows_what_the_example_says() {
    let schema = schema();
    let known = |path: &str| {
        path.split('.').try_fold(&schema, |schema, name| schema.get("properties")?.get(name))
    };
    assert_eq!(known("mail.lanes").unwrap().get("maximum").unwrap(), 10);
    assert_eq!(known("chat.server").unwrap().get("type").unwrap(), "string");
    assert!(!schema.to_string().contains("\"null\""));
}
