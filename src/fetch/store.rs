//! The folder of packages: `.mlo/modules`, a folder for each, named by the digest of what is in it.
//!
//! Goes in: the files of a package. Comes out: a folder that holds just these, whole or not at all. Never happens: a
//! file that others may read, a change to a package that is there.

use super::error::FetchError;
use super::tree::{self, FILES_MAX, Tree};
use crate::diag::because;
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Digits of the digest in the name of a folder.
const NAME_DIGITS: usize = 32;
/// Bytes of a file that are in memory at once while it is digested.
const CHUNK_BYTES: usize = 64 << 10;

/// The folder of packages.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
}

/// What is there of a package.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum There {
    /// All of it.
    Whole,
    /// Nothing.
    Nothing,
    /// Something else.
    Changed,
}

impl Store {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The name of the folder of a package.
    pub(super) fn name(digest: &str) -> &str {
        let digits = digest.strip_prefix("sha256:").unwrap_or(digest);
        digits.get(..NAME_DIGITS).unwrap_or(digits)
    }

    /// The folder of a package.
    pub(super) fn folder(&self, digest: &str) -> PathBuf {
        self.folder.join(Self::name(digest))
    }

    /// A new folder for things on the way here.
    pub(super) fn scratch(&self) -> Result<Scratch, FetchError> {
        let failed = |error: &io::Error| disk(&self.folder, error);
        make(&self.folder, true).map_err(|error| failed(&error))?;
        let own = std::process::id();
        for attempt in 0_u32.. {
            let folder = self.folder.join(format!(".new-{own}-{attempt}"));
            match make(&folder, false) {
                Ok(()) => return Ok(Scratch { folder }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 1_000 => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        Err(failed(&io::Error::from(io::ErrorKind::AlreadyExists)))
    }

    /// What is there of a package.
    pub(super) fn look(&self, digest: &str) -> Result<There, FetchError> {
        let folder = self.folder(digest);
        let failed = |error: io::Error| disk(&folder, &error);
        match folder.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(There::Nothing),
            Err(error) => return Err(failed(error)),
            Ok(found) if !found.is_dir() => return Ok(There::Changed),
            Ok(_) => {}
        }
        let mut files = BTreeMap::new();
        if !read(&folder, String::new(), &mut files).map_err(failed)? {
            return Ok(There::Changed);
        }
        let found = tree::digest(files.iter().map(|(path, content)| (path.as_str(), content.clone())));
        Ok(if found == digest { There::Whole } else { There::Changed })
    }

    /// Writes a package, unless it is there.
    pub(super) fn keep(&self, tree: &Tree) -> Result<String, FetchError> {
        let digest = tree.digest();
        let folder = self.folder(&digest);
        match self.look(&digest)? {
            There::Whole => return Ok(digest),
            There::Nothing => {}
            There::Changed => {
                let aside = self.scratch()?;
                let moved = std::fs::rename(&folder, aside.path().join("old"));
                moved.map_err(|error| disk(&folder, &error))?;
            }
        }
        let scratch = self.scratch()?;
        let new = scratch.path().join("new");
        let written = write(&new, tree).and_then(|()| std::fs::rename(&new, &folder));
        match written {
            // Another run was faster.
            Err(_) if self.look(&digest)? == There::Whole => Ok(digest),
            Err(error) => Err(disk(&folder, &error)),
            Ok(()) => Ok(digest),
        }
    }
}

/// A folder that goes with its owner.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    pub(super) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn disk(place: &Path, error: &io::Error) -> FetchError {
    FetchError::Disk { place: place.display().to_string(), why: because(error) }
}

fn make(folder: &Path, recursive: bool) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(recursive);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn write(folder: &Path, tree: &Tree) -> io::Result<()> {
    make(folder, false)?;
    for (path, bytes) in &tree.files {
        let file = folder.join(path);
        make(file.parent().unwrap_or(folder), true)?;
        write_new(&file, bytes)?;
    }
    Ok(())
}

/// Writes a file that is not there yet, for its owner alone.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.write(true).create_new(true).open(path)?.write_all(bytes)
}

/// Writes a file in the place of another, whole or not at all. It is readable as the umask says: it is meant to be
/// committed.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), FetchError> {
    let new = path.with_extension(format!("json.{}", std::process::id()));
    let written = std::fs::File::create(&new)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&new, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&new);
        disk(path, &error)
    })
}

/// Digests of all files of a folder; false if there is something else in it.
fn read(folder: &Path, prefix: String, files: &mut BTreeMap<String, String>) -> io::Result<bool> {
    let mut open = vec![(folder.to_owned(), prefix)];
    while let Some((folder, prefix)) = open.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { return Ok(false) };
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push((entry.path(), path + "/"));
            } else if kind.is_file() && files.len() < FILES_MAX {
                files.insert(path, digest_of(&entry.path())?);
            } else {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn digest_of(file: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(file)?;
    let mut digest = Sha256::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(HEXLOWER.encode(&digest.finalize()));
        }
        digest.update(chunk.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::tree::Gathering;

    fn tree(text: &str) -> Tree {
        let mut gathering = Gathering::default();
        gathering.file("a/main.tf", text.as_bytes().to_vec()).unwrap();
        gathering.file("b", Vec::new()).unwrap();
        gathering.finish().unwrap()
    }

    #[test]
    fn a_package_is_there_whole_or_not_at_all_and_a_change_is_seen() {
        let scratch = tempfile::tempdir().unwrap();
        let store = Store::new(scratch.path().join("modules"));
        let digest = tree("1").digest();
        assert_eq!(store.look(&digest).unwrap(), There::Nothing);
        assert_eq!(store.keep(&tree("1")).unwrap(), digest);
        assert_eq!(store.keep(&tree("1")).unwrap(), digest);
        assert_ne!(store.keep(&tree("2")).unwrap(), digest);
        assert_eq!(store.look(&digest).unwrap(), There::Whole);
        std::fs::File::create(store.folder(&digest).join("more")).unwrap();
        assert_eq!(store.look(&digest).unwrap(), There::Changed);
        store.keep(&tree("1")).unwrap();
        assert_eq!(store.look(&digest).unwrap(), There::Whole);
        let names = std::fs::read_dir(scratch.path().join("modules")).unwrap().count();
        assert_eq!(names, 2, "nothing on the way is left");
    }
}
