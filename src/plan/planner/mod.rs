//! The walk that makes a plan: every block is evaluated, read and compared once all that it needs is.

mod block;
mod check;
mod connect;
mod data;
mod gone;
mod imports;
mod lifecycle;
mod moved;
mod partial;
mod refresh;
mod removed;
mod select;
mod unreachable;
mod unwritten;

pub(in crate::plan) use block::refuse_ephemeral;
pub(crate) use connect::{bare_provider, instance_name, name_of, provider_block, provider_name};

use crate::diag::Diagnostics;
use crate::graph::{Graph, ModuleId, ModuleTree, Node, NodeId, Outcome, build, walk};
use crate::lang::config::{Module, ResourceKey};
use crate::lang::value::Value;
use crate::plan::moves::{Move, Relocated, relocate};
use crate::plan::remembered::{Objects, by_block, set_resource};
use crate::plan::steps::{self, Parts};
use crate::plan::stored::decode_output;
use crate::plan::world::{Context, World};
use crate::plan::{DataObject, Drift, Operation, OutputChange, Plan, Requests, Steps};
use crate::provider::{Connection, Provider, Surroundings};
use imports::{Importing, Imports};
use mlo_state::{Address, BlockAddress, Mode, Snapshot};
use removed::RemovedBlocks;
use select::{Selection, check_moves, select};
use std::cell::{OnceCell, RefCell};
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
    /// Objects are read, and the state is brought up to them; nothing is changed.
    Refresh,
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
    /// What is asked of parts of the configuration.
    pub requests: &'a Requests,
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
    /// What it was configured with when its objects were made, where what it will be configured with is not known yet.
    pub before: Option<Value>,
}

/// A plan with what it needs to be applied, or as much as was found before something went wrong; and all that was said.
pub type Result = (std::result::Result<(Plan, Connections), Partial>, Diagnostics);

/// What was found until something went wrong: to be looked at. It cannot be approved, so it is never applied.
#[derive(Debug)]
pub struct Partial(Option<Box<Plan>>);

impl Partial {
    /// What would be done, as far as it is known; nothing if not even the graph could be made.
    pub fn found(&self) -> Option<&Plan> {
        self.0.as_deref()
    }
}

impl Planner<'_> {
    /// Makes the plan.
    pub async fn run(&self) -> Result {
        let config = self.config.clone();
        let finish = async |walker: Walker<'_, '_, '_>| walker.finish(config.clone()).await;
        self.walked(select, finish).await.unwrap_or_else(|messages| (Err(Partial(None)), messages))
    }

    /// Visits the nodes that are selected, and does something with all that was found then.
    async fn walked<T>(
        &self,
        select: impl Fn(&Planner<'_>, &ModuleTree<'_>, &Graph) -> std::result::Result<Selection, Diagnostics>,
        then: impl AsyncFnOnce(Walker<'_, '_, '_>) -> T,
    ) -> std::result::Result<T, Diagnostics> {
        let config = self.config.clone();
        let tree = ModuleTree::new(&config);
        let graph = build(&tree)?;
        let only = self.requests.import.as_ref().map(|(address, _)| address);
        let Relocated { snapshot, moves, messages } = relocate(&tree, self.snapshot, only);
        if messages.has_errors() {
            return Err(messages);
        }
        let present = Planner { config: config.clone(), snapshot: &snapshot, ..*self };
        let (imports, wrong) = Imports::of(&tree);
        if wrong.has_errors() {
            return Err(wrong);
        }
        let selection = select(&present, &tree, &graph)?;
        let left_out = check_moves(&present, (&tree, &graph), &selection, &moves);
        if left_out.has_errors() {
            return Err(left_out);
        }
        let walker = Walker {
            planner: &present,
            selection,
            left_out: RefCell::default(),
            imports,
            importing: RefCell::default(),
            tree: &tree,
            graph: &graph,
            world: RefCell::new(World::new(&tree, self.context)),
            messages: RefCell::new(messages),
            removed: RemovedBlocks::of(&tree),
            moves,
            connections: RefCell::default(),
            operations: RefCell::default(),
            data: RefCell::default(),
            changing: RefCell::default(),
            stored: OnceCell::new(),
            providers: OnceCell::new(),
            remembered: OnceCell::new(),
            done: RefCell::default(),
            unread: RefCell::default(),
            deposed: RefCell::default(),
            drift: RefCell::default(),
            creates_first: RefCell::default(),
            calls: Semaphore::new(self.parallelism.max(1)),
        };
        walk(&graph.dag, self.parallelism.max(NODES_AT_ONCE), |node| {
            let skip = !walker.selection.nodes.contains(&node);
            let walker = &walker;
            async move { if skip { Outcome::Done } else { walker.visit(node).await } }
        })
        .await;
        Ok(then(walker).await)
    }
}

