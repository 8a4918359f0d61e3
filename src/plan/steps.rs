//! Operations to an execution graph: what is done, and what waits for what. Pure; edges stay linear in instances.

use super::configured::Providers;
use super::world::NodeKey;
use super::{Action, Operation, Operations, bare_provider};
use crate::graph::{Dag, Graph, ModuleId, ModuleTree, Node, NodeId};
use crate::lang::config::ResourceKey;
use mlo_state::{BlockAddress, Mode};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// One step of an apply.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Nothing is done: what waits for many waits for this one.
    Join,
    /// A value that was not wholly known is evaluated again; a provider is connected.
    Evaluate(Node),
    /// An operation, by its number, or half of a replacement.
    Operate(usize, Part),
    /// All instances of a block are done: its name has its final value, and conditions on it that were not known are
    /// checked.
    Settle(Node),
}

/// Which half of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The object is taken away.
    Delete,
    /// The object is made or changed.
    Apply,
}

/// Steps and what they wait for.
#[derive(Debug, Default)]
pub struct Steps {
    /// An edge leads from a step to one that comes before it.
    pub dag: Dag<Step>,
}

/// What [`build`] goes by.
pub(super) struct Parts<'a, 'c> {
    pub(super) tree: &'a ModuleTree<'c>,
    pub(super) graph: &'a Graph,
    pub(super) operations: &'a Operations,
    pub(super) providers: &'a Providers,
    /// What blocks were made from of which nothing is planned: they are gone outside, or the state forgot them.
    pub(super) links: &'a [(BlockAddress, Vec<BlockAddress>)],
    pub(super) unsettled: &'a BTreeSet<NodeKey>,
}

impl Parts<'_, '_> {
    /// Whether a check looks outside: then it looks again once everything is done.
    fn rereads(&self, id: ModuleId, name: &Arc<str>) -> bool {
        self.tree.module(id).checks.get(name).is_some_and(|check| check.data.is_some())
    }
}

/// Lays out the steps of a plan.
///
/// What must come first, comes first:
/// - an object is made or changed after all that its block refers to is made;
/// - it is taken away after all that the state says was made from its block and goes;
/// - of a replacement, one half comes after the other half.
///
/// What would better come first does, where that makes no circle:
/// - what was made from a block and goes is gone before something of the block is made or changed;
/// - what was made from a block, or refers to it now, is made or changed before something of the block is taken away:
///   it lets go of the old object, or has taken up the new one;
/// - what an object is made from of which something is not known yet is made before the object is taken away that it
///   replaces: then the policies are asked while there is still one;
/// - objects of which their provider knows an order are made in it and taken away in the opposite one.
pub(super) fn build(parts: &Parts<'_, '_>) -> Steps {
    let (steps, gates) = Default::default();
    let (go_first, let_go, look_first, made) = Default::default();
    let mut layout = Layout { parts, steps, gates, let_go, go_first, look_first, made };
    let deletes = layout.add_deletes();
    layout.add_nodes(&deletes);
    layout.let_go_first(&deletes);
    let ranked = layout.in_order(&deletes);
    // An object in use often cannot be taken away at all: that comes first. Then what nobody can take back.
    let Layout { mut steps, let_go, go_first, look_first, .. } = layout;
    steps.grant(&let_go);
    steps.grant(&look_first);
    steps.grant(&go_first);
    steps.grant(&ranked);
    steps
}

struct Layout<'a, 'c> {
    parts: &'a Parts<'a, 'c>,
    steps: Steps,
    /// The step after which a node of the graph is done.
    gates: HashMap<NodeId, usize>,
    /// Steps that take something away, after those that let go of it.
    let_go: Vec<(usize, usize)>,
    /// Steps that make or change something, after those that take away what was made from it.
    go_first: Vec<(usize, usize)>,
    /// Steps that take away what is replaced, after those that make what its new object is made from.
    look_first: Vec<(usize, usize)>,
    /// The steps that make or change something, by operation.
    made: BTreeMap<usize, usize>,
}

