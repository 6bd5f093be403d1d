//! Looks for guests that were loaded, unloaded or replaced, and puts them in service: compiled and
//! tried beside the running ones, then switched all at once. One that is no good is refused, and the
//! one in service stays.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tracing::{error, info};

use super::{Assignments, Guests, Maker, Serving, Table};
use crate::{
    chat::stop_asked,
    clock,
    config::{Config, GuestName},
    database::{Database, Error, GuestKey, GuestReport, GuestRow, GuestState},
    leases::Leases,
    notices::Notices,
};

/// How often it is looked whether anything has changed.
const LOOK: Duration = Duration::from_secs(1);
/// How often the counts are told.
const TELL: Duration = Duration::from_secs(10);

/// What guests are called, and whether they are candidates.
type Places = BTreeMap<(Arc<str>, bool), Arc<Serving>>;

/// Keeps the guests in service up to date.
pub struct Keeper {
    config: Arc<Config>,
    maker: Arc<Maker>,
    guests: Arc<Guests>,
    database: Database,
    leases: Arc<Leases>,
    notices: Notices,
    /// What the database said of the loaded ones when they were read.
    read: Option<String>,
    /// The state of each configured file when it was read.
    files: BTreeMap<Arc<str>, Stamp>,
    /// What was refused, and why.
    refused: BTreeMap<(Arc<str>, bool), (String, String)>,
    told: Option<std::time::Instant>,
}

/// Tells whether a file was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    changed: Option<SystemTime>,
}

impl Keeper {
    /// Prepares to keep `guests`, which were made by `maker`.
    #[must_use]
    pub fn new(
        config: Arc<Config>,
        maker: Arc<Maker>,
        guests: Arc<Guests>,
        database: Database,
        leases: Arc<Leases>,
        notices: Notices,
    ) -> Self {
        let files =
            maker.names().filter_map(|name| Some((Arc::clone(name), stamp(maker.file(name)?)?)));
        Self {
            files: files.collect(),
            config,
            maker,
            guests,
            database,
            leases,
            notices,
            read: None,
            refused: BTreeMap::new(),
            told: None,
        }
    }

    /// Runs until `stop` turns true.
    pub async fn run(mut self, stop: watch::Receiver<bool>) {
        loop {
            if let Err(error) = self.round().await {
                error!("guests: {error}");
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop_asked(stop.clone()) => return,
            }
        }
    }

    /// Takes up what has changed; called once before any message is planned.
    ///
    /// # Errors
    /// If the database fails: nothing is changed then.
    pub async fn round(&mut self) -> Result<(), Error> {
        let loaded = self.database.guests_loaded().await?;
        let files = self.files_now();
        if self.read.as_ref() != Some(&loaded) || files != self.files {
            let replaced =
                files.iter().filter(|(name, stamp)| self.files.get(*name) != Some(stamp));
            let replaced: Vec<_> = replaced.map(|(name, _)| Arc::clone(name)).collect();
            let rows = self.database.guests().await?;
            self.take_up(&rows, &replaced).await?;
            (self.read, self.files) = (Some(loaded), files);
            self.told = None;
        }
        let now = clock::now().instant;
        if self.told.is_none_or(|told| now.duration_since(told) >= TELL) && !self.leases.is_lost() {
            let reports = self.reports();
            for report in &reports {
                self.notify(report).await?;
            }
            self.database.report_guests(reports).await?;
            self.told = Some(now);
        }
        Ok(())
    }

    fn files_now(&self) -> BTreeMap<Arc<str>, Stamp> {
        let now = self.maker.names().filter_map(|name| {
            let file = self.maker.file(name)?;
            // One that is gone for a moment, as while it is replaced, has not changed.
            let stamp = stamp(file).or_else(|| self.files.get(name).copied())?;
            Some((Arc::clone(name), stamp))
        });
        now.collect()
    }

    /// Makes the table anew: what has not changed stays as it is, with its counts.
    async fn take_up(&mut self, rows: &[GuestRow], replaced: &[Arc<str>]) -> Result<(), Error> {
        let present = self.guests.table();
        let mut places = Places::new();
        let mut refused = std::mem::take(&mut self.refused);
        for row in rows {
            let place = (Arc::from(row.key.name.as_str()), row.key.shadow);
            let before = at(&present, &place);
            let is_same =
                |before: &&Arc<Serving>| before.digest() == row.digest && before.is_loaded();
            if let Some(before) = before.filter(is_same) {
                places.insert(place, Arc::clone(before));
                continue;
            }
            if refused.get(&place).is_some_and(|(digest, _)| *digest == row.digest) {
                places.extend(before.map(|before| (place, Arc::clone(before))));
                continue;
            }
            let Some(bytes) = self.database.component(&row.key).await? else { continue };
            let title = row.key.name.clone();
            match self
                .make(&place.0, move |maker, name| {
                    maker.make(name, &bytes, &title).map(Serving::loaded)
                })
                .await
            {
                Ok(made) => {
                    refused.remove(&place);
                    told_in_service(&made, row.key.shadow);
                    places.insert(place, Arc::new(made));
                }
                Err(why) => {
                    told_refused(&row.key, &why);
                    refused.insert(place.clone(), (row.digest.clone(), format!("{why:#}")));
                    places.extend(before.map(|before| (place, Arc::clone(before))));
                }
            }
        }
        self.configured(&present, replaced, &mut places, &mut refused).await;
        refused.retain(|(name, shadow), _| {
            let is_loaded = |row: &GuestRow| *row.key.name == **name && row.key.shadow == *shadow;
            rows.iter().any(is_loaded) || (!shadow && self.maker.file(name).is_some())
        });
        self.refused = refused;
        let mut table = Table { serving: BTreeMap::new(), shadows: BTreeMap::new() };
        for ((name, shadow), serving) in places {
            let side = if shadow { &mut table.shadows } else { &mut table.serving };
            side.insert(name, serving);
        }
        self.guests.put(table, Assignments::new(&self.config, rows));
        Ok(())
    }

