//! What values are, in the words of messages; and which values were involved in an error.

use super::expression::Evaluator;
use crate::diag::{Diagnostic, Involved};
use crate::lang::scope::Scope;
use crate::lang::syntax::ast::{Expr, ExprKind, Step, TemplatePart};
use crate::lang::value::{Form, Kind, Marks, Value, quote_short};
use std::fmt::Write as _;

/// Names whose values are shown with an error.
const NAMES_MAX: usize = 4;
/// Characters of a text that are shown.
const TEXT_MAX: usize = 60;
/// Digits of a number that are shown.
const DIGITS_MAX: usize = 20;

/// A value in a few words, nothing of it in clear that must not be shown: `5`, `"x"`, `a list of string with 3 elements`.
pub fn describe(value: &Value) -> String {
    if value.marks_deep().is_sensitive() {
        return "sensitive".to_owned();
    }
    if value.marks_deep().contains(Marks::EPHEMERAL) {
        return "ephemeral".to_owned();
    }
    match value.kind() {
        Kind::Null(_) => "null".to_owned(),
        Kind::Unknown(..) => "not known yet".to_owned(),
        Kind::Bool(truth) => truth.to_string(),
        Kind::Number(number) => {
            let text = number.format(Form::Fixed, None);
            if text.len() > DIGITS_MAX { number.format(Form::General, Some(DIGITS_MAX)) } else { text }
        }
        Kind::String(text) => quote_short(text, TEXT_MAX),
        Kind::List(_, items) | Kind::Set(_, items) => {
            format!("{} with {}", value.ty().with_article(), count(items.len(), "element"))
        }
        Kind::Map(_, entries) => {
            format!("{} with {}", value.ty().with_article(), count(entries.len(), "element"))
        }
        Kind::Tuple(items) => format!("a tuple with {}", count(items.len(), "element")),
        Kind::Object(entries) => format!("an object with {}", count(entries.len(), "attribute")),
    }
}

pub(super) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// An error with what the names in an expression stand for.
pub fn with_values(error: Diagnostic, expr: &Expr, scope: &dyn Scope) -> Diagnostic {
    add_values(&mut Evaluator::new(scope), error, &[expr])
}

/// Adds to an error what the names in some expressions stand for.
pub(super) fn add_values(
    evaluator: &mut Evaluator<'_>,
    mut error: Diagnostic,
    involved: &[&Expr],
) -> Diagnostic {
    if evaluator.is_hidden() {
        return error;
    }
    let mut names = Vec::new();
    for expr in involved {
        find_names(expr, &mut names);
    }
    for (expression, expr) in names {
        if error.values.len() == NAMES_MAX || evaluator.is_exhausted() {
            break;
        }
        let held = evaluator.held(|evaluator| evaluator.value(expr));
        let involved = Involved { expression, value: describe(&held.value) };
        if !held.failed() && !error.values.contains(&involved) {
            error.values.push(involved);
        }
    }
    error
}

/// References in an expression, as they are written.
fn find_names<'e>(expr: &'e Expr, found: &mut Vec<(String, &'e Expr)>) {
    if found.len() > NAMES_MAX {
        return;
    }
    match &expr.kind {
        ExprKind::Name(name) => found.push((name.to_string(), expr)),
        ExprKind::Access { target, steps } => {
            match (&target.kind, written(steps)) {
                (ExprKind::Name(name), Some(steps)) => found.push((format!("{name}{steps}"), expr)),
                _ => find_names(target, found),
            }
            for step in steps {
                if let Step::Index(index, _) = step {
                    find_names(index, found);
                }
            }
        }
        ExprKind::TemplateWrap(inner) | ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => {
            find_names(inner, found);
        }
        ExprKind::Template(parts) => {
            for part in parts {
                if let TemplatePart::Interpolation(inner) = part {
                    find_names(inner, found);
                }
            }
        }
        ExprKind::Call { args, .. } | ExprKind::Tuple(args) => {
            for arg in args {
                find_names(arg, found);
            }
        }
        ExprKind::Chain { first, rest } => {
            find_names(first, found);
            for (_, operand) in rest {
                find_names(operand, found);
            }
        }
        ExprKind::Conditional { cases, otherwise } => {
            for (condition, value) in cases {
                find_names(condition, found);
                find_names(value, found);
            }
            find_names(otherwise, found);
        }
        ExprKind::Object(items) => items.iter().for_each(|(_, value)| find_names(value, found)),
        ExprKind::For(each) => find_names(&each.collection, found),
        ExprKind::Null | ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::String(_) => {}
    }
}

/// Steps as they are written, if they are names and literal indices.
fn written(steps: &[Step]) -> Option<String> {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Attr(name) => {
                let _ = write!(text, ".{}", name.name);
            }
            Step::Index(index, _) => match &index.kind {
                ExprKind::Number(number) => {
                    let _ = write!(text, "[{number}]");
                }
                ExprKind::String(key) => {
                    let _ = write!(text, "[{}]", quote_short(key, TEXT_MAX));
                }
                _ => return None,
            },
            Step::Splat { .. } => return None,
        }
    }
    Some(text)
}
