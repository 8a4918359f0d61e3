//! A store in memory, for tests and simulation.
//!
//! In: what every store takes. Out: the same, at once. Never: a disk; a state that outlives the last handle.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::document::{self, Document, Names};
use crate::file::HISTORY_MAX;
use crate::holder::{Held, Holder};
use crate::journal::{self, Folded, Ledger, Record};
use crate::snapshot::{Snapshot, Stamp, Version, is_lineage};
use crate::store::{BoxFuture, Copied, Guard, Loaded, Salvage, Store, StoreError, may_adopt, unwritable};

/// A store in memory. Clones are handles of the same one, as two processes have of one folder.
#[derive(Clone, Default)]
pub struct MemoryStore {
    shared: Arc<Mutex<Shared>>,
}

/// What the handles of a store share.
#[derive(Default)]
struct Shared {
    snapshot: Option<Snapshot>,
    /// What was appended since the snapshot.
    records: Vec<Record>,
    ledger: Ledger,
    holder: Option<Holder>,
    /// What was committed, oldest first.
    versions: Vec<Version>,
    /// Where the state was taken to.
    moved: Option<String>,
    documents: BTreeMap<String, Vec<u8>>,
}

impl MemoryStore {
    /// A store that holds nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// A store that holds a snapshot.
    pub fn holding(snapshot: Snapshot) -> Self {
        let mut shared = Shared { snapshot: Some(snapshot.clone()), ..Shared::default() };
        // One that cannot be written stays what it is, and is only not kept.
        let _ = shared.keep(snapshot, Stamp::default());
        Self { shared: Arc::new(Mutex::new(shared)) }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
    }
}

impl Shared {
    fn check_here(&self) -> Result<(), StoreError> {
        let place = "memory".into();
        self.moved.clone().map_or(Ok(()), |to| Err(StoreError::Moved { place, to }))
    }

    fn adopt(&mut self, copy: Copied) -> Result<(), StoreError> {
        let present = self.snapshot.as_ref().map(|present| (&*present.lineage, present.serial));
        may_adopt(present, &copy.snapshot)?;
        let holder = self.holder.clone().ok_or(StoreError::Misused { how: "written without a lock" })?;
        let copy = copy.written_by(&holder)?;
        self.versions.clear();
        for earlier in copy.history.into_iter().take(HISTORY_MAX).rev() {
            self.keep(earlier.snapshot, earlier.stamp)?;
        }
        self.keep(copy.snapshot.clone(), copy.stamp)?;
        self.ledger = Ledger::of_pending(copy.pending);
        self.records = self.ledger.carried();
        self.snapshot = Some(Snapshot { gone: BTreeMap::new(), ..copy.snapshot });
        self.moved = None;
        Ok(())
    }

    fn replace(&mut self, Salvage { snapshot, pending, .. }: Salvage) -> Result<(), StoreError> {
        let holder = self.holder.as_ref().ok_or(StoreError::Misused { how: "written without a lock" })?;
        self.keep(snapshot.clone(), Stamp::by(holder, None))?;
        self.ledger = Ledger::of_pending(pending);
        self.records = self.ledger.carried();
        self.snapshot = Some(Snapshot { gone: BTreeMap::new(), ..snapshot });
        Ok(())
    }

    /// Keeps what was committed; gives its digest.
    fn keep(&mut self, snapshot: Snapshot, stamp: Stamp) -> Result<String, StoreError> {
        let (_, digest) = snapshot.encode_stamped(&stamp, io::sink()).map_err(unwritable)?;
        self.versions.push(Version { snapshot, stamp, digest: digest.clone(), key: None });
        let beyond = self.versions.len().saturating_sub(HISTORY_MAX + 1);
        self.versions.drain(..beyond);
        Ok(digest)
    }

