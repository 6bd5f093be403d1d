//! A configuration that is read again while the host runs: which keys are taken up, and which hold
//! only after a restart. Nothing here reads a file.

use std::collections::BTreeSet;

use anyhow::Result;
use toml::{Table, Value};

use crate::{
    config::{Config, Mail, SecretSource},
    manual::values,
};

/// What is taken up while the host runs, by how its keys begin; all else holds after a restart.
const TAKEN: [&str; 8] = [
    "choices.",
    "defaults.",
    "digest.",
    "groups",
    "include",
    "mail.sender_name",
    "members.",
    "people.",
];
/// Tables whose names are an administrator's own, some of them addresses: they are never told.
const NAMES: [&str; 4] = ["attributes", "groups", "people", "settings"];

/// The keys that a configuration says otherwise than another. No value and no address is among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that were taken up.
    pub taken: BTreeSet<String>,
    /// Those that hold after a restart.
    pub restart: BTreeSet<String>,
}

/// Whether a key is taken up while the host runs.
#[must_use]
pub fn is_taken(key: &str) -> bool {
    TAKEN.iter().any(|begin| key.starts_with(begin))
}

/// What `read` says otherwise than the configuration that holds.
///
/// # Errors
/// If a value cannot be written, which none should.
pub fn changes(holds: &Config, read: &Config) -> Result<Changes> {
    let mut keys = BTreeSet::new();
    differing(&values(holds)?, &values(read)?, "", &mut keys);
    // These look alike where they are masked.
    keys.extend(changed_secrets(holds, read).map(str::to_owned));
    let (taken, restart) = keys.into_iter().partition(|key| is_taken(key));
    let mut changes = Changes { taken, restart };
    // The lists that were read from it stay in place.
    if holds.members.export.is_some() && read.members.export.is_none() {
        let export = changes.taken.take("members.export");
        changes.restart.extend(export);
    }
    Ok(changes)
}

/// The configuration that holds when `read` was taken up.
#[must_use]
pub fn merged(holds: &Config, read: &Config) -> Config {
    let read = read.clone();
    Config {
        include: read.include,
        members: read.members,
        people: read.people,
        groups: read.groups,
        defaults: read.defaults,
        digest: read.digest,
        choices: read.choices,
        mail: Mail { sender_name: read.mail.sender_name, ..holds.mail.clone() },
        ..holds.clone()
    }
}

/// Collects the keys of which two tables say otherwise.
pub(crate) fn differing(holds: &Table, read: &Table, path: &str, keys: &mut BTreeSet<String>) {
    let names: BTreeSet<&String> = holds.keys().chain(read.keys()).collect();
    for name in names {
        let (before, after) = (holds.get(name), read.get(name));
        if before == after {
            continue;
        }
        let last = path.rsplit('.').next().unwrap_or_default();
        let shown = if NAMES.contains(&last) { "*" } else { name };
        let path = if path.is_empty() { shown.to_owned() } else { format!("{path}.{shown}") };
        match (before.map(Value::as_table), after.map(Value::as_table)) {
            (None | Some(Some(_)), None | Some(Some(_))) => {
                let table = |value: Option<&'_ Value>| value.and_then(Value::as_table).cloned();
                let (before, after) = (table(before), table(after));
                differing(&before.unwrap_or_default(), &after.unwrap_or_default(), &path, keys);
            }
            _ => {
                keys.insert(path);
            }
        }
    }
}

fn changed_secrets(holds: &Config, read: &Config) -> impl Iterator<Item = &'static str> {
    let chat = !holds.chat.password.is_same(&read.chat.password);
    let mail = !holds.mail.password.is_same(&read.mail.password);
    let both = |one: &Option<SecretSource>, other: &Option<SecretSource>| match (one, other) {
        (Some(one), Some(other)) => !SecretSource::is_same(one, other),
        _ => false,
    };
    let store = both(&holds.store.database, &read.store.database);
    let watch = both(&holds.watch.token, &read.watch.token);
    let changed = [
        (chat, "chat.password"),
        (mail, "mail.password"),
        (store, "store.database"),
        (watch, "watch.token"),
    ];
    changed.into_iter().filter_map(|(changed, key)| changed.then_some(key))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use std::path::Path;

    use super::*;
    use crate::config::{EXAMPLE, parse};

    fn changed(change: impl Fn(&str) -> String) -> (Config, Changes) {
        let holds = parse(EXAMPLE, Path::new("c.toml")).unwrap();
        let read = parse(&change(EXAMPLE), Path::new("c.toml")).unwrap();
        let changes = changes(&holds, &read).unwrap();
        (merged(&holds, &read), changes)
    }

    fn list(keys: &BTreeSet<String>) -> String {
        keys.iter().cloned().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn nothing_has_changed() {
        assert_eq!(changed(str::to_owned).1, Changes::default());
    }

    #[test]
    fn what_can_change_does_and_the_rest_is_told() {
        let (config, changes) = changed(|text| {
            let text = text.replace("wish = \"mentions\"", "wish = \"off\"");
            let text = text.replace("mails_a_day = 50", "mails_a_day = 9");
            let text =
                text.replace("lanes = 4", "lanes = 5").replace("keep_days = 30", "keep_days = 9");
            let text = text.replace("sender_name = \"Chat digest\"", "sender_name = \"News\"");
            let text = text.replace("spread = 0", "spread = 60\n");
            text + "[people.'sip:secret.agent@contoso.com']\nattributes = { rank = '7' }\n[[rooms]]\nname = 'X'\n"
        });
        assert_eq!(
            list(&changes.taken),
            "digest.mails_a_day digest.spread mail.sender_name people.*.attributes.* people.*.wish"
        );
        assert_eq!(list(&changes.restart), "mail.lanes rooms store.keep_days");
        assert_eq!((config.digest.mails_a_day, config.people.len()), (9, 2));
        assert_eq!((config.mail.lanes.0, config.store.keep_days), (4, 30));
        assert_eq!((config.mail.sender_name.as_str(), config.rooms.len()), ("News", 3));
    }

    #[test]
    fn another_secret_is_told_without_it() {
        let place = "{ file = \"/etc/chat-digest/chat.password\" }";
        let with = |password: &str| {
            let text = EXAMPLE.replace(place, &format!("\"{password}\""));
            parse(&text, Path::new("c.toml")).unwrap()
        };
        let changes = changes(&with("hunter2"), &with("hunter3")).unwrap();
        assert_eq!(list(&changes.restart), "chat.password");
    }

    #[test]
    fn an_export_that_is_not_named_any_more_stays_until_a_restart() {
        let with = EXAMPLE.replace("# export = ", "export = ");
        let holds = parse(&with, Path::new("c.toml")).unwrap();
        let read = parse(EXAMPLE, Path::new("c.toml")).unwrap();
        assert_eq!(list(&changes(&holds, &read).unwrap().restart), "members.export");
        assert_eq!(list(&changes(&read, &holds).unwrap().taken), "members.export");
    }
}
