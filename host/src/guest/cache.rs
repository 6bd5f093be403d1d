//! What was compiled before, kept in a folder that is ours alone.
//!
//! Compiled code is run as it is: whoever can write it can do anything. So a file is used only if
//! it is named after the component and the engine, belongs to us, lies in a folder of ours, and
//! nobody else may write to either; and, against a disk that forgets, if its checksum is right.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// Bytes of the checksum at a file's end.
const CHECKSUM_BYTES: usize = 32;

/// Where one component is kept, as one engine compiles it.
pub(super) struct Cache {
    folder: PathBuf,
    file: PathBuf,
}

impl Cache {
    pub(super) fn new(folder: &Path, engine: &Engine, digest: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let file = folder.join(format!("{digest}-{:016x}.cwasm", hasher.finish()));
        Self { folder: folder.to_owned(), file }
    }

    /// Returns the component if it is there and can be trusted.
    pub(super) fn read(&self, engine: &Engine) -> Option<Component> {
        if !self.file.exists() {
            return None;
        }
        let component = self.trusted().and_then(|bytes| {
            let bytes = checked(&bytes).ok_or("its checksum is wrong")?;
            deserialize(engine, bytes).map_err(|e| format!("{e:#}").into())
        });
        component.inspect_err(|error| self.warn("not used", &**error)).ok()
    }

    /// Keeps a component for the next start.
    pub(super) fn write(&self, component: &Component) {
        if let Err(error) = self.keep(component) {
            self.warn("not written", &*error);
        }
    }

    fn warn(&self, what: &str, error: &dyn std::fmt::Display) {
        let file = self.file.display();
        tracing::warn!("compiled guest {file} {what}, so the next start compiles again: {error}");
    }
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[cfg(unix)]
impl Cache {
    fn trusted(&self) -> Result<Vec<u8>> {
        use std::io::Read as _;
        self.check_folder()?;
        let mut file = std::fs::File::open(&self.file)?;
        check_ours(&file.metadata()?, self.user()?)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn keep(&self, component: &Component) -> Result<()> {
        use std::io::Write as _;
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        self.check_folder()?;
        let bytes = component.serialize()?;
        // Readable and writable by us alone from its first byte, and complete under its name.
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(&bytes)?;
        file.write_all(&Sha256::digest(&bytes))?;
        file.as_file().sync_all()?;
        file.persist(&self.file)?;
        Ok(())
    }

    fn check_folder(&self) -> Result<()> {
        check_ours(&std::fs::metadata(&self.folder)?, self.user()?)
    }

    /// Who we are: the owner of what we create.
    fn user(&self) -> Result<u32> {
        use std::os::unix::fs::MetadataExt as _;
        Ok(tempfile::tempfile_in(&self.folder)?.metadata()?.uid())
    }
}

#[cfg(unix)]
fn check_ours(metadata: &std::fs::Metadata, user: u32) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    if metadata.uid() != user {
        return Err("it belongs to another user".into());
    }
    if metadata.mode() & 0o022 != 0 {
        return Err("others may write to it: chmod go-w".into());
    }
    Ok(())
}

/// Elsewhere nothing is kept, as nothing says who may write to it.
#[cfg(not(unix))]
impl Cache {
    fn trusted(&self) -> Result<Vec<u8>> {
        Err("not supported on this system".into())
    }

    fn keep(&self, _: &Component) -> Result<()> {
        Ok(())
    }
}

/// The bytes before a right checksum.
fn checked(bytes: &[u8]) -> Option<&[u8]> {
    let (bytes, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM_BYTES)?)?;
    (*Sha256::digest(bytes) == *checksum).then_some(bytes)
}

#[expect(unsafe_code, reason = "compiled code can be trusted or not, but not checked")]
fn deserialize(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: `Cache::trusted` read the bytes from a file that only this user could write, under a
    // name that only `Cache::keep` gives, and the checksum shows that they are as written.
    unsafe { Component::deserialize(engine, bytes) }
}
