//! From bytes to a guest that may be put in service.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result};

use super::{Serving, probe::probe};
use crate::{
    config::{Config, Failures, GuestName, OnFailure},
    guest::{PREBUILT, Sandbox},
    in_service::{InService, limits},
    latest::Latest,
    translate::{self, Attributes},
};

/// What errors and the log call the guest that ships with the host.
const BUILT_IN: &str = "built-in";

/// Makes guests: one sandbox, one cache of compiled code, and what the configuration says.
pub struct Maker {
    sandbox: Sandbox,
    cache: PathBuf,
    attributes: Arc<Latest<Attributes>>,
    configured: BTreeMap<Arc<str>, Configured>,
    others: Configured,
}

/// What the configuration says of a guest.
struct Configured {
    file: Option<PathBuf>,
    settings: Arc<BTreeMap<String, String>>,
    on_failure: OnFailure,
    failures: Failures,
}

impl Maker {
    /// Prepares the sandbox; `cache` is a directory for compiled code.
    ///
    /// # Errors
    /// If the sandbox cannot be made.
    pub fn new(config: &Config, cache: &Path) -> Result<Self> {
        let limits = limits(&config.guest);
        let sandbox = Sandbox::new(&limits).context("the sandbox for guests cannot be made")?;
        let default = Configured {
            file: config.guest.file.clone(),
            settings: Arc::new(config.guest.settings.clone()),
            on_failure: config.guest.on_failure,
            failures: config.guest.failures,
        };
        let (on_failure, failures) = (default.on_failure, default.failures);
        let others = Configured { file: None, settings: Arc::default(), on_failure, failures };
        let mut configured = BTreeMap::from([(Arc::from(GuestName::DEFAULT), default)]);
        for guest in &config.guests {
            let settings = Arc::new(guest.settings.clone());
            let on_failure = guest.on_failure.unwrap_or(others.on_failure);
            let failures = guest.failures.unwrap_or(others.failures);
            let file = guest.file.clone();
            configured.insert(
                guest.name.as_str().into(),
                Configured { file, settings, on_failure, failures },
            );
        }
        let attributes = Arc::new(Latest::new(translate::attributes(config)));
        Ok(Self { sandbox, cache: cache.to_owned(), attributes, configured, others })
    }

    /// Takes over what another configuration says of people, for all guests; what it says of guests
    /// stays as it was.
    pub fn reconfigure(&self, config: &Config) {
        self.attributes.put(translate::attributes(config));
    }

    /// The configured guests.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.configured.keys()
    }

    /// The file of a configured guest, if it has one.
    pub(super) fn file(&self, name: &str) -> Option<&Path> {
        self.configured.get(name).and_then(|one| one.file.as_deref())
    }

    /// The guest that ships with the host, without settings.
    ///
    /// # Errors
    /// If the sandbox does not take it.
    pub fn built_in(&self) -> Result<InService> {
        self.load(PREBUILT, BUILT_IN, &Arc::default())
    }

    /// A configured guest, from its file or the one that ships with the host. It is not tried with
    /// samples: a host that starts takes what it was given, and has the built-in guest behind it.
    ///
    /// # Errors
    /// If the file cannot be read or is no guest.
    pub fn configured(&self, name: &Arc<str>) -> Result<Serving> {
        match self.file(name) {
            None => self.untried(name, PREBUILT, BUILT_IN),
            Some(path) => {
                let shown = path.display();
                let key = match &**name {
                    GuestName::DEFAULT => "guest.file".to_owned(),
                    name => format!("guests.file of `{name}`"),
                };
                let bytes = self.read(path).with_context(|| key.clone())?;
                let title = path
                    .file_name()
                    .map_or_else(|| shown.to_string(), |name| name.to_string_lossy().into_owned());
                self.untried(name, &bytes, &title).with_context(|| format!("{key}: {shown}"))
            }
        }
    }

    /// A configured guest that has answered the samples as one should.
    ///
    /// # Errors
    /// As for [`Maker::configured`], or if it did not.
    pub fn proven(&self, name: &Arc<str>) -> Result<Serving> {
        let serving = self.configured(name)?;
        if self.file(name).is_some() {
            probe(serving.guest()).with_context(|| format!("the guest `{name}`"))?;
        }
        Ok(serving)
    }

    /// A component's bytes.
    ///
    /// # Errors
    /// If the file cannot be read, or is larger than what is loaded.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let shown = path.display();
        let length = std::fs::metadata(path).with_context(|| shown.to_string())?.len();
        let bytes_max = u64::try_from(self.sandbox.limits().component_bytes_max)?;
        anyhow::ensure!(
            length <= bytes_max,
            "{shown}: {length} bytes, at most {bytes_max} are loaded"
        );
        std::fs::read(path).with_context(|| shown.to_string())
    }

    /// A guest under a name, from its bytes: compiled, and tried with sample messages. `title` is
    /// what errors call it.
    ///
    /// # Errors
    /// If it is no guest, or does not answer as one should.
    pub fn make(&self, name: &Arc<str>, bytes: &[u8], title: &str) -> Result<Serving> {
        let serving = self.untried(name, bytes, title)?;
        // The one that ships with the host was tried when it was built.
        if bytes != PREBUILT {
            probe(serving.guest())?;
        }
        Ok(serving)
    }

    fn untried(&self, name: &Arc<str>, bytes: &[u8], title: &str) -> Result<Serving> {
        let what = self.configured.get(name).unwrap_or(&self.others);
        let guest = self.load(bytes, title, &what.settings)?;
        Ok(Serving::new(Arc::clone(name), guest, what.on_failure, what.failures))
    }

    /// Compiles a component into the cache; whatever is wrong with it is told when it is made.
    pub(crate) fn compile(&self, bytes: &[u8]) {
        let _ = self.sandbox.load(bytes, BUILT_IN, Some(&self.cache));
    }

    fn load(
        &self,
        bytes: &[u8],
        title: &str,
        settings: &Arc<BTreeMap<String, String>>,
    ) -> Result<InService> {
        let guest = self.sandbox.load(bytes, title, Some(&self.cache))?;
        Ok(InService::new(guest, Arc::clone(settings), Arc::clone(&self.attributes)))
    }
}
