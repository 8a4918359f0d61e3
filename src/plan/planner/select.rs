//! Which nodes of the graph a plan visits, and which instances of their blocks it plans.

use super::connect::without_key;
use super::partial::{Way, spread};
use super::{Kind, Planner, provider_name};
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::{Graph, ModuleId, ModuleTree, Node, NodeId};
use crate::lang::config::ResourceKey;
use crate::lang::reference::{Target, references_in};
use crate::plan::AddressPattern;
use crate::plan::change::some_of;
use crate::plan::moves::Move;
use mlo_state::Address;
use std::collections::{BTreeMap, BTreeSet};

/// What is planned. What is not is left as the state has it.
pub(super) struct Selection {
    pub(super) nodes: BTreeSet<NodeId>,
    /// Blocks of which only some instances are planned.
    pub(super) some: BTreeMap<NodeId, Instances>,
}

/// Some instances of a block.
pub(super) enum Instances {
    In(Vec<AddressPattern>),
    NotIn(Vec<AddressPattern>),
}

impl Selection {
    /// Whether an instance of a block is planned.
    pub(super) fn takes(&self, node: NodeId, address: &Address) -> bool {
        let in_any = |parts: &[AddressPattern]| parts.iter().any(|part| part.covers(address));
        self.nodes.contains(&node)
            && match self.some.get(&node) {
                None => true,
                Some(Instances::In(parts)) => in_any(parts),
                Some(Instances::NotIn(parts)) => !in_any(parts),
            }
    }

    /// Whether all instances of a block are planned.
    fn takes_all(&self, node: NodeId) -> bool {
        self.nodes.contains(&node) && !self.some.contains_key(&node)
    }
}

/// Finds what a plan visits.
///
/// # Errors
/// The command line names something that is neither in the configuration nor in the state.
pub(super) fn select(
    planner: &Planner<'_>,
    tree: &ModuleTree<'_>,
    graph: &Graph,
) -> Result<Selection, Diagnostics> {
    let selector = Selector { planner, tree, graph };
    let requests = planner.requests;
    let unknown = selector.unknown(requests.targets.iter().chain(&requests.excludes));
    if unknown.has_errors() {
        return Err(unknown);
    }
    if let Some((address, _)) = &requests.import {
        return selector.by_import(address);
    }
    Ok(match planner.kind {
        Kind::Destroy => Selection { nodes: selector.to_destroy(), some: BTreeMap::new() },
        _ if !requests.targets.is_empty() => selector.by_targets(&requests.targets),
        _ if !requests.excludes.is_empty() => selector.by_excludes(&requests.excludes),
        _ => Selection { nodes: (0..graph.dag.len()).collect(), some: BTreeMap::new() },
    })
}

/// What moves must be planned, or stay where the state has it: the apply writes all new addresses.
pub(super) fn check_moves(
    planner: &Planner<'_>,
    (tree, graph): (&ModuleTree<'_>, &Graph),
    selection: &Selection,
    moves: &[Move],
) -> Diagnostics {
    let requests = planner.requests;
    if requests.is_whole() || requests.import.is_some() {
        return Diagnostics::new();
    }
    let in_any = |parts: &[AddressPattern], one: &Move| {
        parts.iter().any(|part| part.covers(&one.from) || part.covers(&one.to))
    };
    let is_planned = |one: &Move| {
        let Address { mode, type_name, name, .. } = one.to.clone();
        let id = tree.find(&one.to.module.block());
        let node = id.and_then(|id| graph.id(&Node::Resource(id, ResourceKey { mode, type_name, name })));
        match node.filter(|_| planner.kind != Kind::Destroy) {
            Some(node) => selection.takes(node, &one.to),
            None if requests.targets.is_empty() => !in_any(&requests.excludes, one),
            None => in_any(&requests.targets, one),
        }
    };
    let left_out: Vec<_> = moves.iter().filter(|one| !is_planned(one)).collect();
    if left_out.is_empty() {
        return Diagnostics::new();
    }
    let names: Vec<_> = left_out.iter().map(|Move { from, to }| format!("{from} to {to}")).collect();
    let summary = format!("what has moved is not in the part that is planned: {}", some_of(&names));
    let error = Diagnostic::error(code::engine::PARTIAL, summary)
        .detail("An apply writes all new addresses at once, and what a plan leaves out must stay where the state has it.");
    let error = if requests.excludes.is_empty() {
        let targets: Vec<_> = left_out.iter().map(|one| format!("--target '{}'", one.to)).collect();
        error.help(format!("add {}", some_of(&targets)))
    } else {
        error.help("leave `--exclude` of these out")
    };
    error.help("or plan the whole").into()
}

struct Selector<'s, 'a, 'c> {
    planner: &'s Planner<'a>,
    tree: &'s ModuleTree<'c>,
    graph: &'s Graph,
}