/// The steps that take objects away.
#[derive(Default)]
struct Deletes {
    order: DeleteOrder,
    /// By operation.
    of: BTreeMap<usize, usize>,
    /// By block: the step after which all that was made from it and goes is gone.
    before: HashMap<BlockAddress, usize>,
}

impl Steps {
    fn add(&mut self, step: Step, after: &BTreeSet<usize>) -> usize {
        let number = self.dag.add(step);
        for earlier in after {
            self.dag.depend(number, *earlier);
        }
        number
    }

    /// One step for all of `before`; none for none.
    fn join(&mut self, before: &BTreeSet<usize>) -> Option<usize> {
        match before.len() {
            0 => None,
            1 => before.first().copied(),
            _ => Some(self.add(Step::Join, before)),
        }
    }

    /// Adds those of the edges that lie in no circle.
    fn grant(&mut self, wishes: &[(usize, usize)]) {
        if wishes.is_empty() {
            return;
        }
        let mut all = self.dag.map(|_| ());
        for (step, earlier) in wishes {
            all.depend(*step, *earlier);
        }
        let circle = all.components();
        for (step, earlier) in wishes {
            if circle.get(*step) != circle.get(*earlier) {
                self.dag.depend(*step, *earlier);
            }
        }
    }
}

impl Layout<'_, '_> {
    fn add_deletes(&mut self) -> Deletes {
        let goes = |operation: &Operation| matches!(operation.action, Action::Delete | Action::Replace);
        if !self.parts.operations.iter().any(goes) {
            return Deletes::default();
        }
        let mut deletes = Deletes { order: DeleteOrder::new(self.parts), ..Deletes::default() };
        let mut after: HashMap<usize, usize> = HashMap::new();
        for number in deletes.order.first_to_last() {
            let Some(block) = deletes.order.blocks.get(number) else { continue };
            let dependents = deletes.order.dependents(number);
            let waits: BTreeSet<usize> =
                dependents.filter_map(|dependent| after.get(&dependent).copied()).collect();
            let before = self.steps.join(&waits);
            deletes.before.extend(before.map(|step| (block.address.clone(), step)));
            let waits = before.into_iter().collect();
            let mut ends = BTreeSet::new();
            for operation in &block.goes {
                let step = self.steps.add(Step::Operate(*operation, Part::Delete), &waits);
                deletes.of.insert(*operation, step);
                ends.insert(step);
            }
            let gone = if ends.is_empty() { before } else { self.steps.join(&ends) };
            after.extend(gone.map(|step| (number, step)));
        }
        deletes
    }

    fn add_nodes(&mut self, deletes: &Deletes) {
        let parts = self.parts;
        let mut by_block: HashMap<BlockAddress, Vec<usize>> = HashMap::new();
        for (number, operation) in parts.operations.iter().enumerate() {
            if matches!(operation.action, Action::Create | Action::Update | Action::Replace | Action::Read) {
                by_block.entry(operation.address.block()).or_default().push(number);
            }
        }
        let acts = parts.operations.iter().any(|operation| operation.action != Action::NoOp);
        for node_id in &parts.graph.order {
            let node = parts.graph.dag.get(*node_id);
            let dependencies = parts.graph.dag.dependencies(*node_id);
            let before: BTreeSet<usize> =
                dependencies.filter_map(|id| self.gates.get(&id).copied()).collect();
            let unsettled = parts.unsettled.contains(&node.into());
            let block = match node {
                Node::Resource(module, key) => Some(parts.tree.block(*module, key)),
                _ => None,
            };
            let operations = block.as_ref().and_then(|block| by_block.get(block));
            let gate = match (operations, block) {
                (Some(operations), Some(block)) => {
                    Some(self.add_block(node, (&block, operations), &before, deletes))
                }
                (_, Some(_)) if unsettled => Some(self.steps.add(Step::Settle(node.clone()), &before)),
                (_, None) => match node {
                    Node::Check(module, name) => (acts && (parts.rereads(*module, name) || unsettled))
                        .then(|| self.steps.add(Step::Evaluate(node.clone()), &before)),
                    _ if unsettled => Some(self.steps.add(Step::Evaluate(node.clone()), &before)),
                    _ => self.steps.join(&before),
                },
                _ => self.steps.join(&before),
            };
            self.gates.extend(gate.map(|gate| (*node_id, gate)));
        }
    }

