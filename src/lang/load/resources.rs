//! `resource`, `data` and `provider` blocks.

use super::arguments::{Arguments, labels};
use super::blocks::{conditions, depends_on};
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::lang::config::{
    Lifecycle, LifecycleBlock, Provider, ProviderKey, ProviderUse, Repeat, Resource, ResourceKey,
};
use crate::lang::syntax::ast::{Block, Body, Expr, ExprKind, Step};
use crate::lang::syntax::lexer::is_word;
use mlo_state::Mode;
use std::sync::Arc;

/// Decodes a `resource` or `data` block, and takes its body.
pub(super) fn resource(block: &mut Block, diagnostics: &mut Diagnostics) -> Option<Resource> {
    let [type_name, name] = labels(block, ["type", "name"], diagnostics)?;
    let mode = if block.kind.name.as_ref() == "data" { Mode::Data } else { Mode::Managed };
    let what = format!("{} `{}.{}`", block.kind.name, type_name.name, name.name);
    let items = std::mem::take(&mut block.body.items);
    let mut arguments = Arguments::of(what, block.header, items, diagnostics);
    let repeat = repeat(&mut arguments);
    let provider = arguments.names("provider").and_then(|expr| provider_use(&expr, arguments.diagnostics));
    let depends_on = depends_on(&mut arguments);
    let lifecycle = match arguments.block("lifecycle") {
        Some(block) => lifecycle(&block, arguments.diagnostics).into(),
        None => LifecycleBlock::default(),
    };
    let body = Body { items: arguments.into_items(), span: block.body.span };
    Some(Resource {
        provider: provider.unwrap_or_else(|| default_provider(&type_name.name)),
        key: ResourceKey { mode, type_name: type_name.name, name: name.name },
        repeat,
        depends_on,
        lifecycle,
        body,
        span: block.header,
    })
}

/// The provider that a type belongs to unless it is said: its first word.
pub(super) fn default_provider(type_name: &str) -> ProviderUse {
    let first = type_name.split('_').next().unwrap_or(type_name);
    ProviderUse { key: ProviderKey { name: first.into(), alias: None }, instance: None }
}

/// `count` or `for_each`
pub(super) fn repeat(arguments: &mut Arguments<'_>) -> Repeat {
    match (arguments.expr("count"), arguments.expr("for_each")) {
        (None, None) => Repeat::Once,
        (Some(count), None) => Repeat::Count(count),
        (None, Some(for_each)) => Repeat::ForEach(for_each),
        (Some(count), Some(for_each)) => {
            let error = Diagnostic::error(code::lang::BAD_ARGUMENT, "`count` and `for_each` in one block")
                .at(for_each.span, "and `for_each` too")
                .at(count.span, "`count` is set")
                .help("keep one of them; `for_each` is steadier, since its instances are known by a name");
            arguments.diagnostics.push(error);
            Repeat::ForEach(for_each)
        }
    }
}

/// `name`, `name.alias` or `name.alias[key]`
pub(super) fn provider_use(expr: &Expr, diagnostics: &mut Diagnostics) -> Option<ProviderUse> {
    let (name, steps) = match &expr.kind {
        ExprKind::Name(name) => (Some(name), [].as_slice()),
        ExprKind::Access { target, steps } => match &target.kind {
            ExprKind::Name(name) => (Some(name), steps.as_slice()),
            _ => (None, [].as_slice()),
        },
        _ => (None, [].as_slice()),
    };
    let parts = match steps {
        [] => Some((None, None)),
        [Step::Attr(alias)] => Some((Some(alias), None)),
        [Step::Attr(alias), Step::Index(key, _)] => Some((Some(alias), Some(key))),
        _ => None,
    };
    if let Some((name, (alias, instance))) = name.zip(parts) {
        let key = ProviderKey { name: name.clone(), alias: alias.map(|alias| alias.name.clone()) };
        return Some(ProviderUse { key, instance: instance.map(|key| (**key).clone()) });
    }
    let error = Diagnostic::error(code::lang::BAD_ARGUMENT, "not a provider configuration")
        .at(expr.span, "expected `name`, `name.alias` or `name.alias[key]`");
    let error = match &expr.kind {
        ExprKind::String(text) => error.help(format!("take out the quotes: `{text}`")),
        _ => error,
    };
    diagnostics.push(error);
    None
}

/// The same where only a name can stand: the name that a called module has for a configuration.
pub(super) fn provider_key(expr: &Expr, diagnostics: &mut Diagnostics) -> Option<ProviderKey> {
    let used = provider_use(expr, diagnostics)?;
    if let Some(instance) = &used.instance {
        let error = Diagnostic::error(code::lang::BAD_ARGUMENT, "not the name of a provider configuration")
            .at(instance.span, "no key can stand here")
            .help("a called module knows one configuration by each name; the key stands after the `=`");
        diagnostics.push(error);
    }
    Some(used.key)
}

fn lifecycle(block: &Block, diagnostics: &mut Diagnostics) -> Lifecycle {
    let mut arguments =
        Arguments::new("block `lifecycle`".to_owned(), block.header, &block.body, diagnostics);
    let lifecycle = Lifecycle {
        create_before_destroy: arguments.expr("create_before_destroy"),
        prevent_destroy: arguments.expr("prevent_destroy"),
        ignore_changes: arguments.names("ignore_changes"),
        replace_triggered_by: arguments.list("replace_triggered_by"),
        preconditions: conditions(&mut arguments, "precondition"),
        postconditions: conditions(&mut arguments, "postcondition"),
    };
    arguments.finish();
    lifecycle
}

/// Decodes a `provider` block.
pub(super) fn provider(block: &Block, diagnostics: &mut Diagnostics) -> Option<Provider> {
    let [name] = labels(block, ["name"], diagnostics)?;
    let mut arguments =
        Arguments::new(format!("provider `{}`", name.name), block.header, &block.body, diagnostics);
    let alias = arguments.text("alias");
    if let Some((alias, span)) = &alias
        && !is_word(alias)
    {
        let error = Diagnostic::error(code::lang::LABELS, format!("`{alias}` is not a name"))
            .at(*span, "expected a name")
            .help("a name begins with a letter or `_`, and goes on with letters, digits, `_` and `-`");
        arguments.diagnostics.push(error);
    }
    let alias: Option<Arc<str>> = alias.map(|(alias, _)| alias);
    let for_each = arguments.expr("for_each");
    if let (Some(for_each), None) = (&for_each, &alias) {
        let error =
            Diagnostic::error(code::lang::MISSING_ARGUMENT, "a provider with `for_each` needs an `alias`")
                .at(for_each.span, "many configurations")
                .help("they are known as `name.alias[\"key\"]`");
        arguments.diagnostics.push(error);
    }
    let body = Body { items: arguments.into_items(), span: block.body.span };
    Some(Provider { key: ProviderKey { name: name.name, alias }, for_each, body, span: block.header })
}
