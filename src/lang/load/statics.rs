//! What is known while modules are loaded: variables that have a value by then, and local values made of them.
//!
//! Goes in: an expression of a module, and what is given for the root module's variables. Comes out: its value, or the
//! reference in it that is not known yet. Never happens: IO, a value of a resource.

use super::calls::CallBlock;
use super::elsewhere::Given;
use crate::diag::{Diagnostic, Diagnostics, Span, code};
use crate::lang::config::{Module, ModuleSource};
use crate::lang::eval::{evaluate, variable_marked, variable_value};
use crate::lang::scope::Scope;
use crate::lang::syntax::ast::{Expr, Step};
use crate::lang::value::Value;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A module, what called it, and what is known in it so far.
pub(super) struct Statics<'s> {
    module: &'s Module,
    caller: Option<(&'s CallBlock, &'s Statics<'s>)>,
    found: RefCell<Found>,
}

/// The value of a name, or why it has none.
type Answer = Result<Value, Box<Diagnostic>>;
/// Values of `var.name` and `local.name`; none while it is being found.
type Found = BTreeMap<(&'static str, Arc<str>), Option<Answer>>;

impl<'s> Statics<'s> {
    pub(super) fn new(module: &'s Module, caller: Option<(&'s CallBlock, &'s Statics<'s>)>) -> Self {
        Self { module, caller, found: RefCell::default() }
    }

    /// The module.
    pub(super) fn module(&self) -> &'s Module {
        self.module
    }

    /// The module that everything else is called from.
    pub(super) fn root(&self) -> &'s Module {
        self.caller.map_or(self.module, |(_, above)| above.root())
    }

    /// The value of an expression of the module.
    pub(super) fn evaluate(&self, expr: &Expr, given: &Given) -> Result<Value, Diagnostics> {
        evaluate(expr, &Known { statics: self, given })
    }

    /// The value of a name, found once.
    fn once(&self, kind: &'static str, name: &Arc<str>, span: Span, find: impl FnOnce() -> Answer) -> Answer {
        let key = (kind, name.clone());
        match self.found.borrow().get(&key) {
            Some(Some(answer)) => return answer.clone(),
            Some(None) => {
                let summary = format!("`{kind}.{name}` is made of itself");
                return Err(Box::new(Diagnostic::error(code::lang::NOT_STATIC, summary).at(span, "")));
            }
            None => {}
        }
        self.found.borrow_mut().insert(key.clone(), None);
        let answer = find();
        self.found.borrow_mut().insert(key, Some(answer.clone()));
        answer
    }
}

/// The names of a module that are known.
struct Known<'k> {
    statics: &'k Statics<'k>,
    given: &'k Given,
}

impl Scope for Known<'_> {
    fn lookup(&self, root: &str, span: Span, steps: &[Step]) -> Result<(Value, usize), Box<Diagnostic>> {
        let name = match steps.first() {
            Some(Step::Attr(name)) => Some(&name.name),
            _ => None,
        };
        let unknown = |name: &str| {
            let what = if name.is_empty() { root.to_owned() } else { format!("{root}.{name}") };
            let error = Diagnostic::error(
                code::lang::NOT_STATIC,
                format!("`{what}` is not known when modules are loaded"),
            );
            Box::new(error.at(span, "").help(
                "use variables that are given or have a default, local values, and arguments made of these",
            ))
        };
        let Some(name) = name else { return Err(unknown("")) };
        let value = match root {
            "var" => self.statics.once("var", name, span, || self.variable(name, span))?,
            "local" => self.statics.once("local", name, span, || self.local(name, span))?,
            "path" => self.path(name).ok_or_else(|| unknown(name))?,
            _ => return Err(unknown(name)),
        };
        Ok((value, 1))
    }
}

impl Known<'_> {
    fn variable(&self, name: &Arc<str>, span: Span) -> Answer {
        let module = self.statics.module;
        let Some(variable) = module.variables.get(name) else {
            let known = module.variables.keys().map(AsRef::as_ref);
            return Err(missing(&format!("variable `{name}`"), span, name, known));
        };
        let given = match self.statics.caller {
            Some((call, above)) => match call.arguments.get(name) {
                Some((_, expr)) => Some((above.evaluate(expr, self.given).map_err(first)?, expr.span)),
                None => None,
            },
            None => self.given.get(name).cloned(),
        };
        let nothing = Statics::new(module, None);
        let constant = Known { statics: &nothing, given: &Given::new() };
        let value = variable_value(variable, given, &constant).map_err(first)?;
        let value = value.ok_or_else(|| {
            let summary = format!("variable `{name}` has no value, and it is needed when modules are loaded");
            let error = Diagnostic::error(code::lang::NOT_STATIC, summary).at(span, "needed here");
            let error = error.at(variable.span, "declared here, without a default");
            Box::new(
                error.help(format!("give one: `--var {name}=…`, or a line `{name} = …` in `mlo.tfvars`")),
            )
        })?;
        Ok(variable_marked(variable, value))
    }

    fn local(&self, name: &Arc<str>, span: Span) -> Answer {
        let locals = &self.statics.module.locals;
        let local = locals.get(name).ok_or_else(|| {
            let known = locals.keys().map(AsRef::as_ref);
            missing(&format!("local value `{name}`"), span, name, known)
        })?;
        evaluate(&local.value, self).map_err(first)
    }

    fn path(&self, name: &str) -> Option<Value> {
        let module = match name {
            "module" => self.statics.module,
            "root" => self.statics.root(),
            _ => return None,
        };
        match &module.source {
            ModuleSource::Folder(folder) => Some(Value::string(folder.to_string_lossy().as_ref())),
            ModuleSource::Builtin(_) => None,
        }
    }
}

fn missing<'n>(what: &str, span: Span, name: &str, known: impl Iterator<Item = &'n str>) -> Box<Diagnostic> {
    let error = Diagnostic::error(code::lang::UNKNOWN_NAME, format!("there is no {what}")).at(span, "");
    Box::new(error.did_you_mean(name, known))
}

/// What is said of a name is one message: the first.
fn first(errors: Diagnostics) -> Box<Diagnostic> {
    let none = || Diagnostic::error(code::lang::NOT_STATIC, "a value is not known when modules are loaded");
    Box::new(errors.into_iter().next().unwrap_or_else(none))
}
