//! What the engine does not carry out yet: decoded and checked, and refused at the end, since ignoring it would change
//! what a configuration means.

use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::lang::config::Module;

/// What a configuration can ask for beyond variables, values, outputs, resources, modules and providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feature {
    Moved,
    Import,
    Removed,
    Check,
    EnvironmentPolicy,
    ProviderForEach,
    StatePlace,
}

/// What the engine carries out.
pub(super) const CARRIED_OUT: &[Feature] = &[
    Feature::Moved,
    Feature::Removed,
    Feature::Import,
    Feature::Check,
    Feature::EnvironmentPolicy,
    Feature::ProviderForEach,
    Feature::StatePlace,
];

/// Refuses what a configuration asks for and the engine does not carry out.
pub(super) fn refuse(module: &Module, carried_out: &[Feature], diagnostics: &mut Diagnostics) {
    for (feature, span) in asked(module) {
        if carried_out.contains(&feature) {
            continue;
        }
        let summary = match feature {
            Feature::Moved => "`moved` blocks are not carried out by this version",
            Feature::Import => "`import` blocks are not carried out by this version",
            Feature::Removed => "`removed` blocks are not carried out by this version",
            Feature::Check => "`check` blocks are not carried out by this version",
            Feature::EnvironmentPolicy => {
                "levels of rules are not set by environments in this version: set them in the policies"
            }
            Feature::ProviderForEach => "`for_each` of a provider is not carried out by this version",
            Feature::StatePlace => "where state is kept is not set in the configuration by this version",
        };
        diagnostics.push(Diagnostic::error(code::lang::UNSUPPORTED, summary).at(span, "not supported"));
    }
    for call in module.calls.values() {
        refuse(&call.module, carried_out, diagnostics);
    }
}

fn asked(module: &Module) -> Vec<(Feature, Span)> {
    let mut all = Vec::new();
    all.extend(module.moved.iter().map(|it| (Feature::Moved, it.span)));
    all.extend(module.imports.iter().map(|it| (Feature::Import, it.span)));
    all.extend(module.removed.iter().map(|it| (Feature::Removed, it.span)));
    all.extend(module.checks.values().map(|it| (Feature::Check, it.span)));
    let levels = module.environments.values().flat_map(|it| it.policy.values());
    all.extend(levels.map(|(_, span)| (Feature::EnvironmentPolicy, *span)));
    all.extend(
        module
            .providers
            .values()
            .filter_map(|it| Some((Feature::ProviderForEach, it.for_each.as_ref()?.span))),
    );
    all.extend(module.settings.state.iter().map(|it| (Feature::StatePlace, it.span)));
    all
}