    fn load(&self) -> Result<Loaded, StoreError> {
        self.check_here()?;
        let snapshot = self.snapshot.clone();
        let is_new = snapshot.is_none();
        let folded =
            journal::fold(snapshot.unwrap_or_else(|| Snapshot::empty("")), self.records.iter().cloned());
        let Folded { snapshot, pending, next_operation } =
            folded.map_err(|_| StoreError::Misused { how: "an operation was begun twice" })?;
        Ok(Loaded { snapshot: (!is_new).then_some(snapshot), pending, next_operation, torn: false })
    }

    fn begin(&mut self, lineage: String) -> Result<(), StoreError> {
        self.check_here()?;
        match &self.snapshot {
            Some(snapshot) if snapshot.lineage != lineage => {
                let found = snapshot.lineage.clone();
                return Err(StoreError::Foreign { expected: lineage, found });
            }
            Some(_) => {}
            None if !is_lineage(&lineage) => {
                return Err(StoreError::Misused { how: "a state was begun with a lineage that is none" });
            }
            None => self.snapshot = Some(Snapshot::empty(lineage)),
        }
        Ok(())
    }

    fn append(&mut self, records: Vec<Record>) -> Result<(), StoreError> {
        self.check_here()?;
        if self.snapshot.is_none() {
            return Err(StoreError::Misused { how: "a record was appended before the state was begun" });
        }
        // What could not be kept on a disk is not kept here either.
        journal::encode_records(&records).map_err(unwritable)?;
        let noted = self.ledger.note_all(&records);
        noted.map_err(|_| StoreError::Misused { how: "an operation was begun twice" })?;
        self.records.extend(records);
        Ok(())
    }

    fn commit(&mut self, mut snapshot: Snapshot) -> Result<(), StoreError> {
        self.check_here()?;
        let present = self.snapshot.as_ref();
        if let Some(present) = present.filter(|present| present.lineage != snapshot.lineage) {
            let (expected, found) = (snapshot.lineage, present.lineage.clone());
            return Err(StoreError::Foreign { expected, found });
        }
        let found = present.map_or(0, |present| present.serial);
        if found.checked_add(1) != Some(snapshot.serial) {
            return Err(StoreError::Stale { expected: snapshot.serial.saturating_sub(1), found });
        }
        snapshot.gone.clear();
        let prev = self.versions.last().map(|version| version.digest.clone());
        let holder = self.holder.as_ref().ok_or(StoreError::Misused { how: "written without a lock" })?;
        self.keep(snapshot.clone(), Stamp::by(holder, prev))?;
        self.records = self.ledger.carried();
        self.snapshot = Some(snapshot);
        Ok(())
    }
}

