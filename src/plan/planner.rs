//! The walk that makes a plan: every block is evaluated, read and compared once all that it needs is.

use super::change::{describe, plan_change};
use super::steps::{self, Parts};
use super::stored::{decode_object, decode_output, guess, mark_by_schema, mark_stored};
use super::world::{Context, Repetition, World, combine};
use super::{Action, Drift, Operation, OutputChange, Plan, Reason, Stored, diff};
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::{Graph, ModuleId, ModuleTree, Node, NodeId, Outcome, build, walk};
use crate::lang::config::{Module, ProviderKey, Repeat, Resource, ResourceKey};
use crate::lang::reference::{Target, references_in};
use crate::lang::value::{Marks, Value};
use crate::provider::{Connection, Provider, ProviderError, ResourceSchema, Subject, Surroundings, retry};
use futures_util::stream::{self, StreamExt};
use mlo_state::{Address, BlockAddress, Key, Mode, ModuleAddress, Object, Snapshot, Status};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Nodes of the graph that are visited at a time. More than provider calls, since most nodes call none; not all, since
/// each keeps its place in memory.
const NODES_AT_ONCE: usize = 256;

/// What kind of plan is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What the configuration wants.
    Apply,
    /// All objects are taken away.
    Destroy,
    /// Nothing is read or stored: is the configuration right?
    Check,
}

/// All that a plan is made from.
pub struct Planner<'a> {
    /// The configuration.
    pub config: Arc<Module>,
    /// What its values depend on beside it.
    pub context: &'a Context,
    /// Providers by name.
    pub providers: &'a BTreeMap<&'static str, Arc<dyn Provider>>,
    /// The machine and the run.
    pub surroundings: &'a Surroundings,
    /// The state.
    pub snapshot: &'a Snapshot,
    /// What kind of plan.
    pub kind: Kind,
    /// Whether objects are read.
    pub refresh: bool,
    /// Provider calls at a time.
    pub parallelism: usize,
}

/// Connected providers by the name that the state has for them.
pub type Connections = HashMap<String, Connected>;

/// A provider, and the connection to it once its configuration is known.
#[derive(Clone)]
pub struct Connected {
    /// The provider.
    pub provider: Arc<dyn Provider>,
    /// The connection.
    pub connection: Option<Arc<dyn Connection>>,
}

/// A plan with what it needs to be applied, or nothing if something was wrong; and all that was said.
pub type Result = (Option<(Plan, Connections)>, Diagnostics);

impl Planner<'_> {
    /// Makes the plan.
    pub async fn run(&self) -> Result {
        let config = self.config.clone();
        let tree = ModuleTree::new(&config);
        let graph = match build(&tree) {
            Ok(graph) => graph,
            Err(messages) => return (None, messages),
        };
        let walker = Walker {
            planner: self,
            tree: &tree,
            graph: &graph,
            world: RefCell::new(World::new(&tree, self.context)),
            messages: RefCell::default(),
            connections: RefCell::default(),
            operations: RefCell::default(),
            drift: RefCell::default(),
            calls: Semaphore::new(self.parallelism.max(1)),
        };
        let wanted = walker.wanted_nodes();
        walk(&graph.dag, self.parallelism.max(NODES_AT_ONCE), |node| {
            let skip = !wanted.contains(&node);
            let walker = &walker;
            async move { if skip { Outcome::Done } else { walker.visit(node).await } }
        })
        .await;
        walker.finish(config.clone()).await
    }
}

struct Walker<'p, 'a, 'c> {
    planner: &'p Planner<'a>,
    tree: &'c ModuleTree<'c>,
    graph: &'c Graph,
    world: RefCell<World<'c>>,
    messages: RefCell<Diagnostics>,
    connections: RefCell<Connections>,
    operations: RefCell<BTreeMap<Address, Operation>>,
    drift: RefCell<BTreeMap<Address, Drift>>,
    /// Provider calls under way are limited here, not in the walk: a block can have many instances.
    calls: Semaphore,
}

/// One instance of a block, with what the configuration wants of it.
struct Instance<'r> {
    address: Address,
    repetition: Repetition,
    wanted: Value,
    resource: &'r Resource,
}

/// What the instances of a block share.
struct BlockPlan<'b> {
    id: ModuleId,
    key: &'b ResourceKey,
    provider_name: String,
    connected: Connected,
    schema: &'b ResourceSchema,
    dependencies: Arc<[BlockAddress]>,
}

