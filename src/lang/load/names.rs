//! Whether everything that a module refers to exists. (Circles are found by the graph.)

use super::arguments::INSTEAD_OF_EPHEMERAL;
use super::used;
use crate::diag::{Diagnostic, Diagnostics, Span, code, nearest};
use crate::lang::config::{Check, Condition, Module, Repeat, Resource, ResourceKey};
use crate::lang::reference::{Name, Reference, Target, names_in, names_in_body, target};
use crate::lang::syntax::ast::{Expr, ExprKind, Step};
use mlo_state::Mode;
use std::sync::Arc;

/// First words that are not types of resources.
const ROOTS: [&str; 11] =
    ["var", "local", "module", "data", "manifest", "each", "count", "path", "self", "mlo", "terraform"];

/// Errors after which names that are near are not looked for any more: each look goes through all names.
pub(super) const SUGGESTED_MAX: usize = 200;

/// What is known at a place besides the module's own names.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    each: bool,
    count: bool,
    itself: bool,
}

impl Place {
    fn inside(repeat: &Repeat) -> Self {
        let (each, count) = (matches!(repeat, Repeat::ForEach(_)), matches!(repeat, Repeat::Count(_)));
        Self { each, count, itself: false }
    }
}

/// Reports every name in a module that stands for nothing.
pub(super) fn check(module: &Module, diagnostics: &mut Diagnostics) {
    let mut names = Names { module, diagnostics };
    let nowhere = Place::default();
    for variable in module.variables.values() {
        names.conditions(&variable.validations, nowhere);
    }
    for local in module.locals.values() {
        names.expr(&local.value, nowhere);
    }
    for output in module.outputs.values() {
        names.expr(&output.value, nowhere);
        names.conditions(&output.preconditions, nowhere);
        names.references(&output.depends_on);
    }
    for resource in module.resources.values() {
        names.resource(resource);
    }
    for call in module.calls.values() {
        names.exprs(call.repeat.expr(), nowhere);
        let place = Place::inside(&call.repeat);
        names.exprs(call.arguments.values().map(|(_, value)| value), place);
        names.exprs(call.providers.values().filter_map(|outer| outer.instance.as_ref()), place);
        names.references(&call.depends_on);
    }
    for provider in module.providers.values() {
        names.exprs(&provider.for_each, nowhere);
        let place = Place { each: provider.for_each.is_some(), ..nowhere };
        names_in_body(&provider.body, &mut |name| names.name(name, place));
    }
    for import in &module.imports {
        names.exprs(&import.for_each, nowhere);
        let each = import.for_each.is_some();
        let place = Place { each, ..nowhere };
        names.expr(&import.id, place);
        names.exprs(import.provider.iter().filter_map(|provider| provider.instance.as_ref()), place);
    }
    for check in module.checks.values() {
        names.check_block(check);
    }
    for key in module.settings.encryption.iter().flat_map(|encryption| &encryption.keys) {
        names.exprs(key.arguments.values(), nowhere);
    }
    used::check(module, names.diagnostics);
}

/// What is wrong with the names in an expression that stands in a module by itself, as in the console.
pub fn check_expression(module: &Module, expr: &Expr) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    Names { module, diagnostics: &mut diagnostics }.expr(expr, Place::default());
    diagnostics
}

/// The same for an expression that sees more names than the module's: those for which `beside` holds, of which it is
/// given the first two words.
pub fn check_beside(
    module: &Module,
    expr: &Expr,
    beside: &dyn Fn(&str, Option<&str>) -> bool,
) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    let mut names = Names { module, diagnostics: &mut diagnostics };
    names_in(expr, &mut |name| {
        let second = match name.steps.first() {
            Some(Step::Attr(second)) => Some(second.name.as_ref()),
            _ => None,
        };
        if !beside(name.root, second) {
            names.name(name, Place::default());
        }
    });
    diagnostics
}

struct Names<'a> {
    module: &'a Module,
    diagnostics: &'a mut Diagnostics,
}

