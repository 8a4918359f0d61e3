//! The head: the one object that says what the state is. It is replaced by each commit and each taking of the lock,
//! and every other object that counts is named in it, or comes after it.
//!
//! In: a head, or the bytes of one. Out: a frame around JSON, with its checksum; where a key is configured two more: how the
//! last one opens, and the sealed digest of the first. Never: a head read of which a byte was changed, or, where a key is
//! configured, that somebody made without it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::request::Client;
use super::sealing::{self, Seals};
use crate::journal;
use crate::json;
use crate::seal::Vault;
use crate::snapshot::{Damage, DecodeError, PROGRAM_VERSION, is_lineage, version_shown};
use crate::store::StoreError;

/// The head's name.
pub(super) const HEAD: &str = "head";

/// Version of the head's format that this program writes, and the newest that it reads.
pub(super) const HEAD_FORMAT_VERSION: u32 = 1;

/// Largest head, in bytes; ours have 3,000.
const HEAD_BYTES_MAX: u64 = 256 * 1024;

/// What the state is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// Who may write: the number of the lock's taking. It only grows.
    pub(super) epoch: u64,
    /// The journals of all epochs up to this one are closed.
    pub(super) sealed: u64,
    /// Where they end that were written to since the commit, in order. All others end at their first place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) ends: Vec<Position>,
    /// `None`: nothing was ever written.
    pub(super) lineage: Option<String>,
    pub(super) serial: u64,
    /// `None` before the first commit.
    pub(super) snapshot: Option<Part>,
    /// Intents that were open at the commit.
    pub(super) open: Option<Part>,
    /// What the journal has up to here is in the snapshot.
    pub(super) folded: Position,
    /// The snapshots before this one, newest first.
    pub(super) earlier: Vec<Kept>,
    /// Where the state was taken to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) moved: Option<String>,
    /// The id of the lock under which this head was written.
    pub(super) writer: String,
    /// Tells the heads of one writer apart.
    pub(super) write: u64,
}

/// A place in the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) epoch: u64,
    pub(super) sequence: u64,
}

/// An object that the head names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) name: String,
    /// Of its bytes: lower-case hexadecimal digits.
    pub(super) sha256: String,
}

/// A snapshot that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) serial: u64,
    pub(super) part: Part,
    /// Intents that were open at its commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) open: Option<Part>,
    /// What the journal has up to here is in it.
    #[serde(default)]
    pub(super) folded: Position,
}

/// The head as it is written.
#[derive(Serialize)]
struct HeadOut<'a> {
    head_format_version: u32,
    mlo_version: &'static str,
    #[serde(flatten)]
    head: &'a Head,
}

/// What every version of a head to come has in common with this one.
#[derive(Deserialize)]
struct Version {
    head_format_version: u64,
    mlo_version: Option<String>,
}

impl Head {
    pub(super) fn encode(&self, seals: &mut Seals) -> Result<Bytes, StoreError> {
        let head =
            HeadOut { head_format_version: HEAD_FORMAT_VERSION, mlo_version: PROGRAM_VERSION, head: self };
        let text = serde_json::to_vec(&head).expect("names, numbers and texts can be written");
        let mut body = journal::frame(&text);
        // One that speaks of no state has nothing to be sealed.
        let frames =
            self.lineage.as_ref().map(|lineage| seals.of_head(lineage, self.serial)).transpose()?.flatten();
        if let Some(frames) = frames {
            body.extend(journal::frame(frames.head()));
            body.extend(journal::frame(&frames.seal(0, &Sha256::digest(&text))));
        }
        Ok(body.into())
    }

    fn decode(bytes: &[u8], vault: &Vault) -> Result<Self, DecodeError> {
        if bytes.is_empty() {
            return Err(Damage::Empty.into());
        }
        let (payload, seal) = match journal::unframe(bytes) {
            Some((payload, rest)) if json::is_shallow(payload) => (payload, rest),
            _ => return Err(Damage::Digest.into()),
        };
        let shape = |error: serde_json::Error| Damage::Shape { line: 1, column: error.column() };
        let version: Version = json::read(payload).map_err(shape)?;
        if version.head_format_version > u64::from(HEAD_FORMAT_VERSION) {
            return Err(DecodeError::Newer {
                found: version.head_format_version,
                supported: HEAD_FORMAT_VERSION,
                written_by: version.mlo_version.and_then(version_shown),
            });
        }
        let head: Self = json::read(payload).map_err(shape)?;
        if head.lineage.as_deref().is_some_and(|lineage| !is_lineage(lineage)) {
            return Err(Damage::Lineage.into());
        }
        head.check_seal(payload, seal, vault)?;
        Ok(head)
    }

