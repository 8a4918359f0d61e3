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

/// Whether a condition holds; nothing if it is not known yet.
pub(super) fn decide(condition: &Condition, scope: &dyn Scope) -> Result<Option<bool>, Diagnostics> {
    let wrong = |text: &str| {
        let wrong = Diagnostic::error(code::engine::CONDITION, "a condition must be true or false");
        Diagnostics::from(wrong.at(condition.condition.span, text))
    };
    let value = evaluate(&condition.condition, scope)?;
    let value = convert(&value, &Type::Bool).map_err(|error| wrong(&error.to_string()))?;
    if value.is_null() {
        return Err(wrong("this is null"));
    }
    Ok(value.as_bool())
}

/// Looks for errors in what would be said if conditions did not hold.
pub(super) fn check_messages(conditions: &[Condition], scope: &dyn Scope) -> Result<(), Diagnostics> {
    let mut failures = Diagnostics::new();
    for condition in conditions {
        match evaluate(&condition.message, scope).map(|value| convert(&value, &Type::String)) {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                let wrong = Diagnostic::error(code::engine::CONDITION, "an error message must be a text");
                failures.push(wrong.at(condition.message.span, error.to_string()));
            }
            Err(messages) => failures.extend(messages),
        }
    }
    if failures.has_errors() { Err(failures) } else { Ok(()) }
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
        match decide(condition, scope) {
            Ok(None) => *deferred = true,
            Ok(Some(true)) => {}
            Ok(Some(false)) => {
                let words = evaluate(&condition.message, scope).ok();
                let words = words.filter(|value| !value.marks_deep().is_sensitive());
                let words = words.as_ref().and_then(Value::as_str).unwrap_or("a condition does not hold");
                failures.push(Diagnostic::error(failed, words).at(condition.condition.span, "this is false"));
            }
            Err(messages) => failures.extend(messages),
        }
    }
    if failures.has_errors() { Err(failures) } else { Ok(()) }
}
