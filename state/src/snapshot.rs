//! Everything that is known at one serial, as a value and as a file.
//!
//! In: a [`Snapshot`], or the bytes of a state file. Out: bytes that are the same for the same snapshot and end in
//! a digest of all before it; or a snapshot, if every byte is as it was written. Never: a damaged, newer or
//! half-written file read as if it were whole.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::io::{self, BufWriter, Write};

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::address::{Address, BlockAddress};
use crate::json::{self, Ordered, OrderedMap};

/// Version of the snapshot's file format that this program writes, and the newest that it reads.
pub const SNAPSHOT_FORMAT_VERSION: u32 = 1;

/// Largest snapshot file, in bytes, read or written: 100,000 objects of 10 KiB. It is read into memory whole.
pub const SNAPSHOT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Longest lineage, in bytes. A UUID has 36.
pub const LINEAGE_BYTES_MAX: usize = 64;

/// Longest version of a program that is shown from a file, in bytes.
const VERSION_BYTES_MAX: usize = 64;

/// Version of the program that writes, put into every file.
pub(crate) const PROGRAM_VERSION: &str = env!("CARGO_PKG_VERSION");

/// All objects and outputs at one moment of one state's life.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Names this state among all others, from its first write on: letters, digits, `-` and `_`, at most
    /// [`LINEAGE_BYTES_MAX`] bytes.
    pub lineage: String,
    /// Grows by exactly one with every commit; 0 before the first.
    pub serial: u64,
    /// Version of the program that wrote it. A write puts the writing program's own.
    pub mlo_version: String,
    /// What exists, by address.
    pub objects: BTreeMap<Address, Object>,
    /// The root module's outputs, by name.
    pub outputs: BTreeMap<String, Output>,
}

impl Snapshot {
    /// The snapshot before the first: nothing exists, serial 0.
    pub fn empty(lineage: impl Into<String>) -> Self {
        Self {
            lineage: lineage.into(),
            serial: 0,
            mlo_version: PROGRAM_VERSION.to_owned(),
            objects: BTreeMap::new(),
            outputs: BTreeMap::new(),
        }
    }
}

/// One object as it was last known. Debug output leaves its values out: they may be secret.
#[derive(Clone, PartialEq)]
pub struct Object {
    /// The provider that made it, and reads and deletes it: its local name and alias.
    pub provider: String,
    /// Version of the type's schema that `attributes` follow.
    pub schema_version: u32,
    /// Its attributes. Written with keys in order.
    pub attributes: Map<String, Value>,
    /// Which of the attributes are sensitive.
    pub sensitive: Vec<AttributePath>,
    /// The blocks that it was made from the values of: they outlive it.
    pub dependencies: Vec<BlockAddress>,
    /// Whether it is whole.
    pub status: Status,
    /// The idempotency token of its create.
    pub token: String,
    /// Where to ask about an operation that still runs, if one does.
    pub handle: Option<String>,
}

impl Debug for Object {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("provider", &self.provider)
            .field("schema_version", &self.schema_version)
            .field("attributes", &self.attributes.keys().collect::<Vec<_>>())
            .field("sensitive", &self.sensitive)
            .field("dependencies", &self.dependencies)
            .field("status", &self.status)
            .field("token", &self.token)
            .field("handle", &self.handle)
            .finish()
    }
}

/// Whether an object is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is as its attributes say.
    Ready,
    /// It exists, but what made it failed: the next plan replaces it.
    Tainted,
}

/// A value of the root module that others may ask for. Debug output leaves the value out: it may be secret.
#[derive(Clone, PartialEq)]
pub struct Output {
    /// The value.
    pub value: Value,
    /// Its type, as cty writes types in JSON: `"string"`, `["list","number"]`.
    pub value_type: Value,
    /// Whether it is shown masked.
    pub sensitive: bool,
}

impl Debug for Output {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output")
            .field("value_type", &self.value_type)
            .field("sensitive", &self.sensitive)
            .finish_non_exhaustive()
    }
}

/// Where in an object's attributes something is: the steps from the object down.
pub type AttributePath = Vec<PathStep>;

/// One step down into a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathStep {
    /// Into a list or tuple, by position.
    Index(u64),
    /// Into an object or a map, by name.
    Name(String),
}

/// What is wrong with the bytes of a snapshot or a journal. It names places and addresses, never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// No byte in it.
    #[error("it is empty")]
    Empty,
    /// It begins well and ends before its digest.
    #[error("it is cut short")]
    Truncated,
    /// It does not begin as the format does.
    #[error("it is no file of this kind")]
    Alien,
    /// A byte is not as it was written.
    #[error("its content does not match its digest")]
    Digest,
    /// Every byte is as it was written, and still the format is broken.
    #[error("line {line}, column {column} is not as the format has it")]
    Shape {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Nests deeper than [`crate::snapshot::JSON_DEPTH_MAX`].
    #[error("it nests deeper than {JSON_DEPTH_MAX} levels")]
    Depth,
    /// One address has two objects.
    #[error("it holds `{address}` twice")]
    Duplicate {
        /// The address.
        address: Box<Address>,
    },
    /// The lineage is no lineage.
    #[error("its lineage is not one")]
    Lineage,
    /// A record is broken and good ones follow, so it was not the end that a crash tore.
    #[error("the record at byte {at} is damaged, and later ones are not")]
    Record {
        /// Where the record begins.
        at: u64,
    },
    /// Two intents have the same number and the first has no outcome.
    #[error("its operation {operation} begins twice")]
    Reopened {
        /// The number.
        operation: u64,
    },
    /// A later serial than this one was written before.
    #[error("it is of serial {found}, but serial {newest} was written before: an older state was put back")]
    RolledBack {
        /// Serial that was found.
        found: u64,
        /// Newest serial that is known to have been written.
        newest: u64,
    },
}

pub use crate::json::JSON_DEPTH_MAX;

/// Why bytes are not a snapshot or a journal of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They are damaged.
    #[error("{0}")]
    Damaged(#[from] Damage),
    /// A newer program wrote them.
    #[error("format {found} is newer than the {supported} that this program reads")]
    Newer {
        /// Format version that was found.
        found: u64,
        /// Newest format version that this program reads.
        supported: u32,
        /// Version of the program that wrote it, if it says so.
        written_by: Option<String>,
    },
}

/// Why a snapshot or a record cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// It could not be read back: an address that is none, or a lineage that is none.
    #[error("{what} could not be read back")]
    Unreadable {
        /// What it is that could not be.
        what: &'static str,
    },
    /// Larger or deeper than what is read.
    #[error("{what} is {found}, and at most {limit} is allowed")]
    Limit {
        /// What is limited, with its unit.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much is allowed.
        limit: u64,
    },
    /// The place that it is written to fails.
    #[error(transparent)]
    Io(#[from] io::Error),
}
