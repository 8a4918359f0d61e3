//! `condition ? value : otherwise`, of which both values are looked at for their type.

use super::expression::{Evaluator, Held};
use crate::diag::{Diagnostic, Span, code};
use crate::lang::syntax::ast::Expr;
use crate::lang::value::{Bounds, Kind, Refinement, Type, Value, convert, unify};
use std::sync::Arc;

/// What a condition says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Known(bool),
    Unknown,
    /// It is no bool, which has been said.
    Failed,
}

/// The two values between which a condition chooses.
struct Choice {
    when_true: Held,
    when_false: Held,
    /// From the one to the other.
    span: Span,
}

impl Evaluator<'_> {
    /// `c1 ? v1 : c2 ? v2 : otherwise`, from the right, so that a long chain needs no stack.
    pub(super) fn conditional(&mut self, cases: &[(Expr, Expr)], otherwise: &Expr) -> Value {
        let mut result = self.held(|evaluator| evaluator.value(otherwise));
        for (condition, value) in cases.iter().rev() {
            let when_true = self.held(|evaluator| evaluator.value(value));
            let span = value.span.to(otherwise.span);
            let choice = Choice { when_true, when_false: result, span };
            result = self.held(|evaluator| evaluator.choose(condition, choice));
        }
        self.release(result)
    }

    /// `%{ if condition }…%{ else }…%{ endif }`
    pub(super) fn choose_text(
        &mut self,
        condition: &Expr,
        span: Span,
        when_true: impl FnOnce(&mut Self) -> Value,
        when_false: impl FnOnce(&mut Self) -> Value,
    ) -> Value {
        let when_true = self.held(when_true);
        let when_false = self.held(when_false);
        self.choose(condition, Choice { when_true, when_false, span })
    }

    fn choose(&mut self, condition: &Expr, choice: Choice) -> Value {
        let before = self.failures();
        let Some(ty) = common_type(&choice.when_true.value, &choice.when_false.value) else {
            let (when_true, when_false) = (choice.when_true.value.ty(), choice.when_false.value.ty());
            let difference = difference(&when_true, &when_false);
            let error = Diagnostic::error(
                code::lang::CONDITION,
                "the two values of this condition have no type in common",
            )
            .at(choice.span, difference);
            return self.fail(error);
        };
        let decided = self.value(condition);
        if self.failures() > before {
            return Value::unknown(ty);
        }
        let marks = decided.marks() | choice.when_true.value.marks() | choice.when_false.value.marks();
        let chosen = match self.truth(&decided, condition) {
            Truth::Failed => return Value::unknown(ty),
            Truth::Unknown => return undecided(&choice, ty).marked(marks),
            Truth::Known(true) => choice.when_true,
            Truth::Known(false) => choice.when_false,
        };
        if chosen.failed() {
            return self.release(chosen);
        }
        let chosen = self.release(chosen);
        match convert(&chosen, &ty) {
            Ok(value) => value.marked(marks),
            Err(error) => {
                let summary = format!("the value of this condition should be {}", ty.with_article());
                let error =
                    Diagnostic::error(code::lang::CONDITION, summary).at(choice.span, error.to_string());
                self.fail(error)
            }
        }
    }

    /// Whether a condition holds.
    pub(super) fn truth(&mut self, decided: &Value, condition: &Expr) -> Truth {
        if decided.is_null() {
            let error =
                Diagnostic::error(code::lang::CONDITION, "this condition is null, neither true nor false")
                    .at(condition.span, "null");
            self.fail_with(error, &[condition]);
            return Truth::Failed;
        }
        match convert(decided, &Type::Bool) {
            Ok(decided) => decided.as_bool().map_or(Truth::Unknown, Truth::Known),
            Err(error) => {
                let summary =
                    format!("a condition must be a bool, but this is {}", decided.ty().with_article());
                let error =
                    Diagnostic::error(code::lang::CONDITION, summary).at(condition.span, error.to_string());
                self.fail_with(error, &[condition]);
                Truth::Failed
            }
        }
    }
}

