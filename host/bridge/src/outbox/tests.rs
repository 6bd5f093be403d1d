#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use super::*;

/// A jitter of 0 %.
const EVEN: u64 = 200;

fn draft(id: &str) -> Draft {
    Draft { id: id.into(), version: "v1".into() }
}

fn delayed(reason: &str) -> Outcome {
    Outcome::Delayed { until_ms: None, reason: reason.into() }
}

fn unknown(since_ms: i64) -> Outcome {
    Outcome::Unknown { since_ms, reason: "connection reset".into() }
}

/// Asked for a draft at 0.
fn drafting() -> Standing {
    Standing::planned(0, 0).begin(0).unwrap()
}

/// Asked to send at 0.
fn sending() -> Standing {
    drafting().advance(Outcome::Drafted(draft("d")), EVEN, 0).unwrap().begin(0).unwrap()
}

/// Sending, with an outcome that got lost; what each look found, at the time it was due.
fn look(mut mail: Standing, found: impl Fn(i64) -> Sighting) -> (Vec<i64>, Standing) {
    mail = mail.advance(unknown(0), EVEN, 0).unwrap();
    let mut times = Vec::new();
    while mail.looks.is_some() {
        let now_ms = mail.due_ms.unwrap();
        times.push(now_ms);
        mail = mail.begin(now_ms).unwrap();
        mail = mail.advance(Outcome::Seen(found(now_ms)), EVEN, now_ms).unwrap();
        assert!(times.len() < 100, "looks for ever");
    }
    (times, mail)
}

#[test]
fn the_straight_way() {
    let mail = Standing::planned(10, 0);
    assert_eq!(mail.clone().begin(9), None);
    let mail = mail.begin(10).unwrap();
    assert_eq!((&mail.state, mail.due_ms, mail.attempts), (&State::Drafting, None, 1));
    let mail = mail.advance(Outcome::Drafted(draft("d")), EVEN, 20).unwrap();
    assert_eq!(mail.task(), Some(Task::Send(draft("d"))));
    let mail = mail.begin(20).unwrap();
    assert_eq!(mail.state, State::Sending(draft("d")));
    let sent_as = Some("<a@b>".to_owned());
    let mail = mail.advance(Outcome::Delivered { sent_as: sent_as.clone() }, EVEN, 30).unwrap();
    assert_eq!((&mail.state, mail.ended_ms, &mail.sent_as), (&State::Sent, Some(30), &sent_as));
    assert_eq!((mail.task(), mail.clone().begin(i64::MAX)), (None, None));
    assert_eq!(mail.advance(delayed("x"), EVEN, 40), Err(Unasked { state: "sent" }));
}

#[test]
fn back_off_climbs_and_progress_resets_it() {
    let mut mail = Standing::planned(0, 0);
    let mut waits = Vec::new();
    for _ in 0..7 {
        let now_ms = mail.due_ms.unwrap();
        mail = mail.begin(now_ms).unwrap().advance(delayed("busy"), EVEN, now_ms).unwrap();
        assert_eq!(mail.state, State::Planned);
        waits.push(mail.due_ms.unwrap() - now_ms);
    }
    assert_eq!(waits, [5_000, 15_000, 60_000, 300_000, 900_000, 1_800_000, 1_800_000]);
    let now_ms = mail.due_ms.unwrap();
    let mail = mail.begin(now_ms).unwrap();
    let mail = mail.advance(Outcome::Drafted(draft("d")), EVEN, now_ms).unwrap();
    let mail = mail.begin(now_ms).unwrap().advance(delayed("busy"), EVEN, now_ms).unwrap();
    assert_eq!(mail.state, State::Drafted(draft("d")));
    assert_eq!(mail.due_ms, Some(now_ms + 5_000));
}

#[test]
fn jitter_is_a_fifth_either_way() {
    let waits: Vec<_> = (0..10_000).map(|jitter| back_off_ms(2, jitter)).collect();
    assert_eq!(waits.iter().min(), Some(&48_000));
    assert_eq!(waits.iter().max(), Some(&72_000));
    assert!((1_440_000..=2_160_000).contains(&back_off_ms(u32::MAX, u64::MAX)));
}

#[test]
fn a_server_names_a_later_time_but_not_next_week() {
    let until = |until_ms| {
        let outcome = Outcome::Delayed { until_ms: Some(until_ms), reason: "busy".into() };
        drafting().advance(outcome, EVEN, 0).unwrap().due_ms.unwrap()
    };
    assert_eq!(until(1), 5_000);
    assert_eq!(until(178_510), 178_510);
    assert_eq!(until(i64::MAX), BACK_OFF_MAX_MS);
}