impl Names<'_> {
    fn resource(&mut self, resource: &Resource) {
        let place = Place::inside(&resource.repeat);
        self.exprs(resource.repeat.expr(), Place::default());
        names_in_body(&resource.body, &mut |name| self.name(name, place));
        let lifecycle = &resource.lifecycle;
        lifecycle.replace_triggered_by.iter().for_each(|entry| self.trigger(entry));
        self.exprs(lifecycle.create_before_destroy.iter().chain(&lifecycle.prevent_destroy), place);
        self.exprs(&lifecycle.replace_triggered_by, place);
        self.conditions(&lifecycle.preconditions, place);
        self.conditions(&lifecycle.postconditions, Place { itself: true, ..place });
        self.exprs(&resource.provider.instance, place);
        self.references(&resource.depends_on);
    }

    /// The `data` block of a check is known in its assertions.
    fn check_block(&mut self, check: &'_ Check) {
        if let Some(data) = &check.data {
            self.resource(data);
        }
        let own = check.data.as_ref().map(|data| &data.key);
        for expr in check.assertions.iter().flat_map(|it| [&it.condition, &it.message]) {
            names_in(expr, &mut |name| {
                let target = target(name.root, name.steps).map(|(target, _)| target);
                let is_own = own.is_some_and(|own| target == Some(Target::Resource(own.clone())));
                if !is_own {
                    self.name(name, Place::default());
                }
            });
        }
    }

    /// What replaces a resource when it changes is a resource, or a part of one.
    fn trigger(&mut self, entry: &Expr) {
        let target = match &entry.kind {
            ExprKind::Access { target: root, steps } => match &root.kind {
                ExprKind::Name(root) => target(root, steps).map(|(target, _)| target),
                _ => None,
            },
            _ => None,
        };
        if !matches!(target, Some(Target::Resource(ResourceKey { mode: Mode::Managed, .. }))) {
            let error = Diagnostic::error(code::lang::BAD_REFERENCE, "not a resource or a part of one")
                .at(entry.span, "expected a resource")
                .help("to replace it when another value changes, keep that value in a resource, such as `terraform_data`");
            self.diagnostics.push(error);
        }
    }

    fn conditions(&mut self, conditions: &[Condition], place: Place) {
        for it in conditions {
            self.expr(&it.condition, place);
            self.expr(&it.message, place);
        }
    }

    fn exprs<'e>(&mut self, exprs: impl IntoIterator<Item = &'e Expr>, place: Place) {
        for expr in exprs {
            self.expr(expr, place);
        }
    }

    fn expr(&mut self, expr: &Expr, place: Place) {
        names_in(expr, &mut |name| self.name(name, place));
    }

    /// Entries of `depends_on`, which are references already.
    fn references(&mut self, references: &[Reference]) {
        for Reference { target, span } in references {
            let error = match target {
                Target::Variable(name) => self.variable(name, *span),
                Target::Local(name) => self.local(name, *span),
                Target::Module(name, output) => self
                    .module_call(name, *span)
                    .or_else(|| output.as_ref().and_then(|output| self.output(name, output, *span))),
                Target::Resource(key) => self.resource_block(key, *span),
                _ => Some(
                    Diagnostic::error(code::lang::BAD_REFERENCE, "nothing that could be waited for")
                        .at(*span, "expected a resource or a module"),
                ),
            };
            self.report(error);
        }
    }

    fn may_suggest(&self) -> bool {
        self.diagnostics.len() < SUGGESTED_MAX
    }

    fn near<'n>(&self, word: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
        if self.may_suggest() { nearest(word, known) } else { None }
    }

    fn report(&mut self, error: Option<Diagnostic>) {
        if let Some(error) = error {
            self.diagnostics.push(error);
        }
    }

    fn name(&mut self, name: Name<'_>, place: Place) {
        let error = if name.is_key { Some(ambiguous_key(name)) } else { self.check_name(name, place) };
        self.report(error);
    }

    fn check_name(&self, name: Name<'_>, place: Place) -> Option<Diagnostic> {
        let first = match name.steps.first() {
            Some(Step::Attr(first)) => Some(first),
            _ => None,
        };
        let span = first.map_or(name.span, |first| name.span.to(first.span));
        match (name.root.as_ref(), first) {
            ("manifest", _) => None,
            ("self", _) if place.itself => None,
            ("self", _) => Some(not_here("self", name.span, "it is known in `postcondition` blocks only")),
            ("var", Some(first)) => self.variable(&first.name, span),
            ("local", Some(first)) => self.local(&first.name, span),
            ("module", Some(first)) => self.module_steps(&first.name, span, name),
            ("ephemeral", Some(first)) => {
                let error = Diagnostic::error(
                    code::lang::UNSUPPORTED,
                    "ephemeral resources are not supported by this version",
                );
                let is_refused = self.module.missing.may_have(&first.name);
                (!is_refused).then(|| error.at(span, "not supported").help(INSTEAD_OF_EPHEMERAL))
            }
            ("data", Some(first)) => match name.steps.get(1) {
                Some(Step::Attr(second)) => {
                    let (type_name, data_name) = (first.name.clone(), second.name.clone());
                    let key = ResourceKey { mode: Mode::Data, type_name, name: data_name };
                    self.resource_steps(&key, name.span.to(second.span), name.steps.get(2..).unwrap_or(&[]))
                }
                _ => Some(incomplete("data", name.span, "data.type.name")),
            },
            ("each", Some(first)) => {
                in_place("each", &["key", "value"], &first.name, span, place.each, "`for_each` is set")
            }
            ("count", Some(first)) => {
                in_place("count", &["index"], &first.name, span, place.count, "`count` is set")
            }
            ("path", Some(first)) => {
                in_place("path", &["module", "root", "cwd"], &first.name, span, true, "")
            }
            ("terraform", Some(first)) => in_place("terraform", &["workspace"], &first.name, span, true, ""),
            ("mlo", Some(first)) => in_place("mlo", &["environment"], &first.name, span, true, ""),
            (root, None) if ROOTS.contains(&root) => {
                let example = match root {
                    "each" => "each.key",
                    "count" => "count.index",
                    "path" => "path.module",
                    "terraform" => "terraform.workspace",
                    "mlo" => "mlo.environment",
                    "data" => "data.type.name",
                    "module" => "module.name",
                    "local" => "local.name",
                    _ => "var.name",
                };
                Some(incomplete(root, name.span, example))
            }
            (root, None) => Some(self.bare_word(root, name.span)),
            (_, Some(first)) => {
                let (type_name, resource_name) = (name.root.clone(), first.name.clone());
                let key = ResourceKey { mode: Mode::Managed, type_name, name: resource_name };
                self.resource_steps(&key, span, name.steps.get(1..).unwrap_or(&[]))
            }
        }
    }

    fn variable(&self, name: &Arc<str>, span: Span) -> Option<Diagnostic> {
        let variables = &self.module.variables;
        if variables.contains_key(name) || self.module.missing.may_have(name) {
            return None;
        }
        let error = undeclared(&format!("var.{name}"), span);
        let near = self.near(name, variables.keys().map(AsRef::as_ref)).and_then(|near| variables.get(near));
        Some(match near {
            Some(near) => declared(error, &format!("var.{}", near.name.name), near.span),
            None if self.module.locals.contains_key(name) => {
                error.help(format!("did you mean `local.{name}`?"))
            }
            None => error.help(format!("declare it: `variable \"{name}\" {{ … }}`")),
        })
    }

    fn local(&self, name: &Arc<str>, span: Span) -> Option<Diagnostic> {
        let locals = &self.module.locals;
        if locals.contains_key(name) || self.module.missing.may_have(name) {
            return None;
        }
        let error = undeclared(&format!("local.{name}"), span);
        let near = self.near(name, locals.keys().map(AsRef::as_ref)).and_then(|near| locals.get(near));
        Some(match near {
            Some(near) => declared(error, &format!("local.{}", near.name.name), near.name.span),
            None if self.module.variables.contains_key(name) => {
                error.help(format!("did you mean `var.{name}`?"))
            }
            None => error.help(format!("declare it: `locals {{ {name} = … }}`")),
        })
    }

    fn module_call(&self, name: &Arc<str>, span: Span) -> Option<Diagnostic> {
        let calls = &self.module.calls;
        if calls.contains_key(name) || self.module.missing.may_have(name) {
            return None;
        }
        let error = undeclared(&format!("module.{name}"), span);
        let near = self.near(name, calls.keys().map(AsRef::as_ref)).and_then(|near| calls.get(near));
        Some(match near {
            Some(near) => declared(error, &format!("module.{}", near.name.name), near.span),
            None => error.help(format!("declare it: `module \"{name}\" {{ … }}`")),
        })
    }

    /// `module.name`, its index, and the output.
    fn module_steps(&self, name: &Arc<str>, span: Span, whole: Name<'_>) -> Option<Diagnostic> {
        if let Some(error) = self.module_call(name, span) {
            return Some(error);
        }
        let call = self.module.calls.get(name)?;
        let rest = whole.steps.get(1..).unwrap_or(&[]);
        if let Some(error) = instance(&format!("module.{name}"), span, &call.repeat, call.span, rest) {
            return Some(error);
        }
        let output = match rest {
            [Step::Attr(output), ..] | [Step::Index(..), Step::Attr(output), ..] => output,
            [Step::Splat { each, .. }, ..] => match each.first() {
                Some(Step::Attr(output)) => output,
                _ => return None,
            },
            _ => return None,
        };
        self.output(name, &output.name, output.span)
    }

    fn output(&self, name: &Arc<str>, output: &Arc<str>, span: Span) -> Option<Diagnostic> {
        let call = self.module.calls.get(name)?;
        let outputs = &call.module.outputs;
        if outputs.contains_key(output) || call.module.missing.may_have(output) {
            return None;
        }
        let error =
            Diagnostic::error(code::lang::UNKNOWN_NAME, format!("module `{name}` has no output `{output}`"))
                .at(span, "no such output");
        let near = self.near(output, outputs.keys().map(AsRef::as_ref)).and_then(|near| outputs.get(near));
        Some(match near {
            Some(near) => declared(error, &near.name.name, near.span),
            None if outputs.is_empty() => error.help("the module has no outputs at all"),
            None => {
                let names: Vec<_> = outputs.keys().map(|name| format!("`{name}`")).collect();
                error.help(format!("its outputs are {}", names.join(", ")))
            }
        })
    }

    /// A resource and the step into its instances.
    fn resource_steps(&self, key: &ResourceKey, span: Span, rest: &[Step]) -> Option<Diagnostic> {
        if let Some(error) = self.resource_block(key, span) {
            return Some(error);
        }
        let resource = self.module.resources.get(key)?;
        instance(&written(key), span, &resource.repeat, resource.span, rest)
    }

    fn resource_block(&self, key: &ResourceKey, span: Span) -> Option<Diagnostic> {
        let resources = &self.module.resources;
        let missing = &self.module.missing;
        if resources.contains_key(key) || missing.may_have(&key.name) {
            return None;
        }
        let error = undeclared(&written(key), span);
        if !self.may_suggest() {
            return Some(error);
        }
        let other_mode = match key.mode {
            Mode::Managed => Mode::Data,
            Mode::Data => Mode::Managed,
        };
        let other = ResourceKey { mode: other_mode, ..key.clone() };
        if let Some(resource) = resources.get(&other) {
            return Some(declared(error, &written(&other), resource.span));
        }
        let of_type = resources.keys().filter(|it| it.mode == key.mode && it.type_name == key.type_name);
        let mut of_type = of_type.map(|it| it.name.as_ref()).peekable();
        let is_type_used = of_type.peek().is_some();
        if let Some(name) = nearest(&key.name, of_type) {
            return Some(self.meant(error, &ResourceKey { name: name.into(), ..key.clone() }));
        }
        let of_name = resources.keys().filter(|it| it.mode == key.mode && it.name == key.name);
        if let Some(type_name) = nearest(&key.type_name, of_name.map(|it| it.type_name.as_ref())) {
            return Some(self.meant(error, &ResourceKey { type_name: type_name.into(), ..key.clone() }));
        }
        if key.mode == Mode::Managed
            && !is_type_used
            && let Some(root) = meant_root(&key.type_name)
        {
            return Some(error.help(format!("did you mean `{root}.{}`?", key.name)));
        }
        let block = if key.mode == Mode::Data { "data" } else { "resource" };
        Some(error.help(format!("declare it: `{block} \"{}\" \"{}\" {{ … }}`", key.type_name, key.name)))
    }

    fn meant(&self, error: Diagnostic, key: &ResourceKey) -> Diagnostic {
        match self.module.resources.get(key) {
            Some(resource) => declared(error, &written(key), resource.span),
            None => error,
        }
    }

    /// A word that is neither a keyword nor followed by a name.
    fn bare_word(&self, word: &str, span: Span) -> Diagnostic {
        let error = Diagnostic::error(code::lang::UNKNOWN_NAME, format!("`{word}` alone is not a value"))
            .at(span, "a name without what it is a name of");
        let kind = if self.module.variables.contains_key(word) {
            Some("var")
        } else if self.module.locals.contains_key(word) {
            Some("local")
        } else if self.module.calls.contains_key(word) {
            Some("module")
        } else {
            None
        };
        match kind {
            Some(kind) => error.help(format!("did you mean `{kind}.{word}`?")),
            None => error.help(format!("if this is text, put it in quotes: `\"{word}\"`")),
        }
    }
}

