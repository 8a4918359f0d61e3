//! `moved`, `import`, `removed` and `check` blocks.

use super::arguments::{Arguments, labels};
use super::blocks::conditions;
use super::resources::{self, provider_use};
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::lang::config::{Check, Import, Moved, Place, Removed, ResourceKey};
use crate::lang::syntax::ast::{Block, Expr, ExprKind, Step};
use mlo_state::{Key, Mode, ModuleStep};
use std::sync::Arc;

/// Decodes a `moved` block.
pub(super) fn moved(block: &Block, diagnostics: &mut Diagnostics) -> Option<Moved> {
    let [] = labels(block, [], diagnostics)?;
    let mut arguments = Arguments::new("block `moved`".to_owned(), block.header, &block.body, diagnostics);
    let from = place(&mut arguments, "from");
    let to = place(&mut arguments, "to");
    arguments.finish();
    let (from, to) = (from?, to?);
    if from.resource.is_some() != to.resource.is_some() {
        let what =
            |place: &Place| if place.resource.is_some() { "this is a resource" } else { "this is a module" };
        let error = Diagnostic::error(
            code::lang::BAD_ARGUMENT,
            "a module cannot become a resource, nor a resource a module",
        )
        .at(to.span, what(&to))
        .at(from.span, what(&from));
        diagnostics.push(error);
        return None;
    }
    if (&from.modules, &from.resource) == (&to.modules, &to.resource) {
        let error = Diagnostic::error(code::lang::BAD_ARGUMENT, "moved to where it is")
            .at(to.span, "the same address as `from`");
        diagnostics.push(error);
        return None;
    }
    Some(Moved { from, to, span: block.header })
}

/// Decodes a `removed` block.
pub(super) fn removed(block: &Block, diagnostics: &mut Diagnostics) -> Option<Removed> {
    let [] = labels(block, [], diagnostics)?;
    let mut arguments = Arguments::new("block `removed`".to_owned(), block.header, &block.body, diagnostics);
    let from = place(&mut arguments, "from");
    let mut destroy = true;
    if let Some(lifecycle) = arguments.block("lifecycle") {
        let what = "block `lifecycle` of a `removed` block".to_owned();
        let mut inner = Arguments::new(what, lifecycle.header, &lifecycle.body, arguments.diagnostics);
        destroy = inner.bool("destroy").unwrap_or(true);
        inner.finish();
    }
    arguments.finish();
    let from = from?;
    let has_key = from.modules.iter().any(|step| step.key.is_some())
        || from.resource.as_ref().is_some_and(|(_, key)| key.is_some());
    if has_key {
        let error = Diagnostic::error(code::lang::BAD_ARGUMENT, "`removed` is for all instances of a block")
            .at(from.span, "there is an index in this")
            .help("to remove one instance, change `count` or `for_each` of its block");
        diagnostics.push(error);
        return None;
    }
    Some(Removed { from, destroy, span: block.header })
}

/// Decodes an `import` block.
pub(super) fn import(block: &Block, diagnostics: &mut Diagnostics) -> Option<Import> {
    let [] = labels(block, [], diagnostics)?;
    let mut arguments = Arguments::new("block `import`".to_owned(), block.header, &block.body, diagnostics);
    let to = arguments.required_names("to");
    let id = arguments.require("id");
    let for_each = arguments.expr("for_each");
    let provider = arguments.names("provider").and_then(|expr| provider_use(&expr, arguments.diagnostics));
    arguments.finish();
    let (to, id) = (to?, id?);
    if let ExprKind::String(text) = &id.kind
        && text.is_empty()
    {
        let error =
            Diagnostic::error(code::lang::BAD_ARGUMENT, "`id` is empty").at(id.span, "expected a text");
        diagnostics.push(error);
    }
    match address(&to, true) {
        Ok((modules, Some((key, _)))) if key.mode == Mode::Managed => {
            let target = (modules.into_iter().map(|step| step.name).collect(), key);
            Some(Import { to, target, id, for_each, provider, span: block.header })
        }
        Ok(_) => {
            diagnostics.push(not_an_address(to.span, "expected a resource"));
            None
        }
        Err((span, label)) => {
            diagnostics.push(not_an_address(span, label));
            None
        }
    }
}

/// Decodes a `check` block.
pub(super) fn check(block: &Block, diagnostics: &mut Diagnostics) -> Option<Check> {
    let [name] = labels(block, ["name"], diagnostics)?;
    let what = format!("check `{}`", name.name);
    let mut arguments = Arguments::new(what.clone(), block.header, &block.body, diagnostics);
    let mut data = arguments.labelled_blocks("data", 2).into_iter();
    let first = data.next().and_then(|mut block| resources::resource(&mut block, arguments.diagnostics));
    if let (Some(first), Some(second)) = (&first, data.next()) {
        let error =
            Diagnostic::error(code::lang::DUPLICATE, format!("{what} has more than one `data` block"))
                .at(second.header, "the second")
                .at(first.span, "the first")
                .help("write another `check` block for it");
        arguments.diagnostics.push(error);
    }
    let assertions = conditions(&mut arguments, "assert");
    arguments.finish();
    if assertions.is_empty() && !diagnostics.has_errors() {
        let error = Diagnostic::error(code::lang::MISSING_ARGUMENT, format!("{what} has no `assert` block"))
            .at(block.header, "`assert { … }` is missing in this block");
        diagnostics.push(error);
    }
    Some(Check { name, data: first, assertions, span: block.header })
}

