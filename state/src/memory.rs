//! A store in memory, for tests and simulation.
//!
//! In: what every store takes. Out: the same, as fast as memory. Never: a disk; a record that outlives the store.

use crate::snapshot::Snapshot;

/// A store in memory. Clones are handles of the same one.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    snapshot: Option<Snapshot>,
}
