//! What people say to the service, and what they get for an answer: by mail always, so that a room
//! stays quiet and nobody else reads what somebody has chosen.

use std::{
    fmt::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use bridge::{
    command::{Command, CommandError, HELP, Scope},
    delivery::{NewMail, Readers, day},
    digest::ShareKey,
    mail::{Composition, letter},
    member::Wish,
    message::{Address, Message, Person, RoomId},
    preference::{Choice, Form},
    room::Room,
};
use jiff::tz::TimeZone;
use tokio::sync::Notify;
use tracing::{info, warn};

use crate::{
    clock,
    common::Common,
    config::Config,
    database::{Database, Said, Source, answer_key},
    exchange::Account,
    latest::Latest,
    preferences::{OwnKey, Preference, Preferences},
    rooms::{Known, Rooms},
    state::State,
};

/// How long the members of all rooms are waited for before somebody is answered; of a room whose
/// list stays empty they never come.
const MEMBERS_WAIT: Duration = Duration::from_secs(60);
/// Rooms that an answer lists.
const ROOMS_SHOWN: usize = 50;

/// Answers what people say.
pub struct Answers {
    config: Arc<Config>,
    current: Arc<Latest<Config>>,
    database: Database,
    rooms: Arc<Rooms>,
    account: Arc<Account>,
    preferences: Arc<Preferences>,
    state: State,
    begun: Instant,
    /// Rung when an answer waits in the outbox.
    to_mail: Arc<Notify>,
}

/// Why something could not be answered: it is tried again later.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The database.
    #[error(transparent)]
    Database(#[from] crate::database::Error),
    /// Exchange cannot say whose mailbox it is.
    #[error(transparent)]
    Exchange(#[from] crate::exchange::CallError),
}

impl Answers {
    /// Prepares to answer.
    #[must_use]
    pub fn new(common: Common, account: Arc<Account>, to_mail: Arc<Notify>) -> Self {
        let Common { config, current, database, rooms, preferences, state, .. } = common;
        Self {
            config,
            current,
            database,
            rooms,
            account,
            preferences,
            state,
            begun: clock::now().instant,
            to_mail,
        }
    }

    /// Whether anybody could be told what he gets: the members of all rooms that we are in are
    /// known, or will hardly come any more.
    #[must_use]
    pub fn knows_rooms(&self) -> bool {
        let all = self.rooms.all();
        let joined: Vec<_> = all.iter().filter(|room| room.joined).collect();
        let known = joined.iter().filter(|room| room.members().is_some()).count();
        let enough =
            if clock::now().instant < self.begun + MEMBERS_WAIT { joined.len() } else { 1 };
        known > 0 && known >= enough
    }

    /// The command that a text is, if it is one.
    #[must_use]
    pub fn command(&self, text: &str, addressed: bool) -> Option<Result<Command, CommandError>> {
        let login = self.config.chat.address.as_str().trim_start_matches("sip:");
        let login = login.split('@').next().unwrap_or_default();
        let current = self.current.now();
        Command::parse(text, &[current.mail.sender_name.as_str(), login], addressed)
    }

    /// The command that a message in a room is, if it is one.
    #[must_use]
    pub fn in_room(&self, message: &Message) -> Option<Result<Command, CommandError>> {
        if !self.current.now().choices.in_rooms {
            return None;
        }
        let own = Address::new(self.config.chat.address.as_str());
        self.command(&message.plain_text(), message.names(&own))
    }

    /// Does what a message in a room says, and answers it.
    ///
    /// # Errors
    /// [`AnswerError`]: nothing was done.
    pub async fn answer_message(
        &self,
        message: &Message,
        command: Result<Command, CommandError>,
    ) -> Result<(), AnswerError> {
        let mailbox = self.mailbox(&message.author.address).await?;
        let room = self.rooms.snapshot(&message.room).map(|(room, _)| room);
        let source = Source::Message(message.id());
        self.answer(&message.author, mailbox, command, room, source).await
    }

    /// Does what a mail of a known person says, and answers it.
    ///
    /// # Errors
    /// [`AnswerError`]: nothing was done.
    pub async fn answer_letter(
        &self,
        person: &Person,
        mailbox: String,
        command: Result<Command, CommandError>,
        id: String,
    ) -> Result<(), AnswerError> {
        self.answer(person, Some(mailbox), command, None, Source::Letter(id)).await
    }

    async fn answer(
        &self,
        person: &Person,
        mailbox: Option<String>,
        command: Result<Command, CommandError>,
        place: Option<Room>,
        source: Source,
    ) -> Result<(), AnswerError> {
        let now_ms = clock::unix_ms();
        let done = command
            .and_then(|command| command.within(&self.preferences.limits()))
            .map_err(|error| error.to_string())
            .and_then(|command| self.obey(&person.address, command, place.as_ref()));
        let (choices, words) = match done {
            Ok((choices, words)) => (choices, words),
            Err(words) => (Vec::new(), format!("{words}.\n\n{HELP}")),
        };
        let answer = mailbox.map(|mailbox| {
            let current = self.current.now();
            let zone = current.defaults.time_zone.zone();
            self.letter(person, mailbox, &words, &source, zone, now_ms)
        });
        let unanswered = answer.is_none();
        let said = Said { choices: choices.clone(), answer, source };
        if !self.database.commit_said(said, now_ms).await? {
            return Ok(());
        }
        if unanswered {
            warn!(
                "answers: somebody who has no mailbox said something; it was done, and not answered"
            );
        }
        info!(changes = choices.len(), "answers: somebody said what to get");
        for (key, choice) in choices {
            self.preferences.said(key, choice);
        }
        // Whoever subscribes to an open room is a member of it from now on.
        self.state.members_changed();
        self.to_mail.notify_one();
        Ok(())
    }

    fn letter(
        &self,
        person: &Person,
        mailbox: String,
        words: &str,
        source: &Source,
        zone: &TimeZone,
        now_ms: i64,
    ) -> (NewMail, Composition) {
        let key = answer_key(&person.address, source);
        let mail = NewMail {
            share: ShareKey::from_text(key.as_str()),
            key,
            person: person.clone(),
            mailbox,
            readers: Readers::default(),
            digest: false,
            covers: 0,
            due_ms: now_ms,
            day: day(zone, now_ms),
        };
        (mail, letter("Your chat digest", words))
    }

    /// Works out what a command changes, and what to say about it.
    fn obey(
        &self,
        person: &Address,
        command: Command,
        place: Option<&Room>,
    ) -> Result<(Vec<(OwnKey, Choice)>, String), String> {
        match command {
            Command::Help => Ok((Vec::new(), HELP.to_owned())),
            Command::Status => Ok((Vec::new(), self.status(person, &[]))),
            Command::Set(choice, scope) => {
                if let Some(zone) = &choice.time_zone
                    && TimeZone::get(zone).is_err()
                {
                    return Err(format!(
                        "I know no time zone \u{201c}{zone}\u{201d}: say it as in Europe/Berlin"
                    ));
                }
                let room = self.room(person, scope, place)?;
                let before = self.preferences.own(person, room.as_ref());
                let mut changes = vec![((person.clone(), room.clone()), choice.over(&before))];
                changes.extend(self.cleared(person, room.as_ref(), &choice));
                Ok((changes.clone(), self.status(person, &changes)))
            }
            Command::Forget(scope) => {
                let room = self.room(person, scope, place)?;
                let mut changes = vec![((person.clone(), room.clone()), Choice::default())];
                if room.is_none() {
                    changes.extend(self.rooms_with_own(person));
                }
                Ok((changes.clone(), self.status(person, &changes)))
            }
        }
    }

    /// What is said for all rooms counts in those too for which something else was said before.
    fn cleared(
        &self,
        person: &Address,
        room: Option<&RoomId>,
        choice: &Choice,
    ) -> Vec<(OwnKey, Choice)> {
        if room.is_some() {
            return Vec::new();
        }
        let mut cleared = Vec::new();
        for ((address, room), _) in self.rooms_with_own(person) {
            let mut own = self.preferences.own(person, room.as_ref());
            own.wish = own.wish.filter(|_| choice.wish.is_none());
            own.schedule = own.schedule.filter(|_| choice.schedule.is_none());
            own.form = own.form.filter(|_| choice.form.is_none());
            own.time_zone = own.time_zone.filter(|_| choice.time_zone.is_none());
            cleared.push(((address, room), own));
        }
        cleared
    }

    fn rooms_with_own(&self, person: &Address) -> Vec<(OwnKey, Choice)> {
        let rooms = self.rooms.all().into_iter().map(|known| known.room.id);
        let said = rooms.filter(|room| !self.preferences.own(person, Some(room)).is_empty());
        said.map(|room| ((person.clone(), Some(room)), Choice::default())).collect()
    }

    fn room(
        &self,
        person: &Address,
        scope: Scope,
        place: Option<&Room>,
    ) -> Result<Option<RoomId>, String> {
        match scope {
            Scope::Everywhere => Ok(None),
            Scope::Here => Ok(place.map(|room| room.id.clone())),
            Scope::Room(name) => {
                let theirs = self.rooms_of(person);
                let mut named =
                    theirs.iter().filter(|known| known.room.name.eq_ignore_ascii_case(&name));
                let room = named.next().map(|known| known.room.id.clone());
                room.map(Some).ok_or_else(|| {
                    format!("I know no room \u{201c}{name}\u{201d} that you belong to")
                })
            }
        }
    }

    /// The rooms that a person belongs to, and those open to everybody.
    fn rooms_of(&self, person: &Address) -> Vec<Known> {
        let belongs = |known: &Known| {
            Preferences::is_open(&known.room)
                || known.members().is_some_and(|members| {
                    members.iter().any(|member| member.person.address == *person)
                })
        };
        self.rooms.all().into_iter().filter(belongs).collect()
    }

    /// What a person gets, room by room, once `changes` are made.
    fn status(&self, person: &Address, changes: &[(OwnKey, Choice)]) -> String {
        let mut words = if changes.is_empty() { String::new() } else { "Done. ".to_owned() };
        words.push_str("This is what you get:\n\n");
        let rooms = self.rooms_of(person);
        for known in rooms.iter().take(ROOMS_SHOWN) {
            let preference = self.preferences.would_be(person, &known.room, changes);
            let subscribed = !Preferences::is_open(&known.room)
                || self.preferences.would_subscribe(person, &known.room, changes);
            let _ = writeln!(words, "{}: {}", known.room.name, spell(&preference, subscribed));
        }
        if rooms.len() > ROOMS_SHOWN {
            let _ = writeln!(words, "and {} more rooms", rooms.len() - ROOMS_SHOWN);
        }
        if rooms.is_empty() {
            words.push_str("You belong to no room that I watch.\n");
        }
        words.push_str("\nSay \u{201c}digest help\u{201d} for what else can be chosen.");
        words
    }

    /// Where to answer somebody.
    async fn mailbox(&self, person: &Address) -> Result<Option<String>, AnswerError> {
        for known in self.rooms.all() {
            let members = known.members().unwrap_or_default();
            let member = members.iter().find(|member| member.person.address == *person);
            if let Some(mailbox) = member.and_then(|member| member.mailbox.clone()) {
                return Ok(Some(mailbox));
            }
        }
        let found = self.account.resolve(person.as_str()).await?;
        let exact = found.iter().find(|one| one.is_exactly(person.as_str()));
        Ok(exact.and_then(|one| one.smtp_address()).map(str::to_owned))
    }
}

fn spell(preference: &Preference, subscribed: bool) -> String {
    if !subscribed {
        return "nothing; it is open to everybody: say \u{201c}digest on\u{201d} in it".to_owned();
    }
    let zone = preference.zone.iana_name().unwrap_or("UTC");
    let form = match preference.form {
        Form::Complete => "",
        Form::Summary => ", as a summary",
    };
    let digest = format!("a digest, {} ({zone}){form}", preference.schedule);
    let what = match preference.wish {
        Wish::None => format!("what the administrator has set; {digest}"),
        Wish::Instant => "every message at once".to_owned(),
        Wish::Digest => digest,
        Wish::Mentions => format!("at once what names you; the rest in {digest}"),
        Wish::Off => "nothing".to_owned(),
    };
    let must = if preference.must { " (the administrator wants you to get this room)" } else { "" };
    format!("{what}{must}")
}