    fn add_block(
        &mut self,
        node: &Node,
        (block, operations): (&BlockAddress, &[usize]),
        before: &BTreeSet<usize>,
        deletes: &Deletes,
    ) -> usize {
        let begin = self.steps.join(before);
        let mut ends = BTreeSet::new();
        for number in operations {
            let own = deletes.of.get(number).copied();
            let operation = self.parts.operations.get(*number);
            let first = operation.is_some_and(|each| each.create_before_destroy);
            if !first && operation.is_some_and(|each| each.wanted.is_some()) {
                self.look_first.extend(own.zip(begin));
            }
            let waits = begin.into_iter().chain(own.filter(|_| !first)).collect();
            let step = self.steps.add(Step::Operate(*number, Part::Apply), &waits);
            self.made.insert(*number, step);
            if let Some(delete) = own.filter(|_| first) {
                self.steps.dag.depend(delete, step);
            }
            self.go_first.extend(deletes.before.get(block).map(|gone| (step, *gone)));
            ends.insert(step);
        }
        self.steps.add(Step::Settle(node.clone()), &ends)
    }

    /// What uses a block's objects lets go of those that are taken away, or takes up those that are made, before.
    fn let_go_first(&mut self, deletes: &Deletes) {
        if deletes.of.is_empty() {
            return;
        }
        // By node: the step after which all resources that refer to it are done.
        let mut users: HashMap<NodeId, usize> = HashMap::new();
        for node_id in self.parts.graph.order.iter().rev() {
            let mut gates = BTreeSet::new();
            for dependent in self.parts.graph.dag.dependents(*node_id) {
                let is_kept = match self.parts.graph.dag.get(dependent) {
                    Node::Resource(_, key) => {
                        gates.extend(self.gates.get(&dependent).copied());
                        key.mode == Mode::Managed
                    }
                    _ => false,
                };
                // What is made from what a data source says uses what that looks at.
                gates.extend(users.get(&dependent).copied().filter(|_| !is_kept));
            }
            let joined = self.steps.join(&gates);
            users.extend(joined.map(|step| (*node_id, step)));
        }
        for (number, block) in deletes.order.blocks.iter().enumerate() {
            let node = |block: &BlockAddress| {
                let id = self.parts.tree.find(&block.module)?;
                let (mode, type_name, name) = (block.mode, block.type_name.clone(), block.name.clone());
                self.parts.graph.id(&Node::Resource(id, ResourceKey { mode, type_name, name }))
            };
            let made_from_it = deletes.order.dependents(number);
            let made_from_it = made_from_it.filter_map(|other| deletes.order.blocks.get(other));
            let gates = made_from_it.filter_map(|other| self.gates.get(&node(&other.address)?).copied());
            let gates: BTreeSet<usize> =
                gates.chain(node(&block.address).and_then(|node| users.get(&node).copied())).collect();
            // What is taken away before its new object is made is away before anything can use that.
            let can_wait = |number: &&usize| {
                let operation = self.parts.operations.get(**number);
                operation.is_some_and(|each| each.action == Action::Delete || each.create_before_destroy)
            };
            let steps = block.goes.iter().filter(can_wait).filter_map(|operation| deletes.of.get(operation));
            let steps: Vec<usize> = steps.copied().collect();
            if steps.is_empty() {
                continue;
            }
            let done = self.steps.join(&gates);
            self.let_go.extend(steps.into_iter().filter_map(|step| Some((step, done?))));
        }
    }
}

