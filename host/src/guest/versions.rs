//! The versions of the contract that this host speaks. A guest is asked in the terms of the one that
//! it was built against; everybody else knows only the newest.

use wasmtime::component::{self, Component, ComponentExportIndex, HasSelf, InstancePre, Linker};
use wasmtime::{Engine, Store};

use super::call::PlanInput;
use super::imports::State;
use super::types::{Cohort, Edition, Group, Mail, Message, Room};
use super::{INTERFACE_VERSION, bindings, cohorts, v0_1, v0_2};

/// What the contract's interfaces are called, before their own name.
pub(super) const PACKAGE: &str = "chat-digest:guest/";

/// The oldest version of the contract that this host speaks.
pub const INTERFACE_VERSION_OLDEST: &str = "0.1.0";

/// What a guest answers: its trap outside, its own error inside.
type Asked<T> = wasmtime::Result<Result<T, String>>;

/// A version of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// Published with the first release.
    V0_1,
    /// Guests are told of each member by himself.
    V0_2,
    /// [`INTERFACE_VERSION`].
    V0_3,
}

impl Version {
    /// The version whose track `version` is on.
    pub(super) fn of(version: &str) -> Result<Self, Unspoken> {
        match track(version) {
            Some([0, 1]) => Ok(Self::V0_1),
            Some([0, 2]) => Ok(Self::V0_2),
            Some([0, 3]) => Ok(Self::V0_3),
            Some(wanted) if Some(wanted) > track(INTERFACE_VERSION) => Err(Unspoken::Future),
            _ => Err(Unspoken::Unknown),
        }
    }
}

/// Why a version is not spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unspoken {
    /// It came after this host.
    Future,
    /// It never was.
    Unknown,
}

/// What must be the same for two versions to get along, while the first number is 0; above it, the
/// second number may differ.
fn track(version: &str) -> Option<[u64; 2]> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    match (numbers.next()??, numbers.next()??) {
        (0, minor) => Some([0, minor]),
        (major, _) => Some([major, 0]),
    }
}

