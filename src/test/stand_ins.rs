//! What stands in for what in a run: mocks, overrides, and the providers that a file of tests configures.

use super::Testing;
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::graph::{ModuleTree, Node, build};
use crate::lang::config::{Module, ProviderKey};
use crate::lang::eval::{BlockSchema, decode};
use crate::lang::suite::{MockDefaults, MockProvider, Override, Run, TestProvider};
use crate::lang::syntax::ast::Expr;
use crate::lang::value::Value;
use crate::plan::{AddressPattern, Connected, ProviderStandIn, StandIns, provider_name};
use crate::provider::mock::{Choices, Chosen, Mock, misfits};
use crate::provider::{Connection, ProviderSchema};
use mlo_state::Mode;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Finds what stands in for what in a run of a module.
pub(super) struct Finder<'f, 't, 'a> {
    pub(super) testing: &'f Testing<'t, 'a>,
    /// What the file's expressions see as `var`.
    pub(super) variables: &'f BTreeMap<Arc<str>, Value>,
    pub(super) tree: &'f ModuleTree<'f>,
    pub(super) found: StandIns,
    pub(super) messages: Diagnostics,
}

impl Finder<'_, '_, '_> {
    /// Finds all of it. Overrides of the run count more than the file's, and these more than those of a mock.
    pub(super) fn find(&mut self, run: &Run) {
        for (key, provider, place) in self.providers(run) {
            let name = provider_name(self.tree, 0, &key);
            match provider {
                TestProvider::Mock(mock) => self.mock(&name, &mock, place),
                TestProvider::Real(real) => {
                    let schema = self.testing.tester.providers.get(key.name.as_ref()).map(|it| it.schema());
                    let Some(schema) = schema else { continue };
                    let config = self
                        .testing
                        .with_scope(self.variables, |scope| decode(&real.body, &schema.config, scope));
                    match config {
                        Ok(config) => self.found.add_provider(name, ProviderStandIn::Configured(config)),
                        Err(messages) => self.messages.extend(messages),
                    }
                }
            }
        }
        for each in self.testing.file.overrides.iter().chain(&run.overrides) {
            self.add_override(each, None, false);
        }
    }

    /// The providers of the file that the module needs, by the names that it has for them, and where they are named.
    fn providers(&mut self, run: &Run) -> Vec<(ProviderKey, TestProvider, Span)> {
        let all = &self.testing.file.providers;
        // A circle is told when the plan is made.
        let Ok(graph) = build(self.tree) else { return Vec::new() };
        let nodes = graph.order.iter().map(|node| graph.dag.get(*node));
        let needed: BTreeSet<ProviderKey> = nodes
            .filter_map(|node| match node {
                Node::Provider(0, key) => Some(key.clone()),
                _ => None,
            })
            .collect();
        if run.providers.is_empty() {
            let own = all.iter().filter(|(key, _)| needed.contains(*key));
            return own.map(|(key, it)| (key.clone(), it.clone(), it.span())).collect();
        }
        let mut found = Vec::new();
        for (inner, (outer, span)) in &run.providers {
            if let Some(provider) = all.get(&outer.key).filter(|_| outer.key.name == inner.name) {
                if needed.contains(inner) {
                    found.push((inner.clone(), provider.clone(), *span));
                }
                continue;
            }
            if self.tree.module(0).providers.contains_key(&outer.key) && outer.key == *inner {
                continue;
            }
            let summary = format!(
                "the file has no provider `{}` that could be `{}`",
                spelled(&outer.key),
                spelled(inner)
            );
            let error = Diagnostic::error(code::engine::STAND_IN, summary).at(*span, "");
            let known: Vec<_> = all.keys().map(spelled).collect();
            self.messages.push(error.did_you_mean(&spelled(&outer.key), known.iter().map(String::as_str)));
        }
        found
    }

    fn mock(&mut self, name: &str, mock: &MockProvider, place: Span) {
        let Some(provider) = self.testing.tester.providers.get(mock.key.name.as_ref()).cloned() else {
            let summary = format!("there is no provider `{}`", mock.key.name);
            let error = Diagnostic::error(code::engine::UNKNOWN_PROVIDER, summary).at(mock.span, "");
            let known = self.testing.tester.providers.keys().copied();
            return self.messages.push(error.did_you_mean(&mock.key.name, known).at(place, "used here"));
        };
        let schema = provider.schema();
        let mut choices = Choices { at_plan: mock.at_plan, ..Choices::default() };
        for defaults in &mock.defaults {
            let Some(block) = self.block_of(defaults, schema) else { continue };
            let at_plan = defaults.at_plan.unwrap_or(mock.at_plan);
            let values = self.values(defaults.values.as_ref(), defaults.span, &block);
            let into = if defaults.is_data { &mut choices.data } else { &mut choices.resources };
            into.insert(defaults.type_name.name.clone(), Chosen { values, at_plan });
        }
        let connected = self.connected(schema.clone(), choices);
        self.found.add_provider(name.to_owned(), ProviderStandIn::Connected(connected));
        for each in &mock.overrides {
            self.add_override(each, Some(name), mock.at_plan);
        }
    }

    fn connected(&self, schema: ProviderSchema, choices: Choices) -> Connected {
        let mock = Arc::new(Mock::new(schema, choices, self.testing.tester.dice.clone()));
        let connection: Arc<dyn Connection> = mock.clone();
        Connected { provider: mock, connection: Some(connection), before: None }
    }

    /// The schema of what a block of defaults is for.
    fn block_of(&mut self, defaults: &MockDefaults, schema: &ProviderSchema) -> Option<BlockSchema> {
        let name = defaults.type_name.name.as_ref();
        let (found, what, known): (_, _, Vec<_>) = if defaults.is_data {
            let found = schema.data.get(name).map(|data| &data.block);
            (found, "data source", schema.data.keys().copied().collect())
        } else {
            let found = schema.resources.get(name).map(|resource| &resource.block);
            (found, "resource type", schema.resources.keys().copied().collect())
        };
        if found.is_none() {
            let error =
                Diagnostic::error(code::engine::STAND_IN, format!("the provider has no {what} `{name}`"));
            self.messages.push(error.at(defaults.type_name.span, "").did_you_mean(name, known));
        }
        found.cloned()
    }

    /// The object of values that somebody chose; an empty one if there are none, or something is wrong with them.
    fn values(&mut self, expr: Option<&Expr>, place: Span, block: &BlockSchema) -> Value {
        let Some(value) = self.object(expr) else { return Value::object([]) };
        for misfit in misfits(block, &value) {
            let span = expr.map_or(place, |expr| expr.span);
            let error =
                Diagnostic::error(code::engine::STAND_IN, format!("values that do not fit: {misfit}"));
            self.messages.push(error.at(span, ""));
        }
        value
    }

    /// An expression that must be an object.
    fn object(&mut self, expr: Option<&Expr>) -> Option<Value> {
        let expr = expr?;
        match self.testing.evaluate(expr, self.variables) {
            Ok(value) if value.as_entries().is_some() => Some(value),
            Ok(value) => {
                let label = format!("this is {}", crate::lang::eval::describe(&value));
                let error =
                    Diagnostic::error(code::engine::STAND_IN, "the values of a stand-in must be an object");
                self.messages.push(error.at(expr.span, label));
                None
            }
            Err(messages) => {
                self.messages.extend(messages);
                None
            }
        }
    }

    fn add_override(&mut self, each: &Override, of: Option<&str>, at_plan: bool) {
        if !self.exists(each) {
            let summary =
                format!("nothing of the module under test is {}", AddressPattern::from(&each.target));
            let warning = Diagnostic::warning(code::engine::STAND_IN, summary);
            self.messages.push(warning.at(each.target.span, "so nothing stands in for it"));
        }
        let target = AddressPattern::from(&each.target);
        let Some((key, _)) = &each.target.resource else {
            let outputs = self.object(each.values.as_ref()).unwrap_or_else(|| Value::object([]));
            return self.found.add_module(target, outputs);
        };
        let providers = &self.testing.tester.providers;
        let type_name = key.type_name.as_ref();
        let found: Option<(ProviderSchema, BlockSchema)> = providers.values().find_map(|provider| {
            let schema = provider.schema();
            let block = match key.mode {
                Mode::Managed => schema.resources.get(type_name).map(|resource| &resource.block),
                Mode::Data => schema.data.get(type_name).map(|data| &data.block),
            };
            block.map(|block| (schema.clone(), block.clone()))
        });
        // The plan tells of types that there are not.
        let Some((schema, block)) = found else { return };
        let values = self.values(each.values.as_ref(), each.span, &block);
        let at_plan = each.at_plan.unwrap_or(at_plan);
        let chosen = BTreeMap::from([(key.type_name.clone(), Chosen { values, at_plan })]);
        let (resources, data) = match key.mode {
            Mode::Managed => (chosen, BTreeMap::new()),
            Mode::Data => (BTreeMap::new(), chosen),
        };
        let connected = self.connected(schema, Choices { resources, data, at_plan, imports: true });
        self.found.add_object(of.map(ToOwned::to_owned), target, connected);
    }

    /// Whether the module has what an override is for.
    fn exists(&self, each: &Override) -> bool {
        let path: Vec<_> = each.target.modules.iter().map(|step| step.name.clone()).collect();
        let Some(id) = self.tree.find(&path) else { return false };
        let module: &Module = self.tree.module(id);
        each.target.resource.as_ref().is_none_or(|(key, _)| module.resources.contains_key(key))
    }
}

fn spelled(key: &ProviderKey) -> String {
    match &key.alias {
        Some(alias) => format!("{}.{alias}", key.name),
        None => key.name.to_string(),
    }
}