impl Layout<'_, '_> {
    /// Makes objects in the order that their provider knows of, and takes them away in the opposite one.
    fn in_order(&mut self, deletes: &Deletes) -> Vec<(usize, usize)> {
        let steps = |steps: &BTreeMap<usize, usize>| steps.iter().map(|(a, b)| (*a, *b)).collect::<Vec<_>>();
        let (made, gone) = (steps(&self.made), steps(&deletes.of));
        let mut wishes = Vec::new();
        for (steps, is_made) in [(made, true), (gone, false)] {
            for ranks in self.ranked(&steps, is_made).into_values() {
                let mut ranks: Vec<_> = ranks.into_values().collect();
                if !is_made {
                    ranks.reverse();
                }
                for pair in ranks.windows(2) {
                    let [first, then] = pair else { continue };
                    let Some(before) = self.steps.join(first) else { continue };
                    wishes.extend(then.iter().map(|step| (*step, before)));
                }
            }
        }
        wishes
    }

    /// Steps by what their objects have in common, and by rank.
    fn ranked(
        &self,
        steps: &[(usize, usize)],
        is_made: bool,
    ) -> BTreeMap<(String, String), BTreeMap<u8, BTreeSet<usize>>> {
        let mut ranked: BTreeMap<_, BTreeMap<u8, BTreeSet<usize>>> = BTreeMap::new();
        for (number, step) in steps {
            let Some(operation) = self.parts.operations.get(*number) else { continue };
            let object = if is_made { &operation.planned } else { &operation.prior };
            let provider = self.parts.providers.get(bare_provider(&operation.provider));
            let Some((provider, object)) = provider.zip(object.as_ref()) else { continue };
            for order in provider.order(&operation.address.type_name, object) {
                let among = ranked.entry((operation.provider.clone(), order.among)).or_default();
                among.entry(order.rank).or_default().insert(*step);
            }
        }
        ranked
    }
}

/// Blocks of the state's objects, ordered so that what was made from a block comes before the block.
#[derive(Default)]
struct DeleteOrder {
    blocks: Vec<Block>,
    /// An edge leads from a block to one that was made from it.
    dag: Dag<()>,
    circles: Vec<usize>,
}

struct Block {
    address: BlockAddress,
    goes: Vec<usize>,
}

impl DeleteOrder {
    fn new(parts: &Parts<'_, '_>) -> Self {
        let mut numbers: BTreeMap<BlockAddress, usize> = BTreeMap::new();
        let mut order = Self { blocks: Vec::new(), dag: Dag::new(), circles: Vec::new() };
        let mut edges: BTreeSet<(usize, usize)> = BTreeSet::new();
        for (block, made_from) in parts.links {
            let own = order.number(&mut numbers, block.clone());
            for dependency in made_from {
                edges.insert((order.number(&mut numbers, dependency.clone()), own));
            }
        }
        for (operation_number, operation) in parts.operations.iter().enumerate() {
            let Some(stored) = &operation.stored else { continue };
            let own = order.number(&mut numbers, operation.address.block());
            for dependency in &stored.dependencies {
                edges.insert((order.number(&mut numbers, dependency.clone()), own));
            }
            if matches!(operation.action, Action::Delete | Action::Replace)
                && let Some(block) = order.blocks.get_mut(own)
            {
                block.goes.push(operation_number);
            }
        }
        for (block, made_from_it) in edges {
            order.dag.depend(block, made_from_it);
        }
        order.circles = order.dag.components();
        order
    }

    fn number(&mut self, numbers: &mut BTreeMap<BlockAddress, usize>, address: BlockAddress) -> usize {
        *numbers.entry(address).or_insert_with_key(|address| {
            self.blocks.push(Block { address: address.clone(), goes: Vec::new() });
            self.dag.add(())
        })
    }

    /// What was made from a block, those left out that it was itself made from: a state can hold such a circle after
    /// references were turned round, and neither order would be wrong.
    fn dependents(&self, block: usize) -> impl Iterator<Item = usize> + '_ {
        let own = self.circles.get(block);
        self.dag.dependencies(block).filter(move |other| self.circles.get(*other) != own)
    }

    fn first_to_last(&self) -> Vec<usize> {
        let mut acyclic = Dag::new();
        (0..self.dag.len()).for_each(|_| {
            acyclic.add(());
        });
        for block in 0..self.dag.len() {
            for dependent in self.dependents(block) {
                acyclic.depend(block, dependent);
            }
        }
        acyclic.order().expect("edges inside circles are left out")
    }
}
