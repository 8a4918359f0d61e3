//! Carries out an approved plan, and nothing else.
//!
//! Goes in: an [`Approved`] plan, the lock on its state, connected providers. Comes out: a new snapshot and what went
//! wrong. Never happens: a call without a durable intent, an outcome that is not journalled before anything depends on
//! it, an operation that the plan does not list.

mod adopt;
mod batch;
mod check;
mod ended;
mod operate;
mod read;
mod settle;

#[cfg(test)]
mod tests;

pub use ended::Unfinished;
pub use operate::fits;
pub use settle::{give_up, settle};

use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::{Ended, ModuleId, ModuleTree, Node, Outcome, walk};
use crate::lang::config::{ProviderKey, ResourceKey};
use crate::lang::eval::BlockSchema;
use crate::lang::value::Value;
use crate::plan::{
    Action, Checks, Connected, Connections, Context, Counts, Kind, Operation, Plan, Repetitions, Step,
    Values, World, bare_provider, combine, describe, encode_object, encode_output, encode_storable,
    instance_name, provider_name,
};
use crate::policy::{Approved, Denial};
use crate::provider::{Provider, Surroundings};
use batch::Batch;
use mlo_state::{
    Address, BlockAddress, Guard, Mode, ModuleAddress, Object, Record, Snapshot, Status, StoreError,
};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::unconstrained;

/// How long calls that are under way are waited for after an interruption. The lease of a lock outlasts it.
const GRACE: Duration = Duration::from_secs(30);

/// What is left of the lock when a call begins. A call that takes longer is none that is cut off: the lock is renewed
/// beside it.
const CALL: Duration = Duration::from_secs(30);

/// Steps that are under way at a time. Calls are fewer; the others have their intent made durable, all with one sync,
/// or wait for their turn. So many objects are looked up after a crash, at most.
const STEPS_AT_ONCE: usize = 1_024;

/// Asks the policies again about an operation, and the object as it will be.
pub type AskAgain<'a> = dyn Fn(&Operation, &Value) -> Result<(), Box<Denial>> + 'a;

/// All that an apply needs beside the plan.
pub struct Applier<'a> {
    /// What the plan's values depend on.
    pub context: &'a Context,
    /// Providers by name.
    pub providers: &'a BTreeMap<&'static str, Arc<dyn Provider>>,
    /// The connections that the planner made.
    pub connections: Connections,
    /// The machine and the run.
    pub surroundings: &'a Surroundings,
    /// The lock on the state.
    pub guard: &'a dyn Guard,
    /// The state that the plan was made from.
    pub snapshot: Snapshot,
    /// The first operation number of the journal that is free.
    pub next_operation: u64,
    /// Provider calls at a time.
    pub parallelism: usize,
    /// Becomes true when the run is interrupted.
    pub interrupt: watch::Receiver<bool>,
    /// Is told what happens.
    pub observe: &'a dyn Fn(Event<'_>),
    /// Asks the policies again about an operation whose object was not known when they were asked about the plan; the value
    /// is the object as it will be.
    pub ask_again: &'a AskAgain<'a>,
}

/// What happens, as it happens.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A call begins.
    Started {
        /// The object.
        address: &'a Address,
        /// Its key, if it is one that was set aside.
        deposed: Option<&'a str>,
        /// What is done: create, update or delete.
        action: Action,
    },
    /// A call has ended well.
    Finished {
        /// The object.
        address: &'a Address,
        /// Its key, if it is one that was set aside.
        deposed: Option<&'a str>,
        /// What was done: create, update or delete.
        action: Action,
        /// The object as it is; nothing after a delete.
        object: Option<&'a Value>,
    },
    /// A call has failed.
    Failed {
        /// The object.
        address: &'a Address,
        /// Its key, if it is one that was set aside.
        deposed: Option<&'a str>,
        /// What was tried: create, update or delete.
        action: Action,
    },
}

