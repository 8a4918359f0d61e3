//! What can be had of a store of which a part is damaged, missing or put there from elsewhere. Pure: what was found of it goes
//! in, the newest state that can be made of it comes out.
//!
//! In: snapshots that are whole, what is left of journals. Out: the newest snapshot with all that journals say was done since,
//! and a sentence for each thing that is missing. Never: something that is lost passed over in silence; something taken for lost
//! that is only sealed with a key that is not to be had, or that may not be read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::journal::{self, Left, Pending, Record, Replayed};
use crate::seal::KeyName;
use crate::snapshot::{Snapshot, Version};
use crate::store::{Loaded, Salvage, StoreError};

/// What is left of a store.
#[derive(Default)]
pub(crate) struct Parts {
    /// The lineage of the marker.
    pub(crate) lineage: Option<String>,
    /// The newest serial that anything tells of.
    pub(crate) newest: u64,
    /// Snapshots that are whole and can be believed, by serial.
    pub(crate) versions: BTreeMap<u64, Version>,
    /// Journals, in the order in which they were written. Of one without a first line it is believed that it is the last.
    pub(crate) journals: Vec<Left>,
    /// Each serial is followed by a journal, even if it says nothing.
    pub(crate) is_journal_sure: bool,
    /// What is known to be missing already, a sentence each.
    pub(crate) lost: Vec<String>,
    /// What could not be read and may be whole.
    pub(crate) withheld: Vec<Withheld>,
    /// The keys that opened something.
    pub(crate) opened: Vec<KeyName>,
}

/// Something that stays sealed.
pub(crate) struct Withheld {
    /// It is of this serial, or follows it.
    serial: u64,
    is_journal: bool,
    error: StoreError,
}

impl Salvage {
    /// Of a store that is whole: what it holds.
    pub(crate) fn whole(loaded: Loaded) -> Self {
        let Loaded { snapshot, pending, .. } = loaded;
        let base = snapshot.clone();
        let snapshot = snapshot.unwrap_or_else(|| Snapshot::empty(""));
        Self { wrong: None, snapshot, pending, base, records: 0, lost: Vec::new(), strays: Vec::new() }
    }
}

