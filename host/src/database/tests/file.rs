//! What only a file can suffer.

use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};

use super::*;

/// A cursor never moves past a message that is not kept.
#[tokio::test]
async fn messages_committed_together_are_all_kept_or_none() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    let trigger = "CREATE TRIGGER full BEFORE INSERT ON messages WHEN NEW.post = '2' \
                   BEGIN SELECT RAISE(ABORT, 'full'); END";
    let set = |sql: &'static str| {
        let run = database.writer.run(sql, |connection, sql| {
            Box::pin(async move { sqlx::query(*sql).execute(connection).await.map(|_| ()) })
        });
        async move { run.await.unwrap() }
    };
    set(trigger).await;
    let all = || (1..=3).map(|number| (message(number), Some(number))).collect();
    assert!(database.commit_messages(all()).await.is_err());
    assert_eq!(database.cursor(&room().id).await.unwrap(), None);
    assert_eq!(database.next_unplanned(&[room().id], 10).await.unwrap(), []);
    set("DROP TRIGGER full").await;
    assert_eq!(database.commit_messages(all()).await.unwrap(), [Received::New; 3]);
    assert_eq!(database.cursor(&room().id).await.unwrap(), Some(3));
    assert_eq!(database.last_posts(&room().id, 2).await.unwrap(), ["2", "3"]);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(file_in(directory.path()), vec![b'x'; 8192]).unwrap();
    let Err(error) = Database::open(directory.path()).await else { panic!("opened") };
    let said = error.to_string();
    assert!(said.contains("chat-digest.sqlite") && said.contains("backup"), "{said}");
}

#[tokio::test]
async fn one_host_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(&directory).await;
    let Err(error) = Database::open(directory.path()).await else { panic!("opened twice") };
    assert!(error.to_string().contains("another chat-digest"), "{error}");
    first.commit_message(message(1), None).await.unwrap();
    let onlooker = Database::look(directory.path()).await.unwrap();
    assert_eq!(onlooker.counts().await.unwrap().messages, 1);
    assert!(onlooker.commit_message(message(2), None).await.is_err());
    first.close().await;
    open(&directory).await;
}

/// Databases of all versions that there were, with something waiting in them.
#[tokio::test]
async fn an_old_database_opens_and_nothing_in_it_is_lost() {
    for version in 1..migrations::SCRIPTS.len() {
        let directory = tempfile::tempdir().unwrap();
        let options =
            SqliteConnectOptions::new().filename(file_in(directory.path())).create_if_missing(true);
        let mut old = options.connect().await.unwrap();
        migrations::migrator(1).await.unwrap().run(&mut old).await.unwrap();
        for sql in [
            "INSERT INTO rooms VALUES ('ma-chan://c/1', 'u', 'Ops', '', '', 'normal', 'closed')",
            "INSERT INTO members VALUES ('ma-chan://c/1', 'sip:anna@c', 'anna', 'anna@c', 'member', 'none', 0, NULL)",
            "INSERT INTO messages VALUES ('0017', 'ma-chan://c/1', '17', 'sip:b@c', 'b', 1, 2, '\"message\"', '[]', 0, 3, NULL)",
            "INSERT INTO deliveries VALUES ('0017', 'sip:anna@c', 'keep', 'r', 0, 'kept', NULL, 3600000, NULL)",
            "INSERT INTO messages VALUES ('0018', 'ma-chan://c/1', '18', 'sip:b@c', 'b', 1, 2, '\"message\"', '[]', 0, 3, NULL)",
            "INSERT INTO deliveries VALUES ('0018', 'sip:anna@c', 'mail-now', 'r', 0, 'mailed', NULL, NULL, 'k')",
            "INSERT INTO mails VALUES ('k', 'sip:anna@c', 'anna', 'anna@c', 's', 0, NULL, 0, 0, 'drafting', NULL, NULL, 1, 1, NULL, NULL, 5, 4, NULL, NULL, NULL)",
        ] {
            sqlx::query(sql).execute(&mut old).await.unwrap();
        }
        migrations::migrator(version).await.unwrap().run(&mut old).await.unwrap();
        drop(old);
        let database = open(&directory).await;
        assert_eq!(database.next_due(0).await.unwrap(), Some(HOUR_MS), "version {version}");
        // What was asked for when the old version stopped is looked for first.
        assert_eq!(database.resume_unfinished().await.unwrap(), 1);
        let asked = database.claim_due(6, 10).await.unwrap();
        assert_eq!(asked.len(), 1);
        assert_eq!(asked[0].standing.task(), Some(Task::FindDraft));
        gather_all(&database, &hourly(), HOUR_MS).await;
        assert_eq!(due(&database, HOUR_MS).await, [["17"]]);
    }
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let database = open(&directory).await;
    let newer = "INSERT INTO _sqlx_migrations VALUES (9999, 'x', CURRENT_TIMESTAMP, 1, X'00', 0)";
    let run = database.writer.run(newer, |connection, newer| {
        Box::pin(async move { sqlx::query(*newer).execute(connection).await.map(|_| ()) })
    });
    run.await.unwrap();
    database.close().await;
    let Err(error) = Database::open(directory.path()).await else { panic!("opened") };
    assert!(error.to_string().contains("written by a newer version"), "{error}");
}

/// A full disk stops intake, with a word, and loses nothing that was taken before.
#[tokio::test]
async fn a_full_disk_stops_intake() {
    let directory = tempfile::tempdir().unwrap();
    let database = with_anna(&directory).await;
    let pages = |most: i64| {
        let run = database.writer.run(most, |connection, most| {
            Box::pin(async move {
                let sql = format!("PRAGMA max_page_count = {most}");
                sqlx::query_scalar::<_, i64>(sqlx::AssertSqlSafe(sql)).fetch_one(connection).await
            })
        });
        async move { run.await.unwrap() }
    };
    pages(1).await;
    let mut taken = 0;
    let error = loop {
        let mut large = message(taken + 1);
        large.parts = vec![Part::Text("x".repeat(4_000))];
        match database.commit_message(large, Some(taken + 1)).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("make room; messages are not taken until then"));
    assert_eq!(database.counts().await.unwrap().messages, taken);
    assert_eq!(database.cursor(&room().id).await.unwrap(), Some(taken).filter(|taken| *taken > 0));
    // The limit was that of a connection which is gone: there is room again.
    database.commit_message(message(taken + 1), Some(taken + 1)).await.unwrap();
}
