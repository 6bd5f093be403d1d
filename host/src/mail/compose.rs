//! Turns the messages of a mail into its text: the guest composes, the host checks, cleans and
//! frames. Mails that say the same to readers of one language and zone are composed once.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use bridge::{
    delivery::DeliveryKey,
    mail::{Composition, Entry, plain},
    room::{Privacy, Room},
};
use ews::{
    item::Importance,
    mailbox::Mailbox,
    mime::{Attachment, MAIL_BYTES_MAX, OutgoingMail},
};
use jiff::tz::TimeZone;
use tokio::sync::OnceCell;
use tracing::warn;

use super::{document, receipt, told::Told};
use crate::{
    clock,
    config::Config,
    database::{DueMail, Item},
    guest::CallError,
    guests::{AskError, Asked, Guests, Serving, Shadows},
    in_service::InService,
    latest::Latest,
    translate::{self, People},
};

/// Texts kept for further recipients of the same.
const SHARED_MAX: usize = 64;
/// Where in a shared text its reader's own last line goes; no cleaned HTML holds a comment.
const END_MARK: &str = "<!--end-->";
/// How often a guest is asked that has no place for the call; each time waits for one.
const ASKED_MAX: usize = 6;

/// Why a guest that was asked so often did not write a mail.
const NO_PLACE: &str = "the guests had no place for the call";

/// A text ready for any of its recipients.
#[derive(Debug)]
pub struct Composed {
    composition: Composition,
    html: String,
}

type Shared = Arc<OnceCell<Arc<Composed>>>;

/// What a shared text was made of. Who gets it was settled when the mail was planned; what each may
/// still read, a moment ago.
#[derive(Debug, PartialEq, Eq)]
struct Made {
    items: Vec<Item>,
    rooms: Vec<Room>,
    /// The guest's component.
    guest: String,
}

#[derive(Debug, Default)]
struct Texts {
    by_share: HashMap<String, (Made, Shared)>,
    oldest_first: VecDeque<String>,
}

impl Texts {
    fn cell(&mut self, mail: &DueMail, guest: &str) -> Shared {
        let share = mail.share.as_str();
        let guest = guest.to_owned();
        let made = Made { items: mail.items.clone(), rooms: mail.rooms.clone(), guest };
        let known = self.by_share.get(share);
        if let Some((_, cell)) = known.filter(|(known, _)| *known == made) {
            return Arc::clone(cell);
        }
        if known.is_none() {
            if self.oldest_first.len() >= SHARED_MAX
                && let Some(oldest) = self.oldest_first.pop_front()
            {
                self.by_share.remove(&oldest);
            }
            self.oldest_first.push_back(share.to_owned());
        }
        let cell = Shared::default();
        self.by_share.insert(share.to_owned(), (made, Arc::clone(&cell)));
        cell
    }
}

/// Composes mails.
pub struct Composer {
    current: Arc<Latest<Config>>,
    guests: Arc<Guests>,
    shadows: Arc<Shadows>,
    texts: Mutex<Texts>,
    told: Arc<Told>,
}

impl Composer {
    /// Prepares to compose with these guests.
    #[must_use]
    pub fn new(current: Arc<Latest<Config>>, guests: Arc<Guests>, shadows: Arc<Shadows>) -> Self {
        Self { current, guests, shadows, texts: Mutex::default(), told: Arc::default() }
    }

    /// The text of a mail: what neither its guest nor the built-in one can compose, the host writes
    /// plainly.
    ///
    /// # Errors
    /// Why the mail is to wait, where nothing is to take the place of a guest that fails.
    pub async fn compose(&self, mail: &Arc<DueMail>) -> Result<Arc<Composed>, String> {
        let serving = self.guests.of_mail(mail);
        let cell = {
            let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
            texts.cell(mail, serving.digest())
        };
        let composed =
            cell.get_or_try_init(|| self.compose_anew(Arc::clone(mail), serving)).await?;
        Ok(Arc::clone(composed))
    }

