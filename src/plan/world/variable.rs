//! A variable: what it is given, its default, its type, its validations.

use super::World;
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::graph::ModuleId;
use crate::lang::config::Variable;
use crate::lang::eval::evaluate;
use crate::lang::value::{Marks, Value, apply_defaults, convert};
use crate::plan::condition::{WithVariable, check};
use crate::plan::scope::Constant;
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
                (
                    argument.map(|expr| evaluate(expr, &scope)).transpose()?,
                    argument.map_or(call.span, |expr| expr.span),
                )
            }
            None => self.root_input(variable)?,
        };
        let given = given.filter(|value| variable.nullable || !value.is_null());
        let default = variable.default.as_ref();
        let (value, place) = match (given, default) {
            (Some(value), _) => (value, place),
            (None, Some(default)) => (evaluate(default, &Constant)?, default.span),
            (None, None) if self.context.check_only => {
                return Ok(mark(variable, Value::unknown(variable.ty.clone())));
            }
            (None, None) => return Err(missing_variable(variable).into()),
        };
        let defaults = variable.defaults.try_map(&mut |expr| evaluate(expr, &Constant))?;
        let value = apply_defaults(&value, &defaults);
        let value = convert(&value, &variable.ty).map_err(|error| {
            Diagnostic::error(
                code::engine::VARIABLE_TYPE,
                format!("the value of variable `{name}` is not of its type"),
            )
            .at(place, error.to_string())
            .at(variable.span, "declared here")
        })?;
        self.validate(variable, (id, at), &value, deferred)?;
        Ok(mark(variable, value))
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
        let scope = WithVariable { inner: self.scope(id, at, None), name: &variable.name.name, value };
        check(&variable.validations, &scope, code::engine::VALIDATION, deferred)
    }

    fn root_input(&self, variable: &Variable) -> Result<(Option<Value>, Span), Diagnostics> {
        let Some(input) = self.context.inputs.get(&variable.name.name) else {
            return Ok((None, variable.span));
        };
        let span = input.span();
        let value = input.value(&variable.ty)?;
        Ok((Some(value), span))
    }
}

fn mark(variable: &Variable, value: Value) -> Value {
    let sensitive = if variable.sensitive { Marks::SENSITIVE } else { Marks::NONE };
    let ephemeral = if variable.ephemeral { Marks::EPHEMERAL } else { Marks::NONE };
    value.marked(sensitive | ephemeral)
}

fn missing_variable(variable: &Variable) -> Diagnostic {
    let name = &variable.name.name;
    let message = Diagnostic::error(code::engine::NO_VALUE, format!("variable `{name}` has no value"))
        .at(variable.span, "declared here, without a default");
    message.help(format!("give one: `--var {name}=…`, a line `{name} = …` in `mlo.tfvars`, or the environment variable `MLO_VAR_{name}`"))
}
