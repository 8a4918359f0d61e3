//! The walk over an expression: which kind is evaluated how, and what all of them share.

use super::explain;
use super::meter::{Exhausted, Meter};
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::lang::scope::{Outside, Scope};
use crate::lang::syntax::ast::{Expr, ExprKind, Step};
use crate::lang::value::{Marks, Type, Value, convert, normalize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Errors of one evaluation that are said; more would not be read.
const ERRORS_MAX: usize = 50;

/// The value of an expression.
///
/// Every part is evaluated, and all errors of parts that do not depend on each other are gathered. As in Terraform,
/// both operands of `&&` and `||` are evaluated, and of the values of a condition only the errors of the one chosen
/// count.
///
/// # Errors
/// If the expression has no value; each error with its place and the values involved.
pub fn evaluate(expr: &Expr, scope: &dyn Scope) -> Result<Value, Diagnostics> {
    let mut evaluator = Evaluator::new(scope);
    let value = evaluator.value(expr);
    evaluator.finish(value)
}

/// One evaluation under way. What fails is unknown, of any type, so that what depends on it is not an error as well.
pub(super) struct Evaluator<'a> {
    scope: &'a dyn Scope,
    /// Names that `for` gave, the innermost last.
    names: Vec<(Arc<str>, Value)>,
    pub(super) meter: Meter,
    said: Diagnostics,
    failures: usize,
    /// A limit is exceeded: nothing more is evaluated.
    exhausted: bool,
    /// How many `for` around this walk over something sensitive: their elements are not marked themselves.
    hidden: usize,
}

/// What an evaluation said, held back until it is known whether it counts.
pub(super) struct Held {
    pub(super) value: Value,
    said: Diagnostics,
    failures: usize,
}

impl Held {
    pub(super) fn failed(&self) -> bool {
        self.failures > 0
    }

    pub(super) fn said(&self) -> &Diagnostics {
        &self.said
    }
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(scope: &'a dyn Scope) -> Self {
        let (names, meter, said) = (Vec::new(), Meter::default(), Diagnostics::new());
        Self { scope, names, meter, said, failures: 0, exhausted: false, hidden: 0 }
    }