/// From one part along the graph: each node that is reached, and whether the way there stayed in the part's module, so
/// that other instances of that module have nothing to do with it.
type Reached = BTreeSet<(NodeId, bool)>;

impl Selector<'_, '_, '_> {
    /// To destroy, only the providers and what they need are looked at.
    fn to_destroy(&self) -> BTreeSet<NodeId> {
        let all = 0..self.graph.dag.len();
        let providers = all.filter(|node| matches!(self.graph.dag.get(*node), Node::Provider(..)));
        let mut wanted: BTreeSet<NodeId> = providers.collect();
        wanted.extend(self.protections());
        self.close(&mut wanted);
        wanted
    }

    /// Adds what nodes depend on.
    fn close(&self, nodes: &mut BTreeSet<NodeId>) {
        let mut open: Vec<_> = nodes.iter().copied().collect();
        while let Some(node) = open.pop() {
            open.extend(self.graph.dag.dependencies(node).filter(|dependency| nodes.insert(*dependency)));
        }
    }

    /// What `prevent_destroy` arguments refer to.
    fn protections(&self) -> Vec<NodeId> {
        let mut found = Vec::new();
        for id in self.tree.ids() {
            let flags = self.tree.module(id).resources.values();
            let flags = flags.filter_map(|resource| resource.lifecycle.prevent_destroy.as_ref());
            for reference in flags.flat_map(references_in) {
                match reference.target {
                    Target::Variable(name) => found.extend(self.graph.id(&Node::Variable(id, name))),
                    Target::Local(name) => found.extend(self.graph.id(&Node::Local(id, name))),
                    Target::Resource(key) => found.extend(self.graph.id(&Node::Resource(id, key))),
                    Target::Module(name, _) => {
                        let child = self.tree.child(id, &name);
                        let outputs = child.into_iter().flat_map(|child| {
                            let names = self.tree.module(child).outputs.keys();
                            names.map(move |name| Node::Output(child, name.clone()))
                        });
                        found.extend(outputs.filter_map(|node| self.graph.id(&node)));
                        found.extend(child.and_then(|child| self.graph.id(&Node::Expand(child))));
                    }
                    _ => {}
                }
            }
        }
        found
    }

    fn by_targets(&self, targets: &[AddressPattern]) -> Selection {
        let reached = self.reached(targets, |node| self.graph.dag.dependencies(node).collect());
        let nodes = reached.keys().copied().collect();
        let some = reached.into_iter().filter_map(|(node, parts)| Some((node, Instances::In(parts?))));
        let mut selection =
            Selection { nodes, some: some.filter(|(node, _)| self.is_block(*node)).collect() };
        selection.nodes.extend(self.providers_of_orphans(targets));
        self.close(&mut selection.nodes);
        self.add_outputs(&mut selection);
        selection
    }

    /// The providers of objects that are meant, or go along with them, and that no block wants: they are read with the
    /// providers that made them, and need these as blocks need theirs.
    fn providers_of_orphans(&self, targets: &[AddressPattern]) -> BTreeSet<NodeId> {
        let snapshot = self.planner.snapshot;
        let is_meant = |address: &Address| targets.iter().any(|target| target.covers(address));
        let is_unwanted = |address: &Address| {
            let Some(id) = self.tree.find(&address.module.block()) else { return true };
            let Address { mode, type_name, name, .. } = address.clone();
            !self.tree.module(id).resources.contains_key(&ResourceKey { mode, type_name, name })
        };
        let objects =
            snapshot.objects.iter().filter(|(address, _)| is_meant(address) || is_unwanted(address));
        let objects: Vec<_> = objects.collect();
        let go = spread(&objects, is_meant, Way::Up);
        let going = objects.iter().filter(|(address, _)| go.contains(address)).map(|(_, object)| *object);
        let set_aside = snapshot.deposed_objects().filter(|(address, ..)| is_meant(address));
        let going = going.chain(set_aside.map(|(_, _, object)| object));
        let names: BTreeSet<&str> = going.map(|object| without_key(&object.provider)).collect();
        let all = 0..self.graph.dag.len();
        let is_named = |node: &NodeId| match self.graph.dag.get(*node) {
            Node::Provider(id, key) => names.contains(provider_name(self.tree, *id, key).as_str()),
            _ => false,
        };
        all.filter(is_named).collect()
    }

    /// What must be evaluated to import one object.
    fn by_import(&self, address: &Address) -> Result<Selection, Diagnostics> {
        let refused = |summary: String| Diagnostic::error(code::engine::IMPORT, summary);
        if self.planner.snapshot.objects.contains_key(address) {
            let error = refused(format!("the state has {address} already"));
            return Err(error.help("to give it up first, use `mlo state rm`").into());
        }
        let pattern = AddressPattern::from(address.clone());
        let direct = self.blocks_of(&pattern);
        if direct.is_empty() {
            let error = refused(format!("the configuration has no block for {address}"));
            let known = self.names();
            let error = error.did_you_mean(&address.to_string(), known.iter().map(String::as_str));
            let header = format!("resource \"{}\" \"{}\"", address.type_name, address.name);
            return Err(error.help(format!("write it first: `{header} {{ … }}`")).into());
        }
        let mut nodes = direct.clone();
        self.close(&mut nodes);
        let some = direct.into_iter().map(|node| (node, Instances::In(vec![pattern.clone()]))).collect();
        Ok(Selection { nodes, some })
    }

    fn by_excludes(&self, excludes: &[AddressPattern]) -> Selection {
        let reached = self.reached(excludes, |node| self.graph.dag.dependents(node).collect());
        let stays = |node: &NodeId| {
            let is_provider = matches!(self.graph.dag.get(*node), Node::Provider(..));
            (is_provider || self.is_block(*node)) && reached.get(node).is_none_or(Option::is_some)
        };
        let nodes = (0..self.graph.dag.len()).filter(stays).collect();
        let some = reached.into_iter().filter_map(|(node, parts)| Some((node, Instances::NotIn(parts?))));
        let mut selection =
            Selection { nodes, some: some.filter(|(node, _)| self.is_block(*node)).collect() };
        self.close(&mut selection.nodes);
        self.add_outputs(&mut selection);
        selection
    }

    fn is_block(&self, node: NodeId) -> bool {
        matches!(self.graph.dag.get(node), Node::Resource(..))
    }

    /// All nodes that patterns lead to along the graph, each with where its instances are that are meant; all are,
    /// where nothing is said. A block that a pattern names outright is meant as far as the pattern says.
    fn reached(
        &self,
        patterns: &[AddressPattern],
        next: impl Fn(NodeId) -> Vec<NodeId>,
    ) -> BTreeMap<NodeId, Option<Vec<AddressPattern>>> {
        let mut found: BTreeMap<NodeId, Option<Vec<AddressPattern>>> = BTreeMap::new();
        for pattern in patterns {
            let direct = self.blocks_of(pattern);
            let module = AddressPattern { resource: None, ..pattern.clone() };
            for (node, inside) in self.reach(pattern, &direct, &next) {
                let meant = if direct.contains(&node) { pattern } else { &module };
                let parts = found.entry(node).or_insert_with(|| Some(Vec::new()));
                match parts {
                    Some(parts) if inside && meant.has_key() => parts.push(meant.clone()),
                    _ => *parts = None,
                }
            }
        }
        found
    }

    /// The blocks that have instances in a part.
    fn blocks_of(&self, part: &AddressPattern) -> BTreeSet<NodeId> {
        let all = 0..self.graph.dag.len();
        let meets = |node: &NodeId| match self.graph.dag.get(*node) {
            Node::Resource(id, key) => part.meets(&self.tree.block(*id, key)),
            _ => false,
        };
        all.filter(meets).collect()
    }

    fn reach(
        &self,
        part: &AddressPattern,
        from: &BTreeSet<NodeId>,
        next: impl Fn(NodeId) -> Vec<NodeId>,
    ) -> Reached {
        let mut reached: Reached = from.iter().map(|node| (*node, true)).collect();
        let mut open: Vec<_> = reached.iter().copied().collect();
        while let Some((node, inside)) = open.pop() {
            for next in next(node) {
                let stays = inside && part.is_around(&self.tree.module(self.module_of(next)).path);
                if reached.insert((next, stays)) {
                    open.push((next, stays));
                }
            }
        }
        reached
    }

    fn module_of(&self, node: NodeId) -> ModuleId {
        match self.graph.dag.get(node) {
            Node::Variable(id, _)
            | Node::Local(id, _)
            | Node::Output(id, _)
            | Node::Expand(id)
            | Node::Close(id)
            | Node::Provider(id, _)
            | Node::Resource(id, _)
            | Node::Check(id, _) => *id,
        }
    }

    /// Outputs of the root module that are made from nothing but what is planned whole.
    fn add_outputs(&self, selection: &mut Selection) {
        // By node: whether all blocks behind it are planned whole, and whether there is one.
        let mut behind = vec![(true, false); self.graph.dag.len()];
        for node in &self.graph.order {
            let is_block = matches!(self.graph.dag.get(*node), Node::Resource(..));
            let own = (!is_block || selection.takes_all(*node), is_block);
            let all = self.graph.dag.dependencies(*node).filter_map(|node| behind.get(node).copied());
            let all = all.fold(own, |sum, one| (sum.0 && one.0, sum.1 || one.1));
            if let Some(slot) = behind.get_mut(*node) {
                *slot = all;
            }
            if matches!(self.graph.dag.get(*node), Node::Output(0, _)) && all == (true, true) {
                selection.nodes.insert(*node);
            }
        }
        self.close(&mut selection.nodes);
    }

    /// Parts that nothing is in.
    fn unknown<'p>(&self, parts: impl Iterator<Item = &'p AddressPattern>) -> Diagnostics {
        let mut messages = Diagnostics::new();
        for part in parts {
            let in_state = self.planner.snapshot.objects.keys().any(|address| part.covers(address));
            let is_module = part.resource.is_none()
                && self.tree.ids().any(|id| part.is_around(&self.tree.module(id).path));
            if !in_state && !is_module && self.blocks_of(part).is_empty() {
                messages.push(no_such_part(part, &self.names()));
            }
        }
        messages
    }

    /// What can be named, instances left out.
    fn names(&self) -> Vec<String> {
        let blocks = self.tree.ids().flat_map(|id| {
            let block = |key: &ResourceKey| self.tree.block(id, key).to_string();
            self.tree.module(id).resources.keys().map(block).collect::<Vec<_>>()
        });
        let modules = self.tree.ids().map(|id| self.tree.prefix(id).trim_end_matches('.').to_owned());
        let objects = self.planner.snapshot.objects.keys().map(ToString::to_string);
        blocks.chain(modules.filter(|name| !name.is_empty())).chain(objects).collect()
    }
}

/// Says that nothing is called so.
pub(super) fn no_such_part(part: &AddressPattern, known: &[String]) -> Diagnostic {
    let name = part.to_string();
    let summary = format!("neither the configuration nor the state has {name}");
    let error = Diagnostic::error(code::engine::NO_PART, summary);
    error.did_you_mean(&name, known.iter().map(String::as_str))
}