    /// The configured guests in whose place none was loaded.
    async fn configured(
        &self,
        present: &Table,
        replaced: &[Arc<str>],
        places: &mut Places,
        refused: &mut BTreeMap<(Arc<str>, bool), (String, String)>,
    ) {
        for name in self.maker.names() {
            let place = (Arc::clone(name), false);
            if places.contains_key(&place) {
                continue;
            }
            let before = present.serving.get(name);
            let stays = |before: &&Arc<Serving>| !before.is_loaded() && !replaced.contains(name);
            if let Some(before) = before.filter(stays) {
                places.insert(place, Arc::clone(before));
                continue;
            }
            match self.make(name, Maker::proven).await {
                Ok(made) => {
                    refused.remove(&place);
                    told_in_service(&made, false);
                    places.insert(place, Arc::new(made));
                }
                Err(why) => {
                    let key = GuestKey { name: name.to_string(), shadow: false };
                    told_refused(&key, &why);
                    refused.insert(place.clone(), ("in the file".to_owned(), format!("{why:#}")));
                    places.extend(before.map(|before| (place, Arc::clone(before))));
                }
            }
        }
    }

    /// Compiles and tries a guest where that holds up nobody.
    async fn make(
        &self,
        name: &Arc<str>,
        make: impl FnOnce(&Maker, &Arc<str>) -> Result<Serving> + Send + 'static,
    ) -> Result<Serving> {
        let (maker, name) = (Arc::clone(&self.maker), Arc::clone(name));
        let made = tokio::task::spawn_blocking(move || make(&maker, &name));
        made.await.context("making the guest")?
    }

    /// Tells the administrator of a guest that is not asked any more, and of one that was refused.
    async fn notify(&self, report: &GuestReport) -> Result<(), Error> {
        let Some(why) = &report.why else { return Ok(()) };
        let GuestReport { key: GuestKey { name, shadow }, digest, state, .. } = report;
        let about = format!("guest {name} {shadow} {digest} {state}");
        let subject = format!("chat-digest: the guest {name} is {state}");
        let candidate = if *shadow { " --shadow" } else { "" };
        let words = format!(
            "The guest {name} is {state}: {why}.\n\nWhat takes its place stands under on_failure in the configuration. \
             Put it right and load it again:\n\n    chat-digest guest load FILE --config FILE --name {name}{candidate}\n\n\
             How it is doing: chat-digest guest list --config FILE",
        );
        self.notices.tell(&about, &subject, &words).await
    }

    fn reports(&self) -> Vec<GuestReport> {
        let table = self.guests.table();
        let sides = [(&table.serving, false), (&table.shadows, true)];
        let serving = sides.into_iter().flat_map(|(side, shadow)| {
            side.iter().map(move |(name, serving)| report(name, shadow, serving))
        });
        let refused = self.refused.iter().map(|((name, shadow), (digest, why))| {
            let key = GuestKey { name: name.to_string(), shadow: *shadow };
            let (digest, why) = (digest.clone(), Some(why.clone()));
            GuestReport { key, digest, state: "refused".to_owned(), why, calls: 0, failures: 0 }
        });
        // Of a place with a refused guest, that is told.
        serving.chain(refused).collect()
    }
}

fn at<'t>(table: &'t Table, (name, shadow): &(Arc<str>, bool)) -> Option<&'t Arc<Serving>> {
    if *shadow { table.shadows.get(name) } else { table.serving.get(name) }
}

fn report(name: &Arc<str>, shadow: bool, serving: &Serving) -> GuestReport {
    let (calls, failures) = serving.counts();
    let why = serving.out_of_service();
    GuestReport {
        key: GuestKey { name: name.to_string(), shadow },
        digest: serving.digest().to_owned(),
        state: if why.is_some() { "out of service" } else { GuestState::IN_SERVICE }.to_owned(),
        why,
        calls,
        failures,
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(file).ok()?;
    Some(Stamp { bytes: metadata.len(), changed: metadata.modified().ok() })
}

fn told_in_service(made: &Serving, shadow: bool) {
    let how = if shadow { "runs beside the one in service" } else { "is in service" };
    info!(guest = made.name(), digest = made.digest(), "guest: it {how}");
}

fn told_refused(key: &GuestKey, why: &anyhow::Error) {
    let name = &key.name;
    let stays = if name == GuestName::DEFAULT {
        "the one in service stays"
    } else {
        "what was in its place stays"
    };
    error!("guest: the new guest `{name}` is refused, and {stays}: {why:#}");
}
