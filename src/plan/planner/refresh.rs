//! A plan that changes no object: each is read, and what was changed outside is brought into the state.

use super::Walker;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::ModuleId;
use crate::lang::config::{Resource, ResourceKey};
use crate::lang::value::Value;
use crate::plan::planner::Connected;
use crate::plan::{Operation, OutputChange, some_of};
use futures_util::stream::{self, StreamExt};
use mlo_state::{Address, ModuleAddress, Object};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Walker<'_, '_, '_> {
    /// Reads the objects of a block; its name stands for what was read.
    pub(super) async fn refresh_block(&self, id: ModuleId, key: &ResourceKey) -> Result<(), Diagnostics> {
        let Some(resource) = self.tree.module(id).resources.get(key) else { return Ok(()) };
        self.world.borrow_mut().leave_resource(id, key);
        let instances = self.world.borrow().own_instances(id);
        for at in instances {
            let objects = self.stored_in(&at, key);
            let read = self.refresh_all(objects, Some((id, resource))).await?;
            let items =
                read.into_iter().filter_map(|operation| Some((operation.address.key, operation.planned?)));
            let value = self.world.borrow().combine_present((id, &at), &resource.repeat, items);
            self.world.borrow_mut().set_resource(id, &at, key, value);
        }
        Ok(())
    }

    /// Reads the objects whose blocks are gone from the configuration.
    pub(super) async fn refresh_orphans(&self) {
        let orphans: Vec<_> = {
            let (known, drift) = (self.operations.borrow(), self.drift.borrow());
            let objects = self.planner.snapshot.objects.iter();
            objects
                .filter(|(at, _)| !known.contains_key(*at) && !drift.contains_key(&((*at).clone(), None)))
                .collect()
        };
        let orphans = self.within_requests(orphans);
        let deposed = self.planner.snapshot.deposed_objects();
        let deposed: Vec<_> = deposed.filter(|(address, ..)| self.takes_deposed(address)).collect();
        let set_aside = deposed.iter().map(|(address, _, object)| (*address, *object));
        let unreachable = self.unreachable(orphans.iter().copied().chain(set_aside));
        if unreachable.has_errors() {
            self.messages.borrow_mut().extend(unreachable);
            return;
        }
        if let Err(messages) = self.refresh_all(orphans, None).await {
            self.messages.borrow_mut().extend(messages);
        }
        let read: Vec<_> = stream::iter(deposed)
            .map(|(address, key, object)| self.refresh_deposed((address, key), object))
            .buffered(self.planner.parallelism.max(1))
            .collect()
            .await;
        for messages in read.into_iter().filter_map(Result::err) {
            self.messages.borrow_mut().extend(messages);
        }
    }

    /// Outputs that are made from what is not there keep the values that the state has: nothing is made that would tell
    /// other ones.
    pub(super) fn keep_outputs(&self, changes: &mut BTreeMap<Arc<str>, OutputChange>) {
        let (world, root) = (self.world.borrow(), ModuleAddress::root());
        let (mut outputs, mut missing) = (Vec::new(), BTreeSet::new());
        for (name, change) in changes.iter_mut() {
            let Some(output) = self.tree.module(0).outputs.get(name) else { continue };
            if change.after.as_ref().is_none_or(Value::is_wholly_known) {
                continue;
            }
            let unknown = world.unknown_in((0, &root), (None, None), [&output.value]);
            if !unknown.is_empty() {
                change.after.clone_from(&change.before);
                outputs.push(format!("`{name}`"));
                missing.extend(unknown.into_iter().map(|unknown| unknown.path));
            }
        }
        changes.retain(|_, change| change.before.is_some() || change.after.is_some());
        if outputs.is_empty() || self.messages.borrow().has_errors() {
            return;
        }
        let summary = format!("outputs that are not known keep what the state has: {}", some_of(&outputs));
        let missing: Vec<_> = missing.iter().map(|path| format!("`{path}`")).collect();
        let message = Diagnostic::warning(code::engine::OUTPUT_KEPT, summary)
            .detail(format!("What they are made from is not there, or not read: {}.", some_of(&missing)))
            .help("the state keeps the values that it has; `mlo apply` without `--refresh-only` makes what is missing");
        self.messages.borrow_mut().push(message);
    }

    /// Reads an object that was set aside: what differs is noted as drift.
    async fn refresh_deposed(
        &self,
        (address, key): (&Address, &str),
        object: &Object,
    ) -> Result<(), Diagnostics> {
        let connected = self.connect_for(address, object).await?;
        let provider = connected.provider.clone();
        let schema = Self::stored_schema(provider.as_ref(), address)?;
        self.read(&connected, &schema.block, (address, Some(key)), object).await?;
        Ok(())
    }

    /// The state's objects of one block in one instance of its module, in the order of their keys.
    fn stored_in(&self, at: &ModuleAddress, key: &ResourceKey) -> Vec<(&Address, &Object)> {
        let ResourceKey { mode, type_name, name } = key.clone();
        let first = Address { module: at.clone(), mode, type_name, name, key: None };
        let block = first.block();
        let objects = self.planner.snapshot.objects.range(first..);
        objects.take_while(|(address, _)| address.module == *at && address.block() == block).collect()
    }

    async fn refresh_all(
        &self,
        objects: Vec<(&Address, &Object)>,
        block: Option<(ModuleId, &Resource)>,
    ) -> Result<Vec<Operation>, Diagnostics> {
        let read: Vec<_> = stream::iter(objects)
            .map(|(address, object)| self.refresh_one(address, object, block))
            .buffered(self.planner.parallelism.max(1))
            .collect()
            .await;
        let (mut operations, mut failures) = (Vec::new(), Diagnostics::new());
        for result in read {
            match result {
                Ok(operation) => operations.extend(operation),
                Err(messages) => failures.extend(messages),
            }
        }
        for operation in &operations {
            self.operations.borrow_mut().insert(operation.address.clone(), Box::new(operation.clone()));
        }
        if failures.has_errors() { Err(failures) } else { Ok(operations) }
    }

    /// The object as it is, to which nothing is done; nothing if it is gone.
    async fn refresh_one(
        &self,
        address: &Address,
        object: &Object,
        block: Option<(ModuleId, &Resource)>,
    ) -> Result<Option<Operation>, Diagnostics> {
        let block = block.filter(|_| self.is_unreachable(&object.provider));
        let connected = block.map(|block| self.provider_of_block(address, block)).transpose()?.flatten();
        let connected = match connected {
            Some(connected) => connected,
            None => self.connect_for(address, object).await?,
        };
        let provider = connected.provider.clone();
        let schema = Self::stored_schema(provider.as_ref(), address)?;
        let read = self.read(&connected, &schema.block, (address, None), object).await?;
        Ok(read.map(|value| Operation {
            prior: Some(value.clone()),
            planned: Some(value),
            schema_version: schema.version,
            ..Operation::on(address, object)
        }))
    }

    /// The provider that the block of an object uses now, if the block has an instance there.
    fn provider_of_block(
        &self,
        address: &Address,
        (id, resource): (ModuleId, &Resource),
    ) -> Result<Option<Connected>, Diagnostics> {
        let at = &address.module;
        let all = self.world.borrow().repetitions_by_key(id, at, &resource.repeat)?;
        let Some(repetition) = all.get(&address.key) else { return Ok(None) };
        let found = self.provider_for((id, resource), at, repetition)?;
        Ok(found.map(|(_, connected)| connected))
    }
}
