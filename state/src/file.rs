//! A store in a folder of this machine.
//!
//! | name | what it holds |
//! | --- | --- |
//! | `state.json` | the snapshot; replaced whole by each commit, never edited |
//! | `journal` | what was appended since; begins with the serial that it follows |
//! | `lineage` | says that state was kept here, and which snapshot was the last: tells a first run from a loss |
//! | `lock` | locked by the kernel while a guard lives; never renamed or removed; names its holder |
//! | `documents/NAME` | what was said about the state; written once |
//! | `history/state-N.json` | the [`HISTORY_MAX`] snapshots before the present one; that one too, where no journal tells what it holds |
//! | `history/journal-N` | what was appended after each of these; `journal-0` by the first run |
//!
//! In: records and snapshots. Out: files of the owner alone, durable when a future resolves. Never: a link followed;
//! a file edited in place, but for the journal's end; a call that blocks the caller's thread, except to drop a guard.
//!
//! What a reader without a lock sees is whole at any moment, because it reads in an order in which no commit can
//! deceive it: the marker, the names of the history, the journal, the snapshot. A journal that follows an earlier
//! serial than the snapshot's is folded into it already, but for the intents that are still open.

use std::path::PathBuf;
use std::thread;

use crate::disk::{Folder, Output};
use crate::document::{Document, Names};
use crate::holder::{Held, Holder};
use crate::reply::reply;
use crate::seal::Vault;
use crate::snapshot::{EncodeError, SNAPSHOT_BYTES_MAX, Snapshot, Stamp, Version};
use crate::store::{BoxFuture, Guard, Loaded, Store, StoreError, unwritable};

mod contents;
mod documents;
mod guard;
mod history;
mod lock;
mod moved;
mod salvage;
mod writer;

pub use crate::disk::{Probe, Step};
pub use history::HISTORY_MAX;

/// The snapshot.
const STATE: &str = "state.json";
/// What becomes the snapshot.
const STATE_NEW: &str = "state.json.new";
/// The journal.
const JOURNAL: &str = "journal";
/// What becomes the journal.
const JOURNAL_NEW: &str = "journal.new";
/// The marker.
const LINEAGE: &str = "lineage";
/// What becomes the marker.
const LINEAGE_NEW: &str = "lineage.new";

/// A store in a folder.
#[derive(Clone)]
pub struct FileStore {
    dir: PathBuf,
    probe: Option<Probe>,
    vault: Vault,
}

impl FileStore {
    /// The store in `dir`. The folder is made, with all above it and for its owner alone, when it is first locked.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, probe: None, vault: Vault::clear() }
    }

    /// The same store, sealed: what it writes from now on by the first key of `vault`, what it reads by all of them.
    #[must_use]
    pub fn with_vault(self, vault: Vault) -> Self {
        Self { vault, ..self }
    }

    /// The same store with each step on disk told to `probe` first: how tests count syncs and make disks fail.
    #[must_use]
    pub fn with_probe(self, probe: Probe) -> Self {
        Self { probe: Some(probe), ..self }
    }
}

impl FileStore {
    /// Looks at the folder without a lock, in a thread; `nothing` if there is none.
    fn look<T: Send + 'static>(
        &self,
        nothing: T,
        look: impl FnOnce(&Folder, &Vault) -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let Self { dir, probe, vault } = self.clone();
        self.in_thread(move || match Folder::open(&dir, probe)? {
            Some(folder) => look(&folder, &vault),
            None => Ok(nothing),
        })
    }

    /// Does in a thread what blocks.
    fn in_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let place = self.dir.clone();
        Box::pin(async move {
            let (sender, receiver) = reply();
            spawn(&place, move || sender.send(work()))?;
            receiver.await.unwrap_or_else(|| Err(stopped(place)))
        })
    }
}