/// How an apply went.
#[derive(Debug)]
pub struct Applied {
    /// What was done.
    pub counts: Counts,
    /// What was not.
    pub unfinished: Unfinished,
    /// What went wrong.
    pub messages: Diagnostics,
    /// Something was applied, found unhealthy and put back.
    pub rolled_back: bool,
    /// The policies did not let a change through once all of it was known.
    pub denied: Vec<Denied>,
    /// The run was interrupted before all was done.
    pub interrupted: bool,
    /// The state afterwards.
    pub snapshot: Snapshot,
    /// How conditions came out.
    pub checks: Checks,
    /// Values of the configuration as they are known now.
    pub values: Values,
}

/// A change that the policies stopped once all of it was known.
#[derive(Debug)]
pub struct Denied {
    /// The object.
    pub address: Address,
    /// Why.
    pub denial: Box<Denial>,
}

/// The state could not be written: what was done is in the journal as far as that could be written.
#[derive(Debug)]
pub struct Halted {
    /// Why it could not be written.
    pub error: StoreError,
    /// What went wrong beside that.
    pub messages: Diagnostics,
}

impl From<StoreError> for Halted {
    fn from(error: StoreError) -> Self {
        Self { error, messages: Diagnostics::new() }
    }
}

impl Applier<'_> {
    /// Carries out the plan.
    ///
    /// # Errors
    /// If the state could not be written.
    pub async fn run(self, approved: &Approved) -> Result<Applied, Halted> {
        let plan = approved.plan();
        let config = plan.config.clone();
        let tree = ModuleTree::new(&config);
        let mut run = Run {
            plan,
            approved,
            tree: &tree,
            world: RefCell::new(World::resume(
                &tree,
                self.context,
                (plan.values.clone(), plan.checks.clone()),
            )),
            connections: RefCell::new(self.connections.clone()),
            connected_before: RefCell::default(),
            state: RefCell::new(self.snapshot.clone()),
            base: Cow::Borrowed(&self.snapshot),
            values: RefCell::default(),
            repetitions: RefCell::default(),
            messages: RefCell::default(),
            counts: Cell::default(),
            rolled_back: Cell::new(false),
            denied: RefCell::default(),
            asked: RefCell::default(),
            next_operation: Cell::new(self.next_operation),
            state_failed: RefCell::new(None),
            refused: RefCell::default(),
            under_way: RefCell::default(),
            ended: RefCell::new(vec![Ended::Skipped; plan.steps.dag.len()]),
            calls: Semaphore::new(self.parallelism.max(1)),
            batch: Batch::new(self.guard),
            applier: &self,
        };
        if self.snapshot.serial == 0 {
            self.guard.begin(self.snapshot.lineage.clone()).await?;
        }
        run.adopt().await?;
        run.record_what_was_read().await?;
        let ended = run.walk().await;
        run.finish(&ended).await
    }
}

/// The state of one apply.
struct Run<'r, 'a, 'c> {
    applier: &'r Applier<'a>,
    /// What steps hand in for the journal.
    batch: Batch<'a>,
    plan: &'r Plan,
    approved: &'r Approved,
    tree: &'c ModuleTree<'c>,
    world: RefCell<World<'c>>,
    connections: RefCell<Connections>,
    /// Providers as they were configured when the objects were made that go.
    connected_before: RefCell<Connections>,
    /// What exists, as far as the run has come.
    state: RefCell<Snapshot>,
    /// The last snapshot that was committed.
    base: Cow<'r, Snapshot>,
    /// Objects as they are after their operation.
    values: RefCell<HashMap<Address, Value>>,
    /// `each` and `count` of a block's instances, found once per block.
    repetitions: RefCell<HashMap<(BlockAddress, ModuleAddress), Rc<Repetitions>>>,
    messages: RefCell<Diagnostics>,
    counts: Cell<Counts>,
    rolled_back: Cell<bool>,
    denied: RefCell<Vec<Denied>>,
    /// Objects about which the policies were asked again when all was known of them.
    asked: RefCell<BTreeSet<Address>>,
    next_operation: Cell<u64>,
    state_failed: RefCell<Option<StoreError>>,
    /// Steps whose call had its turn only when the run was stopped already: it was not begun.
    refused: RefCell<BTreeSet<usize>>,
    /// Steps whose call was begun, and of which the run has not seen the end.
    under_way: RefCell<BTreeSet<usize>>,
    /// How each step ended, as far as it has.
    ended: RefCell<Vec<Ended>>,
    /// Provider calls under way are limited here.
    calls: Semaphore,
}

