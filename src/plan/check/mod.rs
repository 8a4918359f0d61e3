//! Is a configuration right, whatever its variables will be given?
//!
//! Goes in: a configuration as far as it could be read, and the schemas of providers. Comes out: all that is wrong with
//! it, each thing once: what failed is unknown to what depends on it. Never happens: IO of a provider, a look at the
//! state, a value of a variable that was not given.

use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::graph::{ModuleId, ModuleTree, Node, build_partly};
use crate::lang::config::{Environment, Module, ProviderKey, Resource, ResourceKey};
use crate::lang::eval::{
    BlockSchema, decode, deprecations, evaluate, evaluate_body, ignored, variable_value,
};
use crate::lang::scope::Scope;
use crate::lang::value::{Type, Value};
use crate::plan::change::{Comparison, describe, plan_change};
use crate::plan::condition::{WithData, check_messages, decide, judge};
use crate::plan::moves::relocate;
use crate::plan::planner::Connected;
use crate::plan::propose;
use crate::plan::scope::{Anything, Constant, InstanceScope};
use crate::plan::stored::mark_by_schema;
use crate::plan::world::{Context, Repetition, World, combine};
use crate::provider::{Provider, ResourceSchema};
use mlo_state::{Key, Mode, ModuleAddress, Snapshot};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Providers by the name that configurations have for them.
type Providers = BTreeMap<&'static str, Arc<dyn Provider>>;

/// All that is wrong with a configuration, by place.
pub async fn check(config: &Module, context: &Context, providers: &Providers) -> Diagnostics {
    let tree = ModuleTree::new(config);
    let (graph, messages) = build_partly(&tree);
    let world = World::checking(&tree, context);
    let mut checker = Checker { tree: &tree, providers, world, messages, absent: BTreeMap::new() };
    for node in &graph.order {
        match graph.dag.get(*node) {
            Node::Provider(id, key) => checker.provider(*id, key),
            Node::Resource(id, key) => checker.resource(*id, key).await,
            other => {
                let settled = checker.world.settle(other);
                checker.report(settled, None);
            }
        }
    }
    for id in tree.ids() {
        checker.module(id);
    }
    for environment in config.environments.values() {
        checker.environment(config, environment);
    }
    checker.messages.extend(relocate(&tree, &Snapshot::empty("check"), None).messages);
    checker.finish()
}

struct Checker<'c> {
    tree: &'c ModuleTree<'c>,
    providers: &'c Providers,
    world: World<'c>,
    messages: Diagnostics,
    /// Providers and types that this version does not have, with the places of the blocks that use them.
    absent: BTreeMap<Absent, Vec<Span>>,
}

/// What is known of a block: its provider, and the schema of its type.
struct Known<'c> {
    connected: Connected,
    block: &'c BlockSchema,
    /// Nothing for a data source.
    resource: Option<&'c ResourceSchema>,
}

/// What this version does not have: said once, however many blocks use it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Absent {
    Provider(Arc<str>),
    Type(Mode, Arc<str>),
}

impl<'c> Checker<'c> {
    fn report(&mut self, result: Result<(), Diagnostics>, address: Option<&str>) {
        let Err(messages) = result else { return };
        self.messages.extend(messages.map(|mut message| {
            message.address = message.address.or_else(|| address.map(ToOwned::to_owned));
            message
        }));
    }

    /// The values that an environment has for variables.
    fn environment(&mut self, config: &Module, environment: &Environment) {
        for (name, (_, value)) in &environment.variables {
            let Some(variable) = config.variables.get(name) else { continue };
            let given = evaluate(value, &Constant).map(|given| (given, value.span));
            self.report(
                given.and_then(|given| variable_value(variable, Some(given), &Constant)).map(drop),
                None,
            );
        }
    }

    /// The configuration of a provider, in the first instance of its module.
    fn provider(&mut self, id: ModuleId, key: &ProviderKey) {
        let declared = self.tree.module(id).providers.get(key);
        let Some(provider) = self.providers.get(key.name.as_ref()) else {
            let places = self.absent.entry(Absent::Provider(key.name.clone())).or_default();
            places.extend(declared.map(|declared| declared.span));
            let at = self.world.instances(id).into_iter().next().unwrap_or_default();
            let scope = self.world.scope(id, &at, None);
            let checked = declared.map_or(Ok(()), |declared| evaluate_body(&declared.body, &scope));
            return self.report(checked, None);
        };
        let Some(declared) = declared else { return };
        let Some(at) = self.world.instances(id).into_iter().next() else { return };
        let repetition = declared.for_each.as_ref().map(|_| Repetition::imagined(&declared.repeat()));
        let scope = self.world.scope(id, &at, repetition.as_ref());
        let schema = &provider.schema().config;
        self.messages.extend(deprecations(&declared.body, schema));
        let keys = declared
            .for_each
            .iter()
            .try_for_each(|_| self.world.repetitions(id, &at, &declared.repeat()).map(drop));
        let decoded = decode(&declared.body, schema, &scope).map(drop);
        self.report(keys, None);
        self.report(decoded, None);
    }

