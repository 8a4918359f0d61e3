//! The door to the file system for YAML: which files a folder has, and their text.
//!
//! Goes in: a path. Comes out: text. Never happens: waiting for a pipe, reading a device, more than
//! [`FILE_BYTES_MAX`] in memory.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Bytes of a YAML file. The limit of every source.
pub(super) const FILE_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Entries of a folder that are looked at. A project has some hundred.
pub(super) const ENTRIES_MAX: usize = 100_000;

/// Why there is no text.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Nothing has the name.
    #[error("there is no such file or folder")]
    Missing,
    /// A folder, a pipe, a device or a socket.
    #[error("it is not a regular file")]
    NotAFile,
    /// More than any file that people write.
    #[error("it has more than {} MiB", FILE_BYTES_MAX / 1024 / 1024)]
    TooLarge,
    /// A folder with more entries than any project has.
    #[error("it has more than {ENTRIES_MAX} entries")]
    Crowded,
    /// The first byte that is no text.
    #[error("it is not UTF-8 text; byte {0} is the first that is not")]
    NotText(usize),
    /// What the system says.
    #[error("{0}")]
    System(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::System(error),
        }
    }
}

/// Whether the path is a folder.
pub(super) fn is_folder(path: &Path) -> Result<bool, ReadError> {
    Ok(std::fs::metadata(path)?.is_dir())
}

/// The YAML files that stand directly in a folder, by name; those whose names begin with a dot are left out.
pub(super) fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let mut found = Vec::new();
    for (at, entry) in std::fs::read_dir(folder)?.enumerate() {
        if at >= ENTRIES_MAX {
            return Err(ReadError::Crowded);
        }
        let path = entry?.path();
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        let yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        if yaml && !hidden && !path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// The text of a regular file, without a byte order mark at its beginning.
///
/// # Errors
/// If it is no regular file, too large or no text.
pub fn text(path: &Path) -> Result<String, ReadError> {
    let text = String::from_utf8(bytes(path)?)
        .map_err(|error| ReadError::NotText(error.utf8_error().valid_up_to()))?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

/// The bytes of a regular file.
///
/// # Errors
/// If it is no regular file, or too large.
pub fn bytes(path: &Path) -> Result<Vec<u8>, ReadError> {
    // Asked before opening, because opening a device can do something; asked again after, of what was opened.
    check(&std::fs::metadata(path)?)?;
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?;
    check(&file.metadata()?)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ReadError::TooLarge);
    }
    Ok(bytes)
}

fn check(metadata: &Metadata) -> Result<(), ReadError> {
    if !metadata.is_file() {
        return Err(ReadError::NotAFile);
    }
    if metadata.len() > FILE_BYTES_MAX { Err(ReadError::TooLarge) } else { Ok(()) }
}