struct Walker<'p, 'a, 'c> {
    planner: &'p Planner<'a>,
    selection: Selection,
    /// Instances that the configuration has and the plan leaves out.
    left_out: RefCell<BTreeSet<Address>>,
    imports: Imports<'c>,
    /// What is to be imported, by the address that it gets; found block by block.
    importing: RefCell<HashMap<Address, Importing>>,
    tree: &'c ModuleTree<'c>,
    graph: &'c Graph,
    world: RefCell<World<'c>>,
    messages: RefCell<Diagnostics>,
    removed: RemovedBlocks,
    moves: Vec<Move>,
    connections: RefCell<Connections>,
    operations: RefCell<BTreeMap<Address, Box<Operation>>>,
    /// What data sources say.
    data: RefCell<BTreeMap<BlockAddress, BTreeMap<Address, DataObject>>>,
    /// Blocks that data sources depend on, and whether something of them changes.
    changing: RefCell<HashMap<BlockAddress, bool>>,
    stored: OnceCell<data::StoredByBlock<'a>>,
    remembered: OnceCell<Objects<'a>>,
    /// Nodes that were visited, and nothing went wrong.
    done: RefCell<BTreeSet<NodeId>>,
    /// The providers that the state's objects name.
    providers: OnceCell<BTreeSet<&'a str>>,
    /// Objects that were not read, since their provider is not connected yet.
    unread: RefCell<BTreeSet<Address>>,
    /// Operations on objects that were set aside.
    deposed: RefCell<Vec<Operation>>,
    drift: RefCell<BTreeMap<(Address, Option<String>), Drift>>,
    /// Blocks that make a new object before the old one goes.
    creates_first: RefCell<BTreeSet<NodeId>>,
    /// Provider calls under way are limited here, not in the walk: a block can have many instances.
    calls: Semaphore,
}

