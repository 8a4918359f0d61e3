//! Objects in the tree of their modules, as Terraform's `values` have them; and a state as a document.

use super::value::{known, sensitive};
use super::{FORMAT, TERRAFORM_VERSION, outputs};
use crate::cli::screen::Screen;
use crate::cli::secrets::Kept;
use crate::lang::value::Value;
use mlo_state::{Address, BlockAddress, Key, Mode, ModuleAddress, Snapshot, Status};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// One object of a document.
pub(super) struct Entry<'a> {
    pub(super) address: &'a Address,
    pub(super) provider: &'a str,
    pub(super) schema_version: u32,
    pub(super) value: &'a Value,
    pub(super) dependencies: &'a [BlockAddress],
    pub(super) tainted: bool,
    /// If it was set aside: its key.
    pub(super) deposed: Option<&'a str>,
}

/// The state as `terraform show -json` has it; and, by our own, all objects in one list.
pub(in crate::cli) fn state(snapshot: &Snapshot, values: &[Kept<'_>], screen: &Screen) -> Json {
    let entries = values.iter().map(|Kept { address, deposed, object, value }| Entry {
        address,
        provider: &object.provider,
        schema_version: object.schema_version,
        value,
        dependencies: &object.dependencies,
        tainted: object.status == Status::Tainted,
        deposed: *deposed,
    });
    let resources = values.iter().map(|Kept { address, deposed, object, value }| {
        let mut json = json!({
            "address": address.to_string(),
            "type": address.type_name.to_string(),
            "name": address.name.to_string(),
            "provider_name": object.provider,
            "tainted": object.status == Status::Tainted,
            "values": known(value),
            "depends_on": object.dependencies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        });
        if let (Some(key), Some(json)) = (deposed, json.as_object_mut()) {
            json.insert("deposed_key".into(), json!(key));
        }
        json
    });
    json!({
        "format_version": FORMAT,
        "terraform_version": TERRAFORM_VERSION,
        "mlo_version": env!("CARGO_PKG_VERSION"),
        "lineage": snapshot.lineage,
        "serial": snapshot.serial,
        "values": {
            "outputs": outputs(&snapshot.outputs, screen),
            "root_module": modules(entries),
        },
        "resources": resources.collect::<Vec<_>>(),
    })
}

/// What names an object, in every list of them.
pub(super) fn named(address: &Address, provider: &str) -> Map<String, Json> {
    let mut named = Map::with_capacity(8);
    named.insert("address".into(), address.to_string().into());
    if !address.module.is_root() {
        named.insert("module_address".into(), json!(address.module.to_string()));
    }
    let mode = match address.mode {
        Mode::Managed => "managed",
        Mode::Data => "data",
    };
    named.insert("mode".into(), json!(mode));
    named.insert("type".into(), json!(address.type_name.as_ref()));
    named.insert("name".into(), json!(address.name.as_ref()));
    match &address.key {
        Some(Key::Index(index)) => named.insert("index".into(), json!(index)),
        Some(Key::Name(name)) => named.insert("index".into(), json!(name.as_ref())),
        None => None,
    };
    named.insert("provider_name".into(), json!(provider_name(provider)));
    named
}

/// A provider as documents name it: without the module and the alias of its configuration. The built-in one that
/// Terraform has too is named as there.
pub(super) fn provider_name(provider: &str) -> &str {
    match crate::plan::bare_provider(provider) {
        "terraform" => "terraform.io/builtin/terraform",
        other => other,
    }
}

/// `root_module`: objects by the module instance that has them. They come in the order of their addresses.
pub(super) fn modules<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Json {
    let mut root = Node::default();
    for entry in entries {
        let mut node = &mut root;
        let mut at = ModuleAddress::root();
        for step in entry.address.module.steps() {
            at = at.child(step.name.clone(), step.key.clone());
            node = node.children.entry(at.clone()).or_default();
        }
        node.resources.push(resource(&entry));
    }
    root.into_json(None)
}

#[derive(Default)]
struct Node {
    resources: Vec<Json>,
    children: BTreeMap<ModuleAddress, Node>,
}

impl Node {
    fn into_json(self, address: Option<&ModuleAddress>) -> Json {
        let mut json = Map::new();
        if !self.resources.is_empty() {
            json.insert("resources".into(), Json::Array(self.resources));
        }
        if let Some(address) = address {
            json.insert("address".into(), json!(address.to_string()));
        }
        if !self.children.is_empty() {
            let children = self.children.into_iter().map(|(address, node)| node.into_json(Some(&address)));
            json.insert("child_modules".into(), children.collect());
        }
        Json::Object(json)
    }
}

fn resource(entry: &Entry<'_>) -> Json {
    let mut json = named(entry.address, entry.provider);
    json.shift_remove("module_address");
    json.insert("schema_version".into(), json!(entry.schema_version));
    json.insert("values".into(), known(entry.value));
    json.insert("sensitive_values".into(), sensitive(entry.value));
    if !entry.dependencies.is_empty() {
        let mut names: Vec<_> = entry.dependencies.iter().map(ToString::to_string).collect();
        names.sort();
        json.insert("depends_on".into(), json!(names));
    }
    if entry.tainted {
        json.insert("tainted".into(), json!(true));
    }
    if let Some(key) = entry.deposed {
        json.insert("deposed_key".into(), json!(key));
    }
    Json::Object(json)
}
