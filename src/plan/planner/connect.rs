//! Providers: configured and connected as soon as their configuration is known.

use super::Walker;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::{ModuleId, ModuleTree, Node, NodeId};
use crate::lang::config::{ProviderKey, Resource};
use crate::lang::value::Value;
use crate::plan::ProviderStandIn;
use crate::plan::change::describe;
use crate::plan::planner::{Connected, Kind};
use crate::plan::remembered::set_resource;
use crate::plan::world::{ProviderAt, Repetition, World};
use crate::provider::Provider;
use mlo_state::{Address, Mode, ModuleAddress, Object};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Walker<'_, '_, '_> {
    pub(super) async fn connect(
        &self,
        node: &Node,
        id: ModuleId,
        key: &ProviderKey,
    ) -> Result<(), Diagnostics> {
        let Some(provider) = self.planner.providers.get(key.name.as_ref()).cloned() else {
            return Err(self.unknown_provider(node, key).into());
        };
        let name = provider_name(self.tree, id, key);
        let stand_in = self.planner.context.stand_ins.provider(&name);
        if let Some(ProviderStandIn::Connected(connected)) = stand_in {
            self.connections.borrow_mut().insert(name, connected.clone());
            return Ok(());
        }
        // What it is configured from may never have been made: without objects nobody misses it.
        let optional = self.planner.kind == Kind::Destroy && !self.keeps_objects(&name);
        let configs = match stand_in {
            Some(ProviderStandIn::Configured(config)) => Ok(vec![(None, config.clone())]),
            _ => self.world.borrow().provider_configs(id, key, provider.schema()),
        };
        let configs = if optional { configs.unwrap_or_default() } else { configs? };
        for (instance, config) in configs {
            let mut connected = Connected { provider: provider.clone(), connection: None, before: None };
            let name = instance_name(&name, instance.as_deref());
            if config.is_wholly_known() {
                match provider.connect(&config, self.planner.surroundings).await {
                    Ok(connection) => connected.connection = Some(connection),
                    Err(_) if optional => continue,
                    Err(error) => {
                        return Err(describe(&error, &format!("provider {name}"), None, None).into());
                    }
                }
            } else {
                self.world.borrow_mut().defer(node);
                if self.keeps_objects(&name) {
                    connected.before = self.config_before((id, key), instance.as_ref(), provider.as_ref());
                }
            }
            self.connections.borrow_mut().insert(name, connected);
        }
        Ok(())
    }

    /// Whether the state has objects of a provider, so named, or of an instance of it.
    fn keeps_objects(&self, name: &str) -> bool {
        let names = self.providers.get_or_init(|| {
            let snapshot = self.planner.snapshot;
            let objects = snapshot.objects.values();
            let objects = objects.chain(snapshot.deposed_objects().map(|(_, _, object)| object));
            objects.map(|object| object.provider.as_str()).collect::<BTreeSet<_>>()
        });
        let instances = format!("{name}[");
        names.contains(name)
            || names.range(instances.as_str()..).next().is_some_and(|it| it.starts_with(&instances))
    }

    /// What a provider was configured with when its objects were made: by the state's values. What it keeps is deleted
    /// with that, before any of what it was configured from changes.
    fn config_before(
        &self,
        (id, key): (ModuleId, &ProviderKey),
        instance: Option<&Arc<str>>,
        provider: &dyn Provider,
    ) -> Option<Value> {
        let start = self.graph.id(&Node::Provider(id, key.clone()))?;
        let mut needed: BTreeSet<NodeId> = BTreeSet::new();
        let mut open = vec![start];
        while let Some(node) = open.pop() {
            open.extend(self.graph.dag.dependencies(node).filter(|next| needed.insert(*next)));
        }
        let mut world = World::new(self.tree, self.planner.context);
        for node in self.graph.order.iter().filter(|node| needed.contains(*node)) {
            match self.graph.dag.get(*node) {
                Node::Resource(module, key) if key.mode == Mode::Managed => {
                    set_resource(&mut world, (*module, key), self.planner.providers, self.remembered());
                }
                Node::Resource(module, key) => {
                    for at in world.instances(*module) {
                        let known = self.world.borrow().resource_value(*module, &at, key);
                        if let Some(value) = known {
                            world.set_resource(*module, &at, key, value);
                        }
                    }
                }
                other => world.settle(other).ok()?,
            }
        }
        let configs = world.provider_configs(id, key, provider.schema()).ok()?;
        let config = configs.into_iter().find(|(other, _)| other.as_ref() == instance);
        config.map(|(_, config)| config).filter(Value::is_wholly_known)
    }

    /// The provider of an instance of a block by the name that the state has for it. Nothing if it could not be
    /// connected, which was said.
    pub(super) fn provider_for(
        &self,
        (id, resource): (ModuleId, &Resource),
        at: &ModuleAddress,
        repetition: &Repetition,
    ) -> Result<Option<(String, Connected)>, Diagnostics> {
        let found = self.world.borrow().provider_at((id, at), &resource.provider, repetition)?;
        let name = name_of(self.tree, &found);
        let stand_ins = &self.planner.context.stand_ins;
        if stand_ins.has_objects() {
            let address = super::block::address_of(at, &resource.key, repetition.key.clone());
            if let Some(connected) = stand_ins.object(&address, &name) {
                return Ok(Some((name, connected.clone())));
            }
        }
        let (place, key, instance) = found;
        if let Some(connected) = self.connections.borrow().get(&name).cloned() {
            return Ok(Some((name, connected)));
        }
        let block = self.tree.module(place).providers.get(&key);
        let Some(for_each) = block.and_then(|block| block.for_each.as_ref()) else { return Ok(None) };
        let summary = match instance {
            Some(instance) => format!("provider `{}` has no configuration {instance:?}", key.name),
            None => format!("provider `{}` has a configuration for each key, and none is chosen", key.name),
        };
        let span = resource.provider.instance.as_ref().map_or(resource.span, |expr| expr.span);
        Err(Diagnostic::error(code::engine::UNKNOWN_PROVIDER, summary)
            .at(span, "")
            .at(for_each.span, "the keys that there are")
            .into())
    }

    pub(super) fn unknown_provider(&self, node: &Node, key: &ProviderKey) -> Diagnostic {
        let summary = format!("there is no provider `{}`", key.name);
        let users =
            self.graph.id(node).into_iter().flat_map(|id| self.graph.dag.dependents(id).collect::<Vec<_>>());
        let places = users.filter_map(|user| self.graph.dag.get(user).describe(self.tree).span);
        let span = node.describe(self.tree).span.or_else(|| places.min());
        let message = Diagnostic::error(code::engine::UNKNOWN_PROVIDER, summary);
        let message = span.into_iter().fold(message, |message, span| message.at(span, "used here"));
        let known: Vec<_> = self.planner.providers.keys().map(|name| format!("`{name}`")).collect();
        let message = message.did_you_mean(&key.name, self.planner.providers.keys().copied());
        message.help(format!("the providers of this version are {}", known.join(", ")))
    }

    /// The provider of an object whose block may be gone: as configured, else with an empty configuration.
    pub(super) async fn connect_for(
        &self,
        address: &Address,
        object: &Object,
    ) -> Result<Connected, Diagnostics> {
        let stand_ins = &self.planner.context.stand_ins;
        if let Some(connected) = stand_ins.object(address, &object.provider) {
            return Ok(connected.clone());
        }
        if let Some(connected) = self.connections.borrow().get(&object.provider) {
            return Ok(connected.clone());
        }
        let stand_in = stand_ins.provider(&object.provider);
        if let Some(ProviderStandIn::Connected(connected)) = stand_in {
            self.connections.borrow_mut().insert(object.provider.clone(), connected.clone());
            return Ok(connected.clone());
        }
        let name = bare_provider(&object.provider);
        let Some(provider) = self.planner.providers.get(name).cloned() else {
            let summary = format!("the state has {address}, and there is no provider `{name}`");
            return Err(Diagnostic::error(code::engine::UNKNOWN_PROVIDER, summary).into());
        };
        let unreachable = self.unreachable([(address, object)]);
        if unreachable.has_errors() {
            return Err(unreachable);
        }
        let config = match stand_in {
            Some(ProviderStandIn::Configured(config)) => config.clone(),
            _ => provider.schema().empty_config(),
        };
        let connection = provider.connect(&config, self.planner.surroundings).await;
        let connection =
            connection.map_err(|error| describe(&error, &format!("provider {name}"), None, None))?;
        let connected = Connected { provider, connection: Some(connection), before: None };
        self.connections.borrow_mut().insert(object.provider.clone(), connected.clone());
        Ok(connected)
    }
}