#[test]
fn a_mail_is_tried_once_more_after_its_lifetime_then_is_a_dead_letter() {
    let late = LIFETIME_MS + 5;
    let mail = Standing::planned(0, 0).begin(late).unwrap();
    let sent = mail.clone().advance(Outcome::Drafted(draft("d")), EVEN, late).unwrap();
    assert_eq!(sent.state, State::Drafted(draft("d")));
    let dead = mail.advance(delayed("server\r\nbusy"), EVEN, late).unwrap();
    assert_eq!((&dead.state, dead.due_ms, dead.ended_ms), (&State::Failed, None, Some(late)));
    assert_eq!(dead.error.as_deref(), Some("given up after 1 tries: server busy"));
}

#[test]
fn a_refusal_is_final() {
    let refused = Outcome::Failed { reason: "no such recipient".into() };
    let mail = drafting().advance(refused.clone(), EVEN, 7).unwrap();
    assert_eq!((mail.state, mail.error.unwrap().as_str()), (State::Failed, "no such recipient"));
    assert_eq!(sending().advance(refused.clone(), EVEN, 7).unwrap().state, State::Failed);
    // But a refused look does not undo what may have been sent.
    let looking = sending().advance(unknown(0), EVEN, 0).unwrap().begin(5_000).unwrap();
    assert_eq!(looking.advance(refused, EVEN, 7).unwrap().state, State::Unconfirmed);
}

#[test]
fn an_unknown_draft_is_looked_for_and_made_again_only_after_patience() {
    let (times, mail) = look(drafting(), |_| Sighting::Nowhere);
    assert_eq!(times, [5_000, 20_000, 50_000, 110_000, 120_000]);
    assert_eq!((&mail.state, mail.due_ms, mail.tries), (&State::Planned, Some(120_000), 1));
    let (times, mail) = look(drafting(), |now| match now {
        ..50_000 => Sighting::Nowhere,
        _ => Sighting::Draft(draft("late")),
    });
    assert_eq!(times, [5_000, 20_000, 50_000]);
    assert_eq!((mail.task(), mail.tries), (Some(Task::Send(draft("late"))), 0));
}

#[test]
fn an_unknown_sending_is_decided_by_where_the_mail_is() {
    let (times, mail) = look(sending(), |_| Sighting::Sent { sent_as: None });
    assert_eq!((times.as_slice(), mail.state), ([5_000].as_slice(), State::Sent));

    let (times, mail) = look(sending(), |_| Sighting::Draft(draft("d2")));
    assert_eq!(times, [5_000, 20_000, 50_000, 110_000, 120_000]);
    assert_eq!((mail.task(), mail.due_ms), (Some(Task::Send(draft("d2"))), Some(120_000)));

    let (times, mail) = look(sending(), |_| Sighting::Nowhere);
    assert_eq!(times, [5_000, 20_000, 50_000, 110_000, 230_000]);
    assert_eq!((&mail.state, mail.due_ms), (&State::Unconfirmed, None));

    let (times, mail) = look(sending(), |_| Sighting::Queued);
    assert_eq!(times.get(..3), Some([5_000, 35_000, 65_000].as_slice()));
    assert_eq!((times.last(), mail.state), (Some(&1_805_000), State::Unconfirmed));
}

#[test]
fn a_look_that_gets_no_answer_is_repeated_and_never_resends() {
    let mut mail = sending().advance(unknown(0), EVEN, 0).unwrap();
    let mut looks = 0;
    while let Some(now_ms) = mail.due_ms {
        assert!(matches!(mail.task(), Some(Task::FindSent(_))));
        let outcome = if looks % 2 == 0 { delayed("down") } else { unknown(now_ms) };
        mail = mail.begin(now_ms).unwrap().advance(outcome, EVEN, now_ms).unwrap();
        looks += 1;
    }
    assert_eq!((&mail.state, mail.attempts), (&State::Unconfirmed, 2));
    assert!((90..110).contains(&looks), "{looks}");
}

