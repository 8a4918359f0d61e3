//! What `lifecycle` blocks make of a plan: protection, the order of a replacement, and what sets one off.

use super::Walker;
use super::block::BlockPlan;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::{ModuleId, Node, NodeId};
use crate::lang::config::Resource;
use crate::lang::value::{Path, PathStep, Value};
use crate::plan::world::{Repetition, Trigger};
use crate::plan::{Action, Operation, Operations, Reason, diff};
use mlo_state::{Address, ModuleAddress};
use std::collections::BTreeSet;

impl Walker<'_, '_, '_> {
    /// Whether the object of an operation may be replaced, if that is what is planned.
    pub(super) fn refuse_replacing(
        &self,
        operation: &Operation,
        repetition: &Repetition,
        resource: &Resource,
    ) -> Result<(), Diagnostics> {
        if operation.action != Action::Replace {
            return Ok(());
        }
        let refused = self.refuse_protected(&operation.address, Some(repetition), resource);
        refused.map_err(|messages| {
            messages.map(|message| {
                if message.code == code::engine::PREVENT_DESTROY {
                    return message.detail(why_replaced(operation));
                }
                message
            })
        })
    }

    fn refuse_protected(
        &self,
        address: &Address,
        repetition: Option<&Repetition>,
        resource: &Resource,
    ) -> Result<(), Diagnostics> {
        let (id, flag) =
            (self.tree.find(&address.module.block()), resource.lifecycle.prevent_destroy.as_ref());
        let world = self.world.borrow();
        let protected = id.map(|id| world.flag(id, &address.module, repetition, flag)).transpose()?;
        if protected != Some(true) {
            return Ok(());
        }
        let summary = format!("{address} is protected, and the plan would take it away");
        let message = Diagnostic::error(code::engine::PREVENT_DESTROY, summary).at(resource.span, "");
        let message = flag.into_iter().fold(message, |message, flag| message.at(flag.span, "protected here"));
        Err(message
            .help("take `prevent_destroy` out if the object may go, or undo what takes it away")
            .into())
    }

    /// The same for an object that the configuration has no instance for any more. The repetition is that of its key;
    /// what has no value for it cannot tell.
    pub(super) fn refuse_protected_orphan(
        &self,
        address: &Address,
        resource: &Resource,
    ) -> Result<(), Diagnostics> {
        let Some(flag) = &resource.lifecycle.prevent_destroy else { return Ok(()) };
        let repetition = self.repetition_of(address, resource);
        let Err(said) = self.refuse_protected(address, Some(&repetition), resource) else { return Ok(()) };
        if said.iter().any(|message| message.code == code::engine::PREVENT_DESTROY) {
            return Err(said);
        }
        let summary = format!("{address} would go, and it cannot be told whether it is protected");
        let why = said.iter().next().map(|message| match message.labels.first() {
            Some(label) if !label.text.is_empty() => label.text.clone(),
            _ => message.summary.clone(),
        });
        Err(Diagnostic::error(code::engine::PREVENT_DESTROY, summary)
            .at(flag.span, why.unwrap_or_default())
            .at(resource.span, "")
            .detail("What this is made from has no value for an instance that the configuration has no more.")
            .help("write `prevent_destroy = false` until the object is gone, or `true` to keep it")
            .into())
    }

    /// `each` and `count` of an object's instance, as far as its key tells.
    fn repetition_of(&self, address: &Address, resource: &Resource) -> Repetition {
        let id = self.tree.find(&address.module.block());
        let known = id.and_then(|id| {
            let world = self.world.borrow();
            world.repetitions_by_key(id, &address.module, &resource.repeat).ok()?.remove(&address.key)
        });
        known.unwrap_or_else(|| Repetition::of_key(address.key.as_ref()))
    }

    /// Whether the block itself wants the new object made before the old one goes. Noted for what it depends on.
    pub(super) fn creates_first(
        &self,
        block: &BlockPlan<'_>,
        (at, repetition): (&ModuleAddress, &Repetition),
        resource: &Resource,
    ) -> Result<bool, Diagnostics> {
        let flag = resource.lifecycle.create_before_destroy.as_ref();
        let first = self.world.borrow().flag(block.id, at, Some(repetition), flag)?;
        if first {
            let node = self.graph.id(&Node::Resource(block.id, block.key.clone()));
            self.creates_first.borrow_mut().extend(node);
        }
        Ok(first)
    }

    /// The entries of `replace_triggered_by` that name something which changes.
    pub(super) fn triggers(
        &self,
        id: ModuleId,
        (at, repetition): (&ModuleAddress, &Repetition),
        resource: &Resource,
    ) -> Result<Vec<String>, Diagnostics> {
        let mut found = Vec::new();
        for entry in &resource.lifecycle.replace_triggered_by {
            let Some(trigger) = self.world.borrow().trigger(id, (at, repetition), entry)? else { continue };
            if self.is_set_off(at, &trigger) {
                found.push(trigger.to_string());
            }
        }
        Ok(found)
    }

    fn is_set_off(&self, at: &ModuleAddress, trigger: &Trigger) -> bool {
        let address = super::block::address_of(at, &trigger.key, trigger.instance.clone());
        let operations = self.operations.borrow();
        let is_of_block = |other: &Address| {
            (&other.module, other.mode) == (&address.module, address.mode)
                && (&other.type_name, &other.name) == (&address.type_name, &address.name)
        };
        operations
            .range(&address..)
            .map(|(_, operation)| operation)
            .take_while(|operation| is_of_block(&operation.address))
            .filter(|operation| trigger.instance.is_none() || operation.address == address)
            .any(|operation| sets_off(operation, &trigger.path))
    }

    /// What has something that creates first depend on it creates first too: otherwise a new object would have to be
    /// there before what it is made from.
    pub(super) fn spread_creates_first(&self, operations: &mut Operations) {
        let first: BTreeSet<NodeId> = self.creates_first.take();
        if first.is_empty() {
            return;
        }
        let mut forced = BTreeSet::new();
        for node in self.graph.order.iter().rev() {
            if first.contains(node) || forced.contains(node) {
                forced.extend(self.graph.dag.dependencies(*node));
            }
        }
        let blocks: BTreeSet<_> = forced
            .into_iter()
            .filter_map(|node| match self.graph.dag.get(node) {
                Node::Resource(id, key) => Some(self.tree.block(*id, key)),
                _ => None,
            })
            .collect();
        for operation in operations.iter_mut() {
            operation.create_before_destroy |= blocks.contains(&operation.address.block());
        }
    }
}

