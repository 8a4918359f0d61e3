//! The configuration of a plan as a document: blocks with what their expressions say or mention.

use super::state::provider_name;
use super::value::{known, step};
use crate::cli::discretion;
use crate::cli::screen::MASK;
use crate::graph::{ModuleId, ModuleTree};
use crate::lang::config::{Module, ModuleCall, ModuleSource, ProviderKey, Repeat, Resource, Variable};
use crate::lang::eval::{BlockSchema, Nesting, evaluate};
use crate::lang::mention::{Mention, is_constant, mentions_in};
use crate::lang::reference::{Reference, Target};
use crate::lang::syntax::ast::{Body, Expr};
use crate::lang::value::Value;
use crate::plan::Constant;
use crate::provider::{self, ResourceSchema};
use mlo_state::Mode;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// `configuration`
pub(super) fn configuration(root: &Module, everything: bool) -> Json {
    let tree = ModuleTree::new(root);
    let types = types();
    let view = View { tree: &tree, types: &types, everything };
    json!({ "provider_config": view.providers(), "root_module": view.module(0) })
}

/// `relevant_attributes`: parts of objects that something is made from.
pub(super) fn relevant_attributes(root: &Module) -> Json {
    let tree = ModuleTree::new(root);
    let mut found: BTreeSet<(String, Vec<crate::lang::value::PathStep>)> = BTreeSet::new();
    for id in tree.ids() {
        let module = tree.module(id);
        let mut look = |expr: &Expr| {
            for mention in mentions_in(expr) {
                if let Target::Resource(key) = &mention.target
                    && !mention.steps.is_empty()
                {
                    found.insert((tree.block(id, key).to_string(), mention.steps));
                }
            }
        };
        module.outputs.values().for_each(|output| look(&output.value));
        module.locals.values().for_each(|local| look(&local.value));
        module.calls.values().flat_map(|call| call.arguments.values()).for_each(|(_, expr)| look(expr));
        for resource in module.resources.values() {
            each_expression(&resource.body, &mut look);
        }
    }
    let one = |(block, steps): (String, Vec<_>)| json!({ "resource": block, "attribute": steps.iter().map(step).collect::<Vec<_>>() });
    found.into_iter().map(one).collect()
}

fn each_expression(body: &Body, look: &mut dyn FnMut(&Expr)) {
    body.attributes().for_each(|attribute| look(&attribute.value));
    body.blocks().for_each(|block| each_expression(&block.body, look));
}

type Types = BTreeMap<Arc<str>, ResourceSchema>;

fn types() -> Types {
    let providers = provider::all();
    let types = providers.values().flat_map(|provider| provider.schema().resources.iter());
    types.map(|(name, schema)| (Arc::from(*name), schema.clone())).collect()
}

struct View<'v, 'c> {
    tree: &'v ModuleTree<'c>,
    types: &'v Types,
    /// Whether nothing is masked.
    everything: bool,
}

impl View<'_, '_> {
    /// Providers that resources use, as configured.
    fn providers(&self) -> Json {
        let mut used: BTreeMap<String, (ModuleId, ProviderKey)> = BTreeMap::new();
        for id in self.tree.ids() {
            for resource in self.tree.module(id).resources.values() {
                let (at, key) = self.tree.provider(id, &resource.provider.key);
                used.insert(self.provider_key(at, &key), (at, key));
            }
            for key in self.tree.module(id).providers.keys() {
                used.insert(self.provider_key(id, key), (id, key.clone()));
            }
        }
        let one = |(name, (id, key)): (String, (ModuleId, ProviderKey))| {
            let mut json = Map::new();
            json.insert("name".into(), json!(key.name.as_ref()));
            json.insert("full_name".into(), json!(provider_name(&key.name)));
            if let Some(alias) = &key.alias {
                json.insert("alias".into(), json!(alias.as_ref()));
            }
            if id != 0 {
                json.insert("module_address".into(), json!(self.tree.prefix(id).trim_end_matches('.')));
            }
            if let Some(provider) = self.tree.module(id).providers.get(&key) {
                let expressions = self.body(&provider.body, None);
                if !expressions.is_empty() {
                    json.insert("expressions".into(), Json::Object(expressions));
                }
            }
            (name, Json::Object(json))
        };
        Json::Object(used.into_iter().map(one).collect())
    }

