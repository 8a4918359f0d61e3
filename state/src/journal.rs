//! What happened since the last snapshot: intents and outcomes, as records and as a file.
//!
//! In: records in the order they were appended, or the bytes of a journal. Out: frames that tell a torn end from
//! damage; and a snapshot with all outcomes in it, with the intents that have none. Never: an intent forgotten, or
//! an object that some record knows of dropped without a record that it is gone.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::snapshot::{Object, Output, Snapshot};

/// What an operation does to its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Makes it.
    Create,
    /// Changes it where it is.
    Update,
    /// Removes it.
    Delete,
}

/// One line of the journal.
///
/// An operation's number is its own within a journal: [`crate::store::Loaded::next_operation`] is the first that is
/// free.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// An operation is about to begin. Durable before the provider is called.
    Intend {
        /// Number of the operation.
        operation: u64,
        /// What it acts on.
        address: Address,
        /// What it does.
        action: Action,
        /// Idempotency token that the call is made with.
        token: String,
    },
    /// A begun operation takes long and can be asked about.
    Progress {
        /// Number of the operation.
        operation: u64,
        /// What to ask with.
        handle: String,
    },
    /// An operation succeeded. Without an `Intend` before it, it records what was found (import, refresh, removal).
    Done {
        /// Number of the operation.
        operation: u64,
        /// What it acted on.
        address: Address,
        /// The object as it is now; `None`: it is gone.
        object: Option<Box<Object>>,
    },
    /// An operation failed, and it is known what is left.
    Failed {
        /// Number of the operation.
        operation: u64,
        /// What it acted on.
        address: Address,
        /// What is known to exist now, usually tainted; `None`: nothing but what was known before.
        object: Option<Box<Object>>,
        /// What the provider said, for people.
        message: String,
    },
    /// The root module's outputs, all of them, replacing those before.
    Outputs {
        /// The outputs by name.
        outputs: BTreeMap<String, Output>,
    },
}

/// An intent without an outcome: its call may or may not have taken effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Number of the operation.
    pub operation: u64,
    /// What it acts on.
    pub address: Address,
    /// What it does.
    pub action: Action,
    /// Idempotency token that the call was made with, or would have been.
    pub token: String,
    /// What to ask the provider with, if the call got that far.
    pub handle: Option<String>,
}

/// A snapshot with a journal's outcomes in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// The snapshot; its serial is unchanged.
    pub snapshot: Snapshot,
    /// Intents without an outcome, by operation number.
    pub pending: Vec<Pending>,
    /// The first operation number that is free.
    pub next_operation: u64,
}