    pub(super) fn outside(&self) -> &'a dyn Outside {
        self.scope.outside()
    }

    pub(super) fn finish(self, value: Value) -> Result<Value, Diagnostics> {
        if self.failures > 0 { Err(self.said) } else { Ok(value) }
    }

    pub(super) fn value(&mut self, expr: &Expr) -> Value {
        if self.exhausted {
            return Value::unknown(Type::Any);
        }
        if let Err(exhausted) = self.meter.steps(1) {
            return self.stop(exhausted, expr.span);
        }
        match &expr.kind {
            ExprKind::Null => Value::null(),
            ExprKind::Bool(value) => Value::bool(*value),
            ExprKind::Number(number) => Value::number(number.clone()),
            ExprKind::String(text) if text.is_ascii() => Value::string(text.clone()),
            ExprKind::String(text) => Value::string(normalize(text)),
            ExprKind::TemplateWrap(inner) | ExprKind::Paren(inner) => self.value(inner),
            ExprKind::Name(name) => self.access(name, expr.span, &[]),
            ExprKind::Access { target, steps } => self.access_of(target, steps),
            _ => {
                let value = self.compound(expr);
                self.made(value, expr.span)
            }
        }
    }

    fn compound(&mut self, expr: &Expr) -> Value {
        match &expr.kind {
            ExprKind::Template(parts) => self.template(parts),
            ExprKind::Call { name, args, expand } => self.call(expr, name, args, *expand),
            ExprKind::Unary(op, operand) => self.unary(expr, *op, operand),
            ExprKind::Chain { first, rest } => self.chain(first, rest),
            ExprKind::Conditional { cases, otherwise } => self.conditional(cases, otherwise),
            ExprKind::Tuple(items) => {
                let items: Vec<_> = items.iter().map(|item| self.value(item)).collect();
                Value::tuple(items)
            }
            ExprKind::Object(items) => self.object(items),
            ExprKind::For(each) => self.each(expr, each),
            _ => Value::unknown(Type::Any),
        }
    }

    /// A name and the steps that follow it.
    fn access(&mut self, name: &Arc<str>, span: Span, steps: &[Step]) -> Value {
        let (value, taken) = match self.look_up(name, span, steps) {
            Ok(found) => found,
            Err(error) => {
                // What steps name may be wrong as well.
                self.check_steps(steps);
                return self.fail(*error);
            }
        };
        let rest = steps.get(taken..).unwrap_or(&[]);
        let so_far =
            steps.get(..taken).and_then(|taken| taken.last()).map_or(span, |last| span.to(last.span()));
        self.walk(value, so_far, rest)
    }

    pub(super) fn look_up(
        &self,
        name: &Arc<str>,
        span: Span,
        steps: &[Step],
    ) -> Result<(Value, usize), Box<Diagnostic>> {
        if let Some((_, value)) = self.names.iter().rev().find(|(bound, _)| bound == name) {
            return Ok((value.clone(), 0));
        }
        self.scope.lookup(name, span, steps)
    }

    fn access_of(&mut self, target: &Expr, steps: &[Step]) -> Value {
        if let ExprKind::Name(name) = &target.kind {
            return self.access(name, target.span, steps);
        }
        let before = self.failures;
        let value = self.value(target);
        if self.failures > before {
            self.check_steps(steps);
            return Value::unknown(Type::Any);
        }
        self.walk(value, target.span, steps)
    }

    fn object(&mut self, items: &[(Expr, Expr)]) -> Value {
        let (mut entries, mut marks) = (BTreeMap::new(), Marks::NONE);
        let (mut known, mut lost) = (true, Marks::NONE);
        for (key, value) in items {
            let key_value = self.object_key(key);
            let value = self.value(value);
            lost = lost | value.marks_deep();
            match key_value {
                Some(key_value) => {
                    marks = marks | key_value.marks();
                    match key_value.as_str() {
                        Some(name) => drop(entries.insert(Arc::from(name), value)),
                        None => known = false,
                    }
                }
                None => known = false,
            }
        }
        if known {
            Value::object(entries).marked(marks)
        } else {
            Value::unknown(Type::Any).marked(marks | lost)
        }
    }

    /// A key as a string, possibly unknown; nothing if there is an error.
    fn object_key(&mut self, key: &Expr) -> Option<Value> {
        match &key.kind {
            ExprKind::Name(name) => return Some(Value::string(normalize(name))),
            ExprKind::Null => return Some("null".into()),
            ExprKind::Bool(value) => return Some(Value::string(if *value { "true" } else { "false" })),
            ExprKind::Access { target, .. } if matches!(target.kind, ExprKind::Name(_)) => {
                let error = Diagnostic::error(
                    code::lang::KEY,
                    "it is not clear whether this key is a name or a reference",
                )
                .at(key.span, "a key")
                .help("put it in parentheses if it is a reference, in quotes if it is a name with dots");
                self.fail(error);
                return None;
            }
            _ => {}
        }
        let before = self.failures;
        let value = self.value(key);
        if self.failures > before { None } else { self.key(&value, key) }
    }

    /// A value as the key of an object.
    pub(super) fn key(&mut self, value: &Value, at: &Expr) -> Option<Value> {
        if value.is_null() {
            let error = Diagnostic::error(code::lang::KEY, "a key is null").at(at.span, "this is null");
            self.fail_with(error, &[at]);
            return None;
        }
        match convert(value, &Type::String) {
            Ok(key) => Some(key),
            Err(error) => {
                let found = value.ty().with_article();
                let error = Diagnostic::error(code::lang::KEY, format!("{found} cannot be a key"))
                    .at(at.span, error.to_string());
                self.fail_with(error, &[at]);
                None
            }
        }
    }

    /// With names that `for` gives, for as long as `inner` runs.
    pub(super) fn with_names<T>(
        &mut self,
        names: impl IntoIterator<Item = (Arc<str>, Value)>,
        inner: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let outer = self.names.len();
        self.names.extend(names);
        let result = inner(self);
        self.names.truncate(outer);
        result
    }

    /// [`Self::with_names`] for elements of a value with these marks.
    pub(super) fn with_elements<T>(
        &mut self,
        marks: Marks,
        names: impl IntoIterator<Item = (Arc<str>, Value)>,
        inner: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let hides = usize::from(!marks.is_empty());
        self.hidden += hides;
        let result = self.with_names(names, inner);
        self.hidden -= hides;
        result
    }

    /// Whether values may be parts of something that must not be seen, without a mark of their own.
    pub(super) fn is_hidden(&self) -> bool {
        self.hidden > 0
    }

    /// Evaluates without saying anything yet.
    pub(super) fn held(&mut self, inner: impl FnOnce(&mut Self) -> Value) -> Held {
        let said = std::mem::take(&mut self.said);
        let failures = std::mem::take(&mut self.failures);
        let value = inner(self);
        let held = Held {
            value,
            said: std::mem::replace(&mut self.said, said),
            failures: std::mem::replace(&mut self.failures, failures),
        };
        // That a limit is exceeded is never held back.
        if self.exhausted && held.failed() {
            self.failures += held.failures;
            self.said.extend(held.said.clone());
        }
        held
    }

    /// Says what was held back, and gives its value.
    pub(super) fn release(&mut self, held: Held) -> Value {
        self.failures += held.failures;
        self.said.extend(held.said);
        held.value
    }

    pub(super) fn failures(&self) -> usize {
        self.failures
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// An error, to which the values of the names in `involved` are added. Gives what failed expressions give.
    pub(super) fn fail_with(&mut self, error: Diagnostic, involved: &[&Expr]) -> Value {
        let error =
            if self.said.len() < ERRORS_MAX { explain::add_values(self, error, involved) } else { error };
        self.fail(error)
    }

    pub(super) fn fail(&mut self, error: Diagnostic) -> Value {
        self.failures += 1;
        if self.said.len() < ERRORS_MAX {
            self.said.push(error);
        }
        Value::unknown(Type::Any)
    }

    /// Counts a value that was made at `span`.
    pub(super) fn made(&mut self, value: Value, span: Span) -> Value {
        match self.meter.made(&value) {
            Ok(()) => value,
            Err(exhausted) => self.stop(exhausted, span),
        }
    }

    pub(super) fn stop(&mut self, exhausted: Exhausted, span: Span) -> Value {
        if self.exhausted {
            return Value::unknown(Type::Any);
        }
        self.exhausted = true;
        let error = Diagnostic::error(code::lang::TOO_LARGE, format!("the value is too large: {exhausted}"))
            .at(span, "made here");
        self.fail(error)
    }
}
