//! The second place of records: where a run writes what it did when its store cannot be written to any more.
//!
//! In: a guard, and a folder that is not the store's. Out: a guard that does the same, and takes up first what an earlier run
//! left in the second place. Never: a record in clear where the state holds something sensitive; a record taken up of a
//! call whose intent is not open in the store; a file of records overwritten or removed before they are in the store.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::address::Address;
use crate::disk::Folder;
use crate::journal::{self, Header, JOURNAL_BYTES_MAX, Journal, Ledger, Pending, Record};
use crate::json;
use crate::seal::{Frames, Vault};
use crate::snapshot::{Damage, DecodeError, Snapshot};
use crate::store::{BoxFuture, Copied, Guard, Loaded, Salvage, StoreError, unwritable};

/// What the names of the files of records begin with; the lineage of the state follows.
pub const ERRORED: &str = "errored-";

/// What they end with.
pub const ENDING: &str = ".jnl";

/// What is put behind the name of a file whose records are not taken up.
const ASIDE: &str = ".aside";

/// What is put behind the name of a file that is not whole yet.
const NEW: &str = ".new";

/// What becomes of records that a store does not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// From now on they are kept here.
    Kept {
        /// The file.
        place: PathBuf,
    },
    /// They could be written nowhere.
    Unwritten {
        /// The file in which the next run would look for them.
        place: PathBuf,
        /// Lines for the end of that file: printable ASCII, and sealed where the state is.
        lines: String,
    },
    /// Not even lines could be made of them.
    Lost {
        /// How many.
        records: usize,
        /// Why.
        because: String,
    },
    /// Those of an earlier run are in the state now.
    TakenUp {
        /// How many; 0: all that they say was found out already.
        records: usize,
    },
    /// Those of an earlier run are not needed: the state has gone past them.
    GonePast {
        /// Where they are now.
        place: PathBuf,
    },
    /// Those of an earlier run cannot be read.
    Damaged {
        /// Where they are now.
        place: PathBuf,
        /// How they are damaged.
        damage: Damage,
    },
}

/// Is told what becomes of records.
pub type Tell = Arc<dyn Fn(News) + Send + Sync>;

/// A second place.
#[derive(Clone)]
pub struct SecondPlace {
    folder: PathBuf,
    vault: Vault,
    tell: Tell,
}

impl SecondPlace {
    /// The second place in a folder, sealed as the store is.
    pub fn new(folder: PathBuf, vault: Vault, tell: Tell) -> Self {
        Self { folder, vault, tell }
    }

    /// A guard that writes here what it cannot write to its store. What an earlier run left here for this state is in the
    /// store then, which is told.
    ///
    /// # Errors
    /// If what is here stays sealed or is of a newer version, or cannot be written to the store.
    pub async fn behind(self, guard: Box<dyn Guard>) -> Result<Box<dyn Guard>, StoreError> {
        let taken = match self.is_used() {
            Ok(true) => self.take_up(&*guard).await,
            other => other.map(drop),
        };
        if let Err(error) = taken {
            // Why nothing can be taken up is what matters; the lock may end by itself.
            let _ = guard.release().await;
            return Err(error);
        }
        let state = Mutex::new(State::default());
        Ok(Box::new(Behind { guard, place: self, state }))
    }

    /// Whether anything is here.
    fn is_used(&self) -> Result<bool, StoreError> {
        let Some(folder) = Folder::open(&self.folder, None)? else { return Ok(false) };
        let is_ours = |name: &String| name.starts_with(ERRORED) && name.ends_with(ENDING);
        Ok(folder.names()?.iter().any(is_ours))
    }