impl std::fmt::Debug for FileStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileStore").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Store for FileStore {
    fn read(&self) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        self.look(contents::nothing(), |folder, vault| {
            contents::load(folder, vault).and_then(contents::Contents::into_loaded)
        })
    }

    fn lock<'a>(&'a self, holder: &'a Holder) -> BoxFuture<'a, Result<Box<dyn Guard>, StoreError>> {
        Box::pin(guard::lock(self.clone(), holder.clone()))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.look((), contents::check_mark)
    }

    fn serials(&self) -> BoxFuture<'_, Result<Vec<u64>, StoreError>> {
        self.look(Vec::new(), serials)
    }

    fn version(&self, serial: u64) -> BoxFuture<'_, Result<Option<Version>, StoreError>> {
        self.look(None, move |folder, vault| match present(folder, vault) {
            Ok(Some(version)) if version.snapshot.serial == serial => Ok(Some(version)),
            _ => history::version(folder, vault, serial),
        })
    }

    fn held(&self) -> BoxFuture<'_, Result<Option<Held>, StoreError>> {
        let look = |folder: Option<Folder>| folder.map_or(Ok(None), |folder| lock::holder(&folder));
        let held = Folder::open(&self.dir, self.probe.clone()).and_then(look);
        Box::pin(std::future::ready(held))
    }

    fn break_lock<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(std::future::ready(Err(StoreError::Unbreakable)))
    }

    fn keep_document<'a>(&'a self, document: &'a Document) -> BoxFuture<'a, Result<bool, StoreError>> {
        let (Self { dir, probe, vault }, document) = (self.clone(), document.clone());
        self.in_thread(move || documents::keep(&Folder::open_or_create(&dir, probe)?, &vault, &document))
    }

    fn documents<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Document>, StoreError>> {
        let prefix = prefix.to_owned();
        self.look(Vec::new(), move |folder, vault| documents::all(folder, vault, &prefix))
    }

    fn document<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Document>, StoreError>> {
        let name = name.to_owned();
        self.look(None, move |folder, vault| documents::one(folder, vault, name))
    }

    fn document_names<'a>(
        &'a self,
        prefix: &'a str,
        after: &'a str,
    ) -> BoxFuture<'a, Result<Names, StoreError>> {
        let (prefix, after) = (prefix.to_owned(), after.to_owned());
        self.look(Names::default(), move |folder, vault| {
            let names = documents::names(folder, vault, &prefix, &after)?;
            Ok(Names { names, more: false })
        })
    }

    fn describe(&self) -> String {
        format!("folder {}", self.dir.display())
    }
}

/// The present snapshot, without a look at what is beside it.
fn present(folder: &Folder, vault: &Vault) -> Result<Option<Version>, StoreError> {
    let Some(bytes) = folder.read(STATE, SNAPSHOT_BYTES_MAX)? else { return Ok(None) };
    let unread = |error| contents::unread(folder.place(STATE), error, None);
    Snapshot::open(bytes, vault).map(Some).map_err(unread)
}

/// The serials that can be read, and those whose names are there, newest first.
fn serials(folder: &Folder, vault: &Vault) -> Result<Vec<u64>, StoreError> {
    let kept = history::kept(folder)?;
    let now = present(folder, vault).ok().flatten().map(|version| version.snapshot.serial);
    let mut serials: Vec<u64> = now.into_iter().chain(kept).collect();
    serials.sort_unstable_by(|a, b| b.cmp(a));
    serials.dedup();
    Ok(serials)
}

/// Writes a snapshot's file; gives the digest of what it says.
fn put_snapshot(
    file: &mut Output<'_>,
    (snapshot, stamp): (&Snapshot, &Stamp),
    vault: &Vault,
    place: PathBuf,
) -> Result<String, StoreError> {
    match snapshot.seal(stamp, vault, &mut *file) {
        Ok(digest) => Ok(digest),
        Err(EncodeError::Io(source)) => Err(file.failure("written", source)),
        Err(EncodeError::Sealed(error)) => Err(StoreError::Sealed { place, error }),
        Err(error) => Err(unwritable(error)),
    }
}

/// Begins a thread for work that blocks.
fn spawn(
    place: &std::path::Path,
    work: impl FnOnce() + Send + 'static,
) -> Result<thread::JoinHandle<()>, StoreError> {
    thread::Builder::new().name("state".to_owned()).spawn(work).map_err(|source| StoreError::Io {
        doing: "opened",
        place: place.to_owned(),
        source,
    })
}

/// A thread ended without an answer: only a panic does that.
fn stopped(place: PathBuf) -> StoreError {
    StoreError::Io { doing: "opened", place, source: std::io::Error::other("the thread that does it ended") }
}
