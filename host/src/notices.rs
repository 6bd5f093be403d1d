//! What an administrator is told by mail, if the configuration names a mailbox for it: each matter once,
//! however many hosts share the database.

use std::sync::Arc;

use bridge::{
    delivery::{NewMail, Readers, day},
    digest::ShareKey,
    mail::letter,
    message::{Address, Person},
};
use tokio::sync::Notify;

use crate::{
    clock,
    config::Config,
    database::{Database, Error, Said, Source, answer_key},
};

/// Tells the administrator.
pub struct Notices {
    config: Arc<Config>,
    database: Database,
    /// Rung when a mail waits in the outbox.
    to_mail: Arc<Notify>,
}

impl Notices {
    /// Prepares to tell.
    #[must_use]
    pub fn new(config: Arc<Config>, database: Database, to_mail: Arc<Notify>) -> Self {
        Self { config, database, to_mail }
    }

    /// Tells of a matter. `about` names it: a second mail about the same is not written.
    ///
    /// # Errors
    /// If the database fails: nothing is told then.
    pub async fn tell(&self, about: &str, subject: &str, words: &str) -> Result<(), Error> {
        let Some(mailbox) = &self.config.mail.administrator else { return Ok(()) };
        let address = Address::new(format!("smtp:{}", mailbox.as_str().to_lowercase()));
        let person = Person { address, name: "Administrator".to_owned() };
        let source = Source::Letter(format!("notice: {about}"));
        let key = answer_key(&person.address, &source);
        let now_ms = clock::unix_ms();
        let mail = NewMail {
            share: ShareKey::from_text(key.as_str()),
            key,
            person,
            mailbox: mailbox.as_str().to_owned(),
            readers: Readers::default(),
            digest: false,
            covers: 0,
            due_ms: now_ms,
            day: day(self.config.defaults.time_zone.zone(), now_ms),
        };
        let answer = Some((mail, letter(subject, words)));
        let said = Said { choices: Vec::new(), answer, source };
        if self.database.commit_said(said, now_ms).await? {
            self.to_mail.notify_one();
        }
        Ok(())
    }
}
