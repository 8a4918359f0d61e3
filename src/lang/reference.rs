//! What an expression refers to, found without evaluating it.
//!
//! Goes in: expressions and bodies. Comes out: the names in them that something outside gives a value to, with their
//! places. Never happens: evaluation, or an answer for a name that `for` binds.

use crate::diag::{Diagnostic, Span, code};
use crate::lang::config::ResourceKey;
use crate::lang::syntax::ast::{Block, Body, Expr, ExprKind, For, Item, Step, TemplatePart};
use mlo_state::Mode;
use std::sync::Arc;

/// A reference and its place: from its first word to the last word that names the target.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// What is referred to.
    pub target: Target,
    /// Where.
    pub span: Span,
}

/// What can be referred to. Names bound by `for` are not references.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// `var.name`
    Variable(Arc<str>),
    /// `local.name`
    Local(Arc<str>),
    /// `module.name`, and the output that it takes if the expression says it: `module.name.output`,
    /// `module.name["key"].output`, `module.name[*].output`.
    Module(Arc<str>, Option<Arc<str>>),
    /// `type.name`, `data.type.name`
    Resource(ResourceKey),
    /// `manifest`
    Manifest,
    /// `each.key`, `each.value`
    Each,
    /// `count.index`
    Count,
    /// `path.module`, `path.root`, `path.cwd`
    Path,
    /// `self`
    Itself,
    /// `mlo.environment`, `terraform.workspace`
    Program,
}

/// All references of an expression, in the order in which they are written. What does not name a target (`var` alone,
/// a bare word) is left out.
pub fn references_in(expr: &Expr) -> Vec<Reference> {
    let mut found = Vec::new();
    names_in(expr, &mut |name| found.extend(name.reference()));
    found
}

/// All references of a body, blocks inside it included.
pub fn references_in_body(body: &Body) -> Vec<Reference> {
    let mut found = Vec::new();
    names_in_body(body, &mut |name| found.extend(name.reference()));
    found
}

/// A reference with all that follows it.
#[derive(Debug, Clone, Copy)]
pub struct Traversal<'e> {
    /// The first word.
    pub root: &'e str,
    /// What follows it.
    pub steps: &'e [Step],
    /// How many of the steps name the target.
    pub steps_used: usize,
}

/// The references of an expression with all that follows them.
pub fn traversals_in(expr: &Expr) -> Vec<(Target, Traversal<'_>)> {
    let mut found = Vec::new();
    names_in(expr, &mut |Name { root, steps, .. }| {
        if let Some((target, steps_used)) = target(root, steps) {
            found.push((target, Traversal { root, steps, steps_used }));
        }
    });
    found
}

/// The reference that an entry of `depends_on` is.
///
/// # Errors
/// If it is not the bare name of something as a whole; the message says so at its place.
pub fn reference_of(expr: &Expr) -> Result<Reference, Box<Diagnostic>> {
    let (root, steps) = match &expr.kind {
        ExprKind::Name(root) => (root, [].as_slice()),
        ExprKind::Access { target, steps } => match &target.kind {
            ExprKind::Name(root) => (root, steps.as_slice()),
            _ => return Err(not_a_reference(expr.span, "this is not a name")),
        },
        ExprKind::String(_) | ExprKind::Template(_) | ExprKind::TemplateWrap(_) => {
            return Err(not_a_reference(expr.span, "take out the quotes"));
        }
        _ => return Err(not_a_reference(expr.span, "this is not a name")),
    };
    let Some((target, steps_used)) = target(root, steps) else {
        return Err(not_a_reference(expr.span, "this names nothing"));
    };
    if let Some(rest) = steps.get(steps_used) {
        return Err(not_a_reference(rest.span(), "this is a part of it: name the whole"));
    }
    Ok(Reference { target, span: expr.span })
}

fn not_a_reference(span: Span, text: &str) -> Box<Diagnostic> {
    let error = Diagnostic::error(code::lang::BAD_REFERENCE, "not the name of a resource or module")
        .at(span, text)
        .help("write names such as `local_file.name`, `data.type.name` or `module.name`, without quotes");
    Box::new(error)
}

/// A word that `for` does not bind, and the steps after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name<'e> {
    /// The word.
    pub(super) root: &'e Arc<str>,
    /// Its place.
    pub(super) span: Span,
    /// What follows it.
    pub(super) steps: &'e [Step],
    /// Whether it stands as the key of an object, where only parentheses make it a reference for sure.
    pub(super) is_key: bool,
}

impl Name<'_> {
    fn reference(self) -> Option<Reference> {
        let (target, steps_used) = target(self.root, self.steps)?;
        let last = steps_used.checked_sub(1).and_then(|last| self.steps.get(last));
        Some(Reference { target, span: last.map_or(self.span, |last| self.span.to(last.span())) })
    }
}

