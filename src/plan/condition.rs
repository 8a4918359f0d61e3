//! Conditions of `validation`, `precondition` and `postcondition` blocks.

use crate::diag::{Code, Diagnostic, Diagnostics, Span, code};
use crate::lang::config::Condition;
use crate::lang::eval::evaluate;
use crate::lang::scope::{Outside, Scope};
use crate::lang::syntax::ast::Step;
use crate::lang::value::{Type, Value, convert};

/// A scope with one variable laid over it.
pub(super) struct WithVariable<'a, S> {
    pub(super) inner: S,
    pub(super) name: &'a str,
    pub(super) value: &'a Value,
}

impl<S: Scope> Scope for WithVariable<'_, S> {
    fn lookup(&self, root: &str, span: Span, steps: &[Step]) -> Result<(Value, usize), Box<Diagnostic>> {
        match steps.first() {
            Some(Step::Attr(name)) if root == "var" && name.name.as_ref() == self.name => {
                Ok((self.value.clone(), 1))
            }
            _ => self.inner.lookup(root, span, steps),
        }
    }

    fn outside(&self) -> &dyn Outside {
        self.inner.outside()
    }
}

/// Checks conditions; one that is not known yet is left for later and sets `deferred`.
pub(super) fn check(
    conditions: &[Condition],
    scope: &dyn Scope,
    failed: Code,
    deferred: &mut bool,
) -> Result<(), Diagnostics> {
    let mut failures = Diagnostics::new();
    for condition in conditions {
        let held = match evaluate(&condition.condition, scope) {
            Ok(value) if value.is_unknown() => {
                *deferred = true;
                continue;
            }
            Ok(value) => convert(&value, &Type::Bool).ok().and_then(|value| value.as_bool()),
            Err(messages) => {
                failures.extend(messages);
                continue;
            }
        };
        let Some(held) = held else {
            let wrong = Diagnostic::error(code::engine::CONDITION, "a condition must be true or false");
            failures.push(wrong.at(condition.condition.span, ""));
            continue;
        };
        if !held {
            let words =
                evaluate(&condition.message, scope).ok().filter(|value| !value.marks_deep().is_sensitive());
            let words =
                words.as_ref().and_then(Value::as_str).unwrap_or("a condition does not hold").to_owned();
            failures.push(Diagnostic::error(failed, words).at(condition.condition.span, "this is false"));
        }
    }
    if failures.has_errors() { Err(failures) } else { Ok(()) }
}
