//! What holds by a configuration: every key, defaults included, without secrets.

use anyhow::Result;
use toml::{Table, Value};

use crate::config::Config;

/// What stands in place of a secret.
const MASK: &str = "***";
/// Words in the names of settings whose values are nobody's business.
const SECRET_WORDS: [&str; 4] = ["pass", "secret", "token", "key"];

/// The configuration as TOML, with all that is read from several files in one, and secrets masked.
///
/// # Errors
/// If a value cannot be written, which none should.
pub fn effective(config: &Config) -> Result<String> {
    let mut table = values(config)?;
    // Everything that it names is here.
    table.remove("include");
    Ok(toml::to_string(&table)?)
}

/// All values by key; secrets are masked.
pub(crate) fn values(config: &Config) -> Result<Table> {
    let mut table = Table::try_from(config)?;
    mask_settings(table.get_mut("guest"));
    for guest in table.get_mut("guests").and_then(Value::as_array_mut).into_iter().flatten() {
        mask_settings(Some(guest));
    }
    Ok(table)
}

/// What a guest reads may be a secret too: its name tells.
fn mask_settings(guest: Option<&mut Value>) {
    let settings = guest.and_then(|guest| guest.get_mut("settings"));
    for (name, value) in settings.and_then(Value::as_table_mut).into_iter().flatten() {
        let name = name.to_lowercase();
        if SECRET_WORDS.iter().any(|word| name.contains(word)) {
            *value = MASK.into();
        }
    }
}