impl Walker<'_, '_, '_> {
    /// All nodes; to destroy, only the providers and what they need.
    fn wanted_nodes(&self) -> BTreeSet<NodeId> {
        let all = 0..self.graph.dag.len();
        if self.planner.kind != Kind::Destroy {
            return all.collect();
        }
        let mut wanted: BTreeSet<NodeId> =
            all.filter(|node| matches!(self.graph.dag.get(*node), Node::Provider(..))).collect();
        wanted.extend(self.protections());
        let mut open: Vec<_> = wanted.iter().copied().collect();
        while let Some(node) = open.pop() {
            open.extend(self.graph.dag.dependencies(node).filter(|dependency| wanted.insert(*dependency)));
        }
        wanted
    }

    /// What `prevent_destroy` arguments refer to.
    fn protections(&self) -> Vec<NodeId> {
        let mut found = Vec::new();
        for id in self.tree.ids() {
            let flags = self.tree.module(id).resources.values();
            let flags = flags.filter_map(|resource| resource.lifecycle.prevent_destroy.as_ref());
            for reference in flags.flat_map(references_in) {
                let node = match reference.target {
                    Target::Variable(name) => Node::Variable(id, name),
                    Target::Local(name) => Node::Local(id, name),
                    _ => continue,
                };
                found.extend(self.graph.id(&node));
            }
        }
        found
    }

    async fn visit(&self, node: NodeId) -> Outcome {
        let node = self.graph.dag.get(node);
        let result = match node {
            Node::Resource(id, key) if self.planner.kind == Kind::Destroy => {
                self.stand_in(*id, key);
                Ok(())
            }
            Node::Resource(id, key) => self.plan_block(*id, key).await,
            Node::Provider(id, key) => self.connect(node, *id, key).await,
            _ => self.world.borrow_mut().settle(node),
        };
        match result {
            Ok(()) => Outcome::Done,
            Err(messages) => {
                self.messages.borrow_mut().extend(messages);
                Outcome::Failed
            }
        }
    }

    /// While everything is destroyed, a resource's name stands for what the state has of it.
    fn stand_in(&self, id: ModuleId, key: &ResourceKey) {
        let Some(resource) = self.tree.module(id).resources.get(key) else { return };
        let block = self.tree.block(id, key);
        for at in self.world.borrow().instances(id) {
            let objects = self.planner.snapshot.objects.iter();
            let own = objects.filter(|(address, _)| address.module == at && address.block() == block);
            let items =
                own.map(|(address, object)| (address.key.clone(), guess(&object.attributes))).collect();
            self.world.borrow_mut().set_resource(id, &at, key, combine(&resource.repeat, items));
        }
    }

    async fn connect(
        &self,
        node: &Node,
        id: ModuleId,
        key: &ProviderKey,
    ) -> std::result::Result<(), Diagnostics> {
        let Some(provider) = self.planner.providers.get(key.name.as_ref()).cloned() else {
            return Err(self.unknown_provider(node, key).into());
        };
        let config = self.world.borrow().provider_config(id, key, provider.schema())?;
        let mut connected = Connected { provider: provider.clone(), connection: None };
        if !config.is_wholly_known() {
            self.world.borrow_mut().defer(node);
        } else if self.planner.kind != Kind::Check {
            let connection = provider.connect(&config, self.planner.surroundings).await;
            let connection = connection
                .map_err(|error| describe(&error, &format!("provider {}", key.name), None, None))?;
            connected.connection = Some(connection);
        }
        self.connections.borrow_mut().insert(provider_name(self.tree, id, key), connected);
        Ok(())
    }

    fn unknown_provider(&self, node: &Node, key: &ProviderKey) -> Diagnostic {
        let summary = format!("there is no provider `{}`", key.name);
        let users =
            self.graph.id(node).into_iter().flat_map(|id| self.graph.dag.dependents(id).collect::<Vec<_>>());
        let places = users.filter_map(|user| self.graph.dag.get(user).describe(self.tree).span);
        let span = node.describe(self.tree).span.or_else(|| places.min());
        let message = Diagnostic::error(code::engine::UNKNOWN_PROVIDER, summary);
        let message = span.into_iter().fold(message, |message, span| message.at(span, "used here"));
        let known: Vec<_> = self.planner.providers.keys().map(|name| format!("`{name}`")).collect();
        let message = message.did_you_mean(&key.name, self.planner.providers.keys().copied());
        message.help(format!("the providers of this version are {}", known.join(", ")))
    }

    async fn plan_block(&self, id: ModuleId, key: &ResourceKey) -> std::result::Result<(), Diagnostics> {
        let module = self.tree.module(id);
        let Some(resource) = module.resources.get(key) else { return Ok(()) };
        if key.mode == Mode::Data {
            let summary = "data sources are not supported by this version";
            return Err(Diagnostic::error(code::engine::UNKNOWN_TYPE, summary).at(resource.span, "").into());
        }
        let (at, provider_key) = self.tree.provider(id, &resource.provider);
        let provider_name = provider_name(self.tree, at, &provider_key);
        let Some(connected) = self.connections.borrow().get(&provider_name).cloned() else { return Ok(()) };
        let provider = connected.provider.clone();
        let Some(schema) = provider.schema().resources.get(key.type_name.as_ref()) else {
            return Err(self.unknown_type(resource).into());
        };
        let dependencies = self.dependencies(id, key);
        let block = BlockPlan { id, key, provider_name, connected, schema, dependencies };
        let (instances, mut failures) = self.instances(&block, resource);
        let planned: Vec<_> = stream::iter(instances)
            .map(|instance| self.plan_instance(&block, instance))
            .buffered(self.planner.parallelism.max(1))
            .collect()
            .await;
        let mut values: BTreeMap<ModuleAddress, Vec<(Option<Key>, Value)>> =
            self.world.borrow().instances(id).into_iter().map(|at| (at, Vec::new())).collect();
        for result in planned {
            match result {
                Ok((address, value)) => {
                    values.entry(address.module).or_default().push((address.key, value));
                }
                Err(messages) => failures.extend(messages),
            }
        }
        for (at, items) in values {
            self.world.borrow_mut().set_resource(id, &at, key, combine(&resource.repeat, items));
        }
        if failures.has_errors() { Err(failures) } else { Ok(()) }
    }

    fn unknown_type(&self, resource: &Resource) -> Diagnostic {
        let name = &resource.key.type_name;
        let known: Vec<_> = self
            .planner
            .providers
            .values()
            .flat_map(|provider| provider.schema().resources.keys().copied())
            .collect();
        Diagnostic::error(code::engine::UNKNOWN_TYPE, format!("there is no resource type `{name}`"))
            .at(resource.span, "")
            .did_you_mean(name, known)
    }

    /// Evaluates what the configuration wants of each instance.
    fn instances<'r>(
        &self,
        block: &BlockPlan<'_>,
        resource: &'r Resource,
    ) -> (Vec<Instance<'r>>, Diagnostics) {
        let world = self.world.borrow();
        let mut failures = Diagnostics::new();
        let mut instances = Vec::new();
        let mut deferred = false;
        for at in world.instances(block.id) {
            let repetitions = match world.repetitions(block.id, &at, &resource.repeat) {
                Ok(repetitions) => repetitions,
                Err(messages) => {
                    failures.extend(messages);
                    continue;
                }
            };
            for repetition in repetitions {
                let place = (block.id, block.key);
                let wanted = world.check_preconditions(place, &at, &repetition).and_then(|later| {
                    deferred |= later;
                    let wanted = world.wanted(place, &at, &repetition, &block.schema.block)?;
                    refuse_ephemeral(&wanted, resource)?;
                    Ok(wanted)
                });
                match wanted {
                    Ok(wanted) => {
                        let address = address_of(&at, block.key, repetition.key.clone());
                        instances.push(Instance { address, repetition, wanted, resource });
                    }
                    Err(messages) => failures.extend(messages),
                }
            }
        }
        drop(world);
        self.defer_if(deferred, block);
        (instances, failures)
    }

    /// Has a block's conditions looked at again when it is applied.
    fn defer_if(&self, deferred: bool, block: &BlockPlan<'_>) {
        if deferred {
            self.world.borrow_mut().defer(&Node::Resource(block.id, block.key.clone()));
        }
    }

    async fn plan_instance(
        &self,
        block: &BlockPlan<'_>,
        instance: Instance<'_>,
    ) -> std::result::Result<(Address, Value), Diagnostics> {
        let Instance { address, repetition, wanted, resource } = instance;
        let fail = |error: &ProviderError| {
            Diagnostics::from(describe(error, &address.to_string(), Some(resource.span), Some(resource)))
        };
        let stored = self.planner.snapshot.objects.get(&address);
        let prior = match stored {
            Some(object) => self.read(&block.connected, &block.schema.block, &address, object).await?,
            None => None,
        };
        let usable = prior.as_ref().filter(|_| stored.is_none_or(|object| object.status == Status::Ready));
        let change = plan_change(&block.connected, block.key, block.schema, (usable, &wanted))
            .await
            .map_err(|error| fail(&error))?;
        let (action, reason) = action_and_reason(change.action, prior.as_ref(), stored);
        if action == Action::Replace {
            self.refuse_protected(&address, resource)?;
        }
        if change.planned.is_wholly_known() && self.planner.kind != Kind::Check {
            let (place, planned) = ((block.id, block.key), &change.planned);
            let later =
                self.world.borrow().check_postconditions(place, &address.module, &repetition, planned)?;
            self.defer_if(later, block);
        }
        let operation = Operation {
            address: address.clone(),
            provider: block.provider_name.clone(),
            action,
            reason,
            prior,
            planned: Some(change.planned.clone()),
            replace: change.replace,
            stored: stored.map(Stored::from),
            schema_version: block.schema.version,
            token: match stored {
                Some(object) if !matches!(action, Action::Create | Action::Replace) => object.token.clone(),
                _ => token(self.planner.snapshot, &address),
            },
            span: Some(resource.span),
            dependencies: block.dependencies.clone(),
        };
        self.operations.borrow_mut().insert(address.clone(), operation);
        Ok((address, change.planned))
    }

    fn refuse_protected(
        &self,
        address: &Address,
        resource: &Resource,
    ) -> std::result::Result<(), Diagnostics> {
        let (id, flag) =
            (self.tree.find(&address.module.block()), resource.lifecycle.prevent_destroy.as_ref());
        let world = self.world.borrow();
        if id.map(|id| world.flag(id, &address.module, flag)).transpose()? != Some(true) {
            return Ok(());
        }
        let summary = format!("{address} is protected, and the plan would take it away");
        let message = Diagnostic::error(code::engine::PREVENT_DESTROY, summary).at(resource.span, "");
        let message = flag.into_iter().fold(message, |message, flag| message.at(flag.span, "protected here"));
        Err(message
            .help("take `prevent_destroy` out if the object may go, or undo what takes it away")
            .into())
    }

    /// The object as it is; what differs from the state is drift.
    async fn read(
        &self,
        connected: &Connected,
        schema: &crate::lang::eval::BlockSchema,
        address: &Address,
        object: &Object,
    ) -> std::result::Result<Option<Value>, Diagnostics> {
        let before = decode_object(object, schema).map_err(|error| {
            Diagnostic::error(
                code::engine::BAD_OBJECT,
                format!("the state's object {address} does not fit its type"),
            )
            .detail(error.to_string())
        })?;
        let Some(connection) = connected.connection.as_ref().filter(|_| self.planner.refresh) else {
            return Ok(Some(before));
        };
        let subject = Subject { type_name: &address.type_name, address, token: &object.token };
        let _permit = self.calls.acquire().await;
        let after = retry(|| connection.read(subject, &before)).await;
        let after = after.map_err(|error| describe(&error, &format!("reading {address}"), None, None))?;
        let after = after.map(|value| mark_by_schema(&mark_stored(&value, object), schema));
        if after.as_ref().is_none_or(|after| !diff::same(&before, after)) {
            let drift = Drift { address: address.clone(), before, after: after.clone() };
            self.drift.borrow_mut().insert(address.clone(), drift);
        }
        Ok(after)
    }

    /// Blocks whose values a block is made from: those that it reaches without passing another resource.
    fn dependencies(&self, id: ModuleId, key: &ResourceKey) -> Arc<[BlockAddress]> {
        let Some(start) = self.graph.id(&Node::Resource(id, key.clone())) else { return Arc::new([]) };
        let mut seen = BTreeSet::new();
        let mut open = vec![start];
        let mut found = BTreeSet::new();
        while let Some(node) = open.pop() {
            for dependency in self.graph.dag.dependencies(node) {
                if !seen.insert(dependency) {
                    continue;
                }
                match self.graph.dag.get(dependency) {
                    Node::Resource(id, key) => {
                        found.insert(self.tree.block(*id, key));
                    }
                    _ => open.push(dependency),
                }
            }
        }
        found.into_iter().collect()
    }

    /// Objects that the configuration no longer has go.
    async fn plan_orphans(&self) {
        let orphans: Vec<_> = {
            let known = self.operations.borrow();
            let objects = self.planner.snapshot.objects.iter();
            objects.filter(|(address, _)| !known.contains_key(address)).collect()
        };
        let planned: Vec<_> = stream::iter(orphans)
            .map(|(address, object)| self.plan_orphan(address, object))
            .buffered(self.planner.parallelism.max(1))
            .collect()
            .await;
        for result in planned {
            match result {
                Ok(Some(operation)) => {
                    self.operations.borrow_mut().insert(operation.address.clone(), operation);
                }
                Ok(None) => {}
                Err(messages) => self.messages.borrow_mut().extend(messages),
            }
        }
    }

    async fn plan_orphan(
        &self,
        address: &Address,
        object: &Object,
    ) -> std::result::Result<Option<Operation>, Diagnostics> {
        let connected = self.connect_for(address, object).await?;
        let provider = connected.provider.clone();
        let Some(schema) = provider.schema().resources.get(address.type_name.as_ref()) else {
            let summary =
                format!("the state has {address}, and there is no resource type `{}`", address.type_name);
            return Err(Diagnostic::error(code::engine::UNKNOWN_TYPE, summary).into());
        };
        let prior = self.read(&connected, &schema.block, address, object).await?;
        if prior.is_none() {
            // Gone already: the drift says so, and the next snapshot forgets it.
            return Ok(None);
        }
        if let Some(resource) = self.block_of(address) {
            self.refuse_protected(address, resource)?;
        }
        Ok(Some(Operation {
            address: address.clone(),
            provider: object.provider.clone(),
            action: Action::Delete,
            reason: self.why_gone(address),
            prior,
            planned: None,
            replace: Vec::new(),
            stored: Some(object.into()),
            schema_version: schema.version,
            token: object.token.clone(),
            span: None,
            dependencies: object.dependencies.clone().into(),
        }))
    }

    /// The provider of an object whose block may be gone: as configured, else with an empty configuration.
    async fn connect_for(
        &self,
        address: &Address,
        object: &Object,
    ) -> std::result::Result<Connected, Diagnostics> {
        if let Some(connected) = self.connections.borrow().get(&object.provider) {
            return Ok(connected.clone());
        }
        let name = bare_provider(&object.provider);
        let Some(provider) = self.planner.providers.get(name).cloned() else {
            let summary = format!("the state has {address}, and there is no provider `{name}`");
            return Err(Diagnostic::error(code::engine::UNKNOWN_PROVIDER, summary).into());
        };
        let config = provider.schema().empty_config();
        let connection = provider.connect(&config, self.planner.surroundings).await;
        let connection =
            connection.map_err(|error| describe(&error, &format!("provider {name}"), None, None))?;
        let connected = Connected { provider, connection: Some(connection) };
        self.connections.borrow_mut().insert(object.provider.clone(), connected.clone());
        Ok(connected)
    }

    /// The block of an object, if the configuration has it.
    fn block_of(&self, address: &Address) -> Option<&Resource> {
        let id = self.tree.find(&address.module.block())?;
        let Address { mode, type_name, name, .. } = address.clone();
        self.tree.module(id).resources.get(&ResourceKey { mode, type_name, name })
    }

    fn why_gone(&self, address: &Address) -> Reason {
        if self.planner.kind == Kind::Destroy {
            return Reason::Destroy;
        }
        let Some(id) = self.tree.find(&address.module.block()) else { return Reason::NoModule };
        if self.world.borrow().instance(id, &address.module).is_none() {
            return Reason::NoModule;
        }
        match self.block_of(address) {
            None => Reason::NoBlock,
            Some(resource) => match resource.repeat {
                Repeat::Count(_) => Reason::NoIndex,
                Repeat::ForEach(_) => Reason::NoKey,
                Repeat::Once => Reason::NoBlock,
            },
        }
    }

    async fn finish(self, config: Arc<Module>) -> Result {
        if self.messages.borrow().has_errors() {
            return (None, self.messages.into_inner());
        }
        if self.planner.kind != Kind::Check {
            self.plan_orphans().await;
        }
        let operations: Vec<Operation> = self.operations.take().into_values().collect();
        let outputs = self.output_changes();
        let values = self.world.into_inner().into_values();
        let unsettled = &values.unsettled;
        let steps =
            steps::build(&Parts { tree: self.tree, graph: self.graph, operations: &operations, unsettled });
        let messages = self.messages.into_inner();
        if messages.has_errors() {
            return (None, messages);
        }
        let mut by_block: HashMap<BlockAddress, Vec<usize>> = HashMap::new();
        for (number, operation) in operations.iter().enumerate() {
            by_block.entry(operation.address.block()).or_default().push(number);
        }
        let plan = Plan {
            lineage: self.planner.snapshot.lineage.clone(),
            serial: self.planner.snapshot.serial,
            kind: self.planner.kind,
            environment: self.planner.context.environment.clone(),
            config,
            operations,
            by_block,
            steps,
            values,
            drift: self.drift.into_inner().into_values().collect(),
            outputs,
        };
        (Some((plan, self.connections.into_inner())), messages)
    }

    fn output_changes(&self) -> BTreeMap<Arc<str>, OutputChange> {
        let mut changes: BTreeMap<Arc<str>, OutputChange> = BTreeMap::new();
        for (name, output) in &self.planner.snapshot.outputs {
            let (before, sensitive) = (decode_output(output), output.sensitive);
            changes.insert(name.as_str().into(), OutputChange { before, after: None, sensitive });
        }
        if self.planner.kind == Kind::Destroy {
            return changes;
        }
        let world = self.world.borrow();
        for (name, output) in &self.tree.module(0).outputs {
            let empty = OutputChange { before: None, after: None, sensitive: output.sensitive };
            let change = changes.entry(name.clone()).or_insert(empty);
            change.after = world.root_output(name).cloned();
            change.sensitive |= output.sensitive;
        }
        changes
    }
}

