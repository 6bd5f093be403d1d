//! `/metrics`: what is counted, and how everything stands, in the text that Prometheus reads
//! (OpenMetrics). Every name begins with `chat_digest_`.

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{
    gather::{Report, Stored},
    health,
    metrics::{Label, Meters},
};
use crate::state::ChatState;

/// How Prometheus knows what it gets.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All metrics.
pub(super) fn text(meters: &Meters, report: &Report) -> String {
    let mut registry = Registry::with_prefix("chat_digest");
    meters.register(&mut registry);
    here(&mut registry, report);
    if let Some(free) = meters.disk_free() {
        let help = "Bytes that are left where the host keeps its database";
        single(&mut registry, "disk_free_bytes", help, free);
    }
    guests(&mut registry, report);
    let up = i64::from(report.stored.is_ok());
    single(&mut registry, "database_up", "1 if the database answers", up);
    if let Ok(stored) = &report.stored {
        kept(&mut registry, stored, report.now_ms);
    }
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = encode(&mut text, &registry);
    text
}

fn single(registry: &mut Registry, name: &str, help: &str, value: i64) {
    let gauge: Gauge = Gauge::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

fn labelled<'v>(
    registry: &mut Registry,
    (name, label, help): (&str, &'static str, &str),
    values: impl IntoIterator<Item = (&'v str, i64)>,
) {
    let family = Family::<Label, Gauge>::default();
    for (value, number) in values {
        family.get_or_create(&[(label, value.to_owned())]).set(number);
    }
    registry.register(name, help, family);
}

fn here(registry: &mut Registry, report: &Report) {
    let labels = Family::<Label, Gauge>::default();
    labels.get_or_create(&[("version", env!("CARGO_PKG_VERSION").to_owned())]).set(1);
    registry.register("build_info", "1, with the version", labels);
    let ready = i64::from(health::unready(&report.here).is_none());
    single(registry, "ready", "1 if this host is in the chat and can send mail", ready);
    let trouble = i64::from(report.here.mail.first().is_some());
    single(registry, "mail_trouble", "1 if something stands in the way of all mail", trouble);
    let now = match report.here.chat {
        ChatState::Connecting => "connecting",
        ChatState::SignedIn => "signed-in",
        ChatState::Live => "live",
        ChatState::Offline(_) => "offline",
    };
    let states = ["connecting", "signed-in", "live", "offline"];
    labelled(
        registry,
        ("chat_state", "state", "1 for the state of the connection to the pool, 0 for the others"),
        states.map(|state| (state, i64::from(state == now))),
    );
    let left = |at_ms: Option<i64>| at_ms.map_or(0, |at_ms| (at_ms - report.now_ms) / 1000);
    let backs = [("chat", left(report.chat_waits_ms)), ("mail", left(report.mail_waits_ms))];
    labelled(
        registry,
        (
            "backoff_seconds",
            "side",
            "Until the pool (chat) or Exchange (mail) is tried again; 0 for no wait",
        ),
        backs,
    );
    let rooms = [
        ("known", size(report.rooms)),
        ("joined", size(report.joined.len())),
        ("with-members", size(report.with_members.len())),
        ("refused", size(report.here.refused.len())),
    ];
    labelled(registry, ("rooms", "state", "Rooms of this host by what is true of them"), rooms);
}

fn guests(registry: &mut Registry, report: &Report) {
    let calls = Family::<Label, Counter>::default();
    let failures = Family::<Label, Counter>::default();
    let fuel = Family::<Label, Counter>::default();
    let time = Family::<Label, Counter<f64, std::sync::atomic::AtomicU64>>::default();
    let state = Family::<Label, Gauge>::default();
    for guest in report.guests.iter().filter(|guest| !guest.is_candidate) {
        let label = [("guest", guest.name.clone())];
        calls.get_or_create(&label).inc_by(guest.calls);
        failures.get_or_create(&label).inc_by(guest.failures);
        fuel.get_or_create(&label).inc_by(guest.fuel);
        time.get_or_create(&label).inc_by(guest.time.as_secs_f64());
        state.get_or_create(&label).set(i64::from(guest.out.is_none()));
    }
    registry.register("guest_calls", "Calls of a guest since it came into service", calls);
    registry.register("guest_failures", "Of them, those without a usable answer", failures);
    registry.register("guest_fuel", "Fuel used by its answers", fuel);
    registry.register("guest_seconds", "Time that its answers took", time);
    registry.register(
        "guest_in_service",
        "1 if the guest is asked, 0 after too many failures",
        state,
    );
}

fn kept(registry: &mut Registry, stored: &Stored, now_ms: i64) {
    let load = &stored.load;
    let waiting = [("plan", load.unplanned), ("digest", load.kept), ("mailbox", load.held)];
    labelled(
        registry,
        (
            "messages_waiting",
            "for",
            "Messages that wait: for a plan, for a digest, for a mailbox to be known",
        ),
        waiting,
    );
    single(registry, "mails_waiting", "Mails on their way", load.waiting);
    let dead = [("failed", load.failed), ("unconfirmed", load.unconfirmed)];
    labelled(registry, ("dead_letters", "state", "Mails given up, or not seen to arrive"), dead);
    let age = |since: Option<i64>| since.map_or(0, |since| ((now_ms - since) / 1000).max(0));
    single(
        registry,
        "oldest_unplanned_seconds",
        "How long the oldest message waits for a plan, those of paused rooms not counted",
        age(stored.oldest.unplanned_ms),
    );
    single(
        registry,
        "oldest_due_seconds",
        "How long the mail is overdue that is due for the longest time",
        age(stored.oldest.due_ms),
    );
    let gaps = stored.rooms.iter().map(|room| room.gaps).sum();
    single(registry, "gaps", "Times that posts were missed for good", gaps);
    single(
        registry,
        "rooms_paused",
        "Rooms that an administrator has wait",
        size(stored.paused.len()),
    );
    let alive: Vec<_> = stored.hosts.iter().filter(|host| host.left_ms > 0).collect();
    single(registry, "hosts", "Hosts that share the database and live", size(alive.len()));
    let watching = alive.iter().filter(|host| host.is_in_chat()).count();
    single(registry, "hosts_in_chat", "Of them, those that are in the chat", size(watching));
    let leases = alive.iter().map(|host| host.duties).sum();
    single(registry, "leases", "Rooms and duties that are some host's", leases);
}

fn size(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