fn written(key: &ResourceKey) -> String {
    let data = if key.mode == Mode::Data { "data." } else { "" };
    format!("{data}{}.{}", key.type_name, key.name)
}

fn undeclared(name: &str, span: Span) -> Diagnostic {
    Diagnostic::error(code::lang::UNKNOWN_NAME, format!("nothing here is called `{name}`"))
        .at(span, "not declared")
}

fn declared(error: Diagnostic, name: &str, span: Span) -> Diagnostic {
    error.at(span, format!("`{name}` is declared here")).help(format!("did you mean `{name}`?"))
}

fn incomplete(root: &str, span: Span, example: &str) -> Diagnostic {
    Diagnostic::error(code::lang::BAD_REFERENCE, format!("`{root}` alone is not a value"))
        .at(span, "a name is missing after this")
        .help(format!("write something like `{example}`"))
}

fn not_here(name: &str, span: Span, detail: &str) -> Diagnostic {
    Diagnostic::error(code::lang::NOT_HERE, format!("`{name}` is not known here")).at(span, detail)
}

/// `each.key` and the like: a fixed set of names, some of them known in places only.
fn in_place(
    root: &str,
    names: &[&str],
    name: &str,
    span: Span,
    is_known: bool,
    wanted: &str,
) -> Option<Diagnostic> {
    if !names.contains(&name) {
        let all: Vec<_> = names.iter().map(|name| format!("`{root}.{name}`")).collect();
        let error = undeclared(&format!("{root}.{name}"), span);
        return Some(error.help(format!("there is {}", all.join(", "))));
    }
    (!is_known).then(|| {
        not_here(&format!("{root}.{name}"), span, &format!("it is known only in blocks where {wanted}"))
    })
}

