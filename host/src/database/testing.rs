//! Which engine the tests use: SQLite, or with `CHAT_DIGEST_TEST_ENGINE=postgres` the server at
//! `CHAT_DIGEST_TEST_POSTGRES`, as `tests/postgres.sh` starts one.

#![allow(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::{
    collections::{HashMap, hash_map::Entry},
    env,
    path::{Path, PathBuf},
    sync::{LazyLock, Mutex},
};

use sqlx::{Any, migrate::MigrateDatabase};

use super::{Database, Place, Server, random_name};

/// Databases made, by the directory in whose place they stand.
static MADE: LazyLock<Mutex<HashMap<PathBuf, String>>> = LazyLock::new(Mutex::default);

/// Opens what stands for the database in `directory`; every host that had it is dead.
pub(crate) async fn open(directory: &Path) -> Database {
    let database = Database::open(place(directory).await).await.unwrap();
    database.enter(true).await.unwrap();
    database
}

/// The database of a test.
async fn place(directory: &Path) -> Place {
    match env::var("CHAT_DIGEST_TEST_ENGINE").as_deref() {
        Ok("postgres") => on_server(directory).await,
        _ => directory.into(),
    }
}

/// A database on the server, the same for the same directory.
pub(super) async fn on_server(directory: &Path) -> Place {
    let server = env::var("CHAT_DIGEST_TEST_POSTGRES");
    let server = server.unwrap();
    let (name, is_new) = match MADE.lock().unwrap().entry(directory.to_owned()) {
        Entry::Occupied(name) => (name.get().clone(), false),
        Entry::Vacant(free) => (free.insert(format!("test_{}", random_name())).clone(), true),
    };
    let (base, _) = server.rsplit_once('/').unwrap();
    let url = format!("{base}/{name}");
    sqlx::any::install_default_drivers();
    if is_new {
        Any::create_database(&url).await.unwrap();
    }
    Place::Server(Server::new(url.into()).unwrap())
}
