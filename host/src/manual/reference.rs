//! The configuration as a page for administrators, in Markdown.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    keys::{Key, Section, sections},
    schema::{of, schema},
};
use crate::{
    config::{
        GuestName, HostPort, Language, MailboxPattern, Pattern, SecretSource, SipAddress,
        SmtpAddress, When, Zone,
    },
    reload,
};

const BEGIN: &str = "\
# The configuration

Every key, made from the code by `chat-digest config --reference`. `chat-digest config` prints a file with all of \
them, `chat-digest config --schema` a JSON schema for editors, and `chat-digest config --effective --config FILE` what \
holds by a file, with secrets as `***`.

An unknown key, or a value that is not allowed, is an error that shows the line. \"On reload\" says what happens to a \
key that was changed when the host is told to read its files again (`systemctl reload chat-digest`, or SIGHUP): it is \
*taken*, or it is said in the log that it holds after a *restart*.
";

/// The reference of all keys.
#[must_use]
pub fn reference() -> String {
    let mut page = BEGIN.to_owned();
    for section in sections(&schema()).iter().filter(|section| !section.keys.is_empty()) {
        write_section(&mut page, section);
    }
    page.push_str("\n## Kinds of values\n\n| Kind | What it is |\n|---|---|\n");
    for kind in kinds() {
        let word = |name: &str| kind.get(name).and_then(Value::as_str).unwrap_or_default();
        let _ = writeln!(page, "| {} | {} |", cell(word("title")), cell(word("description")));
    }
    page
}

fn kinds() -> [Value; 10] {
    [
        of::<HostPort>(),
        of::<Language>(),
        of::<SmtpAddress>(),
        of::<Pattern>(),
        of::<GuestName>(),
        of::<MailboxPattern>(),
        of::<When>(),
        of::<SecretSource>(),
        of::<SipAddress>(),
        of::<Zone>(),
    ]
}

fn write_section(page: &mut String, section: &Section) {
    let _ = match section.path.as_str() {
        "" => writeln!(page, "\n## Above all sections\n"),
        path => writeln!(page, "\n## `{}`\n\n{}\n", header(path), section.meaning),
    };
    if section.needed && !section.path.is_empty() {
        page.push_str("This section must be there.\n\n");
    }
    page.push_str("| Key | Value | Default | On reload | Meaning |\n|---|---|---|---|---|\n");
    for key in &section.keys {
        let Key { path, name, kind, needed, meaning, .. } = key;
        let default = match (&key.default, needed) {
            (_, true) => "must be there".to_owned(),
            (Some(default), false) => format!("`{default}`"),
            (None, false) => "none".to_owned(),
        };
        let reload = if reload::is_taken(path) { "taken" } else { "restart" };
        let (kind, default, meaning) = (cell(kind), cell(&default), cell(meaning));
        let _ = writeln!(page, "| `{name}` | {kind} | {default} | {reload} | {meaning} |");
    }
}

/// A section's name as it stands in the file.
fn header(path: &str) -> String {
    let name = path.replace(".*", ".\"…\"");
    match name.strip_suffix("[]") {
        Some(list) => format!("[[{list}]]"),
        None => format!("[{name}]"),
    }
}

fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
