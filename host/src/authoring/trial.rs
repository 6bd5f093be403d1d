//! A guest on trial: asks it about samples the way the stages of the host ask it about messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use bridge::{
    message::{Address, Message},
    plan::Offer,
};
use jiff::tz::TimeZone;

use super::samples::{Sample, ZONE};
use crate::{
    guest::{Answer, CallError, Guest, PlanInput, Surroundings, types},
    translate::{self, Attributes, Names, People},
};

/// Numbers the people of a call: the same in every call, so that answers can be compared.
const SALT: u64 = 7;

/// A guest with the settings that it is tried with.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    guest: Guest,
    settings: Arc<BTreeMap<String, String>>,
    attributes: Arc<Attributes>,
    zone: TimeZone,
}

/// What `plan` is asked about a message, and whom it is asked about.
pub(super) struct Question {
    /// Those whom the answer may name.
    pub(super) offer: Arc<Offer>,
    input: PlanInput,
}

impl Trial {
    /// Tries `guest` with these settings; nobody has attributes.
    #[must_use]
    pub(super) fn new(guest: Guest, settings: BTreeMap<String, String>) -> Self {
        let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
        Self { guest, settings: Arc::new(settings), attributes: Arc::default(), zone }
    }

    /// The guest.
    #[must_use]
    pub(super) fn guest(&self) -> &Guest {
        &self.guest
    }

    /// Puts together what `plan` is asked about a message of a sample; `None` if the message is in
    /// none of its rooms.
    #[must_use]
    pub(super) fn question(&self, sample: &Sample, message: &Message) -> Option<Question> {
        let service = Address::new("sip:chat-digest@contoso.example");
        let offer = Arc::new(Offer::new(message, sample.members.clone(), &service, SALT));
        let room = sample.room_of(message)?;
        let input = translate::plan_input(message, room, &offer, &self.zone);
        Some(Question { offer, input })
    }

    /// Asks what is to happen. Blocks.
    ///
    /// # Errors
    /// See [`Guest::plan`].
    pub(super) fn plan(&self, question: &Question) -> Result<Answer<Vec<types::Group>>, CallError> {
        let names = Names::new(Arc::clone(&question.offer), Arc::clone(&self.attributes));
        self.guest.plan(&question.input, &self.surroundings(Arc::new(names)))
    }

    /// Asks for the mail about a sample. Blocks.
    ///
    /// # Errors
    /// See [`Guest::compose`].
    pub(super) fn compose(&self, sample: &Sample) -> Result<Answer<types::Mail>, CallError> {
        let due = sample.due();
        let people = Arc::new(People::of(&due, 100, Arc::clone(&self.attributes)));
        let edition = translate::edition(&due, &people, &self.zone);
        self.guest.compose(&edition, &self.surroundings(people))
    }

    fn surroundings(&self, directory: Arc<dyn crate::guest::Directory>) -> Surroundings {
        Surroundings { directory, settings: Arc::clone(&self.settings) }
    }
}