    /// A block in all instances of its module; the first of its own that is wrong stands for the others.
    async fn resource(&mut self, id: ModuleId, key: &ResourceKey) {
        let Some(resource) = self.tree.module(id).resources.get(key) else { return };
        let address = self.tree.block(id, key).to_string();
        let known = self.known(id, resource);
        if let Some(Known { block, .. }) = &known {
            self.messages.extend(deprecations(&resource.body, block));
            self.ignored(id, resource, block);
        }
        for at in self.world.instances(id) {
            if self.world.is_full() {
                break;
            }
            let repetitions = match self.world.admitted((id, &at), &resource.repeat, resource.span) {
                Ok(repetitions) => repetitions,
                Err(messages) => {
                    self.report(Err(messages), Some(&address));
                    vec![Repetition::imagined(&resource.repeat)]
                }
            };
            let mut items = Vec::with_capacity(repetitions.len());
            for repetition in repetitions {
                let (value, checked) = self.instance((id, &at), resource, known.as_ref(), &repetition).await;
                items.push((repetition.key, value));
                let failed = checked.is_err();
                self.report(checked, Some(&address));
                if failed {
                    items = vec![(None::<Key>, items.pop().map_or_else(Value::null, |(_, value)| value))];
                    break;
                }
            }
            self.world.set_resource(id, &at, key, combine(&resource.repeat, items));
        }
    }

    /// What `ignore_changes` names is an argument of the type.
    fn ignored(&mut self, id: ModuleId, resource: &Resource, schema: &BlockSchema) {
        let Some(expr) = &resource.lifecycle.ignore_changes else { return };
        let Some(at) = self.world.instances(id).into_iter().next() else { return };
        let (mut found, repetition) = (Diagnostics::new(), Repetition::imagined(&resource.repeat));
        let scope = self.world.scope(id, &at, Some(&repetition));
        let what = (resource.key.type_name.as_ref(), schema);
        if let Err(messages) = ignored(expr, what, &Anything(&scope), &mut found) {
            found.extend(messages);
        }
        self.messages.extend(found);
    }