    /// Writes what is here for the state to it.
    async fn take_up(&self, guard: &dyn Guard) -> Result<(), StoreError> {
        // A state that cannot be read is for whoever asks for it; nothing is taken up before.
        let Ok(Loaded { snapshot: Some(snapshot), pending, .. }) = guard.read().await else { return Ok(()) };
        let Some(folder) = Folder::open(&self.folder, None)? else { return Ok(()) };
        let name = file_name(&snapshot.lineage);
        let Some(journal) = self.read(&folder, &name)? else { return Ok(()) };
        if journal.header.lineage != snapshot.lineage {
            let (expected, found) = (snapshot.lineage, journal.header.lineage);
            return Err(StoreError::Foreign { expected, found });
        }
        let (found, newest) = (snapshot.serial, journal.header.base_serial);
        if newest > found {
            let damage = Damage::RolledBack { found, newest };
            return Err(StoreError::Corrupt { place: folder.place(&name), damage, good: None });
        }
        if newest < found {
            // Whoever went past it found out what became of each change that was open.
            let place = set_aside(&folder, &name)?;
            self.tell(News::GonePast { place });
            return Ok(());
        }
        let records = needed(journal.records, pending);
        let count = records.len();
        if count > 0 {
            guard.append(records).await?;
        }
        folder.remove(&name)?;
        self.tell(News::TakenUp { records: count });
        Ok(())
    }

    /// What is here for a state. What is damaged is set aside: without it nothing is lost, for the store has the intents.
    fn read(&self, folder: &Folder, name: &str) -> Result<Option<Journal>, StoreError> {
        let Some(bytes) = folder.read(name, JOURNAL_BYTES_MAX)? else { return Ok(None) };
        let place = folder.place(name);
        match Journal::open(&bytes, Some(name), &self.vault) {
            Ok((journal, _)) => Ok(Some(journal)),
            Err(DecodeError::Damaged(damage)) => {
                let place = set_aside(folder, name)?;
                self.tell(News::Damaged { place, damage });
                Ok(None)
            }
            Err(DecodeError::Sealed(error)) => Err(StoreError::Sealed { place, error }),
            Err(DecodeError::Newer { found, supported, written_by }) => {
                Err(StoreError::Newer { place, found, supported, written_by })
            }
        }
    }

    fn tell(&self, news: News) {
        (self.tell)(news);
    }
}

fn file_name(lineage: &str) -> String {
    format!("{ERRORED}{lineage}{ENDING}")
}

/// Gives a file another name, under which nobody takes it up.
fn set_aside(folder: &Folder, name: &str) -> Result<PathBuf, StoreError> {
    let aside = format!("{name}{ASIDE}");
    folder.rename(name, &aside)?;
    Ok(folder.place(&aside))
}

/// The records that say something that the store does not know: those of calls whose intent is open there. Another run may
/// have settled some meanwhile, who knew better, and given their numbers to others.
fn needed(records: Vec<Record>, pending: Vec<Pending>) -> Vec<Record> {
    let open: BTreeMap<u64, Pending> = pending.into_iter().map(|each| (each.operation, each)).collect();
    let (mut numbers, mut addresses) = (BTreeSet::new(), BTreeSet::<Address>::new());
    let mut is_needed = |record: &Record| match record {
        Record::Intend { operation, address, deposed, action, token, .. } => {
            let is_same = |open: &Pending| {
                (&open.address, &open.deposed, &open.action, &open.token) == (address, deposed, action, token)
            };
            if open.get(operation).is_some_and(is_same) {
                numbers.insert(*operation);
                addresses.insert(address.clone());
            }
            false
        }
        Record::Done { operation, .. }
        | Record::Failed { operation, .. }
        | Record::Progress { operation, .. } => numbers.contains(operation),
        Record::Deposed { address, .. } | Record::Restored { address, .. } => addresses.contains(address),
        Record::Outputs { .. } => false,
    };
    records.into_iter().filter(|record| is_needed(record)).collect()
}

/// What is known of the store, and the file once it is needed.
#[derive(Default)]
struct State {
    /// The snapshot that records follow; `None` until the state was read or begun.
    follows: Option<Header>,
    /// The intents that are durable in the store, and open there.
    ledger: Ledger,
    /// Something in the state is sensitive.
    is_sensitive: bool,
    /// The lock is another's: who has it finds out what became of each change.
    is_shut_out: bool,
    lines: Lines,
}

/// The lines so far, and the file, as long as it can be written to.
#[derive(Default)]
struct Lines {
    /// Bytes of them.
    position: u64,
    frames: Option<Frames>,
    /// Operations whose intent is among them.
    intents: BTreeSet<u64>,
    file: Option<File>,
}

