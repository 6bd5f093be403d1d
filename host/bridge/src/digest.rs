//! Digests: what was kept for a person becomes mails.

use jiff::tz::TimeZone;

use crate::delivery::{DeliveryKey, NewMail, Readers, day};
use crate::hash::Fields;
use crate::member::Language;
use crate::message::{MessageId, Person, PostKey, RoomId};
use crate::preference::Form;

/// Most messages in one mail; what is left goes into a further one. Long before, a mail shows
/// headlines and has the complete listing attached; this bounds memory.
pub const MESSAGES_MAX: usize = 5_000;

/// Names a mail's text: 32 lower-case hexadecimal digits, equal for mails that say the same to
/// readers of one language and time zone, so that the guest composes it once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShareKey(String);

/// A message of a mail, and why its reader gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cover<'a> {
    /// Which message.
    pub message: &'a MessageId,
    /// The plan's reason.
    pub reason: &'a str,
    /// Whether it names its reader.
    pub named: bool,
    /// How its room is shown.
    pub form: Form,
}

impl ShareKey {
    /// Derived from all that [`compose`] may depend on, the order of the messages too.
    ///
    /// [`compose`]: crate::mail::Composition
    pub fn derive<'a>(
        covers: impl IntoIterator<Item = Cover<'a>>,
        readers: &Readers,
        digest: bool,
    ) -> Self {
        let head = Fields::new("share")
            .number(readers.language.code().into())
            .text(readers.time_zone.as_deref().unwrap_or_default())
            .number(readers.named.into())
            .number(digest.into());
        let all = covers.into_iter();
        let all = all.fold(head, |fields, cover| {
            let fields = fields.text(cover.message.as_str()).text(cover.reason);
            fields.number(cover.named.into()).text(cover.form.as_str())
        });
        Self(all.finish())
    }

    /// Takes a key as it was stored.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A message kept for a person, as far as its place in a mail depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which message.
    pub message: MessageId,
    /// Where it was said.
    pub room: RoomId,
    /// When, by the chat server's clock.
    pub sent_ms: i64,
    /// Which post, to order what has the same time.
    pub post: PostKey,
    /// The plan's reason.
    pub reason: String,
    /// Whether it names its reader.
    pub named: bool,
    /// How its room is shown.
    pub form: Form,
}

/// A reader of digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// Who.
    pub person: Person,
    /// Where his mail goes.
    pub mailbox: String,
    /// The language to write in.
    pub language: Language,
    /// The time zone to tell times in; `None` for the configured one.
    pub time_zone: Option<String>,
}

/// A mail together with the messages it covers, in the order in which they stand in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// The mail.
    pub mail: NewMail,
    /// Its messages.
    pub covers: Vec<MessageId>,
    /// How each of them is shown.
    pub forms: Vec<Form>,
}

/// Turns what was kept for `reader` into mails due at once: one, unless there are more than
/// [`MESSAGES_MAX`] messages; none if nothing was kept. `digest` tells whether they were collected
/// on a schedule, and `zone` by which calendar the mails count.
pub fn gather(
    reader: &Reader,
    mut kept: Vec<Kept>,
    digest: bool,
    zone: &TimeZone,
    now_ms: i64,
) -> Vec<Gathered> {
    sort(&mut kept);
    let edition = |kept| edition(reader, kept, digest, day(zone, now_ms), now_ms);
    kept.chunks(MESSAGES_MAX).map(edition).collect()
}

/// Puts messages in the order in which a mail shows them: by room, in each room oldest first.
pub fn sort(kept: &mut [Kept]) {
    let numeric = |post: &PostKey| (post.as_str().len(), post.as_str().to_owned());
    kept.sort_by_cached_key(|k| (k.room.clone(), k.sent_ms, numeric(&k.post)));
}

