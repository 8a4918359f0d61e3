//! A variable's value from what is given for it.

use super::evaluate;
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::lang::config::Variable;
use crate::lang::scope::Scope;
use crate::lang::value::{Marks, Value, apply_defaults, convert};

/// The value of a variable: what is given at a place, or its default; nothing if there is neither. It is of the
/// variable's type and not marked yet. `constant` is the scope of defaults.
///
/// # Errors
/// If it cannot be converted to the type.
pub fn variable_value(
    variable: &Variable,
    given: Option<(Value, Span)>,
    constant: &dyn Scope,
) -> Result<Option<Value>, Diagnostics> {
    let given = given.filter(|(value, _)| variable.nullable || !value.is_null());
    let (value, place) = match (given, &variable.default) {
        (Some(given), _) => given,
        (None, Some(default)) => (evaluate(default, constant)?, default.span),
        (None, None) => return Ok(None),
    };
    let defaults = variable.defaults.try_map(&mut |expr| evaluate(expr, constant))?;
    let value = convert(&apply_defaults(&value, &defaults), &variable.ty).map_err(|error| {
        let summary = format!("the value of variable `{}` is not of its type", variable.name.name);
        Diagnostic::error(code::engine::VARIABLE_TYPE, summary)
            .at(place, error.to_string())
            .at(variable.span, "declared here")
    })?;
    Ok(Some(value))
}

/// The value as the variable marks it.
pub fn variable_marked(variable: &Variable, value: Value) -> Value {
    let sensitive = if variable.sensitive { Marks::SENSITIVE } else { Marks::NONE };
    let ephemeral = if variable.ephemeral { Marks::EPHEMERAL } else { Marks::NONE };
    value.marked(sensitive | ephemeral)
}
