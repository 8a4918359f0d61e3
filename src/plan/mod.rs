//! What will be done, as a document: an execution graph of operations.
//!
//! Goes in: a configuration, a snapshot, providers. Comes out: a [`Plan`]. Never happens: a change of anything.

mod change;
mod check;
mod checked;
mod condition;
mod configured;
mod console;
mod data;
pub mod diff;
mod examine;
pub mod file;
mod generate;
mod ignore;
mod inputs;
mod moves;
mod operations;
mod pattern;
mod planner;
mod propose;
mod remembered;
mod requests;
mod scope;
mod seen;
mod stand_in;
mod steps;
mod stored;
mod waiting;
mod world;

pub(crate) use change::{Comparison, describe, plan_change, some_of};
pub use check::check;
pub(crate) use checked::Judged;
pub use checked::{CheckStatus, Checkable, Checked, CheckedAt, Checks};
pub use configured::Configured;
pub use console::Console;
pub(crate) use data::read_data;
pub use data::{DataObject, ReadLater};
pub use examine::{Beside, Examination};
pub use generate::{Generated, Unwritten};
pub use inputs::{Input, Inputs, Reading};
pub use moves::{Move, carry_out as relocate};
pub use operations::Operations;
pub use pattern::AddressPattern;
pub use planner::{Connected, Connections, Kind, Partial, Planner, Result as PlanResult};
pub(crate) use planner::{bare_provider, instance_name, name_of, provider_block, provider_name};
pub use propose::propose;
pub use requests::Requests;
pub(crate) use scope::Constant;
pub use scope::{Clock, Dice, Origin};
pub use seen::Seen;
pub use stand_in::{ProviderStandIn, StandIns};
pub use steps::{Part, Step, Steps};
pub use stored::{
    Decoded, decode_object, decode_output, encode_object, encode_output, encode_storable, guess,
    has_sensitive, holds_secret, mark_as, mark_by_schema, mark_stored, sensitive_paths,
};
pub use waiting::Waiting;
pub(crate) use world::Repetition;
pub use world::{Context, Failures, Repetitions, Values, World, combine};

use crate::diag::Span;
use crate::lang::config::Module;
use crate::lang::value::{Path, Value};
use data_encoding::HEXLOWER;
use mlo_state::{Address, BlockAddress, Object};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What is done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Nothing.
    NoOp,
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It is taken away, then made anew.
    Replace,
    /// It is taken away.
    Delete,
    /// It stays, and the state no longer knows of it.
    Forget,
    /// A data source is read when the plan is applied.
    Read,
}

/// Why, where the values alone do not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The configuration and the object differ.
    Configuration,
    /// The object is gone: somebody deleted it outside, or its provider now looks elsewhere.
    Missing,
    /// An earlier create failed halfway.
    Tainted,
    /// Something that its `replace_triggered_by` names changes.
    Triggered,
    /// A new object took its place, and it is not gone yet.
    Deposed,
    /// Its block is not in the configuration.
    NoBlock,
    /// Its module is not in the configuration.
    NoModule,
    /// Its index is past `count`.
    NoIndex,
    /// Its key is not in `for_each`.
    NoKey,
    /// Its block has no `count` or `for_each` that its key could come from, or its key is missing.
    WrongRepetition,
    /// It was moved to an address that is not in the configuration.
    NoMoveTarget,
    /// A `removed` block says so.
    Removed,
    /// The command line asks for a new object.
    Requested,
    /// `mlo destroy`.
    Destroy,
    /// What a data source is asked is not known yet.
    ConfigUnknown,
    /// Something changes that a data source depends on.
    DependencyPending,
}