    /// The provider of a block and the schema of its type, if this version has them.
    fn known(&mut self, id: ModuleId, resource: &Resource) -> Option<Known<'c>> {
        let (_, provider) = self.tree.provider(id, &resource.provider.key);
        let providers: &'c Providers = self.providers;
        let Some(found) = providers.get(provider.name.as_ref()) else {
            self.absent.entry(Absent::Provider(provider.name)).or_default().push(resource.span);
            return None;
        };
        let ResourceKey { mode, type_name, .. } = &resource.key;
        let schema = found.schema();
        let resource_schema = schema.resources.get(type_name.as_ref()).filter(|_| *mode == Mode::Managed);
        let data = schema.data.get(type_name.as_ref()).filter(|_| *mode == Mode::Data);
        let block = resource_schema.map(|schema| &schema.block).or(data.map(|schema| &schema.block));
        let Some(block) = block else {
            self.absent.entry(Absent::Type(*mode, type_name.clone())).or_default().push(resource.span);
            return None;
        };
        let connected = Connected { provider: found.clone(), connection: None, before: None };
        Some(Known { connected, block, resource: resource_schema })
    }

    /// What a block's instance will be, as far as it is known, and what is wrong with it.
    async fn instance(
        &self,
        (id, at): (ModuleId, &ModuleAddress),
        resource: &Resource,
        known: Option<&Known<'_>>,
        repetition: &Repetition,
    ) -> (Value, Result<(), Diagnostics>) {
        let scope = self.world.scope(id, at, Some(repetition));
        let anything = Anything(&scope);
        let scope: &dyn Scope = if repetition.imagined { &anything } else { &scope };
        let mut wrong = Diagnostics::new();
        let mut add = |result: Result<(), Diagnostics>| {
            if let Err(messages) = result {
                wrong.extend(messages);
            }
        };
        let lifecycle = &resource.lifecycle;
        add(judge(&lifecycle.preconditions, scope, code::engine::PRECONDITION).result());
        add(check_messages(&lifecycle.preconditions, scope));
        let flags = [&lifecycle.create_before_destroy, &lifecycle.prevent_destroy];
        for flag in flags.into_iter().flatten() {
            add(self.world.flag(id, at, Some(repetition), Some(flag)).map(drop));
        }
        add(resource.provider.instance.as_ref().map_or(Ok(()), |key| evaluate(key, scope).map(drop)));
        let mut value = Value::unknown(Type::Any);
        match known {
            None => add(evaluate_body(&resource.body, scope)),
            Some(known) => {
                value = Value::unknown_not_null(known.block.implied_type().without_optional());
                match self.planned(scope, resource, known).await {
                    Ok(planned) => value = planned,
                    Err(messages) => add(Err(messages)),
                }
            }
        }
        let itself = InstanceScope { itself: Some(&value), ..self.world.scope(id, at, Some(repetition)) };
        add(judge(&lifecycle.postconditions, &itself, code::engine::POSTCONDITION).result());
        add(check_messages(&lifecycle.postconditions, &itself));
        (value, if wrong.has_errors() { Err(wrong) } else { Ok(()) })
    }

    async fn planned(
        &self,
        scope: &dyn Scope,
        resource: &Resource,
        known: &Known<'_>,
    ) -> Result<Value, Diagnostics> {
        let wanted = decode(&resource.body, known.block, scope)?;
        let Some(schema) = known.resource else {
            return Ok(mark_by_schema(&propose(known.block, None, &wanted), known.block));
        };
        crate::plan::planner::refuse_ephemeral(&wanted, resource)?;
        let comparison = Comparison { prior: None, wanted: &wanted, kept: &wanted, must_replace: false };
        let change = plan_change(&known.connected, &resource.key, schema, comparison).await;
        let address = format!("{}.{}", resource.key.type_name, resource.key.name);
        let change =
            change.map_err(|error| describe(&error, &address, Some(resource.span), Some(resource)))?;
        Ok(change.planned)
    }

    /// What no node of the graph stands for: checks and imports.
    fn module(&mut self, id: ModuleId) {
        let module = self.tree.module(id);
        let mut asked = BTreeMap::new();
        for (name, check) in &module.checks {
            let known = check.data.as_ref().and_then(|data| self.known(id, data));
            asked.extend(known.map(|known| (name.clone(), known.block)));
        }
        let Some(at) = self.world.instances(id).into_iter().next() else { return };
        let mut found = Diagnostics::new();
        let mut add = |result: Result<(), Diagnostics>| {
            if let Err(messages) = result {
                found.extend(messages);
            }
        };
        let scope = self.world.scope(id, &at, None);
        for (name, check) in &module.checks {
            let mut value = Value::unknown(Type::Any);
            if let Some(data) = &check.data {
                match asked.get(name).map(|block| decode(&data.body, block, &scope).map(|it| (it, *block))) {
                    None => add(evaluate_body(&data.body, &scope)),
                    Some(Ok((wanted, block))) => value = propose(block, None, &wanted),
                    Some(Err(messages)) => add(Err(messages)),
                }
            }
            let inner = self.world.scope(id, &at, None);
            let nested = check.data.as_ref().map(|data| WithData { inner, key: &data.key, value: &value });
            let scope: &dyn Scope = match &nested {
                Some(nested) => nested,
                None => &scope,
            };
            for assertion in &check.assertions {
                add(decide(assertion, scope).map(drop));
            }
            add(check_messages(&check.assertions, scope));
        }
        for import in &module.imports {
            let repetition = import.for_each.as_ref().map(|_| Repetition::imagined(&import.repeat()));
            add(self.world.repetitions(id, &at, &import.repeat()).map(drop));
            add(evaluate(&import.id, &self.world.scope(id, &at, repetition.as_ref())).map(drop));
        }
        self.messages.extend(found);
    }

    fn finish(mut self) -> Diagnostics {
        for (absent, mut places) in std::mem::take(&mut self.absent) {
            places.sort();
            places.dedup();
            let others = places.len().saturating_sub(1);
            let message = match &absent {
                Absent::Provider(name) => self.no_provider(name),
                Absent::Type(mode, name) => self.no_type(*mode, name),
            };
            let message =
                places.first().into_iter().fold(message, |message, span| message.at(*span, "used here"));
            self.messages.push(match others {
                0 => message,
                1 => message.detail("Another block uses it too."),
                _ => message.detail(format!("{others} other blocks use it too.")),
            });
        }
        self.messages
    }

    fn no_provider(&self, name: &str) -> Diagnostic {
        let known: Vec<_> = self.providers.keys().map(|name| format!("`{name}`")).collect();
        Diagnostic::error(code::engine::UNKNOWN_PROVIDER, format!("there is no provider `{name}`"))
            .did_you_mean(name, self.providers.keys().copied())
            .help(format!("the providers of this version are {}", known.join(", ")))
    }

    fn no_type(&self, mode: Mode, name: &str) -> Diagnostic {
        let what = match mode {
            Mode::Managed => "resource type",
            Mode::Data => "data source",
        };
        let schemas = self.providers.values().map(|provider| provider.schema());
        let schemas: Vec<_> = schemas.collect();
        let resources = schemas.iter().flat_map(|schema| schema.resources.keys().copied());
        let data = schemas.iter().flat_map(|schema| schema.data.keys().copied());
        let (known, other): (Vec<_>, Vec<_>) = match mode {
            Mode::Managed => (resources.collect(), data.collect()),
            Mode::Data => (data.collect(), resources.collect()),
        };
        let message = Diagnostic::error(code::engine::UNKNOWN_TYPE, format!("there is no {what} `{name}`"));
        if other.contains(&name) {
            let (is, write, wrong) = match mode {
                Mode::Managed => ("data source", "data", "resource"),
                Mode::Data => ("resource type", "resource", "data"),
            };
            return message.help(format!("`{name}` is a {is}: write `{write}` in place of `{wrong}`"));
        }
        message.did_you_mean(name, known)
    }
}

#[cfg(test)]
mod tests;
