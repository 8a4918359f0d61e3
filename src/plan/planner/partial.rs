//! Plans for a part of the configuration: what is not planned stays as the state has it.

use super::Walker;
use super::select::no_such_part;
use crate::diag::{Diagnostic, code};
use crate::graph::Node;
use crate::lang::config::ResourceKey;
use crate::lang::value::{Type, Value};
use crate::plan::planner::Kind;
use crate::plan::{Action, AddressPattern, Operation, Reason};
use mlo_state::{Address, BlockAddress, Object};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Instances that one message names.
const INSTANCES_SHOWN_MAX: usize = 10;

impl Walker<'_, '_, '_> {
    /// Whether an instance of a block that the configuration has is planned.
    pub(super) fn is_planned(&self, address: &Address) -> bool {
        self.node_of(address).is_some_and(|node| self.selection.takes(node, address))
    }

    /// What stands for an instance that is not planned: the object as the state has it, or what nobody knows.
    pub(super) fn leave_out(&self, address: &Address) -> Value {
        self.left_out.borrow_mut().insert(address.clone());
        let object = self.planner.snapshot.objects.get(address);
        object.map_or_else(|| Value::unknown(Type::Any), |object| self.as_stored(address, object))
    }

    /// Whether an output of the root module is evaluated.
    pub(super) fn takes_output(&self, name: &Arc<str>) -> bool {
        let node = self.graph.id(&Node::Output(0, name.clone()));
        node.is_some_and(|node| self.selection.nodes.contains(&node))
    }

    /// The node of an object's block, if the configuration has it.
    pub(super) fn node_of(&self, address: &Address) -> Option<usize> {
        let id = self.tree.find(&address.module.block())?;
        let Address { mode, type_name, name, .. } = address.clone();
        self.graph.id(&Node::Resource(id, ResourceKey { mode, type_name, name }))
    }

    /// Of objects that no block wants, those that the plan is about. What was made from an object that goes, goes too;
    /// and what an object that stays was made from stays.
    pub(super) fn within_requests<'o>(
        &self,
        orphans: Vec<(&'o Address, &'o Object)>,
    ) -> Vec<(&'o Address, &'o Object)> {
        let requests = self.planner.requests;
        if requests.is_whole() {
            return orphans;
        }
        let covered =
            |parts: &[AddressPattern], address: &Address| parts.iter().any(|part| part.covers(address));
        let destroys = self.planner.kind == Kind::Destroy;
        if requests.targets.is_empty() {
            let stays = |address: &Address| {
                let left = !destroys && self.node_of(address).is_some() && !self.is_planned(address);
                left || covered(&requests.excludes, address)
            };
            let stay = spread(&orphans, stays, Way::Down);
            return orphans.into_iter().filter(|(address, _)| !stay.contains(address)).collect();
        }
        let goes = |address: &Address| match self.node_of(address) {
            Some(_) if !destroys => self.is_planned(address),
            _ => covered(&requests.targets, address),
        };
        let go = spread(&orphans, goes, Way::Up);
        let may = |address: &Address| destroys || self.node_of(address).is_none() || self.is_planned(address);
        orphans.into_iter().filter(|(address, _)| go.contains(address) && may(address)).collect()
    }

    /// Whether an object that was set aside goes: where a part is planned, with what is named.
    pub(super) fn takes_deposed(&self, address: &Address) -> bool {
        let requests = self.planner.requests;
        let in_any = |patterns: &[AddressPattern]| patterns.iter().any(|pattern| pattern.covers(address));
        requests.is_whole()
            || in_any(&requests.targets)
            || !requests.excludes.is_empty() && !in_any(&requests.excludes)
    }

    /// Objects to which nothing was planned are there all the same: whoever looks at the plan sees the whole state.
    pub(super) fn leave_rest(&self) {
        if self.planner.requests.is_whole() {
            return;
        }
        for (address, object) in &self.planner.snapshot.objects {
            if !self.operations.borrow().contains_key(address)
                && !self.drift.borrow().contains_key(&(address.clone(), None))
            {
                self.operations
                    .borrow_mut()
                    .insert(address.clone(), Box::new(self.untouched(address, object)));
            }
        }
        if self.planner.requests.import.is_some() {
            return;
        }
        let warning = Diagnostic::warning(code::engine::PARTIAL, "this plan is for a part of the configuration only")
            .detail("What was not named, and is not needed by what was, stays as it is; outputs made from it keep their values.")
            .help("plan again without `--target` and `--exclude` afterwards");
        self.messages.borrow_mut().push(warning);
        self.check_instances();
    }

    pub(super) fn untouched(&self, address: &Address, object: &Object) -> Operation {
        let value = self.as_stored(address, object);
        Operation {
            action: Action::NoOp,
            reason: Reason::Configuration,
            planned: Some(value),
            ..self.forget(address, object)
        }
    }

    /// An instance that is named must be there.
    fn check_instances(&self) {
        let requests = self.planner.requests;
        let operations = self.operations.borrow();
        for part in requests.targets.iter().chain(&requests.excludes).filter(|part| part.has_key()) {
            if operations.keys().any(|address| part.covers(address)) || self.is_wanted(part) {
                continue;
            }
            let known: Vec<_> = operations.keys().map(ToString::to_string).collect();
            self.messages.borrow_mut().push(no_such_part(part, &known));
        }
    }

    /// Whether the configuration has an instance in a part, planned or not.
    fn is_wanted(&self, part: &AddressPattern) -> bool {
        let seen = self.left_out.borrow();
        seen.iter().any(|address| part.covers(address))
    }

    /// An object for which a new one is asked for must be among what is planned.
    pub(super) fn check_replaced(&self) {
        let operations = self.operations.borrow();
        for address in &self.planner.requests.replace {
            if operations.get(address).is_some_and(|operation| operation.span.is_some()) {
                continue;
            }
            let summary = format!("{address} cannot be replaced: the plan has no such instance");
            let error = Diagnostic::error(code::engine::NO_PART, summary);
            let instances: Vec<_> = operations
                .iter()
                .filter(|(other, operation)| operation.span.is_some() && other.block() == address.block())
                .map(|(other, _)| other.to_string())
                .collect();
            let error = if instances.is_empty() {
                let known: Vec<_> = operations.keys().map(ToString::to_string).collect();
                error.did_you_mean(&address.to_string(), known.iter().map(String::as_str))
            } else {
                let more = instances.len().saturating_sub(INSTANCES_SHOWN_MAX);
                let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let shown = instances.iter().take(INSTANCES_SHOWN_MAX).cloned().collect::<Vec<_>>();
                error.help(format!("name one of its instances: {}{and_more}", shown.join(", ")))
            };
            self.messages.borrow_mut().push(error);
        }
    }
}