/// Offers the imports of every version.
pub(super) fn offer(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    bindings::Guest::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    v0_1::Guest::add_to_linker::<_, HasSelf<State>>(linker, |state| state)?;
    v0_2::Guest::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

/// The first import that is named after the contract.
pub(super) fn wanted(engine: &Engine, component: &Component) -> Option<String> {
    let ty = component.component_type();
    let mut imports = ty.imports(engine);
    imports.find_map(|(name, _)| {
        let (interface, version) = name.split_once('@')?;
        interface.starts_with(PACKAGE).then(|| version.to_owned())
    })
}

/// A guest that is ready to be instantiated.
pub(super) enum Prepared {
    V0_1(v0_1::GuestPre<State>),
    V0_2(v0_2::GuestPre<State>),
    V0_3(bindings::GuestPre<State>, Exports),
}

/// Where the functions of the newest version are. Their types are compared with those of a component
/// whenever they are looked up, which takes a while for an edition: a call looks up the one that it wants.
#[derive(Clone, Copy)]
pub(super) struct Exports {
    plan: ComponentExportIndex,
    compose: ComponentExportIndex,
}

impl Exports {
    fn of(component: &Component) -> wasmtime::Result<Self> {
        let index = |name| {
            let found = component.get_export_index(None, name);
            found.ok_or_else(|| wasmtime::format_err!("it does not export `{name}`"))
        };
        Ok(Self { plan: index("plan")?, compose: index("compose")? })
    }
}

impl Prepared {
    /// Finds the exports of a version, with their types.
    pub(super) fn new(version: Version, pre: InstancePre<State>) -> wasmtime::Result<Self> {
        Ok(match version {
            Version::V0_1 => Self::V0_1(v0_1::GuestPre::new(pre)?),
            Version::V0_2 => Self::V0_2(v0_2::GuestPre::new(pre)?),
            Version::V0_3 => {
                let exports = Exports::of(pre.component())?;
                Self::V0_3(bindings::GuestPre::new(pre)?, exports)
            }
        })
    }

    /// The component that was prepared.
    pub(super) fn component(&self) -> &Component {
        match self {
            Self::V0_1(pre) => pre.instance_pre().component(),
            Self::V0_2(pre) => pre.instance_pre().component(),
            Self::V0_3(pre, _) => pre.instance_pre().component(),
        }
    }

    pub(super) fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Instance> {
        Ok(match self {
            Self::V0_1(pre) => Instance::V0_1(pre.instantiate(store)?),
            Self::V0_2(pre) => Instance::V0_2(pre.instantiate(store)?),
            Self::V0_3(pre, exports) => {
                Instance::V0_3(pre.instance_pre().instantiate(store)?, *exports)
            }
        })
    }
}

/// A guest in the one instance of a call.
pub(super) enum Instance {
    V0_1(v0_1::Guest),
    V0_2(v0_2::Guest),
    V0_3(component::Instance, Exports),
}

impl Instance {
    pub(super) fn plan(&self, store: &mut Store<State>, input: &PlanInput) -> Asked<Vec<Group>> {
        match self {
            Self::V0_1(guest) => v0_1::plan(guest, store, input),
            Self::V0_2(guest) => {
                guest.call_plan(store, &input.room, &input.message, &input.members)
            }
            Self::V0_3(guest, exports) => {
                type Arguments<'a> = (&'a Room, &'a Message, &'a [Cohort]);
                let plan = guest.get_typed_func::<Arguments<'_>, (Result<Vec<Group>, String>,)>(
                    &mut *store,
                    &exports.plan,
                )?;
                let cohorts = cohorts::of(&input.members);
                Ok(plan.call(store, (&input.room, &input.message, &cohorts))?.0)
            }
        }
    }

    pub(super) fn compose(&self, store: &mut Store<State>, edition: &Edition) -> Asked<Mail> {
        match self {
            Self::V0_1(guest) => v0_1::compose(guest, store, edition),
            Self::V0_2(guest) => guest.call_compose(store, edition),
            Self::V0_3(guest, exports) => {
                let compose = guest.get_typed_func::<(&Edition,), (Result<Mail, String>,)>(
                    &mut *store,
                    &exports.compose,
                )?;
                Ok(compose.call(store, (edition,))?.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

    use std::collections::BTreeMap;
    use std::path::Path;

    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn a_version_is_spoken_by_its_track() {
        for (version, spoken) in [
            ("0.1.0", Ok(Version::V0_1)),
            ("0.1.9", Ok(Version::V0_1)),
            (INTERFACE_VERSION_OLDEST, Ok(Version::V0_1)),
            ("0.2.0", Ok(Version::V0_2)),
            (INTERFACE_VERSION, Ok(Version::V0_3)),
            ("0.4.0", Err(Unspoken::Future)),
            ("0.10.0", Err(Unspoken::Future)),
            ("1.0.0", Err(Unspoken::Future)),
            ("0.0.9", Err(Unspoken::Unknown)),
            ("", Err(Unspoken::Unknown)),
            ("0", Err(Unspoken::Unknown)),
            ("x.y", Err(Unspoken::Unknown)),
        ] {
            assert_eq!(Version::of(version), spoken, "{version}");
        }
    }

    /// Guests have been built against it: an edit would make them unloadable, or change what they
    /// are told. Write a new version beside it.
    #[test]
    fn what_was_published_is_never_edited() {
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let published = std::fs::read_to_string(wit.join("PUBLISHED")).unwrap();
        let noted: BTreeMap<_, _> =
            published.lines().filter_map(|line| line.split_once(' ')).collect();
        let folders = std::fs::read_dir(&wit).unwrap().map(|entry| entry.unwrap().path());
        let versions: Vec<_> = folders.filter(|path| path.is_dir()).collect();
        assert_eq!(versions.len(), noted.len(), "wit/PUBLISHED names every folder of wit/");
        for folder in versions {
            let version = folder.file_name().unwrap().to_str().unwrap();
            let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap()).collect();
            let [file] = files.as_slice() else { panic!("wit/{version} holds one file") };
            let bytes = std::fs::read(file.path()).unwrap();
            let sum: String =
                Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(
                noted.get(version),
                Some(&&*sum),
                "wit/{version} is published and was edited: write a new version beside it"
            );
        }
        for version in [INTERFACE_VERSION_OLDEST, INTERFACE_VERSION] {
            assert!(noted.contains_key(version), "{version} is not published");
        }
    }
}