fn action_and_reason(action: Action, prior: Option<&Value>, stored: Option<&Object>) -> (Action, Reason) {
    let tainted = stored.is_some_and(|object| object.status == Status::Tainted);
    match (action, prior) {
        // A tainted object is there and must go.
        (Action::Create, Some(_)) if tainted => (Action::Replace, Reason::Tainted),
        (Action::Create, Some(_)) => (Action::Replace, Reason::Configuration),
        (Action::Create, None) if stored.is_some() => (action, Reason::Missing),
        _ => (action, Reason::Configuration),
    }
}

/// What is ephemeral may be used, but not kept, and objects are kept.
fn refuse_ephemeral(wanted: &Value, resource: &Resource) -> std::result::Result<(), Diagnostics> {
    let ephemeral = |value: &Value| value.marks_deep().contains(Marks::EPHEMERAL);
    if !ephemeral(wanted) {
        return Ok(());
    }
    let attributes = wanted.as_entries().into_iter().flatten();
    let to_blame = attributes
        .filter(|(_, value)| ephemeral(value))
        .find_map(|(name, _)| resource.body.attributes().find(|attribute| attribute.name.name == *name));
    let span = to_blame.map_or(resource.span, |attribute| attribute.value.span);
    let summary = "an ephemeral value would be kept in the state";
    Err(Diagnostic::error(code::engine::EPHEMERAL, summary)
        .at(span, "this is ephemeral")
        .help("take a value that may be kept, or the variable's `ephemeral` out")
        .into())
}

