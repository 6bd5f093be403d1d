//! Turns the messages of a mail into its text: the guest composes, the host checks, cleans and
//! frames. Mails that say the same to readers of one language and zone are composed once.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use bridge::{
    delivery::DeliveryKey,
    mail::{Composition, Entry, plain},
    message::MessageId,
    room::Privacy,
};
use ews::{item::Importance, mailbox::Mailbox, mime::OutgoingMail};
use jiff::tz::TimeZone;
use tokio::sync::OnceCell;
use tracing::warn;

use super::{document, tangle};
use crate::{
    clock,
    config::Config,
    database::DueMail,
    guest::CallError,
    in_service::InService,
    translate::{self, People},
};

/// Texts kept for further recipients of the same.
const SHARED_MAX: usize = 64;
/// How often a guest is asked that has no place for the call; each time waits for one.
const ASKED_MAX: usize = 6;
/// Ids in one header line.
const COVERS_IN_LINE: usize = 400;

/// A text ready for any of its recipients.
#[derive(Debug)]
pub struct Composed {
    composition: Composition,
    html: String,
}

type Shared = Arc<OnceCell<Arc<Composed>>>;

/// Composes mails.
pub struct Composer {
    config: Arc<Config>,
    guest: InService,
    shared: Mutex<(HashMap<String, Shared>, VecDeque<String>)>,
}

impl Composer {
    /// Prepares to compose with this guest.
    #[must_use]
    pub fn new(config: Arc<Config>, guest: InService) -> Self {
        Self { config, guest, shared: Mutex::default() }
    }

    /// The text of a mail. Never fails: what the guest cannot compose, the host writes plainly.
    pub async fn compose(&self, mail: &Arc<DueMail>) -> Arc<Composed> {
        let cell = self.cell(mail.share.as_str());
        Arc::clone(cell.get_or_init(|| self.compose_anew(Arc::clone(mail))).await)
    }

    fn cell(&self, share: &str) -> Shared {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (cells, order) = &mut *shared;
        if let Some(cell) = cells.get(share) {
            return Arc::clone(cell);
        }
        if order.len() >= SHARED_MAX
            && let Some(oldest) = order.pop_front()
        {
            cells.remove(&oldest);
        }
        let cell = Shared::default();
        cells.insert(share.to_owned(), Arc::clone(&cell));
        order.push_back(share.to_owned());
        cell
    }

    async fn compose_anew(&self, mail: Arc<DueMail>) -> Arc<Composed> {
        let guest = self.guest.clone();
        let zone =
            translate::zone(mail.readers.time_zone.as_deref(), &self.config.defaults.time_zone);
        let work = Arc::clone(&mail);
        let language = mail.readers.language.to_string();
        let composed = tokio::task::spawn_blocking(move || {
            let composition = match ask(&guest, &work, &zone) {
                Ok(composition) => composition,
                Err(why) => {
                    warn!("mail: {why}; the mail is written plainly");
                    fallback(&work, &zone, &why)
                }
            };
            let cleaned = document::clean(&composition.html);
            let html =
                document::wrap(&composition.subject, &composition.preview, &language, &cleaned);
            Composed { composition, html }
        });
        match composed.await {
            Ok(composed) => Arc::new(composed),
            // The blocking task ended without a result: only at shutdown.
            Err(_) => {
                let zone = translate::zone(None, &self.config.defaults.time_zone);
                let composition = fallback(&mail, &zone, "the host is stopping");
                let html = document::wrap(
                    &composition.subject,
                    &composition.preview,
                    "",
                    &document::clean(&composition.html),
                );
                Arc::new(Composed { composition, html })
            }
        }
    }

    /// The mail for its recipient, as it is handed to Exchange.
    #[must_use]
    pub fn outgoing(&self, mail: &DueMail, composed: &Composed, now_ms: i64) -> OutgoingMail {
        let from = self.config.mail.mailbox.as_str();
        let domain = from.split_once('@').map_or("localhost", |(_, domain)| domain);
        let threads: Vec<String> =
            mail.rooms.iter().map(|room| thread(room.id.as_str(), domain)).collect();
        OutgoingMail {
            from: Mailbox::named(self.config.mail.sender_name.clone(), from),
            to: vec![Mailbox::named(mail.person.name.clone(), mail.mailbox.clone())],
            subject: composed.composition.subject.clone(),
            html: composed.html.clone(),
            text: composed.composition.text.clone(),
            message_id: format!("<{}@{domain}>", mail.key.as_str()),
            in_reply_to: threads.first().cloned().filter(|_| threads.len() == 1),
            references: if threads.len() == 1 { threads } else { Vec::new() },
            headers: headers(mail, domain),
            importance: match composed.composition.importance {
                bridge::mail::Importance::Low => Importance::Low,
                bridge::mail::Importance::Normal => Importance::Normal,
                bridge::mail::Importance::High => Importance::High,
            },
            date_unix_s: now_ms.div_euclid(1000),
        }
    }
}

