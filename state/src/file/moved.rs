//! The note in a folder whose state was taken to another place.
//!
//! In: where it was taken. Out: that it is not here. Never: a state read or written where there is such a note; where a key is
//! configured, a note that somebody left without it.

use super::contents::{self, Mark, unread};
use crate::disk::Folder;
use crate::holder::shown;
use crate::seal::{Kind, Subject, Vault};
use crate::snapshot::{Damage, DecodeError};
use crate::store::StoreError;

/// The note.
const MOVED: &str = "moved";
/// What becomes the note.
const MOVED_NEW: &str = "moved.new";
/// Largest note, in bytes; ours have 300 at most, and 12,000 more where a hundred recipients of age can open it.
const MOVED_BYTES_MAX: u64 = 64 * 1024;

/// Refuses a folder that has the note.
pub(super) fn check_here(folder: &Folder, vault: &Vault) -> Result<(), StoreError> {
    let Some(bytes) = folder.read(MOVED, MOVED_BYTES_MAX)? else { return Ok(()) };
    let place = folder.place(MOVED);
    let (note, subject) = match vault.open(Kind::Moved, bytes) {
        Ok(opened) => opened,
        Err(DecodeError::Sealed(error)) if !error.is_about_content() => {
            return Err(StoreError::Sealed { place, error });
        }
        Err(error @ DecodeError::Newer { .. }) => return Err(unread(place, error, None)),
        Err(error) => return Err(StoreError::Doubtful { place, error }),
    };
    // That another state was taken elsewhere says nothing of this one.
    let mine = contents::read_mark(folder).ok().and_then(Mark::said).map(|marker| marker.lineage);
    if subject.zip(mine).is_some_and(|(subject, mine)| subject.lineage != mine) {
        return Err(StoreError::Doubtful { place, error: Damage::Alien.into() });
    }
    let to = shown(String::from_utf8_lossy(&note).trim());
    Err(StoreError::Moved { place: folder.place(""), to })
}

/// Leaves the note, of a state at a serial.
pub(super) fn leave(
    folder: &Folder,
    vault: &Vault,
    (lineage, serial): (&str, u64),
    to: &str,
) -> Result<(), StoreError> {
    let subject = Subject::new(Kind::Moved, lineage, serial);
    let place = folder.place(MOVED);
    let note = vault.seal(subject, false, format!("{to}\n").into_bytes());
    let note = note.map_err(|error| StoreError::Sealed { place, error })?;
    folder.create(MOVED_NEW, |file| file.put(&note))?;
    folder.rename(MOVED_NEW, MOVED)?;
    folder.sync()
}

/// Takes the note away.
pub(super) fn come_back(folder: &Folder) -> Result<(), StoreError> {
    folder.remove(MOVED)?;
    folder.sync()
}
