//! `chat-digest replay`: what another guest would have made of the traffic that is stored.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context as _, Result};
use bridge::{
    delivery::day,
    mail::Composition,
    message::{Address, Kind, Message, RoomId},
    plan::{Action, Offer, Plan},
    room::Room,
};
use jiff::{Span, Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{
    AskError, Asked, Assignments, Guests, Maker, PlanDifference, Serving,
    traffic::{Mail, Mails, TEXTS_MAX},
};
use crate::{
    clock,
    config::{Config, GuestName, Pattern},
    database::{Database, Place},
    in_service::InService,
    planner::plan_by,
    preferences::Preferences,
    progress::{Progress, Unit},
    records::time,
    translate,
};

/// Messages read from the database at once.
const PAGE: u32 = 500;
/// Messages run through the guests at most; the oldest of the time asked for.
const MESSAGES_MAX: usize = 100_000;
/// Mails written as files for each side.
const RENDERED_MAX: usize = 20;
/// People named in the report.
const NAMED_MAX: usize = 10;

/// Why nobody is mailed about what waits for its guest.
const HELD: &str = "held until the guest answers";
/// Why a guest could not be asked at all.
const BUSY: &str = "the guests had no place for the call";

/// What `replay` was told.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The candidate's component.
    pub file: PathBuf,
    /// Under which name it would serve: whose settings it has.
    pub name: GuestName,
    /// From when, in milliseconds since 1970.
    pub from_ms: i64,
    /// Until when; left out, until now.
    pub to_ms: Option<i64>,
    /// Rooms, by patterns of names or addresses; none for all that the guest of that name serves.
    pub rooms: Vec<String>,
    /// Where mails are written, before and after.
    pub render: Option<PathBuf>,
    /// Whether one JSON object is printed.
    pub json: bool,
}

/// One side of the report.
#[derive(Clone, Debug, Default, Serialize)]
struct Side {
    guest: String,
    mails: usize,
    /// Mails of one person on one day of his calendar: the mean and the most.
    mails_a_person_a_day: f64,
    mails_a_person_a_day_max: usize,
    people: usize,
    /// HTML and text of all mails, as far as they were composed.
    bytes: u64,
    /// Messages that it gave no usable answer for, and mails.
    failures: usize,
    /// What the first of them was.
    failure: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Report {
    messages: usize,
    before: Side,
    after: Side,
    /// Summed over all messages.
    gain: usize,
    lose: usize,
    sooner: usize,
    later: usize,
    messages_that_differ: usize,
    /// People who would gain or lose messages, the most first, with how many of each.
    people: Vec<(String, usize, usize)>,
}

/// Runs stored messages through the guest in service and a candidate, and reports what would change.
/// The members are those of today: who belonged to a room at the time is not kept.
///
/// # Errors
/// If the candidate is no guest, or the database cannot be read.
pub async fn replay(config: &Config, what: Replay) -> Result<ExitCode> {
    let database = Database::look(Place::of(&config.store)?).await?;
    let scratch = tempfile::tempdir().context("a scratch directory")?;
    let bench = Bench::new(config, &database, &what, scratch.path()).await?;
    let mut run = Run::default();
    let (from_ms, to_ms) = (what.from_ms, what.to_ms.unwrap_or(i64::MAX));
    let mut after = None;
    let mut progress = Progress::new("replay", Unit::Things("messages"), None);
    while run.report.messages < MESSAGES_MAX {
        let page = database.messages_between(from_ms, to_ms, after.as_ref(), PAGE).await?;
        let Some((last, last_ms)) = page.last().map(|one| (one.id(), one.received_ms)) else {
            break;
        };
        for message in page {
            bench.take(&mut run, message);
            progress.step(1);
        }
        after = Some((last_ms, last));
    }
    progress.end();
    database.close().await;
    run.name_people();
    bench.compose(&mut run, what.render.as_deref())?;
    if what.json {
        println!("{}", serde_json::to_string(&run.report)?);
    } else {
        run.report.print(&what, config.defaults.time_zone.zone());
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a time, or how long ago, as milliseconds since 1970.
///
/// # Errors
/// What is allowed.
pub fn moment(text: &str) -> Result<i64, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at.as_millisecond());
    }
    let ago: Span = text.parse().map_err(|_| {
        format!(
            "`{text}` is neither a time such as 2026-11-28T08:00Z nor a length such as 7d or 12h"
        )
    })?;
    let now = Timestamp::from_millisecond(clock::unix_ms()).map_err(|error| error.to_string())?;
    let at = now.to_zoned(TimeZone::UTC).checked_sub(ago).map_err(|error| error.to_string())?;
    Ok(at.timestamp().as_millisecond())
}