fn ask(guest: &InService, mail: &DueMail, zone: &TimeZone) -> Result<Composition, String> {
    let base = u32::from_le_bytes(clock::random());
    let people = Arc::new(People::of(mail, base, guest.attributes()));
    let edition = translate::edition(mail, &people, zone);
    let surroundings = guest.surroundings(people);
    let answer = patiently(|| guest.guest().compose(&edition, &surroundings));
    let answer = answer.map_err(|error| error.to_string())?;
    let composition =
        translate::composition(guest.heard(answer)).check().map_err(|error| error.to_string())?;
    tangle::check(&composition.html).map_err(|error| error.to_string())?;
    Ok(composition)
}

/// Asks again while only a place was missing: nothing is wrong with the guest then.
fn patiently<T>(mut ask: impl FnMut() -> Result<T, CallError>) -> Result<T, CallError> {
    for _ in 1..ASKED_MAX {
        match ask() {
            Err(CallError::Busy { .. }) => {}
            answer => return answer,
        }
    }
    ask()
}

fn fallback(mail: &DueMail, zone: &TimeZone, why: &str) -> Composition {
    let names: Vec<(String, &str, bool)> = mail
        .items
        .iter()
        .map(|item| {
            let room = mail.rooms.iter().find(|room| room.id == item.message.room);
            (
                translate::clock_time(item.message.sent_ms, zone),
                room.map_or("a room", |room| room.name.as_str()),
                room.is_some_and(|room| room.privacy == Privacy::Secret),
            )
        })
        .collect();
    let entries: Vec<Entry<'_>> = mail
        .items
        .iter()
        .zip(&names)
        .map(|(item, (sent, room, secret))| Entry {
            message: &item.message,
            room,
            sent,
            reason: &item.reason,
            secret: *secret,
        })
        .collect();
    plain(&entries, why)
}

/// The id that all mails about a room refer to, so that clients show them as one thread. Made of
/// the room's key, never of its name.
fn thread(room: &str, domain: &str) -> String {
    format!("<room-{}@{domain}>", short_hash(room))
}

fn short_hash(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text).iter().take(10).map(|byte| format!("{byte:02x}")).collect()
}

/// What tells other programs that this mail is one of ours: no answers by robots, no loops, and
/// which messages it covers.
fn headers(mail: &DueMail, domain: &str) -> Vec<(String, String)> {
    let mut headers = vec![
        ("Auto-Submitted".to_owned(), "auto-generated".to_owned()),
        ("X-Auto-Response-Suppress".to_owned(), "All".to_owned()),
        ("Precedence".to_owned(), "bulk".to_owned()),
    ];
    if let [room] = mail.rooms.as_slice() {
        headers.push((
            "List-Id".to_owned(),
            format!("<{}.chat.{domain}>", short_hash(room.id.as_str())),
        ));
    }
    let covers: Vec<String> = mail.items.iter().map(|item| cover(&item.message.id())).collect();
    for line in covers.chunks(COVERS_IN_LINE).take(4) {
        headers.push((COVERS_HEADER.to_owned(), line.join(" ")));
    }
    headers
}

/// Names the messages that a mail covers.
pub const COVERS_HEADER: &str = "X-Chat-Digest-Covers";

/// A message in [`COVERS_HEADER`].
#[must_use]
pub fn cover(message: &MessageId) -> String {
    message.as_str().chars().take(16).collect()
}

/// The key as `ews` takes it.
///
/// # Errors
/// If the database holds something that is no key.
pub fn delivery_key(key: &DeliveryKey) -> Result<ews::delivery::DeliveryKey, String> {
    ews::delivery::DeliveryKey::new(key.as_str()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::guest::{GuestId, Operation};

    fn busy() -> CallError {
        let guest = GuestId { name: "x".into(), digest: String::new() };
        CallError::Busy { guest, operation: Operation::Compose, waited: Duration::ZERO }
    }

    #[test]
    fn a_busy_guest_is_asked_again() {
        let mut asked = 0;
        let answer = patiently(|| {
            asked += 1;
            if asked < 3 { Err(busy()) } else { Ok(asked) }
        });
        assert_eq!(answer.ok(), Some(3));
        let mut asked = 0;
        let never = patiently(|| {
            asked += 1;
            Err::<(), _>(busy())
        });
        assert!(never.is_err());
        assert_eq!(asked, ASKED_MAX);
    }
}