    /// `name`, `name.alias`, `module.a:name`.
    fn provider_key(&self, id: ModuleId, key: &ProviderKey) -> String {
        let module = self.tree.prefix(id);
        let module = module.trim_end_matches('.');
        let colon = if module.is_empty() { "" } else { ":" };
        let alias = key.alias.as_ref().map(|alias| format!(".{alias}")).unwrap_or_default();
        format!("{module}{colon}{}{alias}", key.name)
    }

    // Recursion is bounded: the loader limits how deep modules call each other.
    fn module(&self, id: ModuleId) -> Json {
        let module = self.tree.module(id);
        let mut json = Map::new();
        let mut add = |name: &str, value: Map<String, Json>| {
            if !value.is_empty() {
                json.insert(name.to_owned(), Json::Object(value));
            }
        };
        let outputs = module.outputs.iter().map(|(name, output)| {
            let mut json = Map::new();
            if output.sensitive {
                json.insert("sensitive".into(), json!(true));
            }
            json.insert("expression".into(), self.expression(name, &output.value));
            describe(&output.description, &mut json);
            depend(&output.depends_on, &mut json);
            (name.to_string(), Json::Object(json))
        });
        add("outputs", outputs.collect());
        let calls = module.calls.iter();
        let calls = calls.filter_map(|(name, call)| Some((name.to_string(), self.call(id, name, call)?)));
        add("module_calls", calls.collect());
        add(
            "variables",
            module.variables.iter().map(|(name, it)| (name.to_string(), self.variable(it))).collect(),
        );
        if !module.resources.is_empty() {
            let resources = module.resources.values().map(|resource| self.resource(id, resource));
            json.insert("resources".into(), resources.collect());
        }
        Json::Object(json)
    }

    fn call(&self, id: ModuleId, name: &str, call: &ModuleCall) -> Option<Json> {
        let source = match (&call.module.source, &self.tree.module(id).source) {
            (ModuleSource::Builtin(name), _) => format!("mlo://{name}"),
            (ModuleSource::Folder(folder), ModuleSource::Folder(caller)) => {
                let inside =
                    if caller == Path::new(".") { Ok(&**folder) } else { folder.strip_prefix(caller) };
                inside
                    .map_or_else(|_| folder.display().to_string(), |inside| format!("./{}", inside.display()))
            }
            (ModuleSource::Folder(folder), ModuleSource::Builtin(_)) => folder.display().to_string(),
        };
        let mut json = Map::from_iter([("source".to_owned(), json!(source))]);
        let arguments: Map<_, _> = call
            .arguments
            .iter()
            .map(|(name, (_, expr))| (name.to_string(), self.expression(name, expr)))
            .collect();
        if !arguments.is_empty() {
            json.insert("expressions".into(), Json::Object(arguments));
        }
        self.repeat(&call.repeat, &mut json);
        depend(&call.depends_on, &mut json);
        json.insert("module".into(), self.module(self.tree.child(id, name)?));
        Some(Json::Object(json))
    }

    fn resource(&self, id: ModuleId, resource: &Resource) -> Json {
        let key = &resource.key;
        let (data, mode) = match key.mode {
            Mode::Managed => ("", "managed"),
            Mode::Data => ("data.", "data"),
        };
        let (at, provider) = self.tree.provider(id, &resource.provider.key);
        let schema = self.types.get(&key.type_name);
        let mut json = Map::new();
        json.insert("address".into(), json!(format!("{data}{}.{}", key.type_name, key.name)));
        json.insert("mode".into(), json!(mode));
        json.insert("type".into(), json!(key.type_name.as_ref()));
        json.insert("name".into(), json!(key.name.as_ref()));
        json.insert("provider_config_key".into(), json!(self.provider_key(at, &provider)));
        let expressions = self.body(&resource.body, schema.map(|schema| &schema.block));
        if !expressions.is_empty() {
            json.insert("expressions".into(), Json::Object(expressions));
        }
        json.insert("schema_version".into(), json!(schema.map_or(0, |schema| schema.version)));
        self.repeat(&resource.repeat, &mut json);
        depend(&resource.depends_on, &mut json);
        Json::Object(json)
    }
}

