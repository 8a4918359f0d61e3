//! The providers that a configuration and its state need.

use crate::diag::escape;
use crate::graph::{ModuleId, ModuleTree};
use crate::plan::bare_provider;
use mlo_state::Snapshot;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// As a tree by module, each provider with the versions that the module takes and how many blocks use it; then those of
/// the state, with how many objects they keep.
pub(in crate::cli) fn required(tree: &ModuleTree<'_>, snapshot: Option<&Snapshot>) -> String {
    let mut out = String::from("Providers that the configuration needs:\n.\n");
    module(tree, 0, "", &mut out);
    let mut kept = BTreeMap::new();
    for object in snapshot.iter().flat_map(|snapshot| {
        snapshot.objects.values().chain(snapshot.deposed_objects().map(|(.., object)| object))
    }) {
        *kept.entry(bare_provider(&object.provider)).or_insert(0) += 1;
    }
    if !kept.is_empty() {
        out.push_str("\nProviders that the state needs:\n");
    }
    for (name, count) in kept {
        let _ = writeln!(out, "- {} ({})", escape(name), counted(count, "object"));
    }
    out
}

// Recursion is bounded: the loader limits how deep modules call each other.
fn module(tree: &ModuleTree<'_>, id: ModuleId, pad: &str, out: &mut String) {
    let module = tree.module(id);
    let mut users = BTreeMap::new();
    for name in module.settings.required_providers.keys() {
        users.insert(name, 0);
    }
    let mut configured = BTreeSet::new();
    for key in module.providers.keys() {
        users.entry(&key.name).or_insert(0);
        configured.insert(&key.name);
    }
    let data = module.checks.values().filter_map(|check| check.data.as_ref());
    for resource in module.resources.values().map(Box::as_ref).chain(data) {
        *users.entry(&resource.provider.key.name).or_insert(0) += 1;
    }
    let calls: Vec<_> = module.calls.keys().filter_map(|name| Some((name, tree.child(id, name)?))).collect();
    let mut left = users.len() + calls.len();
    let mut branch = |out: &mut String, text: &str| {
        left -= 1;
        let (corner, below) = if left == 0 { ("└── ", "    ") } else { ("├── ", "│   ") };
        let _ = writeln!(out, "{pad}{corner}{}", escape(text));
        format!("{pad}{below}")
    };
    for (name, blocks) in users {
        let version = module.settings.required_providers.get(name).and_then(|it| it.version.as_ref());
        let version = version.map(|version| format!(" {version}")).unwrap_or_default();
        let configured = if configured.contains(name) { ", configured here" } else { "" };
        branch(out, &format!("{name}{version} ({}{configured})", counted(blocks, "block")));
    }
    for (name, child) in calls {
        let below = branch(out, &format!("module.{name}"));
        self::module(tree, child, &below, out);
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