    /// Whether what the head says was sealed beside it.
    fn check_seal(&self, payload: &[u8], seal: &[u8], vault: &Vault) -> Result<(), DecodeError> {
        let Some(lineage) = &self.lineage else {
            // Nor was anything taken away: a note of that would be anybody's.
            let is_new = seal.is_empty() && self.moved.is_none();
            return if is_new { Ok(()) } else { Err(Damage::Digest.into()) };
        };
        if seal.is_empty() {
            return Ok(vault.check_clear()?);
        }
        let (line, rest) = journal::unframe(seal).ok_or(Damage::Digest)?;
        let Some((sealed, [])) = journal::unframe(rest) else { return Err(Damage::Digest.into()) };
        let frames = vault.frames_after(line, &sealing::head(lineage, self.serial))?;
        if *frames.open(0, sealed)? == *Sha256::digest(payload) { Ok(()) } else { Err(Damage::Seal.into()) }
    }

    /// The head that is there, and its tag.
    pub(super) async fn read(client: &Client) -> Result<Option<(Self, String)>, StoreError> {
        Self::find(client).await?.map(|(head, tag)| Ok((head?, tag))).transpose()
    }

    /// The head or why it cannot be read, and the tag of what is there.
    pub(super) async fn find(
        client: &Client,
    ) -> Result<Option<(Result<Self, StoreError>, String)>, StoreError> {
        let found = client.get(HEAD, HEAD_BYTES_MAX).await?;
        let read =
            |bytes: &[u8]| Self::decode(bytes, client.vault()).map_err(|error| refused(client, HEAD, error));
        Ok(found.map(|found| (read(&found.body), found.tag)))
    }

    /// Where the journal of an epoch ends that was closed with nothing in it since the commit.
    fn end_of_empty(&self, epoch: u64) -> Position {
        let folded = if epoch == self.folded.epoch { self.folded.sequence } else { 0 };
        Position { epoch, sequence: folded }.next()
    }

    /// The same, with the journals of more epochs closed, which end there.
    pub(super) fn closed(mut self, sealed: u64, ends: Vec<Position>) -> Self {
        let told: Vec<_> = ends.into_iter().filter(|end| *end != self.end_of_empty(end.epoch)).collect();
        self.ends.extend(told);
        Self { sealed, ..self }
    }

    /// The ends of the closed journals after the commit that are not among those that were found, by epoch.
    pub(super) fn ends_missing(&self, found: &BTreeMap<u64, u64>) -> impl Iterator<Item = Position> {
        let known: BTreeMap<u64, Position> = self.ends.iter().map(|end| (end.epoch, *end)).collect();
        let end = move |epoch| known.get(&epoch).copied().unwrap_or_else(|| self.end_of_empty(epoch));
        let all = (self.folded.epoch.max(1)..=self.sealed).map(end);
        // One that was folded in itself, by a commit that came when its journal had just been closed, needs not be there.
        all.filter(move |end| *end > self.folded && found.get(&end.epoch) != Some(&end.sequence))
    }

    /// The present snapshot as one that is kept.
    pub(super) fn present(&self) -> Option<Kept> {
        let Self { serial, open, folded, .. } = self.clone();
        self.snapshot.clone().map(|part| Kept { serial, part, open, folded })
    }

    /// The snapshots that it names, newest first.
    pub(super) fn kept(&self) -> impl Iterator<Item = Kept> {
        self.present().into_iter().chain(self.earlier.iter().cloned())
    }
}

/// An object that could not be believed.
pub(super) fn refused(client: &Client, name: &str, error: DecodeError) -> StoreError {
    let place = client.place(name);
    match error {
        DecodeError::Damaged(damage) => StoreError::Corrupt { place, damage, good: None },
        DecodeError::Sealed(error) => StoreError::Sealed { place, error },
        DecodeError::Newer { found, supported, written_by } => {
            StoreError::Newer { place, found, supported, written_by }
        }
    }
}
