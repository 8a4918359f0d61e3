//! The providers of changes that an earlier run left open: configured as they were when the changes were begun.
//!
//! In: a configuration, what the state has of its resources, and the open changes. Out: a connection for each, or why
//! there is none. Never: a connection to another place than the change was sent to because something is not known.

use super::change::describe;
use super::data::read_data;
use super::planner::{Connected, bare_provider, instance_name, name_of, provider_block, provider_name};
use super::remembered::{by_block, settle};
use super::stand_in::ProviderStandIn;
use super::world::{Context, ProviderAt, Repetition, World, combine};
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::{Graph, ModuleId, ModuleTree, Node, NodeId, build};
use crate::lang::config::{ProviderKey, Resource, ResourceKey};
use crate::lang::value::{Type, Value};
use crate::provider::{DataSchema, Provider, Surroundings};
use mlo_state::{Address, Mode, ModuleAddress, Object, Pending, Snapshot};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// What there is to connect with.
pub(super) type Providers = BTreeMap<&'static str, Arc<dyn Provider>>;

/// What the providers of open changes are configured with.
pub struct Configured<'c> {
    world: World<'c>,
    providers: &'c Providers,
    surroundings: &'c Surroundings,
    /// What went wrong where values were looked for.
    unread: Diagnostics,
}