impl Run<'_, '_, '_> {
    /// What the plan found changed outside is in the journal before anything is built on it.
    async fn record_what_was_read(&self) -> Result<(), StoreError> {
        let mut records = Vec::new();
        for drift in &self.plan.drift {
            let (address, deposed) = (drift.address.clone(), drift.deposed.clone());
            let Some(stored) = stored(&self.base, &address, deposed.as_deref()) else { continue };
            let object = match &drift.after {
                None => None,
                Some(value) => match self.encode(&address, value, blank_like(stored)) {
                    // What is there is not lost because nobody can write it down: the state keeps what it has.
                    None => continue,
                    object => object,
                },
            };
            self.remember(&address, deposed.as_deref(), object.clone());
            let (operation, object) = (self.take_number(), object.map(Box::new));
            records.push(Record::Done { operation, address, deposed, object });
        }
        if records.is_empty() { Ok(()) } else { self.applier.guard.append(records).await }
    }

    async fn walk(&self) -> Vec<Ended> {
        let dag = &self.plan.steps.dag;
        let mut interrupt = self.applier.interrupt.clone();
        let walked = walk(dag, self.applier.parallelism.max(STEPS_AT_ONCE), |number| self.step(number));
        // Not stopped in the middle for others' sake: there are none, and what is ready together stays together.
        let walked = self.batch.beside(unconstrained(walked));
        let patience = async {
            // A closed channel means that nobody can interrupt.
            if interrupt.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(GRACE).await;
        };
        // Whoever takes a lock that was lost does again what is not known to be done: what runs yet is cut off, and commands
        // end with it.
        let loss = async {
            let error = self.applier.guard.keep().await;
            self.state_failed.borrow_mut().get_or_insert(error);
        };
        let is_over = tokio::select! {
            _ = walked => true,
            () = patience => false,
            () = loss => false,
        };
        if !is_over {
            self.batch.finish().await;
        }
        self.ended.take()
    }

    /// Whether nothing new may begin.
    fn is_stopped(&self) -> bool {
        self.interrupted() || self.state_failed.borrow().is_some()
    }

    /// Whether the lock is lost, or would be before a call that begins now is over. That stops everything, as a state
    /// does that cannot be written.
    async fn is_lock_lost(&self) -> bool {
        match self.applier.guard.outlasts(CALL).await {
            Ok(()) => false,
            Err(error) => {
                self.state_failed.borrow_mut().get_or_insert(error);
                true
            }
        }
    }

    fn interrupted(&self) -> bool {
        *self.applier.interrupt.borrow()
    }

    async fn step(&self, number: usize) -> Outcome {
        // Joins and values begin nothing: where all calls have ended, all is done, whatever came meanwhile.
        let begins = match self.plan.steps.dag.get(number) {
            Step::Operate(..) => true,
            Step::Evaluate(Node::Check(id, name)) => {
                self.tree.module(*id).checks.get(name).is_some_and(|check| check.data.is_some())
            }
            Step::Evaluate(node) => matches!(node, Node::Provider(..)),
            Step::Join | Step::Settle(_) => false,
        };
        if begins && self.is_stopped() || self.state_failed.borrow().is_some() {
            return Outcome::Failed;
        }
        let result = match self.plan.steps.dag.get(number) {
            Step::Evaluate(Node::Provider(id, key)) => self.connect(*id, key).await,
            Step::Evaluate(Node::Check(id, name)) => self.check(*id, name).await,
            Step::Evaluate(node) => self.world.borrow_mut().settle(node),
            Step::Settle(node @ Node::Resource(id, key)) => {
                let checked = self.check_block(node, *id, key);
                self.settle_block(*id, key);
                checked
            }
            Step::Join | Step::Settle(_) => Ok(()),
            Step::Operate(operation, part) => self.operate(number, *operation, *part).await,
        };
        let (outcome, ended) = match result {
            Ok(()) => (Outcome::Done, Ended::Done),
            Err(messages) => {
                self.messages.borrow_mut().extend(messages);
                let is_cut_off =
                    self.refused.borrow().contains(&number) || self.under_way.borrow().contains(&number);
                (Outcome::Failed, if is_cut_off { Ended::Skipped } else { Ended::Failed })
            }
        };
        self.ended.borrow_mut().get_mut(number).into_iter().for_each(|slot| *slot = ended);
        outcome
    }

    async fn connect(&self, id: ModuleId, key: &ProviderKey) -> Result<(), Diagnostics> {
        let Some(provider) = self.applier.providers.get(key.name.as_ref()).cloned() else { return Ok(()) };
        let configs = self.world.borrow().provider_configs(id, key, provider.schema())?;
        let name = provider_name(self.tree, id, key);
        for (instance, config) in configs {
            // What it is made from is not there, and is not made now: nobody is led to another place instead.
            if !config.is_wholly_known() {
                continue;
            }
            let name = instance_name(&name, instance.as_deref());
            let connected = self.connected(&name, &provider, &config).await?;
            self.connections.borrow_mut().insert(name, connected);
        }
        Ok(())
    }

    async fn connected(
        &self,
        name: &str,
        provider: &Arc<dyn Provider>,
        config: &Value,
    ) -> Result<Connected, Diagnostics> {
        let connection = provider.connect(config, self.applier.surroundings).await;
        let connection =
            connection.map_err(|error| describe(&error, &format!("provider {name}"), None, None))?;
        Ok(Connected { provider: provider.clone(), connection: Some(connection), before: None })
    }

    /// The provider with which an object is taken away. Where what it is configured with changes, as it was when the
    /// object was made: this comes before the change.
    async fn connected_before(&self, name: &str, connected: &Connected) -> Result<Connected, Diagnostics> {
        let planned = self.applier.connections.get(name).unwrap_or(connected);
        if planned.connection.is_some() {
            return Ok(planned.clone());
        }
        let known = self.connected_before.borrow().get(name).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let Some(config) = &planned.before else {
            let summary = format!("what provider {name} was configured with is not in the state any more");
            return Err(Diagnostic::error(code::engine::UNKNOWN_PROVIDER, summary)
                .help("configure it from values that are known, and apply again")
                .into());
        };
        let connected = self.connected(name, &planned.provider, config).await?;
        self.connected_before.borrow_mut().insert(name.to_owned(), connected.clone());
        Ok(connected)
    }

    /// Checks what could not be checked when nothing was planned for an object.
    fn check_block(&self, node: &Node, id: ModuleId, key: &ResourceKey) -> Result<(), Diagnostics> {
        if !self.plan.values.unsettled.contains(&node.into()) {
            return Ok(());
        }
        let block = self.tree.block(id, key);
        if let Some(resource) = self.tree.module(id).resources.get(key).filter(|_| key.mode == Mode::Data) {
            return self.check_data(id, resource);
        }
        let unchanged = self.plan.block_operations(&block).filter(|each| each.action == Action::NoOp);
        let mut failures = Diagnostics::new();
        for operation in unchanged {
            if let Err(messages) = self.check_unchanged(operation) {
                failures.extend(messages);
            }
        }
        if failures.has_errors() { Err(failures) } else { Ok(()) }
    }

    /// Gives a block's name its final value in every instance of its module.
    fn settle_block(&self, id: ModuleId, key: &ResourceKey) {
        let Some(resource) = self.tree.module(id).resources.get(key) else { return };
        let block = self.tree.block(id, key);
        let values = self.values.borrow();
        let mut items: BTreeMap<ModuleAddress, Vec<_>> = BTreeMap::new();
        let operations = self.plan.block_operations(&block);
        for operation in operations.filter(|operation| operation.action != Action::Read) {
            let value = values.get(&operation.address).or(operation.planned.as_ref());
            if let Some(value) = value.filter(|_| operation.action != Action::Delete) {
                let item = (operation.address.key.clone(), value.clone());
                items.entry(operation.address.module.clone()).or_default().push(item);
            }
        }
        for (address, object) in self.plan.data.get(&block).into_iter().flatten() {
            let value = values.get(address).unwrap_or(&object.value);
            let item = (address.key.clone(), value.clone());
            items.entry(address.module.clone()).or_default().push(item);
        }
        let mut world = self.world.borrow_mut();
        for (at, items) in items {
            world.set_resource(id, &at, key, combine(&resource.repeat, items));
        }
    }

    fn take_number(&self) -> u64 {
        let number = self.next_operation.get();
        self.next_operation.set(number + 1);
        number
    }

    fn remember(&self, address: &Address, deposed: Option<&str>, object: Option<Object>) {
        let mut state = self.state.borrow_mut();
        match (object, deposed) {
            (Some(object), None) => {
                state.objects.insert(address.clone(), object);
            }
            (Some(object), Some(key)) => {
                state.deposed.entry(address.clone()).or_default().insert(key.to_owned(), object);
            }
            (None, None) => {
                state.objects.remove(address);
            }
            (None, Some(key)) => {
                state.forget_deposed(address, key);
            }
        }
    }

    /// The stored form of a value, with all else as in `over`. What of it cannot be stored is left out, which is said:
    /// the object is there, and the state must not lose it.
    fn encode(&self, address: &Address, value: &Value, over: Object) -> Option<Object> {
        let encode = |schema: &BlockSchema| match encode_object(value, schema) {
            Ok(stored) => (stored, None),
            Err(error) => (encode_storable(value, schema), Some(error)),
        };
        let ((attributes, sensitive), error) = self.with_schema(&over.provider, address, encode)?;
        let Some(error) = error else { return Some(Object { attributes, sensitive, ..over }) };
        let summary = format!("{address} cannot be kept whole: {error}");
        self.messages.borrow_mut().push(Diagnostic::error(code::engine::INCONSISTENT, summary));
        Some(Object { attributes, sensitive, status: Status::Tainted, ..over })
    }

    fn with_schema<T>(
        &self,
        provider: &str,
        address: &Address,
        look: impl FnOnce(&BlockSchema) -> T,
    ) -> Option<T> {
        // The configuration that the state names may be gone: the types are those of the provider.
        let connected = self.connections.borrow().get(provider).map(|connected| connected.provider.clone());
        let known = || self.applier.providers.get(bare_provider(provider)).cloned();
        let provider = connected.or_else(known)?;
        provider.schema().resources.get(address.type_name.as_ref()).map(|schema| look(&schema.block))
    }

    async fn finish(self, ended: &[Ended]) -> Result<Applied, Halted> {
        self.report_skipped(ended);
        let mut failed = self.state_failed.borrow_mut().take();
        let mut snapshot = self.state.replace(Snapshot::empty(""));
        for operation in &self.plan.operations {
            // Marks, dependencies and the provider's name can change without the object.
            if operation.action == Action::NoOp
                && let Some(object) = snapshot.objects.get_mut(&operation.address)
            {
                object.provider.clone_from(&operation.provider);
                object.dependencies = operation.dependencies.to_vec();
                object.sensitive =
                    operation.planned.as_ref().map(crate::plan::sensitive_paths).unwrap_or_default();
            }
        }
        snapshot.bridge(&self.base.made_from());
        self.write_outputs(&mut snapshot);
        self.note_configured(&mut snapshot);
        if snapshot != *self.base || !self.plan.drift.is_empty() || self.counts.get() != Counts::default() {
            snapshot.serial += 1;
            if let Err(error) = self.applier.guard.commit(snapshot.clone()).await {
                failed.get_or_insert(error);
            }
        }
        if let Some(error) = failed {
            return Err(Halted { error, messages: self.messages.into_inner() });
        }
        let unfinished = self.unfinished(ended);
        let interrupted = self.interrupted() && ended.iter().any(|ended| *ended != Ended::Done);
        let (values, checks) = self.world.into_inner().into_parts();
        Ok(Applied {
            counts: Counts { import: self.plan.counts().import, ..self.counts.get() },
            unfinished,
            interrupted,
            rolled_back: self.rolled_back.get(),
            denied: self.denied.into_inner(),
            messages: self.messages.into_inner(),
            snapshot,
            checks,
            values,
        })
    }

    /// Notes which providers need their block to reach what they keep. One that a block of the configuration uses without
    /// it has none now; of others nothing is known that was not known before.
    fn note_configured(&self, snapshot: &mut Snapshot) {
        let set_aside = snapshot.deposed.values().flat_map(BTreeMap::values);
        let names = snapshot.objects.values().chain(set_aside).map(|object| object.provider.as_str());
        let names: BTreeSet<&str> = names.filter(|name| bare_provider(name) == *name).collect();
        let says_something = |name: &&str| {
            let key = ProviderKey { name: Arc::from(*name), alias: None };
            if let Some(block) = self.tree.module(0).providers.get(&key) {
                return !block.body.items.is_empty();
            }
            let uses = |each: &Operation| each.span.is_some() && each.provider == **name;
            self.base.configured.contains(*name) && !self.plan.operations.iter().any(uses)
        };
        snapshot.configured = names.into_iter().filter(says_something).map(str::to_owned).collect();
    }

    fn write_outputs(&self, snapshot: &mut Snapshot) {
        if self.plan.kind == Kind::Destroy {
            if snapshot.objects.is_empty() && snapshot.deposed.is_empty() {
                snapshot.outputs.clear();
            }
            return;
        }
        let world = self.world.borrow();
        let declared = &self.tree.module(0).outputs;
        // A plan for a part of the configuration says nothing of outputs that are not in it.
        snapshot.outputs.retain(|name, _| !self.plan.complete || declared.contains_key(name.as_str()));
        for (name, output) in declared {
            // An output that is not known because something failed keeps its earlier value.
            let value = world.root_output(name).filter(|value| value.is_wholly_known());
            if let Some(stored) = value.and_then(|value| encode_output(value, output.sensitive).ok()) {
                snapshot.outputs.insert(name.to_string(), stored);
            }
        }
    }
}

/// The object of an address, or one that was set aside there.
fn stored<'s>(snapshot: &'s Snapshot, address: &Address, deposed: Option<&str>) -> Option<&'s Object> {
    match deposed {
        None => snapshot.objects.get(address),
        Some(key) => snapshot.deposed.get(address)?.get(key),
    }
}

/// An object of the state without its attributes.
fn blank_like(object: &Object) -> Object {
    let Object { provider, schema_version, token, dependencies, .. } = object;
    let handle = object.handle.clone();
    Object { status: object.status, handle, ..blank(provider, *schema_version, token, dependencies) }
}

/// A new object of the state, before it has attributes.
fn blank(provider: &str, schema_version: u32, token: &str, dependencies: &[BlockAddress]) -> Object {
    Object {
        provider: provider.to_owned(),
        schema_version,
        attributes: serde_json::Map::new(),
        sensitive: Vec::new(),
        dependencies: dependencies.to_vec(),
        status: Status::Ready,
        token: token.to_owned(),
        handle: None,
    }
}