/// What the name that the state has for a provider's configuration is made of: `module.a.local.by["eu"]`.
pub(super) struct Parts<'n> {
    /// The calls that lead to the module that has the block.
    pub(super) modules: Vec<&'n str>,
    /// The provider's own name.
    pub(super) name: &'n str,
    pub(super) alias: Option<&'n str>,
    /// The key of the instance, with its quotes.
    pub(super) key: Option<&'n str>,
}

pub(super) fn parts(mut rest: &str) -> Parts<'_> {
    let mut modules = Vec::new();
    while let Some(inner) = rest.strip_prefix("module.") {
        let (module, after) = inner.split_once('.').unwrap_or((inner, ""));
        modules.push(module);
        rest = after;
    }
    let (name, key) = rest.split_once('[').map_or((rest, None), |(name, key)| (name, Some(key)));
    let (name, alias) = name.split_once('.').map_or((name, None), |(name, alias)| (name, Some(alias)));
    Parts { modules, name, alias, key }
}

/// The provider's own name in the name that the state has for its configuration.
pub(crate) fn bare_provider(name: &str) -> &str {
    parts(name).name
}

/// The name of a configuration without the key of its instance.
pub(super) fn without_key(name: &str) -> &str {
    name.split_once('[').map_or(name, |(name, _)| name)
}

/// The name that the state has for a provider's configuration: `local`, `local.west`, `module.a.local`.
pub(crate) fn provider_name(tree: &ModuleTree<'_>, id: ModuleId, key: &ProviderKey) -> String {
    let alias = key.alias.as_ref().map(|alias| format!(".{alias}")).unwrap_or_default();
    format!("{}{}{alias}", tree.prefix(id), key.name)
}

/// The same with the key of an instance: `local.by["eu"]`.
pub(crate) fn instance_name(name: &str, instance: Option<&str>) -> String {
    instance.map_or_else(|| name.to_owned(), |instance| format!("{name}[{instance:?}]"))
}

/// The name that the state has for the configuration that an instance of a block uses.
pub(crate) fn name_of(tree: &ModuleTree<'_>, (id, key, instance): &ProviderAt) -> String {
    instance_name(&provider_name(tree, *id, key), instance.as_deref())
}

/// The block that makes the configuration which the state names so, or an instance of it.
pub(crate) fn provider_block(tree: &ModuleTree<'_>, name: &str) -> Option<(ModuleId, ProviderKey)> {
    let base = name.split_once('[').map_or(name, |(base, _)| base);
    let mut all = tree.ids().flat_map(|id| tree.module(id).providers.keys().map(move |key| (id, key)));
    let (id, key) = all.find(|(id, key)| provider_name(tree, *id, key) == base)?;
    Some((id, key.clone()))
}