fn edition(reader: &Reader, kept: &[Kept], digest: bool, day: i64, now_ms: i64) -> Gathered {
    let readers = Readers {
        language: reader.language,
        time_zone: reader.time_zone.clone(),
        named: kept.iter().all(|k| k.named),
    };
    let covers = kept.iter().map(|k| Cover {
        message: &k.message,
        reason: &k.reason,
        named: k.named,
        form: k.form,
    });
    let mail = NewMail {
        key: DeliveryKey::derive(&reader.person.address, kept.iter().map(|k| &k.message), 0),
        person: reader.person.clone(),
        mailbox: reader.mailbox.clone(),
        share: ShareKey::derive(covers, &readers, digest),
        readers,
        digest,
        covers: kept.len(),
        due_ms: now_ms,
        day,
    };
    let covers = kept.iter().map(|k| k.message.clone()).collect();
    Gathered { mail, covers, forms: kept.iter().map(|k| k.form).collect() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "tests stop at the first surprise")]

    use super::*;
    use crate::plan::tests::person;

    fn kept(room: &str, post: usize, sent_ms: i64) -> Kept {
        let (room, post) = (RoomId::new(room), PostKey::new(post.to_string()));
        let message = MessageId::derive(&room, &post);
        let form = Form::Complete;
        Kept { message, room, sent_ms, post, reason: "kept".into(), named: false, form }
    }

    fn gathered(reader: &Reader, kept: Vec<Kept>, now_ms: i64) -> Vec<Gathered> {
        gather(reader, kept, true, &TimeZone::UTC, now_ms)
    }

    fn reader(name: &str) -> Reader {
        Reader {
            person: person(name),
            mailbox: format!("{name}@contoso.example"),
            language: Language::UNKNOWN,
            time_zone: None,
        }
    }

    #[test]
    fn rooms_first_then_time_then_number() {
        let all = [kept("b", 1, 1), kept("a", 10, 5), kept("a", 9, 5), kept("a", 11, 4)];
        let mails = gathered(&reader("anna"), all.to_vec(), 77);
        assert_eq!(mails.len(), 1);
        let expected = [&all[3], &all[2], &all[1], &all[0]].map(|k| k.message.clone());
        assert_eq!(mails[0].covers, expected);
        assert_eq!((mails[0].mail.due_ms, mails[0].mail.digest), (77, true));
    }

    #[test]
    fn the_order_of_arrival_changes_nothing() {
        let mut all = vec![kept("b", 1, 1), kept("a", 10, 5), kept("a", 9, 5)];
        let first = gathered(&reader("anna"), all.clone(), 1);
        all.reverse();
        assert_eq!(gathered(&reader("anna"), all.clone(), 1), first);
        let other = gathered(&reader("bea"), all, 1);
        assert_eq!(other[0].mail.share, first[0].mail.share);
        assert_ne!(other[0].mail.key, first[0].mail.key);
    }

    /// What names one reader is shown to him first: another reader's text is another.
    #[test]
    fn who_is_named_does_not_share() {
        let plain = vec![kept("a", 1, 1), kept("a", 2, 2)];
        let mut naming = plain.clone();
        naming[0].named = true;
        let share = |kept| gathered(&reader("anna"), kept, 1)[0].mail.share.clone();
        assert_ne!(share(plain.clone()), share(naming));
        let mut shorter = plain.clone();
        shorter[0].form = Form::Summary;
        assert_ne!(share(plain), share(shorter));
    }

    #[test]
    fn a_mail_is_bounded_and_nothing_is_dropped() {
        let all: Vec<_> = (0..=2 * MESSAGES_MAX).map(|n| kept("a", n, 0)).collect();
        let mails = gathered(&reader("anna"), all, 1);
        let sizes: Vec<_> = mails.iter().map(|m| m.covers.len()).collect();
        assert_eq!(sizes, [MESSAGES_MAX, MESSAGES_MAX, 1]);
        assert!(gathered(&reader("anna"), Vec::new(), 1).is_empty());
    }
}
