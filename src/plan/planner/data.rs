//! Data sources: read as soon as what they are asked is known, else when the plan is applied, and why.

use super::Walker;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::{ModuleId, Node};
use crate::lang::config::{Resource, ResourceKey};
use crate::lang::reference::{Reference, Target, references_in, references_in_body};
use crate::lang::syntax::ast::{Body, Expr, Item};
use crate::lang::value::Value;
use crate::plan::change::describe;
use crate::plan::planner::{Connected, Kind};
use crate::plan::stored::mark_by_schema;
use crate::plan::world::{Repetition, combine};
use crate::plan::{Action, DataObject, Operation, ReadLater, Reason, propose, read_data};
use crate::provider::DataSchema;
use futures_util::stream::{self, StreamExt};
use mlo_state::{Address, BlockAddress, Key, Mode, ModuleAddress, Snapshot};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Instances of a block for which it is told what is not known. Past it nobody reads it, and it costs.
const TOLD_MAX: usize = 100;

/// What the instances of a data source share.
pub(super) struct DataBlock<'b> {
    pub(super) id: ModuleId,
    pub(super) resource: &'b Resource,
    pub(super) schema: &'b DataSchema,
    /// Blocks that it depends on and of which something changes.
    pub(super) pending: Vec<BlockAddress>,
}

/// One instance of a data source, with what it is asked.
pub(super) struct Question {
    pub(super) address: Address,
    pub(super) repetition: Repetition,
    /// The provider that is asked, and the name that the state has for it.
    pub(super) provider: (String, Connected),
    pub(super) wanted: Value,
}

