//! Values for the variables of a run: those given for all, the file's, and its own, the later counting more.

use super::Testing;
use super::names::TestNames;
use crate::diag::{Diagnostic, Diagnostics, code};
use crate::graph::ModuleTree;
use crate::lang::config::Module;
use crate::lang::eval::evaluate;
use crate::lang::scope::Scope;
use crate::lang::suite::{Run, TestVariables};
use crate::lang::syntax::ast::Expr;
use crate::lang::value::{Marks, Value};
use crate::plan::{Beside, Context, Examination, Input, Inputs, Reading, Values};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a file's expressions see as `var`, and the values for a run's variables.
pub(super) struct RunInputs {
    /// `var` for the file: what is given for all, and what the file gives.
    pub(super) variables: BTreeMap<Arc<str>, Value>,
    /// What is given for the variables of the run's module.
    pub(super) inputs: Inputs,
    /// Warnings.
    pub(super) messages: Diagnostics,
}

impl Testing<'_, '_> {
    /// The values for the variables of a run of a module.
    pub(super) fn inputs(&self, run: &Run, module: &Module) -> Result<RunInputs, Diagnostics> {
        let of_folder = self.tester.folder_inputs.get(&self.file.folder);
        let mut inputs = of_folder.unwrap_or(&self.tester.context.inputs).clone();
        let mut failures = Diagnostics::new();
        let mut variables = BTreeMap::new();
        for (name, input) in &inputs {
            // What its own module says of it counts when it is used there; here it is only a value.
            let declared = self.tester.config.variables.get(name);
            let value = match declared {
                Some(variable) => input.value(Reading::of(variable)),
                None => input.value(Reading::Expression).or_else(|_| input.value(Reading::AsItIs)),
            };
            match value {
                Ok(value) => drop(variables.insert(name.clone(), self.marked(name, module, value))),
                Err(messages) if module.variables.contains_key(name) => failures.extend(messages),
                Err(_) => {}
            }
        }
        let given = self.given(&self.file.variables, &variables, &mut failures);
        for (name, (value, input)) in given {
            variables.insert(name.clone(), self.marked(&name, module, value));
            inputs.insert(name, input);
        }
        let given = self.given(&run.variables, &variables, &mut failures);
        inputs.extend(given.into_iter().map(|(name, (_, input))| (name, input)));
        if failures.has_errors() {
            return Err(failures);
        }
        inputs.retain(|name, _| module.variables.contains_key(name));
        Ok(RunInputs { variables, inputs, messages: undeclared(run, module) })
    }

    /// A value for a variable, marked if the configuration or the run's module calls it sensitive.
    fn marked(&self, name: &str, module: &Module, value: Value) -> Value {
        let mut modules = [&*self.tester.config, module].into_iter();
        let declared = |module: &Module| module.variables.get(name).is_some_and(|it| it.sensitive);
        value.marked(if modules.any(declared) { Marks::SENSITIVE } else { Marks::NONE })
    }

    fn given(
        &self,
        block: &TestVariables,
        variables: &BTreeMap<Arc<str>, Value>,
        failures: &mut Diagnostics,
    ) -> Vec<(Arc<str>, (Value, Input))> {
        let mut given = Vec::new();
        for (name, (_, expr)) in block {
            match self.evaluate(expr, variables) {
                Ok(value) => {
                    let input = Input::Known { value: value.clone(), span: expr.span };
                    given.push((name.clone(), (value, input)));
                }
                Err(messages) => failures.extend(messages),
            }
        }
        given
    }

    /// The value of an expression of the file that is no assertion.
    pub(super) fn evaluate(
        &self,
        expr: &Expr,
        variables: &BTreeMap<Arc<str>, Value>,
    ) -> Result<Value, Diagnostics> {
        self.with_scope(variables, |scope| evaluate(expr, scope))
    }

    /// Calls `look` with the names that expressions of the file see that are no assertions.
    pub(super) fn with_scope<T>(
        &self,
        variables: &BTreeMap<Arc<str>, Value>,
        look: impl FnOnce(&dyn Scope) -> T,
    ) -> T {
        let config = self.tester.config.clone();
        let tree = ModuleTree::new(&config);
        let context: &Context = self.tester.context;
        let nothing = Examination::new(&tree, context, Values::default());
        let runs = self.outputs.borrow();
        let names = TestNames { file: self.file, variables, runs: &runs };
        let beside: &dyn Beside = &names;
        let scope = nothing.scope(beside);
        look(&scope)
    }
}

/// What a run gives values for and its module does not declare.
fn undeclared(run: &Run, module: &Module) -> Diagnostics {
    let mut messages = Diagnostics::new();
    for (name, _) in run.variables.values() {
        if module.variables.contains_key(&name.name) {
            continue;
        }
        let summary = format!("the module under test has no variable `{}`", name.name);
        let warning = Diagnostic::warning(code::engine::UNDECLARED, summary).at(name.span, "given here");
        let known = module.variables.keys().map(AsRef::as_ref);
        messages.push(warning.did_you_mean(&name.name, known));
    }
    messages
}
