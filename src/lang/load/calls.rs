//! `module` blocks: what they call, and whether their arguments fit.

use super::arguments::{Arguments, labels};
use super::blocks::{depends_on, empty};
use super::files::{Files, Location};
use super::resources::{provider_key, provider_use, repeat};
use super::version::{self, Constraint};
use crate::diag::{Diagnostic, Diagnostics, Span, code, nearest};
use crate::lang::config::{
    Missing, Module, ModuleSource, Provider, ProviderKey, ProviderUse, Repeat, TypeDefaults, Variable,
};
use crate::lang::reference::Reference;
use crate::lang::syntax::ast::{Block, Expr, ExprKind, Ident};
use crate::lang::value::Type;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Missing variables whose declarations are shown.
const SHOWN_MAX: usize = 3;

/// A `module` block before what it calls is loaded.
pub(super) struct CallBlock {
    pub(super) name: Ident,
    /// `source`, as it is written.
    pub(super) source: Expr,
    pub(super) repeat: Repeat,
    pub(super) arguments: BTreeMap<Arc<str>, (Ident, Expr)>,
    pub(super) depends_on: Vec<Reference>,
    /// `version`, as it is written.
    pub(super) version: Option<Expr>,
    pub(super) providers: BTreeMap<ProviderKey, ProviderUse>,
    pub(super) span: Span,
}

/// Decodes a `module` block.
pub(super) fn decode(block: &Block, diagnostics: &mut Diagnostics) -> Option<CallBlock> {
    let [name] = labels(block, ["name"], diagnostics)?;
    let what = format!("module `{}`", name.name);
    let mut arguments = Arguments::new(what.clone(), block.header, &block.body, diagnostics);
    let source = arguments.expr("source");
    if source.is_none() {
        let error = Diagnostic::error(code::lang::MISSING_ARGUMENT, format!("{what} has no `source`"))
            .at(block.header, "`source = \"…\"` is missing in this block");
        arguments.diagnostics.push(error);
    }
    let version = arguments.expr("version");
    let repeat = repeat(&mut arguments);
    let depends_on = depends_on(&mut arguments);
    let providers = providers(&mut arguments);
    let providers = providers.into_iter().map(|(inner, (used, _))| (inner, used)).collect();
    let rest = arguments.rest();
    arguments.finish();
    let arguments = rest.into_iter().map(|it| (it.name.name.clone(), (it.name, it.value))).collect();
    Some(CallBlock {
        name,
        source: source?,
        repeat,
        arguments,
        depends_on,
        version,
        providers,
        span: block.header,
    })
}

/// The constraint that the text of `version` is. Modules of folders and of the program have no version of their own.
pub(super) fn constraint(source: &str, text: &str, span: Span) -> Result<Constraint, Box<Diagnostic>> {
    let constraint = Constraint::parse(text).map_err(|error| Box::new(version::diagnostic(&error, span)))?;
    if is_without_versions(source) {
        let error =
            Diagnostic::error(code::lang::BAD_ARGUMENT, format!("module source `{source}` has no versions"))
                .at(span, "take this out")
                .detail("Modules in folders and `mlo://` modules are as new as the project and the program.");
        return Err(error.into());
    }
    Ok(constraint)
}

/// Whether what a source means is as new as the project or the program.
pub(super) fn is_without_versions(source: &str) -> bool {
    is_local(source) || source.starts_with("mlo://")
}

/// Whether a source is a path, as it is seen from the module that has the call.
fn is_local(source: &str) -> bool {
    matches!(source, "." | "..") || source.starts_with("./") || source.starts_with("../")
}

/// `providers = { inner = outer }`, with the place of each outer one.
pub(super) fn providers(arguments: &mut Arguments<'_>) -> BTreeMap<ProviderKey, (ProviderUse, Span)> {
    let mut providers = BTreeMap::new();
    match arguments.names("providers") {
        None => {}
        Some(Expr { kind: ExprKind::Object(items), .. }) => {
            for (inner, outer) in &items {
                let inner = provider_key(inner, arguments.diagnostics);
                let used = provider_use(outer, arguments.diagnostics);
                providers.extend(inner.zip(used.map(|used| (used, outer.span))));
            }
        }
        Some(other) => {
            let error = Diagnostic::error(code::lang::BAD_ARGUMENT, "`providers` must be an object")
                .at(other.span, "expected `{ inner = outer }`");
            arguments.diagnostics.push(error);
        }
    }
    providers
}

