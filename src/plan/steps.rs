//! Operations to an execution graph: what is done, and what waits for what. Pure; edges stay linear in instances.

use super::world::NodeKey;
use super::{Action, Operation};
use crate::graph::{Dag, Graph, ModuleId, ModuleTree, Node};
use mlo_state::BlockAddress;
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
    pub(super) operations: &'a [Operation],
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
/// An object is taken away after all that the state says was made from its block; it is made or changed after all that
/// its block refers to is made, and after what was made from it and goes is gone.
pub(super) fn build(parts: &Parts<'_, '_>) -> Steps {
    let mut steps = Steps::default();
    let deletes = steps.add_deletes(parts.operations);
    let mut by_block: HashMap<BlockAddress, Vec<usize>> = HashMap::new();
    for (number, operation) in parts.operations.iter().enumerate() {
        if matches!(operation.action, Action::Create | Action::Update | Action::Replace | Action::Read) {
            by_block.entry(operation.address.block()).or_default().push(number);
        }
    }
    let acts = parts.operations.iter().any(|operation| operation.action != Action::NoOp);
    let mut gates: HashMap<usize, usize> = HashMap::new();
    for node_id in &parts.graph.order {
        let node = parts.graph.dag.get(*node_id);
        let mut before: BTreeSet<usize> =
            parts.graph.dag.dependencies(*node_id).filter_map(|id| gates.get(&id).copied()).collect();
        let gate = match node {
            Node::Resource(module, key) => {
                let block = parts.tree.block(*module, key);
                match by_block.get(&block) {
                    Some(operations) => {
                        before.extend(deletes.before.get(&block));
                        Some(steps.add_block(node, operations, &before, &deletes.of))
                    }
                    None if parts.unsettled.contains(&node.into()) => {
                        Some(steps.add(Step::Settle(node.clone()), &before))
                    }
                    None => steps.join(&before),
                }
            }
            Node::Check(module, name) => {
                let again = parts.rereads(*module, name) || parts.unsettled.contains(&node.into());
                (acts && again).then(|| steps.add(Step::Evaluate(node.clone()), &before))
            }
            _ if parts.unsettled.contains(&node.into()) => {
                Some(steps.add(Step::Evaluate(node.clone()), &before))
            }
            _ => steps.join(&before),
        };
        if let Some(gate) = gate {
            gates.insert(*node_id, gate);
        }
    }
    steps
}

/// The steps that take objects away.
#[derive(Default)]
struct Deletes {
    /// By operation.
    of: HashMap<usize, usize>,
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

    fn add_block(
        &mut self,
        node: &Node,
        operations: &[usize],
        before: &BTreeSet<usize>,
        deletes: &HashMap<usize, usize>,
    ) -> usize {
        let begin = self.join(before);
        let ends = operations.iter().map(|operation| {
            let waits = begin.into_iter().chain(deletes.get(operation).copied()).collect();
            self.add(Step::Operate(*operation, Part::Apply), &waits)
        });
        let ends = ends.collect();
        self.add(Step::Settle(node.clone()), &ends)
    }

    fn add_deletes(&mut self, operations: &[Operation]) -> Deletes {
        let mut deletes = Deletes::default();
        let goes = |operation: &Operation| matches!(operation.action, Action::Delete | Action::Replace);
        if !operations.iter().any(goes) {
            return deletes;
        }
        let order = DeleteOrder::new(operations);
        let mut after: HashMap<usize, usize> = HashMap::new();
        for number in order.first_to_last() {
            let Some(block) = order.blocks.get(number) else { continue };
            let waits: BTreeSet<usize> =
                order.dependents(number).filter_map(|dependent| after.get(&dependent).copied()).collect();
            let before = self.join(&waits);
            deletes.before.extend(before.map(|step| (block.address.clone(), step)));
            let waits = before.into_iter().collect();
            let mut ends = BTreeSet::new();
            for operation in &block.goes {
                let step = self.add(Step::Operate(*operation, Part::Delete), &waits);
                deletes.of.insert(*operation, step);
                ends.insert(step);
            }
            let gone = if ends.is_empty() { before } else { self.join(&ends) };
            after.extend(gone.map(|step| (number, step)));
        }
        deletes
    }
}

/// Blocks of the state's objects, ordered so that what was made from a block comes before the block.
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
    fn new(operations: &[Operation]) -> Self {
        let mut numbers: BTreeMap<BlockAddress, usize> = BTreeMap::new();
        let mut order = Self { blocks: Vec::new(), dag: Dag::new(), circles: Vec::new() };
        let mut edges: BTreeSet<(usize, usize)> = BTreeSet::new();
        for (operation_number, operation) in operations.iter().enumerate() {
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
