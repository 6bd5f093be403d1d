//! Candidates beside the guests in service: asked the same, on live traffic, and never heard. What
//! they would do otherwise is noted for `chat-digest guest shadow`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use bridge::{mail::Composition, message::MessageId, plan::Offer, plan::Plan, room::Room};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, mpsc, watch};
use tracing::{error, warn};

use super::{
    AskError, Guests, Serving,
    difference::{PlanDifference, TextDifference},
};
use crate::{
    chat::stop_asked,
    database::{Database, DueMail},
    guest::PlanInput,
    in_service::InService,
};

/// Questions that wait for a candidate; more are left out, for the guests in service go first.
const QUESTIONS_MAX: usize = 32;

/// What a candidate would do otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// With a message.
    Plan {
        /// The room's name.
        room: String,
        /// For whom.
        difference: PlanDifference,
    },
    /// With a mail.
    Text(TextDifference),
    /// It gave no usable answer.
    Failed(String),
}

/// How a question is asked.
pub(crate) type PlanBy = fn(&InService, &PlanInput, &Arc<Offer>) -> Result<Plan, AskError>;
/// How a mail is composed.
pub(crate) type Compose = Box<dyn Fn(&InService) -> Result<Composition, AskError> + Send>;

enum Question {
    Plan {
        message: MessageId,
        room: Box<Room>,
        input: Box<PlanInput>,
        offer: Arc<Offer>,
        plan: Plan,
        by: PlanBy,
    },
    Text {
        mail: String,
        before: Composition,
        compose: Compose,
    },
}

/// Asks the candidates.
#[derive(Debug)]
pub struct Shadows {
    guests: Arc<Guests>,
    questions: mpsc::Sender<(Arc<Serving>, Question)>,
    waiting: Mutex<mpsc::Receiver<(Arc<Serving>, Question)>>,
    left_out: AtomicU64,
}

impl std::fmt::Debug for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Question").finish_non_exhaustive()
    }
}

impl Shadows {
    /// Prepares to ask the candidates beside `guests`.
    #[must_use]
    pub fn new(guests: Arc<Guests>) -> Self {
        let (questions, waiting) = mpsc::channel(QUESTIONS_MAX);
        let (waiting, left_out) = (Mutex::new(waiting), AtomicU64::new(0));
        Self { guests, questions, waiting, left_out }
    }

    /// Notes a message that `serving` has planned, for its candidate.
    pub fn planned(
        &self,
        serving: &Serving,
        (message, room): (MessageId, &Room),
        input: impl FnOnce() -> PlanInput,
        (offer, plan): (&Arc<Offer>, &Plan),
        by: PlanBy,
    ) {
        self.note(serving, || Question::Plan {
            message,
            room: Box::new(room.clone()),
            input: Box::new(input()),
            offer: Arc::clone(offer),
            plan: plan.clone(),
            by,
        });
    }

    /// Notes a mail that `serving` has composed, for its candidate.
    pub fn composed(
        &self,
        serving: &Serving,
        mail: &Arc<DueMail>,
        before: &Composition,
        compose: impl FnOnce() -> Compose,
    ) {
        self.note(serving, || Question::Text {
            mail: format!("mail {}", mail.share.as_str()),
            before: before.clone(),
            compose: compose(),
        });
    }

    fn note(&self, serving: &Serving, question: impl FnOnce() -> Question) {
        let Some(shadow) = self.guests.shadow_of(serving) else { return };
        let Ok(place) = self.questions.try_reserve() else {
            let left_out = self.left_out.fetch_add(1, Ordering::Relaxed) + 1;
            if left_out.is_power_of_two() {
                warn!(
                    "guest: the candidate `{}` is too slow; {left_out} questions were left out",
                    shadow.name()
                );
            }
            return;
        };
        place.send((shadow, question()));
    }

    /// Asks until `stop` turns true.
    pub async fn run(self: Arc<Self>, database: Database, stop: watch::Receiver<bool>) {
        let mut waiting = self.waiting.lock().await;
        loop {
            let next = tokio::select! {
                next = waiting.recv() => next,
                () = stop_asked(stop.clone()) => return,
            };
            let Some((shadow, question)) = next else { return };
            let (guests, asked) = (Arc::clone(&self.guests), Arc::clone(&shadow));
            let Ok(Some((of, difference))) =
                tokio::task::spawn_blocking(move || ask(&guests, &asked, question)).await
            else {
                continue;
            };
            let Ok(text) = serde_json::to_string(&difference) else { continue };
            let noted = database.note_difference(shadow.name(), shadow.digest(), &of, text).await;
            if let Err(error) = noted {
                error!("guest: {error}");
            }
        }
    }
}

/// Asks a candidate; what it would do otherwise, if anything, and with what.
fn ask(guests: &Guests, shadow: &Serving, question: Question) -> Option<(String, Difference)> {
    match question {
        Question::Plan { message, room, input, offer, mut plan, by } => {
            let answer = shadow.ask_alone(|guest| by(guest, &input, &offer));
            let message = message.as_str().to_owned();
            let difference = match answer {
                Ok(mut after) => {
                    guests.overrule(&room, &mut plan);
                    guests.overrule(&room, &mut after);
                    PlanDifference::between(&plan, &after)
                }
                Err(AskError::Busy) => return None,
                Err(AskError::Failed(why)) => return Some((message, Difference::Failed(why))),
            };
            let room = room.name;
            (!difference.is_none()).then_some((message, Difference::Plan { room, difference }))
        }
        Question::Text { mail, before, compose } => match shadow.ask_alone(compose) {
            Ok(after) => {
                let difference = TextDifference::between(&before, &after);
                difference.differs.then_some((mail, Difference::Text(difference)))
            }
            Err(AskError::Busy) => None,
            Err(AskError::Failed(why)) => Some((mail, Difference::Failed(why))),
        },
    }
}