impl Walker<'_, '_, '_> {
    async fn visit(&self, number: NodeId) -> Outcome {
        let node = self.graph.dag.get(number);
        let result = match node {
            Node::Resource(id, key) if key.mode == Mode::Data => self.plan_data(*id, key).await,
            Node::Resource(id, key) if self.planner.kind == Kind::Destroy => {
                self.stand_in(*id, key);
                Ok(())
            }
            Node::Resource(id, key) if self.planner.kind == Kind::Refresh && key.mode == Mode::Managed => {
                self.refresh_block(*id, key).await
            }
            Node::Resource(id, key) => self.plan_block(*id, key).await,
            Node::Provider(id, key) => self.connect(node, *id, key).await,
            Node::Check(id, name) => self.plan_check(node, *id, name).await,
            _ => self.world.borrow_mut().settle(node),
        };
        match result {
            Ok(()) => {
                self.done.borrow_mut().insert(number);
                Outcome::Done
            }
            Err(messages) => {
                self.messages.borrow_mut().extend(messages);
                Outcome::Failed
            }
        }
    }

    /// While everything is destroyed, a resource's name stands for what the state has of it.
    fn stand_in(&self, id: ModuleId, key: &ResourceKey) {
        let world = &mut self.world.borrow_mut();
        set_resource(world, (id, key), self.planner.providers, self.remembered());
    }

    /// The state's objects by their blocks.
    fn remembered(&self) -> &Objects<'_> {
        self.remembered.get_or_init(|| by_block(self.planner.snapshot))
    }

    async fn finish(self, config: Arc<Module>) -> Result {
        let has_failed = self.messages.borrow().has_errors();
        match self.planner.kind {
            Kind::Refresh if !has_failed => self.refresh_orphans().await,
            Kind::Apply | Kind::Destroy if !has_failed => self.plan_orphans().await,
            // Nothing of it can be applied: it is shown what is sure.
            Kind::Apply => self.plan_sure_orphans().await,
            Kind::Refresh | Kind::Destroy => {}
        }
        if !has_failed {
            self.leave_rest();
            self.check_replaced();
            self.check_imported();
            self.import_alone();
        }
        if self.planner.kind == Kind::Destroy {
            self.show_variables();
        }
        let mut operations = self.place_moved(self.operations.take());
        self.spread_creates_first(&mut operations);
        operations.extend(self.deposed.take());
        operations.sort();
        self.tell_forgotten(&operations);
        let mut outputs = self.output_changes();
        let links = self.links(&operations);
        let (values, mut checks) = self.world.into_inner().into_parts();
        if self.planner.kind == Kind::Destroy {
            checks = check::not_looked_at(self.tree);
        }
        let messages = self.messages.into_inner();
        let unsettled = &values.unsettled;
        let providers = self.planner.providers;
        let (tree, graph) = (self.tree, self.graph);
        let parts = Parts { tree, graph, operations: &operations, providers, links: &links, unsettled };
        if messages.has_errors() {
            // Which outputs go is not known before all are evaluated.
            outputs.retain(|_, change| change.after.is_some());
        }
        // What went wrong may be what the steps would wait for.
        let is_import = self.planner.requests.import.is_some();
        let steps = if messages.has_errors() || is_import { Steps::default() } else { steps::build(&parts) };
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
            moves: self.moves,
            complete: self.planner.requests.is_whole(),
            data: self.data.into_inner(),
            checks,
            unread: self.unread.into_inner().into_iter().collect(),
            drift: self.drift.into_inner().into_values().collect(),
            outputs,
        };
        if messages.has_errors() {
            return (Err(Partial(Some(Box::new(plan)))), messages);
        }
        (Ok((plan, self.connections.into_inner())), messages)
    }

    /// While everything is destroyed, variables are only shown: one that has no value, or one that is not valid, is in
    /// nobody's way.
    fn show_variables(&self) {
        for name in self.tree.module(0).variables.keys() {
            let node = Node::Variable(0, name.clone());
            let is_settled = self.graph.id(&node).is_none_or(|id| self.selection.nodes.contains(&id));
            if !is_settled {
                let _ = self.world.borrow_mut().settle(&node);
            }
        }
    }

    fn output_changes(&self) -> BTreeMap<Arc<str>, OutputChange> {
        let mut changes: BTreeMap<Arc<str>, OutputChange> = BTreeMap::new();
        for (name, output) in &self.planner.snapshot.outputs {
            let (before, sensitive) = (decode_output(output), output.sensitive);
            changes.insert(name.as_str().into(), OutputChange { before, after: None, sensitive });
        }
        if !self.planner.requests.is_whole() {
            // What is not evaluated keeps its value.
            for change in changes.values_mut() {
                change.after.clone_from(&change.before);
            }
        }
        if self.planner.kind == Kind::Destroy {
            return changes;
        }
        let world = self.world.borrow();
        for (name, output) in &self.tree.module(0).outputs {
            if !self.takes_output(name) {
                continue;
            }
            let empty = OutputChange { before: None, after: None, sensitive: output.sensitive };
            let change = changes.entry(name.clone()).or_insert(empty);
            change.after = world.root_output(name).cloned();
            change.sensitive |= output.sensitive;
        }
        drop(world);
        if self.planner.kind == Kind::Refresh {
            self.keep_outputs(&mut changes);
        }
        changes
    }
}