/// After an outage longer than a mail's lifetime, one lost look is no reason to take a mail for sent.
#[test]
fn an_old_mail_is_looked_for_as_long_as_a_young_one() {
    let late = 2 * LIFETIME_MS;
    let drafted = drafting().advance(Outcome::Drafted(draft("d")), EVEN, 0).unwrap();
    let mail = drafted.begin(late).unwrap().resume(late);
    let mail = mail.begin(late).unwrap().advance(unknown(late), EVEN, late).unwrap();
    assert_eq!(mail.task(), Some(Task::FindSent(draft("d"))));
    let end = late + LIFETIME_MS;
    let mail = Standing { due_ms: Some(end), ..mail }.begin(end).unwrap();
    assert_eq!(mail.advance(unknown(end), EVEN, end).unwrap().state, State::Unconfirmed);
}

#[test]
fn a_restart_looks_before_it_repeats() {
    assert_eq!(drafting().resume(9).task(), Some(Task::FindDraft));
    assert_eq!(sending().resume(9).task(), Some(Task::FindSent(draft("d"))));
    assert_eq!(sending().resume(9).due_ms, Some(9));
    let waiting = Standing::planned(50, 0);
    assert_eq!(waiting.clone().resume(9), waiting);
    let doubtful = sending().advance(unknown(0), EVEN, 0).unwrap();
    assert_eq!(doubtful.clone().resume(9), doubtful);
}

#[test]
fn a_clock_put_back_delays_no_judgement_for_long() {
    let mail = Standing { asked_ms: Some(1_000_000_000), ..drafting() };
    let (times, mail) = look(mail.resume(0).begin(0).unwrap(), |_| Sighting::Nowhere);
    assert!(times.last() <= Some(&(PATIENCE_MS + 5_000)));
    assert_eq!(mail.state, State::Planned);
}

#[test]
fn words_read_back() {
    for mail in [Standing::planned(0, 0), drafting(), sending()] {
        let word = mail.state.as_str();
        assert_eq!(State::from_word(word, mail.state.draft().cloned()), Some(mail.state));
    }
    assert_eq!(State::from_word("sending", None), None);
    assert_eq!(State::from_word("lost", None), None);
}

// Random histories: a mail server that loses answers, is late, refuses and is down, and a host
// that dies between any two steps, against what was truly sent.

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// True `percent` times in a hundred.
    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// What truly is on the server. Effects come true at their time: a request may outlive its answer.
#[derive(Default)]
struct Server {
    drafts: Vec<(String, i64)>,
    /// Drafts asked to be sent: when each leaves the drafts, and when its copy shows.
    leaving: Vec<(String, i64, i64)>,
    made: u32,
    sends: u32,
}

impl Server {
    fn create(&mut self, at_ms: i64) -> Draft {
        self.made += 1;
        let id = format!("d{}", self.made);
        self.drafts.push((id.clone(), at_ms));
        draft(&id)
    }

    /// Whether the draft is there to be sent; if so it is sent, once.
    fn send(&mut self, id: &str, at_ms: i64, copy_ms: i64) -> bool {
        let there = self.drafts.iter().any(|(d, made_ms)| d == id && *made_ms <= at_ms);
        if there && !self.leaving.iter().any(|(d, ..)| d == id) {
            self.leaving.push((id.into(), at_ms, copy_ms));
            self.sends += 1;
            return true;
        }
        false
    }

    fn shows_sent(&self, now_ms: i64) -> bool {
        self.leaving.iter().any(|(.., copy_ms)| *copy_ms <= now_ms)
    }

    fn shows_draft(&self, now_ms: i64) -> Option<Draft> {
        let there = |(id, made_ms): &&(String, i64)| {
            let left = self.leaving.iter().any(|(d, left_ms, _)| d == id && *left_ms <= now_ms);
            *made_ms <= now_ms && !left
        };
        self.drafts.iter().find(there).map(|(id, _)| draft(id))
    }
}

/// How bad a history is, in percent.
struct Weather {
    lost: u64,
    down: u64,
    refused: u64,
    crash: u64,
}

struct History {
    random: Random,
    weather: Weather,
    server: Server,
    delivered: bool,
}

