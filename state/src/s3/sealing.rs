//! What the frames of a bucket's objects are sealed with, and what binds each object to its place.
//!
//! In: what an object is. Out: what seals its frames, for this object alone. Never: a second data key in one taking of the
//! lock, so that a service that wraps keys is asked once; an object that opens under the name of another.

use crate::journal::Header;
use crate::seal::{Frames, Kind, Subject, Vault};
use crate::store::{StoreError, unwritable};

/// The part that the intents are which were open at a commit. Which commit, the serial says.
pub(super) const OPEN_PART: &str = "open";

/// What the holder of the lock seals frames with.
pub(super) struct Seals {
    vault: Vault,
    /// Of the first object that was sealed.
    first: Option<Frames>,
}

impl Seals {
    pub(super) fn new(vault: &Vault) -> Self {
        Self { vault: vault.clone(), first: None }
    }

    /// For a head.
    pub(super) fn of_head(&mut self, lineage: &str, serial: u64) -> Result<Option<Frames>, StoreError> {
        self.frames(head(lineage, serial), false)
    }

    /// For a part of the journal that lies under this name.
    pub(super) fn of_journal(
        &mut self,
        header: &Header,
        part: &str,
        is_sensitive: bool,
    ) -> Result<Option<Frames>, StoreError> {
        self.frames(header.subject(Some(part)), is_sensitive)
    }

    fn frames(&mut self, subject: Subject, is_sensitive: bool) -> Result<Option<Frames>, StoreError> {
        if let Some(part) = self.first.as_ref().and_then(|first| first.for_part(subject.clone())) {
            return Ok(Some(part));
        }
        let frames = self.vault.frames(subject, is_sensitive).map_err(|error| unwritable(error.into()))?;
        self.first.clone_from(&frames);
        Ok(frames)
    }
}

/// What the seal of a head is bound to.
pub(super) fn head(lineage: &str, serial: u64) -> Subject {
    Subject::new(Kind::Head, lineage, serial)
}
