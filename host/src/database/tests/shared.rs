//! Several hosts on one database.

use std::collections::BTreeSet;

use super::*;

const LEASE: Duration = Duration::from_secs(30);

async fn host(directory: &tempfile::TempDir) -> Database {
    Database::open(testing::on_server(directory.path()).await).await.unwrap()
}

fn duties(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// As if a host had been silent for longer than its lease.
async fn let_lease_run_out(database: &Database) {
    let run = database.writer.run(database.host.to_string(), |connection, host| {
        Box::pin(async move {
            let update = sqlx::query("UPDATE hosts SET until_ms = 0 WHERE id = $1").bind(host);
            update.execute(connection).await.map(|_| ())
        })
    });
    run.await.unwrap();
}

/// A room with Anna and a message for her to be mailed at once.
async fn with_a_mail(database: &Database) {
    database.save_room(&room(), "u").await.unwrap();
    let members = [member("anna", true)];
    database.save_members(&room().id, &members, 0).await.unwrap();
    plan(database, 1, &members, Action::MailNow, 0).await;
}

#[tokio::test]
#[ignore = "needs a server: tests/postgres.sh"]
async fn hosts_share_what_is_to_be_done() {
    let directory = tempfile::tempdir().unwrap();
    let (a, b) = (host(&directory).await, host(&directory).await);
    assert_eq!((a.slot(), b.slot()), (1, 2));
    let wanted = duties(&["r1", "r2", "r3", SERVICE]);
    assert_eq!(a.hold(wanted.clone(), true, &[], LEASE).await.unwrap().mine, wanted);
    // All is taken; the first gives the half that is the second's.
    assert_eq!(b.hold(wanted.clone(), true, &[], LEASE).await.unwrap().mine, duties(&[]));
    assert_eq!(a.hold(wanted.clone(), true, &[], LEASE).await.unwrap().mine, duties(&["r1", "r2"]));
    let held = b.hold(wanted.clone(), true, &[], LEASE).await.unwrap();
    assert_eq!((held.mine, held.others), (duties(&["r3", SERVICE]), duties(&["r1", "r2"])));
    // One that is not in the chat counts for nothing and keeps no rooms.
    b.hold(duties(&[SERVICE]), false, &[], LEASE).await.unwrap();
    assert_eq!(
        a.hold(wanted.clone(), true, &[], LEASE).await.unwrap().mine,
        duties(&["r1", "r2", "r3"])
    );
    // One that ends leaves at once.
    b.close().await;
    assert_eq!(a.hold(wanted.clone(), true, &[], LEASE).await.unwrap().mine, wanted);
}

#[tokio::test]
#[ignore = "needs a server: tests/postgres.sh"]
async fn a_host_that_is_silent_for_too_long_loses_its_work() {
    let directory = tempfile::tempdir().unwrap();
    let (a, b) = (host(&directory).await, host(&directory).await);
    let wanted = duties(&["r1", SERVICE]);
    a.hold(wanted.clone(), true, &[], LEASE).await.unwrap();
    with_a_mail(&a).await;
    let asked = a.claim_due(10, 10).await.unwrap().remove(0);
    let_lease_run_out(&a).await;

    let held = b.hold(wanted.clone(), true, &[], LEASE).await.unwrap();
    assert_eq!((held.mine, held.expired.len(), held.orphans), (wanted.clone(), 1, 1));
    // It is looked for first, and what the frozen host says of it no longer counts.
    let looked = b.claim_due(10, 10).await.unwrap().remove(0);
    assert_eq!((&looked.key, looked.standing.task()), (&asked.key, Some(Task::FindDraft)));
    let draft = Draft { id: "a".into(), version: "1".into() };
    let drafted = asked.standing.advance(Outcome::Drafted(draft), 0, 10).unwrap();
    assert!(a.record(vec![(asked.key.clone(), drafted)]).await.unwrap().is_empty());
    let why = b.why(&message(1).id(), &person("anna").address).await.unwrap().unwrap();
    assert_eq!(why.mail.as_deref(), Some("drafting"));
    // Nor can it begin anything.
    assert!(matches!(a.claim_due(10, 10).await, Err(Error::LeaseLost { .. })));
    assert!(matches!(a.hold(wanted, true, &[], LEASE).await, Err(Error::LeaseLost { .. })));
}

/// Whoever claims, and however many at once: each mail once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/postgres.sh"]
async fn each_mail_is_claimed_by_one_host() {
    let directory = tempfile::tempdir().unwrap();
    let hosts = [host(&directory).await, host(&directory).await, host(&directory).await];
    let all: Vec<Member> = (0..300).map(|number| member(&format!("p{number}"), true)).collect();
    hosts[0].save_room(&room(), "u").await.unwrap();
    hosts[0].save_members(&room().id, &all, 0).await.unwrap();
    plan(&hosts[0], 1, &all, Action::MailNow, 0).await;
    let claim = |database: &Database| {
        let database = database.clone();
        tokio::spawn(async move {
            let mut keys = Vec::new();
            loop {
                let mails = database.claim_due(10, 10).await.unwrap();
                if mails.is_empty() && database.counts().await.unwrap().waiting == 300 {
                    let left = database.next_due(-1).await.unwrap();
                    if left.is_none() {
                        return keys;
                    }
                }
                keys.extend(mails.into_iter().map(|mail| mail.key.as_str().to_owned()));
            }
        })
    };
    let claiming: Vec<_> = hosts.iter().chain(&hosts).map(claim).collect();
    let mut keys = Vec::new();
    for one in claiming {
        keys.extend(one.await.unwrap());
    }
    keys.sort();
    assert_eq!(keys.len(), 300);
    keys.dedup();
    assert_eq!(keys.len(), 300);
}

/// Several hosts gather, plan and give receipts for the same people at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a server: tests/postgres.sh"]
async fn schedules_fire_once_and_receipts_stay_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let hosts = [host(&directory).await, host(&directory).await, host(&directory).await];
    let all: Vec<Member> = (0..20).map(|number| member(&format!("p{number}"), true)).collect();
    hosts[0].save_room(&room(), "u").await.unwrap();
    hosts[0].save_members(&room().id, &all, 0).await.unwrap();
    let work = |place: usize| {
        let (database, all) = (hosts[place].clone(), all.clone());
        tokio::spawn(async move {
            let preferences = hourly();
            for number in 0..20 {
                let number = u64::try_from(place).unwrap() * 100 + number + 1;
                let action = if number % 2 == 0 { Action::Keep } else { Action::MailNow };
                plan(&database, number, &all, action, 0).await;
                while database.gather_due_digests(&preferences, HOUR_MS).await.unwrap() > 0 {}
                database.claim_due(HOUR_MS, 50).await.unwrap();
            }
        })
    };
    let working: Vec<_> = (0..3).map(work).collect();
    for one in working {
        one.await.unwrap();
    }
    while hosts[0].gather_due_digests(&hourly(), HOUR_MS).await.unwrap() > 0 {}
    while !hosts[1].claim_due(HOUR_MS, 100).await.unwrap().is_empty() {}
    let found: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT message, person, COUNT(*) FROM deliveries WHERE state = 'mailed' GROUP BY message, person")
            .fetch_all(&hosts[0].readers)
            .await
            .unwrap();
    assert_eq!(found.len(), 60 * 20);
    let chains: Vec<(String, i64, i64, i64)> = sqlx::query_as(
        "SELECT person, MIN(number), MAX(number), COUNT(*) FROM receipts GROUP BY person",
    )
    .fetch_all(&hosts[0].readers)
    .await
    .unwrap();
    assert_eq!(chains.len(), 20);
    for (person, first, last, count) in chains {
        assert_eq!((first, last), (1, count), "{person}");
    }
    let covers: Vec<String> = sqlx::query_scalar("SELECT covers FROM receipts")
        .fetch_all(&hosts[0].readers)
        .await
        .unwrap();
    let covered: usize = covers.iter().map(|covers| covers.split_whitespace().count()).sum();
    assert_eq!(covered, 60 * 20);
}