/// The idempotency token of a create: the same in every attempt from the same state, another one for each new object.
fn token(snapshot: &Snapshot, address: &Address) -> String {
    let mut hash = Sha256::new();
    let earlier = snapshot.objects.get(address).map_or("", |object| object.token.as_str());
    hash.update(format!("{}\n{}\n{address}\n{earlier}", snapshot.lineage, snapshot.serial));
    hash.finalize().iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn address_of(module: &ModuleAddress, key: &ResourceKey, instance: Option<Key>) -> Address {
    let ResourceKey { mode, type_name, name } = key.clone();
    Address { module: module.clone(), mode, type_name, name, key: instance }
}

/// The provider's own name in the name that the state has for its configuration.
pub(crate) fn bare_provider(mut name: &str) -> &str {
    while let Some(rest) = name.strip_prefix("module.") {
        name = rest.split_once('.').map_or("", |(_, rest)| rest);
    }
    name.split('.').next().unwrap_or(name)
}

/// The name that the state has for a provider's configuration: `local`, `local.west`, `module.a.local`.
pub(crate) fn provider_name(tree: &ModuleTree<'_>, id: ModuleId, key: &ProviderKey) -> String {
    let alias = key.alias.as_ref().map(|alias| format!(".{alias}")).unwrap_or_default();
    format!("{}{}{alias}", tree.prefix(id), key.name)
}