/// What a word and the steps after it refer to, and how many of the steps are part of the name.
pub(super) fn target(root: &Arc<str>, steps: &[Step]) -> Option<(Target, usize)> {
    let attr = |at: usize| match steps.get(at) {
        Some(Step::Attr(name)) => Some(name.name.clone()),
        _ => None,
    };
    Some(match root.as_ref() {
        "var" => (Target::Variable(attr(0)?), 1),
        "local" => (Target::Local(attr(0)?), 1),
        "module" => {
            let name = attr(0)?;
            let (output, steps_used) = output(steps);
            (Target::Module(name, output), steps_used)
        }
        "data" => {
            (Target::Resource(ResourceKey { mode: Mode::Data, type_name: attr(0)?, name: attr(1)? }), 2)
        }
        "manifest" => (Target::Manifest, 0),
        "each" => (Target::Each, usize::from(attr(0).is_some())),
        "count" => (Target::Count, usize::from(attr(0).is_some())),
        "path" => (Target::Path, usize::from(attr(0).is_some())),
        "self" => (Target::Itself, 0),
        "mlo" | "terraform" => (Target::Program, usize::from(attr(0).is_some())),
        _ => {
            let key = ResourceKey { mode: Mode::Managed, type_name: root.clone(), name: attr(0)? };
            (Target::Resource(key), 1)
        }
    })
}

/// The output that the steps after `module` take, and how many of them name it: `x.out`, `x["k"].out`, `x[*].out`.
fn output(steps: &[Step]) -> (Option<Arc<str>>, usize) {
    match steps.get(1..) {
        Some([Step::Attr(name), ..]) => (Some(name.name.clone()), 2),
        Some([Step::Index(..), Step::Attr(name), ..]) => (Some(name.name.clone()), 3),
        Some([Step::Splat { each, .. }, ..]) => match each.first() {
            Some(Step::Attr(name)) => (Some(name.name.clone()), 2),
            _ => (None, 1),
        },
        _ => (None, 1),
    }
}

/// Calls `found` with each name of an expression that `for` does not bind, in the order in which they are written.
pub(super) fn names_in<'e>(expr: &'e Expr, found: &mut dyn FnMut(Name<'e>)) {
    Walk { bound: Vec::new(), found }.expr(expr);
}

/// The same for all expressions of a body.
pub(super) fn names_in_body<'e>(body: &'e Body, found: &mut dyn FnMut(Name<'e>)) {
    let mut walk = Walk { bound: Vec::new(), found };
    walk.body(body);
}

struct Walk<'e, 'f> {
    /// Names of the `for`s around.
    bound: Vec<&'e str>,
    found: &'f mut dyn FnMut(Name<'e>),
}

