//! What a folder holds, and whether it can be believed.
//!
//! In: the files of a folder. Out: the snapshot with the journal in it. Never: what is missing, damaged, foreign or
//! rolled back taken for a state.

use std::path::PathBuf;

use super::{JOURNAL, LINEAGE, STATE, history, moved};
use crate::disk::Folder;
use crate::journal::{self, JOURNAL_BYTES_MAX, Journal, Ledger};
use crate::marker::{MARKER_BYTES_MAX, Marker};
use crate::seal::{Frames, Vault};
use crate::snapshot::{Damage, DecodeError, SNAPSHOT_BYTES_MAX, Snapshot};
use crate::store::{Earlier, Loaded, StoreError};

/// Attempts to read a state whose first commit is under way.
const ATTEMPTS_MAX: usize = 3;

/// What a folder holds.
pub(super) struct Contents {
    /// `None`: nothing was ever written.
    pub(super) snapshot: Option<Snapshot>,
    /// Operations without an outcome.
    pub(super) ledger: Ledger,
    /// The journal's end was torn.
    pub(super) torn: bool,
    /// What the next append does to the journal.
    pub(super) journal: JournalFile,
    /// The digest of the snapshot, without the journal.
    pub(super) digest: Option<String>,
    /// The marker speaks of this snapshot.
    pub(super) marked: bool,
    /// There is a marker, whatever it says.
    pub(super) has_mark: bool,
}

/// The journal's file, as the next append finds it.
#[derive(Clone, Debug)]
pub(super) enum JournalFile {
    /// It follows the present snapshot; its good frames end here.
    Current {
        /// Length of the good frames in bytes.
        bytes_good: u64,
        /// What seals the next one as the last one was.
        frames: Option<Frames>,
    },
    /// There is none, or it follows an earlier snapshot: a new one takes its place.
    Stale,
}

/// What a folder that does not exist holds.
pub(super) fn nothing() -> Loaded {
    Loaded { snapshot: None, pending: Vec::new(), next_operation: 0, torn: false }
}

impl Contents {
    /// As the store's users see it.
    #[expect(clippy::unnecessary_wraps, reason = "chained after `load`")]
    pub(super) fn into_loaded(self) -> Result<Loaded, StoreError> {
        let next_operation = self.ledger.next_operation();
        let pending = self.ledger.into_pending();
        Ok(Loaded { snapshot: self.snapshot, pending, next_operation, torn: self.torn })
    }
}

/// The marker as it was found.
pub(super) enum Mark {
    /// There is none.
    Absent,
    /// State was kept here; which, it does not say any more.
    Damaged,
    /// State was kept here, at least to this serial.
    Is(Marker),
}

impl Mark {
    /// What it says, if it says something.
    pub(super) fn said(self) -> Option<Marker> {
        if let Self::Is(marker) = self { Some(marker) } else { None }
    }
}

/// Reads a folder, in the order in which no commit can deceive a reader without a lock: see [`super`].
pub(super) fn load(folder: &Folder, vault: &Vault) -> Result<Contents, StoreError> {
    moved::check_here(folder, vault)?;
    load_left(folder, vault)
}

/// The same of a folder whose state may have been taken elsewhere.
pub(super) fn load_left(folder: &Folder, vault: &Vault) -> Result<Contents, StoreError> {
    let unmarked =
        || StoreError::Lost { place: folder.place(LINEAGE), good: history::newest_whole(folder, vault) };
    for _ in 0..ATTEMPTS_MAX {
        let contents = load_unmarked(folder, vault)?;
        if contents.has_mark || contents.digest.is_none() {
            return Ok(contents);
        }
        // Or the first commit came between the two.
        if let Mark::Absent = read_mark(folder)? {
            return Err(unmarked());
        }
    }
    Err(unmarked())
}

/// The same, whether or not the marker is there. There is one before there is a snapshot.
pub(super) fn load_unmarked(folder: &Folder, vault: &Vault) -> Result<Contents, StoreError> {
    let mark = read_mark(folder)?;
    let newest_kept = history::newest(folder)?;
    let journal = match folder.read(JOURNAL, JOURNAL_BYTES_MAX)? {
        Some(bytes) => {
            Some(Journal::open(&bytes, None, vault).map_err(|error| refused(folder, vault, JOURNAL, error))?)
        }
        None => None,
    };
    let snapshot = match folder.read(STATE, SNAPSHOT_BYTES_MAX)? {
        Some(bytes) => {
            Some(Snapshot::open(bytes, vault).map_err(|error| refused(folder, vault, STATE, error))?)
        }
        None => None,
    };
    let (journal, frames) = journal.unzip();
    let (snapshot, digest) = snapshot.map(|version| (version.snapshot, version.digest)).unzip();
    let snapshot = match (snapshot, &journal, &mark) {
        (Some(snapshot), _, _) => snapshot,
        // A first run that did not get to its commit.
        (None, Some(journal), _) if journal.header.base_serial == 0 && newest_kept.is_none() => {
            Snapshot::empty(journal.header.lineage.clone())
        }
        (None, None, Mark::Absent) if newest_kept.is_none() => return Ok(empty()),
        (None, _, _) => {
            let good = history::newest_whole(folder, vault);
            return Err(StoreError::Lost { place: folder.place(STATE), good });
        }
    };
    let has_mark = !matches!(mark, Mark::Absent);
    let marker = mark.said();
    check_lineage(&snapshot, journal.as_ref(), marker.as_ref())?;
    let of_marker = marker.as_ref().and_then(|marker| marker.last.as_ref()).map(|last| last.serial);
    check_serial((folder, vault), &snapshot, journal.as_ref(), newest_kept.max(of_marker))?;
    let present = marker.as_ref().map(|marker| marker.check(snapshot.serial, digest.as_deref()));
    present.unwrap_or(Ok(())).map_err(|damage| refused(folder, vault, STATE, damage.into()))?;
    let last = marker.and_then(|marker| marker.last);
    if journal.is_none() && last.is_some() {
        // There always is one, so that one that is gone is seen to be gone.
        let good = history::newest_whole(folder, vault);
        return Err(StoreError::Lost { place: folder.place(JOURNAL), good });
    }
    let is_current = last.is_some_and(|last| last.serial == snapshot.serial);
    join(snapshot, journal.zip(frames), (digest, is_current))
        .map(|contents| Contents { has_mark, ..contents })
        .map_err(|damage| refused(folder, vault, JOURNAL, damage.into()))
}

