//! The user's cache folder: things obtained once, whole or not at all, by any number of chores at a time.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::failure::Failure;

/// Bytes read at a time while a file is hashed.
const HASH_BLOCK: usize = 64 * 1024;

/// The folder `mlo` in the user's cache folder.
#[derive(Debug)]
pub(crate) struct Cache {
    root: PathBuf,
    offline: bool,
}

impl Cache {
    /// `$XDG_CACHE_HOME` or `~/.cache`; `~/Library/Caches` on macOS; `%LOCALAPPDATA%` on Windows.
    pub(crate) fn locate(offline: bool) -> Result<Self, Failure> {
        user_cache(std::env::consts::OS, |name| std::env::var_os(name).map(PathBuf::from))
            .map(|folder| Self { root: folder.join("mlo"), offline })
            .ok_or_else(|| {
                Failure::new("the user's cache folder is not known")
                    .mend("set HOME (or XDG_CACHE_HOME; on Windows LOCALAPPDATA) to an absolute path")
            })
    }

    #[cfg(test)]
    pub(crate) fn at(root: PathBuf, offline: bool) -> Self {
        Self { root, offline }
    }

    pub(crate) fn folder(&self, parts: &[&str]) -> PathBuf {
        parts.iter().fold(self.root.clone(), |path, part| path.join(part))
    }

    /// Whether downloads are refused.
    pub(crate) fn offline(&self) -> bool {
        self.offline
    }

    /// Fills `folder` by `fill`, unless `ready` says that it is complete already.
    ///
    /// `fill` gets an empty folder beside it, which takes the place of `folder` when `fill` succeeds: a reader
    /// sees all of it or nothing. Others that want the same folder wait, by a lock that ends with its process.
    pub(crate) fn fill(
        folder: &Path,
        ready: impl Fn(&Path) -> bool,
        fill: impl FnOnce(&Path) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if ready(folder) {
            return Ok(());
        }
        let parent = folder.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| Failure::io("making", parent, &error))?;
        let _held = lock(&beside(folder, "lock"))?;
        if ready(folder) {
            return Ok(());
        }
        let partial = beside(folder, "partial");
        remove(&partial)?;
        fs::create_dir(&partial).map_err(|error| Failure::io("making", &partial, &error))?;
        fill(&partial)?;
        sync_files(&partial).map_err(|error| Failure::io("syncing", &partial, &error))?;
        remove(folder)?;
        fs::rename(&partial, folder).map_err(|error| Failure::io("filling", folder, &error))?;
        sync(parent).map_err(|error| Failure::io("syncing", parent, &error))
    }
}

fn user_cache(system: &str, variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
    match system {
        "windows" => absolute("LOCALAPPDATA"),
        "macos" => absolute("HOME").map(|home| home.join("Library").join("Caches")),
        _ => absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache"))),
    }
}

/// SHA-256 of a file, in lower-case hexadecimal digits.
pub(crate) fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; HASH_BLOCK];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(block.get(..read).unwrap_or_default()),
        }
    }
}

/// SHA-256 of a text, in lower-case hexadecimal digits.
pub(crate) fn sha256_text(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// `folder` with an ending added to its last name.
fn beside(folder: &Path, ending: &str) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    folder.with_file_name(name)
}

fn lock(path: &Path) -> Result<File, Failure> {
    let failed = |error: &io::Error| Failure::io("locking", path, error);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| Failure::io("opening", path, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("waiting for another chore that holds {}", path.display());
            file.lock().map_err(|error| failed(&error))?;
        }
        Err(TryLockError::Error(error)) => return Err(failed(&error)),
    }
    Ok(file)
}

/// Removes a folder and what is in it; one that is not there is fine.
pub(crate) fn remove(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Failure::io("removing", folder, &error)),
        _ => Ok(()),
    }
}

/// Makes the files directly in a folder, and their names, durable. Windows refuses to sync what is open for reading.
fn sync_files(folder: &Path) -> io::Result<()> {
    if cfg!(windows) {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            File::open(entry.path())?.sync_all()?;
        }
    }
    sync(folder)
}

/// Makes the names in a folder durable. Windows has no such call, and needs none.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(windows) { Ok(()) } else { File::open(folder)?.sync_all() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_has_its_cache_folder() {
        let home = |name: &str| match name {
            "HOME" => Some(PathBuf::from("/home/ada")),
            "LOCALAPPDATA" => Some(PathBuf::from("/local")),
            _ => None,
        };
        let both = |name: &str| if name == "XDG_CACHE_HOME" { Some("/cache".into()) } else { home(name) };
        let relative = |name: &str| if name == "XDG_CACHE_HOME" { Some("cache".into()) } else { home(name) };
        let rows = [
            ("Linux: below HOME", user_cache("linux", home), Some("/home/ada/.cache")),
            ("Linux: XDG_CACHE_HOME comes first", user_cache("linux", both), Some("/cache")),
            ("a relative XDG_CACHE_HOME is ignored", user_cache("linux", relative), Some("/home/ada/.cache")),
            ("macOS: the Library", user_cache("macos", home), Some("/home/ada/Library/Caches")),
            ("Windows: the local data", user_cache("windows", home), Some("/local")),
            ("nothing set: nothing known", user_cache("linux", |_| None), None),
        ];
        for (case, folder, expected) in rows {
            assert_eq!(folder, expected.map(PathBuf::from), "{case}");
        }
    }

    #[test]
    fn a_folder_is_filled_once() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("tool-1.0");
        let ready = |folder: &Path| folder.join("tool").is_file();
        Cache::fill(&folder, ready, |partial| {
            assert_ne!(partial, folder);
            File::create(partial.join("tool")).map(drop).map_err(|e| Failure::io("making", partial, &e))
        })
        .unwrap();
        Cache::fill(&folder, ready, |_| panic!("it is ready")).unwrap();
        assert!(ready(&folder));
    }

    #[test]
    fn a_failed_filling_leaves_nothing_and_the_next_begins_anew() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("tool");
        let failed = Cache::fill(&folder, Path::exists, |partial| {
            File::create(partial.join("half")).unwrap();
            Err(Failure::new("the network is down"))
        });
        assert!(failed.is_err());
        assert!(!folder.exists());
        Cache::fill(&folder, Path::exists, |partial| {
            assert_eq!(fs::read_dir(partial).unwrap().count(), 0, "what the last attempt left is gone");
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn two_that_want_the_same_folder_fill_it_once() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("tool");
        let filled = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|threads| {
            for _ in 0..4 {
                threads.spawn(|| {
                    Cache::fill(&folder, Path::exists, |_| {
                        filled.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        std::thread::sleep(std::time::Duration::from_millis(20));
                        Ok(())
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(filled.into_inner(), 1);
    }

    #[test]
    fn a_digest_is_lower_case_hexadecimal() {
        let scratch = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut scratch.as_file(), b"abc").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(scratch.path()).unwrap(), expected);
        assert_eq!(sha256_text("abc"), expected);
    }
}