/// One object and what is done to it.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its address.
    pub address: Address,
    /// The address that the state has for it, if it moved.
    pub previous: Option<Address>,
    /// What its provider knows it by, if it is there and the state takes it in.
    pub importing: Option<String>,
    /// If the object is one that was set aside: its key.
    pub deposed: Option<String>,
    /// Whether a replacement makes the new object before it takes the old one away.
    pub create_before_destroy: bool,
    /// The entries of `replace_triggered_by` because of which it is replaced.
    pub triggered_by: Vec<String>,
    /// The provider that keeps it, as the state names it: `local`, `local.west`.
    pub provider: String,
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// The object as it is now; nothing if it is not there.
    pub prior: Option<Value>,
    /// The object as it will be; unknown where only applying will tell.
    pub planned: Option<Value>,
    /// What the configuration says of it, where something of that is known only when the plan is applied.
    pub wanted: Option<Value>,
    /// The changes that need a new object.
    pub replace: Vec<Path>,
    /// What the state has of it beside its attributes.
    pub stored: Option<Stored>,
    /// Version of the type's schema.
    pub schema_version: u32,
    /// The idempotency token, should it be created.
    pub token: String,
    /// The block's header; nothing if it is not in the configuration.
    pub span: Option<Span>,
    /// Blocks whose values it is made from.
    pub dependencies: Arc<[BlockAddress]>,
}

impl Operation {
    /// An object of the state to which nothing is done.
    pub(crate) fn on(address: &Address, object: &Object) -> Self {
        Self {
            address: address.clone(),
            previous: None,
            importing: None,
            deposed: None,
            create_before_destroy: false,
            triggered_by: Vec::new(),
            provider: object.provider.clone(),
            action: Action::NoOp,
            reason: Reason::Configuration,
            prior: None,
            planned: None,
            wanted: None,
            replace: Vec::new(),
            stored: Some(object.into()),
            schema_version: object.schema_version,
            token: object.token.clone(),
            span: None,
            dependencies: object.dependencies.clone().into(),
        }
    }
}

/// What an object is called: its address, and the key if it was set aside.
pub fn object_name(address: &Address, deposed: Option<&str>) -> String {
    match deposed {
        None => address.to_string(),
        Some(key) => format!("{address} (deposed object {key})"),
    }
}

/// The key under which the object of an idempotency token is set aside: eight hexadecimal digits, as Terraform has
/// them.
pub(crate) fn deposed_key(token: &str) -> String {
    use sha2::{Digest, Sha256};
    HEXLOWER.encode(Sha256::digest(token).first_chunk::<4>().expect("a SHA-256 has 32 bytes"))
}

/// What the state has of an object beside its attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The idempotency token of its creation.
    pub token: String,
    /// Blocks whose values it was made from.
    pub dependencies: Vec<BlockAddress>,
}

impl From<&Object> for Stored {
    fn from(object: &Object) -> Self {
        Self { token: object.token.clone(), dependencies: object.dependencies.clone() }
    }
}

/// An object that is not as the state has it: somebody changed it outside.
#[derive(Debug, Clone)]
pub struct Drift {
    /// Its address.
    pub address: Address,
    /// If the object is one that was set aside: its key.
    pub deposed: Option<String>,
    /// As the state has it.
    pub before: Value,
    /// As it is; nothing if it is gone.
    pub after: Option<Value>,
}

/// An output of the root module.
#[derive(Debug, Clone)]
pub struct OutputChange {
    /// As the state has it; nothing if it is new.
    pub before: Option<Value>,
    /// As it will be; nothing if it goes.
    pub after: Option<Value>,
    /// Whether it is masked.
    pub sensitive: bool,
}

