//! What is left of a folder of which a part is damaged, missing or put there from elsewhere.
//!
//! In: the folder's files. Out: what can be believed of them, for [`Parts::join`]. Never: a write, but to keep a damaged file
//! under another name.

use super::contents::{self, Mark};
use super::{JOURNAL, history, present};
use crate::disk::Folder;
use crate::journal::{Header, JOURNAL_BYTES_MAX, Left};
use crate::marker::Marker;
use crate::salvage::Parts;
use crate::seal::Vault;
use crate::store::{Salvage, StoreError};

/// Damaged files of one name that are kept beside each other.
const ASIDE_MAX: u64 = 10_000;

/// Keeps the file `name`, if it is there, under a name that says that it is damaged. It may keep its own as well: who writes
/// in its place replaces it then.
pub(super) fn keep_aside(folder: &Folder, name: &str) -> Result<(), StoreError> {
    if folder.identity(name)?.is_none() {
        return Ok(());
    }
    for number in 1..=ASIDE_MAX {
        let aside = format!("{name}.damaged-{number}");
        if folder.identity(&aside)?.is_some() {
            continue;
        }
        return match folder.link(name, folder, &aside) {
            Ok(true) => Ok(()),
            // A folder in its place has no second name.
            _ => folder.rename(name, &aside),
        };
    }
    let (found, limit) = (ASIDE_MAX + 1, ASIDE_MAX);
    Err(StoreError::Limit { what: "the number of damaged files", found, limit })
}

/// What can be had of a folder.
///
/// # Errors
/// If nothing can be, or if it is sealed with a key that is not to be had, may not be read, is newer, or elsewhere: then
/// nothing is damaged for all one knows.
pub(super) fn of(folder: &Folder, vault: &Vault) -> Result<Salvage, StoreError> {
    let loaded = contents::load(folder, vault);
    let wrong = match loaded.and_then(|all| contents::check_mark(folder, vault).map(|()| all)) {
        Ok(contents) => return contents.into_loaded().map(Salvage::whole),
        // Whether the key is another one or what it should open was changed, the rest of the folder tells.
        Err(error) if error.is_for_now() && error.refusing().is_none() => return Err(error),
        Err(error) => error,
    };
    let mut parts = parts(folder, vault)?;
    match parts.check_keys() {
        Err(_) if matches!(wrong, StoreError::Sealed { .. }) => Err(wrong),
        checked => checked.and_then(|()| parts.join(&wrong).ok_or(wrong)),
    }
}

fn parts(folder: &Folder, vault: &Vault) -> Result<Parts, StoreError> {
    let marker = contents::read_mark(folder).ok().and_then(Mark::said);
    let kept = history::kept(folder)?;
    let mut parts = Parts { is_journal_sure: true, ..Parts::default() };
    let lineage = marker.as_ref().map(|marker| marker.lineage.clone());
    for serial in &kept {
        let version = parts.take_version(*serial, history::version(folder, vault, *serial))?;
        parts.versions.extend(version.map(|version| (*serial, version)));
    }
    let mut serials: Vec<u64> = kept.first().copied().into_iter().collect();
    // What is there may be later than all else that is.
    if let Some(state) = parts.take_version(u64::MAX, present(folder, vault))? {
        let serial = state.snapshot.serial;
        serials.push(serial);
        let swapped = |marker: &Marker| {
            marker.last.as_ref().is_some_and(|last| last.serial == serial && last.digest != state.digest)
        };
        if !marker.as_ref().is_some_and(swapped) {
            parts.versions.insert(serial, state);
        }
    }
    let beside = match folder.read(JOURNAL, JOURNAL_BYTES_MAX) {
        Err(error) if error.is_for_now() => return Err(error),
        read => read.ok().flatten().map(|bytes| Left::of(&bytes, None, vault)),
    };
    let follows = |left: &Left| left.header.as_ref().map(|header| header.base_serial);
    let beside_follows = beside.as_ref().and_then(follows);
    serials.extend(beside_follows);
    serials.extend(marker.as_ref().and_then(|marker| marker.last.as_ref()).map(|last| last.serial));
    let named_so = history::journals(folder)?.into_iter().rev();
    // The one beside the state may have such a name too.
    for serial in named_so.filter(|serial| Some(*serial) != beside_follows) {
        let Some(bytes) = history::journal(folder, serial) else { continue };
        let left = named(Left::of(&bytes, None, vault), serial, lineage.as_deref());
        parts.note_journal(&left, serial, folder.place(&format!("history/journal-{serial}")));
        parts.journals.push(left);
    }
    if let Some(left) = beside {
        parts.note_journal(&left, u64::MAX, folder.place(JOURNAL));
        parts.journals.push(left);
    }
    parts.newest = serials.into_iter().max().unwrap_or_default();
    parts.lineage = lineage;
    Ok(parts)
}

/// A journal whose name says what it follows, where its first line does not.
fn named(left: Left, base_serial: u64, lineage: Option<&str>) -> Left {
    match (left.header, lineage) {
        (None, Some(lineage)) => Left {
            header: Some(Header { lineage: lineage.to_owned(), base_serial }),
            damaged: left.damaged.max(1),
            ..left
        },
        (header, _) => Left { header, ..left },
    }
}
