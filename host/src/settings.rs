//! Keeps what the host is configured with, and writes into the audit log which keys were changed.

use std::collections::BTreeSet;

use anyhow::Result;
use toml::Table;

use crate::{
    clock,
    config::Config,
    database::{Actor, Database},
    machine,
    manual::values,
    reload::{self, Changes},
};

/// Names the host among those that share a database: the machine, and the directory of its files.
fn place(config: &Config) -> String {
    format!("{}:{}", machine::name(), config.store.directory.display())
}

/// Writes down what a host begins with, and what is otherwise than when it was configured last.
/// Secrets are not kept, so that one is another is not seen here.
///
/// # Errors
/// If the database fails.
pub async fn begin(config: &Config, database: &Database) -> Result<()> {
    let (place, table) = (place(config), values(config)?);
    let before = database.configured(&place).await?;
    // What an older version wrote may not be readable; then nothing can be compared.
    let before = before.and_then(|text| text.parse::<Table>().ok());
    let mut keys = BTreeSet::new();
    if let Some(before) = &before {
        reload::differing(before, &table, "", &mut keys);
        if keys.is_empty() {
            return Ok(());
        }
    }
    let changes = (!keys.is_empty()).then(|| (list(&keys), Actor::Start));
    database.configure(&place, toml::to_string(&table)?, changes, clock::unix_ms()).await?;
    Ok(())
}

/// Writes down what was changed while the host runs. What holds only after a restart is told then.
///
/// # Errors
/// If the database fails.
pub async fn taken(changes: &Changes, merged: &Config, database: &Database) -> Result<()> {
    if changes.taken.is_empty() {
        return Ok(());
    }
    let text = toml::to_string(&values(merged)?)?;
    let told = (list(&changes.taken), Actor::Reload);
    database.configure(&place(merged), text, Some(told), clock::unix_ms()).await?;
    Ok(())
}

fn list(keys: &BTreeSet<String>) -> String {
    keys.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
