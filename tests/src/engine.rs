//! Which database the hosts of a test have: a file, or with `CHAT_DIGEST_TEST_ENGINE=postgres` one on
//! the server at `CHAT_DIGEST_TEST_POSTGRES`, as `tests/postgres.sh` starts it.

use std::env;

use sqlx::{Any, migrate::MigrateDatabase};

/// Whether tests that do not say otherwise use a server.
#[must_use]
pub fn is_postgres() -> bool {
    env::var("CHAT_DIGEST_TEST_ENGINE").is_ok_and(|engine| engine == "postgres")
}

/// Makes a database on the server; answers its address.
pub async fn new_database() -> String {
    let server = env::var("CHAT_DIGEST_TEST_POSTGRES")
        .expect("CHAT_DIGEST_TEST_POSTGRES: the address of a server, see tests/postgres.sh");
    let (base, _) = server.rsplit_once('/').unwrap();
    let name: String =
        host::clock::random::<8>().iter().map(|byte| format!("{byte:02x}")).collect();
    let url = format!("{base}/test_{name}");
    sqlx::any::install_default_drivers();
    Any::create_database(&url).await.unwrap();
    url
}
