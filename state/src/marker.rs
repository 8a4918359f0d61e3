//! The marker of a store, apart from the state: says that state was kept here, and which snapshot was written last at
//! least. So a first run is told from a loss, and the state from one that was put in its place.
//!
//! In: a marker, or the bytes of one. Out: bytes, or a marker; what is wrong with a snapshot by it. Never: a marker that is
//! ahead of what is durable: it is written after what it speaks of.

use serde::{Deserialize, Serialize};

use crate::json;
use crate::snapshot::{Damage, is_lineage};

/// Largest marker, in bytes; ours have 200.
pub(crate) const MARKER_BYTES_MAX: u64 = 4096;

/// What is known of a state apart from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    /// The state's.
    pub(crate) lineage: String,
    /// The newest snapshot that is known of; `None`: no snapshot was written yet.
    #[serde(flatten)]
    pub(crate) last: Option<Last>,
}

/// A snapshot that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Last {
    pub(crate) serial: u64,
    /// Of all that it says, in clear.
    pub(crate) digest: String,
}

impl Marker {
    /// The marker of a state at a serial, whose snapshot has this digest.
    pub(crate) fn new(lineage: &str, serial: u64, digest: Option<&str>) -> Self {
        let last = digest.map(|digest| Last { serial, digest: digest.to_owned() });
        Self { lineage: lineage.to_owned(), last }
    }

    /// Its bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("numbers and texts can be written");
        bytes.push(b'\n');
        bytes
    }

    /// What bytes say; `None` if they are not those of a marker.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let marker: Self =
            Some(bytes).filter(|bytes| json::is_shallow(bytes)).and_then(|bytes| json::read(bytes).ok())?;
        is_lineage(&marker.lineage).then_some(marker)
    }

    /// Whether a snapshot may be the present one.
    ///
    /// # Errors
    /// If a later one was written, or another one of this serial.
    pub(crate) fn check(&self, serial: u64, digest: Option<&str>) -> Result<(), Damage> {
        match &self.last {
            Some(last) if last.serial > serial => {
                Err(Damage::RolledBack { found: serial, newest: last.serial })
            }
            Some(last) if last.serial == serial && digest != Some(&*last.digest) => {
                Err(Damage::Swapped { serial })
            }
            _ => Ok(()),
        }
    }
}
