//! Whether what blocks name outside of expressions exists: configurations of providers, variables of environments,
//! blocks that are said to be moved or removed.

use crate::diag::{Diagnostic, Diagnostics, Span, code, nearest};
use crate::lang::config::{Import, Module, Place, Provider, ProviderKey, ProviderUse, ResourceKey};
use crate::lang::reference::{Target, references_in};
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
        imported(module, import, diagnostics);
    }
    for provider in module.providers.values() {
        keys(provider, diagnostics);
    }
    environments(module, diagnostics);
    removed(module, diagnostics);
    moved(module, diagnostics);
}

/// A configuration with an alias is declared, or passed by the module's caller. One without stands for an empty one if
/// it is not.
fn configuration(module: &Module, used: &ProviderUse, span: Span, diagnostics: &mut Diagnostics) {
    let key = &used.key;
    instance(module, used, span, diagnostics);
    let Some(alias) = &key.alias else { return };
    let passed = module.settings.required_providers.get(&key.name);
    let passed = passed.map_or([].as_slice(), |required| required.aliases.as_slice());
    if module.providers.contains_key(key) || passed.contains(alias) || module.missing.may_have(&key.name) {
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

/// A configuration with `for_each` is used by one of its keys, another without.
fn instance(module: &Module, used: &ProviderUse, span: Span, diagnostics: &mut Diagnostics) {
    let ProviderKey { name, alias: Some(alias) } = &used.key else { return };
    let declared = module.providers.get(&used.key);
    let many = declared.is_some_and(|provider| provider.for_each.is_some());
    let error = match &used.instance {
        None if many => Diagnostic::error(
            code::lang::BAD_REFERENCE,
            format!("`{name}.{alias}` has many instances, and this does not say which"),
        )
        .at(span, "used in this block")
        .help(format!(
            "write `{name}.{alias}[\"key\"]`, or `{name}.{alias}[each.key]` in a block with `for_each`"
        )),
        Some(key) if !many => Diagnostic::error(
            code::lang::BAD_REFERENCE,
            format!("`{name}.{alias}` is there once, so it has no key"),
        )
        .at(key.span, "take this out"),
        _ => return,
    };
    diagnostics.push(match declared {
        Some(provider) if many => error.at(provider.span, "`for_each` is set here"),
        Some(provider) => error.at(provider.span, "`for_each` is not set here"),
        None => error,
    });
}

/// Which configurations there are is known before any object is: their keys depend on none.
fn keys(provider: &Provider, diagnostics: &mut Diagnostics) {
    for reference in provider.for_each.iter().flat_map(references_in) {
        let what = match reference.target {
            Target::Resource(_) => "a resource",
            Target::Module(..) => "a module",
            _ => continue,
        };
        let summary = format!("`for_each` of a provider cannot depend on {what}");
        let error = Diagnostic::error(code::lang::BAD_REFERENCE, summary)
            .at(reference.span, "not known early enough");
        diagnostics.push(error.help("let it depend on variables, local values or manifests"));
    }
}

fn environments(module: &Module, diagnostics: &mut Diagnostics) {
    for environment in module.environments.values() {
        for (name, _) in environment.variables.values() {
            if module.variables.contains_key(&name.name) || module.missing.may_have(&name.name) {
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
        let calls = removed.from.modules.iter();
        let (mut at, mut call) = (Some(module), None);
        for step in calls {
            call = at.and_then(|at| at.calls.get(&step.name));
            at = call.map(|call| &call.module);
        }
        let still = match &removed.from.resource {
            Some((key, _)) => at.and_then(|at| at.resources.get(key)).map(|it| it.span),
            None => call.map(|call| call.span),
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

/// What is imported becomes the object of a block.
fn imported(module: &Module, import: &Import, diagnostics: &mut Diagnostics) {
    let (path, key) = &import.target;
    let mut at = module;
    for name in path {
        match at.calls.get(name) {
            Some(call) => at = &call.module,
            None if at.missing.may_have(name) => return,
            None => {
                let summary = format!("there is no module `{name}` to import into");
                let error =
                    Diagnostic::error(code::lang::UNKNOWN_NAME, summary).at(import.to.span, "not declared");
                diagnostics.push(error.did_you_mean(name, at.calls.keys().map(AsRef::as_ref)));
                return;
            }
        }
    }
    if at.resources.contains_key(key) || at.missing.may_have(&key.name) {
        return;
    }
    let ResourceKey { type_name, name, .. } = key;
    let error = Diagnostic::error(
        code::lang::UNKNOWN_NAME,
        format!("there is no block `{type_name}.{name}` to import into"),
    )
    .at(import.to.span, "not declared");
    let of_type = at.resources.keys().filter(|it| it.mode == key.mode && it.type_name == *type_name);
    let near = nearest(name, of_type.map(|it| it.name.as_ref()));
    let error = match near {
        Some(near) => error.help(format!("did you mean `{type_name}.{near}`?")),
        None => error.help(format!("declare it: `resource \"{type_name}\" \"{name}\" {{ … }}`")),
    };
    diagnostics.push(if import.is_plain() {
        error.help("or have it written: `mlo plan --generate-config generated.hcl`")
    } else {
        error.detail(
            "No configuration can be generated for what is in a module, or has `count` or `for_each`.",
        )
    });
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