/// An argument that is an address without anything computed.
fn place(arguments: &mut Arguments<'_>, name: &'static str) -> Option<Place> {
    let expr = arguments.required_names(name)?;
    let place = place_of(&expr, arguments.diagnostics)?;
    if place.resource.as_ref().is_some_and(|(key, _)| key.mode == Mode::Data) {
        let error =
            not_an_address(expr.span, "data is not kept").help("nothing has to be said of `data` blocks");
        arguments.diagnostics.push(error);
        return None;
    }
    Some(place)
}

/// The address that an expression is, without anything computed.
pub(super) fn place_of(expr: &Expr, diagnostics: &mut Diagnostics) -> Option<Place> {
    match address(expr, false) {
        Ok((modules, resource)) => Some(Place { modules, resource, span: expr.span }),
        Err((span, label)) => {
            diagnostics.push(not_an_address(span, label));
            None
        }
    }
}

fn not_an_address(span: Span, label: &str) -> Diagnostic {
    Diagnostic::error(code::lang::BAD_REFERENCE, "not the address of a resource or module")
        .at(span, label)
        .help("write addresses such as `local_file.name`, `local_file.name[0]` or `module.name[\"key\"]`")
}

type Address = (Vec<ModuleStep>, Option<(ResourceKey, Option<Key>)>);

/// `module.a[0].module.b.type.name["key"]`. Where indexes may be computed, those that are have no key.
fn address(expr: &Expr, computed: bool) -> Result<Address, (Span, &'static str)> {
    let (root, root_span, steps) = match &expr.kind {
        ExprKind::Access { target, steps } => match &target.kind {
            ExprKind::Name(root) => (root, target.span, steps.as_slice()),
            _ => return Err((expr.span, "this is not a name")),
        },
        ExprKind::Name(_) => return Err((expr.span, "a name is missing after this")),
        ExprKind::String(_) => return Err((expr.span, "take out the quotes")),
        _ => return Err((expr.span, "this is not a name")),
    };
    let mut words = Words { next: Some((root.clone(), root_span)), steps, last: root_span, computed };
    let mut modules = Vec::new();
    while let Some((word, span)) = words.word()? {
        let mut name = |missing| words.word()?.map(|(name, _)| name).ok_or((span, missing));
        let (mode, type_name) = match word.as_ref() {
            "module" => {
                let name = name("the name of a module is missing after this")?;
                modules.push(ModuleStep { name, key: words.key()? });
                continue;
            }
            "data" => (Mode::Data, name("a type is missing after this")?),
            "var" | "local" | "path" | "each" | "count" | "self" | "terraform" | "mlo" | "manifest" => {
                return Err((span, "this is neither a resource nor a module"));
            }
            _ => (Mode::Managed, word.clone()),
        };
        let name = words.word()?.ok_or((span, "a name is missing after this"))?.0;
        let key = words.key()?;
        if let Some(step) = words.steps.first() {
            return Err((step.span(), "this is a part of it: name the whole"));
        }
        return Ok((modules, Some((ResourceKey { mode, type_name, name }, key))));
    }
    Ok((modules, None))
}

/// The words of an address, one after the other.
struct Words<'e> {
    next: Option<(Arc<str>, Span)>,
    steps: &'e [Step],
    last: Span,
    computed: bool,
}

/// A word of a path and its place.
type Word = (Arc<str>, Span);

impl Words<'_> {
    fn word(&mut self) -> Result<Option<Word>, (Span, &'static str)> {
        if let Some(first) = self.next.take() {
            return Ok(Some(first));
        }
        match self.steps.split_first() {
            None => Ok(None),
            Some((Step::Attr(name), rest)) => {
                (self.steps, self.last) = (rest, name.span);
                Ok(Some((name.name.clone(), name.span)))
            }
            Some((step, _)) => Err((step.span(), "expected a name")),
        }
    }

    fn key(&mut self) -> Result<Option<Key>, (Span, &'static str)> {
        let Some((Step::Index(index, span), rest)) = self.steps.split_first() else { return Ok(None) };
        self.steps = rest;
        match &index.kind {
            ExprKind::String(name) => Ok(Some(Key::Name(name.clone()))),
            ExprKind::Number(number) => match number.as_i64().and_then(|at| u64::try_from(at).ok()) {
                Some(at) => Ok(Some(Key::Index(at))),
                None => Err((*span, "an index is a whole number, from 0 on")),
            },
            _ if self.computed => Ok(None),
            _ => Err((*span, "an index is a text or a number as it stands")),
        }
    }
}