impl SecondPlace {
    /// Keeps records that the store refused and that say how a call went, behind the intent of that call. An intent that was
    /// refused began nothing, and what was only found is found again.
    fn keep(&self, state: &mut State, records: Vec<Record>) {
        let open = |record: &Record| match record {
            Record::Done { operation, .. }
            | Record::Failed { operation, .. }
            | Record::Progress { operation, .. } => state.ledger.open(*operation).cloned(),
            _ => None,
        };
        let calls: BTreeMap<u64, Pending> =
            records.iter().filter_map(open).map(|pending| (pending.operation, pending)).collect();
        let addresses: BTreeSet<_> = calls.values().map(|pending| &pending.address).collect();
        let told = records.into_iter().filter(|record| match record {
            Record::Done { operation, .. }
            | Record::Failed { operation, .. }
            | Record::Progress { operation, .. } => calls.contains_key(operation),
            Record::Deposed { address, .. } | Record::Restored { address, .. } => addresses.contains(address),
            Record::Intend { .. } | Record::Outputs { .. } => false,
        });
        let new = calls.values().filter(|pending| !state.lines.intents.contains(&pending.operation));
        let all: Vec<_> = new.flat_map(Pending::carried).chain(told).collect();
        if all.is_empty() {
            return;
        }
        match self.lines(state, &all) {
            Ok(text) => {
                state.lines.intents.extend(calls.keys());
                self.put(state, &text);
            }
            Err(error) => self.tell(News::Lost { records: all.len(), because: error.to_string() }),
        }
    }

    /// The lines of some records, with what stands before the first ones.
    fn lines(&self, state: &mut State, records: &[Record]) -> Result<Vec<u8>, StoreError> {
        let State { follows, lines, is_sensitive, .. } = state;
        let follows = follows.as_ref().ok_or(StoreError::Misused { how: "a record was appended unread" })?;
        let mut text = if lines.position == 0 { follows.encode().map_err(unwritable)? } else { Vec::new() };
        let mut frames = lines.frames.clone();
        if frames.is_none() {
            // Bound to this place: nothing that is sealed here opens as the store's own journal.
            let subject = follows.subject(Some(&file_name(&follows.lineage)));
            let sealed = self.vault.frames(subject, *is_sensitive);
            frames = sealed.map_err(|error| unwritable(error.into()))?;
            text.extend(frames.iter().flat_map(|frames| journal::frame(frames.head())));
        }
        // They may end on a terminal.
        let records = json::ascii(&journal::encode_records(records).map_err(unwritable)?);
        let payload = [b"[", &*records, b"]"].concat();
        let position = lines.position + text.len() as u64;
        text.extend(match &frames {
            Some(frames) => journal::frame(&frames.seal(position, &payload)),
            None => journal::frame(&payload),
        });
        lines.position += text.len() as u64;
        lines.frames = frames;
        Ok(text)
    }

    fn put(&self, state: &mut State, text: &[u8]) {
        let State { follows: Some(follows), lines, .. } = state else { return };
        let name = file_name(&follows.lineage);
        let place = self.folder.join(&name);
        let before = lines.position - text.len() as u64;
        if before == 0
            && let Ok(file) = self.begin(&name, text)
        {
            lines.file = Some(file);
            self.tell(News::Kept { place });
            return;
        }
        let written = lines.file.as_mut().is_some_and(|file| add(file, text, before).is_ok());
        if !written {
            lines.file = None;
            let lines = String::from_utf8_lossy(text).into_owned();
            self.tell(News::Unwritten { place, lines });
        }
    }

    /// The file with its first lines, durable under its name: nobody sees an empty one.
    fn begin(&self, name: &str, text: &[u8]) -> Result<File, StoreError> {
        let folder = Folder::open_or_create(&self.folder, None)?;
        if folder.identity(name)?.is_some() {
            // What an earlier run left could not be taken up, since the state could not be read.
            set_aside(&folder, name)?;
        }
        let new = format!("{name}{NEW}");
        let file = folder.create(&new, |file| file.put(text))?;
        folder.rename(&new, name)?;
        folder.sync()?;
        Ok(file)
    }
}

