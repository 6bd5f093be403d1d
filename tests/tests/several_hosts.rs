//! Several hosts on one database: they share the rooms, one takes over what another leaves, and every
//! post is with everybody who is owed it, once.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use host::{run::Host, state::ChatState};
use tests::{World, play};

/// Waits until hosts are in all rooms between them, each in some.
async fn live_together(world: &World, hosts: &[&Host]) {
    let rooms = world.company().rooms.len();
    world
        .until_in(hosts[0], "in all rooms together", async || {
            let live: Vec<usize> = hosts.iter().map(|host| host.state.now().rooms_live).collect();
            let known = hosts.iter().all(|host| host.state.now().rooms_with_members >= rooms);
            known && live.iter().sum::<usize>() == rooms && live.iter().all(|live| *live > 0)
        })
        .await;
}

/// Two hosts that share the rooms.
async fn pair(world: &World) -> (Host, Host) {
    world.share().await;
    let a = world.host().await;
    let b = world.start_host(|_| {}).await;
    live_together(world, &[&a, &b]).await;
    (a, b)
}

async fn post_everywhere(world: &World) {
    for room in ["Ops", "Build", "News"] {
        world.post(room, "anna").await;
    }
}

#[test]
#[ignore = "needs a server: tests/postgres.sh"]
fn hosts_share_the_rooms() {
    play(async |world| {
        world.share().await;
        let a = world.host().await;
        post_everywhere(world).await;
        let b = world.start_host(|_| {}).await;
        live_together(world, &[&a, &b]).await;
        post_everywhere(world).await;
        // Whoever ends leaves its rooms to the other at once.
        a.stop().await;
        post_everywhere(world).await;
        world.live(&b).await;
        post_everywhere(world).await;
        world.settled(&b).await;
        world.assert_proven();
        b.stop().await;
    });
}

/// A host dies; the other has its rooms when its lease has run out, and what came meanwhile is read
/// from their history.
#[test]
#[ignore = "needs a server: tests/postgres.sh"]
fn a_host_takes_over_from_a_dead_one() {
    play(async |world| {
        let (a, b) = pair(world).await;
        post_everywhere(world).await;
        world.crash(a).await;
        post_everywhere(world).await;
        world.log.wait(&["was silent for longer than its lease"]).await;
        world.live(&b).await;
        post_everywhere(world).await;
        world.settled(&b).await;
        world.assert_proven();
        b.stop().await;
    });
}

/// One that cannot reach the pool keeps no rooms from the others.
#[test]
#[ignore = "needs a server: tests/postgres.sh"]
fn a_host_without_the_pool_leaves_its_rooms() {
    play(async |world| {
        world.share().await;
        let tap = tests::Tap::start(world.embedded.addresses.sip_tcp).await;
        let server = tap.address.to_string();
        let through = |settings: &mut tests::Settings| {
            settings.set("chat.server", server.as_str());
            settings.set("chat.transport", "tcp");
        };
        let a = world.host_with(through).await;
        let b = world.start_host(|_| {}).await;
        live_together(world, &[&a, &b]).await;
        post_everywhere(world).await;
        tap.refuse();
        tap.cut();
        post_everywhere(world).await;
        world.live(&b).await;
        assert!(matches!(a.state.now().chat, ChatState::Offline(_) | ChatState::Connecting));
        post_everywhere(world).await;
        world.settled(&b).await;
        world.assert_proven();
        a.stop().await;
        b.stop().await;
    });
}

/// What somebody chooses by mail to one host holds for the rooms of the other.
#[test]
#[ignore = "needs a server: tests/postgres.sh"]
fn choices_reach_every_host() {
    play(async |world| {
        let (a, b) = pair(world).await;
        world.write_to_us("bob", "digest off");
        world.until("bob is answered", async || !world.inbox("bob").is_empty()).await;
        let answers = world.inbox("bob").len();
        for room in ["Ops", "Build", "News"] {
            let (number, _) = world.say(room, "anna", lync::server::NewPost::text("hello")).await;
            world.books.forgive(number, &world.company().mailbox("bob"));
        }
        world.settled(&a).await;
        world.settled(&b).await;
        assert_eq!(world.inbox("bob").len(), answers);
        a.stop().await;
        b.stop().await;
    });
}
