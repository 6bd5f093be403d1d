//! The tables, and how those of an earlier version become those of this one.

use std::{pin::Pin, time::Duration};

use sqlx::{
    AnyConnection, SqlSafeStr as _,
    error::BoxDynError,
    migrate::{MigrateError, Migration, MigrationSource, MigrationType, Migrator},
};

use super::{Engine, Error, Place};

/// How often, and how far apart, the tables are brought up to date where another host does the same.
const TABLES_TRIES: u32 = 20;
const TABLES_WAIT: Duration = Duration::from_millis(250);

/// What is done to the tables, in this order, each once: a number, what it is called, and the statements. What a
/// host has ever done to its tables must not change here: its hash is in the database.
pub(super) const SCRIPTS: [(i64, &str, &str); 8] = [
    (1, "start", include_str!("migrations/0001_start.sql")),
    (2, "schedules", include_str!("migrations/0002_schedules.sql")),
    (3, "hosts", include_str!("migrations/0003_hosts.sql")),
    (4, "guests", include_str!("migrations/0004_guests.sql")),
    (5, "seen", include_str!("migrations/0005_seen.sql")),
    (6, "audit", include_str!("migrations/0006_audit.sql")),
    (7, "trouble", include_str!("migrations/0007_trouble.sql")),
    (8, "refused", include_str!("migrations/0008_refused.sql")),
];

/// The first of them, as sqlx wants to have them.
#[derive(Debug)]
struct Scripts(usize);

impl MigrationSource<'static> for Scripts {
    fn resolve(
        self,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<Migration>, BoxDynError>> + Send + 'static>> {
        let migration = |(version, name, sql): (i64, &'static str, &'static str)| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
        };
        let first = SCRIPTS.into_iter().take(self.0).map(migration).collect();
        Box::pin(std::future::ready(Ok(first)))
    }
}

/// Runs the first scripts, of which the last one makes the tables of this version.
pub(super) async fn migrator(scripts: usize) -> Result<Migrator, MigrateError> {
    let mut migrator = Migrator::new(Scripts(scripts)).await?;
    // An advisory lock is not what every engine knows that speaks PostgreSQL's protocol.
    migrator.set_locking(false);
    Ok(migrator)
}

/// Hosts that start together all make the tables; all but one of them fail, and find them made.
pub(super) async fn run(connection: &mut AnyConnection, place: &Place) -> Result<(), Error> {
    let lasting =
        |error: &MigrateError| Error::Tables { place: place.clone(), what: error.to_string() };
    let migrator = migrator(SCRIPTS.len()).await.map_err(|error| lasting(&error))?;
    let mut tried = 1;
    loop {
        let Err(error) = migrator.run(&mut *connection).await else { return Ok(()) };
        if place.engine() == Engine::Sqlite || tried >= TABLES_TRIES || is_lasting(&error) {
            return Err(lasting(&error));
        }
        tried += 1;
        tokio::time::sleep(TABLES_WAIT).await;
    }
}

fn is_lasting(error: &MigrateError) -> bool {
    use MigrateError::{VersionMismatch, VersionMissing, VersionTooNew};
    matches!(error, VersionMismatch(_) | VersionMissing(_) | VersionTooNew(..))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use super::*;

    #[test]
    fn every_script_of_the_folder_is_run_in_its_place() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/database/migrations");
        let file = |entry: std::io::Result<std::fs::DirEntry>| {
            entry.unwrap().file_name().into_string().unwrap()
        };
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(file).collect();
        files.sort();
        let listed = SCRIPTS.map(|(version, name, _)| format!("{version:04}_{name}.sql"));
        assert_eq!(files, listed);
    }
}