/// What will be done. Made by [`Planner`] alone; only an approved one is applied.
#[derive(Debug)]
pub struct Plan {
    /// Names the state that this plan was made from.
    pub lineage: String,
    /// The state's serial that this plan was made from.
    pub serial: u64,
    /// What kind of plan it is.
    pub kind: Kind,
    /// The environment that it is for.
    pub environment: String,
    /// The configuration that it was made from.
    pub config: Arc<Module>,
    /// All objects, in the order of their addresses; also those to which nothing is done.
    pub operations: Operations,
    /// The numbers of each block's operations.
    pub by_block: HashMap<BlockAddress, Vec<usize>>,
    /// What is done, and what waits for what.
    pub steps: Steps,
    /// Values of the configuration, as far as they are known.
    pub values: Values,
    /// Objects that have other addresses than the state has for them.
    pub moves: Vec<Move>,
    /// Whether all of the configuration was planned: not if the command line named parts of it.
    pub complete: bool,
    /// What data sources say, by their blocks. Not in the state: whoever needs it reads it anew.
    pub data: BTreeMap<BlockAddress, BTreeMap<Address, DataObject>>,
    /// How conditions came out, as far as they are known.
    pub checks: Checks,
    /// Objects that were not read, since the configuration of their provider is not known yet.
    pub unread: Vec<Address>,
    /// What was changed outside.
    pub drift: Vec<Drift>,
    /// The root module's outputs.
    pub outputs: BTreeMap<Arc<str>, OutputChange>,
}

/// How many objects are made, changed and taken away. A replacement is one made and one taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Made.
    pub add: usize,
    /// Changed in place.
    pub change: usize,
    /// Taken away.
    pub destroy: usize,
    /// Taken into the state.
    pub import: usize,
}

impl Plan {
    /// What the summary line counts.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for operation in &self.operations {
            counts.import += usize::from(operation.importing.is_some());
            match operation.action {
                Action::NoOp | Action::Forget | Action::Read => {}
                Action::Create => counts.add += 1,
                Action::Update => counts.change += 1,
                Action::Delete => counts.destroy += 1,
                Action::Replace => {
                    counts.add += 1;
                    counts.destroy += 1;
                }
            }
        }
        counts
    }

    /// The same plan with other operations, if they are given, to be looked at: it has no steps, so nothing can be done
    /// by it.
    #[must_use]
    pub fn to_be_shown(&self, operations: Option<Operations>) -> Self {
        Self {
            lineage: self.lineage.clone(),
            serial: self.serial,
            kind: self.kind,
            environment: self.environment.clone(),
            config: Arc::clone(&self.config),
            operations: operations.unwrap_or_else(|| self.operations.clone()),
            by_block: self.by_block.clone(),
            steps: Steps::default(),
            values: self.values.clone(),
            moves: self.moves.clone(),
            complete: self.complete,
            data: self.data.clone(),
            checks: self.checks.clone(),
            unread: self.unread.clone(),
            drift: self.drift.clone(),
            outputs: self.outputs.clone(),
        }
    }

    /// Values of the root module's variables, but for those that are kept nowhere.
    pub fn shown_variables(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> {
        let is_kept = |name: &str| self.config.variables.get(name).is_none_or(|variable| !variable.ephemeral);
        self.values.root_variables().into_iter().filter(move |(name, _)| is_kept(name))
    }

    /// The operations on the instances of a block, in order.
    pub fn block_operations<'p>(&'p self, block: &'p BlockAddress) -> impl Iterator<Item = &'p Operation> {
        self.by_block.get(block).into_iter().flatten().filter_map(|number| self.operations.get(*number))
    }

    /// Whether applying it would change an object, an output, or what the state knows of an object, or read what could
    /// not be read before.
    pub fn has_changes(&self) -> bool {
        self.operations.iter().any(Operation::is_change) || self.outputs.values().any(OutputChange::is_change)
    }

    /// Whether there is something to approve: a change, or what was read where just that is to be stored.
    pub fn is_applyable(&self) -> bool {
        self.has_changes() || self.kind == Kind::Refresh && self.has_drift()
    }

    /// Whether what the state has of the objects differs from what was read, so that applying it would write a new
    /// snapshot although no object changes.
    pub fn has_drift(&self) -> bool {
        !self.drift.is_empty()
    }
}

impl Operation {
    /// Whether the object changes, or what the state knows of it.
    pub fn is_change(&self) -> bool {
        self.action != Action::NoOp || self.previous.is_some() || self.importing.is_some()
    }
}

impl OutputChange {
    /// Whether it will be another value than it was.
    pub fn is_change(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => !diff::same(before, after),
            (None, None) => false,
            _ => true,
        }
    }
}