/// What messages are run through.
struct Bench {
    before: Guests,
    candidate: Serving,
    name: GuestName,
    preferences: Arc<Preferences>,
    rooms: HashMap<RoomId, Room>,
    members: HashMap<RoomId, Vec<bridge::member::Member>>,
    only: Vec<Pattern>,
    service: Address,
    zone: crate::config::Zone,
}

#[derive(Default)]
struct Run {
    report: Report,
    before: Mails,
    after: Mails,
    people: BTreeMap<String, (usize, usize)>,
}

impl Bench {
    async fn new(
        config: &Config,
        database: &Database,
        what: &Replay,
        scratch: &Path,
    ) -> Result<Self> {
        let maker = Maker::new(config, scratch)?;
        let preferences = Arc::new(Preferences::new(config));
        preferences.refresh(database).await?;
        let rows = database.guests().await?;
        let mut loaded = Vec::new();
        for row in rows.iter().filter(|row| !row.key.shadow) {
            let name: Arc<str> = row.key.name.as_str().into();
            if let Some(bytes) = database.component(&row.key).await? {
                loaded.push(Arc::new(maker.make(&name, &bytes, &row.key.name)?));
            }
        }
        let before = Guests::configured(&maker, Arc::clone(&preferences))?;
        before.put_loaded(loaded, Assignments::new(config, &rows));
        let bytes = maker.read(&what.file)?;
        let label: Arc<str> = what.name.as_str().into();
        let shown = what.file.display().to_string();
        let candidate = maker.make(&label, &bytes, &shown).context(shown)?;
        let pattern = |room: &String| {
            Pattern::try_from(room.clone()).map_err(|why| anyhow::anyhow!("--room {room}: {why}"))
        };
        let only = what.rooms.iter().map(pattern).collect::<Result<_>>()?;
        let (mut rooms, mut members) = (HashMap::new(), HashMap::new());
        for (room, _, people) in database.rooms().await? {
            members.insert(room.id.clone(), people.unwrap_or_default());
            rooms.insert(room.id.clone(), room);
        }
        let service = Address::new(config.chat.address.as_str());
        let zone = config.defaults.time_zone.clone();
        let name = what.name.clone();
        Ok(Self { before, candidate, name, preferences, rooms, members, only, service, zone })
    }

    /// Whether the candidate would be asked about the room.
    fn is_meant(&self, room: &Room) -> bool {
        if self.only.is_empty() {
            return self.before.of(room).name() == self.name.as_str();
        }
        let fits = |pattern: &Pattern| pattern.fits(&room.name) || pattern.fits(room.id.as_str());
        self.only.iter().any(fits)
    }

