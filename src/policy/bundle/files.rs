//! A folder to files, and which of them are part of a bundle. The only file of `policy` that reads the file system.

use super::manifest::FILE as MANIFEST;
use super::signature::SIGNATURES;
use super::{BYTES_MAX, FILES_MAX, Files, unreadable, waivers};
use crate::policy::PolicyError;
use std::path::Path;

/// Folders within folders of a bundle: more is a loop or a mistake.
const DEPTH_MAX: usize = 16;
/// Bytes of everything in a folder that is signed, and files: those that are no part of the bundle are digested too.
const ALL_BYTES_MAX: u64 = 64 * 1024 * 1024;
const ALL_FILES_MAX: usize = 20_000;

/// What is wanted of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What is part of a bundle. Hidden files are not.
    Bundle,
    /// Every file, but what Git keeps for itself.
    Everything,
}

/// The files of a folder.
pub(super) fn folder(folder: &Path, wanted: Wanted) -> Result<Files, PolicyError> {
    let mut reading = Reading { files: Files::new(), bytes: 0, wanted };
    reading.folder(folder, "", 0)?;
    Ok(reading.files)
}

/// One file.
pub(super) fn one(path: &Path) -> Result<Vec<u8>, PolicyError> {
    let failed = |error: &dyn std::fmt::Display| unreadable(&path.display().to_string(), error);
    // A folder that is not there is no file either, and that is what the system says.
    std::fs::metadata(path).map_err(|error| failed(&error))?;
    crate::manifest::read_bytes(path).map_err(|error| failed(&error))
}

struct Reading {
    files: Files,
    bytes: u64,
    wanted: Wanted,
}

impl Reading {
    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), PolicyError> {
        let fail = |reason: &dyn std::fmt::Display| unreadable(&folder.display().to_string(), reason);
        if depth > DEPTH_MAX {
            return Err(fail(&format_args!("more than {DEPTH_MAX} folders within each other")));
        }
        for entry in std::fs::read_dir(folder).map_err(|error| fail(&error))? {
            let entry = entry.map_err(|error| fail(&error))?;
            let Ok(name) = entry.file_name().into_string() else {
                return Err(fail(&"a file name is not UTF-8"));
            };
            let is_wanted = match self.wanted {
                Wanted::Bundle => !is_hidden(&format!("{prefix}{name}")),
                Wanted::Everything => name != ".git",
            };
            if !is_wanted {
                continue;
            }
            let path = entry.path();
            let relative = format!("{prefix}{name}");
            // Links are followed: folders that are mounted into a cluster are made of them.
            let metadata = std::fs::metadata(&path).map_err(|error| unreadable(&relative, &error))?;
            if metadata.is_dir() {
                self.folder(&path, &format!("{relative}/"), depth + 1)?;
            } else if self.wanted == Wanted::Everything || belongs(&relative)? {
                self.file(&path, relative, metadata.len())?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, relative: String, bytes: u64) -> Result<(), PolicyError> {
        let (bytes_max, files_max) = match self.wanted {
            Wanted::Bundle => (BYTES_MAX, FILES_MAX),
            Wanted::Everything => (ALL_BYTES_MAX, ALL_FILES_MAX),
        };
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > bytes_max || self.files.len() >= files_max {
            let reason = format!("the bundle has more than {files_max} files or {bytes_max} bytes");
            return Err(unreadable(&relative, &reason));
        }
        let bytes = crate::manifest::read_bytes(path).map_err(|error| unreadable(&relative, &error))?;
        self.files.insert(relative, bytes);
        Ok(())
    }
}

/// Whether a file is hidden, or in a folder that is. What says something of the whole bundle is not.
fn is_hidden(relative: &str) -> bool {
    relative.split('/').any(|part| part.starts_with('.')) && relative != MANIFEST && relative != SIGNATURES
}

/// Whether a file is part of a bundle. One that looks like data but is not named so would be left out in silence,
/// and with it perhaps a stricter threshold: that is an error.
pub(super) fn belongs(relative: &str) -> Result<bool, PolicyError> {
    if relative == MANIFEST || relative == SIGNATURES {
        return Ok(true);
    }
    if is_hidden(relative) {
        return Ok(false);
    }
    let name = relative.rsplit('/').next().unwrap_or(relative);
    let extension = extension(name);
    let refuse = |reason: &str| Err(unreadable(relative, &reason));
    match extension {
        "rego" => Ok(true),
        _ if waivers::is_file(relative) => Ok(true),
        "wasm" => refuse(
            "compiled rules are not evaluated; build the bundle with `opa build --target rego`, its default",
        ),
        "json" if name == "plan.json" => refuse(
            "rules as plans are not evaluated; build the bundle with `opa build --target rego`, its default",
        ),
        "json" if relative == "patch.json" => {
            refuse("a bundle of changes to another one is not read; publish the whole bundle")
        }
        "yaml" | "yml" | "json" if name == format!("data.{extension}") => Ok(true),
        "yaml" | "yml" | "json" => refuse(
            "data of a bundle is called data.yaml, data.yml or data.json; rename the file or move it out",
        ),
        _ => Ok(false),
    }
}

/// What stands after the last dot, as it is written.
pub(super) fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// A file of a folder as a command line would name it.
pub(super) fn shown(folder: &str, name: &str) -> String {
    match folder.trim_end_matches('/') {
        "" => format!("{folder}{name}"),
        "." => name.to_owned(),
        folder => format!("{folder}/{name}"),
    }
}

/// The text of a file, without a byte order mark at its beginning; a reason if it is none.
pub(super) fn text(bytes: &[u8]) -> Result<String, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        format!("it is not UTF-8 text; byte {} is the first that is not", error.valid_up_to())
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).to_owned())
}