impl Walker<'_, '_, '_> {
    pub(super) async fn plan_data(&self, id: ModuleId, key: &ResourceKey) -> Result<(), Diagnostics> {
        let Some(resource) = self.tree.module(id).resources.get(key) else { return Ok(()) };
        let (_, provider_key) = self.tree.provider(id, &resource.provider.key);
        let Some(provider) = self.planner.providers.get(provider_key.name.as_ref()).cloned() else {
            return Ok(());
        };
        let block = self.data_block((id, resource), &provider.schema().data)?;
        let (questions, mut failures) = self.questions(&block);
        let answers: Vec<_> = stream::iter(questions.into_iter().enumerate())
            .map(|(number, question)| self.ask(&block, question, number < TOLD_MAX))
            .buffered(self.planner.parallelism.max(1))
            .collect()
            .await;
        let mut values: BTreeMap<ModuleAddress, Vec<(Option<Key>, Value)>> =
            self.world.borrow().own_instances(id).into_iter().map(|at| (at, Vec::new())).collect();
        let mut objects = BTreeMap::new();
        for answer in answers {
            match answer {
                Ok((address, object)) => {
                    let item = (address.key.clone(), object.value.clone());
                    values.entry(address.module.clone()).or_default().push(item);
                    objects.insert(address, object);
                }
                Err(messages) => failures.extend(messages),
            }
        }
        for (at, items) in values {
            self.world.borrow_mut().set_resource(id, &at, key, combine(&resource.repeat, items));
        }
        self.world.borrow_mut().leave_resource(id, key);
        self.data.borrow_mut().insert(self.tree.block(id, key), objects);
        if failures.has_errors() { Err(failures) } else { Ok(()) }
    }

    pub(super) fn data_block<'b>(
        &self,
        (id, resource): (ModuleId, &'b Resource),
        schemas: &'b BTreeMap<&'static str, DataSchema>,
    ) -> Result<DataBlock<'b>, Diagnostics> {
        let type_name = &resource.key.type_name;
        let Some(schema) = schemas.get(type_name.as_ref()) else {
            return Err(self.unknown_data_source(resource).into());
        };
        let pending = self.pending(id, resource);
        Ok(DataBlock { id, resource, schema, pending })
    }

    fn unknown_data_source(&self, resource: &Resource) -> Diagnostic {
        let name = &resource.key.type_name;
        let schemas = || self.planner.providers.values().map(|provider| provider.schema());
        let message =
            Diagnostic::error(code::engine::UNKNOWN_TYPE, format!("there is no data source `{name}`"))
                .at(resource.span, "");
        if schemas().any(|schema| schema.resources.contains_key(name.as_ref())) {
            return message.help(format!("`{name}` is a resource type: write `resource` in place of `data`"));
        }
        message.did_you_mean(name, schemas().flat_map(|schema| schema.data.keys().copied()))
    }

    fn questions(&self, block: &DataBlock<'_>) -> (Vec<Question>, Diagnostics) {
        let world = self.world.borrow();
        let (id, key) = (block.id, &block.resource.key);
        let mut failures = Diagnostics::new();
        let mut questions = Vec::new();
        let mut deferred = false;
        for at in world.own_instances(id) {
            if world.is_full() {
                break;
            }
            let (repeat, place) = (&block.resource.repeat, block.resource.span);
            let repetitions = match world.admitted((id, &at), repeat, place) {
                Ok(repetitions) => repetitions,
                Err(messages) => {
                    failures.extend(messages);
                    continue;
                }
            };
            for repetition in repetitions {
                let wanted = world.check_preconditions((id, key), &at, &repetition).and_then(|later| {
                    deferred |= later;
                    let provider = self.provider_for((id, block.resource), &at, &repetition)?;
                    Ok(provider.zip(Some(world.wanted((id, key), &at, &repetition, &block.schema.block)?)))
                });
                match wanted {
                    Ok(Some((provider, wanted))) => {
                        let address = super::block::address_of(&at, key, repetition.key.clone());
                        questions.push(Question { address, repetition, provider, wanted });
                    }
                    Ok(None) => {}
                    Err(messages) => failures.extend(messages),
                }
            }
        }
        drop(world);
        if deferred {
            self.world.borrow_mut().defer(&Node::Resource(id, key.clone()));
        }
        (questions, failures)
    }

    /// Reads an instance, or plans that it is read.
    async fn ask(
        &self,
        block: &DataBlock<'_>,
        question: Question,
        told: bool,
    ) -> Result<(Address, DataObject), Diagnostics> {
        let Question { address, repetition, .. } = &question;
        if let Some(later) = self.later(block, &question, told) {
            let proposed =
                mark_by_schema(&propose(&block.schema.block, None, &question.wanted), &block.schema.block);
            if self.planner.kind == Kind::Apply {
                let operation = read_operation((block, &question), &later, proposed.clone());
                self.operations.borrow_mut().insert(address.clone(), Box::new(operation));
            }
            return Ok((question.address, DataObject { value: proposed, later: Some(later) }));
        }
        let value = self.read_now(block, &question).await?;
        let place = (block.id, &block.resource.key);
        let later = self.world.borrow().check_postconditions(place, &address.module, repetition, &value)?;
        if later {
            self.world.borrow_mut().defer(&Node::Resource(block.id, block.resource.key.clone()));
        }
        Ok((question.address, DataObject { value, later: None }))
    }

    /// Reads an instance whose question is known and whose provider is connected.
    pub(super) async fn read_now(
        &self,
        block: &DataBlock<'_>,
        question: &Question,
    ) -> Result<Value, Diagnostics> {
        let Question { address, wanted, provider: (name, connected), .. } = question;
        let Some(connection) = connected.connection.as_deref() else {
            let summary = format!("{address}: its provider `{name}` is not connected");
            return Err(Diagnostic::error(code::engine::INTERNAL, summary).into());
        };
        let _permit = self.calls.acquire().await;
        read_data(connection, (&address.type_name, block.schema), wanted).await.map_err(|error| {
            describe(&error, &address.to_string(), Some(block.resource.span), Some(block.resource)).into()
        })
    }

    /// Why an instance cannot be read now, if it cannot.
    pub(super) fn later(&self, block: &DataBlock<'_>, question: &Question, told: bool) -> Option<ReadLater> {
        let wanted = &question.wanted;
        if !wanted.is_wholly_known() {
            return Some(ReadLater::Unknown(if told {
                self.unknown_of(block, question)
            } else {
                Vec::new()
            }));
        }
        let (name, connected) = &question.provider;
        if connected.connection.is_none() {
            return Some(ReadLater::Provider(name.clone()));
        }
        Some(ReadLater::Pending(block.pending.clone())).filter(|_| !block.pending.is_empty())
    }

    fn unknown_of(&self, block: &DataBlock<'_>, question: &Question) -> Vec<String> {
        let world = self.world.borrow();
        let mut exprs = Vec::new();
        expressions(&block.resource.body, &mut exprs);
        let repetition = (Some(&question.repetition), Some(&block.resource.repeat));
        let unknown = world.unknown_in((block.id, &question.address.module), repetition, exprs);
        unknown.into_iter().map(|unknown| unknown.path).collect()
    }

    /// The blocks of resources that a data source depends on and of which something changes: those that `depends_on`
    /// leads to, its own and those of the modules that it stands in, and those that it names itself, since it may look at
    /// more of them than what it is asked tells.
    fn pending(&self, id: ModuleId, resource: &Resource) -> Vec<BlockAddress> {
        if self.planner.kind != Kind::Apply {
            return Vec::new();
        }
        let lifecycle = &resource.lifecycle;
        let conditions = lifecycle.preconditions.iter().chain(&lifecycle.postconditions);
        let conditions = conditions.flat_map(|each| [&each.condition, &each.message]);
        let named = references_in_body(&resource.body).into_iter();
        let named = named.chain(resource.repeat.expr().into_iter().chain(conditions).flat_map(references_in));
        let named = named.filter_map(|reference| match reference.target {
            Target::Resource(key) if key.mode == Mode::Managed => Some(Node::Resource(id, key)),
            _ => None,
        });
        let mut start: BTreeSet<usize> = named.filter_map(|node| self.graph.id(&node)).collect();
        self.add_awaited(id, &resource.depends_on, &mut start);
        let mut above = self.tree.parent(id);
        while let Some((parent, call)) = above {
            self.add_awaited(parent, &call.depends_on, &mut start);
            above = self.tree.parent(parent);
        }
        let mut found = BTreeSet::new();
        let mut seen = start.clone();
        let mut open: Vec<_> = start.into_iter().collect();
        while let Some(node) = open.pop() {
            match self.graph.dag.get(node) {
                // What a resource is made from changes it where that matters.
                Node::Resource(at, key) if key.mode == Mode::Managed => {
                    found.insert(self.tree.block(*at, key));
                }
                _ => open.extend(self.graph.dag.dependencies(node).filter(|next| seen.insert(*next))),
            }
        }
        found.into_iter().filter(|block| self.changes(block)).collect()
    }

    fn add_awaited(&self, id: ModuleId, awaited: &[Reference], nodes: &mut BTreeSet<usize>) {
        nodes.extend(awaited.iter().filter_map(|reference| match &reference.target {
            Target::Module(name, _) => self.graph.id(&Node::Close(self.tree.child(id, name)?)),
            Target::Resource(key) => self.graph.id(&Node::Resource(id, key.clone())),
            Target::Local(name) => self.graph.id(&Node::Local(id, name.clone())),
            Target::Variable(name) => self.graph.id(&Node::Variable(id, name.clone())),
            _ => None,
        }));
    }

    /// Whether something is done to an object of a block that was planned, or to one that it no longer has.
    fn changes(&self, block: &BlockAddress) -> bool {
        if let Some(known) = self.changing.borrow().get(block) {
            return *known;
        }
        let operations = self.operations.borrow();
        let acts = |at: ModuleAddress| {
            let BlockAddress { mode, type_name, name, .. } = block.clone();
            let from = Address { module: at.clone(), mode, type_name, name, key: None };
            let own = operations.range(from..).take_while(|(it, _)| it.module == at && it.block() == *block);
            own.into_iter().any(|(_, operation)| operation.action != Action::NoOp)
        };
        let id = self.tree.find(&block.module);
        let planned = id.is_some_and(|id| self.world.borrow().instances(id).into_iter().any(acts));
        let stored = self.stored.get_or_init(|| stored_by_block(self.planner.snapshot));
        let stored = stored.get(block).into_iter().flatten();
        let changes = planned || stored.into_iter().any(|address| !operations.contains_key(*address));
        self.changing.borrow_mut().insert(block.clone(), changes);
        changes
    }
}

