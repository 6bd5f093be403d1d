//! `chat-digest audit`: what administrators have done and people have chosen, beside hosts that may
//! be running.

use std::process::ExitCode;

use anyhow::Result;

use crate::{
    config::Config,
    database::{AuditRow, Database, Place},
    records::time,
};

/// Rows listed.
const LISTED_MAX: u32 = 10_000;

/// Lists the audit log, the latest first.
///
/// # Errors
/// If the database cannot be read.
pub async fn audit(config: &Config, json: bool) -> Result<ExitCode> {
    let database = Database::look(Place::of(&config.store)?).await?;
    let rows = database.audit(LISTED_MAX).await?;
    database.close().await;
    for row in &rows {
        if json {
            println!("{}", serde_json::to_string(row)?);
        } else {
            println!("{}", line(row, config));
        }
    }
    if rows.is_empty() && !json {
        println!("nothing was done by hand, and nobody has chosen anything");
    }
    Ok(ExitCode::SUCCESS)
}

fn line(row: &AuditRow, config: &Config) -> String {
    let AuditRow { done_ms, way, who, action, what, detail } = row;
    let at = time(*done_ms, config.defaults.time_zone.zone());
    let what = if what.is_empty() { "all rooms" } else { what };
    let detail = detail.as_ref().map_or_else(String::new, |detail| format!(": {detail}"));
    let by = if who.is_empty() { way.clone() } else { format!("{way}, {who}") };
    format!("{at}  {action:<12}  {what}{detail}  ({by})")
}