fn empty() -> Contents {
    let (ledger, journal) = (Ledger::default(), JournalFile::Stale);
    Contents { snapshot: None, ledger, torn: false, journal, digest: None, marked: false, has_mark: false }
}

/// Everything in the folder belongs to one state.
fn check_lineage(
    snapshot: &Snapshot,
    journal: Option<&Journal>,
    marker: Option<&Marker>,
) -> Result<(), StoreError> {
    let of_marker = marker.map(|marker| &marker.lineage);
    let of_journal = journal.map(|journal| &journal.header.lineage);
    for expected in [of_marker, of_journal].into_iter().flatten() {
        if *expected != snapshot.lineage {
            let (expected, found) = (expected.clone(), snapshot.lineage.clone());
            return Err(StoreError::Foreign { expected, found });
        }
    }
    Ok(())
}

/// Nothing in the folder was written after the snapshot's successor.
fn check_serial(
    (folder, vault): (&Folder, &Vault),
    snapshot: &Snapshot,
    journal: Option<&Journal>,
    newest_kept: Option<u64>,
) -> Result<(), StoreError> {
    let found = snapshot.serial;
    let newest =
        journal.map(|journal| journal.header.base_serial).max(newest_kept).filter(|newest| *newest > found);
    newest.map_or(Ok(()), |newest| {
        let good = history::newest_whole(folder, vault);
        Err(StoreError::Corrupt {
            place: folder.place(STATE),
            damage: Damage::RolledBack { found, newest },
            good,
        })
    })
}

/// The snapshot with the journal in it.
fn join(
    snapshot: Snapshot,
    journal: Option<(Journal, Option<Frames>)>,
    (digest, marked): (Option<String>, bool),
) -> Result<Contents, Damage> {
    let Some((Journal { header, records, bytes_good, torn }, frames)) = journal else {
        return Ok(Contents { snapshot: Some(snapshot), digest, marked, ..empty() });
    };
    let mut ledger = Ledger::default();
    if header.base_serial < snapshot.serial {
        // Its outcomes are in the snapshot; a crash came before it was replaced.
        records.iter().try_for_each(|record| ledger.note(record))?;
        return Ok(Contents { snapshot: Some(snapshot), ledger, digest, marked, ..empty() });
    }
    let (snapshot, ledger) = journal::replay(snapshot, records)?;
    let journal = JournalFile::Current { bytes_good, frames };
    Ok(Contents { snapshot: Some(snapshot), ledger, torn, journal, digest, marked, has_mark: false })
}

pub(super) fn read_mark(folder: &Folder) -> Result<Mark, StoreError> {
    let Some(bytes) = folder.read(LINEAGE, MARKER_BYTES_MAX)? else { return Ok(Mark::Absent) };
    Ok(Marker::decode(&bytes).map_or(Mark::Damaged, Mark::Is))
}

/// Refuses a marker that says nothing. A read passes over it, for what it speaks of is there and the next write makes it again;
/// until then a loss is not told from a first run by it.
pub(super) fn check_mark(folder: &Folder, vault: &Vault) -> Result<(), StoreError> {
    match read_mark(folder)? {
        Mark::Damaged => Err(refused(folder, vault, LINEAGE, Damage::Truncated.into())),
        Mark::Absent | Mark::Is(_) => Ok(()),
    }
}

/// A file that could not be believed, with what could be put in its place.
fn refused(folder: &Folder, vault: &Vault, name: &str, error: DecodeError) -> StoreError {
    let is_damaged = matches!(error, DecodeError::Damaged(_));
    unread(folder.place(name), error, is_damaged.then(|| history::newest_whole(folder, vault)).flatten())
}

/// The same, where what could be put in its place is known.
pub(super) fn unread(place: PathBuf, error: DecodeError, good: Option<Earlier>) -> StoreError {
    match error {
        DecodeError::Damaged(damage) => StoreError::Corrupt { place, damage, good },
        DecodeError::Sealed(error) => StoreError::Sealed { place, error },
        DecodeError::Newer { found, supported, written_by } => {
            StoreError::Newer { place, found, supported, written_by }
        }
    }
}