    fn take(&self, run: &mut Run, message: Message) {
        let Some(room) = self.rooms.get(&message.room).filter(|room| self.is_meant(room)) else {
            return;
        };
        let members = self.members.get(&message.room);
        if matches!(message.kind, Kind::Gap { .. }) || message.author.address == self.service {
            return;
        }
        run.report.messages += 1;
        let message = Arc::new(message);
        let serving = self.before.of(room);
        let members = self.preferences.in_room(room).dress(members.cloned().unwrap_or_default());
        let offer = Arc::new(Offer::new(&message, members, &self.service, 1));
        let input = translate::plan_input(&message, room, &offer, self.zone.zone());
        let plan = |serving: &Serving, side: &mut Side| -> Plan {
            match self.before.ask(serving, |guest| plan_by(guest, &input, &offer)) {
                Asked::Answer(plan) => plan,
                Asked::Instead(plan, why) => {
                    side.fail(why);
                    plan
                }
                Asked::Held(why) => held(&offer, &side.fail(why)),
                Asked::Busy => Plan::fallback(&offer, &side.fail(BUSY.to_owned())),
                Asked::Failed(why) => Plan::fallback(&offer, &side.fail(why)),
            }
        };
        let mut before = plan(&serving, &mut run.report.before);
        let mut after = plan(&self.candidate, &mut run.report.after);
        let here = self.preferences.in_room(room);
        here.overrule(&mut before);
        here.overrule(&mut after);
        run.report.before.guest = serving.guest().guest().name().to_owned();
        run.report.after.guest = self.candidate.guest().guest().name().to_owned();
        run.note(&PlanDifference::between(&before, &after), &before, &after);
        run.before.add(&message, room, before, &self.preferences);
        run.after.add(&message, room, after, &self.preferences);
    }

