//! What was decided about a state and done to it, as a chain of records beside it.
//!
//! Goes in: a decision of the gate, how an apply went, a store. Comes out: records, each a line of JSON that names the digest
//! of the one before; what is wrong with them. Never happens: a record changed or removed by us; a value that is secret in
//! one; a change of an object before the record of its decision is durable.
//!
//! - `record`  a record, and its line
//! - `told`    what records say of a decision
//! - `log`     the records of a store: read, and one more
//! - `verify`  whether they are as they were written, and all there

mod log;
mod record;
mod told;
mod verify;

#[cfg(test)]
mod tests;

pub use log::{LogError, append, read};
pub use record::{Entry, Kept, Kind, RECORD_FORMAT_VERSION, Record, digest_of};
pub use told::{approved, denied, passed_by};
pub use verify::{Finding, Written, about_plan, verify};