impl<'c> Configured<'c> {
    /// Evaluates a configuration with what the state has of its resources. Data sources are read that providers of open
    /// changes are configured from.
    pub async fn read(
        (tree, context): (&'c ModuleTree<'c>, &'c Context),
        (providers, surroundings): (&'c Providers, &'c Surroundings),
        snapshot: &Snapshot,
        pending: &[Pending],
    ) -> Self {
        let (world, unread) = (World::new(tree, context), Diagnostics::new());
        let mut configured = Self { world, providers, surroundings, unread };
        match build(tree) {
            Ok(graph) => configured.walk(&graph, snapshot, pending).await,
            Err(messages) => configured.unread = messages,
        }
        configured
    }

    async fn walk(&mut self, graph: &Graph, snapshot: &Snapshot, pending: &[Pending]) {
        let objects = by_block(snapshot);
        let needed = needed(graph, snapshot, pending);
        let mut failed: HashSet<NodeId> = HashSet::new();
        for id in &graph.order {
            if graph.dag.dependencies(*id).any(|dependency| failed.contains(&dependency)) {
                failed.insert(*id);
                continue;
            }
            let node = graph.dag.get(*id);
            let settled = match node {
                Node::Resource(module, key) if key.mode == Mode::Data && needed.contains(id) => {
                    self.read_block(*module, key).await
                }
                node => settle(&mut self.world, node, self.providers, &objects),
            };
            if let Err(said) = settled {
                failed.insert(*id);
                if needed.contains(id) {
                    self.unread.extend(said);
                }
            }
        }
    }

    /// Reads the instances of a data source of which it is known what they are asked.
    async fn read_block(&mut self, id: ModuleId, key: &ResourceKey) -> Result<(), Diagnostics> {
        let tree = self.world.tree;
        let Some(resource) = tree.module(id).resources.get(key) else { return Ok(()) };
        let (_, used) = tree.provider(id, &resource.provider.key);
        let data = self.providers.get(used.name.as_ref());
        let data = data.and_then(|provider| provider.schema().data.get(key.type_name.as_ref()));
        let Some(schema) = data else { return Ok(()) };
        for at in self.world.instances(id) {
            let mut items = Vec::new();
            for repetition in self.world.repetitions(id, &at, &resource.repeat)? {
                let value = self.read_instance((id, resource), schema, &at, &repetition).await?;
                items.push((repetition.key, value));
            }
            self.world.set_resource(id, &at, key, combine(&resource.repeat, items));
        }
        Ok(())
    }

    async fn read_instance(
        &self,
        (id, resource): (ModuleId, &Resource),
        schema: &DataSchema,
        at: &ModuleAddress,
        repetition: &Repetition,
    ) -> Result<Value, Diagnostics> {
        let key = &resource.key;
        let wanted = self.world.wanted((id, key), at, repetition, &schema.block)?;
        if !wanted.is_wholly_known() {
            return Ok(Value::unknown(Type::Any));
        }
        let used = self.world.provider_at((id, at), &resource.provider, repetition)?;
        let (module, mode, key) = (at.clone(), key.mode, repetition.key.clone());
        let (type_name, name) = (resource.key.type_name.clone(), resource.key.name.clone());
        let address = Address { module, mode, type_name, name, key };
        let name = name_of(self.world.tree, &used);
        let connected = self.connect(&address, &(used.0, used.1), &name).await?;
        let Some(connection) = connected.connection.as_deref() else { return Ok(Value::unknown(Type::Any)) };
        read_data(connection, (&address.type_name, schema), &wanted).await.map_err(|error| {
            describe(&error, &address.to_string(), Some(resource.span), Some(resource)).into()
        })
    }

    /// The provider of an open change, connected, and the name that the state has for its configuration.
    ///
    /// # Errors
    /// If it is not known any more what it was configured with.
    pub(crate) async fn of_pending(
        &self,
        pending: &Pending,
        stored: Option<&Object>,
    ) -> Result<(String, Connected), Diagnostics> {
        let (tree, address) = (self.world.tree, &pending.address);
        let recorded = pending.provider.as_deref().or(stored.map(|object| object.provider.as_str()));
        let used = || {
            let used = self.used_by(address)?;
            Some(name_of(tree, &used))
        };
        let name = recorded.map(str::to_owned).or_else(used).unwrap_or_else(|| of_type(address).to_owned());
        let block = match provider_block(tree, &name) {
            Some(block) => block,
            // No block configured it, and none need.
            None if pending.provider.is_none() && bare_provider(&name) == name && !name.ends_with(']') => {
                (0, ProviderKey { name: name.as_str().into(), alias: None })
            }
            None => return Err(not_configured(address, &name)),
        };
        let connected = self.connect(address, &block, &name).await?;
        Ok((name, connected))
    }

    async fn connect(
        &self,
        address: &Address,
        (id, key): &(ModuleId, ProviderKey),
        name: &str,
    ) -> Result<Connected, Diagnostics> {
        let stand_ins = &self.world.context.stand_ins;
        if let Some(connected) = stand_ins.object(address, name) {
            return Ok(connected.clone());
        }
        let stand_in = stand_ins.provider(name);
        if let Some(ProviderStandIn::Connected(connected)) = stand_in {
            return Ok(connected.clone());
        }
        let Some(provider) = self.providers.get(key.name.as_ref()) else {
            let summary =
                format!("an earlier run left {address} open, and there is no provider `{}`", key.name);
            return Err(Diagnostic::error(code::engine::UNKNOWN_PROVIDER, summary).into());
        };
        let config = if let Some(ProviderStandIn::Configured(config)) = stand_in {
            config.clone()
        } else {
            let configs = self.world.provider_configs(*id, key, provider.schema());
            let configs = configs.map_err(|messages| self.not_known(address, name, messages))?;
            let base = provider_name(self.world.tree, *id, key);
            let is_it = |instance: Option<&str>| instance_name(&base, instance) == name;
            let found = configs.into_iter().find(|(instance, _)| is_it(instance.as_deref()));
            found.ok_or_else(|| not_configured(address, name))?.1
        };
        if !config.is_wholly_known() {
            return Err(self.not_known(address, name, Diagnostics::new()));
        }
        let connection = provider.connect(&config, self.surroundings).await;
        let connection =
            connection.map_err(|error| describe(&error, &format!("provider {name}"), None, None))?;
        Ok(Connected { provider: provider.clone(), connection: Some(connection), before: None })
    }

    fn not_known(&self, address: &Address, name: &str, mut why: Diagnostics) -> Diagnostics {
        why.extend(self.unread.clone());
        let summary = format!(
            "it is not known what became of {address}, which an earlier run left open: what provider {name} is \
             configured with is not known"
        );
        why.push(Diagnostic::error(code::engine::UNKNOWN_PROVIDER, summary).help(
            "configure it as it was, from values that are known, and apply again; nothing is done before that",
        ));
        why
    }

    /// The configuration of a provider that the block of an object uses.
    fn used_by(&self, address: &Address) -> Option<ProviderAt> {
        let tree = self.world.tree;
        let id = tree.find(&address.module.block())?;
        let Address { mode, type_name, name, .. } = address.clone();
        let resource = tree.module(id).resources.get(&ResourceKey { mode, type_name, name })?;
        let all = self.world.repetitions_by_key(id, &address.module, &resource.repeat).ok()?;
        let place = (id, &address.module);
        self.world.provider_at(place, &resource.provider, all.get(&address.key)?).ok()
    }
}

/// The provider that a type is named after.
fn of_type(address: &Address) -> &str {
    address.type_name.split('_').next().unwrap_or_default()
}

fn not_configured(address: &Address, name: &str) -> Diagnostics {
    let summary = format!(
        "it is not known what became of {address}, which an earlier run left open: provider {name}, with which it was \
         begun, is not configured any more"
    );
    Diagnostic::error(code::engine::UNKNOWN_PROVIDER, summary)
        .help("bring its `provider` block back and apply: that finds out what is there; then take the block out")
        .into()
}

/// What the configurations of the open changes' providers are made from.
fn needed(graph: &Graph, snapshot: &Snapshot, pending: &[Pending]) -> BTreeSet<NodeId> {
    let name = |pending: &Pending| {
        let stored = snapshot.objects.get(&pending.address).map(|object| object.provider.as_str());
        let recorded = pending.provider.as_deref().or(stored);
        recorded.map_or_else(|| of_type(&pending.address), bare_provider).to_owned()
    };
    let names: BTreeSet<String> = pending.iter().map(name).collect();
    let is_used = |node: &Node| matches!(node, Node::Provider(_, key) if names.contains(key.name.as_ref()));
    let mut open: Vec<NodeId> =
        graph.order.iter().copied().filter(|id| is_used(graph.dag.get(*id))).collect();
    let mut needed: BTreeSet<NodeId> = open.iter().copied().collect();
    while let Some(node) = open.pop() {
        open.extend(graph.dag.dependencies(node).filter(|next| needed.insert(*next)));
    }
    needed
}
