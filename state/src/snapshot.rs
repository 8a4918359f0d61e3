//! Everything that is known at one serial, as a value and as a file.
//!
//! In: a [`Snapshot`], or the bytes of a state file. Out: bytes that are the same for the same snapshot and end in
//! a digest of all before it; or a snapshot, if every byte is as it was written. Never: a damaged, newer or
//! half-written file read as if it were whole.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug, Formatter};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::address::{Address, BlockAddress};

mod damage;
mod format;
mod stamp;
mod twin;

pub use crate::json::JSON_DEPTH_MAX;
pub use damage::{Damage, DecodeError, EncodeError};
pub(crate) use format::version_shown;
pub use format::{SNAPSHOT_BYTES_MAX, SNAPSHOT_FORMAT_VERSION};
pub use stamp::{Stamp, Version};
pub(crate) use twin::{ObjectIn, ObjectOut, OutputIn, OutputOut, writable};

/// Longest lineage, in bytes. A UUID has 36.
pub const LINEAGE_BYTES_MAX: usize = 64;

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
    /// What gave way to a new object of its address and is not gone yet, by the key that tells several apart.
    pub deposed: BTreeMap<Address, BTreeMap<String, Object>>,
    /// The root module's outputs, by name.
    pub outputs: BTreeMap<String, Output>,
    /// The tokens of the objects that went since this serial was written, by address: what is made there next needs
    /// another. Known from the journal alone, so it is written with no snapshot; the next serial needs none of it.
    pub gone: BTreeMap<Address, String>,
    /// Providers whose configuration in the root module, without an alias, said something when it was last applied, and
    /// that keep objects: an empty configuration does not reach them.
    pub configured: BTreeSet<String>,
}

impl Snapshot {
    /// The snapshot before the first: nothing exists, serial 0.
    pub fn empty(lineage: impl Into<String>) -> Self {
        Self {
            lineage: lineage.into(),
            serial: 0,
            mlo_version: PROGRAM_VERSION.to_owned(),
            objects: BTreeMap::new(),
            deposed: BTreeMap::new(),
            outputs: BTreeMap::new(),
            gone: BTreeMap::new(),
            configured: BTreeSet::new(),
        }
    }

    /// The objects that gave way and are not gone yet, in order.
    pub fn deposed_objects(&self) -> impl Iterator<Item = (&Address, &str, &Object)> {
        let keys = |(address, objects)| std::iter::repeat(address).zip(objects);
        self.deposed.iter().flat_map(keys).map(|(address, (key, object))| (address, key.as_str(), object))
    }

    /// Sets the object of an address aside, so that a new one can take its place. Nothing happens where there is none.
    pub fn depose(&mut self, address: &Address, key: &str) {
        if let Some(object) = self.objects.remove(address) {
            self.deposed.entry(address.clone()).or_default().insert(key.to_owned(), object);
        }
    }

    /// Puts an object that was set aside back, unless another has its place.
    pub fn restore(&mut self, address: &Address, key: &str) {
        if !self.objects.contains_key(address)
            && let Some(object) = self.forget_deposed(address, key)
        {
            self.objects.insert(address.clone(), object);
        }
    }

    /// Whether a value in it is sensitive.
    pub fn is_sensitive(&self) -> bool {
        let set_aside = self.deposed_objects().map(|(_, _, object)| object);
        self.objects.values().chain(set_aside).any(Object::is_sensitive)
            || self.outputs.values().any(|output| output.sensitive)
    }

    /// Takes an object that was set aside out.
    pub fn forget_deposed(&mut self, address: &Address, key: &str) -> Option<Object> {
        let objects = self.deposed.get_mut(address)?;
        let object = objects.remove(key);
        if objects.is_empty() {
            self.deposed.remove(address);
        }
        object
    }
}

/// Blocks that have objects, with the blocks that these were made from.
pub type MadeFrom = BTreeMap<BlockAddress, BTreeSet<BlockAddress>>;

impl Snapshot {
    /// What the objects of each block were made from, those that were set aside too.
    pub fn made_from(&self) -> MadeFrom {
        let mut blocks = MadeFrom::new();
        let set_aside = self.deposed_objects().map(|(address, _, object)| (address, object));
        for (address, object) in self.objects.iter().chain(set_aside) {
            blocks.entry(address.block()).or_default().extend(object.dependencies.iter().cloned());
        }
        blocks
    }

    /// Blocks that were there `before` and of which nothing is left hand on what they were made from to what was made
    /// from them: the order in which objects go outlives the objects between them. Linear in objects, unless many are
    /// made from many that are gone.
    pub fn bridge(&mut self, before: &MadeFrom) {
        let present: BTreeSet<_> =
            self.objects.keys().chain(self.deposed.keys()).map(Address::block).collect();
        let gone = |block: &BlockAddress| before.get(block).filter(|_| !present.contains(block));
        if present.is_empty() || before.keys().all(|block| present.contains(block)) {
            return;
        }
        let set_aside = self.deposed.values_mut().flat_map(BTreeMap::values_mut);
        for object in self.objects.values_mut().chain(set_aside) {
            let mut open: Vec<_> = object.dependencies.iter().filter_map(gone).flatten().collect();
            if open.is_empty() {
                continue;
            }
            let mut all: BTreeSet<BlockAddress> = object.dependencies.drain(..).collect();
            while let Some(block) = open.pop() {
                if all.insert(block.clone()) {
                    open.extend(gone(block).into_iter().flatten());
                }
            }
            object.dependencies = all.into_iter().collect();
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

impl Object {
    /// Whether a value in it is sensitive.
    pub fn is_sensitive(&self) -> bool {
        !self.sensitive.is_empty()
    }
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

/// Whether a text can name a state.
pub(crate) fn is_lineage(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !text.is_empty() && text.len() <= LINEAGE_BYTES_MAX && text.bytes().all(plain)
}