/// The first word that was meant by one that is no type of a resource.
fn meant_root(word: &str) -> Option<&'static str> {
    match word {
        "variable" | "variables" | "input" | "inputs" => Some("var"),
        _ => nearest(word, ROOTS).and_then(|near| ROOTS.into_iter().find(|root| *root == near)),
    }
}

/// With `count` or `for_each` a name means all instances, and a part of one needs its key; without, there is no key.
fn instance(name: &str, span: Span, repeat: &Repeat, block: Span, rest: &[Step]) -> Option<Diagnostic> {
    match (repeat, rest.first()?) {
        (Repeat::Once, Step::Index(_, index)) => Some(
            Diagnostic::error(
                code::lang::BAD_REFERENCE,
                format!("`{name}` is there once, so it has no index"),
            )
            .at(*index, "take this out")
            .at(block, "neither `count` nor `for_each` is set here"),
        ),
        (Repeat::Count(_), Step::Attr(attr)) => Some(
            many(name, span, block, "count", &format!("{name}[0].{}", attr.name))
                .help(format!("for a list of all, write `{name}[*].{}`", attr.name)),
        ),
        (Repeat::ForEach(_), Step::Attr(attr)) => {
            Some(many(name, span, block, "for_each", &format!("{name}[\"key\"].{}", attr.name)).help(
                format!("for all of them, write `{{ for key, it in {name} : key => it.{} }}`", attr.name),
            ))
        }
        _ => None,
    }
}

fn many(name: &str, span: Span, block: Span, argument: &str, example: &str) -> Diagnostic {
    Diagnostic::error(
        code::lang::BAD_REFERENCE,
        format!("`{name}` has many instances, and this does not say which"),
    )
    .at(span, "an index is missing after this")
    .at(block, format!("`{argument}` is set here"))
    .help(format!("for one of them, write `{example}`"))
}

fn ambiguous_key(name: Name<'_>) -> Diagnostic {
    let span = name.steps.last().map_or(name.span, |last| name.span.to(last.span()));
    Diagnostic::error(code::lang::BAD_REFERENCE, "a reference as a key needs parentheses")
        .at(span, "a key")
        .help("for the value of the reference, write `(name) = …`; for the text itself, write it in quotes")
}
