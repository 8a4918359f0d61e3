//! A disk that takes its time, loses what was not synced, fills up, and cannot sync.

use crate::provider::fake::Dice;
use mlo_state::{BoxFuture, Copied, Guard, Loaded, Record, Snapshot, StoreError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the disk does, as a seed says. Clones are the same disk.
#[derive(Clone)]
pub(in crate::apply::tests) struct Disk(Arc<Mutex<Moods>>);

struct Moods {
    dice: Dice,
    /// One write or sync in so many fails, and all after it; 0: none.
    fails_one_in: u64,
}

impl Moods {
    fn fails(&mut self) -> bool {
        self.fails_one_in > 0 && self.dice.below(self.fails_one_in) == 0
    }
}

impl Disk {
    pub(super) fn new(dice: Dice, fails_one_in: u64) -> Self {
        Self(Arc::new(Mutex::new(Moods { dice, fails_one_in })))
    }

    /// From now on no write fails.
    pub(super) fn calm(&self) {
        self.moods().fails_one_in = 0;
    }

    /// A lock on this disk.
    pub(in crate::apply::tests) fn guard(&self, inner: Box<dyn Guard>) -> Box<dyn Guard> {
        let unsynced =
            Mutex::new(Unsynced { batches: VecDeque::new(), first: 0, is_full: false, lost: None });
        Box::new(SlowGuard { inner, disk: self.clone(), unsynced })
    }

    fn moods(&self) -> MutexGuard<'_, Moods> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait(&self) {
        let turns = self.moods().dice.below(4);
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }
}

/// A guard whose appends are durable only when they say so. When it is dropped in the middle, what was under way is
/// there in part: the batches up to one of them, and the first records of that one.
struct SlowGuard {
    inner: Box<dyn Guard>,
    disk: Disk,
    unsynced: Mutex<Unsynced>,
}

struct Unsynced {
    batches: VecDeque<Vec<Record>>,
    /// The number of the first of them.
    first: u64,
    is_full: bool,
    /// The number of the batch whose sync failed: nobody knows what of it is there, and nothing follows it.
    lost: Option<u64>,
}

impl SlowGuard {
    fn unsynced(&self) -> MutexGuard<'_, Unsynced> {
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes all batches up to one of them durable: one sync for all.
    async fn sync(&self, last: u64) -> Result<(), StoreError> {
        loop {
            let next = {
                let mut unsynced = self.unsynced();
                if unsynced.lost.is_some_and(|lost| lost <= last) {
                    return Err(halted());
                }
                if unsynced.first > last {
                    return Ok(());
                }
                unsynced.first += 1;
                unsynced.batches.pop_front()
            };
            let Some(batch) = next else { continue };
            if self.disk.moods().fails() {
                self.lose(batch);
                let source = std::io::Error::other("input/output error");
                return Err(StoreError::Io { doing: "synced", place: "journal".into(), source });
            }
            self.inner.append(batch).await?;
        }
    }

    /// A batch of which the first records are there, or all, or none. What waits behind it is never written.
    fn lose(&self, mut batch: Vec<Record>) {
        let kept = self.disk.moods().dice.below(batch.len() as u64 + 1);
        batch.truncate(usize::try_from(kept).unwrap_or_default());
        drop(self.inner.append(batch));
        let mut unsynced = self.unsynced();
        unsynced.lost = Some(unsynced.first - 1);
        unsynced.batches.clear();
    }
}

fn halted() -> StoreError {
    StoreError::Halted { because: "no space".into() }
}

fn full() -> StoreError {
    let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
    StoreError::Io { doing: "written", place: "journal".into(), source }
}

impl Guard for SlowGuard {
    fn read(&self) -> BoxFuture<'_, Result<Loaded, StoreError>> {
        Box::pin(async {
            self.disk.wait().await;
            self.inner.read().await
        })
    }

    fn begin(&self, lineage: String) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            self.disk.wait().await;
            self.inner.begin(lineage).await
        })
    }

    fn append(&self, records: Vec<Record>) -> BoxFuture<'_, Result<(), StoreError>> {
        let number = {
            let mut unsynced = self.unsynced();
            if unsynced.is_full || unsynced.lost.is_some() {
                return Box::pin(std::future::ready(Err(halted())));
            }
            if self.disk.moods().fails() {
                unsynced.is_full = true;
                return Box::pin(std::future::ready(Err(full())));
            }
            unsynced.batches.push_back(records);
            unsynced.first + unsynced.batches.len() as u64 - 1
        };
        Box::pin(async move {
            self.disk.wait().await;
            self.sync(number).await
        })
    }

    fn commit(&self, snapshot: Snapshot) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async {
            self.disk.wait().await;
            let last = {
                let unsynced = self.unsynced();
                unsynced.first + unsynced.batches.len() as u64
            };
            // A snapshot needs no journal: what of it could not be synced is not missed.
            drop(self.sync(last.saturating_sub(1)).await);
            self.inner.commit(snapshot).await
        })
    }

    fn adopt(&self, copy: Copied) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.adopt(copy)
    }

    fn salvage(&self) -> BoxFuture<'_, Result<mlo_state::Salvage, StoreError>> {
        self.inner.salvage()
    }

    fn replace(&self, salvage: mlo_state::Salvage) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.replace(salvage)
    }

    fn reseal(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.reseal()
    }

    fn leave(&self, to: String) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.leave(to)
    }

    fn keep(&self) -> BoxFuture<'_, StoreError> {
        self.inner.keep()
    }

    fn outlasts(&self, call: Duration) -> BoxFuture<'_, Result<(), StoreError>> {
        self.inner.outlasts(call)
    }

    fn release(self: Box<Self>) -> BoxFuture<'static, Result<(), StoreError>> {
        drop(self);
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Drop for SlowGuard {
    fn drop(&mut self) {
        let mut batches = std::mem::take(&mut self.unsynced().batches);
        let whole = self.disk.moods().dice.below(batches.len() as u64 + 1);
        for _ in 0..whole {
            let Some(batch) = batches.pop_front() else { break };
            // The store in memory keeps it at once; there is nobody left to wait.
            drop(self.inner.append(batch));
        }
        if let Some(mut torn) = batches.pop_front() {
            let kept = self.disk.moods().dice.below(torn.len() as u64 + 1);
            torn.truncate(usize::try_from(kept).unwrap_or_default());
            drop(self.inner.append(torn));
        }
    }
}
