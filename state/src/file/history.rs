//! Earlier snapshots of a folder.
//!
//! In: the snapshot that is about to be replaced. Out: the newest earlier one that is whole. Never: more than
//! [`HISTORY_MAX`] of them for long.

use super::{STATE, put_snapshot};
use crate::disk::Folder;
use crate::seal::Vault;
use crate::snapshot::{SNAPSHOT_BYTES_MAX, Snapshot};
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
pub(super) fn put(folder: &Folder, vault: &Vault, snapshot: &Snapshot) -> Result<(), StoreError> {
    let history = folder.folder_or_create(HISTORY)?;
    let name = file_name(snapshot.serial);
    let place = history.place(&name);
    history.create(COPY_NEW, |file| put_snapshot(file, snapshot, vault, place))?;
    history.rename(COPY_NEW, &name)?;
    history.sync()
}

/// The snapshots that are kept and whole, newest first.
pub(super) fn all(folder: &Folder, vault: &Vault) -> Result<Vec<Snapshot>, StoreError> {
    let Some(history) = folder.folder(HISTORY)? else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for serial in serials(&history)? {
        let bytes = history.read(&file_name(serial), SNAPSHOT_BYTES_MAX)?;
        all.extend(bytes.and_then(|bytes| Snapshot::open(bytes, vault).ok()));
    }
    Ok(all)
}

/// Removes all but the newest [`HISTORY_MAX`] snapshots.
pub(super) fn prune(folder: &Folder) -> Result<(), StoreError> {
    let Some(history) = folder.folder(HISTORY)? else { return Ok(()) };
    for serial in serials(&history)?.into_iter().skip(HISTORY_MAX) {
        history.remove(&file_name(serial))?;
    }
    Ok(())
}

/// The newest serial that is kept.
pub(super) fn newest(folder: &Folder) -> Result<Option<u64>, StoreError> {
    let Some(history) = folder.folder(HISTORY)? else { return Ok(None) };
    Ok(serials(&history)?.first().copied())
}

/// The newest earlier snapshot that is whole. What cannot be read is passed over: this answers a failure.
pub(super) fn newest_whole(folder: &Folder, vault: &Vault) -> Option<Earlier> {
    let history = folder.folder(HISTORY).ok()??;
    serials(&history).ok()?.into_iter().find_map(|serial| {
        let name = file_name(serial);
        let bytes = history.read(&name, SNAPSHOT_BYTES_MAX).ok()??;
        let snapshot = Snapshot::open(bytes, vault).ok()?;
        (snapshot.serial == serial).then(|| Earlier { serial, place: history.place(&name) })
    })
}

fn file_name(serial: u64) -> String {
    format!("state-{serial}.json")
}

/// Serials that are kept, newest first.
fn serials(history: &Folder) -> Result<Vec<u64>, StoreError> {
    let names = history.names()?;
    let number = |name: &String| name.strip_prefix("state-")?.strip_suffix(".json")?.parse::<u64>().ok();
    let mut serials: Vec<u64> = names.iter().filter_map(number).collect();
    serials.sort_unstable_by(|a, b| b.cmp(a));
    serials.dedup();
    Ok(serials)
}
