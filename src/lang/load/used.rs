//! Whether what blocks name outside of expressions exists: configurations of providers, variables of environments,
//! blocks that are said to be moved or removed.

use crate::diag::{Diagnostic, Diagnostics, Span, code, nearest};
use crate::lang::config::{Module, Place, ProviderKey};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reports what is named and does not exist, or is named twice.
pub(super) fn check(module: &Module, diagnostics: &mut Diagnostics) {
    for resource in module.resources.values() {
        configuration(module, &resource.provider, resource.span, diagnostics);
    }
    for call in module.calls.values() {
        for outer in call.providers.values() {
            configuration(module, outer, call.span, diagnostics);
        }
    }
    for import in &module.imports {
        if let Some(provider) = &import.provider {
            configuration(module, provider, import.span, diagnostics);
        }
    }
    environments(module, diagnostics);
    removed(module, diagnostics);
    moved(module, diagnostics);
}

/// A configuration with an alias is declared, or passed by the module's caller. One without stands for an empty one if
/// it is not.
fn configuration(module: &Module, key: &ProviderKey, span: Span, diagnostics: &mut Diagnostics) {
    let Some(alias) = &key.alias else { return };
    let passed = module.settings.required_providers.get(&key.name);
    let passed = passed.map_or([].as_slice(), |required| required.aliases.as_slice());
    if module.providers.contains_key(key) || passed.contains(alias) {
        return;
    }
    let name = &key.name;
    let error = Diagnostic::error(
        code::lang::UNKNOWN_NAME,
        format!("there is no configuration `{name}.{alias}` of a provider"),
    )
    .at(span, "used in this block");
    let known: Vec<&Arc<str>> = module
        .providers
        .keys()
        .filter(|known| known.name == *name)
        .filter_map(|known| known.alias.as_ref())
        .chain(passed)
        .collect();
    let near = nearest(alias, known.iter().map(AsRef::as_ref));
    diagnostics.push(match near {
        Some(near) => error.help(format!("did you mean `{name}.{near}`?")),
        None => error.help(format!("declare it: `provider \"{name}\" {{ … }}` with `alias = \"{alias}\"`")),
    });
}

fn environments(module: &Module, diagnostics: &mut Diagnostics) {
    for environment in module.environments.values() {
        for (name, _) in environment.variables.values() {
            if module.variables.contains_key(&name.name) {
                continue;
            }
            let summary = format!("there is no variable `{}`", name.name);
            let known = module.variables.keys().map(AsRef::as_ref);
            let error = Diagnostic::error(code::lang::UNKNOWN_NAME, summary).at(name.span, "not declared");
            diagnostics.push(error.did_you_mean(&name.name, known));
        }
    }
}

fn removed(module: &Module, diagnostics: &mut Diagnostics) {
    for removed in &module.removed {
        let still = match (removed.from.modules.as_slice(), &removed.from.resource) {
            ([], Some((key, _))) => module.resources.get(key).map(|it| it.span),
            ([step], None) => module.calls.get(&step.name).map(|it| it.span),
            _ => None,
        };
        if let Some(span) = still {
            let error =
                Diagnostic::error(code::lang::BAD_ARGUMENT, "what is said to be removed is still there")
                    .at(removed.from.span, "removed")
                    .at(span, "declared here")
                    .help("take out one of the two blocks");
            diagnostics.push(error);
        }
    }
}

fn moved(module: &Module, diagnostics: &mut Diagnostics) {
    let mut seen: BTreeMap<String, &Place> = BTreeMap::new();
    for moved in &module.moved {
        let address = format!("{:?} {:?}", moved.from.modules, moved.from.resource);
        match seen.get(&address) {
            Some(first) => {
                let error = Diagnostic::error(code::lang::DUPLICATE, "one address is moved twice")
                    .at(moved.from.span, "again here")
                    .at(first.span, "first here")
                    .help("keep one of the two blocks");
                diagnostics.push(error);
            }
            None => drop(seen.insert(address, &moved.from)),
        }
    }
}