/// Which way objects lead to others.
#[derive(Clone, Copy)]
pub(super) enum Way {
    /// To what was made from them.
    Up,
    /// To what they were made from.
    Down,
}

/// The objects for which something holds, and all that these lead to. Each block is looked at once, however many
/// instances lead to it.
pub(super) fn spread<'o>(
    objects: &[(&'o Address, &'o Object)],
    begins: impl Fn(&Address) -> bool,
    way: Way,
) -> BTreeSet<&'o Address> {
    let mut behind: HashMap<BlockAddress, Vec<usize>> = HashMap::new();
    for (number, (address, object)) in objects.iter().enumerate() {
        match way {
            Way::Down => behind.entry(address.block()).or_default().push(number),
            Way::Up => {
                object
                    .dependencies
                    .iter()
                    .for_each(|block| behind.entry(block.clone()).or_default().push(number));
            }
        }
    }
    let mut found = BTreeSet::new();
    let mut open: Vec<_> = objects.iter().filter(|(address, _)| begins(address)).copied().collect();
    while let Some((address, object)) = open.pop() {
        if !found.insert(address) {
            continue;
        }
        let blocks = match way {
            Way::Up => vec![address.block()],
            Way::Down => object.dependencies.clone(),
        };
        let next = blocks.iter().filter_map(|block| behind.remove(block)).flatten();
        open.extend(next.filter_map(|number| objects.get(number)));
    }
    found
}