/// The place that a source means, seen from the module that has the call; nothing if it is elsewhere.
pub(super) fn locate(
    (text, span): (&str, Span),
    caller: &Location,
    files: &Files<'_>,
) -> Result<Option<Location>, Box<Diagnostic>> {
    if let Some(name) = text.strip_prefix("mlo://") {
        return Ok(Some(Location::Builtin(name.trim_end_matches('/').to_owned())));
    }
    if is_local(text) {
        let location = caller.beside(text).ok_or_else(|| {
            let error = Diagnostic::error(
                code::lang::OUTSIDE,
                format!("module source `{text}` leads out of {}", caller.whole()),
            )
            .at(span, "");
            Box::new(match caller {
                Location::Package(..) => {
                    error.help("modules of a package use what is in it, and packages of their own")
                }
                _ => error.help("everything that a configuration reads lies inside the project's folder"),
            })
        })?;
        return Ok(Some(location));
    }
    // One word is no address of anything: a folder or a built-in module was meant.
    let near =
        files.builtin_names().find(|name| *name == text).or_else(|| nearest(text, files.builtin_names()));
    let is_address = text.contains(':') || text.contains("//") || text.split('/').count() > 2;
    if is_address && near != Some(text) {
        return Ok(None);
    }
    let error = Diagnostic::error(
        code::lang::MODULE_SOURCE,
        format!("module source `{text}` is neither a folder nor an address"),
    )
    .at(span, "")
    .detail("A folder begins with `./` or `../`, a module that comes with mlo with `mlo://`.");
    Err(Box::new(match near {
        Some(name) => error.help(format!("did you mean `mlo://{name}`?")),
        None => error.help(format!("for a folder, write `./{}`", text.trim_start_matches('/'))),
    }))
}

/// What stands for a module that could not be read: it takes all that it is given.
pub(super) fn unread(call: &CallBlock, caller: &[Arc<str>]) -> Module {
    let path = caller.iter().chain([&call.name.name]).cloned().collect();
    let mut module = empty(path, ModuleSource::Folder(PathBuf::new()));
    module.missing = Missing::Anything;
    for (name, _) in call.arguments.values() {
        let (sensitive, ephemeral, nullable) = (false, false, true);
        let (ty, defaults, default, deprecated) = (Type::Any, TypeDefaults::default(), None, None);
        let (description, validations, span) = (String::new(), Vec::new(), name.span);
        let variable = Variable {
            name: name.clone(),
            ty,
            is_typed: true,
            defaults,
            default,
            description,
            sensitive,
            ephemeral,
            nullable,
            deprecated,
            validations,
            span,
        };
        module.variables.insert(name.name.clone(), variable);
    }
    module
}

/// A call gives a value to each variable without a default, and to nothing else. `whole` says whether all of the call
/// could be read.
pub(super) fn check_arguments(call: &CallBlock, module: &Module, whole: bool, diagnostics: &mut Diagnostics) {
    for (name, _) in call.arguments.values() {
        if let Some(variable) = module.variables.get(&name.name) {
            if let Some(instead) = &variable.deprecated {
                let summary =
                    format!("variable `{}` of module `{}` is deprecated", name.name, call.name.name);
                let warning = Diagnostic::warning(code::lang::DEPRECATED, summary).at(name.span, "");
                diagnostics.push(warning.detail(instead.to_string()));
            }
            continue;
        }
        let word = &name.name;
        if module.missing.may_have(word) {
            continue;
        }
        let error = Diagnostic::error(
            code::lang::MODULE_ARGUMENT,
            format!("module `{}` has no variable `{word}`", call.name.name),
        )
        .at(name.span, "unknown argument");
        let near = nearest(word, module.variables.keys().map(AsRef::as_ref));
        diagnostics.push(match near.and_then(|near| module.variables.get(near)) {
            Some(near) => error
                .at(near.span, format!("`{}` is declared here", near.name.name))
                .help(format!("did you mean `{}`?", near.name.name)),
            None => error,
        });
    }
    let is_missing = |name: &Arc<str>| !call.arguments.contains_key(name);
    let missing: Vec<_> = module
        .variables
        .values()
        .filter(|variable| variable.default.is_none() && is_missing(&variable.name.name))
        .collect();
    if missing.is_empty() || !whole {
        return;
    }
    let names: Vec<_> = missing.iter().map(|variable| format!("`{}`", variable.name.name)).collect();
    let mut error = Diagnostic::error(
        code::lang::MODULE_ARGUMENT,
        format!("module `{}` needs a value for {}", call.name.name, names.join(", ")),
    )
    .at(call.span, "missing in this block");
    for variable in missing.iter().take(SHOWN_MAX) {
        error = error.at(variable.span, "declared here, without a default");
    }
    diagnostics.push(error);
}

/// A provider is configured once, so a module that configures one is there once. One without arguments is the same in
/// all instances.
pub(super) fn check_repeated(call: &CallBlock, module: &Module, diagnostics: &mut Diagnostics) {
    let (word, repeat) = match &call.repeat {
        Repeat::Once => return,
        Repeat::Count(expr) => ("count", expr),
        Repeat::ForEach(expr) => ("for_each", expr),
    };
    let Some(provider) = configured_in(module) else { return };
    let name = &call.name.name;
    let summary = format!("module `{name}` configures a provider, so it cannot have `{word}`");
    let error = Diagnostic::error(code::lang::MODULE_ARGUMENT, summary)
        .at(repeat.span, format!("`{word}` makes several instances"))
        .at(provider.span, "they would all get this one configuration")
        .help("configure the provider in the root module, and pass it with `providers = { … }`; with `for_each` it can be another one for each instance");
    diagnostics.push(error);
}

/// The first provider that a module, or one that it calls, gives arguments to.
fn configured_in(module: &Module) -> Option<&Provider> {
    let says_something =
        |provider: &&Provider| provider.for_each.is_some() || !provider.body.items.is_empty();
    let own = module.providers.values().filter(says_something).min_by_key(|provider| provider.span);
    own.or_else(|| module.calls.values().find_map(|call| configured_in(&call.module)))
}
