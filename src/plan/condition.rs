//! Conditions of `validation`, `precondition`, `postcondition` and `assert` blocks.

use super::checked::{CheckStatus, Checked, Judged};
use crate::diag::{Code, Diagnostic, Diagnostics, Span, code};
use crate::lang::config::{Condition, ResourceKey};
use crate::lang::eval::{evaluate, with_values};
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

/// A scope with one data source laid over it.
pub(super) struct WithData<'a, S> {
    pub(super) inner: S,
    pub(super) key: &'a ResourceKey,
    pub(super) value: &'a Value,
}

impl<S: Scope> Scope for WithData<'_, S> {
    fn lookup(&self, root: &str, span: Span, steps: &[Step]) -> Result<(Value, usize), Box<Diagnostic>> {
        match steps {
            [Step::Attr(type_name), Step::Attr(name), ..]
                if root == "data" && type_name.name == self.key.type_name && name.name == self.key.name =>
            {
                Ok((self.value.clone(), 2))
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

/// Whether conditions hold. One that is not known yet is left for later.
pub(super) fn judge(conditions: &[Condition], scope: &dyn Scope, failed: Code) -> Judged {
    let mut checked = Checked { status: CheckStatus::Pass, problems: Vec::new() };
    let mut messages = Diagnostics::new();
    let mut unknown = false;
    for condition in conditions {
        let status = match decide(condition, scope) {
            Ok(None) => CheckStatus::Unknown,
            Ok(Some(true)) => CheckStatus::Pass,
            Ok(Some(false)) => {
                let words = words(condition, scope);
                let message = Diagnostic::error(failed, words.clone());
                let message = message.at(condition.condition.span, "this is false");
                messages.push(with_values(message, &condition.condition, scope));
                checked.problems.push(words);
                CheckStatus::Fail
            }
            Err(wrong) => {
                messages.extend(wrong);
                CheckStatus::Error
            }
        };
        unknown |= status == CheckStatus::Unknown;
        checked.status = checked.status.max(status);
    }
    Judged { checked, unknown, messages }
}

/// What a condition says when it does not hold.
fn words(condition: &Condition, scope: &dyn Scope) -> String {
    let words = evaluate(&condition.message, scope).ok().filter(|value| !value.marks_deep().is_sensitive());
    words.as_ref().and_then(Value::as_str).unwrap_or("a condition does not hold").to_owned()
}
