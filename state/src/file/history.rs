//! Earlier snapshots of a folder.
//!
//! In: the snapshot that is about to be replaced. Out: the newest earlier one that is whole. Never: more than
//! [`HISTORY_MAX`] of them for long.

use super::contents::unread;
use super::{JOURNAL, STATE, put_snapshot};
use crate::disk::Folder;
use crate::journal::JOURNAL_BYTES_MAX;
use crate::seal::{SealError, Vault};
use crate::snapshot::{Damage, DecodeError, SNAPSHOT_BYTES_MAX, Snapshot, Stamp, Version};
use crate::store::{Earlier, StoreError};

/// Earlier snapshots that are kept.
pub const HISTORY_MAX: usize = 10;

/// The folder of earlier snapshots.
const HISTORY: &str = "history";

/// What becomes an earlier snapshot, where files have no second names.
const COPY_NEW: &str = "state.json.new";

/// Keeps the present snapshot, of `serial`, under a name of its own.
pub(super) fn keep(folder: &Folder, serial: u64) -> Result<(), StoreError> {
    let history = folder.folder_or_create(HISTORY)?;
    let name = file_name(serial);
    if !folder.link(STATE, &history, &name)? {
        let bytes = folder.read(STATE, SNAPSHOT_BYTES_MAX)?.unwrap_or_default();
        history.create(COPY_NEW, |file| file.put(&bytes))?;
        history.rename(COPY_NEW, &name)?;
    }
    history.sync()
}

/// Keeps a snapshot that was kept elsewhere.
pub(super) fn put(folder: &Folder, vault: &Vault, snapshot: (&Snapshot, &Stamp)) -> Result<(), StoreError> {
    let history = folder.folder_or_create(HISTORY)?;
    let name = file_name(snapshot.0.serial);
    let place = history.place(&name);
    history.create(COPY_NEW, |file| put_snapshot(file, snapshot, vault, place).map(drop))?;
    history.rename(COPY_NEW, &name)?;
    history.sync()
}

/// The serials that are kept, newest first.
pub(super) fn kept(folder: &Folder) -> Result<Vec<u64>, StoreError> {
    folder.folder(HISTORY)?.map_or_else(|| Ok(Vec::new()), |history| serials(&history))
}

/// The snapshot of a serial; `None` if it is not kept.
pub(super) fn version(folder: &Folder, vault: &Vault, serial: u64) -> Result<Option<Version>, StoreError> {
    let Some(history) = folder.folder(HISTORY)? else { return Ok(None) };
    let name = file_name(serial);
    let Some(bytes) = history.read(&name, SNAPSHOT_BYTES_MAX)? else { return Ok(None) };
    let version = Snapshot::open(bytes, vault).map_err(|error| unread(history.place(&name), error, None))?;
    let found = version.snapshot.serial;
    if found != serial {
        let damage = Damage::Renamed { found };
        return Err(StoreError::Corrupt { place: history.place(&name), damage, good: None });
    }
    Ok(Some(version))
}

/// Keeps the journal that follows a serial, which the next snapshot has in it: with the snapshot before, that one can be
/// made again. That of a first run is kept too, though nothing comes before it.
pub(super) fn keep_journal(folder: &Folder, base_serial: u64) -> Result<(), StoreError> {
    if folder.identity(JOURNAL)?.is_some() {
        let history = folder.folder_or_create(HISTORY)?;
        folder.link(JOURNAL, &history, &journal_name(base_serial))?;
    }
    Ok(())
}

/// Removes all but the newest [`HISTORY_MAX`] snapshots before the present one, and the journals that come before them all.
pub(super) fn prune(folder: &Folder, present: u64) -> Result<(), StoreError> {
    let Some(history) = folder.folder(HISTORY)? else { return Ok(()) };
    let mut kept = serials(&history)?;
    kept.retain(|serial| *serial < present);
    let oldest = kept.get(HISTORY_MAX - 1).copied();
    for serial in kept.into_iter().skip(HISTORY_MAX) {
        history.remove(&file_name(serial))?;
    }
    for serial in numbers(&history, "journal-", "")?.into_iter().filter(|serial| Some(*serial) < oldest) {
        history.remove(&journal_name(serial))?;
    }
    Ok(())
}

/// Seals all snapshots anew, and removes the journals between them.
pub(super) fn reseal(folder: &Folder, vault: &Vault) -> Result<(), StoreError> {
    let Some(history) = folder.folder(HISTORY)? else { return Ok(()) };
    for serial in serials(&history)? {
        let name = file_name(serial);
        let Some(bytes) = history.read(&name, SNAPSHOT_BYTES_MAX)? else { continue };
        match Snapshot::reseal(bytes, vault) {
            Ok(sealed) => {
                history.create(COPY_NEW, |file| file.put(&sealed))?;
                history.rename(COPY_NEW, &name)?;
            }
            // It is not to be had any more, whatever seals it.
            Err(DecodeError::Damaged(_) | DecodeError::Sealed(SealError::NoKey { .. })) => {}
            Err(error) => return Err(unread(history.place(&name), error, None)),
        }
    }
    for serial in journals(folder)? {
        history.remove(&journal_name(serial))?;
    }
    history.sync()
}

/// The newest serial that is kept.
pub(super) fn newest(folder: &Folder) -> Result<Option<u64>, StoreError> {
    Ok(kept(folder)?.first().copied())
}

/// The newest earlier snapshot that is whole. What cannot be read is passed over: this answers a failure.
pub(super) fn newest_whole(folder: &Folder, vault: &Vault) -> Option<Earlier> {
    let history = folder.folder(HISTORY).ok()??;
    serials(&history).ok()?.into_iter().find_map(|serial| {
        version(folder, vault, serial).ok()??;
        Some(Earlier { serial, place: history.place(&file_name(serial)) })
    })
}

/// The serials whose journals are kept, newest first.
pub(super) fn journals(folder: &Folder) -> Result<Vec<u64>, StoreError> {
    folder.folder(HISTORY)?.map_or_else(|| Ok(Vec::new()), |history| numbers(&history, "journal-", ""))
}

/// The bytes of the journal that follows a serial.
pub(super) fn journal(folder: &Folder, base_serial: u64) -> Option<Vec<u8>> {
    folder.folder(HISTORY).ok()??.read(&journal_name(base_serial), JOURNAL_BYTES_MAX).ok()?
}

fn journal_name(base_serial: u64) -> String {
    format!("journal-{base_serial}")
}

fn file_name(serial: u64) -> String {
    format!("state-{serial}.json")
}

/// Serials of snapshots that are kept, newest first.
fn serials(history: &Folder) -> Result<Vec<u64>, StoreError> {
    numbers(history, "state-", ".json")
}

/// The numbers in names of this form, largest first.
fn numbers(history: &Folder, before: &str, after: &str) -> Result<Vec<u64>, StoreError> {
    let names = history.names()?;
    let number = |name: &String| name.strip_prefix(before)?.strip_suffix(after)?.parse::<u64>().ok();
    let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    numbers.dedup();
    Ok(numbers)
}
