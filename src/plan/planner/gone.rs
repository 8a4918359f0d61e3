//! Objects that the state has and the configuration has not: they go, unless something protects them.

use super::Walker;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::Node;
use crate::lang::config::{Repeat, Resource, ResourceKey};
use crate::plan::planner::Kind;
use crate::plan::{Action, Operation, Operations, Reason};
use crate::provider::{Provider, ResourceSchema};
use futures_util::stream::{self, StreamExt};
use mlo_state::{Address, BlockAddress, Key, Mode, Object};
use std::collections::BTreeSet;

/// An object of the state that no block wants: its address, the key if it was set aside, and the object.
type Orphan<'s> = (&'s Address, Option<&'s str>, &'s Object);

impl Walker<'_, '_, '_> {
    /// Objects that the configuration no longer has go, and those that gave way to a new one.
    pub(super) async fn plan_orphans(&self) {
        let orphans = self.orphans();
        let reached: Vec<_> = orphans
            .iter()
            .filter(|(address, deposed, _)| deposed.is_some() || !self.removed.forgets(address))
            .map(|(address, _, object)| (*address, *object))
            .collect();
        let mut wrong = self.unreachable(reached.iter().copied());
        if self.planner.kind == Kind::Destroy {
            wrong.extend(self.unconfigured(reached));
        }
        if wrong.has_errors() {
            self.messages.borrow_mut().extend(wrong);
            return;
        }
        self.plan_all_orphans(orphans).await;
    }

    /// The same after something went wrong, of those of which it is known all the same that they go: with others it may
    /// be what went wrong that nothing was planned for them.
    pub(super) async fn plan_sure_orphans(&self) {
        let mut orphans = self.orphans();
        orphans.retain(|(address, deposed, object)| {
            let is_reached = || !self.is_unreachable(&object.provider);
            match deposed {
                Some(_) => is_reached(),
                None => self.surely_has_none(address) && (self.removed.forgets(address) || is_reached()),
            }
        });
        self.plan_all_orphans(orphans).await;
    }

    /// Whether the block of an object is gone, or was looked at without anything going wrong.
    fn surely_has_none(&self, address: &Address) -> bool {
        self.node_of(address).is_none_or(|node| self.done.borrow().contains(&node))
    }

    /// Objects of the state for which the configuration wanted nothing.
    fn orphans(&self) -> Vec<Orphan<'_>> {
        let known = self.operations.borrow();
        let objects = self.planner.snapshot.objects.iter();
        let orphans = objects.filter(|(address, _)| !known.contains_key(address)).collect();
        let orphans = self.within_requests(orphans).into_iter();
        let orphans = orphans.map(|(address, object)| (address, None, object));
        let deposed = self.planner.snapshot.deposed_objects();
        let deposed = deposed.filter(|(address, ..)| self.takes_deposed(address));
        orphans.chain(deposed.map(|(address, key, object)| (address, Some(key), object))).collect()
    }

    async fn plan_all_orphans(&self, orphans: Vec<Orphan<'_>>) {
        let planned: Vec<_> = stream::iter(orphans)
            .map(|(address, deposed, object)| self.plan_orphan((address, deposed), object))
            .buffered(self.planner.parallelism.max(1))
            .collect()
            .await;
        for result in planned {
            match result {
                Ok(Some((operation, refused))) => {
                    self.messages.borrow_mut().extend(refused);
                    if operation.deposed.is_some() {
                        self.deposed.borrow_mut().push(operation);
                    } else {
                        self.operations.borrow_mut().insert(operation.address.clone(), Box::new(operation));
                    }
                }
                Ok(None) => {}
                Err(messages) => self.messages.borrow_mut().extend(messages),
            }
        }
    }

    /// What becomes of an object, and why it may not, if something protects it.
    async fn plan_orphan(
        &self,
        (address, deposed): (&Address, Option<&str>),
        object: &Object,
    ) -> Result<Option<(Operation, Diagnostics)>, Diagnostics> {
        if deposed.is_none() && self.removed.forgets(address) {
            return Ok(Some((self.forget(address, object), Diagnostics::new())));
        }
        let connected = self.connect_for(address, object).await?;
        let provider = connected.provider.clone();
        let schema = Self::stored_schema(provider.as_ref(), address)?;
        let prior = self.read(&connected, &schema.block, (address, deposed), object).await?;
        if prior.is_none() {
            // Gone already: the drift says so, and the next snapshot forgets it.
            return Ok(None);
        }
        let block = self.block_of(address).filter(|_| deposed.is_none());
        let refused = block.and_then(|block| self.refuse_protected_orphan(address, block).err());
        let operation = Operation {
            deposed: deposed.map(str::to_owned),
            action: Action::Delete,
            reason: if deposed.is_some() { Reason::Deposed } else { self.why_gone(address) },
            prior,
            schema_version: schema.version,
            ..Operation::on(address, object)
        };
        Ok(Some((operation, refused.unwrap_or_default())))
    }

    /// The schema of an object whose block may be gone.
    pub(super) fn stored_schema<'p>(
        provider: &'p dyn Provider,
        address: &Address,
    ) -> Result<&'p ResourceSchema, Diagnostics> {
        provider.schema().resources.get(address.type_name.as_ref()).ok_or_else(|| {
            let summary =
                format!("the state has {address}, and there is no resource type `{}`", address.type_name);
            Diagnostic::error(code::engine::UNKNOWN_TYPE, summary).into()
        })
    }

    /// The block of an object, if the configuration has it.
    pub(super) fn block_of(&self, address: &Address) -> Option<&Resource> {
        let id = self.tree.find(&address.module.block())?;
        let Address { mode, type_name, name, .. } = address.clone();
        self.tree.module(id).resources.get(&ResourceKey { mode, type_name, name }).map(Box::as_ref)
    }

    /// What blocks were made from to whose objects nothing is done: where such a block lies between two of which
    /// something goes, their order comes through it. The state tells of what it has, and is gone outside; the
    /// configuration of what the state has not.
    pub(super) fn links(&self, operations: &Operations) -> Vec<(BlockAddress, Vec<BlockAddress>)> {
        let goes = |operation: &Operation| matches!(operation.action, Action::Delete | Action::Replace);
        if !operations.iter().any(goes) {
            return Vec::new();
        }
        let has_one: BTreeSet<_> = operations.iter().map(|operation| operation.address.block()).collect();
        let mut stored = self.planner.snapshot.made_from();
        let known: BTreeSet<_> = stored.keys().cloned().collect();
        stored.retain(|block, _| !has_one.contains(block));
        let mut links: Vec<_> =
            stored.into_iter().map(|(block, from)| (block, from.into_iter().collect())).collect();
        for id in self.tree.ids() {
            for key in self.tree.module(id).resources.keys().filter(|key| key.mode == Mode::Managed) {
                let block = self.tree.block(id, key);
                if !known.contains(&block) && !has_one.contains(&block) {
                    links.push((block, self.dependencies(id, key).to_vec()));
                }
            }
        }
        links
    }

    pub(super) fn why_gone(&self, address: &Address) -> Reason {
        if self.planner.kind == Kind::Destroy {
            return Reason::Destroy;
        }
        let Some(id) = self.tree.find(&address.module.block()) else { return Reason::NoModule };
        // Where a part is planned, it may not be known which instances a module has; the root has one.
        let expanded = self.graph.id(&Node::Expand(id)).filter(|node| self.selection.nodes.contains(node));
        if id != 0 && expanded.is_some() && self.world.borrow().instance(id, &address.module).is_none() {
            return Reason::NoModule;
        }
        match self.block_of(address) {
            None => Reason::NoBlock,
            Some(resource) => match (&resource.repeat, &address.key) {
                (Repeat::Count(_), Some(Key::Index(_))) => Reason::NoIndex,
                (Repeat::ForEach(_), Some(Key::Name(_))) => Reason::NoKey,
                _ => Reason::WrongRepetition,
            },
        }
    }
}
