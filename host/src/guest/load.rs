//! From bytes to a guest: what is wrong is found here, before any message depends on it.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::types::{self, ComponentItem};
use wasmtime::component::{Component, Linker};

use super::engine::{Limits, Sandbox};
use super::errors::{GuestId, LoadError};
use super::imports::State;
use super::versions::{PACKAGE, Prepared, Unspoken, Version, wanted};
use super::wasi::{self, is_wasi};
use super::{INTERFACE_VERSION, cache};

/// All functions that a guest may import.
const OFFERED: [(&str, &[&str]); 4] = [
    ("types", &[]),
    ("directory", &["name", "attribute"]),
    ("settings", &["get"]),
    ("log", &["write"]),
];

/// A component that is ready to be called. Cheap to clone.
#[derive(Clone)]
pub struct Guest {
    pub(super) sandbox: Sandbox,
    loaded: Arc<Loaded>,
}

struct Loaded {
    id: GuestId,
    interface_version: String,
    instances: Prepared,
}

impl std::fmt::Debug for Guest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guest").field("id", &self.loaded.id).finish_non_exhaustive()
    }
}

impl Guest {
    /// Its name in the configuration.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.loaded.id.name
    }

    /// SHA-256 of the component, in hex.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.loaded.id.digest
    }

    /// Name and digest.
    #[must_use]
    pub fn id(&self) -> &GuestId {
        &self.loaded.id
    }

    /// The version of the contract that it was built against.
    #[must_use]
    pub fn interface_version(&self) -> &str {
        &self.loaded.interface_version
    }

    /// What a call of it may use up.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.sandbox.limits
    }

    /// Everything that it imports by name: interfaces, of which WASI's are denied.
    #[must_use]
    pub fn imports(&self) -> Vec<String> {
        self.surface(|ty, engine| {
            let acts = ty.imports(engine).filter(|(_, i)| !matches!(i.ty, ComponentItem::Type(_)));
            acts.map(|(name, _)| name.to_owned()).collect()
        })
    }

    /// Everything that it exports by name.
    #[must_use]
    pub fn exports(&self) -> Vec<String> {
        self.surface(|ty, engine| ty.exports(engine).map(|(name, _)| name.to_owned()).collect())
    }

    fn surface<T>(&self, look: impl FnOnce(&types::Component, &Engine) -> T) -> T {
        let component = self.loaded.instances.component();
        look(&component.component_type(), &self.sandbox.engine)
    }

    pub(super) fn instances(&self) -> &Prepared {
        &self.loaded.instances
    }

    pub(super) fn load(
        sandbox: &Sandbox,
        bytes: &[u8],
        name: &str,
        cache: Option<&Path>,
    ) -> Result<Self, LoadError> {
        let id = GuestId { name: name.to_owned(), digest: hex(&Sha256::digest(bytes)) };
        check_header(&id, bytes, sandbox.limits.component_bytes_max)?;
        let component = component(sandbox, &id, bytes, cache)?;
        let interface_version =
            wanted(&sandbox.engine, &component).unwrap_or_else(|| INTERFACE_VERSION.to_owned());
        let version = version(&id, &interface_version)?;
        check_imports(sandbox, &id, &component, version)?;
        check_exports(sandbox, &id, &component)?;
        let mismatch = |e: wasmtime::Error| LoadError::Mismatch {
            guest: id.clone(),
            version: interface_version.clone(),
            detail: first_line(&e),
        };
        let linker = linker(sandbox, &component).map_err(mismatch)?;
        let instances =
            linker.instantiate_pre(&component).and_then(|pre| Prepared::new(version, pre));
        let instances = instances.map_err(mismatch)?;
        let loaded = Arc::new(Loaded { id, interface_version, instances });
        Ok(Self { sandbox: sandbox.clone(), loaded })
    }
}

