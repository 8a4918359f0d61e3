//! A variable: what it is given, its default, its type, its validations.

use super::World;
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::graph::ModuleId;
use crate::lang::config::Variable;
use crate::lang::eval::{evaluate, variable_marked, variable_value};
use crate::lang::scope::Scope;
use crate::lang::value::{Marks, Value};
use crate::plan::checked::{Checkable, Moment};
use crate::plan::condition::{WithVariable, check_messages, judge};
use crate::plan::inputs::Reading;
use crate::plan::scope::{Anything, Constant};
use mlo_state::ModuleAddress;

impl World<'_> {
    pub(super) fn variable(
        &self,
        id: ModuleId,
        at: &ModuleAddress,
        name: &str,
        deferred: &mut bool,
    ) -> Result<Value, Diagnostics> {
        let variable =
            self.tree.module(id).variables.get(name).expect("a node's variable is in the configuration");
        let (given, place) = match self.tree.parent(id) {
            Some((parent, call)) => {
                let instance = self.instance(id, at);
                let above = instance.and_then(|instance| instance.parent.clone()).unwrap_or_default();
                let argument = call.arguments.get(name).map(|(_, expr)| expr);
                let repetition = instance.map(|instance| &instance.repetition);
                let scope = self.scope(parent, &above, repetition);
                let anything = Anything(&scope);
                let imagined = repetition.is_some_and(|repetition| repetition.imagined);
                let scope: &dyn Scope = if imagined { &anything } else { &scope };
                (
                    argument.map(|expr| evaluate(expr, scope)).transpose()?,
                    argument.map_or(call.span, |expr| expr.span),
                )
            }
            None => self.root_input(variable)?,
        };
        let given = given.filter(|value| variable.nullable || !value.is_null());
        let is_given = given.is_some();
        if let Some(value) = &given {
            refuse_ephemeral(variable, value, place)?;
        }
        let given = given.map(|value| (value, place));
        let value = match variable_value(variable, given, &Constant)? {
            Some(value) => value,
            None if self.context.check_only => any_value(variable),
            None => return Err(missing_variable(variable).into()),
        };
        let stands_for_any = self.checks && (!is_given || value.is_null() || self.is_imagined(id, at));
        let value = if stands_for_any { any_value(variable) } else { value };
        self.validate(variable, (id, at), &value, deferred)?;
        Ok(variable_marked(variable, value))
    }

    /// Whether there is no such instance of a module.
    fn is_imagined(&self, id: ModuleId, at: &ModuleAddress) -> bool {
        let Some((parent, _)) = self.tree.parent(id) else { return false };
        let Some(instance) = self.instance(id, at) else { return false };
        instance.repetition.imagined
            || instance.parent.as_ref().is_some_and(|above| self.is_imagined(parent, above))
    }

    fn validate(
        &self,
        variable: &Variable,
        (id, at): (ModuleId, &ModuleAddress),
        value: &Value,
        deferred: &mut bool,
    ) -> Result<(), Diagnostics> {
        if variable.validations.is_empty() {
            return Ok(());
        }
        // The variable itself is not stored yet: its value is laid over the scope.
        let value = &variable_marked(variable, value.clone());
        let scope = WithVariable { inner: self.scope(id, at, None), name: &variable.name.name, value };
        let judged = judge(&variable.validations, &scope, code::engine::VALIDATION);
        let of = Checkable::Variable(self.tree.module(id).path.clone(), variable.name.name.clone());
        let noted = self.note(of, (at.clone(), None), Moment::Before, judged);
        *deferred |= matches!(noted, Ok(true));
        if !self.checks {
            return noted.map(drop);
        }
        let mut failures = noted.err().unwrap_or_default();
        failures.extend(check_messages(&variable.validations, &scope).err().unwrap_or_default());
        if failures.has_errors() { Err(failures) } else { Ok(()) }
    }

    fn root_input(&self, variable: &Variable) -> Result<(Option<Value>, Span), Diagnostics> {
        let Some(input) = self.context.inputs.get(&variable.name.name) else {
            return Ok((None, variable.span));
        };
        let span = input.span();
        let value = input.value(Reading::of(variable))?;
        Ok((Some(value), span))
    }
}

/// What is ephemeral is given only to variables that say so.
fn refuse_ephemeral(variable: &Variable, value: &Value, place: Span) -> Result<(), Diagnostics> {
    if variable.ephemeral || !value.marks_deep().contains(Marks::EPHEMERAL) {
        return Ok(());
    }
    let summary = format!("variable `{}` would keep an ephemeral value", variable.name.name);
    Err(Diagnostic::error(code::engine::EPHEMERAL, summary)
        .at(place, "this is ephemeral")
        .at(variable.span, "`ephemeral = true` is not said here")
        .into())
}

/// Stands for every value that a variable may have.
fn any_value(variable: &Variable) -> Value {
    let ty = variable.ty.without_optional();
    if variable.nullable { Value::unknown(ty) } else { Value::unknown_not_null(ty) }
}

fn missing_variable(variable: &Variable) -> Diagnostic {
    let name = &variable.name.name;
    let message = Diagnostic::error(code::engine::NO_VALUE, format!("variable `{name}` has no value"))
        .at(variable.span, "declared here, without a default");
    message.help(format!("give one: `--var {name}=…`, a line `{name} = …` in `mlo.tfvars`, or the environment variable `MLO_VAR_{name}`"))
}
