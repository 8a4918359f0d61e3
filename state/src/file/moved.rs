//! The note in a folder whose state was taken to another place.
//!
//! In: where it was taken. Out: that it is not here. Never: a state read or written where there is such a note.

use crate::disk::Folder;
use crate::holder::shown;
use crate::store::StoreError;

/// The note.
const MOVED: &str = "moved";
/// What becomes the note.
const MOVED_NEW: &str = "moved.new";
/// Largest note, in bytes; ours have 300 at most.
const MOVED_BYTES_MAX: u64 = 16 * 1024;

/// Refuses a folder that has the note.
pub(super) fn check_here(folder: &Folder) -> Result<(), StoreError> {
    let Some(bytes) = folder.read(MOVED, MOVED_BYTES_MAX)? else { return Ok(()) };
    let to = shown(String::from_utf8_lossy(&bytes).trim());
    Err(StoreError::Moved { place: folder.place(""), to })
}

/// Leaves the note.
pub(super) fn leave(folder: &Folder, to: &str) -> Result<(), StoreError> {
    folder.create(MOVED_NEW, |file| file.put(format!("{to}\n").as_bytes()))?;
    folder.rename(MOVED_NEW, MOVED)?;
    folder.sync()
}

/// Takes the note away.
pub(super) fn come_back(folder: &Folder) -> Result<(), StoreError> {
    folder.remove(MOVED)?;
    folder.sync()
}