/// The type of the result. A bare null has the type of the other value.
fn common_type(when_true: &Value, when_false: &Value) -> Option<Type> {
    let bare_null = |value: &Value| matches!(value.kind(), Kind::Null(Type::Any));
    let (true_type, false_type) = (when_true.ty(), when_false.ty());
    if bare_null(when_true) {
        return Some(false_type);
    }
    if bare_null(when_false) {
        return Some(true_type);
    }
    if matches!(true_type, Type::Any) || matches!(false_type, Type::Any) {
        return Some(Type::Any);
    }
    unify(&[true_type, false_type])
}

/// The result as long as the condition is not known: what is true of both values.
fn undecided(choice: &Choice, ty: Type) -> Value {
    let (when_true, when_false) = (&choice.when_true.value, &choice.when_false.value);
    // Which value it is cannot be known, so any mark inside either may be inside the result.
    let inside = when_true.marks_deep() | when_false.marks_deep();
    if when_true.is_null() && when_false.is_null() {
        return Value::null_of(ty).marked(inside);
    }
    let not_null = when_true.is_surely_not_null() && when_false.is_surely_not_null();
    let (true_min, true_max) = lengths(when_true);
    let (false_min, false_max) = lengths(when_false);
    let same = ty.is_collection() && when_true.ty() == when_false.ty();
    let mut refinement = Refinement { not_null, ..Refinement::default() };
    if same {
        refinement.length_min = true_min.min(false_min);
        refinement.length_max = true_max.zip(false_max).map(|(a, b)| a.max(b));
    }
    if let Some((a, b)) = Bounds::of(when_true).zip(Bounds::of(when_false)) {
        refinement.bounds = Some(Arc::new(a.or(b)));
    }
    Value::unknown_with(ty, refinement).marked(inside)
}

/// The least and the most elements that a collection can have.
pub(super) fn lengths(value: &Value) -> (u64, Option<u64>) {
    let exactly = |length: usize| (length as u64, Some(length as u64));
    match value.kind() {
        Kind::Unknown(_, refinement) => (refinement.length_min, refinement.length_max),
        Kind::List(_, items) | Kind::Tuple(items) => exactly(items.len()),
        Kind::Set(_, items) if value.is_wholly_known() => exactly(items.len()),
        Kind::Set(_, items) => (items.len().min(1) as u64, Some(items.len() as u64)),
        Kind::Map(_, entries) | Kind::Object(entries) => exactly(entries.len()),
        _ => (0, None),
    }
}

/// Where two types that do not unify differ.
fn difference(when_true: &Type, when_false: &Type) -> String {
    match (when_true, when_false) {
        (Type::Object(a), Type::Object(b)) => {
            for (name, field) in a.iter() {
                match b.get(name) {
                    None => return format!("the attribute `{name}` is in the first value only"),
                    Some(other) if other.ty != field.ty => {
                        return format!("attribute `{name}`: {}", difference(&field.ty, &other.ty));
                    }
                    Some(_) => {}
                }
            }
            let only = b.keys().find(|name| !a.contains_key(*name));
            only.map_or_else(String::new, |name| {
                format!("the attribute `{name}` is in the second value only")
            })
        }
        (Type::Tuple(a), Type::Tuple(b)) if a.len() != b.len() => {
            format!("one has {} elements, the other {}, of different types", a.len(), b.len())
        }
        (Type::Tuple(a), Type::Tuple(b)) => {
            let different = a.iter().zip(b.iter()).enumerate().find(|(_, (a, b))| a != b);
            different.map_or_else(String::new, |(at, (a, b))| format!("element {at}: {}", difference(a, b)))
        }
        (Type::List(a), Type::List(b)) | (Type::Set(a), Type::Set(b)) | (Type::Map(a), Type::Map(b)) => {
            format!("elements: {}", difference(a, b))
        }
        _ => format!("one is {}, the other {}", when_true.with_article(), when_false.with_article()),
    }
}