impl Parts {
    /// Takes a snapshot that was read, or why it could not be.
    ///
    /// # Errors
    /// If it is there and may not be read, or only by a later version: it may be whole.
    pub(crate) fn take_version(
        &mut self,
        serial: u64,
        read: Result<Option<Version>, StoreError>,
    ) -> Result<Option<Version>, StoreError> {
        match read {
            Ok(version) => {
                self.opened.extend(version.iter().filter_map(|version| version.key.clone()));
                Ok(version)
            }
            Err(error @ StoreError::Sealed { .. }) if !error.is_about_content() => {
                self.withheld.push(Withheld { serial, is_journal: false, error });
                Ok(None)
            }
            Err(error) if error.is_for_now() => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Notes what of a journal stays sealed, and what opened the rest. `serial` is what it follows, where it does not say.
    pub(crate) fn note_journal(&mut self, left: &Left, serial: u64, place: PathBuf) {
        self.opened.extend(left.opened.iter().cloned());
        let serial = left.header.as_ref().map_or(serial, |header| header.base_serial);
        let withheld = left.sealed.clone().map(|error| StoreError::Sealed { place, error });
        self.withheld.extend(withheld.map(|error| Withheld { serial, is_journal: true, error }));
    }

    /// Refuses to do without something that stays sealed and would be used. What a key does not open that opened something
    /// else was changed: that is damage.
    ///
    /// # Errors
    /// Why it stays sealed.
    pub(crate) fn check_keys(&mut self) -> Result<(), StoreError> {
        let base = self.versions.last_key_value().map_or(0, |(serial, _)| *serial);
        let opened = &self.opened;
        let is_needed = |withheld: &Withheld| {
            let is_after = withheld.serial > base || withheld.is_journal && withheld.serial == base;
            is_after && !withheld.error.refusing().is_some_and(|name| opened.contains(name))
        };
        let first = self.withheld.iter().position(is_needed);
        first.map_or(Ok(()), |first| Err(self.withheld.swap_remove(first).error))
    }

    /// The newest snapshot of the right lineage, with every journal that follows it. `None` if there is nothing.
    pub(crate) fn join(self, wrong: &StoreError) -> Option<Salvage> {
        let lineage = self.lineage()?;
        let Self { newest, versions, journals, is_journal_sure, mut lost, .. } = self;
        let mut mine = versions.into_values().map(|version| version.snapshot);
        let base = mine.rfind(|snapshot| snapshot.lineage == lineage);
        let mut snapshot = base.clone().unwrap_or_else(|| Snapshot::empty(lineage.clone()));
        let (mut pending, mut records) = (open_before(&journals, &lineage, snapshot.serial), 0);
        let (mut expected, mut strays) = (snapshot.serial, Vec::new());
        for (serial, lefts) in by_serial(journals, &lineage, newest, &mut lost).split_off(&snapshot.serial) {
            if serial > expected {
                lost.push(between((expected, serial), is_journal_sure));
            }
            expected = serial.saturating_add(1);
            let damaged = lefts.iter().map(|left| left.damaged).sum::<usize>();
            if damaged > 0 {
                let s = if damaged == 1 { "" } else { "s" };
                lost.push(format!("{damaged} damaged line{s} of the journal after serial {serial}"));
            } else if lefts.iter().all(|left| left.header.is_none()) {
                lost.push(format!("what was done after serial {serial}: its journal is empty"));
            } else if serial < newest && !lefts.iter().flat_map(|left| &left.records).any(is_outcome) {
                lost.push(untold(expected));
            }
            let all: Vec<_> = lefts.into_iter().flat_map(|left| left.records).collect();
            records += all.len();
            let next = journal::replay_left(snapshot, all);
            strays.extend(next.strays);
            snapshot = next.snapshot;
            pending = next.ledger.into_pending();
        }
        if expected < newest {
            lost.push(between((expected, newest), is_journal_sure));
        } else if expected == newest && is_journal_sure {
            lost.push(format!("what was done after serial {newest}: there is no journal"));
        }
        if base.is_none() && records == 0 {
            return None;
        }
        snapshot.serial = newest.checked_add(1)?;
        snapshot.gone.clear();
        Some(Salvage { wrong: Some(wrong.to_string()), snapshot, pending, base, records, lost, strays })
    }

    fn lineage(&self) -> Option<String> {
        let of_journal =
            || self.journals.iter().rev().find_map(|left| Some(left.header.as_ref()?.lineage.clone()));
        let of_version = || Some(self.versions.last_key_value()?.1.snapshot.lineage.clone());
        self.lineage.clone().or_else(of_journal).or_else(of_version)
    }
}

/// What is not there of what came between two serials. Unless each serial has a journal, the second may be one that none tells of.
fn between((after, before): (u64, u64), is_journal_sure: bool) -> String {
    let said = format!("what was done after serial {after} and before serial {before}");
    if is_journal_sure { said } else { format!("{said}, and what {UNTOLD} wrote then") }
}

/// What is not there of a serial that no journal tells of.
fn untold(serial: u64) -> String {
    format!("what serial {serial} holds, which no journal tells of, as when {UNTOLD} wrote it")
}

/// What writes objects to the state that a run did not journal.
const UNTOLD: &str = "`mlo state push`, `restore` or `import-terraform`";

/// Whether a record says what became of something.
fn is_outcome(record: &Record) -> bool {
    !matches!(record, Record::Intend { .. } | Record::Progress { .. })
}

/// Journals by the serial that they follow.
fn by_serial(
    journals: Vec<Left>,
    lineage: &str,
    newest: u64,
    lost: &mut Vec<String>,
) -> BTreeMap<u64, Vec<Left>> {
    let mut all: BTreeMap<u64, Vec<Left>> = BTreeMap::new();
    for left in journals {
        match &left.header {
            Some(header) if header.lineage != lineage => {
                lost.push(format!("a journal of another state, whose lineage is `{}`", header.lineage));
            }
            Some(header) => all.entry(header.base_serial).or_default().push(left),
            None => all.entry(newest).or_default().push(left),
        }
    }
    all
}

/// What was open when a snapshot was committed, as the journal before it tells it: where a crash came before there was one
/// after it.
fn open_before(journals: &[Left], lineage: &str, serial: u64) -> Vec<Pending> {
    let is_before = |left: &&Left| {
        let header = left.header.as_ref();
        header.is_some_and(|header| {
            header.lineage == lineage && header.base_serial.checked_add(1) == Some(serial)
        })
    };
    let records = journals.iter().filter(is_before).flat_map(|left| left.records.iter().cloned()).collect();
    let Replayed { ledger, .. } = journal::replay_left(Snapshot::empty(lineage), records);
    ledger.into_pending()
}