fn check_header(id: &GuestId, bytes: &[u8], bytes_max: usize) -> Result<(), LoadError> {
    let guest = id.clone();
    match bytes {
        _ if bytes.len() > bytes_max => {
            Err(LoadError::TooLarge { guest, bytes: bytes.len(), bytes_max })
        }
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(LoadError::CoreModule(guest)),
        [0, b'a', b's', b'm', ..] => Ok(()),
        _ => Err(LoadError::NotWasm(guest)),
    }
}

fn component(
    sandbox: &Sandbox,
    id: &GuestId,
    bytes: &[u8],
    cache: Option<&Path>,
) -> Result<Component, LoadError> {
    let cache = cache.map(|folder| cache::Cache::new(folder, &sandbox.engine, &id.digest));
    if let Some(component) = cache.as_ref().and_then(|cache| cache.read(&sandbox.engine)) {
        return Ok(component);
    }
    let component = Component::from_binary(&sandbox.engine, bytes)
        .map_err(|e| uncompiled(id.clone(), first_line(&e)))?;
    if let Some(cache) = cache {
        cache.write(&component);
    }
    Ok(component)
}

/// Says why a component could not be compiled. What it declares is compared with the pool's places,
/// for which wasmtime has no error type.
fn uncompiled(guest: GuestId, detail: String) -> LoadError {
    match detail.split_once("pooling allocator requirements: ") {
        Some((_, detail)) => LoadError::Demanding { guest, detail: detail.to_owned() },
        None => LoadError::Malformed { guest, detail },
    }
}

/// The version of the contract that a guest is asked in.
fn version(id: &GuestId, found: &str) -> Result<Version, LoadError> {
    let (guest, found) = (id.clone(), found.to_owned());
    Version::of(&found).map_err(|unspoken| match unspoken {
        Unspoken::Future => LoadError::Future { guest, found },
        Unspoken::Unknown => LoadError::Version { guest, found },
    })
}

/// Refuses what is not offered, by name.
fn check_imports(
    sandbox: &Sandbox,
    id: &GuestId,
    component: &Component,
    version: Version,
) -> Result<(), LoadError> {
    for (name, import) in component.component_type().imports(&sandbox.engine) {
        let refuse = |import: String| Err(LoadError::Import { guest: id.clone(), import });
        let (interface, found) = name.split_once('@').unwrap_or((name, ""));
        // Types that the world uses stand beside its imports.
        if matches!(import.ty, ComponentItem::Type(_)) || is_wasi(name) {
            continue;
        }
        let Some(interface) = interface.strip_prefix(PACKAGE) else {
            return refuse(name.to_owned());
        };
        if self::version(id, found)? != version {
            return Err(LoadError::Mixed { guest: id.clone(), import: name.to_owned() });
        }
        let ComponentItem::ComponentInstance(instance) = import.ty else {
            return refuse(name.to_owned());
        };
        for (function, item) in instance.exports(&sandbox.engine) {
            let known = OFFERED.iter().any(|(i, fs)| *i == interface && fs.contains(&function));
            if matches!(item.ty, ComponentItem::ComponentFunc(_)) && !known {
                return refuse(format!("{name}#{function}"));
            }
        }
    }
    Ok(())
}

fn check_exports(sandbox: &Sandbox, id: &GuestId, component: &Component) -> Result<(), LoadError> {
    let ty = component.component_type();
    let missing =
        ["plan", "compose"].into_iter().find(|e| ty.get_export(&sandbox.engine, e).is_none());
    missing.map_or(Ok(()), |export| Err(LoadError::MissingExport { guest: id.clone(), export }))
}

/// What a component is linked to: WASI only if it wants it.
fn linker(sandbox: &Sandbox, component: &Component) -> wasmtime::Result<Linker<State>> {
    let mut linker = sandbox.linker.clone();
    if component.component_type().imports(&sandbox.engine).any(|(name, _)| is_wasi(name)) {
        wasi::define(&mut linker, &sandbox.engine, component)?;
    }
    Ok(linker)
}

fn first_line(error: &wasmtime::Error) -> String {
    format!("{error:#}").lines().next().unwrap_or_default().to_owned()
}

/// Bytes in hex, lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
