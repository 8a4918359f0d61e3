//! One block: what the configuration wants of its instances, what is there, and what becomes of each.

use super::Walker;
use super::imports::Found;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::{ModuleId, Node};
use crate::lang::config::{Resource, ResourceKey};
use crate::lang::eval::BlockSchema;
use crate::lang::value::{Marks, Value};
use crate::plan::change::{Comparison, PlannedChange, describe, plan_change};
use crate::plan::planner::Connected;
use crate::plan::stored::{decode_object, mark_by_schema, mark_stored};
use crate::plan::world::{Repetition, combine};
use crate::plan::{Action, Drift, Operation, Reason, Stored, diff, object_name};
use crate::provider::{ProviderError, ResourceSchema, Subject, retry};
use data_encoding::HEXLOWER;
use futures_util::stream::{self, StreamExt};
use mlo_state::{Address, BlockAddress, Key, Mode, ModuleAddress, Object, Snapshot, Status};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One instance of a block, with what the configuration wants of it.
struct Instance<'r> {
    address: Address,
    repetition: Repetition,
    /// Its provider, and the name that the state has for it.
    provider: (String, Connected),
    wanted: Value,
    resource: &'r Resource,
}

/// What there is at an address.
#[derive(Default)]
struct Present {
    prior: Option<Value>,
    stored: Option<Stored>,
    /// The id by which the state takes it in.
    importing: Option<String>,
}

/// What the instances of a block share.
pub(super) struct BlockPlan<'b> {
    pub(super) id: ModuleId,
    pub(super) key: &'b ResourceKey,
    schema: &'b ResourceSchema,
    dependencies: Arc<[BlockAddress]>,
}