    async fn compose_anew(
        &self,
        mail: Arc<DueMail>,
        serving: Arc<Serving>,
    ) -> Result<Arc<Composed>, String> {
        if let Some(written) = &mail.written {
            let language = mail.readers.language.to_string();
            let cleaned = document::clean(&written.html);
            let html = document::wrap(&written.subject, &written.preview, &language, &cleaned, "");
            return Ok(Arc::new(Composed { composition: written.clone(), html }));
        }
        let (guests, shadows) = (Arc::clone(&self.guests), Arc::clone(&self.shadows));
        let told = Arc::clone(&self.told);
        let zone = self.zone(mail.readers.time_zone.as_deref());
        let work = Arc::clone(&mail);
        let language = mail.readers.language.to_string();
        let composed = tokio::task::spawn_blocking(move || {
            let asked = guests.ask(&serving, |guest| ask(guest, &work, &zone));
            if let Asked::Answer(composition) | Asked::Instead(composition, _) = &asked {
                let (mail, zone) = (Arc::clone(&work), zone.clone());
                shadows.composed(&serving, &work, composition, || {
                    Box::new(move |guest| ask(guest, &mail, &zone))
                });
            }
            let composition = match asked {
                Asked::Answer(composition) => composition,
                Asked::Instead(composition, why) => {
                    warn!("mail: {why}; the built-in guest writes the mail");
                    composition
                }
                Asked::Held(why) => return Err(why),
                Asked::Busy => written_plainly(&work, &zone, NO_PLACE),
                Asked::Failed(why) => written_plainly(&work, &zone, &why),
            };
            let (cleaned, removed) = document::clean_and_tell(&composition.html);
            told.tell(serving.guest().guest().id(), &removed);
            let html = document::wrap(
                &composition.subject,
                &composition.preview,
                &language,
                &cleaned,
                END_MARK,
            );
            Ok(Composed { composition, html })
        });
        match composed.await {
            Ok(composed) => composed.map(Arc::new),
            // The blocking task ended without a result: only at shutdown.
            Err(_) => {
                let zone = self.zone(None);
                let composition = fallback(&mail, &zone, "the host is stopping");
                let html = document::wrap(
                    &composition.subject,
                    &composition.preview,
                    "",
                    &document::clean(&composition.html),
                    END_MARK,
                );
                Ok(Arc::new(Composed { composition, html }))
            }
        }
    }

    /// The zone to tell times in: the reader's, else the configured one.
    fn zone(&self, name: Option<&str>) -> TimeZone {
        translate::zone(name, &self.current.now().defaults.time_zone)
    }

    /// The mail for its recipient, as it is handed to Exchange.
    #[must_use]
    pub fn outgoing(&self, mail: &DueMail, composed: &Composed, now_ms: i64) -> OutgoingMail {
        let current = self.current.now();
        let from = current.mail.mailbox.as_str();
        let domain = from.split_once('@').map_or("localhost", |(_, domain)| domain);
        let zone = self.zone(mail.readers.time_zone.as_deref());
        let (html, text) = with_quiet_line(mail, composed, &zone);
        let (html_bytes, text_bytes) = (html.len(), text.len());
        let threads: Vec<String> =
            mail.rooms.iter().map(|room| thread(room.id.as_str(), domain)).collect();
        OutgoingMail {
            from: Mailbox::named(current.mail.sender_name.clone(), from),
            to: vec![Mailbox::named(mail.person.name.clone(), mail.mailbox.clone())],
            subject: composed.composition.subject.clone(),
            html,
            text,
            message_id: format!("<{}@{domain}>", mail.key.as_str()),
            in_reply_to: threads.first().cloned().filter(|_| threads.len() == 1),
            references: if threads.len() == 1 { threads } else { Vec::new() },
            headers: headers(mail, domain),
            importance: match composed.composition.importance {
                bridge::mail::Importance::Low => Importance::Low,
                bridge::mail::Importance::Normal => Importance::Normal,
                bridge::mail::Importance::High => Importance::High,
            },
            attachments: attachments(&composed.composition, html_bytes + text_bytes),
            date_unix_s: now_ms.div_euclid(1000),
        }
    }
}

/// The listing as a file. Programs that open such files have trouble with bare line feeds, and
/// with UTF-8 that does not begin with its mark.
fn listing_file(listing: &str) -> Attachment {
    let mut file = String::with_capacity(listing.len() / 16 * 17);
    file.push('\u{feff}');
    for line in listing.lines() {
        file.push_str(line);
        file.push_str("\r\n");
    }
    Attachment {
        name: "messages.txt".to_owned(),
        media_type: "text/plain; charset=utf-8".to_owned(),
        bytes: file.into_bytes(),
    }
}

/// What goes along with bodies of this size. A listing that would make the mail too large to be
/// sent at all is left out.
fn attachments(composition: &Composition, body_bytes: usize) -> Vec<Attachment> {
    /// Quoted-printable makes three bytes of one at most; base64 with its line ends four of three
    /// and a bit; the header takes some.
    const HEADER_BYTES: usize = 256 * 1024;
    let Some(listing) = &composition.listing else { return Vec::new() };
    let file = listing_file(listing);
    let bytes = HEADER_BYTES + body_bytes * 3 + file.bytes.len() / 57 * 78 + 78;
    if bytes > MAIL_BYTES_MAX {
        warn!("mail: the list of all messages does not fit and is left out");
        return Vec::new();
    }
    vec![file]
}