/// Addresses of the state by their blocks.
pub(super) type StoredByBlock<'s> = HashMap<BlockAddress, Vec<&'s Address>>;

fn stored_by_block(snapshot: &Snapshot) -> StoredByBlock<'_> {
    let mut stored: StoredByBlock<'_> = HashMap::new();
    for address in snapshot.objects.keys() {
        stored.entry(address.block()).or_default().push(address);
    }
    stored
}

fn read_operation(
    (block, question): (&DataBlock<'_>, &Question),
    later: &ReadLater,
    planned: Value,
) -> Operation {
    let reason = match later {
        ReadLater::Pending(_) => Reason::DependencyPending,
        ReadLater::Unknown(_) | ReadLater::Provider(_) => Reason::ConfigUnknown,
    };
    Operation {
        deposed: None,
        create_before_destroy: false,
        triggered_by: Vec::new(),
        address: question.address.clone(),
        previous: None,
        importing: None,
        provider: question.provider.0.clone(),
        action: Action::Read,
        reason,
        prior: None,
        planned: Some(planned),
        wanted: None,
        replace: Vec::new(),
        stored: None,
        schema_version: 0,
        token: String::new(),
        span: Some(block.resource.span),
        dependencies: Arc::new([]),
    }
}

/// All expressions of a body.
pub(super) fn expressions<'b>(body: &'b Body, found: &mut Vec<&'b Expr>) {
    for item in &body.items {
        match item {
            Item::Attribute(attribute) => found.push(&attribute.value),
            Item::Block(block) => expressions(&block.body, found),
        }
    }
}