/// Why an object would be replaced, for whoever protects it.
fn why_replaced(operation: &Operation) -> String {
    let paths: Vec<_> = operation.replace.iter().map(Path::to_string).collect();
    let why = match operation.reason {
        Reason::Requested => "that is asked for".to_owned(),
        Reason::Tainted => "it is tainted".to_owned(),
        Reason::Triggered => format!("{} changes", operation.triggered_by.join(", ")),
        _ if paths.is_empty() => "it cannot change in place".to_owned(),
        _ => format!("{} cannot change in place", paths.join(", ")),
    };
    format!("It would be replaced, since {why}.")
}

/// Whether an operation on what an entry names sets a replacement off.
fn sets_off(operation: &Operation, path: &Path) -> bool {
    if !matches!(operation.action, Action::Update | Action::Replace) {
        return false;
    }
    let part = |value: Option<&Value>| value.and_then(|value| at_path(value, path)).cloned();
    match (part(operation.prior.as_ref()), part(operation.planned.as_ref())) {
        (Some(before), Some(after)) => !diff::same(&before, &after),
        (None, None) => false,
        _ => true,
    }
}

fn at_path<'v>(value: &'v Value, path: &Path) -> Option<&'v Value> {
    path.0.iter().try_fold(value, |value, step| match step {
        PathStep::Name(name) => value.get(name),
        PathStep::Index(index) => value.as_items()?.get(*index),
    })
}
