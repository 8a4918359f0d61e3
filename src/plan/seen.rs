//! What functions of a configuration see of the project's files, noted, so that it can be compared later.

use crate::lang::fetch::{FetchError, Project};
use crate::lang::scope::PathKind;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a file that functions read: the limit of every source.
const FILE_BYTES_MAX: usize = 10 << 20;

/// What was looked at, in words, to a digest of what was seen. Clones note in the same place.
#[derive(Debug, Clone, Default)]
pub struct Seen(Arc<Mutex<BTreeMap<String, [u8; 32]>>>);

impl Seen {
    pub(super) fn read(&self, project: &Project, path: &Path) -> Result<Vec<u8>, FetchError> {
        let bytes = project.read(path, FILE_BYTES_MAX)?;
        self.note("read", path, &bytes);
        Ok(bytes)
    }

    pub(super) fn kind(&self, project: &Project, path: &Path) -> Result<PathKind, FetchError> {
        let kind = project.kind(path)?;
        self.note("kind", path, format!("{kind:?}").as_bytes());
        Ok(kind)
    }

    pub(super) fn list(&self, project: &Project, folder: &Path) -> Result<Vec<String>, FetchError> {
        let names = project.list(folder)?;
        self.note("list", folder, names.join("\n").as_bytes());
        Ok(names)
    }

    fn note(&self, how: &str, path: &Path, what: &[u8]) {
        let digest = Sha256::digest(what).into();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.insert(format!("{how} {}", path.display()), digest);
    }

    /// Everything that was noted.
    pub fn all(&self) -> BTreeMap<String, [u8; 32]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks again at what was noted under this name; nothing if it cannot be seen any more.
    pub fn again(project: &Project, name: &str) -> Option<[u8; 32]> {
        let (how, path) = name.split_once(' ')?;
        let (seen, path) = (Self::default(), Path::new(path));
        match how {
            "read" => drop(seen.read(project, path).ok()?),
            "kind" => drop(seen.kind(project, path).ok()?),
            "list" => drop(seen.list(project, path).ok()?),
            _ => return None,
        }
        seen.all().remove(name)
    }
}