// Recursion is bounded: the parser limits nesting.
impl<'e> Walk<'e, '_> {
    fn body(&mut self, body: &'e Body) {
        for item in &body.items {
            match item {
                Item::Attribute(attribute) => self.expr(&attribute.value),
                Item::Block(block) if block.kind.name.as_ref() == "dynamic" => self.dynamic(block),
                Item::Block(block) => self.body(&block.body),
            }
        }
    }

    /// Its iterator is known in `content` and `labels`; the argument `iterator` names it.
    fn dynamic(&mut self, block: &'e Block) {
        let mut iterator = block.labels.first().map(|label| label.name.as_ref());
        for attribute in block.body.attributes() {
            match (attribute.name.name.as_ref(), &attribute.value.kind) {
                ("iterator", ExprKind::Name(name)) => iterator = Some(name.as_ref()),
                ("labels", _) => {}
                _ => self.expr(&attribute.value),
            }
        }
        let outer = self.bound.len();
        self.bound.extend(iterator);
        let labels = block.body.attributes().filter(|it| it.name.name.as_ref() == "labels");
        self.all(labels.map(|it| &it.value));
        block.body.blocks().for_each(|content| self.body(&content.body));
        self.bound.truncate(outer);
    }

    fn expr(&mut self, expr: &'e Expr) {
        match &expr.kind {
            ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => {}
            ExprKind::Name(root) => self.name(root, expr.span, &[]),
            ExprKind::Access { target, steps } => {
                match &target.kind {
                    ExprKind::Name(root) => self.name(root, target.span, steps),
                    _ => self.expr(target),
                }
                self.steps(steps);
            }
            ExprKind::Template(parts) => self.parts(parts),
            ExprKind::TemplateWrap(inner) | ExprKind::Unary(_, inner) | ExprKind::Paren(inner) => {
                self.expr(inner);
            }
            ExprKind::Call { args, .. } => self.all(args),
            ExprKind::Tuple(items) => self.all(items),
            ExprKind::Chain { first, rest } => {
                self.expr(first);
                self.all(rest.iter().map(|(_, operand)| operand));
            }
            ExprKind::Conditional { cases, otherwise } => {
                for (condition, value) in cases {
                    self.expr(condition);
                    self.expr(value);
                }
                self.expr(otherwise);
            }
            ExprKind::Object(items) => {
                for (key, value) in items {
                    self.key(key);
                    self.expr(value);
                }
            }
            ExprKind::For(it) => self.for_expr(it),
        }
    }

    /// A bare word as a key stands for itself.
    fn key(&mut self, key: &'e Expr) {
        if let ExprKind::Access { target, steps } = &key.kind
            && let ExprKind::Name(root) = &target.kind
        {
            (self.found)(Name { root, span: target.span, steps, is_key: true });
            self.steps(steps);
        } else if !matches!(key.kind, ExprKind::Name(_)) {
            self.expr(key);
        }
    }

    fn all(&mut self, exprs: impl IntoIterator<Item = &'e Expr>) {
        for expr in exprs {
            self.expr(expr);
        }
    }

    fn for_expr(&mut self, it: &'e For) {
        self.expr(&it.collection);
        let outer = self.bound.len();
        self.bound.extend(it.key_name.iter().chain([&it.value_name]).map(|name| name.name.as_ref()));
        self.all(it.key.iter().chain([&it.value]).chain(&it.condition));
        self.bound.truncate(outer);
    }

    fn parts(&mut self, parts: &'e [TemplatePart]) {
        for part in parts {
            match part {
                TemplatePart::Literal(_) => {}
                TemplatePart::Interpolation(expr) => self.expr(expr),
                TemplatePart::If { condition, then, otherwise, .. } => {
                    self.expr(condition);
                    self.parts(then);
                    self.parts(otherwise);
                }
                TemplatePart::For { key, value, collection, body, .. } => {
                    self.expr(collection);
                    let outer = self.bound.len();
                    self.bound.extend(key.iter().chain([value]).map(|name| name.name.as_ref()));
                    self.parts(body);
                    self.bound.truncate(outer);
                }
            }
        }
    }

    fn name(&mut self, root: &'e Arc<str>, span: Span, steps: &'e [Step]) {
        if !self.bound.contains(&root.as_ref()) {
            (self.found)(Name { root, span, steps, is_key: false });
        }
    }

    fn steps(&mut self, steps: &'e [Step]) {
        for step in steps {
            match step {
                Step::Attr(_) => {}
                Step::Index(index, _) => self.expr(index),
                Step::Splat { each, .. } => self.steps(each),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceMap;
    use crate::lang::syntax::parse_expression;

    fn expr(text: &str) -> (Expr, SourceMap) {
        let mut sources = SourceMap::new();
        let source = sources.add("x", text);
        (parse_expression(source, text).unwrap(), sources)
    }

    #[test]
    fn references_are_found_wherever_they_stand_and_names_of_for_are_not() {
        for (text, found) in [
            ("1 + var.a.b[0] * local.c", &["var.a", "local.c"][..]),
            ("t.n.id + data.t.n.id", &["t.n", "data.t.n"]),
            ("module.m.out.x", &["module.m.out"]),
            ("module.m[\"k\"].out.x", &["module.m[\"k\"].out"]),
            ("module.m[*].out", &["module.m[*].out"]),
            ("module.m", &["module.m"]),
            (
                "f(var.a, [var.b], {(var.c) = var.d, e = var.f})",
                &["var.a", "var.b", "var.c", "var.d", "var.f"],
            ),
            ("\"${var.a}%{ for x in var.b }${x.y}${var.c}%{ endfor }\"", &["var.a", "var.b", "var.c"]),
            ("\"%{ if var.a }${var.b}%{ else }${var.c}%{ endif }\"", &["var.a", "var.b", "var.c"]),
            ("[for k, v in var.a : v.x + k.y + var.b if v.z]", &["var.a", "var.b"]),
            ("{for v in v.x : v.k => [for w in v.l : w.x + u.x]}", &["v.x", "u.x"]),
            ("a.b[var.i].c[each.key]", &["a.b", "var.i", "each.key"]),
            ("a.b[*].c[count.index]", &["a.b", "count.index"]),
            ("f(x).y[self.id]", &["self"]),
            ("manifest[\"m\"].metadata", &["manifest"]),
            (
                "[path.module, terraform.workspace, mlo.environment]",
                &["path.module", "terraform.workspace", "mlo.environment"],
            ),
            ("!var.a ? -(var.b) : var.c", &["var.a", "var.b", "var.c"]),
            ("var", &[]),
            ("word", &[]),
        ] {
            let (expr, sources) = expr(text);
            let all: Vec<_> =
                references_in(&expr).iter().map(|found| sources.text(found.span).to_owned()).collect();
            assert_eq!(all, found, "{text}");
        }
    }

    #[test]
    fn an_entry_of_depends_on_names_a_whole() {
        for (text, ok) in [
            ("t.n", true),
            ("data.t.n", true),
            ("module.m", true),
            ("t.n.id", false),
            ("t.n[0]", false),
            ("t", false),
            ("\"t.n\"", false),
            ("f(x)", false),
            ("f(x).y", false),
        ] {
            assert_eq!(reference_of(&expr(text).0).is_ok(), ok, "{text}");
        }
    }
}