impl Walker<'_, '_, '_> {
    pub(super) async fn plan_block(&self, id: ModuleId, key: &ResourceKey) -> Result<(), Diagnostics> {
        let module = self.tree.module(id);
        let Some(resource) = module.resources.get(key) else { return Ok(()) };
        let (_, provider_key) = self.tree.provider(id, &resource.provider.key);
        let Some(provider) = self.planner.providers.get(provider_key.name.as_ref()).cloned() else {
            return Ok(());
        };
        let Some(schema) = provider.schema().resources.get(key.type_name.as_ref()) else {
            return Err(self.unknown_type(resource).into());
        };
        self.evaluate_imports(id, key)?;
        let dependencies = self.dependencies(id, key);
        let block = BlockPlan { id, key, schema, dependencies };
        let (instances, left_out, mut failures) = self.instances(&block, resource);
        let planned: Vec<_> = stream::iter(instances)
            .map(|instance| self.plan_instance(&block, instance))
            .buffered(self.planner.parallelism.max(1))
            .collect()
            .await;
        let mut values: BTreeMap<ModuleAddress, Vec<(Option<Key>, Value)>> =
            self.world.borrow().own_instances(id).into_iter().map(|at| (at, Vec::new())).collect();
        for result in planned {
            match result {
                Ok((address, value)) => {
                    values.entry(address.module).or_default().push((address.key, value));
                }
                Err(messages) => failures.extend(messages),
            }
        }
        for (address, value) in left_out {
            let items = values.entry(address.module).or_default();
            items.push((address.key, value));
            items.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        for (at, items) in values {
            self.world.borrow_mut().set_resource(id, &at, key, combine(&resource.repeat, items));
        }
        self.world.borrow_mut().leave_resource(id, key);
        if failures.has_errors() { Err(failures) } else { Ok(()) }
    }

    pub(super) fn unknown_type(&self, resource: &Resource) -> Diagnostic {
        let name = &resource.key.type_name;
        let known: Vec<_> = self
            .planner
            .providers
            .values()
            .flat_map(|provider| provider.schema().resources.keys().copied())
            .collect();
        let message =
            Diagnostic::error(code::engine::UNKNOWN_TYPE, format!("there is no resource type `{name}`"))
                .at(resource.span, "");
        let mut all = self.planner.providers.values();
        if all.any(|provider| provider.schema().data.contains_key(name.as_ref())) {
            return message.help(format!("`{name}` is a data source: write `data` in place of `resource`"));
        }
        message.did_you_mean(name, known)
    }

    /// Evaluates what the configuration wants of each instance; what stands for those that are not planned; failures.
    fn instances<'r>(
        &self,
        block: &BlockPlan<'_>,
        resource: &'r Resource,
    ) -> (Vec<Instance<'r>>, Vec<(Address, Value)>, Diagnostics) {
        let world = self.world.borrow();
        let mut failures = Diagnostics::new();
        let (mut instances, mut left_out) = (Vec::new(), Vec::new());
        let mut deferred = false;
        for at in world.own_instances(block.id) {
            if world.is_full() {
                break;
            }
            let repetitions = match world.admitted((block.id, &at), &resource.repeat, resource.span) {
                Ok(repetitions) => repetitions,
                Err(messages) => {
                    failures.extend(messages);
                    continue;
                }
            };
            for repetition in repetitions {
                let place = (block.id, block.key);
                let address = address_of(&at, block.key, repetition.key.clone());
                if !self.is_planned(&address) {
                    let value = self.leave_out(&address);
                    left_out.push((address, value));
                    continue;
                }
                let wanted = world.check_preconditions(place, &at, &repetition).and_then(|later| {
                    deferred |= later;
                    let wanted = world.wanted(place, &at, &repetition, &block.schema.block)?;
                    refuse_ephemeral(&wanted, resource)?;
                    let provider = self.provider_for((block.id, resource), &at, &repetition)?;
                    Ok(provider.zip(Some(wanted)))
                });
                match wanted {
                    Ok(None) => {}
                    Ok(Some((provider, wanted))) => {
                        instances.push(Instance { address, repetition, provider, wanted, resource });
                    }
                    Err(messages) => failures.extend(messages),
                }
            }
        }
        drop(world);
        self.defer_if(deferred, block);
        (instances, left_out, failures)
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
    ) -> Result<(Address, Value), Diagnostics> {
        let Instance { address, repetition, provider: (provider_name, connected), wanted, resource } =
            instance;
        let fail = |error: &ProviderError| {
            Diagnostics::from(describe(error, &address.to_string(), Some(resource.span), Some(resource)))
        };
        let stored = self.planner.snapshot.objects.get(&address);
        let Present { prior, stored: present, importing } = self.present(block, &connected, &address).await?;
        let usable = prior.as_ref().filter(|_| stored.is_none_or(|object| object.status == Status::Ready));
        let (place, own) = ((block.id, block.key), (&address.module, &repetition));
        let kept = self.world.borrow().laid_over(place, own, &block.schema.block, (usable, &wanted))?;
        let triggered_by = self.triggers(block.id, own, resource)?;
        let is_requested = self.planner.requests.replace.contains(&address);
        let must_replace = is_requested || !triggered_by.is_empty();
        let comparison = Comparison { prior: usable, wanted: &wanted, kept: &kept, must_replace };
        let change = plan_change(&connected, block.key, block.schema, comparison)
            .await
            .map_err(|error| fail(&error))?;
        let (action, reason) = action_and_reason(&change, prior.as_ref(), stored, must_replace);
        let reason = if action == Action::Replace && is_requested { Reason::Requested } else { reason };
        let create_before_destroy = self.creates_first(block, own, resource)?;
        let operation = Operation {
            address: address.clone(),
            previous: None,
            importing,
            deposed: None,
            create_before_destroy,
            triggered_by: if action == Action::Replace { triggered_by } else { Vec::new() },
            provider: provider_name,
            action,
            reason,
            prior,
            planned: Some(change.planned.clone()),
            wanted: Some(wanted).filter(|wanted| !wanted.is_wholly_known()),
            replace: change.replace,
            token: match &present {
                Some(present) if !matches!(action, Action::Create | Action::Replace) => present.token.clone(),
                _ => token(self.planner.snapshot, &address),
            },
            stored: present,
            schema_version: block.schema.version,
            span: Some(resource.span),
            dependencies: block.dependencies.clone(),
        };
        let refused = self.refuse_replacing(&operation, &repetition, resource);
        if refused.is_ok() {
            let at = &address.module;
            let later = self.world.borrow().check_postconditions(place, at, &repetition, &change.planned)?;
            self.defer_if(later, block);
        }
        // What would be done is shown with why it may not be.
        self.operations.borrow_mut().insert(address.clone(), Box::new(operation));
        refused.map(|()| (address, change.planned))
    }

    /// The object of an address as it is, if the state has it or takes it in now.
    async fn present(
        &self,
        block: &BlockPlan<'_>,
        connected: &Connected,
        address: &Address,
    ) -> Result<Present, Diagnostics> {
        if let Some(object) = self.planner.snapshot.objects.get(address) {
            let prior = self.read(connected, &block.schema.block, (address, None), object).await?;
            return Ok(Present { prior, stored: Some(object.into()), importing: None });
        }
        let Some(importing) = self.importing(address) else { return Ok(Present::default()) };
        let token = token(self.planner.snapshot, address);
        let Found { id, value, token } =
            self.import(connected, &block.schema.block, (address, token), importing).await?;
        let stored = Stored { token, dependencies: block.dependencies.to_vec() };
        Ok(Present { prior: Some(value), stored: Some(stored), importing: Some(id) })
    }

    /// The object as it is; what differs from the state is drift.
    pub(super) async fn read(
        &self,
        connected: &Connected,
        schema: &BlockSchema,
        (address, deposed): (&Address, Option<&str>),
        object: &Object,
    ) -> Result<Option<Value>, Diagnostics> {
        let before = decode_object(object, schema).map_err(|error| {
            Diagnostic::error(
                code::engine::BAD_OBJECT,
                format!("the state's object {address} does not fit its type"),
            )
            .detail(error.to_string())
        })?;
        if !self.planner.refresh {
            return Ok(Some(before));
        }
        let Some(connection) = connected.connection.as_ref() else {
            self.unread.borrow_mut().insert(address.clone());
            return Ok(Some(before));
        };
        let subject = Subject { type_name: &address.type_name, address, token: &object.token };
        let _permit = self.calls.acquire().await;
        let after = retry(|| connection.read(subject, &before)).await;
        let after = after.map_err(|error| {
            let resource = self.block_of(address);
            let span = resource.map(|resource| resource.span);
            describe(&error, &format!("reading {}", object_name(address, deposed)), span, resource).unread()
        })?;
        let after = after.map(|value| mark_by_schema(&mark_stored(&value, object), schema));
        if after.as_ref().is_none_or(|after| !diff::same(&before, after)) {
            let deposed = deposed.map(str::to_owned);
            let place = (address.clone(), deposed.clone());
            let drift = Drift { address: address.clone(), deposed, before, after: after.clone() };
            self.drift.borrow_mut().insert(place, drift);
        }
        Ok(after)
    }

    /// Blocks whose values a block is made from: those that it reaches without passing another resource. What comes by a
    /// data source comes from what that is made from: data sources are not in the state.
    pub(super) fn dependencies(&self, id: ModuleId, key: &ResourceKey) -> Arc<[BlockAddress]> {
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
                    Node::Resource(id, key) if key.mode == Mode::Managed => {
                        found.insert(self.tree.block(*id, key));
                    }
                    _ => open.push(dependency),
                }
            }
        }
        found.into_iter().collect()
    }
}