/// Adds lines to a file durably, or leaves it as it was.
fn add(file: &mut File, text: &[u8], before: u64) -> io::Result<()> {
    let added = file.write_all(text).and_then(|()| file.sync_data());
    // Half a line would make those after it unreadable, which somebody adds by hand.
    added.inspect_err(|_| drop(file.set_len(before)))
}

/// A guard with a second place.
struct Behind {
    guard: Box<dyn Guard>,
    place: SecondPlace,
    state: Mutex<State>,
}

impl Behind {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follows(&self, snapshot: &Snapshot, pending: &[Pending]) {
        let header = Header { lineage: snapshot.lineage.clone(), base_serial: snapshot.serial };
        let mut state = self.state();
        state.follows = Some(header);
        state.ledger = Ledger::of_pending(pending.to_vec());
        state.is_sensitive |= snapshot.is_sensitive();
    }

    fn appended(&self, records: Vec<Record>, appended: &Result<(), StoreError>) {
        let mut state = self.state();
        state.is_sensitive |= records.iter().any(Record::is_sensitive);
        match appended {
            // What the store has taken fits what it has.
            Ok(()) => records.iter().for_each(|record| drop(state.ledger.note(record))),
            Err(error) => {
                state.is_shut_out |= matches!(error, StoreError::LockLost { .. });
                if !state.is_shut_out && !matches!(error, StoreError::Misused { .. }) {
                    self.place.keep(&mut state, records);
                }
            }
        }
    }

    /// The state has in it what could not be appended.
    fn clear(&self) -> Result<(), StoreError> {
        let (lines, follows) = {
            let mut state = self.state();
            (std::mem::take(&mut state.lines), state.follows.clone())
        };
        let Some(follows) = follows.filter(|_| lines.file.is_some()) else { return Ok(()) };
        let folder = Folder::open(&self.place.folder, None)?;
        folder.map_or(Ok(()), |folder| folder.remove(&file_name(&follows.lineage)))
    }
}

impl Guard for Behind {
    fn read(&self) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        Box::pin(async move {
            let loaded = self.guard.read().await?;
            loaded.snapshot.iter().for_each(|snapshot| self.follows(snapshot, &loaded.pending));
            Ok(loaded)
        })
    }

    fn begin(&self, lineage: String) -> BoxFuture<'_, Result<(), StoreError>> {
        self.state().follows.get_or_insert(Header { lineage: lineage.clone(), base_serial: 0 });
        self.guard.begin(lineage)
    }

    fn append(&self, records: Vec<Record>) -> BoxFuture<'_, Result<(), StoreError>> {
        let kept = records.clone();
        // Begun at once, so that the order of the calls is that of the records.
        let appended = self.guard.append(records);
        Box::pin(async move {
            let appended = appended.await;
            self.appended(kept, &appended);
            appended
        })
    }

    fn commit(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        let follows = Header { lineage: snapshot.lineage.clone(), base_serial: snapshot.serial };
        Box::pin(async move {
            self.guard.commit(snapshot).await?;
            // One that stays is out of date by its serial.
            let _ = self.clear();
            self.state().follows = Some(follows);
            Ok(())
        })
    }

    fn adopt(&self, copy: Copied) -> BoxFuture<'_, Result<(), StoreError>> {
        self.follows(&copy.snapshot, &copy.pending);
        self.guard.adopt(copy)
    }

    fn salvage(&self) -> BoxFuture<'_, Result<Salvage, StoreError>> {
        self.guard.salvage()
    }

    fn replace(&self, salvage: Salvage) -> BoxFuture<'_, Result<(), StoreError>> {
        self.follows(&salvage.snapshot, &salvage.pending);
        self.guard.replace(salvage)
    }

    fn reseal(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.guard.reseal()
    }

    fn leave(&self, to: String) -> BoxFuture<'_, Result<(), StoreError>> {
        self.guard.leave(to)
    }

    fn keep(&self) -> BoxFuture<'_, StoreError> {
        self.guard.keep()
    }

    fn outlasts(&self, call: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        self.guard.outlasts(call)
    }

    fn release(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        self.guard.release()
    }
}