impl History {
    /// Carries a task out and says what the host hears of it, or that it heard nothing.
    fn perform(&mut self, task: Task, now_ms: i64) -> Outcome {
        if self.random.chance(self.weather.down) {
            return delayed("down");
        }
        // A lost answer's effect may come up to 100 s late: within the patience.
        let lost = self.random.chance(self.weather.lost);
        let late_ms = if lost { i64::try_from(self.random.below(100_000)).unwrap() } else { 0 };
        let takes_effect = !lost || self.random.chance(60);
        let outcome = match task {
            Task::Draft if self.random.chance(self.weather.refused) => {
                return Outcome::Failed { reason: "refused".into() };
            }
            Task::Draft if takes_effect => Outcome::Drafted(self.server.create(now_ms + late_ms)),
            Task::Send(draft) => {
                assert!(!self.delivered, "asked to send after a confirmed delivery");
                if self.random.chance(self.weather.refused) {
                    return Outcome::Failed { reason: "refused".into() };
                }
                // Some servers keep no copy.
                let copy_ms = match self.random.chance(5) {
                    true => i64::MAX - now_ms,
                    false => late_ms + i64::try_from(self.random.below(15_000)).unwrap(),
                };
                if takes_effect && self.server.send(&draft.id, now_ms + late_ms, now_ms + copy_ms) {
                    Outcome::Delivered { sent_as: None }
                } else {
                    unknown(now_ms)
                }
            }
            Task::Draft => unknown(now_ms),
            Task::FindDraft | Task::FindSent(_) => Outcome::Seen(self.look(now_ms)),
        };
        if lost { unknown(now_ms) } else { outcome }
    }

    fn look(&mut self, now_ms: i64) -> Sighting {
        if self.server.shows_sent(now_ms) {
            return Sighting::Sent { sent_as: None };
        }
        self.server.shows_draft(now_ms).map_or(Sighting::Nowhere, Sighting::Draft)
    }

    /// Plays a mail from its planning to its end.
    fn play(&mut self) -> Standing {
        let mut mail = Standing::planned(0, 0);
        for _ in 0..2_000 {
            let Some(due_ms) = mail.due_ms else { break };
            let now_ms = due_ms + i64::try_from(self.random.below(50)).unwrap();
            let task = mail.task().unwrap();
            // What `begin` returns is committed; the request goes out after that.
            mail = mail.begin(now_ms).unwrap();
            if self.random.chance(self.weather.crash) {
                mail = mail.resume(now_ms + 3_000); // before the request
                continue;
            }
            let outcome = self.perform(task, now_ms);
            if self.random.chance(self.weather.crash) {
                mail = mail.resume(now_ms + 3_000); // before the outcome's commit
                continue;
            }
            let jitter = self.random.next();
            mail = mail.advance(outcome, jitter, now_ms).unwrap();
            self.delivered |= mail.state == State::Sent;
        }
        mail
    }
}

#[test]
fn random_histories_send_once_and_end() {
    let mut ends = std::collections::BTreeMap::new();
    for seed in 0..20_000 {
        let mut random = Random(seed);
        let weather = Weather {
            lost: random.below(60),
            down: random.below(60),
            refused: random.below(4),
            crash: random.below(20),
        };
        let mut history = History { random, weather, server: Server::default(), delivered: false };
        let mail = history.play();
        let sends = history.server.sends;
        let told = format!("seed {seed}: {mail:?}, sent {sends} times");
        assert!(mail.state.is_end() && mail.ended_ms.is_some(), "lost: {told}");
        assert!(sends <= 1, "sent twice: {told}");
        assert!(mail.attempts <= ATTEMPTS_MAX + 1, "tries for ever: {told}");
        match mail.state {
            State::Sent => assert_eq!(sends, 1, "{told}"),
            State::Failed => assert_eq!(sends, 0, "{told}"),
            _ => {}
        }
        *ends.entry(mail.state.as_str()).or_insert(0) += 1;
    }
    // The histories are varied enough to reach every end, and mostly the good one.
    if ends.len() != 3 || ends.get("sent") < Some(&15_000) {
        panic!("{ends:?}");
    }
}

#[test]
fn refusals_are_counted_as_long_as_they_are_the_same() {
    let mut mail = drafting();
    assert_eq!([mail.refuse("ErrorItemSave"), mail.refuse("ErrorItemSave")], [1, 2]);
    mail = mail.advance(delayed("ErrorItemSave"), EVEN, 0).unwrap();
    mail = mail.begin(i64::MAX / 2).unwrap();
    assert_eq!(mail.refuse("ErrorItemSave"), 3, "a wait does not forget them");
    assert_eq!([mail.refuse("ErrorServerBusy"), mail.refuse("ErrorItemSave")], [1, 1]);
    mail = mail.advance(Outcome::Drafted(draft("d")), EVEN, 0).unwrap();
    assert_eq!(mail.refused, None, "what comes next is another request");
}