impl Store for MemoryStore {
    fn read(&self) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        let loaded = self.shared().load();
        Box::pin(std::future::ready(loaded))
    }

    fn lock<'a>(&'a self, holder: &'a Holder) -> BoxFuture<'a, Result<Box<dyn Guard>, StoreError>> {
        Box::pin(async move {
            let mut shared = self.shared();
            if let Some(present) = &shared.holder {
                return Err(StoreError::Locked(Box::new(held(present))));
            }
            shared.holder = Some(holder.clone());
            let guard: Box<dyn Guard> = Box::new(MemoryGuard { store: self.clone() });
            Ok(guard)
        })
    }

    fn serials(&self) -> BoxFuture<'_, Result<Vec<u64>, StoreError>> {
        let serials = self.shared().versions.iter().rev().map(|version| version.snapshot.serial).collect();
        Box::pin(std::future::ready(Ok(serials)))
    }

    fn version(&self, serial: u64) -> BoxFuture<'_, Result<Option<Version>, StoreError>> {
        let shared = self.shared();
        let found = shared.versions.iter().find(|version| version.snapshot.serial == serial).cloned();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn held(&self) -> BoxFuture<'_, Result<Option<Held>, StoreError>> {
        let held = self.shared().holder.as_ref().map(held);
        Box::pin(std::future::ready(Ok(held)))
    }

    fn break_lock<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(std::future::ready(Err(StoreError::Unbreakable)))
    }

    fn keep_document<'a>(&'a self, document: &'a Document) -> BoxFuture<'a, Result<bool, StoreError>> {
        let mut shared = self.shared();
        let kept = shared.check_here().and_then(|()| document::check(document)).map(|()| {
            let Document { name, bytes } = document.clone();
            match shared.documents.entry(name) {
                Entry::Vacant(free) => {
                    free.insert(bytes);
                    true
                }
                Entry::Occupied(_) => false,
            }
        });
        Box::pin(std::future::ready(kept))
    }

    fn documents<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Document>, StoreError>> {
        let shared = self.shared();
        let documents = shared.check_here().map(|()| {
            let within = shared.documents.iter().filter(|(name, _)| name.starts_with(prefix));
            within.map(|(name, bytes)| Document { name: name.clone(), bytes: bytes.clone() }).collect()
        });
        Box::pin(std::future::ready(documents))
    }

    fn document<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Document>, StoreError>> {
        let shared = self.shared();
        let found = shared.check_here().map(|()| {
            let bytes = shared.documents.get(name).cloned();
            bytes.map(|bytes| Document { name: name.to_owned(), bytes })
        });
        Box::pin(std::future::ready(found))
    }

    fn document_names<'a>(
        &'a self,
        prefix: &'a str,
        after: &'a str,
    ) -> BoxFuture<'a, Result<Names, StoreError>> {
        let shared = self.shared();
        let names = shared.check_here().map(|()| {
            let names =
                shared.documents.keys().filter(|name| name.starts_with(prefix) && name.as_str() > after);
            Names { names: names.cloned().collect(), more: false }
        });
        Box::pin(std::future::ready(names))
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}

fn held(holder: &Holder) -> Held {
    Held { holder: Some(holder.clone()), left: None }
}

/// The lock of a [`MemoryStore`].
struct MemoryGuard {
    store: MemoryStore,
}

impl Guard for MemoryGuard {
    fn read(&self) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        let loaded = self.store.shared().load();
        Box::pin(std::future::ready(loaded))
    }

    fn begin(&self, lineage: String) -> BoxFuture<'_, Result<(), StoreError>> {
        let begun = self.store.shared().begin(lineage);
        Box::pin(std::future::ready(begun))
    }

    fn append(&self, records: Vec<Record>) -> BoxFuture<'_, Result<(), StoreError>> {
        let appended = self.store.shared().append(records);
        Box::pin(std::future::ready(appended))
    }

    fn commit(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        let committed = self.store.shared().commit(snapshot);
        Box::pin(std::future::ready(committed))
    }

    fn adopt(&self, copy: Copied) -> BoxFuture<'_, Result<(), StoreError>> {
        let adopted = self.store.shared().adopt(copy);
        Box::pin(std::future::ready(adopted))
    }

    fn salvage(&self) -> BoxFuture<'_, Result<Salvage, StoreError>> {
        let salvage = self.store.shared().load().map(Salvage::whole);
        Box::pin(std::future::ready(salvage))
    }

    fn replace(&self, salvage: Salvage) -> BoxFuture<'_, Result<(), StoreError>> {
        let replaced = self.store.shared().replace(salvage);
        Box::pin(std::future::ready(replaced))
    }

    fn reseal(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        // Nothing is sealed here.
        Box::pin(std::future::ready(Ok(())))
    }

    fn leave(&self, to: String) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.shared().moved = Some(to);
        Box::pin(std::future::ready(Ok(())))
    }

    fn keep(&self) -> BoxFuture<'_, StoreError> {
        Box::pin(std::future::pending())
    }

    fn outlasts(&self, _: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn release(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        drop(self);
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Drop for MemoryGuard {
    fn drop(&mut self) {
        self.store.shared().holder = None;
    }
}