pub(crate) fn ask(
    guest: &InService,
    mail: &DueMail,
    zone: &TimeZone,
) -> Result<Composition, AskError> {
    let base = u32::from_le_bytes(clock::random());
    let people = Arc::new(People::of(mail, base, guest.attributes()));
    let edition = translate::edition(mail, &people, zone);
    let surroundings = guest.surroundings(people);
    let answer = patiently(|| guest.guest().compose(&edition, &surroundings));
    let answer = answer.map_err(|error| match error {
        CallError::Busy { .. } => AskError::Busy,
        error => AskError::Failed(error.to_string()),
    })?;
    let composition = translate::composition(guest.heard(answer)).check();
    composition.map_err(|error| AskError::Failed(error.to_string()))
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

fn written_plainly(mail: &DueMail, zone: &TimeZone, why: &str) -> Composition {
    warn!("mail: {why}; the mail is written plainly");
    fallback(mail, zone, why)
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
    if let Some(given) = &mail.receipt {
        headers.extend(receipt::headers(given));
    }
    headers
}

/// The text with what it covers told at its end, for this reader alone.
fn with_quiet_line(mail: &DueMail, composed: &Composed, zone: &TimeZone) -> (String, String) {
    let (html, text) = (&composed.html, &composed.composition.text);
    let Some(given) = &mail.receipt else {
        return (html.replace(END_MARK, ""), text.clone());
    };
    let rooms = mail.rooms.iter().map(|room| {
        let of_room = |item: &&Item| item.message.room == room.id;
        (room.name.as_str(), mail.items.iter().filter(of_room).count())
    });
    let sent = || mail.items.iter().map(|item| item.message.sent_ms);
    let coverage = receipt::Coverage {
        rooms: rooms.collect(),
        first_ms: sent().min().unwrap_or_default(),
        last_ms: sent().max().unwrap_or_default(),
        continues_ms: mail.continues_ms,
    };
    let (line_html, line_text) = receipt::quiet_line(given, &coverage, mail.readers.language, zone);
    (html.replace(END_MARK, &line_html), format!("{}\n\n{line_text}", text.trim_end()))
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

    use bridge::{
        delivery::Readers,
        digest::ShareKey,
        message::{Address, Kind, Message, Part, Person, PostKey, RoomId},
        outbox::Standing,
        preference::Form,
    };

    use super::*;
    use crate::guest::{GuestId, Operation};

    fn due(words: &str) -> DueMail {
        let message = Message {
            room: RoomId::new("ma-chan://c/1"),
            post: PostKey::new("1"),
            author: Person { address: Address::new("sip:b@c"), name: "b".into() },
            sent_ms: 0,
            received_ms: 0,
            kind: Kind::Message,
            parts: vec![Part::Text(words.to_owned())],
            late: false,
        };
        let item = Item {
            message: Arc::new(message),
            reason: "r".into(),
            named: false,
            form: Form::Complete,
        };
        DueMail {
            key: DeliveryKey::from_text("k"),
            person: Person { address: Address::new("sip:a@c"), name: "a".into() },
            mailbox: "a@c".into(),
            share: ShareKey::from_text("s"),
            readers: Readers::default(),
            digest: true,
            standing: Standing::planned(0, 0),
            rooms: Vec::new(),
            items: vec![item],
            written: None,
            receipt: None,
            guest: None,
            continues_ms: None,
        }
    }

    /// What was planned alike may have come to differ: somebody left a room, a message was removed.
    #[test]
    fn a_text_is_shared_only_as_long_as_it_says_the_same() {
        let mut texts = Texts::default();
        let first = texts.cell(&due("x"), "g");
        assert!(Arc::ptr_eq(&first, &texts.cell(&due("x"), "g")));
        assert!(!Arc::ptr_eq(&first, &texts.cell(&due("x"), "another guest")));
        let other = texts.cell(&due("y"), "g");
        assert!(!Arc::ptr_eq(&first, &other));
        let fewer = DueMail { items: Vec::new(), ..due("y") };
        assert!(!Arc::ptr_eq(&other, &texts.cell(&fewer, "g")));
        for number in 0..2 * SHARED_MAX {
            texts
                .cell(&DueMail { share: ShareKey::from_text(number.to_string()), ..due("x") }, "g");
        }
        assert_eq!((texts.by_share.len(), texts.oldest_first.len()), (SHARED_MAX, SHARED_MAX));
    }

    fn composition(listing: Option<String>) -> Composition {
        Composition { listing, ..bridge::mail::letter("s", "w") }
    }

    #[test]
    fn a_listing_goes_along_as_a_text_file() {
        assert_eq!(attachments(&composition(None), 0), []);
        let attached = attachments(&composition(Some("a\nä\r\n\nb".into())), 90_000);
        let names: Vec<_> = attached.iter().map(|file| (&*file.name, &*file.media_type)).collect();
        assert_eq!(names, [("messages.txt", "text/plain; charset=utf-8")]);
        let bytes: Vec<_> = attached.iter().map(|file| &*file.bytes).collect();
        assert_eq!(bytes, ["\u{feff}a\r\nä\r\n\r\nb\r\n".as_bytes()]);
    }

    #[test]
    fn a_listing_never_makes_a_mail_unsendable() {
        let large = composition(Some("x\n".repeat(450 << 10)));
        assert_eq!(attachments(&large, 180_000).len(), 1);
        assert_eq!(attachments(&large, 2 << 20), []);
    }

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
