//! What a snapshot's file says beside the snapshot: what it follows, and which run wrote it.

use serde::{Deserialize, Serialize};

use super::Snapshot;
use crate::holder::Holder;
use crate::seal::KeyName;

/// Which snapshot one follows, and who wrote it. Files of the first versions say nothing of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// The digest of the snapshot before it, in clear: a chain back to the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev: Option<String>,
    /// When the run that wrote it took the lock, as RFC 3339.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub at: String,
    /// `user@host`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub who: String,
    /// What was being done: `apply`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub operation: String,
}

impl Stamp {
    /// What the holder of a lock writes after the snapshot with this digest.
    pub fn by(holder: &Holder, prev: Option<String>) -> Self {
        let Holder { since, who, operation, .. } = holder.clone();
        Self { prev, at: since, who, operation }
    }

    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A snapshot as its file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// What it says of itself.
    pub stamp: Stamp,
    /// The digest of all of it, in clear: lower-case hexadecimal digits.
    pub digest: String,
    /// The key that it was sealed with.
    pub key: Option<KeyName>,
}