fn action_and_reason(
    change: &PlannedChange,
    prior: Option<&Value>,
    stored: Option<&Object>,
    triggered: bool,
) -> (Action, Reason) {
    let tainted = stored.is_some_and(|object| object.status == Status::Tainted);
    match (change.action, prior) {
        (Action::Replace, _) if triggered && change.replace.is_empty() => {
            (Action::Replace, Reason::Triggered)
        }
        // A tainted object is there and must go.
        (Action::Create, Some(_)) if tainted => (Action::Replace, Reason::Tainted),
        (Action::Create, Some(_)) => (Action::Replace, Reason::Configuration),
        (Action::Create, None) if stored.is_some() => (Action::Create, Reason::Missing),
        (action, _) => (action, Reason::Configuration),
    }
}

/// What is ephemeral may be used, but not kept, and objects are kept.
pub(in crate::plan) fn refuse_ephemeral(wanted: &Value, resource: &Resource) -> Result<(), Diagnostics> {
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
pub(super) fn token(snapshot: &Snapshot, address: &Address) -> String {
    let present = snapshot.objects.get(address).map(|object| &object.token);
    let earlier = present.or_else(|| snapshot.gone.get(address)).map_or("", String::as_str);
    let hash = Sha256::digest(format!("{}\n{}\n{address}\n{earlier}", snapshot.lineage, snapshot.serial));
    HEXLOWER.encode(hash.first_chunk::<16>().expect("a SHA-256 has 32 bytes"))
}

pub(super) fn address_of(module: &ModuleAddress, key: &ResourceKey, instance: Option<Key>) -> Address {
    let ResourceKey { mode, type_name, name } = key.clone();
    Address { module: module.clone(), mode, type_name, name, key: instance }
}