fn describe(text: &str, json: &mut Map<String, Json>) {
    if !text.is_empty() {
        json.insert("description".into(), json!(text));
    }
}

fn depend(references: &[Reference], json: &mut Map<String, Json>) {
    let names = references.iter().filter_map(|reference| match &reference.target {
        Target::Module(name, _) => Some(format!("module.{name}")),
        Target::Resource(key) => {
            let data = if key.mode == Mode::Data { "data." } else { "" };
            Some(format!("{data}{}.{}", key.type_name, key.name))
        }
        _ => None,
    });
    let names: Vec<_> = names.collect();
    if !names.is_empty() {
        json.insert("depends_on".into(), json!(names));
    }
}

impl View<'_, '_> {
    fn variable(&self, variable: &Variable) -> Json {
        let mut json = Map::new();
        if let Some(default) = variable.default.as_ref().and_then(|default| evaluate(default, &Constant).ok())
        {
            let hidden = (variable.sensitive || variable.ephemeral) && !self.everything;
            json.insert(
                "default".into(),
                if hidden { json!(MASK) } else { self.shown(&variable.name.name, &default) },
            );
        }
        describe(&variable.description, &mut json);
        if variable.sensitive {
            json.insert("sensitive".into(), json!(true));
        }
        Json::Object(json)
    }

    fn repeat(&self, repeat: &Repeat, json: &mut Map<String, Json>) {
        match repeat {
            Repeat::Once => None,
            Repeat::Count(expr) => json.insert("count_expression".into(), self.expression("", expr)),
            Repeat::ForEach(expr) => json.insert("for_each_expression".into(), self.expression("", expr)),
        };
    }

    fn body(&self, body: &Body, schema: Option<&BlockSchema>) -> Map<String, Json> {
        let mut json: Map<_, _> = body
            .attributes()
            .map(|attribute| {
                (attribute.name.name.to_string(), self.expression(&attribute.name.name, &attribute.value))
            })
            .collect();
        for block in body.blocks() {
            let nested = schema.and_then(|schema| schema.blocks.get(&block.kind.name));
            let inside = Json::Object(self.body(&block.body, nested.map(|nested| &nested.block)));
            let name = block.kind.name.to_string();
            match (nested.map(|nested| nested.nesting), block.labels.first()) {
                (Some(Nesting::Single), _) => {
                    json.insert(name, inside);
                }
                (Some(Nesting::Map), Some(label)) => {
                    let map = json.entry(name).or_insert_with(|| json!({}));
                    map.as_object_mut().into_iter().for_each(|map| {
                        map.insert(label.name.to_string(), inside.clone());
                    });
                }
                _ => {
                    let list = json.entry(name).or_insert_with(|| json!([]));
                    list.as_array_mut().into_iter().for_each(|list| list.push(inside.clone()));
                }
            }
        }
        json
    }

    /// `{constant_value}` of what says a value by itself, else `{references}`.
    fn expression(&self, name: &str, expr: &Expr) -> Json {
        if is_constant(expr)
            && let Ok(value) = evaluate(expr, &Constant)
        {
            return if value.is_null() {
                json!({})
            } else {
                json!({ "constant_value": self.shown(name, &value) })
            };
        }
        let references: Vec<_> = mentions_in(expr).iter().flat_map(Mention::spellings).collect();
        if references.is_empty() { json!({}) } else { json!({ "references": references }) }
    }

    /// A value with a name as JSON.
    fn shown(&self, name: &str, value: &Value) -> Json {
        match discretion::marked_as(name, value).filter(|_| !self.everything) {
            Some(marked) => known(&marked),
            None => known(value),
        }
    }
}
