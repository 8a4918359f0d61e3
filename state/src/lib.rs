//! The memory of mlo: which objects exist, under which address, and what was being done to them.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`address`] | names of blocks and instances, in Terraform's syntax |
//! | [`snapshot`] | everything that is known at one serial, and its file format |
//! | [`journal`] | what happened since: intents and outcomes, and their file format |
//! | [`chain`] | whether all that a store keeps belongs together |
//! | [`seal`] | encryption of what is written |
//! | [`second`] | where records go that a store does not take |
//! | [`store`] | the traits [`Store`] and [`Guard`], and what can go wrong |
//! | [`holder`] | who holds a lock |
//! | [`clock`] | time, as an argument |
//! | [`file`] | a store in a folder |
//! | [`s3`] | a store in a bucket |
//! | [`document`] | what is kept beside a state, such as approvals |
//! | [`memory`] | a store in memory, for tests and simulation |
//! | [`conformance`] | what every store must do, as functions that a store's tests call |
//!
//! In: records and snapshots from one engine at a time. Out: what is durable. Never: a clock, a random number or the
//! environment (tokens, lineages and holders come from the caller); an empty or damaged state taken for none.

pub mod address;
pub mod chain;
pub mod clock;
pub mod conformance;
pub mod document;
pub mod file;
pub mod holder;
pub mod journal;
pub mod memory;
pub mod s3;
pub mod seal;
pub mod second;
pub mod snapshot;
pub mod store;

mod disk;
mod json;
mod marker;
mod reply;
mod salvage;

pub use address::{Address, AddressError, BlockAddress, Key, Mode, ModuleAddress, ModuleStep};
pub use clock::Clock;
pub use document::{Document, Names};
pub use file::FileStore;
pub use holder::{Held, Holder};
pub use journal::{Action, Begun, Pending, Record, Stray};
pub use memory::MemoryStore;
pub use s3::S3Store;
pub use seal::Vault;
pub use snapshot::{AttributePath, Object, Output, PathStep, Snapshot, Stamp, Status, Version};
pub use store::{
    BoxFuture, Copied, CredentialsFault, Earlier, Guard, Loaded, Salvage, Store, StoreError, kept,
};