    fn compose(&self, run: &mut Run, render: Option<&Path>) -> Result<()> {
        if let Some(folder) = render {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        let Run { report, before, after, .. } = run;
        let by_before = |mail: &Mail| {
            let room = mail.items.first().and_then(|(message, ..)| self.rooms.get(&message.room));
            room.map(|room| self.before.of(room))
        };
        report.before.sum(before, &self.zone);
        report.after.sum(after, &self.zone);
        self.texts(&mut report.before, before, by_before, render.map(|folder| (folder, "before")))?;
        let candidate = |_: &Mail| None;
        self.texts(&mut report.after, after, candidate, render.map(|folder| (folder, "after")))
    }

    /// Composes each text once; by the candidate where no other guest is named.
    fn texts(
        &self,
        side: &mut Side,
        mails: &Mails,
        by: impl Fn(&Mail) -> Option<Arc<Serving>>,
        render: Option<(&Path, &str)>,
    ) -> Result<()> {
        let mut texts: HashMap<String, u64> = HashMap::new();
        for mail in mails.all() {
            let share = mail.share().as_str().to_owned();
            if let Some(bytes) = texts.get(&share) {
                side.bytes += bytes;
                continue;
            }
            if texts.len() >= TEXTS_MAX {
                continue;
            }
            let serving = by(mail);
            let serving = serving.as_deref().unwrap_or(&self.candidate);
            let ask = |call: &dyn Fn(&InService) -> Result<Composition, AskError>| {
                self.before.ask(serving, call)
            };
            let asked = mail.compose(ask, &self.rooms, &self.zone);
            if let Asked::Instead(_, why) | Asked::Held(why) | Asked::Failed(why) = &asked {
                side.fail(why.clone());
            }
            let bytes = match asked {
                Asked::Answer(composition) | Asked::Instead(composition, _) => {
                    if let Some((folder, name)) = render.filter(|_| texts.len() < RENDERED_MAX) {
                        write(folder, &format!("{:02}-{name}", texts.len() + 1), &composition)?;
                    }
                    u64::try_from(composition.html.len() + composition.text.len())?
                }
                Asked::Busy | Asked::Held(_) | Asked::Failed(_) => 0,
            };
            side.bytes += bytes;
            texts.insert(share, bytes);
        }
        Ok(())
    }
}

/// What waits for its guest is mailed to nobody for now.
fn held(offer: &Offer, why: &str) -> Plan {
    let mut plan = Plan::fallback(offer, why);
    for decision in &mut plan.decisions {
        (decision.action, decision.reason) = (Action::Skip, HELD.into());
    }
    plan
}

fn write(folder: &Path, name: &str, composition: &Composition) -> Result<()> {
    let cleaned = crate::mail::document::clean(&composition.html);
    let html =
        crate::mail::document::wrap(&composition.subject, &composition.preview, "", &cleaned, "");
    for (ending, text) in [("html", &html), ("txt", &composition.text)] {
        let file = folder.join(format!("{name}.{ending}"));
        std::fs::write(&file, text).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

impl Run {
    fn note(&mut self, difference: &PlanDifference, before: &Plan, after: &Plan) {
        let report = &mut self.report;
        report.gain += difference.gain;
        report.lose += difference.lose;
        report.sooner += difference.sooner;
        report.later += difference.later;
        report.messages_that_differ += usize::from(!difference.is_none());
        for (was, is) in before.decisions.iter().zip(&after.decisions) {
            let skips = |action: Action| action == Action::Skip;
            let (gain, lose) =
                (skips(was.action) && !skips(is.action), !skips(was.action) && skips(is.action));
            if gain || lose {
                let person = was.member.person.address.as_str().to_owned();
                let counts = self.people.entry(person).or_default();
                *counts = (counts.0 + usize::from(gain), counts.1 + usize::from(lose));
            }
        }
    }

    /// Those for whom most changes.
    fn name_people(&mut self) {
        let mut people: Vec<_> = self
            .people
            .iter()
            .map(|(person, (gain, lose))| (person.clone(), *gain, *lose))
            .collect();
        people.sort_by_key(|(_, gain, lose)| std::cmp::Reverse(gain + lose));
        people.truncate(NAMED_MAX);
        self.report.people = people;
    }
}

impl Side {
    fn fail(&mut self, why: String) -> String {
        self.failures += 1;
        self.failure.get_or_insert_with(|| why.clone());
        why
    }

    fn sum(&mut self, mails: &Mails, zone: &crate::config::Zone) {
        let (mut days, mut people) = (BTreeMap::<(String, i64), usize>::new(), BTreeSet::new());
        for mail in mails.all() {
            self.mails += 1;
            let person = mail.person.address.as_str().to_owned();
            people.insert(person.clone());
            *days.entry((person, day(zone.zone(), mail.due_ms))).or_default() += 1;
        }
        self.people = people.len();
        self.mails_a_person_a_day_max = days.values().copied().max().unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "a mean, for people to read")]
        let (mails, days) = (self.mails as f64, days.len().max(1) as f64);
        self.mails_a_person_a_day = mails / days;
    }
}

impl Report {
    fn print(&self, what: &Replay, zone: &TimeZone) {
        println!(
            "{} messages since {}, through the members and settings of today",
            self.messages,
            time(what.from_ms, zone)
        );
        if self.messages == 0 {
            println!("nothing to compare: try an earlier --from, or other rooms");
            return;
        }
        let (before, after) = (&self.before, &self.after);
        println!("{:<38} {:>14} {:>14}", "", "before", "after");
        println!("{:<38} {:>14} {:>14}", "guest", before.guest, shortened(&after.guest));
        println!("{:<38} {:>14} {:>14}", "mails", before.mails, after.mails);
        println!("{:<38} {:>14} {:>14}", "people who get any", before.people, after.people);
        println!(
            "{:<38} {:>14.2} {:>14.2}",
            "mails a person on a day with any",
            before.mails_a_person_a_day,
            after.mails_a_person_a_day
        );
        println!(
            "{:<38} {:>14} {:>14}",
            "most on one day", before.mails_a_person_a_day_max, after.mails_a_person_a_day_max
        );
        println!("{:<38} {:>14} {:>14}", "bytes of HTML and text", before.bytes, after.bytes);
        println!("{:<38} {:>14} {:>14}", "failures", before.failures, after.failures);
        for failure in before.failure.iter().chain(&after.failure) {
            println!("    {failure}");
        }
        println!(
            "{} messages are planned otherwise: {} times somebody gains one, {} times loses one, {} times gets it sooner, {} times later",
            self.messages_that_differ, self.gain, self.lose, self.sooner, self.later
        );
        for (person, gain, lose) in &self.people {
            println!("    {person}: gains {gain}, loses {lose}");
        }
        if let Some(folder) = &what.render {
            println!("mails before and after are in {}", folder.display());
        }
    }
}

/// The end of a long file name.
fn shortened(name: &str) -> &str {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.char_indices().rev().nth(13).map_or(file, |(at, _)| file.get(at..).unwrap_or(file))
}
